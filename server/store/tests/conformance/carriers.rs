//! Orders that are sent to somebody else than their own application.

use model::account::Mechanism;
use model::ids::{AccountId, OrderId};
use model::order::{Order, ProvisioningState, StateReason, Trouble};
use model::plan::Operation;
use model::view::OrderFilter;
use store::{Claim, RecordedTransition, Store};

use crate::transitions::done;
use crate::world::{account, at, claim, insert_orders, keep, order, people};

fn ids(orders: &[Order]) -> Vec<i64> {
    orders.iter().map(|order| order.id.0).collect()
}

/// Of the desk, which carries out orders of the directory and of payroll.
fn desk(now: i64) -> Claim {
    let applications = vec!["payroll".into(), "directory".into(), "directory".into()];
    Claim { carrier: "desk".into(), applications, ..claim("node", now, 10) }
}

fn by_desk(id: i64, identity: i64) -> Order {
    Order { mechanism: Mechanism::Executor, carrier: "desk".into(), ..order(id, identity) }
}

pub(crate) async fn orders_wait_in_the_queue_of_whom_they_go_to(store: Store) {
    people(&store).await;
    let orders = vec![
        order(30, 1),
        by_desk(31, 2),
        Order { application: "payroll".into(), ..by_desk(32, 3) },
        Order { application: "payroll".into(), ..by_desk(33, 4) },
    ];
    insert_orders(&store, orders.clone()).await;
    assert_eq!(store.order(OrderId(32)).await.unwrap(), Some(orders[2].clone()));
    let due = [("desk".to_owned(), 3), ("directory".to_owned(), 1)];
    assert_eq!(store.due_carriers(at(100), None).await.unwrap(), due);
    let payroll = Some(&["payroll".to_owned()][..]);
    assert_eq!(store.due_carriers(at(100), payroll).await.unwrap(), [("desk".to_owned(), 2)]);
    assert_eq!(
        store.due_applications(at(100)).await.unwrap(),
        [("directory".to_owned(), 2), ("payroll".to_owned(), 2)]
    );
    let filter = OrderFilter { carrier: Some("desk".into()), ..OrderFilter::default() };
    let page = store.order_page(&filter).await.unwrap();
    assert_eq!((page.rows.len(), page.total), (3, 3));
    assert!(page.rows.iter().all(|row| row.carrier == "desk"));
    let everything = OrderFilter { carrier: Some(String::new()), ..OrderFilter::default() };
    assert_eq!(store.order_page(&everything).await.unwrap().rows.len(), 4);

    // Nothing is sent to the desk: whatever application it is for, it waits.
    let reason = StateReason::Quarantined { since: at(90), message: "refused".into() };
    let paused = keep!(store, |tx| {
        tx.pause_orders("desk", &reason, Trouble::Quarantined, "f7", "It waits.", at(100)).await?
    });
    assert_eq!(paused, 3);
    assert_eq!(store.paused_orders().await.unwrap(), [("desk".to_owned(), Trouble::Quarantined, 3)]);
    // A person gives one of them to people: it is the application's own from now on.
    keep!(store, |tx| tx.set_order_mechanism(&[OrderId(33)], Mechanism::Manual).await?);
    let given = store.order(OrderId(33)).await.unwrap().unwrap();
    assert_eq!((given.mechanism, given.carrier.as_str()), (Mechanism::Manual, "payroll"));
    assert!(given.given_to_people, "its plan had sent it to the desk");
    keep!(store, |tx| tx.resume_orders("desk", Trouble::Quarantined, "node", "It goes on.", at(101)).await?);

    assert_eq!(ids(&store.claim_orders(&claim("node", 102, 10)).await.unwrap()), [30]);
    assert_eq!(ids(&store.claim_orders(&desk(102)).await.unwrap()), [31, 32]);
    assert_eq!(ids(&store.orders_sent_to("desk", 10).await.unwrap()), [31, 32]);
    assert_eq!(ids(&store.orders_sent_to("desk", 1).await.unwrap()), [31]);
    assert_eq!(store.orders_under_way("desk").await.unwrap().transmitted, 2);
    assert_eq!(store.awaited_carriers().await.unwrap(), ["desk", "directory"]);
    assert!(store.owes_answers("desk").await.unwrap());
    assert_eq!(ids(&store.overdue_orders("desk", at(200)).await.unwrap()), [31, 32]);
    assert_eq!(ids(&store.reclaim_lost_orders(&desk(500)).await.unwrap()), [31, 32]);
}

pub(crate) async fn what_was_ordered_with_a_creation_gets_its_account(store: Store) {
    people(&store).await;
    let entitlements = |id, identity, after: i64| Order {
        operation: Operation::Update,
        after: vec![OrderId(after)],
        ..by_desk(id, identity)
    };
    let of_another_type = Order { account_type: "other".into(), ..entitlements(34, 1, 30) };
    insert_orders(
        &store,
        vec![order(30, 1), entitlements(31, 1, 30), order(32, 2), entitlements(33, 2, 32), of_another_type],
    )
    .await;
    keep!(store, |tx| tx.insert_accounts(&[account(1, "directory", "a", Some(1), &[])], at(0)).await?);
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [30, 32]);
    assert!(store.claim_orders(&desk(100)).await.unwrap().is_empty());
    // One is known at once, of the other it is found out later under which key.
    let steps = [
        RecordedTransition { account: Some(AccountId(1)), key: Some("a".into()), ..done(30, 1, 101) },
        done(32, 1, 101),
    ];
    keep!(store, |tx| tx.record_transitions(&steps).await?);
    let follower = store.order(OrderId(31)).await.unwrap().unwrap();
    assert_eq!((follower.account, follower.key.as_deref()), (Some(AccountId(1)), Some("a")));
    assert_eq!(store.order(OrderId(34)).await.unwrap().unwrap().account, None);
    assert_eq!(ids(&store.claim_orders(&desk(102)).await.unwrap()), [31]);
    keep!(store, |tx| tx.insert_accounts(&[account(2, "directory", "b", Some(2), &[])], at(0)).await?);
    let found = RecordedTransition {
        fence: None,
        from: vec![ProvisioningState::Executed],
        to: ProvisioningState::Verified,
        account: Some(AccountId(2)),
        key: Some("b".into()),
        ..done(32, 1, 103)
    };
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[found]).await?), [true]);
    assert_eq!(ids(&store.claim_orders(&desk(104)).await.unwrap()), [33]);
}

pub(crate) async fn what_is_answered_at_once_goes_first(store: Store) {
    people(&store).await;
    keep!(store, |tx| tx.insert_accounts(&[account(1, "directory", "a", Some(1), &[])], at(0)).await?);
    let of = |order: Order| Order { account: Some(AccountId(1)), operation: Operation::Update, ..order };
    insert_orders(
        &store,
        vec![of(by_desk(30, 1)), of(order(31, 1)), of(Order { after: vec![OrderId(30)], ..order(32, 1) })],
    )
    .await;
    assert!(store.claim_orders(&desk(100)).await.unwrap().is_empty());
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 10)).await.unwrap()), [31]);
    assert!(store.claim_orders(&desk(100)).await.unwrap().is_empty(), "one at a time");
    // One that fails, or waits for this one, keeps nobody waiting.
    let failed = RecordedTransition { to: ProvisioningState::Errored, ..done(31, 1, 101) };
    keep!(store, |tx| tx.record_transitions(&[failed]).await?);
    assert_eq!(ids(&store.claim_orders(&desk(102)).await.unwrap()), [30]);
}
