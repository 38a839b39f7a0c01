//! What follows from rules that only give, without the reasons: enough to tell whether an answer is still the same, and
//! what is held.
//!
//! Where nothing is denied and nothing only offered, everything that each rule leads to is given, and told. So the names of
//! the rules and of what they lead to stand for all reasons, and nothing has to be gone through thing by thing. Most
//! combinations are such, and there are as many as a third of the people.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::digest::Digest;
use crate::model::{RoleModel, ValueSource};

use super::answer::Seeing;
use super::day::{self, ALWAYS, Day, NEVER};
use super::dictionary::ABSENT;
use super::person::Person;
use super::sets::Pair;

/// Kinds of windows and lists of them that a plain combination has at most; of more, see [`super::sets`].
const MOST: usize = 64;

/// See the module's head.
pub(super) struct Plain {
    /// The rules that are told, by names, with what they lead to and the accounts that there are.
    hash: u64,
    /// What rules read: context and attribute, each once.
    facts: Box<[(u16, u16)]>,
    /// Everything given, sorted; above [`LIST`] the number of the set that tells its windows.
    given: Box<[u32]>,
    form: Arc<Form>,
}

/// What many combinations have alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Form {
    /// Sets of windows, as bits.
    windows: Vec<u64>,
    /// Context, and days before and after, of each window.
    kinds: Vec<(u16, u16, u16)>,
    /// Numbers of the distinct expressions that accounts are made up from.
    values: Vec<u16>,
}

/// The forms in use, so that each is kept once.
#[derive(Default)]
pub(super) struct Forms(HashSet<Arc<Form>>);

impl Forms {
    fn keep(&mut self, form: Form) -> Arc<Form> {
        match self.0.get(&form) {
            Some(known) => Arc::clone(known),
            None => {
                let form = Arc::new(form);
                self.0.insert(Arc::clone(&form));
                form
            }
        }
    }
}

/// From this bit on stands the number of a set of windows.
const LIST: u32 = 26;
const GRANTABLE: u32 = (1 << LIST) - 1;

