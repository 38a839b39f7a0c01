use std::collections::BTreeMap;

use model::configuration::{
    AccessProfile, AccountType, Configuration, Entitlement, NamedBundle, NamedEntitlement, NamingRule,
};
use model::draft::{Object, ObjectKind};

use super::{FoundEntitlement, name, objects, pattern, unknown};

fn found(keys: &[&str]) -> Vec<FoundEntitlement> {
    let one = |key: &&str| FoundEntitlement {
        application: "directory".into(),
        key: (*key).into(),
        display_name: format!("Group {key}"),
    };
    keys.iter().map(one).collect()
}

fn bundle(name: &str, display_name: &str) -> Option<NamedBundle> {
    Some(NamedBundle { name: name.into(), display_name: display_name.into(), description: None })
}

fn rule(pattern: &str, priority: i32) -> NamingRule {
    NamingRule {
        description: None,
        account_type: "user".into(),
        pattern: pattern.into(),
        priority,
        entitlement: NamedEntitlement {
            name: "group-{system}-{right}".into(),
            display_name: Some("{system}: {right}".into()),
            description: None,
            privileged: false,
        },
        access_profile: bundle("directory-{system}", "Everything of {system}"),
        role: None,
    }
}

fn company(rules: &[(&str, NamingRule)]) -> Configuration {
    let account_type = AccountType { application: "directory".into(), ..AccountType::default() };
    Configuration {
        account_types: BTreeMap::from([("user".into(), account_type)]),
        entitlements: BTreeMap::from([("everyone".into(), entitlement("Everyone"))]),
        naming_rules: rules.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone())).collect(),
        ..Configuration::default()
    }
}

fn entitlement(key: &str) -> Entitlement {
    Entitlement {
        display_name: key.into(),
        description: None,
        account_type: "user".into(),
        key: key.into(),
        privileged: false,
        approvals: None,
    }
}

const PATTERN: &str = "APP-(?<system>[A-Z]+)-(?<right>.+)";

#[test]
fn what_fits_a_pattern_gets_its_name_and_goes_into_its_bundle() {
    let company = company(&[("applications", rule(PATTERN, 0))]);
    let all = unknown(&company, found(&["Everyone", "APP-CRM-Read Only", "APP-CRM-Write", "xAPP-CRM-Write", "Other"]));
    let named: Vec<Option<String>> =
        name(&company, &all).into_iter().map(|named| named.map(|named| named.entitlement)).collect();
    let expected = [Some("group-crm-read-only"), Some("group-crm-write"), None, None];
    assert_eq!(named, expected.map(|name| name.map(str::to_owned)));

    let made = objects(&company, &all);
    let names: Vec<(ObjectKind, &str)> = made.iter().map(|(kind, name, _)| (*kind, name.as_str())).collect();
    let expected = [
        (ObjectKind::AccessProfile, "directory-crm"),
        (ObjectKind::Entitlement, "group-crm-read-only"),
        (ObjectKind::Entitlement, "group-crm-write"),
    ];
    assert_eq!(names, expected);
    let Object::AccessProfile(profile) = &made[0].2 else { panic!("no access profile") };
    assert_eq!(profile.entitlements, ["group-crm-read-only", "group-crm-write"]);
    assert_eq!((profile.display_name.as_str(), profile.application.as_str()), ("Everything of CRM", "directory"));
    let Object::Entitlement(made) = &made[1].2 else { panic!("no entitlement") };
    assert_eq!((made.display_name.as_str(), made.key.as_str()), ("CRM: Read Only", "APP-CRM-Read Only"));
}

#[test]
fn what_a_bundle_says_already_stays() {
    let mut company = company(&[("applications", rule(PATTERN, 0))]);
    let profile = AccessProfile {
        description: Some("By hand".into()),
        entitlements: vec!["everyone".into()],
        account_types: vec!["user".into()],
        ..AccessProfile::new("Customers", "directory")
    };
    company.access_profiles.insert("directory-crm".into(), profile.clone());
    let made = objects(&company, &found(&["APP-CRM-Write"]));
    let entitlements = vec!["everyone".to_owned(), "group-crm-write".to_owned()];
    assert_eq!(made[0].2, Object::AccessProfile(AccessProfile { entitlements, ..profile }));
}

