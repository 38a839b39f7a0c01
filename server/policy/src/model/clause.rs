//! Rules in the form in which a population can be matched against them: alternatives of coded predicates.
//!
//! `identity.a == "v"`, `"v" == identity.a`, `identity.a in ["v", "w"]`, a truth value `identity.a` and alternatives of
//! these over one attribute become predicates: an attribute and the values it may have. What stands between top-level
//! `||` becomes clauses, what stands between `&&` the predicates of a clause. Everything else stays a residual node, evaluated only
//! where the predicates beside it match.

use ::model::value::Value;

use crate::expression::{Comparison, Constant, Node};

use super::Read;

/// One alternative of a rule. It holds where all of its parts do.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) residual: Vec<Node>,
}

/// The attribute has one of the values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Predicate {
    /// Position among the model's attributes.
    pub(crate) attribute: u16,
    /// Sorted.
    pub(crate) values: Vec<Value>,
}

/// The clauses of a condition.
pub(crate) fn clauses(when: &Read) -> Vec<Clause> {
    let root = when.expression.root();
    if let Some(predicate) = predicate(root, &when.attributes) {
        return vec![Clause { predicates: vec![predicate], residual: Vec::new() }];
    }
    match root {
        Node::Or(alternatives) => alternatives.iter().map(|alternative| clause(alternative, when)).collect(),
        _ => vec![clause(root, when)],
    }
}

fn clause(node: &Node, when: &Read) -> Clause {
    let parts = match node {
        Node::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut clause = Clause { predicates: Vec::new(), residual: Vec::new() };
    for part in parts {
        match predicate(part, &when.attributes) {
            Some(predicate) => clause.predicates.push(predicate),
            None => clause.residual.push(part.clone()),
        }
    }
    clause
}

fn predicate(node: &Node, attributes: &[u16]) -> Option<Predicate> {
    let (index, mut values) = match node {
        Node::Attribute(index) => (*index, vec![Value::Boolean(true)]),
        Node::Compare(Comparison::Equal, operands) => match &**operands {
            [Node::Attribute(index), Node::Constant(constant)] | [Node::Constant(constant), Node::Attribute(index)] => {
                (*index, vec![coded(constant)?])
            }
            _ => return None,
        },
        Node::In(operands) => match &**operands {
            [Node::Attribute(index), Node::List(members)] => {
                let values = members.iter().map(|member| match member {
                    Node::Constant(constant) => coded(constant),
                    _ => None,
                });
                (*index, values.collect::<Option<Vec<_>>>()?)
            }
            _ => return None,
        },
        Node::Or(alternatives) => {
            let mut parts = alternatives.iter().map(|alternative| predicate(alternative, attributes));
            let mut joined = parts.next()??;
            for part in parts {
                let part = part?;
                if part.attribute != joined.attribute {
                    return None;
                }
                joined.values.extend(part.values);
            }
            joined.values.sort_unstable();
            joined.values.dedup();
            return Some(joined);
        }
        _ => return None,
    };
    values.sort_unstable();
    values.dedup();
    Some(Predicate { attribute: *attributes.get(index)?, values })
}

/// A constant that equals exactly one attribute value. Fractions also equal whole numbers, so they stay with CEL.
fn coded(constant: &Constant) -> Option<Value> {
    match constant {
        Constant::Boolean(value) => Some(Value::Boolean(*value)),
        Constant::Integer(value) => Some(Value::Integer(*value)),
        Constant::Text(text) => Some(Value::Text(text.clone())),
        Constant::Null | Constant::Fraction(_) => None,
    }
}
