//! What is broken or stuck, what people have in view, and what is held back.

use model::account::Mechanism;
use model::circuit::{Circuit, CircuitState};
use model::ids::*;
use model::order::{ErrorClass, Order, ProvisioningState, StateReason, Trouble, ValueEdit};
use model::value::Value;
use model::view::{OrderFilter, OrderSelection};
use store::{CircuitRecord, RecordedTransition, Store};

use crate::world::*;

fn failed(message: &str) -> StateReason {
    StateReason::Failed { class: ErrorClass::Conflict, message: message.into() }
}

fn hold() -> StateReason {
    StateReason::Held { by: "Ann".into(), why: "wait".into(), since: at(5), before: None }
}

fn in_trouble(id: i64, identity: i64, state: ProvisioningState, reason: StateReason, fingerprint: &str) -> Order {
    Order { state, reason: Some(reason), fingerprint: Some(fingerprint.into()), ..order(id, identity) }
}

fn step(id: i64, from: ProvisioningState, to: ProvisioningState, now: i64) -> RecordedTransition {
    RecordedTransition {
        order: OrderId(id),
        fence: None,
        from: vec![from],
        to,
        reason: None,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: None,
        account: None,
        key: None,
        items: Vec::new(),
        answer: None,
        actor: "ann".into(),
        message: "A step.".into(),
        at: at(now),
    }
}

use ProvisioningState::{Errored, Executed, Pending, Verified};

pub(crate) async fn orders_in_trouble_are_grouped(store: Store) {
    people(&store).await;
    assert_eq!(store.order_groups().await.unwrap(), []);
    let wait = StateReason::RetryWait { class: ErrorClass::Transient, message: "refused".into() };
    let orders = vec![
        in_trouble(30, 1, Errored, failed("taken"), "f1"),
        in_trouble(31, 1, Errored, failed("taken too"), "f1"),
        in_trouble(32, 2, Errored, failed("taken"), "f1"),
        Order {
            application: "payroll".into(),
            carrier: "payroll".into(),
            ..in_trouble(33, 3, Errored, failed("taken"), "f2")
        },
        Order { next_attempt_at: Some(at(90)), ..in_trouble(34, 4, Pending, wait, "f3") },
        order(35, 5),
        Order { executed_at: Some(at(1)), state: Executed, ..order(36, 6) },
        Order {
            executed_at: Some(at(1)),
            state: Executed,
            reason: Some(StateReason::CannotBeReadBack),
            ..order(37, 6)
        },
    ];
    insert_orders(&store, orders).await;
    let groups = store.order_groups().await.unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|group| {
            (group.fingerprint.as_str(), group.application.as_str(), group.trouble, group.orders, group.people)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("f1", "directory", Trouble::Failed, 3, 2),
            ("f3", "directory", Trouble::RetryWait, 1, 1),
            ("f2", "payroll", Trouble::Failed, 1, 1),
        ]
    );
    assert_eq!((groups[0].since, groups[0].latest), (at(30), at(32)));
    assert_eq!((groups[0].sample, groups[0].reason.clone()), (OrderId(30), Some(failed("taken"))));
    assert_eq!(groups[1].next_attempt_at, Some(at(90)));
    assert_eq!(store.unconfirmed_orders().await.unwrap(), [("directory".to_owned(), 1)]);
    // The list shows the same.
    for (filter, expected) in [
        (OrderFilter { fingerprint: Some("f1".into()), ..OrderFilter::default() }, 3),
        (OrderFilter { trouble: Some(Trouble::RetryWait), ..OrderFilter::default() }, 1),
        (OrderFilter { fingerprint: Some("f1".into()), trouble: Some(Trouble::Held), ..OrderFilter::default() }, 0),
    ] {
        assert_eq!(store.order_page(&filter).await.unwrap().total, expected, "{filter:?}");
        let counted: u64 = store.order_counts(&filter).await.unwrap().by_state.iter().map(|(_, count)| count).sum();
        assert_eq!(counted, expected, "{filter:?}");
    }
}

