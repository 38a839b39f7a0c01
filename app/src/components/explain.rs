//! Why something is held, or not: as a sentence, as the values that decided it, and as the way it came.

use leptos::prelude::*;
use model::access::{Explanation, Fact, Grantable, Reason};
use model::lifecycle::StateWord;

use super::icon::icon;
use crate::logic::address::Address;
use crate::logic::{role_model, words};

/// Every way in which something is granted.
pub fn reasons(reasons: &[Reason], thing: &str) -> AnyView {
    if reasons.is_empty() {
        return view! { <p class="muted">"No rule stands behind it: it was found in the application."</p> }.into_any();
    }
    let several = reasons.len() > 1;
    let ways = reasons.iter().enumerate().map(|(position, reason)| {
        let heading = several.then(|| view! { <h4>{format!("Way {} of {}", position + 1, reasons.len())}</h4> });
        view! { <div class="way">{heading}{way(reason, thing)}</div> }
    });
    view! { <div class="why">{ways.collect_view()}</div> }.into_any()
}

fn way(reason: &Reason, thing: &str) -> impl IntoView + use<> {
    let context =
        reason.context.clone().map(|context| view! { <p class="hint">"In context "<code>{context}</code></p> });
    let asked = reason.grant.as_ref().map(|origin| {
        view! { <p><a href=format!("/requests/{}", origin.request)>{format!("Look at request {}", origin.request)}</a></p> }
    });
    view! {
        <p>{words::reason(reason)}</p>
        {asked}
        {facts(&reason.facts)}
        {route(source(reason), &reason.path, thing)}
        {context}
    }
}

fn facts(facts: &[Fact]) -> impl IntoView + use<> {
    (!facts.is_empty()).then(|| {
        let rows = facts.iter().map(|fact| {
            let value = match &fact.value {
                Some(value) => value.to_string().into_any(),
                None => view! { <em>"no value"</em> }.into_any(),
            };
            view! { <div><dt>{words::attribute(&fact.attribute)}</dt><dd>{value}</dd></div> }
        });
        view! { <dl class="facts">{rows.collect_view()}</dl> }
    })
}

/// What gives it: a rule, or what somebody asked for.
fn source(reason: &Reason) -> (&'static str, &'static str, String) {
    match &reason.grant {
        Some(origin) => ("hand", "request", origin.request.to_string()),
        None => ("function", "rule", reason.rule.clone()),
    }
}

/// Rule → role → access profile → the thing, as an outline that a screen reader walks in the same order.
fn route(
    (sign, kind, name): (&'static str, &'static str, String),
    path: &[Grantable],
    thing: &str,
) -> impl IntoView + use<> {
    let steps = path.iter().map(|step| {
        view! { <li>{icon(shape(step))}<span class="kind">{words::kind(step)}</span>{step.name().to_owned()}</li> }
    });
    view! {
        <ol class="route" aria-label="The way it came">
            <li>{icon(sign)}<span class="kind">{kind}</span>{name}</li>
            {steps.collect_view()}
            <li class="end">{icon("key")}{thing.to_owned()}</li>
        </ol>
    }
}

/// Icon of a kind of thing.
pub fn shape(grantable: &Grantable) -> &'static str {
    match grantable {
        Grantable::Role(_) => "role",
        Grantable::AccessProfile(_) => "profile",
        Grantable::AccountType(_) => "user",
        Grantable::Entitlement(_) => "key",
    }
}

