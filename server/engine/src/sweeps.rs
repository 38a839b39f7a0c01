//! What goes on without a run: orders whose next attempt is due, orders of processes that died, late answers of
//! executors, work that is due, approvals that are late, certification campaigns, applications that are tried again, pauses that are over, requests that begin, end or wait
//! to be planned, sessions that expired, accounts that have to be compared with what is granted. A sweep takes no input: it compares what is with what should be, and signals
//! that got lost are made good by the next one.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::time::Duration;

use broker::{settle, untrusted};
use jiff::Timestamp;
use model::account::Mechanism;
use model::command::{CalledOff, LateAnswer, Outcome};
use model::ids::OrderId;
use model::order::{Answer, ErrorClass, Order, ProvisioningState, StateReason};
use store::{RecordedTransition, StoreError};

use crate::Engine;
use crate::circuits;
use crate::dispatch;
use crate::error::OpenError;
use crate::record::Step;

/// Sweeps until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let mut rounds = 0_u64;
    while !engine.stopping().is_cancelled() {
        if let Err(error) = sweep(&engine).await {
            tracing::error!(error = &error as &dyn std::error::Error, "A sweep failed");
        }
        if let Err(error) = crate::forms::queue_due(&engine, rounds.is_multiple_of(60)).await {
            tracing::error!(error = &error as &dyn std::error::Error, "What follows from answers cannot be queued");
        }
        if let Err(error) = crate::references::queue_due(&engine).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "What follows from changed accounts cannot be queued"
            );
        }
        if let Err(error) = crate::native_changes::queue_due(&engine).await {
            tracing::error!(error = &error as &dyn std::error::Error, "What sets back native changes cannot be queued");
        }
        if rounds.is_multiple_of(10)
            && let Err(error) = crate::request_approvals::sweep(&engine).await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "Approvals that are late cannot be moved on");
        }
        if rounds.is_multiple_of(10) {
            crate::certifications::sweep(&engine);
        }
        crate::reconciliation::compare::sweep(&engine);
        if rounds.is_multiple_of(60)
            && let Err(error) = let_go_of_the_unknown(&engine).await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "Orders of a carrier that is gone stay there");
        }
        if rounds.is_multiple_of(600) {
            forget_what_is_over(&engine).await;
        }
        rounds += 1;
        tokio::select! {
            () = tokio::time::sleep(engine.tuning().sweep_every) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    let names: Vec<String> = engine.world().configuration().carriers().map(|(name, _)| name.clone()).collect();
    crate::in_hand::let_go(engine).await?;
    circuits::mend(engine).await?;
    crate::requests::sweep(engine).await?;
    crate::violations::sweep(engine).await?;
    crate::bulk_changes::sweep(engine).await?;
    // Side by side: one that takes its time does not keep the others waiting.
    for recovered in futures::future::join_all(names.iter().map(|name| dispatch::recover(engine, name))).await {
        recovered?;
    }
    poll_executors(engine, Ask::WhenDue).await;
    crate::references::fill(engine).await?;
    crate::work_items::look_at_clocks(engine, engine.now()).await?;
    if engine.fulfilling().load(Ordering::Relaxed) {
        return Ok(());
    }
    let due = engine.store().due_carriers(engine.now(), None).await?.into_iter().map(|(name, _)| name);
    let mut due: BTreeSet<String> = due.collect();
    due.extend(circuits::to_probe(engine).await?);
    for carrier in due {
        if engine.delivering().insert(carrier.clone()) {
            let engine = engine.clone();
            engine.clone().beside(async move { deliver_all(&engine, &carrier).await });
        }
    }
    Ok(())
}

/// Delivers to one application or integration until nothing more is due, beside everything else: one that takes its time
/// keeps nobody waiting.
async fn deliver_all(engine: &Engine, carrier: &str) {
    let delivered = match dispatch::answers_at_once(engine, carrier) {
        true => {
            let (one, other) = tokio::join!(deliver_until_dry(engine, carrier), deliver_until_dry(engine, carrier));
            one.and(other)
        }
        false => deliver_until_dry(engine, carrier).await,
    };
    engine.delivering().remove(carrier);
    if let Err(error) = delivered {
        tracing::error!(error = &error as &dyn std::error::Error, carrier, "Orders could not be delivered");
    }
}

