//! Desired access for one identity in microseconds and for a whole population quickly.
//!
//! The engine holds the population in memory in coded form: of each identity only the attributes that some expression
//! reads, as numbers from a dictionary. Rules are matched by the values people have ([`matcher`]), everything that
//! follows from a combination of rules is worked out once per combination ([`combinations`]), and days on which a period
//! opens or closes stand in a wheel ([`wheel`]), so that a new day is an ordinary small change. Everybody is evaluated on
//! several threads ([`evaluate`]), and what people should hold is compared with what they do ([`difference`]). What
//! desired access means is spelled out in [`crate::reference`]; both always agree.
//!
//! A *digest* is a hash of everything [`Engine::desired`] would answer. The database keeps the digest up to which it has
//! acted; whoever has another one now has changed. Nothing here knows about orders or accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use jiff::civil::Date;
use model::access::{DesiredAccess, Explanation, Grantable};
use model::identity::Identity;
use model::ids::IdentityId;
use model::lifecycle::{Boundary, LifecycleView, Remembered, Turn};
use model::request::DirectGrant;
use roaring::RoaringBitmap;

use crate::model::RoleModel;

mod account;
mod answer;
mod combinations;
mod dictionary;
mod difference;
mod evaluate;
mod explain;
mod foreseen;
mod index;
mod life;
mod matcher;
mod part;
mod person;
mod plain;
mod sets;
mod shift;
mod what_if;
mod wheel;

pub use difference::{Difference, Holdings};
pub use foreseen::Foreseen;
pub use index::People;
pub use shift::{Shift, Shifts};
pub use what_if::Concerned;

use crate::day::{self, Day};
use combinations::Combinations;
use dictionary::Dictionary;
use index::Index;
use matcher::{Matcher, Scratch};
use person::{Grant, Person};
use wheel::Wheel;

/// What one computation found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Computed {
    /// Identities that were evaluated.
    pub evaluated: usize,
    /// Identities whose digest now differs from the one last confirmed, sorted. Those from earlier computations that
    /// nobody has confirmed since are among them, so that nothing is lost when a run ends before it acted.
    pub changed: Vec<IdentityId>,
}

/// The role model over a population.
pub struct Engine {
    model: Arc<RoleModel>,
    dictionary: Dictionary,
    matcher: Matcher,
    combinations: Combinations,
    wheel: Wheel,
    slots: HashMap<IdentityId, u32>,
    people: Vec<Option<Person>>,
    free: Vec<u32>,
    /// What people were given directly, whether they are loaded yet or not.
    grants: HashMap<IdentityId, Vec<DirectGrant>>,
    /// States that were recorded of people, whether they are loaded yet or not.
    remembered: HashMap<IdentityId, Remembered>,
    /// Digests confirmed for identities that are not loaded yet.
    confirmed_early: HashMap<IdentityId, i64>,
    /// Slots that were changed and not evaluated since.
    stale: RoaringBitmap,
    /// Slots whose digest is not the confirmed one.
    open: RoaringBitmap,
    /// On how many threads everybody is evaluated.
    threads: usize,
    scratch: Scratch,
    /// Who has which value, as far as somebody asked.
    index: Index,
    /// The day last computed.
    day: Option<Day>,
    /// Season that everything was worked out for, where there are any.
    season: Option<usize>,
}

impl Engine {
    /// An engine without people.
    pub fn new(model: Arc<RoleModel>) -> Self {
        let mut dictionary = Dictionary::default();
        let matcher = Matcher::new(&model, &mut dictionary);
        Self {
            threads: 1,
            wheel: Wheel::new(&model),
            scratch: Scratch::new(&model),
            model,
            dictionary,
            matcher,
            combinations: Combinations::default(),
            slots: HashMap::new(),
            people: Vec::new(),
            free: Vec::new(),
            grants: HashMap::new(),
            remembered: HashMap::new(),
            confirmed_early: HashMap::new(),
            stale: RoaringBitmap::new(),
            open: RoaringBitmap::new(),
            index: Index::default(),
            day: None,
            season: None,
        }
    }

