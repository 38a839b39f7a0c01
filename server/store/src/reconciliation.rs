//! What is held and nothing grants; what people decided about it; and what was there at go-live. What nothing grants is
//! kept once an account was compared with what is granted; others are compared while somebody asks.

mod compared;
mod decisions;
mod found;
mod redundant;
mod to_reconcile;

pub use redundant::GrantBeside;

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::account::{AccountStatus, Provenance};
use model::ids::{AccountId, IdentityId, OrderId};
use model::page::{Counted, Page};
use model::reconciliation::{Finding, Origin, ReconciliationFilter, Subject, View};

use crate::accounts::stands_for_entitlements;
use crate::among::accounts_among;
use crate::connection::{Argument, Connection, Row, arguments, numbers};
use crate::paging::{Counting, cursor, page_of, read_cursor, rows_to_read};
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
      and e.entitlement <> ''
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
    ($account:literal, $owner:literal, $kind:literal, $entitlement:literal, $since:literal) => {
        concat!(
            "exists (
        select 1
        from pre_existing p
        where p.account_id = ",
            $account,
            "
          and p.entitlement = ",
            $entitlement,
            "
          and p.held_since = ",
            $since,
            "
          and not exists (
            select 1
            from assignment s
            where s.identity_id = ",
            $owner,
            "
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

/// Whether a person decided on day $1, or before, what becomes of it.
macro_rules! decided {
    ($account:literal, $owner:literal, $what:expr) => {
        concat!(
            "exists (
        select 1
        from reconciliation_decision d
        where d.account_id = ",
            $account,
            "
          and ",
            $what,
            "
          and d.identity_id = ",
            $owner,
            "
          and d.ended_at is null
          and (d.verdict = 'remove' or (d.verdict = 'postpone' and d.until > $1))
      )"
        )
    };
}
pub(crate) use decided;

/// Of which accounts: of some, $10, or of all.
macro_rules! of_accounts {
    () => {
        "a.id in (select cast(value as bigint) from json_each($10))"
    };
}
pub(crate) use of_accounts;
macro_rules! of_all {
    () => {
        "cast($10 as text) is null"
    };
}

/// Words of the account or its owner, $6–$9.
macro_rules! by_words {
    () => {
        "(a.words || coalesce(i.words, '')) like $6
      and (a.words || coalesce(i.words, '')) like $7
      and (a.words || coalesce(i.words, '')) like $8
      and (a.words || coalesce(i.words, '')) like $9"
    };
}
pub(crate) use by_words;

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
      and ",
            by_words!(),
            "
      and ",
            $whose!()
        )
    };
}
pub(crate) use of_filter;

/// The order that brought it.
macro_rules! order_of_access {
    ($account:literal, $entitlement:literal) => {
        concat!(
            "(
        select max(o.id)
        from provisioning_order o
        join order_item t on t.order_id = o.id
        where o.account_id = ",
            $account,
            "
          and t.kind = 'entitlement'
          and t.name = ",
            $entitlement,
            "
          and t.operation = 'add'
          and t.state in (4, 8)
      )"
        )
    };
}
pub(crate) use order_of_access;
macro_rules! order_of_account {
    ($account:literal) => {
        concat!(
            "(
        select max(o.id)
        from provisioning_order o
        where o.account_id = ",
            $account,
            "
          and o.operation in ('create', 'enable')
          and o.state in (4, 8)
      )"
        )
    };
}
pub(crate) use order_of_account;

macro_rules! count_of {
    ($from:expr) => {
        concat!("select count(*) from (select 1 ", $from, " limit $11) as found")
    };
}
pub(crate) use count_of;

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
      ",
            order_of_account!("a.id"),
            " as order_id
    ",
            $from,
            "
      and ($11 is null or (a.created_at, a.id) < ($11, $12))
    order by a.created_at desc, a.id desc
    limit $13"
        )
    };
}
pub(crate) use account_page;

/// Of all and of some accounts.
const ORPHANS: [&str; 2] = [account_page!("0", orphans!(of_all)), account_page!("0", orphans!(of_accounts))];
const COUNT_ORPHANS: [&str; 2] = [count_of!(orphans!(of_all)), count_of!(orphans!(of_accounts))];

const OF_PERSON: &str = "
    select id
    from account
    where owner_id = $1
    order by id";

