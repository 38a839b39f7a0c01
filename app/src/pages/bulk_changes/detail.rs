//! One bulk change: what it would do, or did, row by row; and what there is to decide about it.

use engine::bulk_changes::{self, BULK, ON_A_PAGE};
use leptos::prelude::*;
use model::bulk_change::{BulkChange, BulkChangeState as State, BulkRow, BulkRowState};
use model::error::ApiError;
use model::ids::BulkChangeId;
use model::request::Change;

use super::PATIENCE;
use crate::components::chip;
use crate::components::form::{action, refused};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, empty, filter_chips};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "bulk-changes/confirm")]
pub async fn confirm_bulk_change(
    #[server(default)] id: String,
    #[server(default)] digest: String,
    #[server(default)] risk_comment: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let done = async {
        let id = ssr::id::<BulkChangeId>(&id, "bulk change")?;
        bulk_changes::confirm(&op, id, &digest, &risk_comment).await?;
        bulk_changes::carry_on(&op, id, PATIENCE).await
    };
    finish(done.await, &id)
}

#[server(prefix = "/api/pages", endpoint = "bulk-changes/look-again")]
pub async fn look_at_bulk_change_again(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let done = async {
        let id = ssr::id::<BulkChangeId>(&id, "bulk change")?;
        bulk_changes::look_again(&op, id).await?;
        bulk_changes::carry_on(&op, id, PATIENCE).await
    };
    finish(done.await, &id)
}

#[server(prefix = "/api/pages", endpoint = "bulk-changes/discard")]
pub async fn discard_bulk_change(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let done = async { bulk_changes::discard(&op, ssr::id(&id, "bulk change")?).await };
    finish(done.await, &id)
}

#[server(prefix = "/api/pages", endpoint = "bulk-changes/undo")]
pub async fn undo_bulk_change(
    #[server(default)] id: String,
    #[server(default)] reason: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let done = async {
        let id = ssr::id::<BulkChangeId>(&id, "bulk change")?;
        bulk_changes::undo(&op, id, &reason).await?;
        bulk_changes::carry_on(&op, id, PATIENCE).await
    };
    finish(done.await, &id)
}

fn finish(done: Result<BulkChange, ApiError>, id: &str) -> Result<(), ServerFnError> {
    let id: String = id.chars().filter(char::is_ascii_digit).collect();
    ssr::finish(done.map(|change| said(&change)), &format!("/bulk-changes/{id}"))
}

/// What became of it, in a sentence.
fn said(change: &BulkChange) -> Flash {
    let counts = change.counts;
    match change.state {
        State::Previewed => match &change.message {
            Some(message) => Flash::failed(message.clone()),
            None => Flash::done("It was looked at again. Nothing has happened yet."),
        },
        State::Applied => Flash::done(format!("{} made.", words::plural(counts.applied, "request is", "requests are"))),
        State::Undone if counts.conflicts > 0 => Flash::done(format!(
            "{} taken back; {} as others want it since.",
            words::plural(counts.undone, "row is", "rows are"),
            words::plural(counts.conflicts, "stays", "stay")
        )),
        State::Undone => Flash::done(format!("{} taken back.", words::plural(counts.undone, "row is", "rows are"))),
        State::Discarded => Flash::done("It is discarded; nothing of it happened."),
        _ => Flash::done("It goes on by itself. Load this page again to see how far it is."),
    }
}

/// The rows that are shown.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub state: Option<BulkRowState>,
    /// They stand after this line.
    pub after: u64,
    /// With what people call each thing.
    pub rows: Vec<(BulkRow, String)>,
}

#[component]
pub fn BulkChangePage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: BulkChangeId = ssr::id(&id, "bulk change")?;
        let change = bulk_changes::find(&op, id).await?;
        let state = query.get("state").and_then(|name| BulkRowState::from_name(&name));
        let after = query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        let rows = bulk_changes::rows(&op, id, state, after, ON_A_PAGE).await?;
        Ok(bulk_change_sheet(&change, &Rows { state, after, rows }, &visitor.rights, &visitor.clock))
    })
}

