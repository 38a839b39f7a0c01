//! The system of record, in memory, by the rules of the real one (`store`): a claim writes state, fence, attempt and lease
//! at once; a result counts only with the newest fence and from a state it is allowed from; of an account one order in flight
//! that is sent directly, and one that somebody else holds, never of the same item; a transaction is taken whole or not at all. Commits are durable when they are acknowledged; when the power
//! fails, all is as after the last durable one.
//!
//! That the real store keeps these rules on both databases is what its conformance suite shows; that nothing breaks as
//! long as they are kept is what the simulation shows.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use broker::settle::AccountPatch;
use jiff::Timestamp;
use model::account::{Account, AccountStatus, Mechanism};
use model::block::{BlockState, RunBlock};
use model::feed::FeedIdentity;
use model::identity::Identity;
use model::ids::{AccountId, IdentityId, OrderId, OrderItemId, PlanId, RunBlockId, RunId, WorkItemId};
use model::order::{Answer, Attempt, Order, OrderItem, ProvisioningState, StateReason, Trouble};
use model::plan::{ItemKind, Operation, Plan};
use model::rings::RunRings;
use model::work_item::{WorkItem, WorkItemState};

use super::bugs::PlantedBug;
use super::company::RoleModel;
use super::run::Evidence;
use super::scheduler::{Chance, Moment};

pub(crate) type Table<K, V> = Rc<BTreeMap<K, Rc<V>>>;

/// Everything that is on record.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) identities: Table<IdentityId, Identity>,
    pub(crate) accounts: Table<AccountId, Account>,
    pub(crate) orders: Table<OrderId, StoredOrder>,
    pub(crate) work_items: Table<WorkItemId, WorkItem>,
    pub(crate) plans: Table<PlanId, Plan>,
    pub(crate) runs: Table<RunId, StoredRun>,
    /// (application, attribute, value in lower case) → whose it is.
    pub(crate) reserved: Rc<BTreeMap<(String, String, String), IdentityId>>,
    pub(crate) roles: Rc<RoleModel>,
    /// The timeline of all orders. Only grows.
    pub(crate) events: Rc<Vec<Rc<Event>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredOrder {
    pub(crate) order: Order,
    pub(crate) attempts: Vec<Attempt>,
    /// The ring of its run with which it goes.
    pub(crate) ring: Option<u32>,
    pub(crate) lease_node: Option<String>,
    pub(crate) lease_until: Option<Timestamp>,
    /// The account as it was when the order was sent: only a planted bug looks at it.
    pub(crate) sent_with: Option<Rc<Account>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunState {
    Queued,
    Running,
    /// A threshold stopped it, or a ring that is not healthy.
    Blocked,
    Finished,
    /// A person did not let it through.
    Cancelled,
}

impl RunState {
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct StoredRun {
    pub(crate) state: RunState,
    /// The first task that is not done.
    pub(crate) task: usize,
    /// What thresholds stopped, oldest first, and what was said about it.
    pub(crate) blocks: Vec<RunBlock>,
    /// The people that it has read and not taken over yet.
    pub(crate) feed: Option<Rc<Vec<FeedIdentity>>>,
    /// Applications that it has read and not taken over yet, with when each was asked.
    pub(crate) readings: BTreeMap<&'static str, (Rc<Evidence>, Timestamp)>,
    /// How far its rings are, where its orders go in rings.
    pub(crate) rings: Option<RunRings>,
    pub(crate) lease_node: Option<String>,
    pub(crate) lease_until: Option<Timestamp>,
}

/// One step of an order, as its timeline shows it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) order: OrderId,
    pub(crate) from: ProvisioningState,
    pub(crate) to: ProvisioningState,
    pub(crate) actor: String,
    /// Fence of the attempt whose answer it is.
    pub(crate) fence: Option<i64>,
    pub(crate) cause: Cause,
    /// When it truly happened, whatever the node's clock said.
    pub(crate) at: Moment,
}

/// What brought a step about.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    Ordered,
    Claimed,
    /// Claimed again, after a node was lost or an answer left doubt.
    Reclaimed,
    Answered,
    /// Read back after doubt.
    ReadBack,
    TimedOut,
    Replaced,
    Person(broker::lifecycle::Event),
    /// A reading of the application, which is the evidence.
    Verified(Rc<Evidence>),
}

