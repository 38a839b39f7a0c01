//! What follows from rules that only give, without the reasons: enough to tell whether an answer is still the same, and
//! what is held.
//!
//! Where nothing is denied and nothing only offered, everything that each rule leads to is given, and told. So the names of
//! the rules and of what they lead to stand for all reasons, and nothing has to be gone through thing by thing. Most
//! combinations are such, and there are as many as a third of the people.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::digest::Digest;
use crate::model::{AccountTypeModel, RoleModel, ValueSource};

use super::answer::Seeing;
use super::dictionary::ABSENT;
use super::person::Person;
use super::sets::Pair;
use crate::day::{self, ALWAYS, Day, NEVER};

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
#[derive(Debug, PartialEq, Eq)]
struct Form {
    /// Sets of windows, as bits.
    windows: Box<[u64]>,
    /// Each window.
    kinds: Box<[Kind]>,
    /// Numbers of the distinct expressions that accounts are made up from.
    values: Box<[u16]>,
}

/// Context, days before and after, and on which days something can be given in it at all.
type Kind = (u16, u16, u16, (Day, Day));

/// The forms in use, each once, and room to work in.
#[derive(Default)]
pub(super) struct Forms {
    known: HashTable<(u64, Arc<Form>)>,
    pairs: Vec<Pair>,
    contexts: Vec<u16>,
    found: Vec<u64>,
    facts: Vec<(u16, u16)>,
    given: Vec<u32>,
    windows: Vec<u64>,
    kinds: Vec<Kind>,
    values: Vec<u16>,
}

impl Forms {
    fn clear(&mut self) {
        self.pairs.clear();
        self.contexts.clear();
        self.found.clear();
        self.facts.clear();
        self.given.clear();
        self.windows.clear();
        self.kinds.clear();
        self.values.clear();
    }

    fn form(&mut self) -> Arc<Form> {
        let Self { known, windows, kinds, values, .. } = self;
        let mut digest = Digest::default();
        windows.iter().for_each(|bits| digest.number(*bits));
        for (context, before, after, possible) in kinds.iter() {
            digest.number(u64::from(*context) << 32 | u64::from(*before) << 16 | u64::from(*after));
            put(&mut digest, *possible);
        }
        values.iter().for_each(|number| digest.number(u64::from(*number)));
        let hash = digest.finish();
        let is = |form: &Form| *form.windows == **windows && *form.kinds == **kinds && *form.values == **values;
        if let Some((_, form)) = known.find(hash, |(other, form)| *other == hash && is(form)) {
            return Arc::clone(form);
        }
        let form = Form {
            windows: windows.as_slice().into(),
            kinds: kinds.as_slice().into(),
            values: values.as_slice().into(),
        };
        let form = Arc::new(form);
        known.insert_unique(hash, (hash, Arc::clone(&form)), |(hash, _)| *hash);
        form
    }
}

/// The number of a window; none where there are too many.
fn window_of(kinds: &mut Vec<Kind>, kind: Kind) -> Option<usize> {
    let window = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
        kinds.push(kind);
        kinds.len() - 1
    });
    (window < MOST).then_some(window)
}

/// From this bit on stands the number of a set of windows.
const LIST: u32 = 26;
const GRANTABLE: u32 = (1 << LIST) - 1;

