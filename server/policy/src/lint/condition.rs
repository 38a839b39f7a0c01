//! A condition as alternatives of sets of values, so that it can be seen without looking at anybody whether it
//! contradicts itself, and whether one condition holds wherever another does.
//!
//! What compares one attribute with constants becomes a set, in both senses; everything else stays a part that is only
//! evaluated where the attributes that it reads have few values left, and otherwise equals only the same part.

use std::collections::BTreeMap;

use model::configuration::AssignmentRule;
use model::identity::LifecycleState;
use model::value::Value;

use super::domain::Allowed;
use crate::expression::{Cell, Comparison, Constant, Expression, Lookup, Node, condition_holds};

/// Alternatives of one condition; what would be more stays together as one part.
const MOST_ALTERNATIVES: usize = 64;
/// Combinations of values that are tried with a part.
const MOST_TRIED: usize = 256;

/// A condition that holds where one of the alternatives does.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) alternatives: Vec<Alternative>,
    /// Why those that are not among them cannot be: which attribute would have to be two things at once.
    pub(super) conflicts: Vec<Conflict>,
}

/// Holds where every attribute is in its set and every part is as wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Alternative {
    pub(super) attributes: BTreeMap<String, Allowed>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(super) enum Conflict {
    /// What two places ask of one attribute.
    Values(Box<Opposed>),
    /// A part that no value left can satisfy.
    Part { reads: Vec<String> },
    /// A part that says no without looking at anybody.
    Constant,
}

/// Two sets with nothing in common.
#[derive(Clone, Debug)]
pub(super) struct Opposed {
    pub(super) attribute: String,
    pub(super) sets: [Allowed; 2],
}

#[derive(Clone, Debug)]
struct Part {
    node: Node,
    wanted: bool,
    names: Vec<String>,
    reads: Vec<String>,
    /// The node with its attributes by name: equal for equal parts of different expressions.
    text: String,
}

/// What is known of attributes in any case.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(BTreeMap<String, Allowed>);

impl Known {
    /// For a rule: it only ever looks at people in contexts that hold, or will or did within its days.
    pub(super) fn of(rule: &AssignmentRule) -> Self {
        let mut states = vec![LifecycleState::Active];
        if rule.days_after > 0 {
            states.push(LifecycleState::Leaver);
        }
        if rule.days_before > 0 || rule.days_after > 0 {
            states.push(LifecycleState::Joiner);
        }
        let states = states.into_iter().map(|state| Value::from(state.name()));
        let mut known = BTreeMap::from([("lifecycle".to_owned(), Allowed::one_of(states))]);
        known.extend(["key", "source", "display_name"].map(|name| (name.to_owned(), Allowed::text())));
        known.insert("manager".to_owned(), Allowed::text().or_absent());
        Self(known)
    }

    pub(super) fn get(&self, attribute: &str) -> Allowed {
        self.0.get(attribute).cloned().unwrap_or_else(Allowed::anything)
    }
}

impl Conflict {
    fn opposed(attribute: &str, one: Allowed, other: Allowed) -> Self {
        Self::Values(Box::new(Opposed { attribute: attribute.to_owned(), sets: [one, other] }))
    }
}

impl Condition {
    pub(super) fn new(expression: &Expression, known: &Known) -> Self {
        let names = expression.attributes();
        let mut condition = Self::of(expression.root(), true, names, known);
        let alternatives = std::mem::take(&mut condition.alternatives);
        for mut alternative in alternatives {
            match alternative.refine(known) {
                Some(conflict) => condition.conflicts.push(conflict),
                None => condition.alternatives.push(alternative),
            }
        }
        condition
    }

