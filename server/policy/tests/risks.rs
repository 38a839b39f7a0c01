//! Who breaks which rule of which risk: stories, and the compiled rules against the obvious ones over random worlds.

#![allow(clippy::expect_used, reason = "helpers of tests fail the test")]

#[path = "support/company.rs"]
mod company;

use model::access::{DesiredAssignment, Grantable, Reason, WorkflowState};
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::{Configuration, OnConflict, Risk, RiskKind, RiskRule, RiskSide};
use model::identity::Period;
use model::ids::{AccountId, IdentityId};
use model::indirect::{IndirectHolding, IndirectOrigin};
use policy::model::RoleModel;
use policy::risk::{RiskModel, reference};
use proptest::prelude::*;

fn risk(rules: Vec<RiskRule>) -> Risk {
    Risk {
        display_name: "Risk".into(),
        description: None,
        kind: RiskKind::HighPrivilege,
        level: 50,
        owner: None,
        on_conflict: OnConflict::Warn,
        mitigating_control: None,
        exception_days: None,
        rules,
    }
}

fn side(things: &[Grantable]) -> RiskSide {
    let mut side = RiskSide::default();
    for thing in things {
        match thing {
            Grantable::Role(name) => side.roles.push(name.clone()),
            Grantable::AccessProfile(name) => side.access_profiles.push(name.clone()),
            Grantable::AccountType(name) => side.account_types.push(name.clone()),
            Grantable::Entitlement(name) => side.entitlements.push(name.clone()),
        }
    }
    side
}

fn rule(sides: &[&[Grantable]]) -> RiskRule {
    RiskRule { sides: sides.iter().map(|things| side(things)).collect() }
}

fn entitlement(name: &str) -> Grantable {
    Grantable::Entitlement(name.to_owned())
}

/// The company with keys of its own, one of them shared by two entitlements of one type.
fn company() -> Configuration {
    let mut configuration = company::company();
    for (name, entitlement) in &mut configuration.entitlements {
        entitlement.key = name.to_uppercase();
    }
    configuration.entitlements.insert("all-again".into(), company::entitlement("mail"));
    configuration.entitlements.get_mut("all-again").expect("just added").key = "ALL".into();
    configuration
}

fn given(grantable: Grantable, state: WorkflowState) -> DesiredAssignment {
    let reason = |rule: &str| Reason {
        rule: rule.to_owned(),
        context: None,
        facts: Vec::new(),
        path: vec![Grantable::Role("boss".into())],
        grant: None,
    };
    DesiredAssignment {
        grantable,
        period: Period::default(),
        workflow_state: state,
        reasons: vec![reason("second"), reason("first")],
    }
}

fn account(id: i64, kind: &str, status: AccountStatus, keys: &[&str]) -> Account {
    Account {
        id: AccountId(id),
        application: kind.to_owned(),
        account_type: kind.to_owned(),
        key: format!("{kind}-{id}"),
        owner: Some(IdentityId(1)),
        status,
        provenance: Provenance::Found,
        attributes: Default::default(),
        entitlements: keys.iter().map(|key| (*key).to_owned()).collect(),
        observed_at: None,
    }
}

#[test]
fn a_pair_across_applications_is_broken_by_what_is_given_and_what_is_found() {
    use AccountStatus::{Disabled, Enabled};
    use WorkflowState::{Calculated, GivenByRole, Suggested};
    let mut configuration = company();
    let pair = rule(&[&[entitlement("clerks"), Grantable::Role("boss".into())], &[entitlement("front")]]);
    configuration.risks.insert("pair".into(), risk(vec![pair]));
    let model = RiskModel::compile(&configuration);
    let clerks = |state| given(entitlement("clerks"), state);
    for (assignments, accounts, is_broken) in [
        (vec![], vec![], false),
        (vec![clerks(GivenByRole)], vec![], false),
        (vec![clerks(GivenByRole), given(entitlement("front"), Calculated)], vec![], true),
        (vec![clerks(GivenByRole), given(entitlement("front"), Suggested)], vec![], false),
        (vec![clerks(GivenByRole)], vec![account(1, "door", Enabled, &["FRONT"])], true),
        (vec![clerks(GivenByRole)], vec![account(1, "door", Disabled, &["FRONT"])], false),
        (vec![clerks(GivenByRole)], vec![account(1, "mail", Enabled, &["FRONT"])], false),
        (vec![given(Grantable::Role("boss".into()), Calculated)], vec![account(1, "door", Enabled, &["FRONT"])], true),
    ] {
        let broken = model.broken_rules(&assignments, &accounts, &[]);
        assert_eq!(!broken.is_empty(), is_broken, "{assignments:?} {accounts:?}");
        assert_eq!(broken, reference::broken_rules(&configuration, &assignments, &accounts, &[]));
    }
}

