//! Who carries out what: parts of one application that go different ways, a proxy, and an integration behind everything
//! that nobody else writes. The directories, the ticket system and the exchange are real.

use engine::configuration::ConfigurationPlan;
use engine::orders::{self, Deed};
use engine::{applications, configurations, identities, integrations, work_items};
use model::account::Mechanism;
use model::ids::IdentityId;
use model::job::{RunMode, RunState};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, Operation};
use model::view::{OrderFilter, PauseCause, WorkItemFilter};
use serde_json::json;
use testkit::configuration;
use testkit::directory::Directory;
use testkit::exchange::Exchange;
use testkit::world::{Person, World, all, crowd, person};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::free_port::free_port;
use crate::request_tracker::{RequestTracker, start_request_tracker};
use crate::slapd;

fn people() -> Vec<Person> {
    vec![person(1, "Ann", "Lee", "Sales"), person(2, "Bo", "Ek", "Sales"), person(3, "Cy", "Leeward", "Sales")]
}

/// A directory whose entries Quartermaster writes, and whose groups it does not.
pub(crate) fn company(port: u16, more: &str) -> String {
    slapd::application(("company", "Company directory"), port, "uid", more)
        + r#"
[applications.company.connection.disabled]
attribute = "employeeType"
value = "disabled"
[account_types.entry]
display_name = "Entry"
application = "company"
key = "uid"
[account_types.entry.attributes]
uid = { expression = "identity.key", required = true, create_only = true }
cn = { expression = "identity.display_name", required = true }
sn = { expression = "identity.family_name", required = true }
departmentNumber = { expression = "identity.department" }
[entitlements.readers]
display_name = "Readers"
account_type = "entry"
key = "readers"
[entitlements.writers]
display_name = "Writers"
account_type = "entry"
key = "writers"
[rules.readers]
when = 'identity.lifecycle == "active"'
entitlements = ["readers"]
[rules.writers]
when = 'identity.department == "Desk"'
entitlements = ["writers"]
"#
}

/// Tickets for the directory's groups.
fn desk(port: u16) -> String {
    format!(
        r#"
[integrations.desk]
display_name = "Service desk"
applications = ["company"]
takes = "entitlements"
[integrations.desk.connection]
kind = "request_tracker"
url = "http://127.0.0.1:{port}"
token = "secret:desk-token"
queue = "Access"
"#
    )
}

pub(crate) async fn run(world: &World, job: &str) {
    let run = world.run(job, RunMode::default()).await;
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
}

/// The newest order for somebody, of this part.
pub(crate) async fn newest(world: &World, number: &str, entitlements: bool) -> Order {
    let identity = identities::find(&world.op(), number).await.unwrap();
    of(&world.orders_of("company").await, identity, entitlements).unwrap().clone()
}

fn of(orders: &[Order], identity: IdentityId, entitlements: bool) -> Option<&Order> {
    orders.iter().rfind(|order| {
        order.identity == identity
            && order.items.iter().all(|item| (item.kind == ItemKind::Entitlement) == entitlements)
    })
}

/// Lets time pass until the newest order for somebody is as wanted.
pub(crate) async fn comes_to(world: &World, number: &str, entitlements: bool, is_so: impl Fn(&Order) -> bool) -> Order {
    let identity = identities::find(&world.op(), number).await.unwrap();
    let what = format!("the order for {number} is as wanted");
    let wanted = |orders: &[Order]| of(orders, identity, entitlements).is_some_and(&is_so);
    let orders = world.until("company", &what, wanted).await;
    of(&orders, identity, entitlements).unwrap().clone()
}

/// It is with somebody, and not just being sent.
fn is_handed(order: &Order) -> bool {
    order.state == ProvisioningState::Transmitted
        && matches!(order.reason, Some(StateReason::WorkItem | StateReason::Handed { .. }))
}

pub(crate) fn entry(number: &str) -> String {
    format!("uid={number},ou=people,{}", slapd::SUFFIX)
}

/// What somebody who looks after groups does.
pub(crate) async fn join(ldap: &mut ldap3::Ldap, number: &str, group: &str) {
    let name = format!("cn={group},ou=groups,{}", slapd::SUFFIX);
    let entry = entry(number);
    let member = ldap3::Mod::Add("member", [entry.as_str()].into());
    ldap.modify(&name, vec![member]).await.unwrap().success().unwrap();
}

