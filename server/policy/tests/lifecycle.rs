//! Lifecycle states: since when, what a new day brings and to whom, and what is said about it.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

#[path = "support/company.rs"]
mod company;

use std::sync::Arc;

use jiff::civil::{Date, date};
use model::access::Grantable;
use model::configuration::{AccountAction, AccountStep, Configuration, LifecycleStateDefinition, StateAccess};
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::lifecycle::{Boundary, Remembered, Turn};
use model::value::Value;
use policy::engine::Engine;
use policy::model::RoleModel;

const LEFT: Date = date(2026, 11, 1);

fn step(after_days: u16, action: AccountAction) -> AccountStep {
    AccountStep { after_days, action, applications: Vec::new(), account_types: Vec::new() }
}

fn configuration() -> Configuration {
    let everybody = company::roles("true", &["staff"]);
    let mut configuration = company::with(&[("everybody", everybody)]);
    let leaver = LifecycleStateDefinition {
        accounts: vec![step(0, AccountAction::Disable), step(7, AccountAction::Strip), step(90, AccountAction::Delete)],
        legal_hold: Some("identity.case == \"open\"".into()),
        ..LifecycleStateDefinition::default()
    };
    let own = |when: &str| LifecycleStateDefinition {
        when: Some(when.into()),
        access: StateAccess::None,
        accounts: vec![step(3, AccountAction::Disable)],
        ..LifecycleStateDefinition::default()
    };
    configuration.lifecycle_states.insert("leaver".into(), leaver);
    configuration.lifecycle_states.insert("leave".into(), own("identity.absence == \"parental\""));
    configuration.lifecycle_states.insert("suspended".into(), own("identity.suspended == \"yes\""));
    configuration
}

fn person(id: i64, attributes: &[(&str, &str)], contexts: Vec<Context>) -> Identity {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    Identity {
        id: IdentityId(id),
        source: "staff".into(),
        key: format!("E{id}"),
        display_name: format!("Person {id}"),
        attributes,
        contexts,
        manager_key: None,
        present: true,
    }
}

fn context(key: &str, starts: Date, ends: Option<Date>, absence: Option<&str>) -> Context {
    let attributes = absence.map(|absence| ("absence".to_owned(), Value::from(absence)));
    let period = Period { starts: Some(starts), ends };
    Context { key: key.into(), priority: 0, period, attributes: attributes.into_iter().collect(), filled: Vec::new() }
}

fn works(id: i64, ends: Option<Date>) -> Identity {
    person(id, &[], vec![context("a", date(2020, 1, 1), ends, None)])
}

fn engine(people: &[Identity]) -> Engine {
    let mut engine = Engine::new(Arc::new(RoleModel::compile(&configuration()).unwrap()));
    people.iter().for_each(|person| engine.upsert(person));
    engine
}

fn confirmed(engine: &mut Engine, changed: &[IdentityId]) {
    for id in changed {
        engine.confirm(*id, engine.digest(*id).unwrap());
    }
}

#[test]
fn a_new_day_concerns_exactly_those_for_whom_something_goes_on() {
    let people: Vec<Identity> = (1..=5)
        .map(|id| works(id, (id < 3).then_some(LEFT)))
        .chain([works(6, Some(date(2026, 11, 8))), works(7, Some(date(2026, 11, 20)))])
        .collect();
    let mut engine = engine(&people);
    let first = engine.compute(LEFT);
    confirmed(&mut engine, &first.changed);
    for day in 2..=7 {
        let computed = engine.compute_some(&[], date(2026, 11, day));
        assert_eq!((computed.evaluated, computed.changed.len()), (0, 0), "day {day}");
    }
    assert_eq!(engine.next_change(date(2026, 11, 7)), Some(date(2026, 11, 8)));
    // Day 7 of two leavers, and the first of another.
    let expected: Vec<IdentityId> = [1, 2, 6].map(IdentityId).into();
    assert_eq!(engine.concerned(date(2026, 11, 7), date(2026, 11, 8)), expected);
    let computed = engine.compute_some(&[], date(2026, 11, 8));
    assert_eq!((computed.evaluated, &computed.changed), (3, &expected));
    assert_eq!(engine.next_change(date(2027, 1, 29)), Some(date(2027, 1, 30)));
    // A process that has computed nothing yet knows the same.
    let fresh = self::engine(&people);
    assert_eq!(fresh.concerned(date(2026, 11, 7), date(2026, 11, 8)), expected);
    assert_eq!(fresh.concerned(date(2026, 11, 8), date(2026, 11, 14)), []);
    assert_eq!(fresh.next_change(date(2027, 1, 29)), Some(date(2027, 1, 30)));
}

#[test]
fn an_explanation_says_what_is_and_what_comes() {
    let mut engine = engine(&[works(1, Some(LEFT))]);
    engine.compute(LEFT);
    let mail = Grantable::AccountType("mail".into());
    let said = |engine: &Engine, day| {
        let word = engine.explain(IdentityId(1), &mail, day).unwrap().lifecycle.unwrap();
        word.stage.unwrap().said(&word.standing)
    };
    assert_eq!(
        said(&engine, LEFT),
        "Disabled because Leaver since 2026-11-01; stripped on 2026-11-08; deleted on 2027-01-30"
    );
    assert_eq!(
        said(&engine, date(2026, 11, 20)),
        "Disabled and stripped because Leaver since 2026-11-01; deleted on 2027-01-30"
    );
    let life = engine.life(IdentityId(1), date(2026, 11, 2)).unwrap();
    let kinds = || vec!["door".to_owned(), "mail".to_owned()];
    let on = |on, action| Boundary { on, what: Turn::Accounts(action, kinds()) };
    assert_eq!(life.next, [on(date(2026, 11, 8), AccountAction::Strip), on(date(2027, 1, 30), AccountAction::Delete)]);
}

