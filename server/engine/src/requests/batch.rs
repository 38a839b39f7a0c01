//! Many requests at once: each is checked as one alone is, but with what is known of the people at hand, and several are
//! written in one transaction.

use model::account::Account;
use model::configuration::OnConflict;
use model::error::{ApiError, ErrorCode};
use model::identity::Identity;
use model::request::{Change, DirectGrant, NewRequest};
use model::risk::RequestRisk;
use store::StoreError;

use crate::context::OpContext;
use crate::indirect::Follower;

use super::check::{self, Ready};
use super::risks;

pub(crate) use super::check::Refused;
pub(crate) use super::write::{Kept, keep};

/// A request that makes sense, with the risks that it would newly bring about.
pub(crate) struct Weighed {
    pub(crate) new: NewRequest,
    pub(crate) ready: Ready,
    pub(crate) risks: Vec<RequestRisk>,
}

impl Weighed {
    /// What is given directly once the request stands.
    pub(crate) fn after(&self) -> &[DirectGrant] {
        &self.ready.after
    }

    /// What is to be said beside it, in a sentence.
    pub(crate) fn remark(&self) -> Option<String> {
        self.ready.remarks.first().cloned()
    }

    /// The worst risk, in a sentence.
    pub(crate) fn risk(&self) -> Option<String> {
        self.risks.first().map(risks::sentence)
    }

    /// Everything that is written with it.
    pub(crate) async fn prepare(&self, op: &OpContext) -> Result<Kept, Trouble> {
        let accepted = risks::decide(&self.risks, &self.new).map_err(Trouble::Refused)?;
        let digest = broker::request::digest(&self.new);
        Kept::prepare(op, &self.new, &self.ready, &digest, accepted).await.map_err(Trouble::Store)
    }
}

/// Why a request is not prepared.
pub(crate) enum Trouble {
    Refused(ApiError),
    Store(StoreError),
}

/// Checks a request for somebody who is given `before` directly and has these accounts.
pub(crate) async fn weigh(
    op: &OpContext,
    new: NewRequest,
    identity: &Identity,
    before: Vec<DirectGrant>,
    accounts: &[Account],
    follower: &mut Follower,
) -> Result<Weighed, Refused> {
    let new = check::tidy(op, new)?;
    let ready = check::decide(op, &new, identity.clone(), before)?;
    let risks = found(op, &new, &ready, accounts, follower).await?;
    if risks.iter().any(|risk| risk.follows == OnConflict::Block) {
        risks::decide(&risks, &new)?;
    }
    Ok(Weighed { new, ready, risks })
}

/// Takes away exactly these grants, which somebody is given, and no others of the same thing.
pub(crate) fn take_exactly(
    op: &OpContext,
    new: NewRequest,
    identity: Identity,
    before: Vec<DirectGrant>,
    taken: Vec<DirectGrant>,
) -> Result<Weighed, ApiError> {
    let new = check::tidy(op, new)?;
    let after = before.iter().filter(|grant| taken.iter().all(|other| other.id != grant.id)).cloned().collect();
    Ok(Weighed { new, ready: Ready { identity, before, taken, after, remarks: Vec::new() }, risks: Vec::new() })
}

/// What is only taken away brings no risk about.
pub(super) async fn found(
    op: &OpContext,
    new: &NewRequest,
    ready: &Ready,
    accounts: &[Account],
    follower: &mut Follower,
) -> Result<Vec<RequestRisk>, ApiError> {
    if new.items.iter().all(|item| item.change == Change::Take) {
        return Ok(Vec::new());
    }
    let day = new.not_before.unwrap_or_else(|| op.engine.today());
    let (before, after) = op.engine.world().with_population(|population| {
        let with = |grants: &[DirectGrant]| population.engine.desired_with(new.identity, grants, day);
        (with(&ready.before), with(&ready.after))
    });
    match (before, after) {
        (Some(before), Some(after)) => risks::find(op, &before, &after, accounts, follower).await,
        _ => Err(ApiError::new(
            ErrorCode::Conflict,
            format!("{} is not known to the role model yet. Try again in a moment.", ready.identity.display_name),
        )),
    }
}
