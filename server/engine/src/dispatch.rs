//! Delivers orders to one application or integration: claim, do, record. What may have been sent is written down, by the
//! claim, before the first byte leaves; no transaction is open while the application is called.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use broker::breaker::Calls;
use broker::retry::{Patterns, RetryPolicy};
use broker::{order, poison, settle, untrusted};
use connectors::Connector;
use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use model::account::{Account, Mechanism};
use model::command::{CommandError, Outcome};
use model::ids::{AccountId, OrderId, WorkItemId};
use model::order::{ErrorClass, Order};
use store::{Claim, StoreError};

use crate::Engine;
use crate::circuits::{self, Gate, Pause};
use crate::connections;
use crate::record::Step;
use crate::restoration;
use crate::tasks::collect::note_trouble;
use crate::work_items::opened;
use crate::work_items::staff::Staff;

/// What became of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    /// The application answered nothing at all: leave it alone for a while.
    pub(crate) dead: bool,
    /// Nothing is sent to it now, and why; what people do by hand goes on.
    pub(crate) paused: Option<Pause>,
}

/// Delivers one batch of due orders, at most `limit`; one, where the application is only being tried.
///
/// Called twice for one application at a time, one batch is claimed or recorded while the other is sent: connectors begin one
/// batch after the other.
pub(crate) async fn deliver(engine: &Engine, carrier: &str, limit: u32) -> Result<Delivered, StoreError> {
    // What is handed to a system that answers later is out of our hands at once: nobody waits behind it.
    let limit = if answers_at_once(engine, carrier) { engine.paces().batch(carrier, limit) } else { limit };
    match circuits::gate(engine, carrier).await? {
        Gate::Go => deliver_batch(engine, claim(engine, carrier, limit), None).await,
        Gate::Probe if circuits::begin_probe(engine, carrier, false).await? => probe(engine, carrier).await,
        Gate::Probe => deliver_by_hand(engine, carrier, limit).await,
        Gate::Paused(pause) => {
            circuits::tell(engine, carrier, &pause).await?;
            let delivered = deliver_by_hand(engine, carrier, limit).await?;
            Ok(Delivered { paused: Some(pause), ..delivered })
        }
    }
}

/// Tries whether the application answers again: its connection, and one order where one is due. Who calls has taken the
/// turn with [`circuits::begin_probe`].
async fn probe(engine: &Engine, carrier: &str) -> Result<Delivered, StoreError> {
    let failure = connections::test(engine, carrier).await.into_iter().find(|(succeeded, _)| !succeeded);
    let failure = failure.map(|(_, why)| why);
    let one = Claim { probe: true, ..claim(engine, carrier, 1) };
    let delivered = deliver_batch(engine, one, Some(failure.is_none())).await?;
    if delivered.sent > 0 {
        return Ok(delivered);
    }
    note_test(engine, carrier, failure.as_deref()).await?;
    Ok(Delivered { dead: failure.is_some(), ..delivered })
}

/// What the test of a connection says of the application's health.
pub(crate) async fn note_test(engine: &Engine, carrier: &str, failure: Option<&str>) -> Result<(), StoreError> {
    let calls = Calls {
        answered: u32::from(failure.is_none()),
        silent: u32::from(failure.is_some()),
        message: failure.map(str::to_owned),
    };
    circuits::note(engine, carrier, &calls).await?;
    note_trouble(engine, carrier, failure.map(str::to_owned)).await
}

/// What a person decided that people carry out goes to them however the application is.
async fn deliver_by_hand(engine: &Engine, carrier: &str, limit: u32) -> Result<Delivered, StoreError> {
    let by_hand = Claim { mechanism: Some(Mechanism::Manual), ..claim(engine, carrier, limit) };
    deliver_batch(engine, by_hand, None).await
}

/// `works`: whether the connection has just been found to work, where it was tested.
async fn deliver_batch(engine: &Engine, claim: Claim, works: Option<bool>) -> Result<Delivered, StoreError> {
    if restoration::keeps_all_in(engine).await? {
        return Ok(Delivered::default());
    }
    let (orders, held) = engine.in_hand().take(engine.store().claim_orders(&claim)).await?;
    if orders.is_empty() {
        return Ok(Delivered::default());
    }
    held.end(carry_out(engine, &claim, orders, works).await)
}

