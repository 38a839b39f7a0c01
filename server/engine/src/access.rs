//! What people see of their own access and do about it themselves, whatever their permission profiles say: what they have
//! and why, what they may ask for, and what became of what they asked for. Managers do the same for those who report to them,
//! and nobody for anybody else.
//!
//! Asking goes through `requests`, as all asking does; here is only whose it may be. A user is somebody once an administrator
//! has said which identity (`users::set_identity`).

mod catalogue;
mod words;

use jiff::civil::Date;
use model::access::Grantable;
use model::error::{ApiError, ErrorCode};
use model::identity::{Identity, LifecycleState};
use model::ids::{IdentityId, RequestId};
use model::page::Page;
use model::request::{
    Change, DirectGrant, NewRequest, RequestDetail, RequestFilter, RequestItem, RequestRow, RequestSource, Submission,
};
use model::trigger::Trigger;
use model::view::PermissionRow;

use crate::context::OpContext;
use crate::error::internal;
use crate::requests;

pub use catalogue::{Catalogue, Offer, PAGE, Search, Standing, catalogue};

/// People that are asked for at once.
pub const PEOPLE_LIMIT: usize = 10;

/// Requests that are shown of one person.
const REQUEST_LIMIT: u32 = 50;

/// Who the caller is, and who reports to them.
pub struct Mine {
    pub identity: Identity,
    /// By name, at most 50.
    pub reports: Vec<(IdentityId, String)>,
}

/// Who the caller is; none where nobody has said so.
pub async fn mine(op: &OpContext) -> Result<Option<Mine>, ApiError> {
    let Some(id) = op.user.identity else { return Ok(None) };
    let found = op.engine.store().identity_detail(id, op.engine.today()).await.map_err(internal)?;
    Ok(found.map(|detail| Mine {
        reports: if detail.lifecycle == LifecycleState::Leaver { Vec::new() } else { detail.reports },
        identity: detail.identity,
    }))
}

/// What stands in place of all this where nobody has said who the caller is.
pub fn unknown(op: &OpContext) -> String {
    format!(
        "Nobody has said yet which person of the organisation the login {} is. Ask an administrator of Quartermaster to say \
         so: quartermaster user identity {} KEY.",
        op.user.login, op.user.login
    )
}

/// The person, where the caller may look at and ask for their access: themselves, and who reports to them. Whoever is not
/// there is refused like whoever is somebody else's.
async fn person(op: &OpContext, id: IdentityId) -> Result<Identity, ApiError> {
    let own = op.user.identity.ok_or_else(|| ApiError::new(ErrorCode::Forbidden, unknown(op)))?;
    let found = op.engine.store().identities_by_id(&[own, id]).await.map_err(internal)?;
    let me = found.iter().find(|identity| identity.id == own);
    let wanted = found.iter().find(|identity| identity.id == id);
    match (me, wanted) {
        (Some(me), Some(wanted)) if is_mine(me, wanted, op.engine.today()) => Ok(wanted.clone()),
        _ => Err(ApiError::new(
            ErrorCode::Forbidden,
            "You can look at your own access, and at that of people who report to you; nobody else's.",
        )),
    }
}

fn is_mine(me: &Identity, wanted: &Identity, today: Date) -> bool {
    let reports = wanted.source == me.source && wanted.manager_key.as_deref() == Some(me.key.as_str());
    me.id == wanted.id || (reports && wanted.present && me.lifecycle(today) != LifecycleState::Leaver)
}

/// What somebody has.
pub struct Held {
    pub person: Identity,
    pub rows: Vec<HeldRow>,
}

/// One thing of it.
pub struct HeldRow {
    pub row: PermissionRow,
    /// Why, in one sentence.
    pub why: String,
    /// Was asked for and has a last day, so that a later one can be asked for.
    pub can_be_extended: bool,
    /// Was asked for, so that it can be given back.
    pub can_be_given_back: bool,
}

/// What somebody has, with why.
pub async fn held(op: &OpContext, id: IdentityId) -> Result<Held, ApiError> {
    let person = person(op, id).await?;
    let (store, today) = (op.engine.store(), op.engine.today());
    let found = store.identity_detail(id, today).await.map_err(internal)?;
    let permissions = found.map(|detail| detail.permissions).unwrap_or_default();
    let grants = store.direct_grants(Some(&[id])).await.map_err(internal)?;
    let configuration = op.engine.world().configuration();
    let row = |mut row: PermissionRow| {
        row.display_name = op.engine.label(&row.grantable);
        row.application = op.engine.application_of(&row.grantable).map(|name| op.engine.application_label(&name));
        let is_own = |grant: &&DirectGrant| grant.grantable == row.grantable && !grant.period.is_past(today);
        let own: Vec<&DirectGrant> = grants.iter().filter(is_own).collect();
        HeldRow {
            why: words::why(&row.reasons, &op.user.login, |thing| op.engine.label(thing)),
            can_be_extended: !own.is_empty()
                && own.iter().all(|grant| grant.period.ends.is_some())
                && requests::offer::is_offered(&configuration, &row.grantable, today),
            can_be_given_back: !own.is_empty(),
            row,
        }
    };
    Ok(Held { person, rows: permissions.into_iter().map(row).collect() })
}

