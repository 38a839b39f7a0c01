//! What other products get wrong, one test each: acceptance scenarios 1 to 24 of the specification, by their numbers. Where
//! one is shown by a test elsewhere, or has nothing to stand on yet, `docs/RELIABILITY.md` says so.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::accounts;
use engine::orders::Deed;
use engine::scheduler::Scheduler;
use engine::{approvals, certifications, configurations, identities, orders, requests, sign_ins, work_items};
use model::access::{Grantable, Why};
use model::account::AccountStatus;
use model::approval::{ApprovalState, Verdict};
use model::certification::{self, ItemRow, ItemState, Origin};
use model::correlation::Decision;
use model::error::ErrorCode;
use model::ids::IdentityId;
use model::job::{RunMode, RunState};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::ItemOperation;
use model::request::{RequestFilter, RequestState};
use model::sign_in::{SignIn, SignInDecision};
use model::trigger::Trigger;
use model::view::{AccountFilter, OrderFilter, WorkItemFilter};
use model::work_item::WorkItemState;
use testkit::configuration;
use testkit::directory::{Directory, Refusal};
use testkit::world::{Person, World, all, crowd, person};

use crate::approving;
use crate::certifying;
use crate::fault_proxy::{Fault, FaultProxy};
use crate::slapd;

fn people() -> Vec<Person> {
    vec![
        person(1, "Ann", "Lee", "Sales"),
        person(2, "Bo", "Ek", "Sales"),
        person(3, "Cy", "Leeward", "Sales"),
        person(4, "Di", "Ash", "Sales"),
    ]
}

/// So many that one of them leaving is within every threshold.
fn many() -> Vec<Person> {
    crowd(30)
}

/// A SCIM directory at this port, in which everybody has a user.
fn directory(port: u16) -> String {
    [&configuration::directory(port, ""), configuration::USER].concat()
}

/// A real directory over LDAP at this port, whose entries are named after people.
fn ldap(port: u16) -> String {
    slapd::application(("company", "Company directory"), port, "cn", "")
        + r#"
[account_types.entry]
display_name = "Entry"
application = "company"
key = "cn"
correlation = [{ identity = "identity.key", account = "employeeNumber", confidence = 100 }]
[account_types.entry.attributes]
cn = { expression = "identity.display_name", required = true }
sn = { expression = "identity.family_name", required = true }
employeeNumber = { expression = "identity.key", required = true }
[entitlements.readers]
display_name = "Readers"
account_type = "entry"
key = "readers"
[rules.readers]
when = 'identity.lifecycle == "active"'
entitlements = ["readers"]
"#
}

async fn world(more: &str) -> World {
    World::with_more(&people(), more, |tuning| tuning.call_timeout = Duration::from_millis(500)).await
}

/// A run that has to go well, or at least to come to its end.
async fn run(world: &World, job: &str) {
    let run = world.run(job, RunMode::default()).await;
    assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
}

/// Until nothing is left to do: by batch, by hand, and read again.
async fn settle(world: &mut World) {
    for _ in 0..3 {
        world.settle().await;
        world.do_work_items().await;
    }
    run(world, "synchronize-back").await;
}

async fn identity(world: &World, key: &str) -> IdentityId {
    identities::find(&world.op(), key).await.unwrap()
}

/// Names of the rules that give somebody an entitlement; none where it is not held.
async fn rules_behind(world: &World, key: &str, entitlement: &str) -> Option<BTreeSet<String>> {
    let detail = identities::detail(&world.op(), identity(world, key).await).await.unwrap();
    let wanted = Grantable::Entitlement(entitlement.into());
    let row = detail.permissions.into_iter().find(|row| row.grantable == wanted)?;
    Some(row.reasons.into_iter().map(|reason| reason.rule).collect())
}

/// How often an order took this entitlement away.
async fn removals(world: &World, application: &str, key: &str) -> usize {
    let orders = world.orders_of(application).await;
    let items = orders.iter().flat_map(|order| &order.items);
    items.filter(|item| item.name == key && item.operation == ItemOperation::Remove).count()
}

/// Lets time pass until all orders of an application are in this state.
async fn comes_to(world: &World, application: &str, state: ProvisioningState) {
    world.until(application, "all alike", all(state)).await;
}

async fn move_to(world: &mut World, number: &str, department: &str) {
    let mut people = people();
    for person in people.iter_mut().filter(|person| person.number == number) {
        person.department = department.into();
    }
    world.feed(&people);
    settle(world).await;
}

const SHARED: &str = r#"
[entitlements.shared]
display_name = "Shared"
account_type = "badge"
key = "SHARED"
[access_profiles.shared]
display_name = "Shared"
application = "badges"
entitlements = ["shared"]
[roles.alpha]
display_name = "Alpha"
access_profiles = ["shared"]
[roles.beta]
display_name = "Beta"
access_profiles = ["shared"]
[rules.alpha]
when = 'identity.department == "Alpha" || identity.department == "Both"'
roles = ["alpha"]
[rules.beta]
when = 'identity.department == "Beta" || identity.department == "Both"'
roles = ["beta"]
"#;

