//! When a schedule is due: pure decisions over a cron expression, a time zone and two moments.
//!
//! Days on which clocks change, as cron has them: a job with one fixed time a day runs once on such a day, right after
//! the gap where its time falls into one, and at the first pass of an hour that comes twice. One with intervals (`*/15`)
//! leaves out the times of a gap, and runs through an hour that comes twice both times.
//!
//! Who sees the time pass, and that only one of several nodes acts on it, is [`crate::scheduler`]'s.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// A time that is not seen within so long has been missed: the program was down. A restart does not take longer.
pub const MISSED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A schedule, read.
#[derive(Clone, Debug)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
}

/// Why a schedule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "`{expression}` is no schedule ({problem}). Expected five fields, minute, hour, day of the month, month and day of the week, such as `30 2 * * 1-5`"
    )]
    Expression { expression: String, problem: String },
    #[error("the schedule `{expression}` never comes: there is no such day")]
    Never { expression: String },
    #[error("`{name}` is no time zone. Expected an IANA name such as Europe/Amsterdam or UTC")]
    Zone { name: String },
}

impl Timetable {
    /// Reads a cron expression of five fields, or a word such as `@daily`, in that time zone. `now` is for finding out
    /// whether it ever comes.
    pub fn read(expression: &str, zone: &str, now: Timestamp) -> Result<Self, ScheduleError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| {
            let problem = error.to_string();
            ScheduleError::Expression {
                expression: expression.to_owned(),
                problem: problem.trim_end_matches('.').to_owned(),
            }
        })?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone { name: zone.to_owned() })?;
        let timetable = Self { cron, zone };
        match timetable.next(now) {
            Some(_) => Ok(timetable),
            None => Err(ScheduleError::Never { expression: expression.to_owned() }),
        }
    }

    /// The first time after that moment.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&self.local(after), false).ok()?;
        Some(found.timestamp())
    }

    /// The last time until that moment, itself included.
    pub fn latest(&self, until: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&self.local(until), true).ok()?;
        Some(found.timestamp())
    }

    /// In whole seconds: no schedule is finer.
    fn local(&self, at: Timestamp) -> Zoned {
        Timestamp::from_second(at.as_second()).unwrap_or(at).to_zoned(self.zone.clone())
    }
}

/// What is to become of the times that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// None passed.
    Nothing,
    /// The last of them starts a run; earlier ones are made up with it.
    Start(Timestamp),
    /// The last of them was missed, and is not made up.
    Missed(Timestamp),
}

/// Decides about the times after `decided_until` and up to `now`.
pub fn decide(timetable: &Timetable, catch_up: bool, decided_until: Timestamp, now: Timestamp) -> Decision {
    match timetable.latest(now).filter(|latest| *latest > decided_until) {
        None => Decision::Nothing,
        Some(latest) if !catch_up && now.duration_since(latest) > MISSED_AFTER => Decision::Missed(latest),
        Some(latest) => Decision::Start(latest),
    }
}

#[cfg(test)]
mod tests;
