//! What holds for every plan, over random worlds. `PROPTEST_CASES` raises their number above a thousand.

use std::collections::{BTreeMap, BTreeSet};

use model::account::{AccountStatus, Mechanism, Provenance};
use model::ids::OrderId;
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, ItemOperation, Operation, Plan};
use proptest::prelude::*;

use super::{is_empty, superseded};
use crate::beside::Footprint;
use crate::catalogue::Catalogue;
use crate::worlds::{World, apply, catalogue, compile, compile_in, divided, half_by_hand, orders_in, world};
use crate::{check, partition};

/// Only what failed is left, and it fails the same way each time.
fn is_settled(plan: &Plan) -> bool {
    plan.requests.iter().all(|request| request.error.is_some()) && plan.withdrawn.is_empty()
}

/// What the store does with a plan: its orders are open, those it replaces are not.
fn open_after(plan: &Plan, before: Vec<Order>, first: i64) -> Vec<Order> {
    open_after_in(&catalogue(), plan, before, first)
}

fn open_after_in(catalogue: &Catalogue, plan: &Plan, before: Vec<Order>, first: i64) -> Vec<Order> {
    let inactive = superseded(plan);
    let mut open = orders_in(catalogue, plan, first);
    open.extend(before.into_iter().filter(|order| !inactive.contains(&order.id)));
    open
}

/// Puts orders into the states they may be in when the next plan is made.
fn progressed(mut open: Vec<Order>, states: &[u8]) -> Vec<Order> {
    for (order, state) in open.iter_mut().zip(states.iter().cycle()) {
        if order.state == ProvisioningState::Error {
            continue;
        }
        (order.state, order.reason) = match state {
            0 => (ProvisioningState::Transmitted, None),
            1 => (ProvisioningState::Errored, None),
            2 => (ProvisioningState::Executed, None),
            3 => (ProvisioningState::Pending, Some(StateReason::InDoubt)),
            4 => (ProvisioningState::AwaitingApproval, None),
            _ => (order.state, order.reason.clone()),
        };
        for item in &mut order.items {
            item.state = order.state;
        }
    }
    open
}

/// Gives some of what was sent to people, where they still have it.
fn handed(mut open: Vec<Order>, who: &[bool]) -> Vec<Order> {
    let sent = open.iter_mut().filter(|order| order.state == ProvisioningState::Transmitted);
    for (order, _) in sent.zip(who.iter().cycle()).filter(|(_, is_handed)| **is_handed) {
        (order.mechanism, order.given_to_people) = (Mechanism::Manual, true);
        order.reason = Some(StateReason::WorkItem);
    }
    open
}

/// Everything goes the same way, parts go different ways, or each carrier has people beside its connection.
fn some_company() -> impl Strategy<Value = Catalogue> {
    prop::sample::select(vec![catalogue as fn() -> Catalogue, divided, half_by_hand]).prop_map(|company| company())
}

fn states() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..8_u8, 1..6)
}

