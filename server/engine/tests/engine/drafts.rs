//! The role model changed on pages: a draft shows what it would do, publishing does exactly that or is refused, and what
//! others changed meanwhile is never undone unseen.

use engine::context::OpContext;
use engine::{configurations, drafts, role_model};
use model::configuration::{AssignmentRule, Role};
use model::draft::{DraftState, Matching, Object, ObjectKind};
use model::error::ErrorCode;
use model::ids::DraftId;
use model::job::{RunMode, RunState};
use model::lint::{Claim, FindingKind};
use model::user::PermissionPath;
use testkit::world::{Person, World, person};

/// Ann is in Finance: a bookkeeper. Bo and Cy are in Sales.
fn people() -> Vec<Person> {
    let sales = |number, name| person(number, name, "Ek", "Sales");
    vec![person(1, "Ann", "Lee", "Finance"), sales(2, "Bo"), sales(3, "Cy")]
}

async fn world() -> World {
    let mut world = World::new(&people()).await;
    world.settle().await;
    world
}

/// A rule by which everybody in a department is a bookkeeper.
fn rule(department: &str) -> Object {
    Object::Rule(AssignmentRule {
        when: format!("identity.department == '{department}'"),
        roles: vec!["bookkeeper".into()],
        ..AssignmentRule::default()
    })
}

