//! Credentials do not belong into files: a connection names a secret, the store keeps it encrypted. Applications of the
//! demo may hold clear text, because everybody can read the demo anyway.

use model::configuration::{Configuration, Connection, Delivery};

use super::ConfigurationFinding;
use super::places::Index;
use super::references;

/// How a reference to a kept secret begins.
pub(crate) const REFERENCE: &str = "secret:";

/// Tells of every credential in clear text.
pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    check_mail(configuration, index, findings);
    check_subscriptions(configuration, index, findings);
    let is_demo = |name: &str| configuration.applications.get(name).is_some_and(|application| application.demo);
    let is_read_elsewhere =
        |name: &str| configuration.applications.get(name).is_some_and(|application| application.read_by.is_some());
    for (kind, name, carrier) in references::carriers(configuration).filter(|(_, name, _)| !is_demo(name)) {
        for (field, value) in credentials(carrier.connection) {
            if value.starts_with(REFERENCE) {
                continue;
            }
            if is_read_elsewhere(name) {
                let message = format!(
                    "A {field} does not belong into a file here. The agent that reads `{name}` has it in its own file; \
                     write {field} = \"secret:{name}-{field}\", which is kept nowhere."
                );
                findings.push(index.finding(&[kind, name, "connection", field], message));
                continue;
            }
            let message = format!(
                "A {field} in clear text does not belong into a file. Keep it with `quartermaster config secret {name}-{field}` \
                 and write {field} = \"secret:{name}-{field}\"."
            );
            findings.push(index.finding(&[kind, name, "connection", field], message));
        }
        if let Connection::Sql(sql) = carrier.connection
            && has_password(&sql.url)
        {
            let message = format!(
                "This address contains a password. Take it out, keep it with `quartermaster config secret {name}-password` \
                 and write password = \"secret:{name}-password\"."
            );
            findings.push(index.finding(&[kind, name, "connection", "url"], message));
        }
    }
}

/// Tells of the mail server's password in clear text.
fn check_mail(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    let Some(password) = configuration.organisation.mail.as_ref().and_then(|mail| mail.password.as_ref()) else {
        return;
    };
    if !password.starts_with(REFERENCE) {
        let message = "A password in clear text does not belong into a file. Keep it with \
                       `quartermaster config secret mail-password` and write password = \"secret:mail-password\".";
        findings.push(index.finding(&["organisation", "mail", "password"], message));
    }
}

/// Tells of what messages are signed with in clear text.
fn check_subscriptions(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for (name, subscription) in &configuration.subscriptions {
        let Some(Delivery::Webhook(webhook)) = &subscription.deliver else { continue };
        let path = |field| ["subscriptions", name, "deliver", "webhook", field];
        if !webhook.secret.starts_with(REFERENCE) {
            let message = format!(
                "A secret in clear text does not belong into a file. Keep it with `quartermaster config secret {name}-secret` \
                 and write secret = \"secret:{name}-secret\"."
            );
            findings.push(index.finding(&path("secret"), message));
        }
        if has_password(&webhook.url) {
            let message = "This address contains a password, which would be shown to everybody who may see subscriptions. \
                           Take it out: the receiver knows us by the signature.";
            findings.push(index.finding(&path("url"), message));
        }
    }
}

/// Fields of a connection that hold credentials, with their values.
fn credentials(connection: &Connection) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    match connection {
        Connection::Scim(scim) => found.extend(scim.token.as_deref().map(|token| ("token", token))),
        Connection::Ldap(ldap) => found.push(("password", ldap.password.as_str())),
        Connection::Sql(sql) => found.extend(sql.password.as_deref().map(|password| ("password", password))),
        Connection::RequestTracker(tickets) => {
            found.extend(tickets.token.as_deref().map(|token| ("token", token)));
            found.extend(tickets.password.as_deref().map(|password| ("password", password)));
        }
        Connection::Csv(_) | Connection::Manual(_) => {}
    }
    found
}

/// Whether an address carries a password.
pub(super) fn has_password(url: &str) -> bool {
    without_password(url).is_some()
}

/// An address of the form `scheme://user:password@host`, without the password; nothing where it carries none.
pub(super) fn without_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (user, host) = rest[..end].rsplit_once('@')?;
    let (user, _) = user.split_once(':')?;
    Some(format!("{scheme}://{user}@{host}{}", &rest[end..]))
}
