//! Simulations of drafts: worked out one after the other beside the requests that ask for them, and kept for a while, unless the
//! draft, the configuration or the day is another. What is shown says of when it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::configuration::Configuration;
use model::error::ApiError;
use model::ids::{ConfigurationVersionId, DraftId};
use tokio::sync::Semaphore;

use super::{Simulation, Standing, simulate};
use crate::Engine;
use crate::beside::{self, Beside, Tell};
use crate::configuration::digest;
use crate::world::Live;

/// Whoever asked finds it for so long, however quickly it was worked out.
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

/// So many people of so many.
type Far = (u64, u64);

struct Slot {
    of: Of,
    begun: Timestamp,
    beside: Arc<Beside<Arc<Simulation>, Far>>,
}

impl Default for Simulations {
    fn default() -> Self {
        Self { known: Mutex::default(), turn: Arc::new(Semaphore::new(1)) }
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
    let (asked, turn) = (engine.clone(), Arc::clone(&engine.0.simulations.turn));
    let work = move |tell: Tell<Far>| async move {
        let _turn = turn.acquire_owned().await.map_err(|_| ApiError::internal())?;
        simulate(&asked, live, wanted, &|done, of| tell((done, of))).await.map(Arc::new)
    };
    let standing = beside(engine, draft, of).ask(engine, "what a draft would order", work).await?;
    Ok(match standing {
        beside::Standing::Working { done: (done, of) } => Standing::Working { done, of },
        beside::Standing::Done(done) => Standing::Done(done),
    })
}

fn beside(engine: &Engine, draft: DraftId, of: Of) -> Arc<Beside<Arc<Simulation>, Far>> {
    let mut known = engine.0.simulations.known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = known.get(&draft).filter(|slot| slot.of == of) {
        return Arc::clone(&slot.beside);
    }
    known.remove(&draft);
    let now = engine.now();
    known.retain(|_, slot| slot.beside.is_of_use(now));
    if known.len() >= MOST
        && let Some(first) = known.iter().min_by_key(|(_, slot)| slot.begun).map(|(draft, _)| *draft)
    {
        known.remove(&first);
    }
    let beside = Arc::new(Beside::good_for(LEAST));
    known.insert(draft, Slot { of, begun: now, beside: Arc::clone(&beside) });
    beside
}
