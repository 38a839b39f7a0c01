//! Orders as the lines of a list: filtered and counted, of a person, a request or a plan. What an order is made of is
//! left to [`super::read`].

use model::account::Mechanism;
use model::ids::{IdentityId, OrderId, PlanId, RequestId};
use model::order::{ProvisioningState, Trouble};
use model::page::Page;
use model::plan::Operation;
use model::view::{OrderCounts, OrderFilter, OrderRow};

use super::read::state;
use crate::among::among;
use crate::connection::{Connection, Row, arguments, numbers};
use crate::paging::{Counting, cursor, page_of, read_time_cursor, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store};

macro_rules! row_columns {
    () => {
        "o.id, o.identity_id, i.display_name as identity_name, o.application, o.operation, o.mechanism, o.carrier, o.summary, o.state,
         cast(o.reason as text) as reason, o.fingerprint, o.attempts, o.next_attempt_at, o.created_at, o.changed_at"
    };
}

/// $1–$4 words, $5 application, $6 mechanism, $7 identity, $8 run, $9 state, $10 trouble, $11 fingerprint, $12 carrier.
macro_rules! order_filter {
    () => {
        order_filter!("provisioning_order o join identity i on i.id = o.identity_id where true")
    };
    ($from:expr) => {
        concat!(
            "from ",
            $from,
            "
      and i.words like $1 and i.words like $2 and i.words like $3 and i.words like $4
      and ($5 is null or o.application = $5)
      and ($6 is null or o.mechanism = $6)
      and ($7 is null or o.identity_id = $7)
      and ($8 is null or o.run_id = $8)
      and ($9 is null or o.state = $9)
      and ($10 is null or o.trouble = $10)
      and ($11 is null or (o.fingerprint = $11 and o.trouble is not null))
      and ($12 is null or o.carrier = $12)"
        )
    };
}
pub(super) use order_filter;

/// The arguments of [`order_filter`], and more.
macro_rules! filter_arguments {
    ($filter:expr, $state:expr $(, $more:expr)* $(,)?) => {{
        let filter: &OrderFilter = $filter;
        let [first, second, third, fourth] = patterns(filter.text.as_deref());
        arguments![
            first,
            second,
            third,
            fourth,
            filter.application.as_deref().filter(|application| !application.is_empty()),
            filter.mechanism.map(Mechanism::name),
            filter.identity.map(|id| id.0),
            filter.run.map(|id| id.0),
            $state,
            filter.trouble.map(Trouble::name),
            filter.fingerprint.as_deref(),
            filter.carrier.as_deref().filter(|carrier| !carrier.is_empty())
            $(, $more)*
        ]
    }};
}
pub(super) use filter_arguments;

macro_rules! order_page {
    ($filter:expr) => {
        concat!(
            "select ",
            row_columns!(),
            " ",
            $filter,
            "
      and ($13 is null or (o.created_at, o.id) < ($14, $13))
    order by o.created_at desc, o.id desc
    limit $15"
        )
    };
}

/// Of some people only: these are looked up one by one, since most who see a part of all see a small part.
macro_rules! among {
    ($people:literal) => {
        order_filter!(concat!(
            "json_each(",
            $people,
            ") r cross join identity i cross join provisioning_order o
    where i.id = cast(r.value as bigint) and o.identity_id = i.id"
        ))
    };
}

const PAGE: &str = order_page!(order_filter!());
const PAGE_AMONG: &str = order_page!(among!("$16"));

const COUNT: &str = concat!("select count(*) from (select 1 ", order_filter!(), " limit $13) as found");
const COUNT_AMONG: &str = concat!("select count(*) from (select 1 ", among!("$14"), " limit $13) as found");

const COUNTS: &str =
    concat!("select o.state, count(*) as orders ", order_filter!(), " group by o.state order by o.state");
const COUNTS_AMONG: &str =
    concat!("select o.state, count(*) as orders ", among!("$13"), " group by o.state order by o.state");

