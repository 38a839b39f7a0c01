//! Work items: changes that people carry out. Whose they are, who has them, what is asked and reported.
//!
//! Everything that changes one goes through `change`: it is decided by `broker` on what was seen, and written only while
//! that is so.

pub mod bulk;
mod change;
mod clock;
mod hand;
pub(crate) mod opened;
mod questions;
mod report;
pub(crate) mod staff;

use broker::fulfiller::{self, Work};
use model::error::ApiError;
use model::ids::WorkItemId;
use model::order::{Order, StateReason};
use model::page::Page;
use model::user::Duty;
use model::view::{WorkItemCounts, WorkItemDetail, WorkItemFilter, WorkItemRow, WorkItemViewer};
use model::work_item::{Fulfiller, LineOutcome, WorkItemState};

use self::change::{Seen, actor};
use self::staff::Staff;
use crate::context::OpContext;
use crate::error::internal;

pub use self::clock::look as look_at_clocks;
pub use self::hand::{REASSIGN, reassign, split};
pub use self::questions::{answer, ask, take_back, to_me as questions_to_me};
pub use self::report::{Told, report};
pub(crate) use self::staff::profile_label;
pub use broker::work_item::is_address;

/// What became of one work item of several.
pub type ItemOutcome = (WorkItemId, Result<(), ApiError>);

/// A piece of the list.
pub async fn page(op: &OpContext, filter: WorkItemFilter) -> Result<Page<WorkItemRow>, ApiError> {
    op.require("/WorkItems/View")?;
    let mut page = op.engine.store().work_item_page(&filter, &viewer(op), op.now).await.map_err(internal)?;
    for row in &mut page.rows {
        row.application_name = op.engine.application_label(&row.application);
        if row.fulfiller == Fulfiller::Everybody {
            row.fulfiller_name = "Everybody".to_owned();
        }
    }
    Ok(page)
}

/// How many are open: the caller's, their teams', everybody's, and overdue; and questions to the caller.
pub async fn counts(op: &OpContext) -> Result<WorkItemCounts, ApiError> {
    op.require("/WorkItems/View")?;
    op.engine.store().work_item_counts(&viewer(op), op.now).await.map_err(internal)
}

/// How many questions wait for the caller's answer. It takes no permission to be asked.
pub async fn open_questions(op: &OpContext) -> Result<u64, ApiError> {
    op.engine.store().open_questions_to(op.user.id).await.map_err(internal)
}

fn viewer(op: &OpContext) -> WorkItemViewer {
    WorkItemViewer { user: actor(op), login: op.user.login.clone(), profiles: op.user.profiles.clone() }
}

/// One work item with all a person needs to do it. Whoever was asked about it sees it as well.
pub async fn detail(op: &OpContext, id: WorkItemId) -> Result<WorkItemDetail, ApiError> {
    if let Err(refused) = op.require("/WorkItems/View")
        && !questions::is_asked(op, id).await?
    {
        return Err(refused);
    }
    let seen = Seen::read(op, id).await?;
    let (item, order) = (seen.item.clone(), seen.work.order.clone());
    let store = op.engine.store();
    let identities = store.identities_by_id(&[order.identity]).await.map_err(internal)?;
    let configuration = op.engine.world().configuration();
    let instructions = match staff::manual(&configuration, &order) {
        Some(manual) => manual.instructions.clone().unwrap_or_default(),
        // People do it although what it is sent to is reached otherwise.
        None => why_people(op, &order).await?,
    };
    let users = Staff::read(&op.engine).await.map_err(internal)?;
    let name = |id| users.users().find(|user| Some(user.id) == id).map(|user| user.display_name.clone());
    let is_open = item.state == WorkItemState::Open;
    let may = Duty::Fulfil.is_allowed(&op.permissions, &order.account_type);
    let refused = change::own_work(op, &order).filter(|_| may);
    let works = is_open && may && refused.is_none();
    let advisers = if works { questions::advisers(op, &seen, &users).await? } else { Vec::new() };
    Ok(WorkItemDetail {
        identity_name: identities.first().map(|identity| identity.display_name.clone()).unwrap_or_default(),
        application_name: op.engine.application_label(&item.application),
        fulfiller_name: staff::label(&configuration, &users, &item.fulfiller),
        instructions,
        claimed_by: name(item.claimed_by),
        closed_by: name(item.closed_by),
        others: seen.others(),
        questions: store.questions_of_work_item(id).await.map_err(internal)?,
        history: store.work_item_events(id).await.map_err(internal)?,
        failure: earlier_failure(op, &order).await?,
        needs_evidence: staff::manual(&configuration, &order).is_some_and(|manual| manual.evidence),
        refused,
        candidates: if works { candidates(op, &order, &users) } else { Vec::new() },
        advisers,
        item,
        order,
    })
}

