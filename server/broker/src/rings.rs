//! Canary rings: which of a run's people go first, and whether it went so well for them that the next may go.
//!
//! | of the ring's orders                                        | then                                    |
//! |-------------------------------------------------------------|-----------------------------------------|
//! | more have failed, or were found otherwise, than allowed     | halt: a person decides                  |
//! | more than allowed are unanswered or not read back           | wait: what is missing may still come    |
//! | all were called off, so that nothing was learned            | wait                                    |
//! | else                                                        | the next ring goes                      |
//!
//! - Whoever is picked depends on the people and the shares alone: the same input gives the same rings. They are picked
//!   by a hash of their number, so that a ring is a sample of all departments rather than whoever came first.
//! - Everything that one person gets is in one ring, since it depends on each other.
//! - What people do by hand, decide about or keep back takes days; no ring waits for it.
//!
//! What this leaves out: leavers. Their orders have no ring at all ([`arrange`]): taking access away from somebody who has
//! left waits for nobody.

use std::collections::BTreeMap;

use model::account::Mechanism;
use model::configuration::Rings;
use model::ids::{IdentityId, OrderId, RunId};
use model::order::{Lane, Order, ProvisioningState, StateReason, Trouble};
use model::rings::{RingHealth, RingTally, RunRings};
use sha2::{Digest, Sha256};

/// The ring of each of these people, from 1; nobody has one where there are too few of them, or where the configuration
/// names no shares.
pub fn picks(people: impl IntoIterator<Item = IdentityId>, rings: &Rings) -> BTreeMap<IdentityId, u32> {
    let mut ranked: Vec<([u8; 32], IdentityId)> = people.into_iter().map(|id| (rank(id), id)).collect();
    ranked.sort_unstable();
    ranked.dedup();
    let count = ranked.len() as u64;
    if rings.percent.is_empty() || count < rings.at_least {
        return BTreeMap::new();
    }
    let ends: Vec<u64> = rings.percent.iter().map(|percent| (count * u64::from(*percent)).div_ceil(100)).collect();
    let ring = |position: u64| (1..).zip(&ends).find(|(_, end)| position < **end).map_or(last(rings), |(ring, _)| ring);
    (0..).zip(ranked).map(|(position, (_, id))| (id, ring(position))).collect()
}

/// The ring of each order, and the beginning of the run's rings; none where all go at once. Orders that go later say so.
pub fn arrange(run: RunId, orders: &mut [Order], limits: &Rings) -> Option<(RunRings, Vec<(OrderId, u32)>)> {
    // What waits for an answer is never sent: the order that has the answer goes in its place, with its own run.
    let has_ring =
        |order: &Order| order.lane != Lane::Leaver && !order.reason.as_ref().is_some_and(StateReason::awaits_answer);
    let picked = picks(orders.iter().filter(|order| has_ring(order)).map(|order| order.identity), limits);
    if picked.is_empty() {
        return None;
    }
    let mut members = Vec::with_capacity(orders.len());
    for order in orders.iter_mut().filter(|order| has_ring(order)) {
        let Some(ring) = picked.get(&order.identity).copied() else { continue };
        members.push((order.id, ring));
        if ring > 1 && order.state == ProvisioningState::Pending && order.reason.is_none() {
            order.reason = Some(StateReason::Ring { ring });
        }
    }
    let rings =
        RunRings { run, rings: last(limits), released: 1, limits: limits.clone(), halted: None, released_by: None };
    Some((rings, members))
}

/// Whether nothing is left that would go after this ring: all of it has been replaced, called off, or done.
pub fn is_last<'a>(tallies: impl IntoIterator<Item = &'a RingTally>, ring: u32) -> bool {
    use ProvisioningState as State;
    let may_still_go =
        |tally: &RingTally| !matches!(tally.state, State::None | State::Inactive | State::Executed | State::Verified);
    !tallies.into_iter().any(|tally| tally.ring > ring && may_still_go(tally))
}

/// How many rings there are: one more than shares, for everybody who is left.
pub fn last(rings: &Rings) -> u32 {
    u32::try_from(rings.percent.len()).unwrap_or(u32::MAX).saturating_add(1)
}

fn rank(id: IdentityId) -> [u8; 32] {
    Sha256::digest(id.0.to_be_bytes()).into()
}

