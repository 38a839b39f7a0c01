//! The rules of desired access one by one, on the engine and on the reference.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "support/company.rs"]
mod company;

use std::sync::Arc;

use company::{company, context, march, owned, person, role, roles, rule, with};
use jiff::civil::Date;
use model::access::{DesiredAccess, DesiredValue, Grantable, WorkflowState};
use model::configuration::{
    AssignmentRule, AttributeSpecification, Configuration, CorrelationRule, Reference, Role, RuleType,
};
use model::identity::{Identity, Period};
use model::ids::IdentityId;
use model::value::Value;
use policy::classification::Seen;
use policy::engine::Engine;
use policy::expression::Expression;
use policy::model::{Condition, RoleModel};

fn engine(configuration: &Configuration, person: &Identity) -> Engine {
    let mut engine = Engine::new(Arc::new(RoleModel::compile(configuration).expect("sound")));
    engine.upsert(person);
    engine
}

/// The answer of both evaluators, which have to agree.
fn desired(configuration: &Configuration, person: &Identity, today: Date) -> DesiredAccess {
    let expected = policy::reference::desired(configuration, person, today).expect("sound");
    assert_eq!(engine(configuration, person).desired(person.id, today).as_ref(), Some(&expected));
    expected
}

/// Assignments as `kind:name state from..until`, shortly.
fn told(access: &DesiredAccess) -> Vec<String> {
    let told = access.assignments.iter().map(|assignment| {
        let day = |day: Option<Date>| day.map_or(String::new(), |day| day.day().to_string());
        let Period { starts, ends } = assignment.period;
        let state = assignment.workflow_state as u8;
        format!(
            "{}:{} {state} {}..{}",
            assignment.grantable.kind(),
            assignment.grantable.name(),
            day(starts),
            day(ends)
        )
    });
    told.collect()
}

