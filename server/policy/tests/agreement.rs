//! The engine against the reference, over random configurations, populations, changes and days.
//! `PROPTEST_CASES` runs more of them.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "agreement/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::access::{DesiredAccess, GrantOrigin, Grantable};
use model::identity::{Identity, Period};
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::lifecycle::Remembered;
use model::request::DirectGrant;
use policy::engine::Engine;
use policy::model::RoleModel;
use policy::reference::Reference;
use proptest::prelude::*;

/// What happens between two looks at everything.
#[derive(Clone, Debug)]
enum Step {
    Upsert(Identity),
    Remove(IdentityId),
    Grant(IdentityId, Vec<DirectGrant>),
    /// A state was recorded, with its first day as so many days from the first.
    Remember(IdentityId, Option<(&'static str, i32)>),
    /// Computes some, on a day this many days from the first.
    ComputeSome(Vec<IdentityId>, i32),
    Compute(i32),
    ConfirmAll,
}

fn step() -> impl Strategy<Value = Step> {
    let id = || (0_i64..6).prop_map(IdentityId);
    prop_oneof![
        4 => random::identity(6).prop_map(Step::Upsert),
        1 => id().prop_map(Step::Remove),
        3 => (id(), grants()).prop_map(|(id, grants)| Step::Grant(id, grants)),
        3 => (id(), prop::option::weighted(0.8, (prop::sample::select(random::STATES.to_vec()), -20_i32..60)))
            .prop_map(|(id, remembered)| Step::Remember(id, remembered)),
        4 => (prop::collection::vec(id(), 0..3), -20_i32..60).prop_map(|(ids, day)| Step::ComputeSome(ids, day)),
        1 => (-20_i32..60).prop_map(Step::Compute),
        2 => Just(Step::ConfirmAll),
    ]
}

/// Of things that most random configurations know.
fn grants() -> impl Strategy<Value = Vec<DirectGrant>> {
    let bound = || prop::option::of(-20_i32..60);
    let grant = (1_i64..4, random::grantable(), bound(), bound()).prop_map(|(request, grantable, starts, ends)| {
        let period = Period { starts: starts.map(day), ends: ends.map(day) };
        let origin = GrantOrigin { request: RequestId(request), by: "ann".into(), why: "because".into() };
        DirectGrant { id: DirectGrantId(0), identity: IdentityId(0), grantable, period, origin }
    });
    // A request gives a thing once.
    prop::collection::vec(grant, 0..4).prop_map(|mut grants: Vec<DirectGrant>| {
        let key = |grant: &DirectGrant| (grant.origin.request, grant.grantable.clone());
        grants.sort_by_key(key);
        grants.dedup_by_key(|grant| key(grant));
        grants
    })
}

fn day(offset: i32) -> Date {
    random::FIRST_DAY.checked_add(offset.days()).expect("a day near the first one")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn engine_and_reference_agree(
        configuration in random::configuration(),
        people in prop::collection::vec(random::identity(6), 0..6),
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let model = Arc::new(RoleModel::compile(&configuration).expect("random configurations are sound"));
        let reference = Reference::new(&configuration).expect("random configurations are sound");
        let each: Vec<_> = configuration.rules.keys().map(|rule| (rule, random::only_rule(&configuration, rule))).collect();
        let alone: Vec<_> = each.iter().map(|(rule, alone)| (*rule, Reference::new(alone).expect("sound"))).collect();
        let mut engine = Engine::new(Arc::clone(&model));
        let mut known: BTreeMap<IdentityId, Identity> = BTreeMap::new();
        let mut granted: BTreeMap<IdentityId, Vec<DirectGrant>> = BTreeMap::new();
        let mut recorded: BTreeMap<IdentityId, Remembered> = BTreeMap::new();
        // The answer behind each confirmed digest: while a digest stays, so must the answer, and the other way round.
        let mut confirmed: BTreeMap<IdentityId, (i64, DesiredAccess)> = BTreeMap::new();
        for person in people {
            engine.upsert(&person);
            known.insert(person.id, person);
        }
        for step in [Step::Compute(0)].into_iter().chain(steps) {
            let (computed, today) = match step {
                Step::Upsert(person) => {
                    engine.upsert(&person);
                    prop_assert_eq!(engine.digest(person.id), None);
                    known.insert(person.id, person);
                    continue;
                }
                Step::Grant(id, grants) => {
                    engine.set_grants(id, grants.clone());
                    prop_assert_eq!(engine.digest(id), None);
                    granted.insert(id, grants);
                    continue;
                }
                Step::Remember(id, state) => {
                    let state = state.map(|(state, since)| Remembered { state: state.to_owned(), since: day(since) });
                    engine.set_remembered(id, state.clone());
                    recorded.remove(&id);
                    recorded.extend(state.map(|state| (id, state)));
                    continue;
                }
                Step::Remove(id) => {
                    recorded.remove(&id);
                    engine.remove(id);
                    granted.remove(&id);
                    known.remove(&id);
                    confirmed.remove(&id);
                    prop_assert_eq!(engine.desired(id, day(0)), None);
                    continue;
                }
                Step::ConfirmAll => {
                    for (id, (digest, _)) in &confirmed {
                        engine.confirm(*id, *digest);
                    }
                    continue;
                }
                Step::ComputeSome(ids, offset) => (engine.compute_some(&ids, day(offset)), day(offset)),
                Step::Compute(offset) => (engine.compute(day(offset)), day(offset)),
            };
            prop_assert_eq!(engine.len(), known.len());
            let mut changed = Vec::new();
            for (id, person) in &known {
                let grants = granted.get(id).map_or(&[][..], Vec::as_slice);
                let remembered = recorded.get(id);
                let expected = reference.desired_remembering(person, grants, remembered, today);
                let desired = engine.desired(*id, today);
                prop_assert_eq!(desired.as_ref(), Some(&expected));
                prop_assert_eq!(engine.desired_with(*id, &[], today), Some(reference.desired_remembering(person, &[], remembered, today)));
                let digest = engine.digest(*id).expect("everybody was evaluated");
                if let Some((before, answer)) = confirmed.get(id) {
                    prop_assert_eq!(*before == digest, *answer == expected, "digest and answer of {:?}", id);
                }
                if confirmed.get(id).map(|(before, _)| *before) != Some(digest) {
                    changed.push(*id);
                }
                // Another engine, which never saw the past, computes the same digest.
                let mut fresh = Engine::new(Arc::clone(&model));
                fresh.upsert(person);
                fresh.set_grants(*id, grants.to_vec());
                fresh.set_remembered(*id, remembered.cloned());
                fresh.confirm(*id, digest);
                prop_assert_eq!(fresh.compute(today).changed, Vec::<IdentityId>::new());
            }
            prop_assert_eq!(&computed.changed, &changed);
            for id in &changed {
                let digest = engine.digest(*id).expect("everybody was evaluated");
                engine.confirm(*id, digest);
                confirmed.insert(*id, (digest, engine.desired(*id, today).expect("is known")));
            }
            for (rule, alone) in &alone {
                let told = engine.who_meets_rule(&model, rule, today).expect("its own rule");
                let told: Vec<IdentityId> = engine.ids_of(&told);
                let count = engine.affected_by_each_rule().get(*rule).copied().unwrap_or_default();
                prop_assert_eq!(count, told.len() as u64);
                for (id, person) in &known {
                    let holds = !alone.desired(person, &[], today).assignments.is_empty();
                    prop_assert_eq!(told.contains(id), holds, "rule {} and {:?}", rule, id);
                }
            }
        }
    }

    /// Nobody is left out of those whom a new day concerns, whether they were evaluated before or not.
    #[test]
    fn whose_answer_is_another_is_concerned(
        configuration in random::configuration(),
        people in prop::collection::vec(random::identity(6), 1..6),
        grants in grants(),
        (first, days) in (-30_i32..60, 1_i32..20),
        is_computed in any::<bool>(),
    ) {
        let mut engine = Engine::new(Arc::new(RoleModel::compile(&configuration).expect("sound")));
        let reference = Reference::new(&configuration).expect("sound");
        let known: BTreeMap<IdentityId, Identity> = people.into_iter().map(|person| (person.id, person)).collect();
        for (id, person) in &known {
            engine.upsert(person);
            engine.set_grants(*id, grants.clone());
        }
        if is_computed {
            engine.compute(day(first));
        }
        let (before, after) = (day(first), day(first + days));
        let concerned = engine.concerned(before, after);
        let next = engine.next_change(before);
        for (id, person) in &known {
            let answers = |today: Date| reference.desired(person, &grants, today);
            // Since when a state is seen to hold is another question, with what is remembered.
            let without_state = |access: DesiredAccess| (access.assignments, access.denied, access.accounts);
            if without_state(answers(before)) != without_state(answers(after)) {
                prop_assert!(concerned.contains(id), "{:?} between {before} and {after}", id);
                prop_assert!(next.is_some_and(|next| next <= after), "{next:?} for {:?}", id);
            }
        }
    }

    #[test]
    fn an_explanation_says_what_is_desired(
        configuration in random::configuration(),
        person in random::identity(1),
        grants in grants(),
        offset in -20_i32..60,
    ) {
        let model = Arc::new(RoleModel::compile(&configuration).expect("random configurations are sound"));
        let mut engine = Engine::new(model);
        engine.upsert(&person);
        engine.set_grants(person.id, grants);
        let access = engine.desired(person.id, day(offset)).expect("is known");
        for grantable in random::grantables(&configuration) {
            let explanation = engine.explain(person.id, &grantable, day(offset)).expect("is known");
            let assignment = access.assignments.iter().find(|assignment| assignment.grantable == grantable);
            let held = assignment.is_some_and(|assignment| assignment.workflow_state.grants());
            prop_assert_eq!(explanation.held, held);
            prop_assert_eq!(explanation.period, assignment.map(|assignment| assignment.period));
            if let Some(assignment) = assignment {
                prop_assert_eq!(&explanation.reasons, &assignment.reasons);
            }
            if let Some(denied) = access.denied.iter().find(|denied| denied.grantable == grantable) {
                prop_assert_eq!(explanation.denied_by.as_ref(), Some(&denied.denied_by));
            }
            let terms = |thing: &Grantable| configuration.terms(thing).and_then(|terms| terms.dormancy(day(offset)));
            prop_assert!(explanation.dormant.iter().all(|one| terms(&one.grantable) == Some(one.why)));
            if terms(&grantable).is_some() {
                prop_assert!(!held && explanation.dormant.iter().any(|one| one.grantable == grantable));
            }
            for near in &explanation.missing {
                prop_assert!(!configuration.rules[&near.rule].deny);
                prop_assert!(explanation.reasons.iter().all(|reason| reason.rule != near.rule));
            }
        }
    }
}

/// At least 256, more by `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256)
}
