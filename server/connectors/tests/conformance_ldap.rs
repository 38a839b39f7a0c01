//! The LDAP connector against a real slapd, and against a network that fails.

mod support {
    pub mod child;
    pub mod fault_proxy;
    pub mod free_port;
    pub mod slapd;
}

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::conformance::{Step, Subject, exercise, fails_with};
use connectors::{AccountTypeKey, Connector, Secrets, Settings, connect};
use ldap3::{LdapConnAsync, Scope, SearchEntry};
use model::command::{Command, CommandError, CommandItem, Outcome};
use model::configuration::{Connection, DisabledMark, LdapConnection};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};
use support::fault_proxy::{Fault, FaultProxy};
use support::free_port::free_port;
use support::slapd::{ADMIN, PASSWORD, Slapd, start_slapd};

const PEOPLE: &str = "ou=people,dc=example,dc=org";
const GROUPS: [&str; 2] = ["Readers", "Writers (all)"];

struct OneSecret;

impl Secrets for OneSecret {
    fn reveal(&self, name: &str) -> Option<String> {
        (name == "admin").then(|| PASSWORD.to_owned())
    }
}

struct Directory {
    port: u16,
}

impl Directory {
    async fn admin(&self) -> ldap3::Ldap {
        let (connection, mut ldap) = LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", self.port)).await.unwrap();
        ldap3::drive!(connection);
        ldap.simple_bind(ADMIN, PASSWORD).await.unwrap().success().unwrap();
        ldap
    }

    /// Members of a group, by the server's own account.
    async fn members(&self, group: &str) -> BTreeSet<String> {
        let mut ldap = self.admin().await;
        let base = format!("cn={group},ou=groups,dc=example,dc=org");
        let (found, _) =
            ldap.search(&base, Scope::Base, "(objectClass=*)", vec!["member"]).await.unwrap().success().unwrap();
        let entry = SearchEntry::construct(found.into_iter().next().unwrap());
        entry.attrs["member"].iter().cloned().collect()
    }

    async fn count(&self, filter: &str) -> usize {
        let mut ldap = self.admin().await;
        ldap.search(PEOPLE, Scope::Subtree, filter, vec!["uid"]).await.unwrap().success().unwrap().0.len()
    }
}

#[async_trait]
impl Subject for Directory {
    fn application(&self) -> &str {
        "directory"
    }
    fn account_type(&self) -> &str {
        "directory account"
    }
    fn attributes(&self, number: usize) -> Attributes {
        BTreeMap::from([
            ("uid".to_owned(), Value::from(format!("user{number}"))),
            ("cn".to_owned(), Value::from(format!("Žofie Number {number}"))),
            ("sn".to_owned(), Value::from(format!("Number {number}"))),
            ("title".to_owned(), Value::from("Engineer")),
            ("mail".to_owned(), Value::from(format!("user{number}@example.org"))),
            ("userPassword".to_owned(), Value::from("s3cret")),
        ])
    }
    fn natural_key(&self) -> &str {
        "uid"
    }
    fn text_attribute(&self) -> &str {
        "title"
    }
    fn secret_attributes(&self) -> &[&str] {
        &["userPassword"]
    }
    fn entitlements(&self) -> [&str; 2] {
        GROUPS
    }
    async fn make_foreign(&mut self, number: usize) -> String {
        let dn = format!("uid=user{number},{PEOPLE}");
        let uid = format!("user{number}");
        let values =
            [("objectClass", "inetOrgPerson"), ("uid", &uid), ("cn", "Somebody"), ("sn", "Else"), ("title", "x")];
        let values = values.into_iter().map(|(name, value)| (name, [value].into())).collect();
        self.admin().await.add(&dn, values).await.unwrap().success().unwrap();
        dn
    }
}

fn connection(port: u16) -> LdapConnection {
    LdapConnection {
        url: format!("ldap://127.0.0.1:{port}"),
        bind_dn: ADMIN.to_owned(),
        password: "secret:admin".to_owned(),
        account_base: PEOPLE.to_owned(),
        account_classes: vec!["inetOrgPerson".to_owned()],
        account_rdn: "uid".to_owned(),
        group_base: Some("ou=groups,dc=example,dc=org".to_owned()),
        group_class: None,
        member_attribute: None,
        disabled: Some(DisabledMark { attribute: "employeeType".into(), value: "disabled".into(), enabled: None }),
        start_tls: false,
        page_size: Some(100),
    }
}

fn made(connection: LdapConnection, settings: Settings) -> Result<Arc<dyn Connector>, CommandError> {
    let types = [AccountTypeKey { name: "directory account".to_owned(), key: "uid".to_owned() }];
    connect("directory", &Connection::Ldap(connection), &types, settings, &OneSecret)
}

fn connector(port: u16, settings: Settings) -> Arc<dyn Connector> {
    made(connection(port), settings).unwrap()
}

fn settings() -> Settings {
    let attributes = ["uid", "cn", "sn", "title", "mail", "userPassword"];
    Settings { attributes: attributes.map(str::to_owned).to_vec(), ..Settings::default() }
}

fn impatient() -> Settings {
    let total_timeout = Duration::from_millis(700);
    Settings { connect_timeout: Duration::from_millis(500), total_timeout, ..settings() }
}

fn started(overlays: bool) -> (Slapd, Directory) {
    let slapd = start_slapd(&GROUPS, overlays);
    let port = slapd.server.port;
    (slapd, Directory { port })
}

#[tokio::test]
async fn conforms_on_slapd() {
    for overlays in [false, true] {
        let (_slapd, mut subject) = started(overlays);
        let run = exercise(&*connector(subject.port, settings()), &mut subject).await;
        assert_eq!(run, Step::ALL);
    }
}
