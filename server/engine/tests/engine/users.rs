//! Who signs in: adding and changing users, what nobody may do, and the tester that says who may do what.

use engine::context::OpContext;
use engine::permissions::{self, Subject};
use engine::users;
use model::configuration::{Configuration, PermissionProfile};
use model::error::ErrorCode;
use model::ids::UserId;
use model::mail::{Hearing, NoticeKind};
use model::permission::Question;
use model::user::{NewUser, PermissionPath, UserFilter};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::SessionRecord;
use testkit::world::{World, person};

const PASSWORD: &str = "a long enough password";

const PROFILES: &str = r#"
[permission_profiles.people]
display_name = "User desk"
permissions = ["/Home", "/Users/View", "/Users/Manage", "/Identities/View"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home/View"]
[permission_profiles.terminals]
display_name = "Terminals"
permissions = ["/Custom/ProvisioningPolicy/PerformManualProvisioning/terminal"]
[permission_profiles.all-work]
display_name = "All work"
permissions = ["/WorkItems"]
[permission_profiles.silent]
display_name = "Silent"
permissions = [{ path = "/WorkItems/Fulfil/terminal", notify = false }]
"#;

async fn world() -> World {
    let people = [person(1, "Ann", "Lee", "Finance"), person(2, "Bo", "Ek", "Sales")];
    let world = World::with_more(&people, PROFILES, |_| {}).await;
    world.run("complete", model::job::RunMode::default()).await;
    for (login, profile) in [("root", "administrator"), ("desk", "people"), ("ann", "employee")] {
        users::add(&world.engine, login, login, PASSWORD, vec![profile.into()]).await.unwrap();
    }
    world
}

async fn id(world: &World, login: &str) -> UserId {
    users::by_login(&world.op(), login).await.unwrap().id
}

fn new(login: &str, profiles: &[&str]) -> NewUser {
    NewUser {
        login: login.into(),
        display_name: String::new(),
        profiles: profiles.iter().map(|name| (*name).into()).collect(),
    }
}

async fn audited(world: &World) -> Vec<String> {
    let lines = world.engine.store().audit_page(None, 100).await.unwrap().rows;
    let own = lines.into_iter().filter(|line| line.action == "user");
    own.map(|line| format!("{}: {} {}", line.actor, line.subject, line.detail)).collect()
}

#[tokio::test]
async fn where_there_is_no_user_yet_whoever_tries_is_told_how_to_add_one() {
    let world = World::new(&[]).await;
    let told = async || {
        let refused = users::sign_in(&world.engine, "root", PASSWORD, "::1", world.engine.now()).await.unwrap_err();
        (refused.code, refused.message)
    };
    assert!(matches!(told().await, (ErrorCode::Unauthenticated, message) if message.contains("user add")));
    assert_eq!(users::first_step(&world.engine).await.unwrap().map(|step| step.contains("user add")), Some(true));
    users::add(&world.engine, "ann", "Ann", PASSWORD, vec![]).await.unwrap();
    assert!(matches!(told().await, (ErrorCode::Unauthenticated, message) if message.contains("is not right")));
    assert_eq!(users::first_step(&world.engine).await.unwrap(), None);
}

#[tokio::test]
async fn a_user_is_added_changed_and_linked_and_it_is_on_record() {
    let world = world().await;
    let root = world.op_of("root").await;
    let (cy, drawn) = users::create(&root, new("cy", &["employee"]), None).await.unwrap();
    let drawn = drawn.expect("a password drawn by lot");
    let signed_in = users::sign_in(&world.engine, "cy", &drawn, "::1", world.engine.now()).await.unwrap();
    assert_eq!((signed_in.id, signed_in.display_name.as_str()), (cy, "cy"));

    let seen = users::detail(&root, cy).await.unwrap().seen;
    let profiles = Some(vec!["terminals".to_owned(), "terminals".to_owned()]);
    users::rename_and_grant(&root, cy, Some(&seen), Some(" Cy Ash "), profiles).await.unwrap();
    users::set_identity(&root, "cy", Some("1")).await.unwrap();
    let detail = users::detail(&root, cy).await.unwrap();
    assert_eq!(detail.user.display_name, "Cy Ash");
    assert_eq!(detail.user.profiles, ["terminals"]);
    assert_eq!(detail.person.as_ref().unwrap().display_name, "Ann Lee");
    assert!(detail.last_sign_in.is_some());

    let taken = users::set_identity(&root, "ann", Some("1")).await.unwrap_err();
    assert_eq!(taken.code, ErrorCode::Conflict);
    assert!(taken.message.contains("cy is that person already"), "{}", taken.message);
    users::link(&root, cy, None, None).await.unwrap();
    users::set_identity(&root, "ann", Some("1")).await.unwrap();

    let rows = users::page(&root, &UserFilter { text: Some("CY".into()), ..UserFilter::default() }).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].last_sign_in.is_some() && rows[0].identity.is_none());
    let rows =
        users::page(&root, &UserFilter { text: Some("ann".into()), ..UserFilter::default() }).await.unwrap().rows;
    assert_eq!(rows[0].identity.as_ref().unwrap().1, "Ann Lee");

    let said = audited(&world).await;
    for line in [
        "root: cy added with employee",
        "root: cy is called Cy Ash; given terminals; taken employee",
        "root: cy is no identity",
    ] {
        assert!(said.iter().any(|said| said == line), "{line}: {said:#?}");
    }
    let wrong = users::create(&root, new("no login", &[]), None).await.unwrap_err();
    assert_eq!(wrong.field.as_deref(), Some("login"));
    let taken = users::create(&root, new("CY", &[]), None).await.unwrap_err();
    assert!(taken.message.contains("taken"), "{}", taken.message);
    world.stop().await;
}

