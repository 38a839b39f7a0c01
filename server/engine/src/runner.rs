//! Takes queued runs, one after another, and carries out their tasks, level by level. A run whose process died is taken
//! up again at its first unfinished task: every task can be done twice without harm, because each decides from what is
//! stored.
//!
//! Runs never go side by side, not even of different applications: deciding looks at everybody and at all applications,
//! thresholds count all that a run would do, and what an application holds is only known once what was ordered there has
//! been read back. They wait for one another instead.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::ids::RunId;
use model::job::{LogLevel, Run, RunMode, RunState, TaskKind, TaskRun};
use model::view::RunUpdate;
use store::StoreError;

use crate::Engine;
use crate::progress::{Progress, Stop};
use crate::tasks::{self, About, TaskEnd};

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    // What broke off the run before, and how often in a row.
    let mut broken: Option<Broken> = None;
    while !engine.stopping().is_cancelled() {
        match claim(&engine, broken.is_some()).await {
            Ok(Some(run)) => {
                engine.carrying_out().store(run.id.0, Ordering::Relaxed);
                let id = run.id;
                let heartbeat = tokio::spawn(keep(engine.clone(), id));
                let left = carry_out(&engine, run, broken.as_ref()).await;
                heartbeat.abort();
                engine.carrying_out().store(0, Ordering::Relaxed);
                if matches!(left, Left::Lost) {
                    tell(&engine, id).await;
                }
                broken = match left {
                    Left::Ended | Left::Lost => {
                        *engine.held_up() = None;
                        None
                    }
                    Left::Broken(why) => {
                        let times = broken.map_or(1, |broken| broken.times + 1);
                        *engine.held_up() = Some(why.clone());
                        tokio::select! {
                            () = tokio::time::sleep(Duration::from_secs(times.min(LONGEST_PAUSE))) => {}
                            () = engine.stopping().cancelled() => {}
                        }
                        Some(Broken { why, times })
                    }
                };
            }
            Ok(None) => {
                broken = None;
                *engine.held_up() = None;
                wait(&engine).await;
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Runs cannot be claimed");
                // What was claimed may be ours, although nobody could tell us.
                broken.get_or_insert(Broken { why: error.to_string(), times: 0 });
                wait(&engine).await;
            }
        }
    }
}

/// Seconds before a run that the database broke off again and again is taken up once more, at the most.
const LONGEST_PAUSE: u64 = 5;

/// The database could not be used, and this node has let a run go for it.
struct Broken {
    why: String,
    times: u64,
}

/// Keeps a run that is being carried out this node's, also while a step has no progress to write down.
async fn keep(engine: Engine, run: RunId) {
    let mut beat = tokio::time::interval(engine.tuning().lease / 3);
    beat.tick().await;
    loop {
        beat.tick().await;
        let (node, until) = (engine.node().to_owned(), engine.after(engine.tuning().lease));
        let renewed =
            engine.store().write(move |tx| Box::pin(async move { tx.renew_run_lease(run, &node, until).await }));
        if let Err(error) = renewed.await {
            tracing::warn!(error = &error as &dyn std::error::Error, run.id = %run, "A run's lease cannot be renewed");
        }
    }
}

/// Tells open pages how a run is that another node has taken over: what that one did with it while this node believed to
/// have it, nobody has told them.
async fn tell(engine: &Engine, run: RunId) {
    if let Ok(Some(run)) = engine.store().run(run).await {
        // Nobody listening is no failure.
        let _ = engine.updates().send(RunUpdate { run, lines: Vec::new() });
    }
}

/// How a run was left.
enum Left {
    /// It came to its end, or goes on when the program starts again.
    Ended,
    /// It is another node's now.
    Lost,
    /// The database could not be used: nobody carries the run out, and it is to be taken up again.
    Broken(String),
}

/// Until somebody queues a run here or is heard to have queued one elsewhere, or it is time to look.
async fn wait(engine: &Engine) {
    tokio::select! {
        () = engine.wake().notified() => {}
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
        () = engine.stopping().cancelled() => {}
    }
}

/// The next run; where this node may hold one that it does not carry out, that one is let go before.
async fn claim(engine: &Engine, give_up: bool) -> Result<Option<Run>, StoreError> {
    let (node, now, until) = (engine.node().to_owned(), engine.now(), engine.after(engine.tuning().lease));
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            if give_up {
                tx.give_up_runs(&node).await?;
            }
            tx.claim_run(&node, now, until).await
        })
    });
    match work.await {
        // Another node was quicker, with another run.
        Err(StoreError::Conflict { constraint }) if constraint == "run_one_running" => Ok(None),
        claimed => claimed,
    }
}

