//! Requests, end to end: what is asked for is given beside what the rules give, for its reason and its days, by orders
//! that can be followed; the same is never asked for twice, and what makes no sense changes nothing.

use std::time::Duration;

use engine::{approvals, configurations, identities, orders, requests};
use jiff::civil::date;
use model::access::{Grantable, Why};
use model::error::ErrorCode;
use model::ids::{IdentityId, RequestId};
use model::job::{RunMode, RunState};
use model::order::ProvisioningState;
use model::request::{NewRequest, RequestDetail, RequestFilter, RequestSource, RequestState, Standing};
use model::trigger::Trigger;
use testkit::world::{Person, World, person};

use crate::asking::{asks, entitlement, give, id, people, settle, take};
use crate::postgres;

async fn world() -> World {
    let mut world = World::new(&people()).await;
    settle(&mut world).await;
    world
}

async fn submit(world: &World, new: NewRequest) -> RequestId {
    let submission = requests::submit(&world.op(), new).await.unwrap();
    assert_eq!(submission.standing, Standing::New);
    submission.request.unwrap()
}

async fn detail(world: &World, id: RequestId) -> RequestDetail {
    requests::detail(&world.op(), id).await.unwrap()
}

/// The request once nothing has to be planned because of it and its run has ended.
async fn planned(world: &World, id: RequestId) -> RequestDetail {
    let mut updates = world.engine.updates().subscribe();
    loop {
        let found = detail(world, id).await;
        if let Some(run) = found.request.run.filter(|_| !found.request.to_plan)
            && engine::jobs::run(&world.op(), run).await.unwrap().run.state.is_final()
        {
            return found;
        }
        // Looked at again at least as often as days and requests are.
        let _ = tokio::time::timeout(Duration::from_millis(50), updates.recv()).await;
    }
}

/// What was sent is done, and read back by the next run.
async fn confirmed(world: &mut World, id: RequestId) -> RequestDetail {
    planned(world, id).await;
    world.badges.work();
    world.run("synchronize-back", RunMode::default()).await;
    detail(world, id).await
}

fn holds(world: &World, number: &str, key: &str) -> bool {
    world.badges.accounts[number].entitlements.contains(key)
}

#[tokio::test]
async fn what_is_given_by_hand_is_followed_until_it_is_verified() {
    walk(world().await).await;
}

#[tokio::test]
async fn the_same_on_postgresql() {
    let server = postgres::Postgres::start();
    let url = server.url();
    let mut world = World::with_database(&people(), &url, tempfile::tempdir().unwrap()).await;
    settle(&mut world).await;
    walk(world).await;
}

