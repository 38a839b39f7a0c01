//! Evaluates nodes. Total and bounded: every outcome is a value, "absent", or a message.

use std::borrow::Cow;
use std::cmp::Ordering;

use model::value::Value;

use super::functions;
use super::node::{Arithmetic, Comparison, Comprehension, ComprehensionKind, Constant, Node};

/// Nodes that one evaluation may visit.
const MOST_STEPS: u32 = 20_000;
/// Longest text that an evaluation may make, in bytes.
const LONGEST: usize = 64 * 1024;
/// Longest list that an evaluation may make.
const MOST_MEMBERS: usize = 4_096;

/// A value while it is looked at; borrowed from the subject or the expression where it can be.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    Absent,
    Null,
    Boolean(bool),
    Integer(i64),
    Fraction(f64),
    Text(Cow<'a, str>),
    /// An attribute's list, as it is.
    Texts(&'a [String]),
    List(Vec<Cell<'a>>),
    Map(Vec<(Cell<'a>, Cell<'a>)>),
}

/// Where attributes come from while an expression is evaluated.
pub(crate) trait Lookup<'a> {
    /// The attribute at that position of the expression's own list.
    fn attribute(&self, index: usize) -> Cell<'a>;

    /// Whether the attribute has a value of its dimension, or a part of it. Elsewhere that is written out before.
    fn is_within(&self, _index: usize, value: &Constant) -> Result<bool, String> {
        Err(format!("nothing is known here of what is within {value:?}"))
    }
}

/// The value of an expression.
pub(crate) fn evaluate<'a>(node: &'a Node, lookup: &impl Lookup<'a>) -> Result<Cell<'a>, String> {
    Run::new(lookup).cell(node)
}

/// The truth of an expression; absent is false.
pub(crate) fn holds<'a>(node: &'a Node, lookup: &impl Lookup<'a>) -> Result<bool, String> {
    Run::new(lookup).truth(node)
}

/// Evaluates one expression at several attempts; what does not depend on the attempt only once.
pub(crate) struct Attempts<'l, 'a, L> {
    node: &'a Node,
    run: Run<'l, 'a, L>,
}

impl<'l, 'a, L: Lookup<'a>> Attempts<'l, 'a, L> {
    pub(crate) fn new(node: &'a Node, lookup: &'l L) -> Self {
        Self { node, run: Run::new(lookup) }
    }

    /// The value at one attempt, counted from 0.
    pub(crate) fn value(&mut self, attempt: i64) -> Result<Option<Value>, String> {
        self.run.attempt = Some(attempt);
        self.run.steps = 0;
        self.run.cell(self.node)?.into_value()
    }
}

struct Run<'l, 'a, L> {
    lookup: &'l L,
    attempt: Option<i64>,
    /// Values of the parts that are the same at every attempt.
    kept: Vec<Option<Cell<'a>>>,
    /// Variables of the comprehensions around, outermost first.
    bound: Vec<Cell<'a>>,
    steps: u32,
}

type Outcome<'a> = Result<Cell<'a>, String>;

