//! Attribute values, as sources deliver and applications hold them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Attributes by name, sorted, so that equal sets serialize equally.
pub type Attributes = BTreeMap<String, Value>;

/// One attribute's value. Dates are ISO 8601 text: they compare, sort and print as such everywhere.
/// An absent attribute is absent from its map; there is no null.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// The text of a text value, otherwise nothing.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

const EXPECTED: &str = "text, a whole number, true, false or a list of texts";

/// By hand: trying one variant after the other makes an error for each that does not fit, and values are read by the
/// million.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Boolean(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Integer(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
                i64::try_from(value).map(Value::Integer).map_err(|_| E::custom(format!("{value} is too large")))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
                let mut members = Vec::with_capacity(sequence.size_hint().unwrap_or(0));
                while let Some(member) = sequence.next_element()? {
                    members.push(member);
                }
                Ok(Value::List(members))
            }

            /// What is no value at all is a table to some formats, dates above all: saying so would mislead.
            fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
                Err(A::Error::custom(format!("Expected {EXPECTED}")))
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

/// The value as a person reads it; list members are joined with a comma.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::List(members) => members.join(", ").fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        for (json, value) in [
            ("true", Value::Boolean(true)),
            ("-7", Value::Integer(-7)),
            ("7", Value::Integer(7)),
            (r#""seven""#, Value::Text("seven".into())),
            (r#"["a","b"]"#, Value::List(vec!["a".into(), "b".into()])),
        ] {
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
        }
    }

    #[test]
    fn what_is_no_value_is_refused_with_what_was_expected() {
        for json in ["null", "1.5", "18446744073709551615", "{}", "[1]", "[[\"a\"]]"] {
            let refused = serde_json::from_str::<Value>(json).unwrap_err().to_string();
            assert!(!refused.contains("variant"), "{json}: {refused}");
        }
    }
}
