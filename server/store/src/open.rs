//! Opening and closing the database.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor};

use crate::connection::{Connection, arguments};
use crate::ids::Numbers;
use crate::writer::Writer;
use crate::{Result, StoreError};

/// The system of record. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) backend: Backend,
    pub(crate) numbers: Numbers,
    /// The folder of a private database, removed with it.
    temporary: Option<PathBuf>,
}

pub(crate) enum Backend {
    Sqlite { writer: Writer, readers: SqlitePool },
    Postgres(PgPool),
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// SQLite before this one can corrupt a database in write-ahead mode when several connections are open
/// (<https://sqlite.org/wal.html>, "WAL-reset bug").
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;
const WAIT: Duration = Duration::from_secs(5);

/// 64 MB for the writer alone: a whole run's orders are one transaction, and pages that do not fit are written twice.
const WRITER_CACHE: &str = "-65536";
/// 64 MB of write-ahead log before it is copied into the database: the same pages are written again and again in a run.
const CHECKPOINT_PAGES: &str = "16384";
/// Rows that SQLite's thread may be ahead of who reads them: each time one waits for the other costs more than a row does.
const ROWS_AHEAD: usize = 2_048;

/// A node that is stopped, or cut off from the network, in the middle of a transaction would keep what it has locked from all
/// others for as long as it is away. No transaction of ours idles: none is open while an application is called.
const END_OF_IDLE_TRANSACTIONS: &str = "set idle_in_transaction_session_timeout = '10s'";

impl Store {
    /// Opens `sqlite:PATH`, created where it is missing, `sqlite::memory:` or `postgres://…`. Does not migrate.
    ///
    /// SQLite: write-ahead log, `synchronous=FULL`, foreign keys on, one writer and four readers.
    /// `sqlite::memory:` is a private database for tests. It is a file in a temporary folder, because readers could not
    /// see a writer's memory, is not made durable, and goes when the last clone of the store does.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an address that is none, [`StoreError::Unavailable`] where it does not open. No
    /// error repeats the address's password.
    pub async fn open(url: &str) -> Result<Self> {
        if url == "sqlite::memory:" {
            let folder = temporary_folder()?;
            return Self::open_sqlite(&folder.join("private.db"), SqliteSynchronous::Off, Some(folder)).await;
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(['?', '\0']) {
                return Err(StoreError::Invalid {
                    what: format!("`{url}` is no address of a SQLite database; write sqlite: and the path of a file"),
                });
            }
            return Self::open_sqlite(Path::new(path), SqliteSynchronous::Full, None).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url).await;
        }
        Err(StoreError::Invalid { what: "the database's address has to start with sqlite: or postgres://".into() })
    }

    async fn open_sqlite(path: &Path, synchronous: SqliteSynchronous, temporary: Option<PathBuf>) -> Result<Self> {
        let opening = |error: sqlx::Error| StoreError::Unavailable {
            reason: format!(
                "`{}` cannot be opened ({error}). The file and its folder have to be there, and writable for the user who \
                 runs the program",
                path.display()
            ),
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(WAIT)
            .statement_cache_capacity(256)
            .row_buffer_size(ROWS_AHEAD)
            .pragma("temp_store", "memory")
            .pragma("cache_size", "-16384");
        let connection = options
            .clone()
            .create_if_missing(true)
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .connect()
            .await
            .map_err(opening)?;
        let mut connection = Connection::SqliteWriter(Box::new(connection));
        refuse_old_sqlite(&mut connection).await?;
        let Connection::SqliteWriter(connection) = connection else { return Err(crate::transaction::stopped()) };
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(WAIT)
            .connect_with(options.read_only(true))
            .await
            .map_err(opening)?;
        let backend = Backend::Sqlite { writer: Writer::start(*connection), readers };
        Ok(Self::new(backend, temporary))
    }

    async fn open_postgres(url: &str) -> Result<Self> {
        // The parser's own error may repeat parts of the address, and so the password.
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Invalid {
            what: "the address of the PostgreSQL database cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE".into(),
        })?;
        let options = options.application_name("quartermaster").statement_cache_capacity(256);
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(WAIT * 2)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(END_OF_IDLE_TRANSACTIONS).await.map(drop) })
            })
            .connect_with(options)
            .await
            .map_err(|error| StoreError::Unavailable {
                reason: format!("PostgreSQL at {place} does not answer ({error})"),
            })?;
        Ok(Self::new(Backend::Postgres(pool), None))
    }

    fn new(backend: Backend, temporary: Option<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { backend, numbers: Numbers::default(), temporary }) }
    }

    /// Whether the last commit failed, where this store would know.
    pub(crate) fn is_failing_to_commit(&self) -> bool {
        matches!(&self.inner.backend, Backend::Sqlite { writer, .. } if writer.is_failing())
    }

    pub fn dialect(&self) -> Dialect {
        match &self.inner.backend {
            Backend::Sqlite { .. } => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Finishes what was handed in, then closes all connections. Later calls fail.
    pub async fn close(&self) {
        match &self.inner.backend {
            Backend::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Backend::Postgres(pool) => pool.close().await,
        }
    }

    /// A connection for one statement that reads.
    pub(crate) async fn reader(&self) -> Result<Connection> {
        Ok(match &self.inner.backend {
            Backend::Sqlite { readers, .. } => Connection::SqliteReader(readers.acquire().await?),
            Backend::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        })
    }

    /// A connection for several statements that see one state of the database.
    pub(crate) async fn snapshot(&self) -> Result<Connection> {
        Ok(match &self.inner.backend {
            Backend::Sqlite { readers, .. } => Connection::SqliteSnapshot(readers.begin().await?),
            Backend::Postgres(pool) => Connection::PostgresTransaction(
                pool.begin_with("begin isolation level repeatable read read only").await?,
            ),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(folder) = &self.temporary {
            // Left behind it is only a file in the temporary folder.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

async fn refuse_old_sqlite(connection: &mut Connection) -> Result<()> {
    let row = connection.row("select sqlite_version() as version", arguments![]).await?;
    let version = row.map_or_else(|| Ok(String::new()), |row| row.text("version"))?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or_default());
    let mut part = || parts.next().unwrap_or_default();
    if (part(), part(), part()) < OLDEST_SQLITE {
        let (major, minor, patch) = OLDEST_SQLITE;
        return Err(StoreError::Unavailable {
            reason: format!("SQLite {version} can corrupt its files; {major}.{minor}.{patch} or newer is needed"),
        });
    }
    Ok(())
}

fn temporary_folder() -> Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("quartermaster-{}-{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(StoreError::Unavailable {
                    reason: format!("`{}` cannot be created ({error})", folder.display()),
                });
            }
        }
    }
}
