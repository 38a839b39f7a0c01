//! Bytes to cells: RFC 4180 with any line ending, UTF-8 only, every size bounded.

use std::io::Read;

/// Longest cell that is read.
pub(crate) const CELL_LIMIT: usize = 64 * 1024;
/// Most cells in one row, and most bytes in one row.
const CELLS_LIMIT: usize = 4096;
const RECORD_LIMIT: usize = 1024 * 1024;

/// One row. Kept by the caller, so that reading a million rows allocates once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    text: String,
    /// Where each cell ends in the text, and on which line it begins.
    ends: Vec<(usize, u64)>,
    line: u64,
}

impl Record {
    /// Line on which the row begins, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Line on which a cell begins; differs from the row's after a line break in quotes.
    pub(crate) fn line_of(&self, index: usize) -> u64 {
        self.ends.get(index).map_or(self.line, |(_, line)| *line)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell; empty where the row is shorter.
    pub(crate) fn cell(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).map_or(0, |(end, _)| *end),
            None => 0,
        };
        self.ends.get(index).and_then(|(end, _)| self.text.get(start..*end)).unwrap_or_default()
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// What stops the reading: a line and a column from 0, or the file as a whole.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) place: Option<(u64, usize)>,
    pub(super) message: String,
}

pub(super) struct Parser<R> {
    input: R,
    buffer: Box<[u8]>,
    position: usize,
    filled: usize,
    /// Bytes of the file before the buffer.
    passed: u64,
    line: u64,
    delimiter: u8,
    started: bool,
    cell: Vec<u8>,
}

/// How a cell ended.
enum End {
    Cell,
    Row,
    File,
}

impl<R: Read> Parser<R> {
    pub(super) fn new(input: R, delimiter: u8) -> Self {
        Self {
            input,
            buffer: vec![0; 32 * 1024].into_boxed_slice(),
            position: 0,
            filled: 0,
            passed: 0,
            line: 1,
            delimiter,
            started: false,
            cell: Vec::new(),
        }
    }

    /// Reads one row; false at the end of the file.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, Problem> {
        if !self.started {
            self.started = true;
            self.byte_order_mark()?;
        }
        record.clear();
        while let Some(byte @ (b'\n' | b'\r')) = self.peek()? {
            self.line_break(byte)?;
        }
        if self.peek()?.is_none() {
            return Ok(false);
        }
        record.line = self.line;
        loop {
            let line = self.line;
            let column = record.ends.len();
            let offset = self.passed + self.position as u64;
            let quoted = self.peek()? == Some(b'"');
            let end = if quoted { self.quoted(line, column)? } else { self.plain(column)? };
            let text = std::str::from_utf8(&self.cell)
                .map_err(|error| not_utf8(&self.cell, error.valid_up_to(), line, column, offset, quoted))?;
            record.text.push_str(text);
            record.ends.push((record.text.len(), line));
            if record.ends.len() > CELLS_LIMIT || record.text.len() > RECORD_LIMIT {
                let message = "the row has over 4,096 cells or 1 MiB; is a line break missing?";
                return Err(Problem { place: Some((record.line, column)), message: message.to_owned() });
            }
            if !matches!(end, End::Cell) {
                return Ok(true);
            }
        }
    }

    fn plain(&mut self, column: usize) -> Result<End, Problem> {
        self.cell.clear();
        let line = self.line;
        loop {
            let Some(byte) = self.peek()? else { return Ok(End::File) };
            if byte == self.delimiter {
                self.position += 1;
                return Ok(End::Cell);
            }
            match byte {
                b'\n' | b'\r' => {
                    self.line_break(byte)?;
                    return Ok(End::Row);
                }
                0 => self.push(byte, line, column, "")?,
                _ => {
                    let rest = self.buffer.get(self.position..self.filled).unwrap_or_default();
                    let ends = |byte: &u8| *byte == self.delimiter || matches!(byte, b'\n' | b'\r' | 0);
                    let run = rest.get(..rest.iter().position(ends).unwrap_or(rest.len())).unwrap_or_default();
                    if self.cell.len() + run.len() > CELL_LIMIT {
                        return Err(too_long(line, column, ""));
                    }
                    self.cell.extend_from_slice(run);
                    self.position += run.len();
                }
            }
        }
    }

    fn quoted(&mut self, line: u64, column: usize) -> Result<End, Problem> {
        self.cell.clear();
        self.position += 1;
        loop {
            match self.peek()? {
                None => {
                    let message = "the quote that opens this cell is never closed".to_owned();
                    return Err(Problem { place: Some((line, column)), message });
                }
                Some(b'"') => {
                    self.position += 1;
                    match self.peek()? {
                        Some(b'"') => {
                            self.position += 1;
                            self.push(b'"', line, column, "")?;
                        }
                        None => return Ok(End::File),
                        Some(byte @ (b'\n' | b'\r')) => {
                            self.line_break(byte)?;
                            return Ok(End::Row);
                        }
                        Some(byte) if byte == self.delimiter => {
                            self.position += 1;
                            return Ok(End::Cell);
                        }
                        Some(_) => {
                            let message =
                                "there is text after the closing quote; a quote inside a quoted cell is written twice";
                            return Err(Problem { place: Some((self.line, column)), message: message.to_owned() });
                        }
                    }
                }
                Some(byte) => {
                    self.position += 1;
                    let feed = byte == b'\n' || (byte == b'\r' && self.peek()? != Some(b'\n'));
                    self.line += u64::from(feed);
                    self.push(byte, line, column, "; is its closing quote missing?")?;
                }
            }
        }
    }

    fn push(&mut self, byte: u8, line: u64, column: usize, hint: &str) -> Result<(), Problem> {
        if byte == 0 {
            let message = "the cell holds a NUL byte; is this a text file, and in UTF-8 rather than UTF-16?";
            return Err(Problem { place: Some((line, column)), message: message.to_owned() });
        }
        if self.cell.len() >= CELL_LIMIT {
            return Err(too_long(line, column, hint));
        }
        self.cell.push(byte);
        Ok(())
    }

    fn line_break(&mut self, byte: u8) -> Result<(), Problem> {
        self.position += 1;
        if byte == b'\r' && self.peek()? == Some(b'\n') {
            self.position += 1;
        }
        self.line += 1;
        Ok(())
    }

    fn byte_order_mark(&mut self) -> Result<(), Problem> {
        // A pipe may give less than three bytes at first.
        while self.filled < 3 {
            let Some(rest) = self.buffer.get_mut(self.filled..) else { break };
            match read(&mut self.input, rest)? {
                0 => break,
                count => self.filled += count,
            }
        }
        match self.buffer.get(..self.filled).unwrap_or_default() {
            [0xEF, 0xBB, 0xBF, ..] => self.position = 3,
            [0xFF, 0xFE, ..] => return Err(utf_16("little-endian")),
            [0xFE, 0xFF, ..] => return Err(utf_16("big-endian")),
            _ => {}
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, Problem> {
        if self.position == self.filled {
            self.passed += self.filled as u64;
            self.position = 0;
            self.filled = read(&mut self.input, &mut self.buffer)?;
        }
        Ok(if self.position < self.filled { self.buffer.get(self.position).copied() } else { None })
    }
}

fn read(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Problem> {
    loop {
        match input.read(buffer) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem { place: None, message: format!("cannot be read: {error}") }),
        }
    }
}

