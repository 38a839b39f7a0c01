//! `orders list`, `orders show`, `orders triage`, `orders act`, `orders edit`, `orders review`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use engine::orders::Deed;
use model::error::ApiError;
use model::ids::{OrderId, RunId};
use model::order::{Action, ProvisioningState, Trouble};
use model::review::Verdict;
use model::view::{CarrierPause, OrderDetail, OrderFilter, OrderGroup, OrderRow, OrderSelection, PauseCause};

use super::output::{Output, fields, table};
use super::{CommandError, Exit, one_of};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Orders, newest first
    List {
        /// pending, transmitted, errored, verified, awaiting_approval, inactive, error or executed
        #[arg(long, value_parser = state)]
        state: Option<ProvisioningState>,
        /// Only in this application
        #[arg(long)]
        application: Option<String>,
        /// Only those sent to this application or integration
        #[arg(long)]
        carrier: Option<String>,
        /// Words of the identity's name
        #[arg(long)]
        text: Option<String>,
        /// Only those of a run
        #[arg(long)]
        run: Option<RunId>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One order: plan, attempts, answers, state
    Show {
        /// Number of the order
        order: OrderId,
    },
    /// What is broken or stuck, in groups with one cause each
    Triage,
    /// Retry, hold, resume, cancel, mark done or send to manual: one order, several, or all that match a filter
    Act(Act),
    /// Change values of an order and send it again
    Edit {
        /// Number of the order
        order: OrderId,
        /// attribute=value; several times for several
        #[arg(long = "set", required = true, value_parser = pair)]
        values: Vec<(String, String)>,
        /// Kept with the order
        #[arg(long)]
        why: String,
    },
    /// Approve, decline or put off everything that an order waits for a review with
    Review {
        /// Number of the order
        order: OrderId,
        /// What is decided
        #[arg(value_parser = verdict)]
        verdict: Verdict,
        /// Why; required to decline
        #[arg(long, default_value = "")]
        comment: String,
    },
}

