//! Limits on what one run may change. A mistake in a feed or a rule shows as a change of unusual size, and what it would
//! do is done in minutes; so sizes are checked on the finished difference, before the first effect.
//!
//! A run has to *exceed* a limit to be stopped. A limit that the configuration gives replaces the default: exceeding
//! either its count or its percentage stops the run. What the configuration does not give has a default: deletions 5 %
//! or 50, whichever is reached first; privileged grants 2 % or 10 (5 where there are fewer than 20 accounts); all else
//! 20 % and at least 20, both exceeded.
//!
//! Orders are counted for each account type, for each application and for the whole run, each alone and together with
//! what earlier runs ordered within the hour. Account types have the defaults; applications and runs have the limits
//! that are configured. What a first load orders, and what a person approved, uses up nothing of the hour.
//!
//! This leaves out what an approval is: [`crate::approval`].

use std::collections::BTreeMap;

use model::block::TripView;
use model::configuration::{Configuration, Limit, Thresholds};
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
    PrivilegedGranted,
}

impl Change {
    pub const ALL: [Self; 6] =
        [Self::Inserted, Self::Updated, Self::Deleted, Self::LinksAdded, Self::LinksRemoved, Self::PrivilegedGranted];

    /// Name of the setting, as in a configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::LinksAdded => "links_added",
            Self::LinksRemoved => "links_removed",
            Self::PrivilegedGranted => "privileged_granted",
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
            Self::PrivilegedGranted => "privileged entitlements would be granted",
        }
    }

    /// The setting for it.
    pub fn limit(self, thresholds: &Thresholds) -> Option<Limit> {
        match self {
            Self::Inserted => thresholds.inserted,
            Self::Updated => thresholds.updated,
            Self::Deleted => thresholds.deleted,
            Self::LinksAdded => thresholds.links_added,
            Self::LinksRemoved => thresholds.links_removed,
            Self::PrivilegedGranted => thresholds.privileged_granted,
        }
    }

    /// How many there are of it.
    pub fn of(self, counts: &ChangeCounts) -> u64 {
        match self {
            Self::Inserted => counts.inserted,
            Self::Updated => counts.updated,
            Self::Deleted => counts.deleted,
            Self::LinksAdded => counts.links_added,
            Self::LinksRemoved => counts.links_removed,
            Self::PrivilegedGranted => counts.privileged_granted,
        }
    }

    /// Sets how many there are of it.
    pub fn put(self, counts: &mut ChangeCounts, number: u64) {
        match self {
            Self::Inserted => counts.inserted = number,
            Self::Updated => counts.updated = number,
            Self::Deleted => counts.deleted = number,
            Self::LinksAdded => counts.links_added = number,
            Self::LinksRemoved => counts.links_removed = number,
            Self::PrivilegedGranted => counts.privileged_granted = number,
        }
    }

    /// What its percentage is of.
    fn base(self, counts: &ChangeCounts) -> u64 {
        match self {
            Self::LinksAdded | Self::LinksRemoved => counts.links_stored,
            Self::Inserted | Self::Updated | Self::Deleted | Self::PrivilegedGranted => counts.stored,
        }
    }

    /// Whether a first load does it freely.
    fn is_gain(self) -> bool {
        matches!(self, Self::Inserted | Self::LinksAdded | Self::PrivilegedGranted)
    }
}

