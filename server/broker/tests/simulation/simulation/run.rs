//! The tasks of a complete job, as `engine::tasks` walks them: take people over, take applications over and verify by
//! them, generate orders, fulfil, synchronize back. What a threshold stops is what was read: it is staged with the run, and not
//! read once more when the run goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use broker::correlate::{Correlation, CorrelationIndex, correlate};
use broker::lifecycle::{self, Event};
use broker::plan::{PlanInput, Values};
use broker::{approval, check, order, partition, plan, rings, settle, synchronize, threshold};
use jiff::Timestamp;
use model::account::{Account, AccountStatus, ObservedAccount, Provenance};
use model::configuration::{Limit, Thresholds};
use model::feed::{ChangeCounts, FeedIdentity};
use model::identity::Identity;
use model::ids::{AccountId, IdentityId, OrderId, PartitionId, PlanId, RunBlockId, RunId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::Plan;
use model::trigger::Trigger;
use model::value::Value;

use super::bugs::{self, PlantedBug};
use super::company::{self, DELETIONS, SOURCE};
use super::gates::{APPROVAL_VOID, Way};
use super::node::{LEASE, Node, Step};
use super::scheduler::SECOND;
use super::store::{Cause, RunState, StoredRun, Transition, Tx};
use super::{Refused, invariants};

const TASKS: usize = 5;

/// What a block of a run's orders is about.
pub(crate) const ORDERS: &str = "orders";

/// A reading of an application: what an order's verification rests on.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) application: &'static str,
    pub(crate) accounts: BTreeMap<String, ObservedAccount>,
}

/// How a task ended.
enum End {
    Done,
    /// A threshold stopped it before its first effect, or a ring that is not healthy.
    Blocked,
    /// Its approval was replaced meanwhile: it is judged anew.
    Again,
    /// The run is another node's by now.
    Lost,
}

impl Node {
    /// Takes queued runs, and runs whose node died, one after another.
    pub(crate) async fn runner(self) {
        loop {
            let pause = self.sim.with(|world| world.chance.between(2 * SECOND, 12 * SECOND));
            self.sim.sleep(pause).await;
            let is_worth_it = self.sim.with(|world| world.store.current.runs.values().any(|run| run.state.is_active()));
            if !is_worth_it {
                continue;
            }
            let (name, now, until) = (self.name(), self.now(), self.after(LEASE));
            if let Ok(Some((id, run))) = self.write(|tx| tx.claim_run(&name, now, until)).await {
                self.carry_out_run(id, run).await;
            }
        }
    }

    async fn carry_out_run(&self, id: RunId, run: StoredRun) {
        for task in run.task..TASKS {
            let end = match task {
                0 => self.take_people_over(id).await,
                1 => self.take_applications_over(id).await,
                2 => self.generate(id).await,
                3 => self.fulfil_in_rings(id).await,
                _ => {
                    self.poll_executors().await;
                    self.take_applications_over(id).await
                }
            };
            let (state, done) = match end {
                End::Lost | End::Again => return,
                End::Blocked => (RunState::Blocked, task),
                End::Done if task + 1 == TASKS => (RunState::Finished, TASKS),
                End::Done => (RunState::Running, task + 1),
            };
            let written = self
                .write_of_run(id, |tx| {
                    tx.change_run(id, |run| (run.state, run.task) = (state, done));
                    Ok(())
                })
                .await;
            if written.is_err() || state != RunState::Running {
                return;
            }
        }
    }

    /// Delivers ring by ring, as long as each is healthy.
    async fn fulfil_in_rings(&self, run: RunId) -> End {
        loop {
            self.fulfil().await;
            if !self.read(|state| state.runs.values().any(|run| run.rings.is_some())).await {
                return End::Done;
            }
            // Read back first: what went is healthy once it was seen.
            self.poll_executors().await;
            for application in company::APPLICATIONS.into_iter().filter(|application| *application != "badge") {
                if let Some((reading, at)) = self.reading(application).await {
                    self.verify(&reading, at).await;
                }
            }
            match self.advance_rings(run).await {
                (_, true) => return End::Blocked,
                (true, false) => {}
                (false, false) => return End::Done,
            }
        }
    }

