//! Approvals: what people ask to be given and somebody has to agree to, decided one by one or several at once.

use leptos::prelude::*;
use model::approval::{ApprovalFilter, ApprovalRow, ApprovalState, Decider, Verdict};
use model::configuration::OnConflict;
use model::error::ApiError;
use model::page::Page;

use crate::components::chip;
use crate::components::form::no_default;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, active_filters, ago, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::Selection;
use crate::logic::flash::Flash;
use crate::logic::query::{approvals, approvals_address};
use crate::logic::time::Clock;
use crate::logic::{approval, request, words};
use crate::pages::{Asked, page};
use crate::ssr;

/// `ids` are requests with the line of the thing: `12-1`; `list` is the query of the list to go back to.
#[server(prefix = "/api/pages", endpoint = "approvals/decide")]
pub async fn decide_approvals(
    #[server(default)] ids: Vec<String>,
    #[server(default)] act: String,
    #[server(default)] comment: String,
    #[server(default)] list: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = carry_out(&op, &ids, &act, &comment).await;
    ssr::finish(outcome, &format!("/approvals{list}"))
}

async fn carry_out(
    op: &engine::context::OpContext,
    ids: &[String],
    act: &str,
    comment: &str,
) -> Result<Flash, ApiError> {
    let verdict =
        Verdict::from_name(act).ok_or_else(|| ApiError::invalid("act", "Choose whether to approve or to decline."))?;
    if ids.is_empty() {
        return Err(ApiError::invalid("ids", "Nothing was chosen. Tick what you decide about, then decide."));
    }
    let mut outcomes = Vec::new();
    for id in ids {
        let place = engine::request_approvals::place(id)
            .ok_or_else(|| ApiError::invalid("ids", "The page was not complete. Open it again, then decide."))?;
        let outcome = engine::request_approvals::decide(op, place, verdict, comment).await;
        outcomes.push((id.replace('-', ", thing "), outcome));
    }
    Ok(approval::flash(&outcomes, verdict))
}

#[component]
pub fn ApprovalsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = approvals(&query);
        let rows = engine::request_approvals::page(&op, &filter).await?;
        let sees_all = engine::request_approvals::sees_all(&op);
        Ok(approvals_sheet(&filter, rows, sees_all, &visitor.rights, &visitor.clock))
    })
}

pub fn approvals_sheet(
    filter: &ApprovalFilter,
    page: Page<ApprovalRow>,
    sees_all: bool,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let shown = page.rows.len();
    let list = approvals_address(filter);
    let content = match (shown, filter.request.is_some(), filter.all) {
        (0, true, _) => empty("Nothing of this request waits", Empty::Filtered { clear: "/approvals".to_owned() }),
        (0, false, false) => empty(
            "Nothing waits for you",
            Empty::AllDone { text: "What people ask for, and you have to agree to, appears here." },
        ),
        (0, false, true) => empty(
            "Nothing waits",
            Empty::AllDone { text: "Everything that people asked for and that needs an approval is decided." },
        ),
        _ => {
            let cards = page.rows.iter().map(|row| card(row, &list.query(), rights, clock)).collect_view();
            let mine = page.rows.iter().filter(|row| row.mine).count();
            view! {
                <ul class="plain approvals">{cards}</ul>
                {(mine > 1).then(|| bar(&list.query()))}
            }
            .into_any()
        }
    };
    let of_request = filter.request.map(|id| {
        let without = approvals_address(&ApprovalFilter { request: None, after: None, ..filter.clone() });
        (format!("Only of request {id}"), without.to_string())
    });
    let body = view! {
        <header class="page-head">
            <h1>"Approvals"</h1>
            <p class="muted">"What people ask to be given, and somebody has to agree to before anything changes."</p>
        </header>
        {sees_all.then(|| scopes(filter))}
        {active_filters(of_request.into_iter().collect())}
        {content}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), filter.after.is_none(), page.next, ("approval", "approvals")))}
    };
    Sheet { section: Section::Approvals, title: "Approvals".to_owned(), body: body.into_any() }
}

fn scopes(filter: &ApprovalFilter) -> impl IntoView + use<> {
    let choice = |label: &str, all: bool| Choice {
        label: label.to_owned(),
        count: None,
        address: approvals_address(&ApprovalFilter { all, after: None, ..filter.clone() }).to_string(),
        chosen: filter.all == all,
        shape: None,
    };
    filter_chips("Whose", vec![choice("For me", false), choice("Everything that waits", true)])
}

/// One thing to decide about, with all that there is to know before.
fn card(row: &ApprovalRow, list: &str, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let id = format!("{}-{}", row.approval.request, row.approval.line);
    let heading = format!("approval-{id}");
    let named_by = heading.clone();
    let title = format!("{} for {}", row.label, row.identity_name);
    let tick = row.mine.then(|| {
        let label = format!("Choose {title}");
        view! { <input type="checkbox" form="chosen" name="ids[]" value=id.clone() aria-label=label /> }
    });
    let person = match rights.may("/Identities/View") {
        true => view! { <a href=format!("/identities/{}", row.identity)>{row.identity_name.clone()}</a> }.into_any(),
        false => row.identity_name.clone().into_any(),
    };
    let link = match rights.may(engine::requests::VIEW) {
        true => view! { <a href=format!("/requests/{}", row.approval.request)>{format!("Request {}", row.approval.request)}</a> }.into_any(),
        false => format!("Request {}", row.approval.request).into_any(),
    };
    let decide = row.mine.then(|| form(&id, &title, list));
    view! {
        <li class="panel" aria-labelledby=named_by>
            <div class="section-head">{tick}<h2 id=heading><span>{request::named(&row.approval.item.grantable, &row.label)}" for "{person}</span></h2></div>
            <blockquote class="said">{row.justification.clone()}<footer class="muted">{row.requester.clone()}" · "{ago(clock, row.submitted_at)}</footer></blockquote>
            <div>{link}</div>
            {risks(row)}
            {stages(row, clock)}
            {decide}
        </li>
    }
}

