//! Items, person by person: what each is, since when and why it is held, and what speaks for either decision.

use leptos::prelude::*;
use model::certification::{Decision, ItemRow, ItemState};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::Rights;
use crate::logic::time::Clock;
use crate::logic::words;

/// One table for each person.
pub(super) fn groups(
    rows: &[ItemRow],
    has_ticks: bool,
    may_manage: bool,
    rights: &Rights,
    clock: &Clock,
) -> impl IntoView + use<> {
    let groups = rows.chunk_by(|one, other| one.item.identity == other.item.identity);
    let groups = groups.map(|group| person(group, has_ticks, may_manage, rights, clock).into_any());
    groups.collect_view()
}

fn person(
    group: &[ItemRow],
    has_ticks: bool,
    may_manage: bool,
    rights: &Rights,
    clock: &Clock,
) -> impl IntoView + use<> {
    let name = group.first().map(|row| row.identity_name.clone()).unwrap_or_default();
    let id = group.first().map(|row| row.item.identity.to_string()).unwrap_or_default();
    let heading = format!("person-{id}");
    let named_by = heading.clone();
    let named = match rights.may("/Identities/View") {
        true => view! { <a href=format!("/identities/{id}")>{name.clone()}</a> }.into_any(),
        false => name.clone().into_any(),
    };
    let tick = has_ticks.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let lines = group.iter().map(|row| line(row, has_ticks, may_manage, rights, clock).into_any()).collect_view();
    view! {
        <section aria-labelledby=named_by>
            <div class="section-head"><h2 id=heading>{named}</h2><span class="count">{words::total(group.len() as u64)}<span class="sr">" items"</span></span></div>
            <table class="ledger">
                <thead><tr>{tick}<th scope="col">"Access"</th><th scope="col">"Why it is held"</th><th scope="col">"Certified last"</th><th scope="col">"Recommended"</th><th scope="col">"State"</th></tr></thead>
                <tbody>{lines}</tbody>
            </table>
        </section>
    }
}

fn line(row: &ItemRow, has_ticks: bool, may_manage: bool, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let item = &row.item;
    let value = format!("{}-{}", item.id, item.version);
    let title = format!("{} of {}", row.label, row.identity_name);
    let can_be_ticked =
        row.may_decide || (may_manage && (item.state.is_unsigned() || item.state == ItemState::WithOwner));
    let tick = has_ticks.then(|| {
        let label = format!("Choose {title}");
        let input = can_be_ticked
            .then(|| view! { <input type="checkbox" name="ids[]" value=value.clone() aria-label=label /> });
        view! { <td class="tick">{input}</td> }
    });
    let anchor = format!("item-{}", item.id);
    let address = format!("#{anchor}");
    let place = if row.application_name.is_empty() { String::new() } else { format!(" · {}", row.application_name) };
    let risk = item.risk.map(|level| {
        chip::chip(chip::Tone::Danger, "octagon", format!("Risk {level}"), "A violation rests on it".to_owned())
    });
    let why = row.why.iter().map(|why| view! { <li>{words::sentence_case(why)}</li> }).collect_view();
    let certified = match &row.certified {
        Some((at, by)) => view! { {ago(clock, *at)}<div class="subtle">"by "{by.clone()}</div> }.into_any(),
        None => view! { <span class="subtle">"never"</span> }.into_any(),
    };
    view! {
        <tr data-row="" id=anchor>
            {tick}
            <td data-label="Access" class="name wrap">
                <a data-open="" href=address>{row.label.clone()}</a>
                <div class="subtle">{words::kind(&item.grantable)}{place}" · since "{ago(clock, item.since)}</div>
                {risk}
            </td>
            <td data-label="Why it is held" class="wide wrap"><ul class="plain">{why}</ul></td>
            <td data-label="Certified last" class="wrap">{certified}</td>
            <td data-label="Recommended" class="wrap">{recommended(row)}</td>
            <td data-label="State" class="wide wrap">{state(row, &value, &title, may_manage, rights)}</td>
        </tr>
    }
}

/// Never chosen beforehand: it only says what the facts speak for.
fn recommended(row: &ItemRow) -> impl IntoView + use<> {
    let (tone, shape, word) = match row.recommendation.decision {
        Some(Decision::Approve) => (chip::Tone::Ok, "check", "Keep"),
        Some(_) => (chip::Tone::Danger, "ban", "Revoke"),
        None => (chip::Tone::Idle, "circle", "Your word"),
    };
    view! { {chip::chip(tone, shape, word, String::new())}<div class="subtle">{words::sentence_case(&row.recommendation.why)}</div> }
}

fn state(row: &ItemRow, value: &str, title: &str, may_manage: bool, rights: &Rights) -> impl IntoView + use<> {
    let item = &row.item;
    let by = item.decided_by.as_ref().map(|by| {
        let comment = if item.comment.is_empty() { String::new() } else { format!(": {}", item.comment) };
        view! { <div class="subtle">{format!("by {by}{comment}")}</div> }
    });
    let waits = (matches!(item.state, ItemState::Open | ItemState::WithOwner) && !row.may_decide && !row.may_keep)
        .then(|| {
            let whom = if row.reviewers.is_empty() {
                "nobody: give it to somebody".to_owned()
            } else {
                row.reviewers.join(", ")
            };
            view! { <div class="subtle">{format!("waits for {whom}")}</div> }
        });
    let request = item.request.map(|id| {
        let state = row.request_state.map(|state| format!(", {}", state.label().to_lowercase()));
        let link = match rights.may(engine::requests::VIEW) {
            true => view! { <a href=format!("/requests/{id}")>{format!("request {id}")}</a> }.into_any(),
            false => format!("request {id}").into_any(),
        };
        view! { <div class="subtle">"by "{link}{state}</div> }
    });
    let message = item.message.as_ref().map(|message| view! { <div class="subtle">{message.clone()}</div> });
    let routes = row.may_decide.then(|| {
        let routes = row.routes.iter().map(|route| view! { <li>{route.clone()}</li> }).collect_view();
        view! { <details><summary>"What revoking takes"</summary><ul class="plain">{routes}</ul></details> }
    });
    let button = |act: &str, label: &'static str, shape: &'static str, class: &'static str| {
        let (value, name) = (format!("{act}:{value}"), format!("{label}: {title}"));
        view! { <button class=class name="one" value=value aria-label=name>{icon(shape)}{label}</button> }
    };
    let decide = row.may_decide.then(|| {
        let approve = (item.state != ItemState::Approved).then(|| button("approve", "Approve", "check", "button"));
        let revoke = (item.state != ItemState::Revoked).then(|| button("revoke", "Revoke", "ban", "button danger"));
        let back = (item.state != ItemState::Open).then(|| button("reopen", "Take back", "back", "button quiet"));
        view! { <div class="actions">{approve}{revoke}{back}</div> }
    });
    let keep = row.may_keep.then(|| {
        let change = item
            .changes
            .as_ref()
            .and_then(crate::logic::role_model::thing)
            .filter(|_| rights.may("/Configuration/View"));
        let change = change.map(|address| view! { <a class="button" href=address>{icon("pencil")}"Change it"</a> });
        view! { <div class="actions">{change}{button("keep", "It stays", "hand", "button")}</div> }
    });
    let retry = (item.state == ItemState::Failed && may_manage)
        .then(|| view! { <div class="actions">{button("retry", "Try again", "play", "button")}</div> });
    view! { {chip::certification(item.state)}{by}{waits}{request}{message}{routes}{decide}{keep}{retry} }
}
