//! What was asked for, beside the plans: which orders carry out which request, and what set each order off.

use std::collections::HashMap;

use broker::request::Reach;
use broker::trigger::{self, Situation};
use model::ids::{IdentityId, OrderId};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::AccountRequest;
use model::request::{Request, RequestOrder};
use model::trigger::{Priority, Trigger};
use store::StoreError;

use crate::tasks::Context;

/// Requests in force, by identity, with what they lead to.
#[derive(Default)]
pub(crate) struct Asked {
    by_identity: HashMap<IdentityId, Vec<(Request, Reach)>>,
    priorities: std::collections::BTreeMap<Trigger, Priority>,
}

impl Asked {
    /// Of these identities; of everybody where none are named.
    pub(super) async fn read(context: &Context, identities: Option<&[IdentityId]>) -> Result<Self, StoreError> {
        let live = context.live();
        let mut by_identity: HashMap<IdentityId, Vec<(Request, Reach)>> = HashMap::new();
        for request in context.engine.store().requests_in_force(identities).await? {
            let reach = Reach::of(&request.in_force(), |grantable| live.model.reach(grantable));
            by_identity.entry(request.identity).or_default().push((request, reach));
        }
        Ok(Self { by_identity, priorities: live.configuration.organisation.priorities.clone() })
    }

    /// What sets off the order that will come of this, and how urgent that makes it: of the requests that it serves the
    /// most urgent one, and otherwise what the person's life and the account's say.
    pub(super) fn set_off(
        &self,
        identity: IdentityId,
        request: &AccountRequest,
        situation: Situation,
        open: &HashMap<OrderId, StateReason>,
    ) -> (Trigger, Priority) {
        let asked = self.by_identity.get(&identity).into_iter().flatten();
        let served = asked.filter(|(_, reach)| reach.is_served_by_request(request));
        if let Some((asked, _)) = served.min_by_key(|(asked, _)| (asked.priority, asked.id)) {
            return (asked.trigger, asked.priority);
        }
        let has_drifted = |order: &OrderId| matches!(open.get(order), Some(StateReason::Drifted { .. }));
        let drifted = !request.sets_back.is_empty() || request.supersedes.iter().any(has_drifted);
        let trigger = trigger::of(request, situation, drifted);
        (trigger, trigger.priority(&self.priorities))
    }

    pub(super) fn priority(&self, trigger: Trigger) -> Priority {
        trigger.priority(&self.priorities)
    }

    /// Which of these orders carry out which request: those just made, and those under way already that do the same.
    pub(super) fn links<'o>(&self, orders: impl Iterator<Item = &'o Order>) -> Vec<RequestOrder> {
        let is_over = |order: &Order| {
            matches!(order.state, ProvisioningState::Inactive | ProvisioningState::Verified | ProvisioningState::None)
        };
        orders
            .filter(|order| !is_over(order) && order.trigger != Trigger::Undo)
            .flat_map(|order| {
                let asked = self.by_identity.get(&order.identity).into_iter().flatten();
                let served = asked.filter(|(_, reach)| reach.is_served_by(order));
                served.map(|(request, _)| (request.id, order.id))
            })
            .collect()
    }
}