impl<'l, 'a, L: Lookup<'a>> Run<'l, 'a, L> {
    fn new(lookup: &'l L) -> Self {
        Self { lookup, attempt: None, kept: Vec::new(), bound: Vec::new(), steps: 0 }
    }

    fn cell(&mut self, node: &'a Node) -> Outcome<'a> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(format!("the expression was stopped after {MOST_STEPS} steps; make its lists shorter"));
        }
        match node {
            Node::Constant(constant) => Ok(Cell::from(constant)),
            Node::Attribute(index) => Ok(self.lookup.attribute(*index)),
            Node::Has(index) => Ok(Cell::Boolean(!matches!(self.lookup.attribute(*index), Cell::Absent))),
            Node::Absent => Ok(Cell::Absent),
            Node::Attempt => Ok(self.attempt.map_or(Cell::Absent, Cell::Integer)),
            Node::Kept(number, inner) => self.kept(*number, inner),
            Node::Variable(index) => Ok(self.bound.get(*index).cloned().unwrap_or(Cell::Absent)),
            Node::List(members) => {
                let mut cells = Vec::with_capacity(members.len());
                for member in members {
                    match self.cell(member)? {
                        Cell::Absent => return Ok(Cell::Absent),
                        cell => cells.push(cell),
                    }
                }
                Ok(Cell::List(cells))
            }
            Node::Map(entries) => {
                let mut cells = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    match (self.cell(key)?, self.cell(value)?) {
                        (Cell::Absent, _) | (_, Cell::Absent) => return Ok(Cell::Absent),
                        cells_of_entry => cells.push(cells_of_entry),
                    }
                }
                Ok(Cell::Map(cells))
            }
            Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Compare(..)
            | Node::In(_)
            | Node::Matches(..)
            | Node::Within(_) => self.truth(node).map(Cell::Boolean),
            Node::Negate(inner) => match self.cell(inner)? {
                Cell::Absent => Ok(Cell::Absent),
                Cell::Integer(value) => value.checked_neg().map(Cell::Integer).ok_or_else(overflow),
                Cell::Fraction(value) => Ok(Cell::Fraction(-value)),
                other => Err(format!("{} has no negative", other.kind())),
            },
            Node::Conditional(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.truth(condition)? { then } else { otherwise };
                self.cell(chosen)
            }
            Node::Arithmetic(operator, operands) => {
                let [left, right] = &**operands;
                let (left, right) = (self.cell(left)?, self.cell(right)?);
                arithmetic(*operator, left, right)
            }
            Node::Index(operands) => {
                let [object, index] = &**operands;
                self.index(object, index)
            }
            Node::Call(function, arguments) => {
                let mut cells = [Cell::Absent, Cell::Absent, Cell::Absent];
                for (slot, argument) in cells.iter_mut().zip(arguments) {
                    *slot = self.cell(argument)?;
                    if matches!(slot, Cell::Absent) {
                        return Ok(Cell::Absent);
                    }
                }
                functions::call(*function, cells).and_then(bounded)
            }
            Node::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn kept(&mut self, number: usize, inner: &'a Node) -> Outcome<'a> {
        if let Some(Some(cell)) = self.kept.get(number) {
            return Ok(cell.clone());
        }
        let cell = self.cell(inner)?;
        if self.kept.len() <= number {
            self.kept.resize_with(number + 1, || None);
        }
        if let Some(place) = self.kept.get_mut(number) {
            *place = Some(cell.clone());
        }
        Ok(cell)
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, String> {
        match node {
            Node::Not(inner) => self.truth(inner).map(|truth| !truth),
            // As in CEL, the order of the parts does not matter: one that decides outweighs one that fails.
            Node::And(parts) => self.decided_by(parts, false),
            Node::Or(parts) => self.decided_by(parts, true),
            Node::Compare(comparison, operands) => {
                let [left, right] = &**operands;
                let (left, right) = (self.cell(left)?, self.cell(right)?);
                compare(*comparison, &left, &right)
            }
            Node::In(operands) => {
                let [member, list] = &**operands;
                self.contains(member, list)
            }
            Node::Within(within) => self.lookup.is_within(within.attribute, &within.value),
            Node::Matches(subject, pattern) => match self.cell(subject)? {
                Cell::Absent => Ok(false),
                Cell::Text(text) => Ok(pattern.is_match(&text)),
                other => Err(format!("`matches` looks at a text, not at {}", other.kind())),
            },
            _ => match self.cell(node)? {
                Cell::Boolean(truth) => Ok(truth),
                Cell::Absent => Ok(false),
                other => Err(format!("{} is neither true nor false", other.kind())),
            },
        }
    }

    fn decided_by(&mut self, parts: &'a [Node], decisive: bool) -> Result<bool, String> {
        let mut failure = None;
        for part in parts {
            match self.truth(part) {
                Ok(truth) if truth == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(message) => failure = failure.or(Some(message)),
            }
        }
        failure.map_or(Ok(!decisive), Err)
    }

    fn contains(&mut self, member: &'a Node, list: &'a Node) -> Result<bool, String> {
        let member = self.cell(member)?;
        if let Node::List(members) = list {
            let mut found = false;
            for other in members {
                found |= equal(&member, &self.cell(other)?);
            }
            return Ok(found);
        }
        match self.cell(list)? {
            Cell::Absent => Ok(false),
            Cell::Texts(texts) => Ok(matches!(&member, Cell::Text(text) if texts.iter().any(|other| other == text))),
            Cell::List(cells) => Ok(cells.iter().any(|other| equal(&member, other))),
            Cell::Map(entries) => Ok(entries.iter().any(|(key, _)| equal(&member, key))),
            other => Err(format!("`in` looks into a list or a map, not into {}", other.kind())),
        }
    }

    fn index(&mut self, object: &'a Node, index: &'a Node) -> Outcome<'a> {
        let key = self.cell(index)?;
        if matches!(key, Cell::Absent) {
            return Ok(Cell::Absent);
        }
        // A table written in the expression: only the value that is asked for is made.
        if let Node::Map(entries) = object {
            for (other, value) in entries {
                if equal(&key, &self.cell(other)?) {
                    return self.cell(value);
                }
            }
            return Err(format!("the table has no entry for {}", key.shown()));
        }
        match (self.cell(object)?, key) {
            (Cell::Absent, _) => Ok(Cell::Absent),
            (Cell::Map(entries), key) => match entries.into_iter().find(|(other, _)| equal(&key, other)) {
                Some((_, value)) => Ok(value),
                None => Err(format!("the table has no entry for {}", key.shown())),
            },
            (Cell::Texts(texts), Cell::Integer(at)) => match usize::try_from(at).ok().and_then(|at| texts.get(at)) {
                Some(text) => Ok(Cell::from(text.as_str())),
                None => Err(format!("the list has no member {at}; it has {}", texts.len())),
            },
            (Cell::List(cells), Cell::Integer(at)) => {
                let count = cells.len();
                let found = usize::try_from(at).ok().and_then(|at| cells.into_iter().nth(at));
                found.ok_or_else(|| format!("the list has no member {at}; it has {count}"))
            }
            (object, key) => Err(format!("{} cannot be looked up in {}", key.kind(), object.kind())),
        }
    }

    fn comprehension(&mut self, comprehension: &'a Comprehension) -> Outcome<'a> {
        let members = match self.cell(&comprehension.range)? {
            Cell::Absent => return Ok(Cell::Absent),
            Cell::Texts(texts) => texts.iter().map(|text| Cell::from(text.as_str())).collect(),
            Cell::List(cells) => cells,
            Cell::Map(entries) => entries.into_iter().map(|(key, _)| key).collect(),
            other => return Err(format!("{} is no list to go through", other.kind())),
        };
        let mut made = Vec::new();
        let mut count = 0_usize;
        let mut failure = None;
        for member in members {
            self.bound.push(member);
            let outcome = self.member(comprehension);
            let member = self.bound.pop().unwrap_or(Cell::Absent);
            match (comprehension.kind, outcome) {
                (ComprehensionKind::All, Ok(Cell::Boolean(false))) => return Ok(Cell::Boolean(false)),
                (ComprehensionKind::Exists, Ok(Cell::Boolean(true))) => return Ok(Cell::Boolean(true)),
                (ComprehensionKind::ExistsOne, Ok(Cell::Boolean(true))) => count += 1,
                (ComprehensionKind::Filter, Ok(Cell::Boolean(true))) => made.push(member),
                (ComprehensionKind::Map, Ok(Cell::Absent)) => {}
                (ComprehensionKind::Map, Ok(cell)) => made.push(cell),
                (ComprehensionKind::All | ComprehensionKind::Exists, Err(message)) => {
                    failure = failure.or(Some(message));
                }
                (_, Err(message)) => return Err(message),
                (_, Ok(_)) => {}
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        Ok(match comprehension.kind {
            ComprehensionKind::All => Cell::Boolean(true),
            ComprehensionKind::Exists => Cell::Boolean(false),
            ComprehensionKind::ExistsOne => Cell::Boolean(count == 1),
            ComprehensionKind::Map | ComprehensionKind::Filter => return bounded(Cell::List(made)),
        })
    }

    /// What the body makes of the bound member: a truth value, or for `map` any value, absent where filtered out.
    fn member(&mut self, comprehension: &'a Comprehension) -> Outcome<'a> {
        if comprehension.kind != ComprehensionKind::Map {
            return self.truth(&comprehension.body).map(Cell::Boolean);
        }
        match &comprehension.filter {
            Some(filter) if !self.truth(filter)? => Ok(Cell::Absent),
            _ => self.cell(&comprehension.body),
        }
    }
}

impl<'a> Cell<'a> {
    /// As an attribute's value; absent and null are none.
    pub(crate) fn into_value(self) -> Result<Option<Value>, String> {
        Ok(Some(match self {
            Self::Absent | Self::Null => return Ok(None),
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Text(text) => Value::Text(text.into_owned()),
            Self::Texts(texts) => Value::List(texts.to_vec()),
            Self::List(cells) => Value::List(
                cells
                    .into_iter()
                    .map(|cell| match cell {
                        Self::Text(text) => Ok(text.into_owned()),
                        Self::Integer(value) => Ok(value.to_string()),
                        other => {
                            Err(format!("a list of texts was expected, and one of its members is {}", other.kind()))
                        }
                    })
                    .collect::<Result<_, _>>()?,
            ),
            Self::Fraction(value) => {
                return Err(format!(
                    "the result {value} is a fraction, which no attribute can hold; use int() or string()"
                ));
            }
            Self::Map(_) => return Err("the result is a table, which no attribute can hold".into()),
        }))
    }

    /// The kind of value, as a noun with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Absent => "an absent value",
            Self::Null => "null",
            Self::Boolean(_) => "a truth value",
            Self::Integer(_) => "a number",
            Self::Fraction(_) => "a fraction",
            Self::Text(_) => "a text",
            Self::Texts(_) | Self::List(_) => "a list",
            Self::Map(_) => "a table",
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("\"{text}\""),
            Self::Integer(value) => value.to_string(),
            Self::Boolean(value) => value.to_string(),
            other => other.kind().to_owned(),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Boolean(value) => Self::Boolean(*value),
            Value::Integer(value) => Self::Integer(*value),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::List(texts) => Self::Texts(texts),
        }
    }
}

impl<'a> From<&'a Constant> for Cell<'a> {
    fn from(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Boolean(value) => Self::Boolean(*value),
            Constant::Integer(value) => Self::Integer(*value),
            Constant::Fraction(value) => Self::Fraction(*value),
            Constant::Text(text) => Self::Text(Cow::Borrowed(text)),
        }
    }
}

