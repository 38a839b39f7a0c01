//! What may become of a work item, and what the order's answer is once all of an attempt are closed.
//!
//! | from | deed      | who                                            | to                                    |
//! |------|-----------|------------------------------------------------|---------------------------------------|
//! | open | claim     | anybody, while nobody else has it              | open, theirs                          |
//! | open | release   | who has it                                     | open, nobody's                        |
//! | open | reassign  | who has it; anybody while nobody has; a supervisor | open, for somebody else           |
//! | open | split     | the same                                       | two that are open                     |
//! | open | ask       | the same                                       | open, the clock stands                |
//! | open | report    | who has it, or anybody while nobody has        | open; done, partly done or cannot be done with the last line |
//!
//! That the caller has the duty for the account type, and does not work on their own access where that is not wanted, is
//! asked before. Everything else closed means that nothing changes.

use jiff::Timestamp;
use model::command::{Applied, CommandError, Outcome};
use model::ids::{OrderItemId, UserId, WorkItemId};
use model::order::{ErrorClass, Order, OrderItem};
use model::plan::{ItemKind, Operation};
use model::work_item::{Chosen, Fulfiller, LineOutcome, LineReport, WorkItem, WorkItemLine, WorkItemState};

use crate::catalogue::Catalogue;
use crate::edit::{self, EditError};
use crate::untrusted;

/// Longest note, reason, question or answer, in characters.
pub const LONGEST_TEXT: usize = 1_000;
/// Longest reference, in characters.
pub const LONGEST_REFERENCE: usize = 500;

/// Why a deed is not done; nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Work item {0} is already closed; nothing was changed.")]
    Closed(WorkItemId),
    /// With who has it.
    #[error("Work item {0} is taken by somebody else. Ask them to report, or to give it back.")]
    Taken(WorkItemId, UserId),
    #[error("Work item {0} is not yours to give back. Look at it again.")]
    NotYours(WorkItemId),
    #[error("The line {1} is not among the lines of work item {0} that wait for a report. Look at it again.")]
    NoSuchLine(WorkItemId, OrderItemId),
    #[error("Nothing is reported. Say of at least one line that it is done, or why it cannot be done.")]
    NothingReported,
    #[error("Say why `{0}` cannot be done; whoever mends it reads this first.")]
    WhyMissing(String),
    #[error(
        "The account cannot be there without `{0}`. Where that cannot be done, nothing of it can: report so for every line."
    )]
    NoAccountWithout(String),
    #[error("`{0}` is there or not; it has no other value. Leave the actual value empty.")]
    NoValue(String),
    #[error("{0}")]
    Value(#[from] EditError),
    #[error("A note or a reference is asked for with this work: say how it can be seen that it was done.")]
    EvidenceMissing,
    #[error(
        "The reference is no address that a browser can open. Give one that begins with https:// or http://, or a ticket's number."
    )]
    Reference,
    #[error("The reference is longer than {LONGEST_REFERENCE} characters. Shorten it.")]
    ReferenceTooLong,
    #[error("Choose which lines go to somebody else: at least one, and not all of them.")]
    NothingToSplit,
    #[error("Say something about it; they read this first.")]
    TextMissing,
    #[error("Write no more than {LONGEST_TEXT} characters.")]
    TextTooLong,
}

/// A text that may be kept and shown; none where it is empty.
pub fn text(text: &str) -> Result<Option<String>, Refusal> {
    let cleaned = untrusted::message(text.trim());
    let cleaned = cleaned.trim();
    if cleaned.chars().count() > LONGEST_TEXT {
        return Err(Refusal::TextTooLong);
    }
    Ok((!cleaned.is_empty()).then(|| cleaned.to_owned()))
}

/// A text that has to be there.
pub fn needed_text(given: &str) -> Result<String, Refusal> {
    text(given)?.ok_or(Refusal::TextMissing)
}

/// Where evidence is: a number or name, or an address that a browser may open.
pub fn reference(given: &str) -> Result<Option<String>, Refusal> {
    let cleaned = untrusted::message(given.trim());
    let cleaned = cleaned.trim();
    if cleaned.chars().count() > LONGEST_REFERENCE {
        return Err(Refusal::ReferenceTooLong);
    }
    let lower = cleaned.to_ascii_lowercase();
    let is_web = is_address(&lower);
    let scheme = lower.split_once(':').map(|(scheme, _)| scheme);
    let is_other = lower.contains("://")
        || scheme
            .is_some_and(|scheme| matches!(scheme, "javascript" | "data" | "vbscript" | "file" | "http" | "https"));
    if is_other && !is_web {
        return Err(Refusal::Reference);
    }
    Ok((!cleaned.is_empty()).then(|| cleaned.to_owned()))
}

