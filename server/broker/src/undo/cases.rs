//! The cases that decide, one by one.

use model::account::{Account, AccountStatus, Provenance};
use model::ids::{OrderId, RunId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, Operation};
use model::undo::{UndoConflict, UndoFate, UndoObstacle, UndoSelection};
use model::value::Value;

use super::properties::carry_out;
use super::{Undo, UndoInput, ended, hold, invert, is_wanted, undone};
use crate::worlds::{Taken, access, account, attribute, catalogue, compile, desired_account, orders, reason};

fn value(text: &str) -> model::access::DesiredValue {
    model::access::DesiredValue::Value(Value::from(text))
}

/// A run that sets the department and grants A in the directory.
fn moved() -> (Vec<Account>, Vec<Order>) {
    let mut before = account(1, "person", AccountStatus::Enabled, Provenance::Created);
    before.attributes.insert("department".into(), Value::from("Sales"));
    let desired =
        access(vec![desired_account("person", vec![attribute("department", value("Finance"))], &["person-a"])]);
    let mut accounts = vec![before];
    let mut made = orders(&compile(&desired, &accounts, &[], &mut Taken::default()), 100);
    carry_out(&mut made, &mut accounts, &mut 1_000);
    (accounts, made)
}

fn undo(orders: &[Order], later: &[Order], accounts: &[Account]) -> Undo {
    let selection = UndoSelection::default();
    let input = UndoInput { orders, later, accounts, desired: &[], selection: &selection, explanation: "Undo." };
    invert(&input, &catalogue())
}

fn fates(undo: &Undo) -> Vec<(&str, &UndoFate)> {
    undo.lines.iter().map(|line| (line.name.as_str(), &line.fate)).collect()
}

#[test]
fn an_update_goes_back_to_what_was_there() {
    let (accounts, made) = moved();
    let undo = undo(&made, &[], &accounts);
    assert_eq!(fates(&undo), [("department", &UndoFate::GoesBack), ("A", &UndoFate::GoesBack)]);
    let request = &undo.plans[0].requests[0];
    assert_eq!(request.operation, Operation::Update);
    assert_eq!(request.items[0].value, Some(Value::from("Sales")));
    assert_eq!(request.items[0].current, Some(Value::from("Finance")));
}

#[test]
fn a_later_value_is_listed_with_both_and_stays() {
    let (mut accounts, made) = moved();
    accounts[0].attributes.insert("department".into(), Value::from("Legal"));
    let undo = undo(&made, &[], &accounts);
    let line = &undo.lines[0];
    assert_eq!(line.fate, UndoFate::Conflict { conflict: UndoConflict::Changed });
    assert_eq!((&line.after, &line.now), (&Some(Value::from("Finance")), &Some(Value::from("Legal"))));
    assert_eq!(undo.plans[0].requests[0].items.len(), 1, "the group goes back alone");
}

#[test]
fn an_account_that_is_gone_has_no_way_back() {
    let (mut accounts, made) = moved();
    accounts[0].status = AccountStatus::Gone;
    let undo = undo(&made, &[], &accounts);
    assert!(undo.plans.is_empty());
    for line in &undo.lines {
        assert_eq!(line.fate, UndoFate::Conflict { conflict: UndoConflict::AccountGone });
    }
}

#[test]
fn what_another_rule_asks_for_now_stays() {
    let (accounts, made) = moved();
    let mut desired = access(vec![desired_account("person", vec![], &["person-a"])]);
    desired.assignments[1].reasons = vec![reason("sponsor"), reason("everyone")];
    let selection = UndoSelection::default();
    let input = UndoInput {
        orders: &made,
        later: &[],
        accounts: &accounts,
        desired: std::slice::from_ref(&desired),
        selection: &selection,
        explanation: "Undo.",
    };
    let undo = invert(&input, &catalogue());
    let conflict = UndoConflict::RoleModel { rules: vec!["sponsor".into()] };
    assert_eq!(undo.lines[1].fate, UndoFate::Conflict { conflict });
}

#[test]
fn only_what_was_done_is_taken_back() {
    let (mut accounts, mut made) = moved();
    // The application refused the group.
    made[0].state = ProvisioningState::Errored;
    made[0].items[1].state = ProvisioningState::Errored;
    accounts[0].entitlements.clear();
    assert_eq!(fates(&undo(&made, &[], &accounts)), [("department", &UndoFate::GoesBack)]);
    // Nothing is known of one that is on its way.
    made[0].state = ProvisioningState::Transmitted;
    made[0].items[0].state = ProvisioningState::Transmitted;
    made[0].items[1].state = ProvisioningState::Transmitted;
    let undo = undo(&made, &[], &accounts);
    assert!(undo.plans.is_empty());
    assert_eq!(undo.lines[0].fate, UndoFate::Impossible { obstacle: UndoObstacle::UnderWay });
}

