//! Plans, their partitions, and orders with items, dependencies, attempts and events.
//!
//! Which state may follow which is the table of `broker`; here only what every writer must respect is enforced: a
//! result carries the fence of its attempt, and an account has one order in flight that is sent directly and one that somebody
//! else holds (`order_one_in_flight`, `order_one_held`, `order_one_creation_in_flight`).

/// That all an order comes after is done (4, 8) or called off (6); the argument is where the order's id stands.
macro_rules! has_its_turn {
    ($order:literal) => {
        concat!(
            "0 = (
        select count(*)
        from order_dependency d
        join provisioning_order earlier on earlier.id = d.after_id
        where d.order_id = ",
            $order,
            "
          and earlier.state not in (4, 6, 8)
      )"
        )
    };
}

mod claim;
mod detail;
mod edits;
mod lease;
mod list;
mod pause;
mod read;
mod references;
mod transition;
mod triage;

use jiff::Timestamp;
use model::access::Reason;
use model::account::Mechanism;
use model::ids::{AccountId, OrderId, OrderItemId, PartitionId, PlanId, RunId};
use model::order::{Answer, Order, OrderItem, ProvisioningState, StateReason, Trouble};
use model::plan::{ItemKind, ItemOperation, Partition, Plan};
use model::value::Value;
use serde::Serialize;

pub(crate) use list::{newest_orders_of, order_rows_in_states, orders_of_request};
pub(crate) use read::{Why, optional_state, orders_by_id};
pub use references::{FilledOrder, ReferenceChange};

use crate::connection::{CHUNK, arguments, payload};
use crate::{Result, Tx};

/// The state of an item that goes along with its order, as most do all their way: it is written once, not with every
/// step of the order. No item is in state 0 otherwise.
const AS_THE_ORDER: i64 = 0;

/// A plan as stored, with the ids its partitions have. Its requests come without items: their orders hold those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRecord {
    pub id: PlanId,
    pub run: Option<RunId>,
    pub plan: Plan,
    pub partitions: Vec<(PartitionId, Partition)>,
    pub created_at: Timestamp,
}

/// Orders sent to one application or integration that somebody else is to bring to their end: counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrdersUnderWay {
    /// All in state 2.
    pub transmitted: u64,
    /// Of these, carried out or read back at this moment.
    pub claimed: u64,
    /// Of these, with another system, which is still to answer. What people have is not among them.
    pub handed: u64,
}

/// Who takes which orders, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Application or integration whose queue it is.
    pub carrier: String,
    /// Applications whose orders may be in its queue: of each one claim at a time.
    pub applications: Vec<String>,
    pub limit: u32,
    /// Name of the node that takes them.
    pub node: String,
    pub now: Timestamp,
    pub lease_until: Timestamp,
    /// Only this run's orders.
    pub run: Option<RunId>,
    /// Only those of this mechanism.
    pub mechanism: Option<Mechanism>,
    /// To find out whether the application answers: those that were tried least come first.
    pub probe: bool,
}

/// A step of an order, decided elsewhere, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedTransition {
    pub order: OrderId,
    /// Fence of the attempt it comes from; none where no attempt is involved.
    pub fence: Option<i64>,
    /// The states from which it is allowed.
    pub from: Vec<ProvisioningState>,
    pub to: ProvisioningState,
    pub reason: Option<StateReason>,
    /// What its trouble has in common with that of others, and how often in a row it has failed so.
    pub fingerprint: Option<String>,
    pub repeats: u32,
    pub next_attempt_at: Option<Timestamp>,
    /// The account that came to be; an account known before stays where this is none. The same holds for the key.
    pub account: Option<AccountId>,
    pub key: Option<String>,
    /// New states and messages of items. Others go along with the order; what was done stays done.
    pub items: Vec<(OrderItemId, ProvisioningState, Option<String>)>,
    /// Closes the open attempt.
    pub answer: Option<Answer>,
    /// Login, or the name of the node.
    pub actor: String,
    /// A sentence.
    pub message: String,
    pub at: Timestamp,
}

