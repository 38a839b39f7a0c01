//! Requests with their items, keys, orders and history; and what was given directly because of them.

mod grants;

pub(crate) use grants::grant;

use std::collections::HashMap;

use jiff::Timestamp;
use model::access::Grantable;
use model::approval::ApprovalState;
use model::event::{EventBody, EventType};
use model::ids::{IdentityId, OrderId, RequestId, RunId};
use model::order::ProvisioningState;
use model::page::Page;
use model::request::{
    Change, OrderStanding, Request, RequestDetail, RequestEvent, RequestFilter, RequestItem, RequestLink, RequestOrder,
    RequestRow, RequestSource, RequestState, RequestWithOrders,
};
use model::trigger::Trigger;
use serde::Serialize;

use crate::among::{among, everybody_and_chosen, one_of};
use crate::connection::{Connection, Row, arguments, numbers};
use crate::events::NewFact;
use crate::orders::orders_of_request;
use crate::paging::{count_limit, page, rows_to_read};
use crate::violations::accepted;
use crate::words::patterns;
use crate::{Result, Store, StoreError, Tx};

/// Where a request is now. Everything but the run is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestProgress {
    pub id: RequestId,
    pub state: RequestState,
    pub message: Option<String>,
    pub to_plan: bool,
    /// Kept where there is none.
    pub run: Option<RunId>,
    pub planned_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl RequestProgress {
    /// The request as it is.
    pub fn of(request: &Request) -> Self {
        Self {
            id: request.id,
            state: request.state,
            message: request.message.clone(),
            to_plan: request.to_plan,
            run: request.run,
            planned_at: request.planned_at,
            sent_at: request.sent_at,
            done_at: request.done_at,
            ended_at: request.ended_at,
        }
    }
}

