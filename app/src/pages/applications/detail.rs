//! One application: health, connection, account types, entitlements, accounts, schema.

use leptos::prelude::*;
use model::agent::AgentLink;
use model::error::ApiError;
use model::page::Counted;
use model::page::Page;
use model::view::{
    AccountFilter, AccountRow, AccountTypeView, ApplicationDetail, ApplicationSchema, EntitlementRow, LimitView,
    OrderCounts, OrderFilter, PauseCause,
};

use crate::components::form;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, ago_or_dash, empty, tabs};
use crate::frame::{Rights, Section, Sheet, allowed};
use crate::logic::address;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::integrations;
use crate::pages::orders::state_choices;

use super::accounts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Overview,
    AccountTypes,
    Entitlements,
    Accounts,
    Schema,
}

impl Tab {
    const ALL: [Self; 5] = [Self::Overview, Self::AccountTypes, Self::Entitlements, Self::Accounts, Self::Schema];

    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|tab| tab.name() == name).unwrap_or(Self::Overview)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::AccountTypes => "account-types",
            Self::Entitlements => "entitlements",
            Self::Accounts => "accounts",
            Self::Schema => "schema",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::AccountTypes => "Account types",
            Self::Entitlements => "Entitlements",
            Self::Accounts => "Accounts",
            Self::Schema => "Schema",
        }
    }
}

/// What the chosen tab shows.
pub enum TabContent {
    Overview,
    AccountTypes,
    Entitlements,
    Accounts(Page<AccountRow>, AccountFilter),
    /// Asked of the application itself, which may not answer.
    Schema(Result<ApplicationSchema, ApiError>),
}

impl TabContent {
    fn tab(&self) -> Tab {
        match self {
            Self::Overview => Tab::Overview,
            Self::AccountTypes => Tab::AccountTypes,
            Self::Entitlements => Tab::Entitlements,
            Self::Accounts(..) => Tab::Accounts,
            Self::Schema(_) => Tab::Schema,
        }
    }
}

pub fn application_sheet(detail: &ApplicationDetail, content: TabContent, rights: &Rights, clock: &Clock) -> Sheet {
    let row = &detail.row;
    let page = address::application(&row.name);
    let tab = content.tab();
    let count = |tab| match tab {
        Tab::AccountTypes => Some(detail.account_types.len() as u64),
        Tab::Entitlements => Some(detail.entitlements.len() as u64),
        Tab::Accounts => Some(row.accounts),
        Tab::Overview | Tab::Schema => None,
    };
    let links = Tab::ALL.map(|other| {
        (
            other.label().to_owned(),
            format!("{page}?tab={}", other.name()),
            count(other).map(Counted::from),
            other == tab,
        )
    });
    let test = match rights.may("/Applications/Test") {
        true => view! {
            <form method="post" action="/api/pages/applications/test">
                <input type="hidden" name="name" value=row.name.clone() />
                <button class="button primary">{icon("plug")}"Test the connection"</button>
            </form>
        }
        .into_any(),
        false => form::refused("Testing the connection", "/Applications/Test").into_any(),
    };
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>{row.display_name.clone()}{row.demo.then(|| view! { " "<span class="tag">"demo"</span> })}</h1>
                    {detail.description.clone().map(|text| view! { <p class="muted">{text}</p> })}
                    <div class="head-state">{super::health(row)}<span class="muted">{words::mechanism(row.mechanism)}</span><span class="subtle">"read "{ago_or_dash(clock, row.last_synchronized_at)}</span></div>
                </div>
                <div class="actions">{test}</div>
            </div>
        </header>
        {row.pause.as_ref().map(|pause| paused(&row.name, pause, rights, clock))}
        {row.trouble.clone().filter(|_| row.pause.is_none()).map(|trouble| view! { <div class="banner danger">{icon("octagon")}<div><p>{trouble}</p>{detail.read_by.is_none().then(|| view! { <p>"Orders wait until it answers again."</p> })}</div></div> })}
        {detail.read_by.as_ref().map(|agent| read_by(agent, rights, clock))}
        {tabs("Parts of this application", links.into())}
        {match content {
            TabContent::Overview => overview(detail).into_any(),
            TabContent::AccountTypes => detail.account_types.iter().map(account_type).collect_view().into_any(),
            TabContent::Entitlements => entitlements(&detail.entitlements),
            TabContent::Accounts(rows, filter) => accounts::accounts(detail, rows, &filter, rights, clock).into_any(),
            TabContent::Schema(schema) => schema_table(schema),
        }}
    };
    Sheet { section: Section::Applications, title: row.display_name.clone(), body: body.into_any() }
}

