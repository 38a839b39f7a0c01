use std::collections::BTreeMap;

use jiff::SignedDuration;
use model::ids::*;
use model::job::RunState;
use model::native_change::{NativeChange, NativeChangeFilter, NativeChangeKind, NativeChangeState, NativeReaction};
use model::order::{Order, ProvisioningState};
use model::value::Value;
use store::{NativePlanned, NativeStep, NativeVerdict, Store};

use crate::world::*;

/// People 1 to 3, an account of the first two, a run, and an order.
async fn world(store: &Store) {
    people(store).await;
    keep!(store, |tx| {
        tx.insert_accounts(&[account(11, "directory", "ann", Some(1), &["sellers"])], at(0)).await?;
        tx.insert_accounts(&[account(12, "directory", "bob", Some(2), &[])], at(0)).await?;
        tx.insert_accounts(&[account(13, "payroll", "x", None, &[])], at(0)).await?;
    });
    insert_orders(store, vec![order(1, 1)]).await;
    keep!(store, |tx| tx.queue_run(&run(5, RunState::Queued)).await?);
}

fn change(id: i64, account: i64, name: &str, state: NativeChangeState) -> NativeChange {
    NativeChange {
        id: NativeChangeId(id),
        application: "directory".into(),
        account_type: "directory-user".into(),
        account: AccountId(account),
        key: format!("key {account}"),
        identity: Some(IdentityId(account - 10)),
        kind: if name.is_empty() { NativeChangeKind::Disabled } else { NativeChangeKind::Attribute },
        name: name.into(),
        before: Some(Value::List(vec!["a".into(), "b".into()])).filter(|_| !name.is_empty()),
        after: None,
        instead_of: Some(Value::Integer(7)).filter(|_| !name.is_empty()),
        seen_at: at(100),
        run: RunId(5),
        reaction: NativeReaction::Review,
        state,
        why: Some("because".into()),
        holds: matches!(state, NativeChangeState::Open | NativeChangeState::Accepted),
        decided_by: None,
        decided_at: None,
        comment: None,
        order: None,
    }
}

pub(crate) async fn native_changes_are_kept_listed_and_decided(store: Store) {
    use NativeChangeState::{Accepted, Noted, Open, Reverting};
    world(&store).await;
    let elsewhere = NativeChange {
        application: "payroll".into(),
        account_type: String::new(),
        identity: None,
        ..change(24, 13, "", Noted)
    };
    let rows = vec![change(21, 11, "title", Open), change(22, 11, "city", Open), change(23, 12, "", Open), elsewhere];
    let expected = rows.clone();
    keep!(store, |tx| tx.insert_native_changes(&rows).await?);
    let ids = [21, 22, 23, 24].map(NativeChangeId);
    assert_eq!(store.native_changes_by_id(&ids).await.unwrap(), expected);
    assert_eq!(store.open_native_changes().await.unwrap(), 3);

    let of = |filter: NativeChangeFilter| {
        let store = store.clone();
        async move {
            let page = store.native_change_page(&filter).await.unwrap();
            (page.rows.iter().map(|row| row.change.id.0).collect::<Vec<_>>(), page.total, page.next)
        }
    };
    let all = NativeChangeFilter::default();
    assert_eq!(of(all.clone()).await, (vec![24, 23, 22, 21], 4, None));
    assert_eq!(of(NativeChangeFilter { limit: Some(2), ..all.clone() }).await, (vec![24, 23], 4, Some("23".into())));
    let rest = NativeChangeFilter { before: Some(NativeChangeId(23)), ..all.clone() };
    assert_eq!(of(rest).await, (vec![22, 21], 4, None));
    assert_eq!(of(NativeChangeFilter { application: Some("payroll".into()), ..all.clone() }).await.0, [24]);
    assert_eq!(of(NativeChangeFilter { state: Some(Noted), ..all.clone() }).await.0, [24]);
    assert_eq!(of(NativeChangeFilter { identity: Some(IdentityId(2)), ..all.clone() }).await.0, [23]);
    let attributes = NativeChangeFilter { kind: Some(NativeChangeKind::Attribute), ..all.clone() };
    assert_eq!(of(attributes.clone()).await.0, [22, 21]);
    let last = store.native_changes_seen_until(&attributes).await.unwrap().unwrap();
    assert_eq!(store.native_change_ids(&attributes, (None, last), 1).await.unwrap(), [NativeChangeId(21)]);
    let rest = store.native_change_ids(&attributes, (Some(NativeChangeId(21)), last), 9).await;
    assert_eq!(rest.unwrap(), [NativeChangeId(22)]);
    assert!(
        store
            .native_change_ids(&attributes, (None, last - SignedDuration::from_secs(3_600)), 9)
            .await
            .unwrap()
            .is_empty(),
        "later"
    );
    let counts = store.native_change_counts(&NativeChangeFilter { state: Some(Open), ..all.clone() }).await.unwrap();
    assert_eq!(counts, BTreeMap::from([(Open, 3), (Noted, 1)]));
    let page = store.native_change_page(&all).await.unwrap();
    assert_eq!(
        (page.rows[0].identity_name.as_deref(), page.rows[3].identity_name.as_deref()),
        (None, Some("Person 1"))
    );

    let verdict = |id: i64, from, to| NativeVerdict {
        id: NativeChangeId(id),
        from,
        to,
        by: "ann".into(),
        at: at(200),
        comment: Some("fine".into()),
        identity: Some(IdentityId(1)),
        account_type: "directory-user".into(),
    };
    let accept = verdict(21, Open, Accepted);
    let again = accept.clone();
    assert!(keep!(store, |tx| tx.decide_native_change(&accept).await?));
    assert!(!keep!(store, |tx| tx.decide_native_change(&again).await?), "somebody was quicker");
    let read = store.native_changes_by_id(&[NativeChangeId(21)]).await.unwrap().remove(0);
    assert_eq!((read.state, read.holds, read.why), (Accepted, true, None));
    assert_eq!(
        (read.decided_by.as_deref(), read.decided_at, read.comment.as_deref()),
        (Some("ann"), Some(at(200)), Some("fine"))
    );
    let revert = verdict(22, Open, Reverting);
    assert!(keep!(store, |tx| tx.decide_native_change(&revert).await?));
    let read = store.native_changes_by_id(&[NativeChangeId(22)]).await.unwrap().remove(0);
    assert_eq!((read.state, read.holds), (Reverting, false));
    // A later change of the same waits: an earlier one is not taken up again beside it.
    let later = NativeChange { seen_at: at(150), ..change(25, 11, "title", Open) };
    keep!(store, |tx| tx.insert_native_changes(&[later]).await?);
    let back = verdict(21, Accepted, Reverting);
    let error = refused!(store, |tx| tx.decide_native_change(&back).await?);
    assert_conflict(&error, "native_change_one_undecided");
}

