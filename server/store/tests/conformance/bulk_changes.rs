use model::bulk_change::{BulkChange, BulkChangeState, BulkCounts, BulkRow, BulkRowState, WrittenRow};
use model::ids::{BulkChangeId, IdentityId};
use model::request::Change;
use store::Store;

use crate::world::*;

const ID: BulkChangeId = BulkChangeId(70);

fn change() -> BulkChange {
    BulkChange::new(ID, "spring.csv".into(), "spring clean".into(), "ann".into(), at(1))
}

fn row(line: u64, identity: i64, state: BulkRowState) -> BulkRow {
    let written = WrittenRow { identity: format!("E{identity}"), action: "give".into(), ..WrittenRow::default() };
    let thing = model::access::Grantable::Role("seller".into());
    BulkRow {
        identity: Some(IdentityId(identity)),
        identity_name: Some("Ann".into()),
        item: Some((if line == 3 { Change::Take } else { Change::Give }, thing)),
        state,
        message: (state == BulkRowState::Refused).then(|| "No.".into()),
        risk: (line == 4).then(|| "Books and pays.".into()),
        ..BulkRow::new(line, written)
    }
}

async fn filled(store: &Store) {
    let people = [identity(1, "Ann"), identity(2, "Ann")];
    let rows = [
        BulkRow::new(2, WrittenRow { problem: Some("Two cells.".into()), ..WrittenRow::default() }),
        row(3, 1, BulkRowState::Ready),
        row(4, 1, BulkRowState::Ready),
        row(5, 2, BulkRowState::Refused),
        row(6, 2, BulkRowState::Already),
    ];
    keep!(store, |tx| {
        tx.insert_identities(&people, None, at(0)).await?;
        tx.insert_bulk_change(&change()).await?;
        tx.put_bulk_rows(ID, &rows).await?;
    });
}

pub(crate) async fn a_bulk_change_moves_on_from_where_it_was_seen(store: Store) {
    filled(&store).await;
    let seen = store.bulk_change(ID).await.unwrap().unwrap();
    assert_eq!(seen, change());
    let (rows, counts) = store.bulk_counts(ID).await.unwrap();
    assert_eq!(rows, 5);
    let expected = BulkCounts {
        people: 1,
        additions: 1,
        removals: 1,
        risks: 1,
        ready: 2,
        already: 1,
        refused: 1,
        ..BulkCounts::default()
    };
    assert_eq!(counts, expected);
    let next = BulkChange {
        state: BulkChangeState::Undoing,
        through: 4,
        rows,
        digest: "d".into(),
        digest_again: "e".into(),
        message: Some("Moved.".into()),
        risk_comment: Some("Borne.".into()),
        counts,
        confirmed: Some(("bo".into(), at(2))),
        undone: Some(("cy".into(), at(3), "wrong file".into())),
        ended_at: Some(at(4)),
        ..seen.clone()
    };
    let (from, to) = (seen, next.clone());
    keep!(store, |tx| {
        assert!(tx.step_bulk_change(&from, &to).await?);
        assert!(!tx.step_bulk_change(&from, &to).await?);
    });
    assert_eq!(store.bulk_change(ID).await.unwrap(), Some(next.clone()));
    assert_eq!(store.bulk_changes_at_work().await.unwrap(), std::slice::from_ref(&next));
    let other = BulkChange { id: BulkChangeId(71), ..change() };
    keep!(store, |tx| tx.insert_bulk_change(&other).await?);
    let page = store.bulk_change_page(None, Some(1)).await.unwrap();
    assert_eq!((page.rows[0].id, page.total), (BulkChangeId(71), 2));
    let page = store.bulk_change_page(page.next.unwrap().parse().ok(), Some(1)).await.unwrap();
    assert_eq!((page.rows, page.next), (vec![next], None));
}

pub(crate) async fn rows_of_a_bulk_change_are_found_and_replaced(store: Store) {
    filled(&store).await;
    let lines = |rows: Vec<BulkRow>| rows.into_iter().map(|row| row.line).collect::<Vec<_>>();
    let rows = store.bulk_rows(ID, None, 2, 2).await.unwrap();
    assert_eq!(rows, [row(3, 1, BulkRowState::Ready), row(4, 1, BulkRowState::Ready)]);
    let states = [BulkRowState::Refused, BulkRowState::New];
    assert_eq!(lines(store.bulk_rows(ID, Some(&states), 0, 10).await.unwrap()), [2, 5]);
    let people = [IdentityId(1), IdentityId(2)];
    assert_eq!(lines(store.bulk_rows_of(ID, &people, 3).await.unwrap()), [3]);
    let replaced = row(3, 2, BulkRowState::Already);
    keep!(store, |tx| tx.put_bulk_rows(ID, &[replaced]).await?);
    // What was written in it stays.
    let expected = BulkRow { written: row(3, 1, BulkRowState::Ready).written, ..row(3, 2, BulkRowState::Already) };
    assert_eq!(store.bulk_rows(ID, None, 0, 10).await.unwrap()[1], expected);
    // What was applied has a request.
    let bad = row(4, 1, BulkRowState::Applied);
    assert_conflict(&refused!(store, |tx| tx.put_bulk_rows(ID, &[bad]).await?), "bulk_change_row_applied");
    let found = store.identities_by_key(&["E2", "E9", "E1"]).await.unwrap();
    let mut ids: Vec<i64> = found.iter().map(|identity| identity.id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
}
