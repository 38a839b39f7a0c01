//! The file of people: one row, one identity.

use std::collections::HashMap;
use std::io::Read;

use model::configuration::{IdentitySource, PositionFile};
use model::feed::FeedIdentity;
use model::identity::{Context, Period};
use model::value::Attributes;

use super::FeedRow;
use super::columns::{self, Layout, PeriodColumns, short};
use super::findings::Findings;
use super::positions::{self, Positions};
use super::rows::Rows;
use crate::table::{Finding, Table};

#[derive(Default)]
pub(super) struct People {
    pub(super) identities: Vec<FeedIdentity>,
    pub(super) warnings: Findings,
    /// Positions nobody in the file of people holds.
    strangers: Positions,
}

impl People {
    pub(super) fn complain_about_strangers(&self, people: &str, file: &PositionFile, findings: &mut Findings) {
        let mut rows = self
            .strangers
            .iter()
            .flat_map(|(key, positions)| positions.iter().map(move |position| (position.line, position.column, key)))
            .collect::<Vec<_>>();
        rows.sort_unstable();
        for (line, column, key) in rows {
            let message = format!("nobody in {people} has the key \"{}\"", short(key));
            let header = Some(file.key.clone());
            findings.add(Finding { column: Some(column + 1), header, ..Finding::line(&file.file, line, message) });
        }
    }
}

pub(super) fn read(
    source: &IdentitySource,
    positions: Positions,
    input: &mut impl Read,
    display_name: &mut dyn FnMut(&FeedRow<'_>) -> Result<String, String>,
    findings: &mut Findings,
) -> People {
    let mut people = People { strangers: positions, ..People::default() };
    let table = match Table::open(&source.file, source.delimiter, input) {
        Ok(table) => table,
        Err(finding) => {
            findings.add(finding);
            return people;
        }
    };
    let key_column = columns::resolve(Some(&source.key), &table, findings);
    let manager_column = columns::resolve(source.manager.as_deref(), &table, findings);
    let period_columns = PeriodColumns::resolve(source.starts.as_deref(), source.ends.as_deref(), &table, findings);
    let layout = Layout::resolve(&source.attributes, &table, findings);
    let (Some(key_column), true) = (key_column, findings.is_empty()) else { return people };

    let mut rows = Rows::new(table, key_column);
    let mut lines = HashMap::<String, u64>::new();
    let mut repeated = Vec::new();
    while let Some(key) = rows.next_key(findings) {
        let Rows { table, record, .. } = &rows;
        let employment = period_columns.period(table, record, findings);
        let attributes = layout.attributes(table, record, findings);
        let manager_key = match manager_column.map(|column| columns::key(column, table, record)).transpose() {
            Ok(manager) => manager.flatten(),
            Err(finding) => {
                findings.add(finding);
                None
            }
        };
        let line = record.line_of(key_column);
        if let Some(earlier) = lines.get(&key) {
            let message = format!("\"{}\" stands on line {earlier} already", short(&key));
            repeated.push(table.at(line, key_column, message));
            continue;
        }
        lines.insert(key.clone(), line);
        // Nothing is returned once anything is wrong; what follows would only repeat it.
        if !findings.is_empty() || !repeated.is_empty() {
            people.strangers.remove(&key);
            continue;
        }
        let contexts = contexts(&mut people, &key, employment, source);
        let row =
            FeedRow { key: &key, attributes: &attributes, contexts: &contexts, manager_key: manager_key.as_deref() };
        let display_name = match display_name(&row) {
            Ok(name) if name.trim().is_empty() => {
                let message = format!("the expression for the name gives an empty text; the key \"{key}\" is shown");
                people.warnings.add(Finding::line(&source.file, line, message));
                key.clone()
            }
            Ok(name) => name,
            Err(message) => {
                let message = format!("the expression for the name failed: {message}");
                findings.add(Finding::line(&source.file, line, message));
                continue;
            }
        };
        people.identities.push(FeedIdentity { key, display_name, attributes, contexts, manager_key });
    }
    if rows.count == 0 && findings.is_empty() {
        let message = "the file has headers and no rows; that would make everybody a leaver. Send the full file";
        findings.add(Finding::line(rows.table.file(), 1, message));
    }
    complain_about_repeated(repeated, rows.count, &rows.table, key_column, findings);
    findings.suspect_headers(rows.table.headers());
    if let (Some(column), true) = (manager_column, findings.is_empty()) {
        warn_about_managers(&mut people, &lines, &rows.table, column);
    }
    people
}

/// A key that mostly repeats is no key: one finding says so instead of thousands.
fn complain_about_repeated<R: Read>(
    repeated: Vec<Finding>,
    rows: usize,
    table: &Table<R>,
    column: usize,
    findings: &mut Findings,
) {
    if rows >= 3 && repeated.len() * 2 > rows {
        let message = format!(
            "{} of {rows} keys repeat another; it is not the key, or the headers may be swapped",
            repeated.len()
        );
        findings.add(table.at(1, column, message));
    } else {
        for finding in repeated {
            findings.add(finding);
        }
    }
}

fn warn_about_managers<R: Read>(people: &mut People, lines: &HashMap<String, u64>, table: &Table<R>, column: usize) {
    for identity in &people.identities {
        if let Some(manager) = &identity.manager_key
            && !lines.contains_key(manager)
        {
            let message = format!("no row has the key \"{}\"; the manager stays unknown", short(manager));
            let line = lines.get(&identity.key).copied().unwrap_or_default();
            people.warnings.add(table.at(line, column, message));
        }
    }
}

/// Positions where there are any, otherwise the employment itself.
fn contexts(people: &mut People, key: &str, employment: Period, source: &IdentitySource) -> Vec<Context> {
    let rows = people.strangers.remove(key).unwrap_or_default();
    let file = source.positions.as_ref().map_or("", |positions| &positions.file);
    let warnings = &mut people.warnings;
    let contexts = positions::contexts(rows, employment, |position| {
        let message = format!("the position of \"{}\" lies outside the employment and never holds", short(key));
        warnings.add(Finding::line(file, position.line, message));
    });
    if contexts.is_empty() {
        vec![Context { key: "employment".to_owned(), priority: 0, period: employment, attributes: Attributes::new() }]
    } else {
        contexts
    }
}
