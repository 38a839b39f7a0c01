//! Lifecycle states: the three that every identity has by its contexts, and the organisation's own ones, with what becomes
//! of access and accounts in them.

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::access::Grantable;
use crate::identity::LifecycleState;

/// What a lifecycle state means. One named `joiner`, `active` or `leaver` says more about that one; any other is the
/// organisation's own, and holds for whom `when` does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LifecycleStateDefinition {
    /// The name itself where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// CEL over `identity`, looked at in each context that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Smaller wins where several states of one's own match.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i32,
    #[serde(skip_serializing_if = "is_default")]
    pub access: StateAccess,
    /// Only these, and what follows from them, stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<Grantables>,
    /// These, and what would follow through them, go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<Grantables>,
    /// CEL over `identity`: nothing is stripped or deleted of whom it holds for while they are in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<String>,
    /// Whoever is in it is away: requests wait for the approval of others.
    #[serde(skip_serializing_if = "is_default")]
    pub absent: bool,
    /// What happens to accounts, counted in days from the first day of the state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountStep>,
}

/// What of the access that rules and requests give is there in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StateAccess {
    #[default]
    Keep,
    None,
}

/// Names of what can be held, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Grantables {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_profiles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<String>,
}

/// One step of what happens to accounts in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountStep {
    /// 0 is the first day of the state.
    pub after_days: u16,
    #[serde(rename = "do")]
    pub action: AccountAction,
    /// Accounts in these applications, and of these types; all where neither is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub account_types: Vec<String>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountAction {
    /// The account stays as it is although nothing grants it.
    Keep,
    /// Nobody can use it; what it holds stays.
    Disable,
    /// What it holds is taken away.
    Strip,
    Delete,
}

impl AccountAction {
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Disable => "disable",
            Self::Strip => "strip",
            Self::Delete => "delete",
        }
    }

    /// Of an account: "disabled".
    pub fn done(self) -> &'static str {
        match self {
            Self::Keep => "kept as it is",
            Self::Disable => "disabled",
            Self::Strip => "stripped",
            Self::Delete => "deleted",
        }
    }
}

impl LifecycleStateDefinition {
    /// Whether anything follows from being in it; a name and a description alone change nothing.
    pub fn has_effect(&self) -> bool {
        let says_nothing = Self {
            display_name: self.display_name.clone(),
            description: self.description.clone(),
            priority: self.priority,
            ..Self::default()
        };
        *self != says_nothing
    }

    /// What people call the state of this name.
    pub fn label<'a>(&'a self, name: &'a str) -> &'a str {
        let usual = || LifecycleState::of_name(name).map_or(name, |state| state.label());
        self.display_name.as_deref().unwrap_or_else(usual)
    }
}

impl Grantables {
    /// All of them, in the order of the kinds.
    pub fn all(&self) -> impl Iterator<Item = Grantable> {
        let roles = self.roles.iter().cloned().map(Grantable::Role);
        let profiles = self.access_profiles.iter().cloned().map(Grantable::AccessProfile);
        let kinds = self.account_types.iter().cloned().map(Grantable::AccountType);
        roles.chain(profiles).chain(kinds).chain(self.entitlements.iter().cloned().map(Grantable::Entitlement))
    }
}

impl AccountStep {
    /// Whether it is about accounts of this type, which is this application's.
    pub fn is_about(&self, application: &str, account_type: &str) -> bool {
        (self.applications.is_empty() && self.account_types.is_empty()) || self.names(application, account_type)
    }

    /// Whether it says so by name, and not only of all.
    pub fn names(&self, application: &str, account_type: &str) -> bool {
        self.applications.iter().any(|name| name == application)
            || self.account_types.iter().any(|name| name == account_type)
    }
}
