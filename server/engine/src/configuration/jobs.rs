//! What a job cannot mean: a schedule that never comes, steps that wait for nothing, steps that get in each other's way.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::configuration::{Configuration, JobDefinition, Rings, TaskDefinition};
use model::job::{Job, JobTask, OWN_RUNS, TaskKind};

use super::ConfigurationFinding;
use super::places::Index;
use super::wording;
use crate::schedule::{ScheduleError, Timetable};

/// Highest level of a task; more steps one after another than this are a mistake.
const LEVELS: u32 = 99;
/// Most shares of rings.
const MOST_RINGS: usize = 9;

/// Tells of jobs that cannot be run, or not when they say.
pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    if let Some(own) = &configuration.organisation.rings {
        rings(own, &mut |path, message| {
            let path: Vec<&str> = ["organisation", "rings"].into_iter().chain(path.iter().copied()).collect();
            findings.push(index.finding(&path, message));
        });
    }
    for (name, job) in &configuration.jobs {
        let mut tell = |path: &[&str], message: String| {
            let path: Vec<&str> = ["jobs", name].into_iter().chain(path.iter().copied()).collect();
            findings.push(index.finding(&path, message));
        };
        schedule(job, &configuration.organisation.time_zone, &mut tell);
        if let Some((_, label)) = OWN_RUNS.iter().find(|(own, _)| own == name) {
            let message = format!(
                "Runs that no job starts are called `{name}` (\u{201c}{label}\u{201d}). Choose another name for the job."
            );
            tell(&[], message);
        }
        if !job.tasks.is_empty() && Job::built_in(name).is_some() {
            let message = format!(
                "`{name}` comes with Quartermaster, and its steps are its own. Choose another name for a job with other tasks."
            );
            tell(&["tasks"], message);
        }
        for (task_name, task) in &job.tasks {
            self::task(task_name, task, job, &mut tell);
        }
        same_level(job, &mut tell);
        if let Some(own) = &job.rings {
            rings(own, &mut |path, message| {
                let path: Vec<&str> = ["rings"].into_iter().chain(path.iter().copied()).collect();
                tell(&path, message);
            });
            let in_part = |task: &TaskDefinition| task.kind == TaskKind::Fulfil && task.applications.is_some();
            if !own.percent.is_empty() && job.tasks.values().any(in_part) {
                let message = "A ring is healthy or not in all applications together, and this job fulfils some apart \
                               from others. Remove `applications` from its fulfil task, or the rings.";
                tell(&["rings"], message.into());
            }
        }
    }
}

fn rings(rings: &Rings, tell: &mut impl FnMut(&[&str], String)) {
    let rises = rings.percent.windows(2).all(|pair| matches!(pair, [before, after] if before < after));
    if !rises || rings.percent.iter().any(|percent| !(1..=99).contains(percent)) {
        let message = "Expected whole percentages from 1 to 99, each more than the one before, such as [1, 10]; who is \
                       left is in a last ring.";
        tell(&["percent"], message.into());
    }
    if rings.percent.len() > MOST_RINGS {
        tell(&["percent"], format!("At most {MOST_RINGS} shares make sense. Remove some."));
    }
    for (name, percent) in [("failed_percent", rings.failed_percent), ("unverified_percent", rings.unverified_percent)]
    {
        if percent > 100 {
            tell(&[name], "Percentages go from 0 to 100.".into());
        }
    }
}

fn schedule(job: &JobDefinition, time_zone: &str, tell: &mut impl FnMut(&[&str], String)) {
    let Some(schedule) = &job.schedule else {
        if job.time_zone.is_some() {
            tell(&["time_zone"], "A time zone says nothing without a schedule. Add `schedule`, or remove it.".into());
        }
        return;
    };
    // An organisation without a time zone of this world is told where it stands; whether a schedule ever comes does not
    // depend on the day of reading.
    let zone = job.time_zone.as_deref().unwrap_or(time_zone);
    match Timetable::read(schedule, zone, Timestamp::UNIX_EPOCH) {
        Ok(_) => {}
        Err(error @ ScheduleError::Zone { .. }) if job.time_zone.is_some() => {
            tell(&["time_zone"], format!("{}.", capitalised(&error.to_string())));
        }
        Err(ScheduleError::Zone { .. }) => {}
        Err(error) => tell(&["schedule"], format!("{}.", capitalised(&error.to_string()))),
    }
}

