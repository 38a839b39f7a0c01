//! Changes made on a real directory server behind Quartermaster's back, beside its own.

use std::collections::HashSet;
use std::time::Duration;

use engine::orders::Deed;
use engine::{home, identities, native_changes, orders};
use jiff::Timestamp;
use ldap3::Mod;
use model::ids::NativeChangeId;
use model::job::{RunMode, RunState};
use model::native_change::{NativeChange, NativeChangeFilter, NativeChangeState, NativeDecision};
use model::order::{Order, ProvisioningState};
use model::trigger::Trigger;
use model::view::OrderFilter;
use testkit::directory::Directory;
use testkit::world::{Person, World, crowd, person};

use crate::slapd;

fn people() -> Vec<Person> {
    crowd(8)
}

/// A directory whose entries are named after numbers, with settings for native changes.
fn configuration(port: u16, native: &str) -> String {
    let directory =
        slapd::application(("company", "Company directory"), port, "uid", "thresholds = { deleted = \"off\" }");
    directory + ENTRIES + native
}

const ENTRIES: &str = r#"
[account_types.entry]
display_name = "Entry"
application = "company"
key = "uid"
correlation = [{ identity = "identity.key", account = "uid", confidence = 100 }]
[account_types.entry.attributes]
uid = { expression = "identity.key", required = true }
cn = { expression = "identity.display_name", required = true }
sn = { expression = "identity.family_name", required = true }
title = { expression = "identity.department" }
description = { value = "As made", create_only = true }
[entitlements.readers]
display_name = "Readers"
account_type = "entry"
key = "readers"
[rules.readers]
when = 'identity.lifecycle == "active"'
entitlements = ["readers"]
"#;

struct House {
    world: World,
    ldap: ldap3::Ldap,
    _server: slapd::Slapd,
}

impl House {
    /// Everybody has an account, and the directory was read once.
    async fn new(native: &str) -> Self {
        let server = slapd::start_slapd(&["readers", "wheel"], false);
        let port = server.server.port;
        let world = World::with_more(&people(), &configuration(port, native), |_| {}).await;
        let ldap = slapd::signed_in(port).await;
        let house = Self { world, ldap, _server: server };
        house.run("complete").await;
        house.run("synchronize-back").await;
        assert!(house.all().await.is_empty(), "the first reading is the baseline");
        house
    }

    /// A run that goes well, a while later.
    async fn run(&self, job: &str) {
        self.world.clock.step(Duration::from_secs(60));
        let run = self.world.run(job, RunMode::default()).await;
        assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    }

    async fn read(&self) {
        self.run("synchronize-back").await;
    }

    /// Oldest first.
    async fn all(&self) -> Vec<NativeChange> {
        let page = native_changes::page(&self.world.op(), &NativeChangeFilter::default()).await.unwrap();
        page.rows.into_iter().rev().map(|row| row.change).collect()
    }

    /// "7 title: “a” → “b”: open", with the person's number.
    async fn told(&self) -> Vec<String> {
        let said = |change: &NativeChange| {
            let number = change.key.trim_start_matches("uid=").split(',').next().unwrap_or_default().to_owned();
            format!("{number} {}: {}", change.sentence(), change.state.name())
        };
        self.all().await.iter().map(said).collect()
    }

    async fn only(&self) -> NativeChange {
        let [only] = <[NativeChange; 1]>::try_from(self.all().await).unwrap();
        only
    }

    async fn set(&mut self, number: u32, attribute: &str, value: &str) {
        let change = vec![Mod::Replace(attribute.to_owned(), HashSet::from([value.to_owned()]))];
        self.ldap.modify(&dn(number), change).await.unwrap().success().unwrap();
    }

    async fn member(&mut self, group: &str, change: fn(String, HashSet<String>) -> Mod<String>, number: u32) {
        let group = format!("cn={group},ou=groups,{}", slapd::SUFFIX);
        let change = vec![change("member".into(), HashSet::from([dn(number)]))];
        self.ldap.modify(&group, change).await.unwrap().success().unwrap();
    }

    async fn get(&mut self, number: u32, attribute: &str) -> Option<String> {
        let found =
            self.ldap.search(&dn(number), ldap3::Scope::Base, "(objectClass=*)", vec![attribute]).await.unwrap();
        let entry = found.success().ok()?.0.into_iter().next().map(ldap3::SearchEntry::construct)?;
        entry.attrs.get(attribute).and_then(|values| values.first().cloned())
    }

    async fn holds(&mut self, group: &str, number: u32) -> bool {
        let group = format!("cn={group},ou=groups,{}", slapd::SUFFIX);
        let found = self.ldap.search(&group, ldap3::Scope::Base, "(objectClass=*)", vec!["member"]).await.unwrap();
        let entry = found.success().unwrap().0.into_iter().next().map(ldap3::SearchEntry::construct).unwrap();
        entry.attrs["member"].contains(&dn(number))
    }

