//! Texts with `{placeholders}`. Two braces stand for one.

/// Names of the placeholders a text uses, or what is wrong with it.
pub(super) fn check<'a>(text: &'a str, known: &[&str]) -> Result<Vec<&'a str>, String> {
    let mut used = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(_) => {}
            Piece::Placeholder(name) if known.contains(&name) => used.push(name),
            Piece::Placeholder(name) => {
                let known: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
                return Err(format!("There is no placeholder {{{name}}}. There are: {}.", known.join(", ")));
            }
            Piece::Unclosed => {
                return Err("A brace is opened and not closed. Write {{ for one that stands for itself.".to_owned());
            }
        }
    }
    Ok(used)
}

/// The text with its placeholders filled in. What stands in a value is never a placeholder.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> String) -> String {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Placeholder(name) => value(name),
            Piece::Unclosed => "{".to_owned(),
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
    Unclosed,
}

fn pieces(mut text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some(position) = text.find(['{', '}']) {
        let (before, rest) = text.split_at(position);
        pieces.push(Piece::Text(before));
        text = if rest.starts_with("{{") || rest.starts_with("}}") {
            pieces.push(Piece::Text(&rest[..1]));
            &rest[2..]
        } else if let Some(inner) = rest.strip_prefix('{') {
            match inner.split_once('}') {
                Some((name, after)) if !name.contains('{') => {
                    pieces.push(Piece::Placeholder(name));
                    after
                }
                _ => {
                    pieces.push(Piece::Unclosed);
                    inner
                }
            }
        } else {
            // A lone closing brace means itself.
            pieces.push(Piece::Text(&rest[..1]));
            &rest[1..]
        };
    }
    pieces.push(Piece::Text(text));
    pieces
}

#[cfg(test)]
mod tests {
    use super::{check, fill};

    #[test]
    fn placeholders_are_filled_once() {
        let value = |name: &str| match name {
            "a" => "{b}".to_owned(),
            _ => "B".to_owned(),
        };
        for (text, filled) in [
            ("", ""),
            ("plain", "plain"),
            ("{a} and {b}!", "{b} and B!"),
            ("{{a}} }", "{a} }"),
            ("é{b}é", "éBé"),
            ("{{{b}}}", "{B}"),
        ] {
            assert_eq!(fill(text, value), filled, "{text}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(check("{a} {b}", &["a", "b"]), Ok(vec!["a", "b"]));
        assert_eq!(check("{c}", &["a", "b"]), Err("There is no placeholder {c}. There are: {a}, {b}.".to_owned()));
        for text in ["{a", "{", "x {a {b}"] {
            assert!(check(text, &["a", "b"]).unwrap_err().contains("not closed"), "{text}");
        }
    }
}
