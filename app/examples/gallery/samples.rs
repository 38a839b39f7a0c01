//! Made-up data for every page: an organisation in the middle of a working day.

use std::collections::BTreeMap;

use app::frame::{Rights, Sheet, Visitor};
use app::logic::flash::{Flash, FlashKind};
use app::logic::time::Clock;
use app::pages::{applications, home, identities, jobs, login, orders, problem, work_items};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::access::{Explanation, Fact, Grantable, NearMiss, Reason, WorkflowState};
use model::account::{Account, AccountStatus, Mechanism, Provenance};
use model::error::{ApiError, ErrorCode};
use model::identity::{Context, Identity, LifecycleState, Period};
use model::ids::{
    AccountId, AssignmentId, IdentityId, OrderId, OrderItemId, PartitionId, PlanId, RunId, UserId, WorkItemId,
};
use model::job::{Job, LogLevel, Run, RunMode, RunState, TaskKind, TaskRun};
use model::order::{Answer, Attempt, ErrorClass, Lane, Order, OrderItem, ProvisioningState as State, StateReason};
use model::page::Page;
use model::plan::{
    AccountRequest, FilterReason, Filtered, ItemKind, ItemOperation, Operation, Partition, Plan, Retained,
};
use model::trigger::Trigger;
use model::user::PermissionPath;
use model::value::{Attributes, Value};
use model::view::*;
use model::work_item::{WorkItem, WorkItemState};

const NAMES: [&str; 24] = [
    "Ann Lindqvist",
    "Bo Achterberg",
    "Carmen Iglesias",
    "Dmitri Volkov",
    "Elif Yıldız",
    "Femi Adeyemi",
    "Grace O’Neill",
    "Hiro Tanaka",
    "Ines Duarte",
    "Jonas Weber",
    "Kavya Raman",
    "Liam Fitzgerald",
    "Mei Chen",
    "Noor Haddad",
    "Olga Petrova",
    "Pedro Álvarez",
    "Quinn Harper",
    "Rosa Benedetti",
    "Samuel Okafor",
    "Tove Sørensen",
    "Uma Krishnan",
    "Viktor Nagy",
    "Wanda Kowalska",
    "Yusuf Demir",
];
const DEPARTMENTS: [&str; 6] = ["Sales", "Finance", "Engineering", "Operations", "People", "Legal"];
const TITLES: [&str; 5] = ["Account Executive", "Controller", "Senior Engineer", "Shift Lead", "Counsel"];
const APPLICATIONS: [(&str, Mechanism); 4] = [
    ("Cloud Directory", Mechanism::Direct),
    ("Payroll", Mechanism::Direct),
    ("Badge System", Mechanism::Executor),
    ("Mainframe", Mechanism::Manual),
];

pub(crate) fn now() -> Timestamp {
    "2026-03-02T10:42:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn before(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn clock() -> Clock {
    Clock { now: now(), zone: TimeZone::UTC }
}

fn rights() -> Rights {
    Rights::of(&PermissionPath::parse("/*").into_iter().collect::<Vec<_>>())
}

pub(crate) fn visitor() -> Visitor {
    Visitor {
        name: "Olga Petrova".into(),
        login: "olga".into(),
        rights: rights(),
        path: "/orders".into(),
        theme: None,
        flash: None,
        clock: clock(),
        request_id: "19a-7f".into(),
        is_demo: true,
    }
}

