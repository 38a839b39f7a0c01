//! People, and applications in which each of them gets an account; what a workload changes is an argument.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::Connector;
use engine::clock::Clock;
use engine::{Engine, Options, configurations, jobs};
use model::ids::RunId;
use model::job::{Run, RunMode, RunState, TaskKind};
use testkit::configuration::SOURCE;

/// An application over SCIM, by name; its address is never called where a connector is given in its place.
pub fn application(name: &str, url: &str) -> String {
    let rule = format!("[rules.{name}]\nwhen = 'identity.lifecycle == \"active\"'\naccount_types = [\"{name}\"]\n");
    account_type(name, url) + &rule
}

/// The same, without anybody who is to have an account in it.
pub fn account_type(name: &str, url: &str) -> String {
    format!(
        r#"
[applications.{name}]
display_name = "Application {name}"
demo = true
[applications.{name}.connection]
kind = "scim"
url = "{url}"
[account_types.{name}]
display_name = "Account in {name}"
application = "{name}"
key = "userName"
correlation = [{{ identity = "identity.key", account = "externalId", confidence = 100 }}]
[account_types.{name}.attributes]
userName = {{ expression = '"u" + identity.key', required = true, create_only = true }}
externalId = {{ expression = "identity.key", required = true }}
displayName = {{ expression = "identity.display_name", required = true }}
title = {{ expression = "identity.department" }}
"#
    )
}

pub struct Company {
    pub engine: Engine,
    folder: PathBuf,
}

impl Company {
    /// Opens the engine over a database, with these applications and so many people, and starts its runner.
    pub async fn open(
        folder: &Path,
        database: &str,
        people: usize,
        applications: &str,
        given: HashMap<String, Arc<dyn Connector>>,
    ) -> Self {
        let configuration = folder.join("configuration");
        std::fs::create_dir_all(&configuration).unwrap();
        std::fs::write(configuration.join("all.toml"), format!("{SOURCE}{applications}")).unwrap();
        let mut options = Options::new(database.to_owned(), folder.join("data"));
        options.clock = Clock::System;
        options.tuning.answer_wait = Duration::ZERO;
        options.connectors = given;
        let company = Self { engine: Engine::open(options).await.unwrap(), folder: configuration };
        company.feed(people, &[]);
        configurations::apply(&company.engine.operating_context("benchmark"), &company.folder)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        company.engine.start_runner().await.unwrap();
        company
    }

    /// Applies another configuration.
    pub async fn configure(&self, text: &str) {
        std::fs::write(self.folder.join("all.toml"), format!("{SOURCE}{text}")).unwrap();
        configurations::apply(&self.engine.operating_context("benchmark"), &self.folder)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Writes the feed; some have left.
    pub fn feed(&self, people: usize, gone: &[usize]) {
        let mut text = String::from("number,given_name,family_name,department,manager,first_day,last_day\n");
        for number in 0..people {
            let last_day = if gone.contains(&number) { "2001-01-01" } else { "" };
            writeln!(
                text,
                "{},Given{number},Family{number},Department {},,1999-01-01,{last_day}",
                10_000 + number,
                number % 9
            )
            .unwrap();
        }
        std::fs::write(self.folder.join("people.csv"), text).unwrap();
    }

    /// Starts a job.
    pub async fn start(&self, job: &str, mode: RunMode) -> RunId {
        let op = self.engine.operating_context("benchmark");
        jobs::start(&op, job.into(), mode).await.unwrap()
    }

    /// Runs a job to its end.
    pub async fn run(&self, job: &str, mode: RunMode) -> Run {
        let mut updates = self.engine.updates().subscribe();
        let id = self.start(job, mode).await;
        let begun = Instant::now();
        loop {
            if let Ok(Ok(update)) = tokio::time::timeout(Duration::from_secs(1), updates.recv()).await
                && update.run.id == id
                && update.run.state.is_final()
            {
                assert!(matches!(update.run.state, RunState::Completed), "{:#?}", update.run);
                return update.run;
            }
            assert!(begun.elapsed() < Duration::from_secs(1_800), "the run does not end");
        }
    }
}

/// How long a task of a run took.
pub fn took(run: &Run, kind: TaskKind) -> Duration {
    let tasks = run.tasks.iter().filter(|task| task.task.kind == kind);
    tasks.filter_map(|task| Duration::try_from(task.finished_at?.duration_since(task.started_at?)).ok()).sum()
}
