//! `approvals list`, `approvals approve`, `approvals decline`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use engine::request_approvals;
use model::approval::{ApprovalFilter, ApprovalRow, ApprovalState, Verdict};
use model::error::{ApiError, ErrorCode};
use model::ids::RequestId;
use serde::Serialize;

use super::output::Output;
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What people asked for and somebody has to agree to, oldest first
    List {
        /// Only of this request
        #[arg(long)]
        request: Option<RequestId>,
        /// Only what waits for the user with this login
        #[arg(long)]
        by: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Agree to what was asked for, in the name of a user who may decide
    Approve {
        #[command(flatten)]
        which: Which,
        /// Kept with the decision
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Decline what was asked for, in the name of a user who may decide
    Decline {
        #[command(flatten)]
        which: Which,
        /// Why: whoever asked reads it
        #[arg(long)]
        comment: String,
    },
}

#[derive(Debug, Args)]
pub struct Which {
    /// Request and line, such as 12-1, as `approvals list` shows them
    #[arg(required = true)]
    approvals: Vec<String>,
    /// Login of the user who decides
    #[arg(long)]
    by: String,
}

/// What became of one of them.
#[derive(Debug, Serialize)]
struct Answer {
    approval: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<ApprovalState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { request, by, limit } => {
            let all = by.is_none();
            let op = match by {
                Some(login) => request_approvals::in_the_name_of(op, &login).await?,
                None => op.clone(),
            };
            list(&op, &ApprovalFilter { all, request, after: None, limit: Some(limit) }, output).await
        }
        Command::Approve { which, comment } => decide(op, which, Verdict::Approve, &comment, output).await,
        Command::Decline { which, comment } => decide(op, which, Verdict::Decline, &comment, output).await,
    }
}

async fn list(op: &OpContext, filter: &ApprovalFilter, output: &Output) -> Result<Exit, CommandError> {
    let page = request_approvals::page(op, filter).await?;
    let heading = ["approval", "identity", "what", "asked by", "why", "stage", "may decide", "since"];
    output.rows(&page.rows, &heading, |row: &ApprovalRow| {
        let approval = &row.approval;
        vec![
            format!("{}-{}", approval.request, approval.line),
            row.identity_name.clone(),
            row.label.clone(),
            row.requester.clone(),
            row.justification.clone(),
            format!("{} of {}", approval.stage + 1, approval.stages.len()),
            row.approvers.join(", "),
            approval.since.strftime("%F %T").to_string(),
        ]
    })?;
    output.say_rest(&page)?;
    Ok(Exit::Done)
}

/// Each for itself: one that is refused does not keep the others from being decided.
async fn decide(
    op: &OpContext,
    which: Which,
    verdict: Verdict,
    comment: &str,
    output: &Output,
) -> Result<Exit, CommandError> {
    let op = request_approvals::in_the_name_of(op, &which.by).await?;
    let mut answers = Vec::new();
    for approval in which.approvals {
        let decided = match request_approvals::place(&approval) {
            Some(place) => request_approvals::decide(&op, place, verdict, comment).await,
            None => Err(ApiError::invalid("approval", "It is not written like 12-1, request and line.")),
        };
        answers.push(match decided {
            Ok(state) => Answer { approval, state: Some(state), error: None },
            Err(error) if error.code == ErrorCode::Internal => return Err(error.into()),
            Err(error) => Answer { approval, state: None, error: Some(error.message) },
        });
    }
    let heading = ["approval", "outcome"];
    output.rows(&answers, &heading, |answer: &Answer| {
        let said = match (answer.state, &answer.error) {
            (Some(ApprovalState::Waiting), _) => format!("{}; it waits for others", verdict.done()),
            (Some(_), _) => verdict.done().to_owned(),
            (None, error) => format!("refused: {}", error.as_deref().unwrap_or_default()),
        };
        vec![answer.approval.clone(), said]
    })?;
    let refused = answers.iter().filter(|answer| answer.error.is_some()).count() as u64;
    Ok(Exit::of(answers.len() as u64 - refused, refused))
}
