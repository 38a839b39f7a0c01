//! What reviewers declined, and what of it was reopened; and which orders wait for a reviewer.

use jiff::Timestamp;
use model::ids::{AccountId, DeclinedChangeId, IdentityId, OrderId};
use model::order::{ProvisioningState, StateReason};
use model::page::Page;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::review::{DeclinedChange, DeclinedRow};
use model::value::Value;
use serde::Serialize;

use crate::among::{everybody_and_chosen, one_of};
use crate::connection::{Row, arguments, numbers};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into declined_change (
      id, identity_id, account_type, account_id, kind, name, account_operation, operation, value, order_id, declined_by,
      declined_at, comment, reopened_by, reopened_at
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'identity' as bigint), value ->> 'account_type',
      cast(value ->> 'account' as bigint), value ->> 'kind', value ->> 'name', value ->> 'account_operation',
      value ->> 'operation', value -> 'value', cast(value ->> 'order' as bigint), value ->> 'declined_by',
      cast(value ->> 'declined_at' as bigint), value ->> 'comment', null, null
    from input";

const REOPEN: &str = "
    update declined_change
    set reopened_by = $2,
        reopened_at = $3
    where id = $1
      and reopened_at is null";

macro_rules! declined_columns {
    () => {
        "d.id, d.identity_id, d.account_type, d.account_id, d.kind, d.name, d.account_operation, d.operation,
         cast(d.value as text) as value, d.order_id, d.declined_by, d.declined_at, d.comment, d.reopened_by, d.reopened_at"
    };
}

const STANDING: [&str; 2] = everybody_and_chosen!(
    declined_columns!(),
    "declined_change d",
    "d.identity_id",
    "d.reopened_at is null order by d.id"
);

const LISTED: &str = concat!(
    "select ",
    declined_columns!(),
    ", i.display_name, o.application
    from declined_change d
    join identity i on i.id = d.identity_id
    join provisioning_order o on o.id = d.order_id
    where ($1 is null or d.id < $1)
      and ($2 or d.reopened_at is null)
    order by d.id desc
    limit $3"
);

const COUNT: &str = "
    select count(*)
    from (select 1 from declined_change d where $1 or d.reopened_at is null limit $2) as found";

const BY_ID: &str = concat!("select ", declined_columns!(), " from declined_change d where d.id = $1");

pub(crate) const AWAITING_REVIEW: &str = "
    select count(*)
    from provisioning_order
    where state = 5";

const UNDER_REVIEW: &str = "
    select id, application, account_type, state, cast(reason as text) as reason
    from provisioning_order
    where state in (3, 5)
    order by id";

#[derive(Serialize)]
struct DeclinedInput<'a> {
    id: i64,
    identity: i64,
    account_type: &'a str,
    account: Option<i64>,
    kind: &'static str,
    name: &'a str,
    account_operation: &'static str,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    order: i64,
    declined_by: &'a str,
    declined_at: i64,
    comment: &'a str,
}

/// An order in state 5 or 3, as far as grouping needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderReview {
    pub id: OrderId,
    pub application: String,
    pub account_type: String,
    pub state: ProvisioningState,
    pub reason: Option<StateReason>,
}

impl Tx {
    pub async fn insert_declined_changes(&mut self, rows: &[DeclinedChange]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| DeclinedInput {
                id: row.id.0,
                identity: row.identity.0,
                account_type: &row.account_type,
                account: row.account.map(|id| id.0),
                kind: row.kind.name(),
                name: &row.name,
                account_operation: row.account_operation.name(),
                operation: row.operation.name(),
                value: row.value.as_ref(),
                order: row.order.0,
                declined_by: &row.declined_by,
                declined_at: row.declined_at.as_microsecond(),
                comment: &row.comment,
            })
            .collect();
        self.bulk(INSERT, &inputs).await
    }

    /// False where somebody has reopened it before.
    pub async fn reopen_declined_change(&mut self, id: DeclinedChangeId, by: &str, at: Timestamp) -> Result<bool> {
        Ok(self.execute(REOPEN, arguments![id.0, by, at]).await? > 0)
    }
}

impl Store {
    /// What stands declined, of all identities or of these, by id.
    pub async fn declined_changes(&self, identities: Option<&[IdentityId]>) -> Result<Vec<DeclinedChange>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        self.reader()
            .await?
            .read(one_of(STANDING, identities.as_deref()), arguments![identities], |row| declined(&row))
            .await
    }

    pub async fn declined_change(&self, id: DeclinedChangeId) -> Result<Option<DeclinedChange>> {
        Ok(self.reader().await?.read(BY_ID, arguments![id.0], |row| declined(&row)).await?.pop())
    }

    /// Newest first, older than `before`; those that were reopened only where asked for.
    pub async fn declined_page(
        &self,
        with_reopened: bool,
        before: Option<DeclinedChangeId>,
        limit: Option<u32>,
    ) -> Result<Page<DeclinedRow>> {
        let mut connection = self.snapshot().await?;
        let total = connection.number(COUNT, arguments![with_reopened, count_limit()]).await?;
        let read = |row: Row| {
            Ok(DeclinedRow {
                declined: declined(&row)?,
                identity_name: row.text("display_name")?,
                application: row.text("application")?,
            })
        };
        let wanted = arguments![before.map(|id| id.0), with_reopened, rows_to_read(limit)];
        let rows = connection.read(LISTED, wanted, read).await?;
        Ok(page(rows, limit, total, |row| row.declined.id.to_string()))
    }

    /// How many orders wait for a reviewer.
    pub async fn orders_awaiting_review(&self) -> Result<u64> {
        let count = self.reader().await?.number(AWAITING_REVIEW, arguments![]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Every order that waits for a reviewer (5) or has failed (3), by id.
    pub async fn orders_under_review(&self) -> Result<Vec<UnderReview>> {
        let read = |row: Row| {
            Ok(UnderReview {
                id: OrderId(row.integer("id")?),
                application: row.text("application")?,
                account_type: row.text("account_type")?,
                state: row.numbered("state", ProvisioningState::from_number)?,
                reason: row.optional_json("reason")?,
            })
        };
        self.reader().await?.read(UNDER_REVIEW, arguments![], read).await
    }
}

fn declined(row: &Row) -> Result<DeclinedChange> {
    Ok(DeclinedChange {
        id: DeclinedChangeId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        account_type: row.text("account_type")?,
        account: row.optional_integer("account_id")?.map(AccountId),
        kind: row.named("kind", ItemKind::from_name)?,
        name: row.text("name")?,
        account_operation: row.named("account_operation", Operation::from_name)?,
        operation: row.named("operation", ItemOperation::from_name)?,
        value: row.optional_json("value")?,
        order: OrderId(row.integer("order_id")?),
        declined_by: row.text("declined_by")?,
        declined_at: row.time("declined_at")?,
        comment: row.text("comment")?,
        reopened_by: row.optional_text("reopened_by")?,
        reopened_at: row.optional_time("reopened_at")?,
    })
}
