//! One work item: what to do, the values to copy, and saying what came of it.

use leptos::prelude::*;
use model::ids::UserId;
use model::order::OrderItem;
use model::plan::{ItemKind, ItemOperation};
use model::user::Duty;
use model::view::WorkItemDetail;
use model::work_item::WorkItemState;

use crate::components::icon::icon;
use crate::components::list::{ago, ago_or_dash};
use crate::components::markdown::markdown;
use crate::components::{chip, form};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Copy;
use crate::logic::time::Clock;
use crate::logic::{address, words};

pub fn work_item_sheet(detail: &WorkItemDetail, rights: &Rights, clock: &Clock, user: UserId) -> Sheet {
    let item = &detail.item;
    let order = &detail.order;
    let is_open = item.state == WorkItemState::Open;
    let may_fulfil = rights.may_for(Duty::Fulfil, &order.account_type);
    let close = is_open.then(|| match may_fulfil {
        true => close(detail).into_any(),
        false => form::refused("Fulfilling", "/WorkItems/Fulfil").into_any(),
    });
    let claim = (is_open && may_fulfil).then(|| claim(detail, user));
    let instructions = (!detail.instructions.trim().is_empty()).then(|| {
        view! {
            <section aria-labelledby="instructions-heading">
                <div class="section-head"><h2 id="instructions-heading">"Instructions"</h2></div>
                <div class="panel">{markdown(&detail.instructions)}</div>
            </section>
        }
    });
    let body = view! {
        <header class="page-head">
            <h1>{words::operation(order.operation)}<span class="muted">" in "</span><a href=address::application(&item.application)>{detail.application_name.clone()}</a></h1>
            <p>"for "<a href=format!("/identities/{}", order.identity)>{detail.identity_name.clone()}</a></p>
            <div class="head-state">
                {chip::work_item(item.state)}
                {detail.claimed_by.clone().map(|name| view! { <span class="by">{icon("user")}{name}" is at it"</span> })}
                {claim}
            </div>
        </header>
        {closed(detail, clock)}
        <div class="columns">
            <div>
                {values(detail)}
                {close}
            </div>
            <aside>
                {instructions}
                <section class="panel">
                    <dl class="pairs">
                        <div><dt>"Order"</dt><dd><a href=format!("/orders/{}", order.id)>{order.id.to_string()}</a>" "{chip::provisioning(order.state, order.reason.as_ref())}</dd></div>
                        <div><dt>"Why"</dt><dd>{order.explanation.clone()}</dd></div>
                        <div><dt>"Asked"</dt><dd>{ago(clock, item.created_at)}</dd></div>
                        <div><dt>"Due"</dt><dd>{ago_or_dash(clock, item.due_at)}</dd></div>
                    </dl>
                </section>
            </aside>
        </div>
    };
    Sheet { section: Section::WorkItems, title: format!("Work item {}", item.id), body: body.into_any() }
}

fn claim(detail: &WorkItemDetail, user: UserId) -> AnyView {
    match detail.item.claimed_by {
        None => form::action("/api/pages/work-items/claim", detail.item.id, "I do it", "hand", "button").into_any(),
        Some(claimed_by) if claimed_by == user => {
            form::action("/api/pages/work-items/release", detail.item.id, "Give back", "back", "button quiet")
                .into_any()
        }
        Some(_) => ().into_any(),
    }
}

fn values(detail: &WorkItemDetail) -> impl IntoView + use<> {
    let key = detail.order.key.clone().map(|key| value_row("Account".to_owned(), "work on", None, key, false));
    let rows = detail.order.items.iter().filter(|item| item.kind != ItemKind::Lifecycle).map(item_row);
    view! {
        <section aria-labelledby="values-heading">
            <div class="section-head"><h2 id="values-heading">"What to set"</h2></div>
            <table class="ledger values">
                <thead><tr><th scope="col">"What"</th><th scope="col">"Do"</th><th scope="col">"Now"</th><th scope="col">"Value"</th></tr></thead>
                <tbody>{key}{rows.collect_view()}</tbody>
            </table>
        </section>
    }
}

fn item_row(item: &OrderItem) -> impl IntoView + use<> {
    let change = words::change(item);
    let verb = match (item.kind, item.operation) {
        (ItemKind::Entitlement, ItemOperation::Remove) => "take away",
        (ItemKind::Entitlement, _) => "give",
        (_, ItemOperation::Remove) => "clear",
        (_, _) => "set",
    };
    let value = match item.kind {
        ItemKind::Entitlement => item.name.clone(),
        _ => change.after.clone(),
    };
    let now = Some(change.before).filter(|before| before != "—");
    value_row(change.what, verb, now, value, item.secret)
}

fn value_row(
    what: String,
    verb: &'static str,
    now: Option<String>,
    value: String,
    secret: bool,
) -> impl IntoView + use<> {
    let copy = (!secret && value != "—").then(|| view! { <Copy text=value.clone() what=what.clone() /> });
    view! {
        <tr>
            <td data-label="What" class="name">{what}</td>
            <td data-label="Do" class="muted">{verb}</td>
            <td data-label="Now" class="before">{now}</td>
            <td data-label="Value" class="value"><code class="selectable">{value}</code>{copy}</td>
        </tr>
    }
}

fn close(detail: &WorkItemDetail) -> impl IntoView + use<> {
    view! {
        <section class="panel" aria-labelledby="close-heading">
            <h2 id="close-heading">"When you have done it"</h2>
            <form method="post" action="/api/pages/work-items/close">
                <input type="hidden" name="ids[]" value=detail.item.id.to_string() />
                <label class="field">"Note"<textarea name="note" rows="2" maxlength="1000" placeholder="Evidence, a ticket number, or why it cannot be done"></textarea></label>
                <div class="actions">
                    <button class="button primary" name="outcome" value="done">{icon("check")}"Confirm done"</button>
                    <button class="button danger" name="outcome" value="cannot_do">{icon("octagon")}"Cannot be done"</button>
                </div>
            </form>
        </section>
    }
}

fn closed(detail: &WorkItemDetail, clock: &Clock) -> impl IntoView + use<> {
    let item = &detail.item;
    let who = detail.closed_by.clone().unwrap_or_else(|| "Quartermaster".to_owned());
    let note = item.note.clone().filter(|note| !note.is_empty()).map(|note| view! { <blockquote>{note}</blockquote> });
    item.closed_at.map(|at| {
        view! { <div class="banner"><div><p>{words::work_item_state(item.state)}", "{ago(clock, at)}" by "{who}"."</p>{note}</div></div> }
    })
}
