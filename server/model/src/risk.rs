//! Violations: who holds what a risk says nobody should hold, or hold together; and what people decide about it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::access::{Grantable, Reason};
use crate::configuration::{OnConflict, RiskKind};
use crate::ids::{AccountId, IdentityId, RequestId, ViolationDecisionId, ViolationId, ViolationThingId};
use crate::indirect::IndirectRow;

/// Where a violation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationState {
    /// Waits for a person.
    Open,
    /// Borne until a day.
    Excepted,
    /// One side is being given up.
    Remediation,
    /// No longer so.
    Closed,
}

impl ViolationState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Excepted, Self::Remediation, Self::Closed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Excepted => "excepted",
            Self::Remediation => "remediation",
            Self::Closed => "closed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What a person reads.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Excepted => "Excepted",
            Self::Remediation => "In remediation",
            Self::Closed => "Closed",
        }
    }
}

/// Something held that counts for a side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HeldThing {
    pub grantable: Grantable,
    /// Every way in which it is granted, sorted; empty where nothing grants it and an application holds it all the same.
    pub reasons: Vec<Reason>,
    /// The accounts that hold it, sorted; only where nothing grants it.
    pub accounts: Vec<AccountId>,
}

impl HeldThing {
    /// What would have to go for it to go, where it is granted: itself, or the entitlements that lead to it; sorted. What leads to
    /// another entitlement ends the way by which that comes.
    pub fn brought_by(&self) -> Vec<Grantable> {
        let brought = self.reasons.iter().map(|reason| match (&self.grantable, reason.path.last()) {
            (Grantable::Entitlement(_), Some(leading @ Grantable::Entitlement(_))) => leading,
            (itself, _) => itself,
        });
        brought.collect::<std::collections::BTreeSet<_>>().into_iter().cloned().collect()
    }
}

/// A rule that somebody breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BrokenRule {
    pub risk: String,
    /// Position among the risk's rules, from 1.
    pub rule: u32,
    /// All that is held of each side, sorted; no side is empty.
    pub sides: Vec<Vec<HeldThing>>,
}

/// How risky somebody's access is, from the levels of the risks that are there for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RiskScore {
    /// The highest level.
    pub highest: i32,
    /// All levels together, each risk once, [`RiskScore::MOST`] at most.
    pub total: i32,
}

impl RiskScore {
    /// More is not counted.
    pub const MOST: i32 = 500;

    /// Of these levels, one for each risk.
    pub fn of(levels: impl IntoIterator<Item = i32>) -> Self {
        let mut score = Self::default();
        for level in levels {
            score.highest = score.highest.max(level);
            score.total = score.total.saturating_add(level).min(Self::MOST);
        }
        score
    }
}

/// A violation on record. It is there from its first day to its last; what is decided meanwhile only says how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    pub id: ViolationId,
    pub identity: IdentityId,
    pub risk: String,
    pub rule: u32,
    pub state: ViolationState,
    pub since: Timestamp,
    /// None while it is there.
    pub until: Option<Timestamp>,
    /// Goes up with every change: what somebody decides on is what they saw.
    pub version: u32,
    /// What is held, or was when it ended.
    pub things: Vec<ViolationThing>,
    /// The exception or the remediation that is in force.
    pub decision: Option<ViolationDecision>,
}

impl Violation {
    /// What is held of each side.
    pub fn sides(&self) -> Vec<Vec<&HeldThing>> {
        let count = self.things.iter().map(|thing| thing.side as usize).max().unwrap_or_default();
        let mut sides = vec![Vec::new(); count];
        for thing in &self.things {
            if let Some(side) = (thing.side as usize).checked_sub(1).and_then(|side| sides.get_mut(side)) {
                side.push(&thing.thing);
            }
        }
        sides
    }
}

/// Something held that a violation rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationThing {
    pub id: ViolationThingId,
    /// From 1.
    pub side: u32,
    pub thing: HeldThing,
    /// Empty for roles.
    pub application: String,
    pub since: Timestamp,
}

/// What somebody decided, as long as it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationDecision {
    pub id: ViolationDecisionId,
    pub by: String,
    pub at: Timestamp,
    pub what: Decided,
}

