//! The corridor: the one room that sees the others. A use case authorises, reads what a decision needs from `store`,
//! lets `policy` and `broker` decide, has `connectors` do, and records the outcome with all that follows from it in
//! one transaction. It holds the clock and the tasks; it knows neither HTTP nor pages.

pub mod clock;
pub mod context;

pub mod applications;
pub mod home;
pub mod identities;
pub mod jobs;
pub mod orders;
pub mod users;
pub mod work_items;

use std::sync::Arc;

use model::view::RunUpdate;
use tokio::sync::broadcast;

/// The running product, cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    updates: broadcast::Sender<RunUpdate>,
}

impl Engine {
    /// Where pages that are open hear of runs.
    pub fn updates(&self) -> &broadcast::Sender<RunUpdate> {
        &self.0.updates
    }
}
