//! Accounts: what applications hold, as last read and as changed since by confirmed orders.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, IdentityId};
use crate::value::Attributes;

/// How changes reach an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// A connector that answers at once.
    Direct,
    /// Another system that takes the order and answers later.
    Executor,
    /// A person, by work item.
    Manual,
}

impl Mechanism {
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Executor => "executor",
            Self::Manual => "manual",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "direct" => Self::Direct,
            "executor" => Self::Executor,
            "manual" => Self::Manual,
            _ => return None,
        })
    }
}

/// An account as known: last reading, plus what confirmed orders changed since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub application: String,
    /// Empty while nobody knows of which type an account that was found is.
    pub account_type: String,
    /// Immutable key in the application: SCIM id, DN, primary key.
    pub key: String,
    pub owner: Option<IdentityId>,
    pub status: AccountStatus,
    pub provenance: Provenance,
    pub attributes: Attributes,
    /// Keys of entitlements as the application writes them.
    pub entitlements: BTreeSet<String>,
    /// When the application was last read and listed it.
    pub observed_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    Enabled,
    Disabled,
    /// Deleted, or no longer listed by the application.
    Gone,
}

impl AccountStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Gone => "gone",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "enabled" => Self::Enabled,
            "disabled" => Self::Disabled,
            "gone" => Self::Gone,
            _ => return None,
        })
    }
}

/// Whether the account is our doing; what we did not create is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    Created,
    /// Existed when we wanted to create it, and matched.
    Adopted,
    /// Read from the application.
    Found,
}

impl Provenance {
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
            Self::Found => "found",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "created" => Self::Created,
            "adopted" => Self::Adopted,
            "found" => Self::Found,
            _ => return None,
        })
    }
}

/// An account as an application just described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedAccount {
    pub key: String,
    pub enabled: bool,
    pub attributes: Attributes,
    pub entitlements: BTreeSet<String>,
}

/// An entitlement as an application just described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedEntitlement {
    pub key: String,
    pub display_name: String,
}
