//! Deeds on work items, one by one.

use model::access::DesiredValue;
use model::account::{AccountStatus, Provenance};
use model::ids::OrderId;
use model::order::ProvisioningState;
use model::value::Value;
use model::work_item::{LineReport, WorkItemLine};

use super::*;
use crate::settle;
use crate::worlds::{Taken, access, account, attribute, catalogue, compile, desired_account, orders};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn sent(mut order: Order) -> Order {
    (order.state, order.attempts, order.fence) = (ProvisioningState::Transmitted, 1, 1);
    for item in &mut order.items {
        item.state = ProvisioningState::Transmitted;
    }
    order
}

/// A badge with a login, a room and two doors, made by hand.
fn creation() -> Order {
    let login = attribute("login", DesiredValue::Value(Value::from("ada")));
    let room = attribute("room", DesiredValue::Value(Value::from("B2.14")));
    let mut pin = attribute("pin", DesiredValue::Value(Value::from("1234")));
    pin.secret = true;
    let desired = access(vec![desired_account("badge", vec![login, room, pin], &["badge-a", "badge-b"])]);
    sent(orders(&compile(&desired, &[], &[], &mut Taken::default()), 100).remove(0))
}

fn work(order: &Order) -> WorkItem {
    let lines = order.items.iter().map(|item| WorkItemLine { item: item.id, outcome: None }).collect();
    WorkItem { fence: 1, lines, ..WorkItem::open(WorkItemId(1), order.id, &order.application, at(0)) }
}

fn named(order: &Order, name: &str) -> OrderItemId {
    order.items.iter().find(|item| item.name == name && item.kind != ItemKind::Lifecycle).unwrap().id
}

fn account_line(order: &Order) -> OrderItemId {
    order.items.iter().find(|item| item.kind == ItemKind::Lifecycle).unwrap().id
}

fn done(line: OrderItemId, actual: Option<&str>) -> LineReport {
    LineReport { line, outcome: LineOutcome::Done { actual: actual.map(str::to_owned) } }
}

fn cannot(line: OrderItemId, why: &str) -> LineReport {
    LineReport { line, outcome: LineOutcome::CannotDo { why: why.into() } }
}

fn all_done() -> Option<LineOutcome> {
    Some(LineOutcome::Done { actual: None })
}

const ANN: UserId = UserId(7);
const BO: UserId = UserId(8);

fn told(
    item: &WorkItem,
    order: &Order,
    lines: Vec<LineReport>,
    rest: Option<LineOutcome>,
) -> Result<WorkItem, Refusal> {
    let told = Report { lines, rest, ..Report::default() };
    report(item, &[], order, &told, false, &catalogue(), Some(ANN), at(9))
}

#[test]
fn one_has_it_at_a_time() {
    let order = creation();
    let item = work(&order);
    let claimed = claim(&item, ANN).unwrap();
    assert_eq!(claimed.claimed_by, Some(ANN));
    assert_eq!(claim(&claimed, ANN), Ok(claimed.clone()));
    assert_eq!(claim(&claimed, BO), Err(Refusal::Taken(item.id, ANN)));
    assert_eq!(release(&claimed, BO), Err(Refusal::NotYours(item.id)));
    assert_eq!(release(&claimed, ANN), Ok(item.clone()));
    assert_eq!(release(&item, ANN), Err(Refusal::NotYours(item.id)));
    assert_eq!(can_change(&claimed, Some(BO), true), Ok(()));
    let given = assign(&claimed, Fulfiller::User("bo".into()), Chosen::Reassigned);
    assert_eq!((given.claimed_by, given.chosen), (None, Chosen::Reassigned));
    let closed = told(&item, &order, vec![], all_done()).unwrap();
    for refused in [claim(&closed, ANN), release(&closed, ANN), told(&closed, &order, vec![], all_done())] {
        assert_eq!(refused, Err(Refusal::Closed(item.id)));
    }
}

#[test]
fn a_report_closes_with_its_last_line() {
    let order = creation();
    let (a, b) = (named(&order, "A"), named(&order, "B"));
    let first = told(&work(&order), &order, vec![cannot(b, "the door is broken")], None).unwrap();
    assert_eq!((first.state, first.closed_at), (WorkItemState::Open, None));
    assert_eq!(answered(&order, std::slice::from_ref(&first), "Ann", &catalogue()), None);
    assert_eq!(told(&first, &order, vec![done(b, None)], None), Err(Refusal::NoSuchLine(first.id, b)));
    let last = told(&first, &order, vec![done(a, None)], all_done()).unwrap();
    assert_eq!((last.state, last.closed_by, last.closed_at), (WorkItemState::PartlyDone, Some(ANN), Some(at(9))));
    let answered = answered(&order, &[last], "Ann", &catalogue()).unwrap();
    assert_eq!(answered.refused, [(b, "the door is broken".to_owned())]);
    let settled = settle::answer(&order, None, &answered.result, &catalogue(), &Default::default(), at(9), 0.5);
    assert_eq!(settled.to, ProvisioningState::Errored);
    let states: Vec<i64> = settled.items.iter().map(|(_, state, _)| state.number()).collect();
    assert_eq!(states.iter().filter(|state| **state == 8).count(), order.items.len() - 1);
    assert_eq!(settled.message, format!("Done but for 1 of {}, which cannot be done: B.", order.items.len()));
    let Some(settle::AccountChange::Created(created)) = settled.account else { panic!("the account is there") };
    assert_eq!(created.entitlements, ["A".to_owned()].into());
}

