//! How an application answers, kept for as long as it is known, across restarts and for all processes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether orders go out to an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// They do.
    #[default]
    Closed,
    /// They do not: it gave no answer too often.
    Open,
    /// One is trying whether it answers again.
    HalfOpen,
}

impl CircuitState {
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The circuit breaker of an application. The rules are `broker::breaker`'s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    pub state: CircuitState,
    /// Calls without an answer since the last answer.
    pub failures: u32,
    /// Calls since then, and how many of them got no answer.
    pub window_since: Option<Timestamp>,
    pub window_calls: u32,
    pub window_failures: u32,
    pub opened_at: Option<Timestamp>,
    /// When it is tried next; while somebody tries, until when that may take.
    pub probe_at: Option<Timestamp>,
    /// How often it was tried in vain since it opened.
    pub probes: u32,
    /// Why there was no answer.
    pub message: String,
    /// Since when it is told in the audit trail that this lasts.
    pub told_at: Option<Timestamp>,
}
