//! Jobs: what can be run, what runs, and what ran.

use model::error::ApiError;
use model::ids::RunId;
use model::job::{Job, RunLogLine, RunMode};
use model::page::Page;
use model::view::{PreviewLine, RunRow, RunUpdate};
use tokio::sync::broadcast;

use crate::context::OpContext;

/// Every job there is.
pub async fn list(op: &OpContext) -> Result<Vec<Job>, ApiError> {
    op.require("/Jobs/View")?;
    Ok(Job::all())
}

/// Queues a run; the runner takes it at once. Refused while another run is under way.
pub async fn start(op: &OpContext, job: String, mode: RunMode) -> Result<RunId, ApiError> {
    op.require("/Jobs/Run")?;
    let _ = (job, mode);
    Err(ApiError::internal())
}

/// Asks a run to stop after what is under way.
pub async fn cancel(op: &OpContext, id: RunId) -> Result<(), ApiError> {
    op.require("/Jobs/Run")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Goes on with a run that a threshold stopped, on the caller's word.
pub async fn resume(op: &OpContext, id: RunId) -> Result<(), ApiError> {
    op.require("/Jobs/Resume")?;
    let _ = id;
    Err(ApiError::internal())
}

/// The newest runs, older than `before` where given.
pub async fn runs(op: &OpContext, limit: u32, before: Option<RunId>) -> Result<Vec<RunRow>, ApiError> {
    op.require("/Jobs/View")?;
    let _ = (limit, before);
    Err(ApiError::internal())
}

/// One run with its steps.
pub async fn run(op: &OpContext, id: RunId) -> Result<RunRow, ApiError> {
    op.require("/Jobs/View")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Log lines after a sequence number (0 for all), at most `limit`.
pub async fn log(op: &OpContext, id: RunId, after: i64, limit: u32) -> Result<Vec<RunLogLine>, ApiError> {
    op.require("/Jobs/View")?;
    let _ = (id, after, limit);
    Err(ApiError::internal())
}

/// What a dry run would do.
pub async fn preview(op: &OpContext, id: RunId, after: i64, limit: u32) -> Result<Page<PreviewLine>, ApiError> {
    op.require("/Jobs/View")?;
    let _ = (id, after, limit);
    Err(ApiError::internal())
}

/// Updates of all runs as they happen, for pages that are open.
pub fn subscribe(op: &OpContext) -> Result<broadcast::Receiver<RunUpdate>, ApiError> {
    op.require("/Jobs/View")?;
    Ok(op.engine.updates().subscribe())
}
