//! A small company for tests, and short ways to write rules and people.

#![allow(dead_code, reason = "each test file uses its part")]

use jiff::civil::Date;
use model::configuration::{
    AccessProfile, AccountType, Application, AssignmentRule, AttributeSpecification, Category, Configuration,
    Connection, Entitlement, ManualConnection, OnRemoval, Role, Thresholds,
};
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::value::Value;

/// A small company: `mail` with groups and `door` with badges; roles staff ⊂ clerk ⊂ boss.
pub(crate) fn company() -> Configuration {
    let mut configuration = Configuration::default();
    for name in ["mail", "door"] {
        configuration.applications.insert(name.into(), application());
        configuration.account_types.insert(name.into(), account_type(name));
    }
    for (name, kind) in [("all", "mail"), ("clerks", "mail"), ("front", "door")] {
        configuration.entitlements.insert(name.into(), entitlement(kind));
    }
    for (name, application, entitlements) in
        [("basics", "mail", &["all"][..]), ("desk", "mail", &["clerks"]), ("badge", "door", &["front"])]
    {
        configuration.access_profiles.insert(name.into(), profile(application, entitlements));
    }
    for (name, profiles, roles) in
        [("staff", &["basics", "badge"][..], &[][..]), ("clerk", &["desk"], &["staff"]), ("boss", &[], &["clerk"])]
    {
        configuration.roles.insert(name.into(), role(profiles, roles));
    }
    for (name, parent) in [("office", None), ("desk", Some("office".to_owned()))] {
        let category = Category { display_name: name.into(), parent, ..Category::default() };
        configuration.categories.insert(name.into(), category);
    }
    configuration
}

pub(crate) fn with(rules: &[(&str, AssignmentRule)]) -> Configuration {
    let mut configuration = company();
    configuration.rules.extend(rules.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone())));
    configuration
}

pub(crate) fn rule(when: &str) -> AssignmentRule {
    AssignmentRule { when: when.into(), ..AssignmentRule::default() }
}

pub(crate) fn roles(when: &str, roles: &[&str]) -> AssignmentRule {
    AssignmentRule { roles: owned(roles), ..rule(when) }
}

pub(crate) fn person(contexts: Vec<Context>) -> Identity {
    let own = [("name", Value::from("Ada")), ("department", Value::from("Sales"))];
    Identity {
        id: IdentityId(7),
        source: "staff".into(),
        key: "E7".into(),
        display_name: "Ada".into(),
        attributes: own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        contexts,
        manager_key: None,
        present: true,
    }
}

pub(crate) fn context(key: &str, priority: i32, starts: Option<Date>, ends: Option<Date>, department: &str) -> Context {
    Context {
        key: key.into(),
        priority,
        period: Period { starts, ends },
        attributes: [("department".to_owned(), Value::from(department))].into(),
        filled: Vec::new(),
    }
}

pub(crate) const fn march(day: i8) -> Date {
    Date::constant(2026, 3, day)
}

pub(crate) fn account_type(application: &str) -> AccountType {
    let specification = |expression: Option<&str>, unique: Option<&str>| AttributeSpecification {
        value: None,
        expression: expression.map(str::to_owned),
        unique: unique.map(str::to_owned),
        required: false,
        create_only: false,
        secret: false,
        ..AttributeSpecification::default()
    };
    AccountType {
        display_name: String::new(),
        application: application.into(),
        attributes: [
            ("login".to_owned(), specification(None, Some("lower(identity.name)"))),
            ("department".to_owned(), specification(Some("identity.department"), None)),
        ]
        .into(),
        key: "login".into(),
        classification: Vec::new(),
        correlation: Vec::new(),
        on_removal: OnRemoval::Disable,
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

pub(crate) fn application() -> Application {
    Application {
        display_name: String::new(),
        description: None,
        demo: false,
        owner: None,
        connection: Connection::Manual(manual()),
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

pub(crate) fn manual() -> ManualConnection {
    ManualConnection::default()
}

pub(crate) fn entitlement(account_type: &str) -> Entitlement {
    Entitlement {
        display_name: String::new(),
        description: None,
        account_type: account_type.into(),
        key: String::new(),
        privileged: false,
        approvals: None,
    }
}

pub(crate) fn profile(application: &str, entitlements: &[&str]) -> AccessProfile {
    AccessProfile { entitlements: owned(entitlements), ..AccessProfile::new("", application) }
}

pub(crate) fn role(access_profiles: &[&str], roles: &[&str]) -> Role {
    Role { access_profiles: owned(access_profiles), roles: owned(roles), ..Role::new("") }
}

pub(crate) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