pub(crate) async fn a_reading_moves_earlier_changes_and_brings_nothing_twice(store: Store) {
    use NativeChangeState::{Accepted, Noted, Open, Overtaken, Reverted};
    world(&store).await;
    let rows = vec![change(21, 11, "title", Open), change(22, 11, "city", Accepted), change(23, 12, "", Noted)];
    let same = NativeChange { id: NativeChangeId(29), ..change(21, 11, "title", Noted) };
    keep!(store, |tx| tx.insert_native_changes(&rows).await?);
    let error = refused!(store, |tx| tx.insert_native_changes(&[same]).await?);
    assert_conflict(&error, "native_change_once");
    let second = NativeChange { seen_at: at(150), ..change(28, 11, "title", Open) };
    let error = refused!(store, |tx| tx.insert_native_changes(&[second]).await?);
    assert_conflict(&error, "native_change_one_undecided");
    let standing: Vec<_> = store.standing_native_changes("directory").await.unwrap();
    assert_eq!(standing.iter().map(|change| change.id.0).collect::<Vec<_>>(), [21, 22]);
    assert!(store.standing_native_changes("payroll").await.unwrap().is_empty());

    let step = |id: i64, from, to, why: Option<&str>| NativeStep {
        id: NativeChangeId(id),
        from,
        to,
        why: why.map(str::to_owned),
        holds: false,
    };
    let steps = [
        step(21, Open, Overtaken, None),
        step(22, Accepted, Accepted, Some("over")),
        // Somebody has decided meanwhile.
        step(23, Open, Reverted, None),
    ];
    let third = NativeChange { seen_at: at(150), ..change(28, 11, "title", Open) };
    keep!(store, |tx| {
        tx.move_native_changes(&steps).await?;
        tx.insert_native_changes(&[third]).await?;
    });
    let read = store.native_changes_by_id(&[21, 22, 23, 28].map(NativeChangeId)).await.unwrap();
    let states: Vec<_> = read.iter().map(|change| (change.state, change.holds)).collect();
    assert_eq!(states, [(Overtaken, false), (Accepted, false), (Noted, false), (Open, true)]);
    assert_eq!(read[1].why.as_deref(), Some("over"));
}

