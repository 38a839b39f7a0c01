//! What an operator sees of trouble and does about it: a dead target from the first red sign to all orders confirmed,
//! every action and what refuses it, orders that are poison, windows, patterns, and answers that are not to be trusted.

use std::time::Duration;

use engine::context::OpContext;
use engine::orders::{BulkOutcome, Deed};
use engine::{applications, jobs, orders, reviews, work_items};
use model::account::Mechanism;
use model::error::ErrorCode;
use model::ids::OrderId;
use model::job::RunMode;
use model::order::{ErrorClass, Order, ProvisioningState, StateReason, Trouble};
use model::review::ReviewFilter;
use model::user::PermissionPath;
use model::view::{OrderFilter, OrderSelection, PauseCause, RunFilter, Triage, WorkItemFilter};
use model::work_item::WorkItemState;
use testkit::configuration::{USER, directory};
use testkit::directory::{Directory, Refusal};
use testkit::world::{Person, World, all, crowd};

/// Everybody is to have a user in a directory at this port; `more` goes into the directory's own part.
async fn world(port: u16, people: &[Person], more: &str) -> World {
    let more = [&directory(port, more), USER].concat();
    World::with_more(people, &more, |tuning| tuning.call_timeout = Duration::from_millis(500)).await
}

async fn order(world: &World, id: OrderId) -> Order {
    orders::detail(&world.op(), id).await.unwrap().order
}

async fn triage(world: &World) -> Triage {
    let mut triage = orders::triage(&world.op()).await.unwrap();
    triage.unconfirmed.retain(|(application, ..)| application == "directory");
    triage.groups.retain(|group| group.application == "directory");
    triage
}

/// Lets time pass until the directory's orders are as wanted.
async fn until(world: &World, what: &str, is_so: impl Fn(&[Order]) -> bool) -> Vec<Order> {
    world.until("directory", what, is_so).await
}

/// A world in which the directory refuses all, or those with this in what they send.
async fn refusing(directory: &Directory, count: u32, with: &str, status: u16, detail: &str) -> World {
    let world = world(directory.port, &crowd(count), "").await;
    world.plan().await;
    directory.state().refusal = Some(Refusal { with: with.into(), status, detail: detail.into() });
    world.run("fulfil", RunMode::default()).await;
    world
}

