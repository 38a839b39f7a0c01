//! My access: what somebody has and why, and what became of what was asked for. Managers see the same of those who report to
//! them.

pub mod ask;
pub mod request;

use engine::access::{Held, HeldRow, Mine};
use leptos::prelude::*;
use model::access::Grantable;
use model::ids::IdentityId;
use model::page::Page;
use model::request::{Change, RequestItem, RequestRow};

use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, empty, pagination, tabs};
use crate::components::{chip, explain};
use crate::frame::{Section, Sheet};
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::{request as words_of, words};
use crate::pages::{Asked, page};

pub use ask::{Ask, RequestAccessPage, ask_sheet};
pub use request::{AccessRequestPage, request_sheet};

/// What the page shows below the header.
pub enum Shown {
    Held(Held),
    /// What was asked for the person, and what the caller asked for others.
    Requests {
        page: Page<RequestRow>,
        is_first: bool,
        for_others: Vec<RequestRow>,
    },
}

#[component]
pub fn AccessPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let Some(mine) = engine::access::mine(&op).await? else {
            return Ok(unknown_sheet(&engine::access::unknown(&op)));
        };
        let whose = query.get("person").and_then(|text| text.parse().ok()).unwrap_or(mine.identity.id);
        let shown = match query.get("show").as_deref() {
            Some("requests") => {
                let after = query.get("after");
                let is_first = after.is_none();
                let page = engine::access::requests_for(&op, whose, after).await?;
                let is_own = whose == mine.identity.id && is_first;
                let for_others = if is_own { engine::access::asked_for_others(&op).await? } else { Vec::new() };
                Shown::Requests { page, is_first, for_others }
            }
            _ => Shown::Held(engine::access::held(&op, whose).await?),
        };
        Ok(access_sheet(&mine, whose, &shown, &visitor.clock))
    })
}

/// In place of everything where nobody has said who the visitor is.
pub fn unknown_sheet(said: &str) -> Sheet {
    let body = view! {
        <header class="page-head"><h1>"My access"</h1></header>
        <div class="empty">
            <span class="empty-art">{icon("user")}</span>
            <h2>"Nobody has said who you are"</h2>
            <p>{said.to_owned()}</p>
        </div>
    };
    Sheet { section: Section::Access, title: "My access".to_owned(), body: body.into_any() }
}

pub fn access_sheet(mine: &Mine, whose: IdentityId, shown: &Shown, clock: &Clock) -> Sheet {
    let is_own = whose == mine.identity.id;
    let name = mine.reports.iter().find(|(id, _)| *id == whose).map(|(_, name)| name.clone());
    let title = match (&name, is_own) {
        (_, true) => "My access".to_owned(),
        (Some(name), false) => format!("Access of {name}"),
        (None, false) => "Access of somebody who reports to you".to_owned(),
    };
    let person = (!is_own).then(|| whose.to_string());
    let address = |show: Option<&str>| Address::new("/access").with("person", person.as_deref()).with("show", show);
    let is_requests = matches!(shown, Shown::Requests { .. });
    let links = vec![
        ("Access".to_owned(), address(None).to_string(), None, !is_requests),
        ("Requests".to_owned(), address(Some("requests")).to_string(), None, is_requests),
    ];
    let content = match shown {
        Shown::Held(held) if held.rows.is_empty() => empty(
            "Nothing yet",
            Empty::NeverUsed {
                text: "No rule gives anything, and nothing was asked for.",
                action: Some(("Request access", "/access/request")),
            },
        ),
        Shown::Held(held) => held_by_kind(held, clock).into_any(),
        Shown::Requests { page, is_first, for_others } => {
            requests(page, *is_first, for_others, address(Some("requests")), clock).into_any()
        }
    };
    let ask = Address::new("/access/request").with("person", person.as_deref()).to_string();
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>{title.clone()}</h1>
                    <p class="muted">"What is held and why, and what was asked for."</p>
                </div>
                <div class="actions"><a class="button primary" href=ask>{icon("plus")}"Request access"</a></div>
            </div>
        </header>
        {choose(mine, whose, is_requests)}
        {tabs("Parts of this page", links)}
        {content}
    };
    Sheet { section: Section::Access, title, body: body.into_any() }
}

/// Whose access is shown; nothing where nobody reports to the visitor.
fn choose(mine: &Mine, whose: IdentityId, is_requests: bool) -> impl IntoView + use<> {
    (!mine.reports.is_empty()).then(|| {
        let own = (mine.identity.id, format!("{} (you)", mine.identity.display_name));
        let people: Vec<_> = std::iter::once(&own)
            .chain(&mine.reports)
            .map(|(id, name)| option(id.to_string(), name.clone(), *id == whose))
            .collect();
        view! {
            <form class="filters" action="/access" aria-label="Whose access">
                <label class="check">"Access of "<select name="person">{people}</select></label>
                {is_requests.then(|| view! { <input type="hidden" name="show" value="requests" /> })}
                <button class="button">"Show"</button>
            </form>
        }
    })
}