const INSERT: &str = "
    insert into request (
      id, set_off_by, priority, source_kind, source_name, source_reference, requester, identity_id, justification,
      correlation, starts, ends, open_key, state, message, to_plan, submitted_at
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

const INSERT_ITEMS: &str = "
    with input as materialized (select value from jsonb_each($2))
    insert into request_item (request_id, sequence, change, kind, name)
    select $1, cast(value ->> 'sequence' as bigint), value ->> 'change', value ->> 'kind', value ->> 'name'
    from input";

const INSERT_KEY: &str = "
    insert into request_key (source_kind, source_name, key, digest, request_id, at)
    values ($1, $2, $3, $4, $5, $6)";

const INSERT_EVENTS: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into request_event (request_id, at, state, actor, message)
    select
      cast(value ->> 'request' as bigint), cast(value ->> 'at' as bigint), value ->> 'state', value ->> 'actor',
      value ->> 'message'
    from input
    order by key";

const WHOSE: &str = "
    select id, identity_id
    from request
    where id in (select cast(value as bigint) from json_each($1))";

/// Orders first and requests after, as everywhere: whoever moves one of them meanwhile is waited for, and seen.
const LOCK_ORDERS: &str = "
    select id
    from provisioning_order
    where id in (select cast(value as bigint) from json_each($1))
    order by id
    for update";

const LINK: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into request_order (request_id, order_id)
    select cast(value ->> 'request' as bigint), cast(value ->> 'order' as bigint)
    from input
    where true
    on conflict (request_id, order_id) do nothing";

/// What is over may be asked for again.
const UPDATE: &str = "
    with input as materialized (select value from jsonb_each($1))
    update request
    set state = input.value ->> 'state',
        message = input.value ->> 'message',
        to_plan = cast(input.value ->> 'to_plan' as bigint),
        run_id = coalesce(cast(input.value ->> 'run' as bigint), run_id),
        planned_at = cast(input.value ->> 'planned_at' as bigint),
        sent_at = cast(input.value ->> 'sent_at' as bigint),
        done_at = cast(input.value ->> 'done_at' as bigint),
        ended_at = cast(input.value ->> 'ended_at' as bigint),
        open_key = case
          when input.value ->> 'state' in ('completed', 'partly_completed', 'failed', 'cancelled') then null
          else open_key
        end
    from input
    where request.id = cast(input.value ->> 'id' as bigint)";

macro_rules! request_columns {
    () => {
        "r.id, r.set_off_by, r.priority, r.source_kind, r.source_name, r.source_reference, r.requester, r.identity_id,
         r.justification, r.correlation, r.starts, r.ends, r.state, r.message, r.to_plan, r.run_id, r.submitted_at,
         r.planned_at, r.sent_at, r.done_at, r.ended_at"
    };
}

macro_rules! by_id {
    ($lock:literal) => {
        concat!(
            "select ",
            request_columns!(),
            " from request r
    where r.id in (select cast(value as bigint) from json_each($1))
    order by r.id",
            $lock
        )
    };
}

const BY_ID: &str = by_id!("");
const BY_ID_LOCKED: &str = by_id!(" for update");

const TO_PLAN: &str = concat!(
    "select ",
    request_columns!(),
    " from request r
    where r.to_plan is not null
    order by r.id"
);

const OPEN_OF: [&str; 2] = everybody_and_chosen!(
    request_columns!(),
    "request r",
    "r.identity_id",
    "(r.to_plan is not null or r.state in ('submitted', 'approval', 'provisioning', 'verifying', 'failed', 'partly_completed'))
    order by r.id"
);

const OF_RUN: &str = concat!(
    "select ",
    request_columns!(),
    " from request r
    where r.run_id = $1
      and r.planned_at is null
    order by r.id"
);

const ITEMS: &str = "
    select request_id, change, kind, name
    from request_item
    where request_id in (select cast(value as bigint) from json_each($1))
    order by request_id, sequence";

const STANDINGS: &str = "
    select l.request_id, o.id, o.state, cast(o.reason as text) as reason, o.transmitted_at, o.changed_at
    from request_order l
    join provisioning_order o on o.id = l.order_id
    where l.request_id in (select cast(value as bigint) from json_each($1))
    order by l.request_id, o.id";

const OF_ORDERS: &str = "
    select distinct request_id
    from request_order
    where order_id in (select cast(value as bigint) from json_each($1))
    order by request_id";

const LINKS_OF_ORDER: &str = "
    select r.id, r.requester, r.justification, r.state
    from request_order l
    join request r on r.id = l.request_id
    where l.order_id = $1
    order by r.id";

const BY_KEY: &str = "
    select request_id, digest
    from request_key
    where source_kind = $1
      and source_name = $2
      and key = $3";

const KEYS: &str = "
    select key
    from request_key
    where request_id = $1
    order by at, key";

const BY_OPEN_KEY: &str = "
    select id
    from request
    where open_key = $1";

/// What waits for approvals, and of which something needs none or has them, comes as well.
const COME: &str = "
    select r.id
    from request r
    where r.starts <= $1
      and (r.state = 'waiting'
        or (r.state = 'approval' and r.planned_at is null and r.to_plan is null and r.run_id is null
          and exists (
            select 1
            from request_item i
            where i.request_id = r.id
              and not exists (
                select 1
                from request_approval a
                where a.request_id = i.request_id and a.line = i.sequence and a.state <> 'approved'
              )
          )))
    order by r.id";

const UNAPPROVED: &str = "
    select i.request_id, i.change, i.kind, i.name, a.state
    from request_approval a
    join request_item i on i.request_id = a.request_id and i.sequence = a.line
    where a.request_id in (select cast(value as bigint) from json_each($1))
      and a.state <> 'approved'
    order by a.request_id, a.line";

const EVENTS: &str = "
    select request_id, at, state, actor, message
    from request_event
    where request_id = $1
    order by sequence";

/// $1–$4 words, $5 trigger, $6 identity, $7 requester, $8 state.
macro_rules! request_filter {
    () => {
        request_filter!("request r join identity i on i.id = r.identity_id where true")
    };
    ($from:expr) => {
        concat!(
            "from ",
            $from,
            "
      and i.words like $1 and i.words like $2 and i.words like $3 and i.words like $4
      and ($5 is null or r.set_off_by = $5)
      and ($6 is null or r.identity_id = $6)
      and ($7 is null or lower(r.requester) = lower($7))
      and ($8 is null or r.state = $8)"
        )
    };
}

/// Of some people only: these are looked up one by one, since most who see a part of all see a small part.
macro_rules! among {
    ($people:literal) => {
        request_filter!(concat!(
            "json_each(",
            $people,
            ") p cross join identity i cross join request r
    where i.id = cast(p.value as bigint) and r.identity_id = i.id"
        ))
    };
}

macro_rules! request_page {
    ($filter:expr) => {
        concat!(
            "select ",
            request_columns!(),
            ", i.display_name as identity_name ",
            $filter,
            "
      and ($9 is null or r.id < $9)
    order by r.id desc
    limit $10"
        )
    };
}

macro_rules! filter_arguments {
    ($filter:expr, $state:expr $(, $more:expr)* $(,)?) => {{
        let filter: &RequestFilter = $filter;
        let [first, second, third, fourth] = patterns(filter.text.as_deref());
        arguments![
            first,
            second,
            third,
            fourth,
            filter.trigger.map(Trigger::name),
            filter.identity.map(|id| id.0),
            filter.requester.as_deref(),
            $state
            $(, $more)*
        ]
    }};
}

const PAGE: &str = request_page!(request_filter!());
const PAGE_AMONG: &str = request_page!(among!("$11"));

const COUNT: &str = concat!("select count(*) from (select 1 ", request_filter!(), " limit $9) as found");
const COUNT_AMONG: &str = concat!("select count(*) from (select 1 ", among!("$10"), " limit $9) as found");

const COUNTS: &str = concat!("select r.state, count(*) as requests ", request_filter!(), " group by r.state");
const COUNTS_AMONG: &str = concat!("select r.state, count(*) as requests ", among!("$9"), " group by r.state");

#[derive(Serialize)]
struct ItemInput<'a> {
    sequence: usize,
    change: &'static str,
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct EventInput<'a> {
    request: i64,
    at: i64,
    state: &'static str,
    actor: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct LinkInput {
    request: i64,
    order: i64,
}

#[derive(Serialize)]
struct ProgressInput<'a> {
    id: i64,
    state: &'static str,
    message: Option<&'a str>,
    to_plan: Option<i64>,
    run: Option<i64>,
    planned_at: Option<i64>,
    sent_at: Option<i64>,
    done_at: Option<i64>,
    ended_at: Option<i64>,
}

