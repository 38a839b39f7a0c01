use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn table(cron: &str, zone: &str) -> Timetable {
    Timetable::read(cron, zone, at("2026-01-01T00:00:00Z")).unwrap()
}

/// All times between two moments, both times of day and offset: `03:00+02`.
fn times(timetable: &Timetable, from: &str, until: &str) -> Vec<String> {
    let until = at(until);
    let mut found = Vec::new();
    let mut after = at(from);
    while let Some(next) = timetable.next(after).filter(|next| *next <= until) {
        found.push(next.to_zoned(timetable.zone.clone()).strftime("%d %H:%M%:z").to_string());
        after = next;
    }
    found
}

#[test]
fn clocks_that_change_neither_swallow_nor_double_a_daily_job() {
    // Berlin: 02:00 becomes 03:00 on 29 March 2026, 03:00 becomes 02:00 on 25 October 2026.
    // New York: 02:00 becomes 03:00 on 8 March, 02:00 becomes 01:00 on 1 November.
    // Lord Howe moves by half an hour: 02:00 becomes 02:30 on 4 October, 02:00 becomes 01:30 on 5 April.
    let cases: [(&str, &str, &str, &str, &[&str]); 12] = [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-27T12:00:00Z",
            "2026-03-30T12:00:00Z",
            &["28 02:30+01:00", "29 03:00+02:00", "30 02:30+02:00"],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            "2026-10-26T12:00:00Z",
            &["25 02:30+02:00", "26 02:30+01:00"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:15:00Z",
            "2026-03-29T01:45:00Z",
            &["29 01:30+01:00", "29 03:00+02:00", "29 03:30+02:00"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:45:00Z",
            "2026-10-25T02:15:00Z",
            &["25 02:00+02:00", "25 02:30+02:00", "25 02:00+01:00", "25 02:30+01:00", "25 03:00+01:00"],
        ),
        ("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &["29 03:00+02:00"]),
        ("30 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-08T23:00:00Z", &["08 03:00-04:00"]),
        ("30 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T23:00:00Z", &["01 01:30-04:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T23:00:00Z", &["04 02:30+11:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-04T23:00:00Z", &["05 01:45+11:00"]),
        ("30 2 * * *", "UTC", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", &["29 02:30+00:00"]),
        // Either of the two days fits, as in every cron.
        ("0 6 1 * MON", "UTC", "2026-05-29T00:00:00Z", "2026-06-09T00:00:00Z", &["01 06:00+00:00", "08 06:00+00:00"]),
        ("@daily", "Asia/Kolkata", "2026-05-29T00:00:00Z", "2026-05-30T00:00:00Z", &["30 00:00+05:30"]),
    ];
    for (cron, zone, from, until, expected) in cases {
        assert_eq!(times(&table(cron, zone), from, until), expected, "{cron} in {zone} from {from}");
    }
}

/// What is looked for backwards is what was found forwards, every five minutes over the days on which clocks change.
#[test]
fn the_latest_time_is_the_last_of_the_next_ones() {
    let spans = [
        ("Europe/Berlin", "2026-03-28T22:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z"),
        ("America/New_York", "2026-03-08T05:00:00Z"),
        ("America/New_York", "2026-11-01T04:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T13:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T13:00:00Z"),
    ];
    let crons = ["30 2 * * *", "0 2 * * *", "30 1 * * *", "0 3 * * *", "*/15 * * * *", "0 * * * *", "45 1,2 * * *"];
    for (zone, start) in spans {
        for cron in crons {
            let timetable = table(cron, zone);
            let start = at(start);
            let mut last = None;
            let mut next = timetable.next(start);
            for step in 0..96 {
                let now = start + SignedDuration::from_mins(5 * step) + SignedDuration::from_millis(400);
                while let Some(found) = next.filter(|found| *found <= now) {
                    last = Some(found);
                    next = timetable.next(found);
                }
                let latest = timetable.latest(now).filter(|latest| *latest > start);
                assert_eq!(latest, last, "{cron} in {zone} at {now}");
            }
            assert!(last.is_some(), "{cron} in {zone}: nothing came");
        }
    }
}

#[test]
fn a_missed_time_is_made_up_once_or_not_at_all() {
    let nightly = table("30 2 * * *", "Europe/Berlin");
    let slot = |day: u8| at(&format!("2026-06-{day:02}T00:30:00Z"));
    let cases = [
        // Nothing came since.
        ("2026-06-01T00:30:00Z", "2026-06-01T12:00:00Z", true, Decision::Nothing),
        // On time, and while the program started again.
        ("2026-06-01T00:30:00Z", "2026-06-02T00:30:00.2Z", true, Decision::Start(slot(2))),
        ("2026-06-01T00:30:00Z", "2026-06-02T00:31:00Z", false, Decision::Start(slot(2))),
        // The program was down for hours, and for days: made up once, or left out.
        ("2026-06-01T00:30:00Z", "2026-06-02T07:00:00Z", true, Decision::Start(slot(2))),
        ("2026-06-01T00:30:00Z", "2026-06-09T07:00:00Z", true, Decision::Start(slot(9))),
        ("2026-06-01T00:30:00Z", "2026-06-02T00:31:02Z", false, Decision::Missed(slot(2))),
        ("2026-06-01T00:30:00Z", "2026-06-09T07:00:00Z", false, Decision::Missed(slot(9))),
        // Down for days, and back just in time.
        ("2026-06-01T00:30:00Z", "2026-06-09T00:30:10Z", false, Decision::Start(slot(9))),
        // The clock of this machine went back.
        ("2026-06-09T00:30:00Z", "2026-06-08T12:00:00Z", true, Decision::Nothing),
    ];
    for (decided_until, now, catch_up, expected) in cases {
        assert_eq!(decide(&nightly, catch_up, at(decided_until), at(now)), expected, "{decided_until} to {now}");
    }
}

#[test]
fn what_is_no_schedule_is_refused_with_what_was_expected() {
    let now = at("2026-01-01T00:00:00Z");
    for expression in [
        "",
        "* * * *",
        "* * * * * *",
        "0 0 12 * * * 2027",
        "61 * * * *",
        "0 25 * * *",
        "every day",
        "@sometimes",
        "0 0 * * 9",
    ] {
        let error = Timetable::read(expression, "UTC", now).unwrap_err();
        assert!(matches!(error, ScheduleError::Expression { .. }), "{expression}: {error:?}");
        assert!(error.to_string().contains("Expected five fields"), "{error}");
    }
    let never = Timetable::read("0 0 30 2 *", "UTC", now).unwrap_err();
    assert_eq!(never, ScheduleError::Never { expression: "0 0 30 2 *".into() });
    let zone = Timetable::read("0 0 * * *", "Europe/Berlni", now).unwrap_err();
    assert_eq!(zone, ScheduleError::Zone { name: "Europe/Berlni".into() });
}
