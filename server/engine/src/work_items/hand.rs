//! Giving work to somebody else: all of it, or some of its lines.

use broker::fulfiller::{self, Work};
use broker::work_item::{self, Refusal};
use model::error::ApiError;
use model::ids::{OrderItemId, WorkItemId};
use model::user::Duty;
use model::work_item::{Chosen, Fulfiller, WorkItemEventKind};

use super::change::{Seen, actor, audit, change, event, told};
use super::staff::{self, Staff};
use crate::context::OpContext;
use crate::error::internal;
use crate::mails::notices;

/// May take away what somebody else has claimed.
pub const REASSIGN: &str = "/WorkItems/Reassign";

/// Gives a work item to somebody else: a login with `user:` in front, or a permission profile. `why` is what they read
/// first.
pub async fn reassign(op: &OpContext, id: WorkItemId, to: &str, why: &str) -> Result<(), ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let why = &comment(op, why).await?;
    let staff = &Staff::read(&op.engine).await.map_err(internal)?;
    let to = &target(to)?;
    change(op, id, |seen| async move {
        let label = fit(op, &seen, staff, to).await?;
        let after = work_item::assign(&seen.item, to.clone(), Chosen::Reassigned);
        let mut change = seen.change();
        let by = &op.user.display_name;
        let message = format!("{by} gives it to {label}: {why}");
        change.events.push((id, event(op, WorkItemEventKind::Reassigned, message.clone())));
        change.audit.push(audit(op, id, &message));
        let order = &seen.work.order;
        change.notices.extend(notices::about_work(&op.engine, order, id, to, "it is given to you", op.now));
        change.changed.push(after);
        Ok(change)
    })
    .await
}

/// Gives some lines to somebody else, as a work item of its own. Answers with its number.
pub async fn split(
    op: &OpContext,
    id: WorkItemId,
    lines: &[OrderItemId],
    to: &str,
    why: &str,
) -> Result<WorkItemId, ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let why = &comment(op, why).await?;
    let staff = &Staff::read(&op.engine).await.map_err(internal)?;
    let to = &target(to)?;
    let new = WorkItemId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    change(op, id, |seen| async move {
        let label = fit(op, &seen, staff, to).await?;
        let part = seen.work.items.iter().map(|item| item.part).max().unwrap_or_default() + 1;
        let (kept, mut given) = match work_item::split(&seen.item, lines, to.clone(), new, part, op.now) {
            Ok(parts) => parts,
            Err(refusal) => return Err(told(op, refusal).await),
        };
        // A question about the whole is none about the part.
        if seen.item.paused_at.is_some() {
            given.paused_at = seen.item.paused_at;
            let terms = staff::terms(&op.engine.world().configuration(), &seen.work.order);
            broker::deadline::resume(&mut given, &terms, op.now);
        }
        let by = &op.user.display_name;
        let count = given.lines.len();
        let order = &seen.work.order;
        let mut change = seen.change();
        let lines = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
        let message = format!("{by} gives {lines} to {label}, as work item {new}: {why}");
        change.events.push((id, event(op, WorkItemEventKind::Split, message.clone())));
        let opened = format!("{by} gives {lines} of work item {id} to {label}: {why}");
        change.events.push((new, event(op, WorkItemEventKind::Opened, opened)));
        change.audit.push(audit(op, id, &message));
        change.notices.extend(notices::about_work(&op.engine, order, new, to, "a part of it is given to you", op.now));
        change.changed.push(kept);
        change.opened.push(given);
        Ok(change)
    })
    .await?;
    Ok(new)
}

fn target(to: &str) -> Result<Fulfiller, ApiError> {
    let to = to.trim();
    if to.is_empty() || to == Fulfiller::USER {
        return Err(ApiError::invalid("to", "Choose whom it goes to: a person, or a team."));
    }
    Ok(Fulfiller::parse(to))
}

async fn comment(op: &OpContext, why: &str) -> Result<String, ApiError> {
    match work_item::needed_text(why) {
        Ok(why) => Ok(why),
        Err(refusal) => Err(told(op, refusal).await),
    }
}

/// What people call them, where the caller may give it to them and they can do it.
async fn fit(op: &OpContext, seen: &Seen, staff: &Staff, to: &Fulfiller) -> Result<String, ApiError> {
    seen.require(op)?;
    seen.require_open()?;
    if let Err(refusal) = work_item::can_change(&seen.item, actor(op), op.may(REASSIGN)) {
        return Err(match refusal {
            Refusal::Taken(..) => {
                let refused = told(op, refusal).await;
                ApiError { message: format!("{} Who holds `{REASSIGN}` may take it away.", refused.message), ..refused }
            }
            other => told(op, other).await,
        });
    }
    let configuration = op.engine.world().configuration();
    let order = &seen.work.order;
    let no_own_work = staff::named(&configuration, order).no_own_work;
    let workers = staff.workers(&order.account_type);
    fulfiller::check(to, Work::of(order), no_own_work, &workers)
        .map_err(|unfit| ApiError::invalid("to", unfit.to_string()))?;
    if *to == seen.item.fulfiller && seen.item.claimed_by.is_none() {
        return Err(ApiError::invalid("to", "It is theirs already. Choose somebody else."));
    }
    Ok(staff::label(&configuration, staff, to))
}