pub fn bulk_change_sheet(change: &BulkChange, rows: &Rows, rights: &Rights, clock: &Clock) -> Sheet {
    let (tone, shape) = chip::bulk_change_look(change.state);
    let message = change.message.clone().map(|message| {
        view! { <div class=tone.banner() role="status">{icon(shape)}<p>{message}</p></div> }
    });
    let body = view! {
        <header class="page-head">
            <h1 class="wrap">{change.title.clone()}</h1>
            <p class="muted">{change.reason.clone()}</p>
            <div class="head-state">{chip::bulk_change(change.state)}<span class="subtle">{format!("Bulk change {}", change.id)}</span></div>
        </header>
        {message}
        {progress(change)}
        {figures(change)}
        {decision(change, rights)}
        {history(change, clock)}
        {filters(change, rows)}
        {listed(change, rows)}
    };
    Sheet { section: Section::Requests, title: format!("Bulk change {}", change.id), body: body.into_any() }
}

/// How far it is while it goes on by itself.
fn progress(change: &BulkChange) -> impl IntoView + use<> {
    let text = match change.state {
        State::Reading => Some(
            "The file is still arriving. Where nothing moves any more, it broke off: discard this, and send the file again."
                .to_owned(),
        ),
        state if state.is_at_work() => Some(format!(
            "It goes on by itself, and is at line {} of {}. Load this page again to see how far it is.",
            words::number(change.through),
            words::plural(change.rows, "row", "rows")
        )),
        _ => None,
    };
    text.map(|text| {
        view! { <div class="banner" role="status">{icon("clock")}<p>{text}" "<a href=format!("/bulk-changes/{}", change.id)>"Load again"</a></p></div> }
    })
}

fn figures(change: &BulkChange) -> impl IntoView + use<> {
    let counts = change.counts;
    let figure = |label: &'static str, count: u64| {
        view! { <div><dt>{label}</dt><dd class="figure">{words::number(count)}</dd></div> }
    };
    let is_over = matches!(change.state, State::Applied | State::Undoing | State::Undone);
    let heading = if is_over { "What it did" } else { "What would happen" };
    let done = is_over.then(|| figure("requests", counts.applied + counts.undone + counts.conflicts));
    let undone = (change.state == State::Undone)
        .then(|| view! { {figure("taken back", counts.undone)}{figure("stay: changed since", counts.conflicts)} });
    (!matches!(change.state, State::Reading | State::Checking)).then(|| {
        view! {
            <section class="panel" aria-labelledby="figures-heading">
                <h2 id="figures-heading">{heading}</h2>
                <dl class="counts">
                    {figure("people", counts.people)}
                    {figure("given", counts.additions)}
                    {figure("taken away", counts.removals)}
                    {figure("bring a risk", counts.risks)}
                    {figure("are so already", counts.already)}
                    {figure("refused", counts.refused)}
                    {done}
                    {undone}
                </dl>
            </section>
        }
    })
}

/// What a person may do about it now.
fn decision(change: &BulkChange, rights: &Rights) -> AnyView {
    let id = change.id;
    let is_open = matches!(change.state, State::Reading | State::Checking | State::Previewed | State::Applied);
    if !rights.may(BULK) {
        return is_open.then(|| refused("Deciding about a bulk change", BULK)).into_any();
    }
    let discard = || action("/api/pages/bulk-changes/discard", id, "Discard it", "ban", "button quiet");
    match change.state {
        State::Reading | State::Checking => view! { <div class="actions">{discard()}</div> }.into_any(),
        State::Previewed => {
            let again = action("/api/pages/bulk-changes/look-again", id, "Look again", "back", "button");
            view! { {confirmation(change)}<div class="actions">{again}{discard()}</div> }.into_any()
        }
        State::Applied if change.counts.applied > 0 => undo(change).into_any(),
        _ => ().into_any(),
    }
}

