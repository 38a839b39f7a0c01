//! Events: who is told of what happens, how far each receiver is, and what happened last.

use leptos::prelude::*;
use model::event::{Event, SetAsideMessage, SubscriptionRow, SubscriptionState};
use model::value::Value;

use crate::components::chip::{self, Tone};
use crate::components::form;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, ago_or_dash, empty};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::event::position;
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

/// Events that are shown.
#[cfg(feature = "ssr")]
const NEWEST: u32 = 30;

#[server(prefix = "/api/pages", endpoint = "events/pause")]
pub async fn pause_subscription(#[server(default)] name: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::events::operate::pause(&op, &name).await;
    ssr::finish(outcome.map(|()| Flash::done(format!("{name} is paused. What happens is kept for it."))), "/events")
}

#[server(prefix = "/api/pages", endpoint = "events/resume")]
pub async fn resume_subscription(#[server(default)] name: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::events::operate::resume(&op, &name).await;
    ssr::finish(outcome.map(|()| Flash::done(format!("{name} goes on."))), "/events")
}

#[server(prefix = "/api/pages", endpoint = "events/replay")]
pub async fn replay_subscription(
    #[server(default)] name: String,
    #[server(default)] from: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::events::operate::replay(&op, &name, position(&from)?).await }.await;
    ssr::finish(outcome.map(|after| Flash::done(format!("{name} goes on after number {after}."))), "/events")
}

#[server(prefix = "/api/pages", endpoint = "events/re-drive")]
pub async fn send_set_aside(
    #[server(default)] name: String,
    #[server(default)] sequence: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = engine::events::operate::send_set_aside(&op, &name, sequence.parse().ok()).await;
    let said = |count| format!("Sent once more: {}.", words::plural(count, "message", "messages"));
    ssr::finish(outcome.map(|count| Flash::done(said(count))), "/events")
}

#[component]
pub fn EventsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::events::operate::rows(&op).await?;
        let set_aside = engine::events::operate::set_aside(&op).await?;
        let newest = engine::events::operate::newest(&op, NEWEST).await?;
        Ok(events_sheet(&rows, &set_aside, &newest, &visitor.rights, &visitor.clock))
    })
}

pub fn events_sheet(
    rows: &[SubscriptionRow],
    set_aside: &[SetAsideMessage],
    newest: &[Event],
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let subscriptions = match rows {
        [] => empty(
            "Nobody is told",
            Empty::NeverUsed {
                text: "Describe a subscription in the configuration: what a receiver is told of, and whether it is sent to as a \
                       webhook, to a syslog server or into a file, or asks by itself. From then on events are written.",
                action: None,
            },
        ),
        rows => rows
            .iter()
            .enumerate()
            .map(|(place, row)| subscription(place, row, set_aside, rights, clock))
            .collect_view()
            .into_any(),
    };
    let happened = (!rows.is_empty()).then(|| {
        let table = match newest {
            [] => empty("Nothing yet", Empty::AllDone { text: "What happens from now on stands here." }),
            newest => events(newest, clock).into_any(),
        };
        view! {
            <section class="panel" aria-labelledby="newest">
                <h2 id="newest">"Newest events"</h2>
                {table}
            </section>
        }
    });
    let body = view! {
        <header class="page-head">
            <h1>"Events"</h1>
            <p class="muted">"Which other systems are told of what happens here and of the audit trail, and how far each of them is."</p>
        </header>
        {subscriptions}
        {happened}
    };
    Sheet { section: Section::Elsewhere, title: "Events".to_owned(), body: body.into_any() }
}

/// How it is with a receiver, in a word.
fn health(row: &SubscriptionRow) -> (Tone, &'static str, &'static str) {
    match row.standing.state {
        SubscriptionState::Paused => (Tone::Idle, "clock", "Paused"),
        SubscriptionState::Stopped => (Tone::Danger, "octagon", "Stopped"),
        SubscriptionState::Active if row.standing.problem.is_some() => {
            (Tone::Warn, "clock", "Does not take it, tried again")
        }
        SubscriptionState::Active if row.lag() > 0 => (Tone::Idle, "play", "Catching up"),
        SubscriptionState::Active => (Tone::Ok, "check", "Has everything"),
    }
}

