//! Forms made from a JSON Schema: what a setting consists of, how each part is typed, and the JSON that comes of what was
//! typed. The names of inputs are paths, such as `connection.url` or `maintenance.0.days`.
//!
//! Reading a form refuses nothing: what is no number stays the text that was typed, and whoever checks the result says
//! what is wrong with it. Of a schema, what the configuration's own types lead to is understood; all else is typed as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

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
            fields.sort_by_key(|field| (rank(field), field.shape.weight()));
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

/// First what it is called and what it is for, then what has to be said.
fn rank(field: &Field) -> u8 {
    match field.key.as_str() {
        "display_name" | "name" => 0,
        "description" => 1,
        _ if field.is_required => 2,
        _ => 3,
    }
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
    let words = key.replace(['_', '-'], " ");
    let mut characters = words.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let text = format!("{first}{}", characters.as_str());
    match text.as_str() {
        "Url" => "URL".to_owned(),
        "Scim" | "Ldap" | "Sql" | "Csv" => text.to_uppercase(),
        _ => text,
    }
}

/// Whether a text is usually longer than a line.
pub fn is_long(key: &str) -> bool {
    matches!(key, "description" | "when" | "expression" | "filter" | "legal_hold") || key.ends_with("_when")
}

// ---------------------------------------------------------------------------------------------------- what was typed

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

