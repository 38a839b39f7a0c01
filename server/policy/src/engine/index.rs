//! Who has which value, as sets: for whom a condition holds that nobody was computed with, over everybody at once.
//!
//! Evaluating everybody answers what people have; this answers whom a rule would be for that somebody is still writing, and
//! which people another configuration could concern at all. Each attribute is put in order of its values when it is first
//! asked about, out of the coded rows; parts of a condition that no value decides are evaluated for each distinct value, or
//! for the rows that are left. Whoever changes afterwards is looked at by themselves, until there are so many that all of it
//! is built anew.

mod question;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::civil::Date;
use model::identity::LifecycleState;
use model::ids::IdentityId;
use model::value::Value;
use roaring::RoaringBitmap;

use crate::day::{self, ALWAYS, Day, NEVER};
use crate::expression::condition_holds;
use crate::model::{Clause, Condition, Read, RoleModel, Rule};

use super::Engine;
use super::dictionary::ABSENT;
use super::matcher::Seen;
use super::person::Person;
use question::{Question, only_attribute, parts};
use rows::{Column, Rows, sorted};

/// One in so many people may have changed before everything is built anew.
const CHANGED: usize = 50;

/// People of one engine, as a condition found them; they are those of that engine until somebody is taken in or forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct People(pub(super) RoaringBitmap);

