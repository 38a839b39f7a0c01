//! Entitlements that an application has and the role model does not: listed with what naming rules make of them, taken
//! over into a draft, published, and then no longer found.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::context::OpContext;
use engine::found_entitlements::{self, Show};
use engine::{drafts, role_model};
use model::draft::{Object, ObjectKind};
use model::job::RunMode;
use testkit::world::{World, person};

const RULES: &str = r#"
[naming_rules.doors]
account_type = "badge"
pattern = 'DOOR-(?<hall>[A-Z]+)-(?<side>NORTH|SOUTH)'
entitlement = { name = "door-{hall}-{side}", display_name = "{hall}, {side}" }
access_profile = { name = "hall-{hall}", display_name = "Hall {hall}" }
role = { name = "keeper", display_name = "Keeper" }
"#;

#[tokio::test]
async fn what_an_application_has_is_named_drafted_and_published() {
    let mut world = World::with_more(&[person(1, "Ann", "Lee", "Finance")], RULES, |_| {}).await;
    world.settle().await;
    let op = world.op();
    assert!(found_entitlements::rows(&op).await.unwrap().is_empty(), "the model knows all there is");

    let held = &mut world.badges.accounts.get_mut("1").unwrap().entitlements;
    held.extend(["DOOR-WEST-NORTH", "DOOR-WEST-SOUTH", "SAFE"].map(str::to_owned));
    world.badges.write_extract();
    world.clock.step(Duration::from_secs(60));
    world.run("collect", RunMode::default()).await;
    world.run("synchronize", RunMode::default()).await;
    let rows = found_entitlements::rows(&op).await.unwrap();
    let seen: Vec<(&str, u64, bool)> =
        rows.iter().map(|row| (row.found.key.as_str(), row.holders, Show::Named.includes(row))).collect();
    assert_eq!(seen, [("DOOR-WEST-NORTH", 1, true), ("DOOR-WEST-SOUTH", 1, true), ("SAFE", 1, false)]);

    let only_safe = BTreeSet::from([("badges".to_owned(), "SAFE".to_owned())]);
    let refused = found_entitlements::draft(&op, Some(&only_safe)).await.unwrap_err();
    assert!(refused.message.starts_with("No naming rule makes anything of them"), "{}", refused.message);

    let id = found_entitlements::draft(&op, None).await.unwrap();
    let preview = drafts::preview(&op, id).await.unwrap();
    let names: Vec<&str> = preview.draft.changes.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(names, ["hall-west", "door-west-north", "door-west-south", "keeper"]);
    drafts::publish(&op, id, &preview.seal.unwrap()).await.unwrap();

    let left: Vec<String> = found_entitlements::rows(&op).await.unwrap().into_iter().map(|row| row.found.key).collect();
    assert_eq!(left, ["SAFE"]);
    let detail = role_model::detail(&op, ObjectKind::Entitlement, "door-west-south".into()).await.unwrap();
    let Object::Entitlement(entitlement) = &detail.object else { panic!("no entitlement") };
    assert_eq!((entitlement.key.as_str(), entitlement.display_name.as_str()), ("DOOR-WEST-SOUTH", "WEST, SOUTH"));
    let contained: Vec<&str> = detail.contained_in.iter().map(|(thing, _)| thing.name()).collect();
    assert_eq!(contained, ["hall-west"]);
}

#[tokio::test]
async fn who_may_not_draft_is_refused() {
    let world = World::with_more(&[person(1, "Ann", "Lee", "Finance")], RULES, |_| {}).await;
    let op = OpContext { permissions: Vec::new(), ..world.op() };
    assert!(found_entitlements::rows(&op).await.is_err());
    assert!(found_entitlements::draft(&op, None).await.is_err());
}
