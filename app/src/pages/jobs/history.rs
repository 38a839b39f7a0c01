//! What ran: a grid of runs and steps where there is room, and the list of the runs.

use leptos::prelude::*;
use model::job::{Run, step_label};
use model::view::{JobRow, RunFilter, RunRow};

use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, empty, filter_chips};
use crate::components::run::{cell, grid_cell};
use crate::logic::address::Address;
use crate::logic::time::{self, Clock};
use crate::logic::words;

/// Runs, newest first, and which were asked for.
pub struct History {
    pub filter: RunFilter,
    pub runs: Vec<RunRow>,
    /// The newest run of each thing that is no job to be started.
    pub others: Vec<RunRow>,
}

pub(super) fn history(history: &History, jobs: &[JobRow], clock: &Clock) -> impl IntoView + use<> {
    let History { filter, runs, .. } = history;
    let address = |job: Option<&str>| Address::new("/jobs").with("job", job);
    let oldest = runs.last().filter(|_| u32::try_from(runs.len()).is_ok_and(|shown| shown >= filter.limit));
    let older =
        oldest.map(|row| address(filter.job.as_deref()).with("before", Some(&row.run.id.to_string())).to_string());
    let newest = filter.before.map(|_| address(filter.job.as_deref()).to_string());
    let content = if runs.is_empty() {
        let why = match (&filter.job, filter.before) {
            (None, None) => {
                Empty::NeverUsed { text: "Start the complete job above; it shows its progress live.", action: None }
            }
            _ => Empty::Filtered { clear: "/jobs".to_owned() },
        };
        empty("No run yet", why)
    } else {
        view! { {grid(runs, clock)}{list(runs, clock)} }.into_any()
    };
    let compare = (runs.len() > 1).then(|| {
        view! { <a class="button quiet" href="/jobs/compare">"Compare two runs"</a> }
    });
    view! {
        <section aria-labelledby="runs-heading">
            <div class="section-head"><h2 id="runs-heading">"Last runs"</h2><span class="spring"></span>{compare}</div>
            {filter_chips("Runs of which job", choices(history, jobs, &address))}
            {content}
            {(older.is_some() || newest.is_some()).then(|| view! {
                <nav class="pages" aria-label="Pages">
                    <span class="spring"></span>
                    {newest.map(|address| view! { <a class="button quiet" href=address rel="first">{icon("back")}"Newest runs"</a> })}
                    {older.map(|address| view! { <a class="button quiet" href=address rel="next">"Older runs"{icon("arrow")}</a> })}
                </nav>
            })}
        </section>
    }
}

/// All jobs that ever ran, and what is no job that can be started.
fn choices(history: &History, jobs: &[JobRow], address: &impl Fn(Option<&str>) -> Address) -> Vec<Choice> {
    let asked = history.filter.job.as_deref();
    let choice = |label: &str, job: Option<&str>| Choice {
        label: label.to_owned(),
        count: None,
        address: address(job).to_string(),
        chosen: asked == job,
        shape: None,
    };
    let is_asked = |row: &&JobRow| asked == Some(row.job.name.as_str());
    let ran = jobs.iter().filter(|row| row.last.is_some() || is_asked(row));
    let others = history.others.iter();
    // A job that the configuration has no more still has its runs.
    let gone = asked
        .filter(|name| jobs.iter().all(|row| row.job.name != *name))
        .filter(|name| history.others.iter().all(|row| row.run.job != *name));
    std::iter::once(choice("Every job", None))
        .chain(ran.map(|row| choice(&row.job.label, Some(&row.job.name))))
        .chain(others.map(|row| choice(&row.job_label, Some(&row.run.job))))
        .chain(gone.map(|name| choice(name, Some(name))))
        .collect()
}

/// Steps of all these runs, by level, then as they come.
fn steps(runs: &[RunRow]) -> Vec<&str> {
    let mut steps: Vec<(u32, &str)> = Vec::new();
    for task in runs.iter().flat_map(|row| &row.run.tasks) {
        if steps.iter().all(|(_, name)| *name != task.task.name) {
            steps.push((task.task.level, &task.task.name));
        }
    }
    steps.sort_by_key(|(level, _)| *level);
    steps.into_iter().map(|(_, name)| name).collect()
}

