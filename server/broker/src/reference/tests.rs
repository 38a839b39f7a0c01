//! Values that come from other accounts: case by case, and over random people against the obvious way of working them out.

use model::account::{AccountStatus, Provenance};
use model::configuration::{AttributeSpecification, Configuration};
use model::form::FormOwner;
use model::ids::OrderId;
use model::plan::Plan;
use proptest::prelude::*;

use super::*;
use crate::choice::AccountChoice;
use crate::plan::is_empty;
use crate::questions;
use crate::settle;
use crate::worlds::{
    TYPES, Taken, World, access, account, apply, attribute, cases, compile_in, configuration, desired_account,
    orders_in, world,
};

/// Which attribute of which type comes from where: "mailbox.owner" from the key of "person".
type Sources = &'static [(&'static str, &'static str, &'static str, &'static str)];

const OWNER: Sources = &[("mailbox", "owner", "person", "key")];
/// A chain, two of one type, and one that nothing fills.
const MANY: Sources = &[
    ("mailbox", "owner", "person", "key"),
    ("mailbox", "note", "person", "title"),
    ("admin", "mail", "mailbox", "owner"),
    ("payroll", "directory", "person", "key"),
    ("payroll", "badge", "badge", "department"),
    ("badge", "person", "person", "shoe"),
];

fn reference(from: &str, taken: &str) -> Reference {
    Reference { account_type: from.to_owned(), attribute: Some(taken.to_owned()), expression: None }
}

fn with(sources: Sources, also: &dyn Fn(&mut Configuration)) -> Catalogue {
    let mut configuration = configuration();
    for (account_type, attribute, from, taken) in sources {
        let made = AttributeSpecification { reference: Some(reference(from, taken)), ..Default::default() };
        let kind = configuration.account_types.get_mut(*account_type).unwrap();
        kind.attributes.insert((*attribute).to_owned(), made);
    }
    also(&mut configuration);
    Catalogue::new(&configuration)
}

/// As `policy` reads what is taken as it is.
fn read(catalogue: &Catalogue) -> impl Fn(&str, &str, &Account) -> Result<Option<Value>, String> {
    |account_type: &str, attribute: &str, source: &Account| {
        let reference = catalogue.attribute(account_type, attribute).and_then(|facts| facts.reference.clone()).unwrap();
        let taken = reference.attribute.unwrap();
        Ok(if taken == Reference::KEY {
            Some(Value::from(source.key.as_str()))
        } else {
            source.attributes.get(&taken).cloned()
        })
    }
}

fn known<'a>(
    catalogue: &'a Catalogue,
    accounts: &'a [Account],
    open_orders: &'a [Order],
    choices: &'a [AccountChoice],
    read: Read<'a>,
) -> Known<'a> {
    Known { accounts, open_orders, choices, catalogue, read }
}

fn referring(from: &str, taken: &str) -> DesiredValue {
    DesiredValue::Referred(reference(from, taken))
}

/// What is desired after looking values up, and the plan for it.
fn planned(
    catalogue: &Catalogue,
    desired: &DesiredAccess,
    accounts: &[Account],
    open: &[Order],
) -> (DesiredAccess, Plan) {
    let mut desired = desired.clone();
    let read = read(catalogue);
    let known = known(catalogue, accounts, open, &[], &read);
    stand_in(&mut desired, &known);
    let mut plan = compile_in(catalogue, &desired, accounts, open, &mut Taken::default());
    explain(&mut plan, &known);
    (desired, plan)
}

fn mailbox(also: &[&str]) -> DesiredAccess {
    let login = || attribute("login", DesiredValue::Value("ada".into()));
    let mut accounts =
        vec![desired_account("mailbox", vec![login(), attribute("owner", referring("person", "key"))], &[])];
    accounts.extend(also.iter().map(|kind| desired_account(kind, vec![login()], &[])));
    access(accounts)
}

fn value<'a>(desired: &'a DesiredAccess, account_type: &str, name: &str) -> &'a DesiredValue {
    let account = desired.accounts.iter().find(|account| account.account_type == account_type).unwrap();
    &account.attributes.iter().find(|attribute| attribute.name == name).unwrap().value
}

