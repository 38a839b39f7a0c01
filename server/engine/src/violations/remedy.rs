//! Giving up one side of a violation: what was given directly goes by a request, what nothing grants by orders that a plan
//! makes; what a rule gives only whoever keeps the rules can change.

use std::sync::Arc;

use broker::violation::Decision;
use model::access::{Grantable, Reason};
use model::account::Account;
use model::error::ApiError;
use model::ids::{RequestId, ViolationId};
use model::indirect::IndirectHolding;
use model::job::REVERTS;
use model::order::Order;
use model::plan::{ItemKind, ItemOperation, Plan};
use model::request::{Change, NewRequest, RequestItem, RequestSource};
use model::risk::{Decided, HeldThing, LedTo, Violation, ViolationState, WayOut};
use model::trigger::Trigger;
use store::StoreError;

use super::{changed, decide, text, to_decide};
use crate::context::OpContext;
use crate::error::internal;
use crate::indirect::{Follower, rows};
use crate::tasks::generate;
use crate::tasks::violations::risk_label;
use crate::world::Live;

/// Gives up a side, counted from 1; answers the request that does it, where one does.
pub async fn remediate(
    op: &OpContext,
    (id, version): (ViolationId, u32),
    side: u32,
    why: &str,
) -> Result<Option<RequestId>, ApiError> {
    let (violation, live) = to_decide(op, (id, version), Decision::Remediate).await?;
    let why = text(why, "why", "Say why this side is given up; it is kept with the violation.")?;
    let ways = ways_out(op, &violation).await?;
    let way = (side as usize).checked_sub(1).and_then(|position| ways.into_iter().nth(position));
    let way = way.ok_or_else(|| ApiError::invalid("side", "Choose the side that is given up."))?;
    if !way.is_open() {
        let obstacles = match way.obstacles.is_empty() {
            true => "Nothing of it is held any more: the next run closes it.".to_owned(),
            false => way.obstacles.join(" "),
        };
        return Err(ApiError::conflict(format!("This side cannot be given up from here. {obstacles}")));
    }
    let request = match way.taken.is_empty() {
        true => None,
        false => {
            let label = risk_label(&live, &violation.risk);
            let items = way
                .taken
                .iter()
                .map(|(grantable, _)| RequestItem { change: Change::Take, grantable: grantable.clone() });
            let source = RequestSource {
                kind: "violation".to_owned(),
                name: violation.risk.clone(),
                reference: Some(violation.id.to_string()),
            };
            let justification: String = format!("Risk \u{201c}{label}\u{201d}: {why}").chars().take(500).collect();
            let new = NewRequest {
                requester: Some(op.user.login.clone()),
                ..NewRequest::new(Trigger::PolicyViolation, source, violation.identity, items.collect(), justification)
            };
            let submission = crate::requests::hand_in(op, new).await?;
            Some(submission.request.ok_or_else(|| changed(id))?)
        }
    };
    let what: Vec<&str> = way.taken.iter().chain(&way.removed).map(|(_, label)| label.as_str()).collect();
    let by = request.map_or_else(String::new, |request| format!(", by request {request}"));
    let message = format!("{} is given up{by}: {why}", what.join(", "));
    // Its request is part of what was decided: orders of what nothing grants are looked for where there is none.
    let decided = Decided::Remediation { side, why, request: request.filter(|_| way.removed.is_empty()) };
    decide(op, &violation, ViolationState::Remediation, Some(decided), message).await?;
    if !way.removed.is_empty()
        && let Err(error) =
            crate::jobs::queue_own(&op.engine, REVERTS, &crate::jobs::FROM_PLANNING, Some(op.user.id)).await
    {
        // The next run of the job plans for it.
        tracing::warn!(error = &error as &dyn std::error::Error, "A run for a violation could not be queued");
    }
    Ok(request)
}

