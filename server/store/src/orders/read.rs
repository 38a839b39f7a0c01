//! Reading orders with their items: by id, by state, by who carries them out; and what is due or under way.

use std::collections::HashMap;

use jiff::Timestamp;
use model::access::Reason;
use model::account::Mechanism;
use model::command::Handed;
use model::ids::{AccountId, IdentityId, OrderId, OrderItemId, PartitionId, PlanId, RunId};
use model::order::{Lane, Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::trigger::Trigger;

use super::{AS_THE_ORDER, OrdersUnderWay, named};
use crate::among::chosen;
use crate::connection::{Connection, Row, arguments, numbers};
use crate::{Result, Store};

/// With the columns that say why, where they are asked for: each column of each row costs, even an empty one.
macro_rules! by_id {
    ($why:literal) => {
        concat!(
            "select
      o.id, o.plan_id, o.partition_id, o.run_id, o.identity_id, o.set_off_by, o.priority, o.application, o.account_type, o.account_id,
      o.key, o.operation, o.mechanism, o.carrier, o.lane, o.state, cast(o.reason as text) as reason,
      coalesce(
        o.mechanism = 'manual'
          and (select p.body ->> 'mechanism' from plan_partition p where p.id = o.partition_id) <> 'manual',
        false
      ) as given_to_people,",
            $why,
            " o.fence, o.attempts, o.fingerprint, o.repeats, o.next_attempt_at, o.created_at, o.transmitted_at,
      o.executed_at, o.verified_at
    from provisioning_order o
    where o.id in (select cast(value as bigint) from json_each($1))
    order by o.id"
        )
    };
}

const BY_ID: &str = by_id!(" o.explanation, cast(o.reasons as text) as reasons,");
const IN_BRIEF: &str = by_id!("");

/// Sent and not answered, or answered after that moment.
const ACCOUNTS_CHANGED_SINCE: &str = "
    select distinct account_id
    from provisioning_order
    where application = $1
      and account_id is not null
      and (state = 2 or (state = 8 and executed_at > $2))";

/// What planning has to know: 8 counts until it is verified, 7 so that a rule that fails is not ordered anew.
const OPEN_IDS: &str = "
    select id
    from provisioning_order
    where state in (1, 2, 3, 5, 7, 8)
    order by id";

const OPEN_IDS_OF: &str = concat!(
    "
    select o.id
    from ",
    chosen!(),
    "provisioning_order o
    where o.identity_id = chosen_id
      and o.state in (1, 2, 3, 5, 7, 8)
    order by o.id"
);

/// Not called off, and not done before that moment.
const OF_ACCOUNT_SINCE: &str = "
    select id
    from provisioning_order
    where account_id = $1
      and state in (1, 2, 3, 4, 5, 8)
      and (executed_at is null or executed_at >= $2)
    order by id
    limit $3";

const IDS_IN_STATE: &str = "
    select id
    from provisioning_order
    where application = $1
      and state = $2
    order by id
    limit $3";

const WAITING_OR_GIVEN_UP_IDS_OF: &str = concat!(
    "
    select o.id
    from ",
    chosen!(),
    "provisioning_order o
    where o.account_id = chosen_id
      and (o.state in (1, 5) or (o.state = 6 and o.attempts > 0))
    order by o.id"
);

const IDS_SENT_TO: &str = "
    select id
    from provisioning_order
    where carrier = $1
      and state = 2
    order by id
    limit $2";

macro_rules! handed {
    () => {
        "select o.id, o.fence, o.key, a.answer ->> 'reference' as reference
    from provisioning_order o
    join order_attempt a on a.order_id = o.id and a.fence = o.fence
    where o.carrier = $1
      and a.answer ->> 'answer' = 'handed'
      and "
    };
}

/// Those that timed out are asked for as well: a late answer counts.
const HANDED: &str =
    concat!(handed!(), "(o.state = 2 or (o.state = 3 and o.reason ->> 'reason' = 'timeout')) order by o.id");

const GIVEN_UP: &str = concat!(handed!(), "o.state = 6 order by o.id");

const OVERDUE_IDS: &str = "
    select id
    from provisioning_order
    where carrier = $1
      and state = 2
      and transmitted_at < $2
    order by id";

/// Without a reason, or in doubt, and not put off: whoever holds the lease is busy with it. Others wait for a person, or
/// for the time at which they are read back.
const UNDER_WAY: &str = "
    select
      count(case when state = 2 then 1 end) as transmitted,
      count(case
        when state = 2 and next_attempt_at is null and coalesce(reason ->> 'reason', 'in_doubt') = 'in_doubt' then 1
      end) as claimed,
      count(case when state = 2 and reason ->> 'reason' in ('handed', 'unclear') then 1 end) as handed
    from provisioning_order
    where carrier = $1
      and state = 2";

const AWAITED_CARRIERS: &str = "
    select distinct carrier
    from provisioning_order
    where state = 2
    order by carrier";

/// A late answer still counts where none came in time.
const OWES_ANSWERS: &str = "
    select 1 as one
    from provisioning_order
    where carrier = $1
      and state in (2, 3)
      and (state = 2 or reason ->> 'reason' = 'timeout')
    limit 1";

macro_rules! items {
    ($why:literal) => {
        concat!(
            "select
      id, order_id, kind, name, operation, cast(value as text) as value, cast(current as text) as current, entitlement,
      state,",
            $why,
            " secret, message
    from order_item
    where order_id in (select cast(value as bigint) from json_each($1))
    order by order_id, id"
        )
    };
}

const ITEMS: &str = items!(" explanation, cast(reasons as text) as reasons,");
const ITEMS_IN_BRIEF: &str = items!("");

const DEPENDENCIES: &str = "
    select order_id, after_id
    from order_dependency
    where order_id in (select cast(value as bigint) from json_each($1))
    order by order_id, after_id";

/// By application, or by what they are sent to.
macro_rules! due {
    ($by:literal, $of:literal) => {
        concat!(
            "select ",
            $by,
            " as name, count(*) as due
    from provisioning_order
    where state = 1
      and next_attempt_at <= $1
      and coalesce(trouble, '') not in ('held', 'quarantined', 'maintenance')
      and (ring is null or ring <= (select r.released from run_ring r where r.run_id = provisioning_order.run_id))",
            $of,
            "
    group by ",
            $by,
            "
    order by ",
            $by
        )
    };
}

const DUE_APPLICATIONS: &str = due!("application", "");
const DUE_CARRIERS: &str =
    due!("carrier", " and ($2 is null or application in (select value ->> 'name' from json_each($2)))");

const LAST_PLANNED: &str = "
    select identity_id, max(created_at) as at
    from plan
    where identity_id in (select cast(value as bigint) from json_each($1))
    group by identity_id";

impl Store {
    pub async fn order(&self, id: OrderId) -> Result<Option<Order>> {
        Ok(self.orders_by_id(&[id]).await?.pop())
    }

    /// By id; ids that are not there are left out.
    pub async fn orders_by_id(&self, ids: &[OrderId]) -> Result<Vec<Order>> {
        orders_by_id(&mut self.snapshot().await?, ids, Why::Told).await
    }

    /// As [`Store::orders_by_id`], but without explanations and reasons, here and in the items: whatever moves orders
    /// on needs none of them, and they are most of what an order is.
    pub async fn orders_in_brief(&self, ids: &[OrderId]) -> Result<Vec<Order>> {
        orders_by_id(&mut self.snapshot().await?, ids, Why::LeftOut).await
    }

    /// All orders in states 1, 2, 3, 5, 7 and 8, by id.
    pub async fn open_orders(&self) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let ids = connection.read(OPEN_IDS, arguments![], order_id).await?;
        orders_by_id(&mut connection, &ids, Why::Told).await
    }

    /// As [`Store::open_orders`], of these identities.
    pub async fn open_orders_of(&self, identities: &[IdentityId]) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let identities = numbers(identities.iter().map(|id| id.0));
        let ids = connection.read(OPEN_IDS_OF, arguments![identities], order_id).await?;
        orders_by_id(&mut connection, &ids, Why::Told).await
    }

    /// Orders of an account that were not done before that moment, the oldest, in brief as [`Store::orders_in_brief`].
    pub async fn orders_of_account(&self, account: AccountId, since: Timestamp, limit: u32) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let wanted = arguments![account.0, since, limit];
        let ids = connection.read(OF_ACCOUNT_SINCE, wanted, order_id).await?;
        orders_by_id(&mut connection, &ids, Why::LeftOut).await
    }

    /// Orders of these accounts that wait to be sent, for a person too, or were sent and called off afterwards, by id, in brief
    /// as [`Store::orders_in_brief`].
    pub async fn waiting_or_given_up_orders_of(&self, accounts: &[AccountId]) -> Result<Vec<Order>> {
        let accounts = numbers(accounts.iter().map(|account| account.0));
        let mut connection = self.snapshot().await?;
        let ids = connection.read(WAITING_OR_GIVEN_UP_IDS_OF, arguments![accounts], order_id).await?;
        orders_by_id(&mut connection, &ids, Why::LeftOut).await
    }

    /// By id, in brief as [`Store::orders_in_brief`].
    pub async fn orders_in_state(&self, application: &str, state: ProvisioningState, limit: u32) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let ids = connection.read(IDS_IN_STATE, arguments![application, state.number(), limit], order_id).await?;
        orders_by_id(&mut connection, &ids, Why::LeftOut).await
    }

    /// Orders in state 2 that were sent to this application or integration, by id, in brief as [`Store::orders_in_brief`].
    pub async fn orders_sent_to(&self, carrier: &str, limit: u32) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let ids = connection.read(IDS_SENT_TO, arguments![carrier, limit], order_id).await?;
        orders_by_id(&mut connection, &ids, Why::LeftOut).await
    }

    /// What this executor was handed and has not answered, by id.
    pub async fn handed_orders(&self, carrier: &str) -> Result<Vec<Handed>> {
        self.reader().await?.read(HANDED, arguments![carrier], handed).await
    }

    /// Orders in state 2 that were sent before that moment, by id, in brief as [`Store::orders_in_brief`].
    pub async fn overdue_orders(&self, carrier: &str, sent_before: Timestamp) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let ids = connection.read(OVERDUE_IDS, arguments![carrier, sent_before], order_id).await?;
        orders_by_id(&mut connection, &ids, Why::LeftOut).await
    }

    /// How many orders that were sent to it somebody else is to bring to their end.
    pub async fn orders_under_way(&self, carrier: &str) -> Result<OrdersUnderWay> {
        let row = self.reader().await?.row(UNDER_WAY, arguments![carrier]).await?;
        let Some(row) = row else { return Ok(OrdersUnderWay::default()) };
        Ok(OrdersUnderWay {
            transmitted: row.count("transmitted")?,
            claimed: row.count("claimed")?,
            handed: row.count("handed")?,
        })
    }

    /// Applications and integrations with orders that somebody else is to bring to their end, known or not, by name.
    pub async fn awaited_carriers(&self) -> Result<Vec<String>> {
        self.reader().await?.read(AWAITED_CARRIERS, arguments![], |row| row.text("carrier")).await
    }

    /// Whether an answer to any order that was sent to it would still count.
    pub async fn owes_answers(&self, carrier: &str) -> Result<bool> {
        Ok(self.reader().await?.row(OWES_ANSWERS, arguments![carrier]).await?.is_some())
    }

    /// What this executor was handed, and what is no longer wanted since, by id.
    pub async fn given_up_orders(&self, carrier: &str) -> Result<Vec<Handed>> {
        self.reader().await?.read(GIVEN_UP, arguments![carrier], handed).await
    }

    /// Accounts of the application that an order has changed since that moment, or may be changing now.
    pub async fn accounts_changed_since(&self, application: &str, at: Timestamp) -> Result<Vec<AccountId>> {
        let read = |row: Row| Ok(AccountId(row.integer("account_id")?));
        self.reader().await?.read(ACCOUNTS_CHANGED_SINCE, arguments![application, at], read).await
    }

    /// Applications with due orders in state 1 that nothing keeps back, and how many. Some of these may still wait for
    /// other orders.
    pub async fn due_applications(&self, now: Timestamp) -> Result<Vec<(String, u64)>> {
        let read = |row: Row| Ok((row.text("name")?, row.count("due")?));
        self.reader().await?.read(DUE_APPLICATIONS, arguments![now], read).await
    }

    /// The same, by the application or integration that they are sent to: of all applications, or of those named.
    pub async fn due_carriers(&self, now: Timestamp, applications: Option<&[String]>) -> Result<Vec<(String, u64)>> {
        let names = applications.map(named).transpose()?;
        let read = |row: Row| Ok((row.text("name")?, row.count("due")?));
        self.reader().await?.read(DUE_CARRIERS, arguments![now, names], read).await
    }

    /// When something was last planned for these; those for whom nothing ever was are left out.
    pub async fn last_planned(&self, identities: &[IdentityId]) -> Result<HashMap<IdentityId, Timestamp>> {
        let mut connection = self.snapshot().await?;
        let mut found = HashMap::new();
        for chunk in identities.chunks(10_000) {
            let ids = numbers(chunk.iter().map(|id| id.0));
            let read = |row: Row| Ok((IdentityId(row.integer("identity_id")?), row.time("at")?));
            found.extend(connection.read(LAST_PLANNED, arguments![ids], read).await?);
        }
        Ok(found)
    }
}

