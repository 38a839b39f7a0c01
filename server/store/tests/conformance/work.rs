use model::account::Mechanism;
use model::ids::*;
use model::job::RunState;
use model::order::{Order, ProvisioningState};
use model::view::WorkItemFilter;
use model::work_item::{WorkItem, WorkItemState};
use store::Store;

use crate::world::*;

fn work_item(id: i64, order: i64) -> WorkItem {
    WorkItem {
        id: WorkItemId(id),
        order: OrderId(order),
        application: "directory".into(),
        state: WorkItemState::Open,
        claimed_by: None,
        created_at: at(id),
        due_at: Some(at(id + 1_000)),
        closed_at: None,
        closed_by: None,
        note: None,
    }
}

async fn prepared(store: &Store) {
    people(store).await;
    keep!(store, |tx| {
        tx.insert_user(&user(1, "anna"), "hash", at(0)).await?;
        tx.insert_user(&user(2, "bert"), "hash", at(0)).await?;
        let manual = |id: i64, identity| Order { mechanism: Mechanism::Manual, ..order(id, identity) };
        tx.insert_orders(&(30..40).map(|id| manual(id, 1 + id % 9)).collect::<Vec<_>>()).await?;
    });
}

pub(crate) async fn work_items_are_claimed_released_and_closed(store: Store) {
    prepared(&store).await;
    keep!(store, |tx| tx.open_work_items(&[work_item(50, 30)]).await?);
    let error = refused!(store, |tx| tx.open_work_items(&[work_item(51, 30)]).await?);
    assert_conflict(&error, "work_item_one_open");
    let id = WorkItemId(50);
    let (anna, bert) = (UserId(1), UserId(2));
    keep!(store, |tx| {
        assert!(!tx.release_work_item(id, anna).await?);
        assert!(tx.claim_work_item(id, anna).await?);
        assert!(tx.claim_work_item(id, anna).await?);
        assert!(!tx.claim_work_item(id, bert).await?);
        assert!(!tx.release_work_item(id, bert).await?);
        assert!(tx.release_work_item(id, anna).await?);
        assert!(tx.claim_work_item(id, bert).await?);
        assert!(!tx.claim_work_item(WorkItemId(999), bert).await?);
    });
    let answers = keep!(store, |tx| {
        let first = tx.close_work_item(id, WorkItemState::Done, Some(bert), Some("typed in"), at(60)).await?;
        let second = tx.close_work_item(id, WorkItemState::CannotDo, Some(anna), None, at(61)).await?;
        (first, second, tx.claim_work_item(id, anna).await?)
    });
    assert_eq!(answers, (true, false, false));
    let closed = store.work_item(id).await.unwrap().unwrap();
    let expected = WorkItem {
        state: WorkItemState::Done,
        claimed_by: Some(bert),
        closed_by: Some(bert),
        closed_at: Some(at(60)),
        note: Some("typed in".into()),
        ..work_item(50, 30)
    };
    assert_eq!(closed, expected);
    // The order may get another one; the newest is told.
    keep!(store, |tx| tx.open_work_items(&[work_item(52, 30)]).await?);
    assert_eq!(store.work_item_of_order(OrderId(30)).await.unwrap(), Some(work_item(52, 30)));
    assert_eq!(store.work_item_of_order(OrderId(31)).await.unwrap(), None);
    assert_eq!(store.order_detail(OrderId(30)).await.unwrap().unwrap().work_item, Some(work_item(52, 30)));
}

pub(crate) async fn work_items_are_listed(store: Store) {
    prepared(&store).await;
    let configuration = crate::configuration::sample();
    keep!(store, |tx| {
        tx.apply_configuration(ConfigurationVersionId(1), &configuration, "d", "root", at(0)).await?;
        tx.open_work_items(&(0..10).map(|n| work_item(50 + n, 30 + n)).collect::<Vec<_>>()).await?;
        tx.claim_work_item(WorkItemId(53), UserId(1)).await?;
        tx.close_work_item(WorkItemId(50), WorkItemState::Withdrawn, None, None, at(90)).await?;
    });
    let open = WorkItemFilter { state: Some(WorkItemState::Open), limit: Some(6), ..WorkItemFilter::default() };
    let first = store.work_item_page(&open).await.unwrap();
    assert_eq!(first.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), (51..57).collect::<Vec<_>>());
    assert_eq!(first.total, 9);
    let second = store.work_item_page(&WorkItemFilter { after: first.next.clone(), ..open }).await.unwrap();
    assert_eq!(second.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [57, 58, 59]);
    assert_eq!(second.next, None);
    let row = &first.rows[2];
    assert_eq!((row.claimed_by.as_deref(), row.application_name.as_str()), (Some("User anna"), "Mainframe"));
    assert_eq!(row.summary, "department, 1 entitlement added");
    let all = store.work_item_page(&WorkItemFilter { limit: Some(3), ..WorkItemFilter::default() }).await.unwrap();
    assert_eq!(all.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [59, 58, 57]);
    let next = store
        .work_item_page(&WorkItemFilter { after: all.next, limit: Some(3), ..WorkItemFilter::default() })
        .await
        .unwrap();
    assert_eq!(next.rows[0].id.0, 56);
    for (filter, expected) in [
        (WorkItemFilter { application: Some("payroll".into()), ..WorkItemFilter::default() }, 0),
        (WorkItemFilter { state: Some(WorkItemState::Withdrawn), ..WorkItemFilter::default() }, 1),
        (WorkItemFilter { text: Some("person 4".into()), ..WorkItemFilter::default() }, 2),
    ] {
        assert_eq!(store.work_item_page(&filter).await.unwrap().total, expected, "{filter:?}");
    }
}

pub(crate) async fn home_counts(store: Store) {
    let empty = store.home(day("2026-01-01")).await.unwrap();
    assert_eq!((empty.identities, empty.accounts, empty.open_work_items), (0, 0, 0));
    prepared(&store).await;
    keep!(store, |tx| {
        let mut left = identity(9, "Person 9");
        left.contexts = vec![context("a", 1, "2020-01-01", "2025-01-01", &[])];
        tx.update_identities(&[left], None, at(1)).await?;
        tx.insert_accounts(&[account(20, "directory", "x", Some(1), &[])], at(0)).await?;
        tx.open_work_items(&(0..10).map(|n| work_item(50 + n, 30 + n)).collect::<Vec<_>>()).await?;
        let failed = |id| Order { state: ProvisioningState::Errored, ..order(id, 2) };
        tx.insert_orders(&(100..110).map(failed).collect::<Vec<_>>()).await?;
        for id in 1..8 {
            tx.queue_run(&run(id, RunState::Completed)).await?;
        }
    });
    let home = store.home(day("2026-01-01")).await.unwrap();
    assert_eq!((home.identities, home.accounts, home.open_work_items), (8, 1, 10));
    assert_eq!(home.orders.by_state, [(ProvisioningState::Pending, 10), (ProvisioningState::Errored, 10)]);
    assert_eq!(home.work_items.len(), 8);
    assert_eq!(home.failed.iter().map(|row| row.id.0).collect::<Vec<_>>(), (102..110).rev().collect::<Vec<_>>());
    assert_eq!(home.runs.iter().map(|row| row.run.id.0).collect::<Vec<_>>(), [7, 6, 5, 4, 3]);
}
