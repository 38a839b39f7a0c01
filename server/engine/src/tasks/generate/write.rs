//! Writing what was planned: plans, partitions, orders and all that goes with them, in one transaction.

use std::collections::HashMap;

use broker::catalogue::Catalogue;
use broker::check::CheckedPlan;
use broker::conflict::{self, Conflict};
use broker::lifecycle::{self, Event};
use broker::{fingerprint, order, rings, undo};
use model::account::Account;
use model::configuration::Rings;
use model::ids::{IdentityId, OrderId, PartitionId, PlanId, RequestId, RunBlockId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::AccountRequest;
use model::request::RequestOrder;
use model::trigger::Trigger;
use model::undo::Undone;
use store::{
    AssignmentStateChange, NativePlanned, PlanRecord, RecordedTransition, ReferenceChange, Reservation, StoreError,
    ThresholdUse,
};

use super::asked::Asked;
use super::questions::Questions;
use super::{Planned, SENT_MEANWHILE, VALUE_TAKEN};
use crate::requests::follow::{self, Moment};
use crate::tasks::{Context, guard};

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
    /// What would complete a risk: its orders wait for a person.
    pub(crate) conflicts: HashMap<IdentityId, Vec<Conflict>>,
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
    pub(crate) forms: Questions,
    /// What was asked for.
    pub(crate) asked: Asked,
    /// Orders under way that carry out what was asked for.
    pub(crate) linked: Vec<RequestOrder>,
    /// Why open orders are where they are.
    pub(crate) open: HashMap<OrderId, StateReason>,
    /// Noted changes of accounts that values of others come from: planned for now.
    pub(crate) followed: Vec<ReferenceChange>,
    /// What becomes of native changes, beside those that the orders set back.
    pub(crate) natives: NativePlanned,
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
    let mut natives = extras.natives.clone();
    let mut next = || ids.next().unwrap_or_default();
    for Planned { checked, leaver, situation } in planned {
        let plan_id = PlanId(next());
        let partition_ids: Vec<PartitionId> = checked.partitions().iter().map(|_| PartitionId(next())).collect();
        let identity = checked.plan().identity;
        let set_off = |request: &AccountRequest| match checked.plan().trigger {
            Trigger::Undo => (Trigger::Undo, extras.asked.priority(Trigger::Undo)),
            _ => extras.asked.set_off(identity, request, situation, &extras.open),
        };
        let mut made = order::orders(
            &checked,
            catalogue,
            &mut std::iter::from_fn(|| Some(next())),
            plan_id,
            Some(run),
            &partition_ids,
            leaver,
            &set_off,
            now,
        );
        for (request, order) in checked.plan().requests.iter().zip(&mut made) {
            natives.ordered.extend(request.sets_back.iter().map(|change| (*change, order.id)));
            // What waits for a value is looked at again once it has it.
            let waits = |reason: &StateReason| reason.awaits_answer() || reason.awaits_reference();
            if !order.reason.as_ref().is_some_and(waits) {
                undo::hold(order, &extras.held_undone);
                conflict::hold(order, extras.conflicts.get(&identity).map_or(&[], Vec::as_slice));
            }
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
        let urgent = made.iter().min_by_key(|order| (order.priority, order.id)).map(|order| order.trigger);
        orders.extend(made);
        let (mut plan, partitions) = checked.into_parts();
        if let Some(first) = urgent {
            plan.trigger = first;
        }
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
    let rings = extras.rings.as_ref().and_then(|limits| rings::arrange(run, &mut orders, limits));
    let Extras {
        taken,
        adopted,
        already: mut states,
        ended,
        ended_undone,
        undone,
        approval,
        used,
        forms,
        followed,
        asked,
        mut linked,
        ..
    } = extras;
    let forms = forms.changes(&context.engine, now).await?;
    states.extend(orders.iter().flat_map(crate::record::assignment_states));
    let count = orders.len();
    linked.extend(asked.links(orders.iter()));
    let requests: Vec<(RequestId, usize)> =
        context.requests.iter().map(|request| (request.id, request.awaiting.len())).collect();
    let replaced_orders: Vec<OrderId> = replaced.iter().map(|replaced| replaced.order).collect();
    let linked_orders: Vec<OrderId> = linked.iter().map(|(_, order)| *order).chain(replaced_orders).collect();
    let (node, today) = (context.engine.node().to_owned(), context.engine.today());
    let mut notices = crate::mails::notices::reviews(&context.engine, &orders);
    notices.extend(crate::mails::notices::questions(&context.engine, run, &forms.asked, now));
    context
        .engine
        .store()
        .write(move |tx| {
            Box::pin(async move {
                tx.hold_run(run, &node).await?;
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
                tx.change_forms(&forms, now).await?;
                tx.insert_notices(&notices).await?;
                tx.end_value_edits(&ended, now).await?;
                tx.plan_native_changes(&natives).await?;
                tx.end_reference_changes(&followed).await?;
                tx.insert_undone(&undone).await?;
                tx.end_undone(&ended_undone, now).await?;
                tx.set_assignment_states(&states).await?;
                tx.link_request_orders(&linked).await?;
                let moment = Moment { today, now, actor: &node };
                follow::planned(tx, &requests, run, moment).await?;
                follow::orders(tx, &linked_orders, moment).await
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
