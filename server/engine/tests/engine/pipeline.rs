//! The whole way of a change in a small organisation: feed, rules, orders, applications, verification.

use std::time::Duration;

use engine::{Engine, Options};
use model::access::Grantable;
use model::identity::LifecycleState;
use model::job::{RunMode, RunState};
use model::order::ProvisioningState;
use model::view::IdentityFilter;
use testkit::world::{World, person};

use crate::postgres;

fn people() -> Vec<testkit::world::Person> {
    vec![
        person(1, "Ann", "Lee", "Finance"),
        person(2, "Bo", "Ek", "Sales"),
        person(3, "Cy", "Leeward", "Finance"),
        person(4, "Di", "Ash", "Sales"),
    ]
}

#[tokio::test]
async fn everybody_gets_what_the_rules_say_and_every_order_is_verified() {
    walk(World::new(&people()).await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let server = postgres::Postgres::start();
    let url = server.url();
    walk(World::with_database(&people(), &url, tempfile::tempdir().unwrap()).await).await;
}

/// One of two nodes carries the run out, whichever is quicker; pages that are open on the other follow it as well.
#[tokio::test]
async fn nodes_on_postgresql_hear_of_one_another() {
    let server = postgres::Postgres::start();
    let url = server.url();
    let world = World::with_database(&people(), &url, tempfile::tempdir().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(url, folder.path().join("data"));
    (options.clock, options.node) = (world.clock.clone(), "other".into());
    let other = Engine::open(options).await.unwrap();
    assert!(other.start_runner().await.unwrap());
    let mut pages = [world.engine.updates().subscribe(), other.updates().subscribe()];
    let run = world.run("collect", RunMode::default()).await;
    for page in &mut pages {
        let followed = async {
            let mut lines = Vec::new();
            loop {
                let update = page.recv().await.unwrap();
                lines.extend(update.lines.into_iter().map(|line| line.sequence));
                if update.run.id == run.id && update.run.state.is_final() {
                    return (update.run.state, lines);
                }
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(30), followed).await;
        let (state, mut lines) = heard.expect("the node hears of the run's end");
        let count = lines.len();
        lines.dedup();
        assert_eq!((state, lines.is_empty(), lines.len()), (RunState::Completed, false, count));
    }
    other.stop().await;
    world.stop().await;
}

/// From the feed to verified orders, by batch file and by hand.
async fn walk(mut world: World) {
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Completed, "{:#?}", run);
    // The mainframe's users wait for the badges they depend on.
    assert_eq!(world.badges.work(), 1);
    assert_eq!(world.badges.accounts.len(), 4);
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(world.do_work_items().await, 2);
    let run = world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(run.state, RunState::Completed, "{:#?}", run);

    assert_eq!(world.orders(ProvisioningState::Errored).await, []);
    let counts = model::view::OrderFilter::default();
    let counts = engine::orders::counts(&world.op(), counts).await.unwrap();
    assert_eq!(counts.by_state, vec![(ProvisioningState::Verified, 6)]);
    let ann = &world.badges.accounts["1"];
    assert!(ann.enabled && ann.entitlements.contains("DOOR") && ann.entitlements.contains("VAULT"));
    assert_eq!(world.mainframe.accounts.keys().collect::<Vec<_>>(), ["LEE", "LEEWAR"]);

    let filter = IdentityFilter { text: Some("ann".into()), ..Default::default() };
    let row = engine::identities::page(&world.op(), filter).await.unwrap().rows.remove(0);
    assert_eq!((row.lifecycle, row.accounts, row.open_orders), (LifecycleState::Active, 2, 0));
    let detail = engine::identities::detail(&world.op(), row.id).await.unwrap();
    let vault = detail.permissions.iter().find(|row| row.grantable == Grantable::Entitlement("vault".into())).unwrap();
    assert_eq!(vault.state, Some(ProvisioningState::Verified));
    assert_eq!(vault.reasons[0].rule, "finance");
    world.stop().await;
}

#[tokio::test]
async fn a_second_run_has_nothing_to_do() {
    let mut world = World::new(&people()).await;
    world.settle().await;
    let before = engine::orders::counts(&world.op(), Default::default()).await.unwrap();
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Completed, "{run:#?}");
    let after = engine::orders::counts(&world.op(), Default::default()).await.unwrap();
    let total = |counts: &model::view::OrderCounts| counts.by_state.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(total(&before), total(&after));
    world.stop().await;
}

#[tokio::test]
async fn a_move_makes_exactly_the_orders_that_follow() {
    let mut world = World::new(&people()).await;
    world.settle().await;
    // What the badge system answered lets those of the mainframe go, whether the sweep has looked yet or not.
    world.run("fulfil", RunMode::default()).await;
    world.do_work_items().await;
    world.run("synchronize-back", RunMode::default()).await;
    let mut changed = people();
    changed[1].department = "Finance".into();
    world.feed(&changed);
    for mode in [RunMode { dry_run: true, ..Default::default() }, RunMode { incremental: true, ..Default::default() }] {
        let run = world.run("complete", mode).await;
        assert_eq!(run.state, RunState::Completed, "{run:#?}");
        let generated = run.tasks.iter().find(|run| run.task.kind == model::job::TaskKind::GenerateOrders).unwrap();
        let counted: Vec<_> = generated
            .counts
            .iter()
            .filter(|(name, _)| ["create", "update"].contains(&name.as_str()))
            .cloned()
            .collect();
        assert_eq!(counted, [("create".to_owned(), 1), ("update".to_owned(), 1)], "{run:#?}");
        let filter = model::view::PreviewFilter { limit: 100, ..Default::default() };
        let preview = engine::approvals::preview(&world.op(), run.id, filter).await.unwrap();
        assert_eq!(preview.rows.is_empty(), !mode.dry_run);
    }
    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(world.do_work_items().await, 1);
    world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(world.badges.accounts["2"].attributes["department"], "Finance");
    assert!(world.badges.accounts["2"].entitlements.contains("VAULT"));
    let counts = engine::orders::counts(&world.op(), Default::default()).await.unwrap();
    assert_eq!(counts.by_state, vec![(ProvisioningState::Verified, 8)]);
    world.stop().await;
}

#[tokio::test]
async fn a_leaver_is_disabled_and_keeps_nothing() {
    let mut world = World::new(&people()).await;
    world.settle().await;
    // What the badges held back goes on by itself, or with this run, which waits for it.
    world.run("fulfil", RunMode::default()).await;
    world.do_work_items().await;
    world.run("synchronize-back", RunMode::default()).await;
    // One of four is more than the default threshold lets through: it stops before anything happens.
    let rest: Vec<_> = people().into_iter().filter(|person| person.number != "1").collect();
    world.feed(&rest);
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    assert!(world.badges.accounts["1"].enabled);
    let mut updates = world.engine.updates().subscribe();
    // Once for what was read, and once for what is ordered because of it: an approval is for one thing.
    for expected in [RunState::Blocked, RunState::Completed] {
        engine::approvals::approve(&world.op(), run.id, None, "Ann has left.".into()).await.unwrap();
        loop {
            let run = engine::jobs::run(&world.op(), run.id).await.unwrap().run;
            if run.state.is_final() {
                assert_eq!(run.state, expected, "{run:#?}");
                break;
            }
            let _ = updates.recv().await;
        }
    }
    // Removal goes the other way round: the badge waits for the mainframe user that depends on it.
    assert_eq!(world.do_work_items().await, 1);
    world.run("fulfil", RunMode::default()).await;
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
    let badge = &world.badges.accounts["1"];
    assert!(!badge.enabled && badge.entitlements.is_empty(), "{badge:?}");
    assert!(!world.mainframe.accounts["LEE"].enabled);
    assert!(world.orders(ProvisioningState::Errored).await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_bad_feed_changes_nothing() {
    let world = World::new(&people()).await;
    std::fs::write(world.configuration().join("people.csv"), "number,given_name\n1,Ann\n").unwrap();
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Errored);
    assert!(run.message.unwrap().contains("people.csv"));
    let identities = engine::identities::page(&world.op(), IdentityFilter::default()).await.unwrap();
    assert_eq!(identities.total, 0);
    world.stop().await;
}
