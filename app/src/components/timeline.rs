//! What happened, in order.

use leptos::prelude::*;

/// An entry: when, what, and more.
pub struct Entry {
    pub when: AnyView,
    /// State or sign beside it.
    pub sign: AnyView,
    pub what: AnyView,
    pub more: Option<AnyView>,
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
