//! Orders: what is being provisioned, and what an operator may do about it.

use model::error::ApiError;
use model::ids::OrderId;
use model::page::Page;
use model::view::{OrderCounts, OrderDetail, OrderFilter, OrderRow};

use crate::context::OpContext;

/// A piece of the list.
pub async fn page(op: &OpContext, filter: OrderFilter) -> Result<Page<OrderRow>, ApiError> {
    op.require("/Orders/View")?;
    let _ = filter;
    Err(ApiError::internal())
}

/// How many orders there are in each state, by the same filter without its state.
pub async fn counts(op: &OpContext, filter: OrderFilter) -> Result<OrderCounts, ApiError> {
    op.require("/Orders/View")?;
    let _ = filter;
    Err(ApiError::internal())
}

/// One order with its whole way.
pub async fn detail(op: &OpContext, id: OrderId) -> Result<OrderDetail, ApiError> {
    op.require("/Orders/View")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Sends a failed or waiting order again, now.
pub async fn retry(op: &OpContext, id: OrderId) -> Result<(), ApiError> {
    op.require("/Orders/Retry")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Approves or declines an order that waits for review.
pub async fn review(op: &OpContext, id: OrderId, approve: bool) -> Result<(), ApiError> {
    op.require("/Orders/Review")?;
    let _ = (id, approve);
    Err(ApiError::internal())
}

/// Gives up an order that is not under way.
pub async fn cancel(op: &OpContext, id: OrderId, why: String) -> Result<(), ApiError> {
    op.require("/Orders/Cancel")?;
    let _ = (id, why);
    Err(ApiError::internal())
}