fn person(status: AccountStatus) -> Account {
    let mut person = account(1, "person", status, Provenance::Created);
    person.attributes.insert("login".into(), "ada".into());
    person
}

#[test]
fn where_a_value_comes_from_decides_what_becomes_of_it() {
    let catalogue = with(OWNER, &|_| {});
    let there = [person(AccountStatus::Enabled)];
    let gone = [person(AccountStatus::Gone)];
    let disabled = [person(AccountStatus::Disabled)];
    let taken = DesiredValue::Value("person-1".into());
    let (coming, nothing) = (referring("person", "key"), DesiredValue::Absent);
    for (accounts, also, expect) in [
        (&there[..], &["person"][..], &taken),
        (&there[..], &[], &taken),
        (&disabled[..], &["person"], &taken),
        (&gone[..], &["person"], &coming),
        (&[][..], &["person"], &coming),
        (&gone[..], &[], &nothing),
        (&[][..], &[], &nothing),
    ] {
        let (desired, _) = planned(&catalogue, &mailbox(also), accounts, &[]);
        assert_eq!(value(&desired, "mailbox", "owner"), expect, "{accounts:?} {also:?}");
    }
}

/// A value that is not known may still come while something changes the account, and does not once it is settled.
#[test]
fn an_account_without_the_value_is_waited_for_while_it_may_get_it() {
    let catalogue = with(&[("mailbox", "owner", "person", "title")], &|_| {});
    let desired = |title: Option<DesiredValue>| {
        let mut desired = mailbox(&["person"]);
        desired.accounts[0].attributes[1].value = referring("person", "title");
        desired.accounts[1].attributes.extend(title.map(|title| attribute("title", title)));
        desired
    };
    let there = [person(AccountStatus::Enabled)];
    let title = |value| desired(Some(DesiredValue::Value(Value::from(value))));
    let mut made = orders_in(&catalogue, &planned(&catalogue, &title("Dr"), &[], &[]).1, 100);
    made.truncate(1);
    assert_eq!(made[0].account_type, "person");
    made[0].account = Some(there[0].id);
    let coming = |desired: &DesiredAccess, open: &[Order]| {
        let (desired, _) = planned(&catalogue, desired, &there, open);
        *value(&desired, "mailbox", "owner") == referring("person", "title")
    };
    assert!(coming(&title("Dr"), &[]), "this plan gives it");
    assert!(!coming(&title(""), &[]), "and does not give what is empty");
    assert!(!coming(&desired(None), &[]), "nothing does");
    for (state, expect) in [
        (ProvisioningState::Pending, true),
        (ProvisioningState::Transmitted, true),
        (ProvisioningState::Errored, true),
        (ProvisioningState::AwaitingApproval, true),
        // The reading that confirms it may still tell the value.
        (ProvisioningState::Executed, true),
        (ProvisioningState::Error, false),
    ] {
        made[0].state = state;
        assert_eq!(coming(&desired(None), &made), expect, "{state:?}");
    }
    let unread = with(&[("mailbox", "owner", "person", "title")], &|configuration| {
        let manual = serde_json::from_value(serde_json::json!({ "kind": "manual" })).unwrap();
        configuration.applications.get_mut("directory").unwrap().connection = manual;
    });
    made[0].state = ProvisioningState::Executed;
    let (desired, _) = planned(&unread, &desired(None), &there, &made);
    assert_eq!(value(&desired, "mailbox", "owner"), &DesiredValue::Absent, "nobody reads it back");
}