fn value(shape: &Shape, path: &str, typed: &Typed) -> Option<Value> {
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

// ------------------------------------------------------------------------------------------------------ what is shown

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
mod tests {
    use serde_json::json;

    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    /// What a form shows of a value, as it is posted when nothing is changed.
    pub(crate) fn posted(fields: &[Field], value: &Value) -> Typed {
        let mut typed = Typed::new();
        fields.iter().for_each(|field| {
            post(
                field.shape.clone(),
                field.is_nullable,
                &field.key,
                value.get(&field.key),
                field.default.as_ref(),
                &mut typed,
            )
        });
        typed
    }

    fn post(
        shape: Shape,
        is_nullable: bool,
        path: &str,
        value: Option<&Value>,
        default: Option<&Value>,
        typed: &mut Typed,
    ) {
        match &shape {
            Shape::Switch => {
                let is_set = value.or(default.filter(|_| !is_nullable)).and_then(Value::as_bool);
                match is_set {
                    Some(true) => drop(typed.insert(path.to_owned(), "yes".into())),
                    Some(false) if is_nullable => drop(typed.insert(path.to_owned(), "no".into())),
                    _ => {}
                }
            }
            Shape::Choices(_) => {
                for word in value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                    typed.insert(within(path, word), CHECKED.into());
                }
            }
            Shape::List(item) => {
                for (position, value) in value.and_then(Value::as_array).into_iter().flatten().enumerate() {
                    post((**item).clone(), false, &within(path, &position.to_string()), Some(value), None, typed);
                }
            }
            Shape::Named(item) => {
                for (position, (key, value)) in value.and_then(Value::as_object).into_iter().flatten().enumerate() {
                    let path = within(path, &position.to_string());
                    typed.insert(within(&path, KEY), key.clone());
                    post((**item).clone(), false, &within(&path, VALUE), Some(value), None, typed);
                }
            }
            Shape::Group(fields) => {
                if let Some(value) = value {
                    typed.insert(within(path, USE), CHECKED.into());
                    for field in fields {
                        post(
                            field.shape.clone(),
                            field.is_nullable,
                            &within(path, &field.key),
                            value.get(&field.key),
                            field.default.as_ref(),
                            typed,
                        );
                    }
                }
            }
            Shape::Variants(variants) => {
                if let Some((value, variant)) = value.and_then(|value| Some((value, variant_of(variants, value)?))) {
                    typed.insert(within(path, VARIANT), variant.word.value.clone());
                    post(variant.shape.clone(), false, path, Some(value), None, typed);
                }
            }
            Shape::Any => drop(value.map(|value| typed.insert(path.to_owned(), value.to_string()))),
            _ => drop(value.map(|value| typed.insert(path.to_owned(), shown(Some(value))))),
        }
    }

    #[test]
    fn every_setting_has_a_form_and_nothing_of_it_is_typed_as_json_but_values_of_any_kind() {
        let schema = engine::configuration::schema();
        fn any(shape: &Shape, path: &str, found: &mut Vec<String>) {
            match shape {
                Shape::Any => found.push(path.to_owned()),
                Shape::Group(fields) => {
                    fields.iter().for_each(|field| any(&field.shape, &within(path, &field.key), found))
                }
                Shape::List(item) | Shape::Named(item) | Shape::Lines(item) => any(item, path, found),
                Shape::Variants(variants) => variants.iter().for_each(|variant| any(&variant.shape, path, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        for kind in model::draft::SettingKind::ALL {
            let (fields, _) = of_table(&schema, kind.table());
            assert!(!fields.is_empty(), "{kind:?}");
            fields.iter().for_each(|field| any(&field.shape, &within(kind.name(), &field.key), &mut found));
        }
        assert_eq!(found, Vec::<String>::new());
    }

    /// Files to pages to files: a form that is posted as it was shown changes nothing.
    #[test]
    fn every_setting_of_the_demo_is_posted_as_it_was_shown() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/demo/configuration");
        let known = engine::configuration::read(&folder).unwrap().configuration;
        let schema = engine::configuration::schema();
        let mut after = known.clone();
        for kind in model::draft::SettingKind::ALL {
            let (fields, _) = of_table(&schema, kind.table());
            for name in kind.names(&known) {
                let shown = kind.find(&known, &name).unwrap();
                let read = object(&fields, &posted(&fields, &shown));
                kind.put(&mut after, &name, &read).unwrap_or_else(|error| panic!("{kind:?} {name}: {error}"));
            }
        }
        assert_eq!(after, known);
    }

    #[test]
    fn what_was_typed_becomes_what_it_means() {
        let schema = engine::configuration::schema();
        let (fields, _) = of_table(&schema, "applications");
        let typed = typed(&[
            ("display_name", "Payroll"),
            ("demo", "yes"),
            ("concurrency", "many"),
            ("connection.__variant", "ldap"),
            ("connection.url", "ldap://localhost"),
            ("connection.account_classes", "person\n\n  inetOrgPerson "),
            ("connection.page_size", "100"),
        ]);
        let expected = json!({
            "display_name": "Payroll",
            "demo": true,
            "concurrency": "many",
            "connection": { "kind": "ldap", "url": "ldap://localhost", "account_classes": ["person", "inetOrgPerson"], "page_size": 100 },
        });
        assert_eq!(object(&fields, &typed), expected);
        assert_eq!(object(&fields, &posted(&fields, &expected)), expected, "and is posted again as it was");
    }

    #[test]
    fn a_thing_of_several_forms_keeps_the_one_that_was_chosen() {
        let schema = engine::configuration::schema();
        let (fields, _) = of_table(&schema, "account_types");
        let ask = fields.iter().find(|field| field.key == "ask").unwrap();
        for (pairs, expected) in [
            (vec![("ask.__variant", "manager")], json!("manager")),
            (vec![("ask.__variant", "profile"), ("ask.profile", "helpdesk")], json!({ "profile": "helpdesk" })),
            (vec![("ask.__variant", "login")], json!({ "login": "" })),
        ] {
            let found = value(&ask.shape, "ask", &typed(&pairs)).unwrap();
            assert_eq!(found, expected);
            let Shape::Variants(variants) = &ask.shape else { panic!("{ask:?}") };
            assert_eq!(variant_of(variants, &found).unwrap().word.value, pairs[0].1);
        }
        assert_eq!(value(&ask.shape, "ask", &typed(&[("ask.__variant", "")])), None);
    }

    #[test]
    fn lines_are_added_and_taken_out() {
        let item = Shape::Group(vec![Field {
            key: "day".into(),
            label: "Day".into(),
            hint: None,
            is_required: true,
            is_nullable: false,
            default: None,
            shape: Shape::Text,
        }]);
        let list = Shape::List(Box::new(item.clone()));
        let found = value(
            &list,
            "when",
            &typed(&[
                ("when.0.day", "Monday"),
                ("when.2.day", "Friday"),
                ("when.1.day", ""),
                ("when.10.day", "Sunday"),
                ("when.2.__remove", "yes"),
            ]),
        );
        assert_eq!(found, Some(json!([{ "day": "Monday" }, { "day": "Sunday" }])));
        let named = Shape::Named(Box::new(item));
        let found = value(
            &named,
            "steps",
            &typed(&[("steps.0.__key", "first"), ("steps.1.__value.day", "Friday"), ("steps.3.__key", " ")]),
        );
        assert_eq!(
            found,
            Some(json!({ "first": {}, "": { "day": "Friday" } })),
            "a name alone is kept, and so is what has none yet"
        );
    }

    #[test]
    fn descriptions_and_keys_are_told_in_words() {
        assert_eq!(label("display_name"), "Display name");
        assert_eq!(label("ldap"), "LDAP");
        let schema = json!({ "description": "Times in which `nothing` is sent.\\nSee [`Window`]." });
        assert_eq!(description(&json!({ "description": "One `thing`." })).as_deref(), Some("One thing."));
        assert!(description(&schema).is_none());
    }
}
