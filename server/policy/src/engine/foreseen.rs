//! What publishing another role model shifts for people, foreseen from the rules that hold for them now: where rules alone
//! decide, nobody has to be computed anew.
//!
//! What somebody holds is what their rules give together, as long as no denial and no lifecycle state takes anything of it.
//! Which rules hold now is known of everybody; for whom others would is asked as sets, and only of rules whose condition
//! changes. So one look at each person's rules is enough, without their whole answers. Left out is whoever was given something
//! directly, of whom a denial or a lifecycle state may take something, or whose accounts may get other values: they have to
//! be computed with both models.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::RuleType;
use model::ids::IdentityId;
use roaring::RoaringBitmap;

use crate::day::{self, Day};
use crate::model::{AccessModel, RoleModel, Rule};

use super::Engine;
use super::index::People;
use super::person::Person;
use super::what_if::{changed_kinds, gives_a_kind, is_same, says_the_same};

/// Fewer people are not worth a thread.
const LEAST_PART: usize = 2_000;

/// See the module's head.
#[derive(Default)]
pub struct Foreseen {
    /// For whom how many things shift, in the order of their ids; not those for whom none does.
    pub people: Vec<(IdentityId, u32)>,
    /// For how many people something comes.
    pub gains: Vec<(Grantable, u64)>,
    /// For how many people something goes.
    pub losses: Vec<(Grantable, u64)>,
    /// Those of whom nothing can be foreseen.
    pub others: People,
    changes: Changes,
}

impl Foreseen {
    /// Nothing of anybody.
    fn nothing(people: &People) -> Self {
        Self { others: people.clone(), ..Self::default() }
    }

    /// What comes and what goes for one of the people, each sorted; nothing for others. Asks the engine that foresaw it,
    /// which nobody may have changed since.
    pub fn shift(&self, engine: &Engine, id: IdentityId) -> (Vec<Grantable>, Vec<Grantable>) {
        let mut marks = Marks::new(self.changes.things.len());
        let Some(slot) = engine.slots.get(&id).copied() else { return Default::default() };
        let Some(person) = engine.person(id) else { return Default::default() };
        let holds = (0_u32..).zip(&self.changes.then).filter(|(_, then)| then.slots.contains(slot));
        let then: Vec<u32> = holds.map(|(number, _)| number).collect();
        if !engine.marks(&self.changes, person, &then, &mut marks) {
            return Default::default();
        }
        let named = |these: &[u32]| -> Vec<Grantable> {
            let named = these.iter().filter_map(|one| self.changes.things.get(*one as usize));
            let mut named: Vec<_> = named.cloned().collect();
            named.sort();
            named
        };
        let (gains, losses) = marks.shift();
        (named(gains), named(losses))
    }
}

/// What differs between two role models, as far as rules go.
#[derive(Default)]
struct Changes {
    /// What rules that differ give, sorted; positions in here are what the other fields hold.
    things: Vec<Grantable>,
    /// Of each thing, whether it is kept for a while by whoever loses it.
    kept: Vec<bool>,
    /// Of each rule there is now.
    now: Vec<Now>,
    /// Rules that would hold for others than now.
    then: Vec<Then>,
    /// Of each denial under either model: the rules that give something which it denies; those that would be come behind
    /// those that are.
    denied: Vec<RoaringBitmap>,
    /// Whether a lifecycle state takes anything from anybody.
    has_restricting_states: bool,
}

/// What becomes of a rule that holds for somebody.
#[derive(Default)]
struct Now {
    /// What it goes on giving.
    stays: Box<[u32]>,
    goes: Box<[u32]>,
    /// What it would give those for whom it holds, where that changes and its condition does not.
    comes: Box<[u32]>,
    /// What it denies, by number.
    denials: Vec<u32>,
    /// Whether accounts may get other values.
    is_unforeseen: bool,
}

