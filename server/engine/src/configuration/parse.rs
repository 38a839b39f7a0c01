//! From files to one configuration: each object is read on its own, so that one mistake does not hide the next.

use std::collections::BTreeMap;
use std::ops::Range;

use model::configuration::{
    Configuration, CsvConnection, LdapConnection, ManualConnection, RequestTrackerConnection, ScimConnection,
    SqlConnection, TaskDefinition, TypedColumn,
};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::ConfigurationFinding;
use super::places::Index;
use super::wording;

/// Tables of a configuration file, and what one object in them is called.
pub(super) const KINDS: [(&str, &str); 22] = [
    ("organisation", "organisation"),
    ("sources", "identity source"),
    ("dimensions", "dimension"),
    ("applications", "application"),
    ("integrations", "integration"),
    ("agents", "agent"),
    ("account_types", "account type"),
    ("entitlements", "entitlement"),
    ("categories", "category"),
    ("access_profiles", "access profile"),
    ("roles", "role"),
    ("rules", "rule"),
    ("lifecycle_states", "lifecycle state"),
    ("risks", "risk"),
    ("naming_rules", "naming rule"),
    ("indirect_rules", "indirect rule"),
    ("automation_rules", "automation rule"),
    ("sign_ins", "sign-in"),
    ("subscriptions", "subscription"),
    ("jobs", "job"),
    ("permission_profiles", "permission profile"),
    ("permission_conflicts", "permission conflict"),
];

/// Kinds of connections.
const CONNECTIONS: [&str; 6] = ["scim", "ldap", "sql", "csv", "request_tracker", "manual"];

/// Longest name of an object, in characters.
const LONGEST_NAME: usize = 200;

/// What an object of the kind is called: "rule" for `rules`.
pub(super) fn noun(kind: &str) -> &'static str {
    let others = [("tests", "test")];
    KINDS.iter().chain(&others).find(|(key, _)| *key == kind).map_or("object", |(_, noun)| noun)
}

/// Reads every file of the index into one configuration, remembers the place of everything, and tells what is wrong.
pub(super) fn parse(index: &mut Index, findings: &mut Vec<ConfigurationFinding>) -> Configuration {
    let mut configuration = Configuration::default();
    let files = index.files().to_vec();
    for (number, file) in files.iter().enumerate() {
        match DeTable::parse(&file.text) {
            Ok(root) => read_file(number, root.get_ref(), &mut configuration, index, findings),
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                let text = error.span().and_then(|span| file.text.get(span)).unwrap_or_default();
                let message = match error.message() {
                    "duplicate key" => format!("`{text}` is here twice. Keep one of the two."),
                    other => format!("This is not valid TOML: {}.", other.trim_end_matches('.')),
                };
                findings.push(index.at(number, offset, message));
            }
        }
    }
    configuration
}

