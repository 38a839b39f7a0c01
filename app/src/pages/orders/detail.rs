//! One order: what is changed, why, and what happened on the way.

use leptos::prelude::*;
use model::account::Mechanism;
use model::ids::OrderId;
use model::order::{Action, Attempt, Lane, Order, ProvisioningState, StateReason, ValueEdit};
use model::plan::{AccountRequest, ItemKind, ItemOperation, Plan};
use model::user::Duty;
use model::view::{OrderDetail, OrderEvent};

use crate::components::icon::icon;
use crate::components::list::{ago, ago_or_dash, reference};
use crate::components::timeline::{Entry, timeline_section};
use crate::components::{chip, explain, form};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::time::{self, Clock};
use crate::logic::{address, words};

pub fn order_sheet(detail: &OrderDetail, rights: &Rights, clock: &Clock) -> Sheet {
    let order = &detail.order;
    let title = format!("Order {}", order.id);
    let body = view! {
        <header class="page-head">
            <h1>{words::operation(order.operation)}<span class="muted">" in "</span><a href=address::application(&order.application)>{detail.application_name.clone()}</a></h1>
            <p>"for "<a href=format!("/identities/{}", order.identity)>{detail.identity_name.clone()}</a></p>
            <div class="head-state">{chip::provisioning(order.state, order.reason.as_ref())}{super::by(order.mechanism)}{detail.carrier_name.clone().map(|name| view! { <span class="muted">"through "{name}</span> })}<span class="subtle">"State "{order.state.number()}" "{order.state.name()}</span></div>
        </header>
        {holding(detail, clock)}
        {actions(order, rights)}
        <div class="columns">
            <div>
                {changes(order)}
                {edits(&detail.edits, clock)}
                {why(detail)}
                {attempts(&detail.attempts, clock)}
                {plan(&detail.plan, detail)}
            </div>
            <aside>
                {facts(detail, clock)}
                {happened(&detail.timeline, clock)}
                {siblings(detail, clock)}
            </aside>
        </div>
    };
    Sheet { section: Section::Orders, title, body: body.into_any() }
}

/// What holds it, and what to do about that.
fn holding(detail: &OrderDetail, clock: &Clock) -> impl IntoView + use<> {
    let order = &detail.order;
    order.reason.as_ref().map(|reason| {
        let (what, remedy) = words::state_reason(reason);
        let (tone, shape, _) = chip::held_look(order.state, Some(reason));
        let next = order
            .next_attempt_at
            .filter(|_| order.state.is_open())
            .map(|at| view! { <p>"Next attempt "{ago(clock, at)}"."</p> });
        let failed = failed_before(detail, reason).map(|(id, why)| {
            view! { <p><a href=format!("/orders/{id}")>{format!("Order {id}")}</a>" has failed: "{why}</p> }
        });
        view! { <div class=tone.banner()>{icon(shape)}<div><p>{what}</p>{failed}{remedy.map(|remedy| view! { <p>{remedy}</p> })}{next}</div></div> }
    })
}

/// The order of the same plan that it waits for in vain, and what happened to that.
fn failed_before(detail: &OrderDetail, reason: &StateReason) -> Option<(OrderId, String)> {
    let (StateReason::HeldBy { orders } | StateReason::AwaitingReference { orders, .. }) = reason else { return None };
    let failed = |state| matches!(state, ProvisioningState::Errored | ProvisioningState::Error);
    let awaited = detail.siblings.iter().find(|other| orders.contains(&other.id) && failed(other.state))?;
    let why = awaited
        .reason
        .as_ref()
        .map_or_else(|| awaited.state.label().to_owned(), |reason| words::state_reason(reason).0);
    Some((awaited.id, why))
}

