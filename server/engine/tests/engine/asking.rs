//! What tests of requests share: a company that is settled, and things to ask for.

use engine::identities;
use model::access::Grantable;
use model::ids::IdentityId;
use model::job::RunMode;
use model::request::{Change, NewRequest, RequestItem, RequestSource};
use model::trigger::Trigger;
use testkit::world::{Person, World, person};

/// Ann is in Finance and holds the vault by rule; Bo and others are in Sales and do not.
pub fn people() -> Vec<Person> {
    let mut people = vec![person(1, "Ann", "Lee", "Finance")];
    people.extend((2..=12).map(|number| person(number, "Bo", &format!("Ek{number}"), "Sales")));
    people
}

/// Everything is computed, ordered, done and read back.
pub async fn settle(world: &mut World) {
    world.settle().await;
    world.run("fulfil", RunMode::default()).await;
    world.do_work_items().await;
    world.run("synchronize-back", RunMode::default()).await;
}

pub async fn id(world: &World, key: &str) -> IdentityId {
    identities::find(&world.op(), key).await.unwrap()
}

pub fn entitlement(name: &str) -> Grantable {
    Grantable::Entitlement(name.into())
}

pub fn give(grantable: Grantable) -> RequestItem {
    RequestItem { change: Change::Give, grantable }
}

pub fn take(grantable: Grantable) -> RequestItem {
    RequestItem { change: Change::Take, grantable }
}

pub fn asks(identity: IdentityId, items: Vec<RequestItem>) -> NewRequest {
    NewRequest::new(Trigger::Administrator, RequestSource::new("page", "by hand"), identity, items, "covers for Ann")
}
