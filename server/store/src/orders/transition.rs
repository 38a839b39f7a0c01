//! Writing down what became of orders. A result counts only with the fence of the order's newest attempt and from a
//! state it is allowed from; whatever comes late changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use model::event::{EventBody, EventType};
use model::ids::{AccountId, IdentityId, OrderId, RunId};
use model::order::{Answer, Order, ProvisioningState, StateReason, Trouble};
use serde::Serialize;

use super::read::{Why, orders_by_id};
use super::{AS_THE_ORDER, RecordedTransition};
use crate::connection::{CHUNK, Row, arguments, numbers, payload};
use crate::events::NewFact;
use crate::{Result, Tx};

macro_rules! standing {
    () => {
        "select id, state, fence
    from provisioning_order
    where id in (select cast(value as bigint) from json_each($1))
    order by id"
    };
}

const STANDING_SQLITE: &str = standing!();
const STANDING_POSTGRES: &str = concat!(standing!(), " for update");

const UPDATE_ORDERS: &str = "
    with input as materialized (
      select
        cast(value ->> 'order' as bigint) as order_id, cast(value ->> 'to' as bigint) as to_state, value -> 'reason' as reason,
        cast(value ->> 'next_attempt_at' as bigint) as next_attempt_at, cast(value ->> 'account' as bigint) as account_id,
        value ->> 'key' as native_key, cast(value ->> 'keeps_lease' as boolean) as keeps_lease,
        cast(value ->> 'at' as bigint) as at, value ->> 'trouble' as new_trouble,
        value ->> 'fingerprint' as new_fingerprint, cast(value ->> 'repeats' as bigint) as new_repeats
      from jsonb_each($1)
    )
    update provisioning_order
    set state = input.to_state,
        trouble = input.new_trouble,
        fingerprint = input.new_fingerprint,
        repeats = input.new_repeats,
        troubled_at = case
          when input.new_fingerprint is null then null
          when fingerprint = input.new_fingerprint then coalesce(troubled_at, input.at)
          else input.at
        end,
        reason = input.reason,
        next_attempt_at = input.next_attempt_at,
        account_id = coalesce(input.account_id, provisioning_order.account_id),
        key = coalesce(input.native_key, provisioning_order.key),
        lease_node = case when input.keeps_lease then lease_node end,
        lease_until = case when input.keeps_lease then lease_until end,
        transmitted_at = case when input.to_state = 2 and state <> 2 then input.at else transmitted_at end,
        executed_at = case when input.to_state = 8 then input.at else executed_at end,
        verified_at = case when input.to_state = 4 then input.at else verified_at end,
        changed_at = input.at
    from input
    where provisioning_order.id = input.order_id";

/// The account that came to be, for what was ordered with its creation and waits for it.
const FOLLOW_ACCOUNTS: &str = "
    with input as materialized (select cast(value as bigint) as order_id from json_each($1))
    update provisioning_order
    set account_id = made.account_id,
        key = made.key
    from input
    join order_dependency d on d.after_id = input.order_id
    join provisioning_order made on made.id = input.order_id
    where provisioning_order.id = d.order_id
      and provisioning_order.account_id is null
      and provisioning_order.operation <> 'create'
      and made.operation = 'create'
      and provisioning_order.identity_id = made.identity_id
      and provisioning_order.account_type = made.account_type";

const FOLLOW_KEYS: &str = "
    with input as materialized (
      select cast(value ->> 'account' as bigint) as account_id, value ->> 'key' as native_key
      from jsonb_each($1)
    )
    update provisioning_order
    set key = input.native_key
    from input
    where provisioning_order.account_id = input.account_id
      and provisioning_order.state in (1, 2, 3, 5, 8)
      and provisioning_order.key <> input.native_key";

const ENDED: &str = "
    select id, identity_id, run_id, application, account_type, account_id, key, operation, state
    from provisioning_order
    where id in (select cast(value as bigint) from json_each($1))
    order by id";

