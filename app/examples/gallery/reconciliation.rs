//! What nothing grants, and what was decided about it.

use std::collections::BTreeMap;

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::reconciliation::{Around, go_live_sheet, reconciliation_sheet};
use engine::reconciliation::{Inventory, Matching};
use model::access::Grantable;
use model::account::{AccountStatus, Provenance};
use model::identity::Period;
use model::ids::{AccountId, DirectGrantId, IdentityId, OrderId, ReconciliationId, RequestId};
use model::page::Page;
use model::reconciliation::{
    DecisionRow, Finding, GoLive, Lines, Outlook, ReconciliationDecision, ReconciliationFilter, Redundancy,
    RoleProposal, Subject, Verdict, View,
};
use model::user::PermissionPath;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let shown = |view, lines: Lines, rights: &Rights| {
        let filter = ReconciliationFilter { view, ..ReconciliationFilter::default() };
        reconciliation_sheet(&filter, &lines, &around(None), rights, clock)
    };
    let readers: Vec<PermissionPath> = PermissionPath::parse("/Reconciliation/View").into_iter().collect();
    let all = ReconciliationFilter { origin: Some(model::reconciliation::Origin::NonConforming), ..Default::default() };
    let confirmed = reconciliation_sheet(
        &all,
        &access(),
        &around(Some(Matching { count: 6, digest: "5d1c".into(), next: None })),
        rights,
        clock,
    );
    let many = Matching { count: 1_000, digest: "5d1c".into(), next: Some("9".into()) };
    let first = reconciliation_sheet(&all, &access(), &around(Some(many)), rights, clock);
    let of_roles = ReconciliationFilter { view: View::Roles, after: Some("7".into()), ..Default::default() };
    let going_on = |rows| Lines::Roles(Page { rows, next: Some("9".into()), total: 0, more: true });
    let left_out =
        "More than 100,000 accounts are being compared with what is granted, and are missing here until then.";
    let some = Around { left_out: Some(left_out.to_owned()), ..around(None) };
    let marked = Inventory { ended: Some(("Payroll".into(), Ok(applications()))), ..inventory(None, None) };
    let of_access = ReconciliationFilter { view: View::Access, ..Default::default() };
    vec![
        ("reconciliation-compared", reconciliation_sheet(&of_access, &access(), &some, rights, clock)),
        ("reconciliation", shown(View::Access, access(), rights)),
        ("reconciliation-read-only", shown(View::Access, access(), &Rights::of(&readers))),
        ("reconciliation-all", confirmed),
        ("reconciliation-first", first),
        (
            "reconciliation-roles-on",
            reconciliation_sheet(&of_roles, &going_on(Vec::new()), &around(None), rights, clock),
        ),
        ("reconciliation-none", shown(View::Access, Lines::Findings(Page::empty()), rights)),
        ("reconciliation-accounts", shown(View::Accounts, accounts(), rights)),
        ("reconciliation-orphans", shown(View::Orphans, orphans(), rights)),
        ("reconciliation-redundant", shown(View::Redundant, redundant(), rights)),
        ("reconciliation-roles", shown(View::Roles, roles(), rights)),
        ("reconciliation-decided", shown(View::Decided, decided(), rights)),
        ("go-live", go_live_sheet(&inventory(None, None), rights, clock)),
        ("go-live-ended", go_live_sheet(&marked, rights, clock)),
        ("go-live-counting", go_live_sheet(&inventory(Some(44_000), None), rights, clock)),
        ("go-live-marking", go_live_sheet(&inventory(None, Some(("Payroll".into(), 2_000))), rights, clock)),
    ]
}

fn page<T>(rows: Vec<T>) -> Page<T> {
    Page { total: rows.len() as u64, rows, next: None, more: false }
}

fn around(all: Option<Matching>) -> Around {
    let named = |names: &[(&str, &str)]| names.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Around {
        counts: BTreeMap::from([
            (View::Access, 6.into()),
            (View::Accounts, 2.into()),
            (View::Orphans, 2.into()),
            (View::Redundant, 1.into()),
            (View::Roles, 3.into()),
            (View::Decided, 3.into()),
        ]),
        applications: named(&[("directory", "Cloud Directory"), ("payroll", "Payroll")]),
        account_types: named(&[("directory-person", "Directory account"), ("payroll-user", "Payroll user")]),
        all,
        left_out: None,
    }
}

fn finding(n: usize, label: &str, goes: bool, why: &str) -> Finding {
    let (account, identity) = (AccountId(2_000 + n as i64), IdentityId(100 + n as i64));
    Finding {
        subject: Subject::Access {
            account,
            identity,
            held_since: before(600 * n as i64),
            entitlement: label.to_lowercase(),
        },
        application: "directory".into(),
        application_name: "Cloud Directory".into(),
        account_type: "directory-person".into(),
        account_type_label: "Directory account".into(),
        account,
        account_key: format!("2819c223-7f76-453a-919d-41386190464{n}"),
        called: Some(NAMES[n].to_lowercase().replace(' ', ".")),
        account_status: AccountStatus::Enabled,
        provenance: Provenance::Found,
        account_granted: true,
        identity_name: Some(NAMES[n].into()),
        grantable: Some(Grantable::Entitlement(label.to_lowercase())),
        label: label.into(),
        since: before(600 * n as i64 + 12),
        pre_existing: n.is_multiple_of(3),
        order: n.is_multiple_of(4).then_some(OrderId(4_711)),
        outlook: Some(Outlook { goes, why: why.into() }),
    }
}

