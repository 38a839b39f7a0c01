//! Native changes: what applications hold differently and nobody had ordered. Readings find them
//! (`tasks::synchronize`); here people look at them, and accept them or have them set back.

use std::collections::{BTreeMap, HashMap};

use broker::native_change::{self, Refused};
use jiff::Timestamp;
use model::account::Account;
use model::error::ApiError;
use model::ids::{AccountId, NativeChangeId};
use model::job::REVERTS;
use model::native_change::{
    NativeChange, NativeChangeFilter, NativeChangeKind, NativeChangeRow, NativeChangeState, NativeDecision,
};
use model::page::Page;
use model::view::AuditLine;
use store::{NativeVerdict, NewIdentityEvent, StoreError};

pub use native_change::decisions;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// Sees the list.
pub const VIEW: &str = "/NativeChanges/View";
/// Accepts and reverts.
pub const DECIDE: &str = "/NativeChanges/Decide";

/// Read at once, of all that are decided about.
const READ_AT_ONCE: u32 = 1_000;
/// Longest comment that is kept.
const LONGEST_COMMENT: usize = 1_000;

/// What became of each.
pub type NativeOutcomes = Vec<(NativeChangeId, Result<NativeChangeState, ApiError>)>;

/// A piece of the list, newest first.
pub async fn page(op: &OpContext, filter: &NativeChangeFilter) -> Result<Page<NativeChangeRow>, ApiError> {
    op.require(VIEW)?;
    let mut page = op.engine.store().native_change_page(filter).await.map_err(internal)?;
    name(op, &mut page.rows).await?;
    Ok(page)
}

/// When the last of those that match was seen.
pub async fn seen_until(op: &OpContext, filter: &NativeChangeFilter) -> Result<Option<Timestamp>, ApiError> {
    op.require(VIEW)?;
    op.engine.store().native_changes_seen_until(filter).await.map_err(internal)
}

/// How many there are in each state, of those that match otherwise.
pub async fn counts(op: &OpContext, filter: &NativeChangeFilter) -> Result<BTreeMap<NativeChangeState, u64>, ApiError> {
    op.require(VIEW)?;
    op.engine.store().native_change_counts(filter).await.map_err(internal)
}

/// Applications by name and what people call them, for the filter.
pub fn applications(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require(VIEW)?;
    let configuration = op.engine.world().configuration();
    let named = configuration.applications.iter();
    Ok(named.map(|(name, application)| (name.clone(), application.display_name.clone())).collect())
}

/// How many wait for a person, for the menu.
pub async fn open(op: &OpContext) -> Result<u64, ApiError> {
    op.require(VIEW)?;
    op.engine.store().open_native_changes().await.map_err(internal)
}

/// Decides the same about each. Each is for itself: what one is refused, the others are not.
pub async fn decide(
    op: &OpContext,
    ids: &[NativeChangeId],
    decision: NativeDecision,
    comment: &str,
) -> Result<NativeOutcomes, ApiError> {
    op.require(DECIDE)?;
    let comment = comment.trim();
    if comment.chars().count() > LONGEST_COMMENT {
        return Err(ApiError::invalid("comment", format!("A comment has at most {LONGEST_COMMENT} characters.")));
    }
    if ids.is_empty() {
        return Err(ApiError::invalid("ids", "No native change is chosen. Tick at least one, then choose what to do."));
    }
    let mut known: HashMap<NativeChangeId, NativeChange> = op
        .engine
        .store()
        .native_changes_by_id(ids)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|change| (change.id, change))
        .collect();
    // Who owns the accounts by now counts: they may have been linked since.
    let accounts: Vec<AccountId> = known.values().map(|change| change.account).collect();
    let accounts = op.engine.store().accounts_by_id(&accounts).await.map_err(internal)?;
    let accounts: HashMap<AccountId, Account> = accounts.into_iter().map(|account| (account.id, account)).collect();
    let mut outcomes = NativeOutcomes::with_capacity(ids.len());
    for id in ids {
        let outcome = match known.remove(id) {
            Some(change) => {
                let change = match accounts.get(&change.account) {
                    Some(Account { owner, account_type, .. }) => {
                        NativeChange { identity: *owner, account_type: account_type.clone(), ..change }
                    }
                    None => change,
                };
                decide_one(op, change, decision, comment).await
            }
            None => Err(ApiError::not_found(format!("native change {id}"))),
        };
        outcomes.push((*id, outcome));
    }
    if decision == NativeDecision::Revert && outcomes.iter().any(|(_, outcome)| outcome.is_ok()) {
        queue(&op.engine, Some(op)).await.map_err(internal)?;
    }
    Ok(outcomes)
}

