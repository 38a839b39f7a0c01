//! What planning has to know of people, their accounts and their orders, read at once; and the plan of one of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use broker::catalogue::Catalogue;
use broker::choice::AccountChoice;
use broker::conflict::{self, Conflict};
use broker::plan::PlanInput;
use broker::trigger::Life;
use broker::{edit, native_change, plan, reference};
use jiff::civil::Date;
use model::access::DesiredAccess;
use model::account::{Account, AccountStatus, Provenance};
use model::identity::{Identity, LifecycleState};
use model::ids::{AccountId, IdentityId, OrderId};
use model::job::TaskScope;
use model::native_change::NativeChange;
use model::order::{Order, ProvisioningState, StateReason, ValueEdit};
use model::plan::Plan;
use model::reconciliation::StandingMark;
use model::review::DeclinedChange;
use model::risk::AcceptedRisk;
use model::trigger::Trigger;
use store::{Reservation, StoreError};

use super::questions::Questions;
use super::risks::Risks;
use super::{Context, ReservedValues, name_and_department};
use crate::indirect::Holder;

/// All that planning needs, in one reading.
pub(super) struct Facts {
    /// None: everybody.
    pub(super) only: Option<BTreeSet<IdentityId>>,
    pub(super) names: HashMap<IdentityId, String>,
    pub(super) departments: HashMap<IdentityId, String>,
    /// How many people there are.
    pub(super) population: u64,
    pub(super) lives: HashMap<IdentityId, Life>,
    pub(super) accounts: HashMap<IdentityId, Vec<Account>>,
    pub(super) orders: HashMap<IdentityId, Vec<Order>>,
    pub(super) declined: HashMap<IdentityId, Vec<DeclinedChange>>,
    /// Native changes that stand, or are to be set back.
    pub(super) native: HashMap<IdentityId, Vec<NativeChange>>,
    pub(super) risks: Risks,
    /// What reconciliation says of what people hold.
    pub(super) marks: HashMap<IdentityId, Vec<StandingMark>>,
    pub(super) reserved: Vec<Reservation>,
    /// Values that people put in the place of computed ones, each with its id.
    pub(super) edits: HashMap<IdentityId, Vec<(i64, ValueEdit)>>,
    /// Those planned for, where values of their accounts come from others.
    pub(super) people: HashMap<IdentityId, Identity>,
    pub(super) day: Date,
    /// Accounts not gone, by account type.
    pub(super) stored: BTreeMap<String, u64>,
    pub(super) links: BTreeMap<String, u64>,
}

