//! Identities: who people are, and what they hold.

use std::sync::Arc;

use model::access::{Fact, Grantable, Why};
use model::configuration::Configuration;
use model::error::ApiError;
use model::identity::{Context, LifecycleState};
use model::ids::IdentityId;
use model::indirect::IndirectRow;
use model::lifecycle::{LifecycleView, Turn};
use model::page::Page;
use model::quality::AttributeQuality;
use model::view::{IdentityDetail, IdentityFilter, IdentityRow};
use policy::naming::{self, Named};
use store::StoreError;

use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::Follower;
use crate::{Engine, indirect};

/// A permission that may be held about some people only, as those below that ask for a reach.
pub const VIEW: &str = "/Identities/View";

/// A piece of the list: of those whom the caller may see.
pub async fn page(op: &OpContext, filter: IdentityFilter) -> Result<Page<IdentityRow>, ApiError> {
    let filter = IdentityFilter { reach: op.reach(VIEW).await?, ..filter };
    op.engine.store().identity_page(&filter, op.engine.today()).await.map_err(internal)
}

/// The departments there are, for the filter.
pub async fn departments(op: &OpContext) -> Result<Vec<String>, ApiError> {
    op.require_for_some(VIEW)?;
    op.engine.store().identity_departments().await.map_err(internal)
}

/// How good what identity sources say is, attribute by attribute.
pub async fn quality(op: &OpContext) -> Result<Arc<Vec<AttributeQuality>>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let engine = op.engine.clone();
    tokio::task::spawn_blocking(move || engine.world().quality()).await.map_err(|_| ApiError::internal())
}

/// One identity with everything around it.
pub async fn detail(op: &OpContext, id: IdentityId) -> Result<IdentityDetail, ApiError> {
    op.require_about(VIEW, id).await?;
    let found = op.engine.store().identity_detail(id, op.engine.today()).await.map_err(internal)?;
    let mut detail = found.ok_or_else(|| ApiError::not_found(format!("identity {id}")))?;
    let configuration = op.engine.world().configuration();
    for row in &mut detail.permissions {
        row.display_name = op.engine.label(&row.grantable);
        row.application = op
            .engine
            .application_of(&row.grantable)
            .and_then(|name| configuration.applications.get(&name).map(|application| application.display_name.clone()));
    }
    detail.questions = crate::forms::of_identity(op, id).await?;
    detail.life = life(op, id).await?.map(Box::new);
    detail.indirect = {
        let (live, accounts) = (op.engine.world().live(), &detail.accounts);
        let mut follower = Follower::new(op.engine.store(), &live);
        let held = follower.of_one((&[], accounts)).await.map_err(internal)?;
        indirect::rows(&op.engine, &live, &held, accounts)
    };
    (detail.findings, detail.reconciled) = crate::reconciliation::of_identity(op, id).await?;
    for order in &mut detail.orders {
        order.application = op.engine.application_label(&order.application);
    }
    Ok(detail)
}

/// Where somebody stands, since when, and what comes next, with account types as people call them.
async fn life(op: &OpContext, id: IdentityId) -> Result<Option<LifecycleView>, ApiError> {
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let today = op.engine.today();
    let Some(mut life) = op.engine.world().with_population(|population| population.engine.life(id, today)) else {
        return Ok(None);
    };
    let label = |name: &mut String| *name = op.engine.label(&Grantable::AccountType(name.clone()));
    for boundary in &mut life.next {
        if let Turn::Accounts(_, kinds) = &mut boundary.what {
            kinds.iter_mut().for_each(label);
        }
    }
    life.stages.iter_mut().for_each(|stage| label(&mut stage.account_type));
    Ok(Some(life))
}

/// The configured states that something follows from, with what people call them, for the filter.
pub fn states(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require_for_some(VIEW)?;
    let configuration = op.engine.world().configuration();
    let states = configuration
        .lifecycle_states
        .iter()
        .filter(|(name, state)| state.has_effect() && LifecycleState::of_name(name).is_none());
    Ok(states.map(|(name, state)| (name.clone(), state.label(name).to_owned())).collect())
}

/// Finds an identity by its key in the source, or by its id written `#42`.
pub async fn find(op: &OpContext, key: &str) -> Result<IdentityId, ApiError> {
    let reach = op.reach(VIEW).await?;
    if let Some(id) = key.strip_prefix('#').and_then(|number| number.parse().ok()) {
        return Ok(id);
    }
    let found = op.engine.store().identity_by_key(key).await.map_err(internal)?;
    let found = found.map(|identity| identity.id).filter(|id| reach.contains(*id));
    found.ok_or_else(|| ApiError::not_found(format!("identity with the key `{key}`")))
}