/// What these orders say about one ring.
pub fn health<'a>(
    tallies: impl IntoIterator<Item = &'a RingTally>,
    can_be_read_back: &dyn Fn(&str) -> bool,
) -> RingHealth {
    let mut health = RingHealth::default();
    for tally in tallies {
        let by_hand = tally.mechanism == Mechanism::Manual;
        let slot = match (tally.state, tally.trouble) {
            (ProvisioningState::Inactive | ProvisioningState::None, _) => &mut health.called_off,
            (ProvisioningState::AwaitingApproval, _) | (_, Some(Trouble::Held)) => &mut health.with_people,
            (ProvisioningState::Errored | ProvisioningState::Error, _) => &mut health.failed,
            (ProvisioningState::Pending | ProvisioningState::Transmitted, Some(trouble))
                if trouble != Trouble::Maintenance =>
            {
                &mut health.failed
            }
            (ProvisioningState::Pending | ProvisioningState::Transmitted, _) if by_hand => &mut health.with_people,
            (ProvisioningState::Pending | ProvisioningState::Transmitted, _) => &mut health.unanswered,
            (ProvisioningState::Executed, _) if by_hand => &mut health.with_people,
            (ProvisioningState::Executed, _) if can_be_read_back(&tally.application) => &mut health.unverified,
            (ProvisioningState::Executed | ProvisioningState::Verified, _) => &mut health.done,
        };
        *slot += tally.orders;
    }
    health
}

/// What follows from a ring's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The next ring goes.
    Release,
    /// What is missing may still come; it is looked at again with the next run.
    Wait { why: String },
    /// The next ring goes on a person's word alone.
    Halt { why: String },
}

