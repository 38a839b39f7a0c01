//! What is held and nothing grants, read from what is held and what is desired; what people decided about it; and what was
//! there at go-live. Only the latter two are kept.

mod decisions;
mod redundant;
mod to_reconcile;

pub use redundant::GrantBeside;
pub use to_reconcile::Reconciled;

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

pub(crate) use granted;

/// Whether the configuration knows what is held as the entitlement `k`: where several share a key, it is the first by name, as
/// `broker::catalogue` takes it.
macro_rules! known_entitlement {
    () => {
        "k.kind = 'entitlements'
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
      )"
    };
}
pub(crate) use known_entitlement;

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

/// Everybody's, or those of some accounts, $10. Where much is not granted, what is held is looked at by time; where little is,
/// the accounts that are not known to be granted what they hold come first.
macro_rules! of_many {
    () => {
        "cast($10 as text) is null
      and exists (select 1 from account_to_reconcile r where r.account_id = a.id and r.due <= $1)"
    };
}
macro_rules! of_few {
    () => {
        "cast($10 as text) is null
      and a.id in (select r.account_id from account_to_reconcile r where r.due <= $1)"
    };
}
macro_rules! of_accounts {
    () => {
        "a.id in (select cast(value as bigint) from json_each($10))"
    };
}
macro_rules! of_all {
    () => {
        "cast($10 as text) is null"
    };
}

/// Where an index by time, or of owners, leads; and where accounts do.
macro_rules! held_of_many {
    () => {
        "account_entitlement e
    cross join account a"
    };
}
macro_rules! held_of_few {
    () => {
        "account a
    cross join account_entitlement e"
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

/// $1 day, $5 since when; and those of [`of_filter`].
macro_rules! access {
    ($held:ident, $whose:ident) => {
        concat!(
            "from ",
            $held!(),
            "
    cross join identity i
    cross join configuration_object k
    where e.account_id = a.id
      and e.until is null
      and i.id = a.owner_id
      and ",
            known_entitlement!(),
            "
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
    ($held:ident, $whose:ident) => {
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
    access!($held, $whose),
    "
      and ($11 is null or (e.since, e.account_id, e.entitlement) < ($11, $12, $13))
    order by e.since desc, e.account_id desc, e.entitlement desc
    limit $14"
)
    };
}

macro_rules! count_access {
    ($held:ident, $whose:ident) => {
        concat!("select count(*) from (select 1 ", access!($held, $whose), " limit $11) as found")
    };
}

/// In the order of [`Whose`].
const ACCESS: [&str; 3] =
    [access_page!(held_of_many, of_many), access_page!(held_of_few, of_few), access_page!(held_of_few, of_accounts)];
const COUNT_ACCESS: [&str; 3] =
    [count_access!(held_of_many, of_many), count_access!(held_of_few, of_few), count_access!(held_of_few, of_accounts)];

/// What people hold that nothing grants, by person: for finding roles that would explain it.
macro_rules! unexplained {
    ($whose:ident) => {
        concat!(
            "select distinct a.owner_id, k.name ",
            access!(held_of_few, $whose),
            "
    order by a.owner_id, k.name
    limit $11"
        )
    };
}
const UNEXPLAINED: [&str; 3] = [unexplained!(of_many), unexplained!(of_few), unexplained!(of_accounts)];

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

const ACCOUNTS: [&str; 3] = [accounts_page!(of_many), accounts_page!(of_few), accounts_page!(of_accounts)];
const COUNT_ACCOUNTS: [&str; 3] =
    [count_of!(accounts!(of_many)), count_of!(accounts!(of_few)), count_of!(accounts!(of_accounts))];

const ORPHANS: [&str; 3] = [
    account_page!("0", orphans!(of_all)),
    account_page!("0", orphans!(of_all)),
    account_page!("0", orphans!(of_accounts)),
];
const COUNT_ORPHANS: [&str; 3] =
    [count_of!(orphans!(of_all)), count_of!(orphans!(of_all)), count_of!(orphans!(of_accounts))];

/// Accounts, up to a few more than make it worth while to begin with them.
const TO_RECONCILE: &str = "
    select count(*)
    from (select 1 from account_to_reconcile where due <= $1 limit $2) as found";

const OF_PERSON: &str = "
    select id
    from account
    where owner_id = $1
    order by id";

/// Most pairs that roles are sought for at once.
const MOST_UNEXPLAINED: i64 = 50_000;

/// So many accounts are looked at one by one, where more are not known to be granted what they hold the latest of them is
/// found sooner by time.
const FEW: i64 = 3_000;

/// Whose things are meant, and how they are come by.
enum Whose {
    Many,
    Few,
    Accounts(Vec<AccountId>),
}

impl Whose {
    fn place(&self) -> usize {
        match self {
            Self::Many => 0,
            Self::Few => 1,
            Self::Accounts(_) => 2,
        }
    }

    fn accounts(&self) -> Option<&[AccountId]> {
        match self {
            Self::Many | Self::Few => None,
            Self::Accounts(accounts) => Some(accounts),
        }
    }
}

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
        let whose = self.meant(filter, accounts, today).await?;
        let [a, b, c, d, e, f, g, h, i, j] = asked(filter, whose.accounts(), today);
        let whose = whose.place();
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

    /// Those that are named, those of the person, or everybody's.
    async fn meant(&self, filter: &ReconciliationFilter, accounts: Option<&[AccountId]>, today: Date) -> Result<Whose> {
        if let Some(accounts) = accounts {
            return Ok(Whose::Accounts(accounts.to_vec()));
        }
        let mut connection = self.reader().await?;
        if let Some(identity) = filter.identity {
            let read = |row: Row| Ok(AccountId(row.integer("id")?));
            return Ok(Whose::Accounts(connection.read(OF_PERSON, arguments![identity.0], read).await?));
        }
        let open = connection.number(TO_RECONCILE, arguments![today, FEW + 1]).await?;
        Ok(if open > FEW { Whose::Many } else { Whose::Few })
    }

    /// How many there are.
    pub async fn reconciliation_count(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
        today: Date,
    ) -> Result<i64> {
        let whose = self.meant(filter, accounts, today).await?;
        let [a, b, c, d, e, f, g, h, i, j] = asked(filter, whose.accounts(), today);
        let whose = whose.place();
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
        let whose = self.meant(filter, None, today).await?;
        let [a, b, c, d, e, f, g, h, i, j] = asked(filter, whose.accounts(), today);
        let [l] = arguments![MOST_UNEXPLAINED];
        let read = |row: Row| Ok((IdentityId(row.integer("owner_id")?), row.text("name")?));
        let sql = UNEXPLAINED[whose.place()];
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
