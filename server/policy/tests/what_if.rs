//! Whom a condition that somebody is still writing would be for, and whom another role model could concern, against the slow
//! reference over random configurations, people, changes and days. `PROPTEST_CASES` runs more of them.
#![allow(clippy::expect_used, reason = "helpers of tests fail the test")]

#[path = "agreement/random.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::access::{DesiredAccess, GrantOrigin, Grantable, WorkflowState};
use model::configuration::{Configuration, Role, RoleState};
use model::identity::{Identity, Period};
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::DirectGrant;
use policy::engine::{Concerned, Engine, Shifts};
use policy::expression::Expression;
use policy::model::{Condition, RoleModel};
use policy::reference::Reference;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

fn day(offset: i32) -> Date {
    random::FIRST_DAY.checked_add(offset.days()).expect("a day near the first one")
}

fn engine(configuration: &Configuration) -> Engine {
    Engine::new(Arc::new(RoleModel::compile(configuration).expect("random configurations are sound")))
}

/// Another configuration that shares some of its parts with the first.
fn edited(configuration: &Configuration, other: &Configuration, taken: &[bool; 5]) -> Configuration {
    let mut edited = configuration.clone();
    let [rules, texts, roles, profiles, kinds] = taken;
    if *rules {
        edited.rules = other.rules.clone();
    } else if *texts {
        for (name, rule) in &other.rules {
            if let Some(own) = edited.rules.get_mut(name) {
                own.when = rule.when.clone();
            }
        }
    }
    if *roles {
        edited.roles = other.roles.clone();
    }
    if *profiles {
        edited.access_profiles = other.access_profiles.clone();
    }
    if *kinds {
        edited.account_types = other.account_types.clone();
    }
    edited
}

/// All that reaches applications and pages, whatever the reasons.
fn without_reasons(
    access: DesiredAccess,
) -> (Vec<(Grantable, WorkflowState, Period)>, Vec<model::access::DesiredAccount>) {
    let held = access.assignments.into_iter().map(|one| (one.grantable, one.workflow_state, one.period));
    (held.collect(), access.accounts)
}

fn held(access: &DesiredAccess) -> BTreeSet<Grantable> {
    let held = access.assignments.iter().filter(|one| one.workflow_state.grants());
    held.map(|one| one.grantable.clone()).collect()
}

