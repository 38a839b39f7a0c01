//! `violations list`, `violations except`, `violations remediate`, `violations reopen`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use jiff::civil::Date;
use model::ids::ViolationId;
use model::risk::{Decided, ViolationFilter, ViolationRow, ViolationState};

use super::output::Output;
use super::{CommandError, Exit, find_identity, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Who holds what a risk speaks against, newest first
    List {
        /// Only of this risk
        #[arg(long)]
        risk: Option<String>,
        /// Only of risks of this level or more
        #[arg(long)]
        level: Option<i32>,
        /// open, excepted, remediation or closed
        #[arg(long, value_parser = state)]
        state: Option<ViolationState>,
        /// Only where something of this application is held
        #[arg(long)]
        application: Option<String>,
        /// Only of this identity: its key in the identity source, or its number
        #[arg(long)]
        identity: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Bear a violation until a day; it opens again by itself afterwards
    Except {
        #[command(flatten)]
        which: Which,
        /// What makes it bearable
        #[arg(long)]
        control: String,
        /// The last day, such as 2026-12-31
        #[arg(long)]
        until: Date,
    },
    /// Give up one side of a violation
    Remediate {
        #[command(flatten)]
        which: Which,
        /// Which side, from 1
        #[arg(long)]
        side: u32,
        /// Why, for whoever looks later
        #[arg(long)]
        why: String,
    },
    /// Open a violation again that is excepted or being remedied
    Reopen {
        #[command(flatten)]
        which: Which,
        /// Why, for whoever looks later
        #[arg(long)]
        why: String,
    },
}

#[derive(Debug, Args)]
pub struct Which {
    /// Number of the violation
    violation: ViolationId,
    /// Does nothing unless it still has this version, as `violations list` shows it
    #[arg(long)]
    version: Option<u32>,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { risk, level, state, application, identity, limit } => {
            let identity = match identity {
                Some(key) => Some(find_identity(op, &key).await?),
                None => None,
            };
            let filter =
                ViolationFilter { risk, level, state, application, identity, before: None, limit: Some(limit) };
            list(op, &filter, output).await
        }
        Command::Except { which, control, until } => {
            let seen = seen(op, &which).await?;
            engine::violations::except(op, seen, &control, until).await?;
            output.say(&format!("violation {} is excepted until {until}.", which.violation))?;
            Ok(Exit::Done)
        }
        Command::Remediate { which, side, why } => {
            let seen = seen(op, &which).await?;
            output.say(&match engine::violations::remediate(op, seen, side, &why).await? {
                Some(request) => format!("request {request} takes it away."),
                None => "the process that serves makes the orders.".to_owned(),
            })?;
            Ok(Exit::Done)
        }
        Command::Reopen { which, why } => {
            let seen = seen(op, &which).await?;
            engine::violations::reopen(op, seen, &why).await?;
            output.say(&format!("violation {} is open again.", which.violation))?;
            Ok(Exit::Done)
        }
    }
}

/// The version that is meant; the one that it has now where none is said.
async fn seen(op: &OpContext, which: &Which) -> Result<(ViolationId, u32), CommandError> {
    let version = match which.version {
        Some(version) => version,
        None => engine::violations::detail(op, which.violation).await?.row.violation.version,
    };
    Ok((which.violation, version))
}

async fn list(op: &OpContext, filter: &ViolationFilter, output: &Output) -> Result<Exit, CommandError> {
    let page = engine::violations::page(op, filter).await?;
    let heading = ["id", "version", "identity", "risk", "level", "held", "state", "since"];
    output.rows(&page.rows, &heading, |row: &ViolationRow| {
        let violation = &row.violation;
        vec![
            violation.id.to_string(),
            violation.version.to_string(),
            row.identity_name.clone(),
            violation.risk.clone(),
            row.risk.kind.map_or_else(String::new, |_| row.risk.level.to_string()),
            held(row),
            standing(row),
            violation.since.strftime("%F %T").to_string(),
        ]
    })?;
    output.say_rest(&page)?;
    Ok(Exit::Done)
}

/// "1: Books invoices; 2: Pays invoices": what is held, by side.
fn held(row: &ViolationRow) -> String {
    let mut sides: Vec<(u32, Vec<&str>)> = Vec::new();
    for (thing, label) in row.violation.things.iter().zip(&row.labels) {
        match sides.last_mut().filter(|(side, _)| *side == thing.side) {
            Some((_, labels)) => labels.push(label),
            None => sides.push((thing.side, vec![label])),
        }
    }
    sides.iter().map(|(side, labels)| format!("{side}: {}", labels.join(", "))).collect::<Vec<_>>().join("; ")
}

fn standing(row: &ViolationRow) -> String {
    let name = row.violation.state.name();
    match row.violation.decision.as_ref().map(|decision| &decision.what) {
        Some(Decided::Exception { last_day, .. }) => format!("{name} until {last_day}"),
        Some(Decided::Remediation { side, .. }) => format!("{name} of side {side}"),
        None => name.to_owned(),
    }
}

fn state(text: &str) -> Result<ViolationState, String> {
    one_of(ViolationState::from_name(text), ViolationState::ALL.map(ViolationState::name))
}
