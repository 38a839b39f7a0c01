//! What sets a change off.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The role model was computed.
    IdentityRefresh,
    /// An identity joined, moved or left.
    LifecycleEvent,
    /// An account differs from what is known of it.
    Drift,
    Administrator,
}

impl Trigger {
    pub fn name(self) -> &'static str {
        match self {
            Self::IdentityRefresh => "identity_refresh",
            Self::LifecycleEvent => "lifecycle_event",
            Self::Drift => "drift",
            Self::Administrator => "administrator",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "identity_refresh" => Self::IdentityRefresh,
            "lifecycle_event" => Self::LifecycleEvent,
            "drift" => Self::Drift,
            "administrator" => Self::Administrator,
            _ => return None,
        })
    }
}