impl Facts {
    pub(super) async fn read(context: &mut Context, all_values: bool, today: Date) -> Result<Self, StoreError> {
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
            for (account_type, accounts, held) in context.account_type_sizes().await?.iter() {
                stored.insert(account_type.clone(), *accounts);
                links.insert(account_type.clone(), *held);
            }
        } else {
            for account in accounts.iter().filter(|account| account.status != AccountStatus::Gone) {
                *stored.entry(account.account_type.clone()).or_insert(0) += 1;
                *links.entry(account.account_type.clone()).or_insert(0) += account.entitlements.len() as u64;
            }
        }
        let mut reserved = Vec::new();
        if all_values {
            for application in context.live().configuration().applications.keys() {
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
        let mut native: HashMap<IdentityId, Vec<NativeChange>> = HashMap::new();
        for change in store.native_changes_to_plan_with(of.as_deref()).await? {
            if let Some(identity) = change.identity {
                native.entry(identity).or_default().push(change);
            }
        }
        let owners: HashMap<AccountId, IdentityId> =
            accounts.iter().filter_map(|account| Some((account.id, account.owner?))).collect();
        let mut marks: HashMap<IdentityId, Vec<StandingMark>> = HashMap::new();
        for mark in store.reconciliation_marks(of.as_deref(), today).await? {
            if let Some(owner) = owners.get(&mark.account) {
                marks.entry(*owner).or_default().push(mark);
            }
        }
        let people = match &only {
            Some(only) => {
                let ids: Vec<IdentityId> = only.iter().copied().collect();
                store.identities_by_id(&ids).await?
            }
            None => context.dry_identities().await?,
        };
        let mut risks = Risks::read(context, of.as_deref()).await?;
        if context.mode.dry_run {
            risks = risks.over(&accounts);
        }
        Ok(Self {
            lives: people.iter().map(|identity| (identity.id, Life::of(identity, today))).collect(),
            departments: people.iter().map(|identity| (identity.id, name_and_department(identity, today).1)).collect(),
            population: match &only {
                Some(_) => context.engine.world().with_population(|population| population.engine.len()) as u64,
                None => people.len() as u64,
            },
            names: people.iter().map(|identity| (identity.id, identity.display_name.clone())).collect(),
            people: match context.supposed.is_some() || context.live().catalogue.has_references() {
                true => people.into_iter().map(|identity| (identity.id, identity)).collect(),
                false => HashMap::new(),
            },
            day: today,
            accounts: by_owner(accounts),
            orders: by_identity(orders),
            declined,
            native,
            risks,
            marks,
            reserved,
            edits,
            stored,
            links,
            only,
        })
    }

    pub(super) fn ids(&self) -> Vec<IdentityId> {
        let mut ids: Vec<IdentityId> = match &self.only {
            Some(only) => only.iter().copied().collect(),
            None => self.names.keys().copied().collect(),
        };
        ids.sort_unstable();
        ids
    }

    /// The accounts of these ids in the applications that the task concerns, as adopted.
    pub(super) fn adopt(&self, ids: &[AccountId], scope: &TaskScope) -> Vec<Account> {
        let wanted: BTreeSet<&AccountId> = ids.iter().collect();
        self.accounts
            .values()
            .flatten()
            .filter(|account| wanted.contains(&account.id) && scope.has_application(&account.application))
            .map(|account| Account { provenance: Provenance::Adopted, ..account.clone() })
            .collect()
    }

    pub(super) fn edits_of(&self, identity: IdentityId) -> Vec<&ValueEdit> {
        self.edits.get(&identity).into_iter().flatten().map(|(_, edit)| edit).collect()
    }

    pub(super) fn edit_id(&self, edit: &ValueEdit) -> Option<i64> {
        self.edits.get(&edit.identity)?.iter().find(|(_, known)| known == edit).map(|(id, _)| *id)
    }

    /// Name and department.
    pub(super) fn describe(&self, identity: IdentityId) -> (String, String) {
        let of = |known: &HashMap<IdentityId, String>| known.get(&identity).cloned().unwrap_or_default();
        (of(&self.names), of(&self.departments))
    }

    pub(super) fn input<'a>(
        &'a self,
        access: &'a DesiredAccess,
        choices: &'a [AccountChoice],
        native: &'a [NativeChange],
    ) -> PlanInput<'a> {
        PlanInput {
            // What each order was set off by is decided when it is made.
            trigger: Trigger::IdentityRefresh,
            accounts: self.accounts_of(access.identity),
            open_orders: self.orders_of(access.identity),
            declined: self.declined_of(access.identity),
            native,
            marks: self.marks.get(&access.identity).map_or(&[], Vec::as_slice),
            choices,
            leaver: self.lives.get(&access.identity).is_some_and(|life| life.lifecycle == LifecycleState::Leaver),
            desired: access,
        }
    }

    /// The same with other risks.
    pub(super) fn judged_by(self, risks: Risks) -> Self {
        Self { risks, ..self }
    }

    /// With risks that may be brought about though they block.
    pub(super) fn overriding(self, overridden: &[AcceptedRisk]) -> Self {
        Self { risks: self.risks.with(overridden), ..self }
    }

    /// Reads what this access leads to, for the risks, before plans are made.
    pub(super) async fn follow(&mut self, desired: &[DesiredAccess]) -> Result<(), StoreError> {
        let accounts = &self.accounts;
        let of = |id: &IdentityId| accounts.get(id).map_or(&[][..], Vec::as_slice);
        let people: Vec<Holder<'_>> =
            desired.iter().map(|access| (access.assignments.as_slice(), of(&access.identity))).collect();
        self.risks.follow(&people).await
    }

    /// The plan for one identity, with what was decided on the way.
    pub(super) fn compile(
        &self,
        context: &Context,
        access: &mut DesiredAccess,
        questions: &mut Questions,
        catalogue: &Catalogue,
        values: &mut ReservedValues,
    ) -> Compiled {
        let accounts = self.accounts_of(access.identity);
        let conflicts = self.risks.conflicts(access, accounts, self.orders_of(access.identity));
        conflict::leave_out(access, &conflicts);
        let choices = questions.choose(context, access.identity, accounts);
        let live = context.live();
        let read = crate::references::reader(&live.model, self.people.get(&access.identity), self.day);
        let open_orders = self.orders_of(access.identity);
        let known = reference::Known { accounts, open_orders, choices: &choices, catalogue, read: &read };
        reference::stand_in(access, &known);
        questions.stand_in(access, accounts, &choices, catalogue);
        let edits = self.edits_of(access.identity);
        let over = edit::stand_in(access, &edits).into_iter().filter_map(|edit| self.edit_id(edit)).collect();
        let native = self.native_of(access, catalogue);
        let mut plan = plan::compile(&self.input(access, &choices, &native), catalogue, values);
        reference::explain(&mut plan, &known);
        edit::explain(&mut plan, &edits);
        conflict::explain(&mut plan, &conflicts, catalogue);
        questions.note(&mut plan, catalogue);
        Compiled { plan, over, choices, conflicts }
    }

    /// Why open orders are where they are.
    pub(super) fn reasons(&self) -> HashMap<OrderId, StateReason> {
        self.orders.values().flatten().filter_map(|order| Some((order.id, order.reason.clone()?))).collect()
    }

    /// Orders that a person keeps back, and why.
    pub(super) fn held(&self) -> HashMap<OrderId, StateReason> {
        let reason = |order: &Order| Some((order.id, order.reason.clone().filter(StateReason::is_hold)?));
        self.orders.values().flatten().filter_map(reason).collect()
    }

    /// Accounts that were found and become ours. Where the account type asks for a review, a person decides on what
    /// would change in such an account first.
    pub(super) fn adoptions(&self, input: &PlanInput<'_>, plan: &Plan, catalogue: &Catalogue) -> Vec<AccountId> {
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

    pub(super) fn all_native_of(&self, identity: IdentityId) -> &[NativeChange] {
        self.native.get(&identity).map_or(&[], Vec::as_slice)
    }

    /// Native changes that count in the identity's plan: without those in whose place something else is wanted by now.
    pub(super) fn native_of(&self, access: &DesiredAccess, catalogue: &Catalogue) -> Vec<NativeChange> {
        let all = self.all_native_of(access.identity).iter();
        all.filter(|change| !change.holds || !native_change::is_over(change, access, catalogue)).cloned().collect()
    }

    pub(super) fn declined_of(&self, identity: IdentityId) -> &[DeclinedChange] {
        self.declined.get(&identity).map_or(&[], Vec::as_slice)
    }

    pub(super) fn accounts_of(&self, identity: IdentityId) -> &[Account] {
        self.accounts.get(&identity).map_or(&[], Vec::as_slice)
    }

    pub(super) fn orders_of(&self, identity: IdentityId) -> &[Order] {
        self.orders.get(&identity).map_or(&[], Vec::as_slice)
    }
}

/// The plan for one identity.
pub(super) struct Compiled {
    pub(super) plan: Plan,
    /// Edits of values that are over.
    pub(super) over: Vec<i64>,
    /// The accounts that are meant where there are several.
    pub(super) choices: Vec<AccountChoice>,
    /// What would complete a risk: left out, or to be held.
    pub(super) conflicts: Vec<Conflict>,
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
