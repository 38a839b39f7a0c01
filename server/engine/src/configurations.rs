//! Configuration as code: compare a directory with what is live, apply it, write it out again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use model::configuration::Configuration;
use model::error::{ApiError, ErrorCode};
use model::ids::{ConfigurationVersionId, DraftId};
use model::view::AuditLine;
use serde::Serialize;
use store::StoreError;

use crate::configuration::{self, ConfigurationFinding, ConfigurationPlan};
use crate::context::OpContext;
use crate::error::internal;
use crate::grace;
use crate::what_if::WhatIf;

/// Why a configuration directory is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// File, line and what was expected, a line each.
    #[error("{}", findings(.0))]
    Findings(Vec<ConfigurationFinding>),
    #[error(transparent)]
    Refused(#[from] ApiError),
}

fn findings(findings: &[ConfigurationFinding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What applying the directory would change: objects, and people.
pub async fn plan(op: &OpContext, directory: &Path) -> Result<ConfigurationPlan, ConfigurationError> {
    op.require("/Configuration/View")?;
    let files = configuration::read(directory).map_err(ConfigurationError::Findings)?;
    Ok(planned(op, &files.configuration).await?)
}

async fn planned(op: &OpContext, wanted: &Configuration) -> Result<ConfigurationPlan, ApiError> {
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let current = op.engine.world().configuration();
    let mut plan = difference(op, &current, wanted).await?;
    if !plan.is_empty() {
        let (engine, new, today) = (op.engine.clone(), wanted.clone(), op.engine.today());
        let work = move || {
            let live = engine.world().live();
            WhatIf::new(engine.world(), &live, new, today).map(|mut what_if| what_if.effect())
        };
        plan.effect = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?.ok();
        plan.seal = Some(seal(&configuration::digest(wanted), &plan));
    }
    Ok(plan)
}

/// Over everything that is shown: the configuration that comes of it, and what it means for whom.
pub(crate) fn seal(digest: &str, plan: &ConfigurationPlan) -> String {
    let effect = serde_json::to_string(&plan.effect).unwrap_or_default();
    configuration::hexadecimal(format!("{digest}{effect}").as_bytes())
}

fn moved_on(plan: &ConfigurationPlan) -> ApiError {
    let now = plan.seal.as_deref().map_or_else(
        || "nothing would change any more".to_owned(),
        |seal| format!("the plan of these files is {seal} now"),
    );
    ApiError::conflict(format!(
        "The files, the configuration or people changed since you looked: {now}. Nothing was applied. Look at `config plan` \
         again, then apply with the number that it shows.",
    ))
}

/// What was changed on pages since files were last applied.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// The version that the files made, by whom, and when.
    pub version: ConfigurationVersionId,
    pub by: String,
    pub at: Timestamp,
    /// From what the files said to what is live.
    pub changes: ConfigurationPlan,
}

/// How far what is live has gone from the files; none where none were ever applied. Applying the same files again would undo
/// all of it.
pub async fn drift(op: &OpContext) -> Result<Option<Arc<Drift>>, ApiError> {
    op.require("/Configuration/View")?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().live();
    let found = live.drift.get_or_try_init(|| async {
        let Some(files) = op.engine.store().last_from_files().await.map_err(internal)? else { return Ok(None) };
        let changes = configuration::difference(&files.configuration, &live.configuration);
        Ok::<_, ApiError>(Some(Arc::new(Drift { version: files.version, by: files.by, at: files.at, changes })))
    });
    Ok(found.await?.clone())
}

/// Makes the directory the live configuration; nothing happens where it already is. People's access follows with the
/// next run of *compute role model*.
pub async fn apply(op: &OpContext, directory: &Path) -> Result<ConfigurationPlan, ConfigurationError> {
    op.require("/Configuration/Apply")?;
    let files = configuration::read(directory).map_err(ConfigurationError::Findings)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let plan = difference(op, &op.engine.world().configuration(), &files.configuration).await?;
    taken_over(op, files.configuration, plan).await
}

/// The same, where it would do just what somebody looked at: `seen` is the seal of that plan.
pub async fn apply_as_seen(
    op: &OpContext,
    directory: &Path,
    seen: &str,
) -> Result<ConfigurationPlan, ConfigurationError> {
    op.require("/Configuration/Apply")?;
    let files = configuration::read(directory).map_err(ConfigurationError::Findings)?;
    let plan = planned(op, &files.configuration).await?;
    if plan.seal.as_deref() != Some(seen.trim()) {
        return Err(moved_on(&plan).into());
    }
    taken_over(op, files.configuration, plan).await
}

async fn taken_over(
    op: &OpContext,
    wanted: Configuration,
    plan: ConfigurationPlan,
) -> Result<ConfigurationPlan, ConfigurationError> {
    if !plan.is_empty() || op.engine.world().configuration_version().is_none() {
        make_live(op, wanted, None, "").await?;
    }
    Ok(plan)
}

/// Makes `wanted` the live configuration, in the place of the one that is in memory now, and ends the draft that it comes
/// from, where it comes from one.
///
/// # Errors
/// Where the configuration or the draft is not what it was any more; nothing is changed then.
pub(crate) async fn make_live(
    op: &OpContext,
    wanted: Configuration,
    draft: Option<DraftId>,
    note: &str,
) -> Result<ConfigurationVersionId, ApiError> {
    let store = op.engine.store();
    let version = ConfigurationVersionId(store.reserve_ids(1).await.map_err(internal)?.start);
    let before = op.engine.world().configuration_version();
    let digest = configuration::digest(&wanted);
    let kept = grace::prepare(op, &wanted, version).await?;
    let note = match kept.len() {
        0 => note.to_owned(),
        1 => format!("{note}; one assignment is kept for its grace period"),
        count => format!("{note}; {count} assignments are kept for their grace periods"),
    };
    let (by, at) = (op.user.login.clone(), op.now);
    let audit = AuditLine {
        at,
        actor: by.clone(),
        action: "configuration".into(),
        subject: version.to_string(),
        detail: format!("applied {digest}{note}"),
    };
    let work = store.write(move |tx| {
        Box::pin(async move {
            if !tx.is_current_configuration(before).await? {
                return Ok(false);
            }
            tx.apply_configuration(version, &wanted, &digest, &by, at).await?;
            if let Some(draft) = draft
                && !tx.end_draft(draft, Some(version), &by, at).await?
            {
                return Err(StoreError::NotFound { what: format!("open draft {draft}") });
            }
            grace::write(tx, &kept).await?;
            tx.append_audit(&audit).await?;
            Ok::<_, StoreError>(true)
        })
    });
    let is_done = match work.await {
        Err(StoreError::NotFound { .. }) if draft.is_some() => false,
        outcome => outcome.map_err(internal)?,
    };
    if !is_done {
        return Err(ApiError::conflict(
            "Somebody else changed the configuration at the same moment. Nothing was applied; look again, then repeat it.",
        ));
    }
    op.engine.follow().await.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(version)
}

/// The difference, with the orders that whoever is removed still has.
async fn difference(
    op: &OpContext,
    current: &Configuration,
    wanted: &Configuration,
) -> Result<ConfigurationPlan, ApiError> {
    let mut plan = configuration::difference(current, wanted);
    for (name, _) in current.carriers().filter(|(name, _)| wanted.carrier(name).is_none()) {
        let orders = op.engine.store().orders_under_way(name).await.map_err(internal)?.handed;
        if orders > 0 {
            plan.left_behind.push((name.clone(), orders));
        }
    }
    Ok(plan)
}

/// The live configuration as files: path below a configuration directory, and text.
pub async fn export(op: &OpContext) -> Result<Vec<(PathBuf, String)>, ApiError> {
    op.require("/Configuration/View")?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    Ok(configuration::export(&op.engine.world().configuration()))
}
