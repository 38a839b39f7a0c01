//! Native changes: what an application holds differently without an order of ours, what follows from it by itself, and
//! what people may decide.
//!
//! | from | event | to |
//! |---|---|---|
//! | seen | the settings accept | accepted |
//! | seen | the settings notify | noted |
//! | seen | the settings ask for a review, or cannot set it back, or have done so too often | open |
//! | seen | the settings revert | reverting |
//! | open, noted | a person accepts | accepted |
//! | open, noted, accepted | a person reverts | reverting |
//! | reverting | no order can do it, or the order was called off | open |
//! | open, reverting | a reading finds something else, which is an order's doing or what was there before | reverted |
//! | open, reverting, accepted | the same was changed again natively | overtaken |
//!
//! - What was accepted, or waits for a decision, stands in the place of what was there before (`instead_of`): as long as
//!   the role model wants just that, it is not ordered ([`is_over`]). Once it wants something else, that is ordered.
//! - Taking access away from somebody who has left never waits for a decision about a native change.
//! - What is set back goes the way of every order. The planner does it ([`crate::plan`]) and says why ([`explain`]).
//!
//! What this leaves out: which changes there are ([`detect`]).

mod detect;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::access::{DesiredAccess, DesiredValue};
use model::account::{Account, AccountStatus};
use model::configuration::OnRemoval;
use model::ids::{AccountId, IdentityId, NativeChangeId, OrderId};
use model::native_change::{
    NativeChange, NativeChangeKind, NativeChangeState, NativeChanges, NativeDecision, NativeReaction,
};
use model::order::{Order, ProvisioningState};
use model::plan::{AccountRequest, ItemKind, ItemOperation, Operation, Plan};
use model::value::Value;

pub use detect::{Baseline, Compared, Difference, Watch, baseline, differences, is_ours};

use crate::catalogue::Catalogue;
use crate::compare::{present, same, says};

/// What a person may do from which state.
const DECISIONS: &[(NativeChangeState, NativeDecision, NativeChangeState)] = &[
    (NativeChangeState::Open, NativeDecision::Accept, NativeChangeState::Accepted),
    (NativeChangeState::Noted, NativeDecision::Accept, NativeChangeState::Accepted),
    (NativeChangeState::Open, NativeDecision::Revert, NativeChangeState::Reverting),
    (NativeChangeState::Noted, NativeDecision::Revert, NativeChangeState::Reverting),
    (NativeChangeState::Accepted, NativeDecision::Revert, NativeChangeState::Reverting),
];

/// Why a decision is not taken; nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("Native change {id} is \u{201c}{}\u{201d} by now, so that there is nothing to {}.", .state.label(), .decision.name())]
    NotNow { id: NativeChangeId, state: NativeChangeState, decision: NativeDecision },
    #[error("Native change {id} cannot be set back: {why}")]
    Impossible { id: NativeChangeId, why: String },
}

/// Where a decision leads.
pub fn decide(
    change: &NativeChange,
    decision: NativeDecision,
    catalogue: &Catalogue,
) -> Result<NativeChangeState, Refused> {
    let step = DECISIONS.iter().find(|(from, said, _)| (*from, *said) == (change.state, decision));
    let Some((_, _, to)) = step else {
        return Err(Refused::NotNow { id: change.id, state: change.state, decision });
    };
    if decision == NativeDecision::Revert {
        let found = (change.kind, change.name.as_str());
        can_be_set_back(found, &change.account_type, change.identity, catalogue)
            .map_err(|why| Refused::Impossible { id: change.id, why })?;
    }
    Ok(*to)
}

/// Where a decision may lead from this state.
pub fn decisions(state: NativeChangeState) -> impl Iterator<Item = NativeDecision> {
    DECISIONS.iter().filter(move |(from, _, _)| *from == state).map(|(_, decision, _)| *decision)
}

/// Whether an order could do it at all, or what has to be done first.
fn can_be_set_back(
    (kind, name): (NativeChangeKind, &str),
    account_type: &str,
    owner: Option<IdentityId>,
    catalogue: &Catalogue,
) -> Result<(), String> {
    if catalogue.account_type(account_type).is_none() {
        return Err("nobody knows of which type the account is. Choose its type on the application's page first, or \
                    change it back in the application."
            .to_owned());
    }
    if owner.is_none() {
        return Err(
            "nobody owns the account, and every order is somebody's. Link it to its owner on the application's \
                    page first, or change it back in the application."
                .to_owned(),
        );
    }
    let is_entitlement = matches!(kind, NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved);
    if is_entitlement && catalogue.entitlement_of(account_type, name).is_none() {
        return Err(format!(
            "Quartermaster does not manage \u{201c}{name}\u{201d}. Add it to the configuration as an entitlement first, \
             or change it back in the application."
        ));
    }
    if kind == NativeChangeKind::Attribute && catalogue.attribute(account_type, name).is_none() {
        return Err(format!(
            "the configuration says nothing of \u{201c}{name}\u{201d} on accounts of the type \u{201c}{}\u{201d}. Add it to \
             the account type first, or change it back in the application.",
            catalogue.account_type_label(account_type)
        ));
    }
    Ok(())
}

