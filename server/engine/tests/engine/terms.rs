//! Roles on terms: they begin and end for everybody on a day by a run of its own, are asked for only as they allow, and their
//! versions tell who changed what.

use std::time::Duration;

use engine::role_model::{Turn, versions};
use engine::scheduler::Scheduler;
use engine::{drafts, identities, requests, role_model};
use jiff::civil::date;
use model::access::{Dormancy, Grantable, Why};
use model::configuration::{Role, RoleState};
use model::draft::{Object, ObjectFilter, ObjectKind};
use model::error::ErrorCode;
use model::job::RunState;
use model::request::NewRequest;
use testkit::world::{World, crowd};

use crate::asking::{asks, give, id, settle};

const ROLES: &str = r#"
[categories.places]
display_name = "Places"
[categories.vaults]
display_name = "Vaults"
parent = "places"

[roles.guard]
display_name = "Guard"
access_profiles = ["money"]
category = "vaults"
owner = "olga"
valid_from = "2026-03-04"
valid_until = "2026-03-06"

[roles.courier]
display_name = "Courier"
access_profiles = ["money"]
category = "places"
maximum_days = 10

[roles.watchman]
display_name = "Watchman"
access_profiles = ["money"]
owner = "olga"
requestable = false

[rules.guards]
when = 'identity.department == "Guards"'
roles = ["guard"]
"#;

fn role(name: &str) -> Grantable {
    Grantable::Role(name.into())
}

fn pass(world: &World, until: &str) {
    let until: jiff::Timestamp = until.parse().unwrap();
    world.clock.step(Duration::try_from(until.duration_since(world.clock.now())).unwrap());
}

async fn world() -> World {
    let mut people = crowd(40);
    people[1].department = "Guards".into();
    let mut world = World::with_more(&people, ROLES, |_| {}).await;
    settle(&mut world).await;
    world
}

fn in_vault(world: &World) -> Vec<String> {
    let accounts = world.badges.accounts.iter();
    accounts.filter(|(_, account)| account.entitlements.contains("VAULT")).map(|(number, _)| number.clone()).collect()
}

#[tokio::test]
async fn a_role_begins_and_ends_on_its_days_for_whom_a_rule_gives_it() {
    let mut world = world().await;
    let mut scheduler = Scheduler::default();
    assert_eq!(scheduler.fire_due(&world.engine).await.unwrap(), []);
    assert_eq!(in_vault(&world), Vec::<String>::new());
    for (moment, starts, expected) in [
        ("2026-03-03T00:00:01Z", false, 0),
        ("2026-03-04T00:00:01Z", true, 1),
        ("2026-03-06T00:00:01Z", false, 1),
        ("2026-03-07T00:00:01Z", true, 0),
    ] {
        pass(&world, moment);
        let started = scheduler.fire_due(&world.engine).await.unwrap();
        assert_eq!(started.len(), usize::from(starts), "{moment}");
        for run in started {
            let run = world.ended(run).await;
            assert_eq!((run.job.as_str(), run.state), ("day-change", RunState::Completed), "{run:#?}");
        }
        world.badges.work();
        world.run("synchronize-back", model::job::RunMode::default()).await;
        assert_eq!(in_vault(&world).len(), expected, "{moment}");
    }
    let guard = id(&world, "2").await;
    let Why::Explained(why) = identities::why(&world.op(), guard, None, "vault").await.unwrap() else { panic!() };
    assert_eq!((why.held, why.dormant[0].why), (false, Dormancy::NotAfter(date(2026, 3, 6))));
    world.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_keeps_to_the_terms() {
    let world = world().await;
    let op = world.op();
    let ask = async |name: &str, until| {
        let who = id(&world, "5").await;
        requests::submit(&op, NewRequest { until, simulate: true, ..asks(who, vec![give(role(name))]) }).await
    };
    let refused = ask("watchman", None).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (ErrorCode::Conflict, Some("items")));
    assert!(refused.message.contains("only rules give it. Ask olga"), "{}", refused.message);
    let offered = requests::offered(&op).unwrap();
    let is_offered = |name: &str| offered.iter().any(|(thing, _)| *thing == role(name));
    assert_eq!(["watchman", "courier", "guard"].map(is_offered), [false, true, true]);

    let late = ask("courier", Some(date(2026, 3, 12))).await.unwrap_err();
    assert!(late.message.contains("at most 10 days: until 2026-03-11"), "{}", late.message);
    let preview = ask("courier", None).await.unwrap().preview;
    assert!(preview.remarks.iter().any(|text| text.contains("ends after 2026-03-11")), "{:?}", preview.remarks);
    let later = ask("guard", None).await.unwrap().preview;
    assert!(later.remarks.iter().any(|text| text.contains("not valid before 2026-03-04")), "{:?}", later.remarks);
    assert!(later.gains.is_empty(), "{:?}", later.gains);

    // Without a last day it is given until the last possible one, and the same asked for again is the same.
    let who = id(&world, "5").await;
    let new = NewRequest { key: Some("once".into()), ..asks(who, vec![give(role("courier"))]) };
    let first = requests::submit(&op, new.clone()).await.unwrap();
    world.clock.step(Duration::from_hours(24));
    let again = requests::submit(&op, new).await.unwrap();
    assert_eq!(first.request, again.request);
    let (_, grants) = requests::given(&op, who).await.unwrap();
    assert_eq!(grants[0].0.period.ends, Some(date(2026, 3, 12)));
    world.stop().await;
}

