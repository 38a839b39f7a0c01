//! Random but sound configurations, and people for them: few names and values, so that things meet.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::{
    AccessProfile, AccountAction, AccountStep, AccountType, Application, AssignmentRule, AttributeSpecification,
    ColumnType, Configuration, Connection, Dimension, DimensionValue, Entitlement, Grantables,
    LifecycleStateDefinition, ManualConnection, OnRemoval, Reference, Role, RoleState, RuleType, StateAccess, Terms,
    Thresholds,
};
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::value::{Attributes, Value};
use proptest::prelude::*;

pub(crate) const FIRST_DAY: Date = Date::constant(2026, 3, 1);

const ROLES: usize = 5;
const PROFILES: usize = 4;
const KINDS: usize = 3;
const ENTITLEMENTS: usize = 6;
const APPLICATIONS: usize = 2;

/// Account type `kind-N` belongs to application `N % 2`, entitlement `entitlement-N` to account type `N % 3`.
pub(crate) fn configuration() -> impl Strategy<Value = Configuration> {
    let roles = prop::collection::vec(role(), ROLES);
    let profile = (0..APPLICATIONS, any::<[bool; ENTITLEMENTS]>(), any::<[bool; KINDS]>(), terms());
    let profiles = prop::collection::vec(profile, PROFILES);
    let kinds = prop::collection::vec(prop::collection::vec(specification(), 1..4), KINDS);
    let rules = prop::collection::vec(rule(), 0..7);
    let hold = prop::option::weighted(0.2, condition());
    (roles, profiles, kinds, rules, lifecycle_states(), hold).prop_map(
        |(roles, profiles, kinds, rules, states, hold)| {
            let mut configuration = Configuration { lifecycle_states: states, ..Configuration::default() };
            configuration.organisation.legal_hold = hold;
            configuration.dimensions = dimensions();
            for index in 0..APPLICATIONS {
                configuration.applications.insert(format!("application-{index}"), application());
            }
            for (index, attributes) in kinds.into_iter().enumerate() {
                let mut kind = account_type(index, attributes);
                if index > 0 && kind.attributes.len() > 1 {
                    // An earlier account type has it: no circles.
                    let reference = Reference {
                        account_type: format!("kind-{}", index - 1),
                        attribute: Some(Reference::KEY.to_owned()),
                        expression: None,
                    };
                    let referred = AttributeSpecification { reference: Some(reference), ..Default::default() };
                    kind.attributes.insert("referred".to_owned(), referred);
                }
                configuration.account_types.insert(format!("kind-{index}"), kind);
            }
            for index in 0..ENTITLEMENTS {
                let entitlement = Entitlement {
                    display_name: String::new(),
                    description: None,
                    account_type: format!("kind-{}", index % KINDS),
                    key: format!("group {index}"),
                    privileged: false,
                    approvals: None,
                };
                configuration.entitlements.insert(format!("entitlement-{index}"), entitlement);
            }
            for (index, (application, entitlements, kinds, terms)) in profiles.into_iter().enumerate() {
                let of = |kind: usize| kind % APPLICATIONS == application;
                let entitlements =
                    (0..ENTITLEMENTS).filter(|entitlement| entitlements[*entitlement] && of(entitlement % KINDS));
                let kinds = (0..KINDS).filter(|kind| kinds[*kind] && of(*kind));
                let profile = AccessProfile {
                    application: format!("application-{application}"),
                    entitlements: entitlements.map(|entitlement| format!("entitlement-{entitlement}")).collect(),
                    account_types: kinds.map(|kind| format!("kind-{kind}")).collect(),
                    ..AccessProfile::on(terms)
                };
                configuration.access_profiles.insert(format!("profile-{index}"), profile);
            }
            for (index, (profiles, roles, terms)) in roles.into_iter().enumerate() {
                // A role contains only later ones: no circles.
                let roles = (index + 1..ROLES).filter(|other| roles[*other]);
                let role = Role {
                    access_profiles: names("profile", &profiles),
                    roles: roles.map(|other| format!("role-{other}")).collect(),
                    ..Role::on(terms)
                };
                configuration.roles.insert(format!("role-{index}"), role);
            }
            for (index, rule) in rules.into_iter().enumerate() {
                configuration.rules.insert(format!("rule-{index}"), rule);
            }
            configuration
        },
    )
}

/// A configuration in which the rule alone gives one account type, so that "gets anything" is "holds".
pub(crate) fn only_rule(configuration: &Configuration, rule: &str) -> Configuration {
    let mut alone = configuration.clone();
    alone.rules.retain(|name, _| name == rule);
    alone.lifecycle_states.clear();
    for rule in alone.rules.values_mut() {
        rule.deny = false;
        rule.account_types = vec!["kind-0".into()];
    }
    alone
}