const UPDATE_ITEMS: &str = "
    with input as materialized (
      select
        cast(value ->> 'order' as bigint) as order_id, cast(value ->> 'item' as bigint) as item_id,
        cast(value ->> 'state' as bigint) as state, value ->> 'message' as message
      from jsonb_each($1)
    )
    update order_item
    set state = input.state,
        message = input.message
    from input
    where order_item.id = input.item_id
      and order_item.order_id = input.order_id";

/// Items that nothing was said about, to one state: ids alone are quicker to read than objects. Those that are so
/// already, most of them because they go along with their order, are not written again.
const MOVE_ITEMS: &str = "
    update order_item
    set state = $2,
        message = null
    where id in (select cast(value as bigint) from json_each($1))
      and (state <> $2 or message is not null)";

/// Items of these orders that went along with them so far stay in that state.
const KEEP_ITEMS: &str = "
    update order_item
    set state = $2
    where order_id in (select cast(value as bigint) from json_each($1))
      and state = 0";

/// The attempt of that fence, or, without one, the newest.
const CLOSE_ATTEMPTS: &str = "
    with input as materialized (
      select
        cast(value ->> 'order' as bigint) as order_id, cast(value ->> 'fence' as bigint) as fence,
        value -> 'answer' as answer, cast(value ->> 'at' as bigint) as at
      from jsonb_each($1)
    )
    update order_attempt
    set finished_at = input.at,
        answer = input.answer
    from input
    where order_attempt.order_id = input.order_id
      and order_attempt.fence = coalesce(
        input.fence,
        (select max(newest.fence) from order_attempt newest where newest.order_id = input.order_id)
      )";

const INSERT_EVENTS: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into order_event (order_id, at, from_state, to_state, reason, actor, message)
    select
      cast(value ->> 'order' as bigint), cast(value ->> 'at' as bigint), cast(value ->> 'from' as bigint),
      cast(value ->> 'to' as bigint), value -> 'reason', value ->> 'actor', value ->> 'message'
    from input
    order by key";

#[derive(Serialize)]
struct TransitionInput<'a> {
    order: i64,
    from: i64,
    to: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a StateReason>,
    next_attempt_at: Option<i64>,
    account: Option<i64>,
    key: Option<&'a str>,
    trouble: Option<&'static str>,
    fingerprint: Option<&'a str>,
    repeats: u32,
    /// Still under way: the node that sent it answers for it.
    keeps_lease: bool,
    actor: &'a str,
    message: &'a str,
    at: i64,
}

#[derive(Serialize)]
struct KeyInput<'a> {
    account: i64,
    key: &'a str,
}

#[derive(Serialize)]
struct ItemInput<'a> {
    order: i64,
    item: i64,
    state: i64,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct AnswerInput<'a> {
    order: i64,
    fence: Option<i64>,
    answer: &'a Answer,
    at: i64,
}

impl Tx {
    /// One answer each: false where the fence is old, the state is none of `from`, or there is no such order; then
    /// nothing of that one is changed. Steps of one order are taken in the order given.
    pub async fn record_transitions(&mut self, rows: &[RecordedTransition]) -> Result<Vec<bool>> {
        let mut answers = vec![false; rows.len()];
        let mut rest: Vec<usize> = (0..rows.len()).collect();
        while !rest.is_empty() {
            // One statement changes an order once: further steps of the same order wait for the next round.
            let mut seen = HashSet::new();
            let (round, later) = rest.into_iter().partition::<Vec<_>, _>(|position| {
                rows.get(*position).is_some_and(|row| seen.len() < CHUNK && seen.insert(row.order))
            });
            rest = later;
            self.record_round(rows, &round, &mut answers).await?;
        }
        Ok(answers)
    }

    /// These orders as they are, and as they stay until the transaction ends: who decides by what was seen before compares.
    pub async fn orders_to_change(&mut self, ids: &[OrderId]) -> Result<Vec<Order>> {
        let locked = numbers(ids.iter().map(|id| id.0));
        let sql = if self.connection.is_postgres() { STANDING_POSTGRES } else { STANDING_SQLITE };
        self.rows(sql, arguments![locked]).await?;
        orders_by_id(&mut self.connection, ids, Why::Told).await
    }

