use model::access::{Grantable, WorkflowState};
use model::identity::{Identity, LifecycleState, Period};
use model::ids::*;
use model::order::ProvisioningState;
use model::permission::Reach;
use model::view::{IdentityFilter, IdentityRow};
use store::{AssignmentRecord, NewIdentityEvent, Store, StoreError};

use crate::world::*;

pub(crate) async fn identities_come_back_by_every_way(store: Store) {
    let mut anna = identity(1, "Anna");
    anna.contexts = vec![
        context("b", 2, "2020-01-01", "", &[("department", "Sales")]),
        context("a", 1, "", "2030-06-01", &[("title", "Clerk")]),
    ];
    anna.attributes.insert("level".into(), model::value::Value::Integer(-3));
    anna.attributes.insert("groups".into(), model::value::Value::List(vec!["x".into(), "y".into()]));
    anna.attributes.insert("remote".into(), true.into());
    let mut berta = Identity { source: "agency".into(), ..identity(2, "Berta") };
    berta.present = false;
    berta.manager_key = Some("E1".into());
    let all = vec![anna.clone(), berta.clone()];
    keep!(store, |tx| {
        tx.insert_identities(&all, None, at(0)).await?;
        tx.insert_identities(&[], None, at(0)).await?;
        tx.update_identities(&[], None, at(0)).await?;
        tx.append_identity_events(&[]).await?;
    });
    assert_eq!(store.load_identities().await.unwrap(), [anna.clone(), berta.clone()]);
    for (size, expected) in [(1, vec![1, 1, 0]), (2, vec![2, 0]), (9, vec![2])] {
        let mut pieces = Vec::new();
        store.identities_in_pieces(size, |piece| pieces.push(piece)).await.unwrap();
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        assert_eq!(pieces.concat(), [anna.clone(), berta.clone()]);
    }
    assert_eq!(store.identities_of_source("agency").await.unwrap(), [berta.clone()]);
    assert_eq!(store.identities_by_id(&[IdentityId(2), IdentityId(77)]).await.unwrap(), [berta]);
    assert_eq!(store.identities_by_id(&[]).await.unwrap(), []);
    assert_eq!(store.identity_by_key("E1").await.unwrap(), Some(anna));
    assert_eq!(store.identity_by_key("E3").await.unwrap(), None);
}

pub(crate) async fn an_update_keeps_the_history(store: Store) {
    let first = identity(1, "Anna Alt");
    let second = Identity { display_name: "Anna Neu".into(), ..first.clone() };
    let third = Identity { present: false, ..second.clone() };
    for (row, seconds) in [(first, 0), (second, 10), (third, 20)] {
        keep!(store, |tx| {
            if seconds == 0 {
                tx.insert_identities(&[row], None, at(seconds)).await?;
            } else {
                tx.update_identities(&[row], None, at(seconds)).await?;
            }
        });
    }
    for (seconds, name) in
        [(-1, None), (0, Some("Anna Alt")), (9, Some("Anna Alt")), (10, Some("Anna Neu")), (99, Some("Anna Neu"))]
    {
        let then = store.identity_as_of(IdentityId(1), at(seconds)).await.unwrap();
        assert_eq!(then.map(|identity| identity.display_name).as_deref(), name, "{seconds}");
    }
    assert!(!store.identity_as_of(IdentityId(1), at(20)).await.unwrap().unwrap().present);
    // Two changes at the same instant are one.
    let last = identity(1, "Anna Last");
    keep!(store, |tx| tx.update_identities(&[last], None, at(20)).await?);
    assert_eq!(store.identity_as_of(IdentityId(1), at(20)).await.unwrap().unwrap().display_name, "Anna Last");
    let error = refused!(store, |tx| tx.update_identities(&[identity(5, "Nobody")], None, at(30)).await?);
    assert_foreign_key(&error, "identity_history_identity");
}

