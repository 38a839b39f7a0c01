//! Run-time facts about applications and identity sources. What was decided about them is in `configuration`.

use jiff::Timestamp;
use model::view::EntitlementRow;

use crate::accounts::{is_proposed, stands_for_entitlements};
use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, Tx};

/// What is known of an application, or of an identity source, from running with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationFacts {
    pub name: String,
    pub last_synchronized_at: Option<Timestamp>,
    /// What the last synchronization counted.
    pub counts: Vec<(String, i64)>,
    /// The connection's last failure, while it lasts.
    pub trouble: Option<String>,
    pub trouble_since: Option<Timestamp>,
    /// Accounts that are not gone.
    pub accounts: u64,
    /// Those of them that nobody owns, that wait for a person's word about their owner, and that are of no known type.
    pub without_owner: u64,
    pub proposed: u64,
    pub unclassified: u64,
    /// Orders in states 1, 2 and 5.
    pub open_orders: u64,
    /// Orders in states 3 and 7.
    pub failed_orders: u64,
}

/// The counts come as the only row's JSON, so that both databases take them alike.
const SET_SYNCHRONIZED: &str = "
    with input as materialized (select value from json_each($3))
    insert into application_facts (name, last_synchronized_at, counts)
    select $1, $2, value
    from input
    where true
    on conflict (name) do update
    set last_synchronized_at = excluded.last_synchronized_at,
        counts = excluded.counts";

/// Trouble that lasts keeps its beginning.
const SET_TROUBLE: &str = "
    insert into application_facts (name, counts, trouble, trouble_since)
    values ($1, '[]', $2, case when $2 is null then null else $3 end)
    on conflict (name) do update
    set trouble = excluded.trouble,
        trouble_since = case
          when excluded.trouble is null then null
          else coalesce(application_facts.trouble_since, excluded.trouble_since)
        end";

const IN_TROUBLE: &str = "
    select name
    from application_facts
    where name = $1
      and trouble is not null";

const FACTS: &str = concat!(
    "
    with accounts as (
      select
        a.application, count(*) as accounts,
        count(case when a.owner_id is null and not ",
    stands_for_entitlements!(),
    " then 1 end) as without_owner,
        count(case when a.account_type = '' then 1 end) as unclassified
      from account a
      where a.status <> 'gone'
      group by a.application
    ),
    proposed as (
      select a.application, count(*) as proposed
      from account a
      where ",
    is_proposed!(),
    "
      group by a.application
    ),
    orders as (
      select
        application,
        count(case when state in (1, 2, 5) then 1 end) as open_orders,
        count(case when state in (3, 7) then 1 end) as failed_orders
      from provisioning_order
      where state in (1, 2, 3, 5, 7)
      group by application
    ),
    names as (
      select name from application_facts
      union
      select application from accounts
      union
      select application from orders
    )
    select
      n.name, f.last_synchronized_at, coalesce(cast(f.counts as text), '[]') as counts, f.trouble, f.trouble_since,
      coalesce(a.accounts, 0) as accounts, coalesce(a.without_owner, 0) as without_owner,
      coalesce(a.unclassified, 0) as unclassified, coalesce(p.proposed, 0) as proposed,
      coalesce(o.open_orders, 0) as open_orders,
      coalesce(o.failed_orders, 0) as failed_orders
    from names n
    left join application_facts f on f.name = n.name
    left join accounts a on a.application = n.name
    left join proposed p on p.application = n.name
    left join orders o on o.application = n.name
    order by n.name"
);

const ENTITLEMENTS: &str = "
    with holders as (
      select e.entitlement, count(*) as holders
      from account a
      join account_entitlement e on e.account_id = a.id
      where a.application = $1
        and a.status <> 'gone'
        and e.until is null
      group by e.entitlement
    ),
    entitlements as (
      select key, display_name
      from entitlement_catalogue
      where application = $1
        and until is null
      union all
      select h.entitlement, h.entitlement
      from holders h
      where not exists (
        select 1
        from entitlement_catalogue c
        where c.application = $1
          and c.key = h.entitlement
          and c.until is null
      )
    )
    select e.key, e.display_name, coalesce(h.holders, 0) as holders
    from entitlements e
    left join holders h on h.entitlement = e.key
    order by e.key";

impl Tx {
    pub async fn set_synchronized(&mut self, name: &str, at: Timestamp, counts: &[(String, i64)]) -> Result<()> {
        self.execute(SET_SYNCHRONIZED, arguments![name, at, payload(&[counts])?]).await?;
        Ok(())
    }

    /// None where the connection works again. Answers whether the trouble has just begun.
    pub async fn set_trouble(&mut self, name: &str, trouble: Option<&str>, at: Timestamp) -> Result<bool> {
        let known = self.rows(IN_TROUBLE, arguments![name]).await?;
        self.execute(SET_TROUBLE, arguments![name, trouble, at]).await?;
        Ok(trouble.is_some() && known.is_empty())
    }
}

impl Store {
    /// Of everything that has a fact, an account or an order, by name.
    pub async fn application_facts(&self) -> Result<Vec<ApplicationFacts>> {
        self.reader().await?.read(FACTS, arguments![], |row| facts(&row)).await
    }

    /// What the application says it has, and what accounts hold beside it, by key. `name` is left to who knows the
    /// configuration.
    pub async fn entitlement_rows(&self, application: &str) -> Result<Vec<EntitlementRow>> {
        let read = |row: Row| {
            Ok(EntitlementRow {
                key: row.text("key")?,
                display_name: row.text("display_name")?,
                name: None,
                holders: row.count("holders")?,
            })
        };
        self.reader().await?.read(ENTITLEMENTS, arguments![application], read).await
    }
}

fn facts(row: &Row) -> Result<ApplicationFacts> {
    Ok(ApplicationFacts {
        name: row.text("name")?,
        last_synchronized_at: row.optional_time("last_synchronized_at")?,
        counts: row.json("counts")?,
        trouble: row.optional_text("trouble")?,
        trouble_since: row.optional_time("trouble_since")?,
        accounts: row.count("accounts")?,
        without_owner: row.count("without_owner")?,
        proposed: row.count("proposed")?,
        unclassified: row.count("unclassified")?,
        open_orders: row.count("open_orders")?,
        failed_orders: row.count("failed_orders")?,
    })
}
