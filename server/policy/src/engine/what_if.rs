//! Whom another role model could concern at all, told from what differs between two models: nobody else needs to be computed
//! to know what publishing it would do.
//!
//! What somebody has follows from the rules that hold for them, each in its contexts, from what was given directly, from the
//! definitions of their accounts and from where they stand in life. So it stays the same for whoever no rule newly holds, or
//! holds no more, and for whom nothing that holds says anything else. Reasons are not compared: a condition that is written
//! in another way and holds for the same people changes nothing for them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::RuleType;
use roaring::RoaringBitmap;

use crate::day::{self, Day};
use crate::model::{AccessModel, AccountTypeModel, AttributeModel, Closure, Read, RoleModel, Rule, ValueSource};

use super::Engine;
use super::index::People;

/// Whom a change of the role model may concern.
#[derive(Clone, Debug)]
pub enum Concerned {
    /// It cannot be told apart.
    Everybody,
    These(People),
}

impl Engine {
    /// Whom publishing one model in the place of another may give other access, or accounts with other values, on that day. The
    /// engine's own model may be a third. Everybody else has the same under both.
    pub fn concerned_by(&mut self, before: &RoleModel, after: &RoleModel, today: Date) -> Concerned {
        let today = day::number(today);
        if states(before) != states(after) {
            return Concerned::Everybody;
        }
        Concerned::These(People(self.concerned_slots(before.on(today), after.on(today), today)))
    }

    fn concerned_slots(&mut self, before: &RoleModel, after: &RoleModel, today: Day) -> RoaringBitmap {
        let kinds = changed_kinds(before, after);
        let mut slots = RoaringBitmap::new();
        let (mut left, mut right) = (before.rules.iter().peekable(), after.rules.iter().peekable());
        // Both stand in the order of their names.
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(one), Some(other)) => one.name.cmp(&other.name),
            };
            let old = if order.is_le() { left.next() } else { None };
            let new = if order.is_ge() { right.next() } else { None };
            match (old, new) {
                (Some(old), Some(new)) if says_the_same(before, old, after, new, &kinds) => {
                    if !is_same(&old.when, &new.when) {
                        let (one, other) = ((&*before.attributes, old), (&*after.attributes, new));
                        slots |= match self.slots_of_either(one, other, today) {
                            Some(slots) => slots,
                            None => {
                                self.slots_that_could(one.0, old, today) | self.slots_that_could(other.0, new, today)
                            }
                        };
                    }
                }
                (old, new) => {
                    for (model, rule) in old.map(|old| (before, old)).into_iter().chain(new.map(|new| (after, new))) {
                        slots |= self.slots_that_could(&model.attributes, rule, today);
                    }
                }
            }
        }
        slots |= self.given_otherwise(before, after, &kinds);
        slots
    }

    /// Those who were given something directly from which something else would follow.
    fn given_otherwise(&self, before: &RoleModel, after: &RoleModel, kinds: &BTreeSet<&str>) -> RoaringBitmap {
        let mut known: BTreeMap<&Grantable, bool> = BTreeMap::new();
        let given = |model: &RoleModel, grantable: &Grantable| {
            // What is over, or not yet, gives nothing.
            let position = model.position(grantable).filter(|position| model.is_in_force(*position))?;
            let closure = model.closure(RuleType::Automatic, &[position], |_| false);
            Some((model.hash_of(&closure), gives_a_kind(model, &closure, kinds)))
        };
        let mut slots = RoaringBitmap::new();
        for (id, grants) in &self.grants {
            let differs = grants.iter().any(|grant| {
                *known.entry(&grant.grantable).or_insert_with(|| {
                    let (old, new) = (given(before, &grant.grantable), given(after, &grant.grantable));
                    old != new || new.is_some_and(|(_, concerned)| concerned)
                })
            });
            if differs {
                slots.extend(self.slots.get(id));
            }
        }
        slots
    }
}

