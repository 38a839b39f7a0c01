//! Reading accounts: whole, and as a list's lines.

use jiff::Timestamp;
use model::account::{Account, AccountStatus, Provenance};
use model::ids::{AccountId, IdentityId};
use model::page::Page;
use model::view::{AccountFilter, AccountRow, AccountShow};
use serde::Serialize;

use super::Reservation;
use crate::among::accounts_among;
use crate::connection::{Connection, Row, arguments, numbers, payload, texts};
use crate::paging::{Counting, cursor, page_of, read_cursor, rows_to_read};
use crate::words::{fold, patterns};
use crate::{Result, Store, Tx};

macro_rules! account_columns {
    () => {
        "id, application, account_type, key, owner_id, status, provenance, cast(attributes as text) as attributes,
         cast(entitlements as text) as entitlements, observed_at"
    };
}

const ALL: &str = concat!("select ", account_columns!(), " from account order by id");

const OF_APPLICATION: &str = concat!("select ", account_columns!(), " from account where application = $1 order by id");

const OF_IDENTITIES: &str = concat!(
    "select ",
    account_columns!(),
    " from account
    where owner_id in (select cast(value as bigint) from json_each($1))
    order by id"
);

macro_rules! by_ids {
    ($lock:literal) => {
        concat!(
            "select ",
            account_columns!(),
            " from account
    where id in (select cast(value as bigint) from json_each($1))
    order by id",
            $lock
        )
    };
}

const BY_IDS: &str = by_ids!("");
/// No key is changed: whoever refers to an account does not wait.
const STANDING: &str = by_ids!(" for no key update");

const RECORDED_SINCE: &str = "
    select id, created_at
    from account
    where application = $1
      and created_at >= $2
    order by id";

const BY_KEYS: &str = concat!(
    "select ",
    account_columns!(),
    " from account
    where application = $1
      and key in (select value ->> 'key' from jsonb_each($2))
    order by id"
);

macro_rules! standing_for {
    ($value:literal) => {
        concat!(
            "select ",
            account_columns!(),
            " from account
    where application = $1
      and account_type = $2
      and status <> 'gone'
      and status = 'enabled'
      and ",
            $value,
            " in (select value ->> 'text' from json_each($3))
    order by id"
        )
    };
}

const STANDING_BY_KEY: &str = standing_for!("key");
const STANDING_BY_ATTRIBUTE: &str = standing_for!("cast(attributes ->> $4 as text)");

const ENTITLEMENT_KEYS: &str = "
    select key
    from entitlement_catalogue
    where application = $1
      and until is null
    order by key";

/// Sizes of account types: accounts that are not gone, and what they hold.
const SIZES: &str = "
    select account_type, count(*) as accounts, cast(coalesce(sum(entitlement_count), 0) as bigint) as entitlements
    from account
    where status <> 'gone'
    group by account_type
    order by account_type";

const INTERVALS: &str = "
    select entitlement, since, until
    from account_entitlement
    where account_id = $1
    order by entitlement, since";

const RESERVED: &str = "
    select attribute, value, identity_id
    from reservation
    where application = $1
    order by attribute, folded";

/// An account that nobody owns, that somebody may own, and about whom a person has not said that nobody does. Those whom
/// a person has ruled out do not count.
macro_rules! is_proposed {
    () => {
        "(
        a.owner_id is null
        and a.status <> 'gone'
        and not exists (
          select 1
          from account_decision d
          where d.account_id = a.id
            and d.kind = 'orphan'
            and d.reopened_at is null
        )
        and exists (
          select 1
          from owner_proposal p
          where p.account_id = a.id
            and not exists (
              select 1
              from account_decision d
              where d.account_id = p.account_id
                and d.identity_id = p.identity_id
                and d.kind = 'not_theirs'
                and d.reopened_at is null
            )
        )
      )"
    };
}
pub(crate) use is_proposed;

/// An account of a type by which people hold entitlements indirectly: it is nobody's, as it should be.
macro_rules! stands_for_entitlements {
    () => {
        "exists (
        select 1
        from configuration_object o
        where o.kind = 'indirect_rules'
          and o.to_version is null
          and o.body ->> 'through' = a.account_type
      )"
    };
}
pub(crate) use stands_for_entitlements;

/// Which of an application's accounts: each has its own statements, so that an index serves.
macro_rules! any {
    () => {
        "true"
    };
}
macro_rules! without_owner {
    () => {
        concat!("a.owner_id is null and a.status <> 'gone' and not ", stands_for_entitlements!())
    };
}
macro_rules! unclassified {
    () => {
        "a.account_type = '' and a.status <> 'gone'"
    };
}

