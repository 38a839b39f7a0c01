//! What lists share: filters as links, going on, being empty, and times.

use jiff::Timestamp;
use leptos::prelude::*;
use model::page::Counted;

use super::icon::icon;
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::words;

/// One choice of a filter.
pub struct Choice {
    pub label: String,
    pub count: Option<u64>,
    pub address: String,
    pub chosen: bool,
    /// Of the state it chooses.
    pub shape: Option<&'static str>,
}

/// A filter as a row of links, one of which is chosen.
pub fn filter_chips(label: &'static str, choices: Vec<Choice>) -> impl IntoView + use<> {
    let links = choices.into_iter().map(|choice| {
        let current = choice.chosen.then_some("true");
        view! {
            <li>
                <a href=choice.address aria-current=current>
                    {choice.shape.map(icon)}
                    {choice.label}
                    {choice.count.map(|count| view! { <span class="count">{words::total(count)}</span> })}
                </a>
            </li>
        }
    });
    view! { <ul class="chips" aria-label=label>{links.collect_view()}</ul> }
}

/// Filters in force, each with a link that takes it away.
pub fn active_filters(filters: Vec<(String, String)>) -> impl IntoView {
    (!filters.is_empty()).then(|| {
        let links = filters.into_iter().map(|(label, without)| {
            view! { <li><a class="active-filter" href=without title="Remove this filter">{label}<span aria-hidden="true">" ×"</span></a></li> }
        });
        view! { <ul class="active-filters" aria-label="Filters in force">{links.collect_view()}</ul> }
    })
}

/// How many there are, and the way on.
pub fn pagination(
    list: Address,
    shown: usize,
    total: Counted,
    is_first: bool,
    next: Option<String>,
    noun: (&str, &str),
) -> impl IntoView + use<> {
    let all = words::counted(total, noun.0, noun.1);
    let count = if u64::try_from(shown).is_ok_and(|shown| shown == total.count) && !total.more {
        all
    } else {
        format!("{} of {all}", words::number(shown as u64))
    };
    pages(list, count, is_first, next.map(|after| ("Next page", after)))
}

/// The way on of a list, whatever it says of how much there is.
pub fn pages(
    list: Address,
    said: String,
    is_first: bool,
    next: Option<(&'static str, String)>,
) -> impl IntoView + use<> {
    let first = (!is_first)
        .then(|| view! { <a class="button quiet" href=list.to_string() rel="first">{icon("back")}"First page"</a> });
    let next = next.map(|(label, after)| {
        let address = list.clone().with("after", Some(&after)).to_string();
        view! { <a class="button quiet" href=address rel="next">{label}{icon("arrow")}</a> }
    });
    view! { <nav class="pages" aria-label="Pages"><span class="muted">{said}</span><span class="spring"></span>{first}{next}</nav> }
}

/// Why a list has no rows; the three are told apart so that nobody takes a filter for an empty product.
pub enum Empty {
    /// Nothing has been made yet: what makes it, and where.
    NeverUsed { text: &'static str, action: Option<(&'static str, &'static str)> },
    /// There are rows, and none match.
    Filtered { clear: String },
    /// All is done.
    AllDone { text: &'static str },
}

/// What stands in place of rows.
pub fn empty(title: &'static str, empty: Empty) -> AnyView {
    match empty {
        Empty::NeverUsed { text, action } => view! {
            <div class="empty">
                <span class="empty-art">{icon("circle")}</span>
                <h2>{title}</h2>
                <p>{text}</p>
                {action.map(|(label, address)| view! { <a class="button primary" href=address>{label}</a> })}
            </div>
        }
        .into_any(),
        Empty::Filtered { clear } => view! {
            <div class="empty filtered">
                <span class="empty-art">{icon("search")}</span>
                <h2>{title}</h2>
                <p>"Nothing matches these filters."</p>
                <a class="button" href=clear>"Clear the filters"</a>
            </div>
        }
        .into_any(),
        Empty::AllDone { text } => view! {
            <div class="empty done">
                <span class="empty-art">{icon("double-check")}</span>
                <h2>{title}</h2>
                <p>{text}</p>
            </div>
        }
        .into_any(),
    }
}

/// A time: relative to read, absolute on demand.
pub fn ago(clock: &Clock, at: Timestamp) -> impl IntoView + use<> {
    view! { <time datetime=at.to_string() title=clock.absolute(at)>{clock.relative(at)}</time> }
}

/// A time or a dash.
pub fn ago_or_dash(clock: &Clock, at: Option<Timestamp>) -> AnyView {
    match at {
        Some(at) => ago(clock, at).into_any(),
        None => view! { <span class="subtle">"—"</span> }.into_any(),
    }
}

/// Where evidence is: a link where a browser can open it, and a text otherwise.
pub fn reference(reference: String) -> AnyView {
    let is_link = ["https://", "http://"].iter().any(|scheme| reference.to_ascii_lowercase().starts_with(scheme));
    match is_link {
        true => {
            let address = reference.clone();
            view! { <a class="wrap" href=address rel="noopener noreferrer external">{reference}</a> }.into_any()
        }
        false => view! { <span class="mono wrap">{reference}</span> }.into_any(),
    }
}

/// Tabs as links.
pub fn tabs(label: &'static str, choices: Vec<(String, String, Option<Counted>, bool)>) -> impl IntoView + use<> {
    let links = choices.into_iter().map(|(name, address, count, chosen)| {
        view! {
            <a href=address aria-current=chosen.then_some("page")>
                {name}{count.map(|count| view! { <span class="count">{words::counted_number(count)}</span> })}
            </a>
        }
    });
    view! { <nav class="tabs" aria-label=label>{links.collect_view()}</nav> }
}
