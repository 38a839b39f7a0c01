//! What reviewers and owners say. Each item is for itself, and is decided about only as it was seen; nothing has an effect
//! before it is signed off.

use broker::certification::{ItemEvent, Refused, item_after};
use model::certification::{Campaign, CampaignState, CertificationItem, Consequence, Decision, ItemState, SignOff};
use model::error::{ApiError, ErrorCode};
use model::ids::{CampaignId, CertificationItemId};
use store::{ItemChoice, StoreError};

use super::record::Batch;
use super::rows::{is_own, may_keep};
use super::{MANAGE, audit, find, logins, pursue, rows, words};
use crate::configuration::hexadecimal;
use crate::context::OpContext;
use crate::error::internal;
use crate::requests;

/// What became of each.
pub type Outcomes = Vec<(CertificationItemId, Result<(), ApiError>)>;

/// Items signed off in one transaction.
const AT_ONCE: u32 = 500;
/// Revocations of which it is shown before the sign-off what would follow.
const FORETOLD: usize = 20;

/// An item that is meant, with the version that was seen; without one as it is now.
pub type Chosen = (CertificationItemId, Option<u32>);

/// Decides the same about each.
pub async fn decide(
    op: &OpContext,
    id: CampaignId,
    chosen: &[Chosen],
    decision: Decision,
    comment: &str,
) -> Result<Outcomes, ApiError> {
    let comment = optional(comment)?;
    let campaign = find(op, id).await?;
    change(op, &campaign, chosen, |item| {
        let who = (op.user.login.as_str(), is_own(op, item));
        let seen = (item.state, item.decided_by.as_deref());
        let state = broker::certification::decide(campaign.state, seen, &item.reviewers, who, decision);
        let state = state.map_err(|refused| refusal(&refused, item))?;
        let is_open = state == ItemState::Open;
        let after = CertificationItem {
            state,
            decided_by: (!is_open).then(|| op.user.login.clone()),
            decided_at: (!is_open).then_some(op.now),
            comment: if is_open { String::new() } else { comment.clone() },
            ..item.clone()
        };
        let said = if comment.is_empty() { ".".to_owned() } else { format!(": {comment}") };
        Ok((after, format!("{}{said}", state.label()), false))
    })
    .await
}

/// Gives items to somebody else, as they were when nobody had decided about them.
pub async fn reassign(op: &OpContext, id: CampaignId, chosen: &[Chosen], login: &str) -> Result<Outcomes, ApiError> {
    let campaign = find(op, id).await?;
    let found = op.engine.store().user_by_login(login.trim()).await.map_err(internal)?;
    let (user, _) = found.filter(|(user, _)| !user.disabled).ok_or_else(|| {
        ApiError::invalid("to", format!("Nobody signs in as `{}`. Give the login of a user.", login.trim()))
    })?;
    change(op, &campaign, chosen, |item| {
        let is_asked = item.reviewers.iter().any(|login| login.eq_ignore_ascii_case(&op.user.login));
        if is_own(op, item) || (!is_asked && !op.may(MANAGE)) {
            return Err(refusal(if is_own(op, item) { &Refused::Own } else { &Refused::NotYours }, item));
        }
        if user.identity == Some(item.identity) {
            return Err(ApiError::conflict(format!(
                "It is {}\u{2019}s own access: choose somebody else. Nothing was changed.",
                user.display_name
            )));
        }
        let reviewers = logins([user.login.as_str()]);
        let message = format!("Given to {}.", user.display_name);
        if item.state == ItemState::WithOwner {
            return Ok((CertificationItem { reviewers, ..item.clone() }, message, true));
        }
        let open = match item.state {
            ItemState::Open => Some(ItemState::Open),
            state => item_after(state, ItemEvent::Decide(Decision::Reopen)),
        };
        let Some(state) = open.filter(|_| campaign.state == CampaignState::Active) else {
            return Err(refusal(&Refused::Over(item.state), item));
        };
        let after = CertificationItem {
            state,
            reviewers,
            decided_by: None,
            decided_at: None,
            comment: String::new(),
            ..item.clone()
        };
        Ok((after, message, true))
    })
    .await
}