fn form(id: &str, title: &str, list: &str) -> impl IntoView + use<> {
    let label = format!("Comment on {title}");
    view! {
        <form method="post" action="/api/pages/approvals/decide" class="decide">
            {no_default()}
            <input type="hidden" name="ids[]" value=id.to_owned() />
            <input type="hidden" name="list" value=list.to_owned() />
            <input name="comment" maxlength="500" placeholder="Comment; needed to decline" aria-label=label autocomplete="off" />
            {buttons(title)}
        </form>
    }
}

fn buttons(title: &str) -> impl IntoView + use<> {
    let (approve, decline) = (format!("Approve: {title}"), format!("Decline: {title}"));
    view! {
        <button class="button" name="act" value="approve" aria-label=approve>{icon("check")}"Approve"</button>
        <button class="button danger" name="act" value="decline" aria-label=decline>{icon("ban")}"Decline"</button>
    }
}

/// For all that are chosen.
fn bar(list: &str) -> impl IntoView + use<> {
    view! {
        <form method="post" action="/api/pages/approvals/decide" id="chosen" class="bulk-bar" aria-label="All that are chosen">
            {no_default()}
            <input type="hidden" name="list" value=list.to_owned() />
            <Selection />
            <input name="comment" maxlength="500" placeholder="Comment for all that are chosen; needed to decline" aria-label="Comment for all that are chosen" autocomplete="off" />
            {buttons("all that are chosen")}
        </form>
    }
}

/// Risks that it would bring about.
fn risks(row: &ApprovalRow) -> impl IntoView + use<> {
    let known = row.risks.iter().map(|(risk, label)| {
        let overridden = (risk.on_conflict == OnConflict::Block).then_some(" (overridden)");
        view! { <li>{icon("octagon")}<span><strong>"Risk: "{label.clone()}</strong>{overridden}". Why it would be borne: "{risk.comment.clone()}</span></li> }
    });
    (!row.risks.is_empty()).then(|| view! { <ul class="plain chosen">{known.collect_view()}</ul> })
}

/// Every stage with what was decided, who may decide now, and what comes next.
pub(crate) fn stages(row: &ApprovalRow, clock: &Clock) -> impl IntoView + use<> {
    let lines = (0_u32..).zip(&row.stages).map(|(number, words)| {
        let standing = approval::stage(&row.approval, number);
        let (tone, shape) = standing.look();
        let decided = row.approval.decisions.iter().zip(&row.deciders).filter(|(decision, _)| decision.stage == number);
        let decided = decided.map(|(decision, by)| {
            let comment = (!decision.comment.is_empty()).then(|| format!(": {}", decision.comment));
            let by_itself = matches!(decision.by, Decider::Rule(_)).then_some(" by itself");
            view! { <li>{words::sentence_case(by)}" "{decision.verdict.done()}{by_itself}{comment}<span class="subtle">" · "{ago(clock, decision.at)}</span></li> }
        });
        let decided = decided.collect_view();
        let waits = (standing == approval::Standing::Now).then(|| waits(row, clock));
        view! {
            <li>
                <div class="stage-head">{chip::chip(tone, shape, standing.label(), String::new())}<span>{format!("{}. {}", number + 1, words::sentence_case(words))}</span></div>
                <ul class="plain stage-facts">{decided}{waits}</ul>
            </li>
        }
    });
    view! { <ol class="plain stages" aria-label="Stages">{lines.collect_view()}</ol> }
}

/// Who may decide, and when others come in.
fn waits(row: &ApprovalRow, clock: &Clock) -> impl IntoView + use<> {
    let who = approval::waits_for(row);
    let when = row
        .approval
        .escalates_at
        .map(|at| view! { <li class="subtle">"Others may decide as well "{ago(clock, at)}</li> });
    let escalated = (row.approval.level > 0)
        .then(|| view! { <li class="subtle">{icon("clock")}" Escalated: others may decide as well."</li> });
    view! { <li>{who}</li>{escalated}{when}<li class="subtle">"Waits since "{ago(clock, row.approval.since)}</li> }
}

/// Approvals of one request, on its page.
pub(crate) fn of_request(rows: &[ApprovalRow], clock: &Clock) -> impl IntoView + use<> {
    (!rows.is_empty()).then(|| {
        let waits = rows.iter().filter(|row| row.approval.state == ApprovalState::Waiting).count();
        let mine = rows.iter().find(|row| row.mine).map(|row| {
            let address = format!("/approvals?request={}", row.approval.request);
            view! { <a class="button" href=address>{icon("hand")}"Decide"</a> }
        });
        let things = rows.iter().map(|row| {
            let (tone, shape) = approval::look(row.approval.state);
            view! {
                <li class="panel tight">
                    <div class="section-head"><h3>{row.label.clone()}</h3>{chip::chip(tone, shape, row.approval.state.label(), String::new())}</div>
                    {stages(row, clock)}
                </li>
            }
        });
        let things = things.collect_view();
        view! {
            <section aria-labelledby="approvals-heading">
                <div class="section-head"><h2 id="approvals-heading">"Approvals"</h2>{(waits > 0).then(|| view! { <span class="count">{waits.to_string()}<span class="sr">" waiting"</span></span> })}{mine}</div>
                <ul class="plain approvals">{things}</ul>
            </section>
        }
    })
}