fn refused<T: std::fmt::Debug>(what: &str, outcome: Result<T, model::error::ApiError>, code: ErrorCode, says: &str) {
    match outcome {
        Err(error) if error.code == code && error.message.contains(says) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn what_an_agent_reads_from_now_on_is_not_held_back() {
    let directory = Directory::start_down(&["staff"]);
    let world = world(directory.port, &crowd(6), "").await;
    world.run("complete", RunMode::default()).await;
    let is_held = |order: &Order| matches!(order.reason, Some(StateReason::Quarantined { .. }));
    assert!(world.orders_of("directory").await.iter().all(is_held));
    let more = world.configuration().join("more.toml");
    let text = std::fs::read_to_string(&more).unwrap();
    let read_by = "[applications.directory]\nread_by = \"clinic\"";
    let changed = text.replacen("[applications.directory]", read_by, 1);
    assert_ne!(changed, text);
    std::fs::write(&more, format!("[agents.clinic]\ndisplay_name = \"Clinic\"\n{changed}")).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    // Nothing is sent there any more that could find out that it answers again.
    assert!(triage(&world).await.paused.is_empty());
    until(&world, "let go", |orders| !orders.iter().any(is_held)).await;
    refused("probe", applications::probe(&world.op(), "directory".into()).await, ErrorCode::Conflict, "not held back");
    let schema = applications::schema(&world.op(), "directory".into()).await;
    refused("schema", schema, ErrorCode::Conflict, "agents are not asked for schemas");
    world.stop().await;
}

#[tokio::test]
async fn a_dead_target_from_the_first_red_sign_to_all_confirmed() {
    let mut directory = Directory::start_down(&["staff"]);
    let world = world(directory.port, &crowd(6), "").await;
    let op = world.op();
    world.run("complete", RunMode::default()).await;

    // The first red sign: what, since when, who, and what to do.
    let seen = triage(&world).await;
    let [pause] = seen.paused.as_slice() else { panic!("{seen:#?}") };
    let PauseCause::Quarantine { since, probes: 0, message, .. } = &pause.cause else { panic!("{pause:#?}") };
    assert_eq!((*since, pause.carrier_name.as_str()), (world.clock.now(), "Directory"));
    assert!(message.contains("no connection") || message.contains("refused"), "{message}");
    let [group] = seen.groups.as_slice() else { panic!("{seen:#?}") };
    assert_eq!((group.trouble, group.orders, group.people), (Trouble::Quarantined, 6, 6));
    let only = OrderFilter { fingerprint: Some(group.fingerprint.clone()), ..OrderFilter::default() };
    assert_eq!(orders::page(&op, only).await.unwrap().total, 6, "the list shows the group");
    assert!(applications::rows(&op).await.unwrap().iter().any(|row| row.name == "directory" && row.pause.is_some()));

    // The test says what is wrong; trying it early changes nothing but that it was tried.
    assert!(!applications::test(&op, "directory".into()).await.unwrap().succeeded);
    assert!(!applications::probe(&op, "directory".into()).await.unwrap().succeeded);
    let still = triage(&world).await;
    assert!(matches!(&still.paused[0].cause, PauseCause::Quarantine { probes: 1, .. }), "{still:#?}");
    assert_eq!(still.groups[0].orders, 6);
    // Somebody looks after an hour: it lasts, is told, and is not switched off.
    let attempts: u32 = world.orders_of("directory").await.iter().map(|order| order.attempts).sum();
    for _ in 0..80 {
        world.clock.step(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let later: u32 = world.orders_of("directory").await.iter().map(|order| order.attempts).sum();
    assert!(later > attempts && later - attempts <= 15, "tried now and then: {attempts} → {later}");
    let audit = world.engine.store().audit_page(None, 200).await.unwrap().rows;
    assert!(audit.iter().any(|line| line.detail.starts_with("Nothing is sent until it answers again")));
    assert!(audit.iter().any(|line| line.detail.starts_with("In quarantine since")), "{audit:#?}");

    // It is mended: one try, and everything goes out, in order.
    directory.come_up();
    let now = world.op();
    for _ in 0..200 {
        match applications::probe(&now, "directory".into()).await {
            Ok(test) => {
                assert!(test.succeeded, "{test:?}");
                break;
            }
            // The program itself is trying, or has just found out.
            Err(error) => assert_eq!(error.code, ErrorCode::Conflict),
        }
        if triage(&world).await.paused.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(&world, "sent", all(ProvisioningState::Executed)).await;
    let done = triage(&world).await;
    assert_eq!((done.paused.len(), done.groups.len()), (0, 0), "{done:#?}");
    assert_eq!(done.unconfirmed, [("directory".to_owned(), "Directory".to_owned(), 6)]);
    world.run("synchronize-back", RunMode::default()).await;
    assert!(all(ProvisioningState::Verified)(&world.orders_of("directory").await));
    assert_eq!(triage(&world).await, Triage::default());
    assert!(directory.state().creations.values().all(|count| *count == 1));
    world.stop().await;
}

#[tokio::test]
async fn a_person_may_send_although_the_application_is_held_back() {
    let mut directory = Directory::start_down(&["staff"]);
    let world = world(directory.port, &crowd(6), "").await;
    refused(
        "nothing to release",
        applications::release(&world.op(), "directory".into()).await,
        ErrorCode::Conflict,
        "not held back",
    );
    world.run("complete", RunMode::default()).await;
    let nobody = OpContext { permissions: Vec::new(), ..world.op() };
    refused(
        "release",
        applications::release(&nobody, "directory".into()).await,
        ErrorCode::Forbidden,
        "/Applications/Release",
    );
    refused(
        "probe",
        applications::probe(&nobody, "directory".into()).await,
        ErrorCode::Forbidden,
        "/Applications/Probe",
    );
    assert_eq!(triage(&world).await.paused.len(), 1);
    directory.come_up();
    applications::release(&world.op(), "directory".into()).await.unwrap();
    assert_eq!(triage(&world).await.paused.len(), 0);
    until(&world, "sent", all(ProvisioningState::Executed)).await;
    world.stop().await;
}

#[tokio::test]
async fn a_held_order_stays_until_it_is_let_go() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 2, "Given2", 400, "displayName is wrong").await;
    let failed = triage(&world).await.groups[0].sample;
    let op = world.op();
    let why = || "Waits for the owner.".to_owned();
    let before = order(&world, failed).await;
    refused(
        "no reason",
        orders::act(&op, failed, Deed::Hold { why: " \u{202e}\n".into() }).await,
        ErrorCode::Invalid,
        "Say why",
    );
    assert_eq!(order(&world, failed).await, before);
    orders::act(&op, failed, Deed::Hold { why: why() }).await.unwrap();
    let held = order(&world, failed).await;
    assert_eq!(held.state, ProvisioningState::Errored, "hold is a reason, not a state");
    assert!(matches!(&held.reason, Some(StateReason::Held { by, .. }) if by == "Command line"));
    for deed in [
        Deed::Hold { why: why() },
        Deed::Retry,
        Deed::SendToManual { why: why() },
        Deed::MarkDone { evidence: why() },
        Deed::Edit { values: vec![("displayName".into(), "X".into())], why: why() },
    ] {
        refused(
            "while held",
            orders::act(&op, failed, deed).await,
            ErrorCode::Conflict,
            "It is held: let it go first.",
        );
    }
    assert_eq!(order(&world, failed).await, held);
    orders::act(&op, failed, Deed::Resume).await.unwrap();
    assert_eq!(order(&world, failed).await.reason, before.reason, "why it failed is known again");
    refused("twice", orders::act(&op, failed, Deed::Resume).await, ErrorCode::Conflict, "It is not held.");
    directory.state().refusal = None;
    orders::act(&op, failed, Deed::Retry).await.unwrap();
    until(&world, "sent", all(ProvisioningState::Executed)).await;
    world.stop().await;
}

/// The same failures as a reviewer sees them: in groups of one cause, sent again together, but not what is held.
#[tokio::test]
async fn what_failed_for_one_cause_is_sent_again_together() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 4, "Given", 400, "displayName is wrong").await;
    let op = world.op();
    until(&world, "refused", all(ProvisioningState::Errored)).await;
    let page = reviews::page(&op, ReviewFilter::default()).await.unwrap();
    let [group] = page.groups.as_slice() else { panic!("{:#?}", page.groups) };
    assert_eq!((group.state, group.account_type.as_str(), group.orders), (ProvisioningState::Errored, "user", 4));
    let ids = reviews::failed(&op, &group.cause, &group.account_type).await.unwrap();
    assert_eq!(ids.len(), 4);
    orders::act(&op, ids[0], Deed::Hold { why: "Waits for the owner.".into() }).await.unwrap();
    let one_at_a_time = PermissionPath::parse("/Orders/Review").into_iter().collect();
    let clerk = OpContext { permissions: one_at_a_time, ..world.op() };
    refused("several", reviews::unblock(&clerk, ids.clone()).await, ErrorCode::Forbidden, "/Orders/BulkReview");

    directory.state().refusal = None;
    let outcomes = reviews::unblock(&op, ids.clone()).await.unwrap();
    let done = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    assert_eq!(done, 3, "{outcomes:?}");
    refused("what is held", outcomes[0].1.clone(), ErrorCode::Conflict, "It is held");
    let is_done = |order: &Order| order.state == ProvisioningState::Executed || order.id == ids[0];
    until(&world, "sent", |orders| orders.iter().all(is_done)).await;
    assert_eq!(order(&world, ids[0]).await.state, ProvisioningState::Errored);
    let again = reviews::unblock(&op, vec![ids[1]]).await.unwrap();
    refused("sent already", again[0].1.clone(), ErrorCode::Conflict, "has not failed");
    world.stop().await;
}

#[tokio::test]
async fn an_edited_value_is_sent_and_neither_undone_nor_repeated() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 2, "Given2", 400, "displayName is wrong").await;
    let failed = triage(&world).await.groups[0].sample;
    let op = world.op();
    let edit = |name: &str, value: &str| Deed::Edit {
        values: vec![(name.to_owned(), value.to_owned())],
        why: "Typing error in the feed.".into(),
    };
    for (name, value, says) in [
        ("displayName", "", "cannot be left empty"),
        ("displayName", "Given2 Name2", "different"),
        ("shoeSize", "46", "no value `shoeSize`"),
        ("staff", "x", "no value `staff`"),
    ] {
        refused(name, orders::act(&op, failed, edit(name, value)).await, ErrorCode::Invalid, says);
    }
    orders::act(&op, failed, edit("displayName", "Second Person")).await.unwrap();
    until(&world, "sent", all(ProvisioningState::Executed)).await;
    let detail = orders::detail(&op, failed).await.unwrap();
    let [kept] = detail.edits.as_slice() else { panic!("{:#?}", detail.edits) };
    assert_eq!((kept.before.to_string(), kept.edited.to_string()), ("Given2 Name2".into(), "Second Person".into()));
    assert_eq!((kept.by.as_str(), kept.why.as_str()), ("Command line", "Typing error in the feed."));
    let item = detail.order.items.iter().find(|item| item.name == "displayName").unwrap();
    assert!(item.explanation.contains("Later computations keep this value"), "{}", item.explanation);
    let names = || {
        let mut names: Vec<String> = directory
            .people()
            .iter()
            .map(|(user, _)| user.get("displayName").and_then(|name| name.as_str()).unwrap_or_default().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["Given1 Name1", "Second Person"]);
    directory.state().refusal = None;
    // Neither undone nor repeated.
    for _ in 0..2 {
        world.run("complete", RunMode::default()).await;
        assert_eq!(world.orders_of("directory").await.len(), 2);
        assert_eq!(names(), ["Given1 Name1", "Second Person"]);
    }
    // The source is corrected: the rules count again.
    let mut feed = crowd(2);
    feed[1].given_name = "Seconda".into();
    world.feed(&feed);
    world.run("complete", RunMode::default()).await;
    assert_eq!(names(), ["Given1 Name1", "Seconda Name2"]);
    assert_eq!(world.engine.store().value_edits_in_force().await.unwrap(), []);
    world.stop().await;
}

