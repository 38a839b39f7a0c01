//! One request: what was asked for, why, how far it is, its orders and its history.

use jiff::Timestamp;
use leptos::prelude::*;
use model::configuration::OnConflict;
use model::ids::RequestId;
use model::request::{Request, RequestDetail, RequestEvent};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago_or_dash, empty};
use crate::components::timeline::{Entry, timeline_section};
use crate::frame::{Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::request::{self, Next};
use crate::logic::time::Clock;
use crate::pages::{Asked, approvals, orders, page, parameter};
use crate::ssr;

#[server(prefix = "/api/pages", endpoint = "requests/cancel")]
pub async fn cancel_request(
    #[server(default)] id: String,
    #[server(default)] reason: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::requests::cancel(&op, ssr::id(&id, "request")?, reason).await }.await;
    let id: String = id.chars().filter(char::is_ascii_digit).collect();
    ssr::finish(outcome.map(|()| Flash::done("The request is cancelled.")), &format!("/requests/{id}"))
}

#[component]
pub fn RequestPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, .. }| async move {
        let id: RequestId = ssr::id(&id, "request")?;
        let detail = engine::requests::detail(&op, id).await?;
        Ok(request_sheet(&detail, &visitor.clock))
    })
}

pub fn request_sheet(detail: &RequestDetail, clock: &Clock) -> Sheet {
    let request = &detail.request;
    let asked: Vec<String> =
        request.items.iter().zip(&detail.labels).map(|(item, label)| request::asked(item, label)).collect();
    let body = view! {
        <header class="page-head">
            <h1>{asked.join("; ")}</h1>
            <p>"for "<a href=format!("/identities/{}", request.identity)>{detail.identity_name.clone()}</a></p>
            <div class="head-state">{chip::request(request.state, None)}<span class="subtle">{format!("Request {}", request.id)}</span></div>
        </header>
        {standing(request)}
        {cancel(detail)}
        <div class="columns">
            <div>
                <section aria-labelledby="why-heading">
                    <div class="section-head"><h2 id="why-heading">"Why"</h2></div>
                    <blockquote class="panel said">{request.justification.clone()}<footer class="muted">{request.requester.clone()}</footer></blockquote>
                </section>
                {approvals::of_request(&detail.approvals, clock)}
                {risks(detail)}
                {orders_of(detail, clock)}
            </div>
            <aside>
                {phases(request, clock)}
                {facts(detail)}
                {happened(&detail.events, clock)}
            </aside>
        </div>
    };
    Sheet { section: Section::Requests, title: format!("Request {}", request.id), body: body.into_any() }
}

/// Why it is where it is, and what to do about that.
fn standing(request: &Request) -> impl IntoView + use<> {
    let next = request::next(request).map(|next| match next {
        Next::Approve => view! { <p>"Below stands who has to agree. What is approved goes on by itself."</p> }.into_any(),
        Next::DecideAboutRun(run) => view! { <p><a href=format!("/jobs/runs/{run}")>"Look at the run that was stopped"</a>", and approve or reject it there."</p> }.into_any(),
        Next::Review => view! { <p><a href="/review">"Open the review"</a>"."</p> }.into_any(),
        Next::MendOrders => view! { <p>"Each order says what failed. Mend it and try the order again: the request goes on by itself."</p> }.into_any(),
        Next::Begins(day) => view! { <p>{format!("It begins on {day}, by itself.")}</p> }.into_any(),
    });
    let message = request.message.clone().map(|message| view! { <p>{message}</p> });
    let (tone, shape) = chip::request_look(request.state);
    (message.is_some() || next.is_some())
        .then(|| view! { <div class=tone.banner()>{icon(shape)}<div>{message}{next}</div></div> })
}

