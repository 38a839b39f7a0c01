//! New access profiles and roles: of all patterns and groups, those that lower the weighted structural complexity, the one
//! that lowers it most first, and then again for what is left.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use model::mining::{MiningLimits, MiningWeights};
use roaring::RoaringBitmap;

use super::conditions::{self, Described};
use super::patterns::{self, Kind, Pattern};
use super::{Crowd, Thing, cost, groups, saving};

/// Patterns that are looked at, at most.
const MOST_PATTERNS: usize = 20_000;
/// Bundles that are taken, at most.
const MOST_BUNDLES: usize = 200;

/// What of a thing matters for bundles.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Number of its application, where it is an entitlement: an access profile has entitlements of one.
    pub application: Option<u32>,
}

/// People who hold the same things, and what describes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Positions of the things, sorted.
    pub things: Vec<u32>,
    pub members: RoaringBitmap,
    /// Members who do not hold all of it.
    pub gains: RoaringBitmap,
    /// Conditions that describe members within the limits.
    pub described: Vec<Described>,
    /// By how much the complexity falls, conditions included.
    pub saving: i64,
}

/// What [`propose`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundles {
    /// The one that saves most first.
    pub all: Vec<Bundle>,
    /// There are more patterns than were looked at.
    pub is_cut: bool,
}

struct Candidate {
    things: Vec<u32>,
    /// Positions of the kinds of people who are to have it.
    kinds: RoaringBitmap,
    people: u64,
    /// Roles and access profiles, with what is in them.
    fixed: i64,
}

/// Bundles of what people hold by hand or by nothing. `known` are those that are there already: they are left out, and
/// what they would explain with them.
pub fn propose(
    crowd: &Crowd,
    things: &[Thing],
    items: &[Item],
    known: &BTreeSet<Vec<u32>>,
    limits: &MiningLimits,
    weights: &MiningWeights,
) -> Bundles {
    let owned: Vec<&RoaringBitmap> = things.iter().map(|thing| &thing.own).collect();
    let kinds = patterns::kinds(crowd.people(), &owned);
    let least = u64::from(limits.people.max(1));
    let (exact, is_cut) = patterns::closed(&kinds, things.len(), least, MOST_PATTERNS);
    let groups = groups::groups(&kinds);
    let dense = groups.iter().filter_map(|group| dense(&kinds, group, things, limits));
    let candidate = |pattern: Pattern| {
        let Pattern { things, kinds: own } = pattern;
        let people = own.iter().filter_map(|kind| kinds.get(kind as usize)).map(|kind| kind.people.len()).sum();
        let fixed = if known.contains(&things) { 0 } else { structure(&things, items, weights) };
        Candidate { fixed, things, kinds: own, people }
    };
    let candidates: Vec<Candidate> = exact.into_iter().chain(dense).map(candidate).collect();
    let mut covered: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); kinds.len()];
    let mut heap: BinaryHeap<(i64, Reverse<usize>)> = BinaryHeap::new();
    for (place, candidate) in candidates.iter().enumerate() {
        heap.push((worth(candidate, &kinds, &covered, least, weights), Reverse(place)));
    }
    let mut bundles = Bundles { all: Vec::new(), is_cut };
    while let Some((believed, Reverse(place))) = heap.pop() {
        let Some(candidate) = candidates.get(place).filter(|_| believed > 0) else { break };
        // What others explained meanwhile it does not explain again: it is worth less than it was, never more.
        let is_worth = worth(candidate, &kinds, &covered, least, weights);
        if is_worth < believed {
            heap.push((is_worth, Reverse(place)));
            continue;
        }
        for kind in &candidate.kinds {
            if let Some(covered) = covered.get_mut(kind as usize) {
                covered.extend(&candidate.things);
            }
        }
        if known.contains(&candidate.things) {
            continue;
        }
        if bundles.all.len() >= MOST_BUNDLES {
            bundles.is_cut = true;
            break;
        }
        bundles.all.push(told(crowd, things, &kinds, candidate, is_worth, limits, weights));
    }
    bundles.all.sort_by_key(|bundle| Reverse(bundle.saving));
    bundles
}

