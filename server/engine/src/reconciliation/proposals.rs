//! Roles that would explain what nothing grants, person by person.

use std::collections::{BTreeMap, BTreeSet};

use model::access::Grantable;
use model::error::ApiError;
use model::ids::IdentityId;
use model::reconciliation::{ReconciliationFilter, RoleProposal, Subject};
use policy::deduction::{Candidates, candidates, deduce};

use crate::context::OpContext;
use crate::error::internal;

/// All that nobody decided about, by person, exact ones first.
pub(super) async fn all(op: &OpContext, filter: &ReconciliationFilter) -> Result<Vec<RoleProposal>, ApiError> {
    let store = op.engine.store();
    let mut unexplained: BTreeMap<IdentityId, BTreeSet<String>> = BTreeMap::new();
    let pairs = store.unexplained_entitlements(filter, op.engine.today()).await;
    for (identity, name) in pairs.map_err(internal)? {
        unexplained.entry(identity).or_default().insert(name);
    }
    let ids: Vec<IdentityId> = unexplained.keys().copied().collect();
    let mut granted: BTreeMap<IdentityId, BTreeSet<Grantable>> = BTreeMap::new();
    for record in store.assignments_of(&ids).await.map_err(internal)? {
        if record.workflow_state.grants() {
            granted.entry(record.identity).or_default().insert(record.grantable);
        }
    }
    for grant in store.direct_grants(Some(&ids)).await.map_err(internal)? {
        granted.entry(grant.identity).or_default().insert(grant.grantable);
    }
    let names: BTreeMap<IdentityId, String> = store
        .identities_by_id(&ids)
        .await
        .map_err(internal)?
        .into_iter()
        .map(|identity| (identity.id, identity.display_name))
        .collect();
    let decided = store.decided_proposals().await.map_err(internal)?;
    let live = op.engine.world().live();
    let mut candidates = candidates(&live.model, op.engine.today());
    candidates.retain(|one| live.configuration.terms(&one.grantable).is_none_or(|terms| terms.requestable));
    let candidates = Candidates::new(candidates);
    let called = |name: &String| op.engine.label(&Grantable::Entitlement(name.clone()));
    let mut all = Vec::new();
    for (identity, unexplained) in unexplained {
        let nothing = BTreeSet::new();
        let granted = granted.get(&identity).unwrap_or(&nothing);
        let entitlements = granted.iter().filter_map(|grantable| match grantable {
            Grantable::Entitlement(name) => Some(name.clone()),
            _ => None,
        });
        let held: BTreeSet<String> = entitlements.chain(unexplained.iter().cloned()).collect();
        let mut proposals = deduce(&candidates, &held, &unexplained, granted);
        proposals.sort_by_key(|proposal| (!proposal.is_deduced(), !proposal.is_exact()));
        all.extend(proposals.into_iter().map(|proposal| RoleProposal {
            subject: Subject::Proposal { identity, grantable: proposal.grantable.clone() },
            identity,
            identity_name: names.get(&identity).cloned().unwrap_or_default(),
            label: op.engine.label(&proposal.grantable),
            explains: proposal.explains.iter().map(called).collect(),
            missing: proposal.missing.iter().map(called).collect(),
            rivals: proposal.rivals.iter().map(|rival| op.engine.label(rival)).collect(),
            grantable: proposal.grantable,
        }));
    }
    all.retain(|proposal| !decided.contains(&proposal.subject.to_string()));
    Ok(all)
}
