//! Jobs of the configuration: levels and chains, scopes, schedules, the queue, and running the rest again.

use std::time::Duration;

use engine::scheduler::Scheduler;
use engine::{configurations, jobs};
use model::error::ErrorCode;
use model::ids::{RunId, UserId};
use model::job::{LogLevel, Run, RunMode, RunState};
use model::order::ProvisioningState;
use model::view::{LogFilter, OrderFilter, RunFilter};
use testkit::configuration::{USER, directory};
use testkit::directory::Directory;
use testkit::world::{Person, World, crowd, person};

fn people() -> Vec<Person> {
    vec![
        person(1, "Ann", "Lee", "Finance"),
        person(2, "Bo", "Kim", "Sales"),
        person(3, "Cy", "Ode", "Finance"),
        person(4, "Di", "Fox", "Sales"),
    ]
}

/// The day's own job stays out of the way.
const NO_DAYS: &str = "[jobs.day-change]\nenabled = false\n";

/// Two chains that have nothing to do with each other until the role model is computed, and a job for the badges alone.
const JOBS: &str = r#"
[jobs.day-change]
enabled = false
[jobs.chains]
display_name = "Two chains"
[jobs.chains.tasks.read-people]
kind = "collect"
sources = ["hr"]
[jobs.chains.tasks.read-badges]
kind = "collect"
applications = ["badges"]
[jobs.chains.tasks.read-mainframe]
kind = "collect"
applications = ["mainframe"]
continue_on_error = true
[jobs.chains.tasks.people]
kind = "synchronize"
sources = ["hr"]
after = ["read-people"]
[jobs.chains.tasks.badges]
kind = "synchronize"
applications = ["badges"]
after = ["read-badges"]
[jobs.chains.tasks.roles]
kind = "compute-role-model"
after = ["people"]

[jobs.badges-only]
[jobs.badges-only.tasks.collect]
kind = "collect"
sources = ["hr"]
[jobs.badges-only.tasks.synchronize]
kind = "synchronize"
sources = ["hr"]
[jobs.badges-only.tasks.compute-role-model]
kind = "compute-role-model"
[jobs.badges-only.tasks.generate-orders]
kind = "generate-orders"
applications = ["badges"]
[jobs.badges-only.tasks.fulfil]
kind = "fulfil"
applications = ["badges"]

[jobs.mainframe-first]
[jobs.mainframe-first.tasks.generate-orders]
kind = "generate-orders"
applications = ["mainframe"]

[jobs.nightly]
display_name = "Every night"
schedule = "30 2 * * *"
time_zone = "Europe/Berlin"
start_denied = true

[jobs.punctual]
schedule = "0 * * * *"
catch_up = false
[jobs.punctual.tasks.compute-role-model]
kind = "compute-role-model"

[jobs.off]
schedule = "* * * * *"
enabled = false
"#;

async fn world() -> World {
    World::with_more(&people(), JOBS, |_| {}).await
}

fn states(run: &Run) -> Vec<(&str, RunState)> {
    run.tasks.iter().map(|task| (task.task.name.as_str(), task.state)).collect()
}

async fn said(world: &World, run: RunId, level: LogLevel, step: &str) -> Vec<String> {
    let filter = LogFilter { level, task: Some(step.to_owned()), after: 0, limit: 100 };
    jobs::log(&world.op(), run, filter).await.unwrap().into_iter().map(|line| line.message).collect()
}

