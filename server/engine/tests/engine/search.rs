//! What somebody finds: everything that they may see, and nothing else.

use engine::context::OpContext;
use engine::saved_views::{self, NewView, ViewChange};
use engine::search;
use model::error::ErrorCode;
use model::job::RunMode;
use model::search::HitKind;
use model::user::PermissionPath;
use model::view::OrderFilter;
use testkit::world::{World, person};

async fn found(op: &OpContext, text: &str) -> Vec<(HitKind, String)> {
    let groups = search::find(op, text, 10, Vec::new()).await.unwrap();
    groups.into_iter().flat_map(|group| group.hits).map(|hit| (hit.target.kind(), hit.title)).collect()
}

fn kinds(found: &[(HitKind, String)]) -> Vec<HitKind> {
    let mut kinds: Vec<HitKind> = found.iter().map(|(kind, _)| *kind).collect();
    kinds.dedup();
    kinds
}

fn with(op: &OpContext, paths: &[&str]) -> OpContext {
    let permissions = paths.iter().filter_map(|path| PermissionPath::parse(path)).collect();
    OpContext { permissions, ..op.clone() }
}

#[tokio::test]
async fn each_kind_is_found_by_those_who_may_open_its_page() {
    let people = [person(1, "Ann", "Badger", "Sales"), person(2, "Bo", "Lee", "Finance")];
    let world = World::new(&people).await;
    let op = world.op();
    world.run("complete", RunMode::default()).await;
    let orders = engine::orders::page(&op, OrderFilter::default()).await.unwrap().rows;
    let order = orders.first().expect("the run ordered something");

    // A word of a person's name that an application's name begins with as well.
    let all = found(&op, "badge").await;
    assert!(all.contains(&(HitKind::Identity, "Ann Badger".into())), "{all:?}");
    assert!(all.iter().any(|(kind, _)| *kind == HitKind::Application), "{all:?}");
    let number = format!("order {}", order.id);
    assert_eq!(found(&op, &number).await, [(HitKind::Order, format!("Order {}", order.id))]);
    let run = order.id.0.to_string();
    assert_eq!(found(&op, &run).await, [(HitKind::Order, format!("Order {}", order.id))]);
    assert_eq!(found(&op, "").await, []);
    assert_eq!(found(&op, "--- %").await, []);

    // Each kind with the permission of its page, and without it not at all.
    for (path, kind) in [
        ("/Identities/View", HitKind::Identity),
        ("/Applications/View", HitKind::Application),
        ("/Configuration/View", HitKind::RoleModel),
        ("/Configuration/Draft", HitKind::Setting),
    ] {
        let only = kinds(&found(&with(&op, &[path]), "badge").await);
        assert!(
            only.iter().all(|found| *found == kind || (kind, *found) == (HitKind::Application, HitKind::Account)),
            "{path}: {only:?}"
        );
        let everything =
            ["/Identities", "/Applications", "/Configuration/View", "/Configuration/Draft", "/Orders", "/Jobs"];
        let others: Vec<&str> = everything.into_iter().filter(|other| !path.starts_with(other)).collect();
        assert!(!kinds(&found(&with(&op, &others), "badge").await).contains(&kind), "{path}");
    }
    assert_eq!(found(&with(&op, &["/Orders/View"]), &number).await.len(), 1);
    assert_eq!(found(&with(&op, &["/Identities", "/Jobs", "/Home"]), &number).await, []);
    assert_eq!(found(&with(&op, &[]), "badge").await, []);
    // Whose an account is, is not told to who may not see people.
    let groups = search::find(&with(&op, &["/Applications/View"]), "e", 50, Vec::new()).await.unwrap();
    let details = groups.iter().flat_map(|group| &group.hits).map(|hit| hit.detail.as_str());
    assert!(details.clone().all(|detail| !detail.contains("Badger")), "{:?}", details.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_changed_configuration_is_found_at_once() {
    let world = World::new(&[]).await;
    let op = world.op();
    assert_eq!(found(&op, "strongroom").await, []);
    let more = "[roles.strongroom]\ndisplay_name = \"Opens the strongroom\"\naccess_profiles = []\n";
    std::fs::write(world.configuration().join("more.toml"), more).unwrap();
    engine::configurations::apply(&op, &world.configuration()).await.expect("the configuration is good");
    assert_eq!(found(&op, "strongroom").await, [(HitKind::RoleModel, "Opens the strongroom".into())]);
}

fn view(name: &str, page: &str, query: &[(&str, &str)], shared: bool) -> NewView {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    NewView { page: page.into(), name: name.into(), query, shared }
}

#[tokio::test]
async fn views_are_ones_own_or_shared_by_those_who_may() {
    let world = World::new(&[]).await;
    for login in ["ann", "bo"] {
        engine::users::add(&world.engine, login, login, "canary-password-of-everybody", Vec::new()).await.unwrap();
    }
    let ann = with(&world.op_of("ann").await, &["/Orders/View", "/Views/Share"]);
    let bo = with(&world.op_of("bo").await, &["/Orders/View"]);
    let stranger = with(&bo, &["/Identities/View"]);

    let new = view(" Failed  ones ", "/orders", &[("state", "errored"), ("purple", "x"), ("after", "7.x")], true);
    let kept = saved_views::save(&ann, new).await.unwrap();
    assert_eq!((kept.replaced, kept.unknown.as_slice()), (false, &["purple".to_owned()][..]));
    let seen = saved_views::of_page(&bo, "/orders").await.unwrap();
    assert_eq!((seen[0].view.name.as_str(), seen[0].view.address().as_str()), ("Failed ones", "/orders?state=errored"));
    assert!(saved_views::of_page(&stranger, "/orders").await.unwrap().is_empty());
    assert!(saved_views::visible(&stranger).await.unwrap().is_empty());
    assert_eq!(found(&bo, "failed").await, [(HitKind::View, "Failed ones".into())]);
    assert_eq!(found(&stranger, "failed").await, []);

    // The same name shows what it is saved with now.
    let again = saved_views::save(&ann, view("Failed ones", "/orders", &[("text", "a&b")], true)).await.unwrap();
    assert_eq!((again.id, again.replaced), (kept.id, true));
    assert_eq!(saved_views::of_page(&bo, "/orders").await.unwrap()[0].view.query, "text=a%26b");

    // Others may open it, also from the menu, and change nothing of it.
    saved_views::change(&bo, kept.id, ViewChange::Default(true)).await.unwrap();
    assert_eq!(saved_views::defaults(&bo).await.unwrap().len(), 1);
    for change in [ViewChange::Rename("Mine".into()), ViewChange::Share(true), ViewChange::Delete] {
        let error = saved_views::change(&bo, kept.id, change.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid, "{change:?}");
    }
    let error = saved_views::change(&stranger, kept.id, ViewChange::Default(true)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    let error = saved_views::save(&bo, view("For all", "/orders", &[], true)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    for (page, name, code) in [
        ("/identities", "x", ErrorCode::NotFound),
        ("//evil.example", "x", ErrorCode::NotFound),
        ("/orders", "  ", ErrorCode::Invalid),
        ("/orders", &"x".repeat(61), ErrorCode::Invalid),
    ] {
        let error = saved_views::save(&bo, view(name, page, &[], false)).await.unwrap_err();
        assert_eq!(error.code, code, "{page} {name}");
    }
    // No longer shared, it is gone from the other's list and menu; two of one name are refused.
    saved_views::change(&ann, kept.id, ViewChange::Share(false)).await.unwrap();
    assert!(saved_views::defaults(&bo).await.unwrap().is_empty());
    let other = saved_views::save(&ann, view("Other", "/orders", &[], false)).await.unwrap();
    let error = saved_views::change(&ann, other.id, ViewChange::Rename("Failed ones".into())).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Conflict);
    saved_views::change(&ann, kept.id, ViewChange::Delete).await.unwrap();
    assert_eq!(saved_views::visible(&ann).await.unwrap().len(), 1);
    assert!(matches!(found(&ann, "other").await.as_slice(), [(HitKind::View, name)] if name == "Other"));
}

/// The review can be somebody's for one account type alone, and is a list of theirs then.
#[tokio::test]
async fn views_of_the_review_and_of_events_are_kept_by_those_who_see_their_pages() {
    let world = World::new(&[]).await;
    engine::users::add(&world.engine, "ann", "ann", "canary-password-of-everybody", Vec::new()).await.unwrap();
    let ann = world.op_of("ann").await;
    let query = [("cause", "review"), ("type", "badge"), ("stream", "audit"), ("text", "ann"), ("after", "7")];
    for (page, paths, others, kept, unknown) in [
        ("/review", ["/Orders/Review"], "/Orders/View", "cause=review&type=badge", ["stream", "text"]),
        ("/review", ["/Orders/Review/badge"], "/Events/View", "cause=review&type=badge", ["stream", "text"]),
        ("/review", ["/ProvisioningPolicy"], "/Home", "cause=review&type=badge", ["stream", "text"]),
        ("/events", ["/Events/View"], "/Orders/Review", "type=badge&stream=audit&text=ann", ["cause", ""]),
    ] {
        let may = with(&ann, &paths);
        let saved = saved_views::save(&may, view("Mine", page, &query, false)).await.unwrap();
        let left_out: Vec<&str> = unknown.into_iter().filter(|name| !name.is_empty()).collect();
        assert_eq!(saved.unknown, left_out, "{page}");
        let seen = saved_views::of_page(&may, page).await.unwrap();
        assert_eq!(seen[0].view.query, kept, "{page} {paths:?}");
        let stranger = with(&ann, &[others]);
        assert!(saved_views::of_page(&stranger, page).await.unwrap().is_empty(), "{page} {others}");
        let refused = saved_views::save(&stranger, view("Mine", page, &query, false)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotFound, "{page} {others}");
    }
}
