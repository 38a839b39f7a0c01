//! The directory as its clients see it: requests over the router, and what is left after a restart.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use super::Directory;

struct Client(Directory);

impl Client {
    fn open(folder: &std::path::Path) -> Self {
        Self(
            Directory::open(&folder.join("directory.jsonl"), "token", &["Everyone".into(), "Sales".into()], Vec::new())
                .unwrap(),
        )
    }

    async fn send(&self, method: Method, path: &str, body: &Json) -> (StatusCode, Json) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/scim/v2/{path}"))
            .header(header::AUTHORIZATION, "Bearer token")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.0.router().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
    }

    async fn get(&self, path: &str) -> Json {
        let (status, body) = self.send(Method::GET, path, &Json::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    async fn user(&self, name: &str) -> String {
        let user = json!({
            "userName": name, "externalId": format!("x-{name}"), "name": { "familyName": "Visser" },
            "emails": [{ "type": "work", "value": format!("{name}@example.org") }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Sales" },
        });
        let (status, created) = self.send(Method::POST, "Users", &user).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        created["id"].as_str().unwrap().to_owned()
    }

    async fn patch(&self, path: &str, operations: Json) -> (StatusCode, Json) {
        self.send(Method::PATCH, path, &json!({ "Operations": operations })).await
    }

    async fn total(&self, kind: &str, filter: &str) -> u64 {
        let encoded =
            filter.replace('%', "%25").replace(' ', "%20").replace('"', "%22").replace('[', "%5B").replace(']', "%5D");
        self.get(&format!("{kind}?filter={encoded}")).await["totalResults"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn strangers_learn_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(folder.path());
    for (token, expected) in
        [("Bearer token", StatusCode::OK), ("Bearer tokens", StatusCode::UNAUTHORIZED), ("", StatusCode::UNAUTHORIZED)]
    {
        let request = Request::get("/scim/v2/Users").header(header::AUTHORIZATION, token).body(Body::empty()).unwrap();
        assert_eq!(client.0.router().oneshot(request).await.unwrap().status(), expected, "{token}");
    }
}

#[tokio::test]
async fn users_are_created_found_paged_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(folder.path());
    let ids = [client.user("anna").await, client.user("bram").await, client.user("Zoë \"Z\"").await];
    let cases = [
        ("userName eq \"ANNA\"", 1),
        ("userName eq \"zoë \\\"z\\\"\"", 1),
        ("userName eq \"nobody\"", 0),
        ("externalId eq \"x-anna\" and userName eq \"anna\"", 1),
        ("externalId eq \"x-anna\" and userName eq \"bram\"", 0),
        ("externalId eq \"x-anna\" or not (userName sw \"a\")", 3),
        ("name.familyName eq \"visser\"", 3),
        ("emails[type eq \"work\" and value co \"anna@\"]", 1),
        ("emails.value eq \"bram@example.org\"", 1),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"Sales\"", 3),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"anna\"", 1),
        ("active eq true", 3),
        ("title pr", 0),
    ];
    for (filter, expected) in cases {
        assert_eq!(client.total("Users", filter).await, expected, "{filter}");
    }
    let page = client.get("Users?startIndex=2&count=1&attributes=userName").await;
    assert_eq!((page["totalResults"].as_u64(), page["itemsPerPage"].as_u64()), (Some(3), Some(1)));
    assert_eq!(page["Resources"][0]["userName"], "bram");
    assert!(page["Resources"][0].get("emails").is_none());

    let (status, body) = client.send(Method::POST, "Users", &json!({ "userName": "Anna" })).await;
    assert_eq!((status, &body["scimType"]), (StatusCode::CONFLICT, &json!("uniqueness")));
    let (status, _) = client.send(Method::DELETE, &format!("Users/{}", ids[0]), &Json::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = client.send(Method::GET, &format!("Users/{}", ids[0]), &Json::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn changes_by_path_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(folder.path());
    let user = format!("Users/{}", client.user("anna").await);
    let department = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
    let (status, changed) = client
        .patch(
            &user,
            json!([
                { "op": "replace", "path": "active", "value": false },
                { "op": "Replace", "path": "name.givenName", "value": "Anna" },
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@example.org" },
                { "op": "add", "path": "phoneNumbers", "value": [{ "type": "work", "value": "+31 10 555 1" }] },
                { "op": "add", "path": "emails[type eq \"home\"].value", "value": "h@example.org" },
                { "op": "replace", "path": department, "value": "Finance" },
                { "op": "remove", "path": "externalId" },
                { "op": "add", "value": { "title": "Accountant" } },
            ]),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["active"], false);
    assert_eq!(changed["name"], json!({ "familyName": "Visser", "givenName": "Anna" }));
    let emails = json!([{ "type": "work", "value": "a@example.org" }, { "type": "home", "value": "h@example.org" }]);
    assert_eq!(changed["emails"], emails);
    assert_eq!(changed["phoneNumbers"][0]["value"], "+31 10 555 1");
    assert_eq!(changed["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"], "Finance");
    assert_eq!((&changed["title"], changed.get("externalId")), (&json!("Accountant"), None));

    let refused = [
        json!([{ "op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x" }]),
        json!([{ "op": "replace", "path": "title", "value": "Lost" }, { "op": "turn", "path": "title" }]),
        json!([{ "op": "replace", "path": "emails[type", "value": "x" }]),
        json!([{ "op": "remove" }]),
        json!([{ "op": "replace", "path": "id", "value": "9" }]),
        json!("no list"),
    ];
    for operations in refused {
        let (status, body) = client.patch(&user, operations.clone()).await;
        assert!(status.is_client_error(), "{operations}: {body}");
    }
    assert_eq!(client.get(&user).await["title"], "Accountant");
}

#[tokio::test]
async fn groups_take_and_lose_members_and_everything_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(folder.path());
    let (anna, bram) = (client.user("anna").await, client.user("bram").await);
    let group = client.get("Groups?filter=displayName%20eq%20%22Sales%22").await["Resources"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("Groups/{group}");
    let both = json!([{ "op": "add", "path": "members", "value": [{ "value": anna }, { "value": bram }] }]);
    for _ in 0..2 {
        let (status, changed) = client.patch(&path, both.clone()).await;
        assert_eq!(status, StatusCode::OK, "{changed}");
        assert_eq!(changed["members"].as_array().unwrap().len(), 2);
    }
    assert_eq!(client.total("Groups", &format!("members.value eq \"{anna}\"")).await, 1);
    assert_eq!(client.total("Groups", &format!("members eq \"{anna}\"")).await, 1);
    let stranger = json!([{ "op": "add", "path": "members", "value": [{ "value": "999" }] }]);
    assert_eq!(client.patch(&path, stranger).await.0, StatusCode::BAD_REQUEST);
    let one = json!([{ "op": "remove", "path": format!("members[value eq \"{anna}\"]") }]);
    client.patch(&path, one).await;
    client.send(Method::DELETE, &format!("Users/{bram}"), &Json::Null).await;
    assert_eq!(client.get(&path).await["members"], json!([]));
    client.patch(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": anna }] }])).await;
    assert!(client.get("Groups?excludedAttributes=members").await["Resources"][0].get("members").is_none());

    let before = (client.get("Users").await, client.get("Groups").await);
    drop(client);
    // A crash in the midst of a line loses that line alone, which nobody was told is kept.
    let file = folder.path().join("directory.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"entry\":\"delete\",\"kind\":\"us");
    std::fs::write(&file, text).unwrap();
    let client = Client::open(folder.path());
    assert_eq!((client.get("Users").await, client.get("Groups").await), before);
    assert_ne!(client.user("late").await, bram, "ids are given once");
}

#[tokio::test]
async fn it_describes_itself() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(folder.path());
    assert_eq!(client.get("ServiceProviderConfig").await["patch"]["supported"], true);
    assert_eq!(client.get("ResourceTypes").await["totalResults"], 2);
    let schemas = client.get("Schemas").await;
    assert_eq!(schemas["Resources"][0]["attributes"][0]["name"], "userName");
    let (status, _) = client.send(Method::GET, "Printers", &Json::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
