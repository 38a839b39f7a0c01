//! Orders: what is being provisioned, and what an operator may do about it.

mod act;

use model::error::ApiError;
use model::ids::OrderId;
use model::order::{Order, Trouble};
use model::page::Page;
use model::view::{
    AuditLine, CarrierPause, OrderBeside, OrderCounts, OrderDetail, OrderFilter, OrderRow, OrderSelection,
    SelectionSummary, Triage,
};

use crate::circuits;
use crate::context::OpContext;
use crate::error::internal;

pub use act::{BulkOutcome, Deed, act, act_on_many};
pub(crate) use act::{carry_out, with_values};
pub use broker::edit::can_be_edited;
pub use broker::operator::offered;

/// Orders of one account among which those are looked for that go beside another.
const MOST_BESIDE: u32 = 100;

/// May be held about some people only.
pub const VIEW: &str = "/Orders/View";

/// A piece of the list: orders of those whom the caller may see here.
pub async fn page(op: &OpContext, filter: OrderFilter) -> Result<Page<OrderRow>, ApiError> {
    let filter = OrderFilter { reach: op.reach(VIEW).await?, ..filter };
    let mut page = op.engine.store().order_page(&filter).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(page)
}

/// How many orders there are in each state, by the same filter without its state.
pub async fn counts(op: &OpContext, filter: OrderFilter) -> Result<OrderCounts, ApiError> {
    let reach = op.reach(VIEW).await?;
    let filter = OrderFilter { state: None, reach, after: None, limit: None, ..filter };
    if filter == OrderFilter::default() {
        return Ok(OrderCounts::clone(&*op.engine.order_counts().await.map_err(internal)?));
    }
    let store = op.engine.store();
    let counts = match (&filter.application, &filter.carrier) {
        (Some(name), None) if !name.is_empty() && filter == of_application(name) => {
            store.order_counts_of_application(name).await
        }
        (None, Some(name)) if !name.is_empty() && filter == of_carrier(name) => {
            store.order_counts_of_carrier(name).await
        }
        _ => store.shown_order_counts(&filter).await,
    };
    counts.map_err(internal)
}

fn of_application(name: &str) -> OrderFilter {
    OrderFilter { application: Some(name.to_owned()), ..OrderFilter::default() }
}

fn of_carrier(name: &str) -> OrderFilter {
    OrderFilter { carrier: Some(name.to_owned()), ..OrderFilter::default() }
}

/// One order with its whole way.
pub async fn detail(op: &OpContext, id: OrderId) -> Result<OrderDetail, ApiError> {
    op.require_for_some(VIEW)?;
    let found = op.engine.store().order_detail(id).await.map_err(internal)?;
    let mut detail = found.ok_or_else(|| ApiError::not_found(format!("order {id}")))?;
    op.require_about(VIEW, detail.order.identity).await?;
    detail.application_name = op.engine.application_label(&detail.order.application);
    let carrier = &detail.order.carrier;
    detail.carrier_name = (*carrier != detail.order.application).then(|| op.engine.application_label(carrier));
    detail.requests = crate::requests::of_order(op, id).await?;
    detail.beside = beside(op, &detail.order).await?;
    for row in &mut detail.siblings {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(detail)
}

/// The orders of the same account beside which it goes or went.
async fn beside(op: &OpContext, order: &Order) -> Result<Vec<OrderBeside>, ApiError> {
    let Some(account) = order.account else { return Ok(Vec::new()) };
    let since = order.transmitted_at.unwrap_or(order.created_at);
    let others = op.engine.store().orders_of_account(account, since, MOST_BESIDE).await.map_err(internal)?;
    let told = |other: &Order| OrderBeside {
        id: other.id,
        operation: other.operation,
        mechanism: other.mechanism,
        carrier_name: op.engine.application_label(&other.carrier),
        state: other.state,
        reason: other.reason.clone(),
    };
    Ok(broker::beside::gone_beside(order, &others).into_iter().map(told).collect())
}

/// What is broken or stuck, what needs a person first at the top. It is about everybody: nothing to whoever sees orders of some
/// people only.
pub async fn triage(op: &OpContext) -> Result<Triage, ApiError> {
    op.require_for_some(VIEW)?;
    if !op.may(VIEW) {
        return Ok(Triage::default());
    }
    let store = op.engine.store();
    let mut groups = store.order_groups().await.map_err(internal)?;
    for group in &mut groups {
        group.application_name = op.engine.application_label(&group.application);
    }
    let urgency = |trouble: Trouble| Trouble::ALL.iter().position(|other| *other == trouble);
    groups.sort_by_key(|group| (urgency(group.trouble), group.since));
    let named = |(application, orders): (String, u64)| {
        let label = op.engine.application_label(&application);
        (application, label, orders)
    };
    let paused = circuits::pauses(&op.engine).await.map_err(internal)?;
    let paused = paused.into_iter().map(|(carrier, pause)| CarrierPause {
        carrier_name: op.engine.application_label(&carrier),
        is_integration: op.engine.world().configuration().integrations.contains_key(&carrier),
        carrier,
        cause: pause.cause(),
    });
    Ok(Triage {
        groups,
        unconfirmed: store.unconfirmed_orders().await.map_err(internal)?.into_iter().map(named).collect(),
        paused: paused.collect(),
        restored: crate::restoration::standing(op).await?,
    })
}

/// What a person is about to act on.
pub async fn selected(op: &OpContext, selection: &OrderSelection) -> Result<SelectionSummary, ApiError> {
    op.require(VIEW)?;
    let mut summary = op.engine.store().selection_summary(selection).await.map_err(internal)?;
    for (application, _) in &mut summary.by_application {
        *application = op.engine.application_label(application);
    }
    Ok(summary)
}

async fn find(op: &OpContext, id: OrderId) -> Result<Order, ApiError> {
    let order = op.engine.store().order(id).await.map_err(internal)?;
    order.ok_or_else(|| ApiError::not_found(format!("order {id}")))
}

fn audit(op: &OpContext, id: OrderId, detail: &str) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "order".into(),
        subject: id.to_string(),
        detail: detail.to_owned(),
    }
}
