//! The policy check: seeded defects of every kind, each found with a witness that is evaluated again; nothing found where
//! nothing is wrong; and random worlds, in which no finding may be contradicted by anybody.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "support/claims.rs"]
mod claims;
#[path = "support/company.rs"]
mod company;
#[allow(dead_code, reason = "the agreement of engine and reference uses more of it")]
#[path = "agreement/random.rs"]
mod random;

use std::collections::BTreeSet;

use claims::Checked;
use company::{march, owned, person, profile, role, roles, rule};
use model::configuration::{
    AssignmentRule, Configuration, NamedEntitlement, NamingRule, OnConflict, Risk, RiskKind, RiskRule, RiskSide, Role,
    RoleState,
};
use model::identity::Identity;
use model::ids::IdentityId;
use model::lint::{FindingKind, FindingKind as Kind, Severity};
use model::value::Value;
use policy::naming_rules::FoundEntitlement;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Roles and rules that nothing is wrong with.
fn clean() -> Configuration {
    company::with(&[
        ("clerks", roles("identity.department in [\"Sales\", \"IT\"] && identity.level >= 2", &["clerk"])),
        ("everybody", roles("has(identity.department)", &["staff"])),
        (
            "no-badge",
            AssignmentRule { access_profiles: owned(&["badge"]), deny: true, ..rule("identity.department == \"IT\"") },
        ),
    ])
}

fn people() -> Vec<Identity> {
    let one = |id: i64, department: &str, level: i64| {
        let mut person = Identity { id: IdentityId(id), key: format!("E{id}"), ..person(Vec::new()) };
        person.attributes.insert("department".to_owned(), Value::from(department));
        person.attributes.insert("level".to_owned(), Value::from(level));
        person
    };
    vec![one(1, "Sales", 1), one(2, "IT", 2), one(3, "Sales", 3)]
}

fn findings_of(configuration: &Configuration) -> Vec<(Kind, String)> {
    let found =
        [FoundEntitlement { application: "mail".into(), key: "APP Mail Read".into(), display_name: String::new() }];
    let people = people();
    let checked = Checked { configuration, people: &people, found: &found, today: march(1) };
    checked.findings().into_iter().map(|finding| (finding.kind, finding.spots[0].name.clone())).collect()
}

/// A risk of two sides.
fn risk(on_conflict: OnConflict, one: RiskSide, other: RiskSide) -> Risk {
    Risk {
        display_name: "Two at once".into(),
        description: None,
        kind: RiskKind::SeparationOfDuties,
        level: 50,
        owner: None,
        on_conflict,
        mitigating_control: None,
        exception_days: None,
        rules: vec![RiskRule { sides: vec![one, other] }],
    }
}

fn of_entitlement(name: &str) -> RiskSide {
    RiskSide { entitlements: owned(&[name]), ..RiskSide::default() }
}

#[test]
fn a_clean_model_has_no_finding() {
    assert_eq!(findings_of(&clean()), []);
}

