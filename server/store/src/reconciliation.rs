//! What is held and nothing grants, read from what is held and what is desired; what people decided about it; and what was
//! there at go-live. Only the latter two are kept.

mod decisions;
mod redundant;

pub use redundant::GrantBeside;

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::account::{AccountStatus, Provenance};
use model::ids::{AccountId, IdentityId, OrderId};
use model::page::Page;
use model::reconciliation::{Finding, ReconciliationFilter, Subject, View};

use crate::accounts::stands_for_entitlements;
use crate::connection::{Argument, Row, arguments, numbers};
use crate::paging::{count_limit, cursor, page, read_cursor, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store, StoreError};

/// Whether something of this kind and name is granted to the account's owner on day $1: by the role model's last answer, or
/// by a request that it has not answered yet.
macro_rules! granted {
    ($kind:literal, $name:literal) => {
        concat!(
            "(
        exists (
          select 1
          from assignment s
          where s.identity_id = a.owner_id
            and s.kind = '",
            $kind,
            "'
            and s.name = ",
            $name,
            "
            and s.until is null
            and s.workflow_state in (18, 118)
            and (s.starts is null or s.starts <= $1)
            and (s.ends is null or s.ends > $1)
        )
        or exists (
          select 1
          from direct_grant g
          where g.identity_id = a.owner_id
            and g.kind = '",
            $kind,
            "'
            and g.name = ",
            $name,
            "
            and g.until is null
            and (g.starts is null or g.starts <= $1)
            and (g.ends is null or g.ends > $1)
        )
      )"
        )
    };
}

/// Whether it was there at go-live, is the same still, and nothing granted it since.
macro_rules! pre_existing {
    ($kind:literal, $entitlement:literal, $since:literal) => {
        concat!(
            "exists (
        select 1
        from pre_existing p
        where p.account_id = a.id
          and p.entitlement = ",
            $entitlement,
            "
          and p.held_since = ",
            $since,
            "
          and not exists (
            select 1
            from assignment s
            where s.identity_id = a.owner_id
              and s.kind = '",
            $kind,
            "'
              and s.name = p.name
              and s.workflow_state in (18, 118)
              and s.since > p.marked_at
          )
      )"
        )
    };
}
pub(crate) use pre_existing;

/// Everybody's, or those of some accounts, $10. Apart, so that an index serves where there are few.
macro_rules! of_all {
    () => {
        "cast($10 as text) is null"
    };
}
macro_rules! of_accounts {
    () => {
        "a.id in (select cast(value as bigint) from json_each($10))"
    };
}

