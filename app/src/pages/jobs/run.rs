//! One run: live while it goes, and what it did or would do.

use leptos::prelude::*;
use model::job::LogLevel;
use model::page::Page;
use model::view::{PreviewLine, RunUpdate};

use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, empty, filter_chips, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::islands::LiveRun;
use crate::logic::address::Address;
use crate::logic::time::Clock;
use crate::logic::words;

/// What the page shows of the run.
pub enum RunTab {
    /// Steps and log, with the least level of lines.
    Progress(LogLevel),
    Preview(Page<PreviewLine>),
}

pub fn run_sheet(
    update: RunUpdate,
    started_by: Option<String>,
    about: AnyView,
    tab: RunTab,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let run = &update.run;
    let id = run.id;
    let title = format!("Run {id}");
    let is_preview = matches!(tab, RunTab::Preview(_));
    let links = run.mode.dry_run.then(|| {
        tabs(
            "Parts of this run",
            vec![
                ("Progress".to_owned(), format!("/jobs/runs/{id}"), None, !is_preview),
                ("What it would do".to_owned(), format!("/jobs/runs/{id}?tab=preview"), None, is_preview),
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
        RunTab::Preview(page) => preview(id, page),
    };
    let body = view! { {heading}{about}{links}{content} };
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

fn preview(id: model::ids::RunId, page: Page<PreviewLine>) -> AnyView {
    if page.rows.is_empty() {
        return empty(
            "It would change nothing",
            Empty::AllDone { text: "Everybody has exactly what they should have." },
        );
    }
    let rows = page.rows.iter().map(|line| {
        let name = match line.identity {
            Some(id) => {
                view! { <a data-open="" href=format!("/identities/{id}")>{line.identity_name.clone()}</a> }.into_any()
            }
            None => line.identity_name.clone().into_any(),
        };
        view! {
            <tr data-row="">
                <td data-label="Person" class="name">{name}</td>
                <td data-label="Application">{line.application.clone()}</td>
                <td data-label="Do">{line.operation.clone()}</td>
                <td data-label="Change" class="wide wrap">{line.change.clone()}</td>
                <td data-label="Why" class="wide wrap muted">{line.why.clone()}</td>
            </tr>
        }
    });
    let next = page.next.map(|after| {
        let address = format!("/jobs/runs/{id}?tab=preview&after={}", crate::logic::address::encode(&after));
        view! { <a class="button quiet" href=address rel="next">"Next page"{icon("arrow")}</a> }
    });
    view! {
        <p class="banner">{icon("flask")}{format!("{} would be made. Nothing has been changed.", words::plural(page.total, "change", "changes"))}</p>
        <table class="ledger">
            <thead><tr><th scope="col">"Person"</th><th scope="col">"Application"</th><th scope="col">"Do"</th><th scope="col">"Change"</th><th scope="col">"Why"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
        <nav class="pages" aria-label="Pages"><span class="spring"></span>{next}</nav>
    }
    .into_any()
}
