//! Where somebody stands in their working life, why, since when, and what becomes of their accounts because of it.
//!
//! What decides it is `policy`; what is done about it, `broker`. The three states that follow from contexts alone are
//! [`crate::identity::LifecycleState`]; the configuration may say more of them, and add its own.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::access::{Fact, Grantable};
use crate::configuration::AccountAction;

/// What the configuration makes of a person's state; there where something follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    pub standing: Standing,
    /// What rules or requests give and the state does not let through, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Grantable>,
    /// Account types on whose accounts the state has something to say, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<AccountStage>,
}

/// A state and why somebody is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub state: String,
    /// What people call it.
    pub label: String,
    /// First day of it; none where nothing tells, and nothing depends on it.
    pub since: Option<Date>,
    /// No period begins there: it is the day on which it was first seen.
    #[serde(default)]
    pub first_seen: bool,
    /// Key of the context in which the condition of an own state holds.
    pub context: Option<String>,
    /// What that condition read.
    pub facts: Vec<Fact>,
    /// Other states of the same priority that match as well; somebody has to say which is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<LegalHold>,
}

/// Nothing of this person's accounts is stripped or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    /// State whose condition it is; the organisation's where none is named.
    pub state: Option<String>,
    pub facts: Vec<Fact>,
}

/// What becomes of accounts of one type, day by day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStage {
    pub account_type: String,
    /// In the order of their days.
    pub steps: Vec<StageStep>,
    /// How many of them are in force.
    pub reached: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StageStep {
    pub on: Date,
    pub action: AccountAction,
}

/// The state that was recorded last, and since when: for states whose beginning no period tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    pub state: String,
    pub since: Date,
}

/// Something that happens on a day to come, if nothing changes before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Boundary {
    pub on: Date,
    pub what: Turn,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Another state begins; what people call it.
    State(String),
    /// Accounts of these types, as people call them, are dealt with.
    Accounts(AccountAction, Vec<String>),
}

/// What a person's page says of their state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleView {
    pub standing: Standing,
    /// Soonest first.
    pub next: Vec<Boundary>,
    pub stages: Vec<AccountStage>,
    /// How much of what rules and requests give is withheld.
    pub withheld: Vec<Grantable>,
}

/// What an explanation says of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateWord {
    pub standing: Standing,
    /// The state is why it is not held.
    pub withheld: bool,
    /// Of the accounts of this type, or that hold this entitlement.
    pub stage: Option<AccountStage>,
}

impl Lifecycle {
    /// What the state says about accounts of this type.
    pub fn stage(&self, account_type: &str) -> Option<&AccountStage> {
        self.stages.iter().find(|stage| stage.account_type == account_type)
    }

    /// Whether the state is why somebody does not have this.
    pub fn withholds(&self, grantable: &Grantable) -> bool {
        self.withheld.binary_search(grantable).is_ok()
    }
}

impl Standing {
    /// "Leaver since 2026-11-01".
    pub fn since_when(&self) -> String {
        match self.since {
            Some(since) => format!("{} since {since}", self.label),
            None => self.label.clone(),
        }
    }
}

impl LegalHold {
    /// Why something is kept, a sentence.
    pub fn why(&self) -> String {
        let facts: Vec<String> = self.facts.iter().map(Fact::said).collect();
        if facts.is_empty() {
            "A legal hold keeps it.".to_owned()
        } else {
            format!("A legal hold keeps it: {}.", facts.join(", "))
        }
    }
}

impl AccountStage {
    fn has_reached(&self, action: AccountAction) -> bool {
        self.in_force().iter().any(|step| step.action == action)
    }

    /// The steps whose day has come.
    pub fn in_force(&self) -> &[StageStep] {
        self.steps.get(..self.reached).unwrap_or(&self.steps)
    }

    /// The steps whose day is to come.
    pub fn to_come(&self) -> &[StageStep] {
        self.steps.get(self.reached..).unwrap_or_default()
    }

    pub fn is_disabled(&self) -> bool {
        self.has_reached(AccountAction::Disable)
    }

    pub fn is_stripped(&self) -> bool {
        self.has_reached(AccountAction::Strip)
    }

    pub fn is_deleted(&self) -> bool {
        self.has_reached(AccountAction::Delete)
    }

    /// Whether a step that does something is in force: what rules grant is not brought about meanwhile.
    pub fn is_acting(&self) -> bool {
        self.in_force().iter().any(|step| step.action != AccountAction::Keep)
    }

    /// "Disabled because Leaver since 2026-11-01; stripped on 2026-11-08; deleted on 2027-01-30".
    pub fn said(&self, standing: &Standing) -> String {
        let acting = |step: &&StageStep| step.action != AccountAction::Keep;
        let now = match self.in_force().iter().rfind(acting).map(|step| step.action) {
            Some(AccountAction::Strip) if self.is_disabled() => "Disabled and stripped",
            Some(AccountAction::Strip) => "Stripped",
            Some(AccountAction::Disable) if self.is_stripped() => "Disabled and stripped",
            Some(AccountAction::Disable) => "Disabled",
            Some(AccountAction::Delete) => "Deleted",
            Some(AccountAction::Keep) | None => "Left as it is",
        };
        let then = self.to_come().iter().map(|step| format!("; {} on {}", step.action.done(), step.on));
        format!("{now} because {}{}", standing.since_when(), then.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountStage, StageStep, Standing};
    use crate::configuration::AccountAction;
    use jiff::civil::date;

    #[test]
    fn a_stage_says_what_is_and_what_comes() {
        let standing = Standing {
            state: "leaver".into(),
            label: "Leaver".into(),
            since: Some(date(2026, 11, 1)),
            first_seen: false,
            context: None,
            facts: Vec::new(),
            conflicts: Vec::new(),
            legal_hold: None,
        };
        let step = |on, action| StageStep { on, action };
        let stage = |reached| AccountStage {
            account_type: "directory".into(),
            steps: vec![
                step(date(2026, 11, 1), AccountAction::Disable),
                step(date(2026, 11, 8), AccountAction::Strip),
                step(date(2027, 1, 30), AccountAction::Delete),
            ],
            reached,
        };
        let expected = [
            "Left as it is because Leaver since 2026-11-01; disabled on 2026-11-01; stripped on 2026-11-08; deleted on 2027-01-30",
            "Disabled because Leaver since 2026-11-01; stripped on 2026-11-08; deleted on 2027-01-30",
            "Disabled and stripped because Leaver since 2026-11-01; deleted on 2027-01-30",
            "Deleted because Leaver since 2026-11-01",
        ];
        for (reached, expected) in expected.into_iter().enumerate() {
            assert_eq!(stage(reached).said(&standing), expected);
        }
    }
}