/// A rule that would hold.
struct Then {
    slots: RoaringBitmap,
    gives: Box<[u32]>,
    denial: Option<u32>,
    is_unforeseen: bool,
}

/// Two rules of one name, or one without the other.
struct Pair<'m> {
    old: Option<&'m Rule>,
    new: Option<&'m Rule>,
    /// Whether nothing but reasons differs.
    is_unchanged: bool,
    /// Whether they hold for the same people.
    is_alike: bool,
}

/// What was seen of things for one person.
struct Marks {
    /// Bits of each thing.
    bits: Vec<u8>,
    touched: Vec<u32>,
    gains: Vec<u32>,
    losses: Vec<u32>,
    /// Rules of the person, and denials.
    rules: Vec<u32>,
    denials: Vec<u32>,
}

const STAYS: u8 = 1;
const GOES: u8 = 2;
const COMES: u8 = 4;

impl Marks {
    fn new(things: usize) -> Self {
        let (touched, gains, losses, rules, denials) = Default::default();
        Self { bits: vec![0; things], touched, gains, losses, rules, denials }
    }

    fn mark(&mut self, things: &[u32], bit: u8) {
        for thing in things {
            let Some(bits) = self.bits.get_mut(*thing as usize) else { continue };
            if *bits == 0 {
                self.touched.push(*thing);
            }
            *bits |= bit;
        }
    }

    /// What comes and what goes, of what was marked; nothing is marked afterwards.
    fn shift(&mut self) -> (&[u32], &[u32]) {
        self.gains.clear();
        self.losses.clear();
        for thing in self.touched.drain(..) {
            match self.bits.get_mut(thing as usize).map(std::mem::take) {
                Some(COMES) => self.gains.push(thing),
                Some(GOES) => self.losses.push(thing),
                _ => {}
            }
        }
        (&self.gains, &self.losses)
    }
}

/// What one thread found.
#[derive(Default)]
struct Part {
    people: Vec<(IdentityId, u32)>,
    gains: Vec<u64>,
    losses: Vec<u64>,
    others: Vec<u32>,
}

impl Engine {
    /// What publishing one model in the place of another would shift for these people on that day, as far as that can be
    /// foreseen: of nobody unless the model of before is this engine's own, and not of whoever would lose something that is
    /// kept for a while. Computes whoever was not.
    pub fn foresee(
        &mut self,
        (before, after): (&Arc<RoleModel>, &RoleModel),
        people: &People,
        is_kept: impl Fn(&Grantable) -> bool,
        today: Date,
    ) -> Foreseen {
        if !Arc::ptr_eq(&self.model, before) {
            return Foreseen::nothing(people);
        }
        self.compute_some(&[], today);
        let today = day::number(today);
        let Some(changes) = self.changes(before.on(today), after.on(today), is_kept, today) else {
            return Foreseen::nothing(people);
        };
        self.gone_through(changes, people, today)
    }

