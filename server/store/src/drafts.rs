//! Drafts of the configuration: what they change, and how they ended.

use jiff::Timestamp;
use model::draft::{Draft, DraftChange, DraftRow, DraftState, Object, ObjectKind};
use model::ids::{ConfigurationVersionId, DraftId};
use model::page::Page;
use serde::Serialize;

use crate::connection::{Row, arguments};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    insert into configuration_draft (id, title, state, created_by, created_at, changed_at)
    values ($1, $2, 'open', $3, $4, $4)";

const RENAME: &str = "
    update configuration_draft
    set title = $2,
        changed_at = $3
    where id = $1
      and state = 'open'";

/// Also keeps others from ending the draft until this transaction has.
const TOUCH: &str = "
    update configuration_draft
    set changed_at = $2
    where id = $1
      and state = 'open'";

const PUT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into configuration_draft_object (draft_id, kind, name, body_before, body_after, changed_by, changed_at)
    select
      cast(value ->> 'draft' as bigint), value ->> 'kind', value ->> 'name', value -> 'before', value -> 'after',
      value ->> 'changed_by', cast(value ->> 'changed_at' as bigint)
    from input
    where true
    on conflict (draft_id, kind, name) do update
    set body_before = excluded.body_before,
        body_after = excluded.body_after,
        changed_by = excluded.changed_by,
        changed_at = excluded.changed_at";

const TAKE_OUT: &str = "
    delete from configuration_draft_object
    where draft_id = $1
      and kind = $2
      and name = $3";

const END: &str = "
    update configuration_draft
    set state = $2,
        changed_at = $4,
        ended_by = $3,
        ended_at = $4,
        version_id = $5
    where id = $1
      and state = 'open'";

const BY_ID: &str = "
    select id, title, state, created_by, created_at, ended_by, ended_at, version_id
    from configuration_draft
    where id = $1";

const CHANGES: &str = "
    select kind, name, cast(body_before as text) as body_before, cast(body_after as text) as body_after, changed_by,
      changed_at
    from configuration_draft_object
    where draft_id = $1
    order by kind, name";

macro_rules! listed {
    () => {
        "select d.id, d.title, d.state, d.created_by, d.created_at, d.changed_at,
           (select count(*) from configuration_draft_object c where c.draft_id = d.id) as changes
         from configuration_draft d "
    };
}

const LISTED: &str = concat!(
    listed!(),
    "where ($1 is null or d.state = $1)
       and ($2 is null or d.id < $2)
     order by d.id desc
     limit $3"
);

const COUNT: &str = "
    select count(*)
    from (select 1 from configuration_draft d where $1 is null or d.state = $1 limit $2) as found";

/// Open drafts that change an object.
const OF_OBJECT: &str = concat!(
    listed!(),
    "where d.state = 'open'
       and exists (
         select 1 from configuration_draft_object c where c.draft_id = d.id and c.kind = $1 and c.name = $2
       )
     order by d.id desc"
);

#[derive(Serialize)]
struct ChangeInput<'a> {
    draft: i64,
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Object>,
    changed_by: &'a str,
    changed_at: i64,
}

impl Tx {
    /// An open draft without changes.
    pub async fn insert_draft(&mut self, id: DraftId, title: &str, by: &str, at: Timestamp) -> Result<()> {
        self.execute(INSERT, arguments![id.0, title, by, at]).await?;
        Ok(())
    }

    /// False where the draft is not open any more.
    pub async fn rename_draft(&mut self, id: DraftId, title: &str, at: Timestamp) -> Result<bool> {
        Ok(self.execute(RENAME, arguments![id.0, title, at]).await? > 0)
    }