async fn carry_out(engine: &Engine, mut run: Run, broken: Option<&Broken>) -> Left {
    let resumed = run.tasks.iter().any(|task| task.state != RunState::Queued);
    let next_line = match engine.store().run_log_end(run.id).await {
        Ok(end) => end + 1,
        Err(error) => return Left::Broken(error.to_string()),
    };
    run.started_at.get_or_insert(engine.now());
    run.state = RunState::Running;
    let progress = Progress::new(engine.clone(), run.clone(), next_line);
    match engine.follow().await {
        Ok(_) => {}
        Err(error) if error.passes() => return Left::Broken(error.to_string()),
        Err(error) => return finish(&progress, RunState::Errored, Some(error.to_string())).await,
    }
    let _pinned = engine.world().pin();
    let version = engine.world().deciding().version;
    progress.change_run(|stored| stored.configuration = version);
    if resumed {
        let (level, sentence) = why_it_goes_on(engine, &run, broken).await;
        progress.say(level, sentence);
    }
    if let Some(earlier) = run.rerun_of {
        progress.say(LogLevel::Information, format!("Does the rest of run {earlier}."));
    }
    // What such a run has read and found to have changed it keeps in memory, which is gone: it begins again, and an
    // incremental one looks at everybody, because what it has taken over by now no longer differs.
    let from_the_start = resumed && (run.mode.incremental || run.mode.dry_run);
    let about = About::of(&run.job, run.mode);
    let mode = RunMode { incremental: run.mode.incremental && (!resumed || about != About::Everybody), ..run.mode };
    let mut context = tasks::Context::new(engine.clone(), run.id, mode);
    context.about = about;
    let is_over = |run: &TaskRun| {
        matches!(run.state, RunState::Completed | RunState::Warning | RunState::Errored) && !from_the_start
    };
    let mut outcomes = Outcomes::default();
    for (position, task) in run.tasks.iter().enumerate().filter(|(_, task)| is_over(task)) {
        outcomes.note(position, task.state, task.message.clone());
    }
    for level in levels(&run.tasks) {
        let due: Vec<usize> = level.into_iter().filter(|position| !is_over(&run.tasks[*position])).collect();
        let (due, cut): (Vec<usize>, Vec<usize>) =
            due.into_iter().partition(|position| outcomes.missing(&run.tasks, *position).is_none());
        for position in cut {
            let missing = outcomes.missing(&run.tasks, position).unwrap_or_default();
            let message = format!("Not run, because {missing} did not end well.");
            progress.of(position).say(LogLevel::Warning, message.clone());
            progress.of(position).leave_out(message);
        }
        for together in side_by_side(&run.tasks, due) {
            match progress.stop_asked().await {
                Stop::GoOn => {}
                Stop::Cancelled => return finish(&progress, RunState::Cancelled, Some(CANCELLED.into())).await,
                Stop::Process => return left_off(&progress),
            }
            for (position, end) in carry_out_together(&run.tasks, &together, &mut context, &progress).await {
                outcomes.end(&progress.of(position), &run.tasks[position], position, end);
            }
            if outcomes.interrupted {
                // Where the process ends, the lease is given up with it; whoever comes next goes on with this task.
                if progress.stop_asked().await == Stop::Cancelled {
                    for position in together.into_iter().filter(|position| !outcomes.states.contains_key(position)) {
                        progress.of(position).end(RunState::Cancelled, None);
                    }
                    return finish(&progress, RunState::Cancelled, Some(CANCELLED.into())).await;
                }
                return left_off(&progress);
            }
            if let Some(why) = outcomes.broken {
                return Left::Broken(why);
            }
            *engine.held_up() = None;
            if let Some(message) = outcomes.blocked {
                return finish(&progress, RunState::Blocked, Some(message)).await;
            }
        }
    }
    match tasks::violations::at_the_end(&context).await {
        Ok(change) if change.is_empty() => {}
        Ok(change) => progress.say(
            LogLevel::Information,
            format!("After all steps, {} violations opened and {} closed.", change.opened(), change.closed()),
        ),
        Err(error) if error.passes() => return Left::Broken(error.to_string()),
        // What is not seen now is seen by the next run that looks at everybody.
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "Violations could not be looked at");
        }
    }
    let (state, message) = outcomes.of_the_run();
    finish(&progress, state, message).await
}

fn left_off(progress: &Progress) -> Left {
    if progress.is_lost() { Left::Lost } else { Left::Ended }
}

/// Of a run that was begun before: the database could not be used for a while, a person let it go on, or the process that
/// carried it out died.
async fn why_it_goes_on(engine: &Engine, run: &Run, broken: Option<&Broken>) -> (LogLevel, String) {
    if let Some(broken) = broken {
        return (LogLevel::Warning, format!("Going on where the run was, after the database failed. {}", broken.why));
    }
    let rings = engine.store().rings_of(run.id).await.ok().flatten();
    if let Some((by, ring)) = rings.and_then(|rings| Some((rings.released_by?, rings.released))) {
        return (LogLevel::Information, format!("Goes on with ring {ring}, on the word of {by}."));
    }
    match &run.approved_by {
        Some(by) => {
            (LogLevel::Information, format!("Goes on at the step that a threshold stopped, on the word of {by}."))
        }
        None => (LogLevel::Warning, "The program was stopped during this run; going on where it was.".to_owned()),
    }
}

