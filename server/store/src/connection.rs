//! One connection of either database, one kind of row and one kind of argument, so that every other file is written
//! once. The macro [`on_either`] is where the two drivers meet.

use futures::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Postgres, Row as _, Sqlite, Transaction};

use crate::{Result, StoreError};

pub(crate) enum Connection {
    /// The writer's own.
    SqliteWriter(Box<SqliteConnection>),
    SqliteReader(PoolConnection<Sqlite>),
    SqliteSnapshot(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
}

/// Runs the same body on whichever connection is at hand.
macro_rules! on_either {
    ($connection:expr, |$it:ident| $body:expr) => {
        match $connection {
            Connection::SqliteWriter(connection) => {
                let $it = &mut **connection;
                $body
            }
            Connection::SqliteReader(connection) => {
                let $it = &mut **connection;
                $body
            }
            Connection::SqliteSnapshot(connection) => {
                let $it = &mut **connection;
                $body
            }
            Connection::Postgres(connection) => {
                let $it = &mut **connection;
                $body
            }
            Connection::PostgresTransaction(connection) => {
                let $it = &mut **connection;
                $body
            }
        }
    };
}

macro_rules! bound {
    ($sql:expr, $arguments:expr) => {{
        let mut query = sqlx::query($sql);
        for argument in $arguments {
            query = match argument {
                Argument::Integer(value) => query.bind(value),
                Argument::Text(value) => query.bind(value),
                Argument::Boolean(value) => query.bind(value),
                Argument::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Connection {
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_) | Self::PostgresTransaction(_))
    }

    /// How many rows were changed.
    pub(crate) async fn execute<const N: usize>(&mut self, sql: &'static str, arguments: [Argument; N]) -> Result<u64> {
        refuse_nul(&arguments)?;
        Ok(on_either!(self, |it| bound!(sql, arguments).execute(it).await?.rows_affected()))
    }

    pub(crate) async fn rows<const N: usize>(
        &mut self,
        sql: &'static str,
        arguments: [Argument; N],
    ) -> Result<Vec<Row>> {
        self.read(sql, arguments, Ok).await
    }

    /// Reads every row as it arrives.
    pub(crate) async fn read<T, const N: usize>(
        &mut self,
        sql: &'static str,
        arguments: [Argument; N],
        mut each: impl FnMut(Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        on_either!(self, |it| {
            let mut rows = bound!(sql, arguments).fetch(it);
            while let Some(row) = rows.try_next().await? {
                all.push(each(Row::from(row))?);
            }
        });
        Ok(all)
    }

    pub(crate) async fn row<const N: usize>(
        &mut self,
        sql: &'static str,
        arguments: [Argument; N],
    ) -> Result<Option<Row>> {
        Ok(on_either!(self, |it| bound!(sql, arguments).fetch_optional(it).await?.map(Row::from)))
    }

    /// The first column of the only row, a number.
    pub(crate) async fn number<const N: usize>(&mut self, sql: &'static str, arguments: [Argument; N]) -> Result<i64> {
        match self.row(sql, arguments).await? {
            Some(row) => row.integer_at(0),
            None => Err(StoreError::Corrupt { what: "a count came without a row".into() }),
        }
    }

    /// Several statements without arguments.
    pub(crate) async fn script(&mut self, sql: impl sqlx::SqlSafeStr) -> Result<()> {
        let sql = sql.into_sql_str();
        on_either!(self, |it| {
            sqlx::raw_sql(sql).execute(it).await?;
        });
        Ok(())
    }

    /// Ends a transaction that was begun by the driver. Reading ones need not be ended.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::PostgresTransaction(transaction) => Ok(transaction.commit().await?),
            Self::SqliteSnapshot(transaction) => Ok(transaction.commit().await?),
            _ => Ok(()),
        }
    }
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

macro_rules! column {
    ($row:expr, $column:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($column),
            Row::Postgres(row) => row.try_get($column),
        }
        .map_err(|error| StoreError::Corrupt { what: error.to_string() })
    };
}

impl Row {
    pub(crate) fn integer(&self, column: &str) -> Result<i64> {
        column!(self, column)
    }

    pub(crate) fn integer_at(&self, column: usize) -> Result<i64> {
        column!(self, column)
    }

    pub(crate) fn optional_integer(&self, column: &str) -> Result<Option<i64>> {
        column!(self, column)
    }

    pub(crate) fn count(&self, column: &str) -> Result<u64> {
        let number = self.integer(column)?;
        u64::try_from(number).map_err(|_| StoreError::Corrupt { what: format!("`{column}` is {number}") })
    }

    pub(crate) fn small_count(&self, column: &str) -> Result<u32> {
        let number = self.integer(column)?;
        u32::try_from(number).map_err(|_| StoreError::Corrupt { what: format!("`{column}` is {number}") })
    }

    pub(crate) fn text(&self, column: &str) -> Result<String> {
        column!(self, column)
    }

    pub(crate) fn optional_text(&self, column: &str) -> Result<Option<String>> {
        column!(self, column)
    }

    pub(crate) fn boolean(&self, column: &str) -> Result<bool> {
        column!(self, column)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        column!(self, column)
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        time(self.integer(column)?)
    }

    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        self.optional_integer(column)?.map(time).transpose()
    }

    pub(crate) fn optional_date(&self, column: &str) -> Result<Option<Date>> {
        let text: Option<&str> = column!(self, column)?;
        text.map(|text| text.parse().map_err(|_| StoreError::Corrupt { what: format!("`{text}` is no date") }))
            .transpose()
    }

    /// A JSON column, selected as text.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: &str = column!(self, column)?;
        parse(column, text)
    }

