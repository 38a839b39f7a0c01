//! Approvals of what people ask for: what waits for whom, what they decide, and what goes on by itself.
//!
//! Who may decide is worked out from users, identities and the configuration each time somebody looks (`facts`);
//! `broker::request_approval` says what follows. Whatever moves an approval is written by `record`, with the request, the
//! grant that it opens, the history and the notices, and only while the approval is as it was seen.

pub(crate) mod facts;
mod record;
mod words;

use broker::request_approval::{self, Escalated, Refused};
use jiff::Timestamp;
use model::approval::{
    ApprovalFilter, ApprovalPreview, ApprovalRow, ApprovalState, Decider, RequestApproval, StagePreview, Verdict,
};
use model::configuration::ApprovalStage;
use model::error::{ApiError, ErrorCode};
use model::ids::RequestId;
use model::page::Page;
use model::request::{NewRequest, Request, RequestItem};
use model::trigger::Trigger;
use store::StoreError;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::requests;

use facts::{Facts, Question};
use record::Move;

pub(crate) use record::settled;

/// Deciding about every request that comes to everybody, and seeing all that waits.
pub const APPROVE: &str = "/Requests/Approve";

/// Things in one piece of the list.
const PAGE: u32 = 50;

/// What is to be written with a request that needs approvals.
pub(crate) struct Asked {
    pub(crate) approvals: Vec<RequestApproval>,
    pub(crate) notices: Vec<model::mail::Notice>,
}

/// What needs approvals of what is asked for, with its line, as it begins.
pub(crate) async fn begin(engine: &Engine, request: &Request, now: Timestamp) -> Result<Asked, StoreError> {
    let mut approvals = needed(engine, request.id, (request.trigger, &request.items), now);
    let mut notices = Vec::new();
    if !approvals.is_empty() {
        let questions: Vec<Question> = approvals.iter().map(|approval| Question::of(request, approval)).collect();
        let facts = Facts::read(engine, &questions, APPROVE).await?;
        for (approval, matter) in approvals.iter_mut().zip(&facts.matters) {
            *approval = request_approval::at_stage(approval, 0, matter, &facts.people, now);
            notices.extend(words::notices(engine, approval, matter, &facts, now));
        }
    }
    Ok(Asked { approvals, notices })
}

/// What would have to be approved of this, none of it begun.
fn needed(
    engine: &Engine,
    request: RequestId,
    (trigger, items): (Trigger, &[RequestItem]),
    now: Timestamp,
) -> Vec<RequestApproval> {
    let configuration = engine.world().configuration();
    let asked = (1..).zip(items).filter(|(_, item)| request_approval::is_asked_for(trigger, item.change));
    let approval = |(line, item): (u32, &RequestItem)| {
        let stages = configuration.approvals(&item.grantable);
        (!stages.is_empty()).then(|| RequestApproval {
            request,
            line,
            item: item.clone(),
            stages: stages.to_vec(),
            state: ApprovalState::Waiting,
            stage: 0,
            level: 0,
            since: now,
            escalates_at: None,
            ended_at: None,
            decisions: Vec::new(),
        })
    };
    asked.filter_map(approval).collect()
}

/// Who would have to agree to what, were it asked for now: stage by stage, by the functions that ask them.
pub(crate) async fn foresee(
    engine: &Engine,
    new: &NewRequest,
    requester: &str,
    now: Timestamp,
) -> Result<Vec<ApprovalPreview>, StoreError> {
    let approvals = needed(engine, RequestId(0), (new.trigger, &new.items), now);
    if approvals.is_empty() {
        return Ok(Vec::new());
    }
    let question = |approval: &RequestApproval| Question::new(new.identity, requester, approval);
    let facts = Facts::read(engine, &approvals.iter().map(question).collect::<Vec<_>>(), APPROVE).await?;
    let configuration = engine.world().configuration();
    let preview = |(approval, matter): (&RequestApproval, &request_approval::Matter)| {
        let stage = |(number, stage): (u32, &ApprovalStage)| {
            let then = request_approval::at_stage(approval, number, matter, &facts.people, now);
            let standing = request_approval::standing(&then, matter, &facts.people);
            StagePreview {
                who: words::stage(&configuration, &facts.users, stage),
                approvers: standing.approvers.iter().map(|person| person.display_name.clone()).collect(),
                missing: standing.missing,
                escalated: then.level > 0,
            }
        };
        ApprovalPreview {
            label: engine.label(&approval.item.grantable),
            stages: (0..).zip(&approval.stages).map(stage).collect(),
        }
    };
    Ok(approvals.iter().zip(&facts.matters).map(preview).collect())
}

