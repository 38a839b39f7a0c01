//! What holds for every undo, over random runs of several people in several applications, with changes that others made
//! since. `PROPTEST_CASES` raises their number.

use std::collections::BTreeMap;

use model::account::{Account, AccountStatus, Provenance};
use model::ids::{AccountId, IdentityId};
use model::order::{Order, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation, Plan};
use model::undo::{UndoConflict, UndoFate, UndoLine, UndoObstacle, UndoSelection};
use model::value::Value;
use proptest::prelude::*;

use super::{Undo, UndoInput, digest, invert};
use crate::worlds::{World, catalogue, compile, orders, world};
use crate::{check, partition};

/// A run over several people, carried out, and the accounts before and after it.
#[derive(Clone, Debug)]
struct Ran {
    before: Vec<Account>,
    after: Vec<Account>,
    orders: Vec<Order>,
}

/// Does in the accounts what the orders say, and marks them done. Secrets are written and not kept.
pub(super) fn carry_out(orders: &mut [Order], accounts: &mut Vec<Account>, next: &mut i64) {
    for order in orders.iter_mut().filter(|order| order.state == ProvisioningState::Pending) {
        let position = match order.account {
            Some(id) => accounts.iter().position(|account| account.id == id).unwrap(),
            None => {
                *next += 1;
                accounts.push(Account {
                    owner: Some(order.identity),
                    ..crate::worlds::account(*next, &order.account_type, AccountStatus::Enabled, Provenance::Created)
                });
                accounts.len() - 1
            }
        };
        let account = &mut accounts[position];
        (order.account, order.key) = (Some(account.id), Some(account.key.clone()));
        account.status = match order.operation {
            Operation::Create | Operation::Enable => AccountStatus::Enabled,
            Operation::Update => account.status,
            Operation::Disable => AccountStatus::Disabled,
            Operation::Delete => AccountStatus::Gone,
        };
        for item in &mut order.items {
            item.state = ProvisioningState::Executed;
            match (item.kind, item.operation) {
                (ItemKind::Attribute, _) if item.secret => {}
                (ItemKind::Attribute, ItemOperation::Set) => {
                    account.attributes.insert(item.name.clone(), item.value.clone().unwrap());
                }
                (ItemKind::Attribute, _) => drop(account.attributes.remove(&item.name)),
                (ItemKind::Entitlement, ItemOperation::Remove) => drop(account.entitlements.remove(&item.name)),
                (ItemKind::Entitlement, _) => drop(account.entitlements.insert(item.name.clone())),
                (ItemKind::Lifecycle, _) => {}
            }
        }
        order.state = ProvisioningState::Executed;
    }
}

fn ran(worlds: Vec<World>) -> Ran {
    let (mut before, mut after, mut made) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = 10_000;
    for (number, mut world) in (0_i64..).zip(worlds) {
        world.desired.identity = IdentityId(100 + number);
        for account in &mut world.accounts {
            account.id = AccountId(account.id.0 + 100 * number);
            account.owner = Some(world.desired.identity);
        }
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken);
        let mut own = orders(&plan, 1_000 + 1_000 * number);
        // Approved by a reviewer.
        for order in own.iter_mut().filter(|order| order.state == ProvisioningState::AwaitingApproval) {
            order.state = ProvisioningState::Pending;
        }
        let mut accounts = world.accounts.clone();
        carry_out(&mut own, &mut accounts, &mut next);
        before.extend(world.accounts);
        after.extend(accounts);
        made.extend(own);
    }
    Ran { before, after, orders: made }
}

fn runs() -> impl Strategy<Value = Ran> {
    prop::collection::vec(world(), 1..4).prop_map(ran)
}

/// Changes one thing in twenty, as others do, and tells which.
fn drift(accounts: &mut [Account], mut seed: u64, one_in: u64) -> Vec<(AccountId, ItemKind, String)> {
    let mut chance = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33).is_multiple_of(one_in)
    };
    let mut changed = Vec::new();
    for account in accounts.iter_mut().filter(|account| account.status != AccountStatus::Gone) {
        for name in ["department", "phone", "title", "login", "shoe"] {
            if chance() {
                account.attributes.insert(name.to_owned(), Value::from("by somebody else"));
                changed.push((account.id, ItemKind::Attribute, name.to_owned()));
            }
        }
        for key in ["A", "B", "C", "FOREIGN"] {
            if chance() {
                if !account.entitlements.remove(key) {
                    account.entitlements.insert(key.to_owned());
                }
                changed.push((account.id, ItemKind::Entitlement, key.to_owned()));
            }
        }
    }
    changed
}

