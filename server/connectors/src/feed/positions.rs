//! The second file: who holds which position, from when to when.

use std::collections::HashMap;
use std::io::Read;

use model::configuration::PositionFile;
use model::identity::{Context, Period};
use model::value::Attributes;

use super::columns::{self, Layout, PeriodColumns};
use super::findings::Findings;
use super::rows::Rows;
use crate::table::{Finding, Table};

/// Positions by the key of who holds them.
pub(super) type Positions = HashMap<String, Vec<Position>>;

/// One row.
pub(super) struct Position {
    pub(super) line: u64,
    pub(super) column: usize,
    pub(super) period: Period,
    priority: i32,
    attributes: Attributes,
}

pub(super) fn read(
    file: &PositionFile,
    delimiter: Option<char>,
    input: &mut impl Read,
    findings: &mut Findings,
) -> Positions {
    let mut positions = Positions::new();
    let table = match Table::open(&file.file, delimiter, input) {
        Ok(table) => table,
        Err(finding) => {
            findings.add(finding);
            return positions;
        }
    };
    let key_column = columns::resolve(Some(&file.key), &table, findings);
    let period_columns = PeriodColumns::resolve(Some(&file.starts), Some(&file.ends), &table, findings);
    let priority_column = columns::resolve(file.priority.as_deref(), &table, findings);
    let layout = Layout::resolve(&file.attributes, &table, findings);
    let (Some(key_column), true) = (key_column, findings.is_empty()) else { return positions };

    let mut rows = Rows::new(table, key_column);
    while let Some(key) = rows.next_key(findings) {
        let Rows { table, record, .. } = &rows;
        let period = period_columns.period(table, record, findings);
        let priority = match priority_column {
            // All the same where nothing tells them apart.
            None => 0,
            // Settled question 4 speaks of the smallest explicit priority: without one, a position comes last.
            Some(column) => match columns::integer(column, table, record, findings) {
                None => i32::MAX,
                Some(number) => i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX }),
            },
        };
        let attributes = layout.attributes(table, record, findings);
        let position = Position { line: record.line(), column: key_column, period, priority, attributes };
        positions.entry(key).or_default().push(position);
    }
    if rows.count == 0 && findings.is_empty() {
        let message = "the file has headers and no rows; that would end every position. Send the full file";
        findings.add(Finding::line(rows.table.file(), 1, message));
    }
    findings.suspect_headers(rows.table.headers());
    positions
}

/// The contexts of one person. A position holds only while the employment does; what lies outside is named to `outside`.
///
/// The key is the position's first day and a number, from 1, that tells apart what begins on the same day. Rows are
/// numbered by what they say and not by where they stand, and the last day is looked at last: neither another order of
/// the file nor an end that becomes known gives a position another key.
pub(super) fn contexts(
    mut positions: Vec<Position>,
    employment: Period,
    mut outside: impl FnMut(&Position),
) -> Vec<Context> {
    positions.sort_by(|a, b| {
        let of = |position: &Position| (position.period.starts, position.priority, position.period.ends);
        (a.period.starts, &a.attributes).cmp(&(b.period.starts, &b.attributes)).then_with(|| of(a).cmp(&of(b)))
    });
    positions.dedup_by(|a, b| (a.period, a.priority, &a.attributes) == (b.period, b.priority, &b.attributes));
    let mut contexts = Vec::with_capacity(positions.len());
    let mut number = 0;
    let mut before = None;
    for position in positions {
        let starts = position.period.starts;
        number = if before == Some(starts) { number + 1 } else { 1 };
        before = Some(starts);
        let key = match starts {
            Some(starts) => format!("{starts}/{number}"),
            None => format!("open/{number}"),
        };
        match intersection(position.period, employment) {
            Some(period) => {
                contexts.push(Context { key, priority: position.priority, period, attributes: position.attributes });
            }
            None => outside(&position),
        }
    }
    contexts
}

/// The days in both, or none.
fn intersection(left: Period, right: Period) -> Option<Period> {
    let starts = left.starts.max(right.starts);
    let ends = match (left.ends, right.ends) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    };
    match (starts, ends) {
        (Some(starts), Some(ends)) if starts >= ends => None,
        _ => Some(Period { starts, ends }),
    }
}
