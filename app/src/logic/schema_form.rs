//! Forms made from a JSON Schema: what a setting consists of, how each part is typed, and what stands in its inputs, whose names
//! are paths, such as `connection.url` or `maintenance.0.days`. What was typed is read in `typed`.
//!
//! Of a schema, what the configuration's own types lead to is understood; all else is typed as JSON.

mod typed;

use std::collections::BTreeSet;

use serde_json::Value;

pub use typed::{Typed, object, within};

/// Schemas within schemas beyond this are typed as JSON.
const DEEPEST: usize = 9;

/// Ends of names of inputs that are no fields of the object.
pub const KEY: &str = "__key";
pub const VALUE: &str = "__value";
pub const VARIANT: &str = "__variant";
pub const USE: &str = "__use";
pub const REMOVE: &str = "__remove";
pub const CHECKED: &str = "yes";

/// One field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub key: String,
    pub label: String,
    pub hint: Option<String>,
    pub is_required: bool,
    /// Nothing is another answer than what is usual.
    pub is_nullable: bool,
    pub default: Option<Value>,
    pub shape: Shape,
}

/// How something is typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Text,
    Date,
    Number {
        minimum: Option<i64>,
        maximum: Option<i64>,
    },
    /// Yes or no.
    Switch,
    /// One of some words.
    Choice(Vec<Word>),
    /// Several of some words.
    Choices(Vec<Word>),
    /// Texts or numbers, one a line.
    Lines(Box<Shape>),
    /// Things one after the other.
    List(Box<Shape>),
    /// Things by name.
    Named(Box<Shape>),
    Group(Vec<Field>),
    /// One of several forms.
    Variants(Vec<Variant>),
    /// Nothing to type: the word says it all.
    Fixed(String),
    /// JSON.
    Any,
}

/// A word to choose, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub value: String,
    pub label: String,
    pub hint: Option<String>,
}

/// One of several forms that a thing can have.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub word: Word,
    /// The key in which the word stands; none where the form alone tells it.
    pub tag: Option<String>,
    pub shape: Shape,
}

/// What an object in this table of a configuration consists of, with what is said about such objects.
pub fn of_table(schema: &Value, table: &str) -> (Vec<Field>, Option<String>) {
    let reader = Reader { root: schema };
    let Some(property) = schema.pointer("/properties").and_then(|properties| properties.get(table)) else {
        return (Vec::new(), None);
    };
    let object = property.get("additionalProperties").filter(|value| value.is_object()).unwrap_or(property);
    let resolved = reader.resolve(object);
    match reader.shape(resolved, 0).0 {
        Shape::Group(fields) => (fields, description(resolved)),
        _ => (Vec::new(), description(resolved)),
    }
}

struct Reader<'a> {
    root: &'a Value,
}

