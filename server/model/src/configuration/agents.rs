//! Agents: programs in other networks that read there what this one cannot reach.

use serde::{Deserialize, Serialize};

use super::{Application, Parts};

/// A program that runs elsewhere and reads applications and feeds there. Which ones says each of them with `read_by`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub display_name: String,
    pub description: Option<String>,
    /// Login of the person who answers for it.
    pub owner: Option<String>,
    /// How long a run waits for it while nothing is heard of an export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_minutes: Option<u16>,
    /// How long a run waits for an export altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_minutes: Option<u16>,
}

impl Agent {
    const SILENCE_MINUTES: u16 = 10;
    const EXPORT_MINUTES: u16 = 240;

    /// See [`Agent::silence_minutes`].
    pub fn silence_minutes(&self) -> u16 {
        self.silence_minutes.unwrap_or(Self::SILENCE_MINUTES)
    }

    /// See [`Agent::export_minutes`].
    pub fn export_minutes(&self) -> u16 {
        self.export_minutes.unwrap_or(Self::EXPORT_MINUTES)
    }
}

impl Application {
    /// What the own connection writes: nothing where an agent reads it, because it cannot be reached from here.
    pub fn written(&self) -> Parts {
        if self.read_by.is_some() { Parts::Nothing } else { self.writes }
    }
}
