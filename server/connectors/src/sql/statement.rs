//! Statements: how text and values come together without ever touching.
//!
//! Text comes from the configuration, or is ours; names of tables and columns are quoted; values are bound, never pasted.

use model::command::CommandError;
use model::order::ErrorClass;
use model::value::Value;

use super::dialect::Dialect;
use super::shape::{ColumnKind, ColumnShape};

/// A statement with the values that belong to its parameters.
pub(super) struct Statement {
    dialect: Dialect,
    text: String,
    values: Vec<Bound>,
}

/// A value on its way into a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Null,
    Text(String),
    Integer(i64),
    Boolean(bool),
}

impl Statement {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), values: Vec::new() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn values(&self) -> &[Bound] {
        &self.values
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A table's or column's name; `schema.table` is two names.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let quoted = self.dialect.quote(name);
        self.push(&quoted)
    }

    /// A table's column.
    pub(super) fn column(&mut self, alias: &str, column: &str) -> &mut Self {
        let quoted = self.dialect.quote_one(column);
        self.push(alias).push(".").push(&quoted)
    }

    /// A table's column, as text whatever its type.
    pub(super) fn column_text(&mut self, alias: &str, column: &str) -> &mut Self {
        let quoted = self.dialect.quote_one(column);
        let cast = self.dialect.text_of(&format!("{alias}.{quoted}"));
        self.push(&cast)
    }

    /// A parameter; with a column it is given the column's type.
    ///
    /// # Errors
    /// A value the column cannot hold.
    pub(super) fn value(
        &mut self,
        value: Option<&Value>,
        column: Option<&ColumnShape>,
    ) -> Result<&mut Self, CommandError> {
        let bound = match value {
            None => Bound::Null,
            Some(value) => bind(self.dialect, value, column)?,
        };
        self.values.push(bound);
        let marker = self.dialect.marker(self.values.len(), column.map(|column| column.sql_type.as_str()));
        Ok(self.push(&marker))
    }
}

/// Turns a value into what the column's type and the database's own rules accept.
fn bind(dialect: Dialect, value: &Value, column: Option<&ColumnShape>) -> Result<Bound, CommandError> {
    let invalid = |message: String| CommandError::new(ErrorClass::Invalid, message);
    let name = column.map_or("a parameter", |column| column.name.as_str());
    let text = match value {
        Value::List(_) => return Err(invalid(format!("{name} cannot hold several values; give it one"))),
        Value::Text(text) if text.contains('\0') => {
            return Err(invalid(format!("The value for {name} holds a NUL character, which no column can")));
        }
        value => value.to_string(),
    };
    let Some(column) = column else {
        return Ok(match value {
            Value::Integer(number) => Bound::Integer(*number),
            Value::Boolean(value) if dialect == Dialect::Postgres => Bound::Boolean(*value),
            Value::Boolean(value) => Bound::Integer(i64::from(*value)),
            _ => Bound::Text(text),
        });
    };
    let bound = match column.kind {
        ColumnKind::Text => Bound::Text(text),
        ColumnKind::Integer => match (value, text.trim().parse()) {
            (Value::Boolean(value), _) => Bound::Integer(i64::from(*value)),
            (_, Ok(number)) => Bound::Integer(number),
            _ => return Err(invalid(format!("{name} holds whole numbers, and the value given is none"))),
        },
        ColumnKind::Boolean => match text.as_str() {
            "true" | "1" => Bound::Integer(1),
            "false" | "0" => Bound::Integer(0),
            _ => return Err(invalid(format!("{name} holds true or false, and the value given is neither"))),
        },
    };
    // The parameter is a text there, which the statement casts to the column's type.
    Ok(match bound {
        Bound::Integer(number) if dialect == Dialect::Postgres => Bound::Text(number.to_string()),
        bound => bound,
    })
}

/// A configured statement, taken apart at its `:name` placeholders.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Name(String),
}

impl Template {
    /// Takes the text apart. Quoted text, quoted names, comments, `::` casts and `:=` are left alone.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence about it.
    pub(super) fn parse(dialect: Dialect, text: &str) -> Result<Self, String> {
        Scanner { dialect, text, position: 0, start: 0, pieces: Vec::new() }.scan()
    }

    /// Puts the statement together; the closure adds the parameter for a name.
    pub(super) fn fill(
        &self,
        dialect: Dialect,
        mut parameter: impl FnMut(&mut Statement, &str) -> Result<(), CommandError>,
    ) -> Result<Statement, CommandError> {
        let mut statement = Statement::new(dialect);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => {
                    statement.push(text);
                }
                Piece::Name(name) => parameter(&mut statement, name)?,
            }
        }
        Ok(statement)
    }
}

struct Scanner<'a> {
    dialect: Dialect,
    text: &'a str,
    position: usize,
    /// Where the text began that is not yet a piece.
    start: usize,
    pieces: Vec<Piece>,
}

