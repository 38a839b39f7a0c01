//! Targets that are down, slow, close half way or answer rubbish, and people who are too late: an order waits with its
//! reason and its next attempt, those of other applications go on, and once the fault is over all come to their end
//! without anybody doing anything, and without anything done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault_proxy::{Fault, FaultProxy};
use engine::context::OpContext;
use engine::orders::Deed;
use engine::{applications, approvals, jobs, orders, reviews, users, work_items};
use model::error::{ApiError, ErrorCode};
use model::ids::RunId;
use model::job::{RunMode, RunState};
use model::order::{ErrorClass, Order, ProvisioningState, StateReason};
use model::review::Verdict;
use model::view::OrderFilter;
use model::work_item::WorkItemState;
use testkit::configuration::{USER, directory};
use testkit::directory::{Directory, Refusal};
use testkit::world::{Person, World, all, person};

/// Longer than any answer takes that comes at all, and short enough to wait for one that does not.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

fn people() -> Vec<Person> {
    vec![
        person(1, "Ann", "Lee", "Finance"),
        person(2, "Bo", "Ek", "Sales"),
        person(3, "Cy", "Leeward", "Finance"),
        person(4, "Di", "Ash", "Sales"),
    ]
}

/// Everybody is also to have a user in a directory at this port.
async fn world(port: u16) -> World {
    let more = [&directory(port, ""), USER].concat();
    World::with_more(&people(), &more, |tuning| tuning.call_timeout = CALL_TIMEOUT).await
}

/// What is expected while the fault lasts.
struct Expected {
    state: ProvisioningState,
    /// None: in doubt.
    class: Option<ErrorClass>,
}

const IN_DOUBT: Expected = Expected { state: ProvisioningState::Transmitted, class: None };

fn retried(class: ErrorClass) -> Expected {
    Expected { state: ProvisioningState::Pending, class: Some(class) }
}

async fn states(world: &World, application: &str) -> BTreeMap<ProvisioningState, u64> {
    let filter = OrderFilter { application: Some(application.into()), ..OrderFilter::default() };
    orders::counts(&world.op(), filter).await.unwrap().by_state.into_iter().collect()
}

async fn trouble(world: &World, application: &str) -> Option<String> {
    let rows = applications::rows(&world.op()).await.unwrap();
    rows.into_iter().find(|row| row.name == application).unwrap().trouble
}

/// The fault is in force and the orders were sent: looks at what has become of them, and that all else goes on.
async fn check_while_it_lasts(world: &mut World, what: &str, expected: &Expected) {
    let now = world.clock.now();
    let waiting = world.orders_of("directory").await;
    assert_eq!(waiting.len(), people().len(), "{what}");
    for order in &waiting {
        assert_eq!(order.state, expected.state, "{what}: {order:#?}");
        match (&order.reason, expected.class) {
            (Some(StateReason::RetryWait { class, message }), Some(expected)) => {
                assert_eq!(*class, expected, "{what}: {message}");
                assert!(!message.is_empty(), "{what}");
            }
            (Some(StateReason::InDoubt), None) => {}
            (reason, _) => panic!("{what}: {reason:?}"),
        }
        assert!(order.next_attempt_at.is_some_and(|next| next > now), "{what}: {:?}", order.next_attempt_at);
    }
    assert!(trouble(world, "directory").await.is_some_and(|text| !text.is_empty()), "{what}: its page says so");
    // The others go on meanwhile.
    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(world.do_work_items().await, 2, "{what}");
    world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(states(world, "badges").await, [(ProvisioningState::Verified, 4)].into(), "{what}");
    assert_eq!(states(world, "mainframe").await, [(ProvisioningState::Verified, 2)].into(), "{what}");
    assert_eq!(trouble(world, "badges").await, None, "{what}");
    assert!(!states(world, "directory").await.contains_key(&ProvisioningState::Verified), "{what}");
}