impl<'a> Reader<'a> {
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let named = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        named.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    /// With whether it may be nothing.
    fn shape(&self, schema: &'a Value, depth: usize) -> (Shape, bool) {
        let schema = self.resolve(schema);
        if depth > DEEPEST {
            return (Shape::Any, false);
        }
        if let Some(branches) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array()) {
            let (nothing, others): (Vec<&Value>, Vec<&Value>) =
                branches.iter().partition(|branch| branch.get("type").and_then(Value::as_str) == Some("null"));
            let is_nullable = !nothing.is_empty();
            return match others.as_slice() {
                [only] => (self.shape(only, depth + 1).0, is_nullable),
                _ => (self.branches(&others, depth), is_nullable),
            };
        }
        let (kind, is_nullable) = kind(schema);
        let shape = match kind {
            "string" => match words(schema) {
                Some(words) => Shape::Choice(words),
                None if schema.get("format").and_then(Value::as_str) == Some("date") => Shape::Date,
                None => Shape::Text,
            },
            "integer" => {
                let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
                Shape::Number { minimum: bound("minimum"), maximum: bound("maximum") }
            }
            "boolean" => Shape::Switch,
            "array" => match schema.get("items").map(|items| self.shape(items, depth + 1).0) {
                Some(Shape::Choice(words)) => Shape::Choices(words),
                Some(item @ (Shape::Text | Shape::Date | Shape::Number { .. })) => Shape::Lines(Box::new(item)),
                Some(item) => Shape::List(Box::new(item)),
                None => Shape::Any,
            },
            "object" => self.object(schema, depth),
            _ => Shape::Any,
        };
        (shape, is_nullable)
    }

    fn object(&self, schema: &'a Value, depth: usize) -> Shape {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let required: BTreeSet<&str> = schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let field = |(key, schema): (&String, &'a Value)| {
                let (shape, is_nullable) = self.shape(schema, depth + 1);
                Field {
                    label: label(key),
                    hint: description(schema).or_else(|| description(self.resolve(schema))),
                    is_required: required.contains(key.as_str()),
                    is_nullable,
                    default: schema.get("default").cloned(),
                    shape,
                    key: key.clone(),
                }
            };
            let fields = properties.iter().filter(|(_, schema)| schema.get("const").is_none());
            let mut fields: Vec<Field> = fields.map(field).collect();
            fields.sort_by_key(|field| (rank(field), field.shape.weight(), place(&field.key)));
            return Shape::Group(fields);
        }
        match schema.get("additionalProperties").filter(|value| value.is_object()) {
            Some(values) => Shape::Named(Box::new(self.shape(values, depth + 1).0)),
            None => Shape::Any,
        }
    }

    fn branches(&self, branches: &[&'a Value], depth: usize) -> Shape {
        let resolved: Vec<&'a Value> = branches.iter().map(|branch| self.resolve(branch)).collect();
        let found: Option<Vec<Vec<Word>>> = resolved.iter().map(|branch| words(branch)).collect();
        if let Some(found) = found {
            return Shape::Choice(found.into_iter().flatten().collect());
        }
        let resolved = resolved.into_iter();
        let variants: Option<Vec<Variant>> = resolved.map(|branch| self.variant(branch, depth)).collect();
        let distinct: BTreeSet<&str> = variants.iter().flatten().map(|variant| variant.word.value.as_str()).collect();
        match &variants {
            Some(all) if distinct.len() == all.len() => Shape::Variants(variants.unwrap_or_default()),
            _ => Shape::Any,
        }
    }

    fn variant(&self, branch: &'a Value, depth: usize) -> Option<Variant> {
        let shape = self.shape(branch, depth + 1).0;
        let tag = branch.get("properties").and_then(Value::as_object).and_then(|properties| {
            properties.iter().find_map(|(key, value)| Some((key.clone(), value.get("const")?.as_str()?.to_owned())))
        });
        let (value, label, tag) = match (&shape, tag) {
            (_, Some((key, value))) => (value.clone(), self::label(&value), Some(key)),
            (Shape::Choice(words), None) => {
                let [word] = words.as_slice() else { return None };
                return Some(Variant { word: word.clone(), tag: None, shape: Shape::Fixed(word.value.clone()) });
            }
            (Shape::Group(fields), None) if let [only] = fields.as_slice() => {
                (only.key.clone(), only.label.clone(), None)
            }
            (Shape::Group(_), None) => ("details".to_owned(), "With details".to_owned(), None),
            (Shape::Text, None) => ("text".to_owned(), "A text".to_owned(), None),
            (Shape::Switch, None) => ("switch".to_owned(), "Yes or no".to_owned(), None),
            (Shape::Number { .. }, None) => ("number".to_owned(), "A number".to_owned(), None),
            (Shape::Lines(_), None) => ("lines".to_owned(), "Several texts".to_owned(), None),
            _ => return None,
        };
        Some(Variant { word: Word { value, label, hint: description(branch) }, tag, shape })
    }
}

impl Shape {
    /// Long parts stand below short ones.
    fn weight(&self) -> u8 {
        match self {
            Self::Group(_) | Self::Variants(_) => 1,
            Self::List(_) | Self::Named(_) => 2,
            _ => 0,
        }
    }

    /// Whether a value has this form.
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Group(fields) if let [only] = fields.as_slice() => value.get(&only.key).is_some(),
            Self::Group(_) | Self::Named(_) => value.is_object(),
            Self::Fixed(word) => value.as_str() == Some(word),
            Self::Lines(_) | Self::List(_) | Self::Choices(_) => value.is_array(),
            Self::Switch => value.is_boolean(),
            Self::Number { .. } => value.is_number(),
            Self::Text | Self::Date | Self::Choice(_) => value.is_string(),
            Self::Variants(variants) => variant_of(variants, value).is_some(),
            Self::Any => true,
        }
    }
}

