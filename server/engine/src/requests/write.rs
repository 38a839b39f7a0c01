//! Writing requests down: with what they give and take away, in one transaction.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::{
    Change, DirectGrant, NewRequest, Request, RequestEvent, RequestItem, RequestState, RequestWithOrders,
};
use model::risk::AcceptedRisk;
use model::view::AuditLine;
use store::{NewIdentityEvent, RequestProgress, StoreError, Tx};

use crate::Engine;
use crate::context::OpContext;
use crate::request_approvals::{self, Asked};

use super::check::{Ready, shortened};
use super::follow::{Moment, event};

/// A request that was checked, with all that is written with it.
pub(crate) struct Kept {
    pub(crate) request: Request,
    open_key: String,
    key: Option<String>,
    digest: String,
    accepted: Vec<AcceptedRisk>,
    given: Vec<DirectGrant>,
    asked: Asked,
    taken: Vec<DirectGrantId>,
    in_place: Vec<DirectGrant>,
    event: RequestEvent,
    told: NewIdentityEvent,
    audit: AuditLine,
}

impl Kept {
    /// Takes ids of its own; nothing is written.
    pub(super) async fn prepare(
        op: &OpContext,
        new: &NewRequest,
        ready: &Ready,
        digest: &str,
        accepted: Vec<AcceptedRisk>,
    ) -> Result<Self, StoreError> {
        let engine = &op.engine;
        let (now, today) = (op.now, engine.today());
        let mut ids = engine.store().reserve_ids(1 + new.items.len() + ready.taken.len()).await?;
        let mut next = || ids.next().unwrap_or_default();
        let id = RequestId(next());
        let accepted: Vec<AcceptedRisk> =
            accepted.into_iter().map(|risk| AcceptedRisk { request: id, ..risk }).collect();
        let waits = new.not_before.is_some_and(|first| today < first);
        let mut request = Request {
            id,
            trigger: new.trigger,
            priority: new
                .priority
                .unwrap_or_else(|| new.trigger.priority(&engine.world().configuration().organisation.priorities)),
            source: new.source.clone(),
            requester: requester(op, new),
            identity: new.identity,
            items: new.items.clone(),
            awaiting: Vec::new(),
            refused: Vec::new(),
            justification: new.justification.clone(),
            correlation: new.correlation.clone(),
            not_before: new.not_before,
            until: new.until,
            state: if waits { RequestState::Waiting } else { RequestState::Submitted },
            message: None,
            to_plan: !waits,
            run: None,
            submitted_at: now,
            planned_at: None,
            sent_at: None,
            done_at: None,
            ended_at: None,
        };
        let asked = request_approvals::begin(engine, &request, now).await?;
        if !asked.approvals.is_empty() {
            request.awaiting = asked.approvals.iter().map(|approval| approval.item.clone()).collect();
            request.to_plan &= !request.in_force().is_empty();
            let progress = broker::request::progress(&request, &[], today, now);
            (request.state, request.message) = (progress.state, progress.message);
        }
        // What waits for an approval is given once it has it.
        let given: Vec<DirectGrant> = new
            .items
            .iter()
            .filter(|item| item.change == Change::Give && !request.awaiting.contains(item))
            .map(|item| DirectGrant {
                id: DirectGrantId(next()),
                identity: new.identity,
                grantable: item.grantable.clone(),
                period: request.period(),
                origin: request.origin(),
            })
            .collect();
        let taken: Vec<DirectGrantId> = ready.taken.iter().map(|grant| grant.id).collect();
        let in_place: Vec<DirectGrant> = new
            .not_before
            .filter(|first| *first > today)
            .map(|first| ready.taken.iter().filter_map(|grant| shortened(grant, first)).collect::<Vec<_>>())
            .unwrap_or_default()
            .into_iter()
            .map(|grant| DirectGrant { id: DirectGrantId(next()), ..grant })
            .collect();
        let sentence = format!("{} asks: {}.", request.requester, said(engine, &new.items));
        let told = NewIdentityEvent {
            identity: new.identity,
            at: now,
            message: format!("Request {id}: {sentence} {}", request.justification),
            order: None,
            run: None,
        };
        let audit =
            super::audit(op, id, format!("{sentence} For identity {}. {}", new.identity, request.justification));
        let event = event(id, request.state, sentence, Moment { today, now, actor: &op.user.login });
        Ok(Self {
            request,
            open_key: broker::request::open_key(new),
            key: new.key.clone(),
            digest: digest.to_owned(),
            accepted,
            given,
            asked,
            taken,
            in_place,
            event,
            told,
            audit,
        })
    }
}

