//! One case at a time: what is desired, what is there, what follows.

use model::access::{Denied, DesiredAccess, DesiredAccount, DesiredValue, Grantable, WorkflowState};
use model::account::{Account, AccountStatus, Provenance};
use model::form::Asked;
use model::ids::{AccountId, OrderId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::Plan;
use model::value::Value;

use super::{PlanInput, adoptions, superseded};
use crate::choice::{AccountChoice, Chosen};
use crate::worlds::{PERSON, Taken, access, account, attribute, compile, desired_account, orders, reason};

/// The plan in a few lines: what is asked, what is filtered, what is retained.
fn told(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for (position, request) in plan.requests.iter().enumerate() {
        let mut line = format!("{position} {} {}", request.operation.name(), request.account_type);
        if let Some(account) = request.account {
            line.push_str(&format!(" {account}"));
        }
        for item in request.items.iter().filter(|item| item.kind != model::plan::ItemKind::Lifecycle) {
            let value = item.value.as_ref().map_or_else(String::new, |value| format!("={value}"));
            line.push_str(&format!(" {}:{}{value}", item.operation.name(), item.name));
        }
        for (word, empty, list) in [
            ("after", request.after.is_empty(), format!("{:?}", request.after)),
            ("waits", request.waits_for.is_empty(), numbers(&request.waits_for)),
            ("replaces", request.supersedes.is_empty(), numbers(&request.supersedes)),
        ] {
            if !empty {
                line.push_str(&format!(" {word}{list}"));
            }
        }
        if let Some(error) = &request.error {
            line.push_str(&format!(" ERROR {error}"));
        }
        lines.push(line);
    }
    for filtered in &plan.filtered {
        lines.push(format!("{:?} {} {}", filtered.why, filtered.account_type, filtered.name));
    }
    for retained in &plan.retained {
        lines.push(format!("keep {} {}: {}", retained.account_type, retained.name, retained.why));
    }
    if !plan.withdrawn.is_empty() {
        lines.push(format!("withdrawn{}", numbers(&plan.withdrawn)));
    }
    lines.join("\n")
}

fn numbers(orders: &[OrderId]) -> String {
    format!("{:?}", orders.iter().map(|order| order.0).collect::<Vec<_>>())
}

#[track_caller]
fn check_access(desired: &DesiredAccess, accounts: &[Account], open: &[Order], expect: &str) -> Plan {
    let plan = compile(desired, accounts, open, &mut Taken::default());
    // Passing the check is part of every case.
    let _ = orders(&plan, 9_000);
    let expect: Vec<&str> = expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told(&plan), expect.join("\n"));
    plan
}

#[track_caller]
fn check(desired: Vec<DesiredAccount>, accounts: &[Account], open: &[Order], expect: &str) -> Plan {
    check_access(&access(desired), accounts, open, expect)
}

fn text(name: &str, value: &str) -> model::access::DesiredAttribute {
    attribute(name, DesiredValue::Value(Value::from(value)))
}

fn logins(logins: &[&str]) -> model::access::DesiredAttribute {
    attribute("login", DesiredValue::Unique(logins.iter().map(|&login| login.to_owned()).collect()))
}

fn enabled(id: i64, account_type: &str, attributes: &[(&str, &str)], held: &[&str]) -> Account {
    Account {
        attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
        entitlements: held.iter().map(|&key| key.to_owned()).collect(),
        ..account(id, account_type, AccountStatus::Enabled, Provenance::Created)
    }
}

fn open(desired: Vec<DesiredAccount>, accounts: &[Account], state: ProvisioningState, first: i64) -> Vec<Order> {
    let mut open = orders(&compile(&access(desired), accounts, &[], &mut Taken::default()), first);
    for order in &mut open {
        order.state = state;
    }
    open
}

#[test]
fn a_joiner_gets_accounts_in_order_of_need() {
    let desired = vec![
        desired_account("mailbox", vec![logins(&["ada"]), text("quota", "5")], &[]),
        desired_account(
            "person",
            vec![logins(&["ada"]), attribute("phone", DesiredValue::Absent)],
            &["person-b", "person-a"],
        ),
        desired_account("badge", vec![logins(&["ada"])], &[]),
    ];
    let plan = check(
        desired,
        &[],
        &[],
        "0 create badge set:login=ada
         1 create person set:login=ada add:A add:B
         2 create mailbox set:login=ada set:quota=5 after[1]",
    );
    let keys: Vec<Option<&str>> = plan.requests.iter().map(|request| request.key.as_deref()).collect();
    assert_eq!(keys, [Some("ada"), None, Some("ada")], "SCIM chooses its keys itself");
    assert_eq!(plan.requests[1].reasons, [reason("everyone")]);
    assert_eq!(plan.requests[1].items[2].explanation, "Needed: granted by rule \u{201c}everyone\u{201d}.");
}