#[test]
fn all_that_is_held_of_a_side_is_told_with_the_way_it_came() {
    let mut configuration = company();
    let both = rule(&[&[entitlement("all"), entitlement("all-again"), entitlement("clerks")]]);
    configuration.risks.insert("much".into(), risk(vec![rule(&[&[Grantable::AccountType("door".into())]]), both]));
    let assignments = [given(entitlement("clerks"), WorkflowState::GivenByRole)];
    let accounts = [
        account(2, "mail", AccountStatus::Enabled, &["ALL", "CLERKS"]),
        account(1, "mail", AccountStatus::Enabled, &["ALL", "OTHER"]),
    ];
    let broken = RiskModel::compile(&configuration).broken_rules(&assignments, &accounts, &[]);
    assert_eq!(broken.len(), 1);
    assert_eq!((broken[0].risk.as_str(), broken[0].rule), ("much", 2));
    let told: Vec<_> = broken[0].sides[0]
        .iter()
        .map(|thing| (thing.grantable.name(), thing.reasons.len(), thing.accounts.len()))
        .collect();
    // What is granted is told by its reasons alone, whoever holds it by now.
    assert_eq!(told, [("all", 0, 2), ("all-again", 0, 2), ("clerks", 2, 0)]);
    assert_eq!(broken[0].sides[0][2].reasons[0].rule, "first");
}

#[test]
fn what_something_leads_to_counts_as_it_does() {
    let mut configuration = company();
    configuration.risks.insert("pair".into(), risk(vec![rule(&[&[entitlement("all")], &[entitlement("front")]])]));
    let model = RiskModel::compile(&configuration);
    let assignments = [given(entitlement("all"), WorkflowState::Calculated)];
    let leads = |from| IndirectHolding { account_type: "door".into(), key: "FRONT".into(), from, path: Vec::new() };
    let fronts = |indirect: &[IndirectHolding]| {
        let broken = model.broken_rules(&assignments, &[], indirect);
        broken.into_iter().next().map(|rule| rule.sides[1][0].clone())
    };
    assert_eq!(fronts(&[leads(IndirectOrigin::Granted("clerks".into()))]), None, "they are not granted");
    let granted = fronts(&[leads(IndirectOrigin::Granted("all".into()))]).unwrap();
    assert_eq!(granted.reasons[0].path.last(), Some(&entitlement("all")), "as what leads to it, and through it");
    assert_eq!(granted.brought_by(), [entitlement("all")]);
    let found = fronts(&[leads(IndirectOrigin::Account(AccountId(7)))]).unwrap();
    assert_eq!((found.reasons.len(), found.accounts), (0, vec![AccountId(7)]));
}

#[test]
fn a_quick_look_is_right_where_nothing_is_missing() {
    let mut configuration = company();
    configuration.risks.insert("pair".into(), risk(vec![rule(&[&[entitlement("all")], &[entitlement("front")]])]));
    let model = RiskModel::compile(&configuration);
    assert!(!model.is_broken_by(&[entitlement("all"), entitlement("clerks")]));
    assert!(model.is_broken_by(&[entitlement("front"), entitlement("all")]));
    assert_eq!(model.entitlements("mail", "ALL"), [entitlement("all")]);
    assert!(RiskModel::compile(&company()).is_empty());
}

fn things() -> Vec<Grantable> {
    vec![
        Grantable::Role("staff".into()),
        Grantable::Role("boss".into()),
        Grantable::AccessProfile("desk".into()),
        Grantable::AccountType("mail".into()),
        Grantable::AccountType("door".into()),
        entitlement("all"),
        entitlement("all-again"),
        entitlement("clerks"),
        entitlement("front"),
    ]
}

fn any_risks() -> impl Strategy<Value = Vec<Vec<Vec<Vec<Grantable>>>>> {
    let side = || prop::sample::subsequence(things(), 1..4);
    let rule = || prop::collection::vec(side(), 1..4);
    prop::collection::vec(prop::collection::vec(rule(), 1..3), 0..4)
}

fn any_account() -> impl Strategy<Value = Account> {
    use AccountStatus::{Disabled, Enabled, Gone};
    let kind = prop::sample::select(vec!["mail", "door"]);
    let status = prop::sample::select(vec![Enabled, Enabled, Enabled, Disabled, Gone]);
    let keys = prop::sample::subsequence(vec!["ALL", "CLERKS", "FRONT", "OTHER"], 0..=4);
    (1_i64..5, kind, status, keys).prop_map(|(id, kind, status, keys)| account(id, kind, status, &keys))
}

fn any_access() -> impl Strategy<Value = Vec<DesiredAssignment>> {
    use WorkflowState::{AutomaticWithValidation, Calculated, GivenByRole, Suggested};
    let states = vec![Calculated, GivenByRole, Suggested, AutomaticWithValidation];
    let one =
        move |thing: Grantable| prop::sample::select(states.clone()).prop_map(move |state| given(thing.clone(), state));
    prop::sample::subsequence(things(), 0..=9)
        .prop_flat_map(move |things| things.into_iter().map(&one).collect::<Vec<_>>())
}

