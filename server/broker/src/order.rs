//! From a checked plan to orders, and from an order to the command that a connector is given.

use jiff::Timestamp;
use model::account::Mechanism;
use model::command::{Command, CommandItem};
use model::ids::{OrderId, OrderItemId, PartitionId, PlanId, RunId};
use model::order::{Lane, Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{AccountRequest, AttributeRequest, ItemKind, Operation, Plan};
use model::trigger::{Priority, Trigger};
use model::value::Value;

use crate::catalogue::Catalogue;
use crate::check::CheckedPlan;
use crate::fingerprint;
use crate::lifecycle::{Event, advance};
use crate::retry::leaves_doubt;

/// How many ids [`orders`] takes for this plan: one for each order and each item.
pub fn ids_needed(plan: &Plan) -> usize {
    plan.requests.iter().map(|request| 1 + request.items.len()).sum()
}

/// The orders of a plan, in the plan's order. `partition_ids` are those of the plan's partitions, in their order.
///
/// An order starts as Pending; as Awaiting Approval where the account type asks for a review, unless a value is still to
/// come; as Error where its rule failed. It waits for the orders of the requests its own request waits for, and for open orders of earlier plans.
///
/// `set_off` says what set each of them off, and how urgent that makes it.
///
/// All or nothing: with fewer ids than [`ids_needed`], or fewer partition ids than partitions, the answer is empty.
#[expect(clippy::too_many_arguments, reason = "everything an order carries that a plan does not know")]
pub fn orders(
    checked: &CheckedPlan,
    catalogue: &Catalogue,
    ids: &mut dyn Iterator<Item = i64>,
    plan: PlanId,
    run: Option<RunId>,
    partition_ids: &[PartitionId],
    leaver: bool,
    set_off: &dyn Fn(&AccountRequest) -> (Trigger, Priority),
    now: Timestamp,
) -> Vec<Order> {
    let source = checked.plan();
    let ids: Vec<i64> = ids.take(ids_needed(source)).collect();
    if ids.len() < ids_needed(source) || partition_ids.len() < checked.partitions().len() {
        return Vec::new();
    }
    let mut partitions = vec![None; source.requests.len()];
    for (partition, id) in checked.partitions().iter().zip(partition_ids) {
        for &request in &partition.requests {
            if let Some(slot) = partitions.get_mut(request) {
                *slot = Some((*id, partition.mechanism, &partition.carrier));
            }
        }
    }
    let (order_ids, item_ids) = ids.split_at(source.requests.len());
    let mut item_ids = item_ids.iter();
    let mut orders: Vec<Order> = Vec::with_capacity(source.requests.len());
    for ((request, id), place) in source.requests.iter().zip(order_ids).zip(partitions) {
        // A checked plan has a partition for each request, and the ids were counted.
        let Some((partition, mechanism, carrier)) = place else { return Vec::new() };
        let mut after: Vec<OrderId> = request.waits_for.clone();
        after.extend(request.after.iter().filter_map(|&earlier| order_ids.get(earlier)).map(|id| OrderId(*id)));
        after.sort_unstable();
        after.dedup();
        let (state, failure) = first_state(request, &after, catalogue);
        let (trigger, priority) = set_off(request);
        let held = || (!after.is_empty()).then(|| StateReason::HeldBy { orders: after.clone() });
        let mut made = Order {
            id: OrderId(*id),
            plan,
            partition,
            run,
            identity: source.identity,
            trigger,
            application: request.application.clone(),
            account_type: request.account_type.clone(),
            account: request.account,
            key: request.key.clone(),
            operation: request.operation,
            mechanism,
            carrier: carrier.clone(),
            given_to_people: false,
            lane: if leaver { Lane::Leaver } else { Lane::Normal },
            priority,
            state,
            reason: failure.or_else(held),
            explanation: request.explanation.clone(),
            reasons: request.reasons.clone(),
            after,
            // Ahead of its attempts: see `may_have_arrived`.
            fence: i64::from(request.in_doubt),
            attempts: 0,
            fingerprint: None,
            repeats: 0,
            next_attempt_at: None,
            created_at: now,
            transmitted_at: None,
            executed_at: None,
            verified_at: None,
            items: request.items.iter().zip(item_ids.by_ref()).map(|(item, id)| order_item(item, *id, state)).collect(),
        };
        made.fingerprint = fingerprint::of(&made, state, made.reason.as_ref());
        orders.push(made);
    }
    orders
}

/// What a connector is told. An order that was done in part is told again only as far as it is not done; what is left of
/// a creation is then an update. `in_doubt`: an earlier attempt may have arrived, see [`may_have_arrived`].
pub fn command(order: &Order, catalogue: &Catalogue, in_doubt: bool) -> Command {
    let is_open = |item: &&OrderItem| !matches!(item.state, ProvisioningState::Executed | ProvisioningState::Verified);
    // Declined or put off by a reviewer: only what was approved goes out.
    let goes_out = |item: &&OrderItem| item.state != ProvisioningState::Inactive;
    let account_is_done = order.items.iter().any(|item| item.kind == ItemKind::Lifecycle && !is_open(&item));
    let operation = if account_is_done && order.key.is_some() { Operation::Update } else { order.operation };
    let whole = operation == order.operation && order.operation == Operation::Create;
    let items: Vec<CommandItem> = order
        .items
        .iter()
        .filter(|item| item.kind != ItemKind::Lifecycle)
        .filter(goes_out)
        .filter(|item| whole || is_open(item))
        .map(|item| CommandItem {
            kind: item.kind,
            name: item.name.clone(),
            operation: item.operation,
            value: item.value.clone(),
            secret: item.secret,
        })
        .collect();
    let natural_key = natural_key(order, catalogue).filter(|_| operation == Operation::Create);
    Command {
        order: order.id,
        fence: order.fence,
        application: order.application.clone(),
        account_type: order.account_type.clone(),
        operation,
        key: order.key.clone(),
        natural_key,
        items,
        in_doubt,
    }
}

/// Attribute and value by which the account of an order is found where its key is not known.
pub fn natural_key(order: &Order, catalogue: &Catalogue) -> Option<(String, Value)> {
    let name = &catalogue.account_type(&order.account_type)?.key_attribute;
    let item = order.items.iter().find(|item| item.kind == ItemKind::Attribute && item.name == *name)?;
    Some((name.clone(), item.value.clone()?))
}

/// Whether an attempt of this order may have had its effect although nobody confirmed it: the application is then read
/// before it is written. `attempts` counts the one that is about to be made. A creation in the place of another that was
/// sent begins with a fence ahead of its attempts.
pub fn may_have_arrived(order: &Order) -> bool {
    match &order.reason {
        Some(StateReason::InDoubt | StateReason::Timeout) => true,
        Some(
            StateReason::RetryWait { class, .. }
            | StateReason::Failed { class, .. }
            | StateReason::SetAside { class, .. },
        ) if leaves_doubt(*class) => true,
        // A creation must never happen twice; reading first costs one call. Others look for what an order was handed over
        // as, and an answer that was given is not to be taken for the next one.
        _ => {
            let is_first = order.attempts <= 1 && order.fence <= i64::from(order.attempts);
            order.operation == Operation::Create && !is_first && order.mechanism == Mechanism::Direct
        }
    }
}

/// Which of the orders it waits for still hold it: neither done nor called off.
pub fn held_by(order: &Order, state_of: impl Fn(OrderId) -> Option<ProvisioningState>) -> Vec<OrderId> {
    let holds = |awaited: &&OrderId| {
        !matches!(
            state_of(**awaited),
            None | Some(ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive)
        )
    };
    order.after.iter().filter(holds).copied().collect()
}

fn first_state(
    request: &AccountRequest,
    after: &[OrderId],
    catalogue: &Catalogue,
) -> (ProvisioningState, Option<StateReason>) {
    let review = catalogue.account_type(&request.account_type).is_some_and(|account_type| account_type.review);
    let (event, reason) = match &request.error {
        Some(message) => (Event::RuleFailed, Some(StateReason::RuleFailed { message: message.clone() })),
        // Reviewed is what it becomes with the answer.
        None if !request.awaits.is_empty() => {
            (Event::Reevaluate, Some(StateReason::AwaitingAnswer { answers: request.awaits.clone() }))
        }
        // The same: reviewed is what it becomes with the value.
        None if !request.refers.is_empty() => {
            let references = request.refers.clone();
            (Event::Reevaluate, Some(StateReason::AwaitingReference { references, orders: after.to_vec() }))
        }
        None if review => (Event::Review, None),
        None => (Event::Reevaluate, None),
    };
    (advance(ProvisioningState::None, event).unwrap_or(ProvisioningState::None), reason)
}

fn order_item(item: &AttributeRequest, id: i64, state: ProvisioningState) -> OrderItem {
    OrderItem {
        id: OrderItemId(id),
        kind: item.kind,
        name: item.name.clone(),
        operation: item.operation,
        value: item.value.clone(),
        current: item.current.clone(),
        entitlement: item.entitlement.clone(),
        state,
        explanation: item.explanation.clone(),
        reasons: item.reasons.clone(),
        secret: item.secret,
        message: None,
    }
}

#[cfg(test)]
mod tests {
    use model::access::DesiredValue;

    use super::*;
    use crate::check::check;
    use crate::partition::split;
    use crate::worlds::{Taken, access, attribute, catalogue, compile, desired_account};

    fn joiner() -> CheckedPlan {
        let login = || vec![attribute("login", DesiredValue::Value(Value::from("ada")))];
        let mut broken = login();
        broken.push(attribute("phone", DesiredValue::Failed("no such key".to_owned())));
        let desired = access(vec![
            desired_account("person", login(), &["person-a"]),
            desired_account("mailbox", login(), &[]),
            desired_account("admin", login(), &[]),
            desired_account("badge", broken, &[]),
        ]);
        let plan = compile(&desired, &[], &[], &mut Taken::default());
        let partitions = split(&plan, &catalogue());
        check(plan, partitions).unwrap()
    }

    fn made(checked: &CheckedPlan, ids: std::ops::Range<i64>, partitions: usize, leaver: bool) -> Vec<Order> {
        let partitions: Vec<PartitionId> = (90..).map(PartitionId).take(partitions).collect();
        let now = Timestamp::UNIX_EPOCH;
        let set_off = |request: &AccountRequest| match request.operation {
            Operation::Create => (Trigger::LifecycleEvent, 7),
            _ => (Trigger::Drift, 8),
        };
        orders(checked, &catalogue(), &mut { ids }, PlanId(1), Some(RunId(2)), &partitions, leaver, &set_off, now)
    }

    #[test]
    fn orders_start_where_the_table_says_and_wait_for_each_other() {
        let checked = joiner();
        let orders = made(&checked, 100..200, 9, false);
        let told: Vec<_> = orders
            .iter()
            .map(|order| (order.id.0, order.account_type.as_str(), order.state.number(), order.after.len()))
            .collect();
        assert_eq!(told, [(100, "badge", 7, 0), (101, "person", 1, 0), (102, "mailbox", 1, 1), (103, "admin", 5, 1)]);
        assert!(
            matches!(&orders[0].reason, Some(StateReason::RuleFailed { message }) if message.contains("no such key"))
        );
        assert_eq!(orders[2].reason, Some(StateReason::HeldBy { orders: vec![OrderId(101)] }));
        assert!(orders.iter().all(|order| order.items.iter().all(|item| item.state == order.state)));
        assert!(orders.iter().all(|order| order.lane == Lane::Normal));
        assert!(orders.iter().all(|order| (order.trigger, order.priority) == (Trigger::LifecycleEvent, 7)));
        let mut ids: Vec<i64> = orders.iter().map(|order| order.id.0).collect();
        ids.extend(orders.iter().flat_map(|order| &order.items).map(|item| item.id.0));
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), count), (ids_needed(checked.plan()), ids_needed(checked.plan())));
        assert!(made(&checked, 100..200, 9, true).iter().all(|order| order.lane == Lane::Leaver));
    }

    #[test]
    fn too_few_ids_make_no_orders_rather_than_some() {
        let checked = joiner();
        let needed = i64::try_from(ids_needed(checked.plan())).unwrap();
        assert_eq!(made(&checked, 0..needed, 9, false).len(), 4);
        assert!(made(&checked, 0..needed - 1, 9, false).is_empty());
        assert!(made(&checked, 0..needed, checked.partitions().len() - 1, false).is_empty());
    }

    #[test]
    fn a_command_says_all_and_after_a_part_only_the_rest() {
        let mut order = made(&joiner(), 100..200, 9, false).remove(1);
        order.fence = 3;
        let whole = command(&order, &catalogue(), true);
        assert_eq!(
            (whole.order, whole.fence, whole.operation, whole.in_doubt),
            (OrderId(101), 3, Operation::Create, true)
        );
        assert_eq!(whole.natural_key, Some(("login".to_owned(), Value::from("ada"))));
        assert_eq!(whole.items.len(), 2, "the account itself is said by the operation");
        assert_eq!(whole.added().collect::<Vec<_>>(), ["A"]);

        // Created, but one entitlement was refused.
        order.key = Some("id-1".to_owned());
        for item in order.items.iter_mut().filter(|item| item.kind != ItemKind::Entitlement) {
            item.state = ProvisioningState::Executed;
        }
        let rest = command(&order, &catalogue(), false);
        assert_eq!(
            (rest.operation, rest.key.as_deref(), rest.natural_key.is_none()),
            (Operation::Update, Some("id-1"), true)
        );
        assert_eq!(rest.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["A"]);
    }

    #[test]
    fn what_is_done_or_called_off_holds_nothing() {
        let order = made(&joiner(), 100..200, 9, false).remove(2);
        for state in ProvisioningState::ALL {
            let holds = !matches!(
                state,
                ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive
            );
            assert_eq!(!held_by(&order, |_| Some(state)).is_empty(), holds, "{state:?}");
        }
        assert!(held_by(&order, |_| None).is_empty());
    }

    #[test]
    fn doubt_is_remembered() {
        let mut order = made(&joiner(), 100..200, 9, false).remove(1);
        let wait = |class| Some(StateReason::RetryWait { class, message: String::new() });
        for (reason, attempts, expect) in [
            (None, 1, false),
            (None, 2, true),
            (Some(StateReason::InDoubt), 1, true),
            (Some(StateReason::Timeout), 1, true),
            (wait(model::order::ErrorClass::Unknown), 1, true),
            (wait(model::order::ErrorClass::RateLimited), 1, false),
        ] {
            (order.reason, order.attempts) = (reason, attempts);
            assert_eq!(may_have_arrived(&order), expect, "{:?} {attempts}", order.reason);
        }
        (order.reason, order.attempts, order.fence) = (None, 1, 1);
        assert!(!may_have_arrived(&order), "its first attempt, and the first of all");
        order.fence = 2;
        assert!(may_have_arrived(&order), "its first attempt, in the place of an order that was sent");
        (order.operation, order.reason, order.attempts) = (Operation::Update, None, 5);
        assert!(!may_have_arrived(&order));
    }
}
