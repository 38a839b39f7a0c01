//! Taking orders to carry them out. The intent (fence, attempt, lease) is in the same transaction as the claim, so what
//! may have been sent is known before the first byte leaves.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use model::account::Mechanism;
use model::ids::{AccountId, IdentityId, OrderId, RunId};
use model::order::{Order, ProvisioningState, StateReason};
use serde::Serialize;

use super::Claim;
use super::named;
use crate::connection::{Argument, Row, arguments, numbers, payload};
use crate::{Result, Store, Tx};

/// Two claims of one application's orders at once could each take another order of the same account: they take turns, by
/// name, so that nobody waits in a circle.
const LOCK_CLAIMS: &str = "
    select pg_advisory_xact_lock(hashtextextended(name, 7233203))
    from (
      select distinct value ->> 'name' as name
      from json_each($1)
      order by name
    ) as applications";

/// $1 carrier, $2 now, $3 run, $4 how many, $5 mechanism. The order is that of the queue's index (`order_queue`), but
/// for a try. An account that is still to come is not worked on, but to bring it; and what is answered later, by another
/// system or a person, lets go first what is answered at once.
///
/// Counting, rather than `not exists`, keeps PostgreSQL from joining: after a bulk load it believes that nothing is in
/// flight and would go through all that is for every order.
macro_rules! due_orders {
    ($order:literal, $lock:literal) => {
        concat!(
            "select o.id, o.account_id, o.identity_id, o.account_type, o.mechanism, o.attempts, cast(o.reason as text) as reason
    from provisioning_order o
    where o.state = 1
      and o.carrier = $1
      and o.next_attempt_at <= $2
      and ($3 is null or o.run_id = $3)
      and ($5 is null or o.mechanism = $5)
      and (o.account_id is not null or o.operation = 'create')
      and coalesce(o.trouble, '') <> 'held'
      and not o.awaits_answer
      and not o.awaits_reference
      and (o.ring is null or o.ring <= (select r.released from run_ring r where r.run_id = o.run_id))
      and ",
            has_its_turn!("o.id"),
            "
      and 0 = (
        select count(*)
        from provisioning_order other
        where other.account_id = o.account_id
          and other.state = 2
          and other.mechanism = 'direct'
      )
      and 0 = (
        select count(*)
        from provisioning_order held
        where held.account_id = o.account_id
          and held.state = 2
          and held.mechanism <> 'direct'
          and (
            o.mechanism <> 'direct'
            or o.operation not in ('update', 'enable', 'disable')
            or held.operation not in ('update', 'disable')
            or 0 < (
              select count(*)
              from order_item own
              join order_item theirs
                on theirs.kind = own.kind
                and (theirs.name = own.name or own.kind = 'lifecycle')
              where own.order_id = o.id
                and theirs.order_id = held.id
                and own.state <> 6
                and theirs.state <> 6
            )
          )
      )
      and 0 = (
        select count(*)
        from provisioning_order other
        where other.identity_id = o.identity_id
          and other.account_type = o.account_type
          and other.state = 2
          and other.account_id is null
      )
      and (o.mechanism = 'direct' or 0 = (
        select count(*)
        from provisioning_order quick
        where quick.account_id = o.account_id
          and quick.state = 1
          and quick.mechanism = 'direct'
          and quick.next_attempt_at <= $2
          and quick.trouble is null
          and not quick.awaits_answer
          and not quick.awaits_reference
          and (quick.ring is null or quick.ring <= (select r.released from run_ring r where r.run_id = quick.run_id))
          and (quick.approval_id is null or quick.approval_id = o.approval_id)
          and ",
            has_its_turn!("quick.id"),
            "
      ))
      and 0 = (
        select count(*)
        from run_block approval
        where approval.id = o.approval_id
          and approval.state <> 'used'
      )
    order by ",
            $order,
            "
    limit $4",
            $lock
        )
    };
}

const DUE_SQLITE: &str = due_orders!("o.lane, o.turn_at, o.id", "");
const DUE_POSTGRES: &str = due_orders!("o.lane, o.turn_at, o.id", " for update of o skip locked");
const PROBE_SQLITE: &str = due_orders!("o.attempts, o.lane, o.turn_at, o.id", "");
const PROBE_POSTGRES: &str = due_orders!("o.attempts, o.lane, o.turn_at, o.id", " for update of o skip locked");

/// $1 carrier, $2 now, $3 run, $4 how many.
macro_rules! lost_orders {
    () => {
        "select o.id, o.account_id, o.identity_id, o.account_type, o.mechanism, o.attempts, cast(o.reason as text) as reason
    from provisioning_order o
    where o.state = 2
      and o.carrier = $1
      and (o.lease_until <= $2 or (o.lease_until is null and o.next_attempt_at <= $2))
      and ($3 is null or o.run_id = $3)
    order by o.lane, o.turn_at, o.id
    limit $4"
    };
}

