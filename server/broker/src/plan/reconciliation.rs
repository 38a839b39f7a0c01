//! What reconciliation says in a plan: what was there at go-live stays although nothing grants it, and so does what a person
//! postponed; what a person decided to remove goes, whoever put it there.

use model::account::Account;
use model::ids::AccountId;
use model::plan::{ItemKind, ItemOperation, Operation, Plan};
use model::reconciliation::{MarkKind, StandingMark};

use super::Compiler;
use super::slot::Slot;

impl<'a> Compiler<'a, '_> {
    /// Whether a person decided that this goes: an entitlement of the account, or the account itself.
    pub(super) fn is_to_go(&self, account: Option<AccountId>, key: Option<&str>) -> bool {
        self.marks(account, key).any(|mark| mark.kind == MarkKind::Remove)
    }

    /// Whether the account goes although we did not create it.
    pub(super) fn is_account_to_go(&self, account: &Account) -> bool {
        self.is_to_go(Some(account.id), None)
    }

    /// Why an entitlement stays that nothing grants.
    pub(super) fn marked_item(
        &self,
        account: Option<AccountId>,
        (kind, name): (ItemKind, &str),
        operation: ItemOperation,
    ) -> Option<String> {
        let removes = kind == ItemKind::Entitlement && operation == ItemOperation::Remove;
        if removes { self.stays(account, Some(name)) } else { None }
    }

    /// Why an account stays that nothing grants.
    pub(super) fn marked_account(&self, slot: &Slot<'_>, operation: Operation) -> Option<String> {
        if operation.removes() { self.stays(slot.account.map(|account| account.id), None) } else { None }
    }

    /// Nothing keeps the access of somebody who has left.
    fn stays(&self, account: Option<AccountId>, key: Option<&str>) -> Option<String> {
        if self.input.leaver {
            return None;
        }
        let kept = self.marks(account, key).filter(|mark| mark.kind != MarkKind::Remove);
        // A person's word before what was only found.
        kept.max_by_key(|mark| mark.kind).map(why)
    }

    fn marks(&self, account: Option<AccountId>, key: Option<&str>) -> impl Iterator<Item = &'a StandingMark> {
        let key = key.map(str::to_owned);
        let is_it = move |mark: &&StandingMark| Some(mark.account) == account && mark.entitlement == key;
        self.input.marks.iter().filter(is_it)
    }
}

fn why(mark: &StandingMark) -> String {
    let day = mark.at.strftime("%F");
    match mark.kind {
        MarkKind::PreExisting => {
            format!("It was there before go-live on {day}; it stays until a person decides (see Reconciliation).")
        }
        MarkKind::Postponed { until } => {
            format!("{} postponed the decision about it until {until}: {}", mark.by, mark.comment.trim())
        }
        MarkKind::Remove => format!("{} decided on {day} to remove it: {}", mark.by, mark.comment.trim()),
    }
}

