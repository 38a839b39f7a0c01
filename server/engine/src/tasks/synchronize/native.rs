//! Native changes of a reading: what it brings that nobody ordered, what follows, and what becomes of earlier ones. It is
//! written with the reading itself, so that a reading that is taken over once more finds nothing twice.

use std::collections::{BTreeMap, HashMap};

use broker::native_change::{self, Baseline, Compared, Difference, Moved, Reacted, Watch};
use jiff::{SignedDuration, Timestamp};
use model::account::Account;
use model::configuration::Configuration;
use model::ids::{AccountId, NativeChangeId, RunId};
use model::job::LogLevel;
use model::mail::Notice;
use model::native_change::{NativeChange, NativeChangeKind, NativeChangeState, NativeReaction};
use store::{NativeStep, NewIdentityEvent, StoreError, Tx};

use super::{Context, Reading, counted};
use crate::mails::notices;
use crate::progress::Progress;

/// How far back the reverts of an account count.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What a reading says of native changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Native {
    changes: Vec<NativeChange>,
    steps: Vec<NativeStep>,
    events: Vec<NewIdentityEvent>,
    notices: Vec<Notice>,
    /// What the next reading is compared in, where this one was complete.
    baseline: Option<Baseline>,
}

impl Native {
    pub(super) async fn write(&self, tx: &mut Tx, application: &str, at: Timestamp) -> Result<(), StoreError> {
        tx.move_native_changes(&self.steps).await?;
        tx.insert_native_changes(&self.changes).await?;
        tx.append_identity_events(&self.events).await?;
        tx.insert_notices(&self.notices).await?;
        match &self.baseline {
            Some(baseline) => tx.set_native_baseline(application, baseline, at).await,
            None => Ok(()),
        }
    }

    pub(super) fn report(&self, progress: &Progress, application: &str) {
        if self.changes.is_empty() {
            return;
        }
        let count = self.changes.len();
        let open = self.changes.iter().filter(|change| change.state == NativeChangeState::Open).count();
        progress.count("native_changes", i64::try_from(count).unwrap_or(i64::MAX));
        let level = if open == 0 { LogLevel::Information } else { LogLevel::Warning };
        let found = counted(count as u64, "change");
        let waits = match open {
            0 => String::new(),
            1 => "; 1 waits for a decision, see Native changes".to_owned(),
            _ => format!("; {open} wait for a decision, see Native changes"),
        };
        progress.say(level, format!("`{application}`: {found} that nobody had ordered{waits}."));
    }
}

/// Whether native changes of the application, or of one of its account types, are looked for.
pub(super) fn is_looked_for(configuration: &Configuration, application: &str) -> bool {
    let mut types = configuration.account_types.iter().filter(|(_, kind)| kind.application == application);
    types.any(|(name, _)| configuration.native_changes(application, name).is_some())
        || configuration.native_changes(application, "").is_some()
}

