//! A run that is about to be undone.

use app::pages::jobs::About;
use model::blast_radius::{ApplicationBlast, BlastLabel, BlastRadius, DepartmentBlast, PersonBlast};
use model::configuration::Rings;
use model::ids::{AccountId, IdentityId, OrderId, RunId};
use model::job::RunState;
use model::page::Page;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::rings::{RingHealth, RingView, RingsView, RunRings};
use model::undo::{RunUndo, UndoConflict, UndoFate, UndoLine, UndoObstacle, UndoPreview, UndoRow, UndoSelection};
use model::value::Value;

use super::jobs::run;
use super::{DEPARTMENTS, NAMES, before};

pub(crate) fn about() -> About {
    About { blast_radius: Some(radius()), undoes: None, undone_by: vec![undone()] }
}

fn undone() -> RunUndo {
    RunUndo {
        run: RunId(7003),
        undoes: RunId(7001),
        selection: UndoSelection { application: Some("payroll".into()), ..UndoSelection::default() },
        reason: "The feed had last year's departments".into(),
        by: "olga".into(),
        digest: String::new(),
        at: before(7),
    }
}

pub(crate) fn rings() -> RingsView {
    let why = "Ring 1 of 3 is not healthy: 2 of 14 orders failed or were found otherwise; 5 % are allowed.";
    let rings = RunRings {
        run: RunId(7001),
        rings: 3,
        released: 1,
        limits: Rings::default(),
        halted: Some(why.into()),
        released_by: None,
    };
    let row = |ring, people, done, failed, unanswered, with_people| RingView {
        ring,
        people,
        health: RingHealth { done, failed, unanswered, unverified: 0, with_people, called_off: 0 },
    };
    RingsView { rings, rows: vec![row(1, 6, 12, 2, 0, 1), row(2, 46, 0, 0, 120, 4), row(3, 460, 0, 0, 1_210, 31)] }
}

fn radius() -> BlastRadius {
    BlastRadius {
        size: 412,
        label: BlastLabel::Considerable,
        people: 61,
        population: 512,
        applications: vec![
            ApplicationBlast { application: "Cloud Directory".into(), updated: 48, disabled: 9, ..Default::default() },
            ApplicationBlast { application: "Payroll".into(), created: 4, updated: 12, ..Default::default() },
        ],
        entitlements_added: 31,
        entitlements_removed: 77,
        privileged_added: 0,
        privileged_removed: 3,
        top_people: (0..10)
            .map(|n| PersonBlast {
                identity: IdentityId(100 + n),
                name: NAMES[n as usize].into(),
                weight: 28 - 2 * n as u64,
            })
            .collect(),
        top_departments: (0..5)
            .map(|n| DepartmentBlast {
                department: DEPARTMENTS[n].into(),
                people: 20 - 3 * n as u64,
                weight: 140 - 25 * n as u64,
            })
            .collect(),
    }
}

pub(crate) fn preview() -> UndoPreview {
    let row = |n: usize, kind, name: &str, done, before: Option<Value>, after: Option<Value>, now, fate| UndoRow {
        line: UndoLine {
            order: OrderId(4_000 + n as i64),
            identity: IdentityId(100 + n as i64),
            application: "directory".into(),
            account_type: "directory-person".into(),
            account: Some(AccountId(n as i64)),
            key: Some(format!("2819c223-7f76-453a-919d-41386190{n:04}")),
            kind,
            name: name.into(),
            entitlement: (kind == ItemKind::Entitlement).then(|| name.to_owned()),
            done,
            secret: false,
            before,
            after,
            now,
            fate,
        },
        identity_name: NAMES[n].into(),
        application_name: "Cloud Directory".into(),
    };
    let text = |text: &str| Some(Value::from(text));
    let held = |held: bool| Some(Value::Boolean(held));
    let (set, add, remove) = (ItemOperation::Set, ItemOperation::Add, ItemOperation::Remove);
    let changed = UndoFate::Conflict { conflict: UndoConflict::Changed };
    let later = UndoFate::Conflict { conflict: UndoConflict::LaterOrder { order: OrderId(4_711) } };
    let deleted = UndoFate::Impossible { obstacle: UndoObstacle::Deleted };
    let rows = vec![
        row(
            0,
            ItemKind::Attribute,
            "department",
            set,
            text("Operations"),
            text("Sales"),
            text("Sales"),
            UndoFate::GoesBack,
        ),
        row(0, ItemKind::Entitlement, "crm-writer", add, held(false), held(true), held(true), UndoFate::GoesBack),
        row(1, ItemKind::Attribute, "title", set, text("Controller"), text("Counsel"), text("Senior Counsel"), changed),
        row(2, ItemKind::Entitlement, "vpn", remove, held(true), held(false), held(false), UndoFate::GoesBack),
        row(3, ItemKind::Entitlement, "sales-share", add, held(false), held(true), held(true), later),
        row(4, ItemKind::Lifecycle, "4411", remove, text("enabled"), text("gone"), text("gone"), deleted),
        row(
            5,
            ItemKind::Lifecycle,
            "5120",
            remove,
            text("enabled"),
            text("disabled"),
            text("enabled"),
            UndoFate::AlreadyBack,
        ),
    ];
    let mut run = run(7001, RunState::Warning, false);
    run.finished_at = Some(before(3));
    UndoPreview {
        run,
        job_label: "Complete job".into(),
        selection: UndoSelection { application: Some("directory".into()), ..UndoSelection::default() },
        digest: "5f1c".into(),
        counts: vec![
            ("goes_back".into(), 3),
            ("conflict".into(), 2),
            ("impossible".into(), 1),
            ("already_back".into(), 1),
        ],
        orders: vec![(Operation::Update, 2)],
        people: 2,
        applications: vec![("directory".into(), "Cloud Directory".into()), ("payroll".into(), "Payroll".into())],
        account_types: vec![("directory-person".into(), "Directory account".into())],
        blast_radius: BlastRadius { size: 5, people: 2, population: 512, ..BlastRadius::default() },
        unsent: 4,
        undone_by: vec![undone()],
        rows: Page { total: rows.len() as u64, next: None, rows, more: false },
    }
}
