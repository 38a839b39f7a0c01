//! Synchronize: takes over what was read, origin by origin, each in one transaction or not at all. Thresholds are
//! checked on the whole difference before anything of it is written. Taking over an application is also what verifies
//! its orders: they are compared with what the application now says it holds.

mod accounts;
mod native;
mod placing;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(crate) use accounts::unique_values;
use accounts::{read_back_executed, take_over_applications};
use broker::threshold::FeedSize;
use broker::{approval, synchronize, threshold};
use jiff::Timestamp;
use model::block::TripView;
use model::configuration::Thresholds;
use model::feed::{ChangeCounts, FeedIdentity};
use model::identity::Identity;
use model::ids::{IdentityId, RunBlockId};
use model::job::{LogLevel, TaskScope};
use model::value::Value;
use model::view::PreviewLine;
use serde::de::DeserializeOwned;
use store::{NewIdentityEvent, StoreError};

use super::collect;
use super::guard::{self, Intent, Way};
use super::{Context, Reading, TaskEnd, accounts_origin, applications, counted, entitlements_origin, source_origin};
use crate::progress::Progress;

pub(super) async fn carry_out(scope: &TaskScope, context: &mut Context, progress: &Progress) -> TaskEnd {
    let configuration = context.engine.world().deciding().configuration();
    let mut taken_over = 0;
    for (name, source) in
        configuration.sources.iter().filter(|(name, source)| !source.filled_by_sign_ins && scope.has_source(name))
    {
        let (reading, feed) = match staged_feed(context, name).await {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) => return TaskEnd::errored("What was collected cannot be read", &error),
        };
        taken_over += 1;
        if let Err(end) = take_over_source(context, progress, name, &source.thresholds, &reading, feed).await {
            return end;
        }
    }
    let names = applications(&configuration, scope);
    match take_over_applications(context, progress, &names).await {
        Ok(count) => taken_over += count,
        Err(end) => return end,
    }
    // What was taken over before it was broken off is no longer there to be taken over.
    if taken_over == 0 && !context.mode.incremental && !context.again {
        return TaskEnd::Warning("Nothing was collected since the last synchronization. Run *collect* first.".into());
    }
    TaskEnd::Completed(None)
}

/// The last step of the complete job: reads the applications again, so that orders can be confirmed.
pub(super) async fn carry_out_back(scope: &TaskScope, context: &mut Context, progress: &Progress) -> TaskEnd {
    if context.mode.dry_run {
        return TaskEnd::Completed(Some("A dry run sends nothing, so there is nothing to confirm.".into()));
    }
    crate::sweeps::poll_executors(&context.engine, crate::sweeps::Ask::Now).await;
    let configuration = context.engine.world().deciding().configuration();
    let names = applications(&configuration, scope);
    let done = if context.mode.incremental {
        read_back_executed(context, progress, &names).await
    } else {
        let unread = match collect::collect_applications(context, progress, names.clone(), collect::Place::Memory).await
        {
            Ok(unread) => unread,
            Err(end) => return end,
        };
        take_over_applications(context, progress, &names).await.map(|_| unread)
    };
    match done {
        Ok(unread) if unread.is_empty() => TaskEnd::Completed(None),
        Ok(unread) => TaskEnd::ApplicationFailed(format!(
            "Not read back: {}. Their orders are confirmed by a later run.",
            unread.join(", ")
        )),
        Err(end) => end,
    }
}

// ---------------------------------------------------------------------------------------------------- sources