    fn of(node: &Node, wanted: bool, names: &[String], known: &Known) -> Self {
        match (node, wanted) {
            (Node::Not(inner), _) => Self::of(inner, !wanted, names, known),
            (Node::And(parts), true) | (Node::Or(parts), false) => {
                let mut product = Self { alternatives: vec![Alternative::default()], conflicts: Vec::new() };
                for part in parts {
                    let part = Self::of(part, wanted, names, known);
                    if product.alternatives.len() * part.alternatives.len() > MOST_ALTERNATIVES {
                        return Self::part(node, wanted, names);
                    }
                    let conflicts = std::mem::take(&mut product.conflicts);
                    product = product.and(&part);
                    product.conflicts.extend(conflicts);
                    product.conflicts.extend(part.conflicts);
                }
                product
            }
            (Node::Or(parts), true) | (Node::And(parts), false) => {
                let mut sum = Self::default();
                for part in parts {
                    let part = Self::of(part, wanted, names, known);
                    sum.alternatives.extend(part.alternatives);
                    sum.conflicts.extend(part.conflicts);
                }
                if sum.alternatives.len() > MOST_ALTERNATIVES { Self::part(node, wanted, names) } else { sum }
            }
            _ => Self::leaf(node, wanted, names, known),
        }
    }

    fn and(&self, other: &Self) -> Self {
        let mut made = Self::default();
        for one in &self.alternatives {
            for two in &other.alternatives {
                match one.and(two) {
                    Ok(both) => made.alternatives.push(both),
                    Err(conflict) => made.conflicts.push(conflict),
                }
            }
        }
        made
    }

    fn leaf(node: &Node, wanted: bool, names: &[String], known: &Known) -> Self {
        if let Some((index, allowed)) = allowed(node, wanted)
            && let Some(attribute) = names.get(index)
        {
            let usual = known.get(attribute);
            let both = allowed.and(&usual);
            if both.is_empty() {
                let conflict = match allowed.is_empty() {
                    true => Conflict::Constant,
                    false => Conflict::opposed(attribute, allowed, usual),
                };
                return Self { alternatives: Vec::new(), conflicts: vec![conflict] };
            }
            let attributes = [(attribute.clone(), both)].into();
            let alternative = Alternative { attributes, parts: Vec::new() };
            return Self { alternatives: vec![alternative], conflicts: Vec::new() };
        }
        let part = Part::new(node, wanted, names);
        if part.reads.is_empty() {
            let conflicts = if part.holds(&BTreeMap::new()) { Vec::new() } else { vec![Conflict::Constant] };
            let alternatives = if conflicts.is_empty() { vec![Alternative::default()] } else { Vec::new() };
            return Self { alternatives, conflicts };
        }
        Self::part(node, wanted, names)
    }

    fn part(node: &Node, wanted: bool, names: &[String]) -> Self {
        let parts = vec![Part::new(node, wanted, names)];
        let alternatives = vec![Alternative { attributes: BTreeMap::new(), parts }];
        Self { alternatives, conflicts: Vec::new() }
    }

    /// Whether the other holds wherever this one does. May say no where it is so.
    pub(super) fn implies(&self, other: &Self, known: &Known) -> bool {
        let mut alternatives = self.alternatives.iter();
        alternatives.all(|own| other.alternatives.iter().any(|wider| own.implies(wider, known)))
    }
}

impl Alternative {
    fn and(&self, other: &Self) -> Result<Self, Conflict> {
        let mut both = self.clone();
        for (attribute, allowed) in &other.attributes {
            let common = match both.attributes.get(attribute) {
                Some(own) => {
                    let common = own.and(allowed);
                    if common.is_empty() {
                        return Err(Conflict::opposed(attribute, own.clone(), allowed.clone()));
                    }
                    common
                }
                None => allowed.clone(),
            };
            both.attributes.insert(attribute.clone(), common);
        }
        both.parts.extend(other.parts.iter().cloned());
        Ok(both)
    }

    /// Takes away values with which some part cannot be as wanted; what contradicts itself then.
    fn refine(&mut self, known: &Known) -> Option<Conflict> {
        for part in self.parts.clone() {
            let Some(choices) = self.choices(&part.reads, known) else { continue };
            let passing: Vec<BTreeMap<String, Option<Value>>> =
                choices.into_iter().filter(|choice| part.holds(choice)).collect();
            if passing.is_empty() {
                return Some(Conflict::Part { reads: part.reads });
            }
            for name in &part.reads {
                let mut allowed = self.attributes.get(name).cloned().unwrap_or_else(|| known.get(name));
                allowed.retain(|value| {
                    passing.iter().any(|choice| choice.get(name).is_some_and(|own| own.as_ref() == value))
                });
                self.attributes.insert(name.clone(), allowed);
            }
        }
        None
    }

