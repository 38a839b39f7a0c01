//! Jobs, their tasks and runs.
//!
//! What comes with Quartermaster and what the configuration adds become the same [`Job`] here. When a schedule is due
//! is `engine::schedule`'s; carrying out is `engine::runner`'s.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::configuration::JobDefinition;
use crate::ids::{ConfigurationVersionId, RunId, UserId};

/// What a step of a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
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

impl TaskKind {
    /// Whether it deals with identity sources, and can be told with which.
    pub fn concerns_sources(self) -> bool {
        matches!(self, Self::Collect | Self::Synchronize)
    }

    /// Whether it deals with applications, and can be told with which. The role model is always everybody's.
    pub fn concerns_applications(self) -> bool {
        self != Self::ComputeRoleModel
    }

    /// Whether it speaks with applications, which may fail without anything being wrong here: such a step may let its
    /// run go on. Nothing else may, because deciding from half of what is known is how people lose their access.
    pub fn may_continue_on_error(self) -> bool {
        matches!(self, Self::Collect | Self::Fulfil | Self::SynchronizeBack)
    }

    /// Its place in the complete job, which is its level unless another is given.
    pub fn usual_level(self) -> u32 {
        match self {
            Self::Collect => 0,
            Self::Synchronize => 1,
            Self::ComputeRoleModel => 2,
            Self::GenerateOrders => 3,
            Self::Fulfil => 4,
            Self::SynchronizeBack => 5,
        }
    }
}

/// Which identity sources and applications a task concerns; all of them where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskScope {
    /// None: all.
    pub sources: Option<BTreeSet<String>>,
    /// None: all.
    pub applications: Option<BTreeSet<String>>,
}

impl TaskScope {
    /// Where only one of the two is named, nothing of the other is meant.
    pub fn new(sources: Option<&[String]>, applications: Option<&[String]>) -> Self {
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        match (sources, applications) {
            (None, None) => Self::default(),
            (sources, applications) => Self {
                sources: Some(sources.map(set).unwrap_or_default()),
                applications: Some(applications.map(set).unwrap_or_default()),
            },
        }
    }

    pub fn has_source(&self, name: &str) -> bool {
        self.sources.as_ref().is_none_or(|names| names.contains(name))
    }

    pub fn has_application(&self, name: &str) -> bool {
        self.applications.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Whether it concerns everything there is.
    pub fn is_all(&self) -> bool {
        self.sources.is_none() && self.applications.is_none()
    }

    /// Whether some source or application is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let meet = |ours: &Option<BTreeSet<String>>, theirs: &Option<BTreeSet<String>>| match (ours, theirs) {
            (Some(ours), Some(theirs)) => !ours.is_disjoint(theirs),
            (Some(names), None) | (None, Some(names)) => !names.is_empty(),
            (None, None) => true,
        };
        meet(&self.sources, &other.sources) || meet(&self.applications, &other.applications)
    }
}

/// A task of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTask {
    /// Unique in its job; that of its kind in the jobs that come with Quartermaster.
    pub name: String,
    pub kind: TaskKind,
    /// A level begins when all of the lower ones have ended.
    pub level: u32,
    /// Tasks of lower levels that must have ended well. None: all of them.
    pub after: Option<BTreeSet<String>>,
    pub scope: TaskScope,
    /// An application that fails makes it a warning, and the run goes on.
    pub continue_on_error: bool,
}

impl JobTask {
    /// The task as it is in the complete job.
    pub fn usual(kind: TaskKind) -> Self {
        Self {
            name: kind.name().to_owned(),
            kind,
            level: kind.usual_level(),
            after: None,
            scope: TaskScope::default(),
            continue_on_error: kind.may_continue_on_error(),
        }
    }

    /// What it is called: the kind's words, unless it has a name of its own.
    pub fn label(&self) -> &str {
        step_label(&self.name)
    }

    /// Whether it may not run because `other` has not ended well.
    pub fn depends_on(&self, other: &Self) -> bool {
        other.level < self.level && self.after.as_ref().is_none_or(|after| after.contains(&other.name))
    }
}