/// Whether it can be shown as a link.
pub fn is_address(reference: &str) -> bool {
    let lower = reference.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !rest.chars().any(|c| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '\\' | '`'))
    })
}

/// Refuses where it is closed, or somebody else has it. A supervisor may all the same.
pub fn can_change(item: &WorkItem, by: Option<UserId>, supervises: bool) -> Result<(), Refusal> {
    if item.state != WorkItemState::Open {
        return Err(Refusal::Closed(item.id));
    }
    match item.claimed_by {
        Some(other) if Some(other) != by && !supervises => Err(Refusal::Taken(item.id, other)),
        _ => Ok(()),
    }
}

pub fn claim(item: &WorkItem, by: UserId) -> Result<WorkItem, Refusal> {
    can_change(item, Some(by), false)?;
    Ok(WorkItem { claimed_by: Some(by), ..item.clone() })
}

pub fn release(item: &WorkItem, by: UserId) -> Result<WorkItem, Refusal> {
    match item.state {
        WorkItemState::Open if item.claimed_by == Some(by) => Ok(WorkItem { claimed_by: None, ..item.clone() }),
        WorkItemState::Open => Err(Refusal::NotYours(item.id)),
        _ => Err(Refusal::Closed(item.id)),
    }
}

/// For somebody else, and nobody's until they claim it.
pub fn assign(item: &WorkItem, to: Fulfiller, chosen: Chosen) -> WorkItem {
    WorkItem { fulfiller: to, chosen, claimed_by: None, ..item.clone() }
}

/// Lines that wait for a report go to somebody else, as a work item of their own; the clock is the same. Answers what
/// stays, and what is new.
pub fn split(
    item: &WorkItem,
    lines: &[OrderItemId],
    to: Fulfiller,
    id: WorkItemId,
    part: u32,
    now: Timestamp,
) -> Result<(WorkItem, WorkItem), Refusal> {
    for line in lines {
        open_line(item, *line)?;
    }
    let (gone, kept): (Vec<_>, Vec<_>) = item.lines.iter().cloned().partition(|line| lines.contains(&line.item));
    if gone.is_empty() || !kept.iter().any(|line| line.outcome.is_none()) {
        return Err(Refusal::NothingToSplit);
    }
    let new = WorkItem {
        id,
        part,
        created_at: now,
        note: None,
        reference: None,
        lines: gone,
        paused_at: None,
        ..assign(item, to, Chosen::Split)
    };
    Ok((WorkItem { lines: kept, ..item.clone() }, new))
}

fn open_line(item: &WorkItem, line: OrderItemId) -> Result<(), Refusal> {
    let is_open = item.lines.iter().any(|own| own.item == line && own.outcome.is_none());
    if is_open { Ok(()) } else { Err(Refusal::NoSuchLine(item.id, line)) }
}

/// What somebody reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub lines: Vec<LineReport>,
    /// What became of every line that is not named.
    pub rest: Option<LineOutcome>,
    pub note: Option<String>,
    pub reference: Option<String>,
}

