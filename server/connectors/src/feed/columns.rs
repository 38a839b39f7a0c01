//! Which column holds what, and what a cell of it means.

use std::io::Read;

use jiff::civil::Date;
use model::configuration::{Column, ColumnType};
use model::identity::Period;
use model::value::{Attributes, Value};

use super::findings::Findings;
use crate::table::{Finding, Record, Table};

/// Columns that become attributes.
pub(super) struct Layout {
    columns: Vec<LayoutColumn>,
}

struct LayoutColumn {
    attribute: String,
    column: usize,
    kind: ColumnType,
    required: bool,
}

impl Layout {
    /// Finds the columns; those that are not there become findings.
    pub(super) fn resolve<'a, R: Read>(
        attributes: impl IntoIterator<Item = (&'a String, &'a Column)>,
        table: &Table<R>,
        findings: &mut Findings,
    ) -> Self {
        let mut columns = Vec::new();
        for (attribute, column) in attributes {
            let (header, kind, required) = match column {
                Column::Header(header) => (header, ColumnType::Text, false),
                Column::Typed(typed) => (&typed.column, typed.kind, typed.required),
            };
            match table.column(header) {
                Ok(column) => columns.push(LayoutColumn { attribute: attribute.clone(), column, kind, required }),
                Err(finding) => findings.add(finding),
            }
        }
        Self { columns }
    }

    /// The attributes of a row; an empty cell is an absent attribute.
    pub(super) fn attributes<R: Read>(&self, table: &Table<R>, record: &Record, findings: &mut Findings) -> Attributes {
        let mut attributes = Attributes::new();
        for LayoutColumn { attribute, column, kind, required } in &self.columns {
            let text = record.cell(*column).trim();
            if text.is_empty() {
                if *required {
                    findings.add(table.at(record.line_of(*column), *column, "a value is required"));
                }
                continue;
            }
            match typed(*kind, *column, table, record, findings) {
                Some(value) => attributes.insert(attribute.clone(), value),
                None => None,
            };
        }
        attributes
    }
}

/// The columns with a period's first and last day.
pub(super) struct PeriodColumns {
    starts: Option<usize>,
    ends: Option<usize>,
}

impl PeriodColumns {
    pub(super) fn resolve<R: Read>(
        starts: Option<&str>,
        ends: Option<&str>,
        table: &Table<R>,
        findings: &mut Findings,
    ) -> Self {
        Self { starts: resolve(starts, table, findings), ends: resolve(ends, table, findings) }
    }

    /// The period of a row. The last day still counts, so the period ends the day after; 9999-12-31 means open.
    pub(super) fn period<R: Read>(&self, table: &Table<R>, record: &Record, findings: &mut Findings) -> Period {
        let mut day = |column: Option<usize>| column.and_then(|column| date(column, table, record, findings));
        let (starts, last) = (day(self.starts), day(self.ends));
        if let (Some(starts), Some(last), Some(column)) = (starts, last, self.ends)
            && last < starts
        {
            let message = format!("ends on {last}, before it starts on {starts}");
            findings.add(table.at(record.line_of(column), column, message));
        }
        Period { starts, ends: last.and_then(|last| last.tomorrow().ok()) }
    }
}

/// Finds a column that may not be configured at all.
pub(super) fn resolve<R: Read>(name: Option<&str>, table: &Table<R>, findings: &mut Findings) -> Option<usize> {
    table.column(name?).map_err(|finding| findings.add(finding)).ok()
}

/// Something that names a row or another one: short, and without control characters.
pub(super) fn key<R: Read>(column: usize, table: &Table<R>, record: &Record) -> Result<Option<String>, Finding> {
    let text = record.cell(column).trim();
    let message = if text.is_empty() {
        return Ok(None);
    } else if text.chars().count() > 255 {
        "a key has at most 255 characters"
    } else if text.chars().any(char::is_control) {
        "a key cannot hold line breaks or other control characters"
    } else {
        return Ok(Some(text.to_owned()));
    };
    Err(table.at(record.line_of(column), column, message))
}

/// An integer column such as a priority; none where the cell is empty or wrong.
pub(super) fn integer<R: Read>(
    column: usize,
    table: &Table<R>,
    record: &Record,
    findings: &mut Findings,
) -> Option<i64> {
    match typed(ColumnType::Integer, column, table, record, findings)? {
        Value::Integer(number) => Some(number),
        _ => None,
    }
}

fn date<R: Read>(column: usize, table: &Table<R>, record: &Record, findings: &mut Findings) -> Option<Date> {
    let value = typed(ColumnType::Date, column, table, record, findings)?;
    value.as_text().and_then(iso_date)
}

fn typed<R: Read>(
    kind: ColumnType,
    column: usize,
    table: &Table<R>,
    record: &Record,
    findings: &mut Findings,
) -> Option<Value> {
    let text = record.cell(column).trim();
    if text.is_empty() {
        return None;
    }
    let parsed = parse(kind, text);
    if kind != ColumnType::Text {
        let fault = parsed.as_ref().err().map(|message| table.at(record.line_of(column), column, message));
        findings.typed(column, kind, fault);
    }
    parsed.ok()
}