    /// None where a rule reads what is kept of nobody here.
    fn changes(
        &mut self,
        before: &RoleModel,
        after: &RoleModel,
        is_kept: impl Fn(&Grantable) -> bool,
        today: Day,
    ) -> Option<Changes> {
        let kinds = changed_kinds(before, after);
        let pairs = pairs(before, after, &kinds);
        let mut things: BTreeSet<&Grantable> = BTreeSet::new();
        for pair in pairs.iter().filter(|pair| !pair.is_unchanged) {
            pair.old.iter().for_each(|rule| things.extend(given(before, rule)));
            pair.new.iter().for_each(|rule| things.extend(given(after, rule)));
        }
        let number: BTreeMap<&Grantable, u32> = things.iter().copied().zip(0..).collect();
        let numbers = |model: &RoleModel, rule: Option<&Rule>| -> Box<[u32]> {
            rule.into_iter()
                .flat_map(|rule| given(model, rule))
                .filter_map(|thing| number.get(thing).copied())
                .collect()
        };
        let is_unforeseen = |model: &RoleModel, rule: Option<&Rule>| {
            rule.is_some_and(|rule| gives_a_kind(model, &rule.closure, &kinds))
        };
        let mut changes = Changes {
            has_restricting_states: before.states.states.iter().any(|state| state.access != AccessModel::Keep),
            ..Changes::default()
        };
        let mut denials = Denials::default();
        for pair in &pairs {
            let (old, new) = (pair.old, pair.new);
            // It holds for those for whom it holds already.
            let alike = new.filter(|_| pair.is_alike);
            if old.is_some() {
                let id = u32::try_from(changes.now.len()).ok()?;
                let mut now = Now { is_unforeseen: is_unforeseen(before, old), ..Now::default() };
                if pair.is_unchanged {
                    now.stays = numbers(before, old);
                } else {
                    now.goes = numbers(before, old);
                    now.comes = numbers(after, alike);
                    now.is_unforeseen |= is_unforeseen(after, alike);
                }
                now.denials.extend(old.and_then(|rule| denials.take(before, rule)));
                now.denials.extend(alike.filter(|_| !pair.is_unchanged).and_then(|rule| denials.take(after, rule)));
                denials.note(id, old.into_iter().flat_map(|rule| given(before, rule)));
                denials.note(id, alike.into_iter().flat_map(|rule| given(after, rule)));
                changes.now.push(now);
            }
        }
        for pair in pairs.iter().filter(|pair| !pair.is_alike) {
            let Some(rule) = pair.new else { continue };
            let id = u32::try_from(changes.now.len() + changes.then.len()).ok()?;
            denials.note(id, given(after, rule));
            changes.then.push(Then {
                slots: self.slots_of_rule(&after.attributes, rule, today)?,
                gives: numbers(after, Some(rule)),
                denial: denials.take(after, rule),
                is_unforeseen: is_unforeseen(after, Some(rule)),
            });
        }
        changes.denied = denials.clashes();
        changes.kept = things.iter().map(|thing| is_kept(thing)).collect();
        changes.things = things.into_iter().cloned().collect();
        Some(changes)
    }

    fn gone_through(&self, changes: Changes, people: &People, today: Day) -> Foreseen {
        let slots: Vec<u32> = people.0.iter().collect();
        let parts = slots.chunks(slots.len().div_ceil(self.threads).max(LEAST_PART));
        let of = &changes;
        let parts: Vec<Part> = std::thread::scope(|scope| {
            let parts: Vec<_> = parts.map(|slots| scope.spawn(move || self.part_foreseen(of, slots, today))).collect();
            let joined = parts.into_iter().map(|part| match part.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        });
        let mut foreseen = Foreseen::default();
        let (mut gains, mut losses) = (vec![0; changes.things.len()], vec![0; changes.things.len()]);
        for mut part in parts {
            foreseen.people.append(&mut part.people);
            foreseen.others.0.extend(part.others);
            gains.iter_mut().zip(part.gains).for_each(|(all, own)| *all += own);
            losses.iter_mut().zip(part.losses).for_each(|(all, own)| *all += own);
        }
        foreseen.people.sort_unstable();
        let counted = |counts: Vec<u64>| -> Vec<(Grantable, u64)> {
            let counts = changes.things.iter().cloned().zip(counts);
            counts.filter(|(_, people)| *people > 0).collect()
        };
        (foreseen.gains, foreseen.losses) = (counted(gains), counted(losses));
        foreseen.changes = changes;
        foreseen
    }

    fn part_foreseen(&self, changes: &Changes, slots: &[u32], today: Day) -> Part {
        let (mut gains, mut losses) = (vec![0; changes.things.len()], vec![0; changes.things.len()]);
        let mut part = Part::default();
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return part };
        let holding = Holding::new(&changes.then, *first..*last + 1);
        let mut marks = Marks::new(changes.things.len());
        for slot in slots {
            let Some(person) = self.people.get(*slot as usize).and_then(Option::as_ref) else { continue };
            if !self.is_ruled(person, changes, today) || !self.marks(changes, person, holding.of(*slot), &mut marks) {
                part.others.push(*slot);
                continue;
            }
            let (comes, goes) = marks.shift();
            if goes.iter().any(|thing| changes.kept.get(*thing as usize) == Some(&true)) {
                part.others.push(*slot);
                continue;
            }
            let size = comes.len() + goes.len();
            if size > 0 {
                part.people.push((person.id, u32::try_from(size).unwrap_or(u32::MAX)));
            }
            for (counts, things) in [(&mut gains, comes), (&mut losses, goes)] {
                things
                    .iter()
                    .for_each(|thing| counts.get_mut(*thing as usize).into_iter().for_each(|count| *count += 1));
            }
        }
        (part.gains, part.losses) = (gains, losses);
        part
    }

