//! Desired access, with reasons: what `policy` answers.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::configuration::Reference;
use crate::form::Asked;
use crate::identity::Period;
use crate::ids::{IdentityId, RequestId};
use crate::indirect::IndirectRow;
use crate::lifecycle::{Lifecycle, StateWord};
use crate::value::Value;

/// Everything an identity should have, sorted, with why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredAccess {
    pub identity: IdentityId,
    /// Roles, access profiles, entitlements and account types, sorted by [`Grantable`].
    pub assignments: Vec<DesiredAssignment>,
    /// The accounts that follow from the account types held now, with their attribute values.
    pub accounts: Vec<DesiredAccount>,
    /// What a rule would have given and another rule took away.
    pub denied: Vec<Denied>,
    /// What their lifecycle state makes of all that, where it makes something of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Box<Lifecycle>>,
}

/// What can be held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Grantable {
    Role(String),
    AccessProfile(String),
    AccountType(String),
    Entitlement(String),
}

impl Grantable {
    pub fn name(&self) -> &str {
        match self {
            Self::Role(name) | Self::AccessProfile(name) | Self::AccountType(name) | Self::Entitlement(name) => name,
        }
    }

    /// Name of the kind, as stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::AccessProfile(_) => "access_profile",
            Self::AccountType(_) => "account_type",
            Self::Entitlement(_) => "entitlement",
        }
    }

    /// The reverse of [`Self::kind`] and [`Self::name`].
    pub fn from_parts(kind: &str, name: &str) -> Option<Self> {
        let name = name.to_owned();
        Some(match kind {
            "role" => Self::Role(name),
            "access_profile" => Self::AccessProfile(name),
            "account_type" => Self::AccountType(name),
            "entitlement" => Self::Entitlement(name),
            _ => return None,
        })
    }
}

/// One thing an identity should hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredAssignment {
    pub grantable: Grantable,
    /// When it holds, over all reasons.
    pub period: Period,
    pub workflow_state: WorkflowState,
    /// Every way in which it is granted; never empty.
    pub reasons: Vec<Reason>,
}

/// Approval and origin of an assignment. Numbers as in seed 003's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowState {
    /// Read from the application, no rule behind it.
    NonConforming = 1,
    /// Read from the application at first load.
    PreExisting = 3,
    /// Given by a rule.
    Calculated = 18,
    /// Offered by a rule, not given.
    Suggested = 21,
    /// Given by a rule once somebody has approved.
    AutomaticWithValidation = 23,
    /// Follows from something else that is held, such as the account an entitlement needs.
    GivenByRole = 118,
}

impl WorkflowState {
    /// Whether access follows from an assignment in this state.
    pub fn grants(self) -> bool {
        matches!(self, Self::Calculated | Self::GivenByRole)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::NonConforming => "Non-conforming",
            Self::PreExisting => "Pre-existing",
            Self::Calculated => "Calculated",
            Self::Suggested => "Suggested",
            Self::AutomaticWithValidation => "Automatic but with validation",
            Self::GivenByRole => "Given by a role",
        }
    }

    pub fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::NonConforming,
            3 => Self::PreExisting,
            18 => Self::Calculated,
            21 => Self::Suggested,
            23 => Self::AutomaticWithValidation,
            118 => Self::GivenByRole,
            _ => return None,
        })
    }
}

/// One complete way in which something is granted: the rule, what it looked at, or the request; and the path from what it
/// grants to the thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reason {
    pub rule: String,
    /// Key of the context in which the rule held; none for an identity without contexts.
    pub context: Option<String>,
    /// The attribute values that the rule's expression read.
    pub facts: Vec<Fact>,
    /// From what the rule grants down to what holds it, without the thing itself: role → role → access profile.
    pub path: Vec<Grantable>,
    /// Set where no rule but a request gives it; `rule` is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Box<GrantOrigin>>,
}

