//! Work items: changes that people carry out.

use model::command::{Applied, CommandError, Outcome};
use model::configuration::Connection;
use model::error::{ApiError, ErrorCode};
use model::ids::{UserId, WorkItemId};
use model::order::{ErrorClass, Order, ProvisioningState};
use model::page::Page;
use model::user::Duty;
use model::view::{AuditLine, WorkItemDetail, WorkItemFilter, WorkItemRow};
use model::work_item::{WorkItem, WorkItemState};

use crate::context::OpContext;
use crate::dispatch;
use crate::error::internal;
use crate::record::{self, Step};

/// What became of one work item of several.
pub type ItemOutcome = (WorkItemId, Result<(), ApiError>);

/// A piece of the list.
pub async fn page(op: &OpContext, filter: WorkItemFilter) -> Result<Page<WorkItemRow>, ApiError> {
    op.require("/WorkItems/View")?;
    let mut page = op.engine.store().work_item_page(&filter).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application_name = op.engine.application_label(&row.application);
    }
    Ok(page)
}

/// One work item with all a person needs to do it.
pub async fn detail(op: &OpContext, id: WorkItemId) -> Result<WorkItemDetail, ApiError> {
    op.require("/WorkItems/View")?;
    let (item, order) = find(op, id).await?;
    let store = op.engine.store();
    let identities = store.identities_by_id(&[order.identity]).await.map_err(internal)?;
    let configuration = op.engine.world().configuration();
    let instructions =
        match configuration.applications.get(&item.application).map(|application| &application.connection) {
            Some(Connection::Manual(manual)) => manual.instructions.clone().unwrap_or_default(),
            // People do it although the application is reached otherwise: who decided so has said why.
            _ => given_to_people(op, &order).await?,
        };
    Ok(WorkItemDetail {
        identity_name: identities.first().map(|identity| identity.display_name.clone()).unwrap_or_default(),
        application_name: op.engine.application_label(&item.application),
        instructions,
        claimed_by: user_name(op, item.claimed_by).await?,
        closed_by: user_name(op, item.closed_by).await?,
        item,
        order,
    })
}

/// Takes a work item, so that others see who is at it.
pub async fn claim(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    require_duty(op, id).await?;
    let by = op.user.id;
    let taken = op.engine.store().write(move |tx| Box::pin(async move { tx.claim_work_item(id, by).await }));
    match taken.await.map_err(internal)? {
        true => Ok(()),
        false => Err(ApiError::conflict(format!("Work item {id} is already taken or closed. Look at it again."))),
    }
}

/// Gives a claimed work item back.
pub async fn release(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    require_duty(op, id).await?;
    let by = op.user.id;
    let given = op.engine.store().write(move |tx| Box::pin(async move { tx.release_work_item(id, by).await }));
    match given.await.map_err(internal)? {
        true => Ok(()),
        false => Err(ApiError::conflict(format!("Work item {id} is not yours to give back. Look at it again."))),
    }
}

/// Confirms that the work is done, for one or several; each answers for itself.
pub async fn confirm(op: &OpContext, ids: Vec<WorkItemId>, note: String) -> Result<Vec<ItemOutcome>, ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let note = note.trim().to_owned();
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in distinct(ids)? {
        outcomes.push((id, close(op, id, Report::Done { note: note.clone() }).await));
    }
    Ok(outcomes)
}

/// Reports that the work cannot be done, and why, for one or several.
pub async fn report_error(op: &OpContext, ids: Vec<WorkItemId>, why: String) -> Result<Vec<ItemOutcome>, ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let why = why.trim().to_owned();
    if why.is_empty() {
        return Err(ApiError::invalid("why", "Say why it cannot be done; whoever mends it reads this first."));
    }
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in distinct(ids)? {
        outcomes.push((id, close(op, id, Report::CannotDo { why: why.clone() }).await));
    }
    Ok(outcomes)
}