async fn members(ldap: &mut ldap3::Ldap, group: &str) -> usize {
    let name = format!("cn={group},ou=groups,{}", slapd::SUFFIX);
    let found = ldap.search(&name, ldap3::Scope::Base, "(objectClass=*)", vec!["member"]).await.unwrap();
    let found = found.success().unwrap().0.pop().unwrap();
    ldap3::SearchEntry::construct(found).attrs["member"].len() - 1
}

pub(crate) async fn department(ldap: &mut ldap3::Ldap, number: &str) -> String {
    let found = ldap.search(&entry(number), ldap3::Scope::Base, "(objectClass=*)", vec!["departmentNumber"]).await;
    let found = found.unwrap().success().unwrap().0.pop().unwrap();
    ldap3::SearchEntry::construct(found).attrs["departmentNumber"].concat()
}

fn ticket(order: &Order) -> u64 {
    match &order.reason {
        Some(StateReason::Handed { reference, can_be_called_off: true }) => {
            reference.strip_prefix("ticket ").unwrap().parse().unwrap()
        }
        other => panic!("order {} is not handed over: {other:?}", order.id),
    }
}

async fn why(world: &World, order: &Order) -> String {
    let detail = orders::detail(&world.op(), order.id).await.unwrap();
    detail.partitions.into_iter().find(|partition| partition.sequence == detail.partition).unwrap().why
}

async fn apply(world: &World, more: &str) -> ConfigurationPlan {
    std::fs::write(world.configuration().join("more.toml"), more).unwrap();
    configurations::apply(&world.op(), &world.configuration()).await.unwrap()
}

#[tokio::test]
async fn attributes_go_directly_while_permissions_go_by_hand() {
    let server = slapd::start_slapd(&["readers", "writers"], false);
    let mut ldap = slapd::signed_in(server.server.port).await;
    // So many that one of them leaving is within every threshold.
    let mut people = crowd(30);
    let world = World::with_more(&people, &company(server.server.port, "writes = \"accounts\""), |_| {}).await;
    run(&world, "complete").await;
    let orders = world.orders_of("company").await;
    assert_eq!(orders.len(), 2 * people.len());
    for pair in orders.chunks(2) {
        let [account, groups] = pair else { panic!("{pair:#?}") };
        assert_eq!((account.operation, account.mechanism), (Operation::Create, Mechanism::Direct));
        assert_eq!(account.state, ProvisioningState::Verified, "{account:#?}");
        assert_eq!((groups.operation, groups.mechanism), (Operation::Update, Mechanism::Manual));
        assert_eq!((groups.state, &groups.reason), (ProvisioningState::Transmitted, &Some(StateReason::WorkItem)));
        assert_eq!((groups.account, &groups.key), (account.account, &account.key), "it follows the account");
        assert_eq!(groups.after, [account.id]);
        assert_eq!(
            why(&world, groups).await,
            "Nothing writes entitlements of \u{201c}Company directory\u{201d}: people do it."
        );
    }
    assert_eq!((department(&mut ldap, "1").await.as_str(), members(&mut ldap, "readers").await), ("Sales", 0));

    // Another run orders nothing twice.
    run(&world, "complete").await;
    assert_eq!(world.orders_of("company").await.len(), 2 * people.len());
    for person in &people {
        join(&mut ldap, &person.number, "readers").await;
    }
    let open = world.open_work_items().await;
    for (_, outcome) in work_items::confirm(&world.op(), open, "done".into()).await.unwrap() {
        outcome.unwrap();
    }
    run(&world, "synchronize-back").await;
    for order in world.orders_of("company").await {
        assert_eq!(order.state, ProvisioningState::Verified, "{order:#?}");
    }

    // Who leaves loses the account at once; that the group is left is asked for afterwards.
    people[0].last_day = "2026-03-01".into();
    world.feed(&people);
    run(&world, "complete").await;
    let (account, groups) = (newest(&world, "1", false).await, newest(&world, "1", true).await);
    assert_eq!((account.operation, account.state), (Operation::Disable, ProvisioningState::Verified), "{account:#?}");
    assert_eq!((groups.mechanism, groups.state), (Mechanism::Manual, ProvisioningState::Transmitted), "{groups:#?}");
    assert_eq!(groups.after, [account.id]);
    world.stop().await;
}

