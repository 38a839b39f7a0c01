//! Bulk changes, end to end: a file with bad rows becomes requests for the good ones, each once; what was previewed is what
//! happens; and taking it back leaves alone what others changed since.

use std::io::Cursor;
use std::time::Duration;

use engine::bulk_changes::{self, Choice, Who, file};
use engine::context::OpContext;
use engine::requests;
use model::bulk_change::{BulkChange, BulkChangeState as State, BulkRow, BulkRowState as Row};
use model::error::ErrorCode;
use model::ids::BulkChangeId;
use model::job::RunMode;
use model::request::{Change, DirectGrant, RequestFilter};
use model::view::IdentityFilter;
use testkit::world::World;

use crate::asking::{asks, entitlement, give, id, people, settle, take};
use crate::postgres;

const HEADER: &str = "identity,action,kind,name,not_before,until,justification\n";

async fn world() -> World {
    let mut world = World::new(&people()).await;
    settle(&mut world).await;
    world
}

/// Until it waits for a person.
async fn rest(op: &OpContext, id: BulkChangeId) -> BulkChange {
    loop {
        let change = bulk_changes::carry_on(op, id, Duration::from_secs(30)).await.unwrap();
        if !change.state.is_at_work() {
            return change;
        }
    }
}

async fn previewed(world: &World, rows: &str) -> BulkChange {
    let op = world.op();
    let input = Cursor::new(format!("{HEADER}{rows}").into_bytes());
    let id = file::read(&op, "spring.csv", "spring clean", input).await.unwrap();
    rest(&op, id).await
}

async fn applied(world: &World, rows: &str) -> BulkChange {
    let op = world.op();
    let change = previewed(world, rows).await;
    bulk_changes::confirm(&op, change.id, &change.digest, "").await.unwrap();
    let change = rest(&op, change.id).await;
    assert_eq!(change.state, State::Applied, "{change:?}");
    change
}

async fn rows(world: &World, id: BulkChangeId) -> Vec<BulkRow> {
    let rows = bulk_changes::rows(&world.op(), id, None, 0, 500).await.unwrap();
    rows.into_iter().map(|(row, _)| row).collect()
}

fn states(rows: &[BulkRow]) -> Vec<(u64, Row)> {
    rows.iter().map(|row| (row.line, row.state)).collect()
}

/// Every request is planned, what was sent is done, and read back.
async fn carried_out(world: &mut World) {
    let mut updates = world.engine.updates().subscribe();
    for row in requests::page(&world.op(), RequestFilter::default()).await.unwrap().rows {
        loop {
            let found = requests::detail(&world.op(), row.id).await.unwrap().request;
            if let Some(run) = found.run.filter(|_| !found.to_plan)
                && engine::jobs::run(&world.op(), run).await.unwrap().run.state.is_final()
            {
                break;
            }
            if !found.state.is_open() {
                break;
            }
            let _ = tokio::time::timeout(Duration::from_millis(50), updates.recv()).await;
        }
    }
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
}

async fn given(world: &World, key: &str) -> Vec<DirectGrant> {
    let person = id(world, key).await;
    world.engine.store().direct_grants(Some(&[person])).await.unwrap()
}

