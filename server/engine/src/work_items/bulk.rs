//! Provisioning by hand in bulk: open lines of many work items as a list or a file, and reports on them, from ticks or
//! from the filled file. Each line is answered for itself; what is not taken is named and kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use connectors::sheet::{self, Row, Sheet, WriteError};
use model::error::{ApiError, ErrorCode};
use model::ids::{OrderItemId, WorkItemId, WorkItemUploadId};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::user::Duty;
use model::view::{BulkFilter, BulkLine, WorkItemUpload};
use model::work_item::{LineOutcome, LineReport, WorkItemState};
use store::StoreError;

use super::change::actor;
use super::report::{Told, report};
use crate::context::OpContext;
use crate::error::internal;

/// May work on many at once.
pub const BULK: &str = "/WorkItems/Bulk";
/// Lines on one page.
pub const ON_A_PAGE: usize = 200;
/// Lines in one file, and rows that are taken from one.
pub const IN_A_FILE: u32 = 5_000;

/// Columns of the file. Those behind `due` are filled in; the first two say which line it is.
const HEADERS: [&str; 16] = [
    "work_item",
    "line",
    "person",
    "number",
    "account",
    "account_type",
    "operation",
    "what",
    "do",
    "value",
    "due",
    "outcome",
    "actual_value",
    "reason",
    "note",
    "reference",
];

/// Open lines, and what there is to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenLines {
    pub lines: Vec<BulkLine>,
    /// There are more than those.
    pub more: bool,
    /// Application, account type and operation, where there is open work that the caller may do.
    pub kinds: Vec<(String, String, Operation)>,
}

/// Open lines for a page, as they are due.
pub async fn open_lines(op: &OpContext, filter: &BulkFilter) -> Result<OpenLines, ApiError> {
    let mut lines = lines(op, filter).await?;
    let more = lines.len() > ON_A_PAGE;
    lines.truncate(ON_A_PAGE);
    let mut kinds = op.engine.store().kinds_of_open_work().await.map_err(internal)?;
    kinds.retain(|(_, account_type, _)| Duty::Fulfil.is_allowed(&op.permissions, account_type));
    Ok(OpenLines { lines, more, kinds })
}

/// Open lines as a file to fill in.
pub async fn file(op: &OpContext, filter: &BulkFilter) -> Result<String, ApiError> {
    sheet::write(&HEADERS, lines(op, filter).await?.iter().map(row)).map_err(unwritable)
}

fn unwritable(error: WriteError) -> ApiError {
    tracing::error!(error = &error as &dyn std::error::Error, "Lines of work items could not be written");
    ApiError::internal()
}

async fn lines(op: &OpContext, filter: &BulkFilter) -> Result<Vec<BulkLine>, ApiError> {
    require(op)?;
    let mut lines = op.engine.store().bulk_lines(filter, IN_A_FILE).await.map_err(internal)?;
    lines.retain(|line| Duty::Fulfil.is_allowed(&op.permissions, &line.account_type));
    Ok(lines)
}

fn require(op: &OpContext) -> Result<(), ApiError> {
    op.require(BULK)?;
    op.require_duty_somewhere(Duty::Fulfil)
}

/// What is to be done with a line, in a word.
pub fn verb(kind: ItemKind, operation: ItemOperation, account: Operation) -> &'static str {
    match (kind, operation) {
        (ItemKind::Lifecycle, _) => match account {
            Operation::Create => "create",
            Operation::Enable => "enable",
            Operation::Disable => "disable",
            Operation::Delete => "delete",
            Operation::Update => "change",
        },
        (ItemKind::Entitlement, ItemOperation::Remove) => "take away",
        (ItemKind::Entitlement, _) => "give",
        (ItemKind::Attribute, ItemOperation::Remove) => "clear",
        (ItemKind::Attribute, _) => "set",
    }
}

fn row(line: &BulkLine) -> Vec<String> {
    let value = match (&line.value, line.secret) {
        (Some(_), true) => "(secret)".to_owned(),
        (Some(value), false) => value.to_string(),
        (None, _) => String::new(),
    };
    let what = if line.kind == ItemKind::Lifecycle { "the account itself".to_owned() } else { line.name.clone() };
    let filled = [
        line.work_item.to_string(),
        line.line.to_string(),
        line.identity_name.clone(),
        line.identity_key.clone(),
        line.key.clone().unwrap_or_default(),
        line.account_type.clone(),
        line.operation.name().to_owned(),
        what,
        verb(line.kind, line.item_operation, line.operation).to_owned(),
        value,
        line.due_at.map(|at| at.strftime("%F %H:%M").to_string()).unwrap_or_default(),
    ];
    filled.into_iter().chain(std::iter::repeat_n(String::new(), HEADERS.len() - 11)).collect()
}

