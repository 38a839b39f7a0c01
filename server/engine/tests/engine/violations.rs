//! Risks, end to end: who breaks a rule is found with what they get, or hold all the same; it is borne until a day, given
//! up on one side, or closed when it is over; and what would newly bring a risk about waits, or is not ordered.

use std::time::Duration;

use engine::context::OpContext;
use engine::{orders, requests, violations};
use jiff::civil::{Date, date};
use model::error::ErrorCode;
use model::ids::{IdentityId, ViolationId};
use model::job::{RunMode, RunState};
use model::order::{ProvisioningState, StateReason};
use model::plan::FilterReason;
use model::request::{Change, NewRequest, RequestState};
use model::risk::{Decided, ViolationDetail, ViolationFilter, ViolationRow, ViolationState};
use model::trigger::Trigger;
use model::user::PermissionPath;
use testkit::wait;
use testkit::world::{Person, World};

use crate::asking::{self, asks, entitlement, give, id, settle};

/// Whoever enters the vault must not keep the ledger; `vault` and `ledger` are what Finance gets.
fn pair(on_conflict: &str) -> String {
    format!(
        r#"
[risks.vault-and-ledger]
display_name = "Vault and ledger"
kind = "separation_of_duties"
level = 70
owner = "ria"
on_conflict = "{on_conflict}"
exception_days = 10
rules = [{{ sides = [
    {{ label = "Enters the vault", entitlements = ["vault"] }},
    {{ label = "Keeps the ledger", entitlements = ["ledger"] }},
] }}]
"#
    )
}

/// Ann is in Finance; Bo and Cy are in Sales.
fn people(ann: &str) -> Vec<Person> {
    let mut people = asking::people();
    people[0].department = ann.into();
    people
}

async fn world(on_conflict: &str) -> World {
    let mut world = World::with_more(&people("Finance"), &pair(on_conflict), |_| {}).await;
    settle(&mut world).await;
    world
}

async fn rows(world: &World) -> Vec<ViolationRow> {
    violations::page(&world.op(), &ViolationFilter::default()).await.unwrap().rows
}

async fn detail(world: &World, id: ViolationId) -> ViolationDetail {
    violations::detail(&world.op(), id).await.unwrap()
}

async fn only(world: &World) -> ViolationDetail {
    let rows = rows(world).await;
    assert_eq!(rows.len(), 1, "{rows:#?}");
    detail(world, rows[0].violation.id).await
}

fn seen(detail: &ViolationDetail) -> (ViolationId, u32) {
    (detail.row.violation.id, detail.row.violation.version)
}

fn today() -> Date {
    date(2026, 3, 2)
}

fn gives(identity: IdentityId, names: &[&str]) -> NewRequest {
    asks(identity, names.iter().map(|name| give(entitlement(name))).collect())
}

fn with(world: &World, paths: &[&str]) -> OpContext {
    let permissions = paths.iter().filter_map(|path| PermissionPath::parse(path)).collect();
    OpContext { permissions, ..world.op() }
}