    /// All combinations of values that these attributes may have, where they are few.
    fn choices(&self, reads: &[String], known: &Known) -> Option<Vec<BTreeMap<String, Option<Value>>>> {
        let mut choices = vec![BTreeMap::new()];
        for name in reads {
            let allowed = self.attributes.get(name).cloned().unwrap_or_else(|| known.get(name));
            let members = allowed.members()?;
            if choices.len() * members.len() > MOST_TRIED {
                return None;
            }
            let with = |choice: &BTreeMap<String, Option<Value>>| {
                let choice = choice.clone();
                let each = members.iter().map(move |value| {
                    let mut choice = choice.clone();
                    choice.insert(name.clone(), value.clone());
                    choice
                });
                each.collect::<Vec<_>>()
            };
            choices = choices.iter().flat_map(with).collect();
        }
        Some(choices)
    }

    fn implies(&self, wider: &Self, known: &Known) -> bool {
        let within = |(name, theirs): (&String, &Allowed)| {
            self.attributes.get(name).cloned().unwrap_or_else(|| known.get(name)).is_within(theirs)
        };
        let follows = |part: &Part| {
            let is_here = self.parts.iter().any(|own| own.wanted == part.wanted && own.text == part.text);
            let always = || {
                let choices = self.choices(&part.reads, known);
                choices.is_some_and(|choices| choices.iter().all(|choice| part.holds(choice)))
            };
            is_here || always()
        };
        wider.attributes.iter().all(within) && wider.parts.iter().all(follows)
    }

    /// Values that this alternative's parts mention, which are worth trying.
    pub(super) fn mentioned(&self) -> Vec<Value> {
        let mut found = Vec::new();
        self.parts.iter().for_each(|part| mentioned(&part.node, &mut found));
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Part {
    fn new(node: &Node, wanted: bool, names: &[String]) -> Self {
        let reads = (0..names.len())
            .filter(|index| node.any(&|node| matches!(node, Node::Attribute(read) | Node::Has(read) if read == index)));
        let reads: Vec<String> = reads.filter_map(|index| names.get(index).cloned()).collect();
        let text = by_name(&format!("{node:?}"), names);
        Self { node: node.clone(), wanted, names: names.to_vec(), reads, text }
    }

    fn holds(&self, values: &BTreeMap<String, Option<Value>>) -> bool {
        condition_holds(&self.node, &Chosen { names: &self.names, values }) == Ok(self.wanted)
    }
}

struct Chosen<'a> {
    names: &'a [String],
    values: &'a BTreeMap<String, Option<Value>>,
}

impl<'a> Lookup<'a> for Chosen<'a> {
    fn attribute(&self, index: usize) -> Cell<'a> {
        let value = self.names.get(index).and_then(|name| self.values.get(name)?.as_ref());
        value.map_or(Cell::Absent, Cell::from)
    }
}

