//! Searching by words. What lists search in is kept beside the data: lower case, without diacritics, words separated
//! by one space, and a space in front of each. A word of the question matches where it begins a word: `like '% ann%'`,
//! which both databases answer alike. Folded words hold letters and digits only, so no `%` or `_` can come in.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Words of a question that count; more are ignored.
pub(crate) const WORDS: usize = 4;

/// ` anna bjork 10042`.
pub fn fold<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut folded = String::new();
    for text in texts {
        for word in text.split(|c: char| !c.is_alphanumeric() && !is_mark(c)) {
            let before = folded.len();
            folded.push(' ');
            fold_word(word, &mut folded);
            if folded.len() == before + 1 {
                folded.truncate(before);
            }
        }
    }
    folded
}

/// Longest word that is kept where people are found by words.
const LONGEST: usize = 40;

/// The words of a folded text, once each, as they are kept apart.
pub(crate) fn apart(folded: &str) -> BTreeSet<String> {
    folded.split_whitespace().map(|word| word.chars().take(LONGEST).collect()).collect()
}

/// What of a mail names somebody: the part before the `@`, which everybody of an organisation has after it.
pub(crate) fn before_at(mail: &str) -> &str {
    mail.split_once('@').map_or("", |(before, _)| before)
}

/// A question about people: where somebody types a whole mail, its part before the `@` counts.
pub fn of_person(question: &str) -> String {
    let words = question.split_whitespace().map(|word| match before_at(word) {
        "" => word,
        before => before,
    });
    fold(words)
}

/// The bounds between which words lie that begin with this one.
pub(crate) fn bounds(beginning: &str) -> (String, String) {
    let beginning: String = beginning.chars().take(LONGEST).collect();
    (beginning.clone(), format!("{beginning}\u{10ffff}"))
}

/// For sorting: as [`fold`], without the space in front.
pub(crate) fn sort_key(text: &str) -> String {
    fold([text]).trim_start().to_owned()
}

/// Patterns for the words of a question, `%` for those it does not have.
pub(crate) fn patterns(question: Option<&str>) -> [String; WORDS] {
    let folded = fold(question);
    let mut words = folded.split_whitespace();
    std::array::from_fn(|_| {
        let mut pattern = String::from("%");
        if let Some(word) = words.next() {
            // Writing to a string cannot fail.
            let _ = write!(pattern, " {word}%");
        }
        pattern
    })
}

fn fold_word(word: &str, folded: &mut String) {
    for c in word.chars().flat_map(char::to_lowercase) {
        match plain(c) {
            Some(text) => folded.push_str(text),
            None if is_mark(c) => {}
            None => folded.push(c),
        }
    }
}

fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Latin letters with their diacritics taken off.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ' | 'ả' | 'ấ' | 'ầ' | 'ẩ' | 'ẫ' | 'ậ' | 'ắ' | 'ằ' | 'ẳ' | 'ẵ' | 'ặ' => {
            "a"
        }
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẹ' | 'ẻ' | 'ẽ' | 'ế' | 'ề' | 'ể' | 'ễ' | 'ệ' => {
            "e"
        }
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ỉ' | 'ị' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö'
        | 'ø'
        | 'ō'
        | 'ŏ'
        | 'ő'
        | 'ơ'
        | 'ọ'
        | 'ỏ'
        | 'ố'
        | 'ồ'
        | 'ổ'
        | 'ỗ'
        | 'ộ'
        | 'ớ'
        | 'ờ'
        | 'ở'
        | 'ỡ'
        | 'ợ' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' | 'ụ' | 'ủ' | 'ứ' | 'ừ' | 'ử' | 'ữ' | 'ự' => {
            "u"
        }
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' | 'ỳ' | 'ỵ' | 'ỷ' | 'ỹ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{fold, patterns, sort_key};

    #[test]
    fn words_are_folded() {
        let cases = [
            ("Anna Björk", " anna bjork"),
            ("  O'Neill-Straße ", " o neill strasse"),
            ("I\u{307}stanbul E\u{301}mile", " istanbul emile"),
            ("李 雷", " 李 雷"),
            ("100%_", " 100"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(fold([text]), expected, "{text}");
        }
        assert_eq!(sort_key("Øyvind  Åse"), "oyvind ase");
    }

    #[test]
    fn a_question_becomes_patterns() {
        assert_eq!(patterns(Some("Björk an")), ["% bjork%", "% an%", "%", "%"]);
        assert_eq!(patterns(None), ["%", "%", "%", "%"]);
    }
}
