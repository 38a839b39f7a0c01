//! What a run has read and not taken over yet: rows as text, by origin and key.

use model::ids::RunId;
use serde::Serialize;

use crate::connection::{CHUNK, Row, arguments, payload};
use crate::{Result, Store, Tx};

/// By way of the runs, of which there are few: staged rows are found by run and origin.
const STAGED_RUN: &str = "
    select max(r.id) as id
    from run r
    where exists (select 1 from staged_row s where s.run_id = r.id and s.origin = $1)";

const STAGE: &str = "
    with input as materialized (select value from jsonb_each($3))
    insert into staged_row (run_id, origin, key, body)
    select $1, $2, value ->> 'key', value ->> 'body'
    from input
    where true
    on conflict (run_id, origin, key) do update
    set body = excluded.body";

const CLEAR_STAGE: &str = "
    delete from staged_row
    where run_id <= $1
      and ($2 is null or origin = $2)";

const STAGED: &str = "
    select key, body
    from staged_row
    where run_id = $1
      and origin = $2
    order by key";

#[derive(Serialize)]
struct StagedInput<'a> {
    key: &'a str,
    body: &'a str,
}

impl Tx {
    /// Rows read from one origin, by key; what was staged under the same key before is replaced.
    pub async fn stage(&mut self, run: RunId, origin: &str, rows: &[(String, String)]) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> = chunk.iter().map(|(key, body)| StagedInput { key, body }).collect();
            self.execute(STAGE, arguments![run.0, origin, payload(&inputs)?]).await?;
        }
        Ok(())
    }

    /// Of one origin, or of all: what this run read, and what earlier ones left, which is older than what is known now.
    pub async fn clear_stage(&mut self, run: RunId, origin: Option<&str>) -> Result<()> {
        self.execute(CLEAR_STAGE, arguments![run.0, origin]).await?;
        Ok(())
    }
}

impl Store {
    /// The newest run that has rows of the origin in the staging area.
    pub async fn staged_run(&self, origin: &str) -> Result<Option<RunId>> {
        let row = self.reader().await?.row(STAGED_RUN, arguments![origin]).await?;
        Ok(row.map(|row| row.optional_integer("id")).transpose()?.flatten().map(RunId))
    }

    /// By key.
    pub async fn staged(&self, run: RunId, origin: &str) -> Result<Vec<(String, String)>> {
        let read = |row: Row| Ok((row.text("key")?, row.text("body")?));
        self.reader().await?.read(STAGED, arguments![run.0, origin], read).await
    }
}