/// Why the identity holds the thing of this name, or why not. Without a kind, the name may be of anything.
pub async fn why(op: &OpContext, id: IdentityId, kind: Option<&str>, name: &str) -> Result<Why, ApiError> {
    op.require_about(VIEW, id).await?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let grantable = match naming::find(&op.engine.world().configuration(), kind, name) {
        Named::One(grantable) => grantable,
        Named::Several(several) => return Ok(Why::Several(several)),
        Named::Unknown(near) => return Ok(Why::Unknown(near)),
    };
    let today = op.engine.today();
    let explained = op.engine.world().with_population(|population| population.engine.explain(id, &grantable, today));
    let mut explained = explained.ok_or_else(|| ApiError::not_found(format!("identity {id}")))?;
    let configuration = op.engine.world().configuration();
    let person = op.engine.world().with_population(|population| population.identities().get(&id).cloned());
    for reason in explained.reasons.iter_mut().chain(&mut explained.denied_by) {
        reason.facts.iter_mut().for_each(|fact| name_dimension(&configuration, fact));
        let of_reason = |context: &&Context| reason.context.as_deref() == Some(context.key.as_str());
        let context = person.as_ref().and_then(|person| person.contexts.iter().find(of_reason));
        let filled = context.and_then(|context| context.filled.iter().find(|gap| gap.period.holds(today)));
        if let (Some(key), Some(gap)) = (&mut reason.context, filled) {
            key.push_str(&format!(", {} over a gap in {}", gap.how.name(), gap.section));
        }
    }
    for miss in &mut explained.missing {
        miss.facts.iter_mut().for_each(|fact| name_dimension(&configuration, fact));
    }
    for reason in &mut explained.reasons {
        let Some(origin) = &mut reason.grant else { continue };
        let given = reason.path.first().unwrap_or(&grantable);
        let approved = crate::request_approvals::approved_by(&op.engine, origin.request, given).await;
        if let Some(approved) = approved.map_err(internal)? {
            origin.by = format!("{}, {approved}", origin.by);
        }
    }
    if explained.held {
        let certified = crate::certifications::certified(&op.engine, id, &grantable).await.map_err(internal)?;
        explained.certified = certified.map(|(at, by)| format!("{} by {by}", op.engine.day(at)));
    }
    explained.indirect = leading_to(op, id, &grantable).await.map_err(internal)?;
    Ok(Why::Explained(Box::new(explained)))
}

/// How somebody comes to an entitlement by what else they hold or are granted.
async fn leading_to(op: &OpContext, id: IdentityId, grantable: &Grantable) -> Result<Vec<IndirectRow>, StoreError> {
    let live = op.engine.world().live();
    let Grantable::Entitlement(name) = grantable else { return Ok(Vec::new()) };
    let Some(facts) = live.catalogue.entitlement(name).filter(|_| !live.indirect.is_empty()) else {
        return Ok(Vec::new());
    };
    let today = op.engine.today();
    let desired = op.engine.world().with_population(|population| population.engine.desired(id, today));
    let assignments = desired.map(|access| access.assignments).unwrap_or_default();
    let accounts = op.engine.store().accounts_of(&[id]).await?;
    let mut held = Follower::new(op.engine.store(), &live).of_one((&assignments, &accounts)).await?;
    held.retain(|holding| holding.is(&facts.account_type, &facts.key));
    // That an account has it as well is no reason to leave out what leads to it.
    Ok(indirect::rows(&op.engine, &live, &held, &[]))
}

/// Says of a dimension's value what people call it, and what it is a part of: "D110 (Engineering › Platform)".
fn name_dimension(configuration: &Configuration, fact: &mut Fact) {
    let Some(dimension) = configuration.dimension_of(&fact.attribute) else { return };
    let Some(value) = fact.value.as_ref().and_then(|value| dimension.text_of(value)) else { return };
    let label = dimension.label(&value);
    if !label.is_empty() && label != value {
        fact.value = Some(format!("{value} ({label})").into());
    }
}

/// Everything that can be asked about, with what people call it.
pub fn grantables(op: &OpContext) -> Result<Arc<[(Grantable, String)]>, ApiError> {
    op.require_for_some(VIEW)?;
    Ok(op.engine.world().live().things())
}

impl Engine {
    /// The name a person knows the thing by.
    pub(crate) fn label(&self, grantable: &Grantable) -> String {
        let configuration = self.world().configuration();
        let name = grantable.name();
        let label = match grantable {
            Grantable::Role(_) => configuration.roles.get(name).map(|role| &role.display_name),
            Grantable::AccessProfile(_) => configuration.access_profiles.get(name).map(|profile| &profile.display_name),
            Grantable::AccountType(_) => configuration.account_types.get(name).map(|kind| &kind.display_name),
            Grantable::Entitlement(_) => {
                configuration.entitlements.get(name).map(|entitlement| &entitlement.display_name)
            }
        };
        label.cloned().unwrap_or_else(|| name.to_owned())
    }

    /// Name of the application that the thing belongs to; none for a role.
    pub(crate) fn application_of(&self, grantable: &Grantable) -> Option<String> {
        self.world().configuration().application_of(grantable).map(str::to_owned)
    }

    /// The name a person knows the application, or the integration, by.
    pub fn application_label(&self, name: &str) -> String {
        self.world().live().application_label(name)
    }
}