/// Lets time pass until sweeps have brought all orders of the directory to this state.
async fn comes_to(world: &World, what: &str, state: ProvisioningState) {
    world.until("directory", what, all(state)).await;
}

/// Lets time pass until a sweep has tried once more.
async fn is_tried_again(world: &World, what: &str) {
    let attempts = |orders: &[Order]| orders.iter().map(|order| order.attempts).sum::<u32>();
    let before = attempts(&world.orders_of("directory").await);
    world.until("directory", what, |orders| attempts(orders) > before).await;
}

/// The fault is over: all comes to its end by itself, everybody is there once, and a further run has nothing to do.
async fn check_afterwards(world: World, directory: &Directory, what: &str) {
    comes_to(&world, what, ProvisioningState::Executed).await;
    let run = world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(run.state, RunState::Completed, "{what}: {run:#?}");
    assert_eq!(states(&world, "directory").await, [(ProvisioningState::Verified, 4)].into(), "{what}");
    assert_eq!(trouble(&world, "directory").await, None, "{what}");
    let creations: Vec<_> = directory.state().creations.clone().into_iter().collect();
    let once: Vec<_> = people().into_iter().map(|person| (person.number, 1)).collect();
    assert_eq!(creations, once, "{what}: everybody was made once");
    assert!(directory.people().iter().all(|(_, groups)| groups.contains("staff")), "{what}");
    let before = orders::counts(&world.op(), OrderFilter::default()).await.unwrap();
    world.run("complete", RunMode::default()).await;
    assert_eq!(orders::counts(&world.op(), OrderFilter::default()).await.unwrap(), before, "{what}");
    world.stop().await;
}

#[tokio::test]
async fn a_target_that_is_down_from_the_start() {
    let mut directory = Directory::start_down(&["staff"]);
    let mut world = world(directory.port).await;
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(run.state, RunState::Warning, "{run:#?}");
    check_while_it_lasts(&mut world, "down", &retried(ErrorClass::Transient)).await;
    directory.come_up();
    check_afterwards(world, &directory, "down").await;
}

#[tokio::test]
async fn targets_that_fall_silent_break_off_or_answer_rubbish() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Welcome</html>";
    let half = "HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{\"id\": \"u";
    for (what, fault) in [
        ("slow", Fault::Silence),
        ("closing at once", Fault::Refuse),
        ("closing before the answer", Fault::CloseAfterRequest { with: "POST" }),
        ("closing half way", Fault::CloseAfter(40)),
        ("half an answer", Fault::Rubbish(half.into())),
        ("an answer without end", Fault::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())),
        ("a page of a hotel's network", Fault::Rubbish(page.into())),
        ("rubbish", Fault::Rubbish(b"\x00\x01\x02 220 mail.example ESMTP\r\n\r\n".to_vec())),
    ] {
        let directory = Directory::start(&["staff"]);
        let proxy = FaultProxy::start(directory.port).await;
        let mut world = world(proxy.port).await;
        world.plan().await;
        proxy.set(fault);
        let run = world.run("fulfil", RunMode::default()).await;
        assert_eq!(run.state, RunState::Warning, "{what}: {run:#?}");
        check_while_it_lasts(&mut world, what, &IN_DOUBT).await;
        // Reading back fails as well; nothing is concluded from that.
        is_tried_again(&world, what).await;
        proxy.set(Fault::None);
        check_afterwards(world, &directory, what).await;
    }
}

#[tokio::test]
async fn a_target_that_says_not_now() {
    for (status, expected) in [
        (503, retried(ErrorClass::Transient)),
        (429, retried(ErrorClass::RateLimited)),
        // Some servers write, fail afterwards, and say so.
        (500, IN_DOUBT),
    ] {
        let what = format!("answering {status}");
        let directory = Directory::start(&["staff"]);
        let mut world = world(directory.port).await;
        world.plan().await;
        directory.state().refusal = Some(Refusal { with: String::new(), status, detail: "not now".into() });
        let run = world.run("fulfil", RunMode::default()).await;
        assert_eq!(run.state, RunState::Warning, "{what}: {run:#?}");
        check_while_it_lasts(&mut world, &what, &expected).await;
        directory.state().refusal = None;
        check_afterwards(world, &directory, &what).await;
    }
}

