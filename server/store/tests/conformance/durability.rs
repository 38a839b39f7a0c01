//! What was answered is there after the process was killed, and what was not is there whole or not at all. SQLite only:
//! PostgreSQL is a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use store::Store;

use crate::world::*;

/// Set for the process that writes and is killed; holds the database's address.
const VICTIM: &str = "STORE_DURABILITY_DATABASE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_kill() {
    if let Ok(address) = std::env::var(VICTIM) {
        return write_until_killed(&address).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", folder.path().join("killed.db").display());
    let mut answered = Vec::new();
    for round in 1..=5 {
        answered.extend(kill_after(&address, round * 3));
        let store = Store::open(&address).await.unwrap();
        store.is_ready().await.unwrap();
        let kept: Vec<i64> = store.load_identities().await.unwrap().iter().map(|identity| identity.id.0).collect();
        for id in &answered {
            assert!(kept.contains(id), "{id} was answered and is gone");
        }
        // Each write is of two identities, an even and an odd one.
        assert!(kept.chunks(2).all(|pair| matches!(pair, [odd, even] if odd + 1 == *even && odd % 2 == 1)), "{kept:?}");
        store.close().await;
    }
    assert!(answered.len() >= 45);
}

/// Ids that the process had been answered for when it was killed.
fn kill_after(address: &str, lines: usize) -> Vec<i64> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::what_was_answered_survives_a_kill", "--nocapture"])
        .env(VICTIM, address)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("answered ").and_then(|id| id.parse().ok());
    let mut ids: Vec<i64> = output.by_ref().filter_map(number).take(lines).collect();
    victim.kill().unwrap();
    victim.wait().unwrap();
    // What it had said before it died counts as well; its last line may be cut off.
    let mut rest: Vec<_> = output.collect();
    rest.pop();
    ids.extend(rest.into_iter().filter_map(number));
    ids
}

/// Several writers at once, so that the kill meets groups.
async fn write_until_killed(address: &str) {
    let store = Store::open(address).await.unwrap();
    store.migrate().await.unwrap();
    let mut writers = Vec::new();
    for _ in 0..8 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            loop {
                let first = store.reserve_ids(2).await.unwrap().start;
                let rows = [identity(first, "Odd"), identity(first + 1, "Even")];
                keep!(store, |tx| {
                    for row in rows {
                        tx.insert_identities(&[row], None, at(0)).await?;
                    }
                });
                println!("answered {first}");
            }
        }));
    }
    // They end with the process.
    futures::future::join_all(writers).await;
}
