//! What a dry run would do, or the whole plan that a threshold stopped, and a person's word on it.

use leptos::prelude::*;
use model::block::{BlockState, RunBlock, TripView};
use model::job::{Run, RunState};
use model::page::Page;
use model::view::{PreviewFilter, PreviewGroup, PreviewLine, SinceApproval};

use crate::components::form::{option, refused};
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, empty, pagination};
use crate::frame::Rights;
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::words;

/// A piece of the plan, with what is needed to look through it and to decide.
pub struct Plan {
    pub page: Page<PreviewLine>,
    pub groups: Vec<PreviewGroup>,
    pub filter: PreviewFilter,
    /// Newest first.
    pub blocks: Vec<RunBlock>,
}

pub(super) fn plan(run: &Run, plan: Plan, rights: &Rights, clock: &Clock) -> AnyView {
    let waiting = plan.blocks.iter().find(|block| block.state == BlockState::Waiting && run.state == RunState::Blocked);
    let decision = waiting.map(|block| decide(block, rights, clock));
    let decided = plan
        .blocks
        .iter()
        .filter(|block| block.state != BlockState::Waiting)
        .map(|block| said(block, clock))
        .collect_view();
    let history = plan
        .blocks
        .iter()
        .any(|block| block.state != BlockState::Waiting)
        .then(|| view! { <details class="why-item"><summary>"What was stopped before in this run"</summary><ul class="plain">{decided}</ul></details> });
    let is_filtered = plan.filter.account_type.is_some() || plan.filter.operation.is_some();
    let list = Address::new(format!("/jobs/runs/{}", run.id))
        .with("tab", Some("preview"))
        .with("type", plan.filter.account_type.as_deref())
        .with("operation", plan.filter.operation.as_deref());
    let shown = plan.page.rows.len();
    let banner = if run.mode.dry_run {
        format!("{} would be made. Nothing has been changed.", words::plural(plan.page.total, "change", "changes"))
    } else {
        format!("{} stopped before the first effect.", words::plural(plan.page.total, "change was", "changes were"))
    };
    let content = match (shown, is_filtered) {
        (0, true) => {
            empty("Nothing of this kind", Empty::Filtered { clear: format!("/jobs/runs/{}?tab=preview", run.id) })
        }
        (0, false) => {
            empty("It would change nothing", Empty::AllDone { text: "Everybody has exactly what they should have." })
        }
        _ => view! { <p class="banner">{icon("flask")}{banner}</p> {table(&plan.page.rows)} }.into_any(),
    };
    view! {
        {decision}
        {history}
        {search(run, &plan)}
        {content}
        {(shown > 0).then(|| pagination(list, shown, plan.page.total.into(), plan.filter.after == 0, plan.page.next.clone(), ("change", "changes")))}
    }
    .into_any()
}

/// Counts beside limits, and the two ways on.
fn decide(block: &RunBlock, rights: &Rights, clock: &Clock) -> AnyView {
    let forms = if rights.may("/Jobs/Resume") {
        let (id, digest) = (block.run.to_string(), block.digest.clone());
        view! {
            <form method="post" action="/api/pages/jobs/resume" class="decision">
                <input type="hidden" name="id" value=id />
                <input type="hidden" name="digest" value=digest />
                <label class="field">"Why"<textarea name="reason" rows="2" maxlength="1000" required placeholder="Kept with the run, under your name"></textarea></label>
                {block.second_person.then(|| view! { <p class="hint">"Only somebody else than who started the run may approve."</p> })}
                <div class="actions">
                    <button class="button primary" name="decision" value="approve">{icon("check")}{format!("Approve exactly these {} changes", words::number(block.changes))}</button>
                    <button class="button danger" name="decision" value="reject">{icon("ban")}"Reject, and end the run"</button>
                </div>
            </form>
        }
        .into_any()
    } else {
        refused("Approving", "/Jobs/Resume").into_any()
    };
    let short: String = block.digest.chars().take(12).collect();
    view! {
        <section class="panel" aria-labelledby="stopped-heading">
            <div class="section-head"><h2 id="stopped-heading">"Stopped by a threshold"</h2><span class="spring"></span><span class="subtle">{ago(clock, block.blocked_at)}" · plan "<span class="mono" title=block.digest.clone()>{short}</span></span></div>
            {exceeded(&block.trips)}
            <p class="muted">"An approval holds for exactly the plan below, and for 24 hours. Is anything different when the run goes on, it stops again and shows what changed."</p>
            {forms}
        </section>
    }
    .into_any()
}

