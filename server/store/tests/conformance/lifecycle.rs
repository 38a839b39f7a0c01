use model::ids::IdentityId;
use model::lifecycle::Remembered;
use model::view::IdentityFilter;
use store::Store;

use crate::world::*;

fn state(name: &str, since: &str) -> Remembered {
    Remembered { state: name.to_owned(), since: day(since) }
}

pub(crate) async fn states_follow_each_other(store: Store) {
    people(&store).await;
    assert_eq!(store.lifecycle_periods(None).await.unwrap(), []);
    let (one, two) = (IdentityId(1), IdentityId(2));
    let leave = state("leave", "2026-03-01");
    let first = [(one, Some(leave.clone())), (two, Some(state("suspended", "2026-03-02")))];
    keep!(store, |tx| tx.set_lifecycle_periods(&first, at(10)).await?);
    assert_eq!(store.lifecycle_periods(Some(&[one])).await.unwrap(), [(one, leave.clone())]);
    let filter = |name: &str| IdentityFilter { state: Some(name.into()), ..IdentityFilter::default() };
    let found = store.identity_page(&filter("suspended"), day("2026-03-02")).await.unwrap();
    let found: Vec<_> = found.rows.into_iter().map(|row| (row.id, row.state)).collect();
    assert_eq!(found, [(two, Some("suspended".to_owned()))]);

    // At the same moment as well: history keeps both.
    let second = [(one, Some(state("leaver", "2026-04-01"))), (two, None)];
    keep!(store, |tx| tx.set_lifecycle_periods(&second, at(10)).await?);
    assert_eq!(store.lifecycle_periods(None).await.unwrap(), [(one, state("leaver", "2026-04-01"))]);
    assert_eq!(store.identity_page(&filter("suspended"), day("2026-04-02")).await.unwrap().total, 0);
    let before = store.change_log_head().await.unwrap();
    let back = [(two, Some(leave.clone()))];
    keep!(store, |tx| tx.set_lifecycle_periods(&back, at(20)).await?);
    let noted: Vec<_> = store.changes_since(before).await.unwrap().into_iter().map(|(_, id)| id).collect();
    assert_eq!(noted, [two], "other processes hear of it");
    assert_eq!(store.lifecycle_periods(Some(&[two])).await.unwrap(), [(two, leave)]);
    keep!(store, |tx| tx.set_lifecycle_periods(&[], at(30)).await?);
    assert_eq!(store.lifecycle_periods(None).await.unwrap().len(), 2);
}

pub(crate) async fn days_are_decided_once(store: Store) {
    assert_eq!(store.boundaries_decided().await.unwrap(), None);
    let (first, second) = (day("2026-03-01"), day("2026-03-09"));
    assert!(keep!(store, |tx| tx.decide_boundaries(None, first).await?));
    assert!(!keep!(store, |tx| tx.decide_boundaries(None, second).await?), "another node was quicker");
    assert_eq!(store.boundaries_decided().await.unwrap(), Some(first));
    assert!(keep!(store, |tx| tx.decide_boundaries(Some(first), second).await?));
    assert!(!keep!(store, |tx| tx.decide_boundaries(Some(first), second).await?));
    assert_eq!(store.boundaries_decided().await.unwrap(), Some(second));
}
