//! Accounts as applications hold them, the entitlements in them by interval, what there is to grant, and values taken.

mod read;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::account::{Account, ObservedEntitlement};
use model::ids::IdentityId;
use model::value::Attributes;
use serde::Serialize;

pub(crate) use read::{accounts_of, is_proposed, stands_for_entitlements};

use crate::connection::{CHUNK, Row, arguments, numbers, payload};
use crate::events::account_fact;
use crate::{Result, Tx};

/// A value that has to be unique in an application, such as a login, and for whom it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub application: String,
    pub attribute: String,
    /// Compared without regard to case.
    pub value: String,
    pub identity: IdentityId,
}

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into account (
      id, application, account_type, key, owner_id, status, provenance, attributes, entitlements, entitlement_count,
      words, observed_at, created_at, changed_at
    )
    select
      cast(value ->> 'id' as bigint), value ->> 'application', value ->> 'account_type', value ->> 'key',
      cast(value ->> 'owner' as bigint), value ->> 'status', value ->> 'provenance', value -> 'attributes',
      value -> 'entitlements', cast(value ->> 'entitlement_count' as bigint), value ->> 'words',
      cast(value ->> 'observed_at' as bigint), $2, $2
    from input";

const UPDATE: &str = "
    with input as materialized (select value from jsonb_each($1))
    update account
    set application = input.value ->> 'application',
        account_type = input.value ->> 'account_type',
        key = input.value ->> 'key',
        owner_id = cast(input.value ->> 'owner' as bigint),
        status = input.value ->> 'status',
        provenance = input.value ->> 'provenance',
        attributes = input.value -> 'attributes',
        entitlements = input.value -> 'entitlements',
        entitlement_count = cast(input.value ->> 'entitlement_count' as bigint),
        words = input.value ->> 'words',
        observed_at = cast(input.value ->> 'observed_at' as bigint),
        changed_at = $2
    from input
    where account.id = cast(input.value ->> 'id' as bigint)";

const HELD: &str = "
    select account_id, entitlement
    from account_entitlement
    where account_id in (select cast(value as bigint) from json_each($1))
      and until is null";

/// What was given and is taken at the same instant was never held.
const FORGET: &str = "
    with input as materialized (
      select cast(value ->> 'account' as bigint) as account_id, value ->> 'entitlement' as entitlement
      from jsonb_each($1)
    )
    delete from account_entitlement
    where until is null
      and since >= $2
      and (account_id, entitlement) in (select account_id, entitlement from input)";

const END: &str = "
    with input as materialized (
      select cast(value ->> 'account' as bigint) as account_id, value ->> 'entitlement' as entitlement
      from jsonb_each($1)
    )
    update account_entitlement
    set until = $2
    from input
    where account_entitlement.account_id = input.account_id
      and account_entitlement.entitlement = input.entitlement
      and account_entitlement.until is null";

/// A clock that went back may meet an interval that began at this instant: it goes on.
const BEGIN: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into account_entitlement (account_id, entitlement, since)
    select cast(value ->> 'account' as bigint), value ->> 'entitlement', $2
    from input
    where true
    on conflict (account_id, entitlement, since) do update
    set until = null";

const CATALOGUE: &str = "
    select key, display_name
    from entitlement_catalogue
    where application = $1
      and until is null";

const FORGET_CATALOGUE: &str = "
    delete from entitlement_catalogue
    where application = $1
      and until is null
      and since >= $3
      and key in (select value ->> 'key' from jsonb_each($2))";

const END_CATALOGUE: &str = "
    update entitlement_catalogue
    set until = $3
    where application = $1
      and until is null
      and key in (select value ->> 'key' from jsonb_each($2))";

const BEGIN_CATALOGUE: &str = "
    with input as materialized (select value from jsonb_each($2))
    insert into entitlement_catalogue (application, key, display_name, since)
    select $1, value ->> 'key', value ->> 'display_name', $3
    from input
    where true
    on conflict (application, key, since) do update
    set display_name = excluded.display_name,
        until = null";

/// The first that asks for a value gets it, within one call as well.
const RESERVE: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into reservation (application, attribute, folded, value, identity_id)
    select
      value ->> 'application', value ->> 'attribute', value ->> 'folded', value ->> 'value',
      cast(value ->> 'identity' as bigint)
    from input
    where true
    order by key
    on conflict (application, attribute, folded) do nothing";

const RESERVED_FOR: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    select input.key as position, cast(input.value ->> 'identity' as bigint) = r.identity_id as is_ours
    from input
    join reservation r
      on r.application = input.value ->> 'application'
      and r.attribute = input.value ->> 'attribute'
      and r.folded = input.value ->> 'folded'
    order by input.key";

#[derive(Serialize)]
struct AccountInput<'a> {
    id: i64,
    application: &'a str,
    account_type: &'a str,
    key: &'a str,
    owner: Option<i64>,
    status: &'static str,
    provenance: &'static str,
    attributes: &'a Attributes,
    entitlements: &'a BTreeSet<String>,
    entitlement_count: usize,
    words: String,
    observed_at: Option<i64>,
}

#[derive(Serialize)]
struct HeldInput<'a> {
    account: i64,
    entitlement: &'a str,
}

