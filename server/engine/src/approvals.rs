//! Approvals: what a threshold stopped, and a named person's word on exactly that.

use broker::approval;
use model::block::{BlockState, RunBlock};
use model::error::ApiError;
use model::ids::{RequestId, RunId, UserId};
use model::job::RunState;
use model::page::Page;
use model::view::{AuditLine, PreviewFilter, PreviewGroup, PreviewLine, RunUpdate};
use store::StoreError;

use crate::context::OpContext;
use crate::error::internal;

/// Longest reason that is kept.
const LONGEST_REASON: usize = 1_000;

/// What was stopped in this run, newest first.
pub async fn blocks(op: &OpContext, id: RunId) -> Result<Vec<RunBlock>, ApiError> {
    op.require("/Jobs/View")?;
    op.engine.store().run_blocks(id).await.map_err(internal)
}

/// What a dry run would do, or the whole plan that a threshold stopped.
pub async fn preview(op: &OpContext, id: RunId, filter: PreviewFilter) -> Result<Page<PreviewLine>, ApiError> {
    op.require("/Jobs/View")?;
    let mut page = op.engine.store().preview(id, &filter).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(page)
}

/// How many lines of that there are of each kind.
pub async fn preview_groups(op: &OpContext, id: RunId) -> Result<Vec<PreviewGroup>, ApiError> {
    op.require("/Jobs/View")?;
    op.engine.store().preview_groups(id).await.map_err(internal)
}

/// Approves what a threshold stopped, for exactly what was stopped, and goes on with the run. `digest` is of what the
/// caller looked at, where they looked.
pub async fn approve(op: &OpContext, id: RunId, digest: Option<String>, reason: String) -> Result<(), ApiError> {
    op.require("/Jobs/Resume")?;
    let reason = said(reason, "the run is let through")?;
    let block = waiting(op, id, digest).await?;
    if block.second_person {
        let run = op.engine.store().run(id).await.map_err(internal)?;
        let started_by = run.and_then(|run| run.started_by);
        // Who works at the machine itself is nobody in particular.
        if op.user.id == UserId(0) || started_by == Some(op.user.id) {
            return Err(ApiError::conflict(format!(
                "Run {id} needs the word of a second person: somebody else than who started it, signed in by name. Ask a colleague to approve it."
            )));
        }
    }
    let short: String = block.digest.chars().take(12).collect();
    let audit =
        audit(op, id, format!("approved plan {short} ({} changes) beyond its threshold: {reason}", block.changes));
    let (by, now) = (op.user.login.clone(), op.now);
    let requests = op.engine.store().requests_of_run(id).await.map_err(internal)?;
    let requests: Vec<RequestId> = requests.iter().map(|request| request.id).collect();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let taken = tx.decide_run_block(block.id, &block.digest, BlockState::Approved, &by, &reason, now).await?
                && tx.requeue_run(id, Some(&by)).await?;
            if !taken {
                return Err(Decided::Meanwhile);
            }
            crate::requests::follow::approved(tx, &requests).await?;
            tx.append_audit(&audit).await?;
            Ok(())
        })
    });
    finished(op, id, work.await).await?;
    op.engine.wake().notify_one();
    Ok(())
}