/// $2 application, $3 account type, $4 known since, $6–$9 words of the account or its owner, and whose.
macro_rules! of_filter {
    ($since:literal, $whose:ident) => {
        concat!(
            "
      and ($2 is null or a.application = $2)
      and ($3 is null or a.account_type = $3)
      and ($4 is null or ",
            $since,
            " >= $4)
      and (a.words || coalesce(i.words, '')) like $6
      and (a.words || coalesce(i.words, '')) like $7
      and (a.words || coalesce(i.words, '')) like $8
      and (a.words || coalesce(i.words, '')) like $9
      and ",
            $whose!()
        )
    };
}

/// $1 day, $5 since when; and those of [`of_filter`]. Of what the configuration knows: where several entitlements share a key, it
/// is the first by name, as `broker::catalogue` takes it.
macro_rules! access {
    ($whose:ident) => {
        concat!(
            "from account_entitlement e
    join account a on a.id = e.account_id
    join identity i on i.id = a.owner_id
    cross join configuration_object k
    where e.until is null
      and k.kind = 'entitlements'
      and k.to_version is null
      and cast(k.body ->> 'account_type' as text) = a.account_type
      and cast(k.body ->> 'key' as text) = e.entitlement
      and not exists (
        select 1
        from configuration_object o
        where o.kind = 'entitlements'
          and o.to_version is null
          and cast(o.body ->> 'account_type' as text) = a.account_type
          and cast(o.body ->> 'key' as text) = e.entitlement
          and o.name < k.name
      )
      and a.status <> 'gone'
      and not ",
            granted!("entitlement", "k.name"),
            "
      and not exists (
        select 1
        from reconciliation_decision d
        where d.account_id = e.account_id
          and d.entitlement = e.entitlement
          and d.held_since = e.since
          and d.identity_id = a.owner_id
          and d.ended_at is null
          and (d.verdict = 'remove' or (d.verdict = 'postpone' and d.until > $1))
      )
      and (
        $5 is null
        or ($5 = 'pre_existing') = ",
            pre_existing!("entitlement", "e.entitlement", "e.since"),
            "
      )",
            of_filter!("e.since", $whose)
        )
    };
}

macro_rules! access_page {
    ($whose:ident) => {
        concat!(
    "
    select e.account_id, e.entitlement, e.since, a.application, a.account_type, a.key, a.provenance, a.status, a.owner_id,
      i.display_name, k.name,
      cast(case when ",
    pre_existing!("entitlement", "e.entitlement", "e.since"),
    " then 1 else 0 end as bigint) as pre_existing,
      cast(case when ",
    granted!("account_type", "a.account_type"),
    " then 1 else 0 end as bigint) as account_granted,
      (
        select max(o.id)
        from provisioning_order o
        join order_item t on t.order_id = o.id
        where o.account_id = e.account_id
          and t.kind = 'entitlement'
          and t.name = e.entitlement
          and t.operation = 'add'
          and t.state in (4, 8)
      ) as order_id
    ",
    access!($whose),
    "
      and ($11 is null or (e.since, e.account_id, e.entitlement) < ($11, $12, $13))
    order by e.since desc, e.account_id desc, e.entitlement desc
    limit $14"
)
    };
}

macro_rules! count_access {
    ($whose:ident) => {
        concat!("select count(*) from (select 1 ", access!($whose), " limit $11) as found")
    };
}

/// Everybody's, and of some accounts.
const ACCESS: [&str; 2] = [access_page!(of_all), access_page!(of_accounts)];
const COUNT_ACCESS: [&str; 2] = [count_access!(of_all), count_access!(of_accounts)];

/// What people hold that nothing grants, by person: for finding roles that would explain it.
macro_rules! unexplained {
    ($whose:ident) => {
        concat!(
            "select distinct a.owner_id, k.name ",
            access!($whose),
            "
    order by a.owner_id, k.name
    limit $11"
        )
    };
}
const UNEXPLAINED: [&str; 2] = [unexplained!(of_all), unexplained!(of_accounts)];

/// An account that is in use. What was disabled because nothing grants it is as it should be.
macro_rules! accounts {
    ($whose:ident) => {
        concat!(
            "from account a
    join identity i on i.id = a.owner_id
    where a.status = 'enabled'
      and a.account_type <> ''
      and not ",
            granted!("account_type", "a.account_type"),
            "
      and not exists (
        select 1
        from reconciliation_decision d
        where d.account_id = a.id
          and d.entitlement = ''
          and d.identity_id = a.owner_id
          and d.ended_at is null
          and (d.verdict = 'remove' or (d.verdict = 'postpone' and d.until > $1))
      )
      and (
        $5 is null
        or ($5 = 'pre_existing') = ",
            pre_existing!("account_type", "''", "a.created_at"),
            "
      )",
            of_filter!("a.created_at", $whose)
        )
    };
}

/// A person may have said that an account is nobody's, and that this is as it should be.
macro_rules! orphans {
    ($whose:ident) => {
        concat!(
            "from account a
    left join identity i on i.id = a.owner_id
    where a.owner_id is null
      and a.status = 'enabled'
      and not ",
            stands_for_entitlements!(),
            "
      and not exists (
        select 1
        from account_decision d
        where d.account_id = a.id
          and d.kind = 'orphan'
          and d.reopened_at is null
      )
      and not exists (
        select 1
        from reconciliation_decision d
        where d.account_id = a.id
          and d.identity_id is null
          and d.ended_at is null
          and d.verdict = 'postpone'
          and d.until > $1
      )
      and (cast($5 as text) is null or $5 = 'non_conforming')",
            of_filter!("a.created_at", $whose)
        )
    };
}

macro_rules! account_page {
    ($pre_existing:expr, $from:expr) => {
        concat!(
            "
    select a.id as account_id, '' as entitlement, a.created_at as since, a.application, a.account_type, a.key,
      a.provenance, a.status, a.owner_id, i.display_name, a.account_type as name,
      cast(",
            $pre_existing,
            " as bigint) as pre_existing, cast(0 as bigint) as account_granted,
      (
        select max(o.id)
        from provisioning_order o
        where o.account_id = a.id
          and o.operation in ('create', 'enable')
          and o.state in (4, 8)
      ) as order_id
    ",
            $from,
            "
      and ($11 is null or (a.created_at, a.id) < ($11, $12))
    order by a.created_at desc, a.id desc
    limit $13"
        )
    };
}

macro_rules! accounts_page {
    ($whose:ident) => {
        account_page!(
            concat!("case when ", pre_existing!("account_type", "''", "a.created_at"), " then 1 else 0 end"),
            accounts!($whose)
        )
    };
}
macro_rules! count_of {
    ($from:expr) => {
        concat!("select count(*) from (select 1 ", $from, " limit $11) as found")
    };
}

const ACCOUNTS: [&str; 2] = [accounts_page!(of_all), accounts_page!(of_accounts)];
const COUNT_ACCOUNTS: [&str; 2] = [count_of!(accounts!(of_all)), count_of!(accounts!(of_accounts))];

const ORPHANS: [&str; 2] = [account_page!("0", orphans!(of_all)), account_page!("0", orphans!(of_accounts))];
const COUNT_ORPHANS: [&str; 2] = [count_of!(orphans!(of_all)), count_of!(orphans!(of_accounts))];

const OF_PERSON: &str = "
    select id
    from account
    where owner_id = $1
    order by id";

/// Most pairs that roles are sought for at once.
const MOST_UNEXPLAINED: i64 = 50_000;

impl Store {
    /// Access, accounts or accounts of nobody that nothing grants on that day, the latest first. What people call things,
    /// and what would happen, is left to who asks. `accounts` are those that are meant, where not all are.
    pub async fn reconciliation_page(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
        today: Date,
    ) -> Result<Page<Finding>> {
        let total = self.reconciliation_count(filter, accounts, today).await?;
        let rows = self.reconciliation_rows(filter, accounts, today, rows_to_read(filter.limit)).await?;
        Ok(page(rows, filter.limit, total, |row| {
            let entitlement = match &row.subject {
                Subject::Access { entitlement, .. } => entitlement.as_str(),
                _ => "",
            };
            cursor(row.account.0, format!("{}.{entitlement}", row.since.as_microsecond()))
        }))
    }

    /// The same, all of them at once.
    pub async fn reconciliation_findings(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
        today: Date,
    ) -> Result<Vec<Finding>> {
        let filter = ReconciliationFilter { after: None, ..filter.clone() };
        self.reconciliation_rows(&filter, accounts, today, i64::MAX).await
    }

    async fn reconciliation_rows(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
        today: Date,
        limit: i64,
    ) -> Result<Vec<Finding>> {
        let (since, id, entitlement) = read_place(filter.after.as_deref())?;
        let accounts = self.meant(filter, accounts).await?;
        let [a, b, c, d, e, f, g, h, i, j] = asked(filter, accounts.as_deref(), today);
        let whose = usize::from(accounts.is_some());
        let mut connection = self.reader().await?;
        let view = filter.view;
        let read = |row: Row| finding(&row, view);
        match view {
            View::Access => {
                let [l, m, n, o] = arguments![since, id, entitlement, limit];
                connection.read(ACCESS[whose], [a, b, c, d, e, f, g, h, i, j, l, m, n, o], read).await
            }
            View::Accounts | View::Orphans => {
                let [l, m, n] = arguments![since, id, limit];
                let sql = if view == View::Accounts { ACCOUNTS } else { ORPHANS };
                let sql = sql[whose];
                connection.read(sql, [a, b, c, d, e, f, g, h, i, j, l, m, n], read).await
            }
            View::Redundant | View::Roles | View::Decided => Ok(Vec::new()),
        }
    }

    /// The accounts that are meant, where not all are: those that are named, or those of the person.
    async fn meant(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
    ) -> Result<Option<Vec<AccountId>>> {
        match (accounts, filter.identity) {
            (Some(accounts), _) => Ok(Some(accounts.to_vec())),
            (None, Some(identity)) => {
                let read = |row: Row| Ok(AccountId(row.integer("id")?));
                Ok(Some(self.reader().await?.read(OF_PERSON, arguments![identity.0], read).await?))
            }
            (None, None) => Ok(None),
        }
    }

    /// How many there are.
    pub async fn reconciliation_count(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
        today: Date,
    ) -> Result<i64> {
        let accounts = self.meant(filter, accounts).await?;
        let [a, b, c, d, e, f, g, h, i, j] = asked(filter, accounts.as_deref(), today);
        let whose = usize::from(accounts.is_some());
        let mut connection = self.reader().await?;
        match filter.view {
            View::Access => {
                let [l] = arguments![count_limit()];
                connection.number(COUNT_ACCESS[whose], [a, b, c, d, e, f, g, h, i, j, l]).await
            }
            View::Accounts | View::Orphans => {
                let [l] = arguments![count_limit()];
                let sql = if filter.view == View::Accounts { COUNT_ACCOUNTS } else { COUNT_ORPHANS };
                let sql = sql[whose];
                connection.number(sql, [a, b, c, d, e, f, g, h, i, j, l]).await
            }
            View::Redundant | View::Roles | View::Decided => Ok(0),
        }
    }

    /// Entitlements that people hold and nothing grants, by person, then name.
    pub async fn unexplained_entitlements(
        &self,
        filter: &ReconciliationFilter,
        today: Date,
    ) -> Result<Vec<(IdentityId, String)>> {
        let accounts = self.meant(filter, None).await?;
        let [a, b, c, d, e, f, g, h, i, j] = asked(filter, accounts.as_deref(), today);
        let [l] = arguments![MOST_UNEXPLAINED];
        let read = |row: Row| Ok((IdentityId(row.integer("owner_id")?), row.text("name")?));
        let sql = UNEXPLAINED[usize::from(accounts.is_some())];
        self.reader().await?.read(sql, [a, b, c, d, e, f, g, h, i, j, l], read).await
    }
}

/// $1 to $10.
fn asked(filter: &ReconciliationFilter, accounts: Option<&[AccountId]>, today: Date) -> [Argument; 10] {
    let [first, second, third, fourth] = patterns(filter.text.as_deref());
    let since = filter.since.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    arguments![
        today,
        filter.application.as_deref(),
        filter.account_type.as_deref(),
        since.map(|moment| moment.timestamp().as_microsecond()),
        filter.origin.map(model::reconciliation::Origin::name),
        first,
        second,
        third,
        fourth,
        accounts.map(|ids| numbers(ids.iter().map(|id| id.0))),
    ]
}

/// Since when, account and entitlement of the last row that was shown.
fn read_place(after: Option<&str>) -> Result<(Option<i64>, Option<i64>, Option<String>)> {
    let (Some(id), Some(rest)) = read_cursor(after)? else { return Ok((None, None, None)) };
    let place = rest.split_once('.').and_then(|(since, entitlement)| Some((since.parse().ok()?, entitlement)));
    match place {
        Some((since, entitlement)) => Ok((Some(since), Some(id), Some(entitlement.to_owned()))),
        None => Err(StoreError::Invalid {
            what: format!("`{rest}` does not continue this list; start again from its first page"),
        }),
    }
}

fn finding(row: &Row, view: View) -> Result<Finding> {
    let account = AccountId(row.integer("account_id")?);
    let identity = row.optional_integer("owner_id")?.map(IdentityId);
    let (entitlement, name) = (row.text("entitlement")?, row.text("name")?);
    let since: Timestamp = row.time("since")?;
    let (subject, grantable) = match (view, identity) {
        (View::Access, Some(identity)) => {
            (Subject::Access { account, identity, held_since: since, entitlement }, Some(Grantable::Entitlement(name)))
        }
        (_, Some(identity)) => (Subject::Account { account, identity }, Some(Grantable::AccountType(name))),
        (_, None) => (Subject::Orphan { account }, None),
    };
    Ok(Finding {
        subject,
        application: row.text("application")?,
        application_name: String::new(),
        account_type: row.text("account_type")?,
        account_type_label: String::new(),
        account,
        account_key: row.text("key")?,
        called: None,
        account_status: row.named("status", AccountStatus::from_name)?,
        provenance: row.named("provenance", Provenance::from_name)?,
        account_granted: row.integer("account_granted")? == 1,
        identity_name: row.optional_text("display_name")?,
        grantable,
        label: String::new(),
        since,
        pre_existing: row.integer("pre_existing")? == 1,
        order: row.optional_integer("order_id")?.map(OrderId),
        outlook: None,
    })
}
