//! What people ask for and somebody has to agree to.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::approvals::approvals_sheet;
use model::access::Grantable;
use model::approval::{
    ApprovalDecision, ApprovalFilter, ApprovalRow, ApprovalState, Decider, RequestApproval, Verdict,
};
use model::configuration::{ApprovalStage, Approver, OnConflict};
use model::ids::{IdentityId, RequestId};
use model::page::Page;
use model::request::{Change, RequestItem};
use model::risk::AcceptedRisk;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let mine = ApprovalFilter::default();
    let all = ApprovalFilter { all: true, ..ApprovalFilter::default() };
    let of_request = ApprovalFilter { request: Some(RequestId(8_100)), ..ApprovalFilter::default() };
    let employee = Rights::of(&[]);
    let waiting = |row: &ApprovalRow| row.approval.state == ApprovalState::Waiting;
    let rows: Vec<ApprovalRow> = rows().into_iter().filter(waiting).collect();
    let own: Vec<ApprovalRow> = rows.iter().filter(|row| row.mine).cloned().collect();
    vec![
        ("approvals", approvals_sheet(&mine, page(own.clone()), true, rights, clock)),
        ("approvals-all", approvals_sheet(&all, page(rows), true, rights, clock)),
        ("approvals-employee", approvals_sheet(&mine, page(own), false, &employee, clock)),
        ("approvals-none", approvals_sheet(&mine, page(Vec::new()), false, &employee, clock)),
        ("approvals-none-waits", approvals_sheet(&all, page(Vec::new()), true, rights, clock)),
        ("approvals-of-request", approvals_sheet(&of_request, page(Vec::new()), true, rights, clock)),
    ]
}

fn page(rows: Vec<ApprovalRow>) -> Page<ApprovalRow> {
    Page { total: rows.len() as u64, next: None, rows, more: false }
}

/// One that waits for its quorum, one at its second stage, one escalated that nobody can decide, and what is over.
pub(crate) fn rows() -> Vec<ApprovalRow> {
    let quorum = ApprovalStage { required: 2, ..ApprovalStage::of([Approver::Profile("security".into())]) };
    let first = row(1, "Vault keeper", vec![quorum.clone(), ApprovalStage::of([Approver::Manager])]);
    let second = row(2, "Controller", vec![quorum, ApprovalStage::of([Approver::Owner])]);
    let escalated = row(3, "Payroll officer", vec![ApprovalStage::of([Approver::Manager])]);
    let declined = row(4, "Payments clerk", vec![ApprovalStage::of([Approver::Manager])]);
    vec![
        ApprovalRow { missing: 2, approvers: vec!["Sue Ash".into(), "Sia Elm".into(), "Sol Oak".into()], ..first },
        ApprovalRow {
            approval: RequestApproval {
                stage: 1,
                decisions: vec![
                    decision(0, Decider::User("sue".into()), Verdict::Approve, "Checked against the register"),
                    decision(0, Decider::Rule("late".into()), Verdict::Approve, "Nobody had decided after 2 days."),
                ],
                ..second.approval.clone()
            },
            deciders: vec!["Sue Ash".into(), "the automation rule late".into()],
            risks: vec![(
                AcceptedRisk {
                    request: RequestId(8_100),
                    risk: "books-and-pays".into(),
                    rule: 1,
                    on_conflict: OnConflict::Warn,
                    comment: "For the year's end; the director looks at all payments".into(),
                },
                "Books and pays".into(),
            )],
            ..second
        },
        ApprovalRow {
            approval: RequestApproval { level: 2, escalates_at: None, ..escalated.approval.clone() },
            approvers: Vec::new(),
            mine: false,
            ..escalated
        },
        ApprovalRow {
            approval: RequestApproval {
                state: ApprovalState::Declined,
                ended_at: Some(before(3)),
                decisions: vec![decision(0, Decider::User("max".into()), Verdict::Decline, "Ask again in January")],
                ..declined.approval.clone()
            },
            deciders: vec!["Max Oak".into()],
            mine: false,
            ..declined
        },
    ]
}

fn decision(stage: u32, by: Decider, verdict: Verdict, comment: &str) -> ApprovalDecision {
    ApprovalDecision { stage, by, verdict, comment: comment.into(), at: before(20) }
}

fn row(line: u32, label: &str, stages: Vec<ApprovalStage>) -> ApprovalRow {
    let words = ["2 of the team Security", "the manager"];
    let count = stages.len();
    ApprovalRow {
        approval: RequestApproval {
            request: RequestId(8_100),
            line,
            item: RequestItem {
                change: Change::Give,
                grantable: Grantable::Role(label.to_lowercase().replace(' ', "-")),
            },
            stages,
            state: ApprovalState::Waiting,
            stage: 0,
            level: 0,
            since: before(90),
            escalates_at: Some(before(-2_880)),
            ended_at: None,
            decisions: Vec::new(),
        },
        label: label.into(),
        identity: IdentityId(100 + i64::from(line)),
        identity_name: NAMES[line as usize % NAMES.len()].to_owned(),
        requester: "Olga Holm".into(),
        justification: "Covers for Ann until the end of the quarter".into(),
        submitted_at: before(120),
        stages: words.iter().take(count).map(|text| (*text).to_owned()).collect(),
        approvers: vec!["Max Oak".into()],
        missing: 1,
        mine: true,
        deciders: Vec::new(),
        risks: Vec::new(),
    }
}
