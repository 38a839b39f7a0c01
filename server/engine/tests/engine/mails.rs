//! Telling people by mail, with a real mail server.

use std::time::Duration;

use engine::context::OpContext;
use model::job::RunMode;
use model::mail::{MailFilter, MailOverview, MailPreferences, MailRow, MailState, NoticeKind};
use model::user::PermissionPath;
use model::view::WorkItemFilter;
use testkit::world::{Person, World, person};

use crate::free_port::free_port;
use crate::mail_server::{Arrived, start_mail_server};

const PASSWORD: &str = "a long enough password";

fn people() -> Vec<Person> {
    vec![person(1, "Ann", "Lee", "Finance"), person(2, "Bo", "Ek", "Finance"), person(3, "Cy", "Ash", "Sales")]
}

/// Profiles that are told of different things.
const PROFILES: &str = r#"
[permission_profiles.terminals]
display_name = "Terminals"
permissions = ["/Custom/ProvisioningPolicy/PerformManualProvisioning/terminal"]
[permission_profiles.all-work]
display_name = "All work"
permissions = ["/ProvisioningPolicy/PerformManualProvisioning", "/WorkItems"]
[permission_profiles.silent]
display_name = "Silent"
permissions = [{ path = "/WorkItems/Fulfil/terminal", notify = false }]
[permission_profiles.runs]
display_name = "Runs"
permissions = ["/Jobs/View/complete", "/WorkItems/Fulfil/terminal"]
[permission_profiles.badges]
display_name = "Badges"
permissions = ["/Applications/View/badges"]
"#;

/// The small organisation with a mail server, and with nothing going on by itself.
async fn world(port: u16) -> World {
    let world = World::with_more(&people(), PROFILES, |tuning| tuning.sweep_every = Duration::from_hours(1)).await;
    name_mail_server(&world, port).await;
    world
}

