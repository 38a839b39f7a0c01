//! What is known of an account once an order was carried out.

use std::collections::BTreeSet;

use model::account::{Account, AccountStatus, Mechanism, Provenance};
use model::command::Applied;
use model::order::{Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::{Attributes, Value};

use super::{AccountChange, NewAccount, gone};
use crate::catalogue::Catalogue;

/// The account's native key after the order: what the application said, else what the order knew, else the value that
/// names the account where no application is there to choose.
pub(super) fn key(order: &Order, applied: &Applied, catalogue: &Catalogue) -> Option<String> {
    let named = || {
        let facts = catalogue.account_type(&order.account_type).filter(|facts| facts.key_is_native)?;
        let is_key = |item: &&OrderItem| item.kind == ItemKind::Attribute && item.name == facts.key_attribute;
        order.items.iter().find(is_key)?.value.as_ref().map(Value::to_string)
    };
    // Another system calls the account as it likes, and where the application chooses the key it is read there.
    let facts = || catalogue.account_type(&order.account_type);
    let is_told = order.mechanism == Mechanism::Direct
        || order.carrier == order.application
        || facts().is_some_and(|facts| facts.key_is_native);
    let told = applied.key.clone().filter(|_| is_told);
    told.or_else(|| order.key.clone()).or_else(named).filter(|key| !key.is_empty())
}

/// The account with all that was not refused. Nothing where the account on record is not known.
pub(super) fn after(
    order: &Order,
    account: Option<&Account>,
    applied: &Applied,
    key: Option<String>,
) -> Option<AccountChange> {
    let is_done = |item: &&OrderItem| {
        item.kind != ItemKind::Lifecycle
            && item.state != ProvisioningState::Inactive
            && applied.refused.iter().all(|(name, _)| *name != item.name)
    };
    let done = order.items.iter().filter(is_done);
    let is_refused = applied.account_refused.is_some();
    match (order.operation, account) {
        (Operation::Delete, account) if !is_refused => gone(account),
        (Operation::Delete, None) => None,
        (Operation::Create, None) => {
            let (mut attributes, mut entitlements) = (Attributes::new(), BTreeSet::new());
            lay(&mut attributes, &mut entitlements, done);
            Some(AccountChange::Created(NewAccount {
                application: order.application.clone(),
                account_type: order.account_type.clone(),
                key: key?,
                owner: order.identity,
                status: AccountStatus::Enabled,
                provenance: if applied.adopted { Provenance::Adopted } else { Provenance::Created },
                attributes,
                entitlements,
            }))
        }
        (operation, Some(account)) => {
            let mut account = account.clone();
            account.status = match operation {
                _ if is_refused => account.status,
                Operation::Create | Operation::Enable => AccountStatus::Enabled,
                Operation::Disable => AccountStatus::Disabled,
                Operation::Update | Operation::Delete => account.status,
            };
            // What is changed on our word is ours to take back.
            if account.provenance == Provenance::Found {
                account.provenance = Provenance::Adopted;
            }
            account.owner = account.owner.or(Some(order.identity));
            if let Some(key) = key {
                account.key = key;
            }
            lay(&mut account.attributes, &mut account.entitlements, done);
            Some(AccountChange::Updated(account))
        }
        (Operation::Update | Operation::Enable | Operation::Disable, None) => None,
    }
}

fn lay<'a>(
    attributes: &mut Attributes,
    entitlements: &mut BTreeSet<String>,
    items: impl Iterator<Item = &'a OrderItem>,
) {
    for item in items {
        match (item.kind, item.operation) {
            (ItemKind::Attribute, ItemOperation::Remove) => {
                attributes.remove(&item.name);
            }
            // A secret is never kept.
            (ItemKind::Attribute, _) if item.secret => {}
            (ItemKind::Attribute, _) => {
                if let Some(value) = &item.value {
                    attributes.insert(item.name.clone(), value.clone());
                }
            }
            (ItemKind::Entitlement, ItemOperation::Remove) => {
                entitlements.remove(&item.name);
            }
            (ItemKind::Entitlement, _) => {
                entitlements.insert(item.name.clone());
            }
            (ItemKind::Lifecycle, _) => {}
        }
    }
}
