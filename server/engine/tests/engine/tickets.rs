//! Orders that other people carry out in a ticket system: a real Request Tracker.

use std::time::Duration;

use engine::orders::Deed;
use model::ids::OrderId;
use model::job::{LogLevel, Run, RunMode};
use model::order::{Answer, ErrorClass, Order, ProvisioningState, StateReason};
use model::view::{LogFilter, OrderDetail};
use testkit::world::{Person, World, person};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::request_tracker::{RequestTracker, start_request_tracker};

const DAY: Duration = Duration::from_hours(24);

fn people() -> Vec<Person> {
    vec![person(1, "Ann", "Lee", "Ward"), person(2, "Bo", "Ek", "Ward"), person(3, "Cy", "Ash", "Ward")]
}

/// A ward whose accounts are asked for with tickets; nothing of it can be read back.
fn ward(port: u16) -> String {
    format!(
        r#"
[applications.ward]
display_name = "Ward"
[applications.ward.connection]
kind = "request_tracker"
url = "http://127.0.0.1:{port}"
token = "secret:ward-token"
queue = "Access"

[account_types.ward]
display_name = "Ward account"
application = "ward"
key = "login"
[account_types.ward.attributes]
login = {{ expression = "identity.given_name.lower()", required = true, create_only = true }}
site = {{ expression = "identity.department" }}

[rules.ward]
when = 'identity.department == "Ward"'
account_types = ["ward"]
"#
    )
}

async fn world(tracker: &RequestTracker, port: u16) -> World {
    let world = World::with_more(&people(), &ward(port), |_| {}).await;
    engine::secrets::put(&world.op(), "ward-token".into(), tracker.token.clone()).await.unwrap();
    world
}

/// The orders of the ward, in the order of their accounts.
async fn orders(world: &World) -> Vec<Order> {
    let mut orders = world.orders_of("ward").await;
    let login = |order: &Order| order.items.iter().find(|item| item.name == "login").map(|item| item.value.clone());
    orders.sort_by_key(|order| (login(order), order.id));
    orders
}

async fn detail(world: &World, id: OrderId) -> OrderDetail {
    engine::orders::detail(&world.op(), id).await.unwrap()
}

fn ticket(order: &Order) -> u64 {
    match &order.reason {
        Some(StateReason::Handed { reference, .. } | StateReason::Unclear { reference, .. }) => {
            reference.strip_prefix("ticket ").unwrap().parse().unwrap()
        }
        other => panic!("order {} is not handed over: {other:?}", order.id),
    }
}

async fn fulfil(world: &World) -> Run {
    world.run("fulfil", RunMode::default()).await
}

async fn trouble(world: &World) -> Option<String> {
    let rows = engine::applications::rows(&world.op()).await.unwrap();
    rows.into_iter().find(|row| row.name == "ward").unwrap().trouble
}

#[tokio::test]
async fn tickets_are_opened_and_their_answers_taken() {
    let tracker = start_request_tracker();
    let world = world(&tracker, tracker.server.port).await;
    let test = engine::applications::test(&world.op(), "ward".into()).await.unwrap();
    assert!(test.succeeded, "{test:?}");
    world.run("complete", RunMode::default()).await;
    let sent = orders(&world).await;
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|order| order.state == ProvisioningState::Transmitted), "{sent:#?}");
    assert_eq!(tracker.count().await, 3);
    assert!(tracker.texts(ticket(&sent[0])).await[0].contains("Set login: ann\nSet site: Ward\n"));

    tracker.work(ticket(&sent[0]), None, Some("resolved")).await;
    tracker.work(ticket(&sent[1]), Some("Bo is no nurse"), Some("rejected")).await;
    fulfil(&world).await;
    let [ann, bo, cy] = &orders(&world).await[..] else { panic!("three orders") };
    assert_eq!((ann.state, &ann.reason), (ProvisioningState::Executed, &Some(StateReason::CannotBeReadBack)));
    let declined = StateReason::Failed {
        class: ErrorClass::Declined,
        message: format!("Ticket {} is rejected: Bo is no nurse", ticket(&sent[1])),
    };
    assert_eq!((bo.state, &bo.reason), (ProvisioningState::Errored, &Some(declined)));
    assert_eq!((cy.state, ticket(cy)), (ProvisioningState::Transmitted, ticket(&sent[2])));
    assert_eq!(trouble(&world).await, None);

    // What was declined and is tried again is asked anew, and the open one is left alone.
    engine::orders::act(&world.op(), bo.id, Deed::Retry).await.unwrap();
    fulfil(&world).await;
    let again = orders(&world).await;
    assert_ne!(ticket(&again[1]), ticket(&sent[1]));
    assert_eq!(tracker.count().await, 4);
    world.stop().await;
}

