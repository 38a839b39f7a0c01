//! Why, and why not.

use model::access::{Dormant, Explanation, Grantable, NearMiss};
use model::identity::LifecycleState;
use model::lifecycle::StateWord;

use super::answer::Answer;
use super::person::Grant;
use super::sets::{self, GRANT};
use crate::day;

impl Answer<'_> {
    pub(super) fn explain(&self, grantable: &Grantable) -> Explanation {
        let mut explanation = Explanation {
            identity: self.person.id,
            grantable: grantable.clone(),
            held: false,
            period: None,
            reasons: Vec::new(),
            missing: Vec::new(),
            denied_by: None,
            lifecycle: None,
            dormant: Vec::new(),
            certified: None,
            indirect: Vec::new(),
        };
        let Some(wanted) = self.model.position(grantable) else { return explanation };
        let access = self.access();
        if let Some(held) = access.assignments.iter().find(|assignment| assignment.grantable == *grantable) {
            explanation.held = held.workflow_state.grants();
            explanation.period = Some(held.period);
            explanation.reasons.clone_from(&held.reasons);
        }
        if let Some(denied) = access.denied.iter().find(|denied| denied.grantable == *grantable) {
            explanation.denied_by = Some(denied.denied_by.clone());
            if explanation.reasons.is_empty() {
                explanation.reasons.clone_from(&denied.granted_by);
            }
        } else if !explanation.held {
            self.denied_on_the_way(wanted, &access.denied, &mut explanation);
        }
        explanation.missing = self.missing(wanted);
        if !explanation.held {
            explanation.dormant = self.dormant(wanted);
        }
        explanation.lifecycle = access.lifecycle.map(|lifecycle| {
            let kind = self.model.account_type_of(wanted).unwrap_or(wanted);
            Box::new(StateWord {
                withheld: lifecycle.withholds(grantable),
                stage: lifecycle
                    .stage(self.model.grantable(kind).name())
                    .cloned()
                    .filter(|_| matches!(grantable, Grantable::AccountType(_) | Grantable::Entitlement(_))),
                standing: lifecycle.standing,
            })
        });
        explanation
    }

    /// A rule holds, or a grant, that would give it, but something in between was taken away.
    fn denied_on_the_way(&self, wanted: u32, denied: &[model::access::Denied], explanation: &mut Explanation) {
        for (number, _) in &self.set.pairs {
            for step in sets::ways_of(self.model, *number, wanted).into_iter().flatten().flatten() {
                let step = self.model.grantable(step);
                if let Some(denied) = denied.iter().find(|denied| denied.grantable == *step) {
                    explanation.denied_by = Some(denied.denied_by.clone());
                    if explanation.reasons.is_empty() {
                        explanation.reasons.clone_from(&denied.granted_by);
                    }
                    return;
                }
            }
        }
    }

    /// What is not in force and would give it, by rules and grants that count today; itself where that is not.
    fn dormant(&self, wanted: u32) -> Vec<Dormant> {
        if !self.all.has_seasons() {
            return Vec::new();
        }
        let rules = self.set.pairs.iter().map(|(number, _)| *number).filter(|number| number & GRANT == 0);
        let is_active = self.person.lifecycle(self.today) == LifecycleState::Active;
        let counts = |grant: &&Grant| is_active && day::holds(grant.bounds, self.today);
        let grants = self.person.grants.iter().filter(counts);
        let givers = rules.chain(grants.map(|grant| GRANT | grant.grantable));
        let ways = givers.filter_map(|number| sets::ways_of(self.all, number, wanted)).flatten().flatten();
        let mut dormant: Vec<Dormant> =
            ways.chain([wanted]).filter_map(|step| self.all.dormant(step, self.today)).collect();
        dormant.sort();
        dormant.dedup();
        dormant
    }

    /// Rules that would give it and do not count today, those with the fewest failing parts first. A rule whose
    /// condition holds outside its period has none failing.
    fn missing(&self, wanted: u32) -> Vec<NearMiss> {
        let mut missing = Vec::new();
        for (number, rule) in self.model.rules.iter().enumerate() {
            if rule.given.binary_search(&wanted).is_err() {
                continue;
            }
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let Some(given) = rule.closure.given.iter().find(|given| given.grantable == wanted) else { continue };
            if self.set.pairs.iter().any(|(holding, _)| *holding == number) {
                continue;
            }
            let nearest = (0_u32..).zip(&self.rows.rows).map(|(context, row)| {
                let failing = self.matcher.failing(self.model, self.dictionary, number, row);
                let own = self.person.contexts.get(context as usize);
                let past = own.is_some_and(|own| !day::holds(own.bounds, self.today));
                (failing, past, own.map(|own| (own.priority, own.bounds.0)), context)
            });
            let Some((failing, _, _, context)) = nearest.min() else { continue };
            let way = given.ways.iter().chain(&given.implied).next();
            missing.push((
                failing,
                NearMiss {
                    rule: rule.name.clone(),
                    when: rule.when.expression.text().to_owned(),
                    facts: self.facts(number, context),
                    path: way.map_or_else(Vec::new, |way| self.path(way)),
                },
            ));
        }
        missing.sort_by(|left, right| (left.0, &left.1.rule).cmp(&(right.0, &right.1.rule)));
        missing.into_iter().map(|(_, missing)| missing).collect()
    }
}
