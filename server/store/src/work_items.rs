//! Work for people: whose it is, its lines, its clock, questions on it, and what happened to it. Which change may follow
//! which is `broker`'s; who changes one reads it with [`Tx::work_items_to_change`] first, so that nobody else does
//! meanwhile.

mod bulk;
mod questions;
mod read;

use jiff::Timestamp;
use model::ids::{OrderId, WorkItemId};
use model::order::Order;
use model::work_item::{LineOutcome, WorkItem, WorkItemEvent};
use serde::Serialize;

use crate::connection::{arguments, numbers};
use crate::{Result, Tx};

use read::work_items_of_attempt;
pub(crate) use read::{work_item_page, work_items_of_order};

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into work_item (
      id, order_id, fence, part, application, state, fulfiller_kind, fulfiller, chosen, claimed_by, created_at, due_at,
      paused_at, next_action_at, reminders, escalations, closed_at, closed_by, note, reference
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'order' as bigint), cast(value ->> 'fence' as bigint),
      cast(value ->> 'part' as bigint), value ->> 'application', value ->> 'state', value ->> 'fulfiller_kind',
      value ->> 'fulfiller', value ->> 'chosen', cast(value ->> 'claimed_by' as bigint),
      cast(value ->> 'created_at' as bigint), cast(value ->> 'due_at' as bigint), cast(value ->> 'paused_at' as bigint),
      cast(value ->> 'next_action_at' as bigint), cast(value ->> 'reminders' as bigint),
      cast(value ->> 'escalations' as bigint), cast(value ->> 'closed_at' as bigint),
      cast(value ->> 'closed_by' as bigint), value ->> 'note', value ->> 'reference'
    from input";

/// What belongs to an item from its beginning stays.
const UPDATE: &str = "
    with input as materialized (select value from jsonb_each($1))
    update work_item
    set state = input.value ->> 'state',
        fulfiller_kind = input.value ->> 'fulfiller_kind',
        fulfiller = input.value ->> 'fulfiller',
        chosen = input.value ->> 'chosen',
        claimed_by = cast(input.value ->> 'claimed_by' as bigint),
        due_at = cast(input.value ->> 'due_at' as bigint),
        paused_at = cast(input.value ->> 'paused_at' as bigint),
        next_action_at = cast(input.value ->> 'next_action_at' as bigint),
        reminders = cast(input.value ->> 'reminders' as bigint),
        escalations = cast(input.value ->> 'escalations' as bigint),
        closed_at = cast(input.value ->> 'closed_at' as bigint),
        closed_by = cast(input.value ->> 'closed_by' as bigint),
        note = input.value ->> 'note',
        reference = input.value ->> 'reference'
    from input
    where work_item.id = cast(input.value ->> 'id' as bigint)";

const DELETE_LINES: &str = "
    delete from work_item_line
    where work_item_id in (select cast(value as bigint) from json_each($1))";

const INSERT_LINES: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into work_item_line (work_item_id, order_item_id, outcome, told)
    select
      cast(value ->> 'work_item' as bigint), cast(value ->> 'item' as bigint), value ->> 'outcome', value ->> 'told'
    from input";

const INSERT_EVENTS: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into work_item_event (work_item_id, at, actor, kind, message)
    select
      cast(value ->> 'work_item' as bigint), cast(value ->> 'at' as bigint), value ->> 'actor', value ->> 'kind',
      value ->> 'message'
    from input
    order by key";

#[derive(Serialize)]
struct WorkItemInput<'a> {
    id: i64,
    order: i64,
    fence: i64,
    part: u32,
    application: &'a str,
    state: &'static str,
    fulfiller_kind: &'static str,
    fulfiller: Option<&'a str>,
    chosen: &'static str,
    claimed_by: Option<i64>,
    created_at: i64,
    due_at: Option<i64>,
    paused_at: Option<i64>,
    next_action_at: Option<i64>,
    reminders: u32,
    escalations: u32,
    closed_at: Option<i64>,
    closed_by: Option<i64>,
    note: Option<&'a str>,
    reference: Option<&'a str>,
}

#[derive(Serialize)]
struct LineInput<'a> {
    work_item: i64,
    item: i64,
    outcome: Option<&'static str>,
    told: Option<&'a str>,
}

#[derive(Serialize)]
struct EventInput<'a> {
    work_item: i64,
    at: i64,
    actor: &'a str,
    kind: &'static str,
    message: &'a str,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `work_item_one_open` where the order has an open one of the same part.
    pub async fn open_work_items(&mut self, items: &[WorkItem]) -> Result<()> {
        self.bulk(INSERT, &items.iter().map(input).collect::<Vec<_>>()).await?;
        self.bulk(INSERT_LINES, &lines(items)).await
    }

    /// The order and all its work items of that attempt, as they are and stay until the transaction ends.
    pub async fn work_items_to_change(&mut self, order: OrderId, fence: i64) -> Result<(Option<Order>, Vec<WorkItem>)> {
        let orders = self.orders_to_change(&[order]).await?;
        let items = work_items_of_attempt(&mut self.connection, order, fence).await?;
        Ok((orders.into_iter().next(), items))
    }

    /// Writes work items that are on record as they are now, with their lines.
    pub async fn update_work_items(&mut self, items: &[WorkItem]) -> Result<()> {
        self.bulk(UPDATE, &items.iter().map(input).collect::<Vec<_>>()).await?;
        self.execute(DELETE_LINES, arguments![numbers(items.iter().map(|item| item.id.0))]).await?;
        self.bulk(INSERT_LINES, &lines(items)).await
    }

    pub async fn append_work_item_events(&mut self, events: &[(WorkItemId, WorkItemEvent)]) -> Result<()> {
        let rows: Vec<_> = events
            .iter()
            .map(|(item, event)| EventInput {
                work_item: item.0,
                at: event.at.as_microsecond(),
                actor: &event.actor,
                kind: event.kind.name(),
                message: &event.message,
            })
            .collect();
        self.bulk(INSERT_EVENTS, &rows).await
    }
}

fn input(item: &WorkItem) -> WorkItemInput<'_> {
    let time = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
    WorkItemInput {
        id: item.id.0,
        order: item.order.0,
        fence: item.fence,
        part: item.part,
        application: &item.application,
        state: item.state.name(),
        fulfiller_kind: item.fulfiller.kind(),
        fulfiller: item.fulfiller.name(),
        chosen: item.chosen.name(),
        claimed_by: item.claimed_by.map(|id| id.0),
        created_at: item.created_at.as_microsecond(),
        due_at: time(item.due_at),
        paused_at: time(item.paused_at),
        next_action_at: time(item.next_action_at),
        reminders: item.reminders,
        escalations: item.escalations,
        closed_at: time(item.closed_at),
        closed_by: item.closed_by.map(|id| id.0),
        note: item.note.as_deref(),
        reference: item.reference.as_deref(),
    }
}

fn lines(items: &[WorkItem]) -> Vec<LineInput<'_>> {
    items
        .iter()
        .flat_map(|item| item.lines.iter().map(move |line| (item.id, line)))
        .map(|(item, line)| LineInput {
            work_item: item.0,
            item: line.item.0,
            outcome: line.outcome.as_ref().map(LineOutcome::name),
            told: line.outcome.as_ref().and_then(LineOutcome::text),
        })
        .collect()
}