/// What one row, or one tick, says.
#[derive(Clone, Debug)]
struct Said {
    /// Where it stands, for messages.
    at: u64,
    work_item: WorkItemId,
    report: LineReport,
    note: String,
    reference: String,
}

/// Takes reports from a filled file, or from cells that were pasted. Answers what became of it, which is kept.
pub async fn upload(op: &OpContext, text: &str) -> Result<WorkItemUpload, ApiError> {
    require(op)?;
    let given = text.trim_start_matches('\u{feff}');
    if given.trim().is_empty() {
        return Err(ApiError::invalid(
            "file",
            "The file is empty. Choose the filled file, or paste its rows with the header.",
        ));
    }
    let id = WorkItemUploadId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    let mut upload = empty(op, id);
    match understood(given) {
        Ok((read, columns)) => {
            let (said, mut refused) = columns.read(&read, &mut upload.blank);
            refused.extend(take(op, said, &mut upload).await?);
            upload.rest = rest(&read, &refused).map_err(unwritable)?;
            if let Some((line, why, _)) = &read.broken {
                refused.insert(*line, format!("From here on it cannot be read: {}", sentence(why)));
            }
            upload.refused = refused.into_iter().collect();
        }
        // Nothing of it is taken, and nothing of it is lost.
        Err(why) => (upload.refused, upload.rest) = (vec![(1, why)], given.to_owned()),
    }
    let kept = upload.clone();
    let work = op.engine.store().write(move |tx| Box::pin(async move { tx.keep_upload(&kept).await }));
    work.await.map_err(|error: StoreError| internal(error))?;
    Ok(upload)
}

/// The file with its columns, or why nothing of it can be taken.
fn understood(text: &str) -> Result<(Sheet, Columns), String> {
    let read = sheet::read("the file", text).map_err(|why| sentence(&why))?;
    let columns = Columns::of(&read)?;
    if read.rows.len() > usize::try_from(IN_A_FILE).unwrap_or(usize::MAX) {
        let rows = read.rows.len();
        return Err(format!("The file has {rows} rows; at most {IN_A_FILE} are taken at once. Send it in parts."));
    }
    Ok((read, columns))
}

/// What became of a file that the caller sent.
pub async fn uploaded(op: &OpContext, id: WorkItemUploadId) -> Result<WorkItemUpload, ApiError> {
    require(op)?;
    let found = op.engine.store().upload(id).await.map_err(internal)?;
    let own = found.filter(|upload| upload.user == actor(op));
    own.ok_or_else(|| ApiError::not_found(format!("file {id} that you sent")))
}

/// Reports the same of many lines. Refused ones are told by the number of their line.
pub async fn report_lines(
    op: &OpContext,
    lines: &[(WorkItemId, OrderItemId)],
    outcome: LineOutcome,
    note: &str,
    reference: &str,
) -> Result<WorkItemUpload, ApiError> {
    require(op)?;
    if lines.is_empty() {
        return Err(ApiError::invalid("lines", "No line is ticked. Tick at least one, then confirm or report."));
    }
    let said = lines.iter().map(|(work_item, line)| Said {
        at: line.0.unsigned_abs(),
        work_item: *work_item,
        report: LineReport { line: *line, outcome: outcome.clone() },
        note: note.to_owned(),
        reference: reference.to_owned(),
    });
    let mut upload = empty(op, WorkItemUploadId(0));
    upload.refused = take(op, said.collect(), &mut upload).await?.into_iter().collect();
    Ok(upload)
}

fn empty(op: &OpContext, id: WorkItemUploadId) -> WorkItemUpload {
    WorkItemUpload {
        id,
        user: actor(op),
        at: op.now,
        taken: 0,
        blank: 0,
        closed: 0,
        refused: Vec::new(),
        rest: String::new(),
    }
}

/// Reports work item by work item. Where one is not taken as a whole, line by line: one bad line holds up no other.
async fn take(op: &OpContext, said: Vec<Said>, upload: &mut WorkItemUpload) -> Result<BTreeMap<u64, String>, ApiError> {
    let mut refused = BTreeMap::new();
    let mut by_item: BTreeMap<WorkItemId, Vec<Said>> = BTreeMap::new();
    for one in said {
        by_item.entry(one.work_item).or_default().push(one);
    }
    for (id, said) in by_item {
        let last = |text: fn(&Said) -> &str| {
            let mut texts = said.iter().rev().map(text).filter(|text| !text.trim().is_empty());
            texts.next().unwrap_or_default().to_owned()
        };
        let together = Told {
            lines: said.iter().map(|said| said.report.clone()).collect(),
            rest: None,
            note: last(|said| &said.note),
            reference: last(|said| &said.reference),
        };
        match report(op, id, &together).await {
            Ok(item) => {
                upload.taken += said.len() as u64;
                upload.closed += u64::from(item.state != WorkItemState::Open);
            }
            Err(error) if error.code == ErrorCode::Internal => return Err(error),
            Err(error) if said.len() == 1 => refused.extend(said.iter().map(|said| (said.at, error.message.clone()))),
            Err(_) => {
                for said in said {
                    let alone = Told { lines: vec![said.report], ..together.clone() };
                    match report(op, id, &alone).await {
                        Ok(item) => {
                            upload.taken += 1;
                            upload.closed += u64::from(item.state != WorkItemState::Open);
                        }
                        Err(error) if error.code == ErrorCode::Internal => return Err(error),
                        Err(error) => {
                            refused.insert(said.at, error.message);
                        }
                    }
                }
            }
        }
    }
    Ok(refused)
}

