//! When nothing more is sent to an application that does not answer, and when it is tried again.
//!
//! | state     | what happened                                     | becomes   | and |
//! |-----------|---------------------------------------------------|-----------|-----|
//! | closed    | an answer                                         | closed    | failures start from nothing |
//! | closed    | no answer, below the limits                       | closed    | it is counted |
//! | closed    | no answer, five in a row, or half of twenty a minute | open   | tried in 30 seconds |
//! | open      | its time has come, or a person wants it tried     | half-open | one tries, nobody else |
//! | half-open | an answer                                         | closed    | what waited goes out, in order |
//! | half-open | no answer                                         | open      | tried after twice the wait, at most 10 minutes |
//! | half-open | nothing in time: who tried has died               | half-open | the next one tries |
//! | any       | a person lets it go                               | closed    | what waited goes out, in order |
//!
//! Nothing switches an application off for good: an open circuit is tried again and again, its orders wait with that as
//! their reason, and what lasts is told ([`is_to_be_told`]).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::circuit::{Circuit, CircuitState};
use model::order::ErrorClass;

/// When it opens, and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many calls in a row without an answer open it.
    pub in_a_row: u32,
    /// Or this part of the calls, in percent, …
    pub percent: u32,
    /// … once there were so many …
    pub of_calls: u32,
    /// … within this time.
    pub window: Duration,
    /// The first wait, which doubles up to the longest.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// How long a try may take before another one may.
    pub probe_lease: Duration,
    /// From here on it is quarantine, and told; then again each day.
    pub quarantine_after: Duration,
    pub tell_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_a_row: 5,
            percent: 50,
            of_calls: 20,
            window: Duration::from_secs(60),
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_mins(10),
            probe_lease: Duration::from_mins(2),
            quarantine_after: Duration::from_hours(1),
            tell_every: Duration::from_hours(24),
        }
    }
}

/// What came of some calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Answered, even where the answer was no.
    pub answered: u32,
    pub silent: u32,
    /// Why there was no answer.
    pub message: Option<String>,
}

/// What may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Go,
    /// Its time has come: one may try.
    Probe,
    Wait {
        since: Timestamp,
        probe_at: Timestamp,
    },
}

/// Whether a failure of this class says that nobody is there who could answer for orders, rather than that this order
/// is wrong. Who says "not so fast" is there.
pub fn is_silence(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Transient | ErrorClass::Unknown | ErrorClass::Protocol | ErrorClass::Authentication)
}

/// What may be sent now.
pub fn gate(circuit: &Circuit, now: Timestamp) -> Gate {
    if circuit.state == CircuitState::Closed {
        return Gate::Go;
    }
    let since = circuit.opened_at.unwrap_or(now);
    match circuit.probe_at {
        Some(probe_at) if probe_at > now => Gate::Wait { since, probe_at },
        _ => Gate::Probe,
    }
}

/// Somebody tries, and nobody else until the lease is over. None where it is closed, or somebody is trying already.
/// `asked`: a person does not want to wait for its time.
pub fn probe(circuit: &Circuit, limits: &Limits, asked: bool, now: Timestamp) -> Option<Circuit> {
    let is_due = circuit.probe_at.is_none_or(|at| at <= now);
    let may = match circuit.state {
        CircuitState::Closed => false,
        CircuitState::Open => is_due || asked,
        CircuitState::HalfOpen => is_due,
    };
    may.then(|| Circuit {
        state: CircuitState::HalfOpen,
        probe_at: Some(later(now, limits.probe_lease)),
        ..circuit.clone()
    })
}

/// What calls make of it.
pub fn after(circuit: &Circuit, calls: &Calls, limits: &Limits, now: Timestamp) -> Circuit {
    if calls.answered + calls.silent == 0 {
        return circuit.clone();
    }
    let counted = counted(circuit, calls, limits, now);
    match circuit.state {
        // An answer to what was under way when it opened counts as well: somebody is there.
        CircuitState::Open | CircuitState::HalfOpen if calls.answered > 0 => closed(),
        CircuitState::Open => circuit.clone(),
        CircuitState::HalfOpen => Circuit {
            state: CircuitState::Open,
            probes: circuit.probes.saturating_add(1),
            probe_at: Some(later(now, wait(circuit.probes.saturating_add(1), limits))),
            ..counted
        },
        CircuitState::Closed if trips(&counted, limits) => Circuit {
            state: CircuitState::Open,
            opened_at: Some(now),
            probes: 0,
            probe_at: Some(later(now, wait(0, limits))),
            told_at: None,
            ..counted
        },
        CircuitState::Closed => counted,
    }
}

