//! A million orders that wait, of fifty applications: what they cost in memory, and how long somebody who leaves meanwhile
//! keeps an account. The applications take their time, so that the backlog outlasts the measurement.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use connectors::Connector;
use engine::jobs;
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

/// What a leaver sets off: the people are read and taken over, who changed is computed, and their orders go out.
const JOB: &str = r#"
[jobs.leavers]
incremental = true
[jobs.leavers.tasks.collect]
kind = "collect"
sources = ["hr"]
[jobs.leavers.tasks.synchronize]
kind = "synchronize"
sources = ["hr"]
[jobs.leavers.tasks.compute]
kind = "compute-role-model"
[jobs.leavers.tasks.generate]
kind = "generate-orders"
[jobs.leavers.tasks.fulfil]
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
    let there = application("directory", "http://127.0.0.1:1") + JOB;
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
    let waiting = company.engine.store().order_counts(&OrderFilter::default()).await.unwrap();
    let of = |state| waiting.by_state.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
    let waiting = of(ProvisioningState::Pending);
    println!(
        r#"{{"what":"orders that wait","orders":{waiting},"seconds_to_write":{:.1}}}"#,
        begun.elapsed().as_secs_f64()
    );

    let op = company.engine.operating_context("benchmark");
    let draining = jobs::start(&op, "fulfil".into(), RunMode::default()).await.unwrap();
    let mut waits = Vec::new();
    for time in 0..TIMES {
        tokio::time::sleep(Duration::from_secs(2)).await;
        directory.disabled.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let gone: Vec<usize> = (0..(time + 1) * LEAVERS).map(|number| number * 37 % people).collect();
        company.feed(people, &gone);
        let left = Instant::now();
        company.run("leavers", RunMode { incremental: true, dry_run: false }).await;
        let disabled = directory.disabled.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert_eq!(disabled.len(), LEAVERS, "everybody who left is disabled, and nobody else");
        waits.extend(disabled.into_iter().map(|(_, at)| at.duration_since(left).as_secs_f64()));
    }
    let left = company.engine.store().order_counts(&OrderFilter::default()).await.unwrap();
    let left =
        left.by_state.iter().find(|(state, _)| *state == ProvisioningState::Pending).map_or(0, |(_, count)| *count);
    let run = jobs::run(&op, draining).await.unwrap().run;
    waits.sort_by(f64::total_cmp);
    let last = waits[waits.len() - 1];
    println!(
        r#"{{"what":"from leaving to disabled, behind the backlog","leavers":{},"median_seconds":{:.1},"longest_seconds":{last:.1},"limit":{LEAVER},"ratio":{:.2},"still_waiting_afterwards":{left},"state_of_the_first_run":"{}"}}"#,
        waits.len(),
        waits[waits.len() / 2],
        last / LEAVER,
        run.state.name()
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
