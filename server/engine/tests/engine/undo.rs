//! Undo of a run, end to end: what would go back is shown, what somebody changed since stays, the undo is a run of its
//! own that is verified like others, and what was undone waits for a person before it is ordered again.

use engine::{approvals, configurations, reviews, undo};
use model::error::ErrorCode;
use model::ids::{OrderId, RunId};
use model::job::{RunMode, RunState};
use model::order::{ProvisioningState, StateReason};
use model::review::Verdict;
use model::undo::{UndoConflict, UndoFate, UndoFilter, UndoPreview, UndoSelection};
use testkit::world::{Person, World, person};

use crate::postgres;

/// Everybody in Sales, so that nobody holds the vault.
fn sales() -> Vec<Person> {
    (1..=60).map(|number| person(number, "Person", &format!("Number{number}"), "Sales")).collect()
}

/// The first three have moved to Finance: each of them gets the vault and another department on the badge.
fn moved() -> Vec<Person> {
    let mut people = sales();
    for person in people.iter_mut().take(3) {
        person.department = "Finance".into();
    }
    people
}

async fn world() -> World {
    let mut world = World::new(&sales()).await;
    world.settle().await;
    world
}

/// A complete run over the moved people, with its badges answered and read back.
async fn move_people(world: &mut World) -> RunId {
    world.feed(&moved());
    let run = world.run("complete", RunMode::default()).await;
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
    run.id
}

fn badges() -> UndoSelection {
    UndoSelection { application: Some("badges".into()), ..UndoSelection::default() }
}

async fn preview(world: &World, run: RunId) -> UndoPreview {
    undo::preview(&world.op(), run, badges(), UndoFilter::default()).await.unwrap()
}