macro_rules! shown_counts {
    ($orders:expr, $limit:literal) => {
        concat!(
            "select state, count(*) as orders from (select o.state ",
            $orders,
            " limit ",
            $limit,
            ") as found group by state order by state"
        )
    };
}
const SHOWN_COUNTS: &str = shown_counts!(order_filter!(), "$13");
const SHOWN_COUNTS_AMONG: &str = shown_counts!(among!("$14"), "$13");

/// Told from an index alone, state by state.
macro_rules! counts_of {
    ($column:literal) => {
        concat!(
            "
    select state, orders
    from (
      select
        cast(s.value as bigint) as state,
        (
          select count(*)
          from (
            select 1 from provisioning_order o where o.",
            $column,
            " = $1 and o.state = cast(s.value as bigint) limit $3
          ) as found
        ) as orders
      from json_each($2) s
    ) as counted
    where orders > 0
    order by state"
        )
    };
}
const COUNTS_OF_APPLICATION: &str = counts_of!("application");
const COUNTS_OF_CARRIER: &str = counts_of!("carrier");

const NEWEST_OF: &str = concat!(
    "select ",
    row_columns!(),
    "
    from provisioning_order o
    join identity i on i.id = o.identity_id
    where o.identity_id = $1
    order by o.created_at desc, o.id desc
    limit 50"
);

const IN_STATES: &str = concat!(
    "select ",
    row_columns!(),
    "
    from provisioning_order o
    join identity i on i.id = o.identity_id
    where o.state in (select cast(value as bigint) from json_each($1))
    order by o.created_at desc, o.id desc
    limit $2"
);

const OF_REQUEST: &str = concat!(
    "select ",
    row_columns!(),
    "
    from request_order l
    join provisioning_order o on o.id = l.order_id
    join identity i on i.id = o.identity_id
    where l.request_id = $1
    order by o.id"
);

const SIBLINGS: &str = concat!(
    "select ",
    row_columns!(),
    "
    from provisioning_order o
    join identity i on i.id = o.identity_id
    where o.plan_id = $1
      and o.id <> $2
    order by o.id"
);

impl Store {
    /// Newest first, of those within the filter's reach. Words are looked for in the identity's name and key.
    pub async fn order_page(&self, filter: &OrderFilter) -> Result<Page<OrderRow>> {
        let (id, created_at) = read_time_cursor(filter.after.as_deref())?;
        let state = filter.state.map(ProvisioningState::number);
        let mut connection = self.snapshot().await?;
        let (counting, rows) = (Counting::of(filter.text.as_deref()), rows_to_read(filter.limit));
        let (total, rows) = match among(&mut connection, &filter.reach, filter.text.as_deref()).await? {
            Some(among) => {
                let count = filter_arguments!(filter, state, counting.limit(), among.as_str());
                let wanted = filter_arguments!(filter, state, id, created_at, rows, among.as_str());
                let total = connection.number(COUNT_AMONG, count).await?;
                (total, connection.read(PAGE_AMONG, wanted, |row| order_row(&row)).await?)
            }
            None => {
                let total = connection.number(COUNT, filter_arguments!(filter, state, counting.limit())).await?;
                let wanted = filter_arguments!(filter, state, id, created_at, rows);
                (total, connection.read(PAGE, wanted, |row| order_row(&row)).await?)
            }
        };
        Ok(page_of(rows, filter.limit, counting.counted(total), |row| {
            cursor(row.id.0, row.created_at.as_microsecond())
        }))
    }

    /// Orders by state, whatever state the filter asks for. Takes as long as there are orders.
    pub async fn order_counts(&self, filter: &OrderFilter) -> Result<OrderCounts> {
        let mut connection = self.reader().await?;
        let by_state = match among(&mut connection, &filter.reach, filter.text.as_deref()).await? {
            Some(among) => {
                connection.read(COUNTS_AMONG, filter_arguments!(filter, None::<i64>, among), counted).await?
            }
            None => connection.read(COUNTS, filter_arguments!(filter, None::<i64>), counted).await?,
        };
        Ok(OrderCounts { by_state, more: false })
    }

