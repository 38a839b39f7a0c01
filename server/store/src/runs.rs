//! Runs of jobs with their tasks, and the queue they wait in.

mod log;
mod preview;
mod schedules;
mod staging;

pub use schedules::JobScheduleRecord;

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::event::{EventBody, EventType};
use model::ids::{ConfigurationVersionId, RunId, UserId};
use model::job::{JobTask, Run, RunMode, RunState, TaskKind, TaskRun, TaskScope};
use model::order::ProvisioningState;
use model::plan::Operation;
use model::view::{RunFilter, RunOrders, RunRow};
use serde::{Deserialize, Serialize};

use crate::connection::{Connection, Row, arguments, numbers, payload};
use crate::events::NewFact;
use crate::{Result, Store, StoreError, Tx};

const INSERT: &str = "
    insert into run (
      id, job, incremental, dry_run, state, active, message, configuration_id, started_by, queued_at, started_at,
      finished_at, cancel_requested, approved_by, rerun_of, scheduled_for
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

const UPDATE: &str = "
    update run
    set state = $2,
        active = $3,
        message = $4,
        configuration_id = $5,
        started_at = $6,
        finished_at = $7,
        approved_by = $8,
        lease_node = case when $3 is null then null else lease_node end,
        lease_until = case when $3 is null then null else lease_until end
    where id = $1";

const PUT_TASKS: &str = "
    with input as materialized (select value from jsonb_each($2))
    insert into task_run (
      run_id, sequence, kind, name, level, settings, state, message, done, total, unit, failed, counts, started_at,
      finished_at
    )
    select
      $1, cast(value ->> 'sequence' as bigint), value ->> 'kind', value ->> 'name', cast(value ->> 'level' as bigint),
      value -> 'settings', value ->> 'state', value ->> 'message', cast(value ->> 'done' as bigint),
      cast(value ->> 'total' as bigint), value ->> 'unit', cast(value ->> 'failed' as bigint), value -> 'counts',
      cast(value ->> 'started_at' as bigint), cast(value ->> 'finished_at' as bigint)
    from input
    where true
    on conflict (run_id, sequence) do update
    set state = excluded.state,
        message = excluded.message,
        done = excluded.done,
        total = excluded.total,
        unit = excluded.unit,
        failed = excluded.failed,
        counts = excluded.counts,
        started_at = excluded.started_at,
        finished_at = excluded.finished_at";

/// The running one where its node has not renewed its lease; where none is running, a run of requests or of answers, which
/// is short and for which people wait, and then the one that waits longest. On PostgreSQL a node that comes second waits for
/// the row and then finds the lease renewed.
const CLAIM: &str = "
    update run
    set state = 'running',
        started_at = coalesce(started_at, $2),
        lease_node = $1,
        lease_until = $3
    where id = (
        select waiting.id
        from run waiting
        where waiting.active = 1
          and (
            (waiting.state = 'running' and (waiting.lease_until is null or waiting.lease_until <= $2))
            or (
              waiting.state = 'queued'
              and not exists (select 1 from run other where other.active = 1 and other.state = 'running')
            )
          )
        order by case when waiting.job in ('request', 'answers') then 0 else 1 end, waiting.id
        limit 1
      )
      and (state = 'queued' or (state = 'running' and (lease_until is null or lease_until <= $2)))
    returning id";

const RENEW: &str = "
    update run
    set lease_until = $3
    where id = $1
      and lease_node = $2
      and state = 'running'";

const GIVE_UP: &str = "
    update run
    set lease_until = null
    where lease_node = $1
      and state = 'running'";

macro_rules! held_run {
    () => {
        "select id
    from run
    where id = $1
      and lease_node = $2
      and state = 'running'"
    };
}

/// PostgreSQL lets others write meanwhile: the shared lock makes whoever takes the run over wait until this has committed.
/// SQLite has one writer.
const HELD_SQLITE: &str = held_run!();
const HELD_POSTGRES: &str = concat!(held_run!(), " for share");

/// What a node breaks that writes for a run which another node has taken over.
pub const RUN_LOST: &str = "run_lost";

const REQUEUE: &str = "
    update run
    set state = 'queued',
        active = 1,
        message = null,
        approved_by = coalesce($2, approved_by),
        finished_at = null
    where id = $1
      and state = 'blocked'";

const REQUEUE_TASKS: &str = "
    update task_run
    set state = 'queued',
        message = null,
        finished_at = null
    where run_id = $1
      and state = 'blocked'";

/// What only waits has nothing under way that would have to end first.
const CANCEL_QUEUED: &str = "
    update run
    set state = 'cancelled',
        active = null,
        message = $2,
        finished_at = $3,
        cancel_requested = true
    where id = $1
      and state = 'queued'";

const JOB: &str = "select job, dry_run from run where id = $1";

const REQUEST_CANCEL: &str = "
    update run
    set cancel_requested = true
    where id = $1
      and active = 1";

const WAITING_SINCE: &str = "select min(queued_at) as at from run where active = 1 and state = 'queued'";

macro_rules! run_columns {
    () => {
        "r.id, r.job, r.incremental, r.dry_run, r.state, r.message, r.configuration_id, r.started_by, r.queued_at,
         r.started_at, r.finished_at, r.cancel_requested, r.approved_by, r.rerun_of, r.scheduled_for,
         u.display_name as starter
    from run r
    left join console_user u on u.id = r.started_by"
    };
}

const BY_ID: &str = concat!("select ", run_columns!(), " where r.id = $1");

const NEWEST: &str = concat!(
    "select ",
    run_columns!(),
    "
    where ($1 is null or r.id < $1)
      and ($3 is null or r.job = $3)
    order by r.id desc
    limit $2"
);

const ACTIVE: &str = concat!(
    "select ",
    run_columns!(),
    "
    where r.active = 1
    order by r.state desc, r.id"
);

const NEWEST_OF_JOBS: &str = concat!(
    "select ",
    run_columns!(),
    "
    where r.id in (select max(newest.id) from run newest group by newest.job)
    order by r.id desc"
);

const RERUNS: &str = concat!(
    "select ",
    run_columns!(),
    "
    where r.rerun_of = $1
    order by r.id"
);

const ACTIVE_OF_JOB: &str = "
    select id
    from run
    where job = $1
      and active = 1";

/// Orders that a run made, by application, operation and the state they are in by now.
const RUN_ORDERS: &str = "
    select application, operation, state, count(*) as orders
    from provisioning_order
    where run_id = $1
    group by application, operation, state
    order by application, operation, state";

const TASKS: &str = "
    select
      run_id, sequence, kind, name, level, cast(settings as text) as settings, state, message, done, total, unit, failed,
      cast(counts as text) as counts, started_at, finished_at
    from task_run
    where run_id in (select cast(value as bigint) from json_each($1))
    order by run_id, sequence";

#[derive(Serialize)]
struct TaskInput<'a> {
    sequence: u32,
    kind: &'static str,
    name: &'a str,
    level: u32,
    settings: SettingsInput<'a>,
    state: &'static str,
    message: Option<&'a str>,
    done: u64,
    total: Option<u64>,
    unit: &'a str,
    failed: u64,
    counts: &'a [(String, i64)],
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

/// What of a task no statement searches in.
#[derive(Serialize)]
struct SettingsInput<'a> {
    after: Option<&'a BTreeSet<String>>,
    scope: &'a TaskScope,
    continue_on_error: bool,
}

