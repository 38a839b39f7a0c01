//! Fulfil: releases the orders and delivers them, all applications and integrations side by side. It ends when nothing more
//! can be sent now: what waits for a retry, a person or another system goes on by itself, and the run says how much that is.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::account::Mechanism;
use model::configuration::Part;
use model::job::{LogLevel, TaskScope};
use model::order::ProvisioningState;
use model::view::OrderFilter;
use store::StoreError;

use super::rings::{self, Advance};
use super::{About, Context, TaskEnd, applications, counted};
use crate::dispatch;
use crate::progress::{Progress, Stop};
use crate::sweeps::Ask;

/// How long a delivery without work waits for others to release some.
const LULL: Duration = Duration::from_millis(15);
/// What a run says while nothing goes out.
const KEPT_IN: &str = "This database was put back to an earlier state. Nothing is sent until somebody has looked at the orders \
                       that wait, and says so on the page of orders.";
/// How often executors are asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn carry_out(scope: &TaskScope, context: &mut Context, progress: &Progress) -> TaskEnd {
    if context.mode.dry_run {
        return TaskEnd::Completed(Some(format!(
            "A real run would send {}.",
            counted(context.scenario.orders, "order")
        )));
    }
    context.engine.fulfilling().store(true, Ordering::Relaxed);
    let fulfilled = fulfil(scope, context, progress).await;
    context.engine.fulfilling().store(false, Ordering::Relaxed);
    match fulfilled {
        Ok(end) => end,
        Err(error) => TaskEnd::errored("Orders could not be delivered", &error),
    }
}

async fn fulfil(scope: &TaskScope, context: &mut Context, progress: &Progress) -> Result<TaskEnd, StoreError> {
    let engine = &context.engine.clone();
    let now = engine.now();
    let applications = applications(&engine.world().configuration(), scope);
    let only = (!scope.is_all()).then(|| applications.clone());
    // What other runs made and did not send is not for a run about few people to send.
    let own = (context.about != About::Everybody).then_some(context.run);
    let (run, node) = (context.run, engine.node().to_owned());
    let release = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.hold_run(run, &node).await?;
            tx.release_orders(own, only.as_deref(), now).await
        })
    });
    let released = release.await?;
    let due = engine.store().due_applications(now).await?;
    let due: u64 = due.iter().filter(|(name, _)| scope.has_application(name)).map(|(_, count)| count).sum();
    progress.expect(due.max(released), "orders");
    if crate::restoration::keeps_all_in(engine).await? {
        return Ok(TaskEnd::Warning(KEPT_IN.to_owned()));
    }
    let carriers = carriers(engine, &applications).await?;
    let names: Vec<&String> = carriers.iter().collect();
    for recovered in futures::future::join_all(names.iter().map(|name| dispatch::recover(engine, name))).await {
        recovered?;
    }
    let mut silent = Vec::new();
    let mut waits = None;
    loop {
        // Looked at before, so that an answer that comes while orders are sent counts as news.
        let before = UnderWay::read(engine, &carriers).await?;
        crate::references::fill(engine).await?;
        match deliver_all(context, progress, &names, &mut silent).await? {
            Sent::Some(0) => {}
            Sent::Some(_) => continue,
            Sent::Stopped => return Ok(TaskEnd::Interrupted),
            Sent::HandedOver => return handed_over(scope, context, progress).await,
        }
        match await_news(&carriers, context, progress, before).await? {
            // What was waited for may let others go.
            News::Answered => {}
            // All is known that can be known by now: time to look whether a next ring may go.
            News::None => match rings::advance(scope, context, progress).await? {
                Advance::Released(more) => progress.expect(more, "orders"),
                Advance::Nothing => break,
                Advance::Waits(why) => {
                    waits = Some(why);
                    break;
                }
                Advance::Ended(end) => return Ok(end),
            },
            News::Stopped => return Ok(TaskEnd::Interrupted),
        }
    }
    match (summarise(scope, context, progress, &silent).await?, waits) {
        (TaskEnd::Completed(_), Some(why)) => Ok(TaskEnd::Warning(why)),
        (end, _) => Ok(end),
    }
}

/// What the orders of these applications are sent to.
async fn carriers(engine: &crate::Engine, applications: &[String]) -> Result<Vec<String>, StoreError> {
    let live = engine.world().live();
    let routes =
        applications.iter().flat_map(|name| Part::ALL.map(|part| live.catalogue.route(name, part).carrier.clone()));
    let mut carriers: BTreeSet<String> = routes.chain(applications.iter().cloned()).collect();
    // What was ordered while the configuration said otherwise.
    let due = engine.store().due_carriers(engine.now(), Some(applications)).await?;
    carriers.extend(due.into_iter().map(|(name, _)| name));
    Ok(carriers.into_iter().collect())
}