/// $1 application.
macro_rules! plain {
    ($which:ident) => {
        concat!("where a.application = $1 and ", $which!())
    };
}
/// $2–$5 words of the account or its owner.
macro_rules! worded {
    ($which:ident) => {
        concat!(
            "left join identity i on i.id = a.owner_id ",
            plain!($which),
            "
      and (a.words || coalesce(i.words, '')) like $2
      and (a.words || coalesce(i.words, '')) like $3
      and (a.words || coalesce(i.words, '')) like $4
      and (a.words || coalesce(i.words, '')) like $5"
        )
    };
}

/// Few that could have the words: these are looked up one by one.
macro_rules! among {
    ($number:literal, $which:ident) => {
        concat!(
            "json_each(",
            $number,
            ") r cross join account a ",
            worded!($which),
            "
      and a.id = cast(r.value as bigint)"
        )
    };
}

/// What is asked of the same accounts: of all, and where words are looked for.
struct Statements {
    page: &'static str,
    count: &'static str,
    worded_count: &'static str,
    page_among: &'static str,
    count_among: &'static str,
}

macro_rules! page {
    ($from:expr) => {
        concat!(
            "
    select a.id, a.key, a.account_type, a.status, a.owner_id, i.display_name, a.entitlement_count, a.observed_at
    from ",
            $from,
            "
      and ($6 is null or (a.key, a.id) > ($7, $6))
    order by a.key, a.id
    limit $8"
        )
    };
}
macro_rules! count {
    ($from:expr, $limit:literal) => {
        concat!("select count(*) from (select 1 from ", $from, " limit ", $limit, ") as found")
    };
}

macro_rules! statements {
    ($which:ident) => {
        Statements {
            page: page!(concat!("account a ", worded!($which))),
            count: count!(concat!("account a ", plain!($which)), "$2"),
            worded_count: count!(concat!("account a ", worded!($which)), "$6"),
            page_among: page!(among!("$9", $which)),
            count_among: count!(among!("$7", $which), "$6"),
        }
    };
}

const ANY: Statements = statements!(any);
const WITHOUT_OWNER: Statements = statements!(without_owner);
const UNCLASSIFIED: Statements = statements!(unclassified);
const PROPOSED: Statements = statements!(is_proposed);

/// One key of several.
#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
}

impl Store {
    pub async fn load_accounts(&self) -> Result<Vec<Account>> {
        self.reader().await?.read(ALL, arguments![], |row| account(&row)).await
    }

    /// Those that are gone included.
    pub async fn accounts_of_application(&self, application: &str) -> Result<Vec<Account>> {
        self.reader().await?.read(OF_APPLICATION, arguments![application], |row| account(&row)).await
    }

    /// Those that are gone included.
    pub async fn accounts_of(&self, identities: &[IdentityId]) -> Result<Vec<Account>> {
        accounts_of(&mut self.reader().await?, identities).await
    }

    pub async fn accounts_by_id(&self, ids: &[AccountId]) -> Result<Vec<Account>> {
        let ids = numbers(ids.iter().map(|id| id.0));
        self.reader().await?.read(BY_IDS, arguments![ids], |row| account(&row)).await
    }

    /// Enabled accounts of a type whose key is one of these values, or else what this attribute says.
    pub async fn accounts_standing_for(
        &self,
        application: &str,
        account_type: &str,
        attribute: Option<&str>,
        values: &[&str],
    ) -> Result<Vec<Account>> {
        let values = texts(values.iter().copied())?;
        let mut reader = self.reader().await?;
        let read = |row: Row| account(&row);
        match attribute {
            None => reader.read(STANDING_BY_KEY, arguments![application, account_type, values], read).await,
            Some(attribute) => {
                let chosen = arguments![application, account_type, values, attribute];
                reader.read(STANDING_BY_ATTRIBUTE, chosen, read).await
            }
        }
    }

    /// Keys of all entitlements that the application said it has when it was last read.
    pub async fn entitlement_keys(&self, application: &str) -> Result<Vec<String>> {
        self.reader().await?.read(ENTITLEMENT_KEYS, arguments![application], |row| row.text("key")).await
    }

    /// Accounts of the application that came on record then or later, and when.
    pub async fn accounts_recorded_since(
        &self,
        application: &str,
        since: Timestamp,
    ) -> Result<Vec<(AccountId, Timestamp)>> {
        let read = |row: Row| Ok((AccountId(row.integer("id")?), row.time("created_at")?));
        self.reader().await?.read(RECORDED_SINCE, arguments![application, since], read).await
    }

    /// Those that are gone included.
    pub async fn accounts_by_key(&self, application: &str, keys: &[String]) -> Result<Vec<Account>> {
        let keys: Vec<_> = keys.iter().map(|key| Key { key }).collect();
        let keys = payload(&keys)?;
        self.reader().await?.read(BY_KEYS, arguments![application, keys], |row| account(&row)).await
    }

    /// Per account type: accounts that are not gone, and the entitlements they hold.
    pub async fn account_type_sizes(&self) -> Result<Vec<(String, u64, u64)>> {
        let read = |row: Row| Ok((row.text("account_type")?, row.count("accounts")?, row.count("entitlements")?));
        self.reader().await?.read(SIZES, arguments![], read).await
    }

