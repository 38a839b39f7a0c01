//! Undo of a run: what would go back and what would not, before anything happens; and what a run's page says about its
//! size and about undos.

use leptos::prelude::*;
use model::blast_radius::BlastRadius;
use model::error::ApiError;
use model::ids::{OrderId, RunId};
use model::job::Run;
use model::plan::{ItemKind, ItemOperation};
use model::undo::{RunUndo, UndoFate, UndoFilter, UndoLine, UndoPreview, UndoRow, UndoSelection};
use model::value::Value;

use crate::components::blast_radius::{blast_label, blast_radius};
use crate::components::form::{option, refused};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, ago, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::query::Query;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "jobs/undo")]
pub async fn undo_run(
    #[server(default)] id: String,
    #[server(default)] digest: String,
    #[server(default)] reason: String,
    #[server(default)] confirmed: String,
    #[server(default)] part: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let part = selection(&Query::parse(&part));
    let back = selected(&id, &part).to_string();
    match confirm(&op, &id, part, digest, reason, &confirmed).await {
        Ok(run) => ssr::finish(Ok(Flash::done("The undo has begun.")), &format!("/jobs/runs/{run}")),
        Err(error) => ssr::finish(Err(error), &back),
    }
}

async fn confirm(
    op: &engine::context::OpContext,
    id: &str,
    selection: UndoSelection,
    digest: String,
    reason: String,
    confirmed: &str,
) -> Result<RunId, ApiError> {
    if confirmed != "yes" {
        return Err(ApiError::invalid(
            "confirmed",
            "Confirm that you have looked at what goes back and what does not.",
        ));
    }
    engine::undo::start(op, ssr::id(id, "run")?, selection, digest, reason).await
}

/// What the address asks for beside the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoAsked {
    pub filter: UndoFilter,
}

#[component]
pub fn UndoPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: RunId = ssr::id(&id, "run")?;
        let asked = UndoAsked { filter: filter(&query) };
        let preview = engine::undo::preview(&op, id, selection(&query), asked.filter.clone()).await?;
        Ok(undo_sheet(&preview, &asked, &visitor.rights, &visitor.clock))
    })
}

fn selection(query: &Query) -> UndoSelection {
    UndoSelection {
        application: query.get("application"),
        account_type: query.get("account_type"),
        identity: query.get("identity").and_then(|text| text.parse().ok()),
        orders: query
            .all("only")
            .iter()
            .flat_map(|text| text.split(','))
            .filter_map(|text| text.trim().parse().ok().map(OrderId))
            .collect(),
    }
}

fn filter(query: &Query) -> UndoFilter {
    UndoFilter {
        fate: query.get("fate").filter(|fate| UndoFate::NAMES.contains(&fate.as_str())),
        text: query.get("text"),
        after: query.get("after").and_then(|after| after.parse().ok()),
        limit: None,
    }
}

