//! A node: one process of the product. It walks as `engine` does (`dispatch`, `record`, `sweeps`), between the store, the
//! decisions of `broker` and the applications; it decides nothing itself. Where the engine calls an application, or reads
//! or writes the store, a step ends, and the node may die there.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use broker::catalogue::Catalogue;
use broker::settle::{AccountChange, AccountPatch, Settled};
use broker::{order, settle};
use jiff::{SignedDuration, Timestamp};
use model::account::{Account, Mechanism, ObservedAccount};
use model::command::{CommandError, LateAnswer, Outcome};
use model::ids::{AccountId, OrderId, WorkItemId};
use model::order::{ErrorClass, Order, ProvisioningState, StateReason};
use model::work_item::WorkItem;

use super::bugs::PlantedBug;
use super::company::APPLICATIONS;
use super::connector::Connector;
use super::scheduler::{MINUTE, Moment, SECOND, Sim, Work, moment, side_by_side, timestamp};
use super::store::{Cause, Claim, Refused, State, Transition, Tx};
use super::{RETRY, invariants};

/// How long a claim holds without being renewed.
pub(crate) const LEASE: Moment = 30 * SECOND;
/// How long an application that does not answer is left alone.
const PROBE_AFTER: Moment = 30 * SECOND;
/// How long an executor may take.
const EXPIRES_AFTER: Moment = 60 * MINUTE;
const CLAIM_BATCH: usize = 8;

#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) sim: Sim,
    pub(crate) index: usize,
    pub(crate) catalogue: Rc<Catalogue>,
}

/// What is to be written for one order.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) order: Order,
    pub(crate) settled: Settled,
    pub(crate) cause: Cause,
    pub(crate) work_item: Option<WorkItem>,
}

impl Node {
    pub(crate) fn name(&self) -> String {
        format!("node-{}", self.index + 1)
    }

