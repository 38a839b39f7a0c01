//! A company in miniature, in which everything goes wrong that can, and the same way each time a seed is tried again.
//!
//! Two or three nodes of the product share one store and look after five applications. People join, move, leave and come
//! back; rules change; nodes die at any step, are stopped and wake up, their clocks jump, the power fails; calls and
//! answers are lost, late, doubled and out of order. After three simulated hours the trouble ends, people do their part,
//! and all has to be as it should be. What holds after every step is in [`invariants`].
//!
//! **Every decision is the product's**: plans, partitions, checks, orders, states, what follows from an answer, when to
//! try again, thresholds, differences, owners are those of the crate `broker`. Simulated are the walk of `engine` between
//! them ([`node`], [`run`]), the store's rules ([`store`]), the connectors and the applications ([`connector`],
//! [`applications`]), and everybody outside ([`people`], [`faults`]). There is no IO, no thread and no clock here:
//! this crate could do none of them, because nothing it depends on can.
//!
//! | promise (`docs/RELIABILITY.md`) | what is asserted |
//! |---|---|
//! | R1 accepted is durable | `sends`, `effect`, `after_power_loss`: what leaves, what happened and what a person was told is on record, and stays there when the power fails |
//! | R2 effectively once | `effect`: one account per creation and per person; `ordered`, `plan_is_written_whole`, `planned`, `verified`, `accounts_are_right`, `nothing_else_is_recorded`; `quiescent`: what applications hold is what people should have |
//! | R3 order per account | `in_flight` (at most one sent directly and one that others hold, never the same item), `claimed` (dependencies), `effect` (in sequence) |
//! | R4 nothing unapproved | `ordered`, `claimed`: reviews, declined and cancelled orders; `approved`: beyond a limit a run writes what a person let through, and nothing else |
//! | R5 liveness | `quiescent`: nothing waits; `answered`: who waits for a person has a work item; `claimed`: the hopeless is not repeated |
//! | R6 isolation | `answered`: an application that asks to wait is left alone |
//! | R7 leavers first | `leavers_go_first` |
//! | R9 recovery | `event_is_allowed` (fences), `reclaimed`, `answered` (one commit), `answers_are_kept`, nothing lost |
//! | R10 mass change | `ordered`: no run without a person's word takes more away than its limit; `claimed`, `rings_go_in_turn`: no order before its ring, and no ring by itself after one that failed |
//! | R11 timeline | `timeline_is_complete`, `event_is_allowed`: one line for each change, along the table of states |

#![expect(
    clippy::unwrap_used,
    reason = "what is missing in a world that was made here is a mistake of whoever made it"
)]

pub(crate) mod applications;
pub(crate) mod bugs;
pub(crate) mod company;
pub(crate) mod connector;
pub(crate) mod faults;
pub(crate) mod gates;
pub(crate) mod invariants;
pub(crate) mod node;
pub(crate) mod people;
pub(crate) mod run;
pub(crate) mod scheduler;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::rc::Rc;
use std::time::Duration;

use broker::catalogue::Catalogue;
use broker::lifecycle::Event;
use broker::retry::RetryPolicy;
use model::configuration::{Configuration, Rings};
use model::ids::OrderId;

use applications::{Application, Reply};
use bugs::PlantedBug;
use company::{Person, RoleModel};
use faults::NodeState;
use scheduler::{Chance, Desk, HOUR, Moment, Sim};
use store::{Refused, Store};

/// How long things go wrong, and how long the whole lasts at most.
const TROUBLE: Moment = 3 * HOUR;
const END: Moment = 12 * HOUR;
/// Rounds of a run and people's work after the trouble, until all has to be settled.
const ROUNDS: usize = 14;

/// As the product's, but impatient, so that giving up happens within the simulated time.
pub(crate) const RETRY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(60),
    factor: 2,
    cap: Duration::from_secs(600),
    give_up_after: Duration::from_secs(3_600),
    at_least: 3,
    at_most: None,
    passes: None,
};

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Of `docs/RELIABILITY.md`.
    pub(crate) invariant: &'static str,
    pub(crate) message: String,
}

/// What became of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) violation: Option<Violation>,
    /// Of all that happened: the same seed gives the same digest.
    pub(crate) digest: u64,
    pub(crate) steps: u64,
    pub(crate) orders: usize,
    pub(crate) deaths: u32,
    /// All that happened, in words, where it was asked for.
    pub(crate) trace: Vec<String>,
}