/// Takes up orders that a process which died had claimed, and finds out what became of them: from the application itself,
/// whoever was to carry them out.
///
/// While nothing is sent to whom they went nothing is asked either: it would be asked for each of them.
pub(crate) async fn recover(engine: &Engine, carrier: &str) -> Result<u64, StoreError> {
    let mut recovered = 0;
    loop {
        if !matches!(circuits::gate(engine, carrier).await?, Gate::Go) || restoration::keeps_all_in(engine).await? {
            return Ok(recovered);
        }
        let claim = claim(engine, carrier, engine.tuning().claim_batch);
        let (orders, held) = engine.in_hand().take(engine.store().reclaim_lost_orders(&claim)).await?;
        if orders.is_empty() {
            return Ok(recovered);
        }
        recovered += orders.len() as u64;
        held.end(recover_batch(engine, &claim, orders).await)?;
    }
}

async fn recover_batch(engine: &Engine, claim: &Claim, orders: Vec<Order>) -> Result<(), StoreError> {
    let mut by_application: BTreeMap<String, Vec<Order>> = BTreeMap::new();
    for order in orders {
        by_application.entry(order.application.clone()).or_default().push(order);
    }
    let mut told_again = Vec::new();
    for (application, orders) in by_application {
        let connector = engine.connector(&application).await;
        match connector {
            Ok(connector) if connector.capabilities().reads_one && !is_found_by_its_mark(engine, &claim.carrier) => {
                read_back(engine, &application, connector.as_ref(), orders).await?;
            }
            // Who cannot be asked is told again: batch files, tickets and work items bear the order's number.
            _ => told_again.extend(orders),
        }
    }
    if !told_again.is_empty() {
        carry_out(engine, claim, told_again, None).await?;
    }
    Ok(())
}

/// Looks in the application for what became of its orders.
async fn read_back(
    engine: &Engine,
    application: &str,
    connector: &dyn Connector,
    orders: Vec<Order>,
) -> Result<(), StoreError> {
    let accounts = accounts_of(engine, &orders).await?;
    let read = read_all(engine, connector, orders).await;
    let now = engine.now();
    let silence = read.iter().find_map(|(_, read)| read.as_ref().err().filter(|error| no_answer(error)));
    if let Some(error) = silence {
        note_trouble(engine, application, Some(untrusted::message(&error.message))).await?;
    }
    let calls = circuits::calls(read.iter().map(|(_, read)| read.as_ref().err()));
    let steps = read.into_iter().map(|(order, read)| {
        let account = order.account.and_then(|id| accounts.get(&id));
        let settled = match read {
            Ok(observed) => settle::read_back(&order, account, observed.as_ref(), now),
            Err(error) => settle_answer(engine, &order, account, &Err(untrusted::error(error))),
        };
        Step::new(order, settled)
    });
    crate::record::record(engine, steps.collect(), now).await?;
    circuits::note(engine, application, &calls).await
}

/// Whether what was handed over is found again where it is: telling it once more makes no second one, and whatever the
/// application itself holds, the first one must not be left behind there.
fn is_found_by_its_mark(engine: &Engine, carrier: &str) -> bool {
    let configuration = engine.world().configuration();
    configuration.carrier(carrier).is_some_and(|carrier| carrier.connection.calls_off())
}

type Observed = Result<Option<model::account::ObservedAccount>, CommandError>;

/// Reads the accounts of these orders, several at a time. Once the application gives no answer it is not asked for the
/// others: each of them would take as long.
async fn read_all(engine: &Engine, connector: &dyn Connector, orders: Vec<Order>) -> Vec<(Order, Observed)> {
    const AT_ONCE: usize = 8;
    let silence: OnceLock<CommandError> = OnceLock::new();
    let silence = &silence;
    let mut reads: Vec<BoxFuture<'_, (Order, Observed)>> = Vec::with_capacity(orders.len());
    for order in orders {
        reads.push(Box::pin(async move {
            if let Some(error) = silence.get() {
                return (order, Err(error.clone()));
            }
            let read = read_one(engine, connector, &order).await;
            if let Err(error) = &read
                && no_answer(error)
            {
                silence.get_or_init(|| error.clone());
            }
            (order, read)
        }));
    }
    futures::stream::iter(reads).buffered(AT_ONCE).collect().await
}

async fn read_one(engine: &Engine, connector: &dyn Connector, order: &Order) -> Observed {
    let live = engine.world().live();
    let command = order::command(order, &live.catalogue, true);
    if let Some(key) = &command.key {
        return connector.account(key).await;
    }
    match &command.natural_key {
        Some((attribute, value)) => {
            let mut found = connector.find(attribute, value).await?;
            Ok(if found.len() == 1 { found.pop() } else { None })
        }
        None => Ok(None),
    }
}

