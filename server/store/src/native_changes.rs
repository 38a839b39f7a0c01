//! What applications were found to hold differently without an order of ours, what became of it, and what the last
//! reading looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::ids::{AccountId, IdentityId, NativeChangeId, OrderId, RunId};
use model::native_change::{
    NativeChange, NativeChangeFilter, NativeChangeKind, NativeChangeRow, NativeChangeState, NativeReaction,
};
use model::order::Order;
use model::page::Page;
use model::value::Value;
use serde::Serialize;

use crate::among::{everybody_and_chosen, one_of};
use crate::connection::{Row, arguments, numbers, payload};
use crate::orders::{Why, orders_by_id};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, Tx};

macro_rules! columns {
    () => {
        "n.id, n.application, n.account_type, n.account_id, n.account_key, n.identity_id, n.kind, n.name,
         cast(n.value_before as text) as value_before, cast(n.value_after as text) as value_after,
         cast(n.instead_of as text) as instead_of, n.seen_at, n.run_id, n.reaction, n.state, n.why, n.holds, n.decided_by,
         n.decided_at, n.comment, n.order_id"
    };
}

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into native_change (
      id, application, account_type, account_id, account_key, identity_id, kind, name, value_before, value_after,
      instead_of, seen_at, run_id, reaction, state, why, holds, decided_by, decided_at, comment, order_id
    )
    select
      cast(value ->> 'id' as bigint), value ->> 'application', value ->> 'account_type',
      cast(value ->> 'account' as bigint), value ->> 'key', cast(value ->> 'identity' as bigint), value ->> 'kind',
      value ->> 'name', value -> 'before', value -> 'after', value -> 'instead_of',
      cast(value ->> 'seen_at' as bigint), cast(value ->> 'run' as bigint), value ->> 'reaction', value ->> 'state',
      value ->> 'why', cast(value ->> 'holds' as boolean), null, null, null, null
    from input";

/// Only what is still in the state that the reading took it to be in.
const MOVE: &str = "
    with input as materialized (select value from jsonb_each($1))
    update native_change
    set state = input.value ->> 'to',
        why = input.value ->> 'why',
        holds = cast(input.value ->> 'holds' as boolean)
    from input
    where native_change.id = cast(input.value ->> 'id' as bigint)
      and native_change.state = input.value ->> 'from'";

const DECIDE: &str = "
    update native_change
    set state = $3,
        holds = $4,
        decided_by = $5,
        decided_at = $6,
        comment = $7,
        identity_id = $8,
        account_type = $9,
        why = null,
        order_id = case when $3 = 'reverting' then null else order_id end
    where id = $1
      and state = $2";

const ORDERED: &str = "
    with input as materialized (select value from jsonb_each($1))
    update native_change
    set order_id = cast(input.value ->> 'order' as bigint)
    from input
    where native_change.id = cast(input.value ->> 'id' as bigint)
      and native_change.state = 'reverting'";

/// It waits for a person again.
const HAND_BACK: &str = "
    with input as materialized (select value from jsonb_each($1))
    update native_change
    set state = 'open',
        why = input.value ->> 'why',
        holds = true
    from input
    where native_change.id = cast(input.value ->> 'id' as bigint)
      and native_change.state = 'reverting'";

/// No order does it any more, because a person called that off.
const CALL_OFF: &str = "
    update native_change
    set state = 'open',
        why = $2,
        holds = true
    where order_id = $1
      and state = 'reverting'";

const RELEASE: &str = "
    update native_change
    set holds = false
    where id in (select cast(value as bigint) from json_each($1))
      and holds";

const FORGET_BASELINE: &str = "
    delete from native_baseline
    where application = $1";

const SET_BASELINE: &str = "
    with input as materialized (select value from jsonb_each($2))
    insert into native_baseline (application, account_type, attributes, read_at)
    select $1, value ->> 'account_type', value -> 'attributes', $3
    from input";

const BASELINE: &str = "
    select account_type, cast(attributes as text) as attributes, read_at
    from native_baseline
    where application = $1";

