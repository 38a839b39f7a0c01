//! Agents: what they sign in with, when they were last heard of, what runs ask them to read, and the rows that they
//! have handed over so far. Which state follows which is `broker::agent`'s; here each step asks for the one before.

use jiff::Timestamp;
use model::agent::{AgentExport, AgentFacts, AgentToken, ExportOutcome, ExportState, ExportSubject, ExportTask};
use model::ids::{AgentExportId, AgentTokenId, RunId};

use crate::connection::{Row, arguments};
use crate::{Result, Store, StoreError, Tx};

const INSERT_TOKEN: &str = "
    insert into agent_token (id, agent, label, token_hash, created_by, created_at)
    values ($1, $2, $3, $4, $5, $6)";

const REVOKE_TOKEN: &str = "
    update agent_token
    set revoked_by = $2,
        revoked_at = $3
    where id = $1
      and revoked_at is null";

const USE_TOKEN: &str = "
    update agent_token
    set last_used_at = $2
    where id = $1";

macro_rules! token_columns {
    () => {
        "id, agent, label, created_by, created_at, last_used_at, revoked_by, revoked_at from agent_token"
    };
}

const TOKENS: &str = concat!("select ", token_columns!(), " order by agent, id");

const TOKEN: &str = concat!("select ", token_columns!(), " where id = $1");

const TOKEN_BY_HASH: &str = concat!("select ", token_columns!(), " where token_hash = $1");

const HEARD: &str = "
    insert into agent_facts (name, heard_at, version, address)
    values ($1, $2, $3, $4)
    on conflict (name) do update
    set heard_at = excluded.heard_at,
        version = excluded.version,
        address = excluded.address";

/// Who hands rows over is there, and has said before which release it is.
const HEARD_AGAIN: &str = "
    update agent_facts
    set heard_at = $2,
        address = $3
    where name = $1";

const HEARD_AT: &str = "
    select heard_at
    from agent_facts
    where name = $1";

const FACTS: &str = "
    select name, heard_at, version, address
    from agent_facts
    order by name";

macro_rules! export_columns {
    () => {
        "id, agent, run_id, kind, subject, state, attempt, requested_at, taken_at, lease_until, heard_at, row_count,
         cast(outcome as text) as outcome, given_up_because, finished_at"
    };
}

/// All that are over but the newest, which pages show.
const FORGET_EXPORTS: &str = "
    delete from agent_export
    where agent = $1
      and kind = $2
      and subject = $3
      and state in ('failed', 'taken_over', 'given_up')
      and id < (
        select max(newest.id)
        from agent_export newest
        where newest.agent = $1
          and newest.kind = $2
          and newest.subject = $3
          and newest.state in ('failed', 'taken_over', 'given_up')
      )";

const INSERT_EXPORT: &str = "
    with input as materialized (select value from json_each($7))
    insert into agent_export (
      id, agent, run_id, step, kind, subject, state, attempt, task, requested_at, row_count, byte_count
    )
    select $1, $2, $3, $4, $5, $6, 'waiting', 0, value, $8, 0, 0
    from input";

/// What is to be read and nobody reads, or whose reader is not heard of any more; $2 is now.
macro_rules! is_due {
    () => {
        "(state = 'waiting' or (state = 'reading' and lease_until < $2))"
    };
}

