use std::collections::{BTreeMap, BTreeSet};

use model::account::{Account, AccountStatus, Provenance};
use model::configuration::{Configuration, IndirectRule};
use model::ids::{AccountId, IdentityId};
use proptest::prelude::*;

use super::{IndirectModel, Standing};

fn account(id: i64, account_type: &str, key: &str, entitlements: &[&str]) -> Account {
    Account {
        id: AccountId(id),
        application: account_type.to_owned(),
        account_type: account_type.to_owned(),
        key: key.to_owned(),
        owner: (account_type == "person").then_some(IdentityId(1)),
        status: AccountStatus::Enabled,
        provenance: Provenance::Found,
        attributes: BTreeMap::new(),
        entitlements: entitlements.iter().map(|key| (*key).to_owned()).collect(),
        observed_at: None,
    }
}

fn rule(through: &str) -> IndirectRule {
    IndirectRule {
        description: None,
        account_type: "person".into(),
        through: through.into(),
        attribute: None,
        pattern: None,
        counts_as: None,
    }
}

fn model(rules: &[(&str, IndirectRule)]) -> IndirectModel {
    let indirect_rules = rules.iter().map(|(name, rule)| ((*name).to_owned(), rule.clone())).collect();
    IndirectModel::compile(&Configuration { indirect_rules, ..Configuration::default() })
}

/// Groups within groups, as far as they go.
fn nested() -> IndirectRule {
    IndirectRule { counts_as: Some("person".into()), ..rule("group") }
}

/// Asks for what is wanted until nothing is, and follows; with how often was asked.
fn followed(model: &IndirectModel, own: &[Account], all: &[Account]) -> (Vec<String>, usize) {
    let mut standing = Standing::default();
    let mut times = 0;
    loop {
        let wanted = model.wanted(&[], own, &standing);
        if wanted.is_empty() {
            break;
        }
        times += 1;
        for (stands, values) in wanted {
            let of_type = all.iter().filter(|account| account.account_type == stands.account_type);
            let fitting = of_type.filter(|account| {
                let said = match &stands.attribute {
                    None => Some(account.key.clone()),
                    Some(attribute) => account.attributes.get(attribute).map(ToString::to_string),
                };
                said.is_some_and(|said| values.contains(&said))
            });
            let fitting: Vec<Account> = fitting.cloned().collect();
            standing.add(&stands, values, &fitting);
        }
    }
    let found = model.follow(&[], own, &standing);
    let said = found.iter().map(|holding| {
        let way = holding.path.iter().map(|step| format!("{}:{}@{}", step.rule, step.key, step.through));
        format!("{}/{} <- {}", holding.account_type, holding.key, way.collect::<Vec<_>>().join(" "))
    });
    (said.collect(), times)
}

#[test]
fn groups_within_groups_are_followed_by_the_shortest_way() {
    let model = model(&[("nested", nested())]);
    let own = [account(1, "person", "ann", &["a", "b"])];
    let groups = [
        account(10, "group", "a", &["c"]),
        account(11, "group", "b", &["d"]),
        account(12, "group", "c", &["d", "e", "a"]),
        account(13, "group", "e", &["c", "f"]),
        account(14, "group", "z", &["y"]),
    ];
    let (found, times) = followed(&model, &own, &groups);
    let expected = [
        "person/c <- nested:a@10",
        "person/d <- nested:a@10 nested:c@12",
        "person/d <- nested:b@11",
        "person/e <- nested:a@10 nested:c@12",
        "person/f <- nested:a@10 nested:c@12 nested:e@13",
    ];
    assert_eq!(found, expected);
    assert_eq!(times, 4, "a and b; c and d; e; f");
}

#[test]
fn another_application_gives_to_groups_whose_name_is_part_of_the_key() {
    let shares = IndirectRule {
        attribute: Some("principal".into()),
        pattern: Some("(?i)cn=([^,]+),.*".into()),
        ..rule("share")
    };
    let model = model(&[("nested", nested()), ("shares", shares)]);
    let own = [account(1, "person", "ann", &["cn=Finance,ou=groups", "ou=other"])];
    let mut share = account(20, "share", "7", &["ledger-write"]);
    share.attributes.insert("principal".into(), "Finance".into());
    let mut whole = account(21, "share", "8", &["everything-read"]);
    whole.attributes.insert("principal".into(), "Everybody".into());
    let groups = [account(10, "group", "cn=Finance,ou=groups", &["CN=Everybody,ou=groups"]), share, whole];
    let expected = [
        "person/CN=Everybody,ou=groups <- nested:cn=Finance,ou=groups@10",
        "share/everything-read <- nested:cn=Finance,ou=groups@10 shares:CN=Everybody,ou=groups@21",
        "share/ledger-write <- shares:cn=Finance,ou=groups@20",
    ];
    assert_eq!(followed(&model, &own, &groups).0, expected);
}

#[test]
fn what_is_disabled_does_not_count() {
    let model = model(&[("nested", nested())]);
    let mut disabled = account(11, "group", "b", &["d"]);
    disabled.status = AccountStatus::Disabled;
    let groups = [account(10, "group", "a", &["b", "c"]), disabled];
    let mut own = [account(1, "person", "ann", &["a", "b"])];
    assert_eq!(followed(&model, &own, &groups).0, ["person/b <- nested:a@10", "person/c <- nested:a@10"]);
    own[0].status = AccountStatus::Disabled;
    assert_eq!(followed(&model, &own, &groups).0, [] as [&str; 0]);
    assert!(IndirectModel::default().follow(&[], &own, &Standing::default()).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The obvious way: everything that can be held is added until nothing more comes.
    #[test]
    fn it_agrees_with_the_obvious_way(
        held in proptest::collection::btree_set(0_usize..8, 0..4),
        within in proptest::collection::vec((any::<bool>(), 0_usize..8, 0_usize..8, any::<bool>()), 0..14),
    ) {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let model = model(&[("nested", nested()), ("shares", rule("share"))]);
        let held: Vec<&str> = held.into_iter().map(|place| names[place]).collect();
        let own = [account(1, "person", "ann", &held)];
        let all: Vec<Account> = (10..)
            .zip(&within)
            .map(|(id, (is_group, of, holds, enabled))| {
                let kind = if *is_group { "group" } else { "share" };
                let mut account = account(id, kind, names[*of], &[names[*holds]]);
                account.status = if *enabled { AccountStatus::Enabled } else { AccountStatus::Disabled };
                account
            })
            .collect();
        let mut expected: BTreeSet<(&str, &str)> = held.iter().map(|key| ("person", *key)).collect();
        loop {
            let before = expected.len();
            for (is_group, of, holds, enabled) in &within {
                if *enabled && expected.contains(&("person", names[*of])) {
                    expected.insert((if *is_group { "person" } else { "share" }, names[*holds]));
                }
            }
            if expected.len() == before {
                break;
            }
        }
        let found = followed(&model, &own, &all).0;
        let found = found.iter().map(|said| said.split_once(" <- ").unwrap().0.split_once('/').unwrap());
        let all_held: BTreeSet<(&str, &str)> = found.chain(held.iter().map(|key| ("person", *key))).collect();
        prop_assert_eq!(all_held, expected);
    }
}
