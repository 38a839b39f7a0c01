//! Native changes: what an application holds differently and Quartermaster did not order. Somebody with rights in the
//! application changed it there. What is recorded of them, what follows by itself, and what people decide.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, IdentityId, NativeChangeId, OrderId, RunId};
use crate::value::Value;

/// What happened to the account, or to one thing on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NativeChangeKind {
    /// An account that nobody ordered is there.
    Created,
    /// An account is no longer there.
    Deleted,
    Enabled,
    Disabled,
    /// The value of an attribute.
    Attribute,
    EntitlementAdded,
    EntitlementRemoved,
}

impl NativeChangeKind {
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Deleted,
        Self::Enabled,
        Self::Disabled,
        Self::Attribute,
        Self::EntitlementAdded,
        Self::EntitlementRemoved,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Deleted => "deleted",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Attribute => "attribute",
            Self::EntitlementAdded => "entitlement_added",
            Self::EntitlementRemoved => "entitlement_removed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Created => "Account created",
            Self::Deleted => "Account deleted",
            Self::Enabled => "Account enabled",
            Self::Disabled => "Account disabled",
            Self::Attribute => "Attribute changed",
            Self::EntitlementAdded => "Entitlement added",
            Self::EntitlementRemoved => "Entitlement removed",
        }
    }

    /// Whether it is about the account itself.
    pub fn is_lifecycle(self) -> bool {
        matches!(self, Self::Created | Self::Deleted | Self::Enabled | Self::Disabled)
    }
}

/// What follows by itself when one is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NativeReaction {
    /// Nothing, and nothing is recorded.
    Ignore,
    /// Recorded; what is there now stands, until something else is wanted than what was there before.
    Accept,
    /// Recorded, and whoever holds the path is told. The role model corrects what it governs, as always.
    Notify,
    /// Stays as it is until a person accepts or reverts it.
    #[default]
    Review,
    /// Set back by an order.
    Revert,
}

impl NativeReaction {
    pub const ALL: [Self; 5] = [Self::Ignore, Self::Accept, Self::Notify, Self::Review, Self::Revert];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Accept => "accept",
            Self::Notify => "notify",
            Self::Review => "review",
            Self::Revert => "revert",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reaction| reaction.name() == name)
    }
}

/// How far it is. The rules are the table of `broker::native_change`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeChangeState {
    /// Waits for a person.
    Open,
    /// Is being set back.
    Reverting,
    /// Told, and nobody has to decide.
    Noted,
    /// What is there now stands.
    Accepted,
    /// What was there before, or what the role model wants, is there again.
    Reverted,
    /// The same was changed again in the application: the later change is what counts.
    Overtaken,
}

impl NativeChangeState {
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Reverting, Self::Noted, Self::Accepted, Self::Reverted, Self::Overtaken];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reverting => "reverting",
            Self::Noted => "noted",
            Self::Accepted => "accepted",
            Self::Reverted => "reverted",
            Self::Overtaken => "overtaken",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Waits for a decision",
            Self::Reverting => "Being set back",
            Self::Noted => "Noted",
            Self::Accepted => "Accepted",
            Self::Reverted => "Set back",
            Self::Overtaken => "Changed again",
        }
    }
}

/// What a person decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeDecision {
    Accept,
    Revert,
}

impl NativeDecision {
    pub const ALL: [Self; 2] = [Self::Accept, Self::Revert];

    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Revert => "revert",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }
}

/// One thing that changed on one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeChange {
    pub id: NativeChangeId,
    pub application: String,
    /// Empty where nobody knows of which type the account is.
    pub account_type: String,
    pub account: AccountId,
    /// Native key of the account.
    pub key: String,
    /// Who owned the account when it was seen.
    pub identity: Option<IdentityId>,
    pub kind: NativeChangeKind,
    /// Attribute, or key of the entitlement; empty where it is about the account itself.
    pub name: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// What was there before the first of several changes that nobody decided on: what accepting stands in place of, and
    /// what reverting goes back to.
    pub instead_of: Option<Value>,
    /// When the reading began that shows it.
    pub seen_at: Timestamp,
    pub run: RunId,
    pub reaction: NativeReaction,
    pub state: NativeChangeState,
    /// Why it is where it is, where that does not go without saying.
    pub why: Option<String>,
    /// Accepted or open, and still in the place of what the role model wants.
    pub holds: bool,
    /// Login; none where the application's settings decided.
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    pub comment: Option<String>,
    /// The order that sets it back.
    pub order: Option<OrderId>,
}

