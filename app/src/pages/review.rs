//! Provisioning review: what waits for a person's word, property by property, and what failed and can be sent again.

mod confirm;
mod declined;

use leptos::prelude::*;
use model::error::ApiError;
use model::ids::{DeclinedChangeId, OrderId};
use model::order::{OrderItem, ProvisioningState};
use model::review::{ReviewFilter, ReviewGroup, ReviewKind, ReviewOrder, ReviewPage as Part, Verdict};

use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, ago, empty, filter_chips, pagination};
use crate::components::{chip, form};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::{address, review, words};
use crate::pages::{Asked, page};
use crate::ssr;

pub use confirm::confirm_sheet;
pub use declined::declined_sheet;

#[server(prefix = "/api/pages", endpoint = "review/decide")]
pub async fn decide_review(
    #[server(default)] verdicts: Vec<String>,
    #[server(default)] comment: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let verdicts = review::read_lines(&verdicts).ok_or_else(|| {
            ApiError::invalid("verdicts", "The form is not complete. Go back to the review and decide again.")
        })?;
        Ok(Flash::of_each(&engine::reviews::decide(&op, verdicts, comment).await?, ("order", "orders"), "decided"))
    }
    .await;
    ssr::finish(outcome, "/review")
}

/// Sends the ticked ones again, or with `all` every one of the group.
#[server(prefix = "/api/pages", endpoint = "review/unblock")]
pub async fn unblock_orders(
    #[server(default)] ids: Vec<String>,
    #[server(default)] all: String,
    #[server(default)] cause: String,
    #[server(default)] account_type: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let ids = match all.as_str() {
            "yes" => engine::reviews::failed(&op, &cause, &account_type).await?,
            _ => ids.iter().map(|id| ssr::id(id, "order")).collect::<Result<Vec<OrderId>, _>>()?,
        };
        Ok(Flash::of_each(&engine::reviews::unblock(&op, ids).await?, ("order", "orders"), "sent again"))
    }
    .await;
    ssr::finish(outcome, "/review")
}

#[server(prefix = "/api/pages", endpoint = "review/reopen")]
pub async fn reopen_declined(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let id: DeclinedChangeId = ssr::id(&id, "declined change")?;
        engine::reviews::reopen(&op, id).await
    }
    .await;
    let done = "Reopened: where it is still wanted, the next computation orders it again.";
    ssr::finish(outcome.map(|()| Flash::done(done)), "/review/declined")
}

#[component]
pub fn ReviewPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = review::filter(&query);
        let part = engine::reviews::page(&op, filter.clone()).await?;
        Ok(review_sheet(&filter, &part, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn ConfirmReviewPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        let verdicts = review::chosen(&query);
        if verdicts.is_empty() {
            return Ok(confirm_sheet(&[], &[]));
        }
        let prepared = engine::reviews::prepare(&op, &verdicts).await?;
        Ok(confirm_sheet(&verdicts, &prepared))
    })
}

#[component]
pub fn DeclinedPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let with_reopened = query.get("all").is_some_and(|value| value == "yes");
        let before = query.get("after").and_then(|id| id.parse().ok());
        let rows = engine::reviews::declined(&op, with_reopened, before).await?;
        Ok(declined_sheet(rows, with_reopened, before.is_none(), &visitor.clock))
    })
}

pub fn review_sheet(filter: &ReviewFilter, part: &Part, rights: &Rights, clock: &Clock) -> Sheet {
    let list = review::address(filter);
    let is_filtered = *filter != ReviewFilter { after: filter.after, ..ReviewFilter::default() };
    let shown = part.orders.len();
    let content = match (shown, is_filtered) {
        (0, true) => empty("Nothing waits here", Empty::Filtered { clear: "/review".to_owned() }),
        (0, false) => empty(
            "Nothing waits for a review",
            Empty::AllDone { text: "Orders appear here when an account type asks for a review, and when they fail." },
        ),
        _ => orders(part, filter, rights, clock).into_any(),
    };
    let one = filter.order.map(|id| {
        (format!("Order {id}"), review::address(&ReviewFilter { order: None, ..filter.clone() }).to_string())
    });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Provisioning review"</h1>
                    <p class="muted">"Say yes or no to what is about to be changed, property by property; send again what failed."</p>
                </div>
                <div class="actions"><a class="button quiet" href="/review/declined">{icon("ban")}"Declined"<span class="count">{words::total(part.declined)}</span></a></div>
            </div>
        </header>
        {groups(filter, &part.groups)}
        {active_filters(one.into_iter().collect())}
        {content}
        {(shown > 0).then(|| pagination(list, shown, part.total.into(), filter.after.is_none(), part.next.clone(), ("order", "orders")))}
    };
    Sheet { section: Section::Review, title: "Review".to_owned(), body: body.into_any() }
}

