//! Evaluating people: one after the other, or everybody on several threads.
//!
//! Threads share what is known and change only the people in their own part. Combinations that nobody had before are kept by
//! the thread that found them until all are done, and then taken in part after part, so that the order in which threads
//! happen to work decides nothing.

use roaring::RoaringBitmap;

use crate::digest::Digest;
use crate::model::RoleModel;

use super::account::value_contexts;
use super::answer::{Answer, Rows, Seeing, SetOf};
use super::combinations::{Combinations, NEW, Shape, hash_of, hash_of_held};
use super::dictionary::Dictionary;
use super::life::{Look, Stand};
use super::matcher::{Matcher, Scratch};
use super::person::Person;
use super::plain::Whose;
use super::sets::GRANT;
use super::{Engine, life, sets};
use crate::day::Day;

/// Fewer people are not worth a thread.
const LEAST_PART: usize = 2_000;

/// What evaluating needs and does not change.
struct Known<'a> {
    /// As it is today.
    model: &'a RoleModel,
    /// With everything, whether it is in force or not.
    all: &'a RoleModel,
    dictionary: &'a Dictionary,
    matcher: &'a Matcher,
    combinations: &'a Combinations,
    today: Day,
}

/// What evaluating some people left.
#[derive(Default)]
struct Found {
    combinations: Combinations,
    /// Numbers of combinations that somebody has no more, once for each.
    left: Vec<u32>,
    /// Slots whose digest is not the confirmed one.
    open: RoaringBitmap,
    /// Contexts in which the account attributes of the last one are evaluated.
    contexts: Vec<u32>,
}

