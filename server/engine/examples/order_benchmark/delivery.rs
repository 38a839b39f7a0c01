//! What a real server is told, against a bare loop of the same client library with as many connections. Each measurement
//! has a server of its own; sides alternate, and the ratio is the median of the pairs.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::job::{RunMode, TaskKind};
use serde_json::json;
use testkit::directory::Directory;

use crate::company::{Company, application, took};
use crate::{scim2_server, slapd};

const CONNECTIONS: usize = 8;
const PAIRS: usize = 5;
const LEAST: f64 = 0.85;

pub async fn measure(orders: usize) {
    compare("a quick HTTP server", orders, LEAST, bare_quick(orders), ours_quick(orders)).await;
    compare("slapd", orders, LEAST, bare_slapd(orders, true), ours_slapd(orders, true)).await;
    // It does nothing but burn processor time then, which it shares with who tells it.
    compare("slapd without syncing", orders, LEAST, bare_slapd(orders, false), ours_slapd(orders, false)).await;
    // It takes some milliseconds for each, so a tenth is enough.
    compare("scim2-server", orders / 10, LEAST, bare_scim2(orders / 10), ours_scim2(orders / 10)).await;
}

/// Runs both sides in turn and prints the ratio of what they deliver in a second.
pub async fn compare<B, O>(what: &str, orders: usize, least: f64, bare: impl Fn() -> B, ours: impl Fn() -> O)
where
    B: Future<Output = Duration>,
    O: Future<Output = Duration>,
{
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let (bare, ours) = (bare().await, ours().await);
        pairs.push((bare.as_secs_f64() / ours.as_secs_f64(), bare, ours));
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, bare, ours) = pairs[PAIRS / 2];
    let rate = |took: Duration| orders as f64 / took.as_secs_f64();
    println!(
        r#"{{"what":"{what}","orders":{orders},"bare_per_second":{:.0},"ours_per_second":{:.0},"ratio":{ratio:.2},"from":{:.2},"to":{:.2},"least":{least:.2}}}"#,
        rate(bare),
        rate(ours),
        pairs[0].0,
        pairs[PAIRS - 1].0,
    );
}

// ---------------------------------------------------------------------------------------------------------- bare loops

/// Does the work with all connections at once; each takes the next number.
pub async fn loops<F: Future<Output = ()>>(work: impl Fn() -> F) -> Duration {
    let begun = Instant::now();
    futures::future::join_all((0..CONNECTIONS).map(|_| work())).await;
    begun.elapsed()
}

fn user(number: usize) -> serde_json::Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("u{}", 10_000 + number),
        "externalId": (10_000 + number).to_string(),
        "displayName": format!("Given{number} Family{number}"),
        "title": format!("Department {}", number % 9),
        "active": true,
    })
}

async fn post_all(url: String, token: Option<&'static str>, orders: usize) -> Duration {
    let client = reqwest::Client::builder().pool_max_idle_per_host(CONNECTIONS).build().unwrap();
    let next = AtomicUsize::new(0);
    loops(|| async {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= orders {
                break;
            }
            let mut request = client.post(format!("{url}/Users")).json(&user(number));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.status());
            answer.bytes().await.unwrap();
        }
    })
    .await
}

fn bare_quick(orders: usize) -> impl Fn() -> futures::future::BoxFuture<'static, Duration> {
    move || {
        Box::pin(async move {
            let directory = Directory::start(&[]);
            post_all(directory.url(), None, orders).await
        })
    }
}

fn bare_scim2(orders: usize) -> impl Fn() -> futures::future::BoxFuture<'static, Duration> {
    move || {
        Box::pin(async move {
            let server = scim2_server::start_scim2_server();
            post_all(format!("http://127.0.0.1:{}/v2", server.port), Some(scim2_server::TOKEN), orders).await
        })
    }
}