/// Counts beside the limits that they exceed.
pub(crate) fn exceeded(trips: &[TripView]) -> impl IntoView + use<> {
    let trips = trips.iter().map(|trip| {
        view! {
            <tr>
                <td data-label="Where" class="name">{words::sentence_case(&trip.scope)}</td>
                <td data-label="What">{trip.what.clone()}</td>
                <td data-label="Would be" class="number">{words::number(trip.counted)}</td>
                <td data-label="Limit" class="wide">{trip.limit.clone()}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Where"</th><th scope="col">"What"</th><th scope="col" class="number">"Would be"</th><th scope="col">"Limit"</th></tr></thead>
            <tbody>{trips.collect_view()}</tbody>
        </table>
    }
}

fn said(block: &RunBlock, clock: &Clock) -> impl IntoView + use<> {
    let state = match block.state {
        BlockState::Waiting => "Waits for a decision",
        BlockState::Approved => "Approved, not carried out yet",
        BlockState::Used => "Approved and carried out",
        BlockState::Rejected => "Rejected",
        BlockState::Replaced => "Was something else when it was computed again",
    };
    let by = block.decided_by.clone().map(|by| {
        let when = block.decided_at.map(|at| ago(clock, at));
        view! { <span>" · "{by}" "{when}": "{block.reason.clone().unwrap_or_default()}</span> }
    });
    view! { <li><strong>{state}</strong>" · "{words::plural(block.changes, "change", "changes")}" · stopped "{ago(clock, block.blocked_at)}{by}</li> }
}

fn search(run: &Run, plan: &Plan) -> impl IntoView + use<> {
    let mut types: Vec<&str> =
        plan.groups.iter().map(|group| group.account_type.as_str()).filter(|name| !name.is_empty()).collect();
    types.dedup();
    let mut operations: Vec<&str> = plan.groups.iter().map(|group| group.operation.as_str()).collect();
    operations.sort_unstable();
    operations.dedup();
    let count = |wanted: &dyn Fn(&PreviewGroup) -> bool| {
        plan.groups.iter().filter(|group| wanted(group)).map(|group| group.lines).sum::<u64>()
    };
    let types = types
        .into_iter()
        .map(|name| {
            let label = format!("{name} ({})", words::total(count(&|group| group.account_type == name)));
            option(name.to_owned(), label, plan.filter.account_type.as_deref() == Some(name))
        })
        .collect_view();
    let operations = operations
        .into_iter()
        .map(|name| {
            let label =
                format!("{} ({})", words::sentence_case(name), words::total(count(&|group| group.operation == name)));
            option(name.to_owned(), label, plan.filter.operation.as_deref() == Some(name))
        })
        .collect_view();
    let action = format!("/jobs/runs/{}", run.id);
    (plan.groups.len() > 1).then(|| view! {
        <form class="filters" action=action role="search" aria-label="Filter the plan">
            <input type="hidden" name="tab" value="preview" />
            <select name="type" aria-label="Account type"><option value="">"Every account type"</option>{types}</select>
            <select name="operation" aria-label="Operation"><option value="">"Every operation"</option>{operations}</select>
            <button class="button">"Filter"</button>
        </form>
    })
}

/// What would be done, line by line.
pub(crate) fn table(rows: &[PreviewLine]) -> impl IntoView + use<> {
    let rows = rows
        .iter()
        .map(|line| {
            let name = match line.identity {
                Some(id) => view! { <a data-open="" href=format!("/identities/{id}")>{line.identity_name.clone()}</a> }
                    .into_any(),
                None => line.identity_name.clone().into_any(),
            };
            let since = line.since_approval.map(|since| match since {
                SinceApproval::Added => view! { <span class="tag">"new since the approval"</span> },
                SinceApproval::Gone => view! { <span class="tag">"gone since the approval"</span> },
            });
            view! {
                <tr data-row="">
                    <td data-label="Person" class="name">{name}{since}</td>
                    <td data-label="Application">{line.application.clone()}</td>
                    <td data-label="Account type" class="mono">{line.account_type.clone()}</td>
                    <td data-label="Do">{line.operation.clone()}</td>
                    <td data-label="Change" class="wide wrap">{line.change.clone()}</td>
                    <td data-label="Why" class="wide wrap muted">{line.why.clone()}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Person"</th><th scope="col">"Application"</th><th scope="col">"Account type"</th><th scope="col">"Do"</th><th scope="col">"Change"</th><th scope="col">"Why"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
