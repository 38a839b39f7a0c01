//! The policy check of the gallery: findings of every severity, and none.

use app::frame::Sheet;
use app::pages::lint::lint_sheet;
use app::pages::role_model::Counts;
use engine::lint::FindingFilter;
use model::access::Grantable;
use model::draft::ObjectKind;
use model::identity::Identity;
use model::ids::IdentityId;
use model::lint::{Claim, Finding, FindingKind, Severity, Spot, Witness, Witnessed};
use model::value::Value;

pub(crate) fn sheets() -> Vec<(&'static str, Sheet)> {
    let counts = Counts { objects: ObjectKind::ROLE_MODEL.map(|kind| (kind, 12)).to_vec(), open_drafts: 1 };
    let of_kind = FindingFilter { kind: Some(FindingKind::Duplicate), severity: None };
    vec![
        ("lint", lint_sheet(&findings(), FindingFilter::default(), &counts)),
        ("lint-filtered-none", lint_sheet(&findings(), of_kind, &counts)),
        ("lint-none", lint_sheet(&[], FindingFilter::default(), &counts)),
    ]
}

pub(super) fn findings() -> Vec<Finding> {
    let rule = || "sales-in-two-places".to_owned();
    vec![
        Finding {
            severity: Severity::Error,
            kind: FindingKind::NeverTrue,
            spots: vec![Spot::field("rules", &rule(), "when")],
            message: "Rule `sales-in-two-places` can never hold: site would have to be \"Rotterdam\", and also \"Hamburg\". Correct the condition, or remove the rule.".into(),
            witness: Witness {
                people: vec![somebody(true, "Somebody", "site", "Rotterdam")],
                claims: vec![Claim::Misses { rule: rule() }],
            },
        },
        Finding {
            severity: Severity::Warning,
            kind: FindingKind::UnknownValue,
            spots: vec![Spot::field("rules", "claims-handlers", "when")],
            message: "Rule `claims-handlers` asks for title \"Claim Handler\", which none of the 1204 people on record has; perhaps \"Claims Handler\" is meant. Correct the value.".into(),
            witness: Witness {
                people: vec![somebody(false, "Carmen Iglesias", "title", "Claims Handler")],
                claims: vec![Claim::NobodyHas { attribute: "title".into(), value: Value::from("Claim Handler") }],
            },
        },
        Finding {
            severity: Severity::Note,
            kind: FindingKind::RiskByItself,
            spots: vec![Spot::new("roles", "treasurer"), Spot::new("risks", "books-and-pays")],
            message: "Whoever gets role `treasurer` breaks risk `books-and-pays` by that alone. Take one side out of it, or out of the risk.".into(),
            witness: Witness {
                people: vec![],
                claims: vec![Claim::BreaksWith { risk: "books-and-pays".into(), thing: Grantable::Role("treasurer".into()) }],
            },
        },
    ]
}

fn somebody(is_made_up: bool, name: &str, attribute: &str, value: &str) -> Witnessed {
    let identity = Identity {
        id: IdentityId(7),
        source: "hr".into(),
        key: "E10007".into(),
        display_name: name.into(),
        attributes: [(attribute.to_owned(), Value::from(value))].into(),
        contexts: Vec::new(),
        manager_key: None,
        present: true,
    };
    Witnessed { is_made_up, identity }
}