#[tokio::test]
async fn what_is_given_to_people_is_theirs_and_what_they_report_counts() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 2, "Given2", 400, "displayName is wrong").await;
    let failed = triage(&world).await.groups[0].sample;
    let op = world.op();
    let give = || Deed::SendToManual { why: "The interface refuses it; use the console.".into() };
    orders::act(&op, failed, give()).await.unwrap();
    until(&world, "given", |orders| {
        orders.iter().any(|order| order.id == failed && order.reason == Some(StateReason::WorkItem))
    })
    .await;
    let given = order(&world, failed).await;
    assert_eq!((given.state, given.mechanism), (ProvisioningState::Transmitted, Mechanism::Manual));
    refused("twice", orders::act(&op, failed, give()).await, ErrorCode::Conflict, "report on its work item");
    let open = WorkItemFilter {
        application: Some("directory".into()),
        state: Some(WorkItemState::Open),
        ..WorkItemFilter::default()
    };
    let items = work_items::page(&op, open).await.unwrap().rows;
    assert_eq!(items.len(), 1);
    let detail = work_items::detail(&op, items[0].id).await.unwrap();
    assert!(detail.instructions.contains("use the console"), "{}", detail.instructions);
    assert!(detail.item.due_at.is_some());
    let reported = work_items::report_error(&op, vec![items[0].id], "No licence left.".into()).await.unwrap();
    assert!(reported[0].1.is_ok(), "{reported:?}");
    let declined = order(&world, failed).await;
    assert!(
        matches!(&declined.reason, Some(StateReason::Failed { class: ErrorClass::Declined, message }) if message == "No licence left."),
        "{declined:#?}"
    );
    refused("given already", orders::act(&op, failed, give()).await, ErrorCode::Conflict, "done by hand already");
    assert_eq!(directory.people().len(), 1, "nothing was sent to the directory for it");
    world.stop().await;
}

