//! Applications: how they are, what they hold, how they are set up.

pub mod accounts;
mod detail;

use engine::context::OpContext;
use leptos::prelude::*;
use model::view::{AccountFilter, AccountShow, ApplicationRow, ConnectionTest, IntegrationRow};

use crate::components::chip;
use crate::components::list::{Empty, ago_or_dash, empty};
use crate::frame::{Section, Sheet};
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::time::Clock;
use crate::logic::{address, query, words};
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use detail::{Tab, TabContent, application_sheet};
pub(crate) use detail::{connection, orders, paused};

#[server(prefix = "/api/pages", endpoint = "applications/test")]
pub async fn test_connection(
    #[server(default)] name: String,
    #[server(default)] return_to: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::applications::test(&op, name.clone()).await;
    ssr::finish(outcome.map(|test| test_flash(&op, &name, &test)), &back(&op, &name, &return_to))
}

#[server(prefix = "/api/pages", endpoint = "applications/probe")]
pub async fn probe_application(
    #[server(default)] name: String,
    #[server(default)] return_to: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::applications::probe(&op, name.clone()).await;
    ssr::finish(outcome.map(|test| test_flash(&op, &name, &test)), &back(&op, &name, &return_to))
}

#[server(prefix = "/api/pages", endpoint = "applications/release")]
pub async fn release_application(
    #[server(default)] name: String,
    #[server(default)] return_to: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::applications::release(&op, name.clone()).await;
    ssr::finish(outcome.map(|()| Flash::done("What waited for it goes out.")), &back(&op, &name, &return_to))
}

/// The page that asked, or that of the application or integration itself.
fn back(op: &OpContext, name: &str, return_to: &str) -> String {
    let is_integration = op.engine.world().configuration().integrations.contains_key(name);
    if return_to.is_empty() { address::carrier(name, is_integration) } else { return_to.to_owned() }
}

#[component]
pub fn ApplicationsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::applications::rows(&op).await?;
        let integrations = engine::integrations::rows(&op).await?;
        Ok(applications_sheet(&rows, &integrations, &visitor.clock))
    })
}

#[component]
pub fn ApplicationPage() -> impl IntoView {
    let name = parameter("name");
    page(move |Asked { op, visitor, query }| async move {
        let detail = engine::applications::detail(&op, name.clone()).await?;
        let tab = Tab::from_name(&query.get("tab").unwrap_or_default());
        let content = match tab {
            Tab::Overview => TabContent::Overview,
            Tab::AccountTypes => TabContent::AccountTypes,
            Tab::Entitlements => TabContent::Entitlements,
            Tab::Accounts => {
                let filter = query::accounts(&name, &query);
                TabContent::Accounts(engine::accounts::page(&op, filter.clone()).await?, filter)
            }
            Tab::Schema => TabContent::Schema(engine::applications::schema(&op, name.clone()).await),
        };
        Ok(application_sheet(&detail, content, &visitor.rights, &visitor.clock))
    })
}

fn test_flash(op: &OpContext, name: &str, test: &ConnectionTest) -> Flash {
    let label = op.engine.application_label(name);
    let took = format!("{}.{:03} s", test.milliseconds / 1_000, test.milliseconds % 1_000);
    let (kind, title) = match test.succeeded {
        true => (FlashKind::Done, format!("{label}: the connection works ({took}).")),
        false => (FlashKind::Failed, format!("{label}: the connection does not work ({took}).")),
    };
    let lines = test.steps.iter().map(|(is_good, step)| format!("{} {step}", if *is_good { "✓" } else { "✗" }));
    Flash { kind, title, lines: lines.collect() }
}

pub fn applications_sheet(rows: &[ApplicationRow], integrations: &[IntegrationRow], clock: &Clock) -> Sheet {
    let content = if rows.is_empty() {
        empty(
            "No applications yet",
            Empty::NeverUsed {
                text: "Applications are described in configuration files; `quartermaster config apply` takes them over.",
                action: None,
            },
        )
    } else {
        table(rows, clock).into_any()
    };
    let body = view! {
        <header class="page-head">
            <h1>"Applications"</h1>
            <p class="muted">"What Quartermaster provisions, how it gets there, and how each of them is."</p>
        </header>
        {content}
        {super::integrations::list(integrations)}
    };
    Sheet { section: Section::Applications, title: "Applications".to_owned(), body: body.into_any() }
}

/// How an application is, as a chip.
pub(crate) fn health(row: &ApplicationRow) -> impl IntoView + use<> {
    chip::health(row.pause.as_ref(), row.trouble.as_deref(), row.failed_orders)
}

/// How many orders there are, as a link to them: those of an `application`, or sent to a `carrier`.
pub(crate) fn order_count(count: u64, (of, name): (&str, &str), state: Option<&str>) -> AnyView {
    match count {
        0 => view! { <span class="subtle">"—"</span> }.into_any(),
        count => {
            let address = address::Address::new("/orders").with(of, Some(name)).with("state", state);
            view! { <a href=address.to_string()>{words::total(count)}</a> }.into_any()
        }
    }
}

fn table(rows: &[ApplicationRow], clock: &Clock) -> impl IntoView + use<> {
    let rows = rows.iter().map(|row| {
        let orders = |count: u64, state: Option<&str>| order_count(count, ("application", &row.name), state);
        view! {
            <tr data-row="">
                <td data-label="Application" class="name"><a data-open="" href=address::application(&row.name)>{row.display_name.clone()}</a>{row.demo.then(|| view! { " "<span class="tag">"demo"</span> })}</td>
                <td data-label="Health">{health(row)}</td>
                <td data-label="Mechanism">{words::mechanism(row.mechanism)}</td>
                <td data-label="Connection" class="wide muted">{row.connection.clone()}</td>
                <td data-label="Accounts" class="number">{words::total(row.accounts)}</td>
                <td data-label="To decide" class="number">{to_decide(row)}</td>
                <td data-label="Open orders" class="number">{orders(row.open_orders, None)}</td>
                <td data-label="Failed" class="number">{orders(row.failed_orders, Some("errored"))}</td>
                <td data-label="Read" class="when">{ago_or_dash(clock, row.last_synchronized_at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Application"</th><th scope="col">"Health"</th><th scope="col">"Mechanism"</th><th scope="col">"Connection"</th><th scope="col" class="number">"Accounts"</th><th scope="col" class="number">"To decide"</th><th scope="col" class="number">"Open orders"</th><th scope="col" class="number">"Failed"</th><th scope="col">"Read"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

/// Accounts that wait for a person's word: whose they are, or of which type.
fn to_decide(row: &ApplicationRow) -> AnyView {
    match (row.proposed, row.unclassified) {
        (0, 0) => view! { <span class="subtle">"—"</span> }.into_any(),
        (proposed, unclassified) => {
            let show = if proposed > 0 { AccountShow::Proposed } else { AccountShow::Unclassified };
            let filter = AccountFilter { application: row.name.clone(), show, ..AccountFilter::default() };
            let address = query::accounts_address(&filter).to_string();
            view! { <a href=address>{words::total(proposed + unclassified)}</a> }.into_any()
        }
    }
}
