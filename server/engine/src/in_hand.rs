//! What this process works on. The database knows which orders a node has taken; only the node itself knows which of them
//! it still has in hand. Where a claim was committed and its answer got lost with the connection, or an answer could not be
//! recorded, nobody works on what the database believes to be at work: the next sweep lets it go, so that it is read
//! back within a second and not when its lease has passed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::OrderId;
use model::order::Order;
use store::StoreError;
use tokio::sync::RwLock;

use crate::Engine;

/// Orders that this process has taken and works on.
#[derive(Default)]
pub(crate) struct InHand {
    orders: Mutex<BTreeSet<OrderId>>,
    /// Held shared from before a claim until what it took is in hand: nothing is let go in between.
    claiming: RwLock<()>,
    /// The database may believe that this node has more in hand than it has.
    doubt: AtomicBool,
}

impl InHand {
    /// Takes orders in hand, until the answer is dropped.
    pub(crate) async fn take(
        &self,
        claim: impl Future<Output = Result<Vec<Order>, StoreError>>,
    ) -> Result<(Vec<Order>, Held<'_>), StoreError> {
        let _claiming = self.claiming.read().await;
        match claim.await {
            Ok(orders) => {
                let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
                self.orders().extend(ids.iter().copied());
                Ok((orders, Held { all: self, ids }))
            }
            Err(error) => {
                self.doubt();
                Err(error)
            }
        }
    }

    fn doubt(&self) {
        self.doubt.store(true, Ordering::Relaxed);
    }

    fn orders(&self) -> MutexGuard<'_, BTreeSet<OrderId>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Orders of one batch in hand.
pub(crate) struct Held<'a> {
    all: &'a InHand,
    ids: Vec<OrderId>,
}

impl Held<'_> {
    /// Notes whether all of the batch came to its end: otherwise the database does not know that it is out of hand.
    pub(crate) fn end<T>(self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_err() {
            self.all.doubt();
        }
        outcome
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut orders = self.all.orders();
        for id in &self.ids {
            orders.remove(id);
        }
    }
}

/// Lets go of what the database believes to be in hand and is not, where there is reason to think so.
pub(crate) async fn let_go(engine: &Engine) -> Result<(), StoreError> {
    let hand = engine.in_hand();
    if !hand.doubt.swap(false, Ordering::Relaxed) {
        return Ok(());
    }
    let _claiming = hand.claiming.write().await;
    let (node, orders): (_, Vec<OrderId>) = (engine.node().to_owned(), hand.orders().iter().copied().collect());
    let gone = engine.store().write(move |tx| Box::pin(async move { tx.let_orders_go(&node, &orders).await })).await;
    match gone {
        Ok(0) => Ok(()),
        Ok(count) => {
            tracing::warn!(orders = count, "What became of orders was lost with the database; they are read back");
            Ok(())
        }
        Err(error) => {
            hand.doubt();
            Err(error)
        }
    }
}
