//! Hands a receiver what is its own, in order. Whoever holds the lease does; how far it came is written down with the
//! fence of the lease, so that a node that was away for too long moves nothing.

use std::time::Duration;

use broker::subscription::{Next, next};
use connectors::outgoing::{Receiver, Sent};
use jiff::Timestamp;
use model::configuration::{Delivery, Subscription};
use model::event::{Message, NotTaken, SetAsideMessage, SubscriptionState};
use policy::subscription::Filter;
use store::{Claimed, Delivered, StoreError};

use super::complete;
use crate::Engine;
use crate::secrets::Revealed;

/// Longer than a receiver may take for one message, and a third of it.
const LEASE: Duration = Duration::from_mins(2);
/// Read at once.
const BATCH: u32 = 200;
/// How far it came is written down that often at the least.
const WRITTEN_EVERY: Duration = Duration::from_secs(10);

/// Delivers what there is, until there is no more, the receiver does not take it, or the engine stops.
pub(super) async fn deliver(engine: &Engine, name: &str) -> Result<(), StoreError> {
    let configuration = engine.world().configuration();
    let Some(subscription) = configuration.subscriptions.get(name) else { return Ok(()) };
    let Some(delivery) = &subscription.deliver else { return Ok(()) };
    if !is_worth_a_lease(engine, name).await? || crate::restoration::keeps_all_in(engine).await? {
        return Ok(());
    }
    let (owned, node) = (name.to_owned(), engine.node().to_owned());
    let (now, until) = (engine.now(), engine.after(LEASE));
    let work =
        engine.store().write(move |tx| Box::pin(async move { tx.claim_subscription(&owned, &node, now, until).await }));
    let Some(claimed) = work.await? else { return Ok(()) };
    let mut delivery = match prepare(engine, subscription, delivery).await {
        Ok((receiver, filter)) => Delivering::new(engine, subscription, receiver, filter, &claimed),
        Err(problem) => {
            let not_taken = NotTaken { problem, for_good: false, retry_after: None };
            return fail(engine, name, claimed.standing.fence, subscription, &not_taken, claimed.standing.attempts)
                .await;
        }
    };
    delivery.send_again(claimed.again).await?;
    // What people want sent once more does not wait for the time at which the next message is tried; that one does.
    if claimed.standing.next_attempt_at.is_none_or(|at| at <= now) {
        delivery.run().await?;
    }
    let (owned, fence) = (name.to_owned(), claimed.standing.fence);
    engine.store().write(move |tx| Box::pin(async move { tx.release_subscription(&owned, fence).await })).await
}

/// Whether there is anything to do: a claim writes, and this is asked every second.
async fn is_worth_a_lease(engine: &Engine, name: &str) -> Result<bool, StoreError> {
    let Some(standing) = engine.store().subscription(name).await? else { return Ok(false) };
    if standing.state != SubscriptionState::Active {
        return Ok(false);
    }
    let is_due = standing.next_attempt_at.is_none_or(|at| at <= engine.now());
    if is_due && engine.store().stream(standing.stream).await?.last > standing.cursor {
        return Ok(true);
    }
    let set_aside = engine.store().set_aside_messages(Some(name), 1_000).await?;
    Ok(set_aside.iter().any(|message| message.again))
}

async fn prepare(
    engine: &Engine,
    subscription: &Subscription,
    delivery: &Delivery,
) -> Result<(Receiver, Filter), String> {
    let secret = match delivery {
        Delivery::Webhook(webhook) => webhook.secret.strip_prefix("secret:"),
        Delivery::Syslog(_) | Delivery::File(_) => None,
    };
    let names: Vec<String> = secret.map(str::to_owned).into_iter().collect();
    let receiver = Receiver::new(delivery, &Revealed::load(engine, &names).await, engine.data_directory())?;
    let filter = Filter::new(subscription).map_err(|error| format!("The condition cannot be read: {error}."))?;
    Ok((receiver, filter))
}

/// A delivery under way.
struct Delivering<'a> {
    engine: &'a Engine,
    subscription: &'a Subscription,
    receiver: Receiver,
    filter: Filter,
    at: Delivered,
    /// Where it was when that was last written down.
    written: (i64, Timestamp),
    attempts: u32,
}

impl<'a> Delivering<'a> {
    fn new(
        engine: &'a Engine,
        subscription: &'a Subscription,
        receiver: Receiver,
        filter: Filter,
        claimed: &Claimed,
    ) -> Self {
        let standing = &claimed.standing;
        let at = Delivered {
            name: standing.name.clone(),
            fence: standing.fence,
            cursor: standing.cursor,
            previous: standing.previous,
            messages: 0,
            at: engine.now(),
            lease_until: None,
        };
        let written = (standing.cursor, engine.now());
        Self { engine, subscription, receiver, filter, at, written, attempts: standing.attempts }
    }

