//! `native-changes list`, `native-changes accept`, `native-changes revert`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use engine::native_changes::NativeOutcomes;
use model::ids::NativeChangeId;
use model::native_change::{NativeChangeFilter, NativeChangeKind, NativeChangeRow, NativeChangeState, NativeDecision};

use super::output::Output;
use super::{CommandError, Exit, find_identity, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What was changed in applications themselves, newest first
    List {
        #[command(flatten)]
        which: Which,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Let changes stand, in the place of what the role model wants, until it wants something else
    Accept(Decide),
    /// Set changes back, by orders
    Revert(Decide),
}

/// Which ones.
#[derive(Debug, Args)]
pub struct Which {
    /// Only of this application
    #[arg(long)]
    application: Option<String>,
    /// created, deleted, enabled, disabled, attribute, entitlement_added or entitlement_removed
    #[arg(long, value_parser = kind)]
    kind: Option<NativeChangeKind>,
    /// open, reverting, noted, accepted, reverted or overtaken
    #[arg(long, value_parser = state)]
    state: Option<NativeChangeState>,
    /// Only on accounts of this identity: its key in the identity source, or its number
    #[arg(long)]
    identity: Option<String>,
}

impl Which {
    fn is_said(&self) -> bool {
        self.application.is_some() || self.kind.is_some() || self.state.is_some() || self.identity.is_some()
    }
}

#[derive(Debug, Args)]
pub struct Decide {
    /// Numbers of the changes
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    changes: Vec<NativeChangeId>,
    /// All that match; those that wait for a decision, unless --state says otherwise
    #[arg(long)]
    all: bool,
    /// With --all, so many changes are meant: does nothing and says how many there are unless the number is right
    #[arg(long, requires = "all", conflicts_with = "changes")]
    expect: Option<u64>,
    #[command(flatten)]
    which: Which,
    /// Why, for whoever looks later
    #[arg(long, default_value = "")]
    comment: String,
}

impl Decide {
    /// Filters say which of all are meant; beside numbers they would be silently without effect.
    fn check(&self) -> Result<(), CommandError> {
        if self.all || !self.which.is_said() {
            return Ok(());
        }
        Err(CommandError::Usage(
            "--application, --kind, --state and --identity say which of all are meant: add --all, or name only numbers"
                .to_owned(),
        ))
    }
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { which, limit } => list(op, which, limit, output).await,
        Command::Accept(said) => decide(op, NativeDecision::Accept, said, output).await,
        Command::Revert(said) => decide(op, NativeDecision::Revert, said, output).await,
    }
}

async fn filter(op: &OpContext, which: Which) -> Result<NativeChangeFilter, CommandError> {
    let identity = match which.identity {
        Some(key) => Some(find_identity(op, &key).await?),
        None => None,
    };
    let Which { application, kind, state, .. } = which;
    Ok(NativeChangeFilter { application, kind, state, identity, before: None, limit: None })
}

async fn list(op: &OpContext, which: Which, limit: u32, output: &Output) -> Result<Exit, CommandError> {
    let filter = NativeChangeFilter { limit: Some(limit), ..filter(op, which).await? };
    let page = engine::native_changes::page(op, &filter).await?;
    let heading = ["id", "application", "account", "owner", "change", "state", "seen", "why"];
    output.rows(&page.rows, &heading, |row: &NativeChangeRow| {
        let change = &row.change;
        let by = change.decided_by.as_ref().map(|by| format!("{} by {by}", change.state.name()));
        let comment = change.comment.as_ref().map(|comment| format!("{}: {comment}", change.state.name()));
        vec![
            change.id.to_string(),
            change.application.clone(),
            row.called.as_ref().map_or_else(|| change.key.clone(), |called| format!("{called} ({})", change.key)),
            row.identity_name.clone().unwrap_or_default(),
            change.sentence(),
            by.unwrap_or_else(|| change.state.name().to_owned()),
            change.seen_at.strftime("%F %T").to_string(),
            change.why.clone().or(comment).unwrap_or_default(),
        ]
    })?;
    output.say_rest(&page)?;
    Ok(Exit::Done)
}

async fn decide(op: &OpContext, decision: NativeDecision, said: Decide, output: &Output) -> Result<Exit, CommandError> {
    said.check()?;
    if !said.all {
        let outcomes = engine::native_changes::decide(op, &said.changes, decision, &said.comment).await?;
        return finish(decision, outcomes, output);
    }
    let filter = filter(op, said.which).await?;
    let filter = NativeChangeFilter { state: Some(filter.state.unwrap_or(NativeChangeState::Open)), ..filter };
    // The time first: of what comes while it is counted, nothing is meant.
    let seen = engine::native_changes::seen_until(op, &filter).await?;
    let counts = engine::native_changes::counts(op, &filter).await?;
    let there = filter.state.and_then(|state| counts.get(&state).copied()).unwrap_or_default();
    match seen {
        None => {
            output.say("Nothing of this kind waits for a decision.")?;
            Ok(Exit::Done)
        }
        Some(seen) if said.expect == Some(there) => {
            let outcomes = engine::native_changes::decide_all(op, &filter, seen, decision, &said.comment).await?;
            finish(decision, outcomes, output)
        }
        Some(_) => {
            output.say(&format!(
                "nothing was done. {} would be for {there} native changes; to go on, add --expect {there}",
                decision.name()
            ))?;
            Ok(Exit::Refused)
        }
    }
}

fn finish(decision: NativeDecision, outcomes: NativeOutcomes, output: &Output) -> Result<Exit, CommandError> {
    let all = outcomes.len() as u64;
    let mut done = 0;
    for (_, outcome) in outcomes {
        match outcome {
            Ok(_) => done += 1,
            Err(error) => output.say(&error.message)?,
        }
    }
    output.say(&match decision {
        NativeDecision::Accept => format!("{done} of {all} accepted."),
        NativeDecision::Revert => {
            format!("{done} of {all} to be set back; the process that serves makes the orders.")
        }
    })?;
    Ok(Exit::of(done, all - done))
}

fn kind(text: &str) -> Result<NativeChangeKind, String> {
    one_of(NativeChangeKind::from_name(text), NativeChangeKind::ALL.map(NativeChangeKind::name))
}

fn state(text: &str) -> Result<NativeChangeState, String> {
    one_of(NativeChangeState::from_name(text), NativeChangeState::ALL.map(NativeChangeState::name))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        said: Decide,
    }

    #[test]
    fn filters_are_for_all_and_not_beside_numbers() {
        for (words, is_good) in [
            ("5 7", true),
            ("5 --comment why", true),
            ("5 --application badges", false),
            ("5 --state open", false),
            ("5 --expect 1", false),
            ("5 --all", false),
            ("--all", true),
            ("--all --kind created --expect 3", true),
            ("", false),
        ] {
            let line = Line::try_parse_from(std::iter::once("accept").chain(words.split_whitespace()));
            let said = line.ok().filter(|line| line.said.check().is_ok());
            assert_eq!(said.is_some(), is_good, "{words}");
        }
    }
}
