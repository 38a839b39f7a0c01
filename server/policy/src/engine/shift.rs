//! What people hold otherwise under another role model, told from the combinations of rules that hold for them, without their
//! whole answers, with reasons and values, being put together twice.

use jiff::civil::Date;
use model::access::Grantable;
use model::ids::IdentityId;

use super::Engine;
use super::combinations::Shape;
use super::person::Person;
use super::what_if::changed_kinds;
use crate::day::{self, Day};

/// What somebody newly holds, and holds no more, by the numbers that [`Shifts::gained`] and [`Shifts::lost`] name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// Sorted.
    pub gains: Vec<u32>,
    /// Sorted.
    pub losses: Vec<u32>,
}

/// Two engines of the same people, computed on the same day.
pub struct Shifts<'e> {
    before: &'e Engine,
    after: &'e Engine,
    today: Day,
    /// Whether accounts of each type have the same values under both.
    same_values: bool,
    /// What each thing of before is afterwards; none where it is no more.
    then: Vec<Option<u32>>,
}

impl<'e> Shifts<'e> {
    pub fn new(before: &'e Engine, after: &'e Engine, today: Date) -> Self {
        let today = day::number(today);
        let (old, new) = (before.model.on(today), after.model.on(today));
        let same_values = changed_kinds(old, new).is_empty();
        let then = old.grantables.iter().map(|thing| new.position(thing)).collect();
        Self { before, after, today, same_values, then }
    }

    /// What changes for somebody whose accounts, as far as they stay, keep their values. None where that takes both whole
    /// answers: account types changed, or something was given directly, or follows from a lifecycle state, or one of the
    /// engines has not computed the person on the day.
    pub fn of(&self, id: IdentityId) -> Option<Shift> {
        if !self.same_values {
            return None;
        }
        let (had, has) = (self.held(self.before, id)?, self.held(self.after, id)?);
        let then = |thing: &u32| self.then.get(*thing as usize).copied().flatten();
        let mut still: Vec<u32> = had.iter().filter_map(then).collect();
        still.sort_unstable();
        let stays = |thing: &u32| then(thing).is_some_and(|then| has.binary_search(&then).is_ok());
        let gains = has.iter().filter(|thing| still.binary_search(thing).is_err()).copied().collect();
        let losses = had.iter().filter(|thing| !stays(thing)).copied().collect();
        Some(Shift { gains, losses })
    }

    /// What a number among the gains stands for.
    pub fn gained(&self, number: u32) -> &'e Grantable {
        self.after.model.on(self.today).grantable(number)
    }

    /// What a number among the losses stands for.
    pub fn lost(&self, number: u32) -> &'e Grantable {
        self.before.model.on(self.today).grantable(number)
    }

    /// What is held of somebody of whom the combination tells everything but the values of accounts, which are the same under
    /// both; sorted.
    fn held(&self, engine: &Engine, id: IdentityId) -> Option<Vec<u32>> {
        let person = engine.person(id)?;
        let is_current = engine.day == Some(self.today)
            && (!engine.model.has_seasons() || engine.season == Some(engine.model.season(self.today)));
        let is_told = person.digest.is_some() && person.grants.is_empty() && person.life.is_none();
        if !is_current || !is_told || !self.has_contexts_of_its_own(person) {
            return None;
        }
        let number = person.set?;
        let combination = engine.combinations.get(number)?;
        let mut held: Vec<u32> = match &combination.shape {
            Shape::Plain(plain) | Shape::Reduced(plain, _) => plain.given_from(0).collect(),
            Shape::Full => combination.full(engine.model.on(self.today), number)?.held_from(0).collect(),
        };
        held.sort_unstable();
        Some(held)
    }

    /// Which contexts decide on values does not depend on rules then.
    fn has_contexts_of_its_own(&self, person: &Person) -> bool {
        person.contexts.is_empty() || person.contexts.iter().any(|row| day::holds(row.bounds, self.today))
    }
}
