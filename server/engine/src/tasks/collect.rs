//! Collect: reads identity sources and applications into the staging area. Nothing that is known changes here; what
//! was read is taken over, or not, by *synchronize*.
//!
//! A feed that is wrong stops the run: deciding from half a feed is how people lose their access. An application that
//! cannot be read keeps its last known state, and its orders wait: the job says whether it goes on without.
//!
//! What an agent reads is asked of it ([`crate::agents::exports`]), and is then as if it had been read here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use connectors::feed::{self, Feed, FeedRow};
use model::account::{ObservedAccount, ObservedEntitlement};
use model::command::CommandError;
use model::configuration::IdentitySource;
use model::feed::FeedIdentity;
use model::ids::{AgentExportId, RunId};
use model::job::{LogLevel, TaskScope};
use model::order::ErrorClass;
use policy::expression::{Expression, Subject};
use serde::Serialize;
use store::StoreError;
use tokio::task::JoinSet;

use super::{Context, Reading, TaskEnd, accounts_origin, applications, counted, entitlements_origin, source_origin};
use crate::Engine;
use crate::agents::exports::{self, NoExport};
use crate::progress::Progress;

pub(super) async fn carry_out(scope: &TaskScope, context: &mut Context, progress: &Progress) -> TaskEnd {
    let configuration = context.engine.world().deciding().configuration();
    if configuration.sources.is_empty() && configuration.applications.is_empty() {
        return TaskEnd::Errored(
            "There is nothing to collect: the configuration has no source and no application. Apply one with `quartermaster config apply DIRECTORY`."
                .into(),
        );
    }
    for (name, source) in
        configuration.sources.iter().filter(|(name, source)| !source.filled_by_sign_ins && scope.has_source(name))
    {
        if let Err(end) = collect_source(context, progress, name, source).await {
            return end;
        }
    }
    if context.mode.incremental {
        // Applications tell no differences by themselves; what was ordered is read back one by one later.
        return TaskEnd::Completed(None);
    }
    let names = applications(&configuration, scope);
    let unread = collect_applications(context, progress, names, Place::Staged).await;
    match unread {
        Ok(unread) if unread.is_empty() => TaskEnd::Completed(None),
        Ok(unread) => TaskEnd::ApplicationFailed(format!(
            "{} not read and {} last known state: {}.",
            if unread.len() == 1 { "One application was" } else { "Some applications were" },
            if unread.len() == 1 { "keeps its" } else { "keep their" },
            unread.join(", ")
        )),
        Err(end) => end,
    }
}

async fn collect_source(
    context: &mut Context,
    progress: &Progress,
    name: &str,
    source: &IdentitySource,
) -> Result<(), TaskEnd> {
    let feed = read_source(context, progress, name, source).await.map_err(|unread| match unread {
        NoExport::Failed(error, findings) => {
            for line in &findings {
                progress.say(LogLevel::Error, line);
            }
            let first = broker::untrusted::message(&error.message);
            TaskEnd::Errored(format!("The feed of `{name}` is not taken over; what was known before is kept. {first}"))
        }
        NoExport::GivenUp(why) => {
            TaskEnd::Errored(format!("The feed of `{name}` is not taken over; what was known before is kept. {why}"))
        }
        NoExport::Interrupted => TaskEnd::Interrupted,
        NoExport::Store(error) => TaskEnd::errored("What an agent has read cannot be used", &error),
    })?;
    for warning in &feed.warnings {
        progress.say(LogLevel::Warning, warning);
    }
    let count = feed.identities.len() as u64;
    progress.expect(count, "rows");
    let reading = feed.reading;
    // An incremental run is short enough to read again after a crash: its rows stay in memory.
    if context.mode.incremental || context.mode.dry_run {
        context.scenario.feeds.insert(name.to_owned(), (reading, feed.identities));
    } else {
        let rows = feed.identities.iter().map(|identity| (identity.key.clone(), identity));
        stage(context, &source_origin(name), &reading, rows)
            .await
            .map_err(|error| TaskEnd::errored("What was read could not be stored", &error))?;
    }
    if let Some(export) = feed.export {
        exports::taken_over(&context.engine, context.run, export)
            .await
            .map_err(|error| TaskEnd::errored("What was read could not be stored", &error))?;
    }
    progress.advance(count, 0).await;
    progress.count("people", i64::try_from(count).unwrap_or(i64::MAX));
    progress.say(LogLevel::Information, format!("Read {} from `{name}`.", counted(count, "row")));
    Ok(())
}

/// A feed, read here or by an agent.
struct FeedRead {
    reading: Reading,
    identities: Vec<FeedIdentity>,
    warnings: Vec<String>,
    export: Option<AgentExportId>,
}

