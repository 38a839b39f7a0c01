//! Two runs side by side: how long each step took, what it counted, and which orders came of it.

use leptos::prelude::*;
use model::job::{Run, TaskRun, step_label};
use model::order::ProvisioningState;
use model::plan::Operation;
use model::view::{RunComparison, RunRow};

use crate::components::chip;
use crate::components::form::option;
use crate::components::list::{Empty, ago, empty};
use crate::frame::{Section, Sheet};
use crate::logic::time::{self, Clock};
use crate::logic::words;

/// What is compared.
pub enum Compared {
    /// Nobody has chosen yet.
    Nothing,
    Both(Box<RunComparison>),
}

pub fn comparison_sheet(compared: &Compared, offered: &[RunRow], clock: &Clock) -> Sheet {
    let chosen = match compared {
        Compared::Nothing => offered.get(1).zip(offered.first()),
        Compared::Both(comparison) => Some((&comparison.left, &comparison.right)),
    };
    let content = match compared {
        Compared::Nothing if offered.len() < 2 => empty(
            "There is nothing to compare yet",
            Empty::NeverUsed { text: "It takes two runs.", action: Some(("Job execution", "/jobs")) },
        ),
        Compared::Nothing => view! { <p class="hint">"Choose two runs, most usefully of the same job."</p> }.into_any(),
        Compared::Both(comparison) => both(comparison, clock).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Compare two runs"</h1>
            <p class="muted">"How long, how much, and which orders came of them."</p>
        </header>
        <form class="filters" action="/jobs/compare" aria-label="Runs to compare">
            <label>"One "{choice("left", offered, chosen.map(|(left, _)| left), clock)}</label>
            <label>"and the other "{choice("right", offered, chosen.map(|(_, right)| right), clock)}</label>
            <button class="button">"Compare"</button>
        </form>
        {content}
    };
    Sheet { section: Section::Jobs, title: "Compare two runs".to_owned(), body: body.into_any() }
}

/// The newest runs, and the chosen one where it is older.
fn choice(name: &'static str, offered: &[RunRow], chosen: Option<&RunRow>, clock: &Clock) -> impl IntoView + use<> {
    let older = chosen.filter(|chosen| offered.iter().all(|row| row.run.id != chosen.run.id));
    let options = offered.iter().chain(older).map(|row| {
        let label = format!("{} · {} · {}", row.run.id, row.job_label, clock.minute(row.run.queued_at));
        option(row.run.id.to_string(), label, chosen.is_some_and(|chosen| chosen.run.id == row.run.id))
    });
    view! { <select name=name>{options.collect_view()}</select> }
}

fn both(comparison: &RunComparison, clock: &Clock) -> impl IntoView + use<> {
    let RunComparison { left, right, steps, orders, outcomes } = comparison;
    let other_job = (left.run.job != right.run.job)
        .then(|| view! { <p class="banner">"These are runs of two different jobs; only the steps of the same name stand side by side."</p> });
    let dry = (left.run.mode.dry_run || right.run.mode.dry_run)
        .then(|| view! { <p class="hint">"A dry run writes no orders; what it would make stands in the counts of its steps."</p> });
    let heads = [left, right].map(|row| {
        view! { <th scope="col"><a href=format!("/jobs/runs/{}", row.run.id)>{format!("Run {}", row.run.id)}</a></th> }
    });
    let about = [
        ("Job", [left, right].map(|row| row.job_label.clone().into_any())),
        ("How much", [left, right].map(|row| words::run_mode(row.run.mode).into_any())),
        ("Outcome", [left, right].map(|row| chip::run(row.run.state).into_any())),
        ("Took", [left, right].map(|row| run_took(&row.run).into_any())),
        ("By", [left, right].map(|row| words::started_by(row).into_any())),
        ("When", [left, right].map(|row| ago(clock, row.run.queued_at).into_any())),
    ];
    let about = about.into_iter().map(|(label, [left, right])| {
        view! { <tr><th scope="row">{label}</th><td data-label="First">{left}</td><td data-label="Second">{right}</td></tr> }
    });
    view! {
        {other_job}
        <table class="ledger compared">
            <thead><tr><th scope="col"><span class="sr">"What"</span></th>{heads}</tr></thead>
            <tbody>{about.collect_view()}</tbody>
        </table>
        <section aria-labelledby="steps-heading">
            <div class="section-head"><h2 id="steps-heading">"Steps"</h2></div>
            {step_table(comparison, steps)}
        </section>
        <section aria-labelledby="orders-heading">
            <div class="section-head"><h2 id="orders-heading">"Orders"</h2></div>
            {dry}
            {order_table(left, right, orders)}
            {outcome_table(left, right, outcomes)}
        </section>
    }
}

fn run_took(run: &Run) -> String {
    match (run.started_at, run.finished_at) {
        (Some(started), Some(finished)) => time::took(started, finished),
        (Some(_), None) => "not ended yet".to_owned(),
        _ => "—".to_owned(),
    }
}

