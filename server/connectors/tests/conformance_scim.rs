//! The SCIM connector against two real servers, and against a network that fails.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends there")]

mod support {
    #[allow(dead_code, reason = "each test starts its own servers")]
    pub(crate) mod child;
    pub(crate) mod fault_proxy;
    pub(crate) mod free_port;
    pub(crate) mod scim2_server;
    pub(crate) mod scimmy;
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connectors::conformance::{Step, Subject, exercise, fails_with};
use connectors::{AccountTypeKey, Connector, Secrets, Settings, connect};
use model::command::{Command, CommandItem, Outcome};
use model::configuration::{Connection, ScimConnection};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};
use serde_json::json;
use support::fault_proxy::{Fault, FaultProxy};
use support::free_port::free_port;
use support::scim2_server::{TOKEN, start_scim2_server};
use support::scimmy::start_scimmy;

const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
const MAIL: &str = "emails[type eq \"work\"].value";

struct OneSecret;

impl Secrets for OneSecret {
    fn reveal(&self, name: &str) -> Option<String> {
        (name == "token").then(|| TOKEN.to_owned())
    }
}

struct Scim {
    url: String,
    http: reqwest::Client,
    /// Texts the server cannot hold, with which it is not our business to argue.
    refuses: &'static [&'static str],
}

impl Scim {
    async fn new(port: u16) -> Self {
        let url = format!("http://127.0.0.1:{port}/v2");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let scim = Self { url, http: reqwest::Client::new(), refuses: &[] };
        for name in ["Readers", "Writers (all)"] {
            let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
            scim.post("Groups", json!({ "schemas": schemas, "displayName": name })).await;
        }
        scim
    }

