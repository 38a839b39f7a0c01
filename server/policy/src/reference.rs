//! The slow, obvious evaluator: what desired access *means*. The engine is tested against it.
//!
//! It walks the configuration by name, one identity at a time, without anything prepared but the expressions. The rules
//! that it spells out:
//!
//! - An identity that its source no longer lists gets nothing. One without contexts is looked at in one implicit
//!   context that is always open.
//! - Each rule is looked at in each context, with the context's attributes over the identity's own. It counts today if
//!   the context's period, widened by the rule's days before and after, holds today and the condition is true. A
//!   condition that fails is not true.
//! - What a rule gives, gives what it contains: roles, access profiles, entitlements, and of each entitlement the
//!   account. Offers (suggested, or waiting for validation) give nothing further.
//! - `within` climbs the dimension from the value that somebody has: it holds where the value asked for is on the way.
//! - What somebody was given directly is given like by a rule of priority 0 that holds for them alone, from its first day
//!   to its last, on days on which they are active: not before the first day of a joiner, not for a leaver.
//! - A role or an access profile that is a draft or retired, or whose first day is still to come or last day over, is not given
//!   and gives nothing, whoever it is for. What is given through others is given for as long as all of them are in force.
//! - A denial of the same or a smaller priority number takes away: the thing, and what would follow through it. Denying
//!   an account type denies its entitlements as well.
//! - Reasons are kept of the strongest state only: given, then waiting for validation, then suggested. Only windows that
//!   are open today count, so their union has no gap, and it is the period; a window that opens later prolongs the
//!   period on the day it opens.
//! - Account attributes are evaluated in the contexts that hold today, by priority, then start, then key; the first that
//!   gives a value decides. Only while no context itself holds, before the first day or after the last, the contexts
//!   count in which some rule gives something today. Candidates for unique values end at the first repetition, the first
//!   without a value, or after ten.
//! - What the lifecycle state makes of it is spelled out in `reference/lifecycle.rs`.

mod lifecycle;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;
use jiff::civil::Date;
use model::access::{
    Denied, DesiredAccess, DesiredAccount, DesiredAssignment, DesiredAttribute, DesiredValue, Fact, Grantable, Reason,
    WorkflowState,
};
use model::configuration::{
    AssignmentRule, AttributeSpecification, Configuration, LifecycleStateDefinition, RoleState, RuleType,
};
use model::identity::{Context, Identity, LifecycleState, Period};
use model::lifecycle::Remembered;
use model::request::DirectGrant;
use model::value::Value;

use crate::expression::{Expression, Subject};
use crate::model::{MOST_WAYS, ModelError, RoleModel};

/// Candidates for a unique value that are worked out.
pub const MOST_CANDIDATES: usize = 10;

/// What an identity should have today, worked out by the book.
pub fn desired(
    configuration: &Configuration,
    identity: &Identity,
    today: Date,
) -> Result<DesiredAccess, Vec<ModelError>> {
    Ok(Reference::new(configuration)?.desired(identity, &[], today))
}

/// A configuration with its expressions read, for asking about many identities.
pub struct Reference<'c> {
    configuration: &'c Configuration,
    conditions: BTreeMap<&'c str, Expression>,
    attributes: BTreeMap<(&'c str, &'c str), Expression>,
    states: lifecycle::States<'c>,
}

impl<'c> Reference<'c> {
    /// Reads all expressions; refuses what [`RoleModel::compile`] refuses.
    pub fn new(configuration: &'c Configuration) -> Result<Self, Vec<ModelError>> {
        RoleModel::compile(configuration)?;
        let states = lifecycle::States::new(configuration);
        let mut reference = Self { configuration, conditions: BTreeMap::new(), attributes: BTreeMap::new(), states };
        for (name, rule) in &configuration.rules {
            reference
                .conditions
                .extend(Expression::parse(&rule.when).ok().map(|when| (name.as_str(), when.climbing(configuration))));
        }
        for (name, kind) in &configuration.account_types {
            for (attribute, specification) in &kind.attributes {
                let text = specification.expression.as_ref().or(specification.unique.as_ref());
                let parsed = text.and_then(|text| Expression::parse_with(text, &["identity", "attempt"]).ok());
                let parsed = parsed.map(|parsed| parsed.climbing(configuration));
                reference.attributes.extend(parsed.map(|parsed| ((name.as_str(), attribute.as_str()), parsed)));
            }
        }
        Ok(reference)
    }

    /// What an identity should have today, where nothing is remembered of it.
    pub fn desired(&self, identity: &Identity, grants: &[DirectGrant], today: Date) -> DesiredAccess {
        self.desired_remembering(identity, grants, None, today)
    }

