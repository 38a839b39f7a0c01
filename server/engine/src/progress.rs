//! How a run tells how far it is: to the database, so that it survives everything, and to pages that are open. Counts
//! are real units of work done; writing them down is held back to a few times a second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::ids::RunId;
use model::job::{LogLevel, Run, RunLogLine, RunState, TaskRun, step_label};
use model::view::{AuditLine, LogLineView, RunUpdate};
use store::{RUN_LOST, StoreError};

use crate::Engine;

/// How long news may wait before they are written down.
const HOLD_BACK: SignedDuration = SignedDuration::from_millis(250);

/// The progress of one run, or of one of its tasks: see [`Progress::of`]. Tasks side by side share what is written.
#[derive(Clone)]
pub struct Progress {
    engine: Engine,
    run: RunId,
    /// Position in `run.tasks` of the task this tells of.
    task: Option<usize>,
    state: Arc<Mutex<State>>,
    /// Another node has the run by now: see [`store::RUN_LOST`].
    lost: Arc<AtomicBool>,
    /// Held while something is written: of tasks side by side, neither overwrites the other's newer news with older.
    writing: Arc<tokio::sync::Mutex<()>>,
}

struct State {
    run: Run,
    /// Tasks that are not written down as they now are.
    unwritten: BTreeSet<usize>,
    /// What tasks wait for: task and thing, and a sentence.
    waits: BTreeMap<(usize, String), String>,
    lines: Vec<RunLogLine>,
    next_line: i64,
    written_at: Option<Timestamp>,
}

impl Progress {
    /// Goes on with a run whose log ends before `next_line`.
    pub(crate) fn new(engine: Engine, run: Run, next_line: i64) -> Self {
        let id = run.id;
        let state = State {
            unwritten: BTreeSet::new(),
            waits: BTreeMap::new(),
            lines: Vec::new(),
            next_line,
            written_at: None,
            run,
        };
        Self {
            engine,
            run: id,
            task: None,
            state: Arc::new(Mutex::new(state)),
            lost: Arc::default(),
            writing: Arc::default(),
        }
    }

    /// The same, to tell of the task at that position.
    pub(crate) fn of(&self, position: usize) -> Self {
        Self { task: Some(position), ..self.clone() }
    }

    /// The same, to say what is no part of any task's own count.
    pub(crate) fn aside(&self) -> Self {
        Self { task: None, ..self.clone() }
    }

    /// The run as it now is.
    pub fn run(&self) -> Run {
        self.state().run.clone()
    }

    /// Begins the task.
    pub(crate) async fn begin(&self) {
        let now = self.engine.now();
        self.change(|task| {
            task.state = RunState::Running;
            task.message = None;
            task.started_at = Some(now);
            task.finished_at = None;
            (task.done, task.total, task.failed) = (0, None, 0);
            task.counts.clear();
        });
        self.write(true).await;
    }

    /// Ends the task. It is written down with the beginning of the next, or the end of the run: one commit less a task,
    /// and a crash in between does the task again, which does no harm.
    pub(crate) fn end(&self, outcome: RunState, message: Option<String>) {
        let now = self.engine.now();
        self.change(|task| {
            task.state = outcome;
            task.message = message;
            task.finished_at = Some(now);
        });
        self.publish(self.run(), Vec::new());
    }

    /// Says why the task does not begin.
    pub(crate) fn leave_out(&self, message: String) {
        self.change(|task| task.message = Some(message));
    }

    /// Name of the task this tells of.
    pub(crate) fn step(&self) -> String {
        let state = self.state();
        let task = self.task.and_then(|position| state.run.tasks.get(position));
        task.map(|run| run.task.name.clone()).unwrap_or_default()
    }

    /// Says what the task waits for, as its message while that lasts; nothing once it no longer does. When it begins to
    /// wait the log says so as well.
    pub(crate) async fn wait_for(&self, what: &str, sentence: Option<String>) {
        let Some(position) = self.task else { return };
        let key = (position, what.to_owned());
        let begins = {
            let mut state = self.state();
            let before = match &sentence {
                Some(sentence) => state.waits.insert(key, sentence.clone()),
                None => state.waits.remove(&key),
            };
            if before == sentence {
                return;
            }
            let waits = state.waits.range((position, String::new())..(position + 1, String::new()));
            let waits: Vec<String> = waits.map(|((_, what), sentence)| format!("{what}: {sentence}.")).collect();
            if let Some(task) = state.run.tasks.get_mut(position) {
                task.message = (!waits.is_empty()).then(|| waits.join(" "));
            }
            state.unwritten.insert(position);
            before.is_none()
        };
        if let (true, Some(sentence)) = (begins, sentence) {
            self.say(LogLevel::Information, format!("`{what}`: {sentence}."));
        }
        self.write(false).await;
    }

    /// Says how much there is to do, and of what.
    pub(crate) fn expect(&self, total: u64, unit: &str) {
        self.change(|task| {
            task.total = Some(task.total.unwrap_or(0) + total);
            unit.clone_into(&mut task.unit);
        });
    }

    /// Says that so much more is done, of which some failed.
    pub(crate) async fn advance(&self, done: u64, failed: u64) {
        self.change(|task| {
            task.done += done;
            task.failed += failed;
        });
        self.write_if_due().await;
    }

    /// How much of what the task has done failed.
    pub(crate) fn failed(&self) -> u64 {
        let state = self.state();
        self.task.and_then(|position| state.run.tasks.get(position)).map_or(0, |task| task.failed)
    }