/// The work item with the lines that were reported; closed where none is left. `others` are those of the same attempt.
#[expect(clippy::too_many_arguments, reason = "what a report is about, who makes it, and when")]
pub fn report(
    item: &WorkItem,
    others: &[WorkItem],
    order: &Order,
    report: &Report,
    needs_evidence: bool,
    catalogue: &Catalogue,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<WorkItem, Refusal> {
    can_change(item, by, false)?;
    let mut after = item.clone();
    let is_named = |line: &&WorkItemLine| report.lines.iter().any(|named| named.line == line.item);
    let unnamed: Vec<&WorkItemLine> =
        item.lines.iter().filter(|line| line.outcome.is_none() && !is_named(line)).collect();
    // Where every line is named, what is said of the rest is said of nothing. Work without lines is a rest as a whole.
    let of_rest = report.rest.as_ref().filter(|_| !unnamed.is_empty() || item.lines.is_empty());
    if report.lines.is_empty() && of_rest.is_none() {
        return Err(Refusal::NothingReported);
    }
    let rest = unnamed.iter().filter_map(|line| Some(LineReport { line: line.item, outcome: of_rest?.clone() }));
    for reported in report.lines.iter().cloned().chain(rest) {
        open_line(&after, reported.line)?;
        let outcome = checked(order, &reported, catalogue)?;
        if let Some(line) = after.lines.iter_mut().find(|line| line.item == reported.line) {
            line.outcome = Some(outcome);
        }
    }
    after.note = report.note.clone().or(after.note);
    after.reference = report.reference.clone().or(after.reference);
    let says_done = |outcome: &LineOutcome| matches!(outcome, LineOutcome::Done { .. });
    let is_done = report.lines.iter().map(|line| &line.outcome).chain(of_rest).any(says_done);
    if needs_evidence && is_done && after.note.is_none() && after.reference.is_none() {
        return Err(Refusal::EvidenceMissing);
    }
    account_is_possible(order, std::iter::once(&after).chain(others), catalogue)?;
    if after.lines.iter().all(|line| line.outcome.is_some()) {
        after.state = outcome_of(&after, of_rest);
        after.closed_at = Some(now);
        after.closed_by = by;
        after.next_action_at = None;
        after.paused_at = None;
        if let (WorkItemState::CannotDo, None, Some(LineOutcome::CannotDo { why })) =
            (after.state, &after.note, of_rest)
        {
            after.note = Some(why.clone());
        }
    }
    Ok(after)
}

fn outcome_of(item: &WorkItem, whole: Option<&LineOutcome>) -> WorkItemState {
    let outcomes = || item.lines.iter().filter_map(|line| line.outcome.as_ref()).chain(whole);
    let is_done = outcomes().any(|outcome| matches!(outcome, LineOutcome::Done { .. }));
    let is_refused = outcomes().any(|outcome| matches!(outcome, LineOutcome::CannotDo { .. }));
    match (is_done, is_refused) {
        (true, true) => WorkItemState::PartlyDone,
        (false, true) => WorkItemState::CannotDo,
        _ => WorkItemState::Done,
    }
}

fn checked(order: &Order, report: &LineReport, catalogue: &Catalogue) -> Result<LineOutcome, Refusal> {
    let item = order.items.iter().find(|item| item.id == report.line);
    let name = item.map(|item| item.name.clone()).unwrap_or_default();
    match &report.outcome {
        LineOutcome::CannotDo { why } => match text(why)? {
            Some(why) => Ok(LineOutcome::CannotDo { why }),
            None => Err(Refusal::WhyMissing(name)),
        },
        LineOutcome::Done { actual } => {
            let actual = actual.as_deref().map(str::trim).filter(|actual| !actual.is_empty());
            let (Some(actual), Some(item)) = (actual, item) else { return Ok(LineOutcome::Done { actual: None }) };
            let actual = match item.kind {
                ItemKind::Attribute => match edit::changes(order, &[(item.name.clone(), actual.to_owned())]) {
                    Ok(_) => Some(actual.to_owned()),
                    // The value that was asked for.
                    Err(EditError::Nothing) => None,
                    Err(error) => return Err(error.into()),
                },
                ItemKind::Lifecycle if takes_key(order, catalogue) => text(actual)?,
                ItemKind::Entitlement | ItemKind::Lifecycle => return Err(Refusal::NoValue(item.name.clone())),
            };
            Ok(LineOutcome::Done { actual })
        }
    }
}

/// Whether whoever creates the account has to be told its key: the application chooses it.
pub fn takes_key(order: &Order, catalogue: &Catalogue) -> bool {
    let facts = catalogue.account_type(&order.account_type);
    order.operation == Operation::Create && order.key.is_none() && facts.is_none_or(|facts| !facts.key_is_native)
}

/// Of an account that is to be created nothing can be done while it is not, or not under its name.
fn account_is_possible<'a>(
    order: &Order,
    items: impl Iterator<Item = &'a WorkItem> + Clone,
    catalogue: &Catalogue,
) -> Result<(), Refusal> {
    if order.operation != Operation::Create || order.account.is_some() {
        return Ok(());
    }
    let lines = items.flat_map(|item| item.lines.iter());
    let mut done = lines.clone().filter(|line| matches!(line.outcome, Some(LineOutcome::Done { .. })));
    let refused = lines.filter(|line| matches!(line.outcome, Some(LineOutcome::CannotDo { .. })));
    let facts = catalogue.account_type(&order.account_type).filter(|facts| facts.key_is_native);
    let is_needed = |item: &&OrderItem| {
        item.kind == ItemKind::Lifecycle
            || item.kind == ItemKind::Attribute && facts.is_some_and(|facts| facts.key_attribute == item.name)
    };
    let mut needed = refused.filter_map(|line| order.items.iter().find(|item| item.id == line.item)).filter(is_needed);
    match needed.next() {
        Some(item) if done.next().is_some() => Err(Refusal::NoAccountWithout(item.name.clone())),
        _ => Ok(()),
    }
}

