//! Bulk changes: many additions and removals out of a file or for chosen people, previewed, confirmed by the digest of what
//! was previewed, carried out as requests, and taken back as a whole.
//!
//! A pass over the rows (`pass`) goes chunk by chunk, and each chunk is recorded with how far the pass is: what dies goes
//! on where it was, and each row is done once. Small ones are done while whoever asked waits, large ones by the sweep.
//! Attributes of people are not changed here: their sources are the authority for them.

mod assess;
pub mod file;
mod pass;
pub(crate) mod people;
mod undo;

use std::time::Duration;

use model::bulk_change::{BulkChange, BulkChangeState, BulkRow, BulkRowState};
use model::error::ApiError;
use model::ids::BulkChangeId;
use model::page::Page;
use model::view::AuditLine;
use store::StoreError;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::requests::VIEW;

pub use self::people::{Choice, Who, choose};

/// Preparing, confirming and taking back bulk changes.
pub const BULK: &str = "/Requests/Bulk";

/// Longest reason that is kept; it becomes the justification of requests.
const REASON_LIMIT: usize = 500;
/// Rows on one page.
pub const ON_A_PAGE: u32 = 50;

/// Newest first.
pub async fn page(op: &OpContext, before: Option<BulkChangeId>) -> Result<Page<BulkChange>, ApiError> {
    op.require(VIEW)?;
    op.engine.store().bulk_change_page(before, None).await.map_err(internal)
}

/// One bulk change as it is now.
pub async fn find(op: &OpContext, id: BulkChangeId) -> Result<BulkChange, ApiError> {
    op.require(VIEW)?;
    let found = op.engine.store().bulk_change(id).await.map_err(internal)?;
    found.ok_or_else(|| ApiError::not_found(format!("bulk change {id}")))
}

/// Some of its rows after a line, with what people call each thing.
pub async fn rows(
    op: &OpContext,
    id: BulkChangeId,
    state: Option<BulkRowState>,
    after: u64,
    limit: u32,
) -> Result<Vec<(BulkRow, String)>, ApiError> {
    op.require(VIEW)?;
    let state = state.map(|state| [state]);
    let rows = op.engine.store().bulk_rows(id, state.as_ref().map(<[_; 1]>::as_slice), after, limit).await;
    let labelled = |row: BulkRow| {
        let written = || row.written.name.clone();
        let label = row.item.as_ref().map_or_else(written, |(_, thing)| op.engine.label(thing));
        (row, label)
    };
    Ok(rows.map_err(internal)?.into_iter().map(labelled).collect())
}

/// Lets what was previewed happen, where it is still exactly that.
pub async fn confirm(op: &OpContext, id: BulkChangeId, seen: &str, risk_comment: &str) -> Result<BulkChange, ApiError> {
    op.require(BULK)?;
    let change = find(op, id).await?;
    if change.state != BulkChangeState::Previewed {
        return Err(elsewhere(&change, "It is confirmed once, after its preview."));
    }
    if change.digest != seen {
        return Err(ApiError::conflict(
            "It was looked at again since you saw it, and is otherwise now. Look at it, then confirm. Nothing was changed.",
        ));
    }
    if change.counts.ready == 0 {
        return Err(ApiError::conflict(
            "None of its rows would change anything. Correct the refused ones, and send them anew.",
        ));
    }
    let comment = risk_comment.trim();
    if change.counts.risks > 0 && comment.is_empty() {
        return Err(ApiError::invalid(
            "risk_comment",
            "Some rows would newly bring about a risk. Say why that is borne, or take those rows out of the file.",
        ));
    }
    let next = BulkChange {
        state: BulkChangeState::Confirmed,
        through: 0,
        digest_again: String::new(),
        message: None,
        risk_comment: (!comment.is_empty()).then(|| one_line(comment)),
        confirmed: Some((op.user.login.clone(), op.now)),
        ..change.clone()
    };
    step(op, &change, next, "confirmed").await
}

/// Looks at all rows again, as the world is now.
pub async fn look_again(op: &OpContext, id: BulkChangeId) -> Result<BulkChange, ApiError> {
    op.require(BULK)?;
    let change = find(op, id).await?;
    let next = BulkChange {
        state: BulkChangeState::Checking,
        through: 0,
        digest: String::new(),
        message: None,
        ..change.clone()
    };
    step(op, &change, next, "looked at again").await
}

/// Gives it up before anything of it happened.
pub async fn discard(op: &OpContext, id: BulkChangeId) -> Result<BulkChange, ApiError> {
    op.require(BULK)?;
    let change = find(op, id).await?;
    let next =
        BulkChange { state: BulkChangeState::Discarded, message: None, ended_at: Some(op.now), ..change.clone() };
    step(op, &change, next, "discarded").await
}

