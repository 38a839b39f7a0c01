//! The simulation, as often as a test run can afford; `cargo run --release -p broker --example simulate` goes on from here.
//! A failure names its seed: `--narrate SEED` tells what happened.

mod simulation;

use simulation::bugs::PlantedBug;
use simulation::{live, narrate};

/// In how many seeds a planted bug has to be found.
const SEEDS_FOR_A_BUG: u64 = 500;

/// Part of the 500 seeds of every test run, so that parts run side by side.
fn every_promise_is_kept(seeds: std::ops::Range<u64>) {
    let (mut orders, mut deaths) = (0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let outcome = live(seed, None);
        assert_eq!(outcome.violation, None, "SEED={seed}");
        orders += outcome.orders as u64;
        deaths += u64::from(outcome.deaths);
    }
    // That nothing is broken says little where nothing happens.
    assert!(orders > 20 * count && deaths > 10 * count, "{orders} orders and {deaths} deaths in {count} seeds");
}

#[test]
fn every_promise_is_kept_in_seeds_0_to_124() {
    every_promise_is_kept(0..125);
}

#[test]
fn every_promise_is_kept_in_seeds_125_to_249() {
    every_promise_is_kept(125..250);
}

#[test]
fn every_promise_is_kept_in_seeds_250_to_374() {
    every_promise_is_kept(250..375);
}

#[test]
fn every_promise_is_kept_in_seeds_375_to_499() {
    every_promise_is_kept(375..500);
}

/// What a failure prints is enough to see it again, step by step.
#[test]
fn a_seed_replays_to_the_last_step() {
    for seed in 0..5 {
        let (first, second) = (live(seed, None), narrate(seed, None));
        assert_eq!((first.digest, first.steps), (second.digest, second.steps), "SEED={seed}");
        assert!(!second.trace.is_empty());
        assert_ne!(first.digest, live(seed + 1, None).digest, "SEED={seed}");
    }
    let bug = Some(PlantedBug::SentBeforeClaimed);
    assert_eq!(live(0, bug), live(0, bug));
}

/// The simulation would find what it is there to find.
fn bugs_are_found(bugs: &[PlantedBug]) {
    for bug in bugs {
        let found = (0..SEEDS_FOR_A_BUG).any(|seed| live(seed, Some(*bug)).violation.is_some());
        assert!(found, "{bug:?} went unnoticed in {SEEDS_FOR_A_BUG} seeds: {}", bug.what());
    }
}

#[test]
fn the_first_half_of_the_planted_bugs_is_found() {
    bugs_are_found(&PlantedBug::ALL[..PlantedBug::ALL.len() / 2]);
}

#[test]
fn the_other_half_of_the_planted_bugs_is_found() {
    assert!(PlantedBug::ALL.len() >= 25);
    bugs_are_found(&PlantedBug::ALL[PlantedBug::ALL.len() / 2..]);
}