#[tokio::test]
async fn who_breaks_a_rule_is_found_with_the_way_it_came_and_closed_when_it_is_over() {
    let mut world = world("warn").await;
    let found = only(&world).await;
    let violation = &found.row.violation;
    assert_eq!((violation.state, violation.rule, violation.until), (ViolationState::Open, 1, None));
    assert_eq!((found.score.highest, found.score.total), (70, 70));
    assert_eq!(found.row.labels, ["Vault", "Ledger"]);
    assert_eq!(found.row.risk.sides, ["Enters the vault", "Keeps the ledger"]);
    for side in violation.sides() {
        assert_eq!(side.len(), 1);
        assert!(side[0].reasons.iter().all(|reason| reason.rule == "finance"), "{side:#?}");
        assert_eq!(side[0].accounts, []);
    }
    // A rule gives both: nobody gives them up from here, and the page says who can.
    for way in &found.ways_out {
        assert!(!way.is_open() && way.obstacles[0].contains("rule \u{201c}finance\u{201d}"), "{way:#?}");
    }
    let refused = violations::remediate(&world.op(), seen(&found), 1, "not theirs").await.unwrap_err();
    assert!(refused.message.contains("cannot be given up from here"), "{refused}");

    // Once more finds nothing new.
    world.run("complete", RunMode::default()).await;
    assert_eq!(only(&world).await.row.violation, *violation);

    // She moves. Until her accounts have lost it, nothing grants it and she holds it all the same.
    world.feed(&people("Sales"));
    world.clock.step(Duration::from_secs(60));
    for job in ["collect", "synchronize", "compute-role-model"] {
        world.run(job, RunMode::default()).await;
    }
    let held = only(&world).await;
    assert_eq!(held.row.violation.state, ViolationState::Open);
    assert!(held.row.violation.things.iter().all(|thing| thing.thing.reasons.is_empty()), "{held:#?}");
    assert!(held.ways_out.iter().all(|way| way.is_open() && way.removed.len() == 1), "{held:#?}");
    // It is taken away in the application itself, and the next reading shows it.
    if let Some(account) = world.badges.accounts.get_mut("1") {
        account.entitlements.remove("VAULT");
    }
    world.badges.write_extract();
    world.clock.step(Duration::from_secs(60));
    for job in ["collect", "synchronize"] {
        world.run(job, RunMode::default()).await;
    }
    let over = only(&world).await;
    assert_eq!(over.row.violation.state, ViolationState::Closed, "{over:#?}");
    assert!(over.row.violation.until.is_some() && over.ways_out.is_empty());
    let late = violations::except(&world.op(), seen(&over), "none", today()).await.unwrap_err();
    assert!(late.message.contains("is over"), "{late}");
    world.stop().await;
}

#[tokio::test]
async fn an_exception_ends_by_itself_on_its_day() {
    let world = world("warn").await;
    let found = only(&world).await;
    let op = world.op();
    for (control, last, field) in [
        (" ", date(2026, 3, 5), "control"),
        ("monthly look", date(2026, 3, 1), "last_day"),
        ("monthly look", date(2026, 3, 13), "last_day"),
    ] {
        let error = violations::except(&op, seen(&found), control, last).await.unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{error}");
    }
    let (id, version) = seen(&found);
    let stale = violations::except(&op, (id, version - 1), "monthly look", date(2026, 3, 5)).await.unwrap_err();
    assert!(stale.message.contains("has changed since you looked"), "{stale}");
    assert_eq!(violations::open(&op).await.unwrap(), 1);

    violations::except(&op, seen(&found), "monthly look", date(2026, 3, 5)).await.unwrap();
    let borne = detail(&world, id).await;
    assert_eq!(borne.row.violation.state, ViolationState::Excepted);
    let decided = borne.row.violation.decision.as_ref().map(|decision| decision.what.clone());
    let expected = Decided::Exception { control: "monthly look".into(), last_day: date(2026, 3, 5) };
    assert_eq!(decided, Some(expected));
    assert_eq!(violations::open(&op).await.unwrap(), 0);
    // A run leaves what is decided.
    world.run("complete", RunMode::default()).await;
    assert_eq!(detail(&world, id).await.row.violation.state, ViolationState::Excepted);

    world.clock.step(Duration::from_secs(3 * 86_400));
    assert_eq!(detail(&world, id).await.row.violation.state, ViolationState::Excepted, "the last day counts");
    world.clock.step(Duration::from_secs(86_400));
    wait::until("the exception is over", async || detail(&world, id).await.row.violation.state == ViolationState::Open)
        .await;
    let again = detail(&world, id).await;
    assert_eq!(again.row.violation.decision, None);
    let told: Vec<&str> = again.events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(told.last(), Some(&"The last day of its exception is over."));

    violations::except(&world.op(), seen(&again), "monthly look", date(2026, 3, 10)).await.unwrap();
    let borne = detail(&world, id).await;
    violations::reopen(&world.op(), seen(&borne), "the look was not taken").await.unwrap();
    let open = detail(&world, id).await;
    assert_eq!(open.row.violation.state, ViolationState::Open);
    let twice = violations::reopen(&world.op(), seen(&open), "again").await.unwrap_err();
    assert_eq!(twice.code, ErrorCode::Conflict);
    world.stop().await;
}

