//! Filters of RFC 7644 section 3.4.2.2: comparisons with `and`, `or`, `not`, parentheses and `attribute[filter]`.
//! Left out: greater and less than, which nobody asks of a directory of names.

use serde_json::{Map, Value as Json};

use super::Refusal;
use super::path::AttributePath;

/// How deep parentheses may nest.
const DEEPEST: usize = 16;

#[derive(Clone, Debug)]
pub(super) enum Filter {
    Compare(Box<AttributePath>, Operator, Json),
    Present(Box<AttributePath>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut parser = Parser { rest: text.trim(), depth: 0 };
        let filter = parser.or().filter(|_| parser.rest.is_empty());
        filter.ok_or_else(|| {
            let detail = format!("{text:?} is no filter that is known here. One such as userName eq \"x\" is.");
            Refusal::invalid("invalidFilter", detail)
        })
    }

    pub(super) fn matches(&self, resource: &Map<String, Json>) -> bool {
        match self {
            Self::Compare(path, operator, wanted) => {
                let found = path.values(resource);
                match operator {
                    Operator::NotEqual => !found.iter().any(|found| equal(found, wanted)),
                    operator => found.iter().any(|found| holds(*operator, found, wanted)),
                }
            }
            Self::Present(path) => path.values(resource).iter().any(|found| found.as_str() != Some("")),
            Self::And(left, right) => left.matches(resource) && right.matches(resource),
            Self::Or(left, right) => left.matches(resource) || right.matches(resource),
            Self::Not(inner) => !inner.matches(resource),
        }
    }
}

fn holds(operator: Operator, found: &Json, wanted: &Json) -> bool {
    if operator == Operator::Equal {
        return equal(found, wanted);
    }
    let (Some(found), Some(wanted)) = (found.as_str(), wanted.as_str()) else { return false };
    let (found, wanted) = (found.to_lowercase(), wanted.to_lowercase());
    match operator {
        Operator::Contains => found.contains(&wanted),
        Operator::StartsWith => found.starts_with(&wanted),
        Operator::EndsWith => found.ends_with(&wanted),
        Operator::Equal | Operator::NotEqual => found == wanted,
    }
}

/// Texts of this directory are equal regardless of case.
fn equal(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::String(found), Json::String(wanted)) => found.to_lowercase() == wanted.to_lowercase(),
        _ => found == wanted,
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Option<Filter> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Some(left)
    }

    fn and(&mut self) -> Option<Filter> {
        let mut left = self.term()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.term()?));
        }
        Some(left)
    }

    fn term(&mut self) -> Option<Filter> {
        if self.word("not") {
            return self.parenthesis().map(|inner| Filter::Not(Box::new(inner)));
        }
        if self.rest.starts_with('(') { self.parenthesis() } else { self.comparison() }
    }

    fn parenthesis(&mut self) -> Option<Filter> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        self.rest = self.rest.strip_prefix('(')?.trim_start();
        let inner = self.or()?;
        self.rest = self.rest.strip_prefix(')')?.trim_start();
        self.depth -= 1;
        Some(inner)
    }

    fn comparison(&mut self) -> Option<Filter> {
        let length = self.path_length();
        let (path, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        // `emails[type eq "work"]` alone asks whether there is such a one.
        let is_selection = path.ends_with(']');
        let path = Box::new(AttributePath::parse(path).ok()?);
        if self.word("pr") {
            return Some(Filter::Present(path));
        }
        let operators = [
            ("eq", Operator::Equal),
            ("ne", Operator::NotEqual),
            ("co", Operator::Contains),
            ("sw", Operator::StartsWith),
            ("ew", Operator::EndsWith),
        ];
        let Some((_, operator)) = operators.into_iter().find(|(name, _)| self.word(name)) else {
            return is_selection.then_some(Filter::Present(path));
        };
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Json>();
        let value = values.next()?.ok()?;
        let length = values.byte_offset();
        self.rest = self.rest.get(length..)?.trim_start();
        (!value.is_array() && !value.is_object()).then_some(Filter::Compare(path, operator, value))
    }

    /// Up to the next space or parenthesis outside of brackets and quotes.
    fn path_length(&self) -> usize {
        let (mut within, mut quoted, mut escaped) = (false, false, false);
        for (position, character) in self.rest.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' if within => quoted = !quoted,
                '[' if !quoted => within = true,
                ']' if !quoted => within = false,
                ' ' | '(' | ')' if !within => return position,
                _ => {}
            }
        }
        self.rest.len()
    }

    /// Takes the word, in any case, if it stands here on its own.
    fn word(&mut self, word: &str) -> bool {
        let Some(start) = self.rest.get(..word.len()) else { return false };
        let rest = &self.rest[word.len()..];
        if start.eq_ignore_ascii_case(word) && (rest.is_empty() || rest.starts_with([' ', '(', ')'])) {
            self.rest = rest.trim_start();
            return true;
        }
        false
    }
}
