//! Collect: reads identity sources and applications into the staging area. Nothing that is known changes here; what
//! was read is taken over, or not, by *synchronize*.
//!
//! A feed that is wrong stops the run: deciding from half a feed is how people lose their access. An application that
//! cannot be read keeps its last known state, and its orders wait: the job says whether it goes on without.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use connectors::feed::{self, Feed, FeedRow};
use model::account::{ObservedAccount, ObservedEntitlement};
use model::command::CommandError;
use model::configuration::IdentitySource;
use model::job::{LogLevel, TaskScope};
use policy::expression::{Expression, Subject};
use serde::Serialize;
use store::StoreError;
use tokio::task::JoinSet;

use super::{Context, Reading, TaskEnd, accounts_origin, applications, counted, entitlements_origin, source_origin};
use crate::Engine;
use crate::progress::Progress;

pub(super) async fn carry_out(scope: &TaskScope, context: &mut Context, progress: &Progress) -> TaskEnd {
    let configuration = context.engine.world().deciding().configuration();
    if configuration.sources.is_empty() && configuration.applications.is_empty() {
        return TaskEnd::Errored(
            "There is nothing to collect: the configuration has no source and no application. Apply one with `quartermaster config apply DIRECTORY`."
                .into(),
        );
    }
    for (name, source) in configuration.sources.iter().filter(|(name, _)| scope.has_source(name)) {
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
        Err(error) => TaskEnd::errored("What was read could not be stored", &error),
    }
}

async fn collect_source(
    context: &mut Context,
    progress: &Progress,
    name: &str,
    source: &IdentitySource,
) -> Result<(), TaskEnd> {
    let at = context.engine.now();
    let feed = read_feed(source).await.map_err(|problem| {
        for line in problem.lines() {
            progress.say(LogLevel::Error, line);
        }
        let first = problem.lines().next().unwrap_or_default().to_owned();
        TaskEnd::Errored(format!("The feed of `{name}` is not taken over; what was known before is kept. {first}"))
    })?;
    for warning in &feed.warnings {
        progress.say(LogLevel::Warning, warning.to_string());
    }
    let count = feed.identities.len() as u64;
    progress.expect(count, "rows");
    let reading = Reading { at, digest: feed.digest.clone(), partial: false };
    // An incremental run is short enough to read again after a crash: its rows stay in memory.
    if context.mode.incremental || context.mode.dry_run {
        context.scenario.feeds.insert(name.to_owned(), (reading, feed.identities));
    } else {
        let rows = feed.identities.iter().map(|identity| (identity.key.clone(), identity));
        stage(context, &source_origin(name), &reading, rows)
            .await
            .map_err(|error| TaskEnd::errored("What was read could not be stored", &error))?;
    }
    progress.advance(count, 0).await;
    progress.count("people", i64::try_from(count).unwrap_or(i64::MAX));
    progress.say(LogLevel::Information, format!("Read {} from `{name}`.", counted(count, "row")));
    Ok(())
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
) -> Result<Vec<String>, StoreError> {
    let mut reading = JoinSet::new();
    for name in names {
        let engine = context.engine.clone();
        reading.spawn(async move {
            let read = read_application(&engine, &name).await;
            (name, read)
        });
    }
    let mut unread = Vec::new();
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
                keep(context, &name, collected, place).await?;
                note_trouble(&context.engine, &name, None).await?;
            }
            Err(error) => {
                let error = broker::untrusted::error(error);
                progress.say(
                    LogLevel::Warning,
                    format!("`{name}` cannot be read: {}. {}", error.message, error.class.remedy()),
                );
                note_trouble(&context.engine, &name, Some(error.message.clone())).await?;
                unread.push(name);
            }
        }
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

/// Reads one application whole; nothing where it cannot be listed.
pub(crate) async fn read_application(engine: &Engine, name: &str) -> Result<Option<Collected>, CommandError> {
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
    Ok(Some(Collected { reading, accounts: accounts.into_values().collect(), entitlements, asked: None }))
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
