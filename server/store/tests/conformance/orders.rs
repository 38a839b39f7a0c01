use model::account::Mechanism;
use model::ids::*;
use model::order::{Lane, Order, ProvisioningState, StateReason};
use model::permission::Reach;
use model::plan::Operation;
use model::trigger::Trigger;
use model::value::Value;
use model::view::{OrderCounts, OrderFilter};
use store::Store;

use crate::world::*;

pub(crate) async fn an_order_comes_back_whole(store: Store) {
    people(&store).await;
    let mut first = order(30, 1);
    first.items[0].value = Some(Value::List(vec!["a".into(), "".into()]));
    first.items[1].value = Some(Value::Text("0042".into()));
    first.items[1].message = Some("no".into());
    let second = Order {
        trigger: Trigger::Drift,
        account: Some(AccountId(20)),
        key: Some("anna".into()),
        operation: Operation::Disable,
        mechanism: Mechanism::Manual,
        // Its partition goes another way.
        given_to_people: true,
        lane: Lane::Leaver,
        state: ProvisioningState::AwaitingApproval,
        reason: Some(StateReason::HeldBy { orders: vec![OrderId(30)] }),
        after: vec![OrderId(29), OrderId(30)],
        fence: 4,
        attempts: 3,
        next_attempt_at: Some(at(100)),
        transmitted_at: Some(at(1)),
        executed_at: Some(at(2)),
        verified_at: Some(at(3)),
        items: Vec::new(),
        ..order(31, 2)
    };
    let rows = vec![order(29, 3), second.clone(), first.clone()];
    keep!(store, |tx| {
        tx.insert_accounts(&[account(20, "directory", "anna", Some(2), &[])], at(0)).await?;
        tx.insert_orders(&rows).await?;
        tx.insert_orders(&[]).await?;
        tx.insert_plans(&[]).await?;
    });
    assert_eq!(store.order(OrderId(30)).await.unwrap(), Some(first.clone()));
    assert_eq!(store.orders_by_id(&[OrderId(31), OrderId(30), OrderId(5)]).await.unwrap(), [first, second]);
    assert_eq!(store.order(OrderId(5)).await.unwrap(), None);
    let mut unknown = order(32, 1);
    unknown.after = vec![OrderId(555)];
    let error = refused!(store, |tx| tx.insert_orders(&[unknown]).await?);
    assert_foreign_key(&error, "order_dependency_after");
    assert_eq!(store.order(OrderId(32)).await.unwrap(), None);
}

fn in_state(id: i64, identity: i64, state: ProvisioningState) -> Order {
    let set = |states: &[ProvisioningState]| states.contains(&state).then(|| at(1));
    Order {
        state,
        transmitted_at: set(&[ProvisioningState::Transmitted]),
        executed_at: set(&[ProvisioningState::Executed]),
        verified_at: set(&[ProvisioningState::Verified]),
        ..order(id, identity)
    }
}

/// One order in each state, of identity 1, ids from 30.
fn one_in_each_state() -> Vec<Order> {
    ProvisioningState::ALL.into_iter().zip(30..).map(|(state, id)| in_state(id, 1, state)).collect()
}

pub(crate) async fn open_orders_are_those_planning_has_to_know(store: Store) {
    people(&store).await;
    insert_orders(&store, one_in_each_state()).await;
    insert_orders(
        &store,
        vec![Order {
            application: "payroll".into(),
            carrier: "payroll".into(),
            next_attempt_at: Some(at(50)),
            ..order(60, 2)
        }],
    )
    .await;
    let ids = |orders: Vec<Order>| orders.iter().map(|order| order.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.open_orders().await.unwrap()), [31, 32, 33, 35, 37, 38, 60]);
    assert_eq!(ids(store.open_orders_of(&[IdentityId(2), IdentityId(3)]).await.unwrap()), [60]);
    assert_eq!(ids(store.open_orders_of(&[]).await.unwrap()), [0_i64; 0]);
    assert_eq!(ids(store.orders_in_state("directory", ProvisioningState::Executed, 10).await.unwrap()), [38]);
    assert_eq!(ids(store.orders_in_state("directory", ProvisioningState::Executed, 0).await.unwrap()), [0_i64; 0]);
    assert_eq!(store.due_applications(at(49)).await.unwrap(), [("directory".to_owned(), 1)]);
    assert_eq!(store.due_applications(at(50)).await.unwrap().len(), 2);
}

