use model::blast_radius::{BlastLabel, BlastRadius};
use model::ids::*;
use model::job::RunState;
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, ItemOperation};
use model::undo::{RunUndo, UndoSelection, Undone};
use model::value::Value;
use store::{RecordedTransition, Store};

use crate::world::*;

fn undone(id: i64, identity: i64, kind: ItemKind, name: &str, value: Option<Value>) -> Undone {
    Undone {
        id,
        run: RunId(2),
        identity: IdentityId(identity),
        account_type: "directory-user".into(),
        kind,
        name: name.into(),
        operation: if kind == ItemKind::Attribute { ItemOperation::Set } else { ItemOperation::Add },
        value,
        by: "anna".into(),
        why: "Wrong \"feed\".".into(),
        since: at(5),
    }
}

async fn two_runs(store: &Store) {
    keep!(store, |tx| {
        tx.queue_run(&run(1, RunState::Completed)).await?;
        tx.queue_run(&run(2, RunState::Completed)).await?;
    });
    people(store).await;
}

pub(crate) async fn an_undo_is_found_from_both_sides(store: Store) {
    two_runs(&store).await;
    let undo = RunUndo {
        run: RunId(2),
        undoes: RunId(1),
        selection: UndoSelection {
            application: Some("directory".into()),
            account_type: None,
            identity: Some(IdentityId(3)),
            orders: vec![OrderId(7), OrderId(8)],
        },
        reason: "Wrong feed.".into(),
        by: "anna".into(),
        digest: "abc".into(),
        at: at(9),
    };
    let written = undo.clone();
    keep!(store, |tx| tx.insert_undo(&written).await?);
    assert_eq!(store.undo_of(RunId(2)).await.unwrap(), Some(undo.clone()));
    assert_eq!(store.undo_of(RunId(1)).await.unwrap(), None);
    assert_eq!(store.undos_of(RunId(1)).await.unwrap(), std::slice::from_ref(&undo));
    assert_eq!(store.undos_of(RunId(2)).await.unwrap(), []);
    let again = undo.clone();
    let error = refused!(store, |tx| tx.insert_undo(&again).await?);
    assert_conflict(&error, "run_undo_key");
    let itself = RunUndo { run: RunId(1), ..undo };
    let error = refused!(store, |tx| tx.insert_undo(&itself).await?);
    assert_conflict(&error, "run_undo_other");
}

pub(crate) async fn what_was_undone_holds_until_it_ends(store: Store) {
    two_runs(&store).await;
    let rows = vec![
        undone(11, 1, ItemKind::Attribute, "department", Some("Sales".into())),
        undone(12, 1, ItemKind::Entitlement, "sellers", None),
        undone(13, 1, ItemKind::Entitlement, "others", None),
        undone(14, 2, ItemKind::Entitlement, "sellers", None),
    ];
    let written = rows.clone();
    keep!(store, |tx| tx.insert_undone(&written).await?);
    assert_eq!(store.undone().await.unwrap(), rows);
    keep!(store, |tx| tx.end_undone(&[13], at(6)).await?);
    assert_eq!(store.undone().await.unwrap(), [rows[0].clone(), rows[1].clone(), rows[3].clone()]);
    // An order that does the same again waits; whoever approves it ends what held it up, and nothing else.
    let reason = StateReason::Undone { run: RunId(2), by: "anna".into(), why: "Wrong feed.".into() };
    let waiting = Order { state: ProvisioningState::AwaitingApproval, reason: Some(reason), ..order(21, 1) };
    insert_orders(&store, vec![waiting]).await;
    let step = |to| RecordedTransition {
        order: OrderId(21),
        fence: None,
        from: vec![ProvisioningState::AwaitingApproval],
        to,
        reason: None,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: None,
        account: None,
        key: None,
        items: Vec::new(),
        answer: None,
        actor: "bert".into(),
        message: "Decided.".into(),
        at: at(30),
    };
    let approved = step(ProvisioningState::Pending);
    keep!(store, |tx| assert_eq!(tx.record_transitions(&[approved]).await?, [true]));
    assert_eq!(store.undone().await.unwrap(), [rows[3].clone()]);
}

pub(crate) async fn orders_of_a_run_and_since(store: Store) {
    two_runs(&store).await;
    let of = |id, identity, run, state| Order { run, state, ..order(id, identity) };
    let (pending, inactive) = (ProvisioningState::Pending, ProvisioningState::Inactive);
    insert_orders(
        &store,
        vec![
            of(31, 1, Some(RunId(1)), pending),
            of(32, 2, Some(RunId(1)), inactive),
            of(33, 1, Some(RunId(2)), pending),
            of(34, 1, None, pending),
            of(35, 1, Some(RunId(2)), inactive),
            of(36, 3, Some(RunId(2)), pending),
        ],
    )
    .await;
    let ids = |orders: Vec<Order>| orders.iter().map(|order| order.id.0).collect::<Vec<_>>();
    let own = store.orders_of_run(RunId(1)).await.unwrap();
    assert_eq!(own[0].items.len(), 2);
    assert_eq!(ids(own), [31, 32]);
    let people = [IdentityId(1), IdentityId(2)];
    assert_eq!(ids(store.orders_since(&people, OrderId(31), RunId(1)).await.unwrap()), [33, 34]);
    assert_eq!(ids(store.orders_since(&people, OrderId(33), RunId(1)).await.unwrap()), [34]);
    assert_eq!(ids(store.orders_since(&[], OrderId(31), RunId(1)).await.unwrap()), Vec::<i64>::new());
}

pub(crate) async fn a_blast_radius_is_replaced(store: Store) {
    two_runs(&store).await;
    assert_eq!(store.blast_radius(RunId(1)).await.unwrap(), None);
    for size in [7, 8] {
        let radius = BlastRadius { size, label: BlastLabel::Large, ..BlastRadius::default() };
        let written = radius.clone();
        keep!(store, |tx| tx.put_blast_radius(RunId(1), &written).await?);
        assert_eq!(store.blast_radius(RunId(1)).await.unwrap(), Some(radius));
    }
}
