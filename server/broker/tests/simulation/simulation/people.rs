//! People: those who join, move and leave, those who change the role model, and those who work with the product: they
//! review, retry, cancel, let runs through or not, and carry out what is worked by hand.

use broker::lifecycle::{self, Event};
use broker::order;
use model::account::Mechanism;
use model::command::{Applied, CommandError, Outcome};
use model::ids::{OrderId, RunId, WorkItemId};
use model::order::{ErrorClass, Order, ProvisioningState, StateReason};
use model::plan::Operation;
use model::value::Value;
use model::work_item::WorkItemState;

use super::applications::Reply;
use super::bugs;
use super::company::{DEPARTMENTS, Person};
use super::gates;
use super::node::{Node, Step};
use super::scheduler::{MINUTE, SECOND, Sim, timestamp};
use super::store::{Cause, Refused, RunState, Transition};
use super::{World, invariants};

/// What the world outside does while there is trouble: people come, move and go; rules change; runs are started.
pub(crate) async fn life(sim: Sim) {
    loop {
        let wait = sim.with(|world| world.chance.between(6 * MINUTE, 30 * MINUTE));
        sim.sleep(wait).await;
        if !sim.with(|world| world.is_troubled) {
            return;
        }
        sim.with(happen);
    }
}

fn happen(world: &mut World) {
    let count = world.people.len();
    let any = world.chance.below(count);
    match world.chance.below(12) {
        0 if count < 12 => {
            let person = someone(world, count);
            world.people.push(person);
        }
        0..=2 => world.people[any].is_listed = false,
        3 | 4 => world.people[any].is_listed = true,
        5..=7 => {
            let department = DEPARTMENTS[world.chance.below(DEPARTMENTS.len())];
            department.clone_into(&mut world.people[any].department);
        }
        // A mistake in the source: half of the company is missing, until somebody notices.
        8 => {
            for position in 0..count {
                if world.chance.permille(500) {
                    world.people[position].is_listed = false;
                }
            }
        }
        9 => {
            for person in &mut world.people {
                person.is_listed = true;
            }
        }
        _ => {
            let mut roles = world.store.current.roles.as_ref().clone();
            roles.change(&mut world.chance);
            let _ = world.transaction(None, |tx| tx.set_roles(roles));
        }
    }
}

/// Somebody new; some share their name with somebody else.
pub(crate) fn someone(world: &mut World, number: usize) -> Person {
    const NAMES: [&str; 5] = ["Ada", "Grace", "Edsger", "Barbara", "Tony"];
    Person {
        key: format!("e{number}"),
        name: NAMES[world.chance.below(NAMES.len())].to_owned(),
        department: DEPARTMENTS[world.chance.below(DEPARTMENTS.len())].to_owned(),
        is_listed: true,
    }
}

/// Runs are started by a schedule, and let through or not where a threshold stops them.
pub(crate) async fn schedule(sim: Sim) {
    loop {
        let wait = sim.with(|world| world.chance.between(5 * MINUTE, 20 * MINUTE));
        sim.sleep(wait).await;
        if !sim.with(|world| world.is_troubled) {
            return;
        }
        sim.with(|world| {
            let blocked = world.store.current.runs.iter().find(|(_, run)| run.state == RunState::Blocked);
            if let Some(id) = blocked.map(|(id, _)| *id) {
                let lets_through = world.chance.permille(500);
                decide_on(world, id, lets_through);
            } else {
                queue_run(world);
            }
        });
    }
}

/// Starts a run, unless one is under way.
pub(crate) fn queue_run(world: &mut World) {
    let id = RunId(world.store.reserve_ids(1).start);
    let _ = world.transaction(None, |tx| tx.queue_run(id));
}

/// Lets a run go on that was stopped, or ends it.
pub(crate) fn decide_on(world: &mut World, id: RunId, lets_through: bool) {
    if world.store.current.runs.values().any(|run| run.state.is_active()) {
        return;
    }
    let now = timestamp(world.desk.now);
    let _ = world.transaction(None, |tx| gates::decide(tx, id, lets_through, now));
}

/// An operator looks at orders now and then, and decides on one of them.
pub(crate) async fn operator(sim: Sim) {
    loop {
        let wait = sim.with(|world| world.chance.between(30 * SECOND, 10 * MINUTE));
        sim.sleep(wait).await;
        if !sim.with(|world| world.is_troubled) {
            return;
        }
        let decision = sim.with(|world| {
            let orders: Vec<(OrderId, ProvisioningState)> =
                world.store.current.open_orders().iter().map(|order| (order.id, order.state)).collect();
            let (order, state) = world.chance.pick(&orders)?;
            let event = match (state, world.chance.below(10)) {
                (ProvisioningState::AwaitingApproval, 0..=6) => Event::Approve,
                (ProvisioningState::AwaitingApproval, 7 | 8) => Event::Decline,
                (ProvisioningState::Errored, 0..=6) | (ProvisioningState::Executed, 0) => Event::RetryNow,
                (ProvisioningState::Pending, 0) => Event::RetryNow,
                (ProvisioningState::Errored | ProvisioningState::Pending | ProvisioningState::AwaitingApproval, 9)
                | (ProvisioningState::Transmitted, _) => Event::Cancel,
                _ => return None,
            };
            Some((world.any_node()?, order, event))
        });
        if let Some((node, order, event)) = decision {
            let node = sim.with(|world| world.node(&sim, node));
            sim.start(Some(node.index), async move { node.act(order, event).await });
        }
    }
}

