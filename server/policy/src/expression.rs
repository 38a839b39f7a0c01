//! Expressions of the configuration: CEL, read by the `cel` crate's parser and evaluated here.
//!
//! Why an evaluator of our own over CEL's syntax tree: an absent attribute is the normal case for people's data, not an
//! error; rules and account attributes are evaluated for a whole population at once; and nothing an administrator can
//! write may run away. What follows from that:
//!
//! - **Absent attributes.** A comparison (`==`, `!=`, `<`, `in` …) with an absent attribute is false, as a condition an
//!   absent attribute is false, and everything else made from an absent attribute is absent. `has(identity.x)` asks.
//! - **Bounds.** Texts of more than 8 KiB, more than 64 levels of nesting, comprehensions (`exists`, `all`, `exists_one`,
//!   `map`, `filter`) nested more than two deep, and patterns of `matches` that are not literals are refused when the
//!   text is read. An evaluation stops with an error after 20,000 steps or when a text exceeds 64 KiB.
//! - **Not offered.** Messages, bytes, unsigned numbers, durations, timestamps and optional syntax: attributes have no
//!   such values. Dates are ISO 8601 texts and compare as such. `identity` is no value by itself; an expression always
//!   names the attributes it reads, so that what it depends on is known before it runs.
//!
//! Functions beside CEL's `size`, `contains`, `startsWith`, `endsWith`, `matches`, `string`, `int`, `double`, `bool`:
//! `lower`, `upper`, `trim`, `ascii`, `initials`, `left(text, n)` (also `first`), `replace(text, from, to)`,
//! `split(text, separator)`, `join(list, separator)`. Each can be called on its first argument: `identity.name.lower()`.
//! `within(identity.department, "D100")` asks a dimension whether a value is that one, or a part of it.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use model::identity::{Context, Identity, LifecycleState};
use model::value::{Attributes, Value};

mod evaluate;
mod functions;
mod hierarchy;
mod node;
mod parse;
mod user;

pub(crate) use evaluate::{Attempts, Cell, Lookup, evaluate as cell_of, holds as condition_holds};
pub(crate) use functions::nearest;
pub(crate) use node::{Comparison, Constant, Node};

/// Longest text of an expression, in bytes.
pub const LONGEST_TEXT: usize = 8 * 1024;

/// Attributes that every identity has beside those its source delivers. They win over attributes of the same name.
pub const BUILT_IN: [&str; 5] = ["key", "source", "display_name", "lifecycle", "manager"];

/// How an expression over an identity and an account names what it reads of the account.
pub(crate) const OF_ACCOUNT: &str = "account:";

/// How an expression over an identity and a user names what it reads of the user.
pub(crate) const OF_USER: &str = "user:";

/// A compiled expression. Cheap to clone.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    root: Node,
    attributes: Vec<String>,
    /// Dimensions by attribute, where `within` is worked out by climbing.
    climbing: Option<hierarchy::Climbing>,
}

/// Why a text is no expression, and where. Line and column count from 1; the column counts characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}{}", expectation(.expected))]
pub struct ExpressionError {
    pub message: String,
    pub line: usize,
    pub column: usize,
    /// What would have been right, where that is known.
    pub expected: Option<String>,
}

impl Expression {
    /// Reads an expression over `identity`.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_with(text, &["identity"])
    }

    /// Reads an expression over the named variables; there are `identity`, `attempt`, `account`, and `identity` with
    /// `account` or with `user`, whose values have to be put in ([`Self::of_user`]) before it holds for anybody.
    pub fn parse_with(text: &str, variables: &[&str]) -> Result<Self, ExpressionError> {
        let (root, attributes) = parse::parse(text, variables)?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), root, attributes, climbing: None })))
    }

    /// The value for a subject. `None` where an attribute that it needs is absent; an error says what failed.
    pub fn evaluate(&self, subject: &Subject<'_>) -> Result<Option<Value>, String> {
        let seen = self.seen_by(subject);
        match subject.attempt {
            Some(attempt) => Attempts::new(&self.0.root, &seen).value(attempt),
            None => value_of(&self.0.root, &seen),
        }
    }

    /// Whether the condition holds for a subject. Absent attributes make comparisons false, never an error.
    pub fn holds(&self, subject: &Subject<'_>) -> Result<bool, String> {
        condition_holds(&self.0.root, &self.seen_by(subject))
    }

    /// The attributes of its subject that it reads, sorted, built-in ones included.
    pub fn attributes(&self) -> &[String] {
        &self.0.attributes
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn root(&self) -> &Node {
        &self.0.root
    }

    fn seen_by<'a>(&'a self, subject: &'a Subject<'a>) -> Seen<'a> {
        Seen { names: &self.0.attributes, subject, climbing: self.0.climbing.as_ref() }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