async fn deliver_until_dry(engine: &Engine, carrier: &str) -> Result<(), StoreError> {
    loop {
        if engine.stopping().is_cancelled() || engine.fulfilling().load(Ordering::Relaxed) {
            return Ok(());
        }
        let delivered = dispatch::deliver(engine, carrier, engine.tuning().claim_batch).await?;
        if delivered.sent == 0 || delivered.dead || delivered.paused.is_some() {
            return Ok(());
        }
    }
}

/// Orders at a carrier that the configuration does not know any more: what a process that died had in hand is looked for,
/// and what was handed over is given up. What people have, they can still report.
async fn let_go_of_the_unknown(engine: &Engine) -> Result<(), OpenError> {
    // What a database that was put back believes to be handed over may be over by now.
    if crate::restoration::keeps_all_in(engine).await? {
        return Ok(());
    }
    // What another node has applied may know the carrier.
    engine.follow_configuration().await?;
    let configuration = engine.world().configuration();
    let awaited = engine.store().awaited_carriers().await?;
    for carrier in awaited.into_iter().filter(|name| configuration.carrier(name).is_none()) {
        dispatch::recover(engine, &carrier).await?;
        let is_handed =
            |order: &Order| matches!(order.reason, Some(StateReason::Handed { .. } | StateReason::Unclear { .. }));
        let handed = engine.store().orders_sent_to(&carrier, MANY).await?.into_iter().filter(is_handed);
        let steps = handed.map(|order| {
            let settled = settle::left_behind(&order);
            Step::new(order, settled)
        });
        crate::record::record_many(engine, steps.collect(), engine.now()).await?;
    }
    Ok(())
}

/// When an executor is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Now,
    /// Those that are not asked all the time: not before their time.
    WhenDue,
}

/// What the sweeps remember of executors from one round to the next. It is lost with the process; then all are asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// When answers are next asked for.
    answers: HashMap<String, Timestamp>,
    /// When what is to be called off is next looked at.
    called_off: HashMap<String, Timestamp>,
}

/// How long a question that failed waits, where executors are not asked all the time.
const ASK_AGAIN: Duration = Duration::from_mins(1);
/// How often it is looked for orders that are to be called off.
const CALL_OFF_EVERY: Duration = Duration::from_secs(5);

/// Takes the answers of executors, and gives up those that are overdue.
pub(crate) async fn poll_executors(engine: &Engine, ask: Ask) {
    let _asking = engine.asking().lock().await;
    // An answer that was taken before the database was put back is gone, and what is told to be called off may be wanted.
    match crate::restoration::keeps_all_in(engine).await {
        Ok(false) => {}
        Ok(true) => return,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "Executors cannot be asked");
            return;
        }
    }
    let configuration = engine.world().configuration();
    for (name, carrier) in configuration.carriers() {
        let connection = carrier.connection;
        if connection.mechanism() != Mechanism::Executor {
            continue;
        }
        if let Some(minutes) = connection.poll_minutes() {
            if ask == Ask::Now || is_due(engine, name) {
                poll_seldom(engine, name, minutes).await;
            }
        } else if let Err(problem) = poll_one(engine, name, false).await {
            tracing::warn!(carrier = name, problem, "Answers of an executor cannot be taken");
        }
        if let Some(hours) = connection.expires_hours()
            && let Err(error) = expire(engine, name, hours).await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "Overdue orders cannot be given up");
        }
        if connection.calls_off()
            && let Err(error) = call_off(engine, name).await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "Orders cannot be called off");
        }
    }
}

fn is_due(engine: &Engine, carrier: &str) -> bool {
    let now = engine.now();
    engine.asked().answers.get(carrier).is_none_or(|at| *at <= now)
}

/// Asks an executor that has a rhythm of its own, and shows on the application's page what a person should look at.
async fn poll_seldom(engine: &Engine, carrier: &str, minutes: u32) {
    let every = Duration::from_secs(60 * u64::from(minutes));
    let (trouble, wait) = match poll_one(engine, carrier, true).await {
        Ok(None) => (None, every),
        Ok(Some(asked)) => (Some(asked), every),
        Err(problem) => {
            tracing::warn!(carrier, problem, "Answers of an executor cannot be taken");
            (Some(Asking::Trouble(problem)), ASK_AGAIN.min(every))
        }
    };
    engine.asked().answers.insert(carrier.to_owned(), engine.after(wait));
    let noted = match trouble {
        None => return,
        Some(Asking::Clear) => crate::tasks::collect::note_trouble(engine, carrier, None).await,
        Some(Asking::Trouble(problem)) => crate::tasks::collect::note_trouble(engine, carrier, Some(problem)).await,
    };
    if let Err(error) = noted {
        tracing::error!(error = &error as &dyn std::error::Error, "An application's trouble cannot be noted");
    }
}

