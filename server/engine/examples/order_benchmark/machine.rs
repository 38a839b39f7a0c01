//! Orders through the whole machine to an application that costs nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connectors::Connector;
use model::job::{RunMode, TaskKind};

use crate::company::{Company, application, took};
use crate::target::Target;
use crate::{postgres, report_rate};

const LEAST: f64 = 10_000.0;

pub async fn measure(orders: usize) {
    if let Ok(database) = std::env::var("BENCHMARK_DATABASE") {
        let folder = tempfile::tempdir().unwrap();
        return one("given database", &database, folder.path(), orders).await;
    }
    for round in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("quartermaster.db").display());
        one(&format!("SQLite, round {round}"), &database, folder.path(), orders).await;
        let server = postgres::Postgres::durable();
        let database = server.url();
        let folder = tempfile::tempdir().unwrap();
        one(&format!("PostgreSQL, round {round}"), &database, folder.path(), orders).await;
    }
}

async fn one(name: &str, database: &str, folder: &std::path::Path, orders: usize) {
    let target = Arc::new(Target::default());
    let given = HashMap::from([("target".to_owned(), target.clone() as Arc<dyn Connector>)]);
    let company = Company::open(folder, database, orders, &application("target", "http://127.0.0.1:1"), given).await;
    let run = company.run("complete", RunMode::default()).await;
    assert_eq!(target.count(), orders, "every account was made");
    let generated = took(&run, TaskKind::GenerateOrders);
    let fulfilled = took(&run, TaskKind::Fulfil);
    let verified: Duration = took(&run, TaskKind::SynchronizeBack);
    report_rate(&format!("{name}: planned and written"), orders, generated, LEAST);
    report_rate(&format!("{name}: claimed, told, recorded"), orders, fulfilled, LEAST);
    report_rate(&format!("{name}: verified by a second reading"), orders, verified, LEAST);
    report_rate(&format!("{name}: all of it"), orders, generated + fulfilled + verified, LEAST);
    company.engine.stop().await;
}