    /// A transaction of a run: taken only while this node has the run.
    pub(super) async fn write_of_run<T>(
        &self,
        run: RunId,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, Refused>,
    ) -> Result<T, &'static str> {
        let (name, until) = (self.name(), self.after(LEASE));
        self.write(|tx| {
            tx.hold_run(run, &name, until)?;
            work(tx)
        })
        .await
    }

    // -------------------------------------------------------------------------------------------------- people

    async fn take_people_over(&self, run: RunId) -> End {
        loop {
            self.step().await;
            match self.take_feed_over(run).await {
                Ok(()) => return End::Done,
                Err(End::Again) => {}
                Err(end) => return end,
            }
        }
    }

    async fn take_feed_over(&self, run: RunId) -> Result<(), End> {
        let staged = self.read(|state| state.runs[&run].feed.clone()).await;
        let feed: Vec<FeedIdentity> = match staged {
            Some(staged) => staged.as_ref().clone(),
            None => {
                let feed: Vec<FeedIdentity> = self.sim.with(|world| {
                    world.people.iter().filter(|person| person.is_listed).map(|person| person.row()).collect()
                });
                let staged = Rc::new(feed.clone());
                let stage = |tx: &mut Tx<'_>| {
                    tx.change_run(run, |run| run.feed = Some(staged));
                    Ok(())
                };
                self.write_of_run(run, stage).await.map_err(ended)?;
                feed
            }
        };
        let stored: Vec<Rc<Identity>> = self.read(|state| state.identities.values().cloned().collect()).await;
        let changes = synchronize::identities(stored.iter().map(Rc::as_ref), feed, SOURCE, true);
        let limit = Some(Limit { count: DELETIONS, percent: 0 });
        let thresholds = Thresholds { deleted: limit, ..Thresholds::default() };
        let lines = || {
            let inserted = changes.inserted.iter().map(|row| format!("{row:?}"));
            inserted
                .chain(changes.updated.iter().chain(&changes.deleted).map(|changed| format!("{changed:?}")))
                .collect()
        };
        let approval = self.gate(run, "source:personnel", self.exceeds(&changes.counts, &thresholds), lines).await?;
        let ids = self.reserve_ids(changes.inserted.len()).await;
        let mut written: Vec<Identity> =
            changes.inserted.into_iter().zip(ids).map(|(row, id)| identity(row, id)).collect();
        written.extend(changes.updated);
        written.extend(changes.deleted);
        let write = |tx: &mut Tx<'_>| {
            redeem(tx, run, approval)?;
            tx.change_run(run, |run| run.feed = None);
            tx.put_identities(&written)
        };
        self.write_of_run(run, write).await.map_err(ended)
    }

    /// The approval that what is about to happen needs, where it exceeds a limit.
    async fn gate(
        &self,
        run: RunId,
        subject: &str,
        exceeds: bool,
        lines: impl FnOnce() -> Vec<String>,
    ) -> Result<Option<RunBlockId>, End> {
        if !exceeds {
            return Ok(None);
        }
        let digest = approval::of_changes(subject, lines());
        self.way(run, subject, &digest).await
    }

    async fn way(&self, run: RunId, subject: &str, digest: &str) -> Result<Option<RunBlockId>, End> {
        match self.judge(run, subject, digest).await {
            Way::Approved(block) => Ok(Some(block)),
            Way::Blocked => Err(End::Blocked),
            Way::Lost => Err(End::Lost),
        }
    }

    fn exceeds(&self, counts: &ChangeCounts, thresholds: &Thresholds) -> bool {
        let mut counts = *counts;
        if self.sim.is_planted(PlantedBug::OneMoreThanTheLimit) {
            counts.deleted = counts.deleted.saturating_sub(1);
        }
        !threshold::check(&counts, thresholds, &threshold::Defaults::STANDARD).is_empty()
    }

    // -------------------------------------------------------------------------------------------- applications

    async fn take_applications_over(&self, run: RunId) -> End {
        for application in company::APPLICATIONS {
            if application == "badge" {
                continue;
            }
            let (reading, at) = match self.staged(run, application).await {
                Ok(Some(staged)) => staged,
                Ok(None) => continue,
                Err(end) => return end,
            };
            match self.take_over(run, &reading, at).await {
                Ok(()) => self.verify(&reading, at).await,
                Err(end) => return end,
            }
        }
        End::Done
    }

    /// What this run has read of the application, or reads now.
    async fn staged(&self, run: RunId, application: &'static str) -> Result<Option<(Rc<Evidence>, Timestamp)>, End> {
        if let Some(staged) = self.read(|state| state.runs[&run].readings.get(application).cloned()).await {
            return Ok(Some(staged));
        }
        let Some(reading) = self.reading(application).await else { return Ok(None) };
        let staged = reading.clone();
        let stage = |tx: &mut Tx<'_>| {
            tx.change_run(run, |run| {
                run.readings.insert(application, staged);
            });
            Ok(())
        };
        self.write_of_run(run, stage).await.map_err(ended)?;
        Ok(Some(reading))
    }

    /// What the application holds, and when it was asked; nothing where it does not say.
    async fn reading(&self, application: &'static str) -> Option<(Rc<Evidence>, Timestamp)> {
        let at = self.now();
        let accounts = match self.connector(application).accounts().await {
            Ok(accounts) => accounts,
            // A reading that failed says nothing; taken for a short one it says that people lost their accounts.
            Err(_) if self.sim.is_planted(PlantedBug::FailedReadingIsEmpty) => Vec::new(),
            Err(_) => return None,
        };
        let accounts = accounts.into_iter().map(|account| (account.key.clone(), account)).collect();
        Some((Rc::new(Evidence { application, accounts }), at))
    }

    async fn take_over(&self, run: RunId, reading: &Evidence, at: Timestamp) -> Result<(), End> {
        let application = reading.application;
        loop {
            let stored: Vec<Account> = self
                .read(|state| {
                    let own = state.accounts.values().filter(|account| account.application == application);
                    own.map(|account| account.as_ref().clone()).collect()
                })
                .await;
            // What was changed after it was read is known better than the reading says.
            let newer = self.read(|state| state.accounts_changed_since(application, at)).await;
            let better: BTreeSet<&str> = stored
                .iter()
                .filter(|account| newer.contains(&account.id))
                .map(|account| account.key.as_str())
                .collect();
            let observed = reading.accounts.values().filter(|account| !better.contains(account.key.as_str())).cloned();
            let observed: Vec<ObservedAccount> = observed.collect();
            let compared: Vec<Account> =
                stored.iter().filter(|account| !newer.contains(&account.id)).cloned().collect();
            let changes = synchronize::accounts(&compared, observed, application, at);
            let thresholds = self.sim.with(|world| world.configuration.applications[application].thresholds.clone());
            let lines = || {
                let inserted = changes.inserted.iter().map(|account| format!("{account:?}"));
                let changed = changes.updated.iter().chain(&changes.gone);
                // When it was seen changes nothing.
                let changed = changed.map(|account| format!("{:?}", Account { observed_at: None, ..account.clone() }));
                inserted.chain(changed).collect()
            };
            let subject = format!("application:{application}");
            let approval = self.gate(run, &subject, self.exceeds(&changes.counts, &thresholds), lines).await?;
            let owners = self.owners(application, &changes.inserted).await;
            let ids = self.reserve_ids(changes.inserted.len()).await;
            let inserted: Vec<Account> = changes
                .inserted
                .into_iter()
                .zip(ids)
                .map(|(account, id)| found(account, AccountId(id), application, &owners, at))
                .collect();
            let values: Vec<_> = inserted.iter().filter_map(unique_value).collect();
            let mut updated = changes.updated;
            updated.extend(changes.gone);
            let written = self
                .write_of_run(run, |tx| {
                    redeem(tx, run, approval)?;
                    tx.change_run(run, |run| {
                        run.readings.remove(application);
                    });
                    tx.insert_accounts(&inserted)?;
                    tx.update_accounts(&updated)?;
                    tx.reserve_values(&values)
                })
                .await;
            match written {
                Ok(_) => return Ok(()),
                // The answer to an order has just put one of these on record: it is not new any more.
                Err("account_key_once" | APPROVAL_VOID) => {}
                Err(_) => return Err(End::Lost),
            }
        }
    }

    async fn owners(&self, application: &str, accounts: &[ObservedAccount]) -> BTreeMap<String, IdentityId> {
        if accounts.is_empty() {
            return BTreeMap::new();
        }
        let keys: Vec<_> = self
            .read(|state| {
                state.identities.values().map(|identity| (identity.id, company::correlation_keys(identity))).collect()
            })
            .await;
        let takes_the_first = self.sim.is_planted(PlantedBug::AmbiguousOwnerIsDrawn);
        self.sim.with(|world| {
            let rules = &world.configuration.account_types[application].correlation;
            let index = CorrelationIndex::new(rules, keys);
            let owner = |account: &ObservedAccount| match correlate(&account.key, &account.attributes, &index, &[]) {
                Correlation::Owner { identity, .. } => Some(identity),
                Correlation::Review(candidates) if takes_the_first => candidates.first().map(|first| first.identity),
                _ => None,
            };
            accounts.iter().filter_map(|account| Some((account.key.clone(), owner(account)?))).collect()
        })
    }

    /// Compares executed orders with what the application now holds.
    async fn verify(&self, reading: &Rc<Evidence>, at: Timestamp) {
        let orders: Vec<Order> = self
            .read(|state| {
                let mut orders = state.orders_in(reading.application, ProvisioningState::Executed);
                orders.extend(state.orders_in(reading.application, ProvisioningState::Transmitted));
                for waiting in [ProvisioningState::Pending, ProvisioningState::AwaitingApproval] {
                    orders.extend(state.orders_in(reading.application, waiting));
                }
                orders.extend(state.orders_in(reading.application, ProvisioningState::Errored));
                let mut given_up = state.orders_in(reading.application, ProvisioningState::Inactive);
                given_up.retain(|order| order.attempts > 0 && order.account.is_some());
                orders.extend(given_up);
                orders
            })
            .await;
        let find = |order: &Order| order.key.as_ref().and_then(|key| reading.accounts.get(key));
        let settled = settle::verify_all(&orders, find, true, at);
        let steps = settled.into_iter().filter_map(|(position, mut settled)| {
            if self.sim.is_planted(PlantedBug::VerifiedUnseen) && settled.to == ProvisioningState::Errored {
                settled.to = ProvisioningState::Verified;
            }
            let cause = Cause::Verified(reading.clone());
            Some(Step { order: orders.get(position)?.clone(), settled, cause, work_item: None })
        });
        self.record(steps.collect()).await;
    }

    // ------------------------------------------------------------------------------------------------ generate

    async fn generate(&self, run: RunId) -> End {
        loop {
            let planned = self.plan_everybody().await;
            let approval = match self.approval_of(run, &planned).await {
                Ok(approval) => approval,
                Err(end) => return end,
            };
            match self.write_plans(run, planned, approval).await {
                Ok(()) => return End::Done,
                // Somebody was quicker: a value was taken, an order that was to be replaced has been sent, or the approval
                // was replaced.
                Err("reserved_value_key" | "order_sent_meanwhile" | APPROVAL_VOID) => {}
                Err(_) => return End::Lost,
            }
        }
    }

    /// What lets these plans through, where their limits do not.
    async fn approval_of(&self, run: RunId, planned: &Planned) -> Result<Option<RunBlockId>, End> {
        if planned.is_within_limits {
            return Ok(None);
        }
        let digest = approval::of_plans(planned.plans.iter().map(|(checked, _)| checked.plan()));
        self.way(run, ORDERS, &digest).await
    }

    /// All plans, checked one by one and their thresholds together.
    async fn plan_everybody(&self) -> Planned {
        // Orders first: what is done in between then shows on the account as well, rather than on neither.
        let orders = self.read(|state| state.open_orders()).await;
        let accounts: Vec<Account> =
            self.read(|state| state.accounts.values().map(|account| account.as_ref().clone()).collect()).await;
        let (identities, roles, reserved) =
            self.read(|state| (state.identities.clone(), state.roles.clone(), state.reserved.clone())).await;
        let mut planned = Planned::default();
        let mut values = Reserved {
            known: reserved.as_ref().clone(),
            taken: Vec::new(),
            all_free: self.sim.is_planted(PlantedBug::ReservationsAreForgotten),
        };
        for identity in identities.values() {
            let desired = company::desired(identity, &roles);
            let own_accounts: Vec<Account> =
                accounts.iter().filter(|account| account.owner == Some(identity.id)).cloned().collect();
            let own_orders: Vec<Order> = orders.iter().filter(|order| order.identity == identity.id).cloned().collect();
            let input = PlanInput {
                trigger: Trigger::IdentityRefresh,
                desired: &desired,
                accounts: &own_accounts,
                open_orders: &own_orders,
                declined: &[],
                native: &[],
                marks: &[],
                choices: &[],
                leaver: !identity.present,
            };
            let seen = bugs::mutate_accounts(&self.sim, &own_accounts);
            let mut plan = plan::compile(&PlanInput { accounts: &seen, ..input }, &self.catalogue, &mut values);
            bugs::mutate_plan(&self.sim, &input, &mut plan);
            self.sim.with(|world| invariants::planned(world, &input, &plan));
            let adopted = plan::adoptions(&input);
            let adopted = own_accounts.iter().filter(|account| adopted.contains(&account.id));
            planned
                .adopted
                .extend(adopted.map(|account| Account { provenance: Provenance::Adopted, ..account.clone() }));
            if plan::is_empty(&plan) {
                continue;
            }
            let partitions = partition::split(&plan, &self.catalogue);
            match check::check(plan, partitions) {
                Ok(checked) => planned.plans.push((checked, input.leaver)),
                Err(findings) => self.sim.with(|world| {
                    invariants::broken(world, "R2", format!("a plan is refused by its checker: {findings:?}"));
                }),
            }
        }
        planned.taken = values.taken;
        planned.is_within_limits = self.is_within_limits(&planned, &accounts);
        planned
    }

    fn is_within_limits(&self, planned: &Planned, accounts: &[Account]) -> bool {
        let of_one_by_one = self.sim.is_planted(PlantedBug::ThresholdPerPerson);
        let is_within = |plans: &[&Plan]| {
            threshold::planned(plans.iter().copied(), |_| false).into_iter().all(|(account_type, mut counts)| {
                let own = || {
                    let there = accounts.iter().filter(|account| account.status != AccountStatus::Gone);
                    there.filter(|account| account.account_type == account_type)
                };
                counts.stored = own().count() as u64;
                counts.links_stored = own().map(|account| account.entitlements.len() as u64).sum();
                let thresholds =
                    self.sim.with(|world| world.configuration.account_types[&account_type].thresholds.clone());
                !self.exceeds(&counts, &thresholds)
            })
        };
        let plans: Vec<&Plan> = planned.plans.iter().map(|(checked, _)| checked.plan()).collect();
        if of_one_by_one { plans.iter().all(|plan| is_within(&[plan])) } else { is_within(&plans) }
    }

    async fn write_plans(
        &self,
        run: RunId,
        planned: Planned,
        approval: Option<RunBlockId>,
    ) -> Result<(), &'static str> {
        let now = self.now();
        let needed = |checked: &check::CheckedPlan| 1 + checked.partitions().len() + order::ids_needed(checked.plan());
        let mut ids = self.reserve_ids(planned.plans.iter().map(|(checked, _)| needed(checked)).sum()).await;
        let mut next = || ids.next().unwrap();
        let mut records = Vec::new();
        let mut orders: Vec<Order> = Vec::new();
        let mut replaced: Vec<Transition> = Vec::new();
        for (checked, leaver) in &planned.plans {
            let plan_id = PlanId(next());
            let partitions: Vec<PartitionId> = checked.partitions().iter().map(|_| PartitionId(next())).collect();
            let mut numbers = std::iter::from_fn(|| Some(next()));
            let trigger = checked.plan().trigger;
            let mut made = order::orders(
                checked,
                &self.catalogue,
                &mut numbers,
                plan_id,
                Some(run),
                &partitions,
                *leaver,
                &|_| (trigger, trigger.usual_priority()),
                now,
            );
            bugs::mutate_orders(&self.sim, &mut made);
            replaced.extend(replacements(checked.plan(), &made, &self.name(), now));
            orders.extend(made);
            records.push((plan_id, checked.plan().clone()));
        }
        let limits = self.sim.with(|world| world.rings.clone());
        let (rings, members) = limits.and_then(|limits| rings::arrange(run, &mut orders, &limits)).unzip();
        let members = members.unwrap_or_default().into_iter().collect();
        let Planned { taken, adopted, .. } = planned;
        let lets_it_pass = self.sim.is_planted(PlantedBug::ReplacedAlthoughSent);
        self.write_of_run(run, |tx| {
            redeem(tx, run, approval)?;
            if tx.reserve_values(&taken)?.contains(&false) {
                return Err(Refused::Conflict("reserved_value_key"));
            }
            for (id, record) in records {
                tx.put_plan(id, record)?;
            }
            if tx.record_transitions(&replaced)?.contains(&false) && !lets_it_pass {
                return Err(Refused::Conflict("order_sent_meanwhile"));
            }
            tx.insert_orders(&orders, &members)?;
            tx.change_run(run, |run| run.rings = rings);
            tx.update_accounts(&adopted)
        })
        .await
    }
}