fn only(selection: &UndoSelection) -> String {
    selection.orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The page with this selection, from its first line.
fn selected(run: impl std::fmt::Display, selection: &UndoSelection) -> Address {
    let run: String = run.to_string().chars().filter(char::is_ascii_digit).collect();
    Address::new(format!("/jobs/runs/{run}/undo"))
        .with("application", selection.application.as_deref())
        .with("account_type", selection.account_type.as_deref())
        .with("identity", selection.identity.map(|id| id.to_string()).as_deref())
        .with("only", Some(&only(selection)))
}

pub fn undo_sheet(preview: &UndoPreview, asked: &UndoAsked, rights: &Rights, clock: &Clock) -> Sheet {
    let run = preview.run.id;
    let list = selected(run, &preview.selection)
        .with("fate", asked.filter.fate.as_deref())
        .with("text", asked.filter.text.as_deref());
    let shown = preview.rows.rows.len();
    let rows = if shown == 0 { nothing(preview, asked) } else { table(preview).into_any() };
    // Where there is nothing to choose from, a page of zeroes says no more than that.
    let has_changed = preview.counts.iter().any(|(_, count)| *count > 0);
    let is_asked = *asked != UndoAsked::default() || preview.selection != UndoSelection::default();
    let parts = (has_changed || is_asked).then(|| {
        view! {
            {figures(preview)}
            {confirmation(preview, rights)}
            {part(preview, asked)}
            {fates(preview, asked)}
            {active_filters(filters(preview, asked))}
        }
    });
    let before = preview.undone_by.iter().map(|undo| {
        view! { <p class="banner">{icon("clock")}<span>"Undone in part or whole by "<a href=format!("/jobs/runs/{}", undo.run)>{format!("run {}", undo.run)}</a>", "{ago(clock, undo.at)}", by "{undo.by.clone()}": "{undo.reason.clone()}</span></p> }
    });
    let unsent = (preview.unsent > 0).then(|| {
        let text = format!(
            "{} of this run not sent yet. An undo leaves them alone: give them up first where they are not wanted.",
            words::plural(preview.unsent, "order is", "orders are")
        );
        view! { <p class="banner warn">{icon("clock")}<span>{text}" "<a href=format!("/orders?run={run}&state=pending")>"Look at them"</a></span></p> }
    });
    let body = view! {
        <header class="page-head">
            <h1>{format!("Undo run {run}")}</h1>
            <p class="muted"><a href=format!("/jobs/runs/{run}")>{preview.job_label.clone()}</a>", "{ago(clock, preview.run.queued_at)}". Nothing has been taken back yet: this is what would be."</p>
        </header>
        {before.collect_view()}
        {unsent}
        {parts}
        {rows}
        {(shown > 0).then(|| pagination(list, shown, preview.rows.total.into(), asked.filter.after.is_none(), preview.rows.next.clone(), ("line", "lines")))}
    };
    Sheet { section: Section::Jobs, title: format!("Undo run {run}"), body: body.into_any() }
}

fn figures(preview: &UndoPreview) -> impl IntoView + use<> {
    let figure = |label: &'static str, count: u64| {
        view! { <div><dt>{label}</dt><dd class="figure">{words::number(count)}</dd></div> }
    };
    let orders = preview.orders.iter().map(|(operation, count)| {
        view! { <div><dt>{words::operation(*operation)}</dt><dd class="figure">{words::number(*count)}</dd></div> }
    });
    view! {
        <section class="panel" aria-labelledby="undo-figures">
            <h2 id="undo-figures">"What would happen"</h2>
            <dl class="counts">
                {figure("go back", preview.count("goes_back"))}
                {figure("stay: changed since", preview.count("conflict"))}
                {figure("have no way back", preview.count("impossible"))}
                {figure("are back already", preview.count("already_back"))}
                {figure("people", preview.people)}
                {orders.collect_view()}
            </dl>
            <p class="hint">"Blast radius: "{blast_label(preview.blast_radius.label)}" ("{words::number(preview.blast_radius.size)}")"</p>
        </section>
    }
}

fn confirmation(preview: &UndoPreview, rights: &Rights) -> AnyView {
    if preview.count("goes_back") == 0 {
        return view! { <p class="banner">{icon("check")}<span>"Nothing goes back: each line below says why."</span></p> }.into_any();
    }
    if !rights.may("/Jobs/Undo") {
        return refused("Undoing a run", "/Jobs/Undo").into_any();
    }
    let checked = format!(
        "I have looked at it: {} back, {} left as they are",
        words::plural(preview.count("goes_back"), "change goes", "changes go"),
        words::plural(preview.count("conflict") + preview.count("impossible"), "is", "are")
    );
    view! {
        <form method="post" action="/api/pages/jobs/undo" class="inline-form" aria-label="Confirm the undo">
            <input type="hidden" name="id" value=preview.run.id.to_string() />
            <input type="hidden" name="digest" value=preview.digest.clone() />
            <input type="hidden" name="part" value=selected(preview.run.id, &preview.selection).query() />
            <label class="field">"Why"<input name="reason" required maxlength="500" placeholder="Kept with every order" /></label>
            <label class="check"><input type="checkbox" name="confirmed" value="yes" required />{checked}</label>
            <button class="button danger">{icon("back")}"Undo this"</button>
            <p class="hint">"It becomes a run of its own, under the same thresholds and checks. What goes back is not ordered again until somebody approves it."</p>
        </form>
    }
    .into_any()
}

/// Which part of the run.
fn part(preview: &UndoPreview, asked: &UndoAsked) -> impl IntoView + use<> {
    let selection = &preview.selection;
    let choices = |all: &[(String, String)], chosen: Option<&str>| {
        all.iter().map(|(name, label)| option(name.clone(), label.clone(), chosen == Some(name))).collect_view()
    };
    view! {
        <form class="filters" action=format!("/jobs/runs/{}/undo", preview.run.id) role="search" aria-label="Undo only a part">
            <select name="application" aria-label="Application"><option value="">"Every application"</option>{choices(&preview.applications, selection.application.as_deref())}</select>
            <select name="account_type" aria-label="Account type"><option value="">"Every account type"</option>{choices(&preview.account_types, selection.account_type.as_deref())}</select>
            <input type="search" name="text" value=asked.filter.text.clone() placeholder="Find a person, key or name" aria-label="Person, key or name" />
            {selection.identity.map(|id| view! { <input type="hidden" name="identity" value=id.to_string() /> })}
            {(!selection.orders.is_empty()).then(|| view! { <input type="hidden" name="only" value=only(selection) /> })}
            {asked.filter.fate.clone().map(|fate| view! { <input type="hidden" name="fate" value=fate /> })}
            <button class="button">"Show"</button>
        </form>
    }
}

