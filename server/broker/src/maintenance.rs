//! Maintenance windows of an application: while one lasts nothing is sent, and orders wait for its end.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use model::configuration::{MaintenanceWindow, Weekday};

/// Finds a time zone by its name; the organisation's own for none.
pub type Zones<'a> = dyn Fn(Option<&str>) -> Option<TimeZone> + 'a;

/// When the window that lasts now ends, where one does. Windows that follow each other without a gap are one. Windows
/// that make no sense are left out: [`check`] tells of them before a configuration is taken over.
pub fn current(windows: &[MaintenanceWindow], zones: &Zones<'_>, now: Timestamp) -> Option<Timestamp> {
    let mut ends = None;
    let mut at = now;
    for _ in 0..=windows.len() * 8 {
        let latest = windows.iter().filter_map(|window| end_of(window, zones, at)).max();
        match latest {
            Some(end) if end > at => {
                at = end;
                ends = Some(end);
            }
            _ => break,
        }
    }
    ends
}

/// What is wrong with a window, in a sentence.
pub fn check(window: &MaintenanceWindow, zones: &Zones<'_>) -> Result<(), String> {
    if let Some(name) = window.time_zone.as_deref().filter(|name| zones(Some(name)).is_none()) {
        return Err(format!("`{name}` is no time zone; write one such as `Europe/Zurich`."));
    }
    if window.days.is_empty() {
        let (from, until) = (moment(&window.from)?, moment(&window.until)?);
        if from >= until {
            return Err(format!("It ends ({until}) before it begins ({from}). Exchange `from` and `until`."));
        }
        return Ok(());
    }
    time(&window.from)?;
    time(&window.until)?;
    Ok(())
}

fn end_of(window: &MaintenanceWindow, zones: &Zones<'_>, now: Timestamp) -> Option<Timestamp> {
    let zone = zones(window.time_zone.as_deref())?;
    let instant = |moment: DateTime| moment.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    let during = |from: DateTime, until: DateTime| {
        let (from, until) = (instant(from)?, instant(until)?);
        (from <= now && now < until).then_some(until)
    };
    if window.days.is_empty() {
        return during(moment(&window.from).ok()?, moment(&window.until).ok()?);
    }
    let (from, until) = (time(&window.from).ok()?, time(&window.until).ok()?);
    let today = now.to_zoned(zone.clone()).date();
    // One that began yesterday may last over midnight.
    let days = [Some(today), today.yesterday().ok()];
    days.into_iter().flatten().filter(|day| window.days.contains(&weekday(*day))).find_map(|day| {
        let last = if until <= from { day.checked_add(1.day()).ok()? } else { day };
        during(day.to_datetime(from), last.to_datetime(until))
    })
}

fn weekday(day: Date) -> Weekday {
    match day.weekday() {
        jiff::civil::Weekday::Monday => Weekday::Monday,
        jiff::civil::Weekday::Tuesday => Weekday::Tuesday,
        jiff::civil::Weekday::Wednesday => Weekday::Wednesday,
        jiff::civil::Weekday::Thursday => Weekday::Thursday,
        jiff::civil::Weekday::Friday => Weekday::Friday,
        jiff::civil::Weekday::Saturday => Weekday::Saturday,
        jiff::civil::Weekday::Sunday => Weekday::Sunday,
    }
}

fn time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|_| format!("`{text}` is no time of day; write one such as `22:30`."))
}

