//! Native changes in a plan: what stands is left out, and what is to be set back is ordered where the role model alone
//! would leave it as it is.

use std::borrow::Cow;

use model::account::Account;
use model::configuration::OnRemoval;
use model::ids::AccountId;
use model::native_change::{NativeChange, NativeChangeKind, NativeChangeState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::value::Value;

use super::Compiler;
use super::line::{Line, Needs};
use super::slot::Slot;
use super::stage::End;
use super::view::View;
use crate::compare::{present, same};

impl<'a> Compiler<'a, '_> {
    /// Why what would happen to the account itself does not.
    pub(super) fn native_account(&self, slot: &Slot<'_>, operation: Operation) -> Option<String> {
        let account = slot.account.map(|account| account.id);
        let opposes = |change: &&NativeChange| match (change.kind, operation) {
            (NativeChangeKind::Deleted, Operation::Create) => change.account_type == slot.account_type,
            (NativeChangeKind::Disabled, Operation::Enable) | (NativeChangeKind::Enabled, Operation::Disable) => {
                account == Some(change.account)
            }
            _ => false,
        };
        self.standing(operation.removes()).find(opposes).map(why)
    }

    /// Why a property is not changed so.
    pub(super) fn native_item(
        &self,
        account: Option<AccountId>,
        (kind, name): (ItemKind, &str),
        operation: ItemOperation,
        values: &[Option<&Value>],
    ) -> Option<String> {
        let opposes = |change: &&NativeChange| {
            account == Some(change.account)
                && change.name == name
                && match (change.kind, kind, operation) {
                    (NativeChangeKind::Attribute, ItemKind::Attribute, ItemOperation::Remove) => {
                        present(change.instead_of.as_ref()).is_none()
                    }
                    (NativeChangeKind::Attribute, ItemKind::Attribute, _) => {
                        values.iter().any(|value| same(change.instead_of.as_ref(), *value))
                    }
                    (NativeChangeKind::EntitlementAdded, ItemKind::Entitlement, ItemOperation::Remove) => true,
                    (NativeChangeKind::EntitlementRemoved, ItemKind::Entitlement, ItemOperation::Add) => true,
                    _ => false,
                }
        };
        let removes = kind == ItemKind::Entitlement && operation == ItemOperation::Remove;
        self.standing(removes).find(opposes).map(why)
    }

    /// What a line that would stay as it is needs, where it is to be set back.
    pub(super) fn set_back(&self, line: &Line<'a>, view: &View<'a>) -> Option<Needs<'a>> {
        if !matches!(line.needs, Needs::Keep(_)) || line.secret {
            return None;
        }
        let account = view.account()?;
        let change = self.input.native.iter().find(|change| {
            change.state == NativeChangeState::Reverting && change.account == account && change.name == line.name
        })?;
        match (change.kind, line.kind) {
            (NativeChangeKind::Attribute, ItemKind::Attribute) => {
                let is_still = same(change.after.as_ref(), view.attribute(line.name));
                is_still.then(|| match present(change.instead_of.as_ref()) {
                    Some(value) => Needs::Set(Cow::Borrowed(value)),
                    None => Needs::Clear,
                })
            }
            (NativeChangeKind::EntitlementAdded, ItemKind::Entitlement) if line.entitlement.is_some() => {
                view.holds(line.name).then_some(Needs::Remove)
            }
            _ => None,
        }
    }

    /// Whether the account itself was made, or enabled, in the application, and is to be taken back.
    pub(super) fn is_taken_back(&self, slot: &Slot<'_>) -> bool {
        let on_removal = slot.facts.map(|facts| facts.on_removal);
        on_removal.zip(slot.account).is_some_and(|(on_removal, account)| self.taken_back(account, on_removal).is_some())
    }

    /// What becomes of an account that was made, or enabled, in the application and is to be taken back.
    pub(super) fn taken_back(&self, account: &Account, on_removal: OnRemoval) -> Option<End> {
        let reverting = self
            .input
            .native
            .iter()
            .filter(|change| change.state == NativeChangeState::Reverting && change.account == account.id);
        reverting
            .filter_map(|change| match (change.kind, on_removal) {
                (NativeChangeKind::Created, OnRemoval::Delete) => Some(End::DELETED),
                (NativeChangeKind::Created, OnRemoval::Disable) => Some(End::DISABLED),
                (NativeChangeKind::Enabled, _) => Some(End::DISABLED),
                _ => None,
            })
            .next()
    }

    /// Changes in whose place nothing is ordered. Nothing keeps the access of somebody who has left.
    fn standing(&self, removes: bool) -> impl Iterator<Item = &'a NativeChange> {
        let is_kept = !(removes && self.input.leaver);
        let stands = |change: &&NativeChange| {
            change.holds && matches!(change.state, NativeChangeState::Open | NativeChangeState::Accepted)
        };
        self.input.native.iter().filter(stands).filter(move |_| is_kept)
    }
}

fn why(change: &NativeChange) -> String {
    let what = format!(
        "It was changed in the application itself, seen on {} (native change {})",
        change.seen_at.strftime("%F"),
        change.id
    );
    match (change.state, &change.decided_by, change.comment.as_deref().map(str::trim)) {
        (NativeChangeState::Open, _, _) => format!("{what}; it stays until a person decides."),
        (_, None, _) => format!("{what}, and the settings accept that."),
        (_, Some(by), None | Some("")) => format!("{what}, which {by} accepted."),
        (_, Some(by), Some(comment)) => format!("{what}, which {by} accepted: {comment}"),
    }
}