#[tokio::test]
async fn the_owner_of_a_risk_decides_on_theirs_and_others_do_not() {
    let world = world("warn").await;
    let found = only(&world).await;
    let nobody = with(&world, &["/Home"]);
    let refused = violations::page(&nobody, &ViolationFilter::default()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    assert_eq!(violations::detail(&nobody, found.row.violation.id).await.unwrap_err().code, ErrorCode::Forbidden);
    let mut owner = nobody.clone();
    owner.user.login = "ria".into();
    assert_eq!(violations::page(&owner, &ViolationFilter::default()).await.unwrap().total, 1);
    assert_eq!(violations::open(&owner).await.unwrap(), 1);
    let reader = with(&world, &["/Violations/View"]);
    assert_eq!(violations::open(&reader).await.unwrap(), 0);
    let shown = violations::detail(&reader, found.row.violation.id).await.unwrap();
    assert!(!shown.row.may_decide);
    let refused = violations::except(&reader, seen(&found), "look", date(2026, 3, 5)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    violations::except(&owner, seen(&found), "look", date(2026, 3, 5)).await.unwrap();

    let of = |filter: ViolationFilter| {
        let op = world.op();
        async move { violations::page(&op, &filter).await.unwrap().total }
    };
    let all = ViolationFilter::default();
    assert_eq!(of(ViolationFilter { level: Some(70), ..all.clone() }).await, 1);
    assert_eq!(of(ViolationFilter { level: Some(71), ..all.clone() }).await, 0);
    assert_eq!(of(ViolationFilter { risk: Some("vault-and-ledger".into()), ..all.clone() }).await, 1);
    assert_eq!(of(ViolationFilter { risk: Some("other".into()), ..all.clone() }).await, 0);
    assert_eq!(of(ViolationFilter { application: Some("badges".into()), ..all }).await, 1);
    world.stop().await;
}

#[tokio::test]
async fn what_was_given_directly_is_given_up_by_a_request() {
    let mut world = world("warn").await;
    let bo = id(&world, "2").await;
    let asked = gives(bo, &["vault", "ledger"]);
    let preview = requests::submit(&world.op(), NewRequest { simulate: true, ..asked.clone() }).await.unwrap().preview;
    assert_eq!(preview.risks.len(), 1);
    assert_eq!(preview.risks[0].sides, [["Vault"], ["Ledger"]]);
    let silent = requests::submit(&world.op(), asked.clone()).await.unwrap_err();
    assert_eq!(silent.field.as_deref(), Some("risk_comment"));
    assert!(silent.message.contains("Vault and ledger") && silent.message.contains("level 70"), "{silent}");
    let asked = NewRequest { risk_comment: Some("for a week only".into()), ..asked };
    let request = requests::submit(&world.op(), asked).await.unwrap().request.unwrap();
    let kept = requests::detail(&world.op(), request).await.unwrap();
    assert_eq!(kept.risks.iter().map(|(risk, _)| risk.comment.as_str()).collect::<Vec<_>>(), ["for a week only"]);
    assert_eq!(kept.risks[0].1, "Vault and ledger");
    settle(&mut world).await;

    let row = rows(&world).await.into_iter().find(|row| row.violation.identity == bo).unwrap();
    let found = detail(&world, row.violation.id).await;
    assert!(found.ways_out.iter().all(|way| way.is_open() && way.taken.len() == 1), "{found:#?}");
    let taking = violations::remediate(&world.op(), seen(&found), 1, "not theirs").await.unwrap().unwrap();
    let now = detail(&world, row.violation.id).await;
    assert_eq!(now.row.violation.state, ViolationState::Remediation);
    let source = requests::detail(&world.op(), taking).await.unwrap().request;
    assert_eq!((source.trigger, source.items[0].change), (Trigger::PolicyViolation, Change::Take));
    settle(&mut world).await;
    settle(&mut world).await;
    let over = detail(&world, row.violation.id).await;
    assert_eq!(over.row.violation.state, ViolationState::Closed, "{over:#?}");
    world.stop().await;
}

#[tokio::test]
async fn a_risk_that_blocks_refuses_a_request_unless_it_is_overridden() {
    let mut world = world("block").await;
    let bo = id(&world, "2").await;
    let asked = NewRequest { risk_comment: Some("for the audit".into()), ..gives(bo, &["vault", "ledger"]) };
    let desk = with(&world, &["/Requests", "/Identities"]);
    let refused = requests::submit(&desk, asked.clone()).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::Conflict, Some("items")));
    assert!(refused.message.contains("This risk blocks it"), "{refused}");
    assert_eq!(world.engine.store().direct_grants(Some(&[bo])).await.unwrap(), []);
    // One of both is no risk.
    let vault = requests::submit(&desk, gives(bo, &["vault"])).await.unwrap().request.unwrap();
    settle(&mut world).await;
    assert_eq!(requests::detail(&world.op(), vault).await.unwrap().request.state, RequestState::Completed);

    let more = NewRequest { risk_comment: Some("for the audit".into()), ..gives(bo, &["ledger"]) };
    let request = requests::submit(&world.op(), more).await.unwrap().request.unwrap();
    let mut found = Vec::new();
    wait::until("its order waits for a review", async || {
        found = world.orders(ProvisioningState::AwaitingApproval).await;
        !found.is_empty()
    })
    .await;
    assert!(found.iter().all(|order| order.identity == bo && order.application == "Mainframe"), "{found:#?}");
    assert!(
        found.iter().any(|order| matches!(&order.reason, Some(StateReason::Risk { risk, message })
            if risk == "vault-and-ledger" && message.contains("It waits for a person"))),
        "{found:#?}"
    );
    let standing = requests::detail(&world.op(), request).await.unwrap();
    assert_eq!(standing.request.state, RequestState::Approval);
    world.stop().await;
}

