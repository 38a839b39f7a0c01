//! One form: what is asked about whom, why, and what was answered.

use leptos::prelude::*;
use model::form::{Answer, FormDetail, FormField, Typed};
use model::ids::{FormId, QuestionId};

use crate::components::form::{ValueField, value};
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Section, Sheet};
use crate::logic::form::{self, Standing};
use crate::logic::time::Clock;
use crate::logic::words;

/// `typed` is what was sent and not taken, `misfits` why.
pub fn form_sheet(detail: &FormDetail, typed: &[Typed], misfits: &[(QuestionId, String)], clock: &Clock) -> Sheet {
    let row = &detail.row;
    let (open, done): (Vec<&FormField>, Vec<&FormField>) =
        detail.fields.iter().partition(|field| field.outcome.is_none());
    let standing = match form::standing(detail) {
        Standing::Asked => questions(row.id, &open, typed, misfits, clock).into_any(),
        Standing::Waits(what) => view! { <p class="banner">{icon("hand")}<span>{what}</span></p> }.into_any(),
        Standing::Over(why) => view! { <p class="banner">{icon("check")}<span>{why}</span></p> }.into_any(),
    };
    let about = (!detail.about.is_empty()).then(|| {
        let lines = detail.about.iter().map(|(name, value)| {
            view! { <div><dt>{words::attribute(name)}</dt><dd>{value.clone()}</dd></div> }
        });
        view! { <dl class="facts">{lines.collect_view()}</dl> }
    });
    let given = (!done.is_empty()).then(|| answered(detail, &done, clock));
    let body = view! {
        <header class="page-head">
            <h1>"Questions about "<a href=format!("/identities/{}", row.identity)>{row.identity_name.clone()}</a></h1>
            <p class="muted">{format!("For {} to answer, asked ", row.owner_name)}{ago(clock, row.opened_at)}"."</p>
        </header>
        {about}
        {standing}
        {given}
    };
    Sheet { section: Section::Forms, title: format!("Form {}", row.id), body: body.into_any() }
}

fn questions(
    id: FormId,
    fields: &[&FormField],
    typed: &[Typed],
    misfits: &[(QuestionId, String)],
    clock: &Clock,
) -> impl IntoView + use<> {
    let some = fields.len() > 1;
    let fields = fields
        .iter()
        .map(|field| question(field, form::text(field, typed), form::misfit(field.question, misfits), clock));
    view! {
        <section class="panel" aria-label="Questions">
            <form method="post" action="/api/pages/forms/answer" class="answer-form">
                <input type="hidden" name="id" value=id.to_string() />
                {fields.collect_view()}
                <div class="actions"><button class="button primary">{icon("check")}"Send the answers"</button></div>
                {some.then(|| view! { <p class="hint">"What you leave empty stays open; you can answer it another time."</p> })}
            </form>
        </section>
    }
}

fn question(field: &FormField, text: String, misfit: Option<String>, clock: &Clock) -> impl IntoView + use<> {
    let id = format!("question-{}", field.question);
    let (hint, error) = (format!("{id}-hint"), format!("{id}-error"));
    let described_by = if misfit.is_some() { format!("{hint} {error}") } else { hint.clone() };
    let around = ValueField {
        name: "texts[]",
        id: Some(id.clone()),
        described_by: Some(described_by),
        is_invalid: misfit.is_some(),
        ..ValueField::default()
    };
    let error = misfit.map(|why| view! { <span class="field-error" id=error>{icon("octagon")}{why}</span> });
    let due = field.due_at.map(|at| view! { {form::unanswered(field)}" "{ago(clock, at)}"." });
    view! {
        <div class="field">
            <label for=id>{field.label.clone()}</label>
            <input type="hidden" name="questions[]" value=field.question.to_string() />
            {value(form::input(field), text, around)}
            {error}
            <p class="hint" id=hint><span>{form::help(field)}" "{due}</span></p>
        </div>
    }
}

/// What was answered, and what is not asked any more.
fn answered(detail: &FormDetail, fields: &[&FormField], clock: &Clock) -> impl IntoView + use<> {
    let lines = fields.iter().map(|field| {
        let stands = field.answer.as_ref().map(|answer| said(answer, clock).into_any());
        let change = form::changeable(field, detail).map(|answer| change(detail.row.id, field, answer));
        view! {
            <tr>
                <td data-label="Question" class="name">{field.label.clone()}</td>
                <td data-label="Outcome" class="nowrap">{form::outcome(field)}</td>
                <td data-label="What stands" class="wide wrap">{stands}{change}</td>
            </tr>
        }
    });
    view! {
        <section aria-labelledby="answered-heading">
            <div class="section-head"><h2 id="answered-heading">"Answered"</h2></div>
            <table class="ledger">
                <thead><tr><th scope="col">"Question"</th><th scope="col">"Outcome"</th><th scope="col">"What stands"</th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        </section>
    }
}

fn said(answer: &Answer, clock: &Clock) -> impl IntoView + use<> {
    let by = form::by(answer.by.as_deref());
    view! { <strong>{form::value(&answer.value)}</strong><span class="subtle">{format!(" {by}, ")}{ago(clock, answer.at)}</span> }
}

fn change(id: FormId, field: &FormField, answer: &Answer) -> impl IntoView + use<> {
    let label = Some(format!("New answer: {}", field.label));
    let around = ValueField { name: "text", label, is_required: true, ..ValueField::default() };
    view! {
        <details class="change-answer">
            <summary>"Change"</summary>
            <form method="post" action="/api/pages/forms/change" class="inline-form">
                <input type="hidden" name="id" value=id.to_string() />
                <input type="hidden" name="answer" value=answer.id.to_string() />
                {value(form::input(field), answer.value.to_string(), around)}
                <button class="button">{icon("pencil")}"Change the answer"</button>
            </form>
        </details>
    }
}
