//! Nouns of the model in the words a person uses.

use model::access::{Explanation, Fact, Grantable, Reason};
use model::account::{AccountStatus, Mechanism, Provenance};
use model::configuration::{OnConflict, Part};
use model::identity::{LifecycleState, Period};
use model::job::{JobTask, RunMode, RunState};
use model::order::{Action, Answer, OrderItem, StateReason, Trouble};
use model::page::{COUNT_LIMIT, Counted};
use model::plan::{FilterReason, ItemKind, ItemOperation, Operation, RequestPart};
use model::review::ReviewKind;
use model::trigger::Trigger;
use model::view::RunRow;
use model::work_item::{Chosen, WorkItemState};

/// Shown in place of a secret.
pub const MASK: &str = "••••••••";

/// `8,615`.
pub fn number(value: impl Into<i128>) -> String {
    let value: i128 = value.into();
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("−{text}") } else { text }
}

/// A list's count, which is exact only up to a limit.
pub fn total(count: u64) -> String {
    if count >= COUNT_LIMIT { format!("{}+", number(COUNT_LIMIT)) } else { number(count) }
}

/// The same of what may have been counted less far: "500+".
pub fn counted_number(of: Counted) -> String {
    if of.more { format!("{}+", number(of.count)) } else { number(of.count) }
}

/// "1 order", "500+ orders".
pub fn counted(of: Counted, one: &str, many: &str) -> String {
    format!("{} {}", counted_number(of), if of.count == 1 && !of.more { one } else { many })
}

/// "1 order", "12 orders".
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", total(count), if count == 1 { one } else { many })
}

/// "Create account", as a heading.
pub fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "Create account",
        Operation::Update => "Change account",
        Operation::Enable => "Enable account",
        Operation::Disable => "Disable account",
        Operation::Delete => "Delete account",
    }
}

/// After what a request is about: which part of it.
pub fn request_part(part: RequestPart) -> &'static str {
    match part {
        RequestPart::Whole => "",
        RequestPart::Account => ", but for its entitlements",
        RequestPart::Entitlements => ", its entitlements",
    }
}

/// A part of an application's orders.
pub fn part(part: Part) -> &'static str {
    match part {
        Part::Accounts => "Accounts and attributes",
        Part::Entitlements => "Entitlements",
    }
}

pub fn mechanism(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Direct => "Direct",
        Mechanism::Executor => "Batch exchange",
        Mechanism::Manual => "By hand",
    }
}

pub fn lifecycle(state: LifecycleState) -> &'static str {
    match state {
        LifecycleState::Joiner => "Joins later",
        LifecycleState::Active => "Active",
        LifecycleState::Leaver => "Left",
    }
}

pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::IdentityRefresh => "the role model was computed",
        Trigger::LifecycleEvent => "the person joined, moved or left",
        Trigger::Drift => "the account differed from what was known",
        Trigger::Administrator => "an administrator asked for it",
        Trigger::AccessRequest => "somebody asked for access",
        Trigger::Certification => "a reviewer of access decided",
        Trigger::PolicyViolation => "it must not be held together with something else",
        Trigger::InboundProvisioning => "another system asked for it",
        Trigger::AttributeSynchronization => "attributes of the person changed",
        Trigger::Undo => "a person took back what a run did",
    }
}

pub fn kind(grantable: &Grantable) -> &'static str {
    match grantable {
        Grantable::Role(_) => "role",
        Grantable::AccessProfile(_) => "access profile",
        Grantable::AccountType(_) => "account type",
        Grantable::Entitlement(_) => "entitlement",
    }
}

pub fn account_status(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Enabled => "Enabled",
        AccountStatus::Disabled => "Disabled",
        AccountStatus::Gone => "Gone",
    }
}

pub fn provenance(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Created => "created by Quartermaster",
        Provenance::Adopted => "existed before, taken over",
        Provenance::Found => "found in the application",
    }
}

