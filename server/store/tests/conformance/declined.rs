use model::ids::*;
use model::order::{ErrorClass, Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::review::DeclinedChange;
use model::value::Value;
use store::Store;

use crate::world::*;

fn declined(id: i64, identity: i64) -> DeclinedChange {
    DeclinedChange {
        id: DeclinedChangeId(id),
        identity: IdentityId(identity),
        account_type: "directory-user".into(),
        account: None,
        kind: ItemKind::Attribute,
        name: "title".into(),
        account_operation: Operation::Update,
        operation: ItemOperation::Set,
        value: Some(Value::from("Dr")),
        order: OrderId(1),
        declined_by: "ann".into(),
        declined_at: at(id),
        comment: "She has none.".into(),
        reopened_by: None,
        reopened_at: None,
    }
}

pub(crate) async fn what_was_declined_stands_until_it_is_reopened(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(1, 1)]).await;
    let rows = vec![declined(11, 1), DeclinedChange { value: None, ..declined(12, 2) }];
    let expected = rows.clone();
    keep!(store, |tx| tx.insert_declined_changes(&rows).await?);
    assert_eq!(store.declined_changes(None).await.unwrap(), expected);
    assert_eq!(store.declined_changes(Some(&[IdentityId(2)])).await.unwrap(), expected[1..]);
    assert!(keep!(store, |tx| tx.reopen_declined_change(DeclinedChangeId(11), "bo", at(20)).await?));
    assert!(!keep!(store, |tx| tx.reopen_declined_change(DeclinedChangeId(11), "cy", at(21)).await?));
    assert_eq!(store.declined_changes(None).await.unwrap(), expected[1..]);
    let read = store.declined_change(DeclinedChangeId(11)).await.unwrap().unwrap();
    assert_eq!((read.reopened_by.as_deref(), read.reopened_at), (Some("bo"), Some(at(20))));
    let page = store.declined_page(true, None, Some(1)).await.unwrap();
    assert_eq!((page.total, page.rows[0].declined.id, page.next.as_deref()), (2, DeclinedChangeId(12), Some("12")));
    assert_eq!((page.rows[0].identity_name.as_str(), page.rows[0].application.as_str()), ("Person 2", "directory"));
    let page = store.declined_page(true, Some(DeclinedChangeId(12)), Some(1)).await.unwrap();
    assert_eq!((page.rows[0].declined.id, page.next), (DeclinedChangeId(11), None));
    assert_eq!(store.declined_page(false, None, None).await.unwrap().total, 1);
}

pub(crate) async fn orders_under_review_are_told(store: Store) {
    people(&store).await;
    let failed = Some(StateReason::Failed { class: ErrorClass::Permission, message: "no".into() });
    insert_orders(
        &store,
        vec![
            order(1, 1),
            Order { state: ProvisioningState::AwaitingApproval, ..order(2, 2) },
            Order { state: ProvisioningState::Errored, reason: failed.clone(), ..order(3, 3) },
        ],
    )
    .await;
    let told = store.orders_under_review().await.unwrap();
    let told: Vec<_> = told.into_iter().map(|row| (row.id.0, row.state.number(), row.reason)).collect();
    assert_eq!(told, [(2, 5, None), (3, 3, failed)]);
}
