//! Work for people.

use jiff::Timestamp;
use model::ids::{IdentityId, OrderId, UserId, WorkItemId};
use model::page::Page;
use model::plan::Operation;
use model::view::{WorkItemFilter, WorkItemRow};
use model::work_item::{WorkItem, WorkItemState};
use serde::Serialize;

use crate::connection::{Connection, Row, arguments};
use crate::paging::{count_limit, cursor, page, read_time_cursor, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store, Tx};

const INSERT: &str = "
    with input as materialized (select value from json_each($1))
    insert into work_item (id, order_id, application, state, claimed_by, created_at, due_at, closed_at, closed_by, note)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'order' as bigint), value ->> 'application', value ->> 'state',
      cast(value ->> 'claimed_by' as bigint), cast(value ->> 'created_at' as bigint), cast(value ->> 'due_at' as bigint),
      cast(value ->> 'closed_at' as bigint), cast(value ->> 'closed_by' as bigint), value ->> 'note'
    from input";

const CLAIM: &str = "
    update work_item
    set claimed_by = $2
    where id = $1
      and state = 'open'
      and (claimed_by is null or claimed_by = $2)";

const RELEASE: &str = "
    update work_item
    set claimed_by = null
    where id = $1
      and state = 'open'
      and claimed_by = $2";

const CLOSE: &str = "
    update work_item
    set state = $2,
        closed_by = $3,
        note = $4,
        closed_at = $5
    where id = $1
      and state = 'open'";

macro_rules! work_item_columns {
    () => {
        "id, order_id, application, state, claimed_by, created_at, due_at, closed_at, closed_by, note"
    };
}

const BY_ID: &str = concat!("select ", work_item_columns!(), " from work_item where id = $1");

const NEWEST_OF_ORDER: &str = concat!(
    "select ",
    work_item_columns!(),
    " from work_item
    where order_id = $1
    order by created_at desc, id desc
    limit 1"
);

/// $1–$4 words, $5 application, $6 state.
macro_rules! work_item_filter {
    () => {
        "from work_item w
    join provisioning_order o on o.id = w.order_id
    join identity i on i.id = o.identity_id
    left join console_user u on u.id = w.claimed_by
    where i.words like $1 and i.words like $2 and i.words like $3 and i.words like $4
      and ($5 is null or w.application = $5)
      and ($6 is null or w.state = $6)"
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
         o.account_type, o.operation, o.summary, w.state, u.display_name as claimed_by, w.created_at, w.due_at"
    };
}

/// Who works wants the oldest first, who looks back the newest.
const PAGE_OPEN: &str = concat!(
    "select ",
    row_columns!(),
    " ",
    work_item_filter!(),
    "
      and ($7 is null or (w.created_at, w.id) > ($8, $7))
    order by w.created_at, w.id
    limit $9"
);

const PAGE_ALL: &str = concat!(
    "select ",
    row_columns!(),
    " ",
    work_item_filter!(),
    "
      and ($7 is null or (w.created_at, w.id) < ($8, $7))
    order by w.created_at desc, w.id desc
    limit $9"
);

const COUNT: &str = concat!("select count(*) from (select 1 ", work_item_filter!(), " limit $7) as found");

