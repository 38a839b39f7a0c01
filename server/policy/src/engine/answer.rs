//! One person's answer: the combination of rules, filled with the person's own periods, facts and values.

use std::ops::Deref;

use model::access::{Denied, DesiredAccess, DesiredAssignment, Fact, Grantable, Reason};
use model::identity::Period;
use model::value::Value;

use crate::digest::Digest;
use crate::model::RoleModel;

use super::dictionary::{ABSENT, Dictionary};
use super::life::Stand;
use super::matcher::{Matcher, Scratch};
use super::person::{Grant, Person};
use super::sets::{AccessSet, GRANT, Pair, SetReason, Window};
use crate::day::{self, ALWAYS, Day, NEVER};

/// A person on a day, matched.
pub(super) struct Answer<'a> {
    /// As it is on that day.
    pub(super) model: &'a RoleModel,
    /// With everything, whether it is in force or not.
    pub(super) all: &'a RoleModel,
    pub(super) dictionary: &'a Dictionary,
    pub(super) matcher: &'a Matcher,
    pub(super) person: &'a Person,
    pub(super) today: Day,
    pub(super) rows: Rows<'a>,
    pub(super) set: SetOf<'a>,
    /// None where no state makes anything of the access.
    pub(super) stand: Option<Stand>,
}

pub(super) enum Rows<'a> {
    Borrowed(&'a Scratch),
    Owned(Box<Scratch>),
}

pub(super) enum SetOf<'a> {
    Borrowed(&'a AccessSet),
    /// A combination that nobody had on the day last computed.
    Owned(Box<AccessSet>),
}

impl Deref for Rows<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        match self {
            Self::Borrowed(scratch) => scratch,
            Self::Owned(scratch) => scratch,
        }
    }
}

impl Deref for SetOf<'_> {
    type Target = AccessSet;

    fn deref(&self) -> &AccessSet {
        match self {
            Self::Borrowed(set) => set,
            Self::Owned(set) => set,
        }
    }
}

/// A person's attributes, as expressions see them.
pub(super) struct Seeing<'a> {
    pub(super) dictionary: &'a Dictionary,
    /// As each context shows them.
    pub(super) rows: &'a [Vec<u32>],
}

impl Seeing<'_> {
    pub(super) fn row(&self, context: u32) -> &[u32] {
        self.rows.get(context as usize).map_or(&[], Vec::as_slice)
    }

    /// Hash of a context's key.
    pub(super) fn key(&self, person: &Person, context: u16) -> u64 {
        person.contexts.get(usize::from(context)).map_or(1, |row| self.dictionary.hash(row.key))
    }
}

