//! A file beside the one of people, with any number of rows for each of them: positions, or the records of a section.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use model::configuration::{Column, PositionFile, RecordSection};
use model::identity::Period;
use model::value::Attributes;

use super::columns::{self, Layout, PeriodColumns, short};
use super::contexts::SortKey;
use super::findings::Findings;
use super::rows::Rows;
use crate::table::{self, Finding, Table};

/// Rows by the key of whose they are.
pub(super) type Records = HashMap<String, Vec<Row>>;

/// One row.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) column: usize,
    /// Key of the record itself, where a column has it.
    pub(super) key: Option<String>,
    pub(super) period: Period,
    pub(super) priority: i32,
    pub(super) sort_key: SortKey,
    pub(super) attributes: Attributes,
}

/// Which column of a file holds what.
pub(super) struct Described<'a> {
    /// What a row is: "position".
    pub(super) noun: String,
    pub(super) file: &'a str,
    /// Column with the person's key.
    pub(super) key: &'a str,
    columns: Names<'a>,
}

struct Names<'a> {
    record: Option<&'a str>,
    starts: Option<&'a str>,
    ends: Option<&'a str>,
    priority: Option<&'a str>,
    sort_key: Option<&'a str>,
    attributes: &'a BTreeMap<String, Column>,
}

impl<'a> Described<'a> {
    pub(super) fn positions(file: &'a PositionFile) -> Self {
        let columns = Names {
            record: None,
            starts: Some(&file.starts),
            ends: Some(&file.ends),
            priority: file.priority.as_deref(),
            sort_key: None,
            attributes: &file.attributes,
        };
        Self { noun: "position".to_owned(), file: &file.file, key: &file.key, columns }
    }

    /// None where the section is a part of the person's row.
    pub(super) fn section(name: &str, section: &'a RecordSection) -> Option<Self> {
        let (file, key) = (section.file.as_deref()?, section.key.as_deref().unwrap_or_default());
        Some(Self { noun: format!("record of `{name}`"), file, key, columns: Names::of(section) })
    }
}

impl<'a> Names<'a> {
    fn of(section: &'a RecordSection) -> Self {
        Self {
            record: section.record.as_deref(),
            starts: section.starts.as_deref(),
            ends: section.ends.as_deref(),
            priority: section.priority.as_deref(),
            sort_key: section.sort_key.as_deref(),
            attributes: &section.attributes,
        }
    }
}

/// The columns of a file, found.
pub(super) struct RecordColumns {
    record: Option<usize>,
    period: PeriodColumns,
    priority: Option<usize>,
    sort_key: Option<usize>,
    layout: Layout,
}

impl RecordColumns {
    /// Those of a section that is a part of the person's row.
    pub(super) fn of_section<R: Read>(section: &RecordSection, table: &Table<R>, findings: &mut Findings) -> Self {
        Self::resolve(&Names::of(section), table, findings)
    }

    fn resolve<R: Read>(names: &Names<'_>, table: &Table<R>, findings: &mut Findings) -> Self {
        Self {
            record: columns::resolve(names.record, table, findings),
            period: PeriodColumns::resolve(names.starts, names.ends, table, findings),
            priority: columns::resolve(names.priority, table, findings),
            sort_key: columns::resolve(names.sort_key, table, findings),
            layout: Layout::resolve(names.attributes, table, findings),
        }
    }

    /// What a row says.
    pub(super) fn row<R: Read>(
        &self,
        column: usize,
        table: &Table<R>,
        record: &table::Record,
        findings: &mut Findings,
    ) -> Row {
        let period = self.period.period(table, record, findings);
        let priority = match self.priority {
            // All the same where nothing tells them apart.
            None => 0,
            // Settled question 4 speaks of the smallest explicit priority: without one, a position comes last.
            Some(column) => match columns::integer(column, table, record, findings) {
                None => i32::MAX,
                Some(number) => i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX }),
            },
        };
        let key = match self.record.map(|column| columns::key(column, table, record)).transpose() {
            Ok(Some(None)) => {
                findings.add(table.at(record.line(), self.record.unwrap_or_default(), "the record's key is missing"));
                None
            }
            Ok(key) => key.flatten(),
            Err(finding) => {
                findings.add(finding);
                None
            }
        };
        let sort_key = self.sort_key.map(|column| SortKey::of(record.cell(column).trim())).unwrap_or_default();
        let attributes = self.layout.attributes(table, record, findings);
        Row { line: record.line(), column, key, period, priority, sort_key, attributes }
    }
}

pub(super) fn read(
    described: &Described<'_>,
    delimiter: Option<char>,
    input: &mut impl Read,
    findings: &mut Findings,
) -> Records {
    let mut records = Records::new();
    let table = match Table::open(described.file, delimiter, input) {
        Ok(table) => table,
        Err(finding) => {
            findings.add(finding);
            return records;
        }
    };
    let key_column = columns::resolve(Some(described.key), &table, findings);
    let record_columns = RecordColumns::resolve(&described.columns, &table, findings);
    let (Some(key_column), true) = (key_column, findings.is_empty()) else { return records };

    let mut rows = Rows::new(table, key_column);
    let mut known: HashMap<(String, String), u64> = HashMap::new();
    while let Some(key) = rows.next_key(findings) {
        let Rows { table, record, .. } = &rows;
        let row = record_columns.row(key_column, table, record, findings);
        if let (Some(own), Some(column)) = (&row.key, record_columns.record)
            && let Some(earlier) = known.insert((key.clone(), own.clone()), row.line)
        {
            let message = format!("\"{}\" has the record \"{}\" on line {earlier} already", short(&key), short(own));
            findings.add(table.at(row.line, column, message));
        }
        records.entry(key).or_default().push(row);
    }
    if rows.count == 0 && findings.is_empty() {
        let noun = &described.noun;
        let message = format!("the file has headers and no rows; that would end every {noun}. Send the full file");
        findings.add(Finding::line(rows.table.file(), 1, message));
    }
    findings.suspect_headers(rows.table.headers());
    records
}

/// Complains about rows of people who are not in the file of people.
pub(super) fn complain_about_strangers(
    strangers: &Records,
    people: &str,
    described: &Described<'_>,
    findings: &mut Findings,
) {
    let mut rows: Vec<(u64, usize, &String)> =
        strangers.iter().flat_map(|(key, rows)| rows.iter().map(move |row| (row.line, row.column, key))).collect();
    rows.sort_unstable();
    for (line, column, key) in rows {
        let message = format!("nobody in {people} has the key \"{}\"", short(key));
        let header = Some(described.key.to_owned());
        findings.add(Finding { column: Some(column + 1), header, ..Finding::line(described.file, line, message) });
    }
}