impl Tx {
    /// With its items. `open_key` is what makes two requests the same.
    ///
    /// # Errors
    /// `Conflict` with `request_open_once` where an open request asks for the same.
    pub async fn insert_request(&mut self, request: &Request, open_key: &str) -> Result<()> {
        let arguments = arguments![
            request.id.0,
            request.trigger.name(),
            i64::from(request.priority),
            request.source.kind.as_str(),
            request.source.name.as_str(),
            request.source.reference.as_deref(),
            request.requester.as_str(),
            request.identity.0,
            request.justification.as_str(),
            request.correlation.as_deref(),
            request.not_before.map(|day| day.to_string()),
            request.until.map(|day| day.to_string()),
            open_key,
            request.state.name(),
            request.message.as_deref(),
            request.to_plan.then_some(1_i64),
            request.submitted_at,
        ];
        self.execute(INSERT, arguments).await?;
        let items: Vec<_> = (1..).zip(&request.items).map(item_input).collect();
        self.execute(INSERT_ITEMS, arguments![request.id.0, crate::connection::payload(&items)?]).await?;
        Ok(())
    }

    /// # Errors
    /// `Conflict` with `request_key_key` where the source has used the key before.
    pub async fn insert_request_key(
        &mut self,
        source: &RequestSource,
        key: &str,
        digest: &str,
        request: RequestId,
        at: Timestamp,
    ) -> Result<()> {
        let arguments = arguments![source.kind.as_str(), source.name.as_str(), key, digest, request.0, at];
        self.execute(INSERT_KEY, arguments).await?;
        Ok(())
    }

