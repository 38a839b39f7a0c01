//! One identity: header card, and tabs for permissions, accounts, orders, timeline, attributes.

use std::sync::Arc;

use leptos::prelude::*;
use model::access::{Grantable, Reason, Why};
use model::account::Account;
use model::error::ApiError;
use model::form::IdentityQuestion;
use model::identity::{Context, FilledGap, GapFilling, Identity, LifecycleState};
use model::indirect::IndirectRow;
use model::page::Counted;
use model::reconciliation::{Origin, ReconciliationFilter};
use model::value::Attributes;
use model::view::{IdentityDetail, IdentityEvent, PermissionRow};

use crate::components::form::{option, suggestions};
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, ago_or_dash, empty, tabs};
use crate::components::timeline::{Entry, timeline};
use crate::components::{chip, explain};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::query::reconciliation_address;
use crate::logic::time::Clock;
use crate::logic::{address, form, words};
use crate::pages::{orders, reconciliation};

use super::life::life;

/// What the page shows below the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Permissions,
    Accounts,
    Orders,
    Timeline,
    Attributes,
}

impl Tab {
    const ALL: [Self; 5] = [Self::Permissions, Self::Accounts, Self::Orders, Self::Timeline, Self::Attributes];

    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|tab| tab.name() == name).unwrap_or(Self::Permissions)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Permissions => "permissions",
            Self::Accounts => "accounts",
            Self::Orders => "orders",
            Self::Timeline => "timeline",
            Self::Attributes => "attributes",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Permissions => "View permissions",
            Self::Accounts => "Accounts",
            Self::Orders => "Orders",
            Self::Timeline => "Timeline",
            Self::Attributes => "Attributes",
        }
    }
}

/// The question "why, or why not", its answer, and what can be asked about.
pub struct Asking {
    /// None for anything of the name.
    pub kind: Option<String>,
    pub name: String,
    pub answer: Option<Result<Why, ApiError>>,
    /// Everything that can be asked about, with what people call it.
    pub known: Arc<[(Grantable, String)]>,
}

pub fn identity_sheet(detail: &IdentityDetail, tab: Tab, asking: &Asking, rights: &Rights, clock: &Clock) -> Sheet {
    let identity = &detail.identity;
    let count = |tab| match tab {
        Tab::Permissions => Some(detail.permissions.len() as u64),
        Tab::Accounts => Some(detail.accounts.len() as u64),
        Tab::Orders => Some(detail.orders.len() as u64),
        Tab::Timeline | Tab::Attributes => None,
    };
    let links = Tab::ALL.map(|other| {
        (
            other.label().to_owned(),
            format!("/identities/{}?tab={}", identity.id, other.name()),
            count(other).map(Counted::from),
            other == tab,
        )
    });
    let content = match tab {
        Tab::Permissions => permissions(detail, asking, clock).into_any(),
        Tab::Accounts => accounts(&detail.accounts, clock),
        Tab::Orders if detail.orders.is_empty() => empty(
            "No orders",
            Empty::NeverUsed { text: "Nothing has been changed for this person so far.", action: None },
        ),
        Tab::Orders => orders::table(&detail.orders, false, clock).into_any(),
        Tab::Timeline => happened(&detail.events, clock),
        Tab::Attributes => attributes(identity).into_any(),
    };
    let body = view! {
        {header(detail)}
        {detail.life.as_deref().map(life)}
        {questions(&detail.questions, clock)}
        {requests(detail, rights)}
        {tabs("Parts of this identity", links.into())}
        {content}
    };
    Sheet { section: Section::Identities, title: identity.display_name.clone(), body: body.into_any() }
}

/// What accounts of this person wait for, and what people have answered.
fn questions(questions: &[IdentityQuestion], clock: &Clock) -> impl IntoView + use<> {
    let (given, open): (Vec<_>, Vec<_>) = questions.iter().partition(|question| question.answer.is_some());
    let waits = open.iter().map(|question| {
        let link = question.form.map(|form| format!("/forms/{form}"));
        let due = question.due_at.map(|at| view! { <span class="subtle">", wanted "{ago(clock, at)}</span> });
        view! { <li><a href=link>{question.label.clone()}</a>" from "{question.owner_name.clone()}{due}</li> }
    });
    let waits = (!open.is_empty()).then(|| view! {
        <div class="banner warn">{icon("hand")}<div><p>"Accounts wait for an answer:"</p><ul>{waits.collect_view()}</ul></div></div>
    });
    let answers = given.iter().filter_map(|question| question.answer.as_ref().map(|answer| {
        let by = form::by(Some(question.owner_name.as_str()).filter(|name| !name.is_empty()));
        view! { <li>{question.label.clone()}": "<strong>{form::value(&answer.value)}</strong><span class="subtle">{format!(" {by}, ")}{ago(clock, answer.at)}</span></li> }
    }));
    let answers = (!given.is_empty()).then(|| view! {
        <details class="panel tight"><summary>{words::plural(given.len() as u64, "answer", "answers")}" by people"</summary><ul class="plain">{answers.collect_view()}</ul></details>
    });
    view! { {waits}{answers} }
}