fn grant(grantable: Grantable) -> Vec<DirectGrant> {
    let origin = GrantOrigin { request: RequestId(1), by: "ann".into(), why: "because".into() };
    let period = Period { starts: None, ends: None };
    vec![DirectGrant { id: DirectGrantId(0), identity: IdentityId(0), grantable, period, origin }]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn those_who_meet_a_rule_are_those_for_whom_it_holds(
        configuration in random::configuration(),
        people in prop::collection::vec(random::identity(8), 0..8),
        later in prop::collection::vec((random::identity(8), any::<bool>()), 0..6),
        offset in -30_i32..60,
    ) {
        let mut engine = engine(&configuration);
        let model = Arc::clone(engine.model());
        let mut known: BTreeMap<IdentityId, Identity> = BTreeMap::new();
        for person in people {
            engine.upsert(&person);
            known.insert(person.id, person);
        }
        let each: Vec<_> = configuration.rules.keys().map(|rule| (rule, random::only_rule(&configuration, rule))).collect();
        let alone: Vec<_> = each.iter().map(|(rule, alone)| (*rule, Reference::new(alone).expect("sound"))).collect();
        let mut later = later.into_iter();
        // Asked, then again after each change: what was put in order before has to follow.
        loop {
            for (rule, alone) in &alone {
                let told = engine.who_meets_rule(&model, rule, day(offset)).expect("its own rule");
                let expected: Vec<IdentityId> = known
                    .values()
                    .filter(|person| !alone.desired(person, &[], day(offset)).assignments.is_empty())
                    .map(|person| person.id)
                    .collect();
                prop_assert_eq!(told.len(), expected.len());
                prop_assert_eq!(engine.ids_of(&told), expected, "rule {}", rule);
            }
            match later.next() {
                None => break,
                Some((person, true)) => {
                    engine.upsert(&person);
                    known.insert(person.id, person);
                }
                Some((person, false)) => {
                    engine.remove(person.id);
                    known.remove(&person.id);
                }
            }
        }
    }

    #[test]
    fn a_condition_that_no_rule_has_finds_the_same_people_as_a_rule_with_it(
        configuration in random::configuration(),
        other in random::configuration(),
        people in prop::collection::vec(random::identity(8), 0..8),
        offset in -30_i32..60,
    ) {
        let mut engine = engine(&configuration);
        people.iter().for_each(|person| engine.upsert(person));
        for (name, rule) in &other.rules {
            let mut configuration = configuration.clone();
            let condition = Expression::parse(&rule.when).expect("sound").expanded(&configuration).expect("sound");
            configuration.rules.insert(name.clone(), rule.clone());
            let mut with = Engine::new(Arc::new(RoleModel::compile(&configuration).expect("sound")));
            people.iter().for_each(|person| with.upsert(person));
            let own = Arc::clone(with.model());
            let expected = with.who_meets_rule(&own, name, day(offset)).expect("its own rule");
            if let Some(found) = engine.who_meets(&Condition::new(&condition), (rule.days_before, rule.days_after), day(offset)) {
                prop_assert_eq!(engine.ids_of(&found), with.ids_of(&expected), "{}", condition.text());
            }
        }
    }

    #[test]
    fn whoever_is_not_concerned_keeps_what_they_have_and_the_others_get_what_everybody_would(
        (configuration, other, live) in (random::configuration(), random::configuration(), random::configuration()),
        taken in any::<[bool; 5]>(),
        is_live in any::<bool>(),
        people in prop::collection::vec(random::identity(8), 1..8),
        changed in prop::option::of(random::identity(8)),
        given in prop::option::of(random::grantable()),
        offset in -30_i32..60,
    ) {
        let today = day(offset);
        let wanted = edited(&configuration, &other, &taken);
        let Ok(after) = RoleModel::compile(&wanted) else { return Ok(()) };
        let (before, after) = (Arc::new(RoleModel::compile(&configuration).expect("sound")), Arc::new(after));
        let mut engine = engine(if is_live { &configuration } else { &live });
        let mut known: BTreeMap<IdentityId, Identity> = people.into_iter().map(|person| (person.id, person)).collect();
        known.values().for_each(|person| engine.upsert(person));
        let grants: Vec<DirectGrant> = given.map(grant).unwrap_or_default();
        if let Some(first) = known.keys().next() {
            engine.set_grants(*first, grants.clone());
        }
        let first = known.keys().next().copied();
        engine.concerned_by(&before, &after, today);
        if let Some(person) = changed {
            engine.upsert(&person);
            known.insert(person.id, person);
        }
        let old = Reference::new(&configuration).expect("sound");
        let new = Reference::new(&wanted).expect("sound");
        let Concerned::These(concerned) = engine.concerned_by(&before, &after, today) else { return Ok(()) };
        let ids = engine.ids_of(&concerned);
        let part = engine.part(&concerned, Arc::clone(&after));
        for (id, person) in &known {
            let grants = if Some(*id) == first { grants.as_slice() } else { &[] };
            let is_to_have = new.desired(person, grants, today);
            if !ids.contains(id) {
                let has = old.desired(person, grants, today);
                prop_assert_eq!(without_reasons(has), without_reasons(is_to_have), "{:?}", id);
            } else if let Some(part) = &part {
                prop_assert_eq!(part.len(), ids.len());
                prop_assert_eq!(part.desired(*id, today), Some(is_to_have));
            }
        }
    }
}

