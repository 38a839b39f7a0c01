//! Cuts a plan into the parts that one mechanism carries out on one application, in an order that respects what has to
//! be done before what.

use hashbrown::HashMap;
use model::account::Mechanism;
use model::plan::{Partition, Plan};

use crate::catalogue::Catalogue;

/// The partitions of a plan, each request in exactly one. An application has more than one only where another
/// application's part has to be done in between.
pub fn split(plan: &Plan, catalogue: &Catalogue) -> Vec<Partition> {
    // A request is one level above those it waits for in other partitions, so that partitions never wait in a circle.
    let mut levels: Vec<usize> = Vec::with_capacity(plan.requests.len());
    let mut parts: Vec<(Key<'_>, Vec<usize>)> = Vec::new();
    let mut positions: HashMap<Key<'_>, usize> = HashMap::new();
    for (position, request) in plan.requests.iter().enumerate() {
        let application = request.application.as_str();
        let mechanism = catalogue.mechanism(application);
        let level = request.after.iter().filter_map(|&earlier| {
            let level = *levels.get(earlier)?;
            Some(if plan.requests.get(earlier)?.application == application { level } else { level + 1 })
        });
        let level = level.max().unwrap_or(0);
        levels.push(level);
        let key = Key { level, mechanism, application };
        let part = *positions.entry(key).or_insert_with(|| {
            parts.push((key, Vec::new()));
            parts.len() - 1
        });
        if let Some((_, requests)) = parts.get_mut(part) {
            requests.push(position);
        }
    }
    parts.sort_unstable();

    let mut partition_of = vec![0_u32; plan.requests.len()];
    let mut partitions: Vec<Partition> = Vec::with_capacity(parts.len());
    for (sequence, (key, requests)) in (1..).zip(parts) {
        for &request in &requests {
            if let Some(slot) = partition_of.get_mut(request) {
                *slot = sequence;
            }
        }
        let (mechanism, application) = (key.mechanism, key.application.to_owned());
        partitions.push(Partition { sequence, mechanism, application, requests, after: Vec::new() });
    }
    for partition in &mut partitions {
        let awaited = partition.requests.iter().filter_map(|&request| plan.requests.get(request));
        let awaited = awaited.flat_map(|request| &request.after).filter_map(|&earlier| partition_of.get(earlier));
        partition.after = awaited.copied().filter(|&sequence| sequence != partition.sequence).collect();
        partition.after.sort_unstable();
        partition.after.dedup();
    }
    partitions
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key<'a> {
    level: usize,
    mechanism: Mechanism,
    application: &'a str,
}
