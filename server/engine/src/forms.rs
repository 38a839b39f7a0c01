//! Forms: what people are asked about somebody, and what they answer. An answer is planned for at once, by a run that
//! concerns nobody else.

use std::collections::{BTreeMap, BTreeSet};

use broker::catalogue::{AttributeFacts, Catalogue};
use broker::questions;
use jiff::Timestamp;
use model::error::{ApiError, ErrorCode};
use model::form::{
    Answer, FormCounts, FormDetail, FormField, FormFilter, FormOwner, FormRow, FormScope, IdentityQuestion, Place,
    Typed,
};
use model::identity::{Identity, LifecycleState};
use model::ids::{AnswerId, FormId, IdentityId, QuestionId};
use model::job::ANSWERS;
use model::page::Page;
use model::user::User;
use model::value::Value;
use model::view::AuditLine;
use store::{FormReader, FormRecord, NewIdentityEvent, QuestionRecord, StoreError};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// Seeing everybody's forms.
pub const VIEW: &str = "/Forms/View";
/// Answering every form, whoever owns it.
pub const ANSWER: &str = "/Forms/Answer";

/// What came of answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// So many were taken; so many stay open.
    Taken { answered: usize, open: usize },
    /// Nothing was taken: these do not fit, and why.
    Misfits(Vec<(QuestionId, String)>),
}

/// A piece of the list.
pub async fn page(op: &OpContext, filter: FormFilter) -> Result<Page<FormRow>, ApiError> {
    if filter.scope == FormScope::All {
        op.require(VIEW)?;
    }
    let store = op.engine.store();
    let page = store.form_page(&filter, reader(op)).await.map_err(internal)?;
    let ids: Vec<FormId> = page.rows.iter().map(|row| row.id).collect();
    let questions = store.questions_of(&ids).await.map_err(internal)?;
    let users = store.users().await.map_err(internal)?;
    let row = |record: FormRecord| {
        let own: Vec<&QuestionRecord> =
            questions.iter().filter(|question| question.question.form == record.id).collect();
        row(op, record, &own, &users)
    };
    Ok(Page { rows: page.rows.into_iter().map(row).collect(), next: page.next, total: page.total, more: page.more })
}

/// How many forms wait, as far as the caller may see them.
pub async fn counts(op: &OpContext) -> Result<FormCounts, ApiError> {
    let counts = op.engine.store().form_counts(reader(op)).await.map_err(internal)?;
    Ok(FormCounts { all: if op.may(VIEW) { counts.all } else { 0 }, ..counts })
}

/// One form with its questions.
pub async fn detail(op: &OpContext, id: FormId) -> Result<FormDetail, ApiError> {
    let (record, questions) = find(op, id).await?;
    let store = op.engine.store();
    let users = store.users().await.map_err(internal)?;
    let identity = identity(op, record.identity).await?;
    let answers = store.answers(Some(&[record.identity])).await.map_err(internal)?;
    let over = over(op, &record, &identity);
    let own: Vec<&QuestionRecord> = questions.iter().collect();
    Ok(FormDetail {
        about: about(&identity, op),
        fields: own.iter().map(|record| field(&op.engine, record, &answers)).collect(),
        may_answer: may_answer(op, &record.owner),
        over,
        row: row(op, record, &own, &users),
    })
}

/// What does not fit of what was typed, and why. Fields that were left empty stay open.
pub fn misfits(engine: &Engine, detail: &FormDetail, typed: &[Typed]) -> Vec<(QuestionId, String)> {
    let read = |field: &FormField| {
        let text = &typed.iter().find(|typed| typed.question == field.question)?.text;
        let text = text.trim();
        (!text.is_empty()).then(|| read(engine, field, text).err().map(|why| (field.question, why)))?
    };
    detail.fields.iter().filter(|field| field.outcome.is_none()).filter_map(read).collect()
}

