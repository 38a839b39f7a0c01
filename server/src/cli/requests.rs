//! `requests submit`, `list`, `show`, `cancel`: one request out of options, or many out of a file, each answered for itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::context::OpContext;
use engine::grace::{KeptRow, Verdict};
use jiff::civil::Date;
use model::approval::{ApprovalPreview, ApprovalRow};
use model::error::{ApiError, ErrorCode};
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::{
    Change, NewRequest, RequestDetail, RequestFilter, RequestItem, RequestRow, RequestSource, RequestState, Standing,
    Submission,
};
use model::risk::RequestRisk;
use model::trigger::{Priority, Trigger};
use serde::{Deserialize, Serialize};

use super::output::{Output, fields, table};
use super::{CommandError, Exit, find_identity, input, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Asks for access to be given or taken away
    Submit(Box<Submit>),
    /// Requests, newest first
    List {
        /// submitted, waiting, approval, provisioning, verifying, completed, partly_completed, failed or cancelled
        #[arg(long, value_parser = state)]
        state: Option<RequestState>,
        /// What set them off, such as administrator or certification
        #[arg(long, value_parser = trigger)]
        trigger: Option<Trigger>,
        /// Words of the person's name or key
        #[arg(long)]
        text: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One request with its orders and its history
    Show {
        /// Number of the request
        request: RequestId,
    },
    /// What people keep for a while although the configuration no longer gives it
    Kept,
    /// Decides on something that is kept: it ends now, or is given without an end
    DecideKept {
        /// Number of what is kept, from the list
        grant: DirectGrantId,
        /// end or approve
        #[arg(value_parser = verdict)]
        verdict: Verdict,
        /// Why
        #[arg(long)]
        justification: String,
    },
    /// Calls a request off of which nothing was sent
    Cancel {
        /// Number of the request
        request: RequestId,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Args, Debug)]
pub struct Submit {
    /// Key of the person in the identity source, or their number
    #[arg(required_unless_present = "file")]
    identity: Option<String>,
    /// What is given, such as role:sales-staff; the kind may be left out where the name is of one thing
    #[arg(long)]
    give: Vec<String>,
    /// What is taken away
    #[arg(long)]
    take: Vec<String>,
    /// Why it is asked for
    #[arg(long, default_value = "")]
    justification: String,
    /// The first day, such as 2026-12-01
    #[arg(long)]
    not_before: Option<Date>,
    /// The last day on which what is given holds
    #[arg(long)]
    until: Option<Date>,
    /// The same key is the same request, however often it is submitted
    #[arg(long)]
    key: Option<String>,
    /// Number under which other systems know the matter
    #[arg(long)]
    correlation: Option<String>,
    /// From 0, the most urgent, to 100
    #[arg(long)]
    priority: Option<Priority>,
    /// What sets it off, such as access-request: administrator unless told
    #[arg(long, value_parser = trigger)]
    trigger: Option<Trigger>,
    /// Login of who asks, where somebody else hands it in
    #[arg(long)]
    requester: Option<String>,
    /// Why a risk is borne that it would newly bring about
    #[arg(long)]
    accept_risk: Option<String>,
    /// Only says what would happen
    #[arg(long)]
    simulate: bool,
    /// Requests as JSON, one a line; `-` reads standard input
    #[arg(long, conflicts_with_all = ["identity", "give", "take", "justification", "not_before", "until", "key", "correlation", "priority", "trigger", "requester", "accept_risk"])]
    file: Option<PathBuf>,
}

/// One line of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    identity: String,
    #[serde(default)]
    give: Vec<String>,
    #[serde(default)]
    take: Vec<String>,
    #[serde(default)]
    justification: String,
    not_before: Option<Date>,
    until: Option<Date>,
    key: Option<String>,
    correlation: Option<String>,
    priority: Option<Priority>,
    trigger: Option<Trigger>,
    source: Option<RequestSource>,
    requester: Option<String>,
    /// Why a risk is borne that it would newly bring about.
    accept_risk: Option<String>,
    #[serde(default)]
    simulate: bool,
}