/// A step to be written down, decided elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    pub(crate) order: OrderId,
    pub(crate) fence: Option<i64>,
    pub(crate) from: Vec<ProvisioningState>,
    pub(crate) to: ProvisioningState,
    pub(crate) reason: Option<StateReason>,
    pub(crate) next_attempt_at: Option<Timestamp>,
    pub(crate) account: Option<AccountId>,
    pub(crate) key: Option<String>,
    pub(crate) items: Vec<(OrderItemId, ProvisioningState, Option<String>)>,
    pub(crate) answer: Option<Answer>,
    pub(crate) actor: String,
    pub(crate) cause: Cause,
    pub(crate) at: Timestamp,
}

/// Who takes which orders.
pub(crate) struct Claim<'a> {
    pub(crate) application: &'a str,
    pub(crate) limit: usize,
    pub(crate) node: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) lease_until: Timestamp,
}

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A constraint with this name.
    Conflict(&'static str),
    /// The node died in the middle of it.
    Broken,
}

/// The states after the newest commit and after the newest that no failure can take back.
pub(crate) struct Store {
    pub(crate) current: State,
    pub(crate) durable: State,
    commits: u64,
    next_id: i64,
}

impl Store {
    pub(crate) fn new(roles: RoleModel) -> Self {
        let state = State {
            identities: Rc::default(),
            accounts: Rc::default(),
            orders: Rc::default(),
            work_items: Rc::default(),
            plans: Rc::default(),
            runs: Rc::default(),
            reserved: Rc::default(),
            roles: Rc::new(roles),
            events: Rc::default(),
        };
        Self { durable: state.clone(), current: state, commits: 0, next_id: 1 }
    }

    /// Numbers that nobody else has, whatever becomes of what they are used for.
    pub(crate) fn reserve_ids(&mut self, count: usize) -> std::ops::Range<i64> {
        let first = self.next_id;
        self.next_id += i64::try_from(count).unwrap();
        first..self.next_id
    }

    /// Takes a transaction over.
    pub(crate) fn commit(&mut self, state: State, bug: Option<PlantedBug>) {
        self.current = state;
        self.commits += 1;
        if bug != Some(PlantedBug::AcknowledgedBeforeDurable) || self.commits.is_multiple_of(8) {
            self.durable = self.current.clone();
        }
    }

    /// What is left when the power fails.
    pub(crate) fn lose_power(&mut self) {
        self.current = self.durable.clone();
    }
}

/// A transaction on a copy of the state, which the caller commits or drops.
pub(crate) struct Tx<'a> {
    pub(crate) state: State,
    pub(crate) now: Moment,
    pub(crate) bug: Option<PlantedBug>,
    chance: &'a mut Chance,
    /// How probable it is that the node dies at a statement, in thousandths.
    breaks: u32,
}

type Result<T> = std::result::Result<T, Refused>;

impl<'a> Tx<'a> {
    pub(crate) fn new(state: State, now: Moment, bug: Option<PlantedBug>, chance: &'a mut Chance, breaks: u32) -> Self {
        Self { state, now, bug, chance, breaks }
    }

    /// Every statement may be the one at which the node dies.
    fn statement(&mut self) -> Result<()> {
        if self.chance.permille(self.breaks) { Err(Refused::Broken) } else { Ok(()) }
    }

    fn is_planted(&self, bug: PlantedBug) -> bool {
        self.bug == Some(bug)
    }

    // ------------------------------------------------------------------------------------------------- orders