pub(crate) fn grantables(configuration: &Configuration) -> Vec<Grantable> {
    let mut all: Vec<Grantable> = configuration.roles.keys().cloned().map(Grantable::Role).collect();
    all.extend(configuration.access_profiles.keys().cloned().map(Grantable::AccessProfile));
    all.extend(configuration.account_types.keys().cloned().map(Grantable::AccountType));
    all.extend(configuration.entitlements.keys().cloned().map(Grantable::Entitlement));
    all
}

/// Something that a random configuration may know, or not.
pub(crate) fn grantable() -> impl Strategy<Value = Grantable> {
    prop_oneof![
        (0..=ROLES).prop_map(|index| Grantable::Role(format!("role-{index}"))),
        (0..PROFILES).prop_map(|index| Grantable::AccessProfile(format!("profile-{index}"))),
        (0..KINDS).prop_map(|index| Grantable::AccountType(format!("kind-{index}"))),
        (0..ENTITLEMENTS).prop_map(|index| Grantable::Entitlement(format!("entitlement-{index}"))),
    ]
}

/// One of so many identities, with up to three contexts around the first day.
pub(crate) fn identity(count: i64) -> impl Strategy<Value = Identity> {
    let contexts = prop::collection::vec((-1_i32..2, period(), attributes()), 0..4);
    (0..count, attributes(), contexts, any::<u8>()).prop_map(|(id, attributes, contexts, chance)| Identity {
        id: IdentityId(id),
        source: if chance & 1 == 0 { "staff".into() } else { "guests".into() },
        key: format!("E{id}"),
        display_name: format!("Person {}", chance & 6),
        attributes,
        contexts: contexts
            .into_iter()
            .enumerate()
            .map(|(index, (priority, period, attributes))| Context {
                // Neither in the order of keys nor of priorities.
                key: format!("position-{}", (index + usize::from(chance)) % 4),
                priority,
                period,
                attributes,
                filled: Vec::new(),
            })
            .collect(),
        manager_key: (chance & 8 == 0).then(|| "E0".into()),
        present: chance & 0xf0 != 0,
    })
}

/// Departments below each other, sites that stand alone, levels that are numbers.
fn dimensions() -> BTreeMap<String, Dimension> {
    let value = |parent: Option<&str>| DimensionValue { display_name: None, parent: parent.map(str::to_owned) };
    let dimension = |kind, values: &[(&str, Option<&str>)]| Dimension {
        display_name: "Dimension".into(),
        kind,
        values: values.iter().map(|(name, parent)| ((*name).to_owned(), value(*parent))).collect(),
        ..Dimension::default()
    };
    let tree = [("Sales", None), ("IT", Some("Sales")), ("x", Some("IT")), ("Löwe", Some("Sales")), ("", None)];
    BTreeMap::from([
        ("department".to_owned(), dimension(ColumnType::Text, &tree)),
        ("site".to_owned(), dimension(ColumnType::Text, &[("Sales", None), ("x", None)])),
        ("level".to_owned(), dimension(ColumnType::Integer, &[("0", None), ("1", Some("0")), ("2", Some("1"))])),
    ])
}

fn period() -> impl Strategy<Value = Period> {
    let day = || prop::option::weighted(0.8, -30_i32..50);
    (day(), day()).prop_map(|(starts, ends)| {
        let date = |offset: i32| FIRST_DAY.checked_add(offset.days()).expect("a day near the first one");
        Period { starts: starts.map(date), ends: ends.map(date) }
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let text = prop::sample::select(vec!["Sales", "IT", "Löwe", "x", ""]);
    let value = prop_oneof![
        6 => text.prop_map(Value::from),
        1 => (0_i64..3).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::List(vec!["Sales".into(), "x".into()])),
    ];
    let name = prop::sample::select(vec!["department", "title", "site", "level", "key", "lifecycle"]);
    prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..5)
}

