//! What lifecycle states do to accounts, case by case and over random worlds.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use model::access::{DesiredAccess, Fact};
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::AccountAction;
use model::lifecycle::{AccountStage, LegalHold, Lifecycle, StageStep, Standing};
use model::plan::{ItemKind, Operation, Plan};
use model::value::Value;
use proptest::prelude::*;

use super::is_empty;
use crate::worlds::{TYPES, Taken, World, access, account, apply, catalogue, compile, desired_account, orders, world};
use crate::{check, partition};

const LEFT: Date = date(2026, 11, 1);

fn held() -> LegalHold {
    let value = Some(Value::from("2026/17"));
    LegalHold { state: None, facts: vec![Fact { attribute: "litigation".into(), value }] }
}

fn lifecycle(steps: &[(&str, &[(i32, AccountAction)])], day: i32, hold: Option<LegalHold>) -> Lifecycle {
    let on = |after: i32| LEFT.checked_add(after.days()).unwrap();
    let stages = steps.iter().map(|(account_type, steps)| AccountStage {
        account_type: (*account_type).to_owned(),
        steps: steps.iter().map(|(after, action)| StageStep { on: on(*after), action: *action }).collect(),
        reached: steps.iter().filter(|(after, _)| *after <= day).count(),
    });
    Lifecycle {
        standing: Standing {
            state: "leaver".into(),
            label: "Leaver".into(),
            since: Some(LEFT),
            first_seen: false,
            context: None,
            facts: Vec::new(),
            conflicts: Vec::new(),
            legal_hold: hold,
        },
        withheld: Vec::new(),
        stages: stages.collect(),
    }
}

const STAGED: &[(i32, AccountAction)] =
    &[(2, AccountAction::Disable), (7, AccountAction::Strip), (90, AccountAction::Delete)];

/// What a plan does to the one account, and what it says of it.
fn summary(plan: &Plan) -> Vec<String> {
    let done = plan.requests.iter().map(|request| {
        let taken: Vec<&str> = request
            .items
            .iter()
            .filter(|item| item.kind == ItemKind::Entitlement)
            .map(|item| item.name.as_str())
            .collect();
        format!("{} [{}] {}", request.operation.name(), taken.join(" "), request.explanation)
    });
    let kept = plan.retained.iter().map(|kept| format!("keeps {}: {}", kept.name, kept.why));
    done.chain(kept).collect()
}

fn left_with(day: i32, hold: Option<LegalHold>) -> DesiredAccess {
    let lifecycle = lifecycle(&[("person", STAGED)], day, hold);
    DesiredAccess { lifecycle: Some(Box::new(lifecycle)), ..access(Vec::new()) }
}

fn theirs() -> Account {
    let entitlements = ["A", "B"].map(str::to_owned).into_iter().collect();
    Account { entitlements, ..account(1, "person", AccountStatus::Enabled, Provenance::Created) }
}

#[test]
fn a_leaver_goes_through_the_stages_and_nothing_is_left_to_plan_after_each() {
    let mut accounts = vec![theirs()];
    let because = "because Leaver since 2026-11-01";
    let stages: [(i32, Vec<String>); 5] = [
        (
            0,
            vec![
                "keeps person-1: Leaver since 2026-11-01: it is left as it is; it will be disabled on 2026-11-03."
                    .into(),
            ],
        ),
        (
            2,
            vec![
                format!("disable [] Disabled {because}; stripped on 2026-11-08; deleted on 2027-01-30."),
                "keeps A: Leaver since 2026-11-01: what the account holds stays, until 2026-11-08.".into(),
                "keeps B: Leaver since 2026-11-01: what the account holds stays, until 2026-11-08.".into(),
            ],
        ),
        (7, vec![format!("update [A B] Disabled and stripped {because}; deleted on 2027-01-30.")]),
        (89, vec![]),
        (90, vec![format!("delete [] Deleted {because}.")]),
    ];
    for (day, expected) in stages {
        let plan = compile(&left_with(day, None), &accounts, &[], &mut Taken::default());
        assert_eq!(summary(&plan), expected, "day {day}");
        apply(&plan, &mut accounts);
        let again = compile(&left_with(day, None), &accounts, &[], &mut Taken::default());
        assert!(is_empty(&again), "day {day}: {again:#?}");
    }
    assert_eq!(accounts[0].status, AccountStatus::Gone);
}

#[test]
fn days_that_were_missed_are_made_up_in_one_order() {
    let plan = compile(&left_with(7, None), &[theirs()], &[], &mut Taken::default());
    assert_eq!(
        summary(&plan),
        ["disable [A B] Disabled and stripped because Leaver since 2026-11-01; deleted on 2027-01-30."]
    );
    let plan = compile(&left_with(400, None), &[theirs()], &[], &mut Taken::default());
    assert_eq!(summary(&plan), ["delete [] Deleted because Leaver since 2026-11-01."]);
}

