//! The organisation that is looked at: many people, of whom the first have orders, and the next have accounts.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use engine::{Engine, Options, configuration, configurations, events, jobs, users};
use generator::World;
use jiff::civil::Date;
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::{AssignmentRule, Subscription};
use model::event::EventFilter;
use model::ids::{AccountId, IdentityId};
use model::job::{RunMode, RunState};
use model::view::IdentityFilter;

pub(crate) const LOGIN: &str = "administrator";
const SEED: u64 = 3;
const DAY: Date = Date::constant(2026, 3, 2);
/// People written in one transaction; those of the first have orders.
const CHUNK: u64 = 20_000;
/// Those who have accounts, with what the generated extracts say that they hold.
const WITH_ACCOUNTS: Range<u64> = CHUNK..11 * CHUNK;

/// Opens it where the folder has it already, or makes it.
pub(crate) async fn open(folder: &Path, people: u64, password: &str) -> Engine {
    let is_there = folder.join("quartermaster.db").exists();
    let engine = opened(folder).await;
    if is_there {
        compare(&engine).await;
        return engine;
    }
    let op = engine.operating_context("benchmark");
    let world = World::new(people, SEED, DAY);
    let directory = folder.join("configuration");
    let mut described = world.configuration();
    // It asks for nothing, so that everything is kept for it.
    described.subscriptions.insert("portal".to_owned(), Subscription { refusals: 3, ..Subscription::default() });
    for (path, text) in configuration::export(&described) {
        let place = directory.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }
    configurations::apply(&op, &directory).await.unwrap_or_else(|error| panic!("{error}"));
    users::add(&engine, LOGIN, "Administrator", password, vec!["administrator".into()]).await.unwrap();
    let ids = engine.store().reserve_ids(usize::try_from(people).unwrap()).await.unwrap();
    let number = |offset: u64| IdentityId(ids.start + i64::try_from(offset).unwrap());
    for first in (0..people).step_by(usize::try_from(CHUNK).unwrap()) {
        let chunk = first..people.min(first + CHUNK);
        let identities: Vec<_> = chunk.clone().map(|offset| world.person(offset, 0).identity(number(offset))).collect();
        let now = op.now;
        let work =
            engine.store().write(move |tx| Box::pin(async move { tx.insert_identities(&identities, None, now).await }));
        work.await.unwrap();
        if WITH_ACCOUNTS.contains(&first) {
            insert_accounts(&engine, &world, chunk, number).await;
        }
        // As the program does it all the time.
        events::operate::page(&op, &EventFilter::default()).await.unwrap();
        if first == 0 {
            for job in ["compute-role-model", "generate-orders"] {
                run(&engine, job).await;
            }
        }
        // What they hold is what they should, but for what has drifted.
        if first + CHUNK == WITH_ACCOUNTS.end {
            run(&engine, "compute-role-model").await;
        }
    }
    compare(&engine).await;
    engine.stop().await;
    drop(engine);
    opened(folder).await
}

/// As the program does it all the time.
async fn compare(engine: &Engine) {
    let (begun, mut compared) = (Instant::now(), 0);
    loop {
        match engine.store().reconcile(500, engine.today()).await.unwrap() {
            0 => break,
            some => compared += some,
        }
    }
    eprintln!("{compared} accounts compared with what is granted in {:?}", begun.elapsed());
}

async fn insert_accounts(engine: &Engine, world: &World, chunk: Range<u64>, number: impl Fn(u64) -> IdentityId) {
    let mut accounts = Vec::new();
    for offset in chunk {
        for (application, cells) in world.extract_rows(&world.person(offset, 0), DAY) {
            let mut cells = cells.into_iter();
            let mut next = || cells.next().unwrap_or_default();
            let (key, full, mail, department, held) = (next(), next(), next(), next(), next());
            let held: BTreeSet<String> = held.split('|').map(str::to_owned).collect();
            let attributes = [("login", key.clone()), ("name", full), ("mail", mail), ("department", department)];
            accounts.push(Account {
                id: AccountId(0),
                application: generator::application(application),
                account_type: generator::account_type(application),
                key,
                owner: Some(number(offset)),
                status: AccountStatus::Enabled,
                provenance: Provenance::Found,
                attributes: attributes.map(|(name, value)| (name.to_owned(), value.into())).into(),
                entitlements: held,
                observed_at: Some(engine.operating_context("benchmark").now),
            });
        }
    }
    let ids = engine.store().reserve_ids(accounts.len()).await.unwrap();
    for (account, id) in accounts.iter_mut().zip(ids) {
        account.id = AccountId(id);
    }
    let now = engine.operating_context("benchmark").now;
    let work = engine.store().write(move |tx| Box::pin(async move { tx.insert_accounts(&accounts, now).await }));
    work.await.unwrap();
}

async fn opened(folder: &Path) -> Engine {
    let address = format!("sqlite:{}", folder.join("quartermaster.db").display());
    Engine::open(Options::new(address, folder.join("data"))).await.unwrap()
}

async fn run(engine: &Engine, job: &str) {
    engine.start_runner().await.unwrap();
    let mut updates = engine.updates().subscribe();
    let id = jobs::start(&engine.operating_context("benchmark"), job.into(), RunMode::default()).await.unwrap();
    loop {
        let update = updates.recv().await.expect("fewer updates than the channel holds");
        if update.run.id == id && update.run.state.is_final() {
            assert!(matches!(update.run.state, RunState::Completed), "{:#?}", update.run);
            return;
        }
    }
}

/// So many rules, spread over all, out of which those are taken whose family name begins with a B.
pub(crate) fn edited(people: u64, count: usize) -> Vec<(String, AssignmentRule)> {
    let rules = World::new(people, SEED, DAY).configuration().rules;
    let step = (rules.len() / count).max(1);
    let without = |rule: AssignmentRule| {
        let when = format!("({}) && !identity.family_name.startsWith('B')", rule.when);
        AssignmentRule { when, ..rule }
    };
    rules.into_iter().step_by(step).take(count).map(|(name, rule)| (name, without(rule))).collect()
}

/// So many people's names, spread over the list.
pub(crate) async fn names(engine: &Engine, count: usize) -> Vec<String> {
    let op = engine.operating_context("benchmark");
    let mut names = Vec::new();
    for letter in ('a'..='z').cycle().take(count) {
        let filter = IdentityFilter { text: Some(letter.to_string()), limit: Some(50), ..IdentityFilter::default() };
        let page = engine::identities::page(&op, filter).await.unwrap();
        names.extend(page.rows.into_iter().nth(names.len() % 50).map(|row| row.display_name));
    }
    names
}