    /// What the node's clock shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.sim.with(|world| timestamp(world.desk.now + world.nodes[self.index].clock_is_off_by))
    }

    pub(crate) fn after(&self, how_long: Moment) -> Timestamp {
        self.now() + SignedDuration::from_micros(how_long)
    }

    pub(crate) async fn step(&self) {
        self.sim.step().await;
    }

    /// Reads from the store, in one snapshot.
    pub(crate) async fn read<T>(&self, work: impl FnOnce(&State) -> T) -> T {
        self.step().await;
        self.sim.with(|world| work(&world.store.current))
    }

    /// One transaction.
    pub(crate) async fn write<T>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Refused>,
    ) -> Result<T, &'static str> {
        self.step().await;
        let written = self.sim.with(|world| world.transaction(Some(self.index), work));
        match written {
            Ok(answer) => {
                self.step().await;
                Ok(answer)
            }
            Err(Refused::Conflict(constraint)) => Err(constraint),
            // The node is dead, and this process goes with it.
            Err(Refused::Broken) => std::future::pending().await,
        }
    }

    pub(crate) async fn reserve_ids(&self, count: usize) -> std::ops::Range<i64> {
        self.step().await;
        self.sim.with(|world| world.store.reserve_ids(count))
    }

    pub(crate) fn connector(&self, application: &'static str) -> Connector<'_> {
        Connector { node: self, application }
    }

    // ------------------------------------------------------------------------------------------------ dispatch

    /// Delivers one batch of due orders: claim, do, record. Answers how many were sent, and whether nobody answered.
    async fn deliver(&self, application: &'static str, limit: usize) -> (usize, bool) {
        if self.sim.is_planted(PlantedBug::SentBeforeClaimed) {
            self.send_before_claiming(application, limit).await;
        }
        let claimed = self.claim(application, limit, false).await;
        let Ok(orders) = claimed else { return (0, false) };
        if orders.is_empty() {
            return (0, false);
        }
        self.carry_out(application, orders).await
    }

    async fn claim(&self, application: &'static str, limit: usize, lost: bool) -> Result<Vec<Order>, &'static str> {
        let (node, now, lease_until) = (self.name(), self.now(), self.after(LEASE));
        let work = |tx: &mut Tx<'_>| {
            let claim = Claim { application, limit, node: &node, now, lease_until };
            if lost { tx.reclaim_lost_orders(&claim) } else { tx.claim_orders(&claim) }
        };
        self.write(work).await
    }

    /// The planted bug: what is due goes out first, and is written down afterwards.
    async fn send_before_claiming(&self, application: &'static str, limit: usize) {
        let (node, now, lease_until) = (self.name(), self.now(), self.after(LEASE));
        let orders = self.sim.with(|world| {
            let mut tx = Tx::new(world.store.current.clone(), world.desk.now, world.bug, &mut world.chance, 0);
            let claim = Claim { application, limit, node: &node, now, lease_until };
            tx.claim_orders(&claim).unwrap_or_default()
        });
        let commands = orders.iter().map(|order| order::command(order, &self.catalogue, false)).collect();
        self.connector(application).apply(commands).await;
    }

    async fn carry_out(&self, application: &'static str, orders: Vec<Order>) -> (usize, bool) {
        // What people carry out does not go through the connection.
        let (by_hand, to_send): (Vec<Order>, Vec<Order>) = orders
            .iter()
            .cloned()
            .partition(|order| order.mechanism == Mechanism::Manual && application != "mainframe");
        let mut answers = BTreeMap::new();
        if !to_send.is_empty() {
            answers = self.apply(application, &to_send).await;
        }
        let handed = || Ok(Outcome::Handed { reference: "work item".to_owned() });
        answers.extend(by_hand.iter().map(|order| (order.id, handed())));
        let accounts = self.accounts_of(&orders).await;
        let no_answer = |error: &CommandError| error.class.is_retryable() || error.class == ErrorClass::Authentication;
        let dead = answers.values().all(|answer| answer.as_ref().is_err_and(no_answer));
        let sent = orders.len();
        let ids = self.reserve_ids(sent).await;
        let now = self.now();
        let missing = Err(CommandError::new(ErrorClass::Unknown, "no answer to this order"));
        let steps = orders.into_iter().zip(ids).map(|(order, id)| {
            let answer = answers.get(&order.id).unwrap_or(&missing);
            let account = order.account.and_then(|id| accounts.get(&id));
            let settled = self.settle_answer(&order, account, answer);
            let is_handed = order.mechanism == Mechanism::Manual && matches!(answer, Ok(Outcome::Handed { .. }));
            let work_item = is_handed.then(|| WorkItem::open(WorkItemId(id), order.id, &order.application, now));
            Step { order, settled, cause: Cause::Answered, work_item }
        });
        self.record(steps.collect()).await;
        (sent, dead)
    }

    /// Calls the connector, and keeps the leases alive while it works.
    async fn apply(
        &self,
        application: &'static str,
        orders: &[Order],
    ) -> BTreeMap<OrderId, Result<Outcome, CommandError>> {
        let is_blind =
            self.sim.is_planted(PlantedBug::DoubtIsForgotten) || self.sim.is_planted(PlantedBug::NotReadBack);
        let in_doubt = |order: &Order| order::may_have_arrived(order) && !is_blind;
        let commands: Vec<_> =
            orders.iter().map(|order| order::command(order, &self.catalogue, in_doubt(order))).collect();
        let connector = self.connector(application);
        let mut working = Box::pin(connector.apply(commands));
        let mut heartbeat = Box::pin(self.heartbeat());
        std::future::poll_fn(|context| match working.as_mut().poll(context) {
            std::task::Poll::Ready(answers) => std::task::Poll::Ready(answers.into_iter().collect()),
            std::task::Poll::Pending => heartbeat.as_mut().poll(context).map(|never| match never {}),
        })
        .await
    }

    async fn heartbeat(&self) -> std::convert::Infallible {
        loop {
            self.sim.sleep(LEASE / 3).await;
            if self.sim.is_planted(PlantedBug::NoHeartbeat) {
                continue;
            }
            let (node, until) = (self.name(), self.after(LEASE));
            let _ = self.write(|tx| tx.renew_leases(&node, until)).await;
        }
    }

    /// Takes up orders whose node died or whose answer left doubt, and finds out what became of them.
    async fn recover(&self, application: &'static str) {
        loop {
            let Ok(orders) = self.claim(application, CLAIM_BATCH, true).await else { return };
            if orders.is_empty() {
                return;
            }
            let connector = self.connector(application);
            if !connector.reads_one() || self.sim.is_planted(PlantedBug::NotReadBack) {
                // Who cannot be asked is told again.
                self.carry_out(application, orders).await;
                continue;
            }
            let accounts = self.accounts_of(&orders).await;
            let read = self.read_all(&connector, orders).await;
            let now = self.now();
            let steps = read.into_iter().map(|(order, read)| {
                let account = order.account.and_then(|id| accounts.get(&id));
                let (settled, cause) = match read {
                    Ok(observed) => (settle::read_back(&order, account, observed.as_ref(), now), Cause::ReadBack),
                    Err(error) => (self.settle_answer(&order, account, &Err(error)), Cause::Answered),
                };
                Step { order, settled, cause, work_item: None }
            });
            self.record(steps.collect()).await;
        }
    }

    async fn read_all(
        &self,
        connector: &Connector<'_>,
        orders: Vec<Order>,
    ) -> Vec<(Order, Result<Option<ObservedAccount>, CommandError>)> {
        let mut read = Vec::new();
        let mut silence: Option<CommandError> = None;
        for order in orders {
            // Once the application gives no answer it is not asked for the others.
            let found = match &silence {
                Some(error) => Err(error.clone()),
                None => self.read_one(connector, &order).await,
            };
            if let Err(error) = &found {
                silence.get_or_insert_with(|| error.clone());
            }
            read.push((order, found));
        }
        read
    }

    async fn read_one(
        &self,
        connector: &Connector<'_>,
        order: &Order,
    ) -> Result<Option<ObservedAccount>, CommandError> {
        let command = order::command(order, &self.catalogue, true);
        if let Some(key) = &command.key {
            return connector.account(key).await;
        }
        let Some((attribute, value)) = &command.natural_key else { return Ok(None) };
        let mut found = connector.find(attribute, value).await?;
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    pub(crate) fn settle_answer(
        &self,
        order: &Order,
        account: Option<&Account>,
        answer: &Result<Outcome, CommandError>,
    ) -> Settled {
        let (now, jitter) = (self.now(), self.sim.with(|world| world.chance.share()));
        let mut settled = settle::answer(order, account, answer, &self.catalogue, &RETRY, now, jitter);
        super::bugs::mutate_settled(&self.sim, order, answer, now, &mut settled);
        settled
    }

    pub(crate) async fn accounts_of(&self, orders: &[Order]) -> BTreeMap<AccountId, Account> {
        let wanted: BTreeSet<AccountId> = orders.iter().filter_map(|order| order.account).collect();
        self.read(|state| {
            wanted.iter().filter_map(|id| Some((*id, state.accounts.get(id)?.as_ref().clone()))).collect()
        })
        .await
    }

    // -------------------------------------------------------------------------------------------------- record

    /// Writes the steps in one transaction; answers for each whether it was taken.
    pub(crate) async fn record(&self, steps: Vec<Step>) -> Vec<bool> {
        self.record_with(steps, |_| Ok(())).await.unwrap_or_default()
    }

    /// The same, together with something else; nothing of both where that is refused.
    pub(crate) async fn record_with(
        &self,
        steps: Vec<Step>,
        beside: impl Fn(&mut Tx<'_>) -> Result<(), Refused>,
    ) -> Result<Vec<bool>, &'static str> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        loop {
            let writes = self.prepare(steps.clone()).await;
            let is_torn = self.sim.is_planted(PlantedBug::AccountWrittenLater);
            let recorded = self
                .write(|tx| {
                    beside(tx)?;
                    commit(tx, &writes, is_torn)
                })
                .await;
            if is_torn {
                let _ = self.write(|tx| write_accounts(tx, writes.iter())).await;
            }
            // A reading has just put the new account on record; the next look finds it there.
            if recorded != Err("account_key_once") {
                return recorded;
            }
        }
    }

    async fn prepare(&self, steps: Vec<Step>) -> Vec<Write> {
        let ids = self.reserve_ids(steps.len()).await;
        let (now, actor) = (self.now(), self.name());
        self.read(|state| {
            let on_record = |application: &str, key: &str| {
                let is_it = |account: &&Rc<Account>| account.application == application && account.key == key;
                state.accounts.values().find(is_it).map(|account| account.id)
            };
            let steps = steps.into_iter().zip(ids);
            steps.map(|(step, id)| Write::new(step, AccountId(id), on_record, now, &actor)).collect()
        })
        .await
    }

    // -------------------------------------------------------------------------------------------------- sweeps

    /// What goes on without a run. Rounds that would find nothing are left out, so that time passes quickly.
    pub(crate) async fn sweep(self) {
        let mut probes: BTreeMap<&'static str, Timestamp> = BTreeMap::new();
        loop {
            let mut recoveries: Vec<Work<'_, ()>> = Vec::new();
            for name in APPLICATIONS {
                if self.has_lost(name) {
                    recoveries.push(Box::pin(self.recover(name)));
                }
            }
            side_by_side(recoveries).await;
            self.poll_executors().await;
            if !self.sim.with(|world| world.nodes[self.index].is_fulfilling) {
                self.deliver_due(&mut probes).await;
            }
            let pause = self.pause();
            self.sim.sleep(pause).await;
        }
    }

    async fn deliver_due(&self, probes: &mut BTreeMap<&'static str, Timestamp>) {
        let now = self.now();
        let due: Vec<&'static str> = APPLICATIONS.into_iter().filter(|name| self.has_due(name, now)).collect();
        let mut deliveries: Vec<Work<'_, (usize, bool)>> = Vec::new();
        let mut names = Vec::new();
        for name in due {
            if probes.get(name).is_some_and(|until| now < *until) {
                continue;
            }
            // One order tries the door; when it opens, the others follow in the next round.
            let limit = if probes.contains_key(name) { 1 } else { CLAIM_BATCH };
            names.push(name);
            deliveries.push(Box::pin(self.deliver(name, limit)));
        }
        for (name, (sent, dead)) in names.into_iter().zip(side_by_side(deliveries).await) {
            if dead && sent > 0 {
                probes.insert(name, self.after(PROBE_AFTER));
            } else if sent > 0 {
                probes.remove(name);
            }
        }
    }

    /// Delivers, all applications side by side, until nothing more can be sent now.
    pub(crate) async fn fulfil(&self) {
        self.sim.with(|world| world.nodes[self.index].is_fulfilling = true);
        let now = self.now();
        let _ = self.write(|tx| tx.release_orders(now)).await;
        let mut silent: BTreeSet<&'static str> = BTreeSet::new();
        loop {
            let now = self.now();
            let names: Vec<&'static str> =
                APPLICATIONS.into_iter().filter(|name| !silent.contains(name) && self.has_due(name, now)).collect();
            let mut deliveries: Vec<Work<'_, (usize, bool)>> = Vec::new();
            for name in &names {
                deliveries.push(Box::pin(self.deliver(name, CLAIM_BATCH)));
            }
            let delivered = side_by_side(deliveries).await;
            let sent: usize = delivered.iter().map(|(sent, _)| sent).sum();
            silent.extend(
                names.iter().zip(&delivered).filter(|(_, (sent, dead))| *sent > 0 && *dead).map(|(name, _)| *name),
            );
            if sent == 0 {
                break;
            }
        }
        self.sim.with(|world| world.nodes[self.index].is_fulfilling = false);
    }

    /// Takes the answers of executors, and gives up those that are overdue.
    pub(crate) async fn poll_executors(&self) {
        for name in ["badge", "mail"] {
            let waits =
                self.sim.with(|world| !world.store.current.orders_in(name, ProvisioningState::Transmitted).is_empty());
            let has_answers = self.sim.with(|world| !world.applications[name].answers.is_empty());
            if waits || has_answers {
                self.poll_one(name).await;
                self.expire(name).await;
            }
        }
    }

    async fn poll_one(&self, application: &'static str) {
        let connector = self.connector(application);
        let answers = connector.poll().await;
        if answers.is_empty() {
            return;
        }
        if self.sim.is_planted(PlantedBug::AnswersAcknowledgedUnread) {
            connector.acknowledge(&answers).await;
        }
        self.record_answers(&answers).await;
        connector.acknowledge(&answers).await;
    }

    async fn record_answers(&self, answers: &[LateAnswer]) {
        let ids: BTreeSet<_> = answers.iter().map(|answer| answer.order).collect();
        let orders: Vec<Order> =
            self.read(|state| ids.iter().filter_map(|id| Some(state.orders.get(id)?.order.clone())).collect()).await;
        let accounts = self.accounts_of(&orders).await;
        let steps = orders.into_iter().filter_map(|order| {
            // An answer to an earlier attempt, or to an order that has gone on, says nothing any more.
            let waits = order.state == ProvisioningState::Transmitted
                || order.state == ProvisioningState::Errored && order.reason == Some(StateReason::Timeout);
            let is_current = |answer: &&LateAnswer| {
                answer.order == order.id && answer.fence.is_none_or(|fence| fence == order.fence)
            };
            let mut own = answers.iter().filter(|answer| answer.order == order.id);
            let answer = if self.sim.is_planted(PlantedBug::OneAnswerIsEnough) {
                own.next_back().filter(is_current)
            } else {
                own.find(is_current)
            };
            let answer = answer.filter(|_| waits)?;
            let account = order.account.and_then(|id| accounts.get(&id));
            let outcome = answer.result.clone().map(Outcome::Applied);
            let settled = self.settle_answer(&order, account, &outcome);
            Some(Step { order, settled, cause: Cause::Answered, work_item: None })
        });
        self.record(steps.collect()).await;
    }

    async fn expire(&self, application: &'static str) {
        let now = self.now();
        let latest = now - SignedDuration::from_micros(EXPIRES_AFTER);
        let orders = self.read(|state| state.orders_in(application, ProvisioningState::Transmitted)).await;
        let overdue = orders.into_iter().filter(|order| order.transmitted_at.is_some_and(|sent| sent < latest));
        let steps = overdue.map(|order| {
            let settled = settle::timed_out(&order, now);
            Step { order, settled, cause: Cause::TimedOut, work_item: None }
        });
        self.record(steps.collect()).await;
    }

    // ------------------------------------------------------------------------- what a round would find, for free

    fn has_lost(&self, application: &str) -> bool {
        let now = self.now();
        let is_stolen = self.sim.is_planted(PlantedBug::LeasesAreStolen);
        self.sim.with(|world| {
            world.store.current.orders.values().any(|stored| {
                stored.order.state == ProvisioningState::Transmitted
                    && stored.order.application == application
                    && stored
                        .lease_until
                        .or(stored.order.next_attempt_at)
                        .is_some_and(|until| until <= now || is_stolen)
            })
        })
    }

    fn has_due(&self, application: &str, now: Timestamp) -> bool {
        let declined_too = self.sim.is_planted(PlantedBug::DeclinedIsSent);
        self.sim.with(|world| {
            world.store.current.orders.values().any(|stored| {
                let is_due = stored.order.next_attempt_at.is_some_and(|next| next <= now);
                stored.order.application == application
                    && (stored.order.state == ProvisioningState::Pending && is_due
                        || declined_too && stored.order.state == ProvisioningState::Inactive)
            })
        })
    }

    /// Until the next moment at which there may be something to do: a second at least, half a minute at most.
    fn pause(&self) -> Moment {
        let off_by = self.sim.with(|world| world.nodes[self.index].clock_is_off_by);
        self.sim.with(|world| {
            let now = world.desk.now + off_by;
            let next = world.store.current.orders.values().filter_map(|stored| match stored.order.state {
                ProvisioningState::Pending => stored.order.next_attempt_at,
                ProvisioningState::Transmitted => stored.lease_until.or(stored.order.next_attempt_at),
                _ => None,
            });
            let next = next.map(moment).filter(|next| *next > now).min().unwrap_or(Moment::MAX);
            next.saturating_sub(now).clamp(SECOND, 30 * SECOND) + world.chance.between(0, SECOND)
        })
    }
}