    pub async fn append_request_events(&mut self, rows: &[RequestEvent]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| EventInput {
                request: row.request.0,
                at: row.at.as_microsecond(),
                state: row.state.name(),
                actor: &row.actor,
                message: &row.message,
            })
            .collect();
        self.bulk(INSERT_EVENTS, &inputs).await?;
        let ended: Vec<_> = rows.iter().filter(|row| !row.state.is_open()).collect();
        if ended.is_empty() || !self.wants_events().await? {
            return Ok(());
        }
        let whose = self.whose_requests(ended.iter().map(|row| row.request)).await?;
        self.note_facts(ended.into_iter().map(|row| {
            let mut body = EventBody::new(EventType::RequestEnded, row.at).with("state", row.state.name());
            body.requests = vec![row.request];
            NewFact { body, identity: whose.get(&row.request).copied() }
        }))
        .await
    }

    /// Whom requests are for.
    pub(crate) async fn whose_requests(
        &mut self,
        ids: impl IntoIterator<Item = RequestId>,
    ) -> Result<HashMap<RequestId, IdentityId>> {
        let rows = self.rows(WHOSE, arguments![numbers(ids.into_iter().map(|id| id.0))]).await?;
        rows.iter().map(|row| Ok((RequestId(row.integer("id")?), IdentityId(row.integer("identity_id")?)))).collect()
    }

    /// Links that are there already stay as they are.
    pub async fn link_request_orders(&mut self, rows: &[RequestOrder]) -> Result<()> {
        let inputs: Vec<_> =
            rows.iter().map(|(request, order)| LinkInput { request: request.0, order: order.0 }).collect();
        if self.connection.is_postgres() && !rows.is_empty() {
            let orders = numbers(rows.iter().map(|(_, order)| order.0));
            self.rows(LOCK_ORDERS, arguments![orders]).await?;
        }
        self.bulk(LINK, &inputs).await
    }

    pub async fn update_requests(&mut self, rows: &[RequestProgress]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| ProgressInput {
                id: row.id.0,
                state: row.state.name(),
                message: row.message.as_deref(),
                to_plan: row.to_plan.then_some(1),
                run: row.run.map(|run| run.0),
                planned_at: row.planned_at.map(Timestamp::as_microsecond),
                sent_at: row.sent_at.map(Timestamp::as_microsecond),
                done_at: row.done_at.map(Timestamp::as_microsecond),
                ended_at: row.ended_at.map(Timestamp::as_microsecond),
            })
            .collect();
        self.bulk(UPDATE, &inputs).await
    }

    /// These requests with their orders as they are, and as the requests stay until the transaction ends: two that move
    /// orders of one request at once take turns, so that the later one sees what the first one did.
    pub async fn requests_to_change(&mut self, ids: &[RequestId]) -> Result<Vec<RequestWithOrders>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = if self.connection.is_postgres() { BY_ID_LOCKED } else { BY_ID };
        let rows = self.rows(sql, arguments![numbers(ids.iter().map(|id| id.0))]).await?;
        with_orders(&mut self.connection, rows).await
    }

    /// The same for those that these orders carry out.
    pub async fn requests_of_orders(&mut self, orders: &[OrderId]) -> Result<Vec<RequestWithOrders>> {
        let rows = self.rows(OF_ORDERS, arguments![numbers(orders.iter().map(|id| id.0))]).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids = rows.iter().map(|row| row.integer("request_id").map(RequestId)).collect::<Result<Vec<_>>>()?;
        self.requests_to_change(&ids).await
    }
}

impl Store {
    pub async fn request(&self, id: RequestId) -> Result<Option<Request>> {
        Ok(self.requests_by_id(&[id]).await?.pop())
    }

    /// By id; ids that are not there are left out.
    pub async fn requests_by_id(&self, ids: &[RequestId]) -> Result<Vec<Request>> {
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(BY_ID, arguments![numbers(ids.iter().map(|id| id.0))]).await?;
        whole(&mut connection, rows).await
    }

    /// Requests because of which their identity has to be planned, by id.
    pub async fn requests_to_plan(&self) -> Result<Vec<Request>> {
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(TO_PLAN, arguments![]).await?;
        whole(&mut connection, rows).await
    }

