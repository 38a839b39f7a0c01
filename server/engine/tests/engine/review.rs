//! Provisioning review: only what is approved goes out, what is declined does not come back, and the first word counts.

use engine::reviews;
use model::error::ErrorCode;
use model::ids::OrderId;
use model::job::{RunMode, RunState};
use model::order::{Order, ProvisioningState};
use model::plan::Operation;
use model::review::{OrderVerdicts, ReviewFilter, ReviewKind, Verdict};
use model::view::RunFilter;
use testkit::world::{World, person};

const SAFE: &str = r#"
[applications.safe]
display_name = "Safe"
[applications.safe.connection]
kind = "manual"
[account_types.key]
display_name = "Key holder"
application = "safe"
key = "holder"
review = true
[account_types.key.attributes]
holder = { expression = "identity.key", required = true, create_only = true }
name = { expression = "identity.display_name" }
department = { expression = "identity.department" }
[entitlements.master]
display_name = "Master key"
account_type = "key"
key = "MASTER"
privileged = true
[rules.safe]
when = 'identity.department == "Finance"'
account_types = ["key"]
entitlements = ["master"]
"#;

async fn world() -> World {
    let people =
        [person(1, "Ann", "Lee", "Finance"), person(2, "Bo", "Ek", "Sales"), person(3, "Cy", "Ash", "Finance")];
    let mut world = World::with_more(&people, SAFE, |_| {}).await;
    world.settle().await;
    world
}

fn say(order: &Order, said: &[(&str, Verdict)]) -> OrderVerdicts {
    let items = said.iter().map(|(name, verdict)| {
        (
            order.items.iter().find(|item| item.name == *name).unwrap_or_else(|| panic!("{name}: {order:#?}")).id,
            *verdict,
        )
    });
    OrderVerdicts { order: order.id, items: items.collect() }
}

async fn waiting(world: &World) -> Vec<Order> {
    let page = reviews::page(&world.op(), ReviewFilter::default()).await.unwrap();
    page.orders.into_iter().map(|described| described.order).collect()
}

async fn order(world: &World, id: OrderId) -> Order {
    engine::orders::detail(&world.op(), id).await.unwrap().order
}

/// Sends what is approved, and confirms it by hand.
async fn fulfil_safe(world: &World) {
    world.run("fulfil", RunMode::default()).await;
    let op = world.op();
    let rows = engine::work_items::page(&op, Default::default()).await.unwrap().rows;
    let ids: Vec<_> = rows
        .iter()
        .filter(|row| row.application == "safe" && row.state == model::work_item::WorkItemState::Open)
        .map(|row| row.id)
        .collect();
    for (_, outcome) in engine::work_items::confirm(&op, ids, "done".into()).await.unwrap() {
        outcome.unwrap();
    }
}

/// Approves what the newest runs stopped at their thresholds: in a small organisation one person is a lot.
async fn let_through(world: &World) {
    let op = world.op();
    for row in engine::jobs::runs(&op, RunFilter { limit: 5, ..RunFilter::default() }).await.unwrap() {
        if row.run.state != RunState::Blocked {
            continue;
        }
        engine::approvals::approve(&op, row.run.id, None, "It is right.".into()).await.unwrap();
        world.ended(row.run.id).await;
    }
}

use Verdict::{Approve, Decline, Postpone};

