//! Somebody has several accounts of one type: nothing where it is not settled which is meant, and on those that are not
//! meant only what has to go.

use model::access::DesiredAccount;
use model::form::{Place, Question};
use model::ids::OrderId;
use model::order::Order;
use model::plan::{FilterReason, ItemKind, ItemOperation, Operation};

use super::Compiler;
use super::grant::{empty_request, has_failed_like};
use super::line::{Line, Needs};
use super::slot::{Slot, is_to_be_done};
use super::view::View;
use crate::choice::{AccountChoice, Chosen};

impl<'a> Compiler<'a, '_> {
    /// Nothing is granted while it is not settled which account is meant, and a failure is recorded. What has to go goes
    /// all the same: it is known which account holds it.
    pub(super) fn unsettled(&mut self, slot: &Slot<'a>, choice: &AccountChoice) {
        let label = self.catalogue.account_type_label(slot.account_type);
        let keys: Vec<String> = self
            .input
            .accounts
            .iter()
            .filter(|account| account.account_type == slot.account_type && super::is_there(account))
            .map(|account| format!("\u{201c}{}\u{201d}", account.key))
            .collect();
        let why = format!(
            "The identity has several accounts of type \u{201c}{label}\u{201d} ({}): {}.",
            keys.join(", "),
            choice.why
        );
        self.retain(slot, ItemKind::Lifecycle, slot.name(), why.as_str());
        if let Chosen::Ask(asked) = &choice.chosen {
            let place = Place {
                application: slot.application.to_owned(),
                account_type: slot.account_type.to_owned(),
                attribute: String::new(),
            };
            self.plan.questions.push(Question { asked: asked.clone(), place });
        }
        let failure = (choice.chosen == Chosen::Fail).then_some(why);
        let has_failed_so = |message: &str| slot.failed.iter().find(|order| has_failed_like(order, message));
        let recorded = failure.as_deref().and_then(has_failed_so).map(|order| order.id);
        if let Some(desired) = slot.desired {
            self.take_away(slot, desired, recorded);
        }
        if let Some(why) = failure.filter(|_| recorded.is_none()) {
            let explanation = "It is not settled which account is meant.".to_owned();
            self.plan.requests.push(empty_request(slot, Operation::Update, explanation, Some(why)));
        }
    }

    /// An account that is not the one meant, of a type that is wanted. What nothing grants any more is taken from the very
    /// account that holds it, where that is ours; all else stays as it is.
    pub(super) fn further(&mut self, slot: &Slot<'a>, desired: &'a DesiredAccount) {
        if let Some(used) = self.used(slot) {
            let why = format!("The identity has several accounts of this type; {used} is used in place of this one.");
            self.retain(slot, ItemKind::Lifecycle, slot.name(), why);
        }
        self.take_away(slot, desired, None);
    }

    /// `recorded` is a failure that stands: it is neither replaced nor withdrawn.
    fn take_away(&mut self, slot: &Slot<'a>, desired: &'a DesiredAccount, recorded: Option<OrderId>) {
        let sent = View::new(slot.account).with(&slot.sent);
        let lines = self.superfluous(slot, desired, &sent);
        let replaced = slot.replaceable().filter(|order| Some(*order) != recorded);
        if lines.is_empty() {
            self.plan.withdrawn.extend(replaced);
            return;
        }
        let is_kept = slot.can_be_kept()
            && !slot.is_stuck
            && !self.waits_in_vain(slot)
            && slot.unsent.iter().all(|order| only_takes_away(order, slot, &lines))
            && self.superfluous(slot, desired, &sent.clone().with(&slot.unsent)).is_empty();
        if is_kept {
            for line in &lines {
                self.filter(slot, line.kind, line.name, FilterReason::OnItsWay);
            }
            let failed = slot.failed.iter().map(|order| order.id);
            self.plan.withdrawn.extend(failed.filter(|order| Some(*order) != recorded));
            return;
        }
        let explanation = "One of several accounts of this type: it holds what nothing grants any more.".to_owned();
        let mut request = empty_request(slot, Operation::Update, explanation, None);
        request.items.extend(lines.iter().map(|line| self.entitlement_item(line)));
        request.waits_for.extend(slot.in_flight());
        request.supersedes.extend(replaced);
        self.plan.requests.push(request);
    }

    /// What it holds, that we manage and that nobody grants, offers or wants kept.
    fn superfluous(&self, slot: &Slot<'a>, desired: &'a DesiredAccount, view: &View<'a>) -> Vec<Line<'a>> {
        let is_ours = slot.account.is_some_and(|account| account.provenance != model::account::Provenance::Found);
        if !is_ours || view.status.is_none() {
            return Vec::new();
        }
        // What is kept on the account that is used is kept on all of them.
        let is_retained = |key: &str| {
            self.plan.retained.iter().any(|kept| {
                kept.account_type == slot.account_type && kept.kind == ItemKind::Entitlement && kept.name == key
            })
        };
        let mut lines: Vec<Line<'a>> = view
            .held()
            .filter_map(|key| {
                let name = self.catalogue.entitlement_of(slot.account_type, key)?;
                let is_wanted = desired.entitlements.iter().any(|wanted| wanted == name);
                let is_kept = is_wanted || is_retained(key) || self.offered(name).is_some();
                (!is_kept && self.kept_by_reviewer(slot, key).is_none()).then_some(Line {
                    kind: ItemKind::Entitlement,
                    name: key,
                    entitlement: Some(name),
                    secret: false,
                    needs: Needs::Remove,
                })
            })
            .collect();
        lines.sort_by_key(|line| line.name);
        lines
    }

    /// The account that is used instead, and why.
    fn used(&self, slot: &Slot<'_>) -> Option<String> {
        let chosen = super::slot::chosen(self.input.accounts, slot.account_type, self.input.choices)?;
        let key = format!("\u{201c}{}\u{201d}", chosen.key);
        let choice = self.input.choice(slot.account_type);
        Some(choice.map_or_else(|| key.clone(), |choice| format!("{key} ({})", choice.why)))
    }
}

/// Whether all that is left of the order is to take these from this account. One that was made while the account was the
/// one meant may grant or set something as well: it must not go out any more.
fn only_takes_away(order: &Order, slot: &Slot<'_>, lines: &[Line<'_>]) -> bool {
    order.operation == Operation::Update
        && order.account == slot.account.map(|account| account.id)
        && order.items.iter().filter(|item| is_to_be_done(item)).all(|item| {
            item.kind == ItemKind::Entitlement
                && item.operation == ItemOperation::Remove
                && lines.iter().any(|line| line.name == item.name)
        })
}