fn cancel(detail: &RequestDetail) -> impl IntoView + use<> {
    let id = detail.request.id.to_string();
    detail.can_be_cancelled.then(|| {
        view! {
            <div class="actions">
                <details class="disclose">
                    <summary class="button quiet">{icon("ban")}"Cancel this request"</summary>
                    <form method="post" action="/api/pages/requests/cancel" class="inline-form">
                        <input type="hidden" name="id" value=id />
                        <label class="field">"Why"<input name="reason" required maxlength="500" placeholder="Kept with the request" /></label>
                        <p class="hint">"What was not sent yet is no longer given or taken away, and nobody has to approve it any more."</p>
                        <button class="button danger">"Cancel: this request"</button>
                    </form>
                </details>
            </div>
        }
    })
}

/// Risks that were known when it was handed in, and why they are borne.
pub(crate) fn risks(detail: &RequestDetail) -> impl IntoView + use<> {
    (!detail.risks.is_empty()).then(|| {
        let known = detail.risks.iter().map(|(risk, label)| {
            let overridden = (risk.on_conflict == OnConflict::Block).then_some(" (overridden)");
            view! { <li>{icon("octagon")}<strong>{label.clone()}</strong>{overridden}": "{risk.comment.clone()}</li> }
        });
        view! {
            <section aria-labelledby="risks-heading">
                <div class="section-head"><h2 id="risks-heading">"Risks that are borne"</h2></div>
                <ul class="plain chosen panel">{known.collect_view()}</ul>
            </section>
        }
    })
}

fn orders_of(detail: &RequestDetail, clock: &Clock) -> impl IntoView + use<> {
    let list = if detail.orders.is_empty() {
        let text = request::without_orders(detail.request.state);
        empty("No orders", Empty::NeverUsed { text, action: None })
    } else {
        orders::table(&detail.orders, false, clock).into_any()
    };
    view! {
        <section aria-labelledby="orders-heading">
            <div class="section-head"><h2 id="orders-heading">"Orders"</h2><span class="count">{detail.orders.len().to_string()}</span></div>
            {list}
        </section>
    }
}

/// The way of a request, with when it came how far.
pub(crate) fn phases(request: &Request, clock: &Clock) -> impl IntoView + use<> {
    let phase = |label: &'static str, at: Option<Timestamp>| {
        let at = ago_or_dash(clock, at);
        view! { <div><dt>{label}</dt><dd>{at}</dd></div> }
    };
    view! {
        <section class="panel" aria-label="Phases">
            <dl class="pairs">
                {phase("Submitted", Some(request.submitted_at))}
                {phase("Planned", request.planned_at)}
                {phase("Sent", request.sent_at)}
                {phase("Done", request.done_at)}
                {phase("Ended", request.ended_at)}
            </dl>
        </section>
    }
}

fn facts(detail: &RequestDetail) -> impl IntoView + use<> {
    let request = &detail.request;
    let pair = |label: &'static str, value: Option<String>| {
        value.map(|value| view! { <div><dt>{label}</dt><dd>{value}</dd></div> })
    };
    let reference = request.source.reference.as_ref().map(|reference| format!(" {reference}")).unwrap_or_default();
    let run = request.run.map(
        |run| view! { <div><dt>"Run"</dt><dd><a href=format!("/jobs/runs/{run}")>{run.to_string()}</a></dd></div> },
    );
    view! {
        <section class="panel" aria-label="About this request">
            <dl class="pairs">
                {pair("Set off by", Some(request.trigger.label().to_owned()))}
                {pair("Priority", Some(request.priority.to_string()))}
                {pair("Source", Some(format!("{}: {}{reference}", request.source.kind, request.source.name)))}
                {pair("First day", request.not_before.map(|day| day.to_string()))}
                {pair("Last day", request.until.map(|day| day.to_string()))}
                {pair("Known elsewhere as", request.correlation.clone())}
                {pair("Key", request::keys(&detail.keys))}
                {run}
            </dl>
        </section>
    }
}

pub(crate) fn happened(events: &[RequestEvent], clock: &Clock) -> impl IntoView + use<> {
    let entries = events.iter().map(|event| {
        let sign = chip::request(event.state, None).into_any();
        Entry::of(clock, event.at, sign, &event.message, &event.actor)
    });
    timeline_section(entries.collect())
}
