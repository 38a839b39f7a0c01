//! `restored show`, `restored mark`, `restored end`.

use clap::Subcommand;
use engine::context::OpContext;
use jiff::Timestamp;
use model::restoration::RestoredView;

use super::output::{Output, fields};
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Whether nothing goes out, to which moment the database was put back, and what has to be read first
    Show,
    /// Say that this database was put back by other means than a backup of this program: nothing goes out from now on
    Mark {
        /// The moment to which it was put back, as in 2026-11-28T22:00:00Z
        #[arg(long)]
        taken_at: Option<Timestamp>,
    },
    /// Let orders and mails go out again, once everything was read and planned anew
    End,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Show => match engine::restoration::standing(op).await? {
            Some(standing) => output.value(&standing, shown)?,
            None => output.say("Orders and mails go out: this database is not held back as a restored one.")?,
        },
        Command::Mark { taken_at } => {
            engine::restoration::mark(op, taken_at).await?;
            output.say("Nothing goes out from now on. Run the job `complete`, look at the orders that wait, then: restored end")?;
        }
        Command::End => {
            engine::restoration::end(op).await?;
            output.say("Orders and mails go out again.")?;
        }
    }
    Ok(Exit::Done)
}

fn shown(standing: &RestoredView) -> String {
    let missing = match standing.missing() {
        None => "nothing; `restored end` lets orders and mails go out".to_owned(),
        Some(missing) => format!("{missing} Run the job `complete`"),
    };
    fields(&[
        (
            "put back to",
            standing.taken_at.map_or_else(|| "nobody told".to_owned(), |at| at.strftime("%F %T UTC").to_string()),
        ),
        ("still to be done", missing),
        ("orders that wait", standing.waiting.to_string()),
    ])
}