/// Every page by name.
pub(crate) fn sheets() -> Vec<(&'static str, Sheet)> {
    let clock = &clock();
    let rights = &rights();
    let progress = |state| {
        jobs::RunTab::Progress(if state == RunState::Running { LogLevel::Information } else { LogLevel::Warning })
    };
    let update = |state| RunUpdate { run: run(7001, state, false), lines: log() };
    let asking = |asked: Option<Grantable>, explanation| identities::Asking {
        asked,
        explanation,
        known: vec!["vpn".into(), "crm-reader".into()],
    };
    let failed = Flash {
        kind: FlashKind::Partly,
        title: "2 of 3 work items confirmed; 1 refused.".into(),
        lines: vec!["Work item 41: somebody else has closed it.".into()],
    };
    let empty_orders = OrderFilter { text: Some("nobody".into()), ..OrderFilter::default() };
    vec![
        ("login", login::login_sheet(Some(Flash::failed("Login or password is wrong.")), "/orders")),
        ("home", home::home_sheet(&home_of_today(), clock)),
        (
            "identities",
            identities::identities_sheet(&IdentityFilter::default(), &DEPARTMENTS.map(str::to_owned), identity_rows()),
        ),
        (
            "identity",
            identities::identity_sheet(&identity_detail(), identities::Tab::Permissions, &asking(None, None), clock),
        ),
        (
            "identity-why",
            identities::identity_sheet(
                &identity_detail(),
                identities::Tab::Permissions,
                &asking(Some(Grantable::Entitlement("vpn".into())), Some(Ok(why_not()))),
                clock,
            ),
        ),
        (
            "identity-accounts",
            identities::identity_sheet(&identity_detail(), identities::Tab::Accounts, &asking(None, None), clock),
        ),
        (
            "identity-timeline",
            identities::identity_sheet(&identity_detail(), identities::Tab::Timeline, &asking(None, None), clock),
        ),
        (
            "identity-attributes",
            identities::identity_sheet(&identity_detail(), identities::Tab::Attributes, &asking(None, None), clock),
        ),
        (
            "orders",
            orders::orders_sheet(
                &OrderFilter::default(),
                &counts(),
                Page { rows: order_rows(40), next: Some("x".into()), total: 1_284 },
                &names(),
                clock,
            ),
        ),
        ("orders-nothing", orders::orders_sheet(&empty_orders, &counts(), Page::empty(), &names(), clock)),
        (
            "orders-never",
            orders::orders_sheet(&OrderFilter::default(), &OrderCounts::default(), Page::empty(), &names(), clock),
        ),
        ("order", orders::order_sheet(&order_detail(), rights, clock)),
        (
            "work-items",
            work_items::work_items_sheet(
                &WorkItemFilter { state: Some(WorkItemState::Open), ..WorkItemFilter::default() },
                Page { rows: work_rows(14), next: None, total: 14 },
                &names(),
                rights,
                clock,
            ),
        ),
        (
            "work-items-done",
            work_items::work_items_sheet(
                &WorkItemFilter { state: Some(WorkItemState::Open), ..WorkItemFilter::default() },
                Page::empty(),
                &names(),
                rights,
                clock,
            ),
        ),
        ("work-item", work_items::work_item_sheet(&work_item_detail(), rights, clock, UserId(1))),
        ("jobs", jobs::jobs_sheet(&Job::all(), &run_rows(12), rights, clock)),
        (
            "run",
            jobs::run_sheet(
                update(RunState::Running),
                Some("Olga Petrova".into()),
                progress(RunState::Running),
                rights,
                clock,
            ),
        ),
        (
            "run-blocked",
            jobs::run_sheet(
                update(RunState::Blocked),
                Some("Olga Petrova".into()),
                progress(RunState::Blocked),
                rights,
                clock,
            ),
        ),
        (
            "run-preview",
            jobs::run_sheet(
                RunUpdate { run: run(7002, RunState::Completed, true), lines: vec![] },
                None,
                jobs::RunTab::Preview(preview()),
                rights,
                clock,
            ),
        ),
        ("applications", applications::applications_sheet(&application_rows(), clock)),
        (
            "application",
            applications::application_sheet(&application_detail(), applications::TabContent::Overview, rights, clock),
        ),
        (
            "application-types",
            applications::application_sheet(
                &application_detail(),
                applications::TabContent::AccountTypes,
                rights,
                clock,
            ),
        ),
        (
            "application-entitlements",
            applications::application_sheet(
                &application_detail(),
                applications::TabContent::Entitlements,
                rights,
                clock,
            ),
        ),
        (
            "application-accounts",
            applications::application_sheet(
                &application_detail(),
                applications::TabContent::Accounts(
                    account_rows(),
                    AccountFilter { application: "directory".into(), ..AccountFilter::default() },
                ),
                rights,
                clock,
            ),
        ),
        (
            "application-schema",
            applications::application_sheet(
                &application_detail(),
                applications::TabContent::Schema(Ok(schema())),
                rights,
                clock,
            ),
        ),
        (
            "refused",
            problem::sheet(
                &ApiError::new(
                    ErrorCode::Forbidden,
                    "Your profile does not include `/Orders/View`. Ask an administrator of Quartermaster for it.",
                ),
                &visitor(),
            ),
        ),
        ("missing", problem::sheet(&ApiError::not_found("order `99`"), &visitor())),
        ("failed", problem::sheet(&ApiError::internal(), &Visitor { flash: Some(failed), ..visitor() })),
    ]
}