/// Whom it can be given to: teams, then people, by name.
fn candidates(op: &OpContext, order: &Order, users: &Staff) -> Vec<(String, String)> {
    let configuration = op.engine.world().configuration();
    let no_own_work = staff::named(&configuration, order).no_own_work;
    let workers = users.workers(&order.account_type);
    let work = Work::of(order);
    let profiles = configuration.permission_profiles.keys().filter(|profile| {
        fulfiller::check(&Fulfiller::Profile((*profile).clone()), work, no_own_work, &workers).is_ok()
    });
    let team = |profile: &String| (profile.clone(), format!("Team: {}", staff::profile_label(&configuration, profile)));
    let people = workers.iter().filter(|worker| fulfiller::fits(worker, work, no_own_work).is_ok());
    let mut people: Vec<(String, String)> =
        people.map(|worker| (format!("{}{}", Fulfiller::USER, worker.login), worker.display_name.clone())).collect();
    people.sort_by_key(|(_, name)| name.to_lowercase());
    profiles.map(team).chain(people).collect()
}

/// What the attempt before this one failed with.
async fn earlier_failure(op: &OpContext, order: &Order) -> Result<Option<String>, ApiError> {
    if order.attempts < 2 {
        return Ok(None);
    }
    let detail = op.engine.store().order_detail(order.id).await.map_err(internal)?;
    let timeline = detail.map(|detail| detail.timeline).unwrap_or_default();
    let is_failure = |reason: &StateReason| {
        matches!(reason, StateReason::Failed { .. } | StateReason::Timeout | StateReason::Drifted { .. })
    };
    let failed = timeline.into_iter().rev().find(|event| event.reason.as_ref().is_some_and(is_failure));
    Ok(failed.map(|event| event.message))
}

/// Takes a work item, so that others see who is at it.
pub async fn claim(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    change::hold(op, id, true).await
}

/// Gives a claimed work item back.
pub async fn release(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    change::hold(op, id, false).await
}

/// Confirms that the work is done, for one or several; each answers for itself.
pub async fn confirm(op: &OpContext, ids: Vec<WorkItemId>, note: String) -> Result<Vec<ItemOutcome>, ApiError> {
    report_all(op, ids, Told { rest: Some(LineOutcome::Done { actual: None }), note, ..Told::default() }).await
}

/// Reports that the work cannot be done, and why, for one or several.
pub async fn report_error(op: &OpContext, ids: Vec<WorkItemId>, why: String) -> Result<Vec<ItemOutcome>, ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    if why.trim().is_empty() {
        return Err(ApiError::invalid("why", "Say why it cannot be done; whoever mends it reads this first."));
    }
    report_all(op, ids, Told { rest: Some(LineOutcome::CannotDo { why }), ..Told::default() }).await
}

/// Reports the same of several work items; each answers for itself.
pub async fn report_all(op: &OpContext, ids: Vec<WorkItemId>, told: Told) -> Result<Vec<ItemOutcome>, ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in distinct(ids)? {
        outcomes.push((id, report(op, id, &told).await.map(|_| ())));
    }
    Ok(outcomes)
}

fn distinct(mut ids: Vec<WorkItemId>) -> Result<Vec<WorkItemId>, ApiError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(ApiError::invalid("ids", "Tick at least one work item."));
    }
    Ok(ids)
}

/// What the person wrote who gave the order to people; where nobody did, why its way leads to them.
async fn why_people(op: &OpContext, order: &Order) -> Result<String, ApiError> {
    let Some(detail) = op.engine.store().order_detail(order.id).await.map_err(internal)? else {
        return Ok(String::new());
    };
    let is_given = |reason: &StateReason| matches!(reason, StateReason::GivenToPeople { .. });
    let mut timeline = detail.timeline.iter().rev();
    let given = timeline.find(|event| event.reason.as_ref().is_some_and(is_given));
    Ok(given.map_or_else(|| detail.why_this_way().to_owned(), |event| event.message.clone()))
}
