//! Orders that are sent to somebody else than their own application.

use std::collections::HashMap;

use model::account::Mechanism;
use model::ids::{AccountId, OrderId, OrderItemId};
use model::order::{Order, OrderItem, ProvisioningState, StateReason, Trouble};
use model::plan::{ItemKind, Operation};
use model::view::OrderFilter;
use store::{Claim, RecordedTransition, Store};

use crate::transitions::done;
use crate::world::{account, assert_conflict, at, claim, insert_orders, keep, order, people, refused};

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

/// An order of account 1 that touches this: `-` the account itself, small letters attributes, capitals entitlements.
fn touching(order: Order, operation: Operation, names: &str) -> Order {
    let template = order.items[0].clone();
    let item = |(name, number): (char, i64)| OrderItem {
        id: OrderItemId(order.id.0 * 10 + number),
        kind: match name {
            '-' => ItemKind::Lifecycle,
            name if name.is_uppercase() => ItemKind::Entitlement,
            _ => ItemKind::Attribute,
        },
        // The item of the account itself is named by its key, or by its type.
        name: if name == '-' { format!("account of {}", order.id) } else { name.to_string() },
        ..template.clone()
    };
    let items = names.chars().zip(1..).map(item).collect();
    Order { account: Some(AccountId(1)), key: Some("a".into()), operation, items, ..order }
}

pub(crate) async fn what_is_sent_directly_goes_beside_what_others_hold(store: Store) {
    use Operation::{Create, Delete, Disable, Enable, Update};
    people(&store).await;
    keep!(store, |tx| tx.insert_accounts(&[account(1, "directory", "a", Some(1), &[])], at(0)).await?);
    let people_do = |id| Order { mechanism: Mechanism::Manual, ..order(id, 1) };
    let mut first = 100;
    for (held, sent, expect) in [
        ((by_desk(30, 1), Update, "AB"), (Disable, "-"), true),
        ((people_do(30), Update, "Ab"), (Enable, "-C"), true),
        ((by_desk(30, 1), Update, "A"), (Update, "aB"), true),
        ((people_do(30), Disable, "-A"), (Update, "aB"), true),
        ((by_desk(30, 1), Update, "AB"), (Disable, "-B"), false),
        ((people_do(30), Update, "bc"), (Update, "ab"), false),
        ((people_do(30), Disable, "-"), (Enable, "-"), false),
        ((people_do(30), Enable, "-"), (Update, "A"), false),
        ((people_do(30), Delete, "-"), (Update, "a"), false),
        ((people_do(30), Create, "-"), (Update, "a"), false),
        ((by_desk(30, 1), Update, "A"), (Delete, "-"), false),
        ((order(30, 1), Update, "A"), (Disable, "-"), false),
    ] {
        let numbered = |order: Order| Order { id: OrderId(first), created_at: at(first), ..order };
        let told = format!("{sent:?} beside {:?} {} {}", held.1, held.0.mechanism.name(), held.2);
        let held = Order {
            state: ProvisioningState::Transmitted,
            transmitted_at: Some(at(1)),
            ..touching(numbered(held.0), held.1, held.2)
        };
        let sent = touching(order(first + 1, 1), sent.0, sent.1);
        insert_orders(&store, vec![held, sent]).await;
        let claimed = ids(&store.claim_orders(&claim("node", 5_000, 10)).await.unwrap());
        assert_eq!(claimed, if expect { vec![first + 1] } else { vec![] }, "{told}");
        // What is not sent directly waits in any case.
        let later = touching(by_desk(first + 2, 1), Update, "Z");
        insert_orders(&store, vec![later]).await;
        assert!(store.claim_orders(&desk(5_000)).await.unwrap().is_empty(), "{told}");
        let over = |id| RecordedTransition {
            fence: None,
            from: vec![ProvisioningState::Pending, ProvisioningState::Transmitted],
            answer: None,
            ..done(id, 1, 5_000)
        };
        let all_over = [over(first), over(first + 1), over(first + 2)];
        keep!(store, |tx| tx.record_transitions(&all_over).await?);
        first += 10;
    }
    // What a reviewer declined does not go out, and keeps nothing back.
    let mut declined = touching(by_desk(first, 1), Update, "AB");
    (declined.state, declined.transmitted_at) = (ProvisioningState::Transmitted, Some(at(1)));
    declined.items.iter_mut().for_each(|item| item.state = ProvisioningState::Transmitted);
    declined.items[1].state = ProvisioningState::Inactive;
    insert_orders(&store, vec![declined, touching(order(first + 1, 1), Disable, "-B")]).await;
    assert_eq!(ids(&store.claim_orders(&claim("node", 5_000, 10)).await.unwrap()), [first + 1]);
}

