//! Values that come from another account of the same person: a user of a SCIM directory that carries the name of the
//! person's entry in a real LDAP directory.

use std::time::Duration;

use engine::orders::Deed;
use engine::{applications, approvals, identities, jobs, orders};
use model::form::FormOwner;
use model::job::{REFERENCES, RunMode, RunState};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, Operation};
use model::value::Value;
use model::view::{PreviewFilter, PreviewLine, RunFilter};
use testkit::configuration;
use testkit::directory::Directory;
use testkit::world::{Person, World, all, crowd, person};

use crate::slapd;

const INCREMENTAL: RunMode = RunMode { incremental: true, dry_run: false };

/// So many that one of them leaving is within every threshold.
fn people() -> Vec<Person> {
    let mut people = crowd(COUNT);
    people[0] = person(1, "Ann", "Lee", "Sales");
    people[1] = person(2, "Bo", "Ek", "Sales");
    people
}

const COUNT: u32 = 30;

/// An LDAP directory at one port, in which people of Sales have entries named after them, and a SCIM directory at another,
/// in which everybody has a user.
fn settings(ldap: u16, scim: u16, user: &str) -> String {
    let (admin, password, suffix) = (slapd::ADMIN, slapd::PASSWORD, slapd::SUFFIX);
    let company = format!(
        r#"
[applications.company]
display_name = "Company directory"
demo = true
[applications.company.connection]
kind = "ldap"
url = "ldap://127.0.0.1:{ldap}"
bind_dn = "{admin}"
password = "{password}"
account_base = "ou=people,{suffix}"
account_classes = ["inetOrgPerson"]
account_rdn = "cn"
[account_types.entry]
display_name = "Entry"
application = "company"
key = "cn"
on_removal = "delete"
correlation = [{{ identity = "identity.key", account = "employeeNumber", confidence = 100 }}]
[account_types.entry.attributes]
cn = {{ expression = "identity.display_name", required = true }}
sn = {{ expression = "identity.family_name", required = true }}
employeeNumber = {{ expression = "identity.key", required = true }}
# Nobody has one.
telephoneNumber = {{ expression = "identity.manager" }}
[rules.entries]
when = 'identity.lifecycle == "active" && identity.department == "Sales"'
account_types = ["entry"]
"#
    );
    // The attributes come before what follows the account type's table in the same piece.
    let made = configuration::USER.replace("[entitlements.staff]", &format!("{user}\n[entitlements.staff]"));
    [&company, &configuration::directory(scim, ""), made.as_str()].concat()
}

const NAMED: &str = r#"
title = { reference = { account_type = "entry", attribute = "key" } }
nickName = { reference = { account_type = "entry", expression = 'account.cn + " of " + identity.department' } }
"#;

struct House {
    world: World,
    company: slapd::Slapd,
    directory: Directory,
}

impl House {
    async fn new(people: &[Person], user: &str) -> Self {
        let company = slapd::start_slapd(&[], false);
        let directory = Directory::start(&["staff"]);
        let more = settings(company.server.port, directory.port, user);
        let tuned = |tuning: &mut engine::Tuning| tuning.call_timeout = Duration::from_secs(5);
        Self { world: World::with_more(people, &more, tuned).await, company, directory }
    }

    async fn run(&self, mode: RunMode) {
        self.world.clock.step(Duration::from_secs(60));
        let run = self.world.run("complete", mode).await;
        assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    }

    /// What a user holds under this name.
    fn held(&self, user: &str, attribute: &str) -> Option<String> {
        let state = self.directory.state();
        let user = state.users.values().find(|held| held["userName"] == user)?;
        user.get(attribute).and_then(|value| value.as_str()).map(str::to_owned)
    }