pub(crate) async fn changes_are_logged_in_order(store: Store) {
    assert_eq!(store.change_log_head().await.unwrap(), 0);
    people(&store).await;
    let head = store.change_log_head().await.unwrap();
    let changes = store.changes_since(0).await.unwrap();
    assert_eq!(changes.iter().map(|(_, id)| id.0).collect::<Vec<_>>(), (1..10).collect::<Vec<_>>());
    assert_eq!(changes.last().map(|(sequence, _)| *sequence), Some(head));
    keep!(store, |tx| tx.update_identities(&[identity(5, "Changed")], None, at(1)).await?);
    let changes = store.changes_since(head).await.unwrap();
    assert_eq!(changes.iter().map(|(_, id)| id.0).collect::<Vec<_>>(), [5]);
    assert_eq!(changes[0].0, store.change_log_head().await.unwrap());
}

async fn found(store: &Store, filter: IdentityFilter, today: &str) -> Vec<i64> {
    let page = store.identity_page(&filter, day(today)).await.unwrap();
    assert_eq!(page.total, page.rows.len() as u64);
    page.rows.iter().map(|row| row.id.0).collect()
}

pub(crate) async fn identities_are_found_by_words(store: Store) {
    let rows = vec![
        identity(1, "Björk Guðmundsdóttir"),
        identity(2, "Anna-Lena Straße"),
        identity(3, "Annabel O'Neill"),
        identity(14, "李 雷"),
    ];
    keep!(store, |tx| tx.insert_identities(&rows, None, at(0)).await?);
    let cases: [(&str, &[i64]); 12] = [
        ("", &[2, 3, 1, 14]),
        ("bjork", &[1]),
        ("BJÖ gud", &[1]),
        ("ann", &[2, 3]),
        ("lena ann", &[2]),
        ("na", &[]),
        ("strass", &[2]),
        ("e1", &[1, 14]),
        ("E14", &[14]),
        ("neill o", &[3]),
        ("%", &[2, 3, 1, 14]),
        ("李", &[14]),
    ];
    for (text, expected) in cases {
        let filter = IdentityFilter { text: Some(text.into()), ..IdentityFilter::default() };
        assert_eq!(found(&store, filter, "2026-01-01").await, expected, "{text}");
    }
}

