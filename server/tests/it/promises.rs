//! Promises of `docs/SECURITY.md` that need a look behind the answers: at the clock, the database, or a page that breaks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use engine::{Engine, Options};
use jiff::{SignedDuration, Timestamp};
use model::error::ErrorCode;
use server::http::{Site, SiteOptions, observe};
use sqlx::{ConnectOptions, Row};
use store::Store;
use testkit::configuration::DESK;
use tower::ServiceExt;

use super::http::{ADMINISTRATOR, PASSWORD, Server, expect_success};

/// A user's profile with less in it, in a configuration that is otherwise the same.
const LESS: &str = r#"
[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/Home"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home"]
"#;

#[tokio::test]
async fn a_right_taken_away_counts_at_the_next_request() {
    let server = Server::start();
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let signed_in = [("cookie", cookie.as_str())];
    assert_eq!(server.get("/orders", &signed_in).await.status(), 200);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), LESS).unwrap();
    expect_success(&server.command(&["config", "apply", folder.path().to_str().unwrap()], ""));
    // The same session goes on, without that right, in pages and in server functions.
    assert_eq!(server.get("/orders", &signed_in).await.status(), 403);
    assert_eq!(server.post("/api/pages/jobs/start", &signed_in, &[("name", "complete")]).await.status(), 403);
    assert_eq!(server.get("/", &signed_in).await.status(), 200);

    // A user who is disabled is nobody at the next request.
    let database = format!("sqlite:{}", server.directory.path().join("quartermaster.db").display());
    let store = Store::open(&database).await.unwrap();
    let (mut user, _) = store.user_by_login(ADMINISTRATOR).await.unwrap().unwrap();
    user.disabled = true;
    store.write(move |tx| Box::pin(async move { tx.update_user(&user).await })).await.unwrap();
    store.close().await;
    assert_eq!(server.get("/", &signed_in).await.status(), 303);
    let script = [("cookie", cookie.as_str()), ("accept", "application/json")];
    assert_eq!(server.post("/api/pages/jobs/start", &script, &[]).await.status(), 401);
}

#[tokio::test]
async fn an_unknown_login_takes_as_long_as_a_wrong_password() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
    let engine = Engine::open(Options::new(database, folder.path().into())).await.unwrap();
    for login in ["known", "gone"] {
        engine::users::add(&engine, login, login, PASSWORD, Vec::new()).await.unwrap();
    }
    let (mut gone, _) = engine.store().user_by_login("gone").await.unwrap().unwrap();
    gone.disabled = true;
    engine.store().write(move |tx| Box::pin(async move { tx.update_user(&gone).await })).await.unwrap();

    let mut now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let mut took: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    // The first of each is not counted: what is made once is made then. Failures are too long ago to make anybody wait.
    for round in 0..10 {
        for (who, login, password) in [
            ("wrong password", "known", "not the password at all"),
            ("unknown login", "nobody", "not the password at all"),
            ("disabled user", "gone", PASSWORD),
        ] {
            now = now.checked_add(SignedDuration::from_mins(20)).unwrap();
            let began = Instant::now();
            let refused = engine::users::sign_in(&engine, login, password, "192.0.2.1", now).await.unwrap_err();
            let elapsed = began.elapsed();
            assert_eq!(refused.code, ErrorCode::Unauthenticated, "{who}: {refused}");
            if round > 0 {
                took.entry(who).or_default().push(elapsed);
            }
        }
    }
    engine.stop().await;
    let median = |times: &Vec<Duration>| {
        let mut times = times.clone();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let medians: BTreeMap<&str, Duration> = took.iter().map(|(who, times)| (*who, median(times))).collect();
    // One hash takes many times as long as all the rest together: whoever skips it is far below a third.
    let (least, most) = (medians.values().min().unwrap(), medians.values().max().unwrap());
    assert!(*least * 3 > *most, "{medians:?}");
}

/// Somebody to look at, with an order, a work item and a run, beside [`DESK`].
const SOMEBODY: &str = r#"
[rules.everybody]
when = "true"
account_types = ["desk"]

[permission_profiles.administrator]
display_name = "Administrator"
permissions = ["/*"]
"#;