fn bounded(cell: Cell<'_>) -> Outcome<'_> {
    match &cell {
        Cell::Text(text) if text.len() > LONGEST => Err(format!("the text grew beyond {LONGEST} bytes")),
        Cell::List(cells) if cells.len() > MOST_MEMBERS => Err(format!("the list grew beyond {MOST_MEMBERS} members")),
        _ => Ok(cell),
    }
}

fn overflow() -> String {
    "the number is too large".to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "CEL compares whole numbers with fractions numerically")]
fn compare(comparison: Comparison, left: &Cell<'_>, right: &Cell<'_>) -> Result<bool, String> {
    if matches!(left, Cell::Absent) || matches!(right, Cell::Absent) {
        return Ok(false);
    }
    match comparison {
        Comparison::Equal => return Ok(equal(left, right)),
        Comparison::NotEqual => return Ok(!equal(left, right)),
        _ => {}
    }
    let order = match (left, right) {
        (Cell::Text(left), Cell::Text(right)) => Some(left.cmp(right)),
        (Cell::Integer(left), Cell::Integer(right)) => Some(left.cmp(right)),
        (Cell::Boolean(left), Cell::Boolean(right)) => Some(left.cmp(right)),
        (Cell::Fraction(left), Cell::Fraction(right)) => left.partial_cmp(right),
        (Cell::Integer(left), Cell::Fraction(right)) => (*left as f64).partial_cmp(right),
        (Cell::Fraction(left), Cell::Integer(right)) => left.partial_cmp(&(*right as f64)),
        _ => return Err(format!("{} cannot be compared with {}", left.kind(), right.kind())),
    };
    Ok(order.is_some_and(|order| match comparison {
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }))
}

