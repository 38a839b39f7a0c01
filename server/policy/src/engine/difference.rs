//! What people should hold, compared with what they do: per person what is to be added and what removed.
//!
//! Entitlements are told by their numbers in the model ([`Engine::entitlement`]), so that texts are touched once when an
//! application is read and not for each comparison. Who holds exactly what they should is found by a hash of it, made when
//! either side last changed. What becomes of a difference is not decided here. The job plans from orders and accounts as well,
//! and so person by person (`broker::plan`); for now it is the benchmark that asks for everybody's difference at once.

use model::access::Grantable;
use model::identity::LifecycleState;
use model::ids::IdentityId;

use super::Engine;
use super::combinations::{Shape, hash_of_held};
use super::person::Person;
use super::sets::AccessSet;
use crate::day::{self, Day};

/// Entitlements that people hold, as read from applications.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    people: Vec<Held>,
    entitlements: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Held {
    identity: IdentityId,
    /// Where its entitlements begin.
    start: usize,
    hash: u64,
}

impl Holdings {
    /// Adds what somebody holds, in any order. Once for each person.
    pub fn push(&mut self, id: IdentityId, entitlements: impl IntoIterator<Item = u32>) {
        let start = self.entitlements.len();
        self.entitlements.extend(entitlements);
        if let Some(own) = self.entitlements.get_mut(start..).filter(|own| !own.is_sorted()) {
            own.sort_unstable();
        }
        let own = self.entitlements.get(start..).unwrap_or_default();
        self.people.push(Held { identity: id, start, hash: hash_of_held(own.iter().copied()) });
    }

    fn of(&self, place: usize) -> &[u32] {
        let start = self.people.get(place).map_or(self.entitlements.len(), |held| held.start);
        let end = self.people.get(place + 1).map_or(self.entitlements.len(), |held| held.start);
        self.entitlements.get(start..end).unwrap_or_default()
    }
}

/// What somebody holds otherwise than they should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub identity: IdentityId,
    /// Sorted.
    pub add: Vec<u32>,
    /// Sorted.
    pub remove: Vec<u32>,
}

impl Engine {
    /// The number of an entitlement.
    pub fn entitlement(&self, name: &str) -> Option<u32> {
        self.model.position(&Grantable::Entitlement(name.to_owned()))
    }

    /// The name of what a number stands for.
    pub fn entitlement_name(&self, number: u32) -> Option<&str> {
        self.model.grantables.get(number as usize).map(Grantable::name)
    }

    /// The entitlements that somebody should hold as last computed, sorted. Empty for who is not known or was not computed.
    pub fn entitlements(&self, id: IdentityId) -> Vec<u32> {
        let mut wanted = Vec::new();
        if let (Some(person), Some(today)) = (self.person(id), self.day) {
            self.wanted(person, today, self.model.first_entitlement(), &mut wanted);
        }
        wanted
    }

    /// Where what people should hold as last computed differs from what they do hold: in the order of the holdings, and
    /// then those who are not in them and should hold something. Who is not known should hold nothing.
    pub fn difference(&self, held: &Holdings) -> Vec<Difference> {
        let Some(today) = self.day else { return Vec::new() };
        let size = held.people.len().div_ceil(self.threads).max(1);
        let part = |start: usize| self.difference_of(held, start..(start + size).min(held.people.len()), today);
        let (mut found, mut seen) = (Vec::new(), vec![false; self.people.len()]);
        let mut take = |(differences, slots): (Vec<Difference>, Vec<u32>)| {
            found.extend(differences);
            for slot in slots {
                if let Some(seen) = seen.get_mut(slot as usize) {
                    *seen = true;
                }
            }
        };
        std::thread::scope(|scope| {
            let part = &part;
            let starts = (size..held.people.len()).step_by(size);
            let others: Vec<_> = starts.map(|start| scope.spawn(move || part(start))).collect();
            take(part(0));
            for other in others {
                match other.join() {
                    Ok(found) => take(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        let first = self.model.first_entitlement();
        for (person, seen) in self.people.iter().zip(seen) {
            let Some(person) = person.as_ref().filter(|_| !seen) else { continue };
            let mut add = Vec::new();
            self.wanted(person, today, first, &mut add);
            if !add.is_empty() {
                found.push(Difference { identity: person.id, add, remove: Vec::new() });
            }
        }
        found
    }

    /// The same among those alone who are in the holdings.
    pub fn difference_among(&self, held: &Holdings) -> Vec<Difference> {
        let found = self.day.map(|today| self.difference_of(held, 0..held.people.len(), today));
        found.map_or_else(Vec::new, |(differences, _)| differences)
    }

    /// Also answers whose they are, by slot.
    fn difference_of(
        &self,
        held: &Holdings,
        places: std::ops::Range<usize>,
        today: Day,
    ) -> (Vec<Difference>, Vec<u32>) {
        let first = self.model.first_entitlement();
        let (mut found, mut slots) = (Vec::new(), Vec::with_capacity(places.len()));
        let mut wanted = Vec::new();
        for place in places {
            let Some(Held { identity: id, hash, .. }) = held.people.get(place) else { break };
            // Holdings mostly come in the order in which people were taken in.
            let next = slots.last().map_or(0, |slot: &u32| slot.saturating_add(1));
            let is_next = self.people.get(next as usize).and_then(Option::as_ref).is_some_and(|next| next.id == *id);
            let slot = if is_next { Some(next) } else { self.slots.get(id).copied() };
            let person = slot.and_then(|slot| self.people.get(slot as usize)?.as_ref());
            slots.extend(slot);
            // Most people hold what they should.
            if person.is_some_and(|person| person.set.is_some() && person.held == *hash) {
                continue;
            }
            let has = held.of(place);
            wanted.clear();
            if let Some(person) = person {
                self.wanted(person, today, first, &mut wanted);
            }
            if wanted == has {
                continue;
            }
            let without = |of: &[u32], other: &[u32]| -> Vec<u32> {
                of.iter().filter(|entitlement| other.binary_search(entitlement).is_err()).copied().collect()
            };
            let mut remove = without(has, &wanted);
            remove.dedup();
            let add = without(&wanted, has);
            if !add.is_empty() || !remove.is_empty() {
                found.push(Difference { identity: *id, add, remove });
            }
        }
        (found, slots)
    }

    fn wanted(&self, person: &Person, today: Day, first: u32, wanted: &mut Vec<u32>) {
        let Some((set, combination)) = person.set.and_then(|set| Some((set, self.combinations.get(set)?))) else {
            return;
        };
        let Shape::Plain(plain) = &combination.shape else {
            // Direct grants are part of such combinations.
            let model = self.model.in_season(self.season);
            match combination.full(model, set) {
                Some(full) => wanted.extend(full.held_from(first)),
                None => wanted.extend(AccessSet::new(model, &combination.pairs).held_from(first)),
            }
            return;
        };
        let is_active = person.lifecycle(today) == LifecycleState::Active;
        let granted = (0_u32..).zip(&person.grants).filter(|(_, grant)| is_active && day::holds(grant.bounds, today));
        let model = self.model.in_season(self.season);
        let granted = granted.filter(|(_, grant)| model.is_in_force(grant.grantable));
        let granted: Vec<u32> = granted.map(|(place, _)| place).collect();
        wanted.extend(plain.given_with(person, &granted, first));
    }
}