fn server(durable: bool) -> slapd::Slapd {
    if durable { slapd::start_durable_slapd(&[]) } else { slapd::start_slapd(&[], false) }
}

fn bare_slapd(orders: usize, durable: bool) -> impl Fn() -> futures::future::BoxFuture<'static, Duration> {
    move || {
        Box::pin(async move {
            let slapd = server(durable);
            let port = slapd.server.port;
            add_people(port, orders).await
        })
    }
}

/// Adds so many entries by bare calls.
pub async fn add_people(port: u16, people: usize) -> Duration {
    let next = AtomicUsize::new(0);
    loops(|| async {
        let mut ldap = slapd::signed_in(port).await;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= people {
                break;
            }
            let value = |text: String| HashSet::from([text]);
            let key = 10_000 + number;
            let attributes = vec![
                ("objectClass".to_owned(), value("inetOrgPerson".into())),
                ("uid".to_owned(), value(format!("u{key}"))),
                ("employeeNumber".to_owned(), value(key.to_string())),
                ("cn".to_owned(), value(format!("Given{number} Family{number}"))),
                ("sn".to_owned(), value(format!("Family{number}"))),
                ("title".to_owned(), value(format!("Department {}", number % 9))),
            ];
            let name = format!("uid=u{key},ou=people,{}", slapd::SUFFIX);
            ldap.add(&name, attributes).await.unwrap().success().unwrap();
        }
    })
    .await
}

// ------------------------------------------------------------------------------------------------------------ our side

/// How long the orders of a first load take to be claimed, told and recorded.
async fn fulfil(orders: usize, configuration: &str) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
    let company = Company::open(folder.path(), &database, orders, configuration, HashMap::new()).await;
    for job in ["collect", "synchronize", "compute-role-model", "generate-orders"] {
        company.run(job, RunMode::default()).await;
    }
    let run = company.run("fulfil", RunMode::default()).await;
    let task = run.tasks.iter().find(|task| task.task.kind == TaskKind::Fulfil).unwrap();
    assert_eq!((task.done, task.failed), (orders as u64, 0), "all are sent");
    company.engine.stop().await;
    took(&run, TaskKind::Fulfil)
}

fn ours_quick(orders: usize) -> impl Fn() -> futures::future::BoxFuture<'static, Duration> {
    move || {
        Box::pin(async move {
            let directory = Directory::start(&[]);
            fulfil(orders, &application("quick", &directory.url())).await
        })
    }
}

fn ours_scim2(orders: usize) -> impl Fn() -> futures::future::BoxFuture<'static, Duration> {
    move || {
        Box::pin(async move {
            let server = scim2_server::start_scim2_server();
            let text = application("cloud", &format!("http://127.0.0.1:{}/v2", server.port));
            let token = format!("kind = \"scim\"\ntoken = \"{}\"", scim2_server::TOKEN);
            fulfil(orders, &text.replace("kind = \"scim\"", &token)).await
        })
    }
}

fn ours_slapd(orders: usize, durable: bool) -> impl Fn() -> futures::future::BoxFuture<'static, Duration> {
    move || {
        Box::pin(async move {
            let slapd = server(durable);
            fulfil(orders, &directory(slapd.server.port)).await
        })
    }
}

/// A directory over LDAP, in which everybody has an account.
pub fn directory(port: u16) -> String {
    slapd::application(("directory", "Directory"), port, "uid", "")
        + r#"
[account_types.person]
display_name = "Directory account"
application = "directory"
key = "uid"
correlation = [{ identity = "identity.key", account = "employeeNumber", confidence = 100 }]
[account_types.person.attributes]
uid = { expression = '"u" + identity.key', required = true, create_only = true }
employeeNumber = { expression = "identity.key", required = true }
cn = { expression = "identity.display_name", required = true }
sn = { expression = "identity.family_name", required = true }
title = { expression = "identity.department" }
[rules.person]
when = 'identity.lifecycle == "active"'
account_types = ["person"]
"#
}