/// The same, read back. Runs of the time before jobs could be configured have none.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    after: Option<BTreeSet<String>>,
    scope: TaskScope,
    continue_on_error: bool,
}

impl Tx {
    /// With its tasks.
    ///
    /// # Errors
    /// `Conflict` with `run_one_of_job` while a run of the same job is queued or running, and with `run_once_scheduled`
    /// where that time of the schedule has had its run.
    pub async fn queue_run(&mut self, run: &Run) -> Result<()> {
        let arguments = arguments![
            run.id.0,
            run.job.as_str(),
            run.mode.incremental,
            run.mode.dry_run,
            run.state.name(),
            active(run.state),
            run.message.as_deref(),
            run.configuration.map(|id| id.0),
            run.started_by.map(|id| id.0),
            run.queued_at,
            run.started_at.map(Timestamp::as_microsecond),
            run.finished_at.map(Timestamp::as_microsecond),
            run.cancel_requested,
            run.approved_by.as_deref(),
            run.rerun_of.map(|id| id.0),
            run.scheduled_for.map(Timestamp::as_microsecond),
        ];
        self.execute(INSERT, arguments).await?;
        self.put_tasks(run.id, &run.tasks).await
    }

    /// The run that is next, or whose node has let its lease pass. It is running and this node's afterwards.
    ///
    /// # Errors
    /// `Conflict` with `run_one_running` where another node has been quicker with another run.
    pub async fn claim_run(&mut self, node: &str, now: Timestamp, lease_until: Timestamp) -> Result<Option<Run>> {
        let Some(row) = self.row(CLAIM, arguments![node, now, lease_until]).await? else { return Ok(None) };
        let id = RunId(row.integer("id")?);
        Ok(run_rows(&mut self.connection, RunChoice::One(id)).await?.pop().map(|row| row.run))
    }