fn confirmation(change: &BulkChange) -> AnyView {
    let counts = change.counts;
    if counts.ready == 0 {
        return view! { <p class="banner">{icon("check")}<span>"No row would change anything: each below says why."</span></p> }.into_any();
    }
    let checked = format!("I have looked at it: {}", counted(change));
    let risks = (counts.risks > 0).then(|| {
        view! { <label class="field">"Why the risks are borne"<input name="risk_comment" required maxlength="500" placeholder="Kept with each request that brings one about" /></label> }
    });
    view! {
        <form method="post" action="/api/pages/bulk-changes/confirm" class="inline-form" aria-label="Confirm the bulk change">
            <input type="hidden" name="id" value=change.id.to_string() />
            <input type="hidden" name="digest" value=change.digest.clone() />
            {risks}
            <label class="check"><input type="checkbox" required />{checked}</label>
            <button class="button primary">{icon("check")}"Apply: this bulk change"</button>
            <p class="hint">"Each row becomes a request, with its own checks, thresholds and reviews. Where people or the configuration changed since this preview, nothing happens and you see it anew."</p>
        </form>
    }
    .into_any()
}

fn undo(change: &BulkChange) -> impl IntoView + use<> {
    let id = change.id.to_string();
    view! {
        <div class="actions">
            <details class="disclose">
                <summary class="button quiet">{icon("back")}"Undo"</summary>
                <form method="post" action="/api/pages/bulk-changes/undo" class="inline-form">
                    <input type="hidden" name="id" value=id />
                    <label class="field">"Why"<input name="reason" required maxlength="500" placeholder="Kept with every request" /></label>
                    <p class="hint">"Exactly what it gave is taken away, and what it took is given again. What others changed since stays as they want it, and is listed."</p>
                    <button class="button danger">"Undo: this bulk change"</button>
                </form>
            </details>
        </div>
    }
}

fn history(change: &BulkChange, clock: &Clock) -> impl IntoView + use<> {
    let confirmed = change
        .confirmed
        .clone()
        .map(|(by, at)| view! { <div><dt>"Confirmed"</dt><dd>{by}" · "{ago(clock, at)}</dd></div> });
    let comment = change
        .risk_comment
        .clone()
        .map(|comment| view! { <div><dt>"Why risks are borne"</dt><dd class="wrap">{comment}</dd></div> });
    let undone = change.undone.clone().map(
        |(by, at, why)| view! { <div><dt>"Undone"</dt><dd class="wrap">{by}" · "{ago(clock, at)}": "{why}</dd></div> },
    );
    view! {
        <section class="panel" aria-label="About this bulk change">
            <dl class="pairs">
                <div><dt>"Rows"</dt><dd>{words::number(change.rows)}</dd></div>
                <div><dt>"Begun"</dt><dd>{change.created_by.clone()}" · "{ago(clock, change.created_at)}</dd></div>
                {confirmed}
                {comment}
                {undone}
            </dl>
        </section>
    }
}

fn address(change: &BulkChange, state: Option<BulkRowState>) -> Address {
    Address::new(format!("/bulk-changes/{}", change.id)).with("state", state.map(BulkRowState::name))
}

fn filters(change: &BulkChange, rows: &Rows) -> impl IntoView + use<> {
    let counts = change.counts;
    let counted = [
        (BulkRowState::Ready, counts.ready),
        (BulkRowState::Applied, counts.applied),
        (BulkRowState::Undone, counts.undone),
        (BulkRowState::Conflict, counts.conflicts),
        (BulkRowState::Refused, counts.refused),
        (BulkRowState::Already, counts.already),
    ];
    let all = Choice {
        label: "All".to_owned(),
        count: Some(change.rows),
        address: address(change, None).to_string(),
        chosen: rows.state.is_none(),
        shape: None,
    };
    let chosen = rows.state;
    let choices = counted.into_iter().filter(|(state, count)| *count > 0 || chosen == Some(*state));
    let choices = choices.map(|(state, count)| Choice {
        label: state.label().to_owned(),
        count: Some(count),
        address: address(change, Some(state)).to_string(),
        chosen: chosen == Some(state),
        shape: None,
    });
    let download = (counts.refused > 0).then(|| {
        let file = format!("/bulk-changes/{}/rows.csv?state=refused", change.id);
        view! { <div class="actions"><a class="button" href=file download=format!("bulk-change-{}-refused.csv", change.id) rel="external">{icon("arrow")}"Download refused rows"</a></div> }
    });
    view! { {filter_chips("Rows", std::iter::once(all).chain(choices).collect())}{download} }
}

