//! Generate provisioning orders: the difference between what people should have and what applications hold becomes
//! plans, partitions and orders. All plans are made first; thresholds are checked on all of them together; then all
//! is written in one transaction, or nothing.

mod asked;
mod facts;
mod native;
mod preview;
mod questions;
mod risks;
mod supposed;
mod thresholds;
mod write;

use std::collections::{BTreeMap, HashMap, HashSet};

use broker::catalogue::Catalogue;
use broker::check::CheckedPlan;
use broker::plan::Values;
use broker::trigger::Situation;
use broker::{blast_radius, check, partition, plan, undo};
use jiff::civil::Date;
use model::access::{DesiredAccess, Grantable};
use model::blast_radius::BlastRadius;
use model::identity::Identity;
use model::ids::IdentityId;
use model::job::{LogLevel, TaskScope};
use model::order::ProvisioningState;
use model::plan::{AccountRequest, FilterReason, ItemKind, Plan};
use store::{AssignmentStateChange, Reservation, StoreError, ThresholdUse};

use self::asked::Asked;
use self::facts::{Compiled, Facts};
use self::native::Natives;
pub(crate) use self::preview::lines;
use self::preview::preview;
use self::questions::Questions;
pub(crate) use self::supposed::{Made, Planner, plan_of_one, plans_of};
pub(crate) use self::thresholds::guard_undo;
use self::thresholds::{changed, guard, hourly, ordered};
pub(crate) use self::write::{Extras, write};
use super::guard::{APPROVAL_VOID, Way};
use super::{About, Context, TaskEnd, counted};
use crate::progress::Progress;
use crate::requests::follow::Moment;

/// Identities planned before progress is told and other tasks get a turn.
const BATCH: usize = 500;

pub(super) async fn carry_out(scope: &TaskScope, context: &mut Context, progress: &Progress) -> TaskEnd {
    match context.engine.store().undo_of(context.run).await {
        Ok(None) => {}
        Ok(Some(kept)) => {
            let end = crate::undo::generate(context, progress, &kept).await;
            return end.unwrap_or_else(|error| TaskEnd::errored("Orders could not be generated", &error));
        }
        Err(error) => return TaskEnd::errored("Orders could not be generated", &error),
    }
    let mut end = generate(scope, context, progress, !context.mode.incremental).await;
    for _ in 1..TRIES {
        if !end.as_ref().is_err_and(is_overtaken) {
            break;
        }
        end = generate(scope, context, progress, true).await;
    }
    end.unwrap_or_else(|error| TaskEnd::errored("Orders could not be generated", &error))
}

/// How often everything is planned anew because something has just changed below it.
const TRIES: u32 = 4;
/// Constraint that a unique value taken by somebody else breaks.
const VALUE_TAKEN: &str = "reserved_value_key";
/// What a plan breaks that replaces an order which has been sent since the plan was made.
const SENT_MEANWHILE: &str = "order_sent_meanwhile";

/// Whether a value was taken that an incremental run had not looked at, or that another process was quicker to take; or
/// an order was sent that the plan was to replace: carried out beside the new one, it would do the same twice; or the
/// approval ran out while the plans were made.
fn is_overtaken(error: &StoreError) -> bool {
    let known = [VALUE_TAKEN, SENT_MEANWHILE, APPROVAL_VOID];
    matches!(error, StoreError::Conflict { constraint } if known.contains(&constraint.as_str()))
}

/// A plan that passed its checks, for one identity.
pub(crate) struct Planned {
    pub(crate) checked: CheckedPlan,
    pub(crate) leaver: bool,
    pub(crate) situation: Situation,
}

