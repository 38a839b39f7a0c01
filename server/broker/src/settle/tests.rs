//! Answers and readings, one by one.

use model::access::DesiredValue;
use model::account::ObservedAccount;
use model::command::CommandError;
use model::plan::ItemKind;
use model::value::Value;

use super::*;
use crate::worlds::{Taken, access, account, attribute, catalogue, compile, desired_account, orders};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A creation with a login, a secret and two entitlements, sent once.
fn creation(account_type: &str) -> Order {
    let mut password = attribute("password", DesiredValue::Value(Value::from("hush")));
    password.secret = true;
    let login = attribute("login", DesiredValue::Value(Value::from("ada")));
    let (a, b) = (format!("{account_type}-a"), format!("{account_type}-b"));
    let desired = access(vec![desired_account(account_type, vec![login, password], &[&a, &b])]);
    sent(orders(&compile(&desired, &[], &[], &mut Taken::default()), 100).remove(0))
}

fn existing(provenance: Provenance) -> Account {
    let mut account = account(1, "person", AccountStatus::Enabled, provenance);
    account.attributes.insert("city".to_owned(), Value::from("Bern"));
    account.entitlements.extend(["A".to_owned(), "OTHER".to_owned()]);
    account
}

/// Sets the city, adds B, removes A.
fn update() -> Order {
    let city = attribute("city", DesiredValue::Value(Value::from("Genf")));
    let desired = access(vec![desired_account("person", vec![city], &["person-b"])]);
    let plan = compile(&desired, &[existing(Provenance::Created)], &[], &mut Taken::default());
    sent(orders(&plan, 100).remove(0))
}

fn disablement() -> Order {
    let plan = compile(&access(vec![]), &[existing(Provenance::Created)], &[], &mut Taken::default());
    sent(orders(&plan, 100).remove(0))
}

fn sent(mut order: Order) -> Order {
    order.state = ProvisioningState::Transmitted;
    order.attempts = 1;
    order.fence = 1;
    for item in &mut order.items {
        item.state = ProvisioningState::Transmitted;
    }
    order
}

fn applied(key: Option<&str>, refused: &[&str]) -> Applied {
    Applied {
        key: key.map(str::to_owned),
        adopted: false,
        account_refused: None,
        refused: refused.iter().map(|&name| (name.to_owned(), "not allowed".to_owned())).collect(),
        detail: "201".to_owned(),
    }
}

fn answered(order: &Order, account: Option<&Account>, result: Result<Outcome, CommandError>) -> Settled {
    answer(order, account, &result, &catalogue(), &RetryPolicy::default(), at(1_000), 0.5)
}

/// The account once what an order did is laid over it.
fn patched(account: &Account, change: Option<AccountChange>) -> Account {
    let Some(AccountChange::Patched(patch)) = change else { panic!("{change:?}") };
    assert_eq!(patch.account, account.id);
    let mut account = account.clone();
    patch.apply(&mut account);
    account
}

fn states(settled: &Settled) -> Vec<i64> {
    settled.items.iter().map(|(_, state, _)| state.number()).collect()
}

#[test]
fn a_created_account_is_known_at_once_without_its_secret() {
    let settled = answered(&creation("person"), None, Ok(Outcome::Applied(applied(Some("id-1"), &[]))));
    assert_eq!((settled.to, settled.reason.clone()), (ProvisioningState::Executed, None));
    assert_eq!(states(&settled), [8, 8, 8, 8, 8]);
    assert_eq!(settled.message, "Done in Directory: 201.");
    let Some(AccountChange::Created(created)) = settled.account else { panic!("{settled:?}") };
    assert_eq!((created.key.as_str(), created.provenance), ("id-1", Provenance::Created));
    assert_eq!(created.attributes, [("login".to_owned(), Value::from("ada"))].into());
    assert_eq!(created.entitlements, ["A".to_owned(), "B".to_owned()].into());
    assert_eq!(created.with_id(AccountId(5)).owner, Some(crate::worlds::PERSON));
}

