//! One order with its way: the plan and partition it comes from, attempts, timeline, work items and edits.

use model::ids::{OrderId, PartitionId};
use model::order::Attempt;
use model::plan::Partition;
use model::view::{OrderDetail, OrderEvent};

use super::edits;
use super::list::siblings;
use super::read::{Why, orders_by_id, state};
use crate::connection::{Row, arguments};
use crate::work_items::work_items_of_order;
use crate::{Result, Store, StoreError};

const PLAN: &str = "
    select cast(p.body as text) as body, i.display_name
    from plan p
    join identity i on i.id = p.identity_id
    where p.id = $1";

const PARTITIONS: &str = "
    select id, cast(body as text) as body
    from plan_partition
    where plan_id = $1
    order by sequence";

const ATTEMPTS: &str = "
    select order_id, number, fence, node, started_at, finished_at, cast(answer as text) as answer
    from order_attempt
    where order_id = $1
    order by number";

const TIMELINE: &str = "
    select at, from_state, to_state, cast(reason as text) as reason, actor, message
    from order_event
    where order_id = $1
    order by sequence";

impl Store {
    /// `application_name` is the application's key.
    pub async fn order_detail(&self, id: OrderId) -> Result<Option<OrderDetail>> {
        let mut connection = self.snapshot().await?;
        let Some(order) = orders_by_id(&mut connection, &[id], Why::Told).await?.pop() else { return Ok(None) };
        let Some(plan) = connection.row(PLAN, arguments![order.plan.0]).await? else {
            return Err(StoreError::Corrupt { what: format!("order {id} has no plan") });
        };
        let read = |row: Row| Ok((PartitionId(row.integer("id")?), row.json::<Partition>("body")?));
        let partitions = connection.read(PARTITIONS, arguments![order.plan.0], read).await?;
        let own = partitions.iter().find(|(partition, _)| *partition == order.partition);
        Ok(Some(OrderDetail {
            identity_name: plan.text("display_name")?,
            application_name: order.application.clone(),
            carrier_name: None,
            plan_id: order.plan,
            plan: plan.json("body")?,
            partition: own.map_or(0, |(_, partition)| partition.sequence),
            partitions: partitions.into_iter().map(|(_, partition)| partition).collect(),
            attempts: connection.read(ATTEMPTS, arguments![id.0], |row| attempt(&row)).await?,
            timeline: connection.read(TIMELINE, arguments![id.0], |row| event(&row)).await?,
            work_items: work_items_of_order(&mut connection, id).await?,
            edits: edits::of_order(&mut connection, id).await?,
            siblings: siblings(&mut connection, order.plan, id).await?,
            requests: Vec::new(),
            beside: Vec::new(),
            order,
        }))
    }
}

fn attempt(row: &Row) -> Result<Attempt> {
    Ok(Attempt {
        order: OrderId(row.integer("order_id")?),
        number: row.small_count("number")?,
        fence: row.integer("fence")?,
        node: row.text("node")?,
        started_at: row.time("started_at")?,
        finished_at: row.optional_time("finished_at")?,
        answer: row.optional_json("answer")?,
    })
}

fn event(row: &Row) -> Result<OrderEvent> {
    Ok(OrderEvent {
        at: row.time("at")?,
        from: state(row, "from_state")?,
        to: state(row, "to_state")?,
        reason: row.optional_json("reason")?,
        actor: row.text("actor")?,
        message: row.text("message")?,
    })
}
