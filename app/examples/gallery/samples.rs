//! Made-up data for every page: an organisation in the middle of a working day.

mod forms_sample;
mod native_sample;
mod people;
mod requests;
mod reviews;
mod undo;
mod work;
mod work_items;

use app::frame::{Rights, Sheet, Visitor};
use app::logic::flash::{Flash, FlashKind};
use app::logic::time::Clock;
use app::pages::{applications, home, identities, jobs, login, mails, orders, problem, requests as pages, review};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::access::{Grantable, Why};
use model::account::{AccountStatus, Mechanism};
use model::correlation::{Decision, Match, OwnerCandidate, TypeCandidate};
use model::error::{ApiError, ErrorCode};
use model::ids::{AccountId, IdentityId, MailId, RunId};
use model::job::{LogLevel, Run, RunState};
use model::mail::{MailFilter, MailOverview, MailPreferences, MailRow, MailState, NoticeKind};
use model::order::ProvisioningState as State;
use model::page::Page;
use model::request::{RequestFilter, RequestState};
use model::review::ReviewFilter;
use model::user::PermissionPath;
use model::view::{
    AccountDecision, AccountFilter, AccountRow, AccountShow, AccountTypeView, ApplicationDetail, ApplicationRow,
    ApplicationSchema, EntitlementRow, Home, IdentityFilter, LimitView, LogCounts, OrderCounts, OrderFilter,
    OwnerProposal, PauseCause, RunFilter, RunRow, SchemaAttribute, Triage,
};

use self::people::{identity_detail, identity_rows, why_not};
use self::work::{
    active_rows, comparison, confirming, counts, job_rows, log, order_detail, order_rows, plan, run, run_rows, triage,
};

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
        questions: 1,
        forms: 2,
    }
}

fn things(names: &[&str]) -> Vec<Grantable> {
    names.iter().map(|name| Grantable::Entitlement((*name).into())).collect()
}

fn mail_rows() -> Page<MailRow> {
    let row = |n: i64, state, problem: Option<&str>| MailRow {
        id: MailId(9_000 + n),
        user_name: NAMES[usize::try_from(n).unwrap_or_default() % NAMES.len()].into(),
        address: format!("person{n}@example.org"),
        subject: ["12 work items for you", "Cloud Directory: no connection", "1 order waits for your review"]
            [usize::try_from(n).unwrap_or_default() % 3]
            .into(),
        state,
        attempts: 1,
        next_attempt_at: (state == MailState::Waiting).then(|| now() + SignedDuration::from_mins(2)),
        created_at: before(n * 7),
        sent_at: (state == MailState::Sent).then(|| before(n * 7)),
        problem: problem.map(str::to_owned),
    };
    let rows = vec![
        row(0, MailState::Waiting, None),
        row(1, MailState::Waiting, Some("Connection error: Connection refused (os error 111)")),
        row(2, MailState::Sent, None),
        row(3, MailState::Failed, Some("permanent error (550): 5.1.1 There is no such mailbox")),
        row(4, MailState::Sent, None),
    ];
    Page { total: rows.len() as u64, rows, next: None }
}

fn mail_overview() -> MailOverview {
    MailOverview { server: Some("mail.example.org".into()), waiting: 2, sent: 2, failed: 1 }
}

fn mail_preferences() -> MailPreferences {
    MailPreferences { address: Some("olga@example.org".into()), silenced: vec![NoticeKind::RunEnded] }
}

fn mail_subjects() -> Vec<(NoticeKind, Vec<String>)> {
    vec![
        (NoticeKind::WorkItem, vec!["mainframe".into(), "badge".into()]),
        (NoticeKind::Review, Vec::new()),
        (NoticeKind::RunEnded, vec!["complete".into()]),
        (NoticeKind::ApplicationTrouble, vec!["directory".into()]),
    ]
}

