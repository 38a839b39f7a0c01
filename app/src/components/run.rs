//! A run: its steps with real counts, and its log. Drawn by the server and, while it runs, again by the browser.

use jiff::Timestamp;
use leptos::prelude::*;
use model::job::{Run, RunState, TaskRun};
use model::view::LogLineView;

use super::chip;
use super::icon::icon;
use crate::logic::progress::{self, StepProgress};
use crate::logic::{time, words};

/// State, times, and why it stopped.
pub fn summary(run: &Run, now: Timestamp) -> impl IntoView + use<> {
    let took = run.started_at.map(|started| time::took(started, run.finished_at.unwrap_or(now)));
    let asked =
        (run.cancel_requested && !run.state.is_final()).then_some("Asked to stop; it ends after what is under way.");
    let approved = run.approved_by.clone().map(|login| format!("Goes beyond a threshold on the word of {login}."));
    let banner = chip::run_look(run.state).0.banner();
    view! {
        <div class="run-summary">
            {chip::run(run.state)}
            <span class="muted">{words::run_mode(run.mode)}</span>
            {took.map(|took| view! { <span class="muted figure">{took}</span> })}
        </div>
        {run.message.clone().map(|message| view! { <p class=banner role="status">{message}</p> })}
        {asked.map(|asked| view! { <p class="banner">{asked}</p> })}
        {approved.map(|approved| view! { <p class="hint">{approved}</p> })}
    }
}

/// The steps.
pub fn steps(run: &Run, now: Timestamp) -> impl IntoView + use<> {
    let is_over = run.state.is_final();
    let steps = run.tasks.iter().map(|task| step(task, is_over, now));
    view! { <ol class="steps" aria-label="Steps">{steps.collect_view()}</ol> }
}

fn step(task: &TaskRun, is_over: bool, now: Timestamp) -> impl IntoView + use<> {
    let StepProgress { amount, rate, left, took, bar } = progress::step(task, now);
    let label = format!("{}: {amount}", task.task.label());
    let bar = match (bar, task.state) {
        (Some((done, total)), _) => {
            view! { <progress value=done.to_string() max=total.to_string() aria-label=label></progress> }.into_any()
        }
        (None, RunState::Running) => view! { <progress aria-label=label></progress> }.into_any(),
        (None, state) => {
            let done = if state == RunState::Completed { "1" } else { "0" };
            view! { <progress value=done max="1" aria-label=label></progress> }.into_any()
        }
    };
    let failed = (task.failed > 0)
        .then(|| view! { <span class="failed">{format!("{} failed", words::number(task.failed))}</span> });
    let counts = (!task.counts.is_empty()).then(|| {
        let counts = task.counts.iter().map(|(name, count)| {
            view! { <div><dt>{words::attribute(name)}</dt><dd>{words::number(*count)}</dd></div> }
        });
        view! { <dl class="counts">{counts.collect_view()}</dl> }
    });
    view! {
        <li class=state_class(task.state) id=format!("step-{}", task.sequence)>
            <div class="step-head">
                <span class="step-sign">{icon(chip::run_look(task.state).1)}</span>
                <strong>{task.task.label().to_owned()}</strong>
                <span class="sr">{words::step_state(task.state, is_over)}</span>
                {words::step_about(&task.task).map(|about| view! { <span class="muted">{about}</span> })}
                <span class="spring"></span>
                {failed}
                <span class="figure">{amount}</span>
                <span class="figure muted rate">{rate}</span>
                <span class="figure muted left">{left.or(took)}</span>
            </div>
            {bar}
            {counts}
            {task.message.clone().map(|message| view! { <p class="step-message">{message}</p> })}
        </li>
    }
}

/// Class of a step or cell in this state.
pub fn state_class(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "step queued",
        RunState::Running => "step running",
        RunState::Completed => "step completed",
        RunState::Warning => "step warning",
        RunState::Blocked => "step blocked",
        RunState::Errored => "step errored",
        RunState::Cancelled => "step cancelled",
    }
}

/// The sign of a step in a short list of runs.
pub fn cell(task: &TaskRun, is_over: bool) -> impl IntoView + use<> {
    let state = words::step_state(task.state, is_over);
    let title = format!("{}: {state}, {} {}", task.task.label(), words::number(task.done), task.unit);
    view! { <span class=state_class(task.state) title=title>{icon(chip::run_look(task.state).1)}<span class="sr">{task.task.label().to_owned()}" "{state}</span></span> }
}

/// A step in the grid of runs: colour, shape and word, and how long it took to who points at it. A screen reader is told
/// all of it in one sentence.
pub fn grid_cell(run: &Run, task: &TaskRun, now: Timestamp) -> impl IntoView + use<> {
    let took = task.started_at.map(|started| time::took(started, task.finished_at.unwrap_or(now)));
    let state = words::step_state(task.state, run.state.is_final());
    let sentence = match &took {
        Some(took) => format!("{}, {state} in {took}", task.task.label()),
        None => format!("{}, {state}", task.task.label()),
    };
    let short = words::step_state_short(task.state, run.state.is_final());
    let class = format!("grid-cell {}", state_class(task.state));
    let address = format!("/jobs/runs/{}#step-{}", run.id, task.sequence);
    let title = sentence.clone();
    view! {
        <a class=class href=address title=title>
            {icon(chip::run_look(task.state).1)}
            <span class="grid-word" aria-hidden="true">{short}</span>
            <span class="grid-took" aria-hidden="true">{took.unwrap_or_else(|| short.to_owned())}</span>
            <span class="sr">{sentence}</span>
        </a>
    }
}

/// One line of the log.
pub fn log_line(line: LogLineView) -> impl IntoView {
    let class = match line.level {
        model::job::LogLevel::Information => "log-line",
        model::job::LogLevel::Warning => "log-line warning",
        model::job::LogLevel::Error => "log-line error",
    };
    view! {
        <li class=class>
            <span class="log-time">{line.time}</span>
            <span class="log-level">{line.level.name()}</span>
            <span class="log-task">{line.task}</span>
            <span class="log-message">{line.message}</span>
        </li>
    }
}
