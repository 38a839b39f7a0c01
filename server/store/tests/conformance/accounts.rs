use model::account::{Account, AccountStatus, ObservedEntitlement, Provenance};
use model::correlation::{Decision, Match, OwnerCandidate, Proposals, StandingDecision, TypeCandidate};
use model::ids::{AccountId, IdentityId};
use model::order::ProvisioningState;
use model::view::{AccountFilter, AccountShow};
use store::{HeldKey, Reservation, Store};

use crate::world::*;

pub(crate) async fn accounts_come_back_by_every_way(store: Store) {
    people(&store).await;
    let first = account(20, "directory", "anna", Some(1), &["a", "b"]);
    let second = Account {
        status: AccountStatus::Disabled,
        provenance: Provenance::Created,
        observed_at: None,
        ..account(21, "payroll", "4711", None, &[])
    };
    let rows = vec![second.clone(), first.clone()];
    keep!(store, |tx| {
        tx.insert_accounts(&rows, at(0)).await?;
        tx.insert_accounts(&[], at(0)).await?;
        tx.update_accounts(&[], at(0)).await?;
    });
    assert_eq!(store.load_accounts().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.accounts_of_application("payroll").await.unwrap(), [second]);
    assert_eq!(store.accounts_of(&[IdentityId(1), IdentityId(2)]).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.accounts_by_id(&[AccountId(20), AccountId(99)]).await.unwrap(), std::slice::from_ref(&first));
    let keys = ["anna".to_owned(), "4711".to_owned()];
    assert_eq!(store.accounts_by_key("directory", &keys).await.unwrap(), [first]);
    let sizes = [("directory-user".to_owned(), 1, 2), ("payroll-user".to_owned(), 1, 0)];
    assert_eq!(store.account_type_sizes().await.unwrap(), sizes);
    assert_eq!(store.accounts_of(&[]).await.unwrap(), []);
    let error =
        refused!(store, |tx| tx.insert_accounts(&[account(22, "directory", "x", Some(77), &[])], at(0)).await?);
    assert_foreign_key(&error, "account_owner");
}

pub(crate) async fn what_everybody_holds_is_read_at_once(store: Store) {
    people(&store).await;
    let gone = Account { status: AccountStatus::Gone, ..account(24, "payroll", "gone", Some(1), &["pay"]) };
    let disabled = Account { status: AccountStatus::Disabled, ..account(23, "payroll", "off", Some(2), &["pay"]) };
    let rows = [
        account(20, "directory", "anna", Some(1), &["a", "b"]),
        account(21, "payroll", "4711", Some(1), &["pay"]),
        account(22, "payroll", "nobody", None, &["pay"]),
        disabled,
        gone,
    ];
    let less = Account { entitlements: ["b".to_owned()].into(), ..rows[0].clone() };
    keep!(store, |tx| tx.insert_accounts(&rows, at(0)).await?);
    keep!(store, |tx| tx.update_accounts(&[less], at(1)).await?);
    let held = store.held_entitlements().await.unwrap();
    let key = |application: &str, key: &str| HeldKey {
        application: application.into(),
        account_type: format!("{application}-user"),
        key: key.into(),
    };
    assert_eq!(held.keys, [key("directory", "b"), key("payroll", "pay")], "each once, and nothing that was taken");
    assert_eq!(held.holdings, [(IdentityId(1), 0), (IdentityId(1), 1), (IdentityId(2), 1)]);
}