/// Changes each as `to` says: what it is then, what is told of it, and whether its reviewers change.
async fn change(
    op: &OpContext,
    campaign: &Campaign,
    chosen: &[Chosen],
    to: impl Fn(&CertificationItem) -> Result<(CertificationItem, String, bool), ApiError>,
) -> Result<Outcomes, ApiError> {
    if chosen.is_empty() {
        return Err(ApiError::invalid("items", "Nothing is chosen. Tick at least one item, then choose what to do."));
    }
    let ids: Vec<CertificationItemId> = chosen.iter().map(|(id, _)| *id).collect();
    let found = op.engine.store().certification_items(&ids).await.map_err(internal)?;
    let mut outcomes = Outcomes::new();
    let mut ready = Vec::new();
    for (id, version) in chosen {
        let item = found.iter().find(|item| item.id == *id && item.campaign == campaign.id);
        let changed = match item {
            None => Err(ApiError::not_found(format!("item {id} of campaign {}", campaign.id))),
            Some(item) if version.is_some_and(|version| version != item.version) => Err(moved(*id)),
            Some(item) => to(item),
        };
        match changed {
            Ok(done) => ready.push(done),
            Err(error) => outcomes.push((*id, Err(error))),
        }
    }
    let batch = |some: &[(CertificationItem, String, bool)]| {
        let is_active = campaign.state == CampaignState::Active;
        let mut batch = Batch { running: is_active.then_some(campaign.id), ..Batch::default() };
        for (item, message, is_reassigned) in some {
            batch.event(item.id, item.state, (&op.user.login, op.now), message.clone());
            batch.items.push(item.clone());
            if *is_reassigned {
                batch.reassigned.push(item.clone());
            }
        }
        batch.notices = words::given(&op.engine, campaign, &batch.reassigned, op.now);
        batch
    };
    match batch(&ready).record(&op.engine).await {
        Ok(()) => outcomes.extend(ready.iter().map(|(item, ..)| (item.id, Ok(())))),
        // One of them is not as it was any more: each by itself.
        Err(StoreError::Contended) => {
            for one in &ready {
                let outcome = match batch(std::slice::from_ref(one)).record(&op.engine).await {
                    Err(StoreError::Contended) => Err(moved(one.0.id)),
                    other => other.map_err(internal),
                };
                outcomes.push((one.0.id, outcome));
            }
        }
        Err(error) => return Err(internal(error)),
    }
    outcomes.sort_by_key(|(id, _)| *id);
    Ok(outcomes)
}

fn moved(id: CertificationItemId) -> ApiError {
    ApiError::conflict(format!(
        "Item {id} has changed since you looked at it, or its campaign is over. Nothing was changed. Look at it again."
    ))
}

fn refusal(refused: &Refused, item: &CertificationItem) -> ApiError {
    let code = match refused {
        Refused::Own | Refused::NotYours => ErrorCode::Forbidden,
        Refused::Campaign(_) | Refused::Over(_) | Refused::Taken(_) => ErrorCode::Conflict,
    };
    ApiError::new(code, format!("Item {}: {refused}", item.id))
}

/// A comment that may be left out.
fn optional(comment: &str) -> Result<String, ApiError> {
    match comment.trim().is_empty() {
        true => Ok(String::new()),
        false => requests::said(comment, "comment", ""),
    }
}

// ---------------------------------------------------------------------------------------------------- signing off

/// What the caller has decided in a campaign and not signed off, by number.
async fn unsigned(
    op: &OpContext,
    id: CampaignId,
    after: CertificationItemId,
) -> Result<Vec<CertificationItem>, ApiError> {
    let choice = ItemChoice {
        campaign: Some(id),
        states: &[ItemState::Approved, ItemState::Revoked],
        decided_by: Some(&op.user.login),
        after,
        limit: AT_ONCE,
    };
    op.engine.store().certification_items_in(&choice).await.map_err(internal)
}