impl NativeChange {
    /// Whether both are about the same thing of the same account.
    pub fn is_about(&self, account: AccountId, kind: NativeChangeKind, name: &str) -> bool {
        let entitlement =
            |kind| matches!(kind, NativeChangeKind::EntitlementAdded | NativeChangeKind::EntitlementRemoved);
        self.account == account
            && self.name == name
            && (self.kind == kind
                || (self.kind.is_lifecycle() && kind.is_lifecycle())
                || (entitlement(self.kind) && entitlement(kind)))
    }

    /// "title: “Nurse” → “Matron”", for a sentence.
    pub fn sentence(&self) -> String {
        let shown = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), |value| format!("\u{201c}{value}\u{201d}"))
        };
        match self.kind {
            NativeChangeKind::Created => "the account was created".to_owned(),
            NativeChangeKind::Deleted => "the account was deleted".to_owned(),
            NativeChangeKind::Enabled => "the account was enabled".to_owned(),
            NativeChangeKind::Disabled => "the account was disabled".to_owned(),
            NativeChangeKind::Attribute => {
                format!("{}: {} \u{2192} {}", self.name, shown(&self.before), shown(&self.after))
            }
            NativeChangeKind::EntitlementAdded => format!("{} was added", self.name),
            NativeChangeKind::EntitlementRemoved => format!("{} was removed", self.name),
        }
    }
}

/// What is looked at and what follows, for an application or an account type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NativeChanges {
    /// What follows, where `reactions` says nothing else.
    pub reaction: NativeReaction,
    /// What follows by kind of change.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<NativeChangeKind, NativeReaction>,
    /// Attributes looked at; all that the account type's specification has and that are no secrets, unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Vec<String>>,
    /// Keys, in the application, of the entitlements looked at; all unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entitlements: Option<Vec<String>>,
    /// How often the settings alone set back changes on one account within 24 hours; beyond that a person decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts_per_day: Option<u32>,
}

impl NativeChanges {
    /// Reverts of one account within 24 hours where nothing is said.
    pub const REVERTS_PER_DAY: u32 = 3;

    pub fn reaction_to(&self, kind: NativeChangeKind) -> NativeReaction {
        self.reactions.get(&kind).copied().unwrap_or(self.reaction)
    }

    pub fn reverts_per_day(&self) -> u32 {
        self.reverts_per_day.unwrap_or(Self::REVERTS_PER_DAY)
    }
}

/// A line of the list, with what people know things by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeChangeRow {
    pub change: NativeChange,
    /// Display name of the owner.
    pub identity_name: Option<String>,
    pub application_name: String,
    pub account_type_label: String,
    /// What people know the account by, where that is not its key.
    pub called: Option<String>,
    /// Display name of the entitlement, where the configuration has one.
    pub entitlement_label: Option<String>,
}

/// Which ones to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NativeChangeFilter {
    pub application: Option<String>,
    pub kind: Option<NativeChangeKind>,
    pub state: Option<NativeChangeState>,
    pub identity: Option<IdentityId>,
    /// Those older than this one.
    pub before: Option<NativeChangeId>,
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in NativeChangeKind::ALL {
            assert_eq!(NativeChangeKind::from_name(kind.name()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for reaction in NativeReaction::ALL {
            assert_eq!(NativeReaction::from_name(reaction.name()), Some(reaction));
            assert_eq!(serde_json::to_value(reaction).unwrap(), reaction.name());
        }
        for state in NativeChangeState::ALL {
            assert_eq!(NativeChangeState::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for decision in NativeDecision::ALL {
            assert_eq!(NativeDecision::from_name(decision.name()), Some(decision));
        }
    }

    #[test]
    fn what_is_not_said_is_as_the_reaction_for_all() {
        let settings = NativeChanges {
            reaction: NativeReaction::Revert,
            reactions: [(NativeChangeKind::Created, NativeReaction::Notify)].into(),
            ..NativeChanges::default()
        };
        assert_eq!(settings.reaction_to(NativeChangeKind::Created), NativeReaction::Notify);
        assert_eq!(settings.reaction_to(NativeChangeKind::Deleted), NativeReaction::Revert);
        assert_eq!(NativeChanges::default().reaction_to(NativeChangeKind::Deleted), NativeReaction::Review);
    }
}