#[test]
fn what_was_there_already_is_adopted() {
    let adopted = Applied { adopted: true, ..applied(Some("id-1"), &[]) };
    let settled = answered(&creation("person"), None, Ok(Outcome::AlreadySo(adopted)));
    let Some(AccountChange::Created(created)) = settled.account else { panic!("{settled:?}") };
    assert_eq!(created.provenance, Provenance::Adopted);
    assert_eq!(settled.answer, Answer::AlreadySo { detail: "201".to_owned() });
}

#[test]
fn a_creation_without_a_key_is_read_back_unless_the_key_is_in_the_order() {
    let settled = answered(&creation("person"), None, Ok(Outcome::Applied(applied(None, &[]))));
    assert_eq!((settled.to, settled.reason), (ProvisioningState::Transmitted, Some(StateReason::InDoubt)));
    assert!(settled.next_attempt_at.is_some(), "somebody has to read it back");
    assert_eq!(settled.account, None);
    let settled = answered(&creation("badge"), None, Ok(Outcome::Applied(applied(None, &[]))));
    let Some(AccountChange::Created(created)) = settled.account else { panic!("{settled:?}") };
    assert_eq!(created.key, "ada");
    assert_eq!(settled.reason, Some(StateReason::CannotBeReadBack), "nobody can ask the door");
}

#[test]
fn what_is_refused_fails_and_the_rest_is_known() {
    let settled = answered(&creation("person"), None, Ok(Outcome::Applied(applied(Some("id-1"), &["B"]))));
    assert_eq!(settled.to, ProvisioningState::Errored);
    assert_eq!(states(&settled), [8, 8, 8, 8, 3]);
    assert_eq!(settled.message, "Done but for 1 of 5, refused by the application: B.");
    let Some(AccountChange::Created(created)) = settled.account else { panic!("{settled:?}") };
    assert_eq!(created.entitlements, ["A".to_owned()].into());
}

#[test]
fn changes_show_on_the_account() {
    let found = existing(Provenance::Found);
    let settled = answered(&update(), Some(&found), Ok(Outcome::Applied(applied(None, &[]))));
    let account = patched(&found, settled.account);
    assert_eq!(account.attributes["city"], Value::from("Genf"));
    assert_eq!(account.entitlements, ["B".to_owned(), "OTHER".to_owned()].into());
    assert_eq!((account.key.as_str(), account.provenance), ("person-1", Provenance::Adopted));

    let ours = existing(Provenance::Created);
    let settled = answered(&disablement(), Some(&ours), Ok(Outcome::Applied(applied(None, &[]))));
    let account = patched(&ours, settled.account);
    assert_eq!((account.status, account.entitlements), (AccountStatus::Disabled, ["OTHER".to_owned()].into()));
}

#[test]
fn failures_are_retried_read_back_or_final() {
    use ProvisioningState::{Errored, Pending, Transmitted};
    let reason = |settled: &Settled| match &settled.reason {
        Some(StateReason::RetryWait { .. }) => "wait",
        Some(StateReason::InDoubt) => "doubt",
        Some(StateReason::Failed { .. }) => "failed",
        _ => "other",
    };
    for (class, to, expect, next) in [
        (ErrorClass::Transient, Pending, "wait", Some(at(1_030))),
        (ErrorClass::RateLimited, Pending, "wait", Some(at(1_030))),
        (ErrorClass::Unknown, Transmitted, "doubt", Some(at(1_030))),
        (ErrorClass::Protocol, Transmitted, "doubt", Some(at(1_030))),
        (ErrorClass::Authentication, Errored, "failed", None),
        (ErrorClass::Permission, Errored, "failed", None),
        (ErrorClass::Invalid, Errored, "failed", None),
        (ErrorClass::Conflict, Errored, "failed", None),
        (ErrorClass::NotFound, Errored, "failed", None),
        (ErrorClass::Unsupported, Errored, "failed", None),
        (ErrorClass::Declined, Errored, "failed", None),
    ] {
        let settled = answered(&update(), None, Err(CommandError::new(class, "No.")));
        assert_eq!((settled.to, reason(&settled), settled.next_attempt_at), (to, expect, next), "{class:?}");
        assert_eq!(settled.answer, Answer::Failed { class, message: "No.".to_owned() });
    }
    // A batch file or a work item can be handed over again: it bears the order's number.
    let unknown = || Err(CommandError::new(ErrorClass::Unknown, "No."));
    assert_eq!(answered(&creation("badge"), None, unknown()).to, Pending);

    let mut old = update();
    (old.created_at, old.attempts) = (at(1_000 - 24 * 3_600), 9);
    let settled = answered(&old, None, Err(CommandError::new(ErrorClass::Transient, "Refused.")));
    assert_eq!((settled.to, settled.message.as_str()), (Errored, "Refused. Given up after 9 attempts."));
}

