//! The compiled form of an expression: closed, small, with attributes and variables by position.

use std::sync::Arc;

use super::hierarchy::Within;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Constant(Constant),
    /// Position in the expression's list of attributes.
    Attribute(usize),
    Has(usize),
    /// What is never there, whoever is looked at.
    Absent,
    Attempt,
    /// A part that is the same at every attempt, by its number among such parts.
    Kept(usize, Box<Node>),
    /// Variable of a comprehension, counted from the outermost.
    Variable(usize),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    Compare(Comparison, Box<[Node; 2]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Index(Box<[Node; 2]>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Arc<regex::Regex>),
    Within(Box<Within>),
    Comprehension(Box<Comprehension>),
}

impl Node {
    /// Whether some node in it is such a node.
    pub(crate) fn any(&self, such: &impl Fn(&Node) -> bool) -> bool {
        such(self)
            || match self {
                Self::Constant(_)
                | Self::Attribute(_)
                | Self::Has(_)
                | Self::Absent
                | Self::Attempt
                | Self::Variable(_)
                | Self::Within(_) => false,
                Self::Kept(_, inner) | Self::Not(inner) | Self::Negate(inner) | Self::Matches(inner, _) => {
                    inner.any(such)
                }
                Self::List(nodes) | Self::And(nodes) | Self::Or(nodes) | Self::Call(_, nodes) => {
                    nodes.iter().any(|node| node.any(such))
                }
                Self::Map(entries) => entries.iter().any(|(key, value)| key.any(such) || value.any(such)),
                Self::Conditional(nodes) => nodes.iter().any(|node| node.any(such)),
                Self::Compare(_, nodes) | Self::Arithmetic(_, nodes) | Self::In(nodes) | Self::Index(nodes) => {
                    nodes.iter().any(|node| node.any(such))
                }
                Self::Comprehension(comprehension) => {
                    let filter = comprehension.filter.as_ref();
                    filter.is_some_and(|filter| filter.any(such))
                        || comprehension.range.any(such)
                        || comprehension.body.any(such)
                }
            }
    }

    /// The same with every node, from the leaves up, in the place of which something else stands.
    pub(super) fn replaced(self, by: &mut impl FnMut(Node) -> Node) -> Self {
        let mut all = |nodes: Vec<Node>| nodes.into_iter().map(|node| node.replaced(by)).collect::<Vec<_>>();
        let node = match self {
            Self::Constant(_)
            | Self::Attribute(_)
            | Self::Has(_)
            | Self::Absent
            | Self::Attempt
            | Self::Variable(_)
            | Self::Within(_) => self,
            Self::List(nodes) => Self::List(all(nodes)),
            Self::And(nodes) => Self::And(all(nodes)),
            Self::Or(nodes) => Self::Or(all(nodes)),
            Self::Call(function, nodes) => Self::Call(function, all(nodes)),
            Self::Kept(number, inner) => Self::Kept(number, Box::new(inner.replaced(by))),
            Self::Not(inner) => Self::Not(Box::new(inner.replaced(by))),
            Self::Negate(inner) => Self::Negate(Box::new(inner.replaced(by))),
            Self::Matches(inner, pattern) => Self::Matches(Box::new(inner.replaced(by)), pattern),
            Self::Map(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key.replaced(by), value.replaced(by))).collect())
            }
            Self::Conditional(nodes) => Self::Conditional(Box::new((*nodes).map(|node| node.replaced(by)))),
            Self::Compare(comparison, nodes) => {
                Self::Compare(comparison, Box::new((*nodes).map(|node| node.replaced(by))))
            }
            Self::Arithmetic(operator, nodes) => {
                Self::Arithmetic(operator, Box::new((*nodes).map(|node| node.replaced(by))))
            }
            Self::In(nodes) => Self::In(Box::new((*nodes).map(|node| node.replaced(by)))),
            Self::Index(nodes) => Self::Index(Box::new((*nodes).map(|node| node.replaced(by)))),
            Self::Comprehension(comprehension) => {
                let Comprehension { kind, range, filter, body } = *comprehension;
                let filter = filter.map(|filter| filter.replaced(by));
                let (range, body) = (range.replaced(by), body.replaced(by));
                Self::Comprehension(Box::new(Comprehension { kind, range, filter, body }))
            }
        };
        by(node)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Null,
    Boolean(bool),
    Integer(i64),
    Fraction(f64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Text,
    Integer,
    Fraction,
    Boolean,
    Lower,
    Upper,
    Trim,
    Ascii,
    Initials,
    Left,
    Replace,
    Split,
    Join,
}

/// Name, function and number of arguments, the one it is called on included.
pub(crate) const FUNCTIONS: [(&str, Function, usize); 18] = [
    ("size", Function::Size, 1),
    ("contains", Function::Contains, 2),
    ("startsWith", Function::StartsWith, 2),
    ("endsWith", Function::EndsWith, 2),
    ("string", Function::Text, 1),
    ("int", Function::Integer, 1),
    ("double", Function::Fraction, 1),
    ("bool", Function::Boolean, 1),
    ("lower", Function::Lower, 1),
    ("upper", Function::Upper, 1),
    ("trim", Function::Trim, 1),
    ("ascii", Function::Ascii, 1),
    ("initials", Function::Initials, 1),
    ("left", Function::Left, 2),
    ("first", Function::Left, 2),
    ("replace", Function::Replace, 3),
    ("split", Function::Split, 2),
    ("join", Function::Join, 2),
];

/// What a comprehension makes of its range: `range.kind(variable, body)`; `map` may filter before.
#[derive(Clone, Debug)]
pub(crate) struct Comprehension {
    pub(crate) kind: ComprehensionKind,
    pub(crate) range: Node,
    pub(crate) filter: Option<Node>,
    pub(crate) body: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComprehensionKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

pub(crate) const COMPREHENSIONS: [(&str, ComprehensionKind); 5] = [
    ("all", ComprehensionKind::All),
    ("exists", ComprehensionKind::Exists),
    ("exists_one", ComprehensionKind::ExistsOne),
    ("map", ComprehensionKind::Map),
    ("filter", ComprehensionKind::Filter),
];
