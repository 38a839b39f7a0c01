//! On the page of an order: that it and another of the same account do not wait for each other, and why. Which ones those are is
//! said by `broker::beside`.

use leptos::prelude::*;
use model::account::Mechanism;
use model::order::{Order, ProvisioningState};
use model::view::{OrderBeside, OrderDetail};

use crate::components::chip;
use crate::logic::words;

/// A line for each of them, with its state as it is by now.
pub(super) fn lines(detail: &OrderDetail) -> impl IntoView + use<> {
    let lines = detail.beside.iter().map(|other| {
        let [before, link, after] = sentence(&detail.order, other);
        let state = chip::provisioning(other.state, other.reason.as_ref());
        view! { <p>{before}<a href=format!("/orders/{}", other.id)>{link}</a>{after}{format!(" Order {} now: ", other.id)}{state}</p> }
    });
    lines.collect_view()
}

/// What stands before the link to the other order, the link, and what stands after it.
fn sentence(order: &Order, other: &OrderBeside) -> [String; 3] {
    let why = "the two change nothing in common.";
    if order.mechanism != Mechanism::Direct {
        let link = format!("Order {}, \u{201c}{}\u{201d},", other.id, words::operation(other.operation));
        let waits = if is_to_go(other.state) { "does" } else { "did" };
        return [String::new(), link, format!(" {waits} not wait for this one: {why}")];
    }
    let (whom, has) = match other.mechanism {
        Mechanism::Manual => ("People".to_owned(), "have"),
        _ => (format!("\u{201c}{}\u{201d}", other.carrier_name), "has"),
    };
    let link = format!("order {}", other.id);
    if is_to_go(order.state) {
        let after = format!(" of the same account in hand. This one does not wait for it: {why}");
        return [format!("{whom} {has} "), link, after];
    }
    let after = format!(" of the same account in hand when this one was sent. This one did not wait for it: {why}");
    [format!("{whom} had "), link, after]
}

fn is_to_go(state: ProvisioningState) -> bool {
    matches!(state, ProvisioningState::Pending | ProvisioningState::AwaitingApproval)
}

#[cfg(test)]
mod tests {
    use model::ids::OrderId;
    use model::plan::Operation;

    use super::*;
    use crate::samples;

    #[test]
    fn it_is_said_on_both_pages_that_neither_waits() {
        use Mechanism::{Direct, Executor, Manual};
        use ProvisioningState::{Pending, Transmitted, Verified};
        for (own, other, expected) in [
            (
                (Direct, Verified),
                (Manual, Transmitted),
                "People had order 30 of the same account in hand when this one was sent. This one did not wait for it: the two change nothing in common.",
            ),
            (
                (Direct, Pending),
                (Manual, Transmitted),
                "People have order 30 of the same account in hand. This one does not wait for it: the two change nothing in common.",
            ),
            (
                (Direct, Pending),
                (Executor, Transmitted),
                "“Service desk” has order 30 of the same account in hand. This one does not wait for it: the two change nothing in common.",
            ),
            (
                (Direct, Transmitted),
                (Executor, Verified),
                "“Service desk” had order 30 of the same account in hand when this one was sent. This one did not wait for it: the two change nothing in common.",
            ),
            (
                (Manual, Transmitted),
                (Direct, Pending),
                "Order 30, “Disable account”, does not wait for this one: the two change nothing in common.",
            ),
            (
                (Executor, Transmitted),
                (Direct, Verified),
                "Order 30, “Disable account”, did not wait for this one: the two change nothing in common.",
            ),
        ] {
            let order = Order { mechanism: own.0, ..samples::orders::order(own.1, None) };
            let other = OrderBeside {
                id: OrderId(30),
                operation: Operation::Disable,
                mechanism: other.0,
                carrier_name: "Service desk".into(),
                state: other.1,
                reason: None,
            };
            assert_eq!(sentence(&order, &other).concat(), expected);
        }
    }
}
