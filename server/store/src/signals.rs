//! News between the processes that share a PostgreSQL database: a transaction that changed a run says so when it
//! commits, and whoever listens looks. News carry no facts, only where to look; one that gets lost costs the wait until
//! the next look. An embedded database has one process that runs, which needs none of this.

use model::ids::RunId;
use sqlx::postgres::PgListener;

use crate::connection::arguments;
use crate::open::Backend;
use crate::{Result, Store, Tx};

const CHANNEL: &str = "quartermaster_runs";

/// For PostgreSQL alone. Equal ones of a transaction are told once.
const NOTIFY: &str = "select pg_notify('quartermaster_runs', $1)";

/// What was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A run was queued, changed, or has a longer log.
    Run(RunId),
    /// The connection was lost and is there again: anything may have been missed.
    Missed,
}

/// Hears what other processes, and this one, commit from now on.
pub struct Signals(PgListener);

impl Store {
    /// None where the database has nobody to tell: on SQLite.
    pub async fn signals(&self) -> Result<Option<Signals>> {
        let Backend::Postgres(pool) = &self.inner.backend else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Signals(listener)))
    }
}

impl Signals {
    /// The next one. An error says that the database cannot be reached; asking again tries again.
    pub async fn next(&mut self) -> Result<Signal> {
        let told = self.0.try_recv().await?;
        let run = told.and_then(|told| told.payload().parse().ok());
        Ok(run.map_or(Signal::Missed, |run| Signal::Run(RunId(run))))
    }
}

impl Tx {
    /// Tells, once this is committed, that something about the run changed.
    pub(crate) async fn signal_run(&mut self, run: RunId) -> Result<()> {
        if self.connection.is_postgres() {
            self.row(NOTIFY, arguments![run.to_string()]).await?;
        }
        Ok(())
    }
}