    /// Whether rules alone decide on what somebody holds and what their accounts have, as far as the person goes.
    fn is_ruled(&self, person: &Person, changes: &Changes, today: Day) -> bool {
        let rules = person.set.and_then(|set| self.combinations.get(set));
        person.digest.is_some()
            && person.grants.is_empty()
            // Otherwise the rules that hold decide on the contexts in which values are.
            && (person.contexts.is_empty() || person.contexts.iter().any(|row| day::holds(row.bounds, today)))
            // A state that takes something stands among the rules, unless there is none to take anything of.
            && (!changes.has_restricting_states
                || person.life.is_none()
                || rules.is_some_and(|rules| !rules.pairs.is_empty()))
    }

    /// Marks what stays, goes and comes for somebody for whom also these rules would hold. False where that cannot be
    /// foreseen; nothing is marked then.
    fn marks(&self, changes: &Changes, person: &Person, then: &[u32], marks: &mut Marks) -> bool {
        let Some(combination) = person.set.and_then(|set| self.combinations.get(set)) else { return false };
        marks.rules.clear();
        marks.denials.clear();
        for (rule, _) in &combination.pairs {
            // Rules that hold in several contexts stand there as often.
            if marks.rules.last() == Some(rule) {
                continue;
            }
            // Of no number is what was given directly, or a lifecycle state that takes something.
            let Some(now) = changes.now.get(*rule as usize).filter(|now| !now.is_unforeseen) else { return false };
            marks.rules.push(*rule);
            marks.denials.extend(&now.denials);
        }
        let then = || then.iter().filter_map(|number| Some((*number, changes.then.get(*number as usize)?)));
        for (number, rule) in then() {
            if rule.is_unforeseen {
                return false;
            }
            marks.rules.push(u32::try_from(changes.now.len()).unwrap_or(u32::MAX).saturating_add(number));
            marks.denials.extend(rule.denial);
        }
        let mut denied = marks.denials.iter().filter_map(|denial| changes.denied.get(*denial as usize));
        if denied.any(|of| marks.rules.iter().any(|rule| of.contains(*rule))) {
            return false;
        }
        for place in 0..marks.rules.len() {
            let Some(now) = marks.rules.get(place).and_then(|rule| changes.now.get(*rule as usize)) else { continue };
            marks.mark(&now.stays, STAYS);
            marks.mark(&now.goes, GOES);
            marks.mark(&now.comes, COMES);
        }
        then().for_each(|(_, rule)| marks.mark(&rule.gives, COMES));
        true
    }
}

/// Which of the rules that would hold do, for each slot of a range.
struct Holding {
    first: u32,
    /// Where those of each slot begin; one more at the end.
    starts: Vec<u32>,
    rules: Vec<u32>,
}

