//! What is broken or stuck, in groups with one cause each, and all that can be done about it: test and try the
//! application, act on the whole group, read back what is done. Nobody has to leave the page for it.

use leptos::prelude::*;
use model::order::{Action, StateReason, Trouble};
use model::restoration::RestoredView;
use model::view::{CarrierPause, OrderFilter, OrderGroup, PauseCause, Triage};

use super::bulk::shape;
use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::Rights;
use crate::logic::query::orders_address;
use crate::logic::time::Clock;
use crate::logic::{address, words};

/// Where forms on this page come back to.
fn back(filter: &OrderFilter) -> String {
    orders_address(&OrderFilter { after: None, ..filter.clone() }).to_string()
}

pub(super) fn section(triage: &Triage, filter: &OrderFilter, rights: &Rights, clock: &Clock) -> AnyView {
    if triage.groups.is_empty()
        && triage.unconfirmed.is_empty()
        && triage.paused.is_empty()
        && triage.restored.is_none()
    {
        return view! { <p class="all-well">{icon("double-check")}"Nothing is broken or stuck."</p> }.into_any();
    }
    let back = back(filter);
    let broken: u64 = triage.groups.iter().map(|group| group.orders).sum();
    let pauses = triage.paused.iter().map(|pause| paused(pause, &back, rights, clock)).collect_view();
    let groups = triage.groups.iter().map(|group| row(group, filter, &back, rights, clock)).collect_view();
    view! {
        <section class="triage" aria-labelledby="triage-heading">
            <div class="section-head"><h2 id="triage-heading">"Needs a look"</h2>{(broken > 0).then(|| view! { <span class="count">{words::total(broken)}</span> })}</div>
            {triage.restored.as_ref().map(|standing| restored(standing, rights, clock))}
            {pauses}
            {(!triage.groups.is_empty()).then(|| view! { <ul class="groups">{groups}</ul> })}
            {unconfirmed(&triage.unconfirmed, &back, rights)}
        </section>
    }
    .into_any()
}

/// A database that was put back: what to do first, and then the way out.
fn restored(standing: &RestoredView, rights: &Rights, clock: &Clock) -> AnyView {
    let when = standing.taken_at.map(|at| view! { " to how it was "{ago(clock, at)} });
    let next = match (standing.missing(), rights.may("/Applications/Release")) {
        (None, true) => view! {
            <p>{format!("Everything was read and planned anew; {} to be sent. Look at them, and at what came of the last runs, first.", words::plural(standing.waiting, "order waits", "orders wait"))}</p>
            <div class="actions">
                <form method="post" action="/api/pages/orders/end-restoration"><button class="button">{icon("arrow")}"Send again"</button></form>
            </div>
        }
        .into_any(),
        (None, false) => view! { <p>"Everything was read and planned anew. Somebody whose profile includes "<code>"/Applications/Release"</code>" lets orders and mails go out again."</p> }.into_any(),
        (Some(missing), _) => view! { <p>{missing}" Run the job "<a href="/jobs">"complete"</a>", which reads everything and orders what differs; it sends nothing."</p> }.into_any(),
    };
    view! {
        <div class="banner danger">
            {icon("clock")}
            <div>
                <p><strong>"This database was put back"</strong>{when}". What was sent since is unknown to it, so no order and no mail goes out."</p>
                {next}
            </div>
        </div>
    }
    .into_any()
}

/// An application or integration to which nothing is sent, and the two ways out.
fn paused(pause: &CarrierPause, back: &str, rights: &Rights, clock: &Clock) -> AnyView {
    let page = address::carrier(&pause.carrier, pause.is_integration);
    let link = view! { <a href=page>{pause.carrier_name.clone()}</a> };
    match &pause.cause {
        PauseCause::Maintenance { until } => view! {
            <div class="banner">{icon("clock")}<div><p>{link}" is in a maintenance window, which ends "{ago(clock, *until)}". Its orders wait and go out by themselves."</p></div></div>
        }
        .into_any(),
        PauseCause::Quarantine { since, probe_at, probes, message } => view! {
            <div class="banner danger">
                {icon("plug")}
                <div>
                    <p><strong>{link}" does not answer"</strong>" since "{ago(clock, *since)}". Its orders wait; nothing is lost, and it is not switched off."</p>
                    <p class="wrap">{message.clone()}</p>
                    <p class="muted">{format!("Tried {} since; next ", words::plural(u64::from(*probes), "time", "times"))}{ago(clock, *probe_at)}"."</p>
                    <div class="actions">
                        {test(&pause.carrier, back, rights)}
                        {on_application("/api/pages/applications/probe", "/Applications/Probe", &pause.carrier, back, "Try now", "play", rights)}
                        {on_application("/api/pages/applications/release", "/Applications/Release", &pause.carrier, back, "Send anyway", "arrow", rights)}
                    </div>
                </div>
            </div>
        }
        .into_any(),
    }
}

fn test(application: &str, back: &str, rights: &Rights) -> Option<AnyView> {
    on_application(
        "/api/pages/applications/test",
        "/Applications/Test",
        application,
        back,
        "Test the connection",
        "plug",
        rights,
    )
}

