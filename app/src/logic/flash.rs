//! A message that the next page shows once. It travels in a cookie that the server sets and clears, so nobody can put
//! words into a page by sending a link.

use std::fmt::Display;

use model::error::ApiError;

use super::address::{decode, encode};
use super::words;

/// Name of the cookie.
pub const COOKIE: &str = "flash";

/// Name of the cookie of a message for one page alone.
pub const COOKIE_OF_PAGE: &str = "flash-of-page";

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

impl FlashKind {
    /// Of so many that were done and refused. Where nothing was refused, nothing went wrong, also where there was nothing
    /// to do.
    pub fn of(done: u64, refused: u64) -> Self {
        match (done, refused) {
            (_, 0) => Self::Done,
            (0, _) => Self::Failed,
            _ => Self::Partly,
        }
    }
}

impl Flash {
    pub fn done(title: impl Into<String>) -> Self {
        Self { kind: FlashKind::Done, title: title.into(), lines: Vec::new() }
    }

    pub fn failed(title: impl Into<String>) -> Self {
        Self { kind: FlashKind::Failed, title: title.into(), lines: Vec::new() }
    }

    /// What came of several things that each answered for itself. `done` finishes "3 orders …"; each refusal is named.
    pub fn of_each<Id: Display, T>(
        outcomes: &[(Id, Result<T, ApiError>)],
        (one, many): (&str, &str),
        done: &str,
    ) -> Self {
        let refused = |(id, outcome): &(Id, Result<T, ApiError>)| {
            outcome.as_ref().err().map(|error| words::sentence_case(&format!("{one} {id}: {}", error.message)))
        };
        let lines: Vec<String> = outcomes.iter().filter_map(refused).collect();
        let count = outcomes.len() - lines.len();
        let kind = FlashKind::of(count as u64, lines.len() as u64);
        let title = match kind {
            _ if count == 0 => format!("No {many} {done}."),
            FlashKind::Done | FlashKind::Failed => format!("{} {done}.", words::plural(count as u64, one, many)),
            FlashKind::Partly => format!("{count} of {} {many} {done}; {} refused.", outcomes.len(), lines.len()),
        };
        Self { kind, title, lines }
    }

    pub fn with_lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }

    /// The cookie's value. Lines that do not fit are left out, and the last one says how many.
    fn encode(&self) -> String {
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

    /// What is sent to the browser, for the next page alone.
    pub fn cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60", self.encode())
    }

    /// The same for the page at `path` and no other, whichever is loaded next.
    pub fn cookie_of_page(&self, path: &str) -> String {
        format!("{COOKIE_OF_PAGE}={}; Path={path}; HttpOnly; SameSite=Strict; Max-Age=60", self.encode())
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
    use model::error::ApiError;

    use super::{Flash, FlashKind, SIZE_LIMIT};

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let flash = Flash { kind: FlashKind::Partly, title: "2 of 3 ändern; done".into(), lines: vec!["a=b".into()] };
        let value = flash.encode();
        assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b";,\"\\".contains(&byte)), "{value}");
        assert_eq!(Flash::decode(&value), Some(flash));
    }

    #[test]
    fn what_failed_in_part_is_told_from_what_failed() {
        for (done, refused, expected) in
            [(3, 0, FlashKind::Done), (2, 1, FlashKind::Partly), (0, 3, FlashKind::Failed), (0, 0, FlashKind::Done)]
        {
            assert_eq!(FlashKind::of(done, refused), expected, "{done} {refused}");
        }
    }

    #[test]
    fn each_refusal_is_named() {
        let refused = || Err(ApiError::conflict("Somebody else has decided."));
        let of = |outcomes: &[(u32, Result<(), ApiError>)]| Flash::of_each(outcomes, ("order", "orders"), "decided");
        let flash = of(&[(1, Ok(())), (2, refused())]);
        assert_eq!((flash.kind, flash.title.as_str()), (FlashKind::Partly, "1 of 2 orders decided; 1 refused."));
        assert_eq!(flash.lines, ["Order 2: Somebody else has decided."]);
        for (outcomes, kind, title) in [
            (vec![(2, refused())], FlashKind::Failed, "No orders decided."),
            (vec![], FlashKind::Done, "No orders decided."),
            (vec![(1, Ok(()))], FlashKind::Done, "1 order decided."),
        ] {
            let flash = of(&outcomes);
            assert_eq!((flash.kind, flash.title.as_str()), (kind, title));
        }
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