/// A link for each cause and account type.
fn groups(filter: &ReviewFilter, groups: &[ReviewGroup]) -> impl IntoView + use<> {
    let all = Choice {
        label: "All".to_owned(),
        count: Some(groups.iter().map(|group| group.orders).sum()),
        address: "/review".to_owned(),
        chosen: filter.cause.is_none() && filter.account_type.is_none() && filter.order.is_none(),
        shape: None,
    };
    let choices = groups.iter().map(|group| Choice {
        label: format!("{}: {}", cause_label(&group.cause), group.account_type_label),
        count: Some(group.orders),
        address: part_address(&group.cause, &group.account_type),
        chosen: filter.cause.as_ref() == Some(&group.cause)
            && filter.account_type.as_ref() == Some(&group.account_type),
        shape: Some(chip::look(group.state).1),
    });
    (!groups.is_empty()).then(|| filter_chips("Cause and account type", std::iter::once(all).chain(choices).collect()))
}

fn part_address(cause: &str, account_type: &str) -> String {
    let part = ReviewFilter {
        cause: Some(cause.to_owned()),
        account_type: Some(account_type.to_owned()),
        ..ReviewFilter::default()
    };
    review::address(&part).to_string()
}

/// "Not found", "Waits for review".
fn cause_label(cause: &str) -> String {
    match cause {
        "review" => "Waits for review".to_owned(),
        "undone" => "Taken back before".to_owned(),
        "risk" => "Would complete a risk".to_owned(),
        other => words::attribute(other),
    }
}

/// Groups of orders: those to decide about, and those that failed.
fn orders(part: &Part, filter: &ReviewFilter, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let (waiting, failed): (Vec<&ReviewOrder>, Vec<&ReviewOrder>) =
        part.orders.iter().partition(|order| order.order.state == ProvisioningState::AwaitingApproval);
    let decide = (!waiting.is_empty()).then(|| to_decide(&waiting, clock));
    let failures = part
        .groups
        .iter()
        .filter(|group| group.state == ProvisioningState::Errored)
        .map(|group| {
            let rows: Vec<&ReviewOrder> =
                failed.iter().copied().filter(|order| belongs(order, group, filter)).collect();
            (group, rows)
        })
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(group, rows)| failures(group, &rows, rights, clock))
        .collect_view();
    view! { {decide}{failures} }
}

/// Whether the order is in the group; where one group was asked for, all of them are.
fn belongs(order: &ReviewOrder, group: &ReviewGroup, filter: &ReviewFilter) -> bool {
    let cause = model::review::failure_cause(order.order.reason.as_ref());
    order.order.account_type == group.account_type
        && (filter.cause.as_ref() == Some(&group.cause) || cause == group.cause)
}

/// One form around all orders to decide about: the next page says what will happen.
fn to_decide(waiting: &[&ReviewOrder], clock: &Clock) -> impl IntoView + use<> {
    let orders = waiting.iter().map(|order| one_order(order, clock)).collect_view();
    view! {
        <form action="/review/confirm" class="bulk review">
            {orders}
            <div class="bulk-bar">
                <span class="muted">"What is left at "<em>"later"</em>" stays as it is."</span>
                <span class="spring"></span>
                <button class="button primary">{icon("arrow")}"Go on with what is chosen"</button>
                <button class="button" name="all" value="approve">{icon("check")}"Approve all the rest"</button>
                <button class="button danger" name="all" value="decline">{icon("ban")}"Decline all the rest"</button>
            </div>
        </form>
    }
}

