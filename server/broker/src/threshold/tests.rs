use model::feed::ChangeCounts;
use proptest::prelude::*;

use super::*;
use crate::worlds::{compile, world};

fn tripped(counts: ChangeCounts, thresholds: &Thresholds) -> Vec<String> {
    check(&counts, thresholds, &Defaults::STANDARD).iter().map(ToString::to_string).collect()
}

fn deleted(stored: u64, deleted: u64) -> ChangeCounts {
    ChangeCounts { stored, deleted, ..ChangeCounts::default() }
}

fn updated(stored: u64, updated: u64) -> ChangeCounts {
    ChangeCounts { stored, updated, ..ChangeCounts::default() }
}

#[test]
fn deletions_trip_on_whichever_is_reached_first() {
    let none = Thresholds::default();
    for (stored, count, trips) in [
        (10_000, 50, false),
        (10_000, 51, true),
        (1_000, 50, false),
        (1_000, 51, true),
        (500, 25, false),
        (500, 26, true),
        (499, 24, false),
        (499, 25, true),
        (10, 0, false),
        (10, 1, true),
        (20, 1, false),
        (0, 0, false),
    ] {
        assert_eq!(!tripped(deleted(stored, count), &none).is_empty(), trips, "{count} of {stored}");
    }
}

#[test]
fn all_else_needs_both() {
    let none = Thresholds::default();
    for (stored, count, trips) in [
        (50, 20, false),
        (50, 21, true),
        (100, 20, false),
        (100, 21, true),
        (1_000, 200, false),
        (1_000, 201, true),
        (1_000, 21, false),
    ] {
        assert_eq!(!tripped(updated(stored, count), &none).is_empty(), trips, "{count} of {stored}");
    }
}

#[test]
fn a_first_load_inserts_freely() {
    let counts = ChangeCounts { inserted: 8_615, links_added: 30_000, ..ChangeCounts::default() };
    assert!(tripped(counts, &Thresholds::default()).is_empty());
    let strict = Limit { count: 1, percent: 1 };
    let thresholds = Thresholds { inserted: Some(strict), links_added: Some(strict), ..Thresholds::default() };
    assert!(tripped(counts, &thresholds).is_empty());
    assert!(!tripped(ChangeCounts { stored: 1, ..counts }, &thresholds).is_empty());
}

#[test]
fn what_is_configured_replaces_the_default() {
    let thresholds = |count, percent| Thresholds { deleted: Some(Limit { count, percent }), ..Thresholds::default() };
    for (limit, stored, count, trips) in [
        ((0, 0), 100, 100, false),
        ((10, 0), 1_000, 10, false),
        ((10, 0), 1_000, 11, true),
        ((0, 50), 100, 50, false),
        ((0, 50), 100, 51, true),
        ((10, 50), 10, 6, true),
        ((200, 0), 1_000, 120, false),
    ] {
        let trips_now = !tripped(deleted(stored, count), &thresholds(limit.0, limit.1)).is_empty();
        assert_eq!(trips_now, trips, "{limit:?}: {count} of {stored}");
    }
}

#[test]
fn a_trip_says_what_was_counted_and_what_the_limit_is() {
    let counts = ChangeCounts {
        stored: 500,
        inserted: 101,
        updated: 400,
        deleted: 26,
        links_stored: 1_000,
        links_added: 300,
        links_removed: 201,
        privileged_granted: 11,
    };
    assert_eq!(
        tripped(counts, &Thresholds::default()),
        [
            "101 would be added; the limit is 20 % of 500 (100) and at least 20",
            "400 would be changed; the limit is 20 % of 500 (100) and at least 20",
            "26 would be deleted or disabled; the limit is 5 % of 500 (25)",
            "300 memberships would be added; the limit is 20 % of 1000 (200) and at least 20",
            "201 memberships would be removed; the limit is 20 % of 1000 (200) and at least 20",
            "11 privileged entitlements would be granted; the limit is 10",
        ]
    );
    assert_eq!(
        tripped(deleted(9_000, 51), &Thresholds::default()),
        ["51 would be deleted or disabled; the limit is 50"]
    );
}