impl Plain {
    /// What follows from these rules, all of which have to be plain. None where it is too much for this form.
    pub(super) fn new(model: &RoleModel, pairs: impl Iterator<Item = Pair>, room: &mut Forms) -> Option<Self> {
        if model.grantables.len() > GRANTABLE as usize {
            return None;
        }
        room.clear();
        // A rule that gives nothing is not told.
        let tells = |rule: u32| model.rules.get(rule as usize).is_some_and(|rule| !rule.given.is_empty());
        room.pairs.extend(pairs.filter(|(rule, _)| tells(*rule)));
        for (_, context) in &room.pairs {
            let context = u16::try_from(*context).ok()?;
            if !room.contexts.contains(&context) {
                room.contexts.push(context);
            }
        }
        room.contexts.sort_unstable();
        let mut digest = Digest::default();
        for (rule, context) in &room.pairs {
            let rule = model.rules.get(*rule as usize)?;
            let context = u16::try_from(*context).ok()?;
            digest.number(rule.hash);
            digest.number(rule.closure_hash);
            digest.number(room.contexts.binary_search(&context).map_or(u64::MAX, |place| place as u64));
            let (before, after) = (u16::try_from(rule.days_before).ok()?, u16::try_from(rule.days_after).ok()?);
            let mut kind = (context, before, after, rule.bounds.first().copied().unwrap_or((ALWAYS, NEVER)));
            let mut window = window_of(&mut room.kinds, kind)?;
            room.facts.extend(rule.when.attributes.iter().map(|attribute| (context, *attribute)));
            // The window stands below what is given, so that one sort brings together what belongs together.
            for (place, given) in rule.given.iter().enumerate() {
                if let Some(possible) = rule.bounds.get(place).filter(|possible| **possible != kind.3) {
                    kind.3 = *possible;
                    window = window_of(&mut room.kinds, kind)?;
                }
                room.found.push(u64::from(*given) << 6 | window as u64);
            }
        }
        room.facts.sort_unstable();
        room.facts.dedup();
        room.found.sort_unstable();
        for same in room.found.chunk_by(|left, right| left >> 6 == right >> 6) {
            let Some(grantable) = same.first().map(|found| found >> 6) else { continue };
            let bits = same.iter().fold(0_u64, |bits, found| bits | 1 << (found & 63));
            let list = room.windows.iter().position(|known| *known == bits).unwrap_or_else(|| {
                room.windows.push(bits);
                room.windows.len() - 1
            });
            if list >= MOST {
                return None;
            }
            room.given.push(u32::try_from(list).ok()? << LIST | u32::try_from(grantable).ok()?);
        }
        for number in numbers(model, &room.given) {
            let number = u16::try_from(number).ok()?;
            if !room.values.contains(&number) {
                room.values.push(number);
            }
        }
        room.values.sort_unstable();
        for kind in kinds(model, &room.given) {
            digest.number(kind.hash);
            for number in numbers_of(kind) {
                let place = room.values.iter().position(|known| usize::from(*known) == number);
                digest.number(place.unwrap_or(MOST) as u64);
            }
        }
        Some(Self {
            hash: digest.finish(),
            facts: room.facts.as_slice().into(),
            given: room.given.as_slice().into(),
            form: room.form(),
        })
    }

    /// Everything given from a position on.
    pub(super) fn given_from(&self, first: u32) -> impl Iterator<Item = u32> + Clone {
        let start = self.given.partition_point(|given| given & GRANTABLE < first);
        self.given.get(start..).unwrap_or_default().iter().map(|given| given & GRANTABLE)
    }

    /// The same with what was given directly.
    pub(super) fn given_with(&self, person: &Person, grants: &[u32], first: u32) -> Vec<u32> {
        let grants = grants.iter().filter_map(|place| person.grants.get(*place as usize));
        let mut given: Vec<u32> = self.given_from(first).collect();
        given.extend(grants.flat_map(|grant| grant.given.iter().copied()).filter(|given| *given >= first));
        given.sort_unstable();
        given.dedup();
        given
    }

    /// The windows of a thing, where it is given.
    fn list_of(&self, grantable: u32) -> Option<usize> {
        let place = self.given.binary_search_by_key(&grantable, |given| given & GRANTABLE).ok()?;
        self.given.get(place).map(|given| (given >> LIST) as usize)
    }