/// What came of sending.
enum Sent {
    /// All that can be sent now, so many orders.
    Some(u64),
    /// Another run waits: what is left goes on without this one.
    HandedOver,
    Stopped,
}

/// Sends all that can be sent now. An application that does not answer is silent, and left alone from then on.
async fn deliver_all<'a>(
    context: &Context,
    progress: &Progress,
    names: &[&'a String],
    silent: &mut Vec<&'a String>,
) -> Result<Sent, StoreError> {
    let mut sent = 0;
    loop {
        let round = Round::default();
        // Two for each that answers at once: one claims and records while the other's batch is sent.
        let lanes = |name: &&&'a String| if dispatch::answers_at_once(&context.engine, name) { 2 } else { 1 };
        let deliveries = names
            .iter()
            .filter(|name| !silent.contains(*name))
            .flat_map(|name| std::iter::repeat_n(name, lanes(&name)))
            .map(|name| round.deliver(context, progress, name));
        let mut dead = Vec::new();
        let mut hands_over = false;
        for delivered in futures::future::join_all(deliveries).await {
            match delivered? {
                End::Dry => {}
                End::Dead(name) => dead.push(name),
                End::HandedOver => hands_over = true,
                End::Stopped => return Ok(Sent::Stopped),
            }
        }
        if hands_over {
            return Ok(Sent::HandedOver);
        }
        silent.extend(names.iter().copied().filter(|name| dead.contains(*name)));
        match round.sent.load(Ordering::Relaxed) {
            0 => return Ok(Sent::Some(sent)),
            more => sent += more,
        }
    }
}

/// Deliveries side by side, until none of them finds work.
#[derive(Default)]
struct Round {
    busy: AtomicU64,
    sent: AtomicU64,
}

enum End {
    Dry,
    Dead(String),
    HandedOver,
    Stopped,
}

/// Whether another run has waited long enough: who leaves the company does not wait for a million orders of others. Rings
/// are a run's own business and are seen to their end.
async fn hands_over(context: &Context, progress: &Progress) -> Result<bool, StoreError> {
    let store = context.engine.store();
    let Some(since) = store.run_waiting_since().await? else { return Ok(false) };
    let waited = context.engine.now().duration_since(since);
    if Duration::try_from(waited).is_ok_and(|waited| waited < context.engine.tuning().hand_over_after) {
        return Ok(false);
    }
    Ok(store.rings_of(progress.run().id).await?.is_none_or(|rings| rings.released >= rings.rings))
}

/// What is left is sent by the sweep, and counted by the next run that fulfils.
async fn handed_over(scope: &TaskScope, context: &Context, progress: &Progress) -> Result<TaskEnd, StoreError> {
    let due = context.engine.store().due_applications(context.engine.now()).await?;
    let left: u64 = due.iter().filter(|(name, _)| scope.has_application(name)).map(|(_, count)| count).sum();
    let sentence = format!("Another run waits. What is left, {}, goes on by itself.", counted(left, "order"));
    progress.say(LogLevel::Information, sentence.clone());
    Ok(TaskEnd::Completed(Some(sentence)))
}

impl Round {
    async fn deliver(&self, context: &Context, progress: &Progress, name: &str) -> Result<End, StoreError> {
        let mut seen = u64::MAX;
        loop {
            if progress.stop_asked().await != Stop::GoOn {
                return Ok(End::Stopped);
            }
            if hands_over(context, progress).await? {
                return Ok(End::HandedOver);
            }
            self.busy.fetch_add(1, Ordering::Relaxed);
            let delivered = dispatch::deliver(&context.engine, name, context.engine.tuning().claim_batch).await;
            self.busy.fetch_sub(1, Ordering::Relaxed);
            let delivered = delivered?;
            if delivered.sent > 0 {
                self.sent.fetch_add(delivered.sent, Ordering::Relaxed);
                progress.advance(delivered.sent, delivered.failed).await;
                progress.count(&format!("sent to {name}"), i64::try_from(delivered.sent).unwrap_or(i64::MAX));
            }
            if let Some(pause) = delivered.paused {
                progress.say(LogLevel::Warning, pause.sentence(name));
                return Ok(End::Dead(name.to_owned()));
            }
            if delivered.dead {
                progress.say(
                    LogLevel::Warning,
                    format!("`{name}` does not answer. Its orders wait and are tried again by themselves."),
                );
                return Ok(End::Dead(name.to_owned()));
            }
            if delivered.sent > 0 {
                continue;
            }
            let sent = self.sent.load(Ordering::Relaxed);
            if self.busy.load(Ordering::Relaxed) == 0 && sent == seen {
                return Ok(End::Dry);
            }
            seen = sent;
            tokio::time::sleep(LULL).await;
        }
    }
}