/// Conditions of every form: coded, partly coded, not coded, failing.
fn condition() -> impl Strategy<Value = String> {
    let attribute =
        || prop::sample::select(vec!["department", "title", "site", "level", "lifecycle", "source", "manager"]);
    let value =
        || prop::sample::select(vec!["\"Sales\"", "\"IT\"", "\"x\"", "1", "true", "\"active\"", "\"staff\"", "\"E0\""]);
    let simple = prop_oneof![
        5 => (attribute(), value()).prop_map(|(attribute, value)| format!("identity.{attribute} == {value}")),
        2 => (attribute(), value()).prop_map(|(attribute, value)| format!("{value} == identity.{attribute}")),
        3 => (attribute(), prop::collection::vec(value(), 0..3))
            .prop_map(|(attribute, values)| format!("identity.{attribute} in [{}]", values.join(", "))),
        1 => (attribute(), value()).prop_map(|(attribute, value)| format!("identity.{attribute} != {value}")),
        1 => (attribute(), value()).prop_map(|(attribute, value)| format!("identity.{attribute} >= {value}")),
        1 => attribute().prop_map(|attribute| format!("identity.{attribute}")),
        1 => attribute().prop_map(|attribute| format!("has(identity.{attribute})")),
        1 => (attribute(), attribute()).prop_map(|(one, other)| format!("identity.{one} == identity.{other}")),
        1 => attribute().prop_map(|attribute| format!("lower(identity.{attribute}).startsWith(\"s\")")),
        1 => attribute().prop_map(|attribute| format!("\"x\" in identity.{attribute}")),
        1 => attribute().prop_map(|attribute| format!("identity[\"{attribute}\"] == 1.0")),
        1 => Just("true".to_owned()),
        3 => prop::sample::select(vec!["Sales", "IT", "x"])
            .prop_map(|value| format!("within(identity.department, \"{value}\")")),
        1 => prop::sample::select(vec!["Sales", "x"]).prop_map(|value| format!("identity.site.within(\"{value}\")")),
        1 => (0_i64..3).prop_map(|value| format!("within(identity.level, {value})")),
    ];
    simple.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" && ")),
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.join(" || ")),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" || "))),
            1 => inner.prop_map(|part| format!("!({part})")),
        ]
    })
}

fn specification() -> impl Strategy<Value = AttributeSpecification> {
    let expression = prop::sample::select(vec![
        "identity.department",
        "lower(ascii(identity.title)) + \".\" + identity.key",
        "identity.level + 1",
        "has(identity.site) ? identity.site : \"nowhere\"",
        "{\"Sales\": \"S\", \"IT\": \"I\"}[identity.department]",
        "identity.lifecycle",
        "[identity.site, identity.title]",
        "null",
        "1.5",
    ]);
    let unique = prop::sample::select(vec![
        "lower(identity.key)",
        "identity.title + (attempt == 0 ? \"\" : string(attempt))",
        "left(identity.department, attempt + 1)",
        "attempt * 10",
        "identity.level == 1",
        "10 / (2 - attempt)",
    ]);
    let source = prop_oneof![
        expression.prop_map(|text| (None, Some(text.to_owned()), None)),
        unique.prop_map(|text| (None, None, Some(text.to_owned()))),
        Just((Some(Value::from("fixed")), None, None)),
    ];
    (source, any::<[bool; 3]>()).prop_map(|((value, expression, unique), [required, create_only, secret])| {
        AttributeSpecification { value, expression, unique, required, create_only, secret, ..Default::default() }
    })
}

fn rule() -> impl Strategy<Value = AssignmentRule> {
    let kind = prop_oneof![
        6 => Just(RuleType::Automatic),
        1 => Just(RuleType::AutomaticWithValidation),
        1 => Just(RuleType::Suggested),
    ];
    let days = || prop_oneof![3 => Just(0_u16), 1 => 0_u16..15];
    let one_in_four = || prop::bool::weighted(0.25);
    let what = (
        prop::collection::vec(one_in_four(), ROLES),
        prop::collection::vec(one_in_four(), PROFILES),
        prop::collection::vec(prop::bool::weighted(0.15), KINDS),
        prop::collection::vec(prop::bool::weighted(0.15), ENTITLEMENTS),
    );
    (condition(), kind, what, one_in_four(), -2_i32..3, days(), days()).prop_map(
        |(when, kind, (roles, profiles, kinds, entitlements), deny, priority, days_before, days_after)| {
            AssignmentRule {
                description: None,
                when,
                kind: if deny { RuleType::Automatic } else { kind },
                roles: names("role", &roles),
                access_profiles: names("profile", &profiles),
                account_types: names("kind", &kinds),
                entitlements: names("entitlement", &entitlements),
                deny,
                priority,
                days_before,
                days_after,
            }
        },
    )
}

/// States that may be configured; the last one is never.
pub(crate) const STATES: [&str; 7] = ["joiner", "active", "leaver", "away", "leave", "suspended", "unheard"];

/// Mostly none, or few; those that everybody has without a condition.
fn lifecycle_states() -> impl Strategy<Value = BTreeMap<String, LifecycleStateDefinition>> {
    let states = prop::collection::btree_map(0..STATES.len() - 1, lifecycle_state(), 0..5);
    let states = states.prop_map(|states| {
        let states = states.into_iter().map(|(index, mut state)| {
            if index < 3 {
                (state.when, state.priority) = (None, 0);
            }
            if STATES[index] == "active" {
                state.accounts.clear();
            }
            (STATES[index].to_owned(), state)
        });
        states.collect()
    });
    prop_oneof![1 => Just(BTreeMap::new()), 3 => states]
}

