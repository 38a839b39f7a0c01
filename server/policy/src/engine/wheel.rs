//! The days on which something opens or closes for somebody, so that a new day is a small change and not a scan.
//!
//! For each context the wheel holds the days on which it starts and ends itself, and those on which it does as widened by
//! the days before and after that some rule has; and the first and last days of what was given directly. That a day stands
//! here means that an answer may change then. Days on which a lifecycle state goes on are kept beside them: they are known
//! once somebody was evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use roaring::RoaringBitmap;

use crate::model::RoleModel;

use super::person::Person;
use crate::day::{self, ALWAYS, Day, NEVER};

pub(super) struct Wheel {
    before: Vec<i32>,
    after: Vec<i32>,
    days: BTreeMap<Day, RoaringBitmap>,
    /// Days on which a lifecycle state goes on.
    advances: BTreeMap<Day, RoaringBitmap>,
    /// Whose state began on whatever day is asked about.
    floating: RoaringBitmap,
}

impl Wheel {
    pub(super) fn new(model: &RoleModel) -> Self {
        let before: BTreeSet<i32> = model.rules.iter().map(|rule| rule.days_before).chain([0]).collect();
        let after: BTreeSet<i32> = model.rules.iter().map(|rule| rule.days_after).chain([0]).collect();
        Self {
            before: before.into_iter().collect(),
            after: after.into_iter().collect(),
            days: BTreeMap::new(),
            advances: BTreeMap::new(),
            floating: RoaringBitmap::new(),
        }
    }

    pub(super) fn insert(&mut self, slot: u32, person: &Person) {
        for day in self.days_of(person) {
            self.days.entry(day).or_default().insert(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: u32, person: &Person) {
        for day in self.days_of(person) {
            leave(&mut self.days, day, slot);
        }
    }

    /// The days on which somebody's state goes on are others now.
    pub(super) fn follow(&mut self, slot: u32, before: &BTreeSet<Day>, now: &BTreeSet<Day>, floats: bool) {
        for day in before.difference(now) {
            leave(&mut self.advances, *day, slot);
        }
        for day in now.difference(before) {
            self.advances.entry(*day).or_default().insert(slot);
        }
        if floats {
            self.floating.insert(slot);
        } else {
            self.floating.remove(slot);
        }
    }

    /// Whose answers may differ between two days, whichever is the later one.
    pub(super) fn between(&self, one: Day, other: Day) -> RoaringBitmap {
        let (after, until) = (one.min(other), one.max(other));
        let mut slots = if one == other { RoaringBitmap::new() } else { self.floating.clone() };
        for days in [&self.days, &self.advances] {
            days.range((Bound::Excluded(after), Bound::Included(until.max(after)))).for_each(|(_, day)| slots |= day);
        }
        slots
    }

    pub(super) fn next(&self, after: Day) -> Option<Day> {
        let next = |days: &BTreeMap<Day, RoaringBitmap>| {
            days.range((Bound::Excluded(after), Bound::Unbounded)).next().map(|(day, _)| *day)
        };
        next(&self.days).into_iter().chain(next(&self.advances)).min()
    }

    /// The days on which a period of somebody opens or closes.
    pub(super) fn days_of(&self, person: &Person) -> BTreeSet<Day> {
        let mut days = BTreeSet::new();
        if person.present {
            for row in &person.contexts {
                days.extend(self.before.iter().map(|before| day::widened(row.bounds, *before, 0).0));
                days.extend(self.after.iter().map(|after| day::widened(row.bounds, 0, *after).1));
            }
            days.extend(person.grants.iter().flat_map(|grant| [grant.bounds.0, grant.bounds.1]));
            days.remove(&ALWAYS);
            days.remove(&NEVER);
        }
        days
    }
}

fn leave(days: &mut BTreeMap<Day, RoaringBitmap>, day: Day, slot: u32) {
    if let Some(slots) = days.get_mut(&day) {
        slots.remove(slot);
        if slots.is_empty() {
            days.remove(&day);
        }
    }
}
