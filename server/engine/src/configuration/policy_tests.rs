//! Files of policy tests: what somebody should hold, or not hold, under a configuration. They lie beside the
//! configuration files, and end in `.test.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::Configuration;
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::value::Attributes;
use policy::expression::BUILT_IN;
use policy::naming::{self, Named};
use serde::Deserialize;
use toml::de::DeTable;

use super::places::Index;
use super::{ConfigurationFinding, parse, wording};

/// How such files end.
pub(super) const ENDING: &str = ".test.toml";

/// What stands in one file.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestFile {
    /// Tests by name.
    pub(crate) tests: BTreeMap<String, PolicyTest>,
}

/// What somebody should hold, or not hold.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyTest {
    /// Why it is so.
    pub(crate) description: Option<String>,
    /// Key of somebody on record, with what they were given directly. Either this or `person`.
    pub(crate) identity: Option<String>,
    /// Somebody made up.
    pub(crate) person: Option<MadeUp>,
    /// Day that is looked at, such as "2026-12-31"; today unless told.
    pub(crate) day: Option<String>,
    /// Things given to them directly beside what rules give, as by a request.
    #[serde(default)]
    pub(crate) given: Vec<String>,
    pub(crate) expect: Expectation,
}

/// Somebody made up.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MadeUp {
    /// Key in the identity source.
    pub(crate) key: Option<String>,
    /// Name of an identity source.
    pub(crate) source: Option<String>,
    pub(crate) display_name: Option<String>,
    /// Key of their manager.
    pub(crate) manager: Option<String>,
    /// What is known of them, by name.
    pub(crate) attributes: Attributes,
    /// Periods in which they are here; always where none is given.
    pub(crate) contexts: Vec<MadeUpContext>,
}

/// A period, with what is known of them in it.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MadeUpContext {
    /// First day, such as "2026-12-31".
    pub(crate) starts: Option<String>,
    /// Last day, which still counts.
    pub(crate) ends: Option<String>,
    /// Smaller wins.
    pub(crate) priority: i32,
    pub(crate) attributes: Attributes,
}

/// What is expected. Things are names, or `role:NAME`, `access_profile:NAME`, `account_type:NAME`, `entitlement:NAME`.
#[derive(Clone, Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expectation {
    /// Things that they hold.
    pub(crate) holds: Vec<String>,
    /// Things that they do not hold; what is only offered is not held.
    pub(crate) lacks: Vec<String>,
    /// Things that are offered to them, or wait for somebody to agree.
    pub(crate) offered: Vec<String>,
    /// Names of all risks that they break by what they hold; an empty list says that they break none.
    pub(crate) violations: Option<Vec<String>>,
}

/// A test with its names resolved.
#[derive(Clone, Debug)]
pub(crate) struct ReadTest {
    pub(crate) name: String,
    /// File and line.
    pub(crate) place: String,
    pub(crate) description: Option<String>,
    pub(crate) whom: Whom,
    pub(crate) day: Option<Date>,
    pub(crate) given: Vec<Grantable>,
    pub(crate) holds: Vec<Grantable>,
    pub(crate) lacks: Vec<Grantable>,
    pub(crate) offered: Vec<Grantable>,
    pub(crate) violations: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Whom {
    OnRecord(String),
    MadeUp(Box<Identity>),
}

/// Reads all files of tests below a directory, for a configuration. Either all are good, or all that is wrong is told.
pub(crate) fn read_tests(
    directory: &Path,
    configuration: &Configuration,
) -> Result<Vec<ReadTest>, Vec<ConfigurationFinding>> {
    let (files, mut findings) = super::load(directory, true);
    if files.is_empty() && findings.is_empty() {
        let message =
            "There is no policy test here. Expected at least one file ending in .test.toml in this folder or below it.";
        return Err(vec![ConfigurationFinding::whole(directory, message)]);
    }
    let mut index = Index::new(files.clone());
    let mut all = TestFile::default();
    for (number, file) in files.iter().enumerate() {
        match DeTable::parse(&file.text) {
            Ok(root) => of_file(number, root.get_ref(), &mut all, &mut index, &mut findings),
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let message = format!("This is not valid TOML: {}.", error.message().trim_end_matches('.'));
                findings.push(index.at(number, offset, message));
            }
        }
    }
    let mut reading = Reading { configuration, index: &index, findings };
    let read: Vec<ReadTest> = all.tests.iter().filter_map(|(name, test)| reading.test(name, test)).collect();
    let mut findings = reading.findings;
    if findings.is_empty() {
        return Ok(read);
    }
    findings.sort();
    Err(findings)
}

