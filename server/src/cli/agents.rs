//! `agents list`, `agents token`, `agents revoke`.

use clap::Subcommand;
use engine::context::OpContext;
use model::agent::{AgentExport, AgentView, ExportOutcome};
use model::ids::AgentTokenId;

use super::output::Output;
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// All agents: when they were last heard of, what they read, and their tokens
    List,
    /// Make a token for an agent of the configuration, and print it this once
    Token {
        /// Name of the agent in the configuration
        agent: String,
        /// What it is for, such as the machine that the agent runs on
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Make a token worth nothing, by its number
    Revoke {
        /// Number of the token
        token: AgentTokenId,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List => {
            let agents = engine::agents::rows(op).await?;
            let head = ["agent", "last heard of", "version", "reads", "last exports", "tokens"];
            output.rows(&agents, &head, |agent: &AgentView| {
                let heard = agent.facts.as_ref().map(|facts| facts.heard_at.strftime("%F %T").to_string());
                let reads: Vec<String> = agent.reads.iter().map(|one| one.subject.name().to_owned()).collect();
                let last: Vec<String> = agent
                    .reads
                    .iter()
                    .filter_map(|one| Some(format!("{}: {}", one.subject.name(), ended(one.last.as_ref()?))))
                    .collect();
                let tokens = agent.tokens.iter().filter(|token| token.revoked_at.is_none());
                let tokens: Vec<String> = tokens.map(|token| token.id.to_string()).collect();
                vec![
                    agent.name.clone(),
                    heard.unwrap_or_else(|| "never".to_owned()),
                    agent.facts.as_ref().map(|facts| facts.version.clone()).unwrap_or_default(),
                    reads.join(", "),
                    last.join("; "),
                    tokens.join(", "),
                ]
            })?;
        }
        Command::Token { agent, note } => {
            let made = engine::agents::tokens::create(op, agent, note).await?;
            output.value(&made, |made| made.token.clone())?;
        }
        Command::Revoke { token } => {
            let revoked = engine::agents::tokens::revoke(op, token).await?;
            output.say(&format!("Token {token} of the agent {} is worth nothing any more.", revoked.agent))?;
        }
    }
    Ok(Exit::Done)
}

/// In the words of the page.
fn ended(export: &AgentExport) -> String {
    let state = export.state.label().to_lowercase();
    match (&export.given_up_because, &export.outcome) {
        (Some(why), _) | (_, Some(ExportOutcome::Refused { why })) => format!("{state}, {why}"),
        (_, Some(ExportOutcome::Failed { error, .. })) => format!("{state}, {}", error.message),
        _ => format!("{state}, {} rows", export.rows),
    }
}
