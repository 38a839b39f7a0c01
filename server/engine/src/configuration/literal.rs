//! From a place in a text to the place in the TOML literal that stands for it, past quotes and escapes.

/// Byte offset within the literal of the character at `line` and `column` (from 1) of the text; the literal's start for
/// what is no string.
pub(super) fn offset(raw: &str, line: u32, column: u32) -> usize {
    let (quotes, escapes) = match raw.as_bytes() {
        [b'"', b'"', b'"', ..] => (3, true),
        [b'\'', b'\'', b'\'', ..] => (3, false),
        [b'"', ..] => (1, true),
        [b'\'', ..] => (1, false),
        _ => return 0,
    };
    let mut offset = quotes;
    if quotes == 3 {
        let body = &raw[offset..];
        offset += if body.starts_with("\r\n") { 2 } else { usize::from(body.starts_with('\n')) };
    }
    let mut at = (1, 1);
    loop {
        let rest = &raw[offset..];
        let Some(character) = rest.chars().next() else { break };
        let (length, stands_for) =
            if escapes && character == '\\' { escape(rest) } else { (character.len_utf8(), Some(character)) };
        match stands_for {
            Some(_) if at >= (line, column) => break,
            Some('\n') => at = (at.0 + 1, 1),
            Some(_) => at.1 += 1,
            None => {}
        }
        offset += length;
    }
    offset.min(raw.len().saturating_sub(quotes))
}

/// Length of an escape sequence, and what it stands for; nothing for the end of a line that is continued. The exact
/// character matters only where it ends a line.
fn escape(rest: &str) -> (usize, Option<char>) {
    match rest[1..].chars().next() {
        Some('n') => (2, Some('\n')),
        Some('x') => (4.min(rest.len()), Some('x')),
        Some('u') => (6.min(rest.len()), Some('x')),
        Some('U') => (10.min(rest.len()), Some('x')),
        Some(character) if character.is_whitespace() => {
            let blank = rest[1..].len() - rest[1..].trim_start().len();
            (1 + blank, None)
        }
        Some(character) => (1 + character.len_utf8(), Some(character)),
        None => (1, None),
    }
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn places_are_found_past_quotes_and_escapes() {
        let cases = [
            ("\"abc\"", (1, 1), 1),
            ("\"abc\"", (1, 3), 3),
            ("'a\\c'", (1, 3), 3),
            ("\"a\\\"c\"", (1, 3), 4),
            ("\"\\u0041c\"", (1, 2), 7),
            ("\"\\u00e4\\nc\"", (2, 1), 9),
            ("\"\"\"\nab\ncd\"\"\"", (2, 2), 8),
            ("'''\r\nab'''", (1, 2), 6),
            ("\"\"\"a \\\n   b\"\"\"", (1, 3), 10),
            ("\"ö.x\"", (1, 3), 4),
            ("\"ab\"", (7, 9), 3),
            ("[1, 2]", (1, 3), 0),
        ];
        for (raw, (line, column), expected) in cases {
            assert_eq!(offset(raw, line, column), expected, "{raw} {line}:{column}");
        }
    }
}
