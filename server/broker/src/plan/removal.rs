//! Plans for an account that nothing grants any more, or that the lifecycle state ends: disable it, take what it holds, delete
//! it, or leave it alone.

use model::access::Grantable;
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::OnRemoval;
use model::ids::OrderId;
use model::order::ProvisioningState;
use model::plan::{AccountRequest, AttributeRequest, FilterReason, ItemKind, ItemOperation, Operation};

use super::grant::{empty_request, lifecycle_item};
use super::slot::Slot;
use super::stage::End;
use super::view::View;
use super::{Compiler, Progress, rules};

impl<'a> Compiler<'a, '_> {
    /// Plans for an account that is not desired.
    pub(super) fn remove(&mut self, slot: &Slot<'a>) {
        let sent = View::new(slot.account).with(&slot.sent);
        let Some(account) = slot.account else {
            self.never_there(slot, &sent);
            return;
        };
        let end = match self.end(slot, account) {
            Ok(end) => {
                let held = self.as_held(end);
                if end.delete
                    && !held.delete
                    && let Some(hold) = self.legal_hold()
                {
                    self.retain(slot, ItemKind::Lifecycle, &account.key, hold.why());
                }
                held
            }
            Err(why) => {
                self.retain(slot, ItemKind::Lifecycle, &account.key, why);
                self.plan.withdrawn.extend(slot.replaceable());
                return;
            }
        };
        for key in sent.held().filter(|_| !end.delete && sent.status.is_some()) {
            if self.catalogue.entitlement_of(slot.account_type, key).is_none() {
                self.retain(slot, ItemKind::Entitlement, key, "Quartermaster does not manage it.");
            } else if let Some(why) = self.kept_by_reviewer(slot, key) {
                self.retain(slot, ItemKind::Entitlement, key, why);
            } else {
                self.retain_held(slot, key, end);
            }
        }
        let needed = self.needed(slot, &sent, end);
        let awaits = slot.facts.map_or(&[][..], |facts| &facts.needed_by);
        let (after, awaited) = self.waits_for(awaits);
        let is_kept = needed.is_some()
            && slot.can_be_kept()
            && !slot.is_stuck
            && !slot.is_misrouted
            && !self.waits_in_vain(slot)
            && after.is_empty()
            && slot.unsent.iter().all(|order| end.allows(order))
            && self.needed(slot, &sent.clone().with(&slot.unsent), end).is_none();
        let Some(operation) = needed else {
            let why = if View::new(Some(account)).status == sent.status {
                FilterReason::AlreadySo
            } else {
                FilterReason::OnItsWay
            };
            self.filter(slot, ItemKind::Lifecycle, &account.key, why);
            self.plan.withdrawn.extend(slot.replaceable());
            self.note_removal(slot, None, &[]);
            return;
        };
        if let Some(why) = self.declined_account(slot, operation).filter(|_| operation.removes()) {
            self.retain(slot, ItemKind::Lifecycle, &account.key, why);
            self.plan.withdrawn.extend(slot.replaceable());
            self.note_removal(slot, None, &[]);
            return;
        }
        if is_kept {
            self.filter(slot, ItemKind::Lifecycle, &account.key, FilterReason::OnItsWay);
            self.plan.withdrawn.extend(slot.failed.iter().map(|order| order.id));
            let kept: Vec<OrderId> =
                slot.unsent.iter().filter(|order| order.operation.removes()).map(|order| order.id).collect();
            self.note_removal(slot, None, &kept);
            return;
        }
        let mut request = self.removal_request(slot, account, operation, &sent, end);
        request.waits_for.extend(slot.in_flight());
        request.supersedes.extend(slot.replaceable());
        if operation.removes() {
            request.after = after;
            request.waits_for.extend(awaited);
        } else {
            self.filter(slot, ItemKind::Lifecycle, &account.key, FilterReason::AlreadySo);
        }
        self.note_removal(slot, operation.removes().then_some(self.plan.requests.len()), &[]);
        self.plan.requests.push(request);
    }

    /// What is to become of the account, or why nothing.
    fn end(&self, slot: &Slot<'_>, account: &Account) -> Result<End, String> {
        let Some(facts) = slot.facts else {
            return Err("The configuration does not know the account type any more.".to_owned());
        };
        if let Some(end) = self.taken_back(account, facts.on_removal) {
            return Ok(end);
        }
        // What is found and desired is taken over with this plan.
        if account.provenance == Provenance::Found && slot.desired.is_none() && !self.is_account_to_go(account) {
            return Err("Quartermaster did not create it.".to_owned());
        }
        if let Some(staged) = self.staged(slot) {
            return staged;
        }
        match facts.on_removal {
            OnRemoval::Disable => Ok(End::DISABLED),
            OnRemoval::Delete => Ok(End::DELETED),
            OnRemoval::Keep => {
                Err(format!("Account type \u{201c}{}\u{201d} says that accounts are kept.", facts.display_name))
            }
        }
    }

    /// The operation that is still needed, if any.
    fn needed(&self, slot: &Slot<'_>, view: &View<'_>, end: End) -> Option<Operation> {
        let managed = |key: &str| {
            self.catalogue.entitlement_of(slot.account_type, key).is_some()
                && self.kept_by_reviewer(slot, key).is_none()
        };
        match view.status? {
            AccountStatus::Gone => None,
            _ if end.delete => Some(Operation::Delete),
            AccountStatus::Enabled if end.disable => Some(Operation::Disable),
            _ => (end.strip && view.held().any(managed)).then_some(Operation::Update),
        }
    }

    fn removal_request(
        &self,
        slot: &Slot<'a>,
        account: &Account,
        operation: Operation,
        view: &View<'a>,
        end: End,
    ) -> AccountRequest {
        let denied = self
            .input
            .desired
            .denied
            .iter()
            .find(|denied| matches!(&denied.grantable, Grantable::AccountType(name) if name == slot.account_type));
        let by_state = self.because_of_state(slot);
        let explanation = match denied {
            _ if let Some(why) = &by_state => why.clone(),
            Some(denied) => format!("Taken away by {}.", rules(std::slice::from_ref(&denied.denied_by))),
            None if self.input.leaver => "The identity has left; nothing grants this account any more.".to_owned(),
            None => "Nothing grants this account any more.".to_owned(),
        };
        let mut request = empty_request(slot, operation, explanation, None);
        request.reasons.extend(denied.filter(|_| by_state.is_none()).map(|denied| denied.denied_by.clone()));
        if operation != Operation::Update {
            request.items.push(lifecycle_item(&account.key, &request));
        }
        if operation != Operation::Delete && end.strip {
            for key in view.held() {
                let Some(name) = self.catalogue.entitlement_of(slot.account_type, key) else { continue };
                if self.kept_by_reviewer(slot, key).is_some() {
                    continue;
                }
                request.items.push(AttributeRequest {
                    kind: ItemKind::Entitlement,
                    name: key.to_owned(),
                    operation: ItemOperation::Remove,
                    value: None,
                    current: None,
                    entitlement: Some(name.to_owned()),
                    reasons: request.reasons.clone(),
                    explanation: by_state
                        .clone()
                        .unwrap_or_else(|| "Nothing grants the account that holds it any more.".to_owned()),
                    secret: false,
                });
            }
        }
        request
    }

    /// Why an entitlement stays with an account that goes.
    pub(super) fn kept_by_reviewer(&self, slot: &Slot<'_>, key: &str) -> Option<String> {
        let account = slot.account.map(|account| account.id);
        self.declined_item(slot.account_type, account, (ItemKind::Entitlement, key), ItemOperation::Remove, &[None])
    }

    /// No account is known, but orders are.
    fn never_there(&mut self, slot: &Slot<'a>, sent: &View<'a>) {
        self.plan.withdrawn.extend(slot.replaceable());
        if slot.desired.is_some()
            && let Some(why) = self.because_of_state(slot)
        {
            self.retain(slot, ItemKind::Lifecycle, slot.name(), format!("It is not created. {why}"));
        }
        if sent.is_being_created() {
            let order = slot.sent.iter().rev().find(|order| order.operation == Operation::Create);
            let order = order.map_or_else(String::new, |order| format!(" by order {}", order.id));
            let why = format!("It is being created{order}; what becomes of it is decided once that is answered.");
            self.retain(slot, ItemKind::Lifecycle, slot.name(), why);
        }
    }

    /// Says how far this account is, for those that have to wait until it is gone.
    fn note_removal(&mut self, slot: &Slot<'a>, request: Option<usize>, kept: &[OrderId]) {
        let sent = slot.sent.iter().filter(|order| order.operation.removes());
        let sent = sent.filter(|order| order.state != ProvisioningState::Executed).map(|order| order.id);
        self.progress.push(Progress {
            account_type: slot.account_type,
            exists: true,
            request,
            orders: sent.chain(kept.iter().copied()).collect(),
        });
    }
}