/// What becomes of something that was just seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reacted {
    pub difference: Difference,
    pub instead_of: Option<Value>,
    pub reaction: NativeReaction,
    pub state: NativeChangeState,
    pub why: Option<String>,
    pub holds: bool,
}

/// What becomes of an earlier change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub id: NativeChangeId,
    pub to: NativeChangeState,
    pub why: Option<String>,
    pub holds: bool,
}

/// What follows from a reading. `standing` are earlier changes that are open, being set back, or accepted and in force;
/// `now` tells an account as this reading has it, where it was read, and `others` are those that came on record since an account
/// is missed, in that reading or later, with when that was; `reverted` how often the settings have set back something on an account within the last
/// 24 hours.
pub fn follow<'a>(
    standing: &[NativeChange],
    seen: Vec<Difference>,
    now: impl Fn(AccountId) -> Option<&'a Account>,
    others: &[(&Account, Timestamp)],
    settings: impl Fn(&Account) -> Option<&'a NativeChanges>,
    reverted: &BTreeMap<AccountId, u32>,
    catalogue: &Catalogue,
) -> (Vec<Reacted>, Vec<Moved>) {
    let mut moved = Vec::new();
    let mut instead_of: Vec<Option<Value>> = seen.iter().map(|difference| difference.before.clone()).collect();
    let mut is_undone = vec![false; seen.len()];
    for change in standing {
        let is_undecided = matches!(change.state, NativeChangeState::Open | NativeChangeState::Reverting);
        let again = seen.iter().position(|new| change.is_about(new.account, new.kind, &new.name));
        if let Some((position, new)) = again.and_then(|position| Some((position, seen.get(position)?))) {
            if is_undecided && restores(change, new) {
                let why = Some("It was set back in the application itself.".to_owned());
                moved.push(Moved { id: change.id, to: NativeChangeState::Reverted, why, holds: false });
                is_undone.iter_mut().skip(position).take(1).for_each(|undone| *undone = true);
            } else {
                moved.push(Moved { id: change.id, to: NativeChangeState::Overtaken, why: None, holds: false });
                instead_of.iter_mut().skip(position).take(1).for_each(|value| value.clone_from(&change.instead_of));
            }
            continue;
        }
        let Some(account) = now(change.account) else { continue };
        if is_still(change, account, catalogue)
            && !others.iter().any(|(other, since)| takes_place_of(other, *since, change))
        {
            continue;
        }
        let is_gone = account.status == AccountStatus::Gone && !change.kind.is_lifecycle();
        let (to, why) = match is_undecided {
            true if is_gone => (NativeChangeState::Overtaken, Some("The account is gone.".to_owned())),
            true => (NativeChangeState::Reverted, change.why.clone()),
            false => (change.state, change.why.clone()),
        };
        moved.push(Moved { id: change.id, to, why, holds: false });
    }
    let reacted = seen.into_iter().zip(instead_of).zip(is_undone).filter(|(_, undone)| !undone);
    let reacted = reacted.filter_map(|((difference, instead_of), _)| {
        let account = now(difference.account)?;
        let settings = settings(account)?;
        let times = reverted.get(&account.id).copied().unwrap_or(0);
        Some(react(difference, instead_of, settings, account, times, catalogue))
    });
    (reacted.collect(), moved)
}

fn react(
    difference: Difference,
    instead_of: Option<Value>,
    settings: &NativeChanges,
    account: &Account,
    times: u32,
    catalogue: &Catalogue,
) -> Reacted {
    let reaction = settings.reaction_to(difference.kind);
    let found = (difference.kind, difference.name.as_str());
    let (state, why) = match reaction {
        NativeReaction::Ignore | NativeReaction::Notify => (NativeChangeState::Noted, None),
        NativeReaction::Accept => (NativeChangeState::Accepted, None),
        NativeReaction::Review => (NativeChangeState::Open, None),
        NativeReaction::Revert => match can_be_set_back(found, &account.account_type, account.owner, catalogue) {
            Err(why) => (NativeChangeState::Open, Some(format!("It was not set back by itself: {why}"))),
            Ok(()) if times >= settings.reverts_per_day() => (NativeChangeState::Open, Some(another_authority(times))),
            Ok(()) => (NativeChangeState::Reverting, None),
        },
    };
    let holds = matches!(state, NativeChangeState::Accepted | NativeChangeState::Open);
    Reacted { difference, instead_of, reaction, state, why, holds }
}

