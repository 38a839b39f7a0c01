use model::access::{GrantOrigin, Grantable};
use model::ids::*;
use model::order::{Order, ProvisioningState};
use model::permission::Reach;
use model::request::*;
use model::trigger::Trigger;
use store::{RequestProgress, Store, StoreError};

use crate::world::*;

pub(crate) fn request(id: i64, identity: i64) -> Request {
    Request {
        id: RequestId(id),
        trigger: Trigger::Certification,
        priority: 15,
        source: RequestSource { kind: "certification".into(), name: "spring".into(), reference: Some("7".into()) },
        requester: "ann".into(),
        identity: IdentityId(identity),
        items: vec![
            RequestItem { change: Change::Give, grantable: Grantable::Role("clerk".into()) },
            RequestItem { change: Change::Take, grantable: Grantable::Entitlement("vault".into()) },
        ],
        awaiting: Vec::new(),
        refused: Vec::new(),
        justification: "covers for Bo".into(),
        correlation: Some("X-1".into()),
        not_before: Some(day("2026-03-04")),
        until: Some(day("2026-03-09")),
        state: RequestState::Waiting,
        message: None,
        to_plan: false,
        run: None,
        submitted_at: at(10),
        planned_at: None,
        sent_at: None,
        done_at: None,
        ended_at: None,
    }
}

fn grant(id: i64, request: i64, name: &str, ends: &str) -> DirectGrant {
    DirectGrant {
        id: DirectGrantId(id),
        identity: IdentityId(1),
        grantable: Grantable::Role(name.into()),
        period: period("2026-03-04", ends),
        origin: GrantOrigin { request: RequestId(request), by: "ann".into(), why: "covers for Bo".into() },
    }
}

pub(crate) async fn a_request_comes_back_whole(store: Store) {
    people(&store).await;
    let (first, second) = (request(50, 1), Request { trigger: Trigger::Administrator, ..request(51, 2) });
    let rows = [first.clone(), second.clone()];
    let event = RequestEvent {
        request: first.id,
        at: at(11),
        state: RequestState::Waiting,
        actor: "ann".into(),
        message: "Asked.".into(),
    };
    let (source, told) = (first.source.clone(), event.clone());
    insert_orders(&store, vec![order(30, 1), order(31, 1)]).await;
    keep!(store, |tx| {
        for (row, key) in rows.iter().zip(["a", "b"]) {
            tx.insert_request(row, key).await?;
        }
        tx.insert_request_key(&source, "k", "digest", RequestId(50), at(12)).await?;
        tx.append_request_events(&[told]).await?;
        let links = [(RequestId(50), OrderId(30)), (RequestId(50), OrderId(31)), (RequestId(50), OrderId(30))];
        tx.link_request_orders(&links).await?;
    });
    assert_eq!(store.request(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(store.request_of_key(&first.source, "k").await.unwrap(), Some((first.id, "digest".into())));
    assert_eq!(store.request_of_key(&first.source, "other").await.unwrap(), None);
    let detail = store.request_detail(first.id).await.unwrap().unwrap();
    assert_eq!((detail.events, detail.keys), (vec![event], vec!["k".to_owned()]));
    assert_eq!(detail.orders.iter().map(|row| row.id.0).collect::<Vec<_>>(), [30, 31]);
    assert_eq!(store.requests_of_order(OrderId(31)).await.unwrap()[0].id, first.id);

    let found = keep!(store, |tx| tx.requests_of_orders(&[OrderId(31)]).await?);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].orders.iter().map(|order| order.state).collect::<Vec<_>>(), [ProvisioningState::Pending; 2]);

    // A piece of the list, by what it is filtered by.
    let ids = |page: model::page::Page<RequestRow>| page.rows.iter().map(|row| row.id.0).collect::<Vec<_>>();
    let filters = [
        (RequestFilter::default(), vec![51, 50]),
        (RequestFilter { trigger: Some(Trigger::Administrator), ..RequestFilter::default() }, vec![51]),
        (RequestFilter { identity: Some(IdentityId(1)), ..RequestFilter::default() }, vec![50]),
        (RequestFilter { requester: Some("NOBODY".into()), ..RequestFilter::default() }, vec![]),
        (RequestFilter { requester: Some(first.requester.to_uppercase()), ..RequestFilter::default() }, vec![51, 50]),
        (RequestFilter { state: Some(RequestState::Completed), ..RequestFilter::default() }, vec![]),
        (RequestFilter { text: Some("person 2".into()), ..RequestFilter::default() }, vec![51]),
        (RequestFilter { after: Some("51".into()), ..RequestFilter::default() }, vec![50]),
        (RequestFilter { reach: Reach::People(vec![]), ..RequestFilter::default() }, vec![]),
        (RequestFilter { reach: Reach::People(vec![IdentityId(2)]), ..RequestFilter::default() }, vec![51]),
        (
            RequestFilter {
                reach: Reach::People(vec![IdentityId(1), IdentityId(2)]),
                after: Some("51".into()),
                ..RequestFilter::default()
            },
            vec![50],
        ),
    ];
    for (filter, expected) in filters {
        assert_eq!(ids(store.request_page(&filter).await.unwrap()), expected, "{filter:?}");
    }
    let counts = store.request_counts(&RequestFilter::default()).await.unwrap();
    assert_eq!(counts, [(RequestState::Waiting, 2)]);
    let among = RequestFilter { reach: Reach::People(vec![IdentityId(1)]), ..RequestFilter::default() };
    assert_eq!(store.request_counts(&among).await.unwrap(), [(RequestState::Waiting, 1)]);
    let wrong = RequestFilter { after: Some("x".into()), ..RequestFilter::default() };
    assert!(matches!(store.request_page(&wrong).await, Err(StoreError::Invalid { .. })));
}

