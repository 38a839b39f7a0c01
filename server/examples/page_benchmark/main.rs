//! How long the server takes for its pages over a large organisation:
//! `cargo run --release -p server --example page_benchmark -- [people] [requests of each page] [folder] [pages]`.
//!
//! A generated organisation on SQLite, in which the first twenty thousand people have orders and the next two hundred thousand accounts,
//! and a receiver of events for which all that happened is kept. Each list and detail page is asked for over HTTP in turn, one request at
//! a time, with its tabs and filters and with words to find, and so is what the palette asks while names are typed. At the end it
//! tells how long it takes to work out what the next run would order of a draft. Beside the list of people stands
//! the same list drawn by leptos_axum and nothing else, asked for in turn with it. Prints one JSON line a measurement with the
//! ratio to its limit. With a folder, the organisation is kept there for the next time; with
//! pages, paths with a space between them, nothing else is asked for. `QUARTERMASTER_LOG=sqlx::query=debug` tells how long each
//! statement took.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may fail")]

mod bare;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use engine::simulation::Standing;
use engine::{Engine, drafts, simulation};
use model::draft::{Object, ObjectKind};
use server::http::listener::{Listener, Peer};
use server::http::{self, Site, SiteOptions};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PASSWORD: &str = "a benchmark signs in";
const PAGE: Duration = Duration::from_millis(50);
const PALETTE: Duration = Duration::from_millis(80);
/// From then on it is told at once.
const SLOW: Duration = Duration::from_secs(1);
/// Share of what leptos_axum alone draws.
const SHARE: f64 = 0.5;
/// Tabs and filters that are followed from a page, at most.
const MOST_VIEWS: usize = 12;
/// Drafts of which it is told what the next run would order.
const SIMULATED: usize = 5;
/// People whose names are typed, letter by letter.
const TYPED: usize = 60;

#[tokio::main]
async fn main() {
    // Another part of the process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::from_env("QUARTERMASTER_LOG");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: usize| arguments.next().map_or(usual, |text| text.parse().expect("a number"));
    let (people, requests) = (number(1_000_000), number(40));
    let temporary = tempfile::tempdir().unwrap();
    let folder = arguments.next().map_or_else(|| temporary.path().to_owned(), Into::into);
    let engine = world::open(&folder, people as u64, PASSWORD).await;
    let address = serve(site(&engine)).await;
    let bare = serve(bare::router(&engine)).await;
    let client = Client::signed_in(address).await;

    let chosen: Option<Vec<String>> =
        arguments.next().map(|paths| paths.split_whitespace().map(str::to_owned).collect());
    let is_whole = chosen.is_none();
    let pages = match chosen {
        Some(pages) => pages,
        None => pages(&client, address).await,
    };
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for _ in 0..requests {
        for page in &pages {
            times.entry(page).or_default().push(client.took(address, page).await);
        }
    }
    let mut measured: Vec<(&str, Vec<Duration>)> = times.into_iter().collect();
    measured.sort_by_key(|(_, times)| std::cmp::Reverse(percentile(times, 95)));
    for (page, times) in &measured {
        report(page, times, PAGE);
    }
    let all: Vec<Duration> = measured.iter().flat_map(|(_, times)| times.iter().copied()).collect();
    report("all pages", &all, PAGE);
    if is_whole {
        report_simulations(&engine, people as u64).await;
        report_search(&engine, &client, address).await;
        report_share(&client, address, bare, requests).await;
    }
    engine.stop().await;
}

/// What the palette asks, letter by letter.
async fn report_search(engine: &Engine, client: &Client, address: SocketAddr) {
    let mut typed = Vec::new();
    for name in world::names(engine, TYPED).await {
        let letters: Vec<char> = name.chars().collect();
        for length in 1..=letters.len() {
            let text: String = letters[..length].iter().collect();
            typed.push(client.took(address, &format!("/api/search?q={}", text.replace(' ', "+"))).await);
        }
    }
    report("palette, each letter of names", &typed, PALETTE);
}

/// The list of people, in turn with the same list drawn by leptos_axum and nothing else.
async fn report_share(client: &Client, address: SocketAddr, bare: SocketAddr, requests: usize) {
    let (mut own, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..requests * 5 {
        own.push(client.took(address, "/identities").await);
        alone.push(client.took(bare, "/identities").await);
    }
    let (own, alone) = (percentile(&own, 50), percentile(&alone, 50));
    let share = alone.as_secs_f64() / own.as_secs_f64();
    println!(
        r#"{{"what":"list of people beside leptos_axum alone","own_ms":{:.2},"alone_ms":{:.2},"share":{share:.2},"limit":{SHARE},"ratio":{:.2}}}"#,
        own.as_secs_f64() * 1e3,
        alone.as_secs_f64() * 1e3,
        SHARE / share,
    );
}

/// What the next run would order, of drafts that take some people out of a rule: how long whoever asks waits for it.
async fn report_simulations(engine: &Engine, people: u64) {
    let op = engine.operating_context("benchmark");
    for (name, rule) in world::edited(people, SIMULATED) {
        let draft = drafts::put(&op, None, ObjectKind::Rule, &name, Some(Object::Rule(rule))).await.unwrap();
        let begun = Instant::now();
        let done = loop {
            match simulation::of_draft(&op, draft).await.unwrap() {
                Standing::Done(done) => break done,
                Standing::Working { .. } => {}
            }
        };
        println!(
            r#"{{"what":"what the next run would order, of a draft with one edited rule","people":{},"orders":{},"seconds":{:.2}}}"#,
            done.people,
            done.brought.count,
            begun.elapsed().as_secs_f64()
        );
        drafts::discard(&op, draft).await.unwrap();
    }
}

fn site(engine: &Engine) -> axum::Router {
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
    http::router(Site::new(engine.clone(), options)).unwrap()
}

/// On a port of its own, for as long as the program runs.
async fn serve(router: axum::Router) -> SocketAddr {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (close, closing) = tokio::sync::watch::channel(false);
    let listener = Listener::new(socket, closing).unwrap();
    let address = listener.address();
    let service = router.into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move {
        let _open = close;
        axum::serve(listener, service).await
    });
    address
}

