//! Identities: who people are, and what they hold.

use model::access::{Explanation, Grantable};
use model::error::ApiError;
use model::ids::IdentityId;
use model::page::Page;
use model::view::{IdentityDetail, IdentityFilter, IdentityRow};

use crate::context::OpContext;

/// A piece of the list.
pub async fn page(op: &OpContext, filter: IdentityFilter) -> Result<Page<IdentityRow>, ApiError> {
    op.require("/Identities/View")?;
    let _ = filter;
    Err(ApiError::internal())
}

/// The departments there are, for the filter.
pub async fn departments(op: &OpContext) -> Result<Vec<String>, ApiError> {
    op.require("/Identities/View")?;
    Err(ApiError::internal())
}

/// One identity with everything around it.
pub async fn detail(op: &OpContext, id: IdentityId) -> Result<IdentityDetail, ApiError> {
    op.require("/Identities/View")?;
    let _ = id;
    Err(ApiError::internal())
}

/// Why the identity holds the thing, or why not.
pub async fn explain(op: &OpContext, id: IdentityId, grantable: Grantable) -> Result<Explanation, ApiError> {
    op.require("/Identities/View")?;
    let _ = (id, grantable);
    Err(ApiError::internal())
}
