//! Indirect rules: what people hold in one place because of what they hold in another.

use serde::{Deserialize, Serialize};

/// Whoever holds an entitlement that an account of another type stands for holds what that account holds: a group of the
/// directory that is itself in another group, or that an application has as one of its principals. It is read, never granted: it
/// comes and goes with what leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IndirectRule {
    pub description: Option<String>,
    /// Its accounts are people's, and hold the entitlements that lead on.
    pub account_type: String,
    /// Its accounts stand for such entitlements. They are nobody's, and are not reported as such.
    pub through: String,
    /// The attribute in which such an account says for which entitlement it stands; its key unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// A regular expression for the keys of entitlements: what its first group fits is what stands in the attribute, of
    /// `cn=([^,]+),.*` the group's name. The whole key unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The account type among whose entitlements those count that such an account holds; `through` unless told. With that of the
    /// people's accounts, groups within groups are followed as far as they go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_as: Option<String>,
}

impl IndirectRule {
    /// The account type whose entitlements are reached.
    pub fn reaches(&self) -> &str {
        self.counts_as.as_deref().unwrap_or(&self.through)
    }
}