    /// The same, evaluating everybody on so many threads at once. The answers are the same with any number.
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// The model that it computes.
    pub fn model(&self) -> &Arc<RoleModel> {
        &self.model
    }

    /// Takes in an identity as it is now. It is evaluated with the next computation, whether that names it or not.
    pub fn upsert(&mut self, identity: &Identity) {
        let grants = self.grants.get(&identity.id).map_or(&[][..], Vec::as_slice);
        let before = self.slots.get(&identity.id).and_then(|slot| self.people.get(*slot as usize)?.as_ref());
        let model = self.model.in_season(self.season);
        let mut person = Person::new(identity, grants, model, &mut self.dictionary, before);
        person.confirmed = match self.take(identity.id) {
            Some(before) => before.confirmed,
            None => self.confirmed_early.remove(&identity.id),
        };
        person.remember(life::coded(self.remembered.get(&identity.id), &self.model));
        let slot = self.free.pop().unwrap_or_else(|| {
            self.people.push(None);
            u32::try_from(self.people.len() - 1).unwrap_or(u32::MAX)
        });
        self.place(slot, person);
    }

    fn place(&mut self, slot: u32, person: Person) {
        self.wheel.insert(slot, &person);
        self.slots.insert(person.id, slot);
        self.stale.insert(slot);
        self.index.touch(slot);
        if let Some(place) = self.people.get_mut(slot as usize) {
            *place = Some(person);
        }
    }

    /// Takes in what an identity was given directly, in place of all that it was given so before. It is evaluated with
    /// the next computation. May come before the identity itself.
    pub fn set_grants(&mut self, id: IdentityId, grants: Vec<DirectGrant>) {
        let held = Grant::all(&grants, self.model.in_season(self.season));
        if grants.is_empty() {
            self.grants.remove(&id);
        } else {
            self.grants.insert(id, grants);
        }
        let Some(slot) = self.slots.get(&id).copied() else { return };
        let Some(person) = self.people.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        self.wheel.remove(slot, person);
        person.grants = held;
        person.digest = None;
        self.wheel.insert(slot, person);
        self.open.remove(slot);
        self.stale.insert(slot);
    }

    /// Takes in which lifecycle state was recorded of an identity, and since when. It is evaluated with the next computation.
    /// May come before the identity itself.
    pub fn set_remembered(&mut self, id: IdentityId, remembered: Option<Remembered>) {
        let coded = life::coded(remembered.as_ref(), &self.model);
        match remembered {
            Some(remembered) => self.remembered.insert(id, remembered),
            None => self.remembered.remove(&id),
        };
        let Some(slot) = self.slots.get(&id).copied() else { return };
        let Some(person) = self.people.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        if person.remember(coded) {
            person.digest = None;
            self.open.remove(slot);
            self.stale.insert(slot);
        }
    }

    /// As [`Engine::set_remembered`], of somebody computed as of that day: where the answer is the same, it stays computed.
    pub fn remember(&mut self, id: IdentityId, remembered: Option<Remembered>, today: Date) {
        self.set_remembered(id, remembered);
        let today = day::number(today);
        if self.enter(today) {
            self.evaluate_all(today);
        } else if let Some(slot) = self.slots.get(&id).copied().filter(|slot| self.stale.contains(*slot)) {
            self.evaluate_one(slot, today);
        }
    }

    /// Which state was recorded of an identity.
    pub fn remembered(&self, id: IdentityId) -> Option<&Remembered> {
        self.remembered.get(&id)
    }

