//! What nobody should hold, or hold together: separation of duties and high privilege.

use serde::{Deserialize, Serialize};

use crate::access::Grantable;

/// A risk: it is there for whoever breaks one of its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Risk {
    pub display_name: String,
    pub description: Option<String>,
    pub kind: RiskKind,
    /// How bad it is, from 0 to [`Risk::HIGHEST`].
    pub level: i32,
    /// Login of the person who answers for it, and may decide on its violations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What happens where a request or a plan would newly bring it about.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// What makes it bearable, offered to whoever excepts somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigating_control: Option<String>,
    /// Longest exception, in days; [`Risk::EXCEPTION_DAYS`] unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_days: Option<u16>,
    /// One that is broken is enough.
    pub rules: Vec<RiskRule>,
}

impl Risk {
    /// The highest level.
    pub const HIGHEST: i32 = 100;
    /// Longest exception where nothing is said.
    pub const EXCEPTION_DAYS: u16 = 90;

    /// Longest exception, in days.
    pub fn exception_days(&self) -> u16 {
        self.exception_days.unwrap_or(Self::EXCEPTION_DAYS)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RiskKind {
    /// Two or more things that nobody should hold together.
    SeparationOfDuties,
    /// One thing that is a risk by itself.
    HighPrivilege,
}

impl RiskKind {
    pub const ALL: [Self; 2] = [Self::SeparationOfDuties, Self::HighPrivilege];

    pub fn name(self) -> &'static str {
        match self {
            Self::SeparationOfDuties => "separation_of_duties",
            Self::HighPrivilege => "high_privilege",
        }
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::SeparationOfDuties => "Separation of duties",
            Self::HighPrivilege => "High privilege",
        }
    }

    /// How many sides a rule of it has at least.
    pub fn fewest_sides(self) -> usize {
        match self {
            Self::SeparationOfDuties => 2,
            Self::HighPrivilege => 1,
        }
    }
}

/// What happens where something would newly bring a risk about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// Whoever asks for it says why; rules give it all the same.
    #[default]
    Warn,
    /// The orders that would complete it wait for a person.
    Approve,
    /// Nobody may ask for it, and what rules give is not ordered.
    Block,
}

impl OnConflict {
    pub const ALL: [Self; 3] = [Self::Warn, Self::Approve, Self::Block];

    pub fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Approve => "approve",
            Self::Block => "block",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Broken by whoever holds something of every side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RiskRule {
    pub sides: Vec<RiskSide>,
}

/// One side of a rule: any one of these things is enough. They may be of several applications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RiskSide {
    /// What people call this side, such as "Books invoices".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub roles: Vec<String>,
    pub access_profiles: Vec<String>,
    pub account_types: Vec<String>,
    pub entitlements: Vec<String>,
}

impl RiskSide {
    /// All that it names, by kind and as written.
    pub fn things(&self) -> impl Iterator<Item = Grantable> + '_ {
        let roles = self.roles.iter().cloned().map(Grantable::Role);
        let profiles = self.access_profiles.iter().cloned().map(Grantable::AccessProfile);
        let types = self.account_types.iter().cloned().map(Grantable::AccountType);
        let entitlements = self.entitlements.iter().cloned().map(Grantable::Entitlement);
        roles.chain(profiles).chain(types).chain(entitlements)
    }
}
