//! `jobs run`, `jobs rerun`, `jobs list`, `jobs show`, `jobs log`, `jobs compare`, `jobs cancel`, `jobs resume`,
//! `jobs reject`, `jobs release-ring`, `jobs undo`.

mod undo;

use clap::Subcommand;
use engine::context::OpContext;
use model::ids::RunId;
use model::job::{LogLevel, Run, RunLogLine, RunMode, RunState, TaskRun, step_label};
use model::rings::{RingView, RingsView};
use model::view::{JobRow, LogFilter, PreviewFilter, RunComparison, RunFilter, RunRow, RunUpdate};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::output::{Output, fields, table};
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Queue a run of a job: `complete`, one of its steps, or one of the configuration
    Run {
        /// Name of the job, as `jobs list --jobs` shows them
        name: String,
        /// Only what changed since the last run; how the job runs unless told is in its configuration
        #[arg(long)]
        incremental: bool,
        /// Everything, also where the job's configuration says incremental
        #[arg(long, conflicts_with = "incremental")]
        complete: bool,
        /// Show what would happen and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Wait for the end, printing the run's log; runs it here when no server does
        #[arg(long)]
        wait: bool,
    },
    /// Do the rest of a run that failed, was cancelled or ended with failures
    Rerun {
        /// Number of the run
        run: RunId,
        /// Name of the step to begin with, as `jobs show` has it; the one that did not end well unless given
        #[arg(long)]
        from: Option<String>,
        /// Wait for the end, printing the run's log; runs it here when no server does
        #[arg(long)]
        wait: bool,
    },
    /// The newest runs, or the jobs there are
    List {
        /// The jobs instead of the runs, with their schedules
        #[arg(long)]
        jobs: bool,
        /// Only runs of this job
        #[arg(long, conflicts_with = "jobs")]
        job: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One run with its steps, and for a dry run what it would do; for one that a threshold stopped, the whole plan
    Show {
        /// Number of the run
        run: RunId,
    },
    /// The log of a run
    Log {
        /// Number of the run
        run: RunId,
        /// The least level: information, warning or error
        #[arg(long, default_value = "information", value_parser = level)]
        level: LogLevel,
        /// Only lines of this step
        #[arg(long)]
        step: Option<String>,
    },
    /// Two runs side by side: how long, how much, and which orders came of them
    Compare {
        /// Number of the one run
        left: RunId,
        /// Number of the other
        right: RunId,
    },
    /// End a run that waits, or ask one that is under way to stop
    Cancel {
        /// Number of the run
        run: RunId,
    },
    /// Let a run that a threshold stopped go on with exactly what was stopped
    Resume {
        /// Number of the run
        run: RunId,
        /// Why; kept with the run
        #[arg(long)]
        reason: String,
        /// Only if this is still the plan: its digest, as `jobs show` prints it
        #[arg(long)]
        plan: Option<String>,
    },
    /// End a run that a threshold stopped; nothing of it happens
    Reject {
        /// Number of the run
        run: RunId,
        /// Why; kept with the run
        #[arg(long)]
        reason: String,
    },
    /// Let the next ring of a run's orders go, whatever became of the one before
    ReleaseRing {
        /// Number of the run
        run: RunId,
    },
    /// Take back what a run did, as far as nobody has changed it since
    Undo(undo::Undo),
}

fn level(text: &str) -> Result<LogLevel, String> {
    LogLevel::from_name(text).ok_or_else(|| "expected information, warning or error".to_owned())
}

