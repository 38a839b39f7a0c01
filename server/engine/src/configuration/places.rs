//! Where in the files each thing stands, so that a complaint about the merged configuration can name file and line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigurationFinding, literal};

/// One configuration file.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    /// Relative to the configuration directory.
    pub(super) name: PathBuf,
    pub(super) text: String,
}

/// Where a key and its value stand, in bytes of one file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: usize,
    key: Range<usize>,
    value: Range<usize>,
}

/// The files, and the place of everything in them by path: `["rules", "sales", "roles", "0"]`.
#[derive(Debug)]
pub(super) struct Index {
    files: Vec<SourceFile>,
    places: BTreeMap<Vec<String>, Place>,
}

impl Index {
    pub(super) fn new(files: Vec<SourceFile>) -> Self {
        Self { files, places: BTreeMap::new() }
    }

    pub(super) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Remembers the object `kind.name`, or the single object `kind`, and everything within.
    pub(super) fn add(&mut self, file: usize, path: &[&str], key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let mut path = path.iter().map(|&segment| segment.to_owned()).collect();
        add(&mut self.places, file, &mut path, key, value);
    }

    /// The place of the thing itself.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Place> {
        self.places.get(&path.iter().map(|&segment| segment.to_owned()).collect::<Vec<_>>())
    }

    /// Names of the objects of a kind, well-formed or not.
    pub(super) fn names<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let start = vec![kind.to_owned()];
        self.places
            .range(start..)
            .map(|(path, _)| path)
            .take_while(move |path| path[0] == kind)
            .filter(|path| path.len() == 2)
            .map(|path| path[1].as_str())
    }

    /// The path of a field written as one text, such as `attributes.name.givenName.expression` or `correlation[0].identity`,
    /// as far as it stands in the files. Names may contain dots themselves: the longest name that fits is meant.
    pub(super) fn path_of(&self, kind: &str, name: &str, field: &str) -> Vec<String> {
        let mut path = vec![kind.to_owned(), name.to_owned()];
        let mut rest = field;
        while !rest.is_empty() {
            let children =
                self.places.range(path.clone()..).map(|(known, _)| known).take_while(|known| known.starts_with(&path));
            let fits = |child: &&str| {
                let after = rest.strip_prefix(*child);
                after.is_some_and(|after| after.is_empty() || after.starts_with(['.', '[', ']']))
            };
            let longest = children
                .filter_map(|known| known.get(path.len()))
                .map(String::as_str)
                .filter(fits)
                .max_by_key(|child| child.len());
            let Some(child) = longest else { break };
            rest = rest[child.len()..].trim_start_matches(['.', '[', ']']);
            let child = child.to_owned();
            path.push(child);
        }
        path
    }

    /// A complaint about a value; about the nearest thing around it where the value itself stands nowhere.
    pub(super) fn finding(&self, path: &[&str], message: impl Into<String>) -> ConfigurationFinding {
        for length in (1..=path.len()).rev() {
            if let Some(place) = self.get(&path[..length]) {
                let is_object = match length {
                    2 => path[0] != "organisation",
                    4 => path[0] == "jobs" && path[2] == "tasks",
                    _ => false,
                };
                let span = if length == path.len() && !is_object { &place.value } else { &place.key };
                return self.at(place.file, span.start, message);
            }
        }
        ConfigurationFinding::whole(".", message)
    }

    /// A complaint about one character of a text value; `line` and `column` are within the text, from 1.
    pub(super) fn finding_within(
        &self,
        path: &[&str],
        (line, column): (u32, u32),
        message: impl Into<String>,
    ) -> ConfigurationFinding {
        match self.get(path) {
            Some(place) => {
                let raw = self.files[place.file].text.get(place.value.clone()).unwrap_or_default();
                self.at(place.file, place.value.start + literal::offset(raw, line, column), message)
            }
            None => self.finding(path, message),
        }
    }

    /// A complaint about a byte of a file.
    pub(super) fn at(&self, file: usize, offset: usize, message: impl Into<String>) -> ConfigurationFinding {
        let file = &self.files[file];
        let (line, column) = line_and_column(&file.text, offset);
        ConfigurationFinding { file: file.name.clone(), line, column, message: message.into() }
    }

    /// `roles/sales.toml:12`, for a second place named within a message.
    pub(super) fn describe(&self, place: &Place) -> String {
        let file = &self.files[place.file];
        format!("{}:{}", file.name.display(), line_and_column(&file.text, place.key.start).0)
    }
}

/// Line, and column in characters, of a byte; both from 1.
pub(super) fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

fn add(
    places: &mut BTreeMap<Vec<String>, Place>,
    file: usize,
    path: &mut Vec<String>,
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
) {
    places.insert(path.clone(), Place { file, key, value: value.span() });
    match value.get_ref() {
        DeValue::Table(table) => add_table(places, file, path, table),
        DeValue::Array(array) => {
            for (position, member) in array.iter().enumerate() {
                path.push(position.to_string());
                add(places, file, path, member.span(), member);
                path.pop();
            }
        }
        _ => {}
    }
}

fn add_table(places: &mut BTreeMap<Vec<String>, Place>, file: usize, path: &mut Vec<String>, table: &DeTable<'_>) {
    for (key, value) in table.iter() {
        path.push(key.get_ref().to_string());
        add(places, file, path, key.span(), value);
        path.pop();
    }
}