    /// A hash of the answer for somebody who was also given these directly; `grants` are positions among the person's.
    pub(super) fn digest(&self, model: &RoleModel, person: &Person, seeing: &Seeing<'_>, whose: &Whose<'_>) -> i64 {
        let mut digest = Digest::default();
        digest.number(self.hash);
        for (context, ..) in &self.form.kinds {
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
            for (number, given) in grant.given.iter().enumerate() {
                let possible = grant.possible.get(number).copied().unwrap_or((ALWAYS, NEVER));
                let own = day::common(grant.bounds, possible);
                match covered.binary_search_by_key(given, |(known, _)| *known) {
                    Ok(place) => {
                        if let Some((_, bounds)) = covered.get_mut(place) {
                            *bounds = day::hull(*bounds, own);
                        }
                    }
                    Err(place) => covered.insert(place, (*given, own)),
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
                *bounds = day::hull(*bounds, self.hull(person, bits));
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

    fn digest_values(&self, model: &RoleModel, person: &Person, seeing: &Seeing<'_>, whose: &Whose<'_>) -> u64 {
        let mut digest = Digest::default();
        for number in &self.form.values {
            digest.number(seeing.value_hash(model, usize::from(*number), whose.contexts));
        }
        if whose.grants.is_empty() {
            return digest.finish();
        }
        let grants = whose.grants.iter().filter_map(|place| person.grants.get(*place as usize));
        let given = grants.flat_map(|grant| grant.given.iter().copied());
        let mut given: Vec<u32> = given.filter(|grantable| self.list_of(*grantable).is_none()).collect();
        given.sort_unstable();
        given.dedup();
        for number in numbers(model, &given) {
            digest.number(seeing.value_hash(model, number, whose.contexts));
        }
        digest.finish()
    }

    /// From the first start to the last end of windows that all hold today.
    fn hull(&self, person: &Person, bits: u64) -> (Day, Day) {
        let windows = self.form.kinds.iter().enumerate().filter(|(number, _)| bits & (1 << number) != 0);
        let bounds = windows.map(|(_, (context, before, after, possible))| {
            let bounds = person.contexts.get(usize::from(*context)).map_or((ALWAYS, NEVER), |row| row.bounds);
            day::common(day::widened(bounds, i32::from(*before), i32::from(*after)), *possible)
        });
        bounds.reduce(day::hull).unwrap_or((ALWAYS, NEVER))
    }
}

/// What is known of a person beside the combination.
pub(super) struct Whose<'a> {
    /// Positions of the direct grants that are told.
    pub(super) grants: &'a [u32],
    /// Contexts in which account attributes are evaluated.
    pub(super) contexts: &'a [u32],
}

/// The account types among these.
fn kinds<'m>(model: &'m RoleModel, given: &[u32]) -> impl Iterator<Item = &'m AccountTypeModel> {
    let range = account_types(model);
    let first = given.partition_point(|given| given & GRANTABLE < range.start);
    let after = given.partition_point(|given| given & GRANTABLE < range.end);
    let kinds = given.get(first..after).unwrap_or_default().iter();
    kinds.filter_map(|given| model.account_type_at(given & GRANTABLE))
}

/// Numbers of the expressions that the accounts among these are made up from, account by account.
fn numbers(model: &RoleModel, given: &[u32]) -> impl Iterator<Item = usize> {
    kinds(model, given).flat_map(numbers_of)
}

fn numbers_of(kind: &AccountTypeModel) -> impl Iterator<Item = usize> {
    kind.attributes.iter().filter_map(|attribute| match &attribute.source {
        ValueSource::Expression(number, _) | ValueSource::Unique(number, _) => Some(*number),
        ValueSource::Constant(_) | ValueSource::Reference(..) | ValueSource::Nothing => None,
    })
}

fn account_types(model: &RoleModel) -> Range<u32> {
    let first = model.account_types.first().map_or(0, |kind| kind.grantable);
    first..first + u32::try_from(model.account_types.len()).unwrap_or(0)
}

fn put(digest: &mut Digest, (starts, ends): (Day, Day)) {
    digest.number((u64::from(starts.cast_unsigned()) << 32) | u64::from(ends.cast_unsigned()));
}
