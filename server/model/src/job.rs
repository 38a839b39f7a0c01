//! Jobs, their tasks and runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{ConfigurationVersionId, RunId, UserId};

/// A step of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Read sources and applications into the staging area.
    Collect,
    /// Compare what was read with what is known, check thresholds, take it over.
    Synchronize,
    ComputeRoleModel,
    GenerateOrders,
    Fulfil,
    /// Read the applications again and verify.
    SynchronizeBack,
}

impl TaskKind {
    /// The complete job of seed 003, in its order.
    pub const COMPLETE: [Self; 6] = [
        Self::Collect,
        Self::Synchronize,
        Self::ComputeRoleModel,
        Self::GenerateOrders,
        Self::Fulfil,
        Self::SynchronizeBack,
    ];

    /// Name on the command line, in addresses and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Synchronize => "synchronize",
            Self::ComputeRoleModel => "compute-role-model",
            Self::GenerateOrders => "generate-orders",
            Self::Fulfil => "fulfil",
            Self::SynchronizeBack => "synchronize-back",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::COMPLETE.into_iter().find(|task| task.name() == name)
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Collect => "Collect",
            Self::Synchronize => "Synchronize",
            Self::ComputeRoleModel => "Compute role model",
            Self::GenerateOrders => "Generate provisioning orders",
            Self::Fulfil => "Fulfil",
            Self::SynchronizeBack => "Synchronize back",
        }
    }

    /// What it does, for the page.
    pub fn description(self) -> &'static str {
        match self {
            Self::Collect => "Reads identity sources and applications. Nothing else changes.",
            Self::Synchronize => "Takes over what was read, unless a threshold stops it.",
            Self::ComputeRoleModel => "Decides who should have what, and why.",
            Self::GenerateOrders => "Turns the difference into plans, partitions and orders.",
            Self::Fulfil => "Sends the orders: directly, as batch files, as work items.",
            Self::SynchronizeBack => "Reads the applications again and confirms what was done.",
        }
    }
}

/// A job: tasks in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `complete`, or the name of a single task.
    pub name: String,
    pub label: String,
    pub description: String,
    pub tasks: Vec<TaskKind>,
}

impl Job {
    /// Every job there is: the complete one, and each step alone.
    pub fn all() -> Vec<Self> {
        let complete = Self {
            name: "complete".into(),
            label: "Complete job".into(),
            description: "Reads, decides, provisions and confirms: all steps in order.".into(),
            tasks: TaskKind::COMPLETE.to_vec(),
        };
        std::iter::once(complete)
            .chain(TaskKind::COMPLETE.into_iter().map(|task| Self {
                name: task.name().into(),
                label: task.label().into(),
                description: task.description().into(),
                tasks: vec![task],
            }))
            .collect()
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|job| job.name == name)
    }
}

/// How a run is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMode {
    /// Only what changed since the last run.
    pub incremental: bool,
    /// Show what would happen and change nothing.
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Queued,
    Running,
    Completed,
    /// Done, but some export or fulfilment failed.
    Warning,
    /// A threshold stopped it before the first effect.
    Blocked,
    Errored,
    Cancelled,
}

impl RunState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Warning => "warning",
            Self::Blocked => "blocked",
            Self::Errored => "errored",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "completed" => Self::Completed,
            "warning" => Self::Warning,
            "blocked" => Self::Blocked,
            "errored" => Self::Errored,
            "cancelled" => Self::Cancelled,
            _ => return None,
        })
    }

    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// One execution of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub job: String,
    pub mode: RunMode,
    pub state: RunState,
    /// Why it stopped, where it did not complete.
    pub message: Option<String>,
    pub configuration: Option<ConfigurationVersionId>,
    pub started_by: Option<UserId>,
    pub queued_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub cancel_requested: bool,
    /// Login of the person on whose word the run goes on beyond a threshold.
    #[serde(default)]
    pub approved_by: Option<String>,
    pub tasks: Vec<TaskRun>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// From 0.
    pub sequence: u32,
    pub kind: TaskKind,
    pub state: RunState,
    pub message: Option<String>,
    /// In the unit of [`TaskRun::unit`].
    pub done: u64,
    /// None while it is not known.
    pub total: Option<u64>,
    pub unit: String,
    /// Failures among those done.
    pub failed: u64,
    /// What the step counted: "inserted" → 56.
    pub counts: Vec<(String, i64)>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLogLine {
    /// Rises within the run.
    pub sequence: i64,
    pub at: Timestamp,
    pub level: LogLevel,
    pub task: Option<TaskKind>,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Information,
    Warning,
    Error,
}

impl LogLevel {
    pub fn name(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "information" => Self::Information,
            "warning" => Self::Warning,
            "error" => Self::Error,
            _ => return None,
        })
    }
}