/// The oldest that is due. Of two that ask at the same time the second finds it taken.
const CLAIM: &str = concat!(
    "
    update agent_export
    set state = 'reading',
        attempt = attempt + 1,
        taken_at = $2,
        lease_until = $3,
        heard_at = $2,
        row_count = 0,
        byte_count = 0
    where id = (select min(id) from agent_export where agent = $1 and ",
    is_due!(),
    ")
      and ",
    is_due!(),
    "
    returning cast(task as text) as task, ",
    export_columns!()
);

const DELETE_PAGES: &str = "
    delete from agent_page
    where export_id = $1";

/// Holds the row, so that of two calls about one export the second sees what the first did.
const HEARD_OF_EXPORT: &str = "
    update agent_export
    set heard_at = $4,
        lease_until = $5
    where id = $1
      and agent = $2
      and attempt = $3
      and state = 'reading'
    returning byte_count";

const HAS_PAGE: &str = "
    select count(*) as known
    from agent_page
    where export_id = $1
      and number = $2";

const INSERT_PAGE: &str = "
    insert into agent_page (export_id, number, body)
    values ($1, $2, $3)
    on conflict (export_id, number) do nothing";

const COUNT_ROWS: &str = "
    update agent_export
    set row_count = row_count + $2,
        byte_count = byte_count + $3
    where id = $1";

/// Numbered from 1 without gaps: as many as the greatest number says.
const PAGES: &str = "
    select count(*) as pages, coalesce(max(number), 0) as last
    from agent_page
    where export_id = $1";

/// Of one that is held.
const FINISH: &str = "
    with input as materialized (select value from json_each($3))
    update agent_export
    set state = $2,
        outcome = input.value,
        lease_until = null,
        finished_at = $4
    from input
    where agent_export.id = $1";

const TAKE_OVER: &str = "
    update agent_export
    set state = 'taken_over'
    where id = $1
      and state = 'complete'";

const GIVE_UP: &str = "
    update agent_export
    set state = 'given_up',
        lease_until = null,
        finished_at = $3,
        given_up_because = $2
    where id = $1
      and state in ('waiting', 'reading')";

macro_rules! open_exports {
    () => {
        "run_id = $1
      and state in ('waiting', 'reading', 'complete')"
    };
}

const DELETE_PAGES_OF_RUN: &str = concat!(
    "
    delete from agent_page
    where export_id in (select id from agent_export where ",
    open_exports!(),
    ")"
);

const GIVE_UP_OF_RUN: &str = concat!(
    "
    update agent_export
    set state = 'given_up',
        lease_until = null,
        finished_at = $2,
        given_up_because = $3
    where ",
    open_exports!()
);

const EXPORT: &str = concat!("select ", export_columns!(), " from agent_export where id = $1");

const OPEN_EXPORT: &str = concat!(
    "select ",
    export_columns!(),
    "
    from agent_export
    where ",
    open_exports!(),
    "
      and step = $2
      and kind = $3
      and subject = $4"
);

const LAST_EXPORT: &str = concat!(
    "select ",
    export_columns!(),
    "
    from agent_export
    where agent = $1
      and kind = $2
      and subject = $3
      and state not in ('waiting', 'reading')
    order by id desc
    limit 1"
);

const EXPORTS: &str = concat!("select ", export_columns!(), " from agent_export order by id");

const IS_DUE: &str = concat!("select count(*) from agent_export where agent = $1 and ", is_due!());

const BODY: &str = "
    select body
    from agent_page
    where export_id = $1
      and number = $2";

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKept {
    Now,
    /// It was there already; nothing was changed.
    Before,
    /// The export is not being read in this attempt by this agent.
    Refused,
    /// With it the export would be larger than it may be; nothing was kept of it.
    TooLarge,
}

/// A page of rows.
#[derive(Clone, Copy, Debug)]
pub struct NewPage<'a> {
    pub number: u32,
    pub rows: usize,
    pub body: &'a str,
}

/// An attempt to read an export, by an agent that is heard of at `now`: its lease goes on until `until`.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub id: AgentExportId,
    pub agent: &'a str,
    pub number: u32,
    pub now: Timestamp,
    pub until: Timestamp,
}

/// What became of the end of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportEnd {
    Kept,
    /// It had ended in this way already.
    Before,
    Refused,
    /// So many pages are there, and not those that were said to be.
    Incomplete {
        pages: u64,
    },
}

