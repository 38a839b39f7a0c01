//! What the home page counts and shows first.

use jiff::Timestamp;
use jiff::civil::Date;
use model::form::FormCounts;
use model::order::ProvisioningState;
use model::view::{Home, OrderCounts, RunFilter, Totals, WorkItemFilter, WorkItemViewer};
use model::work_item::WorkItemState;

use crate::connection::arguments;
use crate::declined::AWAITING_REVIEW;
use crate::native_changes::OPEN;
use crate::orders::order_rows_in_states;
use crate::runs::{RunChoice, run_rows};
use crate::violations;
use crate::work_items::work_item_page;
use crate::{Result, Store};

/// Those who have left do not count.
const IDENTITIES: &str = "
    select count(*)
    from identity i
    where i.present
      and (
        i.context_count = 0
        or exists (select 1 from identity_context c where c.identity_id = i.id and c.ends > $1)
      )";

const ACCOUNTS: &str = "
    select count(*)
    from account
    where status <> 'gone'";

const OPEN_WORK_ITEMS: &str = "
    select count(*)
    from work_item
    where state = 'open'";

impl Store {
    /// People and accounts.
    pub async fn totals(&self, today: Date) -> Result<Totals> {
        let mut connection = self.snapshot().await?;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Totals {
            identities: count(connection.number(IDENTITIES, arguments![today]).await?),
            accounts: count(connection.number(ACCOUNTS, arguments![]).await?),
        })
    }

    /// `applications` is left empty: their names are configuration.
    pub async fn home(&self, totals: &Totals, orders: &OrderCounts, now: Timestamp) -> Result<Home> {
        let mut connection = self.snapshot().await?;
        let open = WorkItemFilter { state: Some(WorkItemState::Open), limit: Some(8), ..WorkItemFilter::default() };
        let failed = [ProvisioningState::Errored, ProvisioningState::Error];
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Home {
            identities: totals.identities,
            accounts: totals.accounts,
            orders: orders.clone(),
            open_work_items: count(connection.number(OPEN_WORK_ITEMS, arguments![]).await?),
            awaiting_review: count(connection.number(AWAITING_REVIEW, arguments![]).await?),
            native_changes: count(connection.number(OPEN, arguments![]).await?),
            violations: count(connection.number(violations::OPEN, arguments![None::<&str>]).await?),
            approvals: 0,
            certifications: 0,
            forms: FormCounts::default(),
            work_items: work_item_page(&mut connection, &open, &WorkItemViewer::default(), now).await?.rows,
            failed: order_rows_in_states(&mut connection, &failed, 8).await?,
            runs: run_rows(&mut connection, RunChoice::Newest(&RunFilter { limit: 5, ..RunFilter::default() })).await?,
            integrations: Vec::new(),
            applications: Vec::new(),
        })
    }
}
