//! Questions on a work item: somebody is asked, the clock stands, and goes on with the answer.

use broker::{deadline, work_item};
use jiff::Timestamp;
use model::error::{ApiError, ErrorCode};
use model::ids::{UserId, WorkItemId, WorkItemQuestionId};
use model::user::{Duty, User};
use model::view::WorkItemQuestionRow;
use model::work_item::{Fulfiller, WorkItemEventKind, WorkItemQuestion};

use super::change::{Seen, actor, audit, change, event, told};
use super::staff::{self, Staff};
use crate::context::OpContext;
use crate::error::internal;
use crate::mails::notices;

/// Most questions that are listed.
const MOST: u32 = 200;

/// Questions that wait for the caller's answer, oldest first.
pub async fn to_me(op: &OpContext) -> Result<Vec<WorkItemQuestionRow>, ApiError> {
    op.engine.store().questions_to(op.user.id, MOST).await.map_err(internal)
}

/// Asks somebody, by login. Until they answer the clock stands.
pub async fn ask(op: &OpContext, id: WorkItemId, login: &str, question: &str) -> Result<(), ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    let question = &match work_item::needed_text(question) {
        Ok(question) => question,
        Err(_) if question.trim().is_empty() => {
            return Err(ApiError::invalid("question", "Write what you want to know."));
        }
        Err(refusal) => return Err(told(op, refusal).await),
    };
    let staff = &Staff::read(&op.engine).await.map_err(internal)?;
    let asked_of = &somebody(op, staff, login)?;
    let number = WorkItemQuestionId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    change(op, id, |seen| async move {
        seen.require(op)?;
        seen.require_open()?;
        if let Err(refusal) = work_item::can_change(&seen.item, actor(op), false) {
            return Err(told(op, refusal).await);
        }
        if seen.item.paused_at.is_some() {
            return Err(ApiError::conflict(format!(
                "A question on work item {id} is open already. Wait for the answer, or take it back."
            )));
        }
        let mut after = seen.item.clone();
        deadline::pause(&mut after, op.now);
        let by = &op.user.display_name;
        let name = &asked_of.display_name;
        let mut change = seen.change();
        change.asked = Some(WorkItemQuestion {
            id: number,
            work_item: id,
            asked_by: actor(op),
            asked_of: asked_of.id,
            question: question.clone(),
            asked_at: op.now,
            answer: None,
            closed_at: None,
            closed_by: None,
        });
        change.events.push((id, event(op, WorkItemEventKind::Asked, format!("{by} asks {name}: {question}"))));
        change.audit.push(audit(op, id, &format!("asked {}", asked_of.login)));
        let to = Fulfiller::User(asked_of.login.clone());
        let order = &seen.work.order;
        change.notices.extend(notices::about_work(&op.engine, order, id, &to, "a question to you", op.now));
        change.changed.push(after);
        Ok(change)
    })
    .await
}

fn somebody(op: &OpContext, staff: &Staff, login: &str) -> Result<User, ApiError> {
    let login = login.trim();
    let login = login.strip_prefix(Fulfiller::USER).unwrap_or(login);
    let user = staff.by_login(login).filter(|user| !user.disabled).cloned();
    let user = user.ok_or_else(|| {
        let given: String = login.chars().take(64).collect();
        ApiError::invalid("of", format!("There is no user `{given}` who can sign in. Choose whom to ask."))
    })?;
    match user.id == op.user.id {
        true => Err(ApiError::invalid("of", "You cannot ask yourself. Choose somebody else.")),
        false => Ok(user),
    }
}

/// Answers the open question of a work item; the clock goes on.
pub async fn answer(op: &OpContext, id: WorkItemId, answer: &str) -> Result<(), ApiError> {
    let text = match work_item::needed_text(answer) {
        Ok(text) => text,
        Err(_) if answer.trim().is_empty() => {
            return Err(ApiError::invalid("answer", "Write the answer; whoever asked waits for it."));
        }
        Err(refusal) => return Err(told(op, refusal).await),
    };
    close(op, id, Some(text)).await
}

/// Takes the open question of a work item back; the clock goes on.
pub async fn take_back(op: &OpContext, id: WorkItemId) -> Result<(), ApiError> {
    op.require_duty_somewhere(Duty::Fulfil)?;
    close(op, id, None).await
}