pub fn work_item_state(state: WorkItemState) -> &'static str {
    match state {
        WorkItemState::Open => "Open",
        WorkItemState::Done => "Done",
        WorkItemState::PartlyDone => "Partly done",
        WorkItemState::CannotDo => "Cannot be done",
        WorkItemState::Withdrawn => "No longer needed",
    }
}

/// Why a work item is somebody's.
pub fn chosen(chosen: Chosen) -> &'static str {
    match chosen {
        Chosen::AccountType => "the account type names them",
        Chosen::Revoker => "the application names them for what takes access away",
        Chosen::Connection => "the application names them",
        Chosen::Owner => "the application is theirs",
        Chosen::Everybody => "nobody is named who can do it",
        Chosen::Reassigned => "somebody gave it to them",
        Chosen::Split => "somebody gave them a part",
        Chosen::Escalated => "it was not done in time",
    }
}

pub fn run_state(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "Waiting",
        RunState::Running => "Running",
        RunState::Completed => "Completed",
        RunState::Warning => "Completed with failures",
        RunState::Blocked => "Stopped for a decision",
        RunState::Errored => "Failed",
        RunState::Cancelled => "Cancelled",
    }
}

/// State of a step; one that waits in a run that is over will not run any more.
pub fn step_state(state: RunState, is_over: bool) -> &'static str {
    if is_over && state == RunState::Queued { "Not run" } else { run_state(state) }
}

/// The same in one word, for a narrow cell.
pub fn step_state_short(state: RunState, is_over: bool) -> &'static str {
    match state {
        RunState::Queued if is_over => "Not run",
        RunState::Queued => "Waits",
        RunState::Running => "Runs",
        RunState::Completed => "Done",
        RunState::Warning => "Warning",
        RunState::Blocked => "Stopped",
        RunState::Errored => "Failed",
        RunState::Cancelled => "Ended",
    }
}

/// What a step of the configuration does, and what it concerns, where that is not everything: "collect directory".
pub fn step_about(task: &JobTask) -> Option<String> {
    let is_named = task.name != task.kind.name();
    let concerns: Vec<&str> =
        [&task.scope.sources, &task.scope.applications].into_iter().flatten().flatten().map(String::as_str).collect();
    if !is_named && concerns.is_empty() {
        return None;
    }
    let kind = if is_named { task.kind.label() } else { "" };
    let separator = if is_named && !concerns.is_empty() { ": " } else { "" };
    Some(format!("{kind}{separator}{}", concerns.join(", ")))
}

/// Who started a run, as far as it is known.
pub fn started_by(row: &RunRow) -> String {
    match (&row.started_by, row.run.scheduled_for) {
        (Some(name), _) => name.clone(),
        (None, Some(_)) => "schedule".to_owned(),
        (None, None) => "command line".to_owned(),
    }
}

/// "complete, dry run".
pub fn run_mode(mode: RunMode) -> String {
    let breadth = if mode.incremental { "incremental" } else { "complete" };
    if mode.dry_run { format!("{breadth}, dry run") } else { breadth.to_owned() }
}

/// What happens where a risk would newly come about.
pub fn on_conflict(on_conflict: OnConflict) -> &'static str {
    match on_conflict {
        OnConflict::Warn => "a warning",
        OnConflict::Approve => "a review",
        OnConflict::Block => "refused",
    }
}

pub fn filter_reason(why: FilterReason) -> &'static str {
    match why {
        FilterReason::AlreadySo => "It is already so.",
        FilterReason::OnItsWay => "An open order does the same.",
        FilterReason::Risk => "A risk is in the way.",
    }
}

/// "since 2026-01-01", "2026-01-01 to 2026-06-30", "always". The last day that counts, not the first that does not.
pub fn period(period: &Period) -> String {
    let last = period.ends.map(|ends| ends.yesterday().unwrap_or(ends));
    match (period.starts, last) {
        (None, None) => "no end".to_owned(),
        (Some(starts), None) => format!("from {starts}"),
        (None, Some(last)) => format!("until {last}"),
        (Some(starts), Some(last)) => format!("{starts} to {last}"),
    }
}