#[tokio::test]
async fn a_status_that_nobody_explained_waits_alerts_and_expires() {
    let tracker = start_request_tracker();
    let world = world(&tracker, tracker.server.port).await;
    world.run("complete", RunMode::default()).await;
    let sent = orders(&world).await;
    let vendor = ticket(&sent[0]);
    tracker.work(vendor, None, Some("with the vendor")).await;
    let run = fulfil(&world).await;
    let ann = &orders(&world).await[0];
    let problem =
        format!("Ticket {vendor} has the status `with the vendor`, and the connection does not say what that means.");
    assert_eq!(ann.state, ProvisioningState::Transmitted);
    assert_eq!(
        ann.reason,
        Some(StateReason::Unclear { reference: format!("ticket {vendor}"), message: problem.clone() })
    );
    assert_eq!(trouble(&world).await.as_deref(), Some(problem.as_str()));
    let filter = LogFilter { level: LogLevel::Warning, task: None, after: 0, limit: 100 };
    let log = engine::jobs::log(&world.op(), run.id, filter).await.unwrap();
    assert!(log.iter().any(|line| line.message == format!("`ward`: {problem}")), "{log:#?}");
    let steps = detail(&world, ann.id).await.timeline.len();
    fulfil(&world).await;
    assert_eq!(detail(&world, ann.id).await.timeline.len(), steps, "it is said once");

    tracker.work(vendor, None, Some("open")).await;
    fulfil(&world).await;
    assert_eq!(trouble(&world).await, None);
    assert!(matches!(orders(&world).await[0].reason, Some(StateReason::Handed { .. })));

    tracker.work(vendor, None, Some("with the vendor")).await;
    world.clock.step(31 * DAY);
    fulfil(&world).await;
    let expired = orders(&world).await;
    for order in &expired {
        assert_eq!((order.state, &order.reason), (ProvisioningState::Errored, &Some(StateReason::Timeout)));
    }
    // A late answer counts.
    tracker.work(vendor, None, Some("resolved")).await;
    fulfil(&world).await;
    assert_eq!(orders(&world).await[0].state, ProvisioningState::Executed);
    // Whoever tries it again meets the ticket that is still open.
    engine::orders::act(&world.op(), expired[1].id, Deed::Retry).await.unwrap();
    fulfil(&world).await;
    assert_eq!(ticket(&orders(&world).await[1]), ticket(&sent[1]));
    assert_eq!(tracker.count().await, 3);
    world.stop().await;
}

#[tokio::test]
async fn what_is_called_off_here_is_called_off_there() {
    let tracker = start_request_tracker();
    let world = world(&tracker, tracker.server.port).await;
    world.run("complete", RunMode::default()).await;
    let sent = orders(&world).await;
    let (ann, bo) = (&sent[0], &sent[1]);
    tracker.work(ticket(bo), None, Some("resolved")).await;
    for order in [ann, bo] {
        engine::orders::act(&world.op(), order.id, Deed::Cancel { why: "nobody needs it".into() }).await.unwrap();
        assert_eq!(detail(&world, order.id).await.order.state, ProvisioningState::Inactive);
    }
    world.clock.step(Duration::from_secs(60));
    fulfil(&world).await;
    assert_eq!(tracker.ticket(ticket(ann)).await["Status"], "rejected");
    assert!(tracker.texts(ticket(ann)).await[1].contains("no longer wants this"));
    assert_eq!(tracker.ticket(ticket(bo)).await["Status"], "resolved");
    for (order, word) in [(ann, "was closed as rejected"), (bo, "is done")] {
        let detail = detail(&world, order.id).await;
        let Some(Answer::CalledOff { detail: told }) = &detail.attempts[0].answer else { panic!("{detail:#?}") };
        assert!(told.contains(word), "{told}");
        assert_eq!(detail.timeline.last().unwrap().message, *told);
        assert_eq!(detail.order.state, ProvisioningState::Inactive);
    }
    let written = tracker.texts(ticket(ann)).await.len();
    world.clock.step(Duration::from_secs(60));
    fulfil(&world).await;
    assert_eq!(tracker.texts(ticket(ann)).await.len(), written, "it is told once");
    world.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_opens_no_second_ticket() {
    let tracker = start_request_tracker();
    let proxy = FaultProxy::start(tracker.server.port).await;
    let world = world(&tracker, proxy.port).await;
    proxy.set(Fault::CloseAfterRequest { with: "POST /REST/2.0/ticket" });
    world.run("complete", RunMode::default()).await;
    assert!(orders(&world).await.iter().all(|order| order.state == ProvisioningState::Pending));
    assert_eq!(tracker.count().await, 3, "the requests arrived");
    proxy.set(Fault::None);
    world.clock.step(Duration::from_hours(2));
    fulfil(&world).await;
    let sent = orders(&world).await;
    assert!(sent.iter().all(|order| matches!(order.reason, Some(StateReason::Handed { .. }))), "{sent:#?}");
    assert_eq!(tracker.count().await, 3);

    proxy.set(Fault::Refuse);
    world.clock.step(Duration::from_hours(1));
    fulfil(&world).await;
    assert!(trouble(&world).await.is_some(), "that it does not answer is shown");
    proxy.set(Fault::None);
    fulfil(&world).await;
    assert_eq!(trouble(&world).await, None);
    world.stop().await;
}
