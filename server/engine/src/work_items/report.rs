//! What people report: line by line, or of all that is left. With the last line of the last work item of an attempt the
//! order goes on, as after any answer.

use broker::edit;
use broker::work_item::{self, Report};
use model::error::ApiError;
use model::ids::WorkItemId;
use model::order::Order;
use model::user::Duty;
use model::work_item::{LineOutcome, LineReport, WorkItem, WorkItemEventKind, WorkItemState};

use super::change::{Seen, actor, audit, change, event, told};
use super::staff;
use crate::context::OpContext;
use crate::dispatch;
use crate::error::internal;
use crate::orders;
use crate::record::{Extra, Step, WorkChange};

/// A report as it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub lines: Vec<LineReport>,
    /// What became of every line that is not named.
    pub rest: Option<LineOutcome>,
    pub note: String,
    pub reference: String,
}

/// Reports on a work item. Answers how it stands afterwards.
pub async fn report(op: &OpContext, id: WorkItemId, given: &Told) -> Result<WorkItem, ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let told_texts = work_item::text(&given.note).and_then(|note| Ok((note, work_item::reference(&given.reference)?)));
    let (note, reference) = match told_texts {
        Ok(texts) => texts,
        Err(refusal) => return Err(told(op, refusal).await),
    };
    let report = Report { lines: given.lines.clone(), rest: given.rest.clone(), note, reference };
    let report = &report;
    change(op, id, |seen| async move { decide(op, seen, report).await }).await?;
    let seen = Seen::read(op, id).await?;
    tell_demo(op, &seen);
    Ok(seen.item)
}

async fn decide(op: &OpContext, seen: Seen, report: &Report) -> Result<WorkChange, ApiError> {
    seen.require(op)?;
    seen.require_open()?;
    let order = &seen.work.order;
    let id = seen.item.id;
    let engine = &op.engine;
    let configuration = engine.world().configuration();
    let needs_evidence = staff::manual(&configuration, order).is_some_and(|manual| manual.evidence);
    let live = engine.world().live();
    let others = seen.others();
    let reported =
        work_item::report(&seen.item, &others, order, report, needs_evidence, &live.catalogue, actor(op), op.now);
    let after = match reported {
        Ok(after) => after,
        Err(refusal) => return Err(told(op, refusal).await),
    };
    let mut change = seen.change();
    let is_closed = after.state != WorkItemState::Open;
    let kind = if is_closed { WorkItemEventKind::Closed } else { WorkItemEventKind::Reported };
    change.events.push((id, event(op, kind, sentence(order, &seen.item, &after, &op.user.display_name))));
    change.audit.push(audit(op, id, if is_closed { after.state.name() } else { "lines reported" }));
    if is_closed {
        let questions = engine.store().questions_of_work_item(id).await.map_err(internal)?;
        let open = questions.into_iter().map(|view| view.question).find(|question| question.closed_at.is_none());
        change.closed = open.map(|question| super::questions::taken_back(question, actor(op), op.now));
    }
    let mut items = others;
    items.push(after.clone());
    items.sort_by_key(|item| item.id);
    change.changed.push(after);
    change.step = step(op, order, &items).await?;
    Ok(change)
}

/// The step of the order that follows, once all is reported.
async fn step(op: &OpContext, order: &Order, items: &[WorkItem]) -> Result<Option<(Step, Extra)>, ApiError> {
    let live = op.engine.world().live();
    let answered = work_item::answered(order, items, &op.user.display_name, &live.catalogue);
    let Some(answered) = answered else { return Ok(None) };
    let (order, extra) = match answered.values.is_empty() {
        true => (order.clone(), Extra::default()),
        false => match edit::changes(order, &answered.values) {
            Ok(changes) => {
                let item = items.last().map(|item| item.id.to_string()).unwrap_or_default();
                let why = format!("This is what was set, as work item {item} reports.");
                orders::with_values(op, order, &changes, &why).await?
            }
            Err(edit::EditError::Nothing) => (order.clone(), Extra::default()),
            Err(error) => return Err(ApiError::invalid("actual", error.to_string())),
        },
    };
    let engine = &op.engine;
    let accounts = dispatch::accounts_of(engine, std::slice::from_ref(&order)).await.map_err(internal)?;
    let account = order.account.and_then(|id| accounts.get(&id));
    let mut settled = dispatch::settle_answer(engine, &order, account, &answered.result);
    for (item, _, message) in &mut settled.items {
        if let Some((_, why)) = answered.refused.iter().find(|(refused, _)| refused == item) {
            *message = Some(why.clone());
        }
    }
    let step = Step { actor: Some(op.user.login.clone()), ..Step::new(order, settled) };
    Ok(Some((step, extra)))
}

/// "Ann reports: login done, as ADA3; B cannot be done: the door is broken."
fn sentence(order: &Order, before: &WorkItem, after: &WorkItem, by: &str) -> String {
    let is_news = |line: &&model::work_item::WorkItemLine| !before.lines.contains(line);
    let name = |id| order.items.iter().find(|item| item.id == id).map_or("the account", |item| item.name.as_str());
    let news: Vec<_> = after.lines.iter().filter(is_news).collect();
    let plainly_done =
        |line: &&&model::work_item::WorkItemLine| line.outcome == Some(LineOutcome::Done { actual: None });
    let mut told: Vec<String> = Vec::new();
    let done = news.iter().filter(plainly_done).count();
    match (done == news.len(), after.state) {
        (true, WorkItemState::CannotDo) => told.push("it cannot be done".to_owned()),
        (true, state) if state != WorkItemState::Open => told.push("it is done".to_owned()),
        _ => {
            for line in &news {
                match &line.outcome {
                    Some(LineOutcome::Done { actual: Some(actual) }) => {
                        told.push(format!("{} done, as \u{201c}{actual}\u{201d}", name(line.item)));
                    }
                    Some(LineOutcome::CannotDo { why }) => {
                        told.push(format!("{} cannot be done: {why}", name(line.item)));
                    }
                    _ => {}
                }
            }
            if done > 0 {
                told.push(format!("{done} of {} lines done", after.lines.len()));
            }
        }
    }
    let mut sentence = format!("{by} reports: {}.", told.join("; "));
    for (label, text) in [("Note", &after.note), ("Reference", &after.reference)] {
        if let Some(text) = text {
            sentence.push_str(&format!(" {label}: {text}"));
        }
    }
    broker::untrusted::message(&sentence)
}

/// The demo's systems stand for people's: they do what was reported as done.
fn tell_demo(op: &OpContext, seen: &Seen) {
    let Some(hook) = op.engine.on_confirmed() else { return };
    if seen.work.items.iter().any(|item| item.state == WorkItemState::Open) {
        return;
    }
    let refused = |id| {
        let lines = seen.work.items.iter().flat_map(|item| &item.lines);
        lines.clone().any(|line| line.item == id && matches!(line.outcome, Some(LineOutcome::CannotDo { .. })))
    };
    let mut order = seen.work.order.clone();
    let is_possible = !order.items.iter().any(|item| item.kind == model::plan::ItemKind::Lifecycle && refused(item.id));
    order.items.retain(|item| !refused(item.id));
    if is_possible && !order.items.is_empty() {
        hook(&order);
    }
}
