//! Where somebody stands on a day, and what follows: what of their access is let through, and what becomes of accounts.
//!
//! A state begins where the periods begin that make it so. Where none does, because the person's own attributes or no dates
//! at all make it so, it begins on the day that was remembered when it was first seen; until then on the day asked about.
//! [`crate::reference`] spells out the rules.

use std::collections::BTreeSet;

use jiff::civil::Date;
use model::access::Fact;
use model::configuration::AccountAction;
use model::identity::LifecycleState;
use model::lifecycle::{
    AccountStage, Boundary, LegalHold, Lifecycle, LifecycleView, Remembered, StageStep, Standing, Turn,
};
use model::value::Value;

use crate::digest::Digest;
use crate::expression::condition_holds;
use crate::model::{AccessModel, Read, RoleModel};

use super::answer::Answer;
use super::dictionary::{ABSENT, Dictionary};
use super::matcher::Seen;
use super::person::Person;
use super::sets::{Pair, STATE};
use crate::day::{self, ALWAYS, Day, NEVER};

/// A state by position, and how somebody came to be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) state: usize,
    since: Option<Day>,
    first_seen: bool,
    /// Nobody remembers since when: on another day it would have begun then.
    floats: bool,
    /// Row in which the condition of an own state holds.
    row: Option<u32>,
    conflicts: Vec<usize>,
    /// State whose hold it is, if any, and the row in which it holds.
    hold: Option<(Option<usize>, u32)>,
}

/// What finding out needs.
pub(super) struct Look<'a> {
    pub(super) model: &'a RoleModel,
    pub(super) dictionary: &'a Dictionary,
    pub(super) person: &'a Person,
    pub(super) today: Day,
    pub(super) rows: &'a [Vec<u32>],
}

/// Where the person stands.
pub(super) fn stand(
    model: &RoleModel,
    dictionary: &Dictionary,
    person: &Person,
    today: Day,
    rows: &[Vec<u32>],
) -> Stand {
    let look = Look { model, dictionary, person, today, rows };
    let mut stand = look.own_state().unwrap_or_else(|| look.built_in());
    stand.hold = look.hold(stand.state);
    if stand.since.is_none() && stand.is_told(model) {
        let remembered = look.remembered(stand.state);
        stand.since = remembered.or(Some(today));
        stand.first_seen = true;
        stand.floats = remembered.is_none();
    }
    stand
}

impl Stand {
    fn begun(state: usize, since: Option<Day>) -> Self {
        Self { state, since, first_seen: false, floats: false, row: None, conflicts: Vec::new(), hold: None }
    }

    /// Whether an answer speaks of it.
    pub(super) fn is_told(&self, model: &RoleModel) -> bool {
        self.hold.is_some() || model.states.states.get(self.state).is_some_and(|state| state.has_effect)
    }

    /// Puts into a combination what the state makes of it.
    pub(super) fn mark(&self, model: &RoleModel, pairs: &mut Vec<Pair>) {
        let restricts = model.states.states.get(self.state).is_some_and(|state| state.access != AccessModel::Keep);
        if !restricts || pairs.is_empty() {
            return;
        }
        let pair = (STATE | u32::try_from(self.state).unwrap_or_default(), 0);
        let place = pairs.partition_point(|other| *other < pair);
        pairs.insert(place, pair);
    }

    /// Days on which the answer may change though no period opens or closes.
    pub(super) fn days(&self, model: &RoleModel, person: &Person) -> BTreeSet<Day> {
        let mut days = BTreeSet::new();
        if !self.is_told(model) {
            return days;
        }
        let steps = model.states.states.get(self.state).into_iter().flat_map(|state| &state.stages);
        if let Some(since) = self.since {
            days.extend(steps.flat_map(|(_, steps)| steps).map(|(after, _)| since.saturating_add(*after)));
            if self.first_seen {
                days.insert(since);
            }
        }
        if !person.present {
            days.extend(last_end(person));
        }
        days
    }

    /// Whether it has to be asked about on every day.
    pub(super) fn floats(&self) -> bool {
        self.floats
    }
}