fn of_file(
    file: usize,
    root: &DeTable<'_>,
    all: &mut TestFile,
    index: &mut Index,
    findings: &mut Vec<ConfigurationFinding>,
) {
    for (key, value) in root.iter() {
        let table: &str = key.get_ref();
        let objects = value.get_ref().as_table().filter(|_| table == "tests");
        let Some(objects) = objects else {
            let message = match table {
                "tests" => "`tests` holds tests by name: write `[tests.some-name]`.".to_owned(),
                other => wording::unknown_key(other, &["tests"]),
            };
            findings.push(index.at(file, key.span().start, message));
            continue;
        };
        for (name, value) in objects.iter() {
            let what = format!("test `{}`", name.get_ref());
            let declared = parse::declare(file, &["tests", name.get_ref()], name.span(), value, index);
            match declared.and_then(|()| parse::object::<PolicyTest>(value, &what)) {
                Ok(test) => {
                    all.tests.insert(name.get_ref().to_string(), test);
                }
                Err(problem) => {
                    let offset = if problem.span.is_empty() { name.span().start } else { problem.span.start };
                    findings.push(index.at(file, offset, problem.message));
                }
            }
        }
    }
}

struct Reading<'a> {
    configuration: &'a Configuration,
    index: &'a Index,
    findings: Vec<ConfigurationFinding>,
}