/// Lines of a preview that are printed.
const PREVIEW: u32 = 1000;
/// Log lines read at once.
const LINES: u32 = 1000;
/// Another process may run the job; its progress is looked up so often.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Run { name, incremental, complete, dry_run, wait } => {
            let mode = RunMode { incremental, dry_run };
            start(op, name, mode, !incremental && !complete, wait, output).await
        }
        Command::Rerun { run, from, wait } => {
            let updates = engine::jobs::subscribe(op)?;
            let id = engine::jobs::rerun(op, run, from).await?;
            follow(op, id, wait, updates, output).await
        }
        Command::List { jobs: true, .. } => {
            let jobs = engine::jobs::list(op).await?;
            output.rows(&jobs, &["name", "label", "steps", "schedule", "next", "last run"], job_line)?;
            Ok(Exit::Done)
        }
        Command::List { jobs: false, job, limit } => {
            let runs = engine::jobs::runs(op, RunFilter { job, before: None, limit }).await?;
            output.rows(
                &runs,
                &["id", "job", "mode", "state", "queued", "started by", "message"],
                |row: &RunRow| {
                    let run = &row.run;
                    vec![
                        run.id.to_string(),
                        run.job.clone(),
                        mode(run.mode).to_owned(),
                        run.state.name().to_owned(),
                        run.queued_at.strftime("%F %T").to_string(),
                        started_by(row),
                        run.message.clone().unwrap_or_default(),
                    ]
                },
            )?;
            Ok(Exit::Done)
        }
        Command::Log { run, level, step } => log(op, run, level, step, output).await,
        Command::Compare { left, right } => {
            let comparison = engine::jobs::compare(op, left, right).await?;
            output.value(&comparison, compared)?;
            Ok(Exit::Done)
        }
        Command::Cancel { run } => {
            engine::jobs::cancel(op, run).await?;
            let state = engine::jobs::run(op, run).await?.run.state;
            let done = match state {
                RunState::Cancelled => format!("Run {run} is cancelled."),
                _ => format!("Run {run} stops after what is under way."),
            };
            output.value(&serde_json::json!({ "run": run, "state": state }), |_| done)?;
            Ok(Exit::Done)
        }
        Command::Show { run } => {
            show(op, run, output).await?;
            Ok(Exit::Done)
        }
        Command::ReleaseRing { run } => {
            let seen = engine::rings::of(op, run).await?.map_or(0, |rings| rings.rings.released);
            engine::rings::release(op, run, seen).await?;
            output.value(&serde_json::json!({ "run": run, "released": seen + 1 }), |_| {
                format!("Ring {} of run {run} goes.", seen + 1)
            })?;
            Ok(Exit::Done)
        }
        Command::Undo(undo) => undo::run(op, undo, output).await,
        Command::Resume { run, reason, plan } => {
            engine::approvals::approve(op, run, plan, reason).await?;
            output.value(&serde_json::json!({ "run": run, "decision": "approved" }), |_| {
                format!(
                    "Run {run} is approved and queued; a server that runs goes on with it as soon as nothing else runs."
                )
            })?;
            Ok(Exit::Done)
        }
        Command::Reject { run, reason } => {
            engine::approvals::reject(op, run, None, reason).await?;
            output.value(&serde_json::json!({ "run": run, "decision": "rejected" }), |_| {
                format!("Run {run} is rejected; nothing of it happens.")
            })?;
            Ok(Exit::Done)
        }
    }
}

fn job_line(row: &JobRow) -> Vec<String> {
    let job = &row.job;
    let schedule = match &job.schedule {
        Some(schedule) => format!("{} ({})", schedule.cron, schedule.time_zone),
        None => String::new(),
    };
    let next = match (&row.next_at, &row.skipped) {
        _ if !job.enabled => "switched off".to_owned(),
        (Some(next), None) => next.strftime("%F %TZ").to_string(),
        (Some(next), Some((at, because))) => {
            format!("{}; left out {}: {because}", next.strftime("%F %TZ"), at.strftime("%F %TZ"))
        }
        (None, _) => String::new(),
    };
    let last = row.last.as_ref().map(|last| format!("{} {}", last.run.id, last.run.state.name()));
    vec![job.name.clone(), job.label.clone(), job.tasks.len().to_string(), schedule, next, last.unwrap_or_default()]
}

fn started_by(row: &RunRow) -> String {
    match (&row.started_by, row.run.scheduled_for) {
        (Some(name), _) => name.clone(),
        (None, Some(_)) => "schedule".to_owned(),
        (None, None) => "command line".to_owned(),
    }
}

/// Where nothing is said of how much, the job's configuration says it.
async fn start(
    op: &OpContext,
    name: String,
    mut mode: RunMode,
    usual: bool,
    wait: bool,
    output: &Output,
) -> Result<Exit, CommandError> {
    let jobs = engine::jobs::list(op).await?;
    let Some(row) = jobs.iter().find(|row| row.job.name == name) else {
        let names: Vec<&str> = jobs.iter().map(|row| row.job.name.as_str()).collect();
        return Err(CommandError::Usage(format!("There is no job `{name}`. The jobs are: {}.", names.join(", "))));
    };
    if usual {
        mode.incremental = row.job.incremental;
    }
    let updates = engine::jobs::subscribe(op)?;
    let id = engine::jobs::start(op, name, mode).await?;
    follow(op, id, wait, updates, output).await
}