impl People {
    /// How many they are.
    pub fn len(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What has been put in order so far.
#[derive(Default)]
pub(super) struct Index(Option<Built>);

struct Built {
    rows: Rows,
    columns: HashMap<u16, Column>,
    /// What changes with the day.
    today: Option<Today>,
    /// Slots that changed since.
    changed: RoaringBitmap,
}

struct Today {
    day: Day,
    lifecycle: Option<Column>,
    /// By days before and after: the rows that count then.
    open: HashMap<(i32, i32), RoaringBitmap>,
}

impl Index {
    /// Somebody was taken in, or forgotten.
    pub(super) fn touch(&mut self, slot: u32) {
        let Some(built) = &mut self.0 else { return };
        built.changed.insert(slot);
        let limit = built.rows.slots as usize / CHANGED + 100;
        if usize::try_from(built.changed.len()).unwrap_or(usize::MAX) > limit {
            self.0 = None;
        }
    }
}

/// A condition in the attributes of one engine.
#[derive(Clone)]
struct Asked {
    read: Read,
    clauses: Vec<Clause>,
    window: (i32, i32),
}

impl Asked {
    /// None where it reads what the engine keeps of nobody.
    fn new(engine: &Engine, names: &[String], read: &Read, clauses: &[Clause], window: (i32, i32)) -> Option<Self> {
        let place = |attribute: &u16| -> Option<u16> {
            let known = engine.model.attributes.binary_search(names.get(*attribute as usize)?).ok()?;
            u16::try_from(known).ok()
        };
        let attributes: Option<Vec<u16>> = read.attributes.iter().map(place).collect();
        let mut clauses = clauses.to_vec();
        for predicate in clauses.iter_mut().flat_map(|clause| &mut clause.predicates) {
            predicate.attribute = place(&predicate.attribute)?;
        }
        let read = Read { expression: read.expression.clone(), attributes: attributes? };
        Some(Self { read, clauses, window })
    }

    /// The same as far as it asks for what the engine keeps: whoever meets the condition meets this, and maybe others.
    fn weaker(engine: &Engine, names: &[String], read: &Read, clauses: &[Clause], window: (i32, i32)) -> Self {
        if let Some(asked) = Self::new(engine, names, read, clauses, window) {
            return asked;
        }
        let place = |attribute: u16| {
            let known = engine.model.attributes.binary_search(names.get(attribute as usize)?).ok()?;
            u16::try_from(known).ok()
        };
        let weaker = |clause: &Clause| {
            let mut predicates = clause.predicates.clone();
            predicates.retain_mut(|predicate| match place(predicate.attribute) {
                Some(known) => {
                    predicate.attribute = known;
                    true
                }
                None => false,
            });
            Clause { predicates, residual: Vec::new() }
        };
        let read = Read { expression: read.expression.clone(), attributes: Vec::new() };
        Self { read, clauses: clauses.iter().map(weaker).collect(), window }
    }
}

impl Engine {
    /// Those for whom a condition holds on that day, in a context that counts then, or so many days before and after. None where
    /// it reads an attribute that no rule, account attribute or state of this engine's model does: nothing is kept of it here.
    pub fn who_meets(&mut self, condition: &Condition, days: (u16, u16), today: Date) -> Option<People> {
        let Condition { attributes, read, clauses } = condition;
        let asked = Asked::new(self, attributes, read, clauses, (i32::from(days.0), i32::from(days.1)))?;
        Some(People(self.slots_of(&asked, day::number(today))))
    }

    /// Those for whom a rule of a model holds on that day, whether anybody was computed or not. The engine's own model may be another.
    /// None where it has no such rule, or reads what is kept of nobody here.
    pub fn who_meets_rule(&mut self, model: &RoleModel, rule: &str, today: Date) -> Option<People> {
        let place = model.rules.binary_search_by(|other| other.name.as_str().cmp(rule)).ok()?;
        let rule = model.rules.get(place)?;
        self.slots_of_rule(&model.attributes, rule, day::number(today)).map(People)
    }

    /// Everybody.
    pub fn everybody(&self) -> People {
        People(self.slots.values().copied().collect())
    }

    /// Those of them who are known here.
    pub fn these(&self, ids: &[IdentityId]) -> People {
        People(ids.iter().filter_map(|id| self.slots.get(id).copied()).collect())
    }

    /// Somebody for whom a rule of some model holds on that day, taken in first where there are several; none also where it reads
    /// what is kept of nobody.
    pub(crate) fn somebody_meets(&mut self, names: &[String], rule: &Rule, today: Day) -> Option<IdentityId> {
        let asked = Asked::new(self, names, &rule.when, &rule.clauses, (rule.days_before, rule.days_after))?;
        self.prepare(&asked, today);
        let first = self.built().and_then(|built| {
            let mut first: Option<u32> = None;
            for clause in &asked.clauses {
                let row = Question { engine: self, built, asked: &asked, today }.first_of(clause);
                let slot = row.map(|row| built.rows.slot(row));
                first = first.into_iter().chain(slot).min();
            }
            first
        });
        let changed = self.built().map(|built| built.changed.clone()).unwrap_or_default();
        let changed = changed.into_iter().find(|slot| self.slot_meets(*slot, &asked, today));
        let slot = first.into_iter().chain(changed).min()?;
        self.people.get(slot as usize)?.as_ref().map(|person| person.id)
    }

    /// Whether what a rule of some model reads is kept of people here.
    pub(crate) fn keeps_what_is_read(&self, names: &[String], rule: &Rule) -> bool {
        Asked::new(self, names, &rule.when, &[], (0, 0)).is_some()
    }

    /// How many are listed by their sources.
    pub(crate) fn present(&self) -> usize {
        self.people.iter().flatten().filter(|person| person.present).count()
    }

    /// The slots for which a rule of some model holds. None where it reads what is kept of nobody.
    pub(super) fn slots_of_rule(&mut self, names: &[String], rule: &Rule, today: Day) -> Option<RoaringBitmap> {
        let asked = Asked::new(self, names, &rule.when, &rule.clauses, (rule.days_before, rule.days_after))?;
        Some(self.slots_of(&asked, today))
    }

    /// Those for whom a rule of a model could hold on that day: all for whom it does, and, where it reads what is kept of nobody here, others.
    pub fn who_could_meet_rule(&mut self, model: &RoleModel, rule: &str, today: Date) -> Option<People> {
        let place = model.rules.binary_search_by(|other| other.name.as_str().cmp(rule)).ok()?;
        let rule = model.rules.get(place)?;
        Some(People(self.slots_that_could(&model.attributes, rule, day::number(today))))
    }

    pub(super) fn slots_that_could(&mut self, names: &[String], rule: &Rule, today: Day) -> RoaringBitmap {
        let window = (rule.days_before, rule.days_after);
        let asked = Asked::weaker(self, names, &rule.when, &rule.clauses, window);
        self.slots_of(&asked, today)
    }

    /// The slots for which one of two rules holds in a context, and the other does not in the same.
    pub(super) fn slots_of_either(
        &mut self,
        (names, rule): (&[String], &Rule),
        (other_names, other): (&[String], &Rule),
        today: Day,
    ) -> Option<RoaringBitmap> {
        let one = Asked::new(self, names, &rule.when, &rule.clauses, (rule.days_before, rule.days_after))?;
        let two = Asked::new(self, other_names, &other.when, &other.clauses, (other.days_before, other.days_after))?;
        self.prepare(&one, today);
        self.prepare(&two, today);
        let Some(built) = self.built() else { return Some(RoaringBitmap::new()) };
        let rows = |asked| Question { engine: self, built, asked, today }.rows();
        let mut slots = built.rows.slots_of(&(rows(&one) ^ rows(&two)));
        // Of those who changed since, all: they are few.
        slots |= &built.changed;
        Some(slots)
    }

    /// Every value that rules can see somebody present have of an attribute, with who was taken in first. None where nothing is
    /// kept of it.
    pub(crate) fn values_of(&self, attribute: &str) -> Option<BTreeMap<Value, IdentityId>> {
        let place = self.model.attributes.binary_search_by(|name| name.as_str().cmp(attribute)).ok()?;
        let place = u16::try_from(place).ok()?;
        let present = |slot: u32| self.people.get(slot as usize)?.as_ref().filter(|person| person.present);
        let mut first: HashMap<u32, u32> = HashMap::new();
        let mut note = |code: u32, slot: u32| {
            if code != ABSENT {
                first.entry(code).and_modify(|known| *known = slot.min(*known)).or_insert(slot);
            }
        };
        // Where it was put in order before who has which value, only the first of each is looked for.
        let ordered = self.built().and_then(|built| Some((built, built.columns.get(&place)?)));
        let slots: Box<dyn Iterator<Item = u32>> = match ordered {
            None => Box::new(0..u32::try_from(self.people.len()).unwrap_or(u32::MAX)),
            Some((built, column)) => {
                let is_as_it_was = |slot: &u32| !built.changed.contains(*slot) && present(*slot).is_some();
                for (code, rows) in column.codes.iter().enumerate().map(|(number, code)| (*code, column.at(number))) {
                    // First contexts stand in the order of the slots, and so do all others behind them.
                    let (one, other) = rows.split_at(rows.partition_point(|row| *row < built.rows.slots));
                    for rows in [one, other] {
                        rows.iter()
                            .map(|row| built.rows.slot(*row))
                            .find(is_as_it_was)
                            .into_iter()
                            .for_each(|slot| note(code, slot));
                    }
                }
                Box::new(built.changed.iter())
            }
        };
        for (slot, person) in slots.filter_map(|slot| Some((slot, present(slot)?))) {
            let codes = (0..person.contexts.len().max(1)).filter_map(|context| person.row(context).get(place as usize));
            codes.for_each(|code| note(*code, slot));
        }
        let id = |slot: u32| present(slot).map(|person| person.id);
        let values =
            first.into_iter().filter_map(|(code, slot)| Some((self.dictionary.value(code)?.clone(), id(slot)?)));
        Some(values.collect())
    }

    /// Their ids, sorted.
    pub fn ids_of(&self, people: &People) -> Vec<IdentityId> {
        self.ids(&people.0)
    }

    /// The ids of so many of them, those who were taken in first.
    pub fn some_of(&self, people: &People, most: usize) -> Vec<IdentityId> {
        let people = people.0.iter().take(most).filter_map(|slot| self.people.get(slot as usize)?.as_ref());
        people.map(|person| person.id).collect()
    }

    fn built(&self) -> Option<&Built> {
        self.index.0.as_ref()
    }

    fn slots_of(&mut self, asked: &Asked, today: Day) -> RoaringBitmap {
        self.prepare(asked, today);
        let Some(built) = self.built() else { return RoaringBitmap::new() };
        let question = Question { engine: self, built, asked, today };
        let mut slots = built.rows.slots_of(&question.rows());
        slots -= &built.changed;
        slots.extend(built.changed.iter().filter(|slot| self.slot_meets(*slot, asked, today)));
        slots
    }

    /// The same of one person, without any sets.
    fn slot_meets(&self, slot: u32, asked: &Asked, today: Day) -> bool {
        let Some(person) = self.people.get(slot as usize).and_then(Option::as_ref) else { return false };
        (0..person.contexts.len().max(1)).any(|context| {
            let counts = counts(person, context, asked.window, today);
            counts && asked.clauses.iter().any(|clause| self.row_meets(person, context, clause, asked, today))
        })
    }

    fn row_meets(&self, person: &Person, context: usize, clause: &Clause, asked: &Asked, today: Day) -> bool {
        let code = |attribute: u16| self.code(person, context, attribute, today);
        let is_met = |attribute: u16, values: &[Value]| {
            self.dictionary.value(code(attribute)).is_some_and(|value| values.binary_search(value).is_ok())
        };
        if !clause.predicates.iter().all(|predicate| is_met(predicate.attribute, &predicate.values)) {
            return false;
        }
        if clause.residual.is_empty() {
            return true;
        }
        let row = self.row(person, context, today);
        let seen = Seen { dictionary: &self.dictionary, row: &row, read: &asked.read };
        clause.residual.iter().all(|node| condition_holds(node, &seen) == Ok(true))
    }

    /// What somebody has of an attribute in a context, as of that day.
    fn code(&self, person: &Person, context: usize, attribute: u16, today: Day) -> u32 {
        if Some(attribute) == self.lifecycle() {
            return self.lifecycle_code(attribute, person.lifecycle(today));
        }
        person.row(context).get(attribute as usize).copied().unwrap_or(ABSENT)
    }

    fn row(&self, person: &Person, context: usize, today: Day) -> Vec<u32> {
        let mut row = person.row(context).to_vec();
        if let Some(attribute) = self.lifecycle()
            && let Some(cell) = row.get_mut(attribute as usize)
        {
            *cell = self.lifecycle_code(attribute, person.lifecycle(today));
        }
        row
    }

    fn lifecycle(&self) -> Option<u16> {
        let place = self.model.attributes.binary_search_by(|name| name.as_str().cmp("lifecycle")).ok()?;
        u16::try_from(place).ok()
    }

    fn lifecycle_code(&self, attribute: u16, state: LifecycleState) -> u32 {
        self.dictionary.find(attribute, &Value::Text(state.name().to_owned())).unwrap_or(ABSENT)
    }

    /// Puts in order what the condition asks about and was not asked about before.
    fn prepare(&mut self, asked: &Asked, today: Day) {
        let lifecycle = self.lifecycle();
        let mut built = self.index.0.take().unwrap_or_else(|| self.numbered());
        let predicates = asked.clauses.iter().flat_map(|clause| &clause.predicates);
        let mut attributes: BTreeSet<u16> = predicates.map(|predicate| predicate.attribute).collect();
        let nodes = asked.clauses.iter().flat_map(|clause| &clause.residual);
        let single =
            nodes.flat_map(parts).filter_map(only_attribute).filter_map(|index| asked.read.attributes.get(index));
        attributes.extend(single);
        if built.today.as_ref().is_none_or(|known| known.day != today) {
            built.today = Some(Today { day: today, lifecycle: None, open: HashMap::new() });
        }
        let Built { rows, columns, today: known, changed } = &mut built;
        if let Some(known) = known {
            if !known.open.contains_key(&asked.window) {
                let open = rows
                    .all(&self.people, changed)
                    .filter(|(_, person, context)| counts(person, *context, asked.window, today));
                let open = sorted(open.map(|(row, ..)| row));
                known.open.insert(asked.window, open);
            }
            for attribute in attributes {
                let column = || {
                    let rows = rows.all(&self.people, changed);
                    Column::new(rows.map(|(row, person, context)| (self.code(person, context, attribute, today), row)))
                };
                if Some(attribute) == lifecycle {
                    known.lifecycle.get_or_insert_with(column);
                } else {
                    columns.entry(attribute).or_insert_with(column);
                }
            }
        }
        self.index.0 = Some(built);
    }

    fn numbered(&self) -> Built {
        let mut others = Vec::new();
        for (slot, person) in (0_u32..).zip(&self.people) {
            let contexts = person.as_ref().map_or(0, |person| person.contexts.len());
            others.extend((1..contexts).map(|context| (slot, u32::try_from(context).unwrap_or(u32::MAX))));
        }
        let slots = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let rows = Rows { slots, others };
        Built { rows, columns: HashMap::new(), today: None, changed: RoaringBitmap::new() }
    }
}

/// Whether a context of somebody counts on that day, looked ahead and back so many days.
fn counts(person: &Person, context: usize, (before, after): (i32, i32), today: Day) -> bool {
    let bounds = person.contexts.get(context).map_or((ALWAYS, NEVER), |own| own.bounds);
    person.present && day::holds(day::widened(bounds, before, after), today)
}