#[tokio::test]
async fn scenario_01_what_two_roles_grant_stays_until_both_are_gone_and_goes_once() {
    let mut world = world(SHARED).await;
    move_to(&mut world, "1", "Both").await;
    let both = BTreeSet::from(["alpha".to_owned(), "beta".to_owned()]);
    assert_eq!(rules_behind(&world, "1", "shared").await, Some(both));
    move_to(&mut world, "1", "Beta").await;
    assert!(world.badges.accounts["1"].entitlements.contains("SHARED"));
    assert_eq!(rules_behind(&world, "1", "shared").await, Some(BTreeSet::from(["beta".to_owned()])), "the reason");
    assert_eq!(removals(&world, "badges", "SHARED").await, 0);
    move_to(&mut world, "1", "Sales").await;
    assert!(!world.badges.accounts["1"].entitlements.contains("SHARED"));
    assert_eq!(removals(&world, "badges", "SHARED").await, 1, "taken away once");
    world.stop().await;
}

const TWO_DESKS: &str = r#"
[applications.archive]
display_name = "Archive"
[applications.archive.connection]
kind = "manual"
[account_types.reader]
display_name = "Reader"
application = "archive"
key = "name"
attributes = { name = { expression = "identity.key" } }
[entitlements.cellar]
display_name = "Cellar"
account_type = "reader"
key = "CELLAR"
[access_profiles.papers]
display_name = "Papers"
application = "archive"
entitlements = ["cellar"]
[roles.auditor]
display_name = "Auditor"
access_profiles = ["papers", "books"]
[rules.auditor]
when = 'identity.department == "Audit"'
roles = ["auditor"]
"#;

#[tokio::test]
async fn scenario_03_two_applications_worked_by_hand_get_a_work_item_each() {
    let mut auditors = many();
    auditors.iter_mut().for_each(|person| person.department = "Audit".into());
    let mut world = World::with_more(&auditors, TWO_DESKS, |_| {}).await;
    settle(&mut world).await;
    auditors[0].department = "Sales".into();
    world.feed(&auditors);
    run(&world, "complete").await;
    world.badges.work();
    run(&world, "fulfil").await;
    let filter = WorkItemFilter { limit: Some(500), ..WorkItemFilter::default() };
    let rows = work_items::page(&world.op(), filter).await.unwrap().rows;
    let open: BTreeSet<_> = rows
        .into_iter()
        .filter(|row| row.state == WorkItemState::Open)
        .map(|row| (row.application, row.identity_name))
        .collect();
    let expected = ["archive", "mainframe"].map(|application| (application.to_owned(), "Given1 Name1".to_owned()));
    assert_eq!(open, expected.into());
    world.stop().await;
}

#[tokio::test]
async fn scenario_04_of_what_changed_while_a_target_was_down_the_last_is_written_once() {
    let mut down = Directory::start_down(&["staff"]);
    let mut world = world(&directory(down.port)).await;
    run(&world, "complete").await;
    for name in ["Leeds", "Leeming"] {
        let mut people = people();
        people[0].family_name = name.into();
        world.feed(&people);
        world.clock.step(Duration::from_secs(15 * 60));
        run(&world, "complete").await;
    }
    down.come_up();
    comes_to_rest(&world, "directory").await;
    settle(&mut world).await;
    let there: Vec<_> = down.people().into_iter().map(|(user, _)| user["displayName"].to_string()).collect();
    assert_eq!(there, ["\"Ann Leeming\"", "\"Bo Ek\"", "\"Cy Leeward\"", "\"Di Ash\""]);
    assert!(down.state().creations.values().all(|count| *count == 1), "{:?}", down.state().creations);
    world.stop().await;
}

/// Lets time pass until nothing of an application is open any more but what waits to be confirmed.
async fn comes_to_rest(world: &World, application: &str) {
    let rests = |order: &Order| {
        matches!(order.state, ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive)
    };
    world.until(application, "at rest", |orders| !orders.is_empty() && orders.iter().all(rests)).await;
}

#[tokio::test]
async fn scenario_05_a_process_that_ends_before_it_knows_the_answer_makes_nobody_twice() {
    let there = Directory::start(&["staff"]);
    let proxy = FaultProxy::start(there.port).await;
    let mut world = world(&directory(proxy.port)).await;
    world.plan().await;
    // The creation arrives, and its answer does not.
    proxy.set(Fault::CloseAfterRequest { with: "POST" });
    run(&world, "fulfil").await;
    assert_eq!(there.state().creations.len(), 4);
    world.restart().await;
    proxy.set(Fault::None);
    comes_to(&world, "directory", ProvisioningState::Executed).await;
    run(&world, "synchronize-back").await;
    assert!(there.state().creations.values().all(|count| *count == 1), "{:?}", there.state().creations);
    comes_to(&world, "directory", ProvisioningState::Verified).await;
    world.stop().await;
}

