//! Synchronize: takes over what was read, origin by origin, each in one transaction or not at all. Thresholds are
//! checked on the whole difference before anything of it is written. Taking over an application is also what verifies
//! its orders: they are compared with what the application now says it holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use broker::correlate::{Correlation, CorrelationIndex};
use broker::{settle, synchronize, threshold};
use jiff::Timestamp;
use model::account::{Account, AccountStatus, ObservedAccount, ObservedEntitlement};
use model::configuration::Thresholds;
use model::feed::{ChangeCounts, FeedIdentity};
use model::identity::Identity;
use model::ids::{AccountId, IdentityId};
use model::job::LogLevel;
use model::order::{Order, ProvisioningState};
use model::view::PreviewLine;
use serde::de::DeserializeOwned;
use store::{NewIdentityEvent, Reservation, StoreError};

use super::collect::{self, Collected};
use super::{Context, Reading, TaskEnd, accounts_origin, counted, entitlements_origin, source_origin};
use crate::progress::Progress;
use crate::record::Step;

/// Orders verified in one transaction.
const VERIFY_BATCH: usize = 2_000;

pub(super) async fn carry_out(context: &mut Context, progress: &Progress) -> TaskEnd {
    let configuration = context.engine.world().configuration();
    let mut taken_over = 0;
    for (name, source) in &configuration.sources {
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
    let names: Vec<String> = configuration.applications.keys().cloned().collect();
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
pub(super) async fn carry_out_back(context: &mut Context, progress: &Progress) -> TaskEnd {
    if context.mode.dry_run {
        return TaskEnd::Completed(Some("A dry run sends nothing, so there is nothing to confirm.".into()));
    }
    crate::sweeps::poll_executors(&context.engine).await;
    let configuration = context.engine.world().configuration();
    let names: Vec<String> = configuration.applications.keys().cloned().collect();
    let done = if context.mode.incremental {
        read_back_executed(context, progress, &names).await
    } else {
        let unread = match collect::collect_applications(context, progress, names.clone()).await {
            Ok(unread) => unread,
            Err(error) => return TaskEnd::errored("What was read could not be stored", &error),
        };
        take_over_applications(context, progress, &names).await.map(|_| unread)
    };
    match done {
        Ok(unread) if unread.is_empty() => TaskEnd::Completed(None),
        Ok(unread) => TaskEnd::Warning(format!(
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
    let stored = context.engine.store().identities_of_source(name).await.map_err(failed)?;
    progress.expect(feed.len() as u64, "rows");
    let rows = feed.len() as u64;
    let changes = synchronize::identities(&stored, feed, name, !reading.partial);
    report_counts(progress, &changes.counts);
    guard(context, progress, &format!("source `{name}`"), &changes.counts, thresholds)?;
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
    let events = identity_events(&inserted, &updated, &stored, context, reading.at);
    let (run, at, origin, source) = (context.run, context.engine.now(), source_origin(name), name.to_owned());
    let counts = numbers(&changes.counts);
    let staged = !context.mode.incremental;
    let work = context.engine.store().write(move |tx| {
        Box::pin(async move {
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

fn identity(row: FeedIdentity, id: IdentityId, source: &str) -> Identity {
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
            operation: operation.into(),
            change: format!(
                "{} {}",
                identity.key,
                if identity.present { "as in the feed" } else { "is no longer in the feed" }
            ),
            why: "Read from the identity source.".into(),
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
    stored: &[Identity],
    context: &Context,
    at: Timestamp,
) -> Vec<NewIdentityEvent> {
    let before: HashMap<IdentityId, &Identity> = stored.iter().map(|identity| (identity.id, identity)).collect();
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
fn changed_attributes(before: &Identity, after: &Identity) -> String {
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

// ------------------------------------------------------------------------------------------------- applications

async fn take_over_applications(
    context: &mut Context,
    progress: &Progress,
    names: &[String],
) -> Result<usize, TaskEnd> {
    let mut count = 0;
    for name in names {
        let collected = match staged_application(context, name).await {
            Ok(Some(collected)) => collected,
            Ok(None) => continue,
            Err(error) => return Err(TaskEnd::errored("What was collected cannot be read", &error)),
        };
        count += 1;
        take_over_application(context, progress, name, collected).await?;
    }
    Ok(count)
}

async fn staged_application(context: &mut Context, name: &str) -> Result<Option<Collected>, StoreError> {
    if let Some(found) = context.scenario.applications.remove(name) {
        return Ok(Some(found));
    }
    let Some((reading, accounts)) = staged(context, &accounts_origin(name)).await? else { return Ok(None) };
    let entitlements: Option<(Reading, Vec<ObservedEntitlement>)> = staged(context, &entitlements_origin(name)).await?;
    Ok(Some(Collected {
        reading,
        accounts,
        entitlements: entitlements.map(|(_, rows)| rows).unwrap_or_default(),
        asked: None,
    }))
}

async fn take_over_application(
    context: &mut Context,
    progress: &Progress,
    name: &str,
    collected: Collected,
) -> Result<(), TaskEnd> {
    let failed = |error: StoreError| TaskEnd::errored(&format!("`{name}` could not be taken over"), &error);
    let engine = context.engine.clone();
    let configuration = engine.world().configuration();
    let Collected { reading, accounts: observed, entitlements, asked } = collected;
    let rows = observed.len() as u64;
    progress.expect(rows, "rows");
    let by_key: HashMap<String, ObservedAccount> =
        observed.iter().map(|account| (account.key.clone(), account.clone())).collect();
    let stored: Vec<Account> = if context.mode.dry_run {
        let accounts = context.dry_accounts().await.map_err(failed)?;
        accounts.into_iter().filter(|account| account.application == name).collect()
    } else {
        engine.store().accounts_of_application(name).await.map_err(failed)?
    };
    let stored: Vec<Account> =
        stored.into_iter().filter(|account| asked.as_ref().is_none_or(|asked| asked.contains(&account.key))).collect();
    // What was changed after it was read is known better than the reading says.
    let newer = changed_since(context, name, reading.at).await.map_err(failed)?;
    let known_better: HashSet<&str> =
        stored.iter().filter(|account| newer.contains(&account.id)).map(|account| account.key.as_str()).collect();
    let observed: Vec<ObservedAccount> =
        observed.into_iter().filter(|account| !known_better.contains(account.key.as_str())).collect();
    let compared: Vec<Account> = stored.iter().filter(|account| !newer.contains(&account.id)).cloned().collect();

    let changes = synchronize::accounts(&compared, observed, name, reading.at);
    report_counts(progress, &changes.counts);
    if let Some(application) = configuration.applications.get(name) {
        guard(context, progress, &format!("application `{name}`"), &changes.counts, &application.thresholds)?;
    }
    let owners = owners(context, progress, name, &changes.inserted).await.map_err(failed)?;
    let ids = engine.store().reserve_ids(changes.inserted.len()).await.map_err(failed)?;
    let account_type = configuration
        .account_types
        .iter()
        .find(|(_, kind)| kind.application == name)
        .map(|(kind, _)| kind.clone())
        .unwrap_or_default();
    let inserted: Vec<Account> = changes
        .inserted
        .into_iter()
        .zip(ids)
        .map(|(account, id)| found(account, AccountId(id), name, &account_type, &owners, reading.at))
        .collect();
    let linked = inserted.iter().filter(|account| account.owner.is_some()).count();
    let mut updated = changes.updated;
    updated.extend(changes.gone);
    context.changed.extend(inserted.iter().chain(&updated).filter_map(|account| account.owner));
    progress.say(
        LogLevel::Information,
        format!("`{name}`: {}; {} found an owner.", sentence(&changes.counts), counted(linked as u64, "account")),
    );
    if context.mode.dry_run {
        let mut all: BTreeMap<AccountId, Account> =
            context.dry_accounts().await.map_err(failed)?.into_iter().map(|account| (account.id, account)).collect();
        all.extend(inserted.into_iter().chain(updated).map(|account| (account.id, account)));
        context.scenario.accounts = Some(all.into_values().collect());
        progress.advance(rows, 0).await;
        return Ok(());
    }
    let reservations = unique_values(&configuration, &inserted);
    let (at, application) = (reading.at, name.to_owned());
    let counts = numbers(&changes.counts);
    let partial = reading.partial;
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            if !partial {
                tx.replace_entitlement_catalogue(&application, &entitlements, at).await?;
                tx.set_synchronized(&application, at, &counts).await?;
            }
            tx.insert_accounts(&inserted, at).await?;
            tx.update_accounts(&updated, at).await?;
            tx.reserve_values(&reservations).await?;
            Ok::<_, StoreError>(())
        })
    });
    work.await.map_err(failed)?;
    progress.advance(rows, 0).await;
    verify(context, progress, name, &reading, &by_key).await.map_err(failed)?;
    // Last of all: taking the same over once more does no harm, and not to verify it would.
    let (run, application) = (context.run, name.to_owned());
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.clear_stage(run, Some(&entitlements_origin(&application))).await?;
            tx.clear_stage(run, Some(&accounts_origin(&application))).await
        })
    });
    work.await.map(drop).map_err(failed)
}

fn found(
    account: ObservedAccount,
    id: AccountId,
    application: &str,
    account_type: &str,
    owners: &HashMap<String, IdentityId>,
    at: Timestamp,
) -> Account {
    Account {
        id,
        application: application.to_owned(),
        account_type: account_type.to_owned(),
        owner: owners.get(&account.key).copied(),
        status: if account.enabled { AccountStatus::Enabled } else { AccountStatus::Disabled },
        provenance: model::account::Provenance::Found,
        key: account.key,
        attributes: account.attributes,
        entitlements: account.entitlements,
        observed_at: Some(at),
    }
}

/// Accounts with an order that was sent or answered after the moment.
async fn changed_since(context: &Context, application: &str, at: Timestamp) -> Result<HashSet<AccountId>, StoreError> {
    let store = context.engine.store();
    let under_way = store.orders_in_state(application, ProvisioningState::Transmitted, u32::MAX).await?;
    let done = store.orders_in_state(application, ProvisioningState::Executed, u32::MAX).await?;
    let newer = |order: &Order| order.executed_at.is_none_or(|executed| executed > at);
    Ok(under_way.iter().chain(&done).filter(|order| newer(order)).filter_map(|order| order.account).collect())
}

/// Owners of accounts that were not known before, by the account types' correlation rules.
async fn owners(
    context: &mut Context,
    progress: &Progress,
    application: &str,
    accounts: &[ObservedAccount],
) -> Result<HashMap<String, IdentityId>, StoreError> {
    let mut owners = HashMap::new();
    if accounts.is_empty() {
        return Ok(owners);
    }
    let live = context.engine.world().live();
    let identities = context.dry_identities().await?;
    let (mut ambiguous, mut proposed) = (0, 0);
    for (name, kind) in live.configuration.account_types.iter().filter(|(_, kind)| kind.application == application) {
        let keys = if context.mode.dry_run {
            let engine = context.dry_engine().await?;
            let keys =
                identities.iter().map(|identity| (identity.id, engine.correlation_keys(identity.id, name))).collect();
            context.scenario.engine = Some(engine);
            keys
        } else {
            if let Err(error) = context.engine.follow().await {
                tracing::error!(error = &error as &dyn std::error::Error, "Memory cannot follow the database");
            }
            context.engine.world().with_population(|population| {
                identities
                    .iter()
                    .map(|identity| (identity.id, population.engine.correlation_keys(identity.id, name)))
                    .collect::<Vec<_>>()
            })
        };
        let index = CorrelationIndex::new(&kind.correlation, keys);
        for account in accounts {
            match broker::correlate::correlate(account, &index) {
                Correlation::Owner { identity, .. } => {
                    owners.insert(account.key.clone(), identity);
                }
                Correlation::Ambiguous(_) => ambiguous += 1,
                Correlation::Proposed { .. } => proposed += 1,
                Correlation::None => {}
            }
        }
    }
    if ambiguous > 0 {
        progress.say(
            LogLevel::Warning,
            format!(
                "`{application}`: {} could belong to several people and is left without an owner.",
                counted(ambiguous, "account")
            ),
        );
    }
    if proposed > 0 {
        progress.say(
            LogLevel::Warning,
            format!(
                "`{application}`: {} matched with a confidence below 100 and waits for a person's decision.",
                counted(proposed, "account")
            ),
        );
    }
    Ok(owners)
}

/// Values of generated attributes that found accounts already use, so that nobody is given them again.
fn unique_values(configuration: &model::configuration::Configuration, accounts: &[Account]) -> Vec<Reservation> {
    accounts
        .iter()
        .filter_map(|account| Some((account, configuration.account_types.get(&account.account_type)?)))
        .flat_map(|(account, kind)| {
            kind.attributes.iter().filter(|(_, made)| made.unique.is_some()).filter_map(move |(attribute, _)| {
                Some(Reservation {
                    application: account.application.clone(),
                    attribute: attribute.clone(),
                    value: account.attributes.get(attribute)?.to_string(),
                    identity: account.owner?,
                })
            })
        })
        .collect()
}

// ------------------------------------------------------------------------------------------------- verification

/// Compares executed orders with what the application now holds.
async fn verify(
    context: &Context,
    progress: &Progress,
    application: &str,
    reading: &Reading,
    observed: &HashMap<String, ObservedAccount>,
) -> Result<(), StoreError> {
    let engine = &context.engine;
    let mut orders = engine.store().orders_in_state(application, ProvisioningState::Executed, u32::MAX).await?;
    orders.extend(engine.store().orders_in_state(application, ProvisioningState::Transmitted, u32::MAX).await?);
    let find = |order: &Order| order.key.as_ref().and_then(|key| observed.get(key));
    let steps: Vec<Step> = settle::verify_all(&orders, find, true, reading.at)
        .into_iter()
        .filter_map(|(position, settled)| Some(Step::new(orders.get(position)?.clone(), settled)))
        .collect();
    let reached = |state: ProvisioningState| steps.iter().filter(|step| step.settled.to == state).count();
    let (verified, drifted) = (reached(ProvisioningState::Verified), reached(ProvisioningState::Errored));
    let mut steps = steps.into_iter();
    loop {
        let batch: Vec<Step> = steps.by_ref().take(VERIFY_BATCH).collect();
        if batch.is_empty() {
            break;
        }
        crate::record::record(engine, batch, engine.now()).await?;
    }
    if verified + drifted > 0 {
        progress.count("verified", i64::try_from(verified).unwrap_or(i64::MAX));
        progress.count("drifted", i64::try_from(drifted).unwrap_or(i64::MAX));
        progress.say(
            if drifted == 0 { LogLevel::Information } else { LogLevel::Warning },
            format!("`{application}`: {} confirmed, {} found otherwise.", counted(verified as u64, "order"), drifted),
        );
    }
    Ok(())
}

/// An incremental run reads back only the accounts it changed.
async fn read_back_executed(
    context: &mut Context,
    progress: &Progress,
    names: &[String],
) -> Result<Vec<String>, TaskEnd> {
    let mut unread = Vec::new();
    for name in names {
        let failed = |error: StoreError| TaskEnd::errored(&format!("`{name}` could not be read back"), &error);
        let executed = context
            .engine
            .store()
            .orders_in_state(name, ProvisioningState::Executed, u32::MAX)
            .await
            .map_err(failed)?;
        let keys: BTreeSet<String> = executed.into_iter().filter_map(|order| order.key).collect();
        if keys.is_empty() {
            continue;
        }
        match read_accounts(context, name, keys).await {
            Ok(Some(collected)) => take_over_application(context, progress, name, collected).await?,
            Ok(None) => {}
            Err(problem) => {
                progress.say(LogLevel::Warning, format!("`{name}` cannot be read back: {problem}"));
                unread.push(name.clone());
            }
        }
    }
    Ok(unread)
}

async fn read_accounts(context: &Context, name: &str, keys: BTreeSet<String>) -> Result<Option<Collected>, String> {
    let connector = context.engine.connector(name).await.map_err(|error| error.message)?;
    if !connector.capabilities().reads_one {
        return Ok(None);
    }
    let reading = Reading { at: context.engine.now(), digest: String::new(), partial: true };
    let mut accounts = Vec::new();
    for key in &keys {
        accounts.extend(connector.account(key).await.map_err(|error| error.message)?);
    }
    Ok(Some(Collected { reading, accounts, entitlements: Vec::new(), asked: Some(keys) }))
}

// ------------------------------------------------------------------------------------------------------ helpers

/// Stops the run where a threshold is exceeded.
fn guard(
    context: &Context,
    progress: &Progress,
    what: &str,
    counts: &ChangeCounts,
    thresholds: &Thresholds,
) -> Result<(), TaskEnd> {
    let trips = threshold::check(counts, thresholds, &threshold::Defaults::STANDARD);
    if trips.is_empty() {
        return Ok(());
    }
    if let Some(by) = progress.approved_by() {
        progress.say(LogLevel::Warning, format!("{what}: beyond its threshold, and let through by {by}."));
        return Ok(());
    }
    let trips: Vec<String> = trips.iter().map(ToString::to_string).collect();
    if context.mode.dry_run {
        progress.say(
            LogLevel::Warning,
            format!("A real run would stop here. Threshold exceeded in {what}: {}.", trips.join("; ")),
        );
        return Ok(());
    }
    Err(TaskEnd::Blocked(format!(
        "Threshold exceeded in {what}: {}. Nothing was changed. Look at what was read; if it is right, resume the run.",
        trips.join("; ")
    )))
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