fn limit() -> impl Strategy<Value = Option<Limit>> {
    prop::option::of((0..60_u64, 0..=100_u8).prop_map(|(count, percent)| Limit { count, percent }))
}

/// The rule as one would say it, in fractions: a limit of zero is off; what is configured stops on either, deletions
/// without a configuration too, and all else only beyond both.
fn is_beyond(counted: u64, stored: u64, configured: Option<Limit>, deletes: bool) -> bool {
    let share = |percent: u8| percent > 0 && counted * 100 > stored * u64::from(percent);
    match configured {
        Some(Limit { count, percent }) => count > 0 && counted > count || share(percent),
        None if deletes => counted > 50 || share(5),
        None => counted > 20 && share(20),
    }
}

/// About half of what the worlds hold.
fn is_privileged(entitlement: &str) -> bool {
    entitlement.bytes().map(u32::from).sum::<u32>() % 2 == 0
}

proptest! {
    #![proptest_config(crate::worlds::cases())]

    /// Whatever passes is within every limit, and whatever is within them passes.
    #[test]
    fn what_passes_is_what_the_limits_allow(
        (stored, links_stored) in (0..2_000_u64, 0..2_000_u64),
        (inserted, updated, deleted) in (0..400_u64, 0..400_u64, 0..400_u64),
        (links_added, links_removed) in (0..400_u64, 0..400_u64),
        limits in (limit(), limit(), limit(), limit(), limit()),
    ) {
        let counts =
            ChangeCounts { stored, inserted, updated, deleted, links_stored, links_added, links_removed, privileged_granted: 0 };
        let thresholds = Thresholds {
            inserted: limits.0, updated: limits.1, deleted: limits.2, links_added: limits.3, links_removed: limits.4,
            ..Thresholds::default()
        };
        let expected = [
            stored > 0 && is_beyond(inserted, stored, limits.0, false),
            is_beyond(updated, stored, limits.1, false),
            is_beyond(deleted, stored, limits.2, true),
            links_stored > 0 && is_beyond(links_added, links_stored, limits.3, false),
            is_beyond(links_removed, links_stored, limits.4, false),
        ];
        let tripped = check(&counts, &thresholds, &Defaults::STANDARD);
        for (what, expected) in Change::ALL.into_iter().zip(expected) {
            prop_assert_eq!(tripped.iter().any(|trip| trip.what == what), expected, "{:?}", what);
        }
    }

    /// Plans are counted alike in whatever order they come and however they are dealt to those who make them: no
    /// interleaving slips anything past a limit.
    #[test]
    fn no_interleaving_of_plans_changes_what_is_counted(
        worlds in prop::collection::vec(world(), 1..6),
        order in any::<u64>(),
    ) {
        let plans: Vec<Plan> = worlds
            .iter()
            .map(|world| compile(&world.desired, &world.accounts, &[], &mut world.taken.clone()))
            .collect();
        let whole = planned(&plans, is_privileged);
        let mut shuffled: Vec<&Plan> = plans.iter().collect();
        shuffled.sort_by_key(|plan| (plan.requests.len() as u64).wrapping_mul(order | 1).rotate_left(17));
        prop_assert_eq!(&planned(shuffled.iter().copied(), is_privileged), &whole);
        let (some, others) = shuffled.split_at(shuffled.len() / 2);
        let mut dealt = planned(some.iter().copied(), is_privileged);
        for (account_type, counts) in planned(others.iter().copied(), is_privileged) {
            let sum = dealt.entry(account_type).or_default();
            sum.inserted += counts.inserted;
            sum.updated += counts.updated;
            sum.deleted += counts.deleted;
            sum.links_added += counts.links_added;
            sum.links_removed += counts.links_removed;
            sum.privileged_granted += counts.privileged_granted;
        }
        prop_assert_eq!(&dealt, &whole);
        let removals = plans.iter().flat_map(|plan| &plan.requests).filter(|request| request.operation.removes());
        let removals = removals.filter(|request| request.error.is_none()).count() as u64;
        prop_assert_eq!(whole.values().map(|counts| counts.deleted).sum::<u64>(), removals);
    }
}

