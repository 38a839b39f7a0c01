//! How long the job's own work takes: `cargo run --release -p engine --example job_benchmark -- [people] [repetitions]`.
//!
//! A population of the given size with a rule for each of 9 departments and 7 titles, one application by CSV exchange.
//! The other side of the exchange works between the jobs and is not timed. Prints one JSON line a measurement: what,
//! milliseconds (median and extremes), and the ratio to the limit the product sets itself.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints and may fail")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use engine::clock::Clock;
use engine::{Engine, Options, configurations, jobs};
use model::job::{RunMode, RunState, TaskKind};
use testkit::configuration::{BADGE, BADGES, DEPARTMENT, SOURCE};
use testkit::exchange::Exchange;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEPARTMENTS: [&str; 9] =
    ["Sales", "Research", "Finance", "Marketing", "Production", "Quality", "Development", "Service", "People"];
const TITLES: [&str; 7] = ["Staff", "Engineer", "Senior Staff", "Senior Engineer", "Manager", "Assistant", "Leader"];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let people = arguments.next().unwrap_or(8_615);
    let repetitions = arguments.next().unwrap_or(11);
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("configuration");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("all.toml"), configuration()).unwrap();
    let mut badges = Exchange::new(&directory.join("badges"), "holder", &["name", "department", "title"]);
    let feed = directory.join("people.csv");
    std::fs::write(&feed, rows(people, None)).unwrap();

    let mut options = Options::new(
        format!("sqlite:{}", folder.path().join("quartermaster.db").display()),
        folder.path().join("data"),
    );
    options.tuning.answer_wait = Duration::ZERO;
    options.clock = Clock::System;
    let start = Instant::now();
    let engine = Engine::open(options).await.unwrap();
    report("open the engine on an empty database", &[start.elapsed()], Duration::from_secs(1));
    configurations::apply(&engine.operating_context("benchmark"), &directory)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    engine.start_runner().await.unwrap();

    let (total, tasks) = run(&engine, RunMode::default(), None).await;
    for (kind, took) in &tasks {
        report(&format!("first complete job: {}", kind.label()), &[*took], Duration::from_secs(5));
    }
    report("first complete job", &[total], Duration::from_secs(5));
    let batches = Instant::now();
    badges.work();
    println!(r#"{{"what":"the other side's own time, not counted","milliseconds":{}}}"#, batches.elapsed().as_millis());
    let (back, _) = run_job(&engine, "synchronize-back", RunMode::default(), None).await;
    report("synchronize back, all orders verified", &[back], Duration::from_secs(5));
    report("complete job, own work in all", &[total + back], Duration::from_secs(5));
    let (again, _) = run(&engine, RunMode::default(), None).await;
    report("complete job with nothing to do", &[again], Duration::from_secs(5));

    let mut incremental = Vec::new();
    for repetition in 0..repetitions {
        std::fs::write(&feed, rows(people, Some(repetition))).unwrap();
        let mode = RunMode { incremental: true, dry_run: false };
        let (took, _) = run(&engine, mode, Some(TaskKind::GenerateOrders)).await;
        incremental.push(took);
        badges.work();
        run_job(&engine, "synchronize-back", RunMode::default(), None).await;
    }
    report("one changed person, from the request to durable orders", &incremental, Duration::from_millis(50));
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = memory.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned();
    println!(r#"{{"what":"resident memory afterwards","text":"{}"}}"#, resident.replace('\t', " "));
    engine.stop().await;
}

async fn run(engine: &Engine, mode: RunMode, until: Option<TaskKind>) -> (Duration, Vec<(TaskKind, Duration)>) {
    run_job(engine, "complete", mode, until).await
}

/// Runs a job to its end; the time is that until the end, or until the end of the task asked for.
async fn run_job(
    engine: &Engine,
    job: &str,
    mode: RunMode,
    until: Option<TaskKind>,
) -> (Duration, Vec<(TaskKind, Duration)>) {
    let op = engine.operating_context("benchmark");
    let mut updates = engine.updates().subscribe();
    let start = Instant::now();
    let id = jobs::start(&op, job.into(), mode).await.unwrap();
    let mut reached = None;
    let run = loop {
        let update = updates.recv().await.expect("fewer updates than the channel holds");
        if update.run.id != id {
            continue;
        }
        let is_done = |kind| update.run.tasks.iter().any(|task| task.task.kind == kind && task.finished_at.is_some());
        if until.is_some_and(is_done) {
            reached.get_or_insert(start.elapsed());
        }
        if update.run.state.is_final() {
            break update.run;
        }
    };
    let total = start.elapsed();
    assert!(matches!(run.state, RunState::Completed), "{run:#?}");
    let tasks = run.tasks.iter().filter_map(|task| {
        let took = task.finished_at?.duration_since(task.started_at?);
        Some((task.task.kind, Duration::try_from(took).unwrap_or_default()))
    });
    (reached.unwrap_or(total), tasks.collect())
}

fn report(what: &str, times: &[Duration], limit: Duration) {
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!(
        r#"{{"what":"{what}","runs":{},"median_ms":{median:.1},"min_ms":{:.1},"max_ms":{:.1},"limit_ms":{},"ratio_to_limit":{:.3}}}"#,
        times.len(),
        times[0],
        times[times.len() - 1],
        limit.as_millis(),
        median / (limit.as_secs_f64() * 1e3)
    );
}

/// The feed; with a variation, one person is in another department.
fn rows(people: usize, variation: Option<usize>) -> String {
    let mut text = String::from("number,given_name,family_name,department,title,manager,first_day,last_day\n");
    for number in 0..people {
        let shift = usize::from(variation.is_some_and(|variation| number == variation + 17));
        let department = DEPARTMENTS[(number * 7 + number / 9 + shift) % DEPARTMENTS.len()];
        let title = TITLES[(number * 3 + number / 7) % TITLES.len()];
        writeln!(
            text,
            "{},Given{},Family{},{department},{title},{},1999-01-01,",
            10_000 + number,
            number % 700,
            number % 1_900,
            10_000 + number % 60
        )
        .unwrap();
    }
    text
}

fn configuration() -> String {
    let title = "title = { expression = \"identity.title\" }\n";
    let mut text = [
        SOURCE,
        "title = { column = \"title\", required = true }\n",
        BADGES,
        BADGE,
        DEPARTMENT,
        title,
        "[rules.everybody]\nwhen = \"true\"\naccount_types = [\"badge\"]\n",
    ]
    .concat();
    for department in DEPARTMENTS {
        for title in TITLES {
            let name = format!("{department} {title}").to_lowercase().replace(' ', "-");
            write!(
                text,
                "[entitlements.{name}]\ndisplay_name = \"{department}, {title}\"\naccount_type = \"badge\"\nkey = \"{name}\"\n\
                 [access_profiles.{name}]\ndisplay_name = \"{name}\"\napplication = \"badges\"\nentitlements = [\"{name}\"]\n\
                 [roles.{name}]\ndisplay_name = \"{name}\"\naccess_profiles = [\"{name}\"]\n\
                 [rules.{name}]\nwhen = 'identity.department == \"{department}\" && identity.title == \"{title}\"'\nroles = [\"{name}\"]\n"
            )
            .unwrap();
        }
    }
    text
}