/// What giving up each side would take, in the order of the sides.
pub(super) async fn ways_out(op: &OpContext, violation: &Violation) -> Result<Vec<WayOut>, ApiError> {
    let store = op.engine.store();
    let ids = [violation.identity];
    let today = op.engine.today();
    let accounts = store.accounts_of(&ids).await.map_err(internal)?;
    let orders = store.open_orders_of(&ids).await.map_err(internal)?;
    // What is granted needs no plan to be looked at.
    let is_found = violation.things.iter().any(|thing| thing.thing.reasons.is_empty());
    let desired = match is_found {
        true => op.engine.world().with_population(|population| population.engine.desired(violation.identity, today)),
        false => None,
    };
    let plan = match desired {
        Some(desired) => Some(generate::plan_of_one(&op.engine, desired, today, &[]).await.map_err(internal)?),
        None => None,
    };
    let live = op.engine.world().live();
    let led_to = Follower::new(store, &live).of_one((&[], &accounts)).await.map_err(internal)?;
    let facts = Facts { op, accounts: &accounts, orders: &orders, plan: plan.as_ref(), led_to: &led_to };
    let way = |side: Vec<&HeldThing>| {
        let mut way = WayOut::default();
        side.into_iter().for_each(|thing| facts.give_up(thing, &mut way));
        for taken in [&mut way.taken, &mut way.removed] {
            taken.sort();
            taken.dedup();
        }
        way.obstacles.sort();
        way.obstacles.dedup();
        way
    };
    Ok(violation.sides().into_iter().map(way).collect())
}

/// What of a violation something else leads to that they hold or are granted.
pub(super) async fn led_to(op: &OpContext, live: &Arc<Live>, violation: &Violation) -> Result<Vec<LedTo>, StoreError> {
    if live.indirect.is_empty() || violation.until.is_some() {
        return Ok(Vec::new());
    }
    let (id, today) = (violation.identity, op.engine.today());
    let accounts = op.engine.store().accounts_of(&[id]).await?;
    let desired = op.engine.world().with_population(|population| population.engine.desired(id, today));
    let assignments = desired.map(|access| access.assignments).unwrap_or_default();
    let all = Follower::new(op.engine.store(), live).of_one((&assignments, &accounts)).await?;
    let sees_person = op.require_about(crate::identities::VIEW, id).await.is_ok();
    let mut found = Vec::new();
    for thing in violation.things.iter().map(|thing| &thing.thing) {
        let Grantable::Entitlement(name) = &thing.grantable else { continue };
        let Some(facts) = live.catalogue.entitlement(name) else { continue };
        let is_it = |holding: &&IndirectHolding| holding.is(&facts.account_type, &facts.key);
        let leading: Vec<IndirectHolding> = all.iter().filter(is_it).cloned().collect();
        if !leading.is_empty() {
            found.push(LedTo {
                grantable: thing.grantable.clone(),
                is_only_so: thing.reasons.is_empty()
                    && !holds_itself(thing, &accounts, &facts.account_type, &facts.key),
                ways: if sees_person { rows(&op.engine, live, &leading, &[]) } else { Vec::new() },
            });
        }
    }
    Ok(found)
}

/// Whether one of the accounts that it was found in has it, and does not only lead to it.
fn holds_itself(thing: &HeldThing, accounts: &[Account], account_type: &str, key: &str) -> bool {
    let mut named = accounts.iter().filter(|account| thing.accounts.contains(&account.id));
    named.any(|account| account.account_type == account_type && account.entitlements.contains(key))
}

struct Facts<'a> {
    op: &'a OpContext,
    accounts: &'a [Account],
    orders: &'a [Order],
    plan: Option<&'a Plan>,
    /// What their accounts lead to.
    led_to: &'a [IndirectHolding],
}