/// A reading to ask for.
#[derive(Clone, Debug)]
pub struct NewExport<'a> {
    pub id: AgentExportId,
    pub agent: &'a str,
    pub run: RunId,
    pub step: &'a str,
    pub task: &'a ExportTask,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `agent_token_hash` where there is this one already.
    pub async fn insert_agent_token(
        &mut self,
        id: AgentTokenId,
        agent: &str,
        label: &str,
        hash: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(INSERT_TOKEN, arguments![id.0, agent, label, hash, by, at]).await?;
        Ok(())
    }

    /// Answers whether it was in force.
    pub async fn revoke_agent_token(&mut self, id: AgentTokenId, by: &str, at: Timestamp) -> Result<bool> {
        Ok(self.execute(REVOKE_TOKEN, arguments![id.0, by, at]).await? > 0)
    }

    /// Notes that an agent asked.
    pub async fn agent_heard(&mut self, token: AgentTokenId, facts: &AgentFacts) -> Result<()> {
        self.execute(USE_TOKEN, arguments![token.0, facts.heard_at]).await?;
        let arguments = arguments![facts.name.as_str(), facts.heard_at, facts.version.as_str(), facts.address.as_str()];
        self.execute(HEARD, arguments).await?;
        Ok(())
    }

    /// Notes that an agent that has asked before is still there, whatever it says.
    pub async fn agent_heard_again(
        &mut self,
        token: AgentTokenId,
        name: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(USE_TOKEN, arguments![token.0, now]).await?;
        self.execute(HEARD_AGAIN, arguments![name, now, address]).await?;
        Ok(())
    }

    /// Asks for a reading. Earlier ones of the same go, but for the newest that is over.
    ///
    /// # Errors
    /// `Conflict` with `agent_export_one_open` where the step has asked already.
    pub async fn request_export(&mut self, export: &NewExport<'_>, at: Timestamp) -> Result<()> {
        let subject = export.task.subject();
        let (agent, kind, name) = (export.agent, subject.kind(), subject.name().to_owned());
        self.execute(FORGET_EXPORTS, arguments![agent, kind, name.as_str()]).await?;
        let task = crate::connection::payload(&[export.task])?;
        let arguments = arguments![export.id.0, agent, export.run.0, export.step, kind, name.as_str(), task, at];
        self.execute(INSERT_EXPORT, arguments).await?;
        Ok(())
    }

    /// Gives the agent the oldest reading that it is asked for and that nobody carries out, from its beginning.
    pub async fn claim_export(
        &mut self,
        agent: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(AgentExport, ExportTask)>> {
        let Some(row) = self.row(CLAIM, arguments![agent, now, until]).await? else { return Ok(None) };
        let (export, task) = (export(&row)?, row.json("task")?);
        self.execute(DELETE_PAGES, arguments![export.id.0]).await?;
        Ok(Some((export, task)))
    }

    /// Notes that an export goes on; false where it is not being read in this attempt by this agent.
    pub async fn export_goes_on(&mut self, attempt: &Attempt<'_>) -> Result<bool> {
        Ok(self.hold_export(attempt).await?.is_some())
    }

    /// The bytes that are there, where it is being read in this attempt by this agent.
    async fn hold_export(&mut self, attempt: &Attempt<'_>) -> Result<Option<u64>> {
        let Attempt { id, agent, number, now, until } = *attempt;
        let row = self.row(HEARD_OF_EXPORT, arguments![id.0, agent, number, now, until]).await?;
        row.map(|row| row.count("byte_count")).transpose()
    }

    /// Keeps a page of rows, once; all pages together have at most so many bytes.
    pub async fn keep_page(&mut self, attempt: &Attempt<'_>, page: NewPage<'_>, most: u64) -> Result<PageKept> {
        let Some(kept) = self.hold_export(attempt).await? else { return Ok(PageKept::Refused) };
        let (id, bytes) = (attempt.id.0, page.body.len() as u64);
        if kept.saturating_add(bytes) > most {
            let known = self.row(HAS_PAGE, arguments![id, page.number]).await?;
            let is_known = known.map(|row| row.count("known")).transpose()?.is_some_and(|known| known > 0);
            return Ok(if is_known { PageKept::Before } else { PageKept::TooLarge });
        }
        if self.execute(INSERT_PAGE, arguments![id, page.number, page.body]).await? == 0 {
            return Ok(PageKept::Before);
        }
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.execute(COUNT_ROWS, arguments![id, count(page.rows as u64), count(bytes)]).await?;
        Ok(PageKept::Now)
    }

    /// Ends an export as the agent says. Rows of one that failed are thrown away; one that lacks rows goes on.
    pub async fn finish_export(&mut self, attempt: &Attempt<'_>, outcome: &ExportOutcome) -> Result<ExportEnd> {
        let id = attempt.id.0;
        if !self.export_goes_on(attempt).await? {
            let known = self.row(EXPORT, arguments![id]).await?.map(|row| export(&row)).transpose()?;
            let is_same = known.is_some_and(|known| {
                known.agent == attempt.agent
                    && known.attempt == attempt.number
                    && known.outcome.as_ref() == Some(outcome)
            });
            return Ok(if is_same { ExportEnd::Before } else { ExportEnd::Refused });
        }
        let state = match outcome {
            ExportOutcome::Complete { pages, .. } => {
                let row = self.row(PAGES, arguments![id]).await?;
                let row = row.ok_or_else(|| StoreError::Corrupt { what: "a count came without a row".into() })?;
                let (kept, last) = (row.count("pages")?, row.count("last")?);
                if kept != u64::from(*pages) || last != kept {
                    return Ok(ExportEnd::Incomplete { pages: kept });
                }
                ExportState::Complete
            }
            ExportOutcome::Failed { .. } | ExportOutcome::Refused { .. } => {
                self.execute(DELETE_PAGES, arguments![id]).await?;
                ExportState::Failed
            }
        };
        let outcome = crate::connection::payload(&[outcome])?;
        self.execute(FINISH, arguments![id, state.name(), outcome, attempt.now]).await?;
        Ok(ExportEnd::Kept)
    }

    /// The run has the rows, and they go; false where it was not complete.
    pub async fn take_export_over(&mut self, id: AgentExportId) -> Result<bool> {
        if self.execute(TAKE_OVER, arguments![id.0]).await? == 0 {
            return Ok(false);
        }
        self.execute(DELETE_PAGES, arguments![id.0]).await?;
        Ok(true)
    }

    /// Waits for an export no longer; false where it had ended.
    pub async fn give_export_up(&mut self, id: AgentExportId, why: &str, at: Timestamp) -> Result<bool> {
        if self.execute(GIVE_UP, arguments![id.0, why, at]).await? == 0 {
            return Ok(false);
        }
        self.execute(DELETE_PAGES, arguments![id.0]).await?;
        Ok(true)
    }

    /// Ends what a run that is over has asked for and not taken over, with all rows.
    pub(crate) async fn give_exports_of_run_up(&mut self, run: RunId, at: Timestamp) -> Result<()> {
        self.execute(DELETE_PAGES_OF_RUN, arguments![run.0]).await?;
        self.execute(GIVE_UP_OF_RUN, arguments![run.0, at, "The run that asked for it has ended."]).await?;
        Ok(())
    }
}