async fn generate(
    scope: &TaskScope,
    context: &mut Context,
    progress: &Progress,
    all_values: bool,
) -> Result<TaskEnd, StoreError> {
    let today = context.engine.today();
    if context.mode.incremental && context.about != About::Requests {
        context.changed.extend(crate::forms::to_plan(&context.engine).await?);
        context.changed.extend(context.engine.store().identities_with_native_changes_to_revert().await?);
        context.changed.extend(context.engine.store().identities_in_remediation().await?);
        context.changed.extend(context.engine.store().identities_to_take_from().await?);
    }
    // Before accounts are read: what changes afterwards is noted anew.
    let mut followed = context.engine.store().reference_changes().await?;
    if context.mode.incremental && context.about != About::Requests {
        context.changed.extend(followed.iter().map(|change| change.identity));
    }
    let mut facts = Facts::read(context, all_values, today).await?;
    let ids: Vec<IdentityId> = facts.ids();
    followed.retain(|change| scope.is_all() && ids.binary_search(&change.identity).is_ok());
    progress.expect(ids.len() as u64, "identities");
    let live = context.live();
    let mut values = ReservedValues::new(&facts.reserved);
    let mut planned = Vec::new();
    let mut already = AlreadySo::new(context).await?;
    let mut adopted = Vec::new();
    let undone = context.engine.store().undone().await?;
    let mut ended_undone = Vec::new();
    let mut ended = Vec::new();
    let mut natives = Natives::default();
    let mut rejected = 0;
    let mut conflicts = HashMap::new();
    let mut questions = Questions::read(context, &ids).await?;
    for batch in ids.chunks(BATCH) {
        let desired = context.desired(batch, today).await?;
        facts.follow(&desired).await?;
        for mut access in desired {
            let Compiled { plan, over, choices, conflicts: risky } =
                facts.compile(context, &mut access, &mut questions, &live.catalogue, &mut values);
            ended.extend(over);
            if !risky.is_empty() {
                conflicts.insert(access.identity, risky);
            }
            let native = facts.native_of(&access, &live.catalogue);
            let input = facts.input(&access, &choices, &native);
            natives.note(facts.all_native_of(access.identity), &native, &plan, input.open_orders, scope);
            already.note(&access, &plan, &live.catalogue);
            let own = undone.iter().filter(|row| row.identity == access.identity);
            ended_undone.extend(own.filter(|row| !undo::is_wanted(row, &access, &live.catalogue)).map(|row| row.id));
            // Decided as a whole, whatever the task concerns: what is left out is the next task's to order.
            let plan = plan::restrict(plan, input.open_orders, &|application| scope.has_application(application));
            adopted.extend(facts.adoptions(&input, &plan, &live.catalogue));
            if plan::is_empty(&plan) {
                continue;
            }
            let partitions = partition::split(&plan, &live.catalogue);
            let sets_back: Vec<_> = plan.requests.iter().flat_map(|request| &request.sets_back).copied().collect();
            match check::check(plan, partitions) {
                Ok(checked) => {
                    // Since when its life is looked at is read for all of them at once.
                    planned.push(Planned { checked, leaver: input.leaver, situation: Situation::NO_MATTER });
                }
                Err(findings) => {
                    rejected += 1;
                    natives.refused(&native, &sets_back, &findings);
                    for finding in findings {
                        progress.say(
                            LogLevel::Error,
                            format!("The plan for identity {} is refused by its checker: {finding}", access.identity),
                        );
                    }
                }
            }
        }
        progress.advance(batch.len() as u64, 0).await;
        tokio::task::yield_now().await;
    }
    let radius = {
        let describe = |id: IdentityId| facts.describe(id);
        let plans = planned.iter().map(|planned| planned.checked.plan());
        blast_radius::measure(plans, facts.population, &describe, &live.catalogue)
    };
    keep_blast_radius(context, progress, radius).await?;
    let plans = planned.iter().map(|planned| planned.checked.plan());
    let ordered = ordered(context, changed(&live.configuration, plans), &facts.stored, &facts.links).await?;
    let approval = match guard(context, progress, scope, &ordered, &planned, &facts.names).await? {
        Way::Free => None,
        Way::Approved(approval) => Some(approval),
        Way::Blocked(end) => {
            requests_stopped(context).await?;
            return Ok(end);
        }
    };
    if context.mode.dry_run {
        context.preview(preview(&planned, &facts.names)).await?;
        context.scenario.orders = planned.iter().map(|planned| planned.checked.plan().requests.len() as u64).sum();
        count(progress, planned.iter().flat_map(|planned| &planned.checked.plan().requests));
        return Ok(TaskEnd::Completed(Some(format!(
            "A real run would make {}.",
            counted(context.scenario.orders, "order")
        ))));
    }
    count(progress, planned.iter().flat_map(|planned| &planned.checked.plan().requests));
    let adopted = facts.adopt(&adopted, scope);
    let mut taken = values.taken;
    taken.retain(|reservation| scope.has_application(&reservation.application));
    // What a person approved uses up nothing of the hour: they have looked at it.
    let used = if approval.is_none() { hourly(&ordered.used()) } else { ThresholdUse::default() };
    situate(context, &mut planned, &facts).await?;
    let asked = Asked::read(context, facts.only.is_some().then_some(&ids[..])).await?;
    let extras = Extras {
        linked: asked.links(facts.orders.values().flatten()),
        asked,
        open: facts.reasons(),
        taken,
        adopted,
        already: already.states,
        ended,
        held: facts.held(),
        held_undone: undone,
        conflicts,
        ended_undone,
        undone: Vec::new(),
        rings: super::rings::of_the_run(context, progress),
        approval,
        used,
        forms: questions.planned(scope),
        natives: natives.planned,
        followed,
    };
    let asked = extras.forms.asked();
    if asked > 0 {
        progress.count("questions", i64::try_from(asked).unwrap_or(i64::MAX));
        progress.say(LogLevel::Information, format!("Asked {}; see the forms.", counted(asked, "question")));
    }
    let written = write(context, planned, extras, &live.catalogue).await?;
    if let Some(day) = context.computed_on.filter(|_| scope.is_all()) {
        crate::boundaries::note(&context.engine, day).await?;
    }
    progress.count("orders", i64::try_from(written).unwrap_or(i64::MAX));
    progress.say(LogLevel::Information, format!("Wrote {}.", counted(written as u64, "order")));
    if rejected > 0 {
        return Ok(TaskEnd::Warning(format!(
            "{} refused by the plan checker; see the log.",
            counted(rejected, "plan")
        )));
    }
    Ok(TaskEnd::Completed(None))
}

