//! What the lifecycle state makes of an account: disabled, stripped, deleted or left as it is, by its schedule; and what a legal
//! hold keeps of all that. While a step acts, what rules grant is not brought about: taking away comes before granting.

use model::access::Grantable;
use model::configuration::AccountAction;
use model::lifecycle::{AccountStage, LegalHold, Lifecycle};
use model::order::Order;
use model::plan::{ItemKind, ItemOperation, Operation};

use super::Compiler;
use super::slot::{Slot, is_to_be_done};

/// What becomes of an account that is not, or not now, to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) disable: bool,
    /// What it holds is taken away.
    pub(super) strip: bool,
    pub(super) delete: bool,
}

impl End {
    /// The usual end of an account that nothing grants.
    pub(super) const DISABLED: Self = Self { disable: true, strip: true, delete: false };
    pub(super) const DELETED: Self = Self { disable: false, strip: false, delete: true };

    fn of(stage: &AccountStage) -> Self {
        Self { disable: stage.is_disabled(), strip: stage.is_stripped(), delete: stage.is_deleted() }
    }

    /// Nothing is stripped or deleted; what was to go cannot be used at least.
    fn held(self) -> Self {
        Self { disable: self.disable || self.delete, strip: false, delete: false }
    }

    /// Whether an order does nothing beyond it.
    pub(super) fn allows(self, order: &Order) -> bool {
        let strips = || {
            let takes = |item: &&model::order::OrderItem| {
                item.kind == ItemKind::Entitlement && item.operation == ItemOperation::Remove
            };
            order.items.iter().filter(|item| is_to_be_done(item)).any(|item| takes(&item))
        };
        match order.operation {
            Operation::Delete => self.delete,
            Operation::Disable => self.disable && (self.strip || !strips()),
            Operation::Update => self.strip || !strips(),
            Operation::Create | Operation::Enable => false,
        }
    }
}

impl<'a> Compiler<'a, '_> {
    fn lifecycle(&self) -> Option<&'a Lifecycle> {
        self.input.desired.lifecycle.as_deref()
    }

    pub(super) fn legal_hold(&self) -> Option<&'a LegalHold> {
        self.lifecycle()?.standing.legal_hold.as_ref()
    }

    /// Whether a step acts on accounts of this type, so that they are not brought to what is granted.
    pub(super) fn is_staged(&self, account_type: &str) -> bool {
        self.lifecycle().and_then(|lifecycle| lifecycle.stage(account_type)).is_some_and(AccountStage::is_acting)
    }

    /// What the state says becomes of the account now, or why nothing; none where it says nothing of it.
    pub(super) fn staged(&self, slot: &Slot<'_>) -> Option<Result<End, String>> {
        let lifecycle = self.lifecycle()?;
        let stage = lifecycle.stage(slot.account_type)?;
        if stage.is_acting() {
            return Some(Ok(End::of(stage)));
        }
        let next = stage.to_come().iter().find(|step| step.action != AccountAction::Keep);
        let until = next.map_or_else(String::new, |step| format!("; it will be {} on {}", step.action.done(), step.on));
        Some(Err(format!("{}: it is left as it is{until}.", lifecycle.standing.since_when())))
    }

    /// The end, as far as a legal hold lets it come.
    pub(super) fn as_held(&self, end: End) -> End {
        if self.legal_hold().is_some() { end.held() } else { end }
    }

    /// Why the state, and no lack of a rule, ends the account or takes the thing: a sentence.
    pub(super) fn because_of_state(&self, slot: &Slot<'_>) -> Option<String> {
        let lifecycle = self.lifecycle()?;
        let standing = &lifecycle.standing;
        let stage = lifecycle.stage(slot.account_type).filter(|stage| stage.is_acting());
        match (stage, &standing.legal_hold) {
            (Some(_), Some(_)) => {
                Some(format!("Disabled because {}; a legal hold keeps the rest.", standing.since_when()))
            }
            (Some(stage), None) => Some(format!("{}.", stage.said(standing))),
            (None, _) => self.withheld(&Grantable::AccountType(slot.account_type.to_owned())),
        }
    }

    /// Why something that is given is not held, where the state is why.
    pub(super) fn withheld(&self, grantable: &Grantable) -> Option<String> {
        let lifecycle = self.lifecycle().filter(|lifecycle| lifecycle.withholds(grantable))?;
        Some(format!("Withheld: {}.", lifecycle.standing.since_when()))
    }

    /// Why no account of this type comes although one is granted: the state holds it back, or one that it stands on.
    pub(super) fn held_back(&self, account_type: &str) -> Option<String> {
        let lifecycle = self.lifecycle()?;
        let of_type = |account: &&model::account::Account| account.account_type == account_type;
        if self.input.accounts.iter().filter(of_type).any(super::is_there) {
            return None;
        }
        let needs = |why: String| {
            let label = self.catalogue.account_type_label(account_type);
            format!("It needs an account of type \u{201c}{label}\u{201d} first. {why}")
        };
        if let Some(why) = self.withheld(&Grantable::AccountType(account_type.to_owned())) {
            return Some(needs(why));
        }
        if !self.input.desired.accounts.iter().any(|desired| desired.account_type == account_type) {
            return None;
        }
        match lifecycle.stage(account_type).filter(|stage| stage.is_acting()) {
            Some(stage) => Some(needs(format!("{}.", stage.said(&lifecycle.standing)))),
            None => {
                self.catalogue.account_type(account_type)?.depends_on.iter().find_map(|needed| self.held_back(needed))
            }
        }
    }

    /// Says of what the account holds why it stays.
    pub(super) fn retain_held(&mut self, slot: &Slot<'a>, key: &str, end: End) {
        let why = match (self.legal_hold(), self.lifecycle()) {
            _ if end.strip || end.delete => return,
            (Some(hold), _) => hold.why(),
            (None, Some(lifecycle)) => {
                let stage = lifecycle.stage(slot.account_type);
                let strips = |action| matches!(action, AccountAction::Strip | AccountAction::Delete);
                let next = stage.and_then(|stage| stage.to_come().iter().find(|step| strips(step.action)));
                let until = next.map_or_else(String::new, |step| format!(", until {}", step.on));
                format!("{}: what the account holds stays{until}.", lifecycle.standing.since_when())
            }
            (None, None) => return,
        };
        self.retain(slot, ItemKind::Entitlement, key, why);
    }
}
