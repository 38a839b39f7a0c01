//! Roles that would explain what nothing grants, person by person: of some people after the other until a page is full, since
//! they are sought for each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::access::Grantable;
use model::error::ApiError;
use model::ids::IdentityId;
use model::page::{PAGE_SIZE, Page};
use model::reconciliation::{ReconciliationFilter, RoleProposal, Subject};
use policy::deduction::{Candidates, candidates, deduce};

use crate::context::OpContext;
use crate::error::internal;
use crate::world::known;

/// What people hold that nothing grants, looked at together.
const AT_ONCE: u32 = 250;
/// So often, whatever was found, unless so many lines are asked for: whoever looks at a page is answered, and goes on from there.
const MOST_TIMES: u32 = 12;

/// Names of what people hold and nothing grants.
type Unexplained = BTreeMap<IdentityId, BTreeSet<String>>;

/// Those that nobody decided about, by person, exact ones first; a page ends with all of a person. It may have nothing and go on all
/// the same: by the number of whoever was looked at last.
pub(super) async fn page(op: &OpContext, filter: &ReconciliationFilter) -> Result<Page<RoleProposal>, ApiError> {
    let after = filter.after.as_deref().and_then(|after| after.parse::<IdentityId>().ok());
    let wanted = filter.limit.unwrap_or(PAGE_SIZE) as usize;
    let seeking = Seeking::new(op).await?;
    let (mut rows, mut last) = (Vec::new(), after);
    for _ in 0..filter.limit.map_or(MOST_TIMES, |_| u32::MAX) {
        let people = some(op, filter, last, AT_ONCE).await?;
        if people.is_empty() {
            return Ok(cut(rows, None, after));
        }
        for (identity, proposals) in seeking.proposals(op, people).await? {
            if rows.len() >= wanted {
                break;
            }
            rows.extend(proposals);
            last = Some(identity);
        }
        if rows.len() >= wanted {
            break;
        }
    }
    let is_end = some(op, filter, last, 1).await?.is_empty();
    Ok(cut(rows, last.filter(|_| !is_end), after))
}

/// All for these people that nobody decided about.
pub(super) async fn of_people(op: &OpContext, people: BTreeSet<IdentityId>) -> Result<Vec<RoleProposal>, ApiError> {
    let seeking = Seeking::new(op).await?;
    let mut all = Vec::new();
    for identity in people {
        let of_one = ReconciliationFilter { identity: Some(identity), ..ReconciliationFilter::default() };
        let unexplained = some(op, &of_one, None, AT_ONCE).await?;
        all.extend(seeking.proposals(op, unexplained).await?.into_iter().flat_map(|(_, proposals)| proposals));
    }
    Ok(all)
}

/// How many there are altogether is known where they are all on one page.
fn cut(rows: Vec<RoleProposal>, next: Option<IdentityId>, after: Option<IdentityId>) -> Page<RoleProposal> {
    let more = next.is_some() || after.is_some();
    Page { total: rows.len() as u64, rows, next: next.map(|id| id.to_string()), more }
}

/// The next people who hold something that nothing grants, each with all of it.
async fn some(
    op: &OpContext,
    filter: &ReconciliationFilter,
    after: Option<IdentityId>,
    at_once: u32,
) -> Result<Unexplained, ApiError> {
    let from = IdentityId(after.map_or(0, |id| id.0.saturating_add(1)));
    let mut most = at_once;
    loop {
        let read = op.engine.store().unexplained_entitlements(filter, from, most, op.engine.today()).await;
        let pairs = read.map_err(internal)?;
        let is_whole = pairs.len() < most as usize;
        let mut people = Unexplained::new();
        for (identity, name) in pairs {
            people.entry(identity).or_default().insert(name);
        }
        if is_whole {
            return Ok(people);
        }
        // More of the last one's may follow.
        if people.len() > 1 {
            people.pop_last();
            return Ok(people);
        }
        most = most.saturating_mul(4);
    }
}

/// What roles are sought with, whoever they are sought for.
struct Seeking {
    candidates: Arc<Candidates>,
    /// About which a person has decided.
    decided: BTreeSet<String>,
}

impl Seeking {
    async fn new(op: &OpContext) -> Result<Self, ApiError> {
        let decided = op.engine.store().decided_proposals().await.map_err(internal)?;
        let live = op.engine.world().live();
        let candidates = known(&live.sought, op.engine.today(), |today| {
            let mut candidates = candidates(&live.model, *today);
            candidates.retain(|one| live.configuration.terms(&one.grantable).is_none_or(|terms| terms.requestable));
            Candidates::new(candidates)
        });
        Ok(Self { candidates, decided })
    }

    /// Of everybody, also of those for whom there is nothing; by person.
    async fn proposals(
        &self,
        op: &OpContext,
        people: Unexplained,
    ) -> Result<Vec<(IdentityId, Vec<RoleProposal>)>, ApiError> {
        let store = op.engine.store();
        let ids: Vec<IdentityId> = people.keys().copied().collect();
        let mut granted: BTreeMap<IdentityId, BTreeSet<Grantable>> = BTreeMap::new();
        for record in store.assignments_of(&ids).await.map_err(internal)? {
            if record.workflow_state.grants() {
                granted.entry(record.identity).or_default().insert(record.grantable);
            }
        }
        for grant in store.direct_grants(Some(&ids)).await.map_err(internal)? {
            granted.entry(grant.identity).or_default().insert(grant.grantable);
        }
        let known = store.identities_by_id(&ids).await.map_err(internal)?;
        let names: BTreeMap<IdentityId, String> =
            known.into_iter().map(|identity| (identity.id, identity.display_name)).collect();
        let nothing = BTreeSet::new();
        let of = |(identity, unexplained): (IdentityId, BTreeSet<String>)| {
            let granted = granted.get(&identity).unwrap_or(&nothing);
            let name = names.get(&identity).map_or("", String::as_str);
            (identity, self.of_one(op, (identity, name), &unexplained, granted))
        };
        Ok(people.into_iter().map(of).collect())
    }

    fn of_one(
        &self,
        op: &OpContext,
        (identity, name): (IdentityId, &str),
        unexplained: &BTreeSet<String>,
        granted: &BTreeSet<Grantable>,
    ) -> Vec<RoleProposal> {
        let called = |name: &String| op.engine.label(&Grantable::Entitlement(name.clone()));
        let entitlements = granted.iter().filter_map(|grantable| match grantable {
            Grantable::Entitlement(name) => Some(name.clone()),
            _ => None,
        });
        let held: BTreeSet<String> = entitlements.chain(unexplained.iter().cloned()).collect();
        let mut proposals = deduce(&self.candidates, &held, unexplained, granted);
        proposals.sort_by_key(|proposal| (!proposal.is_deduced(), !proposal.is_exact()));
        let proposals = proposals.into_iter().map(|proposal| RoleProposal {
            subject: Subject::Proposal { identity, grantable: proposal.grantable.clone() },
            identity,
            identity_name: name.to_owned(),
            label: op.engine.label(&proposal.grantable),
            explains: proposal.explains.iter().map(called).collect(),
            missing: proposal.missing.iter().map(called).collect(),
            rivals: proposal.rivals.iter().map(|rival| op.engine.label(rival)).collect(),
            grantable: proposal.grantable,
        });
        proposals.filter(|proposal| !self.decided.contains(&proposal.subject.to_string())).collect()
    }
}