/// See the table of the module's head.
pub fn judge(health: &RingHealth, limits: &Rings) -> Verdict {
    let counted = health.counted();
    let exceeds = |orders: u64, percent: u8| orders.saturating_mul(100) > counted.saturating_mul(u64::from(percent));
    if exceeds(health.failed, limits.failed_percent) {
        let why = format!(
            "{} of {counted} orders failed or were found otherwise; {} % are allowed",
            health.failed, limits.failed_percent
        );
        return Verdict::Halt { why };
    }
    if counted == 0 && health.with_people == 0 && health.called_off > 0 {
        let why = format!("all of its {} orders were called off, so nothing was learned from it", health.called_off);
        return Verdict::Wait { why };
    }
    let unknown = health.unanswered + health.unverified;
    if exceeds(unknown, limits.unverified_percent) {
        let why = format!(
            "{} of {counted} orders are not answered and {} not read back; {} % are allowed",
            health.unanswered, health.unverified, limits.unverified_percent
        );
        return Verdict::Wait { why };
    }
    Verdict::Release
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rings(percent: &[u8]) -> Rings {
        Rings { percent: percent.to_vec(), at_least: 1, ..Rings::default() }
    }

    fn sizes(people: i64, rings: &Rings) -> Vec<usize> {
        let picked = picks((1..=people).map(IdentityId), rings);
        (1..=last(rings)).map(|ring| picked.values().filter(|own| **own == ring).count()).collect()
    }

    #[test]
    fn shares_are_of_everybody_and_rounded_up() {
        assert_eq!(sizes(1_000, &rings(&[1, 10])), [10, 90, 900]);
        assert_eq!(sizes(50, &rings(&[1, 10])), [1, 4, 45]);
        assert_eq!(sizes(3, &rings(&[1, 10])), [1, 0, 2]);
        assert_eq!(sizes(0, &rings(&[1, 10])), [0, 0, 0]);
        assert_eq!(sizes(10, &rings(&[])), [0], "no shares, no rings");
        let few = Rings { at_least: 11, ..rings(&[10]) };
        assert_eq!(sizes(10, &few), [0, 0], "too few people for rings");
    }

    fn tally(mechanism: Mechanism, state: ProvisioningState, trouble: Option<Trouble>) -> RingTally {
        RingTally { ring: 1, application: "directory".into(), mechanism, state, trouble, orders: 1 }
    }

    #[test]
    fn every_state_counts_where_it_belongs() {
        use ProvisioningState::{AwaitingApproval, Error, Errored, Executed, Inactive, Pending, Transmitted, Verified};
        let direct = |state, trouble| health(&[tally(Mechanism::Direct, state, trouble)], &|_| true);
        let failed = RingHealth { failed: 1, ..RingHealth::default() };
        for state in [Errored, Error] {
            assert_eq!(direct(state, None), failed, "{state:?}");
        }
        for trouble in [Trouble::RetryWait, Trouble::Quarantined, Trouble::InDoubt] {
            assert_eq!(direct(Pending, Some(trouble)), failed, "{trouble:?}");
        }
        let unanswered = RingHealth { unanswered: 1, ..RingHealth::default() };
        assert_eq!(direct(Pending, None), unanswered);
        assert_eq!(direct(Pending, Some(Trouble::Maintenance)), unanswered);
        assert_eq!(direct(Transmitted, None), unanswered);
        let with_people = RingHealth { with_people: 1, ..RingHealth::default() };
        assert_eq!(direct(Pending, Some(Trouble::Held)), with_people);
        assert_eq!(direct(AwaitingApproval, None), with_people);
        assert_eq!(health(&[tally(Mechanism::Manual, Transmitted, None)], &|_| true), with_people);
        assert_eq!(direct(Executed, None), RingHealth { unverified: 1, ..RingHealth::default() });
        let done = RingHealth { done: 1, ..RingHealth::default() };
        assert_eq!(direct(Verified, None), done);
        assert_eq!(health(&[tally(Mechanism::Direct, Executed, None)], &|_| false), done, "cannot be read back");
        assert_eq!(direct(Inactive, None), RingHealth { called_off: 1, ..RingHealth::default() });
    }

    #[test]
    fn a_ring_is_judged_by_its_limits() {
        let limits = Rings { failed_percent: 10, unverified_percent: 20, ..rings(&[1]) };
        let of = |done, failed, unanswered, unverified| {
            judge(&RingHealth { done, failed, unanswered, unverified, with_people: 7, called_off: 2 }, &limits)
        };
        let nothing_learned = RingHealth { called_off: 2, ..RingHealth::default() };
        assert!(matches!(judge(&nothing_learned, &limits), Verdict::Wait { .. }));
        assert_eq!(judge(&RingHealth::default(), &limits), Verdict::Release, "nobody is in it");
        assert_eq!(of(0, 0, 0, 0), Verdict::Release, "nothing but what people do");
        assert_eq!(of(9, 1, 0, 0), Verdict::Release);
        assert!(matches!(of(8, 1, 0, 0), Verdict::Halt { .. }));
        assert_eq!(of(8, 0, 1, 1), Verdict::Release);
        assert!(matches!(of(7, 0, 1, 1), Verdict::Wait { .. }));
        assert!(matches!(of(0, 2, 9, 0), Verdict::Halt { .. }), "what failed counts before what is missing");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Everybody is in one ring, none holds more than its share, and neither order nor repetition matters.
        #[test]
        fn rings_are_exact(
            people in prop::collection::btree_set(1_i64..100_000, 0..300),
            mut percent in prop::collection::vec(1_u8..100, 1..5),
        ) {
            percent.sort_unstable();
            let rings = rings(&percent);
            let picked = picks(people.iter().copied().map(IdentityId), &rings);
            prop_assert_eq!(picked.len(), people.len());
            let again = picks(people.iter().rev().chain(people.iter()).copied().map(IdentityId), &rings);
            prop_assert_eq!(&again, &picked);
            for (ring, percent) in (1..).zip(&percent) {
                let up_to = picked.values().filter(|own| **own <= ring).count();
                prop_assert_eq!(up_to, (people.len() * usize::from(*percent)).div_ceil(100));
            }
            prop_assert!(picked.values().all(|ring| (1..=last(&rings)).contains(ring)));
        }

        /// A ring is released exactly where both shares are within their limits, however large the numbers.
        #[test]
        fn nothing_unhealthy_is_released(
            done in 0_u64..1_000, failed in 0_u64..1_000, unanswered in 0_u64..1_000, unverified in 0_u64..1_000,
            failed_percent in 0_u8..=100, unverified_percent in 0_u8..=100,
        ) {
            let health = RingHealth { done, failed, unanswered, unverified, with_people: 3, called_off: 1 };
            let limits = Rings { failed_percent, unverified_percent, ..rings(&[1]) };
            let counted = health.counted() as f64;
            let is_within = |orders: u64, percent: u8| orders as f64 * 100.0 <= counted * f64::from(percent);
            let is_healthy = is_within(failed, failed_percent) && is_within(unanswered + unverified, unverified_percent);
            prop_assert_eq!(judge(&health, &limits) == Verdict::Release, is_healthy);
            let is_halted = matches!(judge(&health, &limits), Verdict::Halt { .. });
            prop_assert_eq!(is_halted, !is_within(failed, failed_percent));
        }
    }
}
