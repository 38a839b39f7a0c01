//! `bulk-changes preview`, `choose`, `apply`, `undo` and what is to be seen of them. Each waits until the bulk change rests.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use engine::bulk_changes::{self, Choice, Who, file};
use engine::context::OpContext;
use model::bulk_change::{BulkChange, BulkChangeState, BulkRow, BulkRowState};
use model::error::ApiError;
use model::identity::LifecycleState;
use model::ids::BulkChangeId;
use model::request::Change;
use model::view::IdentityFilter;

use super::output::{Output, fields};
use super::{CommandError, Exit, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads a file and says what it would do; nothing happens
    Preview {
        /// CSV with the columns identity, action, kind, name, and where needed not_before, until, justification; `-` reads
        /// standard input
        file: PathBuf,
        /// Why, for rows that do not say why themselves
        #[arg(long)]
        reason: String,
    },
    /// Chooses people and says what one thing given or taken away would do; nothing happens
    Choose(Chosen),
    /// Lets happen what was previewed
    Apply {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
        /// Of the preview, as it was printed
        #[arg(long)]
        digest: String,
        /// Why risks are borne that it would newly bring about
        #[arg(long, default_value = "")]
        accept_risk: String,
    },
    /// Looks at all rows again, as everything is now
    Check {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
    },
    /// Takes back exactly what it did; what others changed since stays, and is listed
    Undo {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Gives up what was not applied
    Discard {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
    },
    /// Bulk changes, newest first
    List,
    /// One bulk change, and its digest
    Show {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
    },
    /// Its rows, with what becomes of each
    Rows {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
        /// new, ready, already, refused, applied, undone or conflict
        #[arg(long, value_parser = state)]
        state: Option<BulkRowState>,
        /// Rows after this line
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many
        #[arg(long, default_value_t = 500)]
        limit: u32,
    },
    /// Writes its refused rows as CSV, to be corrected and previewed again
    Refused {
        /// Number of the bulk change
        bulk_change: BulkChangeId,
    },
}

#[derive(Args, Debug)]
pub struct Chosen {
    /// A condition over identity, such as 'identity.department == "Sales"'
    #[arg(long = "where", conflicts_with_all = ["text", "department", "lifecycle"], required_unless_present_any = ["text", "department", "lifecycle"])]
    condition: Option<String>,
    /// Words of people's names or keys
    #[arg(long)]
    text: Option<String>,
    /// Everybody of a department
    #[arg(long)]
    department: Option<String>,
    /// Everybody in a lifecycle state: joiner, active or leaver
    #[arg(long, value_parser = lifecycle)]
    lifecycle: Option<LifecycleState>,
    /// What is given, such as role:sales-staff
    #[arg(long, conflicts_with = "take", required_unless_present = "take")]
    give: Option<String>,
    /// What is taken away
    #[arg(long)]
    take: Option<String>,
    /// The first day, such as 2026-12-01
    #[arg(long, default_value = "")]
    not_before: String,
    /// The last day on which what is given holds
    #[arg(long, default_value = "")]
    until: String,
    /// Why
    #[arg(long)]
    reason: String,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Preview { file, reason } => {
            let id = file::read(op, &title(&file), &reason, open(&file)?).await?;
            told(&rest(op, id).await?, output)
        }
        Command::Choose(chosen) => {
            let id = bulk_changes::choose(op, choice(chosen)).await?;
            told(&rest(op, id).await?, output)
        }
        Command::Apply { bulk_change, digest, accept_risk } => {
            bulk_changes::confirm(op, bulk_change, &digest, &accept_risk).await?;
            let change = rest(op, bulk_change).await?;
            told(&change, output)?;
            Ok(match change.state {
                BulkChangeState::Previewed => Exit::Refused,
                _ => Exit::of(change.counts.applied, change.counts.refused),
            })
        }
        Command::Check { bulk_change } => {
            bulk_changes::look_again(op, bulk_change).await?;
            told(&rest(op, bulk_change).await?, output)
        }
        Command::Undo { bulk_change, reason } => {
            bulk_changes::undo(op, bulk_change, &reason).await?;
            let change = rest(op, bulk_change).await?;
            told(&change, output)?;
            Ok(Exit::of(change.counts.undone, change.counts.conflicts))
        }
        Command::Discard { bulk_change } => {
            bulk_changes::discard(op, bulk_change).await?;
            output.say(&format!("Bulk change {bulk_change} is discarded; nothing of it happened."))?;
            Ok(Exit::Done)
        }
        Command::List => {
            let page = bulk_changes::page(op, None).await?;
            let heading = ["id", "title", "state", "rows", "given", "taken", "refused", "by", "begun"];
            output.rows(&page.rows, &heading, |change: &BulkChange| {
                vec![
                    change.id.to_string(),
                    change.title.clone(),
                    change.state.name().to_owned(),
                    change.rows.to_string(),
                    change.counts.additions.to_string(),
                    change.counts.removals.to_string(),
                    change.counts.refused.to_string(),
                    change.created_by.clone(),
                    change.created_at.strftime("%F %T").to_string(),
                ]
            })?;
            Ok(Exit::Done)
        }
        Command::Show { bulk_change } => told(&bulk_changes::find(op, bulk_change).await?, output),
        Command::Rows { bulk_change, state, after, limit } => {
            let rows = bulk_changes::rows(op, bulk_change, state, after, limit).await?;
            let rows: Vec<BulkRow> = rows.into_iter().map(|(row, _)| row).collect();
            output.rows(&rows, &["line", "identity", "change", "state", "request", "why"], |row: &BulkRow| {
                let item = row.item.as_ref();
                let change = item.map(|(change, thing)| format!("{} {}:{}", change.name(), thing.kind(), thing.name()));
                let why: Vec<&str> = [&row.risk, &row.message].into_iter().filter_map(|text| text.as_deref()).collect();
                vec![
                    row.line.to_string(),
                    row.identity_name.clone().unwrap_or_else(|| row.written.identity.clone()),
                    change.unwrap_or_else(|| format!("{} {}", row.written.action, row.written.name)),
                    row.state.name().to_owned(),
                    row.request.map(|id| id.to_string()).unwrap_or_default(),
                    why.join(" "),
                ]
            })?;
            Ok(Exit::Done)
        }
        Command::Refused { bulk_change } => {
            let mut next = Some(0);
            while let Some(after) = next {
                let (piece, rest) = file::piece(op, bulk_change, BulkRowState::Refused, after).await?;
                output.say(piece.trim_end())?;
                next = rest;
            }
            Ok(Exit::Done)
        }
    }
}

