//! What may become of a campaign and of what it covers, and where a revocation goes.
//!
//! | campaign | what happens | campaign |
//! |---|---|---|
//! | staged | everybody is in it, from its first day on | active |
//! | active | its last day is over, or somebody ends it | ended |
//! | staged, active | somebody calls it off | cancelled |
//! | anything else | anything | refused |
//!
//! | item | what happens | item |
//! |---|---|---|
//! | open, approved, revoked | the reviewer approves | approved |
//! | open, approved, revoked | the reviewer revokes | revoked |
//! | approved, revoked | the reviewer takes it back | open |
//! | approved | the reviewer signs off | certified |
//! | revoked | the reviewer signs off | requested |
//! | open, revoked | the campaign ends and revokes | requested |
//! | open, approved, revoked | the campaign ends and keeps | lapsed |
//! | open, approved, revoked | the campaign ends and marks; approved also where it revokes | marked |
//! | open, approved, revoked | the campaign is called off | cancelled |
//! | requested, failed | only a rule gives it any more | with owner |
//! | with owner | the owner decides that it stays | kept |
//! | with owner | it is no longer a rule alone that gives it | requested |
//! | requested, with owner, failed | nobody holds it any more, which was read back | removed |
//! | requested | what was to take it away did not | failed |
//! | failed | it is tried again | requested |
//! | anything else | anything | refused |
//!
//! Before the sign-off nothing has an effect. Certified, removed, kept, lapsed, marked and cancelled are the end.
//!
//! A revocation goes to what gives the thing, once for each way in which it is given: a request that gave it, or the role
//! that brings it, is taken back by the one entry for requests; what a rule gives is a question to whoever answers for
//! that; what nothing grants is removed as reconciliation does it.

use std::collections::BTreeSet;

use model::access::{Grantable, Reason};
use model::certification::{AtEnd, CampaignState, Decision, ItemState, Origin, Recommendation};
use model::ids::{OrderId, RequestId};
use model::request::RequestState;

#[cfg(test)]
mod tests;

/// What happens to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignEvent {
    Start,
    End,
    Cancel,
}

/// Where a campaign is then; none where that cannot happen to it.
pub fn campaign_after(state: CampaignState, event: CampaignEvent) -> Option<CampaignState> {
    use CampaignState::{Active, Cancelled, Ended, Staged};
    match (state, event) {
        (Staged, CampaignEvent::Start) => Some(Active),
        (Active, CampaignEvent::End) => Some(Ended),
        (Staged | Active, CampaignEvent::Cancel) => Some(Cancelled),
        _ => None,
    }
}

/// What happens to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemEvent {
    Decide(Decision),
    SignOff,
    /// The campaign ends, and so it does with what nobody has signed off.
    End(AtEnd),
    Cancel,
    /// Only a rule gives it.
    PassToOwner,
    /// It is taken away, once more or after all.
    Pursue,
    /// The owner decides that it stays.
    Keep,
    Gone,
    Fail,
}

/// Where an item is then; none where that cannot happen to it.
pub fn item_after(state: ItemState, event: ItemEvent) -> Option<ItemState> {
    use ItemState::{
        Approved, Cancelled, Certified, Failed, Kept, Lapsed, Marked, Open, Removed, Requested, Revoked, WithOwner,
    };
    match (state, event) {
        (Open | Approved | Revoked, ItemEvent::Decide(Decision::Approve)) => Some(Approved),
        (Open | Approved | Revoked, ItemEvent::Decide(Decision::Revoke)) => Some(Revoked),
        (Approved | Revoked, ItemEvent::Decide(Decision::Reopen)) => Some(Open),
        (Approved, ItemEvent::SignOff) => Some(Certified),
        (Revoked, ItemEvent::SignOff) | (Open | Revoked, ItemEvent::End(AtEnd::Revoke)) => Some(Requested),
        (Open | Approved | Revoked, ItemEvent::End(AtEnd::Keep)) => Some(Lapsed),
        // Whoever looked at it wanted it kept: it is not taken away for want of a signature.
        (Approved, ItemEvent::End(AtEnd::Revoke)) | (Open | Approved | Revoked, ItemEvent::End(AtEnd::Mark)) => {
            Some(Marked)
        }
        (Open | Approved | Revoked, ItemEvent::Cancel) => Some(Cancelled),
        (Requested | Failed, ItemEvent::PassToOwner) => Some(WithOwner),
        (WithOwner | Failed, ItemEvent::Pursue) => Some(Requested),
        (WithOwner, ItemEvent::Keep) => Some(Kept),
        (Requested | WithOwner | Failed, ItemEvent::Gone) => Some(Removed),
        (Requested, ItemEvent::Fail) => Some(Failed),
        _ => None,
    }
}

/// Why somebody's word about an item is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("The campaign is {} already. Nothing was changed.", .0.label().to_lowercase())]
    Campaign(CampaignState),
    #[error("It is signed off or over already ({}). Nothing was changed.", .0.label().to_lowercase())]
    Over(ItemState),
    #[error("{0} has decided about it already: the first decision counts. Nothing was changed.")]
    Taken(String),
    #[error("It is your own access: somebody else has to decide. Nothing was changed.")]
    Own,
    #[error("It does not wait for you: others decide about it. Nothing was changed.")]
    NotYours,
}