/// What can be done to it as it is, and why not where the permission is missing.
fn actions(order: &Order, rights: &Rights) -> impl IntoView + use<> {
    let review = (order.state == ProvisioningState::AwaitingApproval).then(|| {
        let link = view! { <a class="button primary" href=format!("/review?order={}", order.id)>{icon("hand")}"Review it"</a> };
        match rights.may_for(Duty::Review, &order.account_type) {
            true => link.into_any(),
            false => form::refused("Reviewing", Duty::Review.path()).into_any(),
        }
    });
    let fits: Vec<Action> = engine::orders::offered(order)
        .into_iter()
        .filter(|action| *action != Action::Edit || order.items.iter().any(engine::orders::can_be_edited))
        .collect();
    let (may, may_not): (Vec<Action>, Vec<Action>) =
        fits.into_iter().partition(|action| rights.may(action.permission()));
    let offered = may.into_iter().map(|action| deed(order, action)).collect_view();
    let missing: Vec<&str> = may_not.iter().map(|action| action.permission()).collect();
    let missing = (!missing.is_empty()).then(|| {
        view! { <p class="hint">{format!("More can be done with permissions that your profile does not include: {}.", missing.join(", "))}</p> }
    });
    view! { <div class="actions">{review}{offered}{missing}</div> }
}

/// A button, or a form to open where something has to be written.
fn deed(order: &Order, action: Action) -> AnyView {
    let path = format!("/api/pages/orders/{}", action.name());
    let is_read_back = action == Action::Retry && order.state == ProvisioningState::Transmitted;
    let label = if is_read_back { "Read back now" } else { words::action(action) };
    let sign = super::bulk::shape(action);
    let id = order.id.to_string();
    let Some((asks, hint)) = words::action_text(action) else {
        return view! {
            <form method="post" action=path>
                <input type="hidden" name="id" value=id />
                <button class="button primary">{icon(sign)}{label}</button>
            </form>
        }
        .into_any();
    };
    let values = (action == Action::Edit).then(|| editable(order));
    let button = if action == Action::Cancel { "button danger" } else { "button primary" };
    view! {
        <details class="disclose">
            <summary class="button quiet">{icon(sign)}{label}</summary>
            <form method="post" action=path class="inline-form">
                <input type="hidden" name="id" value=id />
                {values}
                <label class="field">{asks}<input name="text" required maxlength="1000" placeholder=hint /></label>
                <p class="hint">{words::action_effect(action)}</p>
                <button class=button>{format!("{label}: this order")}</button>
            </form>
        </details>
    }
    .into_any()
}

/// Fields for the values that may be changed. Secret ones are told, not shown.
fn editable(order: &Order) -> impl IntoView + use<> {
    let fields = order.items.iter().filter(|item| engine::orders::can_be_edited(item)).map(|item| {
        let value = item.value.as_ref().map(ToString::to_string).unwrap_or_default();
        view! {
            <input type="hidden" name="names[]" value=item.name.clone() />
            <label class="field">{words::attribute(&item.name)}<input name="values[]" value=value required maxlength="4000" /></label>
        }
    });
    let secret = order.items.iter().any(|item| item.secret).then(|| {
        view! { <p class="hint">"Secret values are not shown and stay as they are."</p> }
    });
    view! { {fields.collect_view()}{secret} }
}

/// Values that people changed, and what becomes of them.
fn edits(edits: &[ValueEdit], clock: &Clock) -> impl IntoView + use<> {
    let lines = edits.iter().map(|edit| {
        view! {
            <li>
                <strong>{words::attribute(&edit.attribute)}</strong>": "<span class="before">{edit.before.to_string()}</span>" → "{edit.edited.to_string()}
                <span class="muted">" by "{edit.by.clone()}", "{ago(clock, edit.at)}": "{edit.why.clone()}</span>
                <p class="hint">{format!("Later computations keep it until the rules compute another value than \u{201c}{}\u{201d}.", edit.computed)}</p>
            </li>
        }
    });
    (!edits.is_empty()).then(|| {
        view! {
            <section aria-labelledby="edits-heading">
                <div class="section-head"><h2 id="edits-heading">"Changed by people"</h2></div>
                <ul class="plain panel">{lines.collect_view()}</ul>
            </section>
        }
    })
}

