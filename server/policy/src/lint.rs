//! A check of the role model: rules and roles that are sound by themselves and make no sense beside the others, each with
//! a witness by which it can be seen.
//!
//! Most of it is told from the configuration's form alone: conditions become sets of values ([`condition`]), so that a
//! rule that can never hold, or that holds only where another does, is found without looking at anybody. Who there is
//! adds what is so today ([`Crowd`]). Where form does not tell, nothing is said: a finding is never a guess.
//!
//! What no configuration may hold at all is [`crate::model`]'s, and refused there.

mod condition;
mod crowd;
mod domain;
mod example;
mod index;
mod risks;
mod roles;
mod rules;
mod values;

pub use crowd::{Asked, Crowd};

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use model::access::{DesiredAccess, GrantOrigin, Grantable};
use model::configuration::{AssignmentRule, Configuration, RoleState};
use model::identity::Period;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::lint::{Claim, Finding, FindingKind, Severity, Spot, Witness, Witnessed};
use model::request::DirectGrant;

use crate::engine::Engine;
use crate::model::RoleModel;
use condition::{Condition, Known};

/// All that can be found, the worst first. Without a crowd, only what is so whoever there is.
pub fn lint(
    configuration: &Configuration,
    model: &Arc<RoleModel>,
    crowd: Option<&Crowd<'_>>,
    today: Date,
) -> Vec<Finding> {
    let rules = configuration.rules.iter().zip(&model.rules).map(|((name, rule), compiled)| {
        let known = Known::of(rule);
        let condition = Condition::new(&compiled.when.expression, &known);
        RuleFacts { name, rule, compiled, known, condition }
    });
    let mut lint = Lint {
        configuration,
        model,
        crowd: crowd.filter(|crowd| crowd.count() > 0),
        today,
        rules: rules.collect(),
        lasting: model.grantables.iter().map(|thing| is_lasting(configuration, thing, today)).collect(),
        gives: Vec::new(),
        denied: BTreeSet::new(),
        requestable: BTreeSet::new(),
        obtainable: BTreeSet::new(),
        laboratory: Engine::new(Arc::clone(model)),
        findings: Vec::new(),
    };
    lint.gives = lint.rules.iter().map(|facts| lint.reach(&facts.compiled.targets)).collect();
    let denials = lint.rules.iter().filter(|facts| facts.rule.deny);
    lint.denied = denials.flat_map(|facts| &facts.compiled.targets).copied().collect();
    lint.requestable = lint.requestable();
    lint.obtainable = lint.obtainable();
    lint.conditions();
    lint.shadows();
    lint.denials();
    lint.values();
    lint.roles();
    lint.account_types();
    lint.naming_rules();
    lint.risks();
    let mut findings = lint.findings;
    findings.sort_unstable();
    findings
}

struct Lint<'a> {
    configuration: &'a Configuration,
    model: &'a RoleModel,
    crowd: Option<&'a Crowd<'a>>,
    today: Date,
    /// In the order of the model's.
    rules: Vec<RuleFacts<'a>>,
    /// Of each thing, whether it gives something, or will: neither retired nor over.
    lasting: Vec<bool>,
    /// Everything that each rule leads to, were nothing denied; sorted.
    gives: Vec<Vec<u32>>,
    /// What some rule denies by name.
    denied: BTreeSet<u32>,
    /// What people may ask for of roles and access profiles, and what that leads to.
    requestable: BTreeSet<u32>,
    /// What somebody can get by a rule, or by asking for a role or an access profile.
    obtainable: BTreeSet<u32>,
    /// An engine for people who are made up.
    laboratory: Engine,
    findings: Vec<Finding>,
}

struct RuleFacts<'a> {
    name: &'a str,
    rule: &'a AssignmentRule,
    compiled: &'a crate::model::Rule,
    known: Known,
    condition: Condition,
}