    /// Requests of these identities, or of all, that new orders may belong to, by id: those that are not over, and those that failed
    /// and may go on. Those that only wait for their first day are left out.
    pub async fn requests_in_force(&self, identities: Option<&[IdentityId]>) -> Result<Vec<Request>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(one_of(OPEN_OF, identities.as_deref()), arguments![identities]).await?;
        whole(&mut connection, rows).await
    }

    /// Requests that a run took up and has not planned: a threshold stopped it, or its process died.
    pub async fn requests_of_run(&self, run: RunId) -> Result<Vec<Request>> {
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(OF_RUN, arguments![run.0]).await?;
        whole(&mut connection, rows).await
    }

    /// Requests that waited for a day which has come.
    pub async fn requests_come(&self, today: jiff::civil::Date) -> Result<Vec<RequestId>> {
        let read = |row: Row| row.integer("id").map(RequestId);
        self.reader().await?.read(COME, arguments![today], read).await
    }

    /// What the source asked for under this key, and the digest of it.
    pub async fn request_of_key(&self, source: &RequestSource, key: &str) -> Result<Option<(RequestId, String)>> {
        let arguments = arguments![source.kind.as_str(), source.name.as_str(), key];
        let read = |row: Row| Ok((RequestId(row.integer("request_id")?), row.text("digest")?));
        Ok(self.reader().await?.read(BY_KEY, arguments, read).await?.pop())
    }

    /// The open request that asks for the same.
    pub async fn open_request(&self, open_key: &str) -> Result<Option<RequestId>> {
        let read = |row: Row| row.integer("id").map(RequestId);
        Ok(self.reader().await?.read(BY_OPEN_KEY, arguments![open_key], read).await?.pop())
    }

    /// Requests that an order carries out.
    pub async fn requests_of_order(&self, order: OrderId) -> Result<Vec<RequestLink>> {
        let read = |row: Row| {
            Ok(RequestLink {
                id: RequestId(row.integer("id")?),
                requester: row.text("requester")?,
                justification: row.text("justification")?,
                state: row.named("state", RequestState::from_name)?,
            })
        };
        self.reader().await?.read(LINKS_OF_ORDER, arguments![order.0], read).await
    }

    /// Newest first, of those within the filter's reach. Words are looked for in the identity's name and key.
    pub async fn request_page(&self, filter: &RequestFilter) -> Result<Page<RequestRow>> {
        let after = filter.after.as_deref().map(|after| {
            after.parse::<i64>().map_err(|_| StoreError::Invalid {
                what: format!("`{after}` does not continue this list; start again from its first page"),
            })
        });
        let after = after.transpose()?;
        let state = filter.state.map(RequestState::name);
        let mut connection = self.snapshot().await?;
        let rows = rows_to_read(filter.limit);
        let (total, rows) = match among(&mut connection, &filter.reach, filter.text.as_deref()).await? {
            Some(among) => {
                let count = filter_arguments!(filter, state, count_limit(), among.as_str());
                let total = connection.number(COUNT_AMONG, count).await?;
                let wanted = filter_arguments!(filter, state, after, rows, among);
                (total, connection.rows(PAGE_AMONG, wanted).await?)
            }
            None => {
                let total = connection.number(COUNT, filter_arguments!(filter, state, count_limit())).await?;
                (total, connection.rows(PAGE, filter_arguments!(filter, state, after, rows)).await?)
            }
        };
        let names = rows.iter().map(|row| row.text("identity_name")).collect::<Result<Vec<_>>>()?;
        let requests = whole(&mut connection, rows).await?;
        let rows = requests.into_iter().zip(names).map(|(request, identity_name)| request_row(request, identity_name));
        Ok(page(rows.collect(), filter.limit, total, |row| row.id.to_string()))
    }

    /// Requests by state, whatever state the filter asks for.
    pub async fn request_counts(&self, filter: &RequestFilter) -> Result<Vec<(RequestState, u64)>> {
        let read = |row: Row| Ok((row.named("state", RequestState::from_name)?, row.count("requests")?));
        let mut connection = self.reader().await?;
        let mut counts = match among(&mut connection, &filter.reach, filter.text.as_deref()).await? {
            Some(among) => connection.read(COUNTS_AMONG, filter_arguments!(filter, None::<&str>, among), read).await?,
            None => connection.read(COUNTS, filter_arguments!(filter, None::<&str>), read).await?,
        };
        counts.sort_unstable();
        Ok(counts)
    }

    /// A request with all that belongs to it. Labels are the names of things, and whether it can be cancelled is left out.
    pub async fn request_detail(&self, id: RequestId) -> Result<Option<RequestDetail>> {
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(BY_ID, arguments![numbers([id.0])]).await?;
        let Some(request) = whole(&mut connection, rows).await?.pop() else { return Ok(None) };
        let name = connection
            .row("select display_name from identity where id = $1", arguments![request.identity.0])
            .await?
            .ok_or_else(|| StoreError::Corrupt { what: format!("request {id} has no identity") })?;
        let event = |row: Row| {
            Ok(RequestEvent {
                request: id,
                at: row.time("at")?,
                state: row.named("state", RequestState::from_name)?,
                actor: row.text("actor")?,
                message: row.text("message")?,
            })
        };
        Ok(Some(RequestDetail {
            identity_name: name.text("display_name")?,
            labels: request.items.iter().map(|item| item.grantable.name().to_owned()).collect(),
            orders: orders_of_request(&mut connection, id).await?,
            events: connection.read(EVENTS, arguments![id.0], event).await?,
            keys: connection.read(KEYS, arguments![id.0], |row| row.text("key")).await?,
            risks: accepted(&mut connection, &[id]).await?.into_iter().map(|risk| (risk.clone(), risk.risk)).collect(),
            can_be_cancelled: false,
            approvals: Vec::new(),
            request,
        }))
    }

    /// A request with where its orders stand.
    pub async fn request_with_orders(&self, id: RequestId) -> Result<Option<RequestWithOrders>> {
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(BY_ID, arguments![numbers([id.0])]).await?;
        Ok(with_orders(&mut connection, rows).await?.pop())
    }
}

