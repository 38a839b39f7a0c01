//! Which rules hold for a person: each clause of a rule hangs on the predicate that sorts out most people, so that only
//! clauses are looked at of which the person already has one value.

use model::configuration::RuleType;
use model::identity::LifecycleState;
use model::value::Value;

use crate::expression::{Cell, Lookup, condition_holds};
use crate::model::{Clause, Read, RoleModel};

use super::day::{self, ALWAYS, Day, NEVER};
use super::dictionary::{ABSENT, Dictionary};
use super::person::Person;
use super::sets::GRANT;

pub(super) struct Matcher {
    clauses: Vec<Coded>,
    /// Clauses by the code of a value that they hang on.
    hung: Vec<Vec<u32>>,
    /// Attributes on whose values clauses hang.
    anchors: Vec<u16>,
    /// Clauses without a predicate; looked at for everybody.
    loose: Vec<u32>,
    lifecycle: Option<Lifecycle>,
    /// The most days that any rule looks ahead, and back.
    widest: (i32, i32),
}

struct Coded {
    rule: u32,
    predicates: Vec<(u16, Box<[u32]>)>,
    /// Position of the clause in its rule; its residual nodes are there.
    clause: u32,
    hung_on: Option<usize>,
}

/// Where `identity.lifecycle` stands among the attributes, and the codes of its values.
struct Lifecycle {
    attribute: u16,
    joiner: u32,
    active: u32,
    leaver: u32,
}

/// What looking at one person needs and leaves behind; used again for the next.
pub(super) struct Scratch {
    /// Codes of all attributes as each context shows them; one row where there are no contexts.
    pub(super) rows: Vec<Vec<u32>>,
    /// Rules that count today with the context in which they do, sorted.
    pub(super) pairs: Vec<(u32, u32)>,
    /// By rule: the context in which it was last found to hold, numbered over all people.
    found: Vec<u64>,
    looked_at: u64,
}

impl Scratch {
    pub(super) fn new(model: &RoleModel) -> Self {
        Self { rows: Vec::new(), pairs: Vec::new(), found: vec![0; model.rules.len()], looked_at: 0 }
    }
}

impl Matcher {
    /// Codes all predicates; they are the first that the dictionary sees.
    pub(super) fn new(model: &RoleModel, dictionary: &mut Dictionary) -> Self {
        let mut clauses = Vec::new();
        for (rule_index, rule) in model.rules.iter().enumerate() {
            for (clause_index, clause) in rule.clauses.iter().enumerate() {
                let predicates = clause.predicates.iter().map(|predicate| {
                    let codes = predicate.values.iter().map(|value| dictionary.take(predicate.attribute, value));
                    let mut codes: Vec<u32> = codes.collect();
                    codes.sort_unstable();
                    (predicate.attribute, codes.into_boxed_slice())
                });
                clauses.push(Coded {
                    rule: u32::try_from(rule_index).unwrap_or(u32::MAX),
                    clause: u32::try_from(clause_index).unwrap_or(u32::MAX),
                    predicates: predicates.collect(),
                    hung_on: None,
                });
            }
        }
        let position = model.attributes.binary_search_by(|name| name.as_str().cmp("lifecycle")).ok();
        let lifecycle = position.and_then(|position| u16::try_from(position).ok()).map(|attribute| {
            let mut code = |state: LifecycleState| dictionary.take(attribute, &Value::Text(state.name().to_owned()));
            Lifecycle {
                attribute,
                joiner: code(LifecycleState::Joiner),
                active: code(LifecycleState::Active),
                leaver: code(LifecycleState::Leaver),
            }
        });
        let widest_before = model.rules.iter().map(|rule| rule.days_before).max().unwrap_or(0);
        let widest_after = model.rules.iter().map(|rule| rule.days_after).max().unwrap_or(0);
        let mut matcher = Self {
            clauses,
            hung: vec![Vec::new(); dictionary.len()],
            anchors: Vec::new(),
            loose: Vec::new(),
            lifecycle,
            widest: (widest_before, widest_after),
        };
        matcher.hang(dictionary);
        matcher
    }

