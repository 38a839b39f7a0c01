//! The step before a decision is taken: what will happen, order by order.

use leptos::prelude::*;
use model::review::{Forecast, OrderVerdicts, ReviewOrder, Verdict};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Section, Sheet};
use crate::logic::{review, words};

/// What follows from what was chosen, or why it cannot be. An order that is refused is not part of the form.
pub fn confirm_sheet(verdicts: &[OrderVerdicts], prepared: &[(ReviewOrder, Result<Forecast, String>)]) -> Sheet {
    let title = "What will happen";
    let (good, bad): (Vec<_>, Vec<_>) = prepared.iter().partition(|(_, forecast)| forecast.is_ok());
    let refused = bad
        .iter()
        .filter_map(|(order, forecast)| Some((order.identity_name.clone(), forecast.as_ref().err()?.clone())))
        .map(|(name, why)| view! { <li><strong>{name}</strong>": "{why}</li> })
        .collect_view();
    let refusals = (!bad.is_empty()).then(|| {
        view! { <div class="banner danger" role="status">{icon("octagon")}<div><p>"Not possible as chosen; go back and choose again:"</p><ul>{refused}</ul></div></div> }
    });
    let content = if good.is_empty() {
        empty(
            "Nothing is decided",
            Empty::NeverUsed {
                text: "Choose approve or decline for at least one property; what is left at later stays as it is.",
                action: Some(("Back to the review", "/review")),
            },
        )
    } else {
        form(verdicts, &good).into_any()
    };
    let body = view! {
        <header class="page-head"><h1>{title}</h1><p class="muted">"Nothing has happened yet."</p></header>
        {refusals}
        {content}
    };
    Sheet { section: Section::Review, title: title.to_owned(), body: body.into_any() }
}

fn form(verdicts: &[OrderVerdicts], good: &[&(ReviewOrder, Result<Forecast, String>)]) -> impl IntoView + use<> {
    let lines = good
        .iter()
        .filter_map(|(order, _)| verdicts.iter().find(|said| said.order == order.order.id))
        .flat_map(|said| said.items.iter().map(|(item, verdict)| review::line(said.order, *item, *verdict)))
        .map(|line| view! { <input type="hidden" name="verdicts[]" value=line /> })
        .collect_view();
    let is_declined = verdicts.iter().flat_map(|said| &said.items).any(|(_, verdict)| *verdict == Verdict::Decline);
    let orders = good.iter().filter_map(|(order, forecast)| Some(one(order, forecast.as_ref().ok()?))).collect_view();
    let hint = if is_declined {
        "Required, because something is declined: it is kept with the decision, and is why the change is not ordered again."
    } else {
        "May be left empty; it is kept with the orders."
    };
    view! {
        {orders}
        <form method="post" action="/api/pages/review/decide" class="panel">
            {lines}
            <label class="field">"Comment"<textarea name="comment" rows="3" maxlength="1000" required=is_declined></textarea></label>
            <p class="hint">{hint}</p>
            <div class="actions">
                <button class="button primary">{icon("check")}{format!("Decide about {}", words::plural(good.len() as u64, "order", "orders"))}</button>
                <a class="button quiet" href="/review">{icon("back")}"Back, and change nothing"</a>
            </div>
        </form>
    }
}

fn one(described: &ReviewOrder, forecast: &Forecast) -> impl IntoView + use<> {
    let order = &described.order;
    let rows = forecast
        .items
        .iter()
        .filter_map(|(id, verdict, what)| {
            let item = order.items.iter().find(|item| item.id == *id)?;
            let change = words::change(item);
            let look = match verdict {
                Verdict::Approve => chip::chip(chip::Tone::Ok, "check", "Approved", String::new()).into_any(),
                Verdict::Decline => chip::chip(chip::Tone::Danger, "ban", "Declined", String::new()).into_any(),
                Verdict::Postpone => chip::chip(chip::Tone::Idle, "clock", "Later", String::new()).into_any(),
            };
            Some(view! {
                <tr>
                    <td data-label="What" class="name">{change.what}</td>
                    <td data-label="Now" class="before">{change.before}</td>
                    <td data-label="Proposed" class="after">{change.after}</td>
                    <td data-label="Decision">{look}</td>
                    <td data-label="What happens" class="wide wrap">{what.clone()}</td>
                </tr>
            })
        })
        .collect_view();
    view! {
        <section class="panel review-order">
            <div class="section-head">
                {chip::chip(super::tone(described.kind), super::shape(described.kind), words::review_kind(described.kind), String::new())}
                <h2>{described.identity_name.clone()}</h2>
                <span class="muted">{described.account_type_label.clone()}" in "{described.application_name.clone()}</span>
                <span class="spring"></span>
                <span class="subtle">"Order "{order.id.to_string()}</span>
            </div>
            <p>{forecast.summary.clone()}</p>
            <table class="ledger changes">
                <thead><tr><th scope="col">"What"</th><th scope="col">"Now"</th><th scope="col">"Proposed"</th><th scope="col">"Decision"</th><th scope="col">"What happens"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}
