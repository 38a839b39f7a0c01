//! Receivers of events and of the audit trail that are away, or slow, or there twice.

use std::time::Duration;

use engine::events::operate;
use model::event::SubscriptionRow;
use model::job::{RunMode, RunState};
use testkit::wait;
use testkit::world::{World, person};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::free_port::free_port;

fn subscriptions(port: u16) -> String {
    format!(
        r#"
[subscriptions.collector]
description = "The audit trail"
source = "audit"
from = "beginning"
[subscriptions.collector.deliver.syslog]
server = "127.0.0.1:{port}"
encryption = "none"
format = "cef"
[subscriptions.ledger]
[subscriptions.ledger.deliver.file]
path = "events.jsonl"
"#
    )
}

async fn row(world: &World, name: &str) -> SubscriptionRow {
    let rows = operate::rows(&world.op()).await.unwrap();
    rows.into_iter().find(|row| row.standing.name == name).unwrap()
}

async fn has_everything(world: &World, name: &str) {
    wait::until("it has everything", async || {
        row(world, name).await.lag() == 0 && world.engine.store().unnumbered().await.unwrap().is_empty()
    })
    .await;
}

/// Messages with their length before them.
fn frames(bytes: &[u8]) -> Vec<String> {
    let mut rest = std::str::from_utf8(bytes).unwrap();
    let mut frames = Vec::new();
    while let Some((length, after)) = rest.split_once(' ') {
        let (frame, next) = after.split_at(length.parse().unwrap());
        frames.push(frame.to_owned());
        rest = next;
    }
    frames
}

fn number(frame: &str) -> i64 {
    let (_, after) = frame.split_once("sequence=\"").unwrap();
    after.split_once('"').unwrap().0.parse().unwrap()
}

/// Row F21: a collector of the audit trail that is away for a day.
#[tokio::test]
async fn an_audit_collector_that_is_away_for_a_day_blocks_nothing_and_gets_everything_in_order() {
    let port = free_port();
    let people = [person(1, "Ann", "Lee", "Finance"), person(2, "Bo", "Ek", "Sales")];
    let mut world = World::with_more(&people, &subscriptions(port), |_| {}).await;
    for _ in 0..4 {
        let run = world.run("complete", RunMode::default()).await;
        assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:?}");
        world.badges.work();
        world.clock.step(Duration::from_hours(6));
    }
    has_everything(&world, "ledger").await;
    wait::until("the collector is missed", async || row(&world, "collector").await.standing.problem.is_some()).await;
    let away = row(&world, "collector").await;
    assert!(away.lag() > 0 && away.standing.delivered == 0 && away.waiting_since.is_some(), "{away:?}");

    // It comes back, goes away again with what it has not read, and stays then.
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let collecting = tokio::spawn(async move {
        let mut collected = Vec::new();
        let (first, _) = listener.accept().await.unwrap();
        first.readable().await.unwrap();
        drop(first);
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            let has_end = bytes.is_empty();
            collected.extend(frames(&bytes));
            if has_end {
                break;
            }
        }
        collected
    });
    wait::until("the collector has everything", async || {
        world.clock.step(Duration::from_mins(5));
        let row = row(&world, "collector").await;
        row.lag() == 0 && row.standing.delivered > 0
    })
    .await;
    // Nothing follows: a connection of ours without a message ends it.
    drop(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    let collected = collecting.await.unwrap();
    let mut numbers: Vec<i64> = collected.iter().map(|frame| number(frame)).collect();
    assert!(numbers.is_sorted(), "in order: {numbers:?}");
    numbers.dedup();
    let last = row(&world, "collector").await.last;
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "without loss");
    assert!(collected.iter().all(|frame| frame.contains(" CEF:0|Quartermaster|")), "{collected:#?}");
    let lines = world.engine.store().audit_page(None, 500).await.unwrap();
    assert_eq!(lines.total, u64::try_from(last).unwrap());
    world.stop().await;
}

/// A process that ends in the middle goes on where it was, and what was sent stays sent.
#[tokio::test]
async fn a_file_has_each_event_in_order_over_restarts_pauses_and_replays() {
    let people = [person(1, "Ann", "Lee", "Finance")];
    let mut world = World::with_more(&people, &subscriptions(free_port()), |_| {}).await;
    let file = world.configuration().with_file_name("data").join("events.jsonl");
    world.run("complete", RunMode::default()).await;
    world.restart().await;
    operate::pause(&world.op(), "ledger").await.unwrap();
    world.feed(&[person(1, "Ann", "Lee", "Sales")]);
    world.run("complete", RunMode::default()).await;
    let paused = row(&world, "ledger").await;
    wait::until("events wait", async || row(&world, "ledger").await.lag() > 0).await;
    assert_eq!(row(&world, "ledger").await.standing.cursor, paused.standing.cursor);
    operate::resume(&world.op(), "ledger").await.unwrap();
    has_everything(&world, "ledger").await;
    let numbers = || -> Vec<i64> {
        let text = std::fs::read_to_string(&file).unwrap();
        let read = |line: &str| serde_json::from_str::<model::event::Message>(line).unwrap().event.sequence;
        text.lines().map(read).collect()
    };
    let last = row(&world, "ledger").await.last;
    assert_eq!(numbers(), (1..=last).collect::<Vec<_>>());
    let text = std::fs::read_to_string(&file).unwrap();
    for kind in
        ["stream.began", "identity.joined", "identity.changed", "assignment.granted", "assignment.ended", "run.ended"]
    {
        assert!(text.contains(&format!("\"type\":\"{kind}\"")), "{kind} in {text}");
    }
    let again = last - 2;
    operate::replay(&world.op(), "ledger", model::event::Position::After(again)).await.unwrap();
    has_everything(&world, "ledger").await;
    assert_eq!(numbers(), (1..=last).chain(again + 1..=last).collect::<Vec<_>>());
    world.stop().await;
}