pub(crate) async fn what_is_open_is_asked_for_once(store: Store) {
    people(&store).await;
    let open = request(50, 1);
    keep!(store, |tx| tx.insert_request(&open, "same").await?);
    let again = request(51, 1);
    let error = refused!(store, |tx| tx.insert_request(&again, "same").await?);
    assert_conflict(&error, "request_open_once");
    assert_eq!(store.open_request("same").await.unwrap(), Some(RequestId(50)));
    let source = request(50, 1).source;
    keep!(store, |tx| tx.insert_request_key(&source, "k", "a", RequestId(50), at(1)).await?);
    let source = request(50, 1).source;
    let error = refused!(store, |tx| tx.insert_request_key(&source, "k", "b", RequestId(50), at(1)).await?);
    assert_conflict(&error, "request_key_key");
    // What is over may be asked for again.
    let over =
        RequestProgress { state: RequestState::Failed, ended_at: Some(at(20)), ..RequestProgress::of(&request(50, 1)) };
    keep!(store, |tx| tx.update_requests(&[over]).await?);
    assert_eq!(store.open_request("same").await.unwrap(), None);
    let again = request(51, 1);
    keep!(store, |tx| tx.insert_request(&again, "same").await?);
}

/// Whoever writes first has it; the others are told by which rule.
pub(crate) async fn many_ask_for_the_same_at_once(store: Store) {
    people(&store).await;
    let asking = (0..16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let row = request(100 + number, 1);
            store.write(move |tx| Box::pin(async move { tx.insert_request(&row, "same").await })).await
        })
    });
    let mut taken = 0;
    for asked in asking.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            Ok(()) => taken += 1,
            Err(error) => assert_conflict(&error, "request_open_once"),
        }
    }
    assert_eq!(taken, 1);
}

pub(crate) async fn a_request_goes_on_and_is_found_by_what_it_waits_for(store: Store) {
    people(&store).await;
    let (waiting, planned) = (request(50, 1), Request { to_plan: true, ..request(51, 2) });
    keep!(store, |tx| {
        tx.queue_run(&run(7, model::job::RunState::Completed)).await?;
        tx.insert_request(&waiting, "a").await?;
        tx.insert_request(&planned, "b").await?;
    });
    assert_eq!(store.requests_come(day("2026-03-03")).await.unwrap(), []);
    assert_eq!(store.requests_come(day("2026-03-04")).await.unwrap(), [RequestId(50), RequestId(51)]);
    let ids = |rows: Vec<Request>| rows.into_iter().map(|row| row.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.requests_to_plan().await.unwrap()), [51]);
    assert_eq!(ids(store.requests_in_force(None).await.unwrap()), [51]);
    assert_eq!(ids(store.requests_in_force(Some(&[IdentityId(1)])).await.unwrap()), [0_i64; 0]);
    let progress = RequestProgress {
        state: RequestState::Provisioning,
        message: Some("On its way.".into()),
        to_plan: false,
        run: Some(RunId(7)),
        ..RequestProgress::of(&request(51, 2))
    };
    keep!(store, |tx| tx.update_requests(&[progress]).await?);
    assert_eq!(ids(store.requests_of_run(RunId(7)).await.unwrap()), [51]);
    assert_eq!(ids(store.requests_to_plan().await.unwrap()), [0_i64; 0]);
    let kept = RequestProgress { run: None, planned_at: Some(at(30)), ..RequestProgress::of(&request(51, 2)) };
    keep!(store, |tx| tx.update_requests(&[kept]).await?);
    let found = store.request(RequestId(51)).await.unwrap().unwrap();
    assert_eq!((found.run, found.planned_at), (Some(RunId(7)), Some(at(30))), "the run is kept");
}

