//! Accounts that have to be compared with what is granted, and comparing them.
//!
//! An account may stand here without need, and never is left out that should: whoever changes what it holds, or what is granted to
//! its owner, notes it in the same transaction, and what is put away are the rows that were seen before it was compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Date;
use model::account::{Account, AccountStatus};
use model::ids::{AccountId, AssignmentId, DirectGrantId, IdentityId};
use serde::Serialize;
use serde_json::Value;

use super::{granted, known_entitlement};
use crate::connection::{CHUNK, Connection, Row, arguments, numbers};
use crate::{Result, Store, StoreError, Tx};

/// So many accounts are compared while somebody waits for it.
const FEW: i64 = 1_000;

const NOTE: &str = "
    insert into account_to_reconcile (account_id, due)
    select cast(value as bigint), ''
    from json_each($1)";

const NOTE_OWNED: &str = "
    insert into account_to_reconcile (account_id, due)
    select id, ''
    from account
    where status <> 'gone'
      and owner_id in (select cast(value as bigint) from json_each($1))";

/// Whoever loses an account or an entitlement that was granted. `cross join`, here and below, so that SQLite begins with what is
/// named, or is least.
const NOTE_CLOSED: &str = "
    with closed as materialized (select cast(value as bigint) as id from json_each($1))
    insert into account_to_reconcile (account_id, due)
    select distinct a.id, ''
    from closed c
    cross join assignment s
    cross join account a
    where s.id = c.id
      and s.kind in ('account_type', 'entitlement')
      and s.workflow_state in (18, 118)
      and a.owner_id = s.identity_id
      and a.status <> 'gone'";

const NOTE_TAKEN: &str = "
    insert into account_to_reconcile (account_id, due)
    select id, ''
    from account
    where status <> 'gone'
      and owner_id in (
        select identity_id
        from direct_grant
        where id in (select cast(value as bigint) from json_each($1))
      )";

/// What their keys stand for is something else now.
const NOTE_HOLDERS: &str = "
    with input as materialized (
      select value ->> 'account_type' as account_type, value ->> 'key' as entitlement
      from jsonb_each($1)
    )
    insert into account_to_reconcile (account_id, due)
    select distinct a.id, ''
    from input
    join account_entitlement e on e.entitlement = input.entitlement and e.until is null
    join account a on a.id = e.account_id
    where a.account_type = input.account_type
      and a.owner_id is not null
      and a.status <> 'gone'";

const NOTE_DECIDED: &str = "
    insert into account_to_reconcile (account_id, due)
    select distinct a.id, ''
    from account_decision d
    cross join account a
    where d.reopened_at is null
      and a.id = d.account_id
      and a.application = $1
      and (
        (d.kind = 'linked' and a.owner_id is null)
        or (d.kind = 'classified' and a.account_type = '')
      )";

/// Accounts of which something may be found.
const SUSPECTED: &str = "
    select a.id
    from account a
    where a.id > $2
      and ($3 is null or a.application = $3)
      and (
        exists (select 1 from finding f where f.account_id = a.id)
        or exists (select 1 from account_to_reconcile r where r.account_id = a.id and r.due <= $1)
      )
    order by a.id
    limit $4";

/// Accounts, up to a limit. Grouped and sorted as the index is, here and below, so that SQLite does not go through what is due
/// later.
const NOTED: &str = "
    select count(distinct account_id)
    from (
      select account_id
      from account_to_reconcile
      where due <= $1
      group by due, account_id
      order by due, account_id
      limit $2
    ) as noted";

/// One node at a time: what another saw may be older.
const TAKE_TURN: &str = "select pg_try_advisory_xact_lock(7233205) as is_ours";

const NEXT: &str = "
    select account_id
    from account_to_reconcile
    where due <= $1
    group by due, account_id
    order by due, account_id
    limit $2";

/// Every transaction that has written something by now has a lower number, ...
const NEWEST: &str = "select cast(cast(pg_snapshot_xmax(pg_current_snapshot()) as text) as bigint) as number";

/// ... and of these none is under way once this has reached it.
const OLDEST: &str = "select cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as number";

/// How often, and how long each time, it is waited for those that are under way.
const TRIES: u32 = 40;
const REST: Duration = Duration::from_millis(50);

const SEEN: &str = "
    select sequence
    from account_to_reconcile
    where account_id in (select cast(value as bigint) from json_each($1))";

const FORGET: &str = "
    delete from finding
    where account_id in (select cast(value as bigint) from json_each($1))";

/// What these accounts hold and nothing grants on day $1.
const COMPARE_ACCESS: &str = concat!(
    "
    insert into finding (account_id, entitlement, name, since, identity_id, application, account_type)
    select a.id, e.entitlement, k.name, e.since, a.owner_id, a.application, a.account_type
    from account a
    cross join account_entitlement e
    cross join configuration_object k
    where a.id in (select cast(value as bigint) from json_each($2))
      and a.owner_id is not null
      and a.status <> 'gone'
      and e.account_id = a.id
      and e.until is null
      and ",
    known_entitlement!(),
    "
      and not ",
    granted!("entitlement", "k.name")
);

