//! How fast the store writes and reads, one JSON line for each measurement. `cargo run --release -p store --example
//! write_benchmark`. Orders are measured against the least that can be done for the same rows in the same tables: plain
//! inserts of several rows with bound parameters in one transaction; the ratio is what the store costs on top.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first thing that goes wrong")]

#[path = "../tests/conformance/harness.rs"]
#[expect(dead_code, reason = "stories need more of it")]
mod harness;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::access::{Fact, Reason};
use model::account::Mechanism;
use model::identity::{Context, Identity, Period};
use model::ids::*;
use model::order::{Lane, Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation, Partition, Plan};
use model::trigger::Trigger;
use model::value::Value;
use sqlx::{AssertSqlSafe, Connection};
use store::{Claim, Dialect, PlanRecord, Store, StoreError};

const PEOPLE: i64 = 8_615;
const ORDERS: i64 = 26_000;
const ITEMS: i64 = 4;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let address = |name: &str| format!("sqlite:{}", folder.path().join(format!("{name}-{round}.db")).display());
        measure(&address("store"), &address("raw")).await;
        measure(&harness::new_postgres_database(), &harness::new_postgres_database()).await;
    }
}

async fn measure(address: &str, raw_address: &str) {
    let store = prepared(address).await;
    let raw = prepared(raw_address).await;
    let dialect = store.dialect();

    let started = Instant::now();
    let loaded = store.load_identities().await.unwrap();
    report(dialect, "load_identities", loaded.len(), started.elapsed(), None);

    let orders: Vec<Order> = (0..ORDERS).map(order).collect();
    let plain = raw_insert(raw_address, &orders).await;
    raw.close().await;

    let inserted = orders.clone();
    let started = Instant::now();
    write(&store, move |tx| Box::pin(async move { tx.insert_orders(&inserted).await })).await;
    let rows = orders.len() * (2 + usize::try_from(ITEMS).unwrap());
    report(dialect, "insert_orders", rows, started.elapsed(), Some(plain));

    let started = Instant::now();
    let open = store.open_orders().await.unwrap();
    report(dialect, "open_orders", open.len(), started.elapsed(), None);

    let started = Instant::now();
    let claim = Claim {
        carrier: "directory".into(),
        applications: vec!["directory".into()],
        limit: 1_000,
        node: "benchmark".into(),
        now: at(1),
        lease_until: at(30),
        run: None,
        mechanism: None,
        probe: false,
    };
    for _ in 0..5 {
        store.claim_orders(&claim).await.unwrap();
    }
    report(dialect, "claim_orders by 1,000", 5_000, started.elapsed(), None);

    let started = Instant::now();
    let page = store.order_page(&model::view::OrderFilter::default()).await.unwrap();
    report(dialect, "order_page", page.rows.len(), started.elapsed(), None);
    store.close().await;
}

#[expect(clippy::print_stdout, reason = "it is what a benchmark is for")]
fn report(dialect: Dialect, what: &str, rows: usize, took: Duration, raw: Option<Duration>) {
    let seconds = took.as_secs_f64();
    let mut line = serde_json::json!({
        "database": format!("{dialect:?}").to_lowercase(),
        "measured": what,
        "rows": rows,
        "milliseconds": (seconds * 1e4).round() / 10.0,
        "rows_per_second": (f64::from(u32::try_from(rows).unwrap()) / seconds).round(),
    });
    if let Some(raw) = raw {
        line["raw_milliseconds"] = ((raw.as_secs_f64() * 1e4).round() / 10.0).into();
        line["ratio_to_raw"] = ((seconds / raw.as_secs_f64() * 100.0).round() / 100.0).into();
    }
    println!("{line}");
}

async fn write<F>(store: &Store, work: F)
where
    F: for<'t> FnOnce(&'t mut store::Tx) -> store::BoxFuture<'t, Result<(), StoreError>> + Send + 'static,
{
    store.write(work).await.unwrap();
}

