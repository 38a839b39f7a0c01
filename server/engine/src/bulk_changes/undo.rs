//! Taking back a bulk change, row by row: a request of which nothing was sent is called off; of others exactly what they
//! gave is taken away, and what they took is given again with its days. What others changed since is a conflict, and stays
//! as it is.

use jiff::civil::Date;
use model::bulk_change::{BulkChange, BulkChangeState, BulkRow, BulkRowState};
use model::error::{ApiError, ErrorCode};
use model::request::{Change, DirectGrant, NewRequest, Request, RequestItem, RequestSource};
use model::trigger::Trigger;
use store::StoreError;

use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::Follower;
use crate::requests::batch::{self, Kept, Refused, Trouble};
use crate::requests::{CallOff, TRIES, call_off};

use super::pass::number;

/// Rows between two looks at whether it is still to be done.
const TOGETHER: u32 = 100;

/// Takes back the next rows.
pub(super) async fn go_on(op: &OpContext, change: &BulkChange) -> Result<(), ApiError> {
    let store = op.engine.store();
    let rows = store.bulk_rows(change.id, Some(&[BulkRowState::Applied]), change.through, TOGETHER).await;
    let rows = rows.map_err(internal)?;
    if rows.is_empty() {
        let (_, counts) = store.bulk_counts(change.id).await.map_err(internal)?;
        let next =
            BulkChange { state: BulkChangeState::Undone, through: 0, counts, ended_at: Some(op.now), ..change.clone() };
        let seen = change.clone();
        let work = store.write(move |tx| Box::pin(async move { tx.step_bulk_change(&seen, &next).await }));
        return work.await.map(|_| ()).map_err(internal);
    }
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let mut at = change.clone();
    for row in rows {
        let through = row.line;
        if !take_back(op, &at, row).await? {
            // Somebody else works at it.
            return Ok(());
        }
        at.through = through;
    }
    if let Err(error) = crate::requests::start_run(&op.engine, None).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "A run of requests could not be queued");
    }
    Ok(())
}

/// What becomes of a row.
enum Way {
    /// Its request is called off, if nothing was sent until then.
    CallOff(Box<CallOff>),
    /// Requests do the opposite.
    Opposite(Vec<Kept>),
    Conflict(String),
}

/// False where somebody else was quicker.
async fn take_back(op: &OpContext, change: &BulkChange, row: BulkRow) -> Result<bool, ApiError> {
    let mut may_call_off = true;
    for _ in 0..TRIES {
        let way = way(op, change, &row, may_call_off).await?;
        match record(op, change, &row, way).await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => may_call_off = false,
            Err(StoreError::Contended) => {}
            Err(StoreError::Conflict { .. }) => {
                let why = "Somebody asks for the same at this moment. It stays as they want it.".to_owned();
                return record(op, change, &row, Way::Conflict(why))
                    .await
                    .map(|done| done == Some(true))
                    .map_err(internal);
            }
            Err(error) => return Err(internal(error)),
        }
    }
    let why = "Others changed the same again and again while it was taken back. It stays as they want it.".to_owned();
    record(op, change, &row, Way::Conflict(why)).await.map(|done| done == Some(true)).map_err(internal)
}