pub(crate) async fn entitlements_keep_their_intervals(store: Store) {
    people(&store).await;
    let steps: [(i64, &[&str]); 5] =
        [(0, &["a", "b"]), (10, &["b", "c"]), (20, &["a", "b"]), (30, &["d"]), (30, &["b"])];
    for (seconds, entitlements) in steps {
        let row = account(20, "directory", "anna", Some(1), entitlements);
        let expected = row.clone();
        keep!(store, |tx| {
            if seconds == 0 {
                tx.insert_accounts(&[row], at(seconds)).await?;
            } else {
                tx.update_accounts(&[row], at(seconds)).await?;
            }
        });
        assert_eq!(store.load_accounts().await.unwrap(), [expected]);
    }
    let intervals = store.entitlement_intervals(AccountId(20)).await.unwrap();
    let expected = [("a", 0, Some(10)), ("a", 20, Some(30)), ("b", 0, Some(30)), ("b", 30, None), ("c", 10, Some(20))];
    assert_eq!(intervals, expected.map(|(name, since, until)| (name.to_owned(), at(since), until.map(at))));

    let gone = Account { status: AccountStatus::Gone, ..account(20, "directory", "anna", Some(1), &["b"]) };
    keep!(store, |tx| tx.update_accounts(&[gone], at(40)).await?);
    let intervals = store.entitlement_intervals(AccountId(20)).await.unwrap();
    assert_eq!(intervals[3], ("b".to_owned(), at(30), Some(at(40))));
}

pub(crate) async fn a_key_is_used_once_unless_gone(store: Store) {
    people(&store).await;
    keep!(store, |tx| tx.insert_accounts(&[account(20, "directory", "anna", None, &[])], at(0)).await?);
    let error = refused!(store, |tx| tx.insert_accounts(&[account(21, "directory", "anna", None, &[])], at(1)).await?);
    assert_conflict(&error, "account_key_once");
    let gone = Account { status: AccountStatus::Gone, ..account(20, "directory", "anna", None, &[]) };
    keep!(store, |tx| {
        tx.update_accounts(&[gone], at(2)).await?;
        tx.insert_accounts(&[account(21, "directory", "anna", None, &[])], at(2)).await?;
        tx.insert_accounts(&[account(22, "payroll", "anna", None, &[])], at(2)).await?;
    });
    assert_eq!(store.load_accounts().await.unwrap().len(), 3);
}

pub(crate) async fn the_catalogue_is_replaced(store: Store) {
    people(&store).await;
    let rows = |pairs: &[(&str, &str)]| -> Vec<_> {
        pairs
            .iter()
            .map(|(key, name)| ObservedEntitlement { key: (*key).into(), display_name: (*name).into() })
            .collect()
    };
    let steps = [
        (0, rows(&[("a", "A"), ("b", "B")])),
        (1, rows(&[("b", "B new"), ("c", "C")])),
        (1, rows(&[("a", "A"), ("b", "B newer")])),
    ];
    for (seconds, catalogue) in steps {
        keep!(store, |tx| tx.replace_entitlement_catalogue("directory", &catalogue, at(seconds)).await?);
    }
    keep!(store, |tx| {
        tx.insert_accounts(
            &[account(20, "directory", "x", None, &["b", "unlisted"]), account(21, "directory", "y", None, &["b"])],
            at(0),
        )
        .await?;
        tx.insert_accounts(&[account(22, "payroll", "x", None, &["b"])], at(0)).await?;
    });
    let shown: Vec<_> = store
        .entitlement_rows("directory")
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.key, row.display_name, row.holders, row.name))
        .collect();
    let expected = [("a", "A", 0), ("b", "B newer", 2), ("unlisted", "unlisted", 1)];
    assert_eq!(shown, expected.map(|(key, name, holders)| (key.to_owned(), name.to_owned(), holders, None)));
}

pub(crate) async fn values_are_reserved_for_the_first(store: Store) {
    people(&store).await;
    let value = |value: &str, identity: i64| Reservation {
        application: "directory".into(),
        attribute: "login".into(),
        value: value.into(),
        identity: IdentityId(identity),
    };
    let first = vec![value("Anna", 1), value("anna", 2), value("ANNA", 1), value("bert", 2)];
    assert_eq!(keep!(store, |tx| tx.reserve_values(&first).await?), [true, false, true, true]);
    let second = vec![value("bert", 1), value("bert", 2), value("åsa", 3), value("Åsa", 4)];
    assert_eq!(keep!(store, |tx| tx.reserve_values(&second).await?), [false, true, true, false]);
    let elsewhere = vec![Reservation { application: "payroll".into(), ..value("anna", 2) }];
    assert_eq!(keep!(store, |tx| tx.reserve_values(&elsewhere).await?), [true]);
    assert!(keep!(store, |tx| tx.reserve_values(&[]).await?).is_empty());
    let reserved = store.reserved_values("directory").await.unwrap();
    assert_eq!(reserved, [value("Anna", 1), value("bert", 2), value("åsa", 3)]);
}

