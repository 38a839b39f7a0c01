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
    /// From the user's permission profiles: what they allow about everybody.
    pub permissions: Vec<PermissionPath>,
    /// What they allow about some people only, with the profile that says about whom ([`crate::reach`]).
    pub limited: Vec<(String, PermissionPath)>,
    /// Printed in the log and on error pages.
    pub request_id: String,
    pub now: Timestamp,
}

impl OpContext {
    /// Refuses unless the caller holds the path or a parent of it, about everybody.
    pub fn require(&self, path: &str) -> Result<(), ApiError> {
        if self.may(path) {
            return Ok(());
        }
        let message = match self.may_about_some(path) {
            true => format!(
                "Your profile includes `{path}` for some people only, and this is about everybody. Ask an administrator of \
                 Quartermaster for it."
            ),
            false => format!("Your profile does not include `{path}`. Ask an administrator of Quartermaster for it."),
        };
        Err(ApiError::new(ErrorCode::Forbidden, message))
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

    /// Refuses unless the caller holds the path or a parent of it about somebody at least.
    pub fn require_for_some(&self, path: &str) -> Result<(), ApiError> {
        if self.may_about_some(path) { Ok(()) } else { self.require(path) }
    }

    /// Everything that is held, also about some people only: what pages and forms are opened by.
    pub fn opened(&self) -> Vec<PermissionPath> {
        self.permissions.iter().chain(self.limited.iter().map(|(_, path)| path)).cloned().collect()
    }

    /// Whether the caller holds the path or a parent of it about some people, or about everybody: what opens a page or form. The use
    /// case asks about whom.
    pub fn may_about_some(&self, path: &str) -> bool {
        let held = self.permissions.iter().chain(self.limited.iter().map(|(_, held)| held));
        PermissionPath::parse(path).is_some_and(|needed| held.into_iter().any(|held| held.grants(&needed)))
    }

    /// Whether the caller holds the path or a parent of it, about everybody.
    pub fn may(&self, path: &str) -> bool {
        PermissionPath::parse(path).is_some_and(|needed| self.permissions.iter().any(|held| held.grants(&needed)))
    }
}