    /// What an identity is given directly.
    pub fn grants(&self, id: IdentityId) -> &[DirectGrant] {
        self.grants.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Forgets an identity.
    pub fn remove(&mut self, id: IdentityId) {
        self.take(id);
        self.grants.remove(&id);
        self.remembered.remove(&id);
        self.confirmed_early.remove(&id);
    }

    /// How many identities it holds.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds nobody.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Evaluates everybody as of today.
    pub fn compute(&mut self, today: Date) -> Computed {
        // Only now is it known how many people have which value, and so which predicate of a clause sorts out most.
        self.matcher.hang(&self.model, &self.dictionary);
        let today = day::number(today);
        self.enter(today);
        self.evaluate_all(today);
        self.day = Some(today);
        Computed { evaluated: self.len(), changed: self.ids(&self.open) }
    }

    /// Drops everything that was worked out for another season, where something was: then everybody has to be evaluated.
    fn enter(&mut self, today: Day) -> bool {
        let season = self.model.season(today);
        if !self.model.has_seasons() || self.season == Some(season) {
            return false;
        }
        let was_another = self.season.replace(season).is_some();
        self.combinations = Combinations::default();
        let model = self.model.on(today);
        for person in self.people.iter_mut().flatten() {
            (person.set, person.digest) = (None, None);
            if let Some(grants) = self.grants.get(&person.id) {
                person.grants = Grant::all(grants, model);
            }
        }
        was_another
    }

    /// Evaluates those named, those taken in since they were last evaluated, and those for whom a period opens or
    /// closes between the day last computed and today. Where nothing was computed before, or a role or an access profile
    /// begins or ends in between, everybody.
    pub fn compute_some(&mut self, ids: &[IdentityId], today: Date) -> Computed {
        let Some(last) = self.day else { return self.compute(today) };
        let today = day::number(today);
        if self.enter(today) {
            self.evaluate_all(today);
            self.day = Some(today);
            return Computed { evaluated: self.len(), changed: self.ids(&self.open) };
        }
        let mut slots = self.wheel.between(last, today);
        slots |= &self.stale;
        slots.extend(ids.iter().filter_map(|id| self.slots.get(id)).copied());
        self.evaluate(slots.into_iter().collect(), today)
    }

    /// Evaluates only those named, and answers whose digest now differs from the one last confirmed. The day last computed
    /// stays as it was: what a new day brings for others is left to [`Engine::compute_some`].
    pub fn compute_only(&mut self, ids: &[IdentityId], today: Date) -> Computed {
        let today = day::number(today);
        let slots: RoaringBitmap = ids.iter().filter_map(|id| self.slots.get(id)).copied().collect();
        if self.enter(today) {
            self.evaluate_all(today);
        }
        for slot in &slots {
            self.evaluate_one(slot, today);
        }
        Computed {
            evaluated: usize::try_from(slots.len()).unwrap_or(usize::MAX),
            changed: self.ids(&(&slots & &self.open)),
        }
    }

    /// The digest of an identity's desired access as last computed: the same in every process and on every machine.
    pub fn digest(&self, id: IdentityId) -> Option<i64> {
        self.person(id)?.digest
    }

    /// Tells up to which digest the database has acted. May come before the identity itself.
    pub fn confirm(&mut self, id: IdentityId, digest: i64) {
        let Some(slot) = self.slots.get(&id).copied() else {
            self.confirmed_early.insert(id, digest);
            return;
        };
        if let Some(person) = self.people.get_mut(slot as usize).and_then(Option::as_mut) {
            person.confirmed = Some(digest);
            if person.digest == Some(digest) {
                self.open.remove(slot);
            } else if person.digest.is_some() {
                self.open.insert(slot);
            }
        }
    }

    /// Everything an identity should have on that day, with reasons and account attributes. `None` if it is not known.
    pub fn desired(&self, id: IdentityId, today: Date) -> Option<DesiredAccess> {
        Some(self.answer(self.person(id)?, day::number(today)).access())
    }

    /// As [`Engine::desired`], were these all that the identity is given directly. Nothing is kept of it.
    pub fn desired_with(&self, id: IdentityId, grants: &[DirectGrant], today: Date) -> Option<DesiredAccess> {
        let person = self.person_with(id, grants)?;
        Some(self.answer(&person, day::number(today)).access())
    }

    /// As [`Engine::explain`], were these all that the identity is given directly.
    pub fn explain_with(
        &self,
        id: IdentityId,
        grants: &[DirectGrant],
        grantable: &Grantable,
        today: Date,
    ) -> Option<Explanation> {
        let person = self.person_with(id, grants)?;
        Some(self.answer(&person, day::number(today)).explain(grantable))
    }

    fn person_with(&self, id: IdentityId, grants: &[DirectGrant]) -> Option<Person> {
        Some(Person { grants: Grant::all(grants, &self.model), ..self.person(id)?.clone() })
    }

    /// Why an identity has something on that day, or why not. `None` if the identity is not known.
    ///
    /// `held` is true only where access follows; for an offer the period and reasons tell what is offered. Where a denial
    /// took the thing, or something on the way to it, the reasons are what it was taken from.
    pub fn explain(&self, id: IdentityId, grantable: &Grantable, today: Date) -> Option<Explanation> {
        Some(self.answer(self.person(id)?, day::number(today)).explain(grantable))
    }

    /// For how many people each rule held on the day last computed; rules that held for nobody are left out.
    pub fn affected_by_each_rule(&self) -> BTreeMap<String, u64> {
        let named = |(rule, people): (u32, u64)| Some((self.model.rules.get(rule as usize)?.name.clone(), people));
        self.combinations.people_by_rule().into_iter().filter_map(named).collect()
    }

    /// The value of each correlation rule's expression, in the order of the rules; none where it gives no text or number.
    ///
    /// Leavers and people not listed any more are correlated as well, so all contexts count: those that hold on the day
    /// last computed first, then by priority, start and key; the first that gives a value decides.
    pub fn correlation_keys(&self, id: IdentityId, account_type: &str) -> Vec<Option<String>> {
        let kinds = &self.model.account_types;
        let index = kinds.binary_search_by(|kind| kind.name.as_str().cmp(account_type));
        match (self.person(id), index.ok().and_then(|index| kinds.get(index))) {
            (Some(person), Some(kind)) => {
                let day = self.day.unwrap_or_else(|| person.some_day());
                self.answer(person, day).correlation_keys(kind)
            }
            _ => Vec::new(),
        }
    }

    /// Where an identity stands on that day, whether anything follows from it or not, and what comes next.
    pub fn life(&self, id: IdentityId, today: Date) -> Option<LifecycleView> {
        let person = self.person(id)?;
        let today = day::number(today);
        let mut view = self.answer(person, today).life()?;
        view.next = life::steps_to_come(&view.stages);
        let turn = self.wheel.days_of(person).into_iter().filter(|day| today < *day).find_map(|day| {
            let then = self.answer(person, day).life()?.standing;
            let boundary = Boundary { on: day::date(day)?, what: Turn::State(then.label) };
            (then.state != view.standing.state).then_some(boundary)
        });
        if let Some(turn) = turn {
            // What comes after it is not this state's any more.
            view.next.retain(|boundary| boundary.on < turn.on);
            view.next.push(turn);
        }
        view.next.sort();
        Some(view)
    }

    /// Those for whom something opens, closes or goes on after one day, up to and including another, sorted.
    pub fn concerned(&self, after: Date, until: Date) -> Vec<IdentityId> {
        let (after, until) = (day::number(after), day::number(until));
        let mut slots = self.wheel.between(after, until);
        slots |= self.turning(after, until);
        if self.model.states.is_configured {
            // Nobody knows yet when those are dealt with next who were not evaluated.
            let unknown = self.stale.iter().filter(|slot| {
                let Some(person) = self.people.get(*slot as usize).and_then(Option::as_ref) else { return false };
                let stand = self.answer(person, until).stand;
                stand.is_some_and(|stand| stand.days(&self.model, person).range(after + 1..=until).next().is_some())
            });
            slots.extend(unknown.collect::<Vec<u32>>());
        }
        self.ids(&slots)
    }

    /// The next day after that one on which something opens, closes or goes on for somebody.
    pub fn next_change(&self, after: Date) -> Option<Date> {
        let after = day::number(after);
        let known = self.wheel.next(after);
        let unknown = self.stale.iter().filter(|_| self.model.states.is_configured).filter_map(|slot| {
            let person = self.people.get(slot as usize)?.as_ref()?;
            self.answer(person, after).stand?.days(&self.model, person).range(after.saturating_add(1)..).next().copied()
        });
        let next = known.into_iter().chain(unknown).min();
        let mut season = self.model.next_season(after);
        while let Some(day) = season.filter(|day| next.is_none_or(|next| *day < next)) {
            if !self.turning(day - 1, day).is_empty() {
                return day::date(day);
            }
            season = self.model.next_season(day);
        }
        next.and_then(day::date)
    }

    /// Whoever is given something, by rules and grants that count on the last of these days, from which something follows
    /// that begins or ends in between.
    fn turning(&self, after: Day, until: Day) -> RoaringBitmap {
        let mut slots = RoaringBitmap::new();
        if self.model.season(after) == self.model.season(until) {
            return slots;
        }
        let turning = self.model.turning(after, until);
        let is_one = |grantable: &u32| turning.get(*grantable as usize) == Some(&true);
        let touched: Vec<bool> = self.model.rules.iter().map(|rule| rule.targets.iter().any(is_one)).collect();
        let mut scratch = Scratch::new(&self.model);
        for (slot, person) in (0_u32..).zip(&self.people) {
            let Some(person) = person else { continue };
            self.matcher.find(&self.model, &self.dictionary, person, until, &mut scratch);
            let concerns = |(number, _): &sets::Pair| match number & sets::GRANT {
                0 => touched.get(*number as usize) == Some(&true),
                _ => is_one(&(number & !sets::GRANT)),
            };
            if scratch.pairs.iter().any(concerns) {
                slots.insert(slot);
            }
        }
        slots
    }

    fn person(&self, id: IdentityId) -> Option<&Person> {
        self.people.get(*self.slots.get(&id)? as usize)?.as_ref()
    }

    fn ids(&self, slots: &RoaringBitmap) -> Vec<IdentityId> {
        let people = slots.iter().filter_map(|slot| self.people.get(slot as usize)?.as_ref());
        let mut ids: Vec<IdentityId> = people.map(|person| person.id).collect();
        ids.sort_unstable();
        ids
    }

    /// Takes an identity out of everything that knows it.
    fn take(&mut self, id: IdentityId) -> Option<Person> {
        let slot = self.slots.remove(&id)?;
        let person = self.people.get_mut(slot as usize)?.take()?;
        for code in person.codes() {
            self.dictionary.release(code);
        }
        if let Some(set) = person.set {
            self.combinations.release(set);
        }
        self.wheel.remove(slot, &person);
        if let Some(life) = &person.life {
            self.wheel.follow(slot, &life.advances, &Default::default(), false);
        }
        self.stale.remove(slot);
        self.open.remove(slot);
        self.index.touch(slot);
        self.free.push(slot);
        Some(person)
    }

    fn evaluate(&mut self, slots: Vec<u32>, today: Day) -> Computed {
        let evaluated = slots.len();
        for slot in slots {
            self.evaluate_one(slot, today);
        }
        self.day = Some(today);
        Computed { evaluated, changed: self.ids(&self.open) }
    }

    /// Takes over on which days the states of these go on.
    fn follow_advances(&mut self, slots: impl Iterator<Item = u32>) {
        for slot in slots {
            let Some(person) = self.people.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            let Some(life) = &mut person.life else { continue };
            let Some((days, floats)) = life.ahead.take() else { continue };
            self.wheel.follow(slot, &life.advances, &days, floats);
            life.advances = days;
        }
    }

    fn answer<'a>(&'a self, person: &'a Person, today: Day) -> answer::Answer<'a> {
        let model = self.model.on(today);
        let mut scratch = Scratch::new(model);
        self.matcher.find(model, &self.dictionary, person, today, &mut scratch);
        let stand = life::stand(model, &self.dictionary, person, today, &scratch.rows);
        stand.mark(model, &mut scratch.pairs);
        let is_this_season = !self.model.has_seasons() || self.season == Some(self.model.season(today));
        let known = person.set.filter(|set| is_this_season && self.combinations.is(*set, &scratch.pairs));
        let known = known.and_then(|set| self.combinations.get(set)?.full(model, set));
        let set = match known {
            Some(set) => answer::SetOf::Borrowed(set),
            None => answer::SetOf::Owned(Box::new(sets::AccessSet::new(model, &scratch.pairs))),
        };
        let rows = answer::Rows::Owned(Box::new(scratch));
        answer::Answer {
            model,
            all: &self.model,
            dictionary: &self.dictionary,
            matcher: &self.matcher,
            person,
            today,
            rows,
            set,
            stand: Some(stand),
        }
    }
}
