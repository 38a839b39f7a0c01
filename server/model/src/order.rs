//! Provisioning orders: what is to be done, how far it is, and what answered.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::access::Reason;
use crate::account::Mechanism;
use crate::form::Asked;
use crate::ids::{AccountId, IdentityId, OrderId, OrderItemId, PartitionId, PlanId, RunId};
use crate::plan::{ItemKind, ItemOperation, Operation, Referred};
use crate::trigger::{Priority, Trigger};
use crate::value::Value;

/// How far an order, or one item of it, is. Numbers and names are seed 003's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvisioningState {
    None = 0,
    Pending = 1,
    Transmitted = 2,
    Errored = 3,
    Verified = 4,
    AwaitingApproval = 5,
    Inactive = 6,
    Error = 7,
    Executed = 8,
}

impl ProvisioningState {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Pending,
        Self::Transmitted,
        Self::Errored,
        Self::Verified,
        Self::AwaitingApproval,
        Self::Inactive,
        Self::Error,
        Self::Executed,
    ];

    pub fn number(self) -> i64 {
        self as i64
    }

    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// Seed 003's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Pending => "Pending",
            Self::Transmitted => "Transmitted",
            Self::Errored => "Errored",
            Self::Verified => "Verified",
            Self::AwaitingApproval => "Awaiting Approval",
            Self::Inactive => "Inactive",
            Self::Error => "Error",
            Self::Executed => "Executed",
        }
    }

    /// What a person reads first.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "Not computed",
            Self::Pending => "Waiting to be sent",
            Self::Transmitted => "Sent, no answer yet",
            Self::Errored => "Failed",
            Self::Verified => "Confirmed",
            Self::AwaitingApproval => "Waiting for review",
            Self::Inactive => "No longer needed",
            Self::Error => "Rule failed",
            Self::Executed => "Done, not yet confirmed",
        }
    }

    /// Value in a query string: `state=awaiting_approval`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Transmitted => "transmitted",
            Self::Errored => "errored",
            Self::Verified => "verified",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Inactive => "inactive",
            Self::Error => "error",
            Self::Executed => "executed",
        }
    }

    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == slug)
    }

    /// Whether the order may still cause an effect.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Transmitted | Self::Errored | Self::AwaitingApproval)
    }
}

/// Why an order that is not done is where it is; kept beside the state, never a state of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum StateReason {
    /// Waits for other orders of the plan.
    HeldBy { orders: Vec<OrderId> },
    /// The last attempt failed in a way that passes.
    RetryWait { class: ErrorClass, message: String },
    /// What it is sent to, an application or an integration, does not answer; nothing is sent until it does.
    Quarantined {
        since: Timestamp,
        /// What it said last, or why there was no answer.
        #[serde(default)]
        message: String,
    },
    /// The application's maintenance window; nothing is sent until it ends.
    Maintenance { until: Timestamp },
    /// A person keeps it back.
    Held {
        by: String,
        why: String,
        since: Timestamp,
        /// What held it before, and does again afterwards.
        before: Option<Box<StateReason>>,
    },
    /// It failed again and again in the same way while the application did others: set aside, so that they go on.
    SetAside { class: ErrorClass, message: String, times: u32 },
    /// A person decided that people carry it out, whatever its plan says.
    GivenToPeople { by: String, why: String },
    /// A person says that it is done, and gives evidence; a reading confirms it or not.
    MarkedDone { by: String, evidence: String },
    /// Sent, and whether it arrived is not known: read back first.
    InDoubt,
    /// No answer in time.
    Timeout,
    /// The application, or the person, said no.
    Failed { class: ErrorClass, message: String },
    /// Another order of the same account goes first.
    AccountBusy { order: OrderId },
    /// Done, and the application cannot be read back.
    CannotBeReadBack,
    /// The application holds something else than what was ordered.
    Drifted { found: String },
    /// A newer order of the same account replaced it.
    Superseded { order: OrderId },
    /// Waits for a person.
    WorkItem,
    /// Handed to another system under this reference.
    Handed {
        reference: String,
        /// Whether that system can be told that it is no longer wanted.
        #[serde(default)]
        can_be_called_off: bool,
    },
    /// Handed over as well, and the other system says something that nobody has explained.
    Unclear { reference: String, message: String },
    /// A value is missing that a person has to give. It is never sent as it is: the answer replaces it.
    AwaitingAnswer { answers: Vec<Asked> },
    /// Values are still to come from other accounts of the same person. They are filled in once they are known, and it
    /// is sent then.
    AwaitingReference {
        references: Vec<Referred>,
        /// Orders that it comes after, among them those that bring these accounts; none where somebody is asked which is meant.
        orders: Vec<OrderId>,
    },
    /// The rule or expression failed.
    RuleFailed { message: String },
    /// It goes with this ring of its run, when the one before has proved healthy.
    Ring { ring: u32 },
    /// A person took the same back after an earlier run: it waits for a person's word.
    Undone { run: RunId, by: String, why: String },
    /// It would complete a risk: it waits for a person's word.
    Risk { risk: String, message: String },
}

