//! Rings of a run, for people: how far they are, and letting the next one go. Within a run this is `tasks::rings`'.

use broker::rings;
use model::error::ApiError;
use model::ids::RunId;
use model::rings::{RingView, RingsView};
use model::view::AuditLine;
use store::StoreError;

use crate::context::OpContext;
use crate::error::internal;

/// None for a run whose orders went, or go, all at once.
pub async fn of(op: &OpContext, run: RunId) -> Result<Option<RingsView>, ApiError> {
    op.require("/Jobs/View")?;
    let store = op.engine.store();
    let Some(found) = store.rings_of(run).await.map_err(internal)? else { return Ok(None) };
    let tallies = store.ring_tallies(run).await.map_err(internal)?;
    let people = store.ring_people(run).await.map_err(internal)?;
    let live = op.engine.world().live();
    let rows = (1..=found.rings)
        .map(|ring| RingView {
            ring,
            people: people.iter().find(|(own, _)| *own == ring).map_or(0, |(_, people)| *people),
            health: rings::health(tallies.iter().filter(|tally| tally.ring == ring), &|application| {
                live.catalogue.can_be_read_back(application)
            }),
        })
        .collect();
    Ok(Some(RingsView { rings: found, rows }))
}

/// The next ring goes on the caller's word, whatever became of the one before. A run that was stopped for it goes on.
/// `seen` is the last ring that had gone when the caller looked: refused where another has gone since.
pub async fn release(op: &OpContext, run: RunId, seen: u32) -> Result<(), ApiError> {
    op.require("/Jobs/Resume")?;
    let store = op.engine.store();
    let found = store.rings_of(run).await.map_err(internal)?;
    let found = found.ok_or_else(|| {
        ApiError::conflict(format!("The orders of run {run} do not go in rings; there is none to release."))
    })?;
    if !found.is_open() {
        return Err(ApiError::conflict(format!("All rings of run {run} have gone.")));
    }
    let is_halted = found.halted.is_some();
    let (by, now) = (op.user.login.clone(), op.now);
    let audit = AuditLine {
        at: now,
        actor: by.clone(),
        action: "run".into(),
        subject: run.to_string(),
        detail: format!("released ring {} of {}", seen + 1, found.rings),
    };
    let work = store.write(move |tx| {
        Box::pin(async move {
            if !tx.release_ring(run, seen, Some(&by), now).await? {
                return Ok::<_, StoreError>(false);
            }
            tx.release_orders(Some(run), None, now).await?;
            // What else stopped the run is not what the caller has decided about.
            if is_halted {
                tx.requeue_run(run, None).await?;
            }
            tx.append_audit(&audit).await?;
            Ok(true)
        })
    });
    match work.await {
        Ok(true) => {}
        Ok(false) => {
            return Err(ApiError::conflict(format!(
                "Another ring of run {run} has gone since you looked. Look again, then decide."
            )));
        }
        Err(StoreError::Conflict { .. }) => {
            return Err(ApiError::conflict(
                "Another run of the same job waits or is under way. Wait until it ends, or cancel it, then release.",
            ));
        }
        Err(error) => return Err(internal(error)),
    }
    op.engine.wake().notify_one();
    Ok(())
}
