//! When a failed attempt is made again. Exponential with full jitter, so that a thousand orders held up by one dead
//! application do not return in one wave; the application's own wish (`Retry-After`) is honoured up to the cap.
//! Whether a failure passes by itself is [`ErrorClass::is_retryable`], unless the application's own patterns say otherwise
//! ([`Patterns`]); connection refused and no route always do.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::command::CommandError;
use model::configuration::{Retries, RetryLimits};
use model::order::ErrorClass;
use model::trigger::Trigger;
use regex::Regex;

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
    /// Given up after so many attempts, whatever its age.
    pub at_most: Option<u32>,
    /// Whether this failure passes by itself, where the application's patterns say so.
    pub passes: Option<bool>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_mins(1),
            factor: 2,
            cap: Duration::from_hours(1),
            give_up_after: Duration::from_hours(24),
            at_least: 3,
            at_most: None,
            passes: None,
        }
    }
}

/// What an application's configuration says of failures by their message.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    retry_on: Vec<Pattern>,
    give_up_on: Vec<Pattern>,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// In lower case.
    Part(String),
    Expression(Regex),
}

impl Patterns {
    /// # Errors
    /// Names the pattern that cannot be read, and why.
    pub fn compile(retries: &Retries) -> Result<Self, String> {
        let all =
            |patterns: &[String]| patterns.iter().map(|text| Pattern::compile(text)).collect::<Result<Vec<_>, _>>();
        Ok(Self { retry_on: all(&retries.retry_on)?, give_up_on: all(&retries.give_up_on)? })
    }

    /// Whether the failure passes by itself; none where no pattern fits. What is to be tried again wins over what is to
    /// be given up, and an application that cannot be reached over both.
    pub fn passes(&self, message: &str) -> Option<bool> {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(message));
        if is_unreachable(message) || fits(&self.retry_on) {
            return Some(true);
        }
        fits(&self.give_up_on).then_some(false)
    }
}

impl Pattern {
    fn compile(text: &str) -> Result<Self, String> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some("") | None if text.trim_matches('/').trim().is_empty() => {
                Err("An empty pattern would fit every failure. Write a part of the message, or remove it.".to_owned())
            }
            Some(expression) => Regex::new(expression).map(Self::Expression).map_err(|error| {
                format!(
                    "`{text}` is no regular expression: {}.",
                    error.to_string().replace('\n', " ").trim_end_matches('.')
                )
            }),
            None => Ok(Self::Part(text.to_lowercase())),
        }
    }

    fn fits(&self, message: &str) -> bool {
        match self {
            Self::Part(part) => message.to_lowercase().contains(part),
            Self::Expression(expression) => expression.is_match(message),
        }
    }
}