/// Roles, access profiles, entitlements, then accounts.
fn held_by_kind(held: &Held, clock: &Clock) -> impl IntoView + use<> {
    let kinds = [
        ("role", "Roles"),
        ("access_profile", "Access profiles"),
        ("entitlement", "Entitlements"),
        ("account_type", "Accounts"),
    ];
    let sections = kinds.into_iter().filter_map(|(kind, heading)| {
        let rows: Vec<&HeldRow> = held.rows.iter().filter(|row| row.row.grantable.kind() == kind).collect();
        let first = rows.first()?;
        let shape = explain::shape(&first.row.grantable);
        let count = rows.len();
        let lines = rows.into_iter().map(|row| line(row, held.person.id, clock)).collect_view();
        let id = format!("held-{kind}");
        Some(view! {
            <section aria-labelledby=id.clone()>
                <div class="section-head"><h2 id=id.clone()>{icon(shape)}{heading}</h2><span class="count">{count.to_string()}</span></div>
                <table class="ledger">
                    <thead><tr><th scope="col">"What"</th><th scope="col">"Why"</th><th scope="col">"Since"</th><th scope="col">"Until"</th><th scope="col">"State"</th><th scope="col"><span class="sr">"Change"</span></th></tr></thead>
                    <tbody>{lines}</tbody>
                </table>
            </section>
        })
    });
    sections.collect_view()
}

fn line(held: &HeldRow, person: IdentityId, clock: &Clock) -> impl IntoView + use<> {
    let row = &held.row;
    let state = match row.state {
        Some(state) => chip::provisioning(state, row.state_reason.as_ref()).into_any(),
        None if row.workflow_state.grants() => {
            chip::chip(chip::Tone::Ok, "check", "In force", row.workflow_state.label().to_owned()).into_any()
        }
        None => chip::chip(chip::Tone::Idle, "circle", row.workflow_state.label(), String::new()).into_any(),
    };
    let until = row.period.ends.map(|ends| ends.yesterday().unwrap_or(ends).to_string());
    let change = |change, word: &'static str| {
        let label = format!("{word}: {}", row.display_name);
        view! { <a class="button small" href=wish(person, change, &row.grantable) aria-label=label>{word}</a> }
    };
    let extend = held.can_be_extended.then(|| change(Change::Give, "Extend"));
    let back = held.can_be_given_back.then(|| change(Change::Take, "Give back"));
    // An empty cell has no place on a narrow screen.
    let may_change = extend.is_some() || back.is_some();
    view! {
        <tr>
            <td data-label="What" class="name">{row.display_name.clone()}{row.application.clone().map(|name| view! { <span class="subtle">" · "{name}</span> })}</td>
            <td data-label="Why" class="wide wrap">{held.why.clone()}</td>
            <td data-label="Since" class="when">{ago(clock, row.since)}</td>
            <td data-label="Until" class="nowrap">{until.unwrap_or_else(|| "no end".to_owned())}</td>
            <td data-label="State">{state}</td>
            <td data-label="Change" class="nowrap">{may_change.then(|| view! { {extend}" "{back} })}</td>
        </tr>
    }
}

/// The page on which this is asked for.
fn wish(person: IdentityId, change: Change, grantable: &Grantable) -> String {
    let item = RequestItem { change, grantable: grantable.clone() };
    let address = Address::new("/access/request").with("person", Some(&person.to_string()));
    address.with("item", Some(&words_of::written(&item))).to_string()
}

fn requests(
    page: &Page<RequestRow>,
    is_first: bool,
    for_others: &[RequestRow],
    list: Address,
    clock: &Clock,
) -> impl IntoView + use<> {
    let shown = page.rows.len();
    let content = match shown {
        0 => empty(
            "Nothing was asked for",
            Empty::NeverUsed {
                text: "What is asked for is followed here to its end.",
                action: Some(("Request access", "/access/request")),
            },
        ),
        _ => table(&page.rows, clock).into_any(),
    };
    let others = (!for_others.is_empty()).then(|| {
        let rows = table(for_others, clock);
        view! { <section aria-labelledby="others-heading"><div class="section-head"><h2 id="others-heading">"Asked by you for others"</h2></div>{rows}</section> }
    });
    view! {
        {content}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), is_first, page.next.clone(), ("request", "requests")))}
        {others}
    }
}

fn table(rows: &[RequestRow], clock: &Clock) -> impl IntoView + use<> {
    let rows = rows.iter().map(|row| {
        let items: Vec<String> = row.items.iter().map(|(item, label)| ask::wished(item, label)).collect();
        let until = row.until.map(|last| format!("until {last}"));
        view! {
            <tr data-row="">
                <td data-label="Request" class="name"><a data-open="" href=format!("/access/requests/{}", row.id)>{words::sentence_case(&items.join("; "))}</a></td>
                <td data-label="Person" class="nowrap">{row.identity_name.clone()}</td>
                <td data-label="Why" class="wide wrap">{row.justification.clone()}</td>
                <td data-label="State">{chip::request(row.state, row.message.as_deref())}" "<span class="subtle">{until}</span></td>
                <td data-label="Asked" class="when">{ago(clock, row.submitted_at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Request"</th><th scope="col">"Person"</th><th scope="col">"Why"</th><th scope="col">"State"</th><th scope="col">"Asked"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}
