//! What a person approves when they let a run go on beyond a threshold: exactly what was stopped, by its digest.
//!
//! The digest is of what would happen and of nothing else: in whatever order it was put together, and whoever computes
//! it, the same effects give the same digest, and any other effect gives another. Explanations and reasons are left out,
//! since they change nothing in an application.

use jiff::{SignedDuration, Timestamp};
use model::block::{BlockState, RunBlock};
use model::plan::{AccountRequest, Plan};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How long an approval holds.
pub const HOLDS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Digest of the finished plans of all identities.
pub fn of_plans<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> String {
    of_changes("orders", plans.into_iter().map(effects))
}

/// Digest of a difference: one line for each change, in any order.
pub fn of_changes(subject: &str, lines: impl IntoIterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort_unstable();
    let mut hasher = Sha256::new();
    for text in std::iter::once(subject).chain(lines.iter().map(String::as_str)) {
        // The length goes in first, so that two lines in a row cannot be confused with two others.
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A change as a line for [`of_changes`]. What cannot be written down as JSON does not exist in this product's nouns.
pub fn line(change: &impl Serialize) -> String {
    serde_json::to_string(change).unwrap_or_default()
}

/// What has been said about what would happen now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Nobody has said anything about it.
    Unheard,
    /// It waits for somebody already.
    Waiting(&'a RunBlock),
    /// A person lets exactly this happen.
    Holds(&'a RunBlock),
    /// The approval was given for exactly this, too long ago.
    Expired(&'a RunBlock),
    /// Something else was approved.
    Void(&'a RunBlock),
}

/// Compares what would happen now with what is on record of the run, newest first.
pub fn standing<'a>(blocks: &'a [RunBlock], subject: &str, digest: &str, now: Timestamp) -> Standing<'a> {
    let open = |block: &&RunBlock| {
        block.subject == subject && matches!(block.state, BlockState::Waiting | BlockState::Approved)
    };
    match blocks.iter().find(open) {
        None => Standing::Unheard,
        Some(block) if block.state == BlockState::Waiting && block.digest == digest => Standing::Waiting(block),
        Some(block) if block.state == BlockState::Waiting => Standing::Unheard,
        Some(block) if block.digest != digest => Standing::Void(block),
        Some(block) if has_expired(block, now) => Standing::Expired(block),
        Some(block) => Standing::Holds(block),
    }
}

/// Whether an approval was given too long ago.
pub fn has_expired(block: &RunBlock, now: Timestamp) -> bool {
    block.decided_at.is_none_or(|at| now.duration_since(at) > HOLDS_FOR)
}

/// The plan as far as it has effects.
fn effects(plan: &Plan) -> String {
    #[derive(Serialize)]
    struct Effects<'a> {
        identity: model::ids::IdentityId,
        requests: Vec<serde_json::Value>,
        withdrawn: &'a [model::ids::OrderId],
    }
    let requests = plan.requests.iter().map(request).collect();
    line(&Effects { identity: plan.identity, requests, withdrawn: &plan.withdrawn })
}

fn request(request: &AccountRequest) -> serde_json::Value {
    let items: Vec<_> = request
        .items
        .iter()
        .map(|item| {
            serde_json::json!([item.kind, item.name, item.operation, item.value, item.current, item.entitlement])
        })
        .collect();
    serde_json::json!({
        "application": request.application,
        "account_type": request.account_type,
        "account": request.account,
        "key": request.key,
        "operation": request.operation,
        "items": items,
        "after": request.after,
        "error": request.error,
        "waits_for": request.waits_for,
        "supersedes": request.supersedes,
    })
}

#[cfg(test)]
mod tests {
    use model::ids::{IdentityId, RunBlockId, RunId};
    use proptest::prelude::*;

    use super::*;
    use crate::worlds::{compile, world};

    fn block(state: BlockState, digest: &str, decided: Option<i64>) -> RunBlock {
        RunBlock {
            id: RunBlockId(1),
            run: RunId(1),
            subject: "orders".to_owned(),
            digest: digest.to_owned(),
            trips: Vec::new(),
            changes: 1,
            second_person: false,
            blocked_at: Timestamp::UNIX_EPOCH,
            state,
            decided_by: decided.map(|_| "ann".to_owned()),
            decided_at: decided.map(|hour| Timestamp::from_second(hour * 3_600).unwrap()),
            reason: None,
        }
    }

    #[test]
    fn an_approval_holds_for_its_plan_and_for_a_day() {
        let now = Timestamp::from_second(100 * 3_600).unwrap();
        let told = |block: RunBlock, digest: &str| match standing(&[block], "orders", digest, now) {
            Standing::Unheard => "unheard",
            Standing::Waiting(_) => "waiting",
            Standing::Holds(_) => "holds",
            Standing::Expired(_) => "expired",
            Standing::Void(_) => "void",
        };
        for (state, decided, digest, expected) in [
            (BlockState::Waiting, None, "a", "waiting"),
            (BlockState::Waiting, None, "b", "unheard"),
            (BlockState::Approved, Some(76), "a", "holds"),
            (BlockState::Approved, Some(75), "a", "expired"),
            (BlockState::Approved, Some(100), "b", "void"),
            (BlockState::Used, Some(100), "a", "unheard"),
            (BlockState::Rejected, Some(100), "a", "unheard"),
            (BlockState::Replaced, None, "a", "unheard"),
        ] {
            assert_eq!(told(block(state, "a", decided), digest), expected, "{state:?} {digest}");
        }
        assert_eq!(standing(&[block(BlockState::Approved, "a", Some(99))], "source:hr", "a", now), Standing::Unheard);
    }

    #[test]
    fn lines_cannot_be_confused_with_each_other() {
        let digest = |lines: &[&str]| of_changes("x", lines.iter().map(|line| (*line).to_owned()));
        assert_eq!(digest(&["a", "b"]), digest(&["b", "a"]));
        assert_ne!(digest(&["ab"]), digest(&["a", "b"]));
        assert_ne!(digest(&["a"]), digest(&["a", "a"]));
        assert_ne!(of_changes("x", ["a".to_owned()]), of_changes("y", ["a".to_owned()]));
    }

    proptest! {
        /// Workers may finish in any order: the digest is the plan's. And whatever is different is told apart.
        #[test]
        fn a_digest_is_of_what_happens_and_of_nothing_else(worlds in prop::collection::vec(world(), 1..6), turn in 0..6_usize) {
            let mut plans: Vec<Plan> = (1..).zip(worlds).map(|(id, mut world)| {
                let mut plan = compile(&world.desired, &world.accounts, &[], &mut world.taken);
                plan.identity = IdentityId(id);
                plan
            }).collect();
            let digest = of_plans(&plans);
            let turn = turn % plans.len();
            plans.rotate_left(turn);
            prop_assert_eq!(&digest, &of_plans(&plans));
            for request in plans.iter_mut().flat_map(|plan| &mut plan.requests) {
                request.explanation.push_str(" (said otherwise)");
            }
            prop_assert_eq!(&digest, &of_plans(&plans));
            let lost = plans.iter_mut().rev().find_map(|plan| plan.requests.pop());
            if lost.is_some() {
                prop_assert_ne!(&digest, &of_plans(&plans));
            }
        }
    }
}
