//! Certification campaigns: what people hold is put before those who know, and what they revoke is followed until it is gone.
//!
//! `snapshot` puts a campaign together, `reviewers` says whose word counts, with the functions by which requests find their
//! approvers; `decide` takes what reviewers say, which has no effect until they sign it off; `pursue` then takes each
//! revocation to what gives the access. The tables are `broker::certification`. Everything that goes on without anybody is
//! carried on by the sweep, in pieces, and what one process has begun another one ends.
//!
//! Entitlements that the role model does not know, and accounts that are nobody's, are no part of it: reconciliation
//! shows them.

mod decide;
mod pursue;
mod record;
mod reviewers;
mod rows;
mod snapshot;
mod words;

use std::collections::BTreeSet;

use broker::certification::{CampaignEvent, campaign_after};
use jiff::Timestamp;
use model::access::Grantable;
use model::certification::{
    Campaign, CampaignRow, CampaignState, CertificationEvent, ItemFilter, ItemRow, NewCampaign,
};
use model::configuration::Approver;
use model::error::ApiError;
use model::ids::{CampaignId, CertificationItemId, IdentityId};
use model::page::Page;
use model::view::AuditLine;
use store::{CampaignStep, StoreError};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

pub use self::decide::{Chosen, Outcomes, decide, keep, preview_sign_off, reassign, retry, sign_off};

/// Sees all campaigns.
pub const VIEW: &str = "/Certifications/View";
/// Starts, ends and cancels campaigns, and gives items to others. Whoever may do it also reviews what nobody else can.
pub const MANAGE: &str = "/Certifications/Manage";

/// Longest name that is kept.
const LONGEST_NAME: usize = 100;
/// Items of a piece of the list.
const PAGE: u32 = 50;
/// Rows of a piece of a file.
const IN_A_PIECE: u32 = 500;

/// A piece of the list, newest first: all campaigns, or those in which the caller is, or was, asked.
pub async fn page(op: &OpContext, before: Option<CampaignId>) -> Result<Page<CampaignRow>, ApiError> {
    let store = op.engine.store();
    let of = (!sees_all(op)).then_some(op.user.login.as_str());
    let page = store.campaign_page(of, before, None).await.map_err(internal)?;
    Ok(Page { rows: counted(op, page.rows).await?, next: page.next, total: page.total, more: page.more })
}

/// Whether the caller sees campaigns in which others are asked.
pub fn sees_all(op: &OpContext) -> bool {
    op.may(VIEW) || op.may(MANAGE)
}

async fn counted(op: &OpContext, campaigns: Vec<Campaign>) -> Result<Vec<CampaignRow>, ApiError> {
    let store = op.engine.store();
    let ids: Vec<CampaignId> = campaigns.iter().map(|campaign| campaign.id).collect();
    let mut counts = store.campaign_counts(&ids).await.map_err(internal)?;
    let mine = store.certifications_waiting_by_campaign(&op.user.login).await.map_err(internal)?;
    let row = |campaign: Campaign| CampaignRow {
        counts: counts.remove(&campaign.id).unwrap_or_default(),
        mine: mine.get(&campaign.id).copied().unwrap_or_default(),
        campaign,
    };
    Ok(campaigns.into_iter().map(row).collect())
}

/// How much waits for the caller's word.
pub async fn waiting(op: &OpContext) -> Result<u64, ApiError> {
    op.engine.store().certifications_waiting(&op.user.login).await.map_err(internal)
}

/// One campaign, as far as it is.
pub async fn campaign(op: &OpContext, id: CampaignId) -> Result<CampaignRow, ApiError> {
    let campaign = find(op, id).await?;
    counted(op, vec![campaign]).await?.pop().ok_or_else(ApiError::internal)
}

/// A campaign that the caller may see.
async fn find(op: &OpContext, id: CampaignId) -> Result<Campaign, ApiError> {
    let missing = || ApiError::not_found(format!("certification campaign {id}"));
    let found = op.engine.store().campaign(id).await.map_err(internal)?.ok_or_else(missing)?;
    if !sees_all(op) {
        let own = ItemFilter { mine: true, limit: Some(1), ..ItemFilter::default() };
        let page = op.engine.store().certification_page(id, &own, &op.user.login).await.map_err(internal)?;
        if page.rows.is_empty() {
            return Err(missing());
        }
    }
    Ok(found)
}

/// A piece of what a campaign covers, person by person: all of it, or what is the caller's to decide.
pub async fn items(op: &OpContext, id: CampaignId, filter: &ItemFilter) -> Result<Page<ItemRow>, ApiError> {
    let campaign = find(op, id).await?;
    let filter =
        ItemFilter { mine: filter.mine || !sees_all(op), limit: Some(filter.limit.unwrap_or(PAGE)), ..filter.clone() };
    let page = op.engine.store().certification_page(id, &filter, &op.user.login).await.map_err(internal)?;
    Ok(Page { rows: rows::of(op, &campaign, page.rows).await?, next: page.next, total: page.total, more: page.more })
}

