//! Provisioning review: what waits for a reviewer, what they say to each property, and what they declined for good.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::identity::Period;
use crate::ids::{AccountId, DeclinedChangeId, IdentityId, OrderId, OrderItemId};
use crate::order::{Order, ProvisioningState, StateReason};
use crate::plan::{ItemKind, ItemOperation, Operation};
use crate::value::Value;

/// What a reviewer says to one property of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Decline,
    Postpone,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Approve, Self::Decline, Self::Postpone];

    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Decline => "decline",
            Self::Postpone => "postpone",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// What is said to each property of one order. What is not mentioned is postponed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderVerdicts {
    pub order: OrderId,
    pub items: Vec<(OrderItemId, Verdict)>,
}

/// A change that a person declined: the same is not ordered again until a person reopens it. Another value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclinedChange {
    pub id: DeclinedChangeId,
    pub identity: IdentityId,
    pub account_type: String,
    pub account: Option<AccountId>,
    pub kind: ItemKind,
    /// Attribute, entitlement key, or the name of the account itself.
    pub name: String,
    /// What was to happen to the account.
    pub account_operation: Operation,
    pub operation: ItemOperation,
    /// None for entitlements, the account itself, and secrets.
    pub value: Option<Value>,
    pub order: OrderId,
    /// Login.
    pub declined_by: String,
    pub declined_at: Timestamp,
    pub comment: String,
    pub reopened_by: Option<String>,
    pub reopened_at: Option<Timestamp>,
}

/// A declined change as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclinedRow {
    pub declined: DeclinedChange,
    pub identity_name: String,
    pub application: String,
}

/// What an order that waits for a reviewer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    Addition,
    /// An account that was found is taken over.
    Association,
    Update,
    Deletion,
}

impl ReviewKind {
    pub const ALL: [Self; 4] = [Self::Addition, Self::Association, Self::Update, Self::Deletion];

    pub fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Association => "association",
            Self::Update => "update",
            Self::Deletion => "deletion",
        }
    }
}

/// Orders that wait for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewGroup {
    /// 5 or 3.
    pub state: ProvisioningState,
    /// `review`, or the class of the failure.
    pub cause: String,
    /// A sentence about the cause, and what to do about it.
    pub label: String,
    pub account_type: String,
    pub account_type_label: String,
    pub orders: u64,
}

/// An order in a review, with what is needed to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewOrder {
    pub order: Order,
    pub kind: ReviewKind,
    pub identity_name: String,
    pub application_name: String,
    pub account_type_label: String,
    /// When what is granted holds, where it is not always.
    pub periods: Vec<(OrderItemId, Period)>,
    /// Confidence with which a found account matches the person.
    pub confidence: Option<u8>,
    /// Properties without which the account cannot be created.
    pub needed: Vec<OrderItemId>,
}

/// A piece of the review page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewPage {
    pub groups: Vec<ReviewGroup>,
    pub orders: Vec<ReviewOrder>,
    /// In the groups chosen.
    pub total: u64,
    pub next: Option<String>,
    pub declined: u64,
}

/// Which part of the review to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReviewFilter {
    pub cause: Option<String>,
    pub account_type: Option<String>,
    pub order: Option<OrderId>,
    pub after: Option<OrderId>,
    pub limit: Option<u32>,
}

/// What would follow from what a reviewer says to one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// A sentence.
    pub summary: String,
    /// What happens to each property, and in words what that means.
    pub items: Vec<(OrderItemId, Verdict, String)>,
}

/// A word for why an order failed: the class of the failure, or what was found.
pub fn failure_cause(reason: Option<&StateReason>) -> &'static str {
    match reason {
        Some(
            StateReason::Failed { class, .. }
            | StateReason::RetryWait { class, .. }
            | StateReason::SetAside { class, .. },
        ) => class.name(),
        Some(StateReason::Held { before, .. }) => failure_cause(before.as_deref()),
        Some(StateReason::Timeout) => "timeout",
        Some(StateReason::Drifted { .. }) => "drifted",
        _ => "other",
    }
}
