//! Role mining over what applications really hold and requests really gave: proposals are taken into a draft, the draft does
//! what was proposed and nothing else, and once it is published nothing is proposed any more.

use std::time::Duration;

use engine::context::OpContext;
use engine::drafts;
use engine::mining::{self, Given, Taken};
use engine::requests;
use model::access::Grantable;
use model::configuration::RuleType;
use model::draft::ObjectKind;
use model::error::ErrorCode;
use model::ids::DraftId;
use model::job::{RunMode, RunState};
use model::mining::{MinedThing, Mining, MiningLimits, MiningQuery, MiningWeights, Share};
use testkit::world::{Person, World, person};

use crate::asking::{asks, give, id, settle};

/// Ann is in Finance, ten are in Sales and six in Audit. What they are called tells nothing.
fn people() -> Vec<Person> {
    let named =
        |number: u32, department: &str| person(number, &format!("Given{number}"), &format!("Name{number}"), department);
    let mut people = vec![named(1, "Finance")];
    people.extend((2..=11).map(|number| named(number, "Sales")));
    people.extend((12..=17).map(|number| named(number, "Audit")));
    people
}

const AUDIT: &str = "identity.department == \"Audit\"";

/// Somebody in the badge system itself gave these keys to everybody in Audit.
async fn world(keys: &[&str]) -> World {
    let mut world = World::new(&people()).await;
    settle(&mut world).await;
    for number in 12..=17 {
        let held = &mut world.badges.accounts.get_mut(&number.to_string()).unwrap().entitlements;
        held.extend(keys.iter().map(|key| (*key).to_owned()));
    }
    world.badges.write_extract();
    world.clock.step(Duration::from_secs(60));
    for job in ["collect", "synchronize"] {
        let run = world.run(job, RunMode::default()).await;
        assert!(matches!(run.state, RunState::Completed | RunState::Warning), "{run:#?}");
    }
    world
}

async fn mined(op: &OpContext, query: &MiningQuery) -> Mining {
    mining::mine(op, query).await.unwrap()
}

fn taken(proposals: &[(&str, &str)], draft: Option<DraftId>) -> Taken {
    let given = |(key, name): &(&str, &str)| Given { key: (*key).to_owned(), name: (*name).to_owned() };
    Taken { proposals: proposals.iter().map(given).collect(), kind: RuleType::Automatic, priority: 0, draft }
}