impl StateReason {
    /// What people have to answer, also while a person keeps the order back; none where no value is missing.
    pub fn awaited(&self) -> Option<&[Asked]> {
        match self {
            Self::AwaitingAnswer { answers } => Some(answers),
            Self::Held { before, .. } => before.as_ref()?.awaited(),
            _ => None,
        }
    }

    /// Whether a value is missing that a person has to give.
    pub fn awaits_answer(&self) -> bool {
        self.awaited().is_some()
    }

    /// What is still to come from other accounts of the same person, also while a person keeps the order back.
    pub fn referred(&self) -> Option<&[Referred]> {
        match self {
            Self::AwaitingReference { references, .. } => Some(references),
            Self::Held { before, .. } => before.as_ref()?.referred(),
            _ => None,
        }
    }

    /// Whether a value is still to come from another account of the same person.
    pub fn awaits_reference(&self) -> bool {
        self.referred().is_some()
    }

    /// Whether a person keeps the order back.
    pub fn is_hold(&self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

/// Why an order needs somebody's look: what the triage of orders is grouped by. Follows from state and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    Failed,
    SetAside,
    RuleFailed,
    TimedOut,
    Drifted,
    InDoubt,
    Quarantined,
    RetryWait,
    Held,
    Maintenance,
}

impl Trouble {
    /// What needs a person first.
    pub const ALL: [Self; 10] = [
        Self::Failed,
        Self::SetAside,
        Self::RuleFailed,
        Self::TimedOut,
        Self::Drifted,
        Self::InDoubt,
        Self::Quarantined,
        Self::RetryWait,
        Self::Held,
        Self::Maintenance,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::SetAside => "set_aside",
            Self::RuleFailed => "rule_failed",
            Self::TimedOut => "timed_out",
            Self::Drifted => "drifted",
            Self::InDoubt => "in_doubt",
            Self::Quarantined => "quarantined",
            Self::RetryWait => "retry_wait",
            Self::Held => "held",
            Self::Maintenance => "maintenance",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.name() == name)
    }

    /// None for an order that is on its way, or has come to its end.
    pub fn of(state: ProvisioningState, reason: Option<&StateReason>) -> Option<Self> {
        match (state, reason) {
            (ProvisioningState::Pending | ProvisioningState::Errored, Some(StateReason::Held { .. })) => {
                Some(Self::Held)
            }
            (ProvisioningState::Pending, Some(StateReason::RetryWait { .. })) => Some(Self::RetryWait),
            (ProvisioningState::Pending, Some(StateReason::Quarantined { .. })) => Some(Self::Quarantined),
            (ProvisioningState::Pending, Some(StateReason::Maintenance { .. })) => Some(Self::Maintenance),
            (ProvisioningState::Pending | ProvisioningState::Transmitted, Some(StateReason::InDoubt)) => {
                Some(Self::InDoubt)
            }
            (ProvisioningState::Errored, Some(StateReason::SetAside { .. })) => Some(Self::SetAside),
            (ProvisioningState::Errored, Some(StateReason::Timeout)) => Some(Self::TimedOut),
            (ProvisioningState::Errored, Some(StateReason::Drifted { .. })) => Some(Self::Drifted),
            (ProvisioningState::Errored, _) => Some(Self::Failed),
            (ProvisioningState::Error, _) => Some(Self::RuleFailed),
            _ => None,
        }
    }
}

