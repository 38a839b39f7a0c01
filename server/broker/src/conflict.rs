//! What a plan makes of risks: access that would newly complete one is left out, or waits for a person. Who breaks which
//! rule is `policy::risk`'s, and what becomes of the violation [`crate::violation`]'s; here it is only about orders.
//!
//! - A side of a rule is in effect where something of it is held in the application already, or is on its way there. What
//!   is in effect is left as it is: who holds both sides already is not changed by a risk.
//! - A rule of which a side is not in effect would be completed by what brings that side about: the entitlement or account
//!   itself; of a role or an access profile that which comes by nothing else.
//! - What somebody holds indirectly is completed by what leads to it.
//! - Where the risk *blocks*, that is taken out of what is desired before the plan is made ([`leave_out`]), and the plan
//!   says so ([`explain`]). Where it asks for *approval*, the orders that bring it wait for a person ([`hold`]).
//! - What cannot be left out without taking something away is held instead: an account that is there and disabled, and
//!   one that others need. What would be filled in later without another look is left out first: an entitlement of a new
//!   account whose values are still to come; it is ordered, and held, once the account is there.

use hashbrown::HashMap;
use model::access::{DesiredAccess, Grantable};
use model::account::{Account, AccountStatus};
use model::indirect::{IndirectHolding, IndirectOrigin};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{FilterReason, Filtered, ItemKind, ItemOperation, Operation, Plan};
use model::risk::{BrokenRule, HeldThing};

use crate::catalogue::Catalogue;
use crate::fingerprint;

/// Access that would complete a risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// An entitlement or an account type.
    pub thing: Grantable,
    /// Left out of the plan; its orders wait for a person otherwise.
    pub is_left_out: bool,
    /// Name of the risk.
    pub risk: String,
    /// What is the matter, a sentence.
    pub message: String,
}

/// What happens to orders that would complete a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    Hold,
    LeaveOut,
}

/// All that is looked at for one identity.
pub struct Situation<'a> {
    pub desired: &'a DesiredAccess,
    pub accounts: &'a [Account],
    pub open_orders: &'a [Order],
    /// What is held indirectly, by what is granted and what accounts hold.
    pub indirect: &'a [IndirectHolding],
    pub catalogue: &'a Catalogue,
    /// What happens where this rule would be completed; none where nothing does.
    pub guard: &'a dyn Fn(&BrokenRule) -> Option<Guard>,
    /// What people call the risk, and a thing.
    pub risk_label: &'a dyn Fn(&str) -> String,
    pub label: &'a dyn Fn(&Grantable) -> String,
}

/// What would complete these rules, each thing once, sorted. Left out goes before held.
pub fn conflicts(situation: &Situation<'_>, broken: &[BrokenRule]) -> Vec<Conflict> {
    let mut found: HashMap<Grantable, Conflict> = HashMap::new();
    for rule in broken {
        let Some(guard) = (situation.guard)(rule) else { continue };
        let brings: Vec<Vec<Vec<Grantable>>> =
            rule.sides.iter().map(|side| side.iter().map(|thing| situation.brings(thing)).collect()).collect();
        for (position, side) in brings.iter().enumerate() {
            if side.iter().any(Vec::is_empty) {
                continue;
            }
            let others: Vec<String> = rule
                .sides
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != position)
                .map(|(_, things)| names(things.iter().map(|thing| (situation.label)(&thing.grantable))))
                .collect();
            let leads_to = rule.sides.get(position).into_iter().flatten();
            for (thing, leads_to) in side.iter().zip(leads_to).flat_map(|(all, to)| all.iter().map(move |it| (it, to)))
            {
                let conflict = situation.conflict(thing, &leads_to.grantable, guard, rule, &others);
                let known = found.entry(thing.clone()).or_insert_with(|| conflict.clone());
                if conflict.is_left_out && !known.is_left_out {
                    *known = conflict;
                }
            }
        }
    }
    let mut all: Vec<Conflict> = found.into_values().collect();
    all.sort_by(|left, right| left.thing.cmp(&right.thing));
    all
}

/// Takes out of what is desired what the plan is to leave out.
pub fn leave_out(desired: &mut DesiredAccess, conflicts: &[Conflict]) {
    for conflict in conflicts.iter().filter(|conflict| conflict.is_left_out) {
        match &conflict.thing {
            Grantable::AccountType(name) => desired.accounts.retain(|account| account.account_type != *name),
            Grantable::Entitlement(name) => {
                for account in &mut desired.accounts {
                    account.entitlements.retain(|held| held != name);
                }
            }
            Grantable::Role(_) | Grantable::AccessProfile(_) => {}
        }
    }
}