/// Carries it on until it waits for a person.
async fn rest(op: &OpContext, id: BulkChangeId) -> Result<BulkChange, ApiError> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut seen = None;
    loop {
        let change = bulk_changes::carry_on(op, id, PATIENCE).await?;
        let stands_still = seen.as_ref() == Some(&change);
        if !change.state.is_at_work() || stands_still {
            return Ok(change);
        }
        seen = Some(change);
    }
}

fn told(change: &BulkChange, output: &Output) -> Result<Exit, CommandError> {
    output.value(change, |change| {
        let counts = change.counts;
        let number = |count: u64| count.to_string();
        fields(&[
            ("bulk change", change.id.to_string()),
            ("title", change.title.clone()),
            ("reason", change.reason.clone()),
            ("state", change.state.name().to_owned()),
            ("message", change.message.clone().unwrap_or_default()),
            ("rows", number(change.rows)),
            ("people", number(counts.people)),
            ("given", number(counts.additions)),
            ("taken away", number(counts.removals)),
            ("bring a risk", number(counts.risks)),
            ("already so", number(counts.already)),
            ("refused", number(counts.refused)),
            ("applied", number(counts.applied)),
            ("undone", number(counts.undone)),
            ("conflicts", number(counts.conflicts)),
            ("digest", change.digest.clone()),
        ])
    })?;
    Ok(Exit::Done)
}

fn choice(chosen: Chosen) -> Choice {
    let (change, thing) = match (chosen.give, chosen.take) {
        (Some(thing), _) => (Change::Give, thing),
        (None, thing) => (Change::Take, thing.unwrap_or_default()),
    };
    let who = match chosen.condition {
        Some(condition) => Who::Matching(condition),
        None => Who::Listed(IdentityFilter {
            text: chosen.text,
            department: chosen.department,
            lifecycle: chosen.lifecycle,
            ..IdentityFilter::default()
        }),
    };
    Choice { who, change, thing, not_before: chosen.not_before, until: chosen.until, reason: chosen.reason }
}

fn title(path: &Path) -> String {
    match path.file_name() {
        Some(name) if path != Path::new("-") => name.to_string_lossy().into_owned(),
        _ => "Standard input".to_owned(),
    }
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, CommandError> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = std::fs::File::open(path)
        .map_err(|error| CommandError::Usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(Box::new(file))
}

fn state(text: &str) -> Result<BulkRowState, String> {
    one_of(BulkRowState::from_name(text), BulkRowState::ALL.map(BulkRowState::name))
}

fn lifecycle(text: &str) -> Result<LifecycleState, String> {
    let all = [LifecycleState::Joiner, LifecycleState::Active, LifecycleState::Leaver];
    one_of(LifecycleState::of_name(text), all.map(LifecycleState::name))
}
