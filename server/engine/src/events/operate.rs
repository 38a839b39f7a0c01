//! What people see of subscriptions, and do about them.

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::Configuration;
use model::error::ApiError;
use model::event::{
    Event, EventFilter, EventList, Position, SetAsideMessage, Stream, SubscriptionRow, SubscriptionState,
};
use model::view::AuditLine;
use store::{StoreError, Tx};

use super::{complete, publish};
use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// Of what a filter leaves out, no more is looked at for one piece of a list.
const LOOKED_AT_ONCE: u32 = 25_000;
/// Messages set aside that are shown.
const MOST_SHOWN: u32 = 200;

/// All subscriptions of the configuration, by name, with how far they are.
pub async fn rows(op: &OpContext) -> Result<Vec<SubscriptionRow>, ApiError> {
    op.require("/Events/View")?;
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    all(&op.engine).await.map_err(internal)
}

async fn all(engine: &Engine) -> Result<Vec<SubscriptionRow>, StoreError> {
    let configuration = engine.world().configuration();
    let mut rows = Vec::new();
    for standing in engine.store().subscriptions().await? {
        let subscription = configuration.subscriptions.get(&standing.name);
        let last = engine.store().stream(standing.stream).await?.last;
        let waiting_since = engine.store().waiting_since(standing.stream, standing.cursor).await?;
        let set_aside = engine.store().count_set_aside(&standing.name).await?;
        let way = subscription.and_then(|subscription| subscription.deliver.as_ref());
        rows.push(SubscriptionRow {
            description: subscription.and_then(|subscription| subscription.description.clone()),
            way: way.map_or_else(|| "asks by itself".to_owned(), model::configuration::Delivery::sentence),
            last,
            waiting_since,
            set_aside,
            standing,
        });
    }
    Ok(rows)
}

/// A piece of a stream, the newest first.
pub async fn page(op: &OpContext, filter: &EventFilter) -> Result<EventList, ApiError> {
    op.require("/Events/View")?;
    publish(&op.engine).await.map_err(internal)?;
    let configuration = op.engine.world().configuration();
    let zone = op.engine.world().time_zone();
    let begins = |day: Date| day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    let since = filter.since.and_then(begins);
    let until = filter.until.and_then(|day| day.tomorrow().ok()).and_then(begins);
    let belonging = filter.application.as_deref().map(|name| belonging(&configuration, name)).unwrap_or_default();
    let mut found =
        op.engine.store().event_page(filter, since, until, &belonging, LOOKED_AT_ONCE).await.map_err(internal)?;
    found.page.rows = found.page.rows.into_iter().map(|event| complete(&configuration, event)).collect();
    Ok(found)
}

/// Applications by name and what people call them, for the filter.
pub fn applications(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require("/Events/View")?;
    let configuration = op.engine.world().configuration();
    let named = configuration.applications.iter();
    Ok(named.map(|(name, application)| (name.clone(), application.display_name.clone())).collect())
}

/// What belongs to an application, as events name it: kind and name.
fn belonging(configuration: &Configuration, application: &str) -> Vec<String> {
    let profiles = configuration.access_profiles.keys().cloned().map(Grantable::AccessProfile);
    let types = configuration.account_types.keys().cloned().map(Grantable::AccountType);
    let entitlements = configuration.entitlements.keys().cloned().map(Grantable::Entitlement);
    let all = profiles.chain(types).chain(entitlements);
    all.filter(|thing| configuration.application_of(thing) == Some(application))
        .map(|thing| format!("{} {}", thing.kind(), thing.name()))
        .collect()
}

/// Events after that number, the oldest first.
pub async fn after(op: &OpContext, stream: Stream, after: i64, limit: u32) -> Result<Vec<Event>, ApiError> {
    op.require("/Events/View")?;
    publish(&op.engine).await.map_err(internal)?;
    let configuration = op.engine.world().configuration();
    let (_, events) = op.engine.store().events_after(stream, after, limit).await.map_err(internal)?;
    Ok(events.into_iter().map(|event| complete(&configuration, event)).collect())
}

