//! Who carries out what: integrations and proxies that could carry out nothing, or of which two could carry out the same.

use std::collections::BTreeMap;

use model::account::Mechanism;
use model::configuration::{Application, Configuration, Connection, Integration, Part, Parts};

use super::ConfigurationFinding;
use super::places::Index;

/// Tells of ways that lead nowhere, and of two where there is to be one.
pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for (name, application) in &configuration.applications {
        for (field, message) in of_application(configuration, name, application) {
            findings.push(index.finding(&["applications", name, field], message));
        }
    }
    let mut universal: Option<&str> = None;
    let mut taken: BTreeMap<(&str, Part), &str> = BTreeMap::new();
    for (name, integration) in &configuration.integrations {
        let mut tell = |path: &[&str], message: String| {
            let path: Vec<&str> = ["integrations", name].into_iter().chain(path.iter().copied()).collect();
            findings.push(index.finding(&path, message));
        };
        for (path, message) in of_integration(configuration, name, integration) {
            tell(&path, message);
        }
        if integration.universal {
            match universal {
                Some(first) => tell(
                    &["universal"],
                    format!(
                        "`{first}` is universal as well, and there can be one: what nobody else carries out goes to it. Keep one."
                    ),
                ),
                None => universal = Some(name),
            }
        }
        for (position, application) in integration.applications.iter().enumerate() {
            let parts = Part::ALL.into_iter().filter(|part| integration.takes.include(*part));
            let mut told = false;
            for part in parts {
                let first = *taken.entry((application, part)).or_insert(name);
                let is_twice = first == name && integration.applications[..position].contains(application);
                if told || (first == name && !is_twice) {
                    continue;
                }
                told = true;
                let message = match is_twice {
                    true => format!("`{application}` is here twice. Keep one of the two."),
                    false => format!(
                        "`{first}` carries out {} of `{application}` already. Take it out of one of the two, or say with `takes` who takes what.",
                        part.label()
                    ),
                };
                tell(&["applications", &position.to_string()], message);
            }
        }
    }
}

fn of_application(configuration: &Configuration, name: &str, application: &Application) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let is_manual = application.connection.mechanism() == Mechanism::Manual;
    if is_manual && application.writes != Parts::Everything {
        found.push((
            "writes",
            "A connection of the kind `manual` writes nothing itself: people do what nobody else carries out. Leave `writes` out.".to_owned(),
        ));
    }
    let Some(proxy) = &application.proxy else { return found };
    let Some(other) = configuration.applications.get(proxy) else { return found };
    let message = if proxy == name {
        "An application is not its own proxy. Name another application, or leave `proxy` out.".to_owned()
    } else if !is_manual && application.written() == Parts::Everything {
        format!(
            "The connection of `{name}` writes everything itself, so nothing is left for a proxy. Say with `writes` what it does not write, or leave `proxy` out."
        )
    } else if other.connection.mechanism() == Mechanism::Manual {
        format!("`{proxy}` is worked by hand, and has no connection that writes. Name an application that has one.")
    } else if other.read_by.is_some() {
        format!(
            "`{proxy}` is read by an agent, and nothing is written through its connection from here. Name another, or leave `proxy` out."
        )
    } else if !Part::ALL
        .iter()
        .any(|part| other.writes.include(*part) && (is_manual || !application.written().include(*part)))
    {
        format!(
            "The connection of `{proxy}` does not write what that of `{name}` leaves out. Name another, or leave `proxy` out."
        )
    } else {
        return found;
    };
    found.push(("proxy", message));
    found
}

fn of_integration<'a>(
    configuration: &Configuration,
    name: &str,
    integration: &'a Integration,
) -> Vec<(Vec<&'a str>, String)> {
    let mut found: Vec<(Vec<&str>, String)> = Vec::new();
    if configuration.applications.contains_key(name) {
        let message = format!(
            "There is an application `{name}`, and orders are sent to applications and integrations by name. Choose another."
        );
        found.push((vec![], message));
    }
    match &integration.connection {
        Connection::Csv(_) | Connection::RequestTracker(_) | Connection::Manual(_) => {}
        direct @ (Connection::Scim(_) | Connection::Ldap(_) | Connection::Sql(_)) => {
            let message = format!(
                "A connection of the kind `{}` reaches one application, and an integration carries out orders of others: \
                 expected csv, request_tracker or manual. To write through another application's connection, name that \
                 application as `proxy`.",
                direct.kind()
            );
            found.push((vec!["connection", "kind"], message));
        }
    }
    if integration.connection.extract().is_some() {
        let message = "What an application holds is read through its own connection. Give that the extract, and leave it out here.";
        found.push((vec!["connection", "extract"], message.to_owned()));
    }
    if integration.takes == Parts::Nothing {
        let message = "It would be sent nothing. Expected everything, accounts or entitlements.";
        found.push((vec!["takes"], message.to_owned()));
    }
    if integration.applications.is_empty() && !integration.universal {
        let message = "It would be sent nothing: name its `applications`, or write universal = true for what nobody else carries out.";
        found.push((vec![], message.to_owned()));
    }
    found
}
