//! The size of what is, or would be, ordered.

use leptos::prelude::*;
use model::blast_radius::{BlastLabel, BlastRadius};

use crate::logic::words;

/// How much it changes, where and for whom, with what can be done about it; `unfolded` where that is what the page is for.
pub fn blast_radius(radius: &BlastRadius, unfolded: bool, undo: Option<AnyView>) -> impl IntoView + use<> {
    let figure = |label: &'static str, count: u64| {
        (count > 0).then(|| view! { <div><dt>{label}</dt><dd>{words::number(count)}</dd></div> })
    };
    let applications = radius.applications.iter().map(|row| {
        let cell = |label: &'static str, count: u64| {
            let text = if count > 0 { words::number(count) } else { "—".to_owned() };
            view! { <td data-label=label class="figure">{text}</td> }
        };
        view! {
            <tr>
                <td data-label="Application" class="name">{row.application.clone()}</td>
                {cell("Created", row.created)}{cell("Changed", row.updated)}{cell("Enabled", row.enabled)}{cell("Disabled", row.disabled)}{cell("Deleted", row.deleted)}
            </tr>
        }
    });
    let people = radius.top_people.iter().map(|person| {
        view! { <li><a href=format!("/identities/{}", person.identity)>{person.name.clone()}</a>" "<span class="subtle figure">{words::number(person.weight)}</span></li> }
    });
    let departments = radius.top_departments.iter().map(|row| {
        let name = if row.department.is_empty() { "no department".to_owned() } else { row.department.clone() };
        view! { <li>{name}" "<span class="subtle figure">{format!("{}, {}", words::plural(row.people, "person", "people"), words::number(row.weight))}</span></li> }
    });
    let more = (radius.people > 0).then(|| {
        view! {
            <details class="why-item" open=unfolded>
                <summary>"Whom and what it concerns most"</summary>
                <table class="ledger">
                    <thead><tr><th scope="col">"Application"</th><th scope="col">"Created"</th><th scope="col">"Changed"</th><th scope="col">"Enabled"</th><th scope="col">"Disabled"</th><th scope="col">"Deleted"</th></tr></thead>
                    <tbody>{applications.collect_view()}</tbody>
                </table>
                <div class="columns">
                    <div><h3>"People"</h3><ol>{people.collect_view()}</ol></div>
                    <div><h3>"Departments"</h3><ol>{departments.collect_view()}</ol></div>
                </div>
            </details>
        }
    });
    let people = format!("{} of {} people", words::number(radius.people), words::number(radius.population));
    view! {
        <section class="panel" aria-labelledby="blast-radius">
            <div class="section-head"><h2 id="blast-radius">"Blast radius"</h2><strong>{blast_label(radius.label)}</strong><span class="muted">{people}</span><span class="spring"></span>{undo}</div>
            <dl class="counts">
                {figure("weight", radius.size)}
                {figure("entitlements added", radius.entitlements_added)}
                {figure("entitlements removed", radius.entitlements_removed)}
                {figure("privileged added", radius.privileged_added)}
                {figure("privileged removed", radius.privileged_removed)}
            </dl>
            {more}
        </section>
    }
}

/// What a size is called.
pub fn blast_label(label: BlastLabel) -> &'static str {
    match label {
        BlastLabel::Small => "Small",
        BlastLabel::Considerable => "Considerable",
        BlastLabel::Large => "Large",
        BlastLabel::Huge => "Huge",
    }
}