/// What signing off would do, and a digest of exactly these decisions.
pub async fn preview_sign_off(op: &OpContext, id: CampaignId) -> Result<SignOff, ApiError> {
    let campaign = find(op, id).await?;
    let (mut sign_off, revoked) = counted(op, id).await?;
    let waiting = op.engine.store().certifications_waiting_by_campaign(&op.user.login).await.map_err(internal)?;
    let decided = sign_off.approved + sign_off.revoked;
    sign_off.open = waiting.get(&id).copied().unwrap_or_default().saturating_sub(decided);
    let ids: Vec<_> = revoked.iter().map(|item| item.identity).collect();
    let identities = op.engine.store().identities_by_id(&ids).await.map_err(internal)?;
    let named = |item: CertificationItem| {
        let person = identities.iter().find(|identity| identity.id == item.identity);
        (item, person.map(|person| person.display_name.clone()).unwrap_or_default())
    };
    for item in rows::of(op, &campaign, revoked.into_iter().map(named).collect()).await? {
        let (preview, refused) = match pursue::foretell(&op.engine, &campaign, &item.item).await {
            Ok(preview) => (preview, None),
            Err(error) => (None, Some(error.message)),
        };
        sign_off.consequences.push(Consequence { item, preview, refused });
    }
    Ok(sign_off)
}

/// How much there is to sign off, and the first of what is revoked.
async fn counted(op: &OpContext, id: CampaignId) -> Result<(SignOff, Vec<CertificationItem>), ApiError> {
    let (mut sign_off, mut revoked) = (SignOff::default(), Vec::new());
    let mut after = CertificationItemId(0);
    loop {
        let items = unsigned(op, id, after).await?;
        let Some(last) = items.last() else { return Ok((sign_off, revoked)) };
        after = last.id;
        for item in items {
            let seen = format!("{}{}:{}:{}", sign_off.digest, item.id, item.version, item.state.name());
            sign_off.digest = hexadecimal(seen.as_bytes());
            if item.state == ItemState::Approved {
                sign_off.approved += 1;
                continue;
            }
            sign_off.revoked += 1;
            if revoked.len() < FORETOLD {
                revoked.push(item);
            }
        }
    }
}

/// Signs off what the caller has decided, where these are the very decisions that were seen: what is approved is certified,
/// what is revoked goes.
pub async fn sign_off(op: &OpContext, id: CampaignId, seen: Option<&str>) -> Result<SignOff, ApiError> {
    let campaign = find(op, id).await?;
    if campaign.state != CampaignState::Active {
        let state = campaign.state.label().to_lowercase();
        return Err(ApiError::conflict(format!(
            "Campaign {id} is {state}: nothing can be signed off. Nothing was changed."
        )));
    }
    let (all, _) = counted(op, id).await?;
    if all.approved + all.revoked == 0 {
        return Err(ApiError::conflict("You have decided nothing that is to be signed off. Decide first."));
    }
    if seen.is_some_and(|seen| seen != all.digest) {
        return Err(ApiError::conflict(
            "Your decisions are not those that you saw any more. Nothing was signed off. Look at them again.",
        ));
    }
    let mut after = CertificationItemId(0);
    let mut first_revoked = Vec::new();
    loop {
        let items = unsigned(op, id, after).await?;
        let Some(last) = items.last() else { break };
        after = last.id;
        let mut batch = Batch { running: Some(id), ..Batch::default() };
        let (mut certified, mut revoked) = (0_u64, 0_u64);
        for item in items {
            let Some(state) = item_after(item.state, ItemEvent::SignOff) else { continue };
            let is_kept = state == ItemState::Certified;
            let signed =
                CertificationItem { state, signed_at: Some(op.now), ended_at: is_kept.then_some(op.now), ..item };
            *(if is_kept { &mut certified } else { &mut revoked }) += 1;
            let said = if signed.comment.is_empty() { ".".to_owned() } else { format!(": {}", signed.comment) };
            let what = op.engine.label(&signed.grantable);
            let done = if is_kept { "certified" } else { "revoked" };
            batch.event(signed.id, state, (&op.user.login, op.now), "Signed off.".to_owned());
            let name = &campaign.what.name;
            let told =
                format!("Certification \u{201c}{name}\u{201d}: {what} is {done} by {}{said}", op.user.display_name);
            batch.tell(&signed, op.now, told);
            if !is_kept && first_revoked.len() < FORETOLD {
                first_revoked.push(signed.id);
            }
            batch.items.push(signed);
        }
        let detail = format!("signed off: {certified} certified, {revoked} revoked");
        batch.audit.push(audit(op, id, detail));
        batch.record(&op.engine).await.map_err(internal)?;
    }
    // At once what can be waited for; the sweep does the rest, and goes on with all of it.
    let revoked = op.engine.store().certification_items(&first_revoked).await.map_err(internal)?;
    pursue::those(&op.engine, revoked).await.map_err(internal)?;
    Ok(all)
}

