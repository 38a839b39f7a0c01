//! The same roles and rules as a configuration: what the program is told of such an organisation.

use std::collections::BTreeMap;

use model::configuration::{
    AccessProfile, AccountType, Application, AssignmentRule, AttributeSpecification, Column, ColumnType, Configuration,
    Connection, CorrelationRule, CsvConnection, CsvExtract, Entitlement, IdentitySource, Organisation, PermissionEntry,
    PermissionProfile, PositionFile, Role, RuleType, Thresholds, TypedColumn,
};

use crate::access::{self, Alternative, DAYS_BEFORE};
use crate::people::{self, ATTRIBUTES, NAMES, OWN, STATUS};
use crate::{SOURCE, World};

/// Columns of the list of people before those of the attributes.
pub const PEOPLE_COLUMNS: [&str; 6] = ["number", "given_name", "family_name", "manager", "first_day", "last_day"];
/// Columns of the list of positions before those of the attributes.
pub const POSITION_COLUMNS: [&str; 4] = ["number", "from", "until", "priority"];
/// Columns of an application's extract.
pub const EXTRACT_COLUMNS: [&str; 6] = ["login", "name", "mail", "department", "entitlements", "status"];

/// As [`World::extract_rows`] has it.
const MAIL: &str = r#"identity.key.lower() + "@example.org""#;

/// Name of an application.
pub fn application(number: u16) -> String {
    format!("application-{number:02}")
}

/// Name of an application's account type.
pub fn account_type(number: u16) -> String {
    format!("account-{number:02}")
}

/// Name of an entitlement, and its key in the application.
pub fn entitlement(number: u32) -> String {
    format!("entitlement-{number:05}")
}

/// Name of an access profile.
pub fn profile(number: u32) -> String {
    format!("profile-{number:04}")
}

/// Name of a role, and of the rule that gives it.
pub fn role(number: u32) -> String {
    format!("role-{number:04}")
}

impl World {
    /// Everything but people and accounts. Paths are relative to the configuration directory.
    pub fn configuration(&self) -> Configuration {
        let access = &self.access;
        let applications = 0..access.applications;
        let entitlements = (0_u32..).zip(&access.entitlements).map(|(number, application)| {
            let described = Entitlement {
                display_name: format!("Entitlement {number}"),
                description: None,
                account_type: account_type(*application),
                key: entitlement(number),
                privileged: number.is_multiple_of(100),
                approvals: None,
            };
            (entitlement(number), described)
        });
        let profiles = (0_u32..).zip(&access.profiles).map(|(number, of)| {
            let described = AccessProfile {
                entitlements: of.entitlements.iter().map(|number| entitlement(*number)).collect(),
                ..AccessProfile::new(format!("Profile {number}"), application(of.application))
            };
            (profile(number), described)
        });
        let roles = (0_u32..).zip(&access.roles).map(|(number, of)| {
            let described = Role {
                access_profiles: of.profiles.iter().map(|number| profile(*number)).collect(),
                roles: of.contains.iter().map(|number| role(*number)).collect(),
                ..Role::new(format!("Role {number}"))
            };
            (role(number), described)
        });
        let rules = (0_u32..).zip(&access.roles).map(|(number, of)| {
            let states = if of.early { access::LENIENT } else { access::STRICT };
            let rule = AssignmentRule {
                description: None,
                when: condition(&of.alternatives, states),
                kind: RuleType::Automatic,
                roles: vec![role(number)],
                access_profiles: Vec::new(),
                account_types: Vec::new(),
                entitlements: Vec::new(),
                deny: false,
                priority: 0,
                days_before: if of.early { DAYS_BEFORE } else { 0 },
                days_after: 0,
            };
            (role(number), rule)
        });
        Configuration {
            organisation: Organisation {
                name: "Generated".into(),
                environment: "Generated".into(),
                ..Organisation::default()
            },
            sources: [(SOURCE.to_owned(), source())].into(),
            applications: applications.clone().map(|number| (application(number), described(number))).collect(),
            account_types: applications.map(|number| (account_type(number), account(number))).collect(),
            entitlements: entitlements.collect(),
            access_profiles: profiles.collect(),
            roles: roles.collect(),
            rules: rules.collect(),
            permission_profiles: [(
                "administrator".to_owned(),
                PermissionProfile {
                    display_name: "Administrator".into(),
                    permissions: vec![PermissionEntry::Path("/*".into())],
                    people: None,
                },
            )]
            .into(),
            ..Configuration::default()
        }
    }
}

