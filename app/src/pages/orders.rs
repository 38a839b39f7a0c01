//! Orders: the list, and one order with its whole way.

mod beside;
mod bulk;
mod detail;
mod triage;

use engine::context::OpContext;
use engine::orders::Deed;
use leptos::prelude::*;
use model::account::Mechanism;
use model::ids::OrderId;
use model::order::ProvisioningState;
use model::page::Page;
use model::view::{OrderCounts, OrderFilter, OrderRow, Triage};

use crate::components::chip;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, ago, ago_or_dash, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::query::{self, Query, orders_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use bulk::Confirming;
pub use detail::order_sheet;

#[server(prefix = "/api/pages", endpoint = "orders/retry")]
pub async fn retry_order(#[server(default)] id: String) -> Result<(), ServerFnError> {
    did(&ssr::op().await?, &id, Deed::Retry).await
}

#[server(prefix = "/api/pages", endpoint = "orders/send-to-manual")]
pub async fn send_order_to_manual(
    #[server(default)] id: String,
    #[server(default)] text: String,
) -> Result<(), ServerFnError> {
    did(&ssr::op().await?, &id, Deed::SendToManual { why: text }).await
}

#[server(prefix = "/api/pages", endpoint = "orders/mark-done")]
pub async fn mark_order_done(
    #[server(default)] id: String,
    #[server(default)] text: String,
) -> Result<(), ServerFnError> {
    did(&ssr::op().await?, &id, Deed::MarkDone { evidence: text }).await
}

#[server(prefix = "/api/pages", endpoint = "orders/cancel")]
pub async fn cancel_order(#[server(default)] id: String, #[server(default)] text: String) -> Result<(), ServerFnError> {
    did(&ssr::op().await?, &id, Deed::Cancel { why: text }).await
}

#[server(prefix = "/api/pages", endpoint = "orders/hold")]
pub async fn hold_order(#[server(default)] id: String, #[server(default)] text: String) -> Result<(), ServerFnError> {
    did(&ssr::op().await?, &id, Deed::Hold { why: text }).await
}

#[server(prefix = "/api/pages", endpoint = "orders/resume")]
pub async fn resume_order(#[server(default)] id: String) -> Result<(), ServerFnError> {
    did(&ssr::op().await?, &id, Deed::Resume).await
}

/// `names` and `values` belong together, one by one.
#[server(prefix = "/api/pages", endpoint = "orders/edit")]
pub async fn edit_order(
    #[server(default)] id: String,
    #[server(default)] names: Vec<String>,
    #[server(default)] values: Vec<String>,
    #[server(default)] text: String,
) -> Result<(), ServerFnError> {
    let values = names.into_iter().zip(values).collect();
    did(&ssr::op().await?, &id, Deed::Edit { values, why: text }).await
}

#[server(prefix = "/api/pages", endpoint = "orders/end-restoration")]
pub async fn end_restoration() -> Result<(), ServerFnError> {
    let outcome = engine::restoration::end(&ssr::op().await?).await;
    ssr::finish(outcome.map(|()| Flash::done("Orders and mails go out again.")), "/orders")
}

/// To all that a person had in view: `filter` is the list's query, `ids` what was ticked, `seen_at` and `expected` what the
/// confirmation said.
#[server(prefix = "/api/pages", endpoint = "orders/bulk")]
pub async fn act_on_orders(
    #[server(default)] action: String,
    #[server(default)] filter: String,
    #[server(default)] ids: String,
    #[server(default)] seen_at: String,
    #[server(default)] expected: String,
    #[server(default)] text: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let filter = query::orders(&Query::parse(&filter));
    let outcome = async {
        let asked = bulk::asked(&filter, &action, &ids, &seen_at, &expected, text)?;
        let done = engine::orders::act_on_many(&op, &asked.selection, asked.expected, asked.deed).await?;
        Ok(bulk::outcome_flash(asked.action, &done))
    };
    ssr::finish(outcome.await, &orders_address(&OrderFilter { after: None, ..filter.clone() }).to_string())
}

/// Does it to one order and goes back to its page.
async fn did(op: &OpContext, id: &str, deed: Deed) -> Result<(), ServerFnError> {
    let action = deed.action();
    let outcome = async { engine::orders::act(op, ssr::id(id, "order")?, deed).await }.await;
    ssr::finish(
        outcome.map(|()| Flash::done(format!("The order is {}.", words::action_done(action)))),
        &format!("/orders/{id}"),
    )
}

#[component]
pub fn OrdersPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::orders(&query);
        let counts = engine::orders::counts(&op, filter.clone()).await?;
        let rows = engine::orders::page(&op, filter.clone()).await?;
        let triage = engine::orders::triage(&op).await?;
        let confirming = match bulk::confirming(&query, &filter, op.now) {
            Some((action, selection)) => {
                let summary = engine::orders::selected(&op, &selection).await?;
                Some(Confirming { action, selection, summary })
            }
            None => None,
        };
        let (applications, integrations) = if visitor.rights.may("/Applications/View") {
            (engine::applications::names(&op)?, engine::integrations::names(&op)?)
        } else {
            (Vec::new(), Vec::new())
        };
        let board = Board { filter, counts, rows, triage, confirming, applications, integrations };
        Ok(orders_sheet(board, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn OrderPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, .. }| async move {
        let id: OrderId = ssr::id(&id, "order")?;
        let detail = engine::orders::detail(&op, id).await?;
        Ok(order_sheet(&detail, &visitor.rights, &visitor.clock))
    })
}