async fn read_source(
    context: &Context,
    progress: &Progress,
    name: &str,
    source: &IdentitySource,
) -> Result<FeedRead, NoExport> {
    let configuration = context.engine.world().deciding().configuration();
    if let Some((agent, task)) = exports::of_source(&configuration, name) {
        let export = exports::read(&context.engine, context.run, progress, &agent, &task).await?;
        return Ok(FeedRead {
            reading: Reading { at: export.at, digest: export.digest, partial: false },
            identities: export.people,
            warnings: export.warnings,
            export: Some(export.id),
        });
    }
    let at = context.engine.now();
    let feed = read_feed(source).await.map_err(|problem| {
        let findings: Vec<String> = problem.lines().map(str::to_owned).collect();
        let first = findings.first().cloned().unwrap_or_default();
        NoExport::Failed(CommandError::new(ErrorClass::Invalid, first), findings)
    })?;
    Ok(FeedRead {
        reading: Reading { at, digest: feed.digest, partial: false },
        identities: feed.identities,
        warnings: feed.warnings.iter().map(ToString::to_string).collect(),
        export: None,
    })
}

/// Reads a feed off the runtime's threads; the problem is one line a finding.
pub(crate) async fn read_feed(source: &IdentitySource) -> Result<Feed, String> {
    let source = source.clone();
    let read = tokio::task::spawn_blocking(move || {
        let expression = Expression::parse(&source.display_name).map_err(|error| error.to_string())?;
        let mut display_name = |row: &FeedRow<'_>| display_name(&expression, row);
        feed::read(&source, Path::new(""), &mut display_name).map_err(|error| error.to_string())
    });
    read.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// One row of a source that sign-ins fill, out of values by column; the problem is one line a finding.
pub(crate) fn read_row(source: &IdentitySource, values: &BTreeMap<String, String>) -> Result<FeedIdentity, String> {
    let expression = Expression::parse(&source.display_name).map_err(|error| error.to_string())?;
    let mut display_name = |row: &FeedRow<'_>| display_name(&expression, row);
    feed::row(source, values, &mut display_name).map_err(|error| error.to_string())
}

fn display_name(expression: &Expression, row: &FeedRow<'_>) -> Result<String, String> {
    let value = expression.evaluate(&Subject::of_row(row.key, row.attributes, row.manager_key))?;
    value.map(|value| value.to_string()).ok_or_else(|| "the expression for the display name gives no value".to_owned())
}

/// Everything read from one application.
pub(crate) struct Collected {
    pub(crate) reading: Reading,
    pub(crate) accounts: Vec<ObservedAccount>,
    pub(crate) entitlements: Vec<ObservedEntitlement>,
    /// The keys that were asked for, where not all accounts were read.
    pub(crate) asked: Option<BTreeSet<String>>,
    /// The export that an agent has handed over, where it was read by one.
    pub(crate) export: Option<AgentExportId>,
}

/// Where a reading waits until it is taken over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the database, for a later step.
    Staged,
    /// In memory, for the same step: broken off, it reads again.
    Memory,
}

/// Reads applications side by side; answers with those that could not be read.
pub(super) async fn collect_applications(
    context: &mut Context,
    progress: &Progress,
    names: Vec<String>,
    place: Place,
) -> Result<Vec<String>, TaskEnd> {
    let failed = |error: StoreError| TaskEnd::errored("What was read could not be stored", &error);
    let mut reading = JoinSet::new();
    for name in names {
        let (engine, run, progress) = (context.engine.clone(), context.run, progress.clone());
        reading.spawn(async move {
            let read = read_application(&engine, run, &progress, &name).await;
            (name, read)
        });
    }
    let mut unread = Vec::new();
    let mut interrupted = None;
    while let Some(joined) = reading.join_next().await {
        let Ok((name, read)) = joined else { continue };
        match read {
            Ok(None) => progress.say(
                LogLevel::Information,
                format!("`{name}` gives no list of its accounts; confirmed orders end as Executed there."),
            ),
            Ok(Some(collected)) => {
                let count = collected.accounts.len() as u64;
                progress.expect(count, "rows");
                progress.advance(count, 0).await;
                progress.count("accounts", i64::try_from(count).unwrap_or(i64::MAX));
                progress.say(LogLevel::Information, format!("Read {} from `{name}`.", counted(count, "account")));
                let export = collected.export;
                keep(context, &name, collected, place).await.map_err(failed)?;
                if let Some(export) = export {
                    exports::taken_over(&context.engine, context.run, export).await.map_err(failed)?;
                }
                note_trouble(&context.engine, &name, None).await.map_err(failed)?;
            }
            Err(NoExport::Interrupted) => interrupted = Some(TaskEnd::Interrupted),
            Err(NoExport::Store(error)) => interrupted = Some(failed(error)),
            Err(NoExport::GivenUp(why)) => {
                progress.say(LogLevel::Warning, format!("`{name}` cannot be read: {why}"));
                note_trouble(&context.engine, &name, Some(why)).await.map_err(failed)?;
                unread.push(name);
            }
            Err(NoExport::Failed(error, _)) => {
                let error = broker::untrusted::error(error);
                let (message, remedy) = (error.message.trim_end_matches('.'), error.class.remedy());
                progress.say(LogLevel::Warning, format!("`{name}` cannot be read: {message}. {remedy}"));
                note_trouble(&context.engine, &name, Some(error.message)).await.map_err(failed)?;
                unread.push(name);
            }
        }
    }
    if let Some(end) = interrupted {
        return Err(end);
    }
    unread.sort();
    Ok(unread)
}

