//! What an agent may read, and where: a file beside it, which the server never sees.
//!
//! The server says how something is read, because the role model hangs on it: kind, classes, tables, columns. Where it
//! lies and with which credentials says this file alone. A server that somebody has taken over can therefore not send the
//! credentials elsewhere, nor make an agent ask another directory, database or file. What it can do is ask for all that
//! these credentials may read there, other tables, branches and columns included: how much that is, whoever gives the
//! credentials decides. Any key that this file says goes before what the server says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::agent::ExportTask;
use model::configuration::{Connection, IdentitySource};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::configuration::paths;

/// How a value begins that is taken from the agent's environment.
const ENVIRONMENT: &str = "environment:";

/// The file, read.
#[derive(Clone, Debug)]
pub struct Site {
    tables: Tables,
    /// Folder to which its paths refer.
    folder: PathBuf,
    name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tables {
    applications: BTreeMap<String, Map<String, Value>>,
    sources: BTreeMap<String, Map<String, Value>>,
}

impl Site {
    /// Reads the file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            format!("The file {name}, which says what this agent may read, cannot be read: {error}.")
        })?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        // What the parser quotes may be a password.
        let tables = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            format!(
                "The file {name} cannot be understood at line {line}. Expected tables such as [applications.directory] and \
                 [sources.staff], as docs/FORMATS.md has them."
            )
        })?;
        Ok(Self { tables, folder, name })
    }

    /// Names of what it allows to be read: applications and sources.
    pub fn subjects(&self) -> impl Iterator<Item = String> {
        let applications = self.tables.applications.keys().map(|name| format!("application {name}"));
        applications.chain(self.tables.sources.keys().map(|name| format!("source {name}")))
    }

    /// The task with the places and credentials of this site; `environment` knows the variables.
    ///
    /// # Errors
    /// A sentence for the server and whoever reads its pages: it names fields, and no values.
    pub fn place(&self, task: ExportTask, environment: &dyn Fn(&str) -> Option<String>) -> Result<ExportTask, String> {
        match task {
            ExportTask::Application { name, connection, account_types, attributes, concurrency } => {
                let own = self.own(&self.tables.applications, "applications", &name, environment)?;
                if let Connection::Csv(_) | Connection::RequestTracker(_) = connection {
                    let kind = connection.kind();
                    return Err(format!(
                        "Agents read no connections of the kind `{kind}`, and `{name}` is one. Leave `read_by` out of it."
                    ));
                }
                let mut connection: Connection = self.merged(&connection, own, places(&connection), &name)?;
                paths::resolve_connection(&mut connection, &self.folder);
                Ok(ExportTask::Application { name, connection, account_types, attributes, concurrency })
            }
            ExportTask::Source { name, source } => {
                let own = self.own(&self.tables.sources, "sources", &name, environment)?;
                let mut places = vec!["file".to_owned()];
                places.extend(source.positions.iter().map(|_| "positions.file".to_owned()));
                let with_file = source.sections.iter().filter(|(_, section)| section.file.is_some());
                places.extend(with_file.map(|(section, _)| format!("sections.{section}.file")));
                let places: Vec<&str> = places.iter().map(String::as_str).collect();
                let mut source: IdentitySource = self.merged(&source, own, &places, &name)?;
                paths::resolve_source(&mut source, &self.folder);
                Ok(ExportTask::Source { name, source })
            }
        }
    }

    fn own(
        &self,
        tables: &BTreeMap<String, Map<String, Value>>,
        kind: &str,
        name: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Value, String> {
        let Some(table) = tables.get(name) else {
            return Err(format!(
                "The agent is not allowed to read `{name}`: its file {} has no table [{kind}.{name}]. Add it there.",
                self.name
            ));
        };
        let mut own = Value::Object(table.clone());
        fill(&mut own, environment).map_err(|variable| {
            format!(
                "The agent's file {} takes a value of `{name}` from the environment variable {variable}, which is not set.",
                self.name
            )
        })?;
        Ok(own)
    }

    fn merged<T: serde::Serialize + serde::de::DeserializeOwned>(
        &self,
        described: &T,
        own: Value,
        places: &[&str],
        name: &str,
    ) -> Result<T, String> {
        let lacks = |field: &str| {
            format!(
                "The agent's file {} does not say the `{field}` of `{name}`. Where it lies and with which credentials it is \
                 read has to stand there.",
                self.name
            )
        };
        let says = |place: &&&str| place.split('.').try_fold(&own, |value, key| value.get(key)).is_none();
        if let Some(place) = places.iter().find(says) {
            return Err(lacks(place));
        }
        let does_not_fit = || {
            format!(
                "What the agent's file {} says of `{name}` does not fit its configuration here. See the names of fields in \
                 docs/FORMATS.md, and which kind of connection it is.",
                self.name
            )
        };
        let mut merged = serde_json::to_value(described).map_err(|_| does_not_fit())?;
        let kind = merged.get("kind").cloned();
        overlay(&mut merged, own);
        if merged.get("kind").cloned() != kind {
            return Err(does_not_fit());
        }
        if let Some(field) = secret_field(&merged) {
            return Err(lacks(&field));
        }
        serde_json::from_value(merged).map_err(|_| does_not_fit())
    }
}

/// Fields that say where something lies.
fn places(connection: &Connection) -> &'static [&'static str] {
    match connection {
        Connection::Scim(_) | Connection::Ldap(_) | Connection::Sql(_) => &["url"],
        Connection::RequestTracker(_) | Connection::Csv(_) | Connection::Manual(_) => &["extract.file"],
    }
}

