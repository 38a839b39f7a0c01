//! The schema, and bringing a database to it. Rules for the files: `migrations/README.md`.
//!
//! Nodes are brought to another version one after the other, and back where it disappoints: a program goes on working on a
//! schema that a newer one has brought further, where each migration it does not know says in its first line that it may.
//! The database keeps the text of what it applied, so that the older program can read that line.

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
    /// Names of the migrations of a newer program, which this one can live with.
    pub newer: Vec<String>,
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
    migration!("0037_certifications"),
    migration!("0038_events"),
    migration!("0039_draft_everything"),
    migration!("0040_leave_room_for_updates.postgres"),
    migration!("0041_tell_of_violations"),
    migration!("0042_index_words_and_keep_views"),
    migration!("0043_index_what_is_held"),
    migration!("0044_index_known_entitlements"),
    migration!("0045_index_streams_by_time"),
    migration!("0046_keep_findings"),
    migration!("0047_narrow_lists"),
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
    /// [`StoreError::Migration`] where an applied migration is not the one this program knows, or is of a newer program and
    /// does not let this one go on.
    pub async fn migrate(&self) -> Result<MigrationReport> {
        self.write(|tx| Box::pin(tx.migrate())).await
    }

    /// Whether the database can be read and written and its schema is this program's, or one that it can live with.
    pub async fn is_ready(&self) -> Result<()> {
        let mut connection = self.reader().await?;
        let exists = if connection.is_postgres() { TABLE_EXISTS_POSTGRES } else { TABLE_EXISTS_SQLITE };
        if connection.number(exists, arguments![]).await? == 0 {
            return Err(StoreError::Migration { reason: "it is empty; run `quartermaster migrate`".into() });
        }
        let Schema { missing, .. } = Schema::read(&mut connection).await?;
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
        let Schema { missing, newer } = Schema::read(&mut self.connection).await?;
        let mut applied = Vec::new();
        for (name, body) in missing {
            let text = if is_postgres { body.to_owned() } else { sqlite_text(body) };
            // The text is part of the program; only the names of types were exchanged.
            self.connection.script(AssertSqlSafe(text)).await.map_err(|error| StoreError::Migration {
                reason: format!("migration {name} failed: {}", cause(&error)),
            })?;
            self.execute(RECORD, arguments![number(name), name, body]).await?;
            applied.push(name.to_owned());
        }
        let newest = newer.last().map(String::as_str).or(expected(is_postgres).last().map(|(name, _)| name));
        Ok(MigrationReport { applied, current: newest.map_or(0, number), newer })
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

/// The database's schema beside this program's.
struct Schema {
    /// What is to be applied, in order: name and text.
    missing: Vec<(&'static str, &'static str)>,
    /// Names of what a newer program has applied.
    newer: Vec<String>,
}

impl Schema {
    async fn read(connection: &mut Connection) -> Result<Self> {
        let is_postgres = connection.is_postgres();
        let mut expected = expected(is_postgres).peekable();
        let own = MIGRATIONS.last().map_or(0, |(name, _)| number(name));
        let mut newer = Vec::new();
        for row in connection.rows(APPLIED, arguments![]).await? {
            let (name, body) = (row.text("name")?, row.text("body")?);
            match expected.next() {
                Some((known, text)) if name == known && body == text => {}
                Some((known, _)) => {
                    return Err(StoreError::Migration {
                        reason: format!(
                            "its migration {name} differs from this program's {known}; run the version that made it"
                        ),
                    });
                }
                None if goes_on_from(&body).is_some_and(|from| from <= own) => newer.push(name),
                None => {
                    return Err(StoreError::Migration {
                        reason: format!(
                            "it has migration {name}, which this program does not know and cannot live with; run a newer version"
                        ),
                    });
                }
            }
        }
        Ok(Self { missing: expected.collect(), newer })
    }
}

const GOES_ON: &str = "-- Programs go on from ";

/// The number of the migration with which a program has to be acquainted to go on working once this one is applied, as its
/// first line says it. Without that line it has to know this one.
fn goes_on_from(body: &str) -> Option<i64> {
    body.lines().next()?.strip_prefix(GOES_ON)?.strip_suffix('.')?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_which_programs_go_on() {
        for (body, from) in [
            ("-- Programs go on from 0035.\ncreate table a (id bigint primary key);", Some(35)),
            ("-- Programs go on from 0035.", Some(35)),
            ("create table a (id bigint primary key);\n-- Programs go on from 0035.", None),
            ("-- Programs go on from here.\n", None),
            ("-- Programs go on from 0035", None),
            ("", None),
        ] {
            assert_eq!(goes_on_from(body), from, "{body}");
        }
    }

    /// What an older program reads, and the rows it writes, must be as they were: statements that only add.
    #[test]
    fn a_migration_that_says_so_takes_nothing_away() {
        for (name, body) in MIGRATIONS {
            let Some(from) = goes_on_from(body) else { continue };
            assert!(from < number(name), "{name}: programs that do not know it yet go on, so it names one before it");
            assert_eq!(
                takes_away(body),
                None,
                "{name}: programs from {from:04} would not go on; leave out its first line"
            );
        }
    }

    #[test]
    fn what_takes_something_away_is_noticed() {
        for (body, taken) in [
            ("create table a (id bigint primary key, b text not null);\ncreate unique index a_b on a (b);", false),
            ("alter table run add column note text;\ncreate index run_note on run (note);", false),
            ("alter table run add column note text not null default '';", false),
            ("-- why; and more\ninsert into number_space (id, next) values (2, 1);", false),
            ("alter table run add column note text not null;", true),
            ("alter table run drop column state;", true),
            ("alter table run rename to job_run;", true),
            ("drop table run;", true),
            ("update run set state = 'x';", true),
            ("create unique index run_once on run (state);", true),
            ("drop index event_at;", false),
            ("drop index saved_view_name;", true),
        ] {
            assert_eq!(takes_away(body).is_some(), taken, "{body}");
        }
    }

    /// The first statement that an older program might trip over.
    fn takes_away(body: &str) -> Option<String> {
        let lines = body.lines().filter(|line| !line.trim_start().starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let mut made: Vec<String> = Vec::new();
        for statement in text.split(";\n").map(|statement| statement.trim().trim_end_matches(';')) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            let harmless = match words.as_slice() {
                [] | ["insert", "into", ..] | ["create", "index", ..] => true,
                ["create", "table", table, ..] => {
                    made.push((*table).to_owned());
                    true
                }
                ["create", "unique", "index", _, "on", table, ..] => made.iter().any(|own| own == table),
                // Without one that holds nothing together, a question is slower at the most.
                ["drop", "index", name] => {
                    let created = format!("create index {name} ");
                    MIGRATIONS.iter().any(|(_, body)| body.contains(&created))
                }
                // Room on pages is nothing that a program sees.
                ["alter", "table", _, "set", "(fillfactor", ..] => true,
                ["alter", "table", _, "add", "column", ..] => {
                    !statement.contains("not null") || statement.contains(" default ")
                }
                _ => false,
            };
            if !harmless {
                return Some(statement.to_owned());
            }
        }
        None
    }
}
