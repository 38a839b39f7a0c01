//! Agents: whether they are there, what they read, and the tokens they sign in with.

use leptos::prelude::*;
use model::agent::{AgentExport, AgentReads, AgentToken, AgentView, ExportOutcome, ExportState, ExportSubject};

use crate::components::chip::{self, Tone};
use crate::components::form;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, ago_or_dash, empty};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::{address, words};
use crate::pages::{Asked, page};
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "agents/token")]
pub async fn make_agent_token(
    #[server(default)] agent: String,
    #[server(default)] note: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::agents::tokens::create(&op, agent, note).await;
    ssr::finish_in_private(outcome.map(|made| shown_once(&made.agent, made.token)), "/agents")
}

#[server(prefix = "/api/pages", endpoint = "agents/revoke")]
pub async fn revoke_agent_token(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::agents::tokens::revoke(&op, ssr::id(&id, "token")?).await }.await;
    let said =
        |token: AgentToken| format!("Token {} of the agent {} is worth nothing any more.", token.id, token.agent);
    ssr::finish(outcome.map(|token| Flash::done(said(token))), "/agents")
}

/// The token goes to the page of agents alone, once, whatever else the browser loads meanwhile.
fn shown_once(agent: &str, token: String) -> Flash {
    let title =
        format!("The token of the agent {agent} is shown this once. Put it into a file that only the agent reads:");
    Flash::done(title).with_lines(vec![token])
}

#[component]
pub fn AgentsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::agents::rows(&op).await?;
        Ok(agents_sheet(&rows, &visitor.rights, &visitor.clock))
    })
}

pub fn agents_sheet(rows: &[AgentView], rights: &Rights, clock: &Clock) -> Sheet {
    let content = match rows {
        [] => empty(
            "No agents",
            Empty::NeverUsed {
                text: "Everything is read from here. Where something can only be read within another network, describe an agent \
                       in the configuration, name it there with read_by, and start the same program there.",
                action: None,
            },
        ),
        rows => {
            rows.iter().enumerate().map(|(position, row)| agent(position, row, rights, clock)).collect_view().into_any()
        }
    };
    let body = view! {
        <header class="page-head">
            <h1>"Agents"</h1>
            <p class="muted">"Programs in other networks that read there what cannot be reached from here."</p>
        </header>
        {content}
    };
    Sheet { section: Section::Applications, title: "Agents".to_owned(), body: body.into_any() }
}

fn agent(position: usize, row: &AgentView, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let heading = format!("agent-{position}");
    let labelled_by = heading.clone();
    let facts = row.facts.as_ref().map(|facts| {
        view! { <span class="subtle">"version "{facts.version.clone()}", from "{facts.address.clone()}</span> }
    });
    let owner = row.owner.clone().map(|owner| view! { <span class="subtle">"answered for by "{owner}</span> });
    let reads = match (row.reads.is_empty(), row.is_gone) {
        (true, true) => view! { <p class="muted">"The configuration has no such agent any more, so it is refused. Revoke its tokens."</p> }.into_any(),
        (true, false) => view! { <p class="muted">"Nothing names it with "<code>"read_by"</code>" yet."</p> }.into_any(),
        (false, _) => exports(&row.reads, clock).into_any(),
    };
    view! {
        <section class="panel" aria-labelledby=labelled_by>
            <h2 id=heading>{row.display_name.clone()}</h2>
            {row.description.clone().map(|text| view! { <p class="muted">{text}</p> })}
            <div class="head-state">{health(row, clock)}{facts}{owner}</div>
            <h3>"Reads"</h3>
            {reads}
            <h3>"Tokens"</h3>
            {tokens(row, rights, clock)}
            {make(row, rights)}
        </section>
    }
}

/// Whether an agent is there.
fn health(row: &AgentView, clock: &Clock) -> AnyView {
    match &row.facts {
        None => chip::chip(Tone::Idle, "circle", "Never heard of", String::new()).into_any(),
        Some(facts) => {
            let (tone, shape, word) = match row.is_there {
                true => (Tone::Ok, "check", "There"),
                false => (Tone::Danger, "plug", "Not heard of"),
            };
            view! { {chip::chip(tone, shape, word, String::new())}<span class="muted">"last heard of "{ago(clock, facts.heard_at)}</span> }
                .into_any()
        }
    }
}