const STANDING: &str = concat!(
    "select ",
    columns!(),
    "
    from native_change n
    where n.application = $1
      and (n.holds or n.state in ('open', 'reverting'))
    order by n.id"
);

/// What planning has to know: what stands, and what is to be set back.
const TO_PLAN_WITH: [&str; 2] = everybody_and_chosen!(
    columns!(),
    "native_change n",
    "n.identity_id",
    "(n.holds or n.state = 'reverting') and n.identity_id is not null order by n.id"
);

const BY_IDS: &str = concat!(
    "select ",
    columns!(),
    "
    from native_change n
    where n.id in (select cast(value as bigint) from json_each($1))
    order by n.id"
);

const TO_REVERT: &str = "
    select distinct identity_id
    from native_change
    where state = 'reverting'
      and order_id is null
      and identity_id is not null
    order by identity_id";

/// At how many readings the settings alone had something set back on an account.
const REVERTED_SINCE: &str = "
    select account_id, count(distinct seen_at) as times
    from native_change
    where account_id in (select cast(value as bigint) from json_each($1))
      and seen_at >= $2
      and reaction = 'revert'
      and decided_by is null
      and (order_id is not null or state = 'reverting')
    group by account_id";

/// $1 application, $2 kind, $3 state, $4 identity.
macro_rules! filter {
    () => {
        "from native_change n
    where ($1 is null or n.application = $1)
      and ($2 is null or n.kind = $2)
      and ($3 is null or n.state = $3)
      and ($4 is null or n.identity_id = $4)"
    };
}

const PAGE: &str = concat!(
    "select ",
    columns!(),
    ", i.display_name
    from (
      select n.* ",
    filter!(),
    "
        and ($5 is null or n.id < $5)
      order by n.id desc
      limit $6
    ) n
    left join identity i on i.id = n.identity_id
    order by n.id desc"
);

const COUNT: &str = concat!("select count(*) from (select 1 ", filter!(), " limit $5) as found");

const IDS: &str = concat!(
    "select n.id ",
    filter!(),
    " and ($5 is null or n.id > $5) and n.seen_at <= $6
    order by n.id
    limit $7"
);

const LATEST: &str = concat!("select max(n.seen_at) as seen_at ", filter!());

const COUNT_BY_STATE: &str = concat!("select n.state, count(*) as changes ", filter!(), " group by n.state");

pub(crate) const OPEN: &str = "
    select count(*)
    from native_change
    where state = 'open'";

/// Orders that may have changed one of these accounts, or made one that is not known yet, and that nobody has confirmed;
/// and those that came to their end since then, whatever it was: until then they may have had their effect.
const ORDERS_TOUCHING: &str = "
    select id
    from provisioning_order
    where application = $1
      and transmitted_at is not null
      and (state in (1, 2, 8) or $3 is null or changed_at >= $3)
      and (
        account_id is null
        or account_id in (select cast(value as bigint) from json_each($2))
      )
    order by id";

#[derive(Serialize)]
struct Input<'a> {
    id: i64,
    application: &'a str,
    account_type: &'a str,
    account: i64,
    key: &'a str,
    identity: Option<i64>,
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead_of: Option<&'a Value>,
    seen_at: i64,
    run: i64,
    reaction: &'static str,
    state: &'static str,
    why: Option<&'a str>,
    holds: bool,
}

#[derive(Serialize)]
struct MoveInput<'a> {
    id: i64,
    from: &'static str,
    to: &'static str,
    why: Option<&'a str>,
    holds: bool,
}

#[derive(Serialize)]
struct OrderInput {
    id: i64,
    order: i64,
}

#[derive(Serialize)]
struct BaselineInput<'a> {
    account_type: &'a str,
    attributes: &'a BTreeSet<String>,
}

#[derive(Serialize)]
struct HandBackInput<'a> {
    id: i64,
    why: &'a str,
}