fn undo(orders: &[Order], later: &[Order], accounts: &[Account], selection: &UndoSelection) -> Undo {
    let input = UndoInput { orders, later, accounts, desired: &[], selection, explanation: "Undo of run 1." };
    invert(&input, &catalogue())
}

/// Orders of the plans; they have to pass their check.
fn ordered(plans: &[Plan], first: i64) -> Vec<Order> {
    let mut made = Vec::new();
    for (number, plan) in (0_i64..).zip(plans) {
        if let Err(findings) = check::check(plan.clone(), partition::split(plan, &catalogue())) {
            panic!("{findings:#?}\n{plan:#?}");
        }
        made.extend(orders(plan, first + 1_000 * number));
    }
    for order in made.iter_mut().filter(|order| order.state == ProvisioningState::AwaitingApproval) {
        order.state = ProvisioningState::Pending;
    }
    made
}

fn find(accounts: &[Account], id: Option<AccountId>) -> &Account {
    accounts.iter().find(|account| Some(account.id) == id).unwrap()
}

/// The value of what a line speaks of.
fn state(account: &Account, line: &UndoLine) -> Option<Value> {
    match line.kind {
        ItemKind::Attribute => account.attributes.get(&line.name).cloned(),
        ItemKind::Entitlement => Some(Value::Boolean(account.entitlements.contains(&line.name))),
        ItemKind::Lifecycle => Some(Value::from(account.status.name())),
    }
}

