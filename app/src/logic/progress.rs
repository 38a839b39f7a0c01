//! How far a run is, in real units, with rate and time left.

use jiff::Timestamp;
use model::job::{LogLevel, RunState, TaskRun};

use super::{time, words};

/// Below this many seconds a rate says nothing.
const SETTLED_AFTER: f64 = 1.0;

/// One step, ready to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProgress {
    /// "1,204 of 8,615 people".
    pub amount: String,
    /// "350/s".
    pub rate: Option<String>,
    /// "about 21 s left".
    pub left: Option<String>,
    /// "3.2 s", once it is over or while it runs.
    pub took: Option<String>,
    /// `value` and `max` of a progress bar; none while the total is not known.
    pub bar: Option<(u64, u64)>,
}

/// What to say about a step at this moment.
pub fn step(task: &TaskRun, now: Timestamp) -> StepProgress {
    let unit = task.unit.as_str();
    let amount = match (task.state, task.total) {
        (RunState::Queued, None) => String::new(),
        (RunState::Queued, Some(total)) => format!("{} {unit} to do", words::number(total)),
        (_, Some(total)) if task.done == total => format!("{} {unit}", words::number(total)),
        (_, Some(total)) => format!("{} of {} {unit}", words::number(task.done), words::number(total)),
        (_, None) => format!("{} {unit}", words::number(task.done)),
    };
    let end = task.finished_at.unwrap_or(now);
    let seconds = task.started_at.map(|start| (end.as_millisecond() - start.as_millisecond()).max(0) as f64 / 1_000.0);
    let per_second =
        seconds.filter(|seconds| *seconds >= SETTLED_AFTER && task.done > 0).map(|seconds| task.done as f64 / seconds);
    let running = task.state == RunState::Running;
    let left = match (running, per_second, task.total) {
        (true, Some(rate), Some(total)) if total > task.done => {
            Some(format!("about {} left", time::duration(((total - task.done) as f64 / rate).ceil() as u64)))
        }
        _ => None,
    };
    StepProgress {
        amount,
        rate: per_second.map(rate),
        left,
        took: task.started_at.filter(|_| running || task.finished_at.is_some()).map(|start| time::took(start, end)),
        bar: task.total.filter(|total| *total > 0).map(|total| (task.done.min(total), total)),
    }
}

fn rate(per_second: f64) -> String {
    if per_second >= 10.0 {
        format!("{}/s", words::number(per_second.round() as i64))
    } else if per_second >= 0.95 {
        format!("{per_second:.1}/s")
    } else {
        format!("{}/min", (per_second * 60.0).round() as i64)
    }
}

/// Whether a line of that level is shown where at least `least` is asked for.
pub fn is_shown(level: LogLevel, least: LogLevel) -> bool {
    level >= least
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::job::{JobTask, TaskKind};

    fn task(state: RunState, done: u64, total: Option<u64>, seconds: i64) -> (TaskRun, Timestamp) {
        let start = Timestamp::UNIX_EPOCH;
        let now = Timestamp::from_second(seconds).unwrap();
        let finished_at = state.is_final().then_some(now);
        let task = TaskRun {
            state,
            done,
            total,
            unit: "people".into(),
            started_at: (state != RunState::Queued).then_some(start),
            finished_at,
            ..TaskRun::queued(0, JobTask::usual(TaskKind::Collect))
        };
        (task, now)
    }

    #[test]
    fn progress_speaks_in_units() {
        let cases = [
            (
                RunState::Running,
                1_000,
                Some(8_000),
                10,
                "1,000 of 8,000 people",
                Some("100/s"),
                Some("about 1 min left"),
            ),
            (RunState::Running, 30, Some(60), 60, "30 of 60 people", Some("30/min"), Some("about 1 min left")),
            (RunState::Running, 5, None, 2, "5 people", Some("2.5/s"), None),
            (RunState::Running, 0, Some(10), 5, "0 of 10 people", None, None),
            (RunState::Completed, 8_615, Some(8_615), 5, "8,615 people", Some("1,723/s"), None),
            (RunState::Queued, 0, None, 0, "", None, None),
        ];
        for (state, done, total, seconds, amount, rate, left) in cases {
            let (task, now) = task(state, done, total, seconds);
            let shown = step(&task, now);
            assert_eq!(shown.amount, amount);
            assert_eq!(shown.rate.as_deref(), rate, "{amount}");
            assert_eq!(shown.left.as_deref(), left, "{amount}");
        }
    }

    #[test]
    fn a_bar_needs_a_total_and_never_overflows() {
        let (none, now) = task(RunState::Running, 5, None, 2);
        assert_eq!(step(&none, now).bar, None);
        let (over, now) = task(RunState::Running, 12, Some(10), 2);
        assert_eq!(step(&over, now).bar, Some((10, 10)));
    }

    #[test]
    fn a_level_shows_itself_and_worse() {
        assert!(is_shown(LogLevel::Error, LogLevel::Warning));
        assert!(!is_shown(LogLevel::Information, LogLevel::Warning));
    }
}
