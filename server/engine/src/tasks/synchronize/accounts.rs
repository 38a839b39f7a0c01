//! Taking over what an application holds, and verifying its orders by it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use broker::{approval, settle, synchronize, threshold};
use jiff::Timestamp;
use model::account::{Account, AccountStatus, Mechanism, ObservedAccount, ObservedEntitlement};
use model::correlation::Proposals;
use model::feed::ChangeCounts;
use model::ids::{AccountId, IdentityId, RunBlockId};
use model::job::LogLevel;
use model::order::{Order, ProvisioningState};
use model::value::Value;
use model::view::PreviewLine;
use store::{Reservation, StoreError};

use super::native::{self, Native};
use super::placing::place;
use super::{Context, Reading, TaskEnd, accounts_origin, counted, entitlements_origin};
use super::{NOTHING_CHANGED, guard, numbers, report_counts, sentence, staged};
use crate::indirect::Follower;
use crate::progress::Progress;
use crate::record::{self, Step};
use crate::tasks::collect::Collected;
use crate::tasks::guard::{Intent, redeem};

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
        export: None,
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
    let configuration = engine.world().deciding().configuration();
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
        let reservations = unique_values(&configuration, changes.inserted.iter().chain(&changes.updated));
        let (at, application, partial) = (collected.reading.at, name.to_owned(), collected.reading.partial);
        let (counts, entitlements) = (numbers(&changes.counts), collected.entitlements.clone());
        let (inserted, updated) = (changes.inserted.clone(), changes.updated.clone());
        let (proposals, native) = (changes.proposals.clone(), changes.native.clone());
        let references = changes.references.clone();
        let (approval, now) = (changes.approval, engine.now());
        let (run, node) = (context.run, engine.node().to_owned());
        let work = engine.store().write(move |tx| {
            Box::pin(async move {
                tx.hold_run(run, &node).await?;
                redeem(tx, approval, now).await?;
                if !partial {
                    tx.replace_entitlement_catalogue(&application, &entitlements, at).await?;
                    tx.set_synchronized(&application, at, &counts).await?;
                }
                tx.insert_accounts(&inserted, at).await?;
                tx.update_accounts(&updated, at).await?;
                tx.replace_proposals(&proposals, at).await?;
                tx.keep_account_decisions(&application).await?;
                native.write(tx, &application, at).await?;
                tx.reserve_values(&reservations).await?;
                tx.note_reference_changes(&references, now).await?;
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
    changes.native.report(progress, name);
    progress.advance(collected.accounts.len() as u64, 0).await;
    let by_key: HashMap<String, ObservedAccount> =
        collected.accounts.into_iter().map(|account| (account.key.clone(), account)).collect();
    verify(context, progress, name, &collected.reading, &by_key).await.map_err(failed)?;
    // Last of all: taking the same over once more does no harm, and not to verify it would.
    let (run, node, application) = (context.run, engine.node().to_owned(), name.to_owned());
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.hold_run(run, &node).await?;
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
    /// What is left to a person about accounts without a type or an owner.
    proposals: Vec<Proposals>,
    counts: ChangeCounts,
    /// How many found an owner.
    linked: usize,
    /// On the strength of which they go beyond a threshold.
    approval: Option<RunBlockId>,
    /// What of it nobody had ordered.
    native: Native,
    /// Whose other accounts may have to follow, by the type of those.
    references: Vec<(IdentityId, Option<String>)>,
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
    let configuration = engine.world().deciding().configuration();
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
    let thresholds = configuration.applications.get(name).map(|application| application.thresholds.clone());
    let thresholds = thresholds.unwrap_or_default();
    let trips = threshold::check(&changes.counts, &thresholds, &threshold::Defaults::STANDARD);
    let scope = format!("what was read from \u{201c}{}\u{201d}", engine.application_label(name));
    let intent = Intent {
        subject: accounts_origin(name),
        second_person: thresholds.second_person && !trips.is_empty(),
        trips: trips.iter().map(|trip| trip.view(scope.clone())).collect(),
        digest: &|| accounts_digest(name, &changes),
        lines: &|| account_lines(name, &changes),
        so_far: NOTHING_CHANGED,
    };
    let approval = match guard(context, progress, intent).await {
        Ok(approval) => approval,
        Err(end) => {
            report_counts(progress, &changes.counts);
            return Err(end);
        }
    };
    let ids = engine.store().reserve_ids(changes.inserted.len()).await.map_err(failed)?;
    let new: Vec<Account> = changes
        .inserted
        .into_iter()
        .zip(ids)
        .map(|(account, id)| found(account, AccountId(id), name, reading.at))
        .collect();
    let new_ids: HashSet<AccountId> = new.iter().map(|account| account.id).collect();
    let read_first: HashSet<AccountId> = changes.unchanged.into_iter().collect();
    // Copied only where somebody looks at it.
    let is_watched = !context.mode.dry_run && native::is_looked_for(&configuration, name);
    let before: HashMap<AccountId, Account> =
        compared.iter().filter(|_| is_watched).map(|account| (account.id, account.clone())).collect();
    let live = engine.world().deciding();
    let stand_ins = live.indirect.stand_ins();
    let stood: HashMap<AccountId, Account> = compared
        .iter()
        .filter(|account| stand_ins.contains(account.account_type.as_str()))
        .map(|account| (account.id, account.clone()))
        .collect();
    let known: HashMap<AccountId, Account> = compared
        .iter()
        .filter(|account| live.catalogue.is_referred_to(&account.account_type))
        .map(|account| (account.id, account.clone()))
        .collect();
    // As they are after this reading.
    let mut updated: BTreeMap<AccountId, Account> =
        changes.updated.into_iter().chain(changes.gone).map(|account| (account.id, account)).collect();
    let on_record = compared.into_iter().map(|account| updated.get(&account.id).cloned().unwrap_or(account)).collect();
    let placed = place(context, progress, name, new, on_record).await.map_err(failed)?;
    let (inserted, replaced): (Vec<Account>, Vec<Account>) =
        placed.accounts.into_iter().partition(|account| new_ids.contains(&account.id));
    updated.extend(replaced.into_iter().map(|account| (account.id, account)));
    context.changed.extend(inserted.iter().chain(updated.values()).filter_map(|account| account.owner));
    if !context.mode.dry_run && !live.risks.is_empty() {
        // What stands between is nobody's: that it changed says nothing of whom it concerns.
        let now = inserted.iter().chain(updated.values());
        let now = now.filter(|account| stand_ins.contains(account.account_type.as_str()));
        let moved: Vec<Account> =
            now.flat_map(|account| [Some(account), stood.get(&account.id)]).flatten().cloned().collect();
        if !moved.is_empty() {
            let mut follower = Follower::new(engine.store(), &live);
            context.changed.extend(follower.concerned_by(engine.store(), &moved).await.map_err(failed)?);
        }
    }
    let references = inserted.iter().chain(updated.values());
    let references = references
        .flat_map(|account| crate::references::changed_in(known.get(&account.id), account, &live.catalogue))
        .collect();
    let mut native = Native::default();
    if !context.mode.dry_run {
        native = native::look(context, name, &collected.reading, &before, &inserted, &updated).await.map_err(failed)?;
        // What was never read, and is as we made it, is known from now on.
        let is_first = |account: &&Account| {
            account.observed_at.is_none()
                && read_first.contains(&account.id)
                && configuration.native_changes(name, &account.account_type).is_some()
        };
        for account in before.values().filter(is_first) {
            let known = updated.entry(account.id).or_insert_with(|| account.clone());
            known.observed_at = Some(collected.reading.at);
        }
    }
    let updated: Vec<Account> = updated.into_values().collect();
    Ok(AccountChanges {
        inserted,
        updated,
        proposals: placed.proposals,
        counts: changes.counts,
        linked: placed.linked,
        approval,
        native,
        references,
    })
}

/// Without the time of the reading, which is no change.
fn accounts_digest(name: &str, changes: &synchronize::AccountChanges) -> String {
    let known = changes.updated.iter().chain(&changes.gone);
    let known = known.map(|account| approval::line(&Account { observed_at: None, ..account.clone() }));
    approval::of_changes(&accounts_origin(name), changes.inserted.iter().map(approval::line).chain(known))
}

fn account_lines(name: &str, changes: &synchronize::AccountChanges) -> Vec<PreviewLine> {
    let line =
        |identity: Option<IdentityId>, key: &str, account_type: &str, operation: &str, change: &str| PreviewLine {
            identity,
            identity_name: key.to_owned(),
            application: name.to_owned(),
            account_type: account_type.to_owned(),
            operation: operation.to_owned(),
            change: change.to_owned(),
            why: "Read from the application.".into(),
            since_approval: None,
        };
    let gone = changes.gone.iter().map(|account| {
        line(account.owner, &account.key, &account.account_type, "delete", "the application no longer lists it")
    });
    let updated = changes.updated.iter().map(|account| {
        line(account.owner, &account.key, &account.account_type, "update", "the application holds it differently")
    });
    let inserted = changes.inserted.iter().map(|account| line(None, &account.key, "", "insert", "not known so far"));
    gone.chain(updated).chain(inserted).collect()
}

fn report_taken_over(progress: &Progress, name: &str, counts: &ChangeCounts, linked: usize) {
    report_counts(progress, counts);
    progress.say(
        LogLevel::Information,
        format!("`{name}`: {}; {} found an owner.", sentence(counts), counted(linked as u64, "account")),
    );
}

fn found(account: ObservedAccount, id: AccountId, application: &str, at: Timestamp) -> Account {
    Account {
        id,
        application: application.to_owned(),
        account_type: String::new(),
        owner: None,
        status: if account.enabled { AccountStatus::Enabled } else { AccountStatus::Disabled },
        provenance: model::account::Provenance::Found,
        key: account.key,
        attributes: account.attributes,
        entitlements: account.entitlements,
        observed_at: Some(at),
    }
}

/// Values of generated attributes that found accounts already use, so that nobody is given them again.
pub(crate) fn unique_values<'a>(
    configuration: &model::configuration::Configuration,
    accounts: impl IntoIterator<Item = &'a Account>,
) -> Vec<Reservation> {
    accounts
        .into_iter()
        .filter(|account| account.status != AccountStatus::Gone)
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
    let is_by_hand = orders.iter().any(|order| order.mechanism == Mechanism::Manual);
    orders.extend(engine.store().orders_in_state(application, ProvisioningState::Transmitted, u32::MAX).await?);
    if is_by_hand {
        orders.extend(engine.store().orders_in_state(application, ProvisioningState::Errored, u32::MAX).await?);
        let worked_on = orders.iter().filter(|order| order.mechanism == Mechanism::Manual);
        let accounts: BTreeSet<AccountId> = worked_on.filter_map(|order| order.account).collect();
        orders.extend(engine.store().waiting_or_given_up_orders_of(&accounts.into_iter().collect::<Vec<_>>()).await?);
    }
    let live = engine.world().deciding();
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
    record::record_many(engine, steps, engine.now()).await?;
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
        // A creation that another system carried out is found by what names it: nobody has told its key.
        let live = context.engine.world().deciding();
        let named = executed.iter().filter(|order| order.key.is_none());
        let named = named.filter_map(|order| broker::order::natural_key(order, &live.catalogue)).collect();
        let keys: BTreeSet<String> = executed.iter().filter_map(|order| order.key.clone()).collect();
        let wanted = Wanted { keys, named };
        if wanted.keys.is_empty() && wanted.named.is_empty() {
            continue;
        }
        // An agent is not asked for single accounts.
        if live.configuration().applications.get(name).is_some_and(|application| application.read_by.is_some()) {
            progress.say(
                LogLevel::Information,
                format!(
                    "`{name}` is read by an agent: the next run that reads all of it confirms what was ordered there."
                ),
            );
            continue;
        }
        match read_accounts(context, name, wanted).await {
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

/// Accounts that are looked at, by key, and by an attribute with its value where that is not known.
struct Wanted {
    keys: BTreeSet<String>,
    named: Vec<(String, Value)>,
}

async fn read_accounts(context: &Context, name: &str, wanted: Wanted) -> Result<Option<Collected>, String> {
    let connector = context.engine.connector(name).await.map_err(|error| error.message)?;
    if !connector.capabilities().reads_one {
        return Ok(None);
    }
    let reading = Reading { at: context.engine.now(), digest: String::new(), partial: true };
    let Wanted { mut keys, named } = wanted;
    let mut accounts = Vec::new();
    for key in &keys {
        accounts.extend(connector.account(key).await.map_err(|error| error.message)?);
    }
    for (attribute, value) in &named {
        let mut found = connector.find(attribute, value).await.map_err(|error| error.message)?;
        if let (Some(account), None) = (found.pop(), found.pop())
            && keys.insert(account.key.clone())
        {
            accounts.push(account);
        }
    }
    Ok(Some(Collected { reading, accounts, entitlements: Vec::new(), asked: Some(keys), export: None }))
}
