//! Which differences between what was known and what was read are native.
//!
//! What is known of an account is the last reading with all that confirmed orders changed since, so that most of what we
//! did shows no difference at all. What remains of our own doing is what nobody has confirmed yet:
//! - An order that may have had its effect answers for what it touches: for its very values while it is under way, was
//!   broken off, or failed since the last reading, because a part of it may have happened; whatever is there once it was
//!   answered as done and not yet compared, because that comparison tells whether the application kept it.
//! - The first reading of an account type, or of an account that was never read, is the baseline, and so is that of an
//!   attribute that was not looked at before: there is nothing to compare with.
//! - Secrets are never looked at.

use std::collections::{BTreeMap, BTreeSet};

use model::account::{Account, AccountStatus};
use model::configuration::Configuration;
use model::ids::AccountId;
use model::native_change::{NativeChangeKind, NativeChanges, NativeReaction};
use model::order::{Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::Value;

use crate::catalogue::Catalogue;
use crate::compare::same;
use crate::order::natural_key;

/// An account before and after a reading.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// None where it was not known.
    pub before: Option<&'a Account>,
    /// With the type and the owner that it has by now.
    pub after: &'a Account,
}

/// Something on an account that is not as it was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub account: AccountId,
    pub kind: NativeChangeKind,
    /// Attribute or key of the entitlement; empty for the account itself.
    pub name: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// What is looked at on accounts of one type.
#[derive(Clone, Debug)]
pub struct Watch<'a> {
    pub settings: &'a NativeChanges,
    pub attributes: BTreeSet<&'a str>,
}

impl<'a> Watch<'a> {
    /// None where native changes of such accounts are not looked for.
    pub fn of(configuration: &'a Configuration, application: &str, account_type: &str) -> Option<Self> {
        let settings = configuration.native_changes(application, account_type)?;
        let mut kinds: Vec<_> = configuration.account_types.get(account_type).into_iter().collect();
        if kinds.is_empty() {
            kinds.extend(configuration.account_types.values().filter(|kind| kind.application == application));
        }
        let specified = kinds.iter().flat_map(|kind| &kind.attributes);
        let (secret, open): (Vec<_>, Vec<_>) = specified.partition(|(_, made)| made.secret);
        // An application's settings name attributes of all its account types: each has its own.
        let is_named = |name: &String| settings.attributes.as_ref().is_none_or(|named| named.contains(name));
        let is_secret = |name: &String| secret.iter().any(|(secret, _)| *secret == name);
        let attributes = open.into_iter().map(|(name, _)| name).filter(|name| is_named(name) && !is_secret(name));
        Some(Self { settings, attributes: attributes.map(String::as_str).collect() })
    }

    fn has_entitlement(&self, key: &str) -> bool {
        self.settings.entitlements.as_ref().is_none_or(|keys| keys.iter().any(|known| known == key))
    }
}

/// Attributes that the last complete reading looked at, by account type.
pub type Baseline = BTreeMap<String, BTreeSet<String>>;

/// What a complete reading of the application looks at, which the next one compares with.
pub fn baseline(configuration: &Configuration, application: &str) -> Baseline {
    let types = configuration.account_types.iter().filter(|(_, kind)| kind.application == application);
    let watched = |name: &str| {
        let watch = Watch::of(configuration, application, name)?;
        Some((name.to_owned(), watch.attributes.into_iter().map(str::to_owned).collect()))
    };
    types.map(|(name, _)| name.as_str()).chain(std::iter::once("")).filter_map(watched).collect()
}