#[tokio::test]
async fn only_what_is_approved_goes_out_and_what_is_declined_stays_away() {
    let world = world().await;
    let page = reviews::page(&world.op(), ReviewFilter::default()).await.unwrap();
    assert_eq!((page.groups.len(), page.groups[0].orders, page.groups[0].cause.as_str()), (1, 2, "review"));
    assert!(page.orders.iter().all(|order| order.kind == ReviewKind::Addition && order.needed.len() == 1));
    let ann = page.orders[0].order.clone();
    let account = ann.items.iter().find(|item| item.kind == model::plan::ItemKind::Lifecycle).unwrap().name.clone();

    let all = [("name", Approve), ("department", Decline), ("MASTER", Postpone), ("holder", Approve)];
    let mut verdicts = say(&ann, &all);
    verdicts.items.extend(say(&ann, &[(account.as_str(), Approve)]).items);
    let silent = reviews::decide(&world.op(), vec![verdicts.clone()], "  ".into()).await.unwrap_err();
    assert_eq!(silent.field.as_deref(), Some("comment"));
    let forecast = reviews::prepare(&world.op(), std::slice::from_ref(&verdicts)).await.unwrap();
    assert_eq!(forecast[0].1.as_ref().unwrap().items.len(), 5);
    let outcomes = reviews::decide(&world.op(), vec![verdicts.clone()], "Not for the safe.".into()).await.unwrap();
    assert!(outcomes[0].1.is_ok(), "{outcomes:?}");
    // The second reviewer is told, and changes nothing.
    let late = reviews::decide(&world.op(), vec![verdicts], "Me too.".into()).await.unwrap();
    assert_eq!(late[0].1.as_ref().unwrap_err().code, ErrorCode::Conflict);

    fulfil_safe(&world).await;
    let sent = order(&world, ann.id).await;
    assert_eq!(sent.state, ProvisioningState::Executed);
    let state = |name: &str| sent.items.iter().find(|item| item.name == name).unwrap().state;
    assert_eq!(
        [state("holder"), state("name"), state("department"), state("MASTER")],
        [
            ProvisioningState::Executed,
            ProvisioningState::Executed,
            ProvisioningState::Inactive,
            ProvisioningState::Inactive
        ]
    );
    let detail = engine::identities::detail(&world.op(), ann.identity).await.unwrap();
    let account = detail.accounts.iter().find(|account| account.application == "safe").unwrap();
    assert!(account.attributes.contains_key("name") && !account.attributes.contains_key("department"));
    assert!(account.entitlements.is_empty());

    // The next computation asks for what was postponed, and not for what was declined.
    world.run("complete", RunMode::default()).await;
    let again: Vec<Order> = waiting(&world).await.into_iter().filter(|order| order.identity == ann.identity).collect();
    assert_eq!(again.len(), 1, "{again:#?}");
    assert_eq!(again[0].items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["MASTER"]);

    // Until somebody reopens it.
    let declined = reviews::declined(&world.op(), false, None).await.unwrap().rows;
    assert_eq!((declined.len(), declined[0].declined.comment.as_str()), (1, "Not for the safe."));
    reviews::reopen(&world.op(), declined[0].declined.id).await.unwrap();
    reviews::reopen(&world.op(), declined[0].declined.id).await.unwrap_err();
    world.run("complete", RunMode::default()).await;
    let reopened = waiting(&world).await.into_iter().find(|order| order.identity == ann.identity).unwrap();
    assert_eq!(reopened.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["department", "MASTER"]);
    world.stop().await;
}

#[tokio::test]
async fn what_is_postponed_of_a_change_waits_on_by_itself() {
    let mut world = world().await;
    for order in waiting(&world).await {
        reviews::decide_whole(&world.op(), order.id, Approve, String::new()).await.unwrap();
    }
    fulfil_safe(&world).await;
    world.feed(&[person(1, "Anna", "Lee", "Finance"), person(2, "Bo", "Ek", "Sales"), person(3, "Cy", "Ash", "Sales")]);
    world.settle().await;
    let_through(&world).await;
    let orders = waiting(&world).await;
    let cy = orders.iter().find(|order| order.operation == Operation::Disable).unwrap();
    assert!(reviews::decide_whole(&world.op(), cy.id, Decline, String::new()).await.is_err());
    reviews::decide_whole(&world.op(), cy.id, Decline, "Keeps the key until May.".into()).await.unwrap();
    let ann = orders.iter().find(|order| order.operation == Operation::Update).unwrap().clone();
    assert_eq!(ann.items.len(), 1);

    world.feed(&[
        person(1, "Anna", "Lee-Moe", "Finance"),
        person(2, "Bo", "Ek", "Sales"),
        person(3, "Cy", "Ash", "Sales"),
    ]);
    world.run("complete", RunMode::default()).await;
    let orders = waiting(&world).await;
    assert!(orders.iter().all(|order| order.operation == Operation::Update), "the key stays: {orders:#?}");
    let newer = orders.iter().find(|order| order.identity == ann.identity).unwrap();
    assert_eq!(newer.items[0].value, Some("Anna Lee-Moe".into()), "a newer value asks anew");
    reviews::decide_whole(&world.op(), newer.id, Approve, "Married.".into()).await.unwrap();
    fulfil_safe(&world).await;
    assert_eq!(order(&world, newer.id).await.state, ProvisioningState::Executed);
    world.stop().await;
}

#[tokio::test]
async fn two_reviewers_at_once_do_not_both_win() {
    let world = world().await;
    let first = waiting(&world).await.remove(0);
    let op = world.op();
    let (yes, no) = tokio::join!(
        reviews::decide_whole(&op, first.id, Approve, String::new()),
        reviews::decide_whole(&op, first.id, Decline, "No.".into()),
    );
    assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");
    let after = order(&world, first.id).await.state;
    let declined = reviews::declined(&op, true, None).await.unwrap().total;
    assert_eq!(declined, u64::from(no.is_ok()));
    assert_eq!(after == ProvisioningState::Inactive, no.is_ok());
    world.stop().await;
}
