//! The demo organisation as a whole: its configuration is good, and it means what the demo shows.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use engine::configuration;
use jiff::civil::Date;
use model::access::{DesiredAccess, DesiredValue};
use model::identity::{Identity, LifecycleState};
use model::ids::IdentityId;
use policy::expression::{Expression, Subject};
use policy::model::RoleModel;

use super::files::MADE_FOR;

/// The demo's people as the feed describes them, and what they should have.
fn computed(today: Date) -> Vec<(Identity, DesiredAccess)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/configuration");
    let files = configuration::read(&directory).unwrap_or_else(|findings| panic!("{findings:#?}"));
    let source = &files.configuration.sources["hr"];
    let name = Expression::parse(&source.display_name).unwrap();
    let feed = connectors::feed::read(source, &directory, &mut |row| {
        let name = name.evaluate(&Subject::of_row(row.key, row.attributes, row.manager_key))?;
        Ok(name.map(|name| name.to_string()).unwrap_or_default())
    });
    let feed = feed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(feed.warnings, []);
    let mut engine = policy::engine::Engine::new(RoleModel::compile(&files.configuration).unwrap().into());
    let people: Vec<Identity> = feed
        .identities
        .into_iter()
        .zip(1..)
        .map(|(person, id)| Identity {
            id: IdentityId(id),
            source: "hr".into(),
            key: person.key,
            display_name: person.display_name,
            attributes: person.attributes,
            contexts: person.contexts,
            manager_key: person.manager_key,
            present: true,
        })
        .collect();
    people.iter().for_each(|person| engine.upsert(person));
    engine.compute(today);
    people
        .into_iter()
        .map(|person| {
            let desired = engine.desired(person.id, today).unwrap();
            (person, desired)
        })
        .collect()
}

/// What the policy check finds of the demo: nothing but what it is to show.
#[test]
fn the_policy_check_finds_what_is_meant_to_be_seen() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/configuration");
    let configuration =
        configuration::read(&directory).unwrap_or_else(|findings| panic!("{findings:#?}")).configuration;
    let model = Arc::new(RoleModel::compile(&configuration).unwrap());
    let people: Vec<Identity> = computed(MADE_FOR).into_iter().map(|(person, _)| person).collect();
    let mut engine = policy::engine::Engine::new(Arc::clone(&model));
    people.iter().for_each(|person| engine.upsert(person));
    let found = ["APP Freight Read", "APP Freight Administer"].map(|key| policy::naming_rules::FoundEntitlement {
        application: "directory".to_owned(),
        key: key.to_owned(),
        display_name: String::new(),
    });
    let asked = policy::lint::Asked::new(&mut engine, &model, MADE_FOR).unwrap();
    let person = |id| people.iter().find(|person| person.id == id).cloned();
    let crowd = policy::lint::Crowd { asked: &asked, person: &person, found: &found };
    let findings = policy::lint::lint(&configuration, &model, Some(&crowd), MADE_FOR);
    let told: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} {} {}", finding.severity.name(), finding.kind.name(), finding.spots[0].name))
        .collect();
    // Human resources get their group with their role as well: what the check has to show here.
    assert_eq!(told, ["warning shadowed department-human-resources"], "{findings:#?}");
}

#[test]
fn its_policy_tests_pass() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/configuration");
    let outcomes =
        engine::policy_tests::without_records(&directory, MADE_FOR).unwrap_or_else(|error| panic!("{error}"));
    assert!(outcomes.len() > 3 && outcomes.iter().all(|outcome| outcome.passed), "{outcomes:#?}");
}

