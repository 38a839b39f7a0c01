//! Sorts what planning looks at into slots: one for each account that should be, or is, with the orders that concern it.

use std::cmp::Reverse;

use model::access::DesiredAccount;
use model::account::{Account, Provenance};
use model::form::Asked;
use model::ids::OrderId;
use model::order::{Order, OrderItem, ProvisioningState, StateReason};
use model::plan::Referred;
use model::trigger::Trigger;

use super::{PlanInput, is_there};
use crate::beside;
use crate::catalogue::{AccountTypeFacts, Catalogue};
use crate::choice::{self, AccountChoice, Chosen};
use crate::retry::leaves_doubt;
use crate::route;

/// An account that should be or is, and what is under way for it.
pub(super) struct Slot<'a> {
    pub(super) account_type: &'a str,
    pub(super) application: &'a str,
    pub(super) facts: Option<&'a AccountTypeFacts>,
    pub(super) desired: Option<&'a DesiredAccount>,
    pub(super) account: Option<&'a Account>,
    /// May have had their effect already: in flight, in doubt, or done and not yet confirmed. Oldest first.
    pub(super) sent: Vec<&'a Order>,
    /// Had no effect, and can still be replaced. Oldest first.
    pub(super) unsent: Vec<&'a Order>,
    /// In state 7: the rule failed. Oldest first.
    pub(super) failed: Vec<&'a Order>,
    /// An order waits for another that is no longer open, and may never be done; or for one that need not keep it.
    pub(super) is_stuck: bool,
    /// One that was not sent would go another way than the configuration says by now.
    pub(super) is_misrouted: bool,
    /// Another account of the same, desired type is the one that is used.
    pub(super) is_further: bool,
}

impl Slot<'_> {
    /// Orders that can be replaced or withdrawn, those in state 7 included.
    pub(super) fn replaceable(&self) -> impl Iterator<Item = OrderId> {
        self.unsent.iter().chain(&self.failed).map(|order| order.id)
    }

    /// Whether what was not sent can stay as it is: one order, or a part that was approved and a part that waits on.
    pub(super) fn can_be_kept(&self) -> bool {
        let items = || self.unsent.iter().flat_map(|order| order.items.iter().map(move |item| (order.id, item)));
        let goes_out = |item: &OrderItem| item.state != ProvisioningState::Inactive;
        !self.unsent.is_empty()
            && items().filter(|(_, item)| goes_out(item)).all(|(order, item)| {
                items()
                    .filter(|(other, _)| *other != order)
                    .all(|(_, other)| !goes_out(other) || (other.kind, &other.name) != (item.kind, &item.name))
            })
    }

    /// What the orders not sent wait for people to answer, sorted.
    pub(super) fn awaited(&self) -> Vec<Asked> {
        let mut awaited: Vec<Asked> =
            self.unsent.iter().filter_map(|order| order.reason.as_ref()?.awaited()).flatten().cloned().collect();
        awaited.sort();
        awaited.dedup();
        awaited
    }

    /// What the orders not sent wait for from other accounts, sorted.
    pub(super) fn referred(&self) -> Vec<Referred> {
        let mut referred: Vec<Referred> =
            self.unsent.iter().filter_map(|order| order.reason.as_ref()?.referred()).flatten().cloned().collect();
        referred.sort();
        referred.dedup();
        referred
    }

    /// Orders in flight: whatever else is ordered for the account waits for them, but for what goes beside them
    /// ([`crate::divide`]).
    pub(super) fn in_flight(&self) -> impl Iterator<Item = OrderId> {
        self.sent.iter().filter(|order| order.state != ProvisioningState::Executed).map(|order| order.id)
    }

    /// How the account is named in what is filtered and retained.
    pub(super) fn name(&self) -> &str {
        self.account.map_or(self.account_type, |account| &account.key)
    }
}

/// Whether an item of an order that was not sent will go out with it: neither done, nor declined.
pub(super) fn is_to_be_done(item: &OrderItem) -> bool {
    !matches!(item.state, ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive)
}

/// The account that is used where an identity has several of one type: the one that was chosen; where nothing was decided,
/// one of ours before one that was found, then the oldest. None where it is not settled.
pub(crate) fn chosen<'a>(
    accounts: &'a [Account],
    account_type: &str,
    choices: &[AccountChoice],
) -> Option<&'a Account> {
    let mut there = accounts.iter().filter(|account| account.account_type == account_type && is_there(account));
    match choice::of(choices, account_type).map(|choice| &choice.chosen) {
        Some(Chosen::Account(id)) => there.find(|account| account.id == *id),
        Some(Chosen::Ask(_) | Chosen::Skip | Chosen::Fail) => None,
        None => there.min_by_key(|account| (account.provenance == Provenance::Found, account.id)),
    }
}