/// Keeps a request that was checked, and answers it as it stands.
pub(super) async fn write(
    op: &OpContext,
    new: &NewRequest,
    ready: &Ready,
    digest: &str,
    accepted: Vec<AcceptedRisk>,
) -> Result<Request, StoreError> {
    let kept = Kept::prepare(op, new, ready, digest, accepted).await?;
    let request = kept.request.clone();
    op.engine.store().write(move |tx| Box::pin(async move { keep(tx, &kept).await })).await?;
    Ok(request)
}

/// Writes a request down.
///
/// # Errors
/// `Contended` where what it takes was taken in between: it is to be checked anew.
pub(crate) async fn keep(tx: &mut Tx, kept: &Kept) -> Result<(), StoreError> {
    let (id, identity, now) = (kept.request.id, kept.request.identity, kept.request.submitted_at);
    tx.insert_request(&kept.request, &kept.open_key).await?;
    tx.insert_accepted_risks(&kept.accepted).await?;
    tx.insert_request_approvals(&kept.asked.approvals).await?;
    tx.insert_notices(&kept.asked.notices).await?;
    if let Some(key) = &kept.key {
        tx.insert_request_key(&kept.request.source, key, &kept.digest, id, now).await?;
    }
    tx.append_request_events(std::slice::from_ref(&kept.event)).await?;
    if tx.close_direct_grants(&kept.taken, Some(id), now).await? != kept.taken.len() as u64 {
        // Another request took the same away in between: everything is looked at anew.
        return Err(StoreError::Contended);
    }
    tx.open_direct_grants(&kept.in_place, Some(id), now).await?;
    tx.open_direct_grants(&kept.given, None, now).await?;
    tx.note_changed_identities(&[identity], now).await?;
    tx.append_identity_events(std::slice::from_ref(&kept.told)).await?;
    tx.append_audit(&kept.audit).await
}

/// Attaches another request for the same to the one that is open; false where that is no longer open.
pub(super) async fn attach(op: &OpContext, new: &NewRequest, id: RequestId, digest: &str) -> Result<bool, StoreError> {
    let (now, today) = (op.now, op.engine.today());
    let (key, digest, source) = (new.key.clone(), digest.to_owned(), new.source.clone());
    let message = format!("{} asked for the same: {}", requester(op, new), new.justification);
    let (login, audit) = (op.user.login.clone(), super::audit(op, id, format!("attached: {message}")));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let found = tx.requests_to_change(&[id]).await?;
            let Some(RequestWithOrders { request, .. }) = found.first().filter(|found| found.request.state.is_open())
            else {
                return Ok::<_, StoreError>(false);
            };
            if let Some(key) = &key {
                tx.insert_request_key(&source, key, &digest, id, now).await?;
            }
            let attached = event(id, request.state, message, Moment { today, now, actor: &login });
            tx.append_request_events(&[attached]).await?;
            tx.append_audit(&audit).await?;
            Ok(true)
        })
    });
    work.await
}

/// What calling a request off undoes, as it stands: written with [`call_off`].
#[derive(Clone)]
pub(crate) struct CallOff {
    request: RequestId,
    identity: IdentityId,
    /// What it gave, and what holds in the place of what it took.
    ended: Vec<DirectGrantId>,
    /// What it took away.
    again: Vec<DirectGrant>,
    /// How much of it waited for an approval.
    awaiting: usize,
    message: String,
    by: String,
    now: Timestamp,
    today: Date,
}

impl CallOff {
    pub(crate) async fn prepare(
        engine: &Engine,
        request: &Request,
        message: String,
        by: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let store = engine.store();
        let given = store.direct_grants_of(request.id).await?;
        let (taken, in_place) = store.direct_grants_taken_by(request.id).await?;
        let mut ids = store.reserve_ids(taken.len()).await?;
        let renewed = |grant: DirectGrant| DirectGrant { id: DirectGrantId(ids.next().unwrap_or_default()), ..grant };
        Ok(Self {
            request: request.id,
            identity: request.identity,
            ended: given.iter().chain(&in_place).map(|grant| grant.id).collect(),
            again: taken.into_iter().map(renewed).collect(),
            awaiting: request.awaiting.len(),
            message,
            by: by.to_owned(),
            now,
            today: engine.today(),
        })
    }
}

