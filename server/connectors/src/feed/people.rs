//! The file of people: one row, one identity.

use std::collections::HashMap;
use std::io::Read;

use jiff::civil::Date;
use model::configuration::IdentitySource;
use model::feed::FeedIdentity;
use model::identity::{Context, Period};
use model::value::Attributes;

use super::FeedRow;
use super::columns::{self, Layout, PeriodColumns, short};
use super::contexts::{self, MOST_CONTEXTS, Record, Section};
use super::findings::Findings;
use super::positions;
use super::records::{self, Described, RecordColumns, Records, Row};
use super::rows::Rows;
use crate::table::{Finding, Table};

#[derive(Default)]
pub(super) struct People {
    pub(super) identities: Vec<FeedIdentity>,
    pub(super) warnings: Findings,
    /// Of each file of records, what nobody in the file of people has.
    strangers: Vec<Records>,
}

impl People {
    /// The files in the order in which their rows were given.
    pub(super) fn complain_about_strangers(&self, people: &str, files: &[Described<'_>], findings: &mut Findings) {
        for (strangers, described) in self.strangers.iter().zip(files) {
            records::complain_about_strangers(strangers, people, described, findings);
        }
    }
}

pub(super) fn read(
    source: &IdentitySource,
    beside: Vec<Records>,
    input: &mut impl Read,
    display_name: &mut dyn FnMut(&FeedRow<'_>) -> Result<String, String>,
    findings: &mut Findings,
) -> People {
    let mut people = People { strangers: beside, ..People::default() };
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
    let own: Vec<Option<RecordColumns>> = source
        .sections
        .values()
        .map(|section| section.file.is_none().then(|| RecordColumns::of_section(section, &table, findings)))
        .collect();
    let (Some(key_column), true) = (key_column, findings.is_empty()) else { return people };

    let mut rows = Rows::new(table, key_column);
    let mut lines = HashMap::<String, u64>::new();
    let mut repeated = Vec::new();
    while let Some(key) = rows.next_key(findings) {
        let Rows { table, record, .. } = &rows;
        let employment = period_columns.period(table, record, findings);
        let attributes = layout.attributes(table, record, findings);
        let own: Vec<Option<Row>> = own
            .iter()
            .map(|columns| columns.as_ref().map(|columns| columns.row(key_column, table, record, findings)))
            .collect();
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
            people.strangers.iter_mut().for_each(|records| drop(records.remove(&key)));
            continue;
        }
        let contexts = match people.contexts(&key, employment, own, source) {
            Ok(contexts) => contexts,
            Err(message) => {
                findings.add(Finding::line(&source.file, line, message));
                continue;
            }
        };
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

impl People {
    /// By sections where the source has any, otherwise by positions. Somebody with neither has the employment itself.
    fn contexts(
        &mut self,
        key: &str,
        employment: Period,
        own: Vec<Option<Row>>,
        source: &IdentitySource,
    ) -> Result<Vec<Context>, String> {
        if !source.sections.is_empty() {
            return self.of_sections(key, employment, own, source);
        }
        let rows = self.strangers.iter_mut().find_map(|records| records.remove(key)).unwrap_or_default();
        let file = source.positions.as_ref().map_or("", |positions| &positions.file);
        let warnings = &mut self.warnings;
        let contexts = positions::contexts(rows, employment, |line| {
            let message = format!("the position of \"{}\" lies outside the employment and never holds", short(key));
            warnings.add(Finding::line(file, line, message));
        });
        Ok(if contexts.is_empty() { vec![employed(employment)] } else { contexts })
    }

    fn of_sections(
        &mut self,
        key: &str,
        employment: Period,
        own: Vec<Option<Row>>,
        source: &IdentitySource,
    ) -> Result<Vec<Context>, String> {
        let mut files = self.strangers.iter_mut();
        let mut sections = Vec::with_capacity(source.sections.len());
        for ((name, section), own) in source.sections.iter().zip(own) {
            let rows = match own {
                // A row that says nothing of the section is no record of it.
                Some(row) => Some(row).filter(|row| !row.attributes.is_empty()).into_iter().collect(),
                None => files.next().and_then(|records| records.remove(key)).unwrap_or_default(),
            };
            let record = |(key, row): (String, Row)| {
                let Row { period, priority, sort_key, attributes, .. } = row;
                Record { key, period, priority, sort_key, attributes }
            };
            let records = positions::numbered(rows).into_iter().map(record).collect();
            sections.push(Section { name, is: section, records });
        }
        let found = contexts::contexts(sections, employment).map_err(|_| {
            format!(
                "the records of \"{}\" make more than {MOST_CONTEXTS} combinations; end those that do not hold any more",
                short(key)
            )
        })?;
        if found.is_empty() {
            let message = format!("nothing says that \"{}\" is there on any day", short(key));
            self.warnings.add(Finding::file(&source.file, message));
            // Without a context somebody would count as there for ever.
            return Ok(vec![Context { period: NEVER, ..employed(employment) }]);
        }
        Ok(found)
    }
}

/// One day of long ago: somebody who is never there is a leaver.
const NEVER: Period = Period { starts: Some(Date::constant(1900, 1, 1)), ends: Some(Date::constant(1900, 1, 2)) };

fn employed(period: Period) -> Context {
    Context { key: "employment".to_owned(), priority: 0, period, attributes: Attributes::new(), filled: Vec::new() }
}