    /// Orders that are not at their end go on under the key that their account has got.
    pub async fn follow_keys(&mut self, accounts: &[(AccountId, String)]) -> Result<()> {
        let inputs: Vec<_> = accounts.iter().map(|(account, key)| KeyInput { account: account.0, key }).collect();
        self.bulk(FOLLOW_KEYS, &inputs).await
    }

    /// The same question without the deed: which of these would be taken now.
    pub async fn accepts_transitions(&mut self, rows: &[RecordedTransition]) -> Result<Vec<bool>> {
        let ids = numbers(rows.iter().map(|row| row.order.0));
        let sql = if self.connection.is_postgres() { STANDING_POSTGRES } else { STANDING_SQLITE };
        let standing = self.rows(sql, arguments![ids]).await?;
        let standing = standing.iter().map(standing_of).collect::<Result<HashMap<_, _>>>()?;
        let accepts = |row: &RecordedTransition| {
            standing.get(&row.order.0).is_some_and(|(state, fence)| accepts(row, *state, *fence))
        };
        Ok(rows.iter().map(accepts).collect())
    }

    async fn record_round(&mut self, rows: &[RecordedTransition], round: &[usize], answers: &mut [bool]) -> Result<()> {
        let round: Vec<_> = round.iter().filter_map(|position| Some((*position, rows.get(*position)?))).collect();
        let ids = numbers(round.iter().map(|(_, row)| row.order.0));
        let sql = if self.connection.is_postgres() { STANDING_POSTGRES } else { STANDING_SQLITE };
        let standing = self.rows(sql, arguments![ids]).await?;
        let standing = standing.iter().map(standing_of).collect::<Result<HashMap<_, _>>>()?;
        let mut accepted = Vec::with_capacity(round.len());
        for (position, row) in round {
            let Some((state, fence)) = standing.get(&row.order.0) else { continue };
            if accepts(row, *state, *fence) {
                if let Some(answer) = answers.get_mut(position) {
                    *answer = true;
                }
                accepted.push((*state, row));
            }
        }
        self.write_accepted(&accepted).await
    }

    async fn write_accepted(&mut self, accepted: &[(ProvisioningState, &RecordedTransition)]) -> Result<()> {
        if accepted.is_empty() {
            return Ok(());
        }
        let input = payload(&accepted.iter().map(transition_input).collect::<Vec<_>>())?;
        self.execute(UPDATE_ORDERS, arguments![input.as_str()]).await?;
        self.execute(INSERT_EVENTS, arguments![input]).await?;
        let created: Vec<i64> =
            accepted.iter().filter(|(_, row)| row.account.is_some()).map(|(_, row)| row.order.0).collect();
        if !created.is_empty() {
            self.execute(FOLLOW_ACCOUNTS, arguments![numbers(created)]).await?;
        }
        // What was done stays done, also where the order goes on to be something else.
        let mut kept: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (from, row) in accepted.iter().filter(|(from, row)| is_done(*from) && !is_done(row.to)) {
            kept.entry(from.number()).or_default().push(row.order.0);
        }
        for (state, orders) in kept {
            self.execute(KEEP_ITEMS, arguments![numbers(orders), state]).await?;
        }
        let mut silent: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut items = Vec::new();
        for (row, (item, state, message)) in
            accepted.iter().flat_map(|(_, row)| row.items.iter().map(move |item| (row, item)))
        {
            match message.as_deref() {
                None if *state == row.to => silent.entry(AS_THE_ORDER).or_default().push(item.0),
                None => silent.entry(state.number()).or_default().push(item.0),
                message => {
                    items.push(ItemInput { order: row.order.0, item: item.0, state: state.number(), message });
                }
            }
        }
        for (state, ids) in silent {
            self.execute(MOVE_ITEMS, arguments![numbers(ids), state]).await?;
        }
        self.tell_of_ends(accepted).await?;
        self.end_what_was_approved(accepted).await?;
        self.bulk(UPDATE_ITEMS, &items).await?;
        let attempts: Vec<_> = accepted
            .iter()
            .filter_map(|(_, row)| {
                let answer = row.answer.as_ref()?;
                Some(AnswerInput { order: row.order.0, fence: row.fence, answer, at: row.at.as_microsecond() })
            })
            .collect();
        self.bulk(CLOSE_ATTEMPTS, &attempts).await
    }
}

