//! A plan: all that should change for one identity, complete, sorted and explained, and its partitions.

use serde::{Deserialize, Serialize};

use crate::access::Reason;
use crate::account::Mechanism;
use crate::configuration::Part;
use crate::form::{Asked, Question};
use crate::ids::{AccountId, IdentityId, NativeChangeId, OrderId};
use crate::trigger::Trigger;
use crate::value::Value;

/// Plan → account request → attribute request (seed 000).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub identity: IdentityId,
    pub trigger: Trigger,
    /// In the order in which they have to be carried out.
    pub requests: Vec<AccountRequest>,
    /// Wanted, and already so or already on its way.
    pub filtered: Vec<Filtered>,
    /// Not taken away, because something still needs it or it is not ours.
    pub retained: Vec<Retained>,
    /// Open orders, never sent, that nothing needs any more and nothing replaces: they become Inactive.
    #[serde(default)]
    pub withdrawn: Vec<OrderId>,
    /// Values that people have to give, for each attribute that needs one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// What happens to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Create,
    Update,
    Enable,
    Disable,
    Delete,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Delete => "delete",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "create" => Self::Create,
            "update" => Self::Update,
            "enable" => Self::Enable,
            "disable" => Self::Disable,
            "delete" => Self::Delete,
            _ => return None,
        })
    }

    /// Whether access is taken away; such requests run in reverse order of dependencies.
    pub fn removes(self) -> bool {
        matches!(self, Self::Disable | Self::Delete)
    }
}

/// One account's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRequest {
    pub application: String,
    pub account_type: String,
    /// None for an account that is to be created.
    pub account: Option<AccountId>,
    /// Native key; none where the application will choose it.
    pub key: Option<String>,
    pub operation: Operation,
    #[serde(default, skip_serializing_if = "RequestPart::is_whole")]
    pub part: RequestPart,
    /// Attributes and entitlements. Enable and disable may carry some as well.
    pub items: Vec<AttributeRequest>,
    /// Why the account itself is created, enabled, disabled or deleted; empty for an update.
    pub reasons: Vec<Reason>,
    /// Said to a person where no rule is the reason: "nothing grants this account any more".
    pub explanation: String,
    /// Positions in [`Plan::requests`] that have to be done before.
    pub after: Vec<usize>,
    /// The role model failed for this account: the order starts, and ends, in state 7 with this message.
    pub error: Option<String>,
    /// Open orders from earlier plans that have to be answered before.
    #[serde(default)]
    pub waits_for: Vec<OrderId>,
    /// Open orders, never sent, that this request replaces: they become Inactive.
    #[serde(default)]
    pub supersedes: Vec<OrderId>,
    /// What people have to answer before it can be sent; the next plan replaces it then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<Asked>,
    /// Values that are still to come from other accounts of the same person; they are filled in before it is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refers: Vec<Referred>,
    /// Native changes that it sets back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets_back: Vec<NativeChangeId>,
    /// A creation in the place of one that was sent, of which nobody knows for sure that it had no effect: the application
    /// is read before it is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
}

/// A value that is still to come from another account of the same person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Referred {
    /// Attribute that it is for.
    pub attribute: String,
    /// Type of the account that it is taken from.
    pub account_type: String,
    /// What a person calls that type.
    pub label: String,
    /// What is taken of it: an attribute, `key`, or an expression.
    pub taken: String,
}

impl Referred {
    /// Such as "“dn” of “Directory account”".
    pub fn source(&self) -> String {
        format!("\u{201c}{}\u{201d} of the person's \u{201c}{}\u{201d}", self.taken, self.label)
    }
}

/// Whether a request is all that happens to its account, or one of two parts that go different ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestPart {
    #[default]
    Whole,
    /// The account itself and its attributes; its entitlements are in another request.
    Account,
    /// Entitlements alone; the rest is in another request. Of an account that is created, it has no account yet.
    Entitlements,
}

impl RequestPart {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

impl AccountRequest {
    /// Which part of the configuration's it is: that whose way it goes.
    pub fn goes_as(&self) -> Part {
        let is_entitlement = |item: &AttributeRequest| item.kind == ItemKind::Entitlement;
        let only_entitlements = !self.items.is_empty() && self.items.iter().all(is_entitlement);
        if only_entitlements { Part::Entitlements } else { Part::Accounts }
    }
}

/// One attribute or entitlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeRequest {
    pub kind: ItemKind,
    /// Attribute name, or the entitlement's key in the application.
    pub name: String,
    pub operation: ItemOperation,
    /// The value for an attribute that is set; none for an entitlement or a removal.
    pub value: Option<Value>,
    /// What is there now.
    pub current: Option<Value>,
    /// Name of the entitlement in the configuration, where it has one.
    pub entitlement: Option<String>,
    pub reasons: Vec<Reason>,
    /// Said where no rule is the reason.
    pub explanation: String,
    pub secret: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    Attribute,
    Entitlement,
    /// The account itself: that it exists, is enabled, is disabled. One for each order that is no plain update.
    Lifecycle,
}

impl ItemKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Entitlement => "entitlement",
            Self::Lifecycle => "lifecycle",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "attribute" => Self::Attribute,
            "entitlement" => Self::Entitlement,
            "lifecycle" => Self::Lifecycle,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemOperation {
    Set,
    Add,
    Remove,
}

impl ItemOperation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "set" => Self::Set,
            "add" => Self::Add,
            "remove" => Self::Remove,
            _ => return None,
        })
    }
}

/// Left out of a plan, with why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    pub application: String,
    pub account_type: String,
    pub kind: ItemKind,
    pub name: String,
    pub why: FilterReason,
    /// Said where the reason alone does not tell: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterReason {
    AlreadySo,
    /// An open order does the same.
    OnItsWay,
    /// It would complete a risk that blocks.
    Risk,
}

/// Kept, with why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    pub application: String,
    pub account_type: String,
    pub kind: ItemKind,
    pub name: String,
    /// A sentence, such as "Quartermaster did not grant it".
    pub why: String,
}

/// The part of a plan that is carried out on one application in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Position in the plan, from 1.
    pub sequence: u32,
    pub mechanism: Mechanism,
    /// Application or integration that it is sent to; empty in plans of earlier times, which knew the application only.
    #[serde(default)]
    pub carrier: String,
    /// Why it goes this way, a sentence.
    #[serde(default)]
    pub why: String,
    pub application: String,
    /// Positions in [`Plan::requests`]; over all partitions of a plan each occurs once.
    pub requests: Vec<usize>,
    /// Sequences of the partitions that have to be done before.
    pub after: Vec<u32>,
}