fn listed(change: &BulkChange, rows: &Rows) -> AnyView {
    if rows.rows.is_empty() {
        return match rows.state.is_some() || rows.after > 0 {
            true => empty("No such rows", Empty::Filtered { clear: format!("/bulk-changes/{}", change.id) }),
            false => empty("No rows yet", Empty::AllDone { text: "They appear while the file is read." }),
        };
    }
    let is_full = rows.rows.len() == ON_A_PAGE as usize;
    let next = rows.rows.last().map(|(row, _)| row.line).filter(|_| is_full).map(|line| {
        let next = address(change, rows.state).with("after", Some(&line.to_string())).to_string();
        view! { <a class="button" href=next>"Next rows"</a> }
    });
    let first = (rows.after > 0).then(|| {
        view! { <a class="button" href=address(change, rows.state).to_string()>"First rows"</a> }
    });
    let lines = rows.rows.iter().map(|(row, label)| line(row, label));
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Line"</th><th scope="col">"Person"</th><th scope="col">"Change"</th><th scope="col">"State"</th><th scope="col">"What follows"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
        <nav class="actions below" aria-label="Rows">{first}{next}</nav>
    }
    .into_any()
}

fn line(row: &BulkRow, label: &str) -> impl IntoView + use<> {
    let person = match row.identity {
        Some(id) => {
            let name = row.identity_name.clone().unwrap_or_else(|| row.written.identity.clone());
            view! { <a href=format!("/identities/{id}")>{name}</a> }.into_any()
        }
        None => view! { <code>{row.written.identity.clone()}</code> }.into_any(),
    };
    let verb = match row.item.as_ref().map(|(change, _)| *change) {
        Some(Change::Give) => "Give ".to_owned(),
        Some(Change::Take) => "Take away ".to_owned(),
        None => format!("{} ", row.written.action),
    };
    let days = [("from", &row.written.not_before), ("until", &row.written.until)];
    let days: Vec<String> =
        days.into_iter().filter(|(_, day)| !day.is_empty()).map(|(word, day)| format!("{word} {day}")).collect();
    let risk = row.risk.clone().map(|risk| view! { <span class="risk">{icon("octagon")}" "{risk}</span>" " });
    let request =
        row.request.map(|id| view! { " "<a data-open="" href=format!("/requests/{id}")>{format!("Request {id}")}</a> });
    view! {
        <tr data-row="">
            <td data-label="Line" class="id">{words::number(row.line)}</td>
            <td data-label="Person" class="name">{person}</td>
            <td data-label="Change" class="wrap">{verb}{label.to_owned()}<span class="subtle">{(!days.is_empty()).then(|| format!(" {}", days.join(" ")))}</span></td>
            <td data-label="State">{chip::bulk_row(row.state)}</td>
            <td data-label="What follows" class="wide wrap">{risk}{row.message.clone()}{request}</td>
        </tr>
    }
}

/// "3 given, 1 taken away for 4 people".
pub(crate) fn counted(change: &BulkChange) -> String {
    let counts = change.counts;
    if counts.people == 0 {
        return "nothing".to_owned();
    }
    format!(
        "{} given, {} taken away for {}",
        words::number(counts.additions),
        words::number(counts.removals),
        words::plural(counts.people, "person", "people")
    )
}