    /// Due orders that were released, whose predecessors are done or called off and whose account has no other in
    /// flight, by lane, then id. `reason` is the one from before the claim.
    pub(crate) fn claim_orders(&mut self, claim: &Claim<'_>) -> Result<Vec<Order>> {
        self.statement()?;
        let mut due: Vec<&StoredOrder> =
            self.state.orders.values().map(Rc::as_ref).filter(|stored| self.is_due(stored, claim)).collect();
        let ignores_lanes = self.is_planted(PlantedBug::LeaversWaitTheirTurn);
        due.sort_by_key(|stored| (if ignores_lanes { 0 } else { stored.order.lane as i64 }, stored.order.id));
        let mut slots = BTreeSet::new();
        let taken: Vec<OrderId> = due
            .into_iter()
            .take(claim.limit)
            .filter(|stored| slots.insert(slot(&stored.order)) || self.is_planted(PlantedBug::TwoInFlight))
            .map(|stored| stored.order.id)
            .collect();
        let before: Vec<_> = taken.iter().map(|id| self.state.orders[id].order.reason.clone()).collect();
        let mut orders = self.take(claim, &taken, Cause::Claimed)?;
        for (order, reason) in orders.iter_mut().zip(before) {
            order.reason = reason;
        }
        Ok(orders)
    }

    /// Orders whose node let the lease pass, and those in doubt whose time to be read back has come.
    pub(crate) fn reclaim_lost_orders(&mut self, claim: &Claim<'_>) -> Result<Vec<Order>> {
        self.statement()?;
        let is_stolen = self.is_planted(PlantedBug::LeasesAreStolen);
        let is_lost = |stored: &&Rc<StoredOrder>| {
            stored.order.state == ProvisioningState::Transmitted
                && stored.order.application == claim.application
                && match (stored.lease_until, stored.order.next_attempt_at) {
                    (Some(until), _) => until <= claim.now || is_stolen,
                    (None, Some(next)) => next <= claim.now,
                    (None, None) => false,
                }
        };
        let mut lost: Vec<_> = self.state.orders.values().filter(is_lost).collect();
        lost.sort_by_key(|stored| (stored.order.lane, stored.order.id));
        let taken: Vec<OrderId> = lost.into_iter().take(claim.limit).map(|stored| stored.order.id).collect();
        let mut orders = self.take(claim, &taken, Cause::Reclaimed)?;
        for order in &mut orders {
            order.reason = Some(StateReason::InDoubt);
            self.stored_order(order.id).order.reason = Some(StateReason::InDoubt);
        }
        Ok(orders)
    }

    /// Gives orders that were never due to the dispatcher.
    pub(crate) fn release_orders(&mut self, now: Timestamp) -> Result<()> {
        self.statement()?;
        let waiting: Vec<OrderId> = self
            .state
            .orders
            .values()
            .filter(|stored| stored.order.state == ProvisioningState::Pending && stored.order.next_attempt_at.is_none())
            .filter(|stored| self.has_gone(stored))
            .map(|stored| stored.order.id)
            .collect();
        for id in waiting {
            self.stored_order(id).order.next_attempt_at = Some(now);
        }
        Ok(())
    }

    /// People carry it out from now on.
    pub(crate) fn give_to_people(&mut self, id: OrderId) -> Result<()> {
        self.statement()?;
        let order = &mut self.stored_order(id).order;
        (order.mechanism, order.given_to_people) = (Mechanism::Manual, true);
        Ok(())
    }

    /// Puts off the end of all leases that the node holds.
    pub(crate) fn renew_leases(&mut self, node: &str, until: Timestamp) -> Result<()> {
        self.statement()?;
        let held: Vec<OrderId> = self
            .state
            .orders
            .values()
            .filter(|stored| {
                stored.lease_node.as_deref() == Some(node) && stored.lease_until.is_some_and(|end| end < until)
            })
            .map(|stored| stored.order.id)
            .collect();
        for id in held {
            self.stored_order(id).lease_until = Some(until);
        }
        Ok(())
    }

