//! Role mining of the gallery: before a question, with proposals, with nothing to propose, and with something wrong.

use app::frame::{Rights, Sheet};
use app::logic::mining::Typed;
use app::pages::mining::{Offered, mining_sheet};
use app::pages::role_model::Counts;
use engine::mining::Choices;
use model::access::Grantable;
use model::draft::{DraftState, ObjectKind, Sample};
use model::error::ApiError;
use model::ids::IdentityId;
use model::mining::{BundleProposal, MinedCondition, MinedThing, Mining, RuleProposal, Share};

pub(crate) fn sheets(rights: &Rights) -> Vec<(&'static str, Sheet)> {
    let none = Rights::default();
    let typed = Typed { condition: "identity.lifecycle == \"active\"".into(), ..Typed::default() };
    let wrong = Err(ApiError::invalid("people", "A proposal is about at least 2 people."));
    let sheet =
        |answer: Option<&Result<Mining, ApiError>>, rights| mining_sheet(&typed, answer, &offered(), &counts(), rights);
    vec![
        ("mining", sheet(None, rights)),
        ("mining-found", sheet(Some(&Ok(mining())), rights)),
        ("mining-refused", sheet(Some(&Ok(mining())), &none)),
        ("mining-nothing", sheet(Some(&Ok(Mining { people: 1, ..Mining::default() })), rights)),
        ("mining-wrong", sheet(Some(&wrong), rights)),
    ]
}

fn counts() -> Counts {
    Counts { objects: ObjectKind::ROLE_MODEL.map(|kind| (kind, 12)).to_vec(), open_drafts: 1 }
}

fn offered() -> Offered {
    let choices = Choices {
        applications: vec![("badges".into(), "Badge system".into()), ("directory".into(), "Cloud directory".into())],
        categories: vec![("sales".into(), "Sales".into())],
        attributes: vec!["department".into(), "site".into(), "title".into()],
    };
    Offered { choices, drafts: vec![super::role_model::row(DraftState::Open)] }
}

fn sample(total: u64) -> Sample {
    let names = ["Ann Lindqvist", "Bo Achterberg", "Carmen Iglesias"];
    let people = (1..).map(IdentityId).zip(names.map(str::to_owned));
    Sample { total, people: people.take(usize::try_from(total).unwrap_or(3)).collect() }
}

fn condition(when: &str, covered: u64, gains: u64) -> MinedCondition {
    MinedCondition {
        when: when.into(),
        same: Vec::new(),
        matching: covered + gains,
        covered: sample(covered),
        explained: covered,
        gains: sample(gains),
        precision: Share::of(covered, covered + gains),
    }
}

fn mining() -> Mining {
    let group = |key: &str| MinedThing::Found {
        application: "directory".into(),
        account_type: "directory-user".into(),
        key: key.into(),
    };
    let vault = MinedThing::Known(Grantable::Entitlement("vault".into()));
    let rule = |key: &str, thing: &MinedThing, label: &str, condition: MinedCondition| RuleProposal {
        key: key.into(),
        name: format!("rule-{key}"),
        thing: thing.clone(),
        label: label.into(),
        holders: condition.covered.total + 1,
        not_covered: sample(1),
        saving: 40,
        bundles: Vec::new(),
        condition,
    };
    let finance = condition("identity.department == \"Finance\"", 41, 0);
    let finance = MinedCondition { same: vec!["identity.cost_center == \"4100\"".into()], ..finance };
    let planner =
        rule("b", &group("APP Berth Planner"), "Berth planner", condition("identity.site == \"Oslo\"", 199, 1));
    let bundle = |key: &str, application: Option<&str>, conditions: Vec<MinedCondition>| BundleProposal {
        key: key.into(),
        name: format!("bundle-{key}"),
        display_name: if conditions.is_empty() { "Vault and Berth planner" } else { "Oslo" }.into(),
        things: vec![(vault.clone(), "Vault".into()), (group("APP Berth Planner"), "Berth planner".into())],
        application: application.map(str::to_owned),
        members: sample(12),
        gains: sample(u64::from(conditions.is_empty())),
        not_described: sample(2),
        conditions,
        saving: 7,
    };
    Mining {
        people: 600,
        things: 3,
        holdings: 260,
        rules: vec![rule("a", &vault, "Vault", finance), RuleProposal { bundles: vec!["Oslo".into()], ..planner }],
        bundles: vec![
            bundle("c", Some("directory"), vec![condition("identity.site == \"Oslo\"", 10, 1)]),
            bundle("d", None, Vec::new()),
        ],
        rules_total: 2,
        bundles_total: 2,
        before: 260,
        after_rules: 180,
        after_bundles: 246,
        notes: vec!["Given by hand until a day, and left out since that is meant to end: 3.".into()],
        took_milliseconds: 1_234,
    }
}