fn configuration(text: &str) -> Configuration {
    let mut configuration = crate::worlds::configuration();
    let more: serde_json::Value = serde_json::from_str(text).unwrap();
    for (path, thresholds) in more.as_object().unwrap() {
        let thresholds: Thresholds = serde_json::from_value(thresholds.clone()).unwrap();
        match path.split_once('/') {
            Some(("type", name)) => configuration.account_types.get_mut(name).unwrap().thresholds = thresholds,
            Some((_, name)) => configuration.applications.get_mut(name).unwrap().thresholds = thresholds,
            None => configuration.organisation.thresholds = thresholds,
        }
    }
    configuration
}

fn ordered(now: &[(&str, ChangeCounts)], earlier: &[(&str, ChangeCounts)]) -> Ordered {
    let map = |rows: &[(&str, ChangeCounts)]| rows.iter().map(|(name, counts)| ((*name).to_owned(), *counts)).collect();
    Ordered { now: map(now), within_the_hour: map(earlier) }
}

#[test]
fn every_scope_is_checked_alone_and_with_the_hour() {
    let told = |ordered: &Ordered, text: &str| -> Vec<String> {
        let (trips, second) = ordered.check(&configuration(text));
        let mark = if second { " (second person)" } else { "" };
        trips.iter().map(|trip| format!("{}: {} of {}{mark}", trip.scope, trip.counted, trip.limit)).collect()
    };
    let person = deleted(1_000, 30);
    let admin = deleted(1_000, 30);
    let both = ordered(&[("person", person), ("admin", admin)], &[]);
    assert_eq!(told(&both, "{}"), [""; 0]);
    assert_eq!(
        told(&both, r#"{ "application/directory": { "deleted": { "count": 50 }, "second_person": true } }"#),
        ["application \u{201c}Directory\u{201d}: 60 of 50 (second person)"]
    );
    assert_eq!(told(&both, r#"{ "run": { "deleted": { "percent": 2 } } }"#), ["the whole run: 60 of 2 % of 2000 (40)"]);
    let later = ordered(&[("person", person)], &[("person", deleted(0, 25)), ("admin", admin)]);
    assert_eq!(told(&later, "{}"), ["account type \u{201c}Person\u{201d}, within an hour: 55 of 50"]);
    let idle = ordered(&[("person", deleted(1_000, 0))], &[("person", deleted(0, 500))]);
    assert_eq!(told(&idle, "{}"), [""; 0], "who deletes nothing is not held up");
    assert_eq!(told(&later, r#"{ "type/person": { "deleted": "off" } }"#), [""; 0]);
}

#[test]
fn a_first_load_uses_up_nothing_of_the_hour() {
    let load = ChangeCounts { inserted: 500, links_added: 900, privileged_granted: 40, ..ChangeCounts::default() };
    let first = ordered(&[("person", load)], &[]);
    assert_eq!(first.used()["person"], ChangeCounts::default());
    // Accounts that were found hold nothing yet: their first memberships are a first load as well.
    let found = ordered(&[("person", ChangeCounts { stored: 400, links_added: 900, ..ChangeCounts::default() })], &[]);
    assert_eq!(found.used()["person"].links_added, 0);
    assert_eq!(found.check(&configuration("{}")).0, []);
    let strict = r#"{ "run": { "inserted": { "count": 1 } } }"#;
    assert_eq!(first.check(&configuration(strict)).0, []);
    // Beside an application that is loaded for the first time, others keep their limits.
    let beside = ordered(&[("person", load), ("payroll", ChangeCounts { stored: 5, inserted: 2, ..load })], &[]);
    assert_eq!(beside.check(&configuration(strict)).0.iter().filter(|trip| trip.scope == "the whole run").count(), 1);
}

#[test]
fn privileged_grants_have_a_limit_of_their_own() {
    let granted = |stored, privileged_granted| ChangeCounts { stored, privileged_granted, ..ChangeCounts::default() };
    let none = Thresholds::default();
    for (stored, count, trips) in [
        (10, 5, false),
        (10, 6, true),
        (19, 6, true),
        (20, 0, false),
        (20, 1, true),
        (100, 2, false),
        (100, 3, true),
        (5_000, 10, false),
        (5_000, 11, true),
        (0, 50, false),
    ] {
        assert_eq!(!tripped(granted(stored, count), &none).is_empty(), trips, "{count} of {stored}");
    }
}

#[test]
fn a_feed_that_shrinks_or_empties_is_stopped() {
    let none = Thresholds::default();
    let feed = |stored, rows, empty: &[(&str, u64, u64)]| FeedSize {
        stored,
        rows,
        empty: empty.iter().map(|(name, before, now)| ((*name).to_owned(), (*before, *now))).collect(),
    };
    let told = |size: &FeedSize, thresholds: &Thresholds| {
        let trips = check_feed(size, "source `hr`", thresholds);
        trips.iter().map(|trip| format!("{} {}; {}", trip.counted, trip.what, trip.limit)).collect::<Vec<_>>()
    };
    assert_eq!(told(&feed(100, 90, &[]), &none), [""; 0]);
    assert_eq!(told(&feed(100, 89, &[]), &none), ["11 rows fewer than people on record; 10 % of 100 (10)"]);
    assert_eq!(told(&feed(19, 1, &[]), &none), [""; 0]);
    assert_eq!(told(&feed(100, 100, &[("site", 10, 30)]), &none), [""; 0]);
    assert_eq!(
        told(&feed(100, 100, &[("site", 10, 31), ("title", 0, 5)]), &none),
        ["21 points more of \u{201c}site\u{201d} would be empty; 20 points"]
    );
    let off = Thresholds { rows_lost: Some(Limit::OFF), values_lost: Some(Limit::OFF), ..none };
    assert_eq!(told(&feed(100, 1, &[("site", 0, 1)]), &off), [""; 0]);
}

#[test]
fn off_is_said_and_nothing_else_is() {
    let read = |text: &str| serde_json::from_str::<Thresholds>(text).map_err(|error| error.to_string());
    assert_eq!(read(r#"{ "deleted": "off" }"#).unwrap().deleted, Some(Limit::OFF));
    assert_eq!(read(r#"{ "deleted": { "percent": 5 } }"#).unwrap().deleted, Some(Limit { count: 0, percent: 5 }));
    assert!(read(r#"{ "deleted": { "percent": 0 } }"#).unwrap_err().contains("write \"off\""));
    assert!(read(r#"{ "deleted": "none" }"#).unwrap_err().contains("`none` is no limit"));
    assert!(read(r#"{ "deleted": { "percents": 5 } }"#).unwrap_err().contains("expected \"off\""));
    let both = Thresholds {
        deleted: Some(Limit::OFF),
        updated: Some(Limit { count: 3, percent: 0 }),
        ..Thresholds::default()
    };
    assert_eq!(serde_json::from_value::<Thresholds>(serde_json::to_value(&both).unwrap()).unwrap(), both);
}

#[test]
fn nothing_overflows() {
    let counts = ChangeCounts { stored: u64::MAX, deleted: u64::MAX, ..ChangeCounts::default() };
    assert_eq!(tripped(counts, &Thresholds::default()).len(), 1);
}