/// Something wrong with an object, and where in its file.
pub(super) struct Problem {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

fn read_file(
    file: usize,
    root: &DeTable<'_>,
    configuration: &mut Configuration,
    index: &mut Index,
    findings: &mut Vec<ConfigurationFinding>,
) {
    for (key, value) in root.iter() {
        let kind: &str = key.get_ref();
        if !KINDS.iter().any(|(known, _)| *known == kind) {
            let known: Vec<&str> = KINDS.iter().map(|(known, _)| *known).collect();
            findings.push(index.at(file, key.span().start, wording::unknown_key(kind, &known)));
            continue;
        }
        if kind == "organisation" {
            match declare(file, &[kind], key.span(), value, index).and_then(|()| object(value, "the organisation")) {
                Ok(organisation) => configuration.organisation = organisation,
                Err(problem) => findings.push(index.at(file, problem.span.start, problem.message)),
            }
            continue;
        }
        let Some(objects) = value.get_ref().as_table() else {
            let message = format!("`{kind}` holds objects by name: write `[{kind}.some-name]`.");
            findings.push(index.at(file, value.span().start, message));
            continue;
        };
        for (name, value) in objects.iter() {
            let declared = declare(file, &[kind, name.get_ref()], name.span(), value, index);
            if let Err(problem) = declared.and_then(|()| read_object(kind, name.get_ref(), value, configuration)) {
                // A problem without a place of its own, such as a missing key, is told where the object begins.
                let offset = if problem.span.is_empty() { name.span().start } else { problem.span.start };
                findings.push(index.at(file, offset, problem.message));
            }
        }
    }
}

/// Remembers the object's place, unless another file has it already.
pub(super) fn declare(
    file: usize,
    path: &[&str],
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    index: &mut Index,
) -> Result<(), Problem> {
    let noun = noun(path[0]);
    if let Some(first) = index.get(path) {
        let what = path.get(1).map_or_else(|| format!("The {noun}"), |name| format!("The {noun} `{name}`"));
        let message = format!("{what} is also in {}. Keep one of the two.", index.describe(first));
        return Err(Problem { span: key, message });
    }
    index.add(file, path, key.clone(), value);
    let Some(name) = path.get(1) else { return Ok(()) };
    let message = if name.is_empty() {
        format!("A name of a {noun} cannot be empty.")
    } else if name.chars().any(char::is_control) || name.trim() != *name {
        format!("The name {name:?} has control characters, or spaces around it. Write it without.")
    } else if name.chars().count() > LONGEST_NAME {
        format!("This name is longer than {LONGEST_NAME} characters. Shorten it.")
    } else {
        return Ok(());
    };
    Err(Problem { span: key, message })
}

fn read_object(
    kind: &str,
    name: &str,
    value: &Spanned<DeValue<'_>>,
    configuration: &mut Configuration,
) -> Result<(), Problem> {
    let what = format!("{} `{name}`", noun(kind));
    match kind {
        "sources" => {
            columns(value, &what)?;
            insert(&mut configuration.sources, name, value, &what)
        }
        "dimensions" => insert(&mut configuration.dimensions, name, value, &what),
        "applications" => {
            connection(value, &what)?;
            insert(&mut configuration.applications, name, value, &what)
        }
        "integrations" => {
            connection(value, &what)?;
            insert(&mut configuration.integrations, name, value, &what)
        }
        "agents" => insert(&mut configuration.agents, name, value, &what),
        "account_types" => insert(&mut configuration.account_types, name, value, &what),
        "entitlements" => insert(&mut configuration.entitlements, name, value, &what),
        "categories" => insert(&mut configuration.categories, name, value, &what),
        "access_profiles" => insert(&mut configuration.access_profiles, name, value, &what),
        "roles" => insert(&mut configuration.roles, name, value, &what),
        "rules" => insert(&mut configuration.rules, name, value, &what),
        "lifecycle_states" => insert(&mut configuration.lifecycle_states, name, value, &what),
        "risks" => insert(&mut configuration.risks, name, value, &what),
        "naming_rules" => insert(&mut configuration.naming_rules, name, value, &what),
        "indirect_rules" => insert(&mut configuration.indirect_rules, name, value, &what),
        "automation_rules" => insert(&mut configuration.automation_rules, name, value, &what),
        "sign_ins" => insert(&mut configuration.sign_ins, name, value, &what),
        "subscriptions" => insert(&mut configuration.subscriptions, name, value, &what),
        "jobs" => {
            tasks(value, &what)?;
            insert(&mut configuration.jobs, name, value, &what)
        }
        "permission_conflicts" => insert(&mut configuration.permission_conflicts, name, value, &what),
        _ => insert(&mut configuration.permission_profiles, name, value, &what),
    }
}

fn insert<T: DeserializeOwned>(
    objects: &mut BTreeMap<String, T>,
    name: &str,
    value: &Spanned<DeValue<'_>>,
    what: &str,
) -> Result<(), Problem> {
    objects.insert(name.to_owned(), object(value, what)?);
    Ok(())
}

pub(super) fn object<T: DeserializeOwned>(value: &Spanned<DeValue<'_>>, what: &str) -> Result<T, Problem> {
    T::deserialize(ValueDeserializer::from(value.clone())).map_err(|error| Problem {
        span: error.span().unwrap_or_else(|| value.span()),
        message: capitalised(wording::reword(error.message(), what)),
    })
}

/// A connection is chosen by its `kind`, which costs the parser the places within; so it is tried as that kind first.
fn connection(carrier: &Spanned<DeValue<'_>>, what: &str) -> Result<(), Problem> {
    let Some(connection) = carrier.get_ref().as_table().and_then(|table| table.get("connection")) else {
        return Ok(());
    };
    let Some(table) = connection.get_ref().as_table() else { return Ok(()) };
    let Some(kind) = table.get("kind") else {
        let message =
            format!("The connection of {what} lacks the key `kind`. Expected one of: {}.", CONNECTIONS.join(", "));
        return Err(Problem { span: connection.span(), message });
    };
    let mut bare = connection.clone();
    if let DeValue::Table(table) = bare.get_mut() {
        table.remove("kind");
    }
    let what = format!("the connection of {what}");
    match kind.get_ref().as_str() {
        Some("scim") => object::<ScimConnection>(&bare, &what).map(drop),
        Some("ldap") => object::<LdapConnection>(&bare, &what).map(drop),
        Some("sql") => object::<SqlConnection>(&bare, &what).map(drop),
        Some("csv") => object::<CsvConnection>(&bare, &what).map(drop),
        Some("request_tracker") => object::<RequestTrackerConnection>(&bare, &what).map(drop),
        Some("manual") => object::<ManualConnection>(&bare, &what).map(drop),
        Some(other) => {
            let message = format!(
                "`{other}` is no kind of connection.{} Expected one of: {}.",
                wording::hint(other, &CONNECTIONS),
                CONNECTIONS.join(", ")
            );
            Err(Problem { span: kind.span(), message })
        }
        None => Ok(()),
    }
}

/// A column is a text or a table; as with connections, the table is tried as such to keep the places within.
fn columns(source: &Spanned<DeValue<'_>>, what: &str) -> Result<(), Problem> {
    let Some(source) = source.get_ref().as_table() else { return Ok(()) };
    let positions = source.get("positions").and_then(|positions| positions.get_ref().as_table());
    let sections = source.get("sections").and_then(|sections| sections.get_ref().as_table());
    let sections = sections.into_iter().flat_map(DeTable::iter).map(|(_, section)| section.get_ref().as_table());
    for table in [Some(source), positions].into_iter().chain(sections).flatten() {
        let Some(attributes) = table.get("attributes").and_then(|value| value.get_ref().as_table()) else { continue };
        for (name, column) in attributes.iter().filter(|(_, column)| column.get_ref().is_table()) {
            object::<TypedColumn>(column, &format!("the attribute `{}` of {what}", name.get_ref()))?;
        }
    }
    Ok(())
}

/// A task is tried on its own first, so that a complaint names it.
fn tasks(job: &Spanned<DeValue<'_>>, what: &str) -> Result<(), Problem> {
    let tasks = job.get_ref().as_table().and_then(|job| job.get("tasks")).and_then(|tasks| tasks.get_ref().as_table());
    for (name, task) in tasks.into_iter().flat_map(DeTable::iter) {
        object::<TaskDefinition>(task, &format!("the task `{}` of {what}", name.get_ref())).map_err(|problem| {
            Problem { span: if problem.span.is_empty() { name.span() } else { problem.span }, ..problem }
        })?;
    }
    Ok(())
}

fn capitalised(text: String) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