fn item_input((sequence, item): (usize, &RequestItem)) -> ItemInput<'_> {
    ItemInput { sequence, change: item.change.name(), kind: item.grantable.kind(), name: item.grantable.name() }
}

fn request_row(request: Request, identity_name: String) -> RequestRow {
    RequestRow {
        id: request.id,
        trigger: request.trigger,
        identity: request.identity,
        identity_name,
        requester: request.requester,
        justification: request.justification,
        items: request
            .items
            .into_iter()
            .map(|item| {
                let name = item.grantable.name().to_owned();
                (item, name)
            })
            .collect(),
        state: request.state,
        message: request.message,
        not_before: request.not_before,
        until: request.until,
        submitted_at: request.submitted_at,
        ended_at: request.ended_at,
    }
}

async fn with_orders(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<RequestWithOrders>> {
    let requests = whole(connection, rows).await?;
    let ids = numbers(requests.iter().map(|request| request.id.0));
    let mut standings: HashMap<RequestId, Vec<OrderStanding>> = HashMap::new();
    for row in connection.rows(STANDINGS, arguments![ids]).await? {
        standings.entry(RequestId(row.integer("request_id")?)).or_default().push(OrderStanding {
            id: OrderId(row.integer("id")?),
            state: row.numbered("state", ProvisioningState::from_number)?,
            reason: row.optional_json("reason")?,
            transmitted_at: row.optional_time("transmitted_at")?,
            changed_at: row.time("changed_at")?,
        });
    }
    Ok(requests
        .into_iter()
        .map(|request| RequestWithOrders { orders: standings.remove(&request.id).unwrap_or_default(), request })
        .collect())
}

/// With their items.
async fn whole(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<Request>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows.iter().map(|row| row.integer("id")).collect::<Result<Vec<_>>>()?;
    let ids = numbers(ids);
    let mut items: HashMap<i64, Vec<RequestItem>> = HashMap::new();
    for row in connection.rows(ITEMS, arguments![ids.clone()]).await? {
        items.entry(row.integer("request_id")?).or_default().push(item(&row)?);
    }
    let mut requests = rows
        .iter()
        .map(|row| request(row, items.remove(&row.integer("id")?).unwrap_or_default()))
        .collect::<Result<Vec<_>>>()?;
    for row in connection.rows(UNAPPROVED, arguments![ids]).await? {
        let id = RequestId(row.integer("request_id")?);
        let Some(request) = requests.iter_mut().find(|request| request.id == id) else { continue };
        match row.named("state", ApprovalState::from_name)? {
            ApprovalState::Waiting => request.awaiting.push(item(&row)?),
            _ => request.refused.push(item(&row)?),
        }
    }
    Ok(requests)
}

fn item(row: &Row) -> Result<RequestItem> {
    let name = row.text("name")?;
    Ok(RequestItem {
        change: row.named("change", Change::from_name)?,
        grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
    })
}

fn request(row: &Row, items: Vec<RequestItem>) -> Result<Request> {
    Ok(Request {
        id: RequestId(row.integer("id")?),
        trigger: row.named("set_off_by", Trigger::from_name)?,
        priority: row.numbered("priority", |number| number.try_into().ok())?,
        source: RequestSource {
            kind: row.text("source_kind")?,
            name: row.text("source_name")?,
            reference: row.optional_text("source_reference")?,
        },
        requester: row.text("requester")?,
        identity: IdentityId(row.integer("identity_id")?),
        items,
        awaiting: Vec::new(),
        refused: Vec::new(),
        justification: row.text("justification")?,
        correlation: row.optional_text("correlation")?,
        not_before: row.optional_date("starts")?,
        until: row.optional_date("ends")?,
        state: row.named("state", RequestState::from_name)?,
        message: row.optional_text("message")?,
        to_plan: row.optional_integer("to_plan")?.is_some(),
        run: row.optional_integer("run_id")?.map(RunId),
        submitted_at: row.time("submitted_at")?,
        planned_at: row.optional_time("planned_at")?,
        sent_at: row.optional_time("sent_at")?,
        done_at: row.optional_time("done_at")?,
        ended_at: row.optional_time("ended_at")?,
    })
}