async fn way(op: &OpContext, change: &BulkChange, row: &BulkRow, may_call_off: bool) -> Result<Way, ApiError> {
    let store = op.engine.store();
    let (Some(id), Some(identity), Some((action, thing))) = (row.request, row.identity, &row.item) else {
        return Err(ApiError::internal());
    };
    let Some(request) = store.request(id).await.map_err(internal)? else { return Err(ApiError::internal()) };
    let current = store.direct_grants(Some(&[identity])).await.map_err(internal)?;
    let of_thing = |grant: &&DirectGrant| grant.grantable == *thing;
    let today = op.engine.today();
    let (taken, in_place) = store.direct_grants_taken_by(id).await.map_err(internal)?;
    match action {
        Change::Give if !current.iter().any(|grant| grant.origin.request == id) => {
            return Ok(Way::Conflict(format!(
                "What request {id} gave was taken away since, or its last day is over. There is nothing to take back."
            )));
        }
        Change::Take => {
            let is_in_place = |grant: &DirectGrant| in_place.iter().any(|own| own.id == grant.id);
            if let Some(other) = current.iter().filter(of_thing).find(|grant| !is_in_place(grant)) {
                return Ok(Way::Conflict(format!(
                    "Request {} gave it anew since. It stays as that request wants it.",
                    other.origin.request
                )));
            }
            let waits = request.not_before.is_some_and(|first| today < first);
            if waits && in_place.is_empty() {
                return Ok(Way::Conflict("It was taken away by others since. It stays taken away.".to_owned()));
            }
        }
        Change::Give => {}
    }
    let why = change.undone.as_ref().map_or(String::new(), |(_, _, why)| why.clone());
    if may_call_off && is_open(&request) {
        let message = format!("Bulk change {} is undone: {why}", change.id);
        let off = CallOff::prepare(&op.engine, &request, message, &op.user.login, op.now).await.map_err(internal)?;
        return Ok(Way::CallOff(Box::new(off)));
    }
    let justification: String = format!("Bulk change {} is undone: {why}", change.id).chars().take(500).collect();
    let new = |action: Change, part: usize| NewRequest {
        key: Some(format!("undo:{}:{part}", row.line)),
        ..NewRequest::new(
            Trigger::Administrator,
            RequestSource {
                reference: Some(format!("request {id}")),
                ..RequestSource::new("bulk change", &change.id.to_string())
            },
            identity,
            vec![RequestItem { change: action, grantable: thing.clone() }],
            justification.clone(),
        )
    };
    let Some(person) = store.identities_by_id(&[identity]).await.map_err(internal)?.pop() else {
        return Err(ApiError::internal());
    };
    if *action == Change::Give {
        let own = current.iter().filter(|grant| grant.origin.request == id).cloned().collect();
        let weighed = batch::take_exactly(op, new(Change::Take, 0), person, current, own)?;
        return opposite(op, vec![weighed]).await;
    }
    let accounts = store.accounts_of(&[identity]).await.map_err(internal)?;
    let (mut before, mut all) = (current, Vec::new());
    let mut follower = Follower::new(store, &op.engine.world().live());
    for (part, grant) in taken.iter().enumerate() {
        if let Some(over) = grant.period.ends.filter(|ends| *ends <= today) {
            return Ok(Way::Conflict(format!(
                "Its last day would be over by now ({}). It stays taken away.",
                last(over)
            )));
        }
        let asked = NewRequest {
            not_before: grant.period.starts.filter(|first| today < *first),
            until: grant.period.ends.map(last),
            ..new(Change::Give, part)
        };
        let weighed = match batch::weigh(op, asked, &person, before.clone(), &accounts, &mut follower).await {
            Ok(weighed) => weighed,
            Err(Refused::Already(error) | Refused::Wrong(error)) if error.code != ErrorCode::Internal => {
                return Ok(Way::Conflict(error.message));
            }
            Err(refused) => return Err(refused.into()),
        };
        if let Some(risk) = weighed.risk() {
            return Ok(Way::Conflict(format!(
                "{risk} It stays taken away; ask for it by hand, and say why the risk is borne."
            )));
        }
        before = weighed.after().to_vec();
        all.push(weighed);
    }
    opposite(op, all).await
}

async fn opposite(op: &OpContext, all: Vec<batch::Weighed>) -> Result<Way, ApiError> {
    let mut kept = Vec::new();
    for weighed in all {
        match weighed.prepare(op).await {
            Ok(one) => kept.push(one),
            Err(Trouble::Refused(error)) => return Ok(Way::Conflict(error.message)),
            Err(Trouble::Store(error)) => return Err(internal(error)),
        }
    }
    Ok(Way::Opposite(kept))
}

/// Only what is under way can be called off.
fn is_open(request: &Request) -> bool {
    request.state.is_open() && request.sent_at.is_none()
}

fn last(ends: Date) -> Date {
    ends.yesterday().unwrap_or(ends)
}

/// Records what becomes of a row. None where its request cannot be called off any more; false where somebody else was
/// quicker.
async fn record(op: &OpContext, change: &BulkChange, row: &BulkRow, way: Way) -> Result<Option<bool>, StoreError> {
    let (seen, next) = (change.clone(), BulkChange { through: row.line, ..change.clone() });
    let mut row = row.clone();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.step_bulk_change(&seen, &next).await? {
                return Ok(Some(false));
            }
            (row.state, row.message) = match way {
                Way::Conflict(why) => (BulkRowState::Conflict, Some(why)),
                Way::CallOff(off) => {
                    if !call_off(tx, &off).await? {
                        // Nothing was written but the step, which is put back.
                        tx.step_bulk_change(&next, &seen).await?;
                        return Ok(None);
                    }
                    (
                        BulkRowState::Undone,
                        Some(format!("Request {} was called off before anything was sent.", number(row.request))),
                    )
                }
                Way::Opposite(requests) => {
                    for kept in &requests {
                        batch::keep(tx, kept).await?;
                    }
                    let by: Vec<String> = requests.iter().map(|kept| kept.request.id.to_string()).collect();
                    (BulkRowState::Undone, Some(format!("Taken back by request {}.", by.join(" and "))))
                }
            };
            tx.put_bulk_rows(seen.id, &[row]).await?;
            Ok(Some(true))
        })
    });
    work.await
}
