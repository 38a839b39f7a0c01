//! How many orders of an application are claimed at once. What is claimed can no longer be overtaken, so a batch is no
//! larger than what the application does in a few seconds: a leaver never waits long behind those that are under way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a batch should take.
const BATCH: Duration = Duration::from_secs(3);
/// Of an application whose pace is not known yet.
const FIRST: u32 = 200;
/// No batch is smaller: connections side by side would have nothing to do.
const SMALLEST: u32 = 8;

/// The pace of each application: orders a second, of late. A batch that waits for another one of the same application counts
/// the time of both, so two of them take no longer together than one may.
#[derive(Default)]
pub(crate) struct Paces(Mutex<HashMap<String, f64>>);

impl Paces {
    /// How many orders to claim, at most `limit`.
    pub(crate) fn batch(&self, application: &str, limit: u32) -> u32 {
        let rate = self.paces().get(application).copied();
        batch(rate).min(limit)
    }

    /// Takes notice of a batch that was sent.
    pub(crate) fn note(&self, application: &str, orders: usize, took: Duration) {
        let mut paces = self.paces();
        let now = rate(paces.get(application).copied(), orders, took);
        paces.insert(application.to_owned(), now);
    }

    fn paces(&self) -> MutexGuard<'_, HashMap<String, f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn batch(rate: Option<f64>) -> u32 {
    let Some(rate) = rate else { return FIRST };
    let orders = (rate * BATCH.as_secs_f64()).clamp(f64::from(SMALLEST), 1e6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 8 and a million")]
    let orders = orders as u32;
    orders
}

/// Slower counts at once, quicker by half: one quick batch may be luck, and a batch that turns out slow holds others up.
fn rate(before: Option<f64>, orders: usize, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most some thousand orders")]
    let now = orders as f64 / took.as_secs_f64().max(1e-3);
    match before {
        Some(before) if now > before => before.midpoint(now),
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_the_application_does_in_a_few_seconds() {
        let paces = Paces::default();
        assert_eq!(paces.batch("slow", 1_000), FIRST);
        assert_eq!(paces.batch("slow", 100), 100);
        paces.note("slow", 200, Duration::from_secs(20));
        assert_eq!(paces.batch("slow", 1_000), 30);
        paces.note("slow", 30, Duration::from_mins(5));
        assert_eq!(paces.batch("slow", 1_000), SMALLEST);
        // It has recovered: the batches grow again, step by step.
        paces.note("slow", 8, Duration::from_millis(8));
        assert_eq!(paces.batch("slow", 1_000), 1_000);
        assert_eq!(paces.batch("another", 1_000), FIRST);
    }
}