/// A person lets it go.
pub fn released() -> Circuit {
    closed()
}

/// Whether it has been open for so long that whoever answers for the application has to hear of it, now or again.
pub fn is_to_be_told(circuit: &Circuit, limits: &Limits, now: Timestamp) -> bool {
    let Some(opened_at) = circuit.opened_at.filter(|_| circuit.state != CircuitState::Closed) else { return false };
    match circuit.told_at {
        None => now >= later(opened_at, limits.quarantine_after),
        Some(told_at) => now >= later(told_at, limits.tell_every),
    }
}

fn closed() -> Circuit {
    Circuit::default()
}

fn counted(circuit: &Circuit, calls: &Calls, limits: &Limits, now: Timestamp) -> Circuit {
    let is_current = circuit.window_since.is_some_and(|since| now < later(since, limits.window) && since <= now);
    let (window_calls, window_failures) =
        if is_current { (circuit.window_calls, circuit.window_failures) } else { (0, 0) };
    Circuit {
        failures: if calls.answered > 0 { 0 } else { circuit.failures.saturating_add(calls.silent) },
        window_since: if is_current { circuit.window_since } else { Some(now) },
        window_calls: window_calls.saturating_add(calls.answered).saturating_add(calls.silent),
        window_failures: window_failures.saturating_add(calls.silent),
        message: calls.message.clone().unwrap_or_else(|| circuit.message.clone()),
        ..circuit.clone()
    }
}

fn trips(circuit: &Circuit, limits: &Limits) -> bool {
    let is_half =
        u64::from(circuit.window_failures) * 100 >= u64::from(circuit.window_calls) * u64::from(limits.percent);
    circuit.failures >= limits.in_a_row || (circuit.window_calls >= limits.of_calls && is_half)
}

fn wait(probes: u32, limits: &Limits) -> Duration {
    limits.first_wait.saturating_mul(2_u32.saturating_pow(probes.min(20))).min(limits.longest_wait)
}

