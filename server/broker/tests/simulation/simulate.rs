//! Lives through any number of seeds, on all processors, and says which of them break a promise.
//!
//! ```text
//! cargo run --release -p broker --example simulate -- --seeds 1000000 --from 0
//! cargo run --release -p broker --example simulate -- --narrate 4711
//! cargo run --release -p broker --example simulate -- --bugs 2000
//! ```

#![expect(clippy::print_stdout, reason = "printing is what a command does")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

mod simulation;

use simulation::bugs::PlantedBug;
use simulation::{Outcome, live, narrate};

const USAGE: &str = "\
simulate [--seeds N] [--from N]   lives through seeds, 10,000 from 0 unless told
simulate --narrate SEED           tells everything that happens in one seed
simulate --bugs N                 plants each bug and looks for it, in N seeds at most
        --bug NAME                plants that bug; with either of the first two";

/// What was asked for.
struct Wish {
    seeds: u64,
    from: u64,
    narrate: Option<u64>,
    hunt: Option<u64>,
    bug: Option<PlantedBug>,
}

fn main() -> ExitCode {
    let wish = match wish(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(problem) => {
            println!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let all_well = match (wish.narrate, wish.hunt) {
        (Some(seed), _) => tell(seed, wish.bug),
        (None, Some(limit)) => hunt(limit),
        (None, None) => campaign(&wish),
    };
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wish(mut arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut wish = Wish { seeds: 10_000, from: 0, narrate: None, hunt: None, bug: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value."))?;
        let number = || value.parse::<u64>().map_err(|_| format!("`{name}` needs a number, not `{value}`."));
        match name.as_str() {
            "--seeds" => wish.seeds = number()?,
            "--from" => wish.from = number()?,
            "--narrate" => wish.narrate = Some(number()?),
            "--bugs" => wish.hunt = Some(number()?),
            "--bug" => {
                let bug = PlantedBug::ALL.iter().find(|bug| format!("{bug:?}") == value);
                wish.bug = Some(*bug.ok_or_else(|| format!("There is no bug `{value}` to plant."))?);
            }
            _ => return Err(format!("There is no `{name}`.")),
        }
    }
    Ok(wish)
}

fn tell(seed: u64, bug: Option<PlantedBug>) -> bool {
    let outcome = narrate(seed, bug);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("{}", summary(&outcome));
    outcome.violation.is_none()
}

fn summary(outcome: &Outcome) -> String {
    let Outcome { seed, digest, steps, orders, deaths, violation, .. } = outcome;
    let end = violation.as_ref().map_or("every promise was kept".to_owned(), |violation| {
        format!("{} BROKEN: {}", violation.invariant, violation.message)
    });
    format!("SEED={seed} digest {digest:016x}, {steps} steps, {orders} orders, {deaths} deaths: {end}")
}

/// Seeds in a row, each processor taking the next one.
fn campaign(wish: &Wish) -> bool {
    const SHOWN: usize = 20;
    let (next, done, began) = (AtomicU64::new(wish.from), AtomicU64::new(0), Instant::now());
    let end = wish.from + wish.seeds;
    let failed: Mutex<Vec<Outcome>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = live(seed, wish.bug);
                    if outcome.violation.is_some() {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        if failed.len() < SHOWN {
                            println!("{}", summary(&outcome));
                        }
                        failed.push(outcome);
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of(1_000) {
                        let each_second = done as f64 / began.elapsed().as_secs_f64();
                        println!("{done} of {} seeds, {each_second:.0} a second", wish.seeds);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|outcome| outcome.seed);
    println!("{} seeds in {:.1} s, {} broke a promise", wish.seeds, began.elapsed().as_secs_f64(), failed.len());
    if let Some(first) = failed.first() {
        println!("the first: {}\nread it with --narrate {}", summary(first), first.seed);
    }
    failed.is_empty()
}

/// Plants each bug, and looks for the first seed that shows it.
fn hunt(limit: u64) -> bool {
    let mut all_found = true;
    println!("| planted bug | found by | seed | |\n|---|---|---|---|");
    for bug in PlantedBug::ALL {
        let found = (0..limit).map(|seed| live(seed, Some(*bug))).find(|outcome| outcome.violation.is_some());
        match found {
            Some(Outcome { seed, violation: Some(violation), .. }) => {
                println!("| {bug:?} | {} | {seed} | {} {} |", violation.invariant, bug.what(), violation.message);
            }
            _ => {
                all_found = false;
                println!("| {bug:?} | **nothing** | | {} |", bug.what());
            }
        }
    }
    all_found
}
