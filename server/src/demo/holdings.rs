//! What a system of the demo holds, in a CSV file that serves as its extract (`docs/FORMATS.md`): accounts with
//! attributes, a status, and entitlements.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use model::plan::Operation;

/// Columns of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) key: &'static str,
    pub(super) attributes: &'static [&'static str],
    pub(super) entitlements: &'static str,
}

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    disabled: bool,
    attributes: BTreeMap<String, String>,
    entitlements: BTreeSet<String>,
}

/// What is to be done to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) operation: Operation,
    pub(super) key: String,
    /// Attributes to set, or to clear.
    pub(super) attributes: Vec<(String, Option<String>)>,
    /// Entitlements to add, or to take away.
    pub(super) entitlements: Vec<(String, bool)>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Already,
    /// Another account has the key.
    Conflict,
    NotFound,
}

/// All accounts of one system.
#[derive(Debug)]
pub(super) struct Holdings {
    file: PathBuf,
    layout: Layout,
    accounts: BTreeMap<String, Holding>,
}

impl Holdings {
    /// Reads the file, or writes one without accounts.
    pub(super) fn open(file: &Path, layout: Layout) -> std::io::Result<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut holdings = Self { file: file.to_owned(), layout, accounts: BTreeMap::new() };
        if file.exists() {
            holdings.read()?;
        } else {
            holdings.save()?;
        }
        Ok(holdings)
    }

    /// Does it, in memory.
    pub(super) fn apply(&mut self, change: &Change) -> Answer {
        let known = self.accounts.get(&change.key);
        let mut wanted = match (change.operation, known) {
            (Operation::Delete, known) => {
                let answer = if known.is_some() { Answer::Done } else { Answer::Already };
                self.accounts.remove(&change.key);
                return answer;
            }
            (Operation::Create, _) => Holding::default(),
            (_, None) => return Answer::NotFound,
            (_, Some(known)) => known.clone(),
        };
        for (name, value) in &change.attributes {
            match value {
                Some(value) => drop(wanted.attributes.insert(name.clone(), value.clone())),
                None => drop(wanted.attributes.remove(name)),
            }
        }
        wanted.attributes.remove(self.layout.key);
        for (name, add) in &change.entitlements {
            if *add {
                wanted.entitlements.insert(name.clone());
            } else {
                wanted.entitlements.remove(name);
            }
        }
        match change.operation {
            Operation::Disable => wanted.disabled = true,
            Operation::Enable => wanted.disabled = false,
            _ => {}
        }
        match known {
            Some(known) if *known == wanted => Answer::Already,
            Some(_) if change.operation == Operation::Create => Answer::Conflict,
            _ => {
                self.accounts.insert(change.key.clone(), wanted);
                Answer::Done
            }
        }
    }

    /// Writes the file anew, complete under its name from the first moment.
    pub(super) fn save(&self) -> std::io::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let ends = ["status", self.layout.entitlements];
        writer.write_record(std::iter::once(&self.layout.key).chain(self.layout.attributes).chain(&ends))?;
        for (key, holding) in &self.accounts {
            let value = |name: &&str| holding.attributes.get(*name).map_or("", String::as_str);
            let entitlements = holding.entitlements.iter().map(String::as_str).collect::<Vec<_>>().join("|");
            let status = if holding.disabled { "disabled" } else { "enabled" };
            let cells = std::iter::once(key.as_str()).chain(self.layout.attributes.iter().map(value));
            writer.write_record(cells.chain([status, &entitlements]).map(guarded))?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        replace(&self.file, &bytes)
    }

    fn read(&mut self) -> std::io::Result<()> {
        let mut reader = csv::Reader::from_path(&self.file)?;
        let headers = reader.headers()?.clone();
        for record in reader.records() {
            let record = record?;
            let mut holding = Holding::default();
            let mut key = String::new();
            for (name, cell) in headers.iter().zip(record.iter().map(unguarded)) {
                match name {
                    name if name == self.layout.key => key = cell,
                    "status" => holding.disabled = cell == "disabled",
                    name if name == self.layout.entitlements => {
                        holding.entitlements =
                            cell.split('|').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                    }
                    _ if cell.is_empty() => {}
                    name => drop(holding.attributes.insert(name.to_owned(), cell)),
                }
            }
            self.accounts.insert(key, holding);
        }
        Ok(())
    }
}

/// Writes beside the file and takes its place, so that nobody reads half of it.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(beside, file)
}

/// A cell as the other side meant it: the guard against formulas taken off.
pub(super) fn unguarded(cell: &str) -> String {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest.to_owned(),
        _ => cell.to_owned(),
    }
}

fn guarded(cell: &str) -> String {
    if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// What a spreadsheet would calculate, see `docs/FORMATS.md`.
fn is_formula(text: &str) -> bool {
    let without_apostrophes = text.trim_start_matches('\'');
    let bare = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\u{feff}'));
    without_apostrophes.starts_with(['\t', '\r', '\n'])
        || bare.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}
