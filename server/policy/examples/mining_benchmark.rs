//! Role mining over a generated organisation whose rules are forgotten: everything that people hold is held by nothing.
//!
//! `cargo run --release -p policy --example mining_benchmark -- [people] [attributes] [threads]`; 10,000 people, conditions of 2
//! attributes and 2 threads unless told. Prints JSON lines: what was found, and how long it took.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use generator::World;
use jiff::civil::Date;
use model::identity::{Context, Identity};
use model::ids::IdentityId;
use model::mining::{MiningLimits, MiningWeights, Share};
use policy::mining::{Chosen, Crowd, Item, Thing, propose_bundles, propose_rules};
use roaring::RoaringBitmap;
use serde_json::{Value, json};

/// As the program itself has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TODAY: Date = Date::constant(2026, 3, 2);
const SEED: u64 = 1;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let mut next = |otherwise: u64| numbers.next().unwrap_or(Ok(otherwise));
    let (Ok(people), Ok(attributes), Ok(threads)) = (next(10_000), next(2), next(2)) else {
        eprintln!("usage: mining_benchmark [people] [attributes] [threads], all whole numbers");
        return ExitCode::from(2);
    };
    let (Ok(attributes), Ok(threads)) = (u8::try_from(attributes), usize::try_from(threads)) else {
        eprintln!("so many attributes or threads there are not");
        return ExitCode::from(2);
    };
    run(people, attributes, threads);
    ExitCode::SUCCESS
}

fn run(people: u64, attributes: u8, threads: usize) {
    let world = World::new(people, SEED, TODAY);
    let persons: Vec<generator::Person> = (0..people).map(|number| world.person(number, 0)).collect();
    let identities: Vec<Identity> = persons.iter().zip(1..).map(|(one, id)| one.identity(IdentityId(id))).collect();
    let mut holders: Vec<RoaringBitmap> = Vec::new();
    for (place, person) in (0_u32..).zip(&persons) {
        for entitlement in world.found(person, TODAY) {
            let entitlement = entitlement as usize;
            if holders.len() <= entitlement {
                holders.resize(entitlement + 1, RoaringBitmap::new());
            }
            if let Some(holders) = holders.get_mut(entitlement) {
                holders.insert(place);
            }
        }
    }
    let applications = &world.access().entitlements;
    let items: Vec<Item> = (0..holders.len())
        .map(|entitlement| Item { application: applications.get(entitlement).copied().map(u32::from) })
        .collect();
    let things: Vec<Thing> = holders
        .into_iter()
        .map(|own| Thing { holders: own.clone(), unexplained: own.clone(), own, parts: Vec::new() })
        .collect();
    let holdings: u64 = things.iter().map(|thing| thing.own.len()).sum();
    say(&json!({"people": people, "things": things.len(), "holdings": holdings, "attributes": attributes}));

    let names: BTreeSet<&String> = identities
        .iter()
        .flat_map(|one| one.attributes.keys().chain(one.contexts.iter().flat_map(|context| context.attributes.keys())))
        .collect();
    let chosen: Vec<Chosen<'_>> = names.iter().map(|name| Chosen { attribute: name, dimension: None }).collect();
    let contexts = |one| -> Vec<Option<&Context>> {
        let one: &Identity = one;
        one.contexts.iter().filter(|context| context.period.holds(TODAY)).map(Some).collect()
    };
    let rows: Vec<(&Identity, Vec<Option<&Context>>)> = identities.iter().map(|one| (one, contexts(one))).collect();
    let weights = MiningWeights::default();
    for (precision, false_positives) in [(1_000, 0), (990, 10)] {
        let limits = MiningLimits {
            people: 5,
            precision: Share(precision),
            false_positives: Share(false_positives),
            attributes,
        };
        let start = Instant::now();
        let crowd = Crowd::new(&rows, &chosen, limits.people, TODAY);
        say(&json!({"what": "code", "seconds": start.elapsed().as_secs_f64()}));
        let start = Instant::now();
        let rules = propose_rules(&crowd, &things, &limits, &weights, threads);
        let explained: u64 = rules.rules.iter().map(|rule| rule.described.explains.len()).sum();
        say(&json!({
            "what": "rules", "precision": precision, "seconds": start.elapsed().as_secs_f64(),
            "rules": rules.rules.len(), "explained": explained, "cut": rules.cut.len(),
        }));
        let start = Instant::now();
        let bundles = propose_bundles(&crowd, &things, &items, &BTreeSet::new(), &limits, &weights);
        let saving: i64 = bundles.all.iter().map(|bundle| bundle.saving).sum();
        say(&json!({
            "what": "bundles", "precision": precision, "seconds": start.elapsed().as_secs_f64(),
            "bundles": bundles.all.len(), "saving": saving, "cut": bundles.is_cut,
        }));
    }
}

fn say(line: &Value) {
    // Where nobody reads there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}