#[test]
fn what_is_said_of_the_rest_says_nothing_where_every_line_is_named() {
    let order = creation();
    let item = work(&order);
    let all = || item.lines.iter().map(|line| done(line.item, None)).collect::<Vec<_>>();
    let locked = || Some(LineOutcome::CannotDo { why: "locked".into() });
    let closed = told(&item, &order, all(), locked()).unwrap();
    assert_eq!((closed.state, closed.note), (WorkItemState::Done, None), "all of it is done");
    // Nor does it ask for evidence of what is not done.
    let none = item.lines.iter().map(|line| cannot(line.item, "locked")).collect();
    let report_none = Report { lines: none, rest: all_done(), ..Report::default() };
    let closed = report(&item, &[], &order, &report_none, true, &catalogue(), Some(ANN), at(9)).unwrap();
    assert_eq!(closed.state, WorkItemState::CannotDo);
}

#[test]
fn what_was_set_instead_is_told() {
    let order = creation();
    let (login, room) = (named(&order, "login"), named(&order, "room"));
    let lines = vec![done(login, Some("ada3")), done(room, Some(" B2.14 "))];
    let item = told(&work(&order), &order, lines, all_done()).unwrap();
    let answered = answered(&order, &[item], "Ann", &catalogue()).unwrap();
    assert_eq!(answered.values, [("login".to_owned(), "ada3".to_owned())], "the same again is no other value");
    let changes = edit::changes(&order, &answered.values).unwrap();
    let order = edit::apply(&order, &changes, "Ann", "as reported", at(9));
    let settled = settle::answer(&order, None, &answered.result, &catalogue(), &Default::default(), at(9), 0.5);
    let Some(settle::AccountChange::Created(created)) = settled.account else { panic!("the account is there") };
    assert_eq!(created.key, "ada3");
    assert_eq!(created.attributes["login"], Value::from("ada3"));
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let order = creation();
    let item = work(&order);
    let refused = |line: LineReport| told(&item, &order, vec![line], None).unwrap_err();
    assert_eq!(refused(done(named(&order, "A"), Some("C"))), Refusal::NoValue("A".into()));
    assert_eq!(refused(done(named(&order, "pin"), Some("9"))), Refusal::Value(EditError::Secret("pin".into())));
    assert!(matches!(refused(done(account_line(&order), Some("x"))), Refusal::NoValue(_)));
    assert_eq!(refused(cannot(named(&order, "A"), "  ")), Refusal::WhyMissing("A".into()));
    assert_eq!(refused(done(OrderItemId(999), None)), Refusal::NoSuchLine(item.id, OrderItemId(999)));
    assert_eq!(told(&item, &order, vec![], None), Err(Refusal::NothingReported));
}

#[test]
fn nothing_is_done_on_an_account_that_is_not_there() {
    let order = creation();
    for line in [account_line(&order), named(&order, "login")] {
        let refused = told(&work(&order), &order, vec![cannot(line, "no room")], all_done());
        assert!(matches!(refused, Err(Refusal::NoAccountWithout(_))), "{refused:?}");
    }
    let rest = Some(LineOutcome::CannotDo { why: "closed".into() });
    let none = told(&work(&order), &order, vec![], rest).unwrap();
    assert_eq!((none.state, none.note.as_deref()), (WorkItemState::CannotDo, Some("closed")));
    let answered = answered(&order, &[none], "Ann", &catalogue()).unwrap();
    assert_eq!(answered.result, Err(CommandError::new(ErrorClass::Declined, "closed")));
}

#[test]
fn an_account_that_cannot_be_disabled_stays_as_it_is() {
    let mut held = account(1, "person", AccountStatus::Enabled, Provenance::Created);
    held.entitlements.insert("A".to_owned());
    let plan = compile(&access(vec![]), std::slice::from_ref(&held), &[], &mut Taken::default());
    let order = sent(orders(&plan, 100).remove(0));
    let item = told(&work(&order), &order, vec![cannot(account_line(&order), "still signed in")], all_done()).unwrap();
    assert_eq!(item.state, WorkItemState::PartlyDone);
    let answered = answered(&order, &[item], "Ann", &catalogue()).unwrap();
    let settled = settle::answer(&order, Some(&held), &answered.result, &catalogue(), &Default::default(), at(9), 0.5);
    assert_eq!(settled.to, ProvisioningState::Errored);
    let Some(settle::AccountChange::Patched(patch)) = settled.account else { panic!("something changed") };
    let mut after = held.clone();
    patch.apply(&mut after);
    assert_eq!((after.status, after.entitlements.is_empty()), (AccountStatus::Enabled, true));
}