/// Where the columns are that are read.
struct Columns {
    work_item: usize,
    line: usize,
    outcome: usize,
    by_name: HashMap<&'static str, usize>,
}

impl Columns {
    fn of(sheet: &Sheet) -> Result<Self, String> {
        let place = |name: &str| sheet.headers.iter().position(|header| header.eq_ignore_ascii_case(name));
        let needed = |name: &str| {
            place(name).ok_or_else(|| {
                format!(
                    "There is no column `{name}`. The first line has to hold the headers of the file that you \
                     downloaded; it has: {}.",
                    sheet.headers.join(", ").chars().take(300).collect::<String>()
                )
            })
        };
        Ok(Self {
            work_item: needed("work_item")?,
            line: needed("line")?,
            outcome: needed("outcome")?,
            by_name: HEADERS.iter().skip(12).filter_map(|name| Some((*name, place(name)?))).collect(),
        })
    }

    /// What rows say, and why some cannot be understood. Rows that say nothing yet are counted.
    fn read(&self, sheet: &Sheet, blank: &mut u64) -> (Vec<Said>, BTreeMap<u64, String>) {
        let (mut said, mut refused) = (Vec::new(), BTreeMap::new());
        let mut seen = BTreeSet::new();
        for row in &sheet.rows {
            match self.row(row) {
                Ok(None) => *blank += 1,
                Ok(Some(one)) if !seen.insert(one.report.line) => {
                    refused.insert(row.line, format!("The line {} is in the file twice.", one.report.line));
                }
                Ok(Some(one)) => said.push(one),
                Err(why) => {
                    refused.insert(row.line, why);
                }
            }
        }
        (said, refused)
    }

    fn row(&self, row: &Row) -> Result<Option<Said>, String> {
        if let Some(problem) = &row.problem {
            return Err(sentence(problem));
        }
        let cell = |position: usize| row.cells.get(position).map_or("", |cell| cell.trim());
        let named = |name: &str| self.by_name.get(name).map_or("", |position| cell(*position)).to_owned();
        let (actual, reason) = (named("actual_value"), named("reason"));
        let outcome = match cell(self.outcome).to_lowercase().replace(['_', '-'], " ").as_str() {
            "" if actual.is_empty() && reason.is_empty() => return Ok(None),
            "" => return Err("It says what was set or why not, but no outcome. Write done or cannot do.".to_owned()),
            "done" | "x" | "yes" | "ok" => LineOutcome::Done { actual: Some(actual).filter(|text| !text.is_empty()) },
            "cannot do" | "cannot" | "cannot be done" | "no" => LineOutcome::CannotDo { why: reason },
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(format!("`{other}` is no outcome. Write done, or cannot do, or leave it empty."));
            }
        };
        let number = |position: usize, what: &str| {
            let given = cell(position);
            let shown: String = given.chars().take(40).collect();
            given
                .parse::<i64>()
                .map_err(|_| format!("`{shown}` is no number of a {what}. Leave that column as it was."))
        };
        Ok(Some(Said {
            at: row.line,
            work_item: WorkItemId(number(self.work_item, "work item")?),
            report: LineReport { line: OrderItemId(number(self.line, "line")?), outcome },
            note: named("note"),
            reference: named("reference"),
        }))
    }
}

/// The rows that were not taken, with their header.
fn rest(sheet: &Sheet, refused: &BTreeMap<u64, String>) -> Result<String, WriteError> {
    let rows: Vec<&Row> = sheet.rows.iter().filter(|row| refused.contains_key(&row.line)).collect();
    if rows.is_empty() && sheet.broken.is_none() {
        return Ok(String::new());
    }
    let headers: Vec<&str> = sheet.headers.iter().map(String::as_str).collect();
    let mut text = sheet::write(&headers, rows.into_iter().map(|row| row.cells.clone()))?;
    if let Some((_, _, broken)) = &sheet.broken {
        text.push_str(broken);
    }
    Ok(text)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