fn attributes(account: &Account) -> BTreeMap<&String, &Value> {
    account.attributes.iter().filter(|(_, value)| crate::compare::present(Some(value)).is_some()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What nobody touched is exactly as before the run; what somebody touched is exactly as they left it.
    #[test]
    fn what_was_not_touched_is_restored_and_later_changes_stay(ran in runs(), seed in any::<u64>()) {
        let mut now = ran.after.clone();
        let touched = drift(&mut now, seed, 20);
        let undo = undo(&ran.orders, &[], &now, &UndoSelection::default());
        let mut accounts = now.clone();
        carry_out(&mut ordered(&undo.plans, 50_000), &mut accounts, &mut 90_000);
        for line in &undo.lines {
            let account = find(&accounts, line.account);
            let is_touched = touched.contains(&(account.id, line.kind, line.name.clone()));
            match &line.fate {
                UndoFate::GoesBack if account.status == AccountStatus::Gone => prop_assert!(!is_touched, "{line:#?}"),
                UndoFate::GoesBack if line.before.is_some() || line.kind != ItemKind::Lifecycle => {
                    prop_assert!(crate::compare::same(state(account, line).as_ref(), line.before.as_ref()), "{line:#?}");
                    prop_assert!(!is_touched, "a later change was overwritten: {line:#?}");
                }
                UndoFate::GoesBack => prop_assert_ne!(account.status, AccountStatus::Enabled),
                UndoFate::AlreadyBack => {}
                UndoFate::Conflict { conflict } => {
                    let before = find(&now, line.account);
                    prop_assert_eq!(state(account, line), state(before, line));
                    let is_worked_on = line.before.is_none() && touched.iter().any(|(id, ..)| *id == account.id);
                    prop_assert!(is_touched || is_worked_on || *conflict == UndoConflict::AccountGone, "nobody touched it: {line:#?}");
                }
                UndoFate::Impossible { obstacle } => {
                    let is_deletion = *obstacle == UndoObstacle::Deleted;
                    let before = find(&now, line.account);
                    prop_assert_eq!(state(account, line), state(before, line), "{:?}", is_deletion);
                }
            }
        }
        for old in &ran.before {
            let (new, left) = (find(&accounts, Some(old.id)), find(&now, Some(old.id)));
            if new.status == AccountStatus::Gone {
                continue;
            }
            let line_of = |kind, name: &str| {
                undo.lines.iter().find(|line| line.account == Some(old.id) && line.kind == kind && line.name == name)
            };
            for name in ["department", "phone", "title", "login", "shoe"] {
                let expected = if touched.contains(&(old.id, ItemKind::Attribute, name.to_owned())) { left } else { old };
                prop_assert!(
                    crate::compare::same(new.attributes.get(name), expected.attributes.get(name)),
                    "{name}: {new:#?}"
                );
            }
            for key in ["A", "B", "C", "FOREIGN"] {
                let is_lost = line_of(ItemKind::Entitlement, key)
                    .is_some_and(|line| matches!(line.fate, UndoFate::Impossible { .. }));
                let is_touched = touched.contains(&(old.id, ItemKind::Entitlement, key.to_owned()));
                let expected = if is_touched || is_lost { left } else { old };
                prop_assert_eq!(new.entitlements.contains(key), expected.entitlements.contains(key), "{}: {:#?}", key, new);
            }
            prop_assert_eq!(new.status, old.status);
        }
    }

    /// The undo of an undo gives the run again.
    #[test]
    fn the_undo_of_an_undo_gives_the_run_again(ran in runs()) {
        let first = undo(&ran.orders, &[], &ran.after, &UndoSelection::default());
        let mut accounts = ran.after.clone();
        let mut taking_back = ordered(&first.plans, 50_000);
        carry_out(&mut taking_back, &mut accounts, &mut 90_000);
        let second = undo(&taking_back, &[], &accounts, &UndoSelection::default());
        carry_out(&mut ordered(&second.plans, 80_000), &mut accounts, &mut 90_000);
        for (new, ran) in accounts.iter().zip(&ran.after) {
            // A deletion has no way back.
            if new.status != AccountStatus::Gone {
                prop_assert_eq!(new.status, ran.status);
                prop_assert_eq!(attributes(new), attributes(ran));
                prop_assert_eq!(&new.entitlements, &ran.entitlements);
            }
        }
    }

    /// Nothing that a later order changed, or is about to change, is part of an undo.
    #[test]
    fn later_orders_are_left_alone(ran in runs(), next in world(), seed in any::<u64>()) {
        let mut next = next;
        next.desired.identity = IdentityId(100);
        let own: Vec<Account> = ran.after.iter().filter(|a| a.owner == Some(IdentityId(100))).cloned().collect();
        let plan = compile(&next.desired, &own, &[], &mut next.taken);
        let mut later = orders(&plan, 70_000);
        let mut now = ran.after.clone();
        // Half of them are done, the others under way.
        let half = later.len() / 2 + usize::from(seed.is_multiple_of(2));
        let half = half.min(later.len());
        carry_out(&mut later[..half], &mut now, &mut 95_000);
        let undo = undo(&ran.orders, &later, &now, &UndoSelection::default());
        for line in undo.lines.iter().filter(|line| line.fate == UndoFate::GoesBack) {
            let touching = later.iter().filter(|order| {
                order.account == line.account
                    && matches!(order.state, ProvisioningState::Pending | ProvisioningState::Executed)
            });
            for order in touching {
                let same = order.items.iter().any(|item| {
                    item.kind == line.kind && (line.kind == ItemKind::Lifecycle || item.name == line.name)
                });
                prop_assert!(!same, "{line:#?}\n{order:#?}");
            }
        }
    }

    /// The parts of an undo, one after another, do what the whole does; and the same input gives the same lines.
    #[test]
    fn an_undo_can_be_done_in_parts(ran in runs()) {
        let whole = undo(&ran.orders, &[], &ran.after, &UndoSelection::default());
        prop_assert_eq!(digest(&whole.lines), digest(&undo(&ran.orders, &[], &ran.after, &UndoSelection::default()).lines));
        let mut shuffled = ran.clone();
        shuffled.orders.reverse();
        shuffled.after.reverse();
        prop_assert_eq!(&undo(&shuffled.orders, &[], &shuffled.after, &UndoSelection::default()), &whole);
        let mut parts = Vec::new();
        for application in ["directory", "mail", "payroll", "door"] {
            let selection = UndoSelection { application: Some(application.into()), ..UndoSelection::default() };
            parts.extend(undo(&ran.orders, &[], &ran.after, &selection).lines);
        }
        parts.sort_by(|left, right| super::sorting_key(left).cmp(&super::sorting_key(right)));
        prop_assert_eq!(parts, whole.lines);
    }
}
