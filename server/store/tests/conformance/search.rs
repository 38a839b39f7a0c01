use model::account::AccountStatus;
use model::ids::*;
use model::permission::Reach;
use model::search::{SavedView, Target};
use model::view::IdentityFilter;
use store::{Store, StoreError};

use crate::harness::empty_database_like;
use crate::schema::execute;
use crate::world::*;

async fn found(store: &Store, words: &[&str], limit: u32) -> Vec<i64> {
    store
        .people_by_words(words, &Reach::Everybody, limit)
        .await
        .unwrap()
        .into_iter()
        .map(|person| person.id.0)
        .collect()
}

pub(crate) async fn people_are_found_by_the_beginnings_of_words(store: Store) {
    let named = |id, name: &str, mail: &str| {
        let mut identity = identity(id, name);
        identity.attributes = attributes(&[("mail", mail), ("department", "Sales")]);
        identity
    };
    let rows = vec![
        named(1, "Ann Lee", "ann.lee@example.org"),
        named(2, "Annabel Leeson", "night.owl@example.org"),
        named(3, "Björk Ann-Guðmundsdóttir", ""),
        named(4, "Bo Ang", "bo@ann.example"),
    ];
    keep!(store, |tx| tx.insert_identities(&rows, None, at(0)).await?);
    let cases: [(&[&str], &[i64]); 9] = [
        // The word itself before those that begin with it.
        (&["ann"], &[1, 3, 2]),
        (&["lee"], &[1, 2]),
        (&["ann", "lee"], &[1, 2]),
        (&["gudmunds", "ann"], &[3]),
        (&["owl"], &[2]),
        // Everybody has what follows the `@`.
        (&["example"], &[]),
        (&["e1"], &[1]),
        (&["nobody", "ann"], &[]),
        (&[], &[]),
    ];
    for (words, expected) in cases {
        assert_eq!(found(&store, words, 10).await, expected, "{words:?}");
    }
    assert_eq!(found(&store, &["ann"], 1).await, [1]);
    for (people, expected) in [(vec![], vec![]), (vec![2, 3, 9], vec![3, 2])] {
        let reach = Reach::People(people.into_iter().map(IdentityId).collect());
        let among = store.people_by_words(&["ann"], &reach, 10).await.unwrap();
        assert_eq!(among.iter().map(|person| person.id.0).collect::<Vec<i64>>(), expected, "{reach:?}");
    }
    let long = "x".repeat(500);
    assert_eq!(found(&store, &[&long], 10).await, [] as [i64; 0]);

    // What changes is found by what it is now.
    let renamed = named(1, "Zoë Lee", "zoe.lee@example.org");
    let endless = named(2, &"x".repeat(500), "");
    keep!(store, |tx| tx.update_identities(&[renamed, endless], None, at(1)).await?);
    assert_eq!(found(&store, &["ann"], 10).await, [3]);
    assert_eq!(found(&store, &["zoe"], 10).await, [1]);
    assert_eq!(found(&store, &[&long], 10).await, [2]);
    // Lists find the same, whatever of a mail is typed.
    for (text, expected) in [("zoe.lee@example.org", 1), ("zoe.lee", 1), ("bo@", 1), ("example", 0)] {
        let filter = IdentityFilter { text: Some(text.into()), ..IdentityFilter::default() };
        assert_eq!(store.identity_page(&filter, day("2026-01-01")).await.unwrap().total, expected, "{text}");
    }
}

pub(crate) async fn many_with_the_same_word_are_told_apart_by_another(store: Store) {
    let rows: Vec<_> = (1..=3_000).map(|id| identity(id, &format!("Ann Same{id}"))).collect();
    keep!(store, |tx| tx.insert_identities(&rows, None, at(0)).await?);
    assert_eq!(found(&store, &["ann"], 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(found(&store, &["a", "same2999"], 5).await, [2999]);
    assert_eq!(found(&store, &["s", "e2999"], 5).await, [2999]);
}

pub(crate) async fn accounts_are_found_by_how_their_key_begins(store: Store) {
    people(&store).await;
    let mut gone = account(12, "directory", "ann.gone", Some(1), &[]);
    gone.status = AccountStatus::Gone;
    let rows = vec![
        account(10, "directory", "Ann.Lee", Some(1), &[]),
        account(11, "badge", "ann.leeson", None, &[]),
        gone,
        account(13, "badge", "lee", None, &[]),
    ];
    keep!(store, |tx| tx.insert_accounts(&rows, at(0)).await?);
    for (text, expected) in [
        ("ann", vec![("Ann.Lee", Some("Person 1")), ("ann.leeson", None)]),
        ("ANN LEES", vec![("ann.leeson", None)]),
        ("lee", vec![("lee", None)]),
        ("%", vec![]),
        ("", vec![]),
    ] {
        let found = store.accounts_that_begin(text, 10).await.unwrap();
        let said: Vec<_> = found.iter().map(|account| (account.key.as_str(), account.owner.as_deref())).collect();
        assert_eq!(said, expected, "{text}");
    }
}

pub(crate) async fn whatever_has_a_number_is_found_by_it(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(500, 1)]).await;
    let found = store.by_number(500).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].target, Target::Order(OrderId(500)));
    assert_eq!((found[0].about.as_str(), found[0].whose.as_str()), ("directory", "Person 1"));
    assert_eq!(store.by_number(1).await.unwrap()[0].target, Target::Identity(IdentityId(1)));
    assert!(store.by_number(987_654).await.unwrap().is_empty());
}