fn lifecycle_state() -> impl Strategy<Value = LifecycleStateDefinition> {
    let one_in_four = || prop::bool::weighted(0.25);
    let things = (
        prop::collection::vec(one_in_four(), ROLES),
        prop::collection::vec(one_in_four(), PROFILES),
        prop::collection::vec(one_in_four(), KINDS),
        prop::collection::vec(one_in_four(), ENTITLEMENTS),
    );
    let things = things.prop_map(|(roles, profiles, kinds, entitlements)| {
        let things = Grantables {
            roles: names("role", &roles),
            access_profiles: names("profile", &profiles),
            account_types: names("kind", &kinds),
            entitlements: names("entitlement", &entitlements),
        };
        let is_empty = things.all().next().is_none();
        if is_empty { Grantables { roles: vec!["role-0".to_owned()], ..things } } else { things }
    });
    let step =
        (0_u16..12, 0..4_usize, one_in_four(), one_in_four()).prop_map(|(after_days, action, application, kind)| {
            let actions = [AccountAction::Keep, AccountAction::Disable, AccountAction::Strip, AccountAction::Delete];
            AccountStep {
                // Nothing comes after a deletion.
                after_days: if actions[action] == AccountAction::Delete { after_days + 12 } else { after_days },
                action: actions[action],
                applications: if application { vec!["application-0".to_owned()] } else { Vec::new() },
                account_types: if kind { vec!["kind-1".to_owned()] } else { Vec::new() },
            }
        });
    let accounts = prop::collection::vec(step, 0..4).prop_map(|mut steps: Vec<AccountStep>| {
        let mut deletes = false;
        steps.retain(|step| step.action != AccountAction::Delete || !std::mem::replace(&mut deletes, true));
        steps
    });
    let name = prop::option::weighted(0.3, Just("A state".to_owned()));
    let hold = prop::option::weighted(0.2, condition());
    (condition(), 0_i32..2, 0_u8..4, things, hold, accounts, name).prop_map(
        |(when, priority, access, things, legal_hold, accounts, display_name)| LifecycleStateDefinition {
            display_name,
            absent: access == 3,
            description: None,
            when: Some(when),
            priority,
            access: if access == 1 { StateAccess::None } else { StateAccess::Keep },
            only: (access == 2).then(|| things.clone()),
            without: (access == 3).then_some(things),
            legal_hold,
            accounts,
        },
    )
}

fn role() -> impl Strategy<Value = (Vec<bool>, Vec<bool>, Terms)> {
    let often = || prop::bool::weighted(0.4);
    (prop::collection::vec(often(), PROFILES), prop::collection::vec(often(), ROLES), terms())
}

/// Mostly the usual ones.
fn terms() -> impl Strategy<Value = Terms> {
    let state = prop_oneof![
        6 => Just(RoleState::Active),
        1 => Just(RoleState::Draft),
        1 => Just(RoleState::Retired),
    ];
    let day = || prop::option::weighted(0.5, -25_i32..60);
    let terms = (state, day(), day()).prop_map(|(state, first, last)| {
        let date = |offset: i32| FIRST_DAY.checked_add(offset.days()).expect("a day near the first one");
        let (valid_from, valid_until) = (first.map(date), last.map(date));
        let is_backwards = valid_until.is_some_and(|last| valid_from.is_some_and(|first| last < first));
        let valid_until = valid_until.filter(|_| !is_backwards);
        Terms { state, valid_from, valid_until, ..Terms::default() }
    });
    prop_oneof![2 => Just(Terms::default()), 1 => terms]
}

fn names(kind: &str, chosen: &[bool]) -> Vec<String> {
    chosen.iter().enumerate().filter(|(_, chosen)| **chosen).map(|(index, _)| format!("{kind}-{index}")).collect()
}

fn application() -> Application {
    Application {
        display_name: String::new(),
        description: None,
        demo: false,
        owner: None,
        connection: Connection::Manual(ManualConnection::default()),
        read_by: None,
        writes: Default::default(),
        proxy: None,
        concurrency: None,
        thresholds: Thresholds::default(),
        retry: Default::default(),
        maintenance: Vec::new(),
        native_changes: None,
    }
}

fn account_type(index: usize, attributes: Vec<AttributeSpecification>) -> AccountType {
    let attributes: BTreeMap<String, AttributeSpecification> = attributes
        .into_iter()
        .enumerate()
        .map(|(index, attribute)| (format!("attribute-{index}"), attribute))
        .collect();
    AccountType {
        display_name: String::new(),
        application: format!("application-{}", index % APPLICATIONS),
        attributes,
        key: "attribute-0".into(),
        classification: Vec::new(),
        correlation: Vec::new(),
        on_removal: if index == 1 { OnRemoval::Keep } else { OnRemoval::Disable },
        depends_on: Vec::new(),
        review: false,
        fulfiller: None,
        select: None,
        several: Default::default(),
        ask: None,
        thresholds: Thresholds::default(),
        native_changes: None,
    }
}
