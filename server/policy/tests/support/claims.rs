//! Evaluates what findings of the policy check claim, with the slow reference and with the engine.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use model::access::{DesiredAccess, DesiredValue, Grantable, WorkflowState};
use model::configuration::{Configuration, RoleState};
use model::identity::{Identity, Period};
use model::ids::RequestId;
use model::lint::{Claim, Finding, FindingKind};
use policy::engine::Engine;
use policy::lint::{Asked, Crowd, granted, lint};
use policy::model::RoleModel;
use policy::naming_rules::FoundEntitlement;
use policy::reference::Reference;
use policy::risk::{RiskModel, reference as risk_reference};

/// A configuration with everybody in it.
pub(crate) struct Checked<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) people: &'a [Identity],
    pub(crate) found: &'a [FoundEntitlement],
    pub(crate) today: Date,
}

/// An account type with the entitlements held, and values by attribute.
type Contents = (String, Vec<String>, Vec<(String, String)>);
type Held = BTreeSet<(Grantable, WorkflowState, Period)>;

impl Checked<'_> {
    /// All findings, each with its witness evaluated again.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let findings = self.unproved();
        for finding in &findings {
            assert!(!finding.witness.claims.is_empty(), "without a witness: {finding:?}");
            for claim in &finding.witness.claims {
                self.check(claim, finding, &findings);
            }
        }
        findings
    }

    /// Findings as they are told.
    pub(crate) fn unproved(&self) -> Vec<Finding> {
        let model = Arc::new(RoleModel::compile(self.configuration).expect("a sound configuration"));
        let mut engine = Engine::new(Arc::clone(&model));
        self.people.iter().for_each(|person| engine.upsert(person));
        let person = |id| self.people.iter().find(|person| person.id == id).cloned();
        let asked = Asked::new(&mut engine, &model, self.today).expect("its own model");
        let crowd = Crowd { asked: &asked, person: &person, found: self.found };
        let findings = lint(self.configuration, &model, Some(&crowd), self.today);
        // Without people it says what does not depend on them, and no more.
        let kinds = |findings: &[Finding]| -> BTreeSet<_> {
            findings.iter().map(|finding| (finding.kind, finding.spots.clone())).collect()
        };
        let of_people = [FindingKind::MatchesNobody, FindingKind::UnknownValue, FindingKind::UnmatchedNamingRule];
        let mut alone = kinds(&findings);
        alone.retain(|(kind, _)| !of_people.contains(kind));
        assert_eq!(kinds(&lint(self.configuration, &model, None, self.today)), alone);
        findings
    }

    fn check(&self, claim: &Claim, finding: &Finding, all: &[Finding]) {
        let people = || finding.witness.people.iter().map(|witnessed| &witnessed.identity);
        for witnessed in finding.witness.people.iter().filter(|witnessed| !witnessed.is_made_up) {
            assert!(self.people.contains(&witnessed.identity), "not on record: {finding:?}");
        }
        match claim {
            Claim::Meets { rule } => people().for_each(|person| assert!(self.meets(rule, person), "{finding:?}")),
            Claim::Misses { rule } => {
                let everybody = people().chain(self.people);
                everybody.for_each(|person| assert!(!self.meets(rule, person), "{person:?}: {finding:?}"));
            }
            Claim::MeetsNobody { rule } => {
                assert!(!self.people.iter().any(|person| self.meets(rule, person)), "{finding:?}");
            }
            Claim::SameWithout { rule } => {
                let mut without = self.configuration.clone();
                without.rules.remove(rule).expect("the rule");
                for person in people().chain(self.people) {
                    let (before, after) =
                        (self.access(self.configuration, person, &[]), self.access(&without, person, &[]));
                    assert_eq!(held(&before), held(&after), "{person:?}: {finding:?}");
                    assert_eq!(before.accounts, after.accounts, "{person:?}: {finding:?}");
                }
            }
            Claim::NotGivenBy { rule, thing } => {
                for person in people().chain(self.people) {
                    let access = self.access(self.configuration, person, &[]);
                    let given = access.assignments.iter().filter(|assignment| assignment.grantable == *thing);
                    let direct = |reason: &model::access::Reason| reason.rule == *rule && reason.path.is_empty();
                    assert!(!given.flat_map(|given| &given.reasons).any(direct), "{person:?}: {finding:?}");
                }
            }
            Claim::NothingOf { thing } => {
                for person in people() {
                    assert!(self.contents(self.configuration, person, thing).is_empty(), "{finding:?}");
                }
            }
            Claim::SameContents { one, other } => {
                for person in people() {
                    let one = self.contents(self.configuration, person, one);
                    assert!(!one.is_empty());
                    assert_eq!(one, self.contents(self.configuration, person, other), "{finding:?}");
                }
            }
            Claim::GivenAnyway { container, part } => {
                let Grantable::Role(name) = container else { panic!("only roles contain roles") };
                let mut without = begun(self.configuration);
                let role = without.roles.get_mut(name).expect("the role");
                role.roles.retain(|other| Grantable::Role(other.clone()) != *part);
                role.access_profiles.retain(|other| Grantable::AccessProfile(other.clone()) != *part);
                without.rules.clear();
                without.lifecycle_states.clear();
                let person = people().next().expect("a person");
                let access = self.access(&without, person, std::slice::from_ref(container));
                let gives = held(&access).iter().any(|(thing, ..)| thing == part);
                let with = self.contents(self.configuration, person, container);
                assert_eq!(self.contents(&without, person, container), with, "{finding:?}");
                let is_over = [container, part].into_iter().any(|thing| {
                    let terms = self.configuration.terms(thing).unwrap_or_default();
                    terms.state == RoleState::Retired || terms.valid_until.is_some_and(|last| last < self.today)
                });
                assert!(gives || is_over, "{finding:?}");
            }
            Claim::NobodyHas { attribute, value } => {
                assert!(!self.people.iter().any(|person| has(person, attribute, value)), "{finding:?}");
            }
            Claim::Has { attribute, value } => {
                people().for_each(|person| assert!(has(person, attribute, value), "{finding:?}"));
            }
            Claim::NobodyCanGet { things } => self.nobody_can_get(things, all),
            Claim::BreaksWith { risk, thing } => {
                for person in people() {
                    assert!(self.breaks(risk, person, std::slice::from_ref(thing)), "{finding:?}");
                }
            }
            Claim::Breaks { risk } => {
                assert!(people().count() > 0);
                people().for_each(|person| assert!(self.breaks(risk, person, &[]), "{finding:?}"));
            }
            Claim::IsOver { thing } => {
                let last = self.configuration.terms(thing).and_then(|terms| terms.valid_until);
                assert!(last.is_some_and(|last| last < self.today), "{finding:?}");
            }
            Claim::FitsNothing { naming_rule } => {
                let rule = &self.configuration.naming_rules[naming_rule];
                let fits = regex_of(&rule.pattern);
                let application = &self.configuration.account_types[&rule.account_type].application;
                let known =
                    self.configuration.entitlements.values().filter(|known| {
                        self.configuration.account_types[&known.account_type].application == *application
                    });
                let found = self.found.iter().filter(|found| found.application == *application);
                let mut keys = known.map(|known| &known.key).chain(found.map(|found| &found.key));
                assert!(!keys.any(|key| fits(key)), "{finding:?}");
            }
        }
    }

    /// What somebody has, of whom reference and engine say the same.
    fn access(&self, configuration: &Configuration, person: &Identity, given: &[Grantable]) -> DesiredAccess {
        // By a request of its own each.
        let grants = (1..).zip(given).map(|(request, thing)| {
            let mut grant = granted(person.id, thing.clone());
            grant.origin.request = RequestId(request);
            grant
        });
        let grants: Vec<_> = grants.collect();
        let reference = Reference::new(configuration).expect("a sound configuration");
        let access = reference.desired(person, &grants, self.today);
        let mut engine = Engine::new(Arc::new(RoleModel::compile(configuration).expect("a sound configuration")));
        engine.upsert(person);
        engine.set_grants(person.id, grants);
        engine.compute(self.today);
        assert_eq!(engine.desired(person.id, self.today).as_ref(), Some(&access));
        access
    }

    /// Whether a rule holds for somebody: whether they get anything where it alone gives one account type.
    fn meets(&self, rule: &str, person: &Identity) -> bool {
        let mut alone = self.configuration.clone();
        alone.rules.retain(|name, _| name == rule);
        alone.lifecycle_states.clear();
        let kind = alone.account_types.keys().next().cloned().expect("an account type");
        let own = alone.rules.get_mut(rule).expect("the rule");
        own.deny = false;
        own.account_types = vec![kind];
        !self.access(&alone, person, &[]).assignments.is_empty()
    }

    /// Accounts with their values, and entitlements, of whoever is given just this.
    fn contents(&self, configuration: &Configuration, person: &Identity, thing: &Grantable) -> BTreeSet<Contents> {
        let mut alone = begun(configuration);
        alone.rules.clear();
        alone.lifecycle_states.clear();
        let accounts = self.access(&alone, person, std::slice::from_ref(thing)).accounts.into_iter();
        let value = |value: DesiredValue| format!("{value:?}");
        accounts
            .map(|account| {
                let values = account.attributes.into_iter().map(|attribute| (attribute.name, value(attribute.value)));
                (account.account_type, account.entitlements, values.collect())
            })
            .collect()
    }

    fn breaks(&self, risk: &str, person: &Identity, given: &[Grantable]) -> bool {
        let access = self.access(self.configuration, person, given);
        let broken = risk_reference::broken_rules(self.configuration, &access.assignments, &[], &[]);
        assert_eq!(broken, RiskModel::compile(self.configuration).broken_rules(&access.assignments, &[], &[]));
        broken.iter().any(|broken| broken.risk == risk)
    }

    /// Neither a rule that can hold nor a request for a role or an access profile leads to any of these.
    fn nobody_can_get(&self, things: &[Grantable], all: &[Finding]) {
        let holds = |access: &DesiredAccess| held(access).iter().any(|(thing, ..)| things.contains(thing));
        for person in self.people {
            assert!(!holds(&self.access(self.configuration, person, &[])), "{person:?} holds one of {things:?}");
        }
        let Some(person) = self.people.iter().find(|person| person.present) else { return };
        let person = &Identity { contexts: Vec::new(), ..person.clone() };
        let mut asking = begun(self.configuration);
        asking.rules.clear();
        asking.lifecycle_states.clear();
        let roles = asking.roles.iter().filter(|(_, role)| role.requestable);
        let profiles = asking.access_profiles.iter().filter(|(_, profile)| profile.requestable);
        let offered: Vec<Grantable> = roles
            .map(|(name, _)| Grantable::Role(name.clone()))
            .chain(profiles.map(|(name, _)| Grantable::AccessProfile(name.clone())))
            .collect();
        assert!(!holds(&self.access(&asking, person, &offered)), "a request leads to one of {things:?}");
        for (name, rule) in self.configuration.rules.iter().filter(|(_, rule)| !rule.deny) {
            let mut alone = asking.clone();
            let rule = model::configuration::AssignmentRule {
                when: "true".to_owned(),
                kind: model::configuration::RuleType::Automatic,
                ..rule.clone()
            };
            alone.rules.insert(name.clone(), rule);
            let is_never_true = || {
                let of_rule =
                    |finding: &&Finding| finding.kind == FindingKind::NeverTrue && finding.spots[0].name == *name;
                all.iter().any(|finding| of_rule(&finding))
            };
            let gets = holds(&self.access(&alone, person, &[]));
            assert!(!gets || is_never_true(), "rule {name} leads to one of {things:?}");
        }
    }
}

