//! The home page: what waits for the person who looks.

use model::error::ApiError;
use model::view::Home;

use crate::context::OpContext;

/// Everything on the home page; parts the caller may not see are left empty.
pub async fn home(op: &OpContext) -> Result<Home, ApiError> {
    op.require("/Home/View")?;
    Err(ApiError::internal())
}