/// Takes back exactly what it did, and lists as conflicts what others changed since.
pub async fn undo(op: &OpContext, id: BulkChangeId, reason: &str) -> Result<BulkChange, ApiError> {
    op.require(BULK)?;
    let reason = checked_reason(reason)?;
    let change = find(op, id).await?;
    let next = BulkChange {
        state: BulkChangeState::Undoing,
        through: 0,
        message: None,
        undone: Some((op.user.login.clone(), op.now, reason)),
        ended_at: None,
        ..change.clone()
    };
    step(op, &change, next, "undone").await
}

/// A person moves it on, with a line in the audit.
async fn step(op: &OpContext, from: &BulkChange, next: BulkChange, said: &str) -> Result<BulkChange, ApiError> {
    if !from.state.may_become(next.state) {
        return Err(elsewhere(from, "Look at where it is now."));
    }
    let audit = audit(op, next.id, format!("{said}: {}", next.title));
    let (seen, kept) = (from.clone(), next.clone());
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let moved = tx.step_bulk_change(&seen, &kept).await?;
            if moved {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(moved)
        })
    });
    if work.await.map_err(internal)? { Ok(next) } else { Err(elsewhere(from, "It has moved on since.")) }
}

fn elsewhere(change: &BulkChange, what: &str) -> ApiError {
    let state = change.state.label().to_lowercase();
    ApiError::conflict(format!(
        "Bulk change {} is in the state \u{201c}{state}\u{201d}. {what} Nothing was changed.",
        change.id
    ))
}

fn audit(op: &OpContext, id: BulkChangeId, detail: String) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "bulk_change".into(),
        subject: id.to_string(),
        detail,
    }
}

fn checked_reason(text: &str) -> Result<String, ApiError> {
    let reason = one_line(text);
    if reason.is_empty() || reason.chars().count() > REASON_LIMIT {
        let message =
            format!("Say why, in 1 to {REASON_LIMIT} characters; it is kept with every request that comes of it.");
        return Err(ApiError::invalid("reason", message));
    }
    Ok(reason)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

// ------------------------------------------------------------------------------------------------------ carrying on

/// Carries it on until it waits for a person, or the time is over; then the sweep does the rest.
pub async fn carry_on(op: &OpContext, id: BulkChangeId, patience: Duration) -> Result<BulkChange, ApiError> {
    op.require(BULK)?;
    let work = drive(&op.engine, id);
    if let Ok(done) = tokio::time::timeout(patience, work).await {
        done?;
    }
    find(op, id).await
}

/// Carries it on until it waits for a person.
async fn drive(engine: &Engine, id: BulkChangeId) -> Result<(), ApiError> {
    while !engine.stopping().is_cancelled() {
        let Some(change) = engine.store().bulk_change(id).await.map_err(internal)? else { return Ok(()) };
        if !change.state.is_at_work() {
            return Ok(());
        }
        let Some(op) = driver(engine, &change).await? else { return Ok(()) };
        match change.state {
            BulkChangeState::Undoing => undo::go_on(&op, &change).await?,
            BulkChangeState::Applying => pass::apply(&op, &change).await?,
            _ => pass::check(&op, &change).await?,
        }
    }
    Ok(())
}

/// In the name of whoever did the last thing with it, with the rights they have now. None where they have them no more.
async fn driver(engine: &Engine, change: &BulkChange) -> Result<Option<OpContext>, ApiError> {
    let request_id = format!("bulk change {}", change.id);
    let operating = engine.operating_context(&request_id);
    if change.driver() == operating.user.login {
        return Ok(Some(operating));
    }
    if let Some((user, _)) = engine.store().user_by_login(change.driver()).await.map_err(internal)?
        && !user.disabled
    {
        let op = crate::users::caller(engine, user, &request_id).await?;
        if op.may(BULK) {
            return Ok(Some(op));
        }
    }
    let message = format!(
        "It stands still: {} may no longer do bulk changes (`{BULK}`). It goes on once they may again.",
        change.driver()
    );
    if change.message.as_ref() != Some(&message) {
        let (seen, next) = (change.clone(), BulkChange { message: Some(message), ..change.clone() });
        let work = engine.store().write(move |tx| Box::pin(async move { tx.step_bulk_change(&seen, &next).await }));
        work.await.map_err(internal)?;
    }
    Ok(None)
}

/// Carries on what is left to the sweep, beside everything else.
pub(crate) async fn sweep(engine: &Engine) -> Result<(), StoreError> {
    for change in engine.store().bulk_changes_at_work().await? {
        let name = format!("bulk change {}", change.id);
        if !engine.delivering().insert(name.clone()) {
            continue;
        }
        let engine = engine.clone();
        engine.clone().beside(async move {
            if let Err(error) = drive(&engine, change.id).await {
                tracing::error!(error = error.message, change = change.id.0, "A bulk change cannot be carried on");
            }
            engine.delivering().remove(&name);
        });
    }
    Ok(())
}