#[test]
fn what_is_still_to_come_waits_and_is_filled_in() {
    let catalogue = with(OWNER, &|_| {});
    let (_, plan) = planned(&catalogue, &mailbox(&["person"]), &[], &[]);
    let orders = orders_in(&catalogue, &plan, 100);
    let of = |kind: &str| orders.iter().find(|order| order.account_type == kind).unwrap();
    let (first, waiting) = (of("person"), of("mailbox"));
    assert_eq!((first.reason.as_ref(), waiting.after.as_slice()), (None, &[first.id][..]));
    let Some(StateReason::AwaitingReference { references, orders: bringing }) = &waiting.reason else {
        panic!("{waiting:#?}")
    };
    assert_eq!(bringing, &[first.id]);
    assert_eq!(references[0].source(), "\u{201c}key\u{201d} of the person's \u{201c}Person\u{201d}");
    let item = waiting.items.iter().find(|item| item.name == "owner").unwrap();
    assert_eq!((item.value.as_ref(), item.explanation.contains("once it is known")), (None, true));
    // Nothing is ordered anew while it waits.
    assert!(is_empty(&planned(&catalogue, &mailbox(&["person"]), &[], &orders).1));

    let read = read(&catalogue);
    let (there, gone) = ([person(AccountStatus::Enabled)], [person(AccountStatus::Gone)]);
    let fill = |accounts: &[Account], order: &Order| super::fill(order, &known(&catalogue, accounts, &[], &[], &read));
    assert_eq!(fill(&[], waiting), Filling::Waits);
    assert_eq!(fill(&gone, waiting), Filling::Waits);
    let Filling::Filled(values) = fill(&there, waiting) else { panic!() };
    let sent = filled(waiting, &values, &catalogue);
    let item = sent.items.iter().find(|item| item.name == "owner").unwrap();
    assert_eq!((item.value.as_ref(), sent.reason.as_ref()), (Some(&Value::from("person-1")), None));
    assert_eq!(item.explanation, "Taken from \u{201c}key\u{201d} of the person's \u{201c}Person\u{201d} (person-1).");
    // What was filled in is what a plan made now would order.
    assert!(is_empty(&planned(&catalogue, &mailbox(&["person"]), &there, std::slice::from_ref(&sent)).1));
    // What was not filled in yet is replaced by it.
    let late = planned(&catalogue, &mailbox(&["person"]), &there, std::slice::from_ref(waiting)).1;
    assert_eq!(late.requests[0].supersedes, [waiting.id]);
    assert!(late.requests[0].items.iter().any(|item| item.explanation.starts_with("Taken from")), "{late:#?}");

    let held = |before: Option<StateReason>| StateReason::Held {
        by: "ann".into(),
        why: "later".into(),
        since: jiff::Timestamp::UNIX_EPOCH,
        before: before.map(Box::new),
    };
    let kept_back = Order { reason: Some(held(waiting.reason.clone())), ..waiting.clone() };
    assert_eq!(fill(&there, &kept_back), Filling::Waits, "a person keeps it back");
    assert!(kept_back.reason.as_ref().unwrap().awaits_reference() && !held(None).awaits_reference());
}

/// Where filling in would not do what a plan made now would, a plan is made.
#[test]
fn what_no_longer_fits_is_planned_anew() {
    let catalogue = with(&[("mailbox", "owner", "person", "title")], &|_| {});
    let mut desired = mailbox(&["person"]);
    desired.accounts[0].attributes[1].value = referring("person", "title");
    let waiting = orders_in(&catalogue, &planned(&catalogue, &desired, &[], &[]).1, 100).remove(1);
    let mut there = [person(AccountStatus::Enabled)];
    let fill = |catalogue: &Catalogue, accounts: &[Account]| {
        let read = read(catalogue);
        super::fill(&waiting, &known(catalogue, accounts, &[], &[], &read))
    };
    assert_eq!(fill(&catalogue, &there), Filling::Overtaken, "there, and without the value");
    there[0].attributes.insert("title".into(), "Dr".into());
    assert!(matches!(fill(&catalogue, &there), Filling::Filled(_)));
    let other = |also: &dyn Fn(&mut AttributeSpecification)| {
        with(&[("mailbox", "owner", "person", "title")], &|configuration| {
            let kind = configuration.account_types.get_mut("mailbox").unwrap();
            also(kind.attributes.get_mut("owner").unwrap());
        })
    };
    let short = other(&|made| made.maximum_length = Some(1));
    assert_eq!(fill(&short, &there), Filling::Overtaken, "a value that does not fit");
    let elsewhere = other(&|made| made.reference = Some(reference("person", "login")));
    assert_eq!(fill(&elsewhere, &there), Filling::Overtaken, "the configuration says otherwise by now");
    let constant = other(&|made| (made.reference, made.value) = (None, Some("x".into())));
    assert_eq!(fill(&constant, &there), Filling::Overtaken);
    let second = Account { id: model::ids::AccountId(2), key: "person-2".into(), ..there[0].clone() };
    assert_eq!(
        fill(&catalogue, &[there[0].clone(), second]),
        Filling::Overtaken,
        "which of two is meant is not settled"
    );
    let failing = |_: &str, _: &str, _: &Account| Err("no".to_owned());
    assert_eq!(super::fill(&waiting, &known(&catalogue, &there, &[], &[], &failing)), Filling::Overtaken);
}

