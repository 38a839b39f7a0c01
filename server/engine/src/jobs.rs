//! Jobs: what can be run, what runs, and what ran.

mod compare;

use jiff::{SignedDuration, Timestamp};
use model::configuration::Configuration;
use model::error::{ApiError, ErrorCode};
use model::ids::{RunId, UserId};
use model::job::{Job, JobTask, OWN_RUNS, REQUEST, Run, RunLogLine, RunMode, RunState, TaskKind, TaskRun, UNDO};
use model::undo::RunUndo;
use model::view::{AuditLine, JobRow, LogCounts, LogFilter, RunFilter, RunRow, RunUpdate};
use store::{Cancelled, StoreError};
use tokio::sync::broadcast;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::schedule::Timetable;

pub use compare::compare;

impl Engine {
    /// Every job there is, by the configuration in force, which another process may have applied.
    pub(crate) async fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        let of = |configuration: &Configuration| Job::all(&configuration.jobs, &configuration.organisation.time_zone);
        let version = self.store().current_configuration_version().await?;
        if version == self.world().configuration_version() {
            return Ok(of(&self.world().configuration()));
        }
        let stored = self.store().current_configuration().await?;
        Ok(of(&stored.map(|(_, _, configuration)| configuration).unwrap_or_default()))
    }

    /// Puts in what the jobs of these runs are called.
    pub(crate) fn label_runs<'a>(&self, rows: impl IntoIterator<Item = &'a mut RunRow>) {
        let configuration = self.world().configuration();
        let jobs = Job::all(&configuration.jobs, &configuration.organisation.time_zone);
        for row in rows {
            if let Some((_, label)) = OWN_RUNS.iter().find(|(name, _)| *name == row.run.job) {
                row.job_label = (*label).to_owned();
            } else if let Some(job) = jobs.iter().find(|job| job.name == row.run.job) {
                row.job_label.clone_from(&job.label);
            }
        }
    }
}

/// What people call the job.
pub(crate) fn label(engine: &Engine, name: &str) -> String {
    let configuration = engine.world().configuration();
    let own = OWN_RUNS.iter().find(|(own, _)| *own == name).map(|(_, label)| (*label).to_owned());
    let jobs = || Job::all(&configuration.jobs, &configuration.organisation.time_zone);
    let job = || jobs().into_iter().find(|job| job.name == name).map(|job| job.label);
    own.or_else(job).unwrap_or_else(|| name.to_owned())
}

/// Every job there is, with its schedule and its last run.
pub async fn list(op: &OpContext) -> Result<Vec<JobRow>, ApiError> {
    op.require("/Jobs/View")?;
    let store = op.engine.store();
    let jobs = op.engine.jobs().await.map_err(internal)?;
    let marks = store.job_schedules().await.map_err(internal)?;
    let mut newest = store.newest_runs_of_jobs().await.map_err(internal)?;
    op.engine.label_runs(&mut newest);
    let row = |job: Job| {
        let schedule = job.schedule.as_ref().filter(|_| job.enabled);
        let timetable = schedule.and_then(|s| Timetable::read(&s.cron, &s.time_zone, op.now).ok());
        let skipped = marks.iter().find(|mark| mark.job == job.name).and_then(|mark| mark.skipped.clone());
        JobRow {
            next_at: timetable.and_then(|timetable| timetable.next(op.now)),
            last: newest.iter().find(|row| row.run.job == job.name).cloned(),
            skipped: skipped.filter(|_| schedule.is_some()),
            refused: may_start(op, &job).err().map(|error| error.message),
            job,
        }
    };
    Ok(jobs.into_iter().map(row).collect())
}

/// Whether the caller may start this job now.
fn may_start(op: &OpContext, job: &Job) -> Result<(), ApiError> {
    op.require("/Jobs/Run")?;
    if !job.enabled {
        return Err(ApiError::conflict(format!(
            "{} is switched off: its configuration says `enabled = false`. Apply one that says otherwise first.",
            job.label
        )));
    }
    // Whoever operates the machine stands for its scheduler.
    if job.start_denied && !is_operator(op) {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            format!("{} is started by its schedule alone: its configuration says `start_denied = true`.", job.label),
        ));
    }
    Ok(())
}

