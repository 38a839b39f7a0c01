//! The SCIM connector against two real servers, and against a network that fails.

mod support {
    pub mod child;
    pub mod fault_proxy;
    pub mod free_port;
    pub mod scim2_server;
    pub mod scimmy;
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
        let answer = request.header("content-type", "application/scim+json").body(body.to_string()).send().await.unwrap();
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