#[derive(Default)]
struct Planned {
    plans: Vec<(check::CheckedPlan, bool)>,
    taken: Vec<((String, String, String), IdentityId)>,
    adopted: Vec<Account>,
    is_within_limits: bool,
}

/// Uses an approval up, in the transaction that writes what it was given for.
fn redeem(tx: &mut Tx<'_>, run: RunId, approval: Option<RunBlockId>) -> Result<(), Refused> {
    match approval {
        Some(block) if !tx.use_approval(run, block)? => Err(Refused::Conflict(APPROVAL_VOID)),
        _ => Ok(()),
    }
}

fn ended(refused: &'static str) -> End {
    if refused == APPROVAL_VOID { End::Again } else { End::Lost }
}

/// Values of unique attributes that are taken, and those taken while planning.
struct Reserved {
    known: BTreeMap<(String, String, String), IdentityId>,
    taken: Vec<((String, String, String), IdentityId)>,
    all_free: bool,
}

impl Values for Reserved {
    fn take(&mut self, application: &str, attribute: &str, value: &str, identity: IdentityId) -> bool {
        let key = (application.to_owned(), attribute.to_owned(), value.to_lowercase());
        match self.known.get(&key) {
            _ if self.all_free => true,
            Some(owner) => *owner == identity,
            None => {
                self.known.insert(key.clone(), identity);
                self.taken.push((key, identity));
                true
            }
        }
    }
}

