//! Bulk provision: open lines of many work items, ticked and reported together, or as a file that is filled in and sent
//! back. Each line is answered for itself; what is not taken is named and stays at hand.

use engine::work_items::bulk::{self, OpenLines};
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::{OrderItemId, WorkItemId, WorkItemUploadId};
use model::plan::{ItemKind, Operation};
use model::view::{BulkFilter, BulkLine, WorkItemUpload};
use model::work_item::WorkItemState;

use crate::components::chip;
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Section, Sheet, banner};
use crate::islands::Selection;
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::query::{self, bulk_address};
use crate::logic::report;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

/// Reports the same of the ticked lines, each `WORK ITEM.LINE`; `outcome` is the button that was pressed.
#[server(prefix = "/api/pages", endpoint = "work-items/bulk")]
pub async fn report_lines_of_work_items(
    #[server(default)] ids: Vec<String>,
    #[server(default)] note: String,
    #[server(default)] reference: String,
    #[server(default)] outcome: String,
    #[server(default)] back: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let reported = async {
        let lines = ids.iter().map(|id| ticked(id)).collect::<Result<Vec<_>, ApiError>>()?;
        let outcome = report::outcome(&outcome, None, &note)?;
        let upload = bulk::report_lines(&op, &lines, outcome, &note, &reference).await?;
        Ok(flash(&upload, "Line"))
    };
    ssr::finish(reported.await, &format!("/work-items/bulk{}", back_to(&back)))
}

/// The query of the page that was left, and of nothing else.
fn back_to(back: &str) -> String {
    if back.is_empty() {
        return String::new();
    }
    bulk_address("", &query::bulk(&query::Query::parse(back))).to_string()
}

fn ticked(text: &str) -> Result<(WorkItemId, OrderItemId), ApiError> {
    let (item, line) = text.split_once('.').unwrap_or((text, ""));
    Ok((ssr::id(item, "work item")?, ssr::id(line, "line")?))
}

/// What became of many lines, in a sentence and a line for each that was refused.
fn flash(upload: &WorkItemUpload, noun: &str) -> Flash {
    const SHOWN: usize = 8;
    let refused = upload.refused.len();
    let mut lines: Vec<String> =
        upload.refused.iter().take(SHOWN).map(|(at, why)| format!("{noun} {at}: {why}")).collect();
    if refused > SHOWN {
        lines.push(format!("and {} more", refused - SHOWN));
    }
    Flash { kind: kind(upload), title: summary(upload), lines }
}

fn kind(upload: &WorkItemUpload) -> FlashKind {
    FlashKind::of(upload.taken, upload.refused.len() as u64)
}

fn summary(upload: &WorkItemUpload) -> String {
    if upload.taken == 0 && upload.refused.is_empty() {
        return "No line was filled in, so that nothing is reported.".to_owned();
    }
    let mut title = format!("{} reported", words::plural(upload.taken, "line", "lines"));
    if upload.closed > 0 {
        title.push_str(&format!(", {} closed", words::plural(upload.closed, "work item", "work items")));
    }
    if !upload.refused.is_empty() {
        title.push_str(&format!("; {} not taken", upload.refused.len()));
    }
    title.push('.');
    title
}

#[component]
pub fn BulkPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::bulk(&query);
        let open = bulk::open_lines(&op, &filter).await?;
        let upload = match query.get("upload") {
            Some(id) => Some(bulk::uploaded(&op, ssr::id::<WorkItemUploadId>(&id, "file")?).await?),
            None => None,
        };
        let configuration = op.engine.world().configuration();
        let label = |account_type: &str| {
            let known = configuration.account_types.get(account_type);
            known.map_or_else(|| account_type.to_owned(), |known| known.display_name.clone())
        };
        let kinds = open.kinds.clone();
        let application = |name: &str| op.engine.application_label(name);
        let mut applications: Vec<(String, String)> =
            kinds.iter().map(|(name, _, _)| (name.clone(), application(name))).collect();
        let mut account_types: Vec<(String, String)> =
            kinds.iter().map(|(_, name, _)| (name.clone(), label(name))).collect();
        for list in [&mut applications, &mut account_types] {
            list.sort();
            list.dedup();
        }
        Ok(bulk_sheet(&filter, &open, upload.as_ref(), &applications, &account_types, &visitor.clock))
    })
}

