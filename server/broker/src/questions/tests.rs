//! Cases one at a time, and what holds for all: nobody is asked twice, answered plans ask nothing.

use std::collections::{BTreeMap, BTreeSet};

use model::access::DesiredAccount;
use model::account::{Account, AccountStatus, Provenance};
use model::form::FormOwner::{Login, Operators, Profile};
use model::ids::{AnswerId, FormId, OrderId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, Operation, Plan};
use model::trigger::Trigger;
use proptest::prelude::*;

use super::*;
use crate::order::command;
use crate::plan::{PlanInput, compile, is_empty, superseded};
use crate::worlds::{PERSON, Taken, access, account, attribute, cases, configuration, desired_account, orders};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// `phone` is one question in `person` and `payroll`; `colour` is `badge`'s own and has a default; `limit` is a number.
fn catalogue() -> Catalogue {
    let mut configuration = configuration();
    let phone = serde_json::json!({
        "required": true, "ask": "manager", "question": "phone", "label": "Phone", "pattern": "[+0-9]+", "maximum_length": 8
    });
    let specifications = [
        ("person", "phone", phone.clone()),
        ("payroll", "phone", phone),
        (
            "badge",
            "colour",
            serde_json::json!({
                "required": true, "ask": "owner", "choices": ["red", "blue"], "default": "blue", "answer_within_days": 3
            }),
        ),
        ("mailbox", "limit", serde_json::json!({ "required": true, "type": "integer", "ask": { "profile": "desk" } })),
        ("admin", "pin", serde_json::json!({ "required": true, "secret": true })),
        ("admin", "title", serde_json::json!({ "expression": "identity.title", "maximum_length": 3 })),
    ];
    for (account_type, attribute, specification) in specifications {
        let kind = configuration.account_types.get_mut(account_type).unwrap();
        kind.attributes.insert(attribute.to_owned(), serde_json::from_value(specification).unwrap());
    }
    Catalogue::new(&configuration)
}

fn missing(name: &str) -> DesiredAttribute {
    DesiredAttribute { required: true, ..attribute(name, DesiredValue::Absent) }
}

fn wanted(account_type: &str, attributes: Vec<DesiredAttribute>) -> DesiredAccount {
    let login = attribute("login", DesiredValue::Value(Value::from("ada")));
    desired_account(account_type, std::iter::once(login).chain(attributes).collect(), &[])
}

/// Everything that asks.
fn everything() -> DesiredAccess {
    access(vec![
        wanted("badge", vec![missing("colour")]),
        wanted("mailbox", vec![missing("limit")]),
        wanted("payroll", vec![missing("phone")]),
        wanted("person", vec![missing("phone")]),
    ])
}

fn answer(key: &str, value: impl Into<Value>) -> Answer {
    let (key, value) = (key.to_owned(), value.into());
    Answer { id: AnswerId(1), identity: PERSON, key, value, by: Some("ann".into()), at: NOW }
}

fn open(id: i64, key: &str, owner: FormOwner, days_ago: i64) -> OpenQuestion {
    OpenQuestion {
        id: QuestionId(id),
        form: FormId(id),
        identity: PERSON,
        asked: Asked { key: key.into(), label: key.into(), owner, choices: Vec::new() },
        places: Vec::new(),
        asked_at: NOW - SignedDuration::from_hours(24 * days_ago),
    }
}

fn owner_of(ask: Option<&Ask>, application: &str) -> FormOwner {
    match ask {
        Some(Ask::Manager) => Login("boss".into()),
        Some(Ask::Profile(profile)) => Profile(profile.clone()),
        _ => Login(format!("owner-of-{application}")),
    }
}

fn put_in(
    access: &mut DesiredAccess,
    accounts: &[Account],
    answers: &[Answer],
    open: &[OpenQuestion],
) -> Vec<DefaultTaken> {
    stand_in(access, accounts, &catalogue(), &[], &Known { answers, open, now: NOW }, &owner_of)
}

fn planned(desired: &DesiredAccess, accounts: &[Account], open_orders: &[Order]) -> Plan {
    let trigger = Trigger::IdentityRefresh;
    let input = PlanInput {
        trigger,
        desired,
        accounts,
        open_orders,
        declined: &[],
        native: &[],
        marks: &[],
        choices: &[],
        leaver: false,
    };
    compile(&input, &catalogue(), &mut Taken::default())
}

