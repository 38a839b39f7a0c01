//! Job execution: what can be run, what runs, and what ran.

mod run;

use leptos::prelude::*;
use model::error::ApiError;
use model::ids::RunId;
use model::job::{Job, RunMode, TaskKind};
use model::view::{RunRow, RunUpdate};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Empty, ago, empty};
use crate::components::run::cell;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::flash::Flash;
use crate::logic::time::{self, Clock};
use crate::logic::{query, words};
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use run::{RunTab, run_sheet};

/// Runs in the grid.
const RUNS_SHOWN: u32 = 30;
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
        Ok(id) => ssr::finish(Ok(Flash::done(format!("Run {id} has begun."))), &or(&format!("/jobs/runs/{id}"))),
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
pub async fn resume_run(#[server(default)] id: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::jobs::resume(&op, ssr::id(&id, "run")?).await }.await;
    ssr::finish(outcome.map(|()| Flash::done("The run goes on, on your word.")), &format!("/jobs/runs/{id}"))
}

#[component]
pub fn JobsPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let jobs = engine::jobs::list(&op).await?;
        let before = query.get("before").and_then(|before| before.parse().ok());
        let runs = engine::jobs::runs(&op, RUNS_SHOWN, before).await?;
        Ok(jobs_sheet(&jobs, &runs, &visitor.rights, &visitor.clock))
    })
}

#[component]
pub fn RunPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: RunId = ssr::id(&id, "run")?;
        let row = engine::jobs::run(&op, id).await?;
        let level = query::level(&query);
        let (tab, lines) = match query.get("tab").as_deref() {
            Some("preview") => {
                let after = query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0);
                (RunTab::Preview(engine::jobs::preview(&op, id, after, PREVIEW_SHOWN).await?), Vec::new())
            }
            _ => (RunTab::Progress(level), shown_lines(&op, id, level).await?),
        };
        let update = RunUpdate { run: row.run, lines };
        Ok(run_sheet(update, row.started_by, tab, &visitor.rights, &visitor.clock))
    })
}

async fn shown_lines(
    op: &engine::context::OpContext,
    id: RunId,
    level: model::job::LogLevel,
) -> Result<Vec<model::view::LogLineView>, ApiError> {
    let zone = op.engine.world().time_zone();
    let lines = engine::jobs::log(op, id, 0, LINES_SHOWN).await?;
    let shown = lines.iter().filter(|line| crate::logic::progress::is_shown(line.level, level));
    Ok(shown.map(|line| engine::progress::line_view(line, &zone)).collect())
}

/// What a job is called.
pub(crate) fn job_label(name: &str) -> String {
    Job::find(name).map_or_else(|| name.to_owned(), |job| job.label)
}

pub fn jobs_sheet(jobs: &[Job], runs: &[RunRow], rights: &Rights, clock: &Clock) -> Sheet {
    let may_run = rights.may("/Jobs/Run");
    let (complete, steps): (Vec<&Job>, Vec<&Job>) = jobs.iter().partition(|job| job.tasks.len() > 1);
    let note = (!may_run).then(|| crate::components::form::refused("Starting a job", "/Jobs/Run"));
    let body = view! {
        <header class="page-head">
            <h1>"Job execution"</h1>
            <p class="muted">"Read, decide, provision, confirm. Each step can be run alone, or as a dry run that changes nothing."</p>
        </header>
        {note}
        {complete.into_iter().map(|job| main_job(job, may_run)).collect_view()}
        <details class="single-steps">
            <summary>"Run a single step"</summary>
            <ul class="job-list">{steps.into_iter().map(|job| step_job(job, may_run)).collect_view()}</ul>
        </details>
        {history(runs, clock)}
    };
    Sheet { section: Section::Jobs, title: "Job execution".to_owned(), body: body.into_any() }
}

