//! Configuration as code: a directory of TOML files becomes one [`Configuration`], and every complaint about it names
//! file, line, column and what was expected. Reading, comparing, showing the effect on people, and writing back are
//! here; whether expressions mean anything is decided by `policy`, and keeping versions is the store's business.

mod agents;
mod difference;
mod drafted;
mod effect;
mod export;
mod jobs;
mod literal;
mod meaning;
mod native;
mod parse;
pub(crate) mod paths;
mod permissions;
mod places;
pub(crate) mod policy_tests;
mod questions;
mod references;
mod routes;
mod schema;
mod secrets;
mod servers;
mod wording;

use std::fmt;
use std::path::{Path, PathBuf};

use model::configuration::Configuration;
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(crate) use difference::object_difference;
pub use difference::{ConfigurationPlan, Effect, FieldChange, ObjectChange, PersonEffect, difference};
pub(crate) use drafted::{DraftedFinding, drafted};
pub(crate) use effect::{Compared, Whom, compare, computed};
pub use export::export;
pub(crate) use meaning::sentence;
pub use schema::{schema, test_schema};
pub(crate) use secrets::REFERENCE as SECRET_REFERENCE;

use places::{Index, SourceFile};

/// How deep below the configuration directory files are looked for.
const DEPTH: usize = 4;
/// A configuration file larger than this is a mistake: somebody pointed at data.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// A configuration directory, read and found good.
#[derive(Clone, Debug)]
pub struct ConfigurationFiles {
    /// Paths in connections and sources are absolute.
    pub configuration: Configuration,
    pub directory: PathBuf,
    /// Relative to the directory, in the order read.
    pub files: Vec<PathBuf>,
    index: std::sync::Arc<Index>,
}

impl ConfigurationFiles {
    /// File and line of an object, or of one of its fields, such as `rules/sales.toml:12`.
    pub fn place_of(&self, table: &str, name: &str, field: Option<&str>) -> Option<String> {
        let path = self.index.path_of(table, name, field.unwrap_or_default());
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.index.get(&path).map(|place| self.index.describe(place))
    }
}

/// Something wrong in a configuration directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ConfigurationFinding {
    /// Relative to the configuration directory; the directory itself where no file is at fault.
    pub file: PathBuf,
    /// From 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// In characters, from 1; 0 where the file as a whole is meant.
    pub column: u32,
    /// What is wrong, what was expected, and what to do.
    pub message: String,
}

impl ConfigurationFinding {
    fn whole(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, message: message.into() }
    }
}

impl fmt::Display for ConfigurationFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file.display(), self.column, self.message),
        }
    }
}

/// Reads all `*.toml` files below the directory but policy tests, merges and checks them. Either everything is good, or all that is
/// wrong is told, sorted by place; nothing is half taken over.
pub fn read(directory: &Path) -> Result<ConfigurationFiles, Vec<ConfigurationFinding>> {
    let directory = &std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let (files, findings) = load(directory, false);
    if files.is_empty() && findings.is_empty() {
        return Err(vec![ConfigurationFinding::whole(
            directory,
            "There is no configuration file here. Expected at least one file ending in .toml in this folder or below it.",
        )]);
    }
    let names = files.iter().map(|file| file.name.clone()).collect();
    let (mut configuration, index) = check_files(files, findings)?;
    paths::resolve(&mut configuration, directory);
    Ok(ConfigurationFiles { configuration, directory: directory.clone(), files: names, index: index.into() })
}

/// Merges the files, and checks what comes of it, beside what is known to be wrong already.
fn check_files(
    files: Vec<SourceFile>,
    mut findings: Vec<ConfigurationFinding>,
) -> Result<(Configuration, Index), Vec<ConfigurationFinding>> {
    let mut index = Index::new(files);
    let configuration = parse::parse(&mut index, &mut findings);
    let is_whole = findings.is_empty();
    references::check(&configuration, &index, &mut findings);
    // Where objects are missing, what is said about the rest would mislead.
    if is_whole {
        meaning::check(&configuration, &index, &mut findings);
    }
    agents::check(&configuration, &index, &mut findings);
    routes::check(&configuration, &index, &mut findings);
    secrets::check(&configuration, &index, &mut findings);
    jobs::check(&configuration, &index, &mut findings);
    servers::check(&configuration, &index, &mut findings);
    if !findings.is_empty() {
        findings.sort();
        findings.dedup();
        return Err(findings);
    }
    Ok((configuration, index))
}

/// SHA-256, in hexadecimal, of the configuration's canonical JSON: equal configurations have equal digests, however
/// their files are laid out.
pub fn digest(configuration: &Configuration) -> String {
    #[expect(clippy::expect_used, reason = "maps with text keys and no floats always have a JSON form")]
    let json = serde_json::to_vec(configuration).expect("a configuration has a JSON form");
    hexadecimal(&json)
}

/// SHA-256 in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The configuration files, or those of policy tests.
fn load(directory: &Path, tests: bool) -> (Vec<SourceFile>, Vec<ConfigurationFinding>) {
    let mut paths = Vec::new();
    let mut findings = Vec::new();
    list(directory, DEPTH, &mut paths, &mut findings);
    paths.retain(|path| policy_tests::is_test(path) == tests);
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.strip_prefix(directory).unwrap_or(&path).to_owned();
        match load_file(&path, &name) {
            Ok(file) => files.push(file),
            Err(finding) => findings.push(finding),
        }
    }
    (files, findings)
}

fn list(directory: &Path, depth: usize, paths: &mut Vec<PathBuf>, findings: &mut Vec<ConfigurationFinding>) {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let message =
                format!("This folder cannot be read: {error}. Name a folder with configuration files and read access.");
            findings.push(ConfigurationFinding::whole(directory, message));
            return;
        }
    };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                list(&path, depth - 1, paths, findings);
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
}

fn load_file(path: &Path, name: &Path) -> Result<SourceFile, ConfigurationFinding> {
    let unreadable = |error: std::io::Error| {
        ConfigurationFinding::whole(
            name,
            format!("This file cannot be read: {error}. Check that it exists and may be read."),
        )
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST_FILE {
        let message =
            "This file is larger than 16 MB. Configuration files are small; keep data elsewhere and refer to it.";
        return Err(ConfigurationFinding::whole(name, message));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map(|text| SourceFile { name: name.to_owned(), text }).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let (line, column) = places::line_and_column(&before, before.len());
        let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
        let message = format!("The byte 0x{byte:02X} is not UTF-8. Save the file in the encoding UTF-8.");
        ConfigurationFinding { file: name.to_owned(), line, column, message }
    })
}

#[cfg(test)]
mod tests;