const LOST_SQLITE: &str = lost_orders!();
const LOST_POSTGRES: &str = concat!(lost_orders!(), " for update of o skip locked");

const TAKE: &str = "
    update provisioning_order
    set state = 2,
        reason = null,
        trouble = null,
        fence = fence + 1,
        attempts = attempts + 1,
        next_attempt_at = null,
        lease_node = $2,
        lease_until = $3,
        transmitted_at = $4,
        changed_at = $4
    where id in (select cast(value as bigint) from json_each($1))";

const DOUBT: &str = "
    with input as materialized (select value from jsonb_each($1))
    update provisioning_order
    set reason = input.value -> 'reason'
    from input
    where provisioning_order.id = cast(input.value ->> 'id' as bigint)";

const INSERT_ATTEMPTS: &str = "
    insert into order_attempt (order_id, number, fence, node, started_at)
    select id, attempts, fence, $2, $3
    from provisioning_order
    where id in (select cast(value as bigint) from json_each($1))";

const INSERT_EVENTS: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into order_event (order_id, at, from_state, to_state, reason, actor, message)
    select cast(value ->> 'id' as bigint), $2, $3, 2, value -> 'reason', $4, value ->> 'message'
    from input
    order by key";

const RELEASE: &str = "
    update provisioning_order
    set next_attempt_at = $1
    where state = 1
      and next_attempt_at is null
      and not awaits_answer
      and ($2 is null or run_id = $2)
      and ($3 is null or application in (select value ->> 'name' from jsonb_each($3)))
      and (ring is null or ring <= (select r.released from run_ring r where r.run_id = provisioning_order.run_id))";

const VOID: &str = "
    update provisioning_order
    set lease_until = 0
    where lease_until is not null";

const VOID_RUNS: &str = "
    update run
    set lease_until = null
    where lease_until is not null";

#[derive(Serialize)]
struct EventInput {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<StateReason>,
    message: String,
}

impl Store {
    /// What goes beyond a threshold is claimed only on the strength of an approval that was given and used for it.
    ///
    /// Due orders in state 1 that were released, with their ring where they have one, and are not held, whose predecessors
    /// are done (4, 8) or called off (6) and whose account has no other order in flight, by lane, then by turn
    /// ([`Order::turn_at`]), then id; of several of one account the first. Beside an order that somebody else holds goes what
    /// is sent directly and touches nothing that the other touches, where both change an account that is there and stays.
    /// They are in state 2 afterwards, with a new fence, attempt and lease. An order without `next_attempt_at` is not
    /// released yet; one of which a value is still to come from another account is claimed once that is filled in
    /// ([`Tx::fill_orders`]).
    ///
    /// The orders come as they are now, but for `reason`, which is still the one from before: it tells whether an earlier
    /// attempt may have arrived. Explanations and reasons are left out, as in [`Store::orders_in_brief`].
    pub async fn claim_orders(&self, claim: &Claim) -> Result<Vec<Order>> {
        let claim = claim.clone();
        let taken = self.write(move |tx| Box::pin(async move { tx.take_due(&claim).await })).await?;
        let mut orders = self.taken(&taken).await?;
        for (order, taken) in orders.iter_mut().zip(taken) {
            order.reason = taken.reason;
        }
        Ok(orders)
    }

    /// Orders that a node which is gone took and never answered, their lease having passed, and those whose answer left
    /// doubt and whose time to be read back has come. They get a new fence, attempt and lease and the reason in doubt:
    /// read back before anything is sent again.
    pub async fn reclaim_lost_orders(&self, claim: &Claim) -> Result<Vec<Order>> {
        let claim = claim.clone();
        let taken = self.write(move |tx| Box::pin(async move { tx.take_lost(&claim).await })).await?;
        self.taken(&taken).await
    }

    /// Read once they are taken: whoever else writes does not wait for it. In the order given.
    async fn taken(&self, taken: &[Taken]) -> Result<Vec<Order>> {
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<OrderId> = taken.iter().map(|taken| taken.id).collect();
        let mut orders = self.orders_in_brief(&ids).await?;
        let positions: HashMap<OrderId, usize> = ids.into_iter().zip(0..).collect();
        orders.sort_by_key(|order| positions.get(&order.id).copied());
        Ok(orders)
    }
}

/// An order that was taken, as it was before.
struct Taken {
    id: OrderId,
    mechanism: Mechanism,
    attempts: u32,
    reason: Option<StateReason>,
}