#[test]
fn a_mover_gets_only_what_differs() {
    let desired =
        vec![desired_account("person", vec![text("department", "Sales"), text("city", "Bern")], &["person-a"])];
    let before = [enabled(1, "person", &[("department", "Finance"), ("city", "Bern")], &["B", "OTHER"])];
    check(
        desired,
        &before,
        &[],
        "0 update person 1 set:department=Sales add:A remove:B
         AlreadySo person city
         AlreadySo person person-1
         keep person OTHER: Quartermaster does not manage it.",
    );
}

#[test]
fn what_is_written_once_is_not_written_again() {
    let mut first = text("start", "2026");
    first.create_only = true;
    let mut password = text("password", "hush");
    password.secret = true;
    let cleared = attribute("phone", DesiredValue::Absent);
    let desired = || vec![desired_account("person", vec![first.clone(), password.clone(), cleared.clone()], &[])];
    check(desired(), &[], &[], "0 create person set:password=hush set:start=2026");
    check(
        desired(),
        &[enabled(1, "person", &[("start", "1999"), ("phone", "1")], &[])],
        &[],
        "0 update person 1 remove:phone
         AlreadySo person person-1
         keep person password: A secret is written at creation only, and never read back.
         keep person start: Written at creation only; what is there now stays.",
    );
}

#[test]
fn who_comes_back_is_enabled() {
    let mut before = enabled(1, "person", &[("city", "Bern")], &[]);
    before.status = AccountStatus::Disabled;
    check(
        vec![desired_account("person", vec![text("city", "Genf")], &["person-a"])],
        &[before],
        &[],
        "0 enable person 1 set:city=Genf add:A",
    );
}

#[test]
fn a_leaver_loses_what_is_ours_in_reverse_order() {
    let found = Account { provenance: Provenance::Found, ..enabled(6, "person", &[], &["A"]) };
    let mut off = enabled(7, "mailbox", &[], &["C"]);
    off.status = AccountStatus::Disabled;
    let accounts = [
        enabled(1, "person", &[], &["A", "OTHER"]),
        enabled(2, "mailbox", &[], &[]),
        enabled(3, "admin", &[], &["B"]),
        enabled(4, "payroll", &[], &["A"]),
        enabled(5, "badge", &[], &["A"]),
        found,
        off,
    ];
    check(
        vec![],
        &accounts,
        &[],
        "0 disable admin 3 remove:B
         1 disable mailbox 2 after[0]
         2 update mailbox 7 remove:C
         3 disable person 1 remove:A after[1]
         4 delete payroll 4
         AlreadySo mailbox mailbox-7
         keep person OTHER: Quartermaster does not manage it.
         keep person person-6: Quartermaster did not create it.
         keep badge badge-5: Account type \u{201c}Badge\u{201d} says that accounts are kept.",
    );
}

#[test]
fn one_of_several_accounts_is_used() {
    let found = Account { provenance: Provenance::Found, ..enabled(1, "person", &[], &["B"]) };
    check(
        vec![desired_account("person", vec![], &["person-a"])],
        &[found, enabled(3, "person", &[], &["B"]), enabled(2, "person", &[], &[])],
        &[],
        "0 update person 2 add:A
         1 update person 3 remove:B
         AlreadySo person person-2
         keep person person-1: The identity has several accounts of this type; \u{201c}person-2\u{201d} is used in place of this one.
         keep person person-3: The identity has several accounts of this type; \u{201c}person-2\u{201d} is used in place of this one.",
    );
}