/// Takes answers, all or none. What was left empty stays open.
pub async fn answer(op: &OpContext, id: FormId, typed: Vec<Typed>) -> Result<Answered, ApiError> {
    let detail = detail(op, id).await?;
    if !detail.may_answer {
        return Err(refused(&detail.row));
    }
    if let Some(over) = detail.over {
        return Err(ApiError::conflict(format!("{over} Nothing was changed.")));
    }
    if let Some(foreign) = typed.iter().find(|typed| detail.fields.iter().all(|field| field.question != typed.question))
    {
        return Err(ApiError::invalid("question", format!("Form {id} has no question {}.", foreign.question)));
    }
    let misfits = misfits(&op.engine, &detail, &typed);
    if !misfits.is_empty() {
        return Ok(Answered::Misfits(misfits));
    }
    let mut given: BTreeMap<QuestionId, (String, String, Value)> = BTreeMap::new();
    for typed in typed.iter().filter(|typed| !typed.text.trim().is_empty()) {
        let Some(field) = detail.fields.iter().find(|field| field.question == typed.question) else { continue };
        if field.outcome.is_some() {
            return Err(late(op, field, id).await);
        }
        let value = read(&op.engine, field, &typed.text).map_err(|why| ApiError::invalid(&field.key, why))?;
        given.insert(typed.question, (field.key.clone(), field.label.clone(), value));
    }
    if given.is_empty() {
        return Err(ApiError::invalid(
            "answers",
            "Nothing was filled in. Answer at least one question, then send the form.",
        ));
    }
    let mut ids = op.engine.store().reserve_ids(given.len()).await.map_err(internal)?;
    let identity = detail.row.identity;
    let answers: Vec<(QuestionId, Answer)> = given
        .iter()
        .map(|(question, (key, _, value))| {
            let id = AnswerId(ids.next().unwrap_or_default());
            (*question, stated(op, id, identity, key, value))
        })
        .collect();
    let labels: Vec<&str> = given.values().map(|(_, label, _)| label.as_str()).collect();
    let event = event(op, identity, format!("{} answered: {}.", op.user.display_name, labels.join(", ")));
    let audit = audit(op, &id.to_string(), format!("answered {} about identity {identity}", keys(&answers)));
    let now = op.now;
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.answer_questions(&answers, now).await? {
                return Err(StoreError::Conflict { constraint: OVER.into() });
            }
            tx.append_identity_events(&[event]).await?;
            tx.append_audit(&audit).await
        })
    });
    match work.await {
        Ok(()) => {}
        Err(StoreError::Conflict { constraint }) if constraint == OVER => {
            return Err(ApiError::conflict(format!(
                "Form {id} was answered, or is not needed any more, since you opened it. Nothing was changed; look at it again."
            )));
        }
        Err(error) => return Err(internal(error)),
    }
    queue(&op.engine, Some(op)).await.map_err(internal)?;
    let open = detail.fields.iter().filter(|field| field.outcome.is_none()).count();
    Ok(Answered::Taken { answered: given.len(), open: open.saturating_sub(given.len()) })
}

/// Puts another answer in the place of one that stands. Whoever may answer the form it was given on may change it.
pub async fn change(op: &OpContext, form: FormId, before: AnswerId, text: &str) -> Result<(), ApiError> {
    let detail = detail(op, form).await?;
    if !detail.may_answer {
        return Err(refused(&detail.row));
    }
    let identity = identity(op, detail.row.identity).await?;
    if let Some(left) = left(op, &identity) {
        return Err(ApiError::conflict(format!("{left} Nothing was changed.")));
    }
    let stale = || {
        ApiError::conflict(
            "This answer does not stand any more: somebody has changed it. Nothing was changed; look at it again.",
        )
    };
    let stands = |field: &&FormField| field.answer.as_ref().is_some_and(|answer| answer.id == before);
    let field = detail.fields.iter().find(stands).ok_or_else(stale)?;
    let value = read(&op.engine, field, text)
        .map_err(|why| ApiError::invalid(&field.key, format!("\u{201c}{}\u{201d} {why}.", field.label)))?;
    if field.answer.as_ref().is_some_and(|answer| answer.value == value) {
        return Err(ApiError::invalid(&field.key, "That is what stands already; nothing was changed."));
    }
    let id = AnswerId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    let answer = stated(op, id, detail.row.identity, &field.key, &value);
    let event = event(op, answer.identity, format!("{} changed the answer: {}.", op.user.display_name, field.label));
    let audit =
        audit(op, &form.to_string(), format!("changed the answer {} about identity {}", field.key, answer.identity));
    let now = op.now;
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.change_answer(before, &answer, now).await? {
                return Err(StoreError::Conflict { constraint: OVER.into() });
            }
            tx.append_identity_events(&[event]).await?;
            tx.append_audit(&audit).await
        })
    });
    match work.await {
        Ok(()) => queue(&op.engine, Some(op)).await.map_err(internal),
        Err(StoreError::Conflict { constraint }) if constraint == OVER => Err(stale()),
        Err(error) => Err(internal(error)),
    }
}