    /// False where the run is another node's, or over.
    pub async fn renew_run_lease(&mut self, run: RunId, node: &str, until: Timestamp) -> Result<bool> {
        Ok(self.execute(RENEW, arguments![run.0, node, until]).await? > 0)
    }

    /// Lets go of whatever run the node holds, so that it can be taken up at once: by a node that carries none out.
    pub async fn give_up_runs(&mut self, node: &str) -> Result<u64> {
        self.execute(GIVE_UP, arguments![node]).await
    }

    /// Makes sure that the node still has the run, and keeps it so until the transaction ends: whoever was away for longer
    /// than its lease writes nothing for it any more.
    ///
    /// # Errors
    /// `Conflict` with [`RUN_LOST`] where another node has it by now, or nobody.
    pub async fn hold_run(&mut self, run: RunId, node: &str) -> Result<()> {
        let sql = if self.connection.is_postgres() { HELD_POSTGRES } else { HELD_SQLITE };
        match self.row(sql, arguments![run.0, node]).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::Conflict { constraint: RUN_LOST.to_owned() }),
        }
    }

    /// State, message, configuration, approval, start and end. Not the tasks, nor whether to cancel. With a run that is
    /// over, what it still waited for from agents is.
    pub async fn update_run(&mut self, run: &Run) -> Result<()> {
        let arguments = arguments![
            run.id.0,
            run.state.name(),
            active(run.state),
            run.message.as_deref(),
            run.configuration.map(|id| id.0),
            run.started_at.map(Timestamp::as_microsecond),
            run.finished_at.map(Timestamp::as_microsecond),
            run.approved_by.as_deref(),
        ];
        if self.execute(UPDATE, arguments).await? == 0 {
            return Err(StoreError::NotFound { what: format!("run {}", run.id) });
        }
        if run.state.is_final() {
            let at = run.finished_at.unwrap_or(run.queued_at);
            self.give_exports_of_run_up(run.id, at).await?;
            self.note_facts([ended(run.id, &run.job, run.state, run.mode.dry_run, at)]).await?;
        }
        self.signal_run(run.id).await
    }

    pub async fn update_task(&mut self, run: RunId, task: &TaskRun) -> Result<()> {
        self.put_tasks(run, std::slice::from_ref(task)).await
    }

    /// Lets a run go on that stopped for a decision. Who lets it go beyond a threshold is kept; where nothing of the kind
    /// was decided, there is nobody. False where it is not stopped so.
    ///
    /// # Errors
    /// `Conflict` with `run_one_of_job` while another run of the job is queued or running.
    pub async fn requeue_run(&mut self, run: RunId, approved_by: Option<&str>) -> Result<bool> {
        let requeued = self.execute(REQUEUE, arguments![run.0, approved_by]).await? > 0;
        if requeued {
            self.execute(REQUEUE_TASKS, arguments![run.0]).await?;
            self.signal_run(run).await?;
        }
        Ok(requeued)
    }

    /// Ends a run that only waits, with that message, and asks one that is under way to stop.
    pub async fn cancel_run(&mut self, run: RunId, message: &str, at: Timestamp) -> Result<Cancelled> {
        let cancelled = if self.execute(CANCEL_QUEUED, arguments![run.0, message, at]).await? > 0 {
            self.give_exports_of_run_up(run, at).await?;
            if let Some(row) = self.row(JOB, arguments![run.0]).await? {
                let fact = ended(run, &row.text("job")?, RunState::Cancelled, row.boolean("dry_run")?, at);
                self.note_facts([fact]).await?;
            }
            Cancelled::AtOnce
        } else if self.execute(REQUEST_CANCEL, arguments![run.0]).await? > 0 {
            Cancelled::Asked
        } else {
            Cancelled::Over
        };
        if cancelled != Cancelled::Over {
            self.signal_run(run).await?;
        }
        Ok(cancelled)
    }

    /// The run of that job that is queued or running.
    pub async fn active_run_of(&mut self, job: &str) -> Result<Option<RunId>> {
        let row = self.row(ACTIVE_OF_JOB, arguments![job]).await?;
        row.map(|row| Ok(RunId(row.integer("id")?))).transpose()
    }

    async fn put_tasks(&mut self, run: RunId, tasks: &[TaskRun]) -> Result<()> {
        let inputs: Vec<_> = tasks.iter().map(task_input).collect();
        self.execute(PUT_TASKS, arguments![run.0, payload(&inputs)?]).await?;
        self.signal_run(run).await
    }
}