fn claim(engine: &Engine, carrier: &str, limit: u32) -> Claim {
    let live = engine.world().live();
    let configuration = engine.world().configuration();
    let goes_there = |name: &&String| *name == carrier || live.catalogue.goes_to(name, carrier);
    Claim {
        carrier: carrier.to_owned(),
        applications: configuration.applications.keys().filter(goes_there).cloned().collect(),
        limit,
        node: engine.node().to_owned(),
        now: engine.now(),
        lease_until: engine.after(engine.tuning().lease),
        run: None,
        mechanism: None,
        probe: false,
    }
}

async fn carry_out(
    engine: &Engine,
    claim: &Claim,
    orders: Vec<Order>,
    works: Option<bool>,
) -> Result<Delivered, StoreError> {
    let carrier = claim.carrier.as_str();
    let health = engine.store().circuit(carrier).await?.circuit;
    let (by_hand, to_send): (Vec<Order>, Vec<Order>) =
        orders.into_iter().partition(|order| is_given_to_people(engine, order));
    let answers: HashMap<OrderId, Result<Outcome, CommandError>> = match engine.connector(carrier).await {
        _ if to_send.is_empty() => HashMap::new(),
        Ok(connector) => match apply(engine, connector, &to_send, claim.lease_until).await {
            Some(answers) => answers,
            None => {
                tracing::warn!(
                    carrier,
                    orders = to_send.len(),
                    "This node was away for longer than its lease: what it had in hand is read back by whoever is first"
                );
                // What people carry out was not given to them either, and is found again in the same way.
                return Ok(Delivered::default());
            }
        },
        Err(error) => to_send.iter().map(|order| (order.id, Err(error.clone()))).collect(),
    };
    let answers: HashMap<_, _> =
        answers.into_iter().map(|(order, answer)| (order, untrusted::answer(answer))).collect();
    let calls = circuits::calls(answers.values().map(|answer| answer.as_ref().err()));
    // What fails while others are answered is about the order, not about the application.
    let answers_others = calls.answered > 0 || works.unwrap_or(health.failures == 0 && calls.silent > 0);
    let sent = to_send.len() as u64;
    let failed = answers.values().filter(|answer| answer.is_err()).count() as u64;
    let dead = sent > 0 && answers.values().all(|answer| answer.as_ref().is_err_and(no_answer));
    if sent > 0 {
        let trouble = dead.then(|| first_error(&answers)).flatten();
        engine.insist(ANSWERS, || note_trouble(engine, carrier, trouble.clone())).await?;
    }
    let handed_over = by_hand.len() as u64;
    let orders: Vec<Order> = to_send.into_iter().chain(by_hand).collect();
    let accounts = engine.insist(ANSWERS, || accounts_of(engine, &orders)).await?;
    let ids = engine.insist(ANSWERS, || engine.store().reserve_ids(orders.len())).await?;
    let staff = match orders.iter().any(|order| order.mechanism == Mechanism::Manual) {
        true => engine.insist(ANSWERS, || Staff::read(engine)).await?,
        false => Staff::default(),
    };
    let now = engine.now();
    let steps = orders
        .into_iter()
        .zip(ids)
        .map(|(order, id)| {
            let missing = match is_given_to_people(engine, &order) {
                true => Ok(Outcome::Handed { reference: format!("work item {id}") }),
                false => Err(CommandError::new(ErrorClass::Unknown, "the connector gave no answer to this order")),
            };
            let answer = answers.get(&order.id).unwrap_or(&missing);
            let account = order.account.and_then(|id| accounts.get(&id));
            let settled = settle_answer(engine, &order, account, answer);
            let (settled, repeats) = poison::mark(&order, settled, answers_others);
            let is_handed = order.mechanism == Mechanism::Manual && matches!(answer, Ok(Outcome::Handed { .. }));
            let work_item = is_handed.then(|| opened::work_item(engine, &staff, &order, WorkItemId(id), now));
            Step { work_item, repeats: Some(repeats), ..Step::new(order, settled) }
        })
        .collect();
    crate::record::record(engine, steps, now).await?;
    engine.insist(ANSWERS, || circuits::note(engine, carrier, &calls)).await?;
    Ok(Delivered { sent: sent + handed_over, failed, dead, paused: None })
}

/// What is kept while the database cannot be used.
const ANSWERS: &str = "What an application answered";

/// Whether who is told does it, and says so.
pub(crate) fn answers_at_once(engine: &Engine, carrier: &str) -> bool {
    let configuration = engine.world().configuration();
    configuration.carrier(carrier).is_some_and(|known| known.mechanism() == Mechanism::Direct)
}

