//! Sign-ins: what becomes of people when an identity provider says that they sign in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An identity provider that tells of sign-ins and waits for a word on each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignInProvider {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As it calls itself in what it tells; compared letter by letter.
    pub issuer: String,
    /// Identity source that its people belong to.
    pub source: String,
    /// What becomes of somebody whom nobody knows.
    #[serde(default)]
    pub unknown: UnknownPerson,
    /// By what somebody of a source that is read is recognised at the first sign-in: attribute of the identity, or `key`, and the
    /// claim that has to be equal to it. All of them have to be, for exactly one person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confirmed: BTreeMap<String, String>,
    /// Account types that signing in gives, and that have to be there before the answer is *allow*.
    pub requires: Vec<String>,
    /// How long an answer may take.
    #[serde(default = "wait_seconds")]
    pub wait_seconds: u16,
    /// The answer where what is required is not there in time.
    #[serde(default)]
    pub when_late: WhenLate,
    /// Claim and values of it with which somebody is refused, and leaves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ended: BTreeMap<String, Vec<String>>,
    /// For so many days, today among them, a sign-in lets stay whom only sign-ins tell of.
    #[serde(default = "valid_days")]
    pub valid_days: u16,
}

impl SignInProvider {
    /// The longest wait for an answer, shorter than proxies wait.
    pub const LONGEST_WAIT: u16 = 45;
    /// The longest time for which a sign-in counts: about two years.
    pub const LONGEST_VALID: u16 = 731;
    /// The claim that every sign-in has: who it is, by a name that the provider never gives to anybody else.
    pub const SUBJECT: &str = "subject";
}

fn wait_seconds() -> u16 {
    10
}

fn valid_days() -> u16 {
    90
}

/// What becomes of somebody whom nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownPerson {
    /// They are written into the source, which has to be one that sign-ins fill.
    Create,
    #[default]
    Refuse,
}

/// The answer where what is required is not there in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenLate {
    #[default]
    Deny,
    /// *Queued*, with the number of the request that goes on.
    AllowQueued,
}
