//! Batches of one application, one after the other and without a gap between them: as soon as a batch has nothing left to
//! begin, the next one begins with the connections that are free, and does not wait for the last answer. Together they use no
//! more connections than the application is to have.

use std::pin::pin;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{Mutex, Semaphore};

/// Who may call the application, and when.
pub(crate) struct Turns {
    /// Held by the batch that still has calls to begin.
    turn: Mutex<()>,
    connections: Semaphore,
}

impl Turns {
    /// So many calls at once, at the least one.
    pub(crate) fn new(connections: usize) -> Self {
        Self { turn: Mutex::default(), connections: Semaphore::new(connections.max(1)) }
    }

    /// Makes all calls of a batch, after those of the batches before; the answers in the order in which they come.
    pub(crate) async fn in_turn<T: Send>(&self, calls: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        let turn = self.turn.lock().await;
        self.all(calls, || drop(turn)).await
    }

    /// Makes calls that belong to what was begun in turn.
    pub(crate) async fn at_once<T: Send>(&self, calls: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        self.all(calls, || ()).await
    }

    async fn all<T: Send>(&self, calls: Vec<BoxFuture<'_, T>>, begun: impl FnOnce() + Send) -> Vec<T> {
        let mut answers = Vec::with_capacity(calls.len());
        let mut under_way = FuturesUnordered::new();
        for call in calls {
            let mut permit = pin!(self.connections.acquire());
            let permit = loop {
                tokio::select! {
                    permit = &mut permit => break permit,
                    Some(answer) = under_way.next() => answers.push(answer),
                }
            };
            under_way.push(async move {
                // The semaphore is never closed.
                let _permit = permit;
                call.await
            });
        }
        begun();
        while let Some(answer) = under_way.next().await {
            answers.push(answer);
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Calls that count how many are under way, and answer once they are let go.
    struct World {
        turns: Turns,
        under_way: AtomicUsize,
        most: AtomicUsize,
        begun: std::sync::Mutex<Vec<u32>>,
        go: Semaphore,
    }

    impl World {
        fn new(connections: usize) -> Arc<Self> {
            Arc::new(Self {
                turns: Turns::new(connections),
                under_way: AtomicUsize::default(),
                most: AtomicUsize::default(),
                begun: std::sync::Mutex::default(),
                go: Semaphore::new(0),
            })
        }

        async fn call(&self, number: u32) -> u32 {
            self.begun.lock().unwrap().push(number);
            self.most.fetch_max(self.under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            self.go.acquire().await.unwrap().forget();
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            number
        }

        fn batch(self: &Arc<Self>, numbers: std::ops::Range<u32>) -> tokio::task::JoinHandle<Vec<u32>> {
            let world = Arc::clone(self);
            tokio::spawn(async move {
                let calls = numbers.map(|number| -> BoxFuture<'_, u32> { Box::pin(world.call(number)) }).collect();
                world.turns.in_turn(calls).await
            })
        }

        fn begun(&self) -> Vec<u32> {
            self.begun.lock().unwrap().clone()
        }
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_batch_begins_while_the_last_answers_of_the_one_before_are_awaited() {
        let world = World::new(3);
        let first = world.batch(0..4);
        settle().await;
        let second = world.batch(10..13);
        settle().await;
        assert_eq!(world.begun(), [0, 1, 2], "no more than there are connections");
        world.go.add_permits(1);
        settle().await;
        assert_eq!(world.begun(), [0, 1, 2, 3], "what is left of the first goes before the second");
        world.go.add_permits(1);
        settle().await;
        assert_eq!(world.begun(), [0, 1, 2, 3, 10], "two of the first are still without an answer");
        assert!(!first.is_finished());
        world.go.add_permits(5);
        let (mut first, mut second) = (first.await.unwrap(), second.await.unwrap());
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!((first, second), (vec![0, 1, 2, 3], vec![10, 11, 12]));
        assert_eq!(world.most.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_batch_that_is_given_up_lets_the_next_one_begin() {
        let world = World::new(2);
        let first = world.batch(0..4);
        settle().await;
        let second = world.batch(10..11);
        settle().await;
        first.abort();
        world.go.add_permits(1);
        assert_eq!(second.await.unwrap(), [10]);
    }

    #[tokio::test]
    async fn what_belongs_to_a_batch_does_not_wait_for_its_turn() {
        let world = World::new(2);
        let waiting = world.batch(0..3);
        settle().await;
        world.go.add_permits(1);
        settle().await;
        let calls: Vec<BoxFuture<'_, u32>> = vec![Box::pin(world.call(20))];
        world.go.add_permits(3);
        assert_eq!(world.turns.at_once(calls).await, [20]);
        assert_eq!(waiting.await.unwrap().len(), 3);
        assert_eq!(world.most.load(Ordering::Relaxed), 2);
    }
}
