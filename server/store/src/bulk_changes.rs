//! Bulk changes and their rows. A pass over the rows moves `through` on with the transaction that records what became of
//! them, so that each row of a pass is done once, whatever dies and whoever works beside.

use jiff::Timestamp;
use model::access::Grantable;
use model::bulk_change::{BulkChange, BulkChangeState, BulkCounts, BulkRow, BulkRowState, WrittenRow};
use model::ids::{BulkChangeId, IdentityId, RequestId};
use model::page::Page;
use model::request::Change;
use serde::Serialize;

use crate::connection::{Row, arguments, numbers, payload, texts};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    insert into bulk_change (
      id, title, reason, state, through, rows, digest, digest_again, counts, created_by, created_at
    )
    values ($1, $2, $3, $4, 0, 0, '', '', (select value -> 'counts' from jsonb_each($5)), $6, $7)";

/// Only while it is where it was seen.
const STEP: &str = "
    update bulk_change
    set state = $4,
        through = $5,
        rows = $6,
        digest = $7,
        digest_again = $8,
        message = $9,
        risk_comment = $10,
        counts = (select value -> 'counts' from jsonb_each($11)),
        confirmed_by = $12,
        confirmed_at = $13,
        undone_by = $14,
        undone_at = $15,
        undo_reason = $16,
        ended_at = $17
    where id = $1
      and state = $2
      and through = $3";

const PUT_ROWS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into bulk_change_row (
      bulk_change_id, line, written, identity_id, change, kind, name, state, message, risk, request_id
    )
    select
      cast(value ->> 'bulk_change' as bigint), cast(value ->> 'line' as bigint), value -> 'written',
      cast(value ->> 'identity' as bigint), value ->> 'change', value ->> 'kind', value ->> 'name', value ->> 'state',
      value ->> 'message', value ->> 'risk', cast(value ->> 'request' as bigint)
    from input
    where true
    on conflict (bulk_change_id, line) do update
    set identity_id = excluded.identity_id,
        change = excluded.change,
        kind = excluded.kind,
        name = excluded.name,
        state = excluded.state,
        message = excluded.message,
        risk = excluded.risk,
        request_id = excluded.request_id";

macro_rules! changes {
    () => {
        "select id, title, reason, state, through, rows, digest, digest_again, message, risk_comment,
           cast(counts as text) as counts, created_by, created_at, confirmed_by, confirmed_at, undone_by, undone_at,
           undo_reason, ended_at
         from bulk_change "
    };
}

const BY_ID: &str = concat!(changes!(), "where id = $1");

const LISTED: &str = concat!(changes!(), "where ($1 is null or id < $1) order by id desc limit $2");

const COUNT: &str = "select count(*) from (select 1 from bulk_change limit $1) as found";

const AT_WORK: &str =
    concat!(changes!(), "where state in ('checking', 'confirmed', 'applying', 'undoing') order by id");

macro_rules! rows {
    () => {
        "select r.line, cast(r.written as text) as written, r.identity_id, i.display_name as identity_name, r.change,
           r.kind, r.name, r.state, r.message, r.risk, r.request_id
         from bulk_change_row r
         left join identity i on i.id = r.identity_id
         where r.bulk_change_id = $1 "
    };
}

const ROWS: &str = concat!(
    rows!(),
    "and ($2 is null or r.state in (select value ->> 'text' from json_each($2)))
     and r.line > $3
     order by r.line
     limit $4"
);

const ROWS_OF: &str = concat!(
    rows!(),
    "and r.identity_id in (select cast(value as bigint) from json_each($2))
     and r.line <= $3
     and r.state in ('ready', 'applied')
     order by r.line"
);