/// What is told from combinations alone is what both whole answers would say.
#[test]
fn what_shifts_is_what_the_whole_answers_say() {
    let told = std::cell::Cell::new((0, 0));
    let worlds = (
        random::configuration(),
        random::configuration(),
        any::<[bool; 5]>(),
        prop::collection::vec(random::identity(8), 1..8),
        prop::option::of(random::grantable()),
        -30_i32..60,
    );
    let mut runner = TestRunner::new(ProptestConfig { cases: cases(), ..ProptestConfig::default() });
    let outcome = runner.run(&worlds, |(configuration, other, taken, people, given, offset)| {
        let today = day(offset);
        let wanted = edited(&configuration, &other, &taken);
        let Ok(after) = RoleModel::compile(&wanted) else { return Ok(()) };
        let (mut before, mut after) = (engine(&configuration), Engine::new(Arc::new(after)));
        let first = people.first().map(|person| person.id);
        for engine in [&mut before, &mut after] {
            people.iter().for_each(|person| engine.upsert(person));
            if let (Some(first), Some(given)) = (first, &given) {
                engine.set_grants(first, grant(given.clone()));
            }
            engine.compute(today);
        }
        let shifts = Shifts::new(&before, &after, today);
        for person in &people {
            let Some(shift) = shifts.of(person.id) else { continue };
            let (Some(had), Some(has)) = (before.desired(person.id, today), after.desired(person.id, today)) else {
                return Err(TestCaseError::fail("somebody is told of who is not known"));
            };
            let (old, new) = (held(&had), held(&has));
            let gains: BTreeSet<Grantable> = shift.gains.iter().map(|number| shifts.gained(*number).clone()).collect();
            let losses: BTreeSet<Grantable> = shift.losses.iter().map(|number| shifts.lost(*number).clone()).collect();
            prop_assert_eq!(gains, new.difference(&old).cloned().collect::<BTreeSet<_>>());
            prop_assert_eq!(losses, old.difference(&new).cloned().collect::<BTreeSet<_>>());
            for account in &has.accounts {
                let was = had.accounts.iter().find(|was| was.account_type == account.account_type);
                prop_assert!(was.is_none_or(|was| was.attributes == account.attributes), "{:?}", account);
            }
            let (all, changed) = told.get();
            told.set((all + 1, changed + u32::from(old != new)));
        }
        Ok(())
    });
    outcome.expect("shifts agree");
    let (all, changed) = told.get();
    assert!(all > 20 && changed > 5, "{all} people were told of, of whom {changed} shift");
}

