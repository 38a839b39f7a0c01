//! What a run would do: of a dry run, or of one that a threshold stopped.

use model::ids::RunId;
use model::page::Page;
use model::view::{PreviewFilter, PreviewGroup, PreviewLine};

use crate::connection::{CHUNK, Row, arguments, payload};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, Tx};

const DELETE_PREVIEW: &str = "
    delete from preview_line
    where run_id = $1";

const INSERT_PREVIEW: &str = "
    with input as materialized (select key, value from json_each($3))
    insert into preview_line (run_id, sequence, identity_id, account_type, operation, body)
    select
      $1, $2 + key, cast(value ->> 'identity' as bigint), value ->> 'account_type', value ->> 'operation', value
    from input";

const PREVIEW: &str = "
    select sequence, cast(body as text) as body
    from preview_line
    where run_id = $1
      and sequence > $2
      and ($4 is null or account_type = $4)
      and ($5 is null or operation = $5)
    order by sequence
    limit $3";

const COUNT_PREVIEW: &str = "
    select count(*)
    from (
      select 1
      from preview_line
      where run_id = $1
        and ($3 is null or account_type = $3)
        and ($4 is null or operation = $4)
      limit $2
    ) as found";

const GROUP_PREVIEW: &str = "
    select account_type, operation, count(*) as lines
    from preview_line
    where run_id = $1
    group by account_type, operation
    order by account_type, operation";

const WHOLE_PREVIEW: &str = "
    select cast(body as text) as body
    from preview_line
    where run_id = $1
    order by sequence";

impl Tx {
    /// Replaces the run's preview.
    pub async fn put_preview(&mut self, run: RunId, rows: &[PreviewLine]) -> Result<()> {
        self.execute(DELETE_PREVIEW, arguments![run.0]).await?;
        let mut first: i64 = 1;
        for chunk in rows.chunks(CHUNK) {
            self.execute(INSERT_PREVIEW, arguments![run.0, first, payload(chunk)?]).await?;
            first += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        }
        Ok(())
    }
}

impl Store {
    /// Lines after that number, from 0. The page's `next` is the number to go on with.
    pub async fn preview(&self, run: RunId, filter: &PreviewFilter) -> Result<Page<PreviewLine>> {
        let (account_type, operation) = (filter.account_type.as_deref(), filter.operation.as_deref());
        let limit = Some(filter.limit);
        let mut connection = self.snapshot().await?;
        let total = connection.number(COUNT_PREVIEW, arguments![run.0, count_limit(), account_type, operation]).await?;
        let read = |row: Row| Ok((row.integer("sequence")?, row.json("body")?));
        let wanted = arguments![run.0, filter.after, rows_to_read(limit), account_type, operation];
        let rows = connection.read(PREVIEW, wanted, read).await?;
        let found = page(rows, limit, total, |(sequence, _)| sequence.to_string());
        Ok(Page {
            rows: found.rows.into_iter().map(|(_, line)| line).collect(),
            next: found.next,
            total: found.total,
            more: found.more,
        })
    }

    /// How many lines there are of each account type and operation.
    pub async fn preview_groups(&self, run: RunId) -> Result<Vec<PreviewGroup>> {
        let read = |row: Row| {
            Ok(PreviewGroup {
                account_type: row.text("account_type")?,
                operation: row.text("operation")?,
                lines: row.count("lines")?,
            })
        };
        self.reader().await?.read(GROUP_PREVIEW, arguments![run.0], read).await
    }

    /// Every line, in order.
    pub async fn whole_preview(&self, run: RunId) -> Result<Vec<PreviewLine>> {
        self.reader().await?.read(WHOLE_PREVIEW, arguments![run.0], |row| row.json("body")).await
    }
}