impl Reading<'_> {
    fn wrong(&mut self, path: &[&str], message: impl Into<String>) {
        self.findings.push(self.index.finding(path, message));
    }

    fn test(&mut self, name: &str, test: &PolicyTest) -> Option<ReadTest> {
        let before = self.findings.len();
        let root = ["tests", name];
        let whom = match (&test.identity, &test.person) {
            (Some(key), None) => Whom::OnRecord(key.clone()),
            (None, Some(person)) => Whom::MadeUp(Box::new(self.person(name, person))),
            _ => {
                let message = format!(
                    "Test `{name}` has to say of whom: give it `identity`, the key of somebody on record, or `person`, somebody made up, and not both."
                );
                self.wrong(&root, message);
                Whom::OnRecord(String::new())
            }
        };
        let Expectation { holds, lacks, offered, violations } = &test.expect;
        if holds.is_empty() && lacks.is_empty() && offered.is_empty() && violations.is_none() {
            let message = format!(
                "Test `{name}` expects nothing, so that it cannot fail. Give `expect` one of `holds`, `lacks`, `offered` and `violations`."
            );
            self.wrong(&root, message);
        }
        for (position, risk) in violations.iter().flatten().enumerate() {
            if !self.configuration.risks.contains_key(risk) {
                let known: Vec<&str> = self.configuration.risks.keys().map(String::as_str).collect();
                let message = format!("There is no risk `{risk}`.{}", wording::hint(risk, &known));
                self.wrong(&["tests", name, "expect", "violations", &position.to_string()], message);
            }
        }
        let read = ReadTest {
            name: name.to_owned(),
            place: self.index.get(&root).map_or_else(String::new, |place| self.index.describe(place)),
            description: test.description.clone(),
            whom,
            day: self.day(&["tests", name, "day"], test.day.as_deref()),
            given: self.things(&["tests", name, "given"], &test.given),
            holds: self.things(&["tests", name, "expect", "holds"], holds),
            lacks: self.things(&["tests", name, "expect", "lacks"], lacks),
            offered: self.things(&["tests", name, "expect", "offered"], offered),
            violations: violations.as_ref().map(|risks| risks.iter().cloned().collect()),
        };
        (self.findings.len() == before).then_some(read)
    }

    fn person(&mut self, name: &str, person: &MadeUp) -> Identity {
        let root = ["tests", name, "person"];
        self.attributes(&[&root[..], &["attributes"]].concat(), &person.attributes);
        let sources = &self.configuration.sources;
        if let Some(source) = person.source.as_ref().filter(|source| !sources.contains_key(*source)) {
            let known: Vec<&str> = sources.keys().map(String::as_str).collect();
            let message = format!("There is no identity source `{source}`.{}", wording::hint(source, &known));
            self.wrong(&[&root[..], &["source"]].concat(), message);
        }
        let contexts = person.contexts.iter().enumerate().map(|(position, context)| {
            let position = position.to_string();
            let at = |field| ["tests", name, "person", "contexts", position.as_str(), field];
            self.attributes(&at("attributes"), &context.attributes);
            let starts = self.day(&at("starts"), context.starts.as_deref());
            let last = self.day(&at("ends"), context.ends.as_deref());
            Context {
                key: position.clone(),
                priority: context.priority,
                period: Period { starts, ends: last.and_then(|last| last.tomorrow().ok()) },
                attributes: context.attributes.clone(),
                filled: Vec::new(),
            }
        });
        let contexts = contexts.collect();
        let first_source = self.configuration.sources.keys().next().cloned();
        Identity {
            id: IdentityId(0),
            source: person.source.clone().or(first_source).unwrap_or_else(|| "test".to_owned()),
            key: person.key.clone().unwrap_or_else(|| name.to_owned()),
            display_name: person.display_name.clone().unwrap_or_else(|| name.to_owned()),
            attributes: person.attributes.clone(),
            contexts,
            manager_key: person.manager.clone(),
            present: true,
        }
    }

    /// What no source delivers is a typing mistake: no rule could read it.
    fn attributes(&mut self, path: &[&str], attributes: &Attributes) {
        let sources = self.configuration.sources.values();
        let known: BTreeSet<&str> = sources.flat_map(|source| source.delivers()).map(String::as_str).collect();
        if self.configuration.sources.is_empty() {
            return;
        }
        for name in attributes.keys().filter(|name| !known.contains(name.as_str())) {
            let message = if BUILT_IN.contains(&name.as_str()) {
                format!(
                    "`{name}` is no attribute that a source delivers. Say it beside `attributes`, or by `contexts`."
                )
            } else {
                let known: Vec<&str> = known.iter().copied().collect();
                format!("No identity source delivers `{name}`.{}", wording::hint(name, &known))
            };
            self.wrong(&[path, &[name.as_str()]].concat(), message);
        }
    }

    fn day(&mut self, path: &[&str], text: Option<&str>) -> Option<Date> {
        let day = text?.parse();
        if day.is_err() {
            let text = text.unwrap_or_default();
            self.wrong(path, format!("`{text}` is no day. Write it as year-month-day: \"2026-12-31\"."));
        }
        day.ok()
    }

    fn things(&mut self, path: &[&str], names: &[String]) -> Vec<Grantable> {
        let mut things = Vec::new();
        for (position, text) in names.iter().enumerate() {
            let (kind, name) = match text.split_once(':') {
                Some((kind, name)) if Grantable::from_parts(kind, name).is_some() => (Some(kind), name),
                _ => (None, text.as_str()),
            };
            let written = |thing: &Grantable| format!("`{}:{}`", thing.kind(), thing.name());
            let message = match naming::find(self.configuration, kind, name) {
                Named::One(thing) => {
                    things.push(thing);
                    continue;
                }
                Named::Several(several) => {
                    let several: Vec<String> = several.iter().map(written).collect();
                    format!("Several things have the name `{name}`. Write {}.", several.join(" or "))
                }
                Named::Unknown(near) => {
                    let near = near.first().map(|near| format!(" Did you mean {}?", written(near)));
                    format!("There is nothing of the name `{text}`.{}", near.unwrap_or_default())
                }
            };
            self.wrong(&[path, &[position.to_string().as_str()]].concat(), message);
        }
        things
    }
}

/// Whether a file holds tests.
pub(super) fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}
