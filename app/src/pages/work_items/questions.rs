//! Questions that wait for the viewer's answer.

use leptos::prelude::*;
use model::view::WorkItemQuestionRow;

use crate::components::list::{Empty, ago, empty};
use crate::frame::{Section, Sheet};
use crate::logic::time::Clock;
use crate::pages::{Asked, page};

#[component]
pub fn QuestionsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::work_items::questions_to_me(&op).await?;
        Ok(questions_sheet(&rows, &visitor.clock))
    })
}

pub fn questions_sheet(rows: &[WorkItemQuestionRow], clock: &Clock) -> Sheet {
    let title = "Questions to me";
    let lines = rows.iter().map(|row| {
        view! {
            <tr data-row="">
                <td data-label="Question" class="name wrap"><a data-open="" href=format!("/work-items/{}", row.work_item)>{row.question.clone()}</a></td>
                <td data-label="From">{row.asked_by.clone()}</td>
                <td data-label="Person">{row.identity_name.clone()}</td>
                <td data-label="Application">{row.application_name.clone()}</td>
                <td data-label="Asked" class="when">{ago(clock, row.asked_at)}</td>
            </tr>
        }
    });
    let content = match rows.is_empty() {
        true => empty("No questions", Empty::AllDone { text: "Nobody waits for an answer of yours." }),
        false => view! {
            <table class="ledger">
                <thead><tr><th scope="col">"Question"</th><th scope="col">"From"</th><th scope="col">"Person"</th><th scope="col">"Application"</th><th scope="col">"Asked"</th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        }
        .into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>{title}</h1>
            <p class="muted">"Somebody at work needs to know something. While a question is open the clock of their work stands."</p>
        </header>
        {content}
    };
    Sheet { section: Section::WorkItems, title: title.to_owned(), body: body.into_any() }
}