async fn close(op: &OpContext, id: WorkItemId, answer: Option<String>) -> Result<(), ApiError> {
    let answer = &answer;
    change(op, id, |seen| async move {
        let questions = op.engine.store().questions_of_work_item(id).await.map_err(internal)?;
        let open = questions.iter().find(|view| view.question.closed_at.is_none());
        let is_asked = questions.iter().any(|view| view.question.asked_of == op.user.id);
        let Some(open) = open else {
            // Whoever has nothing to do with it learns nothing of it.
            if !is_asked {
                seen.require(op)?;
            }
            return Err(ApiError::conflict(format!(
                "No question on work item {id} is open; somebody has answered it or taken it back."
            )));
        };
        match answer {
            Some(_) if open.question.asked_of != op.user.id => {
                return Err(ApiError::new(
                    ErrorCode::Forbidden,
                    format!("The question is to {}; only they can answer it.", open.asked_of),
                ));
            }
            Some(_) => {}
            None => seen.require(op)?,
        }
        let mut after = seen.item.clone();
        let terms = staff::terms(&op.engine.world().configuration(), &seen.work.order);
        deadline::resume(&mut after, &terms, op.now);
        let mut change = seen.change();
        let by = &op.user.display_name;
        let (message, detail) = match answer {
            Some(answer) => (format!("{by} answers: {answer}"), "question answered"),
            None => (format!("{by} takes the question back."), "question taken back"),
        };
        change.events.push((id, event(op, WorkItemEventKind::Answered, message)));
        change.audit.push(audit(op, id, detail));
        if answer.is_some()
            && let Some(asker) = open.question.asked_by
        {
            let asker = op.engine.store().user(asker).await.map_err(internal)?;
            let order = &seen.work.order;
            let told = asker.and_then(|asker| {
                let to = Fulfiller::User(asker.login);
                notices::about_work(&op.engine, order, id, &to, "your question is answered", op.now)
            });
            change.notices.extend(told);
        }
        change.closed = Some(match answer {
            Some(answer) => WorkItemQuestion {
                answer: Some(answer.clone()),
                closed_at: Some(op.now),
                closed_by: actor(op),
                ..open.question.clone()
            },
            None => taken_back(open.question.clone(), actor(op), op.now),
        });
        change.changed.push(after);
        Ok(change)
    })
    .await
}

/// The question without an answer, which nobody waits for any more.
pub(super) fn taken_back(question: WorkItemQuestion, by: Option<UserId>, at: Timestamp) -> WorkItemQuestion {
    WorkItemQuestion { closed_at: Some(at), closed_by: by, ..question }
}

/// Whether somebody has been asked about the work item.
pub(super) async fn is_asked(op: &OpContext, id: WorkItemId) -> Result<bool, ApiError> {
    let questions = op.engine.store().questions_of_work_item(id).await.map_err(internal)?;
    Ok(questions.iter().any(|view| view.question.asked_of == op.user.id))
}

/// Whom one may ask: the person's manager and the application's owner, where they can sign in, then everybody else.
pub(super) async fn advisers(op: &OpContext, seen: &Seen, staff: &Staff) -> Result<Vec<(String, String)>, ApiError> {
    let order = &seen.work.order;
    let store = op.engine.store();
    let detail = store.identity_detail(order.identity, op.engine.today()).await.map_err(internal)?;
    let manager = detail.and_then(|detail| detail.manager).map(|(id, _)| id);
    let configuration = op.engine.world().configuration();
    let owner = configuration.applications.get(&order.application).and_then(|application| application.owner.as_deref());
    let may = |user: &&User| !user.disabled && user.id != op.user.id;
    let is_manager = |user: &User| manager.is_some() && user.identity == manager;
    let is_owner = |user: &User| owner.is_some_and(|owner| user.login.eq_ignore_ascii_case(owner));
    let label = |user: &User| match (is_manager(user), is_owner(user)) {
        (true, _) => format!("{} (manager)", user.display_name),
        (_, true) => format!("{} (owner of the application)", user.display_name),
        _ => user.display_name.clone(),
    };
    let mut users: Vec<&User> = staff.users().filter(may).collect();
    users.sort_by_key(|user| (!is_manager(user), !is_owner(user), user.display_name.to_lowercase()));
    Ok(users.into_iter().map(|user| (user.login.clone(), label(user))).collect())
}
