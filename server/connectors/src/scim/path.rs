//! Attribute paths of RFC 7644 3.5.2, as far as an attribute's value needs them: `userName`, `name.givenName`,
//! `emails[type eq "work"].value`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.

use model::command::CommandError;
use model::order::ErrorClass;
use model::value::Value;
use serde_json::{Map, Value as Json, json};

const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// Attributes of RFC 7643 4.1.2 whose values are objects with a `value`.
const COMPLEX: [&str; 9] =
    ["emails", "phoneNumbers", "ims", "photos", "addresses", "groups", "entitlements", "roles", "x509Certificates"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// As configured; sent in filters and changes.
    text: String,
    /// URN of the extension, none for the core schema.
    pub(super) extension: Option<String>,
    attribute: String,
    /// Sub-attributes that select one of several values, each with the value it has to have.
    selection: Vec<(String, Json)>,
    sub_attribute: Option<String>,
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        parse(text).ok_or_else(|| {
            CommandError::new(
                ErrorClass::Invalid,
                format!(
                    "{text:?} is no SCIM attribute path. Write it like userName, name.givenName or \
                     emails[type eq \"work\"].value in the account type."
                ),
            )
        })
    }

    /// The value a resource holds.
    pub(super) fn read(&self, resource: &Map<String, Json>) -> Option<Value> {
        let mut found = get(self.container(resource)?, &self.attribute)?;
        if !self.selection.is_empty() {
            found = found.as_array()?.iter().find(|entry| self.selects(entry))?;
        }
        match (&self.sub_attribute, found) {
            (Some(sub_attribute), Json::Object(object)) => value(get(object, sub_attribute)?),
            (Some(sub_attribute), Json::Array(entries)) => {
                let members = entries.iter().filter_map(|entry| text(get(entry.as_object()?, sub_attribute)?));
                list(members.collect())
            }
            (Some(_), _) => None,
            (None, found) => value(found),
        }
    }

    /// Puts the value into a resource that is to be created.
    pub(super) fn write(&self, resource: &mut Map<String, Json>, value: &Value) {
        let container = match &self.extension {
            Some(urn) => object(resource, urn),
            None => resource,
        };
        if !self.selection.is_empty() {
            let entries = container.entry(self.attribute.clone()).or_insert_with(|| json!([]));
            if let Json::Array(entries) = entries {
                match entries.iter_mut().find(|entry| self.selects(entry)) {
                    Some(Json::Object(entry)) => {
                        entry.insert(self.selected_attribute().to_owned(), json_of(value));
                    }
                    _ => entries.push(self.entry(value)),
                }
            }
        } else if let Some(sub_attribute) = &self.sub_attribute {
            object(container, &self.attribute).insert(sub_attribute.clone(), json_of(value));
        } else {
            container.insert(self.attribute.clone(), self.whole(value));
        }
    }

    /// The operation that sets the value in this resource. One of several values cannot be replaced while it is not
    /// there (RFC 7644 3.5.2.3), so it is added.
    pub(super) fn set(&self, resource: &Map<String, Json>, value: &Value) -> Json {
        if self.selection.is_empty() {
            let value = if self.sub_attribute.is_some() { json_of(value) } else { self.whole(value) };
            return json!({ "op": "replace", "path": self.text, "value": value });
        }
        if self.selected(resource).is_some() {
            let path = format!("{}.{}", self.selected_text(), self.selected_attribute());
            json!({ "op": "replace", "path": path, "value": json_of(value) })
        } else {
            json!({ "op": "add", "path": self.attribute_text(), "value": [self.entry(value)] })
        }
    }

    /// The operation that takes the value away; without its value, an entry of a list goes as a whole.
    pub(super) fn clear(&self) -> Json {
        if self.selection.is_empty() || self.selected_attribute() != "value" {
            json!({ "op": "remove", "path": self.text })
        } else {
            json!({ "op": "remove", "path": self.selected_text() })
        }
    }

    /// The filter (RFC 7644 3.4.2.2) that is true where the attribute has this value.
    pub(super) fn filter(&self, value: &Value) -> String {
        let values = match value {
            Value::List(members) => members.iter().map(|member| json!(member)).collect(),
            other => vec![json_of(other)],
        };
        let comparisons = values.iter().map(|value| {
            if self.selection.is_empty() {
                let path = if self.sub_attribute.is_none() && self.is_complex() {
                    format!("{}.value", self.text)
                } else {
                    self.text.clone()
                };
                format!("{path} eq {value}")
            } else {
                let selection = self.selection_text();
                format!("{}[{selection} and {} eq {value}]", self.attribute_text(), self.selected_attribute())
            }
        });
        comparisons.collect::<Vec<_>>().join(" and ")
    }

    fn container<'a>(&self, resource: &'a Map<String, Json>) -> Option<&'a Map<String, Json>> {
        match &self.extension {
            Some(urn) => get(resource, urn)?.as_object(),
            None => Some(resource),
        }
    }

    fn selected<'a>(&self, resource: &'a Map<String, Json>) -> Option<&'a Json> {
        get(self.container(resource)?, &self.attribute)?.as_array()?.iter().find(|entry| self.selects(entry))
    }

    fn selects(&self, entry: &Json) -> bool {
        let Json::Object(entry) = entry else { return false };
        self.selection.iter().all(|(name, wanted)| match (get(entry, name), wanted) {
            (Some(Json::String(found)), Json::String(wanted)) => found.eq_ignore_ascii_case(wanted),
            (found, wanted) => found == Some(wanted),
        })
    }

    fn selected_attribute(&self) -> &str {
        self.sub_attribute.as_deref().unwrap_or("value")
    }

    fn attribute_text(&self) -> String {
        match &self.extension {
            Some(urn) => format!("{urn}:{}", self.attribute),
            None => self.attribute.clone(),
        }
    }

    fn selection_text(&self) -> String {
        let conditions = self.selection.iter().map(|(name, wanted)| format!("{name} eq {wanted}"));
        conditions.collect::<Vec<_>>().join(" and ")
    }

    fn selected_text(&self) -> String {
        format!("{}[{}]", self.attribute_text(), self.selection_text())
    }

    fn entry(&self, value: &Value) -> Json {
        let mut entry: Map<String, Json> = self.selection.iter().cloned().collect();
        entry.insert(self.selected_attribute().to_owned(), json_of(value));
        Json::Object(entry)
    }

    fn is_complex(&self) -> bool {
        self.extension.is_none() && COMPLEX.contains(&self.attribute.as_str())
    }

    fn whole(&self, value: &Value) -> Json {
        match value {
            Value::List(members) if self.is_complex() => members.iter().map(|one| json!({ "value": one })).collect(),
            value if self.is_complex() => json!([{ "value": json_of(value) }]),
            value => json_of(value),
        }
    }
}