fn too_long(line: u64, column: usize, hint: &str) -> Problem {
    Problem { place: Some((line, column)), message: format!("the cell is longer than 64 KiB{hint}") }
}

fn utf_16(order: &str) -> Problem {
    Problem { place: None, message: format!("the file is in UTF-16 ({order}); save it as UTF-8") }
}

fn not_utf8(cell: &[u8], valid: usize, line: u64, column: usize, offset: u64, quoted: bool) -> Problem {
    let byte = cell.get(valid).copied().unwrap_or_default();
    // In the file a quoted cell has its opening quote and each of its quotes twice.
    let quotes = cell.iter().take(valid).filter(|byte| **byte == b'"').count() as u64;
    let offset = offset + valid as u64 + if quoted { 1 + quotes } else { 0 };
    let guess = if byte >= 0xA0 {
        format!("; in ISO 8859-1 and Windows-1252 it would be \"{}\"", char::from(byte))
    } else {
        String::new()
    };
    let message = format!("byte {} of the file, 0x{byte:02X}, is not UTF-8{guess}; save the file as UTF-8", offset + 1);
    Problem { place: Some((line, column)), message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(bytes: &[u8]) -> Result<Vec<Vec<String>>, Problem> {
        let mut parser = Parser::new(bytes, b',');
        let mut record = Record::default();
        let mut rows = Vec::new();
        while parser.read(&mut record)? {
            rows.push(record.cells().map(str::to_owned).collect());
        }
        Ok(rows)
    }

    #[test]
    fn well_formed() {
        let check = |text: &str, expect: &[&[&str]]| assert_eq!(rows(text.as_bytes()).unwrap(), expect, "{text:?}");
        check("", &[]);
        check("\n\r\n\r", &[]);
        check("a,b\n1,2", &[&["a", "b"], &["1", "2"]]);
        check("a,b\r\n1,2\r\n", &[&["a", "b"], &["1", "2"]]);
        check("a\r1\r", &[&["a"], &["1"]]);
        check("\u{feff}a,\n", &[&["a", ""]]);
        check("\"a,\"\"b\"\"\nc\",d", &[&["a,\"b\"\nc", "d"]]);
        check("5\" pipe,x", &[&["5\" pipe", "x"]]);
        check("\"\"", &[&[""]]);
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        let mut parser = Parser::new(b"a,b\n\n\"x\ny\",z\r\nlast,1".as_slice(), b',');
        let mut record = Record::default();
        let mut lines = Vec::new();
        while parser.read(&mut record).unwrap() {
            lines.push((record.line(), record.line_of(1)));
        }
        assert_eq!(lines, [(1, 1), (3, 4), (5, 5)]);
    }

    #[test]
    fn offset_of_a_stray_byte_is_the_file_s() {
        let problem = rows(b"a,b\n\"x\"\"y\xE4\",z").unwrap_err();
        assert_eq!(problem.place, Some((2, 0)));
        assert!(problem.message.starts_with("byte 10 of the file, 0xE4, is not UTF-8"), "{}", problem.message);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = rows(&bytes);
        }

        #[test]
        fn reads_what_the_csv_crate_writes(
            table in proptest::collection::vec(proptest::collection::vec("[a-c,;\"\r\n\t ä'=-]{0,6}", 2..5), 1..6)
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            prop_assert_eq!(rows(&bytes).unwrap(), table);
        }
    }
}
