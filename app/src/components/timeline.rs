//! What happened, in order.

use jiff::Timestamp;
use leptos::prelude::*;

use super::list::ago;
use crate::logic::time::Clock;

/// An entry: when, what, and more.
pub struct Entry {
    pub when: AnyView,
    /// State or sign beside it.
    pub sign: AnyView,
    pub what: AnyView,
    pub more: Option<AnyView>,
}

impl Entry {
    /// Something that somebody did, with the time of day.
    pub fn of(clock: &Clock, at: Timestamp, sign: AnyView, message: &str, actor: &str) -> Self {
        let more = view! { <span class="subtle">{actor.to_owned()}" · "{clock.time_of_day(at)}</span> };
        Self {
            when: ago(clock, at).into_any(),
            sign,
            what: view! { <span class="wrap">{message.to_owned()}</span> }.into_any(),
            more: Some(more.into_any()),
        }
    }
}

/// The part of a page that tells what happened.
pub fn timeline_section(entries: Vec<Entry>) -> impl IntoView + use<> {
    view! {
        <section aria-labelledby="timeline-heading">
            <div class="section-head"><h2 id="timeline-heading">"Timeline"</h2></div>
            {timeline("Timeline", entries)}
        </section>
    }
}

/// Entries as an ordered list.
pub fn timeline(label: &'static str, entries: Vec<Entry>) -> impl IntoView + use<> {
    let entries = entries.into_iter().map(|entry| {
        view! {
            <li>
                <span class="when">{entry.when}</span>
                <div class="what">
                    <div class="line">{entry.sign}<span>{entry.what}</span></div>
                    {entry.more.map(|more| view! { <div class="more">{more}</div> })}
                </div>
            </li>
        }
    });
    view! { <ol class="timeline" aria-label=label>{entries.collect_view()}</ol> }
}
