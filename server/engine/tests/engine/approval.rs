//! What a threshold stopped goes on at a named person's word on exactly that, and on nothing else.

use std::time::Duration;

use engine::approvals;
use engine::context::OpContext;
use model::block::BlockState;
use model::error::ErrorCode;
use model::ids::{RunId, UserId};
use model::job::{Run, RunMode, RunState};
use model::order::ProvisioningState;
use model::user::User;
use model::view::{OrderFilter, PreviewFilter, SinceApproval};
use testkit::world::{Person, World, person};

fn people() -> Vec<Person> {
    vec![
        person(1, "Ann", "Lee", "Sales"),
        person(2, "Bo", "Ek", "Sales"),
        person(3, "Cy", "Leeward", "Sales"),
        person(4, "Di", "Ash", "Sales"),
    ]
}

/// Ann has left, and Bo leaves tomorrow.
fn leaving() -> Vec<Person> {
    let mut people = people();
    people[0].last_day = "2026-03-01".into();
    people[1].last_day = "2026-03-02".into();
    people
}

/// A club that everybody is in, with these thresholds for its members.
fn club(thresholds: &str) -> String {
    CLUB.replace("{thresholds}", thresholds)
}

const CLUB: &str = r#"
[applications.club]
display_name = "Club"
[applications.club.connection]
kind = "manual"
[account_types.member]
display_name = "Member"
application = "club"
key = "number"
[account_types.member.attributes]
number = { expression = "identity.key", required = true, create_only = true }
department = { expression = "identity.department" }
[account_types.member.thresholds]
{thresholds}
[rules.club]
when = 'identity.lifecycle == "active"'
account_types = ["member"]
"#;

async fn lines(world: &World, id: RunId) -> Vec<(String, String, Option<SinceApproval>)> {
    let filter = PreviewFilter { limit: 100, ..PreviewFilter::default() };
    let page = approvals::preview(&world.op(), id, filter).await.unwrap();
    page.rows.into_iter().map(|line| (line.identity_name, line.operation, line.since_approval)).collect()
}

async fn states(world: &World, id: RunId) -> Vec<BlockState> {
    approvals::blocks(&world.op(), id).await.unwrap().into_iter().map(|block| block.state).collect()
}

fn named(world: &World, id: i64, login: &str) -> OpContext {
    let user = User {
        id: UserId(id),
        login: login.into(),
        display_name: login.into(),
        identity: None,
        profiles: vec!["administrator".into()],
        disabled: false,
    };
    OpContext { user, ..world.op() }
}