fn keys(plan: &Plan) -> Vec<&str> {
    let keys: BTreeSet<&str> = plan.questions.iter().map(|question| question.asked.key.as_str()).collect();
    keys.into_iter().collect()
}

#[test]
fn the_owner_is_whom_the_configuration_names_and_who_can_sign_in() {
    let whole = Candidates { person: Some("ada"), manager: Some("boss"), application_owner: Some("ann") };
    let alone = Candidates::default();
    let can_sign_in = |login: &str| (login.to_lowercase() == "desk1").then(|| "Desk1".to_owned());
    let profile = |name: &str| Ask::Profile(name.to_owned());
    let login = |name: &str| Ask::Login(name.to_owned());
    for (ask, candidates, expect) in [
        (None, &whole, Login("ann".into())),
        (None, &alone, Operators),
        (Some(Ask::Owner), &whole, Login("ann".into())),
        (Some(Ask::Manager), &whole, Login("boss".into())),
        (Some(Ask::Person), &whole, Login("ada".into())),
        (Some(Ask::Manager), &Candidates { manager: None, ..whole.clone() }, Login("ann".into())),
        (Some(Ask::Person), &alone, Operators),
        (Some(login("DESK1")), &whole, Login("Desk1".into())),
        (Some(login("gone")), &whole, Login("ann".into())),
        (Some(profile("desk")), &whole, Profile("desk".into())),
        (Some(profile("empty")), &alone, Operators),
    ] {
        assert_eq!(owner(ask.as_ref(), candidates, &can_sign_in, &|name| name == "desk"), expect, "{ask:?}");
    }
}

#[test]
fn what_is_missing_is_asked_once_and_its_order_waits() {
    let mut desired = everything();
    assert!(put_in(&mut desired, &[], &[], &[]).is_empty());
    let plan = planned(&desired, &[], &[]);
    assert_eq!(keys(&plan), ["badge.colour", "mailbox.limit", "phone"]);
    assert_eq!(plan.questions.len(), 4, "one for each attribute that needs it");
    let made = orders(&plan, 100);
    let held =
        |order: &Order| matches!(&order.reason, Some(StateReason::AwaitingAnswer { answers }) if answers.len() == 1);
    assert!(made.iter().all(|order| order.state == ProvisioningState::Pending && held(order)), "{made:#?}");

    let changes = reconcile(&plan.questions, &[], &[]);
    let asked: Vec<_> = changes.ask.iter().map(|(asked, places, _)| (asked.key.as_str(), places.len())).collect();
    assert_eq!(asked, [("badge.colour", 1), ("mailbox.limit", 1), ("phone", 2)]);
    // The next plan with nothing answered is as the last one.
    assert!(is_empty(&planned(&desired, &[], &made)));
}

#[test]
fn nothing_stands_in_while_it_is_not_settled_which_account_is_meant() {
    use crate::choice::Chosen;
    let login = || Asked { key: "which".into(), label: "Which".into(), owner: Operators, choices: Vec::new() };
    let accounts = [1, 2].map(|id| account(id, "badge", AccountStatus::Enabled, Provenance::Created));
    // The default is due, and the phone was answered.
    let (answers, open) = ([answer("phone", "+31")], [open(1, "badge.colour", Operators, 4)]);
    let known = Known { answers: &answers, open: &open, now: NOW };
    let access = || access(vec![wanted("badge", vec![missing("colour")]), wanted("payroll", vec![missing("phone")])]);
    for (chosen, is_settled) in [
        (Chosen::Ask(login()), false),
        (Chosen::Skip, false),
        (Chosen::Fail, false),
        (Chosen::Account(accounts[1].id), true),
    ] {
        let choices = [AccountChoice { account_type: "badge".into(), chosen, why: "it is so".into() }];
        let mut desired = access();
        let taken = stand_in(&mut desired, &accounts, &catalogue(), &choices, &known, &owner_of);
        assert_eq!(taken.len(), usize::from(is_settled), "{choices:?}");
        assert_eq!(desired.accounts[0] == access().accounts[0], !is_settled, "{choices:?}");
        assert_ne!(desired.accounts[1], access().accounts[1], "other account types are as ever");
    }
    // Nor does it decide whom a question goes to that another account asks as well.
    let people = [1, 2].map(|id| account(id, "payroll", AccountStatus::Enabled, Provenance::Created));
    let unsettled = [AccountChoice { account_type: "payroll".into(), chosen: Chosen::Skip, why: "it is so".into() }];
    let mut desired = crate::worlds::access(vec![
        wanted("payroll", vec![missing("phone")]),
        wanted("person", vec![missing("phone")]),
    ]);
    let application_of = |_: Option<&Ask>, application: &str| Login(application.to_owned());
    let nothing = Known { answers: &[], open: &[], now: NOW };
    stand_in(&mut desired, &people, &catalogue(), &unsettled, &nothing, &application_of);
    let DesiredValue::Asked(asked) = &desired.accounts[1].attributes[1].value else { panic!("{desired:#?}") };
    assert_eq!(asked.owner, Login("directory".into()));
}

