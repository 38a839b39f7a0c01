//! One run: live while it goes, and what it did or would do.

use leptos::prelude::*;
use model::job::{LogLevel, Run, RunState};
use model::rings::RingsView;
use model::view::{LogCounts, LogLineView, RunRow, RunUpdate};

use super::plan::{Plan, plan};
use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Choice, ago, filter_chips, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::LiveRun;
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::jobs::rings;
use crate::pages::jobs::undo::{About, about};

/// What the page shows of the run.
pub enum RunTab {
    /// Steps and log.
    Progress(LogChoice),
    /// What it would do, or what was stopped.
    Preview(Plan),
}

/// Which lines of the log are shown.
pub struct LogChoice {
    /// The least level.
    pub level: LogLevel,
    /// Name of a step; all where none is chosen.
    pub step: Option<String>,
    /// Lines of that step, or of all.
    pub counts: LogCounts,
}

/// Runs that have to do with this one.
pub struct Around {
    /// Under way and waiting, in the order in which they begin.
    pub active: Vec<RunRow>,
    /// That do the rest of this one.
    pub reruns: Vec<RunRow>,
    /// Of the same job, the one before.
    pub before: Option<RunRow>,
    /// How much it changes, what it takes back, and what took it back.
    pub undo: About,
    /// How far its orders are, where they go ring by ring.
    pub rings: Option<RingsView>,
}

pub fn run_sheet(
    row: &RunRow,
    lines: Vec<LogLineView>,
    around: &Around,
    tab: RunTab,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let run = &row.run;
    let id = run.id;
    let title = format!("Run {id}");
    let is_preview = matches!(tab, RunTab::Preview(_));
    let was_stopped = run.state == RunState::Blocked || run.approved_by.is_some() || is_preview;
    let plan_label = if run.mode.dry_run { "What it would do" } else { "What was stopped" };
    let links = (run.mode.dry_run || was_stopped).then(|| {
        tabs(
            "Parts of this run",
            vec![
                ("Progress".to_owned(), format!("/jobs/runs/{id}"), None, !is_preview),
                (plan_label.to_owned(), format!("/jobs/runs/{id}?tab=preview"), None, is_preview),
            ],
        )
    });
    let compare = around.before.as_ref().map(|before| {
        let address = format!("/jobs/compare?left={}&right={id}", before.run.id);
        view! { " · "<a href=address>{format!("Compare with run {}", before.run.id)}</a> }
    });
    let heading = view! {
        <header class="page-head">
            <h1>{row.job_label.clone()}</h1>
            <p class="muted">"Asked for "{ago(clock, run.queued_at)}" by "{words::started_by(row)}{due(run, clock)}{rest_of(run)}{compare}</p>
        </header>
    };
    let content = match tab {
        RunTab::Progress(choice) => {
            progress(RunUpdate { run: run.clone(), lines }, choice, around, rights, clock).into_any()
        }
        RunTab::Preview(found) => plan(run, found, rights, clock),
    };
    let about = about(run, &around.undo, rights, clock);
    let rings = around.rings.as_ref().map(|rings| rings::panel(rings, rights));
    let body = view! { {heading}{waits(run, around)}{done_by(around)}{about}{rings}{links}{content} };
    Sheet { section: Section::Jobs, title, body: body.into_any() }
}

/// The time of its schedule, where it is another than that at which it was asked for.
fn due(run: &Run, clock: &Clock) -> Option<String> {
    let due = run.scheduled_for?;
    let late = run.queued_at.as_second() - due.as_second();
    (late >= 60).then(|| format!(", made up for {}", clock.minute(due)))
}

fn rest_of(run: &Run) -> impl IntoView + use<> {
    let from = run.tasks.first().map(|task| task.task.label().to_owned()).unwrap_or_default();
    run.rerun_of.map(|earlier| {
        view! { " · does the rest of "<a href=format!("/jobs/runs/{earlier}")>{format!("run {earlier}")}</a>{format!(", from {from}")} }
    })
}

/// Which run it waits for.
fn waits(run: &Run, around: &Around) -> impl IntoView + use<> {
    let position = around.active.iter().position(|row| row.run.id == run.id && row.run.state == RunState::Queued);
    position.and_then(|position| position.checked_sub(1)).and_then(|before| around.active.get(before)).map(|row| {
        let id = row.run.id;
        view! { <p class="banner">{icon("clock")}<span>"Begins when "<a href=format!("/jobs/runs/{id}")>{format!("run {id}")}</a>{format!(" ({}) has ended.", row.job_label)}</span></p> }
    })
}

/// Runs that did, or do, the rest of this one.
fn done_by(around: &Around) -> impl IntoView + use<> {
    (!around.reruns.is_empty()).then(|| {
        let links = around.reruns.iter().map(|row| {
            let id = row.run.id;
            view! { <li><a href=format!("/jobs/runs/{id}")>{format!("run {id}")}</a>" "{chip::run(row.run.state)}</li> }
        });
        view! { <div class="banner reruns">{icon("arrow")}<span>"The rest was done by"</span><ul>{links.collect_view()}</ul></div> }
    })
}

fn progress(
    update: RunUpdate,
    choice: LogChoice,
    around: &Around,
    rights: &Rights,
    clock: &Clock,
) -> impl IntoView + use<> {
    // Where a ring stopped the run, the rings themselves say how it goes on.
    let is_halted = around.rings.as_ref().is_some_and(|view| view.rings.halted.is_some());
    let LogChoice { level, step, counts } = choice;
    // Of a run that goes on, numbers would be wrong as soon as the next line comes.
    let is_over = update.run.state.is_final();
    let id = update.run.id;
    let address = |level: LogLevel, step: Option<&str>| {
        Address::new(format!("/jobs/runs/{id}"))
            .with("level", (level != LogLevel::Information).then(|| level.name()))
            .with("step", step)
            .to_string()
    };
    let levels = [
        ("Every line", LogLevel::Information, None),
        ("Warnings and errors", LogLevel::Warning, Some("half")),
        ("Errors", LogLevel::Error, Some("octagon")),
    ]
    .map(|(label, least, shape)| Choice {
        label: label.to_owned(),
        count: is_over.then(|| counts.at_least(least)),
        address: address(least, step.as_deref()),
        chosen: least == level,
        shape,
    });
    let choice = |label: &str, name: Option<&str>| Choice {
        label: label.to_owned(),
        count: None,
        address: address(level, name),
        chosen: step.as_deref() == name,
        shape: None,
    };
    let steps: Vec<Choice> = std::iter::once(choice("Every step", None))
        .chain(update.run.tasks.iter().map(|task| choice(task.task.label(), Some(&task.task.name))))
        .collect();
    let summary = is_over.then(|| {
        format!(
            "{}, {}, {}",
            words::plural(counts.information, "line of information", "lines of information"),
            words::plural(counts.warning, "warning", "warnings"),
            words::plural(counts.error, "error", "errors"),
        )
    });
    view! {
        <LiveRun
            update=update
            now=clock.now.as_millisecond()
            level=level
            step=step.clone().unwrap_or_default()
            may_run=rights.may("/Jobs/Run")
            may_resume=rights.may("/Jobs/Resume") && !is_halted
        />
        <section class="log-choice" aria-label="Lines of the log">
            {filter_chips("Lines of which level", levels.into())}
            {filter_chips("Lines of which step", steps)}
            {summary.map(|summary| view! { <p class="subtle">{summary}</p> })}
        </section>
    }
}
