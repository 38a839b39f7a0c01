//! What a reading of the account says about an order.

use hashbrown::HashMap;
use jiff::Timestamp;
use model::account::{Account, AccountStatus, Mechanism, ObservedAccount, Provenance};
use model::command::Applied;
use model::ids::IdentityId;
use model::order::{Answer, Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{ItemKind, ItemOperation, Operation};

use super::{AccountChange, NewAccount, Settled, account, gone};
use crate::beside;
use crate::compare::same;
use crate::lifecycle::{Event, advance};

/// After a crash or a lost answer: what is there decides. All there: Executed. Otherwise Pending again, with what is
/// there already marked as done. `observed` is the account under the order's key, or for a creation the one with the
/// order's natural key; none where there is no such account. `account` is the one on record. `now` is when it was read.
///
/// An account that is there in place of one to be created, but looks different, may be somebody else's: the order is
/// sent again in doubt, and the connector decides between taking over and conflict.
pub fn read_back(
    order: &Order,
    account: Option<&Account>,
    observed: Option<&ObservedAccount>,
    now: Timestamp,
) -> Settled {
    let went_out = order.items.iter().filter(|item| item.state != ProvisioningState::Inactive);
    let findings: Vec<Finding<'_>> = went_out.map(|item| finding(order, item, observed)).collect();
    let is_ours = order.operation != Operation::Create
        || observed.is_some()
            && findings.iter().all(|finding| finding.item.kind != ItemKind::Attribute || finding.is_so());
    let is_present = is_ours && findings.iter().all(Finding::is_so);
    let event = if is_present { Event::ReadBackPresent } else { Event::ReadBackAbsent };
    let undecided = observed.is_some() && !is_ours;
    let items = findings.iter().filter(|finding| !is_final(finding.item)).map(|finding| {
        let is_done = finding.is_so() && is_ours;
        let state = if is_done { ProvisioningState::Executed } else { ProvisioningState::Pending };
        (finding.item.id, state, None)
    });
    let missing: Vec<&str> =
        findings.iter().filter(|finding| !finding.is_so()).map(|finding| finding.item.name.as_str()).collect();
    let message = if is_present {
        "Read back: it was done.".to_owned()
    } else if undecided {
        "Read back: an account of that name is there and looks different. It is looked at again before anything is written."
            .to_owned()
    } else if observed.is_none() {
        "Read back: it was not done; it is sent again.".to_owned()
    } else {
        format!("Read back: not done are {}; they are sent again.", missing.join(", "))
    };
    Settled {
        to: advance(order.state, event).unwrap_or(order.state),
        reason: undecided.then_some(StateReason::InDoubt),
        next_attempt_at: (!is_present).then_some(now),
        items: items.collect(),
        answer: Answer::ReadBack { present: is_present },
        message,
        account: if is_ours { known_now(order, account, observed, is_present) } else { None },
    }
}

/// Whether a reading confirms what was done: Verified, or Errored with what was found instead. Nothing changes (none)
/// where the order is not Executed, or where the reading began (`now`) before it was. `observed` is the account under the
/// order's key in that reading; none where it is not listed. `readable`: the application can be read back.
///
/// What is there may be a later order's doing: where there can be several of one account, ask [`verify_all`].
pub fn verify(order: &Order, observed: Option<&ObservedAccount>, readable: bool, now: Timestamp) -> Option<Settled> {
    verify_beside(order, &[], true, observed, readable, now)
}

/// [`verify`] for all orders of an application that are Executed, with those that are Transmitted beside them, and, where
/// work by hand is among them, those that wait, are Errored, or Inactive after they were sent. While a later order that may
/// change the same is in flight an order stays as it is. What a later order has changed again is not compared: that order
/// answers for it. Work by hand is not asked for once more after a later order that waits for something else than it, and may
/// go first; nor after one that has failed, or was given up: whoever said so may have done it all the same. Answers with the
/// position of each order that changes.
pub fn verify_all<'a>(
    orders: &[Order],
    observed: impl Fn(&Order) -> Option<&'a ObservedAccount>,
    readable: bool,
    now: Timestamp,
) -> Vec<(usize, Settled)> {
    let mut by_account: HashMap<(IdentityId, &str), Vec<&Order>> = HashMap::new();
    for order in orders {
        by_account.entry((order.identity, &order.account_type)).or_default().push(order);
    }
    let settled = |(position, order): (usize, &Order)| {
        let beside = by_account.get(&(order.identity, order.account_type.as_str())).map_or(&[][..], Vec::as_slice);
        let all_later: Vec<&Order> = beside.iter().copied().filter(|other| is_later(order, other)).collect();
        let may_come_again = all_later.iter().all(|later| leaves_room_for(order, later));
        let later: Vec<&Order> = all_later.into_iter().filter(|later| has_been_sent(later)).collect();
        if later.iter().any(|later| later.state == ProvisioningState::Transmitted && may_change(order, later)) {
            return None;
        }
        verify_beside(order, &later, may_come_again, observed(order), readable, now).map(|settled| (position, settled))
    };
    orders.iter().enumerate().filter_map(settled).collect()
}

