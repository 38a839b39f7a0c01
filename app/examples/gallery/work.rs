//! Orders, work items and runs of the gallery.

use app::pages::orders::Confirming;
use jiff::SignedDuration;
use model::account::Mechanism;
use model::block::{BlockState, RunBlock, TripView};
use model::configuration::{JobDefinition, TaskDefinition};
use model::ids::{AccountId, IdentityId, OrderId, OrderItemId, PartitionId, PlanId, RunBlockId, RunId, UserId};
use model::job::{Job, JobTask, LogLevel, Run, RunMode, RunState, TaskKind, TaskRun};
use model::order::{
    Action, Answer, Attempt, ErrorClass, Lane, Order, OrderItem, ProvisioningState as State, StateReason, Trouble,
    ValueEdit,
};
use model::page::Page;
use model::plan::{
    AccountRequest, FilterReason, Filtered, ItemKind, ItemOperation, Operation, Partition, Plan, Retained,
};
use model::trigger::Trigger;
use model::view::{
    ApplicationPause, JobRow, LogLineView, OrderCounts, OrderDetail, OrderEvent, OrderFilter, OrderGroup, OrderRow,
    OrderSelection, PauseCause, PreviewFilter, PreviewGroup, PreviewLine, RunComparison, RunRow, SelectionSummary,
    SinceApproval, Triage,
};

use super::people::sales_reason;
use super::{APPLICATIONS, NAMES, before, now};

pub(crate) fn states() -> [(State, Option<StateReason>); 9] {
    [
        (State::Verified, None),
        (State::Pending, None),
        (State::Transmitted, None),
        (
            State::Errored,
            Some(StateReason::Failed {
                class: ErrorClass::Conflict,
                message: "Somebody else has the badge number 4411.".into(),
            }),
        ),
        (State::Executed, None),
        (State::AwaitingApproval, None),
        (State::Transmitted, Some(StateReason::WorkItem)),
        (
            State::Errored,
            Some(StateReason::RetryWait {
                class: ErrorClass::Transient,
                message: "The connection was refused.".into(),
            }),
        ),
        (State::Inactive, Some(StateReason::Superseded { order: OrderId(4_012) })),
    ]
}

pub(crate) fn order_rows(count: usize) -> Vec<OrderRow> {
    (0..count)
        .map(|n| {
            let (application, mechanism) = APPLICATIONS[n % 4];
            let (state, reason) = states()[n % 9].clone();
            OrderRow {
                id: OrderId(4_000 + n as i64),
                identity: IdentityId(100 + n as i64),
                identity_name: NAMES[n % NAMES.len()].into(),
                application: application.into(),
                operation: [Operation::Create, Operation::Update, Operation::Update, Operation::Disable][n % 4],
                mechanism,
                summary: [
                    "6 attributes, 2 entitlements added",
                    "department",
                    "department, 1 entitlement removed",
                    "the account",
                ][n % 4]
                    .into(),
                fingerprint: None,
                attempts: if reason.is_some() { 3 } else { 1 },
                next_attempt_at: (n % 9 == 7).then(|| now() + SignedDuration::from_mins(4)),
                state,
                reason,
                created_at: before(30 + n as i64),
                changed_at: before(n as i64 * 3),
            }
        })
        .collect()
}