pub(crate) async fn a_selection_is_what_was_seen(store: Store) {
    people(&store).await;
    insert_orders(&store, (30..36).map(|id| in_trouble(id, id - 29, Errored, failed("taken"), "f1")).collect()).await;
    let filter = OrderFilter { fingerprint: Some("f1".into()), ..OrderFilter::default() };
    let seen = OrderSelection { filter, ids: Vec::new(), seen_at: at(100) };
    let summary = store.selection_summary(&seen).await.unwrap();
    assert_eq!((summary.orders, summary.people, summary.by_application), (6, 6, vec![("directory".to_owned(), 6)]));
    // One is gone on, one has changed and fails again, one is new.
    keep!(store, |tx| {
        tx.record_transitions(&[step(30, Errored, Pending, 101), step(31, Errored, Pending, 101)]).await?;
        let again = RecordedTransition {
            reason: Some(failed("taken")),
            fingerprint: Some("f1".into()),
            ..step(31, Pending, Errored, 102)
        };
        tx.record_transitions(&[again]).await?;
    });
    insert_orders(&store, vec![Order { created_at: at(103), ..in_trouble(40, 9, Errored, failed("taken"), "f1") }])
        .await;
    let ids = |found: Vec<OrderId>| found.into_iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.selected_orders(&seen, 100).await.unwrap()), [32, 33, 34, 35]);
    assert_eq!(ids(store.selected_orders(&seen, 2).await.unwrap()), [32, 33]);
    let ticked = OrderSelection { ids: vec![OrderId(33), OrderId(30), OrderId(40)], ..seen };
    assert_eq!(ids(store.selected_orders(&ticked, 100).await.unwrap()), [33]);
    assert_eq!(store.selection_summary(&ticked).await.unwrap().orders, 1);
}

pub(crate) async fn held_orders_are_not_claimed(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![in_trouble(30, 1, Pending, hold(), "f1"), order(31, 2)]).await;
    assert_eq!(store.due_applications(at(100)).await.unwrap(), [("directory".to_owned(), 1)]);
    let claimed = store.claim_orders(&claim("node", 100, 10)).await.unwrap();
    assert_eq!(claimed.iter().map(|order| order.id.0).collect::<Vec<_>>(), [31]);
    keep!(store, |tx| tx.release_orders(None, None, at(100)).await?);
    assert!(store.claim_orders(&claim("node", 100, 10)).await.unwrap().is_empty());
    keep!(store, |tx| {
        let resumed = RecordedTransition { next_attempt_at: Some(at(100)), ..step(30, Pending, Pending, 100) };
        tx.record_transitions(&[resumed]).await?;
    });
    assert_eq!(store.claim_orders(&claim("node", 100, 10)).await.unwrap().len(), 1);
}

