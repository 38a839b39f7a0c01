//! `jobs undo`: shows what would go back and what would not, and with a reason does it.

use clap::Args;
use engine::context::OpContext;
use model::blast_radius::BlastRadius;
use model::ids::RunId;
use model::plan::ItemKind;
use model::undo::{UndoFate, UndoFilter, UndoPreview, UndoRow, UndoSelection};
use model::value::Value;

use super::follow;
use crate::cli::output::{Output, table};
use crate::cli::{CommandError, Exit, find_identity};

#[derive(Debug, Args)]
pub struct Undo {
    /// The run to take back
    run: RunId,
    /// Only what it did in this application
    #[arg(long)]
    application: Option<String>,
    /// Only accounts of this type
    #[arg(long)]
    account_type: Option<String>,
    /// Only this person: key in the identity source, or number
    #[arg(long)]
    identity: Option<String>,
    /// Only these orders
    #[arg(long)]
    order: Vec<model::ids::OrderId>,
    /// Show what would go back and what would not, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Why; kept with every order
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Wait for the end, printing the run's log; runs it here when no server does
    #[arg(long)]
    wait: bool,
}

/// Lines that are printed.
const LINES: usize = 1_000;

pub(super) async fn run(op: &OpContext, undo: Undo, output: &Output) -> Result<Exit, CommandError> {
    let identity = match &undo.identity {
        Some(text) => Some(find_identity(op, text).await?),
        None => None,
    };
    let selection =
        UndoSelection { application: undo.application, account_type: undo.account_type, identity, orders: undo.order };
    let filter = UndoFilter { limit: Some(LINES), ..UndoFilter::default() };
    let preview = engine::undo::preview(op, undo.run, selection.clone(), filter).await?;
    if undo.dry_run {
        show(&preview, output)?;
        return Ok(Exit::Done);
    }
    let updates = engine::jobs::subscribe(op)?;
    let reason = undo.reason.unwrap_or_default();
    let id = engine::undo::start(op, undo.run, selection, preview.digest.clone(), reason).await?;
    if !output.is_json() {
        output.say(&summary(&preview))?;
    }
    follow(op, id, undo.wait, updates, output).await
}

/// "considerable (38): 12 of 500 people".
pub(super) fn blast_radius(radius: &BlastRadius) -> String {
    format!("{} ({}): {} of {} people", radius.label.name(), radius.size, radius.people, radius.population)
}

fn show(preview: &UndoPreview, output: &Output) -> Result<(), CommandError> {
    if output.is_json() {
        output.value(preview, |_| String::new())?;
        return Ok(());
    }
    output.say(&summary(preview))?;
    let rows: Vec<Vec<String>> = preview.rows.rows.iter().map(row).collect();
    if !rows.is_empty() {
        output.say(&format!(
            "\n{}",
            table(&["order", "identity", "application", "account", "what", "before", "run set", "now", "undo"], &rows)
        ))?;
    }
    if preview.rows.next.is_some() {
        output
            .say(&format!("The first {LINES} of {} lines; narrow the selection to see others.", preview.rows.total))?;
    }
    Ok(())
}

fn summary(preview: &UndoPreview) -> String {
    let orders: Vec<String> =
        preview.orders.iter().map(|(operation, count)| format!("{count} {}", operation.name())).collect();
    let orders = if orders.is_empty() { "none".to_owned() } else { orders.join(", ") };
    format!(
        "Undo of run {}: {} go back, {} stay because of later changes, {} have no way back, {} are back already. Orders: \
         {orders}. Blast radius: {}.",
        preview.run.id,
        preview.count("goes_back"),
        preview.count("conflict"),
        preview.count("impossible"),
        preview.count("already_back"),
        blast_radius(&preview.blast_radius),
    )
}

fn row(row: &UndoRow) -> Vec<String> {
    let line = &row.line;
    let shown = |value: &Option<Value>| match value {
        _ if line.secret => "••••".to_owned(),
        Some(Value::Boolean(true)) if line.kind == ItemKind::Entitlement => "held".to_owned(),
        _ if line.kind == ItemKind::Entitlement => "not held".to_owned(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    vec![
        line.order.to_string(),
        row.identity_name.clone(),
        row.application_name.clone(),
        line.key.clone().unwrap_or_default(),
        line.name.clone(),
        shown(&line.before),
        shown(&line.after),
        shown(&line.now),
        match &line.fate {
            UndoFate::GoesBack => "goes back".to_owned(),
            other => other.why().unwrap_or_default(),
        },
    ]
}