/// With everything in force that is to be one day: roles and access profiles that are drafts, or begin later.
fn begun(configuration: &Configuration) -> Configuration {
    let mut begun = configuration.clone();
    let state = |state: &mut RoleState| {
        if *state == RoleState::Draft {
            *state = RoleState::Active;
        }
    };
    for role in begun.roles.values_mut() {
        role.valid_from = None;
        state(&mut role.state);
    }
    for profile in begun.access_profiles.values_mut() {
        profile.valid_from = None;
        state(&mut profile.state);
    }
    begun
}

fn held(access: &DesiredAccess) -> Held {
    let assignments = access.assignments.iter();
    assignments.map(|held| (held.grantable.clone(), held.workflow_state, held.period)).collect()
}

fn has(person: &Identity, attribute: &str, value: &model::value::Value) -> bool {
    // What somebody has by themselves, no rule sees where each of their contexts has something else.
    let alone = std::iter::once(None).filter(|_| person.contexts.is_empty());
    let contexts: Vec<Option<&model::identity::Context>> = alone.chain(person.contexts.iter().map(Some)).collect();
    let subject = |context| policy::expression::Subject::new(person, context, Date::constant(2026, 3, 1));
    contexts.into_iter().any(|context| subject(context).value(attribute).as_ref() == Some(value))
}

/// Whether a pattern fits a whole key, by way of a naming rule of its own.
fn regex_of(pattern: &str) -> impl Fn(&str) -> bool + use<> {
    let expression = format!("identity.key.matches({})", serde_json::Value::from(format!("^(?:{pattern})$")));
    let expression = policy::expression::Expression::parse(&expression.replace("(?<", "(?P<")).expect("a pattern");
    move |key| {
        let attributes = model::value::Attributes::new();
        let subject = policy::expression::Subject::of_row(key, &attributes, None);
        expression.holds(&subject) == Ok(true)
    }
}