#[test]
fn a_role_gives_all_that_it_contains_with_the_way() {
    let configuration = with(&[("bosses", roles("identity.department == \"Sales\"", &["boss"]))]);
    let access = desired(&configuration, &person(Vec::new()), march(1));
    assert_eq!(
        told(&access),
        [
            "role:boss 18 ..",
            "role:clerk 18 ..",
            "role:staff 18 ..",
            "access_profile:badge 18 ..",
            "access_profile:basics 18 ..",
            "access_profile:desk 18 ..",
            "account_type:door 118 ..",
            "account_type:mail 118 ..",
            "entitlement:all 18 ..",
            "entitlement:clerks 18 ..",
            "entitlement:front 18 ..",
        ]
    );
    let front = access.assignments.last().expect("eleven");
    let steps: Vec<&str> = front.reasons[0].path.iter().map(Grantable::name).collect();
    assert_eq!((front.reasons.len(), steps), (1, vec!["boss", "clerk", "staff", "badge"]));
    assert_eq!((front.reasons[0].rule.as_str(), front.reasons[0].context.as_deref()), ("bosses", None));
    assert_eq!(front.reasons[0].facts[0].attribute, "department");
    assert_eq!(front.reasons[0].facts[0].value, Some("Sales".into()));
    let accounts: Vec<(&str, Vec<&str>)> = access
        .accounts
        .iter()
        .map(|account| (account.account_type.as_str(), account.entitlements.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(accounts, [("door", vec!["front"]), ("mail", vec!["all", "clerks"])]);
}

#[test]
fn who_is_not_listed_any_more_gets_nothing() {
    let configuration = with(&[("all", roles("true", &["boss"]))]);
    let gone = Identity { present: false, ..person(Vec::new()) };
    let access = desired(&configuration, &gone, march(1));
    assert!(access.assignments.is_empty() && access.accounts.is_empty() && access.denied.is_empty());
}

#[test]
fn windows_open_and_close() {
    let widened = AssignmentRule { days_before: 2, days_after: 3, ..roles("true", &["staff"]) };
    let configuration =
        with(&[("wide", widened), ("exact", AssignmentRule { entitlements: owned(&["clerks"]), ..rule("true") })]);
    let person = person(vec![context("1", 0, Some(march(10)), Some(march(20)), "Sales")]);
    let cases = [
        (7, None, false),
        (8, Some("8..23"), false),
        (9, Some("8..23"), false),
        (10, Some("8..23"), true),
        (19, Some("8..23"), true),
        (20, Some("8..23"), false),
        (22, Some("8..23"), false),
        (23, None, false),
    ];
    for (day, staff, clerks) in cases {
        let told = told(&desired(&configuration, &person, march(day)));
        let expected: Vec<String> = staff.map(|window| format!("role:staff 18 {window}")).into_iter().collect();
        let roles: Vec<String> = told.iter().filter(|line| line.starts_with("role:")).cloned().collect();
        assert_eq!(roles, expected, "March {day}");
        assert_eq!(told.contains(&"entitlement:clerks 18 10..20".to_owned()), clerks, "March {day}");
    }
}

#[test]
fn the_period_is_the_union_of_the_windows_open_today() {
    let configuration = with(&[("staff", roles("true", &["staff"]))]);
    let person = person(vec![
        context("1", 0, Some(march(1)), Some(march(10)), "Sales"),
        context("2", 0, Some(march(5)), Some(march(15)), "IT"),
        context("3", 0, Some(march(15)), None, "IT"),
    ]);
    for (day, period, contexts) in
        [(2, "1..10", vec!["1"]), (7, "1..15", vec!["1", "2"]), (12, "5..15", vec!["2"]), (15, "15..", vec!["3"])]
    {
        let access = desired(&configuration, &person, march(day));
        assert_eq!(told(&access)[0], format!("role:staff 18 {period}"), "March {day}");
        let of: Vec<&str> =
            access.assignments[0].reasons.iter().filter_map(|reason| reason.context.as_deref()).collect();
        assert_eq!(of, contexts, "March {day}");
    }
}

#[test]
fn offers_give_nothing_further() {
    for (kind, state) in [(RuleType::Suggested, 21), (RuleType::AutomaticWithValidation, 23)] {
        let offer = AssignmentRule { kind, entitlements: owned(&["front"]), ..roles("true", &["boss"]) };
        let access = desired(&with(&[("offer", offer.clone())]), &person(Vec::new()), march(1));
        assert_eq!(told(&access), [format!("role:boss {state} .."), format!("entitlement:front {state} ..")]);
        assert!(access.accounts.is_empty());
        // What is given is not also offered: only the reasons of the stronger state are told.
        let given =
            desired(&with(&[("offer", offer), ("give", roles("true", &["boss"]))]), &person(Vec::new()), march(1));
        let boss = &given.assignments[0];
        assert_eq!((boss.workflow_state, boss.reasons.len()), (WorkflowState::Calculated, 1));
        assert_eq!(boss.reasons[0].rule, "give");
    }
}

#[test]
fn denials_by_priority() {
    let deny = |priority: i32, of: AssignmentRule| AssignmentRule { deny: true, priority, ..of };
    let staff = roles("true", &["staff"]);
    // Denied thing, priorities of grant and denial; what of the chain role, profile, group, account stays.
    let profile = AssignmentRule { access_profiles: owned(&["badge"]), ..rule("true") };
    let group = AssignmentRule { entitlements: owned(&["front"]), ..rule("true") };
    let account = AssignmentRule { account_types: owned(&["door"]), ..rule("true") };
    let chain = ["role:staff", "access_profile:badge", "entitlement:front", "account_type:door"];
    let cases = [
        (staff.clone(), 5, 0, &[][..], &["role:staff"][..]),
        (staff.clone(), 5, 5, &[], &["role:staff"]),
        (staff.clone(), 5, 6, &chain, &[]),
        (profile, 0, 0, &chain[..1], &["access_profile:badge"]),
        (group, 0, 0, &chain[..2], &["entitlement:front"]),
        // Without the account there is no place for its groups.
        (account, 0, -1, &chain[..2], &["entitlement:front"]),
    ];
    for (denied, grant, denial, stays, taken) in cases {
        let rules = [("grant", AssignmentRule { priority: grant, ..staff.clone() }), ("denial", deny(denial, denied))];
        let access = desired(&with(&rules), &person(Vec::new()), march(1));
        let told = told(&access);
        let held: Vec<&str> = chain.into_iter().filter(|name| told.iter().any(|line| line.starts_with(name))).collect();
        assert_eq!(held, stays);
        let names: Vec<String> = access
            .denied
            .iter()
            .map(|denied| format!("{}:{}", denied.grantable.kind(), denied.grantable.name()))
            .collect();
        assert_eq!(names, taken);
        for denied in &access.denied {
            assert_eq!((denied.granted_by[0].rule.as_str(), denied.denied_by.rule.as_str()), ("grant", "denial"));
        }
    }
}

#[test]
fn a_denied_role_takes_only_what_follows_through_it() {
    let rules = [
        ("a-boss", roles("true", &["boss"])),
        ("b-badge", AssignmentRule { access_profiles: owned(&["badge"]), ..rule("true") }),
        ("c-strong", AssignmentRule { priority: -9, access_profiles: owned(&["basics"]), ..rule("true") }),
        ("denial", AssignmentRule { deny: true, access_profiles: owned(&["basics"]), ..roles("true", &["staff"]) }),
    ];
    let access = desired(&with(&rules), &person(Vec::new()), march(1));
    let names: Vec<String> = told(&access).iter().map(|line| line.split(' ').next().unwrap_or("").to_owned()).collect();
    assert_eq!(
        names,
        [
            "role:boss",
            "role:clerk",
            "access_profile:badge",
            "access_profile:basics",
            "access_profile:desk",
            "account_type:door",
            "account_type:mail",
            "entitlement:all",
            "entitlement:clerks",
            "entitlement:front",
        ]
    );
    let denied: Vec<&str> = access.denied.iter().map(|denied| denied.grantable.name()).collect();
    assert_eq!(denied, ["staff"]);
}

#[test]
fn many_ways_stay_bounded() {
    let mut configuration = with(&[("all", roles("true", &["step-0-0"]))]);
    // Each step leads to both of the next: 2^24 ways to the last.
    for step in 0..24 {
        let next = [format!("step-{}-0", step + 1), format!("step-{}-1", step + 1)];
        for side in 0..2 {
            let role = Role { roles: next.to_vec(), ..role(&[], &[]) };
            configuration.roles.insert(format!("step-{step}-{side}"), role);
        }
    }
    for side in 0..2 {
        configuration.roles.insert(format!("step-24-{side}"), role(&["badge"], &[]));
    }
    let engine = engine(&configuration, &person(Vec::new()));
    let access = engine.desired(IdentityId(7), march(1)).expect("known");
    let front = access.assignments.iter().find(|assignment| assignment.grantable.name() == "front").expect("given");
    assert_eq!((front.reasons.len(), front.reasons[0].path.len()), (16, 26));
}

#[test]
fn account_values_come_from_the_deciding_context() {
    let configuration = with(&[("all", AssignmentRule { days_before: 9, days_after: 9, ..roles("true", &["staff"]) })]);
    let early = |key: &str, priority| context(key, priority, Some(march(1)), Some(march(20)), key);
    let late = |key: &str, priority| context(key, priority, Some(march(5)), Some(march(20)), key);
    let cases = [
        (vec![], 10, "Sales"),
        (vec![early("a", 2), late("b", 1)], 10, "b"),
        (vec![late("a", 1), early("b", 1)], 10, "b"),
        (vec![early("b", 1), early("a", 1)], 10, "a"),
        // `b` does not hold yet; on the day after all, those within their days after count.
        (vec![early("a", 2), late("b", 1)], 3, "a"),
        (vec![early("a", 2), late("b", 1)], 22, "b"),
        (vec![early("a", 2), context("b", 1, Some(march(29)), None, "b")], 19, "a"),
    ];
    for (contexts, day, expected) in cases {
        let access = desired(&configuration, &person(contexts), march(day));
        let department = access.accounts[0].attributes.iter().find(|attribute| attribute.name == "department");
        assert_eq!(department.map(|department| &department.value), Some(&DesiredValue::Value(expected.into())));
    }
}

#[test]
fn values_of_every_source() {
    let specification = |value: Option<Value>, expression: Option<&str>, unique: Option<&str>| AttributeSpecification {
        value,
        expression: expression.map(str::to_owned),
        unique: unique.map(str::to_owned),
        required: true,
        create_only: false,
        secret: false,
        ..AttributeSpecification::default()
    };
    let unique = |texts: &[&str]| DesiredValue::Unique(owned(texts));
    let numbered: Vec<String> = (0..10).map(|attempt| format!("Ada{attempt}")).collect();
    let cases = [
        (specification(Some("fixed".into()), None, None), DesiredValue::Value("fixed".into())),
        (specification(None, Some("upper(identity.name)"), None), DesiredValue::Value("ADA".into())),
        (specification(None, Some("identity.nothing"), None), DesiredValue::Absent),
        (
            specification(None, Some("identity.name + 1"), None),
            DesiredValue::Failed(
                "`+` does not go with a text and a number; string() turns a number into a text".into(),
            ),
        ),
        (specification(None, None, Some("identity.name")), unique(&["Ada"])),
        (specification(None, None, Some("left(identity.name, attempt + 1)")), unique(&["A", "Ad", "Ada"])),
        (specification(None, None, Some("identity.name + string(attempt)")), DesiredValue::Unique(numbered)),
        (specification(None, None, Some("attempt * attempt % 5")), unique(&["0", "1", "4"])),
        (specification(None, None, Some("identity.nothing")), DesiredValue::Absent),
        (specification(None, None, Some("\"\"")), DesiredValue::Absent),
        (specification(None, None, Some("1 / attempt")), DesiredValue::Failed("division by zero".into())),
        (specification(None, None, Some("10 / (2 - attempt)")), unique(&["5", "10"])),
        (
            specification(None, None, Some("true")),
            DesiredValue::Failed("a unique value has to be a text or a number".into()),
        ),
    ];
    for (specification, expected) in cases {
        let mut configuration = with(&[("all", AssignmentRule { account_types: owned(&["door"]), ..rule("true") })]);
        let door = configuration.account_types.get_mut("door").expect("door");
        door.attributes.insert("value".into(), specification.clone());
        let access = desired(&configuration, &person(Vec::new()), march(1));
        let value = access.accounts[0].attributes.iter().find(|attribute| attribute.name == "value");
        assert_eq!(value.map(|attribute| &attribute.value), Some(&expected), "{specification:?}");
        assert_eq!(access.assignments[0].workflow_state, WorkflowState::Calculated);
    }
}

/// Of the context that counts, as values of accounts are; a value that fails says why.
#[test]
fn values_of_another_account() {
    let refer = |attribute: Option<&str>, expression: Option<&str>| Reference {
        account_type: "mail".into(),
        attribute: attribute.map(str::to_owned),
        expression: expression.map(str::to_owned),
    };
    let attributes = [("login".to_owned(), Value::from("ada"))].into();
    let held = ["all".to_owned()].into();
    let seen = Seen { key: "uid=ada", enabled: true, attributes: &attributes, entitlements: &held };
    let early = || context("a", 2, Some(march(2)), Some(march(10)), "Sales");
    let late = || context("b", 1, Some(march(5)), Some(march(20)), "IT");
    for (reference, day, expected) in [
        (refer(Some("key"), None), 3, Ok(Some("uid=ada"))),
        (refer(Some("login"), None), 3, Ok(Some("ada"))),
        (refer(Some("department"), None), 3, Ok(None)),
        (refer(None, Some("account.login + '@' + identity.department.lower()")), 3, Ok(Some("ada@sales"))),
        (refer(None, Some("account.login + '@' + identity.department.lower()")), 6, Ok(Some("ada@it"))),
        (refer(None, Some("account.department")), 6, Ok(None)),
        (refer(None, Some("'all' in account.entitlements ? account.key : 'none'")), 6, Ok(Some("uid=ada"))),
        (refer(None, Some("account.login + 1")), 6, Err("`+` does not go with a text and a number")),
    ] {
        let mut configuration = with(&[("all", AssignmentRule { account_types: owned(&["door"]), ..rule("true") })]);
        let door = configuration.account_types.get_mut("door").expect("door");
        let made = AttributeSpecification { reference: Some(reference.clone()), ..AttributeSpecification::default() };
        door.attributes.insert("owner".into(), made);
        let person = person(vec![early(), late()]);
        let access = desired(&configuration, &person, march(day));
        let owner = access.accounts[0].attributes.iter().find(|attribute| attribute.name == "owner");
        assert_eq!(owner.map(|owner| &owner.value), Some(&DesiredValue::Referred(reference.clone())));
        let model = RoleModel::compile(&configuration).expect("sound");
        match (model.referred("door", "owner", &person, march(day), &seen), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected.map(Value::from), "{reference:?}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
        assert_eq!(model.referred("door", "login", &person, march(day), &seen), Ok(None), "takes nothing from others");
    }
}

#[test]
fn explanations_tell_why_and_why_not() {
    let rules = [
        ("a-far", roles("identity.department == \"IT\" && identity.name == \"Bob\" && has(identity.x)", &["staff"])),
        ("b-near", roles("identity.department == \"IT\" && identity.name == \"Ada\"", &["clerk"])),
        ("c-near", roles("identity.name != \"Ada\" || identity.x == \"y\"", &["staff"])),
        ("d-later", roles("identity.department == \"Later\"", &["staff"])),
        ("e-group", AssignmentRule { entitlements: owned(&["clerks"]), ..rule("identity.department == \"Sales\"") }),
        ("f-denied", AssignmentRule { access_profiles: owned(&["basics"]), ..rule("true") }),
        ("g-denial", AssignmentRule { deny: true, access_profiles: owned(&["basics"]), ..rule("true") }),
    ];
    let configuration = with(&rules);
    let person = person(vec![
        context("now", 0, Some(march(1)), None, "Sales"),
        context("later", 0, Some(march(9)), None, "Later"),
    ]);
    let engine = engine(&configuration, &person);
    let explain = |grantable: Grantable| engine.explain(person.id, &grantable, march(2)).expect("known");

    let front = explain(Grantable::Entitlement("front".into()));
    assert!(!front.held && front.reasons.is_empty() && front.denied_by.is_none());
    let missing: Vec<&str> = front.missing.iter().map(|missing| missing.rule.as_str()).collect();
    assert_eq!(missing, ["d-later", "b-near", "c-near", "a-far"]);
    assert_eq!(front.missing[0].facts[0].value, Some("Later".into()));
    assert_eq!(front.missing[1].facts[0].value, Some("Sales".into()));
    assert_eq!(front.missing[1].path.iter().map(Grantable::name).collect::<Vec<_>>(), ["clerk", "staff", "badge"]);

    let clerks = explain(Grantable::Entitlement("clerks".into()));
    assert!(clerks.held);
    assert_eq!(
        (clerks.reasons[0].rule.as_str(), clerks.period.and_then(|period| period.starts)),
        ("e-group", Some(march(1)))
    );
    assert_eq!(clerks.missing.iter().map(|missing| missing.rule.as_str()).collect::<Vec<_>>(), ["b-near"]);

    for grantable in [Grantable::AccessProfile("basics".into()), Grantable::Entitlement("all".into())] {
        let denied = explain(grantable);
        assert!(!denied.held);
        assert_eq!(denied.denied_by.as_ref().map(|denial| denial.rule.as_str()), Some("g-denial"));
        assert_eq!(denied.reasons[0].rule, "f-denied");
    }
    let unknown = explain(Grantable::Role("no such role".into()));
    assert!(!unknown.held && unknown.missing.is_empty());
    assert_eq!(engine.explain(IdentityId(99), &Grantable::Role("staff".into()), march(2)), None);
}

#[test]
fn days_pass_as_small_changes() {
    let configuration = with(&[("all", AssignmentRule { days_before: 2, ..roles("true", &["staff"]) })]);
    let mut engine = engine(&configuration, &person(vec![context("1", 0, Some(march(10)), Some(march(20)), "x")]));
    let other = Identity { id: IdentityId(8), ..person(vec![context("1", 0, None, None, "y")]) };
    engine.upsert(&other);
    engine.confirm(IdentityId(9), 1);
    assert_eq!((engine.len(), engine.digest(IdentityId(7))), (2, None));
    let first = engine.compute(march(1));
    assert_eq!((first.evaluated, first.changed.clone()), (2, vec![IdentityId(7), IdentityId(8)]));
    for id in first.changed {
        let digest = engine.digest(id).expect("computed");
        engine.confirm(id, digest);
    }
    assert_eq!(meeting(&mut engine, "all", march(1)), [IdentityId(8)]);
    assert_eq!(engine.next_change(march(1)), Some(march(8)));
    assert_eq!(engine.next_change(march(8)), Some(march(10)));
    assert_eq!(engine.next_change(march(20)), None);
    let quiet = engine.compute_some(&[], march(7));
    assert_eq!((quiet.evaluated, quiet.changed), (0, vec![]));
    let opened = engine.compute_some(&[], march(8));
    assert_eq!((opened.evaluated, opened.changed), (1, vec![IdentityId(7)]));
    assert_eq!(meeting(&mut engine, "all", march(8)), [IdentityId(7), IdentityId(8)]);
    // Nobody acted on it: it is told again. Going back takes it back.
    assert_eq!(engine.compute_some(&[IdentityId(8)], march(8)).changed, [IdentityId(7)]);
    assert_eq!(engine.compute_some(&[], march(7)).changed, []);
    engine.remove(IdentityId(7));
    assert_eq!((engine.len(), engine.next_change(march(1))), (1, None));
    let third = Identity { id: IdentityId(9), present: false, ..other };
    engine.upsert(&third);
    assert_eq!(
        engine.compute_some(&[], march(7)).changed,
        [IdentityId(9)],
        "1 was confirmed, which is no digest of it"
    );
}

#[test]
fn correlation_looks_at_all_contexts() {
    let mut configuration = company();
    let key = |identity: &str| CorrelationRule { identity: identity.into(), account: "x".into(), confidence: 100 };
    let door = configuration.account_types.get_mut("door").expect("door");
    door.correlation =
        vec![key("identity.key"), key("identity.nothing"), key("identity.department"), key("identity.name + 1")];
    let ended = context("1", 0, None, Some(march(1)), "Old");
    let current = context("2", 9, Some(march(1)), None, "New");
    let mut engine = engine(&configuration, &person(vec![ended, current]));
    let keys = |engine: &Engine| engine.correlation_keys(IdentityId(7), "door");
    engine.compute(march(5));
    assert_eq!(keys(&engine), [Some("E7".to_owned()), None, Some("New".to_owned()), None]);
    engine.upsert(&Identity { present: false, ..person(Vec::new()) });
    assert_eq!(keys(&engine)[0], Some("E7".to_owned()));
    assert!(engine.correlation_keys(IdentityId(7), "nowhere").is_empty());
    assert!(engine.correlation_keys(IdentityId(99), "door").is_empty());
}

#[test]
fn people_by_value() {
    let configuration = with(&[("sales", roles("identity.department in [\"Sales\", \"IT\"]", &["staff"]))]);
    let mut engine = engine(&configuration, &person(vec![context("1", 0, None, None, "IT")]));
    let having = |engine: &mut Engine, attribute: &str, value: &str| {
        let condition = Expression::parse(&format!("identity.{attribute} == '{value}'")).expect("a condition");
        let people = engine.who_meets(&Condition::new(&condition), (0, 0), march(1))?;
        Some(engine.ids_of(&people))
    };
    assert_eq!(having(&mut engine, "department", "IT"), Some(vec![IdentityId(7)]));
    // The position's own department hides the person's.
    assert_eq!(having(&mut engine, "department", "Sales"), Some(vec![]));
    assert_eq!(having(&mut engine, "department", "Law"), Some(vec![]));
    assert_eq!(having(&mut engine, "shoe_size", "42"), None, "no rule reads it, so nothing is kept of it");
    engine.remove(IdentityId(7));
    assert_eq!(having(&mut engine, "department", "IT"), Some(vec![]));
}

fn meeting(engine: &mut Engine, rule: &str, today: Date) -> Vec<IdentityId> {
    let model = Arc::clone(engine.model());
    let people = engine.who_meets_rule(&model, rule, today).expect("its own rule");
    engine.ids_of(&people)
}