fn moment(text: &str) -> Result<DateTime, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no date and time; write one such as `2026-12-24T18:00`, or name `days`."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn weekly(days: &[Weekday], from: &str, until: &str, zone: Option<&str>) -> MaintenanceWindow {
        MaintenanceWindow {
            days: days.to_vec(),
            from: from.to_owned(),
            until: until.to_owned(),
            time_zone: zone.map(str::to_owned),
        }
    }

    /// Without the machine's own database.
    fn zones(name: Option<&str>) -> Option<TimeZone> {
        match name {
            None => Some(TimeZone::UTC),
            Some("Europe/Zurich") => TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").ok(),
            Some("Asia/Tokyo") => TimeZone::posix("JST-9").ok(),
            Some(_) => None,
        }
    }

    fn now_in(windows: &[MaintenanceWindow], now: &str) -> Option<String> {
        current(windows, &zones, at(now)).map(|end| end.to_string())
    }

    #[test]
    fn a_weekly_window_lasts_from_its_hour_to_its_hour() {
        // 2026-11-28 is a Saturday.
        let window = [weekly(&[Weekday::Saturday], "08:00", "10:00", None)];
        for (now, expected) in [
            ("2026-11-28T07:59:59Z", None),
            ("2026-11-28T08:00:00Z", Some("2026-11-28T10:00:00Z")),
            ("2026-11-28T09:59:59Z", Some("2026-11-28T10:00:00Z")),
            ("2026-11-28T10:00:00Z", None),
            ("2026-11-29T09:00:00Z", None),
        ] {
            assert_eq!(now_in(&window, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn one_may_last_over_midnight() {
        let window = [weekly(&[Weekday::Saturday], "22:00", "02:00", None)];
        for (now, expected) in [
            ("2026-11-28T01:00:00Z", None),
            ("2026-11-28T23:00:00Z", Some("2026-11-29T02:00:00Z")),
            ("2026-11-29T01:59:00Z", Some("2026-11-29T02:00:00Z")),
            ("2026-11-29T23:00:00Z", None),
        ] {
            assert_eq!(now_in(&window, now).as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn hours_are_those_of_its_time_zone_in_summer_and_winter() {
        let window = [weekly(&[Weekday::Saturday], "08:00", "10:00", Some("Europe/Zurich"))];
        assert_eq!(now_in(&window, "2026-11-28T07:30:00Z").as_deref(), Some("2026-11-28T09:00:00Z"));
        assert_eq!(now_in(&window, "2026-07-25T06:30:00Z").as_deref(), Some("2026-07-25T08:00:00Z"));
        assert_eq!(now_in(&window, "2026-07-25T08:30:00Z"), None);
    }

    #[test]
    fn a_single_period_and_those_that_follow_each_other() {
        let once = weekly(&[], "2026-12-24T18:00", "2026-12-27T06:00", None);
        let sunday = weekly(&[Weekday::Sunday], "06:00", "08:00", None);
        assert_eq!(
            now_in(std::slice::from_ref(&once), "2026-12-25T00:00:00Z").as_deref(),
            Some("2026-12-27T06:00:00Z")
        );
        assert_eq!(now_in(&[sunday, once.clone()], "2026-12-25T00:00:00Z").as_deref(), Some("2026-12-27T08:00:00Z"));
        assert_eq!(now_in(&[once], "2026-12-27T06:00:00Z"), None);
    }

    #[test]
    fn a_whole_day_ends_when_it_began() {
        let day = [weekly(&[Weekday::Saturday], "00:00", "00:00", None)];
        assert_eq!(now_in(&day, "2026-11-28T23:59:00Z").as_deref(), Some("2026-11-29T00:00:00Z"));
        assert_eq!(now_in(&day, "2026-11-29T00:00:00Z"), None);
    }

    #[test]
    fn nonsense_is_told_and_never_in_force() {
        for (window, complaint) in [
            (weekly(&[Weekday::Monday], "25:00", "02:00", None), "`25:00` is no time of day"),
            (weekly(&[Weekday::Monday], "01:00", "02:00", Some("Mars/Base")), "`Mars/Base` is no time zone"),
            (weekly(&[], "01:00", "02:00", None), "`01:00` is no date and time"),
            (weekly(&[], "2026-01-02T00:00", "2026-01-01T00:00", None), "It ends (2026-01-01T00:00:00) before"),
        ] {
            let told = check(&window, &zones).unwrap_err();
            assert!(told.starts_with(complaint), "{told}");
            assert_eq!(now_in(&[window], "2026-01-05T01:30:00Z"), None);
        }
        assert_eq!(check(&weekly(&[], "2026-01-01T00:00", "2026-01-02T00:00", Some("Asia/Tokyo")), &zones), Ok(()));
    }
}
