use model::access::{Grantable, WorkflowState};
use model::ids::{AssignmentId, IdentityId, OrderId};
use model::order::{ProvisioningState, StateReason};
use store::{AssignmentRecord, AssignmentStateChange, Store};

use crate::world::*;

fn held(id: i64, identity: i64, grantable: Grantable) -> AssignmentRecord {
    AssignmentRecord {
        id: AssignmentId(id),
        identity: IdentityId(identity),
        grantable,
        workflow_state: WorkflowState::Suggested,
        period: period("2026-01-01", ""),
        reasons: vec![reason("sellers"), reason("clerks")],
        since: at(id),
        until: None,
        state: None,
        state_reason: None,
        order: None,
    }
}

fn entitlement(name: &str) -> Grantable {
    Grantable::Entitlement(name.into())
}

pub(crate) async fn assignments_open_change_and_close(store: Store) {
    people(&store).await;
    insert_orders(&store, vec![order(30, 1)]).await;
    let first = held(50, 1, entitlement("a"));
    let second = AssignmentRecord {
        state: Some(ProvisioningState::Pending),
        order: Some(OrderId(30)),
        state_reason: Some(StateReason::WorkItem),
        ..held(51, 2, entitlement("a"))
    };
    let rows = [first.clone(), second.clone(), held(52, 1, Grantable::Role("r".into()))];
    keep!(store, |tx| {
        tx.open_assignments(&rows, None).await?;
        tx.open_assignments(&[], None).await?;
        tx.close_assignments(&[], None, at(0)).await?;
    });
    assert_eq!(store.load_assignments().await.unwrap().len(), 3);
    assert_eq!(store.assignments_of(&[IdentityId(2)]).await.unwrap(), [second]);

    let change = |identity, name: &str| AssignmentStateChange {
        identity: IdentityId(identity),
        grantable: entitlement(name),
        state: Some(ProvisioningState::Executed),
        reason: Some(StateReason::CannotBeReadBack),
        order: Some(OrderId(30)),
    };
    let changes = [change(1, "a"), change(1, "not held"), change(9, "a")];
    keep!(store, |tx| tx.set_assignment_states(&changes).await?);
    let changed = store.assignments_of(&[IdentityId(1)]).await.unwrap();
    assert_eq!(
        changed[0],
        AssignmentRecord {
            state: Some(ProvisioningState::Executed),
            state_reason: Some(StateReason::CannotBeReadBack),
            order: Some(OrderId(30)),
            ..first
        }
    );
    keep!(store, |tx| {
        tx.close_assignments(&[AssignmentId(50)], None, at(60)).await?;
        tx.close_assignments(&[AssignmentId(50)], None, at(99)).await?;
        let cleared = AssignmentStateChange { state: None, reason: None, order: None, ..change(2, "a") };
        tx.set_assignment_states(&[cleared, change(1, "a")]).await?;
    });
    let left = store.load_assignments().await.unwrap();
    assert_eq!(left.iter().map(|row| row.id.0).collect::<Vec<_>>(), [52, 51]);
    assert_eq!((left[1].state, &left[1].state_reason, left[1].order), (None, &None, None));
    // What was held is still told.
    let past = store.assignment_history(IdentityId(1)).await.unwrap();
    assert_eq!(past.iter().map(|row| (row.id.0, row.until)).collect::<Vec<_>>(), [(52, None), (50, Some(at(60)))]);
}

pub(crate) async fn a_thing_is_held_once_at_a_time(store: Store) {
    people(&store).await;
    keep!(store, |tx| tx.open_assignments(&[held(50, 1, entitlement("a"))], None).await?);
    let error = refused!(store, |tx| tx.open_assignments(&[held(51, 1, entitlement("a"))], None).await?);
    assert_conflict(&error, "assignment_current");
    keep!(store, |tx| {
        tx.close_assignments(&[AssignmentId(50)], None, at(55)).await?;
        tx.open_assignments(&[held(55, 1, entitlement("a"))], None).await?;
    });
}

pub(crate) async fn role_model_digests_are_kept(store: Store) {
    people(&store).await;
    assert_eq!(store.role_model_digests().await.unwrap(), []);
    let rows = [(IdentityId(3), i64::MIN), (IdentityId(1), i64::MAX)];
    keep!(store, |tx| tx.set_role_model_digests(&rows).await?);
    keep!(store, |tx| tx.set_role_model_digests(&[(IdentityId(1), -1)]).await?);
    // An update of the identity does not touch it.
    keep!(store, |tx| tx.update_identities(&[identity(1, "New")], None, at(1)).await?);
    assert_eq!(store.role_model_digests().await.unwrap(), [(IdentityId(1), -1), (IdentityId(3), i64::MIN)]);
}

pub(crate) async fn what_has_no_state_yet_is_told(store: Store) {
    people(&store).await;
    let granted =
        |id, grantable| AssignmentRecord { workflow_state: WorkflowState::Calculated, ..held(id, 1, grantable) };
    let rows = [
        granted(50, entitlement("a")),
        granted(51, Grantable::Role("r".into())),
        held(52, 1, entitlement("offered")),
        AssignmentRecord { state: Some(ProvisioningState::Verified), ..granted(53, entitlement("known")) },
        granted(54, entitlement("past")),
    ];
    keep!(store, |tx| {
        tx.open_assignments(&rows, None).await?;
        tx.close_assignments(&[AssignmentId(54)], None, at(99)).await?;
    });
    assert_eq!(store.assignments_without_state().await.unwrap(), [(IdentityId(1), entitlement("a"))]);
}
