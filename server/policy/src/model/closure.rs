//! What follows from a rule, or from a direct grant: every grantable it leads to, with the ways there.
//!
//! Ways are bounded: of the ways on which one rule gives one thing the [`MOST_WAYS`] shortest are kept (by length, then
//! by name), and as many on which an account is only implied. Dropping ways while going down does not change which are
//! kept in the end, since everything that is appended to one is appended to all. Whether a thing is given at all does
//! not depend on the bound.

use std::collections::BTreeMap;

use ::model::configuration::RuleType;

use super::RoleModel;
use crate::day::{self, ALWAYS, Day, NEVER};

/// Ways on which one rule gives one thing that are told.
pub(crate) const MOST_WAYS: usize = 16;

/// Each way lists what leads to the thing, outermost first.
type Ways = Vec<Vec<u32>>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Closure {
    /// In the order of what is given.
    pub(crate) given: Vec<Given>,
    /// What would have been given and was denied on the way; nothing follows from these.
    pub(crate) taken: Vec<Given>,
}

#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) grantable: u32,
    /// Ways on which it is given itself: what leads to it, outermost first.
    pub(crate) ways: Ways,
    /// Ways on which it is only needed by something given, as the account of an entitlement.
    pub(crate) implied: Ways,
    /// On which days something on each of the ways, and the thing, are in force: from the first to the last over all ways.
    pub(crate) bounds: (Day, Day),
}

/// What leads to something, as far as it is known.
#[derive(Default)]
struct Waiting {
    ways: Ways,
    implied: Ways,
    bounds: Option<(Day, Day)>,
}

impl Waiting {
    fn add_bounds(&mut self, bounds: (Day, Day)) {
        self.bounds = Some(self.bounds.map_or(bounds, |known| day::hull(known, bounds)));
    }
}

impl Closure {
    /// Of each thing given, on which days it can be; empty where all always can.
    pub(crate) fn bounds(&self) -> Box<[(Day, Day)]> {
        let is_bounded = self.given.iter().any(|given| given.bounds != (ALWAYS, NEVER));
        if is_bounded { self.given.iter().map(|given| given.bounds).collect() } else { Box::default() }
    }
}

impl RoleModel {
    /// What follows from giving these where some things are denied. Offers give nothing further.
    pub(crate) fn closure(&self, kind: RuleType, targets: &[u32], denied: impl Fn(u32) -> bool) -> Closure {
        let mut closure = Closure::default();
        let mut waiting: BTreeMap<(u32, u32), Waiting> = BTreeMap::new();
        let rank = |grantable: u32| self.rank.get(grantable as usize).copied().unwrap_or(u32::MAX);
        for target in targets {
            let target = waiting.entry((rank(*target), *target)).or_default();
            target.ways.push(Vec::new());
            target.add_bounds((ALWAYS, NEVER));
        }
        while let Some(((_, grantable), Waiting { mut ways, mut implied, bounds })) = waiting.pop_first() {
            shortest(&mut ways);
            shortest(&mut implied);
            // Everything meant here is in force today, so that what these have in common is never nothing.
            let bounds = day::common(bounds.unwrap_or((ALWAYS, NEVER)), self.bounds_of(grantable));
            let found = Given { grantable, ways, implied, bounds };
            if denied(grantable) {
                closure.taken.push(found);
                continue;
            }
            if kind == RuleType::Automatic {
                let needs_account = self.account_type_of(grantable).is_some();
                for next in self.follows(grantable) {
                    let lists = waiting.entry((rank(*next), *next)).or_default();
                    lists.add_bounds(bounds);
                    let list = if needs_account { &mut lists.implied } else { &mut lists.ways };
                    list.extend(found.ways.iter().map(|way| way.iter().copied().chain([grantable]).collect()));
                }
            }
            closure.given.push(found);
        }
        closure.given.sort_unstable_by_key(|given| given.grantable);
        closure.taken.sort_unstable_by_key(|given| given.grantable);
        closure
    }
}

fn shortest(ways: &mut Ways) {
    ways.sort_unstable_by(|left, right| (left.len(), left).cmp(&(right.len(), right)));
    ways.dedup();
    ways.truncate(MOST_WAYS);
}

/// Numbers the nodes of an acyclic graph so that every node comes after all that lead to it.
pub(super) fn rank(follows: &[Vec<u32>]) -> Vec<u32> {
    let mut incoming = vec![0_u32; follows.len()];
    for next in follows.iter().flatten() {
        if let Some(count) = incoming.get_mut(*next as usize) {
            *count += 1;
        }
    }
    let mut ready: Vec<usize> = (0..follows.len()).filter(|node| incoming.get(*node) == Some(&0)).collect();
    let mut rank = vec![u32::MAX; follows.len()];
    let mut number = 0;
    while let Some(node) = ready.pop() {
        if let Some(slot) = rank.get_mut(node) {
            *slot = number;
        }
        number += 1;
        for next in follows.get(node).into_iter().flatten() {
            let next = *next as usize;
            if let Some(count) = incoming.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    ready.push(next);
                }
            }
        }
    }
    rank
}
