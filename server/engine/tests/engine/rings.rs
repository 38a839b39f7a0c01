//! Release in rings, end to end: a few people first, more only where it went well, nobody else where it did not.

use engine::rings;
use model::error::ErrorCode;
use model::ids::RunId;
use model::job::{RunMode, RunState};
use model::order::{ProvisioningState, StateReason};
use model::rings::RingsView;
use testkit::world::{Person, World, person};

/// Of sixty people three are in the first ring, twenty-seven in the second.
const RINGS: &str = "
[jobs.complete.rings]
percent = [5, 50]
at_least = 10
";

fn staff() -> Vec<Person> {
    (1..=60).map(|number| person(number, "Person", &format!("Number{number}"), "Sales")).collect()
}

async fn world() -> World {
    World::with_more(&staff(), RINGS, |_| {}).await
}

async fn rings_of(world: &World, run: RunId) -> RingsView {
    rings::of(&world.op(), run).await.unwrap().expect("it goes in rings")
}

/// The badge system answers, and a run looks at the rings again.
async fn next(world: &mut World) {
    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
}

#[tokio::test]
async fn a_ring_goes_when_the_one_before_is_confirmed() {
    let mut world = world().await;
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Warning, "{run:#?}");
    let view = rings_of(&world, run.id).await;
    assert_eq!((view.rings.rings, view.rings.released), (3, 1));
    assert_eq!(view.rows.iter().map(|row| row.people).collect::<Vec<_>>(), [3, 27, 30]);
    let waiting = world.orders(ProvisioningState::Pending).await;
    let says_so = waiting.iter().filter(|row| matches!(row.reason, Some(StateReason::Ring { ring: 2 | 3 }))).count();
    assert_eq!((waiting.len(), says_so), (57, 57));

    // Not answered, not judged: however often a run looks.
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(rings_of(&world, run.id).await.rings.released, 1);

    next(&mut world).await;
    assert_eq!(world.badges.accounts.len(), 3);
    let view = rings_of(&world, run.id).await;
    assert_eq!((view.rings.released, view.rows[0].health.done, view.rows[0].health.failed), (2, 3, 0));
    next(&mut world).await;
    assert_eq!(world.badges.accounts.len(), 30);
    next(&mut world).await;
    assert_eq!(world.badges.accounts.len(), 60);
    let view = rings_of(&world, run.id).await;
    assert_eq!((view.rings.released, view.rings.released_by), (3, None));
    assert!(rings::release(&world.op(), run.id, 3).await.is_err(), "none is left");

    // Who leaves waits for nobody: everybody else of the same run does.
    world.run("synchronize-back", RunMode::default()).await;
    let mut people = staff();
    people[59].last_day = "2026-02-27".into();
    for person in people.iter_mut().take(11) {
        person.department = "Marketing".into();
    }
    world.feed(&people);
    let run = world.run("complete", RunMode::default()).await;
    world.badges.work();
    assert!(!world.badges.accounts.get("60").is_some_and(|account| account.enabled), "{run:#?}");
    let moved = world.badges.accounts.values().filter(|held| held.attributes["department"] == "Marketing").count();
    assert_eq!(moved, 1);
    let view = rings_of(&world, run.id).await;
    assert_eq!(view.rows.iter().map(|row| row.people).collect::<Vec<_>>(), [1, 5, 5]);
    world.stop().await;
}

#[tokio::test]
async fn a_ring_that_fails_stops_the_run_until_a_person_decides() {
    let mut world = world().await;
    let outbox = world.configuration().join("badges/outbox");
    std::fs::remove_dir_all(&outbox).unwrap();
    std::fs::write(&outbox, "").unwrap();
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    assert!(run.message.as_ref().is_some_and(|message| message.contains("Ring 1 of 3 is not healthy")), "{run:#?}");
    let view = rings_of(&world, run.id).await;
    assert!(view.rings.halted.is_some());
    assert_eq!(view.rows.iter().map(|row| row.health.failed).collect::<Vec<_>>(), [3, 0, 0]);
    std::fs::remove_file(&outbox).unwrap();
    std::fs::create_dir(&outbox).unwrap();

    // Other runs leave it as it is.
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(rings_of(&world, run.id).await.rings, view.rings);
    assert!(world.badges.work() <= 1);
    assert!(world.badges.accounts.len() <= 3);

    let stale = rings::release(&world.op(), run.id, 2).await.unwrap_err();
    assert_eq!(stale.code, ErrorCode::Conflict);
    rings::release(&world.op(), run.id, 1).await.unwrap();
    let resumed = world.ended(run.id).await;
    assert_ne!(resumed.state, RunState::Blocked, "{resumed:#?}");
    let view = rings_of(&world, run.id).await;
    assert_eq!((view.rings.released, view.rings.released_by.as_deref()), (2, Some("command line")));
    assert_eq!(view.rings.halted, None);
    assert_eq!(view.rows[2].health.unanswered, 30, "the last ring goes no sooner for it");
    world.stop().await;
}

#[tokio::test]
async fn few_people_go_at_once() {
    let world = World::with_more(&staff()[..9], RINGS, |_| {}).await;
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(rings::of(&world.op(), run.id).await.unwrap(), None);
    assert_eq!(world.orders(ProvisioningState::Pending).await.len(), 0);
    world.stop().await;
}
