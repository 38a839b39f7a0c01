//! What was found when accounts were compared with what is granted, without those that have to be compared again.

use jiff::civil::Date;
use model::ids::IdentityId;
use model::reconciliation::{Finding, Origin, ReconciliationFilter, View};

use super::{Place, by_words, decided, finding, granted, order_of_access, order_of_account, pair, pre_existing};
use crate::Result;
use crate::connection::{Argument, Connection, Row, arguments};
use crate::paging::count_limit;
use crate::words::patterns;

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
        concat!(
            "from finding f
    cross join account a
    cross join identity i
    where a.id = f.account_id
      and i.id = f.identity_id
      and ",
            by_words!(),
            "
      and ",
            $found
        )
    };
}

macro_rules! page {
    ($kind:literal, $account_granted:expr, $order:expr, $found:expr) => {
        concat!(
            "
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
    ",
            worded!($found),
            "
      and ($10 is null or (f.since, f.account_id, f.entitlement) < ($10, $11, $12))
    order by f.since desc, f.account_id desc, f.entitlement desc
    limit $13"
        )
    };
}
macro_rules! access_page {
    ($whose:ident) => {
        page!(
            "entitlement",
            concat!("case when ", granted!("account_type", "a.account_type"), " then 1 else 0 end"),
            order_of_access!("f.account_id", "f.entitlement"),
            access!($whose)
        )
    };
}
macro_rules! accounts_page {
    ($whose:ident) => {
        page!("account_type", "0", order_of_account!("f.account_id"), accounts!($whose))
    };
}

/// What a statement asks of all applications, and of one.
struct Statements {
    all: &'static str,
    one: &'static str,
}

const ACCESS: Statements = Statements { all: access_page!(of_any), one: access_page!(of_application) };
const ACCOUNTS: Statements = Statements { all: accounts_page!(of_any), one: accounts_page!(of_application) };

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

const COUNT_ACCESS: Statements =
    Statements { all: count!(plain!(access!(of_any)), "$6"), one: count!(plain!(access!(of_application)), "$6") };
const COUNT_ACCOUNTS: Statements =
    Statements { all: count!(plain!(accounts!(of_any)), "$6"), one: count!(plain!(accounts!(of_application)), "$6") };
const COUNT_WORDED_ACCESS: Statements =
    Statements { all: count!(worded!(access!(of_any)), "$10"), one: count!(worded!(access!(of_application)), "$10") };
const COUNT_WORDED_ACCOUNTS: Statements = Statements {
    all: count!(worded!(accounts!(of_any)), "$10"),
    one: count!(worded!(accounts!(of_application)), "$10"),
};

macro_rules! unexplained {
    ($whose:ident) => {
        concat!(
            "select distinct f.identity_id, f.name ",
            worded!(access!($whose)),
            "
    order by f.identity_id, f.name
    limit $10"
        )
    };
}
const UNEXPLAINED: Statements = Statements { all: unexplained!(of_any), one: unexplained!(of_application) };

impl Statements {
    fn of(&self, filter: &ReconciliationFilter) -> &'static str {
        if filter.application.is_some() { self.one } else { self.all }
    }
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
    connection.read(statements.of(filter), [a, b, c, d, e, f, g, h, i, j, k, l, m], read).await
}

/// How many there are, up to the limit of counts.
pub(super) async fn count(connection: &mut Connection, filter: &ReconciliationFilter, today: Date) -> Result<i64> {
    let is_access = filter.view == View::Access;
    let [a, b, c, d, e] = asked(filter, today);
    let [l] = arguments![count_limit()];
    if filter.text.as_deref().is_none_or(|text| text.trim().is_empty()) {
        let statements = if is_access { COUNT_ACCESS } else { COUNT_ACCOUNTS };
        return connection.number(statements.of(filter), [a, b, c, d, e, l]).await;
    }
    let statements = if is_access { COUNT_WORDED_ACCESS } else { COUNT_WORDED_ACCOUNTS };
    let [f, g, h, i] = words(filter);
    connection.number(statements.of(filter), [a, b, c, d, e, f, g, h, i, l]).await
}

/// Entitlements that people hold and nothing grants, by person, then name.
pub(super) async fn unexplained(
    connection: &mut Connection,
    filter: &ReconciliationFilter,
    today: Date,
    limit: i64,
) -> Result<Vec<(IdentityId, String)>> {
    let [a, b, c, d, e] = asked(filter, today);
    let [f, g, h, i] = words(filter);
    let [l] = arguments![limit];
    connection.read(UNEXPLAINED.of(filter), [a, b, c, d, e, f, g, h, i, l], |row| pair(&row)).await
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