async fn put(op: &OpContext, id: Option<DraftId>, name: &str, object: Object) -> DraftId {
    drafts::put(op, id, object.kind(), name, Some(object)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_tells_what_the_policy_check_would_newly_find() {
    let world = world().await;
    let op = world.op();
    let before = engine::lint::findings(&op).await.unwrap();
    let of_files = engine::lint::of_files(&op, &world.configuration()).await.unwrap();
    assert_eq!(of_files.len(), before.len());
    assert!(of_files.iter().all(|one| one.spots[0].place.is_some()), "{of_files:#?}");
    // Nobody is in a department of that name, and some are in one that is written almost like it.
    let id = put(&op, None, "sales", rule("Sale")).await;
    let preview = drafts::preview(&op, id).await.unwrap();
    let told: Vec<_> = preview.lint.iter().map(|one| (one.kind, one.spots[0].name.as_str())).collect();
    assert_eq!(told, [(FindingKind::UnknownValue, "sales")], "{before:#?}");
    let witness = &preview.lint[0].witness;
    let has = Claim::Has { attribute: "department".to_owned(), value: "Sales".into() };
    assert!(witness.people.len() == 1 && witness.claims.contains(&has), "{witness:?}");

    // It keeps nobody from publishing, and is a finding like others then.
    drafts::publish(&op, id, &preview.seal.unwrap()).await.unwrap();
    let after = engine::lint::findings(&op).await.unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert!(after.contains(&preview.lint[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_shows_what_it_would_do_and_publishing_does_it() {
    let mut world = world().await;
    let op = world.op();
    let id = put(&op, None, "sales", rule("Sales")).await;
    let preview = drafts::preview(&op, id).await.unwrap();
    let effect = preview.plan.effect.unwrap();
    assert_eq!((effect.population, effect.identities), (3, 2));
    let gains: Vec<&str> = effect.gains.iter().map(|(thing, _)| thing.as_str()).collect();
    for thing in ["role bookkeeper", "entitlement vault", "entitlement ledger"] {
        assert!(gains.contains(&thing), "{gains:?}");
    }
    assert!(effect.losses.is_empty());
    assert_eq!((preview.matches[0].0.as_str(), preview.matches[0].1.total), ("sales", 2));
    assert_eq!(effect.people.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Bo Ek", "Cy Ek"]);

    // Of one person, with why.
    let ann = drafts::try_with(&op, id, &people()[0].number).await.unwrap();
    assert!(ann.gains.is_empty() && ann.losses.is_empty());
    let bo = drafts::try_with(&op, id, &people()[1].number).await.unwrap();
    assert!(bo.gains.iter().all(|one| one.held && one.reasons[0].rule == "sales"), "{:?}", bo.gains);

    // Nothing is live yet.
    assert!(!op.engine.world().configuration().rules.contains_key("sales"));
    let seal = preview.seal.unwrap();
    drafts::publish(&op, id, &seal).await.unwrap();
    assert!(op.engine.world().configuration().rules.contains_key("sales"));
    let again = drafts::publish(&op, id, &seal).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::Conflict);

    world.run("complete", RunMode::default()).await;
    world.settle().await;
    let held = role_model::detail(&op, ObjectKind::Role, "bookkeeper".into()).await.unwrap();
    assert_eq!(held.people.total, 3);
    let held = role_model::detail(&op, ObjectKind::Rule, "sales".into()).await.unwrap();
    assert_eq!(held.people.people.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Bo Ek", "Cy Ek"]);
    let ended = drafts::preview(&op, id).await.unwrap();
    assert_eq!((ended.draft.state, ended.seal), (DraftState::Published, None));
    assert_eq!(ended.plan.added[0].name, "sales");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_kept_told_and_not_published() {
    let world = world().await;
    let op = world.op();
    let Object::Rule(mut broken) = rule("Sales") else { panic!("a rule") };
    broken.when = "identity.department ==".into();
    broken.roles.push("nobody-knows-it".into());
    let id = put(&op, None, "sales", Object::Rule(broken.clone())).await;
    let preview = drafts::preview(&op, id).await.unwrap();
    assert_eq!(preview.seal, None);
    assert!(preview.plan.effect.is_none());
    let told: Vec<&str> = preview.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(told.len() >= 2 && told.iter().any(|message| message.contains("nobody-knows-it")), "{told:?}");
    assert!(preview.findings.iter().all(|one| one.object == Some((ObjectKind::Rule, "sales".into()))));
    assert_eq!(drafts::publish(&op, id, "").await.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(preview.draft.changes[0].after, Some(Object::Rule(broken)));

    // A role that a rule still gives cannot go.
    let removal = drafts::put(&op, None, ObjectKind::Role, "bookkeeper", None).await.unwrap();
    let preview = drafts::preview(&op, removal).await.unwrap();
    assert!(preview.findings[0].place.contains("rule `finance`"), "{:?}", preview.findings);

    for name in ["", "two words", "a/b"] {
        let refused = drafts::put(&op, None, ObjectKind::Rule, name, Some(rule("Sales"))).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Invalid, "{name}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_changed_meanwhile_is_seen_before_anything_is_undone() {
    let world = world().await;
    let op = world.op();
    let role = |display_name: &str| {
        let (access_profiles, roles) = (vec!["money".into(), "books".into()], vec!["colleague".into()]);
        Object::Role(Role { access_profiles, roles, ..Role::new(display_name) })
    };
    let mine = put(&op, None, "bookkeeper", role("Book-keeper")).await;
    let other = put(&op, None, "bookkeeper", role("Accountant")).await;
    let elsewhere = put(&op, None, "sales", rule("Sales")).await;
    let seen = |preview: drafts::DraftPreview| preview.seal.unwrap();
    let my_seal = seen(drafts::preview(&op, mine).await.unwrap());
    drafts::publish(&op, other, &seen(drafts::preview(&op, other).await.unwrap())).await.unwrap();

    // The same object: refused, told, and mended by going on from what is live.
    assert_eq!(drafts::publish(&op, mine, &my_seal).await.unwrap_err().code, ErrorCode::Conflict);
    let moved = drafts::preview(&op, mine).await.unwrap();
    assert_eq!((moved.moved, moved.seal), (vec![(ObjectKind::Role, "bookkeeper".into())], None));
    drafts::rebase(&op, mine).await.unwrap();
    let again = drafts::preview(&op, mine).await.unwrap();
    let field = &again.plan.changed[0].fields[0];
    assert_eq!((field.before.clone(), field.after.clone()), (Some("Accountant".into()), Some("Book-keeper".into())));

    // Another object: it goes on, once what it does now was looked at.
    let stale = seen(drafts::preview(&op, elsewhere).await.unwrap());
    drafts::publish(&op, mine, &seen(again)).await.unwrap();
    assert_eq!(drafts::publish(&op, elsewhere, &stale).await.unwrap_err().code, ErrorCode::Conflict);
    // A person who came meanwhile counts as well.
    let stale = seen(drafts::preview(&op, elsewhere).await.unwrap());
    let mut more = people();
    more.push(person(4, "Di", "Ek", "Sales"));
    world.feed(&more);
    assert_eq!(world.run("complete", RunMode::default()).await.state, RunState::Completed);
    assert_eq!(drafts::publish(&op, elsewhere, &stale).await.unwrap_err().code, ErrorCode::Conflict);
    drafts::publish(&op, elsewhere, &seen(drafts::preview(&op, elsewhere).await.unwrap())).await.unwrap();
    let live = op.engine.world().configuration();
    assert_eq!(live.roles["bookkeeper"].display_name, "Book-keeper");
    assert!(live.rules.contains_key("sales"));

    // Files that are applied afterwards say what the pages changed.
    let plan = configurations::plan(&op, &world.configuration()).await.unwrap();
    assert_eq!((plan.changed.len(), plan.removed.len()), (1, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_end_once_and_ask_for_their_permissions() {
    let world = world().await;
    let op = world.op();
    let id = put(&op, None, "sales", rule("Sales")).await;
    drafts::rename(&op, id, "  Sales  are bookkeepers ").await.unwrap();
    assert_eq!(drafts::draft(&op, id).await.unwrap().title, "Sales are bookkeepers");
    assert_eq!(drafts::rename(&op, id, " ").await.unwrap_err().code, ErrorCode::Invalid);
    drafts::take_out(&op, id, ObjectKind::Rule, "sales").await.unwrap();
    let empty = drafts::preview(&op, id).await.unwrap();
    assert!(empty.draft.changes.is_empty() && empty.seal.is_none());
    drafts::discard(&op, id).await.unwrap();
    for refused in [
        drafts::discard(&op, id).await,
        drafts::take_out(&op, id, ObjectKind::Rule, "sales").await,
        drafts::rename(&op, id, "again").await,
        drafts::put(&op, Some(id), ObjectKind::Rule, "sales", Some(rule("Sales"))).await.map(|_| ()),
    ] {
        assert_eq!(refused.unwrap_err().code, ErrorCode::Conflict);
    }
    assert_eq!(drafts::page(&op, Some(DraftState::Open), None).await.unwrap().total, 0);

    let mut reader = world.op();
    reader.permissions.retain(|_| false);
    assert_eq!(drafts::preview(&reader, id).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(drafts::publish(&reader, id, "").await.unwrap_err().code, ErrorCode::Forbidden);
    let refused = drafts::put(&reader, None, ObjectKind::Rule, "x", Some(rule("Sales"))).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    reader.permissions = model::user::PermissionPath::parse(role_model::VIEW).into_iter().collect();
    let shown = put(&op, None, "sales", rule("Sales")).await;
    let preview = drafts::preview(&reader, shown).await.unwrap();
    assert_eq!((preview.plan.effect.unwrap().people.len(), preview.matches[0].1.people.len()), (0, 0));
    assert_eq!(preview.matches[0].1.total, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_typed_says_whom_it_would_hold_for() {
    let world = world().await;
    let op = world.op();
    let asked = |when: &'static str| drafts::matching(&op, when, (0, 0));
    let named = |found: Matching| match found {
        Matching::People { found, of } => {
            let names = found.people.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
            assert_eq!((found.total, of), (names.len() as u64, 3));
            names
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(named(asked("identity.department == 'Sales'").await.unwrap()), ["Bo Ek", "Cy Ek"]);
    assert_eq!(
        named(
            asked("identity.department in ['Sales', 'Finance'] && identity.display_name.startsWith('A')")
                .await
                .unwrap()
        ),
        ["Ann Lee"]
    );
    assert_eq!(named(asked("identity.department == 'Nowhere'").await.unwrap()), Vec::<String>::new());
    // No rule reads this yet, so that nothing of it is kept beside the people themselves.
    assert_eq!(named(asked("identity.given_name == 'Cy'").await.unwrap()), ["Cy Ek"]);
    assert_eq!(asked("  ").await.unwrap(), Matching::Nothing);
    for (when, part) in
        [("identity.department ==", "line 1"), ("identity.shoe_size == 4", "no identity source delivers `shoe_size`")]
    {
        match asked(when).await.unwrap() {
            Matching::Unclear(why) => assert!(why.contains(part), "{why}"),
            other => panic!("{when}: {other:?}"),
        }
    }
    let mut blind = op.clone();
    blind.permissions.retain(|_| false);
    assert_eq!(drafts::matching(&blind, "true", (0, 0)).await.unwrap_err().code, ErrorCode::Forbidden);
    blind.permissions.extend(PermissionPath::parse("/Configuration"));
    match drafts::matching(&blind, "identity.department == 'Sales'", (0, 0)).await.unwrap() {
        Matching::People { found, .. } => assert_eq!((found.total, found.people.len()), (2, 0)),
        other => panic!("{other:?}"),
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_changed_since_files_were_applied_is_told() {
    let world = world().await;
    let op = world.op();
    let drift = configurations::drift(&op).await.unwrap().unwrap();
    assert!(drift.changes.is_empty());
    let id = put(&op, None, "sales", rule("Sales")).await;
    let seal = drafts::preview(&op, id).await.unwrap().seal.unwrap();
    drafts::publish(&op, id, &seal).await.unwrap();
    let drifted = configurations::drift(&op).await.unwrap().unwrap();
    assert_eq!((drifted.version, drifted.at), (drift.version, drift.at));
    assert_eq!(drifted.changes.added.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["sales"]);
    assert!(drifted.changes.changed.is_empty() && drifted.changes.removed.is_empty());

    // The files know nothing of it. Whoever looked at the plan before it was made is told so, and nothing is undone unseen.
    let plan = configurations::plan(&op, &world.configuration()).await.unwrap();
    assert_eq!(plan.removed[0].name, "sales");
    let wrong = configurations::apply_as_seen(&op, &world.configuration(), "0").await.unwrap_err().to_string();
    assert!(wrong.contains(plan.seal.as_deref().unwrap()) && wrong.contains("Nothing was applied"), "{wrong}");
    assert!(op.engine.world().configuration().rules.contains_key("sales"));
    configurations::apply_as_seen(&op, &world.configuration(), plan.seal.as_deref().unwrap()).await.unwrap();
    assert!(!op.engine.world().configuration().rules.contains_key("sales"));
    assert!(configurations::drift(&op).await.unwrap().unwrap().changes.is_empty());
    let gone = configurations::apply_as_seen(&op, &world.configuration(), plan.seal.as_deref().unwrap()).await;
    assert!(gone.unwrap_err().to_string().contains("nothing would change any more"));
    world.stop().await;
}