/// With a capital letter in front.
pub fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What an order does, to a reviewer.
pub fn review_kind(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Addition => "Addition",
        ReviewKind::Association => "Association",
        ReviewKind::Update => "Update",
        ReviewKind::Deletion => "Deletion",
    }
}

pub fn review_kind_sentence(kind: ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Addition => "A new account is created.",
        ReviewKind::Association => "An account that was found in the application is taken over for this person.",
        ReviewKind::Update => "An account that is there is changed.",
        ReviewKind::Deletion => "The account is disabled or deleted.",
    }
}

/// What holds an order where it is, and what to do about it.
pub fn state_reason(reason: &StateReason) -> (String, Option<&'static str>) {
    match reason {
        StateReason::HeldBy { orders } => {
            let ids: Vec<String> = orders.iter().map(ToString::to_string).collect();
            let noun = if ids.len() == 1 { "order" } else { "orders" };
            (format!("Waits for {noun} {}.", ids.join(", ")), None)
        }
        StateReason::RetryWait { class, message } => (message.clone(), Some(class.remedy())),
        StateReason::Quarantined { message, .. } => (
            match message.as_str() {
                "" => "What it is sent to does not answer; nothing is sent until it does.".into(),
                message => {
                    format!("What it is sent to does not answer; nothing is sent until it does. Last: {message}")
                }
            },
            Some("It is tried again by itself. Test its connection; mend its address, credentials or network."),
        ),
        StateReason::Maintenance { until } => (
            format!("What it is sent to is in a maintenance window until {until}."),
            Some("It goes out by itself afterwards."),
        ),
        StateReason::Held { by, why, .. } => {
            (format!("Held by {by}: {why}"), Some("Let it go when the reason is over, or cancel it."))
        }
        StateReason::SetAside { class, message, times } => (
            format!("It failed in the same way {times} times and is set aside, so that the others go on: {message}"),
            Some(class.remedy()),
        ),
        StateReason::GivenToPeople { by, why } => {
            (format!("Given to people by {by}: {why}"), Some("It becomes a work item by itself."))
        }
        StateReason::MarkedDone { by, evidence } => {
            (format!("Marked as done by {by}: {evidence}"), Some("The next reading of the application confirms it."))
        }
        StateReason::InDoubt => (
            "It was sent, and whether it arrived is not known.".into(),
            Some("The application is read back before anything is sent again."),
        ),
        StateReason::Timeout => ("No answer came in time.".into(), Some("A later answer still counts; or retry.")),
        StateReason::Failed { class, message } => (message.clone(), Some(class.remedy())),
        StateReason::AccountBusy { order } => (format!("Order {order} of the same account goes first."), None),
        StateReason::CannotBeReadBack => {
            ("The application cannot be read back, so this is as sure as it gets.".into(), None)
        }
        StateReason::Drifted { found } => (
            format!("The application holds something else: {found}"),
            Some("The next run of the job decides what to do with the difference."),
        ),
        StateReason::Superseded { order } => (format!("Order {order} replaced it."), None),
        StateReason::WorkItem => ("A person does it; see the work item.".into(), None),
        StateReason::Handed { reference, .. } => (format!("Handed over as {reference}; the result is awaited."), None),
        StateReason::Unclear { reference, message } => (
            format!("Handed over as {reference}; the result is awaited. {message}"),
            Some("Look at it there; then say in the connection's `statuses` what this status means."),
        ),
        StateReason::Ring { ring } => (
            format!("It goes with ring {ring} of its run, when the one before has proved healthy."),
            Some("The page of the run says how far the rings are, and lets the next one go."),
        ),
        StateReason::Undone { run, by, why } => (
            format!("{by} took the same back with run {run}: {why}"),
            Some(
                "Approve it if it is right now; or correct the rule or the data that asks for it, then run the job again.",
            ),
        ),
        StateReason::Risk { message, .. } => (
            message.clone(),
            Some("Approve it if it is right all the same; or decline it, and correct what asks for it."),
        ),
        StateReason::AwaitingAnswer { answers } => {
            let mut from: Vec<String> = answers.iter().map(|asked| asked.owner.to_string()).collect();
            from.sort();
            from.dedup();
            let what: Vec<&str> = answers.iter().map(|asked| asked.label.as_str()).collect();
            (
                format!("Waits for an answer from {}: {}.", from.join(" and "), what.join(", ")),
                Some("The answer is given on a form; another order with it takes the place of this one."),
            )
        }
        StateReason::AwaitingReference { references, orders } => {
            let values =
                references.iter().map(|referred| format!("{}: {}", attribute(&referred.attribute), referred.source()));
            let values: Vec<String> = values.collect();
            let ids: Vec<String> = orders.iter().map(ToString::to_string).collect();
            let after = match ids.len() {
                0 => String::new(),
                1 => format!(" (order {})", ids.join(", ")),
                _ => format!(" (orders {})", ids.join(", ")),
            };
            (
                format!("Waits for another account of the person{after}. Taken from there: {}.", values.join("; ")),
                Some(match ids.is_empty() {
                    true => {
                        "It is filled in and sent by itself once that is known; see whether somebody is asked which account is meant."
                    }
                    false => {
                        "It is filled in and sent by itself once that is known; see to the order that brings the account."
                    }
                }),
            )
        }
        StateReason::RuleFailed { message } => {
            (message.clone(), Some("Correct the rule or the data it reads, then run the job again."))
        }
    }
}