/// Where an earlier change goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeStep {
    pub id: NativeChangeId,
    pub from: NativeChangeState,
    pub to: NativeChangeState,
    pub why: Option<String>,
    pub holds: bool,
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeVerdict {
    pub id: NativeChangeId,
    pub from: NativeChangeState,
    pub to: NativeChangeState,
    pub by: String,
    pub at: Timestamp,
    pub comment: Option<String>,
    /// Who owns the account by now, and of which type it is.
    pub identity: Option<IdentityId>,
    pub account_type: String,
}

/// What a plan made of native changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativePlanned {
    /// Which order sets which back.
    pub ordered: Vec<(NativeChangeId, OrderId)>,
    /// Those that no order can set back, with why: they wait for a person again.
    pub handed_back: Vec<(NativeChangeId, String)>,
    /// Those in whose place the role model wants something else by now.
    pub released: Vec<NativeChangeId>,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `native_change_once` where the same reading has brought it before.
    pub async fn insert_native_changes(&mut self, rows: &[NativeChange]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| Input {
                id: row.id.0,
                application: &row.application,
                account_type: &row.account_type,
                account: row.account.0,
                key: &row.key,
                identity: row.identity.map(|id| id.0),
                kind: row.kind.name(),
                name: &row.name,
                before: row.before.as_ref(),
                after: row.after.as_ref(),
                instead_of: row.instead_of.as_ref(),
                seen_at: row.seen_at.as_microsecond(),
                run: row.run.0,
                reaction: row.reaction.name(),
                state: row.state.name(),
                why: row.why.as_deref(),
                holds: row.holds,
            })
            .collect();
        self.bulk(INSERT, &inputs).await
    }

    /// Moves earlier changes on. One on which a person has decided meanwhile stays as they decided.
    pub async fn move_native_changes(&mut self, steps: &[NativeStep]) -> Result<()> {
        let inputs: Vec<_> = steps
            .iter()
            .map(|step| MoveInput {
                id: step.id.0,
                from: step.from.name(),
                to: step.to.name(),
                why: step.why.as_deref(),
                holds: step.holds,
            })
            .collect();
        self.bulk(MOVE, &inputs).await
    }

    /// Keeps what a person decided. False where it is not any more as the decision takes it to be.
    ///
    /// # Errors
    /// `Conflict` with `native_change_one_undecided` where a later change of the same is open.
    pub async fn decide_native_change(&mut self, verdict: &NativeVerdict) -> Result<bool> {
        let NativeVerdict { id, from, to, by, at, comment, identity, account_type } = verdict;
        let holds = *to == NativeChangeState::Accepted;
        let values = arguments![
            id.0,
            from.name(),
            to.name(),
            holds,
            by.as_str(),
            *at,
            comment.as_deref(),
            identity.map(|id| id.0),
            account_type.as_str()
        ];
        Ok(self.execute(DECIDE, values).await? > 0)
    }

    /// Hands back to people what this order was to set back, with why: it was called off.
    pub async fn call_off_reverts(&mut self, order: OrderId, why: &str) -> Result<()> {
        self.execute(CALL_OFF, arguments![order.0, why]).await?;
        Ok(())
    }

    /// Keeps what was planned about native changes.
    pub async fn plan_native_changes(&mut self, planned: &NativePlanned) -> Result<()> {
        let ordered: Vec<_> =
            planned.ordered.iter().map(|(id, order)| OrderInput { id: id.0, order: order.0 }).collect();
        self.bulk(ORDERED, &ordered).await?;
        let back: Vec<_> = planned.handed_back.iter().map(|(id, why)| HandBackInput { id: id.0, why }).collect();
        self.bulk(HAND_BACK, &back).await?;
        if !planned.released.is_empty() {
            self.execute(RELEASE, arguments![numbers(planned.released.iter().map(|id| id.0))]).await?;
        }
        Ok(())
    }

    /// What the next reading of the application is compared in, in place of what was kept before.
    pub async fn set_native_baseline(
        &mut self,
        application: &str,
        baseline: &BTreeMap<String, BTreeSet<String>>,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(FORGET_BASELINE, arguments![application]).await?;
        let inputs: Vec<_> =
            baseline.iter().map(|(account_type, attributes)| BaselineInput { account_type, attributes }).collect();
        self.execute(SET_BASELINE, arguments![application, payload(&inputs)?, at]).await?;
        Ok(())
    }
}