/// Ends a request of which nothing was sent, with all that it gave and took away; where something was sent, what of it waits
/// for an approval. False where it is too late.
///
/// # Errors
/// `Contended` where what it gave or took has changed since: it is to be prepared anew.
pub(crate) async fn call_off(tx: &mut Tx, off: &CallOff) -> Result<bool, StoreError> {
    let found = tx.requests_to_change(&[off.request]).await?;
    let can = |found: &&RequestWithOrders| broker::request::can_be_cancelled(&found.request, &found.orders);
    let Some(RequestWithOrders { request, orders }) = found.first().filter(can) else {
        return Ok(false);
    };
    if request.awaiting.len() != off.awaiting {
        return Err(StoreError::Contended);
    }
    let moment = Moment { today: off.today, now: off.now, actor: &off.by };
    let approvals = tx.request_approvals(&[off.request]).await?;
    let cancelled: Vec<_> =
        approvals.iter().filter_map(|approval| broker::request_approval::cancel(approval, off.now)).collect();
    tx.update_request_approvals(&cancelled).await?;
    if !broker::request::can_be_called_off(request, orders) {
        let mut request = request.clone();
        let refused = std::mem::take(&mut request.awaiting);
        request.refused.extend(refused);
        let row = request_approvals::settled(&request, orders, &off.message, (off.today, off.now));
        let state = row.state;
        tx.update_requests(&[row]).await?;
        let message = format!("{} What was approved before stays.", off.message);
        tx.append_request_events(&[event(off.request, state, message, moment)]).await?;
        return Ok(true);
    }
    if tx.close_direct_grants(&off.ended, None, off.now).await? != off.ended.len() as u64 {
        return Err(StoreError::Contended);
    }
    tx.open_direct_grants(&off.again, None, off.now).await?;
    tx.note_changed_identities(&[off.identity], off.now).await?;
    tx.update_requests(&[RequestProgress {
        state: RequestState::Cancelled,
        message: Some(off.message.clone()),
        to_plan: true,
        ended_at: Some(off.now),
        ..RequestProgress::of(request)
    }])
    .await?;
    tx.append_request_events(&[event(off.request, RequestState::Cancelled, off.message.clone(), moment)]).await?;
    Ok(true)
}

/// First days have come, and last days are over.
pub(super) async fn day_came(engine: &Engine, come: Vec<RequestId>, over: Vec<DirectGrant>) -> Result<(), StoreError> {
    let (now, today, node) = (engine.now(), engine.today(), engine.node().to_owned());
    let ended: Vec<DirectGrantId> = over.iter().map(|grant| grant.id).collect();
    let mut concerned: BTreeSet<RequestId> = over.iter().map(|grant| grant.origin.request).collect();
    concerned.extend(&come);
    let concerned: Vec<RequestId> = concerned.into_iter().collect();
    let told: Vec<NewIdentityEvent> = over
        .iter()
        .map(|grant| NewIdentityEvent {
            identity: grant.identity,
            at: now,
            message: format!(
                "{} was given directly by request {}, and its last day is over.",
                engine.label(&grant.grantable),
                grant.origin.request
            ),
            order: None,
            run: None,
        })
        .collect();
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            let found = tx.requests_to_change(&concerned).await?;
            let moment = Moment { today, now, actor: &node };
            let (mut rows, mut events, mut identities) = (Vec::new(), Vec::new(), Vec::new());
            let mut begun = false;
            for RequestWithOrders { request, .. } in &found {
                let begins = come.contains(&request.id) && begins(request, today);
                let ends = over.iter().any(|grant| grant.origin.request == request.id);
                if !begins && !ends {
                    continue;
                }
                begun |= begins;
                let state = match begins {
                    true if request.awaiting.is_empty() => RequestState::Submitted,
                    _ => request.state,
                };
                let sentence =
                    if begins { "Its first day has come." } else { "Its last day is over: what it gave ends." };
                rows.push(RequestProgress { state, to_plan: true, ..RequestProgress::of(request) });
                events.push(event(request.id, state, sentence.to_owned(), moment));
                identities.push(request.identity);
            }
            // Where another node was quicker, nothing is left to tell.
            let closed = tx.close_direct_grants(&ended, None, now).await?;
            if closed == 0 && !begun {
                return Ok(());
            }
            tx.update_requests(&rows).await?;
            tx.append_request_events(&events).await?;
            tx.append_identity_events(&told).await?;
            let identities: Vec<IdentityId> = identities;
            tx.note_changed_identities(&identities, now).await
        })
    });
    work.await
}

fn begins(request: &Request, today: Date) -> bool {
    let waits = match request.state {
        RequestState::Waiting => true,
        // It waits for approvals of something else.
        RequestState::Approval => request.planned_at.is_none() && !request.to_plan && request.run.is_none(),
        _ => false,
    };
    waits && request.not_before.is_none_or(|first| first <= today)
}

pub(super) fn requester(op: &OpContext, new: &NewRequest) -> String {
    new.requester.clone().unwrap_or_else(|| op.user.login.clone())
}

/// "give Sales staff; take away Vault".
fn said(engine: &Engine, items: &[RequestItem]) -> String {
    let one = |item: &RequestItem| match item.change {
        Change::Give => format!("give {}", engine.label(&item.grantable)),
        Change::Take => format!("take away {}", engine.label(&item.grantable)),
    };
    items.iter().map(one).collect::<Vec<_>>().join("; ")
}
