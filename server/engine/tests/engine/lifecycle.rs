//! A leaver from the first day after the last to the deletion, and somebody suspended and back: each step is a run of its own,
//! which the new day starts for those whom it concerns, whether a process was there at midnight or not.

use std::time::Duration;

use engine::identities;
use engine::scheduler::Scheduler;
use model::access::Grantable;
use model::ids::RunId;
use model::job::{RunMode, RunState};
use model::order::{Order, ProvisioningState};
use model::plan::ItemKind;
use testkit::world::{Person, World, crowd};

const STATES: &str = r#"
[lifecycle_states.leaver]
accounts = [
  { after_days = 0, do = "disable" },
  { after_days = 7, do = "strip" },
  { after_days = 30, do = "delete" },
]
[lifecycle_states.suspended]
display_name = "Suspended"
when = 'identity.department == "Suspended"'
accounts = [{ after_days = 0, do = "disable" }, { after_days = 3, do = "strip" }]
"#;

/// So many that thresholds let one of them go.
fn people() -> Vec<Person> {
    let mut people = crowd(40);
    people[1].last_day = "2026-03-02".into();
    people
}

/// Lets time pass until this moment.
fn pass(world: &World, until: &str) {
    let until: jiff::Timestamp = until.parse().unwrap();
    world.clock.step(Duration::try_from(until.duration_since(world.clock.now())).unwrap());
}

/// What was ordered in the badge system since there were so many orders: operation, entitlements, why.
async fn ordered(world: &World, known: &mut usize) -> Vec<(String, usize, String)> {
    let orders = world.orders_of("badges").await;
    let said = |order: &Order| {
        let entitlements = order.items.iter().filter(|item| item.kind == ItemKind::Entitlement).count();
        let why = order.items.iter().map(|item| item.explanation.clone()).next().unwrap_or_default();
        (order.operation.name().to_owned(), entitlements, why)
    };
    let new = orders[*known..].iter().map(said).collect();
    *known = orders.len();
    new
}

async fn confirm(world: &mut World) {
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
}

async fn one(world: &World, started: &[RunId]) {
    let [run] = started else { panic!("{started:?}") };
    let run = world.ended(*run).await;
    assert_eq!(run.job, "day-change");
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
}

#[tokio::test]
async fn a_leaver_goes_in_stages_each_at_its_moment() {
    let mut world = World::with_more(&people(), STATES, |_| {}).await;
    let mut scheduler = Scheduler::default();
    world.settle().await;
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), []);
    let mut known = 0;
    assert_eq!(ordered(&world, &mut known).await.len(), 40);

    // Midnight after the last day.
    pass(&world, "2026-03-02T23:59:59Z");
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), []);
    pass(&world, "2026-03-03T00:00:00Z");
    let started = scheduler.fire_due(&world.engine).await.unwrap();
    one(&world, &started).await;
    let because = "because Leaver since 2026-03-03; stripped on 2026-03-10; deleted on 2026-04-02.";
    assert_eq!(ordered(&world, &mut known).await, [("disable".to_owned(), 0, format!("Disabled {because}"))]);
    confirm(&mut world).await;
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), [], "once");

    // Days on which nothing is due start nothing, and a complete run finds nothing to do.
    pass(&world, "2026-03-09T12:00:00Z");
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), []);
    world.settle().await;
    assert_eq!(ordered(&world, &mut known).await, []);

    pass(&world, "2026-03-10T00:00:01Z");
    let started = scheduler.fire_due(&world.engine).await.unwrap();
    one(&world, &started).await;
    let because = "Disabled and stripped because Leaver since 2026-03-03; deleted on 2026-04-02.".to_owned();
    assert_eq!(ordered(&world, &mut known).await, [("update".to_owned(), 1, because)]);
    confirm(&mut world).await;

    // Nobody was there when the last day came.
    pass(&world, "2026-04-05T09:00:00Z");
    world.restart().await;
    let mut scheduler = Scheduler::default();
    let started = scheduler.fire_due(&world.engine).await.unwrap();
    one(&world, &started).await;
    let deleted = ("delete".to_owned(), 0, "Deleted because Leaver since 2026-03-03.".to_owned());
    assert_eq!(ordered(&world, &mut known).await, [deleted]);
    confirm(&mut world).await;
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), [], "one run for all the days that passed");
    world.settle().await;
    assert_eq!(ordered(&world, &mut known).await, []);
    world.stop().await;
}