// -------------------------------------------------------------------------------------------------- afterwards

/// The owner of what gives something decides that it stays, and says why.
pub async fn keep(op: &OpContext, id: CertificationItemId, why: &str) -> Result<(), ApiError> {
    let why = requests::said(why, "why", "Say why it stays; whoever revoked it reads that.")?;
    let (campaign, item) = known(op, id).await?;
    if !may_keep(op, &item) {
        let refused = match item.state {
            ItemState::WithOwner if is_own(op, &item) => Refused::Own,
            ItemState::WithOwner => Refused::NotYours,
            state => Refused::Over(state),
        };
        return Err(refusal(&refused, &item));
    }
    let Some(state) = item_after(item.state, ItemEvent::Keep) else { return Err(moved(id)) };
    let message = format!("{} decided that it stays: {why}", op.user.display_name);
    let after = CertificationItem { state, message: Some(message.clone()), ended_at: Some(op.now), ..item };
    let mut batch = Batch::default();
    batch.event(id, state, (&op.user.login, op.now), message.clone());
    let what = op.engine.label(&after.grantable);
    batch.tell(
        &after,
        op.now,
        format!("Certification \u{201c}{}\u{201d}: {what} was revoked. {message}", campaign.what.name),
    );
    batch.audit.push(audit(op, campaign.id, format!("item {id} stays: {why}")));
    batch.items.push(after);
    batch.record(&op.engine).await.map_err(internal)
}

/// Takes away once more what could not be taken away.
pub async fn retry(op: &OpContext, id: CertificationItemId) -> Result<(), ApiError> {
    let (_, item) = known(op, id).await?;
    let is_theirs = item.decided_by.as_ref().is_some_and(|login| login.eq_ignore_ascii_case(&op.user.login));
    if !is_theirs {
        op.require(MANAGE)?;
    }
    let state = item_after(item.state, ItemEvent::Pursue).filter(|_| item.state == ItemState::Failed);
    let Some(state) = state else { return Err(refusal(&Refused::Over(item.state), &item)) };
    let after = CertificationItem { state, request: None, message: None, ..item };
    let mut batch = Batch::default();
    batch.event(id, state, (&op.user.login, op.now), "Tried again.".to_owned());
    batch.items.push(after);
    batch.record(&op.engine).await.map_err(internal)?;
    let again = op.engine.store().certification_items(&[id]).await.map_err(internal)?;
    pursue::those(&op.engine, again).await.map_err(internal)
}

async fn known(op: &OpContext, id: CertificationItemId) -> Result<(Campaign, CertificationItem), ApiError> {
    let found = op.engine.store().certification_items(&[id]).await.map_err(internal)?.pop();
    let item = found.ok_or_else(|| ApiError::not_found(format!("item {id} of a certification")))?;
    Ok((find(op, item.campaign).await?, item))
}
