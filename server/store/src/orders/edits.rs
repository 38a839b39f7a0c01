//! Values that people changed on orders: those of the order's items, and the change itself, which stands for a computed
//! value until it is ended.

use jiff::Timestamp;
use model::account::Mechanism;
use model::ids::{IdentityId, OrderId, OrderItemId};
use model::order::ValueEdit;
use model::value::Value;
use serde::Serialize;

use crate::connection::{Connection, Row, arguments, numbers, payload};
use crate::{Result, Store, Tx};

macro_rules! edit_columns {
    () => {
        "id, order_id, identity_id, account_type, attribute, cast(computed as text) as computed,
         cast(before as text) as before, cast(edited as text) as edited, actor, why, at"
    };
}

const IN_FORCE: &str = concat!("select ", edit_columns!(), " from value_edit where ended_at is null order by id");

const OF_ORDER: &str = concat!("select ", edit_columns!(), " from value_edit where order_id = $1 order by at, id");

const END_EARLIER: &str = "
    with input as materialized (
      select
        cast(value ->> 'identity' as bigint) as identity, value ->> 'account_type' as kind,
        value ->> 'attribute' as name, cast(value ->> 'at' as bigint) as moment
      from jsonb_each($1)
    )
    update value_edit
    set ended_at = input.moment
    from input
    where value_edit.ended_at is null
      and value_edit.identity_id = input.identity
      and value_edit.account_type = input.kind
      and value_edit.attribute = input.name";

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into value_edit (
      id, order_id, identity_id, account_type, attribute, computed, before, edited, actor, why, at
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'order' as bigint), cast(value ->> 'identity' as bigint),
      value ->> 'account_type', value ->> 'attribute', value -> 'computed', value -> 'before', value -> 'edited',
      value ->> 'actor', value ->> 'why', cast(value ->> 'at' as bigint)
    from input";

const END: &str = "
    update value_edit
    set ended_at = $2
    where id in (select cast(value as bigint) from json_each($1))
      and ended_at is null";

pub(super) const SET_VALUES: &str = "
    with input as materialized (
      select
        cast(value ->> 'order' as bigint) as order_id, cast(value ->> 'item' as bigint) as item,
        value -> 'new_value' as new_value, value ->> 'new_explanation' as new_explanation
      from jsonb_each($1)
    )
    update order_item
    set value = input.new_value,
        explanation = input.new_explanation
    from input
    where order_item.id = input.item
      and order_item.order_id = input.order_id";

const SET_MECHANISM: &str = "
    update provisioning_order
    set mechanism = $2,
        carrier = application
    where id in (select cast(value as bigint) from json_each($1))";

#[derive(Serialize)]
struct EditInput<'a> {
    id: i64,
    order: i64,
    identity: i64,
    account_type: &'a str,
    attribute: &'a str,
    computed: &'a Value,
    before: &'a Value,
    edited: &'a Value,
    actor: &'a str,
    why: &'a str,
    at: i64,
}

#[derive(Serialize)]
pub(super) struct ValueInput<'a> {
    order: i64,
    item: i64,
    new_value: &'a Value,
    new_explanation: &'a str,
}

impl<'a> ValueInput<'a> {
    pub(super) fn new(order: OrderId, (item, value, explanation): &'a (OrderItemId, Value, String)) -> Self {
        Self { order: order.0, item: item.0, new_value: value, new_explanation: explanation }
    }
}

impl Tx {
    /// Ends the edits of the same attributes that are in force, and puts these in their place. One `id` for each.
    pub async fn insert_value_edits(&mut self, edits: &[(i64, ValueEdit)]) -> Result<()> {
        let inputs: Vec<_> = edits
            .iter()
            .map(|(id, edit)| EditInput {
                id: *id,
                order: edit.order.0,
                identity: edit.identity.0,
                account_type: &edit.account_type,
                attribute: &edit.attribute,
                computed: &edit.computed,
                before: &edit.before,
                edited: &edit.edited,
                actor: &edit.by,
                why: &edit.why,
                at: edit.at.as_microsecond(),
            })
            .collect();
        let input = payload(&inputs)?;
        self.execute(END_EARLIER, arguments![input.as_str()]).await?;
        self.execute(INSERT, arguments![input]).await?;
        Ok(())
    }

    /// Ends edits whose rules compute something else by now.
    pub async fn end_value_edits(&mut self, ids: &[i64], at: Timestamp) -> Result<()> {
        self.execute(END, arguments![numbers(ids.iter().copied()), at]).await?;
        Ok(())
    }

    /// New values of an order's items, with what explains them.
    pub async fn set_item_values(&mut self, order: OrderId, values: &[(OrderItemId, Value, String)]) -> Result<()> {
        let inputs: Vec<_> = values.iter().map(|value| ValueInput::new(order, value)).collect();
        self.bulk(SET_VALUES, &inputs).await
    }

    /// From now on these orders are carried out so, and go to nobody else than their own application's people or server.
    pub async fn set_order_mechanism(&mut self, orders: &[OrderId], mechanism: Mechanism) -> Result<()> {
        let orders = numbers(orders.iter().map(|id| id.0));
        self.execute(SET_MECHANISM, arguments![orders, mechanism.name()]).await?;
        Ok(())
    }
}

impl Store {
    /// Edits that stand for a computed value, each with its id.
    pub async fn value_edits_in_force(&self) -> Result<Vec<(i64, ValueEdit)>> {
        self.reader().await?.read(IN_FORCE, arguments![], |row| Ok((row.integer("id")?, edit(&row)?))).await
    }
}

pub(super) async fn of_order(connection: &mut Connection, order: OrderId) -> Result<Vec<ValueEdit>> {
    connection.read(OF_ORDER, arguments![order.0], |row| edit(&row)).await
}

fn edit(row: &Row) -> Result<ValueEdit> {
    Ok(ValueEdit {
        order: OrderId(row.integer("order_id")?),
        identity: IdentityId(row.integer("identity_id")?),
        account_type: row.text("account_type")?,
        attribute: row.text("attribute")?,
        computed: row.json("computed")?,
        before: row.json("before")?,
        edited: row.json("edited")?,
        by: row.text("actor")?,
        at: row.time("at")?,
        why: row.text("why")?,
    })
}