pub(crate) async fn accounts_are_listed(store: Store) {
    people(&store).await;
    let rows: Vec<_> = (0..30)
        .map(|n| account(100 + n, "directory", &format!("user{n:02}"), (n < 9).then_some(n + 1), &["a", "b"]))
        .chain([account(200, "payroll", "user00", None, &[])])
        .collect();
    keep!(store, |tx| tx.insert_accounts(&rows, at(0)).await?);
    let filter = AccountFilter { application: "directory".into(), limit: Some(20), ..AccountFilter::default() };
    let first = store.account_page(&filter).await.unwrap();
    assert_eq!((first.rows.len(), first.total), (20, 30));
    assert_eq!(first.rows[0].owner, Some((IdentityId(1), "Person 1".into())));
    assert_eq!(first.rows[0].entitlements, 2);
    let second = store.account_page(&AccountFilter { after: first.next, ..filter.clone() }).await.unwrap();
    assert_eq!((second.rows.len(), second.next), (10, None));
    assert_eq!(second.rows[9].key, "user29");
    let orphans =
        store.account_page(&AccountFilter { show: AccountShow::WithoutOwner, ..filter.clone() }).await.unwrap();
    assert_eq!(orphans.total, 21);
    for (text, expected) in [("user05", 1), ("person 3", 1), ("user", 30), ("nobody", 0)] {
        let page = store.account_page(&AccountFilter { text: Some(text.into()), ..filter.clone() }).await.unwrap();
        assert_eq!(page.total, expected, "{text}");
    }

    // By what they are called now, and by their owner's name now.
    let mut renamed = account(100, "directory", "other00", Some(1), &["a", "b"]);
    renamed.attributes.insert("mail".into(), "new.mail@example.org".into());
    let mut owner = identity(2, "Person 2");
    owner.display_name = "Zoë".into();
    keep!(store, |tx| {
        tx.update_accounts(&[renamed], at(1)).await?;
        tx.update_identities(&[owner], None, at(1)).await?;
    });
    for (text, expected) in
        [("user00", &[][..]), ("other00", &[100]), ("mail new", &[100]), ("person 2", &[]), ("user zoe", &[101])]
    {
        let page = store.account_page(&AccountFilter { text: Some(text.into()), ..filter.clone() }).await.unwrap();
        assert_eq!(page.rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), expected, "{text}");
    }

    // Of words that many have, not all are counted.
    let many: Vec<_> = (1_000..2_100).map(|n| account(n, "crowd", &format!("same{n}"), None, &[])).collect();
    keep!(store, |tx| tx.insert_accounts(&many, at(2)).await?);
    let crowd = AccountFilter { application: "crowd".into(), ..AccountFilter::default() };
    for (text, counted) in [(None, (1_100, false)), (Some("same"), (500, true)), (Some("same1099"), (1, false))] {
        let page = store.account_page(&AccountFilter { text: text.map(Into::into), ..crowd.clone() }).await.unwrap();
        assert_eq!((page.counted().count, page.counted().more), counted, "{text:?}");
    }
}

