//! What a value of an attribute has to be like: of a type, matching a pattern, so long, one of a few. The same rules hold
//! for what a person answers and for what an expression gives.

use jiff::civil::Date;
use model::configuration::{AttributeSpecification, ColumnType};
use model::value::Value;
use regex::Regex;

use crate::untrusted::is_unseen;

/// Longest answer that is taken, in characters.
const LONGEST: usize = 4_000;

/// See the module's head.
#[derive(Clone, Debug, Default)]
pub struct Constraint {
    kind: Option<ColumnType>,
    pattern: Option<Regex>,
    minimum_length: Option<u32>,
    maximum_length: Option<u32>,
    choices: Vec<String>,
}

impl Constraint {
    /// Reads it out of a specification, or says which field is wrong and why.
    pub fn of(specification: &AttributeSpecification) -> Result<Self, (&'static str, String)> {
        let pattern = specification.pattern.as_ref().map(|pattern| {
            Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|_| ("pattern", format!("`{pattern}` is no regular expression.")))
        });
        let constraint = Self {
            kind: specification.kind,
            pattern: pattern.transpose()?,
            minimum_length: specification.minimum_length,
            maximum_length: specification.maximum_length,
            choices: specification.choices.clone(),
        };
        if let (Some(least), Some(most)) = (constraint.minimum_length, constraint.maximum_length)
            && least > most
        {
            return Err(("minimum_length", format!("No text has at least {least} and at most {most} characters.")));
        }
        let without_choices = Self { choices: Vec::new(), ..constraint.clone() };
        for choice in &constraint.choices {
            if let Err(why) = without_choices.read(choice) {
                return Err(("choices", format!("`{choice}` could never be chosen: it {why}.")));
            }
        }
        for (field, value) in [("default", &specification.default), ("value", &specification.value)] {
            if let Some(why) = value.as_ref().and_then(|value| constraint.misfit(value)) {
                return Err((field, format!("The value does not fit the attribute's own rules: it {why}.")));
            }
        }
        Ok(constraint)
    }

    /// Why the value does not fit: "is longer than 8 characters".
    pub fn misfit(&self, value: &Value) -> Option<String> {
        match (self.kind, value) {
            (Some(ColumnType::Integer), Value::Boolean(_) | Value::List(_)) => Some("is no whole number".to_owned()),
            (Some(ColumnType::Boolean), Value::Integer(_) | Value::List(_)) => {
                Some("is neither true nor false".to_owned())
            }
            (Some(ColumnType::Date), Value::Integer(_) | Value::Boolean(_) | Value::List(_)) => {
                Some(NO_DATE.to_owned())
            }
            (_, Value::List(members)) => members.iter().find_map(|member| self.misfit_of(member)),
            (_, value) => self.misfit_of(&value.to_string()),
        }
    }

    /// What a person typed, as a value of the attribute's type; or why it does not fit.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.chars().count() > LONGEST {
            return Err(format!("is longer than {LONGEST} characters"));
        }
        if text.chars().any(is_unseen) {
            return Err("holds characters that cannot be seen; type it anew".to_owned());
        }
        if let Some(why) = self.misfit_of(text) {
            return Err(why);
        }
        Ok(match self.kind {
            Some(ColumnType::Integer) => Value::Integer(text.parse().map_err(|_| NO_NUMBER.to_owned())?),
            Some(ColumnType::Boolean) => Value::Boolean(text == "true"),
            Some(ColumnType::Text | ColumnType::Date) | None => Value::Text(text.to_owned()),
        })
    }

    /// What a person reads beside a field; a pattern is for the attribute's help to explain.
    pub fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        match self.kind {
            Some(ColumnType::Integer) => words.push("A whole number".to_owned()),
            Some(ColumnType::Date) => words.push("A day, such as 2026-03-31".to_owned()),
            Some(ColumnType::Boolean | ColumnType::Text) | None => {}
        }
        match (self.minimum_length, self.maximum_length) {
            (Some(least), Some(most)) if least == most => words.push(format!("Exactly {least} characters")),
            (Some(least), Some(most)) => words.push(format!("{least} to {most} characters")),
            (Some(least), None) => words.push(format!("At least {least} characters")),
            (None, Some(most)) => words.push(format!("At most {most} characters")),
            (None, None) => {}
        }
        words
    }

    fn misfit_of(&self, text: &str) -> Option<String> {
        let length = text.chars().count();
        let is_of_kind = match self.kind {
            Some(ColumnType::Integer) => text.parse::<i64>().is_ok(),
            Some(ColumnType::Boolean) => matches!(text, "true" | "false"),
            Some(ColumnType::Date) => text.parse::<Date>().is_ok() && length == "2026-03-31".len(),
            Some(ColumnType::Text) | None => true,
        };
        if !is_of_kind {
            let why = match self.kind {
                Some(ColumnType::Integer) => NO_NUMBER,
                Some(ColumnType::Boolean) => "is neither true nor false",
                _ => NO_DATE,
            };
            return Some(why.to_owned());
        }
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| choice == text) {
            return Some(format!("is none of {}", self.choices.join(", ")));
        }
        if let Some(least) = self.minimum_length.filter(|least| length < *least as usize) {
            return Some(format!("is shorter than {least} characters"));
        }
        if let Some(most) = self.maximum_length.filter(|most| length > *most as usize) {
            return Some(format!("is longer than {most} characters"));
        }
        let pattern = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text))?;
        // Without what [`Self::of`] put around it, which the pattern itself may begin with as well.
        let written = pattern.as_str().strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
        Some(format!("does not match `{}`", written.unwrap_or(pattern.as_str())))
    }
}