/// Decides the same about all that match and wait for a decision, where the filter names no other state. `seen_until` is
/// when the last was seen that the person knew of: what came later is left.
pub async fn decide_all(
    op: &OpContext,
    filter: &NativeChangeFilter,
    seen_until: Timestamp,
    decision: NativeDecision,
    comment: &str,
) -> Result<NativeOutcomes, ApiError> {
    op.require(DECIDE)?;
    let filter = NativeChangeFilter {
        state: Some(filter.state.unwrap_or(NativeChangeState::Open)),
        before: None,
        limit: None,
        ..filter.clone()
    };
    let mut outcomes = NativeOutcomes::new();
    loop {
        let from = outcomes.last().map(|(id, _)| *id);
        let ids =
            op.engine.store().native_change_ids(&filter, (from, seen_until), READ_AT_ONCE).await.map_err(internal)?;
        if ids.is_empty() {
            break;
        }
        outcomes.extend(decide(op, &ids, decision, comment).await?);
    }
    if outcomes.is_empty() {
        return Err(ApiError::conflict("Nothing of this kind is left to decide. Look at the list again."));
    }
    Ok(outcomes)
}

async fn decide_one(
    op: &OpContext,
    change: NativeChange,
    decision: NativeDecision,
    comment: &str,
) -> Result<NativeChangeState, ApiError> {
    let to = native_change::decide(&change, decision, &op.engine.world().live().catalogue).map_err(refused)?;
    let verdict = NativeVerdict {
        id: change.id,
        from: change.state,
        to,
        by: op.user.login.clone(),
        at: op.now,
        comment: Some(comment.to_owned()).filter(|comment| !comment.is_empty()),
        identity: change.identity,
        account_type: change.account_type.clone(),
    };
    let done = match decision {
        NativeDecision::Accept => "accepted",
        NativeDecision::Revert => "had set back",
    };
    let remark = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    let event = change.identity.map(|identity| NewIdentityEvent {
        identity,
        at: op.now,
        message: format!(
            "{} {done} native change {} in {} ({}){remark}",
            op.user.login,
            change.id,
            op.engine.application_label(&change.application),
            change.sentence(),
        ),
        order: None,
        run: None,
    });
    let audit = AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "native change".into(),
        subject: change.id.to_string(),
        detail: format!("{done}: {} on {}{remark}", what(&change), change.key),
    };
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let taken = tx.decide_native_change(&verdict).await?;
            if taken {
                tx.append_identity_events(event.as_slice()).await?;
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(taken)
        })
    });
    match work.await {
        Ok(true) => Ok(to),
        Ok(false) => Err(ApiError::conflict(format!(
            "Somebody has decided on native change {} meanwhile, or a reading has. Look at it again.",
            change.id
        ))),
        Err(error) if error.constraint() == Some("native_change_one_undecided") => Err(ApiError::conflict(format!(
            "The same was changed again since native change {}. Decide on the later one.",
            change.id
        ))),
        Err(error) => Err(internal(error)),
    }
}

/// Without values: the audit trail is read by many.
fn what(change: &NativeChange) -> String {
    match change.name.as_str() {
        "" => change.kind.label().to_lowercase(),
        name => format!("{} ({name})", change.kind.label().to_lowercase()),
    }
}

fn refused(error: Refused) -> ApiError {
    ApiError::conflict(error.to_string())
}

/// Queues a run for those whose accounts are to be set back where none does it yet.
pub(crate) async fn queue_due(engine: &Engine) -> Result<(), StoreError> {
    if engine.store().identities_with_native_changes_to_revert().await?.is_empty() {
        return Ok(());
    }
    // The run that found them orders what sets them back itself, where orders are a step of it.
    if engine.store().active_runs().await?.is_empty() && crate::jobs::may_queue_own(engine, REVERTS, false).await? {
        queue(engine, None).await?;
    }
    Ok(())
}

async fn queue(engine: &Engine, op: Option<&OpContext>) -> Result<(), StoreError> {
    crate::jobs::queue_own(engine, REVERTS, &crate::jobs::FROM_PLANNING, op.map(|op| op.user.id)).await
}

/// Gives things the names by which people know them.
async fn name(op: &OpContext, rows: &mut [NativeChangeRow]) -> Result<(), ApiError> {
    let ids: Vec<AccountId> = rows.iter().map(|row| row.change.account).collect();
    let called = crate::accounts::called(op, &ids).await?;
    let live = op.engine.world().live();
    let configuration = op.engine.world().configuration();
    for row in rows.iter_mut() {
        row.application_name = op.engine.application_label(&row.change.application);
        row.account_type_label = live.catalogue.account_type_label(&row.change.account_type).to_owned();
        row.called = called.get(&row.change.account).cloned();
        let is_entitlement =
            matches!(row.change.kind, NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved);
        if is_entitlement && let Some(name) = live.catalogue.entitlement_of(&row.change.account_type, &row.change.name)
        {
            row.entitlement_label = configuration.entitlements.get(name).map(|known| known.display_name.clone());
        }
    }
    Ok(())
}