fn another_authority(times: u32) -> String {
    let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    format!(
        "Another authority sets it back: changes of this account were undone {times} within a day, and came again. Find \
         out who changes it there, then accept or revert."
    )
}

/// Whether the new change takes the old one back.
fn restores(old: &NativeChange, new: &Difference) -> bool {
    use NativeChangeKind::{Attribute, Created, Deleted, Disabled, Enabled, EntitlementAdded, EntitlementRemoved};
    match (old.kind, new.kind) {
        (Attribute, Attribute) => same(old.instead_of.as_ref(), new.after.as_ref()),
        (EntitlementAdded, EntitlementRemoved)
        | (EntitlementRemoved, EntitlementAdded)
        | (Created, Deleted)
        | (Deleted, Created)
        | (Enabled, Disabled)
        | (Disabled, Enabled) => true,
        _ => false,
    }
}

/// Whether the account is there in the place of one that was deleted: an application that chooses keys gives another one,
/// and it is another account on record, `since` then.
fn takes_place_of(account: &Account, since: Timestamp, change: &NativeChange) -> bool {
    change.kind == NativeChangeKind::Deleted
        && since >= change.seen_at
        && account.status != AccountStatus::Gone
        && account.application == change.application
        && account.account_type == change.account_type
        && change.identity.is_some()
        && account.owner == change.identity
}

/// Whether the account is still as it was changed.
fn is_still(change: &NativeChange, account: &Account, catalogue: &Catalogue) -> bool {
    let is_gone = account.status == AccountStatus::Gone;
    match change.kind {
        NativeChangeKind::Deleted => is_gone,
        _ if is_gone => false,
        NativeChangeKind::Created => {
            // Where accounts are disabled rather than deleted, that is what setting it back brings about.
            let facts = catalogue.account_type(&change.account_type);
            let is_disabled = facts.is_some_and(|facts| facts.on_removal == OnRemoval::Disable)
                && account.status == AccountStatus::Disabled;
            !(is_disabled && change.state == NativeChangeState::Reverting)
        }
        NativeChangeKind::Enabled => account.status == AccountStatus::Enabled,
        NativeChangeKind::Disabled => account.status == AccountStatus::Disabled,
        NativeChangeKind::Attribute => same(change.after.as_ref(), account.attributes.get(&change.name)),
        NativeChangeKind::EntitlementAdded => account.entitlements.contains(&change.name),
        NativeChangeKind::EntitlementRemoved => !account.entitlements.contains(&change.name),
    }
}

/// Whether the role model has come to want something else than what the change stands in place of, or nothing at all: from
/// then on it holds nothing up, also when the old value is wanted again.
pub fn is_over(change: &NativeChange, desired: &DesiredAccess, catalogue: &Catalogue) -> bool {
    let account = desired.accounts.iter().find(|account| account.account_type == change.account_type);
    let is_wanted = |account: &model::access::DesiredAccount| {
        let name = catalogue.entitlement_of(&change.account_type, &change.name);
        name.is_some_and(|name| account.entitlements.iter().any(|wanted| wanted == name))
    };
    match change.kind {
        NativeChangeKind::Created => false,
        NativeChangeKind::Enabled => account.is_some(),
        NativeChangeKind::Disabled | NativeChangeKind::Deleted => account.is_none(),
        NativeChangeKind::EntitlementAdded => account.is_none_or(is_wanted),
        NativeChangeKind::EntitlementRemoved => !account.is_some_and(is_wanted),
        NativeChangeKind::Attribute => {
            let attribute = account.and_then(|account| account.attributes.iter().find(|own| own.name == change.name));
            let Some(attribute) = attribute else { return true };
            let before = change.instead_of.as_ref();
            match &attribute.value {
                DesiredValue::Value(value) => !same(Some(value), before),
                DesiredValue::Unique(all) => !before.is_some_and(|before| all.iter().any(|one| says(before, one))),
                DesiredValue::Absent => present(before).is_some(),
                // What is not known is no other wish.
                DesiredValue::Failed(_) | DesiredValue::Asked(_) | DesiredValue::Referred(_) => false,
            }
        }
    }
}