impl Tx {
    /// Orders at which nothing more happens by itself are told of, where somebody wants to be.
    async fn tell_of_ends(&mut self, accepted: &[(ProvisioningState, &RecordedTransition)]) -> Result<()> {
        let ended: BTreeMap<i64, (EventType, Timestamp)> = accepted
            .iter()
            .filter(|(from, row)| *from != row.to)
            .filter_map(|(_, row)| Some((row.order.0, (end_of(row.to)?, row.at))))
            .collect();
        if ended.is_empty() || !self.wants_events().await? {
            return Ok(());
        }
        let rows = self.rows(ENDED, arguments![numbers(ended.keys().copied())]).await?;
        let mut facts = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.integer("id")?;
            let Some((kind, at)) = ended.get(&id) else { continue };
            let mut body = EventBody::new(*kind, *at)
                .with("operation", row.text("operation")?)
                .with("account_type", row.text("account_type")?)
                .with("state", row.numbered("state", ProvisioningState::from_number)?.slug());
            if let Some(key) = row.optional_text("key")? {
                body = body.with("key", key);
            }
            if let Some(account) = row.optional_integer("account_id")? {
                body = body.with("account", account);
            }
            body.order = Some(OrderId(id));
            body.run = row.optional_integer("run_id")?.map(RunId);
            body.application = Some(row.text("application")?);
            facts.push(NewFact::about(body, IdentityId(row.integer("identity_id")?)));
        }
        self.note_facts(facts).await
    }

    /// Orders that do again what was undone wait for a person: with their approval nothing of it is held up any more.
    async fn end_what_was_approved(&mut self, accepted: &[(ProvisioningState, &RecordedTransition)]) -> Result<()> {
        let is_approval = |(from, row): &&(ProvisioningState, &RecordedTransition)| {
            *from == ProvisioningState::AwaitingApproval && row.to == ProvisioningState::Pending
        };
        let approved: Vec<_> = accepted.iter().filter(is_approval).collect();
        let Some(at) = approved.iter().map(|(_, row)| row.at).max() else { return Ok(()) };
        let orders: Vec<_> = approved.iter().map(|(_, row)| row.order).collect();
        self.end_undone_by(&orders, at).await
    }
}

fn end_of(state: ProvisioningState) -> Option<EventType> {
    match state {
        ProvisioningState::Verified => Some(EventType::OrderVerified),
        ProvisioningState::Errored | ProvisioningState::Error => Some(EventType::OrderFailed),
        ProvisioningState::Inactive => Some(EventType::OrderCancelled),
        _ => None,
    }
}

fn is_done(state: ProvisioningState) -> bool {
    matches!(state, ProvisioningState::Executed | ProvisioningState::Verified)
}

fn accepts(row: &RecordedTransition, state: ProvisioningState, fence: i64) -> bool {
    row.from.contains(&state) && row.fence.is_none_or(|held| held == fence)
}

fn standing_of(row: &Row) -> Result<(i64, (ProvisioningState, i64))> {
    let state = row.numbered("state", ProvisioningState::from_number)?;
    Ok((row.integer("id")?, (state, row.integer("fence")?)))
}

fn transition_input<'a>((from, row): &(ProvisioningState, &'a RecordedTransition)) -> TransitionInput<'a> {
    TransitionInput {
        order: row.order.0,
        from: from.number(),
        to: row.to.number(),
        reason: row.reason.as_ref(),
        next_attempt_at: row.next_attempt_at.map(Timestamp::as_microsecond),
        account: row.account.map(|id| id.0),
        key: row.key.as_deref(),
        trouble: Trouble::of(row.to, row.reason.as_ref()).map(Trouble::name),
        fingerprint: row.fingerprint.as_deref(),
        repeats: row.repeats,
        keeps_lease: row.to == ProvisioningState::Transmitted && row.answer.is_none(),
        actor: &row.actor,
        message: &row.message,
        at: row.at.as_microsecond(),
    }
}