async fn take_over_source(
    context: &mut Context,
    progress: &Progress,
    name: &str,
    thresholds: &Thresholds,
    reading: &Reading,
    feed: Vec<FeedIdentity>,
) -> Result<(), TaskEnd> {
    let failed = |error: StoreError| TaskEnd::errored(&format!("The feed of `{name}` could not be taken over"), &error);
    // Memory knows everybody once it has caught up; nobody else writes identities while a run is under way.
    if let Err(error) = context.engine.follow().await {
        return Err(TaskEnd::errored("What is known of people cannot be read", &error));
    }
    progress.expect(feed.len() as u64, "rows");
    let rows = feed.len() as u64;
    let (changes, before, size) = context.engine.world().with_population(|population| {
        let stored = population.identities();
        let size = if reading.partial { FeedSize::default() } else { feed_size(stored.values(), &feed, name) };
        let changes = synchronize::identities(stored.values(), feed, name, !reading.partial);
        let touched = changes.updated.iter().chain(&changes.deleted);
        let before: HashMap<IdentityId, Identity> =
            touched.filter_map(|identity| Some((identity.id, stored.get(&identity.id)?.clone()))).collect();
        (changes, before, size)
    });
    report_counts(progress, &changes.counts);
    let scope = format!("source \u{201c}{name}\u{201d}");
    let mut trips: Vec<TripView> = threshold::check(&changes.counts, thresholds, &threshold::Defaults::STANDARD)
        .iter()
        .map(|trip| trip.view(scope.clone()))
        .collect();
    trips.extend(threshold::check_feed(&size, &scope, thresholds));
    let approval = guard(
        context,
        progress,
        Intent {
            subject: source_origin(name),
            second_person: thresholds.second_person && !trips.is_empty(),
            trips,
            digest: &|| source_digest(name, &changes),
            lines: &|| source_lines(name, &changes, &before),
            so_far: NOTHING_CHANGED,
        },
    )
    .await?;
    progress.say(LogLevel::Information, format!("`{name}`: {}.", sentence(&changes.counts)));

    let ids = context.engine.store().reserve_ids(changes.inserted.len()).await.map_err(failed)?;
    let inserted: Vec<Identity> =
        changes.inserted.into_iter().zip(ids).map(|(row, id)| identity(row, IdentityId(id), name)).collect();
    let updated: Vec<Identity> = changes.updated.into_iter().chain(changes.deleted.iter().cloned()).collect();
    let touched = inserted.iter().chain(&updated).map(|identity| identity.id);
    context.changed.extend(touched);
    if context.mode.dry_run {
        keep_dry_identities(context, inserted, updated).await.map_err(failed)?;
        progress.advance(rows, 0).await;
        return Ok(());
    }
    let events = identity_events(&inserted, &updated, &before, context, reading.at);
    let (run, at, origin, source) = (context.run, context.engine.now(), source_origin(name), name.to_owned());
    let counts = numbers(&changes.counts);
    let staged = !context.mode.incremental;
    let node = context.engine.node().to_owned();
    let work = context.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.hold_run(run, &node).await?;
            guard::redeem(tx, approval, at).await?;
            tx.insert_identities(&inserted, Some(run), at).await?;
            tx.update_identities(&updated, Some(run), at).await?;
            tx.append_identity_events(&events).await?;
            tx.set_synchronized(&source, at, &counts).await?;
            if staged {
                tx.clear_stage(run, Some(&origin)).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    work.await.map_err(failed)?;
    progress.advance(rows, 0).await;
    Ok(())
}

pub(crate) fn identity(row: FeedIdentity, id: IdentityId, source: &str) -> Identity {
    Identity {
        id,
        source: source.to_owned(),
        key: row.key,
        display_name: row.display_name,
        attributes: row.attributes,
        contexts: row.contexts,
        manager_key: row.manager_key,
        present: true,
    }
}

async fn keep_dry_identities(
    context: &mut Context,
    inserted: Vec<Identity>,
    updated: Vec<Identity>,
) -> Result<(), StoreError> {
    let lines = inserted
        .iter()
        .map(|identity| (identity, "insert"))
        .chain(updated.iter().map(|identity| (identity, if identity.present { "update" } else { "delete" })))
        .map(|(identity, operation)| PreviewLine {
            identity: (operation != "insert").then_some(identity.id),
            identity_name: identity.display_name.clone(),
            application: identity.source.clone(),
            account_type: String::new(),
            operation: operation.into(),
            change: format!(
                "{} {}",
                identity.key,
                if identity.present { "as in the feed" } else { "is no longer in the feed" }
            ),
            why: "Read from the identity source.".into(),
            since_approval: None,
        })
        .collect();
    context.preview(lines).await?;
    let mut all: BTreeMap<IdentityId, Identity> =
        context.dry_identities().await?.into_iter().map(|identity| (identity.id, identity)).collect();
    all.extend(inserted.into_iter().chain(updated).map(|identity| (identity.id, identity)));
    context.scenario.identities = Some(all.into_values().collect());
    Ok(())
}

fn identity_events(
    inserted: &[Identity],
    updated: &[Identity],
    before: &HashMap<IdentityId, Identity>,
    context: &Context,
    at: Timestamp,
) -> Vec<NewIdentityEvent> {
    let event = |identity: IdentityId, message: String| NewIdentityEvent {
        identity,
        at,
        message,
        order: None,
        run: Some(context.run),
    };
    let joined = inserted.iter().map(|identity| event(identity.id, format!("First seen in `{}`.", identity.source)));
    let changed = updated.iter().filter_map(|identity| {
        let message = match before.get(&identity.id) {
            _ if !identity.present => format!("No longer listed in `{}`.", identity.source),
            Some(old) if !old.present => format!("Listed in `{}` again.", identity.source),
            Some(old) => changed_attributes(old, identity),
            None => return None,
        };
        Some(event(identity.id, message))
    });
    joined.chain(changed).collect()
}

/// "department: Sales → Finance".
pub(crate) fn changed_attributes(before: &Identity, after: &Identity) -> String {
    let flat = |identity: &Identity| -> BTreeMap<String, String> {
        let own = identity.attributes.iter().map(|(name, value)| (name.clone(), value.to_string()));
        let contexts = identity.contexts.iter().flat_map(|context| {
            let dates = [("start", context.period.starts), ("end", context.period.ends)]
                .into_iter()
                .filter_map(|(name, day)| Some((format!("{} {name}", context.key), day?.to_string())))
                .collect::<Vec<_>>();
            context
                .attributes
                .iter()
                .map(|(name, value)| (format!("{} {name}", context.key), value.to_string()))
                .chain(dates)
                .collect::<Vec<_>>()
        });
        own.chain(contexts).chain(identity.manager_key.iter().map(|key| ("manager".into(), key.clone()))).collect()
    };
    let (old, new) = (flat(before), flat(after));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changes: Vec<String> = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| {
            let shown = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
            format!("{name}: {} → {}", shown(old.get(name)), shown(new.get(name)))
        })
        .collect();
    if changes.is_empty() { format!("Renamed to {}.", after.display_name) } else { format!("{}.", changes.join("; ")) }
}