pub(crate) async fn paused_orders_wait_and_go_on(store: Store) {
    people(&store).await;
    let wait = StateReason::RetryWait { class: ErrorClass::Transient, message: "refused".into() };
    let doubt = Order {
        state: ProvisioningState::Transmitted,
        transmitted_at: Some(at(1)),
        next_attempt_at: Some(at(900)),
        ..in_trouble(37, 8, ProvisioningState::Transmitted, StateReason::InDoubt, "f9")
    };
    insert_orders(
        &store,
        vec![
            order(30, 1),
            Order { next_attempt_at: Some(at(500)), ..in_trouble(31, 2, Pending, wait, "f1") },
            in_trouble(32, 3, Pending, hold(), "f2"),
            Order { mechanism: Mechanism::Manual, ..order(33, 4) },
            Order { application: "payroll".into(), carrier: "payroll".into(), ..order(34, 5) },
            Order { after: vec![OrderId(30)], ..order(35, 6) },
            Order { next_attempt_at: None, ..order(36, 7) },
            doubt,
        ],
    )
    .await;
    let reason = StateReason::Quarantined { since: at(90), message: "refused".into() };
    let pause = |now: i64| {
        let reason = reason.clone();
        let store = store.clone();
        async move {
            keep!(store, |tx| {
                tx.pause_orders("directory", &reason, Trouble::Quarantined, "f7", "It waits.", at(now)).await?
            })
        }
    };
    assert_eq!(pause(100).await, 2);
    assert_eq!(pause(101).await, 0, "they say so already");
    assert_eq!(store.paused_orders().await.unwrap(), [("directory".to_owned(), Trouble::Quarantined, 2)]);
    let states = |ids: [i64; 2]| {
        let store = store.clone();
        async move { store.orders_by_id(&ids.map(OrderId)).await.unwrap() }
    };
    for order in states([30, 31]).await {
        assert_eq!(
            (order.reason, order.fingerprint.as_deref()),
            (Some(StateReason::Quarantined { since: at(90), message: "refused".into() }), Some("f7"))
        );
    }
    assert_eq!(
        store.due_applications(at(600)).await.unwrap(),
        [("directory".to_owned(), 2), ("payroll".to_owned(), 1)]
    );
    let detail = store.order_detail(OrderId(30)).await.unwrap().unwrap();
    assert_eq!(detail.timeline.last().unwrap().message, "It waits.");
    let resumed = keep!(store, |tx| {
        tx.resume_orders("directory", Trouble::Quarantined, "node", "It goes on.", at(200)).await?
    });
    assert_eq!(resumed, 2);
    for order in states([30, 31]).await {
        assert_eq!((order.reason, order.fingerprint, order.next_attempt_at), (None, None, Some(at(200))));
    }
    assert_eq!(store.order(OrderId(37)).await.unwrap().unwrap().next_attempt_at, Some(at(200)), "read back now");
    assert_eq!(store.order(OrderId(32)).await.unwrap().unwrap().reason, Some(hold()), "held is held");
    assert_eq!(store.paused_orders().await.unwrap(), []);
    let detail = store.order_detail(OrderId(31)).await.unwrap().unwrap();
    assert_eq!(detail.timeline.last().unwrap().message, "It goes on.");
}

pub(crate) async fn a_try_takes_what_was_tried_least(store: Store) {
    people(&store).await;
    insert_orders(
        &store,
        vec![
            Order { attempts: 4, ..order(30, 1) },
            Order { attempts: 1, ..order(31, 2) },
            Order { mechanism: Mechanism::Manual, ..order(32, 3) },
        ],
    )
    .await;
    let by_hand = store::Claim { mechanism: Some(Mechanism::Manual), ..claim("node", 100, 10) };
    let taken = store.claim_orders(&by_hand).await.unwrap();
    assert_eq!(taken.iter().map(|order| order.id.0).collect::<Vec<_>>(), [32]);
    let one = store::Claim { probe: true, ..claim("node", 100, 1) };
    let taken = store.claim_orders(&one).await.unwrap();
    assert_eq!(taken.iter().map(|order| order.id.0).collect::<Vec<_>>(), [31]);
    let taken = store.claim_orders(&claim("node", 100, 10)).await.unwrap();
    assert_eq!(taken.iter().map(|order| order.id.0).collect::<Vec<_>>(), [30]);
}

pub(crate) async fn a_repeated_trouble_keeps_its_beginning(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1)]).await;
    let fail = |from, to, fingerprint: &str, repeats, now| {
        let reason = StateReason::RetryWait { class: ErrorClass::Transient, message: "refused".into() };
        let step = RecordedTransition {
            reason: Some(reason),
            fingerprint: Some(fingerprint.into()),
            repeats,
            next_attempt_at: Some(at(now)),
            ..step(30, from, to, now)
        };
        let store = store.clone();
        async move {
            keep!(store, |tx| tx.record_transitions(&[step]).await?);
            store.order_groups().await.unwrap()
        }
    };
    assert_eq!(fail(Pending, Pending, "f1", 1, 100).await[0].since, at(100));
    let order = store.order(OrderId(30)).await.unwrap().unwrap();
    assert_eq!((order.fingerprint.as_deref(), order.repeats), (Some("f1"), 1));
    // While it is tried nothing is wrong, and what was is remembered.
    let claimed = store.claim_orders(&claim("node", 200, 1)).await.unwrap();
    assert_eq!((claimed[0].fingerprint.as_deref(), claimed[0].repeats), (Some("f1"), 1));
    assert_eq!(store.order_groups().await.unwrap(), []);
    let sent = ProvisioningState::Transmitted;
    let groups = fail(sent, Pending, "f1", 2, 300).await;
    assert_eq!((groups[0].since, groups[0].latest), (at(100), at(300)));
    assert_eq!(fail(Pending, Pending, "f2", 1, 400).await[0].since, at(400));
    keep!(store, |tx| tx.record_transitions(&[step(30, Pending, Verified, 500)]).await?);
    assert_eq!(store.order_groups().await.unwrap(), []);
    assert_eq!(store.order(OrderId(30)).await.unwrap().unwrap().fingerprint, None);
}

