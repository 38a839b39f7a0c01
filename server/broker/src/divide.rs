//! Divides what happens to an account where its parts go different ways: a request that changes the account or its
//! attributes and its entitlements as well becomes two, if not the same carries out both. So does one of which somebody else
//! has an entitlement in hand: the rest does not wait for that ([`beside`]).
//!
//! - Of an account that is created or enabled, the entitlements come after it.
//! - Of an account that is disabled, the entitlements go before it. Where they go a slower way than the account (a
//!   connection is the quickest, people are the slowest), or wait for what somebody else holds, the account goes first: nobody
//!   keeps their access until somebody has closed a ticket.
//! - Of an account that stays as it is, neither waits for the other, and what is answered at once goes first
//!   (`Tx::claim_orders`).
//! - What is in flight already is waited for, but for what need not keep it.

use model::configuration::Part;
use model::ids::OrderId;
use model::order::Order;
use model::plan::{AccountRequest, ItemKind, Operation, Plan, RequestPart};

use crate::beside::Footprint;
use crate::catalogue::Catalogue;

/// The plan with every request divided whose parts go different ways. `open_orders` are those that the plan was made with.
pub fn divide(plan: Plan, open_orders: &[Order], catalogue: &Catalogue) -> Plan {
    let mut plan = divided(plan, open_orders, catalogue);
    for request in &mut plan.requests {
        let waits_for = std::mem::take(&mut request.waits_for);
        let keeps = |order: &OrderId| {
            !held(request, *order, open_orders).is_some_and(|held| goes_beside(request, held, catalogue))
        };
        request.waits_for = waits_for.into_iter().filter(keeps).collect();
    }
    plan
}

fn divided(plan: Plan, open_orders: &[Order], catalogue: &Catalogue) -> Plan {
    let is_divided = |request: &AccountRequest| {
        goes_two_ways(request, catalogue) || is_partly_in_hand(request, open_orders, catalogue)
    };
    if plan.requests.iter().all(|request| !is_divided(request)) {
        return plan;
    }
    let mut requests: Vec<AccountRequest> = Vec::with_capacity(plan.requests.len() + 1);
    // Who waits for a request waits for the account: where each request's account is now.
    let mut places: Vec<usize> = Vec::with_capacity(plan.requests.len());
    for mut request in plan.requests {
        request.after = request.after.iter().filter_map(|after| places.get(*after).copied()).collect();
        if !is_divided(&request) {
            places.push(requests.len());
            requests.push(request);
            continue;
        }
        let entitlements_first = request.operation.removes()
            && !is_slower(&request, catalogue)
            && !is_partly_in_hand(&request, open_orders, catalogue);
        let (mut account, mut entitlements) = parts(request, open_orders);
        let next = requests.len();
        if entitlements_first {
            places.push(next + 1);
            account.after.push(next);
            requests.extend([entitlements, account]);
        } else {
            places.push(next);
            if account.operation != Operation::Update {
                entitlements.after = vec![next];
            }
            requests.extend([account, entitlements]);
        }
    }
    Plan { requests, ..plan }
}

/// Whether the request has two parts. What only records a failure is never sent.
fn has_two_parts(request: &AccountRequest) -> bool {
    let is_entitlement = |kind| kind == ItemKind::Entitlement;
    request.part == RequestPart::Whole
        && request.error.is_none()
        && request.items.iter().any(|item| is_entitlement(item.kind))
        && request.items.iter().any(|item| !is_entitlement(item.kind))
}

/// Whether the request has two parts that go different ways.
fn goes_two_ways(request: &AccountRequest, catalogue: &Catalogue) -> bool {
    has_two_parts(request) && catalogue.is_divided(&request.application)
}

/// Whether somebody else has an entitlement of it in hand, and nothing of the rest.
fn is_partly_in_hand(request: &AccountRequest, open_orders: &[Order], catalogue: &Catalogue) -> bool {
    if !has_two_parts(request) {
        return false;
    }
    let mechanism = catalogue.route(&request.application, Part::Accounts).mechanism;
    let whole = Footprint::of_request(request, mechanism);
    let account = whole.account_part();
    request.waits_for.iter().filter_map(|order| held(request, *order, open_orders)).any(|held| {
        let held = Footprint::of(held);
        account.goes_beside(&held) && !whole.goes_beside(&held)
    })
}

