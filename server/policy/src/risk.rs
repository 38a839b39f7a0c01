//! Which rules of risks somebody breaks, by what they hold in effect: what the role model gives with all that follows
//! from it, what their applications hold although nothing gives it, and what either leads to by indirect rules. Disabled accounts
//! give no access.
//!
//! Compiled so that it costs little: only things that some rule names are looked up, and a person who holds none of them
//! is done with. [`reference`] is the slow, obvious evaluator that it is tested against. What becomes of a violation is
//! `broker::violation`'s.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use model::access::{DesiredAssignment, Grantable, Reason};
use model::account::{Account, AccountStatus};
use model::configuration::Configuration;
use model::ids::AccountId;
use model::indirect::{IndirectHolding, IndirectOrigin};
use model::risk::{BrokenRule, HeldThing};

pub mod reference;

/// The rules of all risks, by what they name.
#[derive(Debug, Default)]
pub struct RiskModel {
    rules: Vec<Rule>,
    /// Sides that each thing counts for.
    sides: HashMap<Grantable, Vec<Side>>,
    /// Account type → key in the application → entitlements, of those that some rule names.
    entitlements: HashMap<String, HashMap<String, Vec<Grantable>>>,
}

#[derive(Debug)]
struct Rule {
    risk: String,
    number: u32,
    sides: usize,
}

/// A side of a rule, by positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    rule: usize,
    side: usize,
}

impl RiskModel {
    /// Of a sound configuration; what it does not know is never held.
    pub fn compile(configuration: &Configuration) -> Self {
        let mut model = Self::default();
        for (name, risk) in &configuration.risks {
            for (number, rule) in (1_u32..).zip(&risk.rules) {
                let place = model.rules.len();
                model.rules.push(Rule { risk: name.clone(), number, sides: rule.sides.len() });
                for (side, named) in rule.sides.iter().enumerate() {
                    for thing in named.things().collect::<BTreeSet<_>>() {
                        model.sides.entry(thing).or_default().push(Side { rule: place, side });
                    }
                }
            }
        }
        for (name, entitlement) in &configuration.entitlements {
            let thing = Grantable::Entitlement(name.clone());
            if model.sides.contains_key(&thing) {
                let of_type = model.entitlements.entry_ref(&entitlement.account_type).or_default();
                of_type.entry_ref(&entitlement.key).or_default().push(thing);
            }
        }
        model
    }

    /// Whether there is no risk.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// All things that some rule names, in no order.
    pub fn things(&self) -> impl Iterator<Item = &Grantable> {
        self.sides.keys()
    }