#[test]
fn a_unique_value_is_the_first_free_one_and_stays() {
    let desired = || access(vec![desired_account("payroll", vec![logins(&["ada", "ada1", "ada2"])], &[])]);
    let others = |values: &[&str]| {
        Taken(
            values
                .iter()
                .map(|value| (("payroll".to_owned(), (*value).to_owned()), model::ids::IdentityId(7)))
                .collect(),
        )
    };
    for (taken, existing, expect) in [
        (&["ada"][..], None, "0 create payroll set:login=ada1"),
        (&["ada"], Some("ada2"), "AlreadySo payroll payroll-1"),
        (&["ada"], Some("old"), "0 update payroll 1 set:login=ada1\nAlreadySo payroll payroll-1"),
    ] {
        let accounts: Vec<Account> =
            existing.into_iter().map(|login| enabled(1, "payroll", &[("login", login)], &[])).collect();
        assert_eq!(told(&compile(&desired(), &accounts, &[], &mut others(taken))), expect);
    }
    let plan = compile(&desired(), &[], &[], &mut others(&["ada", "ada1", "ada2"]));
    let error = plan.requests[0].error.as_deref().unwrap();
    assert!(error.starts_with("No free value for \u{201c}login\u{201d} of identity 42: 3 were tried"), "{error}");
}

#[test]
fn a_value_that_is_missing_fails_the_creation_and_nothing_else() {
    let mut mail = attribute("mail", DesiredValue::Absent);
    mail.required = true;
    let desired = || vec![desired_account("person", vec![mail.clone(), text("city", "Bern")], &["person-a"])];
    let error = "Identity 42 has no value for \u{201c}mail\u{201d}, which account type \u{201c}Person\u{201d} requires. \
                 Complete the identity in its source, or correct the specification, then run the job again.";
    check(desired(), &[], &[], &format!("0 create person set:city=Bern set:mail add:A ERROR {error}"));
    // Taking access away does not wait for a phone number.
    check(
        desired(),
        &[enabled(1, "person", &[("city", "Bern"), ("mail", "a@x")], &["B"])],
        &[],
        &format!(
            "0 update person 1 add:A remove:B
             1 update person 1 set:mail ERROR {error}
             AlreadySo person city
             AlreadySo person person-1"
        ),
    );
    // The same failure is not recorded again, and goes when the value comes.
    let failed = open(desired(), &[], ProvisioningState::Error, 100);
    check(desired(), &[], &failed, "OnItsWay person person");
    mail.value = DesiredValue::Value(Value::from("a@x"));
    check(vec![desired_account("person", vec![mail], &[])], &[], &failed, "0 create person set:mail=a@x replaces[100]");
}

#[test]
fn an_account_whose_ground_is_missing_is_an_error() {
    check(
        vec![desired_account("mailbox", vec![], &[])],
        &[],
        &[],
        "0 create mailbox ERROR Account type \u{201c}Mailbox\u{201d} needs an account of type \u{201c}Person\u{201d} first, \
         and nothing grants one to identity 42. Grant both together, then run the job again.",
    );
    check(
        vec![desired_account("mailbox", vec![], &[])],
        &[Account { provenance: Provenance::Found, ..enabled(1, "person", &[], &[]) }],
        &[],
        "0 create mailbox
         keep person person-1: Quartermaster did not create it.",
    );
}

#[test]
fn open_orders_are_kept_replaced_or_withdrawn() {
    let sales = || vec![desired_account("person", vec![text("department", "Sales")], &[])];
    let finance = || vec![desired_account("person", vec![text("department", "Finance")], &["person-a"])];
    let before = [enabled(1, "person", &[("department", "Legal")], &[])];
    use ProvisioningState::{AwaitingApproval, Errored, Executed, Pending, Transmitted};
    for state in [Pending, Errored, AwaitingApproval] {
        let open = open(sales(), &before, state, 100);
        check(sales(), &before, &open, "OnItsWay person department\nAlreadySo person person-1");
        check(
            finance(),
            &before,
            &open,
            "0 update person 1 set:department=Finance add:A replaces[100]
             AlreadySo person person-1",
        );
        let legal = vec![desired_account("person", vec![text("department", "Legal")], &[])];
        check(legal, &before, &open, "AlreadySo person person-1\nwithdrawn[100]");
    }
    for (state, waits) in [(Transmitted, " waits[100]"), (Executed, "")] {
        let open = open(sales(), &before, state, 100);
        check(sales(), &before, &open, "OnItsWay person department\nAlreadySo person person-1");
        check(
            finance(),
            &before,
            &open,
            &format!("0 update person 1 set:department=Finance add:A{waits}\nAlreadySo person person-1"),
        );
    }
}

