//! `accounts list`, and what people decide about accounts that were found: `link`, `not-theirs`, `orphan`, `classify`,
//! `reopen`.

use clap::Subcommand;
use engine::accounts::AccountOutcome;
use engine::context::OpContext;
use model::correlation::Decision;
use model::page::Counted;
use model::view::{AccountFilter, AccountRow, AccountShow};

use super::output::Output;
use super::{CommandError, Exit, find_identity};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Accounts, by application and key
    List {
        /// Only of this application
        #[arg(long)]
        application: Option<String>,
        /// Words of the key or the owner's name
        #[arg(long)]
        text: Option<String>,
        /// Only those with a proposed owner, which wait for a person's word
        #[arg(long, group = "show")]
        proposed: bool,
        /// Only those that nobody owns
        #[arg(long, group = "show")]
        without_owner: bool,
        /// Only those of which nobody knows the type
        #[arg(long, group = "show")]
        unclassified: bool,
        /// So many of each application
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Link an account to the identity it belongs to
    Link {
        /// Number; or key, or APPLICATION:KEY
        account: String,
        /// Key in the identity source, or number
        identity: String,
    },
    /// Keep an account from an identity that is proposed
    NotTheirs {
        /// Number; or key, or APPLICATION:KEY
        account: String,
        /// Key in the identity source, or number
        identity: String,
    },
    /// Leave an account without an owner, and ask nobody any more
    Orphan {
        /// Number; or key, or APPLICATION:KEY
        account: String,
    },
    /// Say of which type an account is
    Classify {
        /// Number; or key, or APPLICATION:KEY
        account: String,
        /// The account type that it is to have
        account_type: String,
    },
    /// Take back what was decided about an account
    Reopen {
        /// Number; or key, or APPLICATION:KEY
        account: String,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { application, text, proposed, without_owner, unclassified, limit } => {
            let show = match (proposed, without_owner, unclassified) {
                (true, ..) => AccountShow::Proposed,
                (_, true, _) => AccountShow::WithoutOwner,
                (.., true) => AccountShow::Unclassified,
                _ => AccountShow::All,
            };
            list(op, application, text, show, limit, output).await
        }
        Command::Link { account, identity } => {
            let identity = find_identity(op, &identity).await?;
            decide(op, &account, Decision::Linked { identity }, "Linked.", output).await
        }
        Command::NotTheirs { account, identity } => {
            let identity = find_identity(op, &identity).await?;
            decide(op, &account, Decision::NotTheirs { identity }, "Kept from them.", output).await
        }
        Command::Orphan { account } => decide(op, &account, Decision::Orphan, "Left without an owner.", output).await,
        Command::Classify { account, account_type } => {
            decide(op, &account, Decision::Classified { account_type }, "Its type is set.", output).await
        }
        Command::Reopen { account } => {
            let id = engine::accounts::find(op, &account).await?;
            finish(engine::accounts::reopen(op, vec![id]).await?, "Reopened.", output)
        }
    }
}

async fn list(
    op: &OpContext,
    application: Option<String>,
    text: Option<String>,
    show: AccountShow,
    limit: u32,
    output: &Output,
) -> Result<Exit, CommandError> {
    let names = match application {
        Some(name) => vec![name],
        None => op.engine.world().configuration().applications.keys().cloned().collect(),
    };
    let (mut rows, mut counted) = (Vec::new(), Counted::default());
    for application in names {
        let filter = AccountFilter {
            application: application.clone(),
            text: text.clone(),
            show,
            limit: Some(limit),
            after: None,
        };
        let page = engine::accounts::page(op, filter).await?;
        counted.count += page.total;
        counted.more |= page.counted().more;
        rows.extend(page.rows.into_iter().map(|row| Listed { application: application.clone(), row }));
    }
    let heading = ["id", "application", "account", "type", "status", "owner", "proposed", "decided"];
    output.rows(&rows, &heading, |Listed { application, row }: &Listed| {
        let proposed = row.proposals.iter().map(|proposal| {
            format!("{} {} ({} %)", proposal.key, proposal.display_name, proposal.candidate.confidence)
        });
        let decided = row.decisions.iter().map(|decided| {
            let name = decided.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
            format!("{}{name} by {}", decided.decision.kind().replace('_', " "), decided.by)
        });
        vec![
            row.id.to_string(),
            application.clone(),
            row.called.as_ref().map_or_else(|| row.key.clone(), |called| format!("{called} ({})", row.key)),
            if row.account_type.is_empty() { "unknown".to_owned() } else { row.account_type.clone() },
            row.status.name().to_owned(),
            row.owner.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
            proposed.collect::<Vec<_>>().join(", "),
            decided.collect::<Vec<_>>().join(", "),
        ]
    })?;
    output.say_more(rows.len() as u64, counted, false)?;
    Ok(Exit::Done)
}

/// A line, with the application that a single list would not need.
#[derive(serde::Serialize)]
struct Listed {
    application: String,
    #[serde(flatten)]
    row: AccountRow,
}

async fn decide(
    op: &OpContext,
    account: &str,
    decision: Decision,
    done: &str,
    output: &Output,
) -> Result<Exit, CommandError> {
    let id = engine::accounts::find(op, account).await?;
    finish(engine::accounts::decide(op, vec![id], decision).await?, done, output)
}

fn finish(outcomes: Vec<AccountOutcome>, done: &str, output: &Output) -> Result<Exit, CommandError> {
    for (_, outcome) in outcomes {
        outcome?;
    }
    output.say(done)?;
    Ok(Exit::Done)
}
