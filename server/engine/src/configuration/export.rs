//! Writes a configuration as files, in the layout the demo has: what belongs to one application stands in one file.
//! Defaults are left out. Reading the files again gives an equal configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::configuration::{Application, Configuration, Connection, Delivery};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::secrets::{REFERENCE, without_password};

/// Files and their contents, sorted by path; relative to the directory they are to be written to. Credentials in clear
/// text are replaced by the name under which they should be kept.
pub fn export(configuration: &Configuration) -> Vec<(PathBuf, String)> {
    let mut files: BTreeMap<String, Table> = BTreeMap::new();
    if let Some(organisation) = table(&configuration.organisation) {
        files.entry("organisation.toml".into()).or_default().insert("organisation".into(), Value::Table(organisation));
    }
    let mut put = |file: String, kind: &str, name: &str, object: Option<Table>| {
        let file = files.entry(file).or_default();
        let objects = file.entry(kind.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        if let (Value::Table(objects), Some(object)) = (objects, object) {
            objects.insert(name.to_owned(), Value::Table(object));
        }
    };
    let application_file = |application: &str| format!("applications/{}.toml", file_name(application));
    for (name, source) in &configuration.sources {
        put(format!("sources/{}.toml", file_name(name)), "sources", name, table(source));
    }
    for (name, dimension) in &configuration.dimensions {
        put("dimensions.toml".into(), "dimensions", name, table(dimension));
    }
    for (name, application) in &configuration.applications {
        put(application_file(name), "applications", name, table(&without_secrets(name, application)));
    }
    for (name, integration) in &configuration.integrations {
        let mut integration = integration.clone();
        hide_secrets(name, &mut integration.connection);
        put(format!("integrations/{}.toml", file_name(name)), "integrations", name, table(&integration));
    }
    for (name, agent) in &configuration.agents {
        put("agents.toml".into(), "agents", name, table(agent));
    }
    for (name, account_type) in &configuration.account_types {
        put(application_file(&account_type.application), "account_types", name, table(account_type));
    }
    for (name, entitlement) in &configuration.entitlements {
        let application = configuration.account_types.get(&entitlement.account_type).map(|found| &found.application);
        let application = application.unwrap_or(&entitlement.account_type);
        put(application_file(application), "entitlements", name, table(entitlement));
    }
    for (name, profile) in &configuration.access_profiles {
        put(application_file(&profile.application), "access_profiles", name, table(profile));
    }
    for (name, category) in &configuration.categories {
        put("roles.toml".into(), "categories", name, table(category));
    }
    for (name, role) in &configuration.roles {
        put("roles.toml".into(), "roles", name, table(role));
    }
    for (name, rule) in &configuration.rules {
        put("rules.toml".into(), "rules", name, table(rule));
    }
    for (name, state) in &configuration.lifecycle_states {
        put("lifecycle_states.toml".into(), "lifecycle_states", name, table(state));
    }
    for (name, risk) in &configuration.risks {
        put("risks.toml".into(), "risks", name, table(risk));
    }
    for (name, rule) in &configuration.naming_rules {
        put("naming_rules.toml".into(), "naming_rules", name, table(rule));
    }
    for (name, rule) in &configuration.indirect_rules {
        put("indirect_rules.toml".into(), "indirect_rules", name, table(rule));
    }
    for (name, rule) in &configuration.automation_rules {
        put("automation_rules.toml".into(), "automation_rules", name, table(rule));
    }
    for (name, provider) in &configuration.sign_ins {
        put("sign_ins.toml".into(), "sign_ins", name, table(provider));
    }
    for (name, subscription) in &configuration.subscriptions {
        let mut subscription = subscription.clone();
        if let Some(Delivery::Webhook(webhook)) = &mut subscription.deliver {
            hide(name, "secret", &mut webhook.secret);
        }
        put("subscriptions.toml".into(), "subscriptions", name, table(&subscription));
    }
    for (name, job) in &configuration.jobs {
        put("jobs.toml".into(), "jobs", name, table(job));
    }
    for (name, profile) in &configuration.permission_profiles {
        put("permissions.toml".into(), "permission_profiles", name, table(profile));
    }
    for (name, conflict) in &configuration.permission_conflicts {
        put("permissions.toml".into(), "permission_conflicts", name, table(conflict));
    }
    files
        .into_iter()
        .map(|(file, table)| (PathBuf::from(file), toml::to_string_pretty(&table).unwrap_or_default()))
        .collect()
}

/// The object as a table, without what is so by default.
fn table<T: Serialize + DeserializeOwned + PartialEq>(object: &T) -> Option<Table> {
    let mut table = Table::try_from(object).ok()?;
    let mut candidates = Vec::new();
    defaults(&table, &mut Vec::new(), &mut candidates);
    for path in candidates {
        let mut shorter = table.clone();
        remove(&mut shorter, &path);
        if shorter.clone().try_into::<T>().is_ok_and(|read| read == *object) {
            table = shorter;
        }
    }
    Some(table)
}

/// Paths of values that look like defaults, the innermost first.
fn defaults(table: &Table, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (key, value) in table {
        path.push(key.clone());
        let default = match value {
            Value::Table(inner) => {
                defaults(inner, path, found);
                true
            }
            Value::Array(members) => members.is_empty(),
            Value::Boolean(_) => true,
            Value::Integer(value) => *value == 0,
            Value::String(text) => text.is_empty() || matches!(text.as_str(), "automatic" | "disable" | "text"),
            _ => false,
        };
        if default {
            found.push(path.clone());
        }
        path.pop();
    }
}

fn remove(table: &mut Table, path: &[String]) {
    match path {
        [] => {}
        [key] => drop(table.remove(key)),
        [key, rest @ ..] => {
            if let Some(Value::Table(inner)) = table.get_mut(key) {
                remove(inner, rest);
            }
        }
    }
}

fn without_secrets(name: &str, application: &Application) -> Application {
    let mut application = application.clone();
    if !application.demo {
        hide_secrets(name, &mut application.connection);
    }
    application
}

/// A credential in clear text becomes the name under which it should be kept.
fn hide(name: &str, field: &str, value: &mut String) {
    if !value.starts_with(REFERENCE) {
        *value = format!("{REFERENCE}{name}-{field}");
    }
}

fn hide_secrets(name: &str, connection: &mut Connection) {
    let hide = |field: &str, value: &mut String| hide(name, field, value);
    match connection {
        Connection::Scim(scim) => scim.token.iter_mut().for_each(|token| hide("token", token)),
        Connection::Ldap(ldap) => hide("password", &mut ldap.password),
        Connection::Sql(sql) => {
            sql.password.iter_mut().for_each(|password| hide("password", password));
            if let Some(bare) = without_password(&sql.url) {
                sql.url = bare;
                sql.password.get_or_insert_with(|| format!("{REFERENCE}{name}-password"));
            }
        }
        Connection::RequestTracker(tickets) => {
            tickets.token.iter_mut().for_each(|token| hide("token", token));
            tickets.password.iter_mut().for_each(|password| hide("password", password));
        }
        Connection::Csv(_) | Connection::Manual(_) => {}
    }
}

/// A file name for an object's name; objects whose names fold to the same share the file.
fn file_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' }).collect();
    if plain.is_empty() { "unnamed".into() } else { plain.to_lowercase() }
}
