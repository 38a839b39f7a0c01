use std::collections::BTreeSet;

use jiff::SignedDuration;
use model::account::{AccountStatus, Provenance};
use model::configuration::{Configuration, OnRemoval};
use model::ids::RunId;
use model::order::StateReason;
use model::plan::Operation;

use super::*;
use crate::plan::PlanInput;
use crate::worlds::{
    PERSON, Taken, access, account, attribute, catalogue, compile, configuration, desired_account, orders,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn watched(settings: &str) -> Configuration {
    let mut configuration = configuration();
    let settings: NativeChanges = serde_json::from_str(settings).unwrap();
    configuration.applications.get_mut("directory").unwrap().native_changes = Some(settings);
    let kind = configuration.account_types.get_mut("person").unwrap();
    for (name, secret) in [("title", false), ("city", false), ("password", true)] {
        let made = model::configuration::AttributeSpecification { secret, ..Default::default() };
        kind.attributes.insert(name.into(), made);
    }
    configuration
}

fn person(id: i64, values: &[(&str, &str)], entitlements: &[&str]) -> Account {
    let mut account = account(id, "person", AccountStatus::Enabled, Provenance::Created);
    account.attributes = values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    account.entitlements = entitlements.iter().map(|key| (*key).to_owned()).collect();
    account.observed_at = Some(at(100));
    account
}

fn known() -> BTreeSet<String> {
    ["title", "city", "password"].map(str::to_owned).into()
}

/// "title: “a” → “b”; A was added".
fn seen(before: Option<&Account>, after: &Account, settings: &str, known: Option<&BTreeSet<String>>) -> String {
    let configuration = watched(settings);
    let watch = Watch::of(&configuration, "directory", "person").unwrap();
    let found = differences(Compared { before, after }, &watch, known);
    found.iter().map(|difference| change(1, difference).sentence()).collect::<Vec<_>>().join("; ")
}

fn change(id: i64, difference: &Difference) -> NativeChange {
    NativeChange {
        id: NativeChangeId(id),
        application: "directory".into(),
        account_type: "person".into(),
        account: difference.account,
        key: "person-1".into(),
        identity: Some(PERSON),
        kind: difference.kind,
        name: difference.name.clone(),
        before: difference.before.clone(),
        after: difference.after.clone(),
        instead_of: difference.before.clone(),
        seen_at: at(200),
        run: RunId(9),
        reaction: NativeReaction::Review,
        state: NativeChangeState::Open,
        why: None,
        holds: true,
        decided_by: None,
        decided_at: None,
        comment: None,
        order: None,
    }
}

fn difference(kind: NativeChangeKind, name: &str, before: Option<&str>, after: Option<&str>) -> Difference {
    Difference {
        account: AccountId(1),
        kind,
        name: name.into(),
        before: before.map(Value::from),
        after: after.map(Value::from),
    }
}

#[test]
fn what_is_not_as_it_was_known_is_told() {
    let before = person(1, &[("title", "Nurse"), ("password", "x"), ("other", "1")], &["A", "B"]);
    let mut after = person(1, &[("title", "Matron"), ("city", "Bern"), ("password", "y"), ("other", "2")], &["B", "C"]);
    let all = "city: nothing → “Bern”; title: “Nurse” → “Matron”; C was added; A was removed";
    assert_eq!(seen(Some(&before), &after, "{}", Some(&known())), all);
    let only = r#"{ "attributes": ["title", "password"], "entitlements": ["A"] }"#;
    assert_eq!(seen(Some(&before), &after, only, Some(&known())), "title: “Nurse” → “Matron”; A was removed");
    let another = watched(r#"{ "attributes": ["title", "city"] }"#);
    assert!(Watch::of(&another, "directory", "admin").unwrap().attributes.is_empty(), "what it does not specify");
    assert_eq!(Watch::of(&another, "directory", "").unwrap().attributes, ["city", "title"].into(), "of any type");
    let ignored = r#"{ "reactions": { "attribute": "ignore", "entitlement_added": "ignore" } }"#;
    assert_eq!(seen(Some(&before), &after, ignored, Some(&known())), "A was removed");

    after.status = AccountStatus::Disabled;
    assert_eq!(
        seen(Some(&before), &after, r#"{ "attributes": [], "entitlements": [] }"#, Some(&known())),
        "the account was disabled"
    );
    assert_eq!(
        seen(Some(&after), &Account { status: AccountStatus::Enabled, ..after.clone() }, "{}", Some(&known())),
        "the account was enabled"
    );
    after.status = AccountStatus::Gone;
    assert_eq!(seen(Some(&before), &after, "{}", Some(&known())), "the account was deleted");
    assert_eq!(seen(Some(&after), &before, "{}", Some(&known())), "the account was created");
    assert_eq!(seen(None, &before, "{}", Some(&known())), "the account was created");
    assert_eq!(seen(None, &after, "{}", Some(&known())), "");
}

#[test]
fn the_first_reading_only_makes_the_baseline() {
    let before = person(1, &[("title", "Nurse")], &[]);
    let after = person(1, &[("title", "Matron"), ("city", "Bern")], &["A"]);
    assert_eq!(seen(Some(&before), &after, "{}", None), "", "of the account type");
    assert_eq!(seen(None, &after, "{}", None), "", "of an account in it");
    let never_read = Account { observed_at: None, ..before.clone() };
    assert_eq!(seen(Some(&never_read), &after, "{}", Some(&known())), "", "of an account that was created");
    let title = BTreeSet::from(["title".to_owned()]);
    let found = seen(Some(&before), &after, "{}", Some(&title));
    assert_eq!(found, "title: “Nurse” → “Matron”; A was added", "of an attribute not looked at before");
    let made = baseline(&watched("{}"), "directory");
    assert_eq!(made["person"], ["city", "title"].map(str::to_owned).into(), "secrets are none");
    assert!(made.contains_key("") && made.contains_key("admin") && !made.contains_key("mailbox"));
    assert!(baseline(&configuration(), "directory").is_empty());
}

#[test]
fn one_way_of_writing_a_value_is_no_change() {
    let before = person(1, &[("title", ""), ("city", "1")], &[]);
    let mut after = person(1, &[], &[]);
    after.attributes.insert("city".into(), Value::Integer(1));
    assert_eq!(seen(Some(&before), &after, "{}", Some(&known())), "");
}

/// An order that sets the title to Matron, adds A and takes B.
fn order() -> Order {
    let value = attribute("title", DesiredValue::Value(Value::from("Matron")));
    let desired = access(vec![desired_account("person", vec![value], &["person-a"])]);
    let held = person(1, &[("title", "Nurse")], &["B"]);
    let plan = compile(&desired, &[held], &[], &mut Taken::default());
    let mut order = orders(&plan, 100).remove(0);
    order.transmitted_at = Some(at(150));
    order.attempts = 1;
    order
}

fn of_account(operation: Operation, state: ProvisioningState) -> Order {
    let mut order = order();
    order.operation = operation;
    order.state = state;
    order.items.clear();
    order
}

#[test]
fn what_an_order_of_ours_does_is_no_native_change() {
    use NativeChangeKind::{Attribute, Created, Deleted, Disabled, Enabled, EntitlementAdded, EntitlementRemoved};
    use ProvisioningState::{Executed, Inactive, Pending, Transmitted, Verified};
    let with = |state| Order { state, ..order() };
    let title = |after| difference(Attribute, "title", Some("Nurse"), Some(after));
    let held = |kind, key| difference(kind, key, None, None);
    let whole = |kind| difference(kind, "", None, None);
    let unsent = Order { transmitted_at: None, attempts: 0, ..with(Pending) };
    let doubtful = Order { reason: Some(StateReason::InDoubt), ..with(Pending) };
    for (name, order, difference, is_ours) in [
        ("in flight, its value", with(Transmitted), title("Matron"), true),
        ("in flight, another value", with(Transmitted), title("Queen"), false),
        ("in flight, another attribute", with(Transmitted), difference(Attribute, "city", None, Some("Bern")), false),
        ("in flight, what it adds", with(Transmitted), held(EntitlementAdded, "A"), true),
        ("in flight, what it takes", with(Transmitted), held(EntitlementRemoved, "B"), true),
        ("in flight, the other way round", with(Transmitted), held(EntitlementRemoved, "A"), false),
        ("in flight, another one", with(Transmitted), held(EntitlementAdded, "C"), false),
        ("in doubt", doubtful, title("Matron"), true),
        ("never sent", unsent, title("Matron"), false),
        ("done and not compared yet, whatever is there", with(Executed), title("Queen"), true),
        ("done and not compared yet, what it does not touch", with(Executed), held(EntitlementAdded, "C"), false),
        ("failed since the last reading", with(ProvisioningState::Errored), title("Matron"), true),
        ("failed since, another value", with(ProvisioningState::Errored), title("Queen"), false),
        ("given up since the last reading", with(Inactive), title("Matron"), true),
        ("confirmed, then changed", with(Verified), title("Queen"), false),
        (
            "of another account",
            Order { account: Some(AccountId(2)), key: Some("x".into()), ..with(Transmitted) },
            title("Matron"),
            false,
        ),
        ("of the same key", Order { account: None, ..with(Transmitted) }, title("Matron"), true),
        ("of another application", Order { application: "mail".into(), ..with(Transmitted) }, title("Matron"), false),
        ("an update deletes nothing", with(Transmitted), whole(Deleted), false),
        ("a deletion in flight", of_account(Operation::Delete, Transmitted), whole(Deleted), true),
        (
            "a deletion takes everything along",
            of_account(Operation::Delete, Transmitted),
            held(EntitlementRemoved, "B"),
            true,
        ),
        ("disabling in flight", of_account(Operation::Disable, Transmitted), whole(Disabled), true),
        ("disabling in flight, and enabled", of_account(Operation::Disable, Transmitted), whole(Enabled), false),
        (
            "disabled by us, not compared yet, and enabled",
            of_account(Operation::Disable, Executed),
            whole(Enabled),
            true,
        ),
        ("enabling in flight", of_account(Operation::Enable, Transmitted), whole(Enabled), true),
        ("creating in flight", of_account(Operation::Create, Transmitted), whole(Created), true),
        ("creating in flight, and gone", of_account(Operation::Create, Transmitted), whole(Deleted), false),
    ] {
        let account = person(1, &[], &[]);
        assert_eq!(super::is_ours(&difference, &account, &[order], &catalogue()), is_ours, "{name}");
    }
}

#[test]
fn a_creation_is_known_by_the_value_that_names_the_account() {
    let login = attribute("login", DesiredValue::Value(Value::from("ada")));
    let desired = access(vec![desired_account("person", vec![login], &[])]);
    let mut order = orders(&compile(&desired, &[], &[], &mut Taken::default()), 100).remove(0);
    (order.state, order.transmitted_at) = (ProvisioningState::Transmitted, Some(at(150)));
    let created = difference(NativeChangeKind::Created, "", None, None);
    for (login, expect) in [("ada", true), ("bob", false)] {
        let account = person(7, &[("login", login)], &[]);
        assert_eq!(super::is_ours(&created, &account, &[order.clone()], &catalogue()), expect, "{login}");
    }
}

/// Where accounts are disabled, or deleted, when nothing wants them, and titles are specified.
fn removing(on_removal: OnRemoval) -> Catalogue {
    let mut configuration = watched("{}");
    configuration.account_types.get_mut("person").unwrap().on_removal = on_removal;
    Catalogue::new(&configuration)
}

/// What follows, as "reaction state why" of what is new and "state" of what was there.
fn followed(
    standing: &[NativeChange],
    seen: Vec<Difference>,
    account: &Account,
    settings: &str,
    times: u32,
) -> (Vec<Reacted>, Vec<Moved>) {
    let settings: NativeChanges = serde_json::from_str(settings).unwrap();
    let settings: &'static NativeChanges = Box::leak(Box::new(settings));
    let reverted = [(AccountId(1), times)].into();
    let now = |id| (id == account.id).then_some(account);
    follow(standing, seen, now, &[], |_| Some(settings), &reverted, &removing(OnRemoval::Disable))
}

#[test]
fn what_follows_is_what_the_settings_say_as_far_as_it_can_be_done() {
    use NativeChangeState::{Accepted, Noted, Open, Reverting};
    let owned = person(1, &[], &["A"]);
    let unowned = Account { owner: None, ..owned.clone() };
    let untyped = Account { account_type: String::new(), ..owned.clone() };
    let title = difference(NativeChangeKind::Attribute, "title", Some("Nurse"), Some("Matron"));
    let shoe = difference(NativeChangeKind::Attribute, "shoe", Some("38"), Some("39"));
    let managed = difference(NativeChangeKind::EntitlementAdded, "A", None, None);
    let foreign = difference(NativeChangeKind::EntitlementAdded, "Wheel", None, None);
    for (reaction, account, difference, times, state, why) in [
        ("accept", &owned, &title, 0, Accepted, ""),
        ("notify", &owned, &title, 0, Noted, ""),
        ("review", &owned, &title, 0, Open, ""),
        ("revert", &owned, &title, 0, Reverting, ""),
        ("revert", &owned, &title, 2, Reverting, ""),
        ("revert", &owned, &title, 3, Open, "Another authority"),
        ("revert", &owned, &managed, 0, Reverting, ""),
        ("revert", &owned, &foreign, 0, Open, "does not manage"),
        ("revert", &unowned, &title, 0, Open, "nobody owns"),
        ("revert", &untyped, &title, 0, Open, "of which type"),
        ("revert", &owned, &shoe, 0, Open, "says nothing of “shoe” on accounts of the type “Person”"),
    ] {
        let settings = format!(r#"{{ "reaction": "{reaction}" }}"#);
        let (new, moved) = followed(&[], vec![difference.clone()], account, &settings, times);
        let [only] = new.as_slice() else { panic!("{new:?}") };
        assert!(moved.is_empty());
        assert_eq!((only.state, only.reaction.name()), (state, reaction));
        assert_eq!(only.holds, matches!(state, Accepted | Open), "{reaction}");
        assert!(only.why.as_deref().unwrap_or("").contains(why), "{reaction}: {:?}", only.why);
        assert_eq!(only.why.is_some(), !why.is_empty());
    }
    let (new, _) = followed(&[], vec![title], &owned, r#"{ "reaction": "revert", "reverts_per_day": 1 }"#, 1);
    assert_eq!((new[0].state, new[0].why.as_deref().unwrap().contains("undone once within a day")), (Open, true));
}

#[test]
fn what_happens_again_overtakes_and_what_goes_back_is_set_back() {
    use NativeChangeState::{Accepted, Noted, Open, Overtaken, Reverted, Reverting};
    let first = difference(NativeChangeKind::Attribute, "title", Some("Nurse"), Some("Matron"));
    let with = |state, holds| NativeChange { state, holds, ..change(5, &first) };
    let again = |after| vec![difference(NativeChangeKind::Attribute, "title", Some("Matron"), Some(after))];
    for (name, standing, seen, title, state, new) in [
        ("changed again", with(Open, true), again("Queen"), "Queen", Some(Overtaken), Some("Nurse")),
        (
            "changed again while it is set back",
            with(Reverting, false),
            again("Queen"),
            "Queen",
            Some(Overtaken),
            Some("Nurse"),
        ),
        (
            "changed again after it was accepted",
            with(Accepted, true),
            again("Queen"),
            "Queen",
            Some(Overtaken),
            Some("Nurse"),
        ),
        ("changed back there", with(Open, true), again("Nurse"), "Nurse", Some(Reverted), None),
        (
            "an accepted one changed back there",
            with(Accepted, true),
            again("Nurse"),
            "Nurse",
            Some(Overtaken),
            Some("Nurse"),
        ),
        ("an order has set it back", with(Reverting, false), vec![], "Nurse", Some(Reverted), None),
        ("an order has set something else", with(Open, true), vec![], "Queen", Some(Reverted), None),
        ("an order has replaced what was accepted", with(Accepted, true), vec![], "Queen", Some(Accepted), None),
        ("as it was", with(Open, true), vec![], "Matron", None, None),
    ] {
        let account = person(1, &[("title", title)], &[]);
        let (reacted, moved) = followed(&[standing], seen, &account, r#"{ "reaction": "notify" }"#, 0);
        assert_eq!(moved.first().map(|moved| moved.to), state, "{name}");
        assert!(moved.iter().all(|moved| !moved.holds && moved.id == NativeChangeId(5)), "{name}");
        let instead = reacted.first().map(|reacted| (reacted.state, reacted.instead_of.clone()));
        assert_eq!(instead, new.map(|value: &str| (Noted, Some(Value::from(value)))), "{name}");
    }
    let gone = Account { status: AccountStatus::Gone, ..person(1, &[], &[]) };
    let (_, moved) = followed(&[with(Open, true)], vec![], &gone, "{}", 0);
    assert_eq!((moved[0].to, moved[0].why.as_deref()), (Overtaken, Some("The account is gone.")));
    let other = person(2, &[], &[]);
    assert!(followed(&[with(Open, true)], vec![], &other, "{}", 0).1.is_empty(), "it was not read");
}

#[test]
fn an_account_made_there_is_set_back_by_what_setting_it_back_does() {
    use NativeChangeState::{Accepted, Open, Reverted, Reverting};
    let created = difference(NativeChangeKind::Created, "", None, None);
    for (on_removal, state, status, expect) in [
        (OnRemoval::Disable, Reverting, AccountStatus::Enabled, None),
        (OnRemoval::Disable, Reverting, AccountStatus::Disabled, Some(Reverted)),
        (OnRemoval::Disable, Open, AccountStatus::Disabled, None),
        (OnRemoval::Disable, Accepted, AccountStatus::Disabled, None),
        // Made as a disabled one, and about to be deleted.
        (OnRemoval::Delete, Reverting, AccountStatus::Disabled, None),
        (OnRemoval::Delete, Reverting, AccountStatus::Gone, Some(Reverted)),
    ] {
        let standing = [NativeChange { state, ..change(5, &created) }];
        let account = Account { status, ..person(1, &[], &[]) };
        let settings = NativeChanges::default();
        let now = |id| (id == account.id).then_some(&account);
        let catalogue = removing(on_removal);
        let (_, moved) = follow(&standing, vec![], now, &[], |_| Some(&settings), &BTreeMap::new(), &catalogue);
        assert_eq!(moved.first().map(|moved| moved.to), expect, "{on_removal:?} {state:?} {status:?}");
    }
}

#[test]
fn an_account_that_was_deleted_is_back_also_under_another_key() {
    use NativeChangeState::{Open, Reverted, Reverting};
    let deleted = difference(NativeChangeKind::Deleted, "", None, None);
    let gone = Account { status: AccountStatus::Gone, ..person(1, &[], &[]) };
    // Ids tell no time: each process takes its own from a block.
    let new = person(3, &[], &[]);
    let settings = NativeChanges::default();
    for (name, state, other, seconds, expect) in [
        ("made anew by an order", Reverting, new.clone(), 1, Some(Reverted)),
        ("made anew there, and found with the loss", Open, new.clone(), 0, Some(Reverted)),
        ("was there before", Reverting, Account { id: AccountId(7), ..new.clone() }, -1, None),
        ("is gone as well", Reverting, Account { status: AccountStatus::Gone, ..new.clone() }, 1, None),
        ("is somebody else's", Reverting, Account { owner: Some(IdentityId(7)), ..new.clone() }, 1, None),
        ("is of another type", Reverting, Account { account_type: "admin".into(), ..new }, 1, None),
    ] {
        let standing = [NativeChange { state, ..change(5, &deleted) }];
        let now = |id| (id == gone.id).then_some(&gone);
        let since = standing[0].seen_at + SignedDuration::from_secs(seconds);
        let others = [(&gone, since), (&other, since)];
        let (_, moved) = follow(&standing, vec![], now, &others, |_| Some(&settings), &BTreeMap::new(), &catalogue());
        assert_eq!(moved.first().map(|moved| moved.to), expect, "{name}");
    }
}

#[test]
fn people_decide_what_can_be_decided() {
    use NativeChangeState::{Accepted, Noted, Open, Overtaken, Reverted, Reverting};
    let title = change(5, &difference(NativeChangeKind::Attribute, "title", Some("a"), Some("b")));
    for (state, accept, revert) in [
        (Open, Some(Accepted), Some(Reverting)),
        (Noted, Some(Accepted), Some(Reverting)),
        (Reverting, None, None),
        (Accepted, None, Some(Reverting)),
        (Reverted, None, None),
        (Overtaken, None, None),
    ] {
        let change = NativeChange { state, ..title.clone() };
        assert_eq!(decide(&change, NativeDecision::Accept, &catalogue()).ok(), accept, "{state:?}");
        let titles = removing(OnRemoval::Disable);
        assert_eq!(decide(&change, NativeDecision::Revert, &titles).ok(), revert, "{state:?}");
        let refused = decide(&change, NativeDecision::Revert, &catalogue());
        assert!(refused.is_err(), "no title is specified there");
        let offered: Vec<_> = decisions(state).collect();
        assert_eq!(offered.contains(&NativeDecision::Accept), accept.is_some());
        assert_eq!(offered.contains(&NativeDecision::Revert), revert.is_some());
    }
    let refused = decide(&NativeChange { state: Reverted, ..title.clone() }, NativeDecision::Accept, &catalogue());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "Native change 5 is “Set back” by now, so that there is nothing to accept."
    );
    let unowned = NativeChange { identity: None, ..title };
    assert!(matches!(decide(&unowned, NativeDecision::Revert, &catalogue()), Err(Refused::Impossible { .. })));
    assert_eq!(decide(&unowned, NativeDecision::Accept, &catalogue()), Ok(Accepted));
}

// ------------------------------------------------------------------------------------------------------ planning

fn planned(
    titles: Option<&str>,
    entitlements: &[&str],
    account: Account,
    native: &[NativeChange],
    leaver: bool,
) -> String {
    let desired = titles.map(|title| {
        let mut own =
            desired_account("person", vec![attribute("title", DesiredValue::Value(Value::from(title)))], entitlements);
        own.attributes.push(model::access::DesiredAttribute {
            create_only: true,
            ..attribute("city", DesiredValue::Value("Bern".into()))
        });
        own
    });
    let desired = access(desired.into_iter().collect());
    let accounts = [account];
    let native: Vec<NativeChange> = native
        .iter()
        .filter(|change| change.state == NativeChangeState::Reverting || !is_over(change, &desired, &catalogue()))
        .cloned()
        .collect();
    let input = PlanInput {
        trigger: model::trigger::Trigger::IdentityRefresh,
        desired: &desired,
        accounts: &accounts,
        open_orders: &[],
        declined: &[],
        native: &native,
        marks: &[],
        choices: &[],
        leaver,
    };
    let plan = crate::plan::compile(&input, &catalogue(), &mut Taken::default());
    let said = plan.requests.iter().map(|request| {
        let items: Vec<String> = request
            .items
            .iter()
            .filter(|item| item.kind != ItemKind::Lifecycle)
            .map(|item| {
                format!(
                    "{} {}",
                    item.name,
                    item.value.as_ref().map_or_else(|| item.operation.name().to_owned(), ToString::to_string)
                )
            })
            .collect();
        let back = if request.sets_back.is_empty() { "" } else { " back" };
        assert_eq!(request.explanation.contains("native change 5"), !request.sets_back.is_empty());
        format!("{} {}{back}", request.operation.name(), items.join(", "))
    });
    let said: Vec<String> = said.collect();
    if !plan.requests.is_empty() {
        let partitions = crate::partition::split(&plan, &catalogue());
        crate::check::check(plan, partitions).unwrap();
    }
    said.join("; ")
}

#[test]
fn what_stands_is_not_ordered_until_something_else_is_wanted() {
    use NativeChangeKind::{Attribute, Created, Deleted, Disabled, Enabled, EntitlementAdded, EntitlementRemoved};
    use NativeChangeState::{Accepted, Noted, Open, Reverting};
    let title = difference(Attribute, "title", Some("Nurse"), Some("Matron"));
    let city = difference(Attribute, "city", Some("Bern"), Some("Rome"));
    let whole = |kind| difference(kind, "", None, None);
    let added = difference(EntitlementAdded, "B", None, None);
    let removed = difference(EntitlementRemoved, "A", None, None);
    let matron = person(1, &[("title", "Matron"), ("city", "Bern")], &["A"]);
    let rome = person(1, &[("title", "Nurse"), ("city", "Rome")], &["A"]);
    let with_b = person(1, &[("title", "Nurse"), ("city", "Bern")], &["A", "B"]);
    let without_a = person(1, &[("title", "Nurse"), ("city", "Bern")], &[]);
    let status = |status| Account { status, ..person(1, &[("title", "Nurse"), ("city", "Bern")], &["A"]) };
    let found = |status| Account { provenance: Provenance::Found, ..person(1, &[], &["A"]) }.with(status);
    let nurse = Some("Nurse");
    for (name, change_of, state, account, wanted, leaver, expect) in [
        ("nobody decided about it", &title, Noted, matron.clone(), nurse, false, "update title Nurse"),
        ("waits for a decision", &title, Open, matron.clone(), nurse, false, ""),
        ("accepted", &title, Accepted, matron.clone(), nurse, false, ""),
        (
            "accepted, and something else is wanted",
            &title,
            Accepted,
            matron.clone(),
            Some("Chief"),
            false,
            "update title Chief",
        ),
        ("set back", &title, Reverting, matron.clone(), nurse, false, "update title Nurse back"),
        (
            "set back, what was written at creation",
            &city,
            Reverting,
            rome.clone(),
            nurse,
            false,
            "update city Bern back",
        ),
        ("accepted, what was written at creation", &city, Accepted, rome, nurse, false, ""),
        ("added and accepted", &added, Accepted, with_b.clone(), nurse, false, ""),
        ("added and set back", &added, Reverting, with_b.clone(), nurse, false, "update B remove back"),
        ("added, accepted, and they left", &added, Accepted, with_b, None, true, "disable A remove, B remove"),
        ("removed and accepted", &removed, Accepted, without_a.clone(), nurse, false, ""),
        ("removed and set back", &removed, Reverting, without_a, nurse, false, "update A add back"),
        ("disabled and open", &whole(Disabled), Open, status(AccountStatus::Disabled), nurse, false, ""),
        (
            "disabled and set back",
            &whole(Disabled),
            Reverting,
            status(AccountStatus::Disabled),
            nurse,
            false,
            "enable  back",
        ),
        ("deleted and accepted", &whole(Deleted), Accepted, status(AccountStatus::Gone), nurse, false, ""),
        (
            "deleted and set back",
            &whole(Deleted),
            Reverting,
            status(AccountStatus::Gone),
            nurse,
            false,
            "create city Bern, title Nurse, A add back",
        ),
        ("enabled, and nobody wants it", &whole(Enabled), Open, status(AccountStatus::Enabled), None, false, ""),
        (
            "enabled, and they have left",
            &whole(Enabled),
            Open,
            status(AccountStatus::Enabled),
            None,
            true,
            "disable A remove",
        ),
        (
            "a found one was enabled",
            &whole(Enabled),
            Reverting,
            found(AccountStatus::Enabled),
            None,
            false,
            "disable A remove back",
        ),
        ("created, and stays", &whole(Created), Accepted, found(AccountStatus::Enabled), None, false, ""),
        (
            "created, and set back",
            &whole(Created),
            Reverting,
            found(AccountStatus::Enabled),
            None,
            false,
            "disable A remove back",
        ),
        ("created, and wanted", &whole(Created), Reverting, matron, Some("Matron"), false, ""),
    ] {
        let native = NativeChange { state, holds: matches!(state, Open | Accepted), ..change(5, change_of) };
        let held = if wanted.is_some() { &["person-a"][..] } else { &[] };
        assert_eq!(planned(wanted, held, account, &[native], leaver), expect, "{name}");
    }
}

trait With {
    fn with(self, status: AccountStatus) -> Self;
}

impl With for Account {
    fn with(self, status: AccountStatus) -> Self {
        Account { status, ..self }
    }
}

#[test]
fn an_order_that_does_it_already_is_found() {
    let order = Order { state: ProvisioningState::Pending, ..order() };
    let change_of = |kind, name: &str| change(5, &difference(kind, name, None, None));
    for (kind, name, expect) in [
        (NativeChangeKind::Attribute, "title", true),
        (NativeChangeKind::Attribute, "city", false),
        (NativeChangeKind::EntitlementAdded, "B", true),
        (NativeChangeKind::EntitlementAdded, "A", false),
        (NativeChangeKind::EntitlementRemoved, "A", true),
        (NativeChangeKind::Disabled, "", false),
    ] {
        let found = on_its_way(&change_of(kind, name), std::slice::from_ref(&order));
        assert_eq!(found.is_some(), expect, "{kind:?} {name}");
    }
    let done = Order { state: ProvisioningState::Verified, ..order };
    assert_eq!(on_its_way(&change_of(NativeChangeKind::Attribute, "title"), &[done]), None);
}