fn task(name: &str, task: &TaskDefinition, job: &JobDefinition, tell: &mut impl FnMut(&[&str], String)) {
    let kind = task.kind;
    if let Some(usual) = TaskKind::from_name(name).filter(|usual| *usual != kind) {
        let message = format!(
            "The name of this task is that of another step, `{}`, and would be taken for it. Choose another name.",
            usual.name()
        );
        tell(&["tasks", name], message);
    }
    if task.sources.is_some() && !kind.concerns_sources() {
        let message = format!("`{}` does not deal with identity sources. Remove `sources`.", kind.name());
        tell(&["tasks", name, "sources"], message);
    }
    if task.applications.is_some() && !kind.concerns_applications() {
        let message = format!(
            "`{}` is computed for everybody and all applications. Remove `applications`; what is ordered can be chosen in `generate-orders`.",
            kind.name()
        );
        tell(&["tasks", name, "applications"], message);
    }
    let definition = task.task(name);
    if task.continue_on_error && !kind.may_continue_on_error() {
        let message = format!(
            "`{}` cannot continue on error: what follows would be decided from half of what is known. Only `collect`, `fulfil` and `synchronize-back` can, which speak with applications.",
            kind.name()
        );
        tell(&["tasks", name, "continue_on_error"], message);
    } else if task.continue_on_error
        && definition.scope.applications.as_ref().is_some_and(std::collections::BTreeSet::is_empty)
    {
        let message = "Only applications can be gone on without, and this task concerns none: a feed that cannot be read always ends the step. Remove `continue_on_error`.";
        tell(&["tasks", name, "continue_on_error"], message.into());
    }
    if task.level.is_some_and(|level| level > LEVELS) {
        tell(&["tasks", name, "level"], format!("Levels go from 0 to {LEVELS}."));
    }
    for (position, parent) in task.after.iter().flatten().enumerate() {
        let position = position.to_string();
        let path = ["tasks", name, "after", &position];
        match job.tasks.get(parent) {
            None => {
                let known: Vec<&str> = job.tasks.keys().map(String::as_str).collect();
                let message = format!("This job has no task `{parent}`.{}", wording::hint(parent, &known));
                tell(&path, message);
            }
            Some(other) if level(other) >= level(task) => {
                let message = format!(
                    "`{parent}` is on level {}, and this task on level {}. A task can only wait for one of a lower level; give one of them another `level`.",
                    level(other),
                    level(task)
                );
                tell(&path, message);
            }
            Some(_) => {}
        }
    }
}

fn level(task: &TaskDefinition) -> u32 {
    task.level.unwrap_or_else(|| task.kind.usual_level())
}

/// Two tasks of one kind that may be under way at once must not concern the same.
fn same_level(job: &JobDefinition, tell: &mut impl FnMut(&[&str], String)) {
    let tasks: Vec<JobTask> = job.tasks.iter().map(|(name, task)| task.task(name)).collect();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for (position, one) in tasks.iter().enumerate() {
        let rival = tasks[..position]
            .iter()
            .find(|other| other.kind == one.kind && other.level == one.level && other.scope.overlaps(&one.scope));
        if let Some(rival) = rival.filter(|_| told.insert(&one.name)) {
            let message = format!(
                "`{}` does the same for the same sources or applications, on the same level. Let each concern others, or give one another `level`.",
                rival.name
            );
            tell(&["tasks", &one.name], message);
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
