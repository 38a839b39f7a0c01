//! `work-items list`, `work-items show`.

use clap::Subcommand;
use engine::context::OpContext;
use model::ids::WorkItemId;
use model::view::{WorkItemDetail, WorkItemFilter, WorkItemRow};
use model::work_item::WorkItemState;

use super::output::{Output, fields};
use super::{CommandError, Exit};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work that waits for people, or was done
    List {
        /// open, done, cannot_do or withdrawn
        #[arg(long, value_parser = state, default_value = "open")]
        state: WorkItemState,
        #[arg(long)]
        application: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One work item with what is to be done
    Show { item: WorkItemId },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { state, application, limit } => {
            let filter =
                WorkItemFilter { state: Some(state), application, limit: Some(limit), ..WorkItemFilter::default() };
            let page = engine::work_items::page(op, filter).await?;
            output.rows(
                &page.rows,
                &["id", "order", "identity", "application", "what", "state", "claimed by", "created"],
                |row: &WorkItemRow| {
                    vec![
                        row.id.to_string(),
                        row.order.to_string(),
                        row.identity_name.clone(),
                        row.application_name.clone(),
                        row.summary.clone(),
                        row.state.name().to_owned(),
                        row.claimed_by.clone().unwrap_or_default(),
                        row.created_at.strftime("%F %T").to_string(),
                    ]
                },
            )?;
        }
        Command::Show { item } => {
            let detail = engine::work_items::detail(op, item).await?;
            output.value(&detail, show)?;
        }
    }
    Ok(Exit::Done)
}

fn state(text: &str) -> Result<WorkItemState, String> {
    WorkItemState::from_name(text).ok_or_else(|| "expected open, done, cannot_do or withdrawn".to_owned())
}

fn show(detail: &WorkItemDetail) -> String {
    let item = &detail.item;
    let head = fields(&[
        ("work item", item.id.to_string()),
        ("order", item.order.to_string()),
        ("identity", detail.identity_name.clone()),
        ("application", detail.application_name.clone()),
        ("state", item.state.name().to_owned()),
        ("claimed by", detail.claimed_by.clone().unwrap_or_default()),
        ("closed by", detail.closed_by.clone().unwrap_or_default()),
        ("note", item.note.clone().unwrap_or_default()),
    ]);
    format!("{head}\n\n{}", detail.instructions)
}
