//! An account as it will be once certain orders have been carried out, without copying it.

use std::collections::BTreeMap;

use model::account::{Account, AccountStatus};
use model::ids::AccountId;
use model::order::{Order, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::Value;

/// An account, known or under way, with orders laid over it.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    /// None where there is no account.
    pub(super) status: Option<AccountStatus>,
    account: Option<&'a Account>,
    attributes: BTreeMap<&'a str, Option<&'a Value>>,
    entitlements: BTreeMap<&'a str, bool>,
}

impl<'a> View<'a> {
    pub(super) fn new(account: Option<&'a Account>) -> Self {
        Self {
            status: account.map(|account| account.status),
            account,
            attributes: BTreeMap::new(),
            entitlements: BTreeMap::new(),
        }
    }

    /// Lays orders over it, oldest first.
    pub(super) fn with(mut self, orders: &[&'a Order]) -> Self {
        for order in orders {
            self.lay(order);
        }
        self
    }

    /// The account that is known.
    pub(super) fn account(&self) -> Option<AccountId> {
        self.account.map(|account| account.id)
    }

    /// Whether an order creates the account that is not known yet.
    pub(super) fn is_being_created(&self) -> bool {
        self.status.is_some() && self.account.is_none()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'a Value> {
        match self.attributes.get(name) {
            Some(laid) => *laid,
            None => self.account.and_then(|account| account.attributes.get(name)),
        }
    }

    pub(super) fn holds(&self, key: &str) -> bool {
        match self.entitlements.get(key) {
            Some(held) => *held,
            None => self.account.is_some_and(|account| account.entitlements.contains(key)),
        }
    }

    /// Keys of what it holds. Unsorted where orders are laid over it.
    pub(super) fn held(&self) -> impl Iterator<Item = &'a str> {
        let known = self.account.into_iter().flat_map(|account| &account.entitlements).map(String::as_str);
        let known = known.filter(|key| !self.entitlements.contains_key(key));
        known.chain(self.entitlements.iter().filter(|(_, held)| **held).map(|(key, _)| *key))
    }

    fn lay(&mut self, order: &'a Order) {
        self.status = match (order.operation, self.status) {
            (Operation::Create, _) => Some(AccountStatus::Enabled),
            (_, None) => return,
            (Operation::Update, status) => status,
            (Operation::Enable, _) => Some(AccountStatus::Enabled),
            (Operation::Disable, _) => Some(AccountStatus::Disabled),
            (Operation::Delete, _) => {
                *self = Self::new(None);
                return;
            }
        };
        for item in order.items.iter().filter(|item| item.state != ProvisioningState::Inactive) {
            match (item.kind, item.operation) {
                (ItemKind::Attribute, ItemOperation::Remove) => {
                    self.attributes.insert(&item.name, None);
                }
                (ItemKind::Attribute, _) => {
                    self.attributes.insert(&item.name, item.value.as_ref());
                }
                (ItemKind::Entitlement, operation) => {
                    self.entitlements.insert(&item.name, operation != ItemOperation::Remove);
                }
                (ItemKind::Lifecycle, _) => {}
            }
        }
    }
}