fn main_job(job: &Job, may_run: bool) -> impl IntoView + use<> {
    let tasks = job.tasks.iter().enumerate().map(|(position, task)| {
        view! { <li title=task.description()><span class="step-number">{(position + 1).to_string()}</span>{task.label()}</li> }
    });
    view! {
        <section class="panel main-job">
            <div class="section-head"><h2>{job.label.clone()}</h2><span class="muted">{job.description.clone()}</span></div>
            <ol class="chain">{tasks.collect_view()}</ol>
            {may_run.then(|| start_form(job, "button primary"))}
        </section>
    }
}

fn step_job(job: &Job, may_run: bool) -> impl IntoView + use<> {
    view! {
        <li>
            <div><strong>{job.label.clone()}</strong><p class="muted">{job.description.clone()}</p></div>
            {may_run.then(|| start_form(job, "button"))}
        </li>
    }
}

fn start_form(job: &Job, class: &'static str) -> impl IntoView + use<> {
    view! {
        <form method="post" action="/api/pages/jobs/start" class="start">
            <input type="hidden" name="job" value=job.name.clone() />
            <fieldset class="segments">
                <legend class="sr">"How much"</legend>
                <label><input type="radio" name="breadth" value="complete" checked />"Complete"</label>
                <label title="Only what changed since the last run"><input type="radio" name="breadth" value="incremental" />"Incremental"</label>
            </fieldset>
            <label class="check"><input type="checkbox" name="dry_run" value="yes" />"Dry run"</label>
            <button class=class>{icon("play")}"Start"<span class="sr">" "{job.label.clone()}</span></button>
        </form>
    }
}

fn history(runs: &[RunRow], clock: &Clock) -> impl IntoView + use<> {
    let heads = TaskKind::COMPLETE.map(|task| view! { <th scope="col" class="step-column">{task.label()}</th> });
    let oldest = runs.last().filter(|_| runs.len() >= RUNS_SHOWN as usize).map(|row| row.run.id);
    let rows = runs.iter().map(|row| run_line(row, clock)).collect_view();
    let content = if runs.is_empty() {
        empty(
            "No run yet",
            Empty::NeverUsed { text: "Start the complete job above; it shows its progress live.", action: None },
        )
    } else {
        view! {
            <table class="ledger runs">
                <thead><tr><th scope="col">"Run"</th><th scope="col">"Job"</th>{heads}<th scope="col">"State"</th><th scope="col">"Took"</th><th scope="col">"By"</th><th scope="col">"When"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    };
    view! {
        <section aria-labelledby="runs-heading">
            <div class="section-head"><h2 id="runs-heading">"Last runs"</h2></div>
            {content}
            {oldest.map(|before| view! { <nav class="pages" aria-label="Pages"><span class="spring"></span><a class="button quiet" href=format!("/jobs?before={before}")>"Older runs"{icon("arrow")}</a></nav> })}
        </section>
    }
}

fn run_line(row: &RunRow, clock: &Clock) -> impl IntoView + use<> {
    let run = &row.run;
    let cells = TaskKind::COMPLETE.map(|kind| {
        let task = run.tasks.iter().find(|task| task.kind == kind);
        view! { <td class="step-column" data-label=kind.label()>{task.map(cell)}</td> }
    });
    let took = run.started_at.map(|started| time::took(started, run.finished_at.unwrap_or(clock.now)));
    let mode = (run.mode.incremental || run.mode.dry_run)
        .then(|| view! { <span class="subtle">" "{words::run_mode(run.mode)}</span> });
    view! {
        <tr data-row="">
            <td data-label="Run" class="id"><a data-open="" href=format!("/jobs/runs/{}", run.id)>{run.id.to_string()}</a></td>
            <td data-label="Job" class="name">{job_label(&run.job)}{mode}</td>
            {cells}
            <td data-label="State">{chip::run(run.state)}</td>
            <td data-label="Took" class="when">{took}</td>
            <td data-label="By">{row.started_by.clone().unwrap_or_else(|| "schedule".to_owned())}</td>
            <td data-label="When" class="when">{ago(clock, run.queued_at)}</td>
        </tr>
    }
}