pub(crate) async fn what_was_planned_of_native_changes_is_kept(store: Store) {
    use NativeChangeState::{Accepted, Noted, Open, Reverting};
    world(&store).await;
    let by_itself = |id, account, name: &str| NativeChange {
        reaction: NativeReaction::Revert,
        ..change(id, account, name, Reverting)
    };
    let rows = vec![
        by_itself(21, 11, "title"),
        by_itself(22, 12, "title"),
        change(23, 11, "city", Accepted),
        change(24, 12, "city", Noted),
    ];
    keep!(store, |tx| tx.insert_native_changes(&rows).await?);
    let ids = |changes: Vec<NativeChange>| changes.iter().map(|change| change.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.native_changes_to_plan_with(None).await.unwrap()), [21, 22, 23]);
    assert_eq!(ids(store.native_changes_to_plan_with(Some(&[IdentityId(2)])).await.unwrap()), [22]);
    let waiting = store.identities_with_native_changes_to_revert().await.unwrap();
    assert_eq!(waiting, [IdentityId(1), IdentityId(2)]);

    let planned = NativePlanned {
        ordered: vec![(NativeChangeId(21), OrderId(1))],
        handed_back: vec![(NativeChangeId(22), "nothing grants it".into())],
        released: vec![NativeChangeId(23)],
    };
    keep!(store, |tx| tx.plan_native_changes(&planned).await?);
    keep!(store, |tx| tx.plan_native_changes(&NativePlanned::default()).await?);
    let read = store.native_changes_by_id(&[21, 22, 23].map(NativeChangeId)).await.unwrap();
    assert_eq!((read[0].state, read[0].order), (Reverting, Some(OrderId(1))));
    assert_eq!((read[1].state, read[1].holds, read[1].why.as_deref()), (Open, true, Some("nothing grants it")));
    assert_eq!((read[2].state, read[2].holds), (Accepted, false));
    assert!(store.identities_with_native_changes_to_revert().await.unwrap().is_empty());

    // Who calls the order off has decided: it waits for a person, and no run orders it anew.
    keep!(store, |tx| tx.call_off_reverts(OrderId(2), "another order").await?);
    assert_eq!(store.native_changes_by_id(&[NativeChangeId(21)]).await.unwrap()[0].state, Reverting);
    keep!(store, |tx| tx.call_off_reverts(OrderId(1), "given up").await?);
    let read = store.native_changes_by_id(&[NativeChangeId(21)]).await.unwrap().remove(0);
    assert_eq!((read.state, read.holds, read.why.as_deref()), (Open, true, Some("given up")));
    assert_eq!(read.order, Some(OrderId(1)), "which one it was is still told");

    // What the settings reverted counts, by reading; what went back to a person does not.
    let second = NativeChange { seen_at: at(300), ..by_itself(25, 11, "city") };
    keep!(store, |tx| tx.insert_native_changes(&[second]).await?);
    let accounts = [AccountId(11), AccountId(12)];
    assert_eq!(store.native_reverts_since(&accounts, at(0)).await.unwrap(), BTreeMap::from([(AccountId(11), 2)]));
    assert_eq!(store.native_reverts_since(&accounts, at(200)).await.unwrap(), BTreeMap::from([(AccountId(11), 1)]));
}

pub(crate) async fn orders_that_may_have_touched_an_account_are_found(store: Store) {
    world(&store).await;
    // An order that is inserted has changed when it was made.
    let of = |id: i64, account: Option<i64>, state, sent: Option<i64>, changed: i64| Order {
        created_at: at(changed),
        account: account.map(AccountId),
        state,
        transmitted_at: sent.map(at),
        executed_at: (state == ProvisioningState::Executed).then(|| at(60)),
        ..order(id, 1)
    };
    let orders = vec![
        of(31, Some(11), ProvisioningState::Executed, Some(50), 60),
        of(32, Some(11), ProvisioningState::Errored, Some(50), 60),
        of(33, Some(12), ProvisioningState::Executed, Some(50), 60),
        of(34, None, ProvisioningState::Inactive, Some(150), 160),
        of(35, Some(11), ProvisioningState::Pending, None, 160),
        // Sent long before, and given up only after the last reading: it may have been done in between.
        of(36, Some(11), ProvisioningState::Errored, Some(50), 150),
    ];
    insert_orders(&store, orders).await;
    let ids = |orders: Vec<Order>| orders.iter().map(|order| order.id.0).collect::<Vec<_>>();
    let accounts = [AccountId(11)];
    assert_eq!(ids(store.orders_touching("directory", &accounts, Some(at(100))).await.unwrap()), [31, 34, 36]);
    assert_eq!(ids(store.orders_touching("directory", &accounts, None).await.unwrap()), [31, 32, 34, 36]);
    assert!(store.orders_touching("payroll", &accounts, None).await.unwrap().is_empty());
}

pub(crate) async fn the_baseline_is_replaced_whole(store: Store) {
    let made = |pairs: &[(&str, &[&str])]| {
        let row = |(name, attributes): &(&str, &[&str])| {
            ((*name).to_owned(), attributes.iter().map(|name| (*name).to_owned()).collect())
        };
        pairs.iter().map(row).collect::<BTreeMap<_, _>>()
    };
    let first = made(&[("user", &["title"]), ("", &[])]);
    let second = made(&[("user", &["title", "city"])]);
    assert_eq!(store.native_baseline("directory").await.unwrap(), (BTreeMap::new(), None));
    for (seconds, baseline) in [(1, first), (2, second)] {
        let kept = baseline.clone();
        keep!(store, |tx| tx.set_native_baseline("directory", &kept, at(seconds)).await?);
        assert_eq!(store.native_baseline("directory").await.unwrap(), (baseline, Some(at(seconds))));
    }
    assert_eq!(store.native_baseline("payroll").await.unwrap(), (BTreeMap::new(), None));
}
