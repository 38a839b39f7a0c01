//! Work items of the gallery: in all the states in which people meet them.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::work_items;
use engine::work_items::bulk::OpenLines;
use jiff::SignedDuration;
use model::ids::{IdentityId, OrderId, OrderItemId, UserId, WorkItemId, WorkItemQuestionId, WorkItemUploadId};
use model::order::{ProvisioningState as State, StateReason};
use model::page::Page;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::user::PermissionPath;
use model::view::{
    BulkFilter, BulkLine, WorkItemCounts, WorkItemDetail, WorkItemFilter, WorkItemQuestionRow, WorkItemQuestionView,
    WorkItemRow, WorkItemScope, WorkItemUpload,
};
use model::work_item::{
    Chosen, Fulfiller, LineOutcome, WorkItem, WorkItemEvent, WorkItemEventKind, WorkItemLine, WorkItemQuestion,
    WorkItemState,
};

use super::orders::order;
use super::{NAMES, before, now};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let open = || WorkItemFilter { state: Some(WorkItemState::Open), ..WorkItemFilter::default() };
    let applications =
        [("mainframe".to_owned(), "Mainframe".to_owned()), ("archive".to_owned(), "Paper Archive".to_owned())];
    let types = [("mainframe".to_owned(), "Mainframe user".to_owned())];
    let list = |filter: &WorkItemFilter, rows: Vec<WorkItemRow>| {
        let total = rows.len() as u64;
        let page = Page { rows, next: None, total, more: false };
        work_items::work_items_sheet(filter, page, counts(), &applications, rights, clock)
    };
    let detail = |detail: &WorkItemDetail, rights: &Rights, user: i64| {
        work_items::work_item_sheet(detail, rights, clock, UserId(user))
    };
    let stranger = Rights::of(&PermissionPath::parse("/Home").into_iter().collect::<Vec<_>>());
    let bulk = |open: &OpenLines, upload: Option<WorkItemUpload>| {
        work_items::bulk_sheet(&BulkFilter::default(), open, upload.as_ref(), &applications, &types, clock)
    };
    vec![
        ("work-items", list(&open(), rows(14))),
        ("work-items-mine", list(&WorkItemFilter { scope: WorkItemScope::Mine, ..open() }, rows(3))),
        ("work-items-overdue", list(&WorkItemFilter { overdue: true, ..open() }, Vec::new())),
        ("work-items-done", list(&open(), Vec::new())),
        ("work-item", detail(&item(), rights, 1)),
        ("work-item-taken", detail(&item(), rights, 9)),
        ("work-item-asked", detail(&asked(), rights, 1)),
        ("work-item-answer", detail(&asked(), &stranger, 5)),
        ("work-item-partly-done", detail(&partly_done(), rights, 1)),
        ("work-item-own", detail(&own(), rights, 9)),
        ("work-items-questions", work_items::questions_sheet(&questions(), clock)),
        ("work-items-questions-none", work_items::questions_sheet(&[], clock)),
        ("work-items-bulk", bulk(&lines(), None)),
        ("work-items-bulk-sent", bulk(&lines(), Some(upload()))),
        ("work-items-bulk-done", bulk(&OpenLines::default(), None)),
    ]
}

fn counts() -> WorkItemCounts {
    WorkItemCounts { mine: 3, team: 9, everybody: 14, overdue: 2, questions: 1 }
}

pub(crate) fn rows(count: usize) -> Vec<WorkItemRow> {
    (0..count)
        .map(|n| WorkItemRow {
            id: WorkItemId(40 + n as i64),
            order: OrderId(4_000 + n as i64),
            identity: IdentityId(100 + n as i64),
            identity_name: NAMES[(n * 3) % NAMES.len()].into(),
            application: if n < 10 { "mainframe".into() } else { "archive".into() },
            application_name: if n < 10 { "Mainframe".into() } else { "Paper Archive".into() },
            account_type: if n < 10 { "mainframe".into() } else { "archive".into() },
            operation: [Operation::Create, Operation::Disable, Operation::Update][n % 3],
            summary: ["user ID, 4 attributes, 1 group", "the account", "department"][n % 3].into(),
            state: WorkItemState::Open,
            fulfiller: Fulfiller::Profile("mainframe-fulfiller".into()),
            fulfiller_name: if n % 5 == 4 { "Everybody".into() } else { "Mainframe desk".into() },
            claimed_by: (n % 4 == 1).then(|| "Olga Petrova".into()),
            created_at: before(200 + n as i64 * 11),
            due_at: Some(now() + SignedDuration::from_hours(9 * n as i64 - 12)),
            paused_at: (n == 5).then(|| before(60)),
        })
        .collect()
}