/// What happened to an item, oldest first.
pub async fn events(op: &OpContext, id: CertificationItemId) -> Result<Vec<CertificationEvent>, ApiError> {
    let store = op.engine.store();
    let item = store.certification_items(&[id]).await.map_err(internal)?.pop();
    let is_theirs = |reviewers: &[String]| reviewers.iter().any(|login| login.eq_ignore_ascii_case(&op.user.login));
    match item.filter(|item| sees_all(op) || is_theirs(&item.reviewers)) {
        Some(_) => store.certification_events(id).await.map_err(internal),
        None => Err(ApiError::not_found(format!("item {id} of a certification"))),
    }
}

/// Who is asked in a campaign by login and name, and how many items each has not signed off.
pub async fn asked(op: &OpContext, id: CampaignId) -> Result<Vec<(String, String, u64)>, ApiError> {
    if !sees_all(op) {
        op.require(VIEW)?;
    }
    let store = op.engine.store();
    let users = store.users().await.map_err(internal)?;
    let asked = store.campaign_reviewers(id).await.map_err(internal)?;
    let named = |(login, items): (String, u64)| {
        let name = crate::request_approvals::facts::name(&users, &login);
        (login, name, items)
    };
    Ok(asked.into_iter().map(named).collect())
}

/// Who certified what somebody holds last, for those who ask why it is held.
pub(crate) async fn certified(
    engine: &Engine,
    identity: IdentityId,
    thing: &Grantable,
) -> Result<Option<(Timestamp, String)>, StoreError> {
    let mut all = engine.store().last_certified(&[identity]).await?;
    let Some((at, login)) = all.remove(&(identity, thing.clone())) else { return Ok(None) };
    let users = engine.store().users().await?;
    Ok(Some((at, crate::request_approvals::facts::name(&users, &login))))
}

/// Applications by name and what people call them, for filters.
pub fn applications(op: &OpContext) -> Vec<(String, String)> {
    let configuration = op.engine.world().configuration();
    let named = configuration.applications.iter();
    named.map(|(name, application)| (name.clone(), application.display_name.clone())).collect()
}

/// Categories likewise.
pub fn categories(op: &OpContext) -> Vec<(String, String)> {
    let configuration = op.engine.world().configuration();
    configuration.categories.keys().map(|name| (name.clone(), configuration.category_label(name))).collect()
}

// ---------------------------------------------------------------------------------------------- beginning and ending

/// Puts a campaign on record; one whose first day has come begins at once.
pub async fn start(op: &OpContext, new: NewCampaign) -> Result<CampaignId, ApiError> {
    op.require(MANAGE)?;
    let what = checked(op, new).await?;
    let id = CampaignId(op.engine.store().reserve_ids(1).await.map_err(internal)?.next().unwrap_or_default());
    let campaign = Campaign {
        id,
        what,
        state: CampaignState::Staged,
        through: IdentityId(0),
        created_by: op.user.login.clone(),
        created_at: op.now,
        started_at: None,
        reminded_at: None,
        ended_at: None,
        ended_by: None,
    };
    let detail = format!("{}, from {} to {}", campaign.what.name, campaign.what.starts, campaign.what.ends);
    let audit = audit(op, id, format!("created: {detail}"));
    let row = campaign.clone();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.insert_campaign(&row).await?;
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)?;
    if campaign.what.starts <= op.engine.today() {
        // What is left after that the sweep does.
        for _ in 0..snapshot::PIECES_AT_ONCE {
            if snapshot::go_on(&op.engine, id).await.map_err(internal)? {
                break;
            }
        }
    }
    Ok(id)
}

/// Ends a campaign before its last day; what is unsigned becomes what the campaign says.
pub async fn end(op: &OpContext, id: CampaignId) -> Result<(), ApiError> {
    finish(op, id, CampaignEvent::End, "ended").await
}

/// Calls a campaign off: what is not signed off is over, what was signed off stays.
pub async fn cancel(op: &OpContext, id: CampaignId) -> Result<(), ApiError> {
    finish(op, id, CampaignEvent::Cancel, "cancelled").await
}

