use model::ids::*;
use model::order::{Answer, ErrorClass, ProvisioningState, StateReason};
use store::{RecordedTransition, Store};

use crate::world::*;

/// The attempt of that fence succeeded.
pub(crate) fn done(order: i64, fence: i64, seconds: i64) -> RecordedTransition {
    RecordedTransition {
        order: OrderId(order),
        fence: Some(fence),
        from: vec![ProvisioningState::Transmitted],
        to: ProvisioningState::Executed,
        reason: None,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: None,
        account: None,
        key: None,
        items: Vec::new(),
        answer: Some(Answer::Applied { detail: "POST /Users: 201".into() }),
        actor: "node".into(),
        message: "Done.".into(),
        at: at(seconds),
    }
}

pub(crate) async fn one_claimed(store: &Store) {
    people(store).await;
    insert_orders(store, vec![order(30, 1)]).await;
    store.claim_orders(&claim("node", 100, 1)).await.unwrap();
}

pub(crate) async fn a_result_is_recorded_with_everything(store: Store) {
    one_claimed(&store).await;
    let step = RecordedTransition {
        account: Some(AccountId(40)),
        key: Some("anna".into()),
        items: vec![
            (OrderItemId(301), ProvisioningState::Executed, None),
            (OrderItemId(302), ProvisioningState::Errored, Some("no such group".into())),
            (OrderItemId(999), ProvisioningState::Errored, Some("of no order".into())),
        ],
        ..done(30, 1, 105)
    };
    keep!(store, |tx| {
        tx.insert_accounts(&[account(40, "directory", "anna", Some(1), &[])], at(105)).await?;
        assert_eq!(tx.record_transitions(&[step]).await?, [true]);
    });
    let detail = store.order_detail(OrderId(30)).await.unwrap().unwrap();
    let order = &detail.order;
    assert_eq!((order.state, order.executed_at, order.verified_at), (ProvisioningState::Executed, Some(at(105)), None));
    assert_eq!((order.account, order.key.as_deref()), (Some(AccountId(40)), Some("anna")));
    assert_eq!(order.items[0].state, ProvisioningState::Executed);
    assert_eq!(
        (order.items[1].state, order.items[1].message.as_deref()),
        (ProvisioningState::Errored, Some("no such group"))
    );
    assert_eq!(detail.attempts[0].finished_at, Some(at(105)));
    assert_eq!(detail.attempts[0].answer, Some(Answer::Applied { detail: "POST /Users: 201".into() }));
    let last = detail.timeline.last().unwrap();
    assert_eq!(
        (last.from, last.to, last.actor.as_str(), last.message.as_str()),
        (ProvisioningState::Transmitted, ProvisioningState::Executed, "node", "Done.")
    );

    let verified = RecordedTransition {
        fence: None,
        from: vec![ProvisioningState::Executed, ProvisioningState::Errored],
        to: ProvisioningState::Verified,
        answer: None,
        ..done(30, 1, 110)
    };
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[verified]).await?), [true]);
    let order = store.order(OrderId(30)).await.unwrap().unwrap();
    assert_eq!(
        (order.state, order.verified_at, order.executed_at),
        (ProvisioningState::Verified, Some(at(110)), Some(at(105)))
    );
    assert_eq!((order.account, order.key.as_deref()), (Some(AccountId(40)), Some("anna")), "what is known stays");
}

pub(crate) async fn items_go_along_until_something_is_said_or_done(store: Store) {
    use ProvisioningState::{Errored, Executed, Pending, Transmitted, Verified};
    one_claimed(&store).await;
    let states = async || {
        let order = store.order(OrderId(30)).await.unwrap().unwrap();
        order.items.iter().map(|item| item.state).collect::<Vec<_>>()
    };
    assert_eq!(states().await, [Transmitted, Transmitted]);
    let step = |from, to, items| RecordedTransition {
        from: vec![from],
        to,
        fence: None,
        answer: None,
        items,
        ..done(30, 1, 105)
    };
    let said = |item: i64, state, message: &str| (OrderItemId(item), state, Some(message.to_owned()));
    let silent = |item: i64, state| (OrderItemId(item), state, None);
    // From, to, what is said of items, and how they are then.
    let way = [
        (Transmitted, Errored, vec![silent(301, Executed), said(302, Errored, "no such group")], [Executed, Errored]),
        (Errored, Pending, vec![silent(302, Pending)], [Executed, Pending]),
        (Pending, Transmitted, vec![], [Executed, Transmitted]),
        (Transmitted, Executed, vec![silent(302, Executed)], [Executed, Executed]),
        (Executed, Verified, vec![silent(301, Verified), silent(302, Verified)], [Verified, Verified]),
        (Verified, Errored, vec![said(302, Errored, "gone again")], [Verified, Errored]),
        (Errored, Pending, vec![], [Verified, Errored]),
    ];
    for (from, to, items, expect) in way {
        let step = step(from, to, items);
        assert_eq!(keep!(store, |tx| tx.record_transitions(&[step]).await?), [true]);
        assert_eq!(states().await, expect, "{from:?} to {to:?}");
    }
}

