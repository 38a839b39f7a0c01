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

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::block::TripView;
use model::configuration::{Configuration, Limit, Thresholds};
use model::feed::ChangeCounts;
use model::plan::{ItemKind, ItemOperation, Operation, Plan, RequestPart};

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
            // The account is counted once, with its other part.
            _ if request.part == RequestPart::Entitlements => {}
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

/// Adds what more plans would change.
pub fn join(counts: &mut BTreeMap<String, ChangeCounts>, more: BTreeMap<String, ChangeCounts>) {
    for (account_type, more) in more {
        add(counts.entry(account_type).or_default(), &more);
    }
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
