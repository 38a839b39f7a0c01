//! Generate provisioning orders: the difference between what people should have and what applications hold becomes
//! plans, partitions and orders. All plans are made first; thresholds are checked on all of them together; then all
//! is written in one transaction, or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use broker::catalogue::Catalogue;
use broker::check::CheckedPlan;
use broker::lifecycle::{self, Event};
use broker::plan::{PlanInput, Values};
use broker::threshold::{Change, Ordered};
use broker::{blast_radius, check, edit, fingerprint, order, partition, plan, threshold, undo};
use jiff::SignedDuration;
use jiff::civil::Date;
use model::access::{DesiredAccess, Grantable};
use model::account::{Account, Provenance};
use model::blast_radius::BlastRadius;
use model::configuration::Rings;
use model::feed::ChangeCounts;
use model::identity::{Identity, LifecycleState};
use model::ids::{AccountId, IdentityId, OrderId, PartitionId, PlanId, RunBlockId};
use model::job::{LogLevel, TaskScope};
use model::order::{Order, ProvisioningState, StateReason, ValueEdit};
use model::plan::{AccountRequest, FilterReason, ItemKind, ItemOperation, Operation, Plan};
use model::review::DeclinedChange;
use model::trigger::Trigger;
use model::undo::Undone;
use model::view::PreviewLine;
use store::{AssignmentStateChange, PlanRecord, RecordedTransition, Reservation, StoreError, ThresholdUse};

use super::guard::{self, APPROVAL_VOID, Intent, Way};
use super::{Context, TaskEnd, counted, shown};
use crate::progress::Progress;

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
}