/// The key of an account in an application that does not choose it, and the review that comes once all is known.
#[test]
fn a_key_may_come_from_another_account() {
    let catalogue = with(&[("payroll", "login", "person", "key")], &|_| {});
    let desired = access(vec![
        desired_account("payroll", vec![attribute("login", referring("person", "key"))], &[]),
        desired_account("person", vec![attribute("login", DesiredValue::Value("ada".into()))], &[]),
    ]);
    let orders = orders_in(&catalogue, &planned(&catalogue, &desired, &[], &[]).1, 100);
    let waiting = orders.iter().find(|order| order.account_type == "payroll").unwrap();
    assert_eq!(waiting.key, None);
    let (read, there) = (read(&catalogue), [person(AccountStatus::Enabled)]);
    let Filling::Filled(values) = fill(waiting, &known(&catalogue, &there, &[], &[], &read)) else { panic!() };
    assert_eq!(filled(waiting, &values, &catalogue).key.as_deref(), Some("person-1"));
}

#[test]
fn what_exists_is_brought_in_step_with_what_is_known_and_later_with_the_rest() {
    let catalogue = with(OWNER, &|_| {});
    let mut there = vec![account(2, "mailbox", AccountStatus::Enabled, Provenance::Created)];
    let (_, plan) = planned(&catalogue, &mailbox(&["person"]), &there, &[]);
    let of = |plan: &Plan, kind: &str| plan.requests.iter().position(|request| request.account_type == kind);
    let update = &plan.requests[of(&plan, "mailbox").unwrap()];
    assert_eq!((update.operation, update.refers.len()), (Operation::Update, 0));
    assert!(update.items.iter().all(|item| item.name != "owner"));
    assert!(plan.retained.iter().any(|kept| kept.name == "owner" && kept.why.contains("once it is known")));
    apply(&plan, &mut there);
    let key = there.iter().find(|account| account.account_type == "person").unwrap().key.clone();
    let (_, plan) = planned(&catalogue, &mailbox(&["person"]), &there, &[]);
    assert_eq!(plan.requests[0].items[0].value, Some(Value::from(key.as_str())));
    apply(&plan, &mut there);
    assert!(is_empty(&planned(&catalogue, &mailbox(&["person"]), &there, &[]).1));
    // Renamed: corrected.
    there.iter_mut().filter(|account| account.account_type == "person").for_each(|person| person.key = "new".into());
    let (_, plan) = planned(&catalogue, &mailbox(&["person"]), &there, &[]);
    let item = &plan.requests[0].items[0];
    assert_eq!((item.name.as_str(), item.value.as_ref()), ("owner", Some(&Value::from("new"))));
    assert_eq!(item.current, Some(Value::from(key.as_str())));
}

#[test]
fn what_nobody_knows_is_left_out_or_asked_for() {
    let required = with(OWNER, &|configuration| {
        let kind = configuration.account_types.get_mut("mailbox").unwrap();
        kind.depends_on.clear();
        kind.attributes.get_mut("owner").unwrap().required = true;
    });
    let mut desired = mailbox(&[]);
    let read = read(&required);
    stand_in(&mut desired, &known(&required, &[], &[], &[], &read));
    desired.accounts[0].attributes[1].required = true;
    let nobody = questions::Known { answers: &[], open: &[], now: jiff::Timestamp::UNIX_EPOCH };
    questions::stand_in(&mut desired, &[], &required, &[], &nobody, &|_, _| FormOwner::Operators);
    assert!(matches!(value(&desired, "mailbox", "owner"), DesiredValue::Asked(_)));
    let optional = with(OWNER, &|configuration| {
        configuration.account_types.get_mut("mailbox").unwrap().depends_on.clear();
    });
    let (_, plan) = planned(&optional, &mailbox(&[]), &[], &[]);
    assert_eq!(plan.requests.len(), 1);
    assert!(plan.requests[0].items.iter().all(|item| item.name != "owner"));
}

