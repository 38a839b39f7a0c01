//! Work of people, from the order to its end: whose it is, who asks whom, what is reported, and what is told in time.

use std::time::Duration;

use engine::context::OpContext;
use engine::orders::Deed;
use engine::work_items::{self, Told, bulk};
use model::error::{ApiError, ErrorCode};
use model::ids::{IdentityId, OrderItemId, WorkItemId};
use model::job::{RunMode, RunState};
use model::mail::Notice;
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::ItemKind;
use model::view::{BulkFilter, WorkItemDetail, WorkItemFilter, WorkItemScope};
use model::work_item::{Chosen, Fulfiller, LineOutcome, LineReport, WorkItemEventKind, WorkItemState};
use testkit::world::{Person, World, person};

const PASSWORD: &str = "a long enough password";

/// A desk that does the work, its chief, and people who may not.
const PROFILES: &str = r#"
[permission_profiles.desk]
display_name = "Mainframe desk"
permissions = ["/WorkItems/View", "/WorkItems/Bulk", "/WorkItems/Fulfil/terminal"]
[permission_profiles.chiefs]
display_name = "Chiefs"
permissions = ["/WorkItems"]
[permission_profiles.badges]
display_name = "Badge office"
permissions = ["/WorkItems/View", "/WorkItems/Bulk", "/WorkItems/Fulfil/badge"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home"]
"#;

/// What the mainframe's connection says about people's work.
const AGREED: &str = r#"fulfiller = "desk"
revoker = "user:rex"
escalate_to = "chiefs"
due_hours = 48
remind_hours = [24]
remind_overdue_hours = 24
escalate_hours = 12
no_own_work = true
"#;

fn people() -> Vec<Person> {
    vec![person(1, "Ann", "Lee", "Finance"), person(2, "Bo", "Ek", "Finance")]
}

/// The small organisation, its mainframe's work waiting, and nothing going on by itself.
async fn world(agreed: &str) -> World {
    let mut world = World::with_more(&people(), PROFILES, |tuning| tuning.sweep_every = Duration::from_hours(1)).await;
    let file = world.configuration().join("all.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let owned = text.replacen("display_name = \"Mainframe\"", "display_name = \"Mainframe\"\nowner = \"olga\"", 1);
    std::fs::write(&file, owned.replacen("due_days = 5\n", agreed, 1)).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    for (login, profile) in [
        ("dee", "desk"),
        ("dan", "desk"),
        ("cyd", "chiefs"),
        ("bea", "badges"),
        ("rex", "desk"),
        ("olga", "chiefs"),
        ("emil", "employee"),
    ] {
        engine::users::add(&world.engine, login, login, PASSWORD, vec![profile.into()]).await.unwrap();
    }
    work(&mut world).await;
    world
}

/// Work on the mainframe comes up.
async fn work(world: &mut World) {
    world.run("complete", RunMode::default()).await;
    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
}

async fn detail(world: &World, id: WorkItemId) -> WorkItemDetail {
    work_items::detail(&world.op(), id).await.unwrap()
}

fn line(order: &Order, name: &str) -> OrderItemId {
    order.items.iter().find(|item| item.name == name && item.kind != ItemKind::Lifecycle).unwrap().id
}

fn done(line: OrderItemId, actual: Option<&str>) -> LineReport {
    LineReport { line, outcome: LineOutcome::Done { actual: actual.map(str::to_owned) } }
}

fn cannot(line: OrderItemId, why: &str) -> LineReport {
    LineReport { line, outcome: LineOutcome::CannotDo { why: why.into() } }
}

fn rest_done(lines: Vec<LineReport>) -> Told {
    Told { lines, rest: Some(LineOutcome::Done { actual: None }), ..Told::default() }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> ErrorCode {
    outcome.unwrap_err().code
}

async fn kinds(world: &World, id: WorkItemId) -> Vec<WorkItemEventKind> {
    detail(world, id).await.history.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn work_is_taken_asked_about_and_done_in_part() {
    let mut world = world(AGREED).await;
    let items = world.open_work_items().await;
    assert_eq!(items.len(), 2);
    let id = items[0];
    let (dee, dan, emil) = (world.op_of("dee").await, world.op_of("dan").await, world.op_of("emil").await);

    // Whose it is.
    let first = detail(&world, id).await;
    assert_eq!(first.item.fulfiller, Fulfiller::Profile("desk".into()));
    assert_eq!((first.item.chosen, first.fulfiller_name.as_str()), (Chosen::Connection, "Mainframe desk"));
    assert_eq!(first.item.lines.len(), first.order.items.len());
    let counts = work_items::counts(&dee).await.unwrap();
    assert_eq!((counts.mine, counts.team, counts.everybody), (0, 2, 2));
    assert_eq!(work_items::counts(&world.op_of("cyd").await).await.unwrap().team, 0);
    work_items::claim(&dee, id).await.unwrap();
    assert_eq!(work_items::counts(&dee).await.unwrap().mine, 1);
    let mine = WorkItemFilter { scope: WorkItemScope::Mine, ..WorkItemFilter::default() };
    assert_eq!(work_items::page(&dee, mine).await.unwrap().rows[0].id, id);
    assert_eq!(code(work_items::claim(&dan, id).await), ErrorCode::Conflict);
    assert_eq!(code(work_items::report(&dan, id, &rest_done(vec![])).await), ErrorCode::Conflict);
    assert_eq!(code(work_items::ask(&dan, id, "emil", "Why?").await), ErrorCode::Conflict);

    // The one who is asked sees this work item, whatever else they may not.
    assert_eq!(code(work_items::detail(&emil, id).await), ErrorCode::Forbidden);
    assert_eq!(code(work_items::ask(&dee, id, "dee", "Why?").await), ErrorCode::Invalid);
    assert_eq!(code(work_items::ask(&dee, id, "nobody", "Why?").await), ErrorCode::Invalid);
    assert_eq!(code(work_items::ask(&dee, id, "emil", " ").await), ErrorCode::Invalid);
    work_items::ask(&dee, id, "emil", "Which ledger?").await.unwrap();
    assert_eq!(code(work_items::ask(&dee, id, "dan", "And which room?").await), ErrorCode::Conflict);
    assert_eq!(work_items::detail(&emil, id).await.unwrap().questions[0].question.question, "Which ledger?");
    assert_eq!(work_items::questions_to_me(&emil).await.unwrap().len(), 1);
    assert_eq!(code(work_items::detail(&emil, items[1]).await), ErrorCode::Forbidden);
    assert_eq!(code(work_items::answer(&dan, id, "The big one.").await), ErrorCode::Forbidden);
    assert_eq!(code(work_items::answer(&world.op_of("bea").await, id, "x").await), ErrorCode::Forbidden);

    // The clock stands, and nobody is reminded meanwhile.
    let due = first.item.due_at.unwrap();
    world.clock.step(Duration::from_hours(100));
    assert_eq!(work_items::look_at_clocks(&world.engine, world.engine.now()).await.unwrap(), 1, "the other one");
    assert!(!detail(&world, id).await.item.is_overdue(world.engine.now()));
    let emil = world.op_of("emil").await;
    assert_eq!(code(work_items::answer(&emil, id, "").await), ErrorCode::Invalid);
    work_items::answer(&emil, id, "The general one.").await.unwrap();
    assert_eq!(code(work_items::answer(&emil, id, "Once more.").await), ErrorCode::Conflict);
    let answered = detail(&world, id).await;
    assert_eq!(answered.item.due_at.unwrap().duration_since(due).as_hours(), 100);
    assert_eq!((answered.item.paused_at, work_items::questions_to_me(&emil).await.unwrap().len()), (None, 0));

    // Partly done: what is done is executed, what is not is the order's error.
    let dee = world.op_of("dee").await;
    let ledger = line(&first.order, "LEDGER");
    assert_eq!(code(work_items::report(&dee, id, &Told::default()).await), ErrorCode::Invalid);
    let item =
        work_items::report(&dee, id, &Told { lines: vec![cannot(ledger, "The ledger is closed.")], ..Told::default() })
            .await
            .unwrap();
    assert_eq!(item.state, WorkItemState::Open);
    assert_eq!(detail(&world, id).await.order.state, ProvisioningState::Transmitted);
    let mut told = rest_done(vec![]);
    told.reference = "https://t.example.org/4711".into();
    let item = work_items::report(&dee, id, &told).await.unwrap();
    assert_eq!(item.state, WorkItemState::PartlyDone);
    assert_eq!(code(work_items::report(&dee, id, &told).await), ErrorCode::Conflict);
    let closed = detail(&world, id).await;
    assert_eq!(closed.order.state, ProvisioningState::Errored);
    for item in &closed.order.items {
        let expected = if item.id == ledger { ProvisioningState::Errored } else { ProvisioningState::Executed };
        assert_eq!(item.state, expected, "{item:?}");
    }
    let refused = closed.order.items.iter().find(|item| item.id == ledger).unwrap();
    assert_eq!(refused.message.as_deref(), Some("The ledger is closed."));
    assert!(matches!(&closed.order.reason, Some(StateReason::Failed { message, .. }) if message.contains("LEDGER")));
    use WorkItemEventKind::{Answered, Asked, Claimed, Closed, Opened, Reported};
    assert_eq!(kinds(&world, id).await, [Opened, Claimed, Asked, Answered, Reported, Closed]);

    // Tried again, only what is left comes up, with what failed before.
    engine::orders::act(&world.op(), closed.order.id, Deed::Retry).await.unwrap();
    world.run("fulfil", RunMode::default()).await;
    let again = *world.open_work_items().await.iter().find(|open| **open != items[1]).unwrap();
    let detail_again = detail(&world, again).await;
    assert_eq!(detail_again.item.lines.iter().map(|line| line.item).collect::<Vec<_>>(), [ledger]);
    assert!(detail_again.failure.is_some_and(|why| why.contains("cannot be done: LEDGER")));
    world.do_work_items().await;
    world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(detail(&world, again).await.order.state, ProvisioningState::Verified);
    assert_eq!(engine::orders::detail(&world.op(), closed.order.id).await.unwrap().work_items.len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn another_login_than_asked_for_is_the_account_from_then_on() {
    let mut world = world(AGREED).await;
    let id = world.open_work_items().await[0];
    let before = detail(&world, id).await;
    let dee = world.op_of("dee").await;
    let userid = line(&before.order, "userid");
    assert_eq!(
        code(work_items::report(&dee, id, &rest_done(vec![done(line(&before.order, "LEDGER"), Some("x"))])).await),
        ErrorCode::Invalid
    );
    work_items::report(&dee, id, &rest_done(vec![done(userid, Some("LEE77"))])).await.unwrap();
    let after = detail(&world, id).await;
    assert_eq!((after.order.state, after.order.key.as_deref()), (ProvisioningState::Executed, Some("LEE77")));
    world.mainframe.carry_out(&after.order);
    world.mainframe.write_extract();
    world.run("synchronize-back", RunMode::default()).await;
    assert_eq!(detail(&world, id).await.order.state, ProvisioningState::Verified);
    // What was set stands: the rules do not ask for their own value again.
    let run = world.run("complete", RunMode::default()).await;
    let filter = model::view::OrderFilter { run: Some(run.id), ..Default::default() };
    assert_eq!(engine::orders::page(&world.op(), filter).await.unwrap().rows, []);
    world.stop().await;
}

#[tokio::test]
async fn lines_given_to_somebody_else_hold_the_order_until_both_are_done() {
    let world = world(AGREED).await;
    let id = world.open_work_items().await[0];
    let before = detail(&world, id).await;
    let (dee, cyd) = (world.op_of("dee").await, world.op_of("cyd").await);
    let ledger = line(&before.order, "LEDGER");
    let split =
        async |op: &OpContext, lines: &[OrderItemId], to: &str| work_items::split(op, id, lines, to, "Yours.").await;
    assert_eq!(code(split(&dee, &[], "user:cyd").await), ErrorCode::Invalid);
    assert_eq!(code(split(&dee, &[OrderItemId(1)], "user:cyd").await), ErrorCode::Conflict);
    assert_eq!(code(split(&dee, &[ledger], "user:bea").await), ErrorCode::Invalid, "she lacks the duty");
    let part = split(&dee, &[ledger], "user:cyd").await.unwrap();
    let theirs = detail(&world, part).await;
    assert_eq!(
        (theirs.item.fulfiller.clone(), theirs.item.due_at),
        (Fulfiller::User("cyd".into()), before.item.due_at)
    );
    assert_eq!(theirs.others.iter().map(|item| item.id).collect::<Vec<_>>(), [id]);
    assert_eq!(work_items::counts(&cyd).await.unwrap().mine, 1);

    // Both at once: whoever is last moves the order, and one of them is.
    let (both, told) = ([(dee.clone(), id), (cyd, part)], rest_done(vec![]));
    let reports = both.map(|(op, id)| {
        let told = told.clone();
        tokio::spawn(async move { work_items::report(&op, id, &told).await.unwrap().state })
    });
    for report in reports {
        assert_eq!(report.await.unwrap(), WorkItemState::Done);
    }
    let after = detail(&world, id).await;
    assert_eq!(after.order.state, ProvisioningState::Executed);
    assert!(after.order.items.iter().all(|item| item.state == ProvisioningState::Executed));
    let timeline = engine::orders::detail(&world.op(), after.order.id).await.unwrap().timeline;
    assert_eq!(timeline.iter().filter(|event| event.to == ProvisioningState::Executed).count(), 1);
    world.stop().await;
}

#[tokio::test]
async fn work_is_given_to_others_who_can_do_it_and_to_nobody_else() {
    let world = world(AGREED).await;
    let id = world.open_work_items().await[0];
    let (dee, dan, cyd) = (world.op_of("dee").await, world.op_of("dan").await, world.op_of("cyd").await);
    let give = async |op: &OpContext, to: &str, why: &str| work_items::reassign(op, id, to, why).await;
    for (to, why) in
        [("user:bea", "x"), ("user:nobody", "x"), ("badges", "x"), ("", "x"), ("user:", "x"), ("chiefs", " ")]
    {
        assert_eq!(code(give(&dee, to, why).await), ErrorCode::Invalid, "{to}");
    }
    assert_eq!(code(give(&world.op_of("bea").await, "chiefs", "x").await), ErrorCode::Forbidden);
    assert_eq!(code(give(&world.op_of("emil").await, "chiefs", "x").await), ErrorCode::Forbidden);
    work_items::claim(&dee, id).await.unwrap();
    assert_eq!(code(give(&dan, "chiefs", "She is ill.").await), ErrorCode::Conflict);
    give(&cyd, "user:dan", "She is ill.").await.unwrap();
    let after = detail(&world, id).await;
    assert_eq!((after.item.fulfiller.clone(), after.claimed_by), (Fulfiller::User("dan".into()), None));
    assert_eq!(work_items::counts(&dan).await.unwrap().mine, 1);
    assert!(after.history.last().unwrap().message.contains("She is ill."));
    let audit = world.engine.store().audit_page(None, 20).await.unwrap().rows;
    assert!(audit.iter().any(|line| line.actor == "cyd" && line.detail.contains("gives it to dan")), "{audit:#?}");
    assert_eq!(code(give(&dan, "user:dan", "x").await), ErrorCode::Invalid, "it is his already");

    // Nobody does work about themselves.
    let own = OpContext { user: model::user::User { identity: Some(after.order.identity), ..dan.user.clone() }, ..dan };
    assert_eq!(code(work_items::claim(&own, id).await), ErrorCode::Forbidden);
    assert_eq!(code(work_items::report(&own, id, &rest_done(vec![])).await), ErrorCode::Forbidden);
    assert!(work_items::detail(&own, id).await.unwrap().refused.is_some());
    let other = OpContext { user: model::user::User { identity: Some(IdentityId(1)), ..own.user.clone() }, ..own };
    work_items::claim(&other, id).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn what_takes_access_away_is_the_revokers() {
    let mut world = world(AGREED).await;
    world.do_work_items().await;
    world.run("synchronize-back", RunMode::default()).await;
    let mut moved = people();
    moved[0].department = "Sales".into();
    world.feed(&moved);
    // One of two is more than a threshold lets through.
    let mut run = world.run("complete", RunMode::default()).await;
    while run.state == RunState::Blocked {
        engine::approvals::approve(&world.op(), run.id, None, "She has moved.".into()).await.unwrap();
        run = world.ended(run.id).await;
    }
    let item = detail(&world, world.open_work_items().await[0]).await.item;
    assert_eq!((item.fulfiller, item.chosen), (Fulfiller::User("rex".into()), Chosen::Revoker));
    world.stop().await;
}

async fn notices(world: &World) -> Vec<Notice> {
    let waiting = world.engine.store().waiting_notices(1_000).await.unwrap();
    let to_somebody = waiting.into_iter().map(|waiting| waiting.notice).filter(|notice| notice.to.is_some());
    to_somebody.collect()
}

fn escalated(detail: &WorkItemDetail) -> Vec<&str> {
    let escalated = detail.history.iter().filter(|event| event.kind == WorkItemEventKind::Escalated);
    escalated.map(|event| event.message.as_str()).collect()
}

#[tokio::test]
async fn work_goes_on_from_who_has_it_where_that_is_wanted_and_once_after_an_outage() {
    let world = world(&format!("{AGREED}escalate_taken = true\n")).await;
    let ids = world.open_work_items().await;
    work_items::claim(&world.op_of("dee").await, ids[0]).await.unwrap();
    work_items::reassign(&world.op_of("dan").await, ids[1], "user:dan", "I know her.").await.unwrap();
    // Both steps of the ladder are over when somebody looks: it goes to the last of them, and nobody else is told.
    world.clock.step(Duration::from_hours(48 + 24));
    assert_eq!(work_items::look_at_clocks(&world.engine, world.engine.now()).await.unwrap(), 2);
    assert_eq!(work_items::look_at_clocks(&world.engine, world.engine.now()).await.unwrap(), 0);
    for id in ids {
        let detail = detail(&world, id).await;
        assert_eq!((detail.item.fulfiller.clone(), detail.item.claimed_by), (Fulfiller::User("olga".into()), None));
        assert_eq!(escalated(&detail), ["Not done in time: it goes to olga."]);
    }
    world.stop().await;
}

#[tokio::test]
async fn reminders_and_escalation_happen_once_however_many_nodes_look() {
    let world = world(AGREED).await;
    let file = world.configuration().join("all.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let mail = "[organisation]\nname = \"Small Works\"\n[organisation.mail]\nserver = \"127.0.0.1:1\"\n\
                encryption = \"none\"\nsender = \"q@example.org\"\npublic_url = \"https://q.example.org\"\n";
    let mailed = text.replacen("[organisation]\nname = \"Small Works\"\ntime_zone = \"UTC\"\n", mail, 1);
    assert_ne!(mailed, text);
    std::fs::write(&file, mailed).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    let ids = world.open_work_items().await;
    let dee = world.op_of("dee").await;
    work_items::claim(&dee, ids[0]).await.unwrap();

    let look = async || {
        let looks = [(), (), ()].map(|()| {
            let engine = world.engine.clone();
            tokio::spawn(async move { work_items::look_at_clocks(&engine, engine.now()).await.unwrap() })
        });
        let mut told = 0;
        for look in looks {
            told += look.await.unwrap();
        }
        told
    };
    assert_eq!(look().await, 0);
    world.clock.step(Duration::from_hours(24));
    assert_eq!(look().await, 2);
    assert_eq!(look().await, 0);
    let told = notices(&world).await;
    let to: Vec<Fulfiller> = told.iter().filter_map(|notice| notice.to.clone()).collect();
    assert!(
        to.contains(&Fulfiller::User("dee".into())) && to.contains(&Fulfiller::Profile("desk".into())),
        "{told:#?}"
    );
    assert_eq!(told.len(), 2);
    assert!(told[0].sentence.ends_with("a reminder, it is due in 24 hours"), "{}", told[0].sentence);

    // Overdue: reminded again. Then it is the chiefs'; what somebody has taken stays theirs, and the chiefs are told.
    world.clock.step(Duration::from_hours(24));
    assert_eq!(look().await, 2);
    world.clock.step(Duration::from_hours(12));
    assert_eq!(look().await, 2);
    let taken = detail(&world, ids[0]).await;
    assert_eq!(
        (taken.item.fulfiller.clone(), taken.item.claimed_by),
        (Fulfiller::Profile("desk".into()), Some(dee.user.id))
    );
    assert_eq!(escalated(&taken), ["Not done in time: Chiefs is told. It stays with dee, who has taken it."]);
    let free = detail(&world, ids[1]).await;
    assert_eq!(
        (free.item.fulfiller.clone(), free.item.chosen),
        (Fulfiller::Profile("chiefs".into()), Chosen::Escalated)
    );
    assert!(free.item.is_overdue(world.engine.now()));
    assert_eq!(escalated(&free), ["Not done in time: it goes to Chiefs."]);
    let told = notices(&world).await;
    let to_chiefs = told.iter().filter(|notice| notice.to == Some(Fulfiller::Profile("chiefs".into())));
    let endings: Vec<&str> = to_chiefs
        .map(|notice| notice.sentence.find("it is not done").map_or("", |place| &notice.sentence[place..]))
        .collect();
    assert_eq!(endings, ["it is not done in time; dee has it", "it is not done in time, and comes to you"]);
    // Then it is the owner's, and there is an end to reminders.
    world.clock.step(Duration::from_hours(12));
    assert_eq!(look().await, 2);
    assert_eq!(detail(&world, ids[0]).await.item.claimed_by, Some(dee.user.id));
    assert_eq!(detail(&world, ids[1]).await.item.fulfiller, Fulfiller::User("olga".into()));
    for _ in 0..40 {
        world.clock.step(Duration::from_hours(24));
        look().await;
    }
    let reminded = kinds(&world, ids[0]).await.into_iter().filter(|kind| *kind == WorkItemEventKind::Reminded).count();
    assert_eq!(reminded, 20);
    assert_eq!(look().await, 0);
    let counts = work_items::counts(&world.op()).await.unwrap();
    assert_eq!(counts.overdue, 2);
    world.stop().await;
}

#[tokio::test]
async fn evidence_is_given_where_the_application_asks_for_it() {
    let world = world("fulfiller = \"desk\"\nevidence = true\n").await;
    let ids = world.open_work_items().await;
    let dee = world.op_of("dee").await;
    assert_eq!(code(work_items::report(&dee, ids[0], &rest_done(vec![])).await), ErrorCode::Invalid);
    let with = |reference: &str| Told { reference: reference.into(), ..rest_done(vec![]) };
    assert_eq!(code(work_items::report(&dee, ids[0], &with("javascript:alert(1)")).await), ErrorCode::Invalid);
    assert_eq!(detail(&world, ids[0]).await.item.state, WorkItemState::Open);
    work_items::report(&dee, ids[0], &with("CHG-4711")).await.unwrap();
    let after = detail(&world, ids[0]).await;
    assert_eq!(after.item.reference.as_deref(), Some("CHG-4711"));
    assert!(after.history.last().unwrap().message.contains("Reference: CHG-4711"));
    // Several at once answer each for itself.
    let outcomes = work_items::confirm(&dee, vec![ids[0], ids[1]], "Typed in.".into()).await.unwrap();
    assert_eq!(outcomes.iter().map(|(_, outcome)| outcome.is_ok()).collect::<Vec<_>>(), [false, true]);
    world.stop().await;
}

#[tokio::test]
async fn a_filled_file_is_taken_line_by_line_and_nothing_of_it_is_lost() {
    let world = world(AGREED).await;
    let ids = world.open_work_items().await;
    let (dee, dan) = (world.op_of("dee").await, world.op_of("dan").await);
    work_items::claim(&dan, ids[1]).await.unwrap();
    let filter = BulkFilter { application: Some("mainframe".into()), ..BulkFilter::default() };
    let open_lines = bulk::open_lines(&dee, &filter).await.unwrap();
    assert_eq!(open_lines.kinds.len(), 1);
    assert_eq!(bulk::open_lines(&world.op_of("bea").await, &filter).await.unwrap().lines, []);
    assert_eq!(code(bulk::open_lines(&world.op_of("emil").await, &filter).await), ErrorCode::Forbidden);
    assert_eq!(code(bulk::upload(&world.op_of("emil").await, "x").await), ErrorCode::Forbidden);
    let file = bulk::file(&dee, &filter).await.unwrap();
    let rows: Vec<&str> = file.lines().collect();
    assert_eq!(rows.len(), 1 + open_lines.lines.len());

    // The first work item is done but for its ledger; the second is somebody else's; one outcome is none.
    let fill = |row: &str, tail: &str| format!("{}{tail}", row.strip_suffix(",,,,,").unwrap());
    let mut filled = vec![rows[0].to_owned()];
    for row in &rows[1..] {
        let is_first = row.starts_with(&format!("{},", ids[0]));
        filled.push(match (is_first, row.contains(",LEDGER,"), row.contains(",employee,")) {
            (true, true, _) => fill(row, ",perhaps,,,,"),
            (true, _, true) => (*row).to_owned(),
            (true, ..) => fill(row, ",done,,,Typed in.,CHG-1"),
            (false, _, true) => fill(row, ",done,,,,"),
            (false, ..) => (*row).to_owned(),
        });
    }
    let upload = bulk::upload(&dee, &filled.join("\n")).await.unwrap();
    assert_eq!((upload.taken, upload.closed, upload.refused.len()), (2, 0, 2), "{upload:#?}");
    assert_eq!(upload.blank as usize, open_lines.lines.len() - 4);
    let at = |part: &str, id: WorkItemId| {
        let found = filled.iter().position(|row| row.contains(part) && row.starts_with(&format!("{id},")));
        found.unwrap() as u64 + 1
    };
    let refused = |line: u64| &upload.refused.iter().find(|(at, _)| *at == line).unwrap().1;
    assert!(refused(at(",perhaps,", ids[0])).contains("`perhaps` is no outcome"));
    assert!(refused(at(",employee,", ids[1])).contains("taken by dan"));
    assert_eq!(upload.rest.lines().count(), 3, "{}", upload.rest);
    assert_eq!(bulk::uploaded(&dee, upload.id).await.unwrap(), upload);
    assert_eq!(code(bulk::uploaded(&dan, upload.id).await), ErrorCode::NotFound);
    assert_eq!(detail(&world, ids[0]).await.item.note.as_deref(), Some("Typed in."));

    // Corrected and sent again, with a semicolon as spreadsheets have it; then what was left.
    let corrected = upload.rest.replace("perhaps", "cannot do").replace(",,,,\r\n", ",,Closed.,,\r\n");
    let corrected = corrected.lines().filter(|row| !row.contains(",employee,")).collect::<Vec<_>>().join("\n");
    let again = bulk::upload(&dee, &corrected.replace(',', ";")).await.unwrap();
    assert_eq!((again.taken, again.refused.clone()), (1, vec![]), "{corrected}");
    let employee = open_lines.lines.iter().find(|line| line.work_item == ids[0] && line.name == "employee").unwrap();
    let ticks = [(ids[0], employee.line), (ids[1], OrderItemId(1))];
    let ticked = bulk::report_lines(&dee, &ticks, LineOutcome::Done { actual: None }, "", "").await.unwrap();
    assert_eq!((ticked.taken, ticked.closed, ticked.refused.len()), (1, 1, 1), "{ticked:#?}");
    let after = detail(&world, ids[0]).await;
    assert_eq!((after.item.state, after.order.state), (WorkItemState::PartlyDone, ProvisioningState::Errored));

    // What makes no sense at all is kept as it came.
    for (text, part) in [("person,outcome\nAnn,done", "no column `work_item`"), ("a,a\n1,2", "same header")] {
        let upload = bulk::upload(&dee, text).await.unwrap();
        assert_eq!((upload.taken, upload.rest.as_str()), (0, text));
        assert!(upload.refused[0].1.contains(part), "{upload:?}");
    }
    assert_eq!(code(bulk::upload(&dee, " \n").await), ErrorCode::Invalid);
    world.stop().await;
}
