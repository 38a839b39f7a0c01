//! Jobs and their runs.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::jobs;
use jiff::SignedDuration;
use model::block::{BlockState, RunBlock, TripView};
use model::configuration::{JobDefinition, TaskDefinition};
use model::ids::{IdentityId, RunBlockId, RunId, UserId};
use model::job::{Job, JobTask, LogLevel, OWN_RUNS, Run, RunMode, RunState, TaskKind, TaskRun};
use model::order::ProvisioningState as State;
use model::page::Page;
use model::plan::Operation;
use model::view::{
    JobRow, LogCounts, LogLineView, PreviewFilter, PreviewGroup, PreviewLine, RunComparison, RunFilter, RunRow,
    SinceApproval,
};

use super::{APPLICATIONS, NAMES, before, clock, now, rights, undo};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("jobs", jobs::jobs_sheet(&job_rows(), &active_rows(), &history(None, run_rows(12)), rights, clock)),
        ("jobs-never", jobs::jobs_sheet(&job_rows(), &[], &history(None, vec![]), &Rights::of(&[]), clock)),
        ("run", run_of(RunState::Running, LogLevel::Information)),
        ("run-blocked", run_of(RunState::Blocked, LogLevel::Warning)),
        ("run-failed", run_of(RunState::Warning, LogLevel::Warning)),
        ("run-waiting", run_of(RunState::Queued, LogLevel::Information)),
        (
            "run-preview",
            jobs::run_sheet(
                &RunRow { run: run(7002, RunState::Completed, true), ..run_rows(1).remove(0) },
                vec![],
                &around(),
                jobs::RunTab::Preview(plan(false)),
                rights,
                clock,
            ),
        ),
        ("run-undo", jobs::undo_sheet(&undo::preview(), &jobs::UndoAsked::default(), rights, clock)),
        ("comparison", jobs::comparison_sheet(&jobs::Compared::Both(Box::new(comparison())), &run_rows(12), clock)),
        ("comparison-choose", jobs::comparison_sheet(&jobs::Compared::Nothing, &run_rows(12), clock)),
        ("comparison-never", jobs::comparison_sheet(&jobs::Compared::Nothing, &run_rows(1), clock)),
        (
            "run-stopped",
            jobs::run_sheet(
                &RunRow { run: run(7003, RunState::Blocked, false), ..run_rows(1).remove(0) },
                vec![],
                &around(),
                jobs::RunTab::Preview(plan(true)),
                rights,
                clock,
            ),
        ),
    ]
}

/// What ran of everything, or of one job.
pub(crate) fn history(job: Option<&str>, runs: Vec<RunRow>) -> jobs::History {
    let others = OWN_RUNS.map(|(job, label)| {
        let row = run_rows(1).remove(0);
        RunRow { run: Run { job: job.into(), ..row.run }, job_label: label.into(), ..row }
    });
    jobs::History {
        filter: RunFilter { job: job.map(str::to_owned), before: None, limit: 12 },
        others: if runs.is_empty() { vec![] } else { others.into() },
        runs,
    }
}

fn around() -> jobs::Around {
    jobs::Around { active: active_rows(), reruns: vec![], before: run_rows(2).pop(), undo: undo::about(), rings: None }
}

fn run_of(state: RunState, level: LogLevel) -> Sheet {
    let counts = LogCounts { information: 112, warning: 3, error: 1 };
    let choice = jobs::LogChoice { level, step: (state == RunState::Warning).then(|| "fulfil".into()), counts };
    let id = if state == RunState::Queued { active_rows()[1].run.id.0 } else { 7_001 };
    let run = run(id, state, false);
    let rerun_of = (state == RunState::Queued).then_some(RunId(6_999));
    let row = RunRow { run: Run { rerun_of, ..run }, ..run_rows(1).remove(0) };
    let reruns = if state == RunState::Warning { run_rows(2) } else { vec![] };
    let lines = if state == RunState::Queued { vec![] } else { log() };
    let undo = if state == RunState::Queued { jobs::About::default() } else { undo::about() };
    let rings = (state == RunState::Warning).then(undo::rings);
    let around = jobs::Around { reruns, undo, rings, ..around() };
    jobs::run_sheet(&row, lines, &around, jobs::RunTab::Progress(choice), &rights(), &clock())
}

