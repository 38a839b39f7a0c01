//! What a directory server says about its attributes (RFC 4512 section 4): which an account's classes have, and which
//! hold booleans or numbers. All values travel as text; the schema alone tells `TRUE` from a person of that name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::value::Value;
use model::view::{ApplicationSchema, SchemaAttribute};

const BOOLEAN: &str = "1.3.6.1.4.1.1466.115.121.1.7";
const INTEGER: &str = "1.3.6.1.4.1.1466.115.121.1.27";

/// How far superiors are followed; a schema that goes in circles ends here.
const DEEPEST: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Schema {
    /// By each of their names, in small letters.
    attributes: HashMap<String, Definition>,
    classes: HashMap<String, Definition>,
}

/// A definition's words by keyword, such as `SYNTAX` or `MUST`.
type Definition = HashMap<String, Vec<String>>;

impl Schema {
    pub(super) fn read(attribute_types: &[String], object_classes: &[String]) -> Self {
        Self { attributes: definitions(attribute_types), classes: definitions(object_classes) }
    }

    /// A stored text as the value it stands for.
    pub(super) fn value(&self, attribute: &str, text: &str) -> Value {
        match (self.syntax(attribute), text) {
            (Some(BOOLEAN), "TRUE") => Value::Boolean(true),
            (Some(BOOLEAN), "FALSE") => Value::Boolean(false),
            (Some(INTEGER), text) => text.parse().map_or_else(|_| Value::from(text), Value::Integer),
            _ => Value::from(text),
        }
    }

    /// Attributes of accounts with these classes.
    pub(super) fn describe(&self, classes: &[String], naming: &str) -> ApplicationSchema {
        let mut required = BTreeSet::new();
        let mut names = BTreeMap::new();
        for class in classes {
            let mut class = self.classes.get(&class.to_ascii_lowercase());
            for _ in 0..DEEPEST {
                let Some(definition) = class else { break };
                for (keyword, is_required) in [("MUST", true), ("MAY", false)] {
                    for name in definition.get(keyword).into_iter().flatten() {
                        names.entry(name.to_ascii_lowercase()).or_insert_with(|| name.clone());
                        if is_required {
                            required.insert(name.to_ascii_lowercase());
                        }
                    }
                }
                class = definition.get("SUP").and_then(|sup| self.classes.get(&sup.first()?.to_ascii_lowercase()));
            }
        }
        let attributes = names.into_iter().map(|(lower, name)| SchemaAttribute {
            kind: self.kind(&lower).to_owned(),
            required: required.contains(&lower),
            read_only: self.attributes.get(&lower).is_some_and(|one| one.contains_key("NO-USER-MODIFICATION")),
            unique: lower == naming.to_ascii_lowercase(),
            name,
        });
        ApplicationSchema { attributes: attributes.collect() }
    }

    fn kind(&self, attribute: &str) -> &'static str {
        match self.syntax(attribute) {
            Some(BOOLEAN) => "boolean",
            Some(INTEGER) => "integer",
            _ if self.attributes.get(attribute).is_some_and(|one| one.contains_key("SINGLE-VALUE")) => "text",
            _ => "list",
        }
    }

    /// The syntax of an attribute, or of what it is derived from.
    fn syntax(&self, attribute: &str) -> Option<&str> {
        let mut definition = self.attributes.get(&attribute.to_ascii_lowercase())?;
        for _ in 0..DEEPEST {
            if let Some(syntax) = definition.get("SYNTAX").and_then(|words| words.first()) {
                return syntax.split('{').next();
            }
            let superior = definition.get("SUP")?.first()?;
            definition = self.attributes.get(&superior.to_ascii_lowercase())?;
        }
        None
    }
}

fn definitions(texts: &[String]) -> HashMap<String, Definition> {
    let mut definitions = HashMap::new();
    for text in texts {
        let definition = definition(text);
        let names = definition.get("NAME").cloned().unwrap_or_default();
        for name in names {
            definitions.insert(name.to_ascii_lowercase(), definition.clone());
        }
    }
    definitions
}

/// `( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )`: each word in capitals begins a list of others.
fn definition(text: &str) -> Definition {
    let mut definition = Definition::new();
    let mut keyword = String::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (word, after) = rest[1..].split_once('\'').unwrap_or((&rest[1..], ""));
            definition.entry(keyword.clone()).or_default().push(word.to_owned());
            rest = after.trim_start();
            continue;
        }
        if ['(', ')', '$'].contains(&first) {
            rest = rest[1..].trim_start();
            continue;
        }
        let end = rest.find([' ', '(', ')', '$']).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(end);
        if is_keyword(word) {
            keyword = word.to_owned();
            definition.entry(keyword.clone()).or_default();
        } else {
            definition.entry(keyword.clone()).or_default().push(word.to_owned());
        }
        rest = after.trim_start();
    }
    definition
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 17] = [
        "NAME",
        "DESC",
        "OBSOLETE",
        "SUP",
        "EQUALITY",
        "ORDERING",
        "SUBSTR",
        "SYNTAX",
        "SINGLE-VALUE",
        "COLLECTIVE",
        "NO-USER-MODIFICATION",
        "USAGE",
        "MUST",
        "MAY",
        "ABSTRACT",
        "STRUCTURAL",
        "AUXILIARY",
    ];
    KEYWORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_followed_to_their_superiors() {
        let attributes = [
            "( 2.5.4.41 NAME 'name' DESC 'a (name) or $' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
            "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )",
            "( 1.2 NAME 'active' SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )",
            "( 1.3 NAME 'level' SUP number )",
            "( 1.4 NAME 'number' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE NO-USER-MODIFICATION )",
            "( 1.5 NAME 'circle' SUP circle )",
        ];
        let classes = [
            "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( level ) )",
            "( 9.9 NAME 'worker' SUP person MUST active )",
        ];
        let schema = Schema::read(&attributes.map(str::to_owned), &classes.map(str::to_owned));
        assert_eq!(schema.value("ACTIVE", "TRUE"), Value::Boolean(true));
        assert_eq!(schema.value("cn", "TRUE"), Value::from("TRUE"));
        assert_eq!(schema.value("level", "007"), Value::Integer(7));
        assert_eq!(schema.value("circle", "1"), Value::from("1"));
        assert_eq!(schema.value("unknown", "1"), Value::from("1"));
        let described = schema.describe(&["Worker".to_owned()], "CN").attributes;
        let told: Vec<_> =
            described.iter().map(|one| (one.name.as_str(), one.kind.as_str(), one.required, one.unique)).collect();
        let expected = [
            ("active", "boolean", true, false),
            ("cn", "list", true, true),
            ("level", "integer", false, false),
            ("sn", "list", true, false),
        ];
        assert_eq!(told, expected);
    }
}