/// What came of asking an executor that had something to answer for.
enum Asking {
    Clear,
    /// A sentence.
    Trouble(String),
}

/// Takes the answers of one executor, asking `by_order` where it does not tell of all by itself. Nothing where it owes none.
async fn poll_one(engine: &Engine, carrier: &str, by_order: bool) -> Result<Option<Asking>, String> {
    let store = engine.store();
    if !store.owes_answers(carrier).await.map_err(|error| error.to_string())? {
        return Ok(None);
    }
    let handed = match by_order {
        true => store.handed_orders(carrier).await.map_err(|error| error.to_string())?,
        false => Vec::new(),
    };
    let connector = engine.connector(carrier).await.map_err(|error| error.message)?;
    let mut polled = connector.poll(&handed).await.map_err(|error| untrusted::message(&error.message))?;
    for (_, problem) in &mut polled.unclear {
        *problem = untrusted::message(problem);
    }
    if !polled.answers.is_empty() {
        let cleaned: Vec<LateAnswer> = polled.answers.iter().cloned().map(untrusted::late).collect();
        record_answers(engine, &cleaned).await.map_err(|error| error.to_string())?;
        connector.acknowledge(&polled.answers).await.map_err(|error| error.message)?;
    }
    if by_order {
        record_unclear(engine, carrier, &polled.unclear).await.map_err(|error| error.to_string())?;
    }
    Ok(Some(match polled.unclear.split_first() {
        None => Asking::Clear,
        Some(((_, problem), [])) => Asking::Trouble(problem.clone()),
        Some(((_, problem), others)) => Asking::Trouble(format!("{problem} So it is with {} more.", others.len())),
    }))
}

/// Marks the orders whose answer nobody understands, and those where it is clear again. What stays as it is says nothing.
async fn record_unclear(engine: &Engine, carrier: &str, unclear: &[(OrderId, String)]) -> Result<(), StoreError> {
    let now = engine.now();
    let problems: HashMap<OrderId, &String> = unclear.iter().map(|(order, problem)| (*order, problem)).collect();
    let waiting = engine.store().orders_sent_to(carrier, MANY).await?;
    let steps = waiting.into_iter().filter_map(|order| {
        let settled = match (problems.get(&order.id), &order.reason) {
            (Some(problem), Some(StateReason::Handed { .. })) => settle::unclear(&order, problem),
            (Some(problem), Some(StateReason::Unclear { message, .. })) if message != *problem => {
                settle::unclear(&order, problem)
            }
            (None, Some(StateReason::Unclear { .. })) => settle::clear(&order),
            _ => return None,
        };
        Some(Step { actor: Some(order.carrier.clone()), ..Step::new(order, settled) })
    });
    crate::record::record(engine, steps.collect(), now).await?;
    Ok(())
}

/// Orders that wait for an answer which nobody understands: application, the first one's sentence, and how many more.
pub(crate) async fn unclear(engine: &Engine) -> Result<Vec<(String, String, usize)>, StoreError> {
    let configuration = engine.world().configuration();
    let mut found = Vec::new();
    for (name, carrier) in configuration.carriers() {
        if carrier.connection.poll_minutes().is_none() {
            continue;
        }
        let waiting = engine.store().orders_sent_to(name, MANY).await?;
        let mut problems = waiting.into_iter().filter_map(|order| match order.reason {
            Some(StateReason::Unclear { message, .. }) => Some(message),
            _ => None,
        });
        if let Some(first) = problems.next() {
            found.push((name.clone(), first, problems.count()));
        }
    }
    Ok(found)
}

