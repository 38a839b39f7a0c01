//! Taking over what an application holds, and verifying its orders by it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use broker::correlate::{Correlation, CorrelationIndex};
use broker::{settle, synchronize};
use jiff::Timestamp;
use model::account::{Account, AccountStatus, ObservedAccount, ObservedEntitlement};
use model::feed::ChangeCounts;
use model::ids::{AccountId, IdentityId};
use model::job::LogLevel;
use model::order::{Order, ProvisioningState};
use store::{Reservation, StoreError};

use super::{Context, Reading, TaskEnd, accounts_origin, counted, entitlements_origin};
use super::{guard, numbers, report_counts, sentence, staged};
use crate::progress::Progress;
use crate::record::{self, Step};
use crate::tasks::collect::Collected;

/// Orders verified in one transaction.
const VERIFY_BATCH: usize = 2_000;

pub(super) async fn take_over_applications(
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
    progress.expect(collected.accounts.len() as u64, "rows");
    let changes = loop {
        let changes = account_changes(context, progress, name, &collected).await?;
        if context.mode.dry_run {
            let changed = changes.inserted.into_iter().chain(changes.updated);
            let mut all: BTreeMap<AccountId, Account> = context
                .dry_accounts()
                .await
                .map_err(failed)?
                .into_iter()
                .map(|account| (account.id, account))
                .collect();
            all.extend(changed.map(|account| (account.id, account)));
            context.scenario.accounts = Some(all.into_values().collect());
            report_taken_over(progress, name, &changes.counts, changes.linked);
            progress.advance(collected.accounts.len() as u64, 0).await;
            return Ok(());
        }
        let reservations = unique_values(&configuration, &changes.inserted);
        let (at, application, partial) = (collected.reading.at, name.to_owned(), collected.reading.partial);
        let (counts, entitlements) = (numbers(&changes.counts), collected.entitlements.clone());
        let (inserted, updated) = (changes.inserted.clone(), changes.updated.clone());
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
        match work.await {
            Ok(()) => break changes,
            // The answer to an order has just put one of these accounts on record: it is not new any more.
            Err(error) if record::is_known_meanwhile(&error) => {}
            Err(error) => return Err(failed(error)),
        }
    };
    report_taken_over(progress, name, &changes.counts, changes.linked);
    progress.advance(collected.accounts.len() as u64, 0).await;
    let by_key: HashMap<String, ObservedAccount> =
        collected.accounts.into_iter().map(|account| (account.key.clone(), account)).collect();
    verify(context, progress, name, &collected.reading, &by_key).await.map_err(failed)?;
    // Last of all: taking the same over once more does no harm, and not to verify it would.
    let (run, application) = (context.run, name.to_owned());
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.clear_stage(run, Some(&entitlements_origin(&application))).await?;
            tx.clear_stage(run, Some(&accounts_origin(&application))).await
        })
    });
    work.await.map_err(failed)
}

/// What a reading changes in what is known of an application's accounts.
struct AccountChanges {
    inserted: Vec<Account>,
    /// With those that are gone.
    updated: Vec<Account>,
    counts: ChangeCounts,
    /// New ones that found an owner.
    linked: usize,
}

/// Compares what was read with what is on record by now.
async fn account_changes(
    context: &mut Context,
    progress: &Progress,
    name: &str,
    collected: &Collected,
) -> Result<AccountChanges, TaskEnd> {
    let failed = |error: StoreError| TaskEnd::errored(&format!("`{name}` could not be taken over"), &error);
    let engine = context.engine.clone();
    let configuration = engine.world().configuration();
    let Collected { reading, accounts: observed, asked, .. } = collected;
    let stored: Vec<Account> = if context.mode.dry_run {
        let accounts = context.dry_accounts().await.map_err(failed)?;
        accounts.into_iter().filter(|account| account.application == name).collect()
    } else {
        engine.store().accounts_of_application(name).await.map_err(failed)?
    };
    let stored: Vec<Account> =
        stored.into_iter().filter(|account| asked.as_ref().is_none_or(|asked| asked.contains(&account.key))).collect();
    // What was changed after it was read is known better than the reading says.
    let newer: HashSet<AccountId> =
        engine.store().accounts_changed_since(name, reading.at).await.map_err(failed)?.into_iter().collect();
    let known_better: HashSet<&str> =
        stored.iter().filter(|account| newer.contains(&account.id)).map(|account| account.key.as_str()).collect();
    let observed: Vec<ObservedAccount> =
        observed.iter().filter(|account| !known_better.contains(account.key.as_str())).cloned().collect();
    let compared: Vec<Account> = stored.iter().filter(|account| !newer.contains(&account.id)).cloned().collect();

    let changes = synchronize::accounts(&compared, observed, name, reading.at);
    if let Some(application) = configuration.applications.get(name) {
        let what = format!("application `{name}`");
        if let Err(end) = guard(context, progress, &what, &changes.counts, &application.thresholds) {
            report_counts(progress, &changes.counts);
            return Err(end);
        }
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
    Ok(AccountChanges { inserted, updated, counts: changes.counts, linked })
}

fn report_taken_over(progress: &Progress, name: &str, counts: &ChangeCounts, linked: usize) {
    report_counts(progress, counts);
    progress.say(
        LogLevel::Information,
        format!("`{name}`: {}; {} found an owner.", sentence(counts), counted(linked as u64, "account")),
    );
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
    if orders.is_empty() {
        return Ok(());
    }
    orders.extend(engine.store().orders_in_state(application, ProvisioningState::Transmitted, u32::MAX).await?);
    let live = engine.world().live();
    let find = |order: &Order| match &order.key {
        Some(key) => observed.get(key),
        // A creation that a person reported, in an application that chooses keys itself.
        None => {
            let (attribute, value) = broker::order::natural_key(order, &live.catalogue)?;
            let is_it = |account: &&ObservedAccount| {
                account.attributes.get(&attribute).is_some_and(|held| broker::compare::same(Some(&value), Some(held)))
            };
            let mut found = observed.values().filter(is_it);
            found.next().filter(|_| found.next().is_none())
        }
    };
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
        record::record(engine, batch, engine.now()).await?;
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
pub(super) async fn read_back_executed(
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
