//! A message that the next page shows once. It travels in a cookie that the server sets and clears, so nobody can put
//! words into a page by sending a link.

use super::address::{decode, encode};

/// Name of the cookie.
pub const COOKIE: &str = "flash";

/// Bytes that a browser surely keeps in one cookie, less the name and the attributes.
const SIZE_LIMIT: usize = 3_500;

/// What came of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    pub kind: FlashKind,
    pub title: String,
    /// One for each thing the form touched, where it touched several.
    pub lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashKind {
    Done,
    /// Some of it failed.
    Partly,
    Failed,
}

impl Flash {
    pub fn done(title: impl Into<String>) -> Self {
        Self { kind: FlashKind::Done, title: title.into(), lines: Vec::new() }
    }

    pub fn failed(title: impl Into<String>) -> Self {
        Self { kind: FlashKind::Failed, title: title.into(), lines: Vec::new() }
    }

    pub fn with_lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }

    /// The cookie's value. Lines that do not fit are left out, and the last one says how many.
    pub fn encode(&self) -> String {
        let code = match self.kind {
            FlashKind::Done => 'd',
            FlashKind::Partly => 'p',
            FlashKind::Failed => 'f',
        };
        let title: String = self.title.chars().take(400).collect();
        let mut value = format!("{code}{}", encode(&title));
        for (position, line) in self.lines.iter().enumerate() {
            let line = encode(&format!("\n{line}"));
            if value.len() + line.len() > SIZE_LIMIT {
                value.push_str(&encode(&format!("\nand {} more", self.lines.len() - position)));
                break;
            }
            value.push_str(&line);
        }
        value
    }

    /// None for a value that [`Flash::encode`] would not have made.
    pub fn decode(value: &str) -> Option<Self> {
        let kind = match value.chars().next()? {
            'd' => FlashKind::Done,
            'p' => FlashKind::Partly,
            'f' => FlashKind::Failed,
            _ => return None,
        };
        let text = decode(value.get(1..)?);
        let mut lines = text.split('\n').map(str::to_owned);
        let title = lines.next().filter(|title| !title.is_empty())?;
        Some(Self { kind, title, lines: lines.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Flash, FlashKind, SIZE_LIMIT};

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let flash = Flash { kind: FlashKind::Partly, title: "2 of 3 ändern; done".into(), lines: vec!["a=b".into()] };
        let value = flash.encode();
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b";,\"\\".contains(&byte)), "{value}");
        assert_eq!(Flash::decode(&value), Some(flash));
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let flash = Flash::done("Confirmed").with_lines((0..500).map(|n| format!("order {n} confirmed")).collect());
        let value = flash.encode();
        assert!(value.len() < SIZE_LIMIT + 60);
        let decoded = Flash::decode(&value).unwrap();
        assert!(decoded.lines.last().unwrap().starts_with("and "));
    }

    #[test]
    fn foreign_values_are_ignored() {
        for value in ["", "x", "d", "zhello", "ä"] {
            assert_eq!(Flash::decode(value), None, "{value}");
        }
    }
}
