//! What a connection to a ticket system and a mail server have to say beyond the types of their fields: credentials that
//! fit together, addresses that are some, and texts whose placeholders exist.

use model::configuration::{Configuration, Connection};

use super::ConfigurationFinding;
use super::places::Index;
use super::references;

pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for (kind, name, carrier) in references::carriers(configuration) {
        let Connection::RequestTracker(connection) = carrier.connection else { continue };
        for (field, message) in connectors::complaints_of_request_tracker(connection) {
            let mut path = vec![kind, name, "connection"];
            // A custom field's name may have dots in it.
            path.extend(field.splitn(2, '.'));
            findings.push(index.finding(&path, message));
        }
    }
    if let Some(server) = &configuration.organisation.mail {
        for (field, message) in connectors::mail::complaints(server) {
            findings.push(index.finding(&["organisation", "mail", field], message));
        }
    }
}
