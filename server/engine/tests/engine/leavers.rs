//! Who leaves is disabled at once, whatever people are still holding of the same account. The directory is real.

use engine::{identities, orders, work_items};
use model::account::{Account, AccountStatus, Mechanism};
use model::ids::{OrderId, WorkItemId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::Operation;
use testkit::world::{World, crowd};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::routes::{comes_to, company, department, entry, join, newest, run};
use crate::slapd;

const WEEKS: std::time::Duration = std::time::Duration::from_secs(20 * 86_400);

/// What is known of somebody's entry.
async fn known(world: &World, number: &str) -> Account {
    let identity = identities::find(&world.op(), number).await.unwrap();
    let mut accounts = identities::detail(&world.op(), identity).await.unwrap().accounts;
    accounts.retain(|account| account.application == "company");
    let [account] = accounts.try_into().unwrap();
    account
}

/// Whether the directory itself says that the entry is disabled.
async fn is_disabled(ldap: &mut ldap3::Ldap, number: &str) -> bool {
    let found = ldap.search(&entry(number), ldap3::Scope::Base, "(employeeType=disabled)", vec!["uid"]).await.unwrap();
    !found.success().unwrap().0.is_empty()
}

/// The work item of an order, where it is open.
async fn open_item(world: &World, order: &Order) -> Option<WorkItemId> {
    for item in world.open_work_items().await {
        if work_items::detail(&world.op(), item).await.unwrap().order.id == order.id {
            return Some(item);
        }
    }
    None
}

/// Beside which orders it went, as its page says.
async fn beside(world: &World, order: &Order) -> Vec<OrderId> {
    let detail = orders::detail(&world.op(), order.id).await.unwrap();
    detail.beside.iter().map(|other| other.id).collect()
}

async fn report(world: &World, order: &Order) {
    let item = open_item(world, order).await.unwrap();
    for (_, outcome) in work_items::confirm(&world.op(), vec![item], "done".into()).await.unwrap() {
        outcome.unwrap();
    }
}

/// The group that somebody who has left was still given is left again, and all of it is confirmed.
async fn leaves(world: &World, ldap: &mut ldap3::Ldap) {
    let order = comes_to(world, "1", true, |order| {
        order.state == ProvisioningState::Transmitted && order.reason == Some(StateReason::WorkItem)
    });
    let order = order.await;
    let group = format!("cn=readers,ou=groups,{}", slapd::SUFFIX);
    let entry = entry("1");
    let member = ldap3::Mod::Delete("member", [entry.as_str()].into());
    ldap.modify(&group, vec![member]).await.unwrap().success().unwrap();
    report(world, &order).await;
    run(world, "synchronize-back").await;
    let orders = world.orders_of("company").await;
    for order in
        orders.iter().filter(|known| known.identity == order.identity && known.state != ProvisioningState::Inactive)
    {
        assert_eq!(order.state, ProvisioningState::Verified, "{order:#?}");
    }
    let account = known(world, "1").await;
    assert_eq!((account.status, account.entitlements), (AccountStatus::Disabled, groups(&[])));
}

fn groups(keys: &[&str]) -> std::collections::BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn is_open(order: &&Order) -> bool {
    order.state.is_open()
}

#[tokio::test]
async fn who_leaves_is_disabled_whatever_people_hold() {
    let server = slapd::start_slapd(&["readers", "writers"], false);
    let mut ldap = slapd::signed_in(server.server.port).await;
    let mut people = crowd(30);
    let world = World::with_more(&people, &company(server.server.port, "writes = \"accounts\""), |_| {}).await;
    run(&world, "complete").await;
    let held = newest(&world, "1", true).await;
    assert_eq!((held.mechanism, held.state), (Mechanism::Manual, ProvisioningState::Transmitted));

    // Weeks later nobody has touched the group yet. One leaves, another moves.
    world.clock.step(WEEKS);
    people[0].last_day = "2026-03-20".into();
    people[1].department = "Desk".into();
    world.feed(&people);
    run(&world, "complete").await;
    let account = newest(&world, "1", false).await;
    assert_eq!((account.operation, account.state), (Operation::Disable, ProvisioningState::Verified), "{account:#?}");
    assert!(account.after.is_empty(), "{account:#?}");
    assert!(is_disabled(&mut ldap, "1").await && !is_disabled(&mut ldap, "2").await);
    assert_eq!(newest(&world, "2", false).await.state, ProvisioningState::Verified);
    assert_eq!(department(&mut ldap, "2").await, "Desk");

    // What people hold is theirs still, and what is to follow it waits.
    let orders = world.orders_of("company").await;
    let still = orders.iter().find(|order| order.id == held.id).unwrap();
    assert_eq!((still.state, &still.reason), (ProvisioningState::Transmitted, &Some(StateReason::WorkItem)));
    assert!(open_item(&world, &held).await.is_some());
    let later = newest(&world, "1", true).await;
    assert_eq!((later.state, later.after.contains(&held.id)), (ProvisioningState::Pending, true), "{later:#?}");
    assert_eq!(known(&world, "1").await.status, AccountStatus::Disabled);
    // Whoever looks at either is told, and not of what waits.
    assert_eq!(beside(&world, &account).await, [held.id]);
    assert_eq!(beside(&world, &held).await, [account.id]);
    assert_eq!(beside(&world, &later).await, []);

    // Further runs double nothing, and take nothing back.
    let open = |orders: &[Order]| {
        let open = orders.iter().filter(is_open).map(|order| (order.identity, order.operation, order.state));
        let mut open = open.collect::<Vec<_>>();
        open.sort();
        open
    };
    let before = open(&world.orders_of("company").await);
    run(&world, "complete").await;
    run(&world, "complete").await;
    assert_eq!(open(&world.orders_of("company").await), before);
    assert!(is_disabled(&mut ldap, "1").await);

    // The group is joined after all: that is known beside what was done meanwhile, and then left again.
    join(&mut ldap, "1", "readers").await;
    report(&world, &held).await;
    let there = known(&world, "1").await;
    assert_eq!((there.status, there.entitlements), (AccountStatus::Disabled, groups(&["readers"])));
    leaves(&world, &mut ldap).await;
    assert_eq!(beside(&world, &account).await, [held.id], "that is still told when all is over");
    world.stop().await;
}

/// The directory disables and does not say so; meanwhile people report what they held.
#[tokio::test]
async fn what_people_report_while_an_account_is_being_disabled_is_kept() {
    let server = slapd::start_slapd(&["readers", "writers"], false);
    let mut ldap = slapd::signed_in(server.server.port).await;
    let proxy = FaultProxy::start(server.server.port).await;
    let mut people = crowd(30);
    let world = World::with_more(&people, &company(proxy.port, "writes = \"accounts\""), |_| {}).await;
    run(&world, "complete").await;
    let held = newest(&world, "1", true).await;
    people[0].last_day = "2026-03-01".into();
    world.feed(&people);
    proxy.set(Fault::CloseAfterRequest { with: "disabled" });
    run(&world, "complete").await;
    let account = newest(&world, "1", false).await;
    assert_eq!(
        (account.operation, account.state),
        (Operation::Disable, ProvisioningState::Transmitted),
        "{account:#?}"
    );
    assert_eq!(account.reason, Some(StateReason::InDoubt));

    join(&mut ldap, "1", "readers").await;
    report(&world, &held).await;
    let before = known(&world, "1").await;
    assert_eq!((before.status, before.entitlements), (AccountStatus::Enabled, groups(&["readers"])));
    proxy.set(Fault::None);
    comes_to(&world, "1", false, |order| order.state == ProvisioningState::Executed).await;
    let after = known(&world, "1").await;
    assert_eq!((after.status, after.entitlements), (AccountStatus::Disabled, groups(&["readers"])));
    assert!(is_disabled(&mut ldap, "1").await);
    leaves(&world, &mut ldap).await;
    world.stop().await;
}
