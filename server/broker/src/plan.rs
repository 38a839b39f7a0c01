//! From what should be and what is to a plan: what changes for one identity, in which order, and why.
//!
//! How it decides, account type by account type, those that others depend on first:
//! - What is known of an account is taken together with the orders already *sent* for it ([`view`]); the difference to
//!   what is desired is what is still needed.
//! - Orders not sent yet either do exactly what is needed, and then nothing new is planned, or they are replaced: the
//!   new request carries everything that is needed ([`model::plan::AccountRequest::supersedes`]). Where nothing is
//!   needed any more they are withdrawn ([`Plan::withdrawn`]). A failed order that still says the right thing is not
//!   ordered again; a person retries it, or a changed value replaces it.
//! - While a creation is under way nothing else is ordered for the account: it has no key yet. The next computation
//!   after its answer sees the account and orders what differs.
//! - Nothing is taken away that Quartermaster does not manage, and no account that it did not create or take over, unless a
//!   person decided so in the reconciliation; what was there at go-live, or was postponed, stays until then.
//! - What a reviewer declined is not ordered again, until it is reopened or something else is wanted; what was changed in
//!   the application itself stays while a person decides on it, and where it was accepted, until something else is wanted.
//! - An account that needs a value which a person has to give is ordered, and waits for the answer
//!   ([`model::plan::AccountRequest::awaits`]); what there is already goes on meanwhile, without that value.
//! - A value that comes from another account which is still to come is left open; the order waits for it, and is filled in
//!   ([`crate::reference`]). Accounts come after those their values come from, and go before them.
//! - What the lifecycle state does to an account comes before what is granted ([`stage`]); a legal hold keeps an account and what
//!   it holds from being taken away, not from being disabled.
//! - What is left out is said, with why: `filtered` and `retained`.
//!
//! What this leaves out: who should have what (`policy`), and whether a plan may be carried out ([`crate::check`],
//! [`crate::threshold`]).

#[cfg(test)]
mod cases;
mod declined;
mod grant;
mod line;
mod native;
#[cfg(test)]
mod properties;
mod reconciliation;
mod removal;
mod scope;
mod several;
mod slot;
mod stage;
#[cfg(test)]
mod staged;
mod view;

use model::access::{DesiredAccess, Grantable, Reason};
use model::account::{Account, AccountStatus, Provenance};
use model::ids::{AccountId, IdentityId, OrderId};
use model::native_change::NativeChange;
use model::order::Order;
use model::plan::{AccountRequest, FilterReason, Filtered, ItemKind, Operation, Plan, Retained};
use model::reconciliation::StandingMark;
use model::review::DeclinedChange;
use model::trigger::Trigger;

use crate::catalogue::Catalogue;
use crate::choice::{self, AccountChoice};
use crate::divide;
use crate::native_change;

pub use scope::restrict;
pub(crate) use slot::chosen;

/// All that planning for one identity looks at.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    pub trigger: Trigger,
    pub desired: &'a DesiredAccess,
    /// Of this identity, in all applications.
    pub accounts: &'a [Account],
    /// Of this identity: states 1, 2, 3, 5, 8, and 7 where the same failure shall not be recorded again with each run.
    pub open_orders: &'a [Order],
    /// What reviewers declined for this identity and nobody has reopened: it is not ordered again.
    pub declined: &'a [DeclinedChange],
    /// Native changes of this identity's accounts that are to stand, for now or as decided, or to be set back.
    pub native: &'a [NativeChange],
    /// What reconciliation says of what these accounts hold: it stays although nothing grants it, or it goes.
    pub marks: &'a [StandingMark],
    /// Which account is meant of those types of which there are several.
    pub choices: &'a [AccountChoice],
    /// Whether the identity has left: said in explanations.
    pub leaver: bool,
}

impl<'a> PlanInput<'a> {
    /// What was decided about several accounts of this type.
    pub(crate) fn choice(&self, account_type: &str) -> Option<&'a AccountChoice> {
        choice::of(self.choices, account_type)
    }
}

/// Values that have to be unique in an application.
pub trait Values {
    /// True where the value is free, or this identity's already; it is then reserved.
    fn take(&mut self, application: &str, attribute: &str, value: &str, identity: IdentityId) -> bool;
}

