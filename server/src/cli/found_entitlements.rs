//! `found-entitlements list`, `found-entitlements draft`.

use std::collections::BTreeSet;

use clap::Subcommand;
use engine::context::OpContext;
use engine::found_entitlements::{FoundRow, Named, Show};
use serde::Serialize;

use super::output::Output;
use super::{CommandError, Exit, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What applications have and the role model does not, and what naming rules make of it
    List {
        /// Only of this application
        #[arg(long)]
        application: Option<String>,
        /// all, named (by a rule) or unnamed
        #[arg(long, value_parser = show, default_value = "all")]
        show: Show,
    },
    /// Put what naming rules make of it into a new draft, which is looked at and published on its page
    Draft {
        /// Only of this application
        #[arg(long)]
        application: Option<String>,
        /// Only these, by their keys in the application; all that a rule names unless told
        #[arg(long = "key")]
        keys: Vec<String>,
    },
}

/// A line of the list.
#[derive(Serialize)]
struct Line {
    application: String,
    key: String,
    display_name: String,
    holders: u64,
    rule: Option<String>,
    entitlement: Option<String>,
    access_profile: Option<String>,
    role: Option<String>,
    clash: Option<String>,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { application, show } => {
            let mut rows = engine::found_entitlements::rows(op).await?;
            rows.retain(|row| show.includes(row) && is_of(row, application.as_ref()));
            let lines: Vec<Line> = rows.into_iter().map(line).collect();
            let heading = ["application", "key", "accounts", "rule", "entitlement", "access profile", "role", "clash"];
            output.rows(&lines, &heading, |line: &Line| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                vec![
                    line.application.clone(),
                    line.key.clone(),
                    line.holders.to_string(),
                    text(&line.rule),
                    text(&line.entitlement),
                    text(&line.access_profile),
                    text(&line.role),
                    text(&line.clash),
                ]
            })?;
        }
        Command::Draft { application, keys } => {
            let rows = engine::found_entitlements::rows(op).await?;
            let meant = rows.into_iter().filter(|row| is_of(row, application.as_ref()));
            let chosen: BTreeSet<(String, String)> = meant
                .map(|row| (row.found.application, row.found.key))
                .filter(|(_, key)| keys.is_empty() || keys.contains(key))
                .collect();
            let id = engine::found_entitlements::draft(op, Some(&chosen)).await?;
            output.say(&format!("draft {id} holds them; look at it and publish it on its page, /drafts/{id}."))?;
        }
    }
    Ok(Exit::Done)
}

fn is_of(row: &FoundRow, application: Option<&String>) -> bool {
    application.is_none_or(|application| *application == row.found.application)
}

fn line(row: FoundRow) -> Line {
    let named = row.named;
    let of = |pick: fn(&Named) -> Option<String>| named.as_ref().and_then(pick);
    Line {
        rule: of(|named| Some(named.rule.clone())),
        entitlement: of(|named| Some(named.entitlement.clone())),
        access_profile: of(|named| named.access_profile.clone()),
        role: of(|named| named.role.clone()),
        clash: of(|named| named.clash.clone()),
        application: row.found.application,
        key: row.found.key,
        display_name: row.found.display_name,
        holders: row.holders,
    }
}

fn show(text: &str) -> Result<Show, String> {
    one_of(Show::from_name(text), Show::ALL.map(Show::name))
}
