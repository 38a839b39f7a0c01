//! An older database over newer applications: nothing goes out of it until a person says so, what it does not know is found by
//! reading, and in the end nobody's account was made twice.

use std::path::Path;
use std::time::Duration;

use engine::{backup, restoration};
use model::error::ErrorCode;
use model::ids::OrderId;
use model::job::{RunMode, RunState};
use model::order::ProvisioningState;
use testkit::configuration::{self, USER};
use testkit::directory::Directory;
use testkit::world::{World, crowd};

/// The world, and the backup of a moment at which two people's orders were still to be sent.
async fn put_back(directory: &Directory, folder: &Path) -> (World, OrderId) {
    let more = [&configuration::directory(directory.port, ""), USER].concat();
    let mut world = World::with_more(&crowd(6), &more, |_| {}).await;
    world.badges.write_extract();
    world.mainframe.write_extract();
    world.run("complete", RunMode::default()).await;
    world.feed(&crowd(8));
    world.plan().await;
    let file = folder.join("backup.db");
    let taken = backup::take(&world.op(), &file).await.unwrap();
    assert_eq!(taken.bytes, std::fs::metadata(&file).unwrap().len());

    world.run("fulfil", RunMode::default()).await;
    world.feed(&crowd(9));
    world.run("complete", RunMode::default()).await;
    assert_eq!(directory.state().users.len(), 9);
    let newest = world.orders_of("directory").await.last().unwrap().id;
    world.clock.step(Duration::from_secs(3_600));
    world.put_back(&file).await;
    let standing = restoration::standing(&world.op()).await.unwrap().unwrap();
    assert_eq!(standing.taken_at, Some(taken.taken_at));
    (world, newest)
}

/// Lets time pass until nothing waits to be sent, or for its answer.
async fn all_is_sent(world: &World) {
    let waits = |state| matches!(state, ProvisioningState::Pending | ProvisioningState::Transmitted);
    world.until("directory", "all is sent", |orders| !orders.iter().any(|order| waits(order.state))).await;
}

fn everybody_is_there_once(directory: &Directory) {
    let state = directory.state();
    assert_eq!(state.users.len(), 9);
    assert!(state.creations.values().all(|times| *times == 1), "{:?}", state.creations);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_out_until_a_person_says_so_and_nothing_is_made_twice() {
    let directory = Directory::start(&["staff"]);
    let folder = tempfile::tempdir().unwrap();
    let (world, newest) = put_back(&directory, folder.path()).await;
    let op = world.op();
    let waiting = world.orders_of("directory").await;
    let looks_first = waiting.iter().filter(|order| order.state == ProvisioningState::Pending && order.attempts == 1);
    assert_eq!(looks_first.count(), 2, "what was to be made may have been made: {waiting:#?}");

    // Neither the sweep nor a run sends anything.
    let users = directory.state().users.clone();
    let work_items = world.open_work_items().await;
    let run = world.run("fulfil", RunMode::default()).await;
    assert_eq!(run.state, RunState::Warning, "{run:#?}");
    assert!(run.tasks[0].message.as_ref().unwrap().contains("put back to an earlier state"), "{run:#?}");
    for _ in 0..10 {
        world.clock.step(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(directory.state().users, users);
    assert_eq!(world.open_work_items().await, work_items, "people get no work either");
    let early = restoration::end(&op).await.unwrap_err();
    assert_eq!(early.code, ErrorCode::Conflict);
    assert!(
        early.message.contains("Not read since the database was put back") && early.message.contains("complete"),
        "{early:?}"
    );

    // Reading alone does not make what waits right.
    for job in ["collect", "synchronize"] {
        world.run(job, RunMode::default()).await;
    }
    let unplanned = restoration::end(&op).await.unwrap_err();
    assert!(unplanned.message.contains("Nobody was planned for"), "{unplanned:?}");

    // Reading tells what is there; the orders that follow wait as well.
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Warning, "{run:#?}");
    assert_eq!(directory.state().users, users);
    let standing = restoration::standing(&op).await.unwrap().unwrap();
    assert_eq!(standing.missing(), None);
    let made = world.orders_of("directory").await;
    let made = made.iter().filter(|order| !waiting.iter().any(|known| known.id == order.id));
    assert!(made.clone().all(|order| order.id > newest), "numbers that were given out since are not given out again");

    restoration::end(&op).await.unwrap();
    assert_eq!(restoration::end(&op).await.unwrap_err().code, ErrorCode::Conflict, "once");
    all_is_sent(&world).await;
    let run = world.run("complete", RunMode::default()).await;
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    everybody_is_there_once(&directory);
    assert_eq!(directory.state().groups["staff"].len(), 9, "everybody is where the feed wants them");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_be_sent_and_has_been_is_taken_over_without_a_reading() {
    let directory = Directory::start(&["staff"]);
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = put_back(&directory, folder.path()).await;
    // Even where nobody waits for a reading.
    let store = world.engine.store().clone();
    let at = world.op().now;
    store.write(move |tx| Box::pin(async move { tx.end_restoration(at, "somebody").await })).await.unwrap();
    world.run("fulfil", RunMode::default()).await;
    all_is_sent(&world).await;
    everybody_is_there_once(&directory);
    world.stop().await;
}

/// Users are named after their people, and found by their numbers.
const NAMED_AFTER_PEOPLE: &str = r#"
[account_types.user]
display_name = "User"
application = "directory"
key = "userName"
correlation = [{ identity = "identity.key", account = "externalId", confidence = 100 }]
[account_types.user.attributes]
userName = { expression = "identity.display_name", required = true }
externalId = { expression = "identity.key", required = true }
[rules.users]
when = 'identity.lifecycle == "active"'
account_types = ["user"]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_made_and_renamed_since_gets_no_second_account() {
    let directory = Directory::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let more = [&configuration::directory(directory.port, ""), NAMED_AFTER_PEOPLE].concat();
    let mut world = World::with_more(&crowd(6), &more, |_| {}).await;
    world.badges.write_extract();
    world.mainframe.write_extract();
    world.run("complete", RunMode::default()).await;
    let mut people = crowd(7);
    world.feed(&people);
    world.plan().await;
    let file = folder.path().join("backup.db");
    backup::take(&world.op(), &file).await.unwrap();
    world.run("fulfil", RunMode::default()).await;
    people[6].family_name = "Other".into();
    world.feed(&people);
    world.run("complete", RunMode::default()).await;
    let names = || directory.state().users.values().map(|user| user["userName"].to_string()).collect::<Vec<_>>();
    assert!(names().contains(&"\"Given7 Other\"".to_owned()), "{:?}", names());

    world.clock.step(Duration::from_secs(3_600));
    world.put_back(&file).await;
    world.run("complete", RunMode::default()).await;
    restoration::end(&world.op()).await.unwrap();
    all_is_sent(&world).await;
    world.run("complete", RunMode::default()).await;
    assert_eq!(names().len(), 7, "{:?}", names());
    assert!(names().contains(&"\"Given7 Other\"".to_owned()), "{:?}", names());
    world.stop().await;
}