pub(crate) async fn facts_about_applications(store: Store) {
    people(&store).await;
    keep!(store, |tx| {
        tx.set_synchronized("directory", at(1), &[("inserted".into(), 5)]).await?;
        tx.set_synchronized("directory", at(2), &[("inserted".into(), 6), ("deleted".into(), 0)]).await?;
        tx.set_trouble("payroll", Some("refused"), at(3)).await?;
        tx.set_trouble("payroll", Some("still refused"), at(4)).await?;
        tx.set_trouble("badges", Some("down"), at(3)).await?;
        tx.set_trouble("badges", None, at(4)).await?;
        tx.insert_accounts(
            &[account(20, "directory", "x", None, &[]), account(21, "mainframe", "x", None, &[])],
            at(0),
        )
        .await?;
        let errored =
            model::order::Order { state: ProvisioningState::Errored, account_type: "other".into(), ..order(31, 1) };
        tx.insert_orders(&[order(30, 1), errored]).await?;
    });
    let facts = store.application_facts().await.unwrap();
    let names: Vec<_> = facts.iter().map(|facts| facts.name.as_str()).collect();
    assert_eq!(names, ["badges", "directory", "mainframe", "payroll"]);
    assert_eq!((&facts[0].trouble, facts[0].trouble_since), (&None, None));
    assert_eq!(facts[1].counts, [("inserted".into(), 6), ("deleted".into(), 0)]);
    assert_eq!(facts[1].last_synchronized_at, Some(at(2)));
    assert_eq!((facts[1].accounts, facts[1].open_orders, facts[1].failed_orders), (1, 1, 1));
    assert_eq!((facts[1].without_owner, facts[1].unclassified, facts[1].proposed), (1, 0, 0));
    assert_eq!((facts[2].accounts, facts[2].last_synchronized_at), (1, None));
    assert_eq!((facts[3].trouble.as_deref(), facts[3].trouble_since), (Some("still refused"), Some(at(3))));
}

fn owner(identity: i64, confidence: u8) -> OwnerCandidate {
    OwnerCandidate {
        identity: IdentityId(identity),
        confidence,
        matches: vec![Match { attribute: "mail".into(), value: "a@example.org".into(), confidence }],
    }
}

fn of_type(name: &str, confidence: u8) -> TypeCandidate {
    TypeCandidate { account_type: name.into(), confidence, when: "account.kind == \"x\"".into() }
}

fn proposals(account: i64, owners: Vec<OwnerCandidate>, types: Vec<TypeCandidate>) -> Proposals {
    Proposals { account: AccountId(account), owners, types }
}

/// Keys of the accounts that a list shows.
async fn shown(store: &Store, show: AccountShow) -> Vec<String> {
    let filter = AccountFilter { application: "directory".into(), show, ..AccountFilter::default() };
    store.account_page(&filter).await.unwrap().rows.into_iter().map(|row| row.key).collect()
}

/// Without owner, proposed, unclassified.
async fn counted(store: &Store) -> (u64, u64, u64) {
    let facts = store.application_facts().await.unwrap();
    let facts = facts.iter().find(|facts| facts.name == "directory").unwrap();
    (facts.without_owner, facts.proposed, facts.unclassified)
}

