//! Tables that people fill in: written so that a spreadsheet calculates nothing of them, and read back whatever it made
//! of them: commas, semicolons or tabs between cells, the latter also where cells were copied and pasted.

use std::io::BufRead;

use crate::csv_extract::guard;
use crate::table::{Record, RowError, Table};

/// A filled table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    pub headers: Vec<String>,
    pub rows: Vec<Row>,
    /// What could not be read at all: number of the first line, why, and the text from there on.
    pub broken: Option<(u64, String, String)>,
}

/// A row, by headers. What does not fit the header says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From 1, as an editor counts.
    pub line: u64,
    pub cells: Vec<String>,
    pub problem: Option<String>,
}

/// Why a table cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the table cannot be written as CSV: {0}")]
pub struct WriteError(String);

/// The table as CSV. Rows may have fewer or more cells than there are headers, as they had when they were read.
///
/// # Errors
/// Never by what a cell holds.
pub fn write<Cells: IntoIterator<Item = String>>(
    headers: &[&str],
    rows: impl IntoIterator<Item = Cells>,
) -> Result<String, WriteError> {
    let failed = |error: &dyn std::fmt::Display| WriteError(error.to_string());
    let mut writer = csv::WriterBuilder::new().flexible(true).terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // No CSV file can hold a NUL character, and no spreadsheet reads one.
    let cell = |cell: &str| guard::close(cell).replace('\0', "\u{fffd}");
    writer.write_record(headers.iter().map(|header| cell(header))).map_err(|error| failed(&error))?;
    for row in rows {
        writer.write_record(row.into_iter().map(|text| cell(&text))).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// A filled table, row by row in bounded memory. Ends with an error where nothing after it can be trusted: number of the
/// line, and why.
pub struct Rows<R> {
    table: Table<R>,
    record: Record,
    has_ended: bool,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header. `name` is what findings call the table.
    ///
    /// # Errors
    /// Says why not even the header can be read.
    pub fn open(name: &str, mut input: R) -> Result<Self, String> {
        let seen = input.fill_buf().map_err(|error| format!("{name} cannot be read: {error}"))?;
        let first = seen.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |separator: char| first.iter().filter(|byte| char::from(**byte) == separator).count();
        let separator = [',', ';', '\t'].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(',');
        // Of several that are as frequent the comma counts, which is what we write.
        let separator = if count(',') == count(separator) { ',' } else { separator };
        let table = Table::open(name, Some(separator), input).map_err(|finding| finding.to_string())?;
        Ok(Self { table, record: Record::default(), has_ended: false })
    }

    /// What the first line says.
    pub fn headers(&self) -> &[String] {
        self.table.headers()
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, (u64, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            let problem = match self.table.next(&mut self.record) {
                Ok(false) => break,
                Ok(true) => None,
                Err(RowError::Row(finding)) => Some(finding.message),
                Err(RowError::File(finding)) => {
                    self.has_ended = true;
                    return Some(Err((finding.line.unwrap_or(1), finding.message)));
                }
            };
            let cells: Vec<String> =
                self.record.cells().map(|cell| guard::open(cell.trim()).trim().to_owned()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Some(Ok(Row { line: self.record.line(), cells, problem }));
            }
        }
        self.has_ended = true;
        None
    }
}

/// Reads a filled table whole. `name` is what findings call it.
///
/// # Errors
/// Says why not even the header can be read.
pub fn read(name: &str, text: &str) -> Result<Sheet, String> {
    let rows = Rows::open(name, text.as_bytes())?;
    let mut sheet = Sheet { headers: rows.headers().to_vec(), ..Sheet::default() };
    for row in rows {
        match row {
            Ok(row) => sheet.rows.push(row),
            Err((line, message)) => {
                let before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
                let rest: Vec<&str> = text.lines().skip(before).collect();
                sheet.broken = Some((line, message, rest.join("\n")));
            }
        }
    }
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn nothing_is_calculated_and_everything_comes_back() {
        let rows = [
            texts(&["=HYPERLINK(\"http://x\")", "+49 30, 7", "plain"]),
            texts(&["@SUM(A1)", "-12", "two\nlines"]),
            texts(&["\"quoted\"; yes", "'=1", "O'Brien"]),
        ];
        let text = write(&["a", "b", "c"], rows.clone()).unwrap();
        for cell in text.split(['\n', ',']) {
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '+', '@', '-']), "{cell}");
        }
        let sheet = read("lines.csv", &text).unwrap();
        assert_eq!(sheet.headers, ["a", "b", "c"]);
        assert_eq!(sheet.rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>(), rows);
        assert_eq!(sheet.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 5]);
    }

    #[test]
    fn rows_are_written_as_they_were_read() {
        let rows = [texts(&["1"]), texts(&["2", "", "x\0y", "more"]), texts(&["", ""])];
        let text = write(&["a", "=b"], rows).unwrap();
        assert_eq!(text, "a,'=b\r\n1\r\n2,,x\u{fffd}y,more\r\n,\r\n");
    }

    #[test]
    fn what_spreadsheets_make_of_it_is_read() {
        for text in ["a;b\r\n1;done\r\n", "\u{feff}a,b\n1,done\n\n,\n", "a\tb\n1\tdone"] {
            let sheet = read("lines.csv", text).unwrap();
            assert_eq!(sheet.headers, ["a", "b"], "{text:?}");
            assert_eq!(sheet.rows.len(), 1, "{text:?}");
            assert_eq!(sheet.rows[0].cells, ["1", "done"]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_kept() {
        let sheet = read("lines.csv", "a,b\n1,2\n1,2,3\n4,5\n").unwrap();
        assert!(sheet.rows[1].problem.as_deref().is_some_and(|why| why.contains("3 cells")), "{sheet:?}");
        assert_eq!((sheet.rows[1].line, sheet.rows[2].problem.clone()), (3, None));
        let sheet = read("lines.csv", "a,b\n1,2\n\"open,5\n6,7\n").unwrap();
        let (line, _, rest) = sheet.broken.unwrap();
        assert_eq!((sheet.rows.len(), line, rest.as_str()), (1, 3, "\"open,5\n6,7"));
        assert!(read("lines.csv", "").unwrap_err().contains("empty"));
    }
}