/// Otherwise the next plan would take it for never sent, and create the account a second time.
#[test]
fn what_fails_while_an_earlier_attempt_is_in_doubt_leaves_the_doubt() {
    let mut order = creation("person");
    order.reason = Some(StateReason::InDoubt);
    for class in [ErrorClass::Transient, ErrorClass::RateLimited, ErrorClass::Unknown] {
        let settled = answered(&order, None, Err(CommandError::new(class, "No connection.")));
        assert_eq!(
            (settled.to, settled.reason, settled.next_attempt_at.is_some()),
            (ProvisioningState::Transmitted, Some(StateReason::InDoubt), true),
            "{class:?}"
        );
    }
    let settled = answered(&order, None, Err(CommandError::new(ErrorClass::Conflict, "Taken.")));
    assert_eq!(settled.to, ProvisioningState::Errored);
    // A batch file or a work item bears the order's number: it can be handed over again.
    let mut handed = creation("mailbox");
    handed.reason = Some(StateReason::InDoubt);
    let settled = answered(&handed, None, Err(CommandError::new(ErrorClass::Transient, "No folder.")));
    assert_eq!(settled.to, ProvisioningState::Pending);
}

#[test]
fn an_account_that_is_gone() {
    let not_found = || Err(CommandError::new(ErrorClass::NotFound, "404"));
    let account = existing(Provenance::Created);
    for (order, to) in [(disablement(), ProvisioningState::Executed), (update(), ProvisioningState::Errored)] {
        let settled = answered(&order, Some(&account), not_found());
        assert_eq!(settled.to, to);
        assert_eq!(patched(&account, settled.account).status, AccountStatus::Gone);
    }
}

#[test]
fn what_is_handed_over_stays_sent() {
    let handed = || Ok(Outcome::Handed { reference: "batch-7".to_owned() });
    let settled = answered(&creation("person"), None, handed());
    assert_eq!(settled.to, ProvisioningState::Transmitted);
    let mut executor = update();
    executor.mechanism = Mechanism::Executor;
    let settled = answered(&executor, None, handed());
    assert_eq!(settled.reason, Some(StateReason::Handed { reference: "batch-7".to_owned(), can_be_called_off: false }));
    executor.mechanism = Mechanism::Manual;
    let settled = answered(&executor, None, handed());
    assert_eq!((settled.to, settled.reason), (ProvisioningState::Transmitted, Some(StateReason::WorkItem)));
    assert_eq!(states(&answered(&executor, None, handed())), [2, 2, 2]);
}

#[test]
fn a_late_answer_counts_and_a_late_failure_changes_little() {
    let mut order = update();
    let settled = timed_out(&order, at(500));
    assert_eq!((settled.to, settled.reason), (ProvisioningState::Errored, Some(StateReason::Timeout)));
    let settled = left_behind(&order);
    assert_eq!((settled.to, settled.reason), (ProvisioningState::Errored, Some(StateReason::Timeout)));
    assert!(settled.message.contains("is not in the configuration any more"), "{}", settled.message);
    order.state = ProvisioningState::Errored;
    let done = answered(&order, None, Ok(Outcome::Applied(applied(None, &[]))));
    assert_eq!(done.to, ProvisioningState::Executed);
    let failed = answered(&order, None, Err(CommandError::new(ErrorClass::Transient, "No.")));
    assert_eq!((failed.to, failed.next_attempt_at), (ProvisioningState::Errored, None));
}