    async fn post(&self, endpoint: &str, body: serde_json::Value) -> String {
        let request = self.http.post(format!("{}/{endpoint}", self.url)).bearer_auth(TOKEN);
        let answer =
            request.header("content-type", "application/scim+json").body(body.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        let created: serde_json::Value = answer.json().await.unwrap();
        created["id"].as_str().unwrap().to_owned()
    }

    /// How many users the server has under this name, by its own account.
    async fn count(&self, user_name: &str) -> u64 {
        let filter = format!("userName eq {}", json!(user_name));
        let request = self.http.get(format!("{}/Users", self.url)).bearer_auth(TOKEN).query(&[("filter", filter)]);
        request.send().await.unwrap().json::<serde_json::Value>().await.unwrap()["totalResults"].as_u64().unwrap()
    }
}

#[async_trait]
impl Subject for Scim {
    fn application(&self) -> &str {
        "directory"
    }
    fn account_type(&self) -> &str {
        "directory account"
    }
    fn attributes(&self, number: usize) -> Attributes {
        BTreeMap::from([
            ("userName".to_owned(), Value::from(format!("user{number}"))),
            ("name.givenName".to_owned(), Value::from("Žofie")),
            ("name.familyName".to_owned(), Value::from(format!("Number {number}"))),
            ("title".to_owned(), Value::from("Engineer")),
            (MAIL.to_owned(), Value::from(format!("user{number}@example.org"))),
            (DEPARTMENT.to_owned(), Value::from("Research")),
            ("password".to_owned(), Value::from("s3cret-S3CRET")),
        ])
    }
    fn natural_key(&self) -> &str {
        "userName"
    }
    fn text_attribute(&self) -> &str {
        "title"
    }
    fn secret_attributes(&self) -> &[&str] {
        &["password"]
    }
    fn entitlements(&self) -> [&str; 2] {
        ["Readers", "Writers (all)"]
    }
    fn holds(&self, text: &str) -> bool {
        !self.refuses.contains(&text)
    }
    async fn make_foreign(&mut self, number: usize) -> String {
        let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
        let user = json!({ "schemas": schemas, "userName": format!("user{number}"), "title": "Somebody else", "active": true });
        self.post("Users", user).await
    }
}

fn connector(port: u16, settings: Settings) -> Arc<dyn Connector> {
    let connection = Connection::Scim(ScimConnection {
        url: format!("http://127.0.0.1:{port}/v2"),
        token: Some("secret:token".to_owned()),
        page_size: Some(100),
    });
    let types = [AccountTypeKey { name: "directory account".to_owned(), key: "userName".to_owned() }];
    connect("directory", &connection, &types, settings, &OneSecret).unwrap()
}

fn settings() -> Settings {
    let attributes = ["userName", "name.givenName", "name.familyName", "title", MAIL, DEPARTMENT];
    Settings { attributes: attributes.map(str::to_owned).to_vec(), ..Settings::default() }
}

fn impatient() -> Settings {
    let total_timeout = Duration::from_millis(700);
    Settings { connect_timeout: Duration::from_millis(500), total_timeout, ..settings() }
}

#[tokio::test]
async fn conforms_on_scim2_server() {
    let server = start_scim2_server();
    let mut subject = Scim::new(server.port).await;
    let run = exercise(&*connector(server.port, settings()), &mut subject).await;
    assert_eq!(run, Step::ALL);
}

#[tokio::test]
async fn conforms_on_scimmy() {
    let server = start_scimmy();
    let mut subject = Scim::new(server.port).await;
    let run = exercise(&*connector(server.port, settings()), &mut subject).await;
    assert_eq!(run, Step::ALL);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let server = start_scim2_server();
    let mut subject = Scim::new(server.port).await;
    fails_with(&*connector(free_port(), impatient()), &mut subject, &[ErrorClass::Transient]).await;
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_apart() {
    let server = start_scim2_server();
    let mut subject = Scim::new(server.port).await;
    let proxy = FaultProxy::start(server.port).await;
    let http = |head: &str, body: &str| {
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    for (rubbish, class) in [
        (b"220 mail.example.org ESMTP\r\n".to_vec(), ErrorClass::Protocol),
        (http("200 OK\r\ncontent-type: text/html", "<html>Sign in</html>"), ErrorClass::Protocol),
        (http("200 OK", "[]"), ErrorClass::Protocol),
        (http("200 OK", r#"{"id":7,"totalResults":"many","Resources":{}}"#), ErrorClass::Protocol),
        (http("302 Found\r\nlocation: http://127.0.0.1:1/", ""), ErrorClass::Protocol),
        (http("401 Unauthorized", ""), ErrorClass::Authentication),
        (http("403 Forbidden", r#"{"detail":"not you"}"#), ErrorClass::Permission),
        (http("429 Too Many Requests\r\nretry-after: 7", ""), ErrorClass::RateLimited),
        (http("503 Service Unavailable", "<html>"), ErrorClass::Transient),
    ] {
        proxy.set(Fault::Rubbish(rubbish));
        fails_with(&*connector(proxy.port, impatient()), &mut subject, &[class]).await;
    }
    let wait = connector(proxy.port, impatient());
    proxy.set(Fault::Rubbish(http("429 Too Many Requests\r\nretry-after: 7", "")));
    assert_eq!(wait.account("1").await.unwrap_err().retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = start_scim2_server();
    let mut subject = Scim::new(server.port).await;
    let proxy = FaultProxy::start(server.port).await;
    proxy.set(Fault::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()));
    fails_with(&*connector(proxy.port, settings()), &mut subject, &[ErrorClass::Protocol]).await;
}

#[tokio::test]
async fn a_network_that_fails_passes() {
    let server = start_scim2_server();
    let mut subject = Scim::new(server.port).await;
    let proxy = FaultProxy::start(server.port).await;
    for fault in [Fault::Refuse, Fault::Silence, Fault::CloseAfter(0), Fault::CloseAfter(25), Fault::CloseAfter(200)] {
        proxy.set(fault);
        let classes = [ErrorClass::Transient, ErrorClass::Unknown];
        fails_with(&*connector(proxy.port, impatient()), &mut subject, &classes).await;
    }
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_unknown_and_found_again() {
    let server = start_scim2_server();
    let subject = Scim::new(server.port).await;
    let proxy = FaultProxy::start(server.port).await;
    let connector = connector(proxy.port, impatient());
    for (number, in_doubt) in [(1, true), (2, false)] {
        let attributes = subject.attributes(number);
        let mut command = creation(number, &attributes);
        proxy.set(Fault::CloseAfterRequest { with: "POST /v2/Users" });
        let error = only(connector.apply(vec![command.clone()]).await).unwrap_err();
        assert_eq!(error.class, ErrorClass::Unknown, "{error}");
        let name = format!("user{number}");
        assert_eq!(subject.count(&name).await, 1, "the request arrived");

        proxy.set(Fault::None);
        command.in_doubt = in_doubt;
        let applied = match only(connector.apply(vec![command]).await).unwrap() {
            Outcome::AlreadySo(applied) | Outcome::Applied(applied) => applied,
            Outcome::Handed { reference } => panic!("handed over as {reference}"),
        };
        assert_eq!(applied.adopted, !in_doubt, "without the doubt, it looks like somebody else's that matches");
        assert_eq!(subject.count(&name).await, 1, "there is still one");
        let account = connector.account(applied.key.as_deref().unwrap()).await.unwrap().unwrap();
        assert_eq!(account.entitlements.into_iter().collect::<Vec<_>>(), ["Readers"]);
    }
}

#[tokio::test]
async fn a_membership_that_fails_after_a_creation_leaves_no_second_account() {
    let server = start_scim2_server();
    let subject = Scim::new(server.port).await;
    let proxy = FaultProxy::start(server.port).await;
    let connector = connector(proxy.port, impatient());
    let mut command = creation(1, &subject.attributes(1));
    proxy.set(Fault::CloseAfterRequest { with: "PATCH /v2/Groups" });
    let error = only(connector.apply(vec![command.clone()]).await).unwrap_err();
    assert_eq!(error.class, ErrorClass::Unknown, "{error}");
    proxy.set(Fault::None);
    command.in_doubt = true;
    only(connector.apply(vec![command]).await).unwrap();
    assert_eq!(subject.count("user1").await, 1);
}

#[tokio::test]
async fn a_missing_secret_is_said_before_anything_is_sent() {
    let connection = |token: &str| {
        Connection::Scim(ScimConnection {
            url: "http://127.0.0.1:1".into(),
            token: Some(token.into()),
            page_size: None,
        })
    };
    let error = connect("directory", &connection("secret:other"), &[], Settings::default(), &OneSecret).err().unwrap();
    assert_eq!(error.class, ErrorClass::Authentication);
    assert!(error.message.contains("other"), "{error}");
    for url in ["ftp://127.0.0.1", "127.0.0.1", "https://user:pass@127.0.0.1", "https://127.0.0.1/?a=b"] {
        let connection = Connection::Scim(ScimConnection { url: url.into(), token: None, page_size: None });
        let error = connect("directory", &connection, &[], Settings::default(), &OneSecret).err().unwrap();
        assert_eq!(error.class, ErrorClass::Invalid, "{url}");
        assert!(!error.message.contains("pass@"), "{error}");
    }
}

fn creation(number: usize, attributes: &Attributes) -> Command {
    let item = |(name, value): (&String, &Value)| CommandItem {
        kind: ItemKind::Attribute,
        name: name.clone(),
        operation: ItemOperation::Set,
        value: Some(value.clone()),
        secret: name == "password",
    };
    let mut items: Vec<_> = attributes.iter().map(item).collect();
    items.push(CommandItem {
        kind: ItemKind::Entitlement,
        name: "Readers".to_owned(),
        operation: ItemOperation::Add,
        value: None,
        secret: false,
    });
    Command {
        order: OrderId(i64::try_from(number).unwrap()),
        fence: 1,
        application: "directory".to_owned(),
        account_type: "directory account".to_owned(),
        operation: Operation::Create,
        key: None,
        natural_key: Some(("userName".to_owned(), attributes["userName"].clone())),
        items,
        in_doubt: false,
    }
}

fn only<T>(mut answers: Vec<(OrderId, T)>) -> T {
    assert_eq!(answers.len(), 1);
    answers.remove(0).1
}
