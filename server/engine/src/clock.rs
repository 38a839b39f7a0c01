//! The only place that reads the time. Everything else takes it as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Tells the time: the system's, or one that a test sets.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Microseconds since the epoch, moved by hand.
    Stepped(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands until it is stepped.
    pub fn stepped(start: Timestamp) -> Self {
        Self::Stepped(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// The time, in whole microseconds: the store keeps no more, and a value must survive being stored.
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
            Self::System => Timestamp::now().as_microsecond(),
            Self::Stepped(micros) => micros.load(Ordering::SeqCst),
        };
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Moves a stepped clock; the system's cannot be moved.
    pub fn step(&self, by: std::time::Duration) {
        if let Self::Stepped(micros) = self {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}
