use std::collections::HashSet;

use model::ids::IdentityId;
use store::{Dialect, Store, StoreError};

use crate::world::*;

pub(crate) async fn a_copy_holds_what_was_committed(store: Store) {
    keep!(store, |tx| tx.insert_identities(&[identity(1, "Before")], None, at(0)).await?);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    std::fs::File::create(&file).unwrap();
    let copied = store.copy_to(&file, at(9)).await;
    if store.dialect() == Dialect::Postgres {
        let refused = copied.unwrap_err();
        assert!(matches!(&refused, StoreError::Invalid { what } if what.contains("its own tools")), "{refused}");
        return;
    }
    copied.unwrap();
    keep!(store, |tx| tx.insert_identities(&[identity(2, "After")], None, at(0)).await?);
    let copy = Store::open(&format!("sqlite:{}", file.display())).await.unwrap();
    copy.is_ready().await.unwrap();
    let held: Vec<i64> = copy.load_identities().await.unwrap().iter().map(|identity| identity.id.0).collect();
    assert_eq!(held, [1]);
    let put_back = copy.restoration().await.unwrap().unwrap();
    assert_eq!((put_back.taken_at, put_back.noticed_at), (Some(at(9)), None));
    assert_eq!(store.restoration().await.unwrap(), None, "the database itself bears no mark");
    copy.close().await;
    // What holds something is not written over.
    store.copy_to(&file, at(9)).await.unwrap_err();
    assert!(matches!(
        store.copy_to(&folder.path().join("no/such.db"), at(9)).await,
        Err(StoreError::Unavailable { .. })
    ));
}

pub(crate) async fn ids_are_handed_out_once(store: Store) {
    let mut tasks = Vec::new();
    for count in [1, 7, 999, 1_000, 5_000, 3, 500, 600] {
        let store = store.clone();
        tasks.push(tokio::spawn(async move { store.reserve_ids(count).await.unwrap() }));
    }
    let inside = keep!(store, |tx| tx.reserve_ids(250).await?);
    let mut seen: HashSet<i64> = inside.clone().collect();
    let mut total = 250;
    for task in tasks {
        let range = task.await.unwrap();
        total += range.clone().count();
        assert!(range.start > 0);
        seen.extend(range);
    }
    assert_eq!(seen.len(), total);
    assert!(store.reserve_ids(0).await.unwrap().is_empty());
}

pub(crate) async fn a_failing_closure_does_not_spoil_its_neighbours(store: Store) {
    let mut tasks = Vec::new();
    for id in 1..=200_i64 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            // Every third uses a key that its neighbour has, after having written something good.
            let mut rows = vec![identity(id, "Good")];
            if id % 3 == 0 {
                rows.push(identity(id + 1_000, "Good too"));
                rows.push(Identity { id: IdentityId(id + 2_000), ..identity(id, "Taken") });
            }
            let result = store
                .write(move |tx| {
                    Box::pin(async move {
                        for row in rows {
                            tx.insert_identities(&[row], None, at(0)).await?;
                        }
                        Ok::<_, StoreError>(())
                    })
                })
                .await;
            match result {
                Ok(()) => assert!(id % 3 != 0),
                Err(error) => {
                    assert!(id % 3 == 0);
                    assert_conflict(&error, "identity_source_key");
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let kept: Vec<_> = store.load_identities().await.unwrap().into_iter().map(|identity| identity.id.0).collect();
    assert_eq!(kept, (1..=200).filter(|id| id % 3 != 0).collect::<Vec<_>>());
}

use model::identity::Identity;

pub(crate) async fn a_swallowed_error_keeps_nothing(store: Store) {
    let result = store
        .write(|tx| {
            Box::pin(async move {
                tx.insert_identities(&[identity(1, "Kept?")], None, at(0)).await?;
                // The same id again; the caller looks away.
                let second = tx.insert_identities(&[identity(1, "Twice")], None, at(0)).await;
                assert!(second.is_err());
                Ok::<_, StoreError>(())
            })
        })
        .await;
    assert!(matches!(result, Err(StoreError::Invalid { .. })), "{result:?}");
    assert!(store.load_identities().await.unwrap().is_empty());
}

pub(crate) async fn a_panic_keeps_nothing_and_the_store_goes_on(store: Store) {
    let result = store
        .write(|tx| {
            Box::pin(async move {
                tx.insert_identities(&[identity(1, "Kept?")], None, at(0)).await?;
                if at(0) < at(1) {
                    panic!("on purpose");
                }
                Ok::<_, StoreError>(())
            })
        })
        .await;
    assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
    keep!(store, |tx| tx.insert_identities(&[identity(2, "After")], None, at(0)).await?);
    assert_eq!(store.load_identities().await.unwrap().len(), 1);
}

pub(crate) async fn a_write_inside_a_write_is_refused(store: Store) {
    let inner = store.clone();
    let error = refused!(store, |_tx| { inner.write(|tx| Box::pin(async move { tx.reserve_ids(1).await })).await? });
    assert!(matches!(error, StoreError::Nested), "{error:?}");
}

pub(crate) async fn text_with_odd_characters_comes_back(store: Store) {
    let odd = "O'Neil \"q\" \\ % _ $1 ?1 :x \t\n \u{7f} ☃ 𝄞 \u{202e} --; drop table identity";
    let mut row = identity(1, odd);
    row.attributes = attributes(&[("a.b'c\"", odd)]);
    let expected = row.clone();
    keep!(store, |tx| tx.insert_identities(&[row], None, at(0)).await?);
    assert_eq!(store.load_identities().await.unwrap(), [expected]);
}

pub(crate) async fn text_that_cannot_be_stored_is_refused_whole(store: Store) {
    // SQLite can store it, PostgreSQL cannot: neither may.
    let mut row = identity(2, "Good name");
    row.attributes = attributes(&[("note", "a\0b")]);
    let error = refused!(store, |tx| {
        tx.insert_identities(&[identity(1, "Before")], None, at(0)).await?;
        tx.insert_identities(&[row], None, at(0)).await?
    });
    assert!(matches!(error, StoreError::Invalid { .. }), "{error:?}");
    assert!(store.load_identities().await.unwrap().is_empty());
}

pub(crate) async fn a_closed_store_says_so(store: Store) {
    keep!(store, |tx| tx.insert_identities(&[identity(1, "Kept")], None, at(0)).await?);
    store.close().await;
    let error = refused!(store, |tx| tx.insert_identities(&[identity(2, "Late")], None, at(0)).await?);
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(matches!(store.load_identities().await.unwrap_err(), StoreError::Unavailable { .. }));
}
