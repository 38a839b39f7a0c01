//! The compiled configuration: what is wrong with it, or else everything by position, ready to be evaluated.
//!
//! Names become positions here once, in the order of [`Grantable`], so that comparing positions is comparing names. What
//! a population looks like is not known here; that is the engine's part. Reading files is `engine::configuration`'s.

use std::collections::BTreeMap;

use ::model::access::Grantable;
use ::model::configuration::{Configuration, Reference, RuleType};
use ::model::value::Value;

use crate::day::{ALWAYS, Day, NEVER};
use crate::digest::Digest;
use crate::expression::Expression;

mod check;
mod check_risks;
mod clause;
mod closure;
mod seasons;
mod states;

pub(crate) use clause::{Clause, clauses};
pub(crate) use closure::{Closure, Given, MOST_WAYS};
use seasons::Seasons;
pub(crate) use states::{AccessModel, States};

/// A configuration without contradictions, compiled.
#[derive(Debug)]
pub struct RoleModel {
    /// Everything that can be held, sorted; positions in here are what the other fields hold.
    pub(crate) grantables: Vec<Grantable>,
    /// What follows from holding each grantable: roles and profiles, entitlements and account types, the account type.
    pub(crate) follows: Vec<Vec<u32>>,
    /// Position of each grantable in an order in which everything comes after what grants it.
    pub(crate) rank: Vec<u32>,
    /// In the order of their names.
    pub(crate) rules: Vec<Rule>,
    /// In the order of their names.
    pub(crate) account_types: Vec<AccountTypeModel>,
    /// Names of all attributes that an expression reads, sorted.
    pub(crate) attributes: Vec<String>,
    /// Distinct expressions among the sources of account attributes.
    pub(crate) values: usize,
    pub(crate) states: States,
    /// Where each of them stands first: position of the account type, and of the attribute in it.
    pub(crate) sources: Vec<(usize, usize)>,
    /// On which days each grantable is in force, where the model is one of a season; none of what is not. Empty: all always.
    pub(crate) bounds: Vec<Option<(Day, Day)>>,
    seasons: Seasons,
    /// Of permission profiles that are about some people only, by name.
    people: BTreeMap<String, Expression>,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}, {field}: {message}")]
pub struct ModelError {
    /// Kind and name, such as "rule `sales-staff`".
    pub object: String,
    /// Path of the field inside the object, such as `when` or `attributes.uid.expression`.
    pub field: String,
    /// What is wrong and what to do about it.
    pub message: String,
    /// Line and column inside an expression, both from 1.
    pub position: Option<(usize, usize)>,
}

/// One assignment rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) hash: u64,
    pub(crate) when: Read,
    pub(crate) kind: RuleType,
    pub(crate) deny: bool,
    pub(crate) priority: i32,
    pub(crate) days_before: i32,
    pub(crate) days_after: i32,
    /// What the rule gives or takes itself, sorted.
    pub(crate) targets: Vec<u32>,
    pub(crate) clauses: Vec<Clause>,
    /// What it gives in all, with every way, where nothing is denied. Empty for a denial.
    pub(crate) closure: Closure,
    /// Of all of that, by name.
    pub(crate) closure_hash: u64,
    /// What that is, without the ways: all that most people need of it.
    pub(crate) given: Box<[u32]>,
    /// Of each of these, on which days the rule can give it at all; empty where it always can.
    pub(crate) bounds: Box<[(Day, Day)]>,
}

/// A condition over people by itself, in the form in which a population can be asked for whom it holds.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Those that it reads, sorted.
    pub(crate) attributes: Vec<String>,
    pub(crate) read: Read,
    pub(crate) clauses: Vec<Clause>,
}

impl Condition {
    /// Takes an expression over `identity` in which no `within` stands any more ([`Expression::expanded`]).
    pub fn new(expression: &Expression) -> Self {
        let attributes = expression.attributes().to_vec();
        let read = Read::new(expression, &attributes);
        let clauses = clauses(&read);
        Self { attributes, read, clauses }
    }
}

/// An expression and where its attributes are among the model's.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) expression: Expression,
    pub(crate) attributes: Vec<u16>,
}

#[derive(Clone, Debug)]
pub(crate) struct AccountTypeModel {
    pub(crate) name: String,
    pub(crate) application: String,
    pub(crate) grantable: u32,
    /// Over everything about it that does not depend on the identity.
    pub(crate) hash: u64,
    pub(crate) attributes: Vec<AttributeModel>,
    pub(crate) correlation: Vec<Read>,
    /// Conditions over an account, with their confidence.
    pub(crate) classification: Vec<(Expression, u8)>,
    /// Over an identity and one of its accounts.
    pub(crate) select: Option<Expression>,
}