const INSERT_PLANS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into plan (id, run_id, identity_id, body, created_at)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'run' as bigint), cast(value ->> 'identity' as bigint),
      value -> 'body', cast(value ->> 'created_at' as bigint)
    from input";

const INSERT_PARTITIONS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into plan_partition (id, plan_id, sequence, body)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'plan' as bigint), cast(value ->> 'sequence' as bigint),
      value -> 'body'
    from input";

/// `initiator` is of the time when there were fewer triggers: SQLite cannot change the check of a column, nor take it away.
const INSERT_ORDERS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into provisioning_order (
      id, plan_id, partition_id, run_id, identity_id, initiator, application, account_type, account_id, key,
      operation, mechanism, carrier, lane, set_off_by, priority, turn_at, state, reason, explanation, reasons, summary, fence,
      attempts, next_attempt_at, created_at, changed_at, transmitted_at, executed_at, verified_at, trouble, fingerprint,
      repeats, troubled_at, awaits_answer, awaits_reference
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'plan' as bigint), cast(value ->> 'partition' as bigint),
      cast(value ->> 'run' as bigint), cast(value ->> 'identity' as bigint), 'administrator',
      value ->> 'application', value ->> 'account_type', cast(value ->> 'account' as bigint), value ->> 'key',
      value ->> 'operation', value ->> 'mechanism', value ->> 'carrier', cast(value ->> 'lane' as bigint),
      value ->> 'set_off_by', cast(value ->> 'priority' as bigint), cast(value ->> 'turn_at' as bigint),
      cast(value ->> 'state' as bigint),
      value -> 'reason', value ->> 'explanation', value -> 'reasons', value ->> 'summary',
      cast(value ->> 'fence' as bigint), cast(value ->> 'attempts' as bigint), cast(value ->> 'next_attempt_at' as bigint),
      cast(value ->> 'created_at' as bigint), cast(value ->> 'created_at' as bigint),
      cast(value ->> 'transmitted_at' as bigint), cast(value ->> 'executed_at' as bigint),
      cast(value ->> 'verified_at' as bigint), value ->> 'trouble', value ->> 'fingerprint',
      cast(value ->> 'repeats' as bigint),
      case when value ->> 'trouble' is not null then cast(value ->> 'created_at' as bigint) end,
      cast(value ->> 'awaits_answer' as boolean), cast(value ->> 'awaits_reference' as boolean)
    from input";

const INSERT_ITEMS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into order_item (
      id, order_id, kind, name, operation, value, current, entitlement, state, explanation, reasons, secret, message
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'order' as bigint), value ->> 'kind', value ->> 'name',
      value ->> 'operation', value -> 'value', value -> 'current', value ->> 'entitlement',
      cast(value ->> 'state' as bigint), value ->> 'explanation', value -> 'reasons',
      cast(value ->> 'secret' as boolean), value ->> 'message'
    from input";

const INSERT_DEPENDENCIES: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into order_dependency (order_id, after_id)
    select cast(value ->> 'order' as bigint), cast(value ->> 'after' as bigint)
    from input
    where true
    on conflict (order_id, after_id) do nothing";

/// An order's timeline begins where it came from: state 0.
const INSERT_FIRST_EVENTS: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into order_event (order_id, at, from_state, to_state, reason, actor, message)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'created_at' as bigint), 0, cast(value ->> 'state' as bigint),
      value -> 'reason', 'Quartermaster', value ->> 'explanation'
    from input
    order by key";

#[derive(Serialize)]
struct PlanInput<'a> {
    id: i64,
    run: Option<i64>,
    identity: i64,
    body: &'a Plan,
    created_at: i64,
}

#[derive(Serialize)]
struct PartitionInput<'a> {
    id: i64,
    plan: i64,
    sequence: u32,
    body: &'a Partition,
}