/// What a step of that name is called: the kind's words, unless it has a name of its own.
pub fn step_label(name: &str) -> &str {
    match TaskKind::from_name(name) {
        Some(kind) => kind.label(),
        None => name,
    }
}

/// When a job starts by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
    /// A time that passed while the program was down is made up, once.
    pub catch_up: bool,
}

/// A job: tasks by level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `complete`, the name of a single step, or a name of the configuration.
    pub name: String,
    pub label: String,
    pub description: String,
    /// By level, then by name.
    pub tasks: Vec<JobTask>,
    /// How it runs unless told otherwise.
    pub incremental: bool,
    pub schedule: Option<Schedule>,
    /// Neither a person nor its schedule starts it otherwise.
    pub enabled: bool,
    /// Only its schedule, and whoever operates the machine, starts it.
    pub start_denied: bool,
}

impl Job {
    /// Names of the jobs that come with Quartermaster.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        let steps = TaskKind::COMPLETE.into_iter().map(TaskKind::name);
        std::iter::once(COMPLETE).chain(steps).chain(std::iter::once(DAY_CHANGE))
    }

    /// Every job there is: the complete one, those of the configuration, and each step alone. A schedule without a time
    /// zone is in `time_zone`.
    pub fn all(definitions: &BTreeMap<String, JobDefinition>, time_zone: &str) -> Vec<Self> {
        let built_in: Vec<Self> = Self::built_in_names().filter_map(Self::built_in).collect();
        let is_added = |name: &str| built_in.iter().all(|job| job.name != name);
        let added: Vec<Self> = definitions
            .iter()
            .filter(|(name, _)| is_added(name))
            .map(|(name, definition)| Self::added(name, definition))
            .collect();
        let mut jobs = built_in;
        jobs.splice(1..1, added);
        for job in &mut jobs {
            if let Some(definition) = definitions.get(&job.name) {
                job.define(definition, time_zone);
            }
        }
        jobs
    }

    /// One that comes with Quartermaster, as it is unless the configuration says otherwise.
    pub fn built_in(name: &str) -> Option<Self> {
        let (label, description, tasks) = match name {
            COMPLETE => (
                "Complete job",
                "Reads, decides, provisions and confirms: all steps in order.",
                TaskKind::COMPLETE.map(JobTask::usual).to_vec(),
            ),
            DAY_CHANGE => (
                "What begins or ends today",
                "Starts by itself on days on which somebody's access begins or ends, or their state goes on: for them, and nobody else.",
                [TaskKind::ComputeRoleModel, TaskKind::GenerateOrders, TaskKind::Fulfil, TaskKind::SynchronizeBack]
                    .map(JobTask::usual)
                    .to_vec(),
            ),
            step => {
                let kind = TaskKind::from_name(step)?;
                (kind.label(), kind.description(), vec![JobTask::usual(kind)])
            }
        };
        Some(Self {
            name: name.to_owned(),
            label: label.to_owned(),
            description: description.to_owned(),
            tasks,
            incremental: name == DAY_CHANGE,
            schedule: None,
            enabled: true,
            start_denied: false,
        })
    }

    /// One of the configuration; without tasks of its own it has those of the complete job.
    fn added(name: &str, definition: &JobDefinition) -> Self {
        let mut tasks: Vec<JobTask> = definition.tasks.iter().map(|(name, task)| task.task(name)).collect();
        if tasks.is_empty() {
            tasks = TaskKind::COMPLETE.map(JobTask::usual).to_vec();
        }
        tasks.sort_by(|one, other| (one.level, &one.name).cmp(&(other.level, &other.name)));
        Self {
            name: name.to_owned(),
            label: name.to_owned(),
            description: String::new(),
            tasks,
            incremental: false,
            schedule: None,
            enabled: true,
            start_denied: false,
        }
    }

    fn define(&mut self, definition: &JobDefinition, time_zone: &str) {
        if let Some(label) = &definition.display_name {
            self.label.clone_from(label);
        }
        if let Some(description) = &definition.description {
            self.description.clone_from(description);
        }
        self.incremental |= definition.incremental;
        self.enabled = definition.enabled;
        self.start_denied = definition.start_denied;
        if let Some(cron) = definition.schedule.clone() {
            self.schedule = Some(Schedule {
                cron,
                time_zone: definition.time_zone.clone().unwrap_or_else(|| time_zone.to_owned()),
                catch_up: definition.catch_up,
            });
        }
    }
}