/// An undo changes as much as what it takes back: the same limits stop it, and an approval lets exactly it go on.
#[tokio::test]
async fn an_undo_beyond_a_threshold_waits_for_an_approval() {
    let mut world = world().await;
    let file = world.configuration().join("all.toml");
    let limits = "time_zone = \"UTC\"\nthresholds.updated = { count = 2 }";
    let text = std::fs::read_to_string(&file).unwrap().replacen("time_zone = \"UTC\"", limits, 1);
    std::fs::write(&file, text).unwrap();
    configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    world.feed(&moved());
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    approvals::approve(&world.op(), run.id, None, "They have moved.".into()).await.unwrap();
    assert_ne!(world.ended(run.id).await.state, RunState::Blocked);
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;

    let seen = preview(&world, run.id).await;
    let id = undo::start(&world.op(), run.id, badges(), seen.digest, "wrong feed".into()).await.unwrap();
    let stopped = world.ended(id).await;
    assert_eq!(stopped.state, RunState::Blocked, "{stopped:#?}");
    assert_eq!(world.engine.store().orders_of_run(id).await.unwrap(), [], "nothing is written before the approval");
    let block = approvals::blocks(&world.op(), id).await.unwrap().remove(0);
    assert_eq!(block.changes, 3);
    approvals::approve(&world.op(), id, Some(block.digest), "The feed was wrong.".into()).await.unwrap();
    assert_ne!(world.ended(id).await.state, RunState::Blocked);
    assert_eq!(world.engine.store().orders_of_run(id).await.unwrap().len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_run_is_undone_and_not_done_again_without_a_person() {
    walk(world().await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let server = postgres::Postgres::start();
    let url = server.url();
    let mut world = World::with_database(&sales(), &url, tempfile::tempdir().unwrap()).await;
    world.settle().await;
    walk(world).await;
}

async fn walk(mut world: World) {
    let run = move_people(&mut world).await;
    for number in ["1", "2", "3"] {
        assert!(world.badges.accounts[number].entitlements.contains("VAULT"), "{number}");
    }
    // Somebody takes the vault away from the second by hand, and the job reads it.
    world.badges.accounts.get_mut("2").unwrap().entitlements.remove("VAULT");
    world.badges.accounts.get_mut("3").unwrap().attributes.insert("department".into(), "Board".into());
    world.badges.write_extract();
    world.run("synchronize-back", RunMode::default()).await;

    let seen = preview(&world, run).await;
    assert_eq!(seen.people, 3, "{seen:#?}");
    let fate = |name: &str, of: &str| {
        let row = seen.rows.rows.iter().find(|row| row.identity_name.ends_with(of) && row.line.name == name);
        row.map(|row| row.line.fate.clone())
    };
    assert_eq!(fate("department", "Number1"), Some(UndoFate::GoesBack));
    assert_eq!(fate("VAULT", "Number1"), Some(UndoFate::GoesBack));
    assert_eq!(fate("VAULT", "Number2"), Some(UndoFate::AlreadyBack));
    assert_eq!(fate("department", "Number3"), Some(UndoFate::Conflict { conflict: UndoConflict::Changed }));

    // What was not seen is not undone, and neither is anything without a reason.
    let other = undo::start(&world.op(), run, badges(), "other".into(), "wrong feed".into()).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::Conflict);
    let silent = undo::start(&world.op(), run, badges(), seen.digest.clone(), "  ".into()).await.unwrap_err();
    assert_eq!(silent.code, ErrorCode::Invalid);

    let id = undo::start(&world.op(), run, badges(), seen.digest.clone(), "wrong feed".into()).await.unwrap();
    let taken_back = world.ended(id).await;
    assert!(matches!(taken_back.state, RunState::Completed | RunState::Warning), "{taken_back:#?}");
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
    let first = &world.badges.accounts["1"];
    assert!(!first.entitlements.contains("VAULT") && first.entitlements.contains("DOOR"), "{first:?}");
    assert_eq!(first.attributes["department"], "Sales");
    let third = &world.badges.accounts["3"];
    assert!(!third.entitlements.contains("VAULT"));
    assert_eq!(third.attributes["department"], "Board", "a later change was overwritten");
    let (undoes, undone_by) = undo::links(&world.op(), run).await.unwrap();
    assert_eq!((undoes, undone_by.len()), (None, 1));
    assert_eq!(undo::links(&world.op(), id).await.unwrap().0.unwrap().undoes, run);
    let kept = world.engine.store().orders_of_run(id).await.unwrap();
    assert!(kept.iter().all(|order| order.state == ProvisioningState::Verified), "{kept:#?}");

    // The feed still says Finance: the next run asks a person.
    world.run("complete", RunMode::default()).await;
    let waiting = world.orders(ProvisioningState::AwaitingApproval).await;
    let held: Vec<OrderId> = waiting
        .iter()
        .filter(|row| matches!(&row.reason, Some(StateReason::Undone { by, why, .. }) if by == "command line" && why == "wrong feed"))
        .map(|row| row.id)
        .collect();
    assert!(held.len() >= 2, "{waiting:#?}");
    assert_eq!(world.badges.work(), 0, "nothing is sent before somebody has decided");
    // And asks only once.
    world.run("complete", RunMode::default()).await;
    assert_eq!(world.orders(ProvisioningState::AwaitingApproval).await.len(), waiting.len());

    for id in held {
        reviews::decide_whole(&world.op(), id, Verdict::Approve, String::new()).await.unwrap();
    }
    world.run("complete", RunMode::default()).await;
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
    assert!(world.badges.accounts["1"].entitlements.contains("VAULT"));
    world.stop().await;
}

/// Where the feed is mended, nothing of an undo is left to hold anything up.
#[tokio::test]
async fn a_mended_feed_leaves_nothing_waiting() {
    let mut world = world().await;
    let run = move_people(&mut world).await;
    let seen = preview(&world, run).await;
    let id = undo::start(&world.op(), run, badges(), seen.digest, "wrong feed".into()).await.unwrap();
    world.ended(id).await;
    world.badges.work();
    world.feed(&sales());
    world.run("complete", RunMode::default()).await;
    world.badges.work();
    assert_eq!(world.engine.store().undone().await.unwrap(), []);
    // A later move is an ordinary one.
    move_people(&mut world).await;
    assert!(world.badges.accounts["1"].entitlements.contains("VAULT"));
    world.stop().await;
}

/// How much a run changes is kept with it, before it writes and in a dry run too.
#[tokio::test]
async fn a_run_says_how_much_it_changes() {
    let world = world().await;
    world.feed(&moved());
    let dry = world.run("complete", RunMode { dry_run: true, ..RunMode::default() }).await;
    let radius = undo::blast_radius(&world.op(), dry.id).await.unwrap().unwrap();
    assert_eq!((radius.people, radius.population), (3, 60));
    assert!(radius.entitlements_added >= 6, "{radius:#?}");
    assert_eq!(radius.top_departments[0].department, "Finance");
    let real = world.run("complete", RunMode::default()).await;
    assert_eq!(undo::blast_radius(&world.op(), real.id).await.unwrap(), Some(radius));
    assert!(undo::preview(&world.op(), dry.id, UndoSelection::default(), UndoFilter::default()).await.is_err());
    world.stop().await;
}