/// The plan for one identity. The same input, in whatever order its parts come, gives the same plan.
pub fn compile(input: &PlanInput<'_>, catalogue: &Catalogue, values: &mut dyn Values) -> Plan {
    let mut compiler = Compiler {
        input,
        catalogue,
        values,
        plan: Plan {
            identity: input.desired.identity,
            trigger: input.trigger,
            requests: Vec::new(),
            filtered: Vec::new(),
            retained: Vec::new(),
            withdrawn: Vec::new(),
            questions: Vec::new(),
        },
        progress: Vec::new(),
    };
    let slots = slot::slots(input, catalogue);
    let is_staged: Vec<bool> = slots.iter().map(|slot| compiler.is_staged(slot.account_type)).collect();
    let granted = || slots.iter().zip(&is_staged).filter(|(_, is_staged)| !**is_staged).map(|(slot, _)| slot);
    for slot in granted().filter(|slot| slot.desired.is_some() && !slot.is_further) {
        match input.choice(slot.account_type).filter(|choice| !choice.is_settled()) {
            Some(choice) => compiler.unsettled(slot, choice),
            None => compiler.grant(slot),
        }
    }
    for slot in granted().filter(|slot| slot.is_further) {
        if let Some(desired) = slot.desired
            && !compiler.is_taken_back(slot)
        {
            compiler.further(slot, desired);
        }
    }
    // From here on, what matters is what goes.
    compiler.progress.clear();
    for (slot, is_staged) in slots.iter().zip(is_staged).rev() {
        if slot.desired.is_none() || is_staged || (slot.is_further && compiler.is_taken_back(slot)) {
            compiler.remove(slot);
        }
    }
    let mut plan = divide::divide(compiler.plan, input.open_orders, catalogue);
    doubt(&mut plan, input.open_orders);
    native_change::explain(&mut plan, input.native);
    reconciliation::explain(&mut plan, input.marks);
    finish(plan)
}

/// A creation that takes the place of one that was sent takes over its doubt: what was given up for lack of an answer may
/// have made the account all the same.
fn doubt(plan: &mut Plan, open: &[Order]) {
    let was_sent = |id: &OrderId| {
        open.iter().any(|order| order.id == *id && order.operation == Operation::Create && order.fence > 0)
    };
    for request in plan.requests.iter_mut().filter(|request| request.operation == Operation::Create) {
        request.in_doubt = request.supersedes.iter().any(was_sent);
    }
}

/// The open orders that this plan makes Inactive, sorted: those it replaces and those it withdraws. A replaced one
/// gets the reason [`model::order::StateReason::Superseded`] with the order that replaces it, a withdrawn one none.
/// The event is [`crate::lifecycle::Event::Supersede`]; where it is refused the order was sent meanwhile, and the plan
/// has to be computed again.
pub fn superseded(plan: &Plan) -> Vec<OrderId> {
    let mut orders: Vec<OrderId> =
        plan.requests.iter().flat_map(|request| &request.supersedes).chain(&plan.withdrawn).copied().collect();
    orders.sort_unstable();
    orders.dedup();
    orders
}

/// Whether nothing follows from the plan: nothing to order and nothing to make Inactive.
pub fn is_empty(plan: &Plan) -> bool {
    plan.requests.is_empty() && plan.withdrawn.is_empty()
}

/// Accounts that were found in an application and are now desired: they existed when they were wanted, and matched.
/// Recording them as [`Provenance::Adopted`] makes them Quartermaster's to disable when nothing grants them any more.
pub fn adoptions(input: &PlanInput<'_>) -> Vec<AccountId> {
    let mut adopted: Vec<AccountId> = input
        .desired
        .accounts
        .iter()
        .filter_map(|desired| slot::chosen(input.accounts, &desired.account_type, input.choices))
        .filter(|account| account.provenance == Provenance::Found)
        .map(|account| account.id)
        .collect();
    adopted.sort_unstable();
    adopted.dedup();
    adopted
}

/// What is being put together, and how far the account types are that others wait for.
struct Compiler<'a, 'v> {
    input: &'a PlanInput<'a>,
    catalogue: &'a Catalogue,
    values: &'v mut dyn Values,
    plan: Plan,
    progress: Vec<Progress<'a>>,
}

/// What others wait for, by account type.
struct Progress<'a> {
    account_type: &'a str,
    /// The account exists, or existed as far as is known.
    exists: bool,
    /// Request of this plan that creates, enables, disables or deletes the account.
    request: Option<usize>,
    /// Open orders from earlier plans that do so.
    orders: Vec<OrderId>,
}