/// All slots, those that others depend on first.
pub(super) fn slots<'a>(input: &PlanInput<'a>, catalogue: &'a Catalogue) -> Vec<Slot<'a>> {
    let mut types: Vec<(usize, &'a str, &'a str)> = Vec::new();
    let rank = |name: &str| catalogue.account_type(name).map_or(usize::MAX, |facts| facts.rank);
    types.extend(
        input
            .desired
            .accounts
            .iter()
            .map(|desired| (rank(&desired.account_type), desired.account_type.as_str(), desired.application.as_str())),
    );
    types.extend(
        input
            .accounts
            .iter()
            .filter(|account| is_there(account))
            .map(|account| (rank(&account.account_type), account.account_type.as_str(), account.application.as_str())),
    );
    types.extend(
        input
            .open_orders
            .iter()
            .map(|order| (rank(&order.account_type), order.account_type.as_str(), order.application.as_str())),
    );
    types.sort_unstable();
    types.dedup_by_key(|(_, account_type, _)| *account_type);

    let mut slots = Vec::with_capacity(types.len());
    for (_, account_type, application) in types {
        let facts = catalogue.account_type(account_type);
        let desired = input.desired.accounts.iter().filter(|desired| desired.account_type == account_type);
        let desired = desired.min_by_key(|desired| &desired.application);
        let mut accounts: Vec<&Account> =
            input.accounts.iter().filter(|account| account.account_type == account_type && is_there(account)).collect();
        let used = chosen(input.accounts, account_type, input.choices).map(|account| account.id);
        accounts.sort_unstable_by_key(|account| {
            (Some(account.id) != used, account.provenance == Provenance::Found, account.id)
        });
        let mut orders: Vec<&Order> =
            input.open_orders.iter().filter(|order| order.account_type == account_type).collect();
        orders.sort_unstable_by_key(|order| order.id);

        let empty = |account: Option<&'a Account>| Slot {
            account_type,
            application,
            facts,
            desired,
            account,
            sent: Vec::new(),
            unsent: Vec::new(),
            failed: Vec::new(),
            is_stuck: false,
            is_misrouted: false,
            is_further: false,
        };
        let mut own: Vec<Slot<'a>> = if accounts.is_empty() {
            vec![empty(None)]
        } else {
            accounts.into_iter().map(|account| empty(Some(account))).collect()
        };
        for order in orders {
            // An order for an account that is not there any more concerns whatever takes its place.
            let position = own
                .iter()
                .position(|slot| order.account.is_some() && slot.account.map(|account| account.id) == order.account);
            if let Some(slot) = own.get_mut(position.unwrap_or(0)) {
                place(slot, order, input.open_orders, catalogue);
            }
        }
        if desired.is_some() {
            own.iter_mut().skip(1).for_each(|further| further.is_further = true);
        }
        slots.append(&mut own);
    }
    // From the end, removals run against dependencies; accounts of one type by descending id there, so ascending here.
    slots.sort_by_key(|slot| {
        (
            slot.facts.map_or(usize::MAX, |facts| facts.rank),
            slot.account_type,
            Reverse(slot.account.map(|account| account.id)),
        )
    });
    slots
}

fn place<'a>(slot: &mut Slot<'a>, order: &'a Order, open: &[Order], catalogue: &Catalogue) {
    match order.state {
        // What cannot be read back is never confirmed: the account on record says what was done.
        ProvisioningState::Executed if !catalogue.can_be_read_back(&order.application) => {}
        // What was done to an account that is not there any more says nothing about the one in its place.
        _ if may_have_had_effect(order) && is_another_account(slot, order) => {}
        _ if may_have_had_effect(order) => slot.sent.push(order),
        // What a person ordered is not replaced by a computation: it counts as done once it is on its way, and not at
        // all while it has failed or waits for another person.
        ProvisioningState::Pending if order.trigger == Trigger::Undo => slot.sent.push(order),
        ProvisioningState::Errored | ProvisioningState::AwaitingApproval if order.trigger == Trigger::Undo => {}
        ProvisioningState::Pending | ProvisioningState::Errored | ProvisioningState::AwaitingApproval => {
            slot.is_stuck |= is_stuck(order, open);
            slot.is_misrouted |= !route::fits(order, catalogue);
            slot.unsent.push(order);
        }
        ProvisioningState::Error => slot.failed.push(order),
        ProvisioningState::None
        | ProvisioningState::Verified
        | ProvisioningState::Inactive
        | ProvisioningState::Transmitted
        | ProvisioningState::Executed => {}
    }
}

fn is_another_account(slot: &Slot<'_>, order: &Order) -> bool {
    slot.account.is_some_and(|account| order.account.is_some_and(|ordered| ordered != account.id))
}

/// Whether it was sent: in flight, in doubt, or done and not yet confirmed. Such an order is not replaced.
pub(super) fn may_have_had_effect(order: &Order) -> bool {
    match order.state {
        ProvisioningState::Transmitted | ProvisioningState::Executed => true,
        ProvisioningState::Pending => is_in_doubt(order),
        _ => false,
    }
}

/// Whether it may have arrived although nobody said so.
fn is_in_doubt(order: &Order) -> bool {
    match &order.reason {
        Some(StateReason::InDoubt) => true,
        Some(StateReason::RetryWait { class, .. }) => leaves_doubt(*class),
        _ => false,
    }
}

/// Whether it has waited, since it was made, for an order that is no longer among the open ones: confirmed, which
/// releases it, or given up, which would hold it for ever. Ordering it again is right in both cases; and where it waits for
/// what somebody else holds by now, and need not.
fn is_stuck(order: &Order, open: &[Order]) -> bool {
    order.state == ProvisioningState::Pending
        && order.attempts == 0
        && matches!(order.reason, Some(StateReason::HeldBy { .. }))
        && order.after.iter().any(|awaited| {
            let awaited = open.iter().find(|other| other.id == *awaited);
            awaited.is_none_or(|awaited| beside::is_held_up(order, awaited))
        })
}
