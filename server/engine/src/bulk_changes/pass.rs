//! Passes over the rows of a bulk change: looking at each, and letting those that are ready become requests. A chunk is
//! recorded together with how far the pass is; whoever works at the same chunk at the same time records nothing.

use model::bulk_change::{BulkChange, BulkChangeState, BulkRow, BulkRowState};
use model::error::ApiError;
use model::ids::RequestId;
use store::StoreError;

use crate::configuration::hexadecimal;
use crate::context::OpContext;
use crate::error::internal;
use crate::requests::batch::{self, Kept, Trouble};

use super::assess::Known;

/// Rows that are looked at together.
const LOOKED_AT: u32 = 500;
/// Requests that are written in one transaction.
const WRITTEN: u32 = 200;

/// Looks at the next rows; after the last one it waits for a person, or goes on to be carried out.
pub(super) async fn check(op: &OpContext, change: &BulkChange) -> Result<(), ApiError> {
    let store = op.engine.store();
    let mut rows = store.bulk_rows(change.id, None, change.through, LOOKED_AT).await.map_err(internal)?;
    let is_again = change.state == BulkChangeState::Confirmed;
    let Some(last) = rows.last().map(|row| row.line) else { return checked(op, change).await };
    let mut known = Known::read(op, change, &rows, true).await?;
    let mut digest = if is_again { change.digest_again.clone() } else { change.digest.clone() };
    // The key of a request holds the digest; it says nothing of what a row means.
    for row in &mut rows {
        known.assess(op, change, row).await?;
        digest = follow(&digest, row);
    }
    let next = match is_again {
        true => BulkChange { through: last, digest_again: digest, ..change.clone() },
        false => BulkChange { through: last, digest, ..change.clone() },
    };
    record(op, change, next, rows, Vec::new()).await.map_err(internal)
}

/// Every row was looked at.
async fn checked(op: &OpContext, change: &BulkChange) -> Result<(), ApiError> {
    let (_, counts) = op.engine.store().bulk_counts(change.id).await.map_err(internal)?;
    let at_rest = BulkChange { through: 0, counts, ..change.clone() };
    let next = match change.state {
        BulkChangeState::Confirmed if change.digest == change.digest_again => {
            BulkChange { state: BulkChangeState::Applying, ..at_rest }
        }
        BulkChangeState::Confirmed => BulkChange {
            state: BulkChangeState::Previewed,
            digest: change.digest_again.clone(),
            confirmed: None,
            message: Some(
                "People, what they hold or the configuration changed since it was previewed. Nothing was changed. Look at \
                 it as it is now, then confirm again."
                    .to_owned(),
            ),
            ..at_rest
        },
        _ => BulkChange { state: BulkChangeState::Previewed, ..at_rest },
    };
    record(op, change, next, Vec::new(), Vec::new()).await.map_err(internal)
}

/// Everything that a person is shown of a row, after all rows before it.
fn follow(digest: &str, row: &BulkRow) -> String {
    let shown = (row.line, &row.written, row.identity, &row.item, row.state, &row.message, &row.risk);
    hexadecimal(format!("{digest}{}", serde_json::to_string(&shown).unwrap_or_default()).as_bytes())
}

/// Lets the next rows that are ready become requests.
pub(super) async fn apply(op: &OpContext, change: &BulkChange) -> Result<(), ApiError> {
    let store = op.engine.store();
    let rows = store.bulk_rows(change.id, Some(&[BulkRowState::Ready]), change.through, WRITTEN).await;
    let rows = rows.map_err(internal)?;
    if rows.is_empty() {
        let (_, counts) = store.bulk_counts(change.id).await.map_err(internal)?;
        let state = BulkChangeState::Applied;
        let next = BulkChange { state, through: 0, counts, ended_at: Some(op.now), ..change.clone() };
        return record(op, change, next, Vec::new(), Vec::new()).await.map_err(internal);
    }
    let written = match write(op, change, rows.clone()).await {
        // Somebody asks for one of these things at this moment: row by row, so that only that one waits for nothing.
        Err(StoreError::Conflict { .. } | StoreError::Contended) if rows.len() > 1 => {
            one_by_one(op, change, rows).await
        }
        written => written,
    };
    written.map_err(internal)?;
    if let Err(error) = crate::requests::start_run(&op.engine, None).await {
        // They stand; the next sweep starts the run.
        tracing::warn!(error = &error as &dyn std::error::Error, "A run of requests could not be queued");
    }
    Ok(())
}

async fn one_by_one(op: &OpContext, change: &BulkChange, rows: Vec<BulkRow>) -> Result<(), StoreError> {
    let mut at = change.clone();
    for row in rows {
        let line = row.line;
        match write(op, &at, vec![row.clone()]).await {
            Err(StoreError::Conflict { constraint }) if constraint == "request_open_once" => {
                let message = "Somebody else asks for the same at this moment: see the list of requests.".to_owned();
                let row = BulkRow { state: BulkRowState::Already, message: Some(message), ..row };
                record(op, &at, BulkChange { through: line, ..at.clone() }, vec![row], Vec::new()).await?;
            }
            written => written?,
        }
        at.through = line;
    }
    Ok(())
}

/// Writes what is still ready of these rows as requests, and says of the others why not.
async fn write(op: &OpContext, change: &BulkChange, mut rows: Vec<BulkRow>) -> Result<(), StoreError> {
    let unready = |error: ApiError| StoreError::Unavailable { reason: error.message };
    let mut known = Known::read(op, change, &rows, false).await.map_err(unready)?;
    let mut requests = Vec::new();
    for row in &mut rows {
        let previewed = row.risk.clone();
        let weighed = known.assess(op, change, row).await.map_err(unready)?;
        let Some(weighed) = weighed else {
            row.message = row.message.take().map(|why| format!("Since the preview: {why}"));
            continue;
        };
        let refusal = match weighed.prepare(op).await {
            _ if row.risk != previewed => row.risk.clone().map(|risk| format!("Since the preview: {risk}")),
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Refused(error)) => Some(error.message),
            Ok(kept) => {
                (row.state, row.request) = (BulkRowState::Applied, Some(kept.request.id));
                requests.push(kept);
                continue;
            }
        };
        (row.state, row.message) = (BulkRowState::Refused, refusal);
    }
    let through = rows.last().map_or(change.through, |row| row.line);
    record(op, change, BulkChange { through, ..change.clone() }, rows, requests).await
}

/// Records a piece of a pass. Where somebody else was quicker, nothing: theirs stands.
async fn record(
    op: &OpContext,
    seen: &BulkChange,
    next: BulkChange,
    rows: Vec<BulkRow>,
    requests: Vec<Kept>,
) -> Result<(), StoreError> {
    let seen = seen.clone();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.step_bulk_change(&seen, &next).await? {
                return Ok(());
            }
            for kept in &requests {
                batch::keep(tx, kept).await?;
            }
            tx.put_bulk_rows(seen.id, &rows).await
        })
    });
    work.await
}

/// The number of a request for messages.
pub(super) fn number(request: Option<RequestId>) -> String {
    request.map_or_else(String::new, |id| id.to_string())
}