/// One group of each kind, an application that does not answer, and one in its maintenance window.
pub(crate) fn triage() -> Triage {
    let failed = |class, message: &str| StateReason::Failed { class, message: message.into() };
    let held = StateReason::Held {
        by: "Tove Sørensen".into(),
        why: "The mailbox provider moves to new hardware.".into(),
        since: before(300),
        before: None,
    };
    let groups = [
        (
            Trouble::Failed,
            38,
            Some(failed(ErrorClass::Conflict, "POST /Users: 409, userName is taken by another account.")),
        ),
        (
            Trouble::SetAside,
            1,
            Some(StateReason::SetAside {
                class: ErrorClass::Transient,
                message: "POST /Users: 500, NullPointerException.".into(),
                times: 5,
            }),
        ),
        (Trouble::RuleFailed, 2, Some(StateReason::RuleFailed { message: "cost centre has no value".into() })),
        (Trouble::TimedOut, 3, Some(StateReason::Timeout)),
        (Trouble::Drifted, 4, Some(StateReason::Drifted { found: "department is \u{201c}Operations\u{201d}".into() })),
        (Trouble::InDoubt, 2, Some(StateReason::InDoubt)),
        (Trouble::Quarantined, 212, Some(StateReason::Quarantined { since: before(95), message: String::new() })),
        (
            Trouble::RetryWait,
            9,
            Some(StateReason::RetryWait { class: ErrorClass::RateLimited, message: "429: not so fast.".into() }),
        ),
        (Trouble::Held, 5, Some(held)),
        (Trouble::Maintenance, 17, Some(StateReason::Maintenance { until: now() + SignedDuration::from_mins(50) })),
    ];
    Triage {
        groups: groups
            .into_iter()
            .enumerate()
            .map(|(n, (trouble, orders, reason))| OrderGroup {
                application: "directory".into(),
                application_name: APPLICATIONS[n % 4].0.into(),
                trouble,
                fingerprint: format!("5f0c{n}"),
                orders,
                people: orders.div_ceil(2),
                since: before(20 + 37 * n as i64),
                latest: before(3 + n as i64),
                next_attempt_at: Some(now() + SignedDuration::from_mins(4)),
                sample: OrderId(4_003),
                reason,
            })
            .collect(),
        unconfirmed: vec![("directory".into(), "Cloud Directory".into(), 30)],
        paused: vec![
            ApplicationPause {
                application: "payroll".into(),
                application_name: "Payroll".into(),
                cause: PauseCause::Quarantine {
                    since: before(95),
                    probe_at: now() + SignedDuration::from_mins(4),
                    probes: 12,
                    message: "The database did not answer within 5 seconds.".into(),
                },
            },
            ApplicationPause {
                application: "badges".into(),
                application_name: "Badge System".into(),
                cause: PauseCause::Maintenance { until: now() + SignedDuration::from_mins(50) },
            },
        ],
    }
}

pub(crate) fn confirming() -> Confirming {
    Confirming {
        action: Action::SendToManual,
        selection: OrderSelection {
            filter: OrderFilter { fingerprint: Some("5f0c".into()), ..OrderFilter::default() },
            ids: vec![],
            seen_at: now(),
        },
        summary: SelectionSummary {
            orders: 38,
            people: 19,
            by_application: vec![("Cloud Directory".into(), 36), ("Payroll".into(), 2)],
        },
    }
}

pub(crate) fn counts() -> OrderCounts {
    OrderCounts {
        by_state: vec![
            (State::Pending, 36),
            (State::Transmitted, 52),
            (State::Errored, 9),
            (State::Verified, 1_140),
            (State::AwaitingApproval, 4),
            (State::Inactive, 13),
            (State::Executed, 30),
        ],
    }
}

pub(crate) fn item(
    n: i64,
    kind: ItemKind,
    name: &str,
    operation: ItemOperation,
    current: Option<&str>,
    value: Option<&str>,
    state: State,
) -> OrderItem {
    OrderItem {
        id: OrderItemId(n),
        kind,
        name: name.into(),
        operation,
        value: value.map(Into::into),
        current: current.map(Into::into),
        entitlement: (kind == ItemKind::Entitlement).then(|| "sales-share".into()),
        state,
        explanation: String::new(),
        reasons: vec![sales_reason()],
        secret: name.contains("password"),
        message: None,
    }
}

pub(crate) fn order(state: State, reason: Option<StateReason>) -> Order {
    Order {
        id: OrderId(4_003),
        plan: PlanId(900),
        partition: PartitionId(901),
        run: Some(RunId(7_001)),
        identity: IdentityId(100),
        trigger: Trigger::LifecycleEvent,
        application: "directory".into(),
        account_type: "directory-person".into(),
        account: Some(AccountId(1)),
        key: Some("ALINDQV".into()),
        operation: Operation::Update,
        mechanism: Mechanism::Direct,
        lane: Lane::Normal,
        priority: Trigger::LifecycleEvent.usual_priority(),
        state,
        reason,
        explanation: "Ann Lindqvist moved from Operations to Sales, so the account follows.".into(),
        reasons: vec![],
        after: vec![OrderId(4_001)],
        fence: 3,
        attempts: 2,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: Some(now() + SignedDuration::from_mins(4)),
        created_at: before(34),
        transmitted_at: Some(before(30)),
        executed_at: None,
        verified_at: None,
        items: vec![
            item(
                1,
                ItemKind::Attribute,
                "department",
                ItemOperation::Set,
                Some("Operations"),
                Some("Sales"),
                State::Errored,
            ),
            item(2, ItemKind::Attribute, "initial_password", ItemOperation::Set, None, Some("hunter2"), State::Errored),
            item(3, ItemKind::Entitlement, "cn=sales-share,ou=groups", ItemOperation::Add, None, None, State::Errored),
            item(4, ItemKind::Attribute, "shift", ItemOperation::Remove, Some("late"), None, State::Errored),
        ],
    }
}