/// What is asked about an identity, and what was answered.
pub(crate) async fn of_identity(op: &OpContext, id: IdentityId) -> Result<Vec<IdentityQuestion>, ApiError> {
    let store = op.engine.store();
    let open = store.open_questions(Some(&[id])).await.map_err(internal)?;
    let answers = store.answers(Some(&[id])).await.map_err(internal)?;
    if open.is_empty() && answers.is_empty() {
        return Ok(Vec::new());
    }
    let live = op.engine.world().live();
    let users = store.users().await.map_err(internal)?;
    let waiting = open.iter().map(|question| IdentityQuestion {
        form: Some(question.form),
        label: question.asked.label.clone(),
        owner_name: owner_name(op, &question.asked.owner, &users),
        due_at: facts(&live.catalogue, &question.places).map(|facts| questions::due_at(facts, question.asked_at)),
        answer: None,
    });
    let given = answers.iter().map(|answer| IdentityQuestion {
        form: None,
        label: live.catalogue.question(&answer.key).map_or_else(|| answer.key.clone(), |facts| facts.label.clone()),
        owner_name: answer.by.as_ref().map_or_else(String::new, |by| user_name(by, &users)),
        due_at: None,
        answer: Some(answer.clone()),
    });
    Ok(waiting.chain(given).collect())
}

/// Whom the next plans concern because of questions: answers that are in no plan, and defaults whose time has come.
pub(crate) async fn to_plan(engine: &Engine) -> Result<BTreeSet<IdentityId>, StoreError> {
    let mut ids: BTreeSet<IdentityId> = engine.store().identities_with_new_answers().await?.into_iter().collect();
    ids.extend(with_due_defaults(engine).await?);
    Ok(ids)
}

async fn with_due_defaults(engine: &Engine) -> Result<Vec<IdentityId>, StoreError> {
    let (live, now) = (engine.world().live(), engine.now());
    let is_due = |question: &model::form::OpenQuestion| {
        facts(&live.catalogue, &question.places)
            .is_some_and(|facts| facts.default.is_some() && questions::due_at(facts, question.asked_at) <= now)
    };
    let open = engine.store().open_questions(None).await?;
    Ok(open.into_iter().filter(is_due).map(|question| question.identity).collect())
}

/// Queues what follows from answers, where a run that was under way when they were given has not looked at them, and from
/// defaults whose time has come.
pub(crate) async fn queue_due(engine: &Engine, with_defaults: bool) -> Result<(), StoreError> {
    let mut waits = !engine.store().identities_with_new_answers().await?.is_empty();
    if !waits && with_defaults {
        waits = !with_due_defaults(engine).await?.is_empty();
    }
    if !waits {
        return Ok(());
    }
    if crate::jobs::may_queue_own(engine, ANSWERS, false).await? { queue(engine, None).await } else { Ok(()) }
}

/// Queues a run for those whose answers are new; one that waits already takes them along.
async fn queue(engine: &Engine, op: Option<&OpContext>) -> Result<(), StoreError> {
    crate::jobs::queue_own(engine, ANSWERS, &crate::jobs::FROM_PLANNING, op.map(|op| op.user.id)).await
}

