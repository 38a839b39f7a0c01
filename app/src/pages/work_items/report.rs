//! Saying what came of a work item: line by line, or of all that is left.

use std::collections::BTreeMap;

use engine::work_items::Told;
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::{OrderItemId, WorkItemId};
use model::order::OrderItem;
use model::plan::{ItemKind, ItemOperation};
use model::view::WorkItemDetail;
use model::work_item::{LineOutcome, LineReport, WorkItem, WorkItemLine, WorkItemState};

use crate::components::icon::icon;
use crate::islands::Copy;
use crate::logic::flash::Flash;
use crate::logic::{report, words};
use crate::ssr;

/// `outcome` and `told` by line; `whole` is the button that was pressed.
#[server(prefix = "/api/pages", endpoint = "work-items/report")]
pub async fn report_work_item(
    #[server(default)] id: String,
    #[server(default)] outcome: BTreeMap<String, String>,
    #[server(default)] told: BTreeMap<String, String>,
    #[server(default)] note: String,
    #[server(default)] reference: String,
    #[server(default)] whole: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let mut target = format!("/work-items/{id}");
    let reported = async {
        let id: WorkItemId = ssr::id(&id, "work item")?;
        let given = given(&outcome, &told, note, reference, &whole)?;
        engine::work_items::report(&op, id, &given).await
    };
    let flash = reported.await.map(|item| {
        if item.state != WorkItemState::Open {
            target = "/work-items".to_owned();
        }
        flash(&item)
    });
    ssr::finish(flash, &target)
}

/// The report that a form makes, once it makes sense.
fn given(
    outcome: &BTreeMap<String, String>,
    told: &BTreeMap<String, String>,
    note: String,
    reference: String,
    whole: &str,
) -> Result<Told, ApiError> {
    let mut lines = Vec::new();
    for (line, outcome) in outcome.iter().filter(|(_, outcome)| !outcome.is_empty()) {
        let text = told.get(line).map(|text| text.trim().to_owned()).unwrap_or_default();
        let outcome = report::outcome(outcome, Some(text.clone()).filter(|text| !text.is_empty()), &text)?;
        lines.push(LineReport { line: ssr::id::<OrderItemId>(line, "line")?, outcome });
    }
    let is_marked = |line: &String| outcome.get(line).is_some_and(|outcome| !outcome.is_empty());
    if told.iter().any(|(line, text)| !text.trim().is_empty() && !is_marked(line)) {
        return Err(ApiError::invalid(
            "outcome",
            "A line has another value, or a reason, but no outcome. Choose done or not for it.",
        ));
    }
    let rest = match whole {
        "lines" => None,
        button => Some(report::outcome(button, None, &note)?),
    };
    Ok(Told { lines, rest, note, reference })
}

fn flash(item: &WorkItem) -> Flash {
    match item.state {
        WorkItemState::Done => Flash::done("1 work item confirmed."),
        WorkItemState::PartlyDone => Flash::done("1 work item is partly done; the order says what is not."),
        WorkItemState::CannotDo => Flash::done("1 work item reported as not possible."),
        WorkItemState::Open | WorkItemState::Withdrawn => {
            let left = item.lines.iter().filter(|line| line.outcome.is_none()).count();
            Flash::done(format!("Reported. {} left.", words::plural(left as u64, "line is", "lines are")))
        }
    }
}

/// What to set, and where somebody may, what came of it.
pub(super) fn lines(detail: &WorkItemDetail, may_report: bool) -> impl IntoView + use<> {
    let order = &detail.order;
    let key = order.key.clone().map(|key| {
        view! {
            <tr>
                <td data-label="What" class="name">"Account"</td>
                <td data-label="Do" class="muted">"work on"</td>
                <td data-label="Now" class="before"></td>
                <td data-label="Value" class="value"><code class="selectable">{key.clone()}</code><Copy text=key what="Account".to_owned() /></td>
                <td data-label="Outcome"></td>
            </tr>
        }
    });
    let rows: Vec<AnyView> = detail
        .item
        .lines
        .iter()
        .filter_map(|line| {
            let item = order.items.iter().find(|item| item.id == line.item)?;
            Some(row(detail, item, line, may_report).into_any())
        })
        .collect();
    let table = view! {
        <section aria-labelledby="values-heading">
            <div class="section-head"><h2 id="values-heading">"What to set"</h2></div>
            <table class="ledger values lines">
                <thead><tr><th scope="col">"What"</th><th scope="col">"Do"</th><th scope="col">"Now"</th><th scope="col">"Value"</th><th scope="col">"Outcome"</th></tr></thead>
                <tbody>{key}{rows}</tbody>
            </table>
        </section>
    };
    if !may_report {
        return table.into_any();
    }
    let evidence = if detail.needs_evidence { "A note or a reference is required." } else { "Both may be left empty." };
    view! {
        <form method="post" action="/api/pages/work-items/report" class="stack">
            <input type="hidden" name="id" value=detail.item.id.to_string() />
            {table}
            <div class="panel" role="group" aria-labelledby="close-heading">
                <h2 id="close-heading">"When you have done it"</h2>
                <label class="field">"Note"<textarea name="note" rows="2" maxlength="1000" placeholder="What you did, or why it cannot be done"></textarea></label>
                <label class="field">"Reference"<input name="reference" maxlength="500" placeholder="A ticket’s number, or its address" /></label>
                <p class="hint">{evidence}" What is marked above stays as marked; the button is about the rest."</p>
                <div class="actions">
                    <button class="button primary" name="whole" value="done">{icon("check")}"Confirm done"</button>
                    <button class="button" name="whole" value="lines">{icon("half")}"Report the marked lines"</button>
                    <button class="button danger" name="whole" value="cannot_do">{icon("octagon")}"Cannot be done"</button>
                </div>
            </div>
        </form>
    }
    .into_any()
}