async fn follow(
    op: &OpContext,
    id: RunId,
    wait: bool,
    mut updates: Receiver<RunUpdate>,
    output: &Output,
) -> Result<Exit, CommandError> {
    if !wait {
        output.value(&serde_json::json!({ "run": id }), |_| {
            format!("Run {id} is queued. `quartermaster jobs show {id}` shows how far it is; a server that runs takes it as soon as nothing else runs.")
        })?;
        return Ok(Exit::Done);
    }
    let runs_here = op.engine.start_runner().await?;
    let mut seen = 0;
    loop {
        for line in engine::jobs::log(op, id, lines_after(seen)).await? {
            seen = line.sequence;
            output.say(&log_line(&line))?;
        }
        let row = engine::jobs::run(op, id).await?;
        if row.run.state.is_final() {
            // Lines may have been written between reading the log and the state.
            if engine::jobs::log(op, id, lines_after(seen)).await?.is_empty() {
                break;
            }
            continue;
        }
        let pause = tokio::time::sleep(LOOK);
        if runs_here {
            tokio::select! {
                update = updates.recv() => if matches!(update, Err(RecvError::Closed)) { break },
                () = pause => {}
            }
        } else {
            pause.await;
        }
    }
    let run = show(op, id, output).await?;
    Ok(match run.state {
        RunState::Completed => Exit::Done,
        RunState::Warning => Exit::Partly,
        RunState::Blocked | RunState::Cancelled => Exit::Refused,
        RunState::Errored | RunState::Queued | RunState::Running => Exit::Failed,
    })
}

fn lines_after(after: i64) -> LogFilter {
    LogFilter { level: LogLevel::Information, task: None, after, limit: LINES }
}

fn log_line(line: &RunLogLine) -> String {
    let level = match line.level {
        LogLevel::Information => "",
        LogLevel::Warning => "warning: ",
        LogLevel::Error => "error: ",
    };
    let task = line.task.as_deref().map(|task| format!("{}: ", step_label(task))).unwrap_or_default();
    format!("{task}{level}{}", line.message)
}

async fn log(
    op: &OpContext,
    id: RunId,
    level: LogLevel,
    step: Option<String>,
    output: &Output,
) -> Result<Exit, CommandError> {
    let run = engine::jobs::run(op, id).await?.run;
    if let Some(step) = step.as_deref().filter(|step| run.tasks.iter().all(|task| task.task.name != *step)) {
        let steps: Vec<&str> = run.tasks.iter().map(|task| task.task.name.as_str()).collect();
        return Err(CommandError::Usage(format!("Run {id} has no step `{step}`. It has: {}.", steps.join(", "))));
    }
    let mut lines: Vec<RunLogLine> = Vec::new();
    loop {
        let after = lines.last().map_or(0, |line| line.sequence);
        let filter = LogFilter { level, task: step.clone(), after, limit: LINES };
        let more = engine::jobs::log(op, id, filter).await?;
        let is_last = more.len() < LINES as usize;
        lines.extend(more);
        if is_last {
            break;
        }
    }
    let counts = engine::jobs::log_counts(op, id, step.as_deref()).await?;
    output.value(&serde_json::json!({ "lines": lines, "counts": counts }), |_| {
        let mut text: Vec<String> = lines.iter().map(log_line).collect();
        text.push(format!("{} information, {} warnings, {} errors", counts.information, counts.warning, counts.error));
        text.join("\n")
    })?;
    Ok(Exit::Done)
}

fn ring_rows(rings: &RingsView) -> Vec<Vec<String>> {
    let row = |row: &RingView| {
        let health = &row.health;
        let numbers =
            [row.people, health.done, health.failed, health.unanswered, health.unverified, health.with_people];
        let released = if row.ring <= rings.rings.released { "yes" } else { "no" };
        [row.ring.to_string(), released.to_owned()]
            .into_iter()
            .chain(numbers.map(|number| number.to_string()))
            .collect()
    };
    rings.rows.iter().map(row).collect()
}

/// Steps, orders and outcomes of two runs, as tables.
fn compared(comparison: &RunComparison) -> String {
    let RunComparison { left, right, steps, orders, outcomes } = comparison;
    let heads = [format!("run {}", left.run.id), format!("run {}", right.run.id)];
    let side = |task: &Option<TaskRun>| match task {
        Some(task) => step(task)[1..].iter().filter(|cell| !cell.is_empty()).cloned().collect::<Vec<_>>().join(" "),
        None => "—".to_owned(),
    };
    let steps: Vec<Vec<String>> = steps
        .iter()
        .map(|(name, left, right)| {
            let cells = [step_label(name).to_owned(), took(left), side(left), took(right), side(right)];
            cells.into()
        })
        .collect();
    let orders: Vec<Vec<String>> = orders
        .iter()
        .map(|(application, operation, left, right)| {
            vec![application.clone(), operation.name().to_owned(), left.to_string(), right.to_string()]
        })
        .collect();
    let outcomes: Vec<Vec<String>> = outcomes
        .iter()
        .map(|(state, left, right)| vec![state.label().to_owned(), left.to_string(), right.to_string()])
        .collect();
    let [one, other] = &heads;
    let mut text = table(&["step", "took", one, "took", other], &steps);
    if orders.is_empty() {
        text.push_str("\nNeither made orders.");
    } else {
        text.push_str(&format!("\n{}", table(&["application", "orders", one, other], &orders)));
        text.push_str(&format!("\n{}", table(&["by now", one, other], &outcomes)));
    }
    text
}

