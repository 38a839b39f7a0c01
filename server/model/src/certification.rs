//! Certifications: campaigns in which people look at access that others hold, and say whether they keep it.
//!
//! A campaign keeps what was held when it began, one item for each thing of each person. What a reviewer decides has no
//! effect, and can be changed, until they sign it off; what is revoked then is followed until it is really gone. The tables
//! of states are `broker::certification`.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::access::{Grantable, Reason};
use crate::configuration::Approver;
use crate::ids::{CampaignId, CertificationItemId, IdentityId, RequestId};
use crate::reconciliation::Subject;
use crate::request::{RequestPreview, RequestState};

/// A closed set of words: as stored and in addresses, and what a person reads.
macro_rules! words {
    ($name:ident { $($variant:ident: $stored:literal, $label:literal;)* }) => {
        impl $name {
            pub const ALL: [Self; [$($stored),*].len()] = [$(Self::$variant),*];

            /// As stored, and in addresses.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $stored),* }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }

            /// What a person reads.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }
        }
    };
}

/// How far a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Its first day has not come, or what it covers is being put together.
    Staged,
    /// Reviewers decide.
    Active,
    /// Its last day is over, or somebody ended it. What was revoked is still followed.
    Ended,
    /// Called off: what was not signed off is over.
    Cancelled,
}

words!(CampaignState {
    Staged: "staged", "Staged";
    Active: "active", "Running";
    Ended: "ended", "Ended";
    Cancelled: "cancelled", "Cancelled";
});

/// What becomes of what nobody has signed off when a campaign ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    #[default]
    Keep,
    Revoke,
    /// Kept, and shown as what nobody has looked at.
    Mark,
}

words!(AtEnd {
    Keep: "keep", "Keep it";
    Revoke: "revoke", "Revoke it";
    Mark: "mark", "Keep it, and mark it as not certified";
});

/// How something came to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A request gave exactly this.
    ByHand,
    /// A rule gives exactly this.
    Rule,
    /// It comes with a role or an access profile, or with what needs it.
    Inherited,
    /// An application holds it, and nothing grants it.
    NonConforming,
}

words!(Origin {
    ByHand: "by_hand", "Given by hand or by a request";
    Rule: "rule", "Given by a rule";
    Inherited: "inherited", "Comes with a role or an access profile";
    NonConforming: "non_conforming", "Held though nothing grants it";
});

/// How far an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Waits for a reviewer.
    Open,
    /// Decided, not signed off: kept.
    Approved,
    /// Decided, not signed off: taken away.
    Revoked,
    /// Signed off: kept.
    Certified,
    /// Signed off: its revocation is on its way.
    Requested,
    /// Signed off: a rule gives it, and whoever answers for what the rule gives has to change that.
    WithOwner,
    /// Taken away, and read back.
    Removed,
    /// It could not be taken away.
    Failed,
    /// The owner of what gives it decided that it stays.
    Kept,
    /// Nobody signed it off before the end: it stays.
    Lapsed,
    /// Nobody signed it off before the end: it stays, and is marked.
    Marked,
    /// The campaign was called off.
    Cancelled,
}

words!(ItemState {
    Open: "open", "To decide";
    Approved: "approved", "Approved, not signed off";
    Revoked: "revoked", "Revoked, not signed off";
    Certified: "certified", "Certified";
    Requested: "requested", "Being taken away";
    WithOwner: "with_owner", "To be changed by its owner";
    Removed: "removed", "Taken away";
    Failed: "failed", "Could not be taken away";
    Kept: "kept", "Kept by the owner";
    Lapsed: "lapsed", "Not decided, kept";
    Marked: "marked", "Not certified";
    Cancelled: "cancelled", "Cancelled";
});

impl ItemState {
    /// Whether nobody has signed it off.
    pub fn is_unsigned(self) -> bool {
        matches!(self, Self::Open | Self::Approved | Self::Revoked)
    }

    /// Whether its access is still to go.
    pub fn is_followed(self) -> bool {
        matches!(self, Self::Requested | Self::WithOwner | Self::Failed)
    }
}

/// What somebody says of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Approve,
    Revoke,
    /// Takes back what was decided and not signed off.
    Reopen,
}

words!(Decision {
    Approve: "approve", "Approve";
    Revoke: "revoke", "Revoke";
    Reopen: "reopen", "Take back";
});

/// What a campaign covers; each part that says nothing leaves everything in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// Only people for whom this condition over `identity` holds, as a rule's would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// With those that are a part of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub things: Vec<Grantable>,
    /// Kinds of things, as [`Grantable::kind`] says them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Origin>,
    /// Only what was not certified within so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_certified_days: Option<u32>,
    /// Only what a violation rests on of a risk of this level or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<i32>,
}

/// What somebody wants to have looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCampaign {
    pub name: String,
    pub description: String,
    pub scope: Scope,
    /// Who reviews: each item goes to all of these that it has, and the first one decides.
    pub reviewers: Vec<Approver>,
    /// Who reviews what would otherwise be nobody's, or somebody's own; after the manager's manager.
    pub fallback: Vec<Approver>,
    pub starts: Date,
    /// This day still counts.
    pub ends: Date,
    /// Reviewers are reminded so many days before the last one.
    pub remind_days: Option<u32>,
    pub at_end: AtEnd,
}