fn exports(reads: &[AgentReads], clock: &Clock) -> impl IntoView + use<> {
    let rows = reads.iter().map(|one| {
        let name = match &one.subject {
            ExportSubject::Application(name) => {
                view! { <a href=address::application(name)>{one.label.clone()}</a> }.into_any()
            }
            ExportSubject::Source(_) => view! { {one.label.clone()}" "<span class="tag">"identity source"</span> }.into_any(),
        };
        let now = one.current.as_ref().map(|export| under_way(export, clock));
        let count = match &one.last {
            Some(export) if export.state != ExportState::GivenUp => words::total(export.rows).into_any(),
            _ => view! { <span class="subtle">"—"</span> }.into_any(),
        };
        view! {
            <tr data-row="">
                <td data-label="What" class="name">{name}</td>
                <td data-label="Now">{now.unwrap_or_else(|| view! { <span class="subtle">"—"</span> }.into_any())}</td>
                <td data-label="Last export" class="wide">{one.last.as_ref().map_or_else(|| view! { <span class="subtle">"none so far"</span> }.into_any(), over)}</td>
                <td data-label="Rows" class="number">{count}</td>
                <td data-label="Ended" class="when">{ago_or_dash(clock, one.last.as_ref().and_then(|export| export.finished_at))}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"What"</th><th scope="col">"Now"</th><th scope="col">"Last export"</th><th scope="col" class="number">"Rows"</th><th scope="col">"Ended"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

fn under_way(export: &AgentExport, clock: &Clock) -> AnyView {
    let run = format!("/jobs/runs/{}", export.run);
    let (rows, since) = match export.state {
        ExportState::Reading => (
            format!("{} so far, ", words::plural(export.rows, "row", "rows")),
            export.taken_at.unwrap_or(export.requested_at),
        ),
        _ => (String::new(), export.requested_at),
    };
    view! { {chip::export(export.state)}<p class="hint">{rows}<a href=run>"run "{export.run.to_string()}</a>", "{ago(clock, since)}</p> }
        .into_any()
}

/// How an export ended, and why.
fn over(export: &AgentExport) -> AnyView {
    let why = match (&export.given_up_because, &export.outcome) {
        (Some(why), _) | (_, Some(ExportOutcome::Refused { why })) => Some(why.clone()),
        (_, Some(ExportOutcome::Failed { error, .. })) => {
            Some(words::sentence_case(&format!("{}.", error.message.trim_end_matches('.'))))
        }
        _ => None,
    };
    view! { {chip::export(export.state)}{why.map(|why| view! { <p class="hint">{why}</p> })} }.into_any()
}

fn tokens(row: &AgentView, rights: &Rights, clock: &Clock) -> AnyView {
    if row.tokens.is_empty() {
        return view! { <p class="muted">"It has no token, and cannot sign in without one."</p> }.into_any();
    }
    let may = rights.may("/Agents/Tokens");
    let lines = row.tokens.iter().map(|token| {
        let state = match (&token.revoked_by, token.revoked_at) {
            (Some(by), Some(at)) => view! { {chip::chip(Tone::Idle, "ban", "Revoked", String::new())}<p class="hint">"by "{by.clone()}", "{ago(clock, at)}</p> }.into_any(),
            _ => chip::chip(Tone::Ok, "check", "In force", String::new()).into_any(),
        };
        let revoke = (may && token.revoked_at.is_none())
            .then(|| form::action("/api/pages/agents/revoke", token.id, "Revoke", "ban", "button quiet"));
        let label = if token.label.is_empty() { "no note".to_owned() } else { token.label.clone() };
        view! {
            <tr data-row="">
                <td data-label="Token" class="number">{token.id.to_string()}</td>
                <td data-label="For" class="wide">{label}</td>
                <td data-label="State">{state}</td>
                <td data-label="Made" class="when">{ago(clock, token.created_at)}<p class="hint">"by "{token.created_by.clone()}</p></td>
                <td data-label="Last used" class="when">{ago_or_dash(clock, token.last_used_at)}</td>
                <td>{revoke}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col" class="number">"Token"</th><th scope="col">"For"</th><th scope="col">"State"</th><th scope="col">"Made"</th><th scope="col">"Last used"</th><th scope="col"><span class="sr">"What can be done"</span></th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn make(row: &AgentView, rights: &Rights) -> AnyView {
    if row.is_gone {
        return ().into_any();
    }
    if !rights.may("/Agents/Tokens") {
        return form::refused("Making and revoking tokens", "/Agents/Tokens").into_any();
    }
    view! {
        <form method="post" action="/api/pages/agents/token" class="inline-form">
            <input type="hidden" name="agent" value=row.name.clone() />
            <label class="field">"What the token is for"<input name="note" maxlength="200" autocomplete="off" placeholder="Such as the machine it runs on" /></label>
            <button class="button">{icon("plug")}"Make a token"</button>
        </form>
    }
    .into_any()
}