#[derive(Clone, Debug)]
pub(crate) struct AttributeModel {
    pub(crate) name: String,
    pub(crate) source: ValueSource,
    pub(crate) required: bool,
    pub(crate) create_only: bool,
    pub(crate) secret: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum ValueSource {
    Constant(Value),
    /// With its number among the model's distinct sources: equal ones give equal values.
    Expression(usize, Read),
    Unique(usize, Read),
    /// Another account of the same person has it; the expression over that account, where it is not taken as it is.
    Reference(Reference, Option<Expression>),
    /// A person has to give it.
    Nothing,
}

impl RoleModel {
    /// Compiles a configuration, or says everything that is wrong with it.
    ///
    /// Found are: references to nothing, circles of roles and of account types that need each other, expressions that are
    /// not CEL, attributes of account types with none or several sources, access profiles with entitlements or account types
    /// of another application, keys that are no attribute, attributes read that no identity source delivers,
    /// denials that are not automatic, categories in a circle, last days before first ones, and risks that nobody, or everybody with one thing, would break.
    pub fn compile(configuration: &Configuration) -> Result<Self, Vec<ModelError>> {
        let expressions = check::check(configuration, None)?;
        Ok(Self::compiled(configuration, &expressions))
    }

    /// The same, beside a model of a configuration that differs little: conditions that it has read are not read again.
    ///
    /// # Errors
    /// As [`RoleModel::compile`].
    pub fn compile_beside(known: &Self, configuration: &Configuration) -> Result<Self, Vec<ModelError>> {
        let expressions = check::check(configuration, Some(known))?;
        Ok(Self::compiled(configuration, &expressions))
    }

    fn compiled(configuration: &Configuration, expressions: &check::Expressions) -> Self {
        let mut grantables: Vec<Grantable> = Vec::new();
        grantables.extend(configuration.roles.keys().cloned().map(Grantable::Role));
        grantables.extend(configuration.access_profiles.keys().cloned().map(Grantable::AccessProfile));
        grantables.extend(configuration.account_types.keys().cloned().map(Grantable::AccountType));
        grantables.extend(configuration.entitlements.keys().cloned().map(Grantable::Entitlement));
        let follows: Vec<Vec<u32>> =
            grantables.iter().map(|grantable| positions(&grantables, follows_from(configuration, grantable))).collect();
        let rank = closure::rank(&follows);
        let attributes = expressions.attributes();
        let read = |field: &check::Field| Read::new(expressions.get(field), &attributes);

        let mut rules: Vec<Rule> = Vec::with_capacity(configuration.rules.len());
        for (name, rule) in &configuration.rules {
            let when = read(&check::Field::When(name.clone()));
            let targets: Vec<Grantable> = [
                rule.roles.iter().cloned().map(Grantable::Role).collect::<Vec<_>>(),
                rule.access_profiles.iter().cloned().map(Grantable::AccessProfile).collect(),
                rule.account_types.iter().cloned().map(Grantable::AccountType).collect(),
                rule.entitlements.iter().cloned().map(Grantable::Entitlement).collect(),
            ]
            .concat();
            let clauses = clauses(&when);
            rules.push(Rule {
                name: name.clone(),
                hash: told_of(name, &when),
                when,
                kind: rule.kind,
                deny: rule.deny,
                priority: rule.priority,
                days_before: i32::from(rule.days_before),
                days_after: i32::from(rule.days_after),
                targets: positions(&grantables, targets),
                clauses,
                closure: Closure::default(),
                closure_hash: 0,
                given: Box::default(),
                bounds: Box::default(),
            });
        }
        let mut numbers: BTreeMap<(bool, String), usize> = BTreeMap::new();
        let account_types = configuration
            .account_types
            .iter()
            .map(|(name, kind)| {
                let attributes: Vec<AttributeModel> = kind
                    .attributes
                    .iter()
                    .map(|(attribute, specification)| AttributeModel {
                        name: attribute.clone(),
                        source: match &specification.value {
                            Some(value) => ValueSource::Constant(value.clone()),
                            None if let Some(reference) = &specification.reference => {
                                let field = check::Field::Reference(name.clone(), attribute.clone());
                                let expression = reference.expression.as_ref().map(|_| expressions.get(&field).clone());
                                ValueSource::Reference(reference.clone(), expression)
                            }
                            None if specification.expression.is_none() && specification.unique.is_none() => {
                                ValueSource::Nothing
                            }
                            None => {
                                let read = read(&check::Field::Attribute(name.clone(), attribute.clone()));
                                let unique = specification.unique.is_some();
                                let next = numbers.len();
                                let text = read.expression.text().to_owned();
                                let number = *numbers.entry((unique, text)).or_insert(next);
                                if unique {
                                    ValueSource::Unique(number, read)
                                } else {
                                    ValueSource::Expression(number, read)
                                }
                            }
                        },
                        required: specification.required,
                        create_only: specification.create_only,
                        secret: specification.secret,
                    })
                    .collect();
                let correlation = (0..kind.correlation.len())
                    .map(|index| read(&check::Field::Correlation(name.clone(), index)))
                    .collect();
                let classification = kind.classification.iter().enumerate().map(|(index, rule)| {
                    (expressions.get(&check::Field::Classification(name.clone(), index)).clone(), rule.confidence)
                });
                let classification = classification.collect();
                let grantable = positions(&grantables, vec![Grantable::AccountType(name.clone())]);
                AccountTypeModel {
                    name: name.clone(),
                    application: kind.application.clone(),
                    grantable: grantable.first().copied().unwrap_or(u32::MAX),
                    hash: fixed_part(name, &kind.application, &attributes),
                    attributes,
                    correlation,
                    classification,
                    select: kind.select.as_ref().map(|_| expressions.get(&check::Field::Select(name.clone())).clone()),
                }
            })
            .collect();
        let limited = configuration.permission_profiles.iter().filter(|(_, profile)| profile.people.is_some());
        let people =
            limited.map(|(name, _)| (name.clone(), expressions.get(&check::Field::People(name.clone())).clone()));
        let mut model = Self {
            people: people.collect(),
            grantables,
            follows,
            rank,
            rules,
            account_types,
            attributes,
            values: numbers.len(),
            sources: Vec::new(),
            states: States::default(),
            bounds: Vec::new(),
            seasons: Seasons::default(),
        };
        model.sources = sources(&model.account_types, model.values);
        model.states = States::compiled(configuration, &model, expressions, &model.attributes);
        model.close_rules();
        model.seasons = Seasons::compiled(configuration, &model.grantables);
        model
    }