#[test]
fn a_role_holds_the_access_profiles_of_its_rule() {
    let with_role = NamingRule { role: bundle("{right}-everywhere", "{right}"), ..rule(PATTERN, 0) };
    let company = company(&[("applications", with_role)]);
    let made = objects(&company, &found(&["APP-CRM-Write", "APP-ERP-Write"]));
    let Some((_, name, Object::Role(role))) = made.first() else { panic!("no role") };
    assert_eq!(name, "write-everywhere");
    assert_eq!(role.access_profiles, ["directory-crm", "directory-erp"]);
}

#[test]
fn the_smaller_priority_says_what_a_key_is() {
    let mut general = rule("APP-(?<system>.+)(?<right>)", 5);
    general.entitlement.name = "general-{key}".into();
    let company = company(&[("a-general", general), ("special", rule(PATTERN, 1))]);
    let named = name(&company, &found(&["APP-CRM-Write", "APP-other"]));
    let rules: Vec<String> = named.into_iter().flatten().map(|named| named.rule).collect();
    assert_eq!(rules, ["special", "a-general"]);
}

#[test]
fn names_that_are_taken_or_empty_clash_and_are_left_out() {
    let mut company = company(&[("applications", rule(PATTERN, 0))]);
    let elsewhere = AccountType { application: "payroll".into(), ..AccountType::default() };
    company.account_types.insert("payroll".into(), elsewhere);
    let profile = AccessProfile::new("ERP", "payroll");
    company.access_profiles.insert("directory-erp".into(), profile);
    company.naming_rules.insert(
        "z-signs".into(),
        NamingRule {
            entitlement: NamedEntitlement { name: "{key}".into(), ..rule("", 0).entitlement },
            ..rule("[^a-zA-Z0-9]+", 9)
        },
    );
    let all = found(&["APP-CRM-Write", "APP-CRM-write!", "APP-ERP-Read", "+++"]);
    let clashes: Vec<Option<String>> = name(&company, &all).into_iter().flatten().map(|named| named.clash).collect();
    let has = |position: usize, part: &str| clashes[position].as_ref().is_some_and(|text| text.contains(part));
    assert_eq!(clashes.len(), 4);
    assert_eq!(clashes[0], None);
    assert!(has(1, "another entitlement has the name `group-crm-write`"), "{clashes:?}");
    assert!(has(2, "belongs to the application `payroll`"), "{clashes:?}");
    assert!(has(3, "nothing of its key is left"), "{clashes:?}");
    let made = objects(&company, &all);
    let names: Vec<&str> = made.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["directory-crm", "group-crm-write"]);
}

#[test]
fn patterns_that_are_wrong_or_too_large_say_so() {
    assert!(pattern("a(b").is_err_and(|message| message.contains("unclosed group")));
    assert!(pattern("(a{1000}){1000}").is_err_and(|message| message.contains("too large")));
}

#[test]
fn rules_of_two_applications_do_not_share_an_access_profile() {
    let of_payroll = NamingRule { account_type: "payroll".into(), ..rule(PATTERN, 0) };
    let mut company = company(&[("directory", rule(PATTERN, 0)), ("payroll", of_payroll)]);
    let elsewhere = AccountType { application: "payroll".into(), ..AccountType::default() };
    company.account_types.insert("payroll".into(), elsewhere);
    let mut all = found(&["APP-CRM-Read", "APP-CRM-Write"]);
    all[1].application = "payroll".into();
    let clashes: Vec<Option<String>> = name(&company, &all).into_iter().flatten().map(|named| named.clash).collect();
    assert_eq!(clashes[0], None);
    assert!(clashes[1].as_ref().is_some_and(|text| text.contains("belongs to the application `directory`")));
}
