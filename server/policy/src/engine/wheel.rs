//! The days on which something opens or closes for somebody, so that a new day is a small change and not a scan.
//!
//! For each context the wheel holds the days on which it starts and ends itself, and those on which it does as widened by
//! the days before and after that some rule has; and the first and last days of what was given directly. That a day stands here means that an answer may change then.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use roaring::RoaringBitmap;

use crate::model::RoleModel;

use super::day::{self, ALWAYS, Day, NEVER};
use super::person::Person;

pub(super) struct Wheel {
    before: Vec<i32>,
    after: Vec<i32>,
    days: BTreeMap<Day, RoaringBitmap>,
}

impl Wheel {
    pub(super) fn new(model: &RoleModel) -> Self {
        let before: BTreeSet<i32> = model.rules.iter().map(|rule| rule.days_before).chain([0]).collect();
        let after: BTreeSet<i32> = model.rules.iter().map(|rule| rule.days_after).chain([0]).collect();
        Self { before: before.into_iter().collect(), after: after.into_iter().collect(), days: BTreeMap::new() }
    }

    pub(super) fn insert(&mut self, slot: u32, person: &Person) {
        for day in self.days_of(person) {
            self.days.entry(day).or_default().insert(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: u32, person: &Person) {
        for day in self.days_of(person) {
            if let Some(slots) = self.days.get_mut(&day) {
                slots.remove(slot);
                if slots.is_empty() {
                    self.days.remove(&day);
                }
            }
        }
    }

    /// Whose answers may differ between two days, whichever is the later one.
    pub(super) fn between(&self, one: Day, other: Day) -> RoaringBitmap {
        let (after, until) = (one.min(other), one.max(other));
        let mut slots = RoaringBitmap::new();
        self.days.range((Bound::Excluded(after), Bound::Included(until.max(after)))).for_each(|(_, day)| slots |= day);
        slots
    }

    pub(super) fn next(&self, after: Day) -> Option<Day> {
        self.days.range((Bound::Excluded(after), Bound::Unbounded)).next().map(|(day, _)| *day)
    }

    fn days_of(&self, person: &Person) -> BTreeSet<Day> {
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