impl Store {
    /// Attributes that the last complete reading looked at, by account type, and when it began.
    pub async fn native_baseline(
        &self,
        application: &str,
    ) -> Result<(BTreeMap<String, BTreeSet<String>>, Option<Timestamp>)> {
        let mut read_at = None;
        let read = |row: Row| {
            read_at = Some(row.time("read_at")?);
            Ok((row.text("account_type")?, row.json("attributes")?))
        };
        let rows = self.reader().await?.read(BASELINE, arguments![application], read).await?;
        Ok((rows.into_iter().collect(), read_at))
    }

    /// What is open, being set back, or accepted and in force, by id.
    pub async fn standing_native_changes(&self, application: &str) -> Result<Vec<NativeChange>> {
        self.reader().await?.read(STANDING, arguments![application], |row| change(&row)).await
    }

    /// What stands in the place of what the role model wants, and what is to be set back, of everybody or of these, by id.
    pub async fn native_changes_to_plan_with(&self, identities: Option<&[IdentityId]>) -> Result<Vec<NativeChange>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        self.reader()
            .await?
            .read(one_of(TO_PLAN_WITH, identities.as_deref()), arguments![identities], |row| change(&row))
            .await
    }

    pub async fn native_changes_by_id(&self, ids: &[NativeChangeId]) -> Result<Vec<NativeChange>> {
        let ids = numbers(ids.iter().map(|id| id.0));
        self.reader().await?.read(BY_IDS, arguments![ids], |row| change(&row)).await
    }

    /// Whose accounts are to be set back, and no order does it yet.
    pub async fn identities_with_native_changes_to_revert(&self) -> Result<Vec<IdentityId>> {
        let read = |row: Row| Ok(IdentityId(row.integer("identity_id")?));
        self.reader().await?.read(TO_REVERT, arguments![], read).await
    }

    /// How often the settings alone had something set back on each of these accounts since then; those on which they never
    /// had are left out.
    pub async fn native_reverts_since(
        &self,
        accounts: &[AccountId],
        since: Timestamp,
    ) -> Result<BTreeMap<AccountId, u32>> {
        let ids = numbers(accounts.iter().map(|id| id.0));
        let read = |row: Row| Ok((AccountId(row.integer("account_id")?), row.small_count("times")?));
        Ok(self.reader().await?.read(REVERTED_SINCE, arguments![ids, since], read).await?.into_iter().collect())
    }

    /// Orders that may have changed one of these accounts, or made one that is not known yet: those that nobody has
    /// confirmed, and those that came to their end since then.
    pub async fn orders_touching(
        &self,
        application: &str,
        accounts: &[AccountId],
        since: Option<Timestamp>,
    ) -> Result<Vec<Order>> {
        let ids = numbers(accounts.iter().map(|id| id.0));
        let mut connection = self.snapshot().await?;
        let read = |row: Row| Ok(OrderId(row.integer("id")?));
        let since = since.map(Timestamp::as_microsecond);
        let orders = connection.read(ORDERS_TOUCHING, arguments![application, ids, since], read).await?;
        orders_by_id(&mut connection, &orders, Why::LeftOut).await
    }

    /// Newest first. Names that the configuration gives are left as they are written there.
    pub async fn native_change_page(&self, filter: &NativeChangeFilter) -> Result<Page<NativeChangeRow>> {
        let (application, kind) = (filter.application.as_deref(), filter.kind.map(NativeChangeKind::name));
        let (state, identity) = (filter.state.map(NativeChangeState::name), filter.identity.map(|id| id.0));
        let mut connection = self.snapshot().await?;
        let total = connection.number(COUNT, arguments![application, kind, state, identity, count_limit()]).await?;
        let before = filter.before.map(|id| id.0);
        let wanted = arguments![application, kind, state, identity, before, rows_to_read(filter.limit)];
        let read = |row: Row| {
            let change = change(&row)?;
            Ok(NativeChangeRow {
                identity_name: row.optional_text("display_name")?,
                application_name: change.application.clone(),
                account_type_label: change.account_type.clone(),
                called: None,
                entitlement_label: None,
                change,
            })
        };
        let rows = connection.read(PAGE, wanted, read).await?;
        Ok(page(rows, filter.limit, total, |row| row.change.id.to_string()))
    }

    /// When the last of all that match was seen. Ids do not tell: each process takes its own from a block.
    pub async fn native_changes_seen_until(&self, filter: &NativeChangeFilter) -> Result<Option<Timestamp>> {
        let (application, kind) = (filter.application.as_deref(), filter.kind.map(NativeChangeKind::name));
        let (state, identity) = (filter.state.map(NativeChangeState::name), filter.identity.map(|id| id.0));
        let row = self.reader().await?.row(LATEST, arguments![application, kind, state, identity]).await?;
        row.map_or(Ok(None), |row| row.optional_time("seen_at"))
    }

    /// Ids of all that match and were seen by then, after one, by id, as many as `limit` at most.
    pub async fn native_change_ids(
        &self,
        filter: &NativeChangeFilter,
        (after, seen_until): (Option<NativeChangeId>, Timestamp),
        limit: u32,
    ) -> Result<Vec<NativeChangeId>> {
        let (application, kind) = (filter.application.as_deref(), filter.kind.map(NativeChangeKind::name));
        let (state, identity) = (filter.state.map(NativeChangeState::name), filter.identity.map(|id| id.0));
        let read = |row: Row| Ok(NativeChangeId(row.integer("id")?));
        let wanted = arguments![application, kind, state, identity, after.map(|id| id.0), seen_until, limit];
        self.reader().await?.read(IDS, wanted, read).await
    }

    /// How many there are in each state, with the filter's own state left out of account.
    pub async fn native_change_counts(&self, filter: &NativeChangeFilter) -> Result<BTreeMap<NativeChangeState, u64>> {
        let (application, kind) = (filter.application.as_deref(), filter.kind.map(NativeChangeKind::name));
        let read = |row: Row| Ok((row.named("state", NativeChangeState::from_name)?, row.count("changes")?));
        let wanted = arguments![application, kind, None::<&str>, filter.identity.map(|id| id.0)];
        Ok(self.reader().await?.read(COUNT_BY_STATE, wanted, read).await?.into_iter().collect())
    }

    /// How many wait for a person.
    pub async fn open_native_changes(&self) -> Result<u64> {
        let count = self.reader().await?.number(OPEN, arguments![]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

fn change(row: &Row) -> Result<NativeChange> {
    Ok(NativeChange {
        id: NativeChangeId(row.integer("id")?),
        application: row.text("application")?,
        account_type: row.text("account_type")?,
        account: AccountId(row.integer("account_id")?),
        key: row.text("account_key")?,
        identity: row.optional_integer("identity_id")?.map(IdentityId),
        kind: row.named("kind", NativeChangeKind::from_name)?,
        name: row.text("name")?,
        before: row.optional_json("value_before")?,
        after: row.optional_json("value_after")?,
        instead_of: row.optional_json("instead_of")?,
        seen_at: row.time("seen_at")?,
        run: RunId(row.integer("run_id")?),
        reaction: row.named("reaction", NativeReaction::from_name)?,
        state: row.named("state", NativeChangeState::from_name)?,
        why: row.optional_text("why")?,
        holds: row.boolean("holds")?,
        decided_by: row.optional_text("decided_by")?,
        decided_at: row.optional_time("decided_at")?,
        comment: row.optional_text("comment")?,
        order: row.optional_integer("order_id")?.map(OrderId),
    })
}