/// CEL; the status stands in every alternative, so that each is a list of plain comparisons.
fn condition(alternatives: &[Alternative], states: &[u16]) -> String {
    let comparison = |attribute: usize, codes: &[u16]| {
        let name = NAMES.get(attribute).copied().unwrap_or_default();
        let values: Vec<String> = codes.iter().map(|code| format!("\"{}\"", people::text(attribute, *code))).collect();
        match values.as_slice() {
            [value] => format!("identity.{name} == {value}"),
            values => format!("identity.{name} in [{}]", values.join(", ")),
        }
    };
    let alternatives: Vec<String> = alternatives
        .iter()
        .map(|alternative| {
            let parts = alternative.iter().map(|(attribute, codes)| comparison(*attribute, codes));
            parts.chain([comparison(STATUS, states)]).collect::<Vec<_>>().join(" && ")
        })
        .collect();
    alternatives.join(" || ")
}

fn source() -> IdentitySource {
    let column = |attribute: usize| {
        let name = NAMES.get(attribute).copied().unwrap_or_default().to_owned();
        let column = match people::value(attribute, 1) {
            Some(model::value::Value::Boolean(_)) => {
                Column::Typed(TypedColumn { column: name.clone(), kind: ColumnType::Boolean, required: false })
            }
            _ => Column::Header(name.clone()),
        };
        (name, column)
    };
    let names = ["given_name", "family_name"].map(|name| (name.to_owned(), Column::Header(name.to_owned())));
    IdentitySource {
        filled_by_sign_ins: false,
        description: Some("Out of a seed: nobody in it exists".into()),
        read_by: None,
        file: "feeds/people.csv".into(),
        delimiter: None,
        key: "number".into(),
        display_name: r#"identity.given_name + " " + identity.family_name"#.into(),
        manager: Some("manager".into()),
        attributes: (0..OWN).map(column).chain(names).collect(),
        starts: Some("first_day".into()),
        ends: Some("last_day".into()),
        positions: Some(PositionFile {
            file: "feeds/positions.csv".into(),
            key: "number".into(),
            starts: "from".into(),
            ends: "until".into(),
            attributes: (OWN..ATTRIBUTES).map(column).collect(),
            priority: Some("priority".into()),
        }),
        sections: BTreeMap::new(),
        thresholds: Thresholds::default(),
    }
}

fn described(number: u16) -> Application {
    let name = application(number);
    Application {
        display_name: format!("Application {number}"),
        description: None,
        demo: true,
        owner: None,
        connection: Connection::Csv(CsvConnection {
            outbox: format!("applications/{name}/outbox"),
            inbox: format!("applications/{name}/inbox"),
            extract: Some(CsvExtract {
                file: format!("extracts/{name}.csv"),
                key: "login".into(),
                entitlements: Some("entitlements".into()),
                status: Some("status".into()),
                attributes: BTreeMap::new(),
            }),
            expires_hours: Some(24),
        }),
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

fn account(number: u16) -> AccountType {
    let made = |expression: &str, create_only: bool| AttributeSpecification {
        expression: Some(expression.to_owned()),
        required: create_only,
        create_only,
        ..AttributeSpecification::default()
    };
    let attributes = [
        ("login", made("identity.key", true)),
        ("name", made("identity.display_name", false)),
        ("mail", made(MAIL, false)),
        ("department", made("identity.department", false)),
    ];
    AccountType {
        display_name: format!("Account in application {number}"),
        application: application(number),
        attributes: attributes.into_iter().map(|(name, specification)| (name.to_owned(), specification)).collect(),
        key: "login".into(),
        correlation: vec![CorrelationRule {
            identity: "identity.key".into(),
            account: "login".into(),
            confidence: 100,
        }],
        ..AccountType::default()
    }
}