/// All that the page of orders shows.
pub struct Board {
    pub filter: OrderFilter,
    pub counts: OrderCounts,
    pub rows: Page<OrderRow>,
    pub triage: Triage,
    /// What the person is about to do to many.
    pub confirming: Option<Confirming>,
    /// Keys and display names.
    pub applications: Vec<(String, String)>,
    /// The same of integrations.
    pub integrations: Vec<(String, String)>,
}

pub fn orders_sheet(board: Board, rights: &Rights, clock: &Clock) -> Sheet {
    let Board { filter, counts, rows: page, triage, confirming, applications, integrations } = board;
    let list = orders_address(&filter);
    let is_filtered = list != orders_address(&OrderFilter::default());
    let shown = page.rows.len();
    let rows = if page.rows.is_empty() { nothing(is_filtered) } else { bulk::form(&filter, &page, rights, clock) };
    let body = view! {
        <header class="page-head">
            <h1>"Orders"</h1>
            <p class="muted">"What is being changed in the applications, how far it is, and what needs somebody's look."</p>
        </header>
        {confirming.map(|confirming| bulk::confirmation(confirming, rights))}
        {triage::section(&triage, &filter, rights, clock)}
        <section aria-labelledby="list-heading">
            <div class="section-head"><h2 id="list-heading">"All orders"</h2></div>
            <div class="stack">
                {state_choices(&filter, &counts, true)}
                {search(&filter, &applications, &integrations)}
                {active_filters(hidden_filters(&filter, &integrations))}
                {rows}
                {(shown > 0).then(|| pagination(list, shown, page.counted(), filter.after.is_none(), page.next, ("order", "orders")))}
            </div>
        </section>
    };
    Sheet { section: Section::Orders, title: "Orders".to_owned(), body: body.into_any() }
}

/// A row of links, one for each state that has orders.
pub fn state_choices(filter: &OrderFilter, counts: &OrderCounts, with_all: bool) -> impl IntoView + use<> {
    let address = |state| orders_address(&OrderFilter { state, ..filter.clone() }).to_string();
    let all = with_all.then(|| Choice {
        label: "All".to_owned(),
        count: (!counts.more).then(|| counts.by_state.iter().map(|(_, count)| count).sum()),
        address: address(None),
        chosen: filter.state.is_none(),
        shape: None,
    });
    let count_of = |state| counts.by_state.iter().find(|(found, _)| *found == state).map_or(0, |(_, count)| *count);
    let states = ProvisioningState::ALL
        .into_iter()
        .filter(|state| counts.more || count_of(*state) > 0 || filter.state == Some(*state));
    let choices = all.into_iter().chain(states.map(|state| Choice {
        label: state.label().to_owned(),
        count: (!counts.more).then(|| count_of(state)),
        address: address(Some(state)),
        chosen: filter.state == Some(state),
        shape: Some(chip::look(state).1),
    }));
    filter_chips("State", choices.collect())
}