#[test]
fn nothing_is_ordered_beside_a_creation_in_flight() {
    let before = || vec![desired_account("person", vec![text("department", "Sales"), text("city", "Bern")], &[])];
    let after = || vec![desired_account("person", vec![text("department", "Finance"), text("city", "Bern")], &[])];
    let open = open(before(), &[], ProvisioningState::Transmitted, 100);
    check(
        after(),
        &[],
        &open,
        "OnItsWay person city
         OnItsWay person person
         keep person department: Left as ordered until order 100, which creates the account, is answered.",
    );
    check(
        vec![],
        &[],
        &open,
        "keep person person: It is being created by order 100; what becomes of it is decided once that is answered.",
    );
    // Not sent yet, it is simply called off.
    let mut pending = open.clone();
    pending[0].state = ProvisioningState::Pending;
    check(vec![], &[], &pending, "withdrawn[100]");
    // In doubt, it may have happened.
    pending[0].reason = Some(StateReason::InDoubt);
    check(
        vec![],
        &[],
        &pending,
        "keep person person: It is being created by order 100; what becomes of it is decided once that is answered.",
    );
}

#[test]
fn a_creation_takes_over_the_doubt_of_the_one_it_replaces() {
    let desired = |city| vec![desired_account("person", vec![text("city", city)], &[])];
    let mut open = open(desired("Bern"), &[], ProvisioningState::Errored, 100);
    for fence in [0, 1] {
        open[0].fence = fence;
        let plan = compile(&access(desired("Genf")), &[], &open, &mut Taken::default());
        assert_eq!(plan.requests[0].supersedes, [OrderId(100)]);
        assert_eq!(plan.requests[0].in_doubt, fence > 0, "sent {fence} times");
    }
}

#[test]
fn what_waits_is_ordered_again_with_what_it_waits_for() {
    let desired =
        |city| vec![desired_account("person", vec![text("city", city)], &[]), desired_account("mailbox", vec![], &[])];
    let open = open(desired("Bern"), &[], ProvisioningState::Pending, 100);
    let ids: Vec<i64> = open.iter().map(|order| order.id.0).collect();
    assert_eq!(ids, [100, 101]);
    assert_eq!(open[1].reason, Some(StateReason::HeldBy { orders: vec![OrderId(100)] }));
    check(
        desired("Genf"),
        &[],
        &open,
        "0 create person set:city=Genf replaces[100]
         1 create mailbox after[0] replaces[101]",
    );
    // The person exists now: the mailbox waits for nothing open, and is freed.
    let there = [enabled(1, "person", &[("city", "Bern")], &[])];
    check(
        desired("Bern"),
        &there,
        &open[1..],
        "0 create mailbox replaces[101]
         AlreadySo person person-1",
    );
}

#[test]
fn what_is_only_offered_stays_until_a_person_decides() {
    let mut desired = access(vec![desired_account("person", vec![], &[])]);
    let mut offered = desired.assignments[0].clone();
    offered.grantable = Grantable::Entitlement("person-a".to_owned());
    offered.workflow_state = WorkflowState::Suggested;
    offered.reasons = vec![reason("managers")];
    desired.assignments.push(offered);
    let accounts = [enabled(1, "person", &[], &["A", "B"])];
    let plan = check_access(
        &desired,
        &accounts,
        &[],
        "0 update person 1 remove:B
         AlreadySo person person-1
         keep person A: Offered by rule \u{201c}managers\u{201d} (Suggested); it stays until a person decides.",
    );
    assert_eq!(plan.requests[0].items[0].explanation, "Nothing grants it any more.");

    desired.denied.push(Denied {
        grantable: Grantable::Entitlement("person-b".to_owned()),
        granted_by: vec![reason("everyone")],
        denied_by: reason("contractors"),
    });
    let plan = compile(&desired, &accounts, &[], &mut Taken::default());
    let item = &plan.requests[0].items[0];
    assert_eq!((item.name.as_str(), item.reasons.as_slice()), ("B", &[reason("contractors")][..]));
    assert_eq!(item.explanation, "Taken away by rule \u{201c}contractors\u{201d}.");
}