impl Store {
    /// Since when the run waits that waits longest; none where no run waits.
    pub async fn run_waiting_since(&self) -> Result<Option<Timestamp>> {
        let row = self.reader().await?.row(WAITING_SINCE, arguments![]).await?;
        row.map_or(Ok(None), |row| row.optional_time("at"))
    }

    pub async fn run(&self, id: RunId) -> Result<Option<Run>> {
        Ok(self.run_row(id).await?.map(|row| row.run))
    }

    pub async fn run_row(&self, id: RunId) -> Result<Option<RunRow>> {
        Ok(run_rows(&mut self.snapshot().await?, RunChoice::One(id)).await?.pop())
    }

    /// Newest first.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>> {
        run_rows(&mut self.snapshot().await?, RunChoice::Newest(filter)).await
    }

    /// The run under way, and those that wait, in the order in which they begin.
    pub async fn active_runs(&self) -> Result<Vec<RunRow>> {
        run_rows(&mut self.snapshot().await?, RunChoice::Active).await
    }

    /// The newest run of each job that ever ran.
    pub async fn newest_runs_of_jobs(&self) -> Result<Vec<RunRow>> {
        run_rows(&mut self.snapshot().await?, RunChoice::NewestOfJobs).await
    }

    /// Runs that do the rest of this one, oldest first.
    pub async fn reruns(&self, id: RunId) -> Result<Vec<RunRow>> {
        run_rows(&mut self.snapshot().await?, RunChoice::RerunsOf(id)).await
    }

    /// Orders that a run made.
    pub async fn run_orders(&self, id: RunId) -> Result<Vec<RunOrders>> {
        let read = |row: Row| {
            Ok(RunOrders {
                application: row.text("application")?,
                operation: row.named("operation", Operation::from_name)?,
                state: row.numbered("state", ProvisioningState::from_number)?,
                count: row.count("orders")?,
            })
        };
        self.reader().await?.read(RUN_ORDERS, arguments![id.0], read).await
    }
}

/// What became of the wish to end a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It only waited, and is over.
    AtOnce,
    /// It stops after what is under way.
    Asked,
    /// It was over already.
    Over,
}

/// Which runs to read.
pub(crate) enum RunChoice<'a> {
    One(RunId),
    Newest(&'a RunFilter),
    Active,
    NewestOfJobs,
    RerunsOf(RunId),
}

