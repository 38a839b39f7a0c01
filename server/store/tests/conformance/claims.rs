use std::collections::HashSet;

use model::ids::*;
use model::job::RunState;
use model::order::{Answer, ErrorClass, Lane, Order, ProvisioningState, StateReason};
use store::{Claim, RecordedTransition, Store};

use crate::world::*;

fn ids(orders: &[Order]) -> Vec<i64> {
    orders.iter().map(|order| order.id.0).collect()
}

pub(crate) async fn due_orders_are_claimed_by_lane(store: Store) {
    people(&store).await;
    let waiting = StateReason::RetryWait { class: ErrorClass::Unknown, message: "reset".into() };
    let rows = vec![
        Order { reason: Some(waiting.clone()), fence: 3, attempts: 3, next_attempt_at: Some(at(90)), ..order(30, 1) },
        Order { lane: Lane::Leaver, ..order(31, 2) },
        order(32, 3),
        Order { application: "payroll".into(), carrier: "payroll".into(), ..order(33, 4) },
        Order { state: ProvisioningState::AwaitingApproval, ..order(34, 5) },
    ];
    insert_orders(&store, rows.clone()).await;
    let claimed = store.claim_orders(&claim("node", 100, 2)).await.unwrap();
    assert_eq!(ids(&claimed), [31, 30]);
    let mut expected = Order {
        state: ProvisioningState::Transmitted,
        fence: 4,
        attempts: 4,
        next_attempt_at: None,
        transmitted_at: Some(at(100)),
        ..rows[0].clone()
    };
    for item in &mut expected.items {
        item.state = ProvisioningState::Transmitted;
    }
    assert_eq!(claimed[1], in_brief(&expected), "the reason from before is told");
    assert_eq!(store.order(OrderId(30)).await.unwrap(), Some(Order { reason: None, ..expected }));
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [32]);
    assert!(store.claim_orders(&claim("node", 100, 10)).await.unwrap().is_empty());
}

/// As whatever moves orders on reads them: without saying why.
fn in_brief(order: &Order) -> Order {
    let mut brief = Order { explanation: String::new(), reasons: Vec::new(), ..order.clone() };
    for item in &mut brief.items {
        item.explanation.clear();
        item.reasons.clear();
    }
    brief
}

pub(crate) async fn orders_wait_for_time_predecessors_and_runs(store: Store) {
    people(&store).await;
    keep!(store, |tx| {
        tx.queue_run(&run(7, RunState::Completed)).await?;
        let after = |id, identity, after: &[i64]| Order {
            after: after.iter().copied().map(OrderId).collect(),
            ..order(id, identity)
        };
        let executed = Order { state: ProvisioningState::Executed, executed_at: Some(at(1)), ..order(20, 1) };
        let verified = Order { state: ProvisioningState::Verified, verified_at: Some(at(1)), ..order(21, 1) };
        let errored = Order { state: ProvisioningState::Errored, ..order(22, 1) };
        let inactive = Order { state: ProvisioningState::Inactive, ..order(23, 1) };
        tx.insert_orders(&[executed, verified, errored, inactive]).await?;
        tx.insert_orders(&[
            after(30, 2, &[20, 21]),
            after(31, 3, &[20, 22]),
            after(35, 7, &[23]),
            after(32, 4, &[30]),
            Order { next_attempt_at: Some(at(200)), ..order(33, 5) },
            Order { run: Some(RunId(7)), ..order(34, 6) },
        ])
        .await?;
    });
    let of_run = Claim { run: Some(RunId(7)), ..claim("node", 100, 10) };
    assert_eq!(ids(&store.claim_orders(&of_run).await.unwrap()), [34]);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [30, 35]);
    assert_eq!(ids(&store.claim_orders(&claim("node", 200, 10)).await.unwrap()), [33]);
    let done = crate::transitions::done(30, 1, 201);
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[done]).await?), [true]);
    assert_eq!(ids(&store.claim_orders(&claim("node", 202, 10)).await.unwrap()), [32]);
}