/// In a divided company somebody gives to people what does not get through to an application.
pub(crate) async fn helper(sim: Sim) {
    while sim.with(|world| world.is_troubled) {
        let wait = sim.with(|world| world.chance.between(5 * SECOND, 30 * SECOND));
        sim.sleep(wait).await;
        let decision = sim.with(|world| {
            let is_change = |operation| matches!(operation, Operation::Update | Operation::Enable | Operation::Disable);
            let does_not_go = |order: &&Order| {
                order.mechanism == Mechanism::Direct
                    && is_change(order.operation)
                    && (order.state == ProvisioningState::Errored
                        || order.state == ProvisioningState::Pending && order.attempts > 0)
            };
            let open = world.store.current.open_orders();
            let orders: Vec<OrderId> = open.iter().filter(does_not_go).map(|order| order.id).collect();
            Some((world.any_node()?, world.chance.pick(&orders)?))
        });
        if let Some((node, order)) = decision {
            let node = sim.with(|world| world.node(&sim, node));
            sim.start(Some(node.index), async move { node.act(order, Event::SendToManual).await });
        }
    }
}

/// Carries out by hand what is among the work items. Not everybody does what they report, and some cannot.
pub(crate) async fn fulfiller(sim: Sim) {
    loop {
        let wait = sim.with(|world| world.chance.between(MINUTE, 8 * MINUTE));
        sim.sleep(wait).await;
        let work = sim.with(|world| {
            let items = world.store.current.work_items.iter();
            let open: Vec<WorkItemId> =
                items.filter(|(_, item)| item.state == WorkItemState::Open).map(|(id, _)| *id).collect();
            Some((world.any_node()?, open))
        });
        let Some((node, open)) = work else { continue };
        for id in open {
            // With more to do, people leave what they were given for long.
            let leaves = |world: &mut World| world.is_divided && world.chance.permille(world.troubled(750));
            if sim.with(leaves) {
                continue;
            }
            let (is_done, is_able, reports) = sim.with(|world| {
                let lies = world.troubled(30);
                let cannot = world.troubled(50);
                let forgets = world.troubled(100);
                let chance = &mut world.chance;
                (!chance.permille(lies), !chance.permille(cannot), !chance.permille(forgets))
            });
            let answer = if !is_able {
                Err(CommandError::new(ErrorClass::Declined, "It cannot be done."))
            } else if is_done {
                by_hand(&sim, id)
            } else {
                Ok(Outcome::Applied(Applied::default()))
            };
            if reports {
                let node = sim.with(|world| world.node(&sim, node));
                sim.start(Some(node.index), async move { node.report(id, answer).await });
            }
        }
    }
}

fn by_hand(sim: &Sim, id: WorkItemId) -> Result<Outcome, CommandError> {
    let command = sim.with(|world| {
        let item = &world.store.current.work_items[&id];
        order::command(&world.store.current.orders[&item.order].order, &world.catalogue, false)
    });
    let name = command.application.clone();
    let reply = sim.with(|world| {
        let now = world.desk.now;
        let application = world.applications.get_mut(name.as_str()).unwrap();
        let (reply, effect) = application.carry_out(now, &mut world.chance, &command);
        if let Some(effect) = effect {
            invariants::effect(world, effect);
        }
        reply
    });
    match reply {
        Reply::Done { .. } => Ok(Outcome::Applied(Applied::default())),
        Reply::NotFound => Err(CommandError::new(ErrorClass::NotFound, "There is no such account.")),
        _ => Err(CommandError::new(ErrorClass::Declined, "That login is taken.")),
    }
}

impl Node {
    /// Applies an operator's decision, or refuses it; as `engine::orders` does.
    pub(crate) async fn act(&self, id: OrderId, event: Event) {
        let order = self.read(|state| state.orders.get(&id).map(|stored| stored.order.clone())).await;
        let Some(order) = order else { return };
        let to = match lifecycle::advance(order.state, event) {
            Ok(to) => to,
            Err(_) => match bugs::mutated_sources(&self.sim, event, order.state) {
                Some(to) => to,
                None => return,
            },
        };
        let now = self.now();
        let transition = Transition {
            order: id,
            fence: None,
            from: vec![order.state],
            to,
            reason: None,
            next_attempt_at: (to == ProvisioningState::Pending).then_some(now),
            account: None,
            key: None,
            items: order
                .items
                .iter()
                .filter(|item| item.state != ProvisioningState::Verified)
                .map(|item| (item.id, to, None))
                .collect(),
            answer: None,
            actor: "operator".to_owned(),
            cause: Cause::Person(event),
            at: now,
        };
        let taken = self
            .write(|tx| {
                let taken = tx.record_transitions(&[transition])?;
                if taken == [true] && event == Event::SendToManual {
                    tx.give_to_people(id)?;
                }
                Ok(taken)
            })
            .await;
        if taken.is_ok_and(|taken| taken == [true]) {
            // The operator has been told: from here on it is a promise.
            self.sim.with(|world| world.promises.push((id, event)));
        }
    }