#[derive(Serialize)]
struct WorkItemInput<'a> {
    id: i64,
    order: i64,
    application: &'a str,
    state: &'static str,
    claimed_by: Option<i64>,
    created_at: i64,
    due_at: Option<i64>,
    closed_at: Option<i64>,
    closed_by: Option<i64>,
    note: Option<&'a str>,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `work_item_one_open` where the order has an open one.
    pub async fn open_work_items(&mut self, rows: &[WorkItem]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|item| WorkItemInput {
                id: item.id.0,
                order: item.order.0,
                application: &item.application,
                state: item.state.name(),
                claimed_by: item.claimed_by.map(|id| id.0),
                created_at: item.created_at.as_microsecond(),
                due_at: item.due_at.map(Timestamp::as_microsecond),
                closed_at: item.closed_at.map(Timestamp::as_microsecond),
                closed_by: item.closed_by.map(|id| id.0),
                note: item.note.as_deref(),
            })
            .collect();
        self.bulk(INSERT, &inputs).await
    }

    /// False where it is closed or somebody else has it.
    pub async fn claim_work_item(&mut self, id: WorkItemId, by: UserId) -> Result<bool> {
        Ok(self.execute(CLAIM, arguments![id.0, by.0]).await? > 0)
    }

    /// False where it is closed or this user does not have it.
    pub async fn release_work_item(&mut self, id: WorkItemId, by: UserId) -> Result<bool> {
        Ok(self.execute(RELEASE, arguments![id.0, by.0]).await? > 0)
    }

    /// False unless it was open.
    pub async fn close_work_item(
        &mut self,
        id: WorkItemId,
        state: WorkItemState,
        by: Option<UserId>,
        note: Option<&str>,
        at: Timestamp,
    ) -> Result<bool> {
        Ok(self.execute(CLOSE, arguments![id.0, state.name(), by.map(|by| by.0), note, at]).await? > 0)
    }
}

impl Store {
    /// Open ones oldest first, otherwise newest first. Words are looked for in the identity's name and key.
    pub async fn work_item_page(&self, filter: &WorkItemFilter) -> Result<Page<WorkItemRow>> {
        work_item_page(&mut self.snapshot().await?, filter).await
    }

    pub async fn work_item(&self, id: WorkItemId) -> Result<Option<WorkItem>> {
        self.reader().await?.row(BY_ID, arguments![id.0]).await?.map(|row| work_item(&row)).transpose()
    }

    /// The newest, where an order had several.
    pub async fn work_item_of_order(&self, order: OrderId) -> Result<Option<WorkItem>> {
        work_item_of_order(&mut self.reader().await?, order).await
    }
}

pub(crate) async fn work_item_page(connection: &mut Connection, filter: &WorkItemFilter) -> Result<Page<WorkItemRow>> {
    let (id, created_at) = read_time_cursor(filter.after.as_deref())?;
    let [first, second, third, fourth] = patterns(filter.text.as_deref());
    let application = filter.application.as_deref().filter(|application| !application.is_empty());
    let state = filter.state.map(WorkItemState::name);
    let count =
        arguments![first.as_str(), second.as_str(), third.as_str(), fourth.as_str(), application, state, count_limit()];
    let total = connection.number(COUNT, count).await?;
    let sql = if filter.state == Some(WorkItemState::Open) { PAGE_OPEN } else { PAGE_ALL };
    let wanted =
        arguments![first, second, third, fourth, application, state, id, created_at, rows_to_read(filter.limit)];
    let rows = connection.read(sql, wanted, |row| work_item_row(&row)).await?;
    Ok(page(rows, filter.limit, total, |row| cursor(row.id.0, row.created_at.as_microsecond())))
}

pub(crate) async fn work_item_of_order(connection: &mut Connection, order: OrderId) -> Result<Option<WorkItem>> {
    connection.row(NEWEST_OF_ORDER, arguments![order.0]).await?.map(|row| work_item(&row)).transpose()
}

fn work_item(row: &Row) -> Result<WorkItem> {
    Ok(WorkItem {
        id: WorkItemId(row.integer("id")?),
        order: OrderId(row.integer("order_id")?),
        application: row.text("application")?,
        state: row.named("state", WorkItemState::from_name)?,
        claimed_by: row.optional_integer("claimed_by")?.map(UserId),
        created_at: row.time("created_at")?,
        due_at: row.optional_time("due_at")?,
        closed_at: row.optional_time("closed_at")?,
        closed_by: row.optional_integer("closed_by")?.map(UserId),
        note: row.optional_text("note")?,
    })
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
        claimed_by: row.optional_text("claimed_by")?,
        created_at: row.time("created_at")?,
        due_at: row.optional_time("due_at")?,
    })
}