fn seen(city: &str, enabled: bool, held: &[&str]) -> ObservedAccount {
    ObservedAccount {
        key: "person-1".to_owned(),
        enabled,
        attributes: [("city".to_owned(), Value::from(city))].into(),
        entitlements: held.iter().map(|&key| key.to_owned()).collect(),
    }
}

#[test]
fn reading_back_decides_what_a_lost_answer_left_open() {
    use ProvisioningState::{Executed, Pending};
    for (order, observed, to, items) in [
        (update(), Some(seen("Genf", true, &["B", "OTHER"])), Executed, vec![8, 8, 8]),
        (update(), Some(seen("Genf", true, &["A"])), Pending, vec![8, 1, 1]),
        (update(), Some(seen("Bern", true, &["A"])), Pending, vec![1, 1, 1]),
        (disablement(), Some(seen("Bern", false, &["OTHER"])), Executed, vec![8, 8]),
        (disablement(), Some(seen("Bern", false, &["A"])), Pending, vec![8, 1]),
        (disablement(), None, Executed, vec![8, 8]),
        (creation("person"), None, Pending, vec![1, 1, 1, 1, 1]),
    ] {
        let settled = read_back(&order, None, observed.as_ref(), at(9));
        assert_eq!((settled.to, states(&settled)), (to, items), "{:?} {observed:?}", order.operation);
        assert_eq!(settled.next_attempt_at, (to == Pending).then_some(at(9)));
    }
}

#[test]
fn what_is_read_back_as_done_is_known_of_the_account_at_once() {
    let account = existing(Provenance::Created);
    let known = |order: &Order, observed: Option<ObservedAccount>| {
        let settled = read_back(order, Some(&account), observed.as_ref(), at(9));
        let change = settled.account?;
        let known = patched(&account, Some(change));
        Some((known.status, known.entitlements))
    };
    let held = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    let updated = known(&update(), Some(seen("Genf", true, &["B", "OTHER"])));
    assert_eq!(updated, Some((AccountStatus::Enabled, held(&["B", "OTHER"]))));
    let disabled = known(&disablement(), Some(seen("Bern", false, &["OTHER"])));
    assert_eq!(disabled, Some((AccountStatus::Disabled, held(&["OTHER"]))));
    assert_eq!(known(&disablement(), None).map(|(status, _)| status), Some(AccountStatus::Gone));
    assert_eq!(known(&update(), Some(seen("Bern", true, &["A"]))), None, "it is sent again");
    assert_eq!(known(&update(), None), None, "the application says so when it is sent again");
}

#[test]
fn a_creation_that_happened_is_not_made_twice() {
    let order = creation("person");
    let mut observed = seen("Bern", true, &["A"]);
    observed.attributes.insert("login".to_owned(), Value::from("ada"));
    // Half done: the account is ours, an entitlement is missing.
    let settled = read_back(&order, None, Some(&observed), at(9));
    assert_eq!((settled.to, states(&settled)), (ProvisioningState::Pending, vec![8, 8, 8, 8, 1]));
    assert_eq!(settled.message, "Read back: not done are B; they are sent again.");
    assert!(matches!(&settled.account, Some(AccountChange::Created(created)) if created.key == "person-1"));
    // All done.
    observed.entitlements.insert("B".to_owned());
    assert_eq!(read_back(&order, None, Some(&observed), at(9)).to, ProvisioningState::Executed);
    // Somebody else's, perhaps.
    observed.attributes.insert("login".to_owned(), Value::from("eve"));
    let settled = read_back(&order, None, Some(&observed), at(9));
    assert_eq!(
        (settled.to, settled.reason, settled.account),
        (ProvisioningState::Pending, Some(StateReason::InDoubt), None)
    );
}