#[tokio::test]
async fn what_is_marked_done_is_confirmed_or_found_otherwise() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 2, "Given2", 400, "displayName is wrong").await;
    let failed = triage(&world).await.groups[0].sample;
    let op = world.op();
    refused(
        "no evidence",
        orders::act(&op, failed, Deed::MarkDone { evidence: String::new() }).await,
        ErrorCode::Invalid,
        "how you know",
    );
    orders::act(&op, failed, Deed::MarkDone { evidence: "Ticket 77".into() }).await.unwrap();
    let done = order(&world, failed).await;
    assert_eq!(done.state, ProvisioningState::Executed);
    assert_eq!(done.reason, Some(StateReason::MarkedDone { by: "Command line".into(), evidence: "Ticket 77".into() }));
    refused(
        "twice",
        orders::act(&op, failed, Deed::MarkDone { evidence: "again".into() }).await,
        ErrorCode::Conflict,
        "read the application back",
    );
    // It is not there: whoever marked it was wrong, and the reading says so.
    world.run("synchronize-back", RunMode::default()).await;
    let found = order(&world, failed).await;
    assert!(matches!(&found.reason, Some(StateReason::Drifted { .. })), "{found:#?}");
    // Somebody makes it by hand after all.
    directory.state().refusal = None;
    let other = world_with_the_same(&directory).await;
    other.stop().await;
    orders::act(&op, failed, Deed::MarkDone { evidence: "Ticket 78".into() }).await.unwrap();
    world.run("synchronize-back", RunMode::default()).await;
    let confirmed = order(&world, failed).await;
    assert_eq!(confirmed.state, ProvisioningState::Verified, "{confirmed:#?}");
    assert!(confirmed.account.is_some() || confirmed.key.is_some(), "the account is known by now: {confirmed:#?}");
    world.stop().await;
}

