//! The simulation, as often as a test run can afford. `cargo run --release -p broker --example simulate` goes on from here.

mod simulation;

use simulation::live;

#[test]
fn five_hundred_seeds_keep_every_promise() {
    for seed in 0..500 {
        let outcome = live(seed, None);
        assert_eq!(outcome.violation, None, "seed {seed}");
    }
}
