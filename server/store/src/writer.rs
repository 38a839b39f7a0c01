//! SQLite's one writer: a task that owns the only writing connection. What waits in its channel is committed together,
//! because a durable commit costs as much for one change as for five hundred.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use crate::connection::Connection;
use crate::transaction::{Tx, run};
use crate::{Result, StoreError};

/// Closures that may wait; beyond it callers wait to hand theirs in.
const QUEUE: usize = 4_096;
/// Closures in one commit.
const GROUP: usize = 512;

pub(crate) struct Writer {
    sender: mpsc::Sender<Message>,
    /// The last commit failed.
    failing: Arc<AtomicBool>,
}

enum Message {
    Work(Box<dyn Work>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    pub(crate) fn start(connection: SqliteConnection) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        let tx = Tx::new(Connection::SqliteWriter(Box::new(connection)));
        tokio::spawn(serve(tx, receiver, Arc::clone(&failing)));
        Self { sender, failing }
    }

    /// Whether the last commit failed: only another one tells whether it is still so.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(crate) async fn send(&self, work: Box<dyn Work>) -> Result<()> {
        self.sender.send(Message::Work(work)).await.map_err(|_| closed())
    }

    /// Finishes what was sent before, then closes the connection.
    pub(crate) async fn close(&self) {
        let (answer, closed) = oneshot::channel();
        if self.sender.send(Message::Close(answer)).await.is_ok() {
            // An error means that the task is gone, which is what was asked for.
            let _ = closed.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is closed".into() }
}

async fn serve(mut tx: Tx, mut receiver: mpsc::Receiver<Message>, failing: Arc<AtomicBool>) {
    let mut closing = None;
    while closing.is_none() {
        let Some(first) = receiver.recv().await else { break };
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Work(work) => group.push(work),
                Message::Close(answer) => closing = Some(answer),
            }
            if group.len() < GROUP && closing.is_none() {
                next = receiver.try_recv().ok();
            }
        }
        if let Some(committed) = commit_together(&mut tx, group).await {
            failing.store(!committed, Ordering::Relaxed);
        }
    }
    receiver.close();
    while let Ok(message) = receiver.try_recv() {
        if let Message::Work(work) = message {
            work.refuse(closed());
        }
    }
    if let Connection::SqliteWriter(connection) = tx.connection
        && let Err(error) = sqlx::Connection::close(*connection).await
    {
        tracing::warn!(%error, "Closing the database failed; nothing that was committed is lost");
    }
    if let Some(answer) = closing {
        // Nobody waits any more: nothing to tell.
        let _ = answer.send(());
    }
}

/// Whether the commit succeeded; nothing where there was nothing to commit.
async fn commit_together(tx: &mut Tx, group: Vec<Box<dyn Work>>) -> Option<bool> {
    if group.is_empty() {
        return None;
    }
    if let Err(error) = tx.execute("begin immediate", []).await {
        for work in group {
            work.refuse(again(&error));
        }
        return Some(false);
    }
    let mut settled: Vec<Box<dyn Settle>> = Vec::with_capacity(group.len());
    let mut intact = Ok(());
    for work in group {
        match &intact {
            Ok(()) => {
                let (answer, still) = one_of_group(tx, work).await;
                settled.push(answer);
                intact = still;
            }
            Err(error) => settled.push(work.fail(again(error))),
        }
    }
    let committed = match intact {
        Ok(()) => tx.execute("commit", []).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = &committed {
        tracing::warn!(%error, "A group of changes was not committed; their callers are told");
        // After some errors SQLite has rolled back by itself, and this one fails as well.
        let _ = tx.execute("rollback", []).await;
    }
    for answer in settled {
        answer.settle(committed.as_ref().copied().map_err(again));
    }
    Some(committed.is_ok())
}

/// The same failure, for another caller.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason } => StoreError::Unavailable { reason: reason.clone() },
        error => StoreError::Unavailable { reason: error.to_string() },
    }
}

/// Runs one closure under its savepoint. An error beside the answer says that the savepoint could not be ended: then
/// SQLite has given the whole transaction up (disk full, out of memory), and another savepoint would silently begin a
/// transaction of its own. Nothing more may run.
async fn one_of_group(tx: &mut Tx, work: Box<dyn Work>) -> (Box<dyn Settle>, Result<()>) {
    if let Err(error) = tx.execute("savepoint work", []).await {
        return (work.fail(again(&error)), Err(error));
    }
    let (keep, answer) = work.run(tx).await;
    let mut ended = Ok(0);
    if !keep {
        ended = tx.execute("rollback to work", []).await;
    }
    if ended.is_ok() {
        ended = tx.execute("release work", []).await;
    }
    (answer, ended.map(drop))
}

/// A closure on its way to the writer.
pub(crate) trait Work: Send {
    /// Whether to keep what it did, and who waits for the commit.
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, (bool, Box<dyn Settle>)>;
    /// Answers an error without having run.
    fn refuse(self: Box<Self>, error: StoreError);
    /// As `refuse`, but with the others of its group.
    fn fail(self: Box<Self>, error: StoreError) -> Box<dyn Settle>;
}

/// A closure that has run and whose caller waits for the commit.
pub(crate) trait Settle: Send {
    fn settle(self: Box<Self>, committed: Result<()>);
}

type Answer<T, E> = std::result::Result<T, E>;

pub(crate) struct Request<T, E, F> {
    work: F,
    answer: oneshot::Sender<Answer<T, E>>,
}

impl<T, E, F> Request<T, E, F> {
    pub(crate) fn new(work: F) -> (Self, oneshot::Receiver<Answer<T, E>>) {
        let (answer, receiver) = oneshot::channel();
        (Self { work, answer }, receiver)
    }
}

impl<T, E, F> Work for Request<T, E, F>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Answer<T, E>> + Send + 'static,
    E: From<StoreError> + Send + 'static,
    T: Send + 'static,
{
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, (bool, Box<dyn Settle>)> {
        Box::pin(async move {
            let result = run(tx, self.work).await;
            let keep = result.is_ok();
            let settled: Box<dyn Settle> = Box::new(Settled { result, answer: self.answer });
            (keep, settled)
        })
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        // A caller that went away needs no answer.
        let _ = self.answer.send(Err(error.into()));
    }

    fn fail(self: Box<Self>, error: StoreError) -> Box<dyn Settle> {
        Box::new(Settled { result: Err(error.into()), answer: self.answer })
    }
}

struct Settled<T, E> {
    result: Answer<T, E>,
    answer: oneshot::Sender<Answer<T, E>>,
}

impl<T, E> Settle for Settled<T, E>
where
    E: From<StoreError> + Send,
    T: Send,
{
    fn settle(self: Box<Self>, committed: Result<()>) {
        let result = match committed {
            Ok(()) => self.result,
            Err(error) => self.result.and(Err(error.into())),
        };
        // A caller that went away needs no answer.
        let _ = self.answer.send(result);
    }
}