fn subscription(
    place: usize,
    row: &SubscriptionRow,
    set_aside: &[SetAsideMessage],
    rights: &Rights,
    clock: &Clock,
) -> impl IntoView + use<> {
    let standing = &row.standing;
    let heading = format!("subscription-{place}");
    let labelled_by = heading.clone();
    let (tone, shape, word) = health(row);
    let waiting = row.waiting_since.map(|since| view! { ", the oldest from "{ago(clock, since)} });
    let problem = standing.problem.clone().map(|problem| {
        let since = standing.failing_since.map(|since| view! { " since "{ago(clock, since)} });
        let next = standing.next_attempt_at.map(|at| view! { ", tried again "{ago(clock, at)} });
        view! { <div class="banner warn">{icon("octagon")}<div><p>{problem}</p><p class="hint">"Failing"{since}{next}"."</p></div></div> }
    });
    let own: Vec<&SetAsideMessage> = set_aside.iter().filter(|message| message.subscription == standing.name).collect();
    let apart = (!own.is_empty()).then(|| messages(&own, row.set_aside, rights, clock));
    view! {
        <section class="panel" aria-labelledby=labelled_by>
            <h2 id=heading>{standing.name.clone()}</h2>
            {row.description.clone().map(|text| view! { <p class="muted">{text}</p> })}
            <div class="head-state">
                {chip::chip(tone, shape, word, String::new())}
                <span class="muted">{standing.stream.name()}" → "{row.way.clone()}</span>
            </div>
            {problem}
            <p>
                "At number "{standing.cursor.to_string()}" of "{row.last.to_string()}{waiting}". Delivered: "
                {words::total(standing.delivered)}", last "{ago_or_dash(clock, standing.delivered_at)}"."
            </p>
            {apart}
            {actions(row, rights)}
        </section>
    }
}

fn actions(row: &SubscriptionRow, rights: &Rights) -> AnyView {
    if !rights.may("/Events/Manage") {
        return form::refused("Pausing and replaying", "/Events/Manage").into_any();
    }
    let name = row.standing.name.clone();
    let turn = match row.standing.state {
        SubscriptionState::Active => form::named_action("/api/pages/events/pause", &name, "Pause", "clock").into_any(),
        _ => form::named_action("/api/pages/events/resume", &name, "Resume", "play").into_any(),
    };
    view! {
        <div class="actions">{turn}</div>
        <form method="post" action="/api/pages/events/replay" class="inline-form">
            <input type="hidden" name="name" value=name />
            <label class="field">"Go on after this number, from this time on, or at the end"
                <input name="from" required autocomplete="off" placeholder="0, 2026-03-02T08:00:00Z or end" />
                <span class="hint">"What lies behind is sent again; what is left out is given up."</span>
            </label>
            <button class="button">{icon("play")}"Replay"</button>
        </form>
    }
    .into_any()
}

fn messages(own: &[&SetAsideMessage], count: u64, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let may = rights.may("/Events/Manage");
    let send = |name: &str, sequence: Option<i64>, label: &'static str| {
        let sequence = sequence.map(|sequence| sequence.to_string()).unwrap_or_default();
        view! {
            <form method="post" action="/api/pages/events/re-drive">
                <input type="hidden" name="name" value=name.to_owned() />
                <input type="hidden" name="sequence" value=sequence />
                <button class="button quiet">{icon("play")}{label}</button>
            </form>
        }
    };
    let all = may.then(|| own.first().map(|message| send(&message.subscription, None, "Send all once more")));
    let lines = own.iter().map(|message| {
        let again = match message.again {
            true => Some(view! { <span class="muted">"is sent"</span> }.into_any()),
            false => may.then(|| send(&message.subscription, Some(message.sequence), "Send once more").into_any()),
        };
        view! {
            <tr data-row="">
                <td data-label="Number" class="number">{message.sequence.to_string()}</td>
                <td data-label="Why" class="wide">{message.problem.clone()}</td>
                <td data-label="Tries" class="number">{message.attempts.to_string()}</td>
                <td data-label="Set aside" class="when">{ago(clock, message.at)}</td>
                <td>{again}</td>
            </tr>
        }
    });
    view! {
        <h3>{words::plural(count, "message was set aside", "messages were set aside")}</h3>
        <table class="ledger">
            <thead><tr><th scope="col" class="number">"Number"</th><th scope="col">"Why"</th><th scope="col" class="number">"Tries"</th><th scope="col">"Set aside"</th><th scope="col"><span class="sr">"What can be done"</span></th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
        <div class="actions">{all}</div>
    }
}

fn events(newest: &[Event], clock: &Clock) -> impl IntoView + use<> {
    let lines = newest.iter().map(|event| {
        let body = &event.body;
        let whom = body.identity.as_ref().map(|identity| {
            view! { <a href=format!("/identities/{}", identity.id)>{identity.display_name.clone()}</a> }
        });
        let said: Vec<String> = ["kind", "name", "key", "operation", "state", "job", "risk"]
            .into_iter()
            .filter_map(|name| body.data.get(name).and_then(Value::as_text).map(str::to_owned))
            .collect();
        view! {
            <tr data-row="">
                <td data-label="Number" class="number">{event.sequence.to_string()}</td>
                <td data-label="Type"><code>{body.kind.name()}</code></td>
                <td data-label="Whom">{whom}</td>
                <td data-label="Application">{body.application.clone()}</td>
                <td data-label="What" class="wide">{said.join(" · ")}</td>
                <td data-label="When" class="when">{ago(clock, body.at)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col" class="number">"Number"</th><th scope="col">"Type"</th><th scope="col">"Whom"</th><th scope="col">"Application"</th><th scope="col">"What"</th><th scope="col">"When"</th></tr></thead>
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
}
