//! From text to nodes: CEL's grammar by the `cel` crate, its meaning checked here, every complaint with its place.

use std::borrow::Cow;
use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators};

use super::functions::nearest;
use super::hierarchy::Within;
use super::node::{
    Arithmetic, COMPREHENSIONS, Comparison, Comprehension, ComprehensionKind, Constant, FUNCTIONS, Node,
};
use super::{ExpressionError, LONGEST_TEXT, OF_ACCOUNT, OF_USER};

/// Levels of nesting of the finished tree.
const DEEPEST: usize = 64;
/// Brackets open at once; the grammar's parser recurses for each.
const MOST_BRACKETS: usize = 32;
/// Operators, names and other words of one text. Far above what anybody writes, far below what exhausts a stack.
const MOST_WORDS: usize = 2_000;
/// Bytes of address space, of which only what is used costs memory.
const STACK: usize = 64 * 1024 * 1024;
const DEEPEST_COMPREHENSION: usize = 2;
/// Of the automaton that a pattern of `matches` compiles to, in bytes.
const LARGEST_PATTERN: usize = 256 * 1024;

type Parsed<T> = Result<T, ExpressionError>;

pub(super) fn parse(text: &str, variables: &[&str]) -> Parsed<(Node, Vec<String>)> {
    bounded(text)?;
    // The grammar's parser takes tens of kilobytes of stack for each bracket, more than a worker's thread may have left.
    let read = || read(text, variables);
    let finished = std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        reader.map(|reader| reader.join())
    });
    let failed = |message: String| Err(ExpressionError { message, line: 1, column: 1, expected: None });
    match finished {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => failed("the parser gave up on this expression; write it differently".into()),
        Err(error) => failed(format!("no thread could be started to read the expression: {error}; try again")),
    }
}

fn read(text: &str, variables: &[&str]) -> Parsed<(Node, Vec<String>)> {
    let parser = cel::Env::default().with_optional_support(false).parser();
    let (tree, places) = parser.parse_with_source_info(text).map_err(|errors| not_cel(text, &errors))?;
    let subject = subject(variables);
    let mut names = Names { variables, found: Vec::new() };
    names.collect(&tree);
    let mut attributes = names.found;
    attributes.sort_unstable();
    attributes.dedup();
    let mut compiler =
        Compiler { text, places: &places, variables, subject, attributes: &attributes, bound: Vec::new(), depth: 0 };
    let root = compiler.node(&tree)?;
    let root = if variables.contains(&"attempt") { keep(root, &mut 0) } else { root };
    Ok((root, attributes))
}

/// The variable whose attributes are read: a rule of classification looks at an account, all others at an identity.
/// One that selects an account looks at both, and one about whom a user sees at an identity and the user; what it reads of the
/// other has a name of its own then.
fn subject<'a>(variables: &[&'a str]) -> &'a str {
    let of = |wanted: &str| variables.iter().find(|variable| **variable == wanted).copied();
    of("identity").or(of("account")).or(of("event")).unwrap_or("identity")
}

fn has_both(variables: &[&str]) -> bool {
    ["identity", "account"].iter().all(|variable| variables.contains(variable))
}

/// Marks the largest parts that do not depend on the attempt, so that they are worked out once for all attempts.
fn keep(node: Node, number: &mut usize) -> Node {
    if !node.any(&|node| matches!(node, Node::Attempt)) {
        // Attributes and constants cost nothing, and parts of a comprehension change with its variable.
        let cheap = matches!(node, Node::Constant(_) | Node::Attribute(_) | Node::Has(_));
        if cheap || node.any(&|node| matches!(node, Node::Variable(_))) {
            return node;
        }
        *number += 1;
        return Node::Kept(*number - 1, Box::new(node));
    }
    match node {
        Node::Conditional(parts) => Node::Conditional(Box::new((*parts).map(|part| keep(part, number)))),
        Node::Arithmetic(operator, operands) => {
            Node::Arithmetic(operator, Box::new((*operands).map(|operand| keep(operand, number))))
        }
        Node::Call(function, arguments) => {
            Node::Call(function, arguments.into_iter().map(|argument| keep(argument, number)).collect())
        }
        other => other,
    }
}