pub(crate) async fn of_an_account_one_is_sent_and_one_is_held(store: Store) {
    people(&store).await;
    keep!(store, |tx| tx.insert_accounts(&[account(1, "directory", "a", Some(1), &[])], at(0)).await?);
    let in_flight = |order: Order| Order {
        state: ProvisioningState::Transmitted,
        transmitted_at: Some(at(1)),
        ..touching(order, Operation::Update, "a")
    };
    // The rule holds even for a writer that does not ask.
    insert_orders(&store, vec![in_flight(order(30, 1)), in_flight(by_desk(31, 1))]).await;
    let by_hand = Order { mechanism: Mechanism::Manual, ..in_flight(order(32, 1)) };
    let error = refused!(store, |tx| tx.insert_orders(&[by_hand]).await?);
    assert_conflict(&error, "order_one_held");
    let another = in_flight(order(33, 1));
    let error = refused!(store, |tx| tx.insert_orders(&[another]).await?);
    assert_conflict(&error, "order_one_in_flight");
}

pub(crate) async fn orders_follow_the_key_of_their_account(store: Store) {
    people(&store).await;
    let accounts = [account(1, "directory", "a", Some(1), &[]), account(2, "directory", "b", Some(2), &[])];
    keep!(store, |tx| {
        tx.insert_accounts(&accounts, at(0)).await?;
        assert_eq!(tx.accounts_to_change(&[AccountId(2), AccountId(9)]).await?, accounts[1..]);
        let other = Order { account: Some(AccountId(2)), key: Some("b".into()), ..order(32, 2) };
        let verified = Order { state: ProvisioningState::Verified, verified_at: Some(at(1)), ..order(33, 1) };
        tx.insert_orders(&[
            touching(order(30, 1), Operation::Update, "a"),
            touching(by_desk(31, 1), Operation::Update, "A"),
            other,
            touching(verified, Operation::Update, "a"),
        ])
        .await?;
    });
    assert_eq!(ids(&store.claim_orders(&claim("node", 100, 1)).await.unwrap()), [30]);
    keep!(store, |tx| tx.follow_keys(&[(AccountId(1), "renamed".into())]).await?);
    for (id, key) in [(30, "renamed"), (31, "renamed"), (32, "b"), (33, "a")] {
        assert_eq!(store.order(OrderId(id)).await.unwrap().unwrap().key.as_deref(), Some(key), "{id}");
    }
}

/// Claims of several carriers at once, over orders of the same accounts: of each account one is sent and one is held, and
/// never what touches the same.
pub(crate) async fn two_claimers_never_send_the_same_beside_each_other(store: Store) {
    people(&store).await;
    let accounts: Vec<_> = (1..=40).map(|id| account(id, "directory", &format!("k{id}"), Some(1), &[])).collect();
    let orders = (1..=40).flat_map(|id| {
        let of = move |order: Order| Order { account: Some(AccountId(id)), key: Some(format!("k{id}")), ..order };
        let first = 1_000 + id * 10;
        [
            of(touching(by_desk(first, 1), Operation::Update, "AB")),
            of(touching(order(first + 1, 1), Operation::Update, "Ba")),
            of(touching(order(first + 2, 1), Operation::Disable, "-")),
            of(touching(by_desk(first + 3, 1), Operation::Update, "C")),
        ]
    });
    let orders: Vec<Order> = orders.collect();
    let count = orders.len();
    keep!(store, |tx| {
        tx.insert_accounts(&accounts, at(0)).await?;
        tx.insert_orders(&orders).await?;
    });
    let (mut claimed, mut round) = (0, 0);
    while claimed < count {
        let now = 5_000 + round;
        round += 1;
        assert!(round < 10, "{claimed} of {count}");
        let mut tasks = Vec::new();
        for node in 0..4 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                let own = if node % 2 == 0 { desk(now) } else { claim("node", now, 10) };
                let mut mine = Vec::new();
                loop {
                    let found = store.claim_orders(&Claim { limit: 7, ..own.clone() }).await.unwrap();
                    if found.is_empty() {
                        break mine;
                    }
                    mine.extend(found);
                }
            }));
        }
        let mut of_account: HashMap<Option<AccountId>, Vec<Order>> = HashMap::new();
        for task in tasks {
            for order in task.await.unwrap() {
                of_account.entry(order.account).or_default().push(order);
            }
        }
        assert!(!of_account.is_empty());
        let mut steps = Vec::new();
        for order in of_account.values().flatten() {
            claimed += 1;
            steps.push(done(order.id.0, order.fence, now));
        }
        for together in of_account.values().filter(|together| together.len() > 1) {
            let [one, other] = together.as_slice() else { panic!("{together:#?}") };
            assert_ne!(one.mechanism == Mechanism::Direct, other.mechanism == Mechanism::Direct, "{together:#?}");
            let shared = one.items.iter().find(|item| other.items.iter().any(|other| other.name == item.name));
            assert_eq!(shared, None, "{together:#?}");
        }
        assert!(keep!(store, |tx| tx.record_transitions(&steps).await?).into_iter().all(|taken| taken));
    }
}
