//! Exact patterns: sets of things that enough people hold together, each as large as it can be for those people. Whoever is
//! given all of one holds nothing new.
//!
//! They are gone through without keeping those that were seen (linear-time closed itemset mining, Uno and others 2004): each
//! pattern is made from exactly one other, the one that its first things lead to.

use roaring::RoaringBitmap;

/// People who hold exactly the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Positions of things, sorted.
    pub(super) things: Vec<u32>,
    pub(super) people: RoaringBitmap,
}

/// Things that some kinds of people hold together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    /// Sorted.
    pub(super) things: Vec<u32>,
    /// Positions of the kinds.
    pub(super) kinds: RoaringBitmap,
}

/// People by what they hold, in the order of it. Who holds nothing is left out.
pub(super) fn kinds(people: u32, holdings: &[&RoaringBitmap]) -> Vec<Kind> {
    let mut held: Vec<Vec<u32>> = vec![Vec::new(); people as usize];
    for (thing, holders) in (0_u32..).zip(holdings) {
        for person in *holders {
            if let Some(things) = held.get_mut(person as usize) {
                things.push(thing);
            }
        }
    }
    let mut known: std::collections::BTreeMap<Vec<u32>, RoaringBitmap> = std::collections::BTreeMap::new();
    for (person, things) in (0_u32..).zip(held) {
        if !things.is_empty() {
            known.entry(things).or_default().insert(person);
        }
    }
    known.into_iter().map(|(things, people)| Kind { things, people }).collect()
}

/// All patterns of at least two things and `least` people; and whether there are more than `most` steps lead to.
pub(super) fn closed(kinds: &[Kind], things: usize, least: u64, most: usize) -> (Vec<Pattern>, bool) {
    let weights: Vec<u64> = kinds.iter().map(|kind| kind.people.len()).collect();
    let mut walk =
        Walk { kinds, weights, least: least.max(1), most, steps: 0, counts: vec![0; things], found: Vec::new() };
    let all: Vec<u32> = (0_u32..).zip(kinds).map(|(place, _)| place).collect();
    let is_whole = walk.weight(&all) < walk.least || {
        let first = walk.closure(&all);
        walk.go_on(&first, &all, None)
    };
    walk.found.sort_by(|one, other| one.things.cmp(&other.things));
    (walk.found, !is_whole)
}

struct Walk<'a> {
    kinds: &'a [Kind],
    weights: Vec<u64>,
    least: u64,
    most: usize,
    steps: usize,
    /// Room to count in, zero between uses.
    counts: Vec<u64>,
    found: Vec<Pattern>,
}

impl Walk<'_> {
    fn weight(&self, kinds: &[u32]) -> u64 {
        kinds.iter().filter_map(|kind| self.weights.get(*kind as usize)).sum()
    }

    fn things_of(&self, kind: u32) -> &[u32] {
        self.kinds.get(kind as usize).map_or(&[], |kind| kind.things.as_slice())
    }

    /// What all of these hold.
    fn closure(&mut self, kinds: &[u32]) -> Vec<u32> {
        let (Some(first), whole) = (kinds.first(), kinds.len() as u64) else { return Vec::new() };
        let mut counts = std::mem::take(&mut self.counts);
        for kind in kinds {
            for thing in self.things_of(*kind) {
                if let Some(count) = counts.get_mut(*thing as usize) {
                    *count += 1;
                }
            }
        }
        let in_all = |thing: &u32| counts.get(*thing as usize) == Some(&whole);
        let closure = self.things_of(*first).iter().copied().filter(in_all).collect();
        for kind in kinds {
            for thing in self.things_of(*kind) {
                if let Some(count) = counts.get_mut(*thing as usize) {
                    *count = 0;
                }
            }
        }
        self.counts = counts;
        closure
    }

    /// Takes a pattern and goes on to those that are made from it; false where there are too many.
    fn go_on(&mut self, pattern: &[u32], kinds: &[u32], core: Option<u32>) -> bool {
        self.steps += 1;
        if self.steps > self.most {
            return false;
        }
        let mut holding: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
        for kind in kinds {
            for thing in self.things_of(*kind).iter().filter(|thing| core.is_none_or(|core| **thing > core)) {
                holding.entry(*thing).or_default().push(*kind);
            }
        }
        if pattern.len() >= 2 {
            self.found.push(Pattern { things: pattern.to_vec(), kinds: kinds.iter().copied().collect() });
        }
        for (thing, kinds) in holding {
            if pattern.binary_search(&thing).is_ok() || self.weight(&kinds) < self.least {
                continue;
            }
            let closure = self.closure(&kinds);
            let before = |all: &[u32]| all.partition_point(|other| *other < thing);
            // Made from this one only where nothing that comes before is new.
            if before(&closure) == before(pattern) && !self.go_on(&closure, &kinds, Some(thing)) {
                return false;
            }
        }
        true
    }
}