/// Where something leads, whether or not it is held.
fn any_indirect() -> impl Strategy<Value = IndirectHolding> {
    let kind = prop::sample::select(vec!["mail", "door"]);
    let key = prop::sample::select(vec!["ALL", "CLERKS", "FRONT", "OTHER"]);
    let granted = prop::sample::select(vec!["all", "clerks", "front"]);
    let from = prop_oneof![
        granted.prop_map(|name| IndirectOrigin::Granted(name.to_owned())),
        (1_i64..5).prop_map(|id| IndirectOrigin::Account(AccountId(id))),
    ];
    (kind, key, from).prop_map(|(kind, key, from)| IndirectHolding {
        account_type: kind.to_owned(),
        key: key.to_owned(),
        from,
        path: Vec::new(),
    })
}

proptest! {
    #[test]
    fn the_compiled_rules_and_the_obvious_ones_agree(
        risks in any_risks(),
        assignments in any_access(),
        accounts in prop::collection::vec(any_account(), 0..4),
        indirect in prop::collection::vec(any_indirect(), 0..4),
    ) {
        let mut configuration = company();
        for (number, rules) in risks.into_iter().enumerate() {
            let rules = rules.iter().map(|sides| RiskRule { sides: sides.iter().map(|things| side(things)).collect() });
            configuration.risks.insert(format!("risk-{number}"), risk(rules.collect()));
        }
        let model = RiskModel::compile(&configuration);
        let broken = model.broken_rules(&assignments, &accounts, &indirect);
        prop_assert_eq!(&broken, &reference::broken_rules(&configuration, &assignments, &accounts, &indirect));
        // The quick look finds the same people.
        let enabled = || accounts.iter().filter(|account| account.status == AccountStatus::Enabled);
        let granted = assignments.iter().filter(|given| given.workflow_state.grants()).map(|given| given.grantable.clone());
        let types = enabled().map(|account| Grantable::AccountType(account.account_type.clone()));
        let keys = enabled().flat_map(|account| account.entitlements.iter().map(|key| (&account.account_type, key)));
        let keys = keys.flat_map(|(kind, key)| model.entitlements(kind, key).to_vec());
        let led_to = indirect.iter().filter(|holding| match &holding.from {
            IndirectOrigin::Account(_) => true,
            IndirectOrigin::Granted(name) => granted.clone().any(|thing| thing == entitlement(name)),
        });
        let led_to = led_to.flat_map(|holding| model.entitlements(&holding.account_type, &holding.key).to_vec());
        let held: Vec<Grantable> = granted.clone().chain(types).chain(keys).chain(led_to).collect();
        prop_assert_eq!(model.is_broken_by(&held), !broken.is_empty());
    }
}

/// What is done to a sound risk, and the complaint.
type Mistake<'m> = (&'m dyn Fn(&mut Risk), &'m str);

#[test]
fn mistakes_in_risks_are_found_with_what_to_do() {
    let boss = || Grantable::Role("boss".into());
    let complaints = |change: &dyn Fn(&mut Risk)| {
        let mut configuration = company();
        let mut broken = risk(vec![rule(&[&[boss()], &[entitlement("front")]])]);
        broken.kind = RiskKind::SeparationOfDuties;
        change(&mut broken);
        configuration.risks.insert("pair".into(), broken);
        let errors = RoleModel::compile(&configuration).map(|_| ()).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(complaints(&|_| {}), Vec::<String>::new());
    let cases: [Mistake<'_>; 10] = [
        (&|risk| risk.level = 101, "risk `pair`, level: 101 is no level; give a number from 0 to 100"),
        (&|risk| risk.level = -1, "risk `pair`, level: -1 is no level; give a number from 0 to 100"),
        (&|risk| risk.owner = Some(" ".into()), "risk `pair`, owner: names nobody; give a login, or leave it out"),
        (
            &|risk| risk.exception_days = Some(0),
            "risk `pair`, exception_days: an exception that lasts no day is none; give at least 1, or leave it out",
        ),
        (
            &|risk| risk.rules.clear(),
            "risk `pair`, rules: has no rule, so that nobody ever breaks it; add one with its `sides`",
        ),
        (
            &|risk| risk.rules[0].sides.truncate(1),
            "risk `pair`, rules[0].sides: has 1 side; what nobody should hold together takes two or more, and what is a \
             risk by itself is `kind = \"high_privilege\"`",
        ),
        (
            &|risk| risk.rules[0].sides[1].entitlements.clear(),
            "risk `pair`, rules[0].sides[1]: names nothing, so that nobody ever breaks the rule; give it `roles`, \
             `access_profiles`, `account_types` or `entitlements`",
        ),
        (
            &|risk| risk.rules[0].sides[1].roles.push("boss".into()),
            "risk `pair`, rules[0].sides[1].roles: role `boss` is on this side and on `sides[0]`, so that it alone is \
             enough for both; keep it on one of them",
        ),
        (
            &|risk| risk.rules[0].sides[1].entitlements.push("front".into()),
            "risk `pair`, rules[0].sides[1].entitlements: entitlement `front` is here twice; keep it once",
        ),
        (
            &|risk| risk.rules[0].sides[0].access_profiles.push("desks".into()),
            "risk `pair`, rules[0].sides[0].access_profiles: there is no access profile `desks`; perhaps `desk` is meant",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(complaints(change), [expected]);
    }
}
