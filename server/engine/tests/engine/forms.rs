//! Questions: what nobody but a person knows is asked once, waits visibly, and goes out with the answer.

use engine::context::OpContext;
use engine::forms::{self, Answered};
use engine::users;
use model::error::ErrorCode;
use model::form::{FormFilter, FormOwner, FormRow, FormScope, QuestionOutcome, Typed};
use model::ids::FormId;
use model::job::{ANSWERS, RunMode, RunState};
use model::order::{Order, ProvisioningState, StateReason};
use model::value::Value;
use model::view::RunFilter;
use testkit::world::{World, person};

/// A phone that two applications need, a colour that only the pool knows, and a number with a default.
const MORE: &str = r#"
[organisation]
answer_within_days = 5
[applications.pool]
display_name = "Car pool"
owner = "poole"
[applications.pool.connection]
kind = "manual"
[account_types.car]
display_name = "Car"
application = "pool"
key = "driver"
[account_types.car.attributes]
driver = { expression = "identity.key", required = true, create_only = true }
phone = { required = true, ask = { profile = "desk" }, question = "phone", label = "Phone number", help = "As on the desk.", pattern = '\+?[0-9 ]+', maximum_length = 20 }
colour = { required = true, ask = "owner", choices = ["red", "blue"] }
number = { required = true, ask = "owner", type = "integer", default = 1 }
[applications.phones]
display_name = "Phone book"
[applications.phones.connection]
kind = "manual"
[account_types.line]
display_name = "Line"
application = "phones"
key = "holder"
[account_types.line.attributes]
holder = { expression = "identity.key", required = true, create_only = true }
phone = { required = true, ask = { profile = "desk" }, question = "phone", label = "Phone number", help = "As on the desk.", pattern = '\+?[0-9 ]+', maximum_length = 20 }
[rules.drivers]
when = 'identity.department == "Sales"'
account_types = ["car", "line"]
[permission_profiles.desk]
display_name = "Front desk"
permissions = ["/Home"]
[permission_profiles.nobody]
display_name = "Nobody in particular"
permissions = ["/Home"]
"#;

async fn world() -> World {
    let people = [person(1, "Ann", "Lee", "Sales"), person(2, "Bo", "Ek", "Finance")];
    let world =
        World::with_more(&people, MORE.replace("[organisation]\nanswer_within_days = 5\n", "").as_str(), |_| {}).await;
    for (login, profile) in [("poole", "nobody"), ("dora", "desk"), ("dan", "desk"), ("mallory", "nobody")] {
        let secret = "correct horse battery";
        users::add(&world.engine, login, login, secret, vec![profile.into()]).await.unwrap();
    }
    world.run("complete", RunMode::default()).await;
    world
}

async fn rows(op: &OpContext, scope: FormScope) -> Vec<FormRow> {
    forms::page(op, FormFilter { scope, ..FormFilter::default() }).await.unwrap().rows
}

async fn say(op: &OpContext, form: FormId, said: &[(&str, &str)]) -> Result<Answered, model::error::ApiError> {
    let detail = forms::detail(op, form).await?;
    let typed = said.iter().map(|(label, text)| Typed {
        question: detail.fields.iter().find(|field| field.label == *label).unwrap().question,
        text: (*text).into(),
    });
    forms::answer(op, form, typed.collect()).await
}

async fn orders_in(world: &World, application: &str) -> Vec<Order> {
    let mut orders = world.orders_of(application).await;
    orders.retain(|order| order.state != ProvisioningState::Inactive);
    orders
}

/// Until every run that answers set off has ended.
async fn planned(world: &World) {
    let mut updates = world.engine.updates().subscribe();
    loop {
        let runs = engine::jobs::runs(&world.op(), RunFilter { limit: 20, ..RunFilter::default() }).await.unwrap();
        let own: Vec<_> = runs.iter().filter(|row| row.run.job == ANSWERS).collect();
        let waits = !world.engine.store().identities_with_new_answers().await.unwrap().is_empty();
        if !own.is_empty() && !waits && own.iter().all(|row| row.run.state.is_final()) {
            assert!(own.iter().all(|row| row.run.state == RunState::Completed), "{own:#?}");
            return;
        }
        let _ = tokio::time::timeout(std::time::Duration::from_millis(50), updates.recv()).await;
    }
}

