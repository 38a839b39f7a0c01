//! Time, chance and processes. A process is an async function that stops at each step; between two steps anything may
//! happen: another process goes on, a node dies or is stopped, a clock jumps. One thread, one queue sorted by simulated
//! time, one stream of random numbers: the same seed gives the same run, to the last step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::World;

/// Microseconds since the simulation began.
pub(crate) type Moment = i64;

pub(crate) const SECOND: Moment = 1_000_000;
pub(crate) const MINUTE: Moment = 60 * SECOND;
pub(crate) const HOUR: Moment = 60 * MINUTE;

/// 2026-01-05, 08:00 UTC: when every simulation begins.
const EPOCH: i64 = 1_767_600_000;

/// The moment on a clock that shows the right time.
pub(crate) fn timestamp(moment: Moment) -> Timestamp {
    Timestamp::from_microsecond(EPOCH * SECOND + moment).unwrap()
}

/// The reverse of [`timestamp`].
pub(crate) fn moment(timestamp: Timestamp) -> Moment {
    timestamp.as_microsecond() - EPOCH * SECOND
}

/// Random numbers from one seed.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// True so many times out of a thousand.
    pub(crate) fn permille(&mut self, permille: u32) -> bool {
        permille > 0 && self.0.random_range(0..1_000) < permille
    }

    pub(crate) fn between(&mut self, low: Moment, high: Moment) -> Moment {
        self.0.random_range(low..=high)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    /// Evenly over 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0.random()
    }

    /// One of them; none of none.
    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { Some(items[self.below(items.len())].clone()) }
    }
}

/// Something that goes on step by step.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
pub(crate) type ProcessId = u64;

/// What processes tell the scheduler while they run.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) now: Moment,
    pub(crate) current: ProcessId,
    /// The earliest moment at which the running process wants to go on.
    wake: Option<Moment>,
    woken: Vec<ProcessId>,
    started: Vec<(Option<usize>, Work<'static, ()>)>,
    /// Nodes that die at the end of this step.
    pub(crate) dying: Vec<usize>,
    pub(crate) steps: u64,
}

/// What every process holds on to.
#[derive(Clone)]
pub(crate) struct Sim {
    world: Rc<RefCell<World>>,
}

impl Sim {
    pub(crate) fn new(world: World) -> Self {
        Self { world: Rc::new(RefCell::new(world)) }
    }

    /// Looks at, or changes, the world within one step.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.world.borrow_mut())
    }

    pub(crate) fn now(&self) -> Moment {
        self.with(|world| world.desk.now)
    }

    /// Goes on after so long.
    pub(crate) async fn sleep(&self, how_long: Moment) {
        let until = self.now() + how_long;
        Until { sim: self, until }.await;
    }

    /// The end of a step: something else may happen before the next one.
    pub(crate) async fn step(&self) {
        let how_long = self.with(|world| match world.chance.below(20) {
            0 => world.chance.between(SECOND, 4 * SECOND),
            _ => world.chance.between(100, 40_000),
        });
        self.sleep(how_long).await;
    }

    /// Waits until `ready` has something, or until the deadline.
    pub(crate) async fn receive<T>(&self, deadline: Moment, ready: impl Fn(&mut World) -> Option<T>) -> Option<T> {
        std::future::poll_fn(|_| {
            self.with(|world| match ready(world) {
                Some(found) => Poll::Ready(Some(found)),
                None if world.desk.now >= deadline => Poll::Ready(None),
                None => {
                    world.desk.wake_at(deadline);
                    Poll::Pending
                }
            })
        })
        .await
    }

    /// Starts a process, of a node or of the world outside.
    pub(crate) fn start(&self, node: Option<usize>, work: impl Future<Output = ()> + 'static) {
        self.with(|world| world.desk.started.push((node, Box::pin(work))));
    }
}

impl Desk {
    fn wake_at(&mut self, moment: Moment) {
        self.wake = Some(self.wake.map_or(moment, |earlier| earlier.min(moment)));
    }

    /// Lets a process look again now.
    pub(crate) fn wake(&mut self, process: ProcessId) {
        self.woken.push(process);
    }
}

struct Until<'a> {
    sim: &'a Sim,
    until: Moment,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.sim.with(|world| {
            if world.desk.now >= self.until {
                return Poll::Ready(());
            }
            world.desk.wake_at(self.until);
            Poll::Pending
        })
    }
}

/// Several things side by side within one process; answers in their order.
pub(crate) async fn side_by_side<'a, T>(work: Vec<Work<'a, T>>) -> Vec<T> {
    let mut running: Vec<_> = work.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (place, answer) in running.iter_mut().zip(&mut done) {
            if let Some(work) = place
                && let Poll::Ready(finished) = work.as_mut().poll(context)
            {
                *answer = Some(finished);
                *place = None;
            }
        }
        if running.iter().any(Option::is_some) {
            return Poll::Pending;
        }
        Poll::Ready(done.iter_mut().filter_map(Option::take).collect())
    })
    .await
}

struct Process {
    node: Option<usize>,
    work: Work<'static, ()>,
    wake: Moment,
}

/// Runs processes in the order of their time until none is left, an invariant is broken, or the end has come.
pub(crate) fn run(sim: &Sim, end: Moment) {
    let mut processes: BTreeMap<ProcessId, Process> = BTreeMap::new();
    let mut queue: BTreeSet<(Moment, ProcessId)> = BTreeSet::new();
    let mut next: ProcessId = 1;
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let (now, started, woken, dying) = sim.with(|world| {
            let desk = &mut world.desk;
            (
                desk.now,
                std::mem::take(&mut desk.started),
                std::mem::take(&mut desk.woken),
                std::mem::take(&mut desk.dying),
            )
        });
        for (node, work) in started {
            processes.insert(next, Process { node, work, wake: now });
            queue.insert((now, next));
            next += 1;
        }
        for id in woken {
            if let Some(process) = processes.get_mut(&id) {
                queue.remove(&(process.wake, id));
                process.wake = now;
                queue.insert((now, id));
            }
        }
        for node in dying {
            let dead: Vec<_> =
                processes.iter().filter(|(_, process)| process.node == Some(node)).map(|(id, _)| *id).collect();
            for id in dead {
                if let Some(process) = processes.remove(&id) {
                    queue.remove(&(process.wake, id));
                }
            }
            super::faults::has_died(sim, node);
        }
        if sim.with(|world| world.violation.is_some() || world.is_over) {
            return;
        }
        if sim.with(|world| !world.desk.started.is_empty()) {
            continue;
        }
        let Some((at, id)) = queue.pop_first().filter(|(at, _)| *at <= end) else { return };
        let Some(process) = processes.get_mut(&id) else { continue };
        let stopped_until = sim.with(|world| {
            world.desk.now = world.desk.now.max(at);
            world.desk.current = id;
            world.desk.wake = None;
            world.desk.steps += 1;
            process.node.map_or(0, |node| world.nodes[node].stopped_until)
        });
        if stopped_until > at {
            process.wake = stopped_until;
            queue.insert((stopped_until, id));
            continue;
        }
        if process.work.as_mut().poll(&mut context).is_ready() {
            processes.remove(&id);
            continue;
        }
        let node = process.node;
        process.wake = sim.with(|world| world.desk.wake.unwrap_or(Moment::MAX));
        queue.insert((process.wake, id));
        if let Some(node) = node {
            super::faults::after_a_step(sim, node);
        }
    }
}