/// What the work items of one attempt answer together.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub result: Result<Outcome, CommandError>,
    /// Values that were set in place of those asked for, by attribute.
    pub values: Vec<(String, String)>,
    /// Why single items cannot be done.
    pub refused: Vec<(OrderItemId, String)>,
}

/// None while one of them is open.
pub fn answered(order: &Order, items: &[WorkItem], by: &str, catalogue: &Catalogue) -> Option<Answered> {
    let facts = catalogue.account_type(&order.account_type).filter(|facts| facts.key_is_native);
    let names_the_account =
        |name: &str| order.operation == Operation::Create && facts.is_some_and(|facts| facts.key_attribute == name);
    if items.iter().any(|item| item.state == WorkItemState::Open) {
        return None;
    }
    let mut values = Vec::new();
    let mut refused: Vec<(OrderItemId, String)> = Vec::new();
    let mut key = None;
    let mut done = 0_usize;
    for line in items.iter().flat_map(|item| &item.lines) {
        let item = order.items.iter().find(|item| item.id == line.item);
        match (&line.outcome, item.map(|item| item.kind)) {
            (Some(LineOutcome::CannotDo { why }), _) => refused.push((line.item, why.clone())),
            (Some(LineOutcome::Done { actual }), kind) => {
                done += 1;
                match (actual, kind, item) {
                    (Some(actual), Some(ItemKind::Attribute), Some(item)) => {
                        if names_the_account(&item.name) {
                            key = Some(actual.clone());
                        }
                        values.push((item.name.clone(), actual.clone()));
                    }
                    (Some(actual), Some(ItemKind::Lifecycle), _) => key = Some(actual.clone()),
                    _ => {}
                }
            }
            (None, _) => {}
        }
    }
    let whole_refusal = items.iter().find(|item| item.lines.is_empty() && item.state == WorkItemState::CannotDo);
    if done == 0 && (!refused.is_empty() || whole_refusal.is_some()) {
        let why = why_not(order, &refused, whole_refusal);
        return Some(Answered { result: Err(CommandError::new(ErrorClass::Declined, why)), values, refused });
    }
    let mut detail = format!("confirmed by {by}");
    for told in items.iter().flat_map(|item| [item.note.as_deref(), item.reference.as_deref()]).flatten() {
        detail.push_str(": ");
        detail.push_str(told);
    }
    let mut applied = Applied { key, detail: untrusted::message(&detail), ..Applied::default() };
    for (id, why) in &refused {
        match order.items.iter().find(|item| item.id == *id) {
            Some(item) if item.kind == ItemKind::Lifecycle => applied.account_refused = Some(why.clone()),
            Some(item) => applied.refused.push((item.name.clone(), why.clone())),
            None => {}
        }
    }
    Some(Answered { result: Ok(Outcome::Applied(applied)), values, refused })
}

fn why_not(order: &Order, refused: &[(OrderItemId, String)], whole: Option<&WorkItem>) -> String {
    let first = refused.first().map(|(_, why)| why);
    if let Some(first) = first
        && refused.iter().all(|(_, why)| why == first)
    {
        return first.clone();
    }
    let name = |id: OrderItemId| order.items.iter().find(|item| item.id == id).map(|item| item.name.as_str());
    let told = refused.iter().map(|(id, why)| format!("{}: {why}", name(*id).unwrap_or_default()));
    let told: Vec<String> = told.chain(whole.and_then(|item| item.note.clone())).collect();
    untrusted::message(&told.join("; "))
}

#[cfg(test)]
mod tests;