/// Whether an item of a request, or of an order, sets the change back.
fn sets_back(
    change: &NativeChange,
    account: Option<AccountId>,
    account_type: &str,
    operation: Operation,
    items: impl IntoIterator<Item = (ItemKind, String, ItemOperation)>,
) -> bool {
    if account_type != change.account_type {
        return false;
    }
    let is_it = account == Some(change.account);
    let mut items = items.into_iter();
    let mut has = |kind: ItemKind, removes: Option<bool>| {
        items.any(|(other, name, operation)| {
            other == kind
                && name == change.name
                && removes.is_none_or(|removes| removes == (operation == ItemOperation::Remove))
        })
    };
    match change.kind {
        NativeChangeKind::Deleted => operation == Operation::Create,
        NativeChangeKind::Disabled => is_it && operation == Operation::Enable,
        NativeChangeKind::Created | NativeChangeKind::Enabled => is_it && operation.removes(),
        NativeChangeKind::Attribute => is_it && has(ItemKind::Attribute, None),
        NativeChangeKind::EntitlementAdded => is_it && has(ItemKind::Entitlement, Some(true)),
        NativeChangeKind::EntitlementRemoved => is_it && has(ItemKind::Entitlement, Some(false)),
    }
}

fn is_set_back_by(change: &NativeChange, request: &AccountRequest) -> bool {
    let items = request.items.iter().map(|item| (item.kind, item.name.clone(), item.operation));
    request.error.is_none() && sets_back(change, request.account, &request.account_type, request.operation, items)
}

/// Says in a plan which of it sets back a native change, and notes these changes on their requests.
pub fn explain(plan: &mut Plan, native: &[NativeChange]) {
    for change in native.iter().filter(|change| change.state == NativeChangeState::Reverting) {
        let Some(request) = plan.requests.iter_mut().find(|request| is_set_back_by(change, request)) else { continue };
        let by = change.decided_by.as_ref().map(|login| format!(", as {login} decided")).unwrap_or_default();
        let said = format!(
            "Sets back native change {}: {}, in the application itself, seen on {}{by}.",
            change.id,
            change.sentence(),
            change.seen_at.strftime("%F")
        );
        let is_item = |kind: ItemKind, name: &str| match change.kind {
            NativeChangeKind::Attribute => kind == ItemKind::Attribute && name == change.name,
            NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved => {
                kind == ItemKind::Entitlement && name == change.name
            }
            _ => kind == ItemKind::Lifecycle,
        };
        for item in request.items.iter_mut().filter(|item| is_item(item.kind, &item.name)) {
            item.explanation = format!("{} {said}", item.explanation).trim_start().to_owned();
        }
        request.explanation = format!("{} {said}", request.explanation).trim_start().to_owned();
        request.sets_back.push(change.id);
    }
}

/// The order under way that sets it back, where the plan has nothing to add.
pub fn on_its_way(change: &NativeChange, open_orders: &[Order]) -> Option<OrderId> {
    let comes = |order: &&Order| {
        let items = order.items.iter().filter(|item| item.state != ProvisioningState::Inactive);
        let items = items.map(|item| (item.kind, item.name.clone(), item.operation));
        (order.state.is_open() || order.state == ProvisioningState::Executed)
            && sets_back(change, order.account, &order.account_type, order.operation, items)
    };
    open_orders.iter().filter(comes).map(|order| order.id).max()
}

/// Why nothing was ordered although the change is to be set back, for the person who decides anew.
pub fn nothing_to_do(change: &NativeChange, plan: &Plan) -> String {
    let kept = plan.retained.iter().find(|kept| {
        let is_it = match change.kind {
            NativeChangeKind::Attribute => kept.kind == ItemKind::Attribute && kept.name == change.name,
            NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved => {
                kept.kind == ItemKind::Entitlement && kept.name == change.name
            }
            _ => kept.kind == ItemKind::Lifecycle,
        };
        kept.account_type == change.account_type && is_it
    });
    match (kept, change.kind) {
        (Some(kept), _) => format!("Nothing was ordered: {}", kept.why),
        (None, NativeChangeKind::Disabled | NativeChangeKind::Deleted | NativeChangeKind::EntitlementRemoved) => {
            "Nothing was ordered: nothing grants it. Grant it first, or accept.".to_owned()
        }
        (None, _) => "Nothing was ordered: the role model wants it as it is now, or it has changed since. Look at the \
                      account, then accept or revert."
            .to_owned(),
    }
}
