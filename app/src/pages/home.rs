//! Home: what waits for the person who looks, and how the applications are.

use engine::home::Beginning;
use leptos::prelude::*;
use model::form::FormCounts;
use model::order::ProvisioningState;
use model::view::{
    AccountFilter, AccountShow, ApplicationRow, Home, IntegrationRow, OrderCounts, OrderRow, RunRow, WorkItemRow,
};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, ago_or_dash, empty};
use crate::components::run::cell;
use crate::frame::{Section, Sheet};
use crate::logic::address;
use crate::logic::query::accounts_address;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::orders::state_choices;
use crate::pages::{Asked, page};

#[component]
pub fn HomePage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let home = engine::home::home(&op).await?;
        let beginning = engine::home::beginning(&op).await?;
        Ok(home_sheet(&home, beginning, &visitor.clock))
    })
}

pub fn home_sheet(home: &Home, beginning: Option<Beginning>, clock: &Clock) -> Sheet {
    let body = view! {
        <header class="page-head">
            <h1>"My work"</h1>
            <p class="muted">{summary(home)}</p>
        </header>
        {beginning.map(first_steps)}
        {health(&home.applications, &home.integrations, clock)}
        {review(home.awaiting_review)}
        {native(home.native_changes)}
        {violations(home.violations)}
        {approvals(home.approvals)}
        {certifications(home.certifications)}
        {forms(home.forms)}
        {orders(&home.orders)}
        <div class="columns">
            <div>
                {undecided(&home.applications)}
                {work(&home.work_items, home.open_work_items, clock)}
                {failed(&home.failed, clock)}
            </div>
            {runs(&home.runs, clock)}
        </div>
    };
    Sheet { section: Section::Home, title: "Home".to_owned(), body: body.into_any() }
}

/// What comes first where nothing is built yet, in this order; what is done is ticked.
fn first_steps(beginning: Beginning) -> impl IntoView {
    let steps = [
        (
            beginning.has_source,
            "/drafts/edit?kind=source",
            "Connect a source of people",
            "a file that says who there is",
        ),
        (
            beginning.has_application,
            "/drafts/edit?kind=application",
            "Connect an application",
            "and try its connection in the draft",
        ),
        (
            beginning.has_account_type,
            "/drafts/edit?kind=account_type",
            "Describe its accounts",
            "what their attributes are, and whose they are; then publish the draft",
        ),
        (beginning.is_read, "/jobs", "Read both", "run the single steps Collect and Synchronize"),
        (
            beginning.has_entitlements,
            "/found-entitlements",
            "Take over what was found",
            "naming rules make entitlements and access profiles of it",
        ),
        (
            beginning.is_marked,
            "/reconciliation/go-live",
            "Mark what is there",
            "so that nothing is taken away before somebody has decided about it",
        ),
        (
            false,
            "/drafts/edit?kind=rule",
            "Say who gets what",
            "roles and rules in a draft, which shows what they would do",
        ),
    ];
    let lines = steps.map(|(is_done, address, what, how)| {
        let done = is_done.then(|| view! { {icon("check")}<span class="sr">"Done: "</span> });
        view! { <li>{done}<a href=address>{what}</a><span class="muted">": "{how}</span></li> }
    });
    view! {
        <section class="panel tight" aria-labelledby="first-heading">
            <div class="section-head"><h2 id="first-heading">"First steps"</h2></div>
            <ol class="first-steps">{lines}</ol>
        </section>
    }
}

fn summary(home: &Home) -> String {
    format!(
        "{}, {}, {} waiting for a person",
        words::plural(home.identities, "identity", "identities"),
        words::plural(home.accounts, "account", "accounts"),
        words::plural(home.open_work_items, "work item", "work items"),
    )
}

fn health(applications: &[ApplicationRow], integrations: &[IntegrationRow], clock: &Clock) -> impl IntoView + use<> {
    let unwell = integrations.iter().map(|integration| {
        view! {
            <li>
                <a class="tile" href=address::integration(&integration.name)>
                    <span class="tile-name">{integration.display_name.clone()}</span>
                    {crate::pages::integrations::health(integration)}
                    <span class="muted">{words::mechanism(integration.mechanism)}" · integration"</span>
                    <span class="subtle">{words::plural(integration.open_orders, "open order", "open orders")}</span>
                </a>
            </li>
        }
    });
    let unwell = unwell.collect_view();
    let tiles = applications.iter().map(|application| {
        let state = crate::pages::applications::health(application);
        view! {
            <li>
                <a class="tile" href=address::application(&application.name)>
                    <span class="tile-name">{application.display_name.clone()}</span>
                    {state}
                    <span class="muted">{words::mechanism(application.mechanism)}" · "{words::plural(application.accounts, "account", "accounts")}</span>
                    <span class="subtle">"read "{ago_or_dash(clock, application.last_synchronized_at)}</span>
                </a>
            </li>
        }
    });
    (!applications.is_empty()).then(
        || view! { <section aria-label="Applications"><ul class="tiles">{unwell}{tiles.collect_view()}</ul></section> },
    )
}

