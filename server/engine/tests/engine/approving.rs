//! What tests of approvals share: a company in which roles have to be approved, and those who approve them.
//!
//! Pat (1) asks for others; Max (5) manages everybody, and Mia (6) manages Max. Sue, Sia and Sol are the security team.

use std::time::Duration;

use engine::{request_approvals, requests, users};
use model::access::Grantable;
use model::approval::{ApprovalRow, ApprovalState, Verdict};
use model::error::ApiError;
use model::ids::{IdentityId, RequestId};
use model::job::RunMode;
use model::request::{NewRequest, RequestState};
use model::trigger::Trigger;
use testkit::world::{Person, World, person};

use crate::asking::{asks, give};

/// A role that two of the security team and then the manager have to agree to.
pub const STAGES: &str = r#"
[roles.keeper]
display_name = "Vault keeper"
access_profiles = ["money"]
owner = "olga"
approvals = [
  { from = ["security"], required = 2 },
  { from = ["manager"], days = 3, escalate_to = ["managers_manager"] },
]
"#;

const COMMON: &str = r#"
[permission_profiles.security]
display_name = "Security"
permissions = ["/Home"]
[permission_profiles.employee]
display_name = "Employee"
permissions = ["/Home"]
[permission_profiles.board]
display_name = "Board"
permissions = ["/Home", "/Requests/Approve"]
[lifecycle_states.leave]
when = 'identity.department == "Leave"'
absent = true
"#;

const PASSWORD: &str = "correct horse battery";

fn people(department: &str) -> Vec<(Person, &'static str)> {
    vec![
        (person(1, "Pat", "Ode", "Sales"), "5"),
        (person(2, "Bo", "Ek", "Sales"), "5"),
        (person(3, "Cy", "Leeward", "Sales"), "5"),
        (person(4, "Di", "Ash", "Sales"), "5"),
        (person(5, "Max", "Oak", department), "6"),
        (person(6, "Mia", "Elm", "Sales"), ""),
    ]
}

/// Replaces the feed; Max is in this department, in `Leave` while away.
pub fn feed(world: &World, department: &str) {
    let mut text = String::from("number,given_name,family_name,department,first_day,last_day,manager\n");
    for (person, manager) in people(department) {
        let Person { number, given_name, family_name, department, first_day, last_day } = person;
        text.push_str(&format!("{number},{given_name},{family_name},{department},{first_day},{last_day},{manager}\n"));
    }
    std::fs::write(world.configuration().join("people.csv"), text).unwrap();
}

/// Everybody is settled and can sign in.
pub async fn world(more: &str) -> World {
    let everybody: Vec<Person> = people("Sales").into_iter().map(|(person, _)| person).collect();
    let mut world = World::with_more(&everybody, &[COMMON, more].concat(), |_| {}).await;
    feed(&world, "Sales");
    world.settle().await;
    world.run("fulfil", RunMode::default()).await;
    world.do_work_items().await;
    world.run("synchronize-back", RunMode::default()).await;
    for (login, name, profile, key) in [
        ("pat", "Pat", "employee", Some("1")),
        ("bo", "Bo", "employee", Some("2")),
        ("max", "Max", "employee", Some("5")),
        ("mia", "Mia", "employee", Some("6")),
        ("sue", "Sue", "security", None),
        ("sia", "Sia", "security", None),
        ("sol", "Sol", "security", None),
        ("olga", "Olga", "employee", None),
        ("bea", "Bea", "board", None),
    ] {
        users::add(&world.engine, login, name, PASSWORD, vec![profile.into()]).await.unwrap();
        if let Some(key) = key {
            users::set_identity(&world.op(), login, Some(key)).await.unwrap();
        }
    }
    world
}

/// What Pat asks to be given to somebody.
pub fn asked(identity: IdentityId, things: &[Grantable]) -> NewRequest {
    NewRequest {
        trigger: Trigger::AccessRequest,
        requester: Some("pat".into()),
        ..asks(identity, things.iter().cloned().map(give).collect())
    }
}

pub fn keeper() -> Grantable {
    Grantable::Role("keeper".into())
}

pub async fn submit(world: &World, new: NewRequest) -> RequestId {
    requests::submit(&world.op(), new).await.unwrap().request.unwrap()
}

pub async fn asks_for_keeper(world: &World, identity: IdentityId) -> RequestId {
    submit(world, asked(identity, &[keeper()])).await
}

pub async fn state(world: &World, id: RequestId) -> RequestState {
    requests::detail(&world.op(), id).await.unwrap().request.state
}

/// Somebody decides about the first thing of a request.
pub async fn decide(world: &World, id: RequestId, login: &str, verdict: Verdict) -> Result<ApprovalState, ApiError> {
    request_approvals::decide(&world.op_of(login).await, (id, 1), verdict, "said why").await
}

/// The first approval of a request, as its page shows it.
pub async fn row(world: &World, id: RequestId) -> ApprovalRow {
    requests::detail(&world.op(), id).await.unwrap().approvals.remove(0)
}

/// Waits for what goes on by itself.
pub async fn until(world: &World, id: RequestId, is_so: impl Fn(&ApprovalRow) -> bool) -> ApprovalRow {
    for _ in 0..1_000 {
        let row = row(world, id).await;
        if is_so(&row) {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not come: {:#?}", row(world, id).await);
}

/// Waits until nothing has to be planned because of the request, and the run that did has ended.
pub async fn planned(world: &World, id: RequestId) {
    loop {
        let request = requests::detail(&world.op(), id).await.unwrap().request;
        if let Some(run) = request.run.filter(|_| !request.to_plan && request.planned_at.is_some())
            && engine::jobs::run(&world.op(), run).await.unwrap().run.state.is_final()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
