//! Made-up data for every page: an organisation in the middle of a working day.

mod access;
mod agents;
mod applications;
mod approvals;
mod bulk_changes;
mod certifications;
mod events;
pub(crate) mod forms;
mod found_entitlements;
mod integrations;
pub(crate) mod jobs;
mod kept_access;
mod lifecycle;
mod lint;
mod mails;
mod mining;
mod native_changes;
pub(crate) mod orders;
mod people;
mod reconciliation;
pub(crate) mod requests;
mod reviews;
mod role_model;
mod search;
mod undo;
mod users;
mod violations;
mod work_items;

use app::frame::{Rights, Sheet, Visitor};
use app::logic::flash::{Flash, FlashKind};
use app::logic::held::HeldForm;
use app::logic::time::Clock;
use app::pages::{home, login, problem};
use engine::home::Beginning;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::access::Grantable;
use model::account::Mechanism;
use model::error::{ApiError, ErrorCode};
use model::order::ProvisioningState as State;
use model::user::PermissionPath;
use model::view::Home;

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
        reviews: 3,
        native_changes: 2,
        violations: 3,
        approvals: 2,
        certifications: 12,
        questions: 1,
        forms: 2,
        tools: Some(search::tools()),
        menu: vec![("/orders".into(), "/orders?state=errored".into())],
        has_identity: true,
    }
}

fn things(names: &[&str]) -> Vec<Grantable> {
    names.iter().map(|name| Grantable::Entitlement((*name).into())).collect()
}

/// Every page by name.
pub(crate) fn sheets() -> Vec<(&'static str, Sheet)> {
    let (rights, clock) = (&rights(), &clock());
    let failed = Flash {
        kind: FlashKind::Partly,
        title: "2 of 3 work items confirmed; 1 refused.".into(),
        lines: vec!["Work item 41: somebody else has closed it.".into()],
    };
    let beginning = Beginning { has_source: true, has_application: true, ..Beginning::default() };
    let mut sheets = vec![
        ("login", login::login_sheet(Some(Flash::failed("Login or password is wrong.")), "/orders", None)),
        ("login-held", login::login_sheet(None, "/drafts", held().as_ref())),
        ("login-send", held().map_or_else(|| login::login_sheet(None, "/", None), |held| login::held_sheet(&held))),
        ("home", home::home_sheet(&home_of_today(), None, clock)),
        ("home-first-steps", home::home_sheet(&home_of_today(), Some(beginning), clock)),
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
    ];
    for of_pages in [
        access::sheets,
        agents::sheets,
        applications::sheets,
        approvals::sheets,
        certifications::sheets,
        events::sheets,
        forms::sheets,
        integrations::sheets,
        jobs::sheets,
        mails::sheets,
        native_changes::sheets,
        orders::sheets,
        people::sheets,
        reconciliation::sheets,
        requests::sheets,
        bulk_changes::sheets,
        reviews::sheets,
        role_model::sheets,
        search::sheets,
        users::sheets,
        violations::sheets,
        work_items::sheets,
    ] {
        sheets.extend(of_pages(rights, clock));
    }
    sheets.extend(found_entitlements::sheets(rights));
    sheets.extend(kept_access::sheets(rights));
    sheets.extend(lint::sheets());
    sheets.extend(mining::sheets(rights));
    sheets
}

fn home_of_today() -> Home {
    let failed = orders::order_rows(40).into_iter().filter(|order| order.state == State::Errored).take(6);
    Home {
        identities: 512,
        accounts: 1_840,
        orders: orders::counts(),
        open_work_items: 14,
        awaiting_review: 3,
        native_changes: 2,
        violations: 3,
        approvals: 2,
        certifications: 12,
        forms: model::form::FormCounts { me: 2, team: 1, all: 5 },
        work_items: work_items::rows(8),
        failed: failed.collect(),
        runs: jobs::run_rows(5),
        applications: applications::application_rows(),
        integrations: integrations::rows().split_off(1).into_iter().take(1).collect(),
    }
}

/// A form that came in after its session had ended.
fn held() -> Option<HeldForm> {
    HeldForm::new("/api/pages/drafts/put", "title=Night+shift&display_name=Caf%C3%A9&password=hush", "/drafts/7")
}