const CANCELLED: &str = "Cancelled by a person.";

/// Positions of the tasks, level by level. They stand in this order already.
fn levels(tasks: &[TaskRun]) -> Vec<Vec<usize>> {
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for (position, run) in tasks.iter().enumerate() {
        match levels.last_mut().filter(|level| tasks[level[0]].task.level == run.task.level) {
            Some(level) => level.push(position),
            None => levels.push(vec![position]),
        }
    }
    levels
}

/// Tasks of one level that run at the same time. Those that only read do, because they wait for others most of the time;
/// those that decide or write share the memory of the run, and take turns.
fn side_by_side(tasks: &[TaskRun], level: Vec<usize>) -> Vec<Vec<usize>> {
    let (reading, others): (Vec<usize>, Vec<usize>) =
        level.into_iter().partition(|position| tasks[*position].task.kind == TaskKind::Collect);
    std::iter::once(reading)
        .filter(|reading| !reading.is_empty())
        .chain(others.into_iter().map(|position| vec![position]))
        .collect()
}

async fn carry_out_together(
    tasks: &[TaskRun],
    together: &[usize],
    context: &mut tasks::Context,
    progress: &Progress,
) -> Vec<(usize, TaskEnd)> {
    if let [position] = together {
        let run = &tasks[*position];
        context.again = run.state == RunState::Running;
        let progress = progress.of(*position);
        progress.begin().await;
        return vec![(*position, tasks::carry_out(&run.task, context, &progress).await)];
    }
    let under_way = together.iter().map(|position| {
        let run = &tasks[*position];
        let (mut branch, progress) = (context.branch(), progress.of(*position));
        branch.again = run.state == RunState::Running;
        async move {
            progress.begin().await;
            let end = tasks::carry_out(&run.task, &mut branch, &progress).await;
            (*position, end, branch)
        }
    });
    let ended = futures::future::join_all(under_way).await;
    ended
        .into_iter()
        .map(|(position, end, branch)| {
            context.absorb(branch);
            (position, end)
        })
        .collect()
}

/// How the tasks of a run ended so far.
#[derive(Default)]
struct Outcomes {
    states: BTreeMap<usize, RunState>,
    warned: bool,
    /// Why the first task failed that did.
    failed: Option<String>,
    blocked: Option<String>,
    interrupted: bool,
    /// Why the database could not be used.
    broken: Option<String>,
}

impl Outcomes {
    fn note(&mut self, position: usize, state: RunState, message: Option<String>) {
        self.states.insert(position, state);
        self.warned |= state == RunState::Warning;
        if state == RunState::Errored {
            self.failed.get_or_insert(message.unwrap_or_default());
        }
    }

    /// Records how a task ended, and tells.
    fn end(&mut self, progress: &Progress, run: &TaskRun, position: usize, end: TaskEnd) {
        let (state, message) = match end {
            TaskEnd::Completed(message) => (RunState::Completed, message),
            TaskEnd::Warning(message) => (RunState::Warning, Some(message)),
            TaskEnd::ApplicationFailed(message) if run.task.continue_on_error => (RunState::Warning, Some(message)),
            TaskEnd::ApplicationFailed(message) | TaskEnd::Errored(message) => (RunState::Errored, Some(message)),
            TaskEnd::Blocked(message) => {
                self.blocked.get_or_insert_with(|| message.clone());
                (RunState::Blocked, Some(message))
            }
            TaskEnd::Interrupted => {
                self.interrupted = true;
                return;
            }
            TaskEnd::Broken(why) => {
                self.broken.get_or_insert(why);
                return;
            }
        };
        if let Some(message) = &message {
            match state {
                RunState::Warning => progress.say(LogLevel::Warning, message.clone()),
                RunState::Errored | RunState::Blocked => progress.say(LogLevel::Error, message.clone()),
                _ => {}
            }
        }
        progress.end(state, message.clone());
        self.note(position, state, message);
    }

    /// What a task waits for in vain, by name.
    fn missing<'a>(&self, tasks: &'a [TaskRun], position: usize) -> Option<&'a str> {
        let task = &tasks[position].task;
        let missing = tasks.iter().enumerate().find(|(other, run)| {
            task.depends_on(&run.task)
                && !matches!(self.states.get(other), Some(RunState::Completed | RunState::Warning))
        });
        missing.map(|(_, run)| run.task.label())
    }

    fn of_the_run(self) -> (RunState, Option<String>) {
        match (self.failed, self.warned) {
            (Some(message), _) => (RunState::Errored, Some(message)),
            (None, true) => (RunState::Warning, None),
            (None, false) => (RunState::Completed, None),
        }
    }
}

async fn finish(progress: &Progress, state: RunState, message: Option<String>) -> Left {
    let run = progress.run();
    progress.finish(state, message).await;
    tracing::info!(run.id = %run.id, run.job = run.job, run.state = state.name(), "Finished run {}", run.id);
    left_off(progress)
}