/// Values of different kinds are different, but for numbers. Absent equals nothing.
#[expect(clippy::cast_precision_loss, reason = "CEL compares whole numbers with fractions numerically")]
fn equal(left: &Cell<'_>, right: &Cell<'_>) -> bool {
    match (left, right) {
        (Cell::Null, Cell::Null) => true,
        (Cell::Boolean(left), Cell::Boolean(right)) => left == right,
        (Cell::Integer(left), Cell::Integer(right)) => left == right,
        (Cell::Fraction(left), Cell::Fraction(right)) => left == right,
        (Cell::Integer(whole), Cell::Fraction(other)) | (Cell::Fraction(other), Cell::Integer(whole)) => {
            *whole as f64 == *other
        }
        (Cell::Text(left), Cell::Text(right)) => left == right,
        (Cell::Texts(left), Cell::Texts(right)) => left == right,
        (Cell::List(left), Cell::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Cell::Texts(texts), Cell::List(cells)) | (Cell::List(cells), Cell::Texts(texts)) => {
            texts.len() == cells.len()
                && texts.iter().zip(cells).all(|(text, cell)| matches!(cell, Cell::Text(other) if other == text))
        }
        (Cell::Map(left), Cell::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| {
                    right.iter().any(|(other_key, other)| equal(key, other_key) && equal(value, other))
                })
        }
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "arithmetic of whole numbers with fractions gives fractions")]
fn arithmetic<'a>(operator: Arithmetic, left: Cell<'a>, right: Cell<'a>) -> Outcome<'a> {
    match (operator, left, right) {
        (_, Cell::Absent, _) | (_, _, Cell::Absent) => Ok(Cell::Absent),
        (Arithmetic::Add, Cell::Text(left), Cell::Text(right)) => {
            let text = match left {
                Cow::Owned(mut text) => {
                    text.push_str(&right);
                    text
                }
                Cow::Borrowed(text) => [text, &*right].concat(),
            };
            bounded(Cell::Text(Cow::Owned(text)))
        }
        (Arithmetic::Add, left @ (Cell::List(_) | Cell::Texts(_)), right @ (Cell::List(_) | Cell::Texts(_))) => {
            bounded(Cell::List(members(left).chain(members(right)).collect()))
        }
        (operator, Cell::Integer(left), Cell::Integer(right)) => match operator {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide | Arithmetic::Remainder if right == 0 => return Err("division by zero".into()),
            Arithmetic::Divide => left.checked_div(right),
            Arithmetic::Remainder => left.checked_rem(right),
        }
        .map(Cell::Integer)
        .ok_or_else(overflow),
        (operator, Cell::Fraction(left), Cell::Fraction(right)) => fractions(operator, left, right),
        (operator, Cell::Fraction(left), Cell::Integer(right)) => fractions(operator, left, right as f64),
        (operator, Cell::Integer(left), Cell::Fraction(right)) => fractions(operator, left as f64, right),
        (operator, left, right) => {
            let sign = match operator {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
                Arithmetic::Divide => "/",
                Arithmetic::Remainder => "%",
            };
            let hint = if operator == Arithmetic::Add { "; string() turns a number into a text" } else { "" };
            Err(format!("`{sign}` does not go with {} and {}{hint}", left.kind(), right.kind()))
        }
    }
}

fn fractions<'a>(operator: Arithmetic, left: f64, right: f64) -> Outcome<'a> {
    Ok(Cell::Fraction(match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => return Err("`%` goes with whole numbers".into()),
    }))
}

fn members<'a>(list: Cell<'a>) -> impl Iterator<Item = Cell<'a>> {
    let (texts, cells): (&[String], _) = match list {
        Cell::Texts(texts) => (texts, Vec::new()),
        Cell::List(cells) => (&[], cells),
        _ => (&[], Vec::new()),
    };
    texts.iter().map(|text| Cell::from(text.as_str())).chain(cells)
}