/// A node's text with the names of attributes in the place of their positions.
fn by_name(text: &str, names: &[String]) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = ["Attribute(", "Has("].iter().filter_map(|word| Some(rest.find(word)? + word.len())).min() {
        made.push_str(&rest[..found]);
        rest = &rest[found..];
        let end = rest.find(')').unwrap_or(rest.len());
        match rest[..end].parse::<usize>().ok().and_then(|index| names.get(index)) {
            Some(name) => made.push_str(&format!("{name:?}")),
            None => made.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    made + rest
}

/// The values of one attribute for which a node is true, or false where that is wanted: exactly those.
fn allowed(node: &Node, wanted: bool) -> Option<(usize, Allowed)> {
    match node {
        Node::Attribute(index) if wanted => Some((*index, Allowed::one_of([Value::Boolean(true)]))),
        Node::Attribute(index) => Some((*index, Allowed::one_of([Value::Boolean(false)]).or_absent())),
        Node::Has(index) => Some((*index, if wanted { Allowed::present() } else { Allowed::absent() })),
        Node::Compare(comparison, operands) => match &**operands {
            [Node::Attribute(index), Node::Constant(constant)] => {
                Some((*index, compared(*comparison, constant, wanted)?))
            }
            [Node::Constant(constant), Node::Attribute(index)] => {
                Some((*index, compared(turned(*comparison), constant, wanted)?))
            }
            _ => None,
        },
        Node::In(operands) => match &**operands {
            [Node::Attribute(index), Node::List(members)] => {
                let values = members.iter().map(|member| match member {
                    Node::Constant(constant) => value(constant),
                    _ => None,
                });
                let values = values.collect::<Option<Vec<Value>>>()?;
                Some((*index, if wanted { Allowed::one_of(values) } else { Allowed::none_of(values).or_absent() }))
            }
            _ => None,
        },
        _ => None,
    }
}

fn compared(comparison: Comparison, constant: &Constant, wanted: bool) -> Option<Allowed> {
    let is_null = matches!(constant, Constant::Null);
    match (comparison, wanted) {
        (Comparison::Equal, true) if is_null => return Some(Allowed::one_of([])),
        (Comparison::Equal, false) if is_null => return Some(Allowed::anything()),
        (Comparison::NotEqual, true) if is_null => return Some(Allowed::present()),
        (Comparison::NotEqual, false) if is_null => return Some(Allowed::absent()),
        _ => {}
    }
    let constant = value(constant)?;
    Some(match (comparison, wanted) {
        (Comparison::Equal, true) => Allowed::one_of([constant]),
        (Comparison::Equal, false) => Allowed::none_of([constant]).or_absent(),
        (Comparison::NotEqual, true) => Allowed::none_of([constant]),
        (Comparison::NotEqual, false) => Allowed::one_of([constant]).or_absent(),
        (_, true) => Allowed::compared(comparison, &constant),
        (_, false) => Allowed::compared(opposite(comparison), &constant).or_absent(),
    })
}

/// A constant that equals exactly one attribute value. Fractions also equal whole numbers, and null equals none.
fn value(constant: &Constant) -> Option<Value> {
    match constant {
        Constant::Boolean(value) => Some(Value::Boolean(*value)),
        Constant::Integer(value) => Some(Value::Integer(*value)),
        Constant::Text(text) => Some(Value::Text(text.clone())),
        Constant::Null | Constant::Fraction(_) => None,
    }
}

/// The values that a condition asks for by name, with their attributes: what a typing mistake would be in.
pub(super) fn named_values(expression: &Expression) -> Vec<(&str, Value)> {
    let mut found = Vec::new();
    asked_for(expression.root(), true, &mut found);
    let named =
        found.into_iter().filter_map(|(index, value)| Some((expression.attributes().get(index)?.as_str(), value)));
    named.collect()
}

fn asked_for(node: &Node, wanted: bool, found: &mut Vec<(usize, Value)>) {
    match node {
        Node::Not(inner) => asked_for(inner, !wanted, found),
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| asked_for(part, wanted, found)),
        Node::Compare(Comparison::Equal, _) | Node::In(_) if wanted => {
            if let Some((index, allowed)) = allowed(node, true) {
                found.extend(allowed.members().into_iter().flatten().flatten().map(|value| (index, value)));
            }
        }
        _ => {}
    }
}

/// With its sides exchanged.
fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

/// What is so where an order is not.
fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
    }
}