pub(crate) async fn direct_grants_are_closed_and_not_forgotten(store: Store) {
    people(&store).await;
    let rows = [request(50, 1), request(51, 1)];
    keep!(store, |tx| {
        tx.insert_request(&rows[0], "a").await?;
        tx.insert_request(&rows[1], "b").await?;
        tx.open_direct_grants(&[grant(60, 50, "clerk", ""), grant(61, 50, "boss", "2026-03-09")], None, at(1)).await?;
    });
    let error = refused!(store, |tx| tx.open_direct_grants(&[grant(62, 50, "clerk", "")], None, at(2)).await?);
    assert_conflict(&error, "direct_grant_current");
    assert_eq!(
        store.direct_grants(Some(&[IdentityId(1)])).await.unwrap(),
        [grant(60, 50, "clerk", ""), grant(61, 50, "boss", "2026-03-09")]
    );
    assert_eq!(store.direct_grants(Some(&[IdentityId(2)])).await.unwrap(), []);
    assert_eq!(store.direct_grants_over(day("2026-03-08")).await.unwrap(), []);
    assert_eq!(store.direct_grants_over(day("2026-03-09")).await.unwrap().len(), 1);
    let source = request(50, 1).source;
    let named = store.direct_grants_from(&source.kind, &source.name).await.unwrap();
    let named: Vec<_> = named.into_iter().map(|(grant, person)| (grant.id, person.is_empty())).collect();
    assert_eq!(named.len(), 2);
    assert!(named.contains(&(DirectGrantId(61), false)), "{named:?}");
    assert_eq!(store.direct_grants_from(&source.kind, "another").await.unwrap(), []);
    // Another request gives it a last day; called off, what was is known.
    keep!(store, |tx| {
        assert_eq!(tx.close_direct_grants(&[DirectGrantId(60)], Some(RequestId(51)), at(3)).await?, 1);
        assert_eq!(tx.close_direct_grants(&[DirectGrantId(60)], None, at(4)).await?, 0);
        tx.open_direct_grants(&[grant(63, 50, "clerk", "2026-03-20")], Some(RequestId(51)), at(3)).await?;
    });
    let (taken, in_place) = store.direct_grants_taken_by(RequestId(51)).await.unwrap();
    assert_eq!((taken, in_place), (vec![grant(60, 50, "clerk", "")], vec![grant(63, 50, "clerk", "2026-03-20")]));
    assert_eq!(store.direct_grants_of(RequestId(50)).await.unwrap().len(), 2);
    let before = store.change_log_head().await.unwrap();
    keep!(store, |tx| tx.note_changed_identities(&[IdentityId(1)], at(5)).await?);
    let changes = store.changes_since(before).await.unwrap();
    assert_eq!(changes.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), [IdentityId(1)]);
}

/// Smaller goes first; but a step of priority is worth a minute, so that nothing waits for ever.
pub(crate) async fn an_order_is_overtaken_for_so_long_and_no_longer(store: Store) {
    people(&store).await;
    let prioritised =
        |id, identity, priority, minutes: i64| Order { priority, created_at: at(minutes * 60), ..order(id, identity) };
    let leaver = Order { lane: model::order::Lane::Leaver, ..prioritised(36, 6, 100, 500) };
    insert_orders(
        &store,
        vec![
            prioritised(30, 1, 70, 0),
            // 39 minutes later and 40 steps more urgent: first.
            prioritised(31, 2, 30, 39),
            // 41 minutes later: not any more.
            prioritised(32, 3, 30, 41),
            prioritised(33, 4, 70, 0),
            prioritised(34, 5, 0, 71),
            leaver,
        ],
    )
    .await;
    let claimed = store.claim_orders(&claim("node", 100_000, 10)).await.unwrap();
    assert_eq!(claimed.iter().map(|order| order.id.0).collect::<Vec<_>>(), [36, 31, 30, 33, 32, 34]);
    assert_eq!(store.order(OrderId(31)).await.unwrap().unwrap().priority, 30);
    let planned = store.last_planned(&[IdentityId(1), IdentityId(2)]).await.unwrap();
    assert_eq!(planned.get(&IdentityId(1)), Some(&at(0)));
    assert_eq!(planned.get(&IdentityId(2)), None);
}
