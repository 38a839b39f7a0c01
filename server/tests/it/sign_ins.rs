//! Sign-ins over HTTP: whose token it takes, what is refused, and what is answered.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::http::{Server, client, expect_success};

const CONFIGURATION: &str = r#"
[sources.partners]
filled_by_sign_ins = true
key = "subject"
display_name = 'identity.name'
[sources.partners.attributes]
name = { column = "name", required = true }
grade = { column = "grade", type = "integer" }
[applications.desk]
display_name = "Desk"
[applications.desk.connection]
kind = "manual"
[account_types.desk]
display_name = "Desk"
application = "desk"
key = "name"
attributes = { name = { expression = "identity.key" } }
[sign_ins.partner]
issuer = "https://partner.example"
source = "partners"
unknown = "create"
requires = ["desk"]
wait_seconds = 0
when_late = "allow_queued"
[sign_ins.other]
issuer = "https://other.example"
source = "others"
unknown = "create"
requires = ["desk"]
[sources.others]
filled_by_sign_ins = true
key = "subject"
display_name = 'identity.key'
attributes = {}
[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
"#;

/// Whose sign-ins the server knows, with a token for each issuer.
fn served() -> (Server, String, String) {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), CONFIGURATION).unwrap();
    expect_success(&server.command(&["config", "apply", folder.path().to_str().unwrap()], ""));
    let token = |name: &str| {
        let made = server.command(&["sign-ins", "token", name], "");
        expect_success(&made);
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let (partner, other) = (token("partner"), token("other"));
    (server, partner, other)
}

async fn say(server: &Server, token: &str, body: String) -> (StatusCode, Value) {
    let request = client().post(server.url("/api/sign-ins")).header("content-type", "application/json").body(body);
    let answer = request.bearer_auth(token).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn people(server: &Server) -> Vec<Value> {
    let output = server.command(&["identities", "list", "-o", "json"], "");
    expect_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn only_an_identity_provider_with_a_token_is_answered_and_about_its_own_people() {
    let (server, partner, other) = served();
    let ann =
        || json!({ "issuer": "https://partner.example", "subject": "ann", "claims": { "name": "Ann" } }).to_string();
    for token in ["", "qms_", "nonsense", &format!("qma_{}", &partner[4..])] {
        let (status, why) = say(&server, token, ann()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{token} {why}");
        assert!(why["message"].as_str().unwrap().contains("no token of an identity provider here"), "{why}");
    }
    let (status, why) = say(&server, &other, ann()).await;
    assert_eq!((status, why["field"].as_str()), (StatusCode::FORBIDDEN, Some("issuer")), "{why}");

    // What is wrong is named, and changes nothing.
    let with =
        |claims: Value| json!({ "issuer": "https://partner.example", "subject": "ann", "claims": claims }).to_string();
    for (body, field, says) in [
        ("{".to_owned(), "body", "line 1, column 1"),
        ("[]".to_owned(), "body", "This is no sign-in"),
        (json!({ "issuer": "https://partner.example" }).to_string(), "body", "This is no sign-in"),
        (json!({ "issuer": "https://partner.example", "subject": "ann", "more": 1 }).to_string(), "body", "no sign-in"),
        (json!({ "issuer": "https://nobody.example", "subject": "ann" }).to_string(), "issuer", "has no sign-in"),
        (json!({ "issuer": "https://partner.example", "subject": "" }).to_string(), "subject", "is empty"),
        (with(json!({ "name": { "given": "Ann" } })), "body", "lists of texts"),
        (with(json!({})), "claims", "name"),
        (with(json!({ "name": "Ann", "grade": "seven" })), "claims", "grade"),
        (with(json!({ "name": "Ann", "subject": "bo" })), "claims", "not among them"),
    ] {
        let (status, why) = say(&server, &partner, body.clone()).await;
        assert_eq!((status, why["field"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{body} {why}");
        assert!(why["message"].as_str().unwrap().contains(says), "{body} {why}");
    }
    let (status, _) = say(&server, &partner, with(json!({ "name": "x".repeat(70_000) }))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(people(&server), Vec::<Value>::new(), "nobody was made");

    // What is right is answered, and again in the same way.
    let (status, answer) = say(&server, &partner, ann()).await;
    assert_eq!((status, answer["decision"].as_str()), (StatusCode::OK, Some("queued")), "{answer}");
    assert!(answer["request"].is_number(), "{answer}");
    assert_eq!(say(&server, &partner, ann()).await.1["request"], answer["request"]);
    assert_eq!(people(&server).len(), 1);
    let file = server.directory.path().join("sign-in.json");
    std::fs::write(&file, ann()).unwrap();
    let tried = server.command(&["sign-ins", "try", file.to_str().unwrap(), "-o", "json"], "");
    expect_success(&tried);
    let tried: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!((&tried["decision"], &tried["request"]), (&answer["decision"], &answer["request"]), "{tried}");

    // Revoked, it is worth nothing, and it is listed as no agent's.
    let made = server.command(&["sign-ins", "token", "partner", "-o", "json"], "");
    expect_success(&made);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let token = made["token"].as_str().unwrap();
    assert_eq!(say(&server, token, ann()).await.0, StatusCode::OK);
    expect_success(&server.command(&["sign-ins", "revoke", &made["id"].to_string()], ""));
    let (status, why) = say(&server, token, ann()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(why["message"].as_str().unwrap().contains("was revoked by"), "{why}");
    let agents = server.command(&["agents", "list", "-o", "json"], "");
    expect_success(&agents);
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&agents.stdout).unwrap(), Vec::<Value>::new());
}