fn header(detail: &IdentityDetail) -> impl IntoView + use<> {
    let identity = &detail.identity;
    let initials: String =
        identity.display_name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    let value = |name: &str| {
        let contexts = identity.contexts.iter().rev().find_map(|context| context.attributes.get(name));
        contexts.or_else(|| identity.attributes.get(name)).map(ToString::to_string)
    };
    let place: Vec<String> = ["title", "department", "site"].into_iter().filter_map(value).collect();
    let manager = detail.manager.as_ref().map(|(id, name)| {
        view! { <span>"reports to "<a href=format!("/identities/{id}")>{name.clone()}</a></span> }
    });
    let reports = (!detail.reports.is_empty()).then(|| {
        let people = detail.reports.iter().map(|(id, name)| view! { <li><a href=format!("/identities/{id}")>{name.clone()}</a></li> });
        view! {
            <details class="disclose">
                <summary>{words::plural(detail.reports.len() as u64, "person reports", "people report")}" to them"</summary>
                <ul class="plain names">{people.collect_view()}</ul>
            </details>
        }
    });
    view! {
        <header class="page-head identity-head">
            <span class="avatar big" aria-hidden="true">{initials}</span>
            <div>
                <h1>{identity.display_name.clone()}</h1>
                <p>{place.join(" · ")}</p>
                <div class="head-state">
                    {chip::lifecycle(detail.lifecycle)}
                    <span class="mono subtle">{identity.key.clone()}</span>
                    <span class="subtle">"from "{identity.source.clone()}</span>
                    {manager}{reports}
                </div>
            </div>
        </header>
    }
}

/// The ways to what is asked for beside the rules.
fn requests(detail: &IdentityDetail, rights: &Rights) -> impl IntoView + use<> {
    let id = detail.identity.id;
    let may_ask = rights.may(engine::requests::SUBMIT) && detail.lifecycle != LifecycleState::Leaver;
    let ask = may_ask.then(|| {
        view! { <a class="button" href=format!("/requests/new?identity={id}")>{icon("plus")}"Change access by hand"</a> }
    });
    let list = rights.may(engine::requests::VIEW).then(
        || view! { <a class="button quiet" href=format!("/requests?identity={id}")>"Requests for this person"</a> },
    );
    (ask.is_some() || list.is_some()).then(|| view! { <div class="actions">{ask}{list}</div> })
}

fn permissions(detail: &IdentityDetail, asking: &Asking, clock: &Clock) -> impl IntoView + use<> {
    let name = &detail.identity.display_name;
    let page = format!("/identities/{}", detail.identity.id);
    let answer = asking.answer.as_ref().map(|answer| match answer {
        Ok(Why::Explained(explanation)) => explain::explanation(explanation, name).into_any(),
        Ok(Why::Several(several)) => explain::several(&asking.name, several, &page).into_any(),
        Ok(Why::Unknown(near)) => explain::unknown(asking.kind.as_deref(), &asking.name, near, &page).into_any(),
        Err(error) => view! { <p class="banner warn" role="status">{error.message.clone()}</p> }.into_any(),
    });
    let nothing = detail.permissions.is_empty().then(|| {
        empty(
            "Holds nothing",
            Empty::NeverUsed { text: "No rule gives this person anything. Ask below why not.", action: None },
        )
    });
    view! {
        {question(detail, asking)}
        {answer}
        {unexplained(detail, clock)}
        {indirect(&detail.indirect)}
        {nothing}
        {groups(&detail.permissions).into_iter().map(|(heading, shape, rows)| group(heading, shape, &rows, clock)).collect_view()}
    }
}