#[derive(Serialize)]
struct ReservationInput<'a> {
    application: &'a str,
    attribute: &'a str,
    folded: String,
    value: &'a str,
    identity: i64,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `account_key_once` where another account of that type, not gone, has the key.
    pub async fn insert_accounts(&mut self, rows: &[Account], at: Timestamp) -> Result<()> {
        self.write_accounts(INSERT, rows, at).await?;
        self.insert_account_words(rows).await?;
        self.note_facts(rows.iter().filter_map(|account| account_fact(account, None, at))).await?;
        self.note_new(rows).await?;
        let held = rows.iter().flat_map(held_in).collect::<Vec<_>>();
        self.begin_entitlements(&held, at).await
    }

    /// Replaces attributes and entitlements; intervals of entitlements that are gone end at `at`, those of new ones
    /// begin. An account that is gone holds nothing any more.
    pub async fn update_accounts(&mut self, rows: &[Account], at: Timestamp) -> Result<()> {
        let before = self.accounts_before(rows).await?;
        self.update_account_words(rows).await?;
        self.write_accounts(UPDATE, rows, at).await?;
        self.note_changed(rows).await?;
        self.note_facts(rows.iter().filter_map(|row| account_fact(row, Some(before.get(&row.id)?), at))).await?;
        let ids = numbers(rows.iter().map(|account| account.id.0));
        let held = self.rows(HELD, arguments![ids]).await?;
        let held = held.iter().map(held_entitlement).collect::<Result<BTreeSet<_>>>()?;
        let wanted: BTreeSet<(i64, &str)> =
            rows.iter().flat_map(held_in).map(|held| (held.account, held.entitlement)).collect();
        let (ended, begun) = differences(&held, &wanted);
        for chunk in ended.chunks(CHUNK) {
            let input = payload(chunk)?;
            self.execute(FORGET, arguments![input.as_str(), at]).await?;
            self.execute(END, arguments![input, at]).await?;
        }
        self.begin_entitlements(&begun, at).await
    }

    /// What an application says it has to grant, complete.
    pub async fn replace_entitlement_catalogue(
        &mut self,
        application: &str,
        rows: &[ObservedEntitlement],
        at: Timestamp,
    ) -> Result<()> {
        let held = self.rows(CATALOGUE, arguments![application]).await?;
        let held = held
            .iter()
            .map(|row| Ok(ObservedEntitlement { key: row.text("key")?, display_name: row.text("display_name")? }))
            .collect::<Result<Vec<_>>>()?;
        let held: BTreeMap<_, _> = held.iter().map(|row| (&row.key, row)).collect();
        let wanted: BTreeMap<_, _> = rows.iter().map(|row| (&row.key, row)).collect();
        let ended: Vec<_> =
            held.iter().filter(|(key, row)| wanted.get(**key) != Some(row)).map(|(_, row)| row).collect();
        let begun: Vec<_> =
            wanted.iter().filter(|(key, row)| held.get(**key) != Some(row)).map(|(_, row)| row).collect();
        for chunk in ended.chunks(CHUNK) {
            let input = payload(chunk)?;
            self.execute(FORGET_CATALOGUE, arguments![application, input.as_str(), at]).await?;
            self.execute(END_CATALOGUE, arguments![application, input, at]).await?;
        }
        for chunk in begun.chunks(CHUNK) {
            self.execute(BEGIN_CATALOGUE, arguments![application, payload(chunk)?, at]).await?;
        }
        Ok(())
    }

    /// True where the value was free, and is kept for the identity now, or was kept for it before.
    pub async fn reserve_values(&mut self, rows: &[Reservation]) -> Result<Vec<bool>> {
        let mut answers = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> = chunk
                .iter()
                .map(|row| ReservationInput {
                    application: &row.application,
                    attribute: &row.attribute,
                    folded: row.value.to_lowercase(),
                    value: &row.value,
                    identity: row.identity.0,
                })
                .collect();
            let input = payload(&inputs)?;
            self.execute(RESERVE, arguments![input.as_str()]).await?;
            for row in self.rows(RESERVED_FOR, arguments![input]).await? {
                answers.push(row.boolean("is_ours")?);
            }
        }
        Ok(answers)
    }

    async fn write_accounts(&mut self, sql: &'static str, rows: &[Account], at: Timestamp) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> = chunk.iter().map(input).collect();
            self.execute(sql, arguments![payload(&inputs)?, at]).await?;
        }
        Ok(())
    }

    async fn begin_entitlements(&mut self, rows: &[HeldInput<'_>], at: Timestamp) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            self.execute(BEGIN, arguments![payload(chunk)?, at]).await?;
        }
        Ok(())
    }
}

fn held_in(account: &Account) -> impl Iterator<Item = HeldInput<'_>> {
    let is_gone = account.status == model::account::AccountStatus::Gone;
    let held = account.entitlements.iter().filter(move |_| !is_gone);
    held.map(|entitlement| HeldInput { account: account.id.0, entitlement })
}

fn held_entitlement(row: &Row) -> Result<(i64, String)> {
    Ok((row.integer("account_id")?, row.text("entitlement")?))
}

fn differences<'a>(
    held: &'a BTreeSet<(i64, String)>,
    wanted: &BTreeSet<(i64, &'a str)>,
) -> (Vec<HeldInput<'a>>, Vec<HeldInput<'a>>) {
    let held: BTreeSet<(i64, &str)> =
        held.iter().map(|(account, entitlement)| (*account, entitlement.as_str())).collect();
    let input = |(account, entitlement): &(i64, &'a str)| HeldInput { account: *account, entitlement };
    (held.difference(wanted).map(input).collect(), wanted.difference(&held).map(input).collect())
}

fn input(account: &Account) -> AccountInput<'_> {
    AccountInput {
        id: account.id.0,
        application: &account.application,
        account_type: &account.account_type,
        key: &account.key,
        owner: account.owner.map(|id| id.0),
        status: account.status.name(),
        provenance: account.provenance.name(),
        attributes: &account.attributes,
        entitlements: &account.entitlements,
        entitlement_count: account.entitlements.len(),
        words: words::words(account),
        observed_at: account.observed_at.map(Timestamp::as_microsecond),
    }
}
