//! Job execution: what can be run, what runs and waits, and what ran.

mod comparison;
mod history;
pub(crate) mod plan;
pub mod rings;
mod run;
pub mod undo;

use leptos::prelude::*;
use model::error::ApiError;
use model::ids::RunId;
use model::job::{Job, JobTask, LogLevel, OWN_RUNS, RunMode, TaskKind};
use model::view::{JobRow, LogFilter, PreviewFilter, RunFilter, RunRow};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::query;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use comparison::{Compared, comparison_sheet};
pub use history::History;
pub use plan::Plan;
pub use run::{Around, LogChoice, RunTab, run_sheet};
pub use undo::{About, UndoAsked, UndoPage, undo_sheet};

/// Runs in the grid.
const RUNS_SHOWN: u32 = 20;
/// Runs to choose from for a comparison.
const RUNS_OFFERED: u32 = 50;
/// Log lines that a page starts with; the rest follows while it is open.
const LINES_SHOWN: u32 = 1_000;
/// Lines of a preview on one page.
const PREVIEW_SHOWN: u32 = 100;

#[server(prefix = "/api/pages", endpoint = "jobs/start")]
pub async fn start_job(
    #[server(default)] job: String,
    #[server(default)] breadth: String,
    #[server(default)] dry_run: String,
    #[server(default)] return_to: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let mode = RunMode { incremental: breadth == "incremental", dry_run: dry_run == "yes" };
    let or = |own: &str| if return_to.is_empty() { own.to_owned() } else { return_to.clone() };
    match engine::jobs::start(&op, job, mode).await {
        Ok(id) => ssr::finish(Ok(Flash::done(format!("Run {id} is asked for."))), &or(&format!("/jobs/runs/{id}"))),
        Err(error) => ssr::finish(Err(error), &or("/jobs")),
    }
}

