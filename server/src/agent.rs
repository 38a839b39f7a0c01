//! The program as an agent: asks a server in another network what to read, reads it here, and hands the rows over. It
//! opens connections and takes none, and has no database: what is under way is known to the server.

mod speak;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use engine::agents::reading;
use engine::agents::site::Site;
use model::agent::{Assignment, ExportOutcome};
use model::command::CommandError;
use model::order::ErrorClass;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use self::speak::{Server, Told};
use crate::private_file::readable_by_others;

/// To whom an agent speaks, and what it may read.
#[derive(Args, Clone, Debug)]
pub struct AgentOptions {
    /// Address of the server, such as https://quartermaster.example.org
    #[arg(long, env = "QUARTERMASTER_SERVER")]
    pub server: String,
    /// File with the agent's token, as `quartermaster agents token` prints it
    #[arg(long, env = "QUARTERMASTER_TOKEN_FILE")]
    pub token_file: PathBuf,
    /// File that says what may be read from here, where it lies and with which credentials
    #[arg(long, env = "QUARTERMASTER_CONNECTIONS")]
    pub connections: PathBuf,
    /// File with certificates (PEM) of authorities that are trusted beside the system's
    #[arg(long, env = "QUARTERMASTER_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Exports that are read at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub parallel: u8,
    /// Speak plain HTTP with another machine; token and rows can then be read on the way
    #[arg(long)]
    pub insecure_http: bool,
}

/// Why an agent does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("--server {address} is no address; write it as https://name")]
    Address { address: String },
    #[error(
        "{address} is on another machine, and nothing protects token and rows on the way. Write it as https://…, or say \
         --insecure-http"
    )]
    Plain { address: String },
    #[error("the file {} with the {what} cannot be used: {problem}", path.display())]
    File { what: &'static str, path: PathBuf, problem: String },
    #[error("{0}")]
    Site(String),
    #[error("no connection can be made at all: {0}")]
    Client(String),
    #[error("the server refuses this agent: {0}")]
    Refused(String),
}

/// Reads for the server until it is asked to stop, or the server wants nothing of it. `ready` is told once the server has
/// answered.
///
/// # Errors
/// See [`AgentError`].
pub async fn run(
    options: &AgentOptions,
    mut stopping: watch::Receiver<bool>,
    ready: impl FnOnce(),
) -> Result<(), AgentError> {
    for path in [&options.token_file, &options.connections] {
        if readable_by_others(path).unwrap_or(false) {
            tracing::warn!(file = %path.display(), "others on this machine may read this file; chmod 600 keeps it to its owner");
        }
    }
    let server = Arc::new(Server::new(options)?);
    let subjects: Vec<String> = Site::read(&options.connections).map_err(AgentError::Site)?.subjects().collect();
    tracing::info!(server = options.server, allowed = subjects.join(", "), "this agent reads what its file allows");
    let room = Arc::new(Semaphore::new(usize::from(options.parallel)));
    let mut ready = Some(ready);
    let mut exports = JoinSet::new();
    loop {
        let work = async {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(None) };
            let told = || {
                if let Some(ready) = ready.take() {
                    ready();
                }
            };
            Ok(server.next(told).await?.map(|assignment| (assignment, place)))
        };
        let assignment = tokio::select! {
            assignment = work => assignment?,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        while exports.try_join_next().is_some() {}
        if let Some((assignment, place)) = assignment {
            let (server, connections) = (Arc::clone(&server), options.connections.clone());
            exports.spawn(async move {
                carry_out(&server, assignment, &connections).await;
                drop(place);
            });
        }
    }
    // What is under way is begun anew, by this agent when it is back or by another.
    exports.shutdown().await;
    Ok(())
}

/// Reads one export and hands it over.
async fn carry_out(server: &Server, assignment: Assignment, connections: &Path) {
    let subject = assignment.what.subject();
    let name = subject.name().to_owned();
    tracing::info!(export.id = %assignment.export, name, attempt = assignment.attempt, "begins to read");
    // The file as it is now: what was changed in it counts at once.
    let placed = Site::read(connections)
        .and_then(|site| site.place(assignment.what.clone(), &|variable| std::env::var(variable).ok()));
    // What was read and not taken yet is read no further.
    let (pages, mut taken) = mpsc::channel(1);
    // Ends with this export, however that ends.
    let mut reading = JoinSet::new();
    match placed {
        Ok(task) => {
            reading.spawn(reading::read(task, pages));
        }
        Err(problem) => {
            tracing::warn!(name, "{problem}");
            reading.spawn(async { ExportOutcome::Refused { why: problem } });
            drop(pages);
        }
    }
    let mut beat = tokio::time::interval(Duration::from_secs(u64::from(assignment.lease_seconds)).div_f32(4.0));
    loop {
        let told = tokio::select! {
            page = taken.recv() => match page {
                Some((number, page)) => server.page(&assignment, number, &page).await,
                None => break,
            },
            _ = beat.tick() => server.goes_on(&assignment).await,
        };
        match told {
            Told::Taken => {}
            Told::NotWanted(why) => {
                tracing::warn!(export.id = %assignment.export, name, "is not wanted any more: {why}");
                return;
            }
            Told::Wrong(why) => {
                tracing::error!(export.id = %assignment.export, name, "the server does not take it: {why}");
                give_up(server, &assignment, why).await;
                return;
            }
        }
    }
    let outcome = match reading.join_next().await {
        Some(Ok(outcome)) => outcome,
        _ => {
            let error =
                CommandError::new(ErrorClass::Protocol, "the reading broke off where the agent runs; see its log");
            ExportOutcome::Failed { error, findings: Vec::new() }
        }
    };
    match &outcome {
        ExportOutcome::Complete { pages, .. } => {
            tracing::info!(export.id = %assignment.export, name, pages, "is read");
        }
        ExportOutcome::Failed { error, findings } => {
            // What is wrong may quote what was read, and goes to the server alone.
            let (class, findings) = (error.class.name(), findings.len());
            tracing::warn!(export.id = %assignment.export, name, class, findings, "cannot be read; see the run's log");
        }
        // Said above.
        ExportOutcome::Refused { .. } => {}
    }
    match server.outcome(&assignment, &outcome).await {
        Told::Taken => {}
        Told::NotWanted(why) => tracing::warn!(export.id = %assignment.export, name, "its end is not wanted: {why}"),
        Told::Wrong(why) => {
            tracing::error!(export.id = %assignment.export, name, "its end is not taken: {why}");
            give_up(server, &assignment, why).await;
        }
    }
}

/// Ends an export of which the server does not take what was read: nobody waits for it in vain.
async fn give_up(server: &Server, assignment: &Assignment, why: String) {
    let why = format!("The agent cannot hand it over. {why}");
    if let Told::NotWanted(why) | Told::Wrong(why) = server.outcome(assignment, &ExportOutcome::Refused { why }).await {
        tracing::warn!(export.id = %assignment.export, "that it is given up is not taken: {why}");
    }
}
