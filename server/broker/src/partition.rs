//! Cuts a plan into the parts that are carried out on one application in one way, in an order that respects what has to
//! be done before what.

use std::borrow::Cow;

use hashbrown::HashMap;
use model::account::Mechanism;
use model::plan::{Partition, Plan};

use crate::catalogue::Catalogue;
use crate::route::Route;

/// The partitions of a plan, each request in exactly one. An application has more than one where its parts go different
/// ways, or where another application's part has to be done in between.
pub fn split(plan: &Plan, catalogue: &Catalogue) -> Vec<Partition> {
    let routes: Vec<Cow<'_, Route>> =
        plan.requests.iter().map(|request| catalogue.route(&request.application, request.goes_as())).collect();
    // A request is one level above those it waits for in other partitions, so that partitions never wait in a circle.
    let mut levels: Vec<usize> = Vec::with_capacity(plan.requests.len());
    let mut parts: Vec<(Key<'_>, Vec<usize>)> = Vec::new();
    let mut positions: HashMap<Key<'_>, usize> = HashMap::new();
    for (position, request) in plan.requests.iter().enumerate() {
        let application = request.application.as_str();
        let route = routes.get(position).map(|route| &**route);
        let Some(route) = route else { continue };
        let level = request.after.iter().filter_map(|&earlier| {
            let level = *levels.get(earlier)?;
            let is_beside = plan.requests.get(earlier)?.application == application
                && routes.get(earlier).is_some_and(|other| goes_with(other, route));
            Some(if is_beside { level } else { level + 1 })
        });
        let level = level.max().unwrap_or(0);
        levels.push(level);
        let key = Key { level, mechanism: route.mechanism, application, carrier: &route.carrier };
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
        let why = requests.first().and_then(|first| routes.get(*first)).map_or("", |route| &route.why).to_owned();
        partitions.push(Partition {
            sequence,
            mechanism: key.mechanism,
            carrier: key.carrier.to_owned(),
            why,
            application: key.application.to_owned(),
            requests,
            after: Vec::new(),
        });
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

/// Whether both go out together. One carrier may have two ways: its connection, and the people who work it by hand.
fn goes_with(one: &Route, other: &Route) -> bool {
    (one.mechanism, &one.carrier) == (other.mechanism, &other.carrier)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key<'a> {
    level: usize,
    mechanism: Mechanism,
    application: &'a str,
    carrier: &'a str,
}

#[cfg(test)]
mod tests {
    use model::account::{AccountStatus, Provenance};

    use super::*;
    use crate::worlds::{TYPES, Taken, access, account, catalogue, compile, desired_account};

    fn told(partitions: &[Partition]) -> Vec<String> {
        let tell = |partition: &Partition| {
            let Partition { sequence, mechanism, application, requests, after, .. } = partition;
            format!("{sequence} {} {application} {requests:?} after {after:?}", mechanism.name())
        };
        partitions.iter().map(tell).collect()
    }

    #[test]
    fn an_application_is_cut_only_where_another_comes_between() {
        let desired = access(TYPES.iter().map(|account_type| desired_account(account_type, vec![], &[])).collect());
        let plan = compile(&desired, &[], &[], &mut Taken::default());
        let order: Vec<&str> = plan.requests.iter().map(|request| request.account_type.as_str()).collect();
        assert_eq!(order, ["badge", "payroll", "person", "mailbox", "admin"]);
        assert_eq!(
            told(&split(&plan, &catalogue())),
            [
                "1 direct directory [2] after []",
                "2 direct payroll [1] after []",
                "3 manual door [0] after []",
                "4 executor mail [3] after [1]",
                "5 direct directory [4] after [4]",
            ]
        );
    }

    #[test]
    fn removals_run_the_other_way_round() {
        let accounts: Vec<_> = (1..)
            .zip(TYPES)
            .map(|(id, account_type)| account(id, account_type, AccountStatus::Enabled, Provenance::Created))
            .collect();
        let plan = compile(&access(vec![]), &accounts, &[], &mut Taken::default());
        assert_eq!(
            told(&split(&plan, &catalogue())),
            [
                "1 direct directory [0] after []",
                "2 direct payroll [3] after []",
                "3 executor mail [1] after [1]",
                "4 direct directory [2] after [3]",
            ]
        );
    }

    #[test]
    fn nothing_has_no_parts() {
        let plan = compile(&access(vec![]), &[], &[], &mut Taken::default());
        assert!(split(&plan, &catalogue()).is_empty());
    }
}
