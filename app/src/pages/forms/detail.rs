//! One form: what is asked about whom, why, and what was answered.

use leptos::prelude::*;
use model::configuration::ColumnType;
use model::form::{Answer, FormDetail, FormField, QuestionOutcome, Typed};
use model::ids::{FormId, QuestionId};
use model::value::Value;

use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Section, Sheet};
use crate::logic::time::Clock;

/// `typed` is what was sent and not taken, `misfits` why.
pub fn form_sheet(detail: &FormDetail, typed: &[Typed], misfits: &[(QuestionId, String)], clock: &Clock) -> Sheet {
    let row = &detail.row;
    let is_open = detail.over.is_none() && detail.may_answer;
    let (open, done): (Vec<&FormField>, Vec<&FormField>) =
        detail.fields.iter().partition(|field| field.outcome.is_none());
    let asked = is_open.then(|| questions(row.id, &open, typed, misfits, clock));
    let waits = (detail.over.is_none() && !detail.may_answer).then(|| {
        let labels: Vec<String> = open.iter().map(|field| field.label.clone()).collect();
        view! {
            <p class="banner">{icon("hand")}<span>{format!("{} is asked: {}. You may look, and not answer.", row.owner_name, labels.join(", "))}</span></p>
        }
    });
    let over = detail.over.clone().map(|over| view! { <p class="banner">{icon("check")}<span>{over}</span></p> });
    let about = (!detail.about.is_empty()).then(|| {
        let lines = detail.about.iter().map(|(name, value)| {
            view! { <div><dt>{name.replace('_', " ")}</dt><dd>{value.clone()}</dd></div> }
        });
        view! { <dl class="facts">{lines.collect_view()}</dl> }
    });
    let given = (!done.is_empty()).then(|| answered(row.id, &done, detail.may_answer, clock));
    let body = view! {
        <header class="page-head">
            <h1>"Questions about "<a href=format!("/identities/{}", row.identity)>{row.identity_name.clone()}</a></h1>
            <p class="muted">{format!("For {} to answer, asked ", row.owner_name)}{ago(clock, row.opened_at)}"."</p>
        </header>
        {about}
        {over}
        {waits}
        {asked}
        {given}
    };
    Sheet { section: Section::Forms, title: format!("Form {}", row.id), body: body.into_any() }
}

fn questions(
    form: FormId,
    fields: &[&FormField],
    typed: &[Typed],
    misfits: &[(QuestionId, String)],
    clock: &Clock,
) -> impl IntoView + use<> {
    let some = fields.len() > 1;
    let fields = fields.iter().map(|field| {
        let text = typed.iter().find(|typed| typed.question == field.question).map(|typed| typed.text.clone());
        let why = misfits.iter().find(|(question, _)| *question == field.question).map(|(_, why)| why.clone());
        question(field, text, why, clock)
    });
    view! {
        <section class="panel" aria-label="Questions">
            <form method="post" action="/api/pages/forms/answer" class="answer-form">
                <input type="hidden" name="id" value=form.to_string() />
                {fields.collect_view()}
                <div class="actions"><button class="button primary">{icon("check")}"Send the answers"</button></div>
                {some.then(|| view! { <p class="hint">"What you leave empty stays open; you can answer it another time."</p> })}
            </form>
        </section>
    }
}