async fn generate(
    scope: &TaskScope,
    context: &mut Context,
    progress: &Progress,
    all_values: bool,
) -> Result<TaskEnd, StoreError> {
    let today = context.engine.today();
    let facts = Facts::read(context, all_values, today).await?;
    let ids: Vec<IdentityId> = facts.ids();
    progress.expect(ids.len() as u64, "identities");
    let live = context.engine.world().live();
    let mut values = ReservedValues::new(&facts.reserved);
    let mut planned = Vec::new();
    let mut already = AlreadySo::new(context).await?;
    let mut adopted = Vec::new();
    let undone = context.engine.store().undone().await?;
    let mut ended_undone = Vec::new();
    let mut ended = Vec::new();
    let mut rejected = 0;
    for batch in ids.chunks(BATCH) {
        let desired = context.desired(batch, today).await?;
        for mut access in desired {
            let edits = facts.edits_of(access.identity);
            ended.extend(edit::stand_in(&mut access, &edits).into_iter().filter_map(|edit| facts.edit_id(edit)));
            let input = PlanInput {
                trigger: Trigger::IdentityRefresh,
                accounts: facts.accounts_of(access.identity),
                open_orders: facts.orders_of(access.identity),
                declined: facts.declined_of(access.identity),
                leaver: facts.leavers.contains(&access.identity),
                desired: &access,
            };
            let mut plan = plan::compile(&input, &live.catalogue, &mut values);
            edit::explain(&mut plan, &edits);
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
            match check::check(plan, partitions) {
                Ok(checked) => planned.push(Planned { checked, leaver: input.leaver }),
                Err(findings) => {
                    rejected += 1;
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
    let ordered = ordered(context, &planned, &facts.stored, &facts.links).await?;
    let approval = match guard(context, progress, scope, &ordered, &planned, &facts.names).await? {
        Way::Free => None,
        Way::Approved(approval) => Some(approval),
        Way::Blocked(end) => return Ok(end),
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
    let extras = Extras {
        taken,
        adopted,
        already: already.states,
        ended,
        held: facts.held(),
        held_undone: undone,
        ended_undone,
        undone: Vec::new(),
        rings: super::rings::of_the_run(context, progress),
        approval,
        used,
    };
    let written = write(context, planned, extras, &live.catalogue).await?;
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

// ------------------------------------------------------------------------------------------------------- facts

/// All that planning needs, in one reading.
struct Facts {
    /// None: everybody.
    only: Option<BTreeSet<IdentityId>>,
    names: HashMap<IdentityId, String>,
    departments: HashMap<IdentityId, String>,
    /// How many people there are.
    population: u64,
    leavers: HashSet<IdentityId>,
    accounts: HashMap<IdentityId, Vec<Account>>,
    orders: HashMap<IdentityId, Vec<Order>>,
    declined: HashMap<IdentityId, Vec<DeclinedChange>>,
    reserved: Vec<Reservation>,
    /// Values that people put in the place of computed ones, each with its id.
    edits: HashMap<IdentityId, Vec<(i64, ValueEdit)>>,
    /// Accounts not gone, by account type.
    stored: BTreeMap<String, u64>,
    links: BTreeMap<String, u64>,
}

impl Facts {
    async fn read(context: &mut Context, all_values: bool, today: Date) -> Result<Self, StoreError> {
        let store = context.engine.store().clone();
        let incremental = context.mode.incremental && !context.mode.dry_run;
        let only = incremental.then(|| context.changed.clone());
        // Orders first: what is done in between then shows on the account as well, rather than on neither.
        let (orders, accounts) = match &only {
            Some(only) => {
                let ids: Vec<IdentityId> = only.iter().copied().collect();
                (store.open_orders_of(&ids).await?, store.accounts_of(&ids).await?)
            }
            None => (store.open_orders().await?, context.dry_accounts().await?),
        };
        let (mut stored, mut links) = (BTreeMap::new(), BTreeMap::new());
        if incremental {
            for (account_type, accounts, held) in store.account_type_sizes().await? {
                stored.insert(account_type.clone(), accounts);
                links.insert(account_type, held);
            }
        } else {
            for account in accounts.iter().filter(|account| account.status != model::account::AccountStatus::Gone) {
                *stored.entry(account.account_type.clone()).or_insert(0) += 1;
                *links.entry(account.account_type.clone()).or_insert(0) += account.entitlements.len() as u64;
            }
        }
        let mut reserved = Vec::new();
        if all_values {
            for application in context.engine.world().configuration().applications.keys() {
                reserved.extend(store.reserved_values(application).await?);
            }
        }
        let mut edits: HashMap<IdentityId, Vec<(i64, ValueEdit)>> = HashMap::new();
        for (id, edit) in store.value_edits_in_force().await? {
            edits.entry(edit.identity).or_default().push((id, edit));
        }
        let of: Option<Vec<IdentityId>> = only.as_ref().map(|only| only.iter().copied().collect());
        let mut declined: HashMap<IdentityId, Vec<DeclinedChange>> = HashMap::new();
        for change in store.declined_changes(of.as_deref()).await? {
            declined.entry(change.identity).or_default().push(change);
        }
        let names = match &only {
            Some(only) => {
                let ids: Vec<IdentityId> = only.iter().copied().collect();
                store.identities_by_id(&ids).await?
            }
            None => context.dry_identities().await?,
        };
        Ok(Self {
            leavers: names
                .iter()
                .filter(|identity| identity.lifecycle(today) == LifecycleState::Leaver)
                .map(|identity| identity.id)
                .collect(),
            departments: names.iter().map(|identity| (identity.id, name_and_department(identity, today).1)).collect(),
            population: match &only {
                Some(_) => context.engine.world().with_population(|population| population.engine.len()) as u64,
                None => names.len() as u64,
            },
            names: names.into_iter().map(|identity| (identity.id, identity.display_name)).collect(),
            accounts: by_owner(accounts),
            orders: by_identity(orders),
            declined,
            reserved,
            edits,
            stored,
            links,
            only,
        })
    }

    fn ids(&self) -> Vec<IdentityId> {
        let mut ids: Vec<IdentityId> = match &self.only {
            Some(only) => only.iter().copied().collect(),
            None => self.names.keys().copied().collect(),
        };
        ids.sort_unstable();
        ids
    }

    /// The accounts of these ids in the applications that the task concerns, as adopted.
    fn adopt(&self, ids: &[AccountId], scope: &TaskScope) -> Vec<Account> {
        let wanted: BTreeSet<&AccountId> = ids.iter().collect();
        self.accounts
            .values()
            .flatten()
            .filter(|account| wanted.contains(&account.id) && scope.has_application(&account.application))
            .map(|account| Account { provenance: Provenance::Adopted, ..account.clone() })
            .collect()
    }

    fn edits_of(&self, identity: IdentityId) -> Vec<&ValueEdit> {
        self.edits.get(&identity).into_iter().flatten().map(|(_, edit)| edit).collect()
    }

    fn edit_id(&self, edit: &ValueEdit) -> Option<i64> {
        self.edits.get(&edit.identity)?.iter().find(|(_, known)| known == edit).map(|(id, _)| *id)
    }

    /// Name and department.
    fn describe(&self, identity: IdentityId) -> (String, String) {
        let of = |known: &HashMap<IdentityId, String>| known.get(&identity).cloned().unwrap_or_default();
        (of(&self.names), of(&self.departments))
    }

    /// Orders that a person keeps back, and why.
    fn held(&self) -> HashMap<OrderId, StateReason> {
        let reason = |order: &Order| Some((order.id, order.reason.clone().filter(StateReason::is_hold)?));
        self.orders.values().flatten().filter_map(reason).collect()
    }

    /// Accounts that were found and become ours. Where the account type asks for a review, a person decides on what
    /// would change in such an account first.
    fn adoptions(&self, input: &PlanInput<'_>, plan: &Plan, catalogue: &Catalogue) -> Vec<AccountId> {
        let is_reviewed = |account_type: &str| catalogue.account_type(account_type).is_some_and(|facts| facts.review);
        let planned = plan.requests.iter().filter(|request| is_reviewed(&request.account_type));
        let waiting = input.open_orders.iter().filter(|order| order.state == ProvisioningState::AwaitingApproval);
        let held: HashSet<AccountId> = planned
            .filter_map(|request| request.account)
            .chain(waiting.filter_map(|order| order.account))
            .chain(input.declined.iter().filter_map(|declined| declined.account))
            .collect();
        plan::adoptions(input).into_iter().filter(|id| !held.contains(id)).collect()
    }

    fn declined_of(&self, identity: IdentityId) -> &[DeclinedChange] {
        self.declined.get(&identity).map_or(&[], Vec::as_slice)
    }

    fn accounts_of(&self, identity: IdentityId) -> &[Account] {
        self.accounts.get(&identity).map_or(&[], Vec::as_slice)
    }

    fn orders_of(&self, identity: IdentityId) -> &[Order] {
        self.orders.get(&identity).map_or(&[], Vec::as_slice)
    }
}

fn by_owner(accounts: Vec<Account>) -> HashMap<IdentityId, Vec<Account>> {
    let mut owned: HashMap<IdentityId, Vec<Account>> = HashMap::new();
    for account in accounts {
        if let Some(owner) = account.owner {
            owned.entry(owner).or_default().push(account);
        }
    }
    owned
}

fn by_identity(orders: Vec<Order>) -> HashMap<IdentityId, Vec<Order>> {
    let mut of: HashMap<IdentityId, Vec<Order>> = HashMap::new();
    for order in orders {
        of.entry(order.identity).or_default().push(order);
    }
    of
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

// -------------------------------------------------------------------------------------------------- thresholds

/// How far back what was ordered counts together with what is about to be.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What all plans together would change, beside what is there and what was ordered within the hour.
async fn ordered(
    context: &Context,
    planned: &[Planned],
    stored: &BTreeMap<String, u64>,
    links: &BTreeMap<String, u64>,
) -> Result<Ordered, StoreError> {
    let configuration = context.engine.world().configuration();
    let plans = planned.iter().map(|planned| planned.checked.plan());
    let is_privileged = |name: &str| configuration.entitlements.get(name).is_some_and(|known| known.privileged);
    let mut now = threshold::planned(plans, is_privileged);
    for account_type in configuration.account_types.keys() {
        let counts = now.entry(account_type.clone()).or_default();
        counts.stored = stored.get(account_type).copied().unwrap_or(0);
        counts.links_stored = links.get(account_type).copied().unwrap_or(0);
    }
    let since = context.engine.now().checked_sub(HOUR).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut within_the_hour: BTreeMap<String, ChangeCounts> = BTreeMap::new();
    for ((account_type, what), counted) in context.engine.store().threshold_use(since).await? {
        if let Some(what) = Change::ALL.into_iter().find(|known| known.name() == what) {
            what.put(within_the_hour.entry(account_type).or_default(), counted);
        }
    }
    Ok(Ordered { now, within_the_hour })
}

/// Whether the orders may be written.
async fn guard(
    context: &Context,
    progress: &Progress,
    scope: &TaskScope,
    ordered: &Ordered,
    planned: &[Planned],
    names: &HashMap<IdentityId, String>,
) -> Result<Way, StoreError> {
    let (trips, second_person) = ordered.check(&context.engine.world().configuration());
    let subject = subject(scope);
    let digest = || broker::approval::of_plans(planned.iter().map(|planned| planned.checked.plan()));
    let lines = || preview(planned, names);
    let so_far = "No order was written.";
    let intent = Intent { subject, trips, second_person, digest: &digest, lines: &lines, so_far };
    guard::judge(context, progress, intent).await
}

/// Steps of one run that concern different applications are stopped, and approved, each by itself.
fn subject(scope: &TaskScope) -> String {
    scope.applications.iter().flatten().fold("orders".to_owned(), |subject, name| format!("{subject} {name}"))
}

/// As the store keeps it.
fn hourly(used: &BTreeMap<String, ChangeCounts>) -> ThresholdUse {
    used.iter()
        .flat_map(|(account_type, counts)| {
            Change::ALL.map(|what| ((account_type.clone(), what.name().to_owned()), what.of(counts)))
        })
        .filter(|(_, counted)| *counted > 0)
        .collect()
}

/// As [`guard`], for an undo, which looks at few people. Answers what it uses up of the hour as well.
pub(crate) async fn guard_undo(
    context: &Context,
    progress: &Progress,
    planned: &[Planned],
    names: &HashMap<IdentityId, String>,
) -> Result<(Way, ThresholdUse), StoreError> {
    let (mut stored, mut links) = (BTreeMap::new(), BTreeMap::new());
    for (account_type, accounts, held) in context.engine.store().account_type_sizes().await? {
        stored.insert(account_type.clone(), accounts);
        links.insert(account_type, held);
    }
    let ordered = ordered(context, planned, &stored, &links).await?;
    let way = guard(context, progress, &TaskScope::default(), &ordered, planned, names).await?;
    Ok((way, hourly(&ordered.used())))
}

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

// ----------------------------------------------------------------------------------------------------- writing

/// What is written beside plans and orders.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) taken: Vec<Reservation>,
    /// Accounts that were found, and are now wanted.
    pub(crate) adopted: Vec<Account>,
    pub(crate) already: Vec<AssignmentStateChange>,
    /// Edits of values that are over, as the rules compute something else by now.
    pub(crate) ended: Vec<i64>,
    /// Orders that a person keeps back: what replaces one is kept back as well.
    pub(crate) held: HashMap<OrderId, StateReason>,
    /// What was undone: orders that do it again wait for a person.
    pub(crate) held_undone: Vec<Undone>,
    /// Rows of those that hold up nothing any more.
    pub(crate) ended_undone: Vec<i64>,
    /// What these orders take back.
    pub(crate) undone: Vec<Undone>,
    /// How these orders go, where not all at once.
    pub(crate) rings: Option<Rings>,
    /// On the strength of which approval the orders go beyond a threshold.
    pub(crate) approval: Option<RunBlockId>,
    /// What they use up of the rolling hour.
    pub(crate) used: ThresholdUse,
}

pub(crate) async fn write(
    context: &Context,
    planned: Vec<Planned>,
    extras: Extras,
    catalogue: &Catalogue,
) -> Result<usize, StoreError> {
    let (run, now) = (context.run, context.engine.now());
    let needed: usize = planned.iter().map(|planned| ids_needed(&planned.checked)).sum();
    let mut ids = context.engine.store().reserve_ids(needed).await?;
    let mut records = Vec::with_capacity(planned.len());
    let mut orders: Vec<Order> = Vec::new();
    let mut replaced: Vec<RecordedTransition> = Vec::new();
    let mut next = || ids.next().unwrap_or_default();
    for Planned { checked, leaver } in planned {
        let plan_id = PlanId(next());
        let partition_ids: Vec<PartitionId> = checked.partitions().iter().map(|_| PartitionId(next())).collect();
        let mut made = order::orders(
            &checked,
            catalogue,
            &mut std::iter::from_fn(|| Some(next())),
            plan_id,
            Some(run),
            &partition_ids,
            leaver,
            now,
        );
        for (request, order) in checked.plan().requests.iter().zip(&mut made) {
            undo::hold(order, &extras.held_undone);
            let hold = request.supersedes.iter().find_map(|old| extras.held.get(old));
            if let Some(hold) = hold.filter(|_| order.state == ProvisioningState::Pending) {
                // What held the old one before says nothing about the new one.
                let mut hold = hold.clone();
                if let StateReason::Held { before, .. } = &mut hold {
                    *before = order.reason.take().map(Box::new);
                }
                order.reason = Some(hold);
                order.fingerprint = fingerprint::of(order, order.state, order.reason.as_ref());
            }
        }
        replaced.extend(replacements(&checked, &made, context.engine.node(), now));
        orders.extend(made);
        let (mut plan, partitions) = checked.into_parts();
        // They are the items of the orders now, with their reasons: most of what a plan is, and written once.
        for request in &mut plan.requests {
            request.items = Vec::new();
        }
        records.push(PlanRecord {
            id: plan_id,
            run: Some(run),
            plan,
            partitions: partition_ids.into_iter().zip(partitions).collect(),
            created_at: now,
        });
    }
    let rings = extras.rings.as_ref().and_then(|limits| super::rings::arrange(run, &mut orders, limits));
    let Extras { taken, adopted, already: mut states, ended, ended_undone, undone, approval, used, .. } = extras;
    states.extend(orders.iter().flat_map(crate::record::assignment_states));
    let count = orders.len();
    let notices = crate::mails::notices::reviews(&context.engine, &orders);
    context
        .engine
        .store()
        .write(move |tx| {
            Box::pin(async move {
                guard::redeem(tx, approval, now).await?;
                let free = tx.reserve_values(&taken).await?;
                if free.contains(&false) {
                    return Err(StoreError::Conflict { constraint: VALUE_TAKEN.into() });
                }
                tx.insert_plans(&records).await?;
                if tx.record_transitions(&replaced).await?.contains(&false) {
                    return Err(StoreError::Conflict { constraint: SENT_MEANWHILE.into() });
                }
                tx.insert_orders(&orders).await?;
                if let Some((rings, members)) = &rings {
                    tx.start_rings(rings, members, now).await?;
                }
                if let Some(approval) = approval {
                    tx.bind_orders(run, approval, now).await?;
                }
                tx.add_threshold_use(run, &used, now).await?;
                tx.update_accounts(&adopted, now).await?;
                tx.insert_notices(&notices).await?;
                tx.end_value_edits(&ended, now).await?;
                tx.insert_undone(&undone).await?;
                tx.end_undone(&ended_undone, now).await?;
                tx.set_assignment_states(&states).await
            })
        })
        .await?;
    Ok(count)
}

/// Ids for the plan, its partitions, its orders and their items.
fn ids_needed(checked: &CheckedPlan) -> usize {
    1 + checked.partitions().len() + order::ids_needed(checked.plan())
}

/// Earlier orders, never sent, that the new ones replace or that nothing needs any more.
fn replacements(checked: &CheckedPlan, made: &[Order], actor: &str, at: jiff::Timestamp) -> Vec<RecordedTransition> {
    let plan = checked.plan();
    let inactive = |order: OrderId, reason: Option<StateReason>, message: String| RecordedTransition {
        order,
        fence: None,
        from: lifecycle::sources(Event::Supersede),
        to: ProvisioningState::Inactive,
        reason,
        fingerprint: None,
        repeats: 0,
        next_attempt_at: None,
        account: None,
        key: None,
        items: Vec::new(),
        answer: None,
        actor: actor.to_owned(),
        message,
        at,
    };
    let superseded = plan.requests.iter().zip(made).flat_map(|(request, order)| {
        request.supersedes.iter().map(|old| {
            inactive(
                *old,
                Some(StateReason::Superseded { order: order.id }),
                format!("Replaced by order {}.", order.id),
            )
        })
    });
    let withdrawn = plan.withdrawn.iter().map(|old| inactive(*old, None, "Nothing needs it any more.".into()));
    superseded.chain(withdrawn).collect()
}

// ----------------------------------------------------------------------------------------------------- preview

fn preview(planned: &[Planned], names: &HashMap<IdentityId, String>) -> Vec<PreviewLine> {
    planned
        .iter()
        .flat_map(|planned| {
            let plan = planned.checked.plan();
            let name = names.get(&plan.identity).cloned().unwrap_or_default();
            plan.requests.iter().map(move |request| PreviewLine {
                identity: Some(plan.identity),
                identity_name: name.clone(),
                application: request.application.clone(),
                account_type: request.account_type.clone(),
                operation: request.operation.name().into(),
                change: changes(request),
                why: if request.reasons.is_empty() { reasons(request) } else { super::compute::why(&request.reasons) },
                since_approval: None,
            })
        })
        .collect()
}

/// "userName: nothing → ann.lee; + Sales".
fn changes(request: &AccountRequest) -> String {
    if matches!(request.operation, Operation::Delete) {
        return "the account".into();
    }
    let items: Vec<String> = request
        .items
        .iter()
        .map(|item| match item.operation {
            ItemOperation::Set => format!(
                "{}: {} → {}",
                item.name,
                shown(item.current.as_ref(), item.secret),
                shown(item.value.as_ref(), item.secret)
            ),
            ItemOperation::Add => format!("+ {}", item.name),
            ItemOperation::Remove => format!("− {}", item.name),
        })
        .collect();
    items.join("; ")
}

fn reasons(request: &AccountRequest) -> String {
    let from_items: BTreeSet<String> = request
        .items
        .iter()
        .map(|item| if item.reasons.is_empty() { item.explanation.clone() } else { super::compute::why(&item.reasons) })
        .filter(|why| !why.is_empty())
        .collect();
    if from_items.is_empty() {
        request.explanation.clone()
    } else {
        from_items.into_iter().take(3).collect::<Vec<_>>().join("; ")
    }
}
