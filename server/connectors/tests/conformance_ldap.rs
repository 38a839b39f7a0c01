//! The LDAP connector against a real slapd, and against a network that fails.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends there")]

mod support {
    #[allow(dead_code, reason = "each test starts its own servers")]
    pub(crate) mod child;
    pub(crate) mod fault_proxy;
    pub(crate) mod free_port;
    pub(crate) mod slapd;
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
    fn missing_key(&self) -> String {
        format!("uid=nobody,{PEOPLE}")
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

#[tokio::test]
async fn the_last_account_leaves_a_group_that_must_have_a_member() {
    let (_slapd, subject) = started(false);
    let connector = connector(subject.port, settings());
    let mut ldap = subject.admin().await;
    let joined = created(&*connector, &subject, 1, &["Readers"]).await;
    let group = "cn=Readers,ou=groups,dc=example,dc=org";
    let without = vec![ldap3::Mod::Delete("member", [ADMIN].into())];
    ldap.modify(group, without).await.unwrap().success().unwrap();
    assert_eq!(subject.members("Readers").await, BTreeSet::from([joined.clone()]));

    let mut command = command(2, Operation::Update, Some(&joined));
    command.items.push(entitlement("Readers", ItemOperation::Remove));
    only(connector.apply(vec![command]).await).unwrap();
    assert_eq!(subject.members("Readers").await, BTreeSet::from([ADMIN.to_owned()]));
    assert_eq!(connector.account(&joined).await.unwrap().unwrap().entitlements, BTreeSet::new());
}

#[tokio::test]
async fn who_is_renamed_keeps_his_groups_and_who_is_deleted_leaves_them() {
    for overlays in [false, true] {
        let (_slapd, subject) = started(overlays);
        let connector = connector(subject.port, settings());
        let old = created(&*connector, &subject, 1, &["Readers"]).await;
        let mut rename = command(2, Operation::Update, Some(&old));
        rename.items.push(set("uid", "Novák, Ž"));
        rename.items.push(set("title", "renamed"));
        let key = match only(connector.apply(vec![rename.clone()]).await).unwrap() {
            Outcome::Applied(applied) => applied.key.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_ne!(key, old);
        assert_eq!(connector.account(&old).await.unwrap(), None);
        let account = connector.account(&key).await.unwrap().unwrap();
        assert_eq!(account.key, key);
        assert_eq!(account.attributes["uid"], Value::from("Novák, Ž"));
        assert_eq!(account.attributes["title"], Value::from("renamed"));
        assert_eq!(account.entitlements, BTreeSet::from(["Readers".to_owned()]));
        assert_eq!(subject.members("Readers").await.len(), 2, "the old name is no member any more");

        // The answer was lost: the same order again, in doubt, finds the account under its new name.
        rename.in_doubt = true;
        match only(connector.apply(vec![rename]).await).unwrap() {
            Outcome::AlreadySo(applied) => assert_eq!(applied.key.as_deref(), Some(key.as_str())),
            other => panic!("{other:?}"),
        }

        only(connector.apply(vec![command(3, Operation::Delete, Some(&key))]).await).unwrap();
        assert_eq!(subject.members("Readers").await, BTreeSet::from([ADMIN.to_owned()]));
    }
}

#[tokio::test]
async fn three_hundred_join_a_group_half_of_whom_are_in_it() {
    let (_slapd, subject) = started(false);
    let connector = connector(subject.port, settings());
    let mut commands = Vec::new();
    for number in 1..=300_i64 {
        let key = format!("uid=user{number},{PEOPLE}");
        let create = creation(number, &subject.attributes(usize::try_from(number).unwrap()), &[]);
        only(connector.apply(vec![create]).await).unwrap();
        let mut join = command(number, Operation::Update, Some(&key));
        join.items.push(entitlement("Readers", ItemOperation::Add));
        if number % 2 == 0 {
            only(connector.apply(vec![join.clone()]).await).unwrap();
        }
        commands.push(join);
    }
    for (order, answer) in connector.apply(commands).await {
        let outcome = answer.unwrap();
        assert!(matches!(outcome, Outcome::AlreadySo(_)) == (order.0 % 2 == 0), "{order}: {outcome:?}");
    }
    assert_eq!(subject.members("Readers").await.len(), 301);
}

#[tokio::test]
async fn nothing_outside_the_base_is_touched() {
    let (_slapd, subject) = started(false);
    let connector = connector(subject.port, settings());
    for key in ["cn=Readers,ou=groups,dc=example,dc=org", PEOPLE, "uid=a\\,ou=people,dc=example,dc=org"] {
        let error = only(connector.apply(vec![command(1, Operation::Delete, Some(key))]).await).unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{key}: {error}");
        assert_eq!(connector.account(key).await.unwrap(), None);
    }
    assert_eq!(subject.members("Readers").await.len(), 1);
    let error = connector.find("uid=*)(objectClass", &Value::from("x")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let (_slapd, mut subject) = started(false);
    fails_with(&*connector(free_port(), impatient()), &mut subject, &[ErrorClass::Transient]).await;
}

#[tokio::test]
async fn wrong_credentials_are_said_without_showing_them() {
    let (_slapd, mut subject) = started(false);
    let wrong = LdapConnection { password: "not-the-pa55word".to_owned(), ..connection(subject.port) };
    let connector = made(wrong, settings()).unwrap();
    fails_with(&*connector, &mut subject, &[ErrorClass::Authentication]).await;
    let steps = connector.test().await;
    assert!(!format!("{steps:?}").contains("pa55"), "{steps:?}");
    for (changed, class) in [
        (LdapConnection { password: String::new(), ..connection(1) }, ErrorClass::Authentication),
        (LdapConnection { password: "secret:other".into(), ..connection(1) }, ErrorClass::Authentication),
        (LdapConnection { url: "http://127.0.0.1".into(), ..connection(1) }, ErrorClass::Invalid),
        (LdapConnection { url: "ldap:///".into(), ..connection(1) }, ErrorClass::Invalid),
        (LdapConnection { account_base: "people".into(), ..connection(1) }, ErrorClass::Invalid),
        (LdapConnection { account_rdn: "uid=*)(x".into(), ..connection(1) }, ErrorClass::Invalid),
    ] {
        assert_eq!(made(changed, settings()).err().unwrap().class, class);
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_apart() {
    let (_slapd, mut subject) = started(false);
    let proxy = FaultProxy::start(subject.port).await;
    for rubbish in [
        b"HTTP/1.1 400 Bad Request\r\nserver: web\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html></html>"
            .to_vec(),
        // A message without an operation, one with an operation nobody knows, and a result that is none.
        vec![0x30, 0x03, 0x02, 0x01, 0x01],
        vec![0x30, 0x05, 0x02, 0x01, 0x01, 0x5f, 0x00],
        vec![0x30, 0x07, 0x02, 0x01, 0x01, 0x61, 0x02, 0x04, 0x00],
    ] {
        proxy.set(Fault::Rubbish(rubbish));
        fails_with(&*connector(proxy.port, impatient()), &mut subject, &[ErrorClass::Protocol]).await;
    }
    proxy.set(Fault::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()));
    fails_with(&*connector(proxy.port, impatient()), &mut subject, &[ErrorClass::Protocol]).await;
}

#[tokio::test]
async fn a_network_that_fails_passes() {
    let (_slapd, mut subject) = started(false);
    let proxy = FaultProxy::start(subject.port).await;
    let used = connector(proxy.port, impatient());
    used.account(PEOPLE).await.unwrap();
    for fault in [Fault::Refuse, Fault::Silence, Fault::CloseAfter(0), Fault::CloseAfter(5)] {
        proxy.set(fault);
        let classes = [ErrorClass::Transient, ErrorClass::Unknown];
        fails_with(&*connector(proxy.port, impatient()), &mut subject, &classes).await;
        fails_with(&*used, &mut subject, &classes).await;
        proxy.set(Fault::None);
        used.account(&format!("uid=nobody,{PEOPLE}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_unknown_and_found_again() {
    let (_slapd, subject) = started(false);
    let proxy = FaultProxy::start(subject.port).await;
    let connector = connector(proxy.port, impatient());
    for (number, in_doubt) in [(1, true), (2, false)] {
        let attributes = subject.attributes(number);
        let mut command = creation(1, &attributes, &["Readers"]);
        // What an addition has and a search has not.
        proxy.set(Fault::CloseAfterRequest { with: "inetOrgPerson" });
        let error = only(connector.apply(vec![command.clone()]).await).unwrap_err();
        assert_eq!(error.class, ErrorClass::Unknown, "{error}");
        let filter = format!("(uid=user{number})");
        assert_eq!(subject.count(&filter).await, 1, "the request arrived");

        proxy.set(Fault::None);
        command.in_doubt = in_doubt;
        let applied = match only(connector.apply(vec![command]).await).unwrap() {
            Outcome::AlreadySo(applied) | Outcome::Applied(applied) => applied,
            Outcome::Handed { reference } => panic!("handed over as {reference}"),
        };
        assert_eq!(applied.adopted, !in_doubt);
        assert_eq!(subject.count(&filter).await, 1, "there is still one");
        let account = connector.account(applied.key.as_deref().unwrap()).await.unwrap().unwrap();
        assert_eq!(account.entitlements.into_iter().collect::<Vec<_>>(), ["Readers"]);
    }
}

async fn created(connector: &dyn Connector, subject: &Directory, number: usize, groups: &[&str]) -> String {
    let command = creation(1, &subject.attributes(number), groups);
    match only(connector.apply(vec![command]).await).unwrap() {
        Outcome::Applied(applied) => applied.key.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn creation(order: i64, attributes: &Attributes, groups: &[&str]) -> Command {
    let mut command = command(order, Operation::Create, None);
    command.natural_key = Some(("uid".to_owned(), attributes["uid"].clone()));
    command.items = attributes.iter().map(|(name, value)| set(name, value.clone())).collect();
    command.items.extend(groups.iter().map(|group| entitlement(group, ItemOperation::Add)));
    command
}

fn command(order: i64, operation: Operation, key: Option<&str>) -> Command {
    Command {
        order: OrderId(order),
        fence: 1,
        application: "directory".to_owned(),
        account_type: "directory account".to_owned(),
        operation,
        key: key.map(str::to_owned),
        natural_key: None,
        items: Vec::new(),
        in_doubt: false,
    }
}

fn set(name: &str, value: impl Into<Value>) -> CommandItem {
    CommandItem {
        kind: ItemKind::Attribute,
        name: name.to_owned(),
        operation: ItemOperation::Set,
        value: Some(value.into()),
        secret: name == "userPassword",
    }
}

fn entitlement(key: &str, operation: ItemOperation) -> CommandItem {
    CommandItem { kind: ItemKind::Entitlement, name: key.to_owned(), operation, value: None, secret: false }
}

fn only<T>(mut answers: Vec<(OrderId, T)>) -> T {
    assert_eq!(answers.len(), 1);
    answers.remove(0).1
}