#[tokio::test]
async fn a_file_with_bad_rows_is_taken_as_far_as_it_is_good_and_taken_back() {
    walk(world().await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let server = postgres::Postgres::start();
    let mut world = World::with_database(&people(), &server.url(), tempfile::tempdir().unwrap()).await;
    settle(&mut world).await;
    walk(world).await;
}

async fn walk(world: World) {
    let op = world.op();
    let five = id(&world, "5").await;
    requests::submit(&op, asks(five, vec![give(entitlement("vault"))])).await.unwrap();
    let text = "2,give,entitlement,vault,,,\n\
                3,add,entitlement,vault,,2099-12-31,covers for Ann\n\
                nobody,give,entitlement,vault,,,\n\
                4,lend,entitlement,vault,,,\n\
                4,give,entitlement,vaullt,,,\n\
                4,give,entitlement\n\
                2,give,entitlement,vault,,,\n\
                5,give,entitlement,vault,,,\n\
                5,take,entitlement,vault,,,\n\
                4,give,entitlement,vault,soon,,\n\
                6,take,entitlement,vault,,,\n";
    let change = previewed(&world, text).await;
    assert_eq!((change.state, change.rows), (State::Previewed, 11));
    let looked_at = rows(&world, change.id).await;
    assert_eq!(
        states(&looked_at),
        [
            (2, Row::Ready),
            (3, Row::Ready),
            (4, Row::Refused),
            (5, Row::Refused),
            (6, Row::Refused),
            (7, Row::Refused),
            (8, Row::Refused),
            (9, Row::Already),
            (10, Row::Ready),
            (11, Row::Refused),
            (12, Row::Already),
        ]
    );
    for (row, says) in
        [(2, "key `nobody`"), (3, "give or take"), (4, "Perhaps"), (5, "cells"), (6, "Line 2"), (9, "2026-12-31")]
    {
        assert!(looked_at[row].message.as_deref().is_some_and(|why| why.contains(says)), "{:?}", looked_at[row]);
    }
    let counts = change.counts;
    assert_eq!((counts.people, counts.additions, counts.removals, counts.already, counts.refused), (3, 2, 1, 2, 6));
    let (refused, more) = file::piece(&op, change.id, Row::Refused, 0).await.unwrap();
    assert_eq!((refused.lines().count(), more), (7, None));
    assert!(refused.contains("nobody,give,entitlement,vault,,,,4,"), "{refused}");

    // Nothing happens by looking, and nothing without the digest of what was seen.
    assert!(given(&world, "2").await.is_empty());
    let error = bulk_changes::confirm(&op, change.id, "other", "").await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Conflict);
    bulk_changes::confirm(&op, change.id, &change.digest, "").await.unwrap();
    let change = rest(&op, change.id).await;
    assert_eq!((change.state, change.counts.applied), (State::Applied, 3));
    assert_eq!(given(&world, "3").await[0].origin.why, "covers for Ann");
    assert_eq!(given(&world, "2").await[0].origin.why, "spring clean");
    assert!(given(&world, "5").await.is_empty());
    let again = bulk_changes::confirm(&op, change.id, &change.digest, "").await.unwrap_err();
    assert_eq!(again.code, ErrorCode::Conflict);

    // Somebody else takes away what line 3 gave: that stays as they want it.
    let three = id(&world, "3").await;
    requests::submit(&op, asks(three, vec![take(entitlement("vault"))])).await.unwrap();
    bulk_changes::undo(&op, change.id, "wrong file").await.unwrap();
    let change = rest(&op, change.id).await;
    assert_eq!(
        (change.state, change.counts.undone, change.counts.conflicts),
        (State::Undone, 2, 1),
        "{:?}",
        rows(&world, change.id).await
    );
    assert!(given(&world, "2").await.is_empty() && given(&world, "3").await.is_empty());
    assert_eq!(given(&world, "5").await.len(), 1);
}

#[tokio::test]
async fn what_was_carried_out_is_taken_back_by_requests_and_leaves_what_others_gave() {
    let mut world = world().await;
    let op = world.op();
    let four = id(&world, "4").await;
    requests::submit(&op, asks(four, vec![give(entitlement("vault"))])).await.unwrap();
    carried_out(&mut world).await;
    let change = applied(
        &world,
        "2,give,entitlement,vault,,,\n3,give,entitlement,vault,,2099-12-31,\n4,take,entitlement,vault,,,\n",
    )
    .await;
    carried_out(&mut world).await;
    assert!(world.badges.accounts["2"].entitlements.contains("VAULT"));
    assert!(!world.badges.accounts["4"].entitlements.contains("VAULT"));
    // Without an end, beside what the bulk change gave until a day.
    let three = id(&world, "3").await;
    requests::submit(&op, asks(three, vec![give(entitlement("vault"))])).await.unwrap();
    bulk_changes::undo(&op, change.id, "wrong file").await.unwrap();
    let change = rest(&op, change.id).await;
    assert_eq!((change.counts.undone, change.counts.conflicts), (3, 0), "{:?}", rows(&world, change.id).await);
    carried_out(&mut world).await;
    assert!(!world.badges.accounts["2"].entitlements.contains("VAULT"));
    assert!(world.badges.accounts["4"].entitlements.contains("VAULT"));
    let left = given(&world, "3").await;
    assert_eq!((left.len(), left[0].period.ends), (1, None));
}

