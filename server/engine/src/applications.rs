//! Applications: what they hold, and how they are.

use model::error::ApiError;
use model::page::Page;
use model::view::{AccountFilter, AccountRow, ApplicationDetail, ApplicationRow, ApplicationSchema, ConnectionTest};

use crate::context::OpContext;

/// All applications.
pub async fn rows(op: &OpContext) -> Result<Vec<ApplicationRow>, ApiError> {
    op.require("/Applications/View")?;
    Err(ApiError::internal())
}

/// One application.
pub async fn detail(op: &OpContext, name: String) -> Result<ApplicationDetail, ApiError> {
    op.require("/Applications/View")?;
    let _ = name;
    Err(ApiError::internal())
}

/// A piece of its accounts.
pub async fn accounts(op: &OpContext, filter: AccountFilter) -> Result<Page<AccountRow>, ApiError> {
    op.require("/Applications/View")?;
    let _ = filter;
    Err(ApiError::internal())
}

/// Tries the connection, step by step.
pub async fn test(op: &OpContext, name: String) -> Result<ConnectionTest, ApiError> {
    op.require("/Applications/Test")?;
    let _ = name;
    Err(ApiError::internal())
}

/// Asks the application which attributes its accounts have.
pub async fn schema(op: &OpContext, name: String) -> Result<ApplicationSchema, ApiError> {
    op.require("/Applications/View")?;
    let _ = name;
    Err(ApiError::internal())
}
