//! What breaking a rule *means*, thing by thing and by name, with nothing prepared. [`super::RiskModel`] is tested
//! against it.
//!
//! - A thing is held where the role model gives it, roles and all that follows from them included; an offer is not held.
//! - Else an account type is held by whoever owns an enabled account of it, and an entitlement by whoever owns an enabled
//!   account of its type that has its key.
//! - An entitlement is held as well where something held leads to it: granted, where that is granted, and by that way.
//! - A side is met by any of its things, a rule broken by whoever meets every side.

use std::collections::BTreeSet;

use model::access::{DesiredAssignment, Grantable};
use model::account::{Account, AccountStatus};
use model::configuration::Configuration;
use model::ids::AccountId;
use model::indirect::{IndirectHolding, IndirectOrigin};
use model::risk::{BrokenRule, HeldThing};

/// Every rule that somebody breaks, worked out by the book.
pub fn broken_rules(
    configuration: &Configuration,
    assignments: &[DesiredAssignment],
    accounts: &[Account],
    indirect: &[IndirectHolding],
) -> Vec<BrokenRule> {
    let mut broken = Vec::new();
    for (name, risk) in &configuration.risks {
        for (position, rule) in risk.rules.iter().enumerate() {
            let mut sides = Vec::new();
            for side in &rule.sides {
                let things: BTreeSet<Grantable> = side.things().collect();
                let held =
                    things.into_iter().filter_map(|thing| held(configuration, thing, assignments, accounts, indirect));
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
    indirect: &[IndirectHolding],
) -> Option<HeldThing> {
    let mut is_granted = false;
    let mut reasons = BTreeSet::new();
    let mut found: BTreeSet<AccountId> = BTreeSet::new();
    for assignment in assignments {
        if !assignment.workflow_state.grants() {
            continue;
        }
        if assignment.grantable == thing {
            is_granted = true;
            reasons.extend(assignment.reasons.iter().cloned());
        }
        for holding in indirect {
            let leads = IndirectOrigin::Granted(assignment.grantable.name().to_owned()) == holding.from
                && matches!(assignment.grantable, Grantable::Entitlement(_));
            if leads && is_it(configuration, &thing, holding) {
                is_granted = true;
                reasons.extend(assignment.reasons.iter().cloned().map(|mut reason| {
                    reason.path.push(assignment.grantable.clone());
                    reason
                }));
            }
        }
    }
    if is_granted {
        return Some(HeldThing { grantable: thing, reasons: reasons.into_iter().collect(), accounts: Vec::new() });
    }
    for account in accounts {
        if account.status == AccountStatus::Enabled && has(configuration, &thing, account) {
            found.insert(account.id);
        }
    }
    for holding in indirect {
        match holding.from {
            IndirectOrigin::Account(account) if is_it(configuration, &thing, holding) => found.insert(account),
            _ => false,
        };
    }
    let accounts: Vec<AccountId> = found.into_iter().collect();
    if accounts.is_empty() { None } else { Some(HeldThing { grantable: thing, reasons: Vec::new(), accounts }) }
}

fn is_it(configuration: &Configuration, thing: &Grantable, holding: &IndirectHolding) -> bool {
    let Grantable::Entitlement(name) = thing else { return false };
    let entitlement = configuration.entitlements.get(name);
    entitlement.is_some_and(|it| it.account_type == holding.account_type && it.key == holding.key)
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