    /// About whom a permission profile is, over an identity and a user; none where it is about everybody.
    pub fn people_of(&self, profile: &str) -> Option<&Expression> {
        self.people.get(profile)
    }

    /// Works out what follows from each rule.
    fn close_rules(&mut self) {
        for index in 0..self.rules.len() {
            let closure = match self.rules.get(index) {
                Some(rule) if !rule.deny => self.closure(rule.kind, &rule.targets, |_| false),
                _ => continue,
            };
            let hash = self.hash_of(&closure);
            if let Some(rule) = self.rules.get_mut(index) {
                rule.given = closure.given.iter().map(|given| given.grantable).collect();
                rule.bounds = closure.bounds();
                (rule.closure, rule.closure_hash) = (closure, hash);
            }
        }
    }

    /// A hash of what follows from something, by names and not by positions.
    pub(crate) fn hash_of(&self, closure: &Closure) -> u64 {
        let mut digest = Digest::default();
        for given in &closure.given {
            digest.number(self.name_hash(given.grantable));
            if given.bounds != (ALWAYS, NEVER) {
                digest.number(
                    u64::from(given.bounds.0.cast_unsigned()) << 32 | u64::from(given.bounds.1.cast_unsigned()),
                );
            }
            for ways in [&given.ways, &given.implied] {
                digest.number(ways.len() as u64);
                for way in ways {
                    digest.number(way.len() as u64);
                    way.iter().for_each(|step| digest.number(self.name_hash(*step)));
                }
            }
        }
        digest.finish()
    }

    /// A hash of kind and name.
    pub(crate) fn name_hash(&self, grantable: u32) -> u64 {
        let grantable = self.grantable(grantable);
        let mut digest = Digest::default();
        digest.text(grantable.kind());
        digest.text(grantable.name());
        digest.finish()
    }

    /// Where a distinct expression is.
    pub(crate) fn source(&self, number: usize) -> Option<&ValueSource> {
        let (kind, attribute) = self.sources.get(number)?;
        self.account_types.get(*kind)?.attributes.get(*attribute).map(|attribute| &attribute.source)
    }

    /// The account type at a position among the grantables, if one is there.
    pub(crate) fn account_type_at(&self, grantable: u32) -> Option<&AccountTypeModel> {
        let first = self.account_types.first()?.grantable;
        self.account_types.get(grantable.checked_sub(first)? as usize)
    }

    /// Position of the first entitlement: they come last, and all that follow are entitlements.
    pub(crate) fn first_entitlement(&self) -> u32 {
        let before = |grantable: &Grantable| !matches!(grantable, Grantable::Entitlement(_));
        u32::try_from(self.grantables.partition_point(before)).unwrap_or(u32::MAX)
    }