#[server(prefix = "/api/pages", endpoint = "jobs/cancel")]
pub async fn cancel_run(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::jobs::cancel(&op, ssr::id(&id, "run")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The run stops after what is under way.")), &format!("/jobs/runs/{id}"))
}

#[server(prefix = "/api/pages", endpoint = "jobs/resume")]
pub async fn resume_run(
    #[server(default)] id: String,
    #[server(default)] digest: String,
    #[server(default)] reason: String,
    #[server(default)] decision: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let digest = Some(digest).filter(|digest| !digest.is_empty());
    let (outcome, done) = match decision.as_str() {
        "approve" => {
            let approved = async { engine::approvals::approve(&op, ssr::id(&id, "run")?, digest, reason).await };
            (approved.await, "Approved: the run goes on with exactly this plan.")
        }
        "reject" => {
            let rejected = async { engine::approvals::reject(&op, ssr::id(&id, "run")?, digest, reason).await };
            (rejected.await, "Rejected: the run is over, and nothing of it happens.")
        }
        _ => (Err(ApiError::invalid("decision", "Choose whether to approve or to reject.")), ""),
    };
    let target = if outcome.is_ok() { format!("/jobs/runs/{id}") } else { format!("/jobs/runs/{id}?tab=preview") };
    ssr::finish(outcome.map(|()| Flash::done(done)), &target)
}

#[server(prefix = "/api/pages", endpoint = "jobs/rerun")]
pub async fn rerun(#[server(default)] id: String, #[server(default)] from: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let from = Some(from).filter(|from| !from.is_empty());
    match async { engine::jobs::rerun(&op, ssr::id(&id, "run")?, from).await }.await {
        Ok(new) => ssr::finish(Ok(Flash::done("A run for the rest is asked for.")), &format!("/jobs/runs/{new}")),
        Err(error) => ssr::finish(Err(error), &format!("/jobs/runs/{id}")),
    }
}

#[component]
pub fn JobsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let jobs = engine::jobs::list(&op).await?;
        let active = engine::jobs::active(&op).await?;
        let before = query.get("before").and_then(|before| before.parse().ok());
        let filter = RunFilter { job: query.get("job"), before, limit: RUNS_SHOWN };
        let runs = engine::jobs::runs(&op, filter.clone()).await?;
        let mut others = Vec::new();
        for (job, _) in OWN_RUNS {
            let newest = RunFilter { job: Some(job.to_owned()), before: None, limit: 1 };
            others.extend(engine::jobs::runs(&op, newest).await?);
        }
        Ok(jobs_sheet(&jobs, &active, &History { filter, runs, others }, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: RunId = ssr::id(&id, "run")?;
        let row = engine::jobs::run(&op, id).await?;
        let around = Around {
            active: engine::jobs::active(&op).await?,
            reruns: engine::jobs::reruns(&op, id).await?,
            before: engine::jobs::runs(&op, RunFilter { job: Some(row.run.job.clone()), before: Some(id), limit: 1 })
                .await?
                .pop(),
            undo: undo::read_about(&op, id).await?,
            rings: engine::rings::of(&op, id).await?,
        };
        let (tab, lines) = match query.get("tab").as_deref() {
            Some("preview") => {
                let filter = PreviewFilter {
                    account_type: query.get("type"),
                    operation: query.get("operation"),
                    after: query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0),
                    limit: PREVIEW_SHOWN,
                };
                let plan = Plan {
                    page: engine::approvals::preview(&op, id, filter.clone()).await?,
                    groups: engine::approvals::preview_groups(&op, id).await?,
                    blocks: engine::approvals::blocks(&op, id).await?,
                    filter,
                };
                (RunTab::Preview(plan), Vec::new())
            }
            _ => {
                let level = query::level(&query);
                let step = query.get("step").filter(|step| row.run.tasks.iter().any(|task| task.task.name == *step));
                let counts = engine::jobs::log_counts(&op, id, step.as_deref()).await?;
                let lines = shown_lines(&op, id, level, step.clone()).await?;
                (RunTab::Progress(LogChoice { level, step, counts }), lines)
            }
        };
        Ok(run_sheet(&row, lines, &around, tab, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn ComparisonPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let offered = engine::jobs::runs(&op, RunFilter { limit: RUNS_OFFERED, ..RunFilter::default() }).await?;
        let side = |name: &str| query.get(name).map(|id| ssr::id::<RunId>(&id, "run")).transpose();
        let compared = match (side("left")?, side("right")?) {
            (Some(left), Some(right)) => Compared::Both(Box::new(engine::jobs::compare(&op, left, right).await?)),
            _ => Compared::Nothing,
        };
        Ok(comparison_sheet(&compared, &offered, &visitor.clock))
    })
}

async fn shown_lines(
    op: &engine::context::OpContext,
    id: RunId,
    level: LogLevel,
    step: Option<String>,
) -> Result<Vec<model::view::LogLineView>, ApiError> {
    let zone = op.engine.world().time_zone();
    let lines = engine::jobs::log(op, id, LogFilter { level, task: step, after: 0, limit: LINES_SHOWN }).await?;
    Ok(lines.iter().map(|line| engine::progress::line_view(line, &zone)).collect())
}

pub fn jobs_sheet(jobs: &[JobRow], active: &[RunRow], history: &History, rights: &Rights, clock: &Clock) -> Sheet {
    let is_step = |row: &&JobRow| TaskKind::from_name(&row.job.name).is_some();
    let (steps, others): (Vec<&JobRow>, Vec<&JobRow>) = jobs.iter().partition(is_step);
    let (main, configured): (Vec<&JobRow>, Vec<&JobRow>) =
        others.into_iter().partition(|row| row.job.name == model::job::COMPLETE);
    let note = (!rights.may("/Jobs/Run")).then(|| crate::components::form::refused("Starting a job", "/Jobs/Run"));
    let may_run = rights.may("/Jobs/Run");
    let body = view! {
        <header class="page-head">
            <h1>"Job execution"</h1>
            <p class="muted">"Read, decide, provision, confirm. Each job can be run as a dry run that changes nothing."</p>
        </header>
        {note}
        {queue(active, may_run, clock)}
        {main.into_iter().map(|row| main_job(row, may_run, clock)).collect_view()}
        {(!configured.is_empty()).then(|| view! {
            <section aria-labelledby="configured-heading">
                <div class="section-head"><h2 id="configured-heading">"Other jobs"</h2><span class="count">{configured.len().to_string()}</span></div>
                <ul class="job-list">{configured.into_iter().map(|row| job_line(row, may_run, clock)).collect_view()}</ul>
            </section>
        })}
        <details class="single-steps">
            <summary>"Run a single step"</summary>
            <ul class="job-list">{steps.into_iter().map(|row| job_line(row, may_run, clock)).collect_view()}</ul>
        </details>
        {history::history(history, jobs, clock)}
    };
    Sheet { section: Section::Jobs, title: "Job execution".to_owned(), body: body.into_any() }
}

/// What runs, and what waits for it.
fn queue(active: &[RunRow], may_run: bool, clock: &Clock) -> impl IntoView + use<> {
    (!active.is_empty()).then(|| {
        let rows = active.iter().map(|row| {
            let id = row.run.id;
            let is_queued = row.run.state == model::job::RunState::Queued;
            let cancel = may_run.then(|| {
                view! {
                    <form method="post" action="/api/pages/jobs/cancel">
                        <input type="hidden" name="id" value=id.to_string() />
                        <button class="button quiet">{icon("ban")}{if is_queued { "Cancel" } else { "Stop" }}<span class="sr">{format!(" run {id}")}</span></button>
                    </form>
                }
            });
            view! {
                <li>
                    {chip::run(row.run.state)}
                    <a href=format!("/jobs/runs/{id}")>{format!("Run {id}")}</a>
                    <strong>{row.job_label.clone()}</strong>
                    <span class="muted">{words::run_mode(row.run.mode)}", asked for "{ago(clock, row.run.queued_at)}" by "{words::started_by(row)}</span>
                    <span class="spring"></span>
                    {cancel}
                </li>
            }
        });
        view! {
            <section aria-labelledby="queue-heading">
                <div class="section-head"><h2 id="queue-heading">"Now"</h2><span class="muted">"One run at a time; the others wait in this order."</span></div>
                <ol class="job-list queue">{rows.collect_view()}</ol>
            </section>
        }
    })
}

fn main_job(row: &JobRow, may_run: bool, clock: &Clock) -> impl IntoView + use<> {
    let job = &row.job;
    let tasks = job.tasks.iter().enumerate().map(|(position, task)| {
        view! { <li title=task.kind.description()><span class="step-number">{(position + 1).to_string()}</span>{task.label().to_owned()}</li> }
    });
    view! {
        <section class="panel main-job">
            <div class="section-head"><h2>{job.label.clone()}</h2><span class="muted">{job.description.clone()}</span></div>
            <ol class="chain">{tasks.collect_view()}</ol>
            {schedule(row, clock)}
            {may_run.then(|| start(row, "button primary"))}
        </section>
    }
}

fn job_line(row: &JobRow, may_run: bool, clock: &Clock) -> impl IntoView + use<> {
    let job = &row.job;
    let is_step = TaskKind::from_name(&job.name).is_some();
    let description = (!job.description.is_empty()).then(|| view! { <p class="muted">{job.description.clone()}</p> });
    view! {
        <li>
            <div class="job-about">
                <strong>{job.label.clone()}</strong>
                {description}
                {(!is_step).then(|| view! { <p class="subtle">{plan(job)}</p> })}
                {schedule(row, clock)}
            </div>
            {may_run.then(|| start(row, "button"))}
        </li>
    }
}

/// The steps level by level: "Collect directory, Collect hr → Synchronize".
fn plan(job: &Job) -> String {
    let mut text = String::new();
    let mut last: Option<&JobTask> = None;
    for task in &job.tasks {
        match last {
            Some(before) if before.level == task.level => text.push_str(", "),
            Some(_) => text.push_str(" → "),
            None => {}
        }
        text.push_str(task.label());
        last = Some(task);
    }
    text
}

/// When it starts by itself, when it last ran, and what was left out.
fn schedule(row: &JobRow, clock: &Clock) -> impl IntoView + use<> {
    let next = row.job.schedule.as_ref().map(|schedule| {
        let next = match row.next_at {
            Some(next) => view! { ", next "{ago(clock, next)} }.into_any(),
            None => view! { ", which is switched off" }.into_any(),
        };
        view! { <span>{icon("clock")}"Starts at "<code>{schedule.cron.clone()}</code>" "{schedule.time_zone.clone()}{next}</span> }
    });
    let last = row.last.as_ref().map(|last| {
        view! {
            <span>"Last: "<a href=format!("/jobs/runs/{}", last.run.id)>{format!("run {}", last.run.id)}</a>" "{ago(clock, last.run.queued_at)}" "{chip::run(last.run.state)}</span>
        }
    });
    let skipped = row.skipped.as_ref().map(|(at, because)| {
        view! { <span class="left-out">{format!("Left out {}: {because}", clock.minute(*at))}</span> }
    });
    (next.is_some() || last.is_some()).then(|| view! { <p class="job-times">{next}{last}{skipped}</p> })
}

/// A form, or why there is none.
fn start(row: &JobRow, class: &'static str) -> AnyView {
    if let Some(refused) = &row.refused {
        return view! { <p class="hint">{refused.clone()}</p> }.into_any();
    }
    let job = &row.job;
    let incremental = job.incremental;
    view! {
        <form method="post" action="/api/pages/jobs/start" class="start">
            <input type="hidden" name="job" value=job.name.clone() />
            <fieldset class="segments">
                <legend class="sr">"How much"</legend>
                <label><input type="radio" name="breadth" value="complete" checked=!incremental />"Complete"</label>
                <label title="Only what changed since the last run"><input type="radio" name="breadth" value="incremental" checked=incremental />"Incremental"</label>
            </fieldset>
            <label class="check"><input type="checkbox" name="dry_run" value="yes" />"Dry run"</label>
            <button class=class>{icon("play")}"Start"<span class="sr">" "{job.label.clone()}</span></button>
        </form>
    }
    .into_any()
}
