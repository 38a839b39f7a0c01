//! Requests: what somebody, or something, asks to be changed for one identity, followed to its end. Every source of change
//! beside the computation of the role model comes in this way.
//!
//! A request gives or takes away *directly*: what it gives becomes a [`DirectGrant`], which the role model honours like
//! what a rule gives, with its own reason and dates. How far a request is follows from its orders (`broker::request`).

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::access::{GrantOrigin, Grantable};
use crate::approval::{ApprovalPreview, ApprovalRow};
use crate::identity::Period;
use crate::ids::{DirectGrantId, IdentityId, OrderId, RequestId, RunId};
use crate::order::{ProvisioningState, StateReason};
use crate::permission::Reach;
use crate::risk::{AcceptedRisk, RequestRisk};
use crate::trigger::{Priority, Trigger};
use crate::view::{OrderRow, PreviewLine};

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Nothing was planned for it yet.
    Submitted,
    /// Its first day has not come.
    Waiting,
    /// A person has to decide: an approval of what is asked for, a review of its orders, or a threshold.
    Approval,
    /// Its orders are on their way.
    Provisioning,
    /// All is done; it has not been read back yet.
    Verifying,
    Completed,
    /// Some of it is done, and the rest failed or was declined.
    PartlyCompleted,
    Failed,
    Cancelled,
}

impl RequestState {
    pub const ALL: [Self; 9] = [
        Self::Submitted,
        Self::Waiting,
        Self::Approval,
        Self::Provisioning,
        Self::Verifying,
        Self::Completed,
        Self::PartlyCompleted,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As stored, and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Waiting => "waiting",
            Self::Approval => "approval",
            Self::Provisioning => "provisioning",
            Self::Verifying => "verifying",
            Self::Completed => "completed",
            Self::PartlyCompleted => "partly_completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Submitted => "Submitted",
            Self::Waiting => "Waiting for its first day",
            Self::Approval => "Waiting for a decision",
            Self::Provisioning => "Provisioning",
            Self::Verifying => "Done, not yet confirmed",
            Self::Completed => "Completed",
            Self::PartlyCompleted => "Partly completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether something is still to happen by itself. What failed may go on when a person tries it again.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Submitted | Self::Waiting | Self::Approval | Self::Provisioning | Self::Verifying)
    }
}

/// Whether something is given or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Give,
    Take,
}

impl Change {
    pub fn name(self) -> &'static str {
        match self {
            Self::Give => "give",
            Self::Take => "take",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Give, Self::Take].into_iter().find(|change| change.name() == name)
    }
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestItem {
    pub change: Change,
    pub grantable: Grantable,
}

/// Where a request came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestSource {
    /// `page`, `command line`, `certification` …
    pub kind: String,
    /// Which of its kind.
    pub name: String,
    /// What it is there: a campaign's item, a ticket's number.
    #[serde(default)]
    pub reference: Option<String>,
}

impl RequestSource {
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), reference: None }
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRequest {
    pub trigger: Trigger,
    pub source: RequestSource,
    /// Who asked, where somebody else hands it in; otherwise whoever hands it in.
    pub requester: Option<String>,
    pub identity: IdentityId,
    pub items: Vec<RequestItem>,
    pub justification: String,
    /// Number under which other systems know the same matter.
    pub correlation: Option<String>,
    /// The same key of the same source is the same request, however often it comes.
    pub key: Option<String>,
    /// The first day. What is taken away is held until then.
    pub not_before: Option<Date>,
    /// The last day on which what is given holds.
    pub until: Option<Date>,
    /// Otherwise than what sets it off says.
    pub priority: Option<Priority>,
    /// Why a risk is borne that it would newly bring about.
    pub risk_comment: Option<String>,
    /// Only says what would happen.
    pub simulate: bool,
}

impl NewRequest {
    /// From now on, without end, by whoever hands it in.
    pub fn new(
        trigger: Trigger,
        source: RequestSource,
        identity: IdentityId,
        items: Vec<RequestItem>,
        justification: impl Into<String>,
    ) -> Self {
        Self {
            trigger,
            source,
            requester: None,
            identity,
            items,
            justification: justification.into(),
            correlation: None,
            key: None,
            not_before: None,
            until: None,
            priority: None,
            risk_comment: None,
            simulate: false,
        }
    }
}