pub(crate) fn task(sequence: u32, kind: TaskKind, state: RunState) -> TaskRun {
    let (done, total, unit) = match kind {
        TaskKind::Collect => (2_311, Some(2_311), "records"),
        TaskKind::Synchronize => (1_799, Some(1_799), "changes"),
        TaskKind::ComputeRoleModel => (512, Some(512), "people"),
        TaskKind::GenerateOrders => (1_284, Some(1_284), "orders"),
        TaskKind::Fulfil => (846, Some(1_284), "orders"),
        TaskKind::SynchronizeBack => (0, None, "accounts"),
    };
    let (done, total) = if state == RunState::Queued { (0, None) } else { (done, total) };
    let counts = match (kind, state) {
        (_, RunState::Queued) => vec![],
        (TaskKind::Synchronize, _) => vec![("inserted".into(), 56), ("updated".into(), 280), ("deleted".into(), 119)],
        (TaskKind::GenerateOrders, _) => {
            vec![("created".into(), 240), ("changed".into(), 931), ("disabled".into(), 113)]
        }
        _ => vec![],
    };
    TaskRun {
        sequence,
        task: JobTask::usual(kind),
        state,
        message: (state == RunState::Blocked).then(|| "119 accounts would be disabled; the threshold is 50.".into()),
        done,
        total,
        unit: unit.into(),
        failed: if kind == TaskKind::Fulfil && state != RunState::Queued { 9 } else { 0 },
        counts,
        started_at: (state != RunState::Queued)
            .then(|| now() - SignedDuration::from_secs(40 - 6 * i64::from(sequence))),
        finished_at: state.is_final().then(|| now() - SignedDuration::from_secs(36 - 6 * i64::from(sequence))),
    }
}

pub(crate) fn run(id: i64, state: RunState, dry_run: bool) -> Run {
    let tasks = TaskKind::COMPLETE.into_iter().zip(0_u32..).map(|(kind, sequence)| {
        let task_state = match (state, sequence) {
            (RunState::Running, 4) => RunState::Running,
            (RunState::Running, 5) => RunState::Queued,
            (RunState::Blocked, 1) => RunState::Blocked,
            (RunState::Blocked, 2..) | (RunState::Queued, _) => RunState::Queued,
            (RunState::Warning, 4) => RunState::Warning,
            _ => RunState::Completed,
        };
        task(sequence, kind, task_state)
    });
    Run {
        id: RunId(id),
        job: "complete".into(),
        mode: RunMode { incremental: id % 3 == 0, dry_run },
        state,
        message: (state == RunState::Blocked).then(|| "Synchronize stopped before any change: 119 of 512 people would leave, the threshold is 50. Look at the feed; if it is right, go on.".into()),
        configuration: None,
        started_by: Some(UserId(1)),
        queued_at: before((7_010 - id) * 90),
        started_at: Some(now() - SignedDuration::from_secs(42)),
        finished_at: state.is_final().then(now),
        cancel_requested: false,
        approved_by: None,
        rerun_of: None,
        scheduled_for: (id % 2 == 0).then(|| before((7_010 - id) * 90)),
        tasks: tasks.collect(),
    }
}

pub(crate) fn run_rows(count: i64) -> Vec<RunRow> {
    let states = [
        RunState::Running,
        RunState::Completed,
        RunState::Warning,
        RunState::Completed,
        RunState::Blocked,
        RunState::Completed,
    ];
    (0..count)
        .map(|n| RunRow {
            run: run(7_001 - n, states[n as usize % 6], n == 3),
            job_label: "Complete job".into(),
            started_by: (n % 2 == 0).then(|| "Olga Petrova".into()),
        })
        .collect()
}

pub(crate) fn log() -> Vec<LogLineView> {
    let line = |sequence, time: &str, level, task: &str, message: &str| LogLineView {
        sequence,
        time: time.into(),
        level,
        step: task.to_lowercase(),
        task: task.into(),
        message: message.into(),
    };
    vec![
        line(1, "10:41:18", LogLevel::Information, "Collect", "Read 512 people from Human resources."),
        line(2, "10:41:20", LogLevel::Information, "Collect", "Read 498 accounts from Cloud Directory."),
        line(3, "10:41:24", LogLevel::Information, "Synchronize", "56 inserted, 280 updated, 119 deleted."),
        line(4, "10:41:36", LogLevel::Information, "Generate provisioning orders", "1,284 orders in 412 plans."),
        line(5, "10:41:44", LogLevel::Warning, "Fulfil", "Badge System took the batch of 240; the answer is awaited."),
        line(
            6,
            "10:41:52",
            LogLevel::Error,
            "Fulfil",
            "Order 4003 failed: another account has the name ann.lindqvist.",
        ),
    ]
}

