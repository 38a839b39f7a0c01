//! The clock of a work item: when it is due, when its fulfiller is reminded, and when it goes to somebody else. While a
//! question is open the clock stands, and what it would have done moves on by as long as it stood.
//!
//! What became due while nobody looked is told once, not as often as it would have been: one reminder for all that were
//! missed, and of several steps of escalation the last. Who it then goes to is [`crate::escalation`]'s.

use jiff::{SignedDuration, Timestamp};
use model::configuration::ManualConnection;
use model::work_item::WorkItem;

/// Most reminders of one work item.
pub const MOST_REMINDERS: u32 = 20;
/// Hours in which people do what they were given although the application is reached otherwise.
const HOURS_FOR_PEOPLE: u32 = 7 * 24;

/// What was agreed about a kind of work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Hours until it is due.
    pub hours: Option<u32>,
    /// Hours before at which the fulfiller is reminded, most first.
    pub remind: Vec<u32>,
    /// Hours between reminders when it is overdue.
    pub remind_overdue: Option<u32>,
    /// Hours overdue after which it is escalated, and again so many later.
    pub escalate: Option<u32>,
    /// How many there are whom it can go to.
    pub ladder: u32,
}

impl Terms {
    /// As the connection says, or as it is with an application that people do not work otherwise.
    pub fn of(connection: Option<&ManualConnection>, ladder: u32) -> Self {
        let Some(manual) = connection else { return Self { hours: Some(HOURS_FOR_PEOPLE), ladder, ..Self::default() } };
        let mut remind = manual.remind_hours.clone();
        remind.sort_unstable_by(|left, right| right.cmp(left));
        remind.dedup();
        Self {
            hours: manual.due_hours.or(manual.due_days.map(|days| days.saturating_mul(24))),
            remind,
            remind_overdue: manual.remind_overdue_hours.filter(|hours| *hours > 0),
            escalate: manual.escalate_hours,
            ladder,
        }
    }
}

/// What the clock asks for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    Remind,
    Escalate,
}

/// Starts the clock.
pub fn start(item: &mut WorkItem, terms: &Terms, now: Timestamp) {
    item.due_at = terms.hours.and_then(|hours| later(now, hours));
    // Reminders that would lie before the beginning are left out.
    item.reminders = reminders_by(item, terms, now);
    item.next_action_at = next(item, terms);
}

/// Stops the clock; nothing where it stands already.
pub fn pause(item: &mut WorkItem, now: Timestamp) {
    item.paused_at = item.paused_at.or(Some(now));
}

/// Lets the clock go on.
pub fn resume(item: &mut WorkItem, terms: &Terms, now: Timestamp) {
    let Some(since) = item.paused_at.take() else { return };
    let stood = now.duration_since(since).max(SignedDuration::ZERO);
    item.due_at = item.due_at.map(|due| due.checked_add(stood).unwrap_or(due));
    item.next_action_at = next(item, terms);
}

/// What is to be done by now, with the item as it is afterwards. Nothing while the clock stands.
pub fn ring(item: &WorkItem, terms: &Terms, now: Timestamp) -> (WorkItem, Vec<Alarm>) {
    let mut after = item.clone();
    let mut alarms = Vec::new();
    if item.paused_at.is_some() {
        return (after, alarms);
    }
    let escalations = escalations_by(item, terms, now);
    if escalations > item.escalations {
        after.escalations = escalations;
        alarms.push(Alarm::Escalate);
    }
    let reminders = reminders_by(item, terms, now);
    if reminders > item.reminders {
        after.reminders = reminders;
        alarms.push(Alarm::Remind);
    }
    after.next_action_at = next(&after, terms);
    (after, alarms)
}

/// When the clock asks for something next.
fn next(item: &WorkItem, terms: &Terms) -> Option<Timestamp> {
    [reminder_at(item, terms, item.reminders), escalation_at(item, terms, item.escalations)].into_iter().flatten().min()
}

/// Reminders whose time has come, at most [`MOST_REMINDERS`].
fn reminders_by(item: &WorkItem, terms: &Terms, now: Timestamp) -> u32 {
    let is_over = |index: &u32| reminder_at(item, terms, *index).is_some_and(|at| at <= now);
    let over = (0..MOST_REMINDERS).take_while(is_over).count();
    u32::try_from(over).unwrap_or(MOST_REMINDERS)
}

/// When the reminder of that number is, from 0: those before it is due, then those when it is overdue.
fn reminder_at(item: &WorkItem, terms: &Terms, index: u32) -> Option<Timestamp> {
    if index >= MOST_REMINDERS {
        return None;
    }
    let due = item.due_at?;
    let before = usize::try_from(index).ok().and_then(|index| terms.remind.get(index));
    match before {
        Some(hours) => due.checked_sub(SignedDuration::from_hours(i64::from(*hours))).ok(),
        None => {
            let overdue = index - u32::try_from(terms.remind.len()).unwrap_or(index);
            later(due, terms.remind_overdue?.checked_mul(overdue)?)
        }
    }
}

