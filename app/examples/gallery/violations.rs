//! Who holds what a risk speaks against.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::violations::{Around, violation_sheet, violations_sheet};
use jiff::civil::date;
use model::access::{Fact, GrantOrigin, Grantable, Reason};
use model::configuration::{OnConflict, RiskKind};
use model::ids::*;
use model::page::Page;
use model::risk::*;
use model::user::PermissionPath;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let reader = Rights::of(&PermissionPath::parse("/Violations/View").into_iter().collect::<Vec<_>>());
    vec![
        ("violations", violations_sheet(&ViolationFilter::default(), page(rows()), &around(), rights, clock)),
        ("violations-none-open", {
            let open = ViolationFilter { state: Some(ViolationState::Open), ..ViolationFilter::default() };
            violations_sheet(&open, page(Vec::new()), &around(), rights, clock)
        }),
        ("violations-none", {
            let nothing = Around { counts: [].into(), risks: Vec::new(), applications: Vec::new() };
            violations_sheet(&ViolationFilter::default(), page(Vec::new()), &nothing, rights, clock)
        }),
        ("violation", violation_sheet(&detail(0), rights, clock)),
        ("violation-excepted", violation_sheet(&detail(1), rights, clock)),
        ("violation-closed", violation_sheet(&detail(3), rights, clock)),
        ("violation-read-only", violation_sheet(&read_only(), &reader, clock)),
    ]
}

fn risk(name: &str, label: &str, level: i32) -> RiskFacts {
    RiskFacts {
        name: name.into(),
        display_name: label.into(),
        description: Some("Who books an invoice must not pay it".into()),
        kind: Some(RiskKind::SeparationOfDuties),
        level,
        owner: Some("olga".into()),
        on_conflict: OnConflict::Block,
        mitigating_control: Some("The controller looks at all payments each month".into()),
        exception_days: 30,
        sides: vec!["Books".into(), "Pays".into()],
    }
}

/// As the preview of a request shows it.
pub(crate) fn request_risk() -> RequestRisk {
    RequestRisk {
        risk: RiskFacts { on_conflict: OnConflict::Warn, ..risk("own-time", "Approves own time", 40) },
        rule: 1,
        follows: OnConflict::Warn,
        sides: vec![vec!["Payroll approver".into()], vec!["Self service".into()]],
    }
}

fn given(name: &str, by_request: bool) -> HeldThing {
    let rule = Reason {
        rule: "accountants".into(),
        context: None,
        facts: vec![Fact { attribute: "title".into(), value: Some("Accountant".into()) }],
        path: vec![Grantable::Role("accountant".into())],
        grant: None,
    };
    let request = Reason {
        rule: String::new(),
        facts: Vec::new(),
        path: Vec::new(),
        grant: Some(Box::new(GrantOrigin {
            request: RequestId(8_001),
            by: "olga".into(),
            why: "Covers for Ann".into(),
        })),
        ..rule.clone()
    };
    let reasons = vec![if by_request { request } else { rule }];
    HeldThing { grantable: Grantable::Entitlement(name.into()), reasons, accounts: Vec::new() }
}

fn row(n: usize, facts: RiskFacts, state: ViolationState) -> ViolationRow {
    let found = HeldThing { reasons: Vec::new(), accounts: vec![AccountId(9)], ..given("bank-sign", true) };
    let things = [(1, given("mainframe-ledger-post", false)), (2, given("mainframe-pay-batch", true)), (2, found)];
    let things = (1_i64..).zip(things).map(|(number, (side, thing))| ViolationThing {
        id: ViolationThingId(number),
        side,
        thing,
        application: "mainframe".into(),
        since: before(600),
    });
    let what = match state {
        ViolationState::Excepted => Some(Decided::Exception {
            control: "The controller looks at all payments each month".into(),
            last_day: date(2026, 12, 31),
        }),
        ViolationState::Remediation => {
            Some(Decided::Remediation { side: 2, why: "Not theirs".into(), request: Some(RequestId(8_100)) })
        }
        ViolationState::Open | ViolationState::Closed => None,
    };
    let id = ViolationDecisionId(1);
    ViolationRow {
        violation: Violation {
            id: ViolationId(9_100 - n as i64),
            identity: IdentityId(100 + n as i64),
            risk: facts.name.clone(),
            rule: 1,
            state,
            since: before(600),
            until: (state == ViolationState::Closed).then(|| before(20)),
            version: 3,
            things: things.collect(),
            decision: what.map(|what| ViolationDecision { id, by: "olga".into(), at: before(90), what }),
        },
        identity_name: NAMES[n].to_owned(),
        risk: facts,
        labels: vec!["Post to the ledger".into(), "Pay a batch".into(), "Sign payments".into()],
        applications: vec!["Mainframe".into(), "Mainframe".into(), "Bank".into()],
        may_decide: true,
    }
}

fn rows() -> Vec<ViolationRow> {
    use ViolationState::{Closed, Excepted, Open, Remediation};
    vec![
        row(0, risk("books-and-pays", "Books and pays", 95), Open),
        row(1, risk("books-and-signs", "Books and signs", 60), Excepted),
        row(2, risk("books-and-pays", "Books and pays", 95), Remediation),
        row(3, risk("own-time", "Approves own time", 40), Closed),
        row(4, RiskFacts { name: "old".into(), display_name: "old".into(), ..RiskFacts::default() }, Closed),
    ]
}

fn detail(n: usize) -> ViolationDetail {
    let row = rows().swap_remove(n);
    let event = |minutes, state, message: &str, actor: &str| ViolationEvent {
        violation: row.violation.id,
        at: before(minutes),
        state,
        actor: actor.into(),
        message: message.into(),
    };
    let found = "Found: Post to the ledger together with Pay a batch, Sign payments.";
    let label = |name: &str, label: &str| (Grantable::Entitlement(name.into()), label.to_owned());
    ViolationDetail {
        events: vec![
            event(600, ViolationState::Open, found, "run 7001"),
            event(90, row.violation.state, row.violation.state.label(), "olga"),
        ],
        score: RiskScore { highest: 95, total: 155 },
        led_to: Vec::new(),
        ways_out: vec![
            WayOut {
                obstacles: vec![
                    "Post to the ledger comes from rule \u{201c}accountants\u{201d} (title = Accountant). Whoever keeps the \
                     rules changes the rule, or what it looks at in the source."
                        .into(),
                ],
                ..WayOut::default()
            },
            WayOut {
                taken: vec![label("mainframe-pay-batch", "Pay a batch")],
                removed: vec![label("bank-sign", "Sign payments")],
                obstacles: Vec::new(),
            },
        ],
        longest: date(2026, 12, 29),
        row,
    }
}

/// Who may look and not decide.
fn read_only() -> ViolationDetail {
    let mut detail = detail(0);
    detail.row.may_decide = false;
    detail
}

fn around() -> Around {
    use ViolationState::{Closed, Excepted, Open, Remediation};
    let named = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, label)| ((*name).to_owned(), (*label).to_owned())).collect::<Vec<_>>()
    };
    Around {
        counts: [(Open, 1), (Excepted, 1), (Remediation, 1), (Closed, 2)].into(),
        risks: named(&[("books-and-pays", "Books and pays"), ("books-and-signs", "Books and signs")]),
        applications: named(&[("mainframe", "Mainframe"), ("bank", "Bank")]),
    }
}

fn page(rows: Vec<ViolationRow>) -> Page<ViolationRow> {
    Page { total: rows.len() as u64, rows, next: None, more: false }
}