    async fn decide(&self, id: NativeChangeId, decision: NativeDecision, comment: &str) -> NativeChangeState {
        let outcomes = native_changes::decide(&self.world.op(), &[id], decision, comment).await.unwrap();
        let (_, outcome) = outcomes.into_iter().next().unwrap();
        outcome.unwrap()
    }

    /// Waits until the change is in this state, as the run that a decision queued brings about.
    async fn comes_to(&self, id: NativeChangeId, state: NativeChangeState) {
        let mut updates = self.world.engine.updates().subscribe();
        loop {
            if self.all().await.iter().any(|change| change.id == id && change.state == state) {
                return;
            }
            let waited = tokio::time::timeout(Duration::from_secs(20), updates.recv()).await;
            assert!(waited.is_ok(), "it never came to {state:?}: {:#?}", self.all().await);
        }
    }

    async fn timeline(&self, number: u32) -> String {
        let op = self.world.op();
        let id = identities::find(&op, &number.to_string()).await.unwrap();
        let events = identities::detail(&op, id).await.unwrap().events;
        events.into_iter().map(|event| event.message).collect::<Vec<_>>().join("\n")
    }
}

fn dn(number: u32) -> String {
    format!("uid={number},ou=people,{}", slapd::SUFFIX)
}

const REVIEW: &str = "[applications.company.native_changes]\nreaction = \"review\"\n";

#[tokio::test]
async fn a_change_of_ours_is_none_and_one_made_on_the_server_beside_it_is_told() {
    let mut house = House::new(REVIEW).await;
    let mut people = people();
    people[0].department = "Finance".into();
    house.world.feed(&people);
    for step in ["collect", "synchronize", "compute-role-model", "generate-orders", "fulfil"] {
        house.run(step).await;
    }
    assert_eq!(house.get(1, "title").await.as_deref(), Some("Finance"), "ours is done");
    house.set(1, "sn", "Lewis").await;
    house.read().await;
    assert_eq!(house.told().await, ["1 sn: “Name1” → “Lewis”: open"]);
    assert_eq!(home::home(&house.world.op()).await.unwrap().native_changes, 1);
    let timeline = house.timeline(1).await;
    assert!(
        timeline.contains("Changed in Company directory itself") && timeline.contains("sn: “Name1” → “Lewis”"),
        "{timeline}"
    );
    // It waits: neither another reading nor the role model takes it on.
    house.run("complete").await;
    house.read().await;
    assert_eq!(house.told().await, ["1 sn: “Name1” → “Lewis”: open"]);
    assert_eq!(house.get(1, "sn").await.as_deref(), Some("Lewis"));
    house.world.stop().await;
}

#[tokio::test]
async fn whatever_is_changed_on_the_server_is_told_once_also_across_a_stop() {
    let native = "[applications.company.native_changes]\nreaction = \"notify\"\n\
                  [applications.company.native_changes.reactions]\ndeleted = \"review\"\n";
    let mut house = House::new(native).await;
    let value = |text: &str| HashSet::from([text.to_owned()]);
    let entry = [("objectClass", "inetOrgPerson"), ("uid", "zoe"), ("cn", "Zoe Rogue"), ("sn", "Rogue")];
    let entry = entry.map(|(name, text)| (name.to_owned(), value(text))).to_vec();
    house.ldap.add(&format!("uid=zoe,ou=people,{}", slapd::SUFFIX), entry).await.unwrap().success().unwrap();
    house.member("wheel", Mod::Add, 2).await;
    house.member("readers", Mod::Delete, 3).await;
    house.member("readers", Mod::Delete, 4).await;
    house.ldap.delete(&dn(4)).await.unwrap().success().unwrap();
    house.set(5, "description", "Changed").await;
    house.run("collect").await;
    // What was read is taken over by the next process, and once more by the one after it.
    house.world.restart().await;
    house.run("synchronize").await;
    let expected = [
        "2 wheel was added: noted",
        "3 readers was removed: noted",
        "4 the account was deleted: open",
        "5 description: “As made” → “Changed”: noted",
        "zoe the account was created: noted",
    ];
    let mut told = house.told().await;
    told.sort();
    assert_eq!(told, expected);
    house.world.restart().await;
    house.run("collect").await;
    house.run("synchronize").await;
    house.read().await;
    assert_eq!(house.all().await.len(), expected.len(), "nothing twice");
    // What nobody decides about is corrected as always, what waits for a decision is not.
    house.run("complete").await;
    assert!(house.holds("readers", 3).await);
    assert!(house.get(4, "sn").await.is_none(), "the deleted account waits");
    let deleted = house.all().await.into_iter().find(|change| change.state == NativeChangeState::Open).unwrap();
    house.decide(deleted.id, NativeDecision::Revert, "").await;
    house.comes_to(deleted.id, NativeChangeState::Reverted).await;
    assert_eq!(house.get(4, "sn").await.as_deref(), Some("Name4"));
    house.world.stop().await;
}