fn fates(preview: &UndoPreview, asked: &UndoAsked) -> impl IntoView + use<> {
    let address = |fate: Option<&str>| {
        selected(preview.run.id, &preview.selection)
            .with("fate", fate)
            .with("text", asked.filter.text.as_deref())
            .to_string()
    };
    let all = Choice {
        label: "All".to_owned(),
        count: Some(preview.counts.iter().map(|(_, count)| count).sum()),
        address: address(None),
        chosen: asked.filter.fate.is_none(),
        shape: None,
    };
    let choices = preview.counts.iter().map(|(name, count)| Choice {
        label: fate_label(name).to_owned(),
        count: Some(*count),
        address: address(Some(name)),
        chosen: asked.filter.fate.as_deref() == Some(name),
        shape: Some(fate_shape(name)),
    });
    filter_chips("What becomes of it", std::iter::once(all).chain(choices).collect())
}

/// What restricts the undo itself, each with the way to lift it.
fn filters(preview: &UndoPreview, asked: &UndoAsked) -> Vec<(String, String)> {
    let selection = &preview.selection;
    let run = preview.run.id;
    let with = |selection: UndoSelection| {
        selected(run, &selection)
            .with("fate", asked.filter.fate.as_deref())
            .with("text", asked.filter.text.as_deref())
            .to_string()
    };
    let named = |all: &[(String, String)], name: &str| {
        all.iter().find(|(key, _)| key == name).map_or_else(|| name.to_owned(), |(_, label)| label.clone())
    };
    let mut filters = Vec::new();
    if let Some(name) = &selection.application {
        let label = format!("Undo only: {}", named(&preview.applications, name));
        filters.push((label, with(UndoSelection { application: None, ..selection.clone() })));
    }
    if let Some(name) = &selection.account_type {
        let label = format!("Undo only: {}", named(&preview.account_types, name));
        filters.push((label, with(UndoSelection { account_type: None, ..selection.clone() })));
    }
    if let Some(id) = selection.identity {
        let name = preview.rows.rows.iter().find(|row| row.line.identity == id).map(|row| row.identity_name.clone());
        let label = format!("Undo only: {}", name.unwrap_or_else(|| format!("identity {id}")));
        filters.push((label, with(UndoSelection { identity: None, ..selection.clone() })));
    }
    if !selection.orders.is_empty() {
        let label = format!("Undo only: {}", words::plural(selection.orders.len() as u64, "order", "orders"));
        filters.push((label, with(UndoSelection { orders: Vec::new(), ..selection.clone() })));
    }
    filters
}

fn nothing(preview: &UndoPreview, asked: &UndoAsked) -> AnyView {
    if asked.filter.fate.is_some() || asked.filter.text.is_some() || preview.selection != UndoSelection::default() {
        return empty("No such line", Empty::Filtered { clear: format!("/jobs/runs/{}/undo", preview.run.id) });
    }
    empty("Nothing to undo", Empty::AllDone { text: "This run has changed nothing in any application." })
}

fn table(preview: &UndoPreview) -> impl IntoView + use<> {
    let selection = &preview.selection;
    let run = preview.run.id;
    let rows: Vec<AnyView> = preview.rows.rows.iter().map(|row| line(row, run, selection)).collect();
    view! {
        <form action=format!("/jobs/runs/{run}/undo") aria-label="Lines">
            <table class="ledger">
                <thead><tr><th scope="col"><span class="sr">"Choose"</span></th><th scope="col">"Person"</th><th scope="col">"Account"</th><th scope="col">"What"</th><th scope="col">"Before"</th><th scope="col">"The run set"</th><th scope="col">"Now"</th><th scope="col">"Undo"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
            <div class="actions below"><button class="button">"Undo only what is ticked"</button></div>
        </form>
    }
}

fn line(row: &UndoRow, run: RunId, selection: &UndoSelection) -> AnyView {
    let UndoLine { order, identity, kind, name, entitlement, fate, .. } = &row.line;
    let what = match kind {
        ItemKind::Lifecycle => "the account".to_owned(),
        ItemKind::Entitlement => entitlement.clone().unwrap_or_else(|| name.clone()),
        ItemKind::Attribute => attribute(name),
    };
    let tick = format!("Order {order}: {what} of {}", row.identity_name);
    let own = UndoSelection { identity: Some(*identity), ..selection.clone() };
    let ticked = selection.orders.contains(order);
    view! {
        <tr data-row="">
            <td data-label="Choose" class="tick"><input type="checkbox" name="only" value=order.to_string() checked=ticked aria-label=tick /></td>
            <td data-label="Person" class="name"><a href=format!("/identities/{identity}")>{row.identity_name.clone()}</a><a class="only" href=selected(run, &own).to_string()>"Only theirs"<span class="sr">{format!(": {}", row.identity_name)}</span></a></td>
            <td data-label="Account" class="wrap">{row.application_name.clone()}" "<code class="subtle">{row.line.key.clone()}</code></td>
            <td data-label="What" class="wrap"><a data-open="" title=name.clone() href=format!("/orders/{order}")>{what}</a></td>
            <td data-label="Before" class="before wrap">{shown(&row.line, row.line.before.as_ref())}</td>
            <td data-label="The run set" class="after wrap">{shown(&row.line, row.line.after.as_ref())}</td>
            <td data-label="Now" class="wrap">{shown(&row.line, row.line.now.as_ref())}</td>
            <td data-label="Undo" class="wide wrap">{icon(fate_shape(fate.name()))}" "{fate.why().unwrap_or_else(|| goes_back(&row.line))}</td>
        </tr>
    }
    .into_any()
}