    /// What the account ever held, from when, until when; by entitlement, then time.
    pub async fn entitlement_intervals(&self, id: AccountId) -> Result<Vec<(String, Timestamp, Option<Timestamp>)>> {
        let read = |row: Row| Ok((row.text("entitlement")?, row.time("since")?, row.optional_time("until")?));
        self.reader().await?.read(INTERVALS, arguments![id.0], read).await
    }

    pub async fn reserved_values(&self, application: &str) -> Result<Vec<Reservation>> {
        let read = |row: Row| {
            Ok(Reservation {
                application: application.to_owned(),
                attribute: row.text("attribute")?,
                value: row.text("value")?,
                identity: IdentityId(row.integer("identity_id")?),
            })
        };
        self.reader().await?.read(RESERVED, arguments![application], read).await
    }

    /// By key. Words are looked for in the account and in its owner's name. What waits for a person about them, and what
    /// was decided, is left to who asks for it.
    pub async fn account_page(&self, filter: &AccountFilter) -> Result<Page<AccountRow>> {
        let (id, key) = read_cursor(filter.after.as_deref())?;
        let [first, second, third, fourth] = patterns(filter.text.as_deref());
        let application = filter.application.as_str();
        let statements = match filter.show {
            AccountShow::All => ANY,
            AccountShow::WithoutOwner => WITHOUT_OWNER,
            AccountShow::Unclassified => UNCLASSIFIED,
            AccountShow::Proposed => PROPOSED,
        };
        let counting = Counting::of(filter.text.as_deref());
        let mut connection = self.snapshot().await?;
        let among = accounts_among(&mut connection, filter.text.as_deref()).await?;
        let [a, b, c, d, e] = arguments![application, first.as_str(), second.as_str(), third.as_str(), fourth.as_str()];
        let [f] = arguments![counting.limit()];
        let total = match &among {
            Some(among) => {
                let [g] = arguments![among.as_str()];
                connection.number(statements.count_among, [a, b, c, d, e, f, g]).await?
            }
            None if fold(filter.text.as_deref()).is_empty() => connection.number(statements.count, [a, f]).await?,
            None => connection.number(statements.worded_count, [a, b, c, d, e, f]).await?,
        };
        let [a, b, c, d, e, f, g, h] =
            arguments![application, first, second, third, fourth, id, key, rows_to_read(filter.limit)];
        let read = |row: Row| account_row(&row);
        let rows = match among {
            Some(among) => {
                let [i] = arguments![among];
                connection.read(statements.page_among, [a, b, c, d, e, f, g, h, i], read).await?
            }
            None => connection.read(statements.page, [a, b, c, d, e, f, g, h], read).await?,
        };
        Ok(page_of(rows, filter.limit, counting.counted(total), |row| cursor(row.id.0, &row.key)))
    }
}

impl Tx {
    /// These accounts as they are, and as they stay until the transaction ends. By id.
    pub async fn accounts_to_change(&mut self, ids: &[AccountId]) -> Result<Vec<Account>> {
        let ids = numbers(ids.iter().map(|id| id.0));
        let sql = if self.connection.is_postgres() { STANDING } else { BY_IDS };
        self.connection.read(sql, arguments![ids], |row| account(&row)).await
    }
}

pub(crate) async fn accounts_of(connection: &mut Connection, identities: &[IdentityId]) -> Result<Vec<Account>> {
    let ids = numbers(identities.iter().map(|id| id.0));
    connection.read(OF_IDENTITIES, arguments![ids], |row| account(&row)).await
}

fn account(row: &Row) -> Result<Account> {
    Ok(Account {
        id: AccountId(row.integer("id")?),
        application: row.text("application")?,
        account_type: row.text("account_type")?,
        key: row.text("key")?,
        owner: row.optional_integer("owner_id")?.map(IdentityId),
        status: row.named("status", AccountStatus::from_name)?,
        provenance: row.named("provenance", Provenance::from_name)?,
        attributes: row.json("attributes")?,
        entitlements: row.json("entitlements")?,
        observed_at: row.optional_time("observed_at")?,
    })
}

fn account_row(row: &Row) -> Result<AccountRow> {
    let owner = match row.optional_integer("owner_id")? {
        Some(id) => Some((IdentityId(id), row.text("display_name")?)),
        None => None,
    };
    Ok(AccountRow {
        id: AccountId(row.integer("id")?),
        key: row.text("key")?,
        called: None,
        account_type: row.text("account_type")?,
        status: row.named("status", AccountStatus::from_name)?,
        owner,
        entitlements: row.small_count("entitlement_count")?,
        observed_at: row.optional_time("observed_at")?,
        proposals: Vec::new(),
        types: Vec::new(),
        decisions: Vec::new(),
        reconciled: Vec::new(),
        stands_for_entitlement: false,
    })
}