#[test]
fn everybody_who_works_here_has_an_account_and_nobody_who_left() {
    let people = computed(MADE_FOR);
    assert!((480..=520).contains(&people.len()), "{}", people.len());
    let (mut mainframe, mut asked) = (0, 0);
    for (person, desired) in &people {
        let accounts: BTreeSet<&str> = desired.accounts.iter().map(|account| account.account_type.as_str()).collect();
        match person.lifecycle(MADE_FOR) {
            LifecycleState::Active => {
                assert!(accounts.contains("directory-account"), "{} has {accounts:?}", person.display_name);
                assert!(accounts.contains("badges-badge"), "{} has {accounts:?}", person.display_name);
            }
            LifecycleState::Leaver => assert!(accounts.is_empty(), "{} has {accounts:?}", person.display_name),
            LifecycleState::Joiner => {}
        }
        mainframe += usize::from(accounts.contains("mainframe-user"));
        for attribute in desired.accounts.iter().flat_map(|account| &account.attributes) {
            match &attribute.value {
                DesiredValue::Failed(why) => panic!("{} of {}: {why}", attribute.name, person.display_name),
                // Only the mainframe cannot do without.
                DesiredValue::Absent if attribute.required && attribute.name == "phone" => asked += 1,
                DesiredValue::Absent => assert!(!attribute.required, "{} of {}", attribute.name, person.display_name),
                DesiredValue::Value(_)
                | DesiredValue::Unique(_)
                | DesiredValue::Asked(_)
                | DesiredValue::Referred(_) => {}
            }
        }
    }
    assert!((35..=48).contains(&mainframe), "{mainframe} people use the mainframe");
    assert!((2..=8).contains(&asked), "{asked} people are asked about");
}

#[test]
fn the_demo_shows_what_it_is_meant_to_show() {
    let people = computed(MADE_FOR);
    let state = |state| people.iter().filter(|(person, _)| person.lifecycle(MADE_FOR) == state).count();
    assert!(state(LifecycleState::Joiner) >= 10, "joiners");
    assert!(state(LifecycleState::Leaver) >= 10, "leavers");
    let early = people.iter().filter(|(person, desired)| {
        person.lifecycle(MADE_FOR) == LifecycleState::Joiner && !desired.accounts.is_empty()
    });
    assert!(early.count() >= 2, "accounts before the first day");
    assert!(people.iter().any(|(_, desired)| !desired.denied.is_empty()), "a denial");
    let workflow =
        |state| people.iter().any(|(_, desired)| desired.assignments.iter().any(|one| one.workflow_state == state));
    assert!(workflow(model::access::WorkflowState::Suggested), "a suggestion");
    assert!(workflow(model::access::WorkflowState::AutomaticWithValidation), "a validation");
    let twice = |(person, _): &&(Identity, DesiredAccess)| {
        person.contexts.iter().filter(|context| context.period.holds(MADE_FOR)).count() > 1
    };
    assert!(people.iter().filter(twice).count() >= 5, "two positions at once");
    let in_gap = |(person, _): &(Identity, DesiredAccess)| {
        let mut filled = person.contexts.iter().flat_map(|context| &context.filled);
        filled.any(|gap| gap.period.holds(MADE_FOR))
    };
    assert!(people.iter().any(in_gap), "somebody between two positions");
    let of_division = |(_, desired): &(Identity, DesiredAccess)| {
        let mut reasons = desired.assignments.iter().flat_map(|one| &one.reasons);
        reasons.any(|reason| reason.rule == "commercial-division")
    };
    assert!(people.iter().any(of_division), "a rule for all departments of a division");
    let mut names = BTreeSet::new();
    assert!(people.iter().any(|(person, _)| !names.insert(&person.display_name)), "two people of one name");
}

/// Started, stopped and started again: the systems answer, and what the user changed is still there.
#[tokio::test]
async fn the_systems_start_twice_over_the_same_data() {
    let data = tempfile::tempdir().unwrap();
    let options = super::DemoOptions { today: MADE_FOR, directory_port: 0, badge_delay: std::time::Duration::ZERO };
    for _ in 0..2 {
        let demo = super::prepare(data.path(), options).await.unwrap();
        let files = configuration::read(&demo.configuration).unwrap();
        let connection = &files.configuration.applications["payroll"].connection;
        let model::configuration::Connection::Sql(sql) = connection else { panic!("{connection:?}") };
        assert_eq!(sql.url, format!("sqlite://{}", data.path().join("demo/payroll.db").display()));
        assert!(data.path().join("demo/payroll.db").exists());
        tokio::net::TcpStream::connect(demo.directory).await.unwrap();
    }
}
