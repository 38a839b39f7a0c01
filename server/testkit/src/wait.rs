//! Waiting for what happens beside a test and tells nobody: it looks again and again, and gives up loudly. Where something
//! tells, such as [`engine::Engine::updates`], that is waited for instead.

use std::time::{Duration, Instant};

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// The same where nothing else has to be done: moments that pass quickly are not missed.
const PAUSE_HERE: Duration = Duration::from_millis(2);

/// Looks until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same on a thread of its own.
pub fn until_here(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::park_timeout(PAUSE_HERE);
    }
}