/// Those that are in use, and which nothing grants on day $1.
const COMPARE_ACCOUNTS: &str = concat!(
    "
    insert into finding (account_id, entitlement, name, since, identity_id, application, account_type)
    select a.id, '', a.account_type, a.created_at, a.owner_id, a.application, a.account_type
    from account a
    where a.id in (select cast(value as bigint) from json_each($2))
      and a.owner_id is not null
      and a.status = 'enabled'
      and a.account_type <> ''
      and not ",
    granted!("account_type", "a.account_type")
);

/// Days after $1 on which what is granted to their owners begins or ends.
const CHANGING: &str = "
    with owned as materialized (
      select id, owner_id
      from account
      where id in (select cast(value as bigint) from json_each($2))
    )
    select o.id, s.starts, s.ends
    from owned o
    cross join assignment s
    where s.identity_id = o.owner_id
      and s.until is null
      and s.kind in ('account_type', 'entitlement')
      and (s.starts > $1 or s.ends > $1)
    union all
    select o.id, g.starts, g.ends
    from owned o
    cross join direct_grant g
    where g.identity_id = o.owner_id
      and g.until is null
      and (g.starts > $1 or g.ends > $1)";

const PUT_AWAY: &str = "
    delete from account_to_reconcile
    where sequence in (select cast(value as bigint) from json_each($1))";

const PUT_OFF: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into account_to_reconcile (account_id, due)
    select cast(value ->> 'account' as bigint), value ->> 'due'
    from input";

#[derive(Serialize)]
struct Key<'a> {
    account_type: &'a str,
    key: &'a str,
}

#[derive(Serialize)]
struct Later {
    account: i64,
    due: String,
}

/// Whether those that have to be compared can be while somebody waits.
pub(super) async fn are_few(connection: &mut Connection, today: Date) -> Result<bool> {
    Ok(connection.number(NOTED, arguments![today, FEW + 1]).await? <= FEW)
}

impl Store {
    /// Compares up to `most` accounts that have to be, and keeps what is found. Answers how many these were; none while another
    /// node is at it.
    pub async fn reconcile(&self, most: u32, today: Date) -> Result<u64> {
        self.write(move |tx| Box::pin(tx.reconcile(most, today))).await
    }

