//! A run that is under way, as it goes. The server draws its state when the page was asked for; from then on events
//! carry it further. A lost connection is taken up again by the browser, from the last log line it has.

use jiff::Timestamp;
use leptos::prelude::*;
use model::job::LogLevel;
use model::view::{LogLineView, RunUpdate};

use crate::components::icon::icon;
use crate::components::run::{log_line, steps, summary};
use crate::logic::progress::is_shown;

/// Lines kept on the page; the run's log has them all.
const LINES_KEPT: usize = 2_000;

/// State, steps and log of a run. `now` is the server's time in milliseconds, `level` the least level of lines to show,
/// `step` the name of the step whose lines are shown, all where it is empty.
#[island]
pub fn LiveRun(
    update: RunUpdate,
    now: i64,
    level: LogLevel,
    step: String,
    may_run: bool,
    may_resume: bool,
) -> impl IntoView {
    let id = update.run.id;
    let is_dry_run = update.run.mode.dry_run;
    let step = StoredValue::new(step);
    let run = RwSignal::new(update.run);
    let lines = RwSignal::new(update.lines);
    let now = RwSignal::new(now);
    let lost = RwSignal::new(false);
    let at = move || Timestamp::from_millisecond(now.get()).unwrap_or(Timestamp::UNIX_EPOCH);
    let take = move |update: RunUpdate| {
        let seen = lines.with_untracked(|lines| lines.last().map_or(0, |line| line.sequence));
        let is_wanted = |line: &LogLineView| {
            line.sequence > seen
                && is_shown(line.level, level)
                && step.with_value(|step| step.is_empty() || line.step == *step)
        };
        let new: Vec<_> = update.lines.into_iter().filter(is_wanted).collect();
        if !new.is_empty() {
            lines.update(|lines| {
                lines.extend(new);
                let surplus = lines.len().saturating_sub(LINES_KEPT);
                lines.drain(..surplus);
            });
        }
        run.set(update.run);
    };
    Effect::new(move |_| follow(run, now, lost, take));
    let is_under_way = move || run.with(|run| !run.state.is_final());
    let cancel = move || {
        (may_run && is_under_way() && run.with(|run| !run.cancel_requested)).then(|| {
            view! {
                <form method="post" action="/api/pages/jobs/cancel">
                    <input type="hidden" name="id" value=id.to_string() />
                    <button class="button danger">{icon("ban")}{if run.with(|run| run.state == model::job::RunState::Queued) { "Cancel this run" } else { "Stop this run" }}</button>
                </form>
            }
        })
    };
    let resume = move || {
        let is_blocked = run.with(|run| run.state == model::job::RunState::Blocked);
        is_blocked.then(|| {
            let label = if may_resume { "Look at what was stopped, and decide" } else { "Look at what was stopped" };
            view! { <a class="button primary" href=format!("/jobs/runs/{id}?tab=preview")>{icon("hand")}{label}</a> }
        })
    };
    let rest = move || {
        (may_run && run.with(model::job::Run::can_be_rerun)).then(|| {
            run.with(|run| {
                let failed = run.tasks.iter().find(|task| task.state != model::job::RunState::Completed);
                let whole = run.mode.incremental || run.mode.dry_run;
                let usual = match failed.filter(|_| !whole) {
                    Some(task) => format!("where it failed: {}", task.task.label()),
                    None => "the beginning".to_owned(),
                };
                let steps = run.tasks.iter().filter(|_| !whole).map(|task| {
                    view! { <option value=task.task.name.clone()>{task.task.label().to_owned()}</option> }
                });
                view! {
                    <form method="post" action="/api/pages/jobs/rerun" class="rerun">
                        <input type="hidden" name="id" value=id.to_string() />
                        <label>"Run again from "<select name="from"><option value="">{usual}</option>{steps.collect_view()}</select></label>
                        <button class="button primary">{icon("play")}"Run the rest"</button>
                    </form>
                }
            })
        })
    };
    let preview = move || {
        (is_dry_run && !is_under_way())
            .then(|| view! { <a class="button" href=format!("/jobs/runs/{id}?tab=preview")>{icon("flask")}"What it would do"</a> })
    };
    let orders = move || {
        (!is_dry_run).then(|| view! { <a class="button quiet" href=format!("/orders?run={id}")>{icon("orders")}"Orders of this run"</a> })
    };
    view! {
        <div class="live-run">
            <div class="run-head">
                <div class="run-now" aria-live="polite">{move || run.with(|run| summary(run, at()).into_any())}</div>
                <div class="actions">{orders}{preview}{resume}{rest}{cancel}</div>
            </div>
            {move || lost.get().then(|| view! { <p class="banner warn" role="status">"The connection was lost; it is being taken up again."</p> })}
            {move || run.with(|run| steps(run, at()).into_any())}
            <ol class="log" aria-label="Log" tabindex="0">
                <For each=move || lines.get() key=|line| line.sequence children=move |line| log_line(line) />
            </ol>
            {move || lines.with(Vec::is_empty).then(|| view! { <p class="muted log-empty">"No such lines."</p> })}
        </div>
    }
}

/// Subscribes to the run's events until it is over, and moves the time once a second.
#[cfg(feature = "hydrate")]
fn follow(
    run: RwSignal<model::job::Run>,
    now: RwSignal<i64>,
    lost: RwSignal<bool>,
    take: impl Fn(RunUpdate) + Copy + 'static,
) {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    use web_sys::{Event, EventSource, MessageEvent};

    let id = run.with_untracked(|run| run.id);
    if run.with_untracked(|run| run.state.is_final()) {
        return;
    }
    // Counted from the server's time, so that a wrong clock of this machine does no harm.
    let offset = now.get_untracked() - js_sys::Date::now() as i64;
    let ticking = set_interval_with_handle(
        move || now.set(js_sys::Date::now() as i64 + offset),
        std::time::Duration::from_secs(1),
    );
    let Ok(source) = EventSource::new(&format!("/events/runs/{id}")) else { return };
    let closing = source.clone();
    let received = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let update = event.data().as_string().and_then(|text| serde_json::from_str::<RunUpdate>(&text).ok());
        let Some(update) = update else { return };
        lost.set(false);
        let is_over = update.run.state.is_final();
        now.set(js_sys::Date::now() as i64 + offset);
        take(update);
        if is_over {
            closing.close();
            if let Ok(ticking) = ticking {
                ticking.clear();
            }
        }
    });
    let failed = Closure::<dyn FnMut(Event)>::new(move |_| lost.set(true));
    let opened = Closure::<dyn FnMut(Event)>::new(move |_| lost.set(false));
    source.set_onmessage(Some(received.as_ref().unchecked_ref()));
    source.set_onerror(Some(failed.as_ref().unchecked_ref()));
    source.set_onopen(Some(opened.as_ref().unchecked_ref()));
    // Named events reach only those who ask for the name.
    let _ = source.add_event_listener_with_callback("update", received.as_ref().unchecked_ref());
    // They live as long as the page.
    received.forget();
    failed.forget();
    opened.forget();
}

/// The server draws once.
#[cfg(not(feature = "hydrate"))]
fn follow(
    _run: RwSignal<model::job::Run>,
    _now: RwSignal<i64>,
    _lost: RwSignal<bool>,
    _take: impl Fn(RunUpdate) + Copy + 'static,
) {
}
