//! `within(identity.department, "D100")`: a value of a dimension, or one that is a part of it.
//!
//! Whoever evaluates for many people writes the values out when the configuration is compiled, so that it costs what `in`
//! costs and rules hang on it as on any other value. Whoever wants to be obviously right climbs from what somebody has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::configuration::{ColumnType, Configuration, Dimension};
use model::value::Value;

use super::evaluate::Cell;
use super::functions::nearest;
use super::node::{Constant, Node};
use super::{Compiled, Expression, ExpressionError};

/// `within`, as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Within {
    /// Position in the expression's list of attributes.
    pub(crate) attribute: usize,
    pub(crate) value: Constant,
    /// Line and column of the value, both from 1.
    pub(super) place: (usize, usize),
}

/// Dimensions by the attributes that they are about.
pub(super) type Climbing = BTreeMap<String, Dimension>;

impl Expression {
    /// The same expression with every `within` written out as the values that are meant.
    ///
    /// # Errors
    /// Where an attribute is no dimension's, or a value none of its values.
    pub fn expanded(&self, configuration: &Configuration) -> Result<Self, ExpressionError> {
        if !self.0.root.any(&|node| matches!(node, Node::Within(_))) {
            return Ok(self.clone());
        }
        let mut problem = None;
        let root = self.0.root.clone().replaced(&mut |node| match node {
            Node::Within(within) => match self.values(&within, configuration) {
                Ok(values) => {
                    let members = values.into_iter().map(Node::Constant).collect();
                    Node::In(Box::new([Node::Attribute(within.attribute), Node::List(members)]))
                }
                Err(error) => {
                    problem.get_or_insert(error);
                    Node::Within(within)
                }
            },
            other => other,
        });
        let Compiled { text, attributes, .. } = &*self.0;
        let compiled = Compiled { text: text.clone(), root, attributes: attributes.clone(), climbing: None };
        problem.map_or_else(|| Ok(Self(Arc::new(compiled))), Err)
    }

    /// The same expression, evaluated step by step: from what somebody has to what that is a part of, and on.
    pub(crate) fn climbing(&self, configuration: &Configuration) -> Self {
        let dimensions = configuration.dimensions.iter();
        let climbing = dimensions.map(|(name, dimension)| (dimension.attribute(name).to_owned(), dimension.clone()));
        let Compiled { text, root, attributes, .. } = &*self.0;
        Self(Arc::new(Compiled {
            text: text.clone(),
            root: root.clone(),
            attributes: attributes.clone(),
            climbing: Some(climbing.collect()),
        }))
    }

    fn values(&self, within: &Within, configuration: &Configuration) -> Result<Vec<Constant>, ExpressionError> {
        let attribute = self.0.attributes.get(within.attribute).map_or("", String::as_str);
        let error = |message: String, expected: Option<String>| {
            let (line, column) = within.place;
            Err(ExpressionError { message, line, column, expected })
        };
        let Some(dimension) = configuration.dimension_of(attribute) else {
            let message =
                format!("no dimension is about `{attribute}`, so nothing is known to be within a value of it");
            return error(message, Some(format!("one in [dimensions.{attribute}]")));
        };
        let Some(value) = text_of(&within.value, dimension.kind) else {
            let message = format!("a value of `{attribute}` is written otherwise");
            let expected = match dimension.kind {
                ColumnType::Text | ColumnType::Date => "a text in quotes",
                ColumnType::Integer => "a whole number",
                ColumnType::Boolean => "true or false",
            };
            return error(message, Some(expected.to_owned()));
        };
        if !dimension.values.contains_key(&value) {
            let hint = nearest(&value, dimension.values.keys().map(String::as_str));
            let message = format!("`{value}` is no value of the dimension of `{attribute}`");
            return error(message, hint.map(|hint| format!("perhaps `{hint}`")));
        }
        let below = dimension.values.keys().filter(|other| dimension.path(other).contains(&value.as_str()));
        Ok(below.filter_map(|text| constant(text, dimension.kind)).collect())
    }
}

/// Climbs from a value of an attribute to the top.
pub(super) fn climb(climbing: &Climbing, attribute: &str, cell: &Cell<'_>, within: &Constant) -> bool {
    let Some(dimension) = climbing.get(attribute) else { return false };
    let value = match cell {
        Cell::Text(text) => Value::Text(text.to_string()),
        Cell::Integer(number) => Value::Integer(*number),
        Cell::Boolean(truth) => Value::Boolean(*truth),
        _ => return false,
    };
    let (Some(mut at), Some(wanted)) = (dimension.text_of(&value), text_of(within, dimension.kind)) else {
        return false;
    };
    let mut seen = BTreeSet::new();
    while seen.insert(at.clone()) {
        if at == wanted {
            return true;
        }
        match dimension.values.get(&at).and_then(|known| known.parent.clone()) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

fn text_of(value: &Constant, kind: ColumnType) -> Option<String> {
    match (kind, value) {
        (ColumnType::Text | ColumnType::Date, Constant::Text(text)) => Some(text.clone()),
        (ColumnType::Integer, Constant::Integer(number)) => Some(number.to_string()),
        (ColumnType::Boolean, Constant::Boolean(truth)) => Some(truth.to_string()),
        _ => None,
    }
}

fn constant(text: &str, kind: ColumnType) -> Option<Constant> {
    match kind {
        ColumnType::Text | ColumnType::Date => Some(Constant::Text(text.to_owned())),
        ColumnType::Integer => text.parse().ok().map(Constant::Integer),
        ColumnType::Boolean => text.parse().ok().map(Constant::Boolean),
    }
}
