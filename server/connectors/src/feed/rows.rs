//! The rows of a feed's file, each with its key. What cannot be read becomes a finding, and the next row is tried.

use std::io::Read;

use super::columns;
use super::findings::Findings;
use crate::table::{Record, RowError, Table};

pub(super) struct Rows<R: Read> {
    pub(super) table: Table<R>,
    /// The row whose key was answered last.
    pub(super) record: Record,
    key_column: usize,
    /// All that were met, with and without a key.
    pub(super) count: usize,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(table: Table<R>, key_column: usize) -> Self {
        Self { table, record: Record::default(), key_column, count: 0 }
    }

    /// Goes to the next row that has a key; none at the end, or where the file cannot be read on.
    pub(super) fn next_key(&mut self, findings: &mut Findings) -> Option<String> {
        loop {
            match self.table.next(&mut self.record) {
                Ok(true) => self.count += 1,
                Ok(false) => return None,
                Err(RowError::Row(finding)) => {
                    self.count += 1;
                    findings.add(finding);
                    continue;
                }
                Err(RowError::File(finding)) => {
                    findings.add(finding);
                    return None;
                }
            }
            findings.sample(&self.record);
            match columns::key(self.key_column, &self.table, &self.record) {
                Ok(Some(key)) => return Some(key),
                Ok(None) => {
                    findings.add(self.table.at(self.record.line(), self.key_column, "the key is missing"));
                }
                Err(finding) => findings.add(finding),
            }
        }
    }
}