/// All values of a resource, by the paths that lead to them.
pub(super) fn flatten(resource: &Map<String, Json>) -> model::value::Attributes {
    let mut attributes = model::value::Attributes::new();
    for (name, found) in resource {
        if ["schemas", "meta", "id", "groups", "active"].contains(&name.as_str()) {
            continue;
        }
        match found {
            Json::Object(object) if name.to_ascii_lowercase().starts_with("urn:") => {
                for (inner, found) in object {
                    flatten_one(&format!("{name}:{inner}"), found, &mut attributes);
                }
            }
            found => flatten_one(name, found, &mut attributes),
        }
    }
    attributes
}

fn flatten_one(name: &str, found: &Json, attributes: &mut model::value::Attributes) {
    match found {
        Json::Object(object) => {
            for (sub_attribute, found) in object {
                if let Some(value) = value(found) {
                    attributes.insert(format!("{name}.{sub_attribute}"), value);
                }
            }
        }
        Json::Array(entries) if entries.iter().all(|entry| entry.get("type").is_some_and(Json::is_string)) => {
            for entry in entries {
                if let (Some(kind), Some(value)) = (entry.get("type"), entry.get("value").and_then(value)) {
                    attributes.entry(format!("{name}[type eq {kind}].value")).or_insert(value);
                }
            }
        }
        found => {
            if let Some(value) = value(found) {
                attributes.insert(name.to_owned(), value);
            }
        }
    }
}

/// Names of attributes are compared without regard to case (RFC 7643 2.1).
pub(super) fn get<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, found)| found))
}

#[expect(clippy::expect_used, reason = "the line above makes it an object")]
fn object<'a>(parent: &'a mut Map<String, Json>, name: &str) -> &'a mut Map<String, Json> {
    let child = parent.entry(name.to_owned()).or_insert_with(|| json!({}));
    if !child.is_object() {
        *child = json!({});
    }
    child.as_object_mut().expect("an object")
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Boolean(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(members) => json!(members),
    }
}

fn value(found: &Json) -> Option<Value> {
    match found {
        Json::Bool(value) => Some(Value::Boolean(*value)),
        Json::Number(number) => Some(number.as_i64().map_or_else(|| Value::Text(number.to_string()), Value::Integer)),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Array(entries) => list(
            entries
                .iter()
                .filter_map(|entry| match entry {
                    Json::Object(object) => text(get(object, "value")?),
                    other => text(other),
                })
                .collect(),
        ),
        Json::Object(_) | Json::Null => None,
    }
}

fn list(members: Vec<String>) -> Option<Value> {
    if members.is_empty() { None } else { Some(Value::List(members)) }
}