#[tokio::test]
async fn a_role_is_retired_by_a_draft_and_its_versions_tell() {
    let mut world = world().await;
    let op = world.op();
    let who = id(&world, "5").await;
    requests::submit(&op, asks(who, vec![give(role("courier"))])).await.unwrap();
    settle(&mut world).await;
    assert_eq!(in_vault(&world), ["5"]);

    let Some(Object::Role(courier)) = ObjectKind::Role.find(&world.engine.world().configuration(), "courier") else {
        panic!("no courier")
    };
    let retired = Role { state: RoleState::Retired, owner: Some("olga".into()), ..courier };
    let draft = drafts::put(&op, None, ObjectKind::Role, "courier", Some(Object::Role(retired))).await.unwrap();
    let preview = drafts::preview(&op, draft).await.unwrap();
    let effect = preview.plan.effect.unwrap();
    assert_eq!(
        effect.losses,
        [("access profile money", 1), ("entitlement vault", 1), ("role courier", 1)]
            .map(|(thing, people)| (thing.to_owned(), people))
    );
    drafts::publish(&op, draft, &preview.seal.unwrap()).await.unwrap();
    settle(&mut world).await;
    assert_eq!(in_vault(&world), Vec::<String>::new());
    let Why::Explained(why) = identities::why(&op, who, None, "vault").await.unwrap() else { panic!() };
    assert_eq!((why.dormant[0].grantable.clone(), why.dormant[0].why), (role("courier"), Dormancy::Retired));
    let refused = requests::submit(&op, asks(who, vec![give(role("courier"))])).await.unwrap_err();
    assert!(refused.message.contains("is retired"), "{}", refused.message);

    let found = versions(&op, ObjectKind::Role, "courier", None).await.unwrap();
    let [latest, first] = found.all.as_slice() else { panic!("{found:#?}") };
    assert_eq!(latest.draft.as_ref().map(|(id, _)| *id), Some(draft));
    assert_eq!(latest.by, op.user.login);
    let Turn::Changed(fields) = &latest.what else { panic!("{latest:?}") };
    let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
    assert_eq!(fields, [r#"owner: "olga""#, r#"state: "retired""#]);
    assert!(matches!(first.what, Turn::Added(_)) && first.draft.is_none());

    let names = async |filter: ObjectFilter| {
        let rows = role_model::rows(&op, ObjectKind::Role, &filter).await.unwrap();
        rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
    };
    let all = ObjectFilter::default();
    assert_eq!(names(ObjectFilter { category: Some("places".into()), ..all.clone() }).await, ["courier", "guard"]);
    assert_eq!(names(ObjectFilter { category: Some("vaults".into()), ..all.clone() }).await, ["guard"]);
    let of_olga = ObjectFilter { owner: Some("olga".into()), state: Some(RoleState::Active), ..all };
    assert_eq!(names(of_olga).await, ["guard", "watchman"]);
    let detail = role_model::detail(&op, ObjectKind::Role, "guard".into()).await.unwrap();
    assert_eq!(detail.category.as_deref(), Some("Places \u{203a} Vaults"));
    assert_eq!(detail.dormancy, Some(Dormancy::NotBefore(date(2026, 3, 4))));
    world.stop().await;
}