impl Facts<'_> {
    fn give_up(&self, thing: &HeldThing, way: &mut WayOut) {
        let label = |grantable: &Grantable| self.op.engine.label(grantable);
        let what = label(&thing.grantable);
        let is_led_to = self.is_led_to(thing);
        if is_led_to {
            way.obstacles
                .push(format!("Something else that they hold leads to {what}, as told above, and has to go first."));
        }
        if thing.reasons.is_empty() {
            match self.in_the_way(thing) {
                // Said already.
                _ if is_led_to && !self.has_itself(thing) => {}
                None => way.removed.push((thing.grantable.clone(), what)),
                Some(obstacle) => way.obstacles.push(format!("{what} is held though nothing grants it. {obstacle}")),
            }
            return;
        }
        for reason in &thing.reasons {
            let given = reason.path.first().unwrap_or(&thing.grantable);
            match &reason.grant {
                Some(_) => way.taken.push((given.clone(), label(given))),
                None => way.obstacles.push(format!(
                    "{what} comes from {}{}. Whoever keeps the rules changes the rule, or what it looks at in the source.",
                    reason.cause(),
                    facts(reason)
                )),
            }
        }
    }

    /// Whether something that an account of theirs has leads to it, and does not go with what is given up.
    fn is_led_to(&self, thing: &HeldThing) -> bool {
        let Grantable::Entitlement(name) = &thing.grantable else { return false };
        let live = self.op.engine.world().live();
        let Some(facts) = live.catalogue.entitlement(name) else { return false };
        let brought_by = thing.brought_by();
        let goes = |holding: &IndirectHolding| {
            let first = holding.path.first();
            let leading = first.and_then(|step| live.catalogue.entitlement_of(&step.account_type, &step.key));
            leading.is_some_and(|name| brought_by.contains(&Grantable::Entitlement(name.to_owned())))
        };
        self.led_to.iter().any(|holding| holding.is(&facts.account_type, &facts.key) && !goes(holding))
    }

    /// Whether an account that it was found in has it.
    fn has_itself(&self, thing: &HeldThing) -> bool {
        let Grantable::Entitlement(name) = &thing.grantable else { return true };
        let live = self.op.engine.world().live();
        let facts = live.catalogue.entitlement(name);
        facts.is_some_and(|facts| holds_itself(thing, self.accounts, &facts.account_type, &facts.key))
    }

    /// Why no order takes it away; none where one does, or is about to.
    fn in_the_way(&self, thing: &HeldThing) -> Option<String> {
        let catalogue = &self.op.engine.world().live().catalogue;
        let (account_type, key) = match &thing.grantable {
            Grantable::Entitlement(name) => {
                let facts = catalogue.entitlement(name)?;
                (facts.account_type.clone(), Some(facts.key.clone()))
            }
            thing => (thing.name().to_owned(), None),
        };
        let takes = |operation: model::plan::Operation, kind: ItemKind, name: &str, item: ItemOperation| {
            operation.removes()
                || (kind == ItemKind::Entitlement && item == ItemOperation::Remove && Some(name) == key.as_deref())
        };
        let is_planned = self.plan.is_some_and(|plan| {
            plan.requests.iter().filter(|request| request.account_type == account_type).any(|request| {
                let mut items = request.items.iter();
                items.any(|item| takes(request.operation, item.kind, &item.name, item.operation))
            })
        });
        let is_ordered =
            self.orders.iter().filter(|order| order.account_type == account_type).any(|order| {
                order.items.iter().any(|item| takes(order.operation, item.kind, &item.name, item.operation))
            });
        if is_planned || is_ordered {
            return None;
        }
        let keys = || {
            let accounts = self.accounts.iter().filter(|account| thing.accounts.contains(&account.id));
            accounts.map(|account| account.key.as_str())
        };
        let is_kept = |name: &str| match &key {
            Some(key) => name == key,
            None => keys().any(|key| key == name),
        };
        let retained = self.plan.iter().flat_map(|plan| &plan.retained);
        let mut retained = retained.filter(|kept| kept.account_type == account_type && is_kept(&kept.name));
        Some(match retained.next() {
            Some(kept) => format!("No order takes it away: {}", kept.why),
            None => {
                "No order takes it away, because Quartermaster does not manage the account. Have it taken away in the \
                     application itself; the next reading closes the violation."
                    .to_owned()
            }
        })
    }
}

/// " (department = Sales)".
fn facts(reason: &Reason) -> String {
    let value = |fact: &model::access::Fact| fact.value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    let facts: Vec<String> = reason.facts.iter().map(|fact| format!("{} = {}", fact.attribute, value(fact))).collect();
    if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
}
