//! Applications, and one with its accounts.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::applications;
use jiff::SignedDuration;
use model::account::AccountStatus;
use model::agent::AgentLink;
use model::correlation::{Decision, Match, OwnerCandidate, TypeCandidate};
use model::ids::{AccountId, IdentityId};
use model::page::Page;
use model::view::{
    AccountDecision, AccountFilter, AccountRow, AccountShow, AccountTypeView, ApplicationDetail, ApplicationRow,
    ApplicationSchema, EntitlementRow, LimitView, OwnerProposal, PauseCause, SchemaAttribute,
};

use super::{APPLICATIONS, NAMES, before, integrations, now, orders};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("applications", applications::applications_sheet(&application_rows(), &integrations::rows(), clock)),
        (
            "application",
            applications::application_sheet(&application_detail(), applications::TabContent::Overview, rights, clock),
        ),
        (
            "application-by-agent",
            applications::application_sheet(
                &ApplicationDetail {
                    read_by: Some(AgentLink {
                        name: "clinic".into(),
                        display_name: "Clinic’s network".into(),
                        heard_at: Some(before(1)),
                    }),
                    ..application_detail()
                },
                applications::TabContent::Overview,
                rights,
                clock,
            ),
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
    ]
}

pub(crate) fn application_rows() -> Vec<ApplicationRow> {
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
        read_by: None,
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
            depends_on: vec!["Directory account".into()],
            takes_from: vec!["Directory account".into()],
            attributes: vec![
                ("directory_name".into(), "key of the person's Directory account".into(), "required".into()),
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
        routes: integrations::routes(),
        carries: vec![],
        entitlements: (0..9)
            .map(|n| EntitlementRow {
                key: format!("cn=group-{n},ou=groups,dc=example,dc=org"),
                display_name: format!("Group {n}"),
                name: (n % 4 != 3).then(|| format!("group-{n}")),
                holders: 12 * n,
            })
            .collect(),
        orders: orders::counts(),
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
        reconciled: Vec::new(),
        stands_for_entitlement: false,
    });
    Page { rows: rows.collect(), next: None, total: 24, more: false }
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
    Page { rows, next: None, total: 5, more: false }
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
