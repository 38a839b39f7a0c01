//! Forms: what people are asked about somebody.

mod detail;

use jiff::Timestamp;
use leptos::prelude::*;
use model::error::ApiError;
use model::form::{FormCounts, FormFilter, FormRow, FormScope, Typed};
use model::ids::{AnswerId, FormId, QuestionId};
use model::page::Page;

use crate::components::chip;
use crate::components::list::{Choice, Empty, ago, ago_or_dash, empty, filter_chips, pagination, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::form::{self, Nothing};
use crate::logic::query::{self, forms_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use detail::form_sheet;

/// Answers to a form, field by field: `questions` and `texts` go together.
#[server(prefix = "/api/pages", endpoint = "forms/answer")]
pub async fn answer_form(
    #[server(default)] id: String,
    #[server(default)] questions: Vec<String>,
    #[server(default)] texts: Vec<String>,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let typed = typed(&questions, texts)?;
        let answered = engine::forms::answer(&op, ssr::id::<FormId>(&id, "form")?, typed.clone()).await;
        if !matches!(answered, Ok(engine::forms::Answered::Taken { .. })) {
            ssr::keep_typed(&id, &typed);
        }
        Ok(said(answered?))
    }
    .await;
    ssr::finish(outcome, &format!("/forms/{id}"))
}

/// Another answer in the place of one that stands.
#[server(prefix = "/api/pages", endpoint = "forms/change")]
pub async fn change_answer(
    #[server(default)] id: String,
    #[server(default)] answer: String,
    #[server(default)] text: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let answer: AnswerId = ssr::id(&answer, "answer")?;
        engine::forms::change(&op, ssr::id(&id, "form")?, answer, &text).await
    }
    .await;
    let done = |()| Flash::done("The answer is changed; what follows from it is ordered at once.");
    ssr::finish(outcome.map(done), &format!("/forms/{id}"))
}

#[component]
pub fn FormsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::forms(&query);
        let counts = engine::forms::counts(&op).await?;
        let rows = engine::forms::page(&op, filter.clone()).await?;
        Ok(forms_sheet(&filter, rows, counts, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn FormPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, .. }| async move {
        let detail = engine::forms::detail(&op, ssr::id(&id, "form")?).await?;
        let typed = ssr::take_typed(&id);
        let misfits = engine::forms::misfits(&op.engine, &detail, &typed);
        Ok(form_sheet(&detail, &typed, &misfits, &visitor.clock))
    })
}

fn typed(questions: &[String], texts: Vec<String>) -> Result<Vec<Typed>, ApiError> {
    if questions.len() != texts.len() {
        return Err(ApiError::invalid("answers", "The form arrived in part. Open it again, then answer it anew."));
    }
    let read = |(question, text): (&String, String)| {
        ssr::id::<QuestionId>(question, "question").map(|question| Typed { question, text })
    };
    questions.iter().zip(texts).map(read).collect()
}

fn said(answered: engine::forms::Answered) -> Flash {
    match answered {
        engine::forms::Answered::Taken { answered, open: 0 } => Flash::done(format!(
            "Thank you. {} taken; what follows from it is ordered at once.",
            words::plural(answered as u64, "answer is", "answers are")
        )),
        engine::forms::Answered::Taken { answered, open } => Flash::done(format!(
            "{} taken; {} still open.",
            words::plural(answered as u64, "answer is", "answers are"),
            words::plural(open as u64, "question is", "questions are")
        )),
        engine::forms::Answered::Misfits(misfits) => Flash::failed(format!(
            "Nothing was taken: {} fit. What to change is said at each field.",
            words::plural(misfits.len() as u64, "answer does not", "answers do not")
        )),
    }
}

pub fn forms_sheet(
    filter: &FormFilter,
    page: Page<FormRow>,
    counts: FormCounts,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let shown = page.rows.len();
    let rows = if shown > 0 { table(&page.rows, clock).into_any() } else { none(form::nothing(filter)) };
    let body = view! {
        <header class="page-head">
            <h1>"Forms"</h1>
            <p class="muted">"What an account needs and no source knows: a person is asked, once, and the account waits."</p>
        </header>
        {scopes(filter, counts, rights)}
        {states(filter)}
        {rows}
        {(shown > 0).then(|| pagination(forms_address(filter), shown, page.total.into(), filter.after.is_none(), page.next, ("form", "forms")))}
    };
    Sheet { section: Section::Forms, title: "Forms".to_owned(), body: body.into_any() }
}