/// Whether orders are read with explanations and reasons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Told,
    LeftOut,
}

/// By id, with items and dependencies.
pub(crate) async fn orders_by_id(connection: &mut Connection, ids: &[OrderId], why: Why) -> Result<Vec<Order>> {
    let (by_id, items_of) = match why {
        Why::Told => (BY_ID, ITEMS),
        Why::LeftOut => (IN_BRIEF, ITEMS_IN_BRIEF),
    };
    let mut orders = Vec::with_capacity(ids.len());
    // Large enough that statements do not count, small enough that their parameter does not either.
    for chunk in ids.chunks(10_000) {
        let ids = numbers(chunk.iter().map(|id| id.0));
        let mut items: HashMap<i64, Vec<OrderItem>> = HashMap::with_capacity(chunk.len());
        connection
            .read(items_of, arguments![ids.as_str()], |row| {
                items.entry(row.integer("order_id")?).or_default().push(item(&row, why)?);
                Ok(())
            })
            .await?;
        let mut after: HashMap<i64, Vec<OrderId>> = HashMap::new();
        connection
            .read(DEPENDENCIES, arguments![ids.as_str()], |row| {
                after.entry(row.integer("order_id")?).or_default().push(OrderId(row.integer("after_id")?));
                Ok(())
            })
            .await?;
        let read = connection.read(by_id, arguments![ids], |row| {
            let id = row.integer("id")?;
            order(&row, why, after.remove(&id).unwrap_or_default(), items.remove(&id).unwrap_or_default())
        });
        orders.extend(read.await?);
    }
    Ok(orders)
}