pub(crate) fn request(application: &str, operation: Operation, after: Vec<usize>) -> AccountRequest {
    AccountRequest {
        application: application.into(),
        account_type: format!("{application}-person"),
        account: None,
        key: None,
        operation,
        items: vec![],
        reasons: vec![],
        explanation: String::new(),
        after,
        error: None,
        waits_for: vec![],
        supersedes: vec![],
        awaits: vec![],
        sets_back: vec![],
    }
}

pub(crate) fn order_detail() -> OrderDetail {
    let refused =
        Answer::Failed { class: ErrorClass::Conflict, message: "Another account has the name ann.lindqvist.".into() };
    let event = |minutes, from, to, actor: &str, message: &str| OrderEvent {
        at: before(minutes),
        from,
        to,
        reason: None,
        actor: actor.into(),
        message: message.into(),
    };
    OrderDetail {
        requests: super::requests::links(),
        order: order(
            State::Errored,
            Some(StateReason::Failed {
                class: ErrorClass::Conflict,
                message: "Another account has the name ann.lindqvist.".into(),
            }),
        ),
        identity_name: "Ann Lindqvist".into(),
        application_name: "Cloud Directory".into(),
        plan_id: PlanId(900),
        plan: Plan {
            identity: IdentityId(100),
            trigger: Trigger::LifecycleEvent,
            requests: vec![
                request("payroll", Operation::Update, vec![]),
                request("directory", Operation::Update, vec![0]),
                request("mainframe", Operation::Disable, vec![]),
            ],
            filtered: vec![Filtered {
                application: "directory".into(),
                account_type: "directory-person".into(),
                kind: ItemKind::Entitlement,
                name: "all-staff".into(),
                why: FilterReason::AlreadySo,
            }],
            retained: vec![Retained {
                application: "mainframe".into(),
                account_type: "racf-user".into(),
                kind: ItemKind::Entitlement,
                name: "OPER1".into(),
                why: "Quartermaster did not grant it.".into(),
            }],
            withdrawn: vec![],
            questions: vec![],
        },
        partitions: vec![
            Partition {
                sequence: 1,
                mechanism: Mechanism::Direct,
                application: "payroll".into(),
                requests: vec![0],
                after: vec![],
            },
            Partition {
                sequence: 2,
                mechanism: Mechanism::Direct,
                application: "directory".into(),
                requests: vec![1],
                after: vec![1],
            },
            Partition {
                sequence: 3,
                mechanism: Mechanism::Manual,
                application: "mainframe".into(),
                requests: vec![2],
                after: vec![],
            },
        ],
        partition: 2,
        attempts: vec![
            Attempt {
                order: OrderId(4_003),
                number: 1,
                fence: 2,
                node: "node-1".into(),
                started_at: before(30),
                finished_at: Some(before(29)),
                answer: Some(Answer::Failed {
                    class: ErrorClass::Transient,
                    message: "The connection was refused.".into(),
                }),
            },
            Attempt {
                order: OrderId(4_003),
                number: 2,
                fence: 3,
                node: "node-1".into(),
                started_at: before(12),
                finished_at: Some(before(12)),
                answer: Some(refused),
            },
        ],
        timeline: vec![
            event(34, State::None, State::Pending, "runner", "Ordered by run 7001."),
            event(30, State::Pending, State::Transmitted, "node-1", "Sent to Cloud Directory."),
            event(
                29,
                State::Transmitted,
                State::Pending,
                "node-1",
                "The connection was refused; tried again in a minute.",
            ),
            event(12, State::Transmitted, State::Errored, "node-1", "Another account has the name ann.lindqvist."),
        ],
        work_items: vec![],
        edits: vec![ValueEdit {
            order: OrderId(4_003),
            identity: IdentityId(100),
            account_type: "directory-person".into(),
            attribute: "department".into(),
            computed: "Sails".into(),
            before: "Sails".into(),
            edited: "Sales".into(),
            by: "Tove Sørensen".into(),
            at: before(12),
            why: "Typing error in the feed; the source is being corrected.".into(),
        }],
        siblings: order_rows(3),
    }
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
        page: Page { rows: rows.collect(), next: Some("100".into()), total: 1_284 },
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