/// Where an item is once somebody has decided about it.
///
/// # Errors
/// Why that is not taken.
pub fn decide(
    campaign: CampaignState,
    (state, decided_by): (ItemState, Option<&str>),
    reviewers: &[String],
    (login, is_own): (&str, bool),
    decision: Decision,
) -> Result<ItemState, Refused> {
    if campaign != CampaignState::Active {
        return Err(Refused::Campaign(campaign));
    }
    if !state.is_unsigned() {
        return Err(Refused::Over(state));
    }
    if is_own {
        return Err(Refused::Own);
    }
    if !reviewers.iter().any(|reviewer| reviewer.eq_ignore_ascii_case(login)) {
        return Err(Refused::NotYours);
    }
    if let Some(other) = decided_by.filter(|other| !other.eq_ignore_ascii_case(login)) {
        return Err(Refused::Taken(other.to_owned()));
    }
    // What nobody has decided is taken back already.
    Ok(item_after(state, ItemEvent::Decide(decision)).unwrap_or(state))
}

/// How something came to be held, by the nearest of the ways in which it is granted.
pub fn origin(reasons: &[Reason]) -> Origin {
    let is_here = |reason: &&Reason| reason.path.is_empty();
    match (reasons.is_empty(), reasons.iter().find(|reason| is_here(reason) && reason.grant.is_some())) {
        (true, _) => Origin::NonConforming,
        (_, Some(_)) => Origin::ByHand,
        (_, None) if reasons.iter().any(|reason| is_here(&reason)) => Origin::Rule,
        (_, None) => Origin::Inherited,
    }
}

/// What a revocation has to end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// A request gave it, or what brings it: that is taken away.
    Take(Grantable),
    /// A rule gives it, or what brings it: whoever answers for that decides.
    Owner { gives: Grantable, rule: String },
}

/// Every way that has to end, each once; none where nothing grants it.
pub fn routes(thing: &Grantable, reasons: &[Reason]) -> BTreeSet<Route> {
    let route = |reason: &Reason| {
        let given = reason.path.first().unwrap_or(thing).clone();
        match reason.grant {
            Some(_) => Route::Take(given),
            None => Route::Owner { gives: given, rule: reason.rule.clone() },
        }
    };
    reasons.iter().map(route).collect()
}

/// What the facts speak for.
pub fn recommend(origin: Origin, reasons: &[Reason], risk: Option<i32>) -> Recommendation {
    let rule = reasons.iter().find(|reason| reason.grant.is_none());
    let (decision, why) = match (origin, risk, rule) {
        (Origin::NonConforming, _, _) => {
            (Some(Decision::Revoke), "nothing grants it: it was found in the application".to_owned())
        }
        (_, Some(level), _) => (None, format!("a violation of a risk of level {level} rests on it: look closely")),
        (_, None, Some(rule)) => (Some(Decision::Approve), format!("rule \u{201c}{}\u{201d} gives it", rule.rule)),
        (_, None, None) => (None, "somebody asked for it: only you know whether it is still needed".to_owned()),
    };
    Recommendation { decision, why }
}

/// What is known of an item's access now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Every way in which the role model grants it.
    pub reasons: Vec<Reason>,
    /// Whether it is on record as granted: the role model was not computed since.
    pub is_recorded: bool,
    /// Whether an account that is in use holds it, or it is such an account.
    pub is_held: bool,
    /// Whether an order that takes it away is under way, or not read back yet.
    pub is_settling: bool,
    /// An order that was to take it away and could not.
    pub failed: Option<OrderId>,
    /// Whether reconciliation is told already to remove it.
    pub is_marked: bool,
}

/// What is to be done next about a revocation that is signed off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Wait,
    /// Ask for these to be taken away.
    Ask(Vec<Grantable>),
    /// Reconciliation removes it.
    Remove,
    /// Whoever answers for these has to change them; the first one is told.
    PassToOwner(Vec<Grantable>),
    Gone,
    Fail(String),
}

/// What follows from what is known, of an item with its request where it has one.
pub fn next(
    (state, thing): (ItemState, &Grantable),
    request: Option<(RequestId, RequestState)>,
    facts: &Facts,
) -> Next {
    if !facts.reasons.is_empty() {
        return granted((state, thing), request, &facts.reasons);
    }
    let is_under_way = facts.is_recorded || facts.is_settling || request.is_some_and(|(_, state)| state.is_open());
    match (facts.failed, request) {
        _ if is_under_way => Next::Wait,
        _ if !facts.is_held => Next::Gone,
        (Some(order), _) => Next::Fail(format!("Order {order} could not take it away. Mend it, then try again.")),
        (None, Some((id, state))) if is_lost(state) => lost(id, state),
        _ if facts.is_marked => Next::Wait,
        _ => Next::Remove,
    }
}

fn granted(
    (state, thing): (ItemState, &Grantable),
    request: Option<(RequestId, RequestState)>,
    reasons: &[Reason],
) -> Next {
    let (mut taken, mut owned) = (Vec::new(), Vec::new());
    for route in routes(thing, reasons) {
        match route {
            Route::Take(given) => taken.push(given),
            Route::Owner { gives, .. } => owned.push(gives),
        }
    }
    owned.dedup();
    match request {
        None if !taken.is_empty() => Next::Ask(taken),
        _ if !owned.is_empty() && state == ItemState::WithOwner => Next::Wait,
        _ if !owned.is_empty() => Next::PassToOwner(owned),
        Some((id, state)) if is_lost(state) => lost(id, state),
        Some((id, state)) if !state.is_open() => Next::Fail(format!(
            "Request {id} is {}, and it was given again since. Try again, or leave it as it is.",
            state.label().to_lowercase()
        )),
        _ => Next::Wait,
    }
}

fn is_lost(state: RequestState) -> bool {
    matches!(state, RequestState::Failed | RequestState::PartlyCompleted | RequestState::Cancelled)
}

fn lost(id: RequestId, state: RequestState) -> Next {
    Next::Fail(format!(
        "Request {id} is {}. Look at it, mend what is in its way, then try again.",
        state.label().to_lowercase()
    ))
}