async fn staged_feed(context: &mut Context, name: &str) -> Result<Option<(Reading, Vec<FeedIdentity>)>, StoreError> {
    if let Some(found) = context.scenario.feeds.remove(name) {
        return Ok(Some(found));
    }
    staged(context, &source_origin(name)).await
}

// ------------------------------------------------------------------------------------------------------ helpers

/// What is said where a reading is not taken over.
const NOTHING_CHANGED: &str = "Nothing was changed.";

/// Stops the run where a threshold is exceeded; answers on the strength of which approval it goes on.
async fn guard(context: &Context, progress: &Progress, intent: Intent<'_>) -> Result<Option<RunBlockId>, TaskEnd> {
    match guard::judge(context, progress, intent).await {
        Ok(Way::Free) => Ok(None),
        Ok(Way::Approved(approval)) => Ok(Some(approval)),
        Ok(Way::Blocked(end)) => Err(end),
        Err(error) => Err(TaskEnd::errored("What a threshold stopped could not be kept", &error)),
    }
}

/// The feed beside what is on record of it, empty values counted.
fn feed_size<'a>(stored: impl Iterator<Item = &'a Identity>, feed: &[FeedIdentity], source: &str) -> FeedSize {
    let known: Vec<&Identity> = stored.filter(|identity| identity.source == source && identity.present).collect();
    let mut filled: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let is_filled = |value: &Value| value.to_string().trim() != "";
    for (name, _) in known.iter().flat_map(|identity| &identity.attributes).filter(|(_, value)| is_filled(value)) {
        filled.entry(name).or_default().0 += 1;
    }
    for (name, _) in feed.iter().flat_map(|row| &row.attributes).filter(|(_, value)| is_filled(value)) {
        filled.entry(name).or_default().1 += 1;
    }
    let (stored, rows) = (known.len() as u64, feed.len() as u64);
    let empty = filled
        .into_iter()
        .map(|(name, (before, now))| (name.to_owned(), (stored.saturating_sub(before), rows.saturating_sub(now))))
        .collect();
    FeedSize { stored, rows, empty }
}

