use std::collections::BTreeMap;

use model::block::{BlockState, RunBlock, TripView};
use model::ids::*;
use model::job::{Run, RunState};
use model::order::Order;
use store::Store;

use crate::world::*;

fn block(id: i64, digest: &str) -> RunBlock {
    RunBlock {
        id: RunBlockId(id),
        run: RunId(1),
        subject: "orders".into(),
        digest: digest.into(),
        trips: vec![TripView { scope: "s".into(), what: "w".into(), counted: 60, limit: "50".into() }],
        changes: 60,
        second_person: true,
        blocked_at: at(5),
        state: BlockState::Waiting,
        decided_by: None,
        decided_at: None,
        reason: None,
    }
}

async fn blocked_run(store: &Store) {
    keep!(store, |tx| tx.queue_run(&run(1, RunState::Blocked)).await?);
}

pub(crate) async fn an_approval_is_bound_to_its_plan_and_used_once(store: Store) {
    blocked_run(&store).await;
    keep!(store, |tx| tx.insert_run_block(&block(10, "one")).await?);
    assert_eq!(store.run_blocks(RunId(1)).await.unwrap(), [block(10, "one")]);
    let decide = |digest: &'static str, state| {
        let store = store.clone();
        async move { keep!(store, |tx| tx.decide_run_block(RunBlockId(10), digest, state, "ann", "right", at(10)).await?) }
    };
    assert!(!decide("other", BlockState::Approved).await, "something else was looked at");
    assert!(!keep!(store, |tx| tx.use_approval(RunBlockId(10), at(0)).await?), "nobody has approved it");
    assert!(decide("one", BlockState::Approved).await);
    assert!(!decide("one", BlockState::Rejected).await, "the first word counts");
    let read = store.run_blocks(RunId(1)).await.unwrap().remove(0);
    assert_eq!(
        (read.state, read.decided_by.as_deref(), read.reason.as_deref(), read.decided_at),
        (BlockState::Approved, Some("ann"), Some("right"), Some(at(10)))
    );
    assert!(!keep!(store, |tx| tx.use_approval(RunBlockId(10), at(11)).await?), "it has run out");
    assert!(keep!(store, |tx| tx.use_approval(RunBlockId(10), at(10)).await?));
    assert!(!keep!(store, |tx| tx.use_approval(RunBlockId(10), at(10)).await?), "once is once");
    // What comes after does not undo what was used, and replaces what was not.
    keep!(store, |tx| tx.insert_run_block(&block(11, "two")).await?);
    keep!(store, |tx| tx.insert_run_block(&block(12, "three")).await?);
    let states: Vec<_> = store.run_blocks(RunId(1)).await.unwrap().into_iter().map(|block| block.state).collect();
    assert_eq!(states, [BlockState::Waiting, BlockState::Replaced, BlockState::Used]);
    assert!(keep!(store, |tx| tx.reject_run(RunId(1), "Rejected by ann.").await?));
    let read: Run = store.run(RunId(1)).await.unwrap().unwrap();
    assert_eq!((read.state, read.message.as_deref()), (RunState::Cancelled, Some("Rejected by ann.")));
    assert!(!keep!(store, |tx| tx.reject_run(RunId(1), "again").await?));
}

pub(crate) async fn what_was_not_approved_is_not_claimed(store: Store) {
    blocked_run(&store).await;
    people(&store).await;
    let beyond = Order { run: Some(RunId(1)), ..order(1, 1) };
    insert_orders(&store, vec![beyond, order(2, 2)]).await;
    keep!(store, |tx| {
        tx.insert_run_block(&block(10, "one")).await?;
        tx.bind_orders(RunId(1), RunBlockId(10), at(1)).await?;
    });
    let claimed = |now: i64| {
        let store = store.clone();
        async move {
            let orders = store.claim_orders(&claim("node", now, 10)).await.unwrap();
            orders.into_iter().map(|order| order.id.0).collect::<Vec<_>>()
        }
    };
    assert_eq!(claimed(10).await, [2], "only what keeps within the threshold");
    keep!(store, |tx| tx.decide_run_block(RunBlockId(10), "one", BlockState::Approved, "ann", "ok", at(10)).await?);
    assert_eq!(claimed(11).await, [0; 0], "approved, and not yet written down as used");
    assert!(keep!(store, |tx| tx.use_approval(RunBlockId(10), at(10)).await?));
    assert_eq!(claimed(12).await, [1]);
}

pub(crate) async fn what_was_ordered_counts_for_an_hour(store: Store) {
    blocked_run(&store).await;
    keep!(store, |tx| tx.queue_run(&run(2, RunState::Completed)).await?);
    let rows = |counted: u64| BTreeMap::from([(("person".to_owned(), "deleted".to_owned()), counted)]);
    let (three, four) = (rows(3), rows(4));
    keep!(store, |tx| {
        tx.add_threshold_use(RunId(1), &three, at(10)).await?;
        tx.add_threshold_use(RunId(1), &four, at(12)).await?;
        tx.add_threshold_use(RunId(2), &three, at(50)).await?;
    });
    let used = |since: i64| {
        let store = store.clone();
        async move { store.threshold_use(at(since)).await.unwrap().into_values().sum::<u64>() }
    };
    assert_eq!(used(0).await, 10);
    assert_eq!(used(12).await, 3);
    assert_eq!(used(50).await, 0);
}