impl Reason {
    /// What gives it, for a sentence: "rule “sales-staff”" or "request 1042 of ann.lee (“covers for Bo”)".
    pub fn cause(&self) -> String {
        match &self.grant {
            Some(origin) => {
                format!("request {} of {} (\u{201c}{}\u{201d})", origin.request, origin.by, origin.why)
            }
            None => format!("rule \u{201c}{}\u{201d}", self.rule),
        }
    }
}

/// Who asked for something, why, and in which request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantOrigin {
    pub request: RequestId,
    pub by: String,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fact {
    pub attribute: String,
    /// None where the identity has no value.
    pub value: Option<Value>,
}

impl Fact {
    /// "department = Sales".
    pub fn said(&self) -> String {
        format!("{} = {}", self.attribute, self.value.as_ref().map_or("nothing".to_owned(), ToString::to_string))
    }
}

/// An account that should exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredAccount {
    pub account_type: String,
    pub application: String,
    pub attributes: Vec<DesiredAttribute>,
    /// Names of entitlements that the account should hold now, sorted.
    pub entitlements: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredAttribute {
    pub name: String,
    pub value: DesiredValue,
    pub required: bool,
    pub create_only: bool,
    pub secret: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesiredValue {
    Value(Value),
    /// The first of these that is free in the application; the planner chooses and reserves.
    Unique(Vec<String>),
    /// The source gives no value.
    Absent,
    /// The expression failed; the order ends in state 7 Error with this message.
    Failed(String),
    /// Another account of the same person has it, which is looked up when plans are made ([`Reference`]). What is left of
    /// these then is still to come: what needs it waits.
    Referred(Reference),
    /// A person has to give it; what needs it waits. Never the role model's answer: `broker::questions` puts it here.
    Asked(Asked),
}

/// Granted by one rule, taken away by another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    pub grantable: Grantable,
    pub granted_by: Vec<Reason>,
    pub denied_by: Reason,
}

/// Answer to "why does, or does not, this identity hold this".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub identity: IdentityId,
    pub grantable: Grantable,
    pub held: bool,
    pub period: Option<Period>,
    pub reasons: Vec<Reason>,
    /// Rules that would grant it and do not hold, each with the values it looked at; the nearest first.
    pub missing: Vec<NearMiss>,
    pub denied_by: Option<Reason>,
    /// What the lifecycle state has to do with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Box<StateWord>>,
    /// Where it is not held: roles and access profiles through which it would be, were they in force; or it itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dormant: Vec<Dormant>,
    /// When a reviewer certified it last, and who: "2026-03-02 by Ann Lee". Never the role model's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified: Option<String>,
    /// What else that they hold leads there, by indirect rules. Never the role model's answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indirect: Vec<IndirectRow>,
}

impl Explanation {
    /// Whether nothing gives it, and something that is there already leads to it.
    pub fn is_indirect(&self) -> bool {
        !self.held && self.indirect.iter().any(|row| !row.is_coming)
    }
}

/// A role or an access profile that gives nothing on a day, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dormant {
    pub grantable: Grantable,
    pub why: Dormancy,
}

/// Why something is not in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "date", rename_all = "snake_case")]
pub enum Dormancy {
    Draft,
    Retired,
    /// It begins on this day.
    NotBefore(Date),
    /// This was its last day.
    NotAfter(Date),
}

impl Dormancy {
    /// For a sentence after its name: "is retired".
    pub fn said(self) -> String {
        match self {
            Self::Draft => "is a draft".to_owned(),
            Self::Retired => "is retired".to_owned(),
            Self::NotBefore(day) => format!("is not valid before {day}"),
            Self::NotAfter(day) => format!("was valid until {day}"),
        }
    }
}

/// Answer to a question that a person typed: why, or why not, the thing of this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Explained(Box<Explanation>),
    /// Several things have the name; the person has to say which is meant.
    Several(Vec<Grantable>),
    /// Nothing has the name. Those most like it, the nearest first.
    Unknown(Vec<Grantable>),
}

/// A rule that would grant the thing but does not hold for this identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    pub rule: String,
    pub when: String,
    pub facts: Vec<Fact>,
    pub path: Vec<Grantable>,
}