/// Whether people carry this order out, although a connection waits where it stands in line: because a person decided so,
/// or because nothing writes what it is about.
fn is_given_to_people(engine: &Engine, order: &Order) -> bool {
    let configuration = engine.world().configuration();
    order.mechanism == Mechanism::Manual
        && configuration
            .carrier(&order.carrier)
            .is_some_and(|carrier| carrier.connection.mechanism() != Mechanism::Manual)
}

/// Calls the connector, and keeps the leases alive while it works. Nothing where this node was away for longer than its
/// lease, or could not put its end off in time: another may work on the same orders by now, so not one call more is made,
/// and what was answered is found by reading back.
async fn apply(
    engine: &Engine,
    connector: Arc<dyn Connector>,
    orders: &[Order],
    lease_until: Timestamp,
) -> Option<HashMap<OrderId, Result<Outcome, CommandError>>> {
    let live = engine.world().live();
    let commands =
        orders.iter().map(|order| order::command(order, &live.catalogue, order::may_have_arrived(order))).collect();
    let (carrier, count) = (&orders[0].carrier, orders.len());
    let working = async {
        let begun = tokio::time::Instant::now();
        let answers = connector.apply(commands).await;
        engine.paces().note(carrier, count, begun.elapsed());
        answers
    };
    let mut working = std::pin::pin!(working);
    let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
    let mut lease = Lease { until: lease_until };
    let mut heartbeat = tokio::time::interval(engine.tuning().lease / 3);
    heartbeat.tick().await;
    loop {
        // Looked at before every step of the work, for a process that is stopped wakes up in the middle of it.
        let held = std::future::poll_fn(|task| match lease.holds(engine.now()) {
            true => working.as_mut().poll(task).map(Some),
            false => Poll::Ready(None),
        });
        tokio::select! {
            answers = held => return answers.map(|answers| answers.into_iter().collect()),
            _ = heartbeat.tick() => lease.renew(engine, &ids).await?,
        }
    }
}

/// How long the orders of a batch are this node's alone.
struct Lease {
    until: Timestamp,
}

impl Lease {
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// None where they are not all this node's any more.
    async fn renew(&mut self, engine: &Engine, orders: &[OrderId]) -> Option<()> {
        if !self.holds(engine.now()) {
            return None;
        }
        let (node, until) = (engine.node().to_owned(), engine.after(engine.tuning().lease));
        let ids = orders.to_vec();
        let work = engine.store().write(move |tx| Box::pin(async move { tx.renew_leases(&node, &ids, until).await }));
        match work.await {
            Ok(held) if held < orders.len() as u64 => return None,
            Ok(_) => self.until = until,
            // The lease lasts as long as it was to last.
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Leases cannot be renewed");
            }
        }
        Some(())
    }
}

pub(crate) fn settle_answer(
    engine: &Engine,
    order: &Order,
    account: Option<&Account>,
    answer: &Result<Outcome, CommandError>,
) -> settle::Settled {
    let live = engine.world().live();
    let retry = retry_policy(engine, order, answer.as_ref().err());
    settle::answer(order, account, answer, &live.catalogue, &retry, engine.now(), rand::random())
}

/// How the order is tried again, by what the configuration says of whom it goes to.
fn retry_policy(engine: &Engine, order: &Order, failure: Option<&CommandError>) -> RetryPolicy {
    let configuration = engine.world().configuration();
    let usual = engine.tuning().retry;
    let Some(carrier) = configuration.carrier(&order.carrier) else { return usual };
    // Patterns that cannot be read were refused when the configuration was applied.
    let passes = failure.and_then(|error| Patterns::compile(carrier.retry).ok()?.passes(&error.message));
    RetryPolicy { passes, ..usual.of(carrier.retry, order.trigger) }
}

pub(crate) async fn accounts_of(engine: &Engine, orders: &[Order]) -> Result<HashMap<AccountId, Account>, StoreError> {
    let mut owners: Vec<_> =
        orders.iter().filter(|order| order.account.is_some()).map(|order| order.identity).collect();
    owners.sort_unstable();
    owners.dedup();
    let accounts = engine.store().accounts_of(&owners).await?;
    Ok(accounts.into_iter().map(|account| (account.id, account)).collect())
}

/// Whether the failure says nothing about the order, but that nobody answered, or nothing that makes sense.
fn no_answer(error: &CommandError) -> bool {
    error.class.is_retryable() || error.class == ErrorClass::Authentication
}

fn first_error(answers: &HashMap<OrderId, Result<Outcome, CommandError>>) -> Option<String> {
    answers.values().find_map(|answer| answer.as_ref().err()).map(|error| error.message.clone())
}
