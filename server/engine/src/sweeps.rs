//! What goes on without a run: orders whose next attempt is due, orders of processes that died, late answers of
//! executors, applications that are tried again, pauses that are over, sessions that expired. A sweep takes no input: it compares what is with what should be, and signals
//! that got lost are made good by the next one.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use broker::{settle, untrusted};
use model::account::Mechanism;
use model::command::{LateAnswer, Outcome};
use model::configuration::Connection;
use model::order::{ProvisioningState, StateReason};
use store::StoreError;

use crate::Engine;
use crate::circuits;
use crate::dispatch;
use crate::record::Step;

/// Sweeps until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let mut rounds = 0_u64;
    while !engine.stopping().is_cancelled() {
        if let Err(error) = sweep(&engine).await {
            tracing::error!(error = &error as &dyn std::error::Error, "A sweep failed");
        }
        if rounds.is_multiple_of(600) {
            forget_sessions(&engine).await;
        }
        rounds += 1;
        tokio::select! {
            () = tokio::time::sleep(engine.tuning().sweep_every) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    let names: Vec<String> = engine.world().configuration().applications.keys().cloned().collect();
    circuits::mend(engine).await?;
    // Side by side: one that takes its time does not keep the others waiting.
    for recovered in futures::future::join_all(names.iter().map(|name| dispatch::recover(engine, name))).await {
        recovered?;
    }
    poll_executors(engine).await;
    if engine.fulfilling().load(Ordering::Relaxed) {
        return Ok(());
    }
    let due = engine.store().due_applications(engine.now()).await?.into_iter().map(|(name, _)| name);
    let mut due: BTreeSet<String> = due.collect();
    due.extend(circuits::to_probe(engine).await?);
    let deliveries = due.iter().map(|name| dispatch::deliver(engine, name, engine.tuning().claim_batch));
    for delivered in futures::future::join_all(deliveries).await {
        delivered?;
    }
    Ok(())
}

/// Takes the answers of executors, and gives up those that are overdue.
pub(crate) async fn poll_executors(engine: &Engine) {
    let _asking = engine.asking().lock().await;
    let configuration = engine.world().configuration();
    for (name, application) in &configuration.applications {
        if application.connection.mechanism() != Mechanism::Executor {
            continue;
        }
        if let Err(problem) = poll_one(engine, name).await {
            tracing::warn!(application = name, problem, "Answers of an executor cannot be taken");
        }
        if let Connection::Csv(csv) = &application.connection
            && let Some(hours) = csv.expires_hours
            && let Err(error) = expire(engine, name, i64::from(hours)).await
        {
            tracing::error!(error = &error as &dyn std::error::Error, "Overdue orders cannot be given up");
        }
    }
}

async fn poll_one(engine: &Engine, application: &str) -> Result<(), String> {
    if !dispatch::waits_for_answers(engine, application).await.map_err(|error| error.to_string())? {
        return Ok(());
    }
    let connector = engine.connector(application).await.map_err(|error| error.message)?;
    let answers = connector.poll().await.map_err(|error| error.message)?;
    if answers.is_empty() {
        return Ok(());
    }
    let cleaned: Vec<LateAnswer> = answers.iter().cloned().map(untrusted::late).collect();
    record_answers(engine, &cleaned).await.map_err(|error| error.to_string())?;
    connector.acknowledge(&answers).await.map_err(|error| error.message)
}

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
            Some(Step { actor: Some(order.application.clone()), ..Step::new(order, settled) })
        })
        .collect();
    crate::record::record(engine, steps, now).await?;
    Ok(())
}

async fn expire(engine: &Engine, application: &str, hours: i64) -> Result<(), StoreError> {
    let now = engine.now();
    let latest = now.checked_sub(jiff::SignedDuration::from_hours(hours)).unwrap_or(now);
    let orders = engine.store().orders_in_state(application, ProvisioningState::Transmitted, 1_000).await?;
    let steps = orders
        .into_iter()
        .filter(|order| order.transmitted_at.is_some_and(|sent| sent < latest))
        .map(|order| {
            let settled = settle::timed_out(&order, now);
            Step::new(order, settled)
        })
        .collect();
    crate::record::record(engine, steps, now).await?;
    Ok(())
}

async fn forget_sessions(engine: &Engine) {
    let now = engine.now();
    let work = engine.store().write(move |tx| Box::pin(async move { tx.delete_expired_sessions(now).await }));
    if let Err(error) = work.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "Expired sessions cannot be removed");
    }
}