pub(crate) async fn proposals_are_replaced_and_decided(store: Store) {
    people(&store).await;
    let unclassified = Account { account_type: String::new(), ..account(22, "directory", "cem", None, &[]) };
    let gone = Account { status: AccountStatus::Gone, ..account(23, "directory", "dan", None, &[]) };
    let rows = [
        account(20, "directory", "anna", None, &[]),
        account(21, "directory", "bea", None, &[]),
        unclassified,
        gone,
        account(24, "directory", "eva", Some(3), &[]),
    ];
    keep!(store, |tx| {
        tx.insert_accounts(&rows, at(0)).await?;
        let found = [
            proposals(20, vec![owner(1, 60), owner(2, 100)], vec![]),
            proposals(21, vec![owner(1, 60)], vec![]),
            proposals(22, vec![], vec![of_type("admin", 60), of_type("person", 60)]),
            proposals(23, vec![owner(1, 60)], vec![]),
        ];
        tx.replace_proposals(&found, at(1)).await?;
        tx.replace_proposals(&[], at(1)).await?;
    });
    let all = [AccountId(20), AccountId(21), AccountId(22)];
    let owners = [(AccountId(20), owner(2, 100)), (AccountId(20), owner(1, 60)), (AccountId(21), owner(1, 60))];
    assert_eq!(store.owner_proposals(&all).await.unwrap(), owners);
    let types = [(AccountId(22), of_type("admin", 60)), (AccountId(22), of_type("person", 60))];
    assert_eq!(store.type_proposals(&all).await.unwrap(), types);
    assert_eq!(shown(&store, AccountShow::Proposed).await, ["anna", "bea"]);
    assert_eq!(shown(&store, AccountShow::WithoutOwner).await, ["anna", "bea", "cem"]);
    assert_eq!(shown(&store, AccountShow::Unclassified).await, ["cem"]);
    assert_eq!(shown(&store, AccountShow::All).await.len(), 5);
    assert_eq!(counted(&store).await, (3, 2, 1));

    keep!(store, |tx| {
        let not = |identity| Decision::NotTheirs { identity: IdentityId(identity) };
        assert!(tx.decide_account(AccountId(20), &not(1), "ann", at(2)).await?);
        assert!(tx.decide_account(AccountId(21), &not(1), "ann", at(2)).await?);
    });
    // Of one there is somebody left to propose, of the other nobody.
    assert_eq!(store.owner_proposals(&all).await.unwrap(), [(AccountId(20), owner(2, 100))]);
    assert_eq!(shown(&store, AccountShow::Proposed).await, ["anna"]);
    keep!(store, |tx| assert!(tx.decide_account(AccountId(20), &Decision::Orphan, "ann", at(3)).await?));
    assert_eq!(shown(&store, AccountShow::Proposed).await, [""; 0]);
    assert_eq!(counted(&store).await, (3, 0, 1));

    keep!(store, |tx| tx
        .replace_proposals(&[proposals(21, vec![owner(4, 70)], vec![]), proposals(22, vec![], vec![])], at(4))
        .await?);
    assert_eq!(shown(&store, AccountShow::Proposed).await, ["bea"]);
    assert_eq!(store.type_proposals(&all).await.unwrap(), []);
}

pub(crate) async fn decisions_stand_until_reopened(store: Store) {
    people(&store).await;
    let unclassified = Account { account_type: String::new(), ..account(21, "directory", "bea", None, &[]) };
    let rows = [account(20, "directory", "anna", None, &[]), unclassified];
    keep!(store, |tx| tx.insert_accounts(&rows, at(0)).await?);
    let (linked, other) = (Decision::Linked { identity: IdentityId(1) }, Decision::Linked { identity: IdentityId(2) });
    let classified = Decision::Classified { account_type: "admin".into() };
    {
        let (linked, other, classified) = (linked.clone(), other.clone(), classified.clone());
        keep!(store, |tx| {
            assert!(tx.decide_account(AccountId(20), &linked, "ann", at(1)).await?);
            // It has an owner by now; and it has a type.
            assert!(!tx.decide_account(AccountId(20), &other, "bob", at(2)).await?);
            assert!(!tx.decide_account(AccountId(20), &classified, "bob", at(2)).await?);
            assert!(tx.decide_account(AccountId(21), &classified, "ann", at(3)).await?);
        });
    }
    let standing = |account, decision: &Decision, seconds| StandingDecision {
        account: AccountId(account),
        decision: decision.clone(),
        by: "ann".into(),
        at: at(seconds),
    };
    let expected = [standing(20, &linked, 1), standing(21, &classified, 3)];
    assert_eq!(store.account_decisions("directory").await.unwrap(), expected);
    assert_eq!(store.account_decisions("payroll").await.unwrap(), []);
    assert_eq!(store.account_decisions_of(&[AccountId(21)]).await.unwrap(), expected[1..]);
    let accounts = store.accounts_by_id(&[AccountId(20), AccountId(21)]).await.unwrap();
    assert_eq!((accounts[0].owner, accounts[1].account_type.as_str()), (Some(IdentityId(1)), "admin"));

    // Only one decision about the owner stands at a time, and nobody is refused twice.
    let error = refused!(store, |tx| tx.decide_account(AccountId(20), &Decision::Orphan, "bob", at(4)).await?);
    assert_conflict(&error, "account_decision_owner");
    let not = Decision::NotTheirs { identity: IdentityId(5) };
    let (first, second) = (not.clone(), not.clone());
    keep!(store, |tx| assert!(tx.decide_account(AccountId(20), &first, "bob", at(4)).await?));
    let error = refused!(store, |tx| tx.decide_account(AccountId(20), &second, "bob", at(5)).await?);
    assert_conflict(&error, "account_decision_not_theirs");

    let (taken_back, again) = (linked.clone(), other.clone());
    let type_taken_back = classified.clone();
    keep!(store, |tx| {
        assert!(!tx.reopen_account(AccountId(20), &Decision::Orphan, "cem", at(6)).await?);
        assert!(tx.reopen_account(AccountId(20), &taken_back, "cem", at(6)).await?);
        assert!(!tx.reopen_account(AccountId(20), &taken_back, "cem", at(6)).await?);
        assert!(tx.reopen_account(AccountId(21), &type_taken_back, "cem", at(6)).await?);
        assert!(tx.decide_account(AccountId(20), &again, "cem", at(7)).await?);
    });
    let accounts = store.accounts_by_id(&[AccountId(20), AccountId(21)]).await.unwrap();
    assert_eq!((accounts[0].owner, accounts[1].account_type.as_str()), (Some(IdentityId(2)), ""));
    let kinds: Vec<Decision> =
        store.account_decisions("directory").await.unwrap().into_iter().map(|standing| standing.decision).collect();
    assert_eq!(kinds, [not, other]);
}