/// Whether two rules give or take the same in the same way, and accounts of it have the same values; their conditions aside.
pub(super) fn says_the_same(
    before: &RoleModel,
    old: &Rule,
    after: &RoleModel,
    new: &Rule,
    kinds: &BTreeSet<&str>,
) -> bool {
    let facts = |rule: &Rule| (rule.kind, rule.deny, rule.priority, rule.days_before, rule.days_after);
    let targets = |model: &RoleModel, rule: &Rule| -> Vec<u64> {
        rule.targets.iter().map(|target| model.name_hash(*target)).collect()
    };
    facts(old) == facts(new)
        && before.hash_of(&old.closure) == after.hash_of(&new.closure)
        && targets(before, old) == targets(after, new)
        && !gives_a_kind(after, &new.closure, kinds)
}

/// Whether accounts of one of these types follow.
pub(super) fn gives_a_kind(model: &RoleModel, closure: &Closure, kinds: &BTreeSet<&str>) -> bool {
    let is_one =
        |grantable: &Grantable| matches!(grantable, Grantable::AccountType(name) if kinds.contains(name.as_str()));
    !kinds.is_empty() && closure.given.iter().any(|given| is_one(model.grantable(given.grantable)))
}

/// Account types whose accounts would have other values.
pub(super) fn changed_kinds<'a>(before: &'a RoleModel, after: &'a RoleModel) -> BTreeSet<&'a str> {
    let mut changed = BTreeSet::new();
    let by_name: BTreeMap<&str, &AccountTypeModel> =
        before.account_types.iter().map(|kind| (kind.name.as_str(), kind)).collect();
    for kind in &after.account_types {
        let is_known = by_name.get(kind.name.as_str()).is_some_and(|known| {
            let attributes = known.attributes.iter().zip(&kind.attributes);
            known.hash == kind.hash && attributes.into_iter().all(|(old, new)| has_the_same_value(old, new))
        });
        if !is_known {
            changed.insert(kind.name.as_str());
        }
    }
    let remains = |name: &&str| after.account_types.iter().any(|kind| kind.name == **name);
    changed.extend(by_name.keys().filter(|name| !remains(name)).copied());
    changed
}

/// Of attributes that stand at the same place of account types whose fixed parts are the same.
fn has_the_same_value(old: &AttributeModel, new: &AttributeModel) -> bool {
    match (&old.source, &new.source) {
        (ValueSource::Constant(old), ValueSource::Constant(new)) => old == new,
        (ValueSource::Expression(_, old), ValueSource::Expression(_, new))
        | (ValueSource::Unique(_, old), ValueSource::Unique(_, new)) => is_same(old, new),
        (ValueSource::Reference(old, one), ValueSource::Reference(new, other)) => old == new && one == other,
        (ValueSource::Nothing, ValueSource::Nothing) => true,
        _ => false,
    }
}

/// Whether both read the same and say the same; dimensions are written out in them, which the text does not tell.
pub(super) fn is_same(one: &Read, other: &Read) -> bool {
    one.expression == other.expression && {
        let (one, other) = (one.expression.root(), other.expression.root());
        format!("{one:?}") == format!("{other:?}")
    }
}

/// Everything about lifecycle states, by names; nothing where nothing follows from any.
fn states(model: &RoleModel) -> Vec<String> {
    if !model.states.is_configured {
        return Vec::new();
    }
    let read = |read: &Option<Read>| read.as_ref().map(|read| format!("{:?}", read.expression.root()));
    let named = |these: &[u32]| these.iter().map(|thing| model.grantable(*thing)).collect::<Vec<_>>();
    let states = model.states.states.iter().map(|state| {
        let access = match &state.access {
            AccessModel::Keep => "keep".to_owned(),
            AccessModel::Without(these) => format!("without {:?}", named(these)),
            AccessModel::Only(these) => format!("only {:?}", named(these)),
            AccessModel::Nothing => "nothing".to_owned(),
        };
        let (when, hold) = (read(&state.when), read(&state.legal_hold));
        format!("{} {} {} {when:?} {hold:?} {access} {:?}", state.name, state.label, state.priority, state.stages)
    });
    states.chain([format!("{:?}", read(&model.states.legal_hold))]).collect()
}