fn text(found: &Json) -> Option<String> {
    match found {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(found.to_string()),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Path> {
    let (before, selection, after) = match text.split_once('[') {
        Some((before, rest)) => {
            let (selection, after) = rest.rsplit_once(']')?;
            (before, parse_selection(selection)?, after)
        }
        None => (text, Vec::new(), ""),
    };
    let (extension, rest) = if before.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        // A version such as 2.0 has a dot, so the attribute begins after the last colon.
        let (urn, rest) = before.rsplit_once(':')?;
        (Some(urn).filter(|urn| !urn.eq_ignore_ascii_case(CORE_USER)), rest)
    } else {
        (None, before)
    };
    let (attribute, inner) = match rest.split_once('.') {
        Some((attribute, inner)) => (attribute, Some(inner)),
        None => (rest, None),
    };
    let outer = if after.is_empty() { None } else { Some(after.strip_prefix('.')?) };
    if inner.is_some() && (outer.is_some() || !selection.is_empty()) {
        return None;
    }
    let sub_attribute = inner.or(outer);
    if !is_name(attribute) || !sub_attribute.is_none_or(is_name) {
        return None;
    }
    Some(Path {
        text: text.to_owned(),
        extension: extension.map(str::to_owned),
        attribute: attribute.to_owned(),
        selection,
        sub_attribute: sub_attribute.map(str::to_owned),
    })
}

/// `type eq "work" and primary eq true`.
fn parse_selection(text: &str) -> Option<Vec<(String, Json)>> {
    text.split(" and ")
        .map(|condition| {
            let mut words = condition.trim().splitn(3, ' ');
            let (name, operator, literal) = (words.next()?, words.next()?, words.next()?);
            let literal: Json = serde_json::from_str(literal.trim()).ok()?;
            let usable =
                is_name(name) && operator.eq_ignore_ascii_case("eq") && (literal.is_string() || literal.is_boolean());
            usable.then(|| (name.to_owned(), literal))
        })
        .collect()
}

/// RFC 7643 2.1, with `$` for `$ref`.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$')
        && text.chars().all(|one| one.is_ascii_alphanumeric() || ['-', '_', '$'].contains(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(json: Json) -> Map<String, Json> {
        match json {
            Json::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
        for (path, value, expected) in [
            ("userName", Value::from("a"), json!({ "userName": "a" })),
            ("name.givenName", Value::from("a"), json!({ "name": { "givenName": "a" } })),
            (
                "emails[type eq \"work\"].value",
                Value::from("a"),
                json!({ "emails": [{ "type": "work", "value": "a" }] }),
            ),
            ("emails[type eq \"work\"]", Value::from("a"), json!({ "emails": [{ "type": "work", "value": "a" }] })),
            ("emails", Value::List(vec!["a".into()]), json!({ "emails": [{ "value": "a" }] })),
            (
                department,
                Value::from("a"),
                json!({ "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "a" } }),
            ),
            ("urn:ietf:params:scim:schemas:core:2.0:User:title", Value::from("a"), json!({ "title": "a" })),
            ("urn:example:2.0:User:level", Value::from(3), json!({ "urn:example:2.0:User": { "level": 3 } })),
        ] {
            let parsed = Path::parse(path).unwrap();
            let mut written = Map::new();
            parsed.write(&mut written, &value);
            assert_eq!(Json::Object(written.clone()), expected, "{path}");
            let read = if path == "emails[type eq \"work\"]" { None } else { Some(value) };
            assert_eq!(parsed.read(&written), read, "{path}");
        }
    }

    #[test]
    fn one_of_several_values_is_added_where_it_is_missing_and_replaced_where_it_is_not() {
        let path = Path::parse("emails[type eq \"work\"].value").unwrap();
        let home = resource(json!({ "emails": [{ "type": "home", "value": "h" }] }));
        assert_eq!(
            path.set(&home, &Value::from("w")),
            json!({ "op": "add", "path": "emails", "value": [{ "type": "work", "value": "w" }] })
        );
        let both = resource(json!({ "EMAILS": [{ "type": "home", "value": "h" }, { "type": "Work", "value": "w" }] }));
        assert_eq!(
            path.set(&both, &Value::from("x")),
            json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x" })
        );
        assert_eq!(path.clear(), json!({ "op": "remove", "path": "emails[type eq \"work\"]" }));
    }

    #[test]
    fn a_value_cannot_leave_its_filter() {
        let hostile = Value::from("x\" or userName pr or userName eq \"\\");
        assert_eq!(
            Path::parse("userName").unwrap().filter(&hostile),
            r#"userName eq "x\" or userName pr or userName eq \"\\""#
        );
        assert_eq!(
            Path::parse("emails[type eq \"work\"].value").unwrap().filter(&Value::from("a]b")),
            r#"emails[type eq "work" and value eq "a]b"]"#
        );
    }

    #[test]
    fn other_paths_are_refused() {
        for path in
            ["", "a b", "a.b.c", "a[b]", "a[type eq work]", "a[type co \"x\"]", "a.b[type eq \"x\"]", "a]", "a["]
        {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_whole_resource_is_told_by_paths() {
        let flat = flatten(&resource(json!({
            "id": "1", "schemas": ["x"], "userName": "a", "name": { "givenName": "b" },
            "emails": [{ "type": "work", "value": "c" }], "nicknames": ["d", "e"], "nothing": null,
            "urn:x:User": { "level": 3, "manager": { "value": "f" } },
        })));
        let told: Vec<(String, String)> = flat.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        let expected = [
            ("emails[type eq \"work\"].value", "c"),
            ("name.givenName", "b"),
            ("nicknames", "d, e"),
            ("urn:x:User:level", "3"),
            ("urn:x:User:manager.value", "f"),
            ("userName", "a"),
        ];
        assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
