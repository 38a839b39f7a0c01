//! Who people are.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::IdentityId;
use crate::value::Attributes;

/// A person or other subject, as the identity sources describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: IdentityId,
    /// Name of the identity source that is the authority for this identity.
    pub source: String,
    /// Immutable key in that source, such as the employee number.
    pub key: String,
    pub display_name: String,
    /// Attributes that hold regardless of context.
    pub attributes: Attributes,
    /// Employment, contract or position periods. Attributes here win over those above while the period holds.
    pub contexts: Vec<Context>,
    /// Key of the manager in the same source. Resolved by the store where a page needs the person.
    pub manager_key: Option<String>,
    /// False once the source no longer lists the identity; history and accounts stay.
    pub present: bool,
}

/// Attribute values and the period in which they hold (seed 003: record section, context).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Key within the identity, stable over feeds.
    pub key: String,
    /// Smaller wins when several contexts hold at once and a value can be only one (`design` settled question 4).
    pub priority: i32,
    pub period: Period,
    pub attributes: Attributes,
    /// Days in it on which a record counts that does not hold, because its section has a gap there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filled: Vec<FilledGap>,
}

/// A gap in a record section, and the record that fills it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FilledGap {
    pub section: String,
    /// Key of the record.
    pub record: String,
    pub how: GapFilling,
    pub period: Period,
}

/// Which record fills a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapFilling {
    /// The one before goes on.
    Extended,
    /// There is none before: the next one counts already.
    Anticipated,
}

impl GapFilling {
    pub fn name(self) -> &'static str {
        match self {
            Self::Extended => "extended",
            Self::Anticipated => "anticipated",
        }
    }
}

/// A period of days. `starts` is the first day, `ends` the first day after it no longer holds; open where `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    pub starts: Option<Date>,
    pub ends: Option<Date>,
}

impl Period {
    /// Whether the period holds on that day.
    pub fn holds(&self, day: Date) -> bool {
        self.starts.is_none_or(|starts| starts <= day) && self.ends.is_none_or(|ends| day < ends)
    }

    /// Whether the period lies entirely before that day.
    pub fn is_past(&self, day: Date) -> bool {
        self.ends.is_some_and(|ends| ends <= day)
    }
}

/// Where an identity stands on a day, from its contexts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleState {
    /// The earliest context starts later.
    Joiner,
    Active,
    /// Every context has ended, or the source no longer lists the identity.
    Leaver,
}

impl LifecycleState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Joiner => "joiner",
            Self::Active => "active",
            Self::Leaver => "leaver",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Joiner, Self::Active, Self::Leaver].into_iter().find(|state| state.name() == name)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Joiner => "Joiner",
            Self::Active => "Active",
            Self::Leaver => "Leaver",
        }
    }
}

impl Identity {
    /// The lifecycle state on that day. An identity without contexts is active while its source lists it.
    pub fn lifecycle(&self, day: Date) -> LifecycleState {
        if !self.present {
            LifecycleState::Leaver
        } else if self.contexts.is_empty() || self.contexts.iter().any(|context| context.period.holds(day)) {
            LifecycleState::Active
        } else if self.contexts.iter().any(|context| !context.period.is_past(day)) {
            LifecycleState::Joiner
        } else {
            LifecycleState::Leaver
        }
    }
}
