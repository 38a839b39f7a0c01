//! What the product's own users should not be allowed together.

use serde::{Deserialize, Serialize};

/// Permissions that nobody who signs in should hold together: something of one side and something of the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PermissionConflict {
    pub display_name: String,
    /// Why, for whoever is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Permission paths of one side. Each stands for itself and for all that lies below it.
    pub first: Vec<String>,
    /// Permission paths of the other side.
    pub second: Vec<String>,
    /// What becomes of it when somebody is given both.
    #[serde(default)]
    pub effect: ConflictEffect,
}

/// What becomes of giving somebody both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConflictEffect {
    /// It is not done.
    #[default]
    Refuse,
    /// It is done, and shown.
    Warn,
}

impl ConflictEffect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
        }
    }
}