/// See [`ViolationDecision`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decided {
    /// It is borne, because of this control, up to and including this day.
    Exception { control: String, last_day: Date },
    /// This side is given up: by a request, or by orders that take away what nothing grants.
    Remediation { side: u32, why: String, request: Option<RequestId> },
}

/// Which ones to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViolationFilter {
    pub risk: Option<String>,
    /// Of risks of this level or more.
    pub level: Option<i32>,
    pub state: Option<ViolationState>,
    pub application: Option<String>,
    pub identity: Option<IdentityId>,
    /// Those older than this one.
    pub before: Option<ViolationId>,
    pub limit: Option<u32>,
}

/// What the configuration says of a risk, as pages show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskFacts {
    pub name: String,
    pub display_name: String,
    pub description: Option<String>,
    /// None where the configuration does not know the risk any more.
    pub kind: Option<RiskKind>,
    pub level: i32,
    pub owner: Option<String>,
    pub on_conflict: OnConflict,
    pub mitigating_control: Option<String>,
    pub exception_days: u16,
    /// What people call each side of the rule; empty where they have no names.
    pub sides: Vec<String>,
}

/// A line of the list, with what people know things by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationRow {
    pub violation: Violation,
    pub identity_name: String,
    pub risk: RiskFacts,
    /// What people call each thing, in the order of the violation's.
    pub labels: Vec<String>,
    /// What people call its application; empty for roles.
    pub applications: Vec<String>,
    /// Whether the person who looks may decide on it.
    pub may_decide: bool,
}

/// A violation with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationDetail {
    pub row: ViolationRow,
    /// Oldest first.
    pub events: Vec<ViolationEvent>,
    /// Of the person, over all their violations that are there.
    pub score: RiskScore,
    /// What giving up each side would take.
    pub ways_out: Vec<WayOut>,
    /// The last day an exception that is given now may have.
    pub longest: Date,
    /// What of it something else leads to.
    #[serde(default)]
    pub led_to: Vec<LedTo>,
}

/// Something that counts for a violation, and to which something else leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedTo {
    pub grantable: Grantable,
    /// No account of theirs has it itself, and nothing grants it.
    pub is_only_so: bool,
    /// By which ways; none for who may not see what the person holds.
    pub ways: Vec<IndirectRow>,
}

/// What giving up one side takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayOut {
    /// What a request takes away, by what people call it: given directly.
    pub taken: Vec<(Grantable, String)>,
    /// What orders take away, because nothing grants it.
    pub removed: Vec<(Grantable, String)>,
    /// What is in the way, and who has to do what: sentences. Nothing can be done here while there is one.
    pub obstacles: Vec<String>,
}

impl WayOut {
    /// Whether it can be gone from here.
    pub fn is_open(&self) -> bool {
        self.obstacles.is_empty() && !(self.taken.is_empty() && self.removed.is_empty())
    }
}

/// Something that happened to a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationEvent {
    pub violation: ViolationId,
    pub at: Timestamp,
    pub state: ViolationState,
    pub actor: String,
    /// A sentence.
    pub message: String,
}

/// A risk that a request would newly bring about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRisk {
    pub risk: RiskFacts,
    pub rule: u32,
    /// What follows, for whoever asks: a risk that blocks only waits for a review where they may override it.
    pub follows: OnConflict,
    /// What would be held of each side, by what people call it.
    pub sides: Vec<Vec<String>>,
}

/// What was known, and said, of a risk when a request was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedRisk {
    pub request: RequestId,
    pub risk: String,
    pub rule: u32,
    /// As the configuration said then.
    pub on_conflict: OnConflict,
    /// Why it is borne.
    pub comment: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for state in ViolationState::ALL {
            assert_eq!(ViolationState::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn a_score_is_the_highest_level_and_a_capped_sum() {
        for (levels, highest, total) in
            [(&[][..], 0, 0), (&[40], 40, 40), (&[40, 90, 10], 90, 140), (&[100; 7], 100, 500)]
        {
            assert_eq!(RiskScore::of(levels.iter().copied()), RiskScore { highest, total });
        }
    }
}