#[tokio::test]
async fn what_is_accepted_stands_until_something_else_is_wanted() {
    let mut house = House::new(REVIEW).await;
    house.set(1, "title", "Queen").await;
    house.read().await;
    let change = house.only().await;
    assert_eq!(house.decide(change.id, NativeDecision::Accept, "She is").await, NativeChangeState::Accepted);
    assert!(house.timeline(1).await.contains("accepted native change"));
    house.run("complete").await;
    house.read().await;
    assert_eq!(house.get(1, "title").await.as_deref(), Some("Queen"));
    let change = house.only().await;
    assert!(change.holds && change.decided_by.is_some() && change.comment.as_deref() == Some("She is"), "{change:?}");
    let again = native_changes::decide(&house.world.op(), &[change.id], NativeDecision::Accept, "").await.unwrap();
    assert!(again[0].1.is_err(), "it is decided");
    let mut people = people();
    people[0].department = "Finance".into();
    house.world.feed(&people);
    house.run("complete").await;
    assert_eq!(house.get(1, "title").await.as_deref(), Some("Finance"));
    assert!(!house.only().await.holds);
    people[0].department = "Sales".into();
    house.world.feed(&people);
    house.run("complete").await;
    assert_eq!(house.get(1, "title").await.as_deref(), Some("Sales"), "also when the old value is wanted again");
    house.world.stop().await;
}

#[tokio::test]
async fn the_settings_set_back_by_orders_that_say_so_and_not_for_ever() {
    let native = "[account_types.entry.native_changes]\nreaction = \"revert\"\nreverts_per_day = 2\n";
    let mut house = House::new(native).await;
    for times in 1..=2 {
        house.set(1, "sn", "Lewis").await;
        house.set(2, "description", &format!("Changed {times}")).await;
        house.run("complete").await;
        assert_eq!(house.get(1, "sn").await.as_deref(), Some("Name1"));
        assert_eq!(
            house.get(2, "description").await.as_deref(),
            Some("As made"),
            "also what the role model leaves alone"
        );
        house.read().await;
        let all = house.all().await;
        assert_eq!(all.len(), 2 * times);
        assert!(all.iter().all(|change| change.state == NativeChangeState::Reverted), "{all:#?}");
    }
    let change = house.all().await.remove(0);
    let order = orders::detail(&house.world.op(), change.order.unwrap()).await.unwrap().order;
    assert_eq!((order.trigger, order.state), (Trigger::Drift, ProvisioningState::Verified));
    assert!(order.explanation.contains(&format!("native change {}", change.id)), "{}", order.explanation);
    let filter = OrderFilter { limit: Some(500), ..OrderFilter::default() };
    let before = orders::page(&house.world.op(), filter.clone()).await.unwrap().total;
    // The third time within a day it is a quarrel, and a person is asked.
    house.set(1, "sn", "Lewis").await;
    house.run("complete").await;
    house.read().await;
    assert_eq!(house.get(1, "sn").await.as_deref(), Some("Lewis"));
    assert_eq!(orders::page(&house.world.op(), filter).await.unwrap().total, before, "nothing was ordered");
    let last = house.all().await.pop().unwrap();
    assert_eq!(last.state, NativeChangeState::Open);
    assert!(last.why.as_deref().is_some_and(|why| why.contains("Another authority")), "{last:?}");
    house.decide(last.id, NativeDecision::Revert, "It was the helpdesk's script").await;
    house.comes_to(last.id, NativeChangeState::Reverted).await;
    assert_eq!(house.get(1, "sn").await.as_deref(), Some("Name1"));
    house.world.stop().await;
}

