//! What is broken or stuck, in groups, and the orders that a person has in view when acting on many.

use jiff::Timestamp;
use model::account::Mechanism;
use model::ids::OrderId;
use model::order::{ProvisioningState, StateReason, Trouble};
use model::view::{OrderFilter, OrderGroup, OrderSelection, SelectionSummary};

use super::list::{filter_arguments, order_filter};
use crate::connection::{Row, arguments, numbers};
use crate::words::patterns;
use crate::{Result, Store};

const GROUPS: &str = "
    select
      application, trouble, fingerprint, count(*) as orders, count(distinct identity_id) as people,
      min(troubled_at) as since, max(changed_at) as latest, min(next_attempt_at) as next_attempt_at, min(id) as sample
    from provisioning_order
    where trouble is not null
    group by application, trouble, fingerprint
    order by count(*) desc, application, trouble, fingerprint
    limit 100";

const REASONS: &str = "
    select id, cast(reason as text) as reason
    from provisioning_order
    where id in (select cast(value as bigint) from json_each($1))";

/// What cannot be read back stays as it is, and nobody waits for it.
const UNCONFIRMED: &str = "
    select application, count(*) as orders
    from provisioning_order
    where state = 8
      and coalesce(reason ->> 'reason', '') <> 'cannot_be_read_back'
    group by application
    order by application";

/// $13 when it was seen, $14 ids.
macro_rules! selected {
    () => {
        concat!(
            order_filter!(),
            "
      and o.changed_at <= $13
      and ($14 is null or o.id in (select cast(value as bigint) from json_each($14)))"
        )
    };
}

const SELECTED: &str = concat!("select o.id ", selected!(), " order by o.lane, o.id limit $15");

const SELECTED_BY_APPLICATION: &str =
    concat!("select o.application, count(*) as orders ", selected!(), " group by o.application order by o.application");

const SELECTED_PEOPLE: &str = concat!("select count(distinct o.identity_id) ", selected!());

impl Store {
    /// What is broken or stuck; the largest first, at most 100. `application_name` is the application's key.
    pub async fn order_groups(&self) -> Result<Vec<OrderGroup>> {
        let mut connection = self.snapshot().await?;
        let mut groups = connection.read(GROUPS, arguments![], |row| group(&row)).await?;
        let samples = numbers(groups.iter().map(|group| group.sample.0));
        let read = |row: Row| Ok((row.integer("id")?, row.optional_json::<StateReason>("reason")?));
        let reasons = connection.read(REASONS, arguments![samples], read).await?;
        for group in &mut groups {
            group.reason = reasons.iter().find(|(id, _)| *id == group.sample.0).and_then(|(_, reason)| reason.clone());
        }
        Ok(groups)
    }

    /// Orders that are done and not confirmed yet, by application.
    pub async fn unconfirmed_orders(&self) -> Result<Vec<(String, u64)>> {
        let read = |row: Row| Ok((row.text("application")?, row.count("orders")?));
        self.reader().await?.read(UNCONFIRMED, arguments![], read).await
    }

    /// The selected orders that have not changed since they were seen, in the order in which they go.
    pub async fn selected_orders(&self, selection: &OrderSelection, limit: u32) -> Result<Vec<OrderId>> {
        let state = selection.filter.state.map(ProvisioningState::number);
        let (seen_at, ids) = bounds(selection);
        let wanted = filter_arguments!(&selection.filter, state, seen_at, ids, limit);
        self.reader().await?.read(SELECTED, wanted, |row| Ok(OrderId(row.integer("id")?))).await
    }

    /// How many these are, whom they are about, and where; applications by their keys.
    pub async fn selection_summary(&self, selection: &OrderSelection) -> Result<SelectionSummary> {
        let mut connection = self.snapshot().await?;
        let state = selection.filter.state.map(ProvisioningState::number);
        let (seen_at, ids) = bounds(selection);
        let wanted = filter_arguments!(&selection.filter, state, seen_at, ids.clone());
        let read = |row: Row| Ok((row.text("application")?, row.count("orders")?));
        let by_application = connection.read(SELECTED_BY_APPLICATION, wanted, read).await?;
        let people =
            connection.number(SELECTED_PEOPLE, filter_arguments!(&selection.filter, state, seen_at, ids)).await?;
        Ok(SelectionSummary {
            orders: by_application.iter().map(|(_, orders)| orders).sum(),
            people: u64::try_from(people).unwrap_or_default(),
            by_application,
        })
    }
}

fn bounds(selection: &OrderSelection) -> (Timestamp, Option<String>) {
    let ids = (!selection.ids.is_empty()).then(|| numbers(selection.ids.iter().map(|id| id.0)));
    (selection.seen_at, ids)
}

fn group(row: &Row) -> Result<OrderGroup> {
    let application = row.text("application")?;
    Ok(OrderGroup {
        application_name: application.clone(),
        application,
        trouble: row.named("trouble", Trouble::from_name)?,
        fingerprint: row.optional_text("fingerprint")?.unwrap_or_default(),
        orders: row.count("orders")?,
        people: row.count("people")?,
        since: row.time("since")?,
        latest: row.time("latest")?,
        next_attempt_at: row.optional_time("next_attempt_at")?,
        sample: OrderId(row.integer("sample")?),
        reason: None,
    })
}