    /// One answer each: false where the fence is old or the state is none of `from`.
    pub(crate) fn record_transitions(&mut self, rows: &[Transition]) -> Result<Vec<bool>> {
        self.statement()?;
        let mut answers = Vec::with_capacity(rows.len());
        for row in rows {
            let is_taken = self.accepts(row);
            answers.push(is_taken);
            if is_taken {
                self.write_transition(row)?;
            }
        }
        Ok(answers)
    }

    /// The same question without the deed.
    pub(crate) fn accepts(&self, row: &Transition) -> bool {
        let ignores_fence = self.is_planted(PlantedBug::OldFenceCounts);
        self.state.orders.get(&row.order).is_some_and(|stored| {
            (row.from.contains(&stored.order.state) || ignores_fence && row.fence.is_some())
                && row.fence.is_none_or(|fence| fence == stored.order.fence || ignores_fence)
        })
    }

    pub(crate) fn insert_orders(&mut self, orders: &[Order], rings: &BTreeMap<OrderId, u32>) -> Result<()> {
        self.statement()?;
        for order in orders {
            let stored = StoredOrder {
                order: order.clone(),
                attempts: Vec::new(),
                ring: rings.get(&order.id).copied(),
                lease_node: None,
                lease_until: None,
                sent_with: None,
            };
            Rc::make_mut(&mut self.state.orders).insert(order.id, Rc::new(stored));
            self.append(order.id, ProvisioningState::None, order.state, "Quartermaster", None, Cause::Ordered);
        }
        Ok(())
    }

    fn is_due(&self, stored: &StoredOrder, claim: &Claim<'_>) -> bool {
        let order = &stored.order;
        let state_of = |id: &OrderId| self.state.orders.get(id).map(|other| other.order.state);
        let is_declined = self.is_planted(PlantedBug::DeclinedIsSent) && order.state == ProvisioningState::Inactive;
        (order.state == ProvisioningState::Pending || is_declined && order.attempts == 0 && self.was_declined(order.id))
            && order.application == claim.application
            && (order.next_attempt_at.is_some_and(|next| next <= claim.now) || is_declined)
            && (self.is_planted(PlantedBug::DependentsGoFirst)
                || order.after.iter().all(|earlier| {
                    use ProvisioningState::{Executed, Inactive, Verified};
                    matches!(state_of(earlier), None | Some(Executed | Verified | Inactive))
                }))
            && (order.account.is_some() || order.operation == Operation::Create)
            && (self.is_planted(PlantedBug::TwoInFlight) || !self.is_busy(order))
            && (order.mechanism == Mechanism::Direct || !self.is_slower(order, claim.now))
            && self.has_gone(stored)
    }

    /// Whether the order's ring has gone.
    fn has_gone(&self, stored: &StoredOrder) -> bool {
        self.is_planted(PlantedBug::RingsGoAtOnce) || self.state.ring_has_gone(stored)
    }

    fn was_declined(&self, order: OrderId) -> bool {
        let declined = |event: &Rc<Event>| {
            event.order == order && matches!(event.cause, Cause::Person(broker::lifecycle::Event::Decline))
        };
        self.state.events.iter().any(declined)
    }

    fn is_busy(&self, order: &Order) -> bool {
        self.state.orders.values().map(|other| &other.order).any(|other| {
            other.state == ProvisioningState::Transmitted
                && (order.account.is_some() && other.account == order.account && !self.goes_beside(order, other)
                    || other.account.is_none()
                        && other.identity == order.identity
                        && other.account_type == order.account_type)
        })
    }