/// Says in the plan what was left out, and why.
pub fn explain(plan: &mut Plan, conflicts: &[Conflict], catalogue: &Catalogue) {
    for conflict in conflicts.iter().filter(|conflict| conflict.is_left_out) {
        let (kind, account_type, name) = match &conflict.thing {
            Grantable::Entitlement(name) => match catalogue.entitlement(name) {
                Some(facts) => (ItemKind::Entitlement, facts.account_type.clone(), facts.key.clone()),
                None => continue,
            },
            thing => (ItemKind::Lifecycle, thing.name().to_owned(), thing.name().to_owned()),
        };
        let application = catalogue.account_type(&account_type).map(|facts| facts.application.clone());
        plan.filtered.push(Filtered {
            application: application.unwrap_or_default(),
            account_type,
            kind,
            name,
            why: FilterReason::Risk,
            because: Some(conflict.message.clone()),
        });
    }
    plan.filtered.sort_by(|left, right| {
        let key = |filtered: &Filtered| {
            (filtered.application.clone(), filtered.account_type.clone(), filtered.kind, filtered.name.clone())
        };
        key(left).cmp(&key(right))
    });
}

/// Puts an order that would complete a risk to where a person decides about it. Answers whether it was.
pub fn hold(order: &mut Order, conflicts: &[Conflict]) -> bool {
    if order.state != ProvisioningState::Pending {
        return false;
    }
    let brings = |conflict: &&Conflict| match &conflict.thing {
        Grantable::Entitlement(name) => order
            .items
            .iter()
            .any(|item| item.operation == ItemOperation::Add && item.entitlement.as_deref() == Some(name)),
        Grantable::AccountType(name) => {
            order.account_type == *name && matches!(order.operation, Operation::Create | Operation::Enable)
        }
        Grantable::Role(_) | Grantable::AccessProfile(_) => false,
    };
    let Some(conflict) = conflicts.iter().filter(|conflict| !conflict.is_left_out).find(brings) else { return false };
    order.state = ProvisioningState::AwaitingApproval;
    order.reason = Some(StateReason::Risk { risk: conflict.risk.clone(), message: conflict.message.clone() });
    for item in &mut order.items {
        item.state = ProvisioningState::AwaitingApproval;
    }
    order.fingerprint = fingerprint::of(order, order.state, order.reason.as_ref());
    true
}

