//! When two values are the same. Applications write down what they are told in their own way: LDAP knows text only, SQL
//! has 1 for true, CSV has no difference between empty and absent. A difference that is only one of notation is none,
//! otherwise each run would order the same change again.

use std::borrow::Cow;

use model::value::Value;

/// Whether both say the same. Letters' case counts, the order of a list does not, and empty is absent.
pub fn same(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (present(left), present(right)) {
        (None, None) => true,
        (Some(left), Some(right)) => left == right || same_values(left, right),
        _ => false,
    }
}

/// Whether the value says just that text.
pub fn says(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(own) => own == text,
        Value::List(members) => matches!(members.as_slice(), [only] if only == text),
        Value::Integer(_) | Value::Boolean(_) => value.to_string() == text,
    }
}

/// The value, unless it is empty text or an empty list.
pub fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Text(text) => !text.is_empty(),
        Value::List(members) => members.iter().any(|member| !member.is_empty()),
        Value::Boolean(_) | Value::Integer(_) => true,
    })
}

fn same_values(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Boolean(truth), other) | (other, Value::Boolean(truth)) => truth_of(other) == Some(*truth),
        (Value::List(left), Value::List(right)) => sorted(left) == sorted(right),
        (Value::List(members), other) | (other, Value::List(members)) => {
            matches!(members.as_slice(), [only] if *only == *text_of(other))
        }
        (left, right) => text_of(left) == text_of(right),
    }
}

fn truth_of(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(truth) => Some(*truth),
        Value::Integer(1) => Some(true),
        Value::Integer(0) => Some(false),
        Value::Integer(_) => None,
        Value::Text(text) => truth_of_text(text),
        Value::List(members) => match members.as_slice() {
            [only] => truth_of_text(only),
            _ => None,
        },
    }
}

fn truth_of_text(text: &str) -> Option<bool> {
    if text == "1" || text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text == "0" || text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn sorted(members: &[String]) -> Vec<&str> {
    let mut members: Vec<&str> = members.iter().map(String::as_str).filter(|member| !member.is_empty()).collect();
    members.sort_unstable();
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(members: &[&str]) -> Value {
        Value::List(members.iter().map(|&member| member.to_owned()).collect())
    }

    #[test]
    fn notation_is_no_difference() {
        for (left, right, expect) in [
            (Value::from("a"), Value::from("a"), true),
            (Value::from("a"), Value::from("A"), false),
            (Value::from(true), Value::from("TRUE"), true),
            (Value::from(true), Value::from(1), true),
            (Value::from(false), Value::from("0"), true),
            (Value::from(false), Value::from("no"), false),
            (Value::from(true), Value::from(2), false),
            (Value::from(42), Value::from("42"), true),
            (Value::from(42), Value::from("042"), false),
            (list(&["a", "b"]), list(&["b", "a"]), true),
            (list(&["a", "b"]), list(&["a"]), false),
            (list(&["a", "a"]), list(&["a"]), false),
            (list(&["a"]), Value::from("a"), true),
            (list(&["true"]), Value::from(true), true),
            (list(&["a", "b"]), Value::from("a, b"), false),
        ] {
            assert_eq!(same(Some(&left), Some(&right)), expect, "{left:?} and {right:?}");
            assert_eq!(same(Some(&right), Some(&left)), expect, "{right:?} and {left:?}");
        }
    }

    #[test]
    fn empty_is_absent() {
        for empty in [Value::from(""), list(&[]), list(&[""])] {
            assert!(same(Some(&empty), None), "{empty:?}");
            assert!(!same(Some(&empty), Some(&Value::from("x"))), "{empty:?}");
        }
        assert!(!same(Some(&Value::from(false)), None));
    }
}