    /// How many accounts have to be compared, up to `most`.
    pub async fn accounts_to_reconcile(&self, most: u32, today: Date) -> Result<u64> {
        let count = self.reader().await?.number(NOTED, arguments![today, i64::from(most)]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Whether lists of what nothing grants leave accounts out, which have to be compared first.
    pub async fn leaves_accounts_out(&self, today: Date) -> Result<bool> {
        let mut connection = self.reader().await?;
        Ok(!are_few(&mut connection, today).await?)
    }

    /// Up to `most` accounts after that one, of this application or of all, of which something is known to be granted by nothing, or
    /// may be.
    pub async fn suspected_accounts(
        &self,
        application: Option<&str>,
        after: AccountId,
        most: u32,
        today: Date,
    ) -> Result<Vec<AccountId>> {
        let wanted = arguments![today, after.0, application, i64::from(most)];
        let read = |row: Row| Ok(AccountId(row.integer("id")?));
        self.reader().await?.read(SUSPECTED, wanted, read).await
    }
}

impl Tx {
    async fn reconcile(&mut self, most: u32, today: Date) -> Result<u64> {
        if self.connection.is_postgres() {
            let turn = self.row(TAKE_TURN, arguments![]).await?;
            if !turn.is_some_and(|row| row.boolean("is_ours").unwrap_or(false)) {
                return Ok(0);
            }
        }
        let next = self.rows(NEXT, arguments![today, i64::from(most)]).await?;
        let next = next.iter().map(|row| row.integer("account_id")).collect::<Result<BTreeSet<i64>>>()?;
        if next.is_empty() {
            return Ok(0);
        }
        let ids = numbers(next.iter().copied());
        // Read before they are compared: what is noted later stands beside these.
        let seen = self.rows(SEEN, arguments![ids.as_str()]).await?;
        let seen = seen.iter().map(|row| row.integer("sequence")).collect::<Result<Vec<i64>>>()?;
        if !self.is_alone_with_what_was_noted().await? {
            return Ok(0);
        }
        self.execute(FORGET, arguments![ids.as_str()]).await?;
        self.execute(COMPARE_ACCESS, arguments![today, ids.as_str()]).await?;
        self.execute(COMPARE_ACCOUNTS, arguments![today, ids.as_str()]).await?;
        let mut due: BTreeMap<i64, Date> = BTreeMap::new();
        for row in self.rows(CHANGING, arguments![today, ids]).await? {
            let account = row.integer("id")?;
            let days = [row.optional_date("starts")?, row.optional_date("ends")?];
            for day in days.into_iter().flatten().filter(|day| *day > today) {
                let first = due.entry(account).or_insert(day);
                *first = day.min(*first);
            }
        }
        let due: Vec<Later> = due.into_iter().map(|(account, day)| Later { account, due: day.to_string() }).collect();
        self.execute(PUT_AWAY, arguments![numbers(seen)]).await?;
        self.bulk(PUT_OFF, &due).await?;
        Ok(next.len() as u64)
    }

    /// Whoever grants something, or takes it, notes the accounts that were there then: one that came meanwhile was noted by
    /// whoever brought it, and must not be compared before both are done. SQLite has one writer at a time. On PostgreSQL all
    /// are waited for that were writing when the notes were read; each has written something before it notes. False where they
    /// take too long.
    async fn is_alone_with_what_was_noted(&mut self) -> Result<bool> {
        if !self.connection.is_postgres() {
            return Ok(true);
        }
        let newest = self.transaction_number(NEWEST).await?;
        for _ in 0..TRIES {
            if self.transaction_number(OLDEST).await? >= newest {
                return Ok(true);
            }
            tokio::time::sleep(REST).await;
        }
        Ok(false)
    }

    async fn transaction_number(&mut self, sql: &'static str) -> Result<i64> {
        match self.row(sql, arguments![]).await? {
            Some(row) => row.integer("number"),
            None => Err(StoreError::Corrupt { what: "a transaction has no number".into() }),
        }
    }

    /// Of accounts that are new.
    pub(crate) async fn note_new(&mut self, rows: &[Account]) -> Result<()> {
        let owned = rows.iter().filter(|row| row.status != AccountStatus::Gone && row.owner.is_some());
        self.note(owned.map(|row| row.id.0)).await
    }

    /// Of accounts that are changed, whatever they are now.
    pub(crate) async fn note_changed(&mut self, rows: &[Account]) -> Result<()> {
        self.note(rows.iter().map(|row| row.id.0)).await
    }

    async fn note(&mut self, ids: impl Iterator<Item = i64>) -> Result<()> {
        let ids: Vec<i64> = ids.collect();
        for chunk in ids.chunks(CHUNK) {
            self.execute(NOTE, arguments![numbers(chunk.iter().copied())]).await?;
        }
        Ok(())
    }

    /// Accounts of people to whom something is granted.
    pub(crate) async fn note_granted(&mut self, people: impl Iterator<Item = IdentityId>) -> Result<()> {
        let people: BTreeSet<i64> = people.map(|id| id.0).collect();
        let people: Vec<i64> = people.into_iter().collect();
        for chunk in people.chunks(CHUNK) {
            self.execute(NOTE_OWNED, arguments![numbers(chunk.iter().copied())]).await?;
        }
        Ok(())
    }

    /// Of an account that got another owner or type.
    pub(crate) async fn note_decided(&mut self, account: AccountId) -> Result<()> {
        self.note([account.0].into_iter()).await
    }

    /// Accounts of the application that are about to get the owner or type that a person decided on.
    pub(crate) async fn note_decided_in(&mut self, application: &str) -> Result<()> {
        self.execute(NOTE_DECIDED, arguments![application]).await?;
        Ok(())
    }

    /// Accounts of people from whom assignments were taken.
    pub(crate) async fn note_closed(&mut self, ids: &[AssignmentId]) -> Result<()> {
        for chunk in ids.chunks(CHUNK) {
            self.execute(NOTE_CLOSED, arguments![numbers(chunk.iter().map(|id| id.0))]).await?;
        }
        Ok(())
    }

    /// Accounts of people from whom direct grants were taken.
    pub(crate) async fn note_taken(&mut self, ids: &[DirectGrantId]) -> Result<()> {
        for chunk in ids.chunks(CHUNK) {
            self.execute(NOTE_TAKEN, arguments![numbers(chunk.iter().map(|id| id.0))]).await?;
        }
        Ok(())
    }

    /// Accounts that hold what is an entitlement from now on, is another one, or is none any more. Takes the names and bodies of
    /// all entitlements, by name.
    pub(crate) async fn note_known<'a>(
        &mut self,
        before: impl Iterator<Item = (&'a str, &'a Value)>,
        after: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Result<()> {
        let (before, after) = (known(before), known(after));
        let keys = before.keys().chain(after.keys()).collect::<BTreeSet<_>>();
        let changed = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
        let changed: Vec<Key<'_>> = changed.map(|(account_type, key)| Key { account_type, key }).collect();
        self.bulk(NOTE_HOLDERS, &changed).await
    }
}

/// What each key of an account type stands for: where several entitlements share it, the first by name.
fn known<'a>(entitlements: impl Iterator<Item = (&'a str, &'a Value)>) -> BTreeMap<(&'a str, &'a str), &'a str> {
    let mut known = BTreeMap::new();
    for (name, body) in entitlements {
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        if let (Some(account_type), Some(key)) = (text("account_type"), text("key")) {
            known.entry((account_type, key)).or_insert(name);
        }
    }
    known
}
