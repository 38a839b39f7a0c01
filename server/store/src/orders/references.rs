//! Values that come from other accounts of the same person: orders that wait for them, and people for whom is to be planned
//! anew because an account has changed that values of their others come from.

use jiff::Timestamp;
use model::ids::{IdentityId, OrderId, OrderItemId};
use model::value::Value;
use serde::Serialize;

use super::edits::{SET_VALUES, ValueInput};
use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, Tx};

/// Nothing that it waits for is still to be done. $2: only of those who have an account or an order that was changed then or
/// later.
const FILLABLE: &str = concat!(
    "
    select o.id, o.identity_id
    from provisioning_order o
    where o.awaits_reference
      and o.state = 1
      and coalesce(o.trouble, '') <> 'held'
      and o.id > $1
      and ",
    has_its_turn!("o.id"),
    "
      and (
        cast($2 as bigint) is null
        or 0 < (select count(*) from account a where a.owner_id = o.identity_id and a.changed_at >= $2)
        or 0 < (select count(*) from provisioning_order own where own.identity_id = o.identity_id and own.changed_at >= $2)
      )
    order by o.id
    limit $3"
);

const FILL_ORDERS: &str = "
    with input as materialized (
      select cast(value ->> 'order' as bigint) as order_id, value ->> 'new_key' as new_key
      from jsonb_each($1)
    )
    update provisioning_order
    set awaits_reference = false,
        key = coalesce(input.new_key, provisioning_order.key)
    from input
    where provisioning_order.id = input.order_id";

/// Without an account type in any case; with one, where there is such an account, or an order on its way has its values by
/// now.
const NOTE: &str = "
    with input as materialized (
      select cast(value ->> 'identity' as bigint) as identity_id, value ->> 'account_type' as account_type
      from jsonb_each($1)
    )
    insert into reference_change (identity_id, noted_at)
    select distinct input.identity_id, cast($2 as bigint)
    from input
    where input.account_type is null
      or 0 < (
        select count(*)
        from account a
        where a.owner_id = input.identity_id
          and a.account_type = input.account_type
          and a.status <> 'gone'
      )
      or 0 < (
        select count(*)
        from provisioning_order o
        where o.identity_id = input.identity_id
          and o.account_type = input.account_type
          and o.state in (1, 2, 3, 5)
          and not o.awaits_reference
      )
    on conflict (identity_id) do update set noted_at = excluded.noted_at";

const NOTED: &str = "
    select identity_id, noted_at
    from reference_change
    order by identity_id";

const ANY_NOTED: &str = "
    select 1 as one
    from reference_change
    limit 1";

const PLANNED: &str = "
    with input as materialized (
      select cast(value ->> 'identity' as bigint) as identity_id, cast(value ->> 'noted_at' as bigint) as noted_at
      from jsonb_each($1)
    )
    delete from reference_change
    where (identity_id, noted_at) in (select input.identity_id, input.noted_at from input)";

/// An order whose values are known by now.
#[derive(Clone, Debug, PartialEq)]
pub struct FilledOrder {
    pub order: OrderId,
    /// Native key, where one of the values is that.
    pub key: Option<String>,
    /// Values with what explains them, by item.
    pub values: Vec<(OrderItemId, Value, String)>,
}

/// That an account has changed which values of a person's other accounts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferenceChange {
    pub identity: IdentityId,
    pub noted_at: Timestamp,
}

#[derive(Serialize)]
struct OrderInput<'a> {
    order: i64,
    new_key: Option<&'a str>,
}

#[derive(Serialize)]
struct NoteInput<'a> {
    identity: i64,
    account_type: Option<&'a str>,
}

#[derive(Serialize)]
struct PlannedInput {
    identity: i64,
    noted_at: i64,
}

impl Tx {
    /// Puts in values that these orders waited for; from now on they are sent when their turn comes.
    pub async fn fill_orders(&mut self, filled: &[FilledOrder]) -> Result<()> {
        let values = filled.iter().flat_map(|filled| filled.values.iter().map(|value| (filled.order, value)));
        let values: Vec<_> = values.map(|(order, value)| ValueInput::new(order, value)).collect();
        self.bulk(SET_VALUES, &values).await?;
        let orders: Vec<_> =
            filled.iter().map(|filled| OrderInput { order: filled.order.0, new_key: filled.key.as_deref() }).collect();
        self.bulk(FILL_ORDERS, &orders).await
    }

    /// Notes that these people are to be planned for anew: in any case, or where they have an account of that type, or are
    /// about to.
    pub async fn note_reference_changes(
        &mut self,
        changes: &[(IdentityId, Option<String>)],
        at: Timestamp,
    ) -> Result<()> {
        let inputs: Vec<_> = changes
            .iter()
            .map(|(identity, kind)| NoteInput { identity: identity.0, account_type: kind.as_deref() })
            .collect();
        if !inputs.is_empty() {
            self.execute(NOTE, arguments![payload(&inputs)?, at]).await?;
        }
        Ok(())
    }

    /// These have been planned for; what was noted since then stays.
    pub async fn end_reference_changes(&mut self, planned: &[ReferenceChange]) -> Result<()> {
        let inputs: Vec<_> = planned
            .iter()
            .map(|planned| PlannedInput { identity: planned.identity.0, noted_at: planned.noted_at.as_microsecond() })
            .collect();
        if !inputs.is_empty() {
            self.execute(PLANNED, arguments![payload(&inputs)?]).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Orders with an id above this one that wait for a value of another account, and for no order any more, with whose they
    /// are: by id, so many. Those that a person keeps back are left out, and with `since` those whose person has no account
    /// and no order that was changed then or later.
    pub async fn fillable_orders(
        &self,
        above: OrderId,
        since: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<(OrderId, IdentityId)>> {
        let read = |row: Row| Ok((OrderId(row.integer("id")?), IdentityId(row.integer("identity_id")?)));
        self.reader()
            .await?
            .read(FILLABLE, arguments![above.0, since.map(Timestamp::as_microsecond), limit], read)
            .await
    }

    /// Whether anybody is to be planned for anew because of that.
    pub async fn has_reference_changes(&self) -> Result<bool> {
        Ok(self.reader().await?.row(ANY_NOTED, arguments![]).await?.is_some())
    }

    /// For whom is to be planned anew because of an account that values of their others come from.
    pub async fn reference_changes(&self) -> Result<Vec<ReferenceChange>> {
        let read = |row: Row| {
            Ok(ReferenceChange { identity: IdentityId(row.integer("identity_id")?), noted_at: row.time("noted_at")? })
        };
        self.reader().await?.read(NOTED, arguments![], read).await
    }
}
