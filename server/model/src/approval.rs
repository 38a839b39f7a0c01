//! Approvals of requests: for each thing that is asked for, which stages have to agree, and what was decided.
//!
//! The stages are kept as they were when it was asked: what is configured later concerns later requests.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::configuration::ApprovalStage;
use crate::ids::{IdentityId, RequestId};
use crate::request::RequestItem;
use crate::risk::AcceptedRisk;

/// What somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Decline,
}

impl Verdict {
    pub const ALL: [Self; 2] = [Self::Approve, Self::Decline];

    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Decline => "decline",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// Of what was decided: "approved".
    pub fn done(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Decline => "declined",
        }
    }
}

/// | from | to | when |
/// |---|---|---|
/// | waiting | waiting | a stage agreed and another one follows, or too few of it have agreed |
/// | waiting | approved | the last stage agreed |
/// | waiting | declined | one who may decide, or a rule, declined |
/// | waiting | cancelled | the request was cancelled, or its last day came |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    Waiting,
    Approved,
    Declined,
    Cancelled,
}

impl ApprovalState {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Approved, Self::Declined, Self::Cancelled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting for approval",
            Self::Approved => "Approved",
            Self::Declined => "Declined",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Who decided: a person, or a rule by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Decider {
    /// By login.
    User(String),
    /// An automation rule, by name.
    Rule(String),
}

impl Decider {
    /// Kind and name, as stored.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(login) => ("user", login),
            Self::Rule(name) => ("rule", name),
        }
    }

    /// The reverse of [`Self::parts`].
    pub fn from_parts(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "user" => Some(Self::User(name.to_owned())),
            "rule" => Some(Self::Rule(name.to_owned())),
            _ => None,
        }
    }
}

/// One decision about one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalDecision {
    /// 0 is the first.
    pub stage: u32,
    pub by: Decider,
    pub verdict: Verdict,
    /// Empty where nothing was said.
    pub comment: String,
    pub at: Timestamp,
}

/// Who would have to agree to one thing before it is given, were it asked for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPreview {
    /// What people call the thing.
    pub label: String,
    pub stages: Vec<StagePreview>,
}

/// One stage of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePreview {
    /// Whose word it takes: "2 of the team Security".
    pub who: String,
    /// Those who could decide now, by name.
    pub approvers: Vec<String>,
    /// How many of them have to agree.
    pub missing: u32,
    /// Nobody whom it names could decide: it would go on to others at once.
    pub escalated: bool,
}

/// The approval of one thing that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestApproval {
    pub request: RequestId,
    /// Which of the request's things, counted from 1.
    pub line: u32,
    pub item: RequestItem,
    pub stages: Vec<ApprovalStage>,
    pub state: ApprovalState,
    /// The stage that decides now, or decided last; 0 is the first.
    pub stage: u32,
    /// How often the stage was escalated: 1 brings in those whom it names, 2 everybody.
    pub level: u32,
    /// Since when the stage decides.
    pub since: Timestamp,
    /// When it is escalated next.
    pub escalates_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Oldest first.
    pub decisions: Vec<ApprovalDecision>,
}

impl RequestApproval {
    /// The stage that decides now, or decided last.
    pub fn current(&self) -> Option<&ApprovalStage> {
        self.stages.get(usize::try_from(self.stage).ok()?)
    }
}

/// One thing to decide about, or decided, as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    pub approval: RequestApproval,
    /// What people call the thing.
    pub label: String,
    pub identity: IdentityId,
    pub identity_name: String,
    /// What people call whoever asked.
    pub requester: String,
    pub justification: String,
    pub submitted_at: Timestamp,
    /// What each stage is, in words.
    pub stages: Vec<String>,
    /// Who may decide now, by name.
    pub approvers: Vec<String>,
    /// How many more have to agree before the stage is over.
    pub missing: u32,
    /// Whether whoever looks may decide now.
    pub mine: bool,
    /// Who decided, by name, in the order of the decisions.
    pub deciders: Vec<String>,
    /// Risks that it would newly bring about, and why they would be borne.
    pub risks: Vec<(AcceptedRisk, String)>,
}

/// Which approvals to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalFilter {
    /// Not only what waits for whoever looks.
    pub all: bool,
    /// Of one request alone.
    pub request: Option<RequestId>,
    pub after: Option<String>,
    pub limit: Option<u32>,
}
