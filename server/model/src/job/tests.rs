use super::*;
use crate::configuration::TaskDefinition;

/// Name, kind, level and what it comes after.
type Task<'a> = (&'a str, TaskKind, Option<u32>, Option<&'a [&'a str]>);
/// A job, the states its steps ended in, the step asked for, and the steps that are done again.
type Rerun<'a> = (&'a Job, Vec<RunState>, Option<&'a str>, Option<Vec<&'a str>>);

fn definition(tasks: &[Task<'_>]) -> JobDefinition {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let tasks = tasks.iter().map(|(name, kind, level, after)| {
        let task = TaskDefinition {
            kind: *kind,
            level: *level,
            after: after.map(owned),
            sources: None,
            applications: None,
            continue_on_error: false,
        };
        ((*name).to_owned(), task)
    });
    JobDefinition { tasks: tasks.collect(), ..JobDefinition::default() }
}

fn run(job: &Job, states: &[RunState]) -> Run {
    let tasks = (0..).zip(job.tasks.iter().zip(states));
    Run {
        id: RunId(1),
        job: job.name.clone(),
        mode: RunMode::default(),
        state: RunState::Errored,
        message: None,
        configuration: None,
        started_by: None,
        queued_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        finished_at: None,
        cancel_requested: false,
        approved_by: None,
        rerun_of: None,
        scheduled_for: None,
        tasks: tasks
            .map(|(sequence, (task, state))| TaskRun { state: *state, ..TaskRun::queued(sequence, task.clone()) })
            .collect(),
    }
}

#[test]
fn jobs_of_the_configuration_stand_between_the_complete_one_and_the_steps() {
    let definitions = BTreeMap::from([
        ("complete".to_owned(), JobDefinition { schedule: Some("30 2 * * *".into()), ..JobDefinition::default() }),
        ("all-again".to_owned(), JobDefinition { incremental: true, ..JobDefinition::default() }),
        ("two".to_owned(), definition(&[("b", TaskKind::Fulfil, None, None), ("a", TaskKind::Fulfil, Some(9), None)])),
    ]);
    let jobs = Job::all(&definitions, "Europe/Berlin");
    let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names[..3], ["complete", "all-again", "two"]);
    assert_eq!(names[3..9], TaskKind::COMPLETE.map(TaskKind::name));
    assert_eq!(names[9..], [DAY_CHANGE]);
    assert_eq!((&jobs[9].schedule, jobs[9].incremental), (&None, true), "it starts by itself");
    let schedule = jobs[0].schedule.as_ref().unwrap();
    assert_eq!((schedule.time_zone.as_str(), schedule.catch_up), ("Europe/Berlin", true));
    assert_eq!(jobs[0].tasks, Job::built_in("complete").unwrap().tasks, "its tasks are its own");
    assert_eq!((jobs[1].tasks.len(), jobs[1].incremental), (6, true));
    let tasks: Vec<(&str, u32)> = jobs[2].tasks.iter().map(|task| (task.name.as_str(), task.level)).collect();
    assert_eq!(tasks, [("b", 4), ("a", 9)], "by level before name");
    assert!(Job::built_in("nonsense").is_none());
}

#[test]
fn a_scope_that_names_one_side_leaves_out_the_other() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (hr, directory) = (names(&["hr"]), names(&["directory"]));
    let all = TaskScope::default();
    let only_directory = TaskScope::new(None, Some(&directory));
    let only_hr = TaskScope::new(Some(&hr), None);
    assert!(all.has_source("hr") && all.has_application("directory") && all.is_all());
    assert!(only_directory.has_application("directory") && !only_directory.has_application("payroll"));
    assert!(!only_directory.has_source("hr") && !only_hr.has_application("directory"));
    assert!(all.overlaps(&only_hr) && only_hr.overlaps(&only_hr) && !only_hr.overlaps(&only_directory));
}

#[test]
fn the_rest_of_a_run_is_what_failed_and_what_follows_from_it() {
    use RunState::{Cancelled, Completed, Errored, Queued, Warning};
    let complete = Job::built_in("complete").unwrap();
    // Two chains: `read-hr` to `people`, and `read-payroll` to `accounts`.
    let chains = definition(&[
        ("read-hr", TaskKind::Collect, Some(0), None),
        ("read-payroll", TaskKind::Collect, Some(0), None),
        ("accounts", TaskKind::Synchronize, Some(1), Some(&["read-payroll"])),
        ("people", TaskKind::Synchronize, Some(1), Some(&["read-hr"])),
        ("roles", TaskKind::ComputeRoleModel, Some(2), Some(&["people"])),
    ]);
    let chains = Job::all(&BTreeMap::from([("chains".to_owned(), chains)]), "UTC").swap_remove(1);
    let all = |from: usize| TaskKind::COMPLETE[from..].iter().map(|kind| kind.name()).collect::<Vec<_>>();
    let done = [Completed, Completed, Completed, Completed];
    let cases: [Rerun<'_>; 9] = [
        (&complete, [&done[..1], &[Errored, Queued, Queued, Queued, Queued]].concat(), None, Some(all(1))),
        (&complete, [&done[..], &[Cancelled, Queued]].concat(), None, Some(all(4))),
        // What has ended with a warning has not done everything; what came after it is done again with it.
        (&complete, [&[Warning], &done[..], &[Completed]].concat(), None, Some(all(0))),
        (&complete, [&done[..], &[Warning, Completed]].concat(), None, Some(all(4))),
        (&complete, [&done[..], &[Errored, Queued]].concat(), Some("compute-role-model"), Some(all(2))),
        (&complete, [&done[..], &[Errored, Queued]].concat(), Some("synchronize-back"), Some(all(5))),
        (&complete, [&done[..], &[Errored, Queued]].concat(), Some("nonsense"), None),
        // By level and name: accounts, people; read-hr, read-payroll before them.
        (&chains, vec![Completed, Errored, Queued, Completed, Completed], None, Some(vec!["read-payroll", "accounts"])),
        (&chains, vec![Errored, Completed, Completed, Queued, Queued], None, Some(vec!["read-hr", "people", "roles"])),
    ];
    for (job, states, from, expected) in cases {
        let rest = run(job, &states).rest(from);
        let names = rest.as_ref().map(|rest| rest.iter().map(|task| task.name.as_str()).collect::<Vec<_>>());
        assert_eq!(names, expected, "{states:?} from {from:?}");
    }
}