/// With their tasks.
pub(crate) async fn run_rows(connection: &mut Connection, choice: RunChoice<'_>) -> Result<Vec<RunRow>> {
    let read = |row: Row| run_row(&row);
    let mut rows = match choice {
        RunChoice::One(id) => connection.read(BY_ID, arguments![id.0], read).await?,
        RunChoice::Newest(RunFilter { job, before, limit }) => {
            let arguments = arguments![before.map(|id| id.0), *limit, job.as_deref()];
            connection.read(NEWEST, arguments, read).await?
        }
        RunChoice::Active => connection.read(ACTIVE, arguments![], read).await?,
        RunChoice::NewestOfJobs => connection.read(NEWEST_OF_JOBS, arguments![], read).await?,
        RunChoice::RerunsOf(id) => connection.read(RERUNS, arguments![id.0], read).await?,
    };
    let ids = numbers(rows.iter().map(|row| row.run.id.0));
    for (run, task) in connection.read(TASKS, arguments![ids], |row| task(&row)).await? {
        if let Some(row) = rows.iter_mut().find(|row| row.run.id == run) {
            row.run.tasks.push(task);
        }
    }
    Ok(rows)
}

fn active(state: RunState) -> Option<i64> {
    (!state.is_final()).then_some(1)
}

fn ended(run: RunId, job: &str, state: RunState, is_dry: bool, at: Timestamp) -> NewFact {
    let mut body = EventBody::new(EventType::RunEnded, at).with("job", job).with("state", state.name());
    if is_dry {
        body = body.with("dry_run", true);
    }
    body.run = Some(run);
    NewFact::new(body)
}

fn task_input(task: &TaskRun) -> TaskInput<'_> {
    TaskInput {
        sequence: task.sequence,
        kind: task.task.kind.name(),
        name: &task.task.name,
        level: task.task.level,
        settings: SettingsInput {
            after: task.task.after.as_ref(),
            scope: &task.task.scope,
            continue_on_error: task.task.continue_on_error,
        },
        state: task.state.name(),
        message: task.message.as_deref(),
        done: task.done,
        total: task.total,
        unit: &task.unit,
        failed: task.failed,
        counts: &task.counts,
        started_at: task.started_at.map(Timestamp::as_microsecond),
        finished_at: task.finished_at.map(Timestamp::as_microsecond),
    }
}

fn run_row(row: &Row) -> Result<RunRow> {
    let run = Run {
        id: RunId(row.integer("id")?),
        job: row.text("job")?,
        mode: RunMode { incremental: row.boolean("incremental")?, dry_run: row.boolean("dry_run")? },
        state: row.named("state", RunState::from_name)?,
        message: row.optional_text("message")?,
        configuration: row.optional_integer("configuration_id")?.map(ConfigurationVersionId),
        started_by: row.optional_integer("started_by")?.map(UserId),
        queued_at: row.time("queued_at")?,
        started_at: row.optional_time("started_at")?,
        finished_at: row.optional_time("finished_at")?,
        cancel_requested: row.boolean("cancel_requested")?,
        approved_by: row.optional_text("approved_by")?,
        rerun_of: row.optional_integer("rerun_of")?.map(RunId),
        scheduled_for: row.optional_time("scheduled_for")?,
        tasks: Vec::new(),
    };
    // What a job is called is configuration; whoever knows it puts it in.
    Ok(RunRow { job_label: run.job.clone(), run, started_by: row.optional_text("starter")? })
}

fn task(row: &Row) -> Result<(RunId, TaskRun)> {
    let total = row.optional_integer("total")?;
    let Settings { after, scope, continue_on_error } = row.json("settings")?;
    let task = TaskRun {
        sequence: row.small_count("sequence")?,
        task: JobTask {
            name: row.text("name")?,
            kind: row.named("kind", TaskKind::from_name)?,
            level: row.small_count("level")?,
            after,
            scope,
            continue_on_error,
        },
        state: row.named("state", RunState::from_name)?,
        message: row.optional_text("message")?,
        done: row.count("done")?,
        total: total.map(|_| row.count("total")).transpose()?,
        unit: row.text("unit")?,
        failed: row.count("failed")?,
        counts: row.json("counts")?,
        started_at: row.optional_time("started_at")?,
        finished_at: row.optional_time("finished_at")?,
    };
    Ok((RunId(row.integer("run_id")?), task))
}