/// Puts variables in; the error is the first that is not set.
fn fill(value: &mut Value, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(ENVIRONMENT) {
                *text = environment(name).ok_or_else(|| name.to_owned())?;
            }
            Ok(())
        }
        Value::Object(fields) => fields.values_mut().try_for_each(|value| fill(value, environment)),
        Value::Array(members) => members.iter_mut().try_for_each(|value| fill(value, environment)),
        _ => Ok(()),
    }
}

fn overlay(value: &mut Value, own: Value) {
    match (value, own) {
        (Value::Object(fields), Value::Object(own)) => {
            for (key, own) in own {
                overlay(fields.entry(key).or_insert(Value::Null), own);
            }
        }
        (value, own) => *value = own,
    }
}

/// A field that still names a secret of the server, which keeps none for an agent.
fn secret_field(value: &Value) -> Option<String> {
    let fields = value.as_object()?;
    fields.iter().find_map(|(key, value)| match value {
        Value::String(text) if text.starts_with("secret:") => Some(key.clone()),
        _ => secret_field(value).map(|inner| format!("{key}.{inner}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, text).unwrap();
        Site { folder: "/srv".into(), name: "agent.toml".into(), ..Site::read(&path).unwrap() }
    }

    fn task(connection: serde_json::Value) -> ExportTask {
        ExportTask::Application {
            name: "directory".into(),
            connection: serde_json::from_value(connection).unwrap(),
            account_types: BTreeMap::new(),
            attributes: Vec::new(),
            concurrency: 8,
        }
    }

    fn ldap() -> ExportTask {
        task(serde_json::json!({
            "kind": "ldap", "url": "ldap://elsewhere", "bind_dn": "cn=reader", "password": "secret:directory",
            "account_base": "ou=people", "account_classes": ["inetOrgPerson"], "account_rdn": "uid",
        }))
    }

    fn placed(site: &Site, task: ExportTask) -> Result<serde_json::Value, String> {
        let environment = |name: &str| (name == "SECRET").then(|| "from the environment".to_owned());
        site.place(task, &environment).map(|task| serde_json::to_value(task).unwrap())
    }

    #[test]
    fn place_and_credentials_are_the_sites_own_and_the_rest_is_the_servers() {
        let site = site("[applications.directory]\nurl = \"ldap://here\"\npassword = \"environment:SECRET\"\n");
        let placed = placed(&site, ldap()).unwrap();
        let connection = &placed["connection"];
        assert_eq!(connection["url"], "ldap://here");
        assert_eq!(connection["password"], "from the environment");
        assert_eq!(connection["account_base"], "ou=people");
    }

    #[test]
    fn paths_lie_beside_the_file() {
        let site = site(
            "[applications.directory.extract]\nfile = \"extract.csv\"\n[sources.staff]\nfile = \"staff.csv\"\n\
             positions = { file = \"/data/positions.csv\" }\n",
        );
        let manual = task(serde_json::json!({ "kind": "manual", "extract": { "file": "x", "key": "id" } }));
        assert_eq!(placed(&site, manual).unwrap()["connection"]["extract"]["file"], "/srv/extract.csv");
        let source = serde_json::json!({
            "file": "x", "key": "id", "display_name": "identity.name", "attributes": {},
            "positions": { "file": "y", "key": "id", "starts": "from", "ends": "until", "attributes": {} },
        });
        let source = serde_json::from_value(source).unwrap();
        let placed = placed(&site, ExportTask::Source { name: "staff".into(), source }).unwrap();
        assert_eq!(placed["source"]["file"], "/srv/staff.csv");
        assert_eq!(placed["source"]["positions"]["file"], "/data/positions.csv");
        assert_eq!(site.subjects().collect::<Vec<_>>(), ["application directory", "source staff"]);
    }

    #[test]
    fn what_the_site_does_not_say_is_not_read() {
        let cases = [
            ("", "not allowed to read `directory`"),
            ("[applications.directory]\npassword = \"x\"\n", "does not say the `url` of `directory`"),
            ("[applications.directory]\nurl = \"ldap://here\"\n", "does not say the `password` of `directory`"),
            ("[applications.directory]\nurl = \"ldap://here\"\npassword = 5\n", "does not fit"),
            ("[applications.directory]\nurl = \"ldap://here\"\npassword = \"x\"\nkind = \"scim\"\n", "does not fit"),
            ("[applications.directory]\nurl = \"ldap://here\"\npassword = \"x\"\nnonsense = 1\n", "does not fit"),
            (
                "[applications.directory]\nurl = \"ldap://here\"\npassword = \"environment:MISSING\"\n",
                "environment variable MISSING",
            ),
        ];
        for (text, expected) in cases {
            let refused = placed(&site(text), ldap()).unwrap_err();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn what_agents_do_not_read_is_refused_whatever_the_file_says() {
        let site =
            site("[applications.directory]\nurl = \"https://here\"\n[applications.directory.extract]\nfile = \"x\"\n");
        let csv = serde_json::json!({ "kind": "csv", "outbox": "/tmp/out", "inbox": "/tmp/in" });
        let tickets = serde_json::json!({ "kind": "request_tracker", "url": "https://elsewhere", "queue": "Access" });
        for connection in [csv, tickets] {
            let kind = connection["kind"].as_str().unwrap().to_owned();
            let refused = placed(&site, task(connection)).unwrap_err();
            assert!(refused.contains(&format!("no connections of the kind `{kind}`")), "{refused}");
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_without_quoting_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, "[applications.directory]\nurl = \"x\"\npassword = s3cret\n").unwrap();
        let refused = Site::read(&path).unwrap_err();
        assert!(refused.contains("line 3") && !refused.contains("s3cret"), "{refused}");
        assert!(Site::read(&folder.path().join("none")).is_err());
    }
}