impl Situation<'_> {
    /// `leads_to` is what counts for the rule, by the thing or what it leads to.
    fn conflict(
        &self,
        thing: &Grantable,
        leads_to: &Grantable,
        guard: Guard,
        rule: &BrokenRule,
        others: &[String],
    ) -> Conflict {
        let is_left_out = match guard {
            Guard::Hold => self.is_filled_in_later(thing),
            Guard::LeaveOut => self.can_be_left_out(thing),
        };
        let then = match guard {
            Guard::LeaveOut if is_left_out => "It is not ordered.",
            Guard::Hold if is_left_out => "It is ordered, for a review, once the account is there.",
            _ => "It waits for a person.",
        };
        let label = match (thing, leads_to) {
            (Grantable::Entitlement(leading), Grantable::Entitlement(to)) if leading != to => {
                format!("{} leads to {}, which", (self.label)(thing), (self.label)(leads_to))
            }
            _ => (self.label)(thing),
        };
        let what = match others {
            [] => format!("{label} is a risk by itself"),
            others => format!("{label} together with {}", others.join(" and ")),
        };
        let message = format!("Risk \u{201c}{}\u{201d}: {what}. {then}", (self.risk_label)(&rule.risk));
        Conflict { thing: thing.clone(), is_left_out, risk: rule.risk.clone(), message }
    }

    /// What a thing still has to bring about, to be in effect; empty where it is.
    fn brings(&self, thing: &HeldThing) -> Vec<Grantable> {
        if thing.reasons.is_empty() {
            return Vec::new();
        }
        match &thing.grantable {
            Grantable::Entitlement(_) | Grantable::AccountType(_) => {
                let mut brought = thing.brought_by();
                // Where it is there itself, or one of them is, which leads to it, nothing has to bring it about.
                let is_there = |thing: &Grantable| self.is_in_effect(thing);
                if is_there(&thing.grantable) || brought.iter().any(is_there) || self.is_led_to(&thing.grantable) {
                    brought.clear();
                }
                brought
            }
            bundle => {
                let only_so = self.desired.assignments.iter().filter(|assignment| {
                    assignment.workflow_state.grants()
                        && matches!(assignment.grantable, Grantable::Entitlement(_) | Grantable::AccountType(_))
                        && !assignment.reasons.is_empty()
                        && assignment.reasons.iter().all(|reason| reason.path.contains(bundle))
                });
                let brought: Vec<Grantable> = only_so
                    .map(|assignment| assignment.grantable.clone())
                    .filter(|thing| !self.is_in_effect(thing))
                    .collect();
                // An account without what makes it matter does no harm, and what hangs on it goes on.
                let entitlements: Vec<Grantable> =
                    brought.iter().filter(|thing| matches!(thing, Grantable::Entitlement(_))).cloned().collect();
                if entitlements.is_empty() { brought } else { entitlements }
            }
        }
    }

    /// Whether it is held in the application, or on its way there on somebody's word or without anybody asking for one.
    fn is_in_effect(&self, thing: &Grantable) -> bool {
        let mut enabled = self.accounts.iter().filter(|account| account.status == AccountStatus::Enabled);
        let mut orders = self.open_orders.iter().filter(|order| order.state != ProvisioningState::AwaitingApproval);
        match thing {
            Grantable::AccountType(name) => {
                enabled.any(|account| account.account_type == *name)
                    || orders.any(|order| {
                        order.account_type == *name && matches!(order.operation, Operation::Create | Operation::Enable)
                    })
            }
            Grantable::Entitlement(name) => {
                let Some(facts) = self.catalogue.entitlement(name) else { return true };
                enabled.any(|account| {
                    account.account_type == facts.account_type && account.entitlements.contains(&facts.key)
                }) || orders.flat_map(|order| &order.items).any(|item| {
                    item.operation == ItemOperation::Add
                        && item.entitlement.as_ref() == Some(name)
                        && item.state != ProvisioningState::Inactive
                })
            }
            Grantable::Role(_) | Grantable::AccessProfile(_) => false,
        }
    }

    /// Whether something that accounts hold leads to it already.
    fn is_led_to(&self, thing: &Grantable) -> bool {
        let Grantable::Entitlement(name) = thing else { return false };
        let Some(facts) = self.catalogue.entitlement(name) else { return false };
        let mut of_accounts = self.indirect.iter().filter(|holding| matches!(holding.from, IndirectOrigin::Account(_)));
        of_accounts.any(|holding| holding.is(&facts.account_type, &facts.key))
    }

    /// Whether nothing is taken away, and nothing else fails, where it is not ordered.
    fn can_be_left_out(&self, thing: &Grantable) -> bool {
        let Grantable::AccountType(name) = thing else { return true };
        let is_there = self.has_account(name);
        let is_needed = self.desired.accounts.iter().any(|account| {
            let facts = self.catalogue.account_type(&account.account_type);
            facts.is_some_and(|facts| facts.comes_after.contains(name))
        });
        !is_there && !is_needed
    }

    /// Whether its order would wait for values, and go out with them without another look.
    fn is_filled_in_later(&self, thing: &Grantable) -> bool {
        let Grantable::Entitlement(name) = thing else { return false };
        let Some(facts) = self.catalogue.entitlement(name) else { return false };
        let own = &facts.account_type;
        let Some(kind) = self.catalogue.account_type(own) else { return false };
        let gives_values =
            |from: &String| self.catalogue.account_type(from).is_some_and(|kind| kind.referred_by.contains(own));
        !self.has_account(own) && kind.comes_after.iter().any(gives_values)
    }

    fn has_account(&self, account_type: &str) -> bool {
        self.accounts
            .iter()
            .any(|account| account.account_type == account_type && account.status != AccountStatus::Gone)
    }
}

