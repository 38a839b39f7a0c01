//! Agents: one at work, one that is gone, and none at all.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::agents::agents_sheet;
use model::agent::{
    AgentExport, AgentFacts, AgentReads, AgentToken, AgentView, ExportOutcome, ExportState, ExportSubject,
};
use model::command::CommandError;
use model::ids::{AgentExportId, AgentTokenId, RunId};
use model::order::ErrorClass;
use model::user::PermissionPath;

use super::before;

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let auditor: Vec<PermissionPath> = PermissionPath::parse("/Agents/View").into_iter().collect();
    let auditor = Rights::of(&auditor);
    vec![
        ("agents", agents_sheet(&rows(), rights, clock)),
        ("agents-refused", agents_sheet(&rows(), &auditor, clock)),
        ("agents-none", agents_sheet(&[], rights, clock)),
    ]
}

fn rows() -> Vec<AgentView> {
    vec![
        AgentView {
            name: "clinic".into(),
            display_name: "Clinic’s network".into(),
            description: Some("Runs on a small machine in the clinic’s cellar.".into()),
            owner: Some("noor".into()),
            is_gone: false,
            is_there: true,
            facts: Some(AgentFacts {
                name: "clinic".into(),
                heard_at: before(0),
                version: "0.1.0".into(),
                address: "203.0.113.9".into(),
            }),
            reads: vec![
                AgentReads {
                    subject: ExportSubject::Application("clinic-directory".into()),
                    label: "Clinic Directory".into(),
                    current: Some(export(5, ExportState::Reading, None, 2_400)),
                    last: Some(export(4, ExportState::TakenOver, Some(complete()), 8_615)),
                },
                AgentReads {
                    subject: ExportSubject::Application("laboratory".into()),
                    label: "Laboratory".into(),
                    current: Some(export(6, ExportState::Waiting, None, 0)),
                    last: Some(export(3, ExportState::Failed, Some(failed()), 0)),
                },
                AgentReads {
                    subject: ExportSubject::Source("clinic-staff".into()),
                    label: "clinic-staff".into(),
                    current: None,
                    last: Some(AgentExport {
                        given_up_because: Some(
                            "The agent “Clinic’s network” was not heard of for 10 minutes, and has not begun to read it. See on the page of agents \
                             whether it runs, then start the job again."
                                .into(),
                        ),
                        ..export(2, ExportState::GivenUp, None, 0)
                    }),
                },
            ],
            tokens: vec![token(11, "the machine in the cellar", false), token(9, "", true)],
        },
        AgentView {
            name: "branch".into(),
            display_name: "Branch office".into(),
            description: None,
            owner: None,
            is_gone: false,
            is_there: false,
            facts: None,
            reads: Vec::new(),
            tokens: Vec::new(),
        },
        AgentView {
            name: "old-site".into(),
            display_name: "old-site".into(),
            description: None,
            owner: None,
            is_gone: true,
            is_there: false,
            facts: Some(AgentFacts {
                name: "old-site".into(),
                heard_at: before(60 * 24 * 40),
                version: "0.1.0".into(),
                address: "198.51.100.4".into(),
            }),
            reads: Vec::new(),
            tokens: vec![AgentToken { agent: "old-site".into(), ..token(3, "the machine that was sold", false) }],
        },
    ]
}

fn token(id: i64, label: &str, revoked: bool) -> AgentToken {
    AgentToken {
        id: AgentTokenId(9_000 + id),
        agent: "clinic".into(),
        label: label.into(),
        created_by: "olga".into(),
        created_at: before(60 * 24 * 30),
        last_used_at: Some(before(if revoked { 60 * 24 * 3 } else { 0 })),
        revoked_by: revoked.then(|| "olga".into()),
        revoked_at: revoked.then(|| before(60 * 24 * 3)),
    }
}

fn export(id: i64, state: ExportState, outcome: Option<ExportOutcome>, rows: u64) -> AgentExport {
    let is_over = state.is_over();
    let began = if is_over { 60 * 14 } else { 3 };
    AgentExport {
        id: AgentExportId(8_000 + id),
        agent: "clinic".into(),
        run: RunId(if is_over { 7_010 } else { 7_041 }),
        subject: ExportSubject::Application("clinic-directory".into()),
        state,
        attempt: 1,
        requested_at: before(began),
        taken_at: (state != ExportState::Waiting).then(|| before(began)),
        lease_until: None,
        heard_at: Some(before(0)),
        rows,
        outcome,
        given_up_because: None,
        finished_at: is_over.then(|| before(60 * 14 - 1)),
    }
}

fn complete() -> ExportOutcome {
    ExportOutcome::Complete { pages: 9, lists: true, digest: String::new(), warnings: Vec::new() }
}

fn failed() -> ExportOutcome {
    let error = CommandError::new(ErrorClass::Authentication, "the directory refuses the password");
    ExportOutcome::Failed { error, findings: Vec::new() }
}