#[tokio::test]
async fn nothing_of_it_happens_where_the_world_moved_on_since_the_preview() {
    let world = world().await;
    let op = world.op();
    let change = previewed(&world, "2,give,entitlement,vault,,,\n3,give,entitlement,vault,,,\n").await;
    let three = id(&world, "3").await;
    requests::submit(&op, asks(three, vec![give(entitlement("vault"))])).await.unwrap();
    bulk_changes::confirm(&op, change.id, &change.digest, "").await.unwrap();
    let moved = rest(&op, change.id).await;
    assert_eq!((moved.state, moved.counts.ready, moved.counts.already), (State::Previewed, 1, 1));
    assert!(moved.message.as_deref().is_some_and(|why| why.contains("Nothing was changed")), "{moved:?}");
    assert!(moved.digest != change.digest && given(&world, "2").await.is_empty());
    bulk_changes::discard(&op, change.id).await.unwrap();
    assert_eq!(bulk_changes::undo(&op, change.id, "no").await.unwrap_err().code, ErrorCode::Conflict);
}

#[tokio::test]
async fn whoever_works_at_it_beside_does_nothing_twice() {
    let world = world().await;
    let op = world.op();
    let text: String = (2..=12).map(|key| format!("{key},give,entitlement,vault,,,\n")).collect();
    let change = previewed(&world, &text).await;
    bulk_changes::confirm(&op, change.id, &change.digest, "").await.unwrap();
    tokio::join!(rest(&op, change.id), rest(&op, change.id), rest(&op, change.id));
    for key in 2..=12 {
        assert_eq!(given(&world, &key.to_string()).await.len(), 1, "{key}");
    }
    let requests: std::collections::BTreeSet<_> = rows(&world, change.id).await.iter().map(|row| row.request).collect();
    assert_eq!(requests.len(), 11);
}

#[tokio::test]
async fn people_are_chosen_by_the_list_or_by_a_condition() {
    let world = world().await;
    let op = world.op();
    let choice = |who: Who| Choice {
        who,
        change: Change::Give,
        thing: "entitlement:vault".into(),
        not_before: String::new(),
        until: String::new(),
        reason: "all of Sales".into(),
    };
    let of_sales = IdentityFilter { department: Some("Sales".into()), ..IdentityFilter::default() };
    for who in [Who::Matching("identity.department == \"Sales\"".into()), Who::Listed(of_sales)] {
        let id = bulk_changes::choose(&op, choice(who)).await.unwrap();
        let change = rest(&op, id).await;
        assert_eq!((change.rows, change.counts.people, change.counts.ready), (11, 11, 11), "{}", change.title);
    }
    for (condition, says) in [("identity.department ==", "line 1"), ("identity.department == \"None\"", "Nobody")] {
        let error = bulk_changes::choose(&op, choice(Who::Matching(condition.into()))).await.unwrap_err();
        assert!(error.message.contains(says), "{error:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_understood_keeps_nothing() {
    let world = world().await;
    let op = world.op();
    for (text, says) in [("who,what\n2,vault\n", "`identity`"), ("", "empty"), (HEADER, "no row")] {
        let error = file::read(&op, "x.csv", "why", Cursor::new(text.as_bytes().to_vec())).await.unwrap_err();
        assert!(error.message.contains(says), "{error:?}");
    }
    assert!(bulk_changes::page(&op, None).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn twenty_thousand_rows_of_which_one_in_a_hundred_is_bad_lose_nothing() {
    let world = world().await;
    let mut text = String::new();
    for number in 0..20_000_u32 {
        match number % 100 {
            7 => text.push_str("nobody,give,entitlement,vault,,,\n"),
            _ => text.push_str("6,take,entitlement,vault,,,\n"),
        }
    }
    let change = previewed(&world, &text).await;
    assert_eq!((change.rows, change.counts.refused, change.counts.already), (20_000, 200, 19_800));
    let (mut lines, mut after) = (0, Some(0));
    while let Some(from) = after {
        let (piece, next) = file::piece(&world.op(), change.id, Row::Refused, from).await.unwrap();
        lines += piece.lines().count();
        after = next;
    }
    assert_eq!(lines, 201);
}
