//! What is read from outside, before it is taken over, and what taking it over would change.

use serde::{Deserialize, Serialize};

use crate::identity::Context;
use crate::value::Attributes;

/// An identity as a source just described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedIdentity {
    pub key: String,
    pub display_name: String,
    pub attributes: Attributes,
    pub contexts: Vec<Context>,
    pub manager_key: Option<String>,
}

/// What one synchronization would insert, update and delete, for thresholds and pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// What is stored before.
    pub stored: u64,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    /// Links (entitlements held) stored before.
    pub links_stored: u64,
    pub links_added: u64,
    pub links_removed: u64,
    /// Of the links added, those to privileged entitlements.
    #[serde(default)]
    pub privileged_granted: u64,
}
