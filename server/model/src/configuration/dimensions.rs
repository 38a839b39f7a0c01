//! Dimensions: attributes of contexts by which access is limited, with the values that there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ColumnType;
use crate::value::Value;

/// An attribute by which access is limited. Its values may be parts of one another, as departments are: then
/// `within(identity.department, "D100")` holds for everybody below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Dimension {
    pub display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Attribute of identities and contexts; the dimension's own name unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "super::is_default")]
    pub kind: ColumnType,
    /// The values that there are, as texts.
    pub values: BTreeMap<String, DimensionValue>,
}

/// A value of a dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DimensionValue {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The value that this one is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

impl Dimension {
    /// The attribute it is about.
    pub fn attribute<'a>(&'a self, name: &'a str) -> &'a str {
        self.attribute.as_deref().unwrap_or(name)
    }

    /// The text that stands for an attribute's value among [`Self::values`]; none where it is of another type.
    pub fn text_of(&self, value: &Value) -> Option<String> {
        match (self.kind, value) {
            (ColumnType::Text | ColumnType::Date, Value::Text(text)) => Some(text.clone()),
            (ColumnType::Integer, Value::Integer(number)) => Some(number.to_string()),
            (ColumnType::Boolean, Value::Boolean(truth)) => Some(truth.to_string()),
            _ => None,
        }
    }

    /// A value with those that it is a part of, outermost first; empty where it is not known.
    pub fn path<'a>(&'a self, value: &'a str) -> Vec<&'a str> {
        let mut path = Vec::new();
        let mut next = self.values.get_key_value(value);
        while let Some((name, known)) = next.filter(|(name, _)| !path.contains(&name.as_str())) {
            path.push(name.as_str());
            next = known.parent.as_ref().and_then(|parent| self.values.get_key_value(parent));
        }
        path.reverse();
        path
    }

    /// What people call a value and those that it is a part of: "Engineering › Platform".
    pub fn label(&self, value: &str) -> String {
        let named = |value: &str| {
            let known = self.values.get(value).and_then(|known| known.display_name.as_deref());
            known.unwrap_or(value).to_owned()
        };
        self.path(value).into_iter().map(named).collect::<Vec<_>>().join(" \u{203a} ")
    }
}
