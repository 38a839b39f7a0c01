//! Events: who is told of what happens, and how far each receiver is; and what happened, as a list.

mod list;

use leptos::prelude::*;
use model::event::{EventFilter, SetAsideMessage, Stream, SubscriptionRow, SubscriptionState};

use crate::components::chip::{self, Tone};
use crate::components::form;
use crate::components::icon::icon;
use crate::components::list::{self as lists, Empty, ago, empty};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::event::position;
use crate::logic::flash::Flash;
use crate::logic::query::{self, events_address};
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

pub use list::event_list_sheet;

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
    page(|Asked { op, visitor, query }| async move {
        if query.get(query::STREAM).is_some() {
            let filter = query::events(&query);
            let found = engine::events::operate::page(&op, &filter).await?;
            let applications = engine::events::operate::applications(&op)?;
            return Ok(event_list_sheet(&filter, found, &applications, &visitor.clock));
        }
        let rows = engine::events::operate::rows(&op).await?;
        let set_aside = engine::events::operate::set_aside(&op).await?;
        Ok(events_sheet(&rows, &set_aside, &visitor.rights, &visitor.clock))
    })
}

/// Part of the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Receivers,
    Stream(Stream),
}

fn tabs(at: At) -> impl IntoView {
    let list = |stream| events_address(&EventFilter { stream, ..EventFilter::default() }).to_string();
    let all = [
        ("Receivers", "/events".to_owned(), At::Receivers),
        ("What happened", list(Stream::Events), At::Stream(Stream::Events)),
        ("Audit trail", list(Stream::Audit), At::Stream(Stream::Audit)),
    ];
    let all = all.map(|(label, address, place)| (label.to_owned(), address, None, place == at));
    lists::tabs("Events", all.into())
}

pub fn events_sheet(rows: &[SubscriptionRow], set_aside: &[SetAsideMessage], rights: &Rights, clock: &Clock) -> Sheet {
    let subscriptions = match rows {
        [] => empty(
            "Nobody is told",
            Empty::NeverUsed {
                text: "Describe a subscription in the configuration: what a receiver is told of, and whether it is sent to as a \
                       webhook, to a syslog server or into a file, or asks by itself. From then on events are written.",
                action: rights
                    .may(engine::drafts::DRAFT)
                    .then_some(("New subscription", "/drafts/edit?kind=subscription")),
            },
        ),
        rows => rows
            .iter()
            .enumerate()
            .map(|(place, row)| subscription(place, row, set_aside, rights, clock))
            .collect_view()
            .into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Events"</h1>
            <p class="muted">"Which other systems are told of what happens here and of the audit trail, and how far each of them is."</p>
        </header>
        {tabs(At::Receivers)}
        {subscriptions}
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
    let place_now = match row.lag() {
        0 => view! { "Has everything up to number "{row.last.to_string()}". " }.into_any(),
        _ => {
            let waiting = row.waiting_since.map(|since| view! { ", the first from "{ago(clock, since)} });
            view! { "Has everything up to number "{standing.cursor.to_string()}"; the last is "{row.last.to_string()}". What lies between waits"{waiting}". " }
                .into_any()
        }
    };
    let delivered = match standing.delivered {
        0 => view! { "Nothing was delivered yet." }.into_any(),
        count => {
            let last = standing.delivered_at.map(|at| view! { ", the last "{ago(clock, at)} });
            view! { {words::total(count)}" delivered"{last}"." }.into_any()
        }
    };
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
            <p>{place_now}{delivered}</p>
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
        <div class="actions">
            {turn}
            <details class="disclose">
                <summary class="button quiet">{icon("back")}"Send again, or leave out"</summary>
                <form method="post" action="/api/pages/events/replay" class="inline-form">
                    <input type="hidden" name="name" value=name />
                    <label class="field">"Go on after this number, from this time on, or at the end"
                        <input name="from" required autocomplete="off" placeholder="0, 2026-03-02T08:00:00Z or end" />
                        <span class="hint">"What lies behind is sent again; what is left out is given up."</span>
                    </label>
                    <button class="button">{icon("play")}"Go on from there"</button>
                </form>
            </details>
        </div>
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