fn mentioned(node: &Node, found: &mut Vec<Value>) {
    let seen = std::cell::RefCell::new(Vec::new());
    let _ = node.any(&|node| {
        if let Node::Constant(constant) = node {
            seen.borrow_mut().extend(value(constant));
        }
        if let Node::Matches(_, pattern) = node {
            seen.borrow_mut().push(Value::from(pattern.as_str().trim_matches(['^', '$'])));
        }
        false
    });
    for value in seen.into_inner() {
        if let Value::Text(text) = &value {
            found.push(Value::List(vec![text.clone()]));
        }
        found.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Known {
        Known::of(&AssignmentRule::default())
    }

    fn condition(text: &str) -> Condition {
        Condition::new(&Expression::parse(text).expect("an expression"), &rule())
    }

    #[test]
    fn what_contradicts_itself_has_no_alternative() {
        for (text, can_be) in [
            ("identity.a == \"x\" && identity.a == \"y\"", false),
            ("identity.a == \"x\" && (identity.a == \"y\" || identity.b)", true),
            ("identity.a == \"x\" && (identity.a == \"y\" || identity.b) && !identity.b", false),
            ("identity.a == \"x\" && !has(identity.a)", false),
            ("identity.a != \"x\" && !has(identity.a)", false),
            ("!(identity.a == \"x\") && !has(identity.a)", true),
            ("identity.a in [\"x\", \"y\"] && !(identity.a in [\"y\", \"x\"])", false),
            ("identity.n > 3 && identity.n < 4", false),
            ("identity.n > 3 && identity.n <= 4", true),
            ("!(identity.n > 3) && identity.n >= 4", false),
            ("3 < identity.n && identity.n < 3", false),
            ("identity.n > 3 && identity.n == \"x\"", false),
            ("identity.a == null", false),
            ("identity.a != null && identity.a == \"x\"", true),
            ("identity.a == \"Sales\" && identity.a.startsWith(\"s\")", false),
            ("identity.a in [\"Sales\", \"sport\"] && identity.a.startsWith(\"s\")", true),
            ("identity.a == \"x\" && identity.b == \"y\" && identity.a == identity.b", false),
            ("lower(identity.lifecycle) == \"active\"", true),
            ("identity.lifecycle == \"retired\"", false),
            ("identity.lifecycle == \"leaver\"", false),
            ("!has(identity.key)", false),
            ("!has(identity.manager)", true),
            ("false || identity.a == \"x\"", true),
            ("1 == 2", false),
        ] {
            assert_eq!(!condition(text).alternatives.is_empty(), can_be, "{text}");
        }
        let after = Known::of(&AssignmentRule { days_after: 3, ..AssignmentRule::default() });
        let leavers = Expression::parse("identity.lifecycle == \"leaver\"").expect("an expression");
        assert!(!Condition::new(&leavers, &after).alternatives.is_empty());
    }

    #[test]
    fn one_implies_another_where_each_of_its_alternatives_does() {
        for (one, other, implies) in [
            ("identity.a == \"x\"", "true", true),
            ("identity.a == \"x\"", "identity.a in [\"x\", \"y\"]", true),
            ("identity.a in [\"x\", \"y\"]", "identity.a == \"x\" || identity.a == \"y\"", false),
            ("identity.a in [\"x\", \"y\"]", "identity.a == \"x\"", false),
            ("identity.a == \"x\" && identity.b == \"y\"", "identity.b == \"y\"", true),
            ("identity.a == \"x\"", "has(identity.a)", true),
            ("identity.a == \"x\"", "identity.a != \"y\"", true),
            ("identity.n > 5", "identity.n >= 3", true),
            ("identity.n >= 3", "identity.n > 5", false),
            ("identity.a.contains(\"q\") && identity.b", "identity.a.contains(\"q\")", true),
            ("identity.a.contains(\"q\")", "identity.b.contains(\"q\")", false),
            ("identity.b && identity.c.contains(\"q\")", "identity.c.contains(\"q\")", true),
            ("identity.a == \"Sales\"", "lower(identity.a) == \"sales\"", true),
            ("identity.a == \"Sales\" || identity.b", "identity.a.startsWith(\"S\") || identity.b", true),
            ("true", "identity.lifecycle == \"active\"", true),
        ] {
            assert_eq!(condition(one).implies(&condition(other), &rule()), implies, "{one} ⇒ {other}");
        }
    }
}
