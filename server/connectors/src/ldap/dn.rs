//! Distinguished names (RFC 4514): made from values, and compared however a server spells them.

/// One relative name: `uid=a\2cb`. Whatever the value holds, it stays one value.
pub(super) fn rdn(attribute: &str, value: &str) -> String {
    let mut text = format!("{attribute}=");
    let last = value.chars().count().saturating_sub(1);
    for (position, one) in value.chars().enumerate() {
        let plain =
            one.is_alphanumeric() || ['-', '_', '.', '@'].contains(&one) || !one.is_ascii() && !one.is_control();
        let inner_space = one == ' ' && position != 0 && position != last;
        if plain || inner_space {
            text.push(one);
        } else {
            let mut bytes = [0; 4];
            for byte in one.encode_utf8(&mut bytes).bytes() {
                text.push_str(&format!("\\{byte:02x}"));
            }
        }
    }
    text
}

/// A value in a search filter (RFC 4515): every byte that could mean something is escaped.
pub(super) fn filter_value(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\{byte:02x}"));
        }
    }
    text
}

/// A spelling that is equal for names a server holds to be equal: without regard to case, escapes and blanks around
/// separators. None: this is no distinguished name.
pub(super) fn normal(dn: &str) -> Option<String> {
    if dn.trim().is_empty() {
        return Some(String::new());
    }
    let mut parts = Vec::new();
    for part in split(dn, ',') {
        let mut values = Vec::new();
        for value in split(part, '+') {
            let (attribute, value) = value.split_once('=')?;
            let attribute = attribute.trim().to_ascii_lowercase();
            if attribute.is_empty() || !attribute.chars().all(|one| one.is_ascii_alphanumeric() || "-.;".contains(one))
            {
                return None;
            }
            let value = unescape(value)?.to_lowercase();
            let value = value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            values.push(rdn(&attribute, &value));
        }
        values.sort();
        parts.push(values.join("+"));
    }
    Some(parts.join(","))
}

/// Whether the name is below the base, and not the base itself.
pub(super) fn is_below(dn: &str, base: &str) -> bool {
    match (normal(dn), normal(base)) {
        (Some(dn), Some(base)) if base.is_empty() => !dn.is_empty(),
        (Some(dn), Some(base)) => dn.strip_suffix(&base).is_some_and(|rest| rest.len() > 1 && rest.ends_with(',')),
        _ => false,
    }
}

/// The name of what is directly above.
pub(super) fn parent(dn: &str) -> &str {
    let first = split(dn, ',').next().map_or(0, str::len);
    dn.get(first + 1..).unwrap_or_default()
}

/// The value that names the entry below its parent, where it is this attribute's and the only one.
pub(super) fn first_value(dn: &str, attribute: &str) -> Option<String> {
    let first = split(dn, ',').next()?;
    if split(first, '+').count() > 1 {
        return None;
    }
    let (name, value) = first.split_once('=')?;
    name.trim().eq_ignore_ascii_case(attribute).then(|| unescape(value))?
}

/// Parts between separators that are not escaped.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut escaped = false;
        for (position, one) in text.char_indices() {
            if escaped {
                escaped = false;
            } else if one == '\\' {
                escaped = true;
            } else if one == separator {
                rest = Some(&text[position + one.len_utf8()..]);
                return Some(&text[..position]);
            }
        }
        rest = None;
        Some(text)
    })
}

fn unescape(value: &str) -> Option<String> {
    let value = value.trim_start_matches(' ');
    let mut bytes = Vec::with_capacity(value.len());
    let mut escaped_end = 0;
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let first = rest.next()?;
        match (hex(first), rest.peek().copied().and_then(hex)) {
            (Some(high), Some(low)) => {
                rest.next();
                bytes.push(high * 16 + low);
            }
            _ => bytes.push(first),
        }
        escaped_end = bytes.len();
    }
    while bytes.len() > escaped_end && bytes.last() == Some(&b' ') {
        bytes.pop();
    }
    String::from_utf8(bytes).ok()
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_told_where_it_is_the_name() {
        for (dn, expected) in [
            ("uid=a,dc=x", Some("a")),
            ("UID = a\\2cb ,dc=x", Some("a,b")),
            ("cn=a,dc=x", None),
            ("uid=a+cn=b,dc=x", None),
            ("uid", None),
        ] {
            assert_eq!(first_value(dn, "uid").as_deref(), expected, "{dn}");
        }
    }

    #[test]
    fn a_value_stays_one_value() {
        for (value, expected) in [
            ("a", "uid=a"),
            ("a b", "uid=a b"),
            (" a ", "uid=\\20a\\20"),
            (" ", "uid=\\20"),
            ("#a", "uid=\\23a"),
            ("a,ou=x+b=c", "uid=a\\2cou\\3dx\\2bb\\3dc"),
            ("\"<>;\\/", "uid=\\22\\3c\\3e\\3b\\5c\\2f"),
            ("n\u{0}l", "uid=n\\00l"),
            ("\u{17b}\u{1f600}", "uid=\u{17b}\u{1f600}"),
        ] {
            assert_eq!(rdn("uid", value), expected);
        }
        for byte in 0..=127_u8 {
            let dn = format!("{},dc=x", rdn("uid", &char::from(byte).to_string()));
            assert_eq!(split(&dn, ',').count(), 2, "{dn}");
            assert!(is_below(&dn, "dc=x"), "{dn}");
        }
    }

    #[test]
    fn a_filter_value_has_no_meaning_of_its_own() {
        for byte in 0..=127_u8 {
            let escaped = filter_value(&char::from(byte).to_string());
            assert!(escaped.chars().all(|one| one.is_ascii_alphanumeric() || one == '\\'), "{escaped}");
        }
        assert_eq!(filter_value("*)(\u{e9}"), "\\2a\\29\\28\\c3\\a9");
    }

    #[test]
    fn spellings_of_one_name_are_equal() {
        for (one, other) in [
            ("uid=a,dc=x", "UID=A, DC=X"),
            ("cn=a\\,b,dc=x", "cn=a\\2Cb,dc=x"),
            ("cn=a  b,dc=x", "cn=A B ,dc=x"),
            ("cn=\\20a,dc=x", "cn=\\ a,dc=x"),
            ("cn=a+sn=b,dc=x", "sn=b+cn=a,dc=x"),
            ("cn=\\c3\\a9,dc=x", "cn=\u{e9},dc=x"),
        ] {
            assert_eq!(normal(one), normal(other), "{one} and {other}");
            assert!(normal(one).is_some());
        }
        assert_ne!(normal("cn=a\\,dc\\=y,dc=x"), normal("cn=a,dc=y,dc=x"));
        assert_eq!(normal("nobody"), None);
        assert_eq!(normal("cn=a\\"), None);
    }

    #[test]
    fn below_is_below() {
        for (dn, base, expected) in [
            ("uid=a,ou=people,dc=x", "ou=people,dc=x", true),
            ("uid=a,ou=b,OU=People, dc=x", "ou=people,dc=x", true),
            ("ou=people,dc=x", "ou=people,dc=x", false),
            ("uid=a,ou=otherpeople,dc=x", "ou=people,dc=x", false),
            ("uid=a\\,ou=people,dc=x", "ou=people,dc=x", false),
            ("uid=a,dc=y", "dc=x", false),
            ("rubbish", "dc=x", false),
        ] {
            assert_eq!(is_below(dn, base), expected, "{dn} below {base}");
        }
        assert_eq!(parent("uid=a\\,b,ou=people,dc=x"), "ou=people,dc=x");
    }
}
