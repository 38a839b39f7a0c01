//! Account types: how an account is made up, which accounts are of the type and whose they are, and what people are asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ColumnType, Thresholds, is_default};
use crate::native_change::NativeChanges;
use crate::value::Value;

/// A kind of account in an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountType {
    pub display_name: String,
    pub application: String,
    /// How the account is made up, attribute by attribute: the create-account specification.
    pub attributes: BTreeMap<String, AttributeSpecification>,
    /// Attribute whose value becomes the native key where the application does not choose one.
    pub key: String,
    /// Rules that tell an account found in the application to be of this type. Without any, it is where it is the
    /// application's only type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classification: Vec<ClassificationRule>,
    /// Rules that find the owner of an account read from the application, best first.
    #[serde(default)]
    pub correlation: Vec<CorrelationRule>,
    /// What happens to the account when nothing grants it any more.
    #[serde(default)]
    pub on_removal: OnRemoval,
    /// Account types that have to exist first, for the same identity.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Orders wait for a provisioning review.
    #[serde(default)]
    pub review: bool,
    /// Whose the work is where people do it, in place of whom the application names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfiller: Option<String>,
    /// CEL over `account` and `identity`: which account is meant where somebody has several of this type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
    /// What happens where that does not leave exactly one, and none was used before.
    #[serde(default, skip_serializing_if = "is_default")]
    pub several: Several,
    /// Who is asked which account is meant; the application's owner unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    #[serde(default)]
    pub thresholds: Thresholds,
    /// What happens about changes of such accounts made in the application itself, in place of what it says for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_changes: Option<NativeChanges>,
}

/// What happens where somebody has several accounts of a type and it is not settled which is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Several {
    /// The oldest is used.
    #[default]
    First,
    /// Nothing, until a person has said which.
    Ask,
    /// Nothing; the plan says so.
    Skip,
    /// An order in state 7 that somebody has to look at.
    Fail,
}

/// Where one attribute's value comes from, and what it has to be like. At most one of `value`, `expression`, `unique` and
/// `reference` is given; without any, `ask` says that a person has to give it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttributeSpecification {
    /// A constant.
    pub value: Option<Value>,
    /// CEL over `identity`, such as `identity.display_name` or `identity.given_name.left(1).lower()`.
    pub expression: Option<String>,
    /// CEL over `identity` and `attempt` (0, 1, 2 …): tried until the value is free in the application. At most 50 attempts.
    pub unique: Option<String>,
    /// Another account of the same person that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    #[serde(default)]
    pub required: bool,
    /// Written at creation only; otherwise kept in step with the identity.
    #[serde(default)]
    pub create_only: bool,
    /// Never shown, logged or read back.
    #[serde(default)]
    pub secret: bool,
    /// Who is asked where the attribute is required and has no value: the application's owner unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    /// Attributes with the same key here are one question, asked once for each person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What the question is called on a form; the attribute's name unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Said beneath the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What a value has to be like, whether it was computed or answered.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// A regular expression that the whole value matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// In characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_length: Option<u32>,
    /// The only values there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Taken where nobody has answered in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// How long an answer is waited for; the organisation's `answer_within_days` unless told. 0: the default is taken
    /// at once, and nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_within_days: Option<u16>,
}

/// A value that is taken from the account that the same person has of another type, in whatever application. Exactly one of
/// `attribute` and `expression` is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub account_type: String,
    /// Taken as it is: an attribute of that type, or [`Reference::KEY`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// CEL over that `account` and `identity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

impl AccountType {
    /// Account types that values of this one come from; one that several come from more than once.
    pub fn refers_to(&self) -> impl Iterator<Item = &str> {
        let references = self.attributes.values().filter_map(|made| made.reference.as_ref());
        references.map(|reference| reference.account_type.as_str())
    }

    /// Account types whose accounts come before one of this type: those it depends on, and those it refers to.
    pub fn comes_after(&self) -> impl Iterator<Item = &str> {
        self.depends_on.iter().map(String::as_str).chain(self.refers_to())
    }
}

impl Reference {
    /// Names the account's native key: a distinguished name, a SCIM id, a primary key.
    pub const KEY: &str = "key";

    /// What is taken, as it is written.
    pub fn taken(&self) -> &str {
        self.attribute.as_deref().or(self.expression.as_deref()).unwrap_or_default()
    }
}

/// Whom a question goes to. Who cannot sign in cannot be asked: then it is the application's owner, and where there is
/// none, whoever may answer every form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The person's manager.
    Manager,
    /// Whoever answers for the application.
    Owner,
    /// The person whose account it is.
    Person,
    Login(String),
    /// The holders of a permission profile.
    Profile(String),
}

/// Compares an identity's value with an account's. Confidence of 100 or more links by itself, below goes to review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CorrelationRule {
    /// CEL over `identity`, such as `identity.key`.
    pub identity: String,
    /// Attribute of the account that has the same value, such as `employeeNumber`.
    pub account: String,
    pub confidence: u8,
}

/// Tells that an account is of a type. Confidence of 100 or more classifies by itself, below goes to review; among types
/// the highest confidence counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClassificationRule {
    /// CEL over `account`: its attributes, and `key`, `enabled` and `entitlements`.
    pub when: String,
    pub confidence: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnRemoval {
    #[default]
    Disable,
    Delete,
    Keep,
}
