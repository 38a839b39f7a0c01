//! The program is killed at any moment of the job, more than a hundred times, and ends where it would have ended
//! undisturbed: the same people, assignments, accounts and orders, and nobody's account made twice.
//!
//! Two houses see the same feeds. In each, the program is this test's own binary, started again as a child
//! ([`child`]); in one of the houses it is killed (SIGKILL) over and over before it comes to its end. The applications
//! live on meanwhile: two that would make an account twice if they were asked twice (a SCIM server and a database,
//! which both choose their keys), one that answers through files, and one worked by hand.
//!
//! On PostgreSQL, which other nodes could share, it is killed less often: each time the leases of the one that is gone
//! have to pass. The undisturbed house has its own file there as well, so that the two databases are compared besides.
//!
//! The moments are pseudo-random; the seed is printed, and `QUARTERMASTER_SEED` repeats it.

pub(crate) mod house;
pub(crate) mod program;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use testkit::world::{Person, person};

use crate::postgres::Postgres;
use house::{House, Snapshot};
use program::{End, FOLDER, Program};

/// Feeds at the least: joiners, movers, leavers and returners between them.
const FEEDS: usize = 4;
/// And at the most: it is killed seven or eight times in each, by luck in less.
const MOST_FEEDS: usize = 40;
/// Steps of the job in which it is killed, at the least.
const STEPS: usize = 4;

/// The program that is killed. In an ordinary test run it has nothing to do: without the variable that names its
/// house it returns at once.
#[test]
fn child() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        program::main(folder.as_ref());
    }
}

#[test]
fn killed_a_hundred_times_it_ends_as_if_undisturbed() {
    ends_as_if_undisturbed(100, None);
}

#[test]
fn killed_twenty_times_on_postgresql_it_ends_as_if_undisturbed() {
    let server = Postgres::start();
    ends_as_if_undisturbed(20, Some(&server.url()));
}

/// Kills it so often at the least.
fn ends_as_if_undisturbed(enough: usize, server: Option<&str>) {
    let mut dice = Dice::new();
    let (calm, shaken) = (House::build(None), House::build(server));
    let mut people: Vec<Person> = (1..=40).map(|number| colleague(number, &mut dice)).collect();
    let mut gone: Vec<Person> = Vec::new();
    let mut kills = 0;
    let mut feeds = 0;
    while kills < enough || feeds < FEEDS || shaken.tasks_hit().len() < STEPS {
        assert!(feeds < MOST_FEEDS, "{kills} kills hit too few steps of the job: {:?}", shaken.hits());
        if feeds > 0 {
            change(&mut people, &mut gone, &mut dice);
        }
        feeds += 1;
        for house in [&calm, &shaken] {
            house.feed(&people);
        }
        // Every third feed comes incrementally.
        let mode = if feeds % 3 == 0 { "incremental" } else { "complete" };
        calm.ask_for(mode);
        let undisturbed = run(&calm);
        shaken.ask_for(mode);
        let most = enough / FEEDS;
        kills += run_killed(&shaken, &undisturbed, most, &mut dice);
        for house in [&calm, &shaken] {
            house.work_by_hand();
        }
        compare(&calm.snapshot(), &shaken.snapshot(), feeds);
    }
    for house in [&calm, &shaken] {
        house.live_until_settled();
    }
    let end = shaken.snapshot();
    compare(&calm.snapshot(), &end, feeds);
    assert_eq!(end.not_verified, Vec::<String>::new(), "every order is confirmed, or was never needed");
    shaken.check_timelines();

    let hits = shaken.hits();
    eprintln!("{kills} kills in {feeds} feeds hit {hits:?}");
    assert!(hits.values().sum::<usize>() <= kills, "more interrupted runs than kills");
}

/// The program comes to its end by itself.
fn run(house: &House) -> Undisturbed {
    let started = Instant::now();
    let mut program = Program::start(house.folder());
    assert_eq!(program.works_within(None), None, "the program came to work");
    let start = started.elapsed();
    let working = Instant::now();
    assert_eq!(program.ends_within(None), Some(End::Through("completed".into())));
    Undisturbed { start, work: working.elapsed() }
}

/// How long the program takes when nobody kills it.
struct Undisturbed {
    start: Duration,
    work: Duration,
}