    /// Until a user's title is this, as what follows by itself brings about.
    async fn comes_to_hold(&self, user: &str, title: Option<&str>) {
        for _ in 0..500 {
            if self.held(user, "title").as_deref() == title {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let identity = identities::find(&self.world.op(), user).await.unwrap();
        let page = identities::detail(&self.world.op(), identity).await.unwrap();
        panic!("{:?}: {:#?} {:#?}", self.held(user, "title"), page.accounts, page.orders);
    }

    /// The open or done order for a person's user.
    async fn order_of(&self, number: &str) -> Order {
        let identity = identities::find(&self.world.op(), number).await.unwrap();
        let mut orders = self.world.orders_of("directory").await;
        orders.retain(|order| order.identity == identity && order.state != ProvisioningState::Inactive);
        orders.pop().unwrap()
    }

    async fn own_runs(&self) -> usize {
        let filter = RunFilter { job: Some(REFERENCES.into()), limit: 100, ..RunFilter::default() };
        jobs::runs(&self.world.op(), filter).await.unwrap().len()
    }
}

fn dn(name: &str) -> String {
    format!("cn={name},ou=people,{}", slapd::SUFFIX)
}

fn awaits(order: &Order) -> bool {
    matches!(&order.reason, Some(StateReason::AwaitingReference { .. }))
}

#[tokio::test]
async fn both_accounts_are_made_in_one_run_and_one_carries_the_others_name() {
    let house = House::new(&people(), NAMED).await;
    let world = &house.world;
    world.plan().await;
    let user = house.order_of("1").await;
    let entry = world.orders_of("company").await.into_iter().find(|order| order.identity == user.identity).unwrap();
    assert_eq!(user.after, [entry.id]);
    let Some(StateReason::AwaitingReference { references, orders: bringing }) = &user.reason else {
        panic!("{user:#?}")
    };
    assert_eq!((references.len(), bringing.as_slice()), (2, &[entry.id][..]));
    assert!(user.items.iter().any(|item| item.name == "title" && item.value.is_none()));
    // Nothing that an operator does sends it without the value.
    let why = || "it is time".to_owned();
    for deed in [Deed::Retry, Deed::SendToManual { why: why() }, Deed::MarkDone { evidence: why() }] {
        let refused = orders::act(&world.op(), user.id, deed).await.unwrap_err();
        assert!(refused.message.contains("a value of another account"), "{refused:?}");
    }

    house.run(RunMode::default()).await;
    for (number, name) in [("1", "Ann Lee"), ("2", "Bo Ek")] {
        assert_eq!(house.held(number, "title"), Some(dn(name)));
        assert_eq!(house.held(number, "nickName"), Some(format!("{name} of Sales")));
    }
    let made = world.orders_of("directory").await;
    assert_eq!(made.len(), COUNT as usize, "filled in, and not ordered twice");
    assert!(made.iter().all(|order| order.state == ProvisioningState::Verified), "{made:#?}");
    let detail = orders::detail(&world.op(), user.id).await.unwrap();
    let told: Vec<&str> = detail.timeline.iter().map(|event| event.message.as_str()).collect();
    let expected = format!(
        "title \u{201c}{}\u{201d}: Taken from \u{201c}key\u{201d} of the person's \u{201c}Entry\u{201d}",
        dn("Ann Lee")
    );
    assert!(told.iter().any(|message| message.starts_with("Filled in.") && message.contains(&expected)), "{told:#?}");
    let title = detail.order.items.iter().find(|item| item.name == "title").unwrap();
    assert!(title.explanation.contains(&dn("Ann Lee")), "{title:#?}");

    // There is nothing left to do.
    house.run(RunMode::default()).await;
    house.run(INCREMENTAL).await;
    for application in ["directory", "company"] {
        assert_eq!(world.orders_of(application).await.len(), COUNT as usize);
    }
    assert_eq!(house.own_runs().await, 0);
    let page = applications::detail(&world.op(), "directory".into()).await.unwrap();
    let kind = &page.account_types[0];
    assert_eq!(kind.takes_from, ["Entry"]);
    let told = kind.attributes.iter().find(|(name, ..)| name == "title").map(|(_, source, _)| source.as_str());
    assert_eq!(told, Some("key of the person's Entry"));
    house.world.stop().await;
}

#[tokio::test]
async fn what_waits_for_an_account_that_fails_goes_on_once_that_is_mended() {
    let house = House::new(&people(), NAMED).await;
    house.world.plan().await;
    // Somebody else's entry has the name.
    let mut ldap = slapd::signed_in(house.company.server.port).await;
    let of = |value: &str| std::collections::HashSet::from([value.to_owned()]);
    let foreign = vec![
        ("objectClass".to_owned(), of("inetOrgPerson")),
        ("cn".to_owned(), of("Ann Lee")),
        ("sn".to_owned(), of("Lee")),
        ("employeeNumber".to_owned(), of("99")),
    ];
    ldap.add(&dn("Ann Lee"), foreign).await.unwrap().success().unwrap();
    let run = house.world.run("fulfil", RunMode::default()).await;
    assert_eq!(run.state, RunState::Warning, "an order has failed");
    let entries = house.world.orders_of("company").await;
    let failed = entries.iter().find(|order| order.state == ProvisioningState::Errored).unwrap();
    let waiting = house.order_of("1").await;
    assert!(awaits(&waiting) && waiting.after == [failed.id], "{waiting:#?}");
    assert_eq!((house.held("1", "title"), house.held("2", "title")), (None, Some(dn("Bo Ek"))), "others go on");
    // Not ordered anew, nor sent.
    house.run(RunMode::default()).await;
    assert_eq!(house.order_of("1").await.id, waiting.id);
    let page = identities::detail(&house.world.op(), waiting.identity).await.unwrap();
    let user = page.permissions.iter().find(|row| row.grantable.name() == "user").unwrap();
    assert!(matches!(user.state_reason, Some(StateReason::AwaitingReference { .. })), "{user:#?}");

    ldap.delete(&dn("Ann Lee")).await.unwrap().success().unwrap();
    orders::act(&house.world.op(), failed.id, Deed::Retry).await.unwrap();
    house.comes_to_hold("1", Some(&dn("Ann Lee"))).await;
    assert_eq!(house.order_of("1").await.id, waiting.id);
    house.world.stop().await;
}

#[tokio::test]
async fn a_renamed_account_is_followed() {
    let house = House::new(&people(), NAMED).await;
    house.run(RunMode::default()).await;
    let mut people = people();
    people[0].family_name = "Leeming".into();
    house.world.feed(&people);
    house.run(INCREMENTAL).await;
    house.comes_to_hold("1", Some(&dn("Ann Leeming"))).await;
    let order = house.order_of("1").await;
    assert_eq!(order.operation, Operation::Update);
    let title = order.items.iter().find(|item| item.name == "title").unwrap();
    assert_eq!(title.current, Some(Value::from(dn("Ann Lee"))));
    assert!(title.explanation.starts_with("Taken from"), "{title:#?}");
    assert!(house.own_runs().await > 0, "by a run about those whom it concerns alone");

    // In the directory itself, under a name that the rules give as well: the run that reads it follows.
    let mut ldap = slapd::signed_in(house.company.server.port).await;
    ldap.modifydn(&dn("Bo Ek"), "cn=Bo Ekman", true, None).await.unwrap().success().unwrap();
    people[1].family_name = "Ekman".into();
    house.world.feed(&people);
    house.run(RunMode::default()).await;
    house.comes_to_hold("2", Some(&dn("Bo Ekman"))).await;
    assert_eq!(house.held("2", "nickName").as_deref(), Some("Bo Ekman of Sales"));
    house.world.stop().await;
}

#[tokio::test]
async fn of_a_leaver_what_carries_the_name_goes_first() {
    let house = House::new(&people(), NAMED).await;
    house.run(RunMode::default()).await;
    let mut people = people();
    people[0].last_day = "2026-03-01".into();
    house.world.feed(&people);
    house.run(RunMode::default()).await;
    let removal = |orders: Vec<Order>| orders.into_iter().find(|order| order.operation.removes()).unwrap();
    let user = removal(house.world.orders_of("directory").await);
    let entry = removal(house.world.orders_of("company").await);
    assert_eq!((entry.operation, entry.after.as_slice()), (Operation::Delete, &[user.id][..]));
    assert!(user.executed_at <= entry.transmitted_at, "{user:#?} {entry:#?}");
    assert_eq!(entry.state, ProvisioningState::Verified);
    house.world.stop().await;
}

#[tokio::test]
async fn a_dry_run_tells_what_is_still_to_come() {
    let house = House::new(&people(), NAMED).await;
    let run = house.world.run("complete", RunMode { incremental: false, dry_run: true }).await;
    let filter = PreviewFilter { limit: 500, ..PreviewFilter::default() };
    let lines = approvals::preview(&house.world.op(), run.id, filter).await.unwrap().rows;
    let users: Vec<&PreviewLine> =
        lines.iter().filter(|line| line.account_type == "user" && line.operation == "create").collect();
    assert_eq!(users.len(), COUNT as usize, "{lines:#?}");
    let expected = "title: taken from \u{201c}key\u{201d} of the person's \u{201c}Entry\u{201d} once it is known";
    assert!(users.iter().all(|line| line.change.contains(expected)), "{users:#?}");
    assert!(house.directory.state().users.is_empty() && house.world.orders_of("directory").await.is_empty());
    // Once the entries are there, so is the value.
    house.run(RunMode::default()).await;
    house.world.stop().await;
}

/// Without an account to take it from, a value is missing like any other.
#[tokio::test]
async fn a_value_that_nobody_has_is_left_out_or_asked_for() {
    let mut people = people();
    people[1].department = "Stores".into();
    let house = House::new(&people, NAMED).await;
    house.run(RunMode::default()).await;
    assert!(house.directory.state().creations.contains_key("2"));
    assert_eq!((house.held("1", "title"), house.held("2", "title")), (Some(dn("Ann Lee")), None));
    // Afterwards they get an entry: its name is put in once it is there.
    people[1].department = "Sales".into();
    house.world.feed(&people);
    house.run(INCREMENTAL).await;
    house.comes_to_hold("2", Some(&dn("Bo Ek"))).await;
    // And it goes when the entry does.
    people[1].department = "Stores".into();
    house.world.feed(&people);
    house.run(INCREMENTAL).await;
    house.comes_to_hold("2", None).await;
    house.world.stop().await;

    let required = NAMED.replace("\"key\" }", "\"key\" }, required = true");
    let house = House::new(&people, &required).await;
    house.run(RunMode::default()).await;
    assert_eq!(house.held("1", "title"), Some(dn("Ann Lee")));
    let waiting = house.order_of("2").await;
    let Some(StateReason::AwaitingAnswer { answers }) = &waiting.reason else { panic!("{waiting:#?}") };
    assert_eq!((answers[0].key.as_str(), &answers[0].owner), ("user.title", &FormOwner::Operators));
    house.world.stop().await;
}

/// What the account turns out not to have, once it was read back, is waited for no longer.
#[tokio::test]
async fn what_a_reading_does_not_show_either_is_given_up() {
    let user = r#"
title = { reference = { account_type = "entry", attribute = "telephoneNumber" } }
"#;
    let house = House::new(&people(), user).await;
    house.world.plan().await;
    assert!(awaits(&house.order_of("1").await));
    house.world.run("fulfil", RunMode::default()).await;
    let waiting = house.order_of("1").await;
    assert!(awaits(&waiting), "the reading may still tell it: {waiting:#?}");
    house.world.run("synchronize-back", RunMode::default()).await;
    house
        .world
        .until("directory", "made without it", |orders| {
            let done: Vec<&Order> = orders.iter().filter(|order| order.state != ProvisioningState::Inactive).collect();
            done.len() == COUNT as usize && done.iter().all(|order| order.state == ProvisioningState::Verified)
        })
        .await;
    let order = house.order_of("1").await;
    assert!(order.id != waiting.id && order.items.iter().all(|item| item.name != "title"), "{order:#?}");
    assert_eq!(house.held("1", "title"), None);
    house.world.stop().await;
}

/// What is to be reviewed is reviewed with the value; what a person keeps back is filled in when they let it go.
#[tokio::test]
async fn a_reviewer_sees_the_value_and_a_hold_outlasts_it() {
    let house = House::new(&people(), NAMED).await;
    house.world.plan().await;
    let (held, other) = (house.order_of("1").await, house.order_of("2").await);
    orders::act(&house.world.op(), held.id, Deed::Hold { why: "not yet".into() }).await.unwrap();
    house.world.run("fulfil", RunMode::default()).await;
    assert_eq!(house.held("2", "title"), Some(dn("Bo Ek")));
    let still = house.order_of("1").await;
    assert!(still.reason.as_ref().is_some_and(|reason| reason.is_hold() && reason.awaits_reference()), "{still:#?}");
    orders::act(&house.world.op(), held.id, Deed::Resume).await.unwrap();
    house.comes_to_hold("1", Some(&dn("Ann Lee"))).await;
    assert_eq!(house.order_of("2").await.id, other.id);
    house.world.stop().await;

    let company = slapd::start_slapd(&[], false);
    let directory = Directory::start(&["staff"]);
    let more = settings(company.server.port, directory.port, NAMED)
        .replace("display_name = \"User\"", "display_name = \"User\"\nreview = true");
    let world = World::with_more(&people(), &more, |_| {}).await;
    let house = House { world, company, directory };
    house.run(RunMode::default()).await;
    let orders = house.world.until("directory", "to be reviewed", all(ProvisioningState::AwaitingApproval)).await;
    for order in &orders {
        let title = order.items.iter().find(|item| item.name == "title").unwrap();
        assert!(title.value.is_some() && title.state == ProvisioningState::AwaitingApproval, "{order:#?}");
        assert!(order.items.iter().all(|item| item.kind != ItemKind::Attribute || item.value.is_some()));
    }
    house.world.stop().await;
}

/// A process that ends between making one account and filling in the other goes on where it was.
#[tokio::test]
async fn what_waits_is_filled_in_by_the_next_process() {
    let mut house = House::new(&people(), NAMED).await;
    house.world.plan().await;
    let waiting = house.order_of("1").await;
    house.world.restart().await;
    assert!(awaits(&house.order_of("1").await));
    house.world.run("fulfil", RunMode::default()).await;
    house.comes_to_hold("1", Some(&dn("Ann Lee"))).await;
    assert_eq!(house.order_of("1").await.id, waiting.id);
    house.world.stop().await;
}
