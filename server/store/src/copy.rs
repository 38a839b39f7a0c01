//! A copy of the whole database as it is at one moment, made while it is in use. Of SQLite alone: PostgreSQL comes with tools
//! for that. Where the copy goes, and who may read it, is for whoever asks for it to see to.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _};

use crate::connection::arguments;
use crate::{Dialect, Result, Store, StoreError};

const COPY: &str = "vacuum into $1";

/// One line: `ok`, or what is wrong first.
const CHECK: &str = "pragma integrity_check(1)";

impl Store {
    /// Writes the database into this file, which is there and empty, and reads the copy through. Others go on writing meanwhile;
    /// the copy has what was committed when it was begun.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] on PostgreSQL, and where the path is no text; [`StoreError::Unavailable`] where the file cannot be
    /// written; [`StoreError::Corrupt`] where the copy is not whole, and so the database itself may not be.
    pub async fn copy_to(&self, path: &Path) -> Result<()> {
        if self.dialect() != Dialect::Sqlite {
            return Err(StoreError::Invalid {
                what: "a database of PostgreSQL is copied with its own tools".to_owned(),
            });
        }
        let Some(name) = path.to_str() else {
            return Err(StoreError::Invalid { what: format!("`{}` is not written in UTF-8", path.display()) });
        };
        self.reader().await?.execute(COPY, arguments![name]).await?;
        check(path).await
    }
}

async fn check(path: &Path) -> Result<()> {
    let mut copy = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
    let found: String = sqlx::query_scalar(CHECK).fetch_one(&mut copy).await?;
    copy.close().await?;
    match found.as_str() {
        "ok" => Ok(()),
        problem => Err(StoreError::Corrupt { what: format!("the copy is not whole ({problem})") }),
    }
}