#[tokio::test]
async fn what_a_rule_newly_gives_is_not_ordered_where_a_risk_blocks_and_waits_where_it_asks() {
    for (on_conflict, keys) in [("block", false), ("approve", true)] {
        // A fifth of the people at first: nobody is held up by thresholds.
        let mut world = World::with_more(&people("Sales"), &pair(on_conflict), |_| {}).await;
        settle(&mut world).await;
        assert_eq!(rows(&world).await, []);
        world.feed(&people("Finance"));
        world.clock.step(Duration::from_secs(60));
        settle(&mut world).await;
        let ann = id(&world, "1").await;
        let found = only(&world).await;
        assert_eq!((found.row.violation.identity, found.row.violation.state), (ann, ViolationState::Open));
        assert!(!world.badges.accounts["1"].entitlements.contains("VAULT"), "{on_conflict}");
        let waiting = world.orders(ProvisioningState::AwaitingApproval).await;
        assert_eq!(!waiting.is_empty(), keys, "{on_conflict} {waiting:#?}");
        if !keys {
            let terminal = world.orders_of("mainframe").await.into_iter().rfind(|order| order.identity == ann);
            if let Some(order) = terminal {
                let plan = orders::detail(&world.op(), order.id).await.unwrap().plan;
                let left = plan.filtered.iter().filter(|left| left.why == FilterReason::Risk);
                let because: Vec<&str> = left.filter_map(|left| left.because.as_deref()).collect();
                assert!(because.iter().any(|because| because.contains("Ledger together with Vault")), "{plan:#?}");
            }
            // What is borne is ordered.
            violations::except(&world.op(), seen(&found), "monthly look", date(2026, 3, 5)).await.unwrap();
            settle(&mut world).await;
            assert!(world.badges.accounts["1"].entitlements.contains("VAULT"));
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn risks_that_change_are_looked_at_for_everybody() {
    let world = world("warn").await;
    assert_eq!(rows(&world).await.len(), 1);
    std::fs::write(world.configuration().join("more.toml"), "").unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    let run = world.run("complete", RunMode { incremental: true, dry_run: false }).await;
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    let rows_then = rows(&world).await;
    assert_eq!(rows_then[0].violation.state, ViolationState::Closed);
    assert_eq!(rows_then[0].risk.kind, None, "the configuration does not know it any more");
    let wider = pair("warn")
        .replace("entitlements = [\"vault\"]", "entitlements = [\"door\"]")
        .replace("entitlements = [\"ledger\"]", "roles = [\"bookkeeper\"]");
    std::fs::write(world.configuration().join("more.toml"), wider).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    world.run("complete", RunMode { incremental: true, dry_run: false }).await;
    let open: Vec<ViolationRow> =
        rows(&world).await.into_iter().filter(|row| row.violation.state == ViolationState::Open).collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].labels, ["Main door", "Bookkeeper"]);
    world.stop().await;
}