async fn keep(context: &mut Context, name: &str, collected: Collected, place: Place) -> Result<(), StoreError> {
    if context.mode.dry_run || place == Place::Memory {
        context.scenario.applications.insert(name.to_owned(), collected);
        return Ok(());
    }
    let entitlements = collected.entitlements.iter().map(|row| (row.key.clone(), row));
    stage(context, &entitlements_origin(name), &collected.reading, entitlements).await?;
    let accounts = collected.accounts.iter().map(|row| (row.key.clone(), row));
    stage(context, &accounts_origin(name), &collected.reading, accounts).await
}

/// Reads one application whole, or has its agent read it; nothing where it cannot be listed.
async fn read_application(
    engine: &Engine,
    run: RunId,
    progress: &Progress,
    name: &str,
) -> Result<Option<Collected>, NoExport> {
    let Some((agent, task)) = exports::of_application(engine, name) else {
        return read_from_here(engine, name).await.map_err(|error| NoExport::Failed(error, Vec::new()));
    };
    let export = exports::read(engine, run, progress, &agent, &task).await?;
    if !export.lists {
        exports::taken_over(engine, run, export.id).await?;
        return Ok(None);
    }
    let reading = Reading { at: export.at, digest: export.digest, partial: false };
    let (accounts, entitlements) = (export.accounts, export.entitlements);
    Ok(Some(Collected { reading, accounts, entitlements, asked: None, export: Some(export.id) }))
}

async fn read_from_here(engine: &Engine, name: &str) -> Result<Option<Collected>, CommandError> {
    let connector = engine.connector(name).await?;
    let capabilities = connector.capabilities();
    if !capabilities.lists {
        return Ok(None);
    }
    let at = engine.now();
    let entitlements = if capabilities.entitlements { connector.entitlements().await? } else { Vec::new() };
    // By key, because some servers repeat rows while they are written to.
    let mut accounts = BTreeMap::new();
    connector
        .accounts(&mut |page| accounts.extend(page.into_iter().map(|account| (account.key.clone(), account))))
        .await?;
    let reading = Reading { at, digest: String::new(), partial: false };
    Ok(Some(Collected { reading, accounts: accounts.into_values().collect(), entitlements, asked: None, export: None }))
}

async fn stage<T: Serialize>(
    context: &Context,
    origin: &str,
    reading: &Reading,
    rows: impl Iterator<Item = (String, T)>,
) -> Result<(), StoreError> {
    let mut staged = vec![(String::new(), json(reading))];
    staged.extend(rows.map(|(key, row)| (key, json(&row))));
    let (run, node, origin) = (context.run, context.engine.node().to_owned(), origin.to_owned());
    context
        .engine
        .store()
        .write(move |tx| {
            Box::pin(async move {
                tx.hold_run(run, &node).await?;
                tx.clear_stage(run, Some(&origin)).await?;
                tx.stage(run, &origin, &staged).await
            })
        })
        .await
}

/// JSON of plain data, which always has one.
fn json<T: Serialize>(row: &T) -> String {
    serde_json::to_string(row).unwrap_or_default()
}

/// Keeps, or clears, what is wrong with an application for its page.
pub(crate) async fn note_trouble(engine: &Engine, name: &str, trouble: Option<String>) -> Result<(), StoreError> {
    let (name, at) = (name.to_owned(), engine.now());
    let notice = trouble.as_deref().and_then(|problem| crate::mails::notices::trouble(engine, &name, problem, at));
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            if tx.set_trouble(&name, trouble.as_deref(), at).await? {
                tx.insert_notices(notice.as_slice()).await?;
            }
            Ok(())
        })
    });
    work.await
}