#[tokio::test]
async fn whoever_is_later_is_told_and_changes_nothing() {
    let world = world().await;
    let (root, ann) = (world.op_of("root").await, id(&world, "ann").await);
    let seen = users::detail(&root, ann).await.unwrap().seen;
    users::rename_and_grant(&root, ann, Some(&seen), Some("Ann Lee"), None).await.unwrap();
    let later = users::rename_and_grant(&root, ann, Some(&seen), Some("Anna"), Some(vec![])).await.unwrap_err();
    assert_eq!((later.code, later.field.as_deref()), (ErrorCode::Conflict, Some("seen")));
    let later = users::set_disabled(&root, ann, Some(&seen), true).await.unwrap_err();
    assert_eq!(later.code, ErrorCode::Conflict);
    let now = users::detail(&root, ann).await.unwrap();
    assert_eq!((now.user.display_name.as_str(), now.user.disabled), ("Ann Lee", false));
    assert_eq!(now.user.profiles, ["employee"]);
    users::rename_and_grant(&root, ann, Some(&now.seen), Some("Anna"), None).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn nobody_raises_permissions_and_somebody_is_left_who_manages_users() {
    let world = world().await;
    let (root, desk) = (world.op_of("root").await, world.op_of("desk").await);
    let employee = world.op_of("ann").await;
    let (root_id, desk_id, ann) = (root.user.id, desk.user.id, employee.user.id);
    let code = |outcome: Result<(), model::error::ApiError>| outcome.unwrap_err().code;

    assert_eq!(users::create(&employee, new("x", &[]), None).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(users::page(&employee, &UserFilter::default()).await.unwrap_err().code, ErrorCode::Forbidden);

    // The desk gives what it holds, to others and to nobody else, itself included.
    users::create(&desk, new("eve", &["employee"]), Some(PASSWORD)).await.unwrap();
    let raised = users::create(&desk, new("mallory", &["administrator"]), Some(PASSWORD)).await.unwrap_err();
    assert!(raised.message.contains("/Users/Elevate"), "{}", raised.message);
    let all = Some(vec!["people".to_owned(), "administrator".to_owned()]);
    assert_eq!(code(users::rename_and_grant(&desk, desk_id, None, None, all.clone()).await), ErrorCode::Forbidden);
    assert_eq!(code(users::rename_and_grant(&desk, ann, None, None, all).await), ErrorCode::Forbidden);
    let password = users::set_password(&desk, root_id, Some("another long password")).await;
    assert_eq!(password.unwrap_err().code, ErrorCode::Forbidden, "nobody takes an administrator over");
    assert_eq!(code(users::set_disabled(&desk, root_id, None, true).await), ErrorCode::Forbidden);
    assert_eq!(code(users::set_identity(&desk, "desk", Some("1")).await), ErrorCode::Forbidden);

    // Two are left who manage users, then one, who stays.
    assert_eq!(code(users::set_disabled(&root, root_id, None, true).await), ErrorCode::Conflict);
    users::set_disabled(&root, desk_id, None, true).await.unwrap();
    let last = users::rename_and_grant(&root, root_id, None, None, Some(vec!["employee".into()])).await.unwrap_err();
    assert!(last.message.contains("Nobody would be left"), "{}", last.message);
    let op = world.op();
    assert_eq!(code(users::set_disabled(&op, root_id, None, true).await), ErrorCode::Conflict);
    users::set_disabled(&root, desk_id, None, false).await.unwrap();
    users::rename_and_grant(&root, root_id, None, None, Some(vec!["employee".into()])).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn sessions_end_with_the_password_and_with_being_disabled() {
    let world = world().await;
    let (root, ann) = (world.op_of("root").await, id(&world, "ann").await);
    let begin = |hash: &'static str| {
        let session = SessionRecord {
            id_hash: hash.into(),
            user: Some(ann),
            data: "{}".into(),
            expires_at: world.engine.now() + jiff::SignedDuration::from_hours(1),
            created_at: world.engine.now(),
            address: "::1".into(),
            agent: "Browser".into(),
        };
        engine::sessions::put(&world.engine, session)
    };
    begin("aa").await.unwrap();
    users::rename_and_grant(&root, ann, None, Some("Ann Lee"), None).await.unwrap();
    assert_eq!(users::detail(&root, ann).await.unwrap().sessions, 1, "a name ends no session");
    users::set_password(&root, ann, Some("another long password")).await.unwrap();
    assert_eq!(users::detail(&root, ann).await.unwrap().sessions, 0);
    assert!(users::sign_in(&world.engine, "ann", PASSWORD, "::1", world.engine.now()).await.is_err());
    begin("bb").await.unwrap();
    users::set_disabled(&root, ann, None, true).await.unwrap();
    assert_eq!(users::detail(&root, ann).await.unwrap().sessions, 0);
    let short = users::set_password(&root, ann, Some("short")).await.unwrap_err();
    assert_eq!(short.field.as_deref(), Some("password"));
    world.stop().await;
}

/// Paths that lie beside, above and below one another.
fn path() -> impl Strategy<Value = String> {
    let part = || prop::sample::select(vec!["Jobs", "Run", "View", "WorkItems", "Fulfil", "ProvisioningPolicy", "a"]);
    let whole = prop::collection::vec(part(), 1..4).prop_map(|parts| format!("/{}", parts.join("/")));
    prop_oneof![
        8 => whole,
        1 => Just("/*".to_owned()),
        1 => Just("/Custom/Jobs".to_owned()),
        1 => Just("no path".to_owned()),
    ]
}

#[tokio::test]
async fn the_tester_says_what_the_program_does() {
    let world = world().await;
    let op = world.op();
    let profiles = prop::collection::vec(prop::collection::vec(path(), 0..4), 0..4);
    let mut runner = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    runner
        .run(&(profiles, path()), |(profiles, asked)| {
            let mut configuration = Configuration::default();
            for (number, paths) in profiles.iter().enumerate() {
                let permissions = paths.iter().map(|path| path.as_str().into()).collect();
                let profile = PermissionProfile { display_name: number.to_string(), permissions, people: None };
                configuration.permission_profiles.insert(number.to_string(), profile);
            }
            // The last profile is held by nobody.
            let held: Vec<String> = (0..profiles.len().saturating_sub(1)).map(|number| number.to_string()).collect();
            let caller = OpContext { permissions: PermissionPath::held(&configuration, &held), ..op.clone() };
            let Some(asked_path) = PermissionPath::parse(&asked) else {
                prop_assert!(!caller.may(&asked));
                return Ok(());
            };
            let answer = Question::Path(asked_path.clone()).answer(&configuration, &held);
            prop_assert_eq!(answer.allowed, caller.may(&asked));
            prop_assert_eq!(answer.allowed, caller.require(&asked).is_ok());
            // What is said to be enough is, and each profile that is said to have it does.
            for smallest in &answer.smallest {
                let caller = OpContext { permissions: vec![smallest.clone()], ..op.clone() };
                prop_assert!(caller.may(&asked));
            }
            for grant in answer.by.iter().chain(&answer.others) {
                let permissions = PermissionPath::held(&configuration, std::slice::from_ref(&grant.profile));
                prop_assert!(permissions.contains(&grant.entry));
                let caller = OpContext { permissions: vec![grant.entry.clone()], ..op.clone() };
                prop_assert!(caller.may(&asked));
            }
            let somebody_has_it = configuration.permission_profiles.keys().any(|name| {
                let permissions = PermissionPath::held(&configuration, std::slice::from_ref(name));
                OpContext { permissions, ..op.clone() }.may(&asked)
            });
            prop_assert_eq!(answer.by.is_empty() && answer.others.is_empty(), !somebody_has_it);
            Ok(())
        })
        .unwrap();
    world.stop().await;
}

#[tokio::test]
async fn it_is_asked_of_users_of_profiles_and_of_everybody() {
    let world = world().await;
    let op = world.op_of("desk").await;
    let run = Question::Path(PermissionPath::parse("/Jobs/Run").unwrap());
    let manage = Question::Path(PermissionPath::parse("/Users/Manage").unwrap());
    let of = |login: &str| Subject::Login(login.into());
    assert!(permissions::test(&op, &of("root"), Some(&run), None).await.unwrap().allowed());
    assert!(!permissions::test(&op, &of("ann"), Some(&run), None).await.unwrap().allowed());
    assert!(permissions::test(&op, &of("ann"), None, None).await.unwrap().allowed());
    let profiles = Subject::Profiles(vec!["employee".into(), "people".into()]);
    assert!(permissions::test(&op, &profiles, Some(&manage), None).await.unwrap().allowed());
    let unknown = permissions::test(&op, &Subject::Profiles(vec!["none".into()]), Some(&run), None).await.unwrap_err();
    assert_eq!(unknown.code, ErrorCode::NotFound);

    let who = permissions::who(&op, Some(&manage), None).await.unwrap();
    assert_eq!(who.iter().map(|able| able.login.as_str()).collect::<Vec<_>>(), ["desk", "root"]);
    users::set_disabled(&world.op(), id(&world, "desk").await, None, true).await.unwrap();
    let who = permissions::who(&op, Some(&manage), None).await.unwrap();
    assert_eq!(who.iter().map(|able| able.login.as_str()).collect::<Vec<_>>(), ["root"]);
    assert!(!permissions::test(&op, &of("desk"), Some(&manage), None).await.unwrap().allowed(), "whoever is disabled");
    assert!(permissions::who(&world.op_of("ann").await, Some(&run), None).await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn it_is_foretold_who_is_notified_and_why_not() {
    let world = world().await;
    for (login, profile) in [("exact", "terminals"), ("parent", "all-work"), ("quiet", "silent"), ("mute", "terminals")]
    {
        users::add(&world.engine, login, login, PASSWORD, vec![profile.into()]).await.unwrap();
        let address = (login != "mute").then(|| format!("{login}@example.org"));
        engine::mails::set_address(&world.op(), login, address).await.unwrap();
    }
    let op = world.op();
    let told = engine::mails::foretell(&op, Some(NoticeKind::WorkItem), Some("terminal")).await.unwrap();
    let said: Vec<(&str, Hearing)> = told.iter().map(|told| (told.login.as_str(), told.hearing)).collect();
    assert_eq!(
        said,
        [
            ("exact", Hearing::Told),
            ("mute", Hearing::NoAddress),
            ("quiet", Hearing::Silent),
            ("parent", Hearing::MayAct),
            ("root", Hearing::MayAct),
        ]
    );
    assert_eq!(told[0].by[0].profile, "terminals");
    let badge = engine::mails::foretell(&op, Some(NoticeKind::WorkItem), Some("badge")).await.unwrap();
    assert!(badge.iter().all(|told| told.hearing == Hearing::MayAct), "{badge:?}");
    let all = engine::mails::foretell(&op, None, None).await.unwrap();
    assert!(
        all.iter().any(|told| told.kind == NoticeKind::Form && told.hearing == Hearing::NoAddress),
        "the operators"
    );
    world.stop().await;
}