/// What waits for the caller; with the permission everything that waits.
pub async fn page(op: &OpContext, filter: &ApprovalFilter) -> Result<Page<ApprovalRow>, ApiError> {
    let all = filter.all;
    if all && !sees_all(op) {
        op.require(requests::VIEW)?;
    }
    let waiting = op.engine.store().waiting_request_approvals().await.map_err(internal)?;
    let wanted = waiting.into_iter().filter(|approval| filter.request.is_none_or(|id| approval.request == id));
    let mut rows = rows(op, wanted.collect()).await?;
    rows.retain(|row| all || row.mine);
    let total = rows.len() as u64;
    if let Some(after) = &filter.after {
        let Some((request, line)) = place(after) else {
            return Err(ApiError::invalid(
                "after",
                "This does not continue the list. Start again from its first page.",
            ));
        };
        rows.retain(|row| (row.approval.request, row.approval.line) > (request, line));
    }
    let limit = usize::try_from(filter.limit.unwrap_or(PAGE).clamp(1, 200)).unwrap_or(1);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| format!("{}-{}", row.approval.request, row.approval.line));
    Ok(Page { rows, next, total, more: false })
}

/// Whether the caller sees what waits for others as well.
pub fn sees_all(op: &OpContext) -> bool {
    op.may(requests::VIEW) || op.may(APPROVE)
}

/// Request and line, as they stand in addresses and forms: `12-1`.
pub fn place(text: &str) -> Option<(RequestId, u32)> {
    let (request, line) = text.split_once('-')?;
    Some((request.parse().ok()?, line.parse().ok()?))
}

/// How much waits for the caller.
pub async fn waiting(op: &OpContext) -> Result<u64, ApiError> {
    let waiting = op.engine.store().waiting_request_approvals().await.map_err(internal)?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let facts = facts_of(op, &waiting).await?.1;
    let mine = waiting.iter().zip(&facts.matters).filter(|(approval, matter)| {
        request_approval::may_decide(approval, matter, &facts.people, &op.user.login).is_ok()
    });
    Ok(mine.count() as u64)
}

/// The approvals of one request, for its page.
pub(crate) async fn of_request(op: &OpContext, id: RequestId) -> Result<Vec<ApprovalRow>, ApiError> {
    let approvals = op.engine.store().request_approvals(&[id]).await.map_err(internal)?;
    rows(op, approvals).await
}

async fn facts_of(op: &OpContext, approvals: &[RequestApproval]) -> Result<(Vec<Request>, Facts), ApiError> {
    let mut ids: Vec<RequestId> = approvals.iter().map(|approval| approval.request).collect();
    ids.dedup();
    let found = op.engine.store().requests_by_id(&ids).await.map_err(internal)?;
    let facts = Facts::of(&op.engine, &found, approvals).await.map_err(internal)?;
    Ok((found, facts))
}

async fn rows(op: &OpContext, approvals: Vec<RequestApproval>) -> Result<Vec<ApprovalRow>, ApiError> {
    if approvals.is_empty() {
        return Ok(Vec::new());
    }
    let (found, facts) = facts_of(op, &approvals).await?;
    let store = op.engine.store();
    let ids: Vec<RequestId> = found.iter().map(|request| request.id).collect();
    let known = store.accepted_risks(&ids).await.map_err(internal)?;
    let people: Vec<_> = found.iter().map(|request| request.identity).collect();
    let identities = store.identities_by_id(&people).await.map_err(internal)?;
    let live = op.engine.world().live();
    let row = |(approval, matter): (RequestApproval, &request_approval::Matter)| {
        let request = found.iter().find(|request| request.id == approval.request)?;
        let standing = request_approval::standing(&approval, matter, &facts.people);
        let identity = identities.iter().find(|identity| identity.id == request.identity);
        let risks = known.iter().filter(|risk| risk.request == request.id).map(|risk| {
            let label = crate::tasks::violations::risk_label(&live, &risk.risk);
            (risk.clone(), label)
        });
        Some(ApprovalRow {
            label: op.engine.label(&approval.item.grantable),
            identity: request.identity,
            identity_name: identity.map(|found| found.display_name.clone()).unwrap_or_default(),
            requester: facts.name(&request.requester),
            justification: request.justification.clone(),
            submitted_at: request.submitted_at,
            stages: approval
                .stages
                .iter()
                .map(|stage| words::stage(&live.configuration, &facts.users, stage))
                .collect(),
            approvers: standing.approvers.iter().map(|person| person.display_name.clone()).collect(),
            missing: standing.missing,
            mine: request_approval::may_decide(&approval, matter, &facts.people, &op.user.login).is_ok(),
            deciders: approval.decisions.iter().map(|decision| decider(&facts, &decision.by)).collect(),
            risks: risks.collect(),
            approval,
        })
    };
    Ok(approvals.into_iter().zip(&facts.matters).filter_map(row).collect())
}

fn decider(facts: &Facts, by: &Decider) -> String {
    match by {
        Decider::User(login) => facts.name(login),
        Decider::Rule(name) => format!("the automation rule {name}"),
    }
}