#[test]
fn a_legal_hold_keeps_all_but_the_use() {
    let mut accounts = vec![theirs()];
    let hold = "A legal hold keeps it: litigation = 2026/17.";
    for (day, first) in [(7, true), (90, false)] {
        let plan = compile(&left_with(day, Some(held())), &accounts, &[], &mut Taken::default());
        let mut expected = Vec::new();
        if first {
            expected
                .push("disable [] Disabled because Leaver since 2026-11-01; a legal hold keeps the rest.".to_owned());
        }
        expected.extend([format!("keeps A: {hold}"), format!("keeps B: {hold}")]);
        if day == 90 {
            expected.push(format!("keeps person-1: {hold}"));
        }
        let mut found = summary(&plan);
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "day {day}");
        apply(&plan, &mut accounts);
    }
    assert_eq!(accounts[0].entitlements.len(), 2);
    // Once it is lifted, what was due is done.
    let plan = compile(&left_with(90, None), &accounts, &[], &mut Taken::default());
    assert_eq!(plan.requests[0].operation, Operation::Delete);
}

/// Without stages, a legal hold keeps what the usual end of an account would take; also from an order that waits already.
#[test]
fn a_legal_hold_keeps_what_is_usually_taken() {
    let payroll = Account {
        entitlements: ["A".to_owned()].into(),
        ..account(2, "payroll", AccountStatus::Enabled, Provenance::Created)
    };
    let accounts = [theirs(), payroll];
    let without = access(Vec::new());
    let open = orders(&compile(&without, &accounts, &[], &mut Taken::default()), 100);
    assert_eq!(open.len(), 2);
    let held = DesiredAccess { lifecycle: Some(Box::new(lifecycle(&[], 0, Some(held())))), ..without };
    let plan = compile(&held, &accounts, &open, &mut Taken::default());
    let done: Vec<_> = plan.requests.iter().map(|request| (request.operation, request.items.len())).collect();
    assert_eq!(done, [(Operation::Disable, 1), (Operation::Disable, 1)], "{plan:#?}");
    assert!(plan.requests.iter().all(|request| !request.supersedes.is_empty()));
}

#[test]
fn what_rules_grant_waits_for_the_end_of_the_state() {
    let granted = access(vec![desired_account("person", vec![], &["person-a", "person-c"])]);
    let on_leave = lifecycle(&[("person", &[(0, AccountAction::Disable)])], 0, None);
    let away = DesiredAccess { lifecycle: Some(Box::new(on_leave)), ..granted.clone() };
    let mut accounts = vec![theirs()];
    apply(&compile(&away, &accounts, &[], &mut Taken::default()), &mut accounts);
    assert_eq!((accounts[0].status, accounts[0].entitlements.len()), (AccountStatus::Disabled, 2));
    assert!(is_empty(&compile(&away, &accounts, &[], &mut Taken::default())));
    // Back again.
    let plan = compile(&granted, &accounts, &[], &mut Taken::default());
    assert_eq!(plan.requests[0].operation, Operation::Enable);
    apply(&plan, &mut accounts);
    assert_eq!(accounts[0].entitlements, ["A", "C"].map(str::to_owned).into());
    // Whoever has none gets none meanwhile.
    let plan = compile(&away, &[], &[], &mut Taken::default());
    assert_eq!(summary(&plan), ["keeps person: It is not created. Disabled because Leaver since 2026-11-01."]);
}

#[test]
fn what_stands_on_an_account_that_is_held_back_waits_with_it() {
    let accounts = ["person", "mailbox", "admin"].map(|name| desired_account(name, vec![], &[]));
    let granted = access(accounts.to_vec());
    let on_leave = lifecycle(&[("person", &[(0, AccountAction::Disable)])], 0, None);
    let away = DesiredAccess { lifecycle: Some(Box::new(on_leave)), ..granted.clone() };
    let plan = compile(&away, &[], &[], &mut Taken::default());
    let why = "It is not created. It needs an account of type \u{201c}Person\u{201d} first. Disabled because Leaver since \
               2026-11-01.";
    let expected = [
        format!("keeps admin: {why}"),
        "keeps person: It is not created. Disabled because Leaver since 2026-11-01.".to_owned(),
        format!("keeps mailbox: {why}"),
    ];
    assert_eq!(summary(&plan), expected);
    // An account that is there carries others, though it is disabled.
    let mut known = vec![theirs()];
    apply(&compile(&away, &known, &[], &mut Taken::default()), &mut known);
    assert!(known.iter().any(|account| account.account_type == "mailbox"), "{known:?}");
    // Back again, all come.
    assert_eq!(compile(&granted, &[], &[], &mut Taken::default()).requests.len(), 3);
}