/// The day after the last of all contexts, where all have one.
fn last_end(person: &Person) -> Option<Day> {
    person.contexts.iter().map(|row| row.bounds.1).max().filter(|end| *end != NEVER)
}

impl Look<'_> {
    fn holds(&self, read: &Read, row: &[u32]) -> bool {
        let seen = Seen { dictionary: self.dictionary, row, read };
        condition_holds(read.expression.root(), &seen) == Ok(true)
    }

    fn bounds(&self, row: usize) -> (Day, Day) {
        self.person.contexts.get(row).map_or((ALWAYS, NEVER), |row| row.bounds)
    }

    /// The person as they are in no context.
    fn bare(&self) -> Vec<u32> {
        let mut bare = self.person.life.as_ref().map_or_else(Vec::new, |life| life.bare.to_vec());
        let lifecycle = self.model.attributes.binary_search_by(|name| name.as_str().cmp("lifecycle"));
        if let Ok(lifecycle) = lifecycle
            && let (Some(cell), Some(code)) =
                (bare.get_mut(lifecycle), self.rows.first().and_then(|row| row.get(lifecycle)))
        {
            *cell = *code;
        }
        bare
    }

    fn own_state(&self) -> Option<Stand> {
        if !self.person.present || !self.model.states.is_configured {
            return None;
        }
        let open: Vec<usize> = (0..self.rows.len()).filter(|row| day::holds(self.bounds(*row), self.today)).collect();
        let mut matching: Vec<(usize, Vec<usize>)> = Vec::new();
        for (number, state) in self.model.states.states.iter().enumerate() {
            let Some(when) = &state.when else { continue };
            let row = |row: &usize| self.rows.get(*row).is_some_and(|row| self.holds(when, row));
            let rows: Vec<usize> = open.iter().copied().filter(row).collect();
            if !rows.is_empty() {
                matching.push((number, rows));
            }
        }
        let of = |number: usize| self.model.states.states.get(number);
        let best = matching.iter().filter_map(|(number, _)| of(*number)).map(|state| state.priority).min()?;
        matching.retain(|(number, _)| of(*number).is_some_and(|state| state.priority == best));
        let (state, rows) =
            matching.iter().min_by_key(|(number, _)| (of(*number).map(|state| state.access.rank()), *number))?;
        let when = of(*state)?.when.as_ref()?;
        let boundary = if self.person.contexts.is_empty() || self.holds(when, &self.bare()) {
            None
        } else {
            let all = self.rows.iter().enumerate().filter(|(_, row)| self.holds(when, row)).map(|(row, _)| row);
            self.begin(rows, all.collect())
        };
        let deciding = rows
            .iter()
            .min_by_key(|row| self.person.contexts.get(**row).map(|context| (context.priority, context.bounds.0)))?;
        let conflicts = matching.iter().map(|(number, _)| *number).filter(|number| number != state).collect();
        let row = u32::try_from(*deciding).ok();
        Some(Stand { row, conflicts, ..Stand::begun(*state, boundary) })
    }

    /// The first day of a time without a gap that goes on today in the open ones.
    fn begin(&self, open: &[usize], mut all: Vec<usize>) -> Option<Day> {
        let mut since = open.iter().map(|row| self.bounds(*row).0).min()?;
        loop {
            let touching = |row: &usize| {
                let (starts, ends) = self.bounds(*row);
                starts < since && since <= ends
            };
            let Some(place) = all.iter().position(touching) else { break };
            since = self.bounds(all.swap_remove(place)).0;
        }
        (since != ALWAYS).then_some(since)
    }

    fn built_in(&self) -> Stand {
        let contexts = &self.person.contexts;
        let state = self.person.lifecycle(self.today);
        let boundary = match state {
            LifecycleState::Joiner => None,
            LifecycleState::Active => {
                let open = (0..contexts.len()).filter(|row| day::holds(self.bounds(*row), self.today));
                self.begin(&open.collect::<Vec<_>>(), (0..contexts.len()).collect())
            }
            LifecycleState::Leaver if self.person.present => last_end(self.person),
            // Whoever was seen to be gone went then, whatever ends their contexts have.
            LifecycleState::Leaver => {
                let number = self.model.states.of(state);
                let is_remembered = self.remembered(number).is_some();
                last_end(self.person).filter(|end| !is_remembered && *end <= self.today)
            }
        };
        Stand::begun(self.model.states.of(state), boundary)
    }

    fn remembered(&self, state: usize) -> Option<Day> {
        self.person
            .life
            .as_ref()?
            .remembered
            .filter(|(known, since)| *known == state && *since <= self.today)
            .map(|(_, since)| since)
    }

    /// Holds are looked for in all contexts, those that are over included.
    fn hold(&self, state: usize) -> Option<(Option<usize>, u32)> {
        let found = |read: &Read| {
            let row = self.rows.iter().position(|row| self.holds(read, row))?;
            u32::try_from(row).ok()
        };
        let of_all = self.model.states.legal_hold.as_ref();
        let of_state = self.model.states.states.get(state).and_then(|state| state.legal_hold.as_ref());
        let of_all = of_all.and_then(found).map(|row| (None, row));
        of_all.or_else(|| of_state.and_then(found).map(|row| (Some(state), row)))
    }
}