fn step_table(
    comparison: &RunComparison,
    steps: &[(String, Option<TaskRun>, Option<TaskRun>)],
) -> impl IntoView + use<> {
    let (left_over, right_over) = (comparison.left.run.state.is_final(), comparison.right.run.state.is_final());
    let (left_id, right_id) = (comparison.left.run.id, comparison.right.run.id);
    let rows = steps.iter().map(|(name, left, right)| {
        let longer = difference(milliseconds(left.as_ref()), milliseconds(right.as_ref()));
        view! {
            <tr>
                <th scope="row">{step_label(name).to_owned()}</th>
                <td data-label=format!("Run {left_id}")>{side(left.as_ref(), left_over)}</td>
                <td data-label=format!("Run {right_id}")>{side(right.as_ref(), right_over)}</td>
                <td data-label="Difference" class="figure">{longer}</td>
                <td data-label="Counts" class="wide wrap">{counts(left.as_ref(), right.as_ref())}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger compared">
            <thead><tr><th scope="col">"Step"</th><th scope="col">{format!("Run {left_id}")}</th><th scope="col">{format!("Run {right_id}")}</th><th scope="col">"Difference"</th><th scope="col">"Counts"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

fn side(task: Option<&TaskRun>, is_over: bool) -> AnyView {
    let Some(task) = task else { return view! { <span class="subtle">"not a step of it"</span> }.into_any() };
    let took = task.started_at.zip(task.finished_at).map(|(started, finished)| time::took(started, finished));
    let failed = (task.failed > 0).then(|| format!(", {} failed", words::number(task.failed)));
    view! {
        <span class="figure">{took}</span>" "{words::step_state(task.state, is_over)}
        <span class="muted">{format!(" {} {}", words::number(task.done), task.unit)}{failed}</span>
    }
    .into_any()
}

fn milliseconds(task: Option<&TaskRun>) -> Option<i64> {
    let task = task?;
    Some(task.finished_at?.as_millisecond() - task.started_at?.as_millisecond())
}

/// How much longer the second took.
fn difference(left: Option<i64>, right: Option<i64>) -> String {
    let Some((left, right)) = left.zip(right) else { return String::new() };
    let longer = right - left;
    let seconds = longer.unsigned_abs() as f64 / 1_000.0;
    match longer {
        0 => "the same".to_owned(),
        1.. => format!("+{seconds:.1} s"),
        _ => format!("−{seconds:.1} s"),
    }
}

/// What either counted, where they differ: "inserted 56 → 3".
fn counts(left: Option<&TaskRun>, right: Option<&TaskRun>) -> String {
    let of = |task: Option<&TaskRun>, name: &str| {
        task.and_then(|task| task.counts.iter().find(|(known, _)| known == name)).map_or(0, |(_, number)| *number)
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in [left, right].into_iter().flatten().flat_map(|task| &task.counts) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let parts = names.into_iter().map(|name| {
        let (before, after) = (of(left, name), of(right, name));
        let name = words::attribute(name);
        match before == after {
            true => format!("{name} {}", words::number(before)),
            false => format!("{name} {} → {}", words::number(before), words::number(after)),
        }
    });
    parts.collect::<Vec<_>>().join("; ")
}

fn order_table(left: &RunRow, right: &RunRow, orders: &[(String, Operation, u64, u64)]) -> AnyView {
    if orders.is_empty() {
        return view! { <p class="muted">"Neither of them made orders."</p> }.into_any();
    }
    let rows = orders.iter().map(|(application, operation, before, after)| {
        (format!("{application}: {}", words::operation(*operation)), *before, *after)
    });
    numbers("Made", left, right, rows.collect())
}

fn outcome_table(left: &RunRow, right: &RunRow, outcomes: &[(ProvisioningState, u64, u64)]) -> Option<AnyView> {
    let rows = outcomes.iter().map(|(state, before, after)| (state.label().to_owned(), *before, *after));
    (!outcomes.is_empty()).then(|| numbers("As they are by now", left, right, rows.collect()))
}

fn numbers(what: &'static str, left: &RunRow, right: &RunRow, rows: Vec<(String, u64, u64)>) -> AnyView {
    let (left, right) = (left.run.id, right.run.id);
    let rows = rows.into_iter().map(|(label, before, after)| {
        let more = i128::from(after) - i128::from(before);
        let more = if more > 0 { format!("+{}", words::number(more)) } else { words::number(more) };
        let number = |count: u64, run: model::ids::RunId| match count {
            0 => view! { <span class="subtle">"0"</span> }.into_any(),
            count => view! { <a href=format!("/orders?run={run}")>{words::number(count)}</a> }.into_any(),
        };
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td data-label=format!("Run {left}") class="figure">{number(before, left)}</td>
                <td data-label=format!("Run {right}") class="figure">{number(after, right)}</td>
                <td data-label="Difference" class="figure">{more}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger compared">
            <thead><tr><th scope="col">{what}</th><th scope="col">{format!("Run {left}")}</th><th scope="col">{format!("Run {right}")}</th><th scope="col">"Difference"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use model::job::{JobTask, TaskKind, TaskRun};

    use super::{counts, difference};

    #[test]
    fn differences_are_told_with_their_sign() {
        for (left, right, expected) in [
            (Some(4_000), Some(6_500), "+2.5 s"),
            (Some(6_500), Some(4_000), "−2.5 s"),
            (Some(10), Some(10), "the same"),
            (None, Some(10), ""),
        ] {
            assert_eq!(difference(left, right), expected);
        }
        let task = |numbers: &[(&str, i64)]| TaskRun {
            counts: numbers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect(),
            ..TaskRun::queued(0, JobTask::usual(TaskKind::Synchronize))
        };
        let (one, other) =
            (task(&[("inserted", 1_056), ("links_added", 3)]), task(&[("links_added", 3), ("deleted", 2)]));
        assert_eq!(counts(Some(&one), Some(&other)), "inserted 1,056 → 0; links added 3; deleted 0 → 2");
        assert_eq!(counts(None, Some(&other)), "links added 0 → 3; deleted 0 → 2");
        assert_eq!(counts(None, None), "");
    }
}