impl RuleFacts<'_> {
    fn can_hold(&self) -> bool {
        !self.condition.alternatives.is_empty()
    }

    /// Whether this one counts wherever the other does, and on the same days at least.
    fn covers(&self, other: &Self) -> bool {
        self.rule.days_before >= other.rule.days_before
            && self.rule.days_after >= other.rule.days_after
            && other.condition.implies(&self.condition, &other.known)
    }

    /// Somebody for whom it holds: on record where there is one, or else made up.
    fn somebody(&self, lint: &Lint<'_>) -> Option<Witnessed> {
        let on_record = lint.crowd.and_then(|crowd| crowd.meeting(self.name));
        let expression = &self.compiled.when.expression;
        on_record.or_else(|| example::meeting(&self.condition, expression, &self.known, self.rule, lint.today))
    }
}

impl Lint<'_> {
    fn found(&mut self, severity: Severity, kind: FindingKind, spots: Vec<Spot>, message: String, witness: Witness) {
        self.findings.push(Finding { severity, kind, spots, message, witness });
    }

    fn is_lasting(&self, thing: u32) -> bool {
        self.lasting.get(thing as usize) == Some(&true)
    }

    /// Everything that these lead to, themselves included, through what is neither retired nor over; sorted.
    fn reach(&self, things: &[u32]) -> Vec<u32> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<u32> = things.to_vec();
        while let Some(thing) = next.pop() {
            if self.is_lasting(thing) && reached.insert(thing) {
                next.extend(self.model.follows(thing));
            }
        }
        reached.into_iter().collect()
    }

    fn requestable(&self) -> BTreeSet<u32> {
        let offered = (0_u32..).zip(&self.model.grantables);
        let offered =
            offered.filter(|(_, thing)| self.configuration.terms(thing).is_some_and(|terms| terms.requestable));
        let offered: Vec<u32> = offered.map(|(position, _)| position).collect();
        self.reach(&offered).into_iter().collect()
    }

    fn obtainable(&self) -> BTreeSet<u32> {
        let rules = self.rules.iter().zip(&self.gives);
        let by_rule = rules.filter(|(facts, _)| !facts.rule.deny && facts.can_hold()).flat_map(|(_, gives)| gives);
        by_rule.chain(&self.requestable).copied().collect()
    }

    fn thing(&self, position: u32) -> Grantable {
        self.model.grantable(position).clone()
    }

    fn named(&self, things: &[u32]) -> String {
        let named: Vec<String> =
            things.iter().take(4).map(|thing| Spot::of(self.model.grantable(*thing)).to_string()).collect();
        let more = things.len().saturating_sub(4);
        if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
    }

    /// What somebody made up would have, were this given to them directly as well.
    fn access(&mut self, person: &Witnessed, given: &[u32]) -> Option<DesiredAccess> {
        let identity = &person.identity;
        self.laboratory.upsert(identity);
        let given: Vec<Grantable> = given.iter().map(|thing| self.thing(*thing)).collect();
        let grants: Vec<DirectGrant> = given.into_iter().map(|thing| granted(identity.id, thing)).collect();
        let access = self.laboratory.desired_with(identity.id, &grants, self.today);
        self.laboratory.remove(identity.id);
        access
    }
}

fn is_lasting(configuration: &Configuration, thing: &Grantable, today: Date) -> bool {
    let terms = configuration.terms(thing);
    terms.is_none_or(|terms| terms.state != RoleState::Retired && terms.valid_until.is_none_or(|last| today <= last))
}

/// A direct grant of which nothing matters but what it gives.
pub fn granted(identity: IdentityId, grantable: Grantable) -> DirectGrant {
    DirectGrant {
        id: DirectGrantId(0),
        identity,
        grantable,
        period: Period::default(),
        origin: GrantOrigin {
            request: RequestId(0),
            by: "policy check".to_owned(),
            why: "to see what follows".to_owned(),
        },
    }
}

fn claim(claim: Claim) -> Witness {
    Witness { people: Vec::new(), claims: vec![claim] }
}
