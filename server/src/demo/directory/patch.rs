//! Changes of RFC 7644 section 3.5.2: add, replace and remove, with and without a path.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::Refusal;
use super::filter::{Filter, Operator};
use super::path::{self, AttributePath};

/// One operation of a change, as sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PatchOperation {
    /// In any case: some clients write `Replace`.
    op: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    value: Json,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Replace,
    Remove,
}

/// The resource with all operations carried out, in order; or a refusal, and then nothing happened.
pub(super) fn apply(resource: &Map<String, Json>, operations: &[PatchOperation]) -> Result<Map<String, Json>, Refusal> {
    let mut changed = resource.clone();
    for operation in operations {
        let change = match operation.op.to_ascii_lowercase().as_str() {
            "add" => Change::Add,
            "replace" => Change::Replace,
            "remove" => Change::Remove,
            other => return Err(Refusal::invalid("invalidSyntax", format!("{other:?} is no operation."))),
        };
        match (&operation.path, &operation.value) {
            (Some(path), value) => one(&mut changed, change, &AttributePath::parse(path)?, value)?,
            (None, Json::Object(values)) if change != Change::Remove => {
                for (name, value) in values {
                    several(&mut changed, change, name, value)?;
                }
            }
            (None, _) => {
                return Err(Refusal::invalid("noTarget", "An operation without a path needs an object as its value."));
            }
        }
    }
    if changed.get("id") != resource.get("id") {
        return Err(Refusal::invalid("mutability", "The id of a resource cannot be changed."));
    }
    Ok(changed)
}

/// A member of the value of an operation without path: an attribute, or the attributes of an extension.
fn several(resource: &mut Map<String, Json>, change: Change, name: &str, value: &Json) -> Result<(), Refusal> {
    if let (true, Json::Object(members)) = (name.to_ascii_lowercase().starts_with("urn:"), value) {
        for (member, value) in members {
            one(resource, change, &AttributePath::parse(&format!("{name}:{member}"))?, value)?;
        }
        return Ok(());
    }
    one(resource, change, &AttributePath::parse(name)?, value)
}

fn one(resource: &mut Map<String, Json>, change: Change, path: &AttributePath, value: &Json) -> Result<(), Refusal> {
    let container = match &path.extension {
        Some(urn) => {
            let key = path::key(resource, urn);
            let extension = resource.entry(key).or_insert_with(|| Json::Object(Map::new()));
            extension.as_object_mut().ok_or_else(|| not_complex(urn))?
        }
        None => resource,
    };
    let key = path::key(container, &path.attribute);
    match (&path.filter, &path.sub_attribute) {
        (Some(filter), sub_attribute) => selected(container, &key, change, filter, sub_attribute.as_deref(), value),
        (None, Some(sub_attribute)) => {
            if change == Change::Remove && !container.contains_key(&key) {
                return Ok(());
            }
            let object = container.entry(key).or_insert_with(|| Json::Object(Map::new()));
            let object = object.as_object_mut().ok_or_else(|| not_complex(&path.attribute))?;
            set(object, &path::key(object, sub_attribute), change, value);
            Ok(())
        }
        (None, None) if change == Change::Add && container.get(&key).is_some_and(Json::is_array) => {
            if let Some(Json::Array(entries)) = container.get_mut(&key) {
                append(entries, value);
            }
            Ok(())
        }
        (None, None) if change == Change::Remove && value.is_array() => {
            // Not in the standard, and sent by many: the entries to remove as a value.
            if let (Some(Json::Array(entries)), Json::Array(unwanted)) = (container.get_mut(&key), value) {
                entries.retain(|entry| !unwanted.iter().any(|unwanted| same_entry(entry, unwanted)));
            }
            Ok(())
        }
        (None, None) => {
            set(container, &key, change, value);
            Ok(())
        }
    }
}

/// Entries of a list, chosen by a filter.
fn selected(
    container: &mut Map<String, Json>,
    key: &str,
    change: Change,
    filter: &Filter,
    sub_attribute: Option<&str>,
    value: &Json,
) -> Result<(), Refusal> {
    let entries = container.entry(key.to_owned()).or_insert_with(|| Json::Array(Vec::new()));
    let Json::Array(entries) = entries else {
        return Err(Refusal::invalid("invalidPath", format!("{key} is no list.")));
    };
    let chosen = |entry: &Json| entry.as_object().is_some_and(|entry| filter.matches(entry));
    if change == Change::Remove && sub_attribute.is_none() {
        entries.retain(|entry| !chosen(entry));
        return Ok(());
    }
    let mut any = false;
    for entry in entries.iter_mut().filter(|entry| chosen(entry)) {
        any = true;
        let Json::Object(entry) = entry else { continue };
        match (sub_attribute, value) {
            (Some(sub_attribute), value) => set(entry, &path::key(entry, sub_attribute), change, value),
            (None, Json::Object(value)) => entry.extend(value.clone()),
            (None, _) => return Err(Refusal::invalid("invalidValue", format!("An entry of {key} is an object."))),
        }
    }
    match (any, change, filter, sub_attribute) {
        (true, _, _, _) | (false, Change::Remove, _, _) => Ok(()),
        (false, Change::Add, Filter::Compare(path, Operator::Equal, wanted), Some(sub_attribute)) => {
            let mut entry = Map::new();
            entry.insert(path.attribute.clone(), wanted.clone());
            entry.insert(sub_attribute.to_owned(), value.clone());
            entries.push(Json::Object(entry));
            Ok(())
        }
        _ => Err(Refusal::invalid("noTarget", format!("No entry of {key} fits the filter."))),
    }
}

fn set(object: &mut Map<String, Json>, key: &str, change: Change, value: &Json) {
    if change == Change::Remove || value.is_null() {
        object.remove(key);
    } else {
        object.insert(key.to_owned(), value.clone());
    }
}

fn append(entries: &mut Vec<Json>, value: &Json) {
    let added = match value {
        Json::Array(added) => added.as_slice(),
        single => std::slice::from_ref(single),
    };
    for entry in added {
        if !entries.iter().any(|known| same_entry(known, entry)) {
            entries.push(entry.clone());
        }
    }
}

/// Entries with a `value` and `type` are the same where these are.
fn same_entry(left: &Json, right: &Json) -> bool {
    match (left.get("value"), right.get("value")) {
        (Some(one), Some(other)) => {
            one == other && (left.get("type") == right.get("type") || right.get("type").is_none())
        }
        _ => left == right,
    }
}

fn not_complex(name: &str) -> Refusal {
    Refusal::invalid("invalidPath", format!("{name} has no attributes of its own."))
}