pub(crate) async fn one_order_in_flight_per_account(store: Store) {
    people(&store).await;
    let of_account = |id, account: Option<i64>| Order { account: account.map(AccountId), ..order(id, 1) };
    keep!(store, |tx| {
        tx.insert_accounts(
            &[account(1, "directory", "a", Some(1), &[]), account(2, "directory", "b", Some(2), &[])],
            at(0),
        )
        .await?;
        tx.insert_orders(&[
            of_account(30, Some(1)),
            of_account(31, Some(1)),
            of_account(32, Some(2)),
            of_account(33, None),
            of_account(34, None),
        ])
        .await?;
    });
    let first = store.claim_orders(&claim("node", 100, 10)).await.unwrap();
    assert_eq!(ids(&first), [30, 32, 33]);
    assert!(store.claim_orders(&claim("node", 100, 10)).await.unwrap().is_empty());
    let done: Vec<_> = [30, 33].into_iter().map(|id| crate::transitions::done(id, 1, 101)).collect();
    keep!(store, |tx| tx.record_transitions(&done).await?);
    assert_eq!(ids(&store.claim_orders(&claim("node", 102, 10)).await.unwrap()), [31, 34]);
    // The rule holds even for a writer that does not ask.
    let in_flight = move |id, account: Option<i64>| Order {
        state: ProvisioningState::Transmitted,
        transmitted_at: Some(at(1)),
        ..of_account(id, account)
    };
    let error = refused!(store, |tx| tx.insert_orders(&[in_flight(40, Some(1))]).await?);
    assert_conflict(&error, "order_one_in_flight");
    let error = refused!(store, |tx| tx.insert_orders(&[in_flight(40, None)]).await?);
    assert_conflict(&error, "order_one_creation_in_flight");
}

pub(crate) async fn two_claimers_never_get_the_same_order(store: Store) {
    people(&store).await;
    // Three orders of each account to come, so that claimers also meet on accounts.
    let orders: Vec<_> =
        (0..300).map(|n| Order { account_type: format!("type {}", n / 3), ..order(1_000 + n, 1 + n % 3) }).collect();
    let orders: Vec<_> = orders.into_iter().map(|order| Order { identity: IdentityId(1), ..order }).collect();
    insert_orders(&store, orders).await;
    let mut seen = HashSet::new();
    for round in 0..3 {
        let mut tasks = Vec::new();
        for node in 0..8 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claim = claim(&format!("node {node}"), 5_000 + round, 5);
                    let claimed = store.claim_orders(&claim).await.unwrap();
                    if claimed.is_empty() {
                        break mine;
                    }
                    mine.extend(claimed);
                }
            }));
        }
        let mut accounts = HashSet::new();
        let mut done = Vec::new();
        for task in tasks {
            for order in task.await.unwrap() {
                assert!(seen.insert(order.id), "{} was claimed twice", order.id);
                assert!(accounts.insert(order.account_type.clone()), "{} is in flight twice", order.account_type);
                done.push(crate::transitions::done(order.id.0, order.fence, 5_000 + round));
            }
        }
        assert_eq!(accounts.len(), 100);
        assert!(keep!(store, |tx| tx.record_transitions(&done).await?).into_iter().all(|accepted| accepted));
    }
    assert_eq!(seen.len(), 300);
}

pub(crate) async fn a_lost_order_is_reclaimed_with_doubt(store: Store) {
    people(&store).await;
    let elsewhere = Order { application: "payroll".into(), carrier: "payroll".into(), ..order(31, 2) };
    insert_orders(&store, vec![order(30, 1), elsewhere]).await;
    store.claim_orders(&claim("gone", 100, 10)).await.unwrap();
    assert!(store.reclaim_lost_orders(&claim("node", 129, 10)).await.unwrap().is_empty());
    let lost = store.reclaim_lost_orders(&claim("node", 130, 10)).await.unwrap();
    assert_eq!(ids(&lost), [30]);
    assert_eq!((lost[0].fence, lost[0].attempts, lost[0].reason.clone()), (2, 2, Some(StateReason::InDoubt)));
    assert_eq!(store.orders_in_brief(&[OrderId(30)]).await.unwrap(), lost);
    assert!(store.reclaim_lost_orders(&claim("node", 130, 10)).await.unwrap().is_empty());
    let detail = store.order_detail(OrderId(30)).await.unwrap().unwrap();
    let attempts: Vec<_> = detail
        .attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.fence, attempt.node.as_str(), attempt.answer.clone()))
        .collect();
    assert_eq!(attempts, [(1, 1, "gone", None), (2, 2, "node", None)]);
    assert_eq!(detail.timeline.last().unwrap().reason, Some(StateReason::InDoubt));
    // Whoever was gone comes back: too late.
    let late = crate::transitions::done(30, 1, 131);
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[late]).await?), [false]);
}