fn is_operator(op: &OpContext) -> bool {
    op.user.id == UserId(0)
}

/// After a run about few people has failed, the next one waits so long.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(1);

/// Steps of a run that plans anew where nobody's access is decided otherwise.
pub(crate) const FROM_PLANNING: [TaskKind; 3] = [TaskKind::GenerateOrders, TaskKind::Fulfil, TaskKind::SynchronizeBack];

/// Queues a run about those whom something new is known of, who asked for it where it was a user; nothing to do where one
/// waits or is under way already.
pub(crate) async fn queue_own(
    engine: &Engine,
    job: &str,
    tasks: &[TaskKind],
    by: Option<UserId>,
) -> Result<(), StoreError> {
    let tasks: Vec<JobTask> = tasks.iter().copied().map(JobTask::usual).collect();
    let mode = RunMode { incremental: true, dry_run: false };
    let id = RunId(engine.store().reserve_ids(1).await?.start);
    let run = Run { started_by: by.filter(|by| *by != UserId(0)), ..queued(id, job, &tasks, mode, engine.now()) };
    match engine.store().write(move |tx| Box::pin(async move { tx.queue_run(&run).await })).await {
        Err(StoreError::Conflict { constraint }) if constraint == "run_one_of_job" => return Ok(()),
        queued => queued?,
    }
    engine.wake().notify_one();
    Ok(())
}

/// Whether the sweep may queue another such run: none is open, and none has just failed. Beside one that a threshold has
/// stopped, another makes sense only where it would not do the same once more.
pub(crate) async fn may_queue_own(engine: &Engine, job: &str, beside_blocked: bool) -> Result<bool, StoreError> {
    let filter = RunFilter { job: Some(job.to_owned()), before: None, limit: 1 };
    let last = engine.store().runs(&filter).await?.pop();
    Ok(last.is_none_or(|row| {
        let recently = row.run.finished_at.is_some_and(|at| engine.now().duration_since(at) < AFTER_FAILURE);
        let has_failed = matches!(row.run.state, RunState::Errored | RunState::Cancelled);
        let is_blocked = row.run.state == RunState::Blocked;
        row.run.state.is_final() && !(has_failed && recently) && (beside_blocked || !is_blocked)
    }))
}

/// Queues a run. It begins at once where nothing else runs, and otherwise when what was asked for before has ended.
/// Refused while a run of the same job waits or is under way.
pub async fn start(op: &OpContext, job: String, mode: RunMode) -> Result<RunId, ApiError> {
    op.require("/Jobs/Run")?;
    let jobs = op.engine.jobs().await.map_err(internal)?;
    let found = jobs.iter().find(|known| known.name == job).ok_or_else(|| {
        let known: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        ApiError::invalid("job", format!("There is no job `{job}`. There are: {}.", known.join(", ")))
    })?;
    may_start(op, found)?;
    let detail = format!(
        "started {}{}{}",
        job,
        if mode.incremental { ", incremental" } else { "" },
        if mode.dry_run { ", dry run" } else { "" }
    );
    queue(op, |id| (queued(id, &found.name, &found.tasks, mode, op.now), None), detail).await
}

