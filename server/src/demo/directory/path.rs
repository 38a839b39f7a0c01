//! Attribute paths of RFC 7644 section 3.5.2 (figure 7), and what they lead to in a resource. Names are compared
//! regardless of case.

use serde_json::{Map, Value as Json};

use super::Refusal;
use super::filter::Filter;

/// `urn:…:User:department`, `name.givenName`, `emails[type eq "work"].value`, `members[value eq "7"]`.
#[derive(Clone, Debug)]
pub(super) struct AttributePath {
    /// Schema of an extension.
    pub(super) extension: Option<String>,
    pub(super) attribute: String,
    pub(super) filter: Option<Filter>,
    pub(super) sub_attribute: Option<String>,
}

impl AttributePath {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        Self::read(text)?.ok_or_else(|| Refusal::invalid("invalidPath", format!("{text:?} is no attribute path.")))
    }

    fn read(text: &str) -> Result<Option<Self>, Refusal> {
        let (head, selection) = match text.split_once('[') {
            Some((head, rest)) => {
                let Some((filter, tail)) = rest.rsplit_once(']') else { return Ok(None) };
                (head, Some((Filter::parse(filter)?, tail)))
            }
            None => (text, None),
        };
        let (extension, head) = split_extension(head);
        let (attribute, sub_attribute) = match &selection {
            Some((_, "")) => (head, None),
            Some((_, tail)) => match tail.strip_prefix('.') {
                Some(sub) => (head, Some(sub)),
                None => return Ok(None),
            },
            None => head.split_once('.').map_or((head, None), |(attribute, sub)| (attribute, Some(sub))),
        };
        let fine = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
        };
        if !fine(attribute) || !sub_attribute.is_none_or(fine) {
            return Ok(None);
        }
        Ok(Some(Self {
            extension,
            attribute: attribute.to_owned(),
            filter: selection.map(|(filter, _)| filter),
            sub_attribute: sub_attribute.map(str::to_owned),
        }))
    }

    /// Every single value the path leads to; of a list of objects without a sub-attribute, their `value`s.
    pub(super) fn values<'a>(&self, resource: &'a Map<String, Json>) -> Vec<&'a Json> {
        let container = match &self.extension {
            Some(urn) => match member(resource, urn).and_then(Json::as_object) {
                Some(container) => container,
                None => return Vec::new(),
            },
            None => resource,
        };
        let Some(found) = member(container, &self.attribute) else { return Vec::new() };
        let entries: Vec<&Json> = match found {
            Json::Array(entries) => entries.iter().collect(),
            single => vec![single],
        };
        let selected = entries.into_iter().filter(|entry| match (&self.filter, entry) {
            (Some(filter), Json::Object(entry)) => filter.matches(entry),
            (Some(_), _) => false,
            (None, _) => true,
        });
        selected
            .filter_map(|entry| match (entry, &self.sub_attribute) {
                (Json::Object(entry), Some(sub)) => member(entry, sub),
                (Json::Object(entry), None) => member(entry, "value"),
                (single, None) => Some(single),
                (_, Some(_)) => None,
            })
            .filter(|value| !value.is_null())
            .collect()
    }
}

/// A schema's URN ends at the last colon; a core schema's is no extension.
fn split_extension(head: &str) -> (Option<String>, &str) {
    if !head.to_ascii_lowercase().starts_with("urn:") {
        return (None, head);
    }
    // Versions have a dot, `…:2.0:User:department`, so the colon is looked for and not the dot.
    match head.rsplit_once(':') {
        Some((urn, attribute)) if urn.to_ascii_lowercase().starts_with("urn:ietf:params:scim:schemas:core:") => {
            (None, attribute)
        }
        Some((urn, attribute)) => (Some(urn.to_owned()), attribute),
        None => (None, head),
    }
}

/// The member of that name, regardless of case.
pub(super) fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The key under which the object has the name, or the name itself.
pub(super) fn key(object: &Map<String, Json>, name: &str) -> String {
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}