pub(crate) async fn a_stale_fence_is_refused(store: Store) {
    one_claimed(&store).await;
    let before = store.order_detail(OrderId(30)).await.unwrap();
    let stale =
        RecordedTransition { items: vec![(OrderItemId(301), ProvisioningState::Executed, None)], ..done(30, 0, 105) };
    let unknown = done(77, 1, 105);
    let ahead = done(30, 2, 105);
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[stale, unknown, ahead]).await?), [false, false, false]);
    assert_eq!(store.order_detail(OrderId(30)).await.unwrap(), before);
    assert!(keep!(store, |tx| tx.record_transitions(&[]).await?).is_empty());
}

pub(crate) async fn a_state_not_allowed_is_refused(store: Store) {
    one_claimed(&store).await;
    let step =
        RecordedTransition { from: vec![ProvisioningState::Pending, ProvisioningState::Errored], ..done(30, 1, 105) };
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[step]).await?), [false]);
    assert_eq!(store.order(OrderId(30)).await.unwrap().unwrap().state, ProvisioningState::Transmitted);
}

pub(crate) async fn several_steps_of_one_order_in_one_call(store: Store) {
    one_claimed(&store).await;
    insert_orders(&store, vec![order(31, 2)]).await;
    let retry = RecordedTransition {
        to: ProvisioningState::Pending,
        reason: Some(StateReason::RetryWait { class: ErrorClass::Transient, message: "refused".into() }),
        next_attempt_at: Some(at(160)),
        answer: Some(Answer::Failed { class: ErrorClass::Transient, message: "refused".into() }),
        ..done(30, 1, 105)
    };
    let inactive = RecordedTransition {
        fence: None,
        from: vec![ProvisioningState::Pending],
        to: ProvisioningState::Inactive,
        answer: None,
        ..done(30, 1, 106)
    };
    let too_late = done(30, 1, 107);
    let other = RecordedTransition { order: OrderId(31), ..inactive.clone() };
    let steps = [retry, inactive, other, too_late];
    assert_eq!(keep!(store, |tx| tx.record_transitions(&steps).await?), [true, true, true, false]);
    let detail = store.order_detail(OrderId(30)).await.unwrap().unwrap();
    assert_eq!(detail.order.state, ProvisioningState::Inactive);
    assert_eq!((detail.order.next_attempt_at, detail.order.reason.clone()), (None, None));
    let states: Vec<_> = detail.timeline.iter().map(|event| event.to.number()).collect();
    assert_eq!(states, [1, 2, 1, 6]);
}

pub(crate) async fn handing_over_ends_the_lease(store: Store) {
    one_claimed(&store).await;
    let handed = RecordedTransition {
        to: ProvisioningState::Transmitted,
        reason: Some(StateReason::Handed { reference: "batch-7".into(), can_be_called_off: false }),
        answer: Some(Answer::Handed { reference: "batch-7".into() }),
        ..done(30, 1, 105)
    };
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[handed]).await?), [true]);
    let order = store.order(OrderId(30)).await.unwrap().unwrap();
    assert_eq!((order.state, order.transmitted_at), (ProvisioningState::Transmitted, Some(at(100))));
    assert!(store.reclaim_lost_orders(&claim("node", 9_999, 10)).await.unwrap().is_empty());
    // The answer of the other side still holds.
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[done(30, 1, 500)]).await?), [true]);
}

pub(crate) async fn an_answer_without_fence_closes_the_newest_attempt(store: Store) {
    one_claimed(&store).await;
    store.reclaim_lost_orders(&claim("node", 200, 1)).await.unwrap();
    let step = RecordedTransition { fence: None, answer: Some(Answer::ReadBack { present: true }), ..done(30, 1, 205) };
    assert_eq!(keep!(store, |tx| tx.record_transitions(&[step]).await?), [true]);
    let attempts = store.order_detail(OrderId(30)).await.unwrap().unwrap().attempts;
    assert_eq!(attempts[0].answer, None);
    assert_eq!(attempts[1].answer, Some(Answer::ReadBack { present: true }));
}

pub(crate) async fn what_would_be_taken_is_told_without_the_deed(store: Store) {
    one_claimed(&store).await;
    let before = store.order_detail(OrderId(30)).await.unwrap();
    let steps = [done(30, 1, 105), done(30, 0, 105), done(77, 1, 105)];
    assert_eq!(keep!(store, |tx| tx.accepts_transitions(&steps).await?), [true, false, false]);
    assert_eq!(store.order_detail(OrderId(30)).await.unwrap(), before);
}
