//! Lists of work items, and single ones with their lines.

use std::collections::HashMap;

use jiff::Timestamp;
use model::ids::{IdentityId, OrderId, OrderItemId, UserId, WorkItemId};
use model::order::Order;
use model::page::Page;
use model::plan::Operation;
use model::view::{WorkItemCounts, WorkItemFilter, WorkItemRow, WorkItemViewer};
use model::work_item::{
    Chosen, Fulfiller, LineOutcome, WorkItem, WorkItemEvent, WorkItemEventKind, WorkItemLine, WorkItemState,
};
use serde::Serialize;

use crate::connection::{Connection, Row, arguments, numbers, payload};
use crate::orders::{Why, orders_by_id};
use crate::paging::{count_limit, cursor, page, read_time_cursor, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store, StoreError};

macro_rules! work_item_columns {
    () => {
        "id, order_id, fence, part, application, state, fulfiller_kind, fulfiller, chosen, claimed_by, created_at, due_at,
         paused_at, next_action_at, reminders, escalations, closed_at, closed_by, note, reference"
    };
}

const BY_ID: &str = concat!("select ", work_item_columns!(), " from work_item where id = $1");

const OF_ORDER: &str = concat!(
    "select ",
    work_item_columns!(),
    " from work_item
    where order_id = $1
    order by created_at desc, id desc"
);

const LINES: &str = "
    select work_item_id, order_item_id, outcome, told
    from work_item_line
    where work_item_id in (select cast(value as bigint) from json_each($1))
    order by order_item_id";

const EVENTS: &str = "
    select at, actor, kind, message
    from work_item_event
    where work_item_id = $1
    order by sequence";

/// What somebody has to be told of by now.
const DUE: &str = "
    select id
    from work_item
    where next_action_at <= $1
      and state = 'open'
      and paused_at is null
    order by next_action_at, id
    limit $2";

/// $1–$4 words, $5 application, $6 state, $7 scope, $8 the viewer's number, $9 login, $10 profiles, $11 now, for those
/// that are overdue.
macro_rules! work_item_filter {
    () => {
        "from work_item w
    join provisioning_order o on o.id = w.order_id
    join identity i on i.id = o.identity_id
    left join console_user u on u.id = w.claimed_by
    left join console_user f on w.fulfiller_kind = 'user' and f.folded_login = lower(w.fulfiller)
    where i.words like $1 and i.words like $2 and i.words like $3 and i.words like $4
      and ($5 is null or w.application = $5)
      and ($6 is null or w.state = $6)
      and case $7
        when 'mine' then w.claimed_by = $8 or (w.claimed_by is null and w.fulfiller_kind = 'user' and lower(w.fulfiller) = $9)
        when 'team' then w.fulfiller_kind = 'profile' and w.fulfiller in (select value ->> 'name' from jsonb_each($10))
        else true
      end
      and ($11 is null or (w.state = 'open' and w.due_at < coalesce(w.paused_at, $11)))"
    };
}

macro_rules! row_columns {
    () => {
        "w.id, w.order_id, o.identity_id, i.display_name as identity_name, w.application,
         coalesce(
           (
             select c.body ->> 'display_name'
             from configuration_object c
             where c.kind = 'applications' and c.name = w.application and c.to_version is null
           ),
           w.application
         ) as application_name,
         o.account_type, o.operation, o.summary, w.state, w.fulfiller_kind, w.fulfiller,
         coalesce(
           f.display_name,
           (
             select c.body ->> 'display_name'
             from configuration_object c
             where w.fulfiller_kind = 'profile' and c.kind = 'permission_profiles' and c.name = w.fulfiller
               and c.to_version is null
           ),
           w.fulfiller,
           ''
         ) as fulfiller_name,
         u.display_name as claimed_by, w.created_at, w.due_at, w.paused_at"
    };
}

/// When what has no time is due: after everything else. The index `work_item_due` says the same.
const NEVER: i64 = 253_402_207_200_000_000;

/// Who works wants first what is due first, who looks back the newest.
const PAGE_OPEN: &str = concat!(
    "select ",
    row_columns!(),
    " ",
    work_item_filter!(),
    "
      and ($12 is null or (coalesce(w.due_at, 253402207200000000), w.id) > ($13, $12))
    order by coalesce(w.due_at, 253402207200000000), w.id
    limit $14"
);

const PAGE_ALL: &str = concat!(
    "select ",
    row_columns!(),
    " ",
    work_item_filter!(),
    "
      and ($12 is null or (w.created_at, w.id) < ($13, $12))
    order by w.created_at desc, w.id desc
    limit $14"
);

const COUNT: &str = concat!("select count(*) from (select 1 ", work_item_filter!(), " limit $12) as found");

