//! Which rules hold together for somebody, each such combination once: people share them, so an identity keeps only the
//! number of its own.
//!
//! Of a combination that only gives there is what [`super::plain`] says, and what was given directly stays out of it, since
//! that is different for everybody. Of others [`super::sets`] works out everything, direct grants included.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;

use crate::digest::Digest;
use crate::model::RoleModel;

use super::plain::{Forms, Plain};
use super::sets::{AccessSet, GRANT, Pair, STATE};

/// Of so many combinations what follows is kept with every reason once somebody has asked for it; of others it is worked
/// out each time.
const KEPT_IN_FULL: u32 = 8_192;

/// Marks numbers of combinations that one thread has found and nobody else knows yet.
pub(super) const NEW: u32 = 1 << 31;

pub(super) struct Combination {
    pub(super) pairs: Box<[Pair]>,
    pub(super) shape: Shape,
    /// Hash of the entitlements that are held with it, see [`super::difference`].
    pub(super) held: u64,
    uses: AtomicU32,
    full: OnceLock<Box<AccessSet>>,
}

pub(super) enum Shape {
    /// All of it is told.
    Plain(Plain),
    /// What is told only gives, though something else is there that changes nothing; with the direct grants that are told.
    Reduced(Plain, Box<[u32]>),
    /// Something is denied or offered.
    Full,
}

impl Combination {
    fn new(model: &RoleModel, pairs: &[Pair], is_plain: &[bool], forms: &mut Forms) -> Self {
        let first = model.first_entitlement();
        let kept = |shape, full: Option<AccessSet>| {
            let held = match (&shape, &full) {
                (Shape::Plain(plain), _) => hash_of_held(plain.given_from(first)),
                (_, Some(full)) => hash_of_held(full.held_from(first)),
                (_, None) => 0,
            };
            Self {
                pairs: pairs.into(),
                shape,
                held,
                uses: AtomicU32::new(1),
                full: full.map_or_else(OnceLock::new, |full| OnceLock::from(Box::new(full))),
            }
        };
        let gives = |(number, _): &Pair| is_plain.get(*number as usize) == Some(&true);
        if pairs.iter().all(gives)
            && let Some(plain) = Plain::new(model, pairs.iter().copied(), forms)
        {
            return kept(Shape::Plain(plain), None);
        }
        let full = AccessSet::new(model, pairs);
        let told = || full.told.iter().filter_map(|place| pairs.get(*place as usize));
        let is_granted = |(number, _): &Pair| number & GRANT != 0;
        // The same answer has to have the same digest, whatever else there is that has no part in it.
        let reducible = full.denied.is_empty()
            && full.withheld.is_empty()
            && told().all(|pair| gives(pair) || is_granted(pair))
            && !full.told.iter().any(|place| full.altered.contains(place));
        let rules = told().filter(|pair| !is_granted(pair)).copied();
        let plain = if reducible { Plain::new(model, rules, forms) } else { None };
        let shape = match plain {
            Some(plain) => {
                let grants = told().filter(|pair| is_granted(pair)).map(|(_, place)| *place);
                Shape::Reduced(plain, grants.collect())
            }
            None => Shape::Full,
        };
        kept(shape, Some(full))
    }

    /// Everything that follows from it, where it is kept or worth keeping.
    pub(super) fn full(&self, model: &RoleModel, number: u32) -> Option<&AccessSet> {
        if number < KEPT_IN_FULL || self.full.get().is_some() {
            return Some(self.full.get_or_init(|| Box::new(AccessSet::new(model, &self.pairs))));
        }
        None
    }
}

/// The combinations in use.
#[derive(Default)]
pub(super) struct Combinations {
    /// By hash; part of it stands beside each number, so that others are not looked at.
    numbers: HashTable<(u32, u32)>,
    all: Vec<Option<Combination>>,
    free: Vec<u32>,
    forms: Forms,
}