pub(crate) async fn leases_are_renewed_by_who_holds_them(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1), order(31, 2)]).await;
    store.claim_orders(&claim("one", 100, 1)).await.unwrap();
    store.claim_orders(&claim("two", 100, 1)).await.unwrap();
    let both = [OrderId(30), OrderId(31)];
    assert_eq!(keep!(store, |tx| tx.renew_leases("one", &both, at(300)).await?), 1, "the other is another node's");
    // A lease is never made shorter.
    assert_eq!(keep!(store, |tx| tx.renew_leases("one", &both, at(200)).await?), 1);
    assert_eq!(keep!(store, |tx| tx.renew_leases("two", &both[..1], at(300)).await?), 0);
    assert_eq!(ids(&store.reclaim_lost_orders(&claim("three", 299, 10)).await.unwrap()), [31]);
    assert_eq!(ids(&store.reclaim_lost_orders(&claim("three", 300, 10)).await.unwrap()), [30]);
}

pub(crate) async fn orders_that_nobody_works_on_are_let_go(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1), order(31, 2), order(32, 3)]).await;
    store.claim_orders(&claim("one", 100, 2)).await.unwrap();
    store.claim_orders(&claim("two", 100, 1)).await.unwrap();
    assert_eq!(keep!(store, |tx| tx.let_orders_go("one", &[OrderId(31)]).await?), 1);
    assert_eq!(ids(&store.reclaim_lost_orders(&claim("one", 101, 10)).await.unwrap()), [30]);
    assert_eq!(keep!(store, |tx| tx.let_orders_go("none", &[]).await?), 0);
}

pub(crate) async fn orders_wait_until_they_are_released(store: Store) {
    people(&store).await;
    keep!(store, |tx| {
        tx.queue_run(&run(7, RunState::Completed)).await?;
        let held = |id, identity, run: Option<i64>| Order {
            next_attempt_at: None,
            run: run.map(RunId),
            ..order(id, identity)
        };
        tx.insert_orders(&[held(30, 1, Some(7)), held(31, 2, None), order(32, 3)]).await?;
    });
    assert_eq!(store.due_applications(at(100)).await.unwrap(), [("directory".to_owned(), 1)]);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [32]);
    assert_eq!(keep!(store, |tx| tx.release_orders(Some(RunId(7)), None, at(101)).await?), 1);
    assert!(store.claim_orders(&claim("node", 100, 10)).await.unwrap().is_empty());
    assert_eq!(ids(&store.claim_orders(&claim("node", 101, 10)).await.unwrap()), [30]);
    let named = |name: &str| vec![name.to_owned(), "nothing".to_owned()];
    assert_eq!(keep!(store, |tx| tx.release_orders(None, Some(&named("payroll")), at(102)).await?), 0);
    assert_eq!(keep!(store, |tx| tx.release_orders(None, Some(&[]), at(102)).await?), 0);
    assert_eq!(keep!(store, |tx| tx.release_orders(None, Some(&named("directory")), at(102)).await?), 1);
    assert_eq!(ids(&store.claim_orders(&claim("node", 102, 10)).await.unwrap()), [31]);
}

pub(crate) async fn an_order_in_doubt_is_reclaimed_when_due(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1)]).await;
    store.claim_orders(&claim("node", 100, 1)).await.unwrap();
    let doubt = RecordedTransition {
        to: ProvisioningState::Transmitted,
        reason: Some(StateReason::InDoubt),
        next_attempt_at: Some(at(160)),
        answer: Some(Answer::Failed { class: ErrorClass::Unknown, message: "reset".into() }),
        ..crate::transitions::done(30, 1, 105)
    };
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[doubt]).await?), [true]);
    assert!(store.reclaim_lost_orders(&claim("node", 159, 10)).await.unwrap().is_empty());
    assert_eq!(ids(&store.reclaim_lost_orders(&claim("node", 160, 10)).await.unwrap()), [30]);
}

pub(crate) async fn leases_are_void_after_a_start(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1)]).await;
    store.claim_orders(&claim("gone", 100, 1)).await.unwrap();
    keep!(store, |tx| {
        tx.queue_run(&run(7, RunState::Queued)).await?;
        tx.claim_run("gone", at(100), at(130)).await?;
    });
    assert_eq!(keep!(store, |tx| tx.void_leases().await?), 2);
    assert_eq!(ids(&store.reclaim_lost_orders(&claim("node", 101, 10)).await.unwrap()), [30]);
    assert!(keep!(store, |tx| tx.claim_run("node", at(101), at(131)).await?).is_some());
}