/// The order in flight that the request waits for, where it is of the same account.
fn held<'a>(request: &AccountRequest, order: OrderId, open_orders: &'a [Order]) -> Option<&'a Order> {
    let is_it = |open: &&Order| open.id == order && open.account.is_some() && open.account == request.account;
    open_orders.iter().find(is_it)
}

fn goes_beside(request: &AccountRequest, held: &Order, catalogue: &Catalogue) -> bool {
    let route = catalogue.route(&request.application, request.goes_as());
    Footprint::of_request(request, route.mechanism).goes_beside(&Footprint::of(held))
}

/// Whether the entitlements take longer than the account.
fn is_slower(request: &AccountRequest, catalogue: &Catalogue) -> bool {
    let mechanism = |part| catalogue.route(&request.application, part).mechanism;
    mechanism(Part::Entitlements) > mechanism(Part::Accounts)
}

fn parts(mut request: AccountRequest, open_orders: &[Order]) -> (AccountRequest, AccountRequest) {
    let (held, own) =
        std::mem::take(&mut request.items).into_iter().partition(|item| item.kind == ItemKind::Entitlement);
    // What is replaced is replaced by what is about the same, so that a person's hold stays where it was.
    let (replaced_entitlements, replaced) =
        std::mem::take(&mut request.supersedes).into_iter().partition(|order| only_entitlements(*order, open_orders));
    let entitlements = AccountRequest {
        operation: Operation::Update,
        part: RequestPart::Entitlements,
        items: held,
        reasons: Vec::new(),
        supersedes: replaced_entitlements,
        awaits: Vec::new(),
        refers: Vec::new(),
        key: request.account.and(request.key.clone()),
        ..request.clone()
    };
    let account = AccountRequest { part: RequestPart::Account, items: own, supersedes: replaced, ..request };
    (account, entitlements)
}