fn distinct(mut ids: Vec<WorkItemId>) -> Result<Vec<WorkItemId>, ApiError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(ApiError::invalid("ids", "Tick at least one work item."));
    }
    Ok(ids)
}

/// What a person says about a work item.
enum Report {
    Done { note: String },
    CannotDo { why: String },
}

async fn close(op: &OpContext, id: WorkItemId, report: Report) -> Result<(), ApiError> {
    let (item, order) = find(op, id).await?;
    op.require_duty(Duty::Fulfil, &order.account_type)?;
    if item.state != WorkItemState::Open || order.state != ProvisioningState::Transmitted {
        return Err(ApiError::conflict(format!("Work item {id} is already closed; nothing was changed.")));
    }
    if item.claimed_by.is_some_and(|by| by != op.user.id) {
        let by = user_name(op, item.claimed_by).await?.unwrap_or_else(|| "somebody else".into());
        return Err(ApiError::new(
            ErrorCode::Conflict,
            format!("Work item {id} is taken by {by}. Ask them to report, or to give it back."),
        ));
    }
    let (state, note, answer) = match report {
        Report::Done { note } => {
            let by = format!("confirmed by {}", op.user.display_name);
            let detail = if note.is_empty() { by } else { format!("{by}: {note}") };
            (WorkItemState::Done, note, Ok(Outcome::Applied(Applied { detail, ..Applied::default() })))
        }
        Report::CannotDo { why } => {
            (WorkItemState::CannotDo, why.clone(), Err(CommandError::new(ErrorClass::Declined, why)))
        }
    };
    let engine = &op.engine;
    let accounts = dispatch::accounts_of(engine, std::slice::from_ref(&order)).await.map_err(internal)?;
    let account = order.account.and_then(|id| accounts.get(&id));
    let settled = dispatch::settle_answer(engine, &order, account, &answer);
    let step = Step { actor: Some(op.user.login.clone()), ..Step::new(order.clone(), settled) };
    let closing = record::Closing {
        item: id,
        state,
        by: (op.user.id != UserId(0)).then_some(op.user.id),
        note: (!note.is_empty()).then_some(note),
        audit: AuditLine {
            at: op.now,
            actor: op.user.login.clone(),
            action: "work item".into(),
            subject: id.to_string(),
            detail: state.name().into(),
        },
    };
    if !record::record_and_close(engine, step, closing, op.now).await.map_err(internal)? {
        return Err(ApiError::conflict(format!(
            "Work item {id} has just been closed by somebody else; nothing was changed."
        )));
    }
    if state == WorkItemState::Done
        && let Some(hook) = engine.on_confirmed()
    {
        hook(&order);
    }
    Ok(())
}

/// Refuses whoever may do work of other account types only.
async fn require_duty(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let (_, order) = find(op, id).await?;
    op.require_duty(Duty::Fulfil, &order.account_type)
}

async fn find(op: &OpContext, id: WorkItemId) -> Result<(WorkItem, Order), ApiError> {
    let store = op.engine.store();
    let missing = || ApiError::not_found(format!("work item {id}"));
    let item = store.work_item(id).await.map_err(internal)?.ok_or_else(missing)?;
    let order = store.order(item.order).await.map_err(internal)?.ok_or_else(missing)?;
    Ok((item, order))
}

/// What the person wrote who gave the order to people.
async fn given_to_people(op: &OpContext, order: &Order) -> Result<String, ApiError> {
    let detail = op.engine.store().order_detail(order.id).await.map_err(internal)?;
    let timeline = detail.map(|detail| detail.timeline).unwrap_or_default();
    let given = timeline.into_iter().rev().find(|event| event.message.starts_with("Given to people"));
    Ok(given.map(|event| event.message).unwrap_or_default())
}

async fn user_name(op: &OpContext, id: Option<UserId>) -> Result<Option<String>, ApiError> {
    let Some(id) = id else { return Ok(None) };
    let user = op.engine.store().user(id).await.map_err(internal)?;
    Ok(user.map(|user| user.display_name))
}
