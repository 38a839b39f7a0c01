//! Permission profiles that are about some people only: what is about others is neither seen nor done, by whatever way.

use engine::orders::Deed;
use engine::permissions::{self, Subject};
use engine::{identities, orders, requests, search, users};
use model::error::ErrorCode;
use model::ids::{IdentityId, OrderId};
use model::job::RunMode;
use model::permission::Question;
use model::request::{NewRequest, RequestFilter, Standing};
use model::user::PermissionPath;
use model::view::{IdentityFilter, OrderFilter, Triage};
use testkit::world::{World, person};

use crate::asking::{asks, entitlement, give, id};

const PASSWORD: &str = "a long enough password";

const PROFILES: &str = r#"
[permission_profiles.sales-desk]
display_name = "Sales desk"
permissions = ["/Identities/View", "/Orders/View", "/Requests/View", "/Requests/Submit"]
people = 'identity.department == "Sales"'
[permission_profiles.own-department]
display_name = "Own department"
permissions = ["/Identities/View"]
people = 'identity.department == user.department'
[permission_profiles.own-place]
display_name = "Whoever is of Finance sees everybody"
permissions = ["/Identities/View"]
people = 'user.department == "Finance"'
"#;

/// Ann and Cy are of Sales, Bo and Di of Finance.
async fn world() -> World {
    let people = [
        person(1, "Ann", "Lee", "Sales"),
        person(2, "Bo", "Ek", "Finance"),
        person(3, "Cy", "Lee", "Sales"),
        person(4, "Di", "Ek", "Finance"),
    ];
    let world = World::with_more(&people, PROFILES, |_| {}).await;
    world.run("complete", RunMode::default()).await;
    for (login, profile) in [("desk", "sales-desk"), ("bo", "own-department"), ("di", "own-place")] {
        users::add(&world.engine, login, login, PASSWORD, vec![profile.into()]).await.unwrap();
    }
    world
}

async fn seen(world: &World, login: &str) -> Vec<String> {
    let page = identities::page(&world.op_of(login).await, IdentityFilter::default()).await.unwrap();
    assert_eq!(page.total, page.rows.len() as u64);
    page.rows.into_iter().map(|row| row.key).collect()
}

async fn order_of(world: &World, person: IdentityId) -> OrderId {
    let filter = OrderFilter { identity: Some(person), ..OrderFilter::default() };
    orders::page(&world.op(), filter).await.unwrap().rows[0].id
}

