//! One identity in coded form: the attributes that the model reads, its contexts with what they change, and where the
//! last computation left it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::access::GrantOrigin;
use model::configuration::RuleType;
use model::identity::{Identity, LifecycleState};
use model::ids::IdentityId;
use model::request::DirectGrant;
use model::value::Value;

use crate::digest::Digest;
use crate::expression::BUILT_IN;
use crate::model::RoleModel;

use super::dictionary::{ABSENT, Dictionary};
use crate::day::{self, ALWAYS, Day, NEVER};

/// Stands for the keys of contexts in the dictionary; no attribute of a model has this position.
pub(super) const CONTEXT_KEY: u16 = u16::MAX;

#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: IdentityId,
    pub(super) present: bool,
    /// Codes of the attributes as each context shows them, in the model's order, one context after the other; once where
    /// there are no contexts. `lifecycle` is absent here: it depends on the day.
    pub(super) rows: Box<[u32]>,
    /// In the order of their keys.
    pub(super) contexts: Box<[Row]>,
    pub(super) grants: Box<[Grant]>,
    /// The combination of rules that held when last evaluated.
    pub(super) set: Option<u32>,
    pub(super) digest: Option<i64>,
    pub(super) confirmed: Option<i64>,
    /// Hash of everything that may change from day to day and that the digest was made from.
    pub(super) made_from: u64,
    /// Hash of the entitlements that it should hold, see [`super::difference`].
    pub(super) held: u64,
    /// What lifecycle states look at and leave; none where nothing follows from any.
    pub(super) life: Option<Box<Life>>,
}

/// Something given directly.
#[derive(Clone)]
pub(super) struct Grant {
    /// Position of what is given.
    pub(super) grantable: u32,
    pub(super) bounds: (Day, Day),
    pub(super) origin: GrantOrigin,
    /// Of the origin.
    pub(super) hash: u64,
    /// Everything that follows from it where nothing is denied, sorted, on the day that the model is of.
    pub(super) given: Box<[u32]>,
    /// Of each of these, on which days it can be given at all; empty where it always can.
    pub(super) possible: Box<[(Day, Day)]>,
    /// Of all of that by name, with the ways to it.
    pub(super) given_hash: u64,
}

impl Grant {
    /// In an order of their own; those of things that the configuration does not know are left out.
    pub(super) fn all(grants: &[DirectGrant], model: &RoleModel) -> Box<[Self]> {
        let mut known: Vec<Self> = grants
            .iter()
            .filter_map(|grant| {
                let mut digest = Digest::default();
                digest.number(grant.origin.request.0.cast_unsigned());
                digest.text(&grant.origin.by);
                digest.text(&grant.origin.why);
                let grantable = model.position(&grant.grantable)?;
                let closure = model.closure(RuleType::Automatic, &[grantable], |_| false);
                Some(Self {
                    grantable,
                    bounds: day::bounds(grant.period),
                    origin: grant.origin.clone(),
                    hash: digest.finish(),
                    given: closure.given.iter().map(|given| given.grantable).collect(),
                    possible: closure.bounds(),
                    given_hash: model.hash_of(&closure),
                })
            })
            .collect();
        known.sort_by(|left, right| (&left.origin, left.grantable).cmp(&(&right.origin, right.grantable)));
        known.into()
    }
}

/// What lifecycle states look at and leave.
#[derive(Clone)]
pub(super) struct Life {
    /// Codes of its own attributes, as in no context.
    pub(super) bare: Box<[u32]>,
    /// State that was recorded, by position, and its first day.
    pub(super) remembered: Option<(usize, Day)>,
    /// Days on which its state goes on, as they stand in the wheel.
    pub(super) advances: BTreeSet<Day>,
    /// Those found since, and whether the state begins on whatever day is asked about.
    pub(super) ahead: Option<(BTreeSet<Day>, bool)>,
}

/// One context.
#[derive(Clone)]
pub(super) struct Row {
    /// Code of its key.
    pub(super) key: u32,
    pub(super) priority: i32,
    pub(super) bounds: (Day, Day),
}