/// How far back a turn of somebody's life counts for whom nothing was ever planned.
const LOOK_BACK: jiff::SignedDuration = jiff::SignedDuration::from_hours(31 * 24);

/// How everybody's life stands, and whether it has turned since something was last planned for them.
async fn situate(context: &Context, planned: &mut [Planned], facts: &Facts) -> Result<(), StoreError> {
    let life = |planned: &Planned| facts.lives.get(&planned.checked.plan().identity).copied();
    let has_turned = |planned: &&Planned| life(planned).is_some_and(|life| life.turn.is_some());
    let ids: Vec<IdentityId> =
        planned.iter().filter(has_turned).map(|planned| planned.checked.plan().identity).collect();
    let last = context.engine.store().last_planned(&ids).await?;
    let never = context.engine.now().checked_sub(LOOK_BACK).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    for planned in planned {
        let identity = planned.checked.plan().identity;
        let since = context.engine.day(last.get(&identity).copied().unwrap_or(never));
        planned.situation = life(planned).map_or(Situation::NO_MATTER, |life| Situation::of(life, since));
    }
    Ok(())
}

/// A run of requests that a threshold stops: they wait for an approval.
async fn requests_stopped(context: &Context) -> Result<(), StoreError> {
    let ids: Vec<_> = context.requests.iter().map(|request| request.id).collect();
    if ids.is_empty() || context.mode.dry_run {
        return Ok(());
    }
    let (run, node, today, now) =
        (context.run, context.engine.node().to_owned(), context.engine.today(), context.engine.now());
    let work = context.engine.store().write(move |tx| {
        Box::pin(
            async move { crate::requests::follow::stopped(tx, &ids, run, Moment { today, now, actor: &node }).await },
        )
    });
    work.await
}

impl Context {
    /// What these identities should have.
    async fn desired(&mut self, ids: &[IdentityId], today: Date) -> Result<Vec<DesiredAccess>, StoreError> {
        if self.mode.dry_run {
            let engine = self.dry_engine().await?;
            let desired = ids.iter().filter_map(|id| engine.desired(*id, today)).collect();
            self.scenario.engine = Some(engine);
            return Ok(desired);
        }
        Ok(self
            .engine
            .world()
            .with_population(|population| ids.iter().filter_map(|id| population.engine.desired(*id, today)).collect()))
    }
}

/// What is held already without an order of ours: it is verified by the reading that found it.
struct AlreadySo {
    without_state: HashSet<(IdentityId, Grantable)>,
    states: Vec<AssignmentStateChange>,
}

impl AlreadySo {
    async fn new(context: &Context) -> Result<Self, StoreError> {
        let store = context.engine.store();
        let without_state = if context.mode.incremental && !context.mode.dry_run {
            let ids: Vec<IdentityId> = context.changed.iter().copied().collect();
            let held = store.assignments_of(&ids).await?.into_iter();
            held.filter(|record| record.state.is_none()).map(|record| (record.identity, record.grantable)).collect()
        } else {
            store.assignments_without_state().await?.into_iter().collect()
        };
        Ok(Self { without_state, states: Vec::new() })
    }

