//! Collects what is wrong in one file, and notices when it is not the cells but the headers.

use std::collections::BTreeMap;

use model::configuration::ColumnType;

use super::columns;
use super::{FeedError, SHOWN};
use crate::table::{Finding, Record};

/// Rows that are remembered for the question which column would fit better.
const SAMPLE: usize = 50;

#[derive(Default)]
pub(super) struct Findings {
    kept: Vec<Kept>,
    total: usize,
    tallies: BTreeMap<usize, Tally>,
    sample: Vec<Vec<String>>,
}

struct Kept {
    finding: Finding,
    /// The typed column in which a value has the wrong type.
    typed: Option<usize>,
}

/// What was seen in one typed column.
struct Tally {
    kind: ColumnType,
    values: usize,
    failures: usize,
    first: Option<Finding>,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.total == 0
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.keep(finding, None);
    }

    /// The first of them, and how many there are.
    pub(super) fn into_parts(self) -> (Vec<Finding>, usize) {
        (self.kept.into_iter().map(|kept| kept.finding).collect(), self.total)
    }

    fn keep(&mut self, finding: Finding, typed: Option<usize>) {
        self.total += 1;
        if self.kept.len() < SHOWN {
            self.kept.push(Kept { finding, typed });
        }
    }

    /// Remembers the first rows.
    pub(super) fn sample(&mut self, record: &Record) {
        if self.sample.len() < SAMPLE {
            self.sample.push(record.cells().map(|cell| cell.chars().take(40).collect()).collect());
        }
    }

    /// Counts a value of a typed column, and its fault if it has one.
    pub(super) fn typed(&mut self, column: usize, kind: ColumnType, fault: Option<Finding>) {
        let tally = self.tallies.entry(column).or_insert(Tally { kind, values: 0, failures: 0, first: None });
        tally.values += 1;
        if let Some(finding) = fault {
            tally.failures += 1;
            tally.first.get_or_insert_with(|| finding.clone());
            self.keep(finding, Some(column));
        }
    }

    /// Replaces the many faults of a column that fits nowhere with the one that causes them.
    pub(super) fn suspect_headers(&mut self, headers: &[String]) {
        let tallies = std::mem::take(&mut self.tallies);
        for (column, tally) in &tallies {
            let Some(first) = tally.first.clone() else { continue };
            if tally.values < 3 || tally.failures * 2 <= tally.values {
                continue;
            }
            self.kept.retain(|kept| kept.typed != Some(*column));
            self.total -= tally.failures;
            let candidates = (0..headers.len()).filter(|other| other != column && self.fits(*other, tally.kind));
            let header = first.header.clone().unwrap_or_default();
            let advice = match candidates.collect::<Vec<_>>().as_slice() {
                [] => "is it the right column?".to_owned(),
                several => {
                    let names = several
                        .iter()
                        .map(|other| format!("{} ({})", other + 1, headers.get(*other).map_or("", String::as_str)));
                    format!("column {} would fit: the headers may be swapped", names.collect::<Vec<_>>().join(" or "))
                }
            };
            let message = format!(
                "{} of {} values are no {}s, first on line {}; {advice}",
                tally.failures,
                tally.values,
                columns::kind_name(tally.kind),
                first.line.unwrap_or_default(),
            );
            let finding =
                Finding { line: Some(1), column: Some(column + 1), header: Some(header), file: first.file, message };
            self.total += 1;
            self.kept.insert(0, Kept { finding, typed: None });
        }
    }

    /// Takes over the findings of another file.
    pub(super) fn append(&mut self, other: Self) {
        self.total += other.total;
        self.kept.extend(other.kept);
        self.kept.truncate(SHOWN);
    }

    pub(super) fn into_error(self) -> Option<FeedError> {
        let (findings, total) = self.into_parts();
        (total > 0).then_some(FeedError { findings, total })
    }

    fn fits(&self, column: usize, kind: ColumnType) -> bool {
        let values = self.sample.iter().filter_map(|row| row.get(column)).filter(|value| !value.trim().is_empty());
        let (mut good, mut all) = (0, 0);
        for value in values {
            all += 1;
            good += usize::from(columns::parse(kind, value.trim()).is_ok());
        }
        all > 0 && good * 2 > all
    }
}