impl Person {
    pub(super) fn new(
        identity: &Identity,
        grants: &[DirectGrant],
        model: &RoleModel,
        dictionary: &mut Dictionary,
        before: Option<&Self>,
    ) -> Self {
        let mut contexts: Vec<_> = identity.contexts.iter().collect();
        contexts.sort_by(|left, right| left.key.cmp(&right.key));
        let own = |name: &str| match name {
            "key" => Some(Cow::Owned(Value::Text(identity.key.clone()))),
            "source" => Some(Cow::Owned(Value::Text(identity.source.clone()))),
            "display_name" => Some(Cow::Owned(Value::Text(identity.display_name.clone()))),
            "manager" => identity.manager_key.clone().map(|key| Cow::Owned(Value::Text(key))),
            "lifecycle" => None,
            name => identity.attributes.get(name).map(Cow::Borrowed),
        };
        let known = |context: usize, attribute: usize| {
            before.and_then(|before| before.row(context).get(attribute).copied()).unwrap_or(ABSENT)
        };
        let mut rows = vec![ABSENT; model.attributes.len() * contexts.len().max(1)];
        for (attribute, name) in model.attributes.iter().enumerate() {
            let Ok(number) = u16::try_from(attribute) else { continue };
            let own = own(name);
            for context in 0..contexts.len().max(1) {
                let context_has = contexts.get(context).filter(|_| !BUILT_IN.contains(&name.as_str()));
                let over = context_has.and_then(|context| context.attributes.get(name));
                let cell = rows.get_mut(context * model.attributes.len() + attribute);
                if let (Some(value), Some(cell)) = (over.or(own.as_deref()), cell) {
                    *cell = dictionary.take_again(number, value, known(context, attribute));
                }
            }
        }
        let life = model.states.is_configured.then(|| {
            let before = before.and_then(|before| before.life.as_ref());
            let bare = model.attributes.iter().enumerate().map(|(attribute, name)| {
                let known = before.and_then(|life| life.bare.get(attribute).copied()).unwrap_or(ABSENT);
                let number = u16::try_from(attribute).unwrap_or(CONTEXT_KEY);
                own(name).map_or(ABSENT, |value| dictionary.take_again(number, &value, known))
            });
            let bare = bare.collect();
            Box::new(Life { bare, remembered: None, advances: BTreeSet::new(), ahead: None })
        });
        let contexts = contexts.into_iter().enumerate().map(|(number, context)| Row {
            key: dictionary.take_again(
                CONTEXT_KEY,
                &Value::Text(context.key.clone()),
                before.and_then(|before| before.contexts.get(number)).map_or(ABSENT, |row| row.key),
            ),
            priority: context.priority,
            bounds: day::bounds(context.period),
        });
        Self {
            id: identity.id,
            present: identity.present,
            contexts: contexts.collect(),
            grants: Grant::all(grants, model),
            rows: rows.into(),
            set: None,
            digest: None,
            confirmed: None,
            made_from: 0,
            held: 0,
            life,
        }
    }

    /// Every code that it uses, as often as it does.
    pub(super) fn codes(&self) -> impl Iterator<Item = u32> {
        let bare = self.life.iter().flat_map(|life| life.bare.iter().copied());
        self.rows.iter().copied().chain(self.contexts.iter().map(|row| row.key)).chain(bare)
    }

    /// Takes in which state was recorded; answers whether it was another before.
    pub(super) fn remember(&mut self, remembered: Option<(usize, Day)>) -> bool {
        let Some(life) = &mut self.life else { return false };
        std::mem::replace(&mut life.remembered, remembered) != remembered
    }

    /// The codes that a context shows.
    pub(super) fn row(&self, context: usize) -> &[u32] {
        let width = self.rows.len() / self.contexts.len().max(1);
        self.rows.get(context * width..(context + 1) * width).unwrap_or_default()
    }

    /// See [`Identity::lifecycle`].
    pub(super) fn lifecycle(&self, today: Day) -> LifecycleState {
        if !self.present {
            LifecycleState::Leaver
        } else if self.contexts.is_empty() || self.contexts.iter().any(|row| day::holds(row.bounds, today)) {
            LifecycleState::Active
        } else if self.contexts.iter().any(|row| row.bounds.1 > today) {
            LifecycleState::Joiner
        } else {
            LifecycleState::Leaver
        }
    }

    /// A day on which something about it holds, for questions that come before any day was computed.
    pub(super) fn some_day(&self) -> Day {
        let best = self.contexts.iter().min_by_key(|row| (row.priority, row.bounds.0));
        match best.map(|row| row.bounds) {
            Some((starts, _)) if starts != ALWAYS => starts,
            Some((_, ends)) if ends != NEVER => ends - 1,
            _ => 0,
        }
    }
}