/// What an operator does to an order that has not come to its end. Where it fits is `broker::operator`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Retry,
    Edit,
    SendToManual,
    MarkDone,
    Cancel,
    Hold,
    Resume,
}

impl Action {
    pub const ALL: [Self; 7] =
        [Self::Retry, Self::Edit, Self::SendToManual, Self::MarkDone, Self::Cancel, Self::Hold, Self::Resume];

    /// In addresses and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Edit => "edit",
            Self::SendToManual => "send-to-manual",
            Self::MarkDone => "mark-done",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Resume => "resume",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The permission it takes. Whoever may hold may resume.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Retry => "/Orders/Retry",
            Self::Edit => "/Orders/Edit",
            Self::SendToManual => "/Orders/SendToManual",
            Self::MarkDone => "/Orders/MarkDone",
            Self::Cancel => "/Orders/Cancel",
            Self::Hold | Self::Resume => "/Orders/Hold",
        }
    }

    /// Whether the person has to say something with it: why, or the evidence.
    pub fn needs_text(self) -> bool {
        !matches!(self, Self::Retry | Self::Resume)
    }
}

/// What kind of failure; decides what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Connection refused, no route, reset, 5xx: passes by itself.
    Transient,
    RateLimited,
    /// Our credentials.
    Authentication,
    /// Our rights.
    Permission,
    /// The value is not accepted.
    Invalid,
    /// Something of that name is there and is not ours.
    Conflict,
    NotFound,
    /// The application cannot do this.
    Unsupported,
    /// The answer makes no sense.
    Protocol,
    /// Sent, and no answer: whether it happened is not known.
    Unknown,
    /// A person said it cannot be done.
    Declined,
}

impl ErrorClass {
    /// Whether trying again later may help without anybody doing anything.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Transient | Self::RateLimited | Self::Unknown | Self::Protocol)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::Unsupported => "unsupported",
            Self::Protocol => "protocol",
            Self::Unknown => "unknown",
            Self::Declined => "declined",
        }
    }

    /// What the person who can mend it should do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Transient => "It is tried again by itself. If it lasts, test the application's connection.",
            Self::RateLimited => "It is tried again when the application allows.",
            Self::Authentication => "Renew the credentials in the application's connection, then retry.",
            Self::Permission => "Give the connection's account the right to do this, then retry.",
            Self::Invalid => {
                "Correct the value in the source or the account type's specification, then run the job again."
            }
            Self::Conflict => {
                "Look at the object of that name in the application; link it to its owner or rename it, then retry."
            }
            Self::NotFound => "Synchronize the application, then run the job again.",
            Self::Unsupported => "Change the account type so that it asks only what the application can do.",
            Self::Protocol => {
                "The application's answer makes no sense. Test the connection and look at the attempt's details."
            }
            Self::Unknown => "The application is read back before anything is sent again.",
            Self::Declined => "Read what the person wrote, mend it, then retry.",
        }
    }
}

