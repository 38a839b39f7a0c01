//! What holds after every step, and what holds once the trouble is over. Each is named after the promise of
//! `docs/RELIABILITY.md` that it shows. They look at what was committed and at what truly happened in the applications,
//! and know nothing of how the walk or a decision came to it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::rc::Rc;

use broker::lifecycle;
use broker::plan::{self, PlanInput};
use jiff::Timestamp;
use model::account::{Account, AccountStatus, Mechanism, ObservedAccount, Provenance};
use model::block::{BlockState, RunBlock};
use model::command::LateAnswer;
use model::ids::{AccountId, IdentityId, OrderId, RunId};
use model::order::{ErrorClass, Lane, Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{ItemKind, ItemOperation, Operation, Plan};
use model::trigger::Trigger;
use model::value::Value;
use model::work_item::WorkItemState;

use super::applications::{Effect, EffectKind, text};
use super::company::{self, DELETIONS, FOREIGN, MANAGED};
use super::run::{Evidence, ORDERS};
use super::scheduler::{MINUTE, Moment, SECOND};
use super::store::{Cause, Event, State, StoredOrder};
use super::{Violation, World};

/// What the invariants remember beside the world.
#[derive(Default)]
pub(crate) struct Ledger {
    creations: BTreeMap<OrderId, u32>,
    /// Accounts that came to be by an order, by application and key.
    created: BTreeMap<(&'static str, String), (OrderId, Moment)>,
    /// Orders that changed an account, by application and key.
    changes: BTreeMap<(&'static str, String), BTreeSet<OrderId>>,
    /// Orders and fences under which something happened.
    effects: BTreeSet<(OrderId, i64)>,
    deletions: BTreeMap<(RunId, String), BTreeSet<Option<AccountId>>>,
}

/// Notes the first broken invariant; the simulation ends with it.
pub(crate) fn broken(world: &mut World, invariant: &'static str, message: String) {
    world.violation.get_or_insert(Violation { invariant, message });
}

fn require(world: &mut World, invariant: &'static str, holds: bool, message: impl FnOnce() -> String) {
    if !holds {
        broken(world, invariant, message());
    }
}

// ------------------------------------------------------------------------------------------------ every commit

/// Looks at a transaction that is about to be taken.
pub(crate) fn committed(world: &mut World, after: &State) {
    let before = world.store.current.clone();
    let new: Vec<Rc<Event>> = after.events[before.events.len()..].to_vec();
    for event in &new {
        event_is_allowed(world, &before, after, &new, event);
        world.note(|| sentence(after, event));
    }
    for (id, plan) in after.plans.iter().filter(|(id, _)| !before.plans.contains_key(id)) {
        plan_is_written_whole(world, after, *id, plan);
    }
    let changed =
        after.orders.iter().filter(|(id, stored)| before.orders.get(id).is_none_or(|old| !Rc::ptr_eq(old, stored)));
    for (id, stored) in changed {
        timeline_is_complete(world, before.orders.get(id), stored, &new);
    }
    let lost = before.orders.keys().find(|id| !after.orders.contains_key(id));
    require(world, "R9", lost.is_none(), || format!("order {lost:?} is lost"));
    approved(world, &before, after);
    rings_go_in_turn(world, &before, after);
    in_flight(world, after);
    leavers_go_first(world, &before, after, &new);
    accounts_are_right(world, &before, after, &new);
    nothing_else_is_recorded(world, &before, after, &new);
}

/// An event in words, for whoever reads along.
fn sentence(after: &State, event: &Event) -> String {
    let order = &after.orders[&event.order].order;
    let cause = match &event.cause {
        Cause::Ordered => {
            let items: Vec<String> =
                order.items.iter().map(|item| format!("{:?} {}", item.operation, item.name)).collect();
            let Order { identity, operation, application, key, after, .. } = order;
            format!(
                "identity {identity}: {} {key:?} in {application} after {after:?}: {}",
                operation.name(),
                items.join(", ")
            )
        }
        Cause::Verified(_) => "by a reading".to_owned(),
        other => format!("{other:?}"),
    };
    format!("order {} {:?} -> {:?} by {}: {cause} ({:?})", event.order, event.from, event.to, event.actor, order.reason)
}

fn event_is_allowed(world: &mut World, before: &State, after: &State, new: &[Rc<Event>], event: &Event) {
    use ProvisioningState::{Errored, Executed, Inactive, Transmitted, Verified};
    let id = event.order;
    let is_an_edge = edges(event.from).contains(&event.to.number())
        // Still in flight, or failed, for another reason than before.
        || event.from == event.to && matches!(event.to, Transmitted | Errored | Executed);
    require(world, "R11", is_an_edge, || format!("order {id} went from {:?} to {:?}", event.from, event.to));
    let old = before.orders.get(&id);
    let (Some(stored), old) = (after.orders.get(&id).cloned(), old) else { return };
    let order = &stored.order;
    if let Some(fence) = event.fence {
        let current = old.map(|old| old.order.fence);
        require(world, "R9", current == Some(fence), || {
            format!("order {id}: a result under fence {fence} was taken, the newest is {current:?}")
        });
    }
    match &event.cause {
        Cause::Ordered => ordered(world, before, after, order),
        Cause::Claimed => claimed(world, before, old, order),
        Cause::Reclaimed => reclaimed(world, before, old, &stored),
        Cause::Answered | Cause::ReadBack => answered(world, after, new, order, event),
        Cause::Verified(evidence) if event.to == Verified => verified(world, after, order, evidence),
        Cause::TimedOut | Cause::Replaced | Cause::Person(_) | Cause::Verified(_) => {}
    }
    let is_seen = matches!(event.cause, Cause::Verified(_));
    require(world, "R2", event.to != Verified || is_seen, || format!("order {id} is verified, and nobody has looked"));
    let was_sent = event.from == Transmitted && matches!(event.to, Inactive);
    require(world, "R4", !was_sent, || format!("order {id} was called off while it was in flight"));
}

/// The edges of the contract, whatever causes them.
fn edges(from: ProvisioningState) -> &'static [i64] {
    match from.number() {
        0 => &[1, 5, 6, 7],
        1 => &[1, 2, 5, 6],
        2 => &[1, 3, 8],
        3 => &[1, 6, 8],
        5 => &[1, 6],
        6 => &[1, 5],
        7 => &[1, 5, 6],
        8 => &[1, 3, 4],
        _ => &[],
    }
}

/// R2, R4, R10: what a new order may be.
fn ordered(world: &mut World, before: &State, after: &State, order: &Order) {
    let id = order.id;
    let is_reviewed = world.catalogue.account_type(&order.account_type).is_some_and(|kind| kind.review);
    let begins = if is_reviewed { ProvisioningState::AwaitingApproval } else { ProvisioningState::Pending };
    let is_right = order.state == begins || order.state == ProvisioningState::Error;
    require(world, "R4", is_right, || format!("order {id} begins as {:?} instead of {begins:?}", order.state));
    if order.state == ProvisioningState::Error {
        return;
    }
    let same_slot = |other: &Order| other.identity == order.identity && other.account_type == order.account_type;
    if order.operation == Operation::Create {
        let is_there = |account: &&Rc<Account>| {
            account.owner == Some(order.identity)
                && account.account_type == order.account_type
                && account.status != AccountStatus::Gone
        };
        let goes_first = order.after.iter().any(|earlier| {
            before.orders.get(earlier).is_some_and(|earlier| earlier.order.operation == Operation::Delete)
        });
        let known = before.accounts.values().find(is_there).filter(|_| !goes_first).map(|account| account.key.clone());
        require(world, "R2", known.is_none(), || format!("order {id} creates an account beside {known:?}"));
        let other = after.orders.values().find(|other| {
            other.order.id != id
                && other.order.operation == Operation::Create
                && same_slot(&other.order)
                && matches!(other.order.state.number(), 1 | 2 | 5)
        });
        let other = other.map(|other| other.order.id);
        require(world, "R2", other.is_none(), || format!("order {id} creates what order {other:?} creates"));
    }
    let logins = order.items.iter().filter(|item| item.name == "login" && item.kind == ItemKind::Attribute);
    for login in logins.filter_map(|item| item.value.as_ref()) {
        let key = (order.application.clone(), "login".to_owned(), login.to_string().to_lowercase());
        let owner = after.reserved.get(&key).copied();
        require(world, "R2", owner == Some(order.identity), || {
            format!("order {id} uses `{login}` of {}, which is {owner:?}'s", order.application)
        });
    }
    if order.operation.removes()
        && let Some(run) = order.run
    {
        let taken = world.ledger.deletions.entry((run, order.account_type.clone())).or_default();
        taken.insert(order.account);
        let of_orders = |block: &RunBlock| block.subject == ORDERS && block.state == BlockState::Used;
        let approved = after.runs.get(&run).is_some_and(|run| run.blocks.iter().any(of_orders));
        let count = taken.len() as u64;
        require(world, "R10", approved || count <= DELETIONS, || {
            format!("run {run} takes {count} accounts of `{}` away; {DELETIONS} are the limit", order.account_type)
        });
    }
}

/// R4, R5: what may be sent.
fn claimed(world: &mut World, before: &State, old: Option<&Rc<StoredOrder>>, order: &Order) {
    let id = order.id;
    let Some(old) = old else { return broken(world, "R1", format!("order {id} was sent in the commit that made it")) };
    let state = old.order.state;
    require(world, "R4", state == ProvisioningState::Pending, || format!("order {id} was sent while it was {state:?}"));
    let holds = order.after.iter().find(|earlier| {
        let state = before.orders.get(earlier).map(|earlier| earlier.order.state.number());
        !matches!(state, None | Some(4 | 6 | 8))
    });
    require(world, "R3", holds.is_none(), || format!("order {id} was sent before order {holds:?}"));
    require(world, "R10", before.ring_has_gone(old), || format!("order {id} was sent before its ring"));
    let is_reviewed = world.catalogue.account_type(&order.account_type).is_some_and(|kind| kind.review);
    if is_reviewed && old.order.attempts == 0 {
        let approved = before
            .events
            .iter()
            .any(|event| event.order == id && matches!(event.cause, Cause::Person(lifecycle::Event::Approve)));
        require(world, "R4", approved, || format!("order {id} was sent, and nobody has approved it"));
    }
    if let Some(StateReason::RetryWait { class, .. }) = &old.order.reason {
        let passes = matches!(
            class,
            ErrorClass::Transient | ErrorClass::RateLimited | ErrorClass::Unknown | ErrorClass::Protocol
        );
        require(world, "R5", passes, || format!("order {id} is tried again by itself after {class:?}"));
    }
}

/// R4: what is written on the strength of an approval is what the person saw.
fn approved(world: &mut World, before: &State, after: &State) {
    for (id, run) in after.runs.iter() {
        let was_used = |block: &RunBlock| {
            let earlier = before.runs.get(id).and_then(|run| run.blocks.iter().find(|other| other.id == block.id));
            earlier.is_some_and(|earlier| earlier.state == BlockState::Used)
        };
        let used = run.blocks.iter().filter(|block| block.subject == ORDERS && block.state == BlockState::Used);
        for block in used.filter(|block| !was_used(block)) {
            let new =
                after.plans.iter().filter(|(id, _)| !before.plans.contains_key(id)).map(|(_, plan)| plan.as_ref());
            let written = broker::approval::of_plans(new);
            require(world, "R4", written == block.digest, || {
                format!("run {id} writes something else than what was approved as {}", block.id)
            });
        }
    }
}

/// How long a failure has to be on record before whoever lets a ring go must have seen it: longer where a node was stopped
/// between looking and writing.
fn seen_after(world: &World) -> Moment {
    let is_disturbed = world.nodes.iter().any(|node| node.last_fault + 10 * MINUTE > world.desk.now);
    if is_disturbed { 15 * MINUTE } else { 5 * SECOND }
}

/// R10: where no person let it go, a ring goes after one that did not fail.
fn rings_go_in_turn(world: &mut World, before: &State, after: &State) {
    for (id, run) in after.runs.iter() {
        let Some(rings) = &run.rings else { continue };
        let Some(earlier) = before.runs.get(id).and_then(|run| run.rings.as_ref()) else { continue };
        if rings.released == earlier.released || rings.released_by.is_some() {
            continue;
        }
        let ring = earlier.released;
        let is_left = before.orders.values().any(|stored| {
            stored.order.run == Some(*id)
                && stored.ring.is_some_and(|own| own > ring)
                && !matches!(stored.order.state.number(), 0 | 4 | 6 | 8)
        });
        let of_ring =
            before.orders.values().filter(|stored| stored.order.run == Some(*id) && stored.ring == Some(ring));
        let (mut all, mut failed) = (0_u64, 0_u64);
        for stored in of_ring.filter(|stored| stored.order.state != ProvisioningState::Inactive) {
            all += 1;
            let last = before.events.iter().rev().find(|event| event.order == stored.order.id).map(|event| event.at);
            let is_old = last.is_some_and(|at| at + seen_after(world) < world.desk.now);
            failed += u64::from(stored.order.state == ProvisioningState::Errored && is_old);
        }
        let allowed = u64::from(earlier.limits.failed_percent);
        require(world, "R10", !is_left || failed * 100 <= all * allowed, || {
            format!("ring {} of run {id} went by itself after {failed} of {all} orders had failed", rings.released)
        });
    }
}

/// R9: only what a node has lost is taken from it.
fn reclaimed(world: &mut World, before: &State, old: Option<&Rc<StoredOrder>>, stored: &StoredOrder) {
    let id = stored.order.id;
    let Some((old, until)) = old.and_then(|old| Some((old, old.lease_until?))) else { return };
    let (Some(node), Some(now)) = (old.lease_node.clone(), stored.order.transmitted_at) else { return };
    require(world, "R9", until <= now, || format!("order {id} was taken from {node} before its lease had passed"));
    let last = before.events.iter().rev().find(|event| event.order == id);
    let Some(last) = last.filter(|event| matches!(event.cause, Cause::Claimed)) else { return };
    let index = world.nodes.iter().enumerate().position(|(index, _)| format!("node-{}", index + 1) == node);
    let lives = index.is_some_and(|index| world.nodes[index].is_up && world.nodes[index].last_fault < last.at);
    let is_theft = lives && !world.clocks_were_wrong;
    require(world, "R9", !is_theft, || format!("order {id} was taken from {node}, which lives and works on it"));
}

/// R5, R9: what follows from an answer is written with it.
fn answered(world: &mut World, after: &State, new: &[Rc<Event>], order: &Order, event: &Event) {
    let id = order.id;
    // Of two answers for one account in one commit, the later one has the last word.
    let is_alone = new.iter().all(|other| {
        other.order == id || after.orders.get(&other.order).is_none_or(|other| other.order.account != order.account)
    });
    if event.to == ProvisioningState::Executed && is_alone {
        let account = order.account.and_then(|id| after.accounts.get(&id)).map(|account| account.status);
        let expected = match order.operation {
            Operation::Create | Operation::Enable => account == Some(AccountStatus::Enabled),
            Operation::Disable => account != Some(AccountStatus::Enabled),
            Operation::Delete => account.is_none_or(|status| status == AccountStatus::Gone),
            Operation::Update => true,
        };
        require(world, "R9", expected, || {
            format!("order {id} to {} is done, and its account is on record as {account:?}", order.operation.name())
        });
    }
    let waits_for_a_person = order.mechanism == Mechanism::Manual
        && event.to == ProvisioningState::Transmitted
        && order.reason == Some(StateReason::WorkItem);
    if waits_for_a_person {
        let has_item = after.work_items.values().any(|item| item.order == id && item.state == WorkItemState::Open);
        require(world, "R5", has_item, || format!("order {id} waits for a person, and nobody has been told"));
    }
    let is_limited = matches!(&order.reason, Some(StateReason::RetryWait { class: ErrorClass::RateLimited, .. }));
    if is_limited && !world.clocks_were_wrong {
        let asked = world.asked_to_wait.remove(&id);
        let next = order.next_attempt_at.map(super::scheduler::moment);
        // The node's own word on when it was answered is what it counts from.
        let kept = asked.is_none_or(|until| next.is_some_and(|next| next >= until));
        require(world, "R6", kept, || {
            format!("order {id} goes again at {next:?}, the application asked for {asked:?}")
        });
    }
}

/// R2: an order is verified because a reading shows it, unless a later order has changed the same again.
fn verified(world: &mut World, after: &State, order: &Order, evidence: &Evidence) {
    let is_later = |other: &StoredOrder| {
        other.order.id > order.id
            && other.order.identity == order.identity
            && other.order.account_type == order.account_type
            && other.order.attempts > 0
    };
    if after.orders.values().any(|other| is_later(other)) {
        return;
    }
    let seen = order.key.as_ref().and_then(|key| evidence.accounts.get(key));
    let missing = order.items.iter().find(|item| !is_shown(order, item, seen));
    require(world, "R2", missing.is_none(), || {
        format!(
            "order {} is verified, and the reading of {} does not show `{}`",
            order.id,
            evidence.application,
            missing.map_or("", |item| item.name.as_str())
        )
    });
}

fn is_shown(order: &Order, item: &OrderItem, seen: Option<&ObservedAccount>) -> bool {
    let removes = item.operation == ItemOperation::Remove;
    match (item.kind, seen) {
        _ if item.secret => true,
        (_, None) => order.operation.removes() || item.kind == ItemKind::Entitlement && removes,
        (ItemKind::Entitlement, Some(seen)) => seen.entitlements.contains(&item.name) != removes,
        (ItemKind::Attribute, Some(seen)) => {
            let found = seen.attributes.get(&item.name).map(Value::to_string);
            found == if removes { None } else { item.value.as_ref().map(Value::to_string) }
        }
        (ItemKind::Lifecycle, Some(seen)) => match order.operation {
            Operation::Delete => false,
            Operation::Disable => !seen.enabled,
            Operation::Create | Operation::Enable | Operation::Update => seen.enabled,
        },
    }
}

/// R9, R11: each request of a plan is an order, and what it replaces is replaced.
fn plan_is_written_whole(world: &mut World, after: &State, id: model::ids::PlanId, plan: &Plan) {
    let made = after.orders.values().filter(|stored| stored.order.plan == id).count();
    require(world, "R9", made == plan.requests.len(), || {
        format!("plan {id} has {} requests, and {made} orders", plan.requests.len())
    });
    let sent = plan::superseded(plan)
        .into_iter()
        .find(|order| after.orders.get(order).is_some_and(|stored| stored.order.state != ProvisioningState::Inactive));
    require(world, "R2", sent.is_none(), || format!("plan {id} replaces order {sent:?}, which goes on"));
}

/// R11: what changed and what the timeline says are the same, step by step.
fn timeline_is_complete(world: &mut World, old: Option<&Rc<StoredOrder>>, stored: &StoredOrder, new: &[Rc<Event>]) {
    let id = stored.order.id;
    let mut state = old.map_or(ProvisioningState::None, |old| old.order.state);
    for event in new.iter().filter(|event| event.order == id) {
        let from = state;
        require(world, "R11", event.from == from, || {
            format!("order {id}: the timeline goes on from {:?}, the order from {from:?}", event.from)
        });
        state = event.to;
    }
    require(world, "R11", state == stored.order.state, || {
        format!("order {id} is {:?}, and its timeline ends with {state:?}", stored.order.state)
    });
}

/// R3: of each account one order in flight that is sent directly, and one that somebody else holds, which do not make or
/// delete it and share nothing; and one per account to come.
fn in_flight(world: &mut World, after: &State) {
    let sent = after.orders.values().map(|stored| &stored.order);
    let sent: Vec<&Order> = sent.filter(|order| order.state == ProvisioningState::Transmitted).collect();
    for (position, order) in sent.iter().enumerate() {
        let is_it = |other: &&&Order| match (order.account, other.account) {
            (None, None) => is_same_account(order, other),
            (account, other) => account.is_some() && account == other,
        };
        for other in sent[position + 1..].iter().filter(is_it) {
            let is_allowed = order.account.is_some() && are_apart(order, other);
            require(world, "R3", is_allowed, || {
                format!("orders {} and {} of one account are in flight", order.id, other.id)
            });
        }
    }
}

/// One is sent directly, the other is held by somebody else, and they have nothing to do with each other.
fn are_apart(one: &Order, other: &Order) -> bool {
    let held = if one.mechanism == Mechanism::Direct { other } else { one };
    (one.mechanism == Mechanism::Direct) != (other.mechanism == Mechanism::Direct)
        && held.operation != Operation::Enable
        && !touch_the_same(one, other)
}

/// An account that is made or deleted is touched with all that it has.
fn touch_the_same(one: &Order, other: &Order) -> bool {
    let is_whole = |order: &Order| matches!(order.operation, Operation::Create | Operation::Delete);
    let touched = |order: &Order| -> BTreeSet<(ItemKind, String)> {
        let items = order.items.iter().filter(|item| item.state != ProvisioningState::Inactive);
        let named = |item: &OrderItem| if item.kind == ItemKind::Lifecycle { String::new() } else { item.name.clone() };
        items.map(|item| (item.kind, named(item))).collect()
    };
    is_whole(one) || is_whole(other) || !touched(one).is_disjoint(&touched(other))
}

/// R7: no order of somebody who stays is taken while one of a leaver could be.
fn leavers_go_first(world: &mut World, before: &State, after: &State, new: &[Rc<Event>]) {
    let taken: Vec<&Order> = new
        .iter()
        .filter(|event| matches!(event.cause, Cause::Claimed))
        .filter_map(|event| after.orders.get(&event.order).map(|stored| &stored.order))
        .collect();
    let Some(normal) = taken.iter().find(|order| order.lane == Lane::Normal) else { return };
    let Some(now) = normal.transmitted_at else { return };
    let left = before.orders.values().find(|stored| {
        let order = &stored.order;
        order.lane == Lane::Leaver
            && order.application == normal.application
            && taken.iter().all(|taken| taken.id != order.id && !is_same_account(taken, order))
            && could_go(before, order, now)
    });
    let left = left.map(|stored| stored.order.id);
    require(world, "R7", left.is_none(), || format!("order {} went before order {left:?} of a leaver", normal.id));
}

fn could_go(state: &State, order: &Order, now: Timestamp) -> bool {
    let is_direct = order.mechanism == Mechanism::Direct;
    let is_free = state.orders.values().map(|other| &other.order).all(|other| {
        !is_same_account(other, order)
            || match other.state {
                // What somebody holds keeps nothing that is answered at once.
                ProvisioningState::Transmitted => is_direct && are_apart(order, other),
                // What is answered at once goes before what is not.
                ProvisioningState::Pending => is_direct || other.mechanism != Mechanism::Direct,
                _ => true,
            }
    });
    order.state == ProvisioningState::Pending
        && order.next_attempt_at.is_some_and(|next| next <= now)
        && (order.account.is_some() || order.operation == Operation::Create)
        && is_free
        && order.after.iter().all(|earlier| {
            state.orders.get(earlier).is_none_or(|earlier| matches!(earlier.order.state.number(), 4 | 6 | 8))
        })
}

fn is_same_account(left: &Order, right: &Order) -> bool {
    left.identity == right.identity && left.account_type == right.account_type
}

/// R2: nobody is given somebody else's account, and nothing that is there is taken for gone.
fn accounts_are_right(world: &mut World, before: &State, after: &State, new: &[Rc<Event>]) {
    if Rc::ptr_eq(&before.accounts, &after.accounts) {
        return;
    }
    for (id, account) in after.accounts.iter() {
        let old = before.accounts.get(id);
        if old.is_some_and(|old| Rc::ptr_eq(old, account)) {
            continue;
        }
        if old.is_none()
            && let Some(owner) = account.owner
        {
            let is_right = is_theirs(after, account, owner);
            require(world, "R2", is_right, || {
                format!(
                    "account `{}` of {} is linked to {owner}: {:?}",
                    account.key, account.application, account.attributes
                )
            });
        }
        let goes = account.status == AccountStatus::Gone && old.is_some_and(|old| old.status != AccountStatus::Gone);
        if goes && new.is_empty() && !world.clocks_were_wrong {
            let application = &world.applications[account.application.as_str()];
            // What came to be while the application was read is not in the reading.
            let is_new = world
                .ledger
                .created
                .get(&(application.name, account.key.clone()))
                .is_some_and(|(_, created)| *created > world.desk.now - 2 * MINUTE);
            let is_there = application.habits.lag == 0 && !is_new && application.accounts().contains_key(&account.key);
            require(world, "R2", !is_there, || {
                format!("account `{}` of {} is taken for gone", account.key, account.application)
            });
        }
    }
}

/// R2: what is recorded of an order is what it did: all else that is known of its account stays as it was.
fn nothing_else_is_recorded(world: &mut World, before: &State, after: &State, new: &[Rc<Event>]) {
    let mut touched: BTreeMap<AccountId, (bool, BTreeSet<&str>)> = BTreeMap::new();
    for event in new.iter().filter(|event| matches!(event.cause, Cause::Answered | Cause::ReadBack)) {
        let Some(order) = after.orders.get(&event.order).map(|stored| &stored.order) else { continue };
        if let Some(account) = order.account.filter(|_| order.operation != Operation::Create) {
            let (is_itself, names) = touched.entry(account).or_default();
            *is_itself |= order.operation != Operation::Update;
            names.extend(order.items.iter().map(|item| item.name.as_str()));
        }
    }
    for (id, (is_itself, names)) in touched {
        let (Some(old), Some(now)) = (before.accounts.get(&id), after.accounts.get(&id)) else { continue };
        if now.status == AccountStatus::Gone {
            continue;
        }
        let held = old.entitlements.symmetric_difference(&now.entitlements).find(|key| !names.contains(key.as_str()));
        let is_other = |(name, value): &(&String, &Value)| {
            now.attributes.get(*name) != Some(*value) && !names.contains(name.as_str())
        };
        let values = old.attributes.iter().find(is_other).map(|(name, _)| name);
        let status = (!is_itself && old.status != now.status).then_some(&now.key);
        let other = held.or(values).or(status);
        require(world, "R2", other.is_none(), || {
            format!(
                "with an order that does not touch it, `{}` of account {id} was recorded",
                other.map_or("", String::as_str)
            )
        });
    }
}

/// Marked with the person's number, or with a name that nobody else has.
fn is_theirs(state: &State, account: &Account, owner: IdentityId) -> bool {
    let own = |identity: IdentityId, name: &str| {
        state.identities.get(&identity).and_then(|identity| identity.attributes.get(name)).cloned()
    };
    let is_known =
        |number: &&Value| state.identities.keys().any(|identity| own(*identity, "employee").as_ref() == Some(*number));
    match account.attributes.get("employee").filter(is_known) {
        Some(number) => own(owner, "employee").as_ref() == Some(number),
        None => {
            let name = account.attributes.get("name");
            let namesakes = state.identities.keys().filter(|identity| own(**identity, "name").as_ref() == name);
            name.is_some() && own(owner, "name").as_ref() == name && namesakes.count() == 1
        }
    }
}

// -------------------------------------------------------------------------------- what leaves, and what happens

/// A change is about to leave for an application: it is on record, and no power failure takes that back.
pub(crate) fn sends(world: &mut World, order: OrderId, fence: i64) {
    let stored = world.store.durable.orders.get(&order);
    let is_written = stored.is_some_and(|stored| stored.attempts.iter().any(|attempt| attempt.fence == fence));
    require(world, "R1", is_written, || format!("order {order} leaves under fence {fence}, which is not on record"));
}

/// Something has happened in an application.
pub(crate) fn effect(world: &mut World, effect: Effect) {
    world.note(|| {
        format!(
            "{} {:?} `{}` by order {}, fence {}",
            effect.application, effect.kind, effect.key, effect.order, effect.fence
        )
    });
    let Effect { application, key, order: id, fence, kind } = effect;
    world.ledger.effects.insert((id, fence));
    let stored = world.store.durable.orders.get(&id).cloned();
    let is_written = stored.as_ref().is_some_and(|stored| stored.attempts.iter().any(|attempt| attempt.fence == fence));
    require(world, "R1", is_written, || {
        format!("order {id} had an effect under fence {fence}, which is not on record")
    });
    if kind == EffectKind::Created {
        let count = world.ledger.creations.entry(id).or_default();
        *count += 1;
        let count = *count;
        require(world, "R2", count == 1, || format!("order {id} created {count} accounts in {application}"));
        let accounts = world.applications[application].accounts();
        let owner = accounts.get(&key).map(|account| text(account, "employee")).unwrap_or_default();
        let now = world.desk.now;
        world.ledger.created.insert((application, key.clone()), (id, now));
        let is_ours = |account: &&ObservedAccount| {
            text(account, "employee") == owner && world.ledger.created.contains_key(&(application, account.key.clone()))
        };
        let own = accounts.values().filter(is_ours).count();
        require(world, "R2", own == 1, || format!("{owner} has {own} accounts in {application} by order {id}"));
    }
    if kind == EffectKind::Deleted
        && let Some((creator, _)) = world.ledger.created.remove(&(application, key.clone()))
    {
        // A person may have it made once more.
        world.ledger.creations.remove(&creator);
    }
    let Some(stored) = stored else { return };
    let order = &stored.order;
    let is_current = order.fence == fence && order.state == ProvisioningState::Transmitted;
    let is_repeated = world
        .store
        .current
        .events
        .iter()
        .any(|event| event.order == id && matches!(event.cause, Cause::Person(lifecycle::Event::RetryNow)));
    if is_current && !is_repeated {
        let changes = world.ledger.changes.entry((application, key.clone())).or_default();
        changes.insert(id);
        let later = changes.range(id..).skip(1).copied().collect::<Vec<_>>();
        let orders = &world.store.durable.orders;
        let is_before = |other: &OrderId| orders.get(other).is_some_and(|other| touch_the_same(order, &other.order));
        let last = later.into_iter().find(is_before);
        require(world, "R3", last.is_none(), || {
            format!("order {id} changed `{key}` of {application} after order {last:?}")
        });
    }
}

/// R9: an executor's answers are on record, or were refused as old, before it is told that they need not be kept.
pub(crate) fn answers_are_kept(world: &mut World, answers: &[LateAnswer]) {
    for answer in answers {
        let Some(stored) = world.store.durable.orders.get(&answer.order).cloned() else { continue };
        let order = &stored.order;
        let waits = order.state == ProvisioningState::Transmitted
            && order.next_attempt_at.is_none()
            && stored.lease_until.is_none()
            && answer.fence.is_some_and(|fence| fence == order.fence);
        let is_handed = matches!(order.reason, Some(StateReason::Handed { .. }));
        require(world, "R9", !(waits && is_handed), || {
            format!("the answer to order {} is acknowledged, and not on record", answer.order)
        });
    }
}

/// R1: what was promised, and what happened, is on record after the power has failed.
pub(crate) fn after_power_loss(world: &mut World) {
    let state = world.store.current.clone();
    for (id, promised) in world.promises.clone() {
        let is_kept = state
            .events
            .iter()
            .any(|event| event.order == id && matches!(event.cause, Cause::Person(event) if event == promised));
        require(world, "R1", is_kept, || format!("{promised:?} of order {id} was accepted, and is gone"));
    }
    for (id, fence) in world.ledger.effects.clone() {
        let stored = state.orders.get(&id);
        let is_kept = stored.is_some_and(|stored| stored.attempts.iter().any(|attempt| attempt.fence == fence));
        require(world, "R1", is_kept, || format!("order {id} had an effect under fence {fence}, and that is gone"));
    }
}

// --------------------------------------------------------------------------------------------------- every plan

/// R2, R10: a plan takes away what is held and managed and not wanted, and nothing else; and never what was only found.
pub(crate) fn planned(world: &mut World, input: &PlanInput<'_>, plan: &Plan) {
    for request in &plan.requests {
        let account_type = request.account_type.as_str();
        let wanted = company::wanted_keys(input.desired, account_type);
        let offered = company::offered_keys(input.desired, account_type);
        let is_wanted = input.desired.accounts.iter().any(|account| account.account_type == account_type);
        for item in request.items.iter().filter(|item| item.kind == ItemKind::Entitlement) {
            let name = item.name.as_str();
            if item.operation == ItemOperation::Remove {
                let is_managed = MANAGED.contains(&name) && name != FOREIGN;
                require(world, "R2", is_managed, || {
                    format!("`{name}` of {account_type} is taken away, and not managed")
                });
                let is_needed = wanted.contains(name) || is_wanted && offered.contains(name);
                require(world, "R2", !is_needed, || {
                    format!("`{name}` of {account_type} is taken away, and still granted")
                });
            } else {
                require(world, "R4", wanted.contains(name), || {
                    format!("`{name}` of {account_type} is given, and not granted")
                });
            }
        }
        if request.operation.removes() {
            let account = input.accounts.iter().find(|account| Some(account.id) == request.account);
            let is_ours = account.is_some_and(|account| account.provenance != Provenance::Found);
            require(world, "R2", is_ours && !is_wanted, || {
                format!("an account of {account_type} is taken away that is not ours")
            });
        } else if request.operation != Operation::Update {
            require(world, "R4", is_wanted, || format!("an account of {account_type} is given, and not granted"));
        }
    }
}

// -------------------------------------------------------------------------------------------- once all is quiet

/// R2, R5: once trouble is over and people have done their part, all is as it should be, and nothing waits.
pub(crate) fn quiescent(world: &mut World) {
    if let Some((invariant, why)) = unsettled(world) {
        broken(world, invariant, why);
    }
}

/// The first thing that is not yet as it should be.
pub(crate) fn unsettled(world: &World) -> Option<(&'static str, String)> {
    let state = &world.store.current;
    if let Some((id, run)) = state.runs.iter().find(|(_, run)| run.state.is_active()) {
        return Some(("R5", format!("run {id} is {:?}", run.state)));
    }
    for person in &world.people {
        let known = state.identities.values().find(|identity| identity.key == person.key);
        let Some(identity) = known else {
            if person.is_listed {
                return Some(("R5", format!("nobody knows {}", person.key)));
            }
            continue;
        };
        if identity.present != person.is_listed {
            return Some((
                "R5",
                format!("{} is taken for {}", person.key, if identity.present { "present" } else { "gone" }),
            ));
        }
        let desired = company::desired(identity, &state.roles);
        for name in company::APPLICATIONS {
            if let Some(why) = differs(world, identity.id, &person.key, &desired, name) {
                return Some(("R2", why));
            }
        }
        let accounts: Vec<Account> = state
            .accounts
            .values()
            .filter(|account| account.owner == Some(identity.id))
            .map(|account| account.as_ref().clone())
            .collect();
        let open: Vec<Order> = state.open_orders().into_iter().filter(|order| order.identity == identity.id).collect();
        let input = PlanInput {
            trigger: Trigger::IdentityRefresh,
            desired: &desired,
            accounts: &accounts,
            open_orders: &open,
            declined: &[],
            native: &[],
            marks: &[],
            choices: &[],
            leaver: !identity.present,
        };
        let plan = plan::compile(&input, &world.catalogue, &mut AllFree);
        let normalises = |name: &str| world.applications[name].habits.normalises;
        if let Some(request) = plan.requests.iter().find(|request| !normalises(&request.application)) {
            return Some((
                "R2",
                format!("{} still needs {:?} in {}", person.key, request.operation, request.application),
            ));
        }
    }
    for stored in state.orders.values() {
        let order = &stored.order;
        let waits = matches!(order.state, ProvisioningState::Pending | ProvisioningState::Transmitted);
        if waits && !world.applications[order.application.as_str()].habits.normalises {
            return Some((
                "R5",
                format!(
                    "order {} to {} in {} is still {:?}, {:?}",
                    order.id,
                    order.operation.name(),
                    order.application,
                    order.state,
                    order.reason
                ),
            ));
        }
    }
    None
}

struct AllFree;

impl plan::Values for AllFree {
    fn take(&mut self, _: &str, _: &str, _: &str, _: IdentityId) -> bool {
        true
    }
}

/// What an application truly holds for a person, against what they should have.
fn differs(
    world: &World,
    identity: IdentityId,
    employee: &str,
    desired: &model::access::DesiredAccess,
    name: &'static str,
) -> Option<String> {
    // Whether an order happened that was never answered, nobody can find out where nothing can be read.
    let was_given_up = world.store.current.events.iter().any(|event| {
        let order = &world.store.current.orders[&event.order].order;
        matches!(event.cause, Cause::TimedOut) && order.identity == identity && order.application == "badge"
    });
    if name == "badge" && was_given_up {
        return None;
    }
    let application = &world.applications[name];
    let is_wanted = desired.accounts.iter().any(|account| account.account_type == name);
    let wanted = company::wanted_keys(desired, name);
    let offered = company::offered_keys(desired, name);
    let own: Vec<&ObservedAccount> =
        application.accounts().values().filter(|account| text(account, "employee") == employee).collect();
    let managed = |account: &ObservedAccount| -> BTreeSet<String> {
        account.entitlements.iter().filter(|key| MANAGED.contains(&key.as_str())).cloned().collect()
    };
    if !is_wanted {
        // What Quartermaster did not create is not its to take away.
        let is_ours = |account: &&&ObservedAccount| {
            world.store.current.accounts.values().any(|known| {
                known.application == name && known.key == account.key && known.provenance != Provenance::Found
            })
        };
        let left = own.iter().filter(is_ours).find(|account| account.enabled || !managed(account).is_empty())?;
        return Some(format!("{employee} still has `{}` in {name} ({:?})", left.key, managed(left)));
    }
    let own = world.store.current.accounts.values().filter(|account| {
        account.owner == Some(identity) && account.account_type == name && account.status != AccountStatus::Gone
    });
    let used = own.min_by_key(|account| (account.provenance == Provenance::Found, account.id));
    let Some(used) = used else { return Some(format!("{employee} has no account in {name} on record")) };
    let Some(account) = application.accounts().get(&used.key) else {
        return Some(format!("{employee} has no account in {name}"));
    };
    let held = managed(account);
    let is_right = account.enabled
        && wanted.is_subset(&held)
        && held.iter().all(|key| wanted.contains(key) || offered.contains(key));
    (!is_right)
        .then(|| format!("{employee} has {held:?} in {name} (enabled: {}) instead of {wanted:?}", account.enabled))
}

impl World {
    /// Keeps what happened: as a digest always, as words where somebody reads along.
    pub(crate) fn note(&mut self, words: impl FnOnce() -> String) {
        let line = words();
        self.desk.now.hash(&mut self.digest);
        line.hash(&mut self.digest);
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10.3} s  {line}", self.desk.now as f64 / 1e6));
        }
    }
}
