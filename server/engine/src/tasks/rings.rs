//! Release in rings, within a run: whether its orders go in rings, and letting the next ring go. What is decided is
//! `broker::rings`'; that nothing of a later ring is sent is the store's.

use std::collections::BTreeSet;

use broker::rings::{self, Verdict};
use model::account::Mechanism;
use model::configuration::Rings;
use model::job::{LogLevel, TaskKind, TaskScope, UNDO};
use model::order::ProvisioningState;
use model::rings::{RingTally, RunRings};
use store::StoreError;

use super::{Context, TaskEnd, counted, synchronize};
use crate::progress::Progress;

/// How the orders of this run go, where not all at once. An undo goes at once: it takes back what went wrong.
pub(super) fn of_the_run(context: &Context, progress: &Progress) -> Option<Rings> {
    let run = progress.run();
    if run.job == UNDO {
        return None;
    }
    // Where one application is fulfilled apart from others, no moment says how a ring went in all of them.
    let in_part = run.tasks.iter().any(|run| run.task.kind == TaskKind::Fulfil && !run.task.scope.is_all());
    context.engine.world().deciding().configuration().rings(&run.job).filter(|_| !in_part).cloned()
}

/// What came of looking at the rings.
pub(super) enum Advance {
    /// Another ring went, with so many orders.
    Released(u64),
    Nothing,
    /// Of this run or an earlier one; a later run looks again.
    Waits(String),
    Ended(TaskEnd),
}

/// Lets the next ring of every run go whose newest ring is healthy. Runs that were broken off are gone on with here too.
pub(super) async fn advance(
    scope: &TaskScope,
    context: &mut Context,
    progress: &Progress,
) -> Result<Advance, StoreError> {
    if !scope.is_all() {
        return Ok(Advance::Nothing);
    }
    let mut released: Option<u64> = None;
    let mut waits = None;
    for rings in context.engine.store().open_rings().await? {
        match step(&rings, context, progress).await? {
            Advance::Released(orders) => *released.get_or_insert(0) += orders,
            Advance::Waits(why) => waits = Some(why),
            Advance::Nothing => {}
            Advance::Ended(end) => return Ok(Advance::Ended(end)),
        }
    }
    Ok(match (released, waits) {
        (Some(orders), _) => Advance::Released(orders),
        (None, Some(why)) => Advance::Waits(why),
        (None, None) => Advance::Nothing,
    })
}

/// One run's next ring.
async fn step(rings: &RunRings, context: &mut Context, progress: &Progress) -> Result<Advance, StoreError> {
    let store = context.engine.store().clone();
    let (run, ring) = (rings.run, rings.released);
    let all = store.ring_tallies(run).await?;
    let now = context.engine.now();
    if rings::is_last(&all, ring) {
        // Whatever would have gone has been replaced or called off: the rings are over.
        store.write(move |tx| Box::pin(async move { tx.release_ring(run, ring, None, now).await })).await?;
        return Ok(Advance::Released(0));
    }
    let tallies = of_ring(all, ring);
    if let Some(end) = read_back(&tallies, context, progress).await {
        return Ok(Advance::Ended(end));
    }
    let tallies = of_ring(store.ring_tallies(run).await?, ring);
    let live = context.engine.world().deciding();
    let health = rings::health(&tallies, &|application| live.catalogue.can_be_read_back(application));
    let name = if run == context.run { format!("Ring {ring}") } else { format!("Ring {ring} of run {run}") };
    match rings::judge(&health, &rings.limits) {
        Verdict::Release => {
            let orders = store
                .write(move |tx| {
                    Box::pin(async move {
                        if !tx.release_ring(run, ring, None, now).await? {
                            return Ok::<_, StoreError>(None);
                        }
                        tx.release_orders(Some(run), None, now).await.map(Some)
                    })
                })
                .await?;
            // Somebody else was quicker: what they released is sent in any case.
            let orders = orders.unwrap_or(0);
            let (done, sent) = (counted(health.done, "order"), counted(orders, "order"));
            progress.say(
                LogLevel::Information,
                format!("{name} of {} is healthy, with {done} done. Ring {} goes: {sent}.", rings.rings, ring + 1),
            );
            Ok(Advance::Released(orders))
        }
        Verdict::Wait { why } => {
            let why = format!(
                "{name} of {} is not known to be healthy yet: {why}. The next run looks again; its page releases the \
                 next ring without waiting.",
                rings.rings
            );
            Ok(Advance::Waits(why))
        }
        Verdict::Halt { why } => {
            let message = format!("{name} of {} is not healthy: {why}.", rings.rings);
            let halted = message.clone();
            store.write(move |tx| Box::pin(async move { tx.halt_rings(run, ring, &halted, now).await })).await?;
            if run == context.run {
                let end = format!(
                    "{message} Nothing more is sent. Look at what failed; then release the next ring, or undo the run."
                );
                return Ok(Advance::Ended(TaskEnd::Blocked(end)));
            }
            progress.say(LogLevel::Warning, format!("{message} Nothing more of that run is sent: see its page."));
            Ok(Advance::Nothing)
        }
    }
}

fn of_ring(tallies: Vec<RingTally>, ring: u32) -> Vec<RingTally> {
    tallies.into_iter().filter(|tally| tally.ring == ring).collect()
}

/// Reads back the applications in which something of the ring was done and is not confirmed yet. Answers how the run
/// ends, where it does.
async fn read_back(tallies: &[RingTally], context: &mut Context, progress: &Progress) -> Option<TaskEnd> {
    let live = context.engine.world().deciding();
    let is_unconfirmed = |tally: &&RingTally| {
        tally.state == ProvisioningState::Executed
            && tally.mechanism != Mechanism::Manual
            && live.catalogue.can_be_read_back(&tally.application)
    };
    let names: BTreeSet<String> =
        tallies.iter().filter(is_unconfirmed).map(|tally| tally.application.clone()).collect();
    if names.is_empty() {
        return None;
    }
    let scope = TaskScope { sources: Some(BTreeSet::new()), applications: Some(names) };
    match synchronize::carry_out_back(&scope, context, &progress.aside()).await {
        // What could not be read stays unconfirmed, and the ring is judged by that.
        TaskEnd::Completed(_) | TaskEnd::Warning(_) | TaskEnd::ApplicationFailed(_) => None,
        end => Some(end),
    }
}