/// What became of a line.
#[derive(Debug, Serialize)]
struct Answer {
    /// From 1.
    line: usize,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Taken(Submission),
    Refused { error: String, field: Option<String> },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Submit(submit) => match &submit.file {
            Some(file) => return batch(op, &input::read(file)?, submit.simulate, output).await,
            None => one(op, *submit, output).await?,
        },
        Command::List { state, trigger, text, limit } => {
            let filter = RequestFilter { state, trigger, text, limit: Some(limit), ..RequestFilter::default() };
            let page = engine::requests::page(op, filter).await?;
            let heading = ["id", "identity", "what", "set off by", "asked by", "state", "submitted"];
            output.rows(&page.rows, &heading, |row: &RequestRow| {
                vec![
                    row.id.to_string(),
                    row.identity_name.clone(),
                    asked(row.items.iter().map(|(item, label)| (item, label.as_str()))),
                    row.trigger.name().to_owned(),
                    row.requester.clone(),
                    row.state.name().to_owned(),
                    row.submitted_at.strftime("%F %T").to_string(),
                ]
            })?;
        }
        Command::Show { request } => {
            let detail = engine::requests::detail(op, request).await?;
            output.value(&detail, show)?;
        }
        Command::Kept => {
            let lines: Vec<KeptLine> = engine::grace::rows(op).await?.into_iter().map(kept_line).collect();
            output.rows(&lines, &["id", "identity", "what", "until", "why"], |line: &KeptLine| {
                vec![
                    line.id.to_string(),
                    line.identity_name.clone(),
                    format!("{} {}", line.kind.replace('_', " "), line.name),
                    line.until.map_or_else(String::new, |last| last.to_string()),
                    line.why.clone(),
                ]
            })?;
        }
        Command::DecideKept { grant, verdict, justification } => {
            let request = engine::grace::decide(op, grant, verdict, &justification).await?;
            output.say(&format!("Request {request} carries it out."))?;
        }
        Command::Cancel { request, reason } => {
            engine::requests::cancel(op, request, reason).await?;
            output.say(&format!("Request {request} is cancelled."))?;
        }
    }
    Ok(Exit::Done)
}

/// A line of what is kept.
#[derive(Debug, Serialize)]
struct KeptLine {
    id: DirectGrantId,
    identity: IdentityId,
    identity_name: String,
    kind: &'static str,
    name: String,
    /// The last day.
    until: Option<Date>,
    why: String,
}

fn kept_line(row: KeptRow) -> KeptLine {
    let KeptRow { grant, identity_name, .. } = row;
    KeptLine {
        id: grant.id,
        identity: grant.identity,
        identity_name,
        kind: grant.grantable.kind(),
        name: grant.grantable.name().to_owned(),
        until: grant.period.ends.and_then(|ends| ends.yesterday().ok()),
        why: grant.origin.why,
    }
}

fn verdict(text: &str) -> Result<Verdict, String> {
    one_of(Verdict::from_name(text), Verdict::ALL.map(Verdict::name))
}

async fn one(op: &OpContext, submit: Submit, output: &Output) -> Result<(), CommandError> {
    let line = Line {
        identity: submit.identity.unwrap_or_default(),
        give: submit.give,
        take: submit.take,
        justification: submit.justification,
        not_before: submit.not_before,
        until: submit.until,
        key: submit.key,
        correlation: submit.correlation,
        priority: submit.priority,
        trigger: submit.trigger,
        source: None,
        requester: submit.requester,
        accept_risk: submit.accept_risk,
        simulate: submit.simulate,
    };
    let submission = engine::requests::submit(op, request(op, line).await?).await?;
    output.value(&submission, told)?;
    Ok(())
}

/// Each line for itself: one that is refused does not keep the others from being taken. What is wrong here, and not with a
/// line, ends it; what was taken until then is told all the same.
async fn batch(op: &OpContext, text: &str, simulate: bool, output: &Output) -> Result<Exit, CommandError> {
    let mut answers = Vec::new();
    let mut trouble = None;
    for (number, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let outcome = match take(op, text, simulate).await {
            Ok(submission) => Outcome::Taken(submission),
            Err(CommandError::Api(error)) if error.code != ErrorCode::Internal => {
                Outcome::Refused { error: error.message, field: error.field }
            }
            Err(error) => {
                trouble = Some(error);
                break;
            }
        };
        answers.push(Answer { line: number, outcome });
    }
    output.rows(&answers, &["line", "request", "answer"], |answer| {
        let (request, said) = match &answer.outcome {
            Outcome::Taken(submission) => {
                let request = submission.request.map(|id| id.to_string()).unwrap_or_default();
                (request, standing(submission).to_owned())
            }
            Outcome::Refused { error, field } => (
                String::new(),
                format!("refused: {}{error}", field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default()),
            ),
        };
        vec![answer.line.to_string(), request, said]
    })?;
    if let Some(error) = trouble {
        return Err(error);
    }
    let refused = answers.iter().filter(|answer| matches!(answer.outcome, Outcome::Refused { .. })).count();
    Ok(Exit::of((answers.len() - refused) as u64, refused as u64))
}

async fn take(op: &OpContext, text: &str, simulate: bool) -> Result<Submission, CommandError> {
    let line: Line = serde_json::from_str(text).map_err(|error| {
        ApiError::new(
            ErrorCode::Invalid,
            format!("This is no request: {error}. docs/FORMATS.md says what one looks like."),
        )
    })?;
    let line = Line { simulate: line.simulate || simulate, ..line };
    Ok(engine::requests::submit(op, request(op, line).await?).await?)
}

async fn request(op: &OpContext, line: Line) -> Result<NewRequest, CommandError> {
    let identity = find_identity(op, &line.identity).await?;
    let mut items = Vec::new();
    for (change, names) in [(Change::Give, &line.give), (Change::Take, &line.take)] {
        for name in names {
            items.push(RequestItem { change, grantable: engine::requests::name(op, name)? });
        }
    }
    Ok(NewRequest {
        trigger: line.trigger.unwrap_or(Trigger::Administrator),
        source: line.source.unwrap_or_else(|| RequestSource::new("command line", "requests submit")),
        requester: line.requester,
        identity,
        items,
        justification: line.justification,
        correlation: line.correlation,
        key: line.key,
        not_before: line.not_before,
        until: line.until,
        priority: line.priority,
        risk_comment: line.accept_risk,
        simulate: line.simulate,
    })
}

