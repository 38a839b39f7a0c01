//! What a threshold stopped, and what a person said about it.
//!
//! | from     | to       | what happened |
//! |----------|----------|---------------|
//! | waiting  | approved | a named person let exactly this go on |
//! | waiting  | rejected | a person said no; the run is over |
//! | waiting  | replaced | computed again, it is something else: a new block takes its place |
//! | approved | used     | what was approved was written down; it happens once |
//! | approved | replaced | the same as for waiting, or nobody used it in time |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{RunBlockId, RunId};

/// Something that was about to happen, and was stopped before its first effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunBlock {
    pub id: RunBlockId,
    pub run: RunId,
    /// `orders`, or the place in the staging area of what was read.
    pub subject: String,
    /// SHA-256 of exactly what was stopped; an approval holds for nothing else.
    pub digest: String,
    /// The limits it exceeds.
    pub trips: Vec<TripView>,
    /// How many changes were stopped.
    pub changes: u64,
    /// Only somebody else than who started the run may approve it.
    pub second_person: bool,
    pub blocked_at: Timestamp,
    pub state: BlockState,
    /// Login.
    pub decided_by: Option<String>,
    pub decided_at: Option<Timestamp>,
    /// What that person wrote.
    pub reason: Option<String>,
}

/// A limit that is exceeded, for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripView {
    /// "Account type Cloud account, within an hour".
    pub scope: String,
    /// "would be deleted or disabled".
    pub what: String,
    pub counted: u64,
    /// "5 % of 498 (24)".
    pub limit: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockState {
    Waiting,
    Approved,
    Used,
    Rejected,
    Replaced,
}

impl BlockState {
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Approved, Self::Used, Self::Rejected, Self::Replaced];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Used => "used",
            Self::Rejected => "rejected",
            Self::Replaced => "replaced",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The table above.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Waiting, Self::Approved | Self::Rejected | Self::Replaced)
                | (Self::Approved, Self::Used | Self::Replaced)
        )
    }
}