/// What a dry run would do, or what was stopped and waits for a decision.
pub(crate) fn plan(stopped: bool) -> app::pages::jobs::Plan {
    let rows = (0..18).map(|n: usize| PreviewLine {
        identity: Some(IdentityId(100 + n as i64)),
        identity_name: NAMES[n % NAMES.len()].into(),
        application: APPLICATIONS[n % 4].0.into(),
        account_type: ["directory-person", "payroll-person", "badge", "racf-user"][n % 4].into(),
        operation: ["create", "update", "disable"][n % 3].into(),
        change: [
            "userName, department and 4 more; joins All staff",
            "department: Operations → Sales",
            "the account is disabled",
        ][n % 3]
            .into(),
        why: "Rule sales-staff holds because department = Sales.".into(),
        since_approval: (stopped && n == 2).then_some(SinceApproval::Added),
    });
    let group = |account_type: &str, operation: &str, lines| PreviewGroup {
        account_type: account_type.into(),
        operation: operation.into(),
        lines,
    };
    let block = |id, state, by: Option<&str>| RunBlock {
        id: RunBlockId(id),
        run: RunId(7_003),
        subject: "orders".into(),
        digest: "5f2c9e0b7a31d4c86a10".repeat(3),
        trips: vec![TripView {
            scope: "account type “Cloud account”".into(),
            what: "would be deleted or disabled".into(),
            counted: 119,
            limit: "5 % of 498 (24)".into(),
        }],
        changes: 1_284,
        second_person: true,
        blocked_at: before(12 * id),
        state,
        decided_by: by.map(str::to_owned),
        decided_at: by.map(|_| before(5)),
        reason: by.map(|_| "The site in Bremen closes.".to_owned()),
    };
    let blocks = if stopped {
        vec![block(1, BlockState::Waiting, None), block(2, BlockState::Replaced, Some("ann"))]
    } else {
        vec![]
    };
    app::pages::jobs::Plan {
        page: Page { rows: rows.collect(), next: Some("100".into()), total: 1_284, more: false },
        groups: vec![
            group("badge", "create", 300),
            group("directory-person", "disable", 119),
            group("racf-user", "update", 865),
        ],
        filter: PreviewFilter::default(),
        blocks,
    }
}

/// The jobs that come with Quartermaster, one of them scheduled, and some of the configuration.
pub(crate) fn job_rows() -> Vec<JobRow> {
    let task = |kind, applications: &[&str]| TaskDefinition {
        kind,
        level: None,
        after: None,
        sources: None,
        applications: (!applications.is_empty()).then(|| applications.iter().map(|name| (*name).into()).collect()),
        continue_on_error: false,
    };
    let directory = JobDefinition {
        display_name: Some("Cloud Directory alone".into()),
        description: Some("Reads the directory and takes it over.".into()),
        tasks: [
            ("read directory".to_owned(), task(TaskKind::Collect, &["directory"])),
            ("take over".to_owned(), task(TaskKind::Synchronize, &["directory"])),
        ]
        .into(),
        ..JobDefinition::default()
    };
    let often = JobDefinition {
        display_name: Some("Every quarter of an hour".into()),
        incremental: true,
        schedule: Some("*/15 6-20 * * MON-FRI".into()),
        ..JobDefinition::default()
    };
    let off =
        JobDefinition { display_name: Some("Payroll, at the end of the year".into()), enabled: false, ..often.clone() };
    let nightly = JobDefinition { schedule: Some("30 2 * * *".into()), start_denied: true, ..JobDefinition::default() };
    let definitions = [("complete", nightly), ("directory", directory), ("off", off), ("often", often)];
    let definitions = definitions.map(|(name, job)| (name.to_owned(), job)).into();
    let rows = Job::all(&definitions, "Europe/Amsterdam").into_iter().map(|job| JobRow {
        next_at: job.schedule.as_ref().filter(|_| job.enabled).map(|_| now() + SignedDuration::from_mins(3)),
        last: (job.name == "complete" || job.name == "often").then(|| run_rows(1).remove(0)),
        skipped: (job.name == "often").then(|| (before(12), "Run 7001 of the same job had not ended by then.".into())),
        refused: (!job.enabled)
            .then(|| format!("{} is switched off: its configuration says `enabled = false`.", job.label)),
        job,
    });
    rows.collect()
}

/// A run under way and two that wait.
pub(crate) fn active_rows() -> Vec<RunRow> {
    let mut rows = run_rows(3);
    for row in &mut rows[1..] {
        *row = RunRow { run: run(row.run.id.0 + 10, RunState::Queued, false), ..row.clone() };
    }
    rows
}

pub(crate) fn comparison() -> RunComparison {
    let mut rows = run_rows(3);
    let (left, right) = (rows.swap_remove(2), rows.swap_remove(0));
    let steps = left.run.tasks.iter().zip(&right.run.tasks).enumerate();
    let steps = steps.map(|(position, (left, right))| {
        (left.task.name.clone(), (position > 0).then(|| left.clone()), Some(right.clone()))
    });
    RunComparison {
        steps: steps.collect(),
        orders: vec![
            ("Badge System".into(), Operation::Create, 240, 3),
            ("Cloud Directory".into(), Operation::Update, 931, 0),
            ("Mainframe".into(), Operation::Disable, 0, 12),
        ],
        outcomes: vec![(State::Errored, 9, 0), (State::Verified, 1_162, 12), (State::Executed, 0, 3)],
        left,
        right,
    }
}