fn on_application(
    path: &'static str,
    permission: &str,
    application: &str,
    back: &str,
    label: &'static str,
    shape: &'static str,
    rights: &Rights,
) -> Option<AnyView> {
    rights.may(permission).then(|| {
        view! {
            <form method="post" action=path>
                <input type="hidden" name="name" value=application.to_owned() />
                <input type="hidden" name="return_to" value=back.to_owned() />
                <button class="button">{icon(shape)}{label}</button>
            </form>
        }
        .into_any()
    })
}

fn row(group: &OrderGroup, filter: &OrderFilter, back: &str, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let (what, fix) = said(group);
    let is_shown = filter.fingerprint.as_deref() == Some(&group.fingerprint) && filter.trouble == Some(group.trouble);
    let only = OrderFilter {
        application: Some(group.application.clone()),
        trouble: Some(group.trouble),
        fingerprint: Some(group.fingerprint.clone()),
        ..OrderFilter::default()
    };
    let show = orders_address(&only);
    let actions = actions(group.trouble)
        .iter()
        .filter(|action| rights.may("/Orders/Bulk") && rights.may(action.permission()))
        .map(|action| {
            let address = show.clone().with("act", Some(action.name())).to_string();
            let label = if group.trouble == Trouble::InDoubt && *action == Action::Retry {
                "Read back now"
            } else {
                words::action(*action)
            };
            view! { <a class="button" href=address>{icon(shape(*action))}{label}</a> }
        })
        .collect_view();
    let next = group
        .next_attempt_at
        .filter(|_| matches!(group.trouble, Trouble::RetryWait | Trouble::InDoubt))
        .map(|at| view! { <div><dt>"Next try"</dt><dd>{ago(clock, at)}</dd></div> });
    let tests = matches!(
        group.trouble,
        Trouble::Failed
            | Trouble::SetAside
            | Trouble::RetryWait
            | Trouble::InDoubt
            | Trouble::TimedOut
            | Trouble::Drifted
    );
    let orders = words::plural(group.orders, "order", "orders");
    let list = show.to_string();
    view! {
        <li class=if is_shown { "group shown" } else { "group" }>
            <div class="group-head">
                {chip::trouble(group.trouble)}
                <a class="group-count" href=list aria-current=is_shown.then_some("true")>{orders}</a>
                <span class="muted">"of "{words::plural(group.people, "person", "people")}" in "<a href=address::application(&group.application)>{group.application_name.clone()}</a></span>
            </div>
            <p class="group-what">{what}</p>
            <dl class="counts">
                <div><dt>"Since"</dt><dd>{ago(clock, group.since)}</dd></div>
                <div><dt>"Latest"</dt><dd>{ago(clock, group.latest)}</dd></div>
                {next}
            </dl>
            {fix.map(|fix| view! { <p class="group-fix">{icon("right")}{fix}</p> })}
            <div class="actions">{tests.then(|| test(&group.application, back, rights))}{actions}</div>
        </li>
    }
}

/// What it is, and what to do about it.
fn said(group: &OrderGroup) -> (String, Option<&'static str>) {
    match &group.reason {
        Some(reason @ StateReason::Quarantined { .. }) => {
            ("They wait until the application answers again.".to_owned(), words::state_reason(reason).1)
        }
        Some(reason) => words::state_reason(reason),
        None => (words::trouble(group.trouble).to_owned(), Some("Open one of them to see what happened.")),
    }
}

/// What helps with a trouble, what helps most first.
fn actions(trouble: Trouble) -> &'static [Action] {
    match trouble {
        Trouble::Failed | Trouble::SetAside | Trouble::TimedOut | Trouble::Drifted | Trouble::RetryWait => {
            &[Action::Retry, Action::SendToManual, Action::MarkDone, Action::Hold, Action::Cancel]
        }
        Trouble::Quarantined | Trouble::Maintenance => {
            &[Action::SendToManual, Action::MarkDone, Action::Hold, Action::Cancel]
        }
        Trouble::InDoubt => &[Action::Retry, Action::MarkDone],
        Trouble::Held => &[Action::Resume, Action::Cancel],
        Trouble::RuleFailed => &[],
    }
}

fn unconfirmed(applications: &[(String, String, u64)], back: &str, rights: &Rights) -> Option<impl IntoView + use<>> {
    let total: u64 = applications.iter().map(|(_, _, count)| count).sum();
    let places: Vec<String> =
        applications.iter().map(|(_, name, count)| format!("{name}: {}", words::total(*count))).collect();
    let read = rights.may("/Jobs/Run").then(|| {
        view! {
            <form method="post" action="/api/pages/jobs/start">
                <input type="hidden" name="job" value="synchronize-back" />
                <input type="hidden" name="return_to" value=back.to_owned() />
                <button class="button">{icon("double-check")}"Read the applications back"</button>
            </form>
        }
    });
    (total > 0).then(|| {
        view! {
            <div class="group calm">
                <p>{icon("check")}{format!(" {} done and not confirmed yet. {}.", words::plural(total, "order is", "orders are"), places.join(", "))}</p>
                <div class="actions">{read}</div>
            </div>
        }
    })
}