impl<'a> Compiler<'a, '_> {
    /// What the request on an account of this type waits for: requests of this plan, and orders of earlier ones.
    fn waits_for(&self, account_types: &[String]) -> (Vec<usize>, Vec<OrderId>) {
        let awaited =
            || self.progress.iter().filter(|progress| account_types.iter().any(|t| t == progress.account_type));
        let requests = awaited().filter_map(|progress| progress.request).collect();
        let orders = awaited()
            .filter(|progress| progress.request.is_none())
            .flat_map(|progress| progress.orders.iter().copied())
            .collect();
        (requests, orders)
    }

    /// Whether an order that could be kept waits for one that this plan makes inactive.
    fn waits_in_vain(&self, slot: &slot::Slot<'_>) -> bool {
        let is_replaced = |order: &OrderId| {
            self.plan.withdrawn.contains(order)
                || self.plan.requests.iter().any(|request| request.supersedes.contains(order))
        };
        // What brings an account that is not desired any more is about to be withdrawn.
        let is_doomed = |order: &OrderId| {
            let open = self.input.open_orders.iter().find(|open| open.id == *order);
            open.is_some_and(|open| {
                matches!(open.operation, Operation::Create | Operation::Enable)
                    && !slot::may_have_had_effect(open)
                    && self.input.desired.accounts.iter().all(|desired| desired.account_type != open.account_type)
            })
        };
        slot.unsent.iter().flat_map(|order| &order.after).any(|order| is_replaced(order) || is_doomed(order))
    }

    fn filter(&mut self, slot: &slot::Slot<'_>, kind: ItemKind, name: &str, why: FilterReason) {
        self.plan.filtered.push(Filtered {
            application: slot.application.to_owned(),
            account_type: slot.account_type.to_owned(),
            kind,
            name: name.to_owned(),
            why,
            because: None,
        });
    }

    fn retain(&mut self, slot: &slot::Slot<'_>, kind: ItemKind, name: &str, why: impl Into<String>) {
        self.plan.retained.push(retained(slot.application, slot.account_type, kind, name, why));
    }

    /// Every way in which the thing is granted.
    fn reasons(&self, wanted: impl Fn(&Grantable) -> bool) -> &'a [Reason] {
        let assignment = self.input.desired.assignments.iter().find(|assignment| wanted(&assignment.grantable));
        assignment.map_or(&[], |assignment| &assignment.reasons)
    }
}

fn retained(application: &str, account_type: &str, kind: ItemKind, name: &str, why: impl Into<String>) -> Retained {
    Retained {
        application: application.to_owned(),
        account_type: account_type.to_owned(),
        kind,
        name: name.to_owned(),
        why: why.into(),
    }
}

/// "rule `a`, rule `b`", for a sentence.
fn rules(reasons: &[Reason]) -> String {
    let mut names: Vec<String> = reasons.iter().map(Reason::cause).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Sorts what has no order of its own. Requests have: that in which they are carried out.
fn finish(mut plan: Plan) -> Plan {
    plan.filtered.sort_by(|left, right| {
        (&left.application, &left.account_type, left.kind, &left.name).cmp(&(
            &right.application,
            &right.account_type,
            right.kind,
            &right.name,
        ))
    });
    plan.retained.sort_by(|left, right| {
        (&left.application, &left.account_type, left.kind, &left.name, &left.why).cmp(&(
            &right.application,
            &right.account_type,
            right.kind,
            &right.name,
            &right.why,
        ))
    });
    for request in &mut plan.requests {
        tidy(request);
    }
    plan.withdrawn.sort_unstable();
    plan.withdrawn.dedup();
    plan.questions.sort();
    plan.questions.dedup();
    plan
}

fn tidy(request: &mut AccountRequest) {
    request.items.sort_by(|left, right| {
        let place = |kind| u8::from(kind != ItemKind::Lifecycle);
        (place(left.kind), left.kind, &left.name, left.operation).cmp(&(
            place(right.kind),
            right.kind,
            &right.name,
            right.operation,
        ))
    });
    request.after.sort_unstable();
    request.after.dedup();
    request.waits_for.sort_unstable();
    request.waits_for.dedup();
    request.supersedes.sort_unstable();
    request.supersedes.dedup();
    request.awaits.sort();
    request.awaits.dedup();
    request.refers.sort();
    request.refers.dedup();
    request.sets_back.sort_unstable();
}

pub(crate) fn is_there(account: &Account) -> bool {
    account.status != AccountStatus::Gone
}