#[test]
fn several_accounts_are_no_source_until_it_is_settled_which_is_meant() {
    let catalogue = with(OWNER, &|_| {});
    let two =
        [person(AccountStatus::Enabled), Account { id: model::ids::AccountId(2), ..person(AccountStatus::Enabled) }];
    let read = read(&catalogue);
    let asked = model::form::Asked {
        key: "account.person".into(),
        label: String::new(),
        owner: FormOwner::Operators,
        choices: vec![],
    };
    for (chosen, expect) in [
        (Chosen::Ask(asked), referring("person", "key")),
        (Chosen::Skip, DesiredValue::Absent),
        (Chosen::Fail, DesiredValue::Absent),
        (Chosen::Account(two[1].id), DesiredValue::Value("person-1".into())),
    ] {
        let choices = [AccountChoice { account_type: "person".into(), chosen, why: String::new() }];
        let mut desired = mailbox(&["person"]);
        stand_in(&mut desired, &known(&catalogue, &two, &[], &choices, &read));
        assert_eq!(value(&desired, "mailbox", "owner"), &expect, "{choices:?}");
    }
}

/// Without `depends_on`: a reference alone brings one before the other, and takes it away after it.
#[test]
fn accounts_come_after_those_their_values_come_from_and_go_before_them() {
    let catalogue = with(&[("payroll", "badge", "person", "key")], &|_| {});
    let desired = access(vec![
        desired_account("payroll", vec![attribute("badge", referring("person", "key"))], &[]),
        desired_account("person", vec![], &[]),
    ]);
    let told = |plan: &Plan| -> Vec<(String, Vec<usize>)> {
        plan.requests.iter().map(|request| (request.account_type.clone(), request.after.clone())).collect()
    };
    let (_, plan) = planned(&catalogue, &desired, &[], &[]);
    assert_eq!(told(&plan), [("person".to_owned(), vec![]), ("payroll".to_owned(), vec![0])]);
    let there = [person(AccountStatus::Enabled), account(2, "payroll", AccountStatus::Enabled, Provenance::Created)];
    let (_, plan) = planned(&catalogue, &access(vec![]), &there, &[]);
    assert_eq!(told(&plan), [("payroll".to_owned(), vec![]), ("person".to_owned(), vec![0])]);
}

/// It is brought in step with what is known, and gets the value by a later plan.
#[test]
fn an_account_that_is_there_does_not_wait() {
    let catalogue = with(OWNER, &|_| {});
    let there = [account(2, "mailbox", AccountStatus::Disabled, Provenance::Created)];
    let (_, plan) = planned(&catalogue, &mailbox(&["person"]), &there, &[]);
    let request = plan.requests.iter().find(|request| request.account_type == "mailbox").unwrap();
    assert_eq!((request.operation, request.refers.len()), (model::plan::Operation::Enable, 0));
    let orders = orders_in(&catalogue, &plan, 1);
    let order = orders.iter().find(|order| order.account_type == "mailbox").unwrap();
    assert!(!order.reason.as_ref().is_some_and(StateReason::awaits_reference), "{order:#?}");
    assert!(order.items.iter().all(|item| item.name != "owner"), "{order:#?}");
}

