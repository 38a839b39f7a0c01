//! What applications answer is not trusted: before any of it is kept or shown it is cut to a size, and freed of control
//! characters and of those that turn the direction of writing, with which a message could pass for another.

use model::command::{Applied, CommandError, LateAnswer, Outcome};

/// Longest message that is kept, in characters.
pub const LONGEST_MESSAGE: usize = 2_000;
/// Longest key or reference. Whatever is longer is cut, and is then found by no reading.
pub const LONGEST_KEY: usize = 1_000;
/// Most refused items of one answer, and lines of one test, that are kept.
const MOST_LINES: usize = 1_000;

/// A message for people.
pub fn message(text: &str) -> String {
    cut(text, LONGEST_MESSAGE)
}

/// A short text that nobody compares with anything, such as a version.
pub fn key(text: &str) -> String {
    cut(text, LONGEST_KEY)
}

/// Lines of a connection's test.
pub fn lines(lines: Vec<(bool, String)>) -> Vec<(bool, String)> {
    lines.into_iter().take(MOST_LINES).map(|(succeeded, line)| (succeeded, message(&line))).collect()
}

pub fn answer(result: Result<Outcome, CommandError>) -> Result<Outcome, CommandError> {
    match result {
        Ok(Outcome::Applied(done)) => Ok(Outcome::Applied(applied(done))),
        Ok(Outcome::AlreadySo(done)) => Ok(Outcome::AlreadySo(applied(done))),
        Ok(Outcome::Handed { reference }) => Ok(Outcome::Handed { reference: cut(&reference, LONGEST_KEY) }),
        Err(failure) => Err(error(failure)),
    }
}

pub fn late(answer: LateAnswer) -> LateAnswer {
    LateAnswer { result: answer.result.map(applied).map_err(error), ..answer }
}

pub fn error(error: CommandError) -> CommandError {
    CommandError { message: message(&error.message), ..error }
}

fn applied(applied: Applied) -> Applied {
    Applied {
        key: applied.key.map(|key| cut(&key, LONGEST_KEY)),
        adopted: applied.adopted,
        refused: applied
            .refused
            .into_iter()
            .take(MOST_LINES)
            // The name is compared with those of the order, so it stays as it is; none of ours is longer.
            .filter(|(name, _)| name.len() <= LONGEST_KEY)
            .map(|(name, why)| (name, message(&why)))
            .collect(),
        account_refused: applied.account_refused.map(|why| message(&why)),
        detail: message(&applied.detail),
    }
}

fn cut(text: &str, longest: usize) -> String {
    let mut kept = String::with_capacity(text.len().min(longest * 4));
    let mut length = 0;
    for character in text.chars() {
        let character = match character {
            '\n' | '\r' | '\t' => ' ',
            character if is_unseen(character) => continue,
            character => character,
        };
        if length == longest {
            kept.push('…');
            return kept;
        }
        kept.push(character);
        length += 1;
    }
    kept
}

/// Control characters, those that turn the direction of writing, and those without width that hide in words.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use model::order::ErrorClass;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_unseen_is_kept() {
        for (given, expected) in [
            ("plain ümlaut 漢字 🙂", "plain ümlaut 漢字 🙂"),
            ("nul\0bell\u{7}escape\u{1b}[31mred", "nulbellescape[31mred"),
            ("two\r\nlines\tand a tab", "two  lines and a tab"),
            ("user\u{202e}gnp.exe", "usergnp.exe"),
            ("\u{2066}isolated\u{2069} \u{200f}marks\u{61c}", "isolated marks"),
            ("zero\u{200b}width\u{feff}", "zerowidth"),
            ("tags\u{e0041}", "tags"),
        ] {
            assert_eq!(message(given), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = "ä".repeat(500_000);
        let kept = message(&long);
        assert_eq!(kept.chars().count(), LONGEST_MESSAGE + 1);
        assert!(kept.ends_with('…'));
        assert_eq!(message(&"a".repeat(LONGEST_MESSAGE)).len(), LONGEST_MESSAGE);
        assert_eq!(lines(vec![(true, "a".to_owned()); 5_000]).len(), MOST_LINES);
    }

    #[test]
    fn every_part_of_an_answer_is_cleaned() {
        let bad = || "a\u{202e}b\0".repeat(3_000);
        let is_clean = |text: &str| text.chars().count() <= LONGEST_MESSAGE + 1 && !text.contains(['\0', '\u{202e}']);
        let done = Applied {
            key: Some(bad()),
            adopted: true,
            refused: vec![("name".to_owned(), bad()); 5_000],
            account_refused: Some(bad()),
            detail: bad(),
        };
        for outcome in [Outcome::Applied(done.clone()), Outcome::AlreadySo(done.clone())] {
            let (Ok(Outcome::Applied(kept)) | Ok(Outcome::AlreadySo(kept))) = answer(Ok(outcome)) else { panic!() };
            assert!(kept.adopted && kept.refused.len() == MOST_LINES);
            assert!(kept.account_refused.as_deref().is_some_and(is_clean));
            assert!(is_clean(&kept.detail) && kept.key.as_deref().is_some_and(is_clean));
            assert!(kept.refused.iter().all(|(name, why)| name == "name" && is_clean(why)));
        }
        let Ok(Outcome::Handed { reference }) = answer(Ok(Outcome::Handed { reference: bad() })) else { panic!() };
        assert!(is_clean(&reference));
        let failure = || CommandError::new(ErrorClass::Invalid, bad());
        assert!(is_clean(&answer(Err(failure())).unwrap_err().message));
        let order = model::ids::OrderId(1);
        assert!(is_clean(&late(LateAnswer { order, fence: None, result: Err(failure()) }).result.unwrap_err().message));
        assert!(is_clean(&late(LateAnswer { order, fence: None, result: Ok(done) }).result.unwrap().detail));
    }

    proptest! {
        #[test]
        fn any_text_is_shown_without_harm(text in any::<String>()) {
            let kept = message(&text);
            prop_assert!(!kept.chars().any(is_unseen));
            prop_assert_eq!(message(&kept), kept);
        }
    }
}
