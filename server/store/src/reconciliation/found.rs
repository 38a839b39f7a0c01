//! What was found when accounts were compared with what is granted, without those that have to be compared again.

use jiff::civil::Date;
use model::ids::IdentityId;
use model::reconciliation::{Finding, Origin, ReconciliationFilter, View};

use super::{Place, by_words, decided, finding, granted, order_of_access, order_of_account, pair, pre_existing};
use crate::Result;
use crate::among::accounts_among;
use crate::connection::{Argument, Connection, Row, arguments};
use crate::words::{fold, patterns};

/// Of one application, $2, or of all. Apart, so that an index serves.
macro_rules! of_application {
    () => {
        "f.application = $2"
    };
}
macro_rules! of_any {
    () => {
        "cast($2 as text) is null"
    };
}
macro_rules! of_either {
    () => {
        "(cast($2 as text) is null or f.application = $2)"
    };
}

/// $1 day, $3 account type, $4 known since, $5 since when; whose words do not matter.
macro_rules! found {
    ($kind:literal, $is:literal, $decided:literal, $whose:ident) => {
        concat!(
            $is,
            "
      and ",
            $whose!(),
            "
      and ($3 is null or f.account_type = $3)
      and ($4 is null or f.since >= $4)
      and not exists (select 1 from account_to_reconcile r where r.account_id = f.account_id and r.due <= $1)
      and not ",
            decided!("f.account_id", "f.identity_id", $decided),
            "
      and (
        $5 is null
        or ($5 = 'pre_existing') = ",
            pre_existing!("f.account_id", "f.identity_id", $kind, "f.entitlement", "f.since"),
            "
      )"
        )
    };
}
macro_rules! access {
    ($whose:ident) => {
        found!("entitlement", "f.entitlement <> ''", "d.entitlement = f.entitlement and d.held_since = f.since", $whose)
    };
}
macro_rules! accounts {
    ($whose:ident) => {
        found!("account_type", "f.entitlement = ''", "d.entitlement = ''", $whose)
    };
}

/// With their accounts and owners, by their words: $6–$9.
macro_rules! worded {
    ($found:expr) => {
        worded!("finding f", "", $found)
    };
    ($from:expr, $among:literal, $found:expr) => {
        concat!(
            "from ",
            $from,
            "
    cross join account a
    cross join identity i
    where a.id = f.account_id",
            $among,
            "
      and i.id = f.identity_id
      and ",
            by_words!(),
            "
      and ",
            $found
        )
    };
}

/// The same of accounts that could have the words, where these are few: they are looked up one by one.
macro_rules! among {
    ($accounts:literal, $found:expr) => {
        worded!(
            concat!("json_each(", $accounts, ") r cross join finding f"),
            "
      and f.account_id = cast(r.value as bigint)",
            $found
        )
    };
}