    /// What an identity should have today, of whom this state was recorded.
    pub fn desired_remembering(
        &self,
        identity: &Identity,
        grants: &[DirectGrant],
        remembered: Option<&Remembered>,
        today: Date,
    ) -> DesiredAccess {
        let mut access = DesiredAccess {
            identity: identity.id,
            assignments: Vec::new(),
            accounts: Vec::new(),
            denied: Vec::new(),
            lifecycle: self.states.of(identity, remembered, today).map(Box::new),
        };
        if !identity.present {
            return access;
        }
        let holding = self.holding(identity, today);
        let lifecycle = access.lifecycle.as_ref();
        let state = lifecycle.and_then(|lifecycle| self.states.definition(&lifecycle.standing.state));
        self.walk(identity, &holding, grants, state, today).finish(&mut access);
        if let Some(lifecycle) = &mut access.lifecycle {
            let unhindered = self.walk(identity, &holding, grants, None, today).granted();
            let let_through = self.walk(identity, &holding, grants, state, today).granted();
            lifecycle.withheld = unhindered.difference(&let_through).cloned().collect();
        }
        let contexts = value_contexts(identity, &holding, today);
        access.accounts = self.accounts(identity, &contexts, &access.assignments, today);
        access
    }

    /// Everything that rules and direct grants give, as far as the state lets it through.
    fn walk(
        &self,
        identity: &Identity,
        holding: &[Holding<'_>],
        grants: &[DirectGrant],
        state: Option<&'c LifecycleStateDefinition>,
        today: Date,
    ) -> Walk<'c> {
        let mut walk = Walk::new(self.configuration, self.denials(holding), state, today);
        for holding in holding.iter().filter(|holding| !holding.rule.deny) {
            for grantable in targets(holding.rule) {
                walk.give(&Giver::Rule(holding), grantable, &[], false, holding.window);
            }
        }
        if identity.lifecycle(today) == LifecycleState::Active {
            let known = |grantable: &Grantable| exists(self.configuration, grantable);
            for grant in grants.iter().filter(|grant| grant.period.holds(today) && known(&grant.grantable)) {
                walk.give(&Giver::Grant(grant), grant.grantable.clone(), &[], false, grant.period);
            }
        }
        walk.given.retain(|grantable, _| {
            state.is_none_or(|state| lifecycle::lets_through(self.configuration, state, grantable))
        });
        walk
    }

    /// Rules with the contexts in which they count today.
    fn holding<'a>(&'a self, identity: &'a Identity, today: Date) -> Vec<Holding<'a>> {
        let contexts: Vec<Option<&Context>> = match identity.contexts.as_slice() {
            [] => vec![None],
            contexts => contexts.iter().map(Some).collect(),
        };
        let mut holding = Vec::new();
        for (name, rule) in &self.configuration.rules {
            for context in &contexts {
                let window = context.map_or_else(Period::default, |context| widened(context.period, rule));
                let subject = Subject::new(identity, *context, today);
                let Some(when) = self.conditions.get(name.as_str()) else { continue };
                if window.holds(today) && when.holds(&subject) == Ok(true) {
                    let facts = when
                        .attributes()
                        .iter()
                        .map(|attribute| Fact { attribute: attribute.clone(), value: subject.value(attribute) });
                    holding.push(Holding { name, rule, context: *context, window, facts: facts.collect() });
                }
            }
        }
        holding
    }

