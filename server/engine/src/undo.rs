//! Undo of a run: what would go back, before anything happens; and a run of its own that does it, through the same
//! checks, thresholds and states as every other change. What was confirmed is bound to what was seen by a digest: where
//! the world has moved on in between, nothing is ordered.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::trigger::Situation;
use broker::undo::UndoInput;
use broker::{blast_radius, check, partition, undo};
use model::error::ApiError;
use model::ids::{IdentityId, OrderId, RunId};
use model::job::{JobTask, LogLevel, RunMode, TaskKind, UNDO};
use model::order::{Order, ProvisioningState};
use model::page::Page;
use model::plan::Operation;
use model::undo::{RunUndo, UndoFate, UndoFilter, UndoLine, UndoPreview, UndoRow, UndoSelection};
use model::view::RunRow;
use store::{StoreError, ThresholdUse};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::progress::Progress;
use crate::tasks::generate::{self, Extras, Planned};
use crate::tasks::guard::Way;
use crate::tasks::{Context, TaskEnd, counted};

/// Lines on one page.
const PAGE: usize = 100;
/// Longest reason that is kept.
const REASON_LIMIT: usize = 500;

/// What taking back this run, or a part of it, would do. Nothing changes.
pub async fn preview(
    op: &OpContext,
    run: RunId,
    selection: UndoSelection,
    filter: UndoFilter,
) -> Result<UndoPreview, ApiError> {
    op.require("/Jobs/View")?;
    let row = undoable(op, run).await?;
    let (run, job_label) = (row.run, row.job_label);
    let found = Found::read(&op.engine, run.id, &selection, "").await.map_err(internal)?;
    let digest = undo::digest(&found.undo.lines);
    let undone_by = op.engine.store().undos_of(run.id).await.map_err(internal)?;
    Ok(UndoPreview {
        digest,
        counts: UndoFate::NAMES
            .iter()
            .map(|name| {
                let count = found.undo.lines.iter().filter(|line| line.fate.name() == *name).count();
                ((*name).to_owned(), count as u64)
            })
            .collect(),
        orders: by_operation(&found.undo),
        people: found.undo.plans.len() as u64,
        applications: found.applications(&op.engine),
        account_types: found.account_types(&op.engine),
        blast_radius: found.blast_radius(&op.engine),
        unsent: found.unsent,
        undone_by,
        rows: found.rows(&op.engine, &filter),
        run,
        job_label,
        selection,
    })
}

/// The undo that this run carries out, if it is one, and the undos of it.
pub async fn links(op: &OpContext, run: RunId) -> Result<(Option<RunUndo>, Vec<RunUndo>), ApiError> {
    op.require("/Jobs/View")?;
    let store = op.engine.store();
    Ok((store.undo_of(run).await.map_err(internal)?, store.undos_of(run).await.map_err(internal)?))
}

/// Queues the run that takes back what `digest` names. Refused where that is not what would go back now.
pub async fn start(
    op: &OpContext,
    run: RunId,
    selection: UndoSelection,
    digest: String,
    reason: String,
) -> Result<RunId, ApiError> {
    op.require("/Jobs/Undo")?;
    let reason: String = reason.trim().chars().take(REASON_LIMIT).collect();
    if reason.is_empty() {
        return Err(ApiError::invalid("reason", "Say why the run is undone; it is kept with every order."));
    }
    undoable(op, run).await?;
    let found = Found::read(&op.engine, run, &selection, "").await.map_err(internal)?;
    if undo::digest(&found.undo.lines) != digest {
        return Err(ApiError::conflict(format!(
            "What would go back of run {run} has changed since you looked at it. Look again, then confirm."
        )));
    }
    if found.undo.plans.is_empty() {
        return Err(ApiError::conflict(format!("Nothing of run {run} can be taken back; each line says why.")));
    }
    let tasks = [TaskKind::GenerateOrders, TaskKind::Fulfil, TaskKind::SynchronizeBack].map(JobTask::usual);
    let by = op.user.login.clone();
    let detail = format!("started the undo of run {run}: {reason}");
    let make = |id| {
        let kept = RunUndo { run: id, undoes: run, selection, reason, by, digest, at: op.now };
        (crate::jobs::queued(id, UNDO, &tasks, RunMode::default(), op.now), Some(kept))
    };
    crate::jobs::queue(op, make, detail).await
}

