//! What an administrator waits for over a large organisation:
//! `cargo run --release -p engine --example what_if_benchmark -- [people] [repetitions]`.
//!
//! A generated organisation on SQLite, opened as after a restart. Then a draft with sixty edited rules is looked at, conditions are
//! asked about as they are while somebody types, the policy is checked, and a directory in which five hundred files changed is
//! planned. Prints one JSON line a measurement, with the ratio to the limit that the product sets itself. What the next run
//! would order takes people who have accounts: `page_benchmark` tells it.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may fail")]

use std::path::Path;
use std::time::{Duration, Instant};

use engine::context::OpContext;
use engine::{Engine, Options, configuration, configurations, drafts, lint};
use generator::World;
use jiff::civil::Date;
use model::configuration::{AssignmentRule, Configuration};
use model::draft::{Matching, Object, ObjectKind};
use model::ids::{DraftId, IdentityId};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: Date = Date::constant(2026, 3, 2);
/// People written in one transaction.
const CHUNK: u64 = 20_000;
/// Rules that the draft edits, and files that the directory changes.
const EDITED: usize = 60;
const FILES: usize = 500;
/// Conditions asked about.
const ASKED: usize = 1_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let people = arguments.next().unwrap_or(1_000_000);
    let repetitions = arguments.next().unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(people, 3, DAY);
    let wanted = world.configuration();
    let directory = folder.path().join("configuration");
    write(&directory, &wanted);
    let engine = open(folder.path()).await;
    configurations::apply(&engine.operating_context("benchmark"), &directory)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let start = Instant::now();
    let ids = engine.store().reserve_ids(usize::try_from(people).unwrap()).await.unwrap();
    for first in (0..people).step_by(usize::try_from(CHUNK).unwrap()) {
        let number = |offset: u64| IdentityId(ids.start + i64::try_from(offset).unwrap());
        let chunk: Vec<_> =
            (first..people.min(first + CHUNK)).map(|offset| world.person(offset, 0).identity(number(offset))).collect();
        let at = engine.operating_context("benchmark").now;
        let work =
            engine.store().write(move |tx| Box::pin(async move { tx.insert_identities(&chunk, None, at).await }));
        work.await.unwrap();
    }
    told("people written", start.elapsed());
    engine.stop().await;
    drop(engine);

    let start = Instant::now();
    let engine = open(folder.path()).await;
    report("restart, from rows", &[start.elapsed()], Duration::from_secs(30));
    told_memory("open");
    let op = engine.operating_context("benchmark");
    what_if(&op, &wanted, repetitions).await;
    conditions(&op, &wanted).await;
    checked(&op, repetitions).await;
    planned(&op, folder.path(), &wanted, repetitions).await;
    told_memory("afterwards");
    engine.stop().await;
}

async fn open(folder: &Path) -> Engine {
    let address = format!("sqlite:{}", folder.join("quartermaster.db").display());
    Engine::open(Options::new(address, folder.join("data"))).await.unwrap()
}