fn staged_world() -> impl Strategy<Value = World> {
    let action = prop::sample::select(vec![
        AccountAction::Keep,
        AccountAction::Disable,
        AccountAction::Strip,
        AccountAction::Delete,
    ]);
    let steps = prop::collection::btree_set((0..20_i32, action), 1..4);
    let stages = prop::collection::btree_map(prop::sample::select(TYPES.to_vec()), steps, 0..4);
    (world(), stages, 0..20_i32, prop::bool::weighted(0.3)).prop_map(|(world, stages, day, is_held)| {
        let stages: Vec<(&str, Vec<(i32, AccountAction)>)> =
            stages.into_iter().map(|(account_type, steps)| (account_type, steps.into_iter().collect())).collect();
        let stages: Vec<(&str, &[(i32, AccountAction)])> =
            stages.iter().map(|(account_type, steps)| (*account_type, &steps[..])).collect();
        let lifecycle = Some(Box::new(lifecycle(&stages, day, is_held.then(held))));
        World { desired: DesiredAccess { lifecycle, ..world.desired }, ..world }
    })
}

proptest! {
    #![proptest_config(crate::worlds::cases())]

    #[test]
    fn a_staged_plan_holds_up_and_settles(world in staged_world(), next in staged_world()) {
        let mut taken = world.taken.clone();
        let plan = compile(&world.desired, &world.accounts, &[], &mut taken);
        if let Err(findings) = check::check(plan.clone(), partition::split(&plan, &catalogue())) {
            prop_assert!(false, "{findings:#?}\n{plan:#?}");
        }
        let open = orders(&plan, 1_000);
        let again = compile(&world.desired, &world.accounts, &open, &mut taken);
        prop_assert!(is_empty(&again), "{again:#?}\nafter {plan:#?}");
        // Another day, with orders that wait: what follows settles as well.
        let second = compile(&next.desired, &world.accounts, &open, &mut taken);
        let inactive = super::superseded(&second);
        let mut still = orders(&second, 2_000);
        still.extend(open.into_iter().filter(|order| !inactive.contains(&order.id)));
        let third = compile(&next.desired, &world.accounts, &still, &mut taken);
        prop_assert!(is_empty(&third), "{third:#?}\nafter {second:#?}");
        let mut accounts = world.accounts.clone();
        apply(&plan, &mut accounts);
        let once_more = compile(&world.desired, &accounts, &[], &mut taken);
        prop_assert!(once_more.requests.iter().all(|request| request.error.is_some()), "{once_more:#?}");
    }

    /// What the steps in force say is so afterwards, and nothing else has happened to such accounts.
    #[test]
    fn stages_do_what_they_say(world in staged_world()) {
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        let mut after = world.accounts.clone();
        apply(&plan, &mut after);
        let lifecycle = world.desired.lifecycle.as_deref().unwrap();
        let is_held = lifecycle.standing.legal_hold.is_some();
        for account in world.accounts.iter().filter(|account| account.status != AccountStatus::Gone) {
            let now = after.iter().find(|other| other.id == account.id).unwrap();
            let is_wanted = world.desired.accounts.iter().any(|wanted| wanted.account_type == account.account_type);
            if is_held && !is_wanted {
                prop_assert!(now.status != AccountStatus::Gone);
                prop_assert_eq!(&now.entitlements, &account.entitlements);
            }
            let Some(stage) = lifecycle.stage(&account.account_type).filter(|stage| stage.is_acting()) else { continue };
            if account.provenance == Provenance::Found && !is_wanted {
                prop_assert_eq!(now, account);
                continue;
            }
            prop_assert_eq!(now.status == AccountStatus::Gone, stage.is_deleted() && !is_held);
            if now.status == AccountStatus::Gone {
                continue;
            }
            let is_disabled = stage.is_disabled() || stage.is_deleted();
            let expected = if is_disabled { AccountStatus::Disabled } else { account.status };
            prop_assert_eq!(now.status, expected);
            let mut entitlements = account.entitlements.clone();
            entitlements.retain(|key| !stage.is_stripped() || is_held || key == "FOREIGN");
            prop_assert_eq!(&now.entitlements, &entitlements);
            prop_assert_eq!(&now.attributes, &account.attributes);
        }
        let has_stage = |request: &&model::plan::AccountRequest| lifecycle.stage(&request.account_type).is_some_and(AccountStage::is_acting);
        for request in plan.requests.iter().filter(has_stage) {
            prop_assert!(!matches!(request.operation, Operation::Create | Operation::Enable));
            prop_assert!(request.explanation.contains("because Leaver since 2026-11-01"));
        }
    }
}