fn standing(submission: &Submission) -> &'static str {
    match submission.standing {
        Standing::New => "submitted",
        Standing::SameKey => "submitted before, under the same key",
        Standing::Attached => "asked for already; attached",
        Standing::Simulated => "only simulated",
    }
}

fn told(submission: &Submission) -> String {
    let preview = &submission.preview;
    let names = |things: &[(model::access::Grantable, String)]| {
        things.iter().map(|(thing, _)| format!("{}:{}", thing.kind(), thing.name())).collect::<Vec<_>>().join(", ")
    };
    let head = fields(&[
        ("request", submission.request.map(|id| id.to_string()).unwrap_or_default()),
        ("answer", standing(submission).to_owned()),
        ("gains", names(&preview.gains)),
        ("losses", names(&preview.losses)),
        ("not before", preview.first_day.map(|day| day.to_string()).unwrap_or_default()),
        ("reviewed", preview.reviewed.join(", ")),
        ("risks", risks(&preview.risks)),
    ]);
    let lines: Vec<Vec<String>> = preview
        .lines
        .iter()
        .map(|line| vec![line.operation.clone(), line.application.clone(), line.change.clone()])
        .collect();
    let orders = if lines.is_empty() { String::new() } else { table(&["order", "application", "change"], &lines) };
    let stages = |approval: &ApprovalPreview| {
        let said = approval.stages.iter().map(|stage| format!("{} ({})", stage.who, stage.approvers.join(", ")));
        let said: Vec<String> = said.collect();
        format!("{} is given once it is approved: by {}.", approval.label, said.join(", and then by "))
    };
    let approvals: Vec<String> = preview.approvals.iter().map(stages).collect();
    [head, approvals.join("\n"), orders, preview.remarks.join("\n")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// "Books and pays (level 90, block)".
fn risks(found: &[RequestRisk]) -> String {
    let one = |found: &RequestRisk| {
        format!("{} (level {}, {})", found.risk.display_name, found.risk.level, found.follows.name())
    };
    found.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn show(detail: &RequestDetail) -> String {
    let request = &detail.request;
    let head = fields(&[
        ("request", request.id.to_string()),
        ("identity", detail.identity_name.clone()),
        ("what", asked(request.items.iter().zip(detail.labels.iter().map(String::as_str)))),
        ("why", request.justification.clone()),
        ("asked by", request.requester.clone()),
        ("set off by", request.trigger.name().to_owned()),
        ("priority", request.priority.to_string()),
        ("source", format!("{}: {}", request.source.kind, request.source.name)),
        ("state", request.state.name().to_owned()),
        ("message", request.message.clone().unwrap_or_default()),
        ("first day", request.not_before.map(|day| day.to_string()).unwrap_or_default()),
        ("last day", request.until.map(|day| day.to_string()).unwrap_or_default()),
        ("key", detail.keys.join(", ")),
    ]);
    let orders: Vec<Vec<String>> = detail
        .orders
        .iter()
        .map(|row| {
            vec![
                row.id.to_string(),
                row.operation.name().to_owned(),
                row.application.clone(),
                row.state.slug().to_owned(),
            ]
        })
        .collect();
    let orders =
        if orders.is_empty() { String::new() } else { table(&["order", "what", "application", "state"], &orders) };
    let approvals: Vec<Vec<String>> = detail.approvals.iter().map(approval).collect();
    let approvals = match approvals.is_empty() {
        true => String::new(),
        false => table(&["approval", "what", "state", "stage", "may decide"], &approvals),
    };
    let events: Vec<String> = detail
        .events
        .iter()
        .map(|event| format!("{}  {}: {}", event.at.strftime("%F %T"), event.actor, event.message))
        .collect();
    [head, approvals, orders, events.join("\n")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn approval(row: &ApprovalRow) -> Vec<String> {
    let approval = &row.approval;
    vec![
        format!("{}-{}", approval.request, approval.line),
        row.label.clone(),
        approval.state.name().to_owned(),
        format!("{} of {}: {}", approval.stage + 1, approval.stages.len(), row.stages.join("; ")),
        row.approvers.join(", "),
    ]
}

fn asked<'a>(items: impl Iterator<Item = (&'a RequestItem, &'a str)>) -> String {
    items.map(|(item, label)| format!("{} {label}", item.change.name())).collect::<Vec<_>>().join("; ")
}

fn state(text: &str) -> Result<RequestState, String> {
    one_of(RequestState::from_name(text), RequestState::ALL.map(RequestState::name))
}

fn trigger(text: &str) -> Result<Trigger, String> {
    one_of(Trigger::from_name(&text.replace('-', "_")), Trigger::ALL.map(Trigger::name))
}
