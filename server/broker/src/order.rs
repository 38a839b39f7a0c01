//! From a checked plan to orders, and from an order to the command that a connector is given.

use jiff::Timestamp;
use model::command::{Command, CommandItem};
use model::ids::{OrderId, OrderItemId, PartitionId, PlanId, RunId};
use model::order::{Lane, Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{AccountRequest, AttributeRequest, ItemKind, ItemOperation, Operation, Plan};

use crate::catalogue::Catalogue;
use crate::check::CheckedPlan;
use crate::lifecycle::{Event, advance};
use crate::retry::leaves_doubt;

/// How many ids [`orders`] takes for this plan: one for each order and each item.
pub fn ids_needed(plan: &Plan) -> usize {
    plan.requests.iter().map(|request| 1 + request.items.len()).sum()
}

/// The orders of a plan, in the plan's order. `partition_ids` are those of the plan's partitions, in their order.
///
/// An order starts as Pending; as Awaiting Approval where the account type asks for a review; as Error where its rule
/// failed. It waits for the orders of the requests its own request waits for, and for open orders of earlier plans.
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
                *slot = Some((*id, partition.mechanism));
            }
        }
    }
    let (order_ids, item_ids) = ids.split_at(source.requests.len());
    let mut item_ids = item_ids.iter();
    let mut orders: Vec<Order> = Vec::with_capacity(source.requests.len());
    for ((request, id), place) in source.requests.iter().zip(order_ids).zip(partitions) {
        // A checked plan has a partition for each request, and the ids were counted.
        let Some((partition, mechanism)) = place else { return Vec::new() };
        let (state, failure) = first_state(request, catalogue);
        let mut after: Vec<OrderId> = request.waits_for.clone();
        after.extend(request.after.iter().filter_map(|&earlier| order_ids.get(earlier)).map(|id| OrderId(*id)));
        after.sort_unstable();
        after.dedup();
        let held = || (!after.is_empty()).then(|| StateReason::HeldBy { orders: after.clone() });
        orders.push(Order {
            id: OrderId(*id),
            plan,
            partition,
            run,
            identity: source.identity,
            trigger: source.trigger,
            application: request.application.clone(),
            account_type: request.account_type.clone(),
            account: request.account,
            key: request.key.clone(),
            operation: request.operation,
            mechanism,
            lane: if leaver { Lane::Leaver } else { Lane::Normal },
            state,
            reason: failure.or_else(held),
            explanation: request.explanation.clone(),
            reasons: request.reasons.clone(),
            after,
            fence: 0,
            attempts: 0,
            next_attempt_at: None,
            created_at: now,
            transmitted_at: None,
            executed_at: None,
            verified_at: None,
            items: request.items.iter().zip(item_ids.by_ref()).map(|(item, id)| order_item(item, *id, state)).collect(),
        });
    }
    orders
}

/// What a connector is told. An order that was done in part is told again only as far as it is not done; what is left of
/// a creation is then an update. `in_doubt`: an earlier attempt may have arrived, see [`may_have_arrived`].
pub fn command(order: &Order, catalogue: &Catalogue, in_doubt: bool) -> Command {
    let is_open = |item: &&OrderItem| !matches!(item.state, ProvisioningState::Executed | ProvisioningState::Verified);
    let account_is_done = order.items.iter().any(|item| item.kind == ItemKind::Lifecycle && !is_open(&item));
    let operation = if account_is_done && order.key.is_some() { Operation::Update } else { order.operation };
    let whole = operation == order.operation && order.operation == Operation::Create;
    let items: Vec<CommandItem> = order
        .items
        .iter()
        .filter(|item| item.kind != ItemKind::Lifecycle)
        .filter(|item| whole || is_open(item))
        .map(|item| CommandItem {
            kind: item.kind,
            name: item.name.clone(),
            operation: item.operation,
            value: item.value.clone(),
            secret: item.secret,
        })
        .collect();
    let natural_key = catalogue.account_type(&order.account_type).filter(|_| operation == Operation::Create);
    let natural_key = natural_key.and_then(|account_type| {
        let name = &account_type.key_attribute;
        let item = order.items.iter().find(|item| item.kind == ItemKind::Attribute && item.name == *name)?;
        Some((name.clone(), item.value.clone()?))
    });
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

/// Whether an attempt of this order may have had its effect although nobody confirmed it: the application is then read
/// before it is written. `attempts` counts the one that is about to be made.
pub fn may_have_arrived(order: &Order) -> bool {
    match &order.reason {
        Some(StateReason::InDoubt | StateReason::Timeout) => true,
        Some(StateReason::RetryWait { class, .. } | StateReason::Failed { class, .. }) if leaves_doubt(*class) => true,
        // A creation must never happen twice; reading first costs one call.
        _ => order.operation == Operation::Create && order.attempts > 1,
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

/// "3 attributes, 2 groups added, 1 removed": what an order changes beside the account itself, for a list.
pub fn summary(order: &Order) -> String {
    let count = |kind, wanted: &dyn Fn(ItemOperation) -> bool| {
        order.items.iter().filter(|item| item.kind == kind && wanted(item.operation)).count()
    };
    let attributes: Vec<&str> =
        order.items.iter().filter(|item| item.kind == ItemKind::Attribute).map(|item| item.name.as_str()).collect();
    let mut parts = Vec::new();
    match attributes.as_slice() {
        [] => {}
        few @ ([_] | [_, _] | [_, _, _]) => parts.push(few.join(", ")),
        many => parts.push(format!("{} attributes", many.len())),
    }
    let added = count(ItemKind::Entitlement, &|operation| operation != ItemOperation::Remove);
    let removed = count(ItemKind::Entitlement, &|operation| operation == ItemOperation::Remove);
    for (number, verb) in [(added, "added"), (removed, "removed")] {
        match number {
            0 => {}
            1 => parts.push(format!("1 entitlement {verb}")),
            more => parts.push(format!("{more} entitlements {verb}")),
        }
    }
    parts.join(", ")
}

fn first_state(request: &AccountRequest, catalogue: &Catalogue) -> (ProvisioningState, Option<StateReason>) {
    let review = catalogue.account_type(&request.account_type).is_some_and(|account_type| account_type.review);
    let (event, reason) = match &request.error {
        Some(message) => (Event::RuleFailed, Some(StateReason::RuleFailed { message: message.clone() })),
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