/// Its own name, without the schema in which it is defined.
fn attribute(name: &str) -> String {
    let own = if name.starts_with("urn:") { name.rsplit(':').next().unwrap_or(name) } else { name };
    words::attribute(own)
}

fn goes_back(line: &UndoLine) -> String {
    match (line.kind, line.done) {
        (ItemKind::Attribute, _) => match &line.before {
            Some(before) => format!("Goes back to {before}."),
            None => "Is cleared again.".to_owned(),
        },
        (ItemKind::Entitlement, ItemOperation::Remove) => "Is granted again.".to_owned(),
        (ItemKind::Entitlement, _) => "Is taken away again.".to_owned(),
        (ItemKind::Lifecycle, ItemOperation::Remove) => "Is enabled again.".to_owned(),
        (ItemKind::Lifecycle, _) => "Goes again, as its account type says.".to_owned(),
    }
}

fn shown(line: &UndoLine, value: Option<&Value>) -> String {
    match (line.kind, value) {
        _ if line.secret => "••••".to_owned(),
        (ItemKind::Entitlement, Some(Value::Boolean(true))) => "held".to_owned(),
        (ItemKind::Entitlement, _) => "not held".to_owned(),
        (ItemKind::Lifecycle, None) => "no account".to_owned(),
        (_, Some(value)) => value.to_string(),
        (ItemKind::Attribute, None) => "nothing".to_owned(),
    }
}

fn fate_label(name: &str) -> &'static str {
    match name {
        "goes_back" => "Goes back",
        "conflict" => "Stays: changed since",
        "impossible" => "No way back",
        _ => "Back already",
    }
}

fn fate_shape(name: &str) -> &'static str {
    match name {
        "goes_back" => "back",
        "conflict" => "hand",
        "impossible" => "ban",
        _ => "check",
    }
}

// ---------------------------------------------------------------------------------------------------- a run's page

/// What a run's page says about its size and about undos.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// None before its plans are made.
    pub blast_radius: Option<BlastRadius>,
    /// What the run itself takes back.
    pub undoes: Option<RunUndo>,
    pub undone_by: Vec<RunUndo>,
}

pub(super) async fn read_about(op: &engine::context::OpContext, run: RunId) -> Result<About, ApiError> {
    let blast_radius = engine::undo::blast_radius(op, run).await?;
    let (undoes, undone_by) = engine::undo::links(op, run).await?;
    Ok(About { blast_radius, undoes, undone_by })
}

pub(super) fn about(run: &Run, about: &About, rights: &Rights, clock: &Clock) -> AnyView {
    let id = run.id;
    let undoes = about.undoes.as_ref().map(|undo| {
        view! { <p class="banner">{icon("back")}<span>"Takes back "<a href=format!("/jobs/runs/{}", undo.undoes)>{format!("run {}", undo.undoes)}</a>" on the word of "{undo.by.clone()}": "{undo.reason.clone()}</span></p> }
    });
    let undone_by = about.undone_by.iter().map(|undo| {
        view! { <p class="banner">{icon("back")}<span>"Undone by "<a href=format!("/jobs/runs/{}", undo.run)>{format!("run {}", undo.run)}</a>", "{ago(clock, undo.at)}", by "{undo.by.clone()}": "{undo.reason.clone()}</span></p> }
    });
    let has_ordered =
        run.tasks.iter().flat_map(|task| &task.counts).any(|(name, count)| name == "orders" && *count > 0);
    let undo = (run.state.is_final() && !run.mode.dry_run && has_ordered && rights.may("/Jobs/Undo")).then(|| {
        view! { <a class="button" href=format!("/jobs/runs/{id}/undo")>{icon("back")}"Undo this run …"</a> }.into_any()
    });
    let (radius, undo) = match &about.blast_radius {
        Some(found) => (Some(blast_radius(found, false, undo)), None),
        None => (None, undo.map(|undo| view! { <div class="actions">{undo}</div> })),
    };
    view! { {undoes}{undone_by.collect_view()}{radius}{undo} }.into_any()
}