fn source_digest(name: &str, changes: &synchronize::IdentityChanges) -> String {
    let inserted = changes.inserted.iter().map(approval::line);
    let others = changes.updated.iter().chain(&changes.deleted).map(approval::line);
    approval::of_changes(&source_origin(name), inserted.chain(others))
}

fn source_lines(
    name: &str,
    changes: &synchronize::IdentityChanges,
    before: &HashMap<IdentityId, Identity>,
) -> Vec<PreviewLine> {
    let line = |identity: Option<IdentityId>, shown: &str, operation: &str, change: String| PreviewLine {
        identity,
        identity_name: shown.to_owned(),
        application: name.to_owned(),
        account_type: String::new(),
        operation: operation.to_owned(),
        change,
        why: "Read from the identity source.".into(),
        since_approval: None,
    };
    let inserted =
        changes.inserted.iter().map(|row| line(None, &row.display_name, "insert", format!("{} is new", row.key)));
    let updated = changes.updated.iter().map(|identity| {
        let change = match before.get(&identity.id) {
            Some(old) if !old.present => format!("{} is in the feed again", identity.key),
            Some(old) => changed_attributes(old, identity),
            None => format!("{} as in the feed", identity.key),
        };
        line(Some(identity.id), &identity.display_name, "update", change)
    });
    let deleted = changes.deleted.iter().map(|identity| {
        line(Some(identity.id), &identity.display_name, "delete", format!("{} is no longer in the feed", identity.key))
    });
    deleted.chain(updated).chain(inserted).collect()
}

fn report_counts(progress: &Progress, counts: &ChangeCounts) {
    for (name, number) in numbers(counts) {
        progress.count(&name, number);
    }
}

fn numbers(counts: &ChangeCounts) -> Vec<(String, i64)> {
    [
        ("inserted", counts.inserted),
        ("updated", counts.updated),
        ("deleted", counts.deleted),
        ("links added", counts.links_added),
        ("links removed", counts.links_removed),
    ]
    .into_iter()
    .map(|(name, number)| (name.to_owned(), i64::try_from(number).unwrap_or(i64::MAX)))
    .collect()
}

fn sentence(counts: &ChangeCounts) -> String {
    format!("{} new, {} changed, {} gone of {} known", counts.inserted, counts.updated, counts.deleted, counts.stored)
}

/// What the staging area holds of an origin, with its reading.
async fn staged<T: DeserializeOwned>(context: &Context, origin: &str) -> Result<Option<(Reading, Vec<T>)>, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::Corrupt { what: format!("staged rows of {origin}: {error}") };
    let mut reading = None;
    let mut rows = Vec::new();
    let Some(run) = context.engine.store().staged_run(origin).await? else { return Ok(None) };
    for (key, json) in context.engine.store().staged(run, origin).await? {
        if key.is_empty() {
            reading = Some(serde_json::from_str(&json).map_err(corrupt)?);
        } else {
            rows.push(serde_json::from_str(&json).map_err(corrupt)?);
        }
    }
    Ok(reading.map(|reading| (reading, rows)))
}
