//! The schema, and bringing a database to it. Rules for the files: `migrations/README.md`.

use sqlx::AssertSqlSafe;

use crate::connection::{Connection, arguments};
use crate::{Result, Store, StoreError, Tx};

/// What [`Store::migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// Names of the migrations applied now, in order.
    pub applied: Vec<String>,
    /// Number of the newest migration in the database.
    pub current: i64,
}

macro_rules! migration {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../migrations/", $name, ".sql")))
    };
}

/// In order. A name that ends in `.postgres` is for PostgreSQL alone.
const MIGRATIONS: &[(&str, &str)] = &[
    migration!("0001_create_json_rows.postgres"),
    migration!("0002_create_numbers"),
    migration!("0003_create_configuration"),
    migration!("0004_create_users"),
    migration!("0005_create_runs"),
    migration!("0006_create_identities"),
    migration!("0007_create_accounts"),
    migration!("0008_create_orders"),
    migration!("0009_create_assignments"),
    migration!("0010_create_work_items"),
    migration!("0011_create_applications"),
    migration!("0012_triage_orders"),
    migration!("0013_queue_runs"),
    migration!("0014_create_job_schedules"),
    migration!("0015_create_account_reviews"),
    migration!("0016_create_undo"),
    migration!("0017_create_rings"),
    migration!("0018_create_mails"),
    migration!("0019_create_run_blocks"),
    migration!("0020_create_declined_changes"),
    migration!("0021_extend_work_items"),
    migration!("0022_create_forms"),
    migration!("0023_create_requests"),
    migration!("0024_create_jsonb_rows.postgres"),
    migration!("0025_route_orders"),
    migration!("0026_create_native_changes"),
    migration!("0027_create_agents"),
    migration!("0028_refer_to_accounts"),
    migration!("0029_note_restoration"),
    migration!("0030_create_violations"),
    migration!("0031_reconcile_access"),
    migration!("0032_create_drafts"),
    migration!("0033_create_lifecycle"),
    migration!("0034_hold_orders_apart"),
    migration!("0035_create_bulk_changes"),
    migration!("0036_approve_requests"),
];

const CREATE_TABLE: &str = r#"
    create table if not exists schema_migration (
      number bigint not null primary key,
      name text not null,
      body text not null
    )"#;

/// Nodes that start together take turns. The number is arbitrary and only has to be the same everywhere.
const LOCK: &str = "select pg_advisory_xact_lock(7233201)";

const APPLIED: &str = "
    select number, name, body
    from schema_migration
    order by number";

const RECORD: &str = "
    insert into schema_migration (number, name, body)
    values ($1, $2, $3)";

const TABLE_EXISTS_SQLITE: &str = "select count(*) from sqlite_schema where name = 'schema_migration'";
const TABLE_EXISTS_POSTGRES: &str =
    "select count(*) from pg_tables where tablename = 'schema_migration' and schemaname = current_schema()";

const PROBE: &str = "
    update number_space
    set next = next
    where id = 1";

impl Store {
    /// Brings the schema up to date: all that is missing in one transaction, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Migration`] where an applied migration is not the one this program knows.
    pub async fn migrate(&self) -> Result<MigrationReport> {
        self.write(|tx| Box::pin(tx.migrate())).await
    }

    /// Whether the database can be read and written and its schema is this program's.
    pub async fn is_ready(&self) -> Result<()> {
        let mut connection = self.reader().await?;
        let exists = if connection.is_postgres() { TABLE_EXISTS_POSTGRES } else { TABLE_EXISTS_SQLITE };
        if connection.number(exists, arguments![]).await? == 0 {
            return Err(StoreError::Migration { reason: "it is empty; run `quartermaster migrate`".into() });
        }
        let missing = missing(&mut connection).await?;
        if let Some((name, _)) = missing.first() {
            return Err(StoreError::Migration {
                reason: format!(
                    "{} migrations are missing, the first is {name}; run `quartermaster migrate`",
                    missing.len()
                ),
            });
        }
        drop(connection);
        // Whether there is room again only a commit tells.
        if self.is_failing_to_commit() {
            return self.write(|tx| Box::pin(tx.touch())).await;
        }
        // Tried and taken back, so that asking costs no durable commit.
        match self.write(|tx| Box::pin(tx.probe())).await {
            Err(Probe::Writable) => Ok(()),
            Err(Probe::Failed(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }
}

enum Probe {
    Writable,
    Failed(StoreError),
}

impl From<StoreError> for Probe {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Tx {
    async fn migrate(&mut self) -> Result<MigrationReport> {
        let is_postgres = self.connection.is_postgres();
        if is_postgres {
            self.execute(LOCK, arguments![]).await?;
        }
        self.execute(CREATE_TABLE, arguments![]).await?;
        let mut applied = Vec::new();
        for (name, body) in missing(&mut self.connection).await? {
            let text = if is_postgres { body.to_owned() } else { sqlite_text(body) };
            // The text is part of the program; only the names of types were exchanged.
            self.connection.script(AssertSqlSafe(text)).await.map_err(|error| StoreError::Migration {
                reason: format!("migration {name} failed: {}", cause(&error)),
            })?;
            self.execute(RECORD, arguments![number(name), name, body]).await?;
            applied.push(name.to_owned());
        }
        Ok(MigrationReport { applied, current: expected(is_postgres).last().map_or(0, |(name, _)| number(name)) })
    }

    /// Writes something that changes nothing.
    async fn touch(&mut self) -> Result<()> {
        self.execute(PROBE, arguments![]).await?;
        Ok(())
    }

    async fn probe(&mut self) -> std::result::Result<(), Probe> {
        self.execute(PROBE, arguments![]).await?;
        Err(Probe::Writable)
    }
}

async fn missing(connection: &mut Connection) -> Result<Vec<(&'static str, &'static str)>> {
    let mut expected = expected(connection.is_postgres()).peekable();
    for row in connection.rows(APPLIED, arguments![]).await? {
        let name = row.text("name")?;
        let Some((known, body)) = expected.next() else {
            return Err(StoreError::Migration {
                reason: format!("it has migration {name}, which this program does not know; run a newer version"),
            });
        };
        if name != known || row.text("body")? != body {
            return Err(StoreError::Migration {
                reason: format!(
                    "its migration {name} differs from this program's {known}; run the version that made it"
                ),
            });
        }
    }
    Ok(expected.collect())
}

fn expected(is_postgres: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    MIGRATIONS.iter().copied().filter(move |(name, _)| is_postgres || !name.ends_with(".postgres"))
}

fn number(name: &str) -> i64 {
    name.split('_').next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// The files are PostgreSQL's; SQLite has other names for a few types, and compares text by bytes without being told.
fn sqlite_text(body: &str) -> String {
    SQLITE_NAMES.iter().fold(body.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

const SQLITE_NAMES: &[(&str, &str)] = &[
    // Only these very words make a column the row's own number.
    ("bigserial primary key", "integer primary key autoincrement"),
    ("bigint primary key", "integer primary key"),
    ("jsonb", "text"),
    ("bytea", "blob"),
    (" collate \"C\"", ""),
];

fn cause(error: &StoreError) -> String {
    match error {
        StoreError::Database(error) => error.to_string(),
        error => error.to_string(),
    }
}