#[tokio::test]
async fn a_question_is_asked_once_of_its_owner_and_its_orders_wait() {
    let world = world().await;
    let (poole, dora, mallory) = (world.op_of("poole").await, world.op_of("dora").await, world.op_of("mallory").await);
    let own = rows(&poole, FormScope::Me).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].labels, ["colour", "number"]);
    assert_eq!((own[0].identity_name.as_str(), &own[0].owner), ("Ann Lee", &FormOwner::Login("poole".into())));
    let team = rows(&dora, FormScope::Team).await;
    assert_eq!(team.len(), 1);
    assert_eq!(team[0].owner_name, "Front desk");
    let detail = forms::detail(&dora, team[0].id).await.unwrap();
    assert_eq!(detail.fields.len(), 1, "one question for two applications");
    assert_eq!(detail.fields[0].needed_for, ["Car in Car pool", "Line in Phone book"]);
    assert!(detail.may_answer && detail.fields[0].help.is_some());
    assert!(rows(&mallory, FormScope::Me).await.is_empty() && rows(&mallory, FormScope::Team).await.is_empty());
    assert_eq!(forms::counts(&dora).await.unwrap().team, 1);

    // The account waits, visibly; everything else has gone on.
    for application in ["pool", "phones"] {
        let orders = orders_in(&world, application).await;
        assert_eq!(orders.len(), 1);
        assert!(matches!(&orders[0].reason, Some(StateReason::AwaitingAnswer { .. })), "{orders:#?}");
    }
    assert!(world.orders(ProvisioningState::Transmitted).await.len() > 1);
    let identity = own[0].identity;
    let page = engine::identities::detail(&world.op(), identity).await.unwrap();
    assert_eq!(page.questions.len(), 3);
    // Nothing an operator does sends it without the value.
    let order = orders_in(&world, "phones").await.remove(0);
    let retried = engine::orders::act(&world.op(), order.id, engine::orders::Deed::Retry).await;
    assert!(retried.unwrap_err().message.contains("answer"), "a clear refusal");

    // Another run asks nothing again, and keeps the orders.
    world.run("complete", RunMode::default()).await;
    assert_eq!(rows(&poole, FormScope::Me).await, own);
    assert_eq!(orders_in(&world, "phones").await[0].id, order.id);
}

#[tokio::test]
async fn an_answer_goes_out_at_once_and_serves_every_application() {
    let world = world().await;
    let dora = world.op_of("dora").await;
    let form = rows(&dora, FormScope::Team).await[0].id;
    assert_eq!(
        say(&dora, form, &[("Phone number", " +31 10 1 ")]).await.unwrap(),
        Answered::Taken { answered: 1, open: 0 }
    );
    planned(&world).await;
    let line = orders_in(&world, "phones").await.remove(0);
    assert_eq!((line.state, line.reason), (ProvisioningState::Transmitted, Some(StateReason::WorkItem)));
    let item = line.items.iter().find(|item| item.name == "phone").unwrap();
    assert_eq!(item.value, Some(Value::from("+31 10 1")));
    assert!(item.explanation.starts_with("Answered by dora on "), "{}", item.explanation);
    // The car waits on for its owner.
    assert!(matches!(orders_in(&world, "pool").await[0].reason, Some(StateReason::AwaitingAnswer { .. })));
    let poole = world.op_of("poole").await;
    let form = rows(&poole, FormScope::Me).await[0].id;
    // One of two: the other stays open, and is asked no second time.
    assert_eq!(
        say(&poole, form, &[("colour", "red"), ("number", "")]).await.unwrap(),
        Answered::Taken { answered: 1, open: 1 }
    );
    planned(&world).await;
    assert_eq!(rows(&poole, FormScope::Me).await[0].id, form);
    assert_eq!(say(&poole, form, &[("number", "12")]).await.unwrap(), Answered::Taken { answered: 1, open: 0 });
    planned(&world).await;
    let car = orders_in(&world, "pool").await.remove(0);
    let value = |name: &str| car.items.iter().find(|item| item.name == name).unwrap().value.clone();
    assert_eq!((value("phone"), value("number")), (Some(Value::from("+31 10 1")), Some(Value::from(12))));
    assert!(
        world.op().engine.store().audit_page(None, 50).await.unwrap().rows.iter().any(|line| line.action == "form")
    );

    // Answers survive everything being computed again.
    world.run("complete", RunMode::default()).await;
    assert!(rows(&poole, FormScope::Me).await.is_empty());
    assert_eq!(orders_in(&world, "pool").await[0].id, car.id);
}

