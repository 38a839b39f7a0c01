//! What is known of an account once an order was carried out.

use std::collections::BTreeMap;

use model::account::{Account, AccountStatus, Mechanism, Provenance};
use model::command::Applied;
use model::order::{Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::Value;

use super::{AccountChange, AccountPatch, NewAccount, gone};
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

/// What became of the account: all that was not refused. Nothing where the account on record is not known.
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
            let (attributes, entitlements) = laid(done);
            Some(AccountChange::Created(NewAccount {
                application: order.application.clone(),
                account_type: order.account_type.clone(),
                key: key?,
                owner: order.identity,
                status: AccountStatus::Enabled,
                provenance: if applied.adopted { Provenance::Adopted } else { Provenance::Created },
                attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
                entitlements: entitlements.into_iter().filter(|(_, is_held)| *is_held).map(|(name, _)| name).collect(),
            }))
        }
        (operation, Some(account)) => {
            let (attributes, entitlements) = laid(done);
            Some(AccountChange::Patched(AccountPatch {
                account: account.id,
                status: match operation {
                    _ if is_refused => None,
                    Operation::Create | Operation::Enable => Some(AccountStatus::Enabled),
                    Operation::Disable => Some(AccountStatus::Disabled),
                    Operation::Update | Operation::Delete => None,
                },
                key: key.filter(|key| is_news(order, key)),
                // What is changed on our word is ours to take back.
                changed_for: Some(order.identity),
                attributes,
                entitlements,
            }))
        }
        (Operation::Update | Operation::Enable | Operation::Disable, None) => None,
    }
}

/// Whether the key tells something of the account. An order that says no more than what it went out with may be answered
/// after another that had the account renamed; and others who were given entitlements alone have named no account.
fn is_news(order: &Order, key: &str) -> bool {
    let is_about_account = order.items.iter().any(|item| item.kind != ItemKind::Entitlement);
    order.key.as_deref() != Some(key) && (order.mechanism == Mechanism::Direct || is_about_account)
}

/// What becomes of each attribute, and of each entitlement. A secret is never kept.
fn laid<'a>(items: impl Iterator<Item = &'a OrderItem>) -> (BTreeMap<String, Option<Value>>, BTreeMap<String, bool>) {
    let (mut attributes, mut entitlements) = (BTreeMap::new(), BTreeMap::new());
    for item in items {
        let name = || item.name.clone();
        match (item.kind, item.operation, &item.value) {
            (ItemKind::Attribute, ItemOperation::Remove, _) => {
                attributes.insert(name(), None);
            }
            (ItemKind::Attribute, _, Some(value)) if !item.secret => {
                attributes.insert(name(), Some(value.clone()));
            }
            (ItemKind::Entitlement, operation, _) => {
                entitlements.insert(name(), operation != ItemOperation::Remove);
            }
            (ItemKind::Attribute | ItemKind::Lifecycle, _, _) => {}
        }
    }
    (attributes, entitlements)
}