#[test]
fn lines_go_to_somebody_else_and_the_order_waits_for_both() {
    let order = creation();
    let item = claim(&work(&order), ANN).unwrap();
    let doors = [named(&order, "A"), named(&order, "B")];
    let to = Fulfiller::Profile("doors".into());
    let (mine, theirs) = split(&item, &doors, to.clone(), WorkItemId(2), 1, at(5)).unwrap();
    assert_eq!((theirs.fulfiller.clone(), theirs.claimed_by, theirs.part, theirs.fence), (to.clone(), None, 1, 1));
    assert_eq!((theirs.lines.len(), mine.lines.len()), (2, item.lines.len() - 2));
    assert_eq!(mine.claimed_by, Some(ANN));
    let mine = told(&mine, &order, vec![], all_done()).unwrap();
    assert_eq!(answered(&order, &[mine.clone(), theirs.clone()], "Bo", &catalogue()), None);
    let rest = Some(LineOutcome::CannotDo { why: "no doors".into() });
    let report_theirs = Report { rest, ..Report::default() };
    let theirs =
        report(&theirs, std::slice::from_ref(&mine), &order, &report_theirs, false, &catalogue(), Some(BO), at(9))
            .unwrap();
    let answered = answered(&order, &[mine, theirs], "Bo", &catalogue()).unwrap();
    let Ok(Outcome::Applied(applied)) = answered.result else { panic!("most of it is done") };
    assert_eq!(applied.refused.len(), 2);

    let all: Vec<OrderItemId> = item.lines.iter().map(|line| line.item).collect();
    for lines in [&all[..], &[]] {
        let refused = split(&item, lines, to.clone(), WorkItemId(2), 1, at(5));
        assert_eq!(refused, Err(Refusal::NothingToSplit));
    }
    let foreign = split(&item, &[OrderItemId(999)], to, WorkItemId(2), 1, at(5));
    assert_eq!(foreign, Err(Refusal::NoSuchLine(item.id, OrderItemId(999))));
}

#[test]
fn evidence_is_given_where_it_is_asked_for() {
    let order = creation();
    let asked = |told: Report| report(&work(&order), &[], &order, &told, true, &catalogue(), Some(ANN), at(9));
    let rest = all_done();
    assert_eq!(asked(Report { rest: rest.clone(), ..Report::default() }), Err(Refusal::EvidenceMissing));
    let with = Report { rest, reference: reference("CHG-4711").unwrap(), ..Report::default() };
    assert_eq!(asked(with).unwrap().reference.as_deref(), Some("CHG-4711"));
    // Why it cannot be done is evidence enough.
    let cannot = Report { rest: Some(LineOutcome::CannotDo { why: "locked".into() }), ..Report::default() };
    assert_eq!(asked(cannot).unwrap().state, WorkItemState::CannotDo);
}

#[test]
fn a_reference_is_a_number_or_an_address_of_the_web() {
    for (given, kept) in [
        ("  CHG-4711 ", Some("CHG-4711")),
        ("https://tickets.example.org/4711?x=1", Some("https://tickets.example.org/4711?x=1")),
        ("HTTP://t.example.org", Some("HTTP://t.example.org")),
        ("Ticket: 7", Some("Ticket: 7")),
        ("", None),
    ] {
        assert_eq!(reference(given).unwrap().as_deref(), kept, "{given}");
    }
    for given in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "ftp://t.example.org",
        "https://",
        "https:///x",
        "http:4711",
        "https://t.example.org/\"onclick=x",
    ] {
        assert_eq!(reference(given), Err(Refusal::Reference), "{given}");
    }
    assert_eq!(reference(&"x".repeat(501)), Err(Refusal::ReferenceTooLong));
    assert!(is_address("https://t.example.org") && !is_address("CHG-4711") && !is_address("javascript:x"));
    assert_eq!(text(&"x".repeat(1_001)), Err(Refusal::TextTooLong));
    assert_eq!(needed_text("  "), Err(Refusal::TextMissing));
}

#[test]
fn an_order_without_lines_is_answered_as_a_whole() {
    let order = Order { items: Vec::new(), id: OrderId(5), ..creation() };
    let item = work(&order);
    let done = told(&item, &order, vec![], all_done()).unwrap();
    assert_eq!(done.state, WorkItemState::Done);
    assert!(answered(&order, &[done], "Ann", &catalogue()).unwrap().result.is_ok());
    let not = told(&item, &order, vec![], Some(LineOutcome::CannotDo { why: "gone".into() })).unwrap();
    let answered = answered(&order, &[not], "Ann", &catalogue()).unwrap();
    assert_eq!(answered.result, Err(CommandError::new(ErrorClass::Declined, "gone")));
}
