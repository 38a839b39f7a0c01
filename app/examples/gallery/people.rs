//! People of the gallery, and what they hold.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::identities;
use std::collections::BTreeMap;

use model::access::{Explanation, Fact, Grantable, NearMiss, Reason, Why, WorkflowState};
use model::account::{Account, AccountStatus, Provenance};
use model::identity::{Context, Identity, LifecycleState, Period};
use model::ids::{AccountId, AssignmentId, IdentityId, OrderId, RunId};
use model::indirect::{IndirectHop, IndirectRow};
use model::order::{ErrorClass, ProvisioningState as State, StateReason};
use model::page::Page;
use model::value::{Attributes, Value};
use model::view::{IdentityDetail, IdentityEvent, IdentityFilter, IdentityRow, PermissionRow};

use super::lifecycle;
use super::orders::order_rows;
use super::{DEPARTMENTS, NAMES, TITLES, before, things};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let asking = |name: &str, answer| identities::Asking {
        kind: None,
        name: name.into(),
        answer,
        known: things(&["vpn", "crm-reader"]).into_iter().map(|thing| (thing, "In words".into())).collect(),
    };
    vec![
        (
            "identities",
            identities::identities_sheet(
                &IdentityFilter::default(),
                &DEPARTMENTS.map(str::to_owned),
                &[("leave".to_owned(), "On leave".to_owned())],
                identity_rows(),
                rights,
            ),
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
            "identity-leaver",
            identities::identity_sheet(
                &lifecycle::leaver(),
                identities::Tab::Permissions,
                &asking("directory-person", Some(Ok(Why::Explained(Box::new(lifecycle::why()))))),
                rights,
                clock,
            ),
        ),
        (
            "identity-leave",
            identities::identity_sheet(
                &lifecycle::on_leave(),
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
                &asking("vpn", Some(Ok(Why::Explained(Box::new(why_not()))))),
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
    ]
}

pub(crate) fn identity_rows() -> Page<IdentityRow> {
    let rows = (0..48).map(|n: usize| IdentityRow {
        id: IdentityId(100 + n as i64),
        key: format!("{}", 10_001 + n * 7),
        display_name: NAMES[n % NAMES.len()].into(),
        department: DEPARTMENTS[n % 6].into(),
        title: TITLES[n % 5].into(),
        site: ["Rotterdam", "Lyon", "Gdańsk"][n % 3].into(),
        lifecycle: match n % 11 {
            4 => LifecycleState::Leaver,
            7 => LifecycleState::Joiner,
            _ => LifecycleState::Active,
        },
        state: (n % 11 == 2).then(|| "leave".into()),
        accounts: 2 + (n % 3) as u32,
        entitlements: 3 + (n * 5 % 9) as u32,
        open_orders: if n % 6 == 2 { 2 } else { 0 },
    });
    Page { rows: rows.collect(), next: Some("n".into()), total: 512, more: false }
}

pub(crate) fn reason(rule: &str, facts: &[(&str, &str)], path: Vec<Grantable>) -> Reason {
    let facts = facts.iter().map(|(name, value)| Fact { attribute: (*name).into(), value: Some((*value).into()) });
    Reason { rule: rule.into(), context: Some("main".into()), facts: facts.collect(), path, grant: None }
}

pub(crate) fn sales_reason() -> Reason {
    reason(
        "sales-staff",
        &[("department", "Sales"), ("title", "Account Executive")],
        vec![Grantable::Role("seller".into()), Grantable::AccessProfile("crm-access".into())],
    )
}

pub(crate) fn permission(
    n: i64,
    grantable: Grantable,
    name: &str,
    application: Option<&str>,
    state: Option<State>,
    reason: Option<StateReason>,
) -> PermissionRow {
    let everyone = reason_everyone();
    PermissionRow {
        id: AssignmentId(n),
        display_name: name.into(),
        application: application.map(Into::into),
        workflow_state: if n % 5 == 4 { WorkflowState::GivenByRole } else { WorkflowState::Calculated },
        state,
        state_reason: reason,
        order: state.map(|_| OrderId(4_000 + n)),
        period: Period {
            starts: "2026-01-12".parse().ok(),
            ends: (n % 4 == 1).then(|| "2026-12-31".parse().ok()).flatten(),
        },
        since: before(60 * 24 * 40 + n),
        reasons: if n % 3 == 0 { vec![sales_reason(), everyone] } else { vec![sales_reason()] },
        grantable,
    }
}

pub(crate) fn reason_everyone() -> Reason {
    reason("everybody", &[("employee_type", "permanent")], vec![Grantable::Role("employee".into())])
}

pub(crate) fn identity() -> Identity {
    let mut attributes = Attributes::new();
    for (name, value) in [
        ("given_name", "Ann"),
        ("family_name", "Lindqvist"),
        ("mail", "ann.lindqvist@example.org"),
        ("employee_type", "permanent"),
    ] {
        attributes.insert(name.into(), value.into());
    }
    let context = |key: &str, department: &str, starts: &str, ends: Option<&str>| Context {
        key: key.into(),
        priority: 1,
        period: Period { starts: starts.parse().ok(), ends: ends.and_then(|ends| ends.parse().ok()) },
        attributes: BTreeMap::from([
            ("department".to_owned(), Value::from(department)),
            ("title".to_owned(), Value::from("Account Executive")),
            ("site".to_owned(), Value::from("Rotterdam")),
        ]),
        filled: Vec::new(),
    };
    Identity {
        id: IdentityId(100),
        source: "Human resources".into(),
        key: "10001".into(),
        display_name: "Ann Lindqvist".into(),
        attributes,
        contexts: vec![
            context("p-1", "Operations", "2024-02-01", Some("2026-01-12")),
            context("p-2", "Sales", "2026-01-12", None),
        ],
        manager_key: Some("10008".into()),
        present: true,
    }
}

pub(crate) fn identity_detail() -> IdentityDetail {
    let failed =
        StateReason::Failed { class: ErrorClass::Conflict, message: "Somebody else has the badge number 4411.".into() };
    IdentityDetail {
        questions: super::forms::of_identity(),
        findings: super::reconciliation::of_identity(),
        indirect: vec![nested()],
        reconciled: super::reconciliation::decided_of_identity(),
        identity: identity(),
        lifecycle: LifecycleState::Active,
        life: Some(Box::new(lifecycle::active())),
        manager: Some((IdentityId(107), "Hiro Tanaka".into())),
        reports: vec![(IdentityId(104), "Elif Yıldız".into()), (IdentityId(110), "Kavya Raman".into())],
        permissions: vec![
            permission(1, Grantable::Role("employee".into()), "Employee", None, None, None),
            permission(2, Grantable::Role("seller".into()), "Seller", None, None, None),
            permission(
                3,
                Grantable::AccessProfile("crm-access".into()),
                "CRM access",
                Some("Cloud Directory"),
                None,
                None,
            ),
            permission(
                4,
                Grantable::AccountType("directory-person".into()),
                "Directory account",
                Some("Cloud Directory"),
                Some(State::Verified),
                None,
            ),
            permission(
                5,
                Grantable::AccountType("badge-holder".into()),
                "Badge",
                Some("Badge System"),
                Some(State::Errored),
                Some(failed),
            ),
            permission(
                6,
                Grantable::AccountType("racf-user".into()),
                "RACF user",
                Some("Mainframe"),
                Some(State::Transmitted),
                Some(StateReason::WorkItem),
            ),
            permission(
                7,
                Grantable::Entitlement("all-staff".into()),
                "All staff",
                Some("Cloud Directory"),
                Some(State::Verified),
                None,
            ),
            permission(
                8,
                Grantable::Entitlement("crm-writer".into()),
                "CRM writer",
                Some("Cloud Directory"),
                Some(State::Executed),
                None,
            ),
            permission(
                9,
                Grantable::Entitlement("sales-share".into()),
                "Sales share",
                Some("Cloud Directory"),
                Some(State::Pending),
                Some(StateReason::HeldBy { orders: vec![OrderId(4006)] }),
            ),
            permission(
                10,
                Grantable::Entitlement("door-main".into()),
                "Main door, Rotterdam",
                Some("Badge System"),
                Some(State::AwaitingApproval),
                None,
            ),
        ],
        accounts: vec![account(1, "directory", AccountStatus::Enabled), account(2, "payroll", AccountStatus::Disabled)],
        orders: order_rows(6),
        events: vec![
            IdentityEvent {
                at: before(12),
                message: "Order 4008 was carried out in Cloud Directory; confirmation follows.".into(),
                order: Some(OrderId(4008)),
                run: Some(RunId(7001)),
            },
            IdentityEvent {
                at: before(1_500),
                message: "Department changed from Operations to Sales.".into(),
                order: None,
                run: Some(RunId(6990)),
            },
        ],
    }
}

pub(crate) fn account(n: i64, application: &str, status: AccountStatus) -> Account {
    Account {
        id: AccountId(n),
        application: application.into(),
        account_type: format!("{application}-person"),
        key: format!("0198c7f2-5a1e-7cc3-9b1f-{n:012}"),
        owner: Some(IdentityId(100)),
        status,
        provenance: Provenance::Created,
        attributes: BTreeMap::from([
            ("userName".to_owned(), Value::from("ann.lindqvist")),
            ("department".to_owned(), Value::from("Sales")),
        ]),
        entitlements: ["all-staff", "crm-writer"].map(str::to_owned).into(),
        observed_at: Some(before(12)),
    }
}

pub(crate) fn why_not() -> Explanation {
    Explanation {
        identity: IdentityId(100),
        grantable: Grantable::Entitlement("vpn".into()),
        held: false,
        period: None,
        reasons: vec![],
        missing: vec![NearMiss {
            rule: "remote-workers".into(),
            when: "identity.site == \"Home\" || identity.travels".into(),
            facts: vec![
                Fact { attribute: "site".into(), value: Some("Rotterdam".into()) },
                Fact { attribute: "travels".into(), value: None },
            ],
            path: vec![Grantable::AccessProfile("remote-access".into())],
        }],
        denied_by: None,
        lifecycle: None,
        dormant: Vec::new(),
        certified: None,
        indirect: vec![nested()],
    }
}

/// A group within a group, to which an application gives something.
fn nested() -> IndirectRow {
    let hop = |label: &str, rule: &str| IndirectHop {
        label: label.into(),
        application: "Directory".into(),
        rule: rule.into(),
    };
    IndirectRow {
        label: "Ledger, write".into(),
        application: "File shares".into(),
        way: vec![hop("Finance", "nested-groups"), hop("cn=Everybody in Rotterdam,ou=groups", "shares")],
        is_coming: false,
        others: 2,
    }
}