fn work() -> WorkItem {
    let line = |id: i64| WorkItemLine { item: OrderItemId(id), outcome: None };
    WorkItem {
        fulfiller: Fulfiller::Profile("mainframe-fulfiller".into()),
        chosen: Chosen::Connection,
        claimed_by: Some(UserId(1)),
        due_at: Some(now() + SignedDuration::from_hours(44)),
        lines: (1..=4).map(line).collect(),
        ..WorkItem::open(WorkItemId(41), OrderId(4_003), "mainframe", before(200))
    }
}

fn event(minutes: i64, actor: &str, kind: WorkItemEventKind, message: &str) -> WorkItemEvent {
    WorkItemEvent { at: before(minutes), actor: actor.into(), kind, message: message.into() }
}

fn item() -> WorkItemDetail {
    WorkItemDetail {
        item: work(),
        order: order(State::Transmitted, Some(StateReason::WorkItem)),
        identity_name: "Ann Lindqvist".into(),
        application_name: "Mainframe".into(),
        fulfiller_name: "Mainframe desk".into(),
        instructions: "Sign on to **RACF** with your operator ID.\n\n1. Open panel `USRADM`\n2. Set the values on the left\n3. Run:\n\n```\nALTUSER ALINDQV DFLTGRP(SALES)\n```\n\nSee the [handbook](https://example.org/racf).".into(),
        claimed_by: Some("Olga Petrova".into()),
        closed_by: None,
        others: vec![WorkItem { part: 1, ..WorkItem::open(WorkItemId(77), OrderId(4_003), "mainframe", before(30)) }],
        questions: Vec::new(),
        history: vec![
            event(200, "node-1", WorkItemEventKind::Opened, "For the team Mainframe desk: the application names them."),
            event(90, "node-1", WorkItemEventKind::Reminded, "Reminded Mainframe desk: it is due in 48 hours."),
            event(60, "olga", WorkItemEventKind::Claimed, "Olga Petrova takes it."),
            event(30, "olga", WorkItemEventKind::Split, "Olga Petrova gives 1 line to Tove Sørensen, as work item 77: The shares are yours."),
        ],
        failure: Some("Done but for 1 of 5, which cannot be done: shift.".into()),
        needs_evidence: true,
        refused: None,
        candidates: vec![
            ("mainframe-fulfiller".into(), "Team: Mainframe desk".into()),
            ("user:tove".into(), "Tove Sørensen".into()),
        ],
        advisers: vec![("bo".into(), "Bo Achterberg (manager)".into()), ("tove".into(), "Tove Sørensen".into())],
    }
}

fn question(answer: Option<&str>) -> WorkItemQuestionView {
    WorkItemQuestionView {
        question: WorkItemQuestion {
            id: WorkItemQuestionId(5),
            work_item: WorkItemId(41),
            asked_by: Some(UserId(1)),
            asked_of: UserId(5),
            question: "Which default group is it to be: SALES or SALESNL?".into(),
            asked_at: before(50),
            answer: answer.map(str::to_owned),
            closed_at: answer.map(|_| before(20)),
            closed_by: answer.map(|_| UserId(5)),
        },
        asked_by: "Olga Petrova".into(),
        asked_of: "Bo Achterberg".into(),
    }
}

fn asked() -> WorkItemDetail {
    let detail = item();
    WorkItemDetail {
        item: WorkItem { paused_at: Some(before(50)), ..detail.item },
        questions: vec![question(None)],
        others: Vec::new(),
        failure: None,
        needs_evidence: false,
        ..detail
    }
}

