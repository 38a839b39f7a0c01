use model::account::AccountStatus;
use model::ids::*;
use model::order::{Order, ProvisioningState, StateReason, Trouble};
use model::plan::{Operation, Referred};
use model::value::Value;
use store::{FilledOrder, ReferenceChange, Store};

use crate::transitions::done;
use crate::world::*;

fn waiting(id: i64, identity: i64, after: &[i64]) -> Order {
    let referred = Referred {
        attribute: "owner".into(),
        account_type: "directory-user".into(),
        label: "Directory".into(),
        taken: "key".into(),
    };
    let after: Vec<OrderId> = after.iter().copied().map(OrderId).collect();
    let reason = StateReason::AwaitingReference { references: vec![referred], orders: after.clone() };
    Order {
        reason: Some(reason),
        next_attempt_at: None,
        account: None,
        key: None,
        operation: Operation::Create,
        after,
        ..order(id, identity)
    }
}

pub(crate) async fn what_waits_for_another_account_is_sent_once_it_is_filled_in(store: Store) {
    people(&store).await;
    let first = Order { next_attempt_at: None, ..order(1, 1) };
    insert_orders(&store, vec![first, waiting(2, 2, &[1]), waiting(3, 3, &[])]).await;
    assert_eq!(
        keep!(store, |tx| tx.release_orders(None, None, at(5)).await?),
        3,
        "a run gives them all to the dispatcher"
    );
    let fillable = |above: i64| {
        let store = store.clone();
        async move {
            let found = store.fillable_orders(OrderId(above), None, 10).await.unwrap();
            found.into_iter().map(|(order, identity)| (order.0, identity.0)).collect::<Vec<_>>()
        }
    };
    assert_eq!(fillable(0).await, [(3, 3)]);
    assert_eq!(fillable(3).await, []);
    let claimed = store.claim_orders(&claim("n1", 6, 10)).await.unwrap();
    assert_eq!(claimed.iter().map(|order| order.id.0).collect::<Vec<_>>(), [1]);
    let pause = StateReason::Maintenance { until: at(900) };
    let told =
        keep!(store, |tx| tx.pause_orders("directory", &pause, Trouble::Maintenance, "f7", "It waits.", at(6)).await?);
    assert_eq!(told, 0, "what waits for a value says that, also while nothing is sent");
    let answered = [done(1, 1, 6)];
    assert_eq!(keep!(store, |tx| tx.record_transitions(&answered).await?), [true]);
    assert_eq!(fillable(0).await, [(2, 2), (3, 3)]);
    let since = async |seconds| store.fillable_orders(OrderId(0), Some(at(seconds)), 10).await.unwrap().len();
    assert_eq!((since(0).await, since(1_000).await), (2, 0), "nothing has changed since");
    keep!(store, |tx| tx.insert_accounts(&[account(30, "directory", "cy", Some(3), &[])], at(2_000)).await?);
    assert_eq!(since(1_000).await, 1, "an account of the third");
    assert!(store.claim_orders(&claim("n1", 7, 10)).await.unwrap().is_empty(), "a value is still to come");

    let whole = store.orders_by_id(&[OrderId(2)]).await.unwrap().remove(0);
    let item = whole.items[0].id;
    let filled = [FilledOrder {
        order: OrderId(2),
        key: Some("ann".into()),
        values: vec![(item, Value::from("uid=ann"), "Taken from the directory.".into())],
    }];
    let cleared = [store::RecordedTransition {
        fence: None,
        from: vec![ProvisioningState::Pending],
        to: ProvisioningState::Pending,
        next_attempt_at: Some(at(5)),
        answer: None,
        ..done(2, 0, 7)
    }];
    keep!(store, |tx| {
        assert_eq!(tx.record_transitions(&cleared).await?, [true]);
        tx.fill_orders(&filled).await?;
    });
    assert_eq!(fillable(0).await, [(3, 3)]);
    let claimed = store.claim_orders(&claim("n1", 8, 10)).await.unwrap();
    assert_eq!(claimed.iter().map(|order| (order.id.0, order.key.as_deref())).collect::<Vec<_>>(), [(2, Some("ann"))]);
    let whole = store.orders_by_id(&[OrderId(2)]).await.unwrap().remove(0);
    let filled = whole.items.iter().find(|filled| filled.id == item).unwrap();
    assert_eq!(
        (filled.value.as_ref(), filled.explanation.as_str()),
        (Some(&Value::from("uid=ann")), "Taken from the directory.")
    );
}

pub(crate) async fn who_is_to_be_planned_for_anew_is_noted_and_forgotten(store: Store) {
    people(&store).await;
    let gone = model::account::Account { status: AccountStatus::Gone, ..account(12, "directory", "bob", Some(2), &[]) };
    keep!(store, |tx| {
        tx.insert_accounts(&[account(11, "directory", "ann", Some(1), &[]), gone], at(0)).await?;
    });
    let kind = || Some("directory-user".to_owned());
    let noted = [(IdentityId(1), kind()), (IdentityId(1), kind()), (IdentityId(2), kind()), (IdentityId(3), None)];
    keep!(store, |tx| tx.note_reference_changes(&noted, at(10)).await?);
    let changes = store.reference_changes().await.unwrap();
    let change = |identity: i64, noted_at| ReferenceChange { identity: IdentityId(identity), noted_at: at(noted_at) };
    assert_eq!(changes, [change(1, 10), change(3, 10)], "whose account that is, or was asked for");
    keep!(store, |tx| tx.note_reference_changes(&[(IdentityId(3), None)], at(20)).await?);
    keep!(store, |tx| tx.end_reference_changes(&changes).await?);
    assert_eq!(store.reference_changes().await.unwrap(), [change(3, 20)], "changed again meanwhile");
    // About to have one: an order on its way with its values, and not one that waits for them.
    let on_its_way = Order { operation: Operation::Create, account: None, key: None, ..order(1, 2) };
    insert_orders(&store, vec![on_its_way, waiting(2, 3, &[])]).await;
    keep!(store, |tx| tx.end_reference_changes(&[change(3, 20)]).await?);
    let noted = [(IdentityId(2), kind()), (IdentityId(3), kind())];
    keep!(store, |tx| tx.note_reference_changes(&noted, at(25)).await?);
    assert_eq!(store.reference_changes().await.unwrap(), [change(2, 25)]);
    assert!(store.has_reference_changes().await.unwrap());
    keep!(store, |tx| tx.end_reference_changes(&[change(2, 25)]).await?);
    assert!(!store.has_reference_changes().await.unwrap());
    keep!(store, |tx| tx.note_reference_changes(&[], at(30)).await?);
    assert_eq!(store.reference_changes().await.unwrap(), []);
}