fn executed(mut order: Order, id: i64) -> Order {
    order.id = model::ids::OrderId(id);
    order.state = ProvisioningState::Executed;
    order.executed_at = Some(at(100));
    for item in &mut order.items {
        item.state = ProvisioningState::Executed;
    }
    order
}

#[test]
fn only_what_is_there_is_verified() {
    use ProvisioningState::{Errored, Verified};
    let order = executed(update(), 100);
    for (observed, to, items, found) in [
        (Some(seen("Genf", true, &["B"])), Verified, vec![4, 4, 4], None),
        (Some(seen("Bern", true, &["B"])), Errored, vec![3, 4, 4], Some("city is \u{201c}Bern\u{201d}")),
        (Some(seen("Genf", true, &["A"])), Errored, vec![4, 3, 3], Some("A is still held; B is not held")),
        (None, Errored, vec![3, 4, 3], Some("the account is not there")),
    ] {
        let settled = verify(&order, observed.as_ref(), true, at(100)).unwrap();
        assert_eq!((settled.to, states(&settled)), (to, items), "{observed:?}");
        assert_eq!(settled.reason, found.map(|found| StateReason::Drifted { found: found.to_owned() }));
    }
    let off = executed(disablement(), 100);
    assert_eq!(verify(&off, None, true, at(100)).unwrap().to, Verified);
    assert_eq!(verify(&off, Some(&seen("Bern", true, &[])), true, at(100)).unwrap().to, Errored);
}

#[test]
fn what_cannot_be_known_is_not_said() {
    let order = executed(update(), 100);
    assert_eq!(verify(&order, Some(&seen("Genf", true, &["B"])), true, at(99)), None, "read before it was done");
    assert_eq!(verify(&update(), Some(&seen("Genf", true, &["B"])), true, at(100)), None, "not done yet");
    let mut unreadable = order.clone();
    let settled = verify(&unreadable, None, false, at(100)).unwrap();
    assert_eq!(
        (settled.to, settled.reason.clone()),
        (ProvisioningState::Executed, Some(StateReason::CannotBeReadBack))
    );
    unreadable.reason = settled.reason;
    assert_eq!(verify(&unreadable, None, false, at(100)), None, "said once");
}

/// A node whose clock is fast says that it was done after the reading. Left as it is, it would be laid over what the later
/// order has made of the account, once that one is confirmed and out of sight.
#[test]
fn what_a_later_order_found_done_was_done_before_it() {
    let mut fast = executed(disablement(), 100);
    fast.executed_at = Some(at(4_000));
    let mut later = executed(update(), 101);
    later.items.retain(|item| item.kind == ItemKind::Attribute);
    let seen = seen("Genf", false, &["OTHER"]);
    let verified = |orders: &[Order], read_at: i64| -> Vec<(usize, i64)> {
        let settled = verify_all(orders, |_| Some(&seen), true, at(read_at));
        settled.into_iter().map(|(position, settled)| (position, settled.to.number())).collect()
    };
    assert_eq!(verified(&[fast.clone(), later.clone()], 200), [(0, 4), (1, 4)]);
    assert_eq!(verified(std::slice::from_ref(&fast), 200), [], "alone, nothing says that it was done before");
    assert_eq!(verified(&[fast, later], 99), [], "both were done after the reading");
}

#[test]
fn a_secret_is_not_compared() {
    let mut observed = seen("Bern", true, &["A", "B"]);
    observed.attributes.insert("login".to_owned(), Value::from("ada"));
    let order = executed(creation("person"), 100);
    assert!(order.items.iter().any(|item| item.secret && item.kind == ItemKind::Attribute));
    assert_eq!(verify(&order, Some(&observed), true, at(100)).unwrap().to, ProvisioningState::Verified);
}