const OVER: &str = "question_over";

async fn find(op: &OpContext, id: FormId) -> Result<(FormRecord, Vec<QuestionRecord>), ApiError> {
    let store = op.engine.store();
    let record = store.form(id).await.map_err(internal)?.ok_or_else(|| ApiError::not_found(format!("form {id}")))?;
    if !may_answer(op, &record.owner) {
        op.require(VIEW)?;
    }
    let questions = store.questions_of(&[id]).await.map_err(internal)?;
    Ok((record, questions))
}

fn reader(op: &OpContext) -> FormReader<'_> {
    FormReader { login: &op.user.login, profiles: &op.user.profiles, is_operator: op.may(ANSWER) }
}

/// Whose form it is, and whoever may answer every form.
fn may_answer(op: &OpContext, owner: &FormOwner) -> bool {
    op.may(ANSWER)
        || match owner {
            FormOwner::Login(login) => login.to_lowercase() == op.user.login.to_lowercase(),
            FormOwner::Profile(profile) => op.user.profiles.contains(profile),
            FormOwner::Operators => false,
        }
}

fn refused(row: &FormRow) -> ApiError {
    ApiError::new(
        ErrorCode::Forbidden,
        format!(
            "Form {} is for {} to answer. Ask them, or somebody whose profile includes `{ANSWER}`.",
            row.id, row.owner_name
        ),
    )
}

async fn late(op: &OpContext, field: &FormField, form: FormId) -> ApiError {
    let by = match field.answer.as_ref().and_then(|answer| answer.by.as_ref()) {
        Some(by) => {
            let users = op.engine.store().users().await.unwrap_or_default();
            format!("{} has answered it", user_name(by, &users))
        }
        None => "it is not open any more".to_owned(),
    };
    ApiError::conflict(format!(
        "\u{201c}{}\u{201d} on form {form} is over: {by}. Nothing was changed; look at the form again.",
        field.label
    ))
}

async fn identity(op: &OpContext, id: IdentityId) -> Result<Identity, ApiError> {
    let found = op.engine.store().identities_by_id(&[id]).await.map_err(internal)?;
    found.into_iter().next().ok_or_else(|| ApiError::not_found(format!("identity {id}")))
}

/// Why the form cannot be answered any more.
fn over(op: &OpContext, record: &FormRecord, identity: &Identity) -> Option<String> {
    if record.closed_at.is_some() {
        return Some("All questions of this form are answered or not needed any more.".to_owned());
    }
    left(op, identity)
}

fn left(op: &OpContext, identity: &Identity) -> Option<String> {
    (identity.lifecycle(op.engine.today()) == LifecycleState::Leaver)
        .then(|| format!("{} has left; no account waits for an answer.", identity.display_name))
}

/// What tells one person from another: the attributes of what holds today.
fn about(identity: &Identity, op: &OpContext) -> Vec<(String, String)> {
    let today = op.engine.today();
    let mut contexts: Vec<_> = identity.contexts.iter().filter(|context| context.period.holds(today)).collect();
    contexts.sort_by_key(|context| context.priority);
    let attributes = contexts.iter().flat_map(|context| &context.attributes);
    let mut seen = BTreeSet::new();
    let lines = attributes.filter(|(name, _)| seen.insert(name.as_str()));
    lines.map(|(name, value)| (name.clone(), value.to_string())).collect()
}

fn row(op: &OpContext, record: FormRecord, questions: &[&QuestionRecord], users: &[User]) -> FormRow {
    let live = op.engine.world().live();
    let open = questions.iter().filter(|record| record.outcome.is_none());
    let due = open.filter_map(|record| {
        let question = &record.question;
        facts(&live.catalogue, &question.places).map(|facts| questions::due_at(facts, question.asked_at))
    });
    FormRow {
        id: record.id,
        identity: record.identity,
        identity_name: record.identity_name,
        owner_name: owner_name(op, &record.owner, users),
        owner: record.owner,
        labels: questions.iter().map(|record| record.question.asked.label.clone()).collect(),
        opened_at: record.opened_at,
        closed_at: record.closed_at,
        due_at: due.min(),
    }
}

