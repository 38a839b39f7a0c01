//! Addresses of pages: the state of a list is its address, so building one is done in one place.

/// A path with a query, built parameter by parameter. Empty values are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    path: String,
    query: String,
}

impl Address {
    /// `path` is taken as it is.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), query: String::new() }
    }

    /// Adds a parameter, unless there is no value or an empty one.
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.query.push(if self.query.is_empty() { '?' } else { '&' });
            self.query.push_str(&encode(name));
            self.query.push('=');
            self.query.push_str(&encode(value));
        }
        self
    }
}

impl Address {
    /// What follows the `?`.
    pub fn query(&self) -> String {
        self.query.trim_start_matches('?').to_owned()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.path, self.query)
    }
}

/// Page of an application; names may hold characters that mean something in an address.
pub fn application(name: &str) -> String {
    format!("/applications/{}", encode(name))
}

pub fn integration(name: &str) -> String {
    format!("/integrations/{}", encode(name))
}

/// The page of what an order is sent to.
pub fn carrier(name: &str, is_integration: bool) -> String {
    if is_integration { integration(name) } else { application(name) }
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The reverse of [`encode`], with `+` for a space as forms send it. Broken escapes stay as they are.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let escape = (byte == b'%')
            .then(|| bytes.get(position + 1..position + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, escape) {
            (_, Some(value)) => {
                decoded.push(value);
                position += 3;
            }
            (b'+', None) => {
                decoded.push(b' ');
                position += 1;
            }
            (other, None) => {
                decoded.push(other);
                position += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A page of this very site to go back to; anything else becomes `/`, so that a link cannot use the sign-in page to send
/// people elsewhere.
pub fn safe_return(path: &str) -> &str {
    if is_own_path(path) { path } else { "/" }
}

fn is_own_path(path: &str) -> bool {
    let mut characters = path.chars();
    characters.next() == Some('/')
        // `//host` and `/\host` are addresses of other hosts to a browser.
        && !matches!(characters.next(), Some('/' | '\\'))
        && path.len() <= 2000
        // Browsers drop tabs and line ends and read backslashes as slashes; a path of ours is plain ASCII, the rest is percent-encoded.
        && path.chars().all(|c| c.is_ascii_graphic() && c != '\\')
        // Back to signing in, or straight out again, helps nobody.
        && !["/login", "/logout"].iter().any(|own| path == *own || path.starts_with(&format!("{own}?")))
}

#[cfg(test)]
mod tests {
    use super::{Address, decode, encode, safe_return};

    #[test]
    fn empty_parameters_are_left_out_and_others_escaped() {
        let address = Address::new("/orders")
            .with("state", Some("errored"))
            .with("text", Some(""))
            .with("run", None)
            .with("application", Some("Müller & Co"));
        assert_eq!(address.to_string(), "/orders?state=errored&application=M%C3%BCller%20%26%20Co");
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        for text in ["", "a b", "100 %", "ä/ö?ü#", "a+b=c&d", "\u{1f511}"] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("a+b%2"), "a b%2");
        assert_eq!(decode("%zz%41"), "%zzA");
    }

    #[test]
    fn only_own_paths_are_followed() {
        let own = [
            "/",
            "/identities",
            "/identities?text=a%20b&after=5#top",
            "/orders/7",
            "/%09/x",
            "/a//b",
            "/login-history",
            "/orders?state=errored",
        ];
        for path in own {
            assert_eq!(safe_return(path), path);
        }
        let others = [
            "",
            " ",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\r\nSet-Cookie: x",
            "http://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "evil.example",
            "./x",
            "../x",
            "/x\\..\\y",
            "/ünicode",
            "/a b",
            "/x\r\nset-cookie: a=b",
            "/login",
            "/login?return_to=/login",
            "/logout",
            "data:text/html,x",
            "///evil.example",
            "/\u{0}",
        ];
        for path in others {
            assert_eq!(safe_return(path), "/", "{path:?}");
        }
        assert_eq!(safe_return(&format!("/{}", "x".repeat(5000))), "/");
    }
}
