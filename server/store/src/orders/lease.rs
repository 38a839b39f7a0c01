//! Leases of orders in flight: put off while their batch is at work, and let go where nobody works on them.

use jiff::Timestamp;
use model::ids::OrderId;

use crate::connection::{arguments, numbers};
use crate::{Result, Tx};

/// Fenced by the node: an order that another has taken up since is not its any more.
const RENEW: &str = "
    update provisioning_order
    set lease_until = case when lease_until < $3 then $3 else lease_until end
    where id in (select cast(value as bigint) from json_each($1))
      and lease_node = $2
      and state = 2
      and lease_until is not null";

const LET_GO: &str = "
    update provisioning_order
    set lease_until = 0
    where lease_node = $1
      and state = 2
      and lease_until is not null
      and id not in (select cast(value as bigint) from json_each($2))";

impl Tx {
    /// Puts off the end of the node's leases on these orders; answers how many of them it still holds. A lease is never
    /// made shorter.
    pub async fn renew_leases(&mut self, node: &str, orders: &[OrderId], until: Timestamp) -> Result<u64> {
        self.execute(RENEW, arguments![numbers(orders.iter().map(|order| order.0)), node, until]).await
    }

    /// Ends the node's leases on all orders but these, which it works on: of the others it never heard that it has them,
    /// or lost what became of them. Whoever looks next reads them back.
    pub async fn let_orders_go(&mut self, node: &str, but: &[OrderId]) -> Result<u64> {
        self.execute(LET_GO, arguments![node, numbers(but.iter().map(|order| order.0))]).await
    }
}