impl Store {
    /// By agent, the oldest first; revoked ones as well.
    pub async fn agent_tokens(&self) -> Result<Vec<AgentToken>> {
        self.reader().await?.read(TOKENS, arguments![], |row| token(&row)).await
    }

    pub async fn agent_token(&self, id: AgentTokenId) -> Result<Option<AgentToken>> {
        self.reader().await?.row(TOKEN, arguments![id.0]).await?.map(|row| token(&row)).transpose()
    }

    /// Revoked ones as well: who is refused is told why.
    pub async fn agent_token_by_hash(&self, hash: &str) -> Result<Option<AgentToken>> {
        self.reader().await?.row(TOKEN_BY_HASH, arguments![hash]).await?.map(|row| token(&row)).transpose()
    }

    /// When an agent was last heard of.
    pub async fn agent_heard_at(&self, name: &str) -> Result<Option<Timestamp>> {
        let row = self.reader().await?.row(HEARD_AT, arguments![name]).await?;
        row.map(|row| row.time("heard_at")).transpose()
    }

    /// Of all that were ever heard of, by name.
    pub async fn agent_facts(&self) -> Result<Vec<AgentFacts>> {
        let read = |row: Row| {
            Ok(AgentFacts {
                name: row.text("name")?,
                heard_at: row.time("heard_at")?,
                version: row.text("version")?,
                address: row.text("address")?,
            })
        };
        self.reader().await?.read(FACTS, arguments![], read).await
    }