#[tokio::test]
async fn permissions_go_in_tickets_and_wait_for_the_desk_alone() {
    let server = slapd::start_slapd(&["readers", "writers"], false);
    let mut ldap = slapd::signed_in(server.server.port).await;
    let tracker: RequestTracker = start_request_tracker();
    let proxy = FaultProxy::start(tracker.server.port).await;
    let directory = company(server.server.port, "");
    let configuration = directory.clone() + &desk(proxy.port);
    let world = World::with_more(&people()[..1], &configuration, |_| {}).await;
    engine::secrets::put(&world.op(), "desk-token".into(), tracker.token.clone()).await.unwrap();
    run(&world, "complete").await;
    let groups = newest(&world, "1", true).await;
    assert_eq!((groups.mechanism, groups.carrier.as_str()), (Mechanism::Executor, "desk"));
    assert_eq!(
        why(&world, &groups).await,
        "\u{201c}Service desk\u{201d} carries out entitlements of \u{201c}Company directory\u{201d}."
    );
    assert!(tracker.texts(ticket(&groups)).await[0].contains("readers"));
    assert_eq!(newest(&world, "1", false).await.state, ProvisioningState::Verified);
    let sent_to = OrderFilter { carrier: Some("desk".into()), ..OrderFilter::default() };
    assert_eq!(orders::page(&world.op(), sent_to).await.unwrap().rows.len(), 1);

    // The answer comes from the desk, the proof from the directory.
    join(&mut ldap, "1", "readers").await;
    tracker.work(ticket(&groups), None, Some("resolved")).await;
    run(&world, "fulfil").await;
    run(&world, "synchronize-back").await;
    assert_eq!(newest(&world, "1", true).await.state, ProvisioningState::Verified);

    // The desk does not answer: permissions wait for it, attributes do not.
    proxy.set(Fault::Refuse);
    let mut moved = people();
    moved.iter_mut().for_each(|person| person.department = "Desk".into());
    world.feed(&moved);
    run(&world, "complete").await;
    assert_eq!(department(&mut ldap, "1").await, "Desk");
    let waiting = newest(&world, "1", true).await;
    assert_eq!((waiting.state, waiting.carrier.as_str()), (ProvisioningState::Pending, "desk"), "{waiting:#?}");
    comes_to(&world, "1", true, |order| matches!(order.reason, Some(StateReason::Quarantined { .. }))).await;
    let integrations = integrations::rows(&world.op()).await.unwrap();
    let desk = integrations.iter().find(|row| row.name == "desk").unwrap();
    assert!(matches!(desk.pause, Some(PauseCause::Quarantine { .. })), "{integrations:#?}");
    let rows = applications::rows(&world.op()).await.unwrap();
    assert_eq!(rows.iter().find(|row| row.name == "company").unwrap().pause, None, "the directory answers");
    // Nothing turns into work for people by itself; a person may decide so.
    assert_eq!(newest(&world, "1", true).await.mechanism, Mechanism::Executor);
    let given = newest(&world, "2", true).await;
    let deed = Deed::SendToManual { why: "The desk is closed.".into() };
    orders::act(&world.op(), given.id, deed).await.unwrap();
    let by_hand = comes_to(&world, "2", true, is_handed).await;
    assert_eq!((by_hand.mechanism, by_hand.carrier.as_str()), (Mechanism::Manual, "company"));
    assert_eq!(by_hand.reason, Some(StateReason::WorkItem));

    proxy.set(Fault::None);
    let sent = comes_to(&world, "1", true, is_handed).await;
    assert!(tracker.texts(ticket(&sent)).await[0].contains("writers"));

    comes_to(&world, "3", true, is_handed).await;

    // The desk is taken out with two tickets open: that is said, and what was there goes the new way.
    let plan = apply(&world, &directory).await;
    assert_eq!(plan.left_behind, [("desk".to_owned(), 2)]);
    comes_to(&world, "1", true, |order| order.reason == Some(StateReason::Timeout)).await;
    run(&world, "complete").await;
    let again = newest(&world, "1", true).await;
    assert_eq!((again.carrier.as_str(), again.state), ("company", ProvisioningState::Verified), "{again:#?}");
    let still = newest(&world, "2", true).await;
    assert_eq!(
        (still.id, still.state),
        (by_hand.id, ProvisioningState::Transmitted),
        "what people were given stays theirs"
    );
    world.stop().await;
}

/// What the connection of an application does not write is worked by hand: the accounts of one, the entitlements of the other.
const LOCKERS: &str = r#"
[applications.lockers]
display_name = "Lockers"
writes = "accounts"
[applications.lockers.connection]
kind = "csv"
outbox = "lockers/outbox"
inbox = "lockers/inbox"
[applications.lockers.connection.extract]
file = "lockers/extract.csv"
key = "holder"
entitlements = "entitlements"
status = "status"
[account_types.locker]
display_name = "Locker"
application = "lockers"
key = "holder"
attributes = { holder = { expression = "identity.key", required = true, create_only = true } }
[entitlements.shelf]
display_name = "Shelf"
account_type = "locker"
key = "SHELF"
[rules.shelf]
when = 'identity.lifecycle == "active"'
entitlements = ["shelf"]
"#;

