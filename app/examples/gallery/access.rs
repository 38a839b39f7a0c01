//! What people see of their own access, and how they ask for more.

use app::frame::{Rights, Sheet};
use app::logic::query::Query;
use app::logic::time::Clock;
use app::pages::access::{Ask, Shown, access_sheet, ask_sheet, request_sheet, unknown_sheet};
use engine::access::{Catalogue, Held, HeldRow, Mine, Offer, Standing};
use model::access::Grantable;
use model::approval::{ApprovalPreview, StagePreview};
use model::error::ApiError;
use model::ids::{IdentityId, RequestId};
use model::page::Page;
use model::request::{RequestPreview, RequestState};

use super::people::identity_detail;
use super::{NAMES, requests};

pub(crate) fn sheets(_: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let own = mine().identity.id;
    let asked = || Shown::Requests { page: requests::rows(), is_first: true, for_others: requests::rows().rows };
    let none = || Shown::Requests {
        page: Page { rows: Vec::new(), next: None, total: 0, more: false },
        is_first: true,
        for_others: Vec::new(),
    };
    let empty = Shown::Held(Held { person: mine().identity, rows: Vec::new() });
    vec![
        ("access", access_sheet(&mine(), own, &Shown::Held(held()), clock)),
        ("access-of-report", access_sheet(&mine(), IdentityId(2), &Shown::Held(held()), clock)),
        ("access-none", access_sheet(&mine(), own, &empty, clock)),
        ("access-unknown", unknown_sheet("Nobody has said yet which person of the organisation the login olga is.")),
        ("access-requests", access_sheet(&mine(), own, &asked(), clock)),
        ("access-requests-none", access_sheet(&mine(), own, &none(), clock)),
        ("access-request", request_sheet(&requests::detail(RequestState::Approval), clock)),
        ("access-request-done", request_sheet(&requests::detail(RequestState::PartlyCompleted), clock)),
        ("access-ask", ask_sheet(&ask("", Vec::new()))),
        ("access-ask-none", ask_sheet(&nothing_found())),
        ("access-ask-preview", ask_sheet(&ask(CHOSEN, vec![(NAMES[0].to_owned(), Ok(preview()))]))),
        ("access-ask-mistake", ask_sheet(&ask(CHOSEN, vec![(NAMES[0].to_owned(), Err(mistake()))]))),
    ]
}

const CHOSEN: &str =
    "item=give:role:controller&item=take:entitlement:vault&justification=Stands+in+for+Bo&until=2026-06-30";

fn mistake() -> ApiError {
    ApiError::invalid("until", "The last day, 2026-01-01, is over. Choose a later one.")
}

fn mine() -> Mine {
    let reports = (2..6).zip(NAMES.iter().skip(1)).map(|(id, name)| (IdentityId(id), (*name).to_owned()));
    Mine { identity: identity_detail().identity, reports: reports.collect() }
}

fn held() -> Held {
    let detail = identity_detail();
    let row = |(n, row): (usize, model::view::PermissionRow)| HeldRow {
        row,
        why: match n % 3 {
            0 => "It comes with Sales staff, because department = Sales.".to_owned(),
            1 => {
                "It was asked for by you in request 8100: \u{201c}Covers for Ann until the end of the quarter\u{201d}."
                    .to_owned()
            }
            _ => "The rule sales-staff gives it, because department = Sales and title = Account Executive.".to_owned(),
        },
        can_be_extended: n % 3 == 1,
        can_be_given_back: n % 3 == 1,
    };
    Held { person: detail.identity, rows: detail.permissions.into_iter().enumerate().map(row).collect() }
}

fn ask(address: &str, previews: Vec<(String, Result<RequestPreview, ApiError>)>) -> Ask {
    let own = mine().identity.id;
    let offers = vec![
        offer(own, "Remote access", Standing::Open),
        offer(
            own,
            "Controller",
            Standing::Conflicts(vec![
                "It would bring about the risk \u{201c}Books and signs\u{201d} (level 60): Books together with Signs."
                    .into(),
            ]),
        ),
        offer(
            own,
            "Sales tools",
            Standing::Held {
                why: "It comes with Sales staff, because department = Sales.".into(),
                can_be_extended: false,
            },
        ),
        offer(own, "Vault", Standing::Asked(RequestId(8_100))),
        offer(
            own,
            "Payments",
            Standing::Refused(
                "role `payments` cannot be given to Ann Lindqvist: rule \u{201c}no-payments\u{201d} takes it away."
                    .into(),
            ),
        ),
    ];
    let mut ask = Ask::new(&Query::parse(address), mine(), catalogue(offers));
    ask.labels = ask.labels.iter().map(|_| "Controller".to_owned()).collect();
    ask.previews = previews;
    ask
}

fn nothing_found() -> Ask {
    Ask::new(&Query::parse("text=nothing"), mine(), catalogue(Vec::new()))
}

fn catalogue(offers: Vec<Offer>) -> Catalogue {
    Catalogue {
        total: if offers.is_empty() { 0 } else { 214 },
        offers,
        categories: vec![("finance".into(), "Finance".into()), ("sales".into(), "Sales".into())],
        applications: vec![("directory".into(), "Cloud Directory".into())],
    }
}

fn offer(own: IdentityId, label: &str, standing: Standing) -> Offer {
    let is_risky = matches!(standing, Standing::Conflicts(_));
    Offer {
        grantable: Grantable::Role(label.to_lowercase().replace(' ', "-")),
        label: label.to_owned(),
        description: Some("For those who work at a second place for a while".into()),
        category: Some("Finance".into()),
        application: None,
        owner: Some("olga".into()),
        maximum_days: is_risky.then_some(90),
        valid_from: None,
        is_privileged: is_risky,
        risks: if is_risky { vec![("Administers the domain".into(), 80)] } else { Vec::new() },
        needs_approval: is_risky,
        contains: vec![(Grantable::Entitlement("vpn".into()), "Virtual private network".into())],
        standing: vec![(own, NAMES[0].to_owned(), standing)],
    }
}

fn preview() -> RequestPreview {
    let stage = |who: &str, approvers: &[&str], missing, escalated| StagePreview {
        who: who.into(),
        approvers: approvers.iter().map(|name| (*name).to_owned()).collect(),
        missing,
        escalated,
    };
    RequestPreview {
        approvals: vec![ApprovalPreview {
            label: "Controller".into(),
            stages: vec![
                stage("2 of the team Security", &["Sue Ash", "Sia Elm", "Sol Oak"], 2, false),
                stage("the manager", &["Bea Board"], 1, true),
            ],
        }],
        ..requests::preview()
    }
}
