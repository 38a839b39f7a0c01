//! Conditions that describe people: conjunctions of what attributes are, short ones before longer ones.
//!
//! Of each length, the condition that explains most of what is not explained yet is taken first, then the next, as long as it
//! explains enough. What is longer is only looked for among those who are left: so nothing is proposed that a more general
//! condition covers, and the search ends early where there is structure.

use model::mining::MiningLimits;
use roaring::RoaringBitmap;

use super::Crowd;

/// Sets that are intersected for one thing at most.
const MOST_TRIED: u32 = 200_000;
/// Other conditions that are told of those that hold for the same people.
const MOST_SAME: usize = 3;

/// People, described by a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Positions of the terms that have to hold at once; none where everybody is meant.
    pub terms: Vec<u32>,
    /// Others of the same length that hold for exactly the same people.
    pub same: Vec<Vec<u32>>,
    /// For whom it holds.
    pub matching: RoaringBitmap,
    /// For whom nothing that was taken before it does, of those who are to be described.
    pub explains: RoaringBitmap,
}

/// Conditions for those who are to be described, in the order in which they are taken; and whether there was more to look at.
pub(super) fn search(
    crowd: &Crowd,
    holders: &RoaringBitmap,
    unexplained: &RoaringBitmap,
    limits: &MiningLimits,
) -> (Vec<Described>, bool) {
    let least = u64::from(limits.people.max(1));
    let mut taken: Vec<Described> = Vec::new();
    let mut left = unexplained.clone();
    let mut gains = RoaringBitmap::new();
    let mut tried = 0;
    for length in 0..=usize::from(limits.attributes) {
        if left.len() < least {
            break;
        }
        let mut level = Level { crowd, holders, limits, least, length, tried, found: Vec::new(), frequent: Vec::new() };
        if !level.look(&left) {
            return (taken, true);
        }
        tried = level.tried;
        let mut found = level.found;
        while let Some(place) = best(&found, holders) {
            let one = found.swap_remove(place);
            let grown = &gains | &(&one.matching - holders);
            if !limits.false_positives.is_kept(grown.len(), holders.len()) {
                // What would be gained only grows: it will not do later either.
                continue;
            }
            gains = grown;
            left -= &one.explains;
            let mut same: Vec<Vec<u32>> =
                found.iter().filter(|other| other.matching == one.matching).map(|other| other.terms.clone()).collect();
            same.sort();
            same.truncate(MOST_SAME);
            for other in &mut found {
                other.explains &= &left;
            }
            found.retain(|other| other.explains.len() >= least);
            taken.push(Described { same, ..one });
        }
    }
    (taken, false)
}

/// The one that explains most; of several, the one by which fewest gain, and then the first by its terms.
fn best(found: &[Described], holders: &RoaringBitmap) -> Option<usize> {
    let rank = |one: &Described| {
        let gains = one.matching.len() - one.matching.intersection_len(holders);
        (std::cmp::Reverse(one.explains.len()), gains)
    };
    let ranked = found.iter().enumerate().map(|(place, one)| (rank(one), &one.terms, place));
    ranked.min().map(|(.., place)| place)
}

/// All conditions of one length.
struct Level<'a> {
    crowd: &'a Crowd,
    holders: &'a RoaringBitmap,
    limits: &'a MiningLimits,
    least: u64,
    length: usize,
    tried: u32,
    /// Those within the limits.
    found: Vec<Described>,
    /// Terms that enough of those who are left have, with their rows of these.
    frequent: Vec<(u32, RoaringBitmap)>,
}

impl Level<'_> {
    /// Looks through them; false where there are too many.
    fn look(&mut self, left: &RoaringBitmap) -> bool {
        let rows = self.crowd.rows_of(left);
        if self.length == 0 {
            let matching = self.crowd.everybody();
            self.judge(Vec::new(), matching, left.clone());
            return true;
        }
        let mut counts: hashbrown::HashMap<u32, u64> = hashbrown::HashMap::new();
        for row in &rows {
            for term in self.crowd.terms_in(row) {
                *counts.entry(*term).or_default() += 1;
            }
        }
        let mut frequent: Vec<u32> =
            counts.into_iter().filter(|(_, rows)| *rows >= self.least).map(|(term, _)| term).collect();
        frequent.sort_unstable();
        let own = |term: u32| Some((term, self.crowd.rows_with(term)? & &rows));
        self.frequent = frequent.into_iter().filter_map(own).collect();
        self.extend(&mut Vec::new(), &rows, 0)
    }

    fn extend(&mut self, terms: &mut Vec<u32>, rows: &RoaringBitmap, from: usize) -> bool {
        for place in from..self.frequent.len() {
            let Some((term, own)) = self.frequent.get(place) else { break };
            let (term, is_first) = (*term, terms.is_empty());
            // One attribute is one thing at a time, and what is a part of another is within it anyway.
            if terms.last().is_some_and(|last| self.crowd.attribute_of(*last) == self.crowd.attribute_of(term)) {
                continue;
            }
            self.tried += 1;
            if self.tried > MOST_TRIED {
                return false;
            }
            let rows = if is_first { own.clone() } else { own & rows };
            if self.crowd.people_in(&rows) < self.least {
                continue;
            }
            terms.push(term);
            let goes_on = if terms.len() == self.length {
                self.tried += 1;
                let explains = self.crowd.people_of(&rows);
                let matching = self.crowd.people_of(&self.rows_with_all(terms));
                self.judge(terms.clone(), matching, explains);
                true
            } else {
                self.extend(terms, &rows, place + 1)
            };
            terms.pop();
            if !goes_on {
                return false;
            }
        }
        true
    }

    fn rows_with_all(&self, terms: &[u32]) -> RoaringBitmap {
        let mut all = terms.iter().filter_map(|term| self.crowd.rows_with(*term));
        let first = all.next().cloned().unwrap_or_default();
        all.fold(first, |rows, own| rows & own)
    }

    /// Keeps it where it is within the limits by itself.
    fn judge(&mut self, terms: Vec<u32>, matching: RoaringBitmap, explains: RoaringBitmap) {
        let held = matching.intersection_len(self.holders);
        let is_precise = self.limits.precision.is_reached(held, matching.len());
        let gains_little = self.limits.false_positives.is_kept(matching.len() - held, self.holders.len());
        if is_precise && gains_little {
            self.found.push(Described { terms, same: Vec::new(), matching, explains });
        }
    }
}