fn one_order(described: &ReviewOrder, clock: &Clock) -> impl IntoView + use<> {
    let order = &described.order;
    let id = order.id;
    let rows = review::open_items(order).map(|item| row(described, item)).collect_view();
    let heading = format!("review-{id}");
    let labelled = heading.clone();
    let confidence = described
        .confidence
        .map(|confidence| view! { <span class="muted">{format!("confidence {confidence}")}</span> });
    view! {
        <section class="panel review-order" aria-labelledby=labelled>
            <div class="section-head">
                {chip::chip(tone(described.kind), shape(described.kind), words::review_kind(described.kind), words::review_kind_sentence(described.kind).to_owned())}
                <h2 id=heading><a href=format!("/identities/{}", order.identity)>{described.identity_name.clone()}</a></h2>
                <span class="muted">{described.account_type_label.clone()}" in "{described.application_name.clone()}</span>
                {order.key.clone().map(|key| view! { <span class="mono subtle">{key}</span> })}
                {confidence}
                <span class="spring"></span>
                <span class="subtle">"ordered "{ago(clock, order.created_at)}</span>
                <a href=format!("/orders/{id}")>"Order "{id.to_string()}</a>
            </div>
            <p class="muted">{order.explanation.clone()}</p>
            {order.reason.as_ref().map(|reason| view! { <p class="banner">{icon("hand")}<span>{words::state_reason(reason).0}</span></p> })}
            <table class="ledger changes">
                <thead><tr><th scope="col">"What"</th><th scope="col">"Now"</th><th scope="col">"Proposed"</th><th scope="col">"Holds"</th><th scope="col">"Decision"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}

fn row(described: &ReviewOrder, item: &OrderItem) -> impl IntoView + use<> {
    let change = words::change(item);
    let order = described.order.id;
    let needed = described.needed.contains(&item.id).then(|| view! { <span class="subtle">" needed"</span> });
    let holds = described.periods.iter().find(|(id, _)| *id == item.id).map(|(_, period)| words::period(period));
    let name = review::field(order, item.id);
    let legend = format!("Decision about {} of {}", change.what, described.identity_name);
    let choices = [(Verdict::Approve, "Approve"), (Verdict::Decline, "Decline"), (Verdict::Postpone, "Later")].map(|(verdict, label)| {
        let name = name.clone();
        view! { <label><input type="radio" name=name value=verdict.name() checked=verdict == Verdict::Postpone />{label}</label> }
    });
    view! {
        <tr data-row="">
            <td data-label="What" class="name">{change.what}{needed}</td>
            <td data-label="Now" class="before">{change.before}</td>
            <td data-label="Proposed" class="after">{change.after}</td>
            <td data-label="Holds" class="muted">{holds.unwrap_or_else(|| "—".to_owned())}</td>
            <td data-label="Decision"><fieldset class="segments"><legend class="sr">{legend}</legend>{choices}</fieldset></td>
        </tr>
    }
}

/// Failed orders of one cause: tick and send again, or all of them.
fn failures(group: &ReviewGroup, rows: &[&ReviewOrder], rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let may_bulk = rights.may("/Orders/BulkReview");
    let heading = format!("failed-{}-{}", address::encode(&group.cause), address::encode(&group.account_type));
    let labelled = heading.clone();
    let lines = rows
        .iter()
        .map(|described| {
            let order = &described.order;
            let label = format!("{} for {}", words::operation(order.operation), described.identity_name);
            let why = order.reason.as_ref().map(|reason| words::state_reason(reason).0);
            view! {
                <tr data-row="">
                    <td class="tick"><input type="checkbox" name="ids[]" value=order.id.to_string() aria-label=label /></td>
                    <td data-label="Order" class="id"><a data-open="" href=format!("/orders/{}", order.id)>{order.id.to_string()}</a></td>
                    <td data-label="Person" class="name"><a href=format!("/identities/{}", order.identity)>{described.identity_name.clone()}</a></td>
                    <td data-label="Change">{words::operation(order.operation)}</td>
                    <td data-label="Why" class="wide wrap muted">{why}</td>
                    <td data-label="Ordered" class="when">{ago(clock, order.created_at)}</td>
                </tr>
            }
        })
        .collect_view();
    let all = may_bulk.then(|| {
        view! { <button class="button" name="all" value="yes">{icon("play")}{format!("Send all {} again", words::total(group.orders))}</button> }
    });
    let note = (!may_bulk).then(|| form::refused("Sending several again at once", "/Orders/BulkReview"));
    view! {
        <form method="post" action="/api/pages/review/unblock" class="bulk work-group" aria-labelledby=labelled>
            <input type="hidden" name="cause" value=group.cause.clone() />
            <input type="hidden" name="account_type" value=group.account_type.clone() />
            <div class="section-head">
                {chip::chip(chip::Tone::Danger, "octagon", "Failed", String::new())}
                <h2 id=heading>{cause_label(&group.cause)}": "{group.account_type_label.clone()}</h2>
                <span class="count">{words::total(group.orders)}</span>
            </div>
            <p class="muted">{group.label.clone()}</p>
            <table class="ledger">
                <thead><tr><th scope="col" class="tick"><span class="sr">"Tick"</span></th><th scope="col">"Order"</th><th scope="col">"Person"</th><th scope="col">"Change"</th><th scope="col">"Why"</th><th scope="col">"Ordered"</th></tr></thead>
                <tbody>{lines}</tbody>
            </table>
            <div class="actions">
                <button class="button primary">{icon("play")}"Send the ticked again"</button>
                {all}
            </div>
            {note}
        </form>
    }
}

pub(crate) fn tone(kind: ReviewKind) -> chip::Tone {
    match kind {
        ReviewKind::Addition => chip::Tone::Ok,
        ReviewKind::Association => chip::Tone::Manual,
        ReviewKind::Update => chip::Tone::Info,
        ReviewKind::Deletion => chip::Tone::Danger,
    }
}

pub(crate) fn shape(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Addition => "plus",
        ReviewKind::Association => "user",
        ReviewKind::Update => "pencil",
        ReviewKind::Deletion => "trash",
    }
}
