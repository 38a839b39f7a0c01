//! Role mining: conditions over identity attributes that describe who holds something already, and bundles of what people
//! hold together. It only proposes; what becomes of it a person decides.
//!
//! [`Crowd`] is the population in coded rows, [`propose_rules`] looks for conditions thing by thing, and
//! [`propose_bundles`] for patterns in what people hold, those first that lower the weighted structural complexity most.
//! Everything is sorted and bounded by counts, never by time: the same input gives the same proposals on every machine. The
//! slow, obvious way to the same answers is in `reference`, which the tests compare with.

use model::mining::{MiningLimits, MiningWeights};
use roaring::RoaringBitmap;

mod bundles;
mod conditions;
mod crowd;
mod groups;
mod patterns;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use bundles::{Bundle, Bundles, Item, propose as propose_bundles};
pub use conditions::Described;
pub use crowd::{Chosen, Crowd, Term};

/// Something that people hold. People are their positions in the crowd.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thing {
    /// All who hold it, in whichever way.
    pub holders: RoaringBitmap,
    /// Holders who are to be described.
    pub unexplained: RoaringBitmap,
    /// Who hold the thing itself by hand or by nothing: what a rule for it saves.
    pub own: RoaringBitmap,
    /// Positions of things that follow from it: who gets it by a rule has these explained as well.
    pub parts: Vec<usize>,
}

/// A rule for a thing.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRule {
    /// Position of the thing.
    pub thing: usize,
    pub described: Described,
    /// By how much the complexity falls.
    pub saving: i64,
}

/// What [`propose_rules`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundRules {
    /// By thing, in the order in which they were found.
    pub rules: Vec<FoundRule>,
    /// Things with so many possible conditions that not all were looked at.
    pub cut: Vec<usize>,
}

/// Rules that describe who holds each thing. What has parts comes before them: what a rule for a role explains needs no
/// rule for what is in it. Work is shared out to so many threads; the answer is the same with any number.
pub fn propose_rules(
    crowd: &Crowd,
    things: &[Thing],
    limits: &MiningLimits,
    weights: &MiningWeights,
    threads: usize,
) -> FoundRules {
    let mut found = FoundRules::default();
    let mut left: Vec<RoaringBitmap> = things.iter().map(|thing| thing.unexplained.clone()).collect();
    let mut own: Vec<RoaringBitmap> = things.iter().map(|thing| thing.own.clone()).collect();
    for (place, thing) in things.iter().enumerate().filter(|(_, thing)| !thing.parts.is_empty()) {
        let (described, is_cut) = match left.get(place) {
            Some(left) => conditions::search(crowd, &thing.holders, left, limits),
            None => continue,
        };
        found.cut.extend(is_cut.then_some(place));
        for described in described {
            let cells = std::iter::once(place).chain(thing.parts.iter().copied());
            let cells: u64 =
                cells.filter_map(|cell| own.get(cell)).map(|own| own.intersection_len(&described.explains)).sum();
            let saving = saving(cells, weights);
            if saving <= 0 {
                continue;
            }
            for cell in std::iter::once(place).chain(thing.parts.iter().copied()) {
                if let (Some(left), Some(own)) = (left.get_mut(cell), own.get_mut(cell)) {
                    *left -= &described.explains;
                    *own -= &described.explains;
                }
            }
            found.rules.push(FoundRule { thing: place, described, saving });
        }
    }
    let single: Vec<usize> =
        (0..things.len()).filter(|place| things.get(*place).is_some_and(|thing| thing.parts.is_empty())).collect();
    let threads = threads.clamp(1, single.len().max(1));
    // Every so many-th, so that what many people hold is not all in one part.
    let part = |first: usize| -> Vec<(usize, Vec<Described>, bool)> {
        let own = single.iter().copied().skip(first).step_by(threads);
        own.filter_map(|place| {
            let (described, is_cut) = conditions::search(crowd, &things.get(place)?.holders, left.get(place)?, limits);
            Some((place, described, is_cut))
        })
        .collect()
    };
    let mut all: Vec<(usize, Vec<Described>, bool)> = std::thread::scope(|scope| {
        let part = &part;
        let others: Vec<_> = (1..threads).map(|first| scope.spawn(move || part(first))).collect();
        let mut all = part(0);
        for other in others {
            match other.join() {
                Ok(found) => all.extend(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(place, ..)| *place);
    for (thing, described, is_cut) in all {
        found.cut.extend(is_cut.then_some(thing));
        let worth = |described: Described| {
            let cells = own.get(thing).map_or(0, |own| own.intersection_len(&described.explains));
            let saving = saving(cells, weights);
            (saving > 0).then_some(FoundRule { thing, described, saving })
        };
        found.rules.extend(described.into_iter().filter_map(worth));
    }
    found
}

/// A rule in the place of what it explains.
fn saving(cells: u64, weights: &MiningWeights) -> i64 {
    cost(cells, weights.assignment) - i64::from(weights.rule)
}

fn cost(count: u64, weight: u32) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(i64::from(weight))
}