/// Does the rest of a run that failed, was cancelled or ended with failures: from the step that did not end well, or
/// from `from` on, and everything that depends on it. A run of its own, which names the one it goes back to.
pub async fn rerun(op: &OpContext, id: RunId, from: Option<String>) -> Result<RunId, ApiError> {
    op.require("/Jobs/Run")?;
    let jobs = op.engine.jobs().await.map_err(internal)?;
    let run = run(op, id).await?.run;
    if let Some(job) = jobs.iter().find(|job| job.name == run.job) {
        may_start(op, job)?;
    }
    if !run.can_be_rerun() {
        let advice = match run.state {
            RunState::Queued | RunState::Running => "it has not ended yet",
            RunState::Blocked => "a threshold stopped it; resume it instead",
            _ if run.job == UNDO => {
                "it is an undo; undo what it took back once more instead, and what is back stays so"
            }
            _ if run.job == REQUEST => "what was asked for and is not planned yet starts a run by itself",
            _ => "all of it ended well; start the job instead",
        };
        return Err(ApiError::conflict(format!("Run {id} cannot be run again from a step: {advice}.")));
    }
    let first = run.tasks.first().map(|run| run.task.name.clone());
    // What such a run reads and finds to have changed it keeps in memory, which is gone: it does everything again, and
    // looks at everybody, because what was taken over by now no longer differs.
    let (tasks, mode) = if run.mode.incremental || run.mode.dry_run {
        if from.is_some() && from != first {
            return Err(ApiError::conflict(format!(
                "Run {id} was {}, and such a run keeps what it reads to itself: it can only be run again as a whole.",
                if run.mode.dry_run { "a dry run" } else { "incremental" }
            )));
        }
        (run.tasks.iter().map(|run| run.task.clone()).collect(), RunMode { incremental: false, ..run.mode })
    } else {
        let rest = run.rest(from.as_deref()).ok_or_else(|| {
            let steps: Vec<&str> = run.tasks.iter().map(|run| run.task.name.as_str()).collect();
            let asked = from.as_deref().unwrap_or_default();
            ApiError::invalid("from", format!("Run {id} has no step `{asked}`. It has: {}.", steps.join(", ")))
        })?;
        (rest, run.mode)
    };
    let detail = format!("started {} again, for the rest of run {id}", run.job);
    let make = |new| (Run { rerun_of: Some(id), ..queued(new, &run.job, &tasks, mode, op.now) }, None);
    queue(op, make, detail).await
}

/// Queues the run, with what it takes back where it is an undo.
pub(crate) async fn queue(
    op: &OpContext,
    make: impl FnOnce(RunId) -> (Run, Option<RunUndo>),
    detail: String,
) -> Result<RunId, ApiError> {
    let store = op.engine.store();
    let id = RunId(store.reserve_ids(1).await.map_err(internal)?.start);
    let (run, undo) = make(id);
    let run = Run { started_by: (!is_operator(op)).then_some(op.user.id), ..run };
    let (job, audit) = (run.job.clone(), audit(op, id, detail));
    let work = store.write(move |tx| {
        Box::pin(async move {
            tx.queue_run(&run).await?;
            if let Some(undo) = &undo {
                tx.insert_undo(undo).await?;
            }
            tx.append_audit(&audit).await
        })
    });
    match work.await {
        Ok(()) => {}
        Err(StoreError::Conflict { constraint }) if constraint == "run_one_of_job" => {
            return Err(already_active(op, &job).await);
        }
        Err(error) => return Err(internal(error)),
    }
    op.engine.wake().notify_one();
    Ok(id)
}

async fn already_active(op: &OpContext, job: &str) -> ApiError {
    let active = op.engine.store().active_runs().await.unwrap_or_default();
    let advice = "Wait until it ends, or cancel it, then start again.";
    match active.iter().find(|row| row.run.job == job) {
        Some(row) if row.run.state == RunState::Queued => {
            ApiError::conflict(format!("Run {} of this job waits already. {advice}", row.run.id))
        }
        Some(row) => ApiError::conflict(format!("Run {} of this job is under way. {advice}", row.run.id)),
        None => ApiError::conflict("A run of this job has just ended; start again."),
    }
}

/// A run of these tasks that nobody has begun.
pub(crate) fn queued(id: RunId, job: &str, tasks: &[JobTask], mode: RunMode, now: Timestamp) -> Run {
    Run {
        id,
        job: job.to_owned(),
        mode,
        state: RunState::Queued,
        message: None,
        configuration: None,
        started_by: None,
        queued_at: now,
        started_at: None,
        finished_at: None,
        cancel_requested: false,
        approved_by: None,
        rerun_of: None,
        scheduled_for: None,
        tasks: (0..).zip(tasks.iter().cloned()).map(|(sequence, task)| TaskRun::queued(sequence, task)).collect(),
    }
}