#[tokio::test]
async fn a_failure_cuts_its_chain_and_the_others_go_on() {
    use RunState::{Completed, Errored, Queued, Warning};
    let world = world().await;
    std::fs::remove_file(world.configuration().join("badges/extract.csv")).unwrap();
    std::fs::remove_file(world.configuration().join("mainframe/extract.csv")).unwrap();
    let run = world.run("chains", RunMode::default()).await;
    assert_eq!(run.state, Errored, "{run:#?}");
    assert!(run.message.as_deref().unwrap().contains("badges"), "{run:#?}");
    let expected = [
        // By level, then by name. The mainframe may be gone on without, the badges may not.
        ("read-badges", Errored),
        ("read-mainframe", Warning),
        ("read-people", Completed),
        ("badges", Queued),
        ("people", Completed),
        ("roles", Completed),
    ];
    assert_eq!(states(&run), expected);
    assert_eq!(run.tasks[3].message.as_deref(), Some("Not run, because read-badges did not end well."));
    assert_eq!(said(&world, run.id, LogLevel::Warning, "badges").await.len(), 1);
    assert_eq!(said(&world, run.id, LogLevel::Error, "read-badges").await.len(), 1);
    let counts = jobs::log_counts(&world.op(), run.id, Some("read-badges")).await.unwrap();
    assert_eq!(counts.error, 1);

    // Mended, the rest is what failed and what depends on it, and nothing else.
    world.badges.write_extract();
    world.mainframe.write_extract();
    let rest = jobs::rerun(&world.op(), run.id, None).await.unwrap();
    let rest = world.ended(rest).await;
    assert_eq!((rest.state, rest.rerun_of, rest.job.as_str()), (Completed, Some(run.id), "chains"), "{rest:#?}");
    assert_eq!(states(&rest), [("read-badges", Completed), ("read-mainframe", Completed), ("badges", Completed)]);
    let reruns = jobs::reruns(&world.op(), run.id).await.unwrap();
    assert_eq!(reruns.iter().map(|row| row.run.id).collect::<Vec<_>>(), [rest.id]);
    assert_eq!(reruns[0].job_label, "Two chains");
    for (id, from) in [(rest.id, None), (run.id, Some("nonsense"))] {
        let error = jobs::rerun(&world.op(), id, from.map(str::to_owned)).await.unwrap_err();
        assert!(matches!(error.code, ErrorCode::Conflict | ErrorCode::Invalid), "{error:?}");
    }
    let from = jobs::rerun(&world.op(), run.id, Some("roles".into())).await.unwrap();
    assert_eq!(states(&world.ended(from).await), [("roles", Completed)]);

    let comparison = jobs::compare(&world.op(), run.id, rest.id).await.unwrap();
    let steps: Vec<_> =
        comparison.steps.iter().map(|(name, left, right)| (name.as_str(), left.is_some(), right.is_some())).collect();
    assert_eq!(steps[0], ("read-badges", true, true));
    assert_eq!(steps[2], ("read-people", true, false));
    world.stop().await;
}

#[tokio::test]
async fn what_failed_in_an_incremental_run_is_done_again_as_a_whole() {
    let world = world().await;
    world.run("complete", RunMode::default()).await;
    std::fs::write(world.configuration().join("people.csv"), "number\n1\n").unwrap();
    let run = world.run("complete", RunMode { incremental: true, dry_run: false }).await;
    assert_eq!(run.state, RunState::Errored);
    let error = jobs::rerun(&world.op(), run.id, Some("fulfil".into())).await.unwrap_err();
    assert!(error.message.contains("as a whole"), "{error:?}");
    world.feed(&people());
    let id = jobs::rerun(&world.op(), run.id, None).await.unwrap();
    let rest = world.ended(id).await;
    assert_eq!((rest.mode.incremental, rest.tasks.len(), rest.state), (false, 6, RunState::Completed), "{rest:#?}");
    world.stop().await;
}

