//! A whole generated organisation: the same on any number of threads and in every order of events, and compared with what
//! its applications hold.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;

use generator::World;
use jiff::civil::Date;
use model::access::{GrantOrigin, Grantable};
use model::identity::Period;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::DirectGrant;
use policy::engine::{Computed, Difference, Engine, Holdings};
use policy::model::RoleModel;
use policy::reference::Reference;

const DAY: Date = Date::constant(2026, 3, 2);
const PEOPLE: u64 = 6_500;

fn id(number: u64) -> IdentityId {
    IdentityId(i64::try_from(number).unwrap())
}

fn grant(world: &World, number: u64) -> DirectGrant {
    let grant = world.grant(number);
    DirectGrant {
        id: DirectGrantId(0),
        identity: id(number),
        grantable: Grantable::Entitlement(generator::entitlement(grant.entitlement)),
        period: Period { starts: None, ends: grant.until.and_then(|day| day.tomorrow().ok()) },
        origin: GrantOrigin { request: RequestId(id(number).0), by: "ann".into(), why: "because".into() },
    }
}

fn loaded(world: &World, model: &Arc<RoleModel>, threads: usize) -> Engine {
    let mut engine = Engine::new(Arc::clone(model)).with_threads(threads);
    for number in 0..world.people_after(0) {
        engine.upsert(&world.person(number, 0).identity(id(number)));
        if number.is_multiple_of(3) {
            engine.set_grants(id(number), vec![grant(world, number)]);
        }
    }
    engine
}

fn digests(world: &World, engine: &Engine) -> Vec<Option<i64>> {
    (0..world.people_after(1)).map(|number| engine.digest(id(number))).collect()
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let world = World::new(PEOPLE, 3, DAY);
    let model = Arc::new(RoleModel::compile(&world.configuration()).unwrap());
    let mut engines: Vec<Engine> = [1, 2, 3].map(|threads| loaded(&world, &model, threads)).into();
    let first: Vec<Computed> = engines.iter_mut().map(|engine| engine.compute(DAY)).collect();
    assert_eq!(first[0].changed.len(), 6_500);
    assert!(first.iter().all(|computed| *computed == first[0]));
    let tomorrow = world.day_after(1);
    for engine in &mut engines {
        for id in &first[0].changed {
            engine.confirm(*id, engine.digest(*id).unwrap());
        }
        assert_eq!(engine.compute(DAY).changed, []);
        for number in 0..world.people_after(1) {
            engine.upsert(&world.person(number, 1).identity(id(number)));
        }
    }
    // One evaluates everybody, one those who changed and those for whom a day brings something.
    let all = engines[1].compute(tomorrow);
    let some = engines[0].compute_some(&[], tomorrow);
    assert!((50..500).contains(&all.changed.len()), "{}", all.changed.len());
    assert_eq!(all.changed, some.changed);
    assert_eq!(digests(&world, &engines[0]), digests(&world, &engines[1]));
    // A new engine, which never saw the day before, comes to the same.
    let mut fresh = Engine::new(Arc::clone(&model)).with_threads(2);
    for number in 0..world.people_after(1) {
        fresh.upsert(&world.person(number, 1).identity(id(number)));
        fresh.set_grants(id(number), engines[0].grants(id(number)).to_vec());
    }
    fresh.compute(tomorrow);
    assert_eq!(digests(&world, &fresh), digests(&world, &engines[0]));
}

#[test]
fn what_is_held_is_compared_with_what_should_be() {
    let world = World::new(PEOPLE, 3, DAY);
    let configuration = world.configuration();
    let model = Arc::new(RoleModel::compile(&configuration).unwrap());
    let reference = Reference::new(&configuration).unwrap();
    for threads in [1, 2] {
        let mut engine = loaded(&world, &model, threads);
        engine.compute(DAY);
        let (mut held, mut expected) = (Holdings::default(), Vec::new());
        for number in 0..PEOPLE {
            let person = world.person(number, 0);
            let of = |entitlements: Vec<u32>| -> Vec<u32> {
                let names = entitlements.into_iter().map(generator::entitlement);
                names.map(|name| engine.entitlement(&name).unwrap()).collect()
            };
            let has = of(world.found(&person, DAY));
            let mut wanted = of(world.entitled(&person, DAY));
            if number < 300 {
                // By the book, with what was given directly.
                let desired = reference.desired(&person.identity(id(number)), engine.grants(id(number)), DAY);
                let entitlements = desired.assignments.iter().filter_map(|assignment| match &assignment.grantable {
                    Grantable::Entitlement(name) => engine.entitlement(name),
                    _ => None,
                });
                wanted = entitlements.collect();
                wanted.sort_unstable();
            } else if number.is_multiple_of(3) && person.starts <= DAY && person.ends.is_none_or(|ends| ends >= DAY) {
                let grant = world.grant(number);
                if grant.until.is_none_or(|until| until >= DAY) {
                    wanted.extend(of(vec![grant.entitlement]));
                    wanted.sort_unstable();
                    wanted.dedup();
                }
            }
            assert_eq!(engine.entitlements(id(number)), wanted, "{person:?}");
            // Every tenth holds nothing, and is not told of at all.
            let has = if number.is_multiple_of(10) { Vec::new() } else { has };
            if !number.is_multiple_of(10) {
                held.push(id(number), has.iter().rev().copied());
            }
            let without = |of: &[u32], other: &[u32]| -> Vec<u32> {
                of.iter().filter(|one| !other.contains(one)).copied().collect()
            };
            let (add, remove) = (without(&wanted, &has), without(&has, &wanted));
            if !add.is_empty() || !remove.is_empty() {
                expected.push(Difference { identity: id(number), add, remove });
            }
        }
        // Somebody whom nobody knows holds something.
        held.push(id(99_999), [engine.entitlement(&generator::entitlement(7)).unwrap()]);
        let remove = vec![engine.entitlement(&generator::entitlement(7)).unwrap()];
        expected.push(Difference { identity: id(99_999), add: Vec::new(), remove });
        let mut found = engine.difference(&held);
        found.sort_by_key(|difference| difference.identity);
        assert!(found.len() > 700, "{}", found.len());
        assert_eq!(found, expected);
    }
}