    /// Hangs each clause on the predicate that the fewest people meet, as far as is known.
    pub(super) fn hang(&mut self, dictionary: &Dictionary) {
        self.hung.iter_mut().for_each(Vec::clear);
        self.loose.clear();
        self.anchors.clear();
        for (index, clause) in self.clauses.iter_mut().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let people = |codes: &[u32]| codes.iter().map(|code| u64::from(dictionary.uses(*code))).sum::<u64>();
            let best = clause.predicates.iter().enumerate().min_by_key(|(_, (_, codes))| people(codes));
            clause.hung_on = best.map(|(position, _)| position);
            let Some((_, (attribute, codes))) = best else {
                self.loose.push(index);
                continue;
            };
            // Everybody has a state of life, whatever the count of its uses says.
            if self.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.attribute == *attribute) {
                let other = clause.predicates.iter().enumerate().filter(|(_, (other, _))| other != attribute);
                if let Some((position, (attribute, codes))) = other.min_by_key(|(_, (_, codes))| people(codes)) {
                    clause.hung_on = Some(position);
                    Self::hang_one(&mut self.hung, &mut self.anchors, *attribute, codes, index);
                    continue;
                }
            }
            Self::hang_one(&mut self.hung, &mut self.anchors, *attribute, codes, index);
        }
        self.anchors.sort_unstable();
        self.anchors.dedup();
    }

    fn hang_one(hung: &mut [Vec<u32>], anchors: &mut Vec<u16>, attribute: u16, codes: &[u32], clause: u32) {
        anchors.push(attribute);
        for code in codes {
            if let Some(list) = hung.get_mut(*code as usize) {
                list.push(clause);
            }
        }
    }

    /// Fills the rows of a person and finds the rules that count today.
    pub(super) fn find(
        &self,
        model: &RoleModel,
        dictionary: &Dictionary,
        person: &Person,
        today: Day,
        scratch: &mut Scratch,
    ) {
        let Scratch { rows, pairs, found, looked_at } = scratch;
        pairs.clear();
        let count = person.contexts.len().max(1);
        rows.resize_with(count, Vec::new);
        for (context, row) in rows.iter_mut().enumerate() {
            row.clear();
            row.extend_from_slice(&person.own);
            let own = person.contexts.get(context);
            for (attribute, code) in own.iter().flat_map(|own| own.over.iter()) {
                if let Some(cell) = row.get_mut(*attribute as usize) {
                    *cell = *code;
                }
            }
            if let Some(lifecycle) = &self.lifecycle
                && let Some(cell) = row.get_mut(lifecycle.attribute as usize)
            {
                *cell = match person.lifecycle(today) {
                    LifecycleState::Joiner => lifecycle.joiner,
                    LifecycleState::Active => lifecycle.active,
                    LifecycleState::Leaver => lifecycle.leaver,
                };
            }
            let bounds = own.map_or((ALWAYS, NEVER), |own| own.bounds);
            if !person.present || !day::holds(day::widened(bounds, self.widest.0, self.widest.1), today) {
                continue;
            }
            *looked_at += 1;
            let number = u32::try_from(context).unwrap_or(u32::MAX);
            let mut look = |clause: u32| {
                let Some(clause) = self.clauses.get(clause as usize) else { return };
                let Some(mark) = found.get_mut(clause.rule as usize) else { return };
                if *mark != *looked_at && clause.holds(model, dictionary, row, bounds, today) {
                    *mark = *looked_at;
                    pairs.push((clause.rule, number));
                }
            };
            for anchor in &self.anchors {
                let code = row.get(*anchor as usize).copied().unwrap_or(ABSENT);
                self.hung.get(code as usize).into_iter().flatten().for_each(|clause| look(*clause));
            }
            self.loose.iter().for_each(|clause| look(*clause));
        }
        if !person.grants.is_empty() && person.lifecycle(today) == LifecycleState::Active {
            let held = (0_u32..).zip(&person.grants).filter(|(_, grant)| day::holds(grant.bounds, today));
            pairs.extend(held.map(|(place, grant)| (GRANT | grant.grantable, place)));
        }
        pairs.sort_unstable();
    }

    /// Of the clauses of a rule that fail fewest parts in this row: how many. For telling near misses.
    pub(super) fn failing(&self, model: &RoleModel, dictionary: &Dictionary, rule: u32, row: &[u32]) -> usize {
        let clauses = self.clauses.iter().filter(|clause| clause.rule == rule);
        clauses.map(|clause| clause.failing(model, dictionary, row)).min().unwrap_or(0)
    }
}

impl Coded {
    fn holds(&self, model: &RoleModel, dictionary: &Dictionary, row: &[u32], bounds: (Day, Day), today: Day) -> bool {
        let Some(rule) = model.rules.get(self.rule as usize) else { return false };
        let others = self.predicates.iter().enumerate().filter(|(position, _)| Some(*position) != self.hung_on);
        day::holds(day::widened(bounds, rule.days_before, rule.days_after), today)
            && others.map(|(_, predicate)| predicate).all(|predicate| met(predicate, row))
            && self.clause(model).is_some_and(|clause| {
                let lookup = Seen { dictionary, row, read: &rule.when };
                clause.residual.iter().all(|node| condition_holds(node, &lookup) == Ok(true))
            })
    }

    fn failing(&self, model: &RoleModel, dictionary: &Dictionary, row: &[u32]) -> usize {
        let Some(rule) = model.rules.get(self.rule as usize) else { return 0 };
        let residual = self.clause(model).map_or(&[][..], |clause| clause.residual.as_slice());
        let lookup = Seen { dictionary, row, read: &rule.when };
        let failing = residual.iter().filter(|node| condition_holds(node, &lookup) != Ok(true)).count();
        failing + self.predicates.iter().filter(|predicate| !met(predicate, row)).count()
    }

    fn clause<'m>(&self, model: &'m RoleModel) -> Option<&'m Clause> {
        model.rules.get(self.rule as usize)?.clauses.get(self.clause as usize)
    }
}

fn met((attribute, codes): &(u16, Box<[u32]>), row: &[u32]) -> bool {
    row.get(*attribute as usize).is_some_and(|code| codes.binary_search(code).is_ok())
}

/// A row through the eyes of one expression.
pub(super) struct Seen<'a> {
    pub(super) dictionary: &'a Dictionary,
    pub(super) row: &'a [u32],
    pub(super) read: &'a Read,
}

impl<'a> Lookup<'a> for Seen<'a> {
    fn attribute(&self, index: usize) -> Cell<'a> {
        let code = self.read.attributes.get(index).and_then(|attribute| self.row.get(*attribute as usize));
        code.map_or(Cell::Absent, |code| self.dictionary.cell(*code))
    }
}

/// Whether a rule of this type gives access by itself.
pub(super) fn strength(kind: RuleType) -> u8 {
    match kind {
        RuleType::Suggested => 0,
        RuleType::AutomaticWithValidation => 1,
        RuleType::Automatic => 2,
    }
}
