//! Plans as a run would make them, of which nothing is kept: as things are, or as they would be were something else live.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::check::{self, CheckedPlan};
use broker::conflict::Conflict;
use broker::{partition, threshold};
use jiff::civil::Date;
use model::access::DesiredAccess;
use model::block::TripView;
use model::feed::ChangeCounts;
use model::ids::IdentityId;
use model::plan::Plan;
use model::risk::{AcceptedRisk, BrokenRule};
use store::StoreError;

use super::facts::{Compiled, Facts};
use super::questions::Questions;
use super::thresholds::{changed, ordered};
use super::{BATCH, Context, ReservedValues};
use crate::Engine;
use crate::world::Live;

/// Makes plans for some people after others, who take each other's unique values as they would in one run.
pub(crate) struct Planner {
    engine: Engine,
    live: Option<Arc<Live>>,
    values: Option<ReservedValues>,
    /// What all plans so far would change, by account type.
    changed: BTreeMap<String, ChangeCounts>,
    /// Accounts, and what they hold, by account type.
    sizes: (BTreeMap<String, u64>, BTreeMap<String, u64>),
}

/// What planning for one person came to.
pub(crate) struct Made {
    pub(crate) identity: IdentityId,
    pub(crate) name: String,
    pub(crate) department: String,
    /// None where it is refused by its checker.
    pub(crate) plan: Option<CheckedPlan>,
    /// What would newly complete a risk.
    pub(crate) conflicts: Vec<Conflict>,
    /// Every rule of a risk that is broken by what they should have and what they hold.
    pub(crate) broken: Vec<BrokenRule>,
}

impl Planner {
    /// One that decides by this, or by what is decided by now.
    pub(crate) fn new(engine: &Engine, live: Option<Arc<Live>>) -> Self {
        Self { engine: engine.clone(), live, values: None, changed: BTreeMap::new(), sizes: Default::default() }
    }

    /// The plans for these people, were this what they should have, in their order.
    pub(crate) async fn plan(&mut self, desired: Vec<DesiredAccess>, day: Date) -> Result<Vec<Made>, StoreError> {
        let ids: Vec<IdentityId> = desired.iter().map(|access| access.identity).collect();
        let mut context = Context::supposing(self.engine.clone(), self.live.clone(), &ids);
        let facts = Facts::read(&mut context, self.values.is_none(), day).await?;
        let values = self.values.get_or_insert_with(|| ReservedValues::new(&facts.reserved));
        let mut questions = Questions::read(&context, &ids).await?;
        let live = context.live();
        let mut all = Vec::with_capacity(ids.len());
        for (number, mut access) in desired.into_iter().enumerate() {
            if number % BATCH == 0 {
                tokio::task::yield_now().await;
            }
            let identity = access.identity;
            let broken = live.risks.broken_rules(&access.assignments, facts.accounts_of(identity));
            let Compiled { plan, conflicts, .. } =
                facts.compile(&context, &mut access, &mut questions, &live.catalogue, values);
            let partitions = partition::split(&plan, &live.catalogue);
            let plan = check::check(plan, partitions).ok();
            let (name, department) = facts.describe(identity);
            all.push(Made { identity, name, department, plan, conflicts, broken });
        }
        let plans = all.iter().filter_map(|made| made.plan.as_ref()).map(CheckedPlan::plan);
        threshold::join(&mut self.changed, changed(&live.configuration, plans));
        self.sizes = (facts.stored, facts.links);
        Ok(all)
    }

    /// Limits that a run of all these plans would exceed, and whether somebody else than who started it would have to approve.
    pub(crate) async fn trips(self) -> Result<(Vec<TripView>, bool), StoreError> {
        let context = Context::supposing(self.engine, self.live, &[]);
        let (stored, links) = &self.sizes;
        let ordered = ordered(&context, self.changed, stored, links).await?;
        Ok(ordered.check(&context.live().configuration))
    }
}

/// The plan for one identity, were this what it should have. `overridden` are risks that it may bring about though they block.
pub(crate) async fn plan_of_one(
    engine: &Engine,
    mut access: DesiredAccess,
    day: Date,
    overridden: &[AcceptedRisk],
) -> Result<Plan, StoreError> {
    let mut context = Context::supposing(engine.clone(), None, &[access.identity]);
    let facts = Facts::read(&mut context, true, day).await?.overriding(overridden);
    let mut values = ReservedValues::new(&facts.reserved);
    let mut questions = Questions::read(&context, &[access.identity]).await?;
    let catalogue = &context.live().catalogue;
    Ok(facts.compile(&context, &mut access, &mut questions, catalogue, &mut values).plan)
}

/// The plans for these as things are. No values are reserved: what an account still to come would be called is not said.
pub(crate) async fn plans_of(engine: &Engine, ids: &[IdentityId], day: Date) -> Result<Vec<Plan>, StoreError> {
    let mut context = Context::supposing(engine.clone(), None, ids);
    let facts = Facts::read(&mut context, false, day).await?;
    let mut values = ReservedValues::new(&facts.reserved);
    let mut questions = Questions::read(&context, ids).await?;
    let desired = context.desired(ids, day).await?;
    let catalogue = &context.live().catalogue;
    let plan = |mut access| facts.compile(&context, &mut access, &mut questions, catalogue, &mut values).plan;
    Ok(desired.into_iter().map(plan).collect())
}