pub fn bulk_sheet(
    filter: &BulkFilter,
    open: &OpenLines,
    upload: Option<&WorkItemUpload>,
    applications: &[(String, String)],
    account_types: &[(String, String)],
    clock: &Clock,
) -> Sheet {
    let title = "Bulk provision";
    let is_filtered = *filter != BulkFilter::default();
    let rows = match (open.lines.is_empty(), is_filtered) {
        (true, true) => empty("No open lines", Empty::Filtered { clear: "/work-items/bulk".to_owned() }),
        (true, false) => {
            empty("All done", Empty::AllDone { text: "Nothing waits for a person. New work appears when a job runs." })
        }
        _ => board(filter, open, clock).into_any(),
    };
    let file = bulk_address("/work-items/bulk.csv", filter).to_string();
    let download = (!open.lines.is_empty()).then(|| {
        view! { <a class="button" href=file download="work-items.csv" rel="external">{icon("arrow")}"Download as CSV"</a> }
    });
    let body = view! {
        <header class="page-head">
            <h1>{title}</h1>
            <p class="muted">"Do many at once: choose what, do it in the application, then report the lines together, or fill in the file and send it back."</p>
        </header>
        {upload.map(uploaded)}
        {search(filter, open, applications, account_types)}
        {rows}
        <div class="columns even">
            <section class="panel" aria-labelledby="file-heading">
                <h2 id="file-heading">"By file"</h2>
                <p class="hint">"Fill in the column outcome with done or cannot do; reason says why not, actual_value what was set instead. Lines without an outcome stay open."</p>
                <div class="actions">{download}</div>
                <form method="post" action="/work-items/bulk/upload" enctype="multipart/form-data">
                    <label class="field">"Filled file"<input type="file" name="file" accept=".csv,.tsv,.txt,text/csv" /></label>
                    <div class="actions"><button class="button primary">{icon("check")}"Send the file"</button></div>
                </form>
            </section>
            <section class="panel" aria-labelledby="paste-heading">
                <h2 id="paste-heading">"Or paste its rows"</h2>
                <form method="post" action="/work-items/bulk/upload" enctype="multipart/form-data">
                    <label class="field">"Rows, with the header"<textarea name="text" rows="6" class="mono" spellcheck="false">{upload.map(|upload| upload.rest.clone())}</textarea></label>
                    <div class="actions"><button class="button">"Send the rows"</button></div>
                </form>
            </section>
        </div>
    };
    Sheet { section: Section::WorkItems, title: title.to_owned(), body: body.into_any() }
}

/// What became of the file, with the rows that were not taken.
fn uploaded(upload: &WorkItemUpload) -> impl IntoView + use<> {
    let (class, shape) = banner(kind(upload));
    let blank = (upload.blank > 0)
        .then(|| view! { <p>{format!("{} nothing yet and stay open.", words::plural(upload.blank, "line says", "lines say"))}</p> });
    let refused = upload.refused.iter().map(|(line, why)| {
        view! { <li class="wrap"><strong>{format!("Line {line}")}</strong>": "{why.clone()}</li> }
    });
    let rest = (!upload.rest.is_empty()).then(|| view! { <p>"They are below, to be corrected and sent again."</p> });
    view! {
        <div class=class role="status">
            {icon(shape)}
            <div>
                <p>{summary(upload)}</p>
                {blank}
                {(!upload.refused.is_empty()).then(|| view! { <ul>{refused.collect_view()}</ul> })}
                {rest}
            </div>
        </div>
    }
}

fn search(
    filter: &BulkFilter,
    open: &OpenLines,
    applications: &[(String, String)],
    account_types: &[(String, String)],
) -> impl IntoView + use<> {
    let options = |list: &[(String, String)], chosen: Option<&str>| {
        let options =
            list.iter().map(|(name, label)| option(name.clone(), label.clone(), chosen == Some(name.as_str())));
        options.collect_view()
    };
    let mut operations: Vec<Operation> = open.kinds.iter().map(|(_, _, operation)| *operation).collect();
    operations.sort();
    operations.dedup();
    let operations = operations.into_iter().map(|operation| {
        option(operation.name().to_owned(), words::operation(operation).to_owned(), filter.operation == Some(operation))
    });
    view! {
        <form class="filters" action="/work-items/bulk" role="search" aria-label="Choose lines">
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{options(applications, filter.application.as_deref())}</select>
            <select name="account_type" aria-label="Account type"><option value="">"Every account type"</option>{options(account_types, filter.account_type.as_deref())}</select>
            <select name="operation" aria-label="Operation"><option value="">"Every operation"</option>{operations.collect_view()}</select>
            <button class="button">"Show"</button>
        </form>
    }
}