#[tokio::test]
async fn a_job_for_one_application_orders_and_sends_nothing_else() {
    let world = world().await;
    let run = world.run("badges-only", RunMode::default()).await;
    assert_eq!(run.state, RunState::Completed, "{run:#?}");
    let applications = async |run: RunId| {
        let filter = OrderFilter { run: Some(run), limit: Some(100), ..OrderFilter::default() };
        let rows = engine::orders::page(&world.op(), filter).await.unwrap().rows;
        rows.into_iter().map(|row| (row.application, row.state)).collect::<Vec<_>>()
    };
    let made = applications(run.id).await;
    assert_eq!(made, vec![("Badges".to_owned(), ProvisioningState::Transmitted); 4]);
    // The mainframe's users depend on badges, whose orders are there by now.
    let second = world.run("mainframe-first", RunMode::default()).await;
    let made = applications(second.id).await;
    assert_eq!(made, vec![("Mainframe".to_owned(), ProvisioningState::Pending); 2]);
    // Fulfilling the badges leaves the others where they are.
    world.run("badges-only", RunMode::default()).await;
    assert_eq!(world.orders(ProvisioningState::Pending).await.len(), 2);
    let comparison = jobs::compare(&world.op(), run.id, second.id).await.unwrap();
    let orders: Vec<_> =
        comparison.orders.iter().map(|(name, _, left, right)| (name.as_str(), *left, *right)).collect();
    assert_eq!(orders, [("Badges", 4, 0), ("Mainframe", 0, 2)]);
    assert_eq!(comparison.outcomes, [(ProvisioningState::Pending, 0, 2), (ProvisioningState::Transmitted, 4, 0)]);
    world.stop().await;
}

#[tokio::test]
async fn what_depends_on_another_application_is_not_ordered_without_it() {
    let world = world().await;
    for job in ["collect", "synchronize", "compute-role-model"] {
        world.run(job, RunMode::default()).await;
    }
    let run = world.run("mainframe-first", RunMode::default()).await;
    assert_eq!(run.state, RunState::Completed, "{run:#?}");
    let counts = engine::orders::counts(&world.op(), OrderFilter::default()).await.unwrap();
    assert_eq!(counts.by_state, [], "the mainframe's users need badges first");
    world.stop().await;
}

#[tokio::test]
async fn a_schedule_starts_its_job_once_however_many_look() {
    let world = world().await;
    let (mut one, mut other) = (Scheduler::default(), Scheduler::default());
    // 08:00 UTC: the first look only begins to follow.
    assert_eq!(one.fire_due(&world.engine).await.unwrap(), []);
    let row = async |name: &str| {
        let rows = jobs::list(&world.op()).await.unwrap();
        rows.into_iter().find(|row| row.job.name == name).unwrap()
    };
    assert_eq!(row("nightly").await.next_at, Some("2026-03-03T01:30:00Z".parse().unwrap()));
    assert_eq!(row("off").await.next_at, None);
    world.clock.step(Duration::from_secs(3600 * 17 + 1800 + 2));
    let (first, second) = tokio::join!(one.fire_due(&world.engine), other.fire_due(&world.engine));
    let started = [first.unwrap(), second.unwrap()].concat();
    assert_eq!(started.len(), 1, "{started:?}");
    let run = world.ended(started[0]).await;
    assert_eq!((run.job.as_str(), run.state, run.started_by), ("nightly", RunState::Completed, None), "{run:#?}");
    assert_eq!(run.scheduled_for, Some("2026-03-03T01:30:00Z".parse().unwrap()));
    // The other was an hour's: its last time is half an hour old, and it does not catch up.
    let punctual = row("punctual").await;
    assert_eq!(punctual.last, None);
    assert_eq!(punctual.skipped.unwrap().0, "2026-03-03T01:00:00Z".parse().unwrap());
    assert_eq!(one.fire_due(&world.engine).await.unwrap(), []);
    world.clock.step(Duration::from_secs(1800));
    let started = other.fire_due(&world.engine).await.unwrap();
    assert_eq!(world.ended(started[0]).await.job, "punctual");
    assert_eq!(row("punctual").await.skipped, None, "a later time led to a run");
    // Days without the program are made up once.
    world.clock.step(Duration::from_secs(3600 * 24 * 5));
    let started = one.fire_due(&world.engine).await.unwrap();
    let run = world.ended(started[0]).await;
    assert_eq!(run.job, "nightly");
    assert_eq!(run.scheduled_for, Some("2026-03-08T01:30:00Z".parse().unwrap()));
    assert_eq!(one.fire_due(&world.engine).await.unwrap(), []);
    let filter = RunFilter { job: Some("nightly".into()), limit: 10, ..RunFilter::default() };
    assert_eq!(jobs::runs(&world.op(), filter).await.unwrap().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn another_schedule_begins_anew_and_one_that_is_gone_is_forgotten() {
    let world = world().await;
    let mut scheduler = Scheduler::default();
    scheduler.fire_due(&world.engine).await.unwrap();
    world.clock.step(Duration::from_secs(3600 * 24));
    let write = |text: &str| std::fs::write(world.configuration().join("more.toml"), text).unwrap();
    let write = |text: &str| write(&format!("{NO_DAYS}{text}"));
    write("[jobs.nightly]\nschedule = \"0 6 * * *\"\n");
    configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), [], "what passed was another schedule's");
    assert_eq!(world.engine.store().job_schedules().await.unwrap().len(), 1);
    write("");
    configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    scheduler.fire_due(&world.engine).await.unwrap();
    assert_eq!(world.engine.store().job_schedules().await.unwrap(), []);
    world.stop().await;
}

