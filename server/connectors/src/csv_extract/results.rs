//! Result files: what became of a batch.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use model::command::{Applied, CommandError, LateAnswer};
use model::ids::OrderId;
use model::order::ErrorClass;

use super::{Folders, batch, guard, io_failure};
use crate::table::{Finding, Record, RowError, Table};

const SUFFIX: &str = ".result.csv";
/// What could not be read of a file whose answers were recorded.
const REJECTED: &str = ".rejected.txt";

/// One file of the inbox.
pub(super) struct ResultFile {
    name: String,
    pub(super) answers: Vec<LateAnswer>,
    /// What is wrong with it, one sentence each.
    pub(super) findings: Vec<String>,
}

/// Reads all result files, in the order of their names.
pub(super) fn read_all(folders: &Folders) -> Result<Vec<ResultFile>, CommandError> {
    folders.inbox.ensure()?;
    let failure = |error: std::io::Error| folders.inbox.failure(&error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folders.inbox.path).map_err(failure)? {
        if let Ok(name) = entry.map_err(failure)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    let mut files = Vec::new();
    for name in names {
        let path = folders.inbox.path.join(&name);
        if name.ends_with(SUFFIX) {
            files.push(read(folders, name, &path)?);
        } else if name.ends_with(REJECTED) {
            let text = std::fs::read_to_string(&path).map_err(|error| io_failure(&path, &error))?;
            let first = text.lines().next().unwrap_or_default();
            files.push(ResultFile { answers: Vec::new(), findings: vec![format!("{name}: {first}")], name });
        }
    }
    Ok(files)
}

/// Puts away each file whose answers are all recorded, and answers these. What could not be read of it stays behind
/// in a file of its own, until a person has looked at it.
pub(super) fn settle(
    folders: &Folders,
    recorded: impl Fn(&LateAnswer) -> bool,
) -> Result<Vec<LateAnswer>, CommandError> {
    let done = folders.inbox.path.join("done");
    let mut settled = Vec::new();
    for file in read_all(folders)? {
        if file.answers.is_empty() || !file.answers.iter().all(&recorded) {
            continue;
        }
        if !file.findings.is_empty() {
            let name = format!("{}{REJECTED}", file.name.strip_suffix(SUFFIX).unwrap_or(&file.name));
            batch::replace(&folders.inbox, &name, (file.findings.join("\n") + "\n").as_bytes())?;
        }
        std::fs::create_dir_all(&done)
            .and_then(|()| std::fs::rename(folders.inbox.path.join(&file.name), done.join(&file.name)))
            .map_err(|error| io_failure(&done, &error))?;
        settled.extend(file.answers);
    }
    Ok(settled)
}

fn read(folders: &Folders, name: String, path: &Path) -> Result<ResultFile, CommandError> {
    let file = File::open(path).map_err(|error| io_failure(path, &error))?;
    let mut answers = Vec::new();
    let mut findings = Vec::new();
    match Table::open(&name, None, file) {
        Ok(table) => rows(folders, &name, table, &mut answers, &mut findings),
        Err(finding) => findings.push(finding),
    }
    let findings = findings.iter().map(ToString::to_string).collect();
    Ok(ResultFile { name, answers, findings })
}

fn rows(
    folders: &Folders,
    name: &str,
    mut table: Table<File>,
    answers: &mut Vec<LateAnswer>,
    findings: &mut Vec<Finding>,
) {
    let optional = |name: &str| table.headers().iter().position(|header| header == name);
    let columns = (|| {
        Ok(Columns {
            order: table.column("order")?,
            result: table.column("result")?,
            fence: optional("fence"),
            key: optional("key"),
            class: optional("class"),
            refused: optional("refused"),
            message: optional("message"),
        })
    })();
    let columns = match columns {
        Ok(columns) => columns,
        Err(finding) => return findings.push(finding),
    };
    let keys = keys_of_batch(folders, name);
    let mut record = Record::default();
    let mut lines = HashMap::new();
    loop {
        match table.next(&mut record) {
            Ok(true) => {}
            Ok(false) => return,
            Err(RowError::Row(finding)) => {
                findings.push(finding);
                continue;
            }
            Err(RowError::File(finding)) => return findings.push(finding),
        }
        match columns.answer(&table, &record, name, &keys) {
            Ok(answer) => match lines.insert(answer.order, record.line()) {
                None => answers.push(answer),
                Some(line) => {
                    let message = format!("order {} was answered on line {line} already", answer.order);
                    findings.push(table.at(record.line(), columns.order, message));
                }
            },
            Err(finding) => findings.push(finding),
        }
    }
}

struct Columns {
    order: usize,
    result: usize,
    fence: Option<usize>,
    key: Option<usize>,
    class: Option<usize>,
    refused: Option<usize>,
    message: Option<usize>,
}

impl Columns {
    fn answer(
        &self,
        table: &Table<File>,
        record: &Record,
        file: &str,
        keys: &HashMap<OrderId, String>,
    ) -> Result<LateAnswer, Finding> {
        let number = |column: usize| {
            let text = record.cell(column).trim();
            text.parse::<i64>().map_err(|_| table.at(record.line(), column, format!("{text:?} is no whole number")))
        };
        let text = |column: Option<usize>| {
            let cell = column.map(|column| guard::open(record.cell(column))).unwrap_or_default();
            (!cell.is_empty()).then(|| cell.to_owned())
        };
        let order = OrderId(number(self.order)?);
        let fence = match self.fence.filter(|column| !record.cell(*column).trim().is_empty()) {
            Some(column) => Some(number(column)?),
            None => None,
        };
        let message = text(self.message);
        let result = record.cell(self.result).trim();
        let class = match text(self.class) {
            None => ErrorClass::Invalid,
            Some(name) => class(&name).ok_or_else(|| {
                let column = self.class.unwrap_or_default();
                table.at(record.line(), column, format!("{name:?} is no kind of error; see docs/FORMATS.md"))
            })?,
        };
        let result = match result {
            "ok" | "already" => {
                let refused = text(self.refused).unwrap_or_default();
                let why = message.clone().unwrap_or_else(|| "refused".to_owned());
                Ok(Applied {
                    key: text(self.key).or_else(|| keys.get(&order).cloned()),
                    adopted: false,
                    refused: refused
                        .split('|')
                        .filter(|name| !name.is_empty())
                        .map(|name| (name.to_owned(), why.clone()))
                        .collect(),
                    detail: format!("{file}: {}", message.as_deref().unwrap_or(result)),
                    ..Applied::default()
                })
            }
            "error" => {
                let message = message.unwrap_or_else(|| "the application gives no reason".to_owned());
                Err(CommandError::new(class, message))
            }
            other => {
                let message = format!("{other:?} is no result; write ok, already or error");
                return Err(table.at(record.line(), self.result, message));
            }
        };
        Ok(LateAnswer { order, fence, result })
    }
}

fn class(name: &str) -> Option<ErrorClass> {
    use ErrorClass::{
        Authentication, Conflict, Declined, Invalid, NotFound, Permission, Protocol, RateLimited, Transient, Unknown,
        Unsupported,
    };
    let all = [
        Transient,
        RateLimited,
        Authentication,
        Permission,
        Invalid,
        Conflict,
        NotFound,
        Unsupported,
        Protocol,
        Unknown,
        Declined,
    ];
    all.into_iter().find(|class| class.name() == name)
}

/// The keys that the batch asked for, where the result does not repeat them and the batch is still there.
fn keys_of_batch(folders: &Folders, result: &str) -> HashMap<OrderId, String> {
    let Some(stem) = result.strip_suffix(SUFFIX) else { return HashMap::new() };
    let name = format!("{stem}.csv");
    let outbox = &folders.outbox.path;
    let file = File::open(outbox.join(&name)).or_else(|_| File::open(outbox.join("done").join(&name)));
    let Ok(mut table) = file.map_err(drop).and_then(|file| Table::open(&name, None, file).map_err(drop)) else {
        return HashMap::new();
    };
    let (Ok(order), Ok(key)) = (table.column("order"), table.column("key")) else { return HashMap::new() };
    let mut keys = HashMap::new();
    let mut record = Record::default();
    while let Ok(true) = table.next(&mut record) {
        let key = guard::open(record.cell(key));
        if let (Ok(order), false) = (record.cell(order).parse(), key.is_empty()) {
            keys.insert(OrderId(order), key.to_owned());
        }
    }
    keys
}