    /// Takes a person's report on a work item: order and work item together, or neither.
    async fn report(&self, id: WorkItemId, answer: Result<Outcome, CommandError>) {
        let found = self
            .read(|state| {
                let item = state.work_items.get(&id)?.as_ref().clone();
                let order = state.orders.get(&item.order)?.order.clone();
                Some((item, order))
            })
            .await;
        let Some((item, order)) = found else { return };
        if item.state != WorkItemState::Open || order.state != ProvisioningState::Transmitted {
            return;
        }
        let accounts = self.accounts_of(std::slice::from_ref(&order)).await;
        let account = order.account.and_then(|id| accounts.get(&id));
        let settled = self.settle_answer(&order, account, &answer);
        let closed = if answer.is_ok() { WorkItemState::Done } else { WorkItemState::CannotDo };
        let step = Step { order, settled, cause: Cause::Answered, work_item: None };
        let close = |tx: &mut super::store::Tx<'_>| {
            if tx.close_work_item(id, closed)? { Ok(()) } else { Err(Refused::Conflict("work_item_open")) }
        };
        let _ = self.record_with(vec![step], close).await;
    }
}

/// After the trouble: everybody does their work until nothing is left to do, at most so many rounds.
pub(crate) async fn clear_up(sim: Sim, rounds: usize) {
    sim.sleep(3 * MINUTE).await;
    for _ in 0..rounds {
        sim.with(|world| {
            let blocked: Vec<RunId> = world
                .store
                .current
                .runs
                .iter()
                .filter(|(_, run)| run.state == RunState::Blocked)
                .map(|(id, _)| *id)
                .collect();
            for id in blocked {
                decide_on(world, id, true);
            }
            release_all(world);
        });
        decide_all(&sim).await;
        sim.with(queue_run);
        // The run, what it waits for, and what people do by hand.
        for _ in 0..3 {
            sim.sleep(8 * MINUTE).await;
            sim.with(|world| {
                let blocked = world.store.current.runs.iter().find(|(_, run)| run.state == RunState::Blocked);
                if let Some(id) = blocked.map(|(id, _)| *id) {
                    decide_on(world, id, true);
                }
            });
            decide_all(&sim).await;
        }
        if sim.with(|world| invariants::unsettled(world).is_none()) {
            break;
        }
    }
    sim.with(invariants::quiescent);
    sim.with(|world| world.is_over = true);
}

/// Lets the next ring of every run go, whatever became of the run: of one that is halted, and of one whose orders were all
/// called off, so that nothing was learned from it and no ring goes by itself.
fn release_all(world: &mut World) {
    let runs = world.store.current.runs.iter();
    let open: Vec<(RunId, u32)> = runs
        .filter_map(|(id, run)| Some((*id, run.rings.as_ref().filter(|rings| rings.is_open())?.released)))
        .collect();
    let now = timestamp(world.desk.now);
    for (run, seen) in open {
        let _ = world.transaction(None, |tx| {
            tx.release_ring(run, seen, Some("operator"))?;
            tx.release_orders(now)
        });
    }
}

/// Approves what waits for it, mends what failed and has it tried again.
async fn decide_all(sim: &Sim) {
    let (node, open) = sim.with(|world| (world.node(sim, 0), world.store.current.open_orders()));
    for order in open {
        let event = match order.state {
            ProvisioningState::AwaitingApproval => Event::Approve,
            ProvisioningState::Errored => {
                mend(sim, &order);
                Event::RetryNow
            }
            _ => continue,
        };
        let node = node.clone();
        sim.start(Some(0), async move { node.act(order.id, event).await });
    }
    sim.sleep(MINUTE).await;
}

fn mend(sim: &Sim, order: &Order) {
    let value = |name: &str| order.items.iter().find(|item| item.name == name).and_then(|item| item.value.as_ref());
    let (Some(login), Some(employee)) = (value("login").map(Value::to_string), value("employee").map(Value::to_string))
    else {
        return;
    };
    if matches!(&order.reason, Some(StateReason::Failed { class: ErrorClass::Conflict | ErrorClass::Declined, .. })) {
        sim.with(|world| {
            let now = world.desk.now;
            // Not while the other person's account is being worked on.
            let is_busy = world.store.current.open_orders().iter().any(|other| {
                other.id != order.id
                    && other.application == order.application
                    && (other.state == ProvisioningState::Transmitted
                        || other.state != ProvisioningState::Executed && other.key.as_ref() == Some(&login))
            });
            if is_busy {
                return;
            }
            if let Some(application) = world.applications.get_mut(order.application.as_str()) {
                application.rename_stranger(now, &login, &employee);
            }
        });
    }
}
