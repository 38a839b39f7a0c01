//! Naming rules: what the names that an application gives its entitlements say of them.

use serde::{Deserialize, Serialize};

/// Makes an entitlement of what an application says it has, and bundles it, by how its key is written. Called role mapping
/// elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamingRule {
    pub description: Option<String>,
    /// Which account holds what is made; the keys are those of its application.
    pub account_type: String,
    /// A regular expression that fits the whole key. Its named groups are what the texts below may hold as `{group}`: of
    /// `APP (?<system>.+) (?<right>Read|Change)` these are `{system}` and `{right}`.
    pub pattern: String,
    /// Of several rules that fit a key the one with the smaller number says what it is; of equal ones the first by name.
    #[serde(default)]
    pub priority: i32,
    pub entitlement: NamedEntitlement,
    /// Access profile that the entitlement goes into: a new one, or one that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_profile: Option<NamedBundle>,
    /// Role that the access profile goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<NamedBundle>,
}

/// An entitlement as texts with `{group}`, `{key}` and `{display_name}` in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedEntitlement {
    /// What stands for a group here is written in small letters and digits with hyphens between.
    pub name: String,
    /// As the application calls it unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
}

/// An access profile or a role, in the same way. What one of that name says already stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedBundle {
    pub name: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