/// Whether the application was not reached at all: that always passes, and says nothing about the order.
pub fn is_unreachable(message: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "connection refused",
        "no route to host",
        "network is unreachable",
        "network unreachable",
        "host is unreachable",
        "host unreachable",
    ];
    let message = message.to_lowercase();
    SIGNS.iter().any(|sign| message.contains(sign))
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
    /// As this one, but for what an application's configuration says, for this trigger or in general.
    pub fn of(&self, retries: &Retries, trigger: Trigger) -> Self {
        let general = RetryLimits {
            attempts: retries.attempts,
            first_wait_seconds: retries.first_wait_seconds,
            longest_wait_seconds: retries.longest_wait_seconds,
            total_hours: retries.total_hours,
        };
        let own = retries.triggers.get(&trigger).unwrap_or(&general);
        let seconds = |own: Option<u32>, general: Option<u32>, usual: Duration| {
            own.or(general).map_or(usual, |seconds| Duration::from_secs(u64::from(seconds)))
        };
        let at_most = own.attempts.or(general.attempts).or(self.at_most);
        let hours = own.total_hours.or(general.total_hours);
        Self {
            first: seconds(own.first_wait_seconds, general.first_wait_seconds, self.first),
            cap: seconds(own.longest_wait_seconds, general.longest_wait_seconds, self.cap),
            give_up_after: hours.map_or(self.give_up_after, |hours| Duration::from_hours(u64::from(hours))),
            at_least: at_most.map_or(self.at_least, |most| self.at_least.min(most)),
            at_most,
            ..*self
        }
    }

    /// When to try again after a failed attempt. `attempts` counts those made, this one included; `since` is when the
    /// order came into being; `jitter` is evenly spread over 0 to 1.
    pub fn next(&self, error: &CommandError, attempts: u32, since: Timestamp, now: Timestamp, jitter: f64) -> Retry {
        if !self.passes.unwrap_or_else(|| error.class.is_retryable())
            || self.at_most.is_some_and(|most| attempts >= most)
        {
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
    fn an_application_and_a_trigger_may_have_it_otherwise() {
        let mut retries = Retries { attempts: Some(4), first_wait_seconds: Some(10), ..Retries::default() };
        let slow = RetryLimits { longest_wait_seconds: Some(7_200), total_hours: Some(72), ..RetryLimits::default() };
        retries.triggers.insert(Trigger::Drift, RetryLimits { attempts: Some(1), ..slow });
        let usual = RetryPolicy::default();
        assert_eq!(usual.of(&Retries::default(), Trigger::Drift), usual);
        let general = usual.of(&retries, Trigger::LifecycleEvent);
        assert_eq!((general.first.as_secs(), general.cap, general.at_most), (10, usual.cap, Some(4)));
        let drift = usual.of(&retries, Trigger::Drift);
        assert_eq!((drift.first.as_secs(), drift.cap.as_secs(), drift.at_most), (10, 7_200, Some(1)));
        assert_eq!((drift.give_up_after, drift.at_least), (Duration::from_hours(72), 1));
        for (attempts, gives_up) in [(3, false), (4, true), (5, true)] {
            let answer = general.next(&error(ErrorClass::Transient, None), attempts, at(0), at(0), 1.0);
            assert_eq!(answer == Retry::GiveUp, gives_up, "{attempts}");
        }
    }

    #[test]
    fn patterns_decide_before_classes_do() {
        let retries = Retries {
            retry_on: vec!["Row Locked".to_owned(), r"/ORA-(00054|\d{5}x)/".to_owned()],
            give_up_on: vec!["password policy".to_owned(), "refused".to_owned()],
            ..Retries::default()
        };
        let patterns = Patterns::compile(&retries).unwrap();
        for (message, expected) in [
            ("the row locked by another", Some(true)),
            ("ORA-00054: resource busy", Some(true)),
            ("ORA-00055", None),
            ("violates the PASSWORD POLICY", Some(false)),
            ("refused by the directory", Some(false)),
            ("row locked: password policy", Some(true)),
            ("Connection refused (os error 111)", Some(true)),
            ("No route to host", Some(true)),
            ("anything else", None),
        ] {
            assert_eq!(patterns.passes(message), expected, "{message}");
            let policy = RetryPolicy { passes: patterns.passes(message), ..RetryPolicy::default() };
            for class in [ErrorClass::Transient, ErrorClass::Invalid] {
                let answer = policy.next(&CommandError::new(class, message), 1, at(0), at(0), 1.0);
                let passes = expected.unwrap_or_else(|| class.is_retryable());
                assert_eq!(answer == Retry::GiveUp, !passes, "{message} {class:?}");
            }
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        for (text, complaint) in
            [("/(/", "`/(/` is no regular expression"), ("", "An empty pattern"), ("//", "An empty pattern")]
        {
            let retries = Retries { give_up_on: vec![text.to_owned()], ..Retries::default() };
            let told = Patterns::compile(&retries).unwrap_err();
            assert!(told.starts_with(complaint) && told.ends_with('.'), "{told}");
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
