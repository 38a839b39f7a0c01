//! What a change of rules takes is kept for the grace period, ends on its day, and is decided on before; what a change of the
//! person takes goes at once.

use std::time::Duration;

use engine::grace::{self, Verdict};
use engine::scheduler::Scheduler;
use engine::{drafts, identities};
use jiff::civil::date;
use model::access::{Grantable, Why};
use model::draft::ObjectKind;
use model::error::ErrorCode;
use model::ids::DraftId;
use testkit::world::{Person, World, crowd};

use crate::asking::{id, settle};

/// Guards hold the vault by a role that is kept for ten days; the profile itself has none.
const ROLES: &str = r#"
[roles.guard]
display_name = "Guard"
roles = ["watch"]
grace_days = 10

[roles.watch]
display_name = "Watch"
access_profiles = ["money"]
grace_days = 3

[rules.guards]
when = 'identity.department == "Guards"'
roles = ["guard"]
"#;

fn people() -> Vec<Person> {
    let mut people = crowd(40);
    for guard in &mut people[1..4] {
        guard.department = "Guards".into();
    }
    people
}

async fn world() -> World {
    let mut world = World::with_more(&people(), ROLES, |_| {}).await;
    settle(&mut world).await;
    world
}

fn in_vault(world: &World) -> Vec<String> {
    let accounts = world.badges.accounts.iter();
    accounts.filter(|(_, account)| account.entitlements.contains("VAULT")).map(|(number, _)| number.clone()).collect()
}

/// A draft without the rule.
async fn without_rule(world: &World) -> DraftId {
    drafts::put(&world.op(), None, ObjectKind::Rule, "guards", None).await.unwrap()
}

async fn publish(world: &World, draft: DraftId) {
    let preview = drafts::preview(&world.op(), draft).await.unwrap();
    drafts::publish(&world.op(), draft, &preview.seal.unwrap()).await.unwrap();
}

#[tokio::test]
async fn what_a_rule_gave_is_kept_decided_on_and_ends() {
    let mut world = world().await;
    let op = world.op();
    assert_eq!(in_vault(&world), ["2", "3", "4"]);
    let draft = without_rule(&world).await;
    let effect = drafts::preview(&op, draft).await.unwrap().plan.effect.unwrap();
    assert_eq!(effect.losses, []);
    // The inner role comes with the outer one, which is kept longer.
    assert_eq!(effect.kept, [("role guard for 10 days".to_owned(), 3)]);
    publish(&world, draft).await;
    let version = op.engine.world().configuration_version().unwrap();
    settle(&mut world).await;
    assert_eq!(in_vault(&world), ["2", "3", "4"]);

    let rows = grace::rows(&op).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter().all(|row| row.label == "Guard" && row.grant.period.ends == Some(date(2026, 3, 12))),
        "{rows:?}"
    );
    let second = id(&world, "2").await;
    let Why::Explained(why) = identities::why(&op, second, None, "vault").await.unwrap() else { panic!() };
    let origin = why.reasons[0].grant.as_ref().unwrap();
    let expected = format!(
        "Kept until 2026-03-11 since version {version} of the configuration no longer gives it; before, it came from rule \
         \u{201c}guards\u{201d}."
    );
    assert_eq!((why.held, origin.why.as_str(), origin.by.as_str()), (true, expected.as_str(), op.user.login.as_str()));
    assert_eq!(why.period.unwrap().ends, Some(date(2026, 3, 12)));

    // One ends now, one is approved, and both are off the list.
    let of = async |number: &str| {
        let person = id(&world, number).await;
        rows.iter().find(|row| row.grant.identity == person).unwrap().grant.id
    };
    let (ended, approved) = (of("2").await, of("3").await);
    grace::decide(&op, ended, Verdict::End, "not a guard").await.unwrap();
    grace::decide(&op, approved, Verdict::Approve, "guards on").await.unwrap();
    let again = grace::decide(&op, ended, Verdict::Approve, "after all").await.unwrap_err();
    assert_eq!(again.code, ErrorCode::Conflict);
    let open: Vec<_> = grace::rows(&op).await.unwrap().into_iter().map(|row| row.grant.id).collect();
    assert_eq!(open, [of("4").await]);
    settle(&mut world).await;
    assert_eq!(in_vault(&world), ["3", "4"]);

    // The day comes for whom nobody decided: a run of its own takes it.
    let mut scheduler = Scheduler::default();
    scheduler.fire_due(&world.engine).await.unwrap();
    for (day, expected) in [("2026-03-11T00:00:01Z", &["3", "4"][..]), ("2026-03-12T00:00:01Z", &["3"])] {
        let until: jiff::Timestamp = day.parse().unwrap();
        world.clock.step(Duration::try_from(until.duration_since(world.clock.now())).unwrap());
        // Whichever sees the day first, the boundary's run or the sweep that ends what was given directly, does it.
        for _ in 0..500 {
            for run in scheduler.fire_due(&world.engine).await.unwrap() {
                world.ended(run).await;
            }
            world.badges.work();
            if in_vault(&world) == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(in_vault(&world), expected, "{day}");
    }
    world.stop().await;
}

#[tokio::test]
async fn only_what_the_configuration_takes_is_kept() {
    let mut world = world().await;
    let op = world.op();
    // Whose department changes is no guard any more.
    let mut moved = people();
    moved[1].department = "Sales".into();
    world.feed(&moved);
    settle(&mut world).await;
    assert_eq!(in_vault(&world), ["3", "4"]);
    assert_eq!(grace::rows(&op).await.unwrap(), []);

    // A denial takes at once.
    let rule = model::configuration::AssignmentRule {
        when: "identity.department == 'Guards'".into(),
        roles: vec!["guard".into()],
        deny: true,
        ..Default::default()
    };
    let draft = drafts::put(&op, None, ObjectKind::Rule, "no-guards", Some(model::draft::Object::Rule(rule))).await;
    let draft = draft.unwrap();
    let effect = drafts::preview(&op, draft).await.unwrap().plan.effect.unwrap();
    assert_eq!(effect.kept, [], "nor what comes with what is denied");
    assert!(effect.losses.contains(&("role watch".to_owned(), 2)), "{:?}", effect.losses);
    drafts::discard(&op, draft).await.unwrap();

    // A role that is not in use any more is not kept, whatever its days.
    let Some(model::draft::Object::Role(role)) = ObjectKind::Role.find(&op.engine.world().configuration(), "guard")
    else {
        panic!("no guard")
    };
    let retired = model::configuration::Role { state: model::configuration::RoleState::Retired, ..role };
    let draft = drafts::put(&op, None, ObjectKind::Role, "guard", Some(model::draft::Object::Role(retired))).await;
    publish(&world, draft.unwrap()).await;
    let kept: Vec<Grantable> = grace::rows(&op).await.unwrap().into_iter().map(|row| row.grant.grantable).collect();
    // What it gave has a grace period of its own.
    assert_eq!(kept, [Grantable::Role("watch".into()), Grantable::Role("watch".into())]);
    world.stop().await;
}
