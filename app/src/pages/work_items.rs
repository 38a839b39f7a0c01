//! Work items: changes that people carry out, one or several at a time.

pub mod ask;
pub mod bulk;
mod detail;
pub mod give;
pub mod questions;
pub mod report;

use leptos::prelude::*;
use model::ids::WorkItemId;
use model::page::Page;
use model::user::Duty;
use model::view::{WorkItemCounts, WorkItemFilter, WorkItemRow, WorkItemScope};
use model::work_item::{LineOutcome, WorkItemState};

use crate::components::chip;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago_or_dash, empty, filter_chips, pagination, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Selection;
use crate::logic::flash::Flash;
use crate::logic::query::{self, work_items_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use bulk::{BulkPage, bulk_sheet};
pub use detail::work_item_sheet;
pub use questions::{QuestionsPage, questions_sheet};

#[server(prefix = "/api/pages", endpoint = "work-items/claim")]
pub async fn claim_work_item(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::work_items::claim(&op, ssr::id(&id, "work item")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("It is yours now; others see that.")), &format!("/work-items/{id}"))
}

#[server(prefix = "/api/pages", endpoint = "work-items/release")]
pub async fn release_work_item(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::work_items::release(&op, ssr::id(&id, "work item")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("It is given back.")), &format!("/work-items/{id}"))
}

/// Confirms, or reports an error, for one or several; `outcome` is the button that was pressed.
#[server(prefix = "/api/pages", endpoint = "work-items/close")]
pub async fn close_work_items(
    #[server(default)] ids: Vec<String>,
    #[server(default)] note: String,
    #[server(default)] outcome: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let closed = async {
        let ids = ids.iter().map(|id| ssr::id(id, "work item")).collect::<Result<Vec<WorkItemId>, _>>()?;
        let outcome = crate::logic::report::outcome(&outcome, None, &note)?;
        let (outcomes, done) = match outcome {
            LineOutcome::Done { .. } => (engine::work_items::confirm(&op, ids, note).await?, "confirmed"),
            LineOutcome::CannotDo { why } => {
                (engine::work_items::report_error(&op, ids, why).await?, "reported as not possible")
            }
        };
        Ok(Flash::of_each(&outcomes, ("work item", "work items"), done))
    }
    .await;
    ssr::finish(closed, "/work-items")
}

#[component]
pub fn WorkItemsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::work_items(&query);
        let rows = engine::work_items::page(&op, filter.clone()).await?;
        let counts = engine::work_items::counts(&op).await?;
        let configuration = op.engine.world().configuration();
        let applications: Vec<(String, String)> = configuration
            .applications
            .iter()
            .filter(|(_, application)| application.connection.mechanism() == model::account::Mechanism::Manual)
            .map(|(name, application)| (name.clone(), application.display_name.clone()))
            .collect();
        Ok(work_items_sheet(&filter, rows, counts, &applications, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn WorkItemPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, .. }| async move {
        let id: WorkItemId = ssr::id(&id, "work item")?;
        let detail = engine::work_items::detail(&op, id).await?;
        Ok(work_item_sheet(&detail, &visitor.rights, &visitor.clock, op.user.id))
    })
}

pub fn work_items_sheet(
    filter: &WorkItemFilter,
    page: Page<WorkItemRow>,
    counts: WorkItemCounts,
    applications: &[(String, String)],
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let list = work_items_address(filter);
    let is_filtered = filter.text.is_some()
        || filter.application.is_some()
        || filter.overdue
        || filter.scope != WorkItemScope::default();
    let shown = page.rows.len();
    let may_close = |row: &WorkItemRow| {
        filter.state == Some(WorkItemState::Open) && rights.may_for(Duty::Fulfil, &row.account_type)
    };
    let rows = match (shown, is_filtered, filter.state) {
        (0, true, _) => empty("No work items", Empty::Filtered { clear: "/work-items".to_owned() }),
        (0, false, Some(WorkItemState::Open)) => {
            empty("All done", Empty::AllDone { text: "Nothing waits for a person. New work appears when a job runs." })
        }
        (0, false, _) => empty(
            "No work items yet",
            Empty::NeverUsed {
                text: "Changes in applications that are worked by hand become work items.",
                action: None,
            },
        ),
        _ => board(&page.rows, &may_close, clock).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Work items"</h1>
                    <p class="muted">"Changes that a person carries out, then confirms or reports back."</p>
                </div>
                {rights.may(engine::work_items::bulk::BULK).then(|| view! { <a class="button" href="/work-items/bulk">{icon("double-check")}"Bulk provision"</a> })}
            </div>
        </header>
        {scopes(filter, counts)}
        {states(filter, counts)}
        {search(filter, applications)}
        {rows}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), filter.after.is_none(), page.next, ("work item", "work items")))}
    };
    Sheet { section: Section::WorkItems, title: "Work items".to_owned(), body: body.into_any() }
}

/// Whose: as tabs, with how many are open.
fn scopes(filter: &WorkItemFilter, counts: WorkItemCounts) -> impl IntoView + use<> {
    let choice = |label: &str, scope: WorkItemScope, count: u64| {
        let address = work_items_address(&WorkItemFilter { scope, ..filter.clone() }).to_string();
        (label.to_owned(), address, Some(count.into()), filter.scope == scope)
    };
    let mut choices = vec![
        choice("Mine", WorkItemScope::Mine, counts.mine),
        choice("My team’s", WorkItemScope::Team, counts.team),
        choice("Everybody’s", WorkItemScope::Everybody, counts.everybody),
    ];
    choices.push((
        "Questions to me".to_owned(),
        "/work-items/questions".to_owned(),
        Some(counts.questions.into()),
        false,
    ));
    tabs("Whose work items", choices)
}