const COUNTED: &str = "
    select
      count(*) as rows,
      count(distinct case when state in ('ready', 'applied', 'undone', 'conflict') then identity_id end) as people,
      count(case when change = 'give' and state in ('ready', 'applied', 'undone', 'conflict') then 1 end) as additions,
      count(case when change = 'take' and state in ('ready', 'applied', 'undone', 'conflict') then 1 end) as removals,
      count(case when risk is not null and state in ('ready', 'applied', 'undone', 'conflict') then 1 end) as risks,
      count(case when state = 'ready' then 1 end) as ready,
      count(case when state = 'already' then 1 end) as already,
      count(case when state = 'refused' then 1 end) as refused,
      count(case when state = 'applied' then 1 end) as applied,
      count(case when state = 'undone' then 1 end) as undone,
      count(case when state = 'conflict' then 1 end) as conflicts
    from bulk_change_row
    where bulk_change_id = $1";

#[derive(Serialize)]
struct RowInput<'a> {
    bulk_change: i64,
    line: u64,
    written: &'a WrittenRow,
    identity: Option<i64>,
    change: Option<&'static str>,
    kind: Option<&'static str>,
    name: Option<&'a str>,
    state: &'static str,
    message: Option<&'a str>,
    risk: Option<&'a str>,
    request: Option<i64>,
}

#[derive(Serialize)]
struct CountsInput {
    counts: BulkCounts,
}

impl Tx {
    /// One that is being taken in, without rows.
    pub async fn insert_bulk_change(&mut self, new: &BulkChange) -> Result<()> {
        let counts = payload(&[CountsInput { counts: new.counts }])?;
        let (state, by, at) = (new.state.name(), new.created_by.as_str(), new.created_at);
        self.execute(INSERT, arguments![new.id.0, new.title.as_str(), new.reason.as_str(), state, counts, by, at])
            .await?;
        Ok(())
    }

    /// Moves it on from where it was seen. False, and nothing is done, where it is no longer there.
    pub async fn step_bulk_change(&mut self, seen: &BulkChange, next: &BulkChange) -> Result<bool> {
        let counts = payload(&[CountsInput { counts: next.counts }])?;
        let micros = Timestamp::as_microsecond;
        let (confirmed_by, confirmed_at) = next.confirmed.clone().map(|(by, at)| (by, micros(at))).unzip();
        let (undone_by, undone_at, why) = match next.undone.clone() {
            Some((by, at, why)) => (Some(by), Some(micros(at)), Some(why)),
            None => (None, None, None),
        };
        let arguments = arguments![
            seen.id.0,
            seen.state.name(),
            whole(seen.through),
            next.state.name(),
            whole(next.through),
            whole(next.rows),
            next.digest.as_str(),
            next.digest_again.as_str(),
            next.message.clone(),
            next.risk_comment.clone(),
            counts,
            confirmed_by,
            confirmed_at,
            undone_by,
            undone_at,
            why,
            next.ended_at.map(micros)
        ];
        Ok(self.execute(STEP, arguments).await? > 0)
    }

    /// Puts rows in, or in the place of those of the same lines; what was written in them stays.
    pub async fn put_bulk_rows(&mut self, id: BulkChangeId, rows: &[BulkRow]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| RowInput {
                bulk_change: id.0,
                line: row.line,
                written: &row.written,
                identity: row.identity.map(|identity| identity.0),
                change: row.item.as_ref().map(|(change, _)| change.name()),
                kind: row.item.as_ref().map(|(_, grantable)| grantable.kind()),
                name: row.item.as_ref().map(|(_, grantable)| grantable.name()),
                state: row.state.name(),
                message: row.message.as_deref(),
                risk: row.risk.as_deref(),
                request: row.request.map(|request| request.0),
            })
            .collect();
        self.bulk(PUT_ROWS, &inputs).await
    }
}

impl Store {
    pub async fn bulk_change(&self, id: BulkChangeId) -> Result<Option<BulkChange>> {
        let row = self.reader().await?.row(BY_ID, arguments![id.0]).await?;
        row.map(|row| change(&row)).transpose()
    }

