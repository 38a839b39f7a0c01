//! What runs say about themselves, line by line.

use model::ids::RunId;
use model::job::{LogLevel, RunLogLine};
use model::view::{LogCounts, LogFilter};
use serde::Serialize;

use crate::connection::{CHUNK, Row, arguments, payload};
use crate::{Result, Store, Tx};

const APPEND_LOG: &str = "
    with input as materialized (select value from jsonb_each($2))
    insert into run_log (run_id, sequence, at, level, task, message)
    select
      $1, cast(value ->> 'sequence' as bigint), cast(value ->> 'at' as bigint), value ->> 'level', value ->> 'task',
      value ->> 'message'
    from input";

const LOG_END: &str = "select coalesce(max(sequence), 0) from run_log where run_id = $1";

const LOG: &str = "
    select sequence, at, level, task, message
    from run_log
    where run_id = $1
      and sequence > $2
      and ($4 is null or task = $4)
      and (level = 'error' or (level = 'warning' and $5 <= 1) or $5 = 0)
    order by sequence
    limit $3";

const COUNT_LOG: &str = "
    select level, count(*) as lines
    from run_log
    where run_id = $1
      and ($2 is null or task = $2)
    group by level";

#[derive(Serialize)]
struct LogInput<'a> {
    sequence: i64,
    at: i64,
    level: &'static str,
    task: Option<&'a str>,
    message: &'a str,
}

impl Tx {
    /// The caller gives the sequence, rising within the run.
    pub async fn append_run_log(&mut self, run: RunId, rows: &[RunLogLine]) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> = chunk
                .iter()
                .map(|line| LogInput {
                    sequence: line.sequence,
                    at: line.at.as_microsecond(),
                    level: line.level.name(),
                    task: line.task.as_deref(),
                    message: &line.message,
                })
                .collect();
            self.execute(APPEND_LOG, arguments![run.0, payload(&inputs)?]).await?;
        }
        if rows.is_empty() { Ok(()) } else { self.signal_run(run).await }
    }
}

impl Store {
    /// Sequence of the last line of the run's log; 0 while it has none.
    pub async fn run_log_end(&self, id: RunId) -> Result<i64> {
        self.reader().await?.number(LOG_END, arguments![id.0]).await
    }

    /// Oldest first.
    pub async fn run_log(&self, id: RunId, filter: &LogFilter) -> Result<Vec<RunLogLine>> {
        let least: i64 = match filter.level {
            LogLevel::Information => 0,
            LogLevel::Warning => 1,
            LogLevel::Error => 2,
        };
        let arguments = arguments![id.0, filter.after, filter.limit, filter.task.as_deref(), least];
        self.reader().await?.read(LOG, arguments, |row| log_line(&row)).await
    }

    /// Of one step, or of the whole run.
    pub async fn run_log_counts(&self, id: RunId, task: Option<&str>) -> Result<LogCounts> {
        let read = |row: Row| Ok((row.named("level", LogLevel::from_name)?, row.count("lines")?));
        let mut counts = LogCounts::default();
        for (level, lines) in self.reader().await?.read(COUNT_LOG, arguments![id.0, task], read).await? {
            match level {
                LogLevel::Information => counts.information = lines,
                LogLevel::Warning => counts.warning = lines,
                LogLevel::Error => counts.error = lines,
            }
        }
        Ok(counts)
    }
}

fn log_line(row: &Row) -> Result<RunLogLine> {
    Ok(RunLogLine {
        sequence: row.integer("sequence")?,
        at: row.time("at")?,
        level: row.named("level", LogLevel::from_name)?,
        task: row.optional_text("task")?,
        message: row.text("message")?,
    })
}
