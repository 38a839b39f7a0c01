//! Work items: changes that people carry out.

use model::error::ApiError;
use model::ids::WorkItemId;
use model::page::Page;
use model::view::{WorkItemDetail, WorkItemFilter, WorkItemRow};

use crate::context::OpContext;

/// What became of one work item of several.
pub type ItemOutcome = (WorkItemId, Result<(), ApiError>);

/// A piece of the list.
pub async fn page(op: &OpContext, filter: WorkItemFilter) -> Result<Page<WorkItemRow>, ApiError> {
    op.require("/WorkItems/View")?;
    let _ = filter;
    Err(ApiError::internal())
}

/// One work item with all a person needs to do it.
pub async fn detail(op: &OpContext, id: WorkItemId) -> Result<WorkItemDetail, ApiError> {
    op.require("/WorkItems/View")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Takes a work item, so that others see who is at it.
pub async fn claim(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    op.require("/WorkItems/Fulfil")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Gives a claimed work item back.
pub async fn release(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    op.require("/WorkItems/Fulfil")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Confirms that the work is done, for one or several; each answers for itself.
pub async fn confirm(op: &OpContext, ids: Vec<WorkItemId>, note: String) -> Result<Vec<ItemOutcome>, ApiError> {
    op.require("/WorkItems/Fulfil")?;
    let _ = (ids, note);
    Err(ApiError::internal())
}

/// Reports that the work cannot be done, and why, for one or several.
pub async fn report_error(op: &OpContext, ids: Vec<WorkItemId>, why: String) -> Result<Vec<ItemOutcome>, ApiError> {
    op.require("/WorkItems/Fulfil")?;
    let _ = (ids, why);
    Err(ApiError::internal())
}
