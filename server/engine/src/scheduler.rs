//! Starts jobs at the times of their schedules. Every node looks once a second; the one that moves the schedule's mark
//! in the database on queues the run, in the same transaction, so that each time starts one run.
//!
//! A time is left out while a run of the same job waits or is under way. Those that passed while no node was there are
//! made up once, unless the job says `catch_up = false`. What was left out is said in the log and on the page.

use jiff::Timestamp;
use jiff::civil::Date;
use model::ids::{ConfigurationVersionId, RunId};
use model::job::{Job, Run, RunMode};
use model::view::AuditLine;
use store::StoreError;

use crate::Engine;
use crate::jobs::queued;
use crate::schedule::{self, Decision, Timetable};

/// How often schedules are looked at; no schedule is finer than a minute.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Looks until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let mut scheduler = Scheduler::default();
    while !engine.stopping().is_cancelled() {
        if let Err(error) = scheduler.fire_due(&engine).await {
            tracing::error!(error = &error as &dyn std::error::Error, "Schedules cannot be followed");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

/// The jobs as last read: the configuration is applied by other processes as well.
#[derive(Default)]
pub struct Scheduler {
    known: Option<(Option<ConfigurationVersionId>, Vec<Job>)>,
    /// The last day of which all that it brings was seen to.
    day: Option<Date>,
}

impl Scheduler {
    /// Queues a run of every job whose time has come, and that of a day that has begun; answers with their runs.
    pub async fn fire_due(&mut self, engine: &Engine) -> Result<Vec<RunId>, StoreError> {
        let now = engine.now();
        let jobs = self.jobs(engine).await?;
        let marks = engine.store().job_schedules().await?;
        let scheduled: Vec<&Job> = jobs.iter().filter(|job| job.enabled && job.schedule.is_some()).collect();
        if marks.iter().any(|mark| scheduled.iter().all(|job| job.name != mark.job)) {
            let names: Vec<String> = scheduled.iter().map(|job| job.name.clone()).collect();
            let forget = engine.store().write(move |tx| {
                Box::pin(async move {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    tx.forget_job_schedules_but(&names).await
                })
            });
            forget.await?;
        }
        let mut started = Vec::new();
        for job in scheduled {
            let Some(schedule) = &job.schedule else { continue };
            let mark = marks.iter().find(|mark| {
                mark.job == job.name && mark.cron == schedule.cron && mark.time_zone == schedule.time_zone
            });
            let Some(mark) = mark else {
                let (name, schedule) = (job.name.clone(), schedule.clone());
                let follow = engine.store().write(move |tx| {
                    Box::pin(
                        async move { tx.follow_job_schedule(&name, &schedule.cron, &schedule.time_zone, now).await },
                    )
                });
                follow.await?;
                continue;
            };
            // The configuration was checked when it was applied; a time zone may be gone from this machine since.
            let timetable = match Timetable::read(&schedule.cron, &schedule.time_zone, now) {
                Ok(timetable) => timetable,
                Err(error) => {
                    tracing::error!(
                        job = job.name,
                        error = &error as &dyn std::error::Error,
                        "A schedule cannot be followed"
                    );
                    continue;
                }
            };
            let decision = schedule::decide(&timetable, schedule.catch_up, mark.decided_until, now);
            started.extend(act(engine, job, decision, mark.decided_until, now).await?);
        }
        started.extend(crate::boundaries::fire(engine, &jobs, &mut self.day).await?);
        if !started.is_empty() {
            engine.wake().notify_one();
        }
        Ok(started)
    }

    async fn jobs(&mut self, engine: &Engine) -> Result<Vec<Job>, StoreError> {
        let version = engine.store().current_configuration_version().await?;
        if let Some((known, jobs)) = &self.known
            && *known == version
        {
            return Ok(jobs.clone());
        }
        let jobs = engine.jobs().await?;
        self.known = Some((version, jobs.clone()));
        Ok(jobs)
    }
}

async fn act(
    engine: &Engine,
    job: &Job,
    decision: Decision,
    from: Timestamp,
    now: Timestamp,
) -> Result<Option<RunId>, StoreError> {
    let (slot, missed) = match decision {
        Decision::Nothing => return Ok(None),
        Decision::Start(slot) => (slot, false),
        Decision::Missed(slot) => (slot, true),
    };
    let id = RunId(engine.store().reserve_ids(1).await?.start);
    let run = scheduled(job, id, slot, now);
    let audit = AuditLine {
        at: now,
        actor: "schedule".into(),
        action: "run".into(),
        subject: id.to_string(),
        detail: format!("started {}, due at {slot}", job.name),
    };
    let name = job.name.clone();
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            let because = if missed {
                Some("The program was not running at that time, and the job does not make up for it.".to_owned())
            } else {
                let active = tx.active_run_of(&name).await?;
                active.map(|run| format!("Run {run} of the same job had not ended by then."))
            };
            let skipped = because.map(|because| (slot, because));
            let is_ours = tx.advance_job_schedule(&name, from, now, skipped.as_ref()).await?;
            if is_ours && skipped.is_none() {
                tx.queue_run(&run).await?;
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(is_ours.then_some(skipped))
        })
    });
    match work.await {
        Ok(Some(None)) => {
            tracing::info!(job = job.name, run.id = %id, due = %slot, "A schedule started run {id}");
            Ok(Some(id))
        }
        Ok(Some(Some((slot, because)))) => {
            tracing::warn!(job = job.name, due = %slot, "A time of a schedule is left out: {because}");
            Ok(None)
        }
        // Another node was quicker.
        Ok(None) => Ok(None),
        // A person started the job at this moment: the next look sees that run.
        Err(StoreError::Conflict { constraint }) if constraint == "run_one_of_job" => Ok(None),
        Err(error) => Err(error),
    }
}

fn scheduled(job: &Job, id: RunId, slot: Timestamp, now: Timestamp) -> Run {
    let mode = RunMode { incremental: job.incremental, dry_run: false };
    Run { scheduled_for: Some(slot), ..queued(id, &job.name, &job.tasks, mode, now) }
}