fn partly_done() -> WorkItemDetail {
    let detail = item();
    let outcome = |id: i64, outcome| WorkItemLine { item: OrderItemId(id), outcome: Some(outcome) };
    WorkItemDetail {
        item: WorkItem {
            state: WorkItemState::PartlyDone,
            closed_at: Some(before(3)),
            closed_by: Some(UserId(1)),
            note: Some("Done in the evening shift.".into()),
            reference: Some("https://tickets.example.org/CHG-4711".into()),
            lines: vec![
                outcome(1, LineOutcome::Done { actual: Some("SALESNL".into()) }),
                outcome(2, LineOutcome::Done { actual: None }),
                outcome(
                    3,
                    LineOutcome::CannotDo { why: "The group is full; the security office has to widen it.".into() },
                ),
                outcome(4, LineOutcome::Done { actual: None }),
            ],
            ..detail.item
        },
        order: order(State::Errored, None),
        closed_by: Some("Olga Petrova".into()),
        questions: vec![question(Some("SALESNL, she works in Utrecht."))],
        candidates: Vec::new(),
        advisers: Vec::new(),
        ..detail
    }
}

fn own() -> WorkItemDetail {
    let detail = item();
    WorkItemDetail {
        item: WorkItem { claimed_by: None, due_at: Some(before(3_000)), ..detail.item },
        claimed_by: None,
        refused: Some(
            "This work is about yourself, and nobody does work about themselves here. Somebody else has to do it."
                .into(),
        ),
        ..detail
    }
}

fn questions() -> Vec<WorkItemQuestionRow> {
    let row = |n: usize| WorkItemQuestionRow {
        id: WorkItemQuestionId(5 + n as i64),
        work_item: WorkItemId(41 + n as i64),
        application_name: "Mainframe".into(),
        identity_name: NAMES[n].into(),
        asked_by: "Olga Petrova".into(),
        question: ["Which default group is it to be: SALES or SALESNL?", "Is she still on the night shift?"][n % 2]
            .into(),
        asked_at: before(50 + n as i64 * 300),
    };
    (0..2).map(row).collect()
}

fn lines() -> OpenLines {
    let line = |n: usize| BulkLine {
        work_item: WorkItemId(40 + (n / 3) as i64),
        line: OrderItemId(900 + n as i64),
        order: OrderId(4_000),
        identity: IdentityId(100 + (n / 3) as i64),
        identity_name: NAMES[n / 3].into(),
        identity_key: format!("E10{n}"),
        key: (n / 3 != 1).then(|| "ALINDQV".into()),
        application: "mainframe".into(),
        account_type: "mainframe".into(),
        operation: Operation::Create,
        kind: [ItemKind::Lifecycle, ItemKind::Attribute, ItemKind::Entitlement][n % 3],
        name: ["ALINDQV", "default_group", "GLREAD"][n % 3].into(),
        item_operation: ItemOperation::Set,
        value: (n % 3 == 1).then(|| "SALES".into()),
        secret: false,
        due_at: Some(now() + SignedDuration::from_hours(6 * n as i64 - 3)),
        paused_at: None,
        claimed_by: (n / 3 == 1).then(|| "Olga Petrova".into()),
    };
    OpenLines {
        lines: (0..9).map(line).collect(),
        more: true,
        kinds: vec![("mainframe".into(), "mainframe".into(), Operation::Create)],
    }
}

fn upload() -> WorkItemUpload {
    WorkItemUpload {
        id: WorkItemUploadId(3),
        user: Some(UserId(1)),
        at: before(1),
        taken: 7,
        blank: 2,
        closed: 2,
        refused: vec![
            (4, "Work item 41 is taken by Olga Petrova. Ask them to report, or to give it back.".into()),
            (9, "`perhaps` is no outcome. Write done, or cannot do, or leave it empty.".into()),
        ],
        rest: "work_item,line,outcome\r\n41,903,done\r\n42,908,perhaps\r\n".into(),
    }
}
