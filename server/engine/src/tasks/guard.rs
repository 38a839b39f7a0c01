//! Stops a run where what it is about to do exceeds a threshold, and lets it go on where a person has approved exactly
//! that. What was stopped is kept whole, with its digest; an approval is used up in the transaction that writes what it
//! was given for, so that nothing but the approved plan can follow from it, and it only once.

use std::collections::{HashMap, HashSet};

use broker::approval::{self, Standing};
use jiff::Timestamp;
use model::block::{BlockState, RunBlock, TripView};
use model::ids::RunBlockId;
use model::job::LogLevel;
use model::view::{PreviewLine, SinceApproval};
use store::{StoreError, Tx};

use super::{Context, TaskEnd};
use crate::progress::Progress;

/// What is about to happen.
pub(crate) struct Intent<'a> {
    /// `orders`, or the place in the staging area of what was read.
    pub(crate) subject: String,
    /// Limits that it exceeds.
    pub(crate) trips: Vec<TripView>,
    pub(crate) second_person: bool,
    /// Looked at only where a limit is exceeded.
    pub(crate) digest: &'a (dyn Fn() -> String + Sync),
    pub(crate) lines: &'a (dyn Fn() -> Vec<PreviewLine> + Sync),
    /// "No order was written."
    pub(crate) so_far: &'static str,
}

/// Whether it may happen.
pub(crate) enum Way {
    /// Within its limits, or a dry run.
    Free,
    /// On the strength of this approval.
    Approved(RunBlockId),
    Blocked(TaskEnd),
}

/// Constraint that is named where an approval was used, or ran out, before what it was for was written.
pub(crate) const APPROVAL_VOID: &str = "run_block_approval";

/// Judges an intent, and keeps what is stopped.
pub(crate) async fn judge(context: &Context, progress: &Progress, intent: Intent<'_>) -> Result<Way, StoreError> {
    if intent.trips.is_empty() {
        return Ok(Way::Free);
    }
    let exceeded = sentence(&intent.trips);
    if context.mode.dry_run {
        progress.say(LogLevel::Warning, format!("A real run would stop here. {exceeded}"));
        return Ok(Way::Free);
    }
    let (store, now) = (context.engine.store(), context.engine.now());
    let digest = (intent.digest)();
    let blocks = store.run_blocks(context.run).await?;
    let before = match approval::standing(&blocks, &intent.subject, &digest, now) {
        Standing::Holds(block) => {
            let by = block.decided_by.clone().unwrap_or_default();
            progress.say(LogLevel::Warning, format!("{exceeded} Let through by {by}."));
            return Ok(Way::Approved(block.id));
        }
        Standing::Waiting(_) => return Ok(Way::Blocked(blocked(&exceeded, intent.so_far, ""))),
        Standing::Unheard => None,
        Standing::Expired(block) => Some((block, "The approval is more than 24 hours old and holds no longer. ")),
        Standing::Void(block) => Some((
            block,
            "What would happen is not what was approved, so the approval does not hold for it; the list shows what changed. ",
        )),
    };
    let mut lines = (intent.lines)();
    let changes = lines.len() as u64;
    let why = match before {
        Some((_, why)) => {
            mark(&mut lines, store.whole_preview(context.run).await?);
            why
        }
        None => "",
    };
    let block = RunBlock {
        id: RunBlockId(store.reserve_ids(1).await?.start),
        run: context.run,
        subject: intent.subject,
        digest,
        trips: intent.trips,
        changes,
        second_person: intent.second_person,
        blocked_at: now,
        state: BlockState::Waiting,
        decided_by: None,
        decided_at: None,
        reason: None,
    };
    let run = context.run;
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.insert_run_block(&block).await?;
                tx.put_preview(run, &lines).await
            })
        })
        .await?;
    Ok(Way::Blocked(blocked(&exceeded, intent.so_far, why)))
}

/// Uses an approval up, in the transaction that writes what it was given for; nothing to do where none is needed.
pub(crate) async fn redeem(tx: &mut Tx, approval: Option<RunBlockId>, now: Timestamp) -> Result<(), StoreError> {
    let Some(approval) = approval else { return Ok(()) };
    let since = now.checked_sub(approval::HOLDS_FOR).unwrap_or(Timestamp::UNIX_EPOCH);
    if tx.use_approval(approval, since).await? {
        Ok(())
    } else {
        Err(StoreError::Conflict { constraint: APPROVAL_VOID.into() })
    }
}

/// Marks what is not as it was when it was approved, and adds what is gone.
fn mark(lines: &mut Vec<PreviewLine>, before: Vec<PreviewLine>) {
    type Key = (Option<model::ids::IdentityId>, String, String, String, String, String);
    let key = |line: &PreviewLine| -> Key {
        (
            line.identity,
            line.identity_name.clone(),
            line.application.clone(),
            line.account_type.clone(),
            line.operation.clone(),
            line.change.clone(),
        )
    };
    let approved: HashMap<Key, PreviewLine> = before
        .into_iter()
        .filter(|line| line.since_approval != Some(SinceApproval::Gone))
        .map(|line| (key(&line), line))
        .collect();
    let now: HashSet<Key> = lines.iter().map(key).collect();
    for line in lines.iter_mut().filter(|line| !approved.contains_key(&key(line))) {
        line.since_approval = Some(SinceApproval::Added);
    }
    let mut gone: Vec<(Key, PreviewLine)> = approved.into_iter().filter(|(key, _)| !now.contains(key)).collect();
    gone.sort_by(|(left, _), (right, _)| left.cmp(right));
    lines.extend(gone.into_iter().map(|(_, line)| PreviewLine { since_approval: Some(SinceApproval::Gone), ..line }));
}

fn blocked(exceeded: &str, so_far: &str, why: &str) -> TaskEnd {
    TaskEnd::Blocked(format!(
        "{exceeded} {why}{so_far} All of it is listed under what was stopped; if it is right, approve it there."
    ))
}

fn sentence(trips: &[TripView]) -> String {
    let trips: Vec<String> = trips
        .iter()
        .map(|trip| format!("{}: {} {}; the limit is {}", trip.scope, trip.counted, trip.what, trip.limit))
        .collect();
    format!("Threshold exceeded: {}.", trips.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, change: &str) -> PreviewLine {
        PreviewLine {
            identity: None,
            identity_name: name.into(),
            application: "badges".into(),
            account_type: "badge".into(),
            operation: "update".into(),
            change: change.into(),
            why: "Because.".into(),
            since_approval: None,
        }
    }

    #[test]
    fn what_changed_since_the_approval_is_marked() {
        let mut lines = vec![line("Ann", "x"), line("Bo", "y")];
        let gone_before = PreviewLine { since_approval: Some(SinceApproval::Gone), ..line("Di", "z") };
        mark(&mut lines, vec![line("Ann", "x"), line("Bo", "x"), line("Cy", "x"), gone_before]);
        let told: Vec<_> =
            lines.iter().map(|line| (line.identity_name.as_str(), line.change.as_str(), line.since_approval)).collect();
        assert_eq!(
            told,
            [
                ("Ann", "x", None),
                ("Bo", "y", Some(SinceApproval::Added)),
                ("Bo", "x", Some(SinceApproval::Gone)),
                ("Cy", "x", Some(SinceApproval::Gone)),
            ]
        );
    }
}
