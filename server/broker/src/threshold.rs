//! Limits on what one run may change. A mistake in a feed or a rule shows as a change of unusual size, and what it would
//! do is done in minutes; so sizes are checked on the finished difference, before the first effect.
//!
//! A run has to *exceed* a limit to be stopped. A limit that the configuration gives replaces the default: exceeding
//! either its count or its percentage stops the run, and zero is off. What the configuration does not give has a
//! default: deletions 5 % or 50, whichever is reached first; all else 20 % and at least 20, both exceeded.

use std::collections::BTreeMap;

use model::configuration::{Limit, Thresholds};
use model::feed::ChangeCounts;
use model::plan::{ItemKind, ItemOperation, Operation, Plan};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    Inserted,
    Updated,
    Deleted,
    LinksAdded,
    LinksRemoved,
}

impl Change {
    pub const ALL: [Self; 5] = [Self::Inserted, Self::Updated, Self::Deleted, Self::LinksAdded, Self::LinksRemoved];

    /// Name of the setting, as in a configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::LinksAdded => "links_added",
            Self::LinksRemoved => "links_removed",
        }
    }

    /// As part of a sentence: "60 would be deleted".
    pub fn words(self) -> &'static str {
        match self {
            Self::Inserted => "would be added",
            Self::Updated => "would be changed",
            Self::Deleted => "would be deleted or disabled",
            Self::LinksAdded => "memberships would be added",
            Self::LinksRemoved => "memberships would be removed",
        }
    }
}

/// What holds where the configuration gives no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultLimit {
    /// Stops when either is exceeded.
    Either(Limit),
    /// Stops when both are exceeded.
    Both(Limit),
    Off,
}

/// The defaults, by what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    pub inserted: DefaultLimit,
    pub updated: DefaultLimit,
    pub deleted: DefaultLimit,
    pub links_added: DefaultLimit,
    pub links_removed: DefaultLimit,
}

impl Defaults {
    /// Those of the module's head.
    pub const STANDARD: Self = {
        let others = DefaultLimit::Both(Limit { count: 20, percent: 20 });
        Self {
            inserted: others,
            updated: others,
            deleted: DefaultLimit::Either(Limit { count: 50, percent: 5 }),
            links_added: others,
            links_removed: others,
        }
    };

    fn of(&self, change: Change) -> DefaultLimit {
        match change {
            Change::Inserted => self.inserted,
            Change::Updated => self.updated,
            Change::Deleted => self.deleted,
            Change::LinksAdded => self.links_added,
            Change::LinksRemoved => self.links_removed,
        }
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// A limit that a run would exceed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    pub what: Change,
    pub counted: u64,
    /// What the percentage is of.
    pub stored: u64,
    /// The limit in words: "5 % of 8615 (430)".
    pub limit: String,
}

impl std::fmt::Display for Trip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}; the limit is {}", self.counted, self.what.words(), self.limit)
    }
}

/// Every limit that these changes exceed; none when the run may go on. A first load (nothing stored) inserts freely.
pub fn check(counts: &ChangeCounts, thresholds: &Thresholds, defaults: &Defaults) -> Vec<Trip> {
    Change::ALL.into_iter().filter_map(|what| trip(what, counts, thresholds, defaults)).collect()
}

/// Counts what plans would change, by account type. The caller fills in what is stored.
pub fn planned<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> BTreeMap<String, ChangeCounts> {
    let mut counts: BTreeMap<String, ChangeCounts> = BTreeMap::new();
    for request in plans.into_iter().flat_map(|plan| &plan.requests).filter(|request| request.error.is_none()) {
        if !counts.contains_key(&request.account_type) {
            counts.insert(request.account_type.clone(), ChangeCounts::default());
        }
        let Some(counts) = counts.get_mut(&request.account_type) else { continue };
        match request.operation {
            Operation::Create => counts.inserted += 1,
            Operation::Update | Operation::Enable => counts.updated += 1,
            Operation::Disable | Operation::Delete => counts.deleted += 1,
        }
        for item in request.items.iter().filter(|item| item.kind == ItemKind::Entitlement) {
            match item.operation {
                ItemOperation::Add | ItemOperation::Set => counts.links_added += 1,
                ItemOperation::Remove => counts.links_removed += 1,
            }
        }
    }
    counts
}