/// Compares the application's accounts as they were known (`before`) with how they are after the reading.
pub(super) async fn look(
    context: &Context,
    application: &str,
    reading: &Reading,
    before: &HashMap<AccountId, Account>,
    inserted: &[Account],
    updated: &BTreeMap<AccountId, Account>,
) -> Result<Native, StoreError> {
    let engine = &context.engine;
    let live = engine.world().deciding();
    let configuration = live.configuration();
    let store = engine.store();
    let next = native_change::baseline(&configuration, application);
    let (known, since) = store.native_baseline(application).await?;
    let standing = store.standing_native_changes(application).await?;
    let mut native = Native::default();
    if next.is_empty() && known.is_empty() && standing.is_empty() {
        return Ok(native);
    }
    let mut watches: HashMap<&str, Option<Watch<'_>>> = HashMap::new();
    let mut seen: Vec<Difference> = Vec::new();
    let compared = updated.values().map(|after| Compared { before: before.get(&after.id), after });
    for compared in compared.chain(inserted.iter().map(|after| Compared { before: None, after })) {
        let account_type = compared.after.account_type.as_str();
        let watch = watches.entry(account_type).or_insert_with(|| Watch::of(&configuration, application, account_type));
        if let Some(watch) = watch {
            seen.extend(native_change::differences(compared, watch, known.get(account_type)));
        }
    }
    let new: HashMap<AccountId, &Account> = inserted.iter().map(|account| (account.id, account)).collect();
    let now = |id: AccountId| updated.get(&id).or_else(|| new.get(&id).copied()).or_else(|| before.get(&id));
    if !seen.is_empty() {
        let mut touched: Vec<AccountId> = seen.iter().map(|difference| difference.account).collect();
        touched.dedup();
        let orders = store.orders_touching(application, &touched, since).await?;
        seen.retain(|difference| {
            now(difference.account)
                .is_none_or(|account| !native_change::is_ours(difference, account, &orders, &live.catalogue))
        });
    }
    let mut accounts: Vec<AccountId> = seen.iter().map(|difference| difference.account).collect();
    accounts.dedup();
    let yesterday = reading.at.checked_sub(DAY).unwrap_or(Timestamp::UNIX_EPOCH);
    let reverted =
        if accounts.is_empty() { BTreeMap::new() } else { store.native_reverts_since(&accounts, yesterday).await? };
    let settings = |account: &Account| configuration.native_changes(application, &account.account_type);
    // Another may have taken the place of one that is missed.
    let missed = standing.iter().filter(|change| change.kind == NativeChangeKind::Deleted);
    let others: Vec<(&Account, Timestamp)> = match missed.map(|change| change.seen_at).min() {
        Some(since) => {
            let recorded = store.accounts_recorded_since(application, since).await?;
            let recorded = recorded.into_iter().filter_map(|(id, at)| Some((now(id)?, at)));
            inserted.iter().map(|account| (account, reading.at)).chain(recorded).collect()
        }
        None => Vec::new(),
    };
    let (reacted, moved) = native_change::follow(&standing, seen, now, &others, settings, &reverted, &live.catalogue);
    let mut ids = store.reserve_ids(reacted.len()).await?;
    native.changes = reacted
        .into_iter()
        .filter_map(|reacted| {
            let account = now(reacted.difference.account)?;
            Some(change(NativeChangeId(ids.next()?), account, reacted, reading.at, context.run))
        })
        .collect();
    native.steps = moved.into_iter().filter_map(|moved| step(&standing, moved)).collect();
    native.events = native.changes.iter().filter_map(|change| event(context, change)).collect();
    native.notices = told(context, application, &native.changes);
    native.baseline = (!reading.partial).then_some(next);
    Ok(native)
}

fn change(id: NativeChangeId, account: &Account, reacted: Reacted, at: Timestamp, run: RunId) -> NativeChange {
    let Reacted { difference, instead_of, reaction, state, why, holds } = reacted;
    NativeChange {
        id,
        application: account.application.clone(),
        account_type: account.account_type.clone(),
        account: account.id,
        key: account.key.clone(),
        identity: account.owner,
        kind: difference.kind,
        name: difference.name,
        before: difference.before,
        after: difference.after,
        instead_of,
        seen_at: at,
        run,
        reaction,
        state,
        why,
        holds,
        decided_by: None,
        decided_at: None,
        comment: None,
        order: None,
    }
}

fn step(standing: &[NativeChange], moved: Moved) -> Option<NativeStep> {
    let from = standing.iter().find(|change| change.id == moved.id)?.state;
    Some(NativeStep { id: moved.id, from, to: moved.to, why: moved.why, holds: moved.holds })
}

/// On the timeline of whose account it is.
fn event(context: &Context, change: &NativeChange) -> Option<NewIdentityEvent> {
    let follows = match change.state {
        NativeChangeState::Open => "; it waits for a decision",
        NativeChangeState::Accepted => "; the settings accept it",
        NativeChangeState::Reverting => "; it is set back",
        _ => "",
    };
    Some(NewIdentityEvent {
        identity: change.identity?,
        at: change.seen_at,
        message: format!(
            "Changed in {} itself, on the account {}: {}. Nobody had ordered it (native change {}){follows}.",
            context.engine.application_label(&change.application),
            change.key,
            change.sentence(),
            change.id,
        ),
        order: None,
        run: Some(context.run),
    })
}

/// Whom the settings want told, and what waits for a person: one line for each account type.
fn told(context: &Context, application: &str, changes: &[NativeChange]) -> Vec<Notice> {
    let mut counts: BTreeMap<(&str, NativeChangeState), u64> = BTreeMap::new();
    let is_news =
        |change: &&NativeChange| change.state == NativeChangeState::Open || change.reaction == NativeReaction::Notify;
    for change in changes.iter().filter(is_news) {
        *counts.entry((change.account_type.as_str(), change.state)).or_default() += 1;
    }
    let now = context.engine.now();
    let notice = |((account_type, state), count)| {
        notices::native_changes(&context.engine, application, account_type, state, count, context.run, now)
    };
    counts.into_iter().filter_map(notice).collect()
}