/// Only what is taken counts: a plain attribute, the key, or, for an expression, anything.
#[test]
fn what_changes_is_followed_where_it_is_taken() {
    let expression = |configuration: &mut Configuration| {
        let reference =
            Reference { account_type: "person".into(), attribute: None, expression: Some("account.key".into()) };
        let made = AttributeSpecification { reference: Some(reference), ..AttributeSpecification::default() };
        let kind = configuration.account_types.get_mut("badge").unwrap();
        kind.attributes.insert("any".into(), made);
    };
    let catalogue = with(&[("mailbox", "owner", "person", "key"), ("payroll", "note", "person", "title")], &expression);
    let before = account(1, "person", AccountStatus::Enabled, Provenance::Created);
    let read = |change: &dyn Fn(&mut Account)| {
        let mut after = before.clone();
        change(&mut after);
        following_reading(Some(&before), &after, &catalogue)
    };
    assert_eq!(read(&|_| {}), Vec::<&str>::new());
    assert_eq!(read(&|after| after.key = "other".into()), ["badge", "mailbox", "payroll"]);
    assert_eq!(read(&|after| drop(after.attributes.insert("title".into(), "Matron".into()))), ["badge", "payroll"]);
    assert_eq!(read(&|after| drop(after.attributes.insert("shoe".into(), "39".into()))), ["badge"]);
    assert_eq!(read(&|after| after.entitlements = ["A".to_owned()].into()), ["badge"]);
    assert_eq!(read(&|after| after.status = AccountStatus::Disabled), ["badge"]);
    assert_eq!(read(&|after| after.status = AccountStatus::Gone), ["badge", "mailbox", "payroll"]);
    assert_eq!(read(&|after| after.owner = None), ["badge", "mailbox", "payroll"]);
    assert_eq!(following_reading(None, &before, &catalogue), ["badge", "mailbox", "payroll"]);

    let desired = |title: &str| {
        let value = attribute("title", DesiredValue::Value(title.into()));
        access(vec![desired_account("person", vec![value], &["person-a"])])
    };
    let (_, plan) = planned(&catalogue, &desired("Matron"), std::slice::from_ref(&before), &[]);
    let order = Order { key: Some(before.key.clone()), ..orders_in(&catalogue, &plan, 1).remove(0) };
    let done = |key: Option<&str>| {
        let applied = model::command::Applied { key: key.map(str::to_owned), ..Default::default() };
        let outcome = Ok(model::command::Outcome::Applied(applied));
        let settled =
            settle::answer(&order, Some(&before), &outcome, &catalogue, &Default::default(), order.created_at, 0.5);
        settled.account.unwrap()
    };
    assert_eq!(following_order(&order, None, &catalogue), Vec::<&str>::new());
    assert_eq!(following_order(&order, Some(&done(None)), &catalogue), ["badge", "payroll"]);
    let mut membership = order.clone();
    membership.items.retain(|item| item.kind == ItemKind::Entitlement);
    assert!(!membership.items.is_empty());
    assert_eq!(following_order(&membership, Some(&done(None)), &catalogue), ["badge"]);
    assert_eq!(following_order(&membership, Some(&done(Some("other"))), &catalogue), ["badge", "mailbox", "payroll"]);
}

/// Carries out what can be, the way the engine does: what waits is filled in once what it waits for is there.
fn carried_out(catalogue: &Catalogue, orders: &mut Vec<Order>, accounts: &mut Vec<Account>) -> usize {
    let read = read(catalogue);
    let mut done = 0;
    while let Some(position) = orders.iter().position(|order| {
        order.state == ProvisioningState::Pending
            && order.after.iter().all(|before| orders.iter().all(|other| other.id != *before))
            && (order.account.is_some() || order.operation == Operation::Create)
            && (!order.reason.as_ref().is_some_and(StateReason::awaits_reference)
                || matches!(fill(order, &known(catalogue, accounts, &[], &[], &read)), Filling::Filled(_)))
    }) {
        let mut order = orders.remove(position);
        if let Filling::Filled(values) = fill(&order, &known(catalogue, accounts, &[], &[], &read)) {
            order = filled(&order, &values, catalogue);
        }
        let place = match order.account {
            Some(id) => accounts.iter().position(|account| account.id == id).unwrap(),
            None => {
                let next = accounts.iter().map(|account| account.id.0).max().unwrap_or(0) + 1;
                accounts.push(account(next, &order.account_type, AccountStatus::Enabled, Provenance::Created));
                accounts.len() - 1
            }
        };
        let account = &mut accounts[place];
        account.status = match order.operation {
            Operation::Create | Operation::Enable => AccountStatus::Enabled,
            Operation::Update => account.status,
            Operation::Disable => AccountStatus::Disabled,
            Operation::Delete => AccountStatus::Gone,
        };
        for item in &order.items {
            match (item.kind, item.operation) {
                (ItemKind::Attribute, ItemOperation::Set) => {
                    account.attributes.insert(item.name.clone(), item.value.clone().unwrap());
                }
                (ItemKind::Attribute, _) => drop(account.attributes.remove(&item.name)),
                (ItemKind::Entitlement, ItemOperation::Remove) => drop(account.entitlements.remove(&item.name)),
                (ItemKind::Entitlement, _) => drop(account.entitlements.insert(item.name.clone())),
                (ItemKind::Lifecycle, _) => {}
            }
        }
        done += 1;
    }
    done
}

