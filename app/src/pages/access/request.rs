//! One request, for whoever asked or for whom it is: who is asked now, what was said, and how far it is. Nothing here leads to
//! pages that take a permission.

use leptos::prelude::*;
use model::ids::RequestId;
use model::request::{RequestDetail, RequestState};

use crate::components::chip;
use crate::components::icon::icon;
use crate::frame::{Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::Clock;
use crate::logic::{request, words};
use crate::pages::requests::detail::{happened, phases, risks};
use crate::pages::{Asked, approvals, page, parameter};
use crate::ssr;

use super::ask::wished;

#[server(prefix = "/api/pages", endpoint = "access/withdraw")]
pub async fn withdraw_request(
    #[server(default)] id: String,
    #[server(default)] reason: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::access::withdraw(&op, ssr::id(&id, "request")?, &reason).await }.await;
    let id: String = id.chars().filter(char::is_ascii_digit).collect();
    ssr::finish(outcome.map(|()| Flash::done("The request is withdrawn.")), &format!("/access/requests/{id}"))
}

#[component]
pub fn AccessRequestPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, .. }| async move {
        let id: RequestId = ssr::id(&id, "request")?;
        let detail = engine::access::request(&op, id).await?;
        Ok(request_sheet(&detail, &visitor.clock))
    })
}

pub fn request_sheet(detail: &RequestDetail, clock: &Clock) -> Sheet {
    let request = &detail.request;
    let asked: Vec<String> =
        request.items.iter().zip(&detail.labels).map(|(item, label)| wished(item, label)).collect();
    let days = match (request.not_before, request.until) {
        (None, None) => None,
        (Some(first), None) => Some(format!("from {first}")),
        (None, Some(last)) => Some(format!("until {last}")),
        (Some(first), Some(last)) => Some(format!("from {first} until {last}")),
    };
    let (tone, shape) = chip::request_look(request.state);
    let message =
        request.message.clone().map(|message| view! { <div class=tone.banner()>{icon(shape)}<p>{message}</p></div> });
    let body = view! {
        <header class="page-head">
            <h1>{words::sentence_case(&asked.join("; "))}</h1>
            <p>"for "{detail.identity_name.clone()}{days.map(|days| format!(", {days}"))}</p>
            <div class="head-state">{chip::request(request.state, None)}<span class="subtle">{format!("Request {}", request.id)}</span></div>
        </header>
        {message}
        {withdraw(detail)}
        <div class="columns">
            <div>
                <section aria-labelledby="why-heading">
                    <div class="section-head"><h2 id="why-heading">"Why"</h2></div>
                    <blockquote class="panel said">{request.justification.clone()}<footer class="muted">{request.requester.clone()}</footer></blockquote>
                </section>
                {approvals::of_request(&detail.approvals, clock)}
                {risks(detail)}
                {orders(detail)}
            </div>
            <aside>
                {phases(request, clock)}
                {happened(&detail.events, clock)}
            </aside>
        </div>
    };
    Sheet { section: Section::Access, title: format!("Request {}", request.id), body: body.into_any() }
}

fn withdraw(detail: &RequestDetail) -> impl IntoView + use<> {
    let id = detail.request.id.to_string();
    (detail.can_be_cancelled && detail.request.state != RequestState::Cancelled).then(|| {
        view! {
            <div class="actions">
                <details class="disclose">
                    <summary class="button quiet">{icon("ban")}"Withdraw this request"</summary>
                    <form method="post" action="/api/pages/access/withdraw" class="inline-form">
                        <input type="hidden" name="id" value=id />
                        <label class="field">"Why"<input name="reason" required maxlength="500" placeholder="Kept with the request" /></label>
                        <p class="hint">"Nobody has to approve it any more, and nothing comes of it."</p>
                        <button class="button danger">"Withdraw: this request"</button>
                    </form>
                </details>
            </div>
        }
    })
}

/// What is being changed where, and how far that is.
fn orders(detail: &RequestDetail) -> impl IntoView + use<> {
    let lines = detail.orders.iter().map(|row| {
        view! {
            <tr>
                <td data-label="What" class="name">{words::operation(row.operation)}</td>
                <td data-label="Application">{row.application.clone()}</td>
                <td data-label="State">{chip::provisioning(row.state, None)}</td>
            </tr>
        }
    });
    let list = match detail.orders.is_empty() {
        true => view! { <p class="muted">{request::without_orders(detail.request.state)}</p> }.into_any(),
        false => view! {
            <table class="ledger">
                <thead><tr><th scope="col">"What"</th><th scope="col">"Application"</th><th scope="col">"State"</th></tr></thead>
                <tbody>{lines.collect_view()}</tbody>
            </table>
        }
        .into_any(),
    };
    view! {
        <section aria-labelledby="orders-heading">
            <div class="section-head"><h2 id="orders-heading">"What is changed"</h2></div>
            {list}
        </section>
    }
}
