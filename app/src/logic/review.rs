//! What a reviewer says, as it travels in addresses and forms: `o12i34=approve` is what is said to item 34 of order 12.

use model::ids::{OrderId, OrderItemId};
use model::order::{Order, OrderItem, ProvisioningState};
use model::review::{OrderVerdicts, ReviewFilter, Verdict};

use super::address::Address;
use super::query::Query;

/// Name of the field for one property.
pub fn field(order: OrderId, item: OrderItemId) -> String {
    format!("o{order}i{item}")
}

/// What was chosen in a form, order by order; orders of which everything is postponed are left out. `all` is what a
/// button says to everything that was left at *postpone*.
pub fn chosen(query: &Query) -> Vec<OrderVerdicts> {
    let all = query.get("all").and_then(|name| Verdict::from_name(&name));
    let mut orders: Vec<OrderVerdicts> = Vec::new();
    for (name, value) in query.pairs() {
        let Some((order, item)) = read_field(name) else { continue };
        let Some(verdict) = Verdict::from_name(value) else { continue };
        let verdict = if verdict == Verdict::Postpone { all.unwrap_or(verdict) } else { verdict };
        match orders.iter_mut().find(|known| known.order == order) {
            Some(known) => known.items.push((item, verdict)),
            None => orders.push(OrderVerdicts { order, items: vec![(item, verdict)] }),
        }
    }
    orders.retain(|order| order.items.iter().any(|(_, verdict)| *verdict != Verdict::Postpone));
    orders
}

/// One line of the confirmation: `12.34.approve`.
pub fn line(order: OrderId, item: OrderItemId, verdict: Verdict) -> String {
    format!("{order}.{item}.{}", verdict.name())
}

/// The lines of a confirmation, read again; none where one of them is not as [`line`] makes them.
pub fn read_lines(lines: &[String]) -> Option<Vec<OrderVerdicts>> {
    let mut orders: Vec<OrderVerdicts> = Vec::new();
    for line in lines {
        let mut parts = line.split('.');
        let (order, item, verdict) = (parts.next()?, parts.next()?, parts.next()?);
        let (order, item) = (order.parse().ok()?, item.parse().ok()?);
        let verdict = Verdict::from_name(verdict).filter(|_| parts.next().is_none())?;
        match orders.iter_mut().find(|known| known.order == order) {
            Some(known) => known.items.push((item, verdict)),
            None => orders.push(OrderVerdicts { order, items: vec![(item, verdict)] }),
        }
    }
    Some(orders)
}

/// Properties of which a reviewer still has to say something.
pub fn open_items(order: &Order) -> impl Iterator<Item = &OrderItem> {
    order.items.iter().filter(|item| item.state == ProvisioningState::AwaitingApproval)
}

/// Which part of the review an address asks for.
pub fn filter(query: &Query) -> ReviewFilter {
    ReviewFilter {
        cause: query.get("cause"),
        account_type: query.get("type"),
        order: query.get("order").and_then(|id| id.parse().ok()),
        after: query.get("after").and_then(|id| id.parse().ok()),
        limit: None,
    }
}

/// The address of that part, from its first order.
pub fn address(filter: &ReviewFilter) -> Address {
    Address::new("/review")
        .with("cause", filter.cause.as_deref())
        .with("type", filter.account_type.as_deref())
        .with("order", filter.order.map(|id| id.to_string()).as_deref())
}

fn read_field(name: &str) -> Option<(OrderId, OrderItemId)> {
    let (order, item) = name.strip_prefix('o')?.split_once('i')?;
    Some((order.parse().ok()?, item.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_read_order_by_order() {
        let query = Query::parse("o1i10=approve&o1i11=postpone&o2i20=postpone&x=approve&o3i30=purple&o1i12=decline");
        let orders = chosen(&query);
        assert_eq!(orders.len(), 1, "of order 2 nothing is decided");
        assert_eq!(
            orders[0].items,
            [
                (OrderItemId(10), Verdict::Approve),
                (OrderItemId(11), Verdict::Postpone),
                (OrderItemId(12), Verdict::Decline)
            ]
        );
        let all = chosen(&Query::parse("o1i10=decline&o1i11=postpone&o2i20=postpone&all=approve"));
        assert_eq!(all[0].items, [(OrderItemId(10), Verdict::Decline), (OrderItemId(11), Verdict::Approve)]);
        assert_eq!(all[1].items, [(OrderItemId(20), Verdict::Approve)]);
    }

    #[test]
    fn lines_come_back_as_they_were_written() {
        let lines = vec![line(OrderId(1), OrderItemId(10), Verdict::Approve), "1.11.decline".to_owned()];
        let orders = read_lines(&lines).unwrap();
        assert_eq!(orders[0].items, [(OrderItemId(10), Verdict::Approve), (OrderItemId(11), Verdict::Decline)]);
        for broken in ["", "1", "1.2", "1.2.maybe", "a.2.approve", "1.2.approve.3"] {
            assert_eq!(read_lines(&[broken.to_owned()]), None, "{broken}");
        }
    }

    #[test]
    fn a_part_survives_its_own_address() {
        let part = ReviewFilter {
            cause: Some("not_found".into()),
            account_type: Some("a & b".into()),
            ..ReviewFilter::default()
        };
        let text = address(&part).to_string();
        assert_eq!(filter(&Query::parse(text.split_once('?').unwrap().1)), part);
    }
}