/// The form that a value has.
pub fn variant_of<'a>(variants: &'a [Variant], value: &Value) -> Option<&'a Variant> {
    variants.iter().find(|variant| match &variant.tag {
        Some(tag) => value.get(tag).and_then(Value::as_str) == Some(&variant.word.value),
        None => variant.shape.fits(value),
    })
}

/// Whether nothing but a text is the usual form.
pub fn is_usually_text(variants: &[Variant]) -> bool {
    variants.first().is_some_and(|variant| variant.shape == Shape::Text)
}

/// First what it is called and what it is for, then what has to be said.
fn rank(field: &Field) -> u8 {
    match field.key.as_str() {
        "display_name" | "name" => 0,
        "description" => 1,
        // Needed by all that are read, which are nearly all.
        "file" => 2,
        _ if field.is_required => 2,
        _ => 3,
    }
}

/// Fields that are typed first among their like, in this order; the others follow by their names.
const FIRST: [&str; 30] = [
    "application",
    "account_type",
    "identity",
    "account",
    "confidence",
    "pattern",
    "file",
    "key",
    "url",
    "bind_dn",
    "password",
    "account_base",
    "account_classes",
    "account_rdn",
    "group_base",
    "group_class",
    "start_tls",
    "manager",
    "starts",
    "ends",
    "expression",
    "unique",
    "required",
    "create_only",
    "secret",
    "type",
    "entitlement",
    "access_profile",
    "role",
    "correlation",
];

/// Whether such a field is typed first among its like.
pub fn is_first(key: &str) -> bool {
    FIRST.contains(&key)
}

fn place(key: &str) -> usize {
    FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len())
}

fn kind(schema: &Value) -> (&str, bool) {
    match schema.get("type") {
        Some(Value::String(kind)) => (kind, false),
        Some(Value::Array(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            (kinds.iter().find(|kind| **kind != "null").copied().unwrap_or_default(), kinds.contains(&"null"))
        }
        _ => ("", false),
    }
}

/// The words that a schema allows, where it allows nothing else.
fn words(schema: &Value) -> Option<Vec<Word>> {
    let word =
        |value: &Value, hint| Some(Word { value: value.as_str()?.to_owned(), label: label(value.as_str()?), hint });
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().map(|value| word(value, None)).collect(),
        (_, Some(value)) => Some(vec![word(value, description(schema))?]),
        _ => None,
    }
}

fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    // What is meant for readers of the code: links between types.
    let text = text.lines().filter(|line| !line.contains("[`")).collect::<Vec<_>>().join(" ");
    let text = text.replace('`', "").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A key in words: `display_name` is "Display name".
pub fn label(key: &str) -> String {
    let words = key.split(['_', '-']).map(|word| match word {
        "url" | "scim" | "ldap" | "sql" | "csv" | "dn" | "rdn" | "tls" => word.to_uppercase(),
        _ => word.to_owned(),
    });
    let words = words.collect::<Vec<_>>().join(" ");
    let mut characters = words.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", characters.as_str())
}

/// Whether a text is usually longer than a line.
pub fn is_long(key: &str) -> bool {
    matches!(key, "description" | "when" | "expression" | "filter" | "legal_hold") || key.ends_with("_when")
}

/// What stands in an input.
pub fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(members)) if members.iter().all(|member| !member.is_object() && !member.is_array()) => {
            members.iter().map(|member| shown(Some(member))).collect::<Vec<_>>().join("\n")
        }
        Some(other) => other.to_string(),
    }
}

/// The table whose names are meant by a field, for offering them.
pub fn table_of(key: &str) -> Option<&'static str> {
    let table = match key {
        "application" | "applications" | "proxy" => "applications",
        "account_type" | "account_types" => "account_types",
        "entitlement" | "entitlements" => "entitlements",
        "access_profile" | "access_profiles" => "access_profiles",
        "role" | "roles" => "roles",
        "category" | "categories" | "part_of" => "categories",
        "source" | "sources" => "sources",
        "agent" | "read_by" => "agents",
        "integration" | "carried_out_by" => "integrations",
        "dimension" | "dimensions" => "dimensions",
        "risk" | "risks" => "risks",
        _ => return None,
    };
    Some(table)
}

#[cfg(test)]
mod tests;
