//! `orders list`, `orders show`, `orders review`.

use clap::Subcommand;
use engine::context::OpContext;
use model::ids::{OrderId, RunId};
use model::order::ProvisioningState;
use model::review::Verdict;
use model::view::{OrderDetail, OrderFilter, OrderRow};

use super::output::{Output, fields, table};
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Orders, newest first
    List {
        /// pending, transmitted, errored, verified, awaiting_approval, inactive, error or executed
        #[arg(long, value_parser = state)]
        state: Option<ProvisioningState>,
        #[arg(long)]
        application: Option<String>,
        /// Words of the identity's name
        #[arg(long)]
        text: Option<String>,
        /// Only those of a run
        #[arg(long)]
        run: Option<RunId>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One order: plan, attempts, answers, state
    Show { order: OrderId },
    /// Approve, decline or put off everything that an order waits for a review with
    Review {
        order: OrderId,
        #[arg(value_parser = verdict)]
        verdict: Verdict,
        /// Why; required to decline
        #[arg(long, default_value = "")]
        comment: String,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { state, application, text, run, limit } => {
            let filter = OrderFilter { state, application, text, run, limit: Some(limit), ..OrderFilter::default() };
            let page = engine::orders::page(op, filter).await?;
            output.rows(
                &page.rows,
                &["id", "identity", "application", "operation", "change", "state", "created"],
                cells,
            )?;
            if page.total > page.rows.len() as u64 {
                output.say(&format!("{} of {}; --limit shows more", page.rows.len(), page.total))?;
            }
        }
        Command::Show { order } => {
            let detail = engine::orders::detail(op, order).await?;
            output.value(&detail, show)?;
        }
        Command::Review { order, verdict, comment } => {
            let message = engine::reviews::decide_whole(op, order, verdict, comment).await?;
            output.value(&serde_json::json!({ "order": order, "message": message }), |_| {
                format!("Order {order}: {message}")
            })?;
        }
    }
    Ok(Exit::Done)
}

fn verdict(text: &str) -> Result<Verdict, String> {
    let names = || Verdict::ALL.map(Verdict::name).join(", ");
    Verdict::from_name(text).ok_or_else(|| format!("expected one of {}", names()))
}

fn state(text: &str) -> Result<ProvisioningState, String> {
    let names = || ProvisioningState::ALL.map(ProvisioningState::slug).join(", ");
    ProvisioningState::from_slug(text).ok_or_else(|| format!("expected one of {}", names()))
}

/// One line of a list.
pub fn cells(row: &OrderRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        row.identity_name.clone(),
        row.application.clone(),
        format!("{:?}", row.operation).to_lowercase(),
        row.summary.clone(),
        row.state.name().to_owned(),
        row.created_at.strftime("%F %T").to_string(),
    ]
}

fn show(detail: &OrderDetail) -> String {
    let order = &detail.order;
    let head = fields(&[
        ("order", order.id.to_string()),
        ("identity", detail.identity_name.clone()),
        ("application", detail.application_name.clone()),
        ("operation", format!("{:?}", order.operation).to_lowercase()),
        ("state", format!("{} {}, {}", order.state.number(), order.state.name(), order.state.label())),
        ("plan", format!("{}, partition {} of {}", detail.plan_id, detail.partition, detail.partitions.len())),
        ("attempts", detail.attempts.len().to_string()),
    ]);
    let timeline: Vec<Vec<String>> = detail
        .timeline
        .iter()
        .map(|event| {
            vec![
                event.at.strftime("%F %T%.3f").to_string(),
                event.to.name().to_owned(),
                event.actor.clone(),
                event.message.clone(),
            ]
        })
        .collect();
    format!("{head}\n\n{}", table(&["at", "state", "by", "what"], &timeline))
}