    /// What is answered at once goes beside what somebody else holds, where nothing is touched by both.
    fn goes_beside(&self, order: &Order, held: &Order) -> bool {
        let goes_out = |item: &&OrderItem| item.state != ProvisioningState::Inactive;
        let is_shared = order.items.iter().filter(goes_out).any(|own| {
            let is_it = |other: &OrderItem| {
                other.kind == own.kind && (own.kind == ItemKind::Lifecycle || other.name == own.name)
            };
            held.items.iter().filter(goes_out).any(is_it)
        });
        order.mechanism == Mechanism::Direct
            && held.mechanism != Mechanism::Direct
            && matches!(order.operation, Operation::Update | Operation::Enable | Operation::Disable)
            && matches!(held.operation, Operation::Update | Operation::Disable)
            && (!is_shared || self.is_planted(PlantedBug::SameItemSideBySide))
    }

    /// Whether something for the same account that is answered at once is due as well: that goes first.
    fn is_slower(&self, order: &Order, now: Timestamp) -> bool {
        let has_its_turn = |quick: &Order| {
            quick.after.iter().all(|earlier| {
                let earlier = self.state.orders.get(earlier);
                earlier.is_none_or(|earlier| matches!(earlier.order.state.number(), 4 | 6 | 8))
            })
        };
        self.state.orders.values().filter(|stored| self.has_gone(stored)).map(|stored| &stored.order).any(|quick| {
            quick.account.is_some()
                && quick.account == order.account
                && quick.state == ProvisioningState::Pending
                && quick.mechanism == Mechanism::Direct
                && quick.next_attempt_at.is_some_and(|next| next <= now)
                && Trouble::of(quick.state, quick.reason.as_ref()).is_none()
                && has_its_turn(quick)
        })
    }

    fn take(&mut self, claim: &Claim<'_>, taken: &[OrderId], cause: Cause) -> Result<Vec<Order>> {
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        self.statement()?;
        for id in taken {
            let account = self.state.orders[id].order.account;
            let account = account.and_then(|account| self.state.accounts.get(&account)).cloned();
            let stored = self.stored_order(*id);
            stored.sent_with = account;
            let from = stored.order.state;
            stored.order.state = ProvisioningState::Transmitted;
            stored.order.reason = None;
            stored.order.fence += 1;
            stored.order.attempts += 1;
            stored.order.next_attempt_at = None;
            stored.order.transmitted_at = Some(claim.now);
            stored.lease_node = Some(claim.node.to_owned());
            stored.lease_until = Some(claim.lease_until);
            let (number, fence) = (stored.order.attempts, stored.order.fence);
            stored.attempts.push(Attempt {
                order: *id,
                number,
                fence,
                node: claim.node.to_owned(),
                started_at: claim.now,
                finished_at: None,
                answer: None,
            });
            self.append(*id, from, ProvisioningState::Transmitted, claim.node, None, cause.clone());
        }
        self.statement()?;
        Ok(taken.iter().map(|id| self.state.orders[id].order.clone()).collect())
    }

    fn write_transition(&mut self, row: &Transition) -> Result<()> {
        let stored = self.stored_order(row.order);
        let from = stored.order.state;
        let order = &mut stored.order;
        order.state = row.to;
        order.reason.clone_from(&row.reason);
        order.next_attempt_at = row.next_attempt_at;
        order.account = row.account.or(order.account);
        order.key = row.key.clone().or_else(|| order.key.take());
        match row.to {
            ProvisioningState::Executed => order.executed_at = Some(row.at),
            ProvisioningState::Verified => order.verified_at = Some(row.at),
            _ => {}
        }
        for (id, state, message) in &row.items {
            if let Some(item) = order.items.iter_mut().find(|item| item.id == *id) {
                item.state = *state;
                item.message.clone_from(message);
            }
        }
        let keeps_lease = row.to == ProvisioningState::Transmitted && row.answer.is_none();
        if !keeps_lease {
            (stored.lease_node, stored.lease_until) = (None, None);
        }
        if let Some(answer) = &row.answer {
            let newest = stored.order.fence;
            let fence = row.fence.unwrap_or(newest);
            if let Some(attempt) = stored.attempts.iter_mut().find(|attempt| attempt.fence == fence) {
                attempt.finished_at = Some(row.at);
                attempt.answer = Some(answer.clone());
            }
        }
        self.append(row.order, from, row.to, &row.actor, row.fence, row.cause.clone());
        if row.account.is_some() {
            self.follow_account(row.order);
        }
        Ok(())
    }

