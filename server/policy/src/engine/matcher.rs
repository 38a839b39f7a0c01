//! Which rules hold for a person: each clause of a rule hangs on the predicate that sorts out most people, so that only
//! clauses are looked at of which the person already has one value.

use std::collections::{BTreeMap, BTreeSet};

use model::configuration::RuleType;
use model::identity::LifecycleState;
use model::value::Value;

use crate::expression::{Cell, Lookup, condition_holds};
use crate::model::{Clause, Read, RoleModel};

use super::dictionary::{ABSENT, Dictionary};
use super::person::Person;
use super::sets::GRANT;
use crate::day::{self, ALWAYS, Day, NEVER};

pub(super) struct Matcher {
    clauses: Vec<Coded>,
    /// Clauses by the code of a value that they hang on: those of a code lie between its start and the next one's.
    hung: Vec<Hung>,
    starts: Vec<u32>,
    /// Attributes on whose values clauses hang.
    anchors: Vec<u16>,
    /// Clauses without a predicate; looked at for everybody.
    loose: Vec<Hung>,
    word: Word,
    lifecycle: Option<Lifecycle>,
    /// The most days that any rule looks ahead, and back.
    widest: (i32, i32),
    /// The distinct days before and after that rules have.
    windows: Vec<(i32, i32)>,
    /// Of each rule, whether it gives access by itself and denies nothing.
    pub(super) is_plain: Vec<bool>,
}

struct Coded {
    rule: u32,
    predicates: Vec<(u16, Box<[u32]>)>,
    /// Position of the clause in its rule; its residual nodes are there.
    clause: u32,
    /// Position among [`Matcher::windows`].
    window: u32,
    /// Bits of the values that it does not allow.
    forbidden: u64,
    /// Positions of the predicates that no bits stand for.
    rest: Vec<usize>,
}

/// A clause in the place where it is looked for, with what decides in most cases.
#[derive(Clone, Copy)]
struct Hung {
    forbidden: u64,
    rule: u32,
    window: u32,
    clause: u32,
    /// There is more to it than the bits.
    more: bool,
}

/// Attributes with few values that rules compare with have a bit for each of these and one for all others, as many as go
/// into one word: what somebody has of all of them is compared with what a clause allows at once.
#[derive(Default)]
struct Word {
    /// Attribute, and the bit of all other values.
    attributes: Vec<(u16, u64)>,
    /// Bit of each code that stands in the dictionary for a value compared with; none where its attribute has no bits.
    bits: Vec<u64>,
}

impl Word {
    fn new(clauses: &[Coded], codes: usize) -> Self {
        let mut compared: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
        for (attribute, codes) in clauses.iter().flat_map(|clause| &clause.predicates) {
            compared.entry(*attribute).or_default().extend(codes);
        }
        let mut compared: Vec<_> = compared.into_iter().collect();
        compared.sort_by_key(|(attribute, codes)| (codes.len(), *attribute));
        let mut word = Self { attributes: Vec::new(), bits: vec![0; codes] };
        let mut next = 0;
        for (attribute, codes) in compared {
            if next + codes.len() + 1 > 64 {
                break;
            }
            word.attributes.push((attribute, 1 << next));
            for code in codes {
                next += 1;
                if let Some(bit) = word.bits.get_mut(code as usize) {
                    *bit = 1 << next;
                }
            }
            next += 1;
        }
        word
    }

    /// What somebody has.
    fn of(&self, row: &[u32]) -> u64 {
        self.attributes.iter().fold(0, |word, (attribute, other)| {
            let code = row.get(*attribute as usize).copied().unwrap_or(ABSENT);
            let bit = self.bits.get(code as usize).copied().unwrap_or(0);
            word | if bit == 0 { *other } else { bit }
        })
    }

    /// The bits that a predicate does not allow, of `all` that its attribute has; none where it has no bits.
    fn forbidden(&self, attribute: u16, codes: &[u32], all: &[u32]) -> Option<u64> {
        let (_, other) = self.attributes.iter().find(|(known, _)| *known == attribute)?;
        let bit = |code: &u32| self.bits.get(*code as usize).copied().unwrap_or(0);
        let forbidden = all.iter().filter(|code| !codes.contains(code)).map(bit);
        Some(forbidden.fold(*other, |word, bit| word | bit))
    }
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
    /// Whether each of the windows that rules have is open in the context looked at.
    open: Vec<bool>,
}

impl Scratch {
    pub(super) fn new(model: &RoleModel) -> Self {
        Self { rows: Vec::new(), pairs: Vec::new(), found: vec![0; model.rules.len()], looked_at: 0, open: Vec::new() }
    }
}

