//! How far each job's schedule has been followed.

use jiff::Timestamp;
use serde::Serialize;

use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, Tx};

const ALL: &str = "
    select job, cron, time_zone, decided_until, skipped_at, skipped_because
    from job_schedule
    order by job";

/// A job that is seen for the first time, or with another schedule: nothing of the past is decided by it.
const BEGIN: &str = "
    insert into job_schedule (job, cron, time_zone, decided_until)
    values ($1, $2, $3, $4)
    on conflict (job) do update
    set cron = excluded.cron,
        time_zone = excluded.time_zone,
        decided_until = excluded.decided_until,
        skipped_at = null,
        skipped_because = null
    where job_schedule.cron <> excluded.cron
      or job_schedule.time_zone <> excluded.time_zone";

/// Of several nodes that see a time pass one finds the row as it read it; on PostgreSQL the others wait for it.
const ADVANCE: &str = "
    update job_schedule
    set decided_until = $3,
        skipped_at = $4,
        skipped_because = $5
    where job = $1
      and decided_until = $2";

const FORGET: &str = "
    delete from job_schedule
    where job not in (select value ->> 'job' from jsonb_each($1))";

#[derive(Serialize)]
struct JobInput<'a> {
    job: &'a str,
}

/// A job's schedule, and up to when it has been followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobScheduleRecord {
    pub job: String,
    pub cron: String,
    pub time_zone: String,
    /// What becomes of every time up to this one has been decided.
    pub decided_until: Timestamp,
    /// A time that did not lead to a run, and why, while no later one did.
    pub skipped: Option<(Timestamp, String)>,
}

impl Tx {
    /// Begins to follow a schedule, from `now` on. One that is followed already, and is the same, goes on.
    pub async fn follow_job_schedule(&mut self, job: &str, cron: &str, time_zone: &str, now: Timestamp) -> Result<()> {
        self.execute(BEGIN, arguments![job, cron, time_zone, now]).await?;
        Ok(())
    }

    /// Takes the decision about the times between `from` and `until`: false where somebody else has taken it.
    pub async fn advance_job_schedule(
        &mut self,
        job: &str,
        from: Timestamp,
        until: Timestamp,
        skipped: Option<&(Timestamp, String)>,
    ) -> Result<bool> {
        let at = skipped.map(|(at, _)| at.as_microsecond());
        let because = skipped.map(|(_, because)| because.as_str());
        Ok(self.execute(ADVANCE, arguments![job, from, until, at, because]).await? > 0)
    }

    /// Forgets the schedules of all jobs but these: one that comes back begins anew.
    pub async fn forget_job_schedules_but(&mut self, jobs: &[&str]) -> Result<()> {
        let jobs: Vec<JobInput<'_>> = jobs.iter().map(|job| JobInput { job }).collect();
        self.execute(FORGET, arguments![payload(&jobs)?]).await?;
        Ok(())
    }
}

impl Store {
    /// By job.
    pub async fn job_schedules(&self) -> Result<Vec<JobScheduleRecord>> {
        let read = |row: Row| {
            let at = row.optional_time("skipped_at")?;
            let because = row.optional_text("skipped_because")?;
            Ok(JobScheduleRecord {
                job: row.text("job")?,
                cron: row.text("cron")?,
                time_zone: row.text("time_zone")?,
                decided_until: row.time("decided_until")?,
                skipped: at.zip(because),
            })
        };
        self.reader().await?.read(ALL, arguments![], read).await
    }
}
