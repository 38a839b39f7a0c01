//! The contexts of somebody whose source has positions: each of them is one.

use model::identity::{Context, Period};

use super::records::Row;

/// Keys of what has none of its own, in the order of the rows that are given back: the first day and a number, from 1, that tells
/// apart what begins on the same day. Rows are numbered by what they say and not by where they stand, and the last day is
/// looked at last: neither another order of the file nor an end that becomes known gives a row another key. Equal rows
/// count once.
pub(super) fn numbered(mut rows: Vec<Row>) -> Vec<(String, Row)> {
    rows.sort_by(|a, b| {
        let of = |row: &Row| (row.period.starts, row.priority, row.sort_key.clone(), row.period.ends);
        (a.period.starts, &a.attributes).cmp(&(b.period.starts, &b.attributes)).then_with(|| of(a).cmp(&of(b)))
    });
    let said = |row: &Row| (row.period, row.priority, row.key.clone(), row.sort_key.clone());
    rows.dedup_by(|a, b| said(a) == said(b) && a.attributes == b.attributes);
    let mut number = 0;
    let mut before = None;
    let keyed = rows.into_iter().map(|mut row| {
        let starts = row.period.starts;
        number = if before == Some(starts) { number + 1 } else { 1 };
        before = Some(starts);
        let key = match (row.key.take(), starts) {
            (Some(key), _) => key,
            (None, Some(starts)) => format!("{starts}/{number}"),
            (None, None) => format!("open/{number}"),
        };
        (key, row)
    });
    keyed.collect()
}

/// The contexts of one person. A position holds only while the employment does; what lies outside is named to `outside`.
pub(super) fn contexts(positions: Vec<Row>, employment: Period, mut outside: impl FnMut(u64)) -> Vec<Context> {
    let mut contexts = Vec::with_capacity(positions.len());
    for (key, Row { period, priority, attributes, line, .. }) in numbered(positions) {
        match intersection(period, employment) {
            Some(period) => contexts.push(Context { key, priority, period, attributes, filled: Vec::new() }),
            None => outside(line),
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