    pub(crate) fn position(&self, grantable: &Grantable) -> Option<u32> {
        self.grantables.binary_search(grantable).ok().and_then(|position| u32::try_from(position).ok())
    }

    pub(crate) fn grantable(&self, position: u32) -> &Grantable {
        &self.grantables[position as usize]
    }

    /// Everything that holding this leads to, itself included, sorted; what is denied to somebody is not left out, nor what
    /// is not in force.
    pub fn reach(&self, grantable: &Grantable) -> Vec<Grantable> {
        let Some(position) = self.position(grantable) else { return Vec::new() };
        let closure = self.closure(RuleType::Automatic, &[position], |_| false);
        closure.given.iter().map(|given| self.grantable(given.grantable).clone()).collect()
    }

    pub(crate) fn follows(&self, position: u32) -> &[u32] {
        self.follows.get(position as usize).map_or(&[], Vec::as_slice)
    }

    /// The account type that holds an entitlement.
    pub(crate) fn account_type_of(&self, entitlement: u32) -> Option<u32> {
        match self.grantable(entitlement) {
            Grantable::Entitlement(_) => self.follows(entitlement).first().copied(),
            _ => None,
        }
    }
}

impl Read {
    fn new(expression: &Expression, attributes: &[String]) -> Self {
        let position = |name: &String| {
            let found = attributes.binary_search(name).ok().and_then(|found| u16::try_from(found).ok());
            found.unwrap_or(u16::MAX)
        };
        let attributes = expression.attributes().iter().map(position).collect();
        Self { expression: expression.clone(), attributes }
    }
}

fn follows_from(configuration: &Configuration, grantable: &Grantable) -> Vec<Grantable> {
    match grantable {
        Grantable::Role(name) => configuration.roles.get(name).map_or_else(Vec::new, |role| {
            let profiles = role.access_profiles.iter().cloned().map(Grantable::AccessProfile);
            profiles.chain(role.roles.iter().cloned().map(Grantable::Role)).collect()
        }),
        Grantable::AccessProfile(name) => configuration.access_profiles.get(name).map_or_else(Vec::new, |profile| {
            let entitlements = profile.entitlements.iter().cloned().map(Grantable::Entitlement);
            entitlements.chain(profile.account_types.iter().cloned().map(Grantable::AccountType)).collect()
        }),
        Grantable::Entitlement(name) => configuration
            .entitlements
            .get(name)
            .map_or_else(Vec::new, |entitlement| vec![Grantable::AccountType(entitlement.account_type.clone())]),
        Grantable::AccountType(_) => Vec::new(),
    }
}

fn sources(account_types: &[AccountTypeModel], count: usize) -> Vec<(usize, usize)> {
    let mut sources = vec![(usize::MAX, 0); count];
    for (kind_number, kind) in account_types.iter().enumerate() {
        for (number, attribute) in kind.attributes.iter().enumerate() {
            let (ValueSource::Expression(source, _) | ValueSource::Unique(source, _)) = &attribute.source else {
                continue;
            };
            if let Some(place) = sources.get_mut(*source).filter(|place| place.0 == usize::MAX) {
                *place = (kind_number, number);
            }
        }
    }
    sources
}

fn positions(grantables: &[Grantable], mut wanted: Vec<Grantable>) -> Vec<u32> {
    wanted.sort_unstable();
    wanted.dedup();
    let found = wanted.iter().filter_map(|grantable| grantables.binary_search(grantable).ok());
    found.filter_map(|position| u32::try_from(position).ok()).collect()
}

/// What every reason of a rule tells about it, whoever it is for.
fn told_of(name: &str, when: &Read) -> u64 {
    let mut digest = Digest::default();
    digest.text(name);
    when.expression.attributes().iter().for_each(|attribute| digest.text(attribute));
    digest.finish()
}

fn fixed_part(name: &str, application: &str, attributes: &[AttributeModel]) -> u64 {
    let mut digest = Digest::default();
    digest.text(name);
    digest.text(application);
    for attribute in attributes {
        digest.text(&attribute.name);
        let flags = [attribute.required, attribute.create_only, attribute.secret];
        flags.into_iter().for_each(|flag| digest.number(u64::from(flag)));
        if let ValueSource::Constant(value) = &attribute.source {
            digest.value(value);
        }
        if let ValueSource::Reference(reference, _) = &attribute.source {
            digest.text(&reference.account_type);
            digest.text(reference.taken());
        }
    }
    digest.finish()
}
