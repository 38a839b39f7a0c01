//! Accounts compared with what is granted while somebody asks: those that have to be, or some that are named.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::ids::{AccountId, IdentityId};
use model::reconciliation::{Finding, Origin, ReconciliationFilter, View};

use super::{
    Place, account_page, asked, by_words, count_of, decided, finding, granted, known_entitlement, of_accounts,
    of_filter, order_of_access, order_of_account, pair, pre_existing,
};
use crate::Result;
use crate::connection::{Connection, Row, arguments};

/// Those that have to be compared.
macro_rules! of_noted {
    () => {
        "cast($10 as text) is null
      and a.id in (select r.account_id from account_to_reconcile r where r.due <= $1)"
    };
}

/// What accounts hold and nothing grants: $1 day, $5 since when; and those of [`of_filter`].
macro_rules! access {
    ($whose:ident) => {
        concat!(
            "from account a
    cross join account_entitlement e
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
      and not ",
            decided!("a.id", "a.owner_id", "d.entitlement = e.entitlement and d.held_since = e.since"),
            "
      and (
        $5 is null
        or ($5 = 'pre_existing') = ",
            pre_existing!("a.id", "a.owner_id", "entitlement", "e.entitlement", "e.since"),
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
            pre_existing!("a.id", "a.owner_id", "entitlement", "e.entitlement", "e.since"),
            " then 1 else 0 end as bigint) as pre_existing,
      cast(case when ",
            granted!("account_type", "a.account_type"),
            " then 1 else 0 end as bigint) as account_granted,
      ",
            order_of_access!("e.account_id", "e.entitlement"),
            " as order_id
    ",
            access!($whose),
            "
      and ($11 is null or (e.since, e.account_id, e.entitlement) < ($11, $12, $13))
    order by e.since desc, e.account_id desc, e.entitlement desc
    limit $14"
        )
    };
}

const ACCESS: Compared = Compared { noted: access_page!(of_noted), accounts: access_page!(of_accounts) };
const COUNT_ACCESS: Compared =
    Compared { noted: count_of!(access!(of_noted)), accounts: count_of!(access!(of_accounts)) };

/// By application, of some accounts.
macro_rules! by_application {
    ($from:expr) => {
        concat!("select a.application, count(*) as number ", $from, " group by a.application")
    };
}
const ACCESS_BY_APPLICATION: &str = by_application!(access!(of_accounts));

/// What people hold that nothing grants, by person: for finding roles that would explain it.
macro_rules! unexplained {
    ($whose:ident) => {
        concat!(
            "select distinct a.owner_id as identity_id, k.name ",
            access!($whose),
            "
      and a.owner_id >= $12
    order by identity_id, k.name
    limit $11"
        )
    };
}
const UNEXPLAINED: Compared = Compared { noted: unexplained!(of_noted), accounts: unexplained!(of_accounts) };

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
      and not ",
            decided!("a.id", "a.owner_id", "d.entitlement = ''"),
            "
      and (
        $5 is null
        or ($5 = 'pre_existing') = ",
            pre_existing!("a.id", "a.owner_id", "account_type", "''", "a.created_at"),
            "
      )",
            of_filter!("a.created_at", $whose)
        )
    };
}

macro_rules! accounts_page {
    ($whose:ident) => {
        account_page!(
            concat!(
                "case when ",
                pre_existing!("a.id", "a.owner_id", "account_type", "''", "a.created_at"),
                " then 1 else 0 end"
            ),
            accounts!($whose)
        )
    };
}

const ACCOUNTS: Compared = Compared { noted: accounts_page!(of_noted), accounts: accounts_page!(of_accounts) };
const COUNT_ACCOUNTS: Compared =
    Compared { noted: count_of!(accounts!(of_noted)), accounts: count_of!(accounts!(of_accounts)) };

const ACCOUNTS_BY_APPLICATION: &str = by_application!(accounts!(of_accounts));

/// A statement about accounts that have to be compared, and the same about some.
struct Compared {
    noted: &'static str,
    accounts: &'static str,
}

impl Compared {
    fn of(&self, accounts: Option<&[AccountId]>) -> &'static str {
        if accounts.is_some() { self.accounts } else { self.noted }
    }
}

/// Access or accounts, the latest first; of `accounts`, or of those that have to be compared.
pub(super) async fn rows(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    place: &Place,
    accounts: Option<&[AccountId]>,
    today: Date,
    limit: i64,
) -> Result<Vec<Finding>> {
    let view = filter.view;
    let sql = if view == View::Access { ACCESS.of(accounts) } else { ACCOUNTS.of(accounts) };
    let [a, b, c, d, e, f, g, h, i, j] = asked(filter, accounts, today);
    let read = |row: Row| finding(&row, view);
    if view == View::Access {
        let [l, m, n, o] = arguments![place.since, place.account, place.entitlement.as_deref(), limit];
        connection.read(sql, [a, b, c, d, e, f, g, h, i, j, l, m, n, o], read).await
    } else {
        let [l, m, n] = arguments![place.since, place.account, limit];
        connection.read(sql, [a, b, c, d, e, f, g, h, i, j, l, m, n], read).await
    }
}

/// How many there are, up to so many.
pub(super) async fn count(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    accounts: Option<&[AccountId]>,
    today: Date,
    limit: i64,
) -> Result<i64> {
    let by = if filter.view == View::Access { COUNT_ACCESS } else { COUNT_ACCOUNTS };
    let [a, b, c, d, e, f, g, h, i, j] = asked(filter, accounts, today);
    let [l] = arguments![limit];
    connection.number(by.of(accounts), [a, b, c, d, e, f, g, h, i, j, l]).await
}

/// Entitlements that people from this one on hold and nothing grants, by person, then name.
pub(super) async fn unexplained(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    accounts: Option<&[AccountId]>,
    from: IdentityId,
    today: Date,
    limit: i64,
) -> Result<Vec<(IdentityId, String)>> {
    let [a, b, c, d, e, f, g, h, i, j] = asked(filter, accounts, today);
    let [l, m] = arguments![limit, from.0];
    let wanted = [a, b, c, d, e, f, g, h, i, j, l, m];
    connection.read(UNEXPLAINED.of(accounts), wanted, |row| pair(&row)).await
}

/// By application: entitlements and accounts that nothing grants and that were not there at go-live.
pub(super) async fn unmarked(
    connection: &mut Connection,
    accounts: &[AccountId],
    today: Date,
) -> Result<BTreeMap<String, (u64, u64)>> {
    let filter = ReconciliationFilter { origin: Some(Origin::NonConforming), ..ReconciliationFilter::default() };
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let read = |row: Row| {
        let number = row.integer("number")?;
        Ok((row.text("application")?, u64::try_from(number).unwrap_or_default()))
    };
    let asked = || asked(&filter, Some(accounts), today);
    for (application, access) in connection.read(ACCESS_BY_APPLICATION, asked(), read).await? {
        counts.entry(application).or_default().0 += access;
    }
    for (application, own) in connection.read(ACCOUNTS_BY_APPLICATION, asked(), read).await? {
        counts.entry(application).or_default().1 += own;
    }
    Ok(counts)
}
