//! Makes the database that comes with the demo, where there is none. Nothing else of the product uses this.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Creates the SQLite file if it is absent, and runs the script. The script is part of the program and has to do no
/// harm where it ran before.
///
/// # Errors
/// What the database said.
pub async fn create(file: &Path, script: &'static str) -> Result<(), String> {
    let failed = |error: sqlx::Error| format!("{} cannot be prepared: {error}.", file.display());
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection: SqliteConnection = options.connect().await.map_err(failed)?;
    sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)
}
