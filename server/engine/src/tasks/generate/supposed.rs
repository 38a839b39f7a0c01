//! Plans as a run would make them, of which nothing is kept: as things are, or as they would be were something else live.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::check::{self, CheckedPlan};
use broker::conflict::Conflict;
use broker::{partition, threshold};
use jiff::civil::Date;
use model::access::DesiredAccess;
use model::account::Account;
use model::block::TripView;
use model::feed::ChangeCounts;
use model::ids::IdentityId;
use model::plan::{ItemKind, ItemOperation, Operation, Plan};
use model::risk::{AcceptedRisk, BrokenRule};
use store::StoreError;

use super::facts::{Compiled, Facts};
use super::questions::Questions;
use super::risks::Risks;
use super::thresholds::{changed, ordered};
use super::{BATCH, Context, ReservedValues};
use crate::Engine;
use crate::world::Live;

/// Makes plans for some people after others under two configurations, both out of one reading of accounts and orders. People
/// take each other's unique values as they would in one run.
pub(crate) struct Planner {
    engine: Engine,
    before: Side,
    after: Side,
    /// Accounts, and what they hold, by account type.
    sizes: (BTreeMap<String, u64>, BTreeMap<String, u64>),
}

/// What is decided by, and what came of it so far.
struct Side {
    live: Arc<Live>,
    values: Option<ReservedValues>,
    /// What all plans so far would change, by account type.
    changed: BTreeMap<String, ChangeCounts>,
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
    /// Every rule of a risk that is broken by what they should have, and hold once the plan is carried out.
    pub(crate) broken: Vec<BrokenRule>,
}

impl Planner {
    pub(crate) fn new(engine: &Engine, before: &Arc<Live>, after: &Arc<Live>) -> Self {
        let side = |live| Side { live: Arc::clone(live), values: None, changed: BTreeMap::new() };
        Self { engine: engine.clone(), before: side(before), after: side(after), sizes: Default::default() }
    }

    /// The plans for these people, were this what they should have before and after.
    pub(crate) async fn plan(
        &mut self,
        ids: &[IdentityId],
        (before, after): (Vec<DesiredAccess>, Vec<DesiredAccess>),
        day: Date,
    ) -> Result<(Vec<Made>, Vec<Made>), StoreError> {
        let mut context = Context::supposing(self.engine.clone(), Some(Arc::clone(&self.after.live)), ids);
        let mut facts = Facts::read(&mut context, self.after.values.is_none(), day).await?;
        facts.follow(&after).await?;
        let then = self.after.plan(&context, &facts, ids, after).await?;
        let context = Context::supposing(self.engine.clone(), Some(Arc::clone(&self.before.live)), ids);
        let mut facts = facts.judged_by(Risks::read(&context, Some(ids)).await?);
        facts.follow(&before).await?;
        let now = self.before.plan(&context, &facts, ids, before).await?;
        self.sizes = (facts.stored, facts.links);
        Ok((now, then))
    }

    /// Limits that a run of all plans made for afterwards would exceed, and whether somebody else than who started it would have
    /// to approve.
    pub(crate) async fn trips(self) -> Result<(Vec<TripView>, bool), StoreError> {
        let context = Context::supposing(self.engine, Some(self.after.live), &[]);
        let (stored, links) = &self.sizes;
        let ordered = ordered(&context, self.after.changed, stored, links).await?;
        Ok(ordered.check(&context.live().configuration))
    }
}

impl Side {
    async fn plan(
        &mut self,
        context: &Context,
        facts: &Facts,
        ids: &[IdentityId],
        desired: Vec<DesiredAccess>,
    ) -> Result<Vec<Made>, StoreError> {
        let values = self.values.get_or_insert_with(|| ReservedValues::new(&facts.reserved));
        let mut questions = Questions::read(context, ids).await?;
        let live = &self.live;
        let mut all = Vec::with_capacity(desired.len());
        for (number, mut access) in desired.into_iter().enumerate() {
            if number % BATCH == 0 {
                tokio::task::yield_now().await;
            }
            let identity = access.identity;
            let assignments = access.assignments.clone();
            let Compiled { plan, conflicts, .. } =
                facts.compile(context, &mut access, &mut questions, &live.catalogue, values);
            let broken = match live.risks.is_empty() {
                true => Vec::new(),
                false => {
                    let accounts = afterwards(facts.accounts_of(identity), &plan);
                    let indirect = facts.risks.indirect(&assignments, &accounts);
                    live.risks.broken_rules(&assignments, &accounts, &indirect)
                }
            };
            let partitions = partition::split(&plan, &live.catalogue);
            let plan = check::check(plan, partitions).ok();
            let (name, department) = facts.describe(identity);
            all.push(Made { identity, name, department, plan, conflicts, broken });
        }
        let plans = all.iter().filter_map(|made| made.plan.as_ref()).map(CheckedPlan::plan);
        threshold::join(&mut self.changed, changed(&live.configuration, plans));
        Ok(all)
    }
}

/// Accounts as they are once what the plan takes away is gone. What it gives counts by being given.
fn afterwards(accounts: &[Account], plan: &Plan) -> Vec<Account> {
    let mut accounts = accounts.to_vec();
    for request in &plan.requests {
        if matches!(request.operation, Operation::Disable | Operation::Delete) {
            accounts.retain(|account| Some(account.id) != request.account);
        }
        let own = accounts.iter_mut().filter(|account| Some(account.id) == request.account);
        let is_taken = |held: &String| {
            let mut items = request.items.iter().filter(|item| item.kind == ItemKind::Entitlement);
            items.any(|item| item.operation == ItemOperation::Remove && item.name == *held)
        };
        own.for_each(|account| account.entitlements.retain(|held| !is_taken(held)));
    }
    accounts
}

/// The plan for one identity, were this what it should have. `overridden` are risks that it may bring about though they block.
pub(crate) async fn plan_of_one(
    engine: &Engine,
    mut access: DesiredAccess,
    day: Date,
    overridden: &[AcceptedRisk],
) -> Result<Plan, StoreError> {
    let mut context = Context::supposing(engine.clone(), None, &[access.identity]);
    let mut facts = Facts::read(&mut context, true, day).await?.overriding(overridden);
    facts.follow(std::slice::from_ref(&access)).await?;
    let mut values = ReservedValues::new(&facts.reserved);
    let mut questions = Questions::read(&context, &[access.identity]).await?;
    let catalogue = &context.live().catalogue;
    Ok(facts.compile(&context, &mut access, &mut questions, catalogue, &mut values).plan)
}

/// The plans for these as things are. No values are reserved: what an account still to come would be called is not said.
pub(crate) async fn plans_of(engine: &Engine, ids: &[IdentityId], day: Date) -> Result<Vec<Plan>, StoreError> {
    let mut context = Context::supposing(engine.clone(), None, ids);
    let mut facts = Facts::read(&mut context, false, day).await?;
    let mut values = ReservedValues::new(&facts.reserved);
    let mut questions = Questions::read(&context, ids).await?;
    let desired = context.desired(ids, day).await?;
    facts.follow(&desired).await?;
    let catalogue = &context.live().catalogue;
    let plan = |mut access| facts.compile(&context, &mut access, &mut questions, catalogue, &mut values).plan;
    Ok(desired.into_iter().map(plan).collect())
}
