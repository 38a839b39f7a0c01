//! Giving a work item, or some of its lines, to somebody else.

use leptos::prelude::*;
use model::error::ApiError;
use model::ids::{OrderItemId, WorkItemId};
use model::view::WorkItemDetail;

use crate::components::form::option;
use crate::components::icon::icon;
use crate::logic::flash::Flash;
use crate::logic::words;
use crate::ssr;

/// All of it where no line is ticked.
#[server(prefix = "/api/pages", endpoint = "work-items/reassign")]
pub async fn reassign_work_item(
    #[server(default)] id: String,
    #[server(default)] lines: Vec<String>,
    #[server(default)] to: String,
    #[server(default)] why: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let given = async {
        let number: WorkItemId = ssr::id(&id, "work item")?;
        let lines = lines.iter().map(|line| ssr::id(line, "line")).collect::<Result<Vec<OrderItemId>, ApiError>>()?;
        if lines.is_empty() {
            engine::work_items::reassign(&op, number, &to, &why).await?;
            return Ok(Flash::done("It is given to them; nobody has it until they take it."));
        }
        let new = engine::work_items::split(&op, number, &lines, &to, &why).await?;
        Ok(Flash::done(format!(
            "{} given to them, as work item {new}. The order goes on when both are closed.",
            words::plural(lines.len() as u64, "line is", "lines are")
        )))
    };
    ssr::finish(given.await, &format!("/work-items/{id}"))
}

pub(super) fn give(detail: &WorkItemDetail) -> impl IntoView + use<> {
    let open: Vec<_> = detail.item.lines.iter().filter(|line| line.outcome.is_none()).collect();
    let candidates = detail.candidates.iter().map(|(value, label)| option(value.clone(), label.clone(), false));
    let lines = open.iter().filter_map(|line| {
        let item = detail.order.items.iter().find(|item| item.id == line.item)?;
        let what = super::report::what(item);
        Some(view! { <label class="check"><input type="checkbox" name="lines[]" value=line.item.to_string() />{what}</label> })
    });
    let lines = (open.len() > 1).then(|| {
        view! {
            <fieldset class="lines-choice">
                <legend class="hint">"Only these lines, as a work item of their own. All of it where none is ticked."</legend>
                {lines.collect_view()}
            </fieldset>
        }
    });
    view! {
        <details class="disclose panel">
            <summary>{icon("right")}"Give to somebody else"</summary>
            <form method="post" action="/api/pages/work-items/reassign">
                <input type="hidden" name="id" value=detail.item.id.to_string() />
                <label class="field">"To"<select name="to" required=true><option value="">"Choose a team or a person"</option>{candidates.collect_view()}</select></label>
                <label class="field">"Comment"<textarea name="why" rows="2" maxlength="1000" required=true placeholder="They read this first"></textarea></label>
                {lines}
                <div class="actions"><button class="button">"Give"</button></div>
            </form>
        </details>
    }
}