const NO_NUMBER: &str = "is no whole number";
const NO_DATE: &str = "is no day such as 2026-03-31";

#[cfg(test)]
mod tests {
    use super::*;

    fn specification(json: serde_json::Value) -> AttributeSpecification {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn values_fit_or_it_is_said_why_not() {
        for (rules, value, why) in [
            (r#"{}"#, Value::from("anything"), None),
            (r#"{"type":"integer"}"#, Value::from(7), None),
            (r#"{"type":"integer"}"#, Value::from("7"), None),
            (r#"{"type":"integer"}"#, Value::from("seven"), Some("is no whole number")),
            (r#"{"type":"integer"}"#, Value::from(true), Some("is no whole number")),
            (r#"{"type":"boolean"}"#, Value::from("true"), None),
            (r#"{"type":"boolean"}"#, Value::from(1), Some("is neither true nor false")),
            (r#"{"type":"date"}"#, Value::from("2026-02-28"), None),
            (r#"{"type":"date"}"#, Value::from("2026-02-30"), Some("is no day such as 2026-03-31")),
            (r#"{"type":"date"}"#, Value::from("20260228"), Some("is no day such as 2026-03-31")),
            (r#"{"pattern":"[A-Z]{2}|x"}"#, Value::from("AB"), None),
            (r#"{"pattern":"^(?:AB|C)$"}"#, Value::from("D"), Some("does not match `^(?:AB|C)$`")),
            (r#"{"pattern":"[A-Z]{2}|x"}"#, Value::from("ABx"), Some("does not match `[A-Z]{2}|x`")),
            (r#"{"minimum_length":2,"maximum_length":3}"#, Value::from("Ł"), Some("is shorter than 2 characters")),
            (r#"{"minimum_length":2,"maximum_length":3}"#, Value::from("Łódź"), Some("is longer than 3 characters")),
            (r#"{"choices":["red","blue"]}"#, Value::from("green"), Some("is none of red, blue")),
            (
                r#"{"maximum_length":2}"#,
                Value::List(vec!["ab".into(), "abc".into()]),
                Some("is longer than 2 characters"),
            ),
        ] {
            let constraint = Constraint::of(&specification(serde_json::from_str(rules).unwrap())).unwrap();
            assert_eq!(constraint.misfit(&value).as_deref(), why, "{rules} {value:?}");
        }
    }

    #[test]
    fn answers_become_values_of_the_type() {
        let read = |rules: serde_json::Value, text: &str| Constraint::of(&specification(rules)).unwrap().read(text);
        assert_eq!(read(serde_json::json!({"type": "integer"}), " 12 "), Ok(Value::from(12)));
        assert_eq!(read(serde_json::json!({"type": "boolean"}), "false"), Ok(Value::from(false)));
        assert_eq!(read(serde_json::json!({}), " +31 10 "), Ok(Value::from("+31 10")));
        assert_eq!(read(serde_json::json!({}), "  "), Err("is empty".into()));
        assert!(read(serde_json::json!({}), "a\u{202e}b").unwrap_err().contains("cannot be seen"));
        assert!(read(serde_json::json!({}), &"x".repeat(4_001)).unwrap_err().contains("4000"));
    }

    #[test]
    fn what_could_never_be_right_is_refused_beforehand() {
        for (rules, field) in [
            (serde_json::json!({"pattern": "["}), "pattern"),
            (serde_json::json!({"minimum_length": 3, "maximum_length": 2}), "minimum_length"),
            (serde_json::json!({"choices": ["long"], "maximum_length": 2}), "choices"),
            (serde_json::json!({"default": "green", "choices": ["red"]}), "default"),
            (serde_json::json!({"value": 7, "type": "date"}), "value"),
        ] {
            assert_eq!(Constraint::of(&specification(rules.clone())).unwrap_err().0, field, "{rules}");
        }
    }
}