    /// The account that came to be, for what was ordered with its creation and waits for it.
    fn follow_account(&mut self, id: OrderId) {
        let made = self.state.orders[&id].order.clone();
        if made.operation != Operation::Create {
            return;
        }
        let follows = |order: &Order| {
            order.after.contains(&id)
                && order.account.is_none()
                && order.operation != Operation::Create
                && order.account_type == made.account_type
        };
        let following = self.state.orders.values().filter(|stored| follows(&stored.order));
        let following: Vec<OrderId> = following.map(|stored| stored.order.id).collect();
        for id in following {
            let order = &mut self.stored_order(id).order;
            (order.account, order.key) = (made.account, made.key.clone());
        }
    }

    fn append(
        &mut self,
        order: OrderId,
        from: ProvisioningState,
        to: ProvisioningState,
        actor: &str,
        fence: Option<i64>,
        cause: Cause,
    ) {
        if self.is_planted(PlantedBug::TimelineHasHoles) && self.chance.permille(20) {
            return;
        }
        let event = Event { order, from, to, actor: actor.to_owned(), fence, cause, at: self.now };
        Rc::make_mut(&mut self.state.events).push(Rc::new(event));
    }

    fn stored_order(&mut self, id: OrderId) -> &mut StoredOrder {
        Rc::make_mut(Rc::make_mut(&mut self.state.orders).get_mut(&id).unwrap())
    }

    // --------------------------------------------------------------------------------------- all the other tables

    /// With the account's key, which may be another's only where that one is gone.
    pub(crate) fn insert_accounts(&mut self, accounts: &[Account]) -> Result<()> {
        self.statement()?;
        for account in accounts {
            let is_known = |known: &Rc<Account>| known.application == account.application && known.key == account.key;
            if self.state.accounts.values().any(is_known) {
                return Err(Refused::Conflict("account_key_once"));
            }
            Rc::make_mut(&mut self.state.accounts).insert(account.id, Rc::new(account.clone()));
        }
        Ok(())
    }

    pub(crate) fn update_accounts(&mut self, accounts: &[Account]) -> Result<()> {
        self.statement()?;
        for account in accounts {
            let mut account = account.clone();
            if account.status == AccountStatus::Gone {
                account.entitlements.clear();
            }
            Rc::make_mut(&mut self.state.accounts).insert(account.id, Rc::new(account));
        }
        Ok(())
    }

    /// These accounts, and those that orders changed with what they did laid over them as they are by now.
    pub(crate) fn patched(&self, replaced: Vec<Account>, patches: &[(OrderId, AccountPatch)]) -> Vec<Account> {
        let mut accounts: BTreeMap<AccountId, Account> =
            replaced.into_iter().map(|account| (account.id, account)).collect();
        for (order, patch) in patches {
            let known = match &self.state.orders[order].sent_with {
                Some(then) if self.is_planted(PlantedBug::RecordedAsItWas) => Some(then),
                _ => self.state.accounts.get(&patch.account),
            };
            let known = known.map(|known| known.as_ref().clone());
            if let Some(mut account) = accounts.remove(&patch.account).or(known) {
                patch.apply(&mut account);
                accounts.insert(patch.account, account);
            }
        }
        accounts.into_values().collect()
    }

    pub(crate) fn put_identities(&mut self, identities: &[Identity]) -> Result<()> {
        self.statement()?;
        for identity in identities {
            Rc::make_mut(&mut self.state.identities).insert(identity.id, Rc::new(identity.clone()));
        }
        Ok(())
    }

