//! What the next run would order were a draft published: it is what that run then does order, order for order; limits and risks
//! are told before anything is live.

use std::collections::BTreeMap;

use engine::context::OpContext;
use engine::simulation::{self, Simulation, Standing};
use engine::{drafts, jobs, role_model};
use model::configuration::{AssignmentRule, Configuration, Entitlement};
use model::draft::{Object, ObjectKind};
use model::error::ErrorCode;
use model::ids::{DraftId, IdentityId};
use model::job::{RunMode, RunState};
use model::user::PermissionPath;
use model::view::{PreviewFilter, PreviewLine};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use testkit::wait;
use testkit::world::{Person, World, person};

/// Drafts that are published one after the other; `QUARTERMASTER_DRAFTS=1000` makes a campaign of it.
const DRAFTS: usize = 100;

const DEPARTMENTS: [&str; 4] = ["Finance", "Sales", "Stores", "Works"];

/// A quarter of them in each department.
fn people(count: u32) -> Vec<Person> {
    let of = |number: u32| {
        let (given, family) = (format!("Given{number}"), format!("Ek{number}"));
        person(number, &given, &family, DEPARTMENTS[number as usize % 4])
    };
    (1..=count).map(of).collect()
}

async fn simulated(op: &OpContext, draft: DraftId) -> Simulation {
    let mut found = None;
    wait::until("the simulation is there", async || {
        if let Standing::Done(done) = simulation::of_draft(op, draft).await.unwrap() {
            found = Some(Simulation::clone(&done));
        }
        found.is_some()
    })
    .await;
    found.unwrap()
}

async fn publish(op: &OpContext, draft: DraftId) {
    let preview = drafts::preview(op, draft).await.unwrap();
    drafts::publish(op, draft, &preview.seal.expect("it can be published")).await.unwrap();
}

/// How often which account is changed how, whatever the reason.
fn changes(lines: &[PreviewLine]) -> BTreeMap<(Option<IdentityId>, String, String, String), usize> {
    let mut counted = BTreeMap::new();
    for line in lines {
        let key = (line.identity, line.account_type.clone(), line.operation.clone(), line.change.clone());
        *counted.entry(key).or_default() += 1;
    }
    counted
}

/// Changes something of the role model, or of how accounts are planned.
fn random_change(random: &mut ChaCha8Rng, live: &Configuration) -> (ObjectKind, String, Option<Object>) {
    let some = |random: &mut ChaCha8Rng, of: &[&str]| of[random.random_range(0..of.len())].to_owned();
    let department = some(random, &DEPARTMENTS);
    match random.random_range(0..6) {
        0 => {
            let entitlement = some(random, &["door", "vault", "ledger"]);
            let rule = AssignmentRule {
                when: format!("identity.department == '{department}'"),
                entitlements: vec![entitlement],
                ..AssignmentRule::default()
            };
            (ObjectKind::Rule, some(random, &["one", "two"]), Some(Object::Rule(rule)))
        }
        1 => {
            let rule = AssignmentRule {
                when: format!("identity.department == '{department}'"),
                access_profiles: vec![some(random, &["entry", "money", "books"])],
                deny: random.random_bool(0.5),
                ..AssignmentRule::default()
            };
            (ObjectKind::Rule, some(random, &["one", "three"]), Some(Object::Rule(rule)))
        }
        2 => {
            let mut role = live.roles["bookkeeper"].clone();
            role.access_profiles = match random.random_range(0..3) {
                0 => vec!["money".to_owned()],
                1 => vec!["books".to_owned()],
                _ => vec!["money".to_owned(), "books".to_owned()],
            };
            (ObjectKind::Role, "bookkeeper".to_owned(), Some(Object::Role(role)))
        }
        3 => {
            let mut rule = live.rules["finance"].clone();
            rule.when = format!("identity.department == '{department}'");
            (ObjectKind::Rule, "finance".to_owned(), Some(Object::Rule(rule)))
        }
        // What is known by another key is another entitlement to the application.
        4 => {
            let key = some(random, &["VAULT", "VAULT-2"]);
            let vault = Entitlement { key, ..live.entitlements["vault"].clone() };
            (ObjectKind::Entitlement, "vault".to_owned(), Some(Object::Entitlement(vault)))
        }
        _ => {
            let known: Vec<&String> = live.rules.keys().filter(|name| name.len() <= 5).collect();
            match known.first() {
                Some(name) => (ObjectKind::Rule, (*name).clone(), None),
                None => random_change(random, live),
            }
        }
    }
}

