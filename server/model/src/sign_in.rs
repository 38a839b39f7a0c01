//! What an identity provider tells of a sign-in, and what it is answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::RequestId;

/// A sign-in that waits for a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub issuer: String,
    /// Who signs in, by a name that the issuer never gives to anybody else.
    pub subject: String,
    /// The issuer's own number of this sign-in. The same one again changes nothing, and is answered as things are then.
    #[serde(default)]
    pub event: Option<String>,
    #[serde(default)]
    pub claims: BTreeMap<String, Claim>,
}

/// What the issuer says of somebody. Of several values the first is taken over; each is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Claim {
    Boolean(bool),
    Number(i64),
    Text(String),
    Several(Vec<String>),
}

impl Claim {
    /// As the rows of a feed have values.
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::Boolean(value) => vec![value.to_string()],
            Self::Number(value) => vec![value.to_string()],
            Self::Text(value) => vec![value.clone()],
            Self::Several(values) => values.clone(),
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInAnswer {
    pub decision: SignInDecision,
    /// The request under which it is followed; none where there is nothing to follow.
    pub request: Option<RequestId>,
    /// A sentence.
    pub reason: String,
}

/// Whether somebody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInDecision {
    /// All that is required is there.
    Allow,
    Deny,
    /// What is required is ordered and not there yet.
    Queued,
}

impl SignInDecision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Queued => "queued",
        }
    }
}
