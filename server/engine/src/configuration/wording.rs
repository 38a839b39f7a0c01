//! What the parser says, in words that tell an administrator what to write instead.

/// The message of a failed TOML value, reworded. `what` names the object, such as "rule `sales`".
pub(super) fn reword(message: &str, what: &str) -> String {
    let quoted = quoted(message);
    if message.starts_with("unknown field") {
        let (wrong, known) = quoted.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        return unknown_key(wrong, known);
    }
    if message.starts_with("unknown variant") {
        let (wrong, known) = quoted.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        return format!("`{wrong}` is not accepted here.{} Expected one of: {}.", hint(wrong, known), known.join(", "));
    }
    if message.starts_with("missing field") {
        return format!("{what} lacks the key `{}`. Add it.", quoted.first().unwrap_or(&""));
    }
    if message.contains("untagged enum PermissionEntry") {
        return "Expected a permission path, or a table with `path` and `notify`.".into();
    }
    if message.contains("untagged enum Column") {
        return "Expected the header of a column, or a table with `column`, `type` and `required`.".into();
    }
    if let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("Expected {}, found {}.", type_name(expected), value_name(found));
    }
    format!("{}.", message.trim_end().trim_end_matches('.'))
}

/// "unknown key", with the nearest known one and all there are.
pub(super) fn unknown_key(wrong: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("`{wrong}` is not a key that is known here. This table takes no keys.");
    }
    format!("`{wrong}` is not a key that is known here.{} Known here: {}.", hint(wrong, known), known.join(", "))
}

/// " Did you mean `x`?" where something near is known.
pub(super) fn hint(wrong: &str, known: &[&str]) -> String {
    nearest(wrong, known.iter().copied()).map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default()
}

/// The known name that differs least, if a slip of the pen explains the difference: one edit in three characters.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wrong.to_lowercase().replace('_', "-");
    known
        .map(|name| (strsim::osa_distance(&folded, &name.to_lowercase().replace('_', "-")), name))
        .filter(|&(distance, name)| {
            let length = name.chars().count();
            distance < length && distance <= length.max(3) / 3
        })
        .min()
        .map(|(_, name)| name)
}

/// What stands between backticks, in order.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn type_name(expected: &str) -> &str {
    match expected.trim_end() {
        "a string" | "string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        "a character" | "char" => "one character",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" => "a whole number of 0 or more",
        "i32" | "i64" => "a whole number",
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum") => "a table",
        other => other,
    }
}

fn value_name(found: &str) -> String {
    if let Some(value) = found.strip_prefix("string ") {
        return format!("the text {value}");
    }
    if let Some(value) = found.strip_prefix("integer ").or_else(|| found.strip_prefix("floating point ")) {
        return format!("the number {}", value.trim_matches('`'));
    }
    if let Some(value) = found.strip_prefix("boolean ") {
        return value.trim_matches('`').to_owned();
    }
    match found {
        "map" => "a table".into(),
        "sequence" => "a list".into(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{nearest, reword};

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["when", "roles", "access_profiles", "days_before"];
        let cases = [
            ("whn", Some("when")),
            ("wehn", Some("when")),
            ("role", Some("roles")),
            ("access-profile", Some("access_profiles")),
            ("DaysBefore", Some("days_before")),
            ("colour", None),
        ];
        for (wrong, expected) in cases {
            assert_eq!(nearest(wrong, known.into_iter()), expected, "{wrong}");
        }
    }

    #[test]
    fn parser_messages_become_advice() {
        let cases = [
            ("invalid type: integer `3`, expected a string", "Expected text, found the number 3."),
            ("invalid type: string \"x\", expected a sequence", "Expected a list, found the text \"x\"."),
            (
                "invalid value: integer `300`, expected u8",
                "Expected a whole number from 0 to 255, found the number 300.",
            ),
            ("missing field `when`", "rule `x` lacks the key `when`. Add it."),
            ("duplicate key", "duplicate key."),
        ];
        for (message, expected) in cases {
            assert_eq!(reword(message, "rule `x`"), expected);
        }
    }
}