fn states(filter: &WorkItemFilter, counts: WorkItemCounts) -> impl IntoView + use<> {
    let choice = |state: Option<WorkItemState>| Choice {
        label: state.map_or("All", words::work_item_state).to_owned(),
        count: None,
        address: work_items_address(&WorkItemFilter { state, overdue: false, ..filter.clone() }).to_string(),
        chosen: filter.state == state && !filter.overdue,
        shape: state.map(|state| chip::work_item_look(state).1),
    };
    let overdue = WorkItemFilter { state: Some(WorkItemState::Open), overdue: true, ..filter.clone() };
    let overdue = Choice {
        label: "Overdue".to_owned(),
        count: Some(counts.overdue),
        address: work_items_address(&overdue).to_string(),
        chosen: filter.overdue,
        shape: Some("octagon"),
    };
    let closed = WorkItemState::ALL.into_iter().filter(|state| *state != WorkItemState::Open);
    let closed = closed.map(|state| choice(Some(state)));
    let open = [choice(Some(WorkItemState::Open)), overdue];
    filter_chips("State", open.into_iter().chain(closed).chain([choice(None)]).collect())
}

fn search(filter: &WorkItemFilter, applications: &[(String, String)]) -> impl IntoView + use<> {
    let applications = applications
        .iter()
        .map(|(name, label)| option(name.clone(), label.clone(), filter.application.as_deref() == Some(name)));
    let state = match filter.state {
        Some(WorkItemState::Open) => None,
        Some(state) => Some(state.name()),
        None => Some("all"),
    };
    view! {
        <form class="filters" action="/work-items" role="search" aria-label="Filter work items">
            <input type="search" name="text" value=filter.text.clone() placeholder="Person or value" aria-label="Person or value" />
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{applications.collect_view()}</select>
            {state.map(|state| view! { <input type="hidden" name="state" value=state /> })}
            {(filter.scope != WorkItemScope::default()).then(|| view! { <input type="hidden" name="scope" value=filter.scope.name() /> })}
            {filter.overdue.then(|| view! { <input type="hidden" name="overdue" value="yes" /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

/// One form around all rows: tick several, then confirm or report.
fn board(rows: &[WorkItemRow], may_close: &dyn Fn(&WorkItemRow) -> bool, clock: &Clock) -> impl IntoView + use<> {
    let mut groups: Vec<(&str, Vec<&WorkItemRow>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(name, _)| *name == row.application_name) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((&row.application_name, vec![row])),
        }
    }
    let tables = groups.into_iter().map(|(name, rows)| group(name, &rows, may_close, clock)).collect_view();
    if !rows.iter().any(may_close) {
        return tables.into_any();
    }
    view! {
        <form method="post" action="/api/pages/work-items/close" class="bulk">
            {tables}
            <div class="bulk-bar">
                <Selection />
                <span class="spring"></span>
                <input name="note" maxlength="1000" placeholder="Note: evidence, or why it cannot be done" aria-label="Note" />
                <button class="button primary" name="outcome" value="done">{icon("check")}"Confirm done"</button>
                <button class="button danger" name="outcome" value="cannot_do">{icon("octagon")}"Cannot be done"</button>
            </div>
        </form>
    }
    .into_any()
}

fn group(
    name: &str,
    rows: &[&WorkItemRow],
    may_close: &dyn Fn(&WorkItemRow) -> bool,
    clock: &Clock,
) -> impl IntoView + use<> {
    let count = rows.len();
    let some = rows.iter().any(|row| may_close(row));
    let lines = rows.iter().map(|row| {
        let tick = some.then(|| {
            let label = format!("{} for {}", words::operation(row.operation), row.identity_name);
            let tick = may_close(row).then(|| view! { <input type="checkbox" name="ids[]" value=row.id.to_string() aria-label=label /> });
            view! { <td class="tick">{tick}</td> }
        });
        let state = match row.state {
            WorkItemState::Open => row.claimed_by.clone().map(|name| view! { <span class="by">{icon("hand")}{name}</span> }.into_any()),
            state => Some(chip::work_item(state).into_any()),
        };
        view! {
            <tr data-row="">
                {tick}
                <td data-label="Work item" class="id"><a data-open="" href=format!("/work-items/{}", row.id)>{row.id.to_string()}</a></td>
                <td data-label="Person" class="name"><a href=format!("/identities/{}", row.identity)>{row.identity_name.clone()}</a></td>
                <td data-label="Do" class="nowrap">{words::operation(row.operation)}</td>
                <td data-label="Values" class="wide muted">{row.summary.clone()}</td>
                <td data-label="For" class="nowrap">{row.fulfiller_name.clone()}</td>
                <td data-label="By">{state}</td>
                <td data-label="Opened" class="when">{ago_or_dash(clock, Some(row.created_at))}</td>
                <td data-label="Due" class="when">{chip::due(clock, row.state, row.due_at, row.paused_at)}</td>
            </tr>
        }
    });
    let tick = some.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let name = name.to_owned();
    view! {
        <section class="work-group">
            <div class="section-head"><h2>{name}</h2><span class="count">{count.to_string()}</span></div>
            <table class="ledger">
                <thead><tr>{tick}<th scope="col">"Work item"</th><th scope="col">"Person"</th><th scope="col">"Do"</th><th scope="col">"Values"</th><th scope="col">"For"</th><th scope="col">"By"</th><th scope="col">"Opened"</th><th scope="col">"Due"</th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        </section>
    }
}