fn changes(order: &Order) -> impl IntoView + use<> {
    let rows = order.items.iter().map(|item| {
        let change = words::change(item);
        let sign = match item.operation {
            ItemOperation::Set => "pencil",
            ItemOperation::Add => "plus",
            ItemOperation::Remove => "dash",
        };
        let key = (item.entitlement.as_deref().is_some_and(|name| name != item.name)).then(|| view! { <code class="subtle">{item.name.clone()}</code> });
        view! {
            <tr>
                <td data-label="What" class="name">{icon(sign)}{change.what}" "{key}</td>
                <td data-label="Before" class="before">{change.before}</td>
                <td data-label="After" class="after">{change.after}</td>
                <td data-label="State">{chip::provisioning(item.state, None)}{item.message.clone().map(|message| view! { <p class="hint">{message}</p> })}</td>
            </tr>
        }
    });
    let heading = if order.state == ProvisioningState::Verified { "What was changed" } else { "What is to be changed" };
    view! {
        <section aria-labelledby="changes-heading">
            <div class="section-head"><h2 id="changes-heading">{heading}</h2></div>
            <table class="ledger changes">
                <thead><tr><th scope="col">"What"</th><th scope="col">"Before"</th><th scope="col">"After"</th><th scope="col">"State"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </section>
    }
}

fn why(detail: &OrderDetail) -> impl IntoView + use<> {
    let order = &detail.order;
    let items =
        order.items.iter().filter(|item| !item.reasons.is_empty() && item.kind != ItemKind::Lifecycle).map(|item| {
            let what = words::change(item).what;
            view! {
                <details class="why-item">
                    <summary>{what.clone()}</summary>
                    {explain::reasons(&item.reasons, &what)}
                </details>
            }
        });
    let account = (!order.reasons.is_empty()).then(|| {
        view! { <details class="why-item"><summary>"the account itself"</summary>{explain::reasons(&order.reasons, &order.account_type)}</details> }
    });
    let explained = order.items.iter().filter(|item| item.kind == ItemKind::Attribute && !item.explanation.is_empty());
    let explained: Vec<_> = explained
        .map(|item| view! { <li><strong>{words::attribute(&item.name)}</strong>": "{item.explanation.clone()}</li> })
        .collect();
    let values = (!explained.is_empty()).then(|| {
        view! { <details class="why-item"><summary>"Where the values come from"</summary><ul class="plain">{explained}</ul></details> }
    });
    view! {
        <section aria-labelledby="why-heading">
            <div class="section-head"><h2 id="why-heading">"Why"</h2></div>
            <div class="panel">
                <p>{order.explanation.clone()}</p>
                <p class="hint">"Set off because "{words::trigger(order.trigger)}"."</p>
                {super::beside::lines(detail)}
                {account}
                {items.collect_view()}
                {values}
            </div>
        </section>
    }
}

fn attempts(attempts: &[Attempt], clock: &Clock) -> impl IntoView + use<> {
    let rows = attempts.iter().map(|attempt| {
        let took = attempt.finished_at.map(|finished| time::took(attempt.started_at, finished));
        let (class, text) = match &attempt.answer {
            None => ("", "No answer yet.".to_owned()),
            Some(answer) => {
                let (is_good, text) = words::answer(answer);
                (if is_good { "" } else { "failed" }, text)
            }
        };
        view! {
            <tr>
                <td data-label="Attempt">{attempt.number}</td>
                <td data-label="Answer" class="wide wrap"><span class=class>{text}</span></td>
                <td data-label="Took" class="when">{took}</td>
                <td data-label="By">{attempt.node.clone()}</td>
                <td data-label="When" class="when">{ago(clock, attempt.started_at)}</td>
            </tr>
        }
    });
    (!attempts.is_empty()).then(|| view! {
        <section aria-labelledby="attempts-heading">
            <div class="section-head"><h2 id="attempts-heading">"Attempts and answers"</h2></div>
            <table class="ledger">
                <thead><tr><th scope="col">"Attempt"</th><th scope="col">"Answer"</th><th scope="col">"Took"</th><th scope="col">"By"</th><th scope="col">"When"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </section>
    })
}

