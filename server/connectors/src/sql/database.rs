//! The three databases behind one interface: transactions that take statements and give rows of text.

use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, MySql, Postgres, Row, Sqlite};

use super::dialect::Dialect;
use super::statement::{Bound, Statement};
use crate::Settings;

/// How to reach a database. The pool is made with the first call, because it lives in the runtime of that call.
pub(super) struct Database {
    target: Target,
    connections: u32,
    connect_timeout: Duration,
    pool: OnceLock<Pool>,
}

enum Target {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
    MySql(MySqlConnectOptions),
}

enum Pool {
    Sqlite(sqlx::Pool<Sqlite>),
    Postgres(sqlx::Pool<Postgres>),
    MySql(sqlx::Pool<MySql>),
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One unchanging view of everything.
    Read,
    Write,
}

/// A transaction; dropped without a commit, nothing happened.
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
    MySql(sqlx::Transaction<'static, MySql>),
}

/// Rows of a query: each column is text, or null.
pub(super) type TextRow = Vec<Option<String>>;

impl Database {
    /// Reads the address. Nothing is connected yet.
    ///
    /// # Errors
    /// An address that cannot be understood.
    pub(super) fn open(
        dialect: Dialect,
        url: &str,
        password: Option<&str>,
        settings: &Settings,
    ) -> Result<Self, sqlx::Error> {
        let target = match dialect {
            Dialect::Sqlite => {
                let options = SqliteConnectOptions::from_str(url)?;
                let in_memory = url.contains(":memory:") || url.contains("mode=memory");
                let file = settings.base.join(options.get_filename());
                let options = if in_memory { options } else { options.filename(file) };
                Target::Sqlite(options.busy_timeout(settings.total_timeout.min(Duration::from_secs(10))))
            }
            Dialect::Postgres => {
                let mut options = PgConnectOptions::from_str(url)?.application_name("quartermaster");
                if let Some(password) = password {
                    options = options.password(password);
                }
                let milliseconds = settings.total_timeout.as_millis().to_string();
                Target::Postgres(options.options([("statement_timeout", milliseconds)]))
            }
            Dialect::MySql => {
                let mut options = MySqlConnectOptions::from_str(&url.replacen("mariadb:", "mysql:", 1))?;
                if let Some(password) = password {
                    options = options.password(password);
                }
                Target::MySql(options)
            }
        };
        // One more than are used to write, so that a listing does not wait for them all.
        let connections = u32::try_from(settings.concurrency).unwrap_or(u32::MAX).saturating_add(1);
        Ok(Self { target, connections, connect_timeout: settings.connect_timeout, pool: OnceLock::new() })
    }

    pub(super) async fn begin(&self, purpose: Purpose) -> Result<Transaction, sqlx::Error> {
        Ok(match (self.pool.get_or_init(|| self.pool()), purpose) {
            (Pool::Sqlite(pool), Purpose::Read) => Transaction::Sqlite(pool.begin().await?),
            // Taken at once: a transaction that reads first and then wants to write is refused without waiting.
            (Pool::Sqlite(pool), Purpose::Write) => Transaction::Sqlite(pool.begin_with("begin immediate").await?),
            (Pool::Postgres(pool), Purpose::Read) => {
                Transaction::Postgres(pool.begin_with("begin isolation level repeatable read read only").await?)
            }
            (Pool::Postgres(pool), Purpose::Write) => Transaction::Postgres(pool.begin().await?),
            (Pool::MySql(pool), Purpose::Read) => {
                Transaction::MySql(pool.begin_with("start transaction with consistent snapshot, read only").await?)
            }
            (Pool::MySql(pool), Purpose::Write) => Transaction::MySql(pool.begin().await?),
        })
    }

    fn pool(&self) -> Pool {
        match &self.target {
            Target::Sqlite(options) => {
                let pool = SqlitePoolOptions::new().max_connections(self.connections);
                Pool::Sqlite(pool.acquire_timeout(self.connect_timeout).connect_lazy_with(options.clone()))
            }
            Target::Postgres(options) => {
                let pool = PgPoolOptions::new().max_connections(self.connections);
                Pool::Postgres(pool.acquire_timeout(self.connect_timeout).connect_lazy_with(options.clone()))
            }
            Target::MySql(options) => {
                let pool = MySqlPoolOptions::new().max_connections(self.connections);
                Pool::MySql(pool.acquire_timeout(self.connect_timeout).connect_lazy_with(options.clone()))
            }
        }
    }
}

macro_rules! bound {
    ($statement:expr) => {{
        // INVARIANT: a statement's text comes from us and from the configuration, names in it are quoted, and no value
        // is ever part of it; `statement.rs` is the only place where one is put together.
        let mut query = sqlx::query(AssertSqlSafe($statement.text().to_owned()));
        for value in $statement.values() {
            query = match value {
                Bound::Null => query.bind(None::<String>),
                Bound::Text(text) => query.bind(text.clone()),
                Bound::Integer(number) => query.bind(*number),
                Bound::Boolean(value) => query.bind(*value),
            };
        }
        query
    }};
}

macro_rules! text_rows {
    ($rows:expr) => {
        $rows.iter().map(|row| (0..row.len()).map(|index| row.try_get(index)).collect()).collect()
    };
}

impl Transaction {
    /// Runs a statement for its effect, and answers how many rows it touched.
    pub(super) async fn execute(&mut self, statement: &Statement) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(tx) => bound!(statement).execute(&mut **tx).await?.rows_affected(),
            Self::Postgres(tx) => bound!(statement).execute(&mut **tx).await?.rows_affected(),
            Self::MySql(tx) => bound!(statement).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Runs a query whose columns are all text.
    pub(super) async fn fetch(&mut self, statement: &Statement) -> Result<Vec<TextRow>, sqlx::Error> {
        match self {
            Self::Sqlite(tx) => text_rows!(bound!(statement).fetch_all(&mut **tx).await?),
            Self::Postgres(tx) => text_rows!(bound!(statement).fetch_all(&mut **tx).await?),
            Self::MySql(tx) => text_rows!(bound!(statement).fetch_all(&mut **tx).await?),
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
            Self::MySql(tx) => tx.commit().await,
        }
    }
}
