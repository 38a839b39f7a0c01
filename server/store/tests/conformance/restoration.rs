use model::ids::OrderId;
use model::order::{Order, ProvisioningState, StateReason};
use store::{Restoration, Store};

use crate::world::*;

pub(crate) async fn a_database_that_was_put_back_is_made_ready_once(store: Store) {
    assert_eq!(store.restoration().await.unwrap(), None);
    assert!(!keep!(store, |tx| tx.notice_restoration(at(1)).await?), "nothing was put back");
    assert!(!keep!(store, |tx| tx.end_restoration(at(1), "ann").await?));

    people(&store).await;
    let held = StateReason::Held { by: "ann".into(), why: "wait".into(), since: at(1), before: None };
    let waits = StateReason::HeldBy { orders: vec![OrderId(1)] };
    let rows = vec![
        order(1, 1),
        Order { state: ProvisioningState::AwaitingApproval, ..order(2, 2) },
        Order { reason: Some(held.clone()), ..order(3, 3) },
        Order { reason: Some(waits.clone()), after: vec![OrderId(1)], ..order(4, 4) },
    ];
    insert_orders(&store, rows).await;
    let before = store.reserve_ids(1).await.unwrap().end;
    keep!(store, |tx| tx.mark_restored(Some(at(5))).await?);
    let marked = Restoration { taken_at: Some(at(5)), noticed_at: None };
    assert_eq!(store.restoration().await.unwrap(), Some(marked));
    assert!(!keep!(store, |tx| tx.end_restoration(at(6), "ann").await?), "it was not noticed yet");
    assert!(keep!(store, |tx| tx.notice_restoration(at(7)).await?));
    assert!(!keep!(store, |tx| tx.notice_restoration(at(8)).await?), "once");
    assert_eq!(store.restoration().await.unwrap(), Some(Restoration { noticed_at: Some(at(7)), ..marked }));

    let numbers = keep!(store, |tx| tx.reserve_ids(1).await?);
    assert!(numbers.start > before + 999_999_999, "{numbers:?} may have been given out before");
    for (id, expected, attempts) in [(1, None, 1), (2, None, 1), (3, Some(held), 1), (4, Some(waits), 0)] {
        let order = store.order(OrderId(id)).await.unwrap().unwrap();
        assert_eq!((order.reason, order.attempts), (expected, attempts), "{id}");
    }

    assert!(keep!(store, |tx| tx.end_restoration(at(9), "ann").await?));
    assert_eq!(store.restoration().await.unwrap(), None);
    assert!(!keep!(store, |tx| tx.end_restoration(at(9), "ben").await?), "somebody was first");
    // It is put back another time.
    keep!(store, |tx| tx.mark_restored(None).await?);
    assert_eq!(store.restoration().await.unwrap(), Some(Restoration { taken_at: None, noticed_at: None }));
}