/// As an administrator does: in the file that describes the organisation.
pub async fn name_mail_server(world: &World, port: u16) {
    let file = world.configuration().join("all.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("[organisation]\n").unwrap();
    let (own, after) = after.split_once("\n\n").unwrap();
    let own = own.split("\n[organisation.mail]").next().unwrap();
    let mail = format!(
        r#"[organisation.mail]
server = "127.0.0.1:{port}"
encryption = "none"
sender = "Quartermaster <quartermaster@example.org>"
public_url = "https://q.example.org""#
    );
    std::fs::write(&file, format!("{before}[organisation]\n{own}\n{mail}\n\n{after}")).unwrap();
    engine::configurations::apply(&world.op(), &world.configuration()).await.unwrap();
}

async fn user(world: &World, login: &str, profile: &str, address: &str) {
    engine::users::add(&world.engine, login, login, PASSWORD, vec![profile.into()]).await.unwrap();
    engine::mails::set_address(&world.op(), login, Some(address.into())).await.unwrap();
}

async fn mails(world: &World, filter: MailFilter) -> Vec<MailRow> {
    engine::mails::page(&world.op(), filter).await.unwrap().rows
}

/// Lets mails be made and delivered, as goes on by itself otherwise, and answers those in a state.
async fn delivered(world: &World, state: MailState) -> Vec<MailRow> {
    engine::mails::round(&world.engine).await.unwrap();
    mails(world, MailFilter { state: Some(state), ..MailFilter::default() }).await
}

fn addresses(arrived: &[Arrived]) -> Vec<&str> {
    let mut addresses: Vec<&str> = arrived.iter().map(|mail| mail.to.as_str()).collect();
    addresses.sort_unstable();
    addresses
}

/// Work on the mainframe comes up.
async fn work(world: &mut World) {
    world.run("complete", RunMode::default()).await;
    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
}

#[tokio::test]
async fn exactly_those_with_the_whole_path_are_told_once_for_each_run() {
    let server = start_mail_server();
    let mut world = world(server.server.port).await;
    for (login, profile) in [
        ("exact", "terminals"),
        ("parent", "all-work"),
        ("everything", "administrator"),
        ("silent", "silent"),
        ("runs", "runs"),
        ("unwilling", "terminals"),
    ] {
        user(&world, login, profile, &format!("{login}@example.org")).await;
    }
    let op = world.op_of("unwilling").await;
    let preferences = engine::mails::my_preferences(&op).await.unwrap();
    let preferences = MailPreferences { silenced: vec![NoticeKind::WorkItem], ..preferences };
    engine::mails::set_my_preferences(&op, preferences).await.unwrap();

    world.run("complete", RunMode::default()).await;
    assert_eq!(delivered(&world, MailState::Sent).await.len(), 1);
    let arrived = server.arrived();
    assert_eq!(addresses(&arrived), ["runs@example.org"], "{arrived:#?}");
    assert!(arrived[0].text.contains("the job complete"), "{}", arrived[0].text);
    assert!(arrived[0].text.contains("https://q.example.org/jobs/runs/"), "{}", arrived[0].text);

    world.badges.work();
    world.run("fulfil", RunMode::default()).await;
    assert_eq!(delivered(&world, MailState::Sent).await.len(), 3);
    let arrived = server.arrived().split_off(1);
    assert_eq!(addresses(&arrived), ["exact@example.org", "runs@example.org"], "{arrived:#?}");
    for mail in &arrived {
        // Both work items in one mail, in plain text and in HTML.
        assert!(mail.text.contains("Subject: 2 work items for you\n"), "{}", mail.text);
        assert!(mail.text.contains("From: Quartermaster <quartermaster@example.org>\n"), "{}", mail.text);
        assert_eq!(mail.text.matches("Mainframe: create an account of the type Mainframe user").count(), 4);
        assert_eq!(mail.text.matches("https://q.example.org/work-items/").count(), 4);
        assert!(mail.text.contains("Hello ") && mail.text.contains("<h2>Work for you</h2>"));
        // What separates the parts is drawn by lot, and may spell anything.
        let said: Vec<&str> =
            mail.text.lines().filter(|line| !line.contains("boundary=") && !line.starts_with("--")).collect();
        let names = |name: &str| said.iter().any(|line| line.contains(name));
        assert!(!names("Ann") && !names("Lee"), "a mail names no people: {}", mail.text);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_again_and_a_refused_address_is_seen() {
    let port = free_port();
    let mut world = world(port).await;
    user(&world, "exact", "terminals", "exact@example.org").await;
    user(&world, "wrong", "terminals", "nobody@example.org").await;
    user(&world, "full", "terminals", "full@example.org").await;
    work(&mut world).await;
    let waiting = delivered(&world, MailState::Waiting).await;
    assert_eq!(waiting.len(), 3, "{waiting:#?}");
    for mail in &waiting {
        assert!(
            mail.problem.as_deref().is_some_and(|problem| problem.to_lowercase().contains("connection")),
            "{mail:?}"
        );
        assert!(mail.next_attempt_at.is_some_and(|at| at > world.engine.now()));
    }

    // Another server, as an administrator names it when the old one is gone.
    let server = start_mail_server();
    name_mail_server(&world, server.server.port).await;
    world.clock.step(Duration::from_secs(120));
    let sent = delivered(&world, MailState::Sent).await;
    assert_eq!(sent[0].address, "exact@example.org");
    assert_eq!(addresses(&server.arrived()), ["exact@example.org"]);
    let failed = delivered(&world, MailState::Failed).await;
    assert_eq!(failed[0].address, "nobody@example.org");
    assert!(failed[0].problem.as_deref().is_some_and(|problem| problem.contains("no such mailbox")), "{failed:?}");
    let full = &delivered(&world, MailState::Waiting).await[0];
    assert!(full.problem.as_deref().is_some_and(|problem| problem.contains("full")), "{full:?}");

    // Sent again it fails again; once the address is mended it arrives.
    engine::mails::retry(&world.op(), failed[0].id).await.unwrap();
    assert_eq!(delivered(&world, MailState::Failed).await[0].id, failed[0].id);
    engine::mails::set_address(&world.op(), "wrong", Some("wrong@example.org".into())).await.unwrap();
    assert_eq!(engine::mails::retry_failed(&world.op()).await.unwrap(), 1);
    assert!(delivered(&world, MailState::Failed).await.is_empty());
    assert_eq!(addresses(&server.arrived()), ["exact@example.org", "wrong@example.org"]);
    assert!(engine::mails::retry(&world.op(), sent[0].id).await.is_err(), "what is sent is sent");
    assert!(engine::mails::retry_failed(&world.op()).await.is_err(), "nothing failed");
    // A day later it is given up, visibly.
    for _ in 0..4 {
        world.clock.step(Duration::from_hours(12));
        engine::mails::round(&world.engine).await.unwrap();
    }
    let failed = delivered(&world, MailState::Failed).await;
    assert_eq!((failed.len(), failed[0].id), (1, full.id));
    assert!(failed[0].problem.as_deref().is_some_and(|problem| problem.contains("Given up")), "{failed:?}");

    // A person gives up what waits, and sends it after all.
    engine::mails::retry(&world.op(), full.id).await.unwrap();
    engine::mails::give_up(&world.op(), full.id).await.unwrap();
    assert!(engine::mails::give_up(&world.op(), full.id).await.is_err(), "it waits no more");
    let failed = delivered(&world, MailState::Failed).await;
    assert_eq!(failed[0].problem.as_deref(), Some("Given up by Command line."));
    let counts = engine::mails::overview(&world.op()).await.unwrap();
    assert_eq!((counts.waiting, counts.sent, counts.failed), (0, 2, 1));
    assert!(counts.server.is_some_and(|server| server.starts_with("127.0.0.1:")));
    world.stop().await;
}

#[tokio::test]
async fn without_a_server_nothing_is_written_and_the_page_says_so() {
    let mut world = World::with_more(&people(), PROFILES, |tuning| tuning.sweep_every = Duration::from_hours(1)).await;
    user(&world, "exact", "terminals", "exact@example.org").await;
    work(&mut world).await;
    engine::mails::round(&world.engine).await.unwrap();
    assert_eq!(engine::mails::overview(&world.op()).await.unwrap(), MailOverview::default());
    assert!(world.engine.store().waiting_notices(10).await.unwrap().is_empty());
    let refused = engine::mails::send_test(&world.op_of("exact").await).await.unwrap_err();
    assert!(refused.message.contains("/Mails/Test"), "{refused:?}");
    let refused = engine::mails::send_test(&world.op()).await.unwrap_err();
    assert!(refused.message.contains("[organisation.mail]"), "{refused:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_test_goes_to_whoever_asks_for_it() {
    let server = start_mail_server();
    let world = world(server.server.port).await;
    engine::users::add(&world.engine, "boss", "Boss", PASSWORD, vec!["administrator".into()]).await.unwrap();
    let boss = world.op_of("boss").await;
    let refused = engine::mails::send_test(&boss).await.unwrap_err();
    assert!(refused.message.contains("My mail"), "{refused:?}");
    engine::mails::set_address(&world.op(), "boss", Some("boss@example.org".into())).await.unwrap();
    assert_eq!(engine::mails::send_test(&boss).await.unwrap(), "boss@example.org");
    delivered(&world, MailState::Sent).await;
    let arrived = server.arrived();
    assert_eq!(addresses(&arrived), ["boss@example.org"]);
    assert!(arrived[0].text.contains("Subject: A test from Quartermaster\n"), "{}", arrived[0].text);
    world.stop().await;
}

/// Who is told and who may act are two questions: parents and the silent act without being told.
#[tokio::test]
async fn the_whole_path_tells_and_lets_act_and_a_parent_only_lets_act() {
    let server = start_mail_server();
    let mut world = world(server.server.port).await;
    let logins = [("exact", "terminals"), ("parent", "all-work"), ("silent", "silent"), ("stranger", "badges")];
    for (login, profile) in logins {
        user(&world, login, profile, &format!("{login}@example.org")).await;
    }
    work(&mut world).await;
    delivered(&world, MailState::Sent).await;
    assert_eq!(addresses(&server.arrived()), ["exact@example.org"]);

    let open = engine::work_items::page(&world.op(), WorkItemFilter::default()).await.unwrap().rows;
    assert!(!open.is_empty() && open.iter().all(|row| row.account_type == "terminal"), "{open:#?}");
    let id = open[0].id;
    for login in ["exact", "parent", "silent"] {
        let op = world.op_of(login).await;
        engine::work_items::claim(&op, id).await.unwrap();
        engine::work_items::release(&op, id).await.unwrap();
    }
    let stranger = world.op_of("stranger").await;
    assert!(engine::work_items::claim(&stranger, id).await.unwrap_err().message.contains("/WorkItems/Fulfil"));
    let badges =
        OpContext { permissions: PermissionPath::parse("/WorkItems/Fulfil/badge").into_iter().collect(), ..stranger };
    let refused = engine::work_items::confirm(&badges, vec![id], String::new()).await.unwrap();
    let refused = refused[0].1.as_ref().unwrap_err();
    assert!(refused.message.contains("`/WorkItems/Fulfil/terminal`"), "{refused:?}");
    let exact = world.op_of("exact").await;
    let done = engine::work_items::confirm(&exact, vec![id], "done".into()).await.unwrap();
    assert!(done[0].1.is_ok(), "{done:?}");
    world.stop().await;
}

#[tokio::test]
async fn applications_in_trouble_are_told_once() {
    let server = start_mail_server();
    let world = world(server.server.port).await;
    user(&world, "owner", "badges", "owner@example.org").await;
    std::fs::write(world.configuration().join("badges/extract.csv"), "holder,holder\n").unwrap();
    world.run("complete", RunMode::default()).await;
    world.run("complete", RunMode::default()).await;
    delivered(&world, MailState::Sent).await;
    let arrived = server.arrived();
    assert_eq!(addresses(&arrived), ["owner@example.org"]);
    assert!(arrived[0].text.contains("Subject: Badges: "), "{}", arrived[0].text);
    assert!(arrived[0].text.contains("https://q.example.org/applications/badges"));
    world.stop().await;
}

/// Two risks that Ann breaks, one with an owner.
const RISKS: &str = r#"
[risks.owned]
display_name = "Vault and ledger"
kind = "separation_of_duties"
level = 70
owner = "ria"
rules = [{ sides = [{ entitlements = ["vault"] }, { entitlements = ["ledger"] }] }]
[risks.watched]
display_name = "Vault at all"
kind = "high_privilege"
level = 10
rules = [{ sides = [{ entitlements = ["vault"] }] }]
[permission_profiles.watchers]
display_name = "Watchers"
permissions = ["/Violations/View/watched"]
[permission_profiles.all-violations]
display_name = "All violations"
permissions = ["/Violations/View"]
"#;

#[tokio::test]
async fn whoever_answers_for_a_risk_is_told_when_it_is_broken() {
    let server = start_mail_server();
    let more = format!("{PROFILES}{RISKS}");
    let world = World::with_more(&people(), &more, |tuning| tuning.sweep_every = Duration::from_hours(1)).await;
    name_mail_server(&world, server.server.port).await;
    for (login, profile) in [("ria", "silent"), ("watcher", "watchers"), ("parent", "all-violations")] {
        user(&world, login, profile, &format!("{login}@example.org")).await;
    }
    world.run("complete", RunMode::default()).await;
    delivered(&world, MailState::Sent).await;
    let arrived = server.arrived();
    assert_eq!(addresses(&arrived), ["ria@example.org", "watcher@example.org"], "{arrived:#?}");
    let of = |login: &str| arrived.iter().find(|mail| mail.to.starts_with(login)).unwrap().text.clone();
    assert!(
        of("ria").contains("newly broken by 2 people") && of("ria").contains("/violations?risk=owned"),
        "{}",
        of("ria")
    );
    assert!(!of("ria").contains("Ann"), "a mail names no people: {}", of("ria"));
    assert!(of("watcher").contains("/violations?risk=watched"), "{}", of("watcher"));
    // It stays broken, which is no news.
    world.run("complete", RunMode::default()).await;
    delivered(&world, MailState::Sent).await;
    assert_eq!(server.arrived().len(), arrived.len());
    world.stop().await;
}