proptest! {
    #![proptest_config(crate::worlds::cases())]

    #[test]
    fn a_plan_passes_its_check_and_its_partitions_cover_it_once(world in world()) {
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        let partitions = partition::split(&plan, &catalogue());
        let mut covered: Vec<usize> = partitions.iter().flat_map(|partition| partition.requests.clone()).collect();
        covered.sort_unstable();
        prop_assert_eq!(covered, (0..plan.requests.len()).collect::<Vec<_>>());
        if let Err(findings) = check::check(plan.clone(), partitions) {
            prop_assert!(false, "{findings:#?}\n{plan:#?}");
        }
    }

    #[test]
    fn the_same_input_gives_the_same_plan_in_whatever_order_it_comes(
        world in world(),
        next in world(),
        states in states(),
        (accounts, assignments, desired, attributes) in (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()),
    ) {
        let first = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        let open = progressed(open_after(&first, Vec::new(), 1_000), &states);
        let plan = compile(&next.desired, &world.accounts, &open, &mut world.taken.clone());
        let mut shuffled = World { desired: next.desired.clone(), ..world.clone() };
        shuffle(&mut shuffled.accounts, accounts);
        shuffle(&mut shuffled.desired.assignments, assignments);
        shuffle(&mut shuffled.desired.accounts, desired);
        for account in &mut shuffled.desired.accounts {
            shuffle(&mut account.attributes, attributes);
            shuffle(&mut account.entitlements, attributes);
        }
        let mut reversed = open.clone();
        reversed.reverse();
        let again = compile(&shuffled.desired, &shuffled.accounts, &reversed, &mut world.taken.clone());
        prop_assert_eq!(plan, again);
    }

    #[test]
    fn once_applied_nothing_is_left_to_plan(world in world()) {
        let mut taken = world.taken.clone();
        let plan = compile(&world.desired, &world.accounts, &[], &mut taken);
        let mut accounts = world.accounts.clone();
        apply(&plan, &mut accounts);
        // Whose account could not be created because another one failed comes in a later round.
        let again = compile(&world.desired, &accounts, &[], &mut taken);
        prop_assert!(is_settled(&again), "{again:#?}");
    }

    #[test]
    fn while_orders_are_open_nothing_is_planned_twice(world in world()) {
        let mut taken = world.taken.clone();
        let plan = compile(&world.desired, &world.accounts, &[], &mut taken);
        let open = open_after(&plan, Vec::new(), 1_000);
        let again = compile(&world.desired, &world.accounts, &open, &mut taken);
        prop_assert!(is_empty(&again), "{again:#?}\nafter {plan:#?}");
    }

    /// Whatever is under way and whatever is wanted next: a second computation right after finds nothing more to do.
    #[test]
    fn a_plan_beside_open_orders_holds_up_and_settles(world in world(), next in world(), states in states()) {
        let mut taken = world.taken.clone();
        let first = compile(&world.desired, &world.accounts, &[], &mut taken);
        let open = progressed(open_after(&first, Vec::new(), 1_000), &states);
        let second = compile(&next.desired, &world.accounts, &open, &mut taken);
        let in_flight: BTreeSet<OrderId> = open
            .iter()
            .filter(|order| matches!(order.state, ProvisioningState::Transmitted | ProvisioningState::Executed))
            .map(|order| order.id)
            .collect();
        prop_assert!(superseded(&second).iter().all(|order| !in_flight.contains(order)), "{second:#?}");
        let open = open_after(&second, open, 2_000);
        let third = compile(&next.desired, &world.accounts, &open, &mut taken);
        prop_assert!(is_empty(&third), "{third:#?}\nafter {second:#?}\nwith {open:#?}");
    }

    /// Whatever parts of an account people and other systems hold: what is planned beside that waits for no more than it has
    /// to, no account that is to go is left open for it, and nothing is planned twice.
    #[test]
    fn a_plan_beside_what_others_hold_waits_for_what_it_has_to(
        catalogue in some_company(),
        world in world(),
        next in world(),
        (states, who) in (states(), prop::collection::vec(any::<bool>(), 1..6)),
    ) {
        let mut taken = world.taken.clone();
        let first = compile_in(&catalogue, &world.desired, &world.accounts, &[], &mut taken);
        let open = handed(progressed(open_after_in(&catalogue, &first, Vec::new(), 1_000), &states), &who);
        let second = compile_in(&catalogue, &next.desired, &world.accounts, &open, &mut taken);
        let in_flight = |order: &&Order| order.state == ProvisioningState::Transmitted;
        for order in open.iter().filter(in_flight) {
            prop_assert!(!superseded(&second).contains(&order.id), "{second:#?}");
        }
        let made = orders_in(&catalogue, &second, 2_000);
        let is_sent = |order: &&Order| order.account.is_some() && order.state != ProvisioningState::Error;
        for order in made.iter().filter(is_sent) {
            for held in open.iter().filter(in_flight).filter(|held| held.account == order.account) {
                let is_apart = Footprint::of(order).goes_beside(&Footprint::of(held));
                prop_assert!(!(is_apart && order.after.contains(&held.id)), "{order:#?}\nwaits for\n{held:#?}");
                prop_assert!(is_apart || order.after.contains(&held.id), "{order:#?}\ndoes not wait for\n{held:#?}");
                let only_holds = held.operation == Operation::Update && held.mechanism != Mechanism::Direct;
                if order.operation == Operation::Disable && order.mechanism == Mechanism::Direct && only_holds {
                    prop_assert!(is_apart, "{order:#?}\nwaits for\n{held:#?}");
                }
            }
        }
        let open = open_after_in(&catalogue, &second, open, 2_000);
        let third = compile_in(&catalogue, &next.desired, &world.accounts, &open, &mut taken);
        prop_assert!(is_empty(&third), "{third:#?}\nafter {second:#?}\nwith {open:#?}");
    }

    /// Removed = held and managed and not desired; all else that was held is held after.
    #[test]
    fn retention_is_what_the_sets_say(world in world()) {
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        let mut after = world.accounts.clone();
        apply(&plan, &mut after);
        let desired: BTreeMap<&str, BTreeSet<String>> = world
            .desired
            .accounts
            .iter()
            .map(|account| {
                let key = |name: &String| name.rsplit('-').next().unwrap_or_default().to_uppercase();
                (account.account_type.as_str(), account.entitlements.iter().map(key).collect())
            })
            .collect();
        for account in world.accounts.iter().filter(|account| account.status != AccountStatus::Gone) {
            let same_type = || world.accounts.iter().filter(|other| {
                other.account_type == account.account_type && other.status != AccountStatus::Gone
            });
            let best = same_type().min_by_key(|other| (other.provenance == Provenance::Found, other.id));
            let wanted = desired.get(account.account_type.as_str());
            let is_touched = match wanted {
                Some(_) => best.map(|best| best.id) == Some(account.id),
                None => account.provenance != Provenance::Found && account.account_type != "badge",
            };
            let now = after.iter().find(|other| other.id == account.id).unwrap();
            let failed = plan.requests.iter().any(|request| request.account == Some(account.id) && request.error.is_some());
            let blocked = failed && account.status == AccountStatus::Disabled;
            // Of accounts that are not the one used, what nothing grants goes, where they are ours; nothing else happens.
            let is_further = wanted.is_some() && !is_touched && account.provenance != Provenance::Found;
            if is_further {
                let is_kept = |key: &&String| {
                    !["A", "B", "C"].contains(&key.as_str()) || wanted.is_some_and(|wanted| wanted.contains(*key))
                };
                let entitlements = account.entitlements.iter().filter(is_kept).cloned().collect();
                prop_assert_eq!(now, &model::account::Account { entitlements, ..account.clone() });
                continue;
            }
            if !is_touched || blocked {
                prop_assert_eq!(now, account);
                continue;
            }
            let kept = account.entitlements.iter().filter(|key| {
                !["A", "B", "C"].contains(&key.as_str()) || wanted.is_some_and(|wanted| wanted.contains(*key))
            });
            let mut expect: BTreeSet<String> = kept.cloned().collect();
            expect.extend(wanted.into_iter().flatten().cloned());
            if now.status != AccountStatus::Gone {
                prop_assert_eq!(&now.entitlements, &expect);
            }
            for foreign in account.entitlements.iter().filter(|key| *key == "FOREIGN" && now.status != AccountStatus::Gone) {
                let is_it = |kind, name: &str| kind == ItemKind::Entitlement && name == foreign;
                let is_said = plan.retained.iter().any(|retained| is_it(retained.kind, &retained.name));
                prop_assert!(is_said, "nothing said of {}", foreign);
            }
        }
    }

    #[test]
    fn what_was_only_found_is_never_taken_away(world in world()) {
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        for request in plan.requests.iter().filter(|request| request.operation.removes()) {
            let account = world.accounts.iter().find(|account| Some(account.id) == request.account).unwrap();
            prop_assert!(account.provenance != Provenance::Found);
            prop_assert!(request.operation != Operation::Delete || account.account_type == "payroll");
        }
    }

    #[test]
    fn nothing_is_granted_before_what_it_needs_and_nothing_goes_before_what_needs_it(world in world()) {
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        let catalogue = catalogue();
        for (position, request) in plan.requests.iter().enumerate() {
            let facts = catalogue.account_type(&request.account_type).unwrap();
            for (other, earlier) in plan.requests.iter().enumerate() {
                let brings = |operation| matches!(operation, Operation::Create | Operation::Enable);
                let needs = brings(request.operation) && brings(earlier.operation) && facts.depends_on.contains(&earlier.account_type);
                let frees = request.operation.removes() && earlier.operation.removes() && facts.needed_by.contains(&earlier.account_type);
                prop_assert_eq!(request.after.contains(&other), needs || frees, "{} after {}", position, other);
            }
        }
    }

    #[test]
    fn unique_values_are_never_somebody_elses(world in world()) {
        let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
        for request in plan.requests.iter().filter(|request| request.error.is_none()) {
            for item in request.items.iter().filter(|item| item.name == "login" && item.operation == ItemOperation::Set) {
                let login = item.value.as_ref().unwrap().to_string();
                prop_assert!(!world.taken.0.contains_key(&(request.application.clone(), login)));
            }
        }
    }
}

/// Deterministic, from a number that proptest chooses.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for position in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(seed >> 33).unwrap() % (position + 1);
        items.swap(position, other);
    }
}