/// What nearly all of a group hold, with those of the group, where few enough of them miss something of it.
fn dense(kinds: &[Kind], group: &[u32], things: &[Thing], limits: &MiningLimits) -> Option<Pattern> {
    let members: RoaringBitmap = of_kinds(kinds, group.iter().copied()).flat_map(|kind| &kind.people).collect();
    let possible: BTreeSet<u32> =
        of_kinds(kinds, group.iter().copied()).flat_map(|kind| kind.things.iter().copied()).collect();
    let is_common = |thing: &u32| {
        let held = things.get(*thing as usize).map_or(0, |thing| thing.holders.intersection_len(&members));
        limits.precision.is_reached(held, members.len())
    };
    let common: Vec<u32> = possible.into_iter().filter(is_common).collect();
    let all = holders_of_all(things, &common);
    let gains = members.len() - members.intersection_len(&all);
    let is_kept = limits.false_positives.is_kept(gains, members.len());
    if common.len() < 2 || members.len() < u64::from(limits.people) || !is_kept {
        return None;
    }
    Some(Pattern { things: common, kinds: group.iter().copied().collect() })
}

fn of_kinds(kinds: &[Kind], wanted: impl Iterator<Item = u32>) -> impl Iterator<Item = &Kind> {
    wanted.filter_map(|kind| kinds.get(kind as usize))
}

fn holders_of_all(things: &[Thing], wanted: &[u32]) -> RoaringBitmap {
    let mut holders = wanted.iter().filter_map(|thing| things.get(*thing as usize)).map(|thing| &thing.holders);
    let first = holders.next().cloned().unwrap_or_default();
    holders.fold(first, |all, own| all & own)
}

/// What the roles and access profiles cost by which these things would be given: one access profile where they are
/// entitlements of one application, else an access profile for each application and a role around them.
fn structure(things: &[u32], items: &[Item], weights: &MiningWeights) -> i64 {
    let of = |thing: &u32| items.get(*thing as usize).and_then(|item| item.application);
    let applications: BTreeSet<u32> = things.iter().filter_map(of).collect();
    let others = things.iter().filter(|thing| of(thing).is_none()).count() as u64;
    let (profiles, entitlements) = (applications.len() as u64, things.len() as u64 - others);
    if profiles == 1 && others == 0 {
        return cost(1, weights.role) + cost(entitlements, weights.inclusion);
    }
    cost(profiles + 1, weights.role) + cost(entitlements + profiles + others, weights.inclusion)
}

/// By how much the complexity falls with it, beside those that were taken already. Nothing where it explains too little.
fn worth(candidate: &Candidate, kinds: &[Kind], covered: &[BTreeSet<u32>], least: u64, weights: &MiningWeights) -> i64 {
    let (mut cells, mut people) = (0, 0);
    for place in &candidate.kinds {
        let (Some(kind), Some(covered)) = (kinds.get(place as usize), covered.get(place as usize)) else { continue };
        let is_new = |thing: &&u32| kind.things.binary_search(thing).is_ok() && !covered.contains(thing);
        let new = candidate.things.iter().filter(is_new).count() as u64;
        cells += new * kind.people.len();
        people += if new > 0 { kind.people.len() } else { 0 };
    }
    if people < least {
        return 0;
    }
    cost(cells, weights.assignment) - candidate.fixed - cost(candidate.people, weights.assignment)
}

fn told(
    crowd: &Crowd,
    things: &[Thing],
    kinds: &[Kind],
    candidate: &Candidate,
    is_worth: i64,
    limits: &MiningLimits,
    weights: &MiningWeights,
) -> Bundle {
    let members: RoaringBitmap = of_kinds(kinds, candidate.kinds.iter()).flat_map(|kind| &kind.people).collect();
    let holders = holders_of_all(things, &candidate.things);
    let gains = &members - &holders;
    // Whoever misses something of it gains it by the rule, and counts as such.
    let (described, _) = conditions::search(crowd, &holders, &(&members & &holders), limits);
    let described: Vec<Described> =
        described.into_iter().filter(|one| saving(one.explains.len(), weights) > 0).collect();
    let by_rules: i64 = described.iter().map(|one| saving(one.explains.len(), weights)).sum();
    Bundle { things: candidate.things.clone(), members, gains, described, saving: is_worth + by_rules }
}