impl Plain {
    /// What follows from these rules, all of which have to be plain. None where it is too much for this form.
    pub(super) fn new(model: &RoleModel, pairs: impl Iterator<Item = Pair>, forms: &mut Forms) -> Option<Self> {
        if model.grantables.len() > GRANTABLE as usize {
            return None;
        }
        let mut digest = Digest::default();
        let mut kinds: Vec<(u16, u16, u16)> = Vec::new();
        let mut facts: Vec<(u16, u16)> = Vec::new();
        let mut contexts: Vec<u16> = Vec::new();
        let mut found: Vec<(u32, u64)> = Vec::new();
        // A rule that gives nothing is not told.
        let tells = |rule: u32| model.rules.get(rule as usize).is_some_and(|rule| !rule.closure.given.is_empty());
        let pairs: Vec<Pair> = pairs.filter(|(rule, _)| tells(*rule)).collect();
        for (_, context) in &pairs {
            contexts.push(u16::try_from(*context).ok()?);
        }
        contexts.sort_unstable();
        contexts.dedup();
        for (rule, context) in pairs {
            let rule = model.rules.get(rule as usize)?;
            let context = u16::try_from(context).ok()?;
            digest.number(rule.hash);
            digest.number(rule.closure_hash);
            digest.number(contexts.binary_search(&context).map_or(u64::MAX, |place| place as u64));
            let kind = (context, u16::try_from(rule.days_before).ok()?, u16::try_from(rule.days_after).ok()?);
            let window = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
                kinds.push(kind);
                kinds.len() - 1
            });
            if window >= MOST {
                return None;
            }
            facts.extend(rule.when.attributes.iter().map(|attribute| (context, *attribute)));
            found.extend(rule.closure.given.iter().map(|given| (given.grantable, 1_u64 << window)));
        }
        facts.sort_unstable();
        facts.dedup();
        found.sort_unstable();
        let mut given: Vec<u32> = Vec::with_capacity(found.len());
        let mut windows: Vec<u64> = Vec::new();
        for same in found.chunk_by(|left, right| left.0 == right.0) {
            let Some((grantable, _)) = same.first() else { continue };
            let bits = same.iter().fold(0, |bits, (_, bit)| bits | bit);
            let list = windows.iter().position(|known| *known == bits).unwrap_or_else(|| {
                windows.push(bits);
                windows.len() - 1
            });
            if list >= MOST {
                return None;
            }
            given.push(u32::try_from(list).ok()? << LIST | grantable);
        }
        let mut values: Vec<u16> = Vec::new();
        for number in numbers(model, &given) {
            values.push(u16::try_from(number).ok()?);
        }
        values.sort_unstable();
        values.dedup();
        for grantable in &given {
            let Some(kind) = model.account_type_at(*grantable & GRANTABLE) else { continue };
            digest.number(kind.hash);
            for number in numbers_of(kind) {
                digest.number(values.iter().position(|known| usize::from(*known) == number).unwrap_or(MOST) as u64);
            }
        }
        Some(Self {
            hash: digest.finish(),
            facts: facts.into(),
            given: given.into(),
            form: forms.keep(Form { windows, kinds, values }),
        })
    }

    /// Everything given from a position on.
    pub(super) fn given_from(&self, first: u32) -> impl Iterator<Item = u32> + Clone {
        let start = self.given.partition_point(|given| given & GRANTABLE < first);
        self.given.get(start..).unwrap_or_default().iter().map(|given| given & GRANTABLE)
    }

    /// The windows of a thing, where it is given.
    fn list_of(&self, grantable: u32) -> Option<usize> {
        let place = self.given.binary_search_by_key(&grantable, |given| given & GRANTABLE).ok()?;
        self.given.get(place).map(|given| (given >> LIST) as usize)
    }

    /// A hash of the answer for somebody who was also given these directly; `grants` are positions among the person's.
    pub(super) fn digest(&self, model: &RoleModel, person: &mut Person, seeing: &Seeing<'_>, whose: &Whose<'_>) -> i64 {
        let mut digest = Digest::default();
        digest.number(self.hash);
        for (context, _, _) in &self.form.kinds {
            digest.number(seeing.key(person, *context));
        }
        for (context, attribute) in &self.facts {
            let code = seeing.row(u32::from(*context)).get(usize::from(*attribute)).copied();
            digest.number(seeing.dictionary.hash(code.unwrap_or(ABSENT)));
        }
        if whose.grants.is_empty() {
            self.form.windows.iter().for_each(|bits| put(&mut digest, self.hull(person, *bits)));
        } else {
            self.digest_grants(model, person, whose.grants, &mut digest);
        }
        digest.number(self.digest_values(model, person, seeing, whose));
        digest.finish().cast_signed()
    }

    /// Periods where something was given directly as well: those of everything that was, and those of the rest as long
    /// as there is a rest.
    fn digest_grants(&self, model: &RoleModel, person: &Person, grants: &[u32], digest: &mut Digest) {
        let mut covered: Vec<(u32, (Day, Day))> = Vec::new();
        for grant in grants.iter().filter_map(|place| person.grants.get(*place as usize)) {
            digest.number(grant.hash);
            digest.number(grant.given_hash);
            for given in &grant.given {
                match covered.binary_search_by_key(given, |(known, _)| *known) {
                    Ok(place) => {
                        if let Some((_, bounds)) = covered.get_mut(place) {
                            *bounds = hull(*bounds, grant.bounds);
                        }
                    }
                    Err(place) => covered.insert(place, (*given, grant.bounds)),
                }
            }
        }
        let mut rest = [0_u32; MOST];
        for given in &self.given {
            rest[(given >> LIST) as usize] += 1;
        }
        for (grantable, bounds) in &mut covered {
            if let Some(list) = self.list_of(*grantable) {
                rest[list] -= 1;
                let bits = self.form.windows.get(list).copied().unwrap_or_default();
                *bounds = hull(*bounds, self.hull(person, bits));
            } else if let Some(kind) = model.account_type_at(*grantable) {
                digest.number(kind.hash);
            }
        }
        for (bits, rest) in self.form.windows.iter().zip(rest) {
            if rest > 0 {
                put(digest, self.hull(person, *bits));
            }
        }
        covered.into_iter().for_each(|(_, bounds)| put(digest, bounds));
    }

    fn digest_values(&self, model: &RoleModel, person: &mut Person, seeing: &Seeing<'_>, whose: &Whose<'_>) -> u64 {
        let single = person.contexts.len() <= 1 && whose.contexts.len() == 1;
        let base = match person.values.filter(|_| single && whose.keeps) {
            Some(known) => known,
            None => {
                let mut digest = Digest::default();
                for number in &self.form.values {
                    digest.number(seeing.value_hash(model, usize::from(*number), &whose.contexts));
                }
                let found = digest.finish();
                person.values = (single && whose.keeps).then_some(found);
                found
            }
        };
        let mut more = Digest::default();
        more.number(base);
        let grants = whose.grants.iter().filter_map(|place| person.grants.get(*place as usize));
        let given = grants.flat_map(|grant| grant.given.iter().copied());
        let mut given: Vec<u32> = given.filter(|grantable| self.list_of(*grantable).is_none()).collect();
        given.sort_unstable();
        given.dedup();
        for number in numbers(model, &given) {
            more.number(seeing.value_hash(model, number, &whose.contexts));
        }
        if given.is_empty() { base } else { more.finish() }
    }

    /// From the first start to the last end of windows that all hold today.
    fn hull(&self, person: &Person, bits: u64) -> (Day, Day) {
        let windows = self.form.kinds.iter().enumerate().filter(|(number, _)| bits & (1 << number) != 0);
        let bounds = windows.map(|(_, (context, before, after))| {
            let bounds = person.contexts.get(usize::from(*context)).map_or((ALWAYS, NEVER), |row| row.bounds);
            day::widened(bounds, i32::from(*before), i32::from(*after))
        });
        bounds.reduce(hull).unwrap_or((ALWAYS, NEVER))
    }
}