#[derive(Serialize)]
struct OrderInput<'a> {
    id: i64,
    plan: i64,
    partition: i64,
    run: Option<i64>,
    identity: i64,
    application: &'a str,
    account_type: &'a str,
    account: Option<i64>,
    key: Option<&'a str>,
    operation: &'static str,
    mechanism: &'static str,
    carrier: &'a str,
    lane: i64,
    set_off_by: &'static str,
    priority: u8,
    turn_at: i64,
    state: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a StateReason>,
    explanation: &'a str,
    reasons: &'a [Reason],
    summary: String,
    fence: i64,
    attempts: u32,
    next_attempt_at: Option<i64>,
    created_at: i64,
    transmitted_at: Option<i64>,
    executed_at: Option<i64>,
    verified_at: Option<i64>,
    trouble: Option<&'static str>,
    fingerprint: Option<&'a str>,
    repeats: u32,
    awaits_answer: bool,
    awaits_reference: bool,
}

#[derive(Serialize)]
struct ItemInput<'a> {
    id: i64,
    order: i64,
    kind: &'static str,
    name: &'a str,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a Value>,
    entitlement: Option<&'a str>,
    state: i64,
    explanation: &'a str,
    reasons: &'a [Reason],
    secret: bool,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct NameInput<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct DependencyInput {
    order: i64,
    after: i64,
}

impl Tx {
    pub async fn insert_plans(&mut self, rows: &[PlanRecord]) -> Result<()> {
        let plans: Vec<_> = rows
            .iter()
            .map(|row| PlanInput {
                id: row.id.0,
                run: row.run.map(|run| run.0),
                identity: row.plan.identity.0,
                body: &row.plan,
                created_at: row.created_at.as_microsecond(),
            })
            .collect();
        self.bulk(INSERT_PLANS, &plans).await?;
        let partitions: Vec<_> = rows
            .iter()
            .flat_map(|row| row.partitions.iter().map(move |(id, partition)| (row.id, id, partition)))
            .map(|(plan, id, body)| PartitionInput { id: id.0, plan: plan.0, sequence: body.sequence, body })
            .collect();
        self.bulk(INSERT_PARTITIONS, &partitions).await
    }

    /// With items, dependencies and the first event. Dependencies may be on each other and on older orders.
    pub async fn insert_orders(&mut self, rows: &[Order]) -> Result<()> {
        let mut chunks = rows.chunks(CHUNK).map(|chunk| payload(&chunk.iter().map(order_input).collect::<Vec<_>>()));
        let mut ready = chunks.next();
        while let Some(input) = ready.transpose()? {
            let write = async {
                self.execute(INSERT_ORDERS, arguments![input.as_str()]).await?;
                self.execute(INSERT_FIRST_EVENTS, arguments![input.as_str()]).await
            };
            let (done, next) = futures::join!(write, async { chunks.next() });
            done?;
            ready = next;
        }
        let items: Vec<_> =
            rows.iter().flat_map(|order| order.items.iter().map(|item| item_input(order, item))).collect();
        self.bulk(INSERT_ITEMS, &items).await?;
        let dependencies: Vec<_> = rows
            .iter()
            .flat_map(|order| order.after.iter().map(|after| DependencyInput { order: order.id.0, after: after.0 }))
            .collect();
        self.bulk(INSERT_DEPENDENCIES, &dependencies).await
    }
}

/// Names as rows of a list.
fn named(names: &[String]) -> Result<String> {
    let names: Vec<_> = names.iter().map(|name| NameInput { name }).collect();
    payload(&names)
}

