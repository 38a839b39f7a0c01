//! What is wrong with dimensions.

use std::collections::BTreeMap;

use ::model::configuration::{ColumnType, Dimension};

use super::{Check, circles, suggestion};
use crate::expression::BUILT_IN;

impl Check<'_> {
    pub(super) fn dimensions(&mut self) {
        let mut about: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, dimension) in &self.configuration.dimensions {
            let object = format!("dimension `{name}`");
            if dimension.display_name.trim().is_empty() {
                self.error(&object, "display_name", "is empty; say what people call it".to_owned());
            }
            let attribute = dimension.attribute(name);
            if let Some(other) = about.insert(attribute, name) {
                let message =
                    format!("`{attribute}` is what dimension `{other}` is about already; keep one of the two");
                self.error(&object, "attribute", message);
            }
            self.attribute_of(&object, dimension, attribute);
            self.values(&object, dimension);
        }
    }

    /// The attribute is delivered, as what the dimension says it is.
    fn attribute_of(&mut self, object: &str, dimension: &Dimension, attribute: &str) {
        if let Some(delivered) = &self.delivered
            && !delivered.contains(attribute)
            && !BUILT_IN.contains(&attribute)
        {
            let hint = suggestion(attribute, delivered.iter().copied().chain(BUILT_IN));
            self.error(object, "attribute", format!("is about `{attribute}`, which no identity source delivers{hint}"));
        }
        let configuration = self.configuration;
        for (source, delivering) in &configuration.sources {
            let other =
                delivering.columns().find(|(name, column)| *name == attribute && column.kind() != dimension.kind);
            if let Some((_, column)) = other {
                let message = format!(
                    "identity source `{source}` delivers `{attribute}` as {}, not as {}; make both the same",
                    type_name(column.kind()),
                    type_name(dimension.kind)
                );
                self.error(object, "type", message);
            }
        }
    }

    fn values(&mut self, object: &str, dimension: &Dimension) {
        let is_written = |value: &str| match dimension.kind {
            ColumnType::Text => true,
            ColumnType::Date => value.parse::<jiff::civil::Date>().is_ok(),
            ColumnType::Integer => value.parse::<i64>().is_ok_and(|number| number.to_string() == value),
            ColumnType::Boolean => value.parse::<bool>().is_ok(),
        };
        for (value, known) in &dimension.values {
            if !is_written(value) {
                let message = format!("`{value}` is no {}; correct it, or the `type`", type_name(dimension.kind));
                self.error(object, &format!("values.{value}"), message);
            }
            if let Some(parent) = known.parent.as_ref().filter(|parent| !dimension.values.contains_key(*parent)) {
                let hint = suggestion(parent, dimension.values.keys().map(String::as_str));
                let message = format!("there is no value `{parent}`{hint}; add it, or leave `parent` out");
                self.error(object, &format!("values.{value}.parent"), message);
            }
        }
        let parents: BTreeMap<&str, Vec<String>> = dimension
            .values
            .iter()
            .map(|(value, known)| (value.as_str(), known.parent.iter().cloned().collect()))
            .collect();
        for circle in circles(parents.iter().map(|(value, parents)| (*value, parents)).collect()) {
            let first = circle.first().copied().unwrap_or_default();
            let message = format!("values are parts of each other in a circle: {}", circle.join(" → "));
            let field = format!("values.{first}.parent");
            self.error(object, &field, format!("{message}; remove one of these steps"));
        }
    }
}

fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Integer => "whole number",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
    }
}
