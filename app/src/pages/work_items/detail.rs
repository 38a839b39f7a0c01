//! One work item: whose it is, what to do, the values to copy, saying what came of it, and what happened to it.

use leptos::prelude::*;
use model::ids::UserId;
use model::user::Duty;
use model::view::WorkItemDetail;
use model::work_item::{WorkItem, WorkItemEvent, WorkItemState};

use super::{ask, give, report};
use crate::components::icon::icon;
use crate::components::list::{ago, ago_or_dash, reference};
use crate::components::markdown::markdown;
use crate::components::timeline::{Entry, timeline};
use crate::components::{chip, form};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::time::Clock;
use crate::logic::{address, words};

pub fn work_item_sheet(detail: &WorkItemDetail, rights: &Rights, clock: &Clock, user: UserId) -> Sheet {
    let item = &detail.item;
    let order = &detail.order;
    let is_open = item.state == WorkItemState::Open;
    let may_fulfil = rights.may_for(Duty::Fulfil, &order.account_type);
    let works = is_open && may_fulfil && detail.refused.is_none();
    let may_report = works && item.claimed_by.is_none_or(|by| by == user);
    let may_give = works && (may_report || rights.may(engine::work_items::REASSIGN));
    let refused = match (&detail.refused, is_open && !may_fulfil) {
        (Some(why), _) if is_open => Some(view! { <p class="hint">{why.clone()}</p> }.into_any()),
        (None, true) => Some(form::refused("Fulfilling", "/WorkItems/Fulfil").into_any()),
        _ => None,
    };
    let taken = (works && !may_report).then(|| {
        let name = detail.claimed_by.clone().unwrap_or_else(|| "Somebody else".to_owned());
        view! { <p class="hint">{name}" has it. Only they can report, or give it back."</p> }
    });
    let instructions = (!detail.instructions.trim().is_empty()).then(|| {
        view! {
            <section aria-labelledby="instructions-heading">
                <div class="section-head"><h2 id="instructions-heading">"Instructions"</h2></div>
                <div class="panel">{markdown(&detail.instructions)}</div>
            </section>
        }
    });
    let failure = detail.failure.clone().filter(|_| is_open).map(|why| {
        view! { <div class="banner warn">{icon("octagon")}<div><p class="wrap">"Last time it failed: "{why}</p></div></div> }
    });
    let others = (!detail.others.is_empty()).then(|| others(&detail.others));
    let body = view! {
        <header class="page-head">
            <h1>{words::operation(order.operation)}<span class="muted">" in "</span><a href=address::application(&item.application)>{detail.application_name.clone()}</a></h1>
            <p>"for "<a href=format!("/identities/{}", order.identity)>{detail.identity_name.clone()}</a></p>
            <div class="head-state">
                {chip::work_item(item.state)}
                {chip::deadline(clock, item.state, item.due_at, item.paused_at)}
                {detail.claimed_by.clone().filter(|_| is_open).map(|name| view! { <span class="by">{icon("user")}{name}" is at it"</span> })}
                {works.then(|| claim(item, user))}
            </div>
        </header>
        {closed(detail, clock)}
        {failure}
        {ask::open_question(detail, user, works, clock)}
        <div class="columns">
            <div>
                {report::lines(detail, may_report)}
                {refused}{taken}
                {ask::earlier(&detail.questions)}
                {history(&detail.history, clock)}
            </div>
            <aside>
                {instructions}
                {facts(detail, clock)}
                {others}
                {may_give.then(|| give::give(detail))}
                {may_report.then(|| ask::ask(detail))}
            </aside>
        </div>
    };
    Sheet { section: Section::WorkItems, title: format!("Work item {}", item.id), body: body.into_any() }
}

fn claim(item: &WorkItem, user: UserId) -> AnyView {
    match item.claimed_by {
        None => form::action("/api/pages/work-items/claim", item.id, "I do it", "hand", "button").into_any(),
        Some(claimed_by) if claimed_by == user => {
            form::action("/api/pages/work-items/release", item.id, "Give back", "back", "button quiet").into_any()
        }
        Some(_) => ().into_any(),
    }
}

fn facts(detail: &WorkItemDetail, clock: &Clock) -> impl IntoView + use<> {
    let (item, order) = (&detail.item, &detail.order);
    view! {
        <section class="panel">
            <dl class="pairs">
                <div><dt>"For"</dt><dd>{words::sentence_case(&detail.fulfiller_name)}<span class="subtle">", because "{words::chosen(item.chosen)}</span></dd></div>
                <div><dt>"Order"</dt><dd><a href=format!("/orders/{}", order.id)>{order.id.to_string()}</a>" "{chip::provisioning(order.state, order.reason.as_ref())}</dd></div>
                <div><dt>"Why"</dt><dd>{order.explanation.clone()}</dd></div>
                <div><dt>"Opened"</dt><dd>{ago(clock, item.created_at)}</dd></div>
                <div><dt>"Due"</dt><dd>{ago_or_dash(clock, item.due_at)}</dd></div>
            </dl>
        </section>
    }
}

fn others(items: &[WorkItem]) -> impl IntoView + use<> {
    let rows = items.iter().map(|item| {
        view! { <li><a href=format!("/work-items/{}", item.id)>{format!("Work item {}", item.id)}</a>" "{chip::work_item(item.state)}</li> }
    });
    view! {
        <section class="panel" aria-labelledby="others-heading">
            <h2 id="others-heading">"Other parts of the order"</h2>
            <ul class="siblings">{rows.collect_view()}</ul>
            <p class="hint">"The order goes on when all of them are closed."</p>
        </section>
    }
}

fn history(events: &[WorkItemEvent], clock: &Clock) -> Option<impl IntoView + use<>> {
    let entries = events.iter().map(|event| Entry {
        when: ago(clock, event.at).into_any(),
        sign: icon(chip::work_item_event_sign(event.kind)).into_any(),
        what: view! { <span class="wrap">{event.message.clone()}</span> }.into_any(),
        more: Some(view! { <span class="subtle">{event.actor.clone()}" · "{clock.minute(event.at)}</span> }.into_any()),
    });
    let entries: Vec<Entry> = entries.collect();
    (!entries.is_empty()).then(|| {
        view! {
            <section aria-labelledby="history-heading">
                <div class="section-head"><h2 id="history-heading">"History"</h2></div>
                {timeline("History", entries)}
            </section>
        }
    })
}

fn closed(detail: &WorkItemDetail, clock: &Clock) -> impl IntoView + use<> {
    let item = &detail.item;
    let who = detail.closed_by.clone().unwrap_or_else(|| "Quartermaster".to_owned());
    let note = item.note.clone().filter(|note| !note.is_empty()).map(|note| view! { <blockquote>{note}</blockquote> });
    let evidence = item.reference.clone().map(|text| view! { <p>"Reference: "{reference(text)}</p> });
    item.closed_at.map(|at| {
        view! { <div class="banner"><div><p>{words::work_item_state(item.state)}", "{ago(clock, at)}" by "{who}"."</p>{note}{evidence}</div></div> }
    })
}
