//! Reminds of work that is due, and gives what is not done in time to somebody else. Looks at what the clock of each
//! work item asks for, and writes it together with who is told: of several nodes that look at once one does it.

use broker::deadline::{self, Alarm};
use broker::escalation::{self, Escalation, Stays};
use broker::fulfiller::{self, Work};
use broker::work_item;
use jiff::Timestamp;
use model::order::ProvisioningState;
use model::view::AuditLine;
use model::work_item::{Chosen, Fulfiller, WorkItem, WorkItemEvent, WorkItemEventKind};
use store::StoreError;

use super::staff::{self, Staff};
use crate::Engine;
use crate::mails::notices;
use crate::record::{self, SeenWork, WorkChange};

/// Work items looked at together.
const AT_ONCE: u32 = 200;

/// Does what clocks ask for by now, as the sweep does every now and then. Answers how many work items it was about.
pub async fn look(engine: &Engine, now: Timestamp) -> Result<u64, StoreError> {
    let due = engine.store().work_items_to_tell_of(now, AT_ONCE).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let staff = Staff::read(engine).await?;
    let mut told = 0;
    for id in due {
        let Some((order, items)) = engine.store().work_of_attempt(id).await? else { continue };
        let seen = SeenWork { order, items };
        let Some(item) = seen.items.iter().find(|other| other.id == id).cloned() else { continue };
        if item.next_action_at.is_none_or(|at| at > now) {
            continue;
        }
        let change = ring(engine, &staff, seen, item, now);
        // Who was quicker has told of it.
        told += u64::from(record::record_work(engine, change, now).await?);
    }
    Ok(told)
}

fn ring(engine: &Engine, staff: &Staff, seen: SeenWork, item: WorkItem, now: Timestamp) -> WorkChange {
    let configuration = engine.world().configuration();
    let terms = staff::terms(&configuration, &seen.order);
    let (mut after, alarms) = deadline::ring(&item, &terms, now);
    let order = seen.order.clone();
    let mut change = WorkChange::new(seen);
    let id = item.id;
    let note = |change: &mut WorkChange, kind: WorkItemEventKind, message: String| {
        change.audit.push(AuditLine {
            at: now,
            actor: engine.node().to_owned(),
            action: "work item".into(),
            subject: id.to_string(),
            detail: message.clone(),
        });
        change.events.push((id, WorkItemEvent { at: now, actor: engine.node().to_owned(), kind, message }));
    };
    if order.state != ProvisioningState::Transmitted {
        after.next_action_at = None;
        change.changed.push(after);
        return change;
    }
    for alarm in alarms {
        match alarm {
            Alarm::Escalate => {
                let ladder = staff::ladder(&configuration, &order);
                let no_own_work = staff::named(&configuration, &order).no_own_work;
                let workers = staff.workers(&order.account_type);
                let fits = |to: &Fulfiller| fulfiller::check(to, Work::of(&order), no_own_work, &workers);
                let takes_away = staff::manual(&configuration, &order).is_some_and(|manual| manual.escalate_taken);
                let decided = escalation::escalate(&item, &ladder, after.escalations, takes_away, &fits);
                let Some(Escalation { to, stays }) = decided else { continue };
                let label = staff::label(&configuration, staff, &to);
                let holder = staff::label(&configuration, staff, &holder(staff, &item));
                let message = match &stays {
                    None => format!("Not done in time: it goes to {label}."),
                    Some(Stays::Taken) => {
                        format!("Not done in time: {label} is told. It stays with {holder}, who has taken it.")
                    }
                    Some(Stays::Given) => {
                        format!("Not done in time: {label} is told. It stays with {holder}, who was given it.")
                    }
                    Some(Stays::Theirs) => format!("Not done in time: {label} is told. It is theirs already."),
                    Some(Stays::Unfit(unfit)) => {
                        format!("Not done in time: {label} is told. It does not go to them: {unfit}")
                    }
                };
                note(&mut change, WorkItemEventKind::Escalated, message);
                let sentence = match &stays {
                    None => "it is not done in time, and comes to you".to_owned(),
                    Some(Stays::Taken | Stays::Given) => format!("it is not done in time; {holder} has it"),
                    Some(Stays::Theirs | Stays::Unfit(_)) => "it is not done in time".to_owned(),
                };
                change.notices.extend(notices::about_work(engine, &order, id, &to, &sentence, now));
                if stays.is_none() {
                    after = work_item::assign(&after, to, Chosen::Escalated);
                }
            }
            Alarm::Remind => {
                let to = holder(staff, &after);
                let when = when(&item, now);
                let label = staff::label(&configuration, staff, &to);
                note(&mut change, WorkItemEventKind::Reminded, format!("Reminded {label}: it {when}."));
                let sentence = format!("a reminder, it {when}");
                change.notices.extend(notices::about_work(engine, &order, id, &to, &sentence, now));
            }
        }
    }
    change.changed.push(after);
    change
}

/// Whoever has taken it, else whoever it is for.
fn holder(staff: &Staff, item: &WorkItem) -> Fulfiller {
    let claimed = item.claimed_by.and_then(|by| staff.users().find(|user| user.id == by));
    claimed.map_or_else(|| item.fulfiller.clone(), |user| Fulfiller::User(user.login.clone()))
}

/// "is due in 4 hours", "is overdue by 2 days".
fn when(item: &WorkItem, now: Timestamp) -> String {
    let Some(due) = item.due_at else { return "waits".to_owned() };
    let hours = |seconds: i64| match (seconds + 1_800) / 3_600 {
        ..=0 => "less than an hour".to_owned(),
        1 => "1 hour".to_owned(),
        hours @ 2..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    };
    match due.duration_since(now).as_secs() {
        left @ 1.. => format!("is due in {}", hours(left)),
        0 => "is due now".to_owned(),
        over => format!("is overdue by {}", hours(-over)),
    }
}

#[cfg(test)]
mod tests {
    use model::ids::{OrderId, WorkItemId};

    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let at = |hour: i64| Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap();
        let item = WorkItem { due_at: Some(at(0)), ..WorkItem::open(WorkItemId(1), OrderId(2), "desk", at(-9)) };
        for (hour, expected) in [
            (-4, "is due in 4 hours"),
            (-1, "is due in 1 hour"),
            (0, "is due now"),
            (3, "is overdue by 3 hours"),
            (50, "is overdue by 2 days"),
        ] {
            assert_eq!(when(&item, at(hour)), expected);
        }
    }
}
