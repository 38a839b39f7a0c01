//! Work for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, UserId, WorkItemId};

/// A change that a person carries out in an application, and reports on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    pub id: WorkItemId,
    pub order: OrderId,
    pub application: String,
    pub state: WorkItemState,
    pub claimed_by: Option<UserId>,
    pub created_at: Timestamp,
    pub due_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<UserId>,
    /// What the person wrote: evidence, or why it cannot be done.
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItemState {
    Open,
    Done,
    CannotDo,
    /// The order no longer needs it.
    Withdrawn,
}

impl WorkItemState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::CannotDo => "cannot_do",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "open" => Self::Open,
            "done" => Self::Done,
            "cannot_do" => Self::CannotDo,
            "withdrawn" => Self::Withdrawn,
            _ => return None,
        })
    }
}