fn commit(tx: &mut Tx<'_>, writes: &[Write], is_torn: bool) -> Result<Vec<bool>, Refused> {
    let acceptable: Vec<bool> = writes.iter().map(|write| tx.accepts(&write.transition)).collect();
    let inserted: Vec<Account> = writes
        .iter()
        .zip(&acceptable)
        .filter(|(_, taken)| **taken)
        .filter_map(|(write, _)| write.inserted.clone())
        .collect();
    tx.insert_accounts(&inserted)?;
    let transitions: Vec<Transition> = writes.iter().map(|write| write.transition.clone()).collect();
    let taken = tx.record_transitions(&transitions)?;
    let done = || writes.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(write, _)| write);
    if !is_torn {
        write_accounts(tx, done())?;
    }
    let items: Vec<WorkItem> = done().filter_map(|write| write.work_item.clone()).collect();
    if tx.bug != Some(PlantedBug::WorkItemForgotten) {
        tx.open_work_items(&items)?;
    }
    Ok(taken)
}

fn write_accounts<'a>(tx: &mut Tx<'_>, writes: impl Iterator<Item = &'a Write> + Clone) -> Result<(), Refused> {
    let replaced: Vec<Account> = writes.clone().filter_map(|write| write.replaced.clone()).collect();
    let patches: Vec<(OrderId, AccountPatch)> =
        writes.filter_map(|write| Some((write.transition.order, write.patch.clone()?))).collect();
    let accounts = tx.patched(replaced, &patches);
    tx.update_accounts(&accounts)
}

