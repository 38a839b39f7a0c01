//! Requests: the list of what was asked for.

pub mod ask;
pub mod detail;
pub(crate) mod preview;

use leptos::prelude::*;
use model::page::Page;
use model::request::{RequestFilter, RequestRow, RequestState};
use model::trigger::Trigger;

use crate::components::chip;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, ago, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::query::{self, requests_address};
use crate::logic::request;
use crate::logic::time::Clock;
use crate::pages::{Asked, page};

pub use ask::{Ask, AskRequestPage, ask_sheet};
pub use detail::{RequestPage, request_sheet};

#[component]
pub fn RequestsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::requests(&query);
        let rows = engine::requests::page(&op, filter.clone()).await?;
        let counts = engine::requests::counts(&op, filter.clone()).await?;
        let person = match filter.identity {
            Some(id) => engine::identities::detail(&op, id).await.ok().map(|detail| detail.identity.display_name),
            None => None,
        };
        Ok(requests_sheet(&filter, rows, &counts, person.as_deref(), &visitor.rights, &visitor.clock))
    })
}

pub fn requests_sheet(
    filter: &RequestFilter,
    page: Page<RequestRow>,
    counts: &[(RequestState, u64)],
    person: Option<&str>,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let list = requests_address(filter);
    let is_filtered = list != requests_address(&RequestFilter::default());
    let shown = page.rows.len();
    let rows = match (shown, is_filtered) {
        (0, true) => empty("No requests", Empty::Filtered { clear: "/requests".to_owned() }),
        (0, false) => empty(
            "No requests yet",
            Empty::NeverUsed {
                text: "What is asked for beside the rules, by people or by other systems, is followed here to its end.",
                action: rights.may(engine::requests::SUBMIT).then_some(("Change access by hand", "/requests/new")),
            },
        ),
        _ => table(&page.rows, clock).into_any(),
    };
    let of_person = filter.identity.map(|id| {
        let without = requests_address(&RequestFilter { identity: None, ..filter.clone() }).to_string();
        (format!("Only for {}", person.map_or_else(|| format!("identity {id}"), str::to_owned)), without)
    });
    let ask = rights
        .may(engine::requests::SUBMIT)
        .then(|| view! { <a class="button primary" href="/requests/new">{icon("plus")}"Change access by hand"</a> });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Requests"</h1>
                    <p class="muted">"What was asked for beside the rules: by people, reviews and other systems."</p>
                </div>
                <div class="actions"><a class="button" href="/requests/kept">"Kept access"</a><a class="button" href="/bulk-changes">"Bulk changes"</a>{ask}</div>
            </div>
        </header>
        {states(filter, counts)}
        {search(filter)}
        {active_filters(of_person.into_iter().collect())}
        {rows}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), filter.after.is_none(), page.next, ("request", "requests")))}
    };
    Sheet { section: Section::Requests, title: "Requests".to_owned(), body: body.into_any() }
}

fn states(filter: &RequestFilter, counts: &[(RequestState, u64)]) -> impl IntoView + use<> {
    let address = |state| requests_address(&RequestFilter { state, after: None, ..filter.clone() }).to_string();
    let all = Choice {
        label: "All".to_owned(),
        count: Some(counts.iter().map(|(_, count)| count).sum()),
        address: address(None),
        chosen: filter.state.is_none(),
        shape: None,
    };
    let is_wanted = |state: &RequestState| {
        filter.state == Some(*state) || counts.iter().any(|(other, count)| other == state && *count > 0)
    };
    let choices = RequestState::ALL.into_iter().filter(is_wanted).map(|state| Choice {
        label: state.label().to_owned(),
        count: Some(counts.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| *count)),
        address: address(Some(state)),
        chosen: filter.state == Some(state),
        shape: Some(chip::request_look(state).1),
    });
    filter_chips("State", std::iter::once(all).chain(choices).collect())
}

fn search(filter: &RequestFilter) -> impl IntoView + use<> {
    let triggers = Trigger::ALL
        .into_iter()
        .filter(|trigger| *trigger != Trigger::Undo)
        .map(|trigger| option(trigger.name().to_owned(), trigger.label().to_owned(), filter.trigger == Some(trigger)));
    view! {
        <form class="filters" action="/requests" role="search" aria-label="Filter requests">
            <input type="search" name="text" value=filter.text.clone() placeholder="Name or key of a person" aria-label="Name or key of a person" />
            <select name="trigger" aria-label="Set off by"><option value="">"Set off by anything"</option>{triggers.collect_view()}</select>
            {filter.state.map(|state| view! { <input type="hidden" name="state" value=state.name() /> })}
            {filter.identity.map(|id| view! { <input type="hidden" name="identity" value=id.to_string() /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

fn table(rows: &[RequestRow], clock: &Clock) -> impl IntoView + use<> {
    let rows = rows.iter().map(|row| {
        let items: Vec<String> = row.items.iter().map(|(item, label)| request::asked(item, label)).collect();
        view! {
            <tr data-row="">
                <td data-label="Request" class="name"><a data-open="" href=format!("/requests/{}", row.id)>{items.join("; ")}</a></td>
                <td data-label="Person" class="nowrap"><a href=format!("/identities/{}", row.identity)>{row.identity_name.clone()}</a></td>
                <td data-label="Set off by">{row.trigger.label()}<span class="subtle">" · "{row.requester.clone()}</span></td>
                <td data-label="Why" class="wide wrap">{row.justification.clone()}</td>
                <td data-label="State">{chip::request(row.state, row.message.as_deref())}{first_day(row)}</td>
                <td data-label="Asked" class="when">{ago(clock, row.submitted_at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Request"</th><th scope="col">"Person"</th><th scope="col">"Set off by"</th><th scope="col">"Why"</th><th scope="col">"State"</th><th scope="col">"Asked"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

fn first_day(row: &RequestRow) -> impl IntoView + use<> {
    row.not_before
        .filter(|_| row.state == RequestState::Waiting)
        .map(|day| view! { <span class="subtle">{format!(" from {day}")}</span> })
}