fn home_of_today() -> Home {
    let failed = order_rows(40).into_iter().filter(|order| order.state == State::Errored).take(6);
    Home {
        identities: 512,
        accounts: 1_840,
        orders: counts(),
        open_work_items: 14,
        work_items: work_rows(8),
        failed: failed.collect(),
        runs: run_rows(5),
        applications: application_rows(),
    }
}

fn names() -> Vec<(String, String)> {
    APPLICATIONS.map(|(name, _)| (name.to_lowercase().replace(' ', "-"), name.to_owned())).into()
}

fn identity_rows() -> Page<IdentityRow> {
    let rows = (0..48).map(|n: usize| IdentityRow {
        id: IdentityId(100 + n as i64),
        key: format!("{}", 10_001 + n * 7),
        display_name: NAMES[n % NAMES.len()].into(),
        department: DEPARTMENTS[n % 6].into(),
        title: TITLES[n % 5].into(),
        site: ["Rotterdam", "Lyon", "Gdańsk"][n % 3].into(),
        lifecycle: match n % 11 {
            4 => LifecycleState::Leaver,
            7 => LifecycleState::Joiner,
            _ => LifecycleState::Active,
        },
        accounts: 2 + (n % 3) as u32,
        entitlements: 3 + (n * 5 % 9) as u32,
        open_orders: if n % 6 == 2 { 2 } else { 0 },
    });
    Page { rows: rows.collect(), next: Some("n".into()), total: 512 }
}

fn reason(rule: &str, facts: &[(&str, &str)], path: Vec<Grantable>) -> Reason {
    let facts = facts.iter().map(|(name, value)| Fact { attribute: (*name).into(), value: Some((*value).into()) });
    Reason { rule: rule.into(), context: Some("main".into()), facts: facts.collect(), path }
}

fn sales_reason() -> Reason {
    reason(
        "sales-staff",
        &[("department", "Sales"), ("title", "Account Executive")],
        vec![Grantable::Role("seller".into()), Grantable::AccessProfile("crm-access".into())],
    )
}

fn permission(
    n: i64,
    grantable: Grantable,
    name: &str,
    application: Option<&str>,
    state: Option<State>,
    reason: Option<StateReason>,
) -> PermissionRow {
    let everyone = reason_everyone();
    PermissionRow {
        id: AssignmentId(n),
        display_name: name.into(),
        application: application.map(Into::into),
        workflow_state: if n % 5 == 4 { WorkflowState::GivenByRole } else { WorkflowState::Calculated },
        state,
        state_reason: reason,
        order: state.map(|_| OrderId(4_000 + n)),
        period: Period {
            starts: "2026-01-12".parse().ok(),
            ends: (n % 4 == 1).then(|| "2026-12-31".parse().ok()).flatten(),
        },
        since: before(60 * 24 * 40 + n),
        reasons: if n % 3 == 0 { vec![sales_reason(), everyone] } else { vec![sales_reason()] },
        grantable,
    }
}

fn reason_everyone() -> Reason {
    reason("everybody", &[("employee_type", "permanent")], vec![Grantable::Role("employee".into())])
}

