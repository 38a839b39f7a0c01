//! From what was typed into a form to the JSON that it means. Nothing is refused: what is no number stays the text that was typed,
//! and whoever checks the result says what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{CHECKED, Field, KEY, REMOVE, Shape, USE, VALUE, VARIANT};

/// What was typed, by the path of its input.
pub type Typed = BTreeMap<String, String>;

/// The object that comes of what was typed.
pub fn object(fields: &[Field], typed: &Typed) -> Value {
    group(fields, "", typed).map_or_else(|| Value::Object(Map::new()), Value::Object)
}

/// The path of something within something.
pub fn within(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn group(fields: &[Field], path: &str, typed: &Typed) -> Option<Map<String, Value>> {
    let found: Map<String, Value> = fields
        .iter()
        .filter_map(|field| Some((field.key.clone(), field_value(field, &within(path, &field.key), typed)?)))
        .collect();
    (!found.is_empty() || is_checked(path, USE, typed)).then_some(found)
}

fn field_value(field: &Field, path: &str, typed: &Typed) -> Option<Value> {
    match &field.shape {
        Shape::Switch if field.is_nullable => match text(path, typed)? {
            "yes" => Some(Value::Bool(true)),
            "no" => Some(Value::Bool(false)),
            other => Some(Value::String(other.to_owned())),
        },
        Shape::Switch => {
            let is_set = text(path, typed) == Some(CHECKED);
            let usual = field.default.as_ref().and_then(Value::as_bool).unwrap_or(false);
            (field.is_required || is_set != usual).then_some(Value::Bool(is_set))
        }
        shape => value(shape, path, typed),
    }
}

pub(super) fn value(shape: &Shape, path: &str, typed: &Typed) -> Option<Value> {
    match shape {
        Shape::Text | Shape::Date | Shape::Choice(_) => text(path, typed).map(|text| Value::String(text.to_owned())),
        Shape::Number { .. } => text(path, typed).map(number),
        Shape::Switch => Some(Value::Bool(text(path, typed) == Some(CHECKED))),
        Shape::Choices(words) => {
            let chosen = words.iter().filter(|word| is_checked(path, &word.value, typed));
            some(chosen.map(|word| Value::String(word.value.clone())).collect())
        }
        Shape::Lines(item) => {
            let lines = text(path, typed)?.lines().map(str::trim).filter(|line| !line.is_empty());
            let is_number = matches!(**item, Shape::Number { .. });
            some(lines.map(|line| if is_number { number(line) } else { Value::String(line.to_owned()) }).collect())
        }
        Shape::List(item) => some(
            positions(path, typed)
                .into_iter()
                .map(|position| within(path, &position.to_string()))
                .filter(|path| !is_checked(path, REMOVE, typed))
                .filter_map(|path| value(item, &path, typed))
                .collect(),
        ),
        Shape::Named(item) => {
            let entries = positions(path, typed).into_iter().filter_map(|position| {
                let path = within(path, &position.to_string());
                if is_checked(&path, REMOVE, typed) {
                    return None;
                }
                let found = value(item, &within(&path, VALUE), typed);
                let key = text(&within(&path, KEY), typed).map(str::trim);
                match (key, found) {
                    (None, None | Some(Value::Bool(false))) => None,
                    // A line on which only the kind of its value is said, which nobody typed.
                    (None, Some(found)) if found == nothing_yet(&Shape::Text) => None,
                    (key, Some(found)) => Some((key.unwrap_or_default().to_owned(), found)),
                    (Some(key), None) => Some((key.to_owned(), nothing_yet(item))),
                }
            });
            let entries: Map<String, Value> = entries.collect();
            (!entries.is_empty()).then_some(Value::Object(entries))
        }
        Shape::Group(fields) => group(fields, path, typed).map(Value::Object),
        Shape::Variants(variants) => {
            let word = text(&within(path, VARIANT), typed)?;
            let variant = variants.iter().find(|variant| variant.word.value == word)?;
            let found = value(&variant.shape, path, typed);
            match &variant.tag {
                Some(tag) => {
                    let mut object = match found {
                        Some(Value::Object(object)) => object,
                        _ => Map::new(),
                    };
                    object.insert(tag.clone(), Value::String(word.to_owned()));
                    Some(Value::Object(object))
                }
                // Nothing of it was typed yet: the form that was chosen is kept all the same.
                None => found.or_else(|| match &variant.shape {
                    Shape::Group(fields) if let [only] = fields.as_slice() => {
                        Some(Value::Object(Map::from_iter([(only.key.clone(), nothing_yet(&only.shape))])))
                    }
                    shape => Some(nothing_yet(shape)),
                }),
            }
        }
        Shape::Fixed(word) => Some(Value::String(word.clone())),
        Shape::Any => {
            text(path, typed).map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
        }
    }
}

/// What stands for something that has a name and nothing else yet.
fn nothing_yet(shape: &Shape) -> Value {
    match shape {
        Shape::Group(_) | Shape::Named(_) | Shape::Variants(_) => Value::Object(Map::new()),
        Shape::Fixed(word) => Value::String(word.clone()),
        Shape::List(_) | Shape::Lines(_) | Shape::Choices(_) => Value::Array(Vec::new()),
        _ => Value::String(String::new()),
    }
}

fn some(members: Vec<Value>) -> Option<Value> {
    (!members.is_empty()).then_some(Value::Array(members))
}

fn text<'a>(path: &str, typed: &'a Typed) -> Option<&'a str> {
    typed.get(path).map(String::as_str).filter(|text| !text.trim().is_empty())
}

fn is_checked(path: &str, word: &str, typed: &Typed) -> bool {
    typed.get(&within(path, word)).is_some_and(|value| value == CHECKED)
}

fn number(text: &str) -> Value {
    text.trim().parse::<i64>().map_or_else(|_| Value::String(text.trim().to_owned()), Value::from)
}

/// Positions of a list of which something was typed.
fn positions(path: &str, typed: &Typed) -> BTreeSet<usize> {
    let prefix = format!("{path}.");
    let rest = typed.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
    rest.filter_map(|(name, _)| name.get(prefix.len()..)?.split('.').next()?.parse().ok()).collect()
}
