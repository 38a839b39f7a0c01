//! Which orders of one account may be in flight side by side.
//!
//! What people or another system hold may take weeks. What is answered at once does not wait for that: an order that is
//! carried out directly goes beside one that somebody else holds, where both change an account that is there and stays, and
//! nothing is touched by both. So a leaver is disabled whatever somebody is still holding. All else goes one after another:
//! what goes directly, what others hold, and whatever makes or deletes the account. What is given to an account comes after
//! the order that enables it.
//!
//! The store's claim and its unique index say the same (`Tx::claim_orders`, `order_one_in_flight`); here planning learns what
//! it has to wait for, and verification which order says nothing about the time of another.

use std::collections::BTreeSet;

use model::account::Mechanism;
use model::order::{Order, ProvisioningState};
use model::plan::{AccountRequest, ItemKind, Operation};

/// What an order, or a request that becomes one, touches, and how it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint<'a> {
    mechanism: Mechanism,
    operation: Operation,
    /// The account itself has no name here: there is one of it.
    items: BTreeSet<(ItemKind, &'a str)>,
}

impl<'a> Footprint<'a> {
    /// What a reviewer declined does not go out; what is done already counts, for it is recorded once more.
    pub fn of(order: &'a Order) -> Self {
        let goes_out = order.items.iter().filter(|item| item.state != ProvisioningState::Inactive);
        Self::new(order.mechanism, order.operation, goes_out.map(|item| (item.kind, item.name.as_str())))
    }

    pub fn of_request(request: &'a AccountRequest, mechanism: Mechanism) -> Self {
        let items = request.items.iter().map(|item| (item.kind, item.name.as_str()));
        Self::new(mechanism, request.operation, items)
    }

    fn new(mechanism: Mechanism, operation: Operation, items: impl Iterator<Item = (ItemKind, &'a str)>) -> Self {
        let one = |(kind, name)| (kind, if kind == ItemKind::Lifecycle { "" } else { name });
        Self { mechanism, operation, items: items.map(one).collect() }
    }

    /// What of it is about the account itself and its attributes; all of it where it is about nothing else, or about
    /// entitlements alone.
    pub fn account_part(&self) -> Self {
        let is_own = |(kind, _): &&(ItemKind, &'a str)| *kind != ItemKind::Entitlement;
        let own: BTreeSet<_> = self.items.iter().filter(is_own).copied().collect();
        if own.is_empty() { self.clone() } else { Self { items: own, ..self.clone() } }
    }

    /// Whether it may be sent while this other order of the same account is in flight.
    pub fn goes_beside(&self, other: &Footprint<'_>) -> bool {
        self.mechanism == Mechanism::Direct
            && other.mechanism != Mechanism::Direct
            && matches!(self.operation, Operation::Update | Operation::Enable | Operation::Disable)
            && matches!(other.operation, Operation::Update | Operation::Disable)
            && self.items.iter().all(|item| !other.items.contains(item))
    }
}

/// Whether the two may have been carried out in either order: one of them goes beside the other.
pub fn are_apart(one: &Order, other: &Order) -> bool {
    let (one, other) = (Footprint::of(one), Footprint::of(other));
    one.goes_beside(&other) || other.goes_beside(&one)
}

/// Whether an order waits for one of the same account that need not keep it, or not the part of it that is about the account
/// itself: planned anew, it would not wait.
pub fn is_held_up(order: &Order, other: &Order) -> bool {
    order.account.is_some()
        && order.account == other.account
        && other.state == ProvisioningState::Transmitted
        && order.after.contains(&other.id)
        && Footprint::of(order).account_part().goes_beside(&Footprint::of(other))
}

/// Of these orders of the same account, those beside which it goes or went: the one was in somebody's hands when the other was
/// sent, or is now that the other is to be sent.
pub fn gone_beside<'a>(order: &Order, others: &'a [Order]) -> Vec<&'a Order> {
    let is_beside = |other: &&Order| {
        let (direct, held) = if order.mechanism == Mechanism::Direct { (order, *other) } else { (*other, order) };
        order.id != other.id && order.account.is_some() && order.account == other.account && went_beside(direct, held)
    };
    others.iter().filter(is_beside).collect()
}