fn access() -> Lines {
    Lines::Findings(page(vec![
        finding(1, "Payment release", true, "Nothing grants it any more."),
        finding(2, "Fleet planning", true, "Nothing grants it any more."),
        finding(
            3,
            "Berth scheduling",
            false,
            "It was there before go-live on 2026-10-01; it stays until a person decides (see Reconciliation).",
        ),
        finding(4, "Directory administrators", false, "It stays with its account. Quartermaster did not create it."),
        finding(5, "Sales reports", true, "An order that takes it away is on its way."),
        finding(
            6,
            "Customs declarations of every port, berth and terminal of the company",
            false,
            "Offered by rule \u{201c}customs\u{201d} (Suggested); it stays until a person decides.",
        ),
    ]))
}

fn accounts() -> Lines {
    let of = |n: usize, goes, why: &str| {
        let found = finding(n, "Payroll user", goes, why);
        let identity = IdentityId(100 + n as i64);
        Finding { subject: Subject::Account { account: found.account, identity }, account_granted: false, ..found }
    };
    Lines::Findings(page(vec![
        of(7, false, "Quartermaster did not create it."),
        of(8, true, "Nothing grants this account any more."),
    ]))
}

fn orphans() -> Lines {
    let of = |n: usize, label: &str| {
        let found = finding(n, label, false, "Nothing: no plan is made for an account without an owner.");
        let subject = Subject::Orphan { account: found.account };
        Finding { subject, identity_name: None, grantable: None, called: Some(format!("svc-backup-{n}")), ..found }
    };
    Lines::Findings(page(vec![of(1, "Directory account"), of(2, "")]))
}

fn redundant() -> Lines {
    Lines::Redundant(page(vec![Redundancy {
        subject: Subject::Grant { grant: DirectGrantId(77) },
        identity: IdentityId(104),
        identity_name: NAMES[4].into(),
        grantable: Grantable::Role("seller".into()),
        label: "Seller".into(),
        application: None,
        request: RequestId(1_042),
        requester: "olga".into(),
        justification: "Covers for Bo in the autumn".into(),
        period: Period { starts: None, ends: Some(jiff::civil::date(2027, 1, 1)) },
        since: before(40_000),
        causes: vec!["rule \u{201c}sales-staff\u{201d}".into()],
    }]))
}

fn roles() -> Lines {
    let of = |n: usize, label: &str, missing: &[&str], rivals: &[&str]| RoleProposal {
        subject: Subject::Proposal {
            identity: IdentityId(100 + n as i64),
            grantable: Grantable::Role(label.to_lowercase()),
        },
        identity: IdentityId(100 + n as i64),
        identity_name: NAMES[n].into(),
        grantable: Grantable::Role(label.to_lowercase()),
        label: label.into(),
        explains: vec!["Payment release".into(), "Payment entry".into()],
        missing: missing.iter().map(|name| (*name).to_owned()).collect(),
        rivals: rivals.iter().map(|name| (*name).to_owned()).collect(),
    };
    Lines::Roles(page(vec![
        of(1, "Treasurer", &[], &[]),
        of(2, "Treasury lead", &["Bank statements"], &[]),
        of(3, "Cashier", &[], &["Teller"]),
    ]))
}

fn decision(n: usize, verdict: Verdict, title: &str) -> DecisionRow {
    let identity = Some(IdentityId(100 + n as i64));
    DecisionRow {
        decision: ReconciliationDecision {
            id: ReconciliationId(900 + n as i64),
            subject: Subject::Account { account: AccountId(2_000 + n as i64), identity: IdentityId(100 + n as i64) },
            verdict,
            identity,
            application: "directory".into(),
            title: title.into(),
            grantable: None,
            request: (verdict == Verdict::Keep).then_some(RequestId(1_050)),
            responsible: None,
            until: (verdict != Verdict::Remove).then(|| jiff::civil::date(2027, 1, 31)),
            comment: "Needed until the new terminal is open".into(),
            decided_by: "olga".into(),
            decided_at: before(90),
            ended_by: (n == 3).then(|| "olga".to_owned()),
            ended_at: (n == 3).then(|| before(10)),
        },
        identity_name: Some(NAMES[n].into()),
        application_name: "Cloud Directory".into(),
        stands: n != 3,
    }
}

fn decided() -> Lines {
    Lines::Decided(page(vec![
        decision(1, Verdict::Keep, "Payment release on account ann.lee"),
        decision(2, Verdict::Remove, "account bo.svensson"),
        decision(3, Verdict::Postpone, "Fleet planning on account chen.wei"),
    ]))
}

fn inventory(counting: Option<u64>, marking: Option<(String, u64)>) -> Inventory {
    Inventory { applications: applications(), counting, marking, ended: None }
}

fn applications() -> Vec<GoLive> {
    let of = |name: &str, label: &str, counts: (u64, u64), before| GoLive {
        application: name.into(),
        application_name: label.into(),
        before,
        access: counts.0,
        accounts: counts.1,
    };
    vec![
        of("directory", "Cloud Directory", (4, 2), Some((before(60_000), "olga".to_owned()))),
        of("payroll", "Payroll", (12, 3), None),
    ]
}

/// What nothing grants to the person of the page of an identity.
pub(crate) fn of_identity() -> Vec<Finding> {
    vec![finding(1, "Payment release", true, "Nothing grants it any more.")]
}

pub(crate) fn decided_of_identity() -> Vec<DecisionRow> {
    vec![decision(2, Verdict::Postpone, "Fleet planning on account ann.lee")]
}