/// What the text of a cell means, or why it means nothing. The text is trimmed and not empty.
pub(super) fn parse(kind: ColumnType, text: &str) -> Result<Value, String> {
    match kind {
        ColumnType::Text => Ok(Value::Text(text.to_owned())),
        ColumnType::Integer => match text.parse() {
            Ok(number) => Ok(Value::Integer(number)),
            Err(_) => Err(format!("\"{}\" is no whole number", short(text))),
        },
        ColumnType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Value::Boolean(true)),
            "false" | "no" | "0" => Ok(Value::Boolean(false)),
            _ => Err(format!("\"{}\" is neither true nor false", short(text))),
        },
        ColumnType::Date => match iso_date(text) {
            Some(_) => Ok(Value::Text(text.to_owned())),
            None => Err(format!("\"{}\" is no date; {}", short(text), date_advice(text))),
        },
    }
}

pub(super) fn kind_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Integer => "whole number",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
    }
}

/// `1999-12-31` and nothing else: what else looks like a date means different days to different people.
fn iso_date(text: &str) -> Option<Date> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *bytes else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
    };
    let day = |digits: &[u8]| number(digits).and_then(|number| i8::try_from(number).ok());
    Date::new(number(&[y0, y1, y2, y3])?, day(&[m0, m1])?, day(&[d0, d1])?).ok()
}

/// How the date should have been written, as far as that can be told without guessing.
fn date_advice(text: &str) -> String {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::to_owned).collect::<Vec<_>>();
    let written = |year: &str, month: &str, day: &str| {
        let iso = format!("{year:0>4}-{month:0>2}-{day:0>2}");
        iso_date(&iso).map(|_| format!("write it as {iso}"))
    };
    let advice = match numbers.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [day, month, year] if year.len() == 4 && text.contains('.') => written(year, month, day),
        [first, second, year] if year.len() == 4 && text.contains('/') => {
            match (written(year, first, second), written(year, second, first)) {
                (Some(_), Some(_)) if first != second => None,
                (month_first, day_first) => month_first.or(day_first),
            }
        }
        [year, month, day, ..] if year.len() == 4 => written(year, month, day),
        [all] if all.len() == 8 => {
            all.get(..4).zip(all.get(4..6)).zip(all.get(6..)).and_then(|((year, month), day)| written(year, month, day))
        }
        _ => None,
    };
    let is_iso = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    match advice {
        Some(advice) => advice,
        None if is_iso => "there is no such day".to_owned(),
        None => "write it as year-month-day, such as 1999-12-31".to_owned(),
    }
}

/// The beginning of a text, fit for a message.
pub(super) fn short(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    match text.char_indices().nth(40) {
        Some((end, _)) => text.get(..end).unwrap_or_default().chars().map(clean).chain(['…']).collect(),
        None => text.chars().map(clean).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        let check = |kind, text: &str, expect: Result<Value, &str>| {
            assert_eq!(parse(kind, text), expect.map_err(str::to_owned), "{text:?}");
        };
        check(ColumnType::Text, "=1+1", Ok("=1+1".into()));
        check(ColumnType::Integer, "-12", Ok(Value::Integer(-12)));
        check(ColumnType::Integer, "1.5", Err("\"1.5\" is no whole number"));
        check(ColumnType::Integer, "9223372036854775808", Err("\"9223372036854775808\" is no whole number"));
        check(ColumnType::Boolean, "Yes", Ok(Value::Boolean(true)));
        check(ColumnType::Boolean, "0", Ok(Value::Boolean(false)));
        check(ColumnType::Boolean, "ja", Err("\"ja\" is neither true nor false"));
        check(ColumnType::Date, "2000-02-29", Ok("2000-02-29".into()));
        check(ColumnType::Date, "1999-02-29", Err("\"1999-02-29\" is no date; there is no such day"));
        check(ColumnType::Date, "31.12.1999", Err("\"31.12.1999\" is no date; write it as 1999-12-31"));
        check(ColumnType::Date, "1.2.1999", Err("\"1.2.1999\" is no date; write it as 1999-02-01"));
        check(ColumnType::Date, "12/31/1999", Err("\"12/31/1999\" is no date; write it as 1999-12-31"));
        check(ColumnType::Date, "31/12/1999", Err("\"31/12/1999\" is no date; write it as 1999-12-31"));
        check(
            ColumnType::Date,
            "01/02/1999",
            Err("\"01/02/1999\" is no date; write it as year-month-day, such as 1999-12-31"),
        );
        check(ColumnType::Date, "19991231", Err("\"19991231\" is no date; write it as 1999-12-31"));
        check(
            ColumnType::Date,
            "1999-12-31T00:00:00Z",
            Err("\"1999-12-31T00:00:00Z\" is no date; write it as 1999-12-31"),
        );
        check(ColumnType::Date, "1999-1-2", Err("\"1999-1-2\" is no date; write it as 1999-01-02"));
        check(ColumnType::Date, "soon", Err("\"soon\" is no date; write it as year-month-day, such as 1999-12-31"));
    }
}