/// Name of the job that does everything.
pub const COMPLETE: &str = "complete";
/// The job that follows a new day. It starts by itself on days on which something begins, ends or goes on.
pub const DAY_CHANGE: &str = "day-change";

/// What runs that take back another are listed under. It is no job that can be started: what it does is in the run.
pub const UNDO: &str = "undo";

/// What runs that plan anew for whom a question was answered are listed under.
pub const ANSWERS: &str = "answers";
/// What runs that plan for what was asked for are listed under. They are no job that can be started: requests start them.
pub const REQUEST: &str = "request";

/// What runs that plan anew for whom an account has changed that values of their others come from are listed under.
pub const REFERENCES: &str = "references";

/// What runs that set back native changes are listed under.
pub const REVERTS: &str = "reverts";

/// What runs that take away what a reconciliation decided on are listed under.
pub const RECONCILIATION: &str = "reconciliation";

/// What runs are listed under that no job starts, but what people say and what follows from it; and what people call it.
pub const OWN_RUNS: [(&str, &str); 6] = [
    (UNDO, "Undo of a run"),
    (ANSWERS, "What follows from answers"),
    (REFERENCES, "What follows from changed accounts"),
    (REVERTS, "Native changes set back"),
    (RECONCILIATION, "Reconciliation decisions"),
    (REQUEST, "Requests"),
];

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
    /// The run of which this does the rest.
    #[serde(default)]
    pub rerun_of: Option<RunId>,
    /// The time of the schedule that started it.
    #[serde(default)]
    pub scheduled_for: Option<Timestamp>,
    pub tasks: Vec<TaskRun>,
}

impl Run {
    /// Whether the run can be started again where it failed. One that a threshold stopped goes on instead, and what is
    /// left of an undo is undone by another one. What was asked for and not planned starts a run by itself.
    pub fn can_be_rerun(&self) -> bool {
        ![UNDO, REQUEST].contains(&self.job.as_str())
            && matches!(self.state, RunState::Errored | RunState::Cancelled | RunState::Warning)
    }

    /// What a run that does the rest of this one would do: what did not end well, what depends on it, and, where `from`
    /// is given, only that step and what stands after it. None where there is no such step.
    pub fn rest(&self, from: Option<&str>) -> Option<Vec<JobTask>> {
        let first = match from {
            Some(name) => self.tasks.iter().position(|run| run.task.name == name)?,
            None => self.tasks.iter().position(|run| run.state != RunState::Completed).unwrap_or(0),
        };
        let mut rest: Vec<JobTask> = Vec::new();
        for (position, run) in self.tasks.iter().enumerate().skip(first) {
            let follows = rest.iter().any(|earlier| run.task.depends_on(earlier));
            let is_asked = position == first;
            if is_asked || follows || run.state != RunState::Completed {
                rest.push(run.task.clone());
            }
        }
        Some(rest)
    }
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// From 0.
    pub sequence: u32,
    /// As the job had it when the run was asked for.
    pub task: JobTask,
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

impl TaskRun {
    /// A step that has not begun.
    pub fn queued(sequence: u32, task: JobTask) -> Self {
        Self {
            sequence,
            task,
            state: RunState::Queued,
            message: None,
            done: 0,
            total: None,
            unit: String::new(),
            failed: 0,
            counts: Vec::new(),
            started_at: None,
            finished_at: None,
        }
    }
}

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLogLine {
    /// Rises within the run.
    pub sequence: i64,
    pub at: Timestamp,
    pub level: LogLevel,
    /// Name of the step.
    pub task: Option<String>,
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

#[cfg(test)]
mod tests;