/// Somebody else's hand: another organisation's Quartermaster makes everybody's user.
async fn world_with_the_same(directory: &Directory) -> World {
    let world = world(directory.port, &crowd(2), "").await;
    world.run("complete", RunMode::default()).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_acted_on_as_they_were_seen_and_by_one_of_two() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 6, "", 400, "not like this").await;
    let group = triage(&world).await.groups.remove(0);
    assert_eq!((group.trouble, group.orders), (Trouble::Failed, 6), "one cause, one group");
    let filter = OrderFilter { fingerprint: Some(group.fingerprint), ..OrderFilter::default() };
    let seen = OrderSelection { filter, ids: Vec::new(), seen_at: world.clock.now() };
    assert_eq!(orders::selected(&world.op(), &seen).await.unwrap().orders, 6);
    // Somebody joins and fails in the same way; one of those that were seen is cancelled.
    world.clock.step(Duration::from_secs(60));
    world.feed(&crowd(7));
    world.run("complete", RunMode::default()).await;
    assert_eq!(triage(&world).await.groups[0].orders, 7);
    let first = world.orders_of("directory").await[0].id;
    orders::act(&world.op(), first, Deed::Cancel { why: "gone".into() }).await.unwrap();

    let hold = || Deed::Hold { why: "until Monday".into() };
    let limited = |paths: &[&str]| OpContext {
        permissions: paths.iter().filter_map(|path| PermissionPath::parse(path)).collect(),
        ..world.op()
    };
    for (paths, missing) in [(&["/Orders/Hold"][..], "/Orders/Bulk"), (&["/Orders/Bulk"][..], "/Orders/Hold")] {
        let outcome = orders::act_on_many(&limited(paths), &seen, 6, hold()).await;
        refused("without the permission", outcome, ErrorCode::Forbidden, missing);
    }
    let edit = Deed::Edit { values: vec![], why: "x".into() };
    refused("edit", orders::act_on_many(&world.op(), &seen, 6, edit).await, ErrorCode::Invalid, "one order at a time");
    assert_eq!(
        world
            .orders_of("directory")
            .await
            .iter()
            .filter(|order| order.reason.as_ref().is_some_and(StateReason::is_hold))
            .count(),
        0
    );

    // Two people at once: each order is held once.
    let both = [(), ()].map(|()| {
        let (op, seen, hold) = (world.op(), seen.clone(), hold());
        tokio::spawn(async move { orders::act_on_many(&op, &seen, 6, hold).await.unwrap() })
    });
    let mut outcomes: Vec<BulkOutcome> = Vec::new();
    for outcome in both {
        outcomes.push(outcome.await.unwrap());
    }
    assert_eq!(outcomes.iter().map(|outcome| outcome.done).sum::<u64>(), 5, "{outcomes:#?}");
    for outcome in &outcomes {
        assert_eq!(outcome.done + outcome.refusals(), 6, "everything is accounted for: {outcomes:#?}");
    }
    let held: Vec<OrderId> = world
        .orders_of("directory")
        .await
        .into_iter()
        .filter(|order| order.reason.as_ref().is_some_and(StateReason::is_hold))
        .map(|order| order.id)
        .collect();
    assert_eq!(held.len(), 5, "not the new one, not the cancelled one");
    let timeline = orders::detail(&world.op(), held[0]).await.unwrap().timeline;
    assert_eq!(timeline.iter().filter(|event| event.message.starts_with("Held by")).count(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_poison_order_is_set_aside_and_the_rest_goes_on() {
    let directory = Directory::start(&["staff"]);
    let world = refusing(&directory, 4, "Given3", 500, "NullPointerException at 0x7f31").await;
    let orders = until(&world, "set aside", |orders| {
        orders.iter().any(|order| matches!(order.reason, Some(StateReason::SetAside { .. })))
    })
    .await;
    let poison = orders.iter().find(|order| matches!(order.reason, Some(StateReason::SetAside { .. }))).unwrap();
    assert_eq!(poison.state, ProvisioningState::Errored);
    assert!(matches!(&poison.reason, Some(StateReason::SetAside { times: 5, .. })), "{poison:#?}");
    assert!(orders.iter().filter(|order| order.state == ProvisioningState::Executed).count() == 3);
    assert_eq!(triage(&world).await.paused, [], "the application itself is well");
    directory.state().refusal = None;
    orders::act(&world.op(), poison.id, Deed::Retry).await.unwrap();
    until(&world, "sent", all(ProvisioningState::Executed)).await;
    assert!(directory.state().creations.values().all(|count| *count == 1));
    world.stop().await;
}

#[tokio::test]
async fn nothing_is_sent_in_a_maintenance_window() {
    let directory = Directory::start(&["staff"]);
    let window = r#"
[[applications.directory.maintenance]]
days = ["monday"]
from = "07:00"
until = "10:30"
"#;
    let world = world(directory.port, &crowd(3), window).await;
    world.run("complete", RunMode::default()).await;
    let seen = triage(&world).await;
    let until_then = "2026-03-02T10:30:00Z".parse().unwrap();
    assert_eq!(seen.paused[0].cause, PauseCause::Maintenance { until: until_then });
    assert_eq!((seen.groups[0].trouble, seen.groups[0].orders), (Trouble::Maintenance, 3));
    assert_eq!(seen.groups[0].reason, Some(StateReason::Maintenance { until: until_then }));
    assert_eq!(directory.people().len(), 0);
    assert!(world.orders_of("directory").await.iter().all(|order| order.attempts == 0));
    world.clock.step(Duration::from_hours(2));
    until(&world, "after the window", all(ProvisioningState::Executed)).await;
    assert!(world.clock.now() >= until_then);
    assert_eq!(triage(&world).await.paused, []);
    world.stop().await;
}

#[tokio::test]
async fn an_applications_own_patterns_and_limits_decide_what_is_tried_again() {
    let more = r#"
[applications.directory.retry]
attempts = 2
first_wait_seconds = 5
give_up_on = ["licence"]
retry_on = ["/try again [a-z]+/"]
"#;
    for (status, detail, attempts) in
        [(503, "no licence left", 1), (400, "please try again later", 2), (503, "busy", 2)]
    {
        let directory = Directory::start(&["staff"]);
        let world = world(directory.port, &crowd(2), more).await;
        directory.state().refusal = Some(Refusal { with: "Given2".into(), status, detail: detail.into() });
        world.run("complete", RunMode::default()).await;
        let orders =
            until(&world, detail, |orders| orders.iter().any(|order| order.state == ProvisioningState::Errored)).await;
        let failed = orders.iter().find(|order| order.state == ProvisioningState::Errored).unwrap();
        assert_eq!(failed.attempts, attempts, "{detail}: {failed:#?}");
        world.stop().await;
    }
}

#[tokio::test]
async fn what_a_target_answers_is_cut_and_cleaned() {
    let directory = Directory::start(&["staff"]);
    let detail = format!("denied \u{202e}elif\u{7} {}", "x".repeat(200_000));
    let world = refusing(&directory, 2, "Given2", 400, &detail).await;
    let failed =
        world.orders_of("directory").await.into_iter().find(|order| order.state == ProvisioningState::Errored).unwrap();
    let detail = orders::detail(&world.op(), failed.id).await.unwrap();
    let texts = detail.timeline.iter().map(|event| event.message.clone());
    let answers = detail.attempts.iter().map(|attempt| format!("{:?}", attempt.answer));
    let items = detail.order.items.iter().filter_map(|item| item.message.clone());
    let Some(StateReason::Failed { message, .. }) = &detail.order.reason else { panic!("{:#?}", detail.order) };
    assert!(message.contains("denied elif"), "{message}");
    for text in texts.chain(answers).chain(items).chain([message.clone()]) {
        assert!(text.chars().count() < 2_500, "{} characters", text.chars().count());
        assert!(!text.contains(['\u{202e}', '\u{7}']), "{text}");
    }
    world.stop().await;
}

#[tokio::test]
async fn jobs_and_people_see_the_same_state_after_a_restart() {
    // The circuit is in the database, not in the process: another one finds it open.
    let directory = Directory::start_down(&["staff"]);
    let world = world(directory.port, &crowd(6), "").await;
    world.run("complete", RunMode::default()).await;
    let first = world.engine.store().circuit("directory").await.unwrap();
    assert_eq!(first.circuit.failures, 6);
    assert!(jobs::runs(&world.op(), RunFilter { job: None, before: None, limit: 5 }).await.unwrap().len() == 1);
    // A further run sends nothing to it.
    let before: u32 = world.orders_of("directory").await.iter().map(|order| order.attempts).sum();
    world.run("fulfil", RunMode::default()).await;
    let after: u32 = world.orders_of("directory").await.iter().map(|order| order.attempts).sum();
    assert_eq!(before, after);
    world.stop().await;
}
