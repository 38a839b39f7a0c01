//! `events list`, `events tail`, `events replay`, `events pause`, `events resume`, `events set-aside`, `events re-drive`,
//! `events token`, `events revoke`.

use clap::Subcommand;
use engine::context::OpContext;
use engine::events::{operate, tokens};
use jiff::Timestamp;
use model::event::{Event, Position, SetAsideMessage, Stream, SubscriptionRow};
use model::ids::EventTokenId;

use super::output::Output;
use super::{CommandError, Exit};

/// Events that are read at once.
const PIECE: u32 = 200;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Subscriptions: how far each is, what waits for it, and what is wrong
    List,
    /// Events or lines of the audit trail, as lines of JSON; the newest unless told
    Tail {
        /// events or audit
        #[arg(long, default_value = "events", value_parser = stream)]
        stream: Stream,
        /// From after this number
        #[arg(long)]
        after: Option<i64>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Send everything again from a position on, or leave out what lies before one
    Replay {
        /// Name of the subscription
        subscription: String,
        /// After this number
        #[arg(long, group = "position")]
        after: Option<i64>,
        /// From this time on, such as 2026-03-02T08:00:00Z
        #[arg(long, group = "position")]
        since: Option<Timestamp>,
        /// Only what happens from now on: what waits is given up
        #[arg(long, group = "position")]
        end: bool,
    },
    /// Send nothing until it is resumed; what happens meanwhile is kept
    Pause {
        /// Name of the subscription
        subscription: String,
    },
    /// Go on where it was paused, or where a receiver refused a message
    Resume {
        /// Name of the subscription
        subscription: String,
    },
    /// Messages that receivers refused for good
    SetAside,
    /// Send messages once more that were set aside
    ReDrive {
        /// Name of the subscription
        subscription: String,
        /// Number of one message; all unless given
        #[arg(long)]
        sequence: Option<i64>,
    },
    /// Make a token with which a subscription's receiver may ask, and print it this once
    Token {
        /// Name of the subscription
        subscription: String,
    },
    /// All tokens, also those that were revoked
    Tokens,
    /// Make a token worth nothing, by its number
    Revoke {
        /// Number of the token
        token: EventTokenId,
    },
}

fn stream(text: &str) -> Result<Stream, String> {
    Stream::from_name(text).ok_or_else(|| "there are `events` and `audit`".to_owned())
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List => {
            let head = [
                "subscription",
                "stream",
                "state",
                "at",
                "of",
                "waiting since",
                "delivered",
                "set aside",
                "goes to",
                "problem",
            ];
            output.rows(&operate::rows(op).await?, &head, |row: &SubscriptionRow| {
                let standing = &row.standing;
                let time = |at: Option<Timestamp>| at.map(|at| at.strftime("%F %T").to_string()).unwrap_or_default();
                vec![
                    standing.name.clone(),
                    standing.stream.name().to_owned(),
                    standing.state.name().to_owned(),
                    standing.cursor.to_string(),
                    row.last.to_string(),
                    time(row.waiting_since),
                    standing.delivered.to_string(),
                    row.set_aside.to_string(),
                    row.way.clone(),
                    standing.problem.clone().unwrap_or_default(),
                ]
            })?;
        }
        Command::Tail { stream, after, limit } => {
            let mut at = match after {
                Some(after) => after,
                None => {
                    let last = op.engine.store().stream(stream).await.map_or(0, |facts| facts.last);
                    last - i64::from(limit)
                }
            };
            let mut left = limit;
            while left > 0 {
                let events = operate::after(op, stream, at, left.min(PIECE)).await?;
                let Some(last) = events.last() else { break };
                at = last.sequence;
                left -= u32::try_from(events.len()).unwrap_or(left).min(left);
                output.text(&events.iter().map(line).collect::<String>())?;
            }
        }
        Command::Replay { subscription, after, since, end } => {
            let position = match (after, since, end) {
                (Some(after), ..) => Position::After(after),
                (_, Some(since), _) => Position::Since(since),
                (.., true) => Position::End,
                _ => {
                    return Err(model::error::ApiError::invalid(
                        "position",
                        "Say from where: --after, --since or --end.",
                    )
                    .into());
                }
            };
            let after = operate::replay(op, &subscription, position).await?;
            output.say(&format!("Subscription {subscription} goes on after number {after}."))?;
        }
        Command::Pause { subscription } => {
            operate::pause(op, &subscription).await?;
            output.say(&format!(
                "Subscription {subscription} is paused. `quartermaster events resume {subscription}` lets it go on."
            ))?;
        }
        Command::Resume { subscription } => {
            operate::resume(op, &subscription).await?;
            output.say(&format!("Subscription {subscription} goes on within a second, where a process serves."))?;
        }
        Command::SetAside => {
            let head = ["subscription", "number", "set aside", "tries", "again", "problem"];
            output.rows(&operate::set_aside(op).await?, &head, |message: &SetAsideMessage| {
                vec![
                    message.subscription.clone(),
                    message.sequence.to_string(),
                    message.at.strftime("%F %T").to_string(),
                    message.attempts.to_string(),
                    if message.again { "yes" } else { "" }.to_owned(),
                    message.problem.clone(),
                ]
            })?;
        }
        Command::ReDrive { subscription, sequence } => {
            let count = operate::send_set_aside(op, &subscription, sequence).await?;
            output.say(&format!("{count} messages are sent once more within a second, where a process serves."))?;
        }
        Command::Token { subscription } => {
            let made = tokens::create(op, subscription).await?;
            output.value(&made, |made| made.token.clone())?;
        }
        Command::Tokens => {
            output.rows(&tokens::rows(op).await?, &["token", "subscription", "made", "by", "state"], |token| {
                vec![
                    token.id.to_string(),
                    token.subscription.clone(),
                    token.created_at.strftime("%F %T").to_string(),
                    token.created_by.clone(),
                    if token.revoked_at.is_some() { "revoked" } else { "in force" }.to_owned(),
                ]
            })?;
        }
        Command::Revoke { token } => {
            let revoked = tokens::revoke(op, token).await?;
            output.say(&format!(
                "Token {token} of the subscription {} is worth nothing any more.",
                revoked.subscription
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn line(event: &Event) -> String {
    let mut text = serde_json::to_string(event).unwrap_or_default();
    text.push('\n');
    text
}