/// What is held and nothing grants, and what people decided about such things.
fn unexplained(detail: &IdentityDetail, clock: &Clock) -> impl IntoView + use<> {
    let count = detail.findings.len() + detail.reconciled.len();
    let found = detail.findings.iter().map(|finding| {
        let account = finding.called.clone().unwrap_or_else(|| finding.account_key.clone());
        let origin = if finding.pre_existing { Origin::PreExisting } else { Origin::NonConforming };
        let outlook = finding.outlook.as_ref().map(reconciliation::outlook);
        view! {
            <li><strong>{finding.label.clone()}</strong>" in "{finding.application_name.clone()}<span class="muted">{format!(", account {account}: {}, known ", origin.label().to_lowercase())}{ago(clock, finding.since)}</span>" "{outlook}</li>
        }
    });
    let found = found.collect_view();
    let decided =
        detail.reconciled.iter().map(|row| view! { <li>{reconciliation::decided(row, clock)}</li> }).collect_view();
    let address = reconciliation_address(&ReconciliationFilter {
        identity: Some(detail.identity.id),
        ..ReconciliationFilter::default()
    });
    (count > 0).then(|| {
        view! {
            <section class="panel">
                <div class="section-head"><h2>{icon("double-check")}"Nothing grants it"</h2><span class="count">{count.to_string()}</span><span class="spring"></span><a href=address.to_string()>"Reconciliation"</a></div>
                <ul class="plain">{found}{decided}</ul>
            </section>
        }
    })
}

/// What comes with what is held, by indirect rules.
fn indirect(rows: &[IndirectRow]) -> impl IntoView + use<> {
    let lines = rows.iter().map(|row| {
        view! {
            <li data-row=""><strong>{row.label.clone()}</strong>" in "{row.application.clone()}<span class="muted">{format!(", {}", row.said())}</span></li>
        }
    });
    (!rows.is_empty()).then(|| {
        view! {
            <section class="panel">
                <div class="section-head"><h2>{icon("key")}"Held indirectly"</h2><span class="count">{rows.len().to_string()}</span></div>
                <p class="hint">"It comes and goes with what leads to it. Nobody approves, certifies or takes away it alone."</p>
                <ul class="plain">{lines.collect_view()}</ul>
            </section>
        }
    })
}