fn question(field: &FormField, typed: Option<String>, misfit: Option<String>, clock: &Clock) -> impl IntoView + use<> {
    let id = format!("question-{}", field.question);
    let (hint, error) = (format!("{id}-hint"), format!("{id}-error"));
    let described = if misfit.is_some() { format!("{hint} {error}") } else { hint.clone() };
    let invalid = misfit.is_some().then_some("true");
    let before = field.answer.as_ref().map(|answer| answer.value.to_string());
    let text = typed.or(before).unwrap_or_default();
    let choices: Vec<(String, String)> = match (field.choices.is_empty(), field.kind) {
        (false, _) => field.choices.iter().map(|choice| (choice.clone(), choice.clone())).collect(),
        (true, ColumnType::Boolean) => vec![("true".into(), "Yes".into()), ("false".into(), "No".into())],
        _ => Vec::new(),
    };
    let input = if choices.is_empty() {
        let (kind, mode) = match field.kind {
            ColumnType::Date => ("date", None),
            ColumnType::Integer => ("text", Some("numeric")),
            ColumnType::Text | ColumnType::Boolean => ("text", None),
        };
        let longest = field.maximum_length.map(|length| length.to_string());
        view! { <input id=id.clone() type=kind inputmode=mode name="texts[]" value=text maxlength=longest autocomplete="off" aria-describedby=described aria-invalid=invalid /> }.into_any()
    } else {
        let options = choices.into_iter().map(|(value, label)| {
            let selected = value == text;
            view! { <option value=value selected=selected>{label}</option> }
        });
        view! {
            <select id=id.clone() name="texts[]" aria-describedby=described aria-invalid=invalid>
                <option value="">"Choose"</option>
                {options.collect_view()}
            </select>
        }
        .into_any()
    };
    let error =
        misfit.map(|why| view! { <span class="field-error" id=error>{icon("octagon")}{format!("This {why}.")}</span> });
    let due = field.due_at.map(|at| {
        let default = field.default.as_ref().map(shown);
        match default {
            Some(default) => {
                view! { "Without an answer, \u{201c}"{default}"\u{201d} is taken "{ago(clock, at)}"." }.into_any()
            }
            None => view! { "Wanted "{ago(clock, at)}"." }.into_any(),
        }
    });
    let rules = field.rules.join("; ");
    view! {
        <div class="field question">
            <label for=id>{field.label.clone()}</label>
            <input type="hidden" name="questions[]" value=field.question.to_string() />
            {input}
            {error}
            <p class="hint" id=hint><span>
                {field.help.clone().map(|help| view! { {help}" " })}
                {(!rules.is_empty()).then(|| view! { {rules}". " })}
                {format!("Needed for {}. ", field.needed_for.join(" and "))}
                {due}
            </span></p>
        </div>
    }
}

/// What was answered, and what is not asked any more.
fn answered(form: FormId, fields: &[&FormField], may_change: bool, clock: &Clock) -> impl IntoView + use<> {
    let lines = fields.iter().map(|field| {
        let stands = field.answer.as_ref().map(|answer| said(answer, clock).into_any());
        let outcome = match field.outcome {
            Some(QuestionOutcome::Withdrawn) => "Not needed any more",
            Some(QuestionOutcome::Moved) => "Somebody else is asked",
            Some(QuestionOutcome::Default) => "Nobody answered in time",
            Some(QuestionOutcome::Answered) | None => "Answered",
        };
        let can_change = may_change && !matches!(field.outcome, Some(QuestionOutcome::Moved));
        let change = field.answer.as_ref().filter(|_| can_change).map(|answer| change(form, field, answer));
        view! {
            <tr>
                <td data-label="Question" class="name">{field.label.clone()}</td>
                <td data-label="Outcome" class="nowrap">{outcome}</td>
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
    let by = answer.by.clone().map_or_else(|| "the default".to_owned(), |by| format!("by {by}"));
    view! { <strong>{shown(&answer.value)}</strong><span class="subtle">{format!(" {by}, ")}{ago(clock, answer.at)}</span> }
}

fn change(form: FormId, field: &FormField, answer: &Answer) -> impl IntoView + use<> {
    let label = format!("New answer: {}", field.label);
    let input = if field.choices.is_empty() {
        view! { <input name="text" value=answer.value.to_string() autocomplete="off" aria-label=label /> }.into_any()
    } else {
        let now = answer.value.to_string();
        let options = field.choices.iter().map(|choice| {
            view! { <option value=choice.clone() selected={*choice == now}>{choice.clone()}</option> }
        });
        view! { <select name="text" aria-label=label>{options.collect_view()}</select> }.into_any()
    };
    view! {
        <details class="change-answer">
            <summary>"Change"</summary>
            <form method="post" action="/api/pages/forms/change" class="inline-form">
                <input type="hidden" name="id" value=form.to_string() />
                <input type="hidden" name="answer" value=answer.id.to_string() />
                {input}
                <button class="button">{icon("pencil")}"Change the answer"</button>
            </form>
        </details>
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Boolean(true) => "Yes".to_owned(),
        Value::Boolean(false) => "No".to_owned(),
        value => value.to_string(),
    }
}