/// Refuses what could exhaust the parser, before it runs.
fn bounded(text: &str) -> Parsed<()> {
    let error = |at: usize, message: String, expected: &str| {
        let (line, column) = place(text, at);
        Err(ExpressionError { message, line, column, expected: Some(expected.to_owned()) })
    };
    if text.len() > LONGEST_TEXT {
        let message = format!("the expression has {} bytes", text.len());
        return error(0, message, "at most 8,192 bytes; move parts of it into attributes of the source");
    }
    if text.trim().is_empty() {
        return error(
            0,
            "the expression is empty".into(),
            "a CEL expression, such as `identity.department == \"Sales\"`",
        );
    }
    let (mut open, mut words, mut quote, mut in_word, mut escaped) = (0_usize, 0_usize, None, false, false);
    for (at, letter) in text.char_indices() {
        if let Some(mark) = quote {
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == mark {
                quote = None;
            }
            continue;
        }
        match letter {
            '"' | '\'' => quote = Some(letter),
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '\0' => return error(at, "the expression contains a NUL character".into(), "text"),
            _ => {}
        }
        let part_of_word = letter.is_alphanumeric() || letter == '_';
        let goes_on = part_of_word && in_word;
        if !goes_on && !letter.is_whitespace() {
            words += 1;
        }
        in_word = part_of_word;
        if open > MOST_BRACKETS {
            return error(at, format!("more than {MOST_BRACKETS} brackets are open"), "a flatter expression");
        }
        if words > MOST_WORDS {
            return error(at, format!("more than {MOST_WORDS} names and operators"), "a shorter expression");
        }
    }
    Ok(())
}

fn not_cel(text: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError { message: "is not CEL".into(), line: 1, column: 1, expected: None };
    };
    let message = first.msg.trim_start_matches("Syntax error: ");
    let (message, expected) = match message.split_once(" expecting ") {
        Some((what, expected)) => (what.to_owned(), Some(readable(expected))),
        None => (message.to_owned(), None),
    };
    let line = usize::try_from(first.pos.0).unwrap_or(1).clamp(1, text.lines().count().max(1));
    // The parser counts columns of its own errors from 0 or 1, depending on who complains; never point outside the line.
    let longest = text.lines().nth(line - 1).map_or(0, |line| line.chars().count());
    let column = usize::try_from(first.pos.1).unwrap_or(0).clamp(1, longest + 1);
    ExpressionError { message, line, column, expected }
}

/// The grammar's token names as a person writes them.
fn readable(expected: &str) -> String {
    let names = [("IDENTIFIER", "a name"), ("ESC_a name", "a name"), ("NUM_FLOAT", "a number")];
    let hidden = ["NUM_INT", "NUM_UINT", "BYTES", "STRING", "CEL_TRUE", "CEL_FALSE", "NUL", "<EOF>"];
    let words = ["a number", "", "", "a text", "true", "false", "null", "the end"];
    let mut text = expected.to_owned();
    for (from, to) in names.into_iter().chain(hidden.into_iter().zip(words)) {
        text = text.replace(from, to);
    }
    let mut parts: Vec<&str> =
        text.trim_matches(['{', '}']).split(", ").map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.dedup();
    parts.join(", ")
}

/// Line and column, both from 1, of a byte offset.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// Collects `identity.<name>` wherever it appears, so that nodes can name attributes by their sorted position.
struct Names<'a> {
    variables: &'a [&'a str],
    found: Vec<String>,
}

impl Names<'_> {
    fn collect(&mut self, tree: &IdedExpr) {
        if let Some(name) = attribute(self.variables, tree) {
            self.found.push(name.into_owned());
            return;
        }
        match &tree.expr {
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.collect(target));
                call.args.iter().for_each(|argument| self.collect(argument));
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.collect(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    self.collect(&entry.key);
                    self.collect(&entry.value);
                }
            }),
            Expr::Select(select) => self.collect(&select.operand),
            _ => {}
        }
    }
}

/// The attribute that `identity.name` or `identity["name"]` reads.
fn attribute<'a>(variables: &[&str], tree: &'a IdedExpr) -> Option<Cow<'a, str>> {
    let own = attribute_of(subject(variables), tree).map(Cow::Borrowed);
    own.or_else(|| {
        let name = attribute_of("account", tree).filter(|_| has_both(variables))?;
        Some(Cow::Owned(format!("{OF_ACCOUNT}{name}")))
    })
    .or_else(|| {
        let name = attribute_of("user", tree).filter(|_| variables.contains(&"user"))?;
        Some(Cow::Owned(format!("{OF_USER}{name}")))
    })
}