    /// The strongest denial of each thing: smallest priority, then first reason.
    fn denials(&self, holding: &[Holding<'_>]) -> BTreeMap<Grantable, (i32, Reason)> {
        let mut denials: BTreeMap<Grantable, (i32, Reason)> = BTreeMap::new();
        for holding in holding.iter().filter(|holding| holding.rule.deny) {
            for target in targets(holding.rule) {
                let mut denied = vec![(target.clone(), Vec::new())];
                for (name, entitlement) in &self.configuration.entitlements {
                    if target == Grantable::AccountType(entitlement.account_type.clone()) {
                        denied.push((Grantable::Entitlement(name.clone()), vec![target.clone()]));
                    }
                }
                for (grantable, path) in denied {
                    let denial = (holding.rule.priority, holding.reason(path));
                    let strongest = denials.entry(grantable).or_insert_with(|| denial.clone());
                    if denial < *strongest {
                        *strongest = denial;
                    }
                }
            }
        }
        denials
    }

    fn accounts(
        &self,
        identity: &Identity,
        contexts: &[Option<&Context>],
        assignments: &[DesiredAssignment],
        today: Date,
    ) -> Vec<DesiredAccount> {
        let held: Vec<&Grantable> = assignments
            .iter()
            .filter(|assignment| assignment.workflow_state.grants())
            .map(|assignment| &assignment.grantable)
            .collect();
        let mut accounts = Vec::new();
        for (name, kind) in &self.configuration.account_types {
            if !held.contains(&&Grantable::AccountType(name.clone())) {
                continue;
            }
            let attributes = kind.attributes.iter().map(|(attribute, specification)| DesiredAttribute {
                name: attribute.clone(),
                value: self.attribute(name, attribute, specification, identity, contexts, today),
                required: specification.required,
                create_only: specification.create_only,
                secret: specification.secret,
            });
            accounts.push(DesiredAccount {
                account_type: name.clone(),
                application: kind.application.clone(),
                attributes: attributes.collect(),
                entitlements: self.entitlements_of(name, &held),
            });
        }
        accounts
    }

    fn entitlements_of(&self, name: &str, held: &[&Grantable]) -> Vec<String> {
        let all = self.configuration.entitlements.iter();
        let of_type =
            all.filter(|(_, entitlement)| entitlement.account_type == name).map(|(entitlement, _)| entitlement);
        of_type.filter(|entitlement| held.contains(&&Grantable::Entitlement((*entitlement).clone()))).cloned().collect()
    }

    fn attribute(
        &self,
        kind: &str,
        attribute: &str,
        specification: &AttributeSpecification,
        identity: &Identity,
        contexts: &[Option<&Context>],
        today: Date,
    ) -> DesiredValue {
        if let Some(value) = &specification.value {
            return DesiredValue::Value(value.clone());
        }
        if let Some(reference) = &specification.reference {
            return DesiredValue::Referred(reference.clone());
        }
        let Some(expression) = self.attributes.get(&(kind, attribute)) else { return DesiredValue::Absent };
        for context in contexts {
            let subject = Subject::new(identity, *context, today);
            let value = if specification.unique.is_some() {
                candidates(expression, &subject)
            } else {
                match expression.evaluate(&subject) {
                    Ok(Some(value)) => DesiredValue::Value(value),
                    Ok(None) => DesiredValue::Absent,
                    Err(message) => DesiredValue::Failed(message),
                }
            };
            if value != DesiredValue::Absent {
                return value;
            }
        }
        DesiredValue::Absent
    }
}

fn candidates(expression: &Expression, subject: &Subject<'_>) -> DesiredValue {
    let mut candidates: Vec<String> = Vec::new();
    for attempt in 0.. {
        let value = expression.evaluate(&subject.at_attempt(attempt));
        let candidate = match value {
            Ok(Some(Value::Text(text))) if !text.is_empty() => text,
            Ok(Some(Value::Integer(number))) => number.to_string(),
            Ok(Some(Value::Boolean(_) | Value::List(_))) if attempt == 0 => {
                return DesiredValue::Failed("a unique value has to be a text or a number".into());
            }
            Err(message) if attempt == 0 => return DesiredValue::Failed(message),
            _ => break,
        };
        if candidates.contains(&candidate) {
            break;
        }
        candidates.push(candidate);
        if candidates.len() == MOST_CANDIDATES {
            break;
        }
    }
    if candidates.is_empty() { DesiredValue::Absent } else { DesiredValue::Unique(candidates) }
}

/// A rule that counts today in a context.
struct Holding<'a> {
    name: &'a str,
    rule: &'a AssignmentRule,
    context: Option<&'a Context>,
    window: Period,
    facts: Vec<Fact>,
}

impl Holding<'_> {
    fn reason(&self, path: Vec<Grantable>) -> Reason {
        Reason {
            rule: self.name.to_owned(),
            context: self.context.map(|context| context.key.clone()),
            facts: self.facts.clone(),
            path,
            grant: None,
        }
    }
}

/// What gives something: a rule that counts today, or a direct grant.
enum Giver<'a> {
    Rule(&'a Holding<'a>),
    Grant(&'a DirectGrant),
}

impl Giver<'_> {
    fn kind(&self) -> RuleType {
        match self {
            Self::Rule(holding) => holding.rule.kind,
            Self::Grant(_) => RuleType::Automatic,
        }
    }

    fn priority(&self) -> i32 {
        match self {
            Self::Rule(holding) => holding.rule.priority,
            Self::Grant(_) => 0,
        }
    }

    fn reason(&self, path: Vec<Grantable>) -> Reason {
        match self {
            Self::Rule(holding) => holding.reason(path),
            Self::Grant(grant) => Reason {
                rule: String::new(),
                context: None,
                facts: Vec::new(),
                path,
                grant: Some(Box::new(grant.origin.clone())),
            },
        }
    }
}