impl Answer<'_> {
    fn look(&self) -> Look<'_> {
        let Answer { model, dictionary, person, today, .. } = *self;
        Look { model, dictionary, person, today, rows: &self.rows.rows }
    }

    /// What the state makes of the access; none where nothing follows from it.
    pub(super) fn lifecycle(&self) -> Option<Lifecycle> {
        let stand = self.stand.as_ref().filter(|stand| stand.is_told(self.model))?;
        let withheld = self.set.withheld.iter().map(|grantable| self.model.grantable(*grantable).clone());
        let look = self.look();
        Some(Lifecycle { standing: look.standing(stand), withheld: withheld.collect(), stages: look.stages(stand) })
    }

    /// What a page says, whether anything follows from the state or not. What comes next is left to the caller.
    pub(super) fn life(&self) -> Option<LifecycleView> {
        let (stand, look) = (self.stand.as_ref()?, self.look());
        Some(LifecycleView {
            standing: look.standing(stand),
            next: Vec::new(),
            stages: look.stages(stand),
            withheld: self.set.withheld.iter().map(|grantable| self.model.grantable(*grantable).clone()).collect(),
        })
    }
}

impl Look<'_> {
    fn standing(&self, stand: &Stand) -> Standing {
        let states = &self.model.states.states;
        let state = states.get(stand.state);
        let name = |number: usize| states.get(number).map(|state| state.name.clone());
        let context = stand.row.and_then(|row| self.person.contexts.get(row as usize));
        let context = context.and_then(|row| self.dictionary.value(row.key)).and_then(Value::as_text);
        let when = state.and_then(|state| state.when.as_ref());
        let legal_hold = stand.hold.map(|(of, row)| {
            let of = of.and_then(|number| states.get(number));
            let read = match of {
                Some(state) => state.legal_hold.as_ref(),
                None => self.model.states.legal_hold.as_ref(),
            };
            LegalHold {
                state: of.map(|state| state.name.clone()),
                facts: read.map_or_else(Vec::new, |read| self.read(read, row)),
            }
        });
        Standing {
            state: state.map_or_else(String::new, |state| state.name.clone()),
            label: state.map_or_else(String::new, |state| state.label.clone()),
            since: stand.since.and_then(day::date),
            first_seen: stand.first_seen,
            context: context.map(str::to_owned),
            facts: match (when, stand.row) {
                (Some(when), Some(row)) => self.read(when, row),
                _ => Vec::new(),
            },
            conflicts: stand.conflicts.iter().copied().filter_map(name).collect(),
            legal_hold,
        }
    }

    /// What an expression reads, as it is in a row.
    fn read(&self, read: &Read, row: u32) -> Vec<Fact> {
        let row = self.rows.get(row as usize).map_or(&[][..], Vec::as_slice);
        let value = |attribute: &u16| self.dictionary.value(row.get(*attribute as usize).copied().unwrap_or(ABSENT));
        let names = read.expression.attributes().iter().zip(&read.attributes);
        names.map(|(name, attribute)| Fact { attribute: name.clone(), value: value(attribute).cloned() }).collect()
    }

    fn stages(&self, stand: &Stand) -> Vec<AccountStage> {
        let stages = self.model.states.states.get(stand.state).map_or(&[][..], |state| &state.stages);
        let Some(since) = stand.since else { return Vec::new() };
        let stages = stages.iter().map(|(account_type, steps)| {
            let dated = steps.iter().filter_map(|(after, action)| {
                let on = since.saturating_add(*after);
                day::date(on).map(|date| (on, StageStep { on: date, action: *action }))
            });
            let dated: Vec<(Day, StageStep)> = dated.collect();
            AccountStage {
                account_type: account_type.clone(),
                reached: dated.iter().filter(|(on, _)| *on <= self.today).count(),
                steps: dated.into_iter().map(|(_, step)| step).collect(),
            }
        });
        stages.collect()
    }

    /// A hash of the answer with that of the rest of it; what is withheld is in the other.
    pub(super) fn digest(&self, stand: &Stand, rest: i64) -> i64 {
        let digest = &mut Digest::default();
        digest.number(rest.cast_unsigned());
        let facts = |digest: &mut Digest, facts: &[Fact]| {
            digest.number(facts.len() as u64);
            for fact in facts {
                digest.text(&fact.attribute);
                match &fact.value {
                    Some(value) => digest.value(value),
                    None => digest.number(0),
                }
            }
        };
        let date = |digest: &mut Digest, date: Option<Date>| {
            digest.number(date.map_or(u64::MAX, |date| u64::from(day::number(date).cast_unsigned())));
        };
        let (standing, stages) = (self.standing(stand), self.stages(stand));
        digest.text(&standing.state);
        digest.text(&standing.label);
        date(digest, standing.since);
        digest.number(u64::from(standing.first_seen));
        digest.number(u64::from(standing.context.is_some()));
        digest.text(standing.context.as_deref().unwrap_or_default());
        facts(digest, &standing.facts);
        digest.number(standing.conflicts.len() as u64);
        standing.conflicts.iter().for_each(|conflict| digest.text(conflict));
        digest.number(u64::from(standing.legal_hold.is_some()));
        if let Some(hold) = &standing.legal_hold {
            digest.number(u64::from(hold.state.is_some()));
            digest.text(hold.state.as_deref().unwrap_or_default());
            facts(digest, &hold.facts);
        }
        digest.number(stages.len() as u64);
        for stage in &stages {
            digest.text(&stage.account_type);
            digest.number(stage.reached as u64);
            digest.number(stage.steps.len() as u64);
            for step in &stage.steps {
                date(digest, Some(step.on));
                digest.number(step.action as u64);
            }
        }
        digest.finish().cast_signed()
    }
}

/// A remembered state by position; none of a state that the configuration does not know.
pub(super) fn coded(remembered: Option<&Remembered>, model: &RoleModel) -> Option<(usize, Day)> {
    let remembered = remembered?;
    Some((model.states.position(&remembered.state)?, day::number(remembered.since)))
}

/// What is still to happen to accounts, types joined that share a day and an action.
pub(super) fn steps_to_come(stages: &[AccountStage]) -> Vec<Boundary> {
    let mut found: Vec<(Date, AccountAction, Vec<String>)> = Vec::new();
    for stage in stages {
        for step in stage.to_come() {
            match found.iter_mut().find(|(on, action, _)| (*on, *action) == (step.on, step.action)) {
                Some((_, _, kinds)) => kinds.push(stage.account_type.clone()),
                None => found.push((step.on, step.action, vec![stage.account_type.clone()])),
            }
        }
    }
    let next = found.into_iter().map(|(on, action, kinds)| Boundary { on, what: Turn::Accounts(action, kinds) });
    next.collect()
}