#[tokio::test]
async fn a_state_without_dates_counts_from_the_day_it_was_seen_and_ends_with_its_cause() {
    let mut staff = crowd(40);
    let mut world = World::with_more(&staff, STATES, |_| {}).await;
    let mut scheduler = Scheduler::default();
    world.settle().await;
    scheduler.fire_due(&world.engine).await.unwrap();
    let mut known = 0;
    ordered(&world, &mut known).await;

    staff[0].department = "Suspended".into();
    world.feed(&staff);
    world.settle().await;
    let because = "Disabled because Suspended since 2026-03-02; stripped on 2026-03-05.".to_owned();
    assert_eq!(ordered(&world, &mut known).await, [("disable".to_owned(), 0, because)]);
    let ann = identities::find(&world.op(), "1").await.unwrap();
    let recorded = world.engine.store().lifecycle_periods(None).await.unwrap();
    assert_eq!(
        recorded.iter().map(|(id, state)| (*id, state.state.as_str())).collect::<Vec<_>>(),
        [(ann, "suspended")]
    );
    let life = identities::detail(&world.op(), ann).await.unwrap().life.unwrap();
    assert!(life.standing.first_seen);
    assert_eq!(life.next.iter().map(|next| next.on.to_string()).collect::<Vec<_>>(), ["2026-03-05"]);

    // A new process remembers since when.
    world.restart().await;
    pass(&world, "2026-03-05T00:00:01Z");
    let started = Scheduler::default().fire_due(&world.engine).await.unwrap();
    one(&world, &started).await;
    let because = "Disabled and stripped because Suspended since 2026-03-02.".to_owned();
    assert_eq!(ordered(&world, &mut known).await, [("update".to_owned(), 1, because)]);
    confirm(&mut world).await;

    staff[0].department = "Sales".into();
    world.feed(&staff);
    world.settle().await;
    let back = ordered(&world, &mut known).await;
    assert_eq!(
        back.iter().map(|(operation, held, _)| (operation.as_str(), *held)).collect::<Vec<_>>(),
        [("enable", 1)]
    );
    assert_eq!(world.engine.store().lifecycle_periods(None).await.unwrap(), []);
    world.settle().await;
    assert_eq!(ordered(&world, &mut known).await, []);
    world.stop().await;
}

#[tokio::test]
async fn who_begins_in_a_state_has_no_account_and_none_counts_as_confirmed() {
    let mut staff = crowd(40);
    staff[0].department = "Suspended".into();
    let mut world = World::with_more(&staff, STATES, |_| {}).await;
    world.settle().await;
    let ann = identities::find(&world.op(), "1").await.unwrap();
    assert!(world.orders_of("badges").await.iter().all(|order| order.identity != ann));
    let held = world.engine.store().assignments_of(&[ann]).await.unwrap();
    let badge = held.iter().find(|record| record.grantable == Grantable::AccountType("badge".into())).unwrap();
    assert_eq!(badge.state, None, "rules give it, and it is not there");

    staff[0].department = "Sales".into();
    world.feed(&staff);
    world.settle().await;
    let held = world.engine.store().assignments_of(&[ann]).await.unwrap();
    let badge = held.iter().find(|record| record.grantable == Grantable::AccountType("badge".into())).unwrap();
    assert_eq!(badge.state, Some(ProvisioningState::Verified));
    world.stop().await;
}