/// The server's own id of the entry with an employee number, and its name.
async fn entry(ldap: &mut ldap3::Ldap, number: &str) -> (String, String) {
    let base = format!("ou=people,{}", slapd::SUFFIX);
    let filter = format!("(employeeNumber={number})");
    let found = ldap.search(&base, ldap3::Scope::Subtree, &filter, vec!["entryUUID"]).await.unwrap().success().unwrap();
    let [found] = <[ldap3::ResultEntry; 1]>::try_from(found.0).unwrap();
    let found = ldap3::SearchEntry::construct(found);
    (found.attrs["entryUUID"][0].clone(), found.dn)
}

#[tokio::test]
async fn scenario_06_an_account_that_is_there_already_is_taken_over() {
    let server = slapd::start_slapd(&["readers"], false);
    let world = world(&ldap(server.server.port)).await;
    world.plan().await;
    let mut ldap = slapd::signed_in(server.server.port).await;
    let value = |text: &str| std::collections::HashSet::from([text.to_owned()]);
    let attributes = [("objectClass", "inetOrgPerson"), ("cn", "Ann Lee"), ("sn", "Lee"), ("employeeNumber", "1")];
    let attributes = attributes.map(|(name, text)| (name.to_owned(), value(text))).to_vec();
    let name = format!("cn=Ann Lee,ou=people,{}", slapd::SUFFIX);
    ldap.add(&name, attributes).await.unwrap().success().unwrap();
    let (before, _) = entry(&mut ldap, "1").await;
    run(&world, "fulfil").await;
    run(&world, "synchronize-back").await;
    comes_to(&world, "company", ProvisioningState::Verified).await;
    assert_eq!(entry(&mut ldap, "1").await.0, before, "no second one");
    let ann = identities::detail(&world.op(), identity(&world, "1").await).await.unwrap();
    let account = ann.accounts.iter().find(|account| account.application == "company").unwrap();
    assert!(account.entitlements.contains("readers"), "{account:?}");
    world.stop().await;
}

#[tokio::test]
async fn scenario_07_who_is_renamed_while_the_target_is_down_stays_the_same_object() {
    let server = slapd::start_slapd(&["readers"], false);
    let proxy = FaultProxy::start(server.server.port).await;
    let mut world = world(&ldap(proxy.port)).await;
    settle(&mut world).await;
    let mut ldap = slapd::signed_in(server.server.port).await;
    let (before, name) = entry(&mut ldap, "1").await;
    assert_eq!(name, format!("cn=Ann Lee,ou=people,{}", slapd::SUFFIX));
    proxy.set(Fault::Refuse);
    let mut people = people();
    people[0].family_name = "Leeds".into();
    world.feed(&people);
    run(&world, "complete").await;
    world.clock.step(Duration::from_secs(30 * 60));
    proxy.set(Fault::None);
    comes_to_rest(&world, "company").await;
    settle(&mut world).await;
    let (after, name) = entry(&mut ldap, "1").await;
    assert_eq!((after, name), (before, format!("cn=Ann Leeds,ou=people,{}", slapd::SUFFIX)));
    let ann = identities::detail(&world.op(), identity(&world, "1").await).await.unwrap();
    let accounts: Vec<_> = ann.accounts.iter().filter(|account| account.application == "company").collect();
    let [account] = accounts.as_slice() else { panic!("{accounts:#?}") };
    assert!(account.entitlements.contains("readers") && account.status == AccountStatus::Enabled, "{account:?}");
    world.stop().await;
}

#[tokio::test]
async fn scenario_08_a_feed_that_loses_two_fifths_of_its_rows_changes_nothing_until_somebody_approves() {
    let mut world = World::new(&many()).await;
    settle(&mut world).await;
    let before = orders::counts(&world.op(), OrderFilter::default()).await.unwrap();
    world.feed(&many()[..18]);
    let stopped = world.run("complete", RunMode::default()).await;
    assert_eq!(stopped.state, RunState::Blocked, "{stopped:#?}");
    assert_eq!(orders::counts(&world.op(), OrderFilter::default()).await.unwrap(), before, "nothing is ordered");
    let blocks = approvals::blocks(&world.op(), stopped.id).await.unwrap();
    assert_eq!((blocks.len(), blocks[0].subject.as_str(), blocks[0].changes), (1, "source:hr", 12));
    world.stop().await;
}