pub(crate) async fn edited_values_stand_until_they_are_ended(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1)]).await;
    let edit = |edited: &str, now: i64| ValueEdit {
        order: OrderId(30),
        identity: IdentityId(1),
        account_type: "directory-user".into(),
        attribute: "department".into(),
        computed: Value::from("Sales"),
        before: Value::from("Sales"),
        edited: Value::from(edited),
        by: "Ann".into(),
        at: at(now),
        why: "asked".into(),
    };
    let item = store.order(OrderId(30)).await.unwrap().unwrap().items[0].id;
    let (first, second) = (edit("Finance", 10), edit("Legal", 20));
    let (one, two) = (first.clone(), second.clone());
    keep!(store, |tx| {
        tx.set_item_values(OrderId(30), &[(item, Value::from("Finance"), "Ann said so.".into())]).await?;
        tx.set_item_values(OrderId(29), &[(item, Value::from("nobody's"), "wrong order".into())]).await?;
        tx.insert_value_edits(&[(901, one)]).await?;
        tx.insert_value_edits(&[(902, two)]).await?;
        tx.set_order_mechanism(&[OrderId(30)], Mechanism::Manual).await?;
    });
    let order = store.order(OrderId(30)).await.unwrap().unwrap();
    assert_eq!(order.items[0].value, Some(Value::from("Finance")));
    assert_eq!((order.items[0].explanation.as_str(), order.mechanism), ("Ann said so.", Mechanism::Manual));
    assert_eq!(store.value_edits_in_force().await.unwrap(), [(902, second.clone())], "the later one stands");
    assert_eq!(store.order_detail(OrderId(30)).await.unwrap().unwrap().edits, [first, second]);
    keep!(store, |tx| tx.end_value_edits(&[902, 77], at(30)).await?);
    assert_eq!(store.value_edits_in_force().await.unwrap(), []);
}

pub(crate) async fn who_read_a_circuit_last_writes_it(store: Store) {
    let read = store.circuit("directory").await.unwrap();
    assert_eq!((read.version, read.circuit.state), (0, CircuitState::Closed));
    let open = CircuitRecord {
        circuit: Circuit {
            state: CircuitState::Open,
            failures: 5,
            window_since: Some(at(1)),
            window_calls: 7,
            window_failures: 6,
            opened_at: Some(at(2)),
            probe_at: Some(at(32)),
            probes: 3,
            message: "refused".into(),
            told_at: Some(at(9)),
        },
        ..read
    };
    let write = |record: CircuitRecord| {
        let store = store.clone();
        async move { keep!(store, |tx| tx.set_circuit(&record).await?) }
    };
    assert!(write(open.clone()).await);
    assert!(!write(open.clone()).await, "somebody was quicker");
    let read = store.circuit("directory").await.unwrap();
    assert_eq!((read.version, &read.circuit), (1, &open.circuit));
    let closed = CircuitRecord { circuit: Circuit::default(), ..read.clone() };
    assert!(write(closed.clone()).await);
    assert!(!write(closed).await);
    assert_eq!(store.circuits().await.unwrap().len(), 1);
    let wrong = CircuitRecord {
        carrier: "directory".into(),
        version: 2,
        circuit: Circuit { state: CircuitState::Open, ..Circuit::default() },
    };
    let error = refused!(store, |tx| tx.set_circuit(&wrong).await?);
    assert_eq!(error.constraint(), Some("application_circuit_opened"));
}