#[tokio::test]
async fn people_are_seen_of_whom_the_profile_is_and_nobody_else() {
    let world = world().await;
    let op = world.op_of("desk").await;
    let (ann, bo) = (id(&world, "1").await, id(&world, "2").await);
    assert_eq!(seen(&world, "desk").await, ["1", "3"]);
    let filter = IdentityFilter { text: Some("ek".into()), ..IdentityFilter::default() };
    assert_eq!(identities::page(&op, filter).await.unwrap().total, 0);
    let first = IdentityFilter { limit: Some(1), ..IdentityFilter::default() };
    let first = identities::page(&op, first).await.unwrap();
    let rest = IdentityFilter { after: first.next.clone(), ..IdentityFilter::default() };
    assert_eq!((first.rows[0].key.as_str(), first.total), ("1", 2));
    assert_eq!(identities::page(&op, rest).await.unwrap().rows[0].key, "3");

    assert_eq!(identities::detail(&op, ann).await.unwrap().identity.id, ann);
    assert!(identities::why(&op, ann, None, "door").await.is_ok());
    assert_eq!(identities::find(&op, "1").await.unwrap(), ann);
    let refused = identities::detail(&op, bo).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    assert!(refused.message.contains("sales-desk"), "{}", refused.message);
    assert_eq!(identities::why(&op, bo, None, "door").await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(identities::find(&op, "2").await.unwrap_err().code, ErrorCode::NotFound);
    // What is about everybody at once is not for those who see some.
    assert_eq!(identities::quality(&op).await.unwrap_err().code, ErrorCode::Forbidden);

    let found = |groups: Vec<search::Group>| -> Vec<String> {
        groups.into_iter().flat_map(|group| group.hits).map(|hit| hit.title).collect()
    };
    for (text, expected) in [("lee", vec!["Ann Lee", "Cy Lee"]), ("ek", vec![]), ("ann lee", vec!["Ann Lee"])] {
        assert_eq!(found(search::find(&op, text, 10, Vec::new()).await.unwrap()), expected, "{text}");
    }
    assert_eq!(found(search::find(&op, &format!("#{bo}"), 10, Vec::new()).await.unwrap()), [""; 0]);
    world.stop().await;
}

#[tokio::test]
async fn the_user_is_a_person_too_and_everybody_moves() {
    let world = world().await;
    assert_eq!(seen(&world, "bo").await, [""; 0], "who is nobody that is known has no department");
    assert_eq!(seen(&world, "di").await, [""; 0]);
    users::set_identity(&world.op(), "bo", Some("2")).await.unwrap();
    users::set_identity(&world.op(), "di", Some("4")).await.unwrap();
    assert_eq!(seen(&world, "bo").await, ["2", "4"]);
    assert_eq!(seen(&world, "di").await, ["1", "2", "3", "4"]);

    let moved = [
        person(1, "Ann", "Lee", "Finance"),
        person(2, "Bo", "Ek", "Finance"),
        person(3, "Cy", "Lee", "Sales"),
        person(4, "Di", "Ek", "Sales"),
    ];
    world.feed(&moved);
    world.run("complete", RunMode::default()).await;
    assert_eq!(seen(&world, "bo").await, ["1", "2"]);
    assert_eq!(seen(&world, "desk").await, ["3", "4"]);
    assert_eq!(seen(&world, "di").await, [""; 0]);
    world.stop().await;
}

#[tokio::test]
async fn orders_and_requests_follow_the_person() {
    let world = world().await;
    let (op, root) = (world.op_of("desk").await, world.op());
    let (ann, bo) = (id(&world, "1").await, id(&world, "2").await);
    let own = orders::page(&op, OrderFilter::default()).await.unwrap();
    let all = orders::page(&root, OrderFilter::default()).await.unwrap();
    let expected: Vec<OrderId> = all
        .rows
        .iter()
        .filter(|row| ["Ann Lee", "Cy Lee"].contains(&row.identity_name.as_str()))
        .map(|row| row.id)
        .collect();
    assert!(!expected.is_empty() && expected.len() < all.rows.len());
    assert_eq!(own.rows.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
    let counted: u64 = orders::counts(&op, OrderFilter::default()).await.unwrap().by_state.iter().map(|(_, n)| n).sum();
    assert_eq!((own.total, counted), (expected.len() as u64, expected.len() as u64));
    assert_eq!(orders::triage(&op).await.unwrap(), Triage::default());
    let (order_of_ann, order_of_bo) = (order_of(&world, ann).await, order_of(&world, bo).await);
    assert!(orders::detail(&op, order_of_ann).await.is_ok());
    assert_eq!(orders::detail(&op, order_of_bo).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(orders::act(&op, order_of_ann, Deed::Retry).await.unwrap_err().code, ErrorCode::Forbidden);

    let vault = |person: IdentityId| asks(person, vec![give(entitlement("vault"))]);
    for simulate in [true, false] {
        let refused = requests::submit(&op, NewRequest { simulate, ..vault(bo) }).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Forbidden, "also only to look at it: {simulate}");
    }
    let for_bo = requests::submit(&root, asks(bo, vec![give(entitlement("door"))])).await;
    let for_bo = for_bo.unwrap().request.unwrap();
    let submission = requests::submit(&op, vault(ann)).await.unwrap();
    assert_eq!(submission.standing, Standing::New);
    let for_ann = submission.request.unwrap();
    let page = requests::page(&op, RequestFilter::default()).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [for_ann]);
    let counted = requests::counts(&op, RequestFilter::default()).await.unwrap();
    assert_eq!((page.total, counted.iter().map(|(_, count)| count).sum::<u64>()), (1, 1));
    assert_eq!(requests::page(&root, RequestFilter::default()).await.unwrap().total, 2);
    assert!(requests::detail(&op, for_ann).await.is_ok());
    assert_eq!(requests::detail(&op, for_bo).await.unwrap_err().code, ErrorCode::Forbidden);
    let why = "Not after all".to_owned();
    assert_eq!(requests::cancel(&op, for_bo, why).await.unwrap_err().code, ErrorCode::Forbidden);
    assert!(requests::given(&op, ann).await.is_ok());
    assert_eq!(requests::given(&op, bo).await.unwrap_err().code, ErrorCode::Forbidden);
    world.stop().await;
}

#[tokio::test]
async fn the_tester_says_about_whom() {
    let world = world().await;
    users::set_identity(&world.op(), "bo", Some("2")).await.unwrap();
    let op = world.op();
    let (ann, di) = (id(&world, "1").await, id(&world, "4").await);
    let view = Question::Path(PermissionPath::parse("/Identities/View").unwrap());
    let of = |login: &str| Subject::Login(login.into());
    for (login, about, expected) in [
        ("desk", None, "Yes: it may see, about some people only."),
        ("desk", Some(ann), "Yes: it may see, about Ann Lee."),
        ("desk", Some(di), "No: it may not see, about Di Ek."),
        ("bo", Some(ann), "No: it may not see, about Ann Lee."),
        ("bo", Some(di), "Yes: it may see, about Di Ek."),
    ] {
        let tested = permissions::test(&op, &of(login), Some(&view), about).await.unwrap();
        assert_eq!(tested.sentence("it", "see"), expected, "{login} {about:?}");
        assert_eq!(tested.apart.len(), usize::from(!tested.allowed()), "{login} {about:?}");
        let may = match about {
            Some(about) => world.op_of(login).await.may_about("/Identities/View", about).await.unwrap(),
            None => world.op_of(login).await.may_about_some("/Identities/View"),
        };
        assert_eq!(tested.allowed(), may, "{login} {about:?}: what is said is what is done");
    }
    let who = permissions::who(&op, Some(&view), Some(di)).await.unwrap();
    assert_eq!(who.iter().map(|able| able.login.as_str()).collect::<Vec<_>>(), ["bo"]);
    let who = permissions::who(&op, Some(&view), None).await.unwrap();
    assert_eq!(who.iter().map(|able| able.login.as_str()).collect::<Vec<_>>(), ["bo", "desk", "di"]);
    world.stop().await;
}
