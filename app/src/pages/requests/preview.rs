//! What would come of a request, before there is one: orders, what is held then, who has to agree, and risks.

use leptos::prelude::*;
use model::access::Grantable;
use model::approval::{ApprovalPreview, StagePreview};
use model::configuration::OnConflict;
use model::request::RequestPreview;
use model::risk::RequestRisk;
use model::view::PreviewLine;

use crate::components::icon::icon;
use crate::logic::{approval, request, words};

/// All of it, without a button.
pub(crate) fn outcome(preview: &RequestPreview) -> impl IntoView + use<> {
    let list = |heading: &'static str, shape: &'static str, things: &[(Grantable, String)]| {
        (!things.is_empty()).then(|| {
            let things = things
                .iter()
                .map(|(grantable, label)| view! { <li>{icon(shape)}{request::named(grantable, label)}</li> });
            view! { <h3>{heading}</h3><ul class="plain chosen">{things.collect_view()}</ul> }
        })
    };
    let remarks = preview.remarks.iter().map(|remark| view! { <li>{remark.clone()}</li> });
    let when = match preview.first_day {
        Some(day) => format!("Nothing happens before {day}. On that day, as things are now:"),
        None => "As things are now:".to_owned(),
    };
    let reviewed = (!preview.reviewed.is_empty()).then(|| {
        let text = format!("Orders for {} wait for a review before they are sent.", preview.reviewed.join(", "));
        view! { <p class="banner warn">{icon("hand")}<span>{text}</span></p> }
    });
    let orders = match preview.lines.is_empty() {
        true => view! { <p class="muted">"No application has to be changed."</p> }.into_any(),
        false => orders(&preview.lines).into_any(),
    };
    view! {
        {approvals(&preview.approvals)}
        <p>{when}" "{words::plural(preview.lines.len() as u64, "order", "orders")}"."</p>
        {reviewed}
        {list("Will be held", "plus", &preview.gains)}
        {list("Will no longer be held", "dash", &preview.losses)}
        {orders}
        {(!preview.remarks.is_empty()).then(|| view! { <h3>"Good to know"</h3><ul>{remarks.collect_view()}</ul> })}
        {risks(&preview.risks)}
    }
}

/// Who has to agree, in which order.
fn approvals(found: &[ApprovalPreview]) -> impl IntoView + use<> {
    let things = found.iter().map(|one| {
        let stages = (1..).zip(&one.stages).map(|(number, one)| stage(number, one)).collect_view();
        view! { <li><strong>{one.label.clone()}</strong><ol class="plain">{stages}</ol></li> }
    });
    let things = things.collect_view();
    (!found.is_empty()).then(|| view! { <h3>"Who has to agree first"</h3><ul class="plain">{things}</ul> })
}

fn stage(number: usize, stage: &StagePreview) -> impl IntoView + use<> {
    let mut said =
        format!("{number}. {}: {}", words::sentence_case(&stage.who), approval::who(&stage.approvers, stage.missing));
    if stage.escalated {
        said.push_str(" Nobody whom this names could decide, so it goes on to others at once.");
    }
    view! { <li>{said}</li> }
}

/// Risks that it would newly bring about.
fn risks(found: &[RequestRisk]) -> impl IntoView + use<> {
    let one = |found: &RequestRisk| {
        let (class, then) = match found.follows {
            OnConflict::Warn => ("banner warn", "Say below why it is borne."),
            OnConflict::Approve => {
                ("banner warn", "The orders that would bring it about wait for a review. Say below why it is borne.")
            }
            OnConflict::Block => (
                "banner danger",
                "It blocks this request. Ask for less, or have it asked for by somebody who may override risks.",
            ),
        };
        let sides: Vec<String> = found.sides.iter().map(|side| side.join(", ")).collect();
        let heading = format!("Risk \u{201c}{}\u{201d}, level {}", found.risk.display_name, found.risk.level);
        view! {
            <div class=class>{icon("octagon")}<div><p><strong>{heading}</strong>": "{sides.join(" together with ")}</p><p>{then}</p></div></div>
        }
    };
    (!found.is_empty()).then(|| {
        let heading = "Risks it would bring about";
        view! { <section aria-label=heading><h3>{heading}</h3>{found.iter().map(one).collect_view()}</section> }
    })
}

/// Whether one of these keeps the request from being submitted.
pub(crate) fn is_blocked(risks: &[RequestRisk]) -> bool {
    risks.iter().any(|found| found.follows == OnConflict::Block)
}

/// Where it is said why they are borne; nothing where there are none.
pub(crate) fn why_borne(risks: &[RequestRisk]) -> impl IntoView + use<> {
    (!risks.is_empty()).then(|| {
        let offered = risks.iter().find_map(|found| found.risk.mitigating_control.clone());
        let hint = offered.map(|control| view! { <span class="hint">{format!("Such as: {control}")}</span> });
        view! {
            <label class="field wide">"Why the risk is borne"<input name="risk_comment" required maxlength="500" placeholder="Kept with the request" />{hint}</label>
        }
    })
}

fn orders(lines: &[PreviewLine]) -> impl IntoView + use<> {
    let rows = lines.iter().map(|line| {
        let operation = model::plan::Operation::from_name(&line.operation).map_or("", words::operation);
        view! {
            <tr>
                <td data-label="What" class="name">{operation}" "<span class="muted">{line.account_type.clone()}</span></td>
                <td data-label="Application">{line.application.clone()}</td>
                <td data-label="Change" class="wide wrap">{line.change.clone()}</td>
            </tr>
        }
    });
    view! {
        <h3>"Orders"</h3>
        <table class="ledger">
            <thead><tr><th scope="col">"What"</th><th scope="col">"Application"</th><th scope="col">"Change"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}