#[test]
fn an_order_that_takes_away_what_is_to_stay_by_now_does_not_go_out() {
    let wanted = || vec![desired_account("person", vec![], &["person-b"])];
    let accounts = [enabled(1, "person", &[], &["A"])];
    let waiting = open(wanted(), &accounts, ProvisioningState::Pending, 100);
    let mut desired = access(wanted());
    let mut offered = desired.assignments[0].clone();
    offered.grantable = Grantable::Entitlement("person-a".to_owned());
    offered.workflow_state = WorkflowState::Suggested;
    offered.reasons = vec![reason("managers")];
    desired.assignments.push(offered);
    check_access(
        &desired,
        &accounts,
        &waiting,
        "0 update person 1 add:B replaces[100]
         AlreadySo person person-1
         keep person A: Offered by rule \u{201c}managers\u{201d} (Suggested); it stays until a person decides.",
    );
}

#[test]
fn what_was_found_and_is_desired_becomes_ours() {
    let desired = access(vec![desired_account("person", vec![], &[]), desired_account("badge", vec![], &[])]);
    let found = |id, account_type| Account { provenance: Provenance::Found, ..enabled(id, account_type, &[], &[]) };
    let accounts = [found(1, "person"), found(2, "badge"), enabled(3, "badge", &[], &[]), found(4, "payroll")];
    let input = PlanInput {
        trigger: model::trigger::Trigger::IdentityRefresh,
        desired: &desired,
        accounts: &accounts,
        open_orders: &[],
        declined: &[],
        native: &[],
        marks: &[],
        choices: &[],
        leaver: false,
    };
    assert_eq!(adoptions(&input), [AccountId(1)]);
    assert_eq!(desired.identity, PERSON);
}

/// The deletion of one account is done and not yet confirmed, and another one of the person's is there.
#[test]
fn what_was_done_to_an_account_that_is_gone_says_nothing_of_the_one_in_its_place() {
    let deleted = enabled(1, "payroll", &[("login", "ada")], &[]);
    let removal = open(vec![], std::slice::from_ref(&deleted), ProvisioningState::Executed, 100);
    let gone = Account { status: AccountStatus::Gone, ..deleted };
    let other = Account { provenance: Provenance::Found, ..enabled(2, "payroll", &[("login", "ada2")], &[]) };
    let wanted = vec![desired_account("payroll", vec![text("login", "ada2")], &["payroll-a"])];
    check(
        wanted,
        &[gone, other],
        &removal,
        "0 update payroll 2 add:A
        AlreadySo payroll login
        AlreadySo payroll payroll-2",
    );
}

#[test]
fn what_a_reviewer_declined_is_not_ordered_again_until_something_else_is_wanted() {
    use model::ids::DeclinedChangeId;
    use model::plan::{ItemKind, ItemOperation, Operation};
    use model::review::DeclinedChange;
    let declined = |kind, name: &str, operation, account_operation, value: Option<Value>, account| DeclinedChange {
        id: DeclinedChangeId(1),
        identity: PERSON,
        account_type: "person".to_owned(),
        account,
        kind,
        name: name.to_owned(),
        account_operation,
        operation,
        value,
        order: OrderId(9),
        declined_by: "ann".to_owned(),
        declined_at: jiff::Timestamp::UNIX_EPOCH,
        comment: "not in Sales".to_owned(),
        reopened_by: None,
        reopened_at: None,
    };
    let planned = |title: &str, accounts: &[Account], declined: &[DeclinedChange]| {
        let desired = access(vec![desired_account(
            "person",
            vec![attribute("title", DesiredValue::Value(Value::from(title)))],
            &["person-a"],
        )]);
        let input = PlanInput {
            trigger: model::trigger::Trigger::IdentityRefresh,
            desired: &desired,
            accounts,
            open_orders: &[],
            declined,
            native: &[],
            marks: &[],
            choices: &[],
            leaver: false,
        };
        let plan = super::compile(&input, &crate::worlds::catalogue(), &mut Taken::default());
        let items = plan.requests.iter().flat_map(|request| &request.items).map(|item| item.name.as_str());
        (
            items.collect::<Vec<_>>().join(" "),
            plan.retained.iter().map(|kept| kept.why.clone()).collect::<Vec<_>>().join(" "),
        )
    };
    let known = [enabled(1, "person", &[], &[])];
    let title = |value: &str, account| {
        let value = Some(Value::from(value));
        declined(ItemKind::Attribute, "title", ItemOperation::Set, Operation::Update, value, account)
    };
    assert_eq!(planned("Dr", &known, &[]).0, "title A");
    let (items, kept) = planned("Dr", &known, &[title("Dr", Some(AccountId(1)))]);
    assert_eq!((items.as_str(), kept.as_str()), ("A", "Declined by ann on 1970-01-01: not in Sales"));
    assert_eq!(planned("Prof", &known, &[title("Dr", None)]).0, "title A", "another value is another question");
    assert_eq!(
        planned("Dr", &known, &[title("Dr", Some(AccountId(2)))]).0,
        "title A",
        "another account is another question"
    );
    let entitlement = declined(ItemKind::Entitlement, "A", ItemOperation::Add, Operation::Create, None, None);
    assert_eq!(planned("Dr", &known, &[entitlement, title("Dr", None)]).0, "");
    let account = declined(ItemKind::Lifecycle, "person", ItemOperation::Add, Operation::Create, None, None);
    assert_eq!(planned("Dr", &[], std::slice::from_ref(&account)).0, "");
    assert_eq!(planned("Dr", &known, &[account]).0, "title A", "the account is there by now");
}

