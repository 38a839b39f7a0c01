//! A bulk change for chosen people: all that a list shows, or all for whom a condition holds, and one thing to give or to
//! take away.

use jiff::civil::Date;
use model::bulk_change::{BulkRow, WrittenRow};
use model::configuration::Configuration;
use model::error::ApiError;
use model::identity::{Context, Identity, LifecycleState};
use model::ids::{BulkChangeId, IdentityId};
use model::request::Change;
use model::view::IdentityFilter;
use policy::expression::{Expression, Subject};
use tokio::sync::mpsc;

use crate::context::OpContext;

use super::{BULK, checked_reason, file, one_line};

/// Who is meant.
#[derive(Clone, Debug)]
pub enum Who {
    /// All whom the list of people shows by this filter.
    Listed(IdentityFilter),
    /// All for whom this condition over `identity` holds, as a rule's would, whose days have not ended.
    Matching(String),
}

/// What is to become of whom.
#[derive(Clone, Debug)]
pub struct Choice {
    pub who: Who,
    pub change: Change,
    /// As it is typed: `role:sales-staff`, its name, or what people call it.
    pub thing: String,
    /// As they are typed; empty for none.
    pub not_before: String,
    pub until: String,
    pub reason: String,
}

/// Begins a bulk change for chosen people.
pub async fn choose(op: &OpContext, choice: Choice) -> Result<BulkChangeId, ApiError> {
    op.require(BULK)?;
    op.require("/Identities/View")?;
    let reason = checked_reason(&choice.reason)?;
    let thing = crate::requests::name(op, choice.thing.trim())?;
    let (people, title) = match &choice.who {
        Who::Listed(filter) => (listed(op, filter).await?, told(filter)),
        Who::Matching(condition) => {
            (matching(op, condition).await?, format!("People for whom {}", one_line(condition)))
        }
    };
    if people.is_empty() {
        return Err(ApiError::invalid(
            "who",
            "Nobody is meant by this. Choose by fewer or other words, or by another condition.",
        ));
    }
    let written = |person: IdentityId| WrittenRow {
        identity: format!("#{person}"),
        action: choice.change.name().to_owned(),
        kind: thing.kind().to_owned(),
        name: thing.name().to_owned(),
        not_before: choice.not_before.trim().to_owned(),
        until: choice.until.trim().to_owned(),
        justification: String::new(),
        problem: None,
    };
    let rows: Vec<BulkRow> = (1..).zip(people).map(|(number, person)| BulkRow::new(number, written(person))).collect();
    let (pieces, mut arriving) = mpsc::channel(1);
    let sending = async move {
        for piece in rows.chunks(1_000) {
            if pieces.send(Ok(piece.to_vec())).await.is_err() {
                return;
            }
        }
    };
    let title = title.chars().take(200).collect();
    tokio::join!(sending, file::keep(op, title, reason, &mut arriving)).1
}

async fn listed(op: &OpContext, filter: &IdentityFilter) -> Result<Vec<IdentityId>, ApiError> {
    let mut people = Vec::new();
    let mut filter = IdentityFilter { after: None, limit: Some(store::paging::LONGEST_PAGE), ..filter.clone() };
    loop {
        let page = crate::identities::page(op, filter.clone()).await?;
        people.extend(page.rows.iter().map(|row| row.id));
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(people),
        }
    }
}

/// "People of Sales, active, with “bo”".
fn told(filter: &IdentityFilter) -> String {
    let parts = [
        filter.department.as_ref().map(|department| format!("in {department}")),
        filter.lifecycle.map(|state| format!("in the state {}", state.label().to_lowercase())),
        filter.state.as_ref().map(|state| format!("recorded as {state}")),
        filter.text.as_ref().map(|text| format!("with \u{201c}{}\u{201d}", one_line(text))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "All people".to_owned() } else { format!("People {}", parts.join(", ")) }
}

async fn matching(op: &OpContext, condition: &str) -> Result<Vec<IdentityId>, ApiError> {
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let condition = understood(&op.engine.world().configuration(), condition)?;
    let (engine, today) = (op.engine.clone(), op.engine.today());
    let work = move || {
        let mut people = Vec::new();
        let is_here = |identity: &Identity| identity.lifecycle(today) != LifecycleState::Leaver;
        for identity in engine.world().everybody().filter(is_here) {
            if holds(&condition, &identity, today)? {
                people.push(identity.id);
            }
        }
        Ok::<_, String>(people)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())?.map_err(wrong)
}

/// A condition over `identity` that somebody typed.
pub(crate) fn understood(configuration: &Configuration, condition: &str) -> Result<Expression, ApiError> {
    let parsed = Expression::parse(condition.trim()).and_then(|parsed| parsed.expanded(configuration));
    parsed.map_err(|error| wrong(error.to_string()))
}

pub(crate) fn wrong(why: String) -> ApiError {
    ApiError::invalid("condition", format!("The condition cannot be used: {why}."))
}

/// Whether it holds in one of the contexts that count today, or, without one, for the person as such.
pub(crate) fn holds(condition: &Expression, identity: &Identity, today: Date) -> Result<bool, String> {
    contexts(Some(condition), identity, today).map(|contexts| !contexts.is_empty())
}

/// The contexts that count today in which the condition holds; that of the person as such where they have none.
pub(crate) fn contexts<'a>(
    condition: Option<&Expression>,
    identity: &'a Identity,
    today: Date,
) -> Result<Vec<Option<&'a Context>>, String> {
    let mut all: Vec<Option<&Context>> =
        identity.contexts.iter().filter(|context| context.period.holds(today)).map(Some).collect();
    if all.is_empty() {
        all.push(None);
    }
    let Some(condition) = condition else { return Ok(all) };
    let mut meant = Vec::new();
    for context in all {
        if condition.holds(&Subject::new(identity, context, today))? {
            meant.push(context);
        }
    }
    Ok(meant)
}