/// Messages that receivers refused for good.
pub async fn set_aside(op: &OpContext) -> Result<Vec<SetAsideMessage>, ApiError> {
    op.require("/Events/View")?;
    op.engine.store().set_aside_messages(None, MOST_SHOWN).await.map_err(internal)
}

/// Sends nothing to the receiver until it is resumed. What happens meanwhile is kept for it.
pub async fn pause(op: &OpContext, name: &str) -> Result<(), ApiError> {
    set_state(op, name, SubscriptionState::Paused, "paused").await
}

/// Goes on where it was: with the message that was refused, where one was.
pub async fn resume(op: &OpContext, name: &str) -> Result<(), ApiError> {
    set_state(op, name, SubscriptionState::Active, "resumed").await
}

async fn set_state(op: &OpContext, name: &str, state: SubscriptionState, what: &str) -> Result<(), ApiError> {
    known(op, name).await?;
    let (owned, audit) = (name.to_owned(), audit(op, name, what.to_owned()));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let changed = tx.set_subscription_state(&owned, state).await?;
            if changed {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(changed)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(()),
        false => Err(ApiError::conflict(format!("Subscription `{name}` is {what} already; nothing was changed."))),
    }
}

/// Sends everything again from a position, or leaves out what lies before one, and says after which number it goes on.
pub async fn replay(op: &OpContext, name: &str, position: Position) -> Result<i64, ApiError> {
    let stream = known(op, name).await?;
    let after = op.engine.store().number_before(stream, position).await.map_err(internal)?;
    let first = op.engine.store().stream(stream).await.map_err(internal)?.first;
    if after < first - 1 {
        let message = format!(
            "Events up to {} are no longer kept. Replay after {} at the earliest; for what was before, the receiver takes a \
             snapshot.",
            first - 1,
            first - 1
        );
        return Err(ApiError::conflict(message));
    }
    let (owned, audit) = (name.to_owned(), audit(op, name, format!("goes on after {after}")));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.move_subscription(&owned, after).await?;
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)?;
    Ok(after)
}

/// Sends a message once more that was set aside, or all of them, and says how many.
pub async fn send_set_aside(op: &OpContext, name: &str, sequence: Option<i64>) -> Result<u64, ApiError> {
    known(op, name).await?;
    let what = sequence.map_or_else(|| "all set aside".to_owned(), |sequence| format!("message {sequence}"));
    let (owned, audit) = (name.to_owned(), audit(op, name, format!("{what} sent once more")));
    let work = op.engine.store().write(move |tx: &mut Tx| {
        Box::pin(async move {
            let count = tx.send_set_aside(&owned, sequence).await?;
            if count > 0 {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(count)
        })
    });
    match work.await.map_err(internal)? {
        0 => Err(ApiError::conflict(format!(
            "Subscription `{name}` has no such message set aside. Look at the list again."
        ))),
        count => Ok(count),
    }
}

async fn known(op: &OpContext, name: &str) -> Result<Stream, ApiError> {
    op.require("/Events/Manage")?;
    let standing = op.engine.store().subscription(name).await.map_err(internal)?;
    standing.map(|standing| standing.stream).ok_or_else(|| ApiError::not_found(format!("subscription `{name}`")))
}

/// Numbers for whoever watches.
pub(super) async fn measure(engine: &Engine) -> Result<(), StoreError> {
    if engine.world().configuration().subscriptions.is_empty() {
        return Ok(());
    }
    let now = engine.now();
    #[expect(clippy::cast_precision_loss, reason = "numbers of events are far below 2^52")]
    for row in all(engine).await? {
        let waited = row.waiting_since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        let name = row.standing.name.clone();
        metrics::gauge!("event_lag", "subscription" => name.clone()).set(row.lag() as f64);
        metrics::gauge!("event_lag_seconds", "subscription" => name.clone()).set(waited);
        metrics::gauge!("event_set_aside", "subscription" => name.clone()).set(row.set_aside as f64);
        let is_served = row.standing.state == SubscriptionState::Active && row.standing.problem.is_none();
        metrics::gauge!("event_delivery_up", "subscription" => name).set(if is_served { 1.0 } else { 0.0 });
    }
    Ok(())
}

fn audit(op: &OpContext, name: &str, detail: String) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "subscription".into(),
        subject: name.to_owned(),
        detail,
    }
}