#[derive(Debug, Args)]
pub struct Act {
    /// retry, hold, resume, cancel, mark-done or send-to-manual
    #[arg(value_parser = action)]
    action: Action,
    /// Orders by number; without any, all that match the filter
    orders: Vec<OrderId>,
    /// Why, the comment for the people, or the evidence
    #[arg(long, default_value = "")]
    text: String,
    /// Only in this state
    #[arg(long, value_parser = state)]
    state: Option<ProvisioningState>,
    /// Only in this application
    #[arg(long)]
    application: Option<String>,
    /// Sent to this application or integration
    #[arg(long)]
    carrier: Option<String>,
    /// failed, set_aside, timed_out, drifted, in_doubt, quarantined, retry_wait, held or maintenance
    #[arg(long, value_parser = trouble)]
    trouble: Option<Trouble>,
    /// Of a group, as `orders triage` shows it
    #[arg(long)]
    fingerprint: Option<String>,
    /// Only those of this run
    #[arg(long)]
    run: Option<RunId>,
    /// So many orders are meant: does nothing and says how many there are unless the number is right
    #[arg(long)]
    expect: Option<u64>,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::List { state, application, carrier, text, run, limit } => {
            let filter =
                OrderFilter { state, application, carrier, text, run, limit: Some(limit), ..OrderFilter::default() };
            let page = engine::orders::page(op, filter).await?;
            output.rows(
                &page.rows,
                &["id", "identity", "application", "operation", "change", "state", "created"],
                cells,
            )?;
            output.say_rest(&page)?;
        }
        Command::Show { order } => {
            let detail = engine::orders::detail(op, order).await?;
            output.value(&detail, show)?;
        }
        Command::Triage => {
            let triage = engine::orders::triage(op).await?;
            output.rows(
                &triage.groups,
                &["trouble", "application", "orders", "people", "since", "next try", "fingerprint", "what"],
                group,
            )?;
            for pause in &triage.paused {
                output.say(&paused(pause))?;
            }
            for (_, name, orders) in &triage.unconfirmed {
                output.say(&format!(
                    "{name}: {orders} done and not confirmed yet; `jobs run synchronize-back` reads it"
                ))?;
            }
        }
        Command::Act(asked) => return act(op, asked, output).await,
        Command::Edit { order, values, why } => {
            engine::orders::act(op, order, Deed::Edit { values, why }).await?;
            output.say(&format!("order {order} is changed and sent again"))?;
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

async fn act(op: &OpContext, asked: Act, output: &Output) -> Result<Exit, CommandError> {
    let Act { action, orders, text, state, application, carrier, trouble, fingerprint, run, expect } = asked;
    let deed = Deed::from_parts(action, text)
        .ok_or_else(|| ApiError::invalid("action", "Values are changed with `orders edit`, one order at a time."))?;
    if let ([order], None) = (orders.as_slice(), expect) {
        engine::orders::act(op, *order, deed).await?;
        output.say(&format!("order {order}: {} done", action.name()))?;
        return Ok(Exit::Done);
    }
    let filter = OrderFilter { state, application, carrier, trouble, fingerprint, run, ..OrderFilter::default() };
    let is_unlimited = orders.is_empty() && filter == OrderFilter::default();
    let selection = OrderSelection { filter, ids: orders, seen_at: op.now };
    let summary = engine::orders::selected(op, &selection).await?;
    if expect != Some(summary.orders) || is_unlimited {
        let places: Vec<String> =
            summary.by_application.iter().map(|(name, orders)| format!("{name}: {orders}")).collect();
        let what = format!("{} orders of {} people ({})", summary.orders, summary.people, places.join(", "));
        let next = match is_unlimited {
            true => "name orders or a filter".to_owned(),
            false => format!("to go on, add --expect {}", summary.orders),
        };
        output.say(&format!("nothing was done. {} would be for {what}; {next}", action.name()))?;
        return Ok(Exit::Refused);
    }
    let outcome = engine::orders::act_on_many(op, &selection, summary.orders, deed).await?;
    output.say(&format!("{}: {} orders done, {} refused", action.name(), outcome.done, outcome.refusals()))?;
    for (why, count) in &outcome.refused {
        output.say(&format!("{count} orders: {why}"))?;
    }
    Ok(Exit::of(outcome.done, outcome.refusals()))
}

fn group(group: &OrderGroup) -> Vec<String> {
    vec![
        group.trouble.name().to_owned(),
        group.application.clone(),
        group.orders.to_string(),
        group.people.to_string(),
        group.since.strftime("%F %T").to_string(),
        group.next_attempt_at.map(|at| at.strftime("%F %T").to_string()).unwrap_or_default(),
        group.fingerprint.clone(),
        group.reason.as_ref().map(|reason| app::logic::words::state_reason(reason).0).unwrap_or_default(),
    ]
}

fn paused(pause: &CarrierPause) -> String {
    let name = &pause.carrier;
    match &pause.cause {
        PauseCause::Quarantine { since, probe_at, probes, message } => format!(
            "{name} does not answer since {}, tried {probes} times, next at {}: {message}",
            since.strftime("%F %T"),
            probe_at.strftime("%F %T")
        ),
        PauseCause::Maintenance { until } => {
            format!("{name} is in a maintenance window until {}", until.strftime("%F %T"))
        }
    }
}

fn action(text: &str) -> Result<Action, String> {
    one_of(Action::from_name(text), Action::ALL.into_iter().filter(|action| *action != Action::Edit).map(Action::name))
}

fn trouble(text: &str) -> Result<Trouble, String> {
    one_of(Trouble::from_name(text), Trouble::ALL.map(Trouble::name))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "expected attribute=value".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

fn verdict(text: &str) -> Result<Verdict, String> {
    one_of(Verdict::from_name(text), Verdict::ALL.map(Verdict::name))
}

fn state(text: &str) -> Result<ProvisioningState, String> {
    one_of(ProvisioningState::from_slug(text), ProvisioningState::ALL.map(ProvisioningState::slug))
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

/// What it is sent to, and why.
fn sent_to(detail: &OrderDetail) -> String {
    let order = &detail.order;
    let whom = detail.carrier_name.as_ref().unwrap_or(&detail.application_name);
    format!("{whom}, {}: {}", order.mechanism.name(), detail.why_this_way())
}

fn show(detail: &OrderDetail) -> String {
    let order = &detail.order;
    let head = fields(&[
        ("order", order.id.to_string()),
        ("identity", detail.identity_name.clone()),
        ("application", detail.application_name.clone()),
        ("sent to", sent_to(detail)),
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