fn later(at: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn calls(answered: u32, silent: u32) -> Calls {
        Calls { answered, silent, message: (silent > 0).then(|| "refused".to_owned()) }
    }

    fn open(probes: u32, probe_at: i64) -> Circuit {
        Circuit {
            state: CircuitState::Open,
            opened_at: Some(at(0)),
            probes,
            probe_at: Some(at(probe_at)),
            ..Circuit::default()
        }
    }

    #[test]
    fn it_opens_after_five_in_a_row() {
        let limits = Limits::default();
        let mut circuit = Circuit::default();
        for second in 0..4 {
            circuit = after(&circuit, &calls(0, 1), &limits, at(second));
            assert_eq!((circuit.state, gate(&circuit, at(second))), (CircuitState::Closed, Gate::Go));
        }
        let spared = after(&circuit, &calls(1, 3), &limits, at(4));
        assert_eq!((spared.state, spared.failures), (CircuitState::Closed, 0));
        circuit = after(&circuit, &calls(0, 1), &limits, at(4));
        assert_eq!(
            (circuit.state, circuit.opened_at, circuit.probe_at),
            (CircuitState::Open, Some(at(4)), Some(at(34)))
        );
        assert_eq!(circuit.message, "refused");
    }

    #[test]
    fn it_opens_when_half_of_twenty_calls_a_minute_are_silent() {
        let limits = Limits::default();
        for (answered, silent, second, opens) in
            [(10, 4, 10, false), (7, 7, 10, true), (4, 4, 10, false), (7, 7, 61, false), (9, 1, 10, false)]
        {
            let first = after(&Circuit::default(), &calls(5, 5), &limits, at(0));
            let circuit = after(&first, &calls(answered, silent), &limits, at(second));
            assert_eq!(circuit.state == CircuitState::Open, opens, "{answered} {silent} {second}");
        }
    }

    #[test]
    fn tries_come_at_growing_intervals_and_one_at_a_time() {
        let limits = Limits::default();
        let mut circuit = open(0, 30);
        let mut now = 30;
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert_eq!(gate(&circuit, at(now - 1)), Gate::Wait { since: at(0), probe_at: at(now) });
            assert_eq!(gate(&circuit, at(now)), Gate::Probe);
            circuit = probe(&circuit, &limits, false, at(now)).unwrap();
            assert_eq!(probe(&circuit, &limits, true, at(now + 1)), None, "somebody is at it");
            circuit = after(&circuit, &calls(0, 1), &limits, at(now));
            let next = circuit.probe_at.unwrap().as_second();
            waits.push(next - now);
            now = next;
        }
        assert_eq!(waits, [60, 120, 240, 480, 600, 600, 600]);
        assert_eq!(circuit.opened_at, Some(at(0)), "since when it is down does not change");
    }

    #[test]
    fn an_answer_closes_it_and_who_died_while_trying_is_replaced() {
        let limits = Limits::default();
        let trying = probe(&open(3, 100), &limits, false, at(100)).unwrap();
        assert_eq!(after(&trying, &calls(1, 0), &limits, at(101)), Circuit::default());
        assert_eq!(gate(&trying, at(219)), Gate::Wait { since: at(0), probe_at: at(220) });
        assert!(probe(&trying, &limits, false, at(219)).is_none());
        assert!(probe(&trying, &limits, false, at(220)).is_some());
    }

    #[test]
    fn a_person_need_not_wait() {
        let limits = Limits::default();
        assert_eq!(probe(&open(3, 100), &limits, false, at(50)), None);
        assert!(probe(&open(3, 100), &limits, true, at(50)).is_some());
        assert_eq!(probe(&Circuit::default(), &limits, true, at(50)), None);
        assert_eq!(released(), Circuit::default());
    }

    #[test]
    fn what_lasts_is_told_after_an_hour_and_then_daily() {
        let limits = Limits::default();
        let hour = 3_600;
        let mut circuit = open(3, 100);
        assert!(!is_to_be_told(&circuit, &limits, at(hour - 1)));
        assert!(is_to_be_told(&circuit, &limits, at(hour)));
        circuit.told_at = Some(at(hour));
        assert!(!is_to_be_told(&circuit, &limits, at(24 * hour)));
        assert!(is_to_be_told(&circuit, &limits, at(25 * hour)));
        assert!(!is_to_be_told(&Circuit::default(), &limits, at(hour)));
    }

    #[test]
    fn who_is_there_is_not_silent() {
        for (class, silent) in [
            (ErrorClass::Transient, true),
            (ErrorClass::Unknown, true),
            (ErrorClass::Protocol, true),
            (ErrorClass::Authentication, true),
            (ErrorClass::RateLimited, false),
            (ErrorClass::Invalid, false),
            (ErrorClass::Conflict, false),
            (ErrorClass::Declined, false),
        ] {
            assert_eq!(is_silence(class), silent, "{class:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_never_off_for_good(steps in prop::collection::vec((0..3_u32, 0..9_u32, 1..5_000_i64), 1..60)) {
            let limits = Limits::default();
            let (mut circuit, mut now) = (Circuit::default(), 0);
            for (answered, silent, pause) in steps {
                now += pause;
                if gate(&circuit, at(now)) == Gate::Probe {
                    circuit = probe(&circuit, &limits, false, at(now)).unwrap();
                }
                circuit = after(&circuit, &calls(answered, silent), &limits, at(now));
                if circuit.state != CircuitState::Closed {
                    prop_assert!(circuit.opened_at.is_some() && circuit.probe_at.is_some());
                    let soon = at(now + 600 + 120);
                    prop_assert_eq!(gate(&circuit, soon), Gate::Probe);
                }
            }
        }
    }
}
