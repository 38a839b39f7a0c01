//! The one way in which an approval moves: in one transaction with its request, and only while it is as it was seen.

use jiff::Timestamp;
use jiff::civil::Date;
use model::approval::{ApprovalState, RequestApproval};
use model::ids::DirectGrantId;
use model::mail::Notice;
use model::request::{DirectGrant, OrderStanding, Request, RequestState, RequestWithOrders};
use model::view::AuditLine;
use store::{NewIdentityEvent, RequestProgress, StoreError, Tx};

use crate::Engine;
use crate::requests::follow::{Moment, event};

/// An approval as it was seen and as it is to be, with what is told of it.
#[derive(Clone)]
pub(super) struct Move {
    before: RequestApproval,
    after: RequestApproval,
    sentence: String,
    actor: String,
    now: Timestamp,
    today: Date,
    /// Opened once it is approved.
    grant: DirectGrant,
    notices: Vec<Notice>,
}

impl Move {
    pub(super) async fn new(
        engine: &Engine,
        request: &Request,
        before: RequestApproval,
        after: RequestApproval,
        sentence: String,
        (actor, now): (&str, Timestamp),
    ) -> Result<Self, StoreError> {
        let id = engine.store().reserve_ids(1).await?.next().unwrap_or_default();
        let grant = DirectGrant {
            id: DirectGrantId(id),
            identity: request.identity,
            grantable: before.item.grantable.clone(),
            period: request.period(),
            origin: request.origin(),
        };
        let (actor, today) = (actor.to_owned(), engine.today());
        Ok(Self { before, after, sentence, actor, now, today, grant, notices: Vec::new() })
    }

    /// With the notices that follow from it.
    pub(super) fn told(mut self, notices: impl FnOnce(&RequestApproval, &RequestApproval) -> Vec<Notice>) -> Self {
        self.notices = notices(&self.before, &self.after);
        self
    }

    /// False where somebody else was quicker: nothing was written.
    pub(super) async fn record(self, engine: &Engine) -> Result<bool, StoreError> {
        let written = engine.store().write(move |tx| Box::pin(async move { self.write(tx).await })).await;
        match written {
            Err(StoreError::Contended) => Ok(false),
            Err(StoreError::Conflict { constraint }) if constraint == "request_decision_once" => Ok(false),
            other => other,
        }
    }

    async fn write(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        let id = self.before.request;
        let found = tx.requests_to_change(&[id]).await?.pop();
        let now = tx.request_approvals(&[id]).await?;
        let is_as_seen = now.contains(&self.before);
        let Some(RequestWithOrders { request, orders }) = found.filter(|_| is_as_seen) else { return Ok(false) };
        for decision in self.after.decisions.iter().skip(self.before.decisions.len()) {
            tx.insert_request_decision(id, self.after.line, decision).await?;
        }
        tx.update_request_approvals(std::slice::from_ref(&self.after)).await?;
        let mut request = request;
        if self.after.state != ApprovalState::Waiting {
            request.awaiting.retain(|item| *item != self.after.item);
        }
        match self.after.state {
            ApprovalState::Waiting => {}
            ApprovalState::Approved => {
                tx.open_direct_grants(std::slice::from_ref(&self.grant), None, self.now).await?;
                tx.note_changed_identities(&[request.identity], self.now).await?;
                // Not all of it is planned any more.
                request.planned_at = None;
                request.to_plan |= request.not_before.is_none_or(|first| first <= self.today);
            }
            ApprovalState::Declined | ApprovalState::Cancelled => request.refused.push(self.after.item.clone()),
        }
        let row = settled(&request, &orders, &self.sentence, (self.today, self.now));
        tx.update_requests(std::slice::from_ref(&row)).await?;
        let moment = Moment { today: self.today, now: self.now, actor: &self.actor };
        tx.append_request_events(&[event(id, row.state, self.sentence.clone(), moment)]).await?;
        tx.append_identity_events(&[NewIdentityEvent {
            identity: request.identity,
            at: self.now,
            message: format!("Request {id}: {}", self.sentence),
            order: None,
            run: None,
        }])
        .await?;
        tx.insert_notices(&self.notices).await?;
        tx.append_audit(&AuditLine {
            at: self.now,
            actor: self.actor.clone(),
            action: "approval".into(),
            subject: id.to_string(),
            detail: self.sentence.clone(),
        })
        .await?;
        Ok(true)
    }
}

/// Where a request is once something of it was decided. Of which nothing is left, that is over, and says by what.
pub(crate) fn settled(
    request: &Request,
    orders: &[OrderStanding],
    sentence: &str,
    (today, now): (Date, Timestamp),
) -> RequestProgress {
    let mut request = request.clone();
    if request.awaiting.is_empty() && request.in_force().is_empty() {
        return RequestProgress {
            state: RequestState::Cancelled,
            message: Some(sentence.to_owned()),
            ended_at: Some(now),
            ..RequestProgress::of(&request)
        };
    }
    if request.state == RequestState::Approval && request.awaiting.is_empty() && request.planned_at.is_none() {
        match request.run.filter(|_| !request.to_plan) {
            Some(run) => request.message = Some(format!("A threshold stopped run {run}: somebody has to approve it.")),
            None => request.state = RequestState::Submitted,
        }
    }
    let progress = broker::request::progress(&request, orders, today, now);
    RequestProgress {
        state: progress.state,
        message: progress.message,
        sent_at: progress.sent_at,
        done_at: progress.done_at,
        ended_at: progress.ended_at,
        ..RequestProgress::of(&request)
    }
}