/// Who reads it, where it is not read from here.
fn read_by(agent: &AgentLink, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let name = match rights.may("/Agents/View") {
        true => view! { <a href="/agents">{agent.display_name.clone()}</a> }.into_any(),
        false => view! { <strong>{agent.display_name.clone()}</strong> }.into_any(),
    };
    let heard = match agent.heard_at {
        Some(at) => view! { "last heard of "{ago(clock, at)} }.into_any(),
        None => "never heard of so far".into_any(),
    };
    view! {
        <div class="banner">
            {icon("plug")}
            <div>
                <p>"Read by the agent "{name}", "{heard}"."</p>
                <p>"Nothing is written through this connection: integrations, a proxy or people carry out what is ordered."</p>
            </div>
        </div>
    }
}

/// Why nothing is sent, since when, and the ways out.
pub(crate) fn paused(name: &str, pause: &PauseCause, rights: &Rights, clock: &Clock) -> AnyView {
    match pause {
        PauseCause::Maintenance { until } => view! {
            <div class="banner">{icon("clock")}<div><p>"It is in a maintenance window, which ends "{ago(clock, *until)}". Its orders wait and go out by themselves."</p></div></div>
        }
        .into_any(),
        PauseCause::Quarantine { since, probe_at, probes, message } => {
            let probe = form::named_action("/api/pages/applications/probe", name, "Try now", "play");
            let release = form::named_action("/api/pages/applications/release", name, "Send anyway", "arrow");
            view! {
                <div class="banner danger">
                    {icon("plug")}
                    <div>
                        <p><strong>"It does not answer"</strong>" since "{ago(clock, *since)}". Its orders wait; nothing is lost, and it is not switched off."</p>
                        <p>{message.clone()}</p>
                        <p class="muted">{format!("Tried {} since; next ", words::plural(u64::from(*probes), "time", "times"))}{ago(clock, *probe_at)}"."</p>
                        <div class="actions">
                            {allowed(rights, "/Applications/Probe", "Trying", probe)}
                            {allowed(rights, "/Applications/Release", "Sending anyway", release)}
                        </div>
                    </div>
                </div>
            }
            .into_any()
        }
    }
}

fn overview(detail: &ApplicationDetail) -> impl IntoView + use<> {
    let filter = OrderFilter { application: Some(detail.row.name.clone()), ..OrderFilter::default() };
    let counts = detail.last_synchronization.iter().map(|(name, count)| {
        view! { <div><dt>{words::attribute(name)}</dt><dd>{words::number(*count)}</dd></div> }
    });
    let carries = (!detail.carries.is_empty()).then(|| {
        view! {
            <section class="panel" aria-labelledby="carries-heading">
                <h2 id="carries-heading">"Carries out for others"</h2>
                {integrations::carries(&detail.carries)}
            </section>
        }
    });
    view! {
        <section class="panel" aria-labelledby="routes-heading">
            <h2 id="routes-heading">"Who carries out what"</h2>
            {integrations::routes(&detail.routes)}
        </section>
        {carries}
        <div class="columns even">
            {connection(&detail.settings, match detail.read_by {
                Some(_) => "Where it lies and with which credentials it is read says the agent\u{2019}s own file; it is not known here.",
                None => "Secrets are kept encrypted and never shown.",
            })}
            <section class="panel">
                <h2>"Last synchronization"</h2>
                {if detail.last_synchronization.is_empty() {
                    view! { <p class="muted">"It has not been synchronized yet."</p> }.into_any()
                } else {
                    view! { <dl class="counts">{counts.collect_view()}</dl> }.into_any()
                }}
                <h2>"Accounts"</h2>
                {accounts::counts(&detail.row)}
                {limits(&detail.limits, "Thresholds over all account types")}
                {orders(&filter, &detail.orders)}
            </section>
        </div>
    }
}

/// How it is reached, of an application or integration.
pub(crate) fn connection(settings: &[(String, String)], hint: &'static str) -> impl IntoView + use<> {
    let settings = settings.iter().map(
        |(name, value)| view! { <div><dt>{words::attribute(name)}</dt><dd class="mono">{value.clone()}</dd></div> },
    );
    view! {
        <section class="panel">
            <h2>"Connection"</h2>
            <dl class="pairs">{settings.collect_view()}</dl>
            <p class="hint">{hint}</p>
        </section>
    }
}

/// Its orders by state.
pub(crate) fn orders(filter: &OrderFilter, counts: &OrderCounts) -> impl IntoView + use<> {
    let by_state = match counts.by_state.is_empty() {
        true => view! { <p class="muted">"No orders so far."</p> }.into_any(),
        false => state_choices(filter, counts, true).into_any(),
    };
    view! { <h2>"Orders"</h2>{by_state} }
}