/// The whole plan: the other requests, what was filtered, what was kept.
fn plan(plan: &Plan, detail: &OrderDetail) -> impl IntoView + use<> {
    let requests = plan.requests.iter().enumerate().map(|(position, request)| {
        let partition = detail.partitions.iter().find(|partition| partition.requests.contains(&position));
        let is_own = partition.is_some_and(|partition| partition.sequence == detail.partition)
            && request.account_type == detail.order.account_type
            && request.operation == detail.order.operation
            && (request.account.is_none() || request.account == detail.order.account);
        request_line(request, partition.map(|partition| (partition.sequence, partition.mechanism)), is_own)
    });
    let left_out = plan.filtered.iter().map(|filtered| {
        view! { <li><strong>{filtered.name.clone()}</strong><span class="muted">" in "{filtered.application.clone()}": "</span>{filtered.because.clone().unwrap_or_else(|| words::filter_reason(filtered.why).to_owned())}</li> }
    });
    let kept = plan.retained.iter().map(|retained| {
        view! { <li><strong>{retained.name.clone()}</strong><span class="muted">" in "{retained.application.clone()}": "</span>{retained.why.clone()}</li> }
    });
    view! {
        <section aria-labelledby="plan-heading">
            <div class="section-head"><h2 id="plan-heading">"Plan"</h2><span class="muted">{format!("{}, in {}", words::plural(plan.requests.len() as u64, "request", "requests"), words::plural(detail.partitions.len() as u64, "partition", "partitions"))}</span></div>
            <ol class="plan">{requests.collect_view()}</ol>
            {(!plan.filtered.is_empty()).then(|| view! { <details class="why-item"><summary>{format!("Left out: {}", plan.filtered.len())}</summary><ul class="plain">{left_out.collect_view()}</ul></details> })}
            {(!plan.retained.is_empty()).then(|| view! { <details class="why-item"><summary>{format!("Kept: {}", plan.retained.len())}</summary><ul class="plain">{kept.collect_view()}</ul></details> })}
        </section>
    }
}

fn request_line(request: &AccountRequest, partition: Option<(u32, Mechanism)>, is_own: bool) -> impl IntoView + use<> {
    let after = (!request.after.is_empty()).then(|| {
        let positions: Vec<String> = request.after.iter().map(|position| (position + 1).to_string()).collect();
        view! { <span class="subtle">{format!("after {}", positions.join(", "))}</span> }
    });
    let partition = partition.map(|(sequence, mechanism)| view! { <span class="muted">{format!("partition {sequence}")}" "{super::by(mechanism)}</span> });
    view! {
        <li class=if is_own { "own" } else { "" }>
            <span>{words::operation(request.operation)}" in "{request.application.clone()}{words::request_part(request.part)}</span>
            {partition}{after}
            {is_own.then(|| view! { <span class="you-are-here">"this order"</span> })}
        </li>
    }
}