/// Ends a run that waits, and asks one that is under way to stop after what it is doing.
pub async fn cancel(op: &OpContext, id: RunId) -> Result<(), ApiError> {
    op.require("/Jobs/Run")?;
    if op.engine.store().run(id).await.map_err(internal)?.is_none() {
        return Err(ApiError::not_found(format!("run {id}")));
    }
    let asked = audit(op, id, "asked to stop".into());
    let ended = ended(op.now, id, RunState::Cancelled, "while it waited");
    let (message, at) = (format!("Cancelled by {} while it waited.", op.user.display_name), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let cancelled = tx.cancel_run(id, &message, at).await?;
            if cancelled != Cancelled::Over {
                tx.append_audit(&asked).await?;
            }
            if cancelled == Cancelled::AtOnce {
                tx.append_audit(&ended).await?;
            }
            Ok::<_, StoreError>(cancelled)
        })
    });
    match work.await.map_err(internal)? {
        Cancelled::AtOnce => {
            if let Ok(row) = run(op, id).await {
                // Nobody listening is no failure.
                let _ = op.engine.updates().send(RunUpdate { run: row.run, lines: Vec::new() });
            }
            Ok(())
        }
        Cancelled::Asked => Ok(()),
        Cancelled::Over => Err(ApiError::conflict(format!("Run {id} has already ended; there is nothing to stop."))),
    }
}

/// The line of the audit trail that says that a run has ended. It is written with the end itself, wherever a run ends:
/// what is to be told of it, to whomever, follows from it.
pub(crate) fn ended(at: Timestamp, id: RunId, state: RunState, detail: &str) -> AuditLine {
    let colon = if detail.is_empty() { "" } else { ": " };
    AuditLine {
        at,
        actor: "runner".into(),
        action: "run ended".into(),
        subject: id.to_string(),
        detail: format!("{}{colon}{detail}", state.name()),
    }
}

/// The newest runs.
pub async fn runs(op: &OpContext, filter: RunFilter) -> Result<Vec<RunRow>, ApiError> {
    op.require("/Jobs/View")?;
    let mut rows = op.engine.store().runs(&filter).await.map_err(internal)?;
    op.engine.label_runs(&mut rows);
    Ok(rows)
}

/// The run under way, and those that wait, in the order in which they begin.
pub async fn active(op: &OpContext) -> Result<Vec<RunRow>, ApiError> {
    op.require("/Jobs/View")?;
    let mut rows = op.engine.store().active_runs().await.map_err(internal)?;
    op.engine.label_runs(&mut rows);
    Ok(rows)
}

/// One run with its steps.
pub async fn run(op: &OpContext, id: RunId) -> Result<RunRow, ApiError> {
    op.require("/Jobs/View")?;
    let found = op.engine.store().run_row(id).await.map_err(internal)?;
    let mut row = found.ok_or_else(|| ApiError::not_found(format!("run {id}")))?;
    op.engine.label_runs([&mut row]);
    Ok(row)
}

/// Runs that do the rest of this one.
pub async fn reruns(op: &OpContext, id: RunId) -> Result<Vec<RunRow>, ApiError> {
    op.require("/Jobs/View")?;
    let mut rows = op.engine.store().reruns(id).await.map_err(internal)?;
    op.engine.label_runs(&mut rows);
    Ok(rows)
}

/// Lines of a run's log.
pub async fn log(op: &OpContext, id: RunId, filter: LogFilter) -> Result<Vec<RunLogLine>, ApiError> {
    op.require("/Jobs/View")?;
    op.engine.store().run_log(id, &filter).await.map_err(internal)
}

/// How many lines of each level a run's log has, of one step or of all.
pub async fn log_counts(op: &OpContext, id: RunId, step: Option<&str>) -> Result<LogCounts, ApiError> {
    op.require("/Jobs/View")?;
    op.engine.store().run_log_counts(id, step).await.map_err(internal)
}

/// Updates of all runs as they happen, for pages that are open.
pub fn subscribe(op: &OpContext) -> Result<broadcast::Receiver<RunUpdate>, ApiError> {
    op.require("/Jobs/View")?;
    Ok(op.engine.updates().subscribe())
}

fn audit(op: &OpContext, id: RunId, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "run".into(), subject: id.to_string(), detail }
}
