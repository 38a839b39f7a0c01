//! Accounts of which it is not known that everything they hold is granted. Nearly all are granted what they hold in an
//! organisation of any age: lists of what nothing grants look at the others alone.
//!
//! An account may stand here without need, and never is left out that should: whoever gives it something or takes a grant from its
//! owner notes it in the same transaction, and what is put away are the rows that were seen before it was compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::account::Account;
use model::account::AccountStatus;
use model::ids::{AccountId, AssignmentId, DirectGrantId};
use serde::Serialize;
use serde_json::Value;

use super::{granted, known_entitlement};
use crate::connection::{CHUNK, arguments, numbers};
use crate::{Result, Store, Tx};

/// What one look at some accounts found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// Accounts that were looked at.
    pub looked_at: usize,
    /// Those of them that have nothing that is not granted, for now or for good.
    pub put_away: usize,
    /// Where to go on; none after the last.
    pub last: Option<AccountId>,
}

const NOTE: &str = "
    insert into account_to_reconcile (account_id, due)
    select cast(value as bigint), ''
    from json_each($1)";

/// Whoever loses an account or an entitlement that was granted.
const NOTE_CLOSED: &str = "
    insert into account_to_reconcile (account_id, due)
    select a.id, ''
    from account a
    where a.status <> 'gone'
      and a.owner_id in (
        select identity_id
        from assignment
        where id in (select cast(value as bigint) from json_each($1))
          and until is null
          and kind in ('account_type', 'entitlement')
          and workflow_state in (18, 118)
      )";