async fn prepared(address: &str) -> Store {
    let store = Store::open(address).await.unwrap();
    store.migrate().await.unwrap();
    let people: Vec<_> = (1..=PEOPLE).map(identity).collect();
    let partition = Partition {
        sequence: 1,
        mechanism: Mechanism::Direct,
        carrier: "directory".into(),
        why: String::new(),
        application: "directory".into(),
        requests: vec![0],
        after: Vec::new(),
    };
    let plan = PlanRecord {
        id: PlanId(1),
        run: None,
        plan: Plan {
            identity: IdentityId(1),
            trigger: Trigger::IdentityRefresh,
            requests: Vec::new(),
            filtered: Vec::new(),
            retained: Vec::new(),
            withdrawn: Vec::new(),
            questions: Vec::new(),
        },
        partitions: vec![(PartitionId(2), partition)],
        created_at: at(0),
    };
    let started = Instant::now();
    write(&store, move |tx| Box::pin(async move { tx.insert_identities(&people, None, at(0)).await })).await;
    report(store.dialect(), "insert_identities", 8_615, started.elapsed(), None);
    write(&store, move |tx| Box::pin(async move { tx.insert_plans(&[plan]).await })).await;
    store
}

/// The same orders, first events and items with bound parameters, 100 rows a statement.
async fn raw_insert(address: &str, orders: &[Order]) -> Duration {
    const ORDER: usize = 26;
    const EVENT: usize = 6;
    const ITEM: usize = 13;
    let sql = [
        values(
            "insert into provisioning_order (id, plan_id, partition_id, run_id, identity_id, initiator, application, \
             account_type, account_id, key, operation, mechanism, lane, state, reason, explanation, reasons, summary, \
             fence, attempts, next_attempt_at, created_at, changed_at, transmitted_at, executed_at, verified_at)",
            ORDER,
        ),
        values("insert into order_event (order_id, at, from_state, to_state, actor, message)", EVENT),
        values(
            "insert into order_item (id, order_id, kind, name, operation, value, current, entitlement, state, \
             explanation, reasons, secret, message)",
            ITEM,
        ),
    ];
    macro_rules! insert {
        ($connection:ty, $json:expr) => {{
            let mut connection = <$connection>::connect(address).await.unwrap();
            let started = Instant::now();
            let mut tx = connection.begin().await.unwrap();
            for chunk in orders.chunks(ROWS) {
                let mut query = sqlx::query(AssertSqlSafe(sql[0].clone()));
                for o in chunk {
                    let at = o.created_at.as_microsecond();
                    query = query.bind(o.id.0).bind(o.plan.0).bind(o.partition.0).bind(None::<i64>).bind(o.identity.0);
                    query = query.bind(o.trigger.name()).bind(&o.application).bind(&o.account_type).bind(None::<i64>);
                    query = query.bind(None::<String>).bind(o.operation.name()).bind(o.mechanism.name()).bind(1_i64);
                    query = query.bind(1_i64).bind($json(&None::<i64>).filter(|_| false)).bind(&o.explanation);
                    query = query.bind($json(&o.reasons)).bind("department").bind(0_i64).bind(0_i64).bind(at);
                    query = query.bind(at).bind(at).bind(None::<i64>).bind(None::<i64>).bind(None::<i64>);
                }
                query.execute(&mut *tx).await.unwrap();
                let mut query = sqlx::query(AssertSqlSafe(sql[1].clone()));
                for o in chunk {
                    query = query.bind(o.id.0).bind(o.created_at.as_microsecond()).bind(0_i64).bind(1_i64);
                    query = query.bind("Quartermaster").bind(&o.explanation);
                }
                query.execute(&mut *tx).await.unwrap();
                let items: Vec<_> = chunk.iter().flat_map(|o| o.items.iter().map(|item| (o.id.0, item))).collect();
                for items in items.chunks(ROWS) {
                    let mut query = sqlx::query(AssertSqlSafe(sql[2].clone()));
                    for (order, i) in items {
                        query = query.bind(i.id.0).bind(order).bind(i.kind.name()).bind(&i.name);
                        query = query.bind(i.operation.name()).bind($json(&i.value)).bind($json(&i.current));
                        query = query.bind(None::<String>).bind(1_i64).bind(&i.explanation).bind($json(&i.reasons));
                        query = query.bind(i.secret).bind(None::<String>);
                    }
                    query.execute(&mut *tx).await.unwrap();
                }
            }
            tx.commit().await.unwrap();
            started.elapsed()
        }};
    }
    if address.starts_with("sqlite") {
        insert!(sqlx::SqliteConnection, text)
    } else {
        insert!(sqlx::PgConnection, json)
    }
}

