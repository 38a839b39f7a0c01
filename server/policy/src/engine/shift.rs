//! What people hold otherwise under another role model, told from the combinations of rules that hold for them: people share
//! those, so most are told without their whole answer, with its reasons and values, being put together twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use jiff::civil::Date;
use model::access::Grantable;
use model::ids::IdentityId;

use super::Engine;
use super::person::Person;
use super::sets::AccessSet;
use super::what_if::changed_kinds;
use crate::day::{self, Day};

/// What people newly hold, and hold no more.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Sorted.
    pub gains: Vec<Grantable>,
    /// Sorted.
    pub losses: Vec<Grantable>,
}

/// Two engines of the same people, computed on the same day.
pub struct Shifts<'e> {
    before: &'e Engine,
    after: &'e Engine,
    today: Day,
    /// Whether accounts of each type have the same values under both.
    same_values: bool,
    /// By the combination before and after.
    known: HashMap<(u32, u32), Arc<Shift>>,
}

impl<'e> Shifts<'e> {
    pub fn new(before: &'e Engine, after: &'e Engine, today: Date) -> Self {
        let today = day::number(today);
        let same_values = changed_kinds(before.model.on(today), after.model.on(today)).is_empty();
        Self { before, after, today, same_values, known: HashMap::new() }
    }

    /// What changes for somebody whose accounts, as far as they stay, keep their values. None where that takes both whole
    /// answers: account types changed, or something was given directly, or follows from a lifecycle state, or neither engine
    /// has computed the person on the day.
    pub fn of(&mut self, id: IdentityId) -> Option<Arc<Shift>> {
        if !self.same_values {
            return None;
        }
        let (old, new) = (self.combination(self.before, id)?, self.combination(self.after, id)?);
        if let Some(known) = self.known.get(&(old, new)) {
            return Some(Arc::clone(known));
        }
        let (had, has) = (self.held(self.before, old)?, self.held(self.after, new)?);
        let only = |these: &BTreeSet<&Grantable>, others: &BTreeSet<&Grantable>| -> Vec<Grantable> {
            these.difference(others).map(|thing| (*thing).clone()).collect()
        };
        let shift = Arc::new(Shift { gains: only(&has, &had), losses: only(&had, &has) });
        self.known.insert((old, new), Arc::clone(&shift));
        Some(shift)
    }

    /// The combination of somebody of whom it tells everything but the values of accounts, which are the same under both.
    fn combination(&self, engine: &Engine, id: IdentityId) -> Option<u32> {
        let person = engine.person(id)?;
        let is_current = engine.day == Some(self.today)
            && (!engine.model.has_seasons() || engine.season == Some(engine.model.season(self.today)));
        let is_told = person.digest.is_some() && person.grants.is_empty() && person.life.is_none();
        person.set.filter(|_| is_current && is_told && self.has_contexts_of_its_own(person))
    }

    /// Which contexts decide on values does not depend on rules then.
    fn has_contexts_of_its_own(&self, person: &Person) -> bool {
        person.contexts.is_empty() || person.contexts.iter().any(|row| day::holds(row.bounds, self.today))
    }

    fn held<'a>(&self, engine: &'a Engine, combination: u32) -> Option<BTreeSet<&'a Grantable>> {
        let model = engine.model.on(self.today);
        let set = AccessSet::new(model, &engine.combinations.get(combination)?.pairs);
        let held = set.assignments.iter().filter(|assignment| assignment.state.grants());
        Some(held.map(|assignment| model.grantable(assignment.grantable)).collect())
    }
}
