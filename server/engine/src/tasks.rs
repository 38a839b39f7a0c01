//! The steps of a job. Each decides from what is stored and commits its effects with what follows from them, so that
//! a step that was broken off is simply done again. A dry run goes the same ways on copies in memory.

pub(crate) mod collect;
pub(crate) mod compute;
pub(crate) mod fulfil;
pub(crate) mod generate;
pub(crate) mod guard;
pub(crate) mod rings;
pub(crate) mod scenario;
pub(crate) mod synchronize;
pub(crate) mod violations;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use model::configuration::Configuration;
use model::ids::{IdentityId, RunId};
use model::job::{
    ANSWERS, DAY_CHANGE, JobTask, RECONCILIATION, REFERENCES, REQUEST, REVERTS, RunMode, TaskKind, TaskScope,
};
use model::request::Request;
use model::value::Value;
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::Engine;
use crate::error::OpenError;
use crate::progress::Progress;
use crate::world::Live;
use scenario::Scenario;

/// How a task ended. Messages are sentences for the person who started the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TaskEnd {
    Completed(Option<String>),
    /// Done as far as it could be; the run goes on.
    Warning(String),
    /// An application cannot be reached, or refused something: a warning where the task may continue on error.
    ApplicationFailed(String),
    /// A threshold stopped it before the first effect.
    Blocked(String),
    Errored(String),
    /// The database could not be used. The run is taken up again at this step once it can be.
    Broken(String),
    /// Somebody asked to stop.
    Interrupted,
}

impl TaskEnd {
    pub(crate) fn errored(what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let passes = error.downcast_ref::<StoreError>().map(StoreError::passes);
        if passes.or_else(|| error.downcast_ref::<OpenError>().map(OpenError::passes)).unwrap_or_default() {
            tracing::warn!(error, "A task is broken off, and taken up again: {what}");
            let why = match error.downcast_ref::<StoreError>() {
                Some(StoreError::Unavailable { reason }) => reason.clone(),
                _ => error.to_string(),
            };
            return Self::Broken(format!("{what}: {why}"));
        }
        tracing::error!(error, "A task failed: {what}");
        Self::Errored(format!(
            "{what}: {error}. Nothing of this step was taken over; start it again when the cause is mended."
        ))
    }
}

/// Whom a run is about. One that is not about everybody knows from the database whom it concerns, and sends and reads back
/// only what it has ordered itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Everybody,
    /// Those for whom something was asked ([`REQUEST`]).
    Requests,
    /// Those about whom a question was answered ([`ANSWERS`]).
    Answers,
    /// Those whose other accounts follow one that has changed ([`REFERENCES`]).
    References,
    /// Those whose accounts are set back to what they were ([`REVERTS`]).
    Reverts,
    /// Those for whom something begins, ends or goes on with a new day ([`DAY_CHANGE`]).
    Boundaries,
    /// Those from whom something is taken that nothing grants ([`RECONCILIATION`]).
    Reconciliation,
}

impl About {
    pub(crate) fn of(job: &str, mode: RunMode) -> Self {
        match job {
            DAY_CHANGE if mode.incremental && !mode.dry_run => Self::Boundaries,
            REQUEST => Self::Requests,
            ANSWERS => Self::Answers,
            REFERENCES => Self::References,
            REVERTS => Self::Reverts,
            RECONCILIATION => Self::Reconciliation,
            _ => Self::Everybody,
        }
    }
}

/// What the tasks of one run share.
pub(crate) struct Context {
    pub(crate) engine: Engine,
    pub(crate) run: RunId,
    pub(crate) mode: RunMode,
    /// The task under way was broken off before; some of it may be done.
    pub(crate) again: bool,
    /// Whom an incremental run concerns.
    pub(crate) changed: BTreeSet<IdentityId>,
    pub(crate) about: About,
    /// What a run about requests plans for.
    pub(crate) requests: Vec<Request>,
    /// Day as of which all were computed whom a new day concerns.
    pub(crate) computed_on: Option<Date>,
    /// Copies in memory, where the run is dry.
    pub(crate) scenario: Scenario,
    /// Decided by in the place of what the population was computed with, where something is only supposed.
    supposed: Option<Arc<Live>>,
}

