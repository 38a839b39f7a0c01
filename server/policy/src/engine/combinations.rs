//! Which rules hold together for somebody, each such combination once: people share them, so an identity keeps only the
//! number of its own.
//!
//! Of a combination that only gives there is what [`super::plain`] says, and what was given directly stays out of it, since
//! that is different for everybody. Of others [`super::sets`] works out everything, direct grants included.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashTable;

use crate::digest::Digest;
use crate::model::RoleModel;

use super::plain::{Forms, Plain};
use super::sets::{AccessSet, GRANT, Pair};

/// Of so many combinations what follows is kept with every reason once somebody has asked for it; of others it is worked
/// out each time.
const KEPT_IN_FULL: u32 = 8_192;

/// Marks numbers of combinations that one thread has found and nobody else knows yet.
pub(super) const NEW: u32 = 1 << 31;

pub(super) struct Combination {
    pub(super) pairs: Box<[Pair]>,
    pub(super) shape: Shape,
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
        let kept = |shape, full: Option<AccessSet>| Self {
            pairs: pairs.into(),
            shape,
            uses: AtomicU32::new(1),
            full: full.map_or_else(OnceLock::new, |full| OnceLock::from(Box::new(full))),
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
    numbers: HashTable<u32>,
    all: Vec<Option<Combination>>,
    free: Vec<u32>,
    forms: Forms,
}

impl Combinations {
    /// The number of a combination that is known.
    pub(super) fn find(&self, pairs: &[Pair]) -> Option<u32> {
        self.numbers.find(hash_of(pairs), |number| self.is(*number, pairs)).copied()
    }

    /// One more has it.
    pub(super) fn take(&self, number: u32) {
        if let Some(combination) = self.get(number) {
            combination.uses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of a combination, with one more use.
    pub(super) fn intern(&mut self, model: &RoleModel, pairs: &[Pair], is_plain: &[bool]) -> u32 {
        if let Some(number) = self.find(pairs) {
            self.take(number);
            return number;
        }
        let combination = Combination::new(model, pairs, is_plain, &mut self.forms);
        self.insert(combination)
    }

    /// Takes in combinations that were found elsewhere; the answer is the number here of each.
    pub(super) fn adopt(&mut self, found: &mut Self) -> Vec<u32> {
        found.numbers.clear();
        let all = found.all.drain(..).flatten();
        all.map(|combination| match self.find(&combination.pairs) {
            Some(number) => {
                let uses = combination.uses.load(Ordering::Relaxed);
                if let Some(known) = self.get(number) {
                    known.uses.fetch_add(uses, Ordering::Relaxed);
                }
                number
            }
            None => self.insert(combination),
        })
        .collect()
    }

    fn insert(&mut self, combination: Combination) -> u32 {
        let hash = hash_of(&combination.pairs);
        let number = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.all.get_mut(number as usize) {
            *place = Some(combination);
        }
        let all = &self.all;
        self.numbers.insert_unique(hash, number, |number| {
            all.get(*number as usize).and_then(Option::as_ref).map_or(0, |known| hash_of(&known.pairs))
        });
        number
    }

    /// Gives one use back; a combination that nobody has is forgotten.
    pub(super) fn release(&mut self, number: u32) {
        let Some(place) = self.all.get_mut(number as usize) else { return };
        let Some(combination) = place else { return };
        if combination.uses.fetch_sub(1, Ordering::Relaxed) == 1 {
            if let Ok(found) = self.numbers.find_entry(hash_of(&combination.pairs), |other| *other == number) {
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

    /// Of each number, whether the rule is in that combination.
    pub(super) fn with_rule(&self, rule: u32) -> Vec<bool> {
        let holds = |combination: &Combination| combination.pairs.iter().any(|(other, _)| *other == rule);
        self.all.iter().map(|combination| combination.as_ref().is_some_and(holds)).collect()
    }
}

fn hash_of(pairs: &[Pair]) -> u64 {
    let mut digest = Digest::default();
    pairs.iter().for_each(|(rule, context)| digest.number(u64::from(*rule) << 32 | u64::from(*context)));
    digest.finish()
}