async fn finish(op: &OpContext, id: CampaignId, event: CampaignEvent, done: &str) -> Result<(), ApiError> {
    op.require(MANAGE)?;
    let campaign = find(op, id).await?;
    let Some(state) = campaign_after(campaign.state, event) else {
        let state = campaign.state.label().to_lowercase();
        return Err(ApiError::conflict(format!(
            "Campaign {id} is {state}: it cannot be {done} now. Nothing was changed."
        )));
    };
    let step = CampaignStep {
        before: (campaign.state, campaign.through),
        after: Campaign { state, ended_at: Some(op.now), ended_by: Some(op.user.login.clone()), ..campaign },
    };
    let audit = audit(op, id, done.to_owned());
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            if !tx.step_campaign(&step).await? {
                return Err(StoreError::Contended);
            }
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)?;
    pursue::finish_what_is_over(&op.engine).await.map_err(internal)?;
    pursue::all(&op.engine).await.map_err(internal)
}

fn audit(op: &OpContext, id: CampaignId, detail: String) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "certification".into(),
        subject: id.to_string(),
        detail,
    }
}

/// A campaign with everything in its usual form, where each part makes sense.
async fn checked(op: &OpContext, mut new: NewCampaign) -> Result<NewCampaign, ApiError> {
    let today = op.engine.today();
    let configuration = op.engine.world().configuration();
    new.name =
        crate::requests::said(&new.name, "name", "Give the campaign a name, such as \u{201c}Finance, autumn\u{201d}.")?;
    if new.name.chars().count() > LONGEST_NAME {
        let message = format!("The name has more than {LONGEST_NAME} characters. Shorten it.");
        return Err(ApiError::invalid("name", message));
    }
    new.description = match new.description.trim().is_empty() {
        true => String::new(),
        false => crate::requests::said(&new.description, "description", "")?,
    };
    if new.starts < today {
        return Err(ApiError::invalid(
            "starts",
            format!("The first day, {}, is over. Begin today or later.", new.starts),
        ));
    }
    if new.ends < new.starts {
        let message =
            format!("The last day, {}, comes before the first one, {}. Correct one of them.", new.ends, new.starts);
        return Err(ApiError::invalid("ends", message));
    }
    let scope = &mut new.scope;
    let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    scope.condition = scope.condition.take().filter(|text| filled(&Some(text.clone())));
    scope.department = scope.department.take().filter(|text| filled(&Some(text.clone())));
    let conditions = snapshot::conditions(&configuration, scope)?;
    // What fails for somebody is said now, and not on the day on which it begins.
    let tried = op.engine.world().with_population(|population| {
        let mut people = population.identities().values();
        people.try_for_each(|identity| {
            let mut all = conditions.iter();
            all.try_for_each(|one| crate::bulk_changes::people::holds(one, identity, today).map(|_| ()))
        })
    });
    tried.map_err(crate::bulk_changes::people::wrong)?;
    if let Some(gone) = scope.applications.iter().find(|name| !configuration.applications.contains_key(*name)) {
        return Err(ApiError::invalid(
            "applications",
            format!("There is no application `{gone}`. Choose one of the list."),
        ));
    }
    if let Some(gone) = scope.categories.iter().find(|name| !configuration.categories.contains_key(*name)) {
        return Err(ApiError::invalid("categories", format!("There is no category `{gone}`. Choose one of the list.")));
    }
    if let Some(gone) = scope.kinds.iter().find(|kind| Grantable::from_parts(kind, "").is_none()) {
        let message = format!("`{gone}` is no kind: it is role, access_profile, account_type or entitlement.");
        return Err(ApiError::invalid("kinds", message));
    }
    if new.reviewers.is_empty() {
        return Err(ApiError::invalid(
            "reviewers",
            "Nobody is asked. Say who reviews: the line manager, the owner, a login …",
        ));
    }
    let users = op.engine.store().users().await.map_err(internal)?;
    for (field, named) in [("reviewers", &new.reviewers), ("fallback", &new.fallback)] {
        for approver in named {
            let (is_known, what) = match approver {
                Approver::User(login) => {
                    (users.iter().any(|user| user.login.eq_ignore_ascii_case(login)), format!("login `{login}`"))
                }
                Approver::Profile(name) => {
                    (configuration.permission_profiles.contains_key(name), format!("permission profile `{name}`"))
                }
                _ => (true, String::new()),
            };
            if !is_known {
                let message =
                    format!("There is no {what}. Write a login as `user:LOGIN`, a team as its permission profile.");
                return Err(ApiError::invalid(field, message));
            }
        }
    }
    Ok(new)
}

/// The caller in the place of a reviewer: the command line is nobody who could be asked.
pub async fn in_the_name_of(op: &OpContext, login: &str) -> Result<OpContext, ApiError> {
    op.require(MANAGE)?;
    crate::users::in_the_place_of(op, login).await
}

// -------------------------------------------------------------------------------------------------------- as a file

/// Headings of the file.
const HEADERS: [&str; 18] = [
    "item",
    "identity",
    "kind",
    "name",
    "called",
    "application",
    "origin",
    "held_since",
    "why",
    "risk",
    "state",
    "reviewers",
    "decided_by",
    "decided_at",
    "comment",
    "signed_off_at",
    "request",
    "message",
];