fn order_input(order: &Order) -> OrderInput<'_> {
    OrderInput {
        id: order.id.0,
        plan: order.plan.0,
        partition: order.partition.0,
        run: order.run.map(|run| run.0),
        identity: order.identity.0,
        application: &order.application,
        account_type: &order.account_type,
        account: order.account.map(|account| account.0),
        key: order.key.as_deref(),
        operation: order.operation.name(),
        mechanism: order.mechanism.name(),
        carrier: &order.carrier,
        lane: order.lane as i64,
        set_off_by: order.trigger.name(),
        priority: order.priority,
        turn_at: order.turn_at().as_microsecond(),
        state: order.state.number(),
        reason: order.reason.as_ref(),
        explanation: &order.explanation,
        reasons: &order.reasons,
        summary: summary(&order.items),
        fence: order.fence,
        attempts: order.attempts,
        next_attempt_at: order.next_attempt_at.map(Timestamp::as_microsecond),
        created_at: order.created_at.as_microsecond(),
        transmitted_at: order.transmitted_at.map(Timestamp::as_microsecond),
        executed_at: order.executed_at.map(Timestamp::as_microsecond),
        verified_at: order.verified_at.map(Timestamp::as_microsecond),
        trouble: Trouble::of(order.state, order.reason.as_ref()).map(Trouble::name),
        fingerprint: order.fingerprint.as_deref(),
        repeats: order.repeats,
        awaits_answer: order.reason.as_ref().is_some_and(StateReason::awaits_answer),
        awaits_reference: order.reason.as_ref().is_some_and(StateReason::awaits_reference),
    }
}

fn item_input<'a>(order: &Order, item: &'a OrderItem) -> ItemInput<'a> {
    let goes_along = item.state == order.state && item.message.is_none();
    ItemInput {
        id: item.id.0,
        order: order.id.0,
        kind: item.kind.name(),
        name: &item.name,
        operation: item.operation.name(),
        value: item.value.as_ref(),
        current: item.current.as_ref(),
        entitlement: item.entitlement.as_deref(),
        state: if goes_along { AS_THE_ORDER } else { item.state.number() },
        explanation: &item.explanation,
        reasons: &item.reasons,
        secret: item.secret,
        message: item.message.as_deref(),
    }
}

/// What an order changes beside the account itself, for lists: "department, title, 2 entitlements added".
fn summary(items: &[OrderItem]) -> String {
    const NAMED: usize = 3;
    let attributes: Vec<&str> =
        items.iter().filter(|item| item.kind == ItemKind::Attribute).map(|item| item.name.as_str()).collect();
    let mut parts: Vec<String> = attributes.iter().take(NAMED).map(|name| (*name).to_owned()).collect();
    if attributes.len() > NAMED {
        parts.push(counted(attributes.len() - NAMED, "more attribute", ""));
    }
    for (operation, done) in [(ItemOperation::Add, " added"), (ItemOperation::Remove, " removed")] {
        let count =
            items.iter().filter(|item| item.kind == ItemKind::Entitlement && item.operation == operation).count();
        if count > 0 {
            parts.push(counted(count, "entitlement", done));
        }
    }
    parts.join(", ")
}

fn counted(count: usize, noun: &str, done: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}{done}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: ItemKind, name: &str, operation: ItemOperation) -> OrderItem {
        OrderItem {
            id: OrderItemId(1),
            kind,
            name: name.into(),
            operation,
            value: None,
            current: None,
            entitlement: None,
            state: ProvisioningState::Pending,
            explanation: String::new(),
            reasons: Vec::new(),
            secret: false,
            message: None,
        }
    }

    #[test]
    fn a_summary_names_attributes_and_counts_entitlements() {
        let attribute = |name| item(ItemKind::Attribute, name, ItemOperation::Set);
        let group = |operation| item(ItemKind::Entitlement, "g", operation);
        let cases = [
            (vec![], ""),
            (vec![item(ItemKind::Lifecycle, "account", ItemOperation::Set)], ""),
            (
                vec![attribute("department"), group(ItemOperation::Add), group(ItemOperation::Add)],
                "department, 2 entitlements added",
            ),
            (vec![group(ItemOperation::Remove)], "1 entitlement removed"),
            (["a", "b", "c", "d", "e"].map(attribute).to_vec(), "a, b, c, 2 more attributes"),
        ];
        for (items, expected) in cases {
            assert_eq!(summary(&items), expected);
        }
    }
}
