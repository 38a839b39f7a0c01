//! Times in words, as seen from the moment a page is made, in the organisation's time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The moment a page is made, and where.
#[derive(Clone, Debug)]
pub struct Clock {
    pub now: Timestamp,
    pub zone: TimeZone,
}

impl Clock {
    /// "3 min ago".
    pub fn relative(&self, at: Timestamp) -> String {
        relative(self.now, at)
    }

    /// `2026-11-22 14:03:59 +01:00`.
    pub fn absolute(&self, at: Timestamp) -> String {
        self.format("%F %T %:z", at)
    }

    /// `2026-11-22 14:03`.
    pub fn minute(&self, at: Timestamp) -> String {
        self.format("%F %H:%M", at)
    }

    /// Time of day, `14:03:59`.
    pub fn time_of_day(&self, at: Timestamp) -> String {
        self.format("%T", at)
    }

    fn format(&self, format: &str, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }
}

/// "3 min ago", "in 2 h", "just now".
pub fn relative(now: Timestamp, at: Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    let amount = match seconds.unsigned_abs() {
        0..=9 => return "just now".to_owned(),
        seconds => duration(seconds),
    };
    if seconds < 0 { format!("{amount} ago") } else { format!("in {amount}") }
}

/// The largest unit that says it: "42 s", "5 min", "3 h", "12 d", "4 mo", "2 y".
pub fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 5] = [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3_600, "h"), (60, "min")];
    for (length, unit) in UNITS {
        if seconds >= length {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}

/// How long something took: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min".
pub fn took(from: Timestamp, to: Timestamp) -> String {
    let milliseconds = (to.as_millisecond() - from.as_millisecond()).max(0);
    let seconds = milliseconds / 1_000;
    match seconds {
        0..=9 => format!("{}.{} s", seconds, milliseconds % 1_000 / 100),
        10..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn distances_are_told_in_the_largest_unit() {
        let now = at("2026-11-22T12:00:00Z");
        for (moment, expected) in [
            ("2026-11-22T12:00:00Z", "just now"),
            ("2026-11-22T11:59:55Z", "just now"),
            ("2026-11-22T11:59:18Z", "42 s ago"),
            ("2026-11-22T11:55:00Z", "5 min ago"),
            ("2026-11-22T14:30:00Z", "in 2 h"),
            ("2026-11-10T12:00:00Z", "12 d ago"),
            ("2026-07-01T12:00:00Z", "4 mo ago"),
            ("2024-01-01T00:00:00Z", "2 y ago"),
        ] {
            assert_eq!(relative(now, at(moment)), expected, "{moment}");
        }
    }

    #[test]
    fn lengths_keep_two_units() {
        let start = at("2026-11-22T12:00:00Z");
        for (milliseconds, expected) in [
            (400, "0.4 s"),
            (9_960, "9.9 s"),
            (12_300, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (-5, "0.0 s"),
        ] {
            let end = start + std::time::Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
            assert_eq!(took(start, end), expected);
        }
    }

    #[test]
    fn absolute_times_name_their_zone() {
        let moment = at("2026-11-22T14:03:59.123456Z");
        let clock = Clock { now: moment, zone: TimeZone::fixed(jiff::tz::offset(1)) };
        assert_eq!(clock.absolute(moment), "2026-11-22 15:03:59 +01:00");
        assert_eq!(clock.minute(moment), "2026-11-22 15:03");
        assert_eq!(clock.time_of_day(moment), "15:03:59");
    }
}