/// A piece of everything that a campaign covers, as CSV; the first one has the header. With it where the next one begins.
pub async fn file(
    op: &OpContext,
    id: CampaignId,
    after: Option<CertificationItemId>,
) -> Result<(String, Option<CertificationItemId>), ApiError> {
    if !sees_all(op) {
        op.require(VIEW)?;
    }
    let filter = ItemFilter { after, limit: Some(IN_A_PIECE), ..ItemFilter::default() };
    let page = items(op, id, &filter).await?;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let cells = |row: &ItemRow| {
        let item = &row.item;
        vec![
            item.id.to_string(),
            row.identity_name.clone(),
            item.grantable.kind().to_owned(),
            item.grantable.name().to_owned(),
            row.label.clone(),
            item.application.clone(),
            item.origin.name().to_owned(),
            item.since.to_string(),
            row.why.join("; "),
            item.risk.map(|level| level.to_string()).unwrap_or_default(),
            item.state.name().to_owned(),
            item.reviewers.join(" "),
            item.decided_by.clone().unwrap_or_default(),
            time(item.decided_at),
            item.comment.clone(),
            time(item.signed_at),
            item.request.map(|id| id.to_string()).unwrap_or_default(),
            item.message.clone().unwrap_or_default(),
        ]
    };
    let text = crate::exports::piece(&HEADERS, page.rows.iter().map(cells), after.is_none())?;
    Ok((text, page.next.and_then(|next| next.parse().ok())))
}

// --------------------------------------------------------------------------------------------------- goes on by itself

/// Carries everything on that goes on without anybody, beside everything else.
pub(crate) fn sweep(engine: &Engine) {
    // No carrier has a name with a space.
    const NAME: &str = "certification campaigns";
    if !engine.delivering().insert(NAME.to_owned()) {
        return;
    }
    let engine = engine.clone();
    engine.clone().beside(async move {
        if let Err(error) = carry_on(&engine).await {
            tracing::error!(error = &error as &dyn std::error::Error, "Certification campaigns cannot be carried on");
        }
        engine.delivering().remove(NAME);
    });
}

async fn carry_on(engine: &Engine) -> Result<(), StoreError> {
    // Who is away, and what is granted, follows from what others have written since.
    engine.follow().await.map_err(|error| StoreError::Unavailable { reason: error.to_string() })?;
    let today = engine.today();
    for campaign in engine.store().running_campaigns().await? {
        match campaign.state {
            CampaignState::Staged if campaign.what.starts <= today => {
                while !engine.stopping().is_cancelled() && !snapshot::go_on(engine, campaign.id).await? {}
            }
            CampaignState::Active if campaign.what.ends < today => over(engine, campaign).await?,
            CampaignState::Active => {
                reviewers::replace_who_is_gone(engine, &campaign).await?;
                remind(engine, campaign).await?;
            }
            _ => {}
        }
    }
    pursue::finish_what_is_over(engine).await?;
    pursue::all(engine).await
}

/// The last day is over.
async fn over(engine: &Engine, campaign: Campaign) -> Result<(), StoreError> {
    let step = CampaignStep {
        before: (campaign.state, campaign.through),
        after: Campaign {
            state: CampaignState::Ended,
            ended_at: Some(engine.now()),
            ended_by: Some(engine.node().to_owned()),
            ..campaign
        },
    };
    // Where another node was quicker, it is as well.
    engine.store().write(move |tx| Box::pin(async move { tx.step_campaign(&step).await })).await.map(|_| ())
}

/// Those who have not signed everything off are reminded once.
async fn remind(engine: &Engine, campaign: Campaign) -> Result<(), StoreError> {
    let Some(days) = campaign.what.remind_days.filter(|_| campaign.reminded_at.is_none()) else { return Ok(()) };
    let left = engine.today().until(campaign.what.ends).map(|left| left.get_days()).unwrap_or_default();
    if i64::from(left) > i64::from(days) {
        return Ok(());
    }
    let waiting = engine.store().campaign_reviewers(campaign.id).await?;
    let notices = words::notices(engine, &campaign, &waiting, engine.now());
    let before = (campaign.state, campaign.through);
    let step = CampaignStep { before, after: Campaign { reminded_at: Some(engine.now()), ..campaign } };
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            if tx.step_campaign(&step).await? {
                tx.insert_notices(&notices).await?;
            }
            Ok(())
        })
    });
    work.await
}

/// Each login once, in lower case.
fn logins<'a>(all: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    all.into_iter().map(str::to_lowercase).collect::<BTreeSet<_>>().into_iter().collect()
}
