//! Who asks, with what rights, when: the first argument of every use case.

use jiff::Timestamp;
use model::error::{ApiError, ErrorCode};
use model::user::{Duty, PermissionPath, User};

use crate::Engine;

/// The caller of a use case. Made once per request by the rim, from the session.
#[derive(Clone)]
pub struct OpContext {
    pub engine: Engine,
    pub user: User,
    /// From the user's permission profiles.
    pub permissions: Vec<PermissionPath>,
    /// Printed in the log and on error pages.
    pub request_id: String,
    pub now: Timestamp,
}

impl OpContext {
    /// Refuses unless the caller holds the path or a parent of it.
    pub fn require(&self, path: &str) -> Result<(), ApiError> {
        if self.may(path) {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::Forbidden,
            format!("Your profile does not include `{path}`. Ask an administrator of Quartermaster for it."),
        ))
    }

    /// Refuses unless the caller has the duty for this account type, or for every one.
    pub fn require_duty(&self, duty: Duty, account_type: &str) -> Result<(), ApiError> {
        if duty.is_allowed(&self.permissions, account_type) {
            return Ok(());
        }
        let path = duty.paths(account_type).into_iter().next();
        self.require(path.as_ref().map_or(duty.path(), PermissionPath::as_str))
    }

    /// Refuses unless the caller has the duty for some account type.
    pub fn require_duty_somewhere(&self, duty: Duty) -> Result<(), ApiError> {
        if duty.is_allowed_somewhere(&self.permissions) { Ok(()) } else { self.require(duty.path()) }
    }

    /// Whether the caller holds the path or a parent of it.
    pub fn may(&self, path: &str) -> bool {
        PermissionPath::parse(path).is_some_and(|needed| self.permissions.iter().any(|held| held.grants(&needed)))
    }
}