/// Says in the plan who decided that something goes.
pub(super) fn explain(plan: &mut Plan, marks: &[StandingMark]) {
    if marks.is_empty() {
        return;
    }
    for request in plan.requests.iter_mut().filter(|request| request.account.is_some()) {
        let decided = |account: Option<AccountId>, key: Option<&str>| {
            let is_it = |mark: &&StandingMark| {
                mark.kind == MarkKind::Remove && Some(mark.account) == account && mark.entitlement.as_deref() == key
            };
            marks.iter().find(is_it).map(|mark| format!("Nothing grants it, and {}", why(mark)))
        };
        let account = request.account;
        if request.operation.removes()
            && let Some(why) = decided(account, None)
        {
            request.explanation.clone_from(&why);
            for item in request.items.iter_mut().filter(|item| item.kind == ItemKind::Lifecycle) {
                item.explanation.clone_from(&why);
            }
        }
        for item in &mut request.items {
            if item.kind == ItemKind::Entitlement
                && item.operation == ItemOperation::Remove
                && let Some(why) = decided(account, Some(&item.name))
            {
                item.explanation = why;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;
    use model::account::{Account, AccountStatus, Provenance};
    use model::ids::AccountId;
    use model::plan::Plan;
    use model::reconciliation::{MarkKind, StandingMark};
    use model::trigger::Trigger;

    use crate::plan::{PlanInput, compile};
    use crate::worlds::{Taken, access, account, catalogue, desired_account};

    fn mark(entitlement: Option<&str>, kind: MarkKind) -> StandingMark {
        StandingMark {
            account: AccountId(1),
            entitlement: entitlement.map(str::to_owned),
            kind,
            by: "ann".into(),
            at: Timestamp::UNIX_EPOCH,
            comment: "because".into(),
        }
    }

    /// What happens, and what stays, in words.
    fn outcome(plan: &Plan) -> (Vec<String>, Vec<String>) {
        let done = plan.requests.iter().map(|request| {
            let items: Vec<&str> = request.items.iter().map(|item| item.name.as_str()).collect();
            format!("{} {}", request.operation.name(), items.join(" "))
        });
        let kept = plan.retained.iter().map(|kept| format!("{}: {}", kept.name, kept.why));
        (done.collect(), kept.collect())
    }

    fn planned(accounts: &[Account], is_desired: bool, marks: &[StandingMark], leaver: bool) -> Plan {
        let desired = access(if is_desired { vec![desired_account("person", vec![], &[])] } else { vec![] });
        let input = PlanInput {
            trigger: Trigger::IdentityRefresh,
            desired: &desired,
            accounts,
            open_orders: &[],
            declined: &[],
            native: &[],
            marks,
            choices: &[],
            leaver,
        };
        compile(&input, &catalogue(), &mut Taken::default())
    }

    fn held(provenance: Provenance) -> Account {
        let held = ["A".to_owned()].into();
        Account { entitlements: held, ..account(1, "person", AccountStatus::Enabled, provenance) }
    }

    #[test]
    fn what_was_there_or_is_postponed_stays_and_what_was_decided_goes() {
        let pre_existing = MarkKind::PreExisting;
        let postponed = MarkKind::Postponed { until: date(2030, 1, 1) };
        let on_entitlement =
            |kinds: &[MarkKind]| -> Vec<StandingMark> { kinds.iter().map(|kind| mark(Some("A"), *kind)).collect() };
        // Marks, whether the person has left, whether the entitlement goes.
        for (marks, leaver, goes) in [
            (vec![], false, true),
            (on_entitlement(&[pre_existing]), false, false),
            (on_entitlement(&[postponed]), false, false),
            (on_entitlement(&[pre_existing, postponed]), false, false),
            (on_entitlement(&[pre_existing, MarkKind::Remove]), false, true),
            (on_entitlement(&[pre_existing]), true, true),
            (vec![mark(None, pre_existing)], false, true),
        ] {
            let plan = planned(&[held(Provenance::Found)], true, &marks, leaver);
            let (done, kept) = outcome(&plan);
            assert_eq!(done.iter().any(|line| line.ends_with(" A")), goes, "{marks:?} {done:?} {kept:?}");
            let is_decided = marks.iter().any(|mark| mark.kind == MarkKind::Remove);
            let item = plan.requests.iter().flat_map(|request| &request.items).find(|item| item.name == "A");
            assert_eq!(item.is_some_and(|item| item.explanation.contains("ann decided")), is_decided);
        }
    }

    #[test]
    fn an_account_that_was_found_goes_where_a_person_decided_so() {
        let cases = [
            (Provenance::Found, vec![], false),
            (Provenance::Found, vec![mark(None, MarkKind::Remove)], true),
            (Provenance::Found, vec![mark(Some("A"), MarkKind::Remove)], false),
            (Provenance::Created, vec![], true),
            (Provenance::Created, vec![mark(None, MarkKind::PreExisting)], false),
            (Provenance::Created, vec![mark(None, MarkKind::PreExisting), mark(None, MarkKind::Remove)], true),
        ];
        for (provenance, marks, goes) in cases {
            let plan = planned(&[held(provenance)], false, &marks, false);
            let removed = plan.requests.iter().any(|request| request.operation.removes());
            assert_eq!(removed, goes, "{provenance:?} {marks:?} {:?}", outcome(&plan));
        }
    }
}