#[tokio::test]
async fn one_part_by_hand_holds_up_no_leaver_and_nobody_else() {
    let there = Directory::start(&["staff"]);
    let mut people = crowd(30);
    let directory = [&configuration::directory(there.port, "writes = \"entitlements\""), configuration::USER].concat();
    let world = World::with_more(&people, &(directory + LOCKERS), |_| {}).await;
    let mut lockers = Exchange::new(&world.configuration().join("lockers"), "holder", &[]);
    run(&world, "complete").await;
    for pair in world.orders_of("directory").await.chunks(2) {
        let [account, groups] = pair else { panic!("{pair:#?}") };
        assert_eq!((account.operation, account.mechanism), (Operation::Create, Mechanism::Manual));
        assert_eq!((groups.mechanism, groups.state), (Mechanism::Direct, ProvisioningState::Pending));
        assert_eq!(groups.after, [account.id]);
    }
    lockers.work();
    run(&world, "synchronize-back").await;
    let is_group = |order: &&Order| order.mechanism == Mechanism::Manual;
    let at_people = |orders: &[Order]| orders.iter().filter(is_group).all(is_handed);
    let orders = world.until("lockers", "the shelves are with people", at_people).await;
    assert_eq!(orders.len(), 2 * people.len());
    orders.iter().filter(is_group).for_each(|order| lockers.carry_out(order));
    lockers.write_extract();
    let filter = WorkItemFilter { limit: Some(500), ..WorkItemFilter::default() };
    let items = work_items::page(&world.op(), filter).await.unwrap().rows.into_iter();
    let items: Vec<_> = items.filter(|item| item.application == "lockers").map(|item| item.id).collect();
    let first = work_items::detail(&world.op(), items[0]).await.unwrap();
    assert_eq!(first.instructions, "Nothing writes entitlements of \u{201c}Lockers\u{201d}: people do it.");
    for (_, outcome) in work_items::confirm(&world.op(), items, "done".into()).await.unwrap() {
        outcome.unwrap();
    }
    run(&world, "synchronize-back").await;
    assert!(all(ProvisioningState::Verified)(&world.orders_of("lockers").await));

    // The account goes with the next batch; the shelf is emptied by somebody afterwards.
    people[0].last_day = "2026-03-01".into();
    world.feed(&people);
    run(&world, "complete").await;
    let orders = world.orders_of("lockers").await;
    let [account, groups] = &orders[orders.len() - 2..] else { panic!("{orders:#?}") };
    assert_eq!((account.operation, account.mechanism), (Operation::Disable, Mechanism::Executor));
    assert_eq!(account.state, ProvisioningState::Transmitted);
    assert_eq!((groups.mechanism, groups.state), (Mechanism::Manual, ProvisioningState::Pending));
    assert_eq!(groups.after, [account.id]);
    lockers.work();
    assert!(!lockers.accounts["1"].enabled && lockers.accounts["2"].enabled);
    let groups = groups.id;
    let is_theirs = |orders: &[Order]| orders.iter().any(|order| order.id == groups && is_handed(order));
    world.until("lockers", "the shelf is with people", is_theirs).await;
    world.stop().await;
}

#[tokio::test]
async fn what_was_not_sent_goes_the_way_of_the_new_configuration() {
    let server = slapd::start_slapd(&["readers", "writers"], false);
    let directory = company(server.server.port, "");
    // Nobody is there: what is certain not to have arrived.
    let world = World::with_more(&people()[..1], &(directory.clone() + &desk(free_port())), |_| {}).await;
    engine::secrets::put(&world.op(), "desk-token".into(), "1-23-456".into()).await.unwrap();
    run(&world, "complete").await;
    let waiting = newest(&world, "1", true).await;
    assert_eq!((waiting.state, waiting.carrier.as_str()), (ProvisioningState::Pending, "desk"));
    // Without the desk the directory's own connection writes groups as well.
    apply(&world, &directory).await;
    run(&world, "complete").await;
    let replaced = orders::detail(&world.op(), waiting.id).await.unwrap().order;
    let after = newest(&world, "1", true).await;
    assert_eq!(replaced.reason, Some(StateReason::Superseded { order: after.id }));
    assert_eq!((after.mechanism, after.carrier.as_str()), (Mechanism::Direct, "company"));
    assert_eq!(after.state, ProvisioningState::Verified, "{after:#?}");
    assert_eq!(members(&mut slapd::signed_in(server.server.port).await, "readers").await, 1);
    world.stop().await;
}