fn only_entitlements(order: OrderId, open_orders: &[Order]) -> bool {
    open_orders
        .iter()
        .find(|open| open.id == order)
        .is_some_and(|open| open.items.iter().all(|item| item.kind == ItemKind::Entitlement))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::access::DesiredValue;
    use model::account::{AccountStatus, Mechanism, Provenance};
    use model::configuration::Parts;
    use model::order::ProvisioningState;
    use model::plan::{ItemOperation, Partition};
    use proptest::prelude::*;

    use super::*;
    use crate::worlds::{
        TYPES, Taken, World, access, account, apply, attribute, cases, catalogue, compile_in, desired_account, divided,
        half_by_hand, orders_in, world,
    };
    use crate::{check, partition, plan};

    fn login() -> Vec<model::access::DesiredAttribute> {
        vec![attribute("login", DesiredValue::Value("ada".into()))]
    }

    /// What happens where, in the order of the requests: "create person directory; desk after 0".
    fn told(plan: &Plan) -> Vec<String> {
        told_in(&divided(), plan)
    }

    fn told_in(catalogue: &Catalogue, plan: &Plan) -> Vec<String> {
        let partitions = partition::split(plan, catalogue);
        let way = |position: usize| partitions.iter().find(|partition| partition.requests.contains(&position)).unwrap();
        let tell = |(position, request): (usize, &AccountRequest)| {
            let Partition { mechanism, carrier, .. } = way(position);
            let (what, after) = (&request.account_type, &request.after);
            let part = match request.part {
                RequestPart::Whole => "whole",
                RequestPart::Account => "account",
                RequestPart::Entitlements => "entitlements",
            };
            format!("{} {what} {part}: {} {carrier} after {after:?}", request.operation.name(), mechanism.name())
        };
        plan.requests.iter().enumerate().map(tell).collect()
    }

    fn compiled(desired: &model::access::DesiredAccess, accounts: &[model::account::Account]) -> Plan {
        compile_in(&divided(), desired, accounts, &[], &mut Taken::default())
    }

    #[test]
    fn entitlements_follow_the_account_that_is_created() {
        let all = TYPES.iter().map(|kind| desired_account(kind, login(), &[&format!("{kind}-a")]));
        let plan = compiled(&access(all.collect()), &[]);
        assert_eq!(
            told(&plan),
            [
                "create badge account: executor exchange after []",
                "update badge entitlements: manual door after [0]",
                "create payroll account: direct payroll after []",
                "update payroll entitlements: executor desk after [2]",
                "create person account: direct directory after []",
                "update person entitlements: manual directory after [4]",
                "create mailbox account: direct directory after [4]",
                "update mailbox entitlements: executor mail after [6]",
                "create admin account: direct directory after [6]",
                "update admin entitlements: manual directory after [8]",
            ]
        );
    }

    #[test]
    fn entitlements_go_before_the_account_unless_that_would_keep_it_open() {
        let accounts: Vec<_> = (1..)
            .zip(TYPES)
            .map(|(id, kind)| {
                let mut account = account(id, kind, AccountStatus::Enabled, Provenance::Created);
                account.entitlements.insert("A".to_owned());
                account
            })
            .collect();
        let plan = compiled(&access(vec![]), &accounts);
        assert_eq!(
            told(&plan),
            [
                "disable admin account: direct directory after []",
                "update admin entitlements: manual directory after [0]",
                "disable mailbox account: direct directory after [0]",
                "update mailbox entitlements: executor mail after [2]",
                "disable person account: direct directory after [2]",
                "update person entitlements: manual directory after [4]",
                "delete payroll whole: direct payroll after []",
            ]
        );
        let mut configuration = crate::worlds::configuration();
        configuration.applications.get_mut("mail").unwrap().writes = model::configuration::Parts::Accounts;
        configuration.applications.get_mut("mail").unwrap().proxy = Some("directory".to_owned());
        let catalogue = Catalogue::new(&configuration);
        let plan = compile_in(&catalogue, &access(vec![]), &accounts[1..2], &[], &mut Taken::default());
        let parts: Vec<_> = plan.requests.iter().map(|request| (request.part, request.after.as_slice())).collect();
        assert_eq!(parts, [(RequestPart::Entitlements, &[][..]), (RequestPart::Account, &[0][..])]);
    }

    /// Of one application, what is not written by its connection is worked by hand.
    #[test]
    fn one_part_by_hand_holds_up_nobody_else() {
        let all = TYPES.iter().map(|kind| desired_account(kind, login(), &[&format!("{kind}-a")]));
        let plan = compile_in(&half_by_hand(), &access(all.collect()), &[], &[], &mut Taken::default());
        assert_eq!(
            told_in(&half_by_hand(), &plan),
            [
                "create badge whole: manual door after []",
                "create payroll account: direct payroll after []",
                "update payroll entitlements: manual payroll after [1]",
                "create person account: manual directory after []",
                "update person entitlements: direct directory after [3]",
                "create mailbox account: executor mail after [3]",
                "update mailbox entitlements: manual mail after [5]",
                "create admin account: manual directory after [5]",
                "update admin entitlements: direct directory after [7]",
            ]
        );
        orders_in(&half_by_hand(), &plan, 100);
        let accounts: Vec<_> = (1..)
            .zip(&TYPES[..2])
            .map(|(id, kind)| {
                let mut account = account(id, kind, AccountStatus::Enabled, Provenance::Created);
                account.entitlements.insert("A".to_owned());
                account
            })
            .collect();
        let plan = compile_in(&half_by_hand(), &access(vec![]), &accounts, &[], &mut Taken::default());
        assert_eq!(
            told_in(&half_by_hand(), &plan),
            [
                "disable mailbox account: executor mail after []",
                "update mailbox entitlements: manual mail after [0]",
                "update person entitlements: direct directory after [0]",
                "disable person account: manual directory after [0, 2]",
            ]
        );
        orders_in(&half_by_hand(), &plan, 100);
    }

    #[test]
    fn what_goes_one_way_stays_whole() {
        let mut person = account(1, "person", AccountStatus::Enabled, Provenance::Created);
        let held = |kinds: &[&str]| access(vec![desired_account("person", login(), kinds)]);
        let only_attributes = compiled(&held(&[]), std::slice::from_ref(&person));
        assert_eq!(told(&only_attributes), ["update person whole: direct directory after []"]);
        person.attributes.insert("login".to_owned(), "ada".into());
        let only_entitlements = compiled(&held(&["person-a"]), std::slice::from_ref(&person));
        assert_eq!(told(&only_entitlements), ["update person whole: manual directory after []"]);
        person.attributes.clear();
        let both = compiled(&held(&["person-a"]), &[person]);
        assert_eq!(
            told(&both),
            [
                "update person account: direct directory after []",
                "update person entitlements: manual directory after []",
            ]
        );
    }

    /// Every part of a creation is found again by the next computation, while its account is under way as well.
    #[test]
    fn what_waits_for_a_creation_is_kept() {
        let desired = access(vec![desired_account("person", login(), &["person-a"])]);
        let plan = compiled(&desired, &[]);
        let mut open = orders_in(&divided(), &plan, 100);
        for state in [ProvisioningState::Pending, ProvisioningState::Transmitted, ProvisioningState::Errored] {
            open[0].state = state;
            open[0].items.iter_mut().for_each(|item| item.state = state);
            let again = compile_in(&divided(), &desired, &[], &open, &mut Taken::default());
            assert!(plan::is_empty(&again), "{state:?} {again:#?}");
        }
        open[0].state = ProvisioningState::Transmitted;
        let less = access(vec![desired_account("person", login(), &[])]);
        let again = compile_in(&divided(), &less, &[], &open, &mut Taken::default());
        assert_eq!((again.requests.len(), again.withdrawn.as_slice()), (0, &[open[1].id][..]));
    }

    #[test]
    fn what_was_not_sent_goes_the_new_way() {
        let desired = access(vec![desired_account("person", login(), &["person-a"])]);
        let whole = compile_in(&catalogue(), &desired, &[], &[], &mut Taken::default());
        let mut open = orders_in(&catalogue(), &whole, 100);
        let again = compile_in(&divided(), &desired, &[], &open, &mut Taken::default());
        assert_eq!(
            again.requests.iter().map(|request| request.part).collect::<Vec<_>>(),
            [RequestPart::Account, RequestPart::Entitlements]
        );
        assert_eq!(again.requests[0].supersedes, [open[0].id]);
        // What a person gave to people stays with them.
        (open[0].mechanism, open[0].given_to_people) = (Mechanism::Manual, true);
        let again = compile_in(&divided(), &desired, &[], &open, &mut Taken::default());
        assert!(plan::is_empty(&again), "{again:#?}");
    }

    /// The way is the carrier and its mechanism: what people had because nothing wrote it is theirs no longer once
    /// something does, and what a connection no longer writes does not go through it.
    #[test]
    fn a_way_that_is_no_longer_the_one_is_left() {
        let desired = access(vec![desired_account("person", login(), &["person-a"])]);
        let mut there = account(1, "person", AccountStatus::Enabled, Provenance::Created);
        there.attributes.insert("login".to_owned(), "ada".into());
        let with = |change: &dyn Fn(&mut model::configuration::Configuration)| {
            let mut configuration = crate::worlds::configuration();
            change(&mut configuration);
            Catalogue::new(&configuration)
        };
        let people = with(&|known| known.applications.get_mut("directory").unwrap().writes = Parts::Accounts);
        let desk = |takes| {
            with(&move |known| {
                known.applications.get_mut("directory").unwrap().writes = Parts::Accounts;
                let desk = serde_json::json!({
                    "display_name": "Desk", "connection": { "kind": "manual" }, "takes": takes,
                    "applications": ["directory"],
                });
                known.integrations.insert("desk".to_owned(), serde_json::from_value(desk).unwrap());
            })
        };
        for (name, before, after, way) in [
            ("written no longer", catalogue(), people.clone(), (Mechanism::Manual, "directory")),
            ("written from now on", people.clone(), catalogue(), (Mechanism::Direct, "directory")),
            ("other people", people.clone(), desk("entitlements"), (Mechanism::Manual, "desk")),
            ("the desk is closed", desk("entitlements"), people, (Mechanism::Manual, "directory")),
        ] {
            let there = std::slice::from_ref(&there);
            let plan = compile_in(&before, &desired, there, &[], &mut Taken::default());
            let mut open = orders_in(&before, &plan, 100);
            let same = compile_in(&before, &desired, there, &open, &mut Taken::default());
            assert!(plan::is_empty(&same), "{name}: {same:#?}");
            let again = compile_in(&after, &desired, there, &open, &mut Taken::default());
            assert_eq!(plan::superseded(&again), [open[0].id], "{name}");
            let [only] = orders_in(&after, &again, 200).try_into().unwrap();
            assert_eq!((only.mechanism, only.carrier.as_str()), way, "{name}");
            if open[0].mechanism != Mechanism::Manual {
                (open[0].mechanism, open[0].given_to_people) = (Mechanism::Manual, true);
                let kept = compile_in(&after, &desired, there, &open, &mut Taken::default());
                assert!(plan::is_empty(&kept), "{name}: {kept:#?}");
            }
        }
    }

    /// An entitlement of the account is with people: the account goes all the same, and the entitlement after them.
    #[test]
    fn what_people_hold_keeps_no_account_open() {
        let mut there = account(1, "person", AccountStatus::Enabled, Provenance::Created);
        there.attributes.insert("login".to_owned(), "ada".into());
        there.entitlements.insert("A".to_owned());
        let there = std::slice::from_ref(&there);
        let desired = access(vec![desired_account("person", login(), &["person-a", "person-b"])]);
        let plan = compile_in(&catalogue(), &desired, there, &[], &mut Taken::default());
        let mut open = orders_in(&catalogue(), &plan, 100);
        (open[0].mechanism, open[0].given_to_people) = (Mechanism::Manual, true);
        open[0].state = ProvisioningState::Transmitted;
        let leaves = compile_in(&catalogue(), &access(vec![]), there, &open, &mut Taken::default());
        assert_eq!(
            told_in(&catalogue(), &leaves),
            [
                "disable person account: direct directory after []",
                "update person entitlements: direct directory after [0]",
            ]
        );
        let waits: Vec<_> = leaves.requests.iter().map(|request| request.waits_for.as_slice()).collect();
        assert_eq!(waits, [&[][..], &[open[0].id][..]]);
        // What was made to wait for it before people had it is made anew.
        let mut waiting = compile_in(&catalogue(), &access(vec![]), there, &[], &mut Taken::default());
        waiting.requests[0].waits_for.push(open[0].id);
        open.extend(orders_in(&catalogue(), &waiting, 200));
        let again = compile_in(&catalogue(), &access(vec![]), there, &open, &mut Taken::default());
        assert_eq!((plan::superseded(&again), again.requests.len()), (vec![OrderId(200)], 2), "{again:#?}");
    }

    type Contents = BTreeMap<(String, Option<i64>), Vec<(ItemKind, String, ItemOperation)>>;

    fn contents(plan: &Plan) -> Contents {
        let mut found = Contents::new();
        for request in plan.requests.iter().filter(|request| request.error.is_none()) {
            let place = (request.account_type.clone(), request.account.map(|account| account.0));
            let items = request.items.iter().map(|item| (item.kind, item.name.clone(), item.operation));
            found.entry(place).or_default().extend(items);
        }
        found.values_mut().for_each(|items| items.sort());
        found
    }

    fn some_way(by_hand: bool) -> Catalogue {
        if by_hand { half_by_hand() } else { divided() }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn nothing_is_lost_and_all_holds_up(world in world(), by_hand in any::<bool>()) {
            let World { desired, accounts, taken } = world;
            let divided = some_way(by_hand);
            let whole = compile_in(&catalogue(), &desired, &accounts, &[], &mut taken.clone());
            let plan = compile_in(&divided, &desired, &accounts, &[], &mut taken.clone());
            prop_assert_eq!(contents(&plan), contents(&whole));
            prop_assert_eq!(&divide(plan.clone(), &[], &divided), &plan, "once is enough");
            let partitions = partition::split(&plan, &divided);
            for partition in &partitions {
                for &position in &partition.requests {
                    let request = &plan.requests[position];
                    let route = divided.route(&request.application, request.goes_as()).into_owned();
                    let way = (partition.mechanism, &partition.carrier, &partition.why);
                    prop_assert_eq!(way, (route.mechanism, &route.carrier, &route.why));
                }
            }
            if let Err(findings) = check::check(plan.clone(), partitions) {
                prop_assert!(false, "{findings:#?}\n{plan:#?}");
            }
            let mut after = accounts.clone();
            apply(&plan, &mut after);
            let again = compile_in(&divided, &desired, &after, &[], &mut taken.clone());
            prop_assert!(again.requests.iter().all(|request| request.error.is_some()), "{again:#?}");
        }

        #[test]
        fn what_is_open_is_not_ordered_again(world in world(), by_hand in any::<bool>(), meant in 0_u8..16) {
            let World { desired, accounts, taken } = world;
            let divided = some_way(by_hand);
            let plan = compile_in(&divided, &desired, &accounts, &[], &mut taken.clone());
            let open = orders_in(&divided, &plan, 1_000);
            let again = compile_in(&divided, &desired, &accounts, &open, &mut taken.clone());
            prop_assert!(plan::is_empty(&again), "{again:#?}\n{open:#?}");
            let is_meant = |application: &str| {
                let place = ["directory", "mail", "payroll", "door"].iter().position(|known| *known == application);
                place.is_some_and(|place| meant & (1 << place) != 0)
            };
            let part = plan::restrict(plan, &[], &is_meant);
            let partitions = partition::split(&part, &divided);
            if let Err(findings) = check::check(part.clone(), partitions) {
                prop_assert!(false, "{findings:#?}\n{part:#?}");
            }
        }
    }
}
