//! Telling other systems what happens here, and the audit trail.
//!
//! Facts are written by `store` in the transactions in which they happen; `round` numbers them, forgets what is old, and
//! hands each receiver what is its own (`deliver`). Each receiver goes by itself: one that does not answer holds up
//! nobody else, and what it has not got is there when it answers again. Receivers that ask by themselves are answered by
//! `pull`; what people see and do about all of them is `operate`, and `tokens` is what receivers prove with who they are.

mod deliver;
pub mod operate;
pub mod pull;
pub mod tokens;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::access::Grantable;
use model::configuration::{Configuration, KEEP_EVENTS_DAYS};
use model::event::Event;
use model::value::Value;
use store::StoreError;
use tokio::task::JoinSet;

use crate::Engine;

/// Numbered in one transaction.
const AT_ONCE: u32 = 1_000;
/// Forgotten in one transaction.
const FORGOTTEN_AT_ONCE: u32 = 10_000;
/// Between two looks for what is too old.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// Numbers and delivers until the engine stops. A receiver that takes its time is waited for by nobody.
pub(crate) async fn run(engine: Engine) {
    let mut under_way: BTreeSet<String> = BTreeSet::new();
    let mut deliveries: JoinSet<String> = JoinSet::new();
    let mut forgotten_at: Option<Timestamp> = None;
    while !engine.stopping().is_cancelled() {
        while let Some(ended) = deliveries.try_join_next() {
            match ended {
                Ok(name) => drop(under_way.remove(&name)),
                // Whose it was is not known: all are looked at again, and the lease keeps them apart.
                Err(_) => under_way.clear(),
            }
        }
        if let Err(error) = keep(&engine, &mut forgotten_at).await {
            tracing::error!(error = &error as &dyn std::error::Error, "Events cannot be numbered or forgotten");
        }
        for name in pushed(&engine) {
            if under_way.insert(name.clone()) {
                let engine = engine.clone();
                deliveries.spawn(async move {
                    deliver_or_tell(&engine, &name).await;
                    name
                });
            }
        }
        tokio::select! {
            () = tokio::time::sleep(engine.tuning().sweep_every) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
    while deliveries.join_next().await.is_some() {}
}

/// One round, as the engine makes it by itself every now and then: everything that can be delivered now is.
///
/// # Errors
/// Where the database cannot be used.
pub async fn round(engine: &Engine) -> Result<(), StoreError> {
    keep(engine, &mut None).await?;
    for name in pushed(engine) {
        deliver::deliver(engine, &name).await?;
    }
    Ok(())
}

async fn deliver_or_tell(engine: &Engine, name: &str) {
    if let Err(error) = deliver::deliver(engine, name).await {
        tracing::error!(error = &error as &dyn std::error::Error, subscription = name, "Events cannot be delivered");
    }
}

/// Receivers that are sent to; the others ask.
fn pushed(engine: &Engine) -> Vec<String> {
    let configuration = engine.world().configuration();
    let pushed = configuration.subscriptions.iter().filter(|(_, subscription)| subscription.deliver.is_some());
    pushed.map(|(name, _)| name.clone()).collect()
}

/// Numbers what waits for its number, and forgets what nobody needs any more.
async fn keep(engine: &Engine, forgotten_at: &mut Option<Timestamp>) -> Result<(), StoreError> {
    publish(engine).await?;
    let now = engine.now();
    let is_due = forgotten_at.is_none_or(|at| now.duration_since(at).unsigned_abs() >= FORGET_EVERY);
    if is_due {
        forget(engine, now).await?;
        *forgotten_at = Some(now);
    }
    operate::measure(engine).await
}

/// Numbers everything that is committed, in both streams.
pub(crate) async fn publish(engine: &Engine) -> Result<(), StoreError> {
    loop {
        let streams = engine.store().unnumbered().await?;
        if streams.is_empty() {
            return Ok(());
        }
        for stream in streams {
            let epoch = format!("{:016x}", rand::random::<u64>());
            let work =
                engine.store().write(move |tx| Box::pin(async move { tx.publish(stream, &epoch, AT_ONCE).await }));
            work.await?;
        }
    }
}

async fn forget(engine: &Engine, now: Timestamp) -> Result<(), StoreError> {
    let days = engine.world().configuration().organisation.keep_events_days.unwrap_or(KEEP_EVENTS_DAYS);
    let Ok(before) = now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)) else { return Ok(()) };
    loop {
        let work =
            engine.store().write(move |tx| Box::pin(async move { tx.forget_events(before, FORGOTTEN_AT_ONCE).await }));
        if work.await? < u64::from(FORGOTTEN_AT_ONCE) {
            return Ok(());
        }
    }
}

/// Says of a thing that is held to which application it belongs.
fn complete(configuration: &Configuration, mut event: Event) -> Event {
    let text = |name: &str| event.body.data.get(name).and_then(Value::as_text);
    if event.body.application.is_none()
        && let (Some(kind), Some(name)) = (text("kind"), text("name"))
        && let Some(grantable) = Grantable::from_parts(kind, name)
    {
        event.body.application = configuration.application_of(&grantable).map(str::to_owned);
    }
    event
}