    /// Newest first, older than `before`.
    pub async fn bulk_change_page(&self, before: Option<BulkChangeId>, limit: Option<u32>) -> Result<Page<BulkChange>> {
        let mut connection = self.snapshot().await?;
        let total = connection.number(COUNT, arguments![count_limit()]).await?;
        let wanted = arguments![before.map(|id| id.0), rows_to_read(limit)];
        let rows = connection.read(LISTED, wanted, |row| change(&row)).await?;
        Ok(page(rows, limit, total, |row| row.id.to_string()))
    }

    /// Those that go on by themselves, oldest first.
    pub async fn bulk_changes_at_work(&self) -> Result<Vec<BulkChange>> {
        self.reader().await?.read(AT_WORK, arguments![], |row| change(&row)).await
    }

    /// Rows after a line, in one of these states or in any.
    pub async fn bulk_rows(
        &self,
        id: BulkChangeId,
        states: Option<&[BulkRowState]>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<BulkRow>> {
        let states = states.map(|states| texts(states.iter().map(|state| state.name()))).transpose()?;
        let wanted = arguments![id.0, states, whole(after), i64::from(limit)];
        self.reader().await?.read(ROWS, wanted, |row| bulk_row(&row)).await
    }

    /// Rows of these people up to a line that change something.
    pub async fn bulk_rows_of(&self, id: BulkChangeId, people: &[IdentityId], through: u64) -> Result<Vec<BulkRow>> {
        let people = numbers(people.iter().map(|id| id.0));
        self.reader().await?.read(ROWS_OF, arguments![id.0, people, whole(through)], |row| bulk_row(&row)).await
    }

    /// How many rows there are, and how many are what.
    pub async fn bulk_counts(&self, id: BulkChangeId) -> Result<(u64, BulkCounts)> {
        let row = self.reader().await?.row(COUNTED, arguments![id.0]).await?;
        let Some(row) = row else { return Ok((0, BulkCounts::default())) };
        let counts = BulkCounts {
            people: row.count("people")?,
            additions: row.count("additions")?,
            removals: row.count("removals")?,
            risks: row.count("risks")?,
            ready: row.count("ready")?,
            already: row.count("already")?,
            refused: row.count("refused")?,
            applied: row.count("applied")?,
            undone: row.count("undone")?,
            conflicts: row.count("conflicts")?,
        };
        Ok((row.count("rows")?, counts))
    }
}

/// Line numbers fit: they count rows of the database.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn change(row: &Row) -> Result<BulkChange> {
    let undone: Option<(String, Timestamp)> = row.optional_text("undone_by")?.zip(row.optional_time("undone_at")?);
    let why = row.optional_text("undo_reason")?;
    Ok(BulkChange {
        id: BulkChangeId(row.integer("id")?),
        title: row.text("title")?,
        reason: row.text("reason")?,
        state: row.named("state", BulkChangeState::from_name)?,
        through: row.count("through")?,
        rows: row.count("rows")?,
        digest: row.text("digest")?,
        digest_again: row.text("digest_again")?,
        message: row.optional_text("message")?,
        risk_comment: row.optional_text("risk_comment")?,
        counts: row.optional_json("counts")?.unwrap_or_default(),
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        confirmed: row.optional_text("confirmed_by")?.zip(row.optional_time("confirmed_at")?),
        undone: undone.map(|(by, at)| (by, at, why.unwrap_or_default())),
        ended_at: row.optional_time("ended_at")?,
    })
}

fn bulk_row(row: &Row) -> Result<BulkRow> {
    let item = match (row.optional_text("change")?, row.optional_text("name")?) {
        (Some(_), Some(name)) => Some((
            row.named("change", Change::from_name)?,
            row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
        )),
        _ => None,
    };
    Ok(BulkRow {
        line: row.count("line")?,
        written: row.optional_json("written")?.unwrap_or_default(),
        identity: row.optional_integer("identity_id")?.map(IdentityId),
        identity_name: row.optional_text("identity_name")?,
        item,
        state: row.named("state", BulkRowState::from_name)?,
        message: row.optional_text("message")?,
        risk: row.optional_text("risk")?,
        request: row.optional_integer("request_id")?.map(RequestId),
    })
}