/// Steps of the ladder whose time has come.
fn escalations_by(item: &WorkItem, terms: &Terms, now: Timestamp) -> u32 {
    let is_over = |step: &u32| escalation_at(item, terms, *step).is_some_and(|at| at <= now);
    let over = (0..terms.ladder).take_while(is_over).count();
    u32::try_from(over).unwrap_or(terms.ladder)
}

/// When it goes to the step of that number of the ladder, from 0.
fn escalation_at(item: &WorkItem, terms: &Terms, step: u32) -> Option<Timestamp> {
    let hours = terms.escalate.filter(|_| step < terms.ladder)?;
    later(item.due_at?, hours.max(1).checked_mul(step + 1)?)
}

fn later(from: Timestamp, hours: u32) -> Option<Timestamp> {
    from.checked_add(SignedDuration::from_hours(i64::from(hours))).ok()
}

#[cfg(test)]
mod tests {
    use model::ids::{OrderId, WorkItemId};

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap()
    }

    fn terms() -> Terms {
        Terms { hours: Some(48), remind: vec![24, 4], remind_overdue: Some(10), escalate: Some(12), ladder: 2 }
    }

    fn begun(terms: &Terms) -> WorkItem {
        let mut item = WorkItem::open(WorkItemId(1), OrderId(2), "desk", at(0));
        start(&mut item, terms, at(0));
        item
    }

    #[test]
    fn a_clock_rings_each_time_once() {
        let mut item = begun(&terms());
        assert_eq!(item.due_at, Some(at(48)));
        let mut rung = Vec::new();
        for hour in 0..400 {
            let (after, alarms) = ring(&item, &terms(), at(hour));
            rung.extend(alarms.into_iter().map(|alarm| (hour, alarm)));
            item = after;
        }
        let reminders: Vec<i64> =
            rung.iter().filter(|(_, alarm)| *alarm == Alarm::Remind).map(|(hour, _)| *hour).collect();
        assert_eq!(reminders[..5], [24, 44, 48, 58, 68]);
        assert_eq!(reminders.len(), 20, "there is an end to it");
        let escalations: Vec<i64> =
            rung.iter().filter(|(_, alarm)| *alarm == Alarm::Escalate).map(|(hour, _)| *hour).collect();
        assert_eq!(escalations, [60, 72]);
        assert_eq!(item.next_action_at, None);
    }

    #[test]
    fn who_comes_late_tells_once() {
        let (after, alarms) = ring(&begun(&terms()), &terms(), at(100));
        assert_eq!(alarms, [Alarm::Escalate, Alarm::Remind]);
        assert_eq!((after.reminders, after.escalations), (8, 2), "the last of two steps");
        assert_eq!(ring(&after, &terms(), at(100)).1, []);
        assert_eq!(after.next_action_at, Some(at(108)));
    }

    #[test]
    fn the_clock_stands_while_a_question_is_open() {
        let mut item = begun(&terms());
        pause(&mut item, at(20));
        pause(&mut item, at(30));
        assert_eq!(ring(&item, &terms(), at(1_000)), (item.clone(), vec![]));
        assert!(!item.is_overdue(at(1_000)));
        resume(&mut item, &terms(), at(120));
        assert_eq!((item.due_at, item.paused_at, item.next_action_at), (Some(at(148)), None, Some(at(124))));
        let before = item.clone();
        resume(&mut item, &terms(), at(130));
        assert_eq!(item, before);
        assert!(!item.is_overdue(at(148)) && item.is_overdue(at(149)));
    }

    #[test]
    fn what_was_overdue_when_the_clock_stopped_stays_so() {
        let mut item = begun(&terms());
        pause(&mut item, at(50));
        assert!(item.is_overdue(at(51)));
    }

    #[test]
    fn reminders_before_the_beginning_are_left_out() {
        let short = Terms { hours: Some(6), ..terms() };
        let item = begun(&short);
        assert_eq!((item.reminders, item.next_action_at), (1, Some(at(2))));
    }

    #[test]
    fn without_terms_nothing_rings() {
        let item = begun(&Terms::default());
        assert_eq!((item.due_at, item.next_action_at), (None, None));
        assert_eq!(Terms::of(None, 1).hours, Some(168));
        let connection = ManualConnection { due_days: Some(2), remind_hours: vec![4, 24, 4], ..Default::default() };
        let terms = Terms::of(Some(&connection), 0);
        assert_eq!((terms.hours, terms.remind), (Some(48), vec![24, 4]));
        let hours = ManualConnection { due_hours: Some(5), ..connection };
        assert_eq!(Terms::of(Some(&hours), 0).hours, Some(5));
    }
}