#[tokio::test]
async fn what_is_wrong_is_told_and_changes_nothing() {
    let world = world().await;
    let (dora, dan, mallory) = (world.op_of("dora").await, world.op_of("dan").await, world.op_of("mallory").await);
    let form = rows(&dora, FormScope::Team).await[0].id;
    let Answered::Misfits(misfits) = say(&dora, form, &[("Phone number", "call me")]).await.unwrap() else {
        panic!("taken");
    };
    assert!(misfits[0].1.contains("does not match"), "{misfits:?}");
    assert_eq!(say(&dora, form, &[("Phone number", " ")]).await.unwrap_err().code, ErrorCode::Invalid);
    assert_eq!(forms::detail(&mallory, form).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(say(&mallory, form, &[]).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(
        forms::page(&mallory, FormFilter { scope: FormScope::All, ..FormFilter::default() }).await.unwrap_err().code,
        ErrorCode::Forbidden
    );
    assert_eq!(forms::detail(&dora, FormId(99)).await.unwrap_err().code, ErrorCode::NotFound);
    // Two people at once: the first word counts.
    let open = forms::detail(&dan, form).await.unwrap();
    let typed = vec![Typed { question: open.fields[0].question, text: "+32".into() }];
    say(&dora, form, &[("Phone number", "+31")]).await.unwrap();
    let late = forms::answer(&dan, form, typed).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
    let answers = world.engine.store().answers(None).await.unwrap();
    assert_eq!((answers.len(), &answers[0].value), (1, &Value::from("+31")));
    planned(&world).await;

    // Changed later, by whoever may; a second change of the same finds it gone.
    let given = answers[0].id;
    assert!(forms::change(&mallory, form, given, "+33").await.is_err());
    assert_eq!(forms::change(&dora, form, given, "no number").await.unwrap_err().code, ErrorCode::Invalid);
    forms::change(&dan, form, given, "+33").await.unwrap();
    assert_eq!(forms::change(&dora, form, given, "+34").await.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(world.engine.store().answers(None).await.unwrap()[0].value, Value::from("+33"));
    planned(&world).await;
}

#[tokio::test]
async fn a_default_is_taken_in_time_and_questions_of_leavers_go() {
    let world = world().await;
    let poole = world.op_of("poole").await;
    let form = rows(&poole, FormScope::Me).await[0].id;
    world.clock.step(std::time::Duration::from_hours(24 * 15));
    world.run("complete", RunMode::default()).await;
    let detail = forms::detail(&poole, form).await.unwrap();
    let outcome = |label: &str| detail.fields.iter().find(|field| field.label == label).unwrap().outcome;
    assert_eq!((outcome("number"), outcome("colour")), (Some(QuestionOutcome::Default), None));
    let answers = world.engine.store().answers(None).await.unwrap();
    assert_eq!((&answers[0].value, answers[0].by.as_deref()), (&Value::from(1), None));

    let mut gone = person(1, "Ann", "Lee", "Sales");
    gone.last_day = "2026-03-10".into();
    world.feed(&[gone, person(2, "Bo", "Ek", "Finance")]);
    world.run("collect", RunMode::default()).await;
    world.run("complete", RunMode::default()).await;
    let detail = forms::detail(&poole, form).await.unwrap();
    assert_eq!(
        detail.fields.iter().find(|field| field.label == "colour").unwrap().outcome,
        Some(QuestionOutcome::Withdrawn)
    );
    assert!(rows(&poole, FormScope::Me).await.is_empty());
    let refused = say(&poole, form, &[("colour", "red")]).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    assert!(orders_in(&world, "pool").await.is_empty());
}

/// Two cars a person may have, told apart by what the pool writes on them.
const SEVERAL: &str = r#"
[applications.pool]
display_name = "Car pool"
owner = "poole"
[applications.pool.connection]
kind = "csv"
outbox = "pool/outbox"
inbox = "pool/inbox"
[applications.pool.connection.extract]
file = "pool/extract.csv"
key = "plate"
entitlements = "gates"
[account_types.car]
display_name = "Car"
application = "pool"
key = "plate"
SELECT
correlation = [{ identity = "identity.key", account = "driver", confidence = 100 }]
[account_types.car.attributes]
plate = { expression = "identity.key", required = true, create_only = true }
driver = { expression = "identity.key" }
[entitlements.north]
display_name = "North gate"
account_type = "car"
key = "NORTH"
[rules.drivers]
when = 'identity.department == "Sales"'
account_types = ["car"]
entitlements = ["north"]
[permission_profiles.nobody]
display_name = "Nobody in particular"
permissions = ["/Home"]
"#;

async fn with_two_cars(select: &str) -> World {
    let people = [person(1, "Ann", "Lee", "Sales"), person(2, "Bo", "Ek", "Finance")];
    let world = World::with_more(&people, &SEVERAL.replace("SELECT", select), |_| {}).await;
    let folder = world.configuration().join("pool");
    std::fs::create_dir_all(folder.join("outbox")).unwrap();
    std::fs::create_dir_all(folder.join("inbox")).unwrap();
    std::fs::write(folder.join("extract.csv"), "plate,driver,use,gates\nAA1,1,private,\nBB2,1,company,\n").unwrap();
    users::add(&world.engine, "poole", "poole", "correct horse battery", vec!["nobody".into()]).await.unwrap();
    world.run("complete", RunMode::default()).await;
    world
}

#[tokio::test]
async fn which_account_is_meant_is_selected_by_rule() {
    let world = with_two_cars(r#"select = 'account.use == "company" && identity.department == "Sales"'"#).await;
    let orders = orders_in(&world, "pool").await;
    assert_eq!(orders.len(), 1, "{orders:#?}");
    assert_eq!(orders[0].key.as_deref(), Some("BB2"));
    assert!(orders[0].explanation.contains("`select` holds for it alone"), "{}", orders[0].explanation);
}

#[tokio::test]
async fn which_account_is_meant_is_asked_and_remembered() {
    let world = with_two_cars("several = \"ask\"").await;
    assert!(orders_in(&world, "pool").await.is_empty());
    let poole = world.op_of("poole").await;
    let form = rows(&poole, FormScope::Me).await.remove(0);
    assert_eq!(form.labels, ["Which account: Car"]);
    let Answered::Misfits(misfits) = say(&poole, form.id, &[("Which account: Car", "CC3")]).await.unwrap() else {
        panic!("taken");
    };
    assert_eq!(misfits[0].1, "is none of AA1, BB2");
    say(&poole, form.id, &[("Which account: Car", "AA1")]).await.unwrap();
    planned(&world).await;
    let orders = orders_in(&world, "pool").await;
    assert_eq!((orders.len(), orders[0].key.as_deref()), (1, Some("AA1")));
    assert!(orders[0].explanation.contains("poole said so"), "{}", orders[0].explanation);
    // Asked once: the next run has the answer.
    world.run("complete", RunMode::default()).await;
    assert!(rows(&poole, FormScope::Me).await.is_empty());
    assert_eq!(orders_in(&world, "pool").await.len(), 1);
}
