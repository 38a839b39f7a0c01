//! What is found of risks: sides that nothing gives, and roles and rules that break one by themselves.

use std::collections::{BTreeMap, BTreeSet};

use model::access::Grantable;
use model::configuration::{OnConflict, RiskKind, RuleType};
use model::lint::{Claim, FindingKind, Severity, Spot, Witness, Witnessed};

use super::{Lint, example};
use crate::risk::RiskModel;

impl Lint<'_> {
    pub(super) fn risks(&mut self) {
        if self.configuration.risks.is_empty() {
            return;
        }
        let containers = self.containers();
        let model = RiskModel::compile(self.configuration);
        let configuration = self.configuration;
        for (name, risk) in &configuration.risks {
            let severity = if risk.on_conflict == OnConflict::Block { Severity::Error } else { Severity::Warning };
            for (number, rule) in risk.rules.iter().enumerate() {
                let sides: Vec<Vec<u32>> = rule
                    .sides
                    .iter()
                    .map(|side| side.things().filter_map(|thing| self.model.position(&thing)).collect())
                    .collect();
                // What comes with something else is given by nothing.
                let comes_along = rule.sides.iter().map(|side| side.things().any(|thing| self.comes_along(&thing)));
                let comes_along: Vec<bool> = comes_along.collect();
                self.without_side(name, number, &sides, &comes_along);
                if risk.kind == RiskKind::SeparationOfDuties {
                    let alone = self.by_itself(name, severity, &sides, &containers, &model);
                    self.by_rule(name, severity, &sides, &alone, &model);
                }
            }
        }
    }

    /// Of each thing, what names it directly.
    fn containers(&self) -> BTreeMap<u32, Vec<u32>> {
        let mut containers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (thing, follows) in (0_u32..).zip(&self.model.follows) {
            follows.iter().for_each(|next| containers.entry(*next).or_default().push(thing));
        }
        containers
    }

    /// Whether an indirect rule may lead to it.
    fn comes_along(&self, thing: &Grantable) -> bool {
        let Grantable::Entitlement(name) = thing else { return false };
        let Some(entitlement) = self.configuration.entitlements.get(name) else { return false };
        self.configuration.indirect_rules.values().any(|rule| rule.reaches() == entitlement.account_type)
    }

    fn without_side(&mut self, name: &str, number: usize, sides: &[Vec<u32>], comes_along: &[bool]) {
        for (position, (side, comes_along)) in sides.iter().zip(comes_along).enumerate() {
            if *comes_along || side.iter().any(|thing| self.obtainable.contains(thing)) {
                continue;
            }
            let message = format!(
                "Risk `{name}` speaks of {}, which no rule, and no role or access profile that people can get, gives. Only who has it without the role model would break it. Correct the side, or remove the rule.",
                self.named(side)
            );
            let things = side.iter().map(|thing| self.thing(*thing)).collect();
            let witness = Witness { people: Vec::new(), claims: vec![Claim::NobodyCanGet { things }] };
            let spot = Spot::field("risks", name, &format!("rules[{number}].sides[{position}]"));
            self.found(Severity::Note, FindingKind::RiskWithoutSide, vec![spot], message, witness);
        }
    }

    /// Roles and access profiles that break the rule alone, the innermost ones; all that do is answered.
    fn by_itself(
        &mut self,
        name: &str,
        severity: Severity,
        sides: &[Vec<u32>],
        containers: &BTreeMap<u32, Vec<u32>>,
        model: &RiskModel,
    ) -> BTreeSet<u32> {
        let leading = sides.iter().map(|side| {
            let mut found = BTreeSet::new();
            let mut next = side.clone();
            while let Some(thing) = next.pop() {
                if self.is_lasting(thing) && found.insert(thing) {
                    next.extend(containers.get(&thing).into_iter().flatten());
                }
            }
            found
        });
        let all = leading.reduce(|one, other| one.intersection(&other).copied().collect()).unwrap_or_default();
        let innermost = all.iter().filter(|thing| !self.model.follows(**thing).iter().any(|part| all.contains(part)));
        for thing in innermost.copied().collect::<Vec<_>>() {
            let person = example::anybody();
            if !self.breaks(name, model, &person, &[thing]) {
                continue;
            }
            let thing = self.thing(thing);
            let spot = Spot::of(&thing);
            let message = format!(
                "Whoever gets {spot} breaks risk `{name}` by that alone. Take one side out of it, or out of the risk."
            );
            let claims = vec![Claim::BreaksWith { risk: name.to_owned(), thing }];
            let witness = Witness { people: vec![person], claims };
            self.found(severity, FindingKind::RiskByItself, vec![spot, Spot::new("risks", name)], message, witness);
        }
        all
    }

    /// Whether somebody made up breaks the risk, with this given to them directly.
    fn breaks(&mut self, name: &str, model: &RiskModel, person: &Witnessed, given: &[u32]) -> bool {
        let Some(access) = self.access(person, given) else { return false };
        model.broken_rules(&access.assignments, &[], &[]).iter().any(|broken| broken.risk == name)
    }

    /// Rules that give all sides, by several things that do not break it alone.
    fn by_rule(
        &mut self,
        name: &str,
        severity: Severity,
        sides: &[Vec<u32>],
        alone: &BTreeSet<u32>,
        model: &RiskModel,
    ) {
        let giving: Vec<usize> = (0..self.rules.len())
            .filter(|place| {
                let Some((facts, gives)) = self.rules.get(*place).zip(self.gives.get(*place)) else { return false };
                facts.rule.kind == RuleType::Automatic
                    && !facts.rule.deny
                    && facts.can_hold()
                    && facts.compiled.targets.len() > 1
                    && !gives.iter().any(|thing| alone.contains(thing))
                    && sides.iter().all(|side| side.iter().any(|thing| gives.binary_search(thing).is_ok()))
            })
            .collect();
        for place in giving {
            let Some(facts) = self.rules.get(place) else { continue };
            let rule = facts.name.to_owned();
            let expression = &facts.compiled.when.expression;
            let person = example::meeting(&facts.condition, expression, &facts.known, facts.rule, self.today);
            let Some(person) = person else { continue };
            if !self.breaks(name, model, &person, &[]) {
                continue;
            }
            let message = format!(
                "Rule `{rule}` gives all sides of risk `{name}`: everybody for whom it holds breaks it. Let it give one side only."
            );
            let claims = vec![Claim::Meets { rule: rule.clone() }, Claim::Breaks { risk: name.to_owned() }];
            let witness = Witness { people: vec![person], claims };
            let spots = vec![Spot::new("rules", &rule), Spot::new("risks", name)];
            self.found(severity, FindingKind::RiskByRule, spots, message, witness);
        }
    }
}