pub(crate) fn optional_state(row: &Row, column: &str) -> Result<Option<ProvisioningState>> {
    match row.optional_integer(column)? {
        Some(_) => state(row, column).map(Some),
        None => Ok(None),
    }
}

pub(super) fn state(row: &Row, column: &str) -> Result<ProvisioningState> {
    row.numbered(column, ProvisioningState::from_number)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what reading rows hands over")]
fn handed(row: Row) -> Result<Handed> {
    Ok(Handed {
        order: OrderId(row.integer("id")?),
        fence: row.integer("fence")?,
        reference: row.text("reference")?,
        key: row.optional_text("key")?,
    })
}

fn order_id(row: Row) -> Result<OrderId> {
    row.integer("id").map(OrderId)
}

fn order(row: &Row, why: Why, after: Vec<OrderId>, mut items: Vec<OrderItem>) -> Result<Order> {
    let (explanation, reasons) = told(row, why)?;
    let state = state(row, "state")?;
    for item in items.iter_mut().filter(|item| item.state.number() == AS_THE_ORDER) {
        item.state = state;
    }
    Ok(Order {
        id: OrderId(row.integer("id")?),
        plan: PlanId(row.integer("plan_id")?),
        partition: PartitionId(row.integer("partition_id")?),
        run: row.optional_integer("run_id")?.map(RunId),
        identity: IdentityId(row.integer("identity_id")?),
        trigger: row.named("set_off_by", Trigger::from_name)?,
        application: row.text("application")?,
        account_type: row.text("account_type")?,
        account: row.optional_integer("account_id")?.map(AccountId),
        key: row.optional_text("key")?,
        operation: row.named("operation", Operation::from_name)?,
        mechanism: row.named("mechanism", Mechanism::from_name)?,
        carrier: row.text("carrier")?,
        given_to_people: row.boolean("given_to_people")?,
        lane: row
            .numbered("lane", |number| [Lane::Leaver, Lane::Normal].into_iter().find(|lane| *lane as i64 == number))?,
        priority: row.numbered("priority", |number| number.try_into().ok())?,
        state,
        reason: row.optional_json("reason")?,
        explanation,
        reasons,
        after,
        fence: row.integer("fence")?,
        attempts: row.small_count("attempts")?,
        fingerprint: row.optional_text("fingerprint")?,
        repeats: row.small_count("repeats")?,
        next_attempt_at: row.optional_time("next_attempt_at")?,
        created_at: row.time("created_at")?,
        transmitted_at: row.optional_time("transmitted_at")?,
        executed_at: row.optional_time("executed_at")?,
        verified_at: row.optional_time("verified_at")?,
        items,
    })
}

/// Explanation and reasons; both empty where they were left out.
fn told(row: &Row, why: Why) -> Result<(String, Vec<Reason>)> {
    match why {
        Why::Told => Ok((row.text("explanation")?, row.json("reasons")?)),
        Why::LeftOut => Ok(Default::default()),
    }
}

fn item(row: &Row, why: Why) -> Result<OrderItem> {
    let (explanation, reasons) = told(row, why)?;
    Ok(OrderItem {
        id: OrderItemId(row.integer("id")?),
        kind: row.named("kind", ItemKind::from_name)?,
        name: row.text("name")?,
        operation: row.named("operation", ItemOperation::from_name)?,
        value: row.optional_json("value")?,
        current: row.optional_json("current")?,
        entitlement: row.optional_text("entitlement")?,
        state: state(row, "state")?,
        explanation,
        reasons,
        secret: row.boolean("secret")?,
        message: row.optional_text("message")?,
    })
}