/// Somebody begins tomorrow. At midnight where the organisation is the access is ordered, and not a minute before.
#[tokio::test]
async fn scenario_09_a_first_day_begins_at_midnight_where_the_organisation_is() {
    for (zone, midnight) in [
        ("UTC", "2026-03-03T00:00:00Z"),
        ("Pacific/Auckland", "2026-03-02T11:00:00Z"),
        ("America/New_York", "2026-03-03T05:00:00Z"),
    ] {
        let mut people = people();
        people[3].first_day = "2026-03-03".into();
        let mut world = World::new(&people).await;
        let file = world.configuration().join("all.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("time_zone = \"UTC\"", &format!("time_zone = \"{zone}\""))).unwrap();
        configurations::apply(&world.op(), &world.configuration()).await.unwrap();
        let mut scheduler = Scheduler::default();
        scheduler.fire_due(&world.engine).await.unwrap();
        settle(&mut world).await;
        assert_eq!(world.badges.accounts.len(), 3, "{zone}");

        let midnight: jiff::Timestamp = midnight.parse().unwrap();
        let until = Duration::try_from(midnight.duration_since(world.clock.now())).unwrap();
        world.clock.step(until - Duration::from_secs(60));
        assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), [], "{zone}");
        world.clock.step(Duration::from_secs(61));
        let started = scheduler.fire_due(&world.engine).await.unwrap();
        let [run] = started.as_slice() else { panic!("{zone}: {started:?}") };
        let run = world.ended(*run).await;
        assert_eq!((run.job.as_str(), run.state), ("day-change", RunState::Completed), "{run:#?}");
        world.badges.work();
        assert_eq!(world.badges.accounts.len(), 4, "{zone}");
        world.stop().await;
    }
}

#[tokio::test]
async fn scenario_10_stages_decide_in_order_by_quorum_and_escalate_who_is_absent() {
    let mut world = approving::world(approving::STAGES).await;
    let bo = identity(&world, "2").await;
    let request = approving::asks_for_keeper(&world, bo).await;
    assert_eq!(approving::state(&world, request).await, RequestState::Approval);
    settle(&mut world).await;
    assert!(!world.badges.accounts["2"].entitlements.contains("VAULT"), "nothing is given before it is approved");

    // Security first, by two of three; the manager only then.
    let approve = |login: &'static str| approving::decide(&world, request, login, Verdict::Approve);
    assert_eq!(approve("max").await.unwrap_err().code, ErrorCode::Forbidden, "the manager has to wait");
    assert_eq!(approve("sue").await.unwrap(), ApprovalState::Waiting);
    assert_eq!(approve("sue").await.unwrap_err().code, ErrorCode::Conflict, "nobody counts twice");
    assert_eq!(approve("max").await.unwrap_err().code, ErrorCode::Forbidden, "one of two is not enough");
    assert_eq!(approve("sol").await.unwrap(), ApprovalState::Waiting);
    assert_eq!(approve("sia").await.unwrap_err().code, ErrorCode::Forbidden, "the third is not needed any more");
    assert_eq!(approve("max").await.unwrap(), ApprovalState::Approved);
    approving::planned(&world, request).await;
    settle(&mut world).await;
    assert!(world.badges.accounts["2"].entitlements.contains("VAULT"));
    assert_eq!(approving::state(&world, request).await, RequestState::Completed);
    let Why::Explained(why) = identities::why(&world.op(), bo, None, "vault").await.unwrap() else { panic!() };
    assert!(why.reasons[0].cause().contains("approved by Sue, Sol and Max"), "{}", why.reasons[0].cause());

    // One who declines is enough.
    let cy = identity(&world, "3").await;
    let declined = approving::asks_for_keeper(&world, cy).await;
    approving::decide(&world, declined, "sue", Verdict::Approve).await.unwrap();
    assert_eq!(approving::decide(&world, declined, "sol", Verdict::Decline).await.unwrap(), ApprovalState::Declined);
    let late = approving::decide(&world, declined, "sia", Verdict::Approve).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict, "{late:?}");
    let found = requests::detail(&world.op(), declined).await.unwrap();
    assert_eq!(found.request.state, RequestState::Cancelled);
    assert!(found.request.message.is_some_and(|message| message.contains("Sol declined")));
    settle(&mut world).await;
    assert!(!world.badges.accounts["3"].entitlements.contains("VAULT"));

    // Whoever is away is passed over: the manager's manager decides.
    let di = identity(&world, "4").await;
    let waits = approving::asks_for_keeper(&world, di).await;
    for login in ["sue", "sia"] {
        approving::decide(&world, waits, login, Verdict::Approve).await.unwrap();
    }
    assert_eq!(approving::decide(&world, waits, "mia", Verdict::Approve).await.unwrap_err().code, ErrorCode::Forbidden);
    approving::feed(&world, "Leave");
    run(&world, "complete").await;
    approving::until(&world, waits, |row| row.approvers == ["Mia"]).await;
    assert_eq!(approving::decide(&world, waits, "max", Verdict::Approve).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(approving::decide(&world, waits, "mia", Verdict::Approve).await.unwrap(), ApprovalState::Approved);
}

