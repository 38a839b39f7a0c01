//! What becomes of a message that a receiver did not take.
//!
//! | the receiver                 | tries        | then |
//! |------------------------------|--------------|------|
//! | does not answer, or asks to wait | any      | the same message again, later; those after it wait |
//! | refuses it for good          | fewer than told | the same |
//! | refuses it for good          | as many as told | `stop`: nothing goes on until a person says so; `set_aside`: it is kept apart, and those after it go on |
//!
//! A receiver is never given up: what it has not got stays, and is sent in order once it answers.

use std::time::Duration;

use jiff::Timestamp;
use model::configuration::OnRefusal;
use model::event::NotTaken;

/// Longest wait after the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// No wait is longer …
const LONGEST: Duration = Duration::from_mins(5);
/// … unless the receiver asks for more, up to this.
const LONGEST_ASKED: Duration = Duration::from_hours(1);
/// Between tries of what was refused for good.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(10);

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Again(Timestamp),
    SetAside,
    Stop,
}

/// What follows from the try with this number, counted from 1. `jitter` is from 0 to 1: how much of the longest wait is
/// waited, at least a half.
pub fn next(
    refused: &NotTaken,
    attempts: u32,
    refusals: u32,
    on_refusal: OnRefusal,
    now: Timestamp,
    jitter: f64,
) -> Next {
    if refused.for_good {
        return match on_refusal {
            _ if attempts < refusals => Next::Again(later(now, BETWEEN_REFUSALS)),
            OnRefusal::SetAside => Next::SetAside,
            OnRefusal::Stop => Next::Stop,
        };
    }
    let doublings = attempts.saturating_sub(1).min(16);
    let longest = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let wait = longest.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
    let asked = refused.retry_after.unwrap_or_default().min(LONGEST_ASKED);
    Next::Again(later(now, wait.max(asked)))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(attempts: u32, retry_after: Option<u64>, jitter: f64) -> i64 {
        let refused =
            NotTaken { problem: "x".into(), for_good: false, retry_after: retry_after.map(Duration::from_secs) };
        match next(&refused, attempts, 3, OnRefusal::Stop, Timestamp::UNIX_EPOCH, jitter) {
            Next::Again(at) => at.as_second(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_away_is_tried_again_for_ever_and_not_more_seldom_than_told() {
        assert_eq!(wait(1, None, 1.0), 5);
        assert_eq!(wait(2, None, 1.0), 10);
        assert_eq!(wait(3, None, 0.0), 10);
        assert_eq!(wait(1_000_000, None, 1.0), 300);
        assert_eq!(wait(1, Some(120), 1.0), 120);
        assert_eq!(wait(1, Some(1_000_000), 1.0), 3600);
        assert_eq!(wait(9, Some(1), 1.0), 300);
    }

    #[test]
    fn what_is_refused_for_good_is_tried_as_often_as_told() {
        let refused = NotTaken { problem: "400".into(), for_good: true, retry_after: None };
        let of = |attempts, on_refusal| next(&refused, attempts, 3, on_refusal, Timestamp::UNIX_EPOCH, 0.5);
        assert!(matches!(of(2, OnRefusal::Stop), Next::Again(_)));
        assert_eq!(of(3, OnRefusal::Stop), Next::Stop);
        assert_eq!(of(3, OnRefusal::SetAside), Next::SetAside);
    }
}
