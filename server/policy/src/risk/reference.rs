//! What breaking a rule *means*, thing by thing and by name, with nothing prepared. [`super::RiskModel`] is tested
//! against it.
//!
//! - A thing is held where the role model gives it, roles and all that follows from them included; an offer is not held.
//! - Else an account type is held by whoever owns an enabled account of it, and an entitlement by whoever owns an enabled
//!   account of its type that has its key.
//! - A side is met by any of its things, a rule broken by whoever meets every side.

use std::collections::BTreeSet;

use model::access::{DesiredAssignment, Grantable};
use model::account::{Account, AccountStatus};
use model::configuration::Configuration;
use model::ids::AccountId;
use model::risk::{BrokenRule, HeldThing};

/// Every rule that somebody breaks, worked out by the book.
pub fn broken_rules(
    configuration: &Configuration,
    assignments: &[DesiredAssignment],
    accounts: &[Account],
) -> Vec<BrokenRule> {
    let mut broken = Vec::new();
    for (name, risk) in &configuration.risks {
        for (position, rule) in risk.rules.iter().enumerate() {
            let mut sides = Vec::new();
            for side in &rule.sides {
                let things: BTreeSet<Grantable> = side.things().collect();
                let held = things.into_iter().filter_map(|thing| held(configuration, thing, assignments, accounts));
                sides.push(held.collect::<Vec<HeldThing>>());
            }
            if !sides.is_empty() && sides.iter().all(|side| !side.is_empty()) {
                broken.push(BrokenRule { risk: name.clone(), rule: position as u32 + 1, sides });
            }
        }
    }
    broken
}

fn held(
    configuration: &Configuration,
    thing: Grantable,
    assignments: &[DesiredAssignment],
    accounts: &[Account],
) -> Option<HeldThing> {
    for assignment in assignments {
        if assignment.grantable == thing && assignment.workflow_state.grants() {
            let reasons: BTreeSet<_> = assignment.reasons.iter().cloned().collect();
            return Some(HeldThing { grantable: thing, reasons: reasons.into_iter().collect(), accounts: Vec::new() });
        }
    }
    let mut found: BTreeSet<AccountId> = BTreeSet::new();
    for account in accounts {
        if account.status == AccountStatus::Enabled && has(configuration, &thing, account) {
            found.insert(account.id);
        }
    }
    let accounts: Vec<AccountId> = found.into_iter().collect();
    if accounts.is_empty() { None } else { Some(HeldThing { grantable: thing, reasons: Vec::new(), accounts }) }
}

fn has(configuration: &Configuration, thing: &Grantable, account: &Account) -> bool {
    match thing {
        Grantable::AccountType(name) => account.account_type == *name,
        Grantable::Entitlement(name) => {
            let Some(entitlement) = configuration.entitlements.get(name) else { return false };
            account.account_type == entitlement.account_type && account.entitlements.contains(&entitlement.key)
        }
        Grantable::Role(_) | Grantable::AccessProfile(_) => false,
    }
}