#[test]
fn a_creation_goes_the_way_its_account_type_says() {
    for (account_type, expected) in
        [("person", Ok(Operation::Disable)), ("payroll", Ok(Operation::Delete)), ("badge", Err(UndoObstacle::Kept))]
    {
        let desired = access(vec![desired_account(account_type, vec![attribute("login", value("ada"))], &[])]);
        let mut accounts = Vec::new();
        let mut made = orders(&compile(&desired, &accounts, &[], &mut Taken::default()), 100);
        carry_out(&mut made, &mut accounts, &mut 1_000);
        let whole = undo(&made, &[], &accounts);
        match expected {
            Ok(operation) => assert_eq!(whole.plans[0].requests[0].operation, operation, "{account_type}"),
            Err(obstacle) => assert_eq!(whole.lines[0].fate, UndoFate::Impossible { obstacle }, "{account_type}"),
        }
        // One that was there before, and was taken over, stays.
        accounts[0].provenance = Provenance::Adopted;
        let kept = undo(&made, &[], &accounts);
        assert!(kept.plans.is_empty(), "{account_type}");
        assert_eq!(kept.lines[0].fate, UndoFate::Impossible { obstacle: UndoObstacle::TakenOver });
    }
}

#[test]
fn an_account_that_others_have_worked_on_since_stays() {
    let desired = access(vec![desired_account("payroll", vec![attribute("login", value("ada"))], &[])]);
    let mut accounts = Vec::new();
    let mut made = orders(&compile(&desired, &accounts, &[], &mut Taken::default()), 100);
    carry_out(&mut made, &mut accounts, &mut 1_000);
    let desired = access(vec![desired_account("payroll", vec![attribute("title", value("Dr"))], &[])]);
    let mut later = orders(&compile(&desired, &accounts, &[], &mut Taken::default()), 200);
    carry_out(&mut later, &mut accounts, &mut 1_000);
    let undo = undo(&made, &later, &accounts);
    assert_eq!(undo.lines[0].fate, UndoFate::Conflict { conflict: UndoConflict::LaterOrder { order: OrderId(200) } });
    assert!(undo.plans.is_empty());
}

#[test]
fn what_was_undone_waits_for_a_person_until_nobody_wants_it() {
    let (mut accounts, made) = moved();
    let first = undo(&made, &[], &accounts);
    let rows = undone(&first.lines, &mut (1..), RunId(8), "anna", "wrong feed", jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(rows.len(), 2);
    let mut back = orders(&first.plans[0], 200);
    assert!(!hold(&mut back[0], &rows), "an undo does not hold up itself");
    carry_out(&mut back, &mut accounts, &mut 1_000);
    // The rule is still there: the same is computed again.
    let desired =
        access(vec![desired_account("person", vec![attribute("department", value("Finance"))], &["person-a"])]);
    let mut again = orders(&compile(&desired, &accounts, &[], &mut Taken::default()), 300);
    assert!(hold(&mut again[0], &rows));
    assert_eq!(again[0].state, ProvisioningState::AwaitingApproval);
    let expected = StateReason::Undone { run: RunId(8), by: "anna".into(), why: "wrong feed".into() };
    assert_eq!(again[0].reason, Some(expected));
    assert!(rows.iter().all(|row| is_wanted(row, &desired, &catalogue())));
    // Another value is another matter, and nothing that goes is held up.
    let other = access(vec![desired_account("person", vec![attribute("department", value("Legal"))], &[])]);
    let mut else_where = orders(&compile(&other, &accounts, &[], &mut Taken::default()), 400);
    assert!(!hold(&mut else_where[0], &rows));
    let mut going = orders(&compile(&access(vec![]), &accounts, &[], &mut Taken::default()), 500);
    assert!(!hold(&mut going[0], &rows));
    assert!(rows.iter().all(|row| !is_wanted(row, &other, &catalogue())));
    // Taking back the undo lets go of it.
    let second = undo(&back, &[], &accounts);
    assert_eq!(ended(&second.lines, &rows).len(), 2);
}

#[test]
fn a_failed_undo_is_not_replaced_by_the_next_computation() {
    let (accounts, made) = moved();
    let undo = undo(&made, &[], &accounts);
    let mut back = orders(&undo.plans[0], 200);
    let desired =
        access(vec![desired_account("person", vec![attribute("department", value("Finance"))], &["person-a"])]);
    for state in [ProvisioningState::Pending, ProvisioningState::Errored, ProvisioningState::AwaitingApproval] {
        back[0].state = state;
        let plan = compile(&desired, &accounts, &back, &mut Taken::default());
        assert!(!crate::plan::superseded(&plan).contains(&OrderId(200)), "{state:?}");
    }
    assert!(back[0].items.iter().all(|item| item.kind != ItemKind::Lifecycle));
}