#[tokio::test]
async fn scenario_11_work_that_was_not_done_is_found_and_asked_for_again() {
    let mut finance = many();
    finance.iter_mut().for_each(|person| person.department = "Finance".into());
    let mut world = World::new(&finance).await;
    world.settle().await;
    run(&world, "fulfil").await;
    let open = async |world: &World| {
        let filter = WorkItemFilter { limit: Some(500), ..WorkItemFilter::default() };
        let rows = work_items::page(&world.op(), filter).await.unwrap().rows;
        rows.into_iter().filter(|row| row.state == WorkItemState::Open).collect::<Vec<_>>()
    };
    let asked = open(&world).await;
    assert_eq!(asked.len(), 30);
    // Somebody says that all is done, and forgot one.
    let forgotten = &asked[3];
    for item in asked.iter().filter(|item| item.id != forgotten.id) {
        let detail = work_items::detail(&world.op(), item.id).await.unwrap();
        world.mainframe.carry_out(&detail.order);
    }
    world.mainframe.write_extract();
    let ids = asked.iter().map(|item| item.id).collect();
    work_items::confirm(&world.op(), ids, "done".into()).await.unwrap();
    run(&world, "synchronize-back").await;
    run(&world, "fulfil").await;
    let again = open(&world).await;
    assert_eq!(again.iter().map(|item| item.identity).collect::<Vec<_>>(), [forgotten.identity]);
    assert_ne!(again[0].id, forgotten.id);
    let events = identities::detail(&world.op(), forgotten.identity).await.unwrap().events;
    let told = "Mainframe: Reported as done, and not confirmed: the account is not there. It is asked for again.";
    assert!(events.iter().any(|event| event.message == told), "{events:#?}");
    world.do_work_items().await;
    run(&world, "synchronize-back").await;
    let orders = world.orders_of("mainframe").await;
    assert!(orders.iter().all(|order| order.state == ProvisioningState::Verified), "{orders:#?}");
    assert_eq!(orders.len(), 30);
    world.stop().await;
}

/// People of a partner, of whom only sign-ins tell; an entry in the directory has to be there before they are let in.
fn partner(port: u16, when_late: &str) -> String {
    let class = "group_class = \"groupOfNames\"\n";
    let disabled = "disabled = { attribute = \"employeeType\", value = \"disabled\", enabled = \"active\" }\n";
    ldap(port).replacen(class, &[class, disabled].concat(), 1)
        + &format!(
            r#"
[sources.partners]
filled_by_sign_ins = true
key = "subject"
display_name = 'identity.given_name + " " + identity.family_name'
[sources.partners.attributes]
given_name = {{ column = "given_name", required = true }}
family_name = {{ column = "family_name", required = true }}
department = "department"
[sign_ins.partner]
issuer = "https://sign-in.partner.example"
source = "partners"
unknown = "create"
requires = ["entry"]
wait_seconds = 2
when_late = "{when_late}"
ended = {{ affiliation = ["former"] }}
valid_days = 30
"#
        )
}