/// Runs as columns, the newest first, and steps as rows.
fn grid(runs: &[RunRow], clock: &Clock) -> impl IntoView + use<> {
    let heads = runs.iter().map(|row| {
        let run = &row.run;
        view! {
            <th scope="col">
                <a href=format!("/jobs/runs/{}", run.id) title=format!("{}, {}", row.job_label, words::run_mode(run.mode))>{run.id.to_string()}</a>
                <span class="grid-when">{ago(clock, run.queued_at)}</span>
            </th>
        }
    });
    let outcomes = runs.iter().map(|row| view! { <td>{chip::run(row.run.state)}</td> });
    let rows = steps(runs).into_iter().map(|step| {
        let cells = runs.iter().map(|row| {
            let task = row.run.tasks.iter().find(|task| task.task.name == step);
            match task {
                Some(task) => view! { <td>{grid_cell(&row.run, task, clock.now)}</td> }.into_any(),
                None => view! { <td><span class="sr">"not a step of this run"</span></td> }.into_any(),
            }
        });
        view! { <tr><th scope="row">{step_label(step).to_owned()}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <div class="run-grid" role="region" aria-label="Runs and their steps" tabindex="0">
            <table>
                <thead><tr><th scope="col">"Run"</th>{heads.collect_view()}</tr></thead>
                <tbody>
                    {rows.collect_view()}
                    <tr class="grid-outcome"><th scope="row">"Outcome"</th>{outcomes.collect_view()}</tr>
                </tbody>
            </table>
        </div>
    }
}

fn list(runs: &[RunRow], clock: &Clock) -> impl IntoView + use<> {
    let rows = runs.iter().map(|row| run_line(row, clock)).collect_view();
    view! {
        <table class="ledger runs">
            <thead><tr><th scope="col">"Run"</th><th scope="col">"Job"</th><th scope="col" class="narrow-only">"Steps"</th><th scope="col">"State"</th><th scope="col">"Took"</th><th scope="col">"By"</th><th scope="col">"When"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn run_line(row: &RunRow, clock: &Clock) -> impl IntoView + use<> {
    let run: &Run = &row.run;
    let took = run.started_at.map(|started| time::took(started, run.finished_at.unwrap_or(clock.now)));
    let mode = (run.mode.incremental || run.mode.dry_run)
        .then(|| view! { <span class="subtle">" "{words::run_mode(run.mode)}</span> });
    let rest_of = run.rerun_of.map(|id| view! { <span class="subtle">{format!(" rest of run {id}")}</span> });
    let cells = run.tasks.iter().map(|task| cell(task, run.state.is_final())).collect_view();
    view! {
        <tr data-row="">
            <td data-label="Run" class="id"><a data-open="" href=format!("/jobs/runs/{}", run.id)>{run.id.to_string()}</a></td>
            <td data-label="Job" class="name">{row.job_label.clone()}{mode}{rest_of}</td>
            <td data-label="Steps" class="narrow-only"><span class="cells">{cells}</span></td>
            <td data-label="State">{chip::run(run.state)}</td>
            <td data-label="Took" class="when">{took}</td>
            <td data-label="By">{words::started_by(row)}</td>
            <td data-label="When" class="when">{ago(clock, run.queued_at)}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use model::job::{ANSWERS, RECONCILIATION, REFERENCES, REQUEST, REVERTS, UNDO};

    use super::*;
    use crate::samples::jobs as samples;

    #[test]
    fn every_kind_of_run_has_a_choice_in_words() {
        let of = |asked: &str| {
            let history = samples::history(Some(asked), samples::run_rows(2));
            let choices = choices(&history, &samples::job_rows(), &|job| Address::new("/jobs").with("job", job));
            choices.into_iter().filter(|choice| choice.chosen).map(|choice| choice.label).collect::<Vec<_>>()
        };
        let own = [
            (UNDO, "Undo of a run"),
            (ANSWERS, "What follows from answers"),
            (REQUEST, "Requests"),
            (REFERENCES, "What follows from changed accounts"),
            (REVERTS, "Native changes set back"),
            (RECONCILIATION, "Reconciliation decisions"),
        ];
        for (asked, expected) in own.into_iter().chain([("complete", "Complete job"), ("taken-out", "taken-out")]) {
            assert_eq!(of(asked), [expected]);
        }
    }
}
