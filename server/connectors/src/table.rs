//! Tables in CSV files, as others wrote them: feeds, extracts and result files all come in through here.
//!
//! A parser of our own rather than the `csv` crate's, for two reasons: what is wrong has to be told with line and
//! column, an open quote and a stray byte included, and a single cell must not decide how much memory we use. What is
//! well formed reads exactly as the `csv` crate reads it; a property test holds the two against each other.
//!
//! What the cells mean is not known here.

mod parser;

use std::fmt;
use std::io::Read;

use serde::{Deserialize, Serialize};

pub(crate) use parser::Record;

/// What is wrong in a file, and where. Prints as `hr.csv:17:4 (hire_date): what is wrong, and what to do`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// As the configuration names it.
    pub file: String,
    /// From 1, as an editor counts; none where the file as a whole is at fault.
    pub line: Option<u64>,
    /// From 1; none where the row as a whole is at fault.
    pub column: Option<usize>,
    /// What the first line calls the column.
    pub header: Option<String>,
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        if let Some(header) = &self.header {
            write!(f, " ({header})")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Finding {
    /// A finding about a file as a whole.
    pub(crate) fn file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, column: None, header: None, message: message.into() }
    }

    /// A finding about a whole line.
    pub(crate) fn line(file: &str, line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::file(file, message) }
    }
}

/// Why the next row could not be given.
#[derive(Debug)]
pub(crate) enum RowError {
    /// This row is no good, the ones after it may be.
    Row(Finding),
    /// Nothing after this can be trusted.
    File(Finding),
}

impl RowError {
    pub(crate) fn into_finding(self) -> Finding {
        match self {
            Self::Row(finding) | Self::File(finding) => finding,
        }
    }
}

/// A file with a header line, read row by row in bounded memory.
pub(crate) struct Table<R> {
    file: String,
    headers: Vec<String>,
    parser: parser::Parser<R>,
}

impl<R: Read> Table<R> {
    /// Reads the header. Refuses what is not UTF-8 text, is empty, or names a column twice.
    pub(crate) fn open(file: &str, delimiter: Option<char>, input: R) -> Result<Self, Finding> {
        let delimiter = match delimiter.unwrap_or(',') {
            delimiter if delimiter.is_ascii() && !matches!(delimiter, '"' | '\r' | '\n' | '\0') => delimiter as u8,
            other => {
                let message =
                    format!("{other:?} cannot separate cells; set `delimiter` to a comma, a semicolon, a tab or |");
                return Err(Finding::file(file, message));
            }
        };
        let mut table =
            Self { file: file.to_owned(), headers: Vec::new(), parser: parser::Parser::new(input, delimiter) };
        let mut record = Record::default();
        match table.parser.read(&mut record) {
            Ok(true) => {}
            Ok(false) => {
                return Err(Finding::file(file, "the file is empty; the first line has to hold the headers"));
            }
            Err(problem) => return Err(table.problem(problem)),
        }
        table.headers = record.cells().map(|cell| cell.trim().to_owned()).collect();
        for (index, header) in table.headers.iter().enumerate() {
            let earlier = table.headers.iter().take(index).position(|other| other == header && !header.is_empty());
            if let Some(earlier) = earlier {
                let message = format!("column {} has the same header; give each column its own", earlier + 1);
                return Err(table.at(record.line(), index, message));
            }
        }
        Ok(table)
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The position of a column, or a finding that lists the headers there are and the nearest spelling.
    pub(crate) fn column(&self, name: &str) -> Result<usize, Finding> {
        if let Some(index) = self.headers.iter().position(|header| header == name) {
            return Ok(index);
        }
        let found = self.headers.iter().map(String::as_str).filter(|header| !header.is_empty()).collect::<Vec<_>>();
        let advice = match nearest(name, &found) {
            Some(near) => format!("; did you mean \"{near}\"?"),
            None => match self.other_delimiter() {
                Some(other) => format!("; the file looks separated by {other:?}, then set `delimiter`"),
                None => String::new(),
            },
        };
        let message = format!("there is no column \"{name}\"; the headers are {}{advice}", found.join(", "));
        Err(Finding::line(&self.file, 1, message))
    }

    /// Reads the next row; false at the end of the file. Blank lines are passed over.
    pub(crate) fn next(&mut self, record: &mut Record) -> Result<bool, RowError> {
        match self.parser.read(record) {
            Ok(false) => Ok(false),
            Ok(true) if record.len() == self.headers.len() => Ok(true),
            Ok(true) => {
                let message = format!(
                    "the row has {}, the header has {}; a cell that contains the separator has to stand in quotes",
                    cells(record.len()),
                    self.headers.len()
                );
                Err(RowError::Row(Finding::line(&self.file, record.line(), message)))
            }
            Err(problem) => Err(RowError::File(self.problem(problem))),
        }
    }

    /// A finding about one cell.
    pub(crate) fn at(&self, line: u64, column: usize, message: impl Into<String>) -> Finding {
        let header = self.headers.get(column).filter(|header| !header.is_empty()).cloned();
        Finding { column: Some(column + 1), header, ..Finding::line(&self.file, line, message) }
    }

    fn problem(&self, problem: parser::Problem) -> Finding {
        match problem.place {
            Some((line, column)) => self.at(line, column, problem.message),
            None => Finding::file(&self.file, problem.message),
        }
    }

    /// A header that is one long cell was written with another separator.
    fn other_delimiter(&self) -> Option<char> {
        match self.headers.as_slice() {
            [only] => [';', ',', '\t', '|'].into_iter().find(|candidate| only.contains(*candidate)),
            _ => None,
        }
    }
}

fn cells(count: usize) -> String {
    if count == 1 { "1 cell".to_owned() } else { format!("{count} cells") }
}

/// The candidate that differs least from the name, if any is near enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance * 3 <= wanted.chars().count().max(candidate.chars().count()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, removals and replacements that turn one text into the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    // A header can be as long as a cell; beyond this nobody mistyped it.
    let right = right.chars().take(200).collect::<Vec<_>>();
    let mut row = (0..=right.len()).collect::<Vec<_>>();
    for (index, a) in left.chars().take(200).enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (b, slot) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = *slot;
            before = replaced.min(before + 1).min(diagonal + 1);
            *slot = before;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_spelling() {
        let headers = ["employee_number", "department", "title", "hire_date"];
        let check = |name: &str, expect: Option<&str>| assert_eq!(nearest(name, &headers), expect, "{name}");
        check("departement", Some("department"));
        check("Title", Some("title"));
        check("hiredate", Some("hire_date"));
        check("employee_nmuber", Some("employee_number"));
        check("cost_centre", None);
        check("", None);
    }
}