#[tokio::test]
async fn an_approval_is_for_the_plan_that_was_looked_at_and_for_no_other() {
    let mut world = World::new(&people()).await;
    world.settle().await;
    world.feed(&leaving());
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    assert_eq!(lines(&world, run.id).await, [("Ann Lee".to_owned(), "disable".to_owned(), None)]);
    let ann = named(&world, 7, "ann");
    let code = |outcome: Result<(), model::error::ApiError>| outcome.unwrap_err().code;
    assert_eq!(code(approvals::approve(&ann, run.id, None, " ".into()).await), ErrorCode::Invalid);
    let other = approvals::approve(&ann, run.id, Some("0".repeat(64)), "It is right.".into()).await;
    assert_eq!(code(other), ErrorCode::Conflict);

    // Overnight somebody else leaves as well: what was looked at is not what would happen.
    let digest = approvals::blocks(&world.op(), run.id).await.unwrap()[0].digest.clone();
    world.clock.step(Duration::from_secs(20 * 3_600));
    approvals::approve(&named(&world, 7, "ann"), run.id, Some(digest), "Ann has left.".into()).await.unwrap();
    let again = world.ended(run.id).await;
    assert_eq!(again.state, RunState::Blocked, "{again:#?}");
    assert!(again.message.unwrap().contains("not what was approved"));
    assert_eq!(states(&world, run.id).await, [BlockState::Waiting, BlockState::Replaced]);
    assert_eq!(
        lines(&world, run.id).await,
        [
            ("Ann Lee".to_owned(), "disable".to_owned(), None),
            ("Bo Ek".to_owned(), "disable".to_owned(), Some(SinceApproval::Added)),
        ]
    );
    let filter = OrderFilter { run: Some(run.id), ..OrderFilter::default() };
    assert_eq!(engine::orders::page(&world.op(), filter.clone()).await.unwrap().total, 0, "nothing went out");

    approvals::approve(&named(&world, 7, "ann"), run.id, None, "Both have left.".into()).await.unwrap();
    let done = world.ended(run.id).await;
    assert_eq!((done.state, done.approved_by.as_deref()), (RunState::Completed, Some("ann")), "{done:#?}");
    assert_eq!(states(&world, run.id).await, [BlockState::Used, BlockState::Replaced]);
    let orders = engine::orders::page(&world.op(), filter).await.unwrap().rows;
    let mut names: Vec<&str> = orders.iter().map(|order| order.identity_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Ann Lee", "Bo Ek"], "exactly what was approved");
    assert!(orders.iter().all(|order| order.state == ProvisioningState::Transmitted), "and it is sent: {orders:#?}");
    world.stop().await;
}

#[tokio::test]
async fn what_is_rejected_does_not_happen() {
    let mut world = World::new(&people()).await;
    world.settle().await;
    world.feed(&leaving());
    let run = world.run("complete", RunMode::default()).await;
    let ann = named(&world, 7, "ann");
    approvals::reject(&ann, run.id, None, "The feed is wrong.".into()).await.unwrap();
    let run = engine::jobs::run(&world.op(), run.id).await.unwrap().run;
    assert_eq!(run.state, RunState::Cancelled);
    assert_eq!(run.message.as_deref(), Some("Rejected by ann: The feed is wrong."));
    assert_eq!(states(&world, run.id).await, [BlockState::Rejected]);
    let late = approvals::approve(&ann, run.id, None, "No, it is right.".into()).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
    assert!(world.badges.accounts["1"].enabled);
    world.stop().await;
}

#[tokio::test]
async fn where_two_are_asked_for_one_is_not_enough() {
    let mut world = World::with_more(&people(), &club("updated = { count = 1 }\nsecond_person = true"), |_| {}).await;
    world.settle().await;
    world.do_work_items().await;
    let moved: Vec<Person> =
        people().into_iter().map(|person| Person { department: "Service".into(), ..person }).collect();
    world.feed(&moved);
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    let nobody = approvals::approve(&world.op(), run.id, None, "It is right.".into()).await.unwrap_err();
    assert!(nobody.message.contains("second person"), "{nobody}");
    approvals::approve(&named(&world, 8, "bo"), run.id, None, "It is right.".into()).await.unwrap();
    assert_eq!(world.ended(run.id).await.state, RunState::Completed);
    world.stop().await;
}

#[tokio::test]
async fn several_small_runs_within_an_hour_are_one_large_one() {
    let mut world = World::with_more(&people(), &club("updated = { count = 2 }"), |_| {}).await;
    world.settle().await;
    world.do_work_items().await;
    let mut now = people();
    let mut moved = async |world: &mut World, count: usize, to: &str| {
        for person in now.iter_mut().rev().take(count) {
            person.department = to.into();
        }
        world.feed(&now);
        let run = world.run("complete", RunMode::default()).await;
        world.do_work_items().await;
        run
    };
    assert_eq!(moved(&mut world, 2, "Service").await.state, RunState::Completed);
    let second = moved(&mut world, 1, "Finance").await;
    assert_eq!(second.state, RunState::Blocked, "{second:#?}");
    let blocks = approvals::blocks(&world.op(), second.id).await.unwrap();
    assert!(blocks[0].trips[0].scope.contains("within an hour"), "{blocks:#?}");
    assert_eq!(blocks[0].trips[0].counted, 3);
    approvals::reject(&world.op(), second.id, None, "Later.".into()).await.unwrap();
    world.clock.step(Duration::from_secs(61 * 60));
    let third = world.run("complete", RunMode::default()).await;
    assert_eq!(third.state, RunState::Completed, "{third:#?}");
    world.stop().await;
}

/// A feed that comes with empty cells is stopped as well, and the run goes on where it stopped: what was read is not
/// read again.
#[tokio::test]
async fn a_broken_feed_is_stopped_and_goes_on_at_the_same_step() {
    let people: Vec<Person> =
        (1..=30).map(|number| person(number, "Person", &format!("Number{number}"), "Sales")).collect();
    let mut world = World::new(&people).await;
    let file = world.configuration().join("all.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"department\", required = true", "\"department\"")).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    world.settle().await;
    let mut emptied = people.clone();
    emptied.iter_mut().take(7).for_each(|person| person.department = String::new());
    world.feed(&emptied);
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Blocked, "{run:#?}");
    let block = approvals::blocks(&world.op(), run.id).await.unwrap().remove(0);
    assert_eq!((block.subject.as_str(), block.changes), ("source:hr", 7));
    assert!(block.trips.iter().any(|trip| trip.what.contains("department")), "{:#?}", block.trips);
    assert_eq!(lines(&world, run.id).await.len(), 7, "the whole of it is shown");
    let read_at = |run: &Run| run.tasks.iter().find(|task| task.task.name == "collect").unwrap().started_at.unwrap();
    let before = read_at(&run);

    world.clock.step(Duration::from_secs(600));
    approvals::approve(&named(&world, 7, "ann"), run.id, Some(block.digest), "The cells are right.".into())
        .await
        .unwrap();
    let done = world.ended(run.id).await;
    assert!(matches!(done.state, RunState::Completed | RunState::Warning), "{done:#?}");
    assert_eq!(read_at(&done), before, "nothing is read again");
    assert_eq!(states(&world, run.id).await, [BlockState::Used]);
    world.stop().await;
}