/// Every page by name.
pub(crate) fn sheets() -> Vec<(&'static str, Sheet)> {
    let clock = &clock();
    let rights = &rights();
    let asking = |name: &str, answer| identities::Asking {
        kind: None,
        name: name.into(),
        answer,
        known: things(&["vpn", "crm-reader"]).into_iter().map(|thing| (thing, "In words".into())).collect(),
    };
    let failed = Flash {
        kind: FlashKind::Partly,
        title: "2 of 3 work items confirmed; 1 refused.".into(),
        lines: vec!["Work item 41: somebody else has closed it.".into()],
    };
    let empty_orders = OrderFilter { text: Some("nobody".into()), ..OrderFilter::default() };
    let mut sheets = vec![
        ("mails", mails::mails_sheet(&MailFilter::default(), mail_rows(), &mail_overview(), rights, clock)),
        (
            "mails-none-failed",
            mails::mails_sheet(
                &MailFilter { state: Some(MailState::Failed), ..MailFilter::default() },
                Page { rows: Vec::new(), next: None, total: 0 },
                &MailOverview { failed: 0, ..mail_overview() },
                rights,
                clock,
            ),
        ),
        (
            "mails-no-server",
            mails::mails_sheet(
                &MailFilter::default(),
                Page { rows: Vec::new(), next: None, total: 0 },
                &MailOverview::default(),
                rights,
                clock,
            ),
        ),
        ("my-mail", mails::my_mail_sheet(&mail_preferences(), &mail_subjects(), Some("olga@example.org"), true)),
        ("my-mail-no-server", mails::my_mail_sheet(&MailPreferences::default(), &mail_subjects(), None, false)),
        ("login", login::login_sheet(Some(Flash::failed("Login or password is wrong.")), "/orders")),
        ("home", home::home_sheet(&home_of_today(), clock)),
        ("native-changes", native_sample::list(rights, clock)),
        ("native-changes-read-only", native_sample::read_only(clock)),
        ("native-changes-none-open", native_sample::none_open(rights, clock)),
        ("native-changes-none", native_sample::none(rights, clock)),
        ("forms", forms_sample::list(false, rights, clock)),
        ("forms-none", forms_sample::list(true, rights, clock)),
        ("form", forms_sample::open(clock)),
        ("form-refused", forms_sample::refused(clock)),
        ("form-misfits", forms_sample::misfits(clock)),
        ("form-answered", forms_sample::answered(clock)),
        (
            "identities",
            identities::identities_sheet(&IdentityFilter::default(), &DEPARTMENTS.map(str::to_owned), identity_rows()),
        ),
        (
            "identity",
            identities::identity_sheet(
                &identity_detail(),
                identities::Tab::Permissions,
                &asking("", None),
                rights,
                clock,
            ),
        ),
        (
            "identity-why",
            identities::identity_sheet(
                &identity_detail(),
                identities::Tab::Permissions,
                &asking("vpn", Some(Ok(Why::Explained(why_not())))),
                rights,
                clock,
            ),
        ),
        (
            "identity-which",
            identities::identity_sheet(
                &identity_detail(),
                identities::Tab::Permissions,
                &asking(
                    "vpn",
                    Some(Ok(Why::Several(vec![Grantable::Role("vpn".into()), Grantable::Entitlement("vpn".into())]))),
                ),
                rights,
                clock,
            ),
        ),
        (
            "identity-unknown",
            identities::identity_sheet(
                &identity_detail(),
                identities::Tab::Permissions,
                &asking("crm-raeder", Some(Ok(Why::Unknown(things(&["crm-reader", "crm-writer"]))))),
                rights,
                clock,
            ),
        ),
        (
            "identity-accounts",
            identities::identity_sheet(&identity_detail(), identities::Tab::Accounts, &asking("", None), rights, clock),
        ),
        (
            "identity-timeline",
            identities::identity_sheet(&identity_detail(), identities::Tab::Timeline, &asking("", None), rights, clock),
        ),
        (
            "identity-attributes",
            identities::identity_sheet(
                &identity_detail(),
                identities::Tab::Attributes,
                &asking("", None),
                rights,
                clock,
            ),
        ),
        (
            "orders",
            orders::orders_sheet(
                orders::Board {
                    rows: Page { rows: order_rows(40), next: Some("x".into()), total: 1_284 },
                    triage: triage(),
                    ..board(OrderFilter::default())
                },
                rights,
                clock,
            ),
        ),
        (
            "orders-confirm",
            orders::orders_sheet(
                orders::Board {
                    rows: Page { rows: order_rows(3), next: None, total: 38 },
                    triage: triage(),
                    confirming: Some(confirming()),
                    ..board(OrderFilter { fingerprint: Some("5f0c".into()), ..OrderFilter::default() })
                },
                rights,
                clock,
            ),
        ),
        ("orders-nothing", orders::orders_sheet(board(empty_orders), rights, clock)),
        (
            "orders-never",
            orders::orders_sheet(
                orders::Board { counts: OrderCounts::default(), ..board(OrderFilter::default()) },
                rights,
                clock,
            ),
        ),
        ("order", orders::order_sheet(&order_detail(), rights, clock)),
        ("jobs", jobs::jobs_sheet(&job_rows(), &active_rows(), &history(run_rows(12)), rights, clock)),
        ("jobs-never", jobs::jobs_sheet(&job_rows(), &[], &history(vec![]), &Rights::of(&[]), clock)),
        ("run", run_of(RunState::Running, LogLevel::Information)),
        ("run-blocked", run_of(RunState::Blocked, LogLevel::Warning)),
        ("run-failed", run_of(RunState::Warning, LogLevel::Warning)),
        ("run-waiting", run_of(RunState::Queued, LogLevel::Information)),
        (
            "run-preview",
            jobs::run_sheet(
                &RunRow { run: run(7002, RunState::Completed, true), ..run_rows(1).remove(0) },
                vec![],
                &around(),
                jobs::RunTab::Preview(plan(false)),
                rights,
                clock,
            ),
        ),
        (
            "requests",
            pages::requests_sheet(
                &RequestFilter::default(),
                requests::rows(),
                &requests::counts(),
                None,
                rights,
                clock,
            ),
        ),
        (
            "requests-none",
            pages::requests_sheet(
                &RequestFilter::default(),
                Page { rows: vec![], next: None, total: 0 },
                &[],
                None,
                rights,
                clock,
            ),
        ),
        ("request", pages::request_sheet(&requests::detail(RequestState::PartlyCompleted), clock)),
        ("request-waiting", pages::request_sheet(&requests::detail(RequestState::Waiting), clock)),
        ("request-new", pages::ask_sheet(&requests::ask(None), rights)),
        ("request-preview", pages::ask_sheet(&requests::ask(Some(Ok(requests::preview()))), rights)),
        (
            "request-mistake",
            pages::ask_sheet(
                &requests::ask(Some(Err(ApiError::invalid(
                    "until",
                    "The last day, 2026-01-01, is over. Choose a later one.",
                )))),
                rights,
            ),
        ),
        ("run-undo", jobs::undo_sheet(&undo::preview(), &jobs::UndoAsked::default(), rights, clock)),
        ("comparison", jobs::comparison_sheet(&jobs::Compared::Both(Box::new(comparison())), &run_rows(12), clock)),
        ("comparison-choose", jobs::comparison_sheet(&jobs::Compared::Nothing, &run_rows(12), clock)),
        ("comparison-never", jobs::comparison_sheet(&jobs::Compared::Nothing, &run_rows(1), clock)),
        (
            "run-stopped",
            jobs::run_sheet(
                &RunRow { run: run(7003, RunState::Blocked, false), ..run_rows(1).remove(0) },
                vec![],
                &around(),
                jobs::RunTab::Preview(plan(true)),
                rights,
                clock,
            ),
        ),
        ("review", review::review_sheet(&ReviewFilter::default(), &reviews::part(), rights, clock)),
        ("review-done", review::review_sheet(&ReviewFilter::default(), &reviews::nothing(), rights, clock)),
        ("review-confirm", review::confirm_sheet(&reviews::verdicts(), &reviews::prepared())),
        ("review-declined", review::declined_sheet(reviews::declined(), false, true, clock)),
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
            "application-undecided",
            applications::application_sheet(
                &application_detail(),
                applications::TabContent::Accounts(
                    undecided_rows(),
                    AccountFilter {
                        application: "directory".into(),
                        show: AccountShow::WithoutOwner,
                        ..AccountFilter::default()
                    },
                ),
                rights,
                clock,
            ),
        ),
        (
            "application-decided",
            applications::application_sheet(
                &application_detail(),
                applications::TabContent::Accounts(
                    Page::empty(),
                    AccountFilter {
                        application: "directory".into(),
                        show: AccountShow::Proposed,
                        ..AccountFilter::default()
                    },
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
    ];
    sheets.extend(work_items::sheets(rights, clock));
    sheets
}

fn history(runs: Vec<RunRow>) -> jobs::History {
    jobs::History { filter: RunFilter { limit: 12, ..RunFilter::default() }, runs }
}

fn around() -> jobs::Around {
    jobs::Around { active: active_rows(), reruns: vec![], before: run_rows(2).pop(), undo: undo::about(), rings: None }
}

fn run_of(state: RunState, level: LogLevel) -> Sheet {
    let counts = LogCounts { information: 112, warning: 3, error: 1 };
    let choice = jobs::LogChoice { level, step: (state == RunState::Warning).then(|| "fulfil".into()), counts };
    let id = if state == RunState::Queued { active_rows()[1].run.id.0 } else { 7_001 };
    let run = run(id, state, false);
    let rerun_of = (state == RunState::Queued).then_some(RunId(6_999));
    let row = RunRow { run: Run { rerun_of, ..run }, ..run_rows(1).remove(0) };
    let reruns = if state == RunState::Warning { run_rows(2) } else { vec![] };
    let lines = if state == RunState::Queued { vec![] } else { log() };
    let undo = if state == RunState::Queued { jobs::About::default() } else { undo::about() };
    let rings = (state == RunState::Warning).then(undo::rings);
    let around = jobs::Around { reruns, undo, rings, ..around() };
    jobs::run_sheet(&row, lines, &around, jobs::RunTab::Progress(choice), &rights(), &clock())
}

fn home_of_today() -> Home {
    let failed = order_rows(40).into_iter().filter(|order| order.state == State::Errored).take(6);
    Home {
        identities: 512,
        accounts: 1_840,
        orders: counts(),
        open_work_items: 14,
        awaiting_review: 3,
        native_changes: 2,
        forms: model::form::FormCounts { me: 2, team: 1, all: 5 },
        work_items: work_items::rows(8),
        failed: failed.collect(),
        runs: run_rows(5),
        applications: application_rows(),
    }
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
    }
}

fn limits() -> Vec<LimitView> {
    let limit = |what: &str, limit: &str, is_configured, used| LimitView {
        what: what.into(),
        limit: limit.into(),
        is_configured,
        used,
    };
    vec![
        limit("inserted", "20 % of 498 (99) and at least 20", false, 12),
        limit("deleted", "50, or 5 % of 498 (24), whichever is reached first", true, 3),
        limit("privileged_granted", "off", true, 0),
    ]
}

fn names() -> Vec<(String, String)> {
    APPLICATIONS.map(|(name, _)| (name.to_lowercase().replace(' ', "-"), name.to_owned())).into()
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
            without_owner: n * 3,
            proposed: n * 2,
            unclassified: n,
            open_orders: n * 17,
            failed_orders: if n == 2 { 9 } else { 0 },
            last_synchronized_at: Some(before(12 + 3 * n as i64)),
            trouble: (n == 1).then(|| "The database did not answer within 5 seconds.".into()),
            pause: (n == 1).then(|| PauseCause::Quarantine {
                since: before(95),
                probe_at: now() + SignedDuration::from_mins(4),
                probes: 12,
                message: "The database did not answer within 5 seconds.".into(),
            }),
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
            classification: vec!["account.kind == \"person\", confidence 100".into()],
            correlation: vec!["identity.employee_number = employee_number, 100 %".into()],
            limits: limits(),
        }],
        limits: vec![],
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
        called: n.is_multiple_of(2).then(|| format!("{}.example", n + 1)),
        account_type: "directory-person".into(),
        status: if n % 7 == 3 { AccountStatus::Disabled } else { AccountStatus::Enabled },
        owner: (n % 8 != 5).then(|| (IdentityId(100 + n as i64), NAMES[n].into())),
        entitlements: (n % 5) as u32,
        observed_at: Some(before(12)),
        proposals: Vec::new(),
        types: Vec::new(),
        decisions: Vec::new(),
    });
    Page { rows: rows.collect(), next: None, total: 24 }
}