fn choice(chosen: Chosen) -> AccountChoice {
    AccountChoice { account_type: "person".into(), chosen, why: "it is so".into() }
}

fn with_choice(desired: Vec<DesiredAccount>, accounts: &[Account], open: &[Order], chosen: Chosen) -> Plan {
    let (desired, choices) = (access(desired), [choice(chosen)]);
    let input = PlanInput {
        trigger: model::trigger::Trigger::IdentityRefresh,
        desired: &desired,
        accounts,
        open_orders: open,
        declined: &[],
        native: &[],
        marks: &[],
        choices: &choices,
        leaver: false,
    };
    let plan = super::compile(&input, &crate::worlds::catalogue(), &mut Taken::default());
    let _ = orders(&plan, 9_000);
    plan
}

#[test]
fn a_grant_goes_to_the_account_that_is_meant_and_a_revocation_to_the_one_that_holds_it() {
    let accounts = [enabled(1, "person", &[], &["A", "FOREIGN"]), enabled(2, "person", &[], &[])];
    let wanted = || vec![desired_account("person", vec![], &["person-b"])];
    let plan = with_choice(wanted(), &accounts, &[], Chosen::Account(AccountId(2)));
    assert_eq!(
        told(&plan),
        "0 update person 2 add:B\n\
         1 update person 1 remove:A\n\
         AlreadySo person person-2\n\
         keep person person-1: The identity has several accounts of this type; \u{201c}person-2\u{201d} (it is so) is used in place of this one."
    );
    assert!(plan.requests[0].explanation.ends_with("Of several accounts this one is used: it is so."));
    // Ordered once, and not again.
    let open = orders(&plan, 100);
    assert!(super::is_empty(&with_choice(wanted(), &accounts, &open, Chosen::Account(AccountId(2)))));
    // Not from one that is not ours.
    let found = [Account { provenance: Provenance::Found, ..accounts[0].clone() }, accounts[1].clone()];
    assert_eq!(with_choice(wanted(), &found, &[], Chosen::Account(AccountId(2))).requests.len(), 1);
}

#[test]
fn nothing_is_granted_while_it_is_not_settled_which_account_is_meant() {
    let accounts = [enabled(1, "person", &[], &[]), enabled(2, "person", &[], &[])];
    let wanted = || vec![desired_account("person", vec![], &["person-b"]), desired_account("mailbox", vec![], &[])];
    let kept = "keep person person-1: The identity has several accounts of type \u{201c}Person\u{201d} \
                (\u{201c}person-1\u{201d}, \u{201c}person-2\u{201d}): it is so.";
    let skipped = with_choice(wanted(), &accounts, &[], Chosen::Skip);
    assert_eq!(told(&skipped), format!("0 create mailbox\n{kept}"));
    let asked = Asked {
        key: crate::choice::question_key("person"),
        label: "Which".into(),
        owner: model::form::FormOwner::Operators,
        choices: vec!["person-1".into(), "person-2".into()],
    };
    let plan = with_choice(wanted(), &accounts, &[], Chosen::Ask(asked.clone()));
    assert_eq!((told(&plan), plan.questions[0].asked.clone()), (format!("0 create mailbox\n{kept}"), asked));
    let failed = with_choice(wanted(), &accounts, &[], Chosen::Fail);
    assert!(told(&failed).contains("update person 1 ERROR The identity has several accounts"), "{}", told(&failed));
    let open = orders(&failed, 100);
    assert!(super::is_empty(&with_choice(wanted(), &accounts, &open, Chosen::Fail)), "recorded once");
}