/// Sent, and neither given up nor failed.
fn has_been_sent(order: &Order) -> bool {
    matches!(order.state, ProvisioningState::Transmitted | ProvisioningState::Executed)
}

/// Whether what this order did may be asked for again for all that a later one says: that one was decided knowing of this
/// one, and to do this one after it would be to do it last.
fn leaves_room_for(order: &Order, later: &Order) -> bool {
    let comes_after = match later.state {
        // It waits until this one is done again.
        ProvisioningState::Pending | ProvisioningState::AwaitingApproval => later.after.contains(&order.id),
        // Nobody was told of it.
        ProvisioningState::Errored | ProvisioningState::Inactive => later.attempts == 0,
        _ => false,
    };
    comes_after || beside::are_apart(order, later)
}

/// Whether the other order is for the same account and came later.
fn is_later(order: &Order, other: &Order) -> bool {
    let is_same_account = order.account.is_none() || other.account.is_none() || order.account == other.account;
    other.id > order.id && is_same_account
}

/// Whether a later order may change what this one did: the account itself, or something that both name.
fn may_change(order: &Order, later: &Order) -> bool {
    later.operation != Operation::Update || order.items.iter().any(|item| is_overwritten(item, &[later]))
}

/// Whether one of the later orders has changed the same again.
fn is_overwritten(item: &OrderItem, later: &[&Order]) -> bool {
    later.iter().any(|later| match item.kind {
        _ if matches!(later.operation, Operation::Delete | Operation::Create) => true,
        ItemKind::Lifecycle => later.operation != Operation::Update,
        kind => later
            .items
            .iter()
            .any(|other| other.kind == kind && other.name == item.name && other.state != ProvisioningState::Inactive),
    })
}

fn verify_beside(
    order: &Order,
    later: &[&Order],
    may_come_again: bool,
    observed: Option<&ObservedAccount>,
    readable: bool,
    now: Timestamp,
) -> Option<Settled> {
    // Orders of an account are carried out one after another, but for those that go beside one another: one after which
    // another was done before the reading was done before it as well, whatever the clock of the node that said so.
    let was_before = |order: &Order| order.executed_at.is_none_or(|executed| executed <= now);
    let is_overtaken = later.iter().any(|later| {
        later.state == ProvisioningState::Executed && was_before(later) && !beside::are_apart(order, later)
    });
    if order.state != ProvisioningState::Executed || !(was_before(order) || is_overtaken) {
        return None;
    }
    if !readable {
        let is_said = order.reason == Some(StateReason::CannotBeReadBack);
        return (!is_said).then(|| Settled {
            to: order.state,
            reason: Some(StateReason::CannotBeReadBack),
            next_attempt_at: None,
            items: Vec::new(),
            answer: Answer::ReadBack { present: true },
            message: "The application cannot be read back; the order stays done, not confirmed.".to_owned(),
            account: None,
        });
    }
    let findings: Vec<Finding<'_>> =
        order
            .items
            .iter()
            .filter(|item| item.state != ProvisioningState::Inactive)
            .map(|item| {
                if is_overwritten(item, later) { Finding { item, found: None } } else { finding(order, item, observed) }
            })
            .collect();
    let mut drifted: Vec<String> = findings.iter().filter_map(|finding| finding.found.clone()).collect();
    drifted.dedup();
    let items = findings.iter().map(|finding| match &finding.found {
        None => (finding.item.id, ProvisioningState::Verified, None),
        Some(found) => (finding.item.id, ProvisioningState::Errored, Some(found.clone())),
    });
    let items = items.collect();
    let may_be_gone = order.operation.removes() || later.iter().any(|later| later.operation.removes());
    if drifted.is_empty() && (observed.is_some() || may_be_gone) {
        return Some(Settled {
            to: advance(order.state, Event::Verify).unwrap_or(order.state),
            reason: None,
            next_attempt_at: None,
            items,
            answer: Answer::ReadBack { present: true },
            message: "Confirmed: the application holds what was ordered.".to_owned(),
            // Of a creation that a person reported the account may not be known yet.
            account: observed.filter(|_| order.account.is_none()).and_then(|_| known_now(order, None, observed, true)),
        });
    }
    let found = if drifted.is_empty() { NOT_THERE.to_owned() } else { drifted.join("; ") };
    // Where it may not, a plan sees what is missing.
    if order.mechanism == Mechanism::Manual && order.attempts < ASKED_AT_MOST && may_come_again {
        return Some(asked_again(order, &findings, &found, now));
    }
    Some(Settled {
        to: advance(order.state, Event::Drift).unwrap_or(order.state),
        message: format!("Not confirmed: {found}."),
        reason: Some(StateReason::Drifted { found }),
        next_attempt_at: None,
        items,
        answer: Answer::ReadBack { present: false },
        account: None,
    })
}