    /// False for each value that somebody else has.
    pub(crate) fn reserve_values(&mut self, values: &[((String, String, String), IdentityId)]) -> Result<Vec<bool>> {
        self.statement()?;
        let reserved = Rc::make_mut(&mut self.state.reserved);
        Ok(values
            .iter()
            .map(|(value, identity)| reserved.entry(value.clone()).or_insert(*identity) == identity)
            .collect())
    }

    pub(crate) fn put_plan(&mut self, id: PlanId, plan: Plan) -> Result<()> {
        self.statement()?;
        Rc::make_mut(&mut self.state.plans).insert(id, Rc::new(plan));
        Ok(())
    }

    pub(crate) fn open_work_items(&mut self, items: &[WorkItem]) -> Result<()> {
        self.statement()?;
        for item in items {
            let is_open = |other: &Rc<WorkItem>| other.order == item.order && other.state == WorkItemState::Open;
            if !self.state.work_items.values().any(is_open) {
                Rc::make_mut(&mut self.state.work_items).insert(item.id, Rc::new(item.clone()));
            }
        }
        Ok(())
    }

    /// False where it is not open any more.
    pub(crate) fn close_work_item(&mut self, id: WorkItemId, to: WorkItemState) -> Result<bool> {
        self.statement()?;
        let item = Rc::make_mut(&mut self.state.work_items).get_mut(&id);
        let Some(item) = item.filter(|item| item.state == WorkItemState::Open) else { return Ok(false) };
        Rc::make_mut(item).state = to;
        Ok(true)
    }

    pub(crate) fn set_roles(&mut self, roles: RoleModel) -> Result<()> {
        self.statement()?;
        self.state.roles = Rc::new(roles);
        Ok(())
    }

    pub(crate) fn queue_run(&mut self, id: RunId) -> Result<()> {
        self.statement()?;
        if self.state.runs.values().any(|run| run.state.is_active()) {
            return Err(Refused::Conflict("run_one_active"));
        }
        let run = StoredRun {
            state: RunState::Queued,
            task: 0,
            blocks: Vec::new(),
            feed: None,
            readings: BTreeMap::new(),
            rings: None,
            lease_node: None,
            lease_until: None,
        };
        Rc::make_mut(&mut self.state.runs).insert(id, Rc::new(run));
        Ok(())
    }