/// Decides about one thing of a request, and says where it is then.
pub async fn decide(
    op: &OpContext,
    (id, line): (RequestId, u32),
    verdict: Verdict,
    comment: &str,
) -> Result<ApprovalState, ApiError> {
    let comment = match (verdict, comment.trim().is_empty()) {
        (Verdict::Approve, true) => String::new(),
        _ => requests::said(comment, "comment", "Say why it is declined: whoever asked reads it.")?,
    };
    for _ in 0..requests::TRIES {
        let all = op.engine.store().request_approvals(&[id]).await.map_err(internal)?;
        let Some(before) = all.into_iter().find(|approval| approval.line == line) else {
            return Err(ApiError::not_found(format!("thing {line} of request {id} that needs an approval")));
        };
        let (found, facts) = facts_of(op, std::slice::from_ref(&before)).await?;
        let (Some(request), Some(matter)) = (found.first(), facts.matters.first()) else {
            return Err(ApiError::not_found(format!("request {id}")));
        };
        let said = (op.user.login.as_str(), verdict, comment.as_str());
        let after = request_approval::decide(&before, matter, &facts.people, said, op.now)
            .map_err(|refused| refusal(&refused, &op.engine, &before))?;
        let sentence = format!(
            "{} {} {}{}",
            op.user.display_name,
            verdict.done(),
            op.engine.label(&before.item.grantable),
            if comment.is_empty() { ".".to_owned() } else { format!(": {comment}") }
        );
        let state = after.state;
        let moved = Move::new(&op.engine, request, before, after, sentence, (&op.user.login, op.now))
            .await
            .map_err(internal)?
            .told(words::next(&op.engine, matter, &facts, op.now));
        if moved.record(&op.engine).await.map_err(internal)? {
            if state == ApprovalState::Approved
                && let Err(error) = requests::start_run(&op.engine, Some(op.user.id)).await
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "A run of requests could not be queued");
            }
            return Ok(state);
        }
    }
    Err(ApiError::conflict(
        "Others decide about the same at this moment. Nothing was changed. Look again, then decide.",
    ))
}

fn refusal(refused: &Refused, engine: &Engine, approval: &RequestApproval) -> ApiError {
    let code = match refused {
        Refused::Over(_) | Refused::Twice => ErrorCode::Conflict,
        Refused::Own | Refused::NotYours => ErrorCode::Forbidden,
    };
    let label = engine.label(&approval.item.grantable);
    ApiError::new(code, format!("Request {}, {label}: {refused}", approval.request))
}

/// The caller in the place of somebody who signs in: the command line is nobody who could be asked.
pub async fn in_the_name_of(op: &OpContext, login: &str) -> Result<OpContext, ApiError> {
    op.require(APPROVE)?;
    crate::users::in_the_place_of(op, login).await
}

/// What goes on by itself: last days that come before a decision, automation rules, and escalations.
pub(crate) async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    let waiting = engine.store().waiting_request_approvals().await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let (now, today) = (engine.now(), engine.today());
    let configuration = engine.world().configuration();
    let mut ids: Vec<RequestId> = waiting.iter().map(|approval| approval.request).collect();
    ids.dedup();
    let found = engine.store().requests_by_id(&ids).await?;
    let facts = Facts::of(engine, &found, &waiting).await?;
    for (before, matter) in waiting.into_iter().zip(&facts.matters) {
        let Some(request) = found.iter().find(|request| request.id == before.request) else { continue };
        let label = engine.label(&before.item.grantable);
        let rule = request_approval::governing(&configuration, &before.item.grantable)
            .filter(|(_, rule)| request_approval::is_due(rule, &before, now));
        let is_over = request.until.is_some_and(|last| last < today);
        let (after, sentence) = if is_over {
            let sentence = format!("{label} is cancelled: its last day came before everybody had decided.");
            (request_approval::cancel(&before, now), sentence)
        } else if let Some((name, rule)) = rule {
            let why = format!("Nobody had decided after {}.", words::hours(rule.hours));
            let sentence = format!("The automation rule {name} {} {label}: {why}", rule.decision.done());
            (request_approval::automate(&before, name, rule.decision, &why, now), sentence)
        } else if let Some((after, why)) = request_approval::escalate(&before, matter, &facts.people, now) {
            let why = match why {
                Escalated::Late => "it was not decided in time",
                Escalated::TooFew => "too few are left who may decide",
            };
            let sentence = format!("{label} is escalated: {why}. {}", words::whom(&after));
            (Some(after), sentence)
        } else {
            continue;
        };
        let Some(after) = after else { continue };
        Move::new(engine, request, before, after, sentence, (engine.node(), now))
            .await?
            .told(words::next(engine, matter, &facts, now))
            .record(engine)
            .await?;
    }
    Ok(())
}

/// Who approved what a request gives, for those who ask why it is held: "approved by Ann Lee and Bo Ek".
pub(crate) async fn approved_by(
    engine: &Engine,
    request: RequestId,
    grantable: &model::access::Grantable,
) -> Result<Option<String>, StoreError> {
    let all = engine.store().request_approvals(&[request]).await?;
    let Some(own) = all.iter().find(|approval| approval.item.grantable == *grantable) else { return Ok(None) };
    let users = engine.store().users().await?;
    let mut names: Vec<String> = own
        .decisions
        .iter()
        .filter(|decision| decision.verdict == Verdict::Approve)
        .map(|decision| match &decision.by {
            Decider::User(login) => facts::name(&users, login),
            Decider::Rule(name) => format!("the automation rule {name}"),
        })
        .collect();
    names.dedup();
    Ok((!names.is_empty()).then(|| format!("approved by {}", words::joined(&names))))
}