impl Holding {
    fn new(then: &[Then], slots: Range<u32>) -> Self {
        let first = slots.start;
        let mut starts = vec![0_u32; (slots.end - slots.start) as usize + 1];
        for rule in then {
            for slot in rule.slots.range(slots.clone()) {
                if let Some(count) = starts.get_mut((slot - first) as usize + 1) {
                    *count += 1;
                }
            }
        }
        let mut all = 0;
        for start in &mut starts {
            all += *start;
            *start = all;
        }
        let mut rules = vec![0; all as usize];
        let mut next = starts.clone();
        for (number, rule) in (0_u32..).zip(then) {
            for slot in rule.slots.range(slots.clone()) {
                let Some(place) = next.get_mut((slot - first) as usize) else { continue };
                if let Some(cell) = rules.get_mut(*place as usize) {
                    *cell = number;
                }
                *place += 1;
            }
        }
        Self { first, starts, rules }
    }

    fn of(&self, slot: u32) -> &[u32] {
        let place = (slot - self.first) as usize;
        let (Some(start), Some(end)) = (self.starts.get(place), self.starts.get(place + 1)) else { return &[] };
        self.rules.get(*start as usize..*end as usize).unwrap_or_default()
    }
}

/// Denials as they come to be known, and who gives what.
#[derive(Default)]
struct Denials<'m> {
    /// What each denies.
    all: Vec<BTreeSet<&'m Grantable>>,
    /// The rules that give each thing.
    givers: BTreeMap<&'m Grantable, Vec<u32>>,
}

impl<'m> Denials<'m> {
    /// The number of a denial; none of a rule that is none.
    fn take(&mut self, model: &'m RoleModel, rule: &'m Rule) -> Option<u32> {
        if !rule.deny {
            return None;
        }
        let all = 0..u32::try_from(model.grantables.len()).unwrap_or(u32::MAX);
        let is_denied = |thing: &u32| {
            let is_target = |thing: &u32| rule.targets.binary_search(thing).is_ok();
            is_target(thing) || model.account_type_of(*thing).is_some_and(|kind| is_target(&kind))
        };
        self.all.push(all.filter(is_denied).map(|thing| model.grantable(thing)).collect());
        u32::try_from(self.all.len() - 1).ok()
    }

    fn note(&mut self, rule: u32, gives: impl Iterator<Item = &'m Grantable>) {
        gives.for_each(|thing| self.givers.entry(thing).or_default().push(rule));
    }

    /// The rules that give something of what each denies.
    fn clashes(&self) -> Vec<RoaringBitmap> {
        let givers = |denied: &BTreeSet<&Grantable>| {
            denied.iter().filter_map(|thing| self.givers.get(thing)).flatten().copied().collect()
        };
        self.all.iter().map(givers).collect()
    }
}

/// The rules of both models by name; those of before without a successor among them, and the other way round.
fn pairs<'m>(before: &'m RoleModel, after: &'m RoleModel, kinds: &BTreeSet<&str>) -> Vec<Pair<'m>> {
    let mut new: BTreeMap<&str, &Rule> = after.rules.iter().map(|rule| (rule.name.as_str(), rule)).collect();
    let mut pairs: Vec<Pair<'m>> = before
        .rules
        .iter()
        .map(|old| {
            let new = new.remove(old.name.as_str());
            let is_alike = new.is_some_and(|new| {
                let days = |rule: &Rule| (rule.days_before, rule.days_after);
                days(old) == days(new) && is_same(&old.when, &new.when)
            });
            let is_unchanged = is_alike && new.is_some_and(|new| says_the_same(before, old, after, new, kinds));
            Pair { old: Some(old), new, is_unchanged, is_alike }
        })
        .collect();
    pairs.extend(new.into_values().map(|new| Pair { old: None, new: Some(new), is_unchanged: false, is_alike: false }));
    pairs
}

/// What a rule gives by itself where nothing is denied.
fn given<'m>(model: &'m RoleModel, rule: &'m Rule) -> impl Iterator<Item = &'m Grantable> {
    let gives = rule.kind == RuleType::Automatic && !rule.deny;
    rule.given.iter().filter(move |_| gives).map(|thing| model.grantable(*thing))
}
