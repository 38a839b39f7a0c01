//! `jobs run`, `jobs list`, `jobs show`, `jobs undo`.

mod undo;

use clap::Subcommand;
use engine::context::OpContext;
use model::ids::RunId;
use model::job::{Job, LogLevel, Run, RunMode, RunState, TaskRun};
use model::view::{RunRow, RunUpdate};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::output::{Output, fields, table};
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Queue a run of a job: `complete`, or one of its steps
    Run {
        /// Name of the job, as `jobs list --jobs` shows them
        name: String,
        /// Only what changed since the last run
        #[arg(long)]
        incremental: bool,
        /// Show what would happen and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Wait for the end, printing the run's log; runs it here when no server does
        #[arg(long)]
        wait: bool,
    },
    /// The newest runs, or the jobs there are
    List {
        /// The jobs instead of the runs
        #[arg(long)]
        jobs: bool,
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One run with its steps, and for a dry run what it would do
    Show { run: RunId },
    /// Take back what a run did, as far as nobody has changed it since
    Undo(undo::Undo),
}

/// Lines of a preview that are printed.
const PREVIEW: u32 = 1000;
/// Log lines read at once.
const LINES: u32 = 1000;
/// Another process may run the job; its progress is looked up so often.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Run { name, incremental, dry_run, wait } => {
            start(op, name, RunMode { incremental, dry_run }, wait, output).await
        }
        Command::List { jobs: true, .. } => {
            let jobs = engine::jobs::list(op).await?;
            output.rows(&jobs, &["name", "label", "description"], |job: &Job| {
                vec![job.name.clone(), job.label.clone(), job.description.clone()]
            })?;
            Ok(Exit::Done)
        }
        Command::List { jobs: false, limit } => {
            let runs = engine::jobs::runs(op, limit, None).await?;
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
                        row.started_by.clone().unwrap_or_default(),
                        run.message.clone().unwrap_or_default(),
                    ]
                },
            )?;
            Ok(Exit::Done)
        }
        Command::Show { run } => {
            show(op, run, output).await?;
            Ok(Exit::Done)
        }
        Command::Undo(undo) => undo::run(op, undo, output).await,
    }
}

async fn start(op: &OpContext, name: String, mode: RunMode, wait: bool, output: &Output) -> Result<Exit, CommandError> {
    if Job::find(&name).is_none() {
        let names: Vec<String> = Job::all().into_iter().map(|job| job.name).collect();
        return Err(CommandError::Usage(format!("There is no job `{name}`. The jobs are: {}.", names.join(", "))));
    }
    let updates = engine::jobs::subscribe(op)?;
    let id = engine::jobs::start(op, name, mode).await?;
    follow(op, id, updates, wait, output).await
}

/// Says that the run is queued, or waits for its end.
async fn follow(
    op: &OpContext,
    id: RunId,
    mut updates: Receiver<RunUpdate>,
    wait: bool,
    output: &Output,
) -> Result<Exit, CommandError> {
    if !wait {
        output.value(&serde_json::json!({ "run": id }), |_| {
            format!("Run {id} is queued. `quartermaster jobs show {id}` shows how far it is; a server that runs takes it at once.")
        })?;
        return Ok(Exit::Done);
    }
    let runs_here = op.engine.start_runner().await?;
    let mut seen = 0;
    loop {
        for line in engine::jobs::log(op, id, seen, LINES).await? {
            seen = line.sequence;
            let level = match line.level {
                LogLevel::Information => "",
                LogLevel::Warning => "warning: ",
                LogLevel::Error => "error: ",
            };
            let task = line.task.map(|task| format!("{}: ", task.label())).unwrap_or_default();
            output.say(&format!("{task}{level}{}", line.message))?;
        }
        let row = engine::jobs::run(op, id).await?;
        if row.run.state.is_final() {
            // Lines may have been written between reading the log and the state.
            if engine::jobs::log(op, id, seen, 1).await?.is_empty() {
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
        RunState::Warning => Exit::Warning,
        RunState::Blocked | RunState::Cancelled => Exit::Refused,
        RunState::Errored | RunState::Queued | RunState::Running => Exit::Failed,
    })
}

async fn show(op: &OpContext, id: RunId, output: &Output) -> Result<Run, CommandError> {
    let row = engine::jobs::run(op, id).await?;
    let blast_radius = engine::undo::blast_radius(op, id).await?;
    let (undoes, undone_by) = engine::undo::links(op, id).await?;
    let preview = if row.run.mode.dry_run { engine::jobs::preview(op, id, 0, PREVIEW).await?.rows } else { Vec::new() };
    if output.is_json() {
        output.value(
            &serde_json::json!({
                "run": row.run,
                "started_by": row.started_by,
                "preview": preview,
                "blast_radius": blast_radius,
                "undoes": undoes,
                "undone_by": undone_by,
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
        ("message", run.message.clone().unwrap_or_default()),
        ("blast radius", blast_radius.as_ref().map(undo::blast_radius).unwrap_or_default()),
        ("undoes", undoes.map(|undo| format!("run {}: {}", undo.undoes, undo.reason)).unwrap_or_default()),
        ("undone by", undone_by.iter().map(|undo| format!("run {}", undo.run)).collect::<Vec<_>>().join(", ")),
    ]))?;
    let steps: Vec<Vec<String>> = run.tasks.iter().map(step).collect();
    output.say(&format!("\n{}", table(&["step", "state", "done", "of", "failed", "counts"], &steps)))?;
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
        task.kind.label().to_owned(),
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