    async fn run(&mut self) -> Result<(), StoreError> {
        loop {
            let stream = self.subscription.source;
            let (_, events) = self.engine.store().events_after(stream, self.at.cursor, BATCH).await?;
            let Some(last) = events.last().map(|event| event.sequence) else { break };
            let configuration = self.engine.world().configuration();
            let mut previous = self.at.previous;
            let mut messages = Vec::new();
            for event in events {
                let event = complete(&configuration, event);
                if self.filter.admits(&event.body) {
                    let sequence = event.sequence;
                    messages.push(Message::new(event, previous));
                    previous = sequence;
                }
            }
            for chunk in messages.chunks(self.receiver.at_once()) {
                let Sent { taken, not_taken } = self.receiver.send(chunk, self.engine.now()).await;
                if let Some(arrived) = chunk.get(..taken).and_then(<[Message]>::last) {
                    self.at.cursor = arrived.event.sequence;
                    self.at.previous = arrived.event.sequence;
                    self.at.messages += taken as u64;
                }
                if let Some(not_taken) = not_taken {
                    return match chunk.get(taken) {
                        Some(refused) => self.not_taken(refused, not_taken).await,
                        None => self.write(None).await.map(drop),
                    };
                }
                let now = self.engine.now();
                let is_due = now.duration_since(self.written.1).unsigned_abs() >= WRITTEN_EVERY;
                if is_due && !self.write(Some(self.engine.after(LEASE))).await? {
                    return Ok(());
                }
                if self.engine.stopping().is_cancelled() {
                    return self.write(None).await.map(drop);
                }
            }
            self.at.cursor = last;
            if !self.write(Some(self.engine.after(LEASE))).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Messages that a person wants sent once more, each as it was.
    async fn send_again(&mut self, again: Vec<SetAsideMessage>) -> Result<(), StoreError> {
        let numbers: Vec<i64> = again.iter().map(|message| message.sequence).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let configuration = self.engine.world().configuration();
        let events = self.engine.store().events_at(self.subscription.source, &numbers).await?;
        for message in again {
            let event = events.iter().find(|event| event.sequence == message.sequence);
            let problem = match event {
                None => Some("The event is no longer kept.".to_owned()),
                Some(event) => {
                    let sent = Message::new(complete(&configuration, event.clone()), message.previous);
                    let sent = self.receiver.send(&[sent], self.engine.now()).await;
                    sent.not_taken.map(|not_taken| not_taken.problem)
                }
            };
            let (name, sequence) = (self.at.name.clone(), message.sequence);
            let work = self.engine.store().write(move |tx| {
                Box::pin(async move {
                    match problem {
                        None => tx.forget_set_aside(&name, sequence).await,
                        Some(problem) => {
                            let still = SetAsideMessage { attempts: 1, problem, again: false, ..message };
                            tx.set_message_aside(&still).await
                        }
                    }
                })
            });
            work.await?;
        }
        Ok(())
    }

    async fn not_taken(&mut self, refused: &Message, not_taken: NotTaken) -> Result<(), StoreError> {
        let sequence = refused.event.sequence;
        // What lies between was not meant for it.
        self.at.cursor = sequence - 1;
        let attempts = if self.at.cursor > self.written.0 || self.at.messages > 0 {
            if !self.write(Some(self.engine.after(LEASE))).await? {
                return Ok(());
            }
            0
        } else {
            self.attempts
        };
        let (name, fence, now) = (self.at.name.clone(), self.at.fence, self.engine.now());
        let (refusals, on_refusal) = (self.subscription.refusals, self.subscription.on_refusal);
        if next(&not_taken, attempts + 1, refusals, on_refusal, now, rand::random()) != Next::SetAside {
            return fail(self.engine, &name, fence, self.subscription, &not_taken, attempts).await;
        }
        tracing::warn!(subscription = name, sequence, problem = not_taken.problem, "A message is set aside");
        let message = SetAsideMessage {
            subscription: name,
            sequence,
            previous: refused.previous,
            at: now,
            attempts: attempts + 1,
            problem: not_taken.problem,
            again: false,
        };
        // The next message names this one as the one before it: the receiver can tell that it lacks it.
        self.at.cursor = sequence;
        self.at.previous = sequence;
        let delivered = self.at.clone();
        let work = self.engine.store().write(move |tx| {
            Box::pin(async move {
                if tx.note_delivered(&delivered).await? {
                    tx.set_message_aside(&message).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        work.await
    }

    /// Writes down how far it came; false where somebody else has it by now.
    async fn write(&mut self, lease_until: Option<Timestamp>) -> Result<bool, StoreError> {
        let now = self.engine.now();
        let delivered = Delivered { at: now, lease_until, ..self.at.clone() };
        self.at.messages = 0;
        self.written = (self.at.cursor, now);
        let work = self.engine.store().write(move |tx| Box::pin(async move { tx.note_delivered(&delivered).await }));
        work.await
    }
}

/// Notes that the next message was not taken, with what follows.
async fn fail(
    engine: &Engine,
    name: &str,
    fence: i64,
    subscription: &Subscription,
    not_taken: &NotTaken,
    attempts: u32,
) -> Result<(), StoreError> {
    let now = engine.now();
    let follows = next(not_taken, attempts + 1, subscription.refusals, subscription.on_refusal, now, rand::random());
    let again = match follows {
        Next::Again(at) => Some(at),
        Next::Stop | Next::SetAside => None,
    };
    tracing::warn!(subscription = name, problem = not_taken.problem, "Events are not delivered");
    let (name, problem) = (name.to_owned(), not_taken.problem.clone());
    let work = engine
        .store()
        .write(move |tx| Box::pin(async move { tx.note_not_delivered(&name, fence, &problem, again, now).await }));
    work.await.map(drop)
}