const ROWS: usize = 100;

fn values(insert: &str, columns: usize) -> String {
    let row = |row: usize| {
        let parameters: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", parameters.join(","))
    };
    format!("{insert} values {}", (0..ROWS).map(row).collect::<Vec<_>>().join(","))
}

fn text<T: serde::Serialize>(value: &T) -> Option<String> {
    Some(serde_json::to_string(value).unwrap())
}

fn json<T: serde::Serialize>(value: &T) -> Option<sqlx::types::Json<serde_json::Value>> {
    Some(sqlx::types::Json(serde_json::to_value(value).unwrap()))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn identity(id: i64) -> Identity {
    let attribute = |name: &str, value: String| (name.to_owned(), Value::Text(value));
    let contexts = vec![Context {
        key: "main".into(),
        priority: 1,
        period: Period { starts: Some("2020-01-01".parse().unwrap()), ends: None },
        attributes: [
            attribute("department", format!("Department {}", id % 9)),
            attribute("title", format!("Title {}", id % 7)),
            attribute("site", format!("Site {}", id % 5)),
        ]
        .into(),
        filled: Vec::new(),
    }];
    Identity {
        id: IdentityId(id),
        source: "hr".into(),
        key: format!("{}", 10_000 + id),
        display_name: format!("Given{id} Family{}", id % 977),
        attributes: [
            attribute("given_name", format!("Given{id}")),
            attribute("family_name", format!("Family{}", id % 977)),
            attribute("birth_date", "1970-01-01".into()),
        ]
        .into(),
        contexts,
        manager_key: Some(format!("{}", 10_001 + id / 10)),
        present: true,
    }
}

fn order(number: i64) -> Order {
    let id = 1_000_000 + number * 10;
    let reason = Reason {
        rule: "sales-clerks".into(),
        context: Some("main".into()),
        facts: vec![Fact { attribute: "department".into(), value: Some("Sales".into()) }],
        path: Vec::new(),
        grant: None,
    };
    let item = |position: i64| OrderItem {
        id: OrderItemId(id + 1 + position),
        kind: if position == 0 { ItemKind::Attribute } else { ItemKind::Entitlement },
        name: format!("name {position}"),
        operation: if position == 0 { ItemOperation::Set } else { ItemOperation::Add },
        value: Some("Sales".into()),
        current: Some("Finance".into()),
        entitlement: None,
        state: ProvisioningState::Pending,
        explanation: String::new(),
        reasons: vec![reason.clone()],
        secret: false,
        message: None,
    };
    Order {
        id: OrderId(id),
        plan: PlanId(1),
        partition: PartitionId(2),
        run: None,
        identity: IdentityId(1 + number % PEOPLE),
        trigger: Trigger::IdentityRefresh,
        application: "directory".into(),
        account_type: format!("type {}", number / PEOPLE),
        account: None,
        key: None,
        operation: Operation::Create,
        mechanism: Mechanism::Direct,
        carrier: "directory".into(),
        given_to_people: false,
        lane: Lane::Normal,
        priority: Trigger::IdentityRefresh.usual_priority(),
        state: ProvisioningState::Pending,
        reason: None,
        explanation: "A rule asks for it.".into(),
        reasons: vec![reason.clone()],
        after: Vec::new(),
        fence: 0,
        attempts: 0,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: Some(at(0)),
        created_at: at(0),
        transmitted_at: None,
        executed_at: None,
        verified_at: None,
        items: (0..ITEMS).map(item).collect(),
    }
}
