//! Hears what other nodes on the same PostgreSQL database do with runs: a run that was queued there is taken here at
//! once if this node is free, and pages that are open here follow a run that is carried out there. What is heard only
//! says where to look; everything told on is read from the database. Without it, as on an embedded database, a waiting
//! runner looks once a second.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::ids::RunId;
use model::job::{LogLevel, RunState};
use model::view::{LogFilter, RunUpdate};
use store::{Signal, Signals, StoreError};

use crate::Engine;
use crate::progress::line_view;

/// How long an unreachable database is left alone before it is listened to again.
const PAUSE: Duration = Duration::from_secs(2);
/// Log lines told at once: more of them a page fetches itself.
const LINES: u32 = 500;

/// Listens until the engine stops; listens anew where the connection fails.
pub(crate) async fn run(engine: Engine, signals: Signals) {
    let mut listening = Some(signals);
    while !engine.stopping().is_cancelled() {
        match listening.take() {
            Some(signals) => listen(&engine, signals).await,
            None => match engine.store().signals().await {
                Ok(signals) => {
                    listening = signals;
                    // What was told meanwhile is looked for.
                    engine.wake().notify_one();
                    continue;
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "News cannot be heard yet"),
            },
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

/// Until the connection fails or the engine stops.
async fn listen(engine: &Engine, mut signals: Signals) {
    let mut told = HashMap::new();
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = engine.stopping().cancelled() => return,
        };
        let heard = match signal {
            Ok(Signal::Missed) => {
                engine.wake().notify_one();
                Ok(())
            }
            // What this node does it tells its pages itself.
            Ok(Signal::Run(run)) if engine.carrying_out().load(Ordering::Relaxed) == run.0 => Ok(()),
            Ok(Signal::Run(run)) => pass_on(engine, run, &mut told).await,
            Err(error) => Err(error),
        };
        if let Err(error) = heard {
            tracing::warn!(error = &error as &dyn std::error::Error, "News of other nodes were lost; listening again");
            return;
        }
    }
}

/// Looks at the run. `told` holds the last log line that was passed on, by run.
async fn pass_on(engine: &Engine, id: RunId, told: &mut HashMap<RunId, i64>) -> Result<(), StoreError> {
    let Some(run) = engine.store().run(id).await? else { return Ok(()) };
    if run.state == RunState::Queued {
        engine.wake().notify_one();
    }
    if engine.updates().receiver_count() == 0 {
        told.remove(&id);
        return Ok(());
    }
    let end = engine.store().run_log_end(id).await?;
    let after = told.get(&id).copied().unwrap_or(end - i64::from(LINES)).max(0);
    let filter = LogFilter { level: LogLevel::Information, task: None, after, limit: LINES };
    let lines = engine.store().run_log(id, &filter).await?;
    if run.state.is_final() {
        told.remove(&id);
    } else {
        told.insert(id, lines.last().map_or(after, |line| line.sequence));
    }
    let zone = engine.world().time_zone();
    let lines = lines.iter().map(|line| line_view(line, &zone)).collect();
    // Nobody listening any more is no failure.
    let _ = engine.updates().send(RunUpdate { run, lines });
    Ok(())
}
