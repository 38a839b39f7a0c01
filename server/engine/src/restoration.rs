//! A database that was put back to an earlier state does not know what was sent since. Nothing goes out of it, neither orders nor
//! mails, until a person has seen what the applications hold and says so; reading and deciding go on. It is known by the mark
//! that every backup bears ([`crate::backup`]), or because somebody says so ([`mark`]).

use jiff::Timestamp;
use model::error::ApiError;
use model::job::{Run, RunState, TaskKind, TaskRun};
use model::order::ProvisioningState;
use model::restoration::RestoredView;
use model::view::{AuditLine, OrderFilter, RunFilter, RunRow};
use store::{Restoration, StoreError};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// Makes ready for a database that was put back, where that has not been done.
pub(crate) async fn notice(engine: &Engine) -> Result<(), StoreError> {
    if engine.store().restoration().await?.is_none_or(|restoration| restoration.noticed_at.is_some()) {
        return Ok(());
    }
    let at = engine.now();
    let noticed = engine.store().write(move |tx| Box::pin(async move { tx.notice_restoration(at).await }));
    if noticed.await? {
        tracing::warn!("This database was put back to an earlier state. Nothing goes out of it until a person says so");
    }
    Ok(())
}

/// Whether nothing is to go out: looked at before anything is claimed to be sent, or anybody is asked for answers.
pub(crate) async fn keeps_all_in(engine: &Engine) -> Result<bool, StoreError> {
    Ok(engine.store().restoration().await?.is_some())
}

/// The restoration that stands, with what it waits for.
///
/// # Errors
/// Where the caller may not see orders.
pub async fn standing(op: &OpContext) -> Result<Option<RestoredView>, ApiError> {
    op.require("/Orders/View")?;
    view(op).await.map_err(internal)
}

/// Notes that this database was put back by other means than a backup of ours: nothing goes out from now on.
///
/// # Errors
/// Where the caller may not let it go again.
pub async fn mark(op: &OpContext, taken_at: Option<Timestamp>) -> Result<(), ApiError> {
    op.require("/Applications/Release")?;
    let at = op.now;
    let audit = audit(op, "restored", "nothing goes out until somebody says so");
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.mark_restored(taken_at).await?;
            tx.notice_restoration(at).await?;
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)
}

/// Lets orders and mails go out again, on a person's word.
///
/// # Errors
/// Conflict where nothing was put back, or not all was read and planned anew since: what waits may be the opposite of what is
/// right by now.
pub async fn end(op: &OpContext) -> Result<(), ApiError> {
    op.require("/Applications/Release")?;
    let Some(standing) = view(op).await.map_err(internal)? else {
        return Err(ApiError::conflict("This database is not held back as a restored one; nothing was changed."));
    };
    if let Some(missing) = standing.missing() {
        return Err(ApiError::conflict(format!(
            "{missing} Run the job `complete`, look at the orders that wait, then say so again."
        )));
    }
    let (at, by) = (op.now, op.user.login.clone());
    let audit = audit(op, "restoration ended", &format!("{} orders go out", standing.waiting));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let ended = tx.end_restoration(at, &by).await?;
            if ended {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(ended)
        })
    });
    if !work.await.map_err(internal)? {
        return Err(ApiError::conflict("Somebody else was first; orders and mails go out again."));
    }
    op.engine.wake().notify_waiters();
    Ok(())
}

async fn view(op: &OpContext) -> Result<Option<RestoredView>, StoreError> {
    let store = op.engine.store();
    let Some(Restoration { taken_at, noticed_at }) = store.restoration().await? else { return Ok(None) };
    let facts = store.application_facts().await?;
    let is_read = |name: &String| {
        let read = facts.iter().find(|facts| facts.name == *name).and_then(|facts| facts.last_synchronized_at);
        read.zip(noticed_at).is_some_and(|(read, noticed)| read >= noticed)
    };
    let configuration = op.engine.world().configuration();
    let readable = configuration.applications.iter().filter(|(_, application)| application.connection.can_be_read());
    let unread = readable.filter(|(name, _)| !is_read(name)).map(|(_, application)| application.display_name.clone());
    let sources = configuration.sources.iter().filter(|(name, source)| !source.filled_by_sign_ins && !is_read(name));
    let unread = sources.map(|(_, source)| source.display_name.clone()).chain(unread);
    let counts = store.order_counts(&OrderFilter::default()).await?.by_state;
    let waiting = counts.iter().filter(|(state, _)| *state == ProvisioningState::Pending).map(|(_, count)| count).sum();
    let is_planned = match noticed_at {
        Some(noticed) => is_planned(&store.runs(&RunFilter { limit: RUNS, ..RunFilter::default() }).await?, noticed),
        None => false,
    };
    Ok(Some(RestoredView { taken_at, unread: unread.collect(), is_planned, waiting }))
}

/// Runs that are looked through for one that has planned.
const RUNS: u32 = 200;

/// Whether one of these has taken over all that was read, decided and ordered for everybody since.
fn is_planned(runs: &[RunRow], since: Timestamp) -> bool {
    let does = |run: &Run, kind: TaskKind| {
        let did = |task: &TaskRun| {
            task.task.kind == kind
                && task.task.scope.is_all()
                && matches!(task.state, RunState::Completed | RunState::Warning)
                && task.started_at.is_some_and(|at| at >= since)
        };
        run.tasks.iter().any(did)
    };
    let steps = [TaskKind::Synchronize, TaskKind::ComputeRoleModel, TaskKind::GenerateOrders];
    let is_whole = |run: &Run| !run.mode.dry_run && !run.mode.incremental && steps.iter().all(|kind| does(run, *kind));
    runs.iter().any(|row| is_whole(&row.run))
}

fn audit(op: &OpContext, action: &str, detail: &str) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: action.to_owned(),
        subject: "database".into(),
        detail: detail.to_owned(),
    }
}