    /// Puts changes into the draft, each in the place of the one that it had of the same object. False, and nothing is
    /// done, where the draft is not open any more.
    pub async fn put_draft_changes(&mut self, id: DraftId, changes: &[DraftChange], at: Timestamp) -> Result<bool> {
        if self.execute(TOUCH, arguments![id.0, at]).await? == 0 {
            return Ok(false);
        }
        let inputs: Vec<_> = changes
            .iter()
            .map(|change| ChangeInput {
                draft: id.0,
                kind: change.kind.name(),
                name: &change.name,
                before: change.before.as_ref(),
                after: change.after.as_ref(),
                changed_by: &change.changed_by,
                changed_at: change.changed_at.as_microsecond(),
            })
            .collect();
        self.bulk(PUT, &inputs).await?;
        Ok(true)
    }

    /// Takes one object out of the draft: it stays as it is live. False where the draft is not open any more.
    pub async fn take_out_of_draft(
        &mut self,
        id: DraftId,
        kind: ObjectKind,
        name: &str,
        at: Timestamp,
    ) -> Result<bool> {
        if self.execute(TOUCH, arguments![id.0, at]).await? == 0 {
            return Ok(false);
        }
        self.execute(TAKE_OUT, arguments![id.0, kind.name(), name]).await?;
        Ok(true)
    }

    /// Ends a draft: published as a version, or discarded without one. False where it is not open any more.
    pub async fn end_draft(
        &mut self,
        id: DraftId,
        version: Option<ConfigurationVersionId>,
        by: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let state = if version.is_some() { DraftState::Published } else { DraftState::Discarded };
        let version = version.map(|version| version.0);
        Ok(self.execute(END, arguments![id.0, state.name(), by, at, version]).await? > 0)
    }
}

impl Store {
    /// A draft with its changes.
    pub async fn draft(&self, id: DraftId) -> Result<Option<Draft>> {
        let mut connection = self.snapshot().await?;
        let Some(row) = connection.row(BY_ID, arguments![id.0]).await? else { return Ok(None) };
        let changes = connection.read(CHANGES, arguments![id.0], |row| change(&row)).await?;
        let version = row.optional_integer("version_id")?;
        Ok(Some(Draft {
            id: DraftId(row.integer("id")?),
            title: row.text("title")?,
            state: row.named("state", DraftState::from_name)?,
            created_by: row.text("created_by")?,
            created_at: row.time("created_at")?,
            ended: row.optional_text("ended_by")?.zip(row.optional_time("ended_at")?),
            version: version.map(ConfigurationVersionId),
            changes,
        }))
    }

    /// Newest first, older than `before`; all, or those in one state.
    pub async fn draft_page(
        &self,
        state: Option<DraftState>,
        before: Option<DraftId>,
        limit: Option<u32>,
    ) -> Result<Page<DraftRow>> {
        let mut connection = self.snapshot().await?;
        let state = state.map(DraftState::name);
        let total = connection.number(COUNT, arguments![state, count_limit()]).await?;
        let wanted = arguments![state, before.map(|id| id.0), rows_to_read(limit)];
        let rows = connection.read(LISTED, wanted, |row| listed(&row)).await?;
        Ok(page(rows, limit, total, |row| row.id.to_string()))
    }

    /// Open drafts that change an object, newest first.
    pub async fn drafts_of(&self, kind: ObjectKind, name: &str) -> Result<Vec<DraftRow>> {
        self.reader().await?.read(OF_OBJECT, arguments![kind.name(), name], |row| listed(&row)).await
    }
}

fn change(row: &Row) -> Result<DraftChange> {
    Ok(DraftChange {
        kind: row.named("kind", ObjectKind::from_name)?,
        name: row.text("name")?,
        before: row.optional_json("body_before")?,
        after: row.optional_json("body_after")?,
        changed_by: row.text("changed_by")?,
        changed_at: row.time("changed_at")?,
    })
}

fn listed(row: &Row) -> Result<DraftRow> {
    Ok(DraftRow {
        id: DraftId(row.integer("id")?),
        title: row.text("title")?,
        state: row.named("state", DraftState::from_name)?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        changes: row.count("changes")?,
    })
}