impl Tx {
    async fn take_due(&mut self, claim: &Claim) -> Result<Vec<Taken>> {
        let sql = match (self.connection.is_postgres(), claim.probe) {
            (true, false) => DUE_POSTGRES,
            (true, true) => PROBE_POSTGRES,
            (false, false) => DUE_SQLITE,
            (false, true) => PROBE_SQLITE,
        };
        let mechanism = claim.mechanism.map(Mechanism::name);
        let run = claim.run.map(|run| run.0);
        let arguments = arguments![claim.carrier.as_str(), claim.now, run, claim.limit, mechanism];
        let taken = self.candidates(claim, sql, arguments).await?;
        if !taken.is_empty() {
            self.take(claim, &taken).await?;
            let events = taken.iter().map(|taken| EventInput {
                id: taken.id.0,
                reason: None,
                message: format!("{}, attempt {}.", sending(taken.mechanism), taken.attempts + 1),
            });
            self.append_claim_events(claim, events.collect(), ProvisioningState::Pending).await?;
        }
        Ok(taken)
    }

    async fn take_lost(&mut self, claim: &Claim) -> Result<Vec<Taken>> {
        let sql = if self.connection.is_postgres() { LOST_POSTGRES } else { LOST_SQLITE };
        let run = claim.run.map(|run| run.0);
        let arguments = arguments![claim.carrier.as_str(), claim.now, run, claim.limit];
        let taken = self.candidates(claim, sql, arguments).await?;
        if !taken.is_empty() {
            self.take(claim, &taken).await?;
            let events = taken.iter().map(|taken| EventInput {
                id: taken.id.0,
                reason: Some(StateReason::InDoubt),
                message: format!(
                    "The attempt before was broken off; what the application holds is read back first, attempt {}.",
                    taken.attempts + 1
                ),
            });
            let events: Vec<_> = events.collect();
            self.execute(DOUBT, arguments![payload(&events)?]).await?;
            self.append_claim_events(claim, events, ProvisioningState::Transmitted).await?;
        }
        Ok(taken)
    }

    /// Gives orders in state 1 that were never due to the dispatcher: they are due from now on. Of all applications, or of
    /// those named; those of a ring whose turn has not come are left. Answers how many.
    pub async fn release_orders(
        &mut self,
        run: Option<RunId>,
        applications: Option<&[String]>,
        now: Timestamp,
    ) -> Result<u64> {
        let names = applications.map(named).transpose()?;
        self.execute(RELEASE, arguments![now, run.map(|run| run.0), names]).await
    }

    /// Ends all leases of orders and runs: called at start by a process that has the database for itself.
    pub async fn void_leases(&mut self) -> Result<u64> {
        let runs = self.execute(VOID_RUNS, arguments![]).await?;
        Ok(runs + self.execute(VOID, arguments![]).await?)
    }

    async fn candidates<const N: usize>(
        &mut self,
        claim: &Claim,
        sql: &'static str,
        arguments: [Argument; N],
    ) -> Result<Vec<Taken>> {
        if self.connection.is_postgres() {
            self.rows(LOCK_CLAIMS, arguments![named(&claim.applications)?]).await?;
        }
        let rows = self.rows(sql, arguments).await?;
        let mut accounts = HashSet::new();
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            if accounts.insert(slot(&row)?) {
                found.push(Taken {
                    id: OrderId(row.integer("id")?),
                    mechanism: row.named("mechanism", Mechanism::from_name)?,
                    attempts: row.small_count("attempts")?,
                    reason: row.optional_json("reason")?,
                });
            }
        }
        Ok(found)
    }

    async fn take(&mut self, claim: &Claim, taken: &[Taken]) -> Result<()> {
        let ids = numbers(taken.iter().map(|taken| taken.id.0));
        let node = claim.node.as_str();
        self.execute(TAKE, arguments![ids.as_str(), node, claim.lease_until, claim.now]).await?;
        self.execute(INSERT_ATTEMPTS, arguments![ids, node, claim.now]).await?;
        Ok(())
    }

    async fn append_claim_events(
        &mut self,
        claim: &Claim,
        events: Vec<EventInput>,
        from: ProvisioningState,
    ) -> Result<()> {
        let arguments = arguments![payload(&events)?, claim.now, from.number(), claim.node.as_str()];
        self.execute(INSERT_EVENTS, arguments).await?;
        Ok(())
    }
}

/// What only one order in flight may have: an account, or an account to come.
#[derive(PartialEq, Eq, Hash)]
enum Slot {
    Account(AccountId),
    AccountToCome(IdentityId, String),
}

fn slot(row: &Row) -> Result<Slot> {
    Ok(match row.optional_integer("account_id")? {
        Some(account) => Slot::Account(AccountId(account)),
        None => Slot::AccountToCome(IdentityId(row.integer("identity_id")?), row.text("account_type")?),
    })
}

fn sending(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Direct => "Sent to the application",
        Mechanism::Executor => "Handed to the executor",
        Mechanism::Manual => "Given to a person",
    }
}
