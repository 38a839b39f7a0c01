//! Work of people as lists, pages and files show it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{IdentityId, OrderId, OrderItemId, UserId, WorkItemId, WorkItemQuestionId, WorkItemUploadId};
use crate::order::Order;
use crate::plan::{ItemKind, ItemOperation, Operation};
use crate::value::Value;
use crate::work_item::{Fulfiller, WorkItem, WorkItemEvent, WorkItemQuestion, WorkItemState};

/// A line of the list of work items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemRow {
    pub id: WorkItemId,
    pub order: OrderId,
    pub identity: IdentityId,
    pub identity_name: String,
    pub application: String,
    pub application_name: String,
    pub account_type: String,
    pub operation: Operation,
    pub summary: String,
    pub state: WorkItemState,
    pub fulfiller: Fulfiller,
    /// What people call whoever it is for.
    pub fulfiller_name: String,
    /// Display name.
    pub claimed_by: Option<String>,
    pub created_at: Timestamp,
    pub due_at: Option<Timestamp>,
    /// Since when the clock stands.
    pub paused_at: Option<Timestamp>,
}

/// Whose work items to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItemScope {
    /// Claimed by the viewer, or meant for the viewer alone.
    Mine,
    /// Meant for a team that the viewer is in.
    Team,
    #[default]
    Everybody,
}

impl WorkItemScope {
    pub const ALL: [Self; 3] = [Self::Mine, Self::Team, Self::Everybody];

    pub fn name(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::Team => "team",
            Self::Everybody => "everybody",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Who looks at work items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemViewer {
    pub user: Option<UserId>,
    pub login: String,
    /// Permission profiles.
    pub profiles: Vec<String>,
}

/// Which work items to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkItemFilter {
    pub text: Option<String>,
    pub application: Option<String>,
    pub state: Option<WorkItemState>,
    pub scope: WorkItemScope,
    /// Only those that should be done by now.
    pub overdue: bool,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Open work items, by whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemCounts {
    pub mine: u64,
    pub team: u64,
    pub everybody: u64,
    pub overdue: u64,
    /// Questions that wait for the viewer's answer.
    pub questions: u64,
}

/// A work item with all a person needs to do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemDetail {
    pub item: WorkItem,
    pub order: Order,
    pub identity_name: String,
    pub application_name: String,
    /// What people call whoever it is for.
    pub fulfiller_name: String,
    pub instructions: String,
    pub claimed_by: Option<String>,
    pub closed_by: Option<String>,
    /// Other work items of the same attempt.
    pub others: Vec<WorkItem>,
    /// Newest first.
    pub questions: Vec<WorkItemQuestionView>,
    /// Oldest first.
    pub history: Vec<WorkItemEvent>,
    /// What an earlier attempt failed with.
    pub failure: Option<String>,
    /// A report needs a note or a reference.
    pub needs_evidence: bool,
    /// Why the viewer may not work on it although their profile allows it.
    pub refused: Option<String>,
    /// Whom it can be given to: how a form spells it, and what people call it.
    pub candidates: Vec<(String, String)>,
    /// Who can be asked: login, and what people call them.
    pub advisers: Vec<(String, String)>,
}

/// A question with the names of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemQuestionView {
    pub question: WorkItemQuestion,
    pub asked_by: String,
    pub asked_of: String,
}

/// A line of the list of questions to the viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemQuestionRow {
    pub id: WorkItemQuestionId,
    pub work_item: WorkItemId,
    pub application_name: String,
    pub identity_name: String,
    pub asked_by: String,
    pub question: String,
    pub asked_at: Timestamp,
}

/// Which open lines of work items to provision together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkFilter {
    pub application: Option<String>,
    pub account_type: Option<String>,
    pub operation: Option<Operation>,
}

/// An open line of a work item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkLine {
    pub work_item: WorkItemId,
    pub line: OrderItemId,
    pub order: OrderId,
    pub identity: IdentityId,
    pub identity_name: String,
    /// Key in the identity source.
    pub identity_key: String,
    /// The account's native key, where it has one.
    pub key: Option<String>,
    pub application: String,
    pub account_type: String,
    pub operation: Operation,
    pub kind: ItemKind,
    pub name: String,
    pub item_operation: ItemOperation,
    pub value: Option<Value>,
    pub secret: bool,
    pub due_at: Option<Timestamp>,
    pub paused_at: Option<Timestamp>,
    /// Display name.
    pub claimed_by: Option<String>,
}

/// What became of a filled file, kept so that nothing of it is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemUpload {
    pub id: WorkItemUploadId,
    pub user: Option<UserId>,
    pub at: Timestamp,
    /// Lines that were taken.
    pub taken: u64,
    /// Lines that say nothing yet.
    pub blank: u64,
    /// Work items that they closed.
    pub closed: u64,
    /// Lines that were not taken: number in the file, and why.
    pub refused: Vec<(u64, String)>,
    /// The lines that were not taken, with the header: to be corrected and sent again.
    pub rest: String,
}
