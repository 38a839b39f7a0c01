//! `mails list`, `mails retry`, `mails retry-failed`, `mails give-up`.

use clap::Subcommand;
use engine::context::OpContext;
use model::ids::MailId;
use model::mail::{MailFilter, MailRow, MailState};

use super::output::Output;
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Mails that wait, were sent, or failed; newest first
    List {
        /// waiting, sent or failed; all unless given
        #[arg(long, value_parser = state)]
        state: Option<MailState>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Send a mail that failed or waits again, now
    Retry {
        /// Number of the mail
        mail: MailId,
    },
    /// Send all mails that failed again, now
    RetryFailed,
    /// Send a mail that waits no more
    GiveUp {
        /// Number of the mail
        mail: MailId,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { state, limit } => {
            let filter = MailFilter { state, limit: Some(limit), after: None };
            let page = engine::mails::page(op, filter).await?;
            let head = ["id", "to", "address", "subject", "state", "attempts", "created", "problem"];
            output.rows(&page.rows, &head, |row: &MailRow| {
                vec![
                    row.id.to_string(),
                    row.user_name.clone(),
                    row.address.clone(),
                    row.subject.clone(),
                    row.state.name().to_owned(),
                    row.attempts.to_string(),
                    row.created_at.strftime("%F %T").to_string(),
                    row.problem.clone().unwrap_or_default(),
                ]
            })?;
        }
        Command::Retry { mail } => {
            engine::mails::retry(op, mail).await?;
            output.say(&format!("Mail {mail} is sent again by the process that serves, within a second."))?;
        }
        Command::RetryFailed => {
            let count = engine::mails::retry_failed(op).await?;
            output.say(&format!("{count} mails are sent again by the process that serves, within a second."))?;
        }
        Command::GiveUp { mail } => {
            engine::mails::give_up(op, mail).await?;
            output.say(&format!("Mail {mail} is given up. `quartermaster mails retry {mail}` sends it after all."))?;
        }
    }
    Ok(Exit::Done)
}

fn state(text: &str) -> Result<MailState, String> {
    MailState::from_name(text).ok_or_else(|| "expected waiting, sent or failed".to_owned())
}