type Defect = (&'static str, fn(&mut Configuration), &'static [(Kind, &'static str)]);

/// What is put into the clean model, and all that has to be found then.
const DEFECTS: &[Defect] = &[
    (
        "two values at once",
        |world| {
            add(world, "both", roles("identity.department == \"Sales\" && identity.department == \"IT\"", &["boss"]))
        },
        &[(Kind::NeverTrue, "both")],
    ),
    (
        "an empty interval, behind a negation",
        |world| add(world, "between", roles("!(identity.level >= 3) && identity.level > 2", &["boss"])),
        &[(Kind::NeverTrue, "between")],
    ),
    (
        "compared with nothing",
        |world| add(world, "nothing", roles("identity.department == null", &["boss"])),
        &[(Kind::NeverTrue, "nothing")],
    ),
    (
        "a state in which the rule is not looked at",
        |world| add(world, "afterwards", roles("identity.lifecycle == \"leaver\"", &["boss"])),
        &[(Kind::NeverTrue, "afterwards")],
    ),
    (
        "nobody of that level",
        |world| add(world, "directors", roles("identity.level > 10", &["boss"])),
        &[(Kind::MatchesNobody, "directors")],
    ),
    (
        "a narrower condition for the same role",
        |world| {
            add(
                world,
                "sales-clerks",
                roles(
                    "identity.department == \"Sales\" && identity.level > 4 || identity.department == \"Sales\" && identity.level == 3",
                    &["clerk"],
                ),
            )
        },
        &[(Kind::Shadowed, "sales-clerks")],
    ),
    (
        "the same rule twice",
        |world| add(world, "everybody-too", roles("has(identity.department)", &["staff"])),
        &[(Kind::Shadowed, "everybody-too")],
    ),
    (
        "a narrower denial",
        |world| {
            let denial = AssignmentRule {
                access_profiles: owned(&["badge"]),
                deny: true,
                ..rule("identity.department == \"IT\" && identity.level >= 2")
            };
            add(world, "no-badge-for-clerks", denial);
        },
        &[(Kind::Shadowed, "no-badge-for-clerks")],
    ),
    (
        "given and always taken",
        |world| {
            let badge = AssignmentRule {
                access_profiles: owned(&["badge"]),
                ..rule("identity.department == \"IT\" && identity.level > 1")
            };
            add(world, "badges", badge);
        },
        &[(Kind::AlwaysDenied, "badges"), (Kind::Shadowed, "badges")],
    ),
    (
        "given by a stronger rule, which no denial reaches",
        |world| {
            let badge = AssignmentRule {
                access_profiles: owned(&["badge"]),
                priority: -1,
                ..rule("identity.department == \"IT\" && identity.level > 1")
            };
            add(world, "badges", badge);
        },
        &[],
    ),
    (
        "denies what nothing gives",
        |world| {
            let mut spare = profile("mail", &["clerks"]);
            spare.requestable = false;
            spare.state = RoleState::Draft;
            world.access_profiles.insert("spare".into(), spare);
            let denial =
                AssignmentRule { access_profiles: owned(&["spare"]), deny: true, ..rule("identity.level == 1") };
            add(world, "no-spare", denial);
        },
        &[(Kind::DeniesNothing, "no-spare")],
    ),
    (
        "a role without a way to it",
        |world| {
            world.roles.insert("lost".into(), Role { requestable: false, ..role(&["badge", "desk"], &[]) });
        },
        &[(Kind::Unobtainable, "lost")],
    ),
    (
        "a role that only a rule that never holds gives",
        |world| {
            world.roles.insert("lost".into(), Role { requestable: false, ..role(&["badge", "desk"], &[]) });
            add(world, "never", roles("identity.level == 1 && identity.level == 2", &["lost"]));
        },
        &[(Kind::NeverTrue, "never"), (Kind::Unobtainable, "lost")],
    ),
    (
        "an empty role, and a rule for it",
        |world| {
            world.roles.insert("empty".into(), role(&[], &[]));
        },
        &[(Kind::GivesNothing, "empty")],
    ),
    (
        "a rule for what is retired",
        |world| {
            world.roles.insert("old".into(), Role { state: RoleState::Retired, ..role(&["badge", "desk"], &[]) });
            add(world, "for-old", roles("identity.level == 1", &["old"]));
        },
        &[(Kind::GivesNothing, "for-old")],
    ),
    (
        "a rule that says nothing",
        |world| add(world, "silent", rule("identity.level == 1")),
        &[(Kind::GivesNothing, "silent")],
    ),
    (
        "another role of the same contents",
        |world| {
            world.roles.insert("clerk-again".into(), role(&["desk", "basics", "badge"], &[]));
        },
        &[(Kind::Duplicate, "boss")],
    ),
    (
        "what a part gives already",
        |world| {
            world.roles.insert("boss".into(), role(&["badge"], &["clerk"]));
        },
        &[(Kind::Redundant, "boss")],
    ),
    (
        "a typing mistake",
        |world| add(world, "sellers", roles("identity.department == \"Sale\"", &["boss"])),
        &[(Kind::UnknownValue, "sellers")],
    ),
    (
        "a side that nothing gives",
        |world| {
            world.entitlements.insert("vault".into(), company::entitlement("door"));
            world.risks.insert(
                "vault-keeper".into(),
                risk(OnConflict::Warn, of_entitlement("vault"), of_entitlement("clerks")),
            );
        },
        &[(Kind::RiskWithoutSide, "vault-keeper")],
    ),
    (
        "a role that breaks a risk",
        |world| {
            world
                .risks
                .insert("two".into(), risk(OnConflict::Block, of_entitlement("front"), of_entitlement("clerks")));
        },
        &[(Kind::RiskByItself, "clerk")],
    ),
    (
        "a rule that gives both sides",
        |world| {
            world.entitlements.insert("vault".into(), company::entitlement("door"));
            world.access_profiles.insert("vault".into(), profile("door", &["vault"]));
            world
                .risks
                .insert("two".into(), risk(OnConflict::Block, of_entitlement("vault"), of_entitlement("clerks")));
            let both = AssignmentRule { access_profiles: owned(&["vault", "desk"]), ..rule("identity.level == 1") };
            add(world, "keepers", both);
        },
        &[(Kind::RiskByRule, "keepers")],
    ),
    (
        "a last day that is over",
        |world| {
            world.roles.insert(
                "summer".into(),
                Role { valid_until: Some(march(1).yesterday().expect("a day")), ..role(&["desk"], &[]) },
            );
        },
        &[(Kind::Ended, "summer")],
    ),
    (
        "an account type that nothing gives",
        |world| {
            world.account_types.insert("spare".into(), company::account_type("door"));
        },
        &[(Kind::UnusedAccountType, "spare")],
    ),
    (
        "a naming rule that fits nothing, beside one that does",
        |world| {
            for (name, pattern) in [("applications", "APP (?<name>.+) Read"), ("teams", "TEAM (?<name>.+)")] {
                let entitlement = NamedEntitlement {
                    name: "mail-{name}".into(),
                    display_name: None,
                    description: None,
                    privileged: false,
                };
                let rule = NamingRule {
                    description: None,
                    account_type: "mail".into(),
                    pattern: pattern.into(),
                    priority: 0,
                    entitlement,
                    access_profile: None,
                    role: None,
                };
                world.naming_rules.insert(name.into(), rule);
            }
        },
        &[(Kind::UnmatchedNamingRule, "teams")],
    ),
];

fn add(world: &mut Configuration, name: &str, rule: AssignmentRule) {
    world.rules.insert(name.to_owned(), rule);
}

#[test]
fn every_seeded_defect_is_found_with_a_witness_that_holds() {
    for (what, seed, expected) in DEFECTS {
        let mut world = clean();
        seed(&mut world);
        let expected: Vec<(Kind, String)> = expected.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect();
        assert_eq!(findings_of(&world), expected, "{what}");
    }
    let seeded: BTreeSet<Kind> = DEFECTS.iter().flat_map(|(_, _, expected)| *expected).map(|(kind, _)| *kind).collect();
    assert_eq!(seeded, FindingKind::ALL.into_iter().collect(), "every kind is seeded");
}

#[test]
fn findings_say_what_is_so_and_what_to_do() {
    let mut world = clean();
    for (_, seed, _) in DEFECTS {
        seed(&mut world);
    }
    let people = people();
    let checked = Checked { configuration: &world, people: &people, found: &[], today: march(1) };
    let told: Vec<String> = checked
        .unproved()
        .iter()
        .map(|finding| {
            let by = finding.witness.people.iter().map(|witnessed| {
                let values = witnessed.identity.attributes.iter().map(|(name, value)| format!("{name} {value}"));
                let name = if witnessed.is_made_up { "made up" } else { "on record" };
                format!("{name} ({})", values.collect::<Vec<_>>().join(", "))
            });
            let claims = finding.witness.claims.iter().map(ToString::to_string);
            let by = by.chain(claims).collect::<Vec<_>>().join("; ");
            format!("{}, {}: {}\n    {by}", finding.severity.name(), finding.kind.name(), finding.message)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let severities: BTreeSet<Severity> = checked.unproved().iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, Severity::ALL.into());
}

/// With a risk between two profiles, where both are there.
fn with_risk(mut configuration: Configuration) -> Configuration {
    let side = |name: &str| RiskSide { access_profiles: owned(&[name]), ..RiskSide::default() };
    if ["profile-0", "profile-1"].iter().all(|name| configuration.access_profiles.contains_key(*name)) {
        configuration.risks.insert("two".into(), risk(OnConflict::Warn, side("profile-0"), side("profile-1")));
    }
    configuration
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Every witness is evaluated again, for those it names and for everybody in the world.
    #[test]
    fn nobody_contradicts_a_finding(
        configuration in random::configuration(),
        people in prop::collection::vec(random::identity(6), 0..6),
        day in 0_i8..28,
    ) {
        let configuration = with_risk(configuration);
        let mut people = people;
        people.sort_by_key(|person| person.id);
        people.dedup_by_key(|person| person.id);
        let today = random::FIRST_DAY.checked_add(jiff::Span::new().days(day)).expect("a day");
        Checked { configuration: &configuration, people: &people, found: &[], today }.findings();
    }
}

/// The property above has something to look at.
#[test]
fn random_worlds_have_findings_of_most_kinds() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..400 {
        let configuration = random::configuration().new_tree(&mut runner).expect("a configuration").current();
        let person = random::identity(6).new_tree(&mut runner).expect("a person").current();
        let configuration = with_risk(configuration);
        let people = [person];
        let checked = Checked { configuration: &configuration, people: &people, found: &[], today: random::FIRST_DAY };
        seen.extend(checked.unproved().into_iter().map(|finding| finding.kind));
    }
    let expected =
        [Kind::NeverTrue, Kind::Shadowed, Kind::AlwaysDenied, Kind::GivesNothing, Kind::RiskByItself, Kind::Redundant];
    assert!(expected.iter().all(|kind| seen.contains(kind)), "{seen:?}");
}
