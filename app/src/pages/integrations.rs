//! Integrations: systems that carry out orders for applications. How they are, and what is sent to them.

use leptos::prelude::*;
use model::view::{IntegrationDetail, IntegrationRow, OrderFilter, RouteView};

use crate::components::icon::icon;
use crate::components::{chip, form};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::time::Clock;
use crate::logic::{address, words};
use crate::pages::applications::{connection, order_count, orders, paused};
use crate::pages::{Asked, page, parameter};

#[component]
pub fn IntegrationPage() -> impl IntoView {
    let name = parameter("name");
    page(move |Asked { op, visitor, .. }| async move {
        let detail = engine::integrations::detail(&op, name.clone()).await?;
        Ok(integration_sheet(&detail, &visitor.rights, &visitor.clock))
    })
}

pub fn integration_sheet(detail: &IntegrationDetail, rights: &Rights, clock: &Clock) -> Sheet {
    let row = &detail.row;
    let filter = OrderFilter { carrier: Some(row.name.clone()), ..OrderFilter::default() };
    let hint =
        "Secrets are kept encrypted and never shown. What applications hold is read from each of them, not from here.";
    let test = match rights.may("/Applications/Test") {
        true => form::named_action("/api/pages/applications/test", &row.name, "Test the connection", "plug").into_any(),
        false => form::refused("Testing the connection", "/Applications/Test").into_any(),
    };
    let whole = row.universal.then(|| {
        view! { <p class="muted">"It carries out whatever no application\u{2019}s own connection, and no other one, does."</p> }
    });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>{row.display_name.clone()}" "<span class="tag">"integration"</span></h1>
                    {detail.description.clone().map(|text| view! { <p class="muted">{text}</p> })}
                    {whole}
                    <div class="head-state">{health(row)}<span class="muted">{words::mechanism(row.mechanism)}</span></div>
                </div>
                <div class="actions">{test}</div>
            </div>
        </header>
        {row.pause.as_ref().map(|pause| paused(&row.name, pause, rights, clock))}
        {row.trouble.clone().filter(|_| row.pause.is_none()).map(|trouble| view! { <div class="banner danger">{icon("octagon")}<div><p>{trouble}</p><p>"Orders wait until it answers again."</p></div></div> })}
        <section class="panel" aria-labelledby="carries-heading">
            <h2 id="carries-heading">"Carries out"</h2>
            {carries(&detail.carries)}
        </section>
        <div class="columns even">
            {connection(&detail.settings, hint)}
            <section class="panel">{orders(&filter, &detail.orders)}</section>
        </div>
    };
    Sheet { section: Section::Applications, title: row.display_name.clone(), body: body.into_any() }
}

/// How an integration is, as a chip.
pub(crate) fn health(row: &IntegrationRow) -> impl IntoView + use<> {
    chip::health(row.pause.as_ref(), row.trouble.as_deref(), row.failed_orders)
}

/// The integrations, for the page of applications; nothing where there are none.
pub(crate) fn list(rows: &[IntegrationRow]) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| {
        let orders = |count: u64, state: Option<&str>| order_count(count, ("carrier", &row.name), state);
        let of = match row.applications.is_empty() {
            true => view! { <span class="subtle">"nothing at present"</span> }.into_any(),
            false => row.applications.join(", ").into_any(),
        };
        view! {
            <tr data-row="">
                <td data-label="Integration" class="name"><a data-open="" href=address::integration(&row.name)>{row.display_name.clone()}</a>{row.universal.then(|| view! { " "<span class="tag">"universal"</span> })}</td>
                <td data-label="Health">{health(row)}</td>
                <td data-label="Mechanism">{words::mechanism(row.mechanism)}</td>
                <td data-label="Connection" class="muted">{row.connection.clone()}</td>
                <td data-label="Carries out orders of" class="wide wrap">{of}</td>
                <td data-label="Open orders" class="number">{orders(row.open_orders, None)}</td>
                <td data-label="Failed" class="number">{orders(row.failed_orders, Some("errored"))}</td>
            </tr>
        }
    });
    (!rows.is_empty()).then(|| view! {
        <section aria-labelledby="integrations-heading">
            <div class="section-head"><h2 id="integrations-heading">"Integrations"</h2></div>
            <p class="muted">"Systems and desks that carry out orders of applications."</p>
            <table class="ledger">
                <thead><tr><th scope="col">"Integration"</th><th scope="col">"Health"</th><th scope="col">"Mechanism"</th><th scope="col">"Connection"</th><th scope="col">"Carries out orders of"</th><th scope="col" class="number">"Open orders"</th><th scope="col" class="number">"Failed"</th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        </section>
    })
}

/// Who carries out the parts of an application's orders, and why.
pub(crate) fn routes(rows: &[RouteView]) -> impl IntoView + use<> {
    let rows = rows.iter().map(|row| {
        let whom = match row.carrier == row.application {
            true => view! { <span class="subtle">"itself"</span> }.into_any(),
            false => {
                view! { <a href=address::carrier(&row.carrier, row.is_integration)>{row.carrier_name.clone()}</a> }
                    .into_any()
            }
        };
        view! {
            <tr>
                <td data-label="What" class="name">{words::part(row.part)}</td>
                <td data-label="How">{crate::pages::orders::by(row.mechanism)}</td>
                <td data-label="Sent to">{whom}</td>
                <td data-label="Because" class="wide wrap muted">{row.why.clone()}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"What"</th><th scope="col">"How"</th><th scope="col">"Sent to"</th><th scope="col">"Because"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

/// What is sent here of other applications' orders.
pub(crate) fn carries(rows: &[RouteView]) -> AnyView {
    if rows.is_empty() {
        return view! { <p class="muted">"Nothing at present: other ways come before it for every application."</p> }
            .into_any();
    }
    let rows = rows.iter().map(|row| {
        view! {
            <tr>
                <td data-label="Application" class="name"><a href=address::application(&row.application)>{row.application_name.clone()}</a></td>
                <td data-label="What">{words::part(row.part)}</td>
                <td data-label="Because" class="wide wrap muted">{row.why.clone()}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Application"</th><th scope="col">"What"</th><th scope="col">"Because"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}