/// What is wrong with a group of orders, as its heading.
pub fn trouble(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Failed => "Failed",
        Trouble::SetAside => "Set aside",
        Trouble::RuleFailed => "Rule failed",
        Trouble::TimedOut => "No answer in time",
        Trouble::Drifted => "Found otherwise",
        Trouble::InDoubt => "In doubt",
        Trouble::Quarantined => "Application is down",
        Trouble::RetryWait => "Failed, tried again",
        Trouble::Held => "Held",
        Trouble::Maintenance => "In maintenance",
    }
}

/// What an operator may do, as a button.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Retry => "Retry now",
        Action::Edit => "Change values",
        Action::SendToManual => "Send to manual",
        Action::MarkDone => "Mark done",
        Action::Cancel => "Cancel",
        Action::Hold => "Hold",
        Action::Resume => "Let go",
    }
}

/// What the person has to write with it, and what becomes of that.
pub fn action_text(action: Action) -> Option<(&'static str, &'static str)> {
    match action {
        Action::Retry | Action::Resume => None,
        Action::Edit => Some(("Why", "Kept with the order and its values")),
        Action::SendToManual => Some(("Comment for the people", "Why, and what they have to know")),
        Action::MarkDone => Some(("Evidence", "How you know that it is done")),
        Action::Cancel => Some(("Why", "Shown in the timeline")),
        Action::Hold => Some(("Why", "Others see it with your name")),
    }
}

/// What follows from it, for who is about to do it.
pub fn action_effect(action: Action) -> &'static str {
    match action {
        Action::Retry => "They are sent again at once; what is in doubt is read back first.",
        Action::Edit => {
            "The order is sent with the changed values. Later computations keep them until the rules compute something else."
        }
        Action::SendToManual => {
            "Each becomes a work item for people; nothing is sent to the application for it any more."
        }
        Action::MarkDone => {
            "Each counts as done, and is confirmed, or found otherwise, when the application is next read."
        }
        Action::Cancel => "They are not sent. What is still wanted is ordered anew by the next computation.",
        Action::Hold => "They are not sent until somebody lets them go.",
        Action::Resume => "They go on where they were held.",
    }
}

/// "3 orders: retry now" as what came of it: "sent again".
pub fn action_done(action: Action) -> &'static str {
    match action {
        Action::Retry => "sent again",
        Action::Edit => "changed and sent again",
        Action::SendToManual => "given to people",
        Action::MarkDone => "marked as done",
        Action::Cancel => "cancelled",
        Action::Hold => "held",
        Action::Resume => "let go",
    }
}