/// Kills the program again and again until it gets through, so often at the most; answers how often.
fn run_killed(house: &House, undisturbed: &Undisturbed, most: usize, dice: &mut Dice) -> usize {
    let mut kills = 0;
    loop {
        let mut program = Program::start(house.folder());
        if kills >= most {
            assert_eq!(program.ends_within(None), Some(End::Through("completed".into())));
            return kills;
        }
        // Some die while they start, some, as long as the steps are few, at a step in which none died so far; of the others,
        // many soon, so that a run is killed often before it is through.
        let hit = house.tasks_hit();
        let end = match dice.below(8) {
            0 => program.works_within(Some(dice.part_of(undisturbed.start))),
            1 | 2 if hit.len() < STEPS => program.comes_to_other_than(&hit),
            kind => {
                assert_eq!(program.works_within(None), None, "the program came to work");
                let longest = if kind < 6 { undisturbed.work / 4 } else { undisturbed.work };
                program.ends_within(Some(dice.part_of(longest)))
            }
        };
        match end {
            Some(End::Through(state)) => {
                assert_eq!(state, "completed", "after {kills} kills");
                return kills;
            }
            Some(End::Broken(said)) => panic!("after {kills} kills the program broke down by itself:\n{said}"),
            None => {
                program.kill();
                kills += 1;
            }
        }
    }
}

fn compare(calm: &Snapshot, shaken: &Snapshot, feeds: usize) {
    let missing: Vec<_> = calm.lines.difference(&shaken.lines).collect();
    let extra: Vec<_> = shaken.lines.difference(&calm.lines).collect();
    assert!(missing.is_empty() && extra.is_empty(), "after {feeds} feeds: missing {missing:#?}, extra {extra:#?}");
    assert_eq!(calm.counts, shaken.counts, "after {feeds} feeds: how often something was made or ordered");
}

// ---------------------------------------------------------------------------------------------------- the people

const DEPARTMENTS: [&str; 4] = ["Finance", "Sales", "Stores", "Workshop"];

fn colleague(number: u32, dice: &mut Dice) -> Person {
    // Names that come up more than once, but less often than a generated value is tried.
    const GIVEN: [&str; 4] = ["Ada", "Bo", "Cy", "Di"];
    const FAMILY: [&str; 24] = [
        "Alder", "Ash", "Aspen", "Beech", "Birch", "Cedar", "Cherry", "Elder", "Elm", "Fir", "Hawthorn", "Hazel",
        "Holly", "Juniper", "Larch", "Lime", "Maple", "Oak", "Pine", "Plane", "Poplar", "Rowan", "Willow", "Yew",
    ];
    let pick = |names: &[&'static str], dice: &mut Dice| names[dice.below(names.len() as u64) as usize];
    let (given, family) = (pick(&GIVEN, dice), pick(&FAMILY, dice));
    person(number, given, family, pick(&DEPARTMENTS, dice))
}

/// Some join, some move, some leave, and one may come back.
fn change(people: &mut Vec<Person>, gone: &mut Vec<Person>, dice: &mut Dice) {
    let next = people.iter().chain(gone.iter()).filter_map(|person| person.number.parse::<u32>().ok()).max();
    let next = next.unwrap_or(0) + 1;
    if dice.below(2) == 0 && !gone.is_empty() {
        people.push(gone.remove(0));
    }
    for _ in 0..3 {
        gone.push(people.remove(dice.below(people.len() as u64) as usize));
    }
    for _ in 0..4 {
        let moved = dice.below(people.len() as u64) as usize;
        people[moved].department = DEPARTMENTS[dice.below(4) as usize].to_owned();
    }
    for number in next..next + 4 {
        people.push(colleague(number, dice));
    }
}

/// Pseudo-random numbers (splitmix64), the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = match std::env::var("QUARTERMASTER_SEED") {
            Ok(text) => text.parse().expect("QUARTERMASTER_SEED is a number"),
            Err(_) => u64::from(std::process::id()),
        };
        eprintln!("QUARTERMASTER_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn part_of(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(self.below(1_000) as f64 / 1_000.0)
    }
}

/// Counts by name.
type Counts = BTreeMap<String, usize>;