impl Scanner<'_> {
    fn scan(mut self) -> Result<Template, String> {
        let mysql = self.dialect == Dialect::MySql;
        let postgres = self.dialect == Dialect::Postgres;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\'' => {
                    let escapes = mysql || (postgres && self.is_escape_string());
                    self.quoted(b'\'', escapes, "a text")?;
                }
                b'"' => self.quoted(b'"', mysql, "a quoted name")?,
                b'`' if !postgres => self.quoted(b'`', false, "a quoted name")?,
                b'-' if self.byte(1) == Some(b'-')
                    && (!mysql || self.byte(2).is_none_or(|b| b.is_ascii_whitespace())) =>
                {
                    self.line_comment();
                }
                b'#' if mysql => self.line_comment(),
                b'/' if self.byte(1) == Some(b'*') => self.block_comment(postgres)?,
                b'$' if postgres => self.dollar()?,
                b'$' | b'@' if self.dialect == Dialect::Sqlite => {
                    return Err(format!("has a parameter with {}; write :name", char::from(byte)));
                }
                b'?' if !postgres => return Err("has a parameter ?; write :name".to_owned()),
                b':' if matches!(self.byte(1), Some(b':' | b'=')) => self.position += 2,
                b':' if self.byte(1).is_some_and(is_name_start) && !self.follows_word() => self.placeholder(),
                _ => self.position += 1,
            }
        }
        self.flush(self.text.len());
        Ok(Template { pieces: self.pieces })
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.position + ahead).copied()
    }

    fn flush(&mut self, end: usize) {
        if let Some(text) = self.text.get(self.start..end).filter(|text| !text.is_empty()) {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
        self.start = end;
    }

    /// Bounds of an array slice such as `list[low:high]` are no placeholders.
    fn follows_word(&self) -> bool {
        let before = self.position.checked_sub(1).and_then(|before| self.text.as_bytes().get(before));
        before.is_some_and(|byte| is_name(*byte))
    }

    /// `E'…'`: a text with backslash escapes.
    fn is_escape_string(&self) -> bool {
        let bytes = self.text.as_bytes();
        let before = |back: usize| self.position.checked_sub(back).and_then(|at| bytes.get(at)).copied();
        matches!(before(1), Some(b'e' | b'E')) && !before(2).is_some_and(is_name)
    }

    fn placeholder(&mut self) {
        self.flush(self.position);
        self.position += 1;
        let begin = self.position;
        while self.byte(0).is_some_and(is_name) {
            self.position += 1;
        }
        let name = self.text.get(begin..self.position).unwrap_or_default().to_owned();
        self.pieces.push(Piece::Name(name));
        self.start = self.position;
    }

    fn quoted(&mut self, quote: u8, escapes: bool, what: &str) -> Result<(), String> {
        self.position += 1;
        while let Some(byte) = self.byte(0) {
            self.position += 1;
            if byte == b'\\' && escapes {
                self.position += 1;
            } else if byte == quote {
                if self.byte(0) != Some(quote) {
                    return Ok(());
                }
                self.position += 1;
            }
        }
        Err(format!("opens {what} and does not close it"))
    }

    fn line_comment(&mut self) {
        while self.byte(0).is_some_and(|byte| byte != b'\n') {
            self.position += 1;
        }
    }

    fn block_comment(&mut self, nests: bool) -> Result<(), String> {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'/', Some(b'*')) if nests || depth == 0 => depth += 1,
                (b'*', Some(b'/')) => depth -= 1,
                _ => {
                    self.position += 1;
                    continue;
                }
            }
            self.position += 2;
            if depth == 0 {
                return Ok(());
            }
        }
        Err("opens a comment and does not close it".to_owned())
    }

    /// `$tag$ … $tag$`, or a `$1` that would take another value's place.
    fn dollar(&mut self) -> Result<(), String> {
        if self.follows_word() {
            self.position += 1;
            return Ok(());
        }
        if self.byte(1).is_some_and(|byte| byte.is_ascii_digit()) {
            return Err("has a parameter with $; write :name".to_owned());
        }
        let rest = self.text.get(self.position + 1..).unwrap_or_default();
        let Some(end) = rest.find('$').filter(|end| rest.bytes().take(*end).all(is_name)) else {
            self.position += 1;
            return Ok(());
        };
        let tag = format!("${}$", rest.get(..end).unwrap_or_default());
        let body = rest.get(end + 1..).unwrap_or_default();
        match body.find(&tag) {
            Some(close) => {
                self.position += tag.len() + close + tag.len();
                Ok(())
            }
            None => Err(format!("opens a text with {tag} and does not close it")),
        }
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Placeholders in braces, all else as it was.
    fn shown(dialect: Dialect, text: &str) -> Result<String, String> {
        let one = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Name(name) => format!("{{{name}}}"),
        };
        Template::parse(dialect, text).map(|template| template.pieces.into_iter().map(one).collect())
    }

    #[test]
    fn placeholders_are_found_where_they_are_some() {
        use Dialect::{MySql, Postgres, Sqlite};
        let check = |dialects: &[Dialect], text: &str, expect: &str| {
            for dialect in dialects {
                assert_eq!(shown(*dialect, text).as_deref(), Ok(expect), "{dialect:?}");
            }
        };
        let all = [Sqlite, Postgres, MySql];
        check(&all, "call add_user(:key, :given_name)", "call add_user({key}, {given_name})");
        check(&all, ":a:b", "{a}:b");
        check(&all, "select ':no', ':it''s :no', :yes", "select ':no', ':it''s :no', {yes}");
        check(&all, "select \":no\" -- :no 'open\n, :yes", "select \":no\" -- :no 'open\n, {yes}");
        check(&all, "/* :no ' */ :yes", "/* :no ' */ {yes}");
        check(&[Postgres], "/* /* :no */ :no */ :yes", "/* /* :no */ :no */ {yes}");
        check(
            &[Postgres],
            "select :key::text, a[low:high], $$ :no ' $$, $t$ :no $$ $t$",
            "select {key}::text, a[low:high], $$ :no ' $$, $t$ :no $$ $t$",
        );
        check(&[Postgres], "select E'\\':no', 'x\\', :yes, a ? 'b'", "select E'\\':no', 'x\\', {yes}, a ? 'b'");
        check(&[MySql], "select '\\':no', `:no`, @v := :yes # :no '", "select '\\':no', `:no`, @v := {yes} # :no '");
        check(&[MySql], "select 5--:key", "select 5--{key}");
        check(&[Sqlite], "select `:no`, 'x\\', :yes", "select `:no`, 'x\\', {yes}");
    }

    #[test]
    fn what_cannot_be_taken_apart_is_refused() {
        use Dialect::{MySql, Postgres, Sqlite};
        let check =
            |dialect, text: &str, expect: &str| assert_eq!(shown(dialect, text), Err(expect.to_owned()), "{text}");
        check(Sqlite, "select 'open :key", "opens a text and does not close it");
        check(MySql, "select `open", "opens a quoted name and does not close it");
        check(Postgres, "/* /* */ :key", "opens a comment and does not close it");
        check(Postgres, "select $a$ :key", "opens a text with $a$ and does not close it");
        check(Postgres, "select $1, :key", "has a parameter with $; write :name");
        check(MySql, "select ?", "has a parameter ?; write :name");
        check(Sqlite, "select @key", "has a parameter with @; write :name");
    }

    #[test]
    fn values_become_what_the_column_holds() {
        let check = |dialect, value: Value, kind, expect: Result<Bound, &str>| {
            let column = ColumnShape { kind, ..ColumnShape::named("c") };
            let bound = bind(dialect, &value, Some(&column)).map_err(|error| error.message);
            assert_eq!(bound, expect.map_err(str::to_owned), "{value:?} as {kind:?}");
        };
        let text = |text: &str| Ok(Bound::Text(text.to_owned()));
        check(Dialect::Sqlite, "12".into(), ColumnKind::Integer, Ok(Bound::Integer(12)));
        check(Dialect::Sqlite, "0012".into(), ColumnKind::Text, text("0012"));
        check(Dialect::MySql, true.into(), ColumnKind::Boolean, Ok(Bound::Integer(1)));
        check(Dialect::MySql, true.into(), ColumnKind::Text, text("true"));
        check(Dialect::Postgres, true.into(), ColumnKind::Boolean, text("1"));
        check(
            Dialect::Postgres,
            "x".into(),
            ColumnKind::Integer,
            Err("c holds whole numbers, and the value given is none"),
        );
        check(
            Dialect::Sqlite,
            "x".into(),
            ColumnKind::Integer,
            Err("c holds whole numbers, and the value given is none"),
        );
        check(
            Dialect::MySql,
            "x\0".into(),
            ColumnKind::Text,
            Err("The value for c holds a NUL character, which no column can"),
        );
        check(
            Dialect::Postgres,
            Value::List(vec![]),
            ColumnKind::Text,
            Err("c cannot hold several values; give it one"),
        );
    }

    proptest! {
        /// Whatever the text: nothing is lost of it, and what stands in quotes or comments stays text.
        #[test]
        fn nothing_is_lost(text in "[a:'\"`$#/*ä\\\\E\n -]{0,24}") {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
                if let Ok(template) = Template::parse(dialect, &text) {
                    let whole = template.pieces.iter().map(|piece| match piece {
                        Piece::Text(text) => text.clone(),
                        Piece::Name(name) => format!(":{name}"),
                    });
                    prop_assert_eq!(whole.collect::<String>(), text.clone());
                }
            }
        }
    }
}