const NOTE_TAKEN: &str = "
    insert into account_to_reconcile (account_id, due)
    select a.id, ''
    from account a
    where a.status <> 'gone'
      and a.owner_id in (
        select identity_id
        from direct_grant
        where id in (select cast(value as bigint) from json_each($1))
          and until is null
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
    join account a on a.id = d.account_id
    where a.application = $1
      and d.reopened_at is null
      and (
        (d.kind = 'linked' and a.owner_id is null)
        or (d.kind = 'classified' and a.account_type = '')
      )";

/// One node at a time: what another saw may be older.
const TAKE_TURN: &str = "select pg_try_advisory_xact_lock(7233205) as is_ours";

const NEXT: &str = "
    select account_id
    from account_to_reconcile
    where due <= $1
      and account_id > $2
    group by account_id
    order by account_id
    limit $3";

const SEEN: &str = "
    select sequence, account_id
    from account_to_reconcile
    where account_id in (select cast(value as bigint) from json_each($1))
    order by sequence";

/// Those that have something which nothing grants on day $1, whatever people decided about it.
const UNGRANTED: &str = concat!(
    "
    select a.id
    from account a
    where a.id in (select cast(value as bigint) from json_each($2))
      and a.owner_id is not null
      and (
        (
          a.status = 'enabled'
          and a.account_type <> ''
          and not ",
    granted!("account_type", "a.account_type"),
    "
        )
        or (
          a.status <> 'gone'
          and exists (
            select 1
            from account_entitlement e
            cross join configuration_object k
            where e.account_id = a.id
              and e.until is null
              and ",
    known_entitlement!(),
    "
              and not ",
    granted!("entitlement", "k.name"),
    "
          )
        )
      )"
);

/// When the first of what is granted on day $1 to their owners ends.
const ENDING: &str = "
    select a.id, s.ends
    from account a
    join assignment s on s.identity_id = a.owner_id
    where a.id in (select cast(value as bigint) from json_each($2))
      and s.until is null
      and s.ends > $1
      and s.kind in ('account_type', 'entitlement')
    union
    select a.id, g.ends
    from account a
    join direct_grant g on g.identity_id = a.owner_id
    where a.id in (select cast(value as bigint) from json_each($2))
      and g.until is null
      and g.ends > $1";

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

impl Store {
    /// Compares up to `most` accounts after that one with what is granted on that day, and puts away those that have nothing
    /// else. Nothing is done while another node does it.
    pub async fn reconcile(&self, after: AccountId, most: u32, today: Date) -> Result<Reconciled> {
        self.write(move |tx| Box::pin(tx.reconcile(after, most, today))).await
    }
}

impl Tx {
    async fn reconcile(&mut self, after: AccountId, most: u32, today: Date) -> Result<Reconciled> {
        let nothing = Reconciled { looked_at: 0, put_away: 0, last: None };
        if self.connection.is_postgres() {
            let turn = self.row(TAKE_TURN, arguments![]).await?;
            if !turn.is_some_and(|row| row.boolean("is_ours").unwrap_or(false)) {
                return Ok(nothing);
            }
        }
        let next = self.rows(NEXT, arguments![today, after.0, i64::from(most)]).await?;
        let next = next.iter().map(|row| row.integer("account_id")).collect::<Result<BTreeSet<i64>>>()?;
        let Some(last) = next.last().copied() else { return Ok(nothing) };
        let ids = numbers(next.iter().copied());
        // Read before they are compared: what is noted later stands beside these.
        let mut seen: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for row in self.rows(SEEN, arguments![ids.as_str()]).await? {
            seen.entry(row.integer("account_id")?).or_default().push(row.integer("sequence")?);
        }
        let ungranted = self.rows(UNGRANTED, arguments![today, ids.as_str()]).await?;
        let ungranted = ungranted.iter().map(|row| row.integer("id")).collect::<Result<BTreeSet<i64>>>()?;
        let mut ending: BTreeMap<i64, String> = BTreeMap::new();
        for row in self.rows(ENDING, arguments![today, ids]).await? {
            let (id, ends) = (row.integer("id")?, row.text("ends")?);
            let first = ending.entry(id).or_insert_with(|| ends.clone());
            if ends < *first {
                *first = ends;
            }
        }
        let mut needless = Vec::new();
        let mut later = Vec::new();
        for (account, mut sequences) in seen {
            if ungranted.contains(&account) {
                // One of them says as much as all.
                sequences.pop();
            } else if let Some(due) = ending.remove(&account) {
                later.push(Later { account, due });
            }
            needless.extend(sequences);
        }
        if !needless.is_empty() {
            self.execute(PUT_AWAY, arguments![numbers(needless)]).await?;
        }
        self.bulk(PUT_OFF, &later).await?;
        let is_last = next.len() < usize::try_from(most).unwrap_or(usize::MAX);
        Ok(Reconciled {
            looked_at: next.len(),
            put_away: next.len() - ungranted.len(),
            last: (!is_last).then_some(AccountId(last)),
        })
    }

    /// Of accounts that are new or changed.
    pub(crate) async fn note_to_reconcile(&mut self, rows: &[Account]) -> Result<()> {
        let held = rows.iter().filter(|row| row.status != AccountStatus::Gone && row.owner.is_some());
        let ids: Vec<i64> = held.map(|row| row.id.0).collect();
        for chunk in ids.chunks(CHUNK) {
            self.execute(NOTE, arguments![numbers(chunk.iter().copied())]).await?;
        }
        Ok(())
    }

    /// Of an account that got an owner or a type.
    pub(crate) async fn note_decided(&mut self, account: AccountId) -> Result<()> {
        self.execute(NOTE, arguments![numbers([account.0])]).await?;
        Ok(())
    }

    /// Accounts of the application that are about to get the owner or type that a person decided on.
    pub(crate) async fn note_decided_in(&mut self, application: &str) -> Result<()> {
        self.execute(NOTE_DECIDED, arguments![application]).await?;
        Ok(())
    }

    /// Accounts of people from whom assignments are about to be taken.
    pub(crate) async fn note_closed(&mut self, ids: &[AssignmentId]) -> Result<()> {
        for chunk in ids.chunks(CHUNK) {
            self.execute(NOTE_CLOSED, arguments![numbers(chunk.iter().map(|id| id.0))]).await?;
        }
        Ok(())
    }

    /// Accounts of people from whom direct grants are about to be taken.
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