#[tokio::test]
async fn another_application_writes_in_its_place() {
    let server = slapd::start_slapd(&["readers", "writers"], false);
    let port = server.server.port;
    // The same directory twice: one connection may only read, the other writes.
    let writer = slapd::application(("writer", "Directory, to write"), port, "uid", "");
    let configuration = company(port, "writes = \"nothing\"\nproxy = \"writer\"") + &writer;
    let world = World::with_more(&people(), &configuration, |_| {}).await;
    run(&world, "complete").await;
    let orders = world.orders_of("company").await;
    assert_eq!(orders.len(), 3, "both parts go one way: {orders:#?}");
    for order in &orders {
        assert_eq!((order.carrier.as_str(), order.mechanism), ("writer", Mechanism::Direct));
        assert_eq!(order.state, ProvisioningState::Verified, "{order:#?}");
    }
    assert!(why(&world, &orders[0]).await.contains("that of \u{201c}Directory, to write\u{201d} does it in its place"));
    assert_eq!(members(&mut slapd::signed_in(port).await, "readers").await, 3);
    world.stop().await;
}

const UNIVERSAL: &str = r#"
[integrations.exchange]
display_name = "Batch exchange"
universal = true
connection = { kind = "csv", outbox = "hub/outbox", inbox = "hub/inbox" }
[applications.archive]
display_name = "Archive"
connection = { kind = "manual" }
[account_types.reader]
display_name = "Reader"
application = "archive"
key = "userName"
attributes = { userName = { expression = "'archive-' + identity.key" } }
[rules.reader]
when = 'identity.lifecycle == "active"'
account_types = ["reader"]
"#;

fn read_only(port: u16) -> String {
    format!(
        r#"
[applications.directory]
display_name = "Directory"
writes = "nothing"
connection = {{ kind = "scim", url = "http://127.0.0.1:{port}/v2" }}
[account_types.user]
display_name = "User"
application = "directory"
key = "userName"
attributes = {{ userName = {{ expression = "identity.key", required = true, create_only = true }} }}
[entitlements.staff]
display_name = "Staff"
account_type = "user"
key = "staff"
[rules.staff]
when = 'identity.lifecycle == "active"'
entitlements = ["staff"]
"#
    )
}

#[tokio::test]
async fn what_nobody_writes_goes_to_the_universal_integration() {
    let there = Directory::start(&["staff"]);
    let world = World::with_more(&people(), &(read_only(there.port) + UNIVERSAL), |_| {}).await;
    let mut hub = Exchange::new(&world.configuration().join("hub"), "userName", &[]);
    run(&world, "complete").await;
    for (application, readable) in [("directory", true), ("archive", false)] {
        let orders = world.orders_of(application).await;
        assert_eq!(orders.len(), 3, "{orders:#?}");
        for order in orders {
            assert_eq!((order.carrier.as_str(), order.mechanism), ("exchange", Mechanism::Executor));
            assert_eq!(order.state, ProvisioningState::Transmitted, "{application} {readable}");
        }
    }
    for order in world.orders_of("badges").await {
        assert_eq!(order.carrier, "badges", "what is written by its own connection stays there");
    }
    assert!(hub.work() > 0);
    // The other side has made users, under ids of the directory's.
    for number in 1..=3 {
        let user = json!({ "id": format!("id-{number}"), "userName": number.to_string(), "active": true });
        let mut state = there.state();
        state.users.insert(format!("id-{number}"), user.as_object().unwrap().clone());
        state.groups.get_mut("staff").unwrap().insert(format!("id-{number}"));
    }
    run(&world, "fulfil").await;
    for order in world.orders_of("archive").await {
        assert_eq!((order.state, order.reason), (ProvisioningState::Executed, Some(StateReason::CannotBeReadBack)));
        assert!(order.key.unwrap().starts_with("archive-"));
    }
    for order in world.orders_of("directory").await {
        assert_eq!((order.state, order.account), (ProvisioningState::Executed, None), "nobody has told its key");
    }
    run(&world, "synchronize-back").await;
    for order in world.orders_of("directory").await {
        assert_eq!(order.state, ProvisioningState::Verified, "{order:#?}");
        assert!(order.account.is_some() && order.key.unwrap().starts_with("id-"));
    }
    run(&world, "complete").await;
    assert_eq!(world.orders_of("directory").await.len(), 3, "nothing is ordered again");
    assert!(there.state().creations.is_empty(), "Quartermaster itself has written nothing");
    world.stop().await;
}
