//! A run asks an agent for an export and waits for it. All that is known of it is in the database: whichever node carries
//! the run out, and whichever the agent speaks to, they find the same, and a run that goes on after a restart goes on
//! with the export that it had asked for.

use std::collections::BTreeMap;

use broker::agent::{Patience, Verdict, judge, waiting};
use jiff::{SignedDuration, Timestamp};
use model::account::{ObservedAccount, ObservedEntitlement};
use model::agent::{AgentExport, ExportOutcome, ExportPage, ExportSubject, ExportTask};
use model::command::CommandError;
use model::configuration::{Agent, Configuration};
use model::feed::FeedIdentity;
use model::ids::{AgentExportId, RunId};
use store::{NewExport, StoreError};

use super::LOOK_EVERY;
use crate::Engine;
use crate::connections;
use crate::progress::{Progress, Stop};

/// What an agent has read.
pub(crate) struct Export {
    pub(crate) id: AgentExportId,
    /// What was read is no older than this.
    pub(crate) at: Timestamp,
    pub(crate) lists: bool,
    pub(crate) digest: String,
    pub(crate) warnings: Vec<String>,
    pub(crate) entitlements: Vec<ObservedEntitlement>,
    pub(crate) accounts: Vec<ObservedAccount>,
    pub(crate) people: Vec<FeedIdentity>,
}

/// Why there is no export.
pub(crate) enum NoExport {
    /// As an application or a feed that cannot be read: an error, and what is wrong in a feed.
    Failed(CommandError, Vec<String>),
    /// It was asked of an agent in vain: sentences that say why, and what to do.
    GivenUp(String),
    /// The run is to stop.
    Interrupted,
    Store(StoreError),
}

impl From<StoreError> for NoExport {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What an application's agent is told, with the agent's name; nothing where the application is read here.
pub(crate) fn of_application(engine: &Engine, name: &str) -> Option<(String, ExportTask)> {
    let live = engine.world().deciding();
    let configuration = live.configuration();
    let application = configuration.applications.get(name)?;
    let agent = application.read_by.clone()?;
    let keys = connections::account_types(&configuration, &live.catalogue, name);
    let task = ExportTask::Application {
        name: name.to_owned(),
        connection: application.connection.clone(),
        account_types: keys.into_iter().map(|kind| (kind.name, kind.key)).collect(),
        attributes: connections::attributes(&configuration, name),
        concurrency: application.concurrency.unwrap_or(connections::CONCURRENCY),
    };
    Some((agent, task))
}

/// The same of an identity source.
pub(crate) fn of_source(configuration: &Configuration, name: &str) -> Option<(String, ExportTask)> {
    let source = configuration.sources.get(name)?;
    Some((source.read_by.clone()?, ExportTask::Source { name: name.to_owned(), source: source.clone() }))
}

/// Asks the agent for a reading, or goes on with what this step of the run has asked for before, and waits for it.
pub(crate) async fn read(
    engine: &Engine,
    run: RunId,
    progress: &Progress,
    agent: &str,
    task: &ExportTask,
) -> Result<Export, NoExport> {
    let read = wait(engine, run, progress, agent, task).await;
    progress.wait_for(task.subject().name(), None).await;
    read
}

async fn wait(
    engine: &Engine,
    run: RunId,
    progress: &Progress,
    agent: &str,
    task: &ExportTask,
) -> Result<Export, NoExport> {
    let described = engine.world().deciding().configuration().agents.get(agent).cloned();
    let (label, patience) = match &described {
        Some(described) => (described.display_name.clone(), patience(described)),
        None => {
            return Err(NoExport::GivenUp(format!(
                "There is no agent `{agent}` in the configuration any more. Name another with `read_by`, then start the job again."
            )));
        }
    };
    let subject = task.subject();
    let id = ask(engine, run, &progress.step(), agent, task).await?;
    loop {
        let heard = engine.exports().notified();
        let export = engine.store().agent_export(id).await?.ok_or_else(|| {
            NoExport::GivenUp(format!(
                "What the agent \u{201c}{label}\u{201d} was asked for is gone. Start the job again."
            ))
        })?;
        let last = engine.store().agent_heard_at(agent).await?;
        match judge(&export, &label, last, &patience, engine.now()) {
            Verdict::Take => return take(engine, &export, &label).await,
            Verdict::Over => return Err(why_it_is_over(&export)),
            Verdict::GiveUp(why) => {
                if give_up(engine, run, id, &why).await? {
                    return Err(NoExport::GivenUp(why));
                }
                continue;
            }
            Verdict::Wait => {}
        }
        match progress.stop_asked().await {
            Stop::GoOn => {}
            Stop::Cancelled => {
                give_up(engine, run, id, "The run was cancelled.").await?;
                return Err(NoExport::Interrupted);
            }
            // Whoever goes on with the run goes on with what was asked for.
            Stop::Process => return Err(NoExport::Interrupted),
        }
        let sentence = waiting(&export, &label, last, engine.now());
        progress.wait_for(subject.name(), Some(sentence)).await;
        tokio::select! {
            () = heard => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

fn patience(agent: &Agent) -> Patience {
    let minutes = |minutes: u16| SignedDuration::from_mins(i64::from(minutes));
    Patience { silence: minutes(agent.silence_minutes()), whole: minutes(agent.export_minutes()) }
}

/// The export that this step has asked for, or a new one.
async fn ask(
    engine: &Engine,
    run: RunId,
    step: &str,
    agent: &str,
    task: &ExportTask,
) -> Result<AgentExportId, NoExport> {
    let subject: ExportSubject = task.subject();
    if let Some(open) = engine.store().open_export(run, step, &subject).await? {
        if open.agent == agent {
            return Ok(open.id);
        }
        give_up(engine, run, open.id, "Another agent reads it by now.").await?;
        // Complete ones are not given up; what another agent has read serves as well.
        if engine.store().open_export(run, step, &subject).await?.is_some() {
            return Ok(open.id);
        }
    }
    let id = AgentExportId(engine.store().reserve_ids(1).await?.start);
    let (agent, step, task, at) = (agent.to_owned(), step.to_owned(), task.clone(), engine.now());
    let node = engine.node().to_owned();
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.hold_run(run, &node).await?;
            tx.request_export(&NewExport { id, agent: &agent, run, step: &step, task: &task }, at).await
        })
    });
    work.await?;
    engine.exports().notify_waiters();
    Ok(id)
}

