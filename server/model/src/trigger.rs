//! What sets a change off, and how urgent that is unless the configuration says otherwise.
//!
//! Leavers are no matter of priority: their orders go in a lane of their own, before all others ([`crate::order::Lane`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Somebody asked for access.
    AccessRequest,
    /// A reviewer of access decided that somebody keeps it or loses it.
    Certification,
    /// Somebody holds what they must not hold together.
    PolicyViolation,
    /// The role model was computed.
    IdentityRefresh,
    /// An identity joined, moved or left.
    LifecycleEvent,
    /// Another system asked for it.
    InboundProvisioning,
    /// Attributes of an account are brought in step with the identity, and nothing else of it changes.
    AttributeSynchronization,
    Administrator,
    /// An account differs from what is known of it.
    Drift,
    /// A person takes back what a run did. Its orders are not replaced by a computation.
    Undo,
}

/// How urgent an order is: smaller goes first.
pub type Priority = u8;

/// The least urgent there is.
pub const LAST: Priority = 100;

impl Trigger {
    pub const ALL: [Self; 10] = [
        Self::AccessRequest,
        Self::Certification,
        Self::PolicyViolation,
        Self::IdentityRefresh,
        Self::LifecycleEvent,
        Self::InboundProvisioning,
        Self::AttributeSynchronization,
        Self::Administrator,
        Self::Drift,
        Self::Undo,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::AccessRequest => "access_request",
            Self::Certification => "certification",
            Self::PolicyViolation => "policy_violation",
            Self::IdentityRefresh => "identity_refresh",
            Self::LifecycleEvent => "lifecycle_event",
            Self::InboundProvisioning => "inbound_provisioning",
            Self::AttributeSynchronization => "attribute_synchronization",
            Self::Administrator => "administrator",
            Self::Drift => "drift",
            Self::Undo => "undo",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::AccessRequest => "Access request",
            Self::Certification => "Certification",
            Self::PolicyViolation => "Policy violation",
            Self::IdentityRefresh => "Identity refresh",
            Self::LifecycleEvent => "Lifecycle event",
            Self::InboundProvisioning => "Inbound provisioning",
            Self::AttributeSynchronization => "Attribute synchronization",
            Self::Administrator => "Administrator",
            Self::Drift => "Drift",
            Self::Undo => "Undo",
        }
    }

    /// Unless the configuration says otherwise. What takes away access that nobody should have comes first, then what
    /// somebody waits for, then what the role model asks for; steps of ten leave room in between.
    pub fn usual_priority(self) -> Priority {
        match self {
            Self::PolicyViolation => 10,
            Self::Certification => 15,
            Self::Undo => 20,
            Self::AccessRequest => 30,
            Self::Administrator => 35,
            Self::InboundProvisioning => 40,
            Self::LifecycleEvent => 50,
            Self::AttributeSynchronization => 60,
            Self::IdentityRefresh => 70,
            Self::Drift => 80,
        }
    }

    /// How urgent it is where `own` stands in the configuration.
    pub fn priority(self, own: &BTreeMap<Self, Priority>) -> Priority {
        own.get(&self).copied().unwrap_or_else(|| self.usual_priority())
    }
}

#[cfg(test)]
mod tests {
    use super::{LAST, Trigger};

    #[test]
    fn names_are_read_back_and_priorities_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for trigger in Trigger::ALL {
            assert_eq!(Trigger::from_name(trigger.name()), Some(trigger));
            assert_eq!(serde_json::to_value(trigger).unwrap(), trigger.name());
            assert!(seen.insert(trigger.usual_priority()) && trigger.usual_priority() <= LAST, "{trigger:?}");
        }
    }
}