/// A campaign on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    pub id: CampaignId,
    pub what: NewCampaign,
    pub state: CampaignState,
    /// While it is put together: everybody up to this one is in it.
    pub through: IdentityId,
    pub created_by: String,
    pub created_at: Timestamp,
    /// What was held at this moment is in it.
    pub started_at: Option<Timestamp>,
    pub reminded_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Login, or the name of the node where its last day was over.
    pub ended_by: Option<String>,
}

/// One thing that somebody held when a campaign began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificationItem {
    pub id: CertificationItemId,
    pub campaign: CampaignId,
    pub identity: IdentityId,
    pub grantable: Grantable,
    /// Empty for roles.
    pub application: String,
    pub origin: Origin,
    /// Every way in which it was granted then; empty where nothing did.
    pub reasons: Vec<Reason>,
    /// Held since.
    pub since: Timestamp,
    /// Where nothing grants it: what reconciliation calls it.
    pub subject: Option<Subject>,
    /// Highest level of the risks whose violations rest on it.
    pub risk: Option<i32>,
    pub state: ItemState,
    /// Goes up with every change: what somebody decides about is what they saw.
    pub version: u32,
    /// Logins, in lower case, of those whose word is waited for.
    pub reviewers: Vec<String>,
    /// Login of whoever decided.
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    pub comment: String,
    pub signed_at: Option<Timestamp>,
    /// What takes it away.
    pub request: Option<RequestId>,
    /// What its owner has to change: the role, access profile or thing that a rule gives.
    pub changes: Option<Grantable>,
    /// Why it is where it is, where the state does not say.
    pub message: Option<String>,
    pub ended_at: Option<Timestamp>,
}

/// Something that happened to an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificationEvent {
    pub item: CertificationItemId,
    pub at: Timestamp,
    pub state: ItemState,
    pub actor: String,
    pub message: String,
}

/// How many items are in each state.
pub type ItemCounts = std::collections::BTreeMap<ItemState, u64>;

/// A line of the list of campaigns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignRow {
    pub campaign: Campaign,
    pub counts: ItemCounts,
    /// Items that wait for the caller, to be decided or signed off, or to be changed as their owner.
    pub mine: u64,
}

impl CampaignRow {
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Those of which somebody has to say something still.
    pub fn unsigned(&self) -> u64 {
        self.counts.iter().filter(|(state, _)| state.is_unsigned()).map(|(_, count)| count).sum()
    }

    pub fn of(&self, state: ItemState) -> u64 {
        self.counts.get(&state).copied().unwrap_or_default()
    }
}

/// Which items to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemFilter {
    pub state: Option<ItemState>,
    pub origin: Option<Origin>,
    pub application: Option<String>,
    /// Words, each found in the person's name or key.
    pub text: Option<String>,
    /// Only what waits for the caller, or was decided by them.
    pub mine: bool,
    pub after: Option<CertificationItemId>,
    pub limit: Option<u32>,
}

/// What the facts speak for, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// None where nothing speaks for either.
    pub decision: Option<Decision>,
    pub why: String,
}

/// An item as pages and the command line show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    pub item: CertificationItem,
    pub identity_name: String,
    pub label: String,
    pub application_name: String,
    /// Why it is held, in short.
    pub why: Vec<String>,
    /// When it was certified last, and by whom.
    pub certified: Option<(Timestamp, String)>,
    pub recommendation: Recommendation,
    /// What revoking it takes: sentences.
    pub routes: Vec<String>,
    /// What people call those whose word is waited for.
    pub reviewers: Vec<String>,
    /// Whether the caller may decide now.
    pub may_decide: bool,
    /// Whether the caller may say that it stays, as the owner of what gives it.
    pub may_keep: bool,
    pub request_state: Option<RequestState>,
}

/// What signing off would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    pub approved: u64,
    pub revoked: u64,
    /// Items that wait for the caller still.
    pub open: u64,
    /// Of what is revoked, the first ones with what would happen.
    pub consequences: Vec<Consequence>,
    /// Of exactly these decisions.
    pub digest: String,
}

/// What follows from one revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    pub item: ItemRow,
    /// Of the request that would be made; none where none would.
    pub preview: Option<RequestPreview>,
    /// Why none can be made.
    pub refused: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{AtEnd, CampaignState, Decision, ItemState, Origin};

    #[test]
    fn names_are_read_back() {
        for state in ItemState::ALL {
            assert_eq!(ItemState::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert!(!(state.is_unsigned() && state.is_followed()), "{state:?}");
        }
        for state in CampaignState::ALL {
            assert_eq!(CampaignState::from_name(state.name()), Some(state));
        }
        for (name, back) in [("keep", AtEnd::from_name("keep").map(AtEnd::name)), ("no", None)] {
            assert_eq!(back, AtEnd::from_name(name).map(|_| name));
        }
        assert!(Origin::ALL.iter().all(|origin| Origin::from_name(origin.name()) == Some(*origin)));
        assert!(Decision::ALL.iter().all(|decision| Decision::from_name(decision.name()) == Some(*decision)));
    }
}
