//! What happened, and the audit trail: a stream as a list, the newest first.

use leptos::prelude::*;
use model::event::{Event, EventFilter, EventList, EventType, Stream};
use model::value::Value;

use super::{At, tabs};
use crate::components::form::option;
use crate::components::list::{Empty, active_filters, ago, empty, pages, pagination};
use crate::frame::{Section, Sheet};
use crate::logic::event::{label, said};
use crate::logic::query::events_address;
use crate::logic::time::Clock;
use crate::logic::words;

/// `applications` are those to choose from: name, and what people call it.
pub fn event_list_sheet(
    filter: &EventFilter,
    found: EventList,
    applications: &[(String, String)],
    clock: &Clock,
) -> Sheet {
    let EventList { page, is_counted, looked_back_to } = found;
    let of_stream = EventFilter { stream: filter.stream, ..EventFilter::default() };
    let is_filtered = EventFilter { before: None, limit: None, ..filter.clone() } != of_stream;
    let shown = page.rows.len();
    let content = match (shown, is_filtered, filter.stream) {
        (0, _, _) if !is_counted => ().into_any(),
        (0, true, _) => empty("Nothing found", Empty::Filtered { clear: events_address(&of_stream).to_string() }),
        (0, false, Stream::Events) => empty(
            "Nothing yet",
            Empty::NeverUsed {
                text: "What happens is written down from the moment that the configuration names a receiver of events.",
                action: Some(("Receivers", "/events")),
            },
        ),
        (0, false, Stream::Audit) => {
            empty("Nothing yet", Empty::AllDone { text: "What people do from now on stands here." })
        }
        (_, _, Stream::Events) => events(&page.rows, clock).into_any(),
        (_, _, Stream::Audit) => lines(&page.rows, clock).into_any(),
    };
    let (heading, about, noun) = match filter.stream {
        Stream::Events => (
            "What happened",
            "What happened to people, their access and their accounts, as other systems are told of it.",
            ("event", "events"),
        ),
        Stream::Audit => ("Audit trail", "Who did what here. Lines are added and never changed.", ("line", "lines")),
    };
    let of_person = filter.identity.map(|id| {
        let without = events_address(&EventFilter { identity: None, ..filter.clone() });
        let named = page.rows.iter().find_map(|event| event.body.identity.as_ref());
        let name = named.map_or_else(|| format!("identity {id}"), |identity| identity.display_name.clone());
        (format!("Only of {name}"), without.to_string())
    });
    let list = events_address(filter);
    let is_first = filter.before.is_none();
    let foot = if is_counted {
        (shown > 0).then(|| pagination(list, shown, page.total.into(), is_first, page.next, noun).into_any())
    } else {
        let count = match shown {
            0 => format!("No {}", noun.1),
            shown => words::plural(shown as u64, noun.0, noun.1),
        };
        let (said, label) = match looked_back_to {
            Some(at) => (
                format!("{count} on this page. What is older than {} was not looked at yet.", clock.minute(at)),
                "Look further back",
            ),
            None if page.next.is_some() => (format!("{count} on this page, and more further back."), "Next page"),
            None => (format!("{count} on this page, and no older ones that fit."), "Next page"),
        };
        Some(pages(list, said, is_first, page.next.map(|after| (label, after))).into_any())
    };
    let body = view! {
        <header class="page-head">
            <h1>{heading}</h1>
            <p class="muted">{about}</p>
        </header>
        {tabs(At::Stream(filter.stream))}
        {search(filter, applications)}
        {active_filters(of_person.into_iter().collect())}
        {content}
        {foot}
    };
    Sheet { section: Section::Elsewhere, title: heading.to_owned(), body: body.into_any() }
}

fn search(filter: &EventFilter, applications: &[(String, String)]) -> impl IntoView + use<> {
    let hint = match filter.stream {
        Stream::Events => "Person, key, or name of a thing",
        Stream::Audit => "Who, what, or to what",
    };
    let kinds = (filter.stream == Stream::Events).then(|| {
        let kinds = EventType::ALL.iter().filter(|kind| **kind != EventType::Audited);
        let kinds = kinds.map(|kind| {
            option(kind.name().to_owned(), label(*kind).to_owned(), filter.kind.as_deref() == Some(kind.name()))
        });
        // A whole kind cannot be chosen here, but can be kept in a view or typed.
        let other = filter.kind.clone().filter(|kind| EventType::from_name(kind).is_none());
        let other = other.map(|kind| option(kind.clone(), kind, true));
        let applications = applications.iter().map(|(name, called)| {
            option(name.clone(), called.clone(), filter.application.as_ref() == Some(name))
        });
        view! {
            <select name="type" aria-label="Type"><option value="">"Every type"</option>{other}{kinds.collect_view()}</select>
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{applications.collect_view()}</select>
        }
    });
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string());
    view! {
        <form class="filters" action="/events" role="search" aria-label="Filter the list">
            <input type="hidden" name="stream" value=filter.stream.name() />
            {filter.identity.map(|id| view! { <input type="hidden" name="identity" value=id.to_string() /> })}
            <input type="search" name="text" value=filter.text.clone() aria-label=hint placeholder=hint autocomplete="off" />
            {kinds}
            <label class="between">"From"<input type="date" name="since" value=day(filter.since) /></label>
            <label class="between">"until"<input type="date" name="until" value=day(filter.until) /></label>
            <button class="button">"Filter"</button>
        </form>
    }
}

fn events(rows: &[Event], clock: &Clock) -> impl IntoView + use<> {
    let lines = rows.iter().map(|event| {
        let body = &event.body;
        let whom = body.identity.as_ref().map(|identity| {
            view! { <a href=format!("/identities/{}", identity.id)>{identity.display_name.clone()}</a> }
        });
        view! {
            <tr data-row="">
                <td data-label="Number" class="id">{event.sequence.to_string()}</td>
                <td data-label="Type" class="nowrap" title=body.kind.name()>{label(body.kind)}</td>
                <td data-label="Whom" class="name">{whom}</td>
                <td data-label="Application">{body.application.clone()}</td>
                <td data-label="What" class="wide">{said(body)}</td>
                <td data-label="When" class="when">{ago(clock, body.at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Number"</th><th scope="col">"Type"</th><th scope="col">"Whom"</th><th scope="col">"Application"</th><th scope="col">"What"</th><th scope="col">"When"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}

fn lines(rows: &[Event], clock: &Clock) -> impl IntoView + use<> {
    let lines = rows.iter().map(|event| {
        let text = |name: &str| event.body.data.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
        view! {
            <tr data-row="">
                <td data-label="Number" class="id">{event.sequence.to_string()}</td>
                <td data-label="Who" class="name">{text("actor")}</td>
                <td data-label="What" class="nowrap">{text("action")}</td>
                <td data-label="To what" class="wrap">{text("subject")}</td>
                <td data-label="Detail" class="wide wrap">{text("detail")}</td>
                <td data-label="When" class="when">{ago(clock, event.body.at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Number"</th><th scope="col">"Who"</th><th scope="col">"What"</th><th scope="col">"To what"</th><th scope="col">"Detail"</th><th scope="col">"When"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}
