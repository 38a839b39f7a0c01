//! Asking somebody about a work item, and their answer.

use leptos::prelude::*;
use model::ids::{UserId, WorkItemId};
use model::view::{WorkItemDetail, WorkItemQuestionView};
use model::work_item::WorkItemState;

use crate::components::form::{self, option};
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "work-items/ask")]
pub async fn ask_about_work_item(
    #[server(default)] id: String,
    #[server(default)] of: String,
    #[server(default)] question: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let asked = async {
        let number: WorkItemId = ssr::id(&id, "work item")?;
        engine::work_items::ask(&op, number, &of, &question).await
    };
    let asked = asked.await.map(|()| Flash::done("Asked. The clock stands until they answer."));
    ssr::finish(asked, &format!("/work-items/{id}"))
}

#[server(prefix = "/api/pages", endpoint = "work-items/answer")]
pub async fn answer_about_work_item(
    #[server(default)] id: String,
    #[server(default)] answer: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let answered = async {
        let number: WorkItemId = ssr::id(&id, "work item")?;
        engine::work_items::answer(&op, number, &answer).await
    };
    let answered = answered.await.map(|()| Flash::done("Answered. The clock goes on."));
    ssr::finish(answered, &format!("/work-items/{id}"))
}

#[server(prefix = "/api/pages", endpoint = "work-items/take-back")]
pub async fn take_back_question(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let taken = async { engine::work_items::take_back(&op, ssr::id(&id, "work item")?).await };
    let taken = taken.await.map(|()| Flash::done("The question is taken back. The clock goes on."));
    ssr::finish(taken, &format!("/work-items/{id}"))
}

/// The open question, with what the viewer may do about it.
pub(super) fn open_question(detail: &WorkItemDetail, user: UserId, works: bool, clock: &Clock) -> Option<AnyView> {
    let view = detail.questions.iter().find(|view| view.question.closed_at.is_none())?;
    let question = &view.question;
    let id = detail.item.id;
    let is_mine = question.asked_of == user;
    let answer = is_mine.then(|| {
        view! {
            <form method="post" action="/api/pages/work-items/answer" class="stack">
                <input type="hidden" name="id" value=id.to_string() />
                <label class="field">"Answer"<textarea name="answer" rows="3" maxlength="1000" required=true></textarea></label>
                <div class="actions"><button class="button primary">{icon("check")}"Answer"</button></div>
            </form>
        }
    });
    let take_back = (works && !is_mine)
        .then(|| form::action("/api/pages/work-items/take-back", id, "Take the question back", "back", "button quiet"));
    Some(
        view! {
            <section class="panel confirm" aria-labelledby="question-heading">
                <h2 id="question-heading">{if is_mine { "A question to you" } else { "A question is open" }}</h2>
                <p class="muted">{view.asked_by.clone()}" asks "{view.asked_of.clone()}", "{ago(clock, question.asked_at)}". Until it is answered the clock stands."</p>
                <blockquote class="wrap">{question.question.clone()}</blockquote>
                {answer}
                {take_back}
            </section>
        }
        .into_any(),
    )
}

/// Questions that are closed, newest first.
pub(super) fn earlier(questions: &[WorkItemQuestionView]) -> Option<AnyView> {
    let closed: Vec<_> = questions.iter().filter(|view| view.question.closed_at.is_some()).collect();
    if closed.is_empty() {
        return None;
    }
    let rows = closed.into_iter().map(|view| {
        let answer = match view.question.answer.clone() {
            Some(answer) => view! { <dd class="wrap">{view.asked_of.clone()}": "{answer}</dd> }.into_any(),
            None => view! { <dd class="subtle">"Taken back"</dd> }.into_any(),
        };
        view! { <div><dt class="wrap">{view.asked_by.clone()}": "{view.question.question.clone()}</dt>{answer}</div> }
    });
    Some(
        view! {
            <section aria-labelledby="answers-heading">
                <div class="section-head"><h2 id="answers-heading">"Questions and answers"</h2></div>
                <dl class="pairs answers panel">{rows.collect_view()}</dl>
            </section>
        }
        .into_any(),
    )
}

pub(super) fn ask(detail: &WorkItemDetail) -> Option<AnyView> {
    if detail.item.state != WorkItemState::Open || detail.item.paused_at.is_some() {
        return None;
    }
    let advisers = detail.advisers.iter().map(|(login, label)| option(login.clone(), label.clone(), false));
    Some(
        view! {
            <details class="disclose panel">
                <summary>{icon("pencil")}"Ask somebody"</summary>
                <form method="post" action="/api/pages/work-items/ask">
                    <input type="hidden" name="id" value=detail.item.id.to_string() />
                    <label class="field">"Whom"<select name="of" required=true>{advisers.collect_view()}</select></label>
                    <label class="field">"Question"<textarea name="question" rows="2" maxlength="1000" required=true></textarea></label>
                    <p class="hint">"The clock stands until they answer."</p>
                    <div class="actions"><button class="button">"Ask"</button></div>
                </form>
            </details>
        }
        .into_any(),
    )
}
