//! Keeps requests where their orders put them, in the transaction that moves the orders.

use jiff::Timestamp;
use jiff::civil::Date;
use model::ids::{OrderId, RequestId, RunId};
use model::request::{RequestEvent, RequestState, RequestWithOrders};
use store::{RequestProgress, StoreError, Tx};

/// What a request is told by.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) today: Date,
    pub(crate) now: Timestamp,
    /// Login, or the name of the node.
    pub(crate) actor: &'a str,
}

/// Looks at all requests that these orders carry out.
pub(crate) async fn orders(tx: &mut Tx, orders: &[OrderId], moment: Moment<'_>) -> Result<(), StoreError> {
    if orders.is_empty() {
        return Ok(());
    }
    let found = tx.requests_of_orders(orders).await?;
    note(tx, found, moment).await
}

/// What was planned for them stands: nothing has to be planned because of them any more. Each comes with how much of it
/// waited for an approval when it was planned; where something was decided since, it is planned once more.
pub(crate) async fn planned(
    tx: &mut Tx,
    requests: &[(RequestId, usize)],
    run: RunId,
    moment: Moment<'_>,
) -> Result<(), StoreError> {
    let ids: Vec<RequestId> = requests.iter().map(|(id, _)| *id).collect();
    let mut found = tx.requests_to_change(&ids).await?;
    for RequestWithOrders { request, .. } in &mut found {
        if !requests.contains(&(request.id, request.awaiting.len())) {
            continue;
        }
        request.to_plan = false;
        if request.state != RequestState::Cancelled {
            request.planned_at.get_or_insert(moment.now);
        }
        request.run = Some(run);
    }
    let flags: Vec<RequestProgress> = found.iter().map(|found| RequestProgress::of(&found.request)).collect();
    tx.update_requests(&flags).await?;
    note(tx, found, moment).await
}

/// A threshold stopped what was planned for them.
pub(crate) async fn stopped(
    tx: &mut Tx,
    requests: &[RequestId],
    run: RunId,
    moment: Moment<'_>,
) -> Result<(), StoreError> {
    let found = tx.requests_to_change(requests).await?;
    let waits = found.iter().filter(|found| found.request.planned_at.is_none() && found.request.state.is_open());
    let message = format!("A threshold stopped run {run}: somebody has to approve it.");
    let (mut rows, mut events) = (Vec::new(), Vec::new());
    for RequestWithOrders { request, .. } in waits {
        rows.push(RequestProgress {
            state: RequestState::Approval,
            message: Some(message.clone()),
            to_plan: false,
            run: Some(run),
            ..RequestProgress::of(request)
        });
        events.push(event(request.id, RequestState::Approval, message.clone(), moment));
    }
    tx.update_requests(&rows).await?;
    tx.append_request_events(&events).await
}

/// Somebody approved what a threshold stopped: until it is planned it is to be planned, whatever becomes of the run.
pub(crate) async fn approved(tx: &mut Tx, requests: &[RequestId]) -> Result<(), StoreError> {
    let found = tx.requests_to_change(requests).await?;
    let waits = found.iter().filter(|found| found.request.planned_at.is_none() && found.request.state.is_open());
    let rows: Vec<_> =
        waits.map(|found| RequestProgress { to_plan: true, ..RequestProgress::of(&found.request) }).collect();
    tx.update_requests(&rows).await
}

/// Writes down where these are by now, and tells where that is somewhere else than before.
async fn note(tx: &mut Tx, found: Vec<RequestWithOrders>, moment: Moment<'_>) -> Result<(), StoreError> {
    let (mut rows, mut events) = (Vec::new(), Vec::new());
    for RequestWithOrders { request, orders } in &found {
        let progress = broker::request::progress(request, orders, moment.today, moment.now);
        let row = RequestProgress {
            state: progress.state,
            message: progress.message,
            sent_at: progress.sent_at,
            done_at: progress.done_at,
            ended_at: progress.ended_at,
            ..RequestProgress::of(request)
        };
        if row == RequestProgress::of(request) {
            continue;
        }
        if row.state != request.state {
            let why = row.message.as_deref().map(|why| format!(" {why}")).unwrap_or_default();
            events.push(event(request.id, row.state, format!("{}.{why}", row.state.label()), moment));
        }
        rows.push(row);
    }
    tx.update_requests(&rows).await?;
    tx.append_request_events(&events).await
}

pub(crate) fn event(request: RequestId, state: RequestState, message: String, moment: Moment<'_>) -> RequestEvent {
    RequestEvent { request, at: moment.now, state, actor: moment.actor.to_owned(), message }
}