fn facts(detail: &OrderDetail, clock: &Clock) -> impl IntoView + use<> {
    let order = &detail.order;
    let run = order.run.map(
        |run| view! { <div><dt>"Run"</dt><dd><a href=format!("/jobs/runs/{run}")>{run.to_string()}</a></dd></div> },
    );
    let priority = match order.lane {
        Lane::Leaver => "before all others: the person has left".to_owned(),
        Lane::Normal => format!("{}, smaller goes first", order.priority),
    };
    let asked = (!detail.requests.is_empty()).then(|| {
        let links = detail.requests.iter().map(|request| {
            let why = format!(" of {}: {}", request.requester, request.justification);
            view! { <p><a href=format!("/requests/{}", request.id)>{format!("request {}", request.id)}</a>{why}</p> }
        });
        view! { <div><dt>"Asked for by"</dt><dd>{links.collect_view()}</dd></div> }
    });
    let after = (!order.after.is_empty()).then(|| {
        let links = order
            .after
            .iter()
            .map(|id| view! { <a href=format!("/orders/{id}")>{id.to_string()}</a>" " })
            .collect_view();
        view! { <div><dt>"After orders"</dt><dd>{links}</dd></div> }
    });
    let items = detail.work_items.iter().map(|item| {
        let note = item.note.clone().map(|note| view! { <span class="wrap muted">{note}</span> });
        let reference = item.reference.clone().map(reference);
        view! { <div><dt>"Work item"</dt><dd><a href=format!("/work-items/{}", item.id)>{item.id.to_string()}</a>" "{chip::work_item(item.state)}" "{note}" "{reference}</dd></div> }
    });
    let items = items.collect_view();
    view! {
        <section class="panel">
            <dl class="pairs">
                <div><dt>"Account type"</dt><dd>{order.account_type.clone()}</dd></div>
                <div><dt>"Key"</dt><dd class="mono">{order.key.clone().unwrap_or_else(|| "chosen by the application".to_owned())}</dd></div>
                <div><dt>"Plan"</dt><dd>{detail.plan_id.to_string()}</dd></div>
                <div><dt>"Partition"</dt><dd>{format!("{} of {}", detail.partition, detail.partitions.len())}</dd></div>
                <div><dt>"Carried out by"</dt><dd>{carried_out_by(detail)}</dd></div>
                <div><dt>"Set off because"</dt><dd>{words::trigger(order.trigger)}</dd></div>
                <div><dt>"Priority"</dt><dd>{priority}</dd></div>
                {asked}{run}{after}{items}
                <div><dt>"Ordered"</dt><dd>{ago(clock, order.created_at)}</dd></div>
                <div><dt>"Sent"</dt><dd>{ago_or_dash(clock, order.transmitted_at)}</dd></div>
                <div><dt>"Done"</dt><dd>{ago_or_dash(clock, order.executed_at)}</dd></div>
                <div><dt>"Confirmed"</dt><dd>{ago_or_dash(clock, order.verified_at)}</dd></div>
            </dl>
        </section>
    }
}

/// Who carries it out, and why it goes this way.
fn carried_out_by(detail: &OrderDetail) -> impl IntoView + use<> {
    let whom = match (&detail.carrier_name, detail.order.mechanism) {
        (Some(name), _) => name.clone(),
        (None, Mechanism::Manual) => "people".to_owned(),
        (None, _) => detail.application_name.clone(),
    };
    let why = detail.why_this_way().to_owned();
    view! { {whom}{(!why.is_empty()).then(|| view! { <p class="hint">{why}</p> })} }
}

fn happened(events: &[OrderEvent], clock: &Clock) -> impl IntoView + use<> {
    let entries = events.iter().map(|event| {
        let sign = chip::provisioning(event.to, event.reason.as_ref()).into_any();
        Entry::of(clock, event.at, sign, &event.message, &event.actor)
    });
    timeline_section(entries.collect())
}

fn siblings(detail: &OrderDetail, clock: &Clock) -> impl IntoView + use<> {
    let links = detail.siblings.iter().map(|order| {
        view! {
            <li>
                <a href=format!("/orders/{}", order.id)>{words::operation(order.operation)}" in "{order.application.clone()}</a>
                {chip::provisioning(order.state, order.reason.as_ref())}
                <span class="subtle">{ago(clock, order.changed_at)}</span>
            </li>
        }
    });
    (!detail.siblings.is_empty()).then(|| {
        view! {
            <section aria-labelledby="siblings-heading">
                <div class="section-head"><h2 id="siblings-heading">"Other orders of the plan"</h2></div>
                <ul class="siblings">{links.collect_view()}</ul>
            </section>
        }
    })
}