/// "department = Sales and title = Engineer".
pub fn facts(facts: &[Fact]) -> String {
    let parts: Vec<String> = facts.iter().map(fact).collect();
    match parts.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

fn fact(fact: &Fact) -> String {
    match &fact.value {
        Some(value) => format!("{} = {value}", attribute(&fact.attribute)),
        None => format!("{} has no value", attribute(&fact.attribute)),
    }
}

/// `employee_number` as "employee number".
pub fn attribute(name: &str) -> String {
    name.replace('_', " ")
}

/// One way in which something is held, as a sentence.
pub fn reason(reason: &Reason) -> String {
    let because = match facts(&reason.facts) {
        facts if facts.is_empty() => String::new(),
        facts => format!(" holds because {facts}, and"),
    };
    let route = match reason.path.as_slice() {
        [] => " gives it directly".to_owned(),
        path => {
            let steps: Vec<String> = path.iter().map(|step| format!("{} {}", kind(step), step.name())).collect();
            format!(" gives it through {}", steps.join(" → "))
        }
    };
    match &reason.grant {
        Some(origin) => {
            format!("Request {} of {}{route}: \u{201c}{}\u{201d}.", origin.request, origin.by, origin.why)
        }
        None => format!("Rule {}{because}{route}.", reason.rule),
    }
}

/// Answer to "why, or why not", as one sentence.
pub fn verdict(explanation: &Explanation, person: &str) -> String {
    let named = |thing: &Grantable| format!("{} {}", kind(thing), thing.name());
    let thing = named(&explanation.grantable);
    if explanation.held {
        return format!("{person} holds {thing}.");
    }
    if explanation.is_indirect() {
        return format!("{person} holds {thing} indirectly. Nothing gives it directly.");
    }
    if let Some(word) = explanation.lifecycle.as_deref().filter(|word| word.withheld) {
        return format!("{person} does not hold {thing}: their state withholds it ({}).", word.standing.since_when());
    }
    if let Some(denied_by) = &explanation.denied_by {
        return format!("{person} does not hold {thing}: rule {} takes it away.", denied_by.rule);
    }
    if let Some(dormant) = explanation.dormant.first() {
        return match dormant.grantable == explanation.grantable {
            true => format!("{person} does not hold {thing}: it {}.", dormant.why.said()),
            false => format!(
                "{person} does not hold {thing}: {}, which would give it, {}.",
                named(&dormant.grantable),
                dormant.why.said()
            ),
        };
    }
    match explanation.missing.first() {
        Some(nearest) => format!("{person} does not hold {thing}. Nearest is rule {}.", nearest.rule),
        None => format!("{person} does not hold {thing}, and no rule gives it to anybody."),
    }
}

/// Before and after of one item, secrets masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub what: String,
    pub before: String,
    pub after: String,
}

/// What an item does, for the table "before → after".
pub fn change(item: &OrderItem) -> Change {
    let shown = |value: Option<String>| match value {
        Some(_) if item.secret => MASK.to_owned(),
        Some(value) => value,
        None => "—".to_owned(),
    };
    let what = match item.kind {
        ItemKind::Attribute => attribute(&item.name),
        ItemKind::Entitlement => item.entitlement.clone().unwrap_or_else(|| item.name.clone()),
        ItemKind::Lifecycle => "the account itself".to_owned(),
    };
    let (before, after) = match (item.kind, item.operation) {
        (ItemKind::Entitlement, ItemOperation::Remove) => ("held".to_owned(), "—".to_owned()),
        (ItemKind::Entitlement, _) => ("—".to_owned(), "held".to_owned()),
        (ItemKind::Lifecycle, _) => {
            let text = |value: &Option<model::value::Value>, absent: &str| {
                value.as_ref().map_or_else(|| absent.to_owned(), ToString::to_string)
            };
            (text(&item.current, "—"), text(&item.value, if item.name.is_empty() { "—" } else { &item.name }))
        }
        (ItemKind::Attribute, ItemOperation::Remove) => {
            (shown(item.current.as_ref().map(ToString::to_string)), "—".into())
        }
        // Still to come: from another account, or from whoever is asked.
        (ItemKind::Attribute, _) if item.value.is_none() && item.state.is_open() && !item.explanation.is_empty() => {
            (shown(item.current.as_ref().map(ToString::to_string)), item.explanation.clone())
        }
        (ItemKind::Attribute, _) => {
            (shown(item.current.as_ref().map(ToString::to_string)), shown(item.value.as_ref().map(ToString::to_string)))
        }
    };
    Change { what, before, after }
}

