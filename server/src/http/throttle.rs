//! How often one address may try to sign in, kept in memory. It only spares the processor the hashing; the lasting
//! count of failures, which all nodes share, is kept by the engine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Attempts within [`WINDOW`]; an office behind one address signs in within it.
const ATTEMPTS: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses kept; when there are more, those that have been quiet longest are forgotten.
const ADDRESSES: usize = 10_000;

/// Attempts by address, newest last.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<IpAddr, Vec<Instant>>>);

impl Throttle {
    /// Counts an attempt. The time to wait, where there were too many.
    pub fn attempt(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= ADDRESSES {
            attempts.retain(|_, times| times.last().is_some_and(|last| now.duration_since(*last) < WINDOW));
        }
        let times = attempts.entry(network(address)).or_default();
        times.retain(|time| now.duration_since(*time) < WINDOW);
        match times.first() {
            Some(first) if times.len() >= ATTEMPTS => Err(WINDOW.saturating_sub(now.duration_since(*first))),
            _ => {
                times.push(now);
                Ok(())
            }
        }
    }
}

/// The address that counts: one customer has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[4..].fill(0);
            IpAddr::V6(segments.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_attempts_wait_and_others_do_not() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..ATTEMPTS {
            assert!(throttle.attempt(address("2001:db8::1"), start).is_ok());
        }
        assert!(throttle.attempt(address("2001:db8::2"), start).is_err(), "the same /64");
        assert!(throttle.attempt(address("2001:db8:0:1::2"), start).is_ok(), "another /64");
        assert!(throttle.attempt(address("127.0.0.1"), start).is_ok());
        assert!(throttle.attempt(address("2001:db8::1"), start + WINDOW).is_ok(), "after the wait");
    }
}
