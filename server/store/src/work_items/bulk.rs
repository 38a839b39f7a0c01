//! Open lines of many work items, and files of reports on them.

use model::ids::{IdentityId, OrderId, OrderItemId, WorkItemId, WorkItemUploadId};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::view::{BulkFilter, BulkLine, WorkItemUpload};

use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, Tx};

/// $1 application, $2 account type, $3 operation.
const LINES: &str = "
    select
      w.id as work_item_id, l.order_item_id, w.order_id, o.identity_id, i.display_name as identity_name,
      i.key as identity_key, o.key as native_key, w.application, o.account_type, o.operation, m.kind, m.name,
      m.operation as item_operation, cast(m.value as text) as value, m.secret, w.due_at, w.paused_at,
      u.display_name as claimed_by
    from work_item w
    join work_item_line l on l.work_item_id = w.id
    join order_item m on m.id = l.order_item_id
    join provisioning_order o on o.id = w.order_id
    join identity i on i.id = o.identity_id
    left join console_user u on u.id = w.claimed_by
    where w.state = 'open'
      and l.outcome is null
      and ($1 is null or w.application = $1)
      and ($2 is null or o.account_type = $2)
      and ($3 is null or o.operation = $3)
    order by coalesce(w.due_at, 253402207200000000), w.id, l.order_item_id
    limit $4";

/// Account types that have open work items.
const WITH_WORK: &str = "
    select distinct w.application, o.account_type, o.operation
    from work_item w
    join provisioning_order o on o.id = w.order_id
    where w.state = 'open'
    order by w.application, o.account_type, o.operation";

const KEEP: &str = "
    with input as materialized (select value from json_each($4))
    insert into work_item_upload (id, user_id, at, body)
    select $1, $2, $3, value
    from input";

const UPLOAD: &str = "select cast(body as text) as body from work_item_upload where id = $1";

/// What nobody needs any more.
const FORGET: &str = "delete from work_item_upload where at < $1";

impl Tx {
    pub async fn keep_upload(&mut self, upload: &WorkItemUpload) -> Result<()> {
        let body = payload(std::slice::from_ref(upload))?;
        self.execute(KEEP, arguments![upload.id.0, upload.user.map(|id| id.0), upload.at, body]).await?;
        Ok(())
    }

    /// Removes uploads that are older.
    pub async fn forget_uploads(&mut self, before: jiff::Timestamp) -> Result<u64> {
        self.execute(FORGET, arguments![before]).await
    }
}

impl Store {
    /// Open lines, as they are due.
    pub async fn bulk_lines(&self, filter: &BulkFilter, limit: u32) -> Result<Vec<BulkLine>> {
        let operation = filter.operation.map(Operation::name);
        let arguments = arguments![filter.application.as_deref(), filter.account_type.as_deref(), operation, limit];
        self.reader().await?.read(LINES, arguments, |row| line(&row)).await
    }

    /// What there is open work of: application, account type, operation.
    pub async fn kinds_of_open_work(&self) -> Result<Vec<(String, String, Operation)>> {
        let read = |row: Row| {
            Ok((row.text("application")?, row.text("account_type")?, row.named("operation", Operation::from_name)?))
        };
        self.reader().await?.read(WITH_WORK, arguments![], read).await
    }

    pub async fn upload(&self, id: WorkItemUploadId) -> Result<Option<WorkItemUpload>> {
        let row = self.reader().await?.row(UPLOAD, arguments![id.0]).await?;
        row.map(|row| row.json("body")).transpose()
    }
}

fn line(row: &Row) -> Result<BulkLine> {
    Ok(BulkLine {
        work_item: WorkItemId(row.integer("work_item_id")?),
        line: OrderItemId(row.integer("order_item_id")?),
        order: OrderId(row.integer("order_id")?),
        identity: IdentityId(row.integer("identity_id")?),
        identity_name: row.text("identity_name")?,
        identity_key: row.text("identity_key")?,
        key: row.optional_text("native_key")?,
        application: row.text("application")?,
        account_type: row.text("account_type")?,
        operation: row.named("operation", Operation::from_name)?,
        kind: row.named("kind", ItemKind::from_name)?,
        name: row.text("name")?,
        item_operation: row.named("item_operation", ItemOperation::from_name)?,
        value: row.optional_json("value")?,
        secret: row.boolean("secret")?,
        due_at: row.optional_time("due_at")?,
        paused_at: row.optional_time("paused_at")?,
        claimed_by: row.optional_text("claimed_by")?,
    })
}
