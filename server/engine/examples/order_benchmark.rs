//! How fast orders go through: `cargo run --release -p engine --example order_benchmark -- [workload] [orders]`.
//!
//! Workloads, all of them unless one is named; each prints JSON lines with a ratio to a limit or to a peer measured beside it:
//!
//! - `machine`: orders claimed, told to an application that lives in this process, and recorded, on SQLite and PostgreSQL,
//!   both durable. Generating them and verifying them by a second reading are measured in the same run.
//! - `delivery`: the same orders told to a real server, against a bare loop of the same client with as many connections:
//!   slapd, scim2-server and a quick HTTP server. Sides alternate.
//! - `memberships`: members of one group put in by orders, against a bare loop of one change each, on slapd.
//! - `backlog`: a million orders in the queue; memory, and how long a leaver waits.
//! - `recovery`: the process is killed while it delivers, and started again: until the first order goes out, and the last.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a benchmark prints and may fail"
)]

#[path = "order_benchmark/backlog.rs"]
mod backlog;
#[path = "../../connectors/tests/support/child.rs"]
mod child;
#[path = "order_benchmark/company.rs"]
mod company;
#[path = "order_benchmark/delivery.rs"]
mod delivery;
#[path = "../../connectors/tests/support/free_port.rs"]
mod free_port;
#[path = "order_benchmark/machine.rs"]
mod machine;
#[path = "order_benchmark/memberships.rs"]
mod memberships;
#[path = "../../connectors/tests/support/postgres.rs"]
mod postgres;
#[path = "../../connectors/tests/support/ready.rs"]
mod ready;
#[path = "order_benchmark/recovery.rs"]
mod recovery;
#[path = "../../connectors/tests/support/scim2_server.rs"]
mod scim2_server;
#[path = "../../connectors/tests/support/slapd.rs"]
mod slapd;
#[path = "order_benchmark/target.rs"]
mod target;

use std::time::Duration;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    // Two libraries that choose for themselves make rustls panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named = arguments.first().map(String::as_str);
    let orders = arguments.get(1).map(|text| text.parse::<usize>().expect("a number of orders"));
    if named == Some(recovery::CHILD) {
        return recovery::child(orders.expect("a number of orders")).await;
    }
    let is_asked = |workload: &str| named.is_none_or(|named| named == workload);
    if is_asked("machine") {
        machine::measure(orders.unwrap_or(50_000)).await;
    }
    if is_asked("delivery") {
        delivery::measure(orders.unwrap_or(10_000)).await;
    }
    if is_asked("memberships") {
        memberships::measure(orders.unwrap_or(5_000)).await;
    }
    if is_asked("recovery") {
        recovery::measure(orders.unwrap_or(100_000)).await;
    }
    if is_asked("backlog") {
        backlog::measure(orders.unwrap_or(1_000_000)).await;
    }
}

/// Orders a second, beside how many it should be at least.
fn report_rate(what: &str, orders: usize, took: Duration, least: f64) {
    let rate = orders as f64 / took.as_secs_f64();
    println!(
        r#"{{"what":"{what}","orders":{orders},"seconds":{:.3},"orders_per_second":{rate:.0},"least":{least:.0},"ratio":{:.2}}}"#,
        took.as_secs_f64(),
        rate / least
    );
}