pub(crate) async fn a_persons_word_outlives_a_reading(store: Store) {
    people(&store).await;
    let before = account(20, "directory", "anna", None, &[]);
    let unclassified = Account { account_type: String::new(), ..account(21, "directory", "bea", None, &[]) };
    let rows = [before.clone(), unclassified.clone()];
    keep!(store, |tx| {
        tx.insert_accounts(&rows, at(0)).await?;
        tx.decide_account(AccountId(20), &Decision::Linked { identity: IdentityId(1) }, "ann", at(1)).await?;
        tx.decide_account(AccountId(21), &Decision::Classified { account_type: "admin".into() }, "ann", at(1)).await?;
    });
    // A reading that began before knows nothing of it.
    keep!(store, |tx| {
        tx.update_accounts(&[before, unclassified], at(2)).await?;
        tx.keep_account_decisions("payroll").await?;
        tx.keep_account_decisions("directory").await?;
    });
    let accounts = store.accounts_by_id(&[AccountId(20), AccountId(21)]).await.unwrap();
    assert_eq!((accounts[0].owner, accounts[1].account_type.as_str()), (Some(IdentityId(1)), "admin"));
}

/// By key or by what an attribute says; what is disabled or gone stands for nothing.
pub(crate) async fn accounts_that_stand_for_something_are_found_by_it(store: Store) {
    let named = |id, key: &str, zone: Option<&str>| {
        let mut account = account(id, "shares", key, None, &["READ"]);
        account.attributes = attributes(&zone.map(|zone| [("zone", zone)]).unwrap_or([("other", "North")]));
        account
    };
    let mut disabled = named(13, "Staff", Some("North"));
    disabled.status = AccountStatus::Disabled;
    let mut gone = named(14, "Guests", Some("North"));
    gone.status = AccountStatus::Gone;
    let elsewhere = account(15, "badges", "Staff", None, &[]);
    let rows = [named(11, "Guests", Some("North")), named(12, "North", None), disabled, gone, elsewhere];
    let account_type = rows[0].account_type.clone();
    keep!(store, |tx| tx.insert_accounts(&rows, at(0)).await?);
    let found = async |attribute: Option<&str>, values: &[&str]| {
        let found = store.accounts_standing_for("shares", &account_type, attribute, values).await.unwrap();
        found.into_iter().map(|account| account.id.0).collect::<Vec<_>>()
    };
    assert_eq!(found(None, &["Guests", "Staff", "North", "nobody"]).await, [11, 12]);
    assert_eq!(found(None, &["guests"]).await, [] as [i64; 0], "letter by letter");
    assert_eq!(found(Some("zone"), &["North"]).await, [11]);
    assert_eq!(found(Some("other"), &["North"]).await, [12]);
    assert_eq!(found(None, &[]).await, [] as [i64; 0]);
}
