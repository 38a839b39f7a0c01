//! One run: live while it goes, and what it did or would do.

use leptos::prelude::*;
use model::job::{LogLevel, RunState};
use model::view::RunUpdate;

use super::plan::{Plan, plan};
use crate::components::list::{Choice, ago, filter_chips, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::LiveRun;
use crate::logic::address::Address;
use crate::logic::time::Clock;

/// What the page shows of the run.
pub enum RunTab {
    /// Steps and log, with the least level of lines.
    Progress(LogLevel),
    /// What it would do, or what was stopped.
    Preview(Plan),
}

pub fn run_sheet(update: RunUpdate, started_by: Option<String>, tab: RunTab, rights: &Rights, clock: &Clock) -> Sheet {
    let run = &update.run;
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
    let heading = view! {
        <header class="page-head">
            <h1>{super::job_label(&run.job)}</h1>
            <p class="muted">"Asked for "{ago(clock, run.queued_at)}" by "{started_by.unwrap_or_else(|| "a schedule".to_owned())}</p>
        </header>
    };
    let content = match tab {
        RunTab::Progress(level) => progress(update, level, rights, clock).into_any(),
        RunTab::Preview(found) => plan(&update.run, found, rights, clock),
    };
    let body = view! { {heading}{links}{content} };
    Sheet { section: Section::Jobs, title, body: body.into_any() }
}

fn progress(update: RunUpdate, level: LogLevel, rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let id = update.run.id;
    let levels = [
        ("Every line", LogLevel::Information, None),
        ("Warnings and errors", LogLevel::Warning, Some("octagon")),
        ("Errors", LogLevel::Error, Some("ban")),
    ]
    .map(|(label, choice, shape)| Choice {
        label: label.to_owned(),
        count: None,
        address: Address::new(format!("/jobs/runs/{id}"))
            .with("level", (choice != LogLevel::Information).then(|| choice.name()))
            .to_string(),
        chosen: choice == level,
        shape,
    });
    view! {
        <LiveRun
            update=update
            now=clock.now.as_millisecond()
            level=level
            may_run=rights.may("/Jobs/Run")
            may_resume=rights.may("/Jobs/Resume")
        />
        {filter_chips("Lines of the log", levels.into())}
    }
}
