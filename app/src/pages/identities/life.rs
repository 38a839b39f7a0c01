//! Where somebody stands, since when and why; what comes next and when; what is on hold, and what nobody has decided.

use leptos::prelude::*;
use model::access::Fact;
use model::lifecycle::{Boundary, LifecycleView, Turn};

use crate::components::chip;
use crate::components::icon::icon;
use crate::logic::words;

/// Boundaries that are shown at once; the rest is a click away.
const SHOWN: usize = 4;

pub(super) fn life(life: &LifecycleView) -> impl IntoView + use<> {
    let standing = &life.standing;
    let since = standing.since.map(|since| {
        let seen = standing.first_seen.then_some(", the day on which it was first seen");
        view! { <span>"since "<time datetime=since.to_string()>{since.to_string()}</time>{seen}</span> }
    });
    let because = because(&standing.facts);
    let conflict = (!standing.conflicts.is_empty()).then(|| {
        let others = standing.conflicts.join(", ");
        view! {
            <p class="banner danger">{icon("octagon")}<span>{format!(
                "States in conflict: {others} matches as well, with the same priority. What takes most access away holds meanwhile. Give one of them a smaller priority, or let their conditions exclude each other."
            )}</span></p>
        }
    });
    let hold = standing.legal_hold.as_ref().map(|hold| {
        view! {
            <p class="banner warn">{icon("hand")}<span>{format!(
                "Legal hold: no account of theirs is stripped or deleted{}. Accounts are still disabled.", said(&hold.facts)
            )}</span></p>
        }
    });
    let withheld = (!life.withheld.is_empty()).then(|| {
        let names = life.withheld.iter().map(|thing| view! { <li>{words::kind(thing)}" "<strong>{thing.name().to_owned()}</strong></li> });
        view! {
            <details class="disclose">
                <summary>{words::plural(life.withheld.len() as u64, "thing", "things")}" that rules or requests give and this state withholds"</summary>
                <ul class="plain names">{names.collect_view()}</ul>
            </details>
        }
    });
    view! {
        {conflict}{hold}
        <section class="panel tight" aria-label="Lifecycle">
            <p class="head-state">{chip::state(&standing.state, &standing.label)}{since}{because}</p>
            {next(&life.next)}
            {withheld}
        </section>
    }
}

fn because(facts: &[Fact]) -> Option<impl IntoView + use<>> {
    (!facts.is_empty()).then(|| view! { <span class="subtle">{format!("because {}", words::facts(facts))}</span> })
}

fn said(facts: &[Fact]) -> String {
    if facts.is_empty() { String::new() } else { format!(", because {}", words::facts(facts)) }
}

fn next(next: &[Boundary]) -> AnyView {
    if next.is_empty() {
        return view! { <p class="subtle">"No day is known on which this changes."</p> }.into_any();
    }
    let line = |boundary: &Boundary| {
        let on = boundary.on.to_string();
        view! { <li><time class="mono" datetime=on.clone()>{on.clone()}</time>" "{turn(&boundary.what)}</li> }
    };
    let (first, rest) = next.split_at(next.len().min(SHOWN));
    let rest = (!rest.is_empty()).then(|| {
        view! {
            <details class="disclose">
                <summary>{words::plural(rest.len() as u64, "more day", "more days")}</summary>
                <ul class="plain">{rest.iter().map(line).collect_view()}</ul>
            </details>
        }
    });
    view! { <h2>"What comes next"</h2><ul class="plain">{first.iter().map(line).collect_view()}</ul>{rest} }.into_any()
}

/// What happens on a day, as the end of a sentence that begins with it.
fn turn(turn: &Turn) -> String {
    match turn {
        Turn::State(label) => format!("{label} begins, if nothing changes before"),
        Turn::Accounts(action, kinds) => format!("{}: {}", words::sentence_case(action.done()), kinds.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::turn;
    use model::configuration::AccountAction;
    use model::lifecycle::Turn;

    #[test]
    fn what_comes_is_said() {
        let kinds = vec!["Directory account".to_owned(), "Badge".to_owned()];
        assert_eq!(turn(&Turn::Accounts(AccountAction::Strip, kinds)), "Stripped: Directory account, Badge");
        assert_eq!(turn(&Turn::State("Active".into())), "Active begins, if nothing changes before");
    }
}