fn went_beside(direct: &Order, held: &Order) -> bool {
    use ProvisioningState::{AwaitingApproval, Errored, Executed, Pending, Transmitted, Verified};
    let is_held = held.state == Transmitted;
    let was_held = |sent| {
        held.transmitted_at.is_some_and(|handed| handed < sent)
            && (is_held || held.executed_at.is_some_and(|done| done >= sent))
    };
    Footprint::of(direct).goes_beside(&Footprint::of(held))
        && match direct.state {
            AwaitingApproval | Pending => is_held && !direct.after.contains(&held.id),
            Transmitted | Executed | Verified | Errored => direct.transmitted_at.is_some_and(was_held),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use model::account::{Account, AccountStatus, Provenance};
    use model::command::{Applied, Outcome};
    use model::ids::{AccountId, OrderId, OrderItemId};
    use model::order::OrderItem;
    use model::plan::ItemOperation;
    use model::value::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::settle::{self, AccountChange};
    use crate::worlds::{account, any_order, cases, catalogue};

    const DISABLES: Operation = Operation::Disable;
    const UPDATES: Operation = Operation::Update;

    /// An order of the account, by what it names: `-` the account itself, small letters attributes, capitals entitlements.
    fn order(mechanism: Mechanism, operation: Operation, names: &str) -> Order {
        let mut order = any_order();
        let template = order.items[0].clone();
        let item = |(position, name): (usize, char)| OrderItem {
            id: OrderItemId(1_000 + i64::try_from(position).unwrap()),
            kind: match name {
                '-' => ItemKind::Lifecycle,
                name if name.is_uppercase() => ItemKind::Entitlement,
                _ => ItemKind::Attribute,
            },
            name: name.to_string(),
            ..template.clone()
        };
        order.items = names.chars().enumerate().map(item).collect();
        (order.mechanism, order.operation, order.account) = (mechanism, operation, Some(AccountId(1)));
        (order.state, order.key) = (ProvisioningState::Transmitted, Some("person-1".to_owned()));
        order
    }

    #[test]
    fn what_goes_beside_what() {
        use Mechanism::{Direct, Executor, Manual};
        for (sent, held, expect) in [
            ((Direct, DISABLES, "-"), (Manual, UPDATES, "A"), true),
            ((Direct, DISABLES, "-"), (Executor, UPDATES, "Ab"), true),
            ((Direct, UPDATES, "b"), (Manual, UPDATES, "A"), true),
            ((Direct, UPDATES, "B"), (Manual, DISABLES, "-"), true),
            ((Direct, Operation::Enable, "-"), (Manual, UPDATES, "A"), true),
            ((Direct, DISABLES, "-A"), (Manual, UPDATES, "AB"), false),
            ((Direct, UPDATES, "bc"), (Executor, UPDATES, "c"), false),
            ((Direct, DISABLES, "-"), (Manual, Operation::Enable, "-"), false),
            ((Direct, UPDATES, "A"), (Manual, Operation::Enable, "-"), false),
            ((Direct, DISABLES, "-"), (Direct, UPDATES, "A"), false),
            ((Manual, DISABLES, "-"), (Executor, UPDATES, "A"), false),
            ((Manual, DISABLES, "-"), (Direct, UPDATES, "A"), false),
            ((Direct, Operation::Delete, "-"), (Manual, UPDATES, "A"), false),
            ((Direct, UPDATES, "b"), (Manual, Operation::Delete, "-"), false),
            ((Direct, UPDATES, "b"), (Manual, Operation::Create, "-"), false),
            ((Direct, Operation::Create, "-"), (Manual, UPDATES, "A"), false),
        ] {
            let (one, other) = (order(sent.0, sent.1, sent.2), order(held.0, held.1, held.2));
            assert_eq!(Footprint::of(&one).goes_beside(&Footprint::of(&other)), expect, "{sent:?} beside {held:?}");
            let apart = expect || Footprint::of(&other).goes_beside(&Footprint::of(&one));
            assert_eq!((are_apart(&one, &other), are_apart(&other, &one)), (apart, apart), "{sent:?} beside {held:?}");
        }
    }

    #[test]
    fn what_was_declined_is_not_touched_and_what_is_done_is() {
        let direct = order(Mechanism::Direct, UPDATES, "A");
        let mut held = order(Mechanism::Manual, UPDATES, "AB");
        for (state, expect) in [
            (ProvisioningState::Transmitted, false),
            (ProvisioningState::Verified, false),
            (ProvisioningState::Inactive, true),
        ] {
            held.items[0].state = state;
            assert_eq!(Footprint::of(&direct).goes_beside(&Footprint::of(&held)), expect, "{state:?}");
        }
    }

    #[test]
    fn an_order_is_held_up_where_it_need_not_wait() {
        let mut held = order(Mechanism::Manual, UPDATES, "A");
        held.id = OrderId(7);
        let waiting = |names: &str, after: &[i64]| Order {
            after: after.iter().copied().map(OrderId).collect(),
            ..order(Mechanism::Direct, DISABLES, names)
        };
        assert!(is_held_up(&waiting("-", &[7]), &held));
        assert!(is_held_up(&waiting("-A", &[7]), &held), "the account itself need not wait");
        assert!(!is_held_up(&waiting("-", &[8]), &held));
        assert!(!is_held_up(&waiting("-", &[7]), &Order { state: ProvisioningState::Pending, ..held.clone() }));
        assert!(!is_held_up(&Order { operation: UPDATES, ..waiting("A", &[7]) }, &held));
        assert!(!is_held_up(&waiting("-", &[7]), &Order { account: Some(AccountId(2)), ..held.clone() }));
    }

    #[test]
    fn what_has_gone_beside_what() {
        use ProvisioningState::{Executed, Inactive, Pending, Transmitted, Verified};
        let at = |second| Some(jiff::Timestamp::from_second(second).unwrap());
        let of = |id, order: Order, state, sent, done| Order {
            id: OrderId(id),
            state,
            transmitted_at: sent,
            executed_at: done,
            ..order
        };
        let by_hand = |state, sent, done| of(1, order(Mechanism::Manual, UPDATES, "A"), state, sent, done);
        let direct = |state, sent, done| of(2, order(Mechanism::Direct, DISABLES, "-"), state, sent, done);
        for (held, sent, expect) in [
            (by_hand(Transmitted, at(1), None), direct(Verified, at(5), at(6)), true),
            (by_hand(Transmitted, at(1), None), direct(Pending, None, None), true),
            (by_hand(Transmitted, at(1), None), direct(Inactive, None, None), false),
            (by_hand(Verified, at(1), at(9)), direct(Verified, at(5), at(6)), true),
            (by_hand(Verified, at(1), at(5)), direct(Verified, at(5), at(6)), true),
            (by_hand(Verified, at(5), at(9)), direct(Verified, at(5), at(6)), false),
            (by_hand(Verified, at(1), at(4)), direct(Verified, at(5), at(6)), false),
            (by_hand(Executed, at(1), at(9)), direct(Pending, None, None), false),
            (by_hand(Transmitted, at(7), None), direct(Executed, at(5), at(6)), false),
            (by_hand(Pending, None, None), direct(Transmitted, at(5), None), false),
        ] {
            let told = format!("{held:#?}\n{sent:#?}");
            let both = [held.clone(), sent.clone()];
            let ids = |order| gone_beside(order, &both).iter().map(|other| other.id.0).collect::<Vec<_>>();
            assert_eq!((ids(&sent), ids(&held)), if expect { (vec![1], vec![2]) } else { (vec![], vec![]) }, "{told}");
        }
        let (held, sent) = (by_hand(Transmitted, at(1), None), direct(Pending, None, None));
        let waits = Order { after: vec![held.id], ..sent.clone() };
        assert!(gone_beside(&waits, std::slice::from_ref(&held)).is_empty());
        let other = Order { account: Some(AccountId(2)), ..sent };
        assert!(gone_beside(&other, std::slice::from_ref(&held)).is_empty());
        let same = of(3, order(Mechanism::Direct, UPDATES, "A"), Pending, None, None);
        assert!(gone_beside(&same, &[held]).is_empty());
    }

    fn known() -> Account {
        let mut known = account(1, "person", AccountStatus::Enabled, Provenance::Found);
        known.owner = None;
        known
            .attributes
            .extend([("a", "1"), ("b", "2"), ("c", "3")].map(|(name, value)| (name.to_owned(), Value::from(value))));
        known.entitlements.extend(["A".to_owned(), "B".to_owned()]);
        known
    }

    /// An order of that mechanism with some of these names, and its answer: some of it was refused.
    fn any_change(mechanism: Mechanism) -> impl Strategy<Value = (Order, Applied)> {
        let operation = prop::sample::select(vec![UPDATES, Operation::Enable, DISABLES]);
        let names = prop::collection::btree_map(
            prop::sample::select("abcdABCD".chars().collect::<Vec<_>>()),
            (0..4_i64, any::<bool>()),
            0..6,
        );
        let told = (any::<bool>(), any::<bool>());
        (operation, names, told).prop_map(move |(operation, names, (tells_key, refuses_account))| {
            let lifecycle = if operation == UPDATES { "" } else { "-" };
            let listed: String = lifecycle.chars().chain(names.keys().copied()).collect();
            let mut order = order(mechanism, operation, &listed);
            for item in order.items.iter_mut().filter(|item| item.kind != ItemKind::Lifecycle) {
                let (value, removes) = names[&item.name.chars().next().unwrap()];
                item.operation = match item.kind {
                    _ if removes => ItemOperation::Remove,
                    ItemKind::Attribute => ItemOperation::Set,
                    _ => ItemOperation::Add,
                };
                item.value = (item.operation == ItemOperation::Set).then(|| Value::from(value));
            }
            let refused = names.iter().filter(|(_, (value, _))| *value == 3);
            let key = tells_key.then(|| if names.contains_key(&'a') { "renamed" } else { "person-1" }.to_owned());
            let applied = Applied {
                key,
                account_refused: (refuses_account && operation != UPDATES).then(|| "no".to_owned()),
                refused: refused.map(|(name, _)| (name.to_string(), "no".to_owned())).collect(),
                ..Applied::default()
            };
            (order, applied)
        })
    }

    fn recorded(order: &Order, applied: &Applied, onto: &Account, seen: &Account) -> Account {
        let outcome = Ok(Outcome::Applied(applied.clone()));
        let settled =
            settle::answer(order, Some(seen), &outcome, &catalogue(), &Default::default(), order.created_at, 0.5);
        let Some(AccountChange::Patched(patch)) = settled.account else { panic!("{settled:?}") };
        let mut account = onto.clone();
        patch.apply(&mut account);
        account
    }

    proptest! {
        #![proptest_config(cases())]

        /// Of two orders that go side by side each is settled by the account as it was before, and recorded on the account as
        /// it is by then: whichever is recorded first, the account is the same, and holds what both did.
        #[test]
        fn what_goes_side_by_side_is_recorded_in_either_order(
            (direct, answer) in any_change(Mechanism::Direct),
            (held, report) in any_change(Mechanism::Manual),
        ) {
            let is_beside = Footprint::of(&direct).goes_beside(&Footprint::of(&held));
            let names: BTreeSet<_> = direct.items.iter().map(|item| (item.kind, &item.name)).collect();
            let is_shared = held.items.iter().any(|item| names.contains(&(item.kind, &item.name)));
            prop_assert_eq!(is_beside, !is_shared && held.operation != Operation::Enable);
            if is_beside {
                let before = known();
                let one = recorded(&held, &report, &recorded(&direct, &answer, &before, &before), &before);
                let other = recorded(&direct, &answer, &recorded(&held, &report, &before, &before), &before);
                prop_assert_eq!(&one, &other);
                let (alone, by_hand) = (recorded(&direct, &answer, &before, &before), recorded(&held, &report, &before, &before));
                for item in direct.items.iter() {
                    prop_assert_eq!(one.attributes.get(&item.name), alone.attributes.get(&item.name));
                    prop_assert_eq!(one.entitlements.contains(&item.name), alone.entitlements.contains(&item.name));
                }
                for item in held.items.iter() {
                    prop_assert_eq!(one.attributes.get(&item.name), by_hand.attributes.get(&item.name));
                    prop_assert_eq!(one.entitlements.contains(&item.name), by_hand.entitlements.contains(&item.name));
                }
            }
        }
    }
}