#[tokio::test]
async fn what_nothing_can_set_back_says_why_and_waits() {
    let native = "[applications.company.native_changes]\nreaction = \"revert\"\n";
    let mut house = House::new(native).await;
    house.member("wheel", Mod::Add, 2).await;
    house.read().await;
    let change = house.only().await;
    assert_eq!(change.state, NativeChangeState::Open);
    assert!(change.why.as_deref().is_some_and(|why| why.contains("does not manage “wheel”")), "{change:?}");
    let all = NativeChangeFilter::default();
    // What came after the list was seen is not meant.
    let seen = change.seen_at - jiff::SignedDuration::from_micros(1);
    assert!(native_changes::decide_all(&house.world.op(), &all, seen, NativeDecision::Accept, "").await.is_err());
    let refused =
        native_changes::decide_all(&house.world.op(), &all, change.seen_at, NativeDecision::Revert, "").await.unwrap();
    assert!(
        refused[0].1.as_ref().is_err_and(|error| error.message.contains("Add it to the configuration")),
        "{refused:?}"
    );
    let accepted =
        native_changes::decide_all(&house.world.op(), &all, change.seen_at, NativeDecision::Accept, "").await.unwrap();
    assert_eq!(accepted.len(), 1);
    assert!(
        native_changes::decide_all(&house.world.op(), &all, change.seen_at, NativeDecision::Accept, "").await.is_err(),
        "none is left"
    );
    house.run("complete").await;
    assert!(house.holds("wheel", 2).await);
    house.member("wheel", Mod::Delete, 2).await;
    house.read().await;
    assert_eq!(house.told().await, ["2 wheel was added: overtaken", "2 wheel was removed: open"]);
    house.world.stop().await;
}

/// Users of a server that chooses keys itself, and takes nothing around noon.
fn users(port: u16) -> String {
    let more = "thresholds = { deleted = \"off\" }\nnative_changes = { reaction = \"revert\" }\n\
                maintenance = [{ days = [\"monday\"], from = \"12:00\", until = \"14:00\" }]";
    [&testkit::configuration::directory(port, more), testkit::configuration::USER].concat()
}

#[tokio::test]
async fn setting_back_comes_to_an_end_also_where_somebody_calls_it_off() {
    let there = Directory::start(&["staff"]);
    let left = Person { last_day: "2026-02-01".into(), ..person(40, "Zoe", "Rogue", "Sales") };
    // So many that one account less is within every threshold.
    let people: Vec<Person> = crowd(30).into_iter().chain([left]).collect();
    let world = World::with_more(&people, &users(there.port), |_| {}).await;
    let run = async |job: &str| {
        world.clock.step(Duration::from_secs(60));
        let run = world.run(job, RunMode::default()).await;
        assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    };
    let told = async || {
        let page = native_changes::page(&world.op(), &NativeChangeFilter::default()).await.unwrap();
        page.rows.into_iter().rev().map(|row| row.change).collect::<Vec<NativeChange>>()
    };
    let id_of = |name: &str| {
        let state = there.state();
        let found = state.users.iter().find(|(_, user)| user["userName"] == name);
        found.map(|(id, _)| id.clone()).unwrap()
    };
    run("complete").await;
    run("synchronize-back").await;
    assert!(told().await.is_empty());

    // Somebody who has left is given an account, and somebody at work loses theirs.
    let rogue = serde_json::json!({ "id": "rogue", "userName": "40", "displayName": "Zoe Rogue", "active": true });
    there.state().users.insert("rogue".into(), rogue.as_object().unwrap().clone());
    let lost = id_of("4");
    there.state().users.remove(&lost);
    there.state().groups.get_mut("staff").unwrap().remove(&lost);
    run("complete").await;
    run("synchronize-back").await;
    assert_eq!(there.state().users["rogue"]["active"], false);
    assert_ne!(id_of("4"), lost, "the server has given it another key");
    let orders = world.orders_of("directory").await.len();
    for _ in 0..2 {
        let all = told().await;
        assert_eq!(all.len(), 2, "{all:#?}");
        assert!(all.iter().all(|change| change.state == NativeChangeState::Reverted), "{all:#?}");
        run("complete").await;
    }
    assert_eq!(world.orders_of("directory").await.len(), orders, "nothing is ordered again");

    // What is being set back is stopped by giving its order up, and waits for a person from then on.
    let noon: Timestamp = "2026-03-02T12:30:00Z".parse().unwrap();
    world.clock.step(noon.duration_since(world.clock.now()).unsigned_abs());
    let first = id_of("1");
    there.state().users.get_mut(&first).unwrap().insert("displayName".into(), "Queen".into());
    run("synchronize-back").await;
    let waits = |order: &Order| order.state == ProvisioningState::Pending && order.trigger == Trigger::Drift;
    let waiting = world.until("directory", "it is to be set back", |orders| orders.iter().any(waits)).await;
    let order = waiting.iter().find(|order| waits(order)).unwrap().id;
    orders::act(&world.op(), order, Deed::Cancel { why: "She is".into() }).await.unwrap();
    let change = told().await.pop().unwrap();
    assert_eq!((change.state, change.order), (NativeChangeState::Open, Some(order)));
    assert!(change.why.as_deref().is_some_and(|why| why.contains("She is")), "{change:?}");
    world.clock.step(Duration::from_hours(2));
    run("complete").await;
    run("synchronize-back").await;
    assert_eq!(told().await.pop().unwrap().state, NativeChangeState::Open);
    assert_eq!(there.state().users[&first]["displayName"], "Queen");
    world.stop().await;
}
