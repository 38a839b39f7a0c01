//! What is found of roles, access profiles and account types: those that nobody can get, that give nothing, that say the
//! same as others or say it twice, and those that are over.

use std::collections::{BTreeMap, BTreeSet};

use model::access::Grantable;
use model::configuration::{IndirectRule, RoleState};
use model::lint::{Claim, FindingKind, Severity, Spot, Witness};

use super::{Lint, claim, example};

impl Lint<'_> {
    pub(super) fn roles(&mut self) {
        let first_account_type = self.model.account_types.first().map(|kind| kind.grantable);
        let count = first_account_type.unwrap_or_else(|| self.model.first_entitlement());
        // By the accounts and entitlements that follow, of those in use.
        let mut by_contents: BTreeMap<(bool, Vec<u32>), Vec<u32>> = BTreeMap::new();
        for position in 0..count {
            let thing = self.thing(position);
            let terms = self.configuration.terms(&thing).unwrap_or_default();
            let spot = Spot::of(&thing);
            if terms.state != RoleState::Active {
                continue;
            }
            if let Some(last) = terms.valid_until.filter(|last| *last < self.today) {
                let message = format!(
                    "The last day of {spot} was {last}: it gives nothing any more. Set `state = \"retired\"`, give it a later last day, or remove it."
                );
                let witness = claim(Claim::IsOver { thing });
                self.found(
                    Severity::Note,
                    FindingKind::Ended,
                    vec![Spot { field: Some("valid_until".to_owned()), ..spot }],
                    message,
                    witness,
                );
                continue;
            }
            let reached = self.reach(&[position]);
            let contents: Vec<u32> = reached.iter().copied().filter(|part| *part >= count).collect();
            if contents.is_empty() {
                let message = format!(
                    "No account and no entitlement follows from {spot}. Say what it consists of, or remove it."
                );
                let witness = Witness { people: vec![example::anybody()], claims: vec![Claim::NothingOf { thing }] };
                self.found(Severity::Warning, FindingKind::GivesNothing, vec![spot], message, witness);
                continue;
            }
            if !self.obtainable.contains(&position) {
                self.unobtainable(position);
            }
            self.redundant(position);
            let is_role = matches!(thing, Grantable::Role(_));
            by_contents.entry((is_role, contents)).or_default().push(position);
        }
        self.duplicates(by_contents);
    }

    fn unobtainable(&mut self, position: u32) {
        let thing = self.thing(position);
        let spot = Spot::of(&thing);
        let never: Vec<&str> = self
            .rules
            .iter()
            .zip(&self.gives)
            .filter(|(facts, gives)| !facts.rule.deny && !facts.can_hold() && gives.binary_search(&position).is_ok())
            .map(|(facts, _)| facts.name)
            .collect();
        let why = match never.first() {
            Some(rule) => format!("rule `{rule}`, which gives it, can never hold"),
            None => "no rule gives it".to_owned(),
        };
        let mut spots = vec![spot.clone()];
        spots.extend(never.iter().map(|rule| Spot::field("rules", rule, "when")));
        let message = format!(
            "Nobody can get {spot}: {why}, nothing that people can get contains it, and nobody may ask for it. Add a rule, set `requestable = true`, or remove it."
        );
        let witness = claim(Claim::NobodyCanGet { things: vec![thing] });
        self.found(Severity::Warning, FindingKind::Unobtainable, spots, message, witness);
    }

    /// Parts of a role that another of its parts gives in any case.
    fn redundant(&mut self, position: u32) {
        let Grantable::Role(name) = self.thing(position) else { return };
        let parts = self.model.follows(position).to_vec();
        let roles: Vec<u32> =
            parts.iter().copied().filter(|part| matches!(self.model.grantable(*part), Grantable::Role(_))).collect();
        for part in parts {
            let giver =
                roles.iter().copied().filter(|role| *role != part).find(|role| self.always_leads_to(*role, part));
            let Some(giver) = giver else { continue };
            let (part, giver) = (self.thing(part), self.thing(giver));
            let (part_spot, giver_spot) = (Spot::of(&part), Spot::of(&giver));
            let message = format!(
                "Role `{name}` names {part_spot}, which {giver_spot} in it gives already. Leave it out of `{name}`."
            );
            let field = if matches!(part, Grantable::Role(_)) { "roles" } else { "access_profiles" };
            let claims = vec![Claim::GivenAnyway { container: Grantable::Role(name.clone()), part }];
            let witness = Witness { people: vec![example::anybody()], claims };
            let spots = vec![Spot::field("roles", &name, field), giver_spot, part_spot];
            self.found(Severity::Note, FindingKind::Redundant, spots, message, witness);
        }
    }

    /// Whether one thing leads to another through nothing that is ever out of force.
    fn always_leads_to(&self, from: u32, to: u32) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(thing) = next.pop() {
            if thing == to {
                return true;
            }
            let terms = self.configuration.terms(self.model.grantable(thing)).unwrap_or_default();
            let is_always_there =
                terms.state == RoleState::Active && terms.valid_from.is_none() && terms.valid_until.is_none();
            if is_always_there && seen.insert(thing) {
                next.extend(self.model.follows(thing));
            }
        }
        false
    }

    fn duplicates(&mut self, by_contents: BTreeMap<(bool, Vec<u32>), Vec<u32>>) {
        for (_, same) in by_contents.into_iter().filter(|(_, same)| same.len() > 1) {
            let contains = |one: u32, other: u32| self.reach(&[one]).binary_search(&other).is_ok();
            let Some((first, others)) = same.split_first() else { continue };
            // A role around another one is a name of its own, and may be meant.
            let others: Vec<u32> =
                others.iter().copied().filter(|other| !contains(*first, *other) && !contains(*other, *first)).collect();
            let Some(second) = others.first() else { continue };
            let spots: Vec<Spot> =
                std::iter::once(first).chain(&others).map(|thing| Spot::of(self.model.grantable(*thing))).collect();
            let message = format!(
                "The same accounts and entitlements follow from {} and {}. Keep one of them, or say in their descriptions why there are two.",
                self.named(&[*first]),
                self.named(&others)
            );
            let claims = vec![Claim::SameContents { one: self.thing(*first), other: self.thing(*second) }];
            let witness = Witness { people: vec![example::anybody()], claims };
            self.found(Severity::Note, FindingKind::Duplicate, spots, message, witness);
        }
    }

    pub(super) fn account_types(&mut self) {
        for kind in &self.model.account_types {
            // Accounts that stand for entitlements are given to nobody.
            let stands = |rule: &IndirectRule| rule.through == kind.name;
            if self.obtainable.contains(&kind.grantable) || self.configuration.indirect_rules.values().any(stands) {
                continue;
            }
            let thing = self.thing(kind.grantable);
            let message = format!(
                "Nothing gives account type `{}`: no rule, and no role or access profile that people can get. Name it where it is meant to be given, or remove it.",
                kind.name
            );
            let witness = claim(Claim::NobodyCanGet { things: vec![thing] });
            let spot = Spot::new("account_types", &kind.name);
            self.findings.push(model::lint::Finding {
                severity: Severity::Note,
                kind: FindingKind::UnusedAccountType,
                spots: vec![spot],
                message,
                witness,
            });
        }
    }
}
