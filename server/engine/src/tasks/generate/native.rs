//! What a computation makes of native changes, beside the orders that set them back.

use broker::native_change;
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
}