    pub(crate) fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let text: Option<&str> = column!(self, column)?;
        text.map(|text| parse(column, text)).transpose()
    }

    /// A column that holds one of the model's names or numbers.
    pub(crate) fn named<T>(&self, column: &str, from_name: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text: &str = column!(self, column)?;
        from_name(text).ok_or_else(|| StoreError::Corrupt { what: format!("`{text}` is no {column}") })
    }

    pub(crate) fn numbered<T>(&self, column: &str, from_number: impl FnOnce(i64) -> Option<T>) -> Result<T> {
        let number = self.integer(column)?;
        from_number(number).ok_or_else(|| StoreError::Corrupt { what: format!("{number} is no {column}") })
    }
}

fn parse<T: DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt { what: format!("column `{column}`: {error}") })
}

fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|_| StoreError::Corrupt { what: format!("{microseconds} is no time") })
}

/// What a statement is given.
#[derive(Clone)]
pub(crate) enum Argument {
    Integer(Option<i64>),
    Text(Option<String>),
    Boolean(bool),
    Bytes(Vec<u8>),
}

macro_rules! argument {
    ($($type:ty => |$value:ident| $argument:expr),* $(,)?) => {$(
        impl From<$type> for Argument {
            fn from($value: $type) -> Self {
                $argument
            }
        }
    )*};
}

argument! {
    i64 => |value| Self::Integer(Some(value)),
    u32 => |value| Self::Integer(Some(i64::from(value))),
    Option<i64> => |value| Self::Integer(value),
    Timestamp => |value| Self::Integer(Some(value.as_microsecond())),
    String => |value| Self::Text(Some(value)),
    Option<String> => |value| Self::Text(value),
    &str => |value| Self::Text(Some(value.to_owned())),
    Option<&str> => |value| Self::Text(value.map(str::to_owned)),
    Date => |value| Self::Text(Some(value.to_string())),
    bool => |value| Self::Boolean(value),
    &[u8] => |value| Self::Bytes(value.to_vec()),
}

/// The arguments of a statement, in the order of `$1`, `$2` …
macro_rules! arguments {
    ($($value:expr),* $(,)?) => { [$($crate::connection::Argument::from($value)),*] };
}
pub(crate) use arguments;

/// Rows per statement. Larger payloads gain nothing and hold a lot of memory.
pub(crate) const CHUNK: usize = 1_000;

/// Rows as the JSON array that bulk statements take.
///
/// # Errors
/// `Invalid` where a text holds a NUL character: PostgreSQL cannot store one, and SQLite must not differ.
pub(crate) fn payload<T: Serialize>(rows: &[T]) -> Result<String> {
    let text = serde_json::to_string(rows)
        .map_err(|error| StoreError::Invalid { what: format!("a value cannot be stored ({error})") })?;
    if has_nul(&text) { Err(nul()) } else { Ok(text) }
}

/// Texts as a JSON array of objects, whose `text` both databases read alike.
pub(crate) fn texts<'a>(all: impl IntoIterator<Item = &'a str>) -> Result<String> {
    #[derive(Serialize)]
    struct Input<'a> {
        text: &'a str,
    }
    payload(&all.into_iter().map(|text| Input { text }).collect::<Vec<_>>())
}

/// Whether JSON holds an escaped NUL, rather than an escaped backslash before `u0000`.
fn has_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        let before = json.as_bytes().get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

fn nul() -> StoreError {
    StoreError::Invalid { what: "a text holds a NUL character, which cannot be stored".into() }
}

fn refuse_nul(arguments: &[Argument]) -> Result<()> {
    let has_nul = |argument: &Argument| matches!(argument, Argument::Text(Some(text)) if text.contains('\0'));
    if arguments.iter().any(has_nul) { Err(nul()) } else { Ok(()) }
}

/// Ids as a JSON array of numbers.
pub(crate) fn numbers(ids: impl IntoIterator<Item = i64>) -> String {
    let mut text = String::from("[");
    for (position, id) in ids.into_iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}