/// $1 the viewer's number, $2 login, $3 profiles, $4 now.
const COUNTS: &str = "
    select
      count(*) as everybody,
      coalesce(sum(case
        when w.claimed_by = $1 or (w.claimed_by is null and w.fulfiller_kind = 'user' and lower(w.fulfiller) = $2) then 1
        else 0
      end), 0) as mine,
      coalesce(sum(case
        when w.fulfiller_kind = 'profile' and w.fulfiller in (select value ->> 'name' from jsonb_each($3)) then 1
        else 0
      end), 0) as team,
      coalesce(sum(case when w.due_at < coalesce(w.paused_at, $4) then 1 else 0 end), 0) as overdue,
      (select count(*) from work_item_question q where q.asked_of = $1 and q.closed_at is null) as questions
    from work_item w
    where w.state = 'open'";

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

fn profiles(viewer: &WorkItemViewer) -> Result<String> {
    payload(&viewer.profiles.iter().map(|name| Named { name }).collect::<Vec<_>>())
}

impl Store {
    /// Open ones as they are due, otherwise newest first. Words are looked for in the identity's name and key.
    pub async fn work_item_page(
        &self,
        filter: &WorkItemFilter,
        viewer: &WorkItemViewer,
        now: Timestamp,
    ) -> Result<Page<WorkItemRow>> {
        work_item_page(&mut self.snapshot().await?, filter, viewer, now).await
    }

    /// How many are open, and whose.
    pub async fn work_item_counts(&self, viewer: &WorkItemViewer, now: Timestamp) -> Result<WorkItemCounts> {
        let arguments = arguments![viewer.user.map(|id| id.0), viewer.login.to_lowercase(), profiles(viewer)?, now];
        let row = self.reader().await?.row(COUNTS, arguments).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt { what: "a count came without a row".into() })?;
        Ok(WorkItemCounts {
            mine: row.count("mine")?,
            team: row.count("team")?,
            everybody: row.count("everybody")?,
            overdue: row.count("overdue")?,
            questions: row.count("questions")?,
        })
    }

    pub async fn work_item(&self, id: WorkItemId) -> Result<Option<WorkItem>> {
        let mut connection = self.snapshot().await?;
        let Some(row) = connection.row(BY_ID, arguments![id.0]).await? else { return Ok(None) };
        Ok(with_lines(&mut connection, vec![work_item(&row)?]).await?.pop())
    }

    /// The order of a work item and the work items of the same attempt, by id, at one moment.
    pub async fn work_of_attempt(&self, id: WorkItemId) -> Result<Option<(Order, Vec<WorkItem>)>> {
        let mut connection = self.snapshot().await?;
        let Some(row) = connection.row(BY_ID, arguments![id.0]).await? else { return Ok(None) };
        let item = work_item(&row)?;
        let orders = orders_by_id(&mut connection, &[item.order], Why::Told).await?;
        let items = work_items_of_attempt(&mut connection, item.order, item.fence).await?;
        Ok(orders.into_iter().next().map(|order| (order, items)))
    }

    /// Newest first, of all attempts.
    pub async fn work_items_of_order(&self, order: OrderId) -> Result<Vec<WorkItem>> {
        work_items_of_order(&mut self.snapshot().await?, order).await
    }

    /// Oldest first.
    pub async fn work_item_events(&self, id: WorkItemId) -> Result<Vec<WorkItemEvent>> {
        self.reader().await?.read(EVENTS, arguments![id.0], |row| event(&row)).await
    }

    /// Open work items that somebody has to be told of by now.
    pub async fn work_items_to_tell_of(&self, now: Timestamp, limit: u32) -> Result<Vec<WorkItemId>> {
        let read = |row: Row| Ok(WorkItemId(row.integer("id")?));
        self.reader().await?.read(DUE, arguments![now, limit], read).await
    }
}

pub(crate) async fn work_item_page(
    connection: &mut Connection,
    filter: &WorkItemFilter,
    viewer: &WorkItemViewer,
    now: Timestamp,
) -> Result<Page<WorkItemRow>> {
    let (id, sort) = read_time_cursor(filter.after.as_deref())?;
    let [first, second, third, fourth] = patterns(filter.text.as_deref());
    let application = filter.application.as_deref().filter(|application| !application.is_empty());
    let state = filter.state.map(WorkItemState::name);
    let scope = filter.scope.name();
    let (user, login, profiles) = (viewer.user.map(|id| id.0), viewer.login.to_lowercase(), profiles(viewer)?);
    let overdue = filter.overdue.then_some(now.as_microsecond());
    let count = arguments![
        first.as_str(),
        second.as_str(),
        third.as_str(),
        fourth.as_str(),
        application,
        state,
        scope,
        user,
        login.as_str(),
        profiles.as_str(),
        overdue,
        count_limit()
    ];
    let total = connection.number(COUNT, count).await?;
    let is_open = filter.state == Some(WorkItemState::Open);
    let sql = if is_open { PAGE_OPEN } else { PAGE_ALL };
    let wanted = arguments![
        first,
        second,
        third,
        fourth,
        application,
        state,
        scope,
        user,
        login,
        profiles,
        overdue,
        id,
        sort,
        rows_to_read(filter.limit)
    ];
    let rows = connection.read(sql, wanted, |row| work_item_row(&row)).await?;
    let key = |row: &WorkItemRow| match is_open {
        true => row.due_at.map_or(NEVER, Timestamp::as_microsecond),
        false => row.created_at.as_microsecond(),
    };
    Ok(page(rows, filter.limit, total, |row| cursor(row.id.0, key(row))))
}