/// What came of waiting.
enum News {
    /// Something that was under way has come to its end.
    Answered,
    /// Nothing is under way, or what is takes longer than a run waits.
    None,
    Stopped,
}

/// Gives what is under way some time to come to its end, so that a quick answer is verified in the same run: executors,
/// and orders that a sweep or another process has taken up, such as those it reads back after a crash.
async fn await_news(
    carriers: &[String],
    context: &Context,
    progress: &Progress,
    before: UnderWay,
) -> Result<News, StoreError> {
    let engine = &context.engine;
    let began = tokio::time::Instant::now();
    // Whoever starts a run wants to know how it stands now.
    let mut ask = Ask::Now;
    loop {
        crate::sweeps::poll_executors(engine, ask).await;
        ask = Ask::WhenDue;
        let now = UnderWay::read(engine, carriers).await?;
        if now != before {
            return Ok(News::Answered);
        }
        let waited = began.elapsed();
        // Others wait for the next such run.
        let is_worth_it = context.about == About::Everybody
            && ((now.answered_soon > 0 && waited < engine.tuning().answer_wait)
                || (now.claimed > 0 && waited < engine.tuning().lease));
        if !is_worth_it {
            return Ok(News::None);
        }
        if progress.stop_asked().await != Stop::GoOn {
            return Ok(News::Stopped);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Orders whose end somebody else brings about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UnderWay {
    /// Handed to executors.
    handed: u64,
    /// Of these, handed to executors that are asked all the time; others take longer than a run waits.
    answered_soon: u64,
    /// Claimed, and not by this task, which has none by now.
    claimed: u64,
}

impl UnderWay {
    async fn read(engine: &crate::Engine, carriers: &[String]) -> Result<Self, StoreError> {
        let configuration = engine.world().configuration();
        let mut under_way = Self::default();
        for name in carriers {
            let Some(carrier) = configuration.carrier(name) else { continue };
            let orders = engine.store().orders_under_way(name).await?;
            under_way.claimed += orders.claimed;
            if carrier.connection.mechanism() == Mechanism::Executor {
                under_way.handed += orders.transmitted;
                if carrier.connection.poll_minutes().is_none() {
                    under_way.answered_soon += orders.transmitted;
                }
            }
        }
        Ok(under_way)
    }
}

/// What is left after everything that could be sent was sent.
async fn summarise(
    scope: &TaskScope,
    context: &Context,
    progress: &Progress,
    silent: &[&String],
) -> Result<TaskEnd, StoreError> {
    let applications = applications(&context.engine.world().configuration(), scope);
    let filters = match scope.is_all() {
        true => vec![OrderFilter::default()],
        false => applications
            .into_iter()
            .map(|name| OrderFilter { application: Some(name), ..OrderFilter::default() })
            .collect(),
    };
    let mut counts: Vec<(ProvisioningState, u64)> = Vec::new();
    for filter in &filters {
        counts.extend(context.engine.store().order_counts(filter).await?.by_state);
    }
    let of = |state: ProvisioningState| -> u64 {
        counts.iter().filter(|(known, _)| *known == state).map(|(_, count)| count).sum()
    };
    let (pending, transmitted, errored) =
        (of(ProvisioningState::Pending), of(ProvisioningState::Transmitted), of(ProvisioningState::Errored));
    progress.say(
        LogLevel::Information,
        format!(
            "{} waiting to be sent, {transmitted} without an answer yet, {errored} failed.",
            counted(pending, "order")
        ),
    );
    for (name, problem, more) in crate::sweeps::unclear(&context.engine).await? {
        let others = if more == 0 { String::new() } else { format!(" So it is with {more} more.") };
        progress.say(LogLevel::Warning, format!("`{name}`: {problem}{others}"));
    }
    if !silent.is_empty() {
        let names: Vec<&str> = silent.iter().map(|name| name.as_str()).collect();
        return Ok(TaskEnd::ApplicationFailed(format!(
            "Nothing can be sent now to: {}. Orders wait and are tried again by themselves.",
            names.join(", ")
        )));
    }
    // What failed in earlier runs stands in the list of orders; it is no failure of this one.
    if errored > 0 && progress.failed() > 0 {
        return Ok(TaskEnd::ApplicationFailed(format!(
            "{} failed; see the list of orders.",
            counted(errored, "order")
        )));
    }
    Ok(TaskEnd::Completed(None))
}
