//! The lines of the views: what, whose, since when, who put it there, and what would happen by itself.

use leptos::prelude::*;
use model::account::Provenance;
use model::ids::IdentityId;
use model::reconciliation::{
    DecisionRow, Finding, Lines, Origin, Outlook, Redundancy, RoleProposal, Subject, Verdict, View,
};

use crate::components::chip;
use crate::components::list::ago;
use crate::frame::Rights;
use crate::logic::query::accounts_address;
use crate::logic::time::Clock;
use crate::logic::{address, words};

pub(super) fn table(lines: &Lines, has_ticks: bool, may_decide: bool, rights: &Rights, clock: &Clock) -> AnyView {
    match lines {
        Lines::Findings(page) => findings(&page.rows, has_ticks, rights, clock),
        Lines::Redundant(page) => redundant(&page.rows, has_ticks, rights, clock),
        Lines::Roles(page) => proposals(&page.rows, has_ticks, rights),
        Lines::Decided(page) => decisions(&page.rows, may_decide, rights, clock),
    }
}

fn head(has_ticks: bool, columns: &[&'static str]) -> impl IntoView + use<> {
    let tick = has_ticks.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let columns = columns.iter().map(|column| view! { <th scope="col">{*column}</th> }).collect_view();
    view! { <thead><tr>{tick}{columns}</tr></thead> }
}

fn tick(has_ticks: bool, subject: &Subject, label: String) -> impl IntoView + use<> {
    let value = subject.to_string();
    has_ticks.then(|| {
        view! { <td class="tick"><input type="checkbox" name="ids[]" value=value aria-label=label /></td> }
    })
}

fn person(identity: Option<IdentityId>, name: Option<&String>, rights: &Rights) -> AnyView {
    let name = name.cloned();
    match (identity, name) {
        (Some(id), Some(name)) if rights.may("/Identities/View") => {
            view! { <a data-open="" href=format!("/identities/{id}")>{name}</a> }.into_any()
        }
        (Some(_), Some(name)) => view! { {name} }.into_any(),
        _ => view! { <span class="muted">"nobody"</span> }.into_any(),
    }
}

pub(super) fn origin_look(origin: Origin) -> (chip::Tone, &'static str) {
    match origin {
        Origin::NonConforming => (chip::Tone::Warn, "octagon"),
        Origin::PreExisting => (chip::Tone::Idle, "half"),
    }
}

fn findings(rows: &[Finding], has_ticks: bool, rights: &Rights, clock: &Clock) -> AnyView {
    let is_orphans = rows.iter().any(|row| row.subject.view() == View::Orphans);
    let columns: &[&'static str] = match is_orphans {
        true => &["Account", "Application", "Known since", "Put there by", "Owner"],
        false => &["What", "Whose", "Where", "Known since", "Put there by", "By itself"],
    };
    let lines = rows.iter().map(|row| {
        if is_orphans {
            orphan(row, has_ticks, clock).into_any()
        } else {
            finding(row, has_ticks, rights, clock).into_any()
        }
    });
    view! {
        <table class="ledger">
            {head(has_ticks, columns)}
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn finding(row: &Finding, has_ticks: bool, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let account = known_as(row);
    let is_access = row.subject.view() == View::Access;
    let what = if is_access { row.label.clone() } else { account.clone() };
    let below = if is_access { format!("on account {account}") } else { row.label.clone() };
    let owner = row.identity_name.clone().unwrap_or_default();
    let origin = if row.pre_existing { Origin::PreExisting } else { Origin::NonConforming };
    let (tone, shape) = origin_look(origin);
    view! {
        <tr data-row="">
            {tick(has_ticks, &row.subject, format!("{what} of {owner}"))}
            <td data-label="What" class="name wrap">{what}<div class="subtle">{below}</div></td>
            <td data-label="Whose" class="nowrap">{person(row.subject.identity(), row.identity_name.as_ref(), rights)}</td>
            <td data-label="Where" class="nowrap"><a href=address::application(&row.application)>{row.application_name.clone()}</a><div class="subtle">{row.account_type_label.clone()}</div></td>
            <td data-label="Known since" class="wrap">{chip::chip(tone, shape, origin.label(), origin_title(origin).to_owned())}<div class="subtle">{ago(clock, row.since)}</div></td>
            <td data-label="Put there by" class="nowrap">{put_there_by(row, rights)}</td>
            <td data-label="By itself" class="wide wrap">{row.outlook.as_ref().map(outlook)}</td>
        </tr>
    }
}

fn orphan(row: &Finding, has_ticks: bool, clock: &Clock) -> impl IntoView + use<> {
    let account = known_as(row);
    let filter = model::view::AccountFilter {
        application: row.application.clone(),
        show: model::view::AccountShow::WithoutOwner,
        ..model::view::AccountFilter::default()
    };
    view! {
        <tr data-row="">
            {tick(has_ticks, &row.subject, format!("Account {account}"))}
            <td data-label="Account" class="name wrap">{account}<div class="subtle">{if row.label.is_empty() { "type not known".to_owned() } else { row.label.clone() }}</div></td>
            <td data-label="Application" class="nowrap"><a href=address::application(&row.application)>{row.application_name.clone()}</a></td>
            <td data-label="Known since" class="when">{ago(clock, row.since)}</td>
            <td data-label="Put there by" class="wrap">{if row.provenance == Provenance::Created { "Quartermaster" } else { "somebody else" }}</td>
            <td data-label="Owner" class="wide wrap"><a href=accounts_address(&filter).to_string()>"Say whose it is"</a><div class="subtle">{row.outlook.as_ref().map(|outlook| outlook.why.clone())}</div></td>
        </tr>
    }
}

fn origin_title(origin: Origin) -> &'static str {
    match origin {
        Origin::NonConforming => "No rule, request or role gives it",
        Origin::PreExisting => "It was there at go-live, and stays until a person decides",
    }
}

fn known_as(row: &Finding) -> String {
    row.called.clone().unwrap_or_else(|| row.account_key.clone())
}

fn put_there_by(row: &Finding, rights: &Rights) -> AnyView {
    let order = row.order.map(|order| match rights.may("/Orders/View") {
        true => view! { <a href=format!("/orders/{order}")>{format!("order {order}")}</a> }.into_any(),
        false => view! { {format!("order {order}")} }.into_any(),
    });
    match (order, &row.subject, row.provenance) {
        (Some(order), ..) => view! { "Quartermaster, "{order} }.into_any(),
        (None, Subject::Account { .. }, Provenance::Created) => view! { "Quartermaster" }.into_any(),
        (None, ..) => view! { "somebody else" }.into_any(),
    }
}

/// What would happen by itself.
pub(crate) fn outlook(outlook: &Outlook) -> impl IntoView + use<> {
    let (tone, shape, word) = match outlook.goes {
        true => (chip::Tone::Warn, "arrow", "Goes"),
        false => (chip::Tone::Idle, "dash", "Stays"),
    };
    view! { {chip::chip(tone, shape, word, String::new())}" "<span class="muted">{outlook.why.clone()}</span> }
}

fn redundant(rows: &[Redundancy], has_ticks: bool, rights: &Rights, clock: &Clock) -> AnyView {
    let lines = rows.iter().map(|row| {
        let request = row.request;
        let asked = match rights.may(engine::requests::VIEW) {
            true => view! { <a href=format!("/requests/{request}")>{format!("request {request}")}</a> }.into_any(),
            false => view! { {format!("request {request}")} }.into_any(),
        };
        view! {
            <tr data-row="">
                {tick(has_ticks, &row.subject, format!("{} of {}", row.label, row.identity_name))}
                <td data-label="What" class="name wrap">{row.label.clone()}<div class="subtle">{words::kind(&row.grantable)}</div></td>
                <td data-label="Whose" class="nowrap">{person(Some(row.identity), Some(&row.identity_name), rights)}</td>
                <td data-label="Given directly" class="wrap">{asked}" of "{row.requester.clone()}<div class="subtle">{row.justification.clone()}</div></td>
                <td data-label="Holds" class="nowrap">{words::period(&row.period)}<div class="subtle">"since "{ago(clock, row.since)}</div></td>
                <td data-label="Given as well by" class="wide wrap">{row.causes.join(", ")}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            {head(has_ticks, &["What", "Whose", "Given directly", "Holds", "Given as well by"])}
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn proposals(rows: &[RoleProposal], has_ticks: bool, rights: &Rights) -> AnyView {
    let lines = rows.iter().map(|row| {
        let (tone, shape, word) = proposal_look(row);
        let missing = (!row.missing.is_empty())
            .then(|| view! { <div class="subtle">{format!("Would give as well: {}", row.missing.join(", "))}</div> });
        let rivals = (!row.rivals.is_empty())
            .then(|| view! { <div class="subtle">{format!("As would {}: none is deduced", row.rivals.join(", "))}</div> });
        view! {
            <tr data-row="">
                {tick(has_ticks, &row.subject, format!("{} for {}", row.label, row.identity_name))}
                <td data-label="Role" class="name wrap">{row.label.clone()}<div class="subtle">{words::kind(&row.grantable)}</div></td>
                <td data-label="For" class="nowrap">{person(Some(row.identity), Some(&row.identity_name), rights)}</td>
                <td data-label="Proposal" class="nowrap">{chip::chip(tone, shape, word, String::new())}</td>
                <td data-label="Would explain" class="wide wrap">{row.explains.join(", ")}{missing}{rivals}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            {head(has_ticks, &["Role", "For", "Proposal", "Would explain"])}
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn proposal_look(row: &RoleProposal) -> (chip::Tone, &'static str, &'static str) {
    match (row.rivals.is_empty(), row.missing.is_empty()) {
        (false, _) => (chip::Tone::Idle, "circle", "Ambiguous"),
        (true, true) => (chip::Tone::Ok, "double-check", "Exact"),
        (true, false) => (chip::Tone::Warn, "half", "In part"),
    }
}

fn decisions(rows: &[DecisionRow], may_decide: bool, rights: &Rights, clock: &Clock) -> AnyView {
    let lines = rows.iter().map(|row| {
        let decision = &row.decision;
        let request = decision.request.filter(|_| rights.may(engine::requests::VIEW)).map(|request| {
            view! { " "<a href=format!("/requests/{request}")>{format!("request {request}")}</a> }
        });
        let can_be_undone = may_decide
            && decision.ended_at.is_none()
            && !(decision.subject.view() == View::Redundant && decision.verdict == Verdict::Remove);
        let undo = can_be_undone.then(|| {
            let label = format!("Take back the decision about {}", decision.title);
            view! {
                <form method="post" action="/api/pages/reconciliation/undo">
                    <input type="hidden" name="id" value=decision.id.to_string() />
                    <button class="button small" aria-label=label>"Take back"</button>
                </form>
            }
        });
        let ended = decision.ended_by.as_ref().map(|by| view! { <div class="subtle">"taken back by "{by.clone()}</div> });
        view! {
            <tr data-row="">
                <td data-label="What" class="name wrap">{words::sentence_case(&decision.title)}<div class="subtle">{row.application_name.clone()}</div></td>
                <td data-label="Whose" class="nowrap">{person(decision.identity, row.identity_name.as_ref(), rights)}</td>
                <td data-label="Decision" class="wrap">{verdict(row)}{ended}</td>
                <td data-label="Why" class="wide wrap">{decision.comment.clone()}{request}</td>
                <td data-label="By" class="nowrap">{decision.decided_by.clone()}<div class="subtle">{ago(clock, decision.decided_at)}</div></td>
                {may_decide.then(|| view! { <td data-label="Take back">{undo}</td> })}
            </tr>
        }
    });
    let columns: &[&'static str] = match may_decide {
        true => &["What", "Whose", "Decision", "Why", "By", "Take back"],
        false => &["What", "Whose", "Decision", "Why", "By"],
    };
    view! {
        <table class="ledger">
            {head(false, columns)}
            <tbody>{lines.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

fn verdict(row: &DecisionRow) -> impl IntoView + use<> {
    let decision = &row.decision;
    let (tone, shape, word) = match decision.verdict {
        Verdict::Keep => (chip::Tone::Ok, "check", "Kept"),
        Verdict::Remove => (chip::Tone::Warn, "ban", "Removed"),
        Verdict::Postpone => (chip::Tone::Idle, "clock", "Postponed"),
    };
    let tone = if row.stands { tone } else { chip::Tone::Idle };
    let until = decision.until.map(|day| format!(" until {day}"));
    let responsible = decision.responsible.as_ref().map(|login| format!(" {login} answers for it"));
    view! { {chip::chip(tone, shape, word, String::new())}<span class="muted">{until}{responsible}</span> }
}

/// A decision in one line, where the thing itself is shown.
pub(crate) fn decided(row: &DecisionRow, clock: &Clock) -> impl IntoView + use<> {
    let by = row.decision.decided_by.clone();
    view! {
        <span>{verdict(row)}" "{words::sentence_case(&row.decision.title)}": "{row.decision.comment.clone()}" "<span class="subtle">{by}" "{ago(clock, row.decision.decided_at)}</span></span>
    }
}
