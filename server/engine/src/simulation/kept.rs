//! Simulations of drafts: worked out one after the other beside the requests that ask for them, and kept for as long as working
//! them out was worth, unless the draft, the configuration or the day is another. People, accounts and orders change all the
//! time in a large organisation: what is shown says of when it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::configuration::Configuration;
use model::error::ApiError;
use model::ids::{ConfigurationVersionId, DraftId};
use tokio::sync::{Semaphore, watch};

use super::{Standing, simulate};
use crate::Engine;
use crate::configuration::digest;
use crate::world::Live;

/// How long somebody who asks is made to wait.
const PATIENCE: Duration = Duration::from_secs(3);
/// It is good for so many times as long as it took, ...
const SHARE: i32 = 20;
/// ... and no longer than this, or than it took, since people, accounts and orders change meanwhile; ...
const OLDEST: SignedDuration = SignedDuration::from_mins(5);
/// ... yet for so long that whoever asked finds it.
const LEAST: SignedDuration = SignedDuration::from_secs(5);
/// Drafts of which one is kept, or under way; whoever looks at more of them loses the one that was begun first.
const MOST: usize = 8;

/// See the module's head.
pub(crate) struct Simulations {
    known: Mutex<HashMap<DraftId, Slot>>,
    /// Held by the one that is being worked out.
    turn: Arc<Semaphore>,
}

/// What it was asked of: of anything else it is no answer.
#[derive(Clone, PartialEq, Eq)]
struct Of {
    wanted: String,
    version: Option<ConfigurationVersionId>,
    day: Date,
}

struct Slot {
    of: Of,
    begun: Timestamp,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone)]
enum Progress {
    Working { done: u64, of: u64 },
    Ended { outcome: Result<Standing, ApiError>, begun: Timestamp, at: Timestamp },
}

impl Default for Simulations {
    fn default() -> Self {
        Self { known: Mutex::default(), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Slot {
    /// Whether it is an answer to that, or will be one.
    fn serves(&self, of: &Of, now: Timestamp) -> bool {
        let is_fresh = match &*self.progress.borrow() {
            Progress::Working { .. } => self.progress.has_changed().is_ok(),
            Progress::Ended { begun, at, .. } => {
                let took = at.duration_since(*begun);
                now.duration_since(*at) < (took * SHARE).min(OLDEST.max(took)).max(LEAST)
            }
        };
        is_fresh && self.of == *of
    }
}

/// How far the simulation of a draft is, which is begun where there is none.
pub(super) async fn standing(
    engine: &Engine,
    draft: DraftId,
    live: Arc<Live>,
    wanted: Configuration,
) -> Result<Standing, ApiError> {
    let of = Of { wanted: digest(&wanted), version: live.version, day: engine.today() };
    let mut progress = begun(engine, draft, of, live, wanted);
    let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended { .. }));
    // Whoever is told that it goes on asks again.
    let _ = tokio::time::timeout(PATIENCE, ended).await;
    let progress = progress.borrow().clone();
    match progress {
        Progress::Working { done, of } => Ok(Standing::Working { done, of }),
        Progress::Ended { outcome, .. } => outcome,
    }
}

fn begun(engine: &Engine, draft: DraftId, of: Of, live: Arc<Live>, wanted: Configuration) -> watch::Receiver<Progress> {
    let simulations = &engine.0.simulations;
    let mut known = simulations.known.lock().unwrap_or_else(PoisonError::into_inner);
    let now = engine.now();
    if let Some(slot) = known.get(&draft).filter(|slot| slot.serves(&of, now)) {
        return slot.progress.clone();
    }
    known.retain(|_, slot| slot.serves(&slot.of, now));
    if known.len() >= MOST
        && let Some(first) = known.iter().min_by_key(|(_, slot)| slot.begun).map(|(draft, _)| *draft)
    {
        known.remove(&first);
    }
    let (told, progress) = watch::channel(Progress::Working { done: 0, of: 0 });
    known.insert(draft, Slot { of, begun: now, progress: progress.clone() });
    let (engine, turn) = (engine.clone(), Arc::clone(&simulations.turn));
    engine.clone().0.tasks.spawn(async move {
        let work = async {
            let _turn = turn.acquire_owned().await.map_err(|_| ApiError::internal())?;
            let tell = |done, of| drop(told.send_replace(Progress::Working { done, of }));
            let begun = engine.now();
            let done = simulate(&engine, live, wanted, &tell).await?;
            Ok((begun, done))
        };
        // Nobody asks for it any more where the draft became another meanwhile.
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = told.closed() => return,
            () = engine.0.stop.cancelled() => return,
        };
        let at = engine.now();
        let (begun, outcome) = match outcome {
            Ok((begun, done)) => (begun, Ok(Standing::Done(Arc::new(done)))),
            Err(error) => (at, Err(error)),
        };
        told.send_replace(Progress::Ended { outcome, begun, at });
    });
    progress
}