/// All there is.
pub(crate) struct World {
    pub(crate) desk: Desk,
    pub(crate) chance: Chance,
    pub(crate) bug: Option<PlantedBug>,
    pub(crate) store: Store,
    pub(crate) applications: BTreeMap<&'static str, Application>,
    pub(crate) people: Vec<Person>,
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) configuration: Configuration,
    pub(crate) catalogue: Rc<Catalogue>,
    /// Answers on their way to whoever still waits for them.
    pub(crate) replies: BTreeMap<u64, Reply>,
    pub(crate) calls: u64,
    /// Until when an application asked not to be asked again, by order.
    pub(crate) asked_to_wait: BTreeMap<OrderId, Moment>,
    /// What operators were told is done.
    pub(crate) promises: Vec<(OrderId, Event)>,
    pub(crate) is_troubled: bool,
    /// Nothing is left to be done.
    pub(crate) is_over: bool,
    /// A directory takes doubles: no call outlives its sender's lease, no node is stopped, no clock is wrong.
    pub(crate) is_gentle: bool,
    /// People carry out a part of what is done in the directory, and what an operator gives them.
    pub(crate) is_divided: bool,
    /// How the orders of a run go, where not all at once.
    pub(crate) rings: Option<Rings>,
    pub(crate) clocks_were_wrong: bool,
    pub(crate) deaths: u32,
    pub(crate) lives: u64,
    pub(crate) lifes: Vec<u64>,
    pub(crate) ledger: invariants::Ledger,
    pub(crate) violation: Option<Violation>,
    pub(crate) digest: DefaultHasher,
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    fn new(seed: u64, bug: Option<PlantedBug>, traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let roles = RoleModel::random(&mut chance);
        let is_gentle = chance.permille(300);
        let count = 2 + chance.below(2);
        // Not drawn by chance, so that all other companies live on as they did.
        let is_divided = seed % 3 == 2;
        let configuration = company::configuration(is_divided);
        let mut world = Self {
            desk: Desk::default(),
            bug,
            store: Store::new(roles),
            applications: BTreeMap::new(),
            people: Vec::new(),
            nodes: vec![NodeState::default(); count],
            catalogue: Rc::new(Catalogue::new(&configuration)),
            configuration,
            replies: BTreeMap::new(),
            calls: 0,
            asked_to_wait: BTreeMap::new(),
            promises: Vec::new(),
            is_troubled: true,
            is_over: false,
            is_gentle,
            is_divided,
            rings: (seed % 4 == 1).then(company::rings),
            clocks_were_wrong: false,
            deaths: 0,
            lives: 0,
            lifes: vec![0; count],
            ledger: invariants::Ledger::default(),
            violation: None,
            digest: DefaultHasher::new(),
            trace: traced.then(Vec::new),
            chance,
        };
        for number in 0..4 + world.chance.below(4) {
            let person = people::someone(&mut world, number);
            world.people.push(person);
        }
        world.applications = applications::applications(&mut world.chance, is_gentle, &world.people);
        world
    }

    /// A probability that holds only while there is trouble.
    pub(crate) fn troubled(&self, permille: u32) -> u32 {
        if self.is_troubled { permille } else { 0 }
    }

    pub(crate) fn node(&self, sim: &Sim, index: usize) -> node::Node {
        node::Node { sim: sim.clone(), index, catalogue: self.catalogue.clone() }
    }

    /// A node that people can reach.
    pub(crate) fn any_node(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.nodes.len()).filter(|index| self.nodes[*index].is_up).collect();
        self.chance.pick(&up)
    }
}

/// Lives through one seed.
pub(crate) fn live(seed: u64, bug: Option<PlantedBug>) -> Outcome {
    play(seed, bug, false)
}

/// The same, with everything that happens in words.
pub(crate) fn narrate(seed: u64, bug: Option<PlantedBug>) -> Outcome {
    play(seed, bug, true)
}

fn play(seed: u64, bug: Option<PlantedBug>, traced: bool) -> Outcome {
    let sim = Sim::new(World::new(seed, bug, traced));
    let count = sim.with(|world| world.nodes.len());
    for index in 0..count {
        faults::start(&sim, index);
    }
    for name in ["badge", "mail"] {
        sim.start(None, connector::executor(sim.clone(), name));
    }
    sim.start(None, people::life(sim.clone()));
    sim.start(None, people::schedule(sim.clone()));
    sim.start(None, people::operator(sim.clone()));
    sim.start(None, people::fulfiller(sim.clone()));
    if sim.with(|world| world.is_divided) {
        sim.start(None, people::helper(sim.clone()));
    }
    let whole = sim.clone();
    sim.start(None, async move {
        faults::trouble(whole.clone(), TROUBLE).await;
        people::clear_up(whole, ROUNDS).await;
    });
    scheduler::run(&sim, END);
    sim.with(|world| Outcome {
        seed,
        violation: world.violation.clone(),
        digest: world.digest.finish(),
        steps: world.desk.steps,
        orders: world.store.current.orders.len(),
        deaths: world.deaths,
        trace: world.trace.take().unwrap_or_default(),
    })
}