/// Everything on the account that is not as it was known, as far as it is looked at. `known` are the attributes that were
/// looked at before; none where accounts of its type are read for the first time.
pub fn differences(compared: Compared<'_>, watch: &Watch<'_>, known: Option<&BTreeSet<String>>) -> Vec<Difference> {
    let Some(known) = known else { return Vec::new() };
    let after = compared.after;
    let of = |kind, name: &str, before: Option<&Value>, now: Option<&Value>| Difference {
        account: after.id,
        kind,
        name: name.to_owned(),
        before: before.cloned(),
        after: now.cloned(),
    };
    let whole = |kind| of(kind, "", None, None);
    let was_there = |account: &&Account| account.status != AccountStatus::Gone;
    let mut found = Vec::new();
    match compared.before.filter(was_there) {
        None if after.status != AccountStatus::Gone => found.push(whole(NativeChangeKind::Created)),
        None => {}
        // Never read: what the application made of it is not known yet.
        Some(before) if before.observed_at.is_none() => {}
        Some(_) if after.status == AccountStatus::Gone => found.push(whole(NativeChangeKind::Deleted)),
        Some(before) => {
            match (before.status, after.status) {
                (AccountStatus::Disabled, AccountStatus::Enabled) => found.push(whole(NativeChangeKind::Enabled)),
                (AccountStatus::Enabled, AccountStatus::Disabled) => found.push(whole(NativeChangeKind::Disabled)),
                _ => {}
            }
            for name in watch.attributes.iter().filter(|name| known.contains(**name)) {
                let (old, new) = (before.attributes.get(*name), after.attributes.get(*name));
                if !same(old, new) {
                    found.push(of(NativeChangeKind::Attribute, name, old, new));
                }
            }
            let entitlement = |kind| move |key: &String| (kind, key.clone());
            let added = after.entitlements.difference(&before.entitlements);
            let removed = before.entitlements.difference(&after.entitlements);
            let changed = added
                .map(entitlement(NativeChangeKind::EntitlementAdded))
                .chain(removed.map(entitlement(NativeChangeKind::EntitlementRemoved)));
            found.extend(
                changed.filter(|(_, key)| watch.has_entitlement(key)).map(|(kind, key)| of(kind, &key, None, None)),
            );
        }
    }
    found.retain(|difference| watch.settings.reaction_to(difference.kind) != NativeReaction::Ignore);
    found
}

/// Whether an order of ours answers for it. `account` is as it was read; `orders` are those that nobody has confirmed, and
/// those that came to their end since the application was read before.
pub fn is_ours(difference: &Difference, account: &Account, orders: &[Order], catalogue: &Catalogue) -> bool {
    let relevant = orders.iter().filter(|order| may_have_had_effect(order));
    relevant.filter(|order| concerns(order, account, catalogue)).any(|order| answers_for(order, difference))
}

fn may_have_had_effect(order: &Order) -> bool {
    order.transmitted_at.is_some() && (order.state != ProvisioningState::Pending || order.attempts > 0)
}

/// Whether the order is about this account: by its number, by its key, or by the value that names it until it has one.
fn concerns(order: &Order, account: &Account, catalogue: &Catalogue) -> bool {
    if order.application != account.application {
        return false;
    }
    match (order.account, &order.key) {
        (Some(id), _) if id == account.id => true,
        (_, Some(key)) => *key == account.key,
        (Some(_), None) => false,
        (None, None) => natural_key(order, catalogue)
            .is_some_and(|(attribute, value)| same(Some(&value), account.attributes.get(&attribute))),
    }
}

fn answers_for(order: &Order, difference: &Difference) -> bool {
    let is_compared_next = order.state == ProvisioningState::Executed;
    let went_out = |kind: ItemKind| {
        let touches = move |item: &&OrderItem| {
            item.kind == kind && item.name == difference.name && item.state != ProvisioningState::Inactive
        };
        order.items.iter().find(touches)
    };
    let changes_status = order.operation != Operation::Update;
    match difference.kind {
        NativeChangeKind::Created => order.operation == Operation::Create,
        NativeChangeKind::Deleted => {
            order.operation == Operation::Delete || (is_compared_next && order.operation == Operation::Disable)
        }
        NativeChangeKind::Enabled => {
            matches!(order.operation, Operation::Create | Operation::Enable) || (is_compared_next && changes_status)
        }
        NativeChangeKind::Disabled => order.operation.removes() || (is_compared_next && changes_status),
        NativeChangeKind::Attribute => went_out(ItemKind::Attribute).is_some_and(|item| {
            let wanted = item.value.as_ref().filter(|_| item.operation != ItemOperation::Remove);
            is_compared_next || same(wanted, difference.after.as_ref())
        }),
        NativeChangeKind::EntitlementAdded => went_out(ItemKind::Entitlement)
            .is_some_and(|item| is_compared_next || item.operation != ItemOperation::Remove),
        NativeChangeKind::EntitlementRemoved => {
            let takes = went_out(ItemKind::Entitlement)
                .is_some_and(|item| is_compared_next || item.operation == ItemOperation::Remove);
            takes || order.operation == Operation::Delete
        }
    }
}
