use model::access::{Grantable, WorkflowState};
use model::configuration::{AccessProfile, Role};
use model::draft::{DraftChange, DraftState, Object, ObjectKind, Sample};
use model::ids::{AssignmentId, ConfigurationVersionId, DraftId, IdentityId};
use store::{AssignmentRecord, Store};

use crate::configuration::sample;
use crate::world::*;

fn role(display_name: &str) -> Object {
    let (access_profiles, roles) = (vec!["seller".into()], Vec::new());
    Object::Role(Role { access_profiles, roles, ..Role::new(display_name) })
}

fn profile() -> Object {
    Object::AccessProfile(AccessProfile {
        description: Some("What sellers share.".into()),
        entitlements: vec!["sellers".into()],
        ..AccessProfile::new("Seller's folders", "directory")
    })
}

fn change(name: &str, before: Option<Object>, after: Option<Object>) -> DraftChange {
    let kind = before.as_ref().or(after.as_ref()).unwrap().kind();
    DraftChange { kind, name: name.into(), before, after, changed_by: "ann".into(), changed_at: at(20) }
}

pub(crate) async fn a_draft_is_changed_while_it_is_open_and_ends_once(store: Store) {
    let id = DraftId(70);
    let first = change("seller", Some(role("Seller")), Some(role("Sellers")));
    let other = change("seller", None, Some(profile()));
    let (put, late) = ([first.clone(), other.clone()], other.clone());
    keep!(store, |tx| {
        tx.insert_draft(id, "Sellers", "ann", at(10)).await?;
        assert!(tx.put_draft_changes(id, &put, at(20)).await?);
        assert!(!tx.put_draft_changes(DraftId(71), &put, at(20)).await?);
        assert!(tx.rename_draft(id, "Sellers anew", at(21)).await?);
    });
    let kept = store.draft(id).await.unwrap().unwrap();
    assert_eq!((kept.title.as_str(), kept.state, &kept.ended), ("Sellers anew", DraftState::Open, &None));
    assert_eq!(kept.changes, [other, first]);

    // The second change of an object takes the place of the first.
    let removed = change("seller", Some(role("Seller")), None);
    let put = [removed.clone()];
    keep!(store, |tx| {
        assert!(tx.put_draft_changes(id, &put, at(30)).await?);
        assert!(tx.take_out_of_draft(id, ObjectKind::AccessProfile, "seller", at(31)).await?);
    });
    assert_eq!(store.draft(id).await.unwrap().unwrap().changes, [removed]);

    let version = ConfigurationVersionId(80);
    keep!(store, |tx| {
        tx.apply_configuration(version, &sample(), "digest", "bob", at(40)).await?;
        assert!(tx.end_draft(id, Some(version), "bob", at(40)).await?);
        assert!(!tx.end_draft(id, None, "cy", at(41)).await?);
        assert!(!tx.rename_draft(id, "Again", at(41)).await?);
        assert!(!tx.put_draft_changes(id, std::slice::from_ref(&late), at(41)).await?);
        assert!(!tx.take_out_of_draft(id, ObjectKind::Role, "seller", at(41)).await?);
    });
    let ended = store.draft(id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.version), (DraftState::Published, Some(version)));
    assert_eq!(ended.ended, Some(("bob".into(), at(40))));
    assert_eq!(ended.changes.len(), 1);
}

pub(crate) async fn drafts_are_listed_and_found_by_what_they_change(store: Store) {
    keep!(store, |tx| {
        for (number, title) in [(70, "One"), (71, "Two"), (72, "Three")] {
            tx.insert_draft(DraftId(number), title, "ann", at(number)).await?;
            tx.put_draft_changes(DraftId(number), &[change("seller", None, Some(role(title)))], at(number)).await?;
        }
        tx.end_draft(DraftId(71), None, "ann", at(90)).await?;
    });
    let page = store.draft_page(Some(DraftState::Open), None, Some(1)).await.unwrap();
    assert_eq!((page.rows.len(), page.total, page.rows[0].title.as_str()), (1, 2, "Three"));
    let next = page.next.unwrap().parse().ok();
    let page = store.draft_page(Some(DraftState::Open), next, Some(1)).await.unwrap();
    assert_eq!((page.rows[0].id, page.rows[0].changes, page.next), (DraftId(70), 1, None));
    assert_eq!(store.draft_page(None, None, None).await.unwrap().total, 3);
    let ids = |rows: Vec<model::draft::DraftRow>| rows.into_iter().map(|row| row.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.drafts_of(ObjectKind::Role, "seller").await.unwrap()), [72, 70]);
    assert!(store.drafts_of(ObjectKind::Rule, "seller").await.unwrap().is_empty());
}

pub(crate) async fn holders_are_counted_where_access_follows(store: Store) {
    people(&store).await;
    let seller = Grantable::Role("seller".into());
    let held = |id: i64, identity: i64, workflow_state| AssignmentRecord {
        id: AssignmentId(id),
        identity: IdentityId(identity),
        grantable: seller.clone(),
        workflow_state,
        period: period("", ""),
        reasons: vec![reason("sellers")],
        since: at(id),
        until: None,
        state: None,
        state_reason: None,
        order: None,
    };
    let rows = [
        held(50, 3, WorkflowState::Calculated),
        held(51, 1, WorkflowState::GivenByRole),
        held(52, 2, WorkflowState::Suggested),
        held(53, 4, WorkflowState::Calculated),
    ];
    keep!(store, |tx| {
        tx.open_assignments(&rows, None).await?;
        tx.close_assignments(&[AssignmentId(53)], None, at(60)).await?;
    });
    assert_eq!(store.holder_counts("role", None).await.unwrap(), [("seller".to_owned(), 2)]);
    let named = store.holder_counts("role", Some(&["clerk", "seller"])).await.unwrap();
    assert_eq!(named, [("seller".to_owned(), 2)]);
    assert!(store.holder_counts("role", Some(&["clerk"])).await.unwrap().is_empty());
    assert!(store.holder_counts("entitlement", None).await.unwrap().is_empty());
    let first = |id, name: &str| (IdentityId(id), name.to_owned());
    let two = Sample { total: 2, people: vec![first(1, "Person 1"), first(3, "Person 3")] };
    assert_eq!(store.holders(&seller, 20).await.unwrap(), two);
    assert_eq!(store.holders(&seller, 1).await.unwrap().people, [first(1, "Person 1")]);
}
