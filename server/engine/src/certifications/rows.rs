//! Items as pages and the command line show them.

use std::collections::HashMap;

use broker::certification::{decide, recommend};
use model::certification::{Campaign, CertificationItem, Decision, ItemRow, ItemState};
use model::error::ApiError;
use model::ids::{IdentityId, RequestId};

use super::{MANAGE, words};
use crate::context::OpContext;
use crate::error::internal;
use crate::request_approvals::facts;

/// With what has to be looked up about them, each with the person's name.
pub(super) async fn of(
    op: &OpContext,
    campaign: &Campaign,
    items: Vec<(CertificationItem, String)>,
) -> Result<Vec<ItemRow>, ApiError> {
    let store = op.engine.store();
    let mut people: Vec<IdentityId> = items.iter().map(|(item, _)| item.identity).collect();
    people.dedup();
    let users = store.users().await.map_err(internal)?;
    let certified = store.last_certified(&people).await.map_err(internal)?;
    let ids: Vec<RequestId> = items.iter().filter_map(|(item, _)| item.request).collect();
    let found = store.requests_by_id(&ids).await.map_err(internal)?;
    let states: HashMap<_, _> = found.into_iter().map(|request| (request.id, request.state)).collect();
    let row = |(item, identity_name): (CertificationItem, String)| {
        let last = certified.get(&(item.identity, item.grantable.clone()));
        ItemRow {
            identity_name,
            label: op.engine.label(&item.grantable),
            application_name: match item.application.as_str() {
                "" => String::new(),
                name => op.engine.application_label(name),
            },
            why: words::why(&op.engine, &item.reasons),
            certified: last.map(|(at, login)| (*at, facts::name(&users, login))),
            recommendation: recommend(item.origin, &item.reasons, item.risk),
            routes: words::routes(&op.engine, &item.grantable, &item.reasons),
            reviewers: item.reviewers.iter().map(|login| facts::name(&users, login)).collect(),
            may_decide: may_decide(op, campaign, &item),
            may_keep: may_keep(op, &item),
            request_state: item.request.and_then(|id| states.get(&id).copied()),
            item,
        }
    };
    Ok(items.into_iter().map(row).collect())
}

fn may_decide(op: &OpContext, campaign: &Campaign, item: &CertificationItem) -> bool {
    let who = (op.user.login.as_str(), is_own(op, item));
    decide(campaign.state, (item.state, item.decided_by.as_deref()), &item.reviewers, who, Decision::Approve).is_ok()
}

/// Whether the caller may say that what a rule gives stays.
pub(super) fn may_keep(op: &OpContext, item: &CertificationItem) -> bool {
    let is_asked = item.reviewers.iter().any(|login| login.eq_ignore_ascii_case(&op.user.login));
    item.state == ItemState::WithOwner && !is_own(op, item) && (is_asked || op.may(MANAGE))
}

pub(super) fn is_own(op: &OpContext, item: &CertificationItem) -> bool {
    op.user.identity == Some(item.identity)
}