struct Write {
    transition: Transition,
    inserted: Option<Account>,
    /// On record before under the key of one that was made.
    replaced: Option<Account>,
    patch: Option<AccountPatch>,
    work_item: Option<WorkItem>,
}

impl Write {
    fn new(
        step: Step,
        id: AccountId,
        on_record: impl Fn(&str, &str) -> Option<AccountId>,
        at: Timestamp,
        actor: &str,
    ) -> Self {
        let Step { order, settled, cause, work_item } = step;
        let (inserted, replaced, patch) = match settled.account {
            Some(AccountChange::Created(created)) => match on_record(&created.application, &created.key) {
                Some(known) => (None, Some(created.with_id(known)), None),
                None => (Some(created.with_id(id)), None, None),
            },
            Some(AccountChange::Patched(patch)) => (None, None, Some(patch)),
            None => (None, None, None),
        };
        let account = inserted.as_ref().or(replaced.as_ref());
        let known = patch.as_ref().map(|patch| (patch.account, patch.key.clone()));
        let (account, key) = match account {
            Some(account) => (Some(account.id), Some(account.key.clone())),
            None => known.map(|(account, key)| (Some(account), key)).unwrap_or_default(),
        };
        let closes_attempt = order.state == ProvisioningState::Transmitted;
        let transition = Transition {
            order: order.id,
            fence: closes_attempt.then_some(order.fence),
            from: vec![order.state],
            to: settled.to,
            reason: settled.reason,
            next_attempt_at: settled.next_attempt_at,
            account,
            key,
            items: settled.items,
            answer: closes_attempt.then_some(settled.answer),
            actor: actor.to_owned(),
            cause,
            at,
        };
        Self { transition, inserted, replaced, patch, work_item }
    }
}

impl super::World {
    /// Takes a transaction over, or nothing of it. What holds after every step is asserted on what it changed.
    pub(crate) fn transaction<T>(
        &mut self,
        node: Option<usize>,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let breaks = if node.is_some() && self.is_troubled { 2 } else { 0 };
        let mut tx = Tx::new(self.store.current.clone(), self.desk.now, self.bug, &mut self.chance, breaks);
        match work(&mut tx) {
            Ok(answer) => {
                let state = tx.state;
                invariants::committed(self, &state);
                self.store.commit(state, self.bug);
                Ok(answer)
            }
            Err(refused) => {
                if refused == Refused::Broken {
                    self.desk.dying.extend(node);
                }
                Err(refused)
            }
        }
    }
}