fn took(task: &Option<TaskRun>) -> String {
    let span = task.as_ref().and_then(|task| Some((task.started_at?, task.finished_at?)));
    let seconds = span.map(|(started, finished)| finished.duration_since(started).as_millis() as f64 / 1_000.0);
    seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default()
}

async fn show(op: &OpContext, id: RunId, output: &Output) -> Result<Run, CommandError> {
    let row = engine::jobs::run(op, id).await?;
    let has_plan = row.run.mode.dry_run || row.run.state == RunState::Blocked;
    let filter = PreviewFilter { limit: PREVIEW, ..PreviewFilter::default() };
    let preview = if has_plan { engine::approvals::preview(op, id, filter).await?.rows } else { Vec::new() };
    let blocks = engine::approvals::blocks(op, id).await?;
    let blast_radius = engine::undo::blast_radius(op, id).await?;
    let (undoes, undone_by) = engine::undo::links(op, id).await?;
    let rings = engine::rings::of(op, id).await?;
    if output.is_json() {
        output.value(
            &serde_json::json!({
                "run": row.run,
                "started_by": row.started_by,
                "preview": preview,
                "blocks": blocks,
                "blast_radius": blast_radius,
                "undoes": undoes,
                "undone_by": undone_by,
                "rings": rings,
            }),
            |_| String::new(),
        )?;
        return Ok(row.run);
    }
    let run = row.run;
    output.say(&fields(&[
        ("run", run.id.to_string()),
        (
            "job",
            format!(
                "{}{}",
                run.job,
                if mode(run.mode).is_empty() { String::new() } else { format!(" ({})", mode(run.mode)) }
            ),
        ),
        ("state", run.state.name().to_owned()),
        ("does the rest of", run.rerun_of.map(|id| format!("run {id}")).unwrap_or_default()),
        ("message", run.message.clone().unwrap_or_default()),
        ("blast radius", blast_radius.as_ref().map(undo::blast_radius).unwrap_or_default()),
        ("undoes", undoes.map(|undo| format!("run {}: {}", undo.undoes, undo.reason)).unwrap_or_default()),
        ("undone by", undone_by.iter().map(|undo| format!("run {}", undo.run)).collect::<Vec<_>>().join(", ")),
    ]))?;
    let steps: Vec<Vec<String>> = run.tasks.iter().map(step).collect();
    output.say(&format!("\n{}", table(&["step", "state", "done", "of", "failed", "counts"], &steps)))?;
    if let Some(rings) = &rings {
        let heads = ["ring", "released", "people", "done", "failed", "no answer", "not read back", "with people"];
        output.say(&format!("\n{}", table(&heads, &ring_rows(rings))))?;
        if let Some(why) = &rings.rings.halted {
            output.say(&format!("{why} `quartermaster jobs release-ring {id}` lets the next one go."))?;
        }
    }
    for block in &blocks {
        let trips = block
            .trips
            .iter()
            .map(|trip| format!("{}: {} {}; the limit is {}", trip.scope, trip.counted, trip.what, trip.limit));
        let decided =
            block.decided_by.as_ref().map(|by| format!("by {by}: {}", block.reason.as_deref().unwrap_or_default()));
        output.say(&format!(
            "\n{}",
            fields(&[
                ("stopped", trips.collect::<Vec<_>>().join("; ")),
                ("changes", block.changes.to_string()),
                ("plan", block.digest.clone()),
                ("decision", format!("{} {}", block.state.name(), decided.unwrap_or_default()).trim().to_owned()),
            ])
        ))?;
    }
    if !preview.is_empty() {
        let lines: Vec<Vec<String>> = preview
            .iter()
            .map(|line| {
                vec![
                    line.identity_name.clone(),
                    line.application.clone(),
                    line.operation.clone(),
                    line.change.clone(),
                    line.why.clone(),
                ]
            })
            .collect();
        output.say(&format!("\n{}", table(&["identity", "application", "operation", "change", "why"], &lines)))?;
    }
    Ok(run)
}

fn step(task: &TaskRun) -> Vec<String> {
    let counts = task.counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ");
    vec![
        task.task.name.clone(),
        task.state.name().to_owned(),
        task.done.to_string(),
        task.total.map(|total| total.to_string()).unwrap_or_default(),
        task.failed.to_string(),
        match &task.message {
            Some(message) if counts.is_empty() => message.clone(),
            Some(message) => format!("{counts}; {message}"),
            None => counts,
        },
    ]
}

fn mode(mode: RunMode) -> &'static str {
    match (mode.incremental, mode.dry_run) {
        (false, false) => "",
        (true, false) => "incremental",
        (false, true) => "dry run",
        (true, true) => "incremental dry run",
    }
}