fn exists(configuration: &Configuration, grantable: &Grantable) -> bool {
    match grantable {
        Grantable::Role(name) => configuration.roles.contains_key(name),
        Grantable::AccessProfile(name) => configuration.access_profiles.contains_key(name),
        Grantable::AccountType(name) => configuration.account_types.contains_key(name),
        Grantable::Entitlement(name) => configuration.entitlements.contains_key(name),
    }
}

/// One way in which something is given or taken.
struct Way {
    kind: RuleType,
    implied: bool,
    window: Period,
    reason: Reason,
}

struct Walk<'c> {
    configuration: &'c Configuration,
    denials: BTreeMap<Grantable, (i32, Reason)>,
    given: BTreeMap<Grantable, Vec<Way>>,
    taken: BTreeMap<Grantable, Vec<Way>>,
    state: Option<&'c LifecycleStateDefinition>,
    today: Date,
}

impl<'c> Walk<'c> {
    fn new(
        configuration: &'c Configuration,
        denials: BTreeMap<Grantable, (i32, Reason)>,
        state: Option<&'c LifecycleStateDefinition>,
        today: Date,
    ) -> Self {
        Self { configuration, denials, given: BTreeMap::new(), taken: BTreeMap::new(), state, today }
    }

    /// What is given and not only offered.
    fn granted(&self) -> BTreeSet<Grantable> {
        let is_given = |ways: &[Way]| ways.iter().any(|way| way.kind == RuleType::Automatic);
        self.given.iter().filter(|(_, ways)| is_given(ways)).map(|(grantable, _)| grantable.clone()).collect()
    }

    /// Gives something, in a window in which everything on the way to it is in force, and what follows from it.
    fn give(&mut self, giver: &Giver<'_>, grantable: Grantable, path: &[Grantable], implied: bool, window: Period) {
        let Some(window) = self.in_force(&grantable, window) else { return };
        let reason = giver.reason(path.to_vec());
        let way = Way { kind: giver.kind(), implied, window, reason };
        if self.denials.get(&grantable).is_some_and(|(priority, _)| *priority <= giver.priority()) {
            self.taken.entry(grantable).or_default().push(way);
            return;
        }
        if self.state.is_some_and(|state| lifecycle::stops(self.configuration, state, &grantable)) {
            return;
        }
        self.given.entry(grantable.clone()).or_default().push(way);
        if giver.kind() != RuleType::Automatic {
            return;
        }
        let configuration = self.configuration;
        let path = [path, std::slice::from_ref(&grantable)].concat();
        match &grantable {
            Grantable::Role(name) => {
                let Some(role) = configuration.roles.get(name) else { return };
                let profiles: BTreeSet<&String> = role.access_profiles.iter().collect();
                for profile in profiles {
                    self.give(giver, Grantable::AccessProfile(profile.clone()), &path, false, window);
                }
                let roles: BTreeSet<&String> = role.roles.iter().collect();
                for role in roles {
                    self.give(giver, Grantable::Role(role.clone()), &path, false, window);
                }
            }
            Grantable::AccessProfile(name) => {
                let Some(profile) = configuration.access_profiles.get(name) else { return };
                let entitlements: BTreeSet<&String> = profile.entitlements.iter().collect();
                for entitlement in entitlements {
                    self.give(giver, Grantable::Entitlement(entitlement.clone()), &path, false, window);
                }
                let kinds: BTreeSet<&String> = profile.account_types.iter().collect();
                for kind in kinds {
                    self.give(giver, Grantable::AccountType(kind.clone()), &path, false, window);
                }
            }
            Grantable::Entitlement(name) => {
                let Some(entitlement) = configuration.entitlements.get(name) else { return };
                self.give(giver, Grantable::AccountType(entitlement.account_type.clone()), &path, true, window);
            }
            Grantable::AccountType(_) => {}
        }
    }

    /// The part of a window in which this is in force as well; none where it is not today.
    fn in_force(&self, grantable: &Grantable, window: Period) -> Option<Period> {
        let (state, first, last) = match grantable {
            Grantable::Role(name) => {
                let role = self.configuration.roles.get(name)?;
                (role.state, role.valid_from, role.valid_until)
            }
            Grantable::AccessProfile(name) => {
                let profile = self.configuration.access_profiles.get(name)?;
                (profile.state, profile.valid_from, profile.valid_until)
            }
            Grantable::AccountType(_) | Grantable::Entitlement(_) => return Some(window),
        };
        let has_begun = first.is_none_or(|first| first <= self.today);
        let goes_on = last.is_none_or(|last| self.today <= last);
        if state != RoleState::Active || !has_begun || !goes_on {
            return None;
        }
        let end = last.and_then(|last| last.tomorrow().ok());
        let ends = window.ends.into_iter().chain(end).min();
        Some(Period { starts: window.starts.into_iter().chain(first).max(), ends })
    }