fn row(detail: &WorkItemDetail, item: &OrderItem, line: &WorkItemLine, may_report: bool) -> impl IntoView + use<> {
    let change = words::change(item);
    let verb = engine::work_items::bulk::verb(item.kind, item.operation, detail.order.operation);
    let value = match item.kind {
        ItemKind::Entitlement => item.name.clone(),
        _ => change.after.clone(),
    };
    let copy = (!item.secret && item.kind != ItemKind::Lifecycle && value != "—")
        .then(|| view! { <Copy text=value.clone() what=change.what.clone() /> });
    let now = Some(change.before).filter(|before| before != "—");
    let what = what(item);
    let outcome = match &line.outcome {
        Some(outcome) => reported(outcome).into_any(),
        None if may_report => choices(line, item, &what).into_any(),
        None => view! { <span class="subtle">"—"</span> }.into_any(),
    };
    view! {
        <tr>
            <td data-label="What" class="name">{what}</td>
            <td data-label="Do" class="muted">{verb}</td>
            <td data-label="Now" class="before">{now}</td>
            <td data-label="Value" class="value"><code class="selectable">{value}</code>{copy}</td>
            <td data-label="Outcome" class="outcome">{outcome}</td>
        </tr>
    }
}

/// What a line is about, at the beginning of a row.
pub(super) fn what(item: &OrderItem) -> String {
    let what = words::change(item).what;
    // Names of the configuration stay as they are.
    if item.kind == ItemKind::Entitlement { what } else { words::sentence_case(&what) }
}

fn reported(outcome: &LineOutcome) -> impl IntoView + use<> {
    match outcome {
        LineOutcome::Done { actual: None } => view! { <span class="by">{icon("check")}"Done"</span> }.into_any(),
        LineOutcome::Done { actual: Some(actual) } => {
            view! { <span class="by">{icon("check")}"Done, as "<code>{actual.clone()}</code></span> }.into_any()
        }
        LineOutcome::CannotDo { why } => {
            view! { <span class="refused wrap">{icon("octagon")}{why.clone()}</span> }.into_any()
        }
    }
}

fn choices(line: &WorkItemLine, item: &OrderItem, what: &str) -> impl IntoView + use<> {
    let id = line.item;
    let name = format!("outcome[{id}]");
    let label = format!("Outcome of {what}");
    let has_other = item.kind == ItemKind::Attribute && item.operation == ItemOperation::Set && !item.secret;
    let hint = if has_other { "Other value, or why not" } else { "Why not" };
    let choice = |value: &'static str, word: &'static str| {
        let name = name.clone();
        view! { <label><input type="radio" name=name value=value checked=value.is_empty() />{word}</label> }
    };
    view! {
        <div class="line-report">
            <div class="segments" role="radiogroup" aria-label=label>
                {choice("", "Later")}{choice("done", "Done")}{choice("cannot_do", "Not")}
            </div>
            <input name=format!("told[{id}]") maxlength="1000" placeholder=hint aria-label=format!("{hint}: {what}") />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_makes_a_report_or_says_what_is_missing() {
        let outcome = map(&[("1", "done"), ("2", "cannot_do"), ("3", ""), ("4", "done")]);
        let told = map(&[("1", " B2.14 "), ("2", "locked"), ("3", ""), ("4", "")]);
        let report = given(&outcome, &told, String::new(), "CHG-1".into(), "lines").unwrap();
        let expected = [
            LineOutcome::Done { actual: Some("B2.14".into()) },
            LineOutcome::CannotDo { why: "locked".into() },
            LineOutcome::Done { actual: None },
        ];
        assert_eq!(report.lines.iter().map(|line| line.outcome.clone()).collect::<Vec<_>>(), expected);
        assert_eq!((report.rest, report.reference.as_str()), (None, "CHG-1"));
        let none = map(&[]);
        for (outcome, told, note, whole, expected) in [
            (&none, &none, "", "done", Ok(Some(LineOutcome::Done { actual: None }))),
            (&none, &none, "locked", "cannot_do", Ok(Some(LineOutcome::CannotDo { why: "locked".into() }))),
            (&none, &none, "", "", Err("outcome")),
            (&map(&[("1", "perhaps")]), &none, "", "lines", Err("outcome")),
            (&none, &map(&[("1", "B2")]), "", "done", Err("outcome")),
        ] {
            let result = given(outcome, told, note.to_owned(), String::new(), whole);
            match expected {
                Ok(rest) => assert_eq!(result.unwrap().rest, rest),
                Err(field) => assert_eq!(result.unwrap_err().field.as_deref(), Some(field)),
            }
        }
    }
}