impl Combinations {
    /// The number of a combination that is known; the hash is that of [`hash_of`].
    pub(super) fn find(&self, pairs: &[Pair], hash: u64) -> Option<u32> {
        let tag = tag(hash);
        let is = |(other, number): &(u32, u32)| *other == tag && self.is(*number, pairs);
        self.numbers.find(spread(tag), is).map(|(_, number)| *number)
    }

    /// One more has it.
    pub(super) fn take(&self, number: u32) {
        if let Some(combination) = self.get(number) {
            combination.uses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of a combination, with one more use.
    pub(super) fn intern(&mut self, model: &RoleModel, pairs: &[Pair], hash: u64, is_plain: &[bool]) -> u32 {
        if let Some(number) = self.find(pairs, hash) {
            self.take(number);
            return number;
        }
        let combination = Combination::new(model, pairs, is_plain, &mut self.forms);
        self.insert(combination, hash)
    }

    /// Takes in combinations that were found elsewhere; the answer is the number here of each.
    pub(super) fn adopt(&mut self, found: &mut Self) -> Vec<u32> {
        if self.is_empty() {
            *self = std::mem::take(found);
            return (0..u32::try_from(self.all.len()).unwrap_or(u32::MAX)).collect();
        }
        found.numbers.clear();
        let all = found.all.drain(..).flatten().map(|combination| (hash_of(&combination.pairs), combination));
        all.map(|(hash, combination)| match self.find(&combination.pairs, hash) {
            Some(number) => {
                let uses = combination.uses.load(Ordering::Relaxed);
                if let Some(known) = self.get(number) {
                    known.uses.fetch_add(uses, Ordering::Relaxed);
                }
                number
            }
            None => self.insert(combination, hash),
        })
        .collect()
    }

    fn insert(&mut self, combination: Combination, hash: u64) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.all.get_mut(number as usize) {
            *place = Some(combination);
        }
        self.numbers.insert_unique(spread(tag(hash)), (tag(hash), number), |(tag, _)| spread(*tag));
        number
    }

    /// Gives one use back; a combination that nobody has is forgotten.
    pub(super) fn release(&mut self, number: u32) {
        let Some(place) = self.all.get_mut(number as usize) else { return };
        let Some(combination) = place else { return };
        if combination.uses.fetch_sub(1, Ordering::Relaxed) == 1 {
            let tag = tag(hash_of(&combination.pairs));
            if let Ok(found) = self.numbers.find_entry(spread(tag), |(_, other)| *other == number) {
                found.remove();
            }
            *place = None;
            self.free.push(number);
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Combination> {
        self.all.get(number as usize)?.as_ref()
    }

    pub(super) fn is(&self, number: u32, pairs: &[Pair]) -> bool {
        self.get(number).is_some_and(|combination| *combination.pairs == *pairs)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many people have a combination with each rule.
    pub(super) fn people_by_rule(&self) -> BTreeMap<u32, u64> {
        let mut people = BTreeMap::new();
        for combination in self.all.iter().flatten() {
            let uses = u64::from(combination.uses.load(Ordering::Relaxed));
            let rules = combination.pairs.iter().map(|(rule, _)| *rule).filter(|rule| rule & (GRANT | STATE) == 0);
            let mut last = None;
            // Sorted, so that a rule that holds in several contexts comes several times in a row.
            for rule in rules {
                if last.replace(rule) != Some(rule) {
                    *people.entry(rule).or_insert(0) += uses;
                }
            }
        }
        people
    }
}

/// A hash of entitlements in the order of their numbers.
pub(super) fn hash_of_held(held: impl Iterator<Item = u32>) -> u64 {
    let mut digest = Digest::default();
    held.for_each(|entitlement| digest.number(u64::from(entitlement)));
    digest.finish()
}

fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0)
}

fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

pub(super) fn hash_of(pairs: &[Pair]) -> u64 {
    let mut digest = Digest::default();
    pairs.iter().for_each(|(rule, context)| digest.number(u64::from(*rule) << 32 | u64::from(*context)));
    digest.finish()
}