/// A database from before words were kept apart: whom it knows is found as soon as it is brought further.
pub(crate) async fn whom_an_older_version_knew_is_found(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let address = empty_database_like(&store, folder.path());
    let other = Store::open(&address).await.unwrap();
    other.migrate().await.unwrap();
    for undo in [
        "drop table saved_view_default",
        "drop table saved_view",
        "drop table identity_word",
        "drop table account_to_reconcile",
        "drop table finding",
        "drop index account_words",
        "drop index assignment_held",
        "drop index configuration_object_entitlement",
        "drop index audit_line_time",
        "drop index event_time",
        "create index event_at on event (at)",
        "drop table account_word",
        "drop index account_orphan_time",
        "drop index identity_context_starts",
        "drop index identity_context_ends",
        "drop index identity_absent",
        "delete from schema_migration where number >= 42",
    ] {
        execute(&address, undo).await;
    }
    execute(
        &address,
        r#"insert into identity (id, source, key, display_name, attributes, contexts, present, sort_name, words, department, context_count)
        values
          (1, 'hr', 'E1', 'Ann Lee', '{"mail":"Night.Owl+x@example.org"}', '[]', true, 'ann lee', ' ann lee e1', '', 0),
          (2, 'hr', 'E2', 'Bo', '{"mail":"\"odd\\name\"@example.org"}', '[]', true, 'bo', ' bo e2', '', 0),
          (3, 'hr', 'E3', '', '{}', '[]', true, '', '', '', 0),
          (4, 'hr', 'E4', 'Di', '{"mail":"no mail","email":["x"]}', '[]', true, 'di', ' di e4', '', 0)"#,
    )
    .await;
    let report = other.migrate().await.unwrap();
    assert_eq!(report.applied.first().map(String::as_str), Some("0042_index_words_and_keep_views"));
    for (words, expected) in
        [(&["ann", "owl"][..], &[1][..]), (&["e2"], &[2]), (&["odd"], &[]), (&["e"], &[1, 2, 4]), (&["example"], &[])]
    {
        assert_eq!(found(&other, words, 10).await, expected, "{words:?}");
    }
    let filter = IdentityFilter { text: Some("night.owl@example.org".into()), ..IdentityFilter::default() };
    assert_eq!(other.identity_page(&filter, day("2026-01-01")).await.unwrap().total, 1);
    other.close().await;
}

fn view(id: i64, owner: i64, name: &str, shared: bool) -> SavedView {
    SavedView {
        id: SavedViewId(id),
        owner: UserId(owner),
        page: "/orders".into(),
        name: name.into(),
        query: "state=errored".into(),
        shared,
        created_at: at(0),
        changed_at: at(0),
    }
}

pub(crate) async fn views_are_kept_shared_and_opened_by_the_menu(store: Store) {
    keep!(store, |tx| {
        for (id, login) in [(1, "ann"), (2, "bo")] {
            tx.insert_user(&user(id, login), "", at(0)).await?;
        }
        tx.insert_saved_view(&view(10, 1, "Failed", false)).await?;
        tx.insert_saved_view(&view(11, 1, "All", true)).await?;
        tx.insert_saved_view(&SavedView { page: "/identities".into(), ..view(12, 2, "Failed", false) }).await?;
    });
    let names = async |user, page| {
        let rows = store.saved_views(UserId(user), page).await.unwrap();
        rows.into_iter().map(|row| (row.view.name, row.own, row.default)).collect::<Vec<_>>()
    };
    assert_eq!(names(1, None).await, [("All".into(), true, false), ("Failed".into(), true, false)]);
    assert_eq!(names(2, Some("/orders")).await, [("All".into(), false, false)]);
    assert_eq!(names(2, Some("/identities")).await, [("Failed".into(), true, false)]);
    assert!(store.saved_view(UserId(2), SavedViewId(10)).await.unwrap().is_none(), "it is somebody else's");
    let error = refused!(store, |tx| tx.insert_saved_view(&view(13, 1, "Failed", false)).await?);
    assert_conflict(&error, "saved_view_name");

    // Both open the list with it; once it is shared no more, only its owner does.
    keep!(store, |tx| {
        for user in [1, 2] {
            tx.set_default_view(UserId(user), &view(11, 1, "All", true), true).await?;
        }
    });
    assert_eq!(store.default_views(UserId(2)).await.unwrap()[0].view, view(11, 1, "All", true));
    let renamed = SavedView { name: "Everything".into(), changed_at: at(5), ..view(11, 1, "", false) };
    let written = renamed.clone();
    keep!(store, |tx| tx.update_saved_view(&written).await?);
    assert!(store.default_views(UserId(2)).await.unwrap().is_empty());
    let kept = store.default_views(UserId(1)).await.unwrap();
    assert_eq!((&kept[0].view, kept[0].owner_name.as_str(), kept[0].default), (&renamed, "User ann", true));
    // Another view in its place, then none.
    keep!(store, |tx| tx.set_default_view(UserId(1), &view(10, 1, "Failed", false), true).await?);
    assert_eq!(store.default_views(UserId(1)).await.unwrap()[0].view.id, SavedViewId(10));
    keep!(store, |tx| tx.set_default_view(UserId(1), &view(10, 1, "Failed", false), false).await?);
    assert!(store.default_views(UserId(1)).await.unwrap().is_empty());
    keep!(store, |tx| {
        tx.set_default_view(UserId(1), &view(10, 1, "Failed", false), true).await?;
        tx.delete_saved_view(SavedViewId(10)).await?;
    });
    assert_eq!(names(1, None).await, [("Everything".into(), true, false)]);
    let nowhere: StoreError = refused!(store, |tx| {
        tx.set_default_view(UserId(1), &view(10, 1, "Failed", false), true).await?;
    });
    assert_foreign_key(&nowhere, "saved_view_default_view");
}