/// Somebody to whom something was given directly loses it where it is retired: nothing else about it differs.
#[test]
fn whoever_was_given_what_is_retired_is_concerned() {
    let mut configuration = Configuration::default();
    let cashier: Role = serde_json::from_str(r#"{"display_name": "Cashier"}"#).expect("a role");
    configuration.roles.insert("cashier".to_owned(), cashier);
    let mut wanted = configuration.clone();
    wanted.roles.values_mut().for_each(|role| role.state = RoleState::Retired);
    let mut engine = engine(&configuration);
    let before = Arc::clone(engine.model());
    let after = RoleModel::compile(&wanted).expect("sound");
    let mut runner = TestRunner::deterministic();
    let person = random::identity(1).new_tree(&mut runner).expect("somebody").current();
    engine.upsert(&Identity { contexts: Vec::new(), present: true, ..person.clone() });
    engine.set_grants(person.id, grant(Grantable::Role("cashier".to_owned())));
    let Concerned::These(concerned) = engine.concerned_by(&before, &after, day(0)) else { panic!("it can be told") };
    assert_eq!(engine.ids_of(&concerned), [person.id]);
    // What was given directly is not foreseen.
    let foreseen = engine.foresee((&before, &after), &concerned, |_| false, day(0));
    assert_eq!((foreseen.people.len(), engine.ids_of(&foreseen.others)), (0, vec![person.id]));
}

/// What is foreseen from the rules that hold now is what both whole answers would say.
#[test]
fn what_is_foreseen_is_what_the_whole_answers_say() {
    let told = std::cell::Cell::new((0, 0));
    let worlds = (
        random::configuration(),
        random::configuration(),
        any::<[bool; 5]>(),
        prop::collection::vec(random::identity(8), 1..8),
        prop::option::of(random::identity(8)),
        prop::option::of(random::grantable()),
        prop::option::of(random::grantable()),
        (-30_i32..60, any::<bool>()),
    );
    let mut runner = TestRunner::new(ProptestConfig { cases: cases(), ..ProptestConfig::default() });
    let outcome =
        runner.run(&worlds, |(configuration, other, taken, people, later, given, kept, (offset, is_computed))| {
            let today = day(offset);
            let wanted = edited(&configuration, &other, &taken);
            let Ok(after) = RoleModel::compile(&wanted) else { return Ok(()) };
            let mut engine = engine(&configuration);
            let before = Arc::clone(engine.model());
            let mut known: BTreeMap<IdentityId, Identity> =
                people.into_iter().map(|person| (person.id, person)).collect();
            known.values().for_each(|person| engine.upsert(person));
            let first = known.keys().next().copied();
            let grants: Vec<DirectGrant> = given.map(grant).unwrap_or_default();
            first.iter().for_each(|first| engine.set_grants(*first, grants.clone()));
            if is_computed {
                engine.compute(day(offset - 3));
            }
            // Somebody changes who was computed already.
            if let Some(person) = later {
                engine.upsert(&person);
                known.insert(person.id, person);
            }
            let Concerned::These(concerned) = engine.concerned_by(&before, &after, today) else { return Ok(()) };
            let foreseen = engine.foresee((&before, &after), &concerned, |thing| Some(thing) == kept.as_ref(), today);
            let others = engine.ids_of(&foreseen.others);
            let old = Reference::new(&configuration).expect("sound");
            let new = Reference::new(&wanted).expect("sound");
            let (mut gained, mut lost): (BTreeMap<Grantable, u64>, BTreeMap<Grantable, u64>) = Default::default();
            let mut sizes = Vec::new();
            for (id, person) in known.iter().filter(|(id, _)| !others.contains(id)) {
                let grants = if Some(*id) == first { grants.as_slice() } else { &[] };
                let (had, has) = (old.desired(person, grants, today), new.desired(person, grants, today));
                let (before, after) = (held(&had), held(&has));
                let gains: Vec<Grantable> = after.difference(&before).cloned().collect();
                let losses: Vec<Grantable> = before.difference(&after).cloned().collect();
                prop_assert!(!losses.iter().any(|thing| Some(thing) == kept.as_ref()), "{:?} would keep it", id);
                for account in &has.accounts {
                    let was = had.accounts.iter().find(|was| was.account_type == account.account_type);
                    prop_assert!(was.is_none_or(|was| was.attributes == account.attributes), "{:?}", account);
                }
                let size = u32::try_from(gains.len() + losses.len()).expect("few things");
                gains.iter().for_each(|thing| *gained.entry(thing.clone()).or_default() += 1);
                losses.iter().for_each(|thing| *lost.entry(thing.clone()).or_default() += 1);
                if size > 0 {
                    sizes.push((*id, size));
                    prop_assert_eq!(foreseen.shift(&engine, *id), (gains, losses), "{:?}", id);
                }
                let (all, changed) = told.get();
                told.set((all + 1, changed + u32::from(size > 0)));
            }
            prop_assert_eq!(&foreseen.people, &sizes);
            prop_assert_eq!(foreseen.gains.into_iter().collect::<BTreeMap<_, _>>(), gained);
            prop_assert_eq!(foreseen.losses.into_iter().collect::<BTreeMap<_, _>>(), lost);
            Ok(())
        });
    outcome.expect("what is foreseen agrees");
    let (all, changed) = told.get();
    assert!(all > 20 && changed > 5, "{all} people were foreseen, of whom {changed} shift");
}

/// Random cases for each property; CI runs as many, longer campaigns say how many.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100)
}
