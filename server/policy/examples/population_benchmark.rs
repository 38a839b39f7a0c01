//! The engine's side of the benchmark over a generated organisation. `benchmark/population.py` starts it, asks it line by
//! line, and asks DuckDB the same in turns; see `docs/BENCHMARKS.md`.
//!
//! `population_benchmark PEOPLE SEED FOLDER plain|everything THREADS`: writes the tables for the other side into the folder as
//! plain little-endian numbers, then answers each line of standard input with one line of JSON. `plain` is rules alone;
//! `everything` are also direct grants, and accounts of four attributes.

use std::fs::File;
use std::io::{BufRead as _, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use generator::{ATTRIBUTES, OWN, World};
use jiff::civil::Date;
use model::access::{GrantOrigin, Grantable};
use model::identity::Period;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::DirectGrant;
use policy::engine::{Difference, Engine, Holdings};
use policy::model::RoleModel;
use serde_json::{Value, json};

/// As the program itself has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: Date = Date::constant(2026, 3, 2);
/// A day that stands for no end.
const NEVER: i32 = 1 << 30;
/// Rows of people and entitlements are one number, the person above this bit.
const PERSON: u32 = 20;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [people, seed, folder, mode, threads] = arguments.as_slice() else {
        eprintln!("usage: population_benchmark PEOPLE SEED FOLDER plain|everything THREADS");
        return ExitCode::from(2);
    };
    let run = || -> Result<(), Failure> {
        let side =
            Side::new(people.parse()?, seed.parse()?, PathBuf::from(folder), mode == "everything", threads.parse()?)?;
        side.serve()
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Side {
    world: World,
    model: Arc<RoleModel>,
    everything: bool,
    threads: usize,
    folder: PathBuf,
    engine: Engine,
    held: Holdings,
    /// Numbers of people whom the next day changes.
    changed: Vec<u64>,
    found: Vec<Difference>,
}

impl Side {
    fn new(people: u64, seed: u64, folder: PathBuf, everything: bool, threads: usize) -> Result<Self, Failure> {
        std::fs::create_dir_all(&folder)?;
        let world = World::new(people, seed, DAY);
        let mut configuration = world.configuration();
        if !everything {
            configuration.account_types.values_mut().for_each(|kind| kind.attributes.retain(|name, _| name == "login"));
        }
        let start = Instant::now();
        let model = RoleModel::compile(&configuration).map_err(|errors| format!("{errors:?}"))?;
        say(&json!({"what": "compile_model", "seconds": start.elapsed().as_secs_f64()}));
        let model = Arc::new(model);
        let engine = Engine::new(Arc::clone(&model)).with_threads(threads);
        let row = |world: &World, number, days| {
            let person = world.person(number, days);
            (world.people_row(&person), world.position_rows(&person))
        };
        let known = 0..world.people_after(0);
        let changed = known.filter(|number| row(&world, *number, 0) != row(&world, *number, 1));
        let changed: Vec<u64> = changed.chain(world.people_after(0)..world.people_after(1)).collect();
        let held = Holdings::default();
        let mut side = Self { world, model, everything, threads, folder, engine, held, changed, found: Vec::new() };
        side.write_tables()?;
        side.held = side.holdings();
        Ok(side)
    }

    fn serve(mut self) -> Result<(), Failure> {
        say(&json!({
            "what": "ready", "people": self.world.people_after(0), "changed": self.changed.len(),
            "resident": status("VmRSS"), "everything": self.everything, "threads": self.threads,
        }));
        for line in std::io::stdin().lock().lines() {
            let start = Instant::now();
            let mut answer = match line?.as_str() {
                "load" => self.load(),
                "compute" => {
                    let computed = self.engine.compute(DAY);
                    json!({"evaluated": computed.evaluated, "changed": computed.changed.len()})
                }
                "difference" => {
                    self.found = self.engine.difference(&self.held);
                    count(&self.found)
                }
                "confirm" => self.confirm(),
                "prepare_changed" => self.back_to_the_first_day(),
                "changed" => self.take_in_changed(),
                "one" => self.one_by_one(),
                "why" => self.why(),
                "next_day" => {
                    let computed = self.engine.compute_some(&[], self.world.day_after(1));
                    json!({"evaluated": computed.evaluated, "changed": computed.changed.len()})
                }
                "rule" => {
                    let rules = (0..50).map(|rule| generator::role(rule * 7));
                    let people = rules.filter_map(|rule| self.engine.who_meets_rule(&self.model, &rule, DAY));
                    json!({"rules": 50, "affected": people.map(|people| people.len()).sum::<usize>()})
                }
                "write" => self.write_answer()?,
                "memory" => json!({"resident": status("VmRSS"), "peak": status("VmHWM")}),
                other => return Err(format!("`{other}` is no question").into()),
            };
            answer["wall"] = json!(start.elapsed().as_secs_f64());
            say(&answer);
        }
        Ok(())
    }

    /// A new engine with everybody, as after a start.
    fn load(&mut self) -> Value {
        self.engine = Engine::new(Arc::clone(&self.model)).with_threads(self.threads);
        let before = status("VmRSS");
        let mut taking = 0.0;
        for number in 0..self.world.people_after(0) {
            let identity = self.world.person(number, 0).identity(id(number));
            let grant = self.everything.then(|| self.grant(number));
            let start = Instant::now();
            self.engine.upsert(&identity);
            if let Some(grant) = grant {
                self.engine.set_grants(identity.id, vec![grant]);
            }
            taking += start.elapsed().as_secs_f64();
        }
        json!({"taking_in": taking, "resident_before": before, "resident": status("VmRSS")})
    }

    fn confirm(&mut self) -> Value {
        for number in 0..self.world.people_after(1) {
            if let Some(digest) = self.engine.digest(id(number)) {
                self.engine.confirm(id(number), digest);
            }
        }
        json!({})
    }

    fn back_to_the_first_day(&mut self) -> Value {
        for number in self.changed.clone() {
            if number < self.world.people_after(0) {
                self.engine.upsert(&self.world.person(number, 0).identity(id(number)));
            } else {
                self.engine.remove(id(number));
            }
        }
        // Back on the first day, and with everything acted upon.
        self.engine.compute(DAY);
        self.confirm()
    }

    /// Everybody whom the next day changes, on that day; what is held of them is compared as well.
    fn take_in_changed(&mut self) -> Value {
        let people: Vec<_> =
            self.changed.iter().map(|number| self.world.person(*number, 1).identity(id(*number))).collect();
        let ids: Vec<IdentityId> = people.iter().map(|identity| identity.id).collect();
        let known = |number: u64| number < self.world.people_after(0);
        let has = |number: &u64| {
            let person = known(*number).then(|| self.world.person(*number, 0));
            person.map_or_else(Vec::new, |person| self.world.found(&person, DAY))
        };
        let has: Vec<Vec<u32>> = self.changed.iter().map(has).collect();
        let start = Instant::now();
        people.iter().for_each(|identity| self.engine.upsert(identity));
        let took = start.elapsed().as_secs_f64();
        // With it come those for whom the new day itself brings something.
        let computed = self.engine.compute_some(&ids, self.world.day_after(1));
        let seconds = start.elapsed().as_secs_f64();
        let mut held = Holdings::default();
        let first = self.model_number(0);
        for (id, has) in ids.iter().zip(&has) {
            held.push(*id, has.iter().map(|entitlement| entitlement + first));
        }
        let found = self.engine.difference_among(&held);
        let all = start.elapsed().as_secs_f64();
        json!({
            "people": people.len(), "taking_in": took, "seconds": seconds, "with_difference": all,
            "changed": computed.changed.len(), "found": count(&found),
        })
    }

    fn one_by_one(&mut self) -> Value {
        let mut times = Vec::new();
        let known = self.world.people_after(0);
        for turn in 0..5_000_u64 {
            // A large step with no common factor goes through everybody in no order.
            let number = (turn * 7_368_787 + 12_345) % known;
            let other = (number + known / 2) % known;
            let mut moved = self.world.person(number, 0);
            moved.positions = self.world.person(other, 0).positions;
            let moved = moved.identity(id(number));
            let start = Instant::now();
            self.engine.upsert(&moved);
            self.engine.compute_only(&[moved.id], DAY);
            times.push(start.elapsed().as_secs_f64());
            self.engine.upsert(&self.world.person(number, 0).identity(id(number)));
            self.engine.compute_only(&[moved.id], DAY);
        }
        percentiles(times)
    }

    fn why(&mut self) -> Value {
        let mut times = Vec::new();
        let mut held = 0;
        for turn in 0..2_000_u64 {
            let number = (turn * 7_368_787 + 99) % self.world.people_after(0);
            let all = self.world.access().entitlements.len() as u64;
            let entitlement = u32::try_from((turn * 104_729) % all).unwrap_or(0);
            let grantable = Grantable::Entitlement(generator::entitlement(entitlement));
            let start = Instant::now();
            let explanation = self.engine.explain(id(number), &grantable, DAY);
            times.push(start.elapsed().as_secs_f64());
            held += usize::from(explanation.is_some_and(|explanation| explanation.held));
        }
        let mut answer = percentiles(times);
        answer["held"] = json!(held);
        answer
    }

    fn holdings(&self) -> Holdings {
        self.holdings_of(&mut (0..self.world.people_after(0)))
    }

    fn holdings_of(&self, numbers: &mut dyn Iterator<Item = u64>) -> Holdings {
        let mut held = Holdings::default();
        let first = self.model_number(0);
        for number in numbers.filter(|number| *number < self.world.people_after(0)) {
            let found = self.world.found(&self.world.person(number, 0), DAY);
            held.push(id(number), found.into_iter().map(|entitlement| entitlement + first));
        }
        held
    }

    /// Names of entitlements sort by their numbers, so the model's numbers follow from the first one.
    fn model_number(&self, entitlement: u32) -> u32 {
        self.engine.entitlement(&generator::entitlement(entitlement)).unwrap_or_default()
    }

    fn grant(&self, number: u64) -> DirectGrant {
        let grant = self.world.grant(number);
        DirectGrant {
            id: DirectGrantId(0),
            identity: id(number),
            grantable: Grantable::Entitlement(generator::entitlement(grant.entitlement)),
            period: Period { starts: None, ends: grant.until.and_then(|day| day.tomorrow().ok()) },
            origin: GrantOrigin { request: RequestId(id(number).0), by: "generated".into(), why: "a task".into() },
        }
    }

    /// What DuckDB gets: people in every context with coded attributes, rules in compiled form, what is held.
    fn write_tables(&self) -> Result<(), Failure> {
        let access = self.world.access();
        let mut context = table(&self.folder, "context")?;
        let mut changed_context = table(&self.folder, "changed_context")?;
        let mut actual = table(&self.folder, "actual")?;
        let mut granted = table(&self.folder, "granted")?;
        let mut named = BufWriter::new(File::create(self.folder.join("person.csv"))?);
        let mut of_changed = self.changed.iter().copied().peekable();
        for number in 0..self.world.people_after(1) {
            let is_known = number < self.world.people_after(0);
            if of_changed.next_if_eq(&number).is_some() {
                self.write_contexts(&mut changed_context, number, 1)?;
            }
            if !is_known {
                continue;
            }
            let person = self.world.person(number, 0);
            self.write_contexts(&mut context, number, 0)?;
            for entitlement in self.world.found(&person, DAY) {
                actual.write_all(&((number << PERSON) | u64::from(entitlement)).to_le_bytes())?;
            }
            if self.everything {
                let grant = self.world.grant(number);
                let ends = grant.until.map_or(NEVER, |day| day_number(day) + 1);
                numbers(&mut granted, &[i32::try_from(number)?, i32::try_from(grant.entitlement)?, ends])?;
                writeln!(named, "{number},{},{} {}", person.key(), person.given_name, person.family_name)?;
            }
        }
        let mut clause = table(&self.folder, "clause")?;
        let mut role_entitlement = table(&self.folder, "role_entitlement")?;
        for (number, role) in (0_i32..).zip(&access.roles) {
            for entitlement in access.of_role(u32::try_from(number)?) {
                numbers(&mut role_entitlement, &[number, i32::try_from(entitlement)?])?;
            }
            for alternative in &role.alternatives {
                let states: &[u16] = if role.early { &[0, 1] } else { &[0] };
                let mut forbidden = forbidden_bits(1, states);
                let hung_on = alternative.iter().max_by_key(|(attribute, _)| self.world.values(*attribute));
                let Some((anchor, codes)) = hung_on else { continue };
                for (attribute, codes) in alternative {
                    forbidden |= forbidden_bits(*attribute, codes);
                    if attribute != anchor && bit_of(*attribute, 0).is_none() {
                        return Err("a rule has a second attribute with many values".into());
                    }
                }
                for code in codes {
                    let before = if role.early { i32::from(generator::DAYS_BEFORE) } else { 0 };
                    numbers(&mut clause, &[i32::try_from(*anchor)?, i32::from(*code), number, before, forbidden])?;
                }
            }
        }
        let mut entitlement = table(&self.folder, "entitlement")?;
        for (number, application) in (0_i32..).zip(&access.entitlements) {
            numbers(&mut entitlement, &[number, i32::from(*application)])?;
        }
        let mut changed = table(&self.folder, "changed")?;
        for number in &self.changed {
            numbers(&mut changed, &[i32::try_from(*number)?])?;
        }
        Ok(())
    }

    /// Person, first day, first day after, priority, bits of the attributes with few values, and all attributes.
    fn write_contexts(&self, table: &mut impl Write, number: u64, days: u16) -> Result<(), Failure> {
        let person = self.world.person(number, days);
        for position in &person.positions {
            let mut bits = 0;
            let mut codes = [0; ATTRIBUTES];
            for (attribute, cell) in codes.iter_mut().enumerate() {
                let code = if attribute < OWN { person.own[attribute] } else { position.codes[attribute - OWN] };
                *cell = i32::from(code);
                bits |= bit_of(attribute, code).unwrap_or(0);
            }
            let ends = position.until.map_or(NEVER, |day| day_number(day) + 1);
            numbers(table, &[i32::try_from(number)?, day_number(position.from), ends, position.priority, bits])?;
            numbers(table, &codes)?;
        }
        Ok(())
    }

    /// The difference last found, everything that should be held, and with it account values, row by row.
    fn write_answer(&self) -> Result<Value, Failure> {
        let first = self.model_number(0);
        let mut added = table(&self.folder, "engine_added")?;
        let mut removed = table(&self.folder, "engine_removed")?;
        for difference in &self.found {
            let person = u64::try_from(difference.identity.0)? << PERSON;
            for (of, table) in [(&difference.add, &mut added), (&difference.remove, &mut removed)] {
                for entitlement in of {
                    table.write_all(&(person | u64::from(entitlement - first)).to_le_bytes())?;
                }
            }
        }
        let mut wanted = table(&self.folder, "engine_wanted")?;
        let mut accounts = BufWriter::new(File::create(self.folder.join("engine_accounts.csv"))?);
        let mut count = 0_u64;
        for number in 0..self.world.people_after(0) {
            for entitlement in self.engine.entitlements(id(number)) {
                wanted.write_all(&((number << PERSON) | u64::from(entitlement - first)).to_le_bytes())?;
                count += 1;
            }
            // Text by text is slow, and a hundred thousand people are enough to tell.
            if self.everything && self.world.people_after(0) <= 100_000 {
                let desired = self.engine.desired(id(number), DAY);
                for account in desired.into_iter().flat_map(|desired| desired.accounts) {
                    let values = account.attributes.iter().map(|attribute| match &attribute.value {
                        model::access::DesiredValue::Value(model::value::Value::Text(text)) => text.clone(),
                        _ => String::new(),
                    });
                    let application = account.application.rsplit('-').next().unwrap_or_default().to_owned();
                    writeln!(accounts, "{number},{application},{}", values.collect::<Vec<_>>().join(","))?;
                }
            }
        }
        Ok(json!({"wanted": count}))
    }
}

fn id(number: u64) -> IdentityId {
    IdentityId(i64::try_from(number).unwrap_or(i64::MAX))
}

fn day_number(day: Date) -> i32 {
    (day - Date::constant(1970, 1, 1)).get_days()
}

/// The bit of a value among those of the attributes with few values: type, status, clearance, schedule, risk, level.
fn bit_of(attribute: usize, code: u16) -> Option<i32> {
    let first = match attribute {
        0 => 0,
        1 => 3,
        2 => 6,
        3 => 11,
        4 => 17,
        16 => 21,
        _ => return None,
    };
    Some(1 << (first + code))
}

fn forbidden_bits(attribute: usize, codes: &[u16]) -> i32 {
    let size = match attribute {
        0 | 1 => 3,
        2 => 5,
        3 => 6,
        4 => 4,
        16 => 8,
        _ => 0,
    };
    (0..size).filter(|code| !codes.contains(code)).filter_map(|code| bit_of(attribute, code)).sum()
}

fn table(folder: &Path, name: &str) -> std::io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(folder.join(format!("{name}.bin")))?))
}

fn numbers(table: &mut impl Write, numbers: &[i32]) -> std::io::Result<()> {
    numbers.iter().try_for_each(|number| table.write_all(&number.to_le_bytes()))
}

fn count(found: &[Difference]) -> Value {
    let added: usize = found.iter().map(|difference| difference.add.len()).sum();
    let removed: usize = found.iter().map(|difference| difference.remove.len()).sum();
    json!({"people": found.len(), "added": added, "removed": removed})
}

fn percentiles(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    let at = |of_thousand: usize| times.get(times.len() * of_thousand / 1_000).copied().unwrap_or_default() * 1e6;
    json!({"times": times.len(), "p50_us": at(500), "p99_us": at(990), "p999_us": at(999), "unit": "microseconds"})
}

/// A number of kilobytes out of this process's status, in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn say(line: &Value) {
    println!("{line}");
}