fn identity() -> Identity {
    let mut attributes = Attributes::new();
    for (name, value) in [
        ("given_name", "Ann"),
        ("family_name", "Lindqvist"),
        ("mail", "ann.lindqvist@example.org"),
        ("employee_type", "permanent"),
    ] {
        attributes.insert(name.into(), value.into());
    }
    let context = |key: &str, department: &str, starts: &str, ends: Option<&str>| Context {
        key: key.into(),
        priority: 1,
        period: Period { starts: starts.parse().ok(), ends: ends.and_then(|ends| ends.parse().ok()) },
        attributes: BTreeMap::from([
            ("department".to_owned(), Value::from(department)),
            ("title".to_owned(), Value::from("Account Executive")),
            ("site".to_owned(), Value::from("Rotterdam")),
        ]),
    };
    Identity {
        id: IdentityId(100),
        source: "Human resources".into(),
        key: "10001".into(),
        display_name: "Ann Lindqvist".into(),
        attributes,
        contexts: vec![
            context("p-1", "Operations", "2024-02-01", Some("2026-01-12")),
            context("p-2", "Sales", "2026-01-12", None),
        ],
        manager_key: Some("10008".into()),
        present: true,
    }
}

fn identity_detail() -> IdentityDetail {
    let failed =
        StateReason::Failed { class: ErrorClass::Conflict, message: "Somebody else has the badge number 4411.".into() };
    IdentityDetail {
        identity: identity(),
        lifecycle: LifecycleState::Active,
        manager: Some((IdentityId(107), "Hiro Tanaka".into())),
        reports: vec![(IdentityId(104), "Elif Yıldız".into()), (IdentityId(110), "Kavya Raman".into())],
        permissions: vec![
            permission(1, Grantable::Role("employee".into()), "Employee", None, None, None),
            permission(2, Grantable::Role("seller".into()), "Seller", None, None, None),
            permission(
                3,
                Grantable::AccessProfile("crm-access".into()),
                "CRM access",
                Some("Cloud Directory"),
                None,
                None,
            ),
            permission(
                4,
                Grantable::AccountType("directory-person".into()),
                "Directory account",
                Some("Cloud Directory"),
                Some(State::Verified),
                None,
            ),
            permission(
                5,
                Grantable::AccountType("badge-holder".into()),
                "Badge",
                Some("Badge System"),
                Some(State::Errored),
                Some(failed),
            ),
            permission(
                6,
                Grantable::AccountType("racf-user".into()),
                "RACF user",
                Some("Mainframe"),
                Some(State::Transmitted),
                Some(StateReason::WorkItem),
            ),
            permission(
                7,
                Grantable::Entitlement("all-staff".into()),
                "All staff",
                Some("Cloud Directory"),
                Some(State::Verified),
                None,
            ),
            permission(
                8,
                Grantable::Entitlement("crm-writer".into()),
                "CRM writer",
                Some("Cloud Directory"),
                Some(State::Executed),
                None,
            ),
            permission(
                9,
                Grantable::Entitlement("sales-share".into()),
                "Sales share",
                Some("Cloud Directory"),
                Some(State::Pending),
                Some(StateReason::HeldBy { orders: vec![OrderId(4006)] }),
            ),
            permission(
                10,
                Grantable::Entitlement("door-main".into()),
                "Main door, Rotterdam",
                Some("Badge System"),
                Some(State::AwaitingApproval),
                None,
            ),
        ],
        accounts: vec![account(1, "directory", AccountStatus::Enabled), account(2, "payroll", AccountStatus::Disabled)],
        orders: order_rows(6),
        events: vec![
            IdentityEvent {
                at: before(12),
                message: "Order 4008 was carried out in Cloud Directory; confirmation follows.".into(),
                order: Some(OrderId(4008)),
                run: Some(RunId(7001)),
            },
            IdentityEvent {
                at: before(1_500),
                message: "Department changed from Operations to Sales.".into(),
                order: None,
                run: Some(RunId(6990)),
            },
        ],
    }
}

fn account(n: i64, application: &str, status: AccountStatus) -> Account {
    Account {
        id: AccountId(n),
        application: application.into(),
        account_type: format!("{application}-person"),
        key: format!("0198c7f2-5a1e-7cc3-9b1f-{n:012}"),
        owner: Some(IdentityId(100)),
        status,
        provenance: Provenance::Created,
        attributes: BTreeMap::from([
            ("userName".to_owned(), Value::from("ann.lindqvist")),
            ("department".to_owned(), Value::from("Sales")),
        ]),
        entitlements: ["all-staff", "crm-writer"].map(str::to_owned).into(),
        observed_at: Some(before(12)),
    }
}

