//! What reviewers declined, native changes that stand for now or for good, and what reconciliation lets stay: a plan leaves
//! it out and says so, as long as the same is wanted.

use model::ids::AccountId;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::review::DeclinedChange;
use model::value::Value;

use super::Compiler;
use super::slot::Slot;
use crate::compare::same;

impl Compiler<'_, '_> {
    /// Why what would happen to the account itself does not.
    pub(super) fn declined_account(&self, slot: &Slot<'_>, operation: Operation) -> Option<String> {
        if operation.removes() && slot.account.is_some_and(|account| self.is_account_to_go(account)) {
            return None;
        }
        self.declined(slot.account_type, slot.account.map(|account| account.id), |declined| {
            declined.kind == ItemKind::Lifecycle && declined.account_operation == operation
        })
        .or_else(|| self.native_account(slot, operation))
        .or_else(|| self.marked_account(slot, operation))
    }

    /// Why a property is not changed so. Several values: any of them would be taken.
    pub(super) fn declined_item(
        &self,
        account_type: &str,
        account: Option<AccountId>,
        (kind, name): (ItemKind, &str),
        operation: ItemOperation,
        values: &[Option<&Value>],
    ) -> Option<String> {
        let removes = kind == ItemKind::Entitlement && operation == ItemOperation::Remove;
        if removes && self.is_to_go(account, Some(name)) {
            return None;
        }
        self.declined(account_type, account, |declined| {
            declined.kind == kind
                && declined.name == name
                && declined.operation == operation
                // What is secret was not kept; who declined it declined whatever it is.
                && (declined.value.is_none() || values.iter().any(|value| same(declined.value.as_ref(), *value)))
        })
        .or_else(|| self.native_item(account, (kind, name), operation, values))
        .or_else(|| self.marked_item(account, (kind, name), operation))
    }

    fn declined(
        &self,
        account_type: &str,
        account: Option<AccountId>,
        is_it: impl Fn(&DeclinedChange) -> bool,
    ) -> Option<String> {
        // What was declined before the account was there concerns the account as well.
        let concerns = |declined: &&DeclinedChange| {
            declined.account_type == account_type && (declined.account.is_none() || declined.account == account)
        };
        let declined = self.input.declined.iter().filter(concerns).filter(|declined| is_it(declined));
        declined.min_by_key(|declined| declined.id).map(|declined| {
            format!(
                "Declined by {} on {}: {}",
                declined.declined_by,
                declined.declined_at.strftime("%F"),
                declined.comment.trim()
            )
        })
    }
}