impl Engine {
    /// Evaluates everybody.
    pub(super) fn evaluate_all(&mut self, today: Day) {
        let parts = self.threads.min(self.people.len() / LEAST_PART).max(1);
        let size = self.people.len().div_ceil(parts).max(1);
        let known = Known {
            model: self.model.on(today),
            all: &self.model,
            dictionary: &self.dictionary,
            matcher: &self.matcher,
            combinations: &self.combinations,
            today,
        };
        let mut all: Vec<Found> = std::thread::scope(|scope| {
            let known = &known;
            let mut parts = self.people.chunks_mut(size).enumerate();
            // This thread takes the first part itself.
            let first = parts.next();
            let others = parts.map(|(part, people)| scope.spawn(move || evaluate_part(known, part * size, people)));
            let others: Vec<_> = others.collect();
            let first = first.map(|(_, people)| evaluate_part(known, 0, people));
            let others = others.into_iter().map(|part| match part.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            first.into_iter().chain(others).collect()
        });
        self.open.clear();
        self.stale.clear();
        for (found, people) in all.iter_mut().zip(self.people.chunks_mut(size)) {
            self.open |= &found.open;
            if found.combinations.is_empty() {
                continue;
            }
            let numbers = self.combinations.adopt(&mut found.combinations);
            for person in people.iter_mut().flatten() {
                renumber(person, &numbers);
            }
        }
        all.iter().flat_map(|found| &found.left).for_each(|set| self.combinations.release(*set));
        if self.model.states.is_configured {
            self.follow_advances(0..u32::try_from(self.people.len()).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn evaluate_one(&mut self, slot: u32, today: Day) {
        let Some(person) = self.people.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let known = Known {
            model: self.model.on(today),
            all: &self.model,
            dictionary: &self.dictionary,
            matcher: &self.matcher,
            combinations: &self.combinations,
            today,
        };
        let mut found = Found::default();
        let is_open = settle(&known, person, &mut self.scratch, &mut found);
        let numbers = self.combinations.adopt(&mut found.combinations);
        renumber(person, &numbers);
        found.left.iter().for_each(|set| self.combinations.release(*set));
        self.follow_advances(std::iter::once(slot));
        if is_open {
            self.open.insert(slot);
        } else {
            self.open.remove(slot);
        }
        self.stale.remove(slot);
    }
}

fn renumber(person: &mut Person, numbers: &[u32]) {
    if let Some(set) = person.set.filter(|set| set & NEW != 0) {
        person.set = numbers.get((set & !NEW) as usize).copied();
    }
}

fn evaluate_part(known: &Known<'_>, first: usize, people: &mut [Option<Person>]) -> Found {
    let mut scratch = Scratch::new(known.model);
    let mut found = Found::default();
    let mut open = Vec::new();
    for (slot, person) in (first..).zip(people) {
        let Some(person) = person else { continue };
        if settle(known, person, &mut scratch, &mut found) {
            open.push(u32::try_from(slot).unwrap_or(u32::MAX));
        }
    }
    found.open = open.into_iter().collect();
    found
}

/// Where a person stands, where that is told; what it makes of the access is among the pairs then, and on which days it goes on
/// is kept with the person.
fn stand_of(known: &Known<'_>, person: &mut Person, scratch: &mut Scratch) -> Option<Stand> {
    person.life.as_ref()?;
    let stand = life::stand(known.model, known.dictionary, person, known.today, &scratch.rows);
    stand.mark(known.model, &mut scratch.pairs);
    let ahead = Some((stand.days(known.model, person), stand.floats()));
    if let Some(life) = &mut person.life {
        life.ahead = ahead;
    }
    stand.is_told(known.model).then_some(stand)
}

/// Finds what holds for a person, and the digest of what follows. Answers whether it is not the confirmed one.
fn settle(known: &Known<'_>, person: &mut Person, scratch: &mut Scratch, found: &mut Found) -> bool {
    let Known { model, all, dictionary, matcher, combinations, today } = *known;
    let is_filled = !matcher.is_timeless() || person.life.is_some();
    if is_filled {
        matcher.fill(person, today, scratch);
    }
    matcher.find_pairs(model, dictionary, person, today, scratch);
    let stand = stand_of(known, person, scratch);
    // What was given directly stays out of a combination that only gives.
    let count = scratch.pairs.partition_point(|(number, _)| number & GRANT == 0);
    let (rules, granted) = scratch.pairs.split_at(count);
    let hash = hash_of(rules);
    value_contexts(model, person, &scratch.pairs, today, &mut found.contexts);
    let mut made_from = Digest::default();
    made_from.number(hash);
    made_from.number(hash_of(granted));
    found.contexts.iter().for_each(|context| made_from.number(u64::from(*context)));
    made_from.number(matcher.state_of(person, today));
    // What is told of a state is dated.
    made_from.number(stand.as_ref().map_or(0, |_| u64::from(today.cast_unsigned()) | 1 << 32));
    let made_from = made_from.finish();
    // Attributes, periods and grants are those of last time, or there would be no digest: then it is still the same.
    if person.digest.is_some() && person.made_from == made_from {
        return person.confirmed != person.digest;
    }
    if !is_filled {
        matcher.fill(person, today, scratch);
    }
    let (rules, granted) = scratch.pairs.split_at(count);
    let is_plain = rules.iter().all(|(number, _)| matcher.gives(*number));
    let key = if is_plain { rules } else { scratch.pairs.as_slice() };
    let hash = if is_plain { hash } else { hash_of(key) };
    if !person.set.is_some_and(|set| combinations.is(set, key)) {
        found.left.extend(person.set);
        person.set = Some(match combinations.find(key, hash) {
            Some(number) => {
                combinations.take(number);
                number
            }
            None => NEW | found.combinations.intern(model, key, hash, &matcher.is_plain),
        });
    }
    let number = person.set.unwrap_or(NEW);
    let of = if number & NEW == 0 { combinations } else { &found.combinations };
    let Some(combination) = of.get(number & !NEW) else { return true };
    let seeing = Seeing { dictionary, rows: &scratch.rows };
    let contexts = found.contexts.as_slice();
    person.held = combination.held;
    let digest = match &combination.shape {
        Shape::Plain(plain) => {
            let grants: Vec<u32> = granted.iter().map(|(_, place)| *place).collect();
            if !grants.is_empty() {
                let first = model.first_entitlement();
                person.held = hash_of_held(plain.given_with(person, &grants, first).into_iter());
            }
            plain.digest(model, person, &seeing, &Whose { grants: &grants, contexts })
        }
        Shape::Reduced(plain, grants) => plain.digest(model, person, &seeing, &Whose { grants, contexts }),
        Shape::Full => {
            let set = match combination.full(model, number) {
                Some(set) => SetOf::Borrowed(set),
                None => SetOf::Owned(Box::new(sets::AccessSet::new(model, &combination.pairs))),
            };
            Answer { model, all, dictionary, matcher, person, today, rows: Rows::Borrowed(scratch), set, stand: None }
                .digest()
        }
    };
    let look = Look { model, dictionary, person, today, rows: &scratch.rows };
    let digest = stand.map_or(digest, |stand| look.digest(&stand, digest));
    person.digest = Some(digest);
    person.made_from = made_from;
    person.confirmed != person.digest
}