fn why_not() -> Explanation {
    Explanation {
        identity: IdentityId(100),
        grantable: Grantable::Entitlement("vpn".into()),
        held: false,
        period: None,
        reasons: vec![],
        missing: vec![NearMiss {
            rule: "remote-workers".into(),
            when: "identity.site == \"Home\" || identity.travels".into(),
            facts: vec![
                Fact { attribute: "site".into(), value: Some("Rotterdam".into()) },
                Fact { attribute: "travels".into(), value: None },
            ],
            path: vec![Grantable::AccessProfile("remote-access".into())],
        }],
        denied_by: None,
    }
}

fn states() -> [(State, Option<StateReason>); 9] {
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

fn order_rows(count: usize) -> Vec<OrderRow> {
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
                summary: ["6 attributes, 2 groups added", "department", "department, 1 group removed", "the account"]
                    [n % 4]
                    .into(),
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

fn counts() -> OrderCounts {
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

fn item(
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

fn order(state: State, reason: Option<StateReason>) -> Order {
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
        state,
        reason,
        explanation: "Ann Lindqvist moved from Operations to Sales, so the account follows.".into(),
        reasons: vec![],
        after: vec![OrderId(4_001)],
        fence: 3,
        attempts: 2,
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

fn request(application: &str, operation: Operation, after: Vec<usize>) -> AccountRequest {
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
    }
}

fn order_detail() -> OrderDetail {
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
        work_item: None,
        siblings: order_rows(3),
    }
}

fn work_rows(count: usize) -> Vec<WorkItemRow> {
    (0..count)
        .map(|n| WorkItemRow {
            id: WorkItemId(40 + n as i64),
            order: OrderId(4_000 + n as i64),
            identity: IdentityId(100 + n as i64),
            identity_name: NAMES[(n * 3) % NAMES.len()].into(),
            application: if n < 10 { "mainframe".into() } else { "archive".into() },
            application_name: if n < 10 { "Mainframe".into() } else { "Paper Archive".into() },
            operation: [Operation::Create, Operation::Disable, Operation::Update][n % 3],
            summary: ["user ID, 4 attributes, 1 group", "the account", "department"][n % 3].into(),
            state: WorkItemState::Open,
            claimed_by: (n % 4 == 1).then(|| "Olga Petrova".into()),
            created_at: before(200 + n as i64 * 11),
            due_at: Some(now() + SignedDuration::from_hours(20 + 9 * n as i64)),
        })
        .collect()
}

fn work_item_detail() -> WorkItemDetail {
    WorkItemDetail {
        item: WorkItem {
            id: WorkItemId(41),
            order: OrderId(4_003),
            application: "mainframe".into(),
            state: WorkItemState::Open,
            claimed_by: Some(UserId(1)),
            created_at: before(200),
            due_at: Some(now() + SignedDuration::from_hours(44)),
            closed_at: None,
            closed_by: None,
            note: None,
        },
        order: order(State::Transmitted, Some(StateReason::WorkItem)),
        identity_name: "Ann Lindqvist".into(),
        application_name: "Mainframe".into(),
        instructions: "Sign on to **RACF** with your operator ID.\n\n1. Open panel `USRADM`\n2. Set the values on the left\n3. Run:\n\n```\nALTUSER ALINDQV DFLTGRP(SALES)\n```\n\nSee the [handbook](https://example.org/racf).".into(),
        claimed_by: Some("Olga Petrova".into()),
        closed_by: None,
    }
}

fn task(sequence: u32, kind: TaskKind, state: RunState) -> TaskRun {
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
        kind,
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

fn run(id: i64, state: RunState, dry_run: bool) -> Run {
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
        tasks: tasks.collect(),
    }
}

fn run_rows(count: i64) -> Vec<RunRow> {
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
            started_by: (n % 2 == 0).then(|| "Olga Petrova".into()),
        })
        .collect()
}

fn log() -> Vec<LogLineView> {
    let line = |sequence, time: &str, level, task: &str, message: &str| LogLineView {
        sequence,
        time: time.into(),
        level,
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

fn preview() -> Page<PreviewLine> {
    let rows = (0..18).map(|n: usize| PreviewLine {
        identity: Some(IdentityId(100 + n as i64)),
        identity_name: NAMES[n % NAMES.len()].into(),
        application: APPLICATIONS[n % 4].0.into(),
        operation: ["create", "update", "disable"][n % 3].into(),
        change: [
            "userName, department and 4 more; joins All staff",
            "department: Operations → Sales",
            "the account is disabled",
        ][n % 3]
            .into(),
        why: "Rule sales-staff holds because department = Sales.".into(),
    });
    Page { rows: rows.collect(), next: Some("100".into()), total: 1_284 }
}

fn application_rows() -> Vec<ApplicationRow> {
    APPLICATIONS
        .iter()
        .zip(0_u64..)
        .map(|((name, mechanism), n)| ApplicationRow {
            name: name.to_lowercase().replace(' ', "-"),
            display_name: (*name).into(),
            demo: true,
            connection: [
                "SCIM 2.0 at http://127.0.0.1:8401",
                "SQL at sqlite:payroll.db",
                "CSV files in exchange/badges",
                "People",
            ][n as usize]
                .into(),
            mechanism: *mechanism,
            accounts: 498 - n * 13,
            open_orders: n * 17,
            failed_orders: if n == 2 { 9 } else { 0 },
            last_synchronized_at: Some(before(12 + 3 * n as i64)),
            trouble: (n == 1).then(|| "The database did not answer within 5 seconds.".into()),
        })
        .collect()
}

fn application_detail() -> ApplicationDetail {
    ApplicationDetail {
        row: application_rows().swap_remove(1),
        description: Some("Salaries and cost centres. Belongs to Finance.".into()),
        settings: vec![
            ("kind".into(), "sql".into()),
            ("address".into(), "postgres://payroll.example.org/payroll".into()),
            ("user".into(), "quartermaster".into()),
        ],
        account_types: vec![AccountTypeView {
            name: "payroll-person".into(),
            display_name: "Payroll account".into(),
            on_removal: "disable after 30 days".into(),
            review: true,
            depends_on: vec!["directory-person".into()],
            attributes: vec![
                (
                    "login".into(),
                    "unique: identity.given_name + \".\" + identity.family_name".into(),
                    "required, at creation only".into(),
                ),
                ("department".into(), "identity.department".into(), "required".into()),
                ("initial_password".into(), "generated".into(), "secret, at creation only".into()),
            ],
            correlation: vec!["identity.employee_number = employee_number, 100 %".into()],
        }],
        entitlements: (0..9)
            .map(|n| EntitlementRow {
                key: format!("cn=group-{n},ou=groups,dc=example,dc=org"),
                display_name: format!("Group {n}"),
                name: (n % 4 != 3).then(|| format!("group-{n}")),
                holders: 12 * n,
            })
            .collect(),
        orders: counts(),
        last_synchronization: vec![
            ("inserted".into(), 56),
            ("updated".into(), 280),
            ("deleted".into(), 119),
            ("unchanged".into(), 31),
        ],
    }
}

fn account_rows() -> Page<AccountRow> {
    let rows = (0..24).map(|n: usize| AccountRow {
        id: AccountId(n as i64),
        key: format!("{}.{n}", NAMES[n].to_lowercase().replace(' ', ".")),
        account_type: "directory-person".into(),
        status: if n % 7 == 3 { AccountStatus::Disabled } else { AccountStatus::Enabled },
        owner: (n % 8 != 5).then(|| (IdentityId(100 + n as i64), NAMES[n].into())),
        entitlements: (n % 5) as u32,
        observed_at: Some(before(12)),
    });
    Page { rows: rows.collect(), next: None, total: 24 }
}

fn schema() -> ApplicationSchema {
    let attribute = |name: &str, kind: &str, required: bool, unique: bool| SchemaAttribute {
        name: name.into(),
        kind: kind.into(),
        required,
        read_only: !required && !unique,
        unique,
    };
    ApplicationSchema {
        attributes: vec![
            attribute("userName", "text", true, true),
            attribute("active", "boolean", true, false),
            attribute("meta.created", "text", false, false),
        ],
    }
}