#[tokio::test]
async fn what_is_refused_for_good_waits_for_a_person() {
    let directory = Directory::start(&["staff"]);
    let world = world(directory.port).await;
    world.plan().await;
    let refusal = Refusal { with: "Bo Ek".into(), status: 400, detail: "displayName is too short".into() };
    directory.state().refusal = Some(refusal);
    let run = world.run("fulfil", RunMode::default()).await;
    assert_eq!(run.state, RunState::Warning, "{run:#?}");
    world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(
        states(&world, "directory").await,
        [(ProvisioningState::Errored, 1), (ProvisioningState::Verified, 3)].into()
    );
    assert_eq!(trouble(&world, "directory").await, None, "the application itself is well");
    let refused = world.orders_of("directory").await.into_iter().find(|order| {
        matches!(&order.reason, Some(StateReason::Failed { class: ErrorClass::Invalid, message })
            if message.contains("displayName is too short"))
    });
    let refused = refused.expect("the order says why");
    assert_eq!((refused.state, refused.next_attempt_at), (ProvisioningState::Errored, None));

    // Nobody tries again by itself, whatever time passes.
    world.clock.step(Duration::from_secs(48 * 3600));
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(world.orders_of("directory").await.iter().find(|order| order.id == refused.id), Some(&refused));

    directory.state().refusal = None;
    orders::act(&world.op(), refused.id, Deed::Retry).await.unwrap();
    for _ in 0..1_000 {
        // While it is on its way a reading would not tell what becomes of it: the clock of this test stands.
        let states = states(&world, "directory").await;
        if ![ProvisioningState::Pending, ProvisioningState::Transmitted].iter().any(|state| states.contains_key(state))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(states(&world, "directory").await, [(ProvisioningState::Verified, 4)].into());
    assert!(directory.state().creations.values().all(|count| *count == 1));
    world.stop().await;
}

// ------------------------------------------------------------------------------------------- people who are too late

fn refused<T: std::fmt::Debug>(what: &str, outcome: Result<T, ApiError>) {
    match outcome {
        Err(error) if error.code == ErrorCode::Conflict => {
            assert!(error.message.len() > 20, "{what}: {error}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn actions_in_the_wrong_state_are_refused_and_change_nothing() {
    let mut world = World::new(&people()).await;
    let run: RunId = world.run("complete", RunMode::default()).await.id;
    let op = world.op();
    // The badges are in flight: the exchange has not answered yet.
    let in_flight = world.orders_of("badges").await;
    let id = in_flight[0].id;
    assert_eq!(in_flight[0].state, ProvisioningState::Transmitted);
    refused("cancel in flight", orders::act(&op, id, Deed::Cancel { why: "a test".into() }).await);
    refused("retry in flight", orders::act(&op, id, Deed::Retry).await);
    refused("approve in flight", reviews::decide_whole(&op, id, Verdict::Approve, String::new()).await);
    assert_eq!(world.orders_of("badges").await, in_flight);

    refused("stop a run that is over", jobs::cancel(&op, run).await);
    refused("resume a run that is over", approvals::approve(&op, run, None, "a test".into()).await);

    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
    let open = world.open_work_items().await;
    work_items::release(&op, open[0]).await.unwrap_err();
    assert_eq!(world.do_work_items().await, 2);
    world.run("synchronize-back", RunMode::default()).await;
    let (badges, mainframe) = (world.orders_of("badges").await, world.orders_of("mainframe").await);
    for order in badges.iter().chain(&mainframe) {
        assert_eq!(order.state, ProvisioningState::Verified);
        refused("cancel what is confirmed", orders::act(&op, order.id, Deed::Cancel { why: "a test".into() }).await);
        refused("retry what is confirmed", orders::act(&op, order.id, Deed::Retry).await);
        refused(
            "approve what is confirmed",
            reviews::decide_whole(&op, order.id, Verdict::Approve, String::new()).await,
        );
        refused("decline what is confirmed", reviews::decide_whole(&op, order.id, Verdict::Decline, "no".into()).await);
    }
    for id in &open {
        refused("claim what is closed", work_items::claim(&op, *id).await);
        refused("release what is closed", work_items::release(&op, *id).await);
        for outcome in [
            work_items::confirm(&op, vec![*id], String::new()).await.unwrap(),
            work_items::report_error(&op, vec![*id], "too late".into()).await.unwrap(),
        ] {
            for (_, outcome) in outcome {
                refused("report on what is closed", outcome);
            }
        }
    }
    assert_eq!((world.orders_of("badges").await, world.orders_of("mainframe").await), (badges, mainframe));
    world.stop().await;
}

async fn operator(world: &World, login: &str) -> OpContext {
    let password = "a long password for tests";
    let id = users::add(&world.engine, login, login, password, vec!["administrator".into()]).await.unwrap();
    let user = users::find(&world.engine, id).await.unwrap().unwrap();
    OpContext { user, ..world.op() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_who_report_one_work_item_at_once_exactly_one_wins() {
    let crowd: Vec<Person> = (1..=12).map(|number| person(number, "Ann", &format!("Lee{number}"), "Finance")).collect();
    let mut world = World::new(&crowd).await;
    world.run("complete", RunMode::default()).await;
    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
    let (ann, bo) = (operator(&world, "ann").await, operator(&world, "bo").await);
    let open = world.open_work_items().await;
    assert_eq!(open.len(), crowd.len());
    for id in open {
        let both = [(ann.clone(), "ann"), (bo.clone(), "bo")].map(|(op, who)| {
            tokio::spawn(async move {
                let mut outcomes = work_items::confirm(&op, vec![id], format!("done by {who}")).await.unwrap();
                (who, outcomes.remove(0).1)
            })
        });
        let mut winners = Vec::new();
        for report in both {
            match report.await.unwrap() {
                (who, Ok(())) => winners.push(who),
                (who, outcome) => refused(who, outcome),
            }
        }
        let detail = work_items::detail(&world.op(), id).await.unwrap();
        assert_eq!(detail.item.state, WorkItemState::Done);
        assert_eq!(detail.closed_by.as_deref(), winners.first().copied(), "one wins: {winners:?}");
        assert_eq!(winners.len(), 1);
        assert_eq!(detail.item.note, Some(format!("done by {}", winners[0])));
        assert_eq!(detail.order.state, ProvisioningState::Executed);
        let timeline = orders::detail(&world.op(), detail.order.id).await.unwrap().timeline;
        let executed = timeline.iter().filter(|event| event.to == ProvisioningState::Executed);
        assert_eq!(executed.map(|event| event.actor.as_str()).collect::<Vec<_>>(), winners);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_who_start_a_job_at_once_exactly_one_wins() {
    let world = World::new(&people()).await;
    let op = world.op();
    let starts = [(), ()].map(|()| {
        let op = op.clone();
        tokio::spawn(async move { jobs::start(&op, "complete".into(), RunMode::default()).await })
    });
    let mut started = Vec::new();
    for start in starts {
        match start.await.unwrap() {
            Ok(id) => started.push(id),
            Err(error) => refused::<()>("the second", Err(error)),
        }
    }
    assert_eq!(started.len(), 1);
    let mut updates = world.engine.updates().subscribe();
    while !jobs::run(&op, started[0]).await.unwrap().run.state.is_final() {
        let _ = updates.recv().await;
    }
    assert_eq!(jobs::runs(&op, model::view::RunFilter { limit: 10, ..Default::default() }).await.unwrap().len(), 1);
    world.stop().await;
}