async fn walk(mut world: World) {
    let bo = id(&world, "2").await;
    let new = NewRequest { simulate: true, ..asks(bo, vec![give(entitlement("vault"))]) };
    let preview = requests::submit(&world.op(), new).await.unwrap();
    assert_eq!((preview.standing, preview.request), (Standing::Simulated, None));
    assert_eq!(preview.preview.gains, [(entitlement("vault"), "Vault".to_owned())]);
    let changes: Vec<&str> = preview.preview.lines.iter().map(|line| line.change.as_str()).collect();
    assert_eq!(changes, ["+ VAULT"], "{preview:#?}");
    let list = requests::page(&world.op(), RequestFilter::default()).await.unwrap();
    assert_eq!(list.total, 0, "a preview keeps nothing");

    let request = submit(&world, asks(bo, vec![give(entitlement("vault"))])).await;
    let found = planned(&world, request).await;
    assert_eq!(found.orders.len(), 1, "{found:#?}");
    let order = orders::detail(&world.op(), found.orders[0].id).await.unwrap().order;
    assert_eq!((order.trigger, order.priority), (Trigger::Administrator, 35));
    assert_eq!(requests::of_order(&world.op(), order.id).await.unwrap()[0].id, request);
    let origin = order.items[0].reasons[0].grant.as_ref().unwrap();
    assert_eq!((origin.request, origin.why.as_str()), (request, "covers for Ann"));
    let found = confirmed(&mut world, request).await;
    assert_eq!(found.request.state, RequestState::Completed, "{found:#?}");
    assert!(holds(&world, "2", "VAULT"));
    let times = [found.request.planned_at, found.request.sent_at, found.request.done_at, found.request.ended_at];
    assert!(times.iter().all(Option::is_some), "{times:?}");

    // It is seen as what it is, and a complete computation leaves it.
    let Why::Explained(why) = identities::why(&world.op(), bo, None, "vault").await.unwrap() else { panic!() };
    assert!(why.held && why.reasons[0].grant.as_ref().is_some_and(|origin| origin.request == request));
    let row = identities::detail(&world.op(), bo).await.unwrap().permissions;
    let vault = row.iter().find(|row| row.grantable == entitlement("vault")).unwrap();
    assert_eq!(vault.state, Some(ProvisioningState::Verified));
    let run = world.run("complete", RunMode::default()).await;
    assert_eq!(world.engine.store().orders_of_run(run.id).await.unwrap(), [], "{run:#?}");

    // A role with the vault comes and goes: the vault stays, for the reason that is left.
    let role = submit(&world, asks(bo, vec![give(Grantable::Role("bookkeeper".into()))])).await;
    confirmed(&mut world, role).await;
    world.run("fulfil", RunMode::default()).await;
    world.do_work_items().await;
    let taken = submit(&world, asks(bo, vec![take(Grantable::Role("bookkeeper".into()))])).await;
    // It takes the only other user of the mainframe: that is beyond the usual limit, and somebody has to say so.
    let found = planned(&world, taken).await;
    assert_eq!(found.request.state, RequestState::Approval, "{found:#?}");
    let run = found.request.run.unwrap();
    approvals::approve(&world.op(), run, None, "It is right.".into()).await.unwrap();
    world.ended(run).await;
    world.do_work_items().await;
    let found = confirmed(&mut world, taken).await;
    assert_eq!(found.request.state, RequestState::Completed, "{found:#?}");
    assert!(holds(&world, "2", "VAULT"));
    let Why::Explained(why) = identities::why(&world.op(), bo, None, "vault").await.unwrap() else { panic!() };
    assert_eq!(why.reasons.len(), 1);

    let last = submit(&world, asks(bo, vec![take(entitlement("vault"))])).await;
    let found = confirmed(&mut world, last).await;
    assert_eq!((found.request.state, found.orders.len()), (RequestState::Completed, 1));
    assert!(!holds(&world, "2", "VAULT"));
    world.stop().await;
}

/// The other direction: what a rule gives stays when the same is taken away that was given by hand, and the preview says why.
#[tokio::test]
async fn what_a_rule_gives_is_not_taken_away_by_hand() {
    let world = world().await;
    let ann = id(&world, "1").await;
    let refused = requests::submit(&world.op(), asks(ann, vec![take(entitlement("vault"))])).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::Conflict, Some("items")));
    assert!(refused.message.contains("finance") && refused.message.contains("department = Finance"), "{refused}");
    let given = submit(&world, asks(ann, vec![give(entitlement("vault"))])).await;
    assert_eq!(planned(&world, given).await.request.state, RequestState::Completed);
    let new = NewRequest { simulate: true, ..asks(ann, vec![take(entitlement("vault"))]) };
    let preview = requests::submit(&world.op(), new).await.unwrap().preview;
    assert!(preview.losses.is_empty() && preview.lines.is_empty(), "{preview:#?}");
    assert!(preview.remarks.iter().any(|remark| remark.contains("keeps Vault")), "{preview:#?}");
    let taken = submit(&world, asks(ann, vec![take(entitlement("vault"))])).await;
    let found = planned(&world, taken).await;
    assert_eq!((found.request.state, found.orders.len()), (RequestState::Completed, 0));
    assert!(holds(&world, "1", "VAULT"));
    // What comes with something that was given by hand names it.
    let role = submit(&world, asks(id(&world, "2").await, vec![give(Grantable::Role("bookkeeper".into()))])).await;
    planned(&world, role).await;
    let new = asks(id(&world, "2").await, vec![take(entitlement("vault"))]);
    let refused = requests::submit(&world.op(), new).await.unwrap_err();
    assert!(refused.message.contains(&format!("request {role}")), "{refused}");
    world.stop().await;
}