#[test]
fn an_answer_replaces_what_waited_and_the_rest_waits_on() {
    let mut before = everything();
    put_in(&mut before, &[], &[], &[]);
    let waiting = orders(&planned(&before, &[], &[]), 100);
    let mut desired = everything();
    put_in(&mut desired, &[], &[answer("phone", "+31")], &[]);
    let plan = planned(&desired, &[], &waiting);
    // The mailbox stands on the person, so that it waits for the new order in place of the old one.
    assert_eq!(keys(&plan), ["badge.colour", "mailbox.limit"]);
    let made = orders(&plan, 200);
    let of = |kind: &str| made.iter().find(|order| order.account_type == kind).unwrap();
    for kind in ["person", "payroll"] {
        assert_eq!(of(kind).reason, None);
        let item = of(kind).items.iter().find(|item| item.name == "phone").unwrap();
        assert_eq!(item.value, Some(Value::from("+31")));
        assert!(command(of(kind), &catalogue(), false).items.iter().any(|item| item.name == "phone"));
    }
    assert!(of("mailbox").reason.as_ref().unwrap().awaits_answer());
    assert_eq!(of("mailbox").after, [of("person").id]);
    let kept: Vec<OrderId> =
        waiting.iter().filter(|order| order.account_type == "badge").map(|order| order.id).collect();
    assert!(superseded(&plan).iter().all(|order| !kept.contains(order)));
}

#[test]
fn what_exists_goes_on_without_the_answer() {
    let mut ada = account(1, "mailbox", AccountStatus::Enabled, Provenance::Created);
    ada.attributes.insert("city".into(), Value::from("Bern"));
    let city = attribute("city", DesiredValue::Value(Value::from("Basel")));
    let mut desired = access(vec![wanted("mailbox", vec![missing("limit"), city])]);
    put_in(&mut desired, std::slice::from_ref(&ada), &[], &[]);
    let plan = planned(&desired, std::slice::from_ref(&ada), &[]);
    assert_eq!(keys(&plan), ["mailbox.limit"]);
    let request = &plan.requests[0];
    assert_eq!((request.operation, request.awaits.len()), (Operation::Update, 0));
    assert!(request.items.iter().all(|item| item.name != "limit"));
    assert!(plan.retained.iter().any(|kept| kept.name == "limit" && kept.why.contains("\u{201c}desk\u{201d}")));
    // What the account holds and fits is an answer.
    ada.attributes.insert("limit".into(), Value::from("7"));
    let mut desired = access(vec![wanted("mailbox", vec![missing("limit")])]);
    put_in(&mut desired, std::slice::from_ref(&ada), &[], &[]);
    assert!(planned(&desired, std::slice::from_ref(&ada), &[]).questions.is_empty());
    ada.attributes.insert("limit".into(), Value::from("much"));
    let mut desired = access(vec![wanted("mailbox", vec![missing("limit")])]);
    put_in(&mut desired, std::slice::from_ref(&ada), &[], &[]);
    assert_eq!(keys(&planned(&desired, &[ada], &[])), ["mailbox.limit"]);
}