fn field(engine: &Engine, record: &QuestionRecord, answers: &[Answer]) -> FormField {
    let live = engine.world().live();
    let question = &record.question;
    let facts = live.catalogue.question(&question.asked.key);
    let needed_for = question.places.iter().map(|place| {
        let kind = live.catalogue.account_type_label(&place.account_type);
        format!("{kind} in {}", live.catalogue.application_label(&place.application))
    });
    let needed_for: BTreeSet<String> = needed_for.collect();
    FormField {
        question: question.id,
        key: question.asked.key.clone(),
        label: question.asked.label.clone(),
        help: facts.and_then(|facts| facts.help.clone()),
        rules: facts.map(|facts| facts.constraint.in_words()).unwrap_or_default(),
        kind: facts.map(|facts| facts.kind).unwrap_or_default(),
        maximum_length: facts.and_then(|facts| facts.maximum_length),
        choices: facts.map_or_else(|| question.asked.choices.clone(), |facts| facts.choices.clone()),
        needed_for: needed_for.into_iter().collect(),
        due_at: facts.filter(|_| record.outcome.is_none()).map(|facts| questions::due_at(facts, question.asked_at)),
        default: facts.and_then(|facts| facts.default.clone()),
        outcome: record.outcome,
        answer: answers.iter().find(|answer| answer.key == question.asked.key).cloned(),
    }
}

/// What the configuration says of a question now: of the first place that needs it.
fn facts<'c>(catalogue: &'c Catalogue, places: &[Place]) -> Option<&'c AttributeFacts> {
    places.iter().find_map(|place| catalogue.attribute(&place.account_type, &place.attribute))
}

fn read(engine: &Engine, field: &FormField, text: &str) -> Result<Value, String> {
    let live = engine.world().live();
    let text = text.trim();
    match live.catalogue.question(&field.key) {
        Some(facts) => facts.constraint.read(text),
        // Which of several accounts is meant.
        None if field.choices.iter().any(|choice| choice == text) => Ok(Value::from(text)),
        None if !field.choices.is_empty() => Err(format!("is none of {}", field.choices.join(", "))),
        None => Err("is not asked any more".to_owned()),
    }
}

fn owner_name(op: &OpContext, owner: &FormOwner, users: &[User]) -> String {
    match owner {
        FormOwner::Login(login) => user_name(login, users),
        FormOwner::Profile(profile) => {
            let configuration = op.engine.world().configuration();
            let label = configuration.permission_profiles.get(profile).map(|profile| profile.display_name.clone());
            label.unwrap_or_else(|| profile.clone())
        }
        FormOwner::Operators => "Operators".to_owned(),
    }
}

fn user_name(login: &str, users: &[User]) -> String {
    let user = users.iter().find(|user| user.login.to_lowercase() == login.to_lowercase());
    user.map_or_else(|| login.to_owned(), |user| user.display_name.clone())
}

fn stated(op: &OpContext, id: AnswerId, identity: IdentityId, key: &str, value: &Value) -> Answer {
    Answer { id, identity, key: key.to_owned(), value: value.clone(), by: Some(op.user.login.clone()), at: op.now }
}

fn keys(answers: &[(QuestionId, Answer)]) -> String {
    answers.iter().map(|(_, answer)| answer.key.as_str()).collect::<Vec<_>>().join(", ")
}

fn event(op: &OpContext, identity: IdentityId, message: String) -> NewIdentityEvent {
    NewIdentityEvent { identity, at: op.now, message, order: None, run: None }
}

fn audit(op: &OpContext, subject: &str, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "form".into(), subject: subject.to_owned(), detail }
}

/// The moment from which an answer is late, for pages that show it.
#[must_use]
pub fn is_late(due_at: Option<Timestamp>, now: Timestamp) -> bool {
    due_at.is_some_and(|due| due <= now)
}