impl Matcher {
    /// Codes all predicates; they are the first that the dictionary sees.
    pub(super) fn new(model: &RoleModel, dictionary: &mut Dictionary) -> Self {
        let mut clauses = Vec::new();
        let mut windows: Vec<(i32, i32)> = Vec::new();
        for (rule_index, rule) in model.rules.iter().enumerate() {
            let days = (rule.days_before, rule.days_after);
            let window = windows.iter().position(|known| *known == days).unwrap_or_else(|| {
                windows.push(days);
                windows.len() - 1
            });
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
                    window: u32::try_from(window).unwrap_or(u32::MAX),
                    forbidden: 0,
                    rest: Vec::new(),
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
        let word = Word::new(&clauses, dictionary.len());
        let mut all: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
        for (attribute, codes) in clauses.iter().flat_map(|clause| &clause.predicates) {
            all.entry(*attribute).or_default().extend(codes);
        }
        for clause in &mut clauses {
            for (position, (attribute, codes)) in clause.predicates.iter().enumerate() {
                match word.forbidden(*attribute, codes, all.get(attribute).map_or(&[], Vec::as_slice)) {
                    Some(bits) => clause.forbidden |= bits,
                    None => clause.rest.push(position),
                }
            }
        }
        let mut matcher = Self {
            clauses,
            hung: Vec::new(),
            starts: vec![0; dictionary.len() + 1],
            anchors: Vec::new(),
            loose: Vec::new(),
            word,
            lifecycle,
            widest: (widest_before, widest_after),
            windows,
            is_plain: model.rules.iter().map(|rule| !rule.deny && rule.kind == RuleType::Automatic).collect(),
        };
        matcher.hang(model, dictionary);
        matcher
    }

    /// Hangs each clause on the predicate that the fewest people meet, as far as is known.
    pub(super) fn hang(&mut self, model: &RoleModel, dictionary: &Dictionary) {
        self.loose.clear();
        self.anchors.clear();
        let mut by_code: Vec<(u32, u32, Hung)> = Vec::new();
        let people = |codes: &[u32]| codes.iter().map(|code| u64::from(dictionary.uses(*code))).sum::<u64>();
        for (number, clause) in (0_u32..).zip(&self.clauses) {
            // Everybody has a state of life, whatever the count of its uses says.
            let lifecycle = self.lifecycle.as_ref().map(|lifecycle| lifecycle.attribute);
            let counted = clause.predicates.iter().enumerate();
            let best = counted.min_by_key(|(_, (attribute, codes))| (Some(*attribute) == lifecycle, people(codes)));
            let more = clause.rest.iter().any(|position| best.is_none_or(|(hung_on, _)| hung_on != *position));
            let hung = Hung {
                forbidden: clause.forbidden,
                rule: clause.rule,
                window: clause.window,
                clause: number,
                more: more || clause.clause(model).is_some_and(|clause| !clause.residual.is_empty()),
            };
            match best {
                Some((_, (attribute, codes))) => {
                    self.anchors.push(*attribute);
                    by_code.extend(codes.iter().map(|code| (*code, number, hung)));
                }
                None => self.loose.push(hung),
            }
        }
        self.anchors.sort_unstable();
        self.anchors.dedup();
        by_code.sort_unstable_by_key(|(code, number, _)| (*code, *number));
        for (code, start) in (0_u32..).zip(&mut self.starts) {
            let before = by_code.partition_point(|(other, _, _)| *other < code);
            *start = u32::try_from(before).unwrap_or(u32::MAX);
        }
        self.hung = by_code.into_iter().map(|(_, _, hung)| hung).collect();
    }

    /// The clauses that hang on a value.
    fn hung_on(&self, code: u32) -> &[Hung] {
        let bounds = (self.starts.get(code as usize), self.starts.get(code as usize + 1));
        let (Some(start), Some(end)) = bounds else { return &[] };
        self.hung.get(*start as usize..*end as usize).unwrap_or_default()
    }

    /// Whether nothing that is read of people changes with the day.
    pub(super) fn is_timeless(&self) -> bool {
        self.lifecycle.is_none()
    }

    /// Whether a rule gives access by itself and denies nothing.
    pub(super) fn gives(&self, rule: u32) -> bool {
        self.is_plain.get(rule as usize) == Some(&true)
    }

    /// What of a person is read and changes with the day, as a number.
    pub(super) fn state_of(&self, person: &Person, today: Day) -> u64 {
        self.lifecycle.as_ref().map_or(0, |_| person.lifecycle(today) as u64)
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
        self.fill(person, today, scratch);
        self.find_pairs(model, dictionary, person, today, scratch);
    }

    /// Fills the rows of a person: the attributes as each context shows them on that day.
    pub(super) fn fill(&self, person: &Person, today: Day, scratch: &mut Scratch) {
        scratch.rows.resize_with(person.contexts.len().max(1), Vec::new);
        for (context, row) in scratch.rows.iter_mut().enumerate() {
            row.clear();
            row.extend_from_slice(person.row(context));
            if let Some(lifecycle) = &self.lifecycle
                && let Some(cell) = row.get_mut(lifecycle.attribute as usize)
            {
                *cell = match person.lifecycle(today) {
                    LifecycleState::Joiner => lifecycle.joiner,
                    LifecycleState::Active => lifecycle.active,
                    LifecycleState::Leaver => lifecycle.leaver,
                };
            }
        }
    }

    /// Finds the rules that count today. Needs the rows filled only where something read of people changes with the day.
    pub(super) fn find_pairs(
        &self,
        model: &RoleModel,
        dictionary: &Dictionary,
        person: &Person,
        today: Day,
        scratch: &mut Scratch,
    ) {
        let Scratch { rows, pairs, found, looked_at, open } = scratch;
        pairs.clear();
        for context in 0..person.contexts.len().max(1) {
            let row = match &self.lifecycle {
                Some(_) => rows.get(context).map_or(&[][..], Vec::as_slice),
                None => person.row(context),
            };
            let bounds = person.contexts.get(context).map_or((ALWAYS, NEVER), |own| own.bounds);
            if !person.present || !day::holds(day::widened(bounds, self.widest.0, self.widest.1), today) {
                continue;
            }
            *looked_at += 1;
            open.clear();
            let holds = |(before, after): &(i32, i32)| day::holds(day::widened(bounds, *before, *after), today);
            open.extend(self.windows.iter().map(holds));
            let word = self.word.of(row);
            let number = u32::try_from(context).unwrap_or(u32::MAX);
            let mut look = |hung: &Hung| {
                if word & hung.forbidden != 0 || open.get(hung.window as usize) != Some(&true) {
                    return;
                }
                if hung.more && !self.more_holds(hung.clause, model, dictionary, row) {
                    return;
                }
                let Some(mark) = found.get_mut(hung.rule as usize) else { return };
                if *mark != *looked_at {
                    *mark = *looked_at;
                    pairs.push((hung.rule, number));
                }
            };
            for anchor in &self.anchors {
                let code = row.get(*anchor as usize).copied().unwrap_or(ABSENT);
                self.hung_on(code).iter().for_each(&mut look);
            }
            self.loose.iter().for_each(&mut look);
        }
        if !person.grants.is_empty() && person.lifecycle(today) == LifecycleState::Active {
            let held = (0_u32..).zip(&person.grants).filter(|(_, grant)| day::holds(grant.bounds, today));
            let held = held.filter(|(_, grant)| model.is_in_force(grant.grantable));
            pairs.extend(held.map(|(place, grant)| (GRANT | grant.grantable, place)));
        }
        pairs.sort_unstable();
    }

    /// Whether the parts of a clause that are not among the bits hold.
    fn more_holds(&self, clause: u32, model: &RoleModel, dictionary: &Dictionary, row: &[u32]) -> bool {
        let Some(coded) = self.clauses.get(clause as usize) else { return false };
        let Some(rule) = model.rules.get(coded.rule as usize) else { return false };
        let mut rest = coded.rest.iter().filter_map(|position| coded.predicates.get(*position));
        rest.all(|predicate| met(predicate, row))
            && coded.clause(model).is_some_and(|clause| {
                let lookup = Seen { dictionary, row, read: &rule.when };
                clause.residual.iter().all(|node| condition_holds(node, &lookup) == Ok(true))
            })
    }

    /// Of the clauses of a rule that fail fewest parts in this row: how many. For telling near misses.
    pub(super) fn failing(&self, model: &RoleModel, dictionary: &Dictionary, rule: u32, row: &[u32]) -> usize {
        // They stand in the order of their rules.
        let first = self.clauses.partition_point(|clause| clause.rule < rule);
        let clauses = self.clauses.iter().skip(first).take_while(|clause| clause.rule == rule);
        clauses.map(|clause| clause.failing(model, dictionary, row)).min().unwrap_or(0)
    }
}

impl Coded {
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