pub(crate) async fn orders_are_listed_and_counted(store: Store) {
    people(&store).await;
    insert_orders(&store, one_in_each_state()).await;
    let more = (100..160).map(|id| Order {
        application: "payroll".into(),
        carrier: "payroll".into(),
        mechanism: Mechanism::Executor,
        created_at: at(500),
        ..order(id, 2 + id % 3)
    });
    insert_orders(&store, more.collect()).await;
    let all = store.order_page(&OrderFilter { limit: Some(500), ..OrderFilter::default() }).await.unwrap();
    assert_eq!((all.rows.len(), all.total), (69, 69));
    let mut filter = OrderFilter { limit: Some(7), ..OrderFilter::default() };
    let mut paged = Vec::new();
    loop {
        let page = store.order_page(&filter).await.unwrap();
        paged.extend(page.rows);
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    assert_eq!(paged, all.rows);
    assert_eq!(paged[0].id, OrderId(159));
    assert_eq!(paged[0].summary, "department, 1 entitlement added");
    assert_eq!(paged[0].identity_name, "Person 2");
    let among = |people: &[i64]| {
        let reach = Reach::People(people.iter().copied().map(IdentityId).collect());
        OrderFilter { reach, ..OrderFilter::default() }
    };
    let cases = [
        (OrderFilter { application: Some("payroll".into()), ..OrderFilter::default() }, 60),
        (OrderFilter { application: Some("".into()), ..OrderFilter::default() }, 69),
        (OrderFilter { state: Some(ProvisioningState::Errored), ..OrderFilter::default() }, 1),
        (
            OrderFilter {
                mechanism: Some(Mechanism::Executor),
                identity: Some(IdentityId(3)),
                ..OrderFilter::default()
            },
            20,
        ),
        (OrderFilter { run: Some(RunId(9)), ..OrderFilter::default() }, 0),
        (OrderFilter { text: Some("person 4".into()), ..OrderFilter::default() }, 20),
        (OrderFilter { text: Some("e1".into()), ..OrderFilter::default() }, 9),
        (among(&[]), 0),
        (among(&[3, 77]), 20),
        (OrderFilter { text: Some("person 4".into()), ..among(&[3, 4]) }, 20),
        (OrderFilter { text: Some("person 4".into()), ..among(&[1, 3]) }, 0),
    ];
    for (filter, expected) in cases {
        let page = store.order_page(&filter).await.unwrap();
        assert_eq!(page.total, expected, "{filter:?}");
        assert_eq!(page.rows.len() as u64, expected.min(50));
        let of = OrderFilter { state: None, ..filter.clone() };
        let counts = store.order_counts(&of).await.unwrap();
        assert_eq!(store.shown_order_counts(&of).await.unwrap(), counts, "{filter:?}");
        let counted: u64 = counts.by_state.iter().map(|(_, n)| n).sum();
        assert!(filter.state.is_some() || counted == expected, "{filter:?}");
    }
    // Of one application or carrier, from an index alone; of many that have a word, nothing is said by state.
    let of_payroll = OrderFilter { application: Some("payroll".into()), ..OrderFilter::default() };
    let counts = store.order_counts(&of_payroll).await.unwrap();
    assert_eq!(store.order_counts_of_application("payroll").await.unwrap(), counts);
    assert_eq!(store.order_counts_of_carrier("payroll").await.unwrap(), counts);
    assert_eq!(store.order_counts_of_carrier("nobody").await.unwrap(), OrderCounts::default());
    let counts = store
        .order_counts(&OrderFilter { state: Some(ProvisioningState::Verified), ..OrderFilter::default() })
        .await
        .unwrap();
    let expected: Vec<_> =
        ProvisioningState::ALL.into_iter().map(|state| (state, if state.number() == 1 { 61 } else { 1 })).collect();
    assert_eq!(counts.by_state, expected);

    insert_orders(&store, (1_000..1_600).map(|id| order(id, 4)).collect()).await;
    let of_many = OrderFilter { text: Some("person 4".into()), ..OrderFilter::default() };
    assert_eq!(store.shown_order_counts(&of_many).await.unwrap(), OrderCounts { by_state: Vec::new(), more: true });
    let page = store.order_page(&of_many).await.unwrap();
    assert_eq!((page.total, page.more), (500, true));
    assert_eq!(store.order_page(&OrderFilter::default()).await.unwrap().counted(), 669.into());
}

pub(crate) async fn an_order_with_its_way(store: Store) {
    assert_eq!(store.order_detail(OrderId(30)).await.unwrap(), None);
    people(&store).await;
    insert_orders(&store, vec![order(30, 1), order(31, 2)]).await;
    store.claim_orders(&claim("node", 100, 1)).await.unwrap();
    let detail = store.order_detail(OrderId(30)).await.unwrap().unwrap();
    assert_eq!(detail.identity_name, "Person 1");
    assert_eq!(detail.application_name, "directory");
    assert_eq!(detail.plan, plan(None).plan);
    assert_eq!((detail.partition, detail.partitions.len()), (1, 1));
    assert_eq!(detail.attempts.len(), 1);
    assert_eq!((detail.attempts[0].number, detail.attempts[0].fence, detail.attempts[0].node.as_str()), (1, 1, "node"));
    let steps: Vec<_> =
        detail.timeline.iter().map(|event| (event.from.number(), event.to.number(), event.at)).collect();
    assert_eq!(steps, [(0, 1, at(30)), (1, 2, at(100))]);
    assert_eq!(detail.siblings.iter().map(|row| row.id.0).collect::<Vec<_>>(), [31]);
    assert_eq!(detail.work_items, []);
}

pub(crate) async fn orders_of_an_account_since_a_moment(store: Store) {
    use ProvisioningState::{Executed, Inactive, Pending, Transmitted, Verified};
    people(&store).await;
    keep!(store, |tx| {
        tx.insert_accounts(&[account(20, "directory", "anna", Some(2), &[])], at(0)).await?;
    });
    let of = |id, state, done: Option<i64>| Order {
        state,
        account: Some(AccountId(20)),
        key: Some("anna".into()),
        transmitted_at: Some(at(1)),
        executed_at: done.map(at),
        verified_at: (state == Verified).then(|| at(200)),
        ..order(id, 2)
    };
    insert_orders(
        &store,
        vec![
            of(30, Verified, Some(99)),
            of(31, Verified, Some(100)),
            of(32, Executed, Some(101)),
            of(33, Inactive, None),
            of(34, Transmitted, None),
            of(35, Pending, None),
            order(36, 2),
        ],
    )
    .await;
    for (since, limit, expected) in [(100, 10, &[31, 32, 34, 35][..]), (0, 2, &[30, 31]), (102, 10, &[34, 35])] {
        let found = store.orders_of_account(AccountId(20), at(since), limit).await.unwrap();
        assert_eq!(found.iter().map(|order| order.id.0).collect::<Vec<_>>(), expected);
    }
    assert_eq!(store.orders_of_account(AccountId(21), at(0), 10).await.unwrap(), []);
}

pub(crate) async fn ten_thousand_orders(store: Store) {
    people(&store).await;
    let orders: Vec<_> = (1..=10_000)
        .map(|n| {
            let id = 1_000_000 + n;
            Order {
                account_type: format!("type {n}"),
                after: if n > 1 { vec![OrderId(id - 1)] } else { vec![] },
                ..order(id, 1 + n % 9)
            }
        })
        .collect();
    insert_orders(&store, orders.clone()).await;
    assert_eq!(store.open_orders().await.unwrap(), orders);
    let page = store.order_page(&OrderFilter::default()).await.unwrap();
    assert_eq!((page.rows.len(), page.total), (50, 10_000));
    // Of a chain only its head can go.
    let claimed = store.claim_orders(&claim("node", 2_000_000, 5_000)).await.unwrap();
    assert_eq!(claimed.len(), 1);
}