/// What holds where the configuration gives no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultLimit {
    /// Stops when either is exceeded.
    Either(Limit),
    /// Stops when both are exceeded.
    Both(Limit),
    /// Stops when either is exceeded; of fewer than so many, only a count that is smaller.
    EitherOf {
        limit: Limit,
        members: u64,
        below: u64,
    },
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
    pub privileged_granted: DefaultLimit,
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
            privileged_granted: DefaultLimit::EitherOf {
                limit: Limit { count: 10, percent: 2 },
                members: 20,
                below: 5,
            },
        }
    };

    /// Nothing but what is configured.
    pub const NONE: Self = Self {
        inserted: DefaultLimit::Off,
        updated: DefaultLimit::Off,
        deleted: DefaultLimit::Off,
        links_added: DefaultLimit::Off,
        links_removed: DefaultLimit::Off,
        privileged_granted: DefaultLimit::Off,
    };

    fn of(&self, change: Change) -> DefaultLimit {
        match change {
            Change::Inserted => self.inserted,
            Change::Updated => self.updated,
            Change::Deleted => self.deleted,
            Change::LinksAdded => self.links_added,
            Change::LinksRemoved => self.links_removed,
            Change::PrivilegedGranted => self.privileged_granted,
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

impl Trip {
    pub fn view(&self, scope: String) -> TripView {
        TripView { scope, what: self.what.words().to_owned(), counted: self.counted, limit: self.limit.clone() }
    }
}

/// Every limit that these changes exceed; none when the run may go on. A first load (nothing stored) inserts freely.
pub fn check(counts: &ChangeCounts, thresholds: &Thresholds, defaults: &Defaults) -> Vec<Trip> {
    Change::ALL.into_iter().filter_map(|what| trip(what, counts, thresholds, defaults)).collect()
}

/// A limit as it is in force, in words; none where nothing limits it.
pub fn in_force(what: Change, counts: &ChangeCounts, thresholds: &Thresholds, defaults: &Defaults) -> Option<String> {
    let base = what.base(counts);
    match what.limit(thresholds).map_or(defaults.of(what), DefaultLimit::Either) {
        DefaultLimit::Off => None,
        DefaultLimit::Either(limit) if limit.is_off() => None,
        DefaultLimit::Either(limit) => Some(match (limit.count, limit.percent) {
            (count, 0) => count.to_string(),
            (0, _) => percentage(base, limit),
            (count, _) => format!("{count}, or {}, whichever is reached first", percentage(base, limit)),
        }),
        DefaultLimit::Both(limit) => Some(format!("{} and at least {}", percentage(base, limit), limit.count)),
        DefaultLimit::EitherOf { members, below, .. } if base < members => Some(below.to_string()),
        DefaultLimit::EitherOf { limit, .. } => {
            Some(format!("{}, or {}, whichever is reached first", limit.count, percentage(base, limit)))
        }
    }
}

/// What a plan would change, and what was changed within the hour before, by account type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ordered {
    /// With what is stored.
    pub now: BTreeMap<String, ChangeCounts>,
    pub within_the_hour: BTreeMap<String, ChangeCounts>,
}

impl Ordered {
    /// Every limit that is exceeded, by account type, application and run, and whether one of them asks for a second
    /// person.
    pub fn check(&self, configuration: &Configuration) -> (Vec<TripView>, bool) {
        let mut found = Found::default();
        let (mut by_application, mut all) = (BTreeMap::<&str, [ChangeCounts; 2]>::new(), [ChangeCounts::default(); 2]);
        for (name, counts) in &self.now {
            let Some(kind) = configuration.account_types.get(name) else { continue };
            let now = liable(counts);
            let earlier = self.within_the_hour.get(name).copied().unwrap_or_default();
            let scope = format!("account type \u{201c}{}\u{201d}", kind.display_name);
            found.scope(&scope, &now, &earlier, &kind.thresholds, &Defaults::STANDARD);
            for sums in [by_application.entry(&kind.application).or_default(), &mut all] {
                let [sum_now, sum_earlier] = sums;
                add(sum_now, &now);
                add(sum_earlier, &earlier);
            }
        }
        for (name, [now, earlier]) in by_application {
            let Some(application) = configuration.applications.get(name) else { continue };
            let scope = format!("application \u{201c}{}\u{201d}", application.display_name);
            found.scope(&scope, &now, &earlier, &application.thresholds, &Defaults::NONE);
        }
        let [now, earlier] = all;
        found.scope("the whole run", &now, &earlier, &configuration.organisation.thresholds, &Defaults::NONE);
        (found.trips, found.second_person)
    }

    /// What this uses up of the hour, by account type.
    pub fn used(&self) -> BTreeMap<String, ChangeCounts> {
        self.now.iter().map(|(name, counts)| (name.clone(), liable(counts))).collect()
    }
}

#[derive(Default)]
struct Found {
    trips: Vec<TripView>,
    second_person: bool,
}

impl Found {
    fn scope(
        &mut self,
        scope: &str,
        now: &ChangeCounts,
        earlier: &ChangeCounts,
        thresholds: &Thresholds,
        defaults: &Defaults,
    ) {
        let before = self.trips.len();
        let alone = check(now, thresholds, defaults);
        let mut together = *now;
        for what in Change::ALL {
            // Who does nothing of it is not held up by what others did.
            if what.of(now) > 0 {
                what.put(&mut together, what.of(now).saturating_add(what.of(earlier)));
            }
        }
        let is_alone = |trip: &Trip| alone.iter().any(|other| other.what == trip.what);
        let hour =
            check(&together, thresholds, defaults).into_iter().filter(|trip| !is_alone(trip)).collect::<Vec<_>>();
        self.trips.extend(alone.iter().map(|trip| trip.view(scope.to_owned())));
        self.trips.extend(hour.iter().map(|trip| trip.view(format!("{scope}, within an hour"))));
        self.second_person |= thresholds.second_person && self.trips.len() > before;
    }
}

/// What limits apply to: a first load gains freely, of accounts where there are none, of memberships where nobody holds any.
fn liable(counts: &ChangeCounts) -> ChangeCounts {
    let mut liable = *counts;
    let free = |what: &Change| what.is_gain() && (counts.stored == 0 || what.base(counts) == 0);
    Change::ALL.into_iter().filter(free).for_each(|what| what.put(&mut liable, 0));
    liable
}

fn add(sum: &mut ChangeCounts, counts: &ChangeCounts) {
    sum.stored += counts.stored;
    sum.links_stored += counts.links_stored;
    Change::ALL.into_iter().for_each(|what| what.put(sum, what.of(sum).saturating_add(what.of(counts))));
}

/// A feed beside what is on record of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedSize {
    /// People on record, and rows read.
    pub stored: u64,
    pub rows: u64,
    /// Attribute → how many on record have no value, and how many rows.
    pub empty: BTreeMap<String, (u64, u64)>,
}