#[test]
fn values_that_do_not_fit_fail_and_answers_that_do_not_are_asked_again() {
    let value = |value: DesiredValue| access(vec![wanted("admin", vec![attribute("title", value)])]);
    let mut long = value(DesiredValue::Value(Value::from("Professor")));
    put_in(&mut long, &[], &[], &[]);
    let plan = planned(&long, &[], &[]);
    assert!(plan.requests[0].error.as_ref().unwrap().contains("\u{201c}Professor\u{201d} is longer than 3 characters"));
    let mut candidates = value(DesiredValue::Unique(vec!["Professor".into(), "Dr".into()]));
    put_in(&mut candidates, &[], &[], &[]);
    assert_eq!(candidates.accounts[0].attributes[1].value, DesiredValue::Unique(vec!["Dr".into()]));

    let mut desired = everything();
    put_in(&mut desired, &[], &[answer("phone", "none"), answer("mailbox.limit", 5)], &[]);
    assert_eq!(keys(&planned(&desired, &[], &[])), ["badge.colour", "phone"]);
}

#[test]
fn what_is_written_at_creation_only_is_not_asked_for_later() {
    let limit = || DesiredAttribute { create_only: true, ..missing("limit") };
    let ada = account(1, "mailbox", AccountStatus::Enabled, Provenance::Found);
    for (accounts, expect) in [(vec![], vec!["mailbox.limit"]), (vec![ada], vec![])] {
        let mut desired = access(vec![wanted("mailbox", vec![limit()])]);
        put_in(&mut desired, &accounts, &[], &[]);
        assert_eq!(keys(&planned(&desired, &accounts, &[])), expect);
    }
}

#[test]
fn a_secret_is_never_asked_for() {
    let pin = DesiredAttribute { secret: true, ..missing("pin") };
    let mut desired = access(vec![wanted("admin", vec![pin])]);
    put_in(&mut desired, &[], &[], &[]);
    let plan = planned(&desired, &[], &[]);
    assert!(plan.questions.is_empty() && plan.requests[0].error.is_some());
}

#[test]
fn a_default_is_taken_when_the_time_is_up() {
    for (days_ago, expect) in [(2, None), (3, Some("blue"))] {
        let mut desired = everything();
        let taken = put_in(&mut desired, &[], &[], &[open(7, "badge.colour", Operators, days_ago)]);
        assert_eq!(taken.first().map(|taken| taken.value.to_string()).as_deref(), expect, "{days_ago}");
        let plan = planned(&desired, &[], &[]);
        assert_eq!(keys(&plan).contains(&"badge.colour"), expect.is_none());
        let asked = [open(7, "badge.colour", Login("owner-of-door".into()), days_ago)];
        let end = expect.map(|_| (QuestionId(7), QuestionOutcome::Default));
        assert_eq!(reconcile(&plan.questions, &asked, &taken).end.first().copied(), end);
    }
}

#[test]
fn questions_move_with_their_owner_and_go_with_their_need() {
    let mut desired = access(vec![wanted("person", vec![missing("phone")])]);
    put_in(&mut desired, &[], &[], &[]);
    let wanted = planned(&desired, &[], &[]).questions;
    let known = [open(1, "phone", Login("old-boss".into()), 5), open(2, "shoe", Operators, 1)];
    let changes = reconcile(&wanted, &known, &[]);
    assert_eq!(changes.end, [(QuestionId(1), QuestionOutcome::Moved), (QuestionId(2), QuestionOutcome::Withdrawn)]);
    assert_eq!(changes.ask.len(), 1);
    assert_eq!(changes.ask[0].2, Some(known[0].asked_at), "the time goes on");
    let kept = OpenQuestion { places: vec![wanted[0].place.clone()], ..open(1, "phone", Login("boss".into()), 5) };
    assert!(reconcile(&wanted, &[kept], &[]).is_empty());
}

fn any_access() -> impl Strategy<Value = DesiredAccess> {
    let value = |name: &'static str| {
        prop_oneof![
            3 => Just(missing(name)),
            1 => Just(DesiredAttribute { required: true, ..attribute(name, DesiredValue::Value(Value::from("12"))) }),
        ]
    };
    (
        prop::sample::subsequence(vec!["badge", "mailbox", "payroll", "person"], 1..=4),
        value("phone"),
        value("limit"),
        value("colour"),
    )
        .prop_map(|(kinds, phone, limit, colour)| {
            let accounts = kinds.into_iter().map(|kind| match kind {
                "badge" if colour.value != DesiredValue::Absent => wanted(kind, vec![]),
                "badge" => wanted(kind, vec![colour.clone()]),
                "mailbox" => wanted(kind, vec![limit.clone()]),
                _ => wanted(kind, vec![phone.clone()]),
            });
            access(accounts.collect())
        })
}