/// What is known of a person beside the combination.
pub(super) struct Whose<'a> {
    /// Positions of the direct grants that are told.
    pub(super) grants: &'a [u32],
    /// Contexts in which account attributes are evaluated.
    pub(super) contexts: Vec<u32>,
    /// Values found stay the same from day to day.
    pub(super) keeps: bool,
}

/// Numbers of the expressions that the accounts among these are made up from, account by account.
fn numbers(model: &RoleModel, given: &[u32]) -> impl Iterator<Item = usize> {
    let range = account_types(model);
    let first = given.partition_point(|given| given & GRANTABLE < range.start);
    let after = given.partition_point(|given| given & GRANTABLE < range.end);
    let kinds = given.get(first..after).unwrap_or_default().iter();
    kinds.filter_map(|given| model.account_type_at(given & GRANTABLE)).flat_map(numbers_of)
}

fn numbers_of(kind: &crate::model::AccountTypeModel) -> impl Iterator<Item = usize> {
    kind.attributes.iter().filter_map(|attribute| match &attribute.source {
        ValueSource::Expression(number, _) | ValueSource::Unique(number, _) => Some(*number),
        ValueSource::Constant(_) | ValueSource::Reference(..) | ValueSource::Nothing => None,
    })
}

fn account_types(model: &RoleModel) -> Range<u32> {
    let first = model.account_types.first().map_or(0, |kind| kind.grantable);
    first..first + u32::try_from(model.account_types.len()).unwrap_or(0)
}

fn hull(one: (Day, Day), other: (Day, Day)) -> (Day, Day) {
    (one.0.min(other.0), one.1.max(other.1))
}

fn put(digest: &mut Digest, (starts, ends): (Day, Day)) {
    digest.number((u64::from(starts.cast_unsigned()) << 32) | u64::from(ends.cast_unsigned()));
}