/// How much the run changes; none before its plans are made.
pub async fn blast_radius(op: &OpContext, run: RunId) -> Result<Option<model::blast_radius::BlastRadius>, ApiError> {
    op.require("/Jobs/View")?;
    let mut found = op.engine.store().blast_radius(run).await.map_err(internal)?;
    for row in found.iter_mut().flat_map(|found| &mut found.applications) {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(found)
}

/// Generates the orders of an undo run, in place of those that the role model asks for.
pub(crate) async fn generate(
    context: &mut Context,
    progress: &Progress,
    kept: &RunUndo,
) -> Result<TaskEnd, StoreError> {
    let engine = context.engine.clone();
    let made = engine.store().orders_of_run(context.run).await?;
    if !made.is_empty() {
        // Written before the process was stopped.
        return Ok(TaskEnd::Completed(Some(format!("{} made before.", counted(made.len() as u64, "order")))));
    }
    let explanation = format!("Undo of run {} by {}: {}", kept.undoes, kept.by, kept.reason);
    let found = Found::read(&engine, kept.undoes, &kept.selection, &explanation).await?;
    progress.expect(found.undo.plans.len() as u64, "identities");
    if undo::digest(&found.undo.lines) != kept.digest {
        return Ok(TaskEnd::Errored(format!(
            "What would go back of run {} has changed since it was confirmed. No order was written. Look at the undo \
             again, then confirm it anew.",
            kept.undoes
        )));
    }
    let live = engine.world().deciding();
    let mut planned = Vec::with_capacity(found.undo.plans.len());
    for plan in found.undo.plans.clone() {
        let partitions = partition::split(&plan, &live.catalogue);
        match check::check(plan, partitions) {
            Ok(checked) => planned.push(Planned { checked, leaver: false, situation: Situation::NO_MATTER }),
            Err(findings) => {
                let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
                return Ok(TaskEnd::Errored(format!("The undo is refused by its checker: {}", findings.join("; "))));
            }
        }
    }
    let radius = found.blast_radius(&engine);
    generate::keep_blast_radius(context, progress, radius).await?;
    let names = found.undo.plans.iter().map(|plan| plan.identity).collect::<Vec<_>>();
    let names = engine.store().identities_by_id(&names).await?;
    let names = names.into_iter().map(|identity| (identity.id, identity.display_name)).collect();
    let (approval, used) = match generate::guard_undo(context, progress, &planned, &names).await? {
        (Way::Free, used) => (None, used),
        // What a person approved uses up nothing of the hour.
        (Way::Approved(approval), _) => (Some(approval), ThresholdUse::default()),
        (Way::Blocked(end), _) => return Ok(end),
    };
    let lines = &found.undo.lines;
    let count = lines.iter().filter(|line| line.fate == UndoFate::GoesBack).count();
    let mut ids = engine.store().reserve_ids(count).await?;
    let now = engine.now();
    let undone = undo::undone(lines, &mut ids, context.run, &kept.by, &kept.reason, now);
    let held = engine.store().undone().await?;
    let ended = undo::ended(lines, &held).into_iter().map(|row| row.id).collect();
    generate::count_orders(progress, &planned);
    let extras = Extras { undone, ended_undone: ended, approval, used, ..Extras::default() };
    let written = generate::write(context, planned, extras, &live.catalogue).await?;
    progress.advance(found.undo.plans.len() as u64, 0).await;
    progress.count("orders", i64::try_from(written).unwrap_or(i64::MAX));
    let left = lines.len() - count;
    progress.say(
        LogLevel::Information,
        format!("Wrote {}; {} left as they are.", counted(written as u64, "order"), counted(left as u64, "change")),
    );
    Ok(TaskEnd::Completed(None))
}

async fn undoable(op: &OpContext, id: RunId) -> Result<RunRow, ApiError> {
    let row = crate::jobs::run(op, id).await?;
    let run = &row.run;
    if run.mode.dry_run {
        return Err(ApiError::conflict(format!(
            "Run {id} was a dry run. It changed nothing, so nothing can be undone."
        )));
    }
    if !run.state.is_final() {
        return Err(ApiError::conflict(format!(
            "Run {id} is still under way. Wait until it ends, or cancel it first."
        )));
    }
    Ok(row)
}

fn by_operation(undo: &undo::Undo) -> Vec<(Operation, u64)> {
    let mut counts: BTreeMap<Operation, u64> = BTreeMap::new();
    for request in undo.plans.iter().flat_map(|plan| &plan.requests) {
        *counts.entry(request.operation).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// The undo of a run, with what is needed to show it.
struct Found {
    undo: undo::Undo,
    /// Of all that the run did, whatever is selected.
    places: BTreeSet<(String, String)>,
    names: HashMap<IdentityId, (String, String)>,
    unsent: u64,
}

impl Found {
    async fn read(
        engine: &Engine,
        run: RunId,
        selection: &UndoSelection,
        explanation: &str,
    ) -> Result<Self, StoreError> {
        let store = engine.store();
        let orders = store.orders_of_run(run).await?;
        let people: BTreeSet<IdentityId> = orders.iter().map(|order| order.identity).collect();
        let people: Vec<IdentityId> = people.into_iter().collect();
        let first = orders.first().map_or(OrderId(0), |order| order.id);
        let later = store.orders_since(&people, first, run).await?;
        let accounts = store.accounts_of(&people).await?;
        let today = engine.today();
        let desired: Vec<_> = engine.world().with_population(|population| {
            people.iter().filter_map(|id| population.engine.desired(*id, today)).collect()
        });
        let live = engine.world().deciding();
        let input = UndoInput {
            orders: &orders,
            later: &later,
            accounts: &accounts,
            desired: &desired,
            selection,
            explanation,
        };
        let undo = undo::invert(&input, &live.catalogue);
        let names = store
            .identities_by_id(&people)
            .await?
            .into_iter()
            .map(|identity| (identity.id, generate::name_and_department(&identity, today)))
            .collect();
        Ok(Self { undo, places: places(&orders), names, unsent: unsent(&orders) })
    }

    fn blast_radius(&self, engine: &Engine) -> model::blast_radius::BlastRadius {
        let population = engine.world().with_population(|population| population.engine.len()) as u64;
        let describe = |id: IdentityId| self.names.get(&id).cloned().unwrap_or_default();
        blast_radius::measure(&self.undo.plans, population, &describe, &engine.world().deciding().catalogue)
    }

    fn applications(&self, engine: &Engine) -> Vec<(String, String)> {
        let names: BTreeSet<&String> = self.places.iter().map(|(application, _)| application).collect();
        names.into_iter().map(|name| (name.clone(), engine.application_label(name))).collect()
    }

    fn account_types(&self, engine: &Engine) -> Vec<(String, String)> {
        let live = engine.world().deciding();
        self.places
            .iter()
            .map(|(_, account_type)| (account_type.clone(), live.catalogue.account_type_label(account_type).to_owned()))
            .collect()
    }

    fn rows(&self, engine: &Engine, filter: &UndoFilter) -> Page<UndoRow> {
        let words: Vec<String> =
            filter.text.iter().flat_map(|text| text.split_whitespace()).map(str::to_lowercase).collect();
        let name = |line: &UndoLine| self.names.get(&line.identity).map_or("", |(name, _)| name.as_str()).to_owned();
        let is_wanted = |line: &&UndoLine| {
            let text =
                format!("{} {} {}", name(line), line.key.as_deref().unwrap_or_default(), line.name).to_lowercase();
            filter.fate.as_deref().is_none_or(|fate| fate == line.fate.name())
                && words.iter().all(|word| text.contains(word))
        };
        let mut found: Vec<&UndoLine> = self.undo.lines.iter().filter(is_wanted).collect();
        found.sort_by_cached_key(|line| (name(line), line.identity));
        let (from, limit) = (filter.after.unwrap_or(0), filter.limit.unwrap_or(PAGE).clamp(1, 10_000));
        let next = from.saturating_add(limit);
        Page {
            total: found.len() as u64,
            more: false,
            next: (next < found.len()).then(|| next.to_string()),
            rows: found
                .into_iter()
                .skip(from)
                .take(limit)
                .map(|line| UndoRow {
                    identity_name: name(line),
                    application_name: engine.application_label(&line.application),
                    line: line.clone(),
                })
                .collect(),
        }
    }
}

fn places(orders: &[Order]) -> BTreeSet<(String, String)> {
    orders.iter().map(|order| (order.application.clone(), order.account_type.clone())).collect()
}

fn unsent(orders: &[Order]) -> u64 {
    let is_unsent =
        |order: &&Order| matches!(order.state, ProvisioningState::Pending | ProvisioningState::AwaitingApproval);
    orders.iter().filter(is_unsent).count() as u64
}