/// What is told of each is looked up for those alone that are shown.
macro_rules! page {
    ($kind:literal, $account_granted:expr, $order:expr, $found:expr) => {
        concat!(
            "
    with shown as materialized (
      select f.account_id as shown_account, f.entitlement as shown_entitlement
      ",
            $found,
            "
        and ($10 is null or (f.since, f.account_id, f.entitlement) < ($10, $11, $12))
      order by f.since desc, f.account_id desc, f.entitlement desc
      limit $13
    )
    select f.account_id, f.entitlement, f.since, a.application, a.account_type, a.key, a.provenance, a.status,
      f.identity_id as owner_id, i.display_name, f.name,
      cast(case when ",
            pre_existing!("f.account_id", "f.identity_id", $kind, "f.entitlement", "f.since"),
            " then 1 else 0 end as bigint) as pre_existing,
      cast(",
            $account_granted,
            " as bigint) as account_granted,
      ",
            $order,
            " as order_id
    from shown
    cross join finding f
    cross join account a
    cross join identity i
    where f.account_id = shown_account
      and f.entitlement = shown_entitlement
      and a.id = f.account_id
      and i.id = f.identity_id
    order by f.since desc, f.account_id desc, f.entitlement desc"
        )
    };
}
macro_rules! access_page {
    ($found:expr) => {
        page!(
            "entitlement",
            concat!("case when ", granted!("account_type", "a.account_type"), " then 1 else 0 end"),
            order_of_access!("f.account_id", "f.entitlement"),
            $found
        )
    };
}
macro_rules! accounts_page {
    ($found:expr) => {
        page!("account_type", "0", order_of_account!("f.account_id"), $found)
    };
}

/// What a statement asks of all applications, of one, and of accounts that could have the words.
struct Statements {
    all: &'static str,
    one: &'static str,
    among: &'static str,
}

const ACCESS: Statements = Statements {
    all: access_page!(worded!(access!(of_any))),
    one: access_page!(worded!(access!(of_application))),
    among: access_page!(among!("$14", access!(of_either))),
};
const ACCOUNTS: Statements = Statements {
    all: accounts_page!(worded!(accounts!(of_any))),
    one: accounts_page!(worded!(accounts!(of_application))),
    among: accounts_page!(among!("$14", accounts!(of_either))),
};

macro_rules! count {
    ($found:expr, $limit:literal) => {
        concat!("select count(*) from (select 1 ", $found, " limit ", $limit, ") as counted")
    };
}
/// Whose words do not matter: neither accounts nor people are looked at.
macro_rules! plain {
    ($found:expr) => {
        concat!("from finding f where ", $found)
    };
}

/// Of all applications, and of one.
const COUNT_ACCESS: [&str; 2] = [count!(plain!(access!(of_any)), "$6"), count!(plain!(access!(of_application)), "$6")];
const COUNT_ACCOUNTS: [&str; 2] =
    [count!(plain!(accounts!(of_any)), "$6"), count!(plain!(accounts!(of_application)), "$6")];
const COUNT_WORDED_ACCESS: Statements = Statements {
    all: count!(worded!(access!(of_any)), "$10"),
    one: count!(worded!(access!(of_application)), "$10"),
    among: count!(among!("$11", access!(of_either)), "$10"),
};
const COUNT_WORDED_ACCOUNTS: Statements = Statements {
    all: count!(worded!(accounts!(of_any)), "$10"),
    one: count!(worded!(accounts!(of_application)), "$10"),
    among: count!(among!("$11", accounts!(of_either)), "$10"),
};

macro_rules! unexplained {
    ($found:expr) => {
        concat!(
            "select distinct f.identity_id, f.name ",
            $found,
            "
      and f.identity_id >= $11
    order by f.identity_id, f.name
    limit $10"
        )
    };
}
/// Person by person, of whatever application.
const UNEXPLAINED: &str = unexplained!(worded!(access!(of_either)));
const UNEXPLAINED_AMONG: &str = unexplained!(among!("$12", access!(of_either)));

impl Statements {
    fn of(&self, filter: &ReconciliationFilter) -> &'static str {
        of([self.all, self.one], filter)
    }
}

fn of([all, one]: [&'static str; 2], filter: &ReconciliationFilter) -> &'static str {
    if filter.application.is_some() { one } else { all }
}

/// Access or accounts, the latest first.
pub(super) async fn rows(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    place: &Place,
    today: Date,
    limit: i64,
) -> Result<Vec<Finding>> {
    let view = filter.view;
    let statements = if view == View::Access { ACCESS } else { ACCOUNTS };
    let [a, b, c, d, e] = asked(filter, today);
    let [f, g, h, i] = words(filter);
    let [j, k, l, m] = arguments![place.since, place.account, place.entitlement.as_deref(), limit];
    let read = |row: Row| finding(&row, view);
    match accounts_among(connection, filter.text.as_deref()).await? {
        Some(accounts) => {
            let [n] = arguments![accounts];
            connection.read(statements.among, [a, b, c, d, e, f, g, h, i, j, k, l, m, n], read).await
        }
        None => connection.read(statements.of(filter), [a, b, c, d, e, f, g, h, i, j, k, l, m], read).await,
    }
}

/// How many there are, up to so many.
pub(super) async fn count(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    today: Date,
    limit: i64,
) -> Result<i64> {
    let is_access = filter.view == View::Access;
    let [a, b, c, d, e] = asked(filter, today);
    let [l] = arguments![limit];
    if fold(filter.text.as_deref()).is_empty() {
        let statements = if is_access { COUNT_ACCESS } else { COUNT_ACCOUNTS };
        return connection.number(of(statements, filter), [a, b, c, d, e, l]).await;
    }
    let statements = if is_access { COUNT_WORDED_ACCESS } else { COUNT_WORDED_ACCOUNTS };
    let [f, g, h, i] = words(filter);
    match accounts_among(connection, filter.text.as_deref()).await? {
        Some(accounts) => {
            let [m] = arguments![accounts];
            connection.number(statements.among, [a, b, c, d, e, f, g, h, i, l, m]).await
        }
        None => connection.number(statements.of(filter), [a, b, c, d, e, f, g, h, i, l]).await,
    }
}

/// Entitlements that people from this one on hold and nothing grants, by person, then name.
pub(super) async fn unexplained(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    from: IdentityId,
    today: Date,
    limit: i64,
) -> Result<Vec<(IdentityId, String)>> {
    let [a, b, c, d, e] = asked(filter, today);
    let [f, g, h, i] = words(filter);
    let [l, m] = arguments![limit, from.0];
    match accounts_among(connection, filter.text.as_deref()).await? {
        Some(accounts) => {
            let [n] = arguments![accounts];
            let wanted = [a, b, c, d, e, f, g, h, i, l, m, n];
            connection.read(UNEXPLAINED_AMONG, wanted, |row| pair(&row)).await
        }
        None => connection.read(UNEXPLAINED, [a, b, c, d, e, f, g, h, i, l, m], |row| pair(&row)).await,
    }
}

/// $1 to $5.
fn asked(filter: &ReconciliationFilter, today: Date) -> [Argument; 5] {
    arguments![
        today,
        filter.application.as_deref(),
        filter.account_type.as_deref(),
        super::since(filter),
        filter.origin.map(Origin::name),
    ]
}

/// $6 to $9.
fn words(filter: &ReconciliationFilter) -> [Argument; 4] {
    let [first, second, third, fourth] = patterns(filter.text.as_deref());
    arguments![first, second, third, fourth]
}