/// By id.
pub(crate) async fn work_items_of_attempt(
    connection: &mut Connection,
    order: OrderId,
    fence: i64,
) -> Result<Vec<WorkItem>> {
    let mut items = work_items_of_order(connection, order).await?;
    items.retain(|item| item.fence == fence);
    items.sort_by_key(|item| item.id);
    Ok(items)
}

pub(crate) async fn work_items_of_order(connection: &mut Connection, order: OrderId) -> Result<Vec<WorkItem>> {
    let items = connection.read(OF_ORDER, arguments![order.0], |row| work_item(&row)).await?;
    with_lines(connection, items).await
}

async fn with_lines(connection: &mut Connection, mut items: Vec<WorkItem>) -> Result<Vec<WorkItem>> {
    if items.is_empty() {
        return Ok(items);
    }
    let ids = numbers(items.iter().map(|item| item.id.0));
    let mut lines: HashMap<i64, Vec<WorkItemLine>> = HashMap::new();
    for row in connection.rows(LINES, arguments![ids]).await? {
        lines.entry(row.integer("work_item_id")?).or_default().push(line(&row)?);
    }
    for item in &mut items {
        item.lines = lines.remove(&item.id.0).unwrap_or_default();
    }
    Ok(items)
}

fn line(row: &Row) -> Result<WorkItemLine> {
    let told = row.optional_text("told")?;
    let outcome = match row.optional_text("outcome")? {
        None => None,
        Some(name) => Some(
            LineOutcome::from_parts(&name, told)
                .ok_or_else(|| StoreError::Corrupt { what: format!("`{name}` is no outcome of a line") })?,
        ),
    };
    Ok(WorkItemLine { item: OrderItemId(row.integer("order_item_id")?), outcome })
}

fn event(row: &Row) -> Result<WorkItemEvent> {
    Ok(WorkItemEvent {
        at: row.time("at")?,
        actor: row.text("actor")?,
        kind: row.named("kind", WorkItemEventKind::from_name)?,
        message: row.text("message")?,
    })
}

fn work_item(row: &Row) -> Result<WorkItem> {
    Ok(WorkItem {
        id: WorkItemId(row.integer("id")?),
        order: OrderId(row.integer("order_id")?),
        fence: row.integer("fence")?,
        part: row.small_count("part")?,
        application: row.text("application")?,
        state: row.named("state", WorkItemState::from_name)?,
        fulfiller: fulfiller(row)?,
        chosen: row.named("chosen", Chosen::from_name)?,
        claimed_by: row.optional_integer("claimed_by")?.map(UserId),
        created_at: row.time("created_at")?,
        due_at: row.optional_time("due_at")?,
        paused_at: row.optional_time("paused_at")?,
        next_action_at: row.optional_time("next_action_at")?,
        reminders: row.small_count("reminders")?,
        escalations: row.small_count("escalations")?,
        closed_at: row.optional_time("closed_at")?,
        closed_by: row.optional_integer("closed_by")?.map(UserId),
        note: row.optional_text("note")?,
        reference: row.optional_text("reference")?,
        lines: Vec::new(),
    })
}

fn fulfiller(row: &Row) -> Result<Fulfiller> {
    let name = row.optional_text("fulfiller")?;
    row.named("fulfiller_kind", |kind| Fulfiller::from_parts(kind, name))
}

fn work_item_row(row: &Row) -> Result<WorkItemRow> {
    Ok(WorkItemRow {
        id: WorkItemId(row.integer("id")?),
        order: OrderId(row.integer("order_id")?),
        identity: IdentityId(row.integer("identity_id")?),
        identity_name: row.text("identity_name")?,
        application: row.text("application")?,
        application_name: row.text("application_name")?,
        account_type: row.text("account_type")?,
        operation: row.named("operation", Operation::from_name)?,
        summary: row.text("summary")?,
        state: row.named("state", WorkItemState::from_name)?,
        fulfiller: fulfiller(row)?,
        fulfiller_name: row.text("fulfiller_name")?,
        claimed_by: row.optional_text("claimed_by")?,
        created_at: row.time("created_at")?,
        due_at: row.optional_time("due_at")?,
        paused_at: row.optional_time("paused_at")?,
    })
}