    /// Account types and keys of entitlements that count where an application holds them.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entitlements.iter().flat_map(|(kind, keys)| keys.keys().map(move |key| (kind.as_str(), key.as_str())))
    }

    /// The things that a key in an application counts as.
    pub fn entitlements(&self, account_type: &str, key: &str) -> &[Grantable] {
        self.entitlements.get(account_type).and_then(|keys| keys.get(key)).map_or(&[], Vec::as_slice)
    }

    /// Whether holding just these breaks some rule: a quick look, before reasons are asked for.
    pub fn is_broken_by<'h>(&self, held: impl IntoIterator<Item = &'h Grantable>) -> bool {
        let mut sides: BTreeSet<Side> = BTreeSet::new();
        for thing in held {
            sides.extend(self.sides.get(thing).into_iter().flatten());
        }
        self.broken(&sides).next().is_some()
    }

    /// Every rule that somebody breaks, by risk and number, with all that they hold of each side.
    pub fn broken_rules(
        &self,
        assignments: &[DesiredAssignment],
        accounts: &[Account],
        indirect: &[IndirectHolding],
    ) -> Vec<BrokenRule> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut granted: BTreeMap<Grantable, BTreeSet<Reason>> = BTreeMap::new();
        for assignment in assignments.iter().filter(|assignment| assignment.workflow_state.grants()) {
            if self.sides.contains_key(&assignment.grantable) {
                granted.entry(assignment.grantable.clone()).or_default().extend(assignment.reasons.iter().cloned());
            }
        }
        let mut found = self.found(accounts);
        for holding in indirect {
            for thing in self.entitlements(&holding.account_type, &holding.key) {
                match &holding.from {
                    IndirectOrigin::Granted(name) => {
                        for leading in granting(name, assignments) {
                            granted.entry(thing.clone()).or_default().extend(through(leading));
                        }
                    }
                    IndirectOrigin::Account(id) => {
                        found.entry(thing.clone()).or_default().insert(*id);
                    }
                }
            }
        }
        let found = found.into_iter().filter(|(thing, _)| !granted.contains_key(thing));
        let found = found.map(|(grantable, accounts)| HeldThing {
            grantable,
            reasons: Vec::new(),
            accounts: accounts.into_iter().collect(),
        });
        let mut things: Vec<HeldThing> = found.collect();
        things.extend(granted.into_iter().map(|(grantable, reasons)| HeldThing {
            grantable,
            reasons: reasons.into_iter().collect(),
            accounts: Vec::new(),
        }));
        if things.is_empty() {
            return Vec::new();
        }
        let mut by_side: BTreeMap<Side, Vec<&HeldThing>> = BTreeMap::new();
        for thing in &things {
            for side in self.sides.get(&thing.grantable).into_iter().flatten() {
                by_side.entry(*side).or_default().push(thing);
            }
        }
        let sides: BTreeSet<Side> = by_side.keys().copied().collect();
        let mut broken: Vec<BrokenRule> = self
            .broken(&sides)
            .filter_map(|place| {
                let rule = self.rules.get(place)?;
                let sides = (0..rule.sides).map(|side| {
                    let held = by_side.get(&Side { rule: place, side }).into_iter().flatten();
                    let mut held: Vec<HeldThing> = held.map(|thing| (*thing).clone()).collect();
                    held.sort_unstable();
                    held
                });
                Some(BrokenRule { risk: rule.risk.clone(), rule: rule.number, sides: sides.collect() })
            })
            .collect();
        broken.sort_unstable();
        broken
    }

    /// What enabled accounts hold of what some rule names, with the accounts.
    fn found(&self, accounts: &[Account]) -> BTreeMap<Grantable, BTreeSet<AccountId>> {
        let mut found: BTreeMap<Grantable, BTreeSet<AccountId>> = BTreeMap::new();
        for account in accounts.iter().filter(|account| account.status == AccountStatus::Enabled) {
            let itself = Grantable::AccountType(account.account_type.clone());
            if self.sides.contains_key(&itself) {
                found.entry(itself).or_default().insert(account.id);
            }
            let Some(keys) = self.entitlements.get(&account.account_type) else { continue };
            for thing in account.entitlements.iter().filter_map(|key| keys.get(key)).flatten() {
                found.entry(thing.clone()).or_default().insert(account.id);
            }
        }
        found
    }

    /// Positions of rules of which every side is among these.
    fn broken<'s>(&'s self, sides: &'s BTreeSet<Side>) -> impl Iterator<Item = usize> + 's {
        let rules: BTreeSet<usize> = sides.iter().map(|side| side.rule).collect();
        rules.into_iter().filter(move |place| {
            let held = sides.range(Side { rule: *place, side: 0 }..Side { rule: *place + 1, side: 0 }).count();
            self.rules.get(*place).is_some_and(|rule| rule.sides > 0 && held == rule.sides)
        })
    }
}

/// Where an entitlement of that name is granted.
fn granting<'a>(name: &'a str, assignments: &'a [DesiredAssignment]) -> impl Iterator<Item = &'a DesiredAssignment> {
    let is_it = move |thing: &Grantable| matches!(thing, Grantable::Entitlement(own) if own == name);
    let granting = assignments.iter().filter(|assignment| assignment.workflow_state.grants());
    granting.filter(move |assignment| is_it(&assignment.grantable))
}

/// How something comes to which a granted entitlement leads: as that does, and through it.
fn through(leading: &DesiredAssignment) -> impl Iterator<Item = Reason> + '_ {
    leading.reasons.iter().map(|reason| {
        let mut reason = reason.clone();
        reason.path.push(leading.grantable.clone());
        reason
    })
}