fn board(filter: &BulkFilter, open: &OpenLines, clock: &Clock) -> impl IntoView + use<> {
    let mut previous = None;
    let rows: Vec<AnyView> = open
        .lines
        .iter()
        .map(|line| {
            let begins = previous != Some(line.work_item);
            previous = Some(line.work_item);
            row(line, begins, clock).into_any()
        })
        .collect();
    let more = open.more.then(|| {
        view! { <p class="hint">{format!("The first {} lines. Choose less, or take all of them by file.", open.lines.len())}</p> }
    });
    let back = bulk_address("", filter).query();
    view! {
        <form method="post" action="/api/pages/work-items/bulk" class="bulk">
            <input type="hidden" name="back" value=back />
            <table class="ledger bulk-lines">
                <thead><tr><th scope="col" class="tick"><span class="sr">"Tick"</span></th><th scope="col">"Work item"</th><th scope="col">"Person"</th><th scope="col">"Account"</th><th scope="col">"Do"</th><th scope="col">"What"</th><th scope="col">"Value"</th><th scope="col">"By"</th><th scope="col">"Due"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
            {more}
            <div class="bulk-bar">
                <Selection />
                <span class="spring"></span>
                <input name="note" maxlength="1000" placeholder="Note: what was done, or why it cannot be" aria-label="Note" />
                <input name="reference" maxlength="500" placeholder="Reference: ticket or address" aria-label="Reference" />
                <button class="button primary" name="outcome" value="done">{icon("check")}"Confirm done"</button>
                <button class="button danger" name="outcome" value="cannot_do">{icon("octagon")}"Cannot be done"</button>
            </div>
        </form>
    }
}

fn row(line: &BulkLine, begins: bool, clock: &Clock) -> impl IntoView + use<> {
    let verb = bulk::verb(line.kind, line.item_operation, line.operation);
    let what = match line.kind {
        ItemKind::Lifecycle => "The account itself".to_owned(),
        ItemKind::Attribute => words::sentence_case(&words::attribute(&line.name)),
        ItemKind::Entitlement => line.name.clone(),
    };
    let value = match (&line.value, line.secret) {
        (Some(_), true) => "secret".to_owned(),
        (Some(value), false) => value.to_string(),
        (None, _) => String::new(),
    };
    let value = (!value.is_empty()).then(|| view! { <code>{value}</code> });
    let label = format!("{verb} {what} for {}", line.identity_name);
    view! {
        <tr data-row="" class=if begins { "begins" } else { "" }>
            <td class="tick"><input type="checkbox" name="ids[]" value=format!("{}.{}", line.work_item, line.line) aria-label=label /></td>
            <td data-label="Work item" class="id"><a data-open="" href=format!("/work-items/{}", line.work_item)>{line.work_item.to_string()}</a></td>
            <td data-label="Person" class="name"><a href=format!("/identities/{}", line.identity)>{line.identity_name.clone()}</a></td>
            <td data-label="Account" class="mono">{line.key.clone()}</td>
            <td data-label="Do" class="nowrap">{verb}</td>
            <td data-label="What">{what}</td>
            <td data-label="Value" class="wrap">{value}</td>
            <td data-label="By">{line.claimed_by.clone().map(|name| view! { <span class="by">{icon("hand")}{name}</span> })}</td>
            <td data-label="Due" class="when">{chip::due(clock, WorkItemState::Open, line.due_at, line.paused_at)}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_names_item_and_line() {
        assert_eq!(ticked("7.42").unwrap(), (WorkItemId(7), OrderItemId(42)));
        for text in ["7", "7.", ".42", "a.b", ""] {
            assert!(ticked(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_way_back_keeps_the_choice_and_nothing_else() {
        assert_eq!(back_to("application=a%20b&operation=create&next=//evil"), "?application=a%20b&operation=create");
        assert_eq!(back_to(""), "");
    }
}
