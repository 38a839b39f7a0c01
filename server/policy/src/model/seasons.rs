//! Roles and access profiles that are not always in force: drafts, retired ones, and those with a first or a last day.
//!
//! Between two days on which one of them begins or ends lies a *season*: in it the same ones are in force for everybody. So
//! what follows from each rule is worked out once a season, when somebody first asks, and nothing of it person by person.

use std::sync::OnceLock;

use ::model::access::{Dormancy, Dormant, Grantable};
use ::model::configuration::{Configuration, Terms};

use super::RoleModel;
use crate::day::{self, ALWAYS, Day, NEVER};

#[derive(Debug, Default)]
pub(crate) struct Seasons {
    /// Those that are not always in force, by position, sorted.
    terms: Vec<(u32, Terms)>,
    /// Days on which a season begins, but for the first.
    starts: Vec<Day>,
    /// What follows in each.
    models: Vec<OnceLock<Box<RoleModel>>>,
}

impl Seasons {
    pub(super) fn compiled(configuration: &Configuration, grantables: &[Grantable]) -> Self {
        let known = grantables.iter().enumerate().filter_map(|(position, grantable)| {
            let terms = configuration.terms(grantable)?;
            let is_usual = terms.state == Default::default() && terms.valid_from.or(terms.valid_until).is_none();
            (!is_usual).then_some((u32::try_from(position).unwrap_or(u32::MAX), terms))
        });
        let terms: Vec<(u32, Terms)> = known.collect();
        let bounds = terms.iter().filter_map(|(_, terms)| in_force(terms)).flat_map(|(first, end)| [first, end]);
        let mut starts: Vec<Day> = bounds.filter(|day| ![ALWAYS, NEVER].contains(day)).collect();
        starts.sort_unstable();
        starts.dedup();
        let models = if terms.is_empty() {
            Vec::new()
        } else {
            starts.iter().map(|_| OnceLock::new()).chain([OnceLock::new()]).collect()
        };
        Self { terms, starts, models }
    }

    fn terms(&self, grantable: u32) -> Option<&Terms> {
        let place = self.terms.binary_search_by_key(&grantable, |(position, _)| *position).ok()?;
        self.terms.get(place).map(|(_, terms)| terms)
    }
}

/// The days on which it is in force; none of what never is.
fn in_force(terms: &Terms) -> Option<(Day, Day)> {
    (terms.state == Default::default()).then(|| day::bounds(terms.period()))
}

impl RoleModel {
    /// Which season a day is in.
    pub(crate) fn season(&self, day: Day) -> usize {
        self.seasons.starts.partition_point(|start| *start <= day)
    }

    /// Whether there is more than what is always in force.
    pub(crate) fn has_seasons(&self) -> bool {
        !self.seasons.models.is_empty()
    }

    /// The first day of a season after that one.
    pub(crate) fn next_season(&self, after: Day) -> Option<Day> {
        self.seasons.starts.get(self.season(after)).copied()
    }

    /// The model as it is on a day: of what is not in force nothing follows.
    pub(crate) fn on(&self, day: Day) -> &Self {
        match self.seasons.models.get(self.season(day)) {
            Some(model) => model.get_or_init(|| Box::new(self.of_season(day))),
            None => self,
        }
    }

    /// The model as it is in a season that [`Self::on`] was asked about; with everything where none was.
    pub(crate) fn in_season(&self, season: Option<usize>) -> &Self {
        let model = season.and_then(|season| self.seasons.models.get(season)?.get());
        model.map_or(self, |model| model)
    }

    /// Whether it is given to anybody on the day that this model is of.
    pub(crate) fn is_in_force(&self, grantable: u32) -> bool {
        self.bounds.is_empty() || self.bounds.get(grantable as usize).is_some_and(Option::is_some)
    }

    /// The days on which it is in force.
    pub(crate) fn bounds_of(&self, grantable: u32) -> (Day, Day) {
        self.bounds.get(grantable as usize).copied().flatten().unwrap_or((ALWAYS, NEVER))
    }

    /// Why it is not in force on a day, where it is not.
    pub(crate) fn dormant(&self, grantable: u32, today: Day) -> Option<Dormant> {
        let why: Dormancy = self.seasons.terms(grantable)?.dormancy(day::date(today)?)?;
        Some(Dormant { grantable: self.grantable(grantable).clone(), why })
    }

    /// Of each grantable, whether something that begins or ends after one day, up to and including another, follows from it.
    pub(crate) fn turning(&self, after: Day, until: Day) -> Vec<bool> {
        let mut turning = vec![false; self.grantables.len()];
        for (position, terms) in &self.seasons.terms {
            let Some((first, end)) = in_force(terms) else { continue };
            if let Some(place) = turning.get_mut(*position as usize) {
                *place = [first, end].iter().any(|day| after < *day && *day <= until && *day != NEVER);
            }
        }
        let mut order: Vec<usize> = (0..self.grantables.len()).collect();
        order.sort_unstable_by_key(|position| std::cmp::Reverse(self.rank.get(*position).copied()));
        for position in order {
            let next = self.follows.get(position).map_or(&[][..], Vec::as_slice);
            if next.iter().any(|next| turning.get(*next as usize) == Some(&true))
                && let Some(place) = turning.get_mut(position)
            {
                *place = true;
            }
        }
        turning
    }

    fn of_season(&self, day: Day) -> Self {
        let mut bounds = vec![Some((ALWAYS, NEVER)); self.grantables.len()];
        for (position, terms) in &self.seasons.terms {
            if let Some(place) = bounds.get_mut(*position as usize) {
                *place = in_force(terms).filter(|bounds| day::holds(*bounds, day));
            }
        }
        let is_in_force = |position: &u32| bounds.get(*position as usize).is_some_and(Option::is_some);
        let follows = (0_u32..).zip(&self.follows).map(|(position, next)| match is_in_force(&position) {
            true => next.iter().copied().filter(is_in_force).collect(),
            false => Vec::new(),
        });
        let mut rules = self.rules.clone();
        for rule in rules.iter_mut().filter(|rule| !rule.deny) {
            rule.targets.retain(is_in_force);
        }
        let follows = follows.collect();
        let mut model = Self {
            people: self.people.clone(),
            grantables: self.grantables.clone(),
            follows,
            rank: self.rank.clone(),
            rules,
            account_types: self.account_types.clone(),
            attributes: self.attributes.clone(),
            values: self.values,
            states: self.states.clone(),
            sources: self.sources.clone(),
            bounds,
            seasons: Seasons::default(),
        };
        model.close_rules();
        model
    }
}
