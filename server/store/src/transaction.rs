//! Write transactions.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;

use crate::connection::{Argument, CHUNK, Connection, Row, payload};
use crate::events::NewFact;
use crate::open::Backend;
use crate::writer::Request;
use crate::{Result, Store, StoreError};

/// A write transaction. After any of its methods has failed the whole transaction is rolled back, even if the caller
/// carries on: the two databases would otherwise keep different things.
pub struct Tx {
    pub(crate) connection: Connection,
    failed: bool,
    /// What happened, to be written down at its end.
    pub(crate) facts: Vec<NewFact>,
    /// Whether anybody wants to be told, once that was looked up.
    pub(crate) wants_events: Option<bool>,
}

tokio::task_local! {
    /// Set while a closure of [`Store::write`] runs.
    static WRITING: ();
}

impl Store {
    /// Runs the closure in a write transaction and answers once it is durable. An error rolls back what the closure
    /// did and nothing else.
    ///
    /// On SQLite the closures of all callers go to one writer, which commits what waits together, each under its own
    /// savepoint; callers wait while its channel is full. On PostgreSQL it is a transaction of its own, at the default
    /// isolation; [`StoreError::Contended`] says that repeating it may help.
    ///
    /// Call no other writing method of [`Store`] inside: that is answered with [`StoreError::Nested`].
    pub async fn write<T, E, F>(&self, work: F) -> std::result::Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, std::result::Result<T, E>> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        if WRITING.try_with(|()| ()).is_ok() {
            return Err(StoreError::Nested.into());
        }
        match &self.inner.backend {
            Backend::Sqlite { writer, .. } => {
                let (request, answer) = Request::new(work);
                writer.send(Box::new(request)).await?;
                answer.await.unwrap_or_else(|_| Err(stopped().into()))
            }
            Backend::Postgres(pool) => {
                let transaction = pool.begin().await.map_err(StoreError::from)?;
                let mut tx = Tx::new(Connection::PostgresTransaction(transaction));
                let value = run(&mut tx, work).await?;
                tx.connection.commit().await?;
                Ok(value)
            }
        }
    }

    /// [`Store::write`], repeated up to four more times while transactions get in each other's way.
    pub async fn write_retrying<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Clone + Send + 'static,
        T: Send + 'static,
    {
        for _ in 0..4 {
            match self.write(work.clone()).await {
                Err(StoreError::Contended) => {}
                result => return result,
            }
        }
        self.write(work).await
    }
}

/// Runs a closure so that neither a panic nor a swallowed error lets half of it be kept.
pub(crate) async fn run<T, E, F>(tx: &mut Tx, work: F) -> std::result::Result<T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, std::result::Result<T, E>>,
    E: From<StoreError>,
{
    tx.failed = false;
    tx.facts.clear();
    tx.wants_events = None;
    let result = AssertUnwindSafe(WRITING.scope((), work(tx))).catch_unwind().await;
    match result {
        Ok(Ok(_)) if tx.failed => Err(StoreError::Invalid { what: SWALLOWED.into() }.into()),
        Ok(Ok(value)) => {
            tx.write_facts().await?;
            Ok(value)
        }
        Ok(result) => result,
        Err(_) => Err(stopped().into()),
    }
}

const SWALLOWED: &str = "a change went on after the database had refused a part of it, so nothing of it was kept";

pub(crate) fn stopped() -> StoreError {
    StoreError::Unavailable { reason: "the write was broken off".into() }
}

impl Tx {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, failed: false, facts: Vec::new(), wants_events: None }
    }

    pub(crate) async fn execute<const N: usize>(&mut self, sql: &'static str, arguments: [Argument; N]) -> Result<u64> {
        let result = self.connection.execute(sql, arguments).await;
        self.failed |= result.is_err();
        result
    }

    pub(crate) async fn rows<const N: usize>(
        &mut self,
        sql: &'static str,
        arguments: [Argument; N],
    ) -> Result<Vec<Row>> {
        let result = self.connection.rows(sql, arguments).await;
        self.failed |= result.is_err();
        result
    }

    pub(crate) async fn row<const N: usize>(
        &mut self,
        sql: &'static str,
        arguments: [Argument; N],
    ) -> Result<Option<Row>> {
        let result = self.connection.row(sql, arguments).await;
        self.failed |= result.is_err();
        result
    }

    /// Runs a statement that takes rows as `$1`, chunk by chunk. While the database works on one chunk the next one is
    /// put into words.
    pub(crate) async fn bulk<T: Serialize>(&mut self, sql: &'static str, rows: &[T]) -> Result<()> {
        let mut chunks = rows.chunks(CHUNK).map(payload);
        let mut ready = chunks.next();
        while let Some(chunk) = ready.transpose()? {
            let (done, next) = futures::join!(self.execute(sql, [Argument::from(chunk)]), async { chunks.next() });
            done?;
            ready = next;
        }
        Ok(())
    }
}