/// Certification, policy violation, inbound provisioning and the others: one entry, one tracked case, and each order carries
/// what set it off, how urgent that is, and with that how often it is tried again.
#[tokio::test]
async fn every_trigger_goes_the_same_way() {
    let more = "[organisation.priorities]\npolicy_violation = 3\n";
    let mut world = World::new(&people()).await;
    let file = world.configuration().join("all.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("[entitlements.door]", &format!("{more}[entitlements.door]"), 1);
    let retries = "[applications.badges.retry]\nattempts = 9\n[applications.badges.retry.triggers.certification]\nattempts = 2\n\
        [applications.badges.retry.triggers.access_request]\nattempts = 4\n";
    std::fs::write(&file, format!("{text}\n{retries}")).unwrap();
    configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    settle(&mut world).await;
    let triggers: Vec<Trigger> = Trigger::ALL.into_iter().filter(|trigger| *trigger != Trigger::Undo).collect();
    let retry = world.engine.world().configuration().applications["badges"].retry.clone();
    for (number, trigger) in (2..).zip(triggers) {
        let identity = id(&world, &number.to_string()).await;
        let source = RequestSource { kind: "test".into(), name: trigger.name().into(), reference: Some("7".into()) };
        let new = NewRequest {
            trigger,
            source,
            correlation: Some("X-1".into()),
            ..asks(identity, vec![give(entitlement("vault"))])
        };
        let request = submit(&world, new).await;
        let found = planned(&world, request).await;
        assert_eq!(found.request.source.reference.as_deref(), Some("7"));
        let [row] = found.orders.as_slice() else { panic!("{trigger:?}: {found:#?}") };
        let order = orders::detail(&world.op(), row.id).await.unwrap().order;
        let priority = if trigger == Trigger::PolicyViolation { 3 } else { trigger.usual_priority() };
        assert_eq!((order.trigger, order.priority), (trigger, priority));
        let attempts = match trigger {
            Trigger::Certification => 2,
            Trigger::AccessRequest => 4,
            _ => 9,
        };
        let policy = broker::retry::RetryPolicy::default().of(&retry, order.trigger);
        assert_eq!(policy.at_most, Some(attempts), "{trigger:?}");
    }
    let undo = NewRequest { trigger: Trigger::Undo, ..asks(id(&world, "2").await, vec![give(entitlement("vault"))]) };
    assert_eq!(requests::submit(&world.op(), undo).await.unwrap_err().field.as_deref(), Some("trigger"));
    world.stop().await;
}

#[tokio::test]
async fn the_same_is_never_asked_for_twice() {
    twice(world().await).await;
}

#[tokio::test]
async fn nor_on_postgresql() {
    let server = postgres::Postgres::start();
    let url = server.url();
    let mut world = World::with_database(&people(), &url, tempfile::tempdir().unwrap()).await;
    settle(&mut world).await;
    twice(world).await;
}

async fn twice(world: World) {
    let bo = id(&world, "2").await;
    let keyed = |key: &str, why: &str| NewRequest {
        key: Some(key.into()),
        justification: why.into(),
        ..asks(bo, vec![give(entitlement("vault"))])
    };
    // Many at once, some with a key: one request, and one order.
    let many = (0..8).map(|number| {
        let op = world.op();
        let key = (number % 2 == 0).then(|| format!("key-{}", number % 4));
        let new = NewRequest { key, ..asks(bo, vec![give(entitlement("vault"))]) };
        tokio::spawn(async move { requests::submit(&op, new).await })
    });
    let mut answers = Vec::new();
    for task in many.collect::<Vec<_>>() {
        answers.push(task.await.unwrap().unwrap());
    }
    let first = answers[0].request.unwrap();
    assert!(answers.iter().all(|answer| answer.request == Some(first)), "{answers:#?}");
    let new = answers.iter().filter(|answer| answer.standing == Standing::New).count();
    assert_eq!(new, 1, "{answers:#?}");
    let found = planned(&world, first).await;
    assert_eq!((found.orders.len(), found.keys.as_slice()), (1, &["key-0".to_owned(), "key-2".to_owned()][..]));

    // The same key for the same, even when it is over; and for something else.
    let again = requests::submit(&world.op(), keyed("key-0", "covers for Ann")).await.unwrap();
    assert_eq!((again.standing, again.request), (Standing::SameKey, Some(first)));
    let other = requests::submit(&world.op(), keyed("key-0", "something else")).await.unwrap_err();
    assert_eq!((other.code, other.field.as_deref()), (ErrorCode::Conflict, Some("key")));
    // Another source has keys of its own.
    let elsewhere = NewRequest { source: RequestSource::new("file", "batch"), ..keyed("key-0", "covers for Ann") };
    let attached = requests::submit(&world.op(), elsewhere).await.unwrap();
    assert_eq!((attached.standing, attached.request), (Standing::Attached, Some(first)));
    let list = requests::page(&world.op(), RequestFilter::default()).await.unwrap();
    assert_eq!(list.total, 1);
    world.stop().await;
}

#[tokio::test]
async fn days_begin_and_end_by_themselves() {
    let mut world = world().await;
    let bo = id(&world, "2").await;
    let (first, last) = (date(2026, 3, 4), date(2026, 3, 5));
    let new = NewRequest { not_before: Some(first), until: Some(last), ..asks(bo, vec![give(entitlement("vault"))]) };
    let preview = requests::submit(&world.op(), NewRequest { simulate: true, ..new.clone() }).await.unwrap().preview;
    assert_eq!((preview.first_day, preview.lines.len()), (Some(first), 1));
    let request = submit(&world, new).await;
    assert_eq!(detail(&world, request).await.request.state, RequestState::Waiting);
    world.run("complete", RunMode::default()).await;
    assert_eq!(detail(&world, request).await.orders, []);
    let day = Duration::from_hours(24);
    world.clock.step(2 * day);
    let found = confirmed(&mut world, request).await;
    assert_eq!(found.request.state, RequestState::Completed, "{found:#?}");
    assert!(holds(&world, "2", "VAULT"));
    // The last day counts; the day after does not, with nobody asking.
    world.clock.step(day);
    world.run("complete", RunMode::default()).await;
    world.badges.work();
    assert!(holds(&world, "2", "VAULT"));
    world.clock.step(day);
    let before = found.request.run;
    let found = loop {
        let found = planned(&world, request).await;
        if found.request.run != before {
            break found;
        }
        tokio::task::yield_now().await;
    };
    world.badges.work();
    assert!(!holds(&world, "2", "VAULT"));
    assert_eq!(found.request.state, RequestState::Completed);
    assert!(found.events.iter().any(|event| event.message.contains("last day is over")), "{:#?}", found.events);
    assert_eq!(world.engine.store().direct_grants(None).await.unwrap(), []);

    // What is taken away later is held until then.
    let given = submit(&world, asks(bo, vec![give(entitlement("vault"))])).await;
    confirmed(&mut world, given).await;
    let later = NewRequest { not_before: Some(date(2026, 3, 10)), ..asks(bo, vec![take(entitlement("vault"))]) };
    let later = submit(&world, later).await;
    assert_eq!(detail(&world, later).await.request.state, RequestState::Waiting);
    let held = world.engine.store().direct_grants(None).await.unwrap();
    assert_eq!(held[0].period.ends, Some(date(2026, 3, 10)));
    // And called off, it is held as before.
    requests::cancel(&world.op(), later, "no longer".into()).await.unwrap();
    planned(&world, later).await;
    let held = world.engine.store().direct_grants(None).await.unwrap();
    assert_eq!((held.len(), held[0].period.ends), (1, None));
    world.stop().await;
}

#[tokio::test]
async fn a_request_is_cancelled_while_nothing_was_sent() {
    let world = world().await;
    let bo = id(&world, "2").await;
    let waiting = NewRequest { not_before: Some(date(2026, 4, 1)), ..asks(bo, vec![give(entitlement("vault"))]) };
    let waiting = submit(&world, waiting).await;
    assert!(detail(&world, waiting).await.can_be_cancelled);
    let silent = requests::cancel(&world.op(), waiting, " ".into()).await.unwrap_err();
    assert_eq!(silent.field.as_deref(), Some("reason"));
    requests::cancel(&world.op(), waiting, "not needed".into()).await.unwrap();
    let found = planned(&world, waiting).await;
    assert_eq!((found.request.state, found.can_be_cancelled), (RequestState::Cancelled, false));
    assert_eq!(world.engine.store().direct_grants(None).await.unwrap(), []);
    assert_eq!(requests::cancel(&world.op(), waiting, "again".into()).await.unwrap_err().code, ErrorCode::Conflict);

    let sent = submit(&world, asks(bo, vec![give(entitlement("vault"))])).await;
    planned(&world, sent).await;
    let late = requests::cancel(&world.op(), sent, "too late".into()).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
    world.stop().await;
}

/// The same limits stop it as stop a job; rejected, it is called off with what it gave.
#[tokio::test]
async fn a_threshold_stops_a_request_until_somebody_decides() {
    let mut world = World::new(&people()).await;
    settle(&mut world).await;
    let file = world.configuration().join("all.toml");
    let limits = "time_zone = \"UTC\"\nthresholds.updated = { count = 1 }";
    let text = std::fs::read_to_string(&file).unwrap().replacen("time_zone = \"UTC\"", limits, 1);
    std::fs::write(&file, text).unwrap();
    configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    let first = submit(&world, asks(id(&world, "2").await, vec![give(entitlement("vault"))])).await;
    assert_eq!(planned(&world, first).await.request.state, RequestState::Provisioning);
    for (number, approve) in [("3", true), ("4", false)] {
        let request = submit(&world, asks(id(&world, number).await, vec![give(entitlement("vault"))])).await;
        let found = planned(&world, request).await;
        assert_eq!((found.request.state, found.orders.len()), (RequestState::Approval, 0), "{found:#?}");
        let run = found.request.run.unwrap();
        if approve {
            approvals::approve(&world.op(), run, None, "It is right.".into()).await.unwrap();
            assert_ne!(world.ended(run).await.state, RunState::Blocked);
            let found = detail(&world, request).await;
            assert_eq!((found.request.state, found.orders.len()), (RequestState::Provisioning, 1), "{found:#?}");
        } else {
            approvals::reject(&world.op(), run, None, "It is not.".into()).await.unwrap();
            let found = detail(&world, request).await;
            assert_eq!(found.request.state, RequestState::Cancelled, "{found:#?}");
            let held = world.engine.store().direct_grants(None).await.unwrap();
            assert!(held.iter().all(|grant| grant.origin.request != request), "{held:#?}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_field_by_field_and_changes_nothing() {
    let mut world = world().await;
    let bo = id(&world, "2").await;
    let mut left = people();
    left[11].last_day = "2026-03-01".into();
    world.feed(&left);
    world.run("complete", RunMode::default()).await;
    let gone = id(&world, "12").await;
    let vault = || vec![give(entitlement("vault"))];
    let base = asks(bo, vault());
    let cases: Vec<(&str, &str, NewRequest)> = vec![
        ("identity", "no identity 999999", asks(IdentityId(999_999), vault())),
        ("identity", "has left", asks(gone, vault())),
        ("items", "Nothing is asked for", asks(bo, Vec::new())),
        ("items", "Perhaps `vault`", asks(bo, vec![give(entitlement("vautl"))])),
        ("items", "no role `nobody`", asks(bo, vec![give(Grantable::Role("nobody".into()))])),
        ("items", "asked for twice", asks(bo, [vault(), vault()].concat())),
        ("items", "given and taken away", asks(bo, vec![give(entitlement("vault")), take(entitlement("vault"))])),
        ("items", "More than 50", asks(bo, (0..51).map(|n| give(entitlement(&format!("e{n}")))).collect())),
        ("items", "does not hold", asks(bo, vec![take(entitlement("vault"))])),
        ("justification", "Say why", NewRequest { justification: " \n".into(), ..base.clone() }),
        ("justification", "cannot be shown", NewRequest { justification: "a\u{1}b".into(), ..base.clone() }),
        ("justification", "more than 500", NewRequest { justification: "x".repeat(501), ..base.clone() }),
        ("not_before", "is over", NewRequest { not_before: Some(date(2026, 3, 1)), ..base.clone() }),
        ("until", "is over", NewRequest { until: Some(date(2026, 3, 1)), ..base.clone() }),
        (
            "until",
            "comes before",
            NewRequest { not_before: Some(date(2026, 3, 9)), until: Some(date(2026, 3, 8)), ..base.clone() },
        ),
        (
            "until",
            "no last day",
            NewRequest { until: Some(date(2026, 3, 9)), ..asks(bo, vec![take(entitlement("vault"))]) },
        ),
        ("priority", "from 0 to 100", NewRequest { priority: Some(101), ..base.clone() }),
        ("key", "more than 200", NewRequest { key: Some("k".repeat(201)), ..base.clone() }),
        ("source", "is missing", NewRequest { source: RequestSource::new("", "x"), ..base.clone() }),
        ("requester", "whoever signed in", NewRequest { requester: Some("ann".into()), ..base.clone() }),
    ];
    for (field, says, new) in cases {
        let error = requests::submit(&world.op(), new).await.expect_err(says);
        assert_eq!(error.field.as_deref(), Some(field), "{error}");
        assert!(error.message.contains(says), "`{says}` is not in: {error}");
    }
    let mut op = world.op();
    op.permissions = ["/Requests/Submit"].iter().filter_map(|path| model::user::PermissionPath::parse(path)).collect();
    let urgent = requests::submit(&op, NewRequest { priority: Some(1), ..base.clone() }).await.unwrap_err();
    assert_eq!((urgent.code, urgent.field.as_deref()), (ErrorCode::Forbidden, Some("priority")));
    let relayed = NewRequest { trigger: Trigger::Certification, ..base.clone() };
    assert_eq!(requests::submit(&op, relayed).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(requests::page(&world.op(), RequestFilter::default()).await.unwrap().total, 0);
    assert_eq!(world.engine.store().direct_grants(None).await.unwrap(), []);

    // Given twice: the second would change nothing, and says by what.
    let request = submit(&world, base.clone()).await;
    confirmed(&mut world, request).await;
    let again = requests::submit(&world.op(), base).await.unwrap_err();
    assert!(again.message.contains(&format!("request {request}")), "{again}");
    world.stop().await;
}

/// What the role model orders says what set it off, too.
#[tokio::test]
async fn computed_orders_say_what_set_them_off() {
    let world = world().await;
    let mut people = people();
    // One comes, one leaves, one gets another name, and one moves without a date.
    people.push(Person { first_day: "2026-03-02".into(), ..person(40, "Nu", "New", "Sales") });
    people[1].last_day = "2026-03-01".into();
    people[2].family_name = "Renamed".into();
    people[3].department = "Finance".into();
    world.feed(&people);
    let mut run = world.run("complete", RunMode::default()).await;
    // One of twelve is more than usual: it stops at the feed, and again at what follows from it.
    while run.state == RunState::Blocked {
        approvals::approve(&world.op(), run.id, None, "It is right.".into()).await.unwrap();
        run = world.ended(run.id).await;
    }
    let made = world.engine.store().orders_of_run(run.id).await.unwrap();
    let of = |number: &str, account_type: &str| {
        let key = made.iter().filter(|order| order.account_type == account_type).find(|order| {
            order.key.as_deref() == Some(number)
                || order.items.iter().any(|item| item.value.as_ref().is_some_and(|value| value.to_string() == number))
        });
        key.map(|order| order.trigger)
    };
    assert_eq!(of("40", "badge"), Some(Trigger::LifecycleEvent), "{made:#?}");
    assert_eq!(of("2", "badge"), Some(Trigger::LifecycleEvent), "{made:#?}");
    assert_eq!(of("3", "badge"), Some(Trigger::AttributeSynchronization), "{made:#?}");
    assert_eq!(of("4", "badge"), Some(Trigger::IdentityRefresh), "{made:#?}");
    world.stop().await;
}