/// How often work by hand is asked for, before somebody has to look at why it is not done.
const ASKED_AT_MOST: u32 = 3;

/// Work that was reported and is not there: what is missing becomes another work item.
fn asked_again(order: &Order, findings: &[Finding<'_>], found: &str, now: Timestamp) -> Settled {
    let items = findings.iter().map(|finding| match &finding.found {
        None => (finding.item.id, ProvisioningState::Verified, None),
        Some(found) => (finding.item.id, ProvisioningState::Pending, Some(found.clone())),
    });
    Settled {
        to: advance(order.state, Event::Reopen).unwrap_or(order.state),
        reason: None,
        next_attempt_at: Some(now),
        items: items.collect(),
        answer: Answer::ReadBack { present: false },
        message: format!("Reported as done, and not confirmed: {found}. It is asked for again."),
        account: None,
    }
}

const NOT_THERE: &str = "the account is not there";

/// An item beside what was read.
struct Finding<'a> {
    item: &'a OrderItem,
    /// What is there instead; none where it is as ordered.
    found: Option<String>,
}

impl Finding<'_> {
    fn is_so(&self) -> bool {
        self.found.is_none()
    }
}

fn is_final(item: &OrderItem) -> bool {
    item.state == ProvisioningState::Verified
}

fn finding<'a>(order: &Order, item: &'a OrderItem, observed: Option<&ObservedAccount>) -> Finding<'a> {
    let found = match (observed, item.kind) {
        // Gone is as good as disabled, and takes everything along.
        (None, _) if order.operation.removes() => None,
        (None, _) if item.kind == ItemKind::Entitlement && item.operation == ItemOperation::Remove => None,
        (None, _) => Some(NOT_THERE.to_owned()),
        (Some(observed), ItemKind::Lifecycle) => match order.operation {
            Operation::Delete => Some("the account is still there".to_owned()),
            Operation::Disable if observed.enabled => Some("the account is enabled".to_owned()),
            Operation::Create | Operation::Enable if !observed.enabled => Some("the account is disabled".to_owned()),
            _ => None,
        },
        (Some(_), ItemKind::Attribute) if item.secret => None,
        (Some(observed), ItemKind::Attribute) => {
            let current = observed.attributes.get(&item.name);
            let wanted = item.value.as_ref().filter(|_| item.operation != ItemOperation::Remove);
            (!same(wanted, current)).then(|| match current {
                Some(current) => format!("{} is \u{201c}{current}\u{201d}", item.name),
                None => format!("{} is empty", item.name),
            })
        }
        (Some(observed), ItemKind::Entitlement) => {
            let is_held = observed.entitlements.contains(&item.name);
            match (item.operation, is_held) {
                (ItemOperation::Remove, true) => Some(format!("{} is still held", item.name)),
                (ItemOperation::Add | ItemOperation::Set, false) => Some(format!("{} is not held", item.name)),
                _ => None,
            }
        }
    };
    Finding { item, found }
}

/// The account that a creation turns out to have made; or, once all is done, the one on record with what was changed,
/// so that the next reading of the application finds nothing there that nobody knows of.
fn known_now(
    order: &Order,
    account: Option<&Account>,
    observed: Option<&ObservedAccount>,
    is_present: bool,
) -> Option<AccountChange> {
    if order.operation != Operation::Create || order.account.is_some() {
        return match observed {
            None if is_present => gone(account),
            Some(_) if is_present => account::after(order, Some(account?), &Applied::default(), None),
            _ => None,
        };
    }
    let observed = observed?;
    Some(AccountChange::Created(NewAccount {
        application: order.application.clone(),
        account_type: order.account_type.clone(),
        key: observed.key.clone(),
        owner: order.identity,
        status: if observed.enabled { AccountStatus::Enabled } else { AccountStatus::Disabled },
        provenance: Provenance::Created,
        attributes: observed.attributes.clone(),
        entitlements: observed.entitlements.clone(),
    }))
}
