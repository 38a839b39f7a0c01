//! How a work item is changed: it is seen, a change is decided, and written only while all is as it was seen. Who was
//! slower looks again, and then finds what the other did.

use broker::work_item::{self, Refusal};
use model::error::{ApiError, ErrorCode};
use model::ids::{UserId, WorkItemId};
use model::order::ProvisioningState;
use model::user::Duty;
use model::view::AuditLine;
use model::work_item::{WorkItem, WorkItemEvent, WorkItemEventKind, WorkItemState};
use store::StoreError;

use super::staff;
use crate::context::OpContext;
use crate::error::internal;
use crate::record::{self, SeenWork, WorkChange};

/// How often it is looked again before giving up.
const ATTEMPTS: u32 = 8;

/// A work item with its order and the others of its attempt.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) item: WorkItem,
    pub(super) work: SeenWork,
}

impl Seen {
    pub(super) async fn read(op: &OpContext, id: WorkItemId) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found(format!("work item {id}"));
        let (order, items) = op.engine.store().work_of_attempt(id).await.map_err(internal)?.ok_or_else(missing)?;
        let item = items.iter().find(|other| other.id == id).cloned().ok_or_else(missing)?;
        Ok(Self { item, work: SeenWork { order, items } })
    }

    /// The others of its attempt.
    pub(super) fn others(&self) -> Vec<WorkItem> {
        self.work.items.iter().filter(|other| other.id != self.item.id).cloned().collect()
    }

    pub(super) fn change(&self) -> WorkChange {
        WorkChange::new(self.work.clone())
    }

    /// Refuses whoever may do work of other account types only, or would do their own where that is not wanted.
    pub(super) fn require(&self, op: &OpContext) -> Result<(), ApiError> {
        op.require_duty(Duty::Fulfil, &self.work.order.account_type)?;
        match own_work(op, &self.work.order) {
            Some(refused) => Err(ApiError::new(ErrorCode::Forbidden, refused)),
            None => Ok(()),
        }
    }

    /// Refuses where it is closed, or its order does not wait for it any more.
    pub(super) fn require_open(&self) -> Result<(), ApiError> {
        let waits = self.work.order.state == ProvisioningState::Transmitted;
        match self.item.state == WorkItemState::Open && waits {
            true => Ok(()),
            false => Err(ApiError::conflict(Refusal::Closed(self.item.id).to_string())),
        }
    }
}

/// Why somebody may not do work that is about themselves.
pub(super) fn own_work(op: &OpContext, order: &model::order::Order) -> Option<String> {
    let configuration = op.engine.world().configuration();
    let is_own = op.user.identity == Some(order.identity);
    (is_own && staff::named(&configuration, order).no_own_work).then(|| {
        "This work is about yourself, and nobody does work about themselves here. Somebody else has to do it."
            .to_owned()
    })
}

/// Who acts, where it is a user; the command line is none.
pub(super) fn actor(op: &OpContext) -> Option<UserId> {
    (op.user.id != UserId(0)).then_some(op.user.id)
}

pub(super) fn event(op: &OpContext, kind: WorkItemEventKind, message: String) -> WorkItemEvent {
    WorkItemEvent { at: op.now, actor: op.user.login.clone(), kind, message }
}

pub(super) fn audit(op: &OpContext, id: WorkItemId, detail: &str) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "work item".into(),
        subject: id.to_string(),
        detail: detail.to_owned(),
    }
}

/// What a person is told who was refused.
pub(super) async fn told(op: &OpContext, refusal: Refusal) -> ApiError {
    let message = refusal.to_string();
    match refusal {
        Refusal::Taken(id, by) => {
            let user = op.engine.store().user(by).await.ok().flatten();
            let by = user.map_or_else(|| "somebody else".to_owned(), |user| user.display_name);
            ApiError::conflict(format!("Work item {id} is taken by {by}. Ask them to report, or to give it back."))
        }
        Refusal::Closed(_) | Refusal::NotYours(_) | Refusal::NoSuchLine(..) => ApiError::conflict(message),
        Refusal::EvidenceMissing => ApiError::invalid("note", message),
        Refusal::Reference | Refusal::ReferenceTooLong => ApiError::invalid("reference", message),
        Refusal::WhyMissing(_) | Refusal::TextMissing | Refusal::TextTooLong => ApiError::invalid("why", message),
        Refusal::Value(_) | Refusal::NoValue(_) => ApiError::invalid("actual", message),
        Refusal::NoAccountWithout(_) | Refusal::NothingReported | Refusal::NothingToSplit => {
            ApiError::invalid("lines", message)
        }
    }
}

/// Writes what was decided; false where it has to be decided anew.
pub(super) async fn write(op: &OpContext, change: WorkChange) -> Result<bool, ApiError> {
    match record::record_work(&op.engine, change, op.now).await {
        Ok(taken) => Ok(taken),
        Err(StoreError::Conflict { constraint }) if constraint == record::VALUE_TAKEN => Err(ApiError::invalid(
            "actual",
            "Another account has that value, or is to have it. Look again at what was set; nothing was changed.",
        )),
        Err(StoreError::Contended) => Ok(false),
        Err(error) => Err(internal(error)),
    }
}

/// Decides and writes, until what was decided is about what is.
pub(super) async fn change<F, Decided>(op: &OpContext, id: WorkItemId, decide: F) -> Result<(), ApiError>
where
    F: Fn(Seen) -> Decided,
    Decided: Future<Output = Result<WorkChange, ApiError>>,
{
    for _ in 0..ATTEMPTS {
        let seen = Seen::read(op, id).await?;
        if write(op, decide(seen).await?).await? {
            return Ok(());
        }
    }
    Err(ApiError::conflict(format!(
        "Work item {id} is being changed by others; nothing was changed. Look at it again."
    )))
}

/// Takes a work item, or gives it back.
pub(super) async fn hold(op: &OpContext, id: WorkItemId, takes: bool) -> Result<(), ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    change(op, id, |seen| async move {
        seen.require(op)?;
        seen.require_open()?;
        let Some(by) = actor(op) else {
            return Err(match takes {
                true => ApiError::conflict("The command line is nobody who could have work. Sign in to take it."),
                false => told(op, Refusal::NotYours(id)).await,
            });
        };
        let decided = if takes { work_item::claim(&seen.item, by) } else { work_item::release(&seen.item, by) };
        let after = match decided {
            Ok(after) => after,
            Err(refusal) => return Err(told(op, refusal).await),
        };
        let mut change = seen.change();
        if after == seen.item {
            return Ok(change);
        }
        let name = &op.user.display_name;
        let (kind, message, detail) = match takes {
            true => (WorkItemEventKind::Claimed, format!("{name} takes it."), "claimed"),
            false => (WorkItemEventKind::Released, format!("{name} gives it back."), "given back"),
        };
        change.events.push((id, event(op, kind, message)));
        change.audit.push(audit(op, id, detail));
        change.changed.push(after);
        Ok(change)
    })
    .await
}
