//! Drafts, retired roles, and roles with a first and a last day: who has what on which day, until when, and why not.
#![allow(clippy::expect_used, reason = "helpers of tests fail the test")]

#[path = "support/company.rs"]
mod company;

use std::sync::Arc;

use company::{company, context, march, person, roles, with};
use jiff::civil::Date;
use model::access::{Dormancy, Dormant, GrantOrigin, Grantable};
use model::configuration::{Configuration, RoleState};
use model::identity::{Identity, Period};
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::DirectGrant;
use policy::engine::Engine;
use policy::model::RoleModel;

const ADA: IdentityId = IdentityId(7);

fn engine(configuration: &Configuration, person: &Identity) -> Engine {
    let mut engine = Engine::new(Arc::new(RoleModel::compile(configuration).expect("sound")));
    engine.upsert(person);
    engine
}

/// What of the roles and profiles is held on a day, and until when.
fn held(engine: &Engine, day: Date) -> Vec<(String, Option<Date>)> {
    let access = engine.desired(ADA, day).expect("known");
    let bundles = access
        .assignments
        .iter()
        .filter(|held| matches!(held.grantable, Grantable::Role(_) | Grantable::AccessProfile(_)));
    bundles.map(|held| (held.grantable.name().to_owned(), held.period.ends)).collect()
}

fn named(names: &[(&str, Option<Date>)]) -> Vec<(String, Option<Date>)> {
    names.iter().map(|(name, ends)| ((*name).to_owned(), *ends)).collect()
}

#[test]
fn drafts_and_retired_ones_give_nothing_and_say_so() {
    for (state, why) in [(RoleState::Draft, Dormancy::Draft), (RoleState::Retired, Dormancy::Retired)] {
        let mut configuration = with(&[("all", roles("true", &["clerk"]))]);
        configuration.roles.get_mut("staff").expect("staff").state = state;
        let engine = engine(&configuration, &person(Vec::new()));
        assert_eq!(held(&engine, march(1)), named(&[("clerk", None), ("desk", None)]));
        let staff = Grantable::Role("staff".into());
        let expected = vec![Dormant { grantable: staff.clone(), why }];
        for thing in [staff, Grantable::AccessProfile("badge".into()), Grantable::Entitlement("front".into())] {
            let explained = engine.explain(ADA, &thing, march(1)).expect("known");
            assert_eq!((explained.held, explained.dormant, explained.missing.len()), (false, expected.clone(), 0));
        }
        let desk = engine.explain(ADA, &Grantable::AccessProfile("desk".into()), march(1)).expect("known");
        assert_eq!((desk.held, desk.dormant), (true, Vec::new()));
    }
}

#[test]
fn what_was_given_directly_ends_with_the_role_and_counts_again_with_it() {
    let grant = DirectGrant {
        id: DirectGrantId(1),
        identity: ADA,
        grantable: Grantable::Role("clerk".into()),
        period: Period::default(),
        origin: GrantOrigin { request: RequestId(3), by: "bo".into(), why: "covers".into() },
    };
    let mut configuration = company();
    configuration.roles.get_mut("clerk").expect("clerk").valid_until = Some(march(9));
    let mut engine = engine(&configuration, &person(Vec::new()));
    engine.set_grants(ADA, vec![grant]);
    engine.compute(march(9));
    let tenth = Some(march(10));
    let expected = [("clerk", tenth), ("staff", tenth), ("badge", tenth), ("basics", tenth), ("desk", tenth)];
    assert_eq!(held(&engine, march(9)), named(&expected));
    assert_eq!(engine.entitlements(ADA).len(), 3);
    assert_eq!(held(&engine, march(10)), []);
    let computed = engine.compute_some(&[], march(10));
    assert_eq!(computed.changed, [ADA]);
    assert!(engine.entitlements(ADA).is_empty());
    let explained = engine.explain(ADA, &Grantable::AccessProfile("desk".into()), march(10)).expect("known");
    let clerk = Dormant { grantable: Grantable::Role("clerk".into()), why: Dormancy::NotAfter(march(9)) };
    assert_eq!(explained.dormant, [clerk]);
    engine.compute_only(&[ADA], march(9));
    assert_eq!(engine.entitlements(ADA).len(), 3);
}

#[test]
fn a_role_begins_and_ends_for_everybody_who_has_it_and_for_nobody_else() {
    let mut configuration = with(&[
        ("sales", roles("identity.department == \"Sales\"", &["clerk"])),
        ("it", roles("identity.department == \"IT\"", &["staff"])),
    ]);
    let clerk = configuration.roles.get_mut("clerk").expect("clerk");
    (clerk.valid_from, clerk.valid_until) = (Some(march(5)), Some(march(20)));
    let mut engine = engine(&configuration, &person(vec![context("job", 0, Some(march(3)), Some(march(16)), "Sales")]));
    let other =
        Identity { id: IdentityId(8), key: "E8".into(), ..person(vec![context("job", 0, Some(march(1)), None, "IT")]) };
    engine.upsert(&other);
    assert_eq!(engine.next_change(march(3)), Some(march(5)));
    engine.compute(march(4));
    assert_eq!(engine.next_change(march(4)), Some(march(5)));
    assert_eq!(engine.concerned(march(4), march(5)), [ADA]);
    // Nobody has the clerk any more when it ends.
    assert_eq!(engine.next_change(march(16)), None);
    assert_eq!(engine.concerned(march(20), march(21)), []);
    assert_eq!(engine.compute_some(&[], march(5)).changed, [ADA, IdentityId(8)], "nobody was confirmed");
    let sixteenth = Some(march(16));
    let expected =
        [("clerk", sixteenth), ("staff", sixteenth), ("badge", sixteenth), ("basics", sixteenth), ("desk", sixteenth)];
    assert_eq!(held(&engine, march(5)), named(&expected), "the context ends first");
    let access = engine.desired(ADA, march(5)).expect("known");
    assert!(access.assignments.iter().all(|held| held.period.starts == Some(march(5))), "{access:?}");
}