/// Tells an executor what is no longer wanted: orders that were cancelled or replaced after they had been handed over.
async fn call_off(engine: &Engine, carrier: &str) -> Result<(), StoreError> {
    let now = engine.now();
    if engine.asked().called_off.get(carrier).is_some_and(|at| now < *at) {
        return Ok(());
    }
    engine.asked().called_off.insert(carrier.to_owned(), engine.after(CALL_OFF_EVERY));
    let given_up = engine.store().given_up_orders(carrier).await?;
    if given_up.is_empty() {
        return Ok(());
    }
    let called_off = match engine.connector(carrier).await {
        Ok(connector) => connector.call_off(&given_up, NO_LONGER_WANTED).await,
        Err(error) => given_up.iter().map(|one| (one.order, Err(error.clone()))).collect(),
    };
    let ids: Vec<OrderId> = called_off.iter().map(|(order, _)| *order).collect();
    let orders = engine.store().orders_by_id(&ids).await?;
    let mut told: HashMap<OrderId, _> = called_off.into_iter().collect();
    let mut steps = Vec::new();
    for order in orders {
        let detail = match told.remove(&order.id) {
            Some(Ok(CalledOff::Told(detail) | CalledOff::TooLate(detail))) => untrusted::message(&detail),
            Some(Err(error)) if error.class.is_retryable() || error.class == ErrorClass::Authentication => {
                tracing::warn!(carrier, order.id = %order.id, problem = error.message, "An order cannot be called off yet");
                engine.asked().called_off.insert(carrier.to_owned(), engine.after(ASK_AGAIN));
                continue;
            }
            Some(Err(error)) => untrusted::message(&error.message),
            None => continue,
        };
        steps.push(RecordedTransition {
            order: order.id,
            fence: None,
            from: vec![ProvisioningState::Inactive],
            to: ProvisioningState::Inactive,
            reason: order.reason,
            fingerprint: None,
            repeats: 0,
            next_attempt_at: None,
            account: None,
            key: None,
            items: Vec::new(),
            answer: Some(Answer::CalledOff { detail: detail.clone() }),
            actor: engine.node().to_owned(),
            message: detail,
            at: now,
        });
    }
    engine.store().write(move |tx| Box::pin(async move { tx.record_transitions(&steps).await })).await?;
    Ok(())
}

const NO_LONGER_WANTED: &str = "Quartermaster no longer wants this: its order was cancelled, or another one replaced it. \
    Please do nothing more here. If it is done already, say so in a comment.";

/// Orders of one application that are looked at together.
const MANY: u32 = 100_000;

async fn record_answers(engine: &Engine, answers: &[LateAnswer]) -> Result<(), StoreError> {
    let ids: Vec<_> = answers.iter().map(|answer| answer.order).collect();
    let orders = engine.store().orders_in_brief(&ids).await?;
    let accounts = dispatch::accounts_of(engine, &orders).await?;
    // An order that was handed over before and after a crash is answered twice, and only one of the answers counts.
    let mut by_order: HashMap<_, Vec<&LateAnswer>> = HashMap::new();
    for answer in answers {
        by_order.entry(answer.order).or_default().push(answer);
    }
    let now = engine.now();
    let steps = orders
        .into_iter()
        .filter_map(|order| {
            // An answer to an earlier attempt, or to an order that has gone on, says nothing any more.
            let waits = order.state == ProvisioningState::Transmitted
                || (order.state == ProvisioningState::Errored && order.reason == Some(StateReason::Timeout));
            let mut own = by_order.get(&order.id)?.iter().filter(|_| waits);
            let Some(answer) = own.find(|answer| answer.fence.is_none_or(|fence| fence == order.fence)) else {
                tracing::info!(order.id = %order.id, "A late answer is refused: its order went on without it");
                return None;
            };
            let account = order.account.and_then(|id| accounts.get(&id));
            let outcome = answer.result.clone().map(Outcome::Applied);
            let settled = dispatch::settle_answer(engine, &order, account, &outcome);
            Some(Step { actor: Some(order.carrier.clone()), ..Step::new(order, settled) })
        })
        .collect();
    crate::record::record_many(engine, steps, now).await
}

async fn expire(engine: &Engine, carrier: &str, hours: i64) -> Result<(), StoreError> {
    let now = engine.now();
    let latest = now.checked_sub(jiff::SignedDuration::from_hours(hours)).unwrap_or(now);
    let orders = engine.store().overdue_orders(carrier, latest).await?;
    let steps = orders
        .into_iter()
        .map(|order| {
            let settled = settle::timed_out(&order, now);
            Step::new(order, settled)
        })
        .collect();
    crate::record::record_many(engine, steps, now).await
}

/// Days for which filled files of reports are kept.
const DAYS_OF_UPLOADS: i64 = 30;

async fn forget_what_is_over(engine: &Engine) {
    let now = engine.now();
    let old = now.checked_sub(jiff::SignedDuration::from_hours(24 * DAYS_OF_UPLOADS)).unwrap_or(now);
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.delete_expired_sessions(now).await?;
            tx.forget_uploads(old).await
        })
    });
    if let Err(error) = work.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "What is over cannot be removed");
    }
}
