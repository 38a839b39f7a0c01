//! People of the gallery in states of their working life.

use jiff::civil::{Date, date};
use model::access::{Explanation, Fact, Grantable};
use model::configuration::AccountAction;
use model::identity::LifecycleState;
use model::lifecycle::{AccountStage, Boundary, LegalHold, LifecycleView, StageStep, Standing, StateWord, Turn};
use model::view::IdentityDetail;

use super::people::{identity_detail, why_not};

fn standing(state: &str, label: &str, since: Date) -> Standing {
    Standing {
        state: state.into(),
        label: label.into(),
        since: Some(since),
        first_seen: false,
        context: None,
        facts: Vec::new(),
        conflicts: Vec::new(),
        legal_hold: None,
    }
}

pub(crate) fn active() -> LifecycleView {
    LifecycleView {
        standing: standing("active", "Active", date(2024, 2, 1)),
        next: Vec::new(),
        stages: Vec::new(),
        withheld: Vec::new(),
    }
}

fn of_leavers() -> Standing {
    let facts = vec![Fact { attribute: "litigation".into(), value: Some("2026/17".into()) }];
    Standing {
        legal_hold: Some(LegalHold { state: Some("leaver".into()), facts }),
        ..standing("leaver", "Leaver", date(2026, 11, 1))
    }
}

pub(crate) fn leaver() -> IdentityDetail {
    let kinds = || vec!["Directory account".to_owned(), "Badge".to_owned(), "RACF user".to_owned()];
    let on = |on, action| Boundary { on, what: Turn::Accounts(action, kinds()) };
    let life = LifecycleView {
        standing: of_leavers(),
        next: vec![on(date(2026, 11, 8), AccountAction::Strip), on(date(2027, 1, 30), AccountAction::Delete)],
        ..active()
    };
    IdentityDetail { lifecycle: LifecycleState::Leaver, life: Some(Box::new(life)), ..identity_detail() }
}

pub(crate) fn why() -> Explanation {
    let step = |on, action| StageStep { on, action };
    let stage = AccountStage {
        account_type: "directory-person".into(),
        steps: vec![
            step(date(2026, 11, 1), AccountAction::Disable),
            step(date(2026, 11, 8), AccountAction::Strip),
            step(date(2027, 1, 30), AccountAction::Delete),
        ],
        reached: 1,
    };
    let word = StateWord { standing: of_leavers(), withheld: false, stage: Some(stage) };
    Explanation {
        grantable: Grantable::AccountType("directory-person".into()),
        dormant: Vec::new(),
        lifecycle: Some(Box::new(word)),
        ..why_not()
    }
}

/// On leave and suspended at once, and nobody said which is meant.
pub(crate) fn on_leave() -> IdentityDetail {
    let standing = Standing {
        context: Some("p-3".into()),
        facts: vec![Fact { attribute: "absence".into(), value: Some("parental leave".into()) }],
        conflicts: vec!["suspended".into()],
        ..standing("leave", "On leave", date(2026, 10, 5))
    };
    let kinds = |count: i32| (1..=count).map(|number| format!("Account type {number}")).collect();
    let next = (0..6_i8).map(|month| Boundary {
        on: date(2027, month + 1, 1),
        what: if month == 5 { Turn::State("Active".into()) } else { Turn::Accounts(AccountAction::Strip, kinds(3)) },
    });
    let life = LifecycleView {
        standing,
        next: next.collect(),
        withheld: vec![Grantable::Role("seller".into()), Grantable::Entitlement("vpn".into())],
        ..active()
    };
    IdentityDetail { life: Some(Box::new(life)), ..identity_detail() }
}
