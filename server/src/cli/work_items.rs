//! `work-items list`, `show`, `done`, `cannot`, `reassign`, `export`, `import`.

use std::path::PathBuf;

use clap::Subcommand;
use engine::context::OpContext;
use engine::work_items::{Told, bulk};
use model::ids::WorkItemId;
use model::view::{BulkFilter, WorkItemDetail, WorkItemFilter, WorkItemRow, WorkItemUpload};
use model::work_item::{LineOutcome, WorkItemState};

use super::output::{Output, fields};
use super::{CommandError, Exit, input};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work that waits for people, or was done
    List {
        /// open, done, partly_done, cannot_do or withdrawn
        #[arg(long, value_parser = state, default_value = "open")]
        state: WorkItemState,
        /// Only in this application
        #[arg(long)]
        application: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One work item with what is to be done
    Show {
        /// Number of the work item
        item: WorkItemId,
    },
    /// Say that a work item is done
    Done {
        /// Number of the work item
        item: WorkItemId,
        /// What was done, for whoever looks later
        #[arg(long, default_value = "")]
        note: String,
        /// A ticket's number or address
        #[arg(long, default_value = "")]
        reference: String,
    },
    /// Say that a work item cannot be done
    Cannot {
        /// Number of the work item
        item: WorkItemId,
        /// Whoever mends it reads this first
        #[arg(long)]
        why: String,
    },
    /// Give a work item to a permission profile, or to user:LOGIN
    Reassign {
        /// Number of the work item
        item: WorkItemId,
        /// A permission profile, or a login with `user:` in front
        to: String,
        /// Why, for whoever looks later
        #[arg(long)]
        why: String,
    },
    /// Open lines as CSV, to be filled in
    Export {
        /// Only in this application
        #[arg(long)]
        application: Option<String>,
        /// Only of this account type
        #[arg(long)]
        account_type: Option<String>,
    },
    /// Take a filled CSV file; `-` reads standard input
    Import {
        /// The filled file
        file: PathBuf,
    },
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { state, application, limit } => {
            let filter =
                WorkItemFilter { state: Some(state), application, limit: Some(limit), ..WorkItemFilter::default() };
            let page = engine::work_items::page(op, filter).await?;
            output.rows(
                &page.rows,
                &["id", "order", "identity", "application", "what", "state", "for", "claimed by", "due"],
                |row: &WorkItemRow| {
                    vec![
                        row.id.to_string(),
                        row.order.to_string(),
                        row.identity_name.clone(),
                        row.application_name.clone(),
                        row.summary.clone(),
                        row.state.name().to_owned(),
                        row.fulfiller_name.clone(),
                        row.claimed_by.clone().unwrap_or_default(),
                        row.due_at.map(|at| at.strftime("%F %T").to_string()).unwrap_or_default(),
                    ]
                },
            )?;
        }
        Command::Show { item } => {
            let detail = engine::work_items::detail(op, item).await?;
            output.value(&detail, show)?;
        }
        Command::Done { item, note, reference } => {
            let rest = Some(LineOutcome::Done { actual: None });
            report(op, item, Told { rest, note, reference, ..Told::default() }, output).await?;
        }
        Command::Cannot { item, why } => {
            let rest = Some(LineOutcome::CannotDo { why });
            report(op, item, Told { rest, ..Told::default() }, output).await?;
        }
        Command::Reassign { item, to, why } => {
            engine::work_items::reassign(op, item, &to, &why).await?;
            output.say(&format!("Work item {item} is given to {to}."))?;
        }
        Command::Export { application, account_type } => {
            let filter = BulkFilter { application, account_type, operation: None };
            output.value(&bulk::file(op, &filter).await?, |text| text.trim_end().to_owned())?;
        }
        Command::Import { file } => {
            let upload = bulk::upload(op, &input::read(&file)?).await?;
            output.value(&upload, imported)?;
            return Ok(Exit::of(upload.taken, upload.refused.len() as u64));
        }
    }
    Ok(Exit::Done)
}

async fn report(op: &OpContext, item: WorkItemId, told: Told, output: &Output) -> Result<(), CommandError> {
    let item = engine::work_items::report(op, item, &told).await?;
    output.value(&item, |item| format!("Work item {} is {}.", item.id, item.state.name().replace('_', " ")))?;
    Ok(())
}

fn imported(upload: &WorkItemUpload) -> String {
    let mut text = format!(
        "{} lines taken, {} work items closed, {} lines say nothing",
        upload.taken, upload.closed, upload.blank
    );
    for (line, why) in &upload.refused {
        text.push_str(&format!("\nline {line}: {why}"));
    }
    text
}

fn state(text: &str) -> Result<WorkItemState, String> {
    WorkItemState::from_name(text).ok_or_else(|| "expected open, done, partly_done, cannot_do or withdrawn".to_owned())
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
        ("for", detail.fulfiller_name.clone()),
        ("due", item.due_at.map(|at| at.strftime("%F %T").to_string()).unwrap_or_default()),
        ("note", item.note.clone().unwrap_or_default()),
        ("reference", item.reference.clone().unwrap_or_default()),
    ]);
    format!("{head}\n\n{}", detail.instructions)
}