/// Earlier orders, never sent, that the new ones replace or that nothing needs any more.
fn replacements(plan: &Plan, made: &[Order], actor: &str, at: Timestamp) -> Vec<Transition> {
    let inactive = |order: OrderId, reason: Option<StateReason>| Transition {
        order,
        fence: None,
        from: lifecycle::sources(Event::Supersede),
        to: ProvisioningState::Inactive,
        reason,
        next_attempt_at: None,
        account: None,
        key: None,
        items: Vec::new(),
        answer: None,
        actor: actor.to_owned(),
        cause: Cause::Replaced,
        at,
    };
    let superseded = plan.requests.iter().zip(made).flat_map(|(request, order)| {
        request.supersedes.iter().map(|old| inactive(*old, Some(StateReason::Superseded { order: order.id })))
    });
    superseded.chain(plan.withdrawn.iter().map(|old| inactive(*old, None))).collect()
}

fn identity(row: FeedIdentity, id: i64) -> Identity {
    Identity {
        id: IdentityId(id),
        source: SOURCE.to_owned(),
        key: row.key,
        display_name: row.display_name,
        attributes: row.attributes,
        contexts: row.contexts,
        manager_key: row.manager_key,
        present: true,
    }
}

fn found(
    account: ObservedAccount,
    id: AccountId,
    application: &str,
    owners: &BTreeMap<String, IdentityId>,
    at: Timestamp,
) -> Account {
    Account {
        id,
        application: application.to_owned(),
        account_type: application.to_owned(),
        owner: owners.get(&account.key).copied(),
        status: if account.enabled { AccountStatus::Enabled } else { AccountStatus::Disabled },
        provenance: Provenance::Found,
        key: account.key,
        attributes: account.attributes,
        entitlements: account.entitlements,
        observed_at: Some(at),
    }
}

/// The login that a found account already uses, so that nobody is given it again.
fn unique_value(account: &Account) -> Option<((String, String, String), IdentityId)> {
    let login = account.attributes.get("login").map(Value::to_string)?.to_lowercase();
    Some(((account.application.clone(), "login".to_owned(), login), account.owner?))
}