/// Accounts about which a person has to decide, or has decided.
fn undecided_rows() -> Page<AccountRow> {
    let proposal = |identity: i64, attribute: &str, confidence| OwnerProposal {
        display_name: NAMES[identity as usize].into(),
        key: format!("E{}", 10_000 + identity),
        candidate: OwnerCandidate {
            identity: IdentityId(100 + identity),
            confidence,
            matches: vec![Match { attribute: attribute.into(), value: "a value of both".into(), confidence }],
        },
    };
    let decision = |decision, name: Option<&str>| AccountDecision {
        decision,
        name: name.map(str::to_owned),
        by: "operator".into(),
        at: before(90),
    };
    let mut rows = account_rows().rows;
    rows.truncate(5);
    for row in &mut rows {
        row.owner = None;
    }
    rows[0].proposals = vec![proposal(3, "displayName", 60)];
    rows[1].proposals = vec![proposal(4, "mail", 100), proposal(5, "mail", 100)];
    rows[1].decisions = vec![decision(Decision::NotTheirs { identity: IdentityId(9) }, Some(NAMES[6]))];
    rows[2].account_type = String::new();
    rows[2].types = vec![
        TypeCandidate { account_type: "payroll-person".into(), confidence: 60, when: "account.kind != \"\"".into() },
        TypeCandidate { account_type: "payroll-admin".into(), confidence: 60, when: "account.admin".into() },
    ];
    rows[3].decisions = vec![decision(Decision::Orphan, None)];
    rows[4].owner = Some((IdentityId(104), NAMES[4].into()));
    rows[4].decisions = vec![decision(Decision::Linked { identity: IdentityId(104) }, Some(NAMES[4]))];
    Page { rows, next: None, total: 5 }
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