/// What an expression is evaluated for: an identity, looked at in one of its contexts, on a day.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    own: &'a Attributes,
    context: Option<&'a Attributes>,
    built_in: BuiltIn<'a>,
    attempt: Option<i64>,
    /// An account beside the identity.
    account: Option<&'a Attributes>,
}

/// What a subject knows of itself besides its attributes.
#[derive(Clone, Copy, Debug)]
enum BuiltIn<'a> {
    Nothing,
    Row { key: &'a str, manager: Option<&'a str> },
    Identity(&'a Identity, LifecycleState),
}

impl<'a> Subject<'a> {
    /// An identity in one of its contexts, or in none of them. The day decides `identity.lifecycle`.
    pub fn new(identity: &'a Identity, context: Option<&'a Context>, day: Date) -> Self {
        Self {
            own: &identity.attributes,
            context: context.map(|context| &context.attributes),
            built_in: BuiltIn::Identity(identity, identity.lifecycle(day)),
            attempt: None,
            account: None,
        }
    }

    /// A feed's row that is no identity yet: of the built-in attributes it has the key and the manager's key.
    pub fn of_row(key: &'a str, attributes: &'a Attributes, manager: Option<&'a str>) -> Self {
        Self { own: attributes, context: None, built_in: BuiltIn::Row { key, manager }, attempt: None, account: None }
    }

    /// Attributes alone, as of an account; the built-in attributes are absent.
    pub fn of_attributes(attributes: &'a Attributes) -> Self {
        Self { own: attributes, context: None, built_in: BuiltIn::Nothing, attempt: None, account: None }
    }

    /// The same subject at one attempt at a unique value, counted from 0.
    #[must_use]
    pub fn at_attempt(self, attempt: i64) -> Self {
        Self { attempt: Some(attempt), ..self }
    }

    /// The same subject with an account beside it, for expressions over both.
    #[must_use]
    pub fn with_account(self, account: &'a Attributes) -> Self {
        Self { account: Some(account), ..self }
    }

    /// The value of one attribute as expressions see it.
    pub fn value(&self, attribute: &str) -> Option<Value> {
        self.cell(attribute).into_value().ok().flatten()
    }

    pub(crate) fn cell(&self, attribute: &str) -> Cell<'a> {
        if let (Some(account), Some(name)) = (self.account, attribute.strip_prefix(OF_ACCOUNT)) {
            return account.get(name).map_or(Cell::Absent, Cell::from);
        }
        match (self.built_in, attribute) {
            (BuiltIn::Row { key, .. }, "key") => return Cell::from(key),
            (BuiltIn::Row { manager, .. }, "manager") => return manager.map_or(Cell::Absent, Cell::from),
            (BuiltIn::Identity(identity, _), "key") => return Cell::from(identity.key.as_str()),
            (BuiltIn::Identity(identity, _), "source") => return Cell::from(identity.source.as_str()),
            (BuiltIn::Identity(identity, _), "display_name") => return Cell::from(identity.display_name.as_str()),
            (BuiltIn::Identity(_, lifecycle), "lifecycle") => return Cell::from(lifecycle.name()),
            (BuiltIn::Identity(identity, _), "manager") => {
                return identity.manager_key.as_deref().map_or(Cell::Absent, Cell::from);
            }
            _ => {}
        }
        let value = self.context.and_then(|context| context.get(attribute)).or_else(|| self.own.get(attribute));
        value.map_or(Cell::Absent, Cell::from)
    }
}

/// The value of a node as an attribute's.
pub(crate) fn value_of<'a>(node: &'a Node, lookup: &impl Lookup<'a>) -> Result<Option<Value>, String> {
    cell_of(node, lookup)?.into_value()
}

/// A subject through the eyes of one expression, whose nodes name attributes by position.
struct Seen<'a> {
    names: &'a [String],
    subject: &'a Subject<'a>,
    climbing: Option<&'a hierarchy::Climbing>,
}

impl<'a> Lookup<'a> for Seen<'a> {
    fn attribute(&self, index: usize) -> Cell<'a> {
        self.names.get(index).map_or(Cell::Absent, |name| self.subject.cell(name))
    }

    fn is_within(&self, index: usize, value: &Constant) -> Result<bool, String> {
        let (Some(climbing), Some(name)) = (self.climbing, self.names.get(index)) else {
            return Err("`within` has to be given the dimensions first".to_owned());
        };
        Ok(hierarchy::climb(climbing, name, &self.attribute(index), value))
    }
}

fn expectation(expected: &Option<String>) -> String {
    expected.as_ref().map_or_else(String::new, |expected| format!("; expected {expected}"))
}