/// Accounts whose owner or type waits for a person's word, and those that nobody owns.
fn undecided(applications: &[ApplicationRow]) -> impl IntoView + use<> {
    let lines: Vec<_> = applications
        .iter()
        .flat_map(|row| {
            [
                (AccountShow::Proposed, row.proposed, "with a proposed owner"),
                (AccountShow::Unclassified, row.unclassified, "without a type"),
                (AccountShow::WithoutOwner, row.without_owner, "without an owner"),
            ]
            .map(|(show, count, what)| (row, show, count, what))
        })
        .filter(|(_, _, count, _)| *count > 0)
        .map(|(row, show, count, what)| {
            let filter = AccountFilter { application: row.name.clone(), show, ..AccountFilter::default() };
            let accounts = format!("{} {what}", words::plural(count, "account", "accounts"));
            view! { <li><a href=accounts_address(&filter).to_string()>{accounts}</a><span class="muted">" in "{row.display_name.clone()}</span></li> }
        })
        .collect();
    (!lines.is_empty()).then(|| {
        view! {
            <section class="panel tight" aria-labelledby="undecided-heading">
                <div class="section-head"><h2 id="undecided-heading">"Accounts to decide about"</h2></div>
                <ul class="plain">{lines}</ul>
            </section>
        }
    })
}

/// Where something waits for a reviewer.
fn review(waiting: u64) -> impl IntoView + use<> {
    (waiting > 0).then(|| view! {
        <p class="banner">{icon("hand")}<span><a href="/review">{words::plural(waiting, "order waits", "orders wait")}</a>" for a provisioning review: say yes or no, property by property."</span></p>
    })
}

/// Where something was changed that nobody had ordered.
fn native(waiting: u64) -> impl IntoView + use<> {
    (waiting > 0).then(|| view! {
        <p class="banner">{icon("wrench")}<span><a href="/native-changes?state=open">{words::plural(waiting, "native change waits", "native changes wait")}</a>" for a decision: something was changed in an application itself."</span></p>
    })
}

/// Where somebody holds what a risk speaks against.
fn violations(waiting: u64) -> impl IntoView + use<> {
    (waiting > 0).then(|| view! {
        <p class="banner">{icon("octagon")}<span><a href="/violations?state=open">{words::plural(waiting, "violation waits", "violations wait")}</a>" for a decision: somebody holds what a risk speaks against."</span></p>
    })
}

/// Where somebody is asked whether access stays.
fn certifications(waiting: u64) -> impl IntoView + use<> {
    (waiting > 0).then(|| view! {
        <p class="banner">{icon("key")}<span><a href="/certifications">{words::plural(waiting, "item waits", "items wait")}</a>" for you to say whether the access stays."</span></p>
    })
}

/// Where somebody has to agree to what is asked for.
fn approvals(waiting: u64) -> impl IntoView + use<> {
    (waiting > 0).then(|| view! {
        <p class="banner">{icon("check")}<span><a href="/approvals">{words::plural(waiting, "request waits", "requests wait")}</a>" for your approval: nothing is given before you agree."</span></p>
    })
}

/// Where somebody is asked something.
fn forms(counts: FormCounts) -> impl IntoView + use<> {
    let (waiting, address) = match counts {
        FormCounts { me, .. } if me > 0 => (me, "/forms"),
        counts => (counts.team, "/forms?scope=team"),
    };
    (waiting > 0).then(|| view! {
        <p class="banner">{icon("pencil")}<span><a href=address>{words::plural(waiting, "form waits", "forms wait")}</a>" for your answers: accounts cannot be made without them."</span></p>
    })
}

fn orders(counts: &OrderCounts) -> impl IntoView + use<> {
    let total: u64 = counts.by_state.iter().map(|(_, count)| count).sum();
    (total > 0).then(|| {
        let segments = segments(counts, total);
        view! {
            <section class="panel tight" aria-label="Orders by state">
                <svg class="stacked" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">{segments}</svg>
                {state_choices(&model::view::OrderFilter::default(), counts, false)}
            </section>
        }
    })
}