#[test]
fn what_was_ordered_for_the_account_that_was_meant_before_is_not_granted_to_it_any_more() {
    let accounts = [enabled(1, "person", &[("title", "old")], &["A"]), enabled(2, "person", &[], &[])];
    let wanted = || vec![desired_account("person", vec![text("title", "new")], &["person-b"])];
    // Takes A away, and gives B and a title as well.
    let before = orders(&with_choice(wanted(), &accounts, &[], Chosen::Account(AccountId(1))), 100);
    assert_eq!(before.iter().map(|order| order.items.len()).collect::<Vec<_>>(), [3]);
    for (chosen, meant) in [
        (
            Chosen::Account(AccountId(2)),
            "0 update person 2 set:title=new add:B\n1 update person 1 remove:A replaces[100]\n",
        ),
        (Chosen::Skip, "0 update person 1 remove:A replaces[100]\n"),
        (Chosen::Fail, "0 update person 1 remove:A replaces[100]\n1 update person 1 ERROR"),
    ] {
        let plan = with_choice(wanted(), &accounts, &before, chosen.clone());
        assert!(told(&plan).starts_with(meant), "{chosen:?}: {}", told(&plan));
        let again = with_choice(wanted(), &accounts, &orders(&plan, 200), chosen);
        assert!(super::is_empty(&again), "{}", told(&again));
    }
    // Nothing has to go: the order goes.
    let bare = [enabled(1, "person", &[], &[]), enabled(2, "person", &[], &[])];
    let before = orders(&with_choice(wanted(), &bare, &[], Chosen::Account(AccountId(1))), 100);
    assert_eq!(with_choice(wanted(), &bare, &before, Chosen::Skip).withdrawn, [OrderId(100)]);
}

#[test]
fn a_failure_to_choose_holds_up_no_revocation() {
    let wanted = || vec![desired_account("person", vec![], &["person-b"])];
    let accounts = [enabled(1, "person", &[], &["A", "B"]), enabled(2, "person", &[], &["C"])];
    let plan = with_choice(wanted(), &accounts, &[], Chosen::Fail);
    let told = told(&plan);
    assert!(told.starts_with("0 update person 1 remove:A\n1 update person 1 ERROR The identity has several"), "{told}");
    assert!(told.contains("\n2 update person 2 remove:C\n"), "{told}");
    // The failure stands while the removals are on their way, and after they are done.
    let open = orders(&plan, 100);
    let failure: Vec<Order> = open.iter().filter(|order| order.state == ProvisioningState::Error).cloned().collect();
    assert_eq!(failure.len(), 1);
    assert!(super::is_empty(&with_choice(wanted(), &accounts, &open, Chosen::Fail)));
    let done = [enabled(1, "person", &[], &["B"]), enabled(2, "person", &[], &[])];
    assert!(super::is_empty(&with_choice(wanted(), &done, &failure, Chosen::Fail)));
    let later = with_choice(wanted(), &accounts, &failure, Chosen::Fail);
    assert_eq!((later.requests.len(), later.withdrawn.is_empty(), superseded(&later)), (2, true, vec![]));
    // Settled: it goes.
    let settled = with_choice(wanted(), &done, &failure, Chosen::Account(AccountId(1)));
    assert_eq!(settled.withdrawn, [failure[0].id]);
}

#[test]
fn what_another_account_holds_goes_while_the_one_that_is_used_is_made_anew() {
    let accounts = [enabled(1, "payroll", &[], &[]), enabled(2, "payroll", &[], &["A"])];
    let mut sent = orders(&compile(&access(vec![]), &accounts[..1], &[], &mut Taken::default()), 100);
    sent[0].state = ProvisioningState::Transmitted;
    let plan = check(
        vec![desired_account("payroll", vec![], &[])],
        &accounts,
        &sent,
        "0 create payroll waits[100]
         1 update payroll 2 remove:A
         keep payroll payroll-2: The identity has several accounts of this type; \u{201c}payroll-1\u{201d} is used in place of this one.",
    );
    assert!(plan.withdrawn.is_empty());
}