pub(crate) async fn identities_are_filtered_by_day(store: Store) {
    let with = |id: i64, contexts| Identity { contexts, ..identity(id, &format!("P{id}")) };
    let mut plain = identity(1, "P1");
    plain.attributes = attributes(&[("department", "Sales"), ("title", "Clerk"), ("site", "Oslo")]);
    let mut gone = identity(2, "P2");
    gone.present = false;
    let mut fallback = with(6, vec![context("a", 1, "", "", &[("title", "Boss")])]);
    fallback.attributes = attributes(&[("department", "Sales")]);
    let rows = vec![
        plain,
        gone,
        with(
            3,
            vec![
                context("a", 1, "2026-01-01", "2026-07-01", &[("department", "Sales"), ("title", "Old")]),
                context("b", 1, "2026-07-01", "", &[("department", "Finance"), ("title", "New")]),
            ],
        ),
        with(4, vec![context("a", 1, "2027-01-01", "", &[("department", "Sales")])]),
        with(5, vec![context("a", 1, "2020-01-01", "2025-01-01", &[("department", "Sales")])]),
        fallback,
        with(
            7,
            vec![
                context("x", 5, "2020-01-01", "", &[("department", "Legal")]),
                context("y", 1, "2021-01-01", "", &[("department", "Sales"), ("title", "Chief")]),
            ],
        ),
    ];
    keep!(store, |tx| tx.insert_identities(&rows, None, at(0)).await?);
    let department = |name: &str| IdentityFilter { department: Some(name.into()), ..IdentityFilter::default() };
    let lifecycle = |state| IdentityFilter { lifecycle: Some(state), ..IdentityFilter::default() };
    assert_eq!(found(&store, department("Sales"), "2026-06-30").await, [1, 3, 6, 7]);
    assert_eq!(found(&store, department("Sales"), "2026-07-01").await, [1, 6, 7]);
    assert_eq!(found(&store, department("Finance"), "2026-07-01").await, [3]);
    assert_eq!(found(&store, department("Legal"), "2026-07-01").await, [7]);
    assert_eq!(found(&store, department(""), "2026-07-01").await.len(), 7);
    for (state, expected) in [
        (LifecycleState::Active, vec![1, 3, 6, 7]),
        (LifecycleState::Joiner, vec![4]),
        (LifecycleState::Leaver, vec![2, 5]),
    ] {
        assert_eq!(found(&store, lifecycle(state), "2026-07-01").await, expected);
    }
    let page = store.identity_page(&IdentityFilter::default(), day("2026-07-01")).await.unwrap();
    let shown: Vec<_> =
        page.rows.iter().map(|row| (row.id.0, row.department.as_str(), row.title.as_str(), row.lifecycle)).collect();
    assert_eq!(
        shown,
        [
            (1, "Sales", "Clerk", LifecycleState::Active),
            (2, "", "", LifecycleState::Leaver),
            (3, "Finance", "New", LifecycleState::Active),
            (4, "", "", LifecycleState::Joiner),
            (5, "", "", LifecycleState::Leaver),
            (6, "Sales", "Boss", LifecycleState::Active),
            (7, "Sales", "Chief", LifecycleState::Active),
        ]
    );
    assert_eq!(store.identity_departments().await.unwrap(), ["Finance", "Legal", "Sales"]);
    // Those within reach, by whatever else the list is filtered, page by page.
    let among = |people: &[i64]| Reach::People(people.iter().copied().map(IdentityId).collect());
    for (reach, filter, expected) in [
        (among(&[]), IdentityFilter::default(), vec![]),
        (among(&[2, 3, 7, 99]), IdentityFilter::default(), vec![2, 3, 7]),
        (among(&[2, 3, 7]), lifecycle(LifecycleState::Active), vec![3, 7]),
        (Reach::Everybody, lifecycle(LifecycleState::Joiner), vec![4]),
    ] {
        let mut filter = IdentityFilter { reach, limit: Some(1), ..filter };
        let mut found = Vec::new();
        loop {
            let page = store.identity_page(&filter, day("2026-07-01")).await.unwrap();
            assert_eq!(page.total, expected.len() as u64, "{filter:?}");
            found.extend(page.rows.iter().map(|row| row.id.0));
            let Some(next) = page.next else { break };
            filter.after = Some(next);
        }
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub(crate) async fn pages_are_stable_under_inserts(store: Store) {
    let rows: Vec<_> = (0..25).map(|n| identity(100 + n, &format!("Name {:02}", (n * 7) % 25))).collect();
    keep!(store, |tx| tx.insert_identities(&rows, None, at(0)).await?);
    let mut filter = IdentityFilter { limit: Some(10), ..IdentityFilter::default() };
    let mut names = Vec::new();
    for round in 0..3 {
        let page = store.identity_page(&filter, day("2026-01-01")).await.unwrap();
        assert_eq!(page.total, 25 + 2 * round);
        names.extend(page.rows.into_iter().map(|row: IdentityRow| row.display_name));
        filter.after = page.next;
        // One before everything seen, one after everything there is, both of the same name.
        let id = i64::try_from(round).unwrap();
        let more = vec![identity(200 + id, "Aaron"), identity(300 + id, "Zoe")];
        keep!(store, |tx| tx.insert_identities(&more, None, at(1)).await?);
    }
    let mut expected: Vec<_> = (0..25).map(|n| format!("Name {n:02}")).collect();
    expected.extend(["Zoe".to_owned(), "Zoe".to_owned()]);
    assert_eq!(names, expected);
    assert_eq!(filter.after, None);
}

pub(crate) async fn a_wrong_cursor_is_refused(store: Store) {
    for after in ["", "x", "1", "a.b", "-"] {
        let filter = IdentityFilter { after: Some(after.into()), ..IdentityFilter::default() };
        let error = store.identity_page(&filter, day("2026-01-01")).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{after}: {error:?}");
    }
    let filter = model::view::OrderFilter { after: Some("1.x".into()), ..Default::default() };
    assert!(matches!(store.order_page(&filter).await.unwrap_err(), StoreError::Invalid { .. }));
}

pub(crate) async fn an_identity_with_everything_around_it(store: Store) {
    assert_eq!(store.identity_detail(IdentityId(1), day("2026-01-01")).await.unwrap(), None);
    people(&store).await;
    let chief = identity(1, "Person 1");
    let worker = Identity { manager_key: Some("E1".into()), ..identity(2, "Person 2") };
    let lost = Identity { manager_key: Some("E777".into()), ..identity(3, "Person 3") };
    let configuration = crate::configuration::sample();
    let held = |id, grantable| AssignmentRecord {
        id: AssignmentId(id),
        identity: IdentityId(2),
        grantable,
        workflow_state: WorkflowState::Calculated,
        period: Period::default(),
        reasons: vec![reason("sellers")],
        since: at(3),
        until: None,
        state: None,
        state_reason: None,
        order: None,
    };
    let assignments = [
        held(50, Grantable::Role("seller".into())),
        held(51, Grantable::Entitlement("sellers-folder".into())),
        held(52, Grantable::AccountType("directory-user".into())),
        held(53, Grantable::Role("forgotten".into())),
    ];
    let events: Vec<_> = (0..120)
        .map(|n| NewIdentityEvent {
            identity: IdentityId(2),
            at: at(n),
            message: format!("Event {n}."),
            order: None,
            run: None,
        })
        .collect();
    keep!(store, |tx| {
        tx.update_identities(&[chief, worker, lost], None, at(1)).await?;
        tx.apply_configuration(ConfigurationVersionId(1), &configuration, "d", "root", at(0)).await?;
        tx.insert_accounts(&[account(60, "directory", "anna", Some(2), &["sellers"])], at(0)).await?;
        tx.open_assignments(&assignments, None).await?;
        tx.append_identity_events(&events).await?;
        tx.insert_orders(&[order(70, 2), order(71, 2), order(72, 1)]).await?;
    });
    let detail = store.identity_detail(IdentityId(2), day("2026-01-01")).await.unwrap().unwrap();
    assert_eq!(detail.manager, Some((IdentityId(1), "Person 1".into())));
    assert_eq!(detail.reports, []);
    assert_eq!(detail.accounts.len(), 1);
    assert_eq!(detail.orders.iter().map(|order| order.id.0).collect::<Vec<_>>(), [71, 70]);
    assert_eq!(detail.events.len(), 100);
    assert_eq!(detail.events[0].message, "Event 119.");
    let shown: Vec<_> =
        detail.permissions.iter().map(|row| (row.display_name.as_str(), row.application.as_deref())).collect();
    assert_eq!(
        shown,
        [
            ("Directory user", Some("Mainframe")),
            ("Sellers' folder", Some("Mainframe")),
            ("forgotten", None),
            ("Seller", None),
        ]
    );
    assert_eq!(detail.permissions[0].since, at(3));
    assert_eq!(detail.permissions[0].reasons, [reason("sellers")]);
    let chief = store.identity_detail(IdentityId(1), day("2026-01-01")).await.unwrap().unwrap();
    assert_eq!(chief.reports, [(IdentityId(2), "Person 2".into())]);
    assert_eq!(store.identity_detail(IdentityId(3), day("2026-01-01")).await.unwrap().unwrap().manager, None);
    let page = store
        .identity_page(&IdentityFilter { text: Some("E2".into()), ..Default::default() }, day("2026-01-01"))
        .await
        .unwrap();
    let row = &page.rows[0];
    assert_eq!((row.accounts, row.entitlements, row.open_orders), (1, 1, 2));
    assert_eq!(detail.orders[0].state, ProvisioningState::Pending);
}

pub(crate) async fn ten_thousand_identities(store: Store) {
    let mut rows: Vec<_> = (1..=10_000).map(|id| identity(id, &format!("Person {id}"))).collect();
    let inserted = rows.clone();
    keep!(store, |tx| tx.insert_identities(&inserted, None, at(0)).await?);
    for row in &mut rows {
        row.contexts = vec![context("a", 1, "2020-01-01", "", &[("department", "Sales")])];
    }
    let updated = rows.clone();
    keep!(store, |tx| tx.update_identities(&updated, None, at(1)).await?);
    assert_eq!(store.load_identities().await.unwrap(), rows);
    assert_eq!(store.changes_since(0).await.unwrap().len(), 20_000);
    let page = store.identity_page(&IdentityFilter::default(), day("2026-01-01")).await.unwrap();
    assert_eq!((page.rows.len(), page.total), (50, 10_000));
}