/// Says no to what a threshold stopped: the run is over, and nothing of it happens.
pub async fn reject(op: &OpContext, id: RunId, digest: Option<String>, reason: String) -> Result<(), ApiError> {
    op.require("/Jobs/Resume")?;
    let reason = said(reason, "the plan is rejected")?;
    let block = waiting(op, id, digest).await?;
    let audit = audit(op, id, format!("rejected what its threshold stopped: {reason}"));
    let ended = crate::jobs::ended(op.now, id, RunState::Cancelled, "a person rejected what its threshold stopped");
    let mut is_taken = false;
    for _ in 0..crate::requests::TRIES {
        let called_off = crate::requests::rejected(&op.engine, id, &op.user.login, &reason, op.now).await;
        let called_off = called_off.map_err(internal)?;
        let (by, now, reason, block) = (op.user.login.clone(), op.now, reason.clone(), block.clone());
        let (audit, ended) = (audit.clone(), ended.clone());
        let work = op.engine.store().write(move |tx| {
            Box::pin(async move {
                let message = format!("Rejected by {by}: {reason}");
                let taken =
                    tx.decide_run_block(block.id, &block.digest, BlockState::Rejected, &by, &reason, now).await?
                        && tx.reject_run(id, &message).await?;
                if !taken {
                    return Err(Decided::Meanwhile);
                }
                for request in &called_off {
                    // One of which something was sent by another run goes on.
                    crate::requests::call_off(tx, request).await?;
                }
                tx.append_audit(&audit).await?;
                tx.append_audit(&ended).await?;
                Ok(())
            })
        });
        match work.await {
            // What a request had given was changed in between: looked at anew.
            Err(Decided::Store(StoreError::Contended)) => {}
            outcome => {
                finished(op, id, outcome).await?;
                is_taken = true;
                break;
            }
        }
    }
    if !is_taken {
        return Err(no_longer(id));
    }
    if let Ok(row) = crate::jobs::run(op, id).await {
        // Nobody listening is no failure.
        let _ = op.engine.updates().send(RunUpdate { run: row.run, lines: Vec::new() });
    }
    Ok(())
}

/// Until when an approval holds.
pub fn holds_until(block: &RunBlock) -> Option<jiff::Timestamp> {
    block.decided_at.and_then(|at| at.checked_add(approval::HOLDS_FOR).ok())
}

/// Why a decision was not taken; being an error, it rolls back what was written before it was found out.
enum Decided {
    Meanwhile,
    Store(StoreError),
}

impl From<StoreError> for Decided {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn finished(op: &OpContext, id: RunId, outcome: Result<(), Decided>) -> Result<(), ApiError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(Decided::Meanwhile) => Err(no_longer(id)),
        Err(Decided::Store(StoreError::Conflict { constraint })) if constraint == "run_one_of_job" => {
            let job = crate::jobs::run(op, id).await?.run.job;
            let active = op.engine.store().active_runs().await.map_err(internal)?;
            let other = active.iter().find(|row| row.run.job == job).map(|row| row.run.id);
            let other =
                other.map(|other| format!("run {other}")).unwrap_or_else(|| "one that has just ended".to_owned());
            Err(ApiError::conflict(format!(
                "Run {id} cannot go on while another run of its job waits or is under way: {other}. Wait until it ends, or cancel it, then approve this one."
            )))
        }
        Err(Decided::Store(error)) => Err(internal(error)),
    }
}

async fn waiting(op: &OpContext, id: RunId, digest: Option<String>) -> Result<RunBlock, ApiError> {
    let run = op.engine.store().run(id).await.map_err(internal)?;
    let run = run.ok_or_else(|| ApiError::not_found(format!("run {id}")))?;
    let blocks = op.engine.store().run_blocks(id).await.map_err(internal)?;
    let block = blocks.into_iter().find(|block| block.state == BlockState::Waiting);
    let block = block.filter(|_| run.state == RunState::Blocked).ok_or_else(|| no_longer(id))?;
    if digest.is_some_and(|digest| digest != block.digest) {
        return Err(ApiError::conflict(format!(
            "What run {id} would do is no longer what you looked at. Look at the plan again before you decide."
        )));
    }
    Ok(block)
}

fn no_longer(id: RunId) -> ApiError {
    ApiError::conflict(format!(
        "Run {id} does not wait for an approval: it is not stopped by a threshold, or somebody has decided. Look at it again."
    ))
}

fn said(reason: String, what: &str) -> Result<String, ApiError> {
    let reason = reason.trim().to_owned();
    if reason.is_empty() {
        return Err(ApiError::invalid("reason", format!("Say why {what}; it is kept with the run.")));
    }
    if reason.chars().count() > LONGEST_REASON {
        return Err(ApiError::invalid("reason", format!("A reason has at most {LONGEST_REASON} characters.")));
    }
    Ok(reason)
}

fn audit(op: &OpContext, id: RunId, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "run".into(), subject: id.to_string(), detail }
}
