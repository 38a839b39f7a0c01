//! What agents read: only connections that tell all they hold in answer to a question, and nothing that is written
//! through them.

use model::configuration::{Configuration, Connection, Parts};

use super::ConfigurationFinding;
use super::places::Index;

/// Tells of what an agent cannot read, and of times that leave it none.
pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for (name, agent) in &configuration.agents {
        for (field, minutes) in [("silence_minutes", agent.silence_minutes), ("export_minutes", agent.export_minutes)] {
            if minutes == Some(0) {
                let message = "A run would wait for nothing. Expected a number of minutes from 1 on.";
                findings.push(index.finding(&["agents", name, field], message));
            }
        }
        if agent.export_minutes() < agent.silence_minutes() {
            let message = format!(
                "A run would give an export up after {} minutes, before it had waited {} minutes for a sign of it. Make \
                 `export_minutes` the larger of the two.",
                agent.export_minutes(),
                agent.silence_minutes()
            );
            findings.push(index.finding(&["agents", name, "export_minutes"], message));
        }
    }
    for (name, application) in configuration.applications.iter().filter(|(_, one)| one.read_by.is_some()) {
        let mut tell = |field: &str, message: &str| {
            findings.push(index.finding(&["applications", name, field], message));
        };
        match &application.connection {
            Connection::Scim(_) | Connection::Ldap(_) | Connection::Sql(_) => {}
            Connection::Manual(manual) if manual.extract.is_some() => {}
            Connection::Manual(_) => tell(
                "read_by",
                "There is nothing to read: the connection is worked by hand and has no `extract`. Give it one, or leave \
                 `read_by` out.",
            ),
            Connection::Csv(_) | Connection::RequestTracker(_) => tell(
                "read_by",
                "An agent only reads, and a connection of this kind is there to carry orders out. Let the agent read a \
                 connection of the kind scim, ldap, sql or manual (with an `extract`), and carry orders out by an \
                 integration that names this application.",
            ),
        }
        if application.writes != Parts::Everything {
            tell(
                "writes",
                "An agent reads this application, and nothing is written through a connection that an agent reads. Leave \
                 `writes` out; an integration, a proxy or people carry its orders out.",
            );
        }
    }
}