fn search(
    filter: &OrderFilter,
    applications: &[(String, String)],
    integrations: &[(String, String)],
) -> impl IntoView + use<> {
    let applications = applications
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), filter.application.as_deref() == Some(name)));
    let carriers = integrations
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), filter.carrier.as_deref() == Some(name)))
        .collect_view();
    let is_integration = |name: &String| integrations.iter().any(|(known, _)| known == name);
    let carrier = match (integrations.is_empty(), filter.carrier.clone()) {
        // What the list does not offer stays in force, and is told beside the other filters.
        (_, Some(name)) if !is_integration(&name) => {
            Some(view! { <input type="hidden" name="carrier" value=name /> }.into_any())
        }
        (true, _) => None,
        (false, _) => Some(
            view! { <select name="carrier" aria-label="Sent to"><option value="">"Sent to anybody"</option>{carriers}</select> }
                .into_any(),
        ),
    };
    let mechanisms = [Mechanism::Direct, Mechanism::Executor, Mechanism::Manual].map(|mechanism| {
        option(mechanism.name().to_owned(), words::mechanism(mechanism).to_owned(), filter.mechanism == Some(mechanism))
    });
    view! {
        <form class="filters" action="/orders" role="search" aria-label="Filter orders">
            <input type="search" name="text" value=filter.text.clone() placeholder="Person or key, or state:errored" aria-label="Person or key" />
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{applications.collect_view()}</select>
            <select name="mechanism" aria-label="Mechanism"><option value="">"Every mechanism"</option>{mechanisms}</select>
            {carrier}
            {filter.state.map(|state| view! { <input type="hidden" name="state" value=state.slug() /> })}
            {filter.run.map(|run| view! { <input type="hidden" name="run" value=run.to_string() /> })}
            {filter.identity.map(|identity| view! { <input type="hidden" name="identity" value=identity.to_string() /> })}
            {filter.trouble.map(|trouble| view! { <input type="hidden" name="trouble" value=trouble.name() /> })}
            {filter.fingerprint.clone().map(|fingerprint| view! { <input type="hidden" name="fingerprint" value=fingerprint /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

/// Filters that no field on the page shows, so that none is in force unseen.
fn hidden_filters(filter: &OrderFilter, integrations: &[(String, String)]) -> Vec<(String, String)> {
    let without = |change: fn(&mut OrderFilter)| {
        let mut filter = filter.clone();
        change(&mut filter);
        orders_address(&filter).to_string()
    };
    let run = filter.run.map(|run| (format!("Run {run}"), without(|filter| filter.run = None)));
    let identity = filter.identity.map(|id| (format!("Identity {id}"), without(|filter| filter.identity = None)));
    let trouble =
        filter.trouble.map(|trouble| (words::trouble(trouble).to_owned(), without(|filter| filter.trouble = None)));
    let fingerprint = filter
        .fingerprint
        .as_ref()
        .map(|_| ("Only this group".to_owned(), without(|filter| filter.fingerprint = None)));
    let carrier = filter
        .carrier
        .as_ref()
        .filter(|name| !integrations.iter().any(|(known, _)| known == *name))
        .map(|name| (format!("Sent to {name}"), without(|filter| filter.carrier = None)));
    run.into_iter().chain(identity).chain(trouble).chain(fingerprint).chain(carrier).collect()
}

fn nothing(is_filtered: bool) -> AnyView {
    if is_filtered {
        empty("No orders", Empty::Filtered { clear: "/orders".to_owned() })
    } else {
        empty(
            "No orders yet",
            Empty::NeverUsed {
                text: "Orders appear when a job finds a difference between what people should have and what they have.",
                action: Some(("Start the complete job", "/jobs")),
            },
        )
    }
}

/// Orders as rows, with a box to tick each where something can be done to many.
pub fn table(rows: &[OrderRow], with_ticks: bool, clock: &Clock) -> impl IntoView + use<> {
    let head = with_ticks.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let rows = rows.iter().map(|row| {
        let tick = with_ticks.then(|| {
            let label = format!("Order {} for {}", row.id, row.identity_name);
            view! { <td class="tick"><input type="checkbox" name="ids[]" value=row.id.to_string() aria-label=label /></td> }
        });
        let next = row.next_attempt_at.filter(|_| row.state.is_open()).map(|at| view! { <span class="subtle">"next "{ago(clock, at)}</span> });
        let attempts = (row.attempts > 1).then(|| view! { <span class="subtle">{format!("{} attempts", row.attempts)}</span> });
        view! {
            <tr data-row="">
                {tick}
                <td data-label="Order" class="id"><a data-open="" href=format!("/orders/{}", row.id)>{row.id.to_string()}</a></td>
                <td data-label="Person" class="name"><a href=format!("/identities/{}", row.identity)>{row.identity_name.clone()}</a></td>
                <td data-label="Change">{words::operation(row.operation)}</td>
                <td data-label="Application">{row.application.clone()}</td>
                <td data-label="Values" class="wide muted">{row.summary.clone()}</td>
                <td data-label="State">{chip::provisioning(row.state, row.reason.as_ref())}</td>
                <td data-label="Tries" class="tries">{attempts}{next}</td>
                <td data-label="Changed" class="when">{ago_or_dash(clock, Some(row.changed_at))}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr>
                {head}<th scope="col">"Order"</th><th scope="col">"Person"</th><th scope="col">"Change"</th><th scope="col">"Application"</th>
                <th scope="col">"Values"</th><th scope="col">"State"</th><th scope="col">"Tries"</th><th scope="col">"Changed"</th>
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

/// Application and mechanism, for headings.
pub(crate) fn by(mechanism: Mechanism) -> impl IntoView {
    let shape = match mechanism {
        Mechanism::Direct => "plug",
        Mechanism::Executor => "copy",
        Mechanism::Manual => "wrench",
    };
    view! { <span class="by">{icon(shape)}{words::mechanism(mechanism)}</span> }
}