/// One account's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: OrderId,
    pub plan: PlanId,
    pub partition: PartitionId,
    /// The run that generated it.
    pub run: Option<RunId>,
    pub identity: IdentityId,
    pub trigger: Trigger,
    pub application: String,
    pub account_type: String,
    pub account: Option<AccountId>,
    pub key: Option<String>,
    pub operation: Operation,
    pub mechanism: Mechanism,
    /// Application or integration that it is sent to: most are sent to their own application.
    pub carrier: String,
    /// Whether a person gave it to people, where its plan sent it another way.
    pub given_to_people: bool,
    pub lane: Lane,
    /// Smaller goes first within the lane; see [`Order::turn_at`].
    pub priority: Priority,
    pub state: ProvisioningState,
    pub reason: Option<StateReason>,
    /// Why the order exists, in a sentence.
    pub explanation: String,
    pub reasons: Vec<Reason>,
    /// Orders that have to be done before.
    pub after: Vec<OrderId>,
    /// Raised with each claim; a result that carries an older one is refused.
    pub fence: i64,
    pub attempts: u32,
    /// What its trouble has in common with that of others; kept while it is tried again.
    pub fingerprint: Option<String>,
    /// How often in a row it failed with that fingerprint while the application did others.
    pub repeats: u32,
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub transmitted_at: Option<Timestamp>,
    pub executed_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub items: Vec<OrderItem>,
}

/// What one step of priority is worth in waiting.
pub const PRIORITY_STEP: SignedDuration = SignedDuration::from_mins(1);

impl Order {
    /// Where the order stands in its lane: an earlier turn goes first. Each step of priority puts it a minute further
    /// back, once and for all, so that whatever comes later than that does not overtake it: an order of priority 70 is
    /// overtaken by orders of priority 30 that came up to 40 minutes after it, and by none that came later.
    pub fn turn_at(&self) -> Timestamp {
        self.created_at.checked_add(PRIORITY_STEP * i32::from(self.priority)).unwrap_or(Timestamp::MAX)
    }
}

/// Which queue: leavers overtake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    Leaver = 0,
    Normal = 1,
}

/// One attribute or entitlement of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderItem {
    pub id: OrderItemId,
    pub kind: ItemKind,
    pub name: String,
    pub operation: ItemOperation,
    pub value: Option<Value>,
    pub current: Option<Value>,
    pub entitlement: Option<String>,
    pub state: ProvisioningState,
    pub explanation: String,
    pub reasons: Vec<Reason>,
    pub secret: bool,
    /// What the application said about this item alone.
    pub message: Option<String>,
}

/// A value that a person put in the place of a computed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueEdit {
    /// The order on which it was changed.
    pub order: OrderId,
    pub identity: IdentityId,
    pub account_type: String,
    pub attribute: String,
    /// What the rules computed; it stands for this, and for nothing else.
    pub computed: Value,
    pub before: Value,
    pub edited: Value,
    /// Login.
    pub by: String,
    pub at: Timestamp,
    pub why: String,
}

/// One try, written down before the first byte leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub order: OrderId,
    /// From 1.
    pub number: u32,
    pub fence: i64,
    /// Which node tried.
    pub node: String,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// None while under way, and after a crash.
    pub answer: Option<Answer>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Applied {
        detail: String,
    },
    /// It was so already.
    AlreadySo {
        detail: String,
    },
    /// Somebody else has it now.
    Handed {
        reference: String,
    },
    /// Somebody else had it, and was told that it is no longer wanted.
    CalledOff {
        detail: String,
    },
    Failed {
        class: ErrorClass,
        message: String,
    },
    /// Read back after a crash or a lost answer.
    ReadBack {
        present: bool,
    },
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::StateReason;
    use crate::form::{Asked, FormOwner};

    #[test]
    fn what_is_awaited_is_awaited_also_while_a_person_keeps_it_back() {
        let asked = Asked { key: "phone".into(), label: "Phone".into(), owner: FormOwner::Operators, choices: vec![] };
        let waits = StateReason::AwaitingAnswer { answers: vec![asked.clone()] };
        let held = |before: Option<StateReason>| StateReason::Held {
            by: "ann".into(),
            why: "later".into(),
            since: Timestamp::UNIX_EPOCH,
            before: before.map(Box::new),
        };
        for reason in [waits.clone(), held(Some(waits))] {
            assert_eq!((reason.awaited(), reason.awaits_answer()), (Some(&[asked.clone()][..]), true));
        }
        for reason in [StateReason::WorkItem, held(None), held(Some(StateReason::InDoubt))] {
            assert_eq!((reason.awaited(), reason.awaits_answer()), (None, false));
        }
    }
}