fn names(labels: impl Iterator<Item = String>) -> String {
    labels.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use model::access::DesiredValue;
    use model::account::Provenance;
    use model::ids::AccountId;
    use model::value::Value;

    use super::*;
    use crate::worlds::{Taken, access, account, attribute, catalogue, compile, desired_account, orders};

    fn person(entitlements: &[&str]) -> DesiredAccess {
        let login = vec![attribute("login", DesiredValue::Value(Value::from("ada")))];
        access(vec![desired_account("person", login, entitlements)])
    }

    fn holding(keys: &[&str]) -> Account {
        let entitlements = keys.iter().map(|key| (*key).to_owned()).collect();
        Account { entitlements, ..account(1, "person", AccountStatus::Enabled, Provenance::Created) }
    }

    fn thing(desired: &DesiredAccess, name: &str) -> HeldThing {
        let grantable = Grantable::Entitlement(name.to_owned());
        let found = desired.assignments.iter().find(|assignment| assignment.grantable == grantable);
        HeldThing {
            reasons: found.map_or_else(Vec::new, |found| found.reasons.clone()),
            accounts: Vec::new(),
            grantable,
        }
    }

    fn rule(desired: &DesiredAccess, sides: &[&str]) -> BrokenRule {
        let sides = sides.iter().map(|name| vec![thing(desired, name)]).collect();
        BrokenRule { risk: "pair".into(), rule: 1, sides }
    }

    fn found(desired: &DesiredAccess, accounts: &[Account], open: &[Order], guard: Option<Guard>) -> Vec<Conflict> {
        let situation = Situation {
            desired,
            accounts,
            open_orders: open,
            indirect: &[],
            catalogue: &catalogue(),
            guard: &|_| guard,
            risk_label: &|name| name.to_uppercase(),
            label: &|thing| thing.name().to_owned(),
        };
        conflicts(&situation, &[rule(desired, &["person-a", "person-b"])])
    }

    fn told(conflicts: &[Conflict]) -> Vec<(&str, bool)> {
        conflicts.iter().map(|conflict| (conflict.thing.name(), conflict.is_left_out)).collect()
    }

    #[test]
    fn only_what_is_new_is_in_conflict() {
        let desired = person(&["person-a", "person-b"]);
        let key = |name: &str| catalogue().entitlement(name).unwrap().key.clone();
        let (a, b) = (key("person-a"), key("person-b"));
        let holds = |keys: &[&str]| vec![holding(keys)];
        for (accounts, expected) in [
            (vec![], &["person-a", "person-b"][..]),
            (holds(&[&a]), &["person-b"]),
            (holds(&[&b]), &["person-a"]),
            (holds(&[&a, &b]), &[]),
        ] {
            let conflicts = found(&desired, &accounts, &[], Some(Guard::LeaveOut));
            let expected: Vec<(&str, bool)> = expected.iter().map(|name| (*name, true)).collect();
            assert_eq!(told(&conflicts), expected);
            assert_eq!(found(&desired, &accounts, &[], None), []);
        }
    }

    #[test]
    fn what_is_left_out_is_said_and_what_is_held_waits() {
        let desired = person(&["person-a", "person-b"]);
        let key = catalogue().entitlement("person-a").unwrap().key.clone();
        let accounts = vec![holding(&[&key])];
        let conflicts = found(&desired, &accounts, &[], Some(Guard::LeaveOut));
        assert_eq!(
            conflicts[0].message,
            "Risk \u{201c}PAIR\u{201d}: person-b together with person-a. It is not ordered."
        );
        let mut less = desired.clone();
        leave_out(&mut less, &conflicts);
        assert_eq!(less.accounts[0].entitlements, ["person-a"]);
        let mut plan = compile(&less, &accounts, &[], &mut Taken::default());
        let is_added = |plan: &Plan| {
            plan.requests
                .iter()
                .flat_map(|request| &request.items)
                .any(|item| item.entitlement.as_deref() == Some("person-b"))
        };
        assert!(!is_added(&plan));
        explain(&mut plan, &conflicts, &catalogue());
        let risky: Vec<_> = plan.filtered.iter().filter(|filtered| filtered.why == FilterReason::Risk).collect();
        assert_eq!(risky.len(), 1);
        assert_eq!(risky[0].because.as_deref(), Some(&*conflicts[0].message));

        let conflicts = found(&desired, &accounts, &[], Some(Guard::Hold));
        assert_eq!(told(&conflicts), [("person-b", false)]);
        let plan = compile(&desired, &accounts, &[], &mut Taken::default());
        assert!(is_added(&plan));
        let mut made = orders(&plan, 100);
        assert!(hold(&mut made[0], &conflicts));
        assert_eq!(made[0].state, ProvisioningState::AwaitingApproval);
        assert!(matches!(&made[0].reason, Some(StateReason::Risk { risk, .. }) if risk == "pair"));
        assert!(made[0].items.iter().all(|item| item.state == ProvisioningState::AwaitingApproval));
        // What waits for a person is not on its way yet; once approved it is.
        assert_eq!(told(&found(&desired, &accounts, &made, Some(Guard::Hold))), [("person-b", false)]);
        made[0].state = ProvisioningState::Pending;
        assert_eq!(found(&desired, &accounts, &made, Some(Guard::Hold)), []);
        assert!(!hold(&mut made[0], &[]));
    }

    #[test]
    fn of_a_role_that_counts_which_comes_by_nothing_else() {
        let mut desired = person(&["person-a", "person-b"]);
        let clerk = Grantable::Role("clerk".into());
        for assignment in &mut desired.assignments {
            if matches!(&assignment.grantable, Grantable::Entitlement(name) if name == "person-b") {
                assignment.reasons.iter_mut().for_each(|reason| reason.path.push(clerk.clone()));
            }
        }
        let reasons = thing(&desired, "person-b").reasons;
        let side = HeldThing { grantable: clerk, reasons, accounts: Vec::new() };
        let rule = BrokenRule { risk: "alone".into(), rule: 1, sides: vec![vec![side]] };
        let situation = Situation {
            desired: &desired,
            accounts: &[],
            open_orders: &[],
            indirect: &[],
            catalogue: &catalogue(),
            guard: &|_| Some(Guard::LeaveOut),
            risk_label: &|name| name.to_owned(),
            label: &|thing| thing.name().to_owned(),
        };
        let found = conflicts(&situation, &[rule]);
        assert_eq!(told(&found), [("person-b", true)]);
        assert!(found[0].message.contains("person-b is a risk by itself"), "{}", found[0].message);
    }

    /// `person-b` is granted nowhere, and `person-a` leads to it.
    #[test]
    fn what_leads_to_something_is_left_out_in_its_place() {
        let desired = person(&["person-a"]);
        let leading = thing(&desired, "person-a");
        let mut led = HeldThing { grantable: Grantable::Entitlement("person-b".to_owned()), ..leading.clone() };
        led.reasons.iter_mut().for_each(|reason| reason.path.push(leading.grantable.clone()));
        let rule = BrokenRule { risk: "alone".into(), rule: 1, sides: vec![vec![led]] };
        let facts = |name: &str| catalogue().entitlement(name).unwrap().clone();
        let by_account = |id| IndirectHolding {
            account_type: facts("person-b").account_type,
            key: facts("person-b").key,
            from: IndirectOrigin::Account(AccountId(id)),
            path: Vec::new(),
        };
        let found = |accounts: &[Account], indirect: &[IndirectHolding]| {
            let situation = Situation {
                desired: &desired,
                accounts,
                open_orders: &[],
                indirect,
                catalogue: &catalogue(),
                guard: &|_| Some(Guard::LeaveOut),
                risk_label: &|name| name.to_owned(),
                label: &|thing| thing.name().to_owned(),
            };
            conflicts(&situation, std::slice::from_ref(&rule))
        };
        let conflict = found(&[], &[]);
        assert_eq!(told(&conflict), [("person-a", true)]);
        assert!(conflict[0].message.contains("person-a leads to person-b, which is a risk by itself"), "{conflict:?}");
        assert_eq!(found(&[holding(&[&facts("person-a").key])], &[]), [], "it is there already");
        assert_eq!(found(&[holding(&[&facts("person-b").key])], &[]), [], "it is held by itself");
        assert_eq!(found(&[], &[by_account(1)]), [], "something else led there before");
    }

    #[test]
    fn an_account_that_is_there_is_held_and_not_left_out() {
        let desired = person(&[]);
        let kind = Grantable::AccountType("person".into());
        let reasons = desired.assignments[0].reasons.clone();
        let rule = BrokenRule {
            risk: "alone".into(),
            rule: 1,
            sides: vec![vec![HeldThing { grantable: kind, reasons, accounts: Vec::new() }]],
        };
        for (status, expected) in [
            (None, vec![("person", true)]),
            (Some(AccountStatus::Gone), vec![("person", true)]),
            (Some(AccountStatus::Disabled), vec![("person", false)]),
            (Some(AccountStatus::Enabled), vec![]),
        ] {
            let accounts: Vec<Account> = status.into_iter().map(|status| Account { status, ..holding(&[]) }).collect();
            let situation = Situation {
                desired: &desired,
                accounts: &accounts,
                open_orders: &[],
                indirect: &[],
                catalogue: &catalogue(),
                guard: &|_| Some(Guard::LeaveOut),
                risk_label: &|name| name.to_owned(),
                label: &|thing| thing.name().to_owned(),
            };
            assert_eq!(told(&conflicts(&situation, std::slice::from_ref(&rule))), expected, "{status:?}");
        }
    }
}
