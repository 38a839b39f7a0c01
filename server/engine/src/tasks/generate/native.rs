//! What a computation makes of native changes, beside the orders that set them back.

use broker::check::Finding;
use broker::native_change;
use model::ids::NativeChangeId;
use model::job::TaskScope;
use model::native_change::{NativeChange, NativeChangeState};
use model::order::Order;
use model::plan::Plan;
use store::NativePlanned;

#[derive(Default)]
pub(super) struct Natives {
    pub(super) planned: NativePlanned,
}

impl Natives {
    /// `all` are the identity's, `counted` those that counted in its plan. The plan is whole, whatever the task concerns.
    pub(super) fn note(
        &mut self,
        all: &[NativeChange],
        counted: &[NativeChange],
        plan: &Plan,
        open_orders: &[Order],
        scope: &TaskScope,
    ) {
        let is_over = |change: &&NativeChange| counted.iter().all(|other| other.id != change.id);
        self.planned.released.extend(all.iter().filter(is_over).map(|change| change.id));
        let reverting = counted.iter().filter(|change| change.state == NativeChangeState::Reverting);
        for change in reverting.filter(|change| scope.has_application(&change.application)) {
            if plan.requests.iter().any(|request| request.sets_back.contains(&change.id)) {
                continue;
            }
            match native_change::on_its_way(change, open_orders) {
                Some(order) if change.order == Some(order) => {}
                Some(order) => self.planned.ordered.push((change.id, order)),
                // Also where its own order was declined or called off; of one that was done the reading has told.
                None => {
                    let why = native_change::nothing_to_do(change, plan);
                    self.planned.handed_back.push((change.id, why));
                }
            }
        }
    }

    /// Hands back what a plan was to set back that its checker refused: no later one would be better, and each would be
    /// tried at once. `sets_back` are those of the plan. Where an order does it already, that stays.
    pub(super) fn refused(&mut self, counted: &[NativeChange], sets_back: &[NativeChangeId], findings: &[Finding]) {
        let finding = findings.iter().map(ToString::to_string).next().unwrap_or_default();
        let is_waiting = |change: &&NativeChange| change.order.is_none() && sets_back.contains(&change.id);
        self.planned.handed_back.extend(counted.iter().filter(is_waiting).map(|change| {
            let why = format!(
                "Nothing was ordered: the plan was refused, which is a fault of Quartermaster ({finding}). Tell whoever \
                 looks after it; then revert again, or accept."
            );
            (change.id, why)
        }));
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::ids::{AccountId, IdentityId, OrderId, RunId};
    use model::native_change::{NativeChangeKind, NativeReaction};

    use super::*;

    fn change(id: i64, order: Option<i64>) -> NativeChange {
        NativeChange {
            id: NativeChangeId(id),
            application: "directory".into(),
            account_type: "person".into(),
            account: AccountId(1),
            key: "1".into(),
            identity: Some(IdentityId(42)),
            kind: NativeChangeKind::Attribute,
            name: format!("attribute {id}"),
            before: None,
            after: None,
            instead_of: None,
            seen_at: Timestamp::UNIX_EPOCH,
            run: RunId(9),
            reaction: NativeReaction::Revert,
            state: NativeChangeState::Reverting,
            why: None,
            holds: false,
            decided_by: None,
            decided_at: None,
            comment: None,
            order: order.map(OrderId),
        }
    }

    #[test]
    fn what_a_refused_plan_was_to_set_back_waits_for_a_person() {
        let mut natives = Natives::default();
        let counted = [change(5, None), change(6, Some(100)), change(7, None)];
        let finding = Finding { identity: IdentityId(42), request: None, message: "partition 1 is empty".into() };
        natives.refused(&counted, &[NativeChangeId(5), NativeChangeId(6)], &[finding]);
        let [(id, why)] = natives.planned.handed_back.as_slice() else { panic!("{:?}", natives.planned) };
        assert_eq!(*id, NativeChangeId(5), "one has its order, and one is not of this plan");
        assert!(why.contains("partition 1 is empty"), "{why}");
    }
}
