//! What thresholds stopped, what people said about it, and what of the rolling hour is used up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::block::{BlockState, RunBlock};
use model::ids::{RunBlockId, RunId};
use serde::Serialize;

use crate::connection::{Row, arguments};
use crate::{Result, Store, StoreError, Tx};

const REPLACE: &str = "
    update run_block
    set state = 'replaced'
    where run_id = $1
      and subject = $2
      and state in ('waiting', 'approved')";

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into run_block (
      id, run_id, subject, digest, trips, changes, second_person, blocked_at, state, decided_by, decided_at, reason
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'run' as bigint), value ->> 'subject', value ->> 'digest',
      value -> 'trips', cast(value ->> 'changes' as bigint), cast(value ->> 'second_person' as boolean),
      cast(value ->> 'blocked_at' as bigint), 'waiting', null, null, null
    from input";

const DECIDE: &str = "
    update run_block
    set state = $3,
        decided_by = $4,
        decided_at = $5,
        reason = $6
    where id = $1
      and digest = $2
      and state = 'waiting'";

/// Once, and not by an approval that has run out.
const USE: &str = "
    update run_block
    set state = 'used'
    where id = $1
      and state = 'approved'
      and decided_at >= $2";

const BIND: &str = "
    update provisioning_order
    set approval_id = $2
    where run_id = $1
      and created_at = $3
      and approval_id is null";

const REJECT_RUN: &str = "
    update run
    set state = 'cancelled',
        message = $2
    where id = $1
      and state = 'blocked'";

const OF_RUN: &str = "
    select
      id, run_id, subject, digest, cast(trips as text) as trips, changes, second_person, blocked_at, state, decided_by,
      decided_at, reason
    from run_block
    where run_id = $1
    order by id desc";

const INSERT_USE: &str = "
    with input as materialized (select value from jsonb_each($2))
    insert into threshold_use (run_id, account_type, what, counted, at)
    select $1, value ->> 'account_type', value ->> 'what', cast(value ->> 'counted' as bigint), $3
    from input
    where true
    on conflict (run_id, account_type, what) do update
    set counted = threshold_use.counted + excluded.counted,
        at = excluded.at";

const USED: &str = "
    select account_type, what, cast(sum(counted) as bigint) as counted
    from threshold_use
    where at > $1
    group by account_type, what
    order by account_type, what";

#[derive(Serialize)]
struct BlockInput<'a> {
    id: i64,
    run: i64,
    subject: &'a str,
    digest: &'a str,
    trips: &'a [model::block::TripView],
    changes: u64,
    second_person: bool,
    blocked_at: i64,
}

#[derive(Serialize)]
struct UseInput<'a> {
    account_type: &'a str,
    what: &'a str,
    counted: u64,
}

/// How much was ordered of what: by account type and name of the threshold's setting.
pub type ThresholdUse = BTreeMap<(String, String), u64>;

impl Tx {
    /// A block that waits for somebody. What waited, or was approved, for the same subject of the run is replaced.
    pub async fn insert_run_block(&mut self, block: &RunBlock) -> Result<()> {
        self.execute(REPLACE, arguments![block.run.0, block.subject.as_str()]).await?;
        let input = BlockInput {
            id: block.id.0,
            run: block.run.0,
            subject: &block.subject,
            digest: &block.digest,
            trips: &block.trips,
            changes: block.changes,
            second_person: block.second_person,
            blocked_at: block.blocked_at.as_microsecond(),
        };
        self.bulk(INSERT, &[input]).await
    }

    /// Writes down what a person says to exactly this. False where it no longer waits, or is something else by now.
    pub async fn decide_run_block(
        &mut self,
        id: RunBlockId,
        digest: &str,
        state: BlockState,
        by: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<bool> {
        if !BlockState::Waiting.may_become(state) {
            return Err(StoreError::Invalid { what: format!("a block is not {} by a person", state.name()) });
        }
        Ok(self.execute(DECIDE, arguments![id.0, digest, state.name(), by, at, reason]).await? > 0)
    }

    /// Uses an approval up, in the transaction that writes what was approved. False where it was used, is void, or was
    /// given before that moment: what it was for must then not be written.
    pub async fn use_approval(&mut self, id: RunBlockId, given_since: Timestamp) -> Result<bool> {
        Ok(self.execute(USE, arguments![id.0, given_since]).await? > 0)
    }

    /// Says of the orders of a run, made at that moment, on the strength of which approval they are.
    pub async fn bind_orders(&mut self, run: RunId, approval: RunBlockId, created_at: Timestamp) -> Result<u64> {
        self.execute(BIND, arguments![run.0, approval.0, created_at]).await
    }

    /// Ends a run that a threshold stopped. False where it is not stopped so.
    pub async fn reject_run(&mut self, run: RunId, message: &str) -> Result<bool> {
        let rejected = self.execute(REJECT_RUN, arguments![run.0, message]).await? > 0;
        if rejected {
            self.signal_run(run).await?;
        }
        Ok(rejected)
    }

    /// Adds to what counts within the rolling hour.
    pub async fn add_threshold_use(&mut self, run: RunId, rows: &ThresholdUse, at: Timestamp) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .filter(|(_, counted)| **counted > 0)
            .map(|((account_type, what), counted)| UseInput { account_type, what, counted: *counted })
            .collect();
        if inputs.is_empty() {
            return Ok(());
        }
        self.execute(INSERT_USE, arguments![run.0, crate::connection::payload(&inputs)?, at]).await?;
        Ok(())
    }
}

impl Store {
    /// Newest first.
    pub async fn run_blocks(&self, run: RunId) -> Result<Vec<RunBlock>> {
        self.reader().await?.read(OF_RUN, arguments![run.0], |row| block(&row)).await
    }

    /// What was ordered after that moment, by whichever runs.
    pub async fn threshold_use(&self, since: Timestamp) -> Result<ThresholdUse> {
        let read = |row: Row| Ok(((row.text("account_type")?, row.text("what")?), row.count("counted")?));
        let rows = self.reader().await?.read(USED, arguments![since], read).await?;
        Ok(rows.into_iter().collect())
    }
}

fn block(row: &Row) -> Result<RunBlock> {
    Ok(RunBlock {
        id: RunBlockId(row.integer("id")?),
        run: RunId(row.integer("run_id")?),
        subject: row.text("subject")?,
        digest: row.text("digest")?,
        trips: row.json("trips")?,
        changes: row.count("changes")?,
        second_person: row.boolean("second_person")?,
        blocked_at: row.time("blocked_at")?,
        state: row.named("state", BlockState::from_name)?,
        decided_by: row.optional_text("decided_by")?,
        decided_at: row.optional_time("decided_at")?,
        reason: row.optional_text("reason")?,
    })
}