fn told(mining: &Mining) -> Vec<(String, String, u64, u64)> {
    let rules = mining.rules.iter();
    rules
        .map(|rule| {
            (rule.label.clone(), rule.condition.when.clone(), rule.condition.explained, rule.condition.gains.total)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_together_becomes_an_access_profile_with_its_rule() {
    let world = world(&["VAULT", "SAFE", "ROOF"]).await;
    let op = world.op();
    let found = mined(&op, &MiningQuery::default()).await;
    assert_eq!((found.people, found.things, found.holdings), (17, 3, 18), "{found:#?}");
    // The money room is all that the vault takes; the model knows nothing of the other two.
    let audit = |label: &str| (label.to_owned(), AUDIT.to_owned(), 6, 0);
    assert_eq!(told(&found), [audit("Money room"), audit("ROOF"), audit("SAFE")]);
    assert_eq!(found.rules[0].thing, MinedThing::Known(Grantable::AccessProfile("money".into())));
    assert_eq!(found.bundles.len(), 1);
    let bundle = &found.bundles[0];
    assert_eq!((bundle.application.as_deref(), bundle.members.total, bundle.gains.total), (Some("badges"), 6, 0));
    assert_eq!(bundle.things.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>(), ["Vault", "ROOF", "SAFE"]);
    assert_eq!(bundle.conditions.iter().map(|one| one.when.as_str()).collect::<Vec<_>>(), [AUDIT]);
    // Eighteen things by hand; an access profile of three and a rule in their place.
    assert_eq!((found.before, found.after_bundles, bundle.saving), (18, 5, 13));
    assert_eq!(mined(&op, &MiningQuery::default()).await.bundles, found.bundles, "the same each time");

    let id =
        mining::take(&op, &MiningQuery::default(), &taken(&[(bundle.key.as_str(), "auditors")], None)).await.unwrap();
    let preview = drafts::preview(&op, id).await.unwrap();
    let drafted: Vec<(ObjectKind, &str)> =
        preview.draft.changes.iter().map(|change| (change.kind, change.name.as_str())).collect();
    let expected = [
        (ObjectKind::AccessProfile, "auditors"),
        (ObjectKind::Entitlement, "badges-roof"),
        (ObjectKind::Entitlement, "badges-safe"),
        (ObjectKind::Rule, "auditors"),
    ];
    assert_eq!(drafted, expected);
    assert!(preview.findings.is_empty(), "{:#?}", preview.findings);
    let effect = preview.plan.effect.as_ref().unwrap();
    let mut whom: Vec<&str> = effect.people.iter().map(|person| person.name.as_str()).collect();
    let mut members: Vec<&str> = bundle.members.people.iter().map(|(_, name)| name.as_str()).collect();
    whom.sort_unstable();
    members.sort_unstable();
    assert_eq!((effect.identities, whom), (6, members), "exactly those who were proposed");

    // Once more, under another name and into another draft.
    let twice =
        mining::take(&op, &MiningQuery::default(), &taken(&[(bundle.key.as_str(), "others")], None)).await.unwrap_err();
    assert_eq!(twice.code, ErrorCode::Conflict);
    assert!(twice.message.contains(&format!("Draft {id} holds this already")), "{}", twice.message);

    drafts::publish(&op, id, preview.seal.as_ref().unwrap()).await.unwrap();
    let rule = engine::role_model::detail(&op, ObjectKind::Rule, "auditors".into()).await.unwrap();
    assert_eq!(rule.people.total, 6);
    let after = mined(&op, &MiningQuery::default()).await;
    assert_eq!((after.holdings, after.rules.len(), after.bundles.len()), (0, 0, 0), "{after:#?}");
    let late =
        mining::take(&op, &MiningQuery::default(), &taken(&[(bundle.key.as_str(), "late")], None)).await.unwrap_err();
    assert!(late.message.contains("`late` is not proposed any more"), "{}", late.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_go_into_a_draft_that_is_open_and_names_are_not_taken_twice() {
    let world = world(&["VAULT", "SAFE"]).await;
    let op = world.op();
    let query = MiningQuery { bundles: false, ..MiningQuery::default() };
    let found = mined(&op, &query).await;
    let keys: Vec<&str> = found.rules.iter().map(|rule| rule.key.as_str()).collect();
    let id = mining::take(&op, &query, &taken(&[(keys[0], "")], None)).await.unwrap();
    let clash =
        mining::take(&op, &query, &taken(&[(keys[1], found.rules[0].name.as_str())], Some(id))).await.unwrap_err();
    assert!(clash.message.contains("already"), "{}", clash.message);
    let suggested = Taken { kind: RuleType::Suggested, priority: 7, ..taken(&[(keys[1], "safe-of-audit")], Some(id)) };
    assert_eq!(mining::take(&op, &query, &suggested).await.unwrap(), id);
    let draft = drafts::draft(&op, id).await.unwrap();
    let rules: Vec<&str> = draft
        .changes
        .iter()
        .filter(|change| change.kind == ObjectKind::Rule)
        .map(|change| change.name.as_str())
        .collect();
    let proposed = found.rules[0].name.clone();
    assert_eq!(rules, [proposed.as_str(), "safe-of-audit"]);

    // As configuration files have it.
    let text = mining::files(&op, &query, &taken(&[(keys[1], "safe-of-audit")], None)).await.unwrap();
    for piece in ["[entitlements.badges-safe]", "[rules.safe-of-audit]", "identity.department == \"Audit\""] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
    assert!(!text.contains("[organisation]"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_by_hand_is_mined_within_limits_that_are_asked_for() {
    let mut world = World::new(&people()).await;
    settle(&mut world).await;
    let op = world.op();
    let bookkeeper = Grantable::Role("bookkeeper".into());
    // Nine of the ten in Sales, and one of them until a day.
    for number in 2..=10 {
        let mut new = asks(id(&world, &number.to_string()).await, vec![give(bookkeeper.clone())]);
        if number == 10 {
            new.until = Some(jiff::civil::date(2026, 12, 31));
        }
        requests::submit(&op, new).await.unwrap();
    }
    let limits = MiningLimits { precision: Share(800), false_positives: Share(100), ..MiningLimits::default() };
    let strict = MiningQuery { found: false, bundles: false, ..MiningQuery::default() };
    let query = MiningQuery { limits, ..strict.clone() };
    assert_eq!(told(&mined(&op, &strict).await), [], "one in Sales would newly get it");
    let found = mined(&op, &query).await;
    let sales = "identity.department == \"Sales\"".to_owned();
    assert_eq!(told(&found), [("Bookkeeper".to_owned(), sales.clone(), 8, 1)]);
    let rule = &found.rules[0];
    assert_eq!((rule.holders, rule.condition.precision, rule.saving), (10, Share(900), 7), "{rule:#?}");
    assert_eq!(rule.condition.gains.people[0].1, "Given11 Name11");
    assert_eq!(rule.not_covered.people[0].1, "Given1 Name1", "Ann has it by another rule");
    assert!(found.notes[0].contains("until a day"), "{:?}", found.notes);

    // Of some people only, and the rule keeps to them.
    let some = MiningQuery { condition: "identity.family_name != \"Name11\"".into(), ..strict.clone() };
    let found = mined(&op, &some).await;
    assert_eq!(
        told(&found),
        [("Bookkeeper".to_owned(), format!("(identity.family_name != \"Name11\") && {sales}"), 8, 0)]
    );
    let dear = MiningQuery { weights: MiningWeights { rule: 8, ..MiningWeights::default() }, ..query.clone() };
    assert_eq!(told(&mined(&op, &dear).await), [], "a rule costs more than it saves");
    for other in [
        MiningQuery { attributes: vec!["given_name".into()], ..query.clone() },
        MiningQuery { application: Some("badges".into()), condition: "false".into(), ..query.clone() },
    ] {
        assert_eq!(told(&mined(&op, &other).await), []);
    }

    let preview = {
        let key = rule_key(&op, &query).await;
        let id = mining::take(&op, &query, &taken(&[(key.as_str(), "sales")], None)).await.unwrap();
        drafts::preview(&op, id).await.unwrap()
    };
    let effect = preview.plan.effect.unwrap();
    let names: Vec<&str> = effect.people.iter().map(|person| person.name.as_str()).collect();
    assert_eq!(names, ["Given11 Name11"], "who was said to gain it, and nobody else");
}

async fn rule_key(op: &OpContext, query: &MiningQuery) -> String {
    mined(op, query).await.rules[0].key.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_people_are_hidden() {
    let world = world(&["VAULT"]).await;
    let op = world.op();
    let usual = MiningQuery::default();
    let limits = usual.limits;
    for (query, field) in [
        (MiningQuery { condition: "identity.".into(), ..usual.clone() }, "condition"),
        (MiningQuery { attributes: vec!["shoe_size".into()], ..usual.clone() }, "attributes"),
        (MiningQuery { application: Some("none".into()), ..usual.clone() }, "application"),
        (MiningQuery { category: Some("none".into()), ..usual.clone() }, "category"),
        (MiningQuery { limits: MiningLimits { people: 1, ..limits }, ..usual.clone() }, "people"),
        (MiningQuery { limits: MiningLimits { attributes: 5, ..limits }, ..usual.clone() }, "joined"),
        (MiningQuery { found: false, by_hand: false, ..usual.clone() }, "found"),
        (MiningQuery { rules: false, bundles: false, ..usual.clone() }, "rules"),
    ] {
        let refused = mining::mine(&op, &query).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field), "{}", refused.message);
    }
    let nothing = mining::take(&op, &usual, &taken(&[], None)).await.unwrap_err();
    assert_eq!(nothing.field.as_deref(), Some("chosen"));

    let only = |path: &str| {
        let permissions = vec![model::user::PermissionPath::parse(path).unwrap()];
        OpContext { permissions, ..world.op() }
    };
    let viewer = only("/Configuration/View");
    let found = mined(&viewer, &usual).await;
    let condition = &found.rules[0].condition;
    assert!(condition.covered.total == 6 && condition.covered.people.is_empty(), "{condition:?}");
    let key = found.rules[0].key.clone();
    assert_eq!(
        mining::take(&viewer, &usual, &taken(&[(key.as_str(), "")], None)).await.unwrap_err().code,
        ErrorCode::Forbidden
    );
    assert_eq!(mining::mine(&only("/Home/View"), &usual).await.unwrap_err().code, ErrorCode::Forbidden);
}
