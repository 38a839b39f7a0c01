//! `sign-ins try`, `sign-ins token`, `sign-ins revoke`.

use std::path::PathBuf;

use clap::Subcommand;
use engine::context::OpContext;
use model::error::ApiError;
use model::ids::AgentTokenId;
use model::sign_in::SignInAnswer;

use super::output::{Output, fields};
use super::{CommandError, Exit, input};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer a sign-in as the identity provider's own call is answered, with all that follows from it
    Try {
        /// The sign-in as JSON: issuer, subject, event and claims; `-` reads standard input
        file: PathBuf,
    },
    /// Make a token for an identity provider of the configuration, and print it this once
    Token {
        /// Name among the configuration's sign_ins
        name: String,
        /// What it is for
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
        Command::Try { file } => {
            let told = serde_json::from_str(&input::read(&file)?).map_err(|error| {
                ApiError::invalid(
                    "file",
                    format!("This is no sign-in: {error}. docs/FORMATS.md says what one looks like."),
                )
            })?;
            let answer = engine::sign_ins::sign_in(op, &told).await?;
            output.value(&answer, |answer: &SignInAnswer| {
                fields(&[
                    ("decision", answer.decision.name().to_owned()),
                    ("request", answer.request.map(|id| id.to_string()).unwrap_or_default()),
                    ("reason", answer.reason.clone()),
                ])
            })?;
        }
        Command::Token { name, note } => {
            let made = engine::sign_ins::create(op, &name, note).await?;
            output.value(&made, |made| made.token.clone())?;
        }
        Command::Revoke { token } => {
            engine::sign_ins::revoke(op, token).await?;
            output.say(&format!("Token {token} is worth nothing any more."))?;
        }
    }
    Ok(Exit::Done)
}