    /// The run that is queued, or whose node has let its lease pass.
    pub(crate) fn claim_run(
        &mut self,
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(RunId, StoredRun)>> {
        self.statement()?;
        let found = self.state.runs.iter().find(|(_, run)| {
            run.state == RunState::Queued
                || run.state == RunState::Running && run.lease_until.is_none_or(|end| end <= now)
        });
        let Some(id) = found.map(|(id, _)| *id) else { return Ok(None) };
        self.change_run(id, |run| {
            run.state = RunState::Running;
            run.lease_node = Some(node.to_owned());
            run.lease_until = Some(until);
        });
        Ok(Some((id, self.state.runs[&id].as_ref().clone())))
    }

    /// The node still has the run, and keeps it. What a run writes is written together with this.
    pub(crate) fn hold_run(&mut self, id: RunId, node: &str, until: Timestamp) -> Result<()> {
        self.statement()?;
        let run = &self.state.runs[&id];
        let is_held = run.state == RunState::Running && run.lease_node.as_deref() == Some(node);
        if !is_held && !self.is_planted(PlantedBug::LostRunGoesOn) {
            return Err(Refused::Conflict("run_held"));
        }
        if is_held {
            self.change_run(id, |run| run.lease_until = Some(until));
        }
        Ok(())
    }

    pub(crate) fn run(&self, id: RunId) -> &StoredRun {
        &self.state.runs[&id]
    }

    /// What waited, or was approved, for the same subject of the run is replaced.
    pub(crate) fn insert_block(&mut self, block: RunBlock) -> Result<()> {
        self.statement()?;
        self.change_run(block.run, |run| {
            for earlier in run.blocks.iter_mut().filter(|earlier| earlier.subject == block.subject) {
                if matches!(earlier.state, BlockState::Waiting | BlockState::Approved) {
                    earlier.state = BlockState::Replaced;
                }
            }
            run.blocks.push(block);
        });
        Ok(())
    }

    /// An approval is used once, by what it was given for; false where it is none any more.
    pub(crate) fn use_approval(&mut self, run: RunId, id: RunBlockId) -> Result<bool> {
        self.statement()?;
        let mut is_used = false;
        self.change_run(run, |run| {
            let given = run.blocks.iter_mut().find(|block| block.id == id && block.state == BlockState::Approved);
            if let Some(block) = given {
                block.state = BlockState::Used;
                is_used = true;
            }
        });
        Ok(is_used)
    }

    /// The next ring goes; false where another went meanwhile.
    pub(crate) fn release_ring(&mut self, run: RunId, seen: u32, by: Option<&str>) -> Result<bool> {
        self.statement()?;
        let mut is_released = false;
        self.change_run(run, |run| {
            if let Some(rings) = run.rings.as_mut().filter(|rings| rings.released == seen && rings.is_open()) {
                rings.released += 1;
                rings.halted = None;
                rings.released_by = by.map(str::to_owned);
                is_released = true;
            }
        });
        Ok(is_released)
    }

    pub(crate) fn halt_rings(&mut self, run: RunId, seen: u32, why: &str) -> Result<()> {
        self.statement()?;
        self.change_run(run, |run| {
            if let Some(rings) = run.rings.as_mut().filter(|rings| rings.released == seen) {
                rings.halted = Some(why.to_owned());
            }
        });
        Ok(())
    }

    pub(crate) fn change_run(&mut self, id: RunId, change: impl FnOnce(&mut StoredRun)) {
        if let Some(run) = Rc::make_mut(&mut self.state.runs).get_mut(&id) {
            change(Rc::make_mut(run));
        }
    }
}

/// What only one order in flight may have.
fn slot(order: &Order) -> (Option<AccountId>, Option<(IdentityId, String)>) {
    match order.account {
        Some(account) => (Some(account), None),
        None => (None, Some((order.identity, order.account_type.clone()))),
    }
}

impl State {
    pub(crate) fn orders_in(&self, application: &str, state: ProvisioningState) -> Vec<Order> {
        self.orders
            .values()
            .filter(|stored| stored.order.state == state && stored.order.application == application)
            .map(|stored| stored.order.clone())
            .collect()
    }

    /// Whether the ring with which an order goes has gone.
    pub(crate) fn ring_has_gone(&self, stored: &StoredOrder) -> bool {
        let (Some(ring), Some(run)) = (stored.ring, stored.order.run) else { return true };
        let rings = self.runs.get(&run).and_then(|run| run.rings.as_ref());
        rings.is_none_or(|rings| ring <= rings.released)
    }

    /// What planning has to know: 8 counts until it is verified, 7 so that a rule that fails is not ordered anew.
    pub(crate) fn open_orders(&self) -> Vec<Order> {
        use ProvisioningState::{Inactive, None, Verified};
        self.orders
            .values()
            .filter(|stored| !matches!(stored.order.state, None | Verified | Inactive))
            .map(|stored| stored.order.clone())
            .collect()
    }

    /// Accounts of the application that an order has changed since that moment, or may be changing now.
    pub(crate) fn accounts_changed_since(&self, application: &str, at: Timestamp) -> BTreeSet<AccountId> {
        let changed = |order: &Order| match order.state {
            ProvisioningState::Transmitted => true,
            ProvisioningState::Executed => order.executed_at.is_some_and(|executed| executed > at),
            _ => false,
        };
        self.orders
            .values()
            .filter(|stored| stored.order.application == application && changed(&stored.order))
            .filter_map(|stored| stored.order.account)
            .collect()
    }
}