impl Answer<'_> {
    pub(super) fn seeing(&self) -> Seeing<'_> {
        Seeing { dictionary: self.dictionary, rows: &self.rows.rows }
    }

    /// A hash of what [`Self::access`] would say.
    pub(super) fn digest(&self) -> i64 {
        let mut digest = Digest::default();
        digest.number(self.set.hash);
        for pair in &self.set.told {
            let Some((rule, context)) = self.pair(*pair) else { continue };
            if let Some(grant) = self.grant((rule, context)) {
                digest.number(grant.hash);
                continue;
            }
            let key = self.person.contexts.get(context as usize).map_or(1, |row| self.dictionary.hash(row.key));
            digest.number(key);
            let row = self.row(context);
            for attribute in self.model.rules.get(rule as usize).map_or(&[][..], |rule| &rule.when.attributes) {
                digest.number(self.dictionary.hash(row.get(*attribute as usize).copied().unwrap_or(ABSENT)));
            }
        }
        for pairs in &self.set.periods {
            let (starts, ends) = self.hull(pairs);
            digest.number((u64::from(starts.cast_unsigned()) << 32) | u64::from(ends.cast_unsigned()));
        }
        self.digest_accounts(&mut digest);
        digest.finish().cast_signed()
    }

    /// Everything the person should have.
    pub(super) fn access(&self) -> DesiredAccess {
        let periods: Vec<Period> = self.set.periods.iter().map(|pairs| day::period(self.hull(pairs))).collect();
        let assignments = self.set.assignments.iter().map(|assignment| DesiredAssignment {
            grantable: self.model.grantable(assignment.grantable).clone(),
            period: periods.get(assignment.period as usize).copied().unwrap_or_default(),
            workflow_state: assignment.state,
            reasons: self.reasons(&assignment.reasons),
        });
        let denied = self.set.denied.iter().map(|denied| Denied {
            grantable: self.model.grantable(denied.grantable).clone(),
            granted_by: self.reasons(&denied.granted_by),
            denied_by: self.reason(&denied.denied_by),
        });
        DesiredAccess {
            identity: self.person.id,
            assignments: assignments.collect(),
            accounts: self.accounts(),
            denied: denied.collect(),
            lifecycle: self.lifecycle().map(Box::new),
        }
    }

    pub(super) fn reasons(&self, reasons: &[SetReason]) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = reasons.iter().map(|reason| self.reason(reason)).collect();
        // Sorted already, but for identities whose source gives two contexts the same key.
        reasons.sort();
        reasons.dedup();
        reasons
    }

    pub(super) fn reason(&self, reason: &SetReason) -> Reason {
        let (rule, context) = self.pair(reason.pair).unwrap_or((u32::MAX, u32::MAX));
        if let Some(grant) = self.grant((rule, context)) {
            return Reason {
                rule: String::new(),
                context: None,
                facts: Vec::new(),
                path: self.path(&reason.way),
                grant: Some(Box::new(grant.origin.clone())),
            };
        }
        let key = self.person.contexts.get(context as usize).and_then(|row| self.dictionary.value(row.key));
        Reason {
            rule: self.model.rules.get(rule as usize).map_or_else(String::new, |rule| rule.name.clone()),
            context: key.and_then(Value::as_text).map(str::to_owned),
            facts: self.facts(rule, context),
            path: self.path(&reason.way),
            grant: None,
        }
    }

    /// The direct grant that a pair is; none for a rule.
    fn grant(&self, (number, place): Pair) -> Option<&Grant> {
        if number & GRANT == 0 { None } else { self.person.grants.get(place as usize) }
    }

    /// What a rule reads, as it is in a context.
    pub(super) fn facts(&self, rule: u32, context: u32) -> Vec<Fact> {
        let Some(rule) = self.model.rules.get(rule as usize) else { return Vec::new() };
        let row = self.row(context);
        let value = |attribute: &u16| row.get(*attribute as usize).and_then(|code| self.dictionary.value(*code));
        let names = rule.when.expression.attributes().iter().zip(&rule.when.attributes);
        names.map(|(name, attribute)| Fact { attribute: name.clone(), value: value(attribute).cloned() }).collect()
    }

    pub(super) fn path(&self, way: &[u32]) -> Vec<Grantable> {
        way.iter().map(|step| self.model.grantable(*step).clone()).collect()
    }

    pub(super) fn row(&self, context: u32) -> &[u32] {
        self.rows.rows.get(context as usize).map_or(&[], Vec::as_slice)
    }

    pub(super) fn pair(&self, pair: u32) -> Option<Pair> {
        self.set.pairs.get(pair as usize).copied()
    }

    /// From the first start to the last end of windows that all hold today.
    fn hull(&self, windows: &[Window]) -> (Day, Day) {
        let windows = windows.iter().filter_map(|(pair, possible)| {
            let (rule, context) = self.pair(*pair)?;
            if let Some(grant) = self.grant((rule, context)) {
                return Some(day::common(grant.bounds, *possible));
            }
            let rule = self.model.rules.get(rule as usize)?;
            let bounds = self.person.contexts.get(context as usize).map_or((ALWAYS, NEVER), |row| row.bounds);
            Some(day::common(day::widened(bounds, rule.days_before, rule.days_after), *possible))
        });
        let hull = windows.reduce(day::hull);
        hull.unwrap_or((ALWAYS, NEVER))
    }
}
