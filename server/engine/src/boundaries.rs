//! What a new day brings: as soon as it begins where the organisation is, a run starts for those, and only those, for whom a
//! period opens or closes, or a lifecycle state goes on. The days stand in the role model's index of boundaries; nothing is
//! scanned, and a day that concerns nobody starts nothing.
//!
//! The database keeps up to which day that has been seen to (`boundary`). The mark moves on when the plans of a run are written,
//! so that a run that failed is made again, and days that passed while no process was there are made up by one run. The runs
//! are those of the job `day-change`: where the configuration gives it a schedule, that starts them instead; where it disables
//! it, nothing does but the runs of other jobs.

use jiff::civil::Date;
use model::ids::{IdentityId, RunId};
use model::job::{DAY_CHANGE, Job, Run, RunMode, RunState};
use model::view::{AuditLine, RunFilter};
use store::StoreError;

use crate::Engine;
use crate::error::OpenError;
use crate::jobs::{may_queue_own, queued};

/// Starts the run of a day that has begun, once. `seen` is the last day that this process knows to be seen to.
pub(crate) async fn fire(engine: &Engine, jobs: &[Job], seen: &mut Option<Date>) -> Result<Option<RunId>, StoreError> {
    let today = engine.today();
    if seen.is_some_and(|seen| seen >= today) {
        return Ok(None);
    }
    let decided = engine.store().boundaries_decided().await?;
    let Some(decided) = decided else {
        decide(engine, None, today).await?;
        return Ok(None);
    };
    if decided >= today {
        *seen = Some(decided);
        return Ok(None);
    }
    let job = jobs.iter().find(|job| job.name == DAY_CHANGE);
    let Some(job) = job.filter(|job| job.enabled && job.schedule.is_none()) else { return Ok(None) };
    if !may_queue_own(engine, DAY_CHANGE, false).await? {
        return Ok(None);
    }
    let midnight = today.to_zoned(engine.world().time_zone()).map_or(engine.now(), |zoned| zoned.timestamp());
    let last =
        engine.store().runs(&RunFilter { job: Some(DAY_CHANGE.to_owned()), before: None, limit: 1 }).await?.pop();
    let last = last.map(|row| row.run).filter(|run| run.queued_at >= midnight && !run.mode.dry_run);
    if last.as_ref().is_some_and(|run| matches!(run.state, RunState::Completed | RunState::Warning)) {
        // It does all that the configuration lets it do; the same once more would not do more.
        decide(engine, Some(decided), today).await?;
        return Ok(None);
    }
    let concerned = match concerned(engine, today).await {
        Ok(concerned) => concerned,
        Err(OpenError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "What a new day brings cannot be told");
            return Ok(None);
        }
    };
    if concerned.is_empty() {
        decide(engine, Some(decided), today).await?;
        return Ok(None);
    }
    // One that failed is made again, beside the one of that time.
    let time = Some(midnight).filter(|_| last.is_none());
    let mode = RunMode { incremental: true, dry_run: false };
    let id = RunId(engine.store().reserve_ids(1).await?.start);
    let run = Run { scheduled_for: time, ..queued(id, &job.name, &job.tasks, mode, engine.now()) };
    start(engine, run, today, concerned.len()).await
}

async fn start(engine: &Engine, run: Run, today: Date, people: usize) -> Result<Option<RunId>, StoreError> {
    let (id, job) = (run.id, run.job.clone());
    let audit = AuditLine {
        at: run.queued_at,
        actor: "schedule".into(),
        action: "run".into(),
        subject: id.to_string(),
        detail: format!("started {job} for {people} people, as of {today}"),
    };
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.queue_run(&run).await?;
            tx.append_audit(&audit).await
        })
    });
    match work.await {
        Ok(()) => {}
        // Another node was quicker, or a person.
        Err(StoreError::Conflict { constraint })
            if ["run_one_of_job", "run_once_scheduled"].contains(&&*constraint) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    tracing::info!(job, run.id = %id, day = %today, people, "A new day started run {id}");
    engine.wake().notify_one();
    Ok(Some(id))
}

/// Those for whom something opens, closes or goes on since the last day that was seen to. Everybody is looked at as the
/// database has them; none where no day was ever seen to.
pub(crate) async fn concerned(engine: &Engine, today: Date) -> Result<Vec<IdentityId>, OpenError> {
    engine.follow().await?;
    let decided = engine.store().boundaries_decided().await?;
    Ok(decided.map_or_else(Vec::new, |decided| {
        engine.world().with_population(|population| population.engine.concerned(decided, today))
    }))
}

/// All that a run had to do about the days up to this one is planned.
pub(crate) async fn note(engine: &Engine, day: Date) -> Result<(), StoreError> {
    let decided = engine.store().boundaries_decided().await?;
    if decided.is_none_or(|decided| decided < day) {
        decide(engine, decided, day).await?;
    }
    Ok(())
}

async fn decide(engine: &Engine, from: Option<Date>, until: Date) -> Result<(), StoreError> {
    engine.store().write(move |tx| Box::pin(async move { tx.decide_boundaries(from, until).await })).await.map(|_| ())
}