fn any_answers() -> impl Strategy<Value = Vec<Answer>> {
    let all = vec![answer("phone", "+31"), answer("mailbox.limit", 5), answer("badge.colour", "red")];
    prop::sample::subsequence(all, 0..=3)
}

proptest! {
    #![proptest_config(cases())]

    /// Nobody is asked the same twice, whatever was open before; and asking again changes nothing.
    #[test]
    fn a_key_is_asked_at_most_once(
        desired in any_access(),
        answers in any_answers(),
        known in prop::sample::subsequence(vec!["phone", "mailbox.limit", "badge.colour", "shoe"], 0..=4),
        moved in any::<bool>(),
    ) {
        let mut stood = desired.clone();
        put_in(&mut stood, &[], &answers, &[]);
        let plan = planned(&stood, &[], &[]);
        let owner = |key: &str| match (key, moved) {
            (_, true) => Login("somebody".into()),
            ("phone", _) => Login("boss".into()),
            ("mailbox.limit", _) => Profile("desk".into()),
            _ => Login("owner-of-door".into()),
        };
        let before: Vec<OpenQuestion> = (1..).zip(&known).map(|(id, key)| open(id, key, owner(key), 0)).collect();
        let changes = reconcile(&plan.questions, &before, &[]);
        let mut after: Vec<OpenQuestion> = before
            .into_iter()
            .filter(|question| changes.end.iter().all(|(id, _)| *id != question.id))
            .map(|question| {
                let places = changes.moved_places.iter().find(|(id, _)| *id == question.id);
                OpenQuestion { places: places.map_or(question.places.clone(), |(_, places)| places.clone()), ..question }
            })
            .collect();
        after.extend((100..).zip(&changes.ask).map(|(id, (asked, places, _))| OpenQuestion {
            asked: asked.clone(),
            places: places.clone(),
            ..open(id, &asked.key, asked.owner.clone(), 0)
        }));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for question in &after {
            *counts.entry(&question.asked.key).or_default() += 1;
        }
        prop_assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        prop_assert_eq!(counts.keys().copied().collect::<Vec<_>>(), keys(&plan));
        prop_assert!(reconcile(&plan.questions, &after, &[]).is_empty());
    }

    /// With all answers given, nothing is asked, nothing waits and nothing is without a value.
    #[test]
    fn an_answered_plan_asks_nothing(desired in any_access()) {
        let mut stood = desired;
        let all = [answer("phone", "+31"), answer("mailbox.limit", 5), answer("badge.colour", "red")];
        put_in(&mut stood, &[], &all, &[]);
        let plan = planned(&stood, &[], &[]);
        prop_assert!(plan.questions.is_empty());
        for order in orders(&plan, 100) {
            prop_assert!(order.reason.as_ref().is_none_or(|reason| !reason.awaits_answer()));
            prop_assert!(order.items.iter().filter(|item| item.kind == ItemKind::Attribute).all(|item| item.value.is_some()));
        }
    }

    /// However answers come in, one at a time or at once, the last plan leaves the same to be sent.
    #[test]
    fn answers_one_by_one_come_to_the_same(desired in any_access(), answers in any_answers(), cut in 0..3_usize) {
        let at_once = {
            let mut stood = desired.clone();
            put_in(&mut stood, &[], &answers, &[]);
            orders(&planned(&stood, &[], &[]), 100)
        };
        let mut first = desired.clone();
        put_in(&mut first, &[], &answers[..cut.min(answers.len())], &[]);
        let before = orders(&planned(&first, &[], &[]), 100);
        let mut second = desired;
        put_in(&mut second, &[], &answers, &[]);
        let plan = planned(&second, &[], &before);
        let gone = superseded(&plan);
        let mut left: Vec<Order> = before.into_iter().filter(|order| !gone.contains(&order.id)).collect();
        left.extend(orders(&plan, 500));
        let told = |orders: &[Order]| {
            // What fails for another reason is never sent, whatever its values.
            let mut told: Vec<_> = orders
                .iter()
                .filter(|order| order.state != ProvisioningState::Error)
                .map(|order| {
                    let values: Vec<_> = order.items.iter().map(|item| (item.name.clone(), item.value.clone())).collect();
                    (order.account_type.clone(), order.reason.as_ref().is_some_and(StateReason::awaits_answer), values)
                })
                .collect();
            told.sort();
            told
        };
        prop_assert_eq!(told(&left), told(&at_once));
    }
}