#[tokio::test]
async fn jobs_that_are_off_or_for_their_schedule_alone_are_not_started_by_people() {
    let world = world().await;
    let mut op = world.op();
    let rows = jobs::list(&op).await.unwrap();
    let refused = |name: &str| rows.iter().find(|row| row.job.name == name).unwrap().refused.is_some();
    assert!(refused("off") && !refused("nightly") && !refused("complete"));
    let error = jobs::start(&op, "off".into(), RunMode::default()).await.unwrap_err();
    assert!(error.message.contains("enabled = false"), "{error:?}");
    let error = jobs::start(&op, "nonsense".into(), RunMode::default()).await.unwrap_err();
    assert!(error.message.contains("chains"), "{error:?}");
    op.user.id = UserId(5);
    let error = jobs::start(&op, "nightly".into(), RunMode::default()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    // Whoever operates the machine may stand for its scheduler.
    assert_eq!(world.run("nightly", RunMode::default()).await.state, RunState::Completed);
    world.stop().await;
}

#[tokio::test]
async fn a_run_waits_for_the_one_under_way_and_can_be_cancelled_meanwhile() {
    // Fulfil waits for the badge system's answer, so that the run is under way while the others are asked for.
    let mut world = World::with_more(&people(), JOBS, |tuning| tuning.answer_wait = Duration::from_secs(600)).await;
    let op = world.op();
    let mut updates = world.engine.updates().subscribe();
    let first = jobs::start(&op, "complete".into(), RunMode::default()).await.unwrap();
    while jobs::run(&op, first).await.unwrap().run.tasks[4].state != RunState::Running {
        let _ = updates.recv().await;
    }
    let second = jobs::start(&op, "collect".into(), RunMode::default()).await.unwrap();
    let third = jobs::start(&op, "compute-role-model".into(), RunMode::default()).await.unwrap();
    let active: Vec<_> = jobs::active(&op).await.unwrap().iter().map(|row| (row.run.id, row.run.state)).collect();
    assert_eq!(active, [(first, RunState::Running), (second, RunState::Queued), (third, RunState::Queued)]);
    let error = jobs::start(&op, "collect".into(), RunMode::default()).await.unwrap_err();
    assert!(error.message.contains(&format!("Run {second} of this job waits already")), "{error:?}");
    let error = jobs::start(&op, "complete".into(), RunMode::default()).await.unwrap_err();
    assert!(error.message.contains(&format!("Run {first} of this job is under way")), "{error:?}");
    jobs::cancel(&op, second).await.unwrap();
    let cancelled = jobs::run(&op, second).await.unwrap().run;
    assert_eq!((cancelled.state, cancelled.started_at), (RunState::Cancelled, None));
    let audit = world.engine.store().audit_page(None, 10).await.unwrap().rows;
    assert!(audit.iter().any(|line| line.action == "run ended" && line.subject == second.to_string()), "{audit:#?}");
    while world.badges.work() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(world.ended(first).await.state.is_final());
    assert_eq!(world.ended(third).await.state, RunState::Completed);
    let ended: Vec<_> = jobs::runs(&op, RunFilter { limit: 10, ..RunFilter::default() }).await.unwrap();
    assert_eq!(ended.iter().map(|row| row.run.id).collect::<Vec<_>>(), [third, second, first]);
    world.stop().await;
}

/// A node that was away for longer than its lease finds that another one has its run: it writes nothing more for it, and
/// whoever has it does it from where it was.
#[tokio::test]
async fn a_node_that_lost_its_run_writes_nothing_more_for_it() {
    let there = Directory::start(&[]);
    let world = World::with_more(&people(), &directory(there.port, ""), |_| {}).await;
    there.state().latency = Duration::from_millis(300);
    let id = jobs::start(&world.op(), "complete".into(), RunMode::default()).await.unwrap();
    while jobs::run(&world.op(), id).await.unwrap().run.tasks.iter().all(|task| task.started_at.is_none()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // While it reads the directory, its lease passes, and another node takes the run.
    world.clock.step(Duration::from_secs(31));
    let (now, until) = (world.clock.now(), world.clock.now() + Duration::from_secs(30));
    let taken = world.engine.store().write(move |tx| Box::pin(async move { tx.claim_run("other", now, until).await }));
    assert_eq!(taken.await.unwrap().unwrap().id, id);
    there.state().latency = Duration::ZERO;
    // That one is gone as well, and the run is taken up where it was.
    world.clock.step(Duration::from_secs(31));
    let run = world.ended(id).await;
    assert_eq!(run.state, RunState::Completed, "{run:#?}");
    let filter = LogFilter { level: LogLevel::Warning, task: None, after: 0, limit: 100 };
    let lines = jobs::log(&world.op(), id, filter).await.unwrap();
    let resumed = lines.iter().filter(|line| line.message.contains("going on where it was")).count();
    assert_eq!(resumed, 1, "{lines:#?}");
    let counts = engine::orders::counts(&world.op(), OrderFilter::default()).await.unwrap();
    assert_eq!(counts.by_state.iter().map(|(_, count)| count).sum::<u64>(), 6);
    world.stop().await;
}

/// Who waits for a run does not wait for all orders of another one: the rest of those is sent by the sweep.
#[tokio::test]
async fn fulfil_leaves_the_rest_to_the_sweep_when_another_run_waits() {
    let there = Directory::start(&["staff"]);
    let more = [&directory(there.port, ""), USER].concat();
    let people = crowd(40);
    let world = World::with_more(&people, &more, |tuning| {
        (tuning.claim_batch, tuning.hand_over_after) = (4, Duration::ZERO);
    })
    .await;
    world.plan().await;
    there.state().latency = Duration::from_millis(40);
    let sending = jobs::start(&world.op(), "fulfil".into(), RunMode::default()).await.unwrap();
    let waiting = jobs::start(&world.op(), "collect".into(), RunMode::default()).await.unwrap();
    let run = world.ended(sending).await;
    assert_eq!(run.state, RunState::Completed, "{run:#?}");
    let said = run.tasks[0].message.clone().unwrap_or_default();
    assert!(said.starts_with("Another run waits. What is left, ") && said.ends_with("goes on by itself."), "{said}");
    assert_eq!(world.ended(waiting).await.state, RunState::Completed);
    let is_there = || there.people().len() == 40;
    for _ in 0..1_000 {
        if is_there() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_there(), "{} of 40", there.people().len());
    assert!(there.state().creations.values().all(|count| *count == 1));
    world.stop().await;
}
