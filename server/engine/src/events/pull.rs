//! What receivers ask for: everything after a number or a time, and what everybody holds now.

use jiff::Timestamp;
use model::error::{ApiError, ErrorCode};
use model::event::{EventPage, Message, Position, Stream};
use model::ids::AssignmentId;
use policy::subscription::Filter;
use store::SnapshotLine;

use super::{complete, publish, tokens};
use crate::Engine;
use crate::error::internal;

/// Messages in an answer where nothing is said, and at the most.
const USUAL: u32 = 100;
const MOST: u32 = 1_000;
/// Events that are looked at for one answer: a filter may let few of them through.
const LOOKED_AT: u32 = 10_000;

/// A receiver that has shown its token.
#[derive(Clone)]
pub struct SignedReceiver {
    engine: Engine,
    pub subscription: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub stream: Option<Stream>,
    pub after: Option<i64>,
    pub since: Option<Timestamp>,
    pub limit: Option<u32>,
}

/// The number that a snapshot is valid at: what happened after it is read on from there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotHead {
    pub stream: Stream,
    pub epoch: Option<String>,
    pub sequence: i64,
    pub at: Timestamp,
}

/// Finds out which receiver has this token.
///
/// # Errors
/// `Unauthenticated`, with what to do, where it is none or worth nothing any more.
pub async fn sign_in(engine: &Engine, token: &str) -> Result<SignedReceiver, ApiError> {
    let subscription = tokens::find(engine, token).await?;
    Ok(SignedReceiver { engine: engine.clone(), subscription })
}

impl SignedReceiver {
    /// Messages that are meant for it, in order. Where nothing says from where, from where it stands. One that is not
    /// sent to by us has, by asking on, what came before.
    pub async fn page(&self, asked: Asked) -> Result<EventPage, ApiError> {
        let engine = &self.engine;
        engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
        let configuration = engine.world().configuration();
        let gone = || ApiError::not_found(format!("subscription `{}` in the configuration", self.subscription));
        let subscription = configuration.subscriptions.get(&self.subscription).ok_or_else(gone)?;
        let stream = subscription.source;
        if asked.stream.is_some_and(|asked| asked != stream) {
            let message =
                format!("This token is for the stream `{}`. Ask for that one, or leave `stream` out.", stream.name());
            return Err(ApiError::invalid("stream", message));
        }
        publish(engine).await.map_err(internal)?;
        let standing = engine.store().subscription(&self.subscription).await.map_err(internal)?.ok_or_else(gone)?;
        let after = match (asked.after, asked.since) {
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid("since", "Give `after` or `since`, not both."));
            }
            (Some(after), None) => after.max(0),
            (None, Some(since)) => {
                engine.store().number_before(stream, Position::Since(since)).await.map_err(internal)?
            }
            (None, None) => standing.cursor,
        };
        let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST) as usize;
        let filter = Filter::new(subscription).map_err(|_| ApiError::internal())?;
        let (facts, events) = engine.store().events_after(stream, after, LOOKED_AT).await.map_err(internal)?;
        if after < facts.first - 1 && asked.since.is_none() {
            return Err(ApiError::new(
                ErrorCode::Conflict,
                format!(
                    "Events up to {} are no longer kept, so something may be missing after {after}. Take \
                     `/api/events/snapshot`, and go on after the number that it says.",
                    facts.first - 1
                ),
            ));
        }
        let mut page = EventPage { stream, epoch: facts.epoch, messages: Vec::new(), next: after, last: facts.last };
        let mut previous = after;
        for event in events {
            if page.messages.len() == limit {
                break;
            }
            page.next = event.sequence;
            let event = complete(&configuration, event);
            if filter.admits(&event.body) {
                let sequence = event.sequence;
                page.messages.push(Message::new(event, previous));
                previous = sequence;
            }
        }
        if subscription.deliver.is_none() && asked.since.is_none() && after <= page.last {
            let (name, now) = (self.subscription.clone(), engine.now());
            let work =
                engine.store().write(move |tx| Box::pin(async move { tx.acknowledge_events(&name, after, now).await }));
            work.await.map_err(internal)?;
        }
        Ok(page)
    }

    /// From where to go on after a snapshot that is read from now on. Events that happen while it is read are in it, after
    /// that number, or both: none is lost.
    pub async fn snapshot(&self) -> Result<SnapshotHead, ApiError> {
        let configuration = self.engine.world().configuration();
        let source = configuration.subscriptions.get(&self.subscription).map(|subscription| subscription.source);
        if source != Some(Stream::Events) {
            let message =
                "A snapshot is of what people hold. The audit trail has none: it is kept from its first line.";
            return Err(ApiError::invalid("stream", message));
        }
        let facts = self.engine.store().stream(Stream::Events).await.map_err(internal)?;
        Ok(SnapshotHead { stream: Stream::Events, epoch: facts.epoch, sequence: facts.last, at: self.engine.now() })
    }

    /// The next piece of it; empty at its end.
    pub async fn snapshot_lines(&self, after: AssignmentId) -> Result<Vec<SnapshotLine>, ApiError> {
        self.engine.store().snapshot_lines(after, MOST).await.map_err(internal)
    }
}