#[tokio::test]
async fn looking_changes_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), [DESK, SOMEBODY].concat()).unwrap();
    std::fs::write(folder.path().join("people.csv"), "number,department\n7,Sales\n").unwrap();
    expect_success(&server.command(&["config", "apply", folder.path().to_str().unwrap()], ""));
    expect_success(&server.command(&["jobs", "run", "complete", "--wait"], ""));
    let cookie = server.sign_in(ADMINISTRATOR).await;
    let signed_in = [("cookie", cookie.as_str())];

    let mut database = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(server.directory.path().join("quartermaster.db"))
        .read_only(true)
        .connect()
        .await
        .unwrap();
    let number = async |database: &mut sqlx::SqliteConnection, sql: &'static str| {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(database).await.unwrap().to_string()
    };
    let (identity, order, item, run) = (
        number(&mut database, "select max(id) from identity").await,
        number(&mut database, "select max(id) from provisioning_order").await,
        number(&mut database, "select max(id) from work_item").await,
        number(&mut database, "select max(id) from run").await,
    );
    let mut addresses: Vec<String> = Vec::new();
    for (path, _) in app::permissions::PERMISSIONS {
        let id = match *path {
            path if path.starts_with("/identities") => &identity,
            path if path.starts_with("/orders") => &order,
            path if path.starts_with("/work-items") => &item,
            _ => &run,
        };
        addresses.push(path.replace("{id}", id).replace("{name}", "desk"));
    }
    for tab in ["permissions", "accounts", "orders", "timeline", "attributes"] {
        addresses.push(format!("/identities/{identity}?tab={tab}"));
    }
    for tab in ["account-types", "entitlements", "accounts", "schema"] {
        addresses.push(format!("/applications/desk?tab={tab}"));
    }
    addresses.push(format!("/identities/{identity}?name=desk"));
    addresses.push(format!("/jobs/runs/{run}?tab=orders"));
    addresses.push("/events/runs/none".to_owned());
    for path in ["/livez", "/healthz", "/readyz", "/metrics", "/favicon.svg", "/no-such-page", "/logout"] {
        addresses.push(path.to_owned());
    }

    // What was written before is numbered by the program itself, a moment later.
    while number(&mut database, "select count(*) from audit_line where number is null").await != "0" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = everything(&mut database).await;
    assert!(before.values().map(Vec::len).sum::<usize>() > 20, "there is something that could change");
    for address in &addresses {
        let answer = server.get(address, &signed_in).await;
        assert!(answer.status().as_u16() < 500, "{address}: {}", answer.status());
        // To the end, or a page that streams might not have read what it reads.
        answer.bytes().await.unwrap();
        server.client.head(server.url(address)).header("cookie", &cookie).send().await.unwrap();
        let after = everything(&mut database).await;
        let changed: Vec<_> = after.iter().filter(|(table, rows)| before.get(*table) != Some(rows)).collect();
        assert!(changed.is_empty(), "GET or HEAD {address} changed something: {changed:?}");
    }
}

/// Every row of every table, as text.
async fn everything(database: &mut sqlx::SqliteConnection) -> BTreeMap<String, Vec<String>> {
    let tables = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *database).await.unwrap();
    let mut all = BTreeMap::new();
    for table in tables {
        let mut columns: Vec<String> =
            sqlx::query(sqlx::AssertSqlSafe(format!("select name from pragma_table_info('{table}')")))
                .fetch_all(&mut *database)
                .await
                .unwrap()
                .into_iter()
                .map(|row| format!("quote(\"{}\")", row.get::<String, _>(0)))
                .collect();
        if table == "session" {
            // A session notes once a minute that it is in use.
            columns.truncate(1);
        }
        let rows = sqlx::AssertSqlSafe(format!("select {} from \"{table}\" order by 1", columns.join(" || ',' || ")));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut *database).await.unwrap();
        all.insert(table, rows);
    }
    all
}

/// What a developer might have written into a message.
const INNER: &str = "canary: index out of bounds in provisioning.rs";

#[tokio::test]
async fn a_handler_that_breaks_leaves_a_page_with_the_request_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
    let engine = Engine::open(Options::new(database, folder.path().into())).await.unwrap();
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    let options = SiteOptions {
        https: false,
        behind_proxy: false,
        metrics: None,
        metrics_token: None,
        stopping,
        site_root: None,
        executable: std::env::current_exe().unwrap(),
    };
    let site = Site::new(engine.clone(), options);
    async fn at_once() -> &'static str {
        panic!("{INNER}")
    }
    async fn later() -> &'static str {
        tokio::task::yield_now().await;
        std::panic::panic_any(INNER.to_owned())
    }
    async fn in_a_task() -> &'static str {
        tokio::spawn(async { panic!("{INNER}") }).await.unwrap()
    }
    let router = Router::new()
        .route("/at-once", get(at_once))
        .route("/later", post(later))
        .route("/in-a-task", get(in_a_task))
        .layer(from_fn_with_state(site.clone(), observe::observe));
    let mut ids = Vec::new();
    for (method, path) in [("GET", "/at-once"), ("POST", "/later"), ("GET", "/in-a-task"), ("GET", "/at-once")] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 500, "{path}");
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(&id) && body.contains("Something went wrong on our side."), "{path}: {body}");
        for word in ["canary", "panic", ".rs", "axum", "leptos", "tokio", "index"] {
            assert!(!body.to_lowercase().contains(word), "{path} says {word}: {body}");
        }
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each request has an id of its own");
    engine.stop().await;
}
