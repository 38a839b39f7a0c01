//! Orders: what is being provisioned, and what an operator may do about it.

use broker::lifecycle::{self, Event};
use model::error::ApiError;
use model::ids::OrderId;
use model::order::{Order, ProvisioningState, StateReason};
use model::page::Page;
use model::view::{AuditLine, OrderCounts, OrderDetail, OrderFilter, OrderRow};
use store::{RecordedTransition, StoreError};

use crate::context::OpContext;
use crate::error::internal;

/// A piece of the list.
pub async fn page(op: &OpContext, filter: OrderFilter) -> Result<Page<OrderRow>, ApiError> {
    op.require("/Orders/View")?;
    let mut page = op.engine.store().order_page(&filter).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(page)
}

/// How many orders there are in each state, by the same filter without its state.
pub async fn counts(op: &OpContext, filter: OrderFilter) -> Result<OrderCounts, ApiError> {
    op.require("/Orders/View")?;
    op.engine.store().order_counts(&OrderFilter { state: None, ..filter }).await.map_err(internal)
}

/// One order with its whole way.
pub async fn detail(op: &OpContext, id: OrderId) -> Result<OrderDetail, ApiError> {
    op.require("/Orders/View")?;
    let found = op.engine.store().order_detail(id).await.map_err(internal)?;
    let mut detail = found.ok_or_else(|| ApiError::not_found(format!("order {id}")))?;
    detail.application_name = op.engine.application_label(&detail.order.application);
    for row in &mut detail.siblings {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(detail)
}

/// Sends a failed or waiting order again, now.
pub async fn retry(op: &OpContext, id: OrderId) -> Result<(), ApiError> {
    op.require("/Orders/Retry")?;
    act(op, id, Event::RetryNow, None, "Sent again by a person.").await?;
    op.engine.wake().notify_waiters();
    Ok(())
}

/// Approves or declines an order that waits for review.
pub async fn review(op: &OpContext, id: OrderId, approve: bool) -> Result<(), ApiError> {
    op.require("/Orders/Review")?;
    let (event, message) =
        if approve { (Event::Approve, "Approved by a person.") } else { (Event::Decline, "Declined by a person.") };
    act(op, id, event, None, message).await
}

/// Gives up an order that is not under way, or that waits in a system where it can be called off.
pub async fn cancel(op: &OpContext, id: OrderId, why: String) -> Result<(), ApiError> {
    op.require("/Orders/Cancel")?;
    if why.trim().is_empty() {
        return Err(ApiError::invalid("why", "Say why the order is given up; it is kept with the order."));
    }
    let order = op.engine.store().order(id).await.map_err(internal)?;
    let event = if order.is_some_and(|order| can_be_called_off(op, &order)) { Event::CallOff } else { Event::Cancel };
    act(op, id, event, None, &format!("Given up: {}", why.trim())).await
}

/// Whether the order waits in another system that can be told. The sweep tells it once the decision is written down.
fn can_be_called_off(op: &OpContext, order: &Order) -> bool {
    let configuration = op.engine.world().configuration();
    let application = configuration.applications.get(&order.application);
    order.state == ProvisioningState::Transmitted
        && matches!(order.reason, Some(StateReason::Handed { .. } | StateReason::Unclear { .. }))
        && application.is_some_and(|application| application.connection.calls_off())
}

/// Applies a person's decision, or says why it cannot be applied now.
async fn act(
    op: &OpContext,
    id: OrderId,
    event: Event,
    reason: Option<StateReason>,
    message: &str,
) -> Result<(), ApiError> {
    let order = op.engine.store().order(id).await.map_err(internal)?;
    let order = order.ok_or_else(|| ApiError::not_found(format!("order {id}")))?;
    let to = lifecycle::advance(order.state, event)
        .map_err(|refused| ApiError::conflict(format!("Order {id} stays as it is: {refused}.")))?;
    let transition = decided(op, &order, to, reason, message);
    let audit = AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "order".into(),
        subject: id.to_string(),
        detail: message.to_owned(),
    };
    let states = {
        let mut after = order.clone();
        after.state = to;
        for item in &mut after.items {
            if item.state != ProvisioningState::Verified {
                item.state = to;
            }
        }
        crate::record::assignment_states(&after)
    };
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let taken = tx.record_transitions(&[transition]).await?;
            if taken == [true] {
                tx.set_assignment_states(&states).await?;
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(taken)
        })
    });
    match work.await.map_err(internal)?.as_slice() {
        [true] => Ok(()),
        _ => Err(ApiError::conflict(format!("Order {id} has just changed. Look at it again before you decide."))),
    }
}

fn decided(
    op: &OpContext,
    order: &Order,
    to: ProvisioningState,
    reason: Option<StateReason>,
    message: &str,
) -> RecordedTransition {
    RecordedTransition {
        order: order.id,
        fence: None,
        from: vec![order.state],
        to,
        reason,
        next_attempt_at: (to == ProvisioningState::Pending).then_some(op.now),
        account: None,
        key: None,
        items: order
            .items
            .iter()
            .filter(|item| item.state != ProvisioningState::Verified)
            .map(|item| (item.id, to, None))
            .collect(),
        answer: None,
        actor: op.user.login.clone(),
        message: message.to_owned(),
        at: op.now,
    }
}