/// A request on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub id: RequestId,
    pub trigger: Trigger,
    pub priority: Priority,
    pub source: RequestSource,
    pub requester: String,
    pub identity: IdentityId,
    /// Sorted.
    pub items: Vec<RequestItem>,
    /// Of these, what still waits for an approval.
    pub awaiting: Vec<RequestItem>,
    /// And what will never be given: it was declined, or cancelled before it was approved.
    pub refused: Vec<RequestItem>,
    pub justification: String,
    pub correlation: Option<String>,
    pub not_before: Option<Date>,
    pub until: Option<Date>,
    pub state: RequestState,
    /// Why it is where it is, where the state does not say.
    pub message: Option<String>,
    /// Whether its identity has to be planned because of it.
    pub to_plan: bool,
    /// The run that planned it last.
    pub run: Option<RunId>,
    pub submitted_at: Timestamp,
    pub planned_at: Option<Timestamp>,
    /// When its first order was sent.
    pub sent_at: Option<Timestamp>,
    /// When everything was done, before it was read back.
    pub done_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl Request {
    /// The days on which what it gives holds.
    pub fn period(&self) -> Period {
        Period { starts: self.not_before, ends: self.until.and_then(|last| last.tomorrow().ok()) }
    }

    /// What counts: needs no approval, or has it.
    pub fn in_force(&self) -> Vec<RequestItem> {
        let counts = |item: &&RequestItem| !self.awaiting.contains(item) && !self.refused.contains(item);
        self.items.iter().filter(counts).cloned().collect()
    }

    /// As it stands in the reasons of what it gives.
    pub fn origin(&self) -> GrantOrigin {
        GrantOrigin { request: self.id, by: self.requester.clone(), why: self.justification.clone() }
    }
}

/// What somebody was given by a request rather than by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectGrant {
    pub id: DirectGrantId,
    pub identity: IdentityId,
    pub grantable: Grantable,
    /// The days on which it holds, while the identity is active.
    pub period: Period,
    pub origin: GrantOrigin,
}

/// How a request was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    New,
    /// The key has been used before, for the same.
    SameKey,
    /// An open request asks for the same already: this one is attached to it.
    Attached,
    /// Nothing was kept.
    Simulated,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub standing: Standing,
    /// None where it was only simulated.
    pub request: Option<RequestId>,
    /// What it changes; empty where it is an older request that answers.
    pub preview: RequestPreview,
}

/// What would happen, before anything does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestPreview {
    /// The orders there would be.
    pub lines: Vec<PreviewLine>,
    /// What would be held that is not held now, and what no longer, by what people call it.
    pub gains: Vec<(Grantable, String)>,
    pub losses: Vec<(Grantable, String)>,
    /// What stays although it is taken away, or is left out, and why: sentences.
    pub remarks: Vec<String>,
    /// Set where nothing happens before that day; the lines are of that day.
    pub first_day: Option<Date>,
    /// Labels of account types whose orders wait for a review.
    pub reviewed: Vec<String>,
    /// Risks that it would newly bring about.
    pub risks: Vec<RequestRisk>,
    /// Who has to agree to what of it, and in which order; empty where nobody has to.
    #[serde(default)]
    pub approvals: Vec<ApprovalPreview>,
}

/// A line of the list of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow {
    pub id: RequestId,
    pub trigger: Trigger,
    pub identity: IdentityId,
    pub identity_name: String,
    pub requester: String,
    pub justification: String,
    /// With what people call each thing.
    pub items: Vec<(RequestItem, String)>,
    pub state: RequestState,
    pub message: Option<String>,
    pub not_before: Option<Date>,
    pub until: Option<Date>,
    pub submitted_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// Which requests to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestFilter {
    /// Words, each found in the person's name or key.
    pub text: Option<String>,
    pub state: Option<RequestState>,
    pub trigger: Option<Trigger>,
    pub identity: Option<IdentityId>,
    /// Login of who asked.
    pub requester: Option<String>,
    pub after: Option<String>,
    pub limit: Option<u32>,
    /// Of these people only: what the caller's permission profiles say, never what was asked for.
    #[serde(skip)]
    pub reach: Reach,
}

/// A request with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestDetail {
    pub request: Request,
    pub identity_name: String,
    /// What people call each item.
    pub labels: Vec<String>,
    pub orders: Vec<OrderRow>,
    /// Oldest first.
    pub events: Vec<RequestEvent>,
    /// Keys under which it was asked for.
    pub keys: Vec<String>,
    /// Risks that whoever asked knew of, with what people call each.
    pub risks: Vec<(AcceptedRisk, String)>,
    /// Whether it can still be cancelled.
    pub can_be_cancelled: bool,
    /// What of it needs an approval, and how far that is.
    pub approvals: Vec<ApprovalRow>,
}

/// Something that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEvent {
    pub request: RequestId,
    pub at: Timestamp,
    pub state: RequestState,
    pub actor: String,
    /// A sentence.
    pub message: String,
}

/// A request with its orders, as far as its state follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestWithOrders {
    pub request: Request,
    pub orders: Vec<OrderStanding>,
}

/// Where an order of a request stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStanding {
    pub id: OrderId,
    pub state: ProvisioningState,
    pub reason: Option<StateReason>,
    pub transmitted_at: Option<Timestamp>,
    /// Since when it is where it is.
    pub changed_at: Timestamp,
}

/// A request as a page shows it beside an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLink {
    pub id: RequestId,
    pub requester: String,
    pub justification: String,
    pub state: RequestState,
}

/// An order and a request that it carries out.
pub type RequestOrder = (RequestId, OrderId);
