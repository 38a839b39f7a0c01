//! Users: signing in, and what a user may do.

use jiff::Timestamp;
use model::error::ApiError;
use model::ids::UserId;
use model::user::{PermissionPath, User};

use crate::Engine;

/// Checks login and password. The answer is the same, and takes the same time, for an unknown login, a wrong password
/// and a disabled user; too many failures are answered with `TooManyRequests` and the time to wait.
pub async fn sign_in(
    engine: &Engine,
    login: &str,
    password: &str,
    address: &str,
    now: Timestamp,
) -> Result<User, ApiError> {
    let _ = (engine, login, password, address, now);
    Err(ApiError::internal())
}

/// Adds a user with permission profiles.
pub async fn add(
    engine: &Engine,
    login: &str,
    display_name: &str,
    password: &str,
    profiles: Vec<String>,
) -> Result<UserId, ApiError> {
    let _ = (engine, login, display_name, password, profiles);
    Err(ApiError::internal())
}

/// The user, unless disabled or removed since.
pub async fn find(engine: &Engine, id: UserId) -> Result<Option<User>, ApiError> {
    let _ = (engine, id);
    Err(ApiError::internal())
}

/// What the user's profiles allow.
pub fn permissions(engine: &Engine, user: &User) -> Vec<PermissionPath> {
    let _ = (engine, user);
    Vec::new()
}