/// Accounts of which something was marked at go-live: where these are few, nothing else has to be looked at.
const MARKED: &str = "
    select distinct account_id as id
    from pre_existing
    order by account_id
    limit $1";
const FEW_MARKED: i64 = 1_000;

/// Whose things are meant.
enum Whose {
    Everybody,
    Accounts(Vec<AccountId>),
}

impl Whose {
    fn accounts(&self) -> Option<&[AccountId]> {
        match self {
            Self::Everybody => None,
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
        Ok(page_of(rows, filter.limit, total, place_of))
    }

    /// So many of them at most, not counted, and where the list goes on.
    pub async fn reconciliation_piece(
        &self,
        filter: &ReconciliationFilter,
        today: Date,
        most: u32,
    ) -> Result<(Vec<Finding>, Option<String>)> {
        let mut rows = self.reconciliation_rows(filter, None, today, i64::from(most) + 1).await?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let is_cut = rows.len() > most;
        rows.truncate(most);
        let next = rows.last().filter(|_| is_cut).map(place_of);
        Ok((rows, next))
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
        let place = read_place(filter.after.as_deref())?;
        let mut connection = self.snapshot().await?;
        let whose = meant(&mut connection, filter, accounts).await?;
        match (filter.view, whose) {
            (View::Access | View::Accounts, Whose::Everybody) => {
                let mut rows = found::rows(&mut connection, filter, &place, today, limit).await?;
                if to_reconcile::are_few(&mut connection, today).await? {
                    rows.extend(compared::rows(&mut connection, filter, &place, None, today, limit).await?);
                    rows.sort_by(|one, other| newest_first(one).cmp(&newest_first(other)));
                    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                }
                Ok(rows)
            }
            (View::Access | View::Accounts, Whose::Accounts(accounts)) => {
                compared::rows(&mut connection, filter, &place, Some(&accounts), today, limit).await
            }
            (View::Orphans, whose) => {
                let [everybody, some] = ORPHANS;
                let [a, b, c, d, e, f, g, h, i, _] = asked(filter, None, today);
                let among = orphans_among(&mut connection, filter, &whose).await?;
                let sql = if among.is_some() { some } else { everybody };
                let [j] = arguments![among];
                let [l, m, n] = arguments![place.since, place.account, limit];
                let read = |row: Row| finding(&row, View::Orphans);
                connection.read(sql, [a, b, c, d, e, f, g, h, i, j, l, m, n], read).await
            }
            (View::Redundant | View::Roles | View::Decided, _) => Ok(Vec::new()),
        }
    }

    /// How many there are, as far as lists are counted.
    pub async fn reconciliation_count(
        &self,
        filter: &ReconciliationFilter,
        accounts: Option<&[AccountId]>,
        today: Date,
    ) -> Result<Counted> {
        let counting = Counting::of(filter.text.as_deref());
        let limit = counting.limit();
        let mut connection = self.snapshot().await?;
        let whose = meant(&mut connection, filter, accounts).await?;
        let number = match (filter.view, whose) {
            (View::Access | View::Accounts, Whose::Everybody) => {
                let found = found::count(&mut connection, filter, today, limit).await?;
                match found < limit && to_reconcile::are_few(&mut connection, today).await? {
                    true => found + compared::count(&mut connection, filter, None, today, limit).await?,
                    false => found,
                }
            }
            (View::Access | View::Accounts, Whose::Accounts(accounts)) => {
                compared::count(&mut connection, filter, Some(&accounts), today, limit).await?
            }
            (View::Orphans, whose) => {
                let [everybody, some] = COUNT_ORPHANS;
                let [a, b, c, d, e, f, g, h, i, _] = asked(filter, None, today);
                let among = orphans_among(&mut connection, filter, &whose).await?;
                let sql = if among.is_some() { some } else { everybody };
                let [j] = arguments![among];
                let [l] = arguments![limit];
                connection.number(sql, [a, b, c, d, e, f, g, h, i, j, l]).await?
            }
            (View::Redundant | View::Roles | View::Decided, _) => 0,
        };
        Ok(counting.counted(number))
    }

    /// Of these accounts, by application: entitlements and accounts that nothing grants and that were not there at go-live.
    pub async fn count_unmarked(&self, accounts: &[AccountId], today: Date) -> Result<Vec<(String, u64, u64)>> {
        let mut connection = self.snapshot().await?;
        let counts = compared::unmarked(&mut connection, accounts, today).await?;
        Ok(counts.into_iter().map(|(application, (access, own))| (application, access, own)).collect())
    }

    /// Entitlements that people from this one on hold and nothing grants, by person, then name; so many at most.
    pub async fn unexplained_entitlements(
        &self,
        filter: &ReconciliationFilter,
        from: IdentityId,
        most: u32,
        today: Date,
    ) -> Result<Vec<(IdentityId, String)>> {
        let mut connection = self.snapshot().await?;
        let whose = meant(&mut connection, filter, None).await?;
        let accounts = whose.accounts();
        let mut pairs = Vec::new();
        if accounts.is_none() {
            pairs = found::unexplained(&mut connection, filter, from, today, most.into()).await?;
        }
        if accounts.is_some() || to_reconcile::are_few(&mut connection, today).await? {
            let live = compared::unexplained(&mut connection, filter, accounts, from, today, most.into()).await?;
            pairs.extend(live);
            pairs.sort();
            pairs.dedup();
            pairs.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Ok(pairs)
    }
}

fn pair(row: &Row) -> Result<(IdentityId, String)> {
    Ok((IdentityId(row.integer("identity_id")?), row.text("name")?))
}

/// Those that are named, those of the person, or everybody's.
async fn meant(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    accounts: Option<&[AccountId]>,
) -> Result<Whose> {
    let read = |row: Row| Ok(AccountId(row.integer("id")?));
    Ok(match (accounts, filter.identity) {
        (Some(accounts), _) => Whose::Accounts(accounts.to_vec()),
        (None, Some(identity)) => Whose::Accounts(connection.read(OF_PERSON, arguments![identity.0], read).await?),
        (None, None) if filter.origin == Some(Origin::PreExisting) && filter.view != View::Orphans => {
            let marked = connection.read(MARKED, arguments![FEW_MARKED + 1], read).await?;
            if marked.len() as i64 <= FEW_MARKED { Whose::Accounts(marked) } else { Whose::Everybody }
        }
        (None, None) => Whose::Everybody,
    })
}

/// Those that are meant, or that could have the words that were typed, where these are few.
async fn orphans_among(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    whose: &Whose,
) -> Result<Option<String>> {
    match whose.accounts() {
        Some(accounts) => Ok(Some(numbers(accounts.iter().map(|id| id.0)))),
        None => accounts_among(connection, filter.text.as_deref()).await,
    }
}

/// Where the list goes on after the row.
fn place_of(row: &Finding) -> String {
    let Reverse((.., entitlement)) = newest_first(row);
    cursor(row.account.0, format!("{}.{entitlement}", row.since.as_microsecond()))
}

fn newest_first(row: &Finding) -> Reverse<(Timestamp, AccountId, &str)> {
    let entitlement = match &row.subject {
        Subject::Access { entitlement, .. } => entitlement.as_str(),
        _ => "",
    };
    Reverse((row.since, row.account, entitlement))
}

/// $1 to $10.
fn asked(filter: &ReconciliationFilter, accounts: Option<&[AccountId]>, today: Date) -> [Argument; 10] {
    let [first, second, third, fourth] = patterns(filter.text.as_deref());
    arguments![
        today,
        filter.application.as_deref(),
        filter.account_type.as_deref(),
        since(filter),
        filter.origin.map(Origin::name),
        first,
        second,
        third,
        fourth,
        accounts.map(|ids| numbers(ids.iter().map(|id| id.0))),
    ]
}

/// The first moment of the day since when it is known.
fn since(filter: &ReconciliationFilter) -> Option<i64> {
    let since = filter.since.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())?;
    Some(since.timestamp().as_microsecond())
}

/// Where a list goes on: since when, account and entitlement of the last row that was shown.
#[derive(Default)]
struct Place {
    since: Option<i64>,
    account: Option<i64>,
    entitlement: Option<String>,
}

fn read_place(after: Option<&str>) -> Result<Place> {
    let (Some(id), Some(rest)) = read_cursor(after)? else { return Ok(Place::default()) };
    let place = rest.split_once('.').and_then(|(since, entitlement)| Some((since.parse().ok()?, entitlement)));
    match place {
        Some((since, entitlement)) => {
            Ok(Place { since: Some(since), account: Some(id), entitlement: Some(entitlement.to_owned()) })
        }
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