proptest! {
    #![proptest_config(cases())]

    /// However many plans it takes, in the end each value is that of the account it comes from, and nothing is left to do.
    #[test]
    fn in_the_end_every_value_is_that_of_its_source(world in world(), chosen in any::<[bool; 6]>()) {
        let catalogue = with(MANY, &|_| {});
        let World { mut desired, mut accounts, .. } = world;
        for account in &mut desired.accounts {
            for attribute in &mut account.attributes {
                (attribute.required, attribute.create_only, attribute.secret) = (false, false, false);
                if matches!(attribute.value, DesiredValue::Failed(_)) {
                    attribute.value = DesiredValue::Absent;
                }
            }
            let own = MANY.iter().zip(chosen).filter(|((kind, ..), chosen)| *chosen && *kind == account.account_type);
            account.attributes.extend(own.map(|((_, name, from, taken), _)| attribute(name, referring(from, taken))));
        }
        let mut open: Vec<Order> = Vec::new();
        let mut rounds = 0;
        loop {
            let (_, plan) = planned(&catalogue, &desired, &accounts, &open);
            let inactive = crate::plan::superseded(&plan);
            open.retain(|order| !inactive.contains(&order.id));
            // Whoever reviews approves.
            let approved = orders_in(&catalogue, &plan, 1_000 * (rounds + 1)).into_iter().map(|mut order| {
                if order.state == ProvisioningState::AwaitingApproval {
                    order.state = ProvisioningState::Pending;
                }
                order
            });
            open.extend(approved);
            let before = open.len();
            let done = carried_out(&catalogue, &mut open, &mut accounts);
            prop_assert_eq!(before - open.len(), done);
            rounds += 1;
            if done == 0 && plan.requests.iter().all(|request| request.error.is_some()) {
                break;
            }
            prop_assert!(rounds < 10, "never comes to rest: {plan:#?}");
        }
        let waits: Vec<OrderId> =
            open.iter().filter(|order| order.state == ProvisioningState::Pending).map(|order| order.id).collect();
        let has = |kind: &str| desired.accounts.iter().any(|account| account.account_type == kind);
        let needed = |kind: &str| has(kind) || chosen_of(&accounts, kind).is_some();
        let comes = |kind: &str| match kind {
            "mailbox" => needed("person"),
            "admin" => needed("mailbox"),
            _ => true,
        };
        if TYPES.iter().filter(|kind| has(kind)).all(|kind| comes(kind)) {
            prop_assert_eq!(&waits, &[], "{:#?}", &open);
        }
        for account in &desired.accounts {
            let Some(there) = chosen_of(&accounts, &account.account_type) else { continue };
            for (_, name, from, taken) in MANY.iter().filter(|(kind, ..)| *kind == account.account_type) {
                if account.attributes.iter().all(|attribute| attribute.name != *name) {
                    continue;
                }
                let source = chosen_of(&accounts, from);
                let expected = source.and_then(|source| match *taken {
                    Reference::KEY => Some(Value::from(source.key.as_str())),
                    taken => source.attributes.get(taken).cloned(),
                });
                prop_assert!(same(there.attributes.get(*name), expected.as_ref()), "{name} {there:#?} {expected:?}");
            }
        }
    }
}

fn chosen_of<'a>(accounts: &'a [Account], account_type: &str) -> Option<&'a Account> {
    chosen(accounts, account_type, &[])
}
