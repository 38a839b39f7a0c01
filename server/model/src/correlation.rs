//! Where an account that was found in an application belongs: of which type it is, and whose. Rules propose, a person
//! decides where they are not certain, and what a person decided stands until a person reopens it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, IdentityId};

/// Confidence from which a rule decides by itself.
pub const CERTAIN: u8 = 100;

/// Somebody who may own an account, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerCandidate {
    pub identity: IdentityId,
    /// Of the best rule that matches.
    pub confidence: u8,
    /// Every rule that matches, best first.
    pub matches: Vec<Match>,
}

/// An attribute of the account whose value is the identity's as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub attribute: String,
    pub value: String,
    pub confidence: u8,
}

/// A type that an account may be of, by the best rule of it that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeCandidate {
    pub account_type: String,
    pub confidence: u8,
    /// The rule's condition.
    pub when: String,
}

/// What a person decides about an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    Linked {
        identity: IdentityId,
    },
    /// Whoever else may own it, this one does not.
    NotTheirs {
        identity: IdentityId,
    },
    /// Nobody owns it, and that is as it should be.
    Orphan,
    Classified {
        account_type: String,
    },
}

impl Decision {
    /// Name of the kind, as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linked { .. } => "linked",
            Self::NotTheirs { .. } => "not_theirs",
            Self::Orphan => "orphan",
            Self::Classified { .. } => "classified",
        }
    }

    /// The reverse of [`Self::kind`] with what belongs to it; none where the parts make no decision.
    pub fn from_parts(kind: &str, identity: Option<IdentityId>, account_type: Option<String>) -> Option<Self> {
        Some(match (kind, identity, account_type) {
            ("linked", Some(identity), None) => Self::Linked { identity },
            ("not_theirs", Some(identity), None) => Self::NotTheirs { identity },
            ("orphan", None, None) => Self::Orphan,
            ("classified", None, Some(account_type)) => Self::Classified { account_type },
            _ => return None,
        })
    }

    /// The identity it names.
    pub fn identity(&self) -> Option<IdentityId> {
        match self {
            Self::Linked { identity } | Self::NotTheirs { identity } => Some(*identity),
            Self::Orphan | Self::Classified { .. } => None,
        }
    }
}

/// A decision that nobody has reopened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingDecision {
    pub account: AccountId,
    pub decision: Decision,
    /// Login of who decided.
    pub by: String,
    pub at: Timestamp,
}

/// What was found out about one account: both lists are empty where nothing is left to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposals {
    pub account: AccountId,
    /// Best first.
    pub owners: Vec<OwnerCandidate>,
    /// Best first.
    pub types: Vec<TypeCandidate>,
}
