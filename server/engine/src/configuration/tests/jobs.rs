//! Jobs: what is read of them, and the exact complaints about those that cannot be run.

use model::job::{Job, TaskKind};

use super::{GOOD, complaints, read, write};

/// A job that is good, from line 43 of the file on.
const JOB: &str = r#"
[jobs.host]
display_name = "The host, every quarter of an hour"
schedule = "*/15 * * * *"
time_zone = "Europe/Berlin"
catch_up = false

[jobs.host.tasks.read-host]
kind = "collect"
applications = ["host"]
continue_on_error = true

[jobs.host.tasks.take-over]
kind = "synchronize"
applications = ["host"]
after = ["read-host"]

[jobs.host.tasks.send]
kind = "fulfil"
level = 7
applications = ["host"]
"#;

#[test]
fn a_job_is_read_with_its_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let text = format!("{GOOD}{JOB}\n[jobs.complete]\nschedule = \"@daily\"\n");
    write(directory.path(), &[("all.toml", text.as_bytes())]);
    let configuration = read(directory.path()).unwrap().configuration;
    let jobs = Job::all(&configuration.jobs, &configuration.organisation.time_zone);
    let host = jobs.iter().find(|job| job.name == "host").unwrap();
    let schedule = host.schedule.as_ref().unwrap();
    assert_eq!((schedule.cron.as_str(), schedule.catch_up), ("*/15 * * * *", false));
    assert!(host.enabled && !host.start_denied && !host.incremental);
    let tasks: Vec<_> = host.tasks.iter().map(|task| (task.name.as_str(), task.kind, task.level)).collect();
    let expected =
        [("read-host", TaskKind::Collect, 0), ("take-over", TaskKind::Synchronize, 1), ("send", TaskKind::Fulfil, 7)];
    assert_eq!(tasks, expected);
    assert!(!host.tasks[0].scope.has_source("hr") && host.tasks[0].scope.has_application("host"));
    let complete = jobs[0].schedule.as_ref().unwrap();
    assert_eq!((complete.time_zone.as_str(), complete.catch_up), ("Europe/Amsterdam", true));
}

