//! Who of the demo's people the employee and the manager are, and what the employee asks for for others, as soon as the feed
//! was read: so that something waits for an approval. What was asked for once, by its key, is never asked for again.

use std::time::Duration;

use engine::{Engine, requests};
use model::access::Grantable;
use model::request::{Change, NewRequest, RequestItem, RequestSource};
use model::trigger::Trigger;

/// Key of the person, role, and why.
const ASKED: [(&str, &str, &str); 2] = [
    ("E10112", "controller", "Stands in for the controller in Rotterdam until the year is closed"),
    ("E10002", "systems-administrator", "Moves the office to the new rooms and sets the machines up there"),
];

/// How often it is looked whether there are people.
const PAUSE: Duration = Duration::from_secs(2);

/// Asks, once there is somebody for whom.
pub(super) async fn ask(engine: Engine) {
    for (login, person) in super::PEOPLE {
        while let Err(error) = link(&engine, login, person).await {
            tracing::debug!(%error, person, "the demo's people are not there yet");
            tokio::time::sleep(PAUSE).await;
        }
    }
    for (person, role, why) in ASKED {
        while let Err(error) = one(&engine, person, role, why).await {
            tracing::debug!(%error, person, "the demo's employee cannot ask yet");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Unless somebody has said otherwise since.
async fn link(engine: &Engine, login: &str, person: &str) -> Result<(), model::error::ApiError> {
    let op = engine.operating_context("demo");
    let users = engine::users::list(engine).await?;
    let is_known = users.iter().any(|user| user.login == login && user.identity.is_some());
    if is_known { Ok(()) } else { engine::users::set_identity(&op, login, Some(person)).await }
}

async fn one(engine: &Engine, person: &str, role: &str, why: &str) -> Result<(), model::error::ApiError> {
    let op = engine.operating_context("demo");
    let identity = engine::identities::find(&op, person).await?;
    let item = RequestItem { change: Change::Give, grantable: Grantable::Role(role.to_owned()) };
    let source = RequestSource::new("demo", "employee");
    let new = NewRequest {
        requester: Some("employee".to_owned()),
        key: Some(format!("{person}-{role}")),
        risk_comment: Some("It is for a few weeks, and the auditor knows of it".to_owned()),
        ..NewRequest::new(Trigger::AccessRequest, source, identity, vec![item], why)
    };
    requests::submit(&op, new).await.map(|_| ())
}