    /// The same for whoever looks at a list, where they are not too many to be counted meanwhile.
    pub async fn shown_order_counts(&self, filter: &OrderFilter) -> Result<OrderCounts> {
        let limit = Counting::of(filter.text.as_deref()).limit();
        let mut connection = self.reader().await?;
        let by_state = match among(&mut connection, &filter.reach, filter.text.as_deref()).await? {
            Some(among) => {
                let wanted = filter_arguments!(filter, None::<i64>, limit, among);
                connection.read(SHOWN_COUNTS_AMONG, wanted, counted).await?
            }
            None => connection.read(SHOWN_COUNTS, filter_arguments!(filter, None::<i64>, limit), counted).await?,
        };
        let found: u64 = by_state.iter().map(|(_, count)| count).sum();
        Ok(match i64::try_from(found).is_ok_and(|found| found < limit) {
            true => OrderCounts { by_state, more: false },
            false => OrderCounts { by_state: Vec::new(), more: true },
        })
    }

    /// All orders of an application by state, each counted as far as lists are.
    pub async fn order_counts_of_application(&self, application: &str) -> Result<OrderCounts> {
        self.order_counts_by(COUNTS_OF_APPLICATION, application).await
    }

    /// The same of those that go to one carrier.
    pub async fn order_counts_of_carrier(&self, carrier: &str) -> Result<OrderCounts> {
        self.order_counts_by(COUNTS_OF_CARRIER, carrier).await
    }

    async fn order_counts_by(&self, sql: &'static str, name: &str) -> Result<OrderCounts> {
        let states = numbers(ProvisioningState::ALL.into_iter().map(ProvisioningState::number));
        let wanted = arguments![name, states, Counting::of(None).limit()];
        let by_state = self.reader().await?.read(sql, wanted, counted).await?;
        Ok(OrderCounts { by_state, more: false })
    }
}

fn counted(row: Row) -> Result<(ProvisioningState, u64)> {
    Ok((state(&row, "state")?, row.count("orders")?))
}

pub(crate) async fn newest_orders_of(connection: &mut Connection, identity: IdentityId) -> Result<Vec<OrderRow>> {
    connection.read(NEWEST_OF, arguments![identity.0], |row| order_row(&row)).await
}

/// Oldest first.
pub(crate) async fn orders_of_request(connection: &mut Connection, request: RequestId) -> Result<Vec<OrderRow>> {
    connection.read(OF_REQUEST, arguments![request.0], |row| order_row(&row)).await
}

/// The other orders of a plan, by id.
pub(super) async fn siblings(connection: &mut Connection, plan: PlanId, of: OrderId) -> Result<Vec<OrderRow>> {
    connection.read(SIBLINGS, arguments![plan.0, of.0], |row| order_row(&row)).await
}

pub(crate) async fn order_rows_in_states(
    connection: &mut Connection,
    states: &[ProvisioningState],
    limit: u32,
) -> Result<Vec<OrderRow>> {
    let states = numbers(states.iter().map(|state| state.number()));
    connection.read(IN_STATES, arguments![states, limit], |row| order_row(&row)).await
}

fn order_row(row: &Row) -> Result<OrderRow> {
    Ok(OrderRow {
        id: OrderId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        identity_name: row.text("identity_name")?,
        application: row.text("application")?,
        operation: row.named("operation", Operation::from_name)?,
        mechanism: row.named("mechanism", Mechanism::from_name)?,
        carrier: row.text("carrier")?,
        summary: row.text("summary")?,
        state: state(row, "state")?,
        reason: row.optional_json("reason")?,
        fingerprint: row.optional_text("fingerprint")?,
        attempts: row.small_count("attempts")?,
        next_attempt_at: row.optional_time("next_attempt_at")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}