#[test]
fn a_job_that_cannot_be_run_is_told_with_its_place() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "schedule = \"*/15 * * * *\"",
            "schedule = \"*/15 * * *\"",
            &[
                "all.toml:46:12: `*/15 * * *` is no schedule (Invalid pattern: Pattern must have 5 fields when seconds are disallowed). Expected five fields, minute, hour, day of the month, month and day of the week, such as `30 2 * * 1-5`.",
            ],
        ),
        (
            "schedule = \"*/15 * * * *\"",
            "schedule = \"0 0 31 11 *\"",
            &["all.toml:46:12: The schedule `0 0 31 11 *` never comes: there is no such day."],
        ),
        (
            "time_zone = \"Europe/Berlin\"\n",
            "time_zone = \"Europe/Brelin\"\n",
            &[
                "all.toml:47:13: `Europe/Brelin` is no time zone. Expected an IANA name such as Europe/Amsterdam or UTC.",
            ],
        ),
        (
            "schedule = \"*/15 * * * *\"\n",
            "",
            &["all.toml:46:13: A time zone says nothing without a schedule. Add `schedule`, or remove it."],
        ),
        (
            "catch_up = false",
            "catchup = false",
            &[
                "all.toml:48:1: `catchup` is not a key that is known here. Did you mean `catch_up`? Known here: display_name, description, tasks, incremental, schedule, time_zone, catch_up, enabled, start_denied, rings.",
            ],
        ),
        ("kind = \"fulfil\"\n", "", &["all.toml:60:1: The task `send` of job `host` lacks the key `kind`. Add it."]),
        (
            "kind = \"fulfil\"",
            "kind = \"fulfill\"",
            &[
                "all.toml:61:8: `fulfill` is not accepted here. Did you mean `fulfil`? Expected one of: collect, synchronize, compute-role-model, generate-orders, fulfil, synchronize-back.",
            ],
        ),
        (
            "applications = [\"host\"]\ncontinue_on_error",
            "applications = [\"hots\"]\ncontinue_on_error",
            &["all.toml:52:17: There is no application `hots`. Did you mean `host`?"],
        ),
        (
            "applications = [\"host\"]\nafter",
            "sources = [\"hrr\"]\nafter",
            &["all.toml:57:12: There is no identity source `hrr`. Did you mean `hr`?"],
        ),
        (
            "level = 7\napplications",
            "level = 7\nsources",
            &[
                "all.toml:63:11: `fulfil` does not deal with identity sources. Remove `sources`.",
                "all.toml:63:12: There is no identity source `host`. Add [sources.host].",
            ],
        ),
        (
            "kind = \"synchronize\"",
            "kind = \"compute-role-model\"",
            &[
                "all.toml:57:16: `compute-role-model` is computed for everybody and all applications. Remove `applications`; what is ordered can be chosen in `generate-orders`.",
            ],
        ),
        (
            "after = [\"read-host\"]",
            "continue_on_error = true",
            &[
                "all.toml:58:21: `synchronize` cannot continue on error: what follows would be decided from half of what is known. Only `collect`, `fulfil` and `synchronize-back` can, which speak with applications.",
            ],
        ),
        (
            "applications = [\"host\"]\ncontinue_on_error",
            "sources = [\"hr\"]\ncontinue_on_error",
            &[
                "all.toml:53:21: Only applications can be gone on without, and this task concerns none: a feed that cannot be read always ends the step. Remove `continue_on_error`.",
            ],
        ),
        (
            "after = [\"read-host\"]",
            "after = [\"read-hots\"]",
            &["all.toml:58:10: This job has no task `read-hots`. Did you mean `read-host`?"],
        ),
        (
            "after = [\"read-host\"]",
            "after = [\"send\"]",
            &[
                "all.toml:58:10: `send` is on level 7, and this task on level 1. A task can only wait for one of a lower level; give one of them another `level`.",
            ],
        ),
        ("level = 7", "level = 100", &["all.toml:62:9: Levels go from 0 to 99."]),
        (
            "[jobs.host.tasks.send]",
            "[jobs.host.tasks.read-again]\nkind = \"collect\"\n\n[jobs.host.tasks.send]",
            &[
                "all.toml:50:18: `read-again` does the same for the same sources or applications, on the same level. Let each concern others, or give one another `level`.",
            ],
        ),
        (
            "[jobs.host.tasks.send]",
            "[jobs.host.tasks.collect]",
            &[
                "all.toml:60:18: The name of this task is that of another step, `collect`, and would be taken for it. Choose another name.",
            ],
        ),
        (
            "[jobs.host]\n",
            "[jobs.complete.tasks.all]\nkind = \"collect\"\n[jobs.host]\n",
            &[
                "all.toml:44:16: `complete` comes with Quartermaster, and its steps are its own. Choose another name for a job with other tasks.",
            ],
        ),
        (
            "catch_up = false\n",
            "catch_up = false\nrings = { percent = [10, 10], failed_percent = 101 }\n",
            &[
                "all.toml:49:9: A ring is healthy or not in all applications together, and this job fulfils some apart from others. Remove `applications` from its fulfil task, or the rings.",
                "all.toml:49:21: Expected whole percentages from 1 to 99, each more than the one before, such as [1, 10]; who is left is in a last ring.",
                "all.toml:49:48: Percentages go from 0 to 100.",
            ],
        ),
        (
            "[jobs.host]\n",
            "[jobs.undo]\nenabled = false\n[jobs.host]\n",
            &[
                "all.toml:44:7: Runs that no job starts are called `undo` (\u{201c}Undo of a run\u{201d}). Choose another name for the job.",
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (from, to, expected) in cases {
        let text = format!("{GOOD}{}", JOB.replacen(from, to, 1));
        assert!(JOB.contains(from), "{from}");
        let told = complaints(&[("all.toml", text.as_bytes())]);
        if told != *expected {
            wrong.push(format!("{from} → {to}: {told:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
