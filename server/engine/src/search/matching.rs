//! How well a text fits what was typed: words that are the same, then those that begin so, then those that hold it, then
//! those whose letters come in that order. Both sides are folded: lower case, without diacritics, a space before each word.

use store::words::fold;

/// What was typed, as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    words: Vec<String>,
    number: Option<i64>,
    letters: Letters,
}

/// The letters and digits of a folded text: what has not all of a question's cannot fit it, which is told of a great many texts
/// without comparing words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letters(u64);

impl Letters {
    pub fn of(text: &str) -> Self {
        let bit = |letter: char| match letter {
            'a'..='z' => u32::from(letter) - u32::from('a'),
            '0'..='9' => 26 + u32::from(letter) - u32::from('0'),
            // Others share what is left.
            other => 36 + u32::from(other) % 28,
        };
        Self(text.chars().filter(|letter| *letter != ' ').fold(0, |all, letter| all | 1 << bit(letter)))
    }
}

/// What a word of the question is worth, by how it is found.
const SAME: u32 = 100;
const BEGINS: u32 = 80;
const WITHIN: u32 = 40;
const SCATTERED: u32 = 15;
/// The same word beside the name, such as in a description, is worth a part of it.
const BESIDE: u32 = 3;
/// Added where the text begins with the first word.
const FIRST: u32 = 15;
/// Letters of a word that may be typed with gaps.
const GAPS_FROM: usize = 3;

impl Question {
    pub fn new(text: &str) -> Self {
        let words: Vec<String> = fold([text]).split_whitespace().map(str::to_owned).collect();
        let number = words.iter().find_map(|word| word.parse().ok()).filter(|number| *number > 0);
        let letters = Letters::of(&words.concat());
        Self { words, number, letters }
    }

    /// Nothing was typed that could be found.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The number that was typed, as of an order.
    pub fn number(&self) -> Option<i64> {
        self.number
    }

    /// Whether a text of these letters can fit at all.
    pub fn may_fit(&self, letters: Letters) -> bool {
        self.letters.0 & !letters.0 == 0
    }

    /// How well the folded texts fit; none where a word is in neither. Of texts that fit alike, the shorter one fits better.
    pub fn score(&self, name: &str, beside: &str) -> Option<u32> {
        let mut score = 0;
        for word in &self.words {
            let in_name = worth(word, name).unwrap_or(0);
            let in_beside = worth_whole(word, beside).unwrap_or(0) / BESIDE;
            let best = in_name.max(in_beside);
            if best == 0 {
                return None;
            }
            score += best;
        }
        let count = u32::try_from(self.words.len()).unwrap_or(u32::MAX).max(1);
        let mut score = score / count;
        if self.words.first().is_some_and(|first| name.trim_start().starts_with(first.as_str())) {
            score += FIRST;
        }
        let length = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
        Some(score + 10_u32.saturating_sub(length / 6))
    }
}

/// Anywhere in the text, gaps and all.
fn worth(word: &str, text: &str) -> Option<u32> {
    worth_whole(word, text).or_else(|| is_scattered(word, text).then_some(SCATTERED))
}

/// In one piece.
fn worth_whole(word: &str, text: &str) -> Option<u32> {
    let mut best = None;
    for own in text.split_whitespace() {
        let here = if own == word {
            SAME
        } else if own.starts_with(word) {
            BEGINS
        } else if word.chars().count() >= GAPS_FROM && own.contains(word) {
            WITHIN
        } else {
            continue;
        };
        best = best.max(Some(here));
    }
    best
}

/// Whether the letters come in that order, the first of them where a word begins, and each of the others next to the one
/// before or where a word begins, but for one gap.
fn is_scattered(word: &str, text: &str) -> bool {
    if word.chars().count() < GAPS_FROM {
        return false;
    }
    let text: Vec<char> = text.chars().collect();
    let begins = |place: usize| place == 0 || text.get(place - 1) == Some(&' ');
    let from = |start: usize| {
        let (mut place, mut gaps) = (start, 0);
        for letter in word.chars().skip(1) {
            let near = text.get(place + 1) == Some(&letter);
            let next = match near {
                true => Some(place + 1),
                false => (place + 1..text.len()).find(|next| text.get(*next) == Some(&letter)),
            };
            let Some(next) = next else { return false };
            if !near && !begins(next) {
                gaps += 1;
            }
            place = next;
        }
        gaps <= 1
    };
    let Some(first) = word.chars().next() else { return false };
    (0..text.len()).any(|start| begins(start) && text.get(start) == Some(&first) && from(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranked<'a>(question: &str, texts: &[&'a str]) -> Vec<&'a str> {
        let question = Question::new(question);
        let mut scored: Vec<(u32, &str)> =
            texts.iter().filter_map(|text| Some((question.score(&fold([*text]), "")?, *text))).collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn the_nearer_comes_first_and_what_does_not_fit_not_at_all() {
        let texts = ["Payroll", "Payroll reports", "Prepay", "Badge system", "Human pay", "Pay"];
        let cases: [(&str, &[&str]); 8] = [
            ("pay", &["Pay", "Human pay", "Payroll", "Payroll reports", "Prepay"]),
            ("PAY rep", &["Payroll reports", "Prepay"]),
            ("bsys", &["Badge system"]),
            ("bdg", &["Badge system"]),
            ("pyrll", &[]),
            ("paz", &[]),
            ("stem", &["Badge system"]),
            ("", &["Payroll", "Payroll reports", "Prepay", "Badge system", "Human pay", "Pay"]),
        ];
        for (question, expected) in cases.into_iter().filter(|(question, _)| !question.is_empty()) {
            assert_eq!(ranked(question, &texts), expected, "{question}");
        }
        assert!(Question::new(" -%_ ").is_empty());
    }

    #[test]
    fn what_stands_beside_the_name_counts_for_less() {
        let question = Question::new("money");
        let name = question.score(&fold(["Money"]), "").unwrap();
        let beside = question.score(&fold(["Vault"]), &fold(["where money is kept"])).unwrap();
        assert!(name > beside);
        assert_eq!(question.score(&fold(["Vault"]), &fold(["gold"])), None);
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for (text, number) in [
            ("1234", Some(1234)),
            ("#1234", Some(1234)),
            ("order 1234", Some(1234)),
            ("E1234", None),
            ("0", None),
            ("99999999999999999999", None),
            ("-7", Some(7)),
        ] {
            assert_eq!(Question::new(text).number(), number, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_begins_a_word_of_a_text_finds_it(text in "[a-z]{1,8}( [a-z]{1,8}){0,3}", at in 0_usize..4, length in 1_usize..8) {
            let words: Vec<&str> = text.split(' ').collect();
            let word = words[at % words.len()];
            let beginning: String = word.chars().take(length).collect();
            prop_assert!(Question::new(&beginning).score(&fold([text.as_str()]), "").is_some());
        }

        #[test]
        fn what_fits_has_all_letters(text in "[a-dü0-3 ]{0,9}", name in "[a-eü0-4 ]{0,30}", beside in "[a-dß ]{0,20}") {
            let (question, name, beside) = (Question::new(&text), fold([name.as_str()]), fold([beside.as_str()]));
            if question.score(&name, &beside).is_some() {
                let letters = Letters::of(&[name, beside].concat());
                prop_assert!(question.may_fit(letters));
            }
        }

        #[test]
        fn anything_may_be_typed(text in ".{0,80}", name in ".{0,80}") {
            let _ = Question::new(&text).score(&fold([name.as_str()]), &fold([text.as_str()]));
        }
    }
}