/// Answer to "why, or why not".
pub fn explanation(explanation: &Explanation, person: &str) -> impl IntoView + use<> {
    let thing = explanation.grantable.name();
    let held = explanation.held.then(|| reasons(&explanation.reasons, thing));
    let denied = explanation.denied_by.as_ref().map(|denied_by| {
        view! { <h4>"What takes it away"</h4><p>{words::reason(denied_by).replace(" gives it directly", " takes it away")}</p>{facts(&denied_by.facts)} }
    });
    let missing = (!explanation.missing.is_empty()).then(|| {
        let rules = explanation.missing.iter().map(|miss| {
            view! {
                <li>
                    <p><strong>{miss.rule.clone()}</strong>" asks for "<code>{miss.when.clone()}</code></p>
                    {facts(&miss.facts)}
                    {route(("function", "rule", miss.rule.clone()), &miss.path, thing)}
                </li>
            }
        });
        view! { <h4>"Rules that would give it, nearest first"</h4><ol class="misses">{rules.collect_view()}</ol> }
    });
    let dormant = (!explanation.dormant.is_empty()).then(|| {
        let lines = explanation.dormant.iter().map(|dormant| {
            let thing = &dormant.grantable;
            let named = match role_model::thing(thing) {
                Some(address) => view! { <a href=address>{thing.name().to_owned()}</a> }.into_any(),
                None => thing.name().to_owned().into_any(),
            };
            view! { <li>{icon(shape(thing))}<span class="kind">{words::kind(thing)}</span><span>{named}" "{dormant.why.said()}</span></li> }
        });
        view! { <h4>"Not in force"</h4><ul class="plain chosen">{lines.collect_view()}</ul> }
    });
    let state = explanation.lifecycle.as_deref().map(state);
    let certified =
        explanation.certified.as_ref().map(|said| view! { <p class="hint">{format!("Certified last on {said}.")}</p> });
    let indirect = (!explanation.indirect.is_empty()).then(|| {
        let lines = explanation.indirect.iter().map(|row| view! { <li>{row.said()}</li> });
        let heading = match (explanation.held, explanation.is_indirect()) {
            (true, _) => "Comes indirectly as well",
            (false, true) => "Held indirectly",
            (false, false) => "Would come indirectly",
        };
        view! { <h4>{heading}</h4><ul class="plain">{lines.collect_view()}</ul> }
    });
    let sign = if explanation.held || explanation.is_indirect() { "check" } else { "ban" };
    view! {
        <section class="panel verdict" id="why" aria-label="Why, or why not">
            <p class="answer">{icon(sign)}{words::verdict(explanation, person)}</p>
            {state}{held}{indirect}{certified}{denied}{dormant}{missing}
        </section>
    }
}

/// What the lifecycle state has to do with it: since when, what it does to the account, and what comes next.
fn state(word: &StateWord) -> impl IntoView + use<> {
    let standing = &word.standing;
    let stage = word.stage.as_ref().map(|stage| view! { <p>{format!("{}.", stage.said(standing))}</p> });
    let hold = standing.legal_hold.as_ref().map(|hold| view! { <p>{hold.why()}</p> });
    let conflict = (!standing.conflicts.is_empty()).then(|| {
        view! { <p>{format!("In conflict with {}, which has the same priority.", standing.conflicts.join(", "))}</p> }
    });
    view! { <h4>{standing.since_when()}</h4>{facts(&standing.facts)}{stage}{hold}{conflict} }
}

/// Answer where several things have the name.
pub fn several(name: &str, several: &[Grantable], page: &str) -> impl IntoView + use<> {
    view! {
        <section class="panel verdict" id="why" aria-label="Why, or why not">
            <p class="answer">{icon("search")}{format!("Several things are called {name}. Which one is meant?")}</p>
            {choices(several, page)}
        </section>
    }
}

/// Answer where nothing has the name.
pub fn unknown(kind: Option<&str>, name: &str, near: &[Grantable], page: &str) -> impl IntoView + use<> {
    let what = kind.map_or_else(|| "Nothing".to_owned(), |kind| format!("No {}", kind.replace('_', " ")));
    let next = match near {
        [] => view! { <p class="hint">"No other name is like it. The field above offers every name there is."</p> }
            .into_any(),
        near => view! { <h4>"Did you mean"</h4>{choices(near, page)} }.into_any(),
    };
    view! {
        <section class="panel verdict" id="why" aria-label="Why, or why not">
            <p class="answer">{icon("search")}{format!("{what} is called {name}.")}</p>
            {next}
        </section>
    }
}

fn choices(grantables: &[Grantable], page: &str) -> impl IntoView + use<> {
    let links = grantables.iter().map(|grantable| {
        let address = Address::new(page).with("kind", Some(grantable.kind())).with("name", Some(grantable.name()));
        view! { <li><a href=address.to_string()>{icon(shape(grantable))}<span class="kind">{words::kind(grantable)}</span>" "{grantable.name().to_owned()}</a></li> }
    });
    view! { <ul class="plain choices">{links.collect_view()}</ul> }
}