struct Client(reqwest::Client);

impl Client {
    async fn signed_in(address: SocketAddr) -> Self {
        let client = reqwest::Client::builder().cookie_store(true).build().unwrap();
        let origin = format!("http://{address}");
        let form = [("login", world::LOGIN), ("password", PASSWORD), ("return_to", "/")];
        let answer = client.post(format!("{origin}/login")).header("origin", &origin).form(&form).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        Self(client)
    }

    async fn got(&self, address: SocketAddr, path: &str) -> String {
        self.tried(address, path).await.unwrap_or_else(|status| panic!("{path} answered {status}"))
    }

    /// What it answers, or with which status it does not.
    async fn tried(&self, address: SocketAddr, path: &str) -> Result<String, StatusCode> {
        let answer = self.0.get(format!("http://{address}{path}")).send().await.unwrap();
        match answer.status() {
            status if status.is_success() => Ok(answer.text().await.unwrap()),
            status => Err(status),
        }
    }

    async fn took(&self, address: SocketAddr, path: &str) -> Duration {
        let begun = Instant::now();
        self.got(address, path).await;
        begun.elapsed()
    }
}

/// Every page that needs no parameter, and one of each kind that these lead to, with their tabs and filters, and with words to find
/// where they take them.
async fn pages(client: &Client, address: SocketAddr) -> Vec<String> {
    let known = app::permissions::PERMISSIONS.iter().map(|(path, _)| *path);
    let (patterns, mut pages): (Vec<&str>, Vec<String>) = (
        known.clone().filter(|path| !path.starts_with("/api") && path.contains('{')).collect(),
        known.filter(|path| !path.starts_with("/api") && !path.contains('{')).map(str::to_owned).collect(),
    );
    let mut linked = Vec::new();
    keep_those_that_answer(client, address, &mut pages, |_, body| linked.extend(links(body))).await;
    let plain: Vec<&str> = linked.iter().filter_map(|link| link.split(['?', '#']).next()).collect();
    let found = patterns.iter().filter_map(|pattern| plain.iter().find(|link| fits(pattern, link)));
    pages.extend(found.map(|link| (*link).to_owned()));
    pages.extend(["events", "audit"].map(|stream| format!("/events?stream={stream}")));
    let mut views = Vec::new();
    keep_those_that_answer(client, address, &mut pages, |page, body| {
        let to_itself = links(body).into_iter().filter(|link| {
            link.split_once('?').is_some_and(|(path, query)| {
                path == page && !["after=", "download", "export"].iter().any(|word| query.contains(word))
            })
        });
        views.extend(to_itself.take(MOST_VIEWS));
        if body.contains(r#"<input type="search" name="text""#) {
            let sign = if page.contains('?') { '&' } else { '?' };
            views.extend(["an", "nobodyatall"].map(|text| format!("{page}{sign}text={text}")));
        }
    })
    .await;
    keep_those_that_answer(client, address, &mut views, |_, _| {}).await;
    pages.extend(views);
    pages.sort();
    pages.dedup();
    pages
}

/// Leaves out what is refused because it takes too long, and says so.
async fn keep_those_that_answer(
    client: &Client,
    address: SocketAddr,
    pages: &mut Vec<String>,
    mut look: impl FnMut(&str, &str),
) {
    let mut answering = Vec::new();
    for page in pages.drain(..) {
        let begun = Instant::now();
        let tried = client.tried(address, &page).await;
        if begun.elapsed() > SLOW {
            eprintln!("{page} took {:?} when it was first asked for", begun.elapsed());
        }
        match tried {
            Ok(body) => {
                look(&page, &body);
                answering.push(page);
            }
            Err(status) => println!(r#"{{"what":"{page}","answered":{}}}"#, status.as_u16()),
        }
    }
    *pages = answering;
}

/// Where a page leads to.
fn links(body: &str) -> Vec<String> {
    let addresses = body.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
    addresses.map(|address| address.replace("&amp;", "&")).collect()
}

/// Whether the address is one of the pattern's; a place for a parameter takes what is no page of its own.
fn fits(pattern: &str, address: &str) -> bool {
    let (wanted, given): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), address.split('/').collect());
    let is_static = app::permissions::PERMISSIONS.iter().any(|(path, _)| *path == address);
    let part = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
    !is_static && wanted.len() == given.len() && wanted.iter().zip(&given).all(part)
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn report(what: &str, times: &[Duration], limit: Duration) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (middle, high) = (percentile(times, 50), percentile(times, 95));
    println!(
        r#"{{"what":"{what}","requests":{},"p50_ms":{:.2},"p95_ms":{:.2},"limit_ms":{},"ratio":{:.3}}}"#,
        times.len(),
        milliseconds(middle),
        milliseconds(high),
        limit.as_millis(),
        milliseconds(high) / milliseconds(limit),
    );
}
