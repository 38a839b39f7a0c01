//! Requests, and one that is being put together.

use app::frame::{Rights, Sheet};
use app::logic::query::Query;
use app::logic::time::Clock;
use app::pages::requests::{self as pages, Ask};
use model::access::{GrantOrigin, Grantable};
use model::error::ApiError;
use model::identity::Period;
use model::ids::{DirectGrantId, IdentityId, RequestId, RunId};
use model::page::Page;
use model::request::{
    Change, DirectGrant, Request, RequestDetail, RequestEvent, RequestFilter, RequestItem, RequestLink, RequestPreview,
    RequestRow, RequestSource, RequestState,
};
use model::trigger::Trigger;
use model::view::PreviewLine;

use super::orders::order_rows;
use super::people::identity_detail;
use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("requests", pages::requests_sheet(&RequestFilter::default(), rows(), &counts(), None, rights, clock)),
        (
            "requests-none",
            pages::requests_sheet(
                &RequestFilter::default(),
                Page { rows: vec![], next: None, total: 0, more: false },
                &[],
                None,
                rights,
                clock,
            ),
        ),
        ("request", pages::request_sheet(&detail(RequestState::PartlyCompleted), clock)),
        ("request-approval", pages::request_sheet(&detail(RequestState::Approval), clock)),
        ("request-waiting", pages::request_sheet(&detail(RequestState::Waiting), clock)),
        ("request-new", pages::ask_sheet(&ask(None), rights)),
        ("request-preview", pages::ask_sheet(&ask(Some(Ok(preview()))), rights)),
        (
            "request-mistake",
            pages::ask_sheet(
                &ask(Some(Err(ApiError::invalid("until", "The last day, 2026-01-01, is over. Choose a later one.")))),
                rights,
            ),
        ),
    ]
}

fn item(change: Change) -> RequestItem {
    RequestItem { change, grantable: Grantable::Entitlement("payroll-approver".into()) }
}

pub(crate) fn links() -> Vec<RequestLink> {
    vec![RequestLink {
        id: RequestId(8_100),
        requester: "olga".into(),
        justification: "Covers for Ann until the end of the quarter".into(),
        state: RequestState::Provisioning,
    }]
}

pub(crate) fn rows() -> Page<RequestRow> {
    let triggers = [Trigger::Administrator, Trigger::Certification, Trigger::AccessRequest, Trigger::PolicyViolation];
    let rows = RequestState::ALL.into_iter().zip(0_usize..).map(|(state, n)| {
        let change = if n % 3 == 1 { Change::Take } else { Change::Give };
        RequestRow {
            id: RequestId(8_100 + n as i64),
            trigger: triggers[n % triggers.len()],
            identity: IdentityId(100 + n as i64),
            identity_name: NAMES[n % NAMES.len()].to_owned(),
            requester: if n % 2 == 0 { "olga".into() } else { "spring review".into() },
            justification: "Covers for Ann until the end of the quarter".into(),
            items: vec![(item(change), "Payroll approver".into())],
            state,
            message: (state == RequestState::Failed).then(|| "1 of 1 order failed.".into()),
            not_before: (state == RequestState::Waiting).then(|| jiff::civil::date(2026, 12, 1)),
            until: None,
            submitted_at: before(n as i64 * 37),
            ended_at: None,
        }
    });
    Page { rows: rows.collect(), next: Some("n".into()), total: 128, more: false }
}

pub(crate) fn counts() -> Vec<(RequestState, u64)> {
    RequestState::ALL.into_iter().zip([2, 4, 1, 7, 3, 96, 4, 5, 6]).collect()
}

pub(crate) fn detail(state: RequestState) -> RequestDetail {
    let is_planned = !matches!(state, RequestState::Submitted | RequestState::Waiting);
    let event = |minutes, state: RequestState, message: &str| RequestEvent {
        request: RequestId(8_100),
        at: before(minutes),
        state,
        actor: "olga".into(),
        message: message.into(),
    };
    RequestDetail {
        request: Request {
            id: RequestId(8_100),
            trigger: Trigger::Administrator,
            priority: 35,
            source: RequestSource::new("page", "Change access by hand"),
            requester: "olga".into(),
            identity: IdentityId(100),
            items: vec![item(Change::Give)],
            awaiting: if state == RequestState::Approval { vec![item(Change::Give)] } else { Vec::new() },
            refused: Vec::new(),
            justification: "Covers for Ann until the end of the quarter".into(),
            correlation: Some("CHG-2201".into()),
            not_before: (state == RequestState::Waiting).then(|| jiff::civil::date(2026, 12, 1)),
            until: Some(jiff::civil::date(2026, 12, 31)),
            state,
            message: (state == RequestState::PartlyCompleted).then(|| "1 of 2 orders failed.".into()),
            to_plan: false,
            run: is_planned.then_some(RunId(7001)),
            submitted_at: before(30),
            planned_at: is_planned.then(|| before(29)),
            sent_at: is_planned.then(|| before(28)),
            done_at: None,
            ended_at: None,
        },
        identity_name: NAMES[0].to_owned(),
        labels: vec!["Payroll approver".into()],
        orders: if is_planned { order_rows(2) } else { Vec::new() },
        events: vec![
            event(30, RequestState::Submitted, "olga asks: give Payroll approver."),
            event(29, state, state.label()),
        ],
        keys: vec!["chg-2201".into()],
        risks: Vec::new(),
        approvals: if state == RequestState::Approval { super::approvals::rows() } else { Vec::new() },
        can_be_cancelled: !is_planned,
    }
}

/// With nobody, with somebody, with a mistake, and with its preview.
pub(crate) fn ask(preview: Option<Result<RequestPreview, ApiError>>) -> Ask {
    let query = "identity=100&item=give:entitlement:payroll-approver&justification=Covers+for+Ann&until=2026-12-31";
    let grant = DirectGrant {
        id: DirectGrantId(1),
        identity: IdentityId(100),
        grantable: Grantable::Role("bookkeeper".into()),
        period: Period { starts: None, ends: Some(jiff::civil::date(2027, 1, 1)) },
        origin: GrantOrigin { request: RequestId(8_001), by: "olga".into(), why: "Helps with the year's end".into() },
    };
    let mut ask = Ask::new(&Query::parse(query));
    ask.person = Some(identity_detail().identity);
    ask.known = vec![(Grantable::Entitlement("payroll-approver".into()), "Payroll approver".into())];
    ask.grants = vec![(grant, "Bookkeeper".into())];
    ask.preview = preview;
    ask
}

pub(crate) fn preview() -> RequestPreview {
    let approver = (Grantable::Entitlement("payroll-approver".into()), "Payroll approver".to_owned());
    RequestPreview {
        lines: vec![PreviewLine {
            identity: Some(IdentityId(100)),
            identity_name: NAMES[0].to_owned(),
            application: "Payroll".into(),
            account_type: "Payroll user".into(),
            operation: "update".into(),
            change: "+ payroll-approver".into(),
            why: String::new(),
            since_approval: None,
        }],
        gains: vec![approver],
        losses: Vec::new(),
        remarks: vec!["1 other order for Ann Lee is due as well, whatever comes of this request.".into()],
        first_day: None,
        reviewed: vec!["Payroll user".into()],
        risks: vec![super::violations::request_risk()],
        approvals: Vec::new(),
    }
}
