//! What goes wrong: nodes die at any step and come back, are stopped and wake up with what they held before, clocks jump,
//! the power fails, applications are dead, mute or slow, and somebody changes accounts behind everybody's back.

use super::World;
use super::applications::Weather;
use super::company::APPLICATIONS;
use super::scheduler::{HOUR, MINUTE, SECOND, Sim};

/// A node, as the world sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeState {
    pub(crate) is_up: bool,
    pub(crate) stopped_until: i64,
    /// Microseconds by which its clock is wrong.
    pub(crate) clock_is_off_by: i64,
    /// When something was wrong with it for the last time.
    pub(crate) last_fault: i64,
    pub(crate) is_fulfilling: bool,
}

/// Out of a hundred thousand steps of a node, how many are its last.
const DEADLY: usize = 120;

/// After each step of a node: it may have been its last.
pub(crate) fn after_a_step(sim: &Sim, node: usize) {
    sim.with(|world| {
        if world.is_troubled && world.chance.below(100_000) < DEADLY {
            world.desk.dying.push(node);
        }
    });
}

/// Its processes are gone; it is started again after a while.
pub(crate) fn has_died(sim: &Sim, index: usize) {
    let wait = sim.with(|world| {
        let now = world.desk.now;
        world.deaths += 1;
        let node = &mut world.nodes[index];
        *node = NodeState { clock_is_off_by: node.clock_is_off_by, last_fault: now, ..NodeState::default() };
        world.lives += 1;
        world.lifes[index] = world.lives;
        (world.lives, world.chance.between(SECOND, 3 * MINUTE))
    });
    let (life, wait) = wait;
    let again = sim.clone();
    sim.start(None, async move {
        again.sleep(wait).await;
        // Unless it died once more meanwhile, which has begun another wait.
        if again.with(|world| world.lifes[index] == life) {
            start(&again, index);
        }
    });
}

/// Starts a node: its runner and its sweeps.
pub(crate) fn start(sim: &Sim, index: usize) {
    let node = sim.with(|world| {
        world.nodes[index].is_up = true;
        world.node(sim, index)
    });
    sim.start(Some(index), node.clone().runner());
    sim.start(Some(index), node.sweep());
}

/// Trouble of all kinds, until it ends.
pub(crate) async fn trouble(sim: Sim, until: i64) {
    while sim.now() < until {
        let wait = sim.with(|world| world.chance.between(MINUTE, 14 * MINUTE));
        sim.sleep(wait).await;
        sim.with(strike);
    }
    sim.with(|world| {
        world.is_troubled = false;
        for application in world.applications.values_mut() {
            application.weather = Weather::Fair;
            application.habits.refuses = 0;
        }
        for node in &mut world.nodes {
            node.clock_is_off_by = 0;
            node.stopped_until = 0;
        }
    });
}

fn strike(world: &mut World) {
    let (now, is_gentle) = (world.desk.now, world.is_gentle);
    let index = world.chance.below(world.nodes.len());
    let name = APPLICATIONS[world.chance.below(APPLICATIONS.len())];
    match world.chance.below(10) {
        0 => world.desk.dying.push(index),
        1 if !is_gentle => {
            let how_long = world.chance.between(20 * SECOND, 4 * MINUTE);
            world.nodes[index].stopped_until = now + how_long;
            world.nodes[index].last_fault = now + how_long;
        }
        2 if !is_gentle => {
            let off_by = world.chance.between(-HOUR, HOUR);
            world.nodes[index].clock_is_off_by = if world.chance.permille(500) { off_by } else { 0 };
            world.clocks_were_wrong = true;
        }
        3 => {
            world.store.lose_power();
            world.desk.dying.extend(0..world.nodes.len());
            super::invariants::after_power_loss(world);
        }
        4 => {
            if name != "badge"
                && let Some(application) = world.applications.get_mut(name)
            {
                application.tamper(now, &mut world.chance);
            }
        }
        5 | 6 => {
            let weather = [Weather::Dead, Weather::Mute, Weather::Slow][world.chance.below(3)];
            // Who is never answered in a gentle world is not answered late either.
            let weather = if is_gentle && weather == Weather::Slow { Weather::Dead } else { weather };
            if let Some(application) = world.applications.get_mut(name) {
                application.weather = weather;
            }
        }
        _ => {
            if let Some(application) = world.applications.get_mut(name) {
                application.weather = Weather::Fair;
            }
        }
    }
}