/// The page of a draft, as often as that.
async fn what_if(op: &OpContext, wanted: &Configuration, repetitions: u64) {
    let mut draft: Option<DraftId> = None;
    for (name, rule) in edited(wanted).into_iter().take(EDITED) {
        draft = Some(drafts::put(op, draft, ObjectKind::Rule, &name, Some(Object::Rule(rule))).await.unwrap());
    }
    let id = draft.expect("a generated organisation has rules");
    let mut times = Vec::new();
    for _ in 0..repetitions {
        let start = Instant::now();
        let preview = drafts::preview(op, id).await.unwrap();
        times.push(start.elapsed());
        assert!(preview.findings.is_empty(), "{:?}", preview.findings);
        if times.len() == 1 {
            let effect = preview.plan.effect.expect("it can be computed");
            println!(r#"{{"what":"people for whom something changes","people":{}}}"#, effect.identities);
        }
    }
    report("what-if of 60 edited rules, the first", &times[..1], Duration::from_secs(2));
    report("what-if of 60 edited rules, again", &times[1..], Duration::from_secs(2));
}

/// Rules with the condition of another one: every other rule gets the next one's.
fn edited(wanted: &Configuration) -> Vec<(String, AssignmentRule)> {
    let texts: Vec<&String> = wanted.rules.values().map(|rule| &rule.when).collect();
    let step = (wanted.rules.len() / EDITED).max(1);
    let rules = wanted.rules.iter().enumerate().step_by(step);
    let other = |place: usize| texts.get((place + 1) % texts.len()).map(|text| (*text).clone()).unwrap_or_default();
    rules.map(|(place, (name, rule))| (name.clone(), AssignmentRule { when: other(place), ..rule.clone() })).collect()
}

/// Conditions that no rule has, put together of those of two.
async fn conditions(op: &OpContext, wanted: &Configuration) {
    let texts: Vec<&String> = wanted.rules.values().map(|rule| &rule.when).collect();
    let mut times = Vec::new();
    let mut found = 0;
    for turn in 0..ASKED {
        let one = texts[turn * 7 % texts.len()];
        let other = texts[(turn * 13 + 5) % texts.len()];
        let joint = if turn % 2 == 0 { "||" } else { "&& !" };
        let condition = format!("({one}) {joint} ({other})").replace("! (", "!(");
        let start = Instant::now();
        let matching = drafts::matching(op, &condition, (0, 0)).await.unwrap();
        times.push(start.elapsed());
        match matching {
            Matching::People { found: sample, .. } => found += sample.total,
            other => panic!("{condition}: {other:?}"),
        }
    }
    println!(r#"{{"what":"people found by {ASKED} conditions","people":{found}}}"#);
    times.sort();
    let limit = Duration::from_millis(20);
    report("a condition as it is typed, p50", &[times[times.len() / 2]], limit);
    report("a condition as it is typed, p99", &[times[times.len() * 99 / 100]], limit);
}

async fn checked(op: &OpContext, repetitions: u64) {
    let mut times = Vec::new();
    for _ in 0..repetitions {
        let start = Instant::now();
        lint::findings(op).await.unwrap();
        times.push(start.elapsed());
    }
    report("policy check", &times, Duration::from_secs(2));
}

/// A directory of one file for each rule, of which five hundred are not what is live.
async fn planned(op: &OpContext, folder: &Path, wanted: &Configuration, repetitions: u64) {
    // At the same place, so that files which it names by where they are stay the same.
    let directory = folder.join("configuration");
    std::fs::remove_dir_all(&directory).unwrap();
    let mut others = wanted.clone();
    let rules = std::mem::take(&mut others.rules);
    write(&directory, &others);
    let mut changed = 0;
    for (name, rule) in rules {
        let mut rule = rule;
        if changed < FILES {
            rule.priority += 1;
            changed += 1;
        }
        let one = Configuration { rules: [(name.clone(), rule)].into(), ..Configuration::default() };
        for (path, text) in configuration::export(&one) {
            if path.starts_with("rules") || path.to_string_lossy().starts_with("rules") {
                let place = directory.join("rules").join(format!("{name}.toml"));
                std::fs::create_dir_all(place.parent().unwrap()).unwrap();
                std::fs::write(place, text).unwrap();
            }
        }
    }
    let mut times = Vec::new();
    for _ in 0..repetitions {
        let start = Instant::now();
        let plan = configurations::plan(op, &directory).await.unwrap_or_else(|error| panic!("{error}"));
        times.push(start.elapsed());
        assert_eq!(plan.changed.len(), changed, "{:?}", plan.removed.first());
    }
    report(&format!("plan of a directory in which {changed} files changed"), &times, Duration::from_secs(5));
}

fn write(directory: &Path, wanted: &Configuration) {
    for (path, text) in configuration::export(wanted) {
        let place = directory.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
}

fn report(what: &str, times: &[Duration], limit: Duration) {
    let mut sorted: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return };
    let median = sorted[sorted.len() / 2];
    println!(
        r#"{{"what":"{what}","median_ms":{median:.2},"from_ms":{first:.2},"to_ms":{last:.2},"limit_ms":{},"ratio":{:.3}}}"#,
        limit.as_millis(),
        median / (limit.as_secs_f64() * 1e3)
    );
}

fn told(what: &str, time: Duration) {
    println!(r#"{{"what":"{what}","seconds":{:.1}}}"#, time.as_secs_f64());
}

fn told_memory(when: &str) {
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = memory.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().replace('\t', " ");
    println!(r#"{{"what":"memory {when}","text":"{resident}"}}"#);
}