/// Zoe signs in at the partner.
fn zoe(event: &str, affiliation: &str) -> SignIn {
    serde_json::from_value(serde_json::json!({
        "issuer": "https://sign-in.partner.example", "subject": "zoe-77", "event": event,
        "claims": {
            "given_name": "Zoe", "family_name": "Quist", "department": "Partner", "affiliation": [affiliation],
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn scenario_14_a_sign_in_with_a_dead_target_is_denied_or_queued_and_never_silently_allowed() {
    let server = slapd::start_slapd(&["readers"], false);
    let proxy = FaultProxy::start(server.server.port).await;
    let tune = |tuning: &mut engine::Tuning| tuning.call_timeout = Duration::from_millis(500);
    let mut world = World::with_more(&many(), &partner(proxy.port, "deny"), tune).await;
    settle(&mut world).await;
    let told = async |world: &World, event: &str| sign_ins::sign_in(&world.op(), &zoe(event, "member")).await.unwrap();

    // Dead: denied, and nobody of the partner is in the directory.
    proxy.set(Fault::Refuse);
    let denied = told(&world, "1").await;
    assert_eq!(denied.decision, SignInDecision::Deny, "{denied:?}");
    assert!(denied.reason.contains("Entry is not there after 2 seconds"), "{}", denied.reason);
    let request = denied.request.unwrap();
    let zoes = identity(&world, "zoe-77").await;
    let entries = async |world: &World| {
        let detail = identities::detail(&world.op(), zoes).await.unwrap();
        detail.accounts.into_iter().filter(|account| account.application == "company").collect::<Vec<_>>()
    };
    assert!(entries(&world).await.iter().all(|account| account.status != AccountStatus::Enabled));
    let followed = requests::detail(&world.op(), request).await.unwrap();
    assert_eq!(followed.request.trigger, Trigger::InboundProvisioning);
    assert!(followed.request.state.is_open() && followed.orders.len() == 1, "{followed:#?}");

    // By policy: queued, under the same number, and still nobody is there.
    std::fs::write(world.configuration().join("more.toml"), partner(proxy.port, "allow_queued")).unwrap();
    configurations::apply(&world.op(), &world.configuration()).await.unwrap();
    let queued = told(&world, "2").await;
    assert_eq!((queued.decision, queued.request), (SignInDecision::Queued, Some(request)), "{queued:?}");
    assert!(queued.reason.contains(&format!("request {request}")), "{}", queued.reason);
    assert_eq!(requests::detail(&world.op(), request).await.unwrap().orders.len(), 1, "nothing is ordered twice");

    // Alive: it comes by itself, and then, and only then, the answer is allow.
    proxy.set(Fault::None);
    world.clock.step(Duration::from_secs(30 * 60));
    comes_to_rest(&world, "company").await;
    let allowed = told(&world, "3").await;
    assert_eq!((allowed.decision, allowed.request), (SignInDecision::Allow, Some(request)), "{allowed:?}");
    let mut ldap = slapd::signed_in(server.server.port).await;
    let (_, name) = entry(&mut ldap, "zoe-77").await;
    assert_eq!(name, format!("cn=Zoe Quist,ou=people,{}", slapd::SUFFIX));

    // Told again, an event changes nothing; each is on the timeline once.
    assert_eq!(told(&world, "3").await.decision, SignInDecision::Allow);
    let timeline = identities::detail(&world.op(), zoes).await.unwrap().events;
    let said: Vec<&str> = timeline.iter().rev().map(|event| event.message.as_str()).collect();
    let signed: Vec<&&str> = said.iter().filter(|message| message.starts_with("Signed in at partner")).collect();
    assert_eq!(signed.len(), 3, "{said:#?}");
    for (message, decision) in signed.iter().zip(["deny", "queued", "allow"]) {
        assert!(message.starts_with(&format!("Signed in at partner: {decision}: ")), "{said:#?}");
    }

    // A claim that ends it: denied at once, and whoever has left loses the entry in the usual way.
    let ended = sign_ins::sign_in(&world.op(), &zoe("4", "former")).await.unwrap();
    assert_eq!(ended.decision, SignInDecision::Deny, "{ended:?}");
    assert!(ended.reason.contains("affiliation is `former`"), "{}", ended.reason);
    let lost = async || {
        for _ in 0..500 {
            if entries(&world).await.iter().all(|account| account.status != AccountStatus::Enabled) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:#?}", entries(&world).await);
    };
    lost().await;

    // Who comes back is let in again once the entry is; who does not, leaves after the last day that the sign-in counts.
    let back = sign_ins::sign_in(&world.op(), &SignIn { event: None, ..zoe("", "member") }).await.unwrap();
    assert_ne!(back.decision, SignInDecision::Deny, "{back:?}");
    comes_to_rest(&world, "company").await;
    assert_eq!(told(&world, "6").await.decision, SignInDecision::Allow);
    let last = identities::detail(&world.op(), zoes).await.unwrap().identity.contexts[0].period.ends;
    assert_eq!(last, world.engine.today().checked_add(jiff::Span::new().days(30)).ok());
    world.clock.step(Duration::from_secs(31 * 24 * 3600));
    settle(&mut world).await;
    assert!(entries(&world).await.iter().all(|account| account.status != AccountStatus::Enabled));
    world.stop().await;
}

#[tokio::test]
async fn scenario_15_what_depends_on_a_failure_waits_and_goes_when_it_is_mended() {
    let there = Directory::start(&["staff"]);
    let more = directory(there.port)
        + r#"
[account_types.locker]
display_name = "Locker"
application = "badges"
key = "holder"
depends_on = ["user"]
[account_types.locker.attributes]
holder = { expression = '"locker-" + identity.key', required = true, create_only = true }
name = { expression = "identity.display_name", required = true }
[rules.locker]
when = "true"
account_types = ["locker"]
"#;
    let mut world = world(&more).await;
    there.state().refusal = Some(Refusal { with: "Bo Ek".into(), status: 400, detail: "not him".into() });
    run(&world, "complete").await;
    world.badges.work();
    run(&world, "synchronize-back").await;
    let lockers = |orders: Vec<Order>| orders.into_iter().filter(|order| order.account_type == "locker");
    let held: Vec<Order> =
        lockers(world.orders_of("badges").await).filter(|order| order.state != ProvisioningState::Verified).collect();
    let [held] = held.as_slice() else { panic!("the others go on: {held:#?}") };
    assert_eq!((held.state, held.attempts), (ProvisioningState::Pending, 0), "held, not failed");
    there.state().refusal = None;
    let failed = world.orders_of("directory").await.into_iter().find(|order| order.state == ProvisioningState::Errored);
    orders::act(&world.op(), failed.unwrap().id, Deed::Retry).await.unwrap();
    comes_to_rest(&world, "directory").await;
    run(&world, "synchronize-back").await;
    run(&world, "fulfil").await;
    world.badges.work();
    run(&world, "synchronize-back").await;
    assert!(lockers(world.orders_of("badges").await).all(|order| order.state == ProvisioningState::Verified));
    assert_eq!(world.badges.accounts.keys().filter(|key| key.starts_with("locker")).count(), 4);
    world.stop().await;
}

#[tokio::test]
async fn scenario_16_what_a_review_revokes_is_ended_where_it_comes_from() {
    let mut world = approving::world(&[certifying::KEEPER, certifying::GYM].concat()).await;
    let bo = identity(&world, "2").await;
    certifying::give_keeper(&mut world, bo).await;
    certifying::hand_out_the_vault(&mut world, "3").await;
    let campaign = certifying::campaign(&world, certifying::by_manager()).await;
    let find = |rows: &[ItemRow], key: &str, name: &str| {
        let found = rows.iter().find(|row| row.identity_name.starts_with(key) && row.item.grantable.name() == name);
        found.unwrap_or_else(|| panic!("{key} {name}: {rows:#?}")).clone()
    };
    let rows = certifying::rows(&world, campaign, "max").await;
    let (vault, door, found) = (find(&rows, "Bo", "vault"), find(&rows, "Bo", "door"), find(&rows, "Cy", "vault"));
    let origins = [&vault, &door, &found].map(|row| row.item.origin);
    assert_eq!(origins, [Origin::Inherited, Origin::Inherited, Origin::NonConforming], "{rows:#?}");
    assert_eq!(found.recommendation.decision, Some(certification::Decision::Revoke));
    assert_eq!(door.recommendation.decision, Some(certification::Decision::Approve));
    assert!(vault.routes[0].contains("Vault keeper"), "{vault:#?}");
    for row in [&vault, &door, &found] {
        certifying::decides(&world, "max", row, certification::Decision::Revoke).await.unwrap();
    }

    // Before the sign-off it is said what goes with it, and nothing goes.
    let max = world.op_of("max").await;
    let preview = certifications::preview_sign_off(&max, campaign).await.unwrap();
    let of_vault = preview.consequences.iter().find(|one| one.item.item.id == vault.item.id).unwrap();
    let losses: Vec<&str> =
        of_vault.preview.iter().flat_map(|one| &one.losses).map(|(_, label)| label.as_str()).collect();
    assert!(["Vault keeper", "Money room", "Vault"].iter().all(|label| losses.contains(label)), "{losses:?}");
    assert_eq!(requests::page(&world.op(), RequestFilter::default()).await.unwrap().total, 1);
    certifications::sign_off(&max, campaign, Some(&preview.digest)).await.unwrap();

    // By hand: the role is taken away, by a case of its own. By nothing: as reconciliation does it.
    let asked = certifying::until(&world, campaign, vault.item.id, |item| item.request.is_some()).await;
    let request = requests::detail(&world.op(), asked.request.unwrap()).await.unwrap().request;
    assert_eq!((request.trigger, request.requester.as_str()), (Trigger::Certification, "max"));
    assert_eq!(request.items[0].grantable, Grantable::Role("keeper".into()));
    assert_eq!(asked.state, ItemState::Requested, "it is not done before it was read back");
    // By a rule: its owner is asked, and it stays in sight.
    let with = certifying::until(&world, campaign, door.item.id, |item| item.state == ItemState::WithOwner).await;
    assert_eq!((with.changes, with.reviewers), (Some(Grantable::Role("colleague".into())), vec!["olga".to_owned()]));
    for _ in 0..2 {
        certifying::everything(&mut world).await;
    }
    for item in [vault.item.id, found.item.id] {
        certifying::until(&world, campaign, item, |item| item.state == ItemState::Removed).await;
    }
    assert!(!world.badges.accounts["2"].entitlements.contains("VAULT"));
    assert!(!world.badges.accounts["3"].entitlements.contains("VAULT"));
    assert!(rules_behind(&world, "2", "vault").await.is_none(), "neither the role nor what it gave comes back");
    assert!(world.badges.accounts["2"].entitlements.contains("DOOR"));
    let still = certifying::item(&world, campaign, door.item.id).await;
    assert_eq!(still.state, ItemState::WithOwner, "nobody has changed the rule");

    // Once the rule does not give it any more, and it was read back, it is done.
    certifying::rule_leaves_out_bo(&world).await;
    for _ in 0..2 {
        certifying::everything(&mut world).await;
    }
    certifying::until(&world, campaign, door.item.id, |item| item.state == ItemState::Removed).await;
    assert!(!world.badges.accounts["2"].entitlements.contains("DOOR"));
    world.stop().await;
}

#[tokio::test]
async fn scenario_17_a_run_keeps_the_configuration_that_it_began_with() {
    let there = Directory::start(&["staff"]);
    let mut world = world(&directory(there.port)).await;
    there.state().latency = Duration::from_millis(150);
    let op = world.op();
    let id = engine::jobs::start(&op, "complete".into(), RunMode::default()).await.unwrap();
    // While it reads the directory, somebody grants one thing more.
    while engine::jobs::run(&op, id).await.unwrap().run.started_at.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let file = world.configuration().join("later.toml");
    std::fs::write(file, format!("{SHARED}[rules.late]\nwhen = \"true\"\nroles = [\"alpha\"]\n")).unwrap();
    configurations::apply(&op, &world.configuration()).await.unwrap();
    let first = world.ended(id).await;
    let is_shared = |order: &Order| order.items.iter().any(|item| item.name == "SHARED");
    assert!(!world.orders_of("badges").await.iter().any(is_shared), "{first:#?}");
    let second = world.run("complete", RunMode::default()).await;
    assert!(first.configuration.is_some() && first.configuration < second.configuration);
    settle(&mut world).await;
    assert_eq!(world.orders_of("badges").await.iter().filter(|order| is_shared(order)).count(), 4);
    world.stop().await;
}

#[tokio::test]
async fn scenario_18_an_account_that_may_be_of_two_people_is_left_alone_until_a_person_decides() {
    let there = Directory::start(&["staff"]);
    let found = serde_json::json!({ "userName": "old-ann", "displayName": "Ann Lee", "active": true, "id": "x1" });
    there.state().users.insert("x1".into(), found.as_object().unwrap().clone());
    let mut world = world(&directory(there.port)).await;
    let mut two = people();
    two.push(person(5, "Ann", "Lee", "Sales"));
    world.feed(&two);
    settle(&mut world).await;
    assert_eq!(serde_json::Value::from(there.state().users["x1"].clone()), found, "nothing is written to it");
    let op = world.op();
    let rows = accounts::page(&op, AccountFilter { application: "directory".into(), ..AccountFilter::default() }).await;
    let row = rows.unwrap().rows.into_iter().find(|row| row.key == "x1").unwrap();
    assert_eq!((row.owner.as_ref(), row.proposals.len()), (None, 2), "{row:#?}");
    let ann = identity(&world, "5").await;
    let decision = Decision::Linked { identity: ann };
    accounts::decide(&op, vec![row.id], decision).await.unwrap().remove(0).1.unwrap();
    let ann = identities::detail(&op, ann).await.unwrap();
    assert!(ann.accounts.iter().any(|account| account.key == "x1"), "{:#?}", ann.accounts);
    world.stop().await;
}

#[tokio::test]
async fn scenario_20_what_cannot_be_read_back_says_so() {
    let mut world = world(TWO_DESKS).await;
    move_to(&mut world, "1", "Audit").await;
    let archive = world.orders_of("archive").await;
    let [order] = archive.as_slice() else { panic!("{archive:#?}") };
    assert_eq!((order.state, &order.reason), (ProvisioningState::Executed, &Some(StateReason::CannotBeReadBack)));
    world.stop().await;
}

#[tokio::test]
async fn scenario_21_an_account_that_is_gone_keeps_no_other_from_going() {
    let there = Directory::start(&["staff"]);
    let more =
        directory(there.port).replace("key = \"userName\"\ncorr", "key = \"userName\"\non_removal = \"delete\"\ncorr");
    let mut world = World::with_more(&many(), &more, |_| {}).await;
    settle(&mut world).await;
    let gone = there.state().users.iter().find(|(_, user)| user["userName"] == "7").map(|(id, _)| id.clone()).unwrap();
    there.state().users.remove(&gone);
    let rest: Vec<Person> = many().into_iter().filter(|person| person.number != "7").collect();
    world.feed(&rest);
    settle(&mut world).await;
    assert!(!world.badges.accounts["7"].enabled, "the badge is off all the same");
    assert_eq!(there.people().len(), 29);
    for application in ["directory", "badges"] {
        let open = world.orders_of(application).await.into_iter().filter(|order| order.state.is_open()).count();
        assert_eq!(open, 0, "{application}");
    }
    world.stop().await;
}

/// A thousand members come to one group: few changes of it, and the same members as one by one.
#[tokio::test]
async fn scenario_22_a_thousand_members_are_few_changes_of_their_group() {
    let there = Directory::start(&["staff"]);
    let people = crowd(1_001);
    let world = World::with_more(&people, &directory(there.port), |_| {}).await;
    run(&world, "complete").await;
    assert_eq!(there.people().iter().filter(|(_, groups)| groups.contains("staff")).count(), 1_001);
    let changes = there.state().member_changes;
    assert!(changes <= 20, "{changes} changes of the group");
    world.stop().await;
}
