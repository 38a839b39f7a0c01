//! Identity sources: a CSV feed, and files of positions or of record sections where there are any, turned into people
//! with periods.
//!
//! A feed is taken whole or not at all. Whatever is wrong is collected with file, line and column, and then nothing is
//! returned, so that nothing can be applied and the previous state stays. Who is new, gone or changed is not decided
//! here: complete and incremental runs read the same file, and the engine compares. The format is `docs/FORMATS.md`.

mod columns;
mod contexts;
mod findings;
mod people;
mod positions;
mod records;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use model::configuration::{Column, IdentitySource};
use model::feed::FeedIdentity;
use model::identity::Context;
use model::value::Attributes;
use sha2::{Digest, Sha256};

pub use crate::table::Finding;
use findings::Findings;
use records::Described;

/// A feed that was read completely and without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// In the order of the file.
    pub identities: Vec<FeedIdentity>,
    /// Rows of the file of people; each is one identity.
    pub rows: usize,
    /// Equal digests mean equal files read in the same way: nothing can have changed. 64 hexadecimal digits.
    pub digest: String,
    /// What is odd and was taken over all the same, at most [`SHOWN`].
    pub warnings: Vec<Finding>,
    /// How many warnings there were.
    pub warnings_total: usize,
}

/// Findings and warnings that are kept; more are only counted.
pub const SHOWN: usize = 20;

/// Why a feed was refused. Prints one finding a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedError {
    /// In the order of the files, at most [`SHOWN`].
    pub findings: Vec<Finding>,
    /// How many there were.
    pub total: usize,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        match self.total.saturating_sub(self.findings.len()) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

impl std::error::Error for FeedError {}

/// What the name to show is made from.
#[derive(Clone, Copy, Debug)]
pub struct FeedRow<'a> {
    pub key: &'a str,
    pub attributes: &'a Attributes,
    /// Never empty.
    pub contexts: &'a [Context],
    pub manager_key: Option<&'a str>,
}

/// Reads a source's file or files, relative to the configuration directory `base`. The name to show is the caller's to
/// make, because expressions are none of our business; it answers the name, or why the expression failed.
///
/// Reads files: call it where blocking is allowed.
///
/// # Errors
/// Everything that is wrong in the files, and then no identity at all.
pub fn read(
    source: &IdentitySource,
    base: &Path,
    display_name: &mut dyn FnMut(&FeedRow<'_>) -> Result<String, String>,
) -> Result<Feed, FeedError> {
    let files = beside(source);
    let mut findings_beside = Findings::default();
    let mut hashes_beside = Vec::new();
    let mut rows_beside = Vec::new();
    for file in &files {
        // Each file is judged by its own headers.
        let mut own = Findings::default();
        let rows = open(file.file, base, &mut own).map(|mut input| {
            let rows = records::read(file, source.delimiter, &mut input, &mut own);
            hashes_beside.push(input.finish());
            rows
        });
        rows_beside.push(rows.unwrap_or_default());
        findings_beside.append(own);
    }
    let mut findings = Findings::default();
    let mut people = people::People::default();
    let mut hash = None;
    if let Some(mut input) = open(&source.file, base, &mut findings) {
        people = people::read(source, rows_beside, &mut input, display_name, &mut findings);
        hash = Some(input.finish());
    }
    if findings.is_empty() {
        people.complain_about_strangers(&source.file, &files, &mut findings_beside);
    }
    findings.append(findings_beside);
    if let Some(error) = findings.into_error() {
        return Err(error);
    }
    let (warnings, warnings_total) = people.warnings.into_parts();
    Ok(Feed {
        rows: people.identities.len(),
        digest: combine(source, hash, &hashes_beside),
        identities: people.identities,
        warnings,
        warnings_total,
    })
}

/// The digest that [`read`] would answer, without looking at the rows: equal to the last one, the feed need not be read.
///
/// # Errors
/// A file that cannot be read.
pub fn digest(source: &IdentitySource, base: &Path) -> Result<String, FeedError> {
    let mut findings = Findings::default();
    let hash_of = |file: &str, findings: &mut Findings| {
        let mut input = open(file, base, findings)?;
        if let Err(error) = std::io::copy(&mut input, &mut std::io::sink()) {
            findings.add(Finding::file(file, format!("cannot be read: {error}")));
        }
        Some(input.finish())
    };
    let hash = hash_of(&source.file, &mut findings);
    let hashes_beside: Vec<[u8; 32]> =
        beside(source).iter().filter_map(|file| hash_of(file.file, &mut findings)).collect();
    match findings.into_error() {
        Some(error) => Err(error),
        None => Ok(combine(source, hash, &hashes_beside)),
    }
}

/// One person of a source that is not read from files, out of values by column, judged like a row of a feed. Columns without a
/// value are empty.
///
/// # Errors
/// Everything that is wrong with the values.
pub fn row(
    source: &IdentitySource,
    values: &BTreeMap<String, String>,
    display_name: &mut dyn FnMut(&FeedRow<'_>) -> Result<String, String>,
) -> Result<FeedIdentity, FeedError> {
    let named = IdentitySource { file: CLAIMS.to_owned(), delimiter: None, ..source.clone() };
    let own = [Some(&source.key), source.manager.as_ref(), source.starts.as_ref(), source.ends.as_ref()];
    let columns: BTreeSet<&str> =
        own.into_iter().flatten().map(String::as_str).chain(source.attributes.values().map(Column::header)).collect();
    let cells = columns.iter().map(|column| values.get(*column).map_or("", String::as_str));
    let wrong = |message: String| FeedError { findings: vec![Finding::file(CLAIMS, message)], total: 1 };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(&columns).and_then(|()| writer.write_record(cells));
    written.map_err(|error| wrong(error.to_string()))?;
    let text = writer.into_inner().map_err(|error| wrong(error.to_string()))?;
    let mut findings = Findings::default();
    let mut people = people::read(&named, Vec::new(), &mut text.as_slice(), display_name, &mut findings);
    match findings.into_error() {
        Some(error) => Err(error),
        None => people.identities.pop().ok_or_else(|| wrong("they say nobody".to_owned())),
    }
}

/// What values that come from no file are called in findings.
const CLAIMS: &str = "claims";

/// The files beside the one of people: of positions, or of sections in the order of their names.
fn beside(source: &IdentitySource) -> Vec<Described<'_>> {
    let sections = source.sections.iter().filter_map(|(name, section)| Described::section(name, section));
    source.positions.iter().map(Described::positions).chain(sections).collect()
}

/// A file that is hashed as it is read.
struct Hashed {
    file: File,
    hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Hashed {
    fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

fn open(name: &str, base: &Path, findings: &mut Findings) -> Option<Hashed> {
    let path = base.join(name);
    match File::open(&path) {
        Ok(file) => Some(Hashed { file, hash: Sha256::new() }),
        Err(error) => {
            findings.add(Finding::file(name, format!("cannot be opened as {}: {error}", path.display())));
            None
        }
    }
}

/// Files read in another way give other identities, so how they are read is part of the digest.
fn combine(source: &IdentitySource, people: Option<[u8; 32]>, beside: &[[u8; 32]]) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(source).unwrap_or_default());
    for part in people.iter().chain(beside) {
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
