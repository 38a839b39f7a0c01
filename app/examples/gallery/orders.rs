//! Orders, and one with all that is known of it.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::orders;
use jiff::SignedDuration;
use model::account::Mechanism;
use model::ids::{AccountId, IdentityId, OrderId, OrderItemId, PartitionId, PlanId, RunId};
use model::order::{
    Action, Answer, Attempt, ErrorClass, Lane, Order, OrderItem, ProvisioningState as State, StateReason, Trouble,
    ValueEdit,
};
use model::page::Page;
use model::plan::{
    AccountRequest, FilterReason, Filtered, ItemKind, ItemOperation, Operation, Partition, Plan, RequestPart, Retained,
};
use model::restoration::RestoredView;
use model::trigger::Trigger;
use model::view::{
    CarrierPause, OrderBeside, OrderCounts, OrderDetail, OrderEvent, OrderFilter, OrderGroup, OrderRow, OrderSelection,
    PauseCause, SelectionSummary, Triage,
};

use super::people::sales_reason;
use super::{APPLICATIONS, NAMES, before, now};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let empty = OrderFilter { text: Some("nobody".into()), ..OrderFilter::default() };
    vec![
        (
            "orders",
            orders::orders_sheet(
                orders::Board {
                    rows: Page { rows: order_rows(40), next: Some("x".into()), total: 1_284, more: false },
                    triage: triage(),
                    ..board(OrderFilter::default())
                },
                rights,
                clock,
            ),
        ),
        (
            "orders-many",
            orders::orders_sheet(
                orders::Board {
                    rows: Page { rows: order_rows(3), next: Some("x".into()), total: 500, more: true },
                    counts: OrderCounts { by_state: Vec::new(), more: true },
                    ..board(OrderFilter { text: Some("an".into()), ..OrderFilter::default() })
                },
                rights,
                clock,
            ),
        ),
        (
            "orders-confirm",
            orders::orders_sheet(
                orders::Board {
                    rows: Page { rows: order_rows(3), next: None, total: 38, more: false },
                    triage: triage(),
                    confirming: Some(confirming()),
                    ..board(OrderFilter { fingerprint: Some("5f0c".into()), ..OrderFilter::default() })
                },
                rights,
                clock,
            ),
        ),
        ("orders-nothing", orders::orders_sheet(board(empty), rights, clock)),
        (
            "orders-never",
            orders::orders_sheet(
                orders::Board { counts: OrderCounts::default(), ..board(OrderFilter::default()) },
                rights,
                clock,
            ),
        ),
        ("order", orders::order_sheet(&order_detail(), rights, clock)),
        ("order-beside", orders::order_sheet(&order_beside(), rights, clock)),
    ]
}

/// The page of orders with this filter and nothing on it.
fn board(filter: OrderFilter) -> orders::Board {
    orders::Board {
        filter,
        counts: counts(),
        rows: Page::empty(),
        triage: Triage::default(),
        confirming: None,
        applications: names(),
        integrations: vec![("service-desk".into(), "Service desk".into())],
    }
}

fn names() -> Vec<(String, String)> {
    APPLICATIONS.map(|(name, _)| (name.to_lowercase().replace(' ', "-"), name.to_owned())).into()
}

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
                carrier: application.to_lowercase().replace(' ', "-"),
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
        restored: Some(RestoredView {
            taken_at: Some(before(600)),
            unread: Vec::new(),
            is_planned: true,
            waiting: 245,
        }),
        paused: vec![
            CarrierPause {
                carrier: "payroll".into(),
                carrier_name: "Payroll".into(),
                is_integration: false,
                cause: PauseCause::Quarantine {
                    since: before(95),
                    probe_at: now() + SignedDuration::from_mins(4),
                    probes: 12,
                    message: "The database did not answer within 5 seconds.".into(),
                },
            },
            CarrierPause {
                carrier: "badges".into(),
                carrier_name: "Badge System".into(),
                is_integration: false,
                cause: PauseCause::Maintenance { until: now() + SignedDuration::from_mins(50) },
            },
        ],
    }
}

pub(crate) fn confirming() -> orders::Confirming {
    orders::Confirming {
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
        more: false,
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
        carrier: "directory".into(),
        given_to_people: false,
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
        part: RequestPart::Whole,
        items: vec![],
        reasons: vec![],
        explanation: String::new(),
        after,
        error: None,
        waits_for: vec![],
        supersedes: vec![],
        awaits: vec![],
        refers: vec![],
        sets_back: vec![],
        in_doubt: false,
    }
}

/// Somebody has left, and people still hold what they were to be given.
fn order_beside() -> OrderDetail {
    let mut whole = order_detail();
    whole.timeline.truncate(2);
    whole.plan.requests.iter_mut().for_each(|request| request.operation = Operation::Disable);
    OrderDetail {
        order: Order {
            operation: Operation::Disable,
            lane: Lane::Leaver,
            explanation: "Ann Lindqvist has left, so the account is disabled.".into(),
            after: vec![],
            executed_at: Some(before(30)),
            verified_at: Some(before(12)),
            items: vec![item(1, ItemKind::Lifecycle, "ALINDQV", ItemOperation::Set, None, None, State::Verified)],
            ..order(State::Verified, None)
        },
        beside: vec![OrderBeside {
            id: OrderId(3_900),
            operation: Operation::Update,
            mechanism: Mechanism::Manual,
            carrier_name: "Cloud Directory".into(),
            state: State::Transmitted,
            reason: Some(StateReason::WorkItem),
        }],
        attempts: vec![],
        edits: vec![],
        requests: vec![],
        ..whole
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
        beside: vec![],
        order: order(
            State::Errored,
            Some(StateReason::Failed {
                class: ErrorClass::Conflict,
                message: "Another account has the name ann.lindqvist.".into(),
            }),
        ),
        identity_name: "Ann Lindqvist".into(),
        application_name: "Cloud Directory".into(),
        carrier_name: None,
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
                because: None,
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
                carrier: "payroll".into(),
                why: "The connection of “Payroll” writes accounts and their attributes itself.".into(),
                application: "payroll".into(),
                requests: vec![0],
                after: vec![],
            },
            Partition {
                sequence: 2,
                mechanism: Mechanism::Direct,
                carrier: "directory".into(),
                why: "The connection of “Cloud Directory” writes accounts and their attributes itself.".into(),
                application: "directory".into(),
                requests: vec![1],
                after: vec![1],
            },
            Partition {
                sequence: 3,
                mechanism: Mechanism::Manual,
                carrier: "mainframe".into(),
                why: "“Mainframe” is worked by hand.".into(),
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