/// Roles, access profiles, account types, then entitlements by application.
fn groups(permissions: &[PermissionRow]) -> Vec<(String, &'static str, Vec<&PermissionRow>)> {
    let mut groups: Vec<((u8, String), &'static str, Vec<&PermissionRow>)> = Vec::new();
    for row in permissions {
        let key = match &row.grantable {
            Grantable::Role(_) => (0, "Roles".to_owned()),
            Grantable::AccessProfile(_) => (1, "Access profiles".to_owned()),
            Grantable::AccountType(_) => (2, "Accounts".to_owned()),
            Grantable::Entitlement(_) => {
                let application = row.application.as_deref().unwrap_or("no application");
                (3, format!("Entitlements in {application}"))
            }
        };
        match groups.iter_mut().find(|(found, ..)| *found == key) {
            Some((_, _, rows)) => rows.push(row),
            None => groups.push((key, explain::shape(&row.grantable), vec![row])),
        }
    }
    groups.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    groups.into_iter().map(|((_, heading), shape, rows)| (heading, shape, rows)).collect()
}

fn group(heading: String, shape: &'static str, rows: &[&PermissionRow], clock: &Clock) -> impl IntoView + use<> {
    let count = rows.len();
    let rows = rows.iter().map(|row| permission(row, clock));
    view! {
        <section class="permissions">
            <div class="section-head"><h2>{icon(shape)}{heading}</h2><span class="count">{count.to_string()}</span></div>
            <ul class="grants">{rows.collect_view()}</ul>
        </section>
    }
}

fn permission(row: &PermissionRow, clock: &Clock) -> impl IntoView + use<> {
    let state = match row.state {
        Some(state) => chip::provisioning(state, row.state_reason.as_ref()).into_any(),
        None => chip::chip(chip::Tone::Idle, "check", row.workflow_state.label(), String::new()).into_any(),
    };
    let order = row.order.map(|order| view! { <a href=format!("/orders/{order}")>{format!("Order {order}")}</a> });
    let short = match row.reasons.as_slice() {
        [] => "no rule".to_owned(),
        [Reason { grant: Some(origin), .. }] => format!("request {}", origin.request),
        [reason] => format!("rule {}", reason.rule),
        several => format!("{} ways", several.len()),
    };
    let name = (row.display_name != row.grantable.name())
        .then(|| view! { <span class="mono subtle">{row.grantable.name().to_owned()}</span> });
    view! {
        <li data-row="">
            <details>
                <summary>
                    {icon("right")}
                    <span class="grant-name">{row.display_name.clone()}" "{name}</span>
                    {state}
                    <span class="grant-why muted">{short}</span>
                    <span class="grant-period muted">{words::period(&row.period)}</span>
                    <span class="grant-since subtle">"since "{ago(clock, row.since)}</span>
                </summary>
                <div class="grant-more">
                    {explain::reasons(&row.reasons, &row.display_name)}
                    <p class="hint">{row.workflow_state.label()}{order.map(|order| view! { " · "{order} })}</p>
                </div>
            </details>
        </li>
    }
}

fn question(detail: &IdentityDetail, asking: &Asking) -> impl IntoView + use<> {
    let kinds = [
        ("", "thing"),
        ("entitlement", "entitlement"),
        ("role", "role"),
        ("access_profile", "access profile"),
        ("account_type", "account type"),
    ]
    .map(|(value, label)| {
        option(value.to_owned(), label.to_owned(), value == asking.kind.as_deref().unwrap_or_default())
    });
    let known = asking.known.iter();
    let known = known.map(|(thing, label)| (thing.name().to_owned(), format!("{label} ({})", words::kind(thing))));
    view! {
        <form class="filters ask" action=format!("/identities/{}", detail.identity.id) aria-label="Why, or why not">
            <span class="ask-label">"Why, or why not, the"</span>
            <select name="kind" aria-label="Kind">{kinds}</select>
            <input name="name" list="known" required value=asking.name.clone() placeholder="name" aria-label="Name" autocomplete="off" />
            {suggestions("known", known)}
            <button class="button">"Explain"</button>
        </form>
    }
}

fn accounts(accounts: &[Account], clock: &Clock) -> AnyView {
    if accounts.is_empty() {
        return empty(
            "No accounts",
            Empty::NeverUsed { text: "This person has no account in any application.", action: None },
        );
    }
    let cards = accounts.iter().map(|account| {
        let entitlements = account.entitlements.iter().map(|key| view! { <li class="mono">{key.clone()}</li> });
        let held = (!account.entitlements.is_empty()).then(|| {
            view! { <details class="why-item"><summary>{words::plural(account.entitlements.len() as u64, "entitlement", "entitlements")}</summary><ul class="plain">{entitlements.collect_view()}</ul></details> }
        });
        view! {
            <section class="panel">
                <div class="section-head">
                    <h2><a href=address::application(&account.application)>{account.application.clone()}</a></h2>
                    <span class="muted">{account.account_type.clone()}</span>{chip::account(account.status)}
                    <span class="spring"></span><span class="subtle">"read "{ago_or_dash(clock, account.observed_at)}</span>
                </div>
                <p><span class="mono">{account.key.clone()}</span><span class="muted">" · "{words::provenance(account.provenance)}</span></p>
                {pairs(&account.attributes)}
                {held}
            </section>
        }
    });
    cards.collect_view().into_any()
}

fn happened(events: &[IdentityEvent], clock: &Clock) -> AnyView {
    if events.is_empty() {
        return empty(
            "Nothing yet",
            Empty::NeverUsed { text: "What happens to this person is written down here.", action: None },
        );
    }
    let entries = events.iter().map(|event| {
        let order =
            event.order.map(|order| view! { <a href=format!("/orders/{order}")>{format!("Order {order}")}</a>" " });
        let run = event.run.map(|run| view! { <a href=format!("/jobs/runs/{run}")>{format!("Run {run}")}</a> });
        Entry {
            when: ago(clock, event.at).into_any(),
            sign: ().into_any(),
            what: event.message.clone().into_any(),
            more: Some(view! { {order}{run}<span class="subtle">" "{clock.minute(event.at)}</span> }.into_any()),
        }
    });
    timeline("Timeline", entries.collect()).into_any()
}

fn attributes(identity: &Identity) -> impl IntoView + use<> {
    let contexts = identity.contexts.iter().map(context).collect_view();
    view! {
        <section class="panel">
            <div class="section-head"><h2>"Always"</h2></div>
            {pairs(&identity.attributes)}
        </section>
        {contexts}
    }
}

fn context(context: &Context) -> impl IntoView + use<> {
    let filled = context.filled.iter().map(gap).collect_view();
    view! {
        <section class="panel">
            <div class="section-head">
                <h2>"Context "<span class="mono">{context.key.clone()}</span></h2>
                <span class="muted">{words::period(&context.period)}</span>
                <span class="subtle">{format!("priority {}", context.priority)}</span>
            </div>
            {pairs(&context.attributes)}
            {filled}
        </section>
    }
}

/// Which gap is filled, by what, and for how long.
fn gap(gap: &FilledGap) -> impl IntoView + use<> {
    let goes = match gap.how {
        GapFilling::Extended => "goes on over a gap",
        GapFilling::Anticipated => "counts already, before it begins",
    };
    view! { <p class="hint">{gap.section.clone()}" "<span class="mono">{gap.record.clone()}</span>" "{goes}", "{words::period(&gap.period)}"."</p> }
}

fn pairs(attributes: &Attributes) -> impl IntoView + use<> {
    let rows = attributes
        .iter()
        .map(|(name, value)| view! { <div><dt>{words::attribute(name)}</dt><dd>{value.to_string()}</dd></div> });
    view! { <dl class="pairs wide">{rows.collect_view()}</dl> }
}
