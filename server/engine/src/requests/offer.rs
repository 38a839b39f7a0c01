//! What would come of asking for one thing, for somebody who looks at what there is: by the checks of a request, before there
//! is one.

use jiff::civil::Date;
use model::access::{DesiredAccess, Grantable, Reason};
use model::account::Account;
use model::configuration::{Configuration, OnConflict};
use model::error::ApiError;
use model::identity::Identity;
use model::ids::IdentityId;
use model::request::{Change, DirectGrant, NewRequest, RequestItem, RequestSource};
use model::trigger::Trigger;

use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::Follower;

use super::{batch, check, risks, terms};

/// Somebody, with all that decides what asking for something would come to.
pub(crate) struct Person {
    pub(crate) identity: Identity,
    grants: Vec<DirectGrant>,
    accounts: Vec<Account>,
    has: DesiredAccess,
}

/// What would come of asking for it.
pub(crate) enum Prospect {
    /// It would be taken, and newly bring about these risks: sentences.
    Taken(Vec<String>),
    /// It would not be taken: a sentence.
    Refused(String),
}

impl Person {
    pub(crate) async fn read(op: &OpContext, id: IdentityId) -> Result<Self, ApiError> {
        op.engine.follow().await.map_err(|_| ApiError::internal())?;
        let store = op.engine.store();
        let identity = store.identities_by_id(&[id]).await.map_err(internal)?.pop();
        let identity = identity.ok_or_else(|| ApiError::not_found(format!("identity {id}")))?;
        let grants = store.direct_grants(Some(&[id])).await.map_err(internal)?;
        let accounts = store.accounts_of(&[id]).await.map_err(internal)?;
        let today = op.engine.today();
        let has = op.engine.world().with_population(|population| population.engine.desired_with(id, &grants, today));
        let has = has.ok_or_else(|| {
            ApiError::conflict(format!(
                "{} is not known to the role model yet. Try again in a moment.",
                identity.display_name
            ))
        })?;
        Ok(Self { identity, grants, accounts, has })
    }

    /// Why they have the thing now; none where they have not.
    pub(crate) fn has(&self, grantable: &Grantable) -> Option<&[Reason]> {
        let found = self.has.assignments.iter().find(|assignment| assignment.grantable == *grantable);
        found.filter(|assignment| assignment.workflow_state.grants()).map(|assignment| assignment.reasons.as_slice())
    }

    /// What was given to them directly of that thing and is not over.
    pub(crate) fn given(&self, grantable: &Grantable, today: Date) -> impl Iterator<Item = &DirectGrant> {
        self.grants.iter().filter(move |grant| grant.grantable == *grantable && !grant.period.is_past(today))
    }

    pub(crate) async fn prospect(&self, op: &OpContext, grantable: &Grantable, follower: &mut Follower) -> Prospect {
        let item = RequestItem { change: Change::Give, grantable: grantable.clone() };
        let source = RequestSource::new("page", "Request access");
        let new = NewRequest::new(Trigger::AccessRequest, source, self.identity.id, vec![item], "");
        let ready = check::decide(op, &new, self.identity.clone(), self.grants.clone());
        let found = match ready {
            Ok(ready) => batch::found(op, &new, &ready, &self.accounts, follower).await,
            Err(refused) => Err(ApiError::from(refused)),
        };
        match found {
            Ok(found) => match found.iter().find(|risk| risk.follows == OnConflict::Block) {
                Some(blocked) => Prospect::Refused(format!("{} That blocks it.", risks::sentence(blocked))),
                None => Prospect::Taken(found.iter().map(risks::sentence).collect()),
            },
            Err(refused) => Prospect::Refused(refused.message),
        }
    }
}

/// Whether people may ask for it on that day. What is an account by itself comes with what is in it.
pub(crate) fn is_offered(configuration: &Configuration, grantable: &Grantable, today: Date) -> bool {
    !matches!(grantable, Grantable::AccountType(_)) && terms::is_offered(configuration, grantable, today)
}