fn attribute_of<'a>(subject: &str, tree: &'a IdedExpr) -> Option<&'a str> {
    let is_subject = |tree: &IdedExpr| matches!(&tree.expr, Expr::Ident(name) if name == subject);
    match &tree.expr {
        Expr::Select(SelectExpr { operand, field, test: false }) if is_subject(operand) => Some(field),
        Expr::Call(CallExpr { func_name, target: None, args }) if func_name == operators::INDEX => {
            let [object, index] = args.as_slice() else { return None };
            match &index.expr {
                Expr::Literal(LiteralValue::String(name)) if is_subject(object) => Some(name.inner()),
                _ => None,
            }
        }
        _ => None,
    }
}

struct Compiler<'a> {
    text: &'a str,
    places: &'a SourceInfo,
    variables: &'a [&'a str],
    subject: &'a str,
    attributes: &'a [String],
    /// Variables of the comprehensions around, outermost first.
    bound: Vec<String>,
    depth: usize,
}

impl Compiler<'_> {
    fn error<T>(&self, tree: &IdedExpr, message: String, expected: Option<String>) -> Parsed<T> {
        let at = self.places.offset_for(tree.id).map_or(0, |(start, _)| start as usize);
        let (line, column) = place(self.text, at);
        Err(ExpressionError { message, line, column, expected })
    }

    fn node(&mut self, tree: &IdedExpr) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let message = format!("parts are nested more than {DEEPEST} deep");
            return self.error(tree, message, Some("a flatter expression".into()));
        }
        let node = self.node_at(tree);
        self.depth -= 1;
        node
    }

    fn nodes(&mut self, trees: &[IdedExpr]) -> Parsed<Vec<Node>> {
        trees.iter().map(|tree| self.node(tree)).collect()
    }

    fn node_at(&mut self, tree: &IdedExpr) -> Parsed<Node> {
        if let Some(name) = attribute(self.variables, tree) {
            return self.attribute(tree, &name).map(Node::Attribute);
        }
        match &tree.expr {
            Expr::Literal(literal) => self.literal(tree, literal).map(Node::Constant),
            Expr::Ident(name) => self.variable(tree, name),
            Expr::List(list) => self.nodes(&list.elements).map(Node::List),
            Expr::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        entries.push((self.node(&entry.key)?, self.node(&entry.value)?));
                    }
                }
                Ok(Node::Map(entries))
            }
            Expr::Select(select) => Ok(Node::Index(Box::new([
                self.node(&select.operand)?,
                Node::Constant(Constant::Text(select.field.clone())),
            ]))),
            Expr::Call(call) => self.call(tree, call),
            Expr::Struct(_) | Expr::Comprehension(_) | Expr::Unspecified => self.error(
                tree,
                "messages cannot be built here".into(),
                Some("a text, number, truth value, list or map".into()),
            ),
        }
    }

    /// An attribute as one is written.
    fn example(&self) -> &'static str {
        if self.subject == "account" { "account.employeeType" } else { "identity.department" }
    }

    fn attribute(&self, tree: &IdedExpr, name: &str) -> Parsed<usize> {
        // No comprehension binds a name that means something already, so the subject is what it seems.
        if !self.variables.contains(&self.subject) {
            return self.error(tree, format!("`{}` is not known here", self.subject), None);
        }
        match self.attributes.iter().position(|known| known == name) {
            Some(index) => Ok(index),
            None => self.error(tree, format!("`{name}` is no attribute"), None),
        }
    }

    fn literal(&self, tree: &IdedExpr, literal: &LiteralValue) -> Parsed<Constant> {
        Ok(match literal {
            LiteralValue::Boolean(value) => Constant::Boolean(*value.inner()),
            LiteralValue::Int(value) => Constant::Integer(*value.inner()),
            LiteralValue::Double(value) => Constant::Fraction(*value.inner()),
            LiteralValue::Null => Constant::Null,
            LiteralValue::String(value) => Constant::Text(value.inner().to_owned()),
            LiteralValue::UInt(_) | LiteralValue::Bytes(_) => {
                let expected = Some("a text such as \"a\" or a number such as 7".into());
                return self.error(tree, "bytes and unsigned numbers are not offered".into(), expected);
            }
        })
    }

    fn variable(&self, tree: &IdedExpr, name: &str) -> Parsed<Node> {
        if let Some(index) = self.bound.iter().rposition(|bound| bound == name) {
            return Ok(Node::Variable(index));
        }
        if (name == self.subject || name == "account" || name == "user") && self.variables.contains(&name) {
            let expected = Some(format!("an attribute of it, such as `{}`", self.example()));
            return self.error(tree, format!("`{name}` by itself is no value"), expected);
        }
        if name == "attempt" && self.variables.contains(&name) {
            return Ok(Node::Attempt);
        }
        let known: Vec<String> = self.variables.iter().map(|variable| format!("`{variable}`")).collect();
        let message = match name {
            "attempt" => "`attempt` exists only in the expression of a unique value".to_owned(),
            _ => format!("there is no variable `{name}`"),
        };
        let quoted = format!("a text is written in quotes: \"{name}\"");
        let expected = format!("{}, or a function; {quoted}", known.join(" or "));
        self.error(tree, message, Some(expected))
    }

    fn call(&mut self, tree: &IdedExpr, call: &CallExpr) -> Parsed<Node> {
        let name = call.func_name.as_str();
        if call.target.is_none() {
            if let Some(node) = self.operator(tree, name, &call.args)? {
                return Ok(node);
            }
            if name == "has" {
                let [argument] = call.args.as_slice() else {
                    let expected = Some(format!("`has({}.x)`", self.subject));
                    return self.error(tree, "`has` takes one argument".into(), expected);
                };
                return match attribute(self.variables, argument) {
                    Some(attribute) => self.attribute(argument, &attribute).map(Node::Has),
                    None => {
                        let expected = Some(format!("`has({}.x)`", self.subject));
                        self.error(argument, format!("`has` asks for an attribute of the {}", self.subject), expected)
                    }
                };
            }
        } else if let Some((_, kind)) = COMPREHENSIONS.iter().find(|(known, _)| *known == name) {
            return self.comprehension(tree, *kind, call);
        }
        let arguments: Vec<&IdedExpr> = call.target.iter().map(|target| &**target).chain(&call.args).collect();
        if name == "matches" {
            return self.matches(tree, &arguments);
        }
        if name == "within" {
            return self.within(tree, &arguments);
        }
        let Some((_, function, count)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let others = ["has", "matches", "within"].into_iter().chain(COMPREHENSIONS.iter().map(|(name, _)| *name));
            let known = FUNCTIONS.iter().map(|(name, ..)| *name).chain(others);
            let expected = nearest(name, known).map(|nearest| format!("perhaps `{nearest}`"));
            return self.error(tree, format!("there is no function `{name}`"), expected);
        };
        if arguments.len() != *count {
            let message = format!("`{name}` was given {} arguments", arguments.len());
            return self.error(tree, message, Some(format!("{count}")));
        }
        let arguments = arguments.into_iter().map(|argument| self.node(argument)).collect::<Parsed<Vec<Node>>>()?;
        Ok(Node::Call(*function, arguments))
    }

    fn operator(&mut self, tree: &IdedExpr, name: &str, arguments: &[IdedExpr]) -> Parsed<Option<Node>> {
        let comparison = match name {
            operators::EQUALS => Some(Comparison::Equal),
            operators::NOT_EQUALS => Some(Comparison::NotEqual),
            operators::LESS => Some(Comparison::Less),
            operators::LESS_EQUALS => Some(Comparison::LessOrEqual),
            operators::GREATER => Some(Comparison::Greater),
            operators::GREATER_EQUALS => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        let arithmetic = match name {
            operators::ADD => Some(Arithmetic::Add),
            operators::SUBSTRACT => Some(Arithmetic::Subtract),
            operators::MULTIPLY => Some(Arithmetic::Multiply),
            operators::DIVIDE => Some(Arithmetic::Divide),
            operators::MODULO => Some(Arithmetic::Remainder),
            _ => None,
        };
        Ok(Some(match (name, arguments) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, _) => {
                let mut parts = Vec::new();
                self.flatten(name, arguments, &mut parts)?;
                if name == operators::LOGICAL_AND { Node::And(parts) } else { Node::Or(parts) }
            }
            (operators::LOGICAL_NOT, [inner]) => Node::Not(Box::new(self.node(inner)?)),
            (operators::NEGATE, [inner]) => Node::Negate(Box::new(self.node(inner)?)),
            (operators::CONDITIONAL, [condition, then, otherwise]) => {
                let parts = [self.node(condition)?, self.node(then)?, self.node(otherwise)?];
                Node::Conditional(Box::new(parts))
            }
            (operators::IN, [left, right]) => Node::In(Box::new([self.node(left)?, self.node(right)?])),
            (operators::INDEX, [object, index]) => {
                let is_subject = |name: &str| {
                    name == self.subject
                        || (name == "account" && has_both(self.variables))
                        || (name == "user" && self.variables.contains(&"user"))
                };
                if matches!(&object.expr, Expr::Ident(name) if is_subject(name)) {
                    let expected = Some(format!("an attribute by its name, such as `{}`", self.example()));
                    return self.error(tree, "which attribute this reads is not known".into(), expected);
                }
                Node::Index(Box::new([self.node(object)?, self.node(index)?]))
            }
            (_, [left, right]) => match (comparison, arithmetic) {
                (Some(comparison), _) => Node::Compare(comparison, Box::new([self.node(left)?, self.node(right)?])),
                (_, Some(arithmetic)) => Node::Arithmetic(arithmetic, Box::new([self.node(left)?, self.node(right)?])),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    /// `a && b && c` is one node however the grammar nests it.
    fn flatten(&mut self, name: &str, arguments: &[IdedExpr], parts: &mut Vec<Node>) -> Parsed<()> {
        for argument in arguments {
            match &argument.expr {
                Expr::Call(call) if call.target.is_none() && call.func_name == name => {
                    self.flatten(name, &call.args, parts)?;
                }
                _ => parts.push(self.node(argument)?),
            }
        }
        Ok(())
    }

    fn matches(&mut self, tree: &IdedExpr, arguments: &[&IdedExpr]) -> Parsed<Node> {
        let [subject, pattern] = arguments else {
            return self.error(tree, "`matches` takes a text and a pattern".into(), Some("2 arguments".into()));
        };
        let Expr::Literal(LiteralValue::String(text)) = &pattern.expr else {
            let expected = Some("a pattern in quotes".into());
            return self.error(pattern, "the pattern of `matches` has to be written out".into(), expected);
        };
        match regex::RegexBuilder::new(text.inner()).size_limit(LARGEST_PATTERN).build() {
            Ok(pattern) => Ok(Node::Matches(Box::new(self.node(subject)?), Arc::new(pattern))),
            Err(error) => self.error(pattern, format!("is no pattern: {error}"), None),
        }
    }

    fn within(&mut self, tree: &IdedExpr, arguments: &[&IdedExpr]) -> Parsed<Node> {
        let usage = Some(format!("`within({}, \"D100\")`", self.example()));
        let [subject, value] = arguments else {
            return self.error(tree, "`within` takes an attribute and a value".into(), usage);
        };
        let Some(name) = attribute(self.variables, subject) else {
            return self.error(subject, "`within` looks at an attribute that is a dimension".into(), usage);
        };
        let Expr::Literal(literal) = &value.expr else {
            return self.error(value, "the value of `within` has to be written out".into(), usage);
        };
        let at = self.places.offset_for(value.id).map_or(0, |(start, _)| start as usize);
        let within = Within {
            attribute: self.attribute(subject, &name)?,
            value: self.literal(value, literal)?,
            place: place(self.text, at),
        };
        Ok(Node::Within(Box::new(within)))
    }

    fn comprehension(&mut self, tree: &IdedExpr, kind: ComprehensionKind, call: &CallExpr) -> Parsed<Node> {
        let usage = Some(format!("`list.{}(name, condition)`", call.func_name));
        let (Some(range), [variable, rest @ ..]) = (&call.target, call.args.as_slice()) else {
            return self.error(tree, format!("`{}` takes a name and a condition", call.func_name), usage);
        };
        let Expr::Ident(variable) = &variable.expr else {
            return self.error(variable, "this has to be a name".into(), usage);
        };
        if variable == self.subject || variable == "attempt" || self.variables.contains(&variable.as_str()) {
            return self.error(tree, format!("`{variable}` is taken"), Some("another name".into()));
        }
        let (filter, body) = match rest {
            [body] => (None, body),
            [filter, body] if kind == ComprehensionKind::Map => (Some(filter), body),
            _ => return self.error(tree, format!("`{}` takes a name and a condition", call.func_name), usage),
        };
        if self.bound.len() == DEEPEST_COMPREHENSION {
            let message = format!("comprehensions are nested more than {DEEPEST_COMPREHENSION} deep");
            return self.error(tree, message, Some("at most one inside another".into()));
        }
        let range = self.node(range)?;
        self.bound.push(variable.clone());
        let filter = filter.map(|filter| self.node(filter)).transpose();
        let body = self.node(body);
        self.bound.pop();
        Ok(Node::Comprehension(Box::new(Comprehension { kind, range, filter: filter?, body: body? })))
    }
}