fn none(nothing: Nothing) -> AnyView {
    match nothing {
        Nothing::NoneAnswered => {
            empty("Nothing yet", Empty::NeverUsed { text: "Forms that were answered are kept here.", action: None })
        }
        Nothing::NoneForMe => empty(
            "Nothing for you to answer",
            Empty::AllDone { text: "When an account needs something that only you know, it is asked here." },
        ),
        Nothing::NoneOpen => empty(
            "All answered",
            Empty::AllDone { text: "No account waits for an answer. New questions appear when a job runs." },
        ),
    }
}

/// Whose: as tabs, with how many wait.
fn scopes(filter: &FormFilter, counts: FormCounts, rights: &Rights) -> impl IntoView + use<> {
    let choice = |(scope, label): (FormScope, &str)| {
        let address = forms_address(&FormFilter { scope, ..filter.clone() }).to_string();
        (label.to_owned(), address, Some(counts.of(scope).into()), filter.scope == scope)
    };
    let labels = [(FormScope::Me, "Mine"), (FormScope::Team, "My team’s"), (FormScope::All, "Everybody’s")];
    let seen = labels.into_iter().filter(|(scope, _)| *scope != FormScope::All || rights.may(engine::forms::VIEW));
    tabs("Whose forms", seen.map(choice).collect())
}

fn states(filter: &FormFilter) -> impl IntoView + use<> {
    let choice = |closed: bool, label: &str, shape| Choice {
        label: label.to_owned(),
        count: None,
        address: forms_address(&FormFilter { closed, ..filter.clone() }).to_string(),
        chosen: filter.closed == closed,
        shape: Some(shape),
    };
    filter_chips("State", vec![choice(false, "Open", "pencil"), choice(true, "Answered", "check")])
}

/// When an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Never,
    At(Timestamp),
    LateSince(Timestamp),
}

/// A form that is over is late no more.
fn due(row: &FormRow, now: Timestamp) -> Due {
    match row.due_at {
        None => Due::Never,
        Some(at) if row.closed_at.is_none() && engine::forms::is_late(row.due_at, now) => Due::LateSince(at),
        Some(at) => Due::At(at),
    }
}

fn table(rows: &[FormRow], clock: &Clock) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| {
        let due = match due(row, clock.now) {
            Due::LateSince(at) => chip::overdue(clock, at).into_any(),
            Due::At(at) => ago(clock, at).into_any(),
            Due::Never => ago_or_dash(clock, None),
        };
        view! {
            <tr data-row="">
                <td data-label="Form" class="id"><a data-open="" href=format!("/forms/{}", row.id)>{row.id.to_string()}</a></td>
                <td data-label="About" class="name"><a href=format!("/forms/{}", row.id)>{row.identity_name.clone()}</a></td>
                <td data-label="Asked" class="wide">{row.labels.join(", ")}</td>
                <td data-label="To">{row.owner_name.clone()}</td>
                <td data-label="Since" class="when">{ago(clock, row.opened_at)}</td>
                <td data-label="Due" class="when">{due}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Form"</th><th scope="col">"About"</th><th scope="col">"Asked"</th><th scope="col">"To"</th><th scope="col">"Since"</th><th scope="col">"Due"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn fields_and_texts_go_together() {
        let questions = ["7".to_owned(), "8".to_owned()];
        let read = typed(&questions, vec!["red".into(), String::new()]).unwrap();
        assert_eq!((read[0].question, read[1].text.as_str()), (QuestionId(7), ""));
        assert_eq!(typed(&questions, vec!["red".into()]).unwrap_err().field.as_deref(), Some("answers"));
        assert!(typed(&["x".to_owned()], vec![String::new()]).is_err());
    }

    #[test]
    fn what_came_of_it_is_said_in_numbers() {
        use engine::forms::Answered;
        assert_eq!(
            said(Answered::Taken { answered: 1, open: 2 }).title,
            "1 answer is taken; 2 questions are still open."
        );
        assert!(
            said(Answered::Misfits(vec![(QuestionId(1), "is empty".into())])).title.contains("1 answer does not fit")
        );
    }

    #[test]
    fn only_what_is_still_asked_is_late() {
        let now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let (before, after) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1));
        for (due_at, closed_at, expected) in [
            (None, None, Due::Never),
            (Some(after), None, Due::At(after)),
            (Some(before), None, Due::LateSince(before)),
            (Some(before), Some(before), Due::At(before)),
        ] {
            let row = FormRow { due_at, closed_at, ..crate::samples::forms::detail().row };
            assert_eq!(due(&row, now), expected);
        }
    }
}