    fn note(&mut self, access: &DesiredAccess, plan: &Plan, catalogue: &Catalogue) {
        let mut held = |grantable: Grantable| {
            if self.without_state.remove(&(access.identity, grantable.clone())) {
                self.states.push(AssignmentStateChange {
                    identity: access.identity,
                    grantable,
                    state: Some(ProvisioningState::Verified),
                    reason: None,
                    order: None,
                });
            }
        };
        let already = plan.filtered.iter().filter(|filtered| filtered.why == FilterReason::AlreadySo);
        for filtered in already.filter(|filtered| filtered.kind == ItemKind::Entitlement) {
            if let Some(name) = catalogue.entitlement_of(&filtered.account_type, &filtered.name) {
                held(Grantable::Entitlement(name.to_owned()));
            }
        }
        let is_planned = |kind: &str| {
            plan.requests.iter().any(|request| request.account_type == kind)
                || plan.filtered.iter().any(|left| left.account_type == kind && left.why == FilterReason::OnItsWay)
                // A state of the person's working life, or somebody, keeps the account from being made.
                || plan.retained.iter().any(|kept| kept.account_type == kind && kept.kind == ItemKind::Lifecycle)
        };
        for account in access.accounts.iter().filter(|account| !is_planned(&account.account_type)) {
            held(Grantable::AccountType(account.account_type.clone()));
        }
    }
}

/// Values of unique attributes that are taken, and those taken while planning.
struct ReservedValues {
    known: HashMap<(String, String, String), Option<IdentityId>>,
    taken: Vec<Reservation>,
}

impl ReservedValues {
    fn new(reserved: &[Reservation]) -> Self {
        let known = reserved
            .iter()
            .map(|row| ((row.application.clone(), row.attribute.clone(), row.value.to_lowercase()), Some(row.identity)))
            .collect();
        Self { known, taken: Vec::new() }
    }
}

impl Values for ReservedValues {
    fn take(&mut self, application: &str, attribute: &str, value: &str, identity: IdentityId) -> bool {
        let key = (application.to_owned(), attribute.to_owned(), value.to_lowercase());
        match self.known.get(&key) {
            Some(owner) => *owner == Some(identity),
            None => {
                self.known.insert(key, Some(identity));
                self.taken.push(Reservation {
                    application: application.to_owned(),
                    attribute: attribute.to_owned(),
                    value: value.to_owned(),
                    identity,
                });
                true
            }
        }
    }
}

// -------------------------------------------------------------------------------------------------- telling

/// Keeps with the run how much it changes, before its first write.
pub(crate) async fn keep_blast_radius(
    context: &Context,
    progress: &Progress,
    radius: BlastRadius,
) -> Result<(), StoreError> {
    let people = counted(radius.people, "person").replace("persons", "people");
    progress.say(
        LogLevel::Information,
        format!("Blast radius: {} ({}), {people} of {}.", radius.size, radius.label.name(), radius.population),
    );
    let run = context.run;
    context.engine.store().write(move |tx| Box::pin(async move { tx.put_blast_radius(run, &radius).await })).await
}

/// What a person is called, and the department that counts today; empty where there is none.
pub(crate) fn name_and_department(identity: &Identity, today: Date) -> (String, String) {
    let mut contexts: Vec<_> = identity.contexts.iter().filter(|context| context.period.holds(today)).collect();
    contexts.sort_by_key(|context| context.priority);
    let department = contexts
        .iter()
        .find_map(|context| context.attributes.get("department"))
        .or_else(|| identity.attributes.get("department"));
    (identity.display_name.clone(), department.map(ToString::to_string).unwrap_or_default())
}

/// Tells how many orders of each operation there will be.
pub(crate) fn count_orders(progress: &Progress, planned: &[Planned]) {
    count(progress, planned.iter().flat_map(|planned| &planned.checked.plan().requests));
}

fn count<'a>(progress: &Progress, requests: impl Iterator<Item = &'a AccountRequest>) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for request in requests {
        *counts.entry(request.operation.name()).or_insert(0) += 1;
    }
    for (name, number) in counts {
        progress.count(name, number);
    }
}