/// Fewer than so many tell nothing about shares.
const MEMBERS_FOR_SHARES: u64 = 20;
const ROWS_LOST: Limit = Limit { count: 0, percent: 10 };
const VALUES_LOST: Limit = Limit { count: 0, percent: 20 };

/// What of a feed looks like a broken one, whatever its rows say. Of 20 people or more.
pub fn check_feed(size: &FeedSize, scope: &str, thresholds: &Thresholds) -> Vec<TripView> {
    if size.stored < MEMBERS_FOR_SHARES {
        return Vec::new();
    }
    let trip = |what: String, counted, limit| TripView { scope: scope.to_owned(), what, counted, limit };
    let mut trips = Vec::new();
    let (lost, limit) = (size.stored.saturating_sub(size.rows), thresholds.rows_lost.unwrap_or(ROWS_LOST));
    if exceeds_count(lost, limit) {
        trips.push(trip("rows fewer than people on record".to_owned(), lost, limit.count.to_string()));
    } else if exceeds_percent(lost, size.stored, limit) {
        trips.push(trip("rows fewer than people on record".to_owned(), lost, percentage(size.stored, limit)));
    }
    let limit = u64::from(thresholds.values_lost.unwrap_or(VALUES_LOST).percent);
    for (attribute, (before, now)) in &size.empty {
        let points = (now * 100).div_ceil(size.rows.max(1)).saturating_sub(before * 100 / size.stored);
        if limit > 0 && *now * 100 * size.stored > (before * 100 + limit * size.stored) * size.rows {
            let what = format!("points more of \u{201c}{attribute}\u{201d} would be empty");
            trips.push(trip(what, points, format!("{limit} points")));
        }
    }
    trips
}

/// Counts what plans would change, by account type. The caller fills in what is stored.
pub fn planned<'a>(
    plans: impl IntoIterator<Item = &'a Plan>,
    is_privileged: impl Fn(&str) -> bool,
) -> BTreeMap<String, ChangeCounts> {
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
                ItemOperation::Add | ItemOperation::Set => {
                    counts.links_added += 1;
                    counts.privileged_granted += u64::from(item.entitlement.as_deref().is_some_and(&is_privileged));
                }
                ItemOperation::Remove => counts.links_removed += 1,
            }
        }
    }
    counts
}

fn trip(what: Change, counts: &ChangeCounts, thresholds: &Thresholds, defaults: &Defaults) -> Option<Trip> {
    let (counted, stored, explicit) = (what.of(counts), what.base(counts), what.limit(thresholds));
    if stored == 0 && what.is_gain() {
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
        DefaultLimit::EitherOf { members, below, .. } if stored < members => {
            if counted <= below {
                return None;
            }
            below.to_string()
        }
        DefaultLimit::EitherOf { limit, .. } => {
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
        let map =
            |rows: &[(&str, ChangeCounts)]| rows.iter().map(|(name, counts)| ((*name).to_owned(), *counts)).collect();
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
        assert_eq!(
            told(&both, r#"{ "run": { "deleted": { "percent": 2 } } }"#),
            ["the whole run: 60 of 2 % of 2000 (40)"]
        );
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
        let found =
            ordered(&[("person", ChangeCounts { stored: 400, links_added: 900, ..ChangeCounts::default() })], &[]);
        assert_eq!(found.used()["person"].links_added, 0);
        assert_eq!(found.check(&configuration("{}")).0, []);
        let strict = r#"{ "run": { "inserted": { "count": 1 } } }"#;
        assert_eq!(first.check(&configuration(strict)).0, []);
        // Beside an application that is loaded for the first time, others keep their limits.
        let beside = ordered(&[("person", load), ("payroll", ChangeCounts { stored: 5, inserted: 2, ..load })], &[]);
        assert_eq!(
            beside.check(&configuration(strict)).0.iter().filter(|trip| trip.scope == "the whole run").count(),
            1
        );
    }

    #[test]
    fn privileged_grants_have_a_limit_of_their_own() {
        let granted =
            |stored, privileged_granted| ChangeCounts { stored, privileged_granted, ..ChangeCounts::default() };
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
}