impl Context {
    pub(crate) fn new(engine: Engine, run: RunId, mode: RunMode) -> Self {
        Self {
            engine,
            run,
            mode,
            again: false,
            changed: BTreeSet::new(),
            about: About::Everybody,
            requests: Vec::new(),
            computed_on: None,
            scenario: Scenario::default(),
            supposed: None,
        }
    }

    /// One that plans for these people as if that were live.
    pub(crate) fn supposing(engine: Engine, live: Option<Arc<Live>>, people: &[IdentityId]) -> Self {
        let mode = RunMode { incremental: true, dry_run: false };
        Self { changed: people.iter().copied().collect(), supposed: live, ..Self::new(engine, RunId(0), mode) }
    }

    /// Of each account type: accounts, and entitlements that they hold. Counted for a run; for what is only thought of, the
    /// last count of a very large organisation will do.
    async fn account_type_sizes(&self) -> Result<Arc<Vec<(String, u64, u64)>>, StoreError> {
        match self.run {
            RunId(0) => self.engine.account_type_sizes().await,
            _ => self.engine.store().account_type_sizes().await.map(Arc::new),
        }
    }

    /// What is decided by.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.supposed.clone().unwrap_or_else(|| self.engine.world().deciding())
    }

    /// One of its own for a task that reads beside others.
    pub(crate) fn branch(&self) -> Self {
        Self::new(self.engine.clone(), self.run, self.mode)
    }

    /// Takes over what such a task has read.
    pub(crate) fn absorb(&mut self, branch: Self) {
        self.changed.extend(branch.changed);
        self.scenario.absorb(branch.scenario);
    }
}

impl Context {
    /// A run about few people sends and reads back only where it has ordered something.
    async fn own_scope(&self, kind: TaskKind) -> Result<Option<TaskScope>, StoreError> {
        if self.about == About::Everybody || !matches!(kind, TaskKind::Fulfil | TaskKind::SynchronizeBack) {
            return Ok(None);
        }
        let orders = self.engine.store().orders_of_run(self.run).await?;
        let applications = orders.into_iter().map(|order| order.application).collect();
        Ok(Some(TaskScope { sources: Some(BTreeSet::new()), applications: Some(applications) }))
    }
}

/// Carries out one task.
pub(crate) async fn carry_out(task: &JobTask, context: &mut Context, progress: &Progress) -> TaskEnd {
    let scope = match context.own_scope(task.kind).await {
        Ok(own) => &own.unwrap_or_else(|| task.scope.clone()),
        Err(error) => return TaskEnd::errored("What the run ordered could not be read", &error),
    };
    match task.kind {
        TaskKind::Collect => collect::carry_out(scope, context, progress).await,
        TaskKind::Synchronize => synchronize::carry_out(scope, context, progress).await,
        TaskKind::ComputeRoleModel => compute::carry_out(context, progress).await,
        TaskKind::GenerateOrders => generate::carry_out(scope, context, progress).await,
        TaskKind::Fulfil => fulfil::carry_out(scope, context, progress).await,
        TaskKind::SynchronizeBack => synchronize::carry_out_back(scope, context, progress).await,
    }
}

/// The applications that a task concerns.
pub(crate) fn applications(configuration: &Configuration, scope: &TaskScope) -> Vec<String> {
    configuration.applications.keys().filter(|name| scope.has_application(name)).cloned().collect()
}

/// What is known of a reading beside its rows: kept in the staging area under an empty key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Before this moment everything was as the reading says.
    pub(crate) at: Timestamp,
    /// Equal digests mean equal readings; empty where the origin has none.
    pub(crate) digest: String,
    /// Only these rows were read; others are as they were.
    pub(crate) partial: bool,
}

/// Name of a source's place in the staging area.
pub(crate) fn source_origin(name: &str) -> String {
    format!("source:{name}")
}

/// Name of an application's place in the staging area: its accounts.
pub(crate) fn accounts_origin(name: &str) -> String {
    format!("accounts:{name}")
}

/// Name of an application's place in the staging area: its entitlements.
pub(crate) fn entitlements_origin(name: &str) -> String {
    format!("entitlements:{name}")
}

/// A value as a preview shows it.
pub(crate) fn shown(value: Option<&Value>, secret: bool) -> String {
    match value {
        Some(_) if secret => "••••".into(),
        Some(value) => value.to_string(),
        None => "nothing".into(),
    }
}

/// `1 order`, `2 orders`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
