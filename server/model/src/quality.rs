//! How good what sources say of people is, attribute by attribute.

use serde::{Deserialize, Serialize};

use crate::ids::IdentityId;

/// One attribute over everybody who is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeQuality {
    pub name: String,
    /// Identity sources that deliver it.
    pub sources: Vec<String>,
    /// People of these sources, and those of them who have a value, by themselves or in one of their contexts.
    pub people: u64,
    pub filled: u64,
    /// Different values.
    pub distinct: u64,
    /// The values that most people have, with how many.
    pub most: Vec<(String, u64)>,
    /// Values that are almost like one that many more people have.
    pub odd: Vec<OddValue>,
    /// How many have which kind of value, where there is more than one kind: a number here and a text there.
    pub kinds: Vec<(String, u64)>,
    /// Some of those who have none.
    pub missing: Vec<(IdentityId, String)>,
    /// Rules whose conditions read it.
    pub rules: Vec<String>,
}

impl AttributeQuality {
    /// Of a thousand people, how many have a value; everybody where nobody should have one.
    pub fn filled_of_thousand(&self) -> u64 {
        (self.filled * 1_000).checked_div(self.people).unwrap_or(1_000)
    }

    /// Whether somebody should look at it: a rule reads what not everybody has, values look mistyped, or kinds are mixed.
    pub fn is_doubtful(&self) -> bool {
        !self.odd.is_empty() || self.kinds.len() > 1 || (!self.rules.is_empty() && self.filled < self.people)
    }
}

/// A value that may be a mistyped other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OddValue {
    pub value: String,
    pub people: u64,
    /// Some of those who have it.
    pub who: Vec<(IdentityId, String)>,
    /// What it is almost like.
    pub like: String,
    pub like_people: u64,
}