fn segments(counts: &OrderCounts, total: u64) -> impl IntoView + use<> {
    let mut start = 0;
    let segments = counts.by_state.iter().map(|(state, count)| {
        // At least a hair, or one failed order among ten thousand would not be seen.
        let width = (count * 1000 / total).max(6);
        let x = start;
        start += width;
        let class = match chip::look(*state).0 {
            chip::Tone::Ok => "seg ok",
            chip::Tone::Info => "seg info",
            chip::Tone::Warn => "seg warn",
            chip::Tone::Danger => "seg danger",
            chip::Tone::Manual => "seg manual",
            chip::Tone::Idle => "seg idle",
        };
        view! { <rect class=class x=x.to_string() y="0" width=width.saturating_sub(2).to_string() height="8" /> }
    });
    segments.collect_view()
}

fn work(items: &[WorkItemRow], open: u64, clock: &Clock) -> impl IntoView + use<> {
    let rows = items.iter().map(|item| {
        view! {
            <tr data-row="">
                <td data-label="Person" class="name"><a data-open="" href=format!("/work-items/{}", item.id)>{item.identity_name.clone()}</a></td>
                <td data-label="Do" class="nowrap">{words::operation(item.operation)}<span class="muted">" in "{item.application_name.clone()}</span></td>
                <td data-label="Values" class="wide">{item.summary.clone()}</td>
                <td data-label="Due" class="when">{ago_or_dash(clock, item.due_at)}</td>
            </tr>
        }
    });
    view! {
        <section aria-labelledby="work-heading">
            <div class="section-head"><h2 id="work-heading">"Work items"</h2><span class="count">{words::total(open)}</span><span class="spring"></span><a href="/work-items">"All work items"</a></div>
            {if items.is_empty() {
                empty("Nothing waits for you", Empty::AllDone { text: "Work that people have to do by hand appears here." })
            } else {
                view! { <table class="ledger"><thead><tr><th scope="col">"Person"</th><th scope="col">"Do"</th><th scope="col">"Values"</th><th scope="col">"Due"</th></tr></thead><tbody>{rows.collect_view()}</tbody></table> }.into_any()
            }}
        </section>
    }
}

fn failed(orders: &[OrderRow], clock: &Clock) -> impl IntoView + use<> {
    let rows = orders.iter().map(|order| {
        let why = order.reason.as_ref().map(|reason| words::state_reason(reason).0);
        view! {
            <tr data-row="">
                <td data-label="Person" class="name"><a data-open="" href=format!("/orders/{}", order.id)>{order.identity_name.clone()}</a></td>
                <td data-label="Order" class="nowrap">{words::operation(order.operation)}<span class="muted">" in "{order.application.clone()}</span></td>
                <td data-label="Why" class="wide">{why}</td>
                <td data-label="Since" class="when">{ago(clock, order.changed_at)}</td>
            </tr>
        }
    });
    let address = format!("/orders?state={}", ProvisioningState::Errored.slug());
    (!orders.is_empty()).then(|| view! {
        <section aria-labelledby="failed-heading">
            <div class="section-head"><h2 id="failed-heading">"Failed orders"</h2><span class="spring"></span><a href=address>"All failed orders"</a></div>
            <table class="ledger"><thead><tr><th scope="col">"Person"</th><th scope="col">"Order"</th><th scope="col">"Why"</th><th scope="col">"Since"</th></tr></thead><tbody>{rows.collect_view()}</tbody></table>
        </section>
    })
}

fn runs(runs: &[RunRow], clock: &Clock) -> impl IntoView + use<> {
    let rows = runs.iter().map(|row| {
        let run = &row.run;
        let at = run.started_at.unwrap_or(run.queued_at);
        view! {
            <li data-row="">
                <a data-open="" class="run-line" href=format!("/jobs/runs/{}", run.id)>
                    <span class="run-name">{row.job_label.clone()}</span>
                    {chip::run(run.state)}
                    <span class="cells">{run.tasks.iter().map(|task| cell(task, run.state.is_final())).collect_view()}</span>
                    <span class="subtle">{ago(clock, at)}</span>
                </a>
            </li>
        }
    });
    view! {
        <section aria-labelledby="runs-heading">
            <div class="section-head"><h2 id="runs-heading">"Last runs"</h2><span class="spring"></span><a href="/jobs">"Job execution"</a></div>
            {if runs.is_empty() {
                empty("No run yet", Empty::NeverUsed { text: "A run reads people and applications, decides, and provisions.", action: Some(("Start the complete job", "/jobs")) })
            } else {
                view! { <ul class="run-list">{rows.collect_view()}</ul> }.into_any()
            }}
            <p class="hint">{icon("jobs")}"Each sign is one step of the run."</p>
        </section>
    }
}