/// Thresholds in force, with what of them is used up within the hour.
fn limits(limits: &[LimitView], heading: &'static str) -> impl IntoView + use<> {
    let rows = limits.iter().map(|limit| {
        let remark = if limit.is_configured { "" } else { "default" };
        view! {
            <tr>
                <td data-label="What" class="name">{words::attribute(&limit.what)}</td>
                <td data-label="Limit" class="wide">{limit.limit.clone()}" "<span class="subtle">{remark}</span></td>
                <td data-label="Used within the hour" class="number">{words::number(limit.used)}</td>
            </tr>
        }
    });
    (!limits.is_empty()).then(|| view! {
        <h3>{heading}</h3>
        <table class="ledger">
            <thead><tr><th scope="col">"What"</th><th scope="col">"Limit"</th><th scope="col" class="number">"Used within the hour"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    })
}

fn account_type(account_type: &AccountTypeView) -> impl IntoView + use<> {
    let attributes = account_type.attributes.iter().map(|(name, source, remarks)| {
        view! {
            <tr>
                <td data-label="Attribute" class="name mono">{name.clone()}</td>
                <td data-label="Value" class="wide"><code>{source.clone()}</code></td>
                <td data-label="Remarks" class="muted">{remarks.clone()}</td>
            </tr>
        }
    });
    let correlation = account_type.correlation.iter().map(|rule| view! { <li><code>{rule.clone()}</code></li> });
    let classification = account_type.classification.iter().map(|rule| view! { <li><code>{rule.clone()}</code></li> });
    let review = if account_type.review { "reviewed by a person before it is sent" } else { "sent without review" };
    view! {
        <section class="panel">
            <div class="section-head"><h2>{account_type.display_name.clone()}</h2><span class="mono subtle">{account_type.name.clone()}</span></div>
            <p class="muted">{format!("When nothing grants it any more: {}. Changes are {review}.", account_type.on_removal)}</p>
            {(!account_type.depends_on.is_empty()).then(|| view! { <p class="muted">{format!("Needs first: {}.", account_type.depends_on.join(", "))}</p> })}
            {(!account_type.takes_from.is_empty()).then(|| view! { <p class="muted">{format!("Takes values from the same person's: {}. It comes after them, and goes before them.", account_type.takes_from.join(", "))}</p> })}
            <table class="ledger">
                <thead><tr><th scope="col">"Attribute"</th><th scope="col">"Value at creation"</th><th scope="col">"Remarks"</th></tr></thead>
                <tbody>{attributes.collect_view()}</tbody>
            </table>
            {(!account_type.classification.is_empty()).then(|| view! { <h3>"An account that is found is of this type where"</h3><ul class="plain">{classification.collect_view()}</ul> })}
            {(!account_type.correlation.is_empty()).then(|| view! { <h3>"An account belongs to the identity where"</h3><ul class="plain">{correlation.collect_view()}</ul> })}
            {limits(&account_type.limits, "Thresholds")}
        </section>
    }
}

fn entitlements(rows: &[EntitlementRow]) -> AnyView {
    if rows.is_empty() {
        return empty(
            "No entitlements",
            Empty::NeverUsed {
                text: "They appear when the application has been collected.",
                action: Some(("Job execution", "/jobs")),
            },
        );
    }
    let rows = rows.iter().map(|row| {
        let name = match &row.name {
            Some(name) => view! { <span class="mono">{name.clone()}</span> }.into_any(),
            None => view! { <span class="subtle">"nothing grants it"</span> }.into_any(),
        };
        view! {
            <tr>
                <td data-label="Entitlement" class="name">{row.display_name.clone()}</td>
                <td data-label="Name in the configuration">{name}</td>
                <td data-label="Key" class="mono wide subtle">{row.key.clone()}</td>
                <td data-label="Holders" class="number">{words::total(row.holders)}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Entitlement"</th><th scope="col">"Name in the configuration"</th><th scope="col">"Key"</th><th scope="col" class="number">"Holders"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn schema_table(schema: Result<ApplicationSchema, ApiError>) -> AnyView {
    let schema = match schema {
        Ok(schema) => schema,
        Err(error) => {
            return view! { <div class="banner warn">{icon("octagon")}<p>{error.message}</p></div> }.into_any();
        }
    };
    if schema.attributes.is_empty() {
        return empty(
            "No schema",
            Empty::NeverUsed {
                text: "This application does not say which attributes its accounts have.",
                action: None,
            },
        );
    }
    let rows = schema.attributes.into_iter().map(|attribute| {
        let remarks = [(attribute.required, "required"), (attribute.unique, "unique"), (attribute.read_only, "read only")];
        let remarks: Vec<&str> = remarks.into_iter().filter(|(holds, _)| *holds).map(|(_, remark)| remark).collect();
        view! { <tr><td data-label="Attribute" class="mono name">{attribute.name}</td><td data-label="Kind">{attribute.kind}</td><td data-label="Remarks" class="muted wide">{remarks.join(", ")}</td></tr> }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Attribute"</th><th scope="col">"Kind"</th><th scope="col">"Remarks"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}