#[test]
fn leave_begins_and_ends_with_its_positions() {
    let at_work = |key, starts, ends| context(key, starts, ends, None);
    let away = |key, starts, ends| context(key, starts, Some(ends), Some("parental"));
    let person = person(
        1,
        &[],
        vec![
            at_work("a", date(2020, 1, 1), Some(date(2026, 10, 5))),
            away("b", date(2026, 10, 5), date(2026, 12, 1)),
            // Goes on without a gap in another position.
            away("c", date(2026, 12, 1), date(2027, 2, 1)),
            at_work("d", date(2027, 2, 1), None),
        ],
    );
    let engine = engine(&[person]);
    let state = |day| {
        let life = engine.life(IdentityId(1), day).unwrap();
        (life.standing.state, life.standing.since, life.standing.first_seen)
    };
    assert_eq!(state(date(2026, 10, 4)), ("active".into(), Some(date(2020, 1, 1)), false));
    for day in [date(2026, 10, 5), date(2026, 12, 20)] {
        assert_eq!(state(day), ("leave".into(), Some(date(2026, 10, 5)), false));
    }
    assert_eq!(state(date(2027, 2, 1)).0, "active");
    let next = engine.life(IdentityId(1), date(2026, 10, 6)).unwrap().next;
    let days: Vec<Date> = next.iter().map(|boundary| boundary.on).collect();
    assert_eq!(days, [date(2026, 10, 8), date(2027, 2, 1)]);
    let access = engine.desired(IdentityId(1), date(2026, 10, 6)).unwrap();
    assert_eq!((access.assignments.len(), access.accounts.len()), (0, 0));
    assert!(access.lifecycle.unwrap().withholds(&Grantable::Role("staff".into())));
    let why = engine.explain(IdentityId(1), &Grantable::Role("staff".into()), date(2026, 10, 6)).unwrap();
    assert!(!why.held && why.lifecycle.unwrap().withheld);
}

#[test]
fn a_state_without_a_period_began_when_it_was_first_seen() {
    let id = IdentityId(1);
    let suspended = person(1, &[("suspended", "yes")], vec![context("a", date(2020, 1, 1), None, None)]);
    let mut engine = engine(&[suspended]);
    let since = |engine: &Engine, day| {
        let standing = engine.desired(id, day).unwrap().lifecycle.unwrap().standing;
        (standing.since.unwrap(), standing.first_seen)
    };
    let seen = date(2026, 11, 3);
    let computed = engine.compute(seen);
    assert_eq!(since(&engine, seen), (seen, true), "and not since 2020");
    confirmed(&mut engine, &computed.changed);
    engine.remember(id, Some(Remembered { state: "suspended".into(), since: seen }), seen);
    // Remembered: the answer is the same, and stays so until the step is due.
    assert_eq!(engine.compute_some(&[], date(2026, 11, 5)).evaluated, 0);
    assert_eq!(since(&engine, date(2026, 11, 5)), (seen, true));
    let computed = engine.compute_some(&[], date(2026, 11, 6));
    assert_eq!((computed.evaluated, computed.changed), (1, vec![id]));
}

#[test]
fn states_of_equal_priority_are_told_to_be_in_conflict() {
    let both = person(1, &[("suspended", "yes")], vec![context("a", date(2020, 1, 1), None, Some("parental"))]);
    let engine = engine(&[both]);
    let standing = engine.life(IdentityId(1), LEFT).unwrap().standing;
    assert_eq!((standing.state.as_str(), standing.conflicts), ("leave", vec!["suspended".to_owned()]));
}

#[test]
fn a_legal_hold_is_found_in_what_is_over_as_well() {
    let mut context = context("a", date(2020, 1, 1), Some(LEFT), None);
    context.attributes.insert("case".into(), Value::from("open"));
    let engine = engine(&[person(1, &[], vec![context])]);
    let hold = |day| engine.desired(IdentityId(1), day).unwrap().lifecycle.and_then(|life| life.standing.legal_hold);
    assert_eq!(hold(date(2026, 10, 1)), None, "only while they are leavers");
    assert_eq!(hold(date(2027, 6, 1)).unwrap().state.as_deref(), Some("leaver"));
}

#[test]
fn what_is_wrong_with_a_state_is_said() {
    let mut configuration = configuration();
    let states = &mut configuration.lifecycle_states;
    states.get_mut("leaver").unwrap().when = Some("true".into());
    states.get_mut("leave").unwrap().when = None;
    let suspended = states.get_mut("suspended").unwrap();
    suspended.only = Some(Default::default());
    suspended.accounts.push(AccountStep { applications: vec!["mial".into()], ..step(1, AccountAction::Keep) });
    let active = LifecycleStateDefinition { accounts: vec![step(0, AccountAction::Strip)], ..Default::default() };
    states.insert("active".into(), active);
    let errors = RoleModel::compile(&configuration).unwrap_err();
    let mut found: Vec<String> = errors.iter().map(|error| format!("{} {}", error.object, error.field)).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "lifecycle state `active` accounts",
            "lifecycle state `leave` when",
            "lifecycle state `leaver` when",
            "lifecycle state `suspended` access",
            "lifecycle state `suspended` accounts[1].applications",
            "lifecycle state `suspended` only",
        ]
    );
}
