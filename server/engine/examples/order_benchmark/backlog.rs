//! A million orders that wait, of fifty applications: what they cost in memory, and how long somebody who leaves meanwhile
//! keeps an account. The applications take their time, so that the backlog outlasts the measurement.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use connectors::Connector;
use model::ids::{OrderId, OrderItemId};
use model::job::RunMode;
use model::order::{Order, ProvisioningState};
use model::view::OrderFilter;

use crate::company::{Company, account_type, application};
use crate::target::Target;

const APPLICATIONS: usize = 50;
/// People who leave at a time, and how many times: together as many as may be disabled within an hour.
const LEAVERS: usize = 10;
const TIMES: usize = 5;
const MEMORY: f64 = 512.0;
const LEAVER: f64 = 60.0;

/// What a leaver sets off: the people are read and taken over, who changed is computed, and their orders go out. A job for
/// each time: the run of one goes on with the backlog when those who left are long disabled, and no job runs twice at once.
fn jobs_of_leavers() -> String {
    (0..TIMES).map(|time| JOB.replace("TIME", &time.to_string())).collect()
}

const JOB: &str = r#"
[jobs.leaversTIME]
incremental = true
[jobs.leaversTIME.tasks.collect]
kind = "collect"
sources = ["hr"]
[jobs.leaversTIME.tasks.synchronize]
kind = "synchronize"
sources = ["hr"]
[jobs.leaversTIME.tasks.compute]
kind = "compute-role-model"
[jobs.leaversTIME.tasks.generate]
kind = "generate-orders"
[jobs.leaversTIME.tasks.fulfil]
kind = "fulfil"
"#;

pub async fn measure(orders: usize) {
    let people = orders / APPLICATIONS;
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
    let directory = Arc::new(Target::default());
    let mut given = HashMap::from([("directory".to_owned(), directory.clone() as Arc<dyn Connector>)]);
    for number in 0..APPLICATIONS {
        given.insert(name(number), Arc::new(Target::slow(Duration::from_millis(500))) as Arc<dyn Connector>);
    }
    let there = application("directory", "http://127.0.0.1:1") + &jobs_of_leavers();
    let company = Company::open(folder.path(), &database, people, &there, given).await;
    company.run("complete", RunMode::default()).await;
    assert_eq!(directory.count(), people);

    // The first application's orders are planned; those of the others are copies of them.
    let mut text = there + &application(&name(0), "http://127.0.0.1:1");
    (1..APPLICATIONS).for_each(|number| text += &account_type(&name(number), "http://127.0.0.1:1"));
    company.configure(&text).await;
    for job in ["collect", "synchronize", "compute-role-model", "generate-orders"] {
        company.run(job, RunMode::default()).await;
    }
    let begun = Instant::now();
    copy_orders(&company, people).await;
    println!(
        r#"{{"what":"orders that wait","orders":{},"seconds_to_write":{:.1}}}"#,
        waiting(&company).await,
        begun.elapsed().as_secs_f64()
    );

    company.start("fulfil", RunMode::default()).await;
    let mut waits = Vec::new();
    for time in 0..TIMES {
        tokio::time::sleep(Duration::from_secs(2)).await;
        directory.disabled.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let gone: Vec<usize> = (0..(time + 1) * LEAVERS).map(|number| number * 37 % people).collect();
        company.feed(people, &gone);
        let left = Instant::now();
        company.start(&format!("leavers{time}"), RunMode { incremental: true, dry_run: false }).await;
        let disabled = loop {
            let disabled = directory.disabled.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if disabled.len() >= LEAVERS {
                break disabled;
            }
            assert!(left.elapsed() < Duration::from_secs(600), "{} of those who left are disabled", disabled.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(disabled.len(), LEAVERS, "everybody who left is disabled, and nobody else");
        waits.extend(disabled.into_iter().map(|(_, at)| at.duration_since(left).as_secs_f64()));
    }
    let left = waiting(&company).await;
    waits.sort_by(f64::total_cmp);
    let last = waits[waits.len() - 1];
    println!(
        r#"{{"what":"from leaving to disabled, behind the backlog","leavers":{},"median_seconds":{:.1},"longest_seconds":{last:.1},"limit":{LEAVER},"ratio":{:.2},"still_waiting_afterwards":{left}}}"#,
        waits.len(),
        waits[waits.len() / 2],
        last / LEAVER,
    );
    let memory = |what: &str| -> f64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    println!(
        r#"{{"what":"resident memory with the backlog","mebibytes":{:.0},"at_most_so_far":{:.0},"limit":{MEMORY},"ratio":{:.2}}}"#,
        memory("VmRSS"),
        memory("VmHWM"),
        memory("VmHWM") / MEMORY
    );
    company.engine.stop().await;
}

fn name(number: usize) -> String {
    format!("app{number:02}")
}

async fn waiting(company: &Company) -> u64 {
    let counts = company.engine.store().order_counts(&OrderFilter::default()).await.unwrap();
    let of_state = |state| counts.by_state.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
    of_state(ProvisioningState::Pending)
}

async fn copy_orders(company: &Company, people: usize) {
    let store = company.engine.store();
    let planned: Vec<Order> = store.open_orders().await.unwrap();
    assert_eq!(planned.len(), people);
    for number in 1..APPLICATIONS {
        for some in planned.chunks(5_000) {
            let mut ids = store.reserve_ids(some.iter().map(|order| 1 + order.items.len()).sum()).await.unwrap();
            let mut copies = some.to_vec();
            for order in &mut copies {
                order.id = OrderId(ids.next().unwrap());
                order.application = name(number);
                order.carrier = name(number);
                order.account_type = name(number);
                for item in &mut order.items {
                    item.id = OrderItemId(ids.next().unwrap());
                }
            }
            store.write(move |tx| Box::pin(async move { tx.insert_orders(&copies).await })).await.unwrap();
        }
    }
}
