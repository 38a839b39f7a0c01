//! The process is killed while it delivers, and started again: how long until the first order goes out again, and until
//! none is left in the state in which the dead process had it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::Connector;
use engine::jobs;
use model::job::RunMode;
use model::order::ProvisioningState;
use model::view::OrderFilter;

use crate::company::{Company, application};
use crate::postgres;
use crate::target::Target;

const LIMIT: f64 = 45.0;
const KILLS: usize = 3;
pub const CHILD: &str = "recovery-child";

pub async fn measure(orders: usize) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
    one("SQLite", folder.path(), &database, orders).await;
    let server = postgres::Postgres::durable();
    let database = server.url();
    let folder = tempfile::tempdir().unwrap();
    one("PostgreSQL", folder.path(), &database, orders).await;
}

async fn one(name: &str, folder: &Path, database: &str, orders: usize) {
    let mut firsts = Vec::new();
    let mut lines = start(folder, database, orders);
    wait_for(&mut lines, "sending");
    for _ in 0..KILLS {
        // In the middle of its work.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (mut child, _) = lines;
        child.kill().unwrap();
        child.wait().unwrap();
        let begun = Instant::now();
        lines = start(folder, database, orders);
        wait_for(&mut lines, "sending");
        firsts.push(begun.elapsed().as_secs_f64());
    }
    wait_for(&mut lines, "all sent");
    lines.0.wait().unwrap();
    firsts.sort_by(f64::total_cmp);
    let last = firsts[firsts.len() - 1];
    println!(
        r#"{{"what":"{name}: from the start after a kill until orders go out again","kills":{KILLS},"median_seconds":{:.2},"longest_seconds":{last:.2},"limit":{LIMIT},"ratio":{:.2}}}"#,
        firsts[firsts.len() / 2],
        last / LIMIT
    );
}

type Running = (Child, std::io::Lines<BufReader<std::process::ChildStdout>>);

fn start(folder: &Path, database: &str, orders: usize) -> Running {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, &orders.to_string()])
        .env("RECOVERY_FOLDER", folder)
        .env("RECOVERY_DATABASE", database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn wait_for((_, lines): &mut Running, text: &str) {
    let found = lines.map_while(Result::ok).any(|line| line == text);
    assert!(found, "the process says \"{text}\"");
}

/// What is killed: makes the orders where there are none yet, and sends them.
pub async fn child(orders: usize) {
    let folder = std::path::PathBuf::from(std::env::var("RECOVERY_FOLDER").unwrap());
    let database = std::env::var("RECOVERY_DATABASE").unwrap();
    let target = Arc::new(Target::default());
    let given = HashMap::from([("target".to_owned(), target.clone() as Arc<dyn Connector>)]);
    let text = application("target", "http://127.0.0.1:1");
    let company = Company::open(&folder, &database, orders, &text, given).await;
    let counts = || async { company.engine.store().order_counts(&OrderFilter::default()).await.unwrap().by_state };
    if counts().await.is_empty() {
        let op = company.engine.operating_context("benchmark");
        jobs::start(&op, "complete".into(), RunMode::default()).await.unwrap();
    }
    let before = target.count();
    let mut told = false;
    loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if !told && target.count() > before {
            println!("sending");
            told = true;
        }
        let is_done = |(state, _): &(ProvisioningState, u64)| {
            matches!(state, ProvisioningState::Executed | ProvisioningState::Verified)
        };
        if told {
            let counts = counts().await;
            let done: u64 = counts.iter().filter(|count| is_done(count)).map(|(_, count)| count).sum();
            if done == orders as u64 {
                break;
            }
        }
    }
    println!("all sent");
    // The second reading may go on; what is measured is over.
    std::process::exit(0);
}