#[test]
fn a_later_order_answers_for_what_it_changed_again() {
    let (first, off) = (executed(update(), 100), executed(disablement(), 101));
    let observed = seen("Genf", false, &["OTHER"]);
    let all = |orders: &[Order]| -> Vec<(usize, i64)> {
        let settled = verify_all(orders, |_| Some(&observed), true, at(100));
        settled.into_iter().map(|(position, settled)| (position, settled.to.number())).collect()
    };
    // The second took away what the first had added; the disablement itself names A only.
    let mut second = off.clone();
    for item in second.items.iter_mut().filter(|item| item.kind == ItemKind::Entitlement) {
        item.name = "B".to_owned();
    }
    assert_eq!(all(&[second.clone(), first.clone()]), [(0, 4), (1, 4)]);
    assert_eq!(all(std::slice::from_ref(&first)), [(0, 3)]);
    let in_flight = Order { state: ProvisioningState::Transmitted, ..second };
    assert_eq!(all(&[in_flight, first.clone()]), []);
    // One that changes something else says nothing about this one, and may take days.
    let mut attributes = executed(update(), 100);
    attributes.items.retain(|item| item.kind == ItemKind::Attribute);
    let mut entitlements = executed(update(), 101);
    entitlements.items.retain(|item| item.kind == ItemKind::Entitlement);
    entitlements.state = ProvisioningState::Transmitted;
    assert_eq!(all(&[entitlements, attributes]), [(1, 4)]);
}

#[test]
fn work_that_is_missing_is_not_asked_for_after_what_came_later() {
    let by_hand = |order: Order, at| Order { mechanism: Mechanism::Manual, ..executed(order, at) };
    let (first, off) = (by_hand(update(), 100), by_hand(disablement(), 101));
    let observed = seen("Bern", false, &[]);
    let all = |orders: &[Order]| -> Vec<(usize, i64)> {
        let settled = verify_all(orders, |_| Some(&observed), true, at(100));
        settled.into_iter().map(|(position, settled)| (position, settled.to.number())).collect()
    };
    assert_eq!(all(std::slice::from_ref(&first)), [(0, 1)], "asked for again");
    assert_eq!(all(&[first.clone(), off.clone()]), [(0, 3), (1, 4)], "left to the next plan");
    // It was said to have failed, and may have been done.
    let failed = Order { state: ProvisioningState::Errored, attempts: 1, ..off };
    assert_eq!(all(&[first.clone(), failed.clone()]), [(0, 3)]);
    // And was given up since.
    let given_up = Order { state: ProvisioningState::Inactive, ..failed.clone() };
    assert_eq!(all(&[first.clone(), given_up]), [(0, 3)]);
    assert_eq!(all(&[first.clone(), Order { attempts: 0, ..failed.clone() }]), [(0, 1)], "never sent");
    for state in [ProvisioningState::Pending, ProvisioningState::AwaitingApproval] {
        let waiting = Order { state, attempts: 0, ..failed.clone() };
        assert_eq!(all(&[first.clone(), waiting.clone()]), [(0, 3)], "it may go before");
        assert_eq!(
            all(&[first.clone(), Order { after: vec![first.id], ..waiting }]),
            [(0, 1)],
            "it waits for this one"
        );
    }
}

/// What people did is known late, and what was done beside it meanwhile says nothing about when.
#[test]
fn what_goes_beside_does_not_tell_when_the_other_was_done() {
    let mut by_hand = executed(update(), 200);
    by_hand.items.retain(|item| item.kind == ItemKind::Entitlement);
    by_hand.mechanism = Mechanism::Manual;
    let mut off = executed(disablement(), 300);
    off.executed_at = Some(at(50));
    off.items.retain(|item| item.kind == ItemKind::Lifecycle);
    let observed = seen("Bern", false, &["A", "OTHER"]);
    let all = |orders: &[Order]| -> Vec<(usize, i64)> {
        let settled = verify_all(orders, |_| Some(&observed), true, at(90));
        settled.into_iter().map(|(position, settled)| (position, settled.to.number())).collect()
    };
    assert_eq!(all(&[by_hand.clone(), off.clone()]), [(1, 4)], "reported after the reading began");
    // Where one waits for the other it was done before.
    by_hand.mechanism = Mechanism::Direct;
    assert_eq!(all(&[by_hand, off]), [(0, 3), (1, 4)]);
}
