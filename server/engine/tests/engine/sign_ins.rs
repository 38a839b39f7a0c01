//! Sign-ins of people whom a source that is read tells of: recognised by what was confirmed of them, and then by their subject.

use engine::{identities, sign_ins};
use model::access::Grantable;
use model::ids::IdentityId;
use model::sign_in::{SignIn, SignInAnswer, SignInDecision};
use testkit::world::{World, person};

use crate::asking::settle;

const MORE: &str = r#"
[sign_ins.campus]
issuer = "https://campus.example"
source = "hr"
confirmed = { key = "employee", department = "department" }
requires = ["badge"]
wait_seconds = 3
ended = { status = ["gone", "suspended"] }
"#;

async fn world() -> World {
    let people = [person(1, "Ann", "Lee", "Sales"), person(2, "Bo", "Ek", "Sales"), person(3, "Bo", "Ek", "Sales")];
    let mut world = World::with_more(&people, MORE, |_| {}).await;
    settle(&mut world).await;
    world
}

fn told(subject: &str, claims: serde_json::Value) -> SignIn {
    let told = serde_json::json!({ "issuer": "https://campus.example", "subject": subject, "claims": claims });
    serde_json::from_value(told).unwrap()
}

async fn signs_in(world: &World, subject: &str, claims: serde_json::Value) -> SignInAnswer {
    sign_ins::sign_in(&world.op(), &told(subject, claims)).await.unwrap()
}

async fn badges(world: &World, id: IdentityId) -> usize {
    let grants = world.engine.store().direct_grants(Some(&[id])).await.unwrap();
    grants.iter().filter(|grant| grant.grantable == Grantable::AccountType("badge".into())).count()
}

#[tokio::test]
async fn somebody_is_recognised_by_what_was_confirmed_and_then_by_the_subject() {
    let mut world = world().await;
    let ann = identities::find(&world.op(), "1").await.unwrap();
    let claims = serde_json::json!({ "employee": "1", "department": "Sales" });
    let first = signs_in(&world, "a-1", claims).await;
    assert_eq!(first.decision, SignInDecision::Allow, "{first:?}");
    assert_eq!(badges(&world, ann).await, 1);
    // What was confirmed may change; the subject does not.
    let later = signs_in(&world, "a-1", serde_json::json!({ "department": "Elsewhere" })).await;
    assert_eq!((later.decision, later.request), (SignInDecision::Allow, first.request), "{later:?}");
    assert_eq!(badges(&world, ann).await, 1, "nothing is given twice");
    settle(&mut world).await;

    // A claim ends it: what the sign-in gave is taken away, and the source says whether the person stays.
    let ended = signs_in(&world, "a-1", serde_json::json!({ "status": "suspended" })).await;
    assert_eq!(ended.decision, SignInDecision::Deny, "{ended:?}");
    assert_eq!(badges(&world, ann).await, 0);
    let again = signs_in(&world, "a-1", serde_json::json!({})).await;
    assert_eq!(again.decision, SignInDecision::Allow, "{again:?}");
    assert_eq!(badges(&world, ann).await, 1);
}

#[tokio::test]
async fn nobody_is_guessed_and_nobody_is_made_who_is_not_known() {
    let world = world().await;
    let before = world.engine.store().audit_page(None, 100).await.unwrap().rows.len();
    for claims in [
        serde_json::json!({}),
        serde_json::json!({ "employee": "1" }),
        serde_json::json!({ "employee": "1", "department": "sales" }),
        serde_json::json!({ "employee": "", "department": "Sales" }),
        serde_json::json!({ "given_name": "Bo", "family_name": "Ek", "department": "Sales" }),
    ] {
        let refused = signs_in(&world, "x-9", claims.clone()).await;
        assert_eq!((refused.decision, refused.request), (SignInDecision::Deny, None), "{claims} {refused:?}");
        assert!(refused.reason.contains("nobody is created"), "{}", refused.reason);
    }
    for id in [1, 2, 3] {
        let key = id.to_string();
        assert_eq!(badges(&world, identities::find(&world.op(), &key).await.unwrap()).await, 0);
    }
    let lines = world.engine.store().audit_page(None, 100).await.unwrap().rows;
    assert_eq!(lines.iter().filter(|line| line.action == "sign-in").count(), 5);
    assert_eq!(lines.len(), before + 5, "nothing else happened");
    let unknown = SignIn { issuer: "https://elsewhere.example".into(), ..told("x-9", serde_json::json!({})) };
    let wrong = sign_ins::sign_in(&world.op(), &unknown).await.unwrap_err();
    assert_eq!(wrong.field.as_deref(), Some("issuer"));
}