    pub async fn agent_export(&self, id: AgentExportId) -> Result<Option<AgentExport>> {
        self.reader().await?.row(EXPORT, arguments![id.0]).await?.map(|row| export(&row)).transpose()
    }

    /// What a step of a run has asked for and not taken over yet.
    pub async fn open_export(&self, run: RunId, step: &str, subject: &ExportSubject) -> Result<Option<AgentExport>> {
        let arguments = arguments![run.0, step, subject.kind(), subject.name()];
        self.reader().await?.row(OPEN_EXPORT, arguments).await?.map(|row| export(&row)).transpose()
    }

    /// Whether the agent is asked for anything that nobody carries out.
    pub async fn is_export_due(&self, agent: &str, now: Timestamp) -> Result<bool> {
        Ok(self.reader().await?.number(IS_DUE, arguments![agent, now]).await? > 0)
    }

    /// All that are kept, the oldest first.
    pub async fn agent_exports(&self) -> Result<Vec<AgentExport>> {
        self.reader().await?.read(EXPORTS, arguments![], |row| export(&row)).await
    }

    /// The newest that the agent has nothing to do with any more.
    pub async fn last_export(&self, agent: &str, subject: &ExportSubject) -> Result<Option<AgentExport>> {
        let arguments = arguments![agent, subject.kind(), subject.name()];
        self.reader().await?.row(LAST_EXPORT, arguments).await?.map(|row| export(&row)).transpose()
    }

    /// A page of an export as JSON.
    pub async fn export_page(&self, id: AgentExportId, number: u32) -> Result<Option<String>> {
        let row = self.reader().await?.row(BODY, arguments![id.0, number]).await?;
        row.map(|row| row.text("body")).transpose()
    }
}

fn token(row: &Row) -> Result<AgentToken> {
    Ok(AgentToken {
        id: AgentTokenId(row.integer("id")?),
        agent: row.text("agent")?,
        label: row.text("label")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        last_used_at: row.optional_time("last_used_at")?,
        revoked_by: row.optional_text("revoked_by")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}

fn export(row: &Row) -> Result<AgentExport> {
    let (kind, state) = (row.text("kind")?, row.text("state")?);
    let unknown = |what: &str, found: &str| StoreError::Corrupt { what: format!("`{found}` is no {what}") };
    Ok(AgentExport {
        id: AgentExportId(row.integer("id")?),
        agent: row.text("agent")?,
        run: RunId(row.integer("run_id")?),
        subject: ExportSubject::from_kind(&kind, row.text("subject")?)
            .ok_or_else(|| unknown("kind of an export", &kind))?,
        state: ExportState::from_name(&state).ok_or_else(|| unknown("state of an export", &state))?,
        attempt: row.small_count("attempt")?,
        requested_at: row.time("requested_at")?,
        taken_at: row.optional_time("taken_at")?,
        lease_until: row.optional_time("lease_until")?,
        heard_at: row.optional_time("heard_at")?,
        rows: row.count("row_count")?,
        outcome: row.optional_json("outcome")?,
        given_up_because: row.optional_text("given_up_because")?,
        finished_at: row.optional_time("finished_at")?,
    })
}