/// What people call these things.
pub fn labels<'g>(op: &OpContext, things: impl Iterator<Item = &'g Grantable>) -> Vec<String> {
    things.map(|thing| op.engine.label(thing)).collect()
}

/// What somebody wishes for one person.
#[derive(Clone, Debug)]
pub struct Wish {
    pub person: IdentityId,
    pub items: Vec<RequestItem>,
    pub justification: String,
    pub not_before: Option<Date>,
    /// The last day.
    pub until: Option<Date>,
    /// Why a risk is borne that it would newly bring about.
    pub risk_comment: Option<String>,
    /// Only says what would happen.
    pub simulate: bool,
}

/// Asks for access, or gives it back, for oneself or somebody who reports to the caller.
pub async fn ask(op: &OpContext, wish: Wish) -> Result<Submission, ApiError> {
    let person = person(op, wish.person).await?;
    let is_account = |item: &&RequestItem| matches!(item.grantable, Grantable::AccountType(_));
    if let Some(item) = wish.items.iter().find(is_account).filter(|item| item.change == Change::Give) {
        let message = format!(
            "{} is an account, which comes with what is in it. Ask for that instead.",
            op.engine.label(&item.grantable)
        );
        return Err(ApiError::invalid("items", message));
    }
    let source = RequestSource::new("page", "Request access");
    let new = NewRequest {
        not_before: wish.not_before,
        until: wish.until,
        risk_comment: wish.risk_comment,
        simulate: wish.simulate,
        ..NewRequest::new(Trigger::AccessRequest, source, person.id, wish.items, wish.justification)
    };
    requests::hand_in(op, new).await
}

/// What was asked for somebody, and where it is; newest first.
pub async fn requests_for(op: &OpContext, id: IdentityId, after: Option<String>) -> Result<Page<RequestRow>, ApiError> {
    let person = person(op, id).await?;
    let filter =
        RequestFilter { identity: Some(person.id), after, limit: Some(REQUEST_LIMIT), ..RequestFilter::default() };
    requests::list(op, &filter).await
}

/// What the caller asked for others, newest first.
pub async fn asked_for_others(op: &OpContext) -> Result<Vec<RequestRow>, ApiError> {
    let requester = Some(op.user.login.clone());
    let filter = RequestFilter {
        requester,
        trigger: Some(Trigger::AccessRequest),
        limit: Some(REQUEST_LIMIT),
        ..RequestFilter::default()
    };
    let page = requests::list(op, &filter).await?;
    Ok(page.rows.into_iter().filter(|row| Some(row.identity) != op.user.identity).collect())
}

/// One request, for whoever asked, for whom it is, and for their manager.
pub async fn request(op: &OpContext, id: RequestId) -> Result<RequestDetail, ApiError> {
    let unseen = || ApiError::not_found(format!("request {id} of yours"));
    let found = op.engine.store().request(id).await.map_err(internal)?.ok_or_else(unseen)?;
    let asked = is_asked_by(op, found.trigger, &found.requester);
    if !asked {
        person(op, found.identity).await.map_err(|_| unseen())?;
    }
    let mut detail = requests::read(op, id).await?;
    detail.can_be_cancelled &= asked;
    Ok(detail)
}

/// Takes back what the caller asked for, as long as nothing was sent because of it.
pub async fn withdraw(op: &OpContext, id: RequestId, reason: &str) -> Result<(), ApiError> {
    let found = op.engine.store().request(id).await.map_err(internal)?;
    let own = found.filter(|request| is_asked_by(op, request.trigger, &request.requester));
    let request = own.ok_or_else(|| ApiError::not_found(format!("request {id} of yours")))?;
    requests::withdraw(op, request, reason).await
}

/// What other systems hand in names people as they please: only of what people ask for is the requester a login.
fn is_asked_by(op: &OpContext, trigger: Trigger, requester: &str) -> bool {
    trigger == Trigger::AccessRequest && requester.eq_ignore_ascii_case(&op.user.login)
}
