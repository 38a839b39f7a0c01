//! When a failed attempt is made again. Exponential with full jitter, so that a thousand orders held up by one dead
//! application do not return in one wave; the application's own wish (`Retry-After`) is honoured up to the cap.
//! Whether a failure passes by itself is [`ErrorClass::is_retryable`]; connection refused and no route always do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::command::CommandError;
use model::order::ErrorClass;

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Longest wait after the first failure.
    pub first: Duration,
    /// Multiplies the longest wait with each further failure.
    pub factor: u32,
    /// No wait is longer, and no `Retry-After` counts for more.
    pub cap: Duration,
    /// Age of the order from which it is no longer tried …
    pub give_up_after: Duration,
    /// … once it was tried so often. An order that waited for days for others still gets its tries.
    pub at_least: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_mins(1),
            factor: 2,
            cap: Duration::from_hours(1),
            give_up_after: Duration::from_hours(24),
            at_least: 3,
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    At(Timestamp),
    GiveUp,
}

/// No wait is shorter: jitter near zero would otherwise hammer.
const SHORTEST: Duration = Duration::from_secs(1);

impl RetryPolicy {
    /// When to try again after a failed attempt. `attempts` counts those made, this one included; `since` is when the
    /// order came into being; `jitter` is evenly spread over 0 to 1.
    pub fn next(&self, error: &CommandError, attempts: u32, since: Timestamp, now: Timestamp, jitter: f64) -> Retry {
        if !error.class.is_retryable() {
            return Retry::GiveUp;
        }
        let age = now.duration_since(since);
        if attempts >= self.at_least && age >= signed(self.give_up_after) {
            return Retry::GiveUp;
        }
        Retry::At(later(now, self.wait(error, attempts, jitter)))
    }

    /// How long to wait after the attempt of that number, counted from 1.
    pub fn wait(&self, error: &CommandError, attempts: u32, jitter: f64) -> Duration {
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
        let jittered = self.longest(attempts).mul_f64(jitter).max(SHORTEST);
        match error.retry_after {
            Some(asked) => jittered.max(asked.min(self.cap)),
            None => jittered,
        }
        .min(self.cap.max(SHORTEST))
    }

    /// The bound under which the wait after that attempt is drawn.
    fn longest(&self, attempts: u32) -> Duration {
        let mut longest = self.first.min(self.cap);
        for _ in 1..attempts {
            if longest >= self.cap {
                break;
            }
            longest = longest.saturating_mul(self.factor.max(1)).min(self.cap);
            if self.factor <= 1 {
                break;
            }
        }
        longest
    }
}

/// Whether a failure of this class leaves open if the change happened, so that the application has to be read first.
pub fn leaves_doubt(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Unknown | ErrorClass::Protocol)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(signed(wait)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(class: ErrorClass, retry_after: Option<u64>) -> CommandError {
        CommandError { retry_after: retry_after.map(Duration::from_secs), ..CommandError::new(class, "no") }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_longest_wait_doubles_to_the_cap() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = (1..=9)
            .map(|attempt| policy.wait(&error(ErrorClass::Transient, None), attempt, 1.0).as_secs() / 60)
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(policy.wait(&error(ErrorClass::Transient, None), u32::MAX, 1.0), policy.cap);
    }

    #[test]
    fn jitter_spreads_over_the_whole_wait_but_never_to_nothing() {
        let policy = RetryPolicy::default();
        for (jitter, seconds) in
            [(0.0, 1), (0.25, 15), (0.5, 30), (1.0, 60), (7.0, 60), (-1.0, 1), (f64::NAN, 60), (f64::INFINITY, 60)]
        {
            let wait = policy.wait(&error(ErrorClass::Transient, None), 1, jitter);
            assert_eq!(wait, Duration::from_secs(seconds), "{jitter}");
        }
    }

    #[test]
    fn the_application_may_ask_for_more_up_to_the_cap() {
        let policy = RetryPolicy::default();
        for (asked, seconds) in [(0, 30), (10, 30), (90, 90), (3_600, 3_600), (86_400, 3_600)] {
            let wait = policy.wait(&error(ErrorClass::RateLimited, Some(asked)), 1, 0.5);
            assert_eq!(wait, Duration::from_secs(seconds), "{asked}");
        }
    }

    #[test]
    fn it_gives_up_by_age_and_never_before_some_tries() {
        let policy = RetryPolicy::default();
        let day = 24 * 3_600;
        for (attempts, age, gives_up) in [(1, 0, false), (3, day - 1, false), (3, day, true), (2, 5 * day, false)] {
            let answer = policy.next(&error(ErrorClass::Transient, None), attempts, at(0), at(age), 1.0);
            assert_eq!(answer == Retry::GiveUp, gives_up, "{attempts} attempts, {age} s");
        }
    }

    #[test]
    fn what_does_not_pass_by_itself_is_not_tried_again() {
        let policy = RetryPolicy::default();
        for class in [
            ErrorClass::Transient,
            ErrorClass::RateLimited,
            ErrorClass::Authentication,
            ErrorClass::Permission,
            ErrorClass::Invalid,
            ErrorClass::Conflict,
            ErrorClass::NotFound,
            ErrorClass::Unsupported,
            ErrorClass::Protocol,
            ErrorClass::Unknown,
            ErrorClass::Declined,
        ] {
            let answer = policy.next(&error(class, None), 1, at(0), at(0), 0.5);
            let expect = if class.is_retryable() { Retry::At(at(30)) } else { Retry::GiveUp };
            assert_eq!(answer, expect, "{class:?}");
        }
    }
}