/// All that waits is done, and confirmed.
async fn settle(world: &mut World) {
    for _ in 0..2 {
        world.settle().await;
        world.do_work_items().await;
    }
    world.run("synchronize-back", RunMode::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_simulated_is_what_the_next_run_orders() {
    let drafts = std::env::var("QUARTERMASTER_DRAFTS").map_or(DRAFTS, |count| count.parse().unwrap());
    let seed = std::env::var("QUARTERMASTER_SEED").map_or(20_261_130, |seed| seed.parse().unwrap());
    eprintln!("QUARTERMASTER_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::new(&people(24)).await;
    settle(&mut world).await;
    let op = world.op();
    let (mut ordered, mut spared) = (0, 0);
    for number in 0..drafts {
        let mut draft = None;
        for _ in 0..random.random_range(1..=3) {
            let (kind, name, object) = random_change(&mut random, &op.engine.world().configuration());
            draft = Some(drafts::put(&op, draft, kind, &name, object).await.unwrap());
        }
        let draft = draft.unwrap();
        let preview = drafts::preview(&op, draft).await.unwrap();
        if preview.seal.is_none() {
            drafts::discard(&op, draft).await.unwrap();
            continue;
        }
        let shown = simulated(&op, draft).await;
        assert_eq!((shown.either_way, shown.refused), (0, 0), "{number}: all was settled, {:#?}", shown.brought.lines);
        publish(&op, draft).await;
        let dry = world.run("complete", RunMode { dry_run: true, ..RunMode::default() }).await;
        let all = PreviewFilter { limit: 1_000, ..PreviewFilter::default() };
        let lines = engine::approvals::preview(&op, dry.id, all).await.unwrap().rows;
        let lines: Vec<PreviewLine> = lines.into_iter().filter(|line| !line.account_type.is_empty()).collect();
        assert_eq!(changes(&shown.brought.lines), changes(&lines), "draft {number}: {:#?}", preview.plan);
        assert_eq!(shown.brought.count, lines.len() as u64);

        // The limits are those by which the run is stopped, and what it orders when it goes on is what was shown.
        let run = jobs::start(&op, "complete".into(), RunMode::default()).await.unwrap();
        let run = settled(&world, run, !shown.trips.is_empty()).await;
        let made = run.tasks.iter().flat_map(|task| &task.counts).find(|(name, _)| name == "orders");
        assert_eq!(made.map_or(0, |(_, count)| *count), i64::try_from(shown.brought.count).unwrap(), "draft {number}");
        ordered += shown.brought.count;
        spared += shown.spared.count;
        settle(&mut world).await;
    }
    assert!(ordered > 20, "drafts of this seed order something: {ordered}");
    assert_eq!(spared, 0, "nothing was due before");
    world.stop().await;
}

/// The run when it has ended, after it was stopped and approved where that is expected.
async fn settled(world: &World, id: model::ids::RunId, is_stopped: bool) -> model::job::Run {
    let op = world.op();
    let mut run = None;
    wait::until("the run ends or is stopped", async || {
        let found = jobs::run(&op, id).await.unwrap().run;
        let there = found.state.is_final() || found.state == RunState::Blocked;
        run = there.then_some(found);
        there
    })
    .await;
    let run = run.unwrap();
    assert_eq!(run.state == RunState::Blocked, is_stopped, "{run:#?}");
    if !is_stopped {
        return run;
    }
    let blocks = engine::approvals::blocks(&op, id).await.unwrap();
    engine::approvals::approve(&op, id, Some(blocks[0].digest.clone()), "as it was shown".into()).await.unwrap();
    world.ended(id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_risks_are_told_before_anything_is_live() {
    let risk = r#"
[risks.vault-and-ledger]
display_name = "Vault and ledger"
kind = "separation_of_duties"
level = 70
on_conflict = "warn"
rules = [{ sides = [
    { label = "Enters the vault", entitlements = ["vault"] },
    { label = "Keeps the ledger", entitlements = ["ledger"] },
] }]
"#;
    let mut world = World::with_more(&people(48), risk, |_| {}).await;
    settle(&mut world).await;
    let op = world.op();
    let everybody = AssignmentRule {
        when: "identity.lifecycle == 'active'".to_owned(),
        roles: vec!["bookkeeper".to_owned()],
        ..AssignmentRule::default()
    };
    let draft = drafts::put(&op, None, ObjectKind::Rule, "more", Some(Object::Rule(everybody))).await.unwrap();
    let shown = simulated(&op, draft).await;
    // A quarter of them are bookkeepers already.
    let [risk] = shown.risks.as_slice() else { panic!("{:#?}", shown.risks) };
    assert_eq!((risk.label.as_str(), risk.created, risk.cured), ("Vault and ledger", 36, 0));
    assert_eq!(risk.people.len(), 20, "the first of them are named");
    assert!(!shown.trips.is_empty(), "three quarters of them get something new");
    assert_eq!((shown.people, shown.brought.radius.people), (48, 36), "whoever has it already is looked at as well");

    // Whoever may not see people sees numbers.
    let mut reader = world.op();
    reader.permissions = PermissionPath::parse(role_model::VIEW).into_iter().collect();
    let blind = simulated(&reader, draft).await;
    assert_eq!((blind.brought.count, blind.brought.lines.len()), (shown.brought.count, 0));
    assert!(blind.brought.radius.top_people.is_empty() && blind.risks[0].people.is_empty());
    reader.permissions.clear();
    let refused = simulation::of_draft(&reader, draft).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);

    // The other way round, the risk ends for whoever is in Finance.
    let removal = drafts::put(&op, None, ObjectKind::Rule, "finance", None).await.unwrap();
    let shown = simulated(&op, removal).await;
    assert_eq!((shown.risks[0].created, shown.risks[0].cured), (0, 12));
    assert_eq!(shown.brought.radius.entitlements_removed, 24);

    // Of what ended there is nothing to simulate any more, and the answer says where to look.
    drafts::discard(&op, removal).await.unwrap();
    let ended = simulation::of_draft(&op, removal).await.unwrap_err();
    assert_eq!(ended.code, ErrorCode::Conflict);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_grants_and_a_draft_makes_known_is_counted_as_lost() {
    let mut world = World::new(&people(24)).await;
    settle(&mut world).await;
    let op = world.op();
    // Somebody has given two people something in the application itself, of which the role model knows nothing.
    for number in ["1", "2"] {
        world.badges.accounts.get_mut(number).unwrap().entitlements.insert("ROOF".into());
    }
    world.badges.write_extract();
    settle(&mut world).await;
    let roof = Entitlement {
        display_name: "Roof".to_owned(),
        key: "ROOF".to_owned(),
        ..op.engine.world().configuration().entitlements["vault"].clone()
    };
    let draft = drafts::put(&op, None, ObjectKind::Entitlement, "roof", Some(Object::Entitlement(roof))).await.unwrap();
    let effect = drafts::preview(&op, draft).await.unwrap().plan.effect.unwrap();
    assert_eq!(effect.identities, 0, "nobody should have anything else");
    let shown = simulated(&op, draft).await;
    assert_eq!((shown.brought.count, shown.brought.radius.entitlements_removed), (2, 2), "{:#?}", shown.brought.lines);
    assert!(shown.brought.lines.iter().all(|line| line.change.contains("ROOF")), "{:#?}", shown.brought.lines);
    world.stop().await;
}
