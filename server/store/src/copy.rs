//! A copy of the whole database as it is at one moment, made while it is in use. Of SQLite alone: PostgreSQL comes with tools
//! for that. Where the copy goes, and who may read it, is for whoever asks for it to see to.

use std::path::Path;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection as _};

use crate::connection::arguments;
use crate::restoration::{CLEAR, MARK};
use crate::{Dialect, Result, Store, StoreError};

const COPY: &str = "vacuum into $1";

/// One line: `ok`, or what is wrong first.
const CHECK: &str = "pragma integrity_check(1)";

impl Store {
    /// Writes the database into this file, which is there and empty, and reads the copy through. Others go on writing meanwhile;
    /// the copy has what was committed when it was begun. It bears the mark of a database that was put back to that moment
    /// ([`Store::restoration`]).
    ///
    /// # Errors
    /// [`StoreError::Invalid`] on PostgreSQL, and where the path is no text; [`StoreError::Unavailable`] where the file cannot be
    /// written; [`StoreError::Corrupt`] where the copy is not whole, and so the database itself may not be.
    pub async fn copy_to(&self, path: &Path, at: Timestamp) -> Result<()> {
        if self.dialect() != Dialect::Sqlite {
            return Err(StoreError::Invalid {
                what: "a database of PostgreSQL is copied with its own tools".to_owned(),
            });
        }
        let Some(name) = path.to_str() else {
            return Err(StoreError::Invalid { what: format!("`{}` is not written in UTF-8", path.display()) });
        };
        self.reader().await?.execute(COPY, arguments![name]).await?;
        finish(path, at).await
    }
}

async fn finish(path: &Path, at: Timestamp) -> Result<()> {
    // Nothing is left beside a copy that is given up, and one that breaks off is not kept.
    let options = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Memory);
    let mut copy = options.connect().await?;
    // Of a database that was itself put back the mark is there.
    sqlx::query(CLEAR).execute(&mut copy).await?;
    sqlx::query(MARK).bind(at.as_microsecond()).execute(&mut copy).await?;
    let found: String = sqlx::query_scalar(CHECK).fetch_one(&mut copy).await?;
    copy.close().await?;
    match found.as_str() {
        "ok" => Ok(()),
        problem => Err(StoreError::Corrupt { what: format!("the copy is not whole ({problem})") }),
    }
}