async fn give_up(engine: &Engine, run: RunId, id: AgentExportId, why: &str) -> Result<bool, StoreError> {
    let (node, why, at) = (engine.node().to_owned(), why.to_owned(), engine.now());
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.hold_run(run, &node).await?;
            tx.give_export_up(id, &why, at).await
        })
    });
    work.await
}

fn why_it_is_over(export: &AgentExport) -> NoExport {
    match (&export.outcome, &export.given_up_because) {
        (_, Some(why)) => NoExport::GivenUp(why.clone()),
        (Some(ExportOutcome::Refused { why }), _) => NoExport::GivenUp(why.clone()),
        (Some(ExportOutcome::Failed { error, findings }), _) => NoExport::Failed(error.clone(), findings.clone()),
        _ => NoExport::GivenUp("The export was ended elsewhere. Start the job again.".to_owned()),
    }
}

/// Reads the pages. They stay until [`taken_over`]: whoever goes on after a crash finds them.
async fn take(engine: &Engine, export: &AgentExport, label: &str) -> Result<Export, NoExport> {
    let Some(ExportOutcome::Complete { pages, lists, digest, warnings }) = export.outcome.clone() else {
        return Err(NoExport::GivenUp("The export is complete and says nothing. Start the job again.".to_owned()));
    };
    let (mut entitlements, mut accounts, mut people) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut order = Vec::new();
    for number in 1..=pages {
        let corrupt = |why: &str| StoreError::Corrupt { what: format!("page {number} of export {}: {why}", export.id) };
        let body = engine.store().export_page(export.id, number).await?.ok_or_else(|| corrupt("is not there"))?;
        let page: ExportPage = serde_json::from_str(&body).map_err(|_| corrupt("is none"))?;
        entitlements.extend(page.entitlements.into_iter().map(|row| (row.key.clone(), row)));
        // By key, because some servers repeat rows while they are written to.
        accounts.extend(page.accounts.into_iter().map(|row| (row.key.clone(), row)));
        for row in page.people {
            let key = row.key.clone();
            if people.insert(key.clone(), row).is_some() {
                return Err(NoExport::GivenUp(format!(
                    "The agent \u{201c}{label}\u{201d} has handed \u{201c}{key}\u{201d} over twice. Install the same release at both \
                     ends, then start the job again."
                )));
            }
            order.push(key);
        }
    }
    Ok(Export {
        id: export.id,
        at: export.taken_at.unwrap_or(export.requested_at),
        lists,
        digest,
        warnings,
        entitlements: entitlements.into_values().collect(),
        accounts: accounts.into_values().collect(),
        people: order.iter().filter_map(|key| people.remove(key)).collect(),
    })
}

/// What an export held is where it belongs; its pages are no longer needed.
pub(crate) async fn taken_over(engine: &Engine, run: RunId, id: AgentExportId) -> Result<(), StoreError> {
    let node = engine.node().to_owned();
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.hold_run(run, &node).await?;
            tx.take_export_over(id).await.map(drop)
        })
    });
    work.await
}