    fn finish(self, access: &mut DesiredAccess) {
        for (grantable, ways) in &self.given {
            let strongest = ways.iter().map(|way| strength(way.kind)).max();
            let kept = ways.iter().filter(|way| Some(strength(way.kind)) == strongest);
            let direct = kept.clone().any(|way| !way.implied);
            let kind = kept.clone().map(|way| way.kind).next();
            let workflow_state = match kind {
                Some(RuleType::Suggested) => WorkflowState::Suggested,
                Some(RuleType::AutomaticWithValidation) => WorkflowState::AutomaticWithValidation,
                _ if direct => WorkflowState::Calculated,
                _ => WorkflowState::GivenByRole,
            };
            let kept: Vec<&Way> = kept.collect();
            let starts = kept.iter().map(|way| way.window.starts).min().flatten();
            let open = kept.iter().any(|way| way.window.ends.is_none());
            let ends = if open { None } else { kept.iter().filter_map(|way| way.window.ends).max() };
            access.assignments.push(DesiredAssignment {
                grantable: grantable.clone(),
                period: Period { starts, ends },
                workflow_state,
                reasons: told(kept),
            });
        }
        for (grantable, ways) in self.taken {
            let given = self.given.get(&grantable).into_iter().flatten();
            let Some((_, denied_by)) = self.denials.get(&grantable) else { continue };
            if given.clone().all(|way| way.kind != RuleType::Automatic) {
                let granted_by = told(ways.iter().collect());
                access.denied.push(Denied { grantable, granted_by, denied_by: denied_by.clone() });
            }
        }
    }
}

/// The reasons that are told: of each rule and context the shortest ways, sorted.
fn told(mut ways: Vec<&Way>) -> Vec<Reason> {
    ways.sort_by_key(|way| (way.reason.path.len(), &way.reason));
    ways.dedup_by_key(|way| (way.implied, &way.reason));
    let mut counts = BTreeMap::new();
    let mut reasons: Vec<Reason> = Vec::new();
    for way in ways {
        let count = counts
            .entry((&way.reason.rule, way.reason.grant.as_deref(), way.reason.context.as_deref(), way.implied))
            .or_insert(0);
        *count += 1;
        if *count <= MOST_WAYS {
            reasons.push(way.reason.clone());
        }
    }
    reasons.sort_unstable();
    reasons
}

fn strength(kind: RuleType) -> u8 {
    match kind {
        RuleType::Suggested => 0,
        RuleType::AutomaticWithValidation => 1,
        RuleType::Automatic => 2,
    }
}

fn targets(rule: &AssignmentRule) -> BTreeSet<Grantable> {
    let roles = rule.roles.iter().cloned().map(Grantable::Role);
    let profiles = rule.access_profiles.iter().cloned().map(Grantable::AccessProfile);
    let kinds = rule.account_types.iter().cloned().map(Grantable::AccountType);
    roles.chain(profiles).chain(kinds).chain(rule.entitlements.iter().cloned().map(Grantable::Entitlement)).collect()
}

fn widened(period: Period, rule: &AssignmentRule) -> Period {
    let days = |days: u16| Span::new().days(i64::from(days));
    Period {
        starts: period.starts.and_then(|starts| starts.checked_sub(days(rule.days_before)).ok()),
        ends: period.ends.and_then(|ends| ends.checked_add(days(rule.days_after)).ok()),
    }
}

/// The contexts in which account attributes are evaluated, the deciding one first.
fn value_contexts<'a>(identity: &'a Identity, holding: &[Holding<'a>], today: Date) -> Vec<Option<&'a Context>> {
    if identity.contexts.is_empty() {
        return vec![None];
    }
    let mut contexts: Vec<&Context> = identity.contexts.iter().filter(|context| context.period.holds(today)).collect();
    if contexts.is_empty() {
        let gives = |context: &&Context| {
            holding
                .iter()
                .any(|holding| !holding.rule.deny && holding.context.is_some_and(|other| std::ptr::eq(other, *context)))
        };
        contexts = identity.contexts.iter().filter(gives).collect();
    }
    contexts.sort_by_key(|context| (context.priority, context.period.starts, &context.key));
    contexts.into_iter().map(Some).collect()
}