/// How an attempt ended, and whether that is good.
pub fn answer(answer: &Answer) -> (bool, String) {
    match answer {
        Answer::Applied { detail } if detail.is_empty() => (true, "Applied.".into()),
        Answer::Applied { detail } => (true, format!("Applied: {detail}")),
        Answer::AlreadySo { detail } if detail.is_empty() => (true, "It was so already.".into()),
        Answer::AlreadySo { detail } => (true, format!("It was so already: {detail}")),
        Answer::Handed { reference } => (true, format!("Handed over as {reference}.")),
        Answer::CalledOff { detail } => (true, detail.clone()),
        Answer::Failed { message, .. } => (false, message.clone()),
        Answer::ReadBack { present: true } => (true, "Read back: it is there.".into()),
        Answer::ReadBack { present: false } => (false, "Read back: it is not there.".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::OrderItemId;
    use model::order::ProvisioningState;

    #[test]
    fn numbers_are_grouped() {
        for (value, expected) in [(0, "0"), (999, "999"), (8_615, "8,615"), (-1_234_567, "−1,234,567")] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(total(COUNT_LIMIT), "10,000+");
        assert_eq!(counted(1.into(), "order", "orders"), "1 order");
        assert_eq!(counted(COUNT_LIMIT.into(), "order", "orders"), "10,000+ orders");
        assert_eq!(counted(Counted { count: 500, more: true }, "order", "orders"), "500+ orders");
        assert_eq!(plural(1, "order", "orders"), "1 order");
    }

    #[test]
    fn a_reason_reads_as_a_sentence() {
        let reason_of = |facts: Vec<Fact>, path: Vec<Grantable>| Reason {
            rule: "sales-staff".into(),
            context: None,
            facts,
            path,
            grant: None,
        };
        let fact = |name: &str, value: Option<&str>| Fact { attribute: name.into(), value: value.map(Into::into) };
        assert_eq!(reason(&reason_of(vec![], vec![])), "Rule sales-staff gives it directly.");
        assert_eq!(
            reason(&reason_of(
                vec![fact("department", Some("Sales")), fact("cost_centre", None)],
                vec![Grantable::Role("seller".into()), Grantable::AccessProfile("crm".into())],
            )),
            "Rule sales-staff holds because department = Sales and cost centre has no value, and gives it through role seller → access profile crm."
        );
    }

    #[test]
    fn a_period_names_its_last_day() {
        let date = |text: &str| Some(text.parse().unwrap());
        for (starts, ends, expected) in [
            (None, None, "no end"),
            (date("2026-01-01"), None, "from 2026-01-01"),
            (None, date("2026-07-01"), "until 2026-06-30"),
            (date("2026-01-01"), date("2026-03-01"), "2026-01-01 to 2026-02-28"),
        ] {
            assert_eq!(period(&Period { starts, ends }), expected);
        }
    }

    #[test]
    fn secrets_are_masked_on_both_sides() {
        let item = OrderItem {
            id: OrderItemId(1),
            kind: ItemKind::Attribute,
            name: "initial_password".into(),
            operation: ItemOperation::Set,
            value: Some("hunter2".into()),
            current: Some("hunter1".into()),
            entitlement: None,
            state: ProvisioningState::Pending,
            explanation: String::new(),
            reasons: vec![],
            secret: true,
            message: None,
        };
        let change = change(&item);
        assert_eq!((change.before.as_str(), change.after.as_str()), (MASK, MASK));
    }
}