    /// Adds to a count of the task, such as "inserted".
    pub(crate) fn count(&self, name: &str, by: i64) {
        if by == 0 {
            return;
        }
        self.change(|task| match task.counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, number)) => *number += by,
            None => task.counts.push((name.to_owned(), by)),
        });
    }

    /// Writes a line to the run's log.
    pub(crate) fn say(&self, level: LogLevel, message: impl Into<String>) {
        let at = self.engine.now();
        let mut state = self.state();
        let task = self.task.and_then(|position| state.run.tasks.get(position)).map(|run| run.task.name.clone());
        let sequence = state.next_line;
        state.next_line += 1;
        state.lines.push(RunLogLine { sequence, at, level, task, message: message.into() });
    }

    /// Whether another node has the run by now.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether a person asked to stop, or the process is asked to.
    pub(crate) async fn stop_asked(&self) -> Stop {
        if self.engine.stopping().is_cancelled() || self.lost.load(Ordering::Relaxed) {
            return Stop::Process;
        }
        match self.engine.store().run(self.run).await {
            Ok(Some(run)) if run.cancel_requested => Stop::Cancelled,
            _ => Stop::GoOn,
        }
    }

    /// Changes the run itself; written down with the beginning of the next task.
    pub(crate) fn change_run(&self, change: impl FnOnce(&mut Run)) {
        change(&mut self.state().run);
    }

    /// Ends the run. With its end a line of the audit trail is written: see [`crate::jobs::ended`].
    pub(crate) async fn finish(&self, outcome: RunState, message: Option<String>) {
        let now = self.engine.now();
        let ended = crate::jobs::ended(now, self.run, outcome, message.as_deref().unwrap_or_default());
        self.change_run(|run| {
            run.state = outcome;
            run.message = message;
            run.finished_at = Some(now);
        });
        self.write_with(true, Some(ended)).await;
        metrics::counter!("runs_total", "job" => self.run().job, "state" => outcome.name()).increment(1);
    }

    async fn write_if_due(&self) {
        let now = self.engine.now();
        let due = self.state().written_at.is_none_or(|at| now.duration_since(at) >= HOLD_BACK);
        if due {
            self.write(false).await;
        }
    }

    pub(crate) async fn write(&self, with_run: bool) {
        self.write_with(with_run, None).await;
    }

    /// Writes down the run, its changed tasks and the new log lines in one transaction, then tells open pages.
    async fn write_with(&self, with_run: bool, audit: Option<AuditLine>) {
        let _turn = self.writing.lock().await;
        let now = self.engine.now();
        let (run, unwritten, lines) = {
            let mut state = self.state();
            state.written_at = Some(now);
            (state.run.clone(), std::mem::take(&mut state.unwritten), std::mem::take(&mut state.lines))
        };
        let tasks: Vec<TaskRun> = unwritten.iter().filter_map(|position| run.tasks.get(*position).cloned()).collect();
        let lease_until = self.engine.after(self.engine.tuning().lease);
        let node = self.engine.node().to_owned();
        let (stored, stored_lines) = (run.clone(), lines.clone());
        let notice = if with_run { crate::mails::notices::run_ended(&self.engine, &run, now) } else { None };
        let news = Arc::new((stored, tasks, notice, stored_lines, node, audit));
        let work = || {
            let news = Arc::clone(&news);
            self.engine.store().write(move |tx| {
                Box::pin(async move {
                    let (run, tasks, notice, lines, node, audit) = &*news;
                    tx.hold_run(run.id, node).await?;
                    if with_run {
                        tx.update_run(run).await?;
                    }
                    for task in tasks {
                        tx.update_task(run.id, task).await?;
                    }
                    tx.insert_notices(notice.as_slice()).await?;
                    tx.append_run_log(run.id, lines).await?;
                    tx.renew_run_lease(run.id, node, lease_until).await?;
                    if let Some(audit) = audit {
                        tx.append_audit(audit).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            })
        };
        // Where a task begins or the run ends there is nothing to go on with until that is on record.
        let written = if with_run { self.engine.insist("How far a run is", work).await } else { work().await };
        if is_lost(&written) {
            tracing::warn!(run.id = %self.run, "Another node has taken the run over; this one writes nothing more for it");
            self.lost.store(true, Ordering::Relaxed);
            return;
        }
        if let Err(error) = written {
            // Progress is for people; the work itself goes on, and its own writes tell whether the store is gone.
            tracing::warn!(error = &error as &dyn std::error::Error, run.id = %self.run, "Progress of a run is not written");
            let mut state = self.state();
            state.unwritten.extend(unwritten);
            let newer = std::mem::replace(&mut state.lines, lines.clone());
            state.lines.extend(newer);
        }
        self.publish(run, lines);
    }

    fn publish(&self, run: Run, lines: Vec<RunLogLine>) {
        let zone = self.engine.world().time_zone();
        let lines = lines.iter().map(|line| line_view(line, &zone)).collect();
        // Nobody listening is no failure.
        let _ = self.engine.updates().send(RunUpdate { run, lines });
    }

    fn change(&self, change: impl FnOnce(&mut TaskRun)) {
        let Some(position) = self.task else { return };
        let mut state = self.state();
        if let Some(task) = state.run.tasks.get_mut(position) {
            change(task);
            state.unwritten.insert(position);
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_lost(written: &Result<(), StoreError>) -> bool {
    matches!(written, Err(StoreError::Conflict { constraint }) if constraint == RUN_LOST)
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    GoOn,
    Cancelled,
    /// The process ends; the run goes on when it starts again.
    Process,
}

/// A log line as pages show it.
pub fn line_view(line: &RunLogLine, zone: &jiff::tz::TimeZone) -> LogLineView {
    LogLineView {
        sequence: line.sequence,
        time: line.at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
        level: line.level,
        step: line.task.clone().unwrap_or_default(),
        task: line.task.as_deref().map(step_label).unwrap_or_default().to_owned(),
        message: line.message.clone(),
    }
}
