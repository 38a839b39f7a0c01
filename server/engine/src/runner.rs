//! Takes queued runs, one after another, and carries out their tasks. A run whose process died is taken up again at
//! its first unfinished task: every task can be done twice without harm, because each decides from what is stored.

use std::time::Duration;

use model::job::{LogLevel, Run, RunMode, RunState};
use store::StoreError;

use crate::Engine;
use crate::progress::{Progress, Stop};
use crate::tasks::{self, TaskEnd};

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    while !engine.stopping().is_cancelled() {
        match claim(&engine).await {
            Ok(Some(run)) => carry_out(&engine, run).await,
            Ok(None) => wait(&engine).await,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "Runs cannot be claimed");
                wait(&engine).await;
            }
        }
    }
}

/// Until somebody queues a run here, or it is time to look for what others queued.
async fn wait(engine: &Engine) {
    tokio::select! {
        () = engine.wake().notified() => {}
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
        () = engine.stopping().cancelled() => {}
    }
}

async fn claim(engine: &Engine) -> Result<Option<Run>, StoreError> {
    let (node, now, until) = (engine.node().to_owned(), engine.now(), engine.after(engine.tuning().lease));
    engine.store().write(move |tx| Box::pin(async move { tx.claim_run(&node, now, until).await })).await
}

async fn carry_out(engine: &Engine, mut run: Run) {
    let resumed = run.tasks.iter().any(|task| task.state != RunState::Queued);
    let next_line = engine.store().run_log_end(run.id).await.unwrap_or(0) + 1;
    run.started_at.get_or_insert(engine.now());
    run.state = RunState::Running;
    let progress = Progress::new(engine.clone(), run.clone(), next_line);
    if let Err(error) = engine.follow().await {
        finish(&progress, RunState::Errored, Some(error.to_string())).await;
        return;
    }
    let version = engine.world().configuration_version();
    progress.change_run(|stored| stored.configuration = version);
    if let Some(by) = run.approved_by.as_ref().filter(|_| resumed) {
        progress
            .say(LogLevel::Information, format!("Goes on at the step that a threshold stopped, on the word of {by}."));
    } else if resumed {
        progress.say(LogLevel::Warning, "The program was stopped during this run; going on where it was.");
    }
    // What such a run has read and found to have changed it keeps in memory, which is gone: it begins again, and an
    // incremental one looks at everybody, because what it has taken over by now no longer differs.
    let from_the_start = resumed && (run.mode.incremental || run.mode.dry_run);
    let mode = RunMode { incremental: run.mode.incremental && !resumed, ..run.mode };
    let mut context = tasks::Context::new(engine.clone(), run.id, mode);
    let mut warned = false;
    for (position, task) in run.tasks.iter().enumerate() {
        if matches!(task.state, RunState::Completed | RunState::Warning) && !from_the_start {
            warned |= task.state == RunState::Warning;
            continue;
        }
        match progress.stop_asked().await {
            Stop::GoOn => {}
            Stop::Cancelled => {
                return finish(&progress, RunState::Cancelled, Some("Cancelled by a person.".into())).await;
            }
            Stop::Process => return,
        }
        context.again = task.state == RunState::Running;
        progress.begin(position).await;
        match tasks::carry_out(task.kind, &mut context, &progress).await {
            TaskEnd::Completed(message) => progress.end(RunState::Completed, message),
            TaskEnd::Warning(message) => {
                warned = true;
                progress.say(LogLevel::Warning, message.clone());
                progress.end(RunState::Warning, Some(message));
            }
            TaskEnd::Blocked(message) => {
                progress.say(LogLevel::Error, message.clone());
                progress.end(RunState::Blocked, Some(message.clone()));
                return finish(&progress, RunState::Blocked, Some(message)).await;
            }
            TaskEnd::Errored(message) => {
                progress.say(LogLevel::Error, message.clone());
                progress.end(RunState::Errored, Some(message.clone()));
                return finish(&progress, RunState::Errored, Some(message)).await;
            }
            TaskEnd::Interrupted => match progress.stop_asked().await {
                Stop::Cancelled => {
                    progress.end(RunState::Cancelled, None);
                    return finish(&progress, RunState::Cancelled, Some("Cancelled by a person.".into())).await;
                }
                // The lease is given up by the process that ends; whoever comes next goes on with this task.
                _ => return,
            },
        }
    }
    finish(&progress, if warned { RunState::Warning } else { RunState::Completed }, None).await;
}

async fn finish(progress: &Progress, state: RunState, message: Option<String>) {
    let run = progress.run();
    progress.finish(state, message).await;
    tracing::info!(run.id = %run.id, run.job = run.job, run.state = state.name(), "Finished run {}", run.id);
}