fn trip(what: Change, counts: &ChangeCounts, thresholds: &Thresholds, defaults: &Defaults) -> Option<Trip> {
    let (counted, stored, explicit) = match what {
        Change::Inserted => (counts.inserted, counts.stored, thresholds.inserted),
        Change::Updated => (counts.updated, counts.stored, thresholds.updated),
        Change::Deleted => (counts.deleted, counts.stored, thresholds.deleted),
        Change::LinksAdded => (counts.links_added, counts.links_stored, thresholds.links_added),
        Change::LinksRemoved => (counts.links_removed, counts.links_stored, thresholds.links_removed),
    };
    if stored == 0 && matches!(what, Change::Inserted | Change::LinksAdded) {
        return None;
    }
    let rule = explicit.map_or(defaults.of(what), DefaultLimit::Either);
    let limit = match rule {
        DefaultLimit::Off => return None,
        DefaultLimit::Either(limit) => {
            if exceeds_count(counted, limit) {
                limit.count.to_string()
            } else if exceeds_percent(counted, stored, limit) {
                percentage(stored, limit)
            } else {
                return None;
            }
        }
        DefaultLimit::Both(limit) => {
            if !exceeds_count(counted, limit) || !exceeds_percent(counted, stored, limit) {
                return None;
            }
            format!("{} and at least {}", percentage(stored, limit), limit.count)
        }
    };
    Some(Trip { what, counted, stored, limit })
}

fn exceeds_count(counted: u64, limit: Limit) -> bool {
    limit.count > 0 && counted > limit.count
}

fn exceeds_percent(counted: u64, stored: u64, limit: Limit) -> bool {
    limit.percent > 0 && u128::from(counted) * 100 > u128::from(stored) * u128::from(limit.percent)
}

fn percentage(stored: u64, limit: Limit) -> String {
    let whole = u128::from(stored) * u128::from(limit.percent) / 100;
    format!("{} % of {stored} ({whole})", limit.percent)
}

#[cfg(test)]
mod tests {
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
        let thresholds =
            |count, percent| Thresholds { deleted: Some(Limit { count, percent }), ..Thresholds::default() };
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
        };
        assert_eq!(
            tripped(counts, &Thresholds::default()),
            [
                "101 would be added; the limit is 20 % of 500 (100) and at least 20",
                "400 would be changed; the limit is 20 % of 500 (100) and at least 20",
                "26 would be deleted or disabled; the limit is 5 % of 500 (25)",
                "300 memberships would be added; the limit is 20 % of 1000 (200) and at least 20",
                "201 memberships would be removed; the limit is 20 % of 1000 (200) and at least 20",
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
                ChangeCounts { stored, inserted, updated, deleted, links_stored, links_added, links_removed };
            let thresholds = Thresholds {
                inserted: limits.0, updated: limits.1, deleted: limits.2, links_added: limits.3, links_removed: limits.4,
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
            let whole = planned(&plans);
            let mut shuffled: Vec<&Plan> = plans.iter().collect();
            shuffled.sort_by_key(|plan| (plan.requests.len() as u64).wrapping_mul(order | 1).rotate_left(17));
            prop_assert_eq!(&planned(shuffled.iter().copied()), &whole);
            let (some, others) = shuffled.split_at(shuffled.len() / 2);
            let mut dealt = planned(some.iter().copied());
            for (account_type, counts) in planned(others.iter().copied()) {
                let sum = dealt.entry(account_type).or_default();
                sum.inserted += counts.inserted;
                sum.updated += counts.updated;
                sum.deleted += counts.deleted;
                sum.links_added += counts.links_added;
                sum.links_removed += counts.links_removed;
            }
            prop_assert_eq!(&dealt, &whole);
            let removals = plans.iter().flat_map(|plan| &plan.requests).filter(|request| request.operation.removes());
            let removals = removals.filter(|request| request.error.is_none()).count() as u64;
            prop_assert_eq!(whole.values().map(|counts| counts.deleted).sum::<u64>(), removals);
        }
    }

    #[test]
    fn nothing_overflows() {
        let counts = ChangeCounts { stored: u64::MAX, deleted: u64::MAX, ..ChangeCounts::default() };
        assert_eq!(tripped(counts, &Thresholds::default()).len(), 1);
    }
}
