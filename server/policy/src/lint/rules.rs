//! What is found of rules beside one another: those that cannot hold, those that another makes needless, and those that
//! give what is always taken away again, or take what nothing gives.

use std::collections::BTreeMap;

use model::access::Grantable;
use model::configuration::{RoleState, RuleType};
use model::lint::{Claim, FindingKind, Severity, Spot, Witness};

use super::condition::{Conflict, named_values};
use super::example;
use super::index::Index;
use super::{Lint, RuleFacts, claim};

impl Lint<'_> {
    /// Rules that cannot hold, hold for nobody, or give nothing.
    pub(super) fn conditions(&mut self) {
        for place in 0..self.rules.len() {
            let Some(facts) = self.rules.get(place) else { continue };
            let (name, spot) = (facts.name.to_owned(), Spot::field("rules", facts.name, "when"));
            if !facts.can_hold() {
                let why = facts.condition.conflicts.first().map_or_else(String::new, said);
                let message = format!("Rule `{name}` can never hold{why}. Correct the condition, or remove the rule.");
                let people = facts.condition.conflicts.first().map_or_else(Vec::new, |conflict| match conflict {
                    Conflict::Values(opposed) => {
                        let each = opposed.sets.iter();
                        each.filter_map(|allowed| example::having(&opposed.attribute, allowed, facts.rule, self.today))
                            .collect()
                    }
                    _ => vec![example::anybody()],
                });
                let witness = Witness { people, claims: vec![Claim::Misses { rule: name }] };
                self.found(Severity::Error, FindingKind::NeverTrue, vec![spot], message, witness);
                continue;
            }
            let (rule, compiled) = (facts.rule, facts.compiled);
            let lasting = compiled.targets.iter().any(|target| self.is_lasting(*target));
            if !lasting {
                let verb = if rule.deny { "denies" } else { "gives" };
                let message = match compiled.targets.is_empty() {
                    true => format!("Rule `{name}` {verb} nothing. Say what it {verb}, or remove it."),
                    false => format!(
                        "Rule `{name}` {verb} only what is retired or over: {}. Let it name what is in use, or remove it.",
                        self.named(&compiled.targets)
                    ),
                };
                let claims = compiled
                    .targets
                    .iter()
                    .map(|target| Claim::NotGivenBy { rule: name.clone(), thing: self.thing(*target) });
                let mut claims: Vec<Claim> = claims.collect();
                claims.push(Claim::SameWithout { rule: name.clone() });
                let people = facts.somebody(self).into_iter().collect();
                self.found(
                    Severity::Warning,
                    FindingKind::GivesNothing,
                    vec![Spot::new("rules", &name)],
                    message,
                    Witness { people, claims },
                );
                continue;
            }
            let Some(crowd) = self.crowd else { continue };
            if !crowd.meets(&name) && !self.names_unknown_value(facts) {
                let message = format!(
                    "Rule `{name}` can hold, and holds for none of the {} people on record. Check its condition, or remove it where nobody like that is to come.",
                    crowd.count()
                );
                let made_up =
                    example::meeting(&facts.condition, &compiled.when.expression, &facts.known, rule, self.today);
                let mut claims = vec![Claim::MeetsNobody { rule: name.clone() }];
                claims.extend(made_up.is_some().then_some(Claim::Meets { rule: name }));
                let witness = Witness { people: made_up.into_iter().collect(), claims };
                self.found(Severity::Note, FindingKind::MatchesNobody, vec![spot], message, witness);
            }
        }
    }

    fn names_unknown_value(&self, facts: &RuleFacts<'_>) -> bool {
        let named = named_values(&facts.compiled.when.expression);
        named.iter().any(|(attribute, value)| self.is_unknown(attribute, value))
    }

    /// Rules that another one makes needless.
    pub(super) fn shadows(&mut self) {
        let (mut giving, mut denying) = (Index::default(), Index::default());
        for (place, facts) in self.rules.iter().enumerate().filter(|(_, facts)| facts.can_hold()) {
            match facts.rule.deny {
                false => giving.insert(place, facts, facts.compiled.given.iter().copied()),
                true => denying.insert(place, facts, self.denied_by(facts)),
            }
        }
        let mut found = Vec::new();
        for facts in self.rules.iter().filter(|facts| facts.can_hold()) {
            let Some(first) = facts.compiled.targets.first() else { continue };
            let index = if facts.rule.deny { &denying } else { &giving };
            let wider = index.candidates(facts, *first).into_iter().filter_map(|place| self.rules.get(place));
            let mut wider = wider.filter(|wider| wider.name != facts.name && self.makes_needless(wider, facts));
            // Of two that say the same, the first by name stays.
            let wider = wider.find(|wider| facts.name > wider.name || !self.makes_needless(facts, wider));
            found.extend(wider.map(|wider| (facts.name.to_owned(), wider.name.to_owned(), facts.somebody(self))));
        }
        for (name, wider, somebody) in found {
            let message = format!(
                "Rule `{name}` changes nothing: wherever it holds, rule `{wider}` does, on the same days at least, and leads to the same. Remove `{name}`, or narrow `{wider}`."
            );
            let mut claims = vec![Claim::SameWithout { rule: name.clone() }];
            if somebody.is_some() {
                claims.extend([Claim::Meets { rule: name.clone() }, Claim::Meets { rule: wider.clone() }]);
            }
            let witness = Witness { people: somebody.into_iter().collect(), claims };
            let spots = vec![Spot::new("rules", &name), Spot::new("rules", &wider)];
            self.found(Severity::Warning, FindingKind::Shadowed, spots, message, witness);
        }
    }

    /// Whether nobody's access would be another without the narrower rule.
    fn makes_needless(&self, wider: &RuleFacts<'_>, narrower: &RuleFacts<'_>) -> bool {
        let is_as_strong = wider.rule.priority <= narrower.rule.priority
            && (wider.rule.kind == narrower.rule.kind || wider.rule.kind == RuleType::Automatic);
        is_as_strong
            && wider.rule.deny == narrower.rule.deny
            && narrower.compiled.targets.iter().all(|target| match wider.rule.deny {
                true => self.denied_by(wider).contains(target),
                false => wider.compiled.targets.contains(target) || self.is_always_on_the_way(wider, *target),
            })
            && wider.covers(narrower)
    }

    /// Whether a rule gives something through others that are always in force, and that nothing ever takes away.
    fn is_always_on_the_way(&self, rule: &RuleFacts<'_>, thing: u32) -> bool {
        let states = self.configuration.lifecycle_states.values();
        if rule.rule.kind != RuleType::Automatic
            || states.into_iter().any(|state| state.only.is_some() || state.without.is_some())
        {
            return false;
        }
        let Ok(place) = rule.compiled.closure.given.binary_search_by_key(&thing, |given| given.grantable) else {
            return false;
        };
        let ways = rule.compiled.closure.given.get(place).map_or(&[][..], |given| given.ways.as_slice());
        ways.iter().any(|way| way.iter().all(|step| self.is_plain(*step)))
    }

    /// Always in force, and denied by no rule.
    fn is_plain(&self, thing: u32) -> bool {
        let terms = self.configuration.terms(self.model.grantable(thing)).unwrap_or_default();
        terms.state == RoleState::Active
            && terms.valid_from.is_none()
            && terms.valid_until.is_none()
            && !self.denied.contains(&thing)
    }

    /// What a denial takes: what it names, and with an account type its entitlements.
    fn denied_by(&self, facts: &RuleFacts<'_>) -> Vec<u32> {
        let mut denied = facts.compiled.targets.clone();
        if denied.iter().any(|thing| matches!(self.model.grantable(*thing), Grantable::AccountType(_))) {
            let entitlements =
                self.model.first_entitlement()..u32::try_from(self.model.grantables.len()).unwrap_or(u32::MAX);
            let of_denied = |entitlement: &u32| {
                self.model.account_type_of(*entitlement).is_some_and(|kind| facts.compiled.targets.contains(&kind))
            };
            denied.extend(entitlements.filter(of_denied));
        }
        denied
    }

    /// Grants that a denial always takes away, and denials of what nothing gives.
    pub(super) fn denials(&mut self) {
        let mut denying = Index::default();
        for (place, facts) in self.rules.iter().enumerate().filter(|(_, facts)| facts.rule.deny && facts.can_hold()) {
            denying.insert(place, facts, self.denied_by(facts));
        }
        let mut found = Vec::new();
        for facts in self.rules.iter().filter(|facts| !facts.rule.deny && facts.can_hold()) {
            let mut taken: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
            for target in &facts.compiled.targets {
                let denials = denying.candidates(facts, *target).into_iter();
                let mut denials = denials.filter_map(|place| Some((place, self.rules.get(place)?)));
                let stronger =
                    denials.find(|(_, denial)| denial.rule.priority <= facts.rule.priority && denial.covers(facts));
                if let Some((place, _)) = stronger {
                    taken.entry(place).or_default().push(*target);
                }
            }
            let all: usize = taken.values().map(Vec::len).sum();
            let gives_more = all < facts.compiled.targets.len();
            for (place, things) in taken {
                let Some(denial) = self.rules.get(place) else { continue };
                found.push((facts.name.to_owned(), denial.name.to_owned(), things, gives_more, facts.somebody(self)));
            }
        }
        for (name, denial, things, gives_more, somebody) in found {
            let message = format!(
                "Rule `{name}` gives {}, and rule `{denial}` always takes it away: it holds wherever `{name}` does, and is as strong. Let one of them stop naming it, or change which is stronger with `priority`.",
                self.named(&things)
            );
            let not_given =
                things.iter().map(|thing| Claim::NotGivenBy { rule: name.clone(), thing: self.thing(*thing) });
            let mut claims: Vec<Claim> = not_given.collect();
            if somebody.is_some() {
                claims.extend([Claim::Meets { rule: name.clone() }, Claim::Meets { rule: denial.clone() }]);
            }
            let witness = Witness { people: somebody.into_iter().collect(), claims };
            let spots = vec![Spot::new("rules", &name), Spot::new("rules", &denial)];
            let severity = if gives_more { Severity::Warning } else { Severity::Error };
            self.found(severity, FindingKind::AlwaysDenied, spots, message, witness);
        }
        self.idle_denials();
    }

    fn idle_denials(&mut self) {
        // Of each thing, the largest priority number with which some rule gives it: what is denied most easily.
        let mut weakest: BTreeMap<u32, i32> = BTreeMap::new();
        for (facts, gives) in
            self.rules.iter().zip(&self.gives).filter(|(facts, _)| !facts.rule.deny && facts.can_hold())
        {
            for thing in gives {
                let known = weakest.entry(*thing).or_insert(facts.rule.priority);
                *known = facts.rule.priority.max(*known);
            }
        }
        // What people may ask for is given with priority 0, and accounts and entitlements may always be asked for.
        let idle = |facts: &RuleFacts<'_>, thing: &u32| {
            let is_asked_for = facts.rule.priority <= 0
                && match self.model.grantable(*thing) {
                    Grantable::Role(_) | Grantable::AccessProfile(_) => self.requestable.contains(thing),
                    Grantable::AccountType(_) | Grantable::Entitlement(_) => true,
                };
            !is_asked_for && weakest.get(thing).is_none_or(|weakest| *weakest < facts.rule.priority)
        };
        let denials = self.rules.iter().filter(|facts| facts.rule.deny && facts.can_hold());
        let denials = denials.filter(|facts| !facts.compiled.targets.is_empty());
        let found: Vec<_> = denials
            .filter(|facts| self.denied_by(facts).iter().all(|thing| idle(facts, thing)))
            .map(|facts| (facts.name.to_owned(), facts.compiled.targets.clone(), facts.somebody(self)))
            .collect();
        for (name, targets, somebody) in found {
            let given = targets.iter().any(|target| weakest.contains_key(target));
            let why = if given {
                "only rules that are stronger give it"
            } else {
                "no rule gives it, and nobody may ask for it"
            };
            let message = format!(
                "Rule `{name}` denies {}, and {why}. Remove the rule, or correct what it denies{}.",
                self.named(&targets),
                if given { " or its `priority`" } else { "" }
            );
            let mut claims = vec![Claim::SameWithout { rule: name.clone() }];
            claims.extend(somebody.is_some().then(|| Claim::Meets { rule: name.clone() }));
            let witness = Witness { people: somebody.into_iter().collect(), claims };
            self.found(
                Severity::Warning,
                FindingKind::DeniesNothing,
                vec![Spot::new("rules", &name)],
                message,
                witness,
            );
        }
    }

    /// Values that nobody has.
    pub(super) fn values(&mut self) {
        let Some(crowd) = self.crowd else { return };
        let mut found = Vec::new();
        for facts in self.rules.iter().filter(|facts| facts.can_hold()) {
            for (attribute, value) in named_values(&facts.compiled.when.expression) {
                if !self.is_unknown(attribute, &value) {
                    continue;
                }
                let near = self.nearest(attribute, &value);
                found.push((facts.name.to_owned(), attribute.to_owned(), value, near));
            }
        }
        for (name, attribute, value, near) in found {
            let mut message = format!(
                "Rule `{name}` asks for {attribute} \"{value}\", which none of the {} people on record has",
                crowd.count()
            );
            let severity = match &near {
                Some((value, _)) => {
                    message.push_str(&format!("; perhaps \"{value}\" is meant. Correct the value."));
                    Severity::Warning
                }
                None => {
                    message.push_str(". Correct the value, or remove it where nobody like that is to come.");
                    Severity::Note
                }
            };
            let mut witness = claim(Claim::NobodyHas { attribute: attribute.clone(), value });
            if let Some((value, person)) = near {
                witness.claims.push(Claim::Has { attribute, value });
                witness.people.push(person);
            }
            let spot = Spot::field("rules", &name, "when");
            self.found(severity, FindingKind::UnknownValue, vec![spot], message, witness);
        }
    }
}

fn said(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Values(opposed) => {
            let [one, other] = &opposed.sets;
            let name = &opposed.attribute;
            match name.as_str() {
                "lifecycle" => format!(
                    ": {name} would have to be {}, and with its days before and after the rule only counts for whom it is {}",
                    one.said(),
                    other.said()
                ),
                _ => format!(": {name} would have to be {}, and also {}", one.said(), other.said()),
            }
        }
        Conflict::Part { reads } => {
            format!(": no value that is left for {} satisfies the rest of the condition", reads.join(" and "))
        }
        Conflict::Constant => ": a part of its condition is never true".to_owned(),
    }
}
