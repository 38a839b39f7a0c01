//! Jobs: what can be run, what runs, and what ran.

use model::error::ApiError;
use model::ids::{RunId, UserId};
use model::job::{Job, Run, RunLogLine, RunMode, RunState, TaskKind, TaskRun};
use model::page::Page;
use model::view::{AuditLine, PreviewLine, RunRow, RunUpdate};
use store::StoreError;
use tokio::sync::broadcast;

use crate::context::OpContext;
use crate::error::internal;

/// Every job there is.
pub async fn list(op: &OpContext) -> Result<Vec<Job>, ApiError> {
    op.require("/Jobs/View")?;
    Ok(Job::all())
}

/// Queues a run; the runner takes it at once. Refused while another run is under way.
pub async fn start(op: &OpContext, job: String, mode: RunMode) -> Result<RunId, ApiError> {
    op.require("/Jobs/Run")?;
    let found = Job::find(&job).ok_or_else(|| {
        let known: Vec<String> = Job::all().into_iter().map(|job| job.name).collect();
        ApiError::invalid("job", format!("There is no job `{job}`. There are: {}.", known.join(", ")))
    })?;
    let store = op.engine.store();
    let id = RunId(store.reserve_ids(1).await.map_err(internal)?.start);
    let run = queued(op, id, &found.name, &found.tasks, mode);
    let audit = audit(
        op,
        id,
        format!(
            "started {}{}{}",
            job,
            if mode.incremental { ", incremental" } else { "" },
            if mode.dry_run { ", dry run" } else { "" }
        ),
    );
    let work = store.write(move |tx| {
        Box::pin(async move {
            tx.queue_run(&run).await?;
            tx.append_audit(&audit).await
        })
    });
    match work.await {
        Ok(()) => {}
        Err(StoreError::Conflict { constraint }) if constraint == "run_one_active" => {
            return Err(ApiError::conflict(
                "Another run is under way. Wait until it ends, or cancel it, then start again.",
            ));
        }
        Err(error) => return Err(internal(error)),
    }
    op.engine.wake().notify_one();
    Ok(id)
}

pub(crate) fn queued(op: &OpContext, id: RunId, job: &str, tasks: &[TaskKind], mode: RunMode) -> Run {
    let task = |(sequence, kind): (u32, &TaskKind)| TaskRun {
        sequence,
        kind: *kind,
        state: RunState::Queued,
        message: None,
        done: 0,
        total: None,
        unit: String::new(),
        failed: 0,
        counts: Vec::new(),
        started_at: None,
        finished_at: None,
    };
    Run {
        id,
        job: job.to_owned(),
        mode,
        state: RunState::Queued,
        message: None,
        configuration: None,
        started_by: (op.user.id != UserId(0)).then_some(op.user.id),
        queued_at: op.now,
        started_at: None,
        finished_at: None,
        cancel_requested: false,
        approved_by: None,
        tasks: (0..).zip(tasks).map(task).collect(),
    }
}

/// Asks a run to stop after what is under way.
pub async fn cancel(op: &OpContext, id: RunId) -> Result<(), ApiError> {
    op.require("/Jobs/Run")?;
    let audit = audit(op, id, "asked to stop".into());
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let asked = tx.request_cancel(id).await?;
            if asked {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(asked)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(()),
        false => Err(ApiError::conflict(format!("Run {id} has already ended; there is nothing to stop."))),
    }
}

/// Goes on with a run that a threshold stopped, on the caller's word.
pub async fn resume(op: &OpContext, id: RunId) -> Result<(), ApiError> {
    op.require("/Jobs/Resume")?;
    let (by, audit) = (op.user.login.clone(), audit(op, id, "let through beyond its threshold".into()));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let resumed = tx.requeue_run(id, &by).await?;
            if resumed {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(resumed)
        })
    });
    match work.await {
        Ok(true) => {}
        Ok(false) => {
            return Err(ApiError::conflict(format!("Run {id} is not stopped by a threshold; look at it again.")));
        }
        Err(StoreError::Conflict { .. }) => {
            return Err(ApiError::conflict("Another run is under way. Wait until it ends, then resume this one."));
        }
        Err(error) => return Err(internal(error)),
    }
    op.engine.wake().notify_one();
    Ok(())
}

/// The newest runs, older than `before` where given.
pub async fn runs(op: &OpContext, limit: u32, before: Option<RunId>) -> Result<Vec<RunRow>, ApiError> {
    op.require("/Jobs/View")?;
    op.engine.store().runs(limit, before).await.map_err(internal)
}

/// One run with its steps.
pub async fn run(op: &OpContext, id: RunId) -> Result<RunRow, ApiError> {
    op.require("/Jobs/View")?;
    let found = op.engine.store().run_row(id).await.map_err(internal)?;
    found.ok_or_else(|| ApiError::not_found(format!("run {id}")))
}

/// Log lines after a sequence number (0 for all), at most `limit`.
pub async fn log(op: &OpContext, id: RunId, after: i64, limit: u32) -> Result<Vec<RunLogLine>, ApiError> {
    op.require("/Jobs/View")?;
    op.engine.store().run_log(id, after, limit).await.map_err(internal)
}

/// What a dry run would do, or what a threshold stopped.
pub async fn preview(op: &OpContext, id: RunId, after: i64, limit: u32) -> Result<Page<PreviewLine>, ApiError> {
    op.require("/Jobs/View")?;
    let mut page = op.engine.store().preview(id, after, limit).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(page)
}

/// Updates of all runs as they happen, for pages that are open.
pub fn subscribe(op: &OpContext) -> Result<broadcast::Receiver<RunUpdate>, ApiError> {
    op.require("/Jobs/View")?;
    Ok(op.engine.updates().subscribe())
}

fn audit(op: &OpContext, id: RunId, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "run".into(), subject: id.to_string(), detail }
}
